"""Z-Image-Turbo against diffusers' own pipelines, called by hand with plain arguments, on a tiny model."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    ZImageControlNetInpaintPipeline,
    ZImageControlNetModel,
    ZImageControlNetPipeline,
    ZImageImg2ImgPipeline,
    ZImageInpaintPipeline,
    ZImagePipeline,
)
from PIL import Image
from safetensors.torch import load_file, save_file

from engines.base import AdapterFile, ControlMap, EngineError, PaintRequest, Progress, ReferencePicture, Stopped
from engines.diffusion import zimage
from engines.diffusion.family import Parts, Work
from engines.diffusion.painter import create
from engines.diffusion.placement import bytes_of, place
from tests.engines.diffusion.tiny_flux2 import lora
from tests.engines.diffusion.tiny_zimage import PROFILE, write

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
STARTED = replace(WORK, start=picture(1), strength=0.75)
DEPTH, EDGES = ControlMap("depth", picture(2), 0.7), ControlMap("edges", picture(3), 0.4)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return write(tmp_path_factory.mktemp("zimage"))


@pytest.fixture(scope="module")
def first_parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return write(tmp_path_factory.mktemp("zimage-1"), version=1)


@pytest.fixture(scope="module")
def family(parts: Parts) -> zimage.ZImage:
    return zimage.load(PROFILE, parts, "cpu", torch.float32)


@pytest.fixture(scope="module")
def first_family(first_parts: Parts) -> zimage.ZImage:
    """With the ControlNet of version 1."""
    return zimage.load(PROFILE, first_parts, "cpu", torch.float32)


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> AdapterFile:
    path = tmp_path_factory.mktemp("loras") / "brand.safetensors"
    return AdapterFile(lora(path, 1, layer="layers.1.attention"), 0.8)


class Stock:
    """The stock pipelines over one set of stock parts."""

    def __init__(self, parts: Parts) -> None:
        self.pipe = ZImagePipeline.from_pretrained(parts.paths["base"])
        self.net = ZImageControlNetModel.from_pretrained(parts.paths["controls"])

    def __call__(self, work: Work, kind: Any = ZImagePipeline, **asked: Any) -> np.ndarray:
        more = {"controlnet": self.net} if "ControlNet" in kind.__name__ else {}
        pipe = kind(**self.pipe.components, **more)
        pipe.set_progress_bar_config(disable=True)
        plain: dict[str, Any] = {
            "prompt": work.prompt,
            "width": WIDTH,
            "height": HEIGHT,
            "num_inference_steps": work.steps,
            "guidance_scale": work.guidance,
            "generator": torch.Generator().manual_seed(work.seed),
            "output_type": "np",
        }
        if work.adapters:
            (one,) = work.adapters
            pipe.load_lora_weights(str(one.path.parent), weight_name=one.path.name, adapter_name="one")
            pipe.set_adapters(["one"], [one.weight])
        made = pipe(**plain | asked).images
        if work.adapters:
            pipe.unload_lora_weights()
        return made

    def followed(self, work: Work, kind: Any = ZImageControlNetPipeline, **asked: Any) -> np.ndarray:
        """With the first map of the work."""
        (m,) = work.controls
        return self(work, kind, control_image=pil(m.picture), controlnet_conditioning_scale=m.strength, **asked)

    def begun(self, work: Work, channels: int = 4) -> dict[str, Any]:
        """A start by hand: the last steps of the schedule, from the start picture under that much noise, and what
        lays back what is not repainted."""
        sigmas = np.linspace(1, 1 / work.steps, work.steps)[work.steps - round(work.steps * work.strength) :]
        shifted = [3 * s / (1 + 2 * s) for s in sigmas] + [0.0]  # by the scheduler's shift of 3
        vae = self.pipe.vae
        noise = torch.randn((1, channels, HEIGHT // 8, WIDTH // 8), generator=torch.Generator().manual_seed(work.seed))
        with torch.no_grad():
            ready = torch.from_numpy(np.asarray(work.start)).permute(2, 0, 1)[None] / 127.5 - 1
            kept = (vae.encode(ready).latent_dist.mode() - vae.config.shift_factor) * vae.config.scaling_factor
        mask = torch.from_numpy((ALL if work.repaint is None else work.repaint)[::8, ::8] > 0).float()

        def lay_back(pipe: Any, step: int, moment: Any, given: dict[str, Any]) -> dict[str, Any]:
            level = shifted[step + 1]
            return {"latents": mask * given["latents"] + (1 - mask) * (level * noise + (1 - level) * kept)}

        latents = shifted[0] * noise + (1 - shifted[0]) * kept
        return {"sigmas": sigmas.tolist(), "latents": latents, "callback_on_step_end": lay_back}

    @contextmanager
    def both(self, *maps: ControlMap) -> Iterator[None]:
        """The net runs once for each map and what it says is added, whatever the pipeline hands it."""
        plain, vae = self.net.forward, self.pipe.vae

        def encoded(pixels: np.ndarray) -> torch.Tensor:
            ready = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1
            return (vae.encode(ready).latent_dist.mode() - vae.config.shift_factor) * vae.config.scaling_factor

        def forward(latents: Any, moment: Any, words: Any, context: torch.Tensor, conditioning_scale: float) -> Any:
            said: dict[int, torch.Tensor] = {}
            for m in maps:
                own = torch.cat([encoded(m.picture)[:, :, None], context[:, 4:]], 1)
                for layer, hint in plain(latents, moment, words, own, conditioning_scale=m.strength).items():
                    said[layer] = said.get(layer, 0) + hint
            return said

        self.net.forward = forward
        yield
        del self.net.forward


@pytest.fixture(scope="module")
def stock(parts: Parts) -> Stock:
    return Stock(parts)


@pytest.fixture(scope="module")
def first_stock(first_parts: Parts) -> Stock:
    return Stock(first_parts)


def pil(pixels: np.ndarray | None) -> Image.Image:
    return Image.fromarray(np.asarray(pixels))


def painted(family: zimage.ZImage, *works: Work) -> np.ndarray:
    family._worn.wear(works[0].adapters)
    return family.draw(works, lambda done, of, look: None)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max())


def started(stock: Stock, work: Work) -> np.ndarray:
    return stock(work, ZImageImg2ImgPipeline, image=pil(work.start), strength=work.strength)


def repainted(stock: Stock, work: Work) -> np.ndarray:
    asked = {"image": pil(work.start), "mask_image": pil(work.repaint), "strength": work.strength}
    return stock(work, ZImageInpaintPipeline, **asked)


def followed_in(stock: Stock, work: Work, **asked: Any) -> np.ndarray:
    masked = {"image": pil(work.start), "mask_image": pil(work.repaint)}
    return stock.followed(work, ZImageControlNetInpaintPipeline, **masked, **asked)


CASES: dict[str, tuple[Work, Callable[[Stock, Work], np.ndarray]]] = {
    "text": (WORK, Stock.__call__),
    "what to avoid": (replace(WORK, guidance=3.0, avoid="text"), lambda s, w: s(w, negative_prompt="text")),
    "start": (STARTED, started),
    "start, half of it kept": (replace(STARTED, strength=0.5), started),
    "repaint": (replace(STARTED, repaint=LEFT), repainted),
    "repaint, all noise": (replace(STARTED, repaint=LEFT, strength=1.0), repainted),
    **{kind: (replace(WORK, controls=(replace(DEPTH, kind=kind),)), Stock.followed) for kind in zimage.FOLLOWED},
    "a map, and what to avoid": (
        replace(WORK, guidance=3.0, avoid="text", controls=(DEPTH,)),
        lambda s, w: s.followed(w, negative_prompt="text"),
    ),
    "start and a map": (replace(STARTED, controls=(DEPTH,)), lambda s, w: s.followed(w, **s.begun(w))),
    "repaint everything by a map": (replace(STARTED, strength=1.0, repaint=ALL, controls=(DEPTH,)), followed_in),
    "repaint by a map": (
        replace(STARTED, repaint=LEFT, controls=(DEPTH,)),
        lambda s, w: followed_in(s, w, **s.begun(w)),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_paints_what_the_stock_pipeline_paints(family: zimage.ZImage, stock: Stock, case: str) -> None:
    work, hand = CASES[case]
    assert apart(painted(family, work), hand(stock, work)) <= ATOL


def test_two_maps_add_up(family: zimage.ZImage, stock: Stock) -> None:
    work = replace(WORK, controls=(DEPTH, EDGES))
    with stock.both(DEPTH, EDGES):
        hand = stock.followed(replace(work, controls=(DEPTH,)))
    ours = painted(family, work)
    assert apart(ours, hand) <= ATOL
    assert apart(ours, painted(family, replace(work, controls=(DEPTH,)))) > 100 * ATOL


def test_everything_at_once(family: zimage.ZImage, stock: Stock, adapter: AdapterFile) -> None:
    work = replace(STARTED, repaint=LEFT, controls=(DEPTH, EDGES), adapters=(adapter,))
    with stock.both(DEPTH, EDGES):
        hand = followed_in(stock, replace(work, controls=(DEPTH,)), **stock.begun(work))
    ours = painted(family, work)
    assert apart(ours, hand) <= ATOL
    assert apart(ours, painted(family, replace(work, adapters=()))) > 100 * ATOL


def test_a_lora_is_worn_and_taken_off(family: zimage.ZImage, stock: Stock, adapter: AdapterFile) -> None:
    bare = painted(family, WORK)
    worn = replace(WORK, adapters=(adapter,))
    ours = family.paint([worn], lambda done, of, look: None)
    assert [(row["name"], row["layers"]) for row in ours.facts["adapters"]] == [("brand", 2)]
    assert apart(painted(family, worn), stock(worn)) <= ATOL < apart(painted(family, worn), bare) / 100
    assert np.array_equal(painted(family, WORK), bare)


def test_a_lora_of_another_model_is_refused(family: zimage.ZImage, tmp_path: Path) -> None:
    foreign = AdapterFile(lora(tmp_path / "flux.safetensors", 1))
    with pytest.raises(EngineError, match=r"flux\.safetensors"):
        family.paint([replace(WORK, adapters=(foreign,))], lambda done, of, look: None)


def test_the_first_net_follows_and_what_stays_is_laid_back(first_family: zimage.ZImage, first_stock: Stock) -> None:
    """It knows no masks: its pipeline paints all of the picture."""
    work = replace(WORK, controls=(DEPTH,))
    assert apart(painted(first_family, work), first_stock.followed(work)) <= ATOL
    masked = replace(STARTED, repaint=LEFT, controls=(DEPTH,))
    assert apart(painted(first_family, masked), first_stock.followed(masked, **first_stock.begun(masked))) <= ATOL


def test_halves_of_a_map_are_the_map(first_family: zimage.ZImage) -> None:
    """What the net of version 1 says grows in step with its strength."""
    whole = replace(WORK, controls=(DEPTH,))
    halves = replace(WORK, controls=(replace(DEPTH, strength=0.3), replace(DEPTH, strength=0.4)))
    assert apart(painted(first_family, whole), painted(first_family, halves)) <= ATOL


def test_a_map_counts_where_its_mask_is(family: zimage.ZImage) -> None:
    none, whole = painted(family, WORK), painted(family, replace(WORK, controls=(DEPTH,)))
    everywhere, nowhere, left = (
        painted(family, replace(WORK, controls=(replace(DEPTH, mask=mask),))) for mask in (ALL, ALL * 0, LEFT)
    )
    assert apart(everywhere, whole) <= ATOL and apart(nowhere, none) <= ATOL
    assert apart(left, whole) > 100 * ATOL and apart(left, none) > 100 * ATOL


@pytest.mark.parametrize(("start", "end", "steps"), [(0.0, 1.0, 4), (0.0, 0.5, 2), (0.3, 1.0, 2), (0.0, 0.1, 0)])
def test_a_map_rests_outside_its_steps(family: zimage.ZImage, start: float, end: float, steps: int) -> None:
    calls: list[int] = []
    hook = family.modules["controls"].register_forward_hook(lambda *_: calls.append(1))
    made = painted(family, replace(WORK, controls=(replace(DEPTH, start=start, end=end),)))
    hook.remove()
    assert len(calls) == steps
    assert (apart(made, painted(family, WORK)) <= ATOL) == (steps == 0)


def test_a_batch_is_its_works_one_by_one(family: zimage.ZImage) -> None:
    """Each with its own words, start, mask and maps."""
    works = [
        replace(
            STARTED,
            seed=seed,
            prompt="a glass of tea " * (1 + 3 * seed),
            start=picture(seed),
            repaint=np.roll(LEFT, 16 * seed, 1),
            controls=(replace(DEPTH, picture=picture(10 + seed)), replace(EDGES, mask=np.roll(LEFT, 32 * seed, 1))),
        )
        for seed in (0, 1, 2)
    ]
    assert len({family.group(work) for work in works}) == 1
    together = painted(family, *works)
    for one, alone in zip(together, works, strict=True):
        assert apart(one, painted(family, alone)[0]) <= ATOL


def test_the_same_work_gives_the_same_pixels(family: zimage.ZImage) -> None:
    work = replace(STARTED, repaint=LEFT, controls=(DEPTH, EDGES))
    first, again = (family.paint([work], lambda done, of, look: None).pictures[0] for _ in range(2))
    assert np.array_equal(first, again)
    assert first.shape == (HEIGHT, WIDTH, 3) and first.dtype == np.uint8


def test_works_of_other_kinds_are_painted_apart(family: zimage.ZImage) -> None:
    kinds = [
        WORK,
        STARTED,
        replace(STARTED, strength=0.5),
        replace(STARTED, repaint=LEFT),
        replace(WORK, controls=(DEPTH,)),
        replace(WORK, controls=(replace(DEPTH, strength=0.5),)),
        replace(WORK, controls=(replace(DEPTH, end=0.5),)),
        replace(WORK, controls=(replace(DEPTH, mask=LEFT),)),
        replace(WORK, controls=(DEPTH, EDGES)),
        replace(WORK, height_px=HEIGHT * 2),
        replace(WORK, steps=3),
        replace(WORK, guidance=2.0),
    ]
    assert len({family.group(work) for work in kinds}) == len(kinds)
    assert family.group(replace(STARTED, seed=9, prompt="else", start=picture(5))) == family.group(STARTED)


@pytest.mark.parametrize(("strength", "steps"), [(1.0, 4), (0.85, 3), (0.5, 2), (0.0, 1)])
def test_as_many_steps_as_asked_less_those_a_start_saves(family: zimage.ZImage, strength: float, steps: int) -> None:
    seen: list[tuple[int, int]] = []
    calls: list[int] = []
    hook = family.modules["transformer"].register_forward_hook(lambda *_: calls.append(1))
    family.paint([replace(STARTED, strength=strength)], lambda done, of, look: seen.append((done, of)))
    hook.remove()
    assert seen == [(step, steps) for step in range(1, steps + 1)] and len(calls) == steps


def test_stop_comes_within_a_step_and_the_next_picture_is_whole(family: zimage.ZImage) -> None:
    before = painted(family, WORK)
    seen: list[int] = []

    def stop(done: int, of: int, look: Callable[[], Any]) -> None:
        seen.append(done)
        raise Stopped

    with pytest.raises(Stopped):
        family.paint([replace(WORK, controls=(DEPTH,))], stop)
    assert seen == [1]
    assert np.array_equal(painted(family, WORK), before)


def test_glimpses_are_small_pictures_one_a_work(family: zimage.ZImage) -> None:
    glimpses: list[list[np.ndarray]] = []
    family.paint([WORK, replace(WORK, seed=8)], lambda done, of, look: glimpses.append(look()))
    assert [[one.shape for one in some] for some in glimpses] == [[(HEIGHT // 8, WIDTH // 8, 3)] * 2] * 4
    assert not np.array_equal(glimpses[-1][0], glimpses[-1][1])


def test_a_glimpse_shows_where_the_step_was_heading(family: zimage.ZImage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The noise the transformer found is taken off, all of it."""
    seen: list[torch.Tensor] = []
    found: list[torch.Tensor] = []
    monkeypatch.setattr(family, "_see", seen.append)
    hook = family.modules["transformer"].register_forward_hook(lambda _, given, made: found.append(-made[0][0][:, 0]))
    family.draw([WORK], lambda done, of, look: look())
    hook.remove()
    noise = torch.randn((1, 4, HEIGHT // 8, WIDTH // 8), generator=torch.Generator().manual_seed(WORK.seed))
    assert (seen[0][0] - (noise[0] - found[0])).abs().max() <= ATOL
    assert (seen[1] - seen[0]).abs().max() > 100 * ATOL


def test_words_and_maps_are_heard(family: zimage.ZImage) -> None:
    """Without this, a match with the stock pipeline would say little."""
    mapped, other = (replace(WORK, controls=(replace(DEPTH, picture=picture(seed)),)) for seed in (2, 3))
    assert apart(painted(family, WORK), painted(family, replace(WORK, prompt="a glass of tea"))) > 100 * ATOL
    assert apart(painted(family, mapped), painted(family, other)) > 100 * ATOL


@pytest.mark.parametrize("mode", ["words off", "group"])
def test_networks_that_lie_elsewhere_paint_the_same(family: zimage.ZImage, parts: Parts, mode: Any) -> None:
    away = zimage.load(PROFILE, parts, "cpu", torch.float32)
    place(away.modules, "cpu", mode)
    work = replace(STARTED, repaint=LEFT, controls=(DEPTH, EDGES))
    assert apart(painted(away, work), painted(family, work)) <= ATOL


def test_what_the_net_borrows_is_counted_once(family: zimage.ZImage, parts: Parts) -> None:
    painted(family, replace(WORK, controls=(DEPTH,)))
    held = load_file(parts.paths["controls"] / "diffusion_pytorch_model.safetensors")
    assert bytes_of([family.modules["controls"]]) == sum(tensor.nbytes for tensor in held.values())


def test_tiles_need_less_and_are_taken_back(family: zimage.ZImage) -> None:
    whole = painted(family, WORK)
    sides: list[int] = []
    hook = family.modules["vae"].decoder.register_forward_pre_hook(lambda _, given: sides.append(given[0].shape[-1]))
    family.spare(True)
    painted(family, WORK)
    family.spare(False)
    again = painted(family, WORK)
    hook.remove()
    assert max(sides[:-1]) == 64 // 8 and sides[-1] == WIDTH // 8
    assert np.array_equal(again, whole)


def test_it_ignores_what_it_cannot_do(family: zimage.ZImage, parts: Parts) -> None:
    plain = painted(family, WORK)
    other = replace(
        WORK, references=(ReferencePicture("style", picture(4)),), controls=(replace(DEPTH, kind="segment"),)
    )
    assert np.array_equal(painted(family, other), plain)
    alone = zimage.load(PROFILE, Parts({"base": parts.paths["base"]}), "cpu", torch.float32)
    assert apart(painted(alone, replace(WORK, controls=(DEPTH,))), plain) <= ATOL
    assert "controls" not in alone.modules
    long = replace(WORK, prompt="petals " * 100)
    assert "512" in family.paint([long], lambda done, of, look: None).facts["notes"][0]


@pytest.mark.parametrize("version", ["1", "2.0", "2.1"])
def test_a_net_in_one_file_is_the_net(parts: Parts, first_parts: Parts, tmp_path: Path, version: str) -> None:
    """As it is published: without a config. In a file of version 2.0 the refiner was never trained."""
    whole = first_parts if version == "1" else parts
    tensors = load_file(whole.paths["controls"] / "diffusion_pytorch_model.safetensors")
    net = ZImageControlNetModel.from_pretrained(whole.paths["controls"])
    if version == "2.0":
        tensors["control_noise_refiner.0.before_proj.weight"] *= 0
        net = ZImageControlNetModel.from_config({**net.config, "add_control_noise_refiner": "control_layers"})
        net.load_state_dict({n: t for n, t in tensors.items() if not n.startswith("control_noise_refiner.")})
    save_file(tensors, tmp_path / "union.safetensors")
    file = Parts({"base": whole.paths["base"], "controls": tmp_path / "union.safetensors"})
    work = replace(WORK, controls=(DEPTH,))
    hand = Stock(whole)
    hand.net = net
    assert apart(painted(zimage.load(PROFILE, file, "cpu", torch.float32), work), hand.followed(work)) <= ATOL


def test_it_is_read_from_its_folder_alone(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    half = zimage.load(PROFILE, parts, "cpu", torch.float16)
    assert {module.dtype for module in half.modules.values()} == {torch.bfloat16}
    assert half.multiple_px == 16
    everything = replace(STARTED, repaint=LEFT, controls=(DEPTH, EDGES))
    assert painted(half, WORK).shape == painted(half, everything).shape == (1, HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("part", ["base", "controls"])
def test_weights_that_may_run_code_are_not_read(tmp_path: Path, part: str) -> None:
    parts = write(tmp_path)
    folder = parts.paths["base"] / "transformer" if part == "base" else parts.paths["controls"]
    weights = folder / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(EngineError, match="cannot be loaded"):
        zimage.load(PROFILE, parts, "cpu", torch.float32)


def test_the_painter_paints_with_it(parts: Parts) -> None:
    request = PaintRequest(150, 100, 7, 2, {}, prompt=WORK.prompt, references=(ReferencePicture("style", picture(3)),))
    painter: Any = create(replace(PROFILE, least_px=100.0), parts)
    seen: list[np.ndarray] = []
    first, other = painter.paint([request, replace(request, seed=8)], Progress(on_preview=seen.append))
    assert first.picture.shape == (100, 150, 3) and not np.array_equal(first.picture, other.picture)
    assert first.facts["steps"] == 2 and first.facts["memory"]["batch"] == 2 and seen
