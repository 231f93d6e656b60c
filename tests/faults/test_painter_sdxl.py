"""The real painter on a tiny SDXL through the worker: a batch with everything in it, and faults in its own networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fakes import ad, ask, contents, shot

from engines.base import ControlMap, PaintRequest, Progress, ReferencePicture
from engines.diffusion.family import Parts
from engines.diffusion.painter import DiffusionPainter
from engines.residency import Residency
from studio.desk.queue import Queue
from studio.desk.store import Store
from studio.desk.worker import Worker
from tests.engines.diffusion import tiny_sdxl
from tests.engines.diffusion.fake_family import Card
from tests.faults.painter_worker import PainterHands

GB = 1_000_000_000
PX = 64


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return tiny_sdxl.tiny_sdxl(tmp_path_factory.mktemp("sdxl"))


@pytest.fixture(scope="module")
def residency() -> Residency:
    return Residency(24 * GB)


@pytest.fixture
def painter(parts: Parts, residency: Residency) -> DiffusionPainter:
    profile = replace(tiny_sdxl.PROFILE, least_px=0.0)
    return DiffusionPainter(profile, parts, Card("cpu", torch.float32), residency)


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (PX, PX, 3), np.uint8)


def requests(steered: bool) -> list[PaintRequest]:
    more: dict[str, Any] = {}
    if steered:
        more = {
            "controls": (ControlMap("depth", picture(1), end=0.5),),
            "references": (ReferencePicture("style", picture(2)),),
        }
    return [PaintRequest(PX, PX, seed, 2, {}, prompt="a vase", **more) for seed in range(3)]


@pytest.mark.parametrize("steered", [False, True])
def test_a_batch_is_its_pictures_one_by_one(painter: DiffusionPainter, steered: bool) -> None:
    together = list(painter.paint(requests(steered), Progress()))
    assert [one.facts["memory"]["batch"] for one in together] == [3, 3, 3]
    assert [one.facts["steps"] for one in together] == [2, 2, 2]
    for request, painting in zip(requests(steered), together, strict=True):
        (alone,) = painter.paint([request], Progress())
        assert np.abs(alone.picture.astype(int) - painting.picture).max() <= 1
    assert len({one.picture.tobytes() for one in together}) == 3


def test_every_step_of_the_ladder_leaves_the_picture_as_it_is(painter: DiffusionPainter, residency: Residency) -> None:
    before = [one.picture for one in painter.paint(requests(True), Progress())]
    (key,) = residency.loaded()
    with residency.hold(key, lambda: None, 0) as loaded:
        assert loaded is not None
        vae, tries = loaded.family.modules["vae"], iter(range(4))
    with failing(
        vae, "decode", lambda: torch.OutOfMemoryError("CUDA out of memory") if next(tries, None) is not None else None
    ):
        # The idle ones first: the painter's own family is in use and stays.
        made = list(painter.paint(requests(True), Progress()))
    eased = made[0].facts["memory"]["eased"]
    assert [word in said for word, said in zip(("idle", "at once", "tiles", "layer by layer"), eased, strict=True)] == [
        True
    ] * 4
    assert made[0].facts["memory"]["mode"] == "group"
    for one, painting in zip(before, made, strict=True):
        assert painting.picture.shape == one.shape
        # Smaller batches and layers that come over change nothing but rounding; so small a picture is one tile.
        assert np.abs(one.astype(int) - painting.picture).max() <= 1
    residency.forget(key)


@contextmanager
def failing(holder: Any, name: str, error: Any) -> Iterator[None]:
    """Raise what `error()` gives, where it gives something, instead of calling a method."""
    stock = getattr(holder, name)

    def call(*given: Any, **named: Any) -> Any:
        found = error()
        if found is not None:
            raise found
        return stock(*given, **named)

    setattr(holder, name, call)
    try:
        yield
    finally:
        setattr(holder, name, stock)


@pytest.mark.parametrize(("network", "call"), [("text_encoder", "forward"), ("unet", "forward"), ("vae", "decode")])
def test_a_fault_in_a_network_fails_one_picture(
    painter: DiffusionPainter, residency: Residency, store: Store, queue: Queue, tmp_path: Path, network: str, call: str
) -> None:
    shots = [
        shot(
            seed,
            engine="tiny-sdxl",
            set_id=None,
            set_spec=None,
            prompt=f"{network} {seed}",
            width_px=PX,
            height_px=PX,
            steps=2,
        )
        for seed in range(2)
    ]
    run = ask(queue, tmp_path / "out", shots, [ad(one, f"Headline {n}", variant=n + 1) for n, one in enumerate(shots)])
    list(painter.paint(requests(False)[:1], Progress()))
    (key,) = residency.loaded()
    with residency.hold(key, lambda: None, 0) as loaded:
        assert loaded is not None
        broken = loaded.family.modules[network]
    at_work = Worker(queue, store, PainterHands(store, painter))
    # The family with the broken network is let go of; the next picture is painted by one that is whole.
    with failing(broken, call, lambda: RuntimeError("CUDA error: an illegal memory access was encountered")):
        at_work.run(until_idle=True)
    failed = queue.failed(run)
    assert [row.kind for row in failed] == ["paint", "compose"] and "graphics driver failed" in failed[0].message
    queue.retry(run)
    at_work.run(until_idle=True)
    assert {row.state for row in queue.rows(run)} == {"done"} and len(contents(tmp_path / "out")) == 2
    found = [store.picture(one.content_id) for one in shots]
    assert all(one and one.runtime.startswith("torch ") and one.facts["parts"] == "0123456789abcdef" for one in found)
