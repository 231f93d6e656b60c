"""The painter on engines: taken where they fit, the same pictures, the truth about what ran, and a picture whatever
becomes of an engine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engines.accelerate import rungs
from engines.accelerate.build import build
from engines.accelerate.cache import EngineCache
from engines.accelerate.digests import Digests
from engines.accelerate.export import Exported
from engines.accelerate.job import job_for, wanted
from engines.accelerate.key import Key
from engines.accelerate.runtimes import ASIDE, Mender
from engines.accelerate.shapes import Shape
from engines.base import AdapterFile, ControlMap, EngineError, Painting, PaintRequest, Progress, ReferencePicture
from engines.diffusion.family import Parts, Work
from engines.diffusion.painter import DiffusionPainter
from engines.diffusion.placement import Machine
from engines.residency import Residency
from tests.engines.diffusion import tiny_sdxl

PX = 128
MACHINE = Machine("cpu", torch.float32)
PROFILE = replace(tiny_sdxl.PROFILE, least_px=0.0)
ONNX = "ONNX Runtime"


@pytest.fixture(scope="module")
def parts(tiny_parts: Parts) -> Parts:
    return Parts({name: path for name, path in tiny_parts.paths.items() if name != "unet-8"}, "d" * 16)


@pytest.fixture(scope="module")
def engines(parts: Parts, exported: Callable[[str, str], Exported], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an ONNX graph of each network, for one picture of 128×128 px and words of one window."""
    pytest.importorskip("onnxscript")
    folder = tmp_path_factory.mktemp("engines")
    cache, digests = EngineCache(folder), Digests(folder / "digests.json")
    job = job_for(PROFILE, parts.paths, "onnx", graphs=("unet", "controlnet", "vae_decoder"), shapes=(Shape(PX, PX),))
    for key in wanted(job, digests):
        aside = tmp_path_factory.mktemp("aside") / key.graph
        cache.put(key, Path(shutil.copytree(exported(key.graph, "fp32").path.parent, aside)), main="model.onnx")
    return folder


@pytest.fixture
def own(engines: Path, tmp_path: Path) -> Path:
    """The same folder, to be spoiled."""
    return Path(shutil.copytree(engines, tmp_path / "engines"))


def a_painter(parts: Parts, folder: Path | None, budget: int = 24_000_000_000) -> DiffusionPainter:
    return DiffusionPainter(PROFILE, parts, MACHINE, Residency(budget), folder)


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (PX, PX, 3), np.uint8)


MAP = ControlMap("depth", picture(1))
LOOK = ReferencePicture("style", picture(2))
ASKED: dict[str, dict[str, Any]] = {
    "plain": {}, "control": {"controls": (MAP,)}, "reference": {"references": (LOOK,)},
    "both": {"controls": (MAP,), "references": (LOOK,)},
}  # fmt: skip


def ask(count: int = 1, px: int = PX, **more: Any) -> list[PaintRequest]:
    return [PaintRequest(px, px, seed, 2, {}, **{"prompt": "a vase", **more}) for seed in range(count)]


def painted(painter: DiffusionPainter, requests: list[PaintRequest]) -> list[Painting]:
    return list(painter.paint(requests, Progress()))


def apart(some: list[Painting], others: list[Painting]) -> int:
    return max(int(np.abs(a.picture.astype(int) - b.picture).max()) for a, b in zip(some, others, strict=True))


@pytest.fixture(scope="module")
def plain(parts: Parts) -> DiffusionPainter:
    return a_painter(parts, None)


@pytest.fixture(scope="module")
def quick(parts: Parts, engines: Path) -> DiffusionPainter:
    return a_painter(parts, engines)


@pytest.mark.parametrize("kind", ASKED)
def test_pictures_on_engines_are_those_of_the_networks(
    plain: DiffusionPainter, quick: DiffusionPainter, kind: str
) -> None:
    requests = ask(2, **ASKED[kind])
    before, after = painted(plain, requests), painted(quick, requests)
    assert apart(before, after) <= 2
    graphs = "unet, controlnet, vae_decoder" if kind in ("control", "both") else "unet, vae_decoder"
    assert after[0].runtime.startswith(ONNX) and f" fp32 ({graphs}), torch" in after[0].runtime
    assert before[0].runtime == MACHINE.runtime and "engines" not in before[0].facts
    assert [one.facts["memory"]["batch"] for one in before] == [2, 2]
    assert [one.facts["memory"]["batch"] for one in after] == [1, 1]  # an engine for one wins more than a batch
    assert "engine_trouble" not in after[0].facts
    assert all("TensorRT" in said for said in after[0].facts["engines"])


def test_what_the_engines_do_not_take_is_painted_by_the_networks(
    plain: DiffusionPainter, quick: DiffusionPainter
) -> None:
    longer = ask(prompt="a vase on a stone shelf by a window, soft light, linen, " * 10)
    wide, long, usual = painted(quick, [*ask(px=192), *longer, *ask()])
    assert apart(painted(plain, [*ask(px=192), *longer, *ask()]), [wide, long, usual]) <= 2
    assert wide.runtime == MACHINE.runtime and "(vae_decoder)" in long.runtime and "(unet, vae" in usual.runtime


@pytest.mark.slow
def test_one_graph_takes_every_size_and_long_words(plain: DiffusionPainter, parts: Parts, tmp_path: Path) -> None:
    job = job_for(PROFILE, parts.paths, "onnx", graphs=("unet", "vae_decoder"))
    build(job, EngineCache(tmp_path), Digests(tmp_path / "digests.json"))
    requests = [*ask(2, px=192), *ask(prompt="a vase on a stone shelf by a window, soft light, linen, " * 10)]
    before, after = painted(plain, requests), painted(a_painter(parts, tmp_path), requests)
    assert apart(before, after) <= 2 and all("(unet, vae_decoder)" in one.runtime for one in after)
    assert [one.facts["memory"]["batch"] for one in after] == [2, 2, 1]


def test_a_lora_that_is_in_no_engine_is_worn_by_the_network(
    plain: DiffusionPainter, quick: DiffusionPainter, tmp_path: Path
) -> None:
    lora = AdapterFile(tiny_sdxl.lora(tmp_path / "lora.safetensors", 3), 1.0)
    requests = [*ask(), *ask(adapters=(lora,)), *ask()]
    before, after = painted(plain, requests), painted(quick, requests)
    assert apart(before, after) <= 2 and apart(after[:1], after[1:2]) > 2
    assert ["unet" in one.runtime for one in after] == [True, False, True]
    assert any("without LoRAs" in said for said in after[1].facts["engines"])


def test_other_weights_for_other_steps_are_no_engines(parts: Parts, own: Path, tmp_path: Path) -> None:
    special = replace(parts, paths={**parts.paths, "unet-8": tiny_sdxl.tiny_sdxl(tmp_path / "tiny").paths["unet-8"]})
    requests = [replace(*ask(), steps=8)]
    before, after = painted(a_painter(special, None), requests), painted(a_painter(special, own), requests)
    assert apart(before, after) <= 2 and "unet" not in after[0].runtime and "vae_decoder" in after[0].runtime


# ------------------------------------------------------------------------------------------------ trouble


def key_of(folder: Path, graph: str = "unet") -> Key:
    (entry,) = (one for one in EngineCache(folder).entries() if one.key["graph"] == graph)
    return Key.of(entry.key)


def truncated(folder: Path, patch: pytest.MonkeyPatch) -> None:
    file = folder / key_of(folder).digest / "model.onnx"
    file.write_bytes(file.read_bytes()[:-50])


def out_of_memory(folder: Path, patch: pytest.MonkeyPatch) -> None:
    load = rungs.onnx.load

    def full(path: Path, *more: Any) -> Any:
        if path.parent.name == key_of(folder).digest:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return load(path, *more)

    patch.setattr(rungs.onnx, "load", full)


def with_tensorrt(folder: Path, patch: pytest.MonkeyPatch, target: str = "", **here: Any) -> None:
    """A machine where TensorRT is like this, with its engine of the UNet for `target`, and no other engine."""
    key = key_of(folder)
    shutil.rmtree(folder / key.digest)
    seat = rungs.TensorRt(**{"flavour": "rtx", "version": "1.7.1.116", "target": "8.9", "on_card": True, **here})
    if target:
        shapes = (Shape(PX, PX), Shape(PX, PX, 2))
        own = replace(key, flavour="rtx", version="1.7.1.116", target=target, precision="fp16", shapes=shapes)
        EngineCache(folder).put(own, b"an engine")
    find = rungs.rungs_of
    patch.setattr(rungs, "rungs_of", lambda machine: (seat, *find(machine)[1:]))


def refused(folder: Path, patch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise EngineError("The engine model.engine cannot be used here: it is damaged, or made for another card", "")

    with_tensorrt(folder, patch, "8.9")
    patch.setattr(rungs.tensorrt, "load", refuse)


TROUBLES: dict[str, tuple[Callable[[Path, pytest.MonkeyPatch], None], str, bool]] = {
    "no TensorRT": (
        lambda f, p: with_tensorrt(f, p, "8.9", version=""),
        "for unet and vae: it is not installed",
        False,
    ),
    "no driver": (lambda f, p: with_tensorrt(f, p, "8.9", on_card=False), "or its driver is missing", False),
    "another card's": (lambda f, p: with_tensorrt(f, p, "12.0"), "for a card of compute capability 12.0", False),
    "refused": (refused, "it is damaged, or made for another card", True),
    "truncated": (truncated, "model.onnx is cut short or has grown", True),
    "out of memory": (out_of_memory, "memory ran out while its engine was loaded", True),
}


@pytest.mark.parametrize("kind", TROUBLES)
def test_whatever_becomes_of_an_engine_there_is_a_picture_and_the_truth(
    plain: DiffusionPainter, parts: Parts, own: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil, said, trouble = TROUBLES[kind]
    spoil(own, monkeypatch)
    monkeypatch.setattr(Mender, "mend", lambda *_: None)
    painter = a_painter(parts, own)
    for _ in range(2):
        (before,), (after,) = painted(plain, ask()), painted(painter, ask())
        assert apart([before], [after]) <= 2
        assert "unet" not in after.runtime and f"(vae_decoder), {MACHINE.runtime} (the rest)" in after.runtime
        assert any(said in one for one in after.facts["engines"])
        assert trouble == any(said in one for one in after.facts.get("engine_trouble", []))


def test_memory_that_runs_out_while_painting_puts_the_engines_aside(
    plain: DiffusionPainter, parts: Parts, engines: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    painter = a_painter(parts, engines)
    painted(painter, ask())
    run = rungs.onnx.Session.run
    monkeypatch.setattr(
        rungs.onnx.Session, "run", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory"))
    )
    after = painted(painter, ask())
    assert after[0].facts["memory"]["eased"][-1] == "put the engines aside" and after[0].runtime == MACHINE.runtime
    assert after[0].facts["engine_trouble"] == [ASIDE]
    monkeypatch.setattr(rungs.onnx.Session, "run", run)
    assert apart(painted(plain, ask()), after) <= 2 and painted(painter, ask())[0].runtime == MACHINE.runtime


def test_what_was_torn_is_built_again_while_pictures_go_on(parts: Parts, own: Path) -> None:
    def broken() -> None:
        file = own / key.digest / "model.onnx"
        file.write_bytes(file.read_bytes()[:-50])

    cache, key = EngineCache(own), key_of(own, "vae_decoder")
    mender = Mender(PROFILE, parts.paths, cache, Digests(own / "digests.json"))
    broken()
    assert cache.get(key) is None and cache.broken(key) == [key]
    mender.mend([key], Work(PX, PX, 1, 2))
    mender.mend([key], Work(PX, PX, 1, 2))  # once is enough
    mender.wait()
    assert cache.get(key) and "vae_decoder)" in painted(a_painter(parts, own), ask())[0].runtime
