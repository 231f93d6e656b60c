"""The painter around a family: order, groups, batches, steps, previews, stopping, memory that runs out, drivers that fail."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from engines.base import EngineError, EngineLost, Painting, PaintRequest, Pixels, Progress, Stopped
from engines.residency import Residency
from tests.engines.diffusion import fake_family
from tests.engines.diffusion.fake_family import GB, Card, Script, painter

NO_MEMORY = "CUDA out of memory. Tried to allocate 2.00 GiB"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    made = Script()
    monkeypatch.setitem(sys.modules, "engines.diffusion.sdxl", fake_family.module(made))
    return made


def asked(seed: int = 1, prompt: str = "", size: tuple[int, int] = (64, 48), **more: Any) -> PaintRequest:
    return PaintRequest(*size, seed=seed, steps=4, palette={}, prompt=prompt, **more)


def paint(some: list[PaintRequest], progress: Progress | None = None, **how: Any) -> list[Painting]:
    return list(painter(**how).paint(some, progress or Progress()))


def test_pictures_come_in_the_order_they_were_asked_for(script: Script) -> None:
    order = [asked(1, "a"), asked(2, "b"), asked(3, "a"), asked(4, "a", (48, 64)), asked(5, "b")]
    together = paint(order)
    for request, painting in zip(order, together, strict=True):
        assert painting.picture.shape == (request.height_px, request.width_px, 3)
        assert not painting.picture.flags.writeable
        assert np.array_equal(painting.picture, paint([request])[0].picture)


def test_works_alike_are_painted_together_four_at_most(script: Script) -> None:
    made = paint([asked(seed) for seed in range(6)])
    assert [one.facts["memory"]["batch"] for one in made] == [4, 4, 4, 4, 2, 2]
    assert script.loads == 1 and script.seen.count("words") == 2


def test_a_picture_says_what_made_it(script: Script) -> None:
    (made,) = paint([asked(7)])
    version = ".".join(torch.__version__.split("+")[0].split(".")[:2])
    assert (made.engine, made.runtime) == ("fake", f"torch {version} cpu fp32")
    facts = made.facts
    assert (facts["profile"], facts["parts"], facts["seed"], facts["steps"]) == ("fake", "0123456789abcdef", 7, 4)
    assert (facts["device"], facts["dtype"], facts["family"]) == ("cpu", "float32", "fake")
    assert set(facts["stage_seconds"]) == {"prepare", "words", "denoise", "decode", "finish"}
    memory = facts["memory"]
    assert memory["mode"] == "resident" and memory["eased"] == [] and memory["measured_bytes"] is None
    assert memory["predicted_bytes"] > 0


def test_progress_grows_and_names_the_step(script: Script) -> None:
    said: list[tuple[float, str]] = []
    paint([asked(1), asked(2, "other")], Progress(lambda fraction, text: said.append((fraction, text))))
    assert [fraction for fraction, _ in said] == sorted(fraction for fraction, _ in said)
    assert [text for _, text in said if text.startswith("Step")] == [f"Step {n} of 4" for n in (1, 2, 3, 4)] * 2


def test_previews_are_made_when_somebody_looks(script: Script) -> None:
    seen: list[Pixels] = []
    paint([asked(1)], Progress(on_preview=seen.append))
    assert [picture.shape for picture in seen] == [(6, 8, 3)] * 4


def test_a_preview_that_fails_costs_nothing(script: Script) -> None:
    def fails(picture: Pixels) -> None:
        raise RuntimeError(NO_MEMORY)

    assert np.array_equal(paint([asked(1)], Progress(on_preview=fails))[0].picture, paint([asked(1)])[0].picture)


def test_it_stops_within_a_step_and_paints_again(script: Script) -> None:
    at_work, residency = painter(), Residency(24 * GB)
    at_work = painter(residency)
    with pytest.raises(Stopped):
        list(at_work.paint([asked(1)], Progress(should_stop=lambda: "step 2" in script.seen)))
    assert "step 3" not in script.seen
    assert len(list(at_work.paint([asked(1)], Progress()))) == 1
    assert script.loads == 1


def test_leaving_early_holds_nothing(script: Script) -> None:
    residency = Residency(24 * GB)
    pictures = painter(residency).paint([asked(1), asked(2, "b")], Progress())
    next(pictures)
    assert residency.evict_idle() > 0 or not residency.loaded()
    assert len(list(pictures)) == 1 and script.loads == 2


# ------------------------------------------------------------------------------------------------ memory

LADDER: list[tuple[Callable[[int, bool, str], bool], list[str], int]] = [
    (lambda batch, spare, mode: batch > 2, ["let go", "2 at once instead of 4"], 2),
    (lambda batch, spare, mode: batch > 1, ["let go", "2 at once", "1 at once"], 1),
    (lambda batch, spare, mode: not spare, ["let go", "2 at once", "1 at once", "tiles"], 1),
    (lambda batch, spare, mode: mode != "group", ["let go", "2 at once", "1 at once", "tiles", "layer by layer"], 1),
]


@pytest.mark.parametrize(("refuses", "eased", "batch"), LADDER)
def test_memory_that_runs_out_is_answered_step_by_step(
    script: Script, refuses: Callable[[int, bool, str], bool], eased: list[str], batch: int
) -> None:
    calm = paint([asked(seed) for seed in range(4)])
    script.refuses = refuses
    at_work = painter()
    made = list(at_work.paint([asked(seed) for seed in range(4)], Progress()))
    told = made[0].facts["memory"]["eased"]
    assert len(told) == len(eased) and all(words in said for words, said in zip(eased, told, strict=True))
    assert made[0].facts["memory"]["batch"] == batch
    for one, other in zip(made, calm, strict=True):
        assert np.array_equal(one.picture, other.picture)
    # What helped is remembered for this size, and forgotten for none other.
    again = list(at_work.paint([asked(seed) for seed in range(4)], Progress()))
    assert all(one.facts["memory"]["eased"] == [] for one in again)


def test_a_picture_that_fits_in_no_way_is_refused_with_what_was_tried(script: Script) -> None:
    script.refuses = lambda batch, spare, mode: True
    with pytest.raises(EngineError, match="does not fit into the memory there is for 64×48 px") as caught:
        paint([asked(1)])
    assert "tiles" in caught.value.hint and "layer by layer" in caught.value.hint


def test_without_a_card_nothing_is_moved_to_where_it_lies_already(script: Script) -> None:
    script.refuses = lambda batch, spare, mode: True
    with pytest.raises(EngineError) as caught:
        paint([asked(1)], card=fake_family.Machine("cpu", torch.float32))
    assert "layer by layer" not in caught.value.hint


def test_what_lies_idle_goes_first(script: Script) -> None:
    residency = Residency(24 * GB)
    with residency.hold("upscaler", lambda: "model", GB):
        pass
    script.errors["decode"] = [torch.OutOfMemoryError(NO_MEMORY)]
    (made,) = paint([asked(1)], residency=residency)
    assert made.facts["memory"]["eased"] == ["let go of 1.0 GB that lay idle"]
    assert "upscaler" not in residency.loaded()


def test_loading_that_runs_out_of_memory_is_tried_again(script: Script) -> None:
    script.errors["load"] = [torch.OutOfMemoryError(NO_MEMORY)]
    assert len(paint([asked(1)])) == 1
    script.errors["load"] = [torch.OutOfMemoryError(NO_MEMORY)] * 2
    with pytest.raises(EngineError, match="not enough memory for Fake"):
        paint([asked(1)])


# ------------------------------------------------------------------------------------------------ drivers

FAULT = "CUDA error: an illegal memory access was encountered\nCompile with TORCH_USE_CUDA_DSA"


@pytest.mark.parametrize("stage", ["load", "words", "step 1", "step 3", "decode"])
def test_a_fault_of_the_driver_is_told_and_the_family_loaded_anew(script: Script, stage: str) -> None:
    residency = Residency(24 * GB)
    at_work = painter(residency)
    script.errors[stage] = [RuntimeError(FAULT)]
    with pytest.raises(
        EngineError, match="graphics driver failed while Fake painted: CUDA error: an illegal"
    ) as caught:
        list(at_work.paint([asked(1)], Progress()))
    assert not isinstance(caught.value, EngineLost) and caught.value.hint and "DSA" not in str(caught.value)
    assert not residency.loaded()
    assert len(list(at_work.paint([asked(1)], Progress()))) == 1
    assert script.loads == 1 if stage == "load" else 2


def test_a_card_that_answers_no_more_needs_a_new_process(script: Script) -> None:
    script.errors["step 2"] = [RuntimeError("CUDA error: device-side assert triggered")]
    with pytest.raises(EngineLost, match="stopped answering"):
        paint([asked(1)], card=Card("cpu", torch.float32, [False]))


def test_after_an_error_nobody_foresaw_the_family_is_loaded_anew(script: Script) -> None:
    at_work = painter()
    script.errors["step 2"] = [ZeroDivisionError("nothing there")]
    with pytest.raises(ZeroDivisionError):
        list(at_work.paint([asked(1)], Progress()))
    assert len(list(at_work.paint([asked(1)], Progress()))) == 1 and script.loads == 2


def test_a_refusal_costs_nothing(script: Script) -> None:
    at_work = painter()
    script.errors["words"] = [EngineError("This LoRA is for another base", "Choose another.")]
    with pytest.raises(EngineError, match="another base"):
        list(at_work.paint([asked(1)], Progress()))
    assert len(list(at_work.paint([asked(1)], Progress()))) == 1 and script.loads == 1


# ------------------------------------------------------------------------------------------------ small cards

WEIGHTS = {"unet": 5 * GB, "text_encoder": 2 * GB, "vae": GB // 5}


@pytest.mark.parametrize(("budget", "mode"), [(24, "resident"), (7, "words off"), (4, "group")])
def test_a_card_holds_what_fits_from_the_start(
    script: Script, monkeypatch: pytest.MonkeyPatch, budget: int, mode: str
) -> None:
    monkeypatch.setattr("engines.diffusion.ledger.weigh", lambda *_: WEIGHTS)
    residency = Residency(budget * GB)
    at_work = painter(residency)
    lying: list[str] = []
    script.refuses = lambda batch, spare, mode: bool(lying.append(mode))
    (made,) = at_work.paint([asked(1)], Progress())
    assert lying == [mode] and made.facts["memory"]["mode"] == mode and made.facts["memory"]["eased"] == []
    assert made.facts["memory"]["predicted_bytes"] <= budget * GB
    assert sum(residency.loaded().values()) == {"resident": 7.2 * GB, "words off": 5.2 * GB, "group": 0.2 * GB}[mode]


def test_a_picture_too_large_to_decode_whole_is_decoded_in_tiles(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.diffusion.ledger.weigh", lambda *_: WEIGHTS)
    large = [asked(seed, size=(1024, 1024)) for seed in range(2)]
    spared: list[tuple[int, bool]] = []
    script.refuses = lambda batch, spare, mode: bool(spared.append((batch, spare)))
    small_card = painter(Residency(10 * GB))
    made = list(small_card.paint(large, Progress()))
    assert spared == [(1, True), (1, True)] and all(one.facts["memory"]["tiles"] for one in made)
    assert all(one.picture.shape == (1024, 1024, 3) for one in made)
    spared.clear()
    list(small_card.paint([asked(1)], Progress()))
    assert spared == [(1, False)]


def test_without_a_card_a_painter_larger_than_the_memory_is_refused(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.diffusion.ledger.weigh", lambda *_: WEIGHTS)
    with pytest.raises(EngineError, match=r"Fake \(012345\) needs 7.2 GB, more than the 4.0 GB there are"):
        paint([asked(1)], residency=Residency(4 * GB), card=fake_family.Machine("cpu", torch.float32))
