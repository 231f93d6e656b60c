"""FLUX.2-klein against diffusers' own pipelines, called by hand with plain arguments, on a tiny model."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import Flux2KleinInpaintPipeline, Flux2KleinPipeline
from PIL import Image

from engines.base import AdapterFile, ControlMap, EngineError, PaintRequest, Progress, ReferencePicture, Stopped
from engines.diffusion import flux2
from engines.diffusion.family import Parts, Work
from engines.diffusion.flow import KEPT_TEXTS, Words, in_colours, learn_colours
from engines.diffusion.painter import create
from engines.diffusion.placement import place
from tests.engines.diffusion.tiny_flux2 import PROFILE, lora, write

WIDTH, HEIGHT = 128, 96
WORK = Work(WIDTH, HEIGHT, 7, 4, "a vase of peonies on a marble plinth")
ATOL = 1e-4


def picture(seed: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Soft colours with some edges, other ones for each seed."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return np.array(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


LEFT = np.zeros((HEIGHT, WIDTH), np.uint8)
LEFT[:, : WIDTH // 2 + 8] = 255
ALL = np.full((HEIGHT, WIDTH), 255, np.uint8)
STYLE = ReferencePicture("style", picture(3, 96, 160), 1.0)
SUBJECT = ReferencePicture("subject", picture(4, 96, 160), 1.0)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return write(tmp_path_factory.mktemp("flux2"))


@pytest.fixture(scope="module")
def stock(parts: Parts) -> Any:
    return Flux2KleinPipeline.from_pretrained(parts.paths["base"])


@pytest.fixture(scope="module")
def family(parts: Parts) -> flux2.Flux2Klein:
    return flux2.load(PROFILE, parts, "cpu", torch.float32)


@pytest.fixture(scope="module")
def loras(tmp_path_factory: pytest.TempPathFactory) -> tuple[AdapterFile, ...]:
    folder = tmp_path_factory.mktemp("loras")
    return tuple(AdapterFile(lora(folder / f"brand{n}.safetensors", n), 0.8 - 0.3 * n) for n in (0, 1))


def painted(family: flux2.Flux2Klein, *works: Work) -> np.ndarray:
    family._worn.wear(works[0].adapters)
    return family.draw(works, lambda done, of, look: None)


def by_hand(stock: Any, work: Work, kind: Any, **asked: Any) -> np.ndarray:
    pipe = kind(**stock.components, is_distilled=True)
    pipe.set_progress_bar_config(disable=True)
    for name, adapter in enumerate(work.adapters):
        pipe.load_lora_weights(str(adapter.path.parent), weight_name=adapter.path.name, adapter_name=f"a{name}")
    if work.adapters:
        pipe.set_adapters([f"a{n}" for n in range(len(work.adapters))], [a.weight for a in work.adapters])
    plain = {"num_inference_steps": work.steps, "guidance_scale": 1.0, "output_type": "np"}
    generator = torch.Generator().manual_seed(work.seed)
    made = pipe(prompt=flux2.wording(work), generator=generator, **plain, **asked).images
    if work.adapters:
        pipe.unload_lora_weights()
    return made


def inpainted(stock: Any, work: Work) -> np.ndarray:
    seen = [Image.fromarray(reference.picture) for reference in work.references]
    return by_hand(
        stock, work, Flux2KleinInpaintPipeline, image=Image.fromarray(np.asarray(work.start)),
        mask_image=Image.fromarray(ALL if work.repaint is None else work.repaint), strength=work.strength,
        image_reference=seen or None,
    )  # fmt: skip


def looked(stock: Any, work: Work) -> np.ndarray:
    seen = [Image.fromarray(reference.picture) for reference in work.references]
    return by_hand(stock, work, Flux2KleinPipeline, image=seen or None, width=WIDTH, height=HEIGHT)


STARTED = replace(WORK, start=picture(1), strength=0.75)
CASES: dict[str, tuple[Work, Callable[[Any, Work], np.ndarray]]] = {
    "text": (WORK, looked),
    "one reference": (replace(WORK, references=(STYLE,)), looked),
    "two references": (replace(WORK, references=(STYLE, replace(SUBJECT, picture=picture(4, 96, 64)))), looked),
    "start": (STARTED, inpainted),
    "start, half of it kept": (replace(STARTED, strength=0.5), inpainted),
    "start and a reference": (replace(STARTED, references=(STYLE,)), inpainted),
    "repaint": (replace(STARTED, repaint=LEFT), inpainted),
    "repaint, all noise": (replace(STARTED, repaint=LEFT, strength=1.0), inpainted),
    "repaint and two references": (replace(STARTED, repaint=LEFT, references=(STYLE, SUBJECT)), inpainted),
}


@pytest.mark.parametrize("case", CASES)
def test_it_paints_what_the_stock_pipeline_paints(family: flux2.Flux2Klein, stock: Any, case: str) -> None:
    work, hand = CASES[case]
    assert np.abs(painted(family, work) - hand(stock, work)).max() <= ATOL


@pytest.mark.parametrize("case", ["text", "repaint and two references"])
def test_loras_change_the_picture_as_in_the_stock_pipeline(
    family: flux2.Flux2Klein, stock: Any, loras: tuple[AdapterFile, ...], case: str
) -> None:
    plain, hand = CASES[case]
    work = replace(plain, adapters=loras)
    bare = painted(family, plain)
    ours = painted(family, work)
    assert np.abs(ours - hand(stock, work)).max() <= ATOL
    assert np.abs(ours - bare).max() > 100 * ATOL
    assert np.array_equal(painted(family, plain), bare)


def test_facts_say_what_each_lora_changed(family: flux2.Flux2Klein, loras: tuple[AdapterFile, ...]) -> None:
    facts = family.paint([replace(WORK, adapters=loras)], lambda done, of, look: None).facts
    assert [(row["name"], row["layers"]) for row in facts["adapters"]] == [("brand0", 2), ("brand1", 2)]


def test_a_lora_of_another_model_is_refused_and_leaves_nothing(family: flux2.Flux2Klein, tmp_path: Path) -> None:
    before = painted(family, WORK)
    foreign = AdapterFile(lora(tmp_path / "wide.safetensors", 1, width=48))
    with pytest.raises(EngineError, match=r"wide\.safetensors does not fit"):
        family.paint([replace(WORK, adapters=(foreign,))], lambda done, of, look: None)
    assert np.array_equal(painted(family, WORK), before)


@pytest.mark.parametrize("case", ["text", "repaint and two references"])
def test_a_batch_is_its_works_one_by_one(family: flux2.Flux2Klein, case: str) -> None:
    work, _ = CASES[case]
    works = [replace(work, seed=seed, prompt="a glass of tea " * (seed + 1)) for seed in (0, 1, 2)]
    assert len({family.group(one) for one in works}) == 1
    together = painted(family, *works)
    for one, alone in zip(together, works, strict=True):
        assert np.abs(one - painted(family, alone)[0]).max() <= ATOL
    assert np.abs(together[0] - together[1]).max() > 100 * ATOL


def test_the_same_work_gives_the_same_pixels(family: flux2.Flux2Klein) -> None:
    work, _ = CASES["repaint and two references"]
    first, again = (family.paint([work], lambda done, of, look: None).pictures[0] for _ in range(2))
    assert np.array_equal(first, again)
    assert first.shape == (HEIGHT, WIDTH, 3) and first.dtype == np.uint8


def test_works_that_look_at_other_pictures_are_painted_apart(family: flux2.Flux2Klein) -> None:
    others = [
        replace(STARTED, start=picture(2)),
        replace(STARTED, references=(STYLE,)),
        replace(STARTED, references=(replace(STYLE, use="layout"),)),
        replace(STARTED, repaint=LEFT),
        replace(STARTED, strength=0.5),
        replace(STARTED, width_px=96),
        WORK,
    ]
    assert len({family.group(work) for work in (STARTED, *others)}) == len(others) + 1
    assert family.group(replace(STARTED, seed=99, prompt="else", start=picture(1))) == family.group(STARTED)


def test_what_is_not_repainted_stays_under_every_step(family: flux2.Flux2Klein) -> None:
    """Where nothing is painted, the end is what the VAE makes of the start picture."""
    nothing = replace(STARTED, repaint=np.zeros_like(LEFT))
    with torch.no_grad():
        latents = family._plain(family._encode(picture(1), torch.Generator()))
        kept = family._pipe.vae.decode(latents, return_dict=False)[0]
    kept = (kept[0].permute(1, 2, 0).numpy() / 2 + 0.5).clip(0, 1)
    assert np.abs(painted(family, nothing)[0] - kept).max() <= ATOL


@pytest.mark.parametrize(("strength", "steps"), [(1.0, 4), (0.99, 3), (0.85, 3), (0.5, 2), (0.01, 1), (0.0, 1)])
def test_a_start_saves_steps_and_always_leaves_one(family: flux2.Flux2Klein, strength: float, steps: int) -> None:
    seen: list[tuple[int, int]] = []
    work = replace(STARTED, strength=strength)
    facts = family.paint([work], lambda done, of, look: seen.append((done, of))).facts
    assert seen == [(step, steps) for step in range(1, steps + 1)]
    assert facts["steps"] == steps


def test_stop_comes_within_a_step_and_the_next_picture_is_whole(family: flux2.Flux2Klein) -> None:
    before = painted(family, WORK)
    seen: list[int] = []

    def stop(done: int, of: int, look: Callable[[], Any]) -> None:
        seen.append(done)
        if done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        family.paint([WORK], stop)
    assert seen == [1, 2]
    assert np.array_equal(painted(family, WORK), before)


def test_glimpses_are_small_pictures_one_a_work_and_the_last_is_the_end(family: flux2.Flux2Klein) -> None:
    glimpses: list[list[np.ndarray]] = []
    works = [WORK, replace(WORK, seed=8)]
    family.paint(works, lambda done, of, look: glimpses.append(look()))
    assert [[one.shape for one in some] for some in glimpses] == [[(HEIGHT // 8, WIDTH // 8, 3)] * 2] * 4
    assert all(one.dtype == np.uint8 for some in glimpses for one in some)
    assert not np.array_equal(glimpses[-1][0], glimpses[-1][1])


def test_colours_are_found_in_latents_that_hold_them() -> None:
    mix = torch.randn((6, 3), generator=torch.Generator().manual_seed(1))

    def encode(ready: torch.Tensor) -> torch.Tensor:
        small = torch.nn.functional.interpolate(ready, scale_factor=1 / 8, mode="area")
        return torch.einsum("lc,bchw->blhw", mix, small) + 0.3

    colours = learn_colours(encode, torch.empty(0))
    flat = torch.tensor([0.5, -0.25, 0.0])[None, :, None, None].expand(1, 3, 64, 64)
    (seen,) = in_colours(encode(flat), colours)
    assert np.abs(seen.astype(int) - [191, 96, 128]).max() <= 1


def test_words_that_are_known_leave_the_text_encoder_alone(family: flux2.Flux2Klein) -> None:
    calls: list[int] = []
    hook = family.modules["text_encoder"].register_forward_hook(lambda *_: calls.append(1))
    for _ in range(2):
        painted(family, replace(WORK, prompt="never read"), replace(WORK, prompt="never read", seed=8))
    hook.remove()
    assert len(calls) == 1


def test_the_words_read_last_are_kept() -> None:
    read: list[str] = []
    words = Words(lambda text: read.append(text) or torch.zeros(1))
    for text in ["first", "second", *map(str, range(KEPT_TEXTS - 2)), "first", "one more", "first", "second"]:
        words(text)
    assert read[-2:] == ["one more", "second"]


def test_words_and_references_are_heard(family: flux2.Flux2Klein) -> None:
    """Without this, a match with the stock pipeline would say little."""
    one, other = (replace(WORK, references=(replace(STYLE, picture=picture(seed, 96, 160)),)) for seed in (3, 9))
    assert np.abs(painted(family, WORK) - painted(family, replace(WORK, prompt="a glass of tea"))).max() > 100 * ATOL
    assert np.abs(painted(family, one) - painted(family, other)).max() > 100 * ATOL


@pytest.mark.parametrize("mode", ["words off", "group"])
def test_networks_that_lie_elsewhere_paint_the_same(family: flux2.Flux2Klein, parts: Parts, mode: Any) -> None:
    away = flux2.load(PROFILE, parts, "cpu", torch.float32)
    place(away.modules, "cpu", mode)
    work, _ = CASES["repaint and two references"]
    assert np.abs(painted(away, work) - painted(family, work)).max() <= ATOL


def test_tiles_need_less_and_are_taken_back(family: flux2.Flux2Klein) -> None:
    whole = painted(family, WORK)
    sides: list[int] = []
    hook = family.modules["vae"].decoder.register_forward_pre_hook(lambda _, given: sides.append(given[0].shape[-1]))
    family.spare(True)
    tiled = painted(family, WORK)
    family.spare(False)
    again = painted(family, WORK)
    hook.remove()
    assert max(sides[:-1]) == 64 // 8 and sides[-1] == WIDTH // 8
    assert tiled.shape == whole.shape and np.array_equal(again, whole)


def test_notes_say_what_references_cannot_do(family: flux2.Flux2Klein) -> None:
    unequal = replace(WORK, references=(replace(STYLE, weight=0.4), SUBJECT))
    masked = replace(WORK, references=(replace(STYLE, mask=LEFT),))
    absent = replace(WORK, references=(replace(STYLE, weight=0.0), SUBJECT))
    notes = [family.paint([work], lambda done, of, look: None).facts["notes"] for work in (WORK, unequal, masked)]
    assert notes[0] == [] and "cannot weigh" in notes[1][0] and "no masks" in notes[2][0]
    assert np.array_equal(painted(family, absent), painted(family, replace(WORK, references=(SUBJECT,))))


def test_words_tell_references_apart(family: flux2.Flux2Klein) -> None:
    work = replace(WORK, references=(STYLE, SUBJECT))
    assert "style of image 1" in flux2.wording(work) and "subject of image 2" in flux2.wording(work)
    assert "style of image 2" in flux2.wording(replace(work, start=picture(1)))
    long = replace(WORK, prompt="petals " * 100)
    assert "512" in family.paint([long], lambda done, of, look: None).facts["notes"][0]


def test_maps_are_no_part_of_it(family: flux2.Flux2Klein) -> None:
    mapped = replace(WORK, controls=(ControlMap("depth", picture(5)),))
    assert np.array_equal(painted(family, mapped), painted(family, WORK))


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((4000, 3000), (836, 627)), ((300, 200), (300, 200)), ((40, 20), (128, 64)), ((320, 40), (512, 64))],
)
def test_references_are_fitted(size: tuple[int, int], fitted: tuple[int, int]) -> None:
    assert flux2.fitted(np.zeros((size[1], size[0], 3), np.uint8)).size == fitted


def test_a_thread_of_a_reference_is_refused_but_a_banner_starts(family: flux2.Flux2Klein) -> None:
    with pytest.raises(EngineError, match="too long and thin"):
        flux2.fitted(np.zeros((10, 90, 3), np.uint8))
    banner = replace(WORK, width_px=640, height_px=64, start=picture(1, 640, 64), strength=0.5)
    assert painted(family, banner).shape == (1, 64, 640, 3)


def test_it_is_read_from_its_folder_alone(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    half = flux2.load(PROFILE, parts, "cpu", torch.float16)
    assert {module.dtype for module in half.modules.values()} == {torch.bfloat16}
    assert half.multiple_px == 16
    assert painted(half, WORK).shape == (1, HEIGHT, WIDTH, 3)


def test_weights_that_may_run_code_are_not_read(tmp_path: Path) -> None:
    parts = write(tmp_path / "model")
    weights = parts.paths["base"] / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(EngineError, match="cannot be loaded"):
        flux2.load(PROFILE, parts, "cpu", torch.float32)


def test_the_profile_may_change_the_schedule(parts: Parts) -> None:
    changed = flux2.load(replace(PROFILE, scheduler={"time_shift_type": "linear"}), parts, "cpu", torch.float32)
    assert changed._pipe.scheduler.config.time_shift_type == "linear"


def test_the_painter_paints_with_it(parts: Parts) -> None:
    request = PaintRequest(150, 100, 7, 2, {}, prompt=WORK.prompt, references=(ReferencePicture("style", picture(3)),))
    painter: Any = create(replace(PROFILE, least_px=100.0), parts)
    seen: list[np.ndarray] = []
    first, other = painter.paint([request, replace(request, seed=8)], Progress(on_preview=seen.append))
    assert first.picture.shape == (100, 150, 3) and not np.array_equal(first.picture, other.picture)
    assert first.facts["steps"] == 2 and first.facts["memory"]["batch"] == 2 and seen


@pytest.mark.slow
def test_more_than_a_megapixel_stays_as_large_as_it_is_asked(family: flux2.Flux2Klein) -> None:
    """`Flux2KleinInpaintPipeline` would paint it at a megapixel."""
    size = 1184, 912
    mask = np.zeros((size[1], size[0]), np.uint8)
    mask[:, :600] = 255
    work = Work(*size, 7, 1, WORK.prompt, start=picture(1, *size), repaint=mask)
    assert painted(family, work).shape == (1, size[1], size[0], 3)
