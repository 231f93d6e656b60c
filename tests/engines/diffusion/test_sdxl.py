"""The SDXL painter against the stock pipelines, called by hand with plain arguments, on a tiny model."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    ControlNetUnionModel,
    EulerDiscreteScheduler,
    StableDiffusionXLControlNetUnionImg2ImgPipeline,
    StableDiffusionXLControlNetUnionInpaintPipeline,
    StableDiffusionXLControlNetUnionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.image_processor import IPAdapterMaskProcessor
from diffusers.models.controlnets.multicontrolnet_union import MultiControlNetUnionModel
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPVisionModelWithProjection

from engines.base import AdapterFile, ControlMap, EngineError, ReferencePicture, Stopped
from engines.diffusion import nets, sdxl
from engines.diffusion.family import Parts, Work
from tests.engines.diffusion.tiny_checkpoint import tiny_checkpoint
from tests.engines.diffusion.tiny_sdxl import PROFILE, lora, tiny_sdxl

PX = 128
WORK = Work(PX, PX, 7, 4, "a vase of peonies on a marble plinth")
ATOL = 1e-4


def picture(seed: int, width: int = PX, height: int = PX) -> np.ndarray:
    """Soft colours with some edges, other ones for each seed."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return np.array(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def half(side: str) -> np.ndarray:
    mask = np.zeros((PX, PX), np.uint8)
    mask[:, slice(0, PX // 2) if side == "left" else slice(PX // 2, PX)] = 255
    return mask


def pil(array: np.ndarray) -> Image.Image:
    return Image.fromarray(array)


def control(kind: str = "depth", seed: int = 1, **more: Any) -> ControlMap:
    return ControlMap(kind, picture(seed), **{"strength": 0.8, **more})


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return tiny_sdxl(tmp_path_factory.mktemp("sdxl"))


@pytest.fixture(scope="module")
def family(parts: Parts) -> sdxl.Sdxl:
    return sdxl.load(PROFILE, parts, "cpu")


@pytest.fixture(scope="module")
def loras(tmp_path_factory: pytest.TempPathFactory) -> list[AdapterFile]:
    folder = tmp_path_factory.mktemp("loras")
    return [AdapterFile(lora(folder / f"brand{n}.safetensors", n), 0.8 - 0.3 * n) for n in (0, 1)]


class Hand:
    """The stock parts, loaded by the stock calls."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts.paths
        base = self.parts["base"]
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(base / "unet"))
        unet.load_state_dict({k: v.float() for k, v in load_file(self.parts["unet"]).items()})
        vae = AutoencoderKL.from_pretrained(self.parts["vae"])
        self.pipe = StableDiffusionXLPipeline.from_pretrained(base, unet=unet.eval(), vae=vae, add_watermarker=False)
        self.pipe.scheduler = EulerDiscreteScheduler.from_config(
            self.pipe.scheduler.config, timestep_spacing="trailing"
        )
        self.net = ControlNetUnionModel.from_pretrained(self.parts["controls"])
        self.encoder = CLIPVisionModelWithProjection.from_pretrained(self.parts["image_encoder"])

    def references(self, scale: Any, *names: str) -> None:
        self.pipe.register_modules(image_encoder=self.encoder)
        folder = str(self.parts["references"].parent)
        self.pipe.load_ip_adapter(
            folder,
            subfolder="",
            weight_name=[f"{n}.safetensors" for n in names or ("references",)],
            image_encoder_folder=None,
        )
        self.pipe.set_ip_adapter_scale(scale)

    def __call__(
        self, kind: Any = StableDiffusionXLPipeline, controlnet: Any = None, seed: int = 7, **asked: Any
    ) -> np.ndarray:
        more = {"controlnet": controlnet} if controlnet is not None else {}
        pipe = kind(**{n: c for n, c in self.pipe.components.items()}, **more, add_watermarker=False)
        pipe.set_progress_bar_config(disable=True)
        plain = {
            "prompt": WORK.prompt,
            "num_inference_steps": 4,
            "guidance_scale": 0.0,
            "generator": torch.Generator().manual_seed(seed),
        }
        if "Img2Img" not in kind.__name__:
            plain |= {"height": PX, "width": PX}
        return pipe(**{**plain, **asked}, output_type="np").images[0]


@pytest.fixture
def hand(parts: Parts) -> Iterator[Hand]:
    yield Hand(parts)


def ours(family: sdxl.Sdxl, *works: Work, facts: dict[str, Any] | None = None) -> list[np.ndarray]:
    return family.planes(works, lambda done, of, look: None, {} if facts is None else facts)


def same(family: sdxl.Sdxl, work: Work, expected: np.ndarray, plain: np.ndarray | None = None) -> None:
    """Ours is the expected picture, and where given is not the plain one: what was asked for does something."""
    (got,) = ours(family, work)
    assert np.abs(got - expected).max() < ATOL
    if plain is not None:
        assert np.abs(got - plain).max() > 20 * ATOL


# ------------------------------------------------------------------------------------------------------- words alone


def test_text_is_the_stock_picture_and_adapters_without_references_add_nothing(family: sdxl.Sdxl, hand: Hand) -> None:
    same(family, WORK, hand())


def test_guidance_heeds_what_is_to_be_avoided(family: sdxl.Sdxl, hand: Hand) -> None:
    plain = hand(guidance_scale=5.0)
    same(family, replace(WORK, guidance=5.0), plain)
    same(
        family,
        replace(WORK, guidance=5.0, avoid="people, text"),
        hand(guidance_scale=5.0, negative_prompt="people, text"),
        plain,
    )
    same(family, replace(WORK, avoid="people, text"), hand())


def test_long_prompts_are_read_to_their_end(family: sdxl.Sdxl, hand: Hand) -> None:
    words = "soft daylight falls through linen curtains "
    prompt = (words * 6)[:200].strip()
    # Windows by hand: the tokenizer's own marks around at most 75 tokens, cut at the end of a word.
    windows, rest = [], prompt
    while rest:
        end = len(rest)
        while len(hand.pipe.tokenizer(rest[:end]).input_ids) > 77 or (end < len(rest) and rest[end] != " "):
            end -= 1
        windows.append(rest[:end])
        rest = rest[end:].strip()
    assert len(windows) > 2
    read = [hand.pipe.encode_prompt(window, do_classifier_free_guidance=False) for window in windows]
    expected = hand(prompt=None, prompt_embeds=torch.cat([r[0] for r in read], 1), pooled_prompt_embeds=read[0][2])
    same(family, replace(WORK, prompt=prompt), expected, hand(prompt=windows[0]))
    assert family.group(replace(WORK, prompt=prompt)) != family.group(WORK)


def test_a_short_prompt_may_avoid_a_long_list(family: sdxl.Sdxl) -> None:
    (got,) = ours(family, replace(WORK, guidance=4.0, avoid="a long list of things, " * 9))
    (other,) = ours(family, replace(WORK, guidance=4.0, avoid="a long list of things, " * 4))
    assert np.abs(got - other).max() > 20 * ATOL


# ------------------------------------------------------------------------------------------------- starts and masks


def test_a_start_picture(family: sdxl.Sdxl, hand: Hand) -> None:
    expected = hand(StableDiffusionXLImg2ImgPipeline, image=pil(picture(3)), strength=0.5)
    facts: dict[str, Any] = {}
    work = replace(WORK, start=picture(3), strength=0.5)
    same(family, work, expected, hand())
    ours(family, work, facts=facts)
    assert facts["steps"] == 2


@pytest.mark.parametrize("strength", [1.0, 0.75])
def test_repainting_around_a_product(family: sdxl.Sdxl, hand: Hand, strength: float) -> None:
    asked = {"image": pil(picture(3)), "mask_image": pil(half("left")), "strength": strength}
    same(
        family,
        replace(WORK, start=picture(3), strength=strength, repaint=half("left")),
        hand(StableDiffusionXLInpaintPipeline, **asked),
        hand(),
    )


def test_a_start_runs_at_least_one_step_and_never_all() -> None:
    ran = {
        (steps, strength): int(steps * sdxl.begun(steps, strength))
        for steps in (1, 2, 4, 8, 30)
        for strength in (0.0, 0.1, 0.5, 0.85, 0.99, 1.0)
    }
    assert all(1 <= n <= steps for (steps, _), n in ran.items())
    assert [ran[4, s] for s in (0.0, 0.1, 0.5, 0.85, 0.99, 1.0)] == [1, 1, 2, 3, 3, 4]
    assert ran[8, 0.85] == 7
    assert ran[30, 0.85] == 26
    assert sdxl.begun(4, 1.0) == 1.0


# --------------------------------------------------------------------------------------------------------- controls


@pytest.mark.parametrize("kind", nets.KINDS)
def test_each_kind_of_map(family: sdxl.Sdxl, hand: Hand, kind: str) -> None:
    asked = {
        "control_image": [pil(picture(1))],
        "control_mode": [nets.KINDS[kind]],
        "controlnet_conditioning_scale": 0.8,
    }
    same(
        family,
        replace(WORK, controls=(control(kind),)),
        hand(StableDiffusionXLControlNetUnionPipeline, hand.net, **asked),
        hand(),
    )


def test_kinds_are_told_apart(family: sdxl.Sdxl) -> None:
    pictures = [
        ours(family, replace(WORK, controls=(control(kind),)))[0]
        for kind in ("pose", "depth", "softedge", "edges", "segment")
    ]
    assert all(np.abs(a - b).max() > ATOL for n, a in enumerate(pictures) for b in pictures[:n])


def test_maps_with_a_start_and_with_a_mask(family: sdxl.Sdxl, hand: Hand) -> None:
    asked = {
        "control_image": [pil(picture(1))],
        "control_mode": [1],
        "controlnet_conditioning_scale": 0.8,
        "image": pil(picture(3)),
        "strength": 0.75,
    }
    work = replace(WORK, controls=(control(),), start=picture(3), strength=0.75)
    same(family, work, hand(StableDiffusionXLControlNetUnionImg2ImgPipeline, hand.net, **asked))
    expected = hand(StableDiffusionXLControlNetUnionInpaintPipeline, hand.net, mask_image=pil(half("left")), **asked)
    same(family, replace(work, repaint=half("left")), expected)


def test_two_maps_of_one_span_share_a_pass_with_their_own_strengths(family: sdxl.Sdxl, hand: Hand) -> None:
    asked = {
        "control_image": [pil(picture(1)), pil(picture(2))],
        "control_mode": [1, 3],
        "controlnet_conditioning_scale": [0.8, 0.4],
    }
    work = replace(WORK, controls=(control(), control("edges", 2, strength=0.4)))
    same(family, work, hand(StableDiffusionXLControlNetUnionPipeline, hand.net, **asked))
    facts: dict[str, Any] = {}
    ours(family, work, facts=facts)
    assert facts["control_passes"] == 4


def test_two_maps_of_other_spans(family: sdxl.Sdxl, hand: Hand) -> None:
    asked = {
        "control_image": [pil(picture(1)), pil(picture(2))], "control_mode": [1, 3], "controlnet_conditioning_scale": [0.8, 0.4],
        "control_guidance_start": [0.0, 0.5], "control_guidance_end": [0.5, 1.0],
    }  # fmt: skip
    nets_twice = MultiControlNetUnionModel([hand.net, hand.net])
    work = replace(WORK, controls=(control(end=0.5), control("edges", 2, strength=0.4, start=0.5)))
    same(family, work, hand(StableDiffusionXLControlNetUnionPipeline, nets_twice, **asked))
    facts: dict[str, Any] = {}
    ours(family, work, facts=facts)
    assert facts["control_passes"] == 4


def test_steps_without_a_map_cost_no_pass_and_are_plain(family: sdxl.Sdxl, hand: Hand) -> None:
    asked = {
        "control_image": [pil(picture(1))],
        "control_mode": [1],
        "controlnet_conditioning_scale": 0.8,
        "control_guidance_end": 0.5,
    }
    work = replace(WORK, controls=(control(end=0.5),))
    same(family, work, hand(StableDiffusionXLControlNetUnionPipeline, hand.net, **asked))
    facts: dict[str, Any] = {}
    ours(family, work, facts=facts)
    assert facts["control_passes"] == 2
    same(family, replace(WORK, controls=(control(strength=0.0), control("pose", start=0.5, end=0.5))), hand())


def test_a_map_counts_only_in_its_region(family: sdxl.Sdxl, hand: Hand) -> None:
    def left_only(module: Any, given: Any, told: Any) -> Any:
        down, mid = told
        return [cut_off(r) for r in down], cut_off(mid)

    def cut_off(residual: torch.Tensor) -> torch.Tensor:
        kept = residual.clone()
        kept[..., residual.shape[-1] // 2 :] = 0
        return kept

    hand.net.register_forward_hook(left_only)
    asked = {
        "control_image": [pil(picture(1))],
        "control_mode": [1],
        "controlnet_conditioning_scale": 0.8,
        "guidance_scale": 3.0,
    }
    expected = hand(StableDiffusionXLControlNetUnionPipeline, hand.net, **asked)
    work = replace(WORK, guidance=3.0, controls=(control(mask=half("left")),))
    same(family, work, expected, ours(family, replace(work, controls=(control(),)))[0])


def test_two_maps_of_one_task_are_never_one_pass() -> None:
    maps = [
        control("edges"),
        control("depth"),
        control("lineart"),
        control("pose", mask=half("left")),
        control("segment", end=0.5),
    ]
    assert nets.arrange(maps) == [(0, 1), (2,), (3,), (4,)]


# ------------------------------------------------------------------------------------------------------- references


def reference(use: str, seed: int = 4, **more: Any) -> ReferencePicture:
    return ReferencePicture(use, picture(seed, 96, 96), **{"weight": 0.7, **more})


SUBJECT = {
    "down": {"block_1": 0.7, "block_2": [0.7, 0.0]},
    "mid": 0.7,
    "up": {"block_0": [0.7, 0.0, 0.7], "block_1": 0.7},
}
SCALES = {
    "style": {"up": {"block_0": [0.0, 0.7, 0.0]}},
    "layout": {"down": {"block_2": [0.0, 0.7]}},
    "subject": SUBJECT,
    "product": 0.7,
}


@pytest.mark.parametrize("use", SCALES)
def test_each_use_of_a_reference(family: sdxl.Sdxl, hand: Hand, use: str) -> None:
    plain = hand()
    hand.references(SCALES[use])
    same(family, replace(WORK, references=(reference(use),)), hand(ip_adapter_image=pil(picture(4, 96, 96))), plain)


def test_a_reference_under_guidance(family: sdxl.Sdxl, hand: Hand) -> None:
    hand.references(0.7)
    expected = hand(ip_adapter_image=pil(picture(4, 96, 96)), guidance_scale=4.0)
    same(family, replace(WORK, guidance=4.0, references=(reference("product"),)), expected)


def test_a_reference_in_its_region(family: sdxl.Sdxl, hand: Hand) -> None:
    hand.references([[0.7]])
    masks = IPAdapterMaskProcessor().preprocess([pil(half("right"))], height=PX, width=PX)
    asked = {
        "ip_adapter_image": [[pil(picture(4, 96, 96))]],
        "cross_attention_kwargs": {"ip_adapter_masks": [masks.reshape(1, 1, PX, PX)]},
    }
    work = replace(WORK, references=(reference("product", mask=half("right")),))
    same(family, work, hand(**asked), ours(family, replace(WORK, references=(reference("product"),)))[0])


def test_two_references_with_their_own_weights_regions_and_uses(family: sdxl.Sdxl, hand: Hand) -> None:
    hand.references([[0.7, 0.3]])
    masks = (
        IPAdapterMaskProcessor()
        .preprocess([pil(half("left")), pil(half("right"))], height=PX, width=PX)
        .reshape(1, 2, PX, PX)
    )
    asked = {
        "ip_adapter_image": [[pil(picture(4, 96, 96)), pil(picture(5, 96, 96))]],
        "cross_attention_kwargs": {"ip_adapter_masks": [masks]},
    }
    two = (reference("product", mask=half("left")), reference("product", 5, weight=0.3, mask=half("right")))
    same(family, replace(WORK, references=two), hand(**asked))

    everywhere = torch.ones_like(masks)
    hand.pipe.set_ip_adapter_scale(
        {"up": {"block_0": [[0.0, 0.0], [0.7, 0.0], [0.0, 0.0]]}, "down": {"block_2": [[0.0, 0.0], [0.0, 0.3]]}}
    )
    asked["cross_attention_kwargs"] = {"ip_adapter_masks": [everywhere]}
    same(family, replace(WORK, references=(reference("style"), reference("layout", 5, weight=0.3))), hand(**asked))


def test_a_face_goes_through_its_own_adapter(family: sdxl.Sdxl, hand: Hand) -> None:
    hand.references([SCALES["style"], 0.4], "references", "face")
    expected = hand(ip_adapter_image=[pil(picture(4, 96, 96)), pil(picture(5, 96, 96))])
    same(family, replace(WORK, references=(reference("style"), reference("face", 5, weight=0.4))), expected)


def test_an_adapter_of_the_plain_kind(parts: Parts, hand: Hand) -> None:
    plain = parts.paths["references"].parent / "plain.safetensors"
    names = ("base", "unet", "vae", "image_encoder")
    family = sdxl.load(PROFILE, Parts({**{n: parts.paths[n] for n in names}, "references": plain}), "cpu")
    same(family, WORK, without := hand())
    hand.references(0.7, "plain")
    expected = hand(ip_adapter_image=pil(picture(4, 96, 96)), guidance_scale=3.0)
    same(family, replace(WORK, guidance=3.0, references=(reference("product"),)), expected, without)
    with pytest.raises(EngineError, match="faces"):
        ours(family, replace(WORK, references=(reference("face"),)))
    with pytest.raises(EngineError, match="ControlNet"):
        ours(family, replace(WORK, controls=(control(),)))


def test_a_wide_reference_is_seen_whole(family: sdxl.Sdxl) -> None:
    wide = picture(4, 160, 64)
    other = wide.copy()
    other[:, :40] = 255 - other[:, :40]
    one, two = (
        ours(family, replace(WORK, references=(ReferencePicture("product", p, 0.7),)))[0] for p in (wide, other)
    )
    assert np.abs(one - two).max() > 20 * ATOL


# ------------------------------------------------------------------------------------------------------------ LoRAs


def test_loras_one_two_and_none(family: sdxl.Sdxl, hand: Hand, loras: list[AdapterFile]) -> None:
    plain = hand()
    hand.pipe.load_lora_weights(str(loras[0].path.parent), weight_name=loras[0].path.name, adapter_name="one")
    hand.pipe.set_adapters(["one"], [0.8])
    same(family, replace(WORK, adapters=(loras[0],)), hand(), plain)
    hand.pipe.load_lora_weights(str(loras[1].path.parent), weight_name=loras[1].path.name, adapter_name="two")
    hand.pipe.set_adapters(["one", "two"], [0.8, 0.5])
    facts: dict[str, Any] = {}
    same(family, replace(WORK, adapters=tuple(loras)), hand(), plain)
    ours(family, replace(WORK, adapters=tuple(loras)), facts=facts)
    assert [(row["name"], row["weight"], row["layers"]) for row in facts["adapters"]] == [
        ("brand0", 0.8, 5),
        ("brand1", 0.5, 5),
    ]
    same(family, WORK, plain)


def test_a_lora_for_another_model_is_refused_and_nothing_stays_on(
    family: sdxl.Sdxl, hand: Hand, tmp_path: Path
) -> None:
    save_file(
        {
            "transformer.blocks.0.attn.to_q.lora_A.weight": torch.zeros(4, 64),
            "transformer.blocks.0.attn.to_q.lora_B.weight": torch.zeros(64, 4),
        },
        tmp_path / "other.safetensors",
    )
    (tmp_path / "pickle.bin").write_bytes(b"\x80\x04.")
    for name in ("other.safetensors", "pickle.bin", "gone.safetensors"):
        with pytest.raises(EngineError, match=name):
            ours(family, replace(WORK, adapters=(AdapterFile(tmp_path / name),)))
    same(family, WORK, hand())


# ---------------------------------------------------------------------------------------------------------- together


def everything(loras: list[AdapterFile], seed: int = 7) -> Work:
    return Work(
        PX, PX, seed, 4, "a vase of peonies" + ", softly lit" * (seed % 3), "people", 3.0, picture(seed), 0.75, half("left"),
        (control("depth", seed), control("edges", seed + 1, strength=0.4), control("pose", seed + 2, end=0.5, mask=half("right"))),
        (reference("style", seed + 3), reference("product", seed + 4, weight=0.3, mask=half("left"))), tuple(loras),
    )  # fmt: skip


def test_all_at_once(family: sdxl.Sdxl, hand: Hand, loras: list[AdapterFile]) -> None:
    work = replace(everything(loras), controls=everything(loras).controls[:2])
    hand.pipe.load_lora_weights(str(loras[0].path.parent), weight_name=loras[0].path.name, adapter_name="one")
    hand.pipe.load_lora_weights(str(loras[1].path.parent), weight_name=loras[1].path.name, adapter_name="two")
    hand.references(
        {
            "down": {"block_1": [[0.0, 0.3]], "block_2": [[0.0, 0.3]]},
            "mid": [[0.0, 0.3]],
            "up": {"block_0": [[0.0, 0.3], [0.7, 0.3], [0.0, 0.3]], "block_1": [[0.0, 0.3]]},
        }
    )
    hand.pipe.set_adapters(["one", "two"], [0.8, 0.5])
    masks = torch.stack([torch.ones(PX, PX), torch.from_numpy(half("left")).float() / 255])[None]
    expected = hand(
        StableDiffusionXLControlNetUnionInpaintPipeline, hand.net, prompt=work.prompt, negative_prompt="people", guidance_scale=3.0,
        image=pil(picture(7)), mask_image=pil(half("left")), strength=0.75, control_image=[pil(picture(7)), pil(picture(8))], control_mode=[1, 3],
        controlnet_conditioning_scale=[0.8, 0.4], ip_adapter_image=[[pil(picture(10, 96, 96)), pil(picture(11, 96, 96))]],
        cross_attention_kwargs={"ip_adapter_masks": [masks]},
    )  # fmt: skip
    same(family, work, expected)


def test_a_batch_is_what_its_works_are_alone_and_again(family: sdxl.Sdxl, loras: list[AdapterFile]) -> None:
    works = [everything(loras, seed) for seed in (7, 8, 9)]
    assert len({family.group(work) for work in works}) == 1
    together = ours(family, *works)
    for work, plane in zip(works, together, strict=True):
        (alone,) = ours(family, work)
        assert np.abs(alone - plane).max() < ATOL
        assert np.array_equal(alone, ours(family, work)[0])
    assert np.abs(together[0] - together[1]).max() > 20 * ATOL


def test_seeds_differ(family: sdxl.Sdxl) -> None:
    assert np.abs(ours(family, WORK)[0] - ours(family, replace(WORK, seed=8))[0]).max() > 20 * ATOL


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 8}, {"guidance": 3.0}, {"width_px": 192}, {"start": picture(1)}, {"start": picture(1), "repaint": half("left")},
        {"controls": (control(),)}, {"references": (reference("style"),)}, {"adapters": (AdapterFile(Path("a.safetensors")),)}, {"prompt": "x " * 90},
    ],
    ids="+".join,
)  # fmt: skip
def test_what_cannot_be_painted_together_is_no_group(family: sdxl.Sdxl, change: dict[str, Any]) -> None:
    assert family.group(replace(WORK, **change)) != family.group(WORK)
    assert family.group(replace(WORK, seed=9, prompt="something else")) == family.group(WORK)


# ------------------------------------------------------------------------------------------------- on the way, and refused


def test_stopping_takes_no_further_step(family: sdxl.Sdxl) -> None:
    calls = []
    hook = family.modules["unet"].register_forward_hook(lambda *_: calls.append(1))

    def stop(done: int, of: int, look: Any) -> None:
        assert of == 4
        if done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        family.paint([WORK], stop)
    hook.remove()
    assert len(calls) == 2
    assert np.array_equal(ours(family, WORK)[0], ours(family, WORK)[0])


def test_glimpses_show_the_picture_a_step_expects(parts: Parts, family: sdxl.Sdxl, hand: Hand) -> None:
    """The clean latents by hand, from Euler's straight line between the first noise and the latents after the step."""
    after: list[torch.Tensor] = []
    hand(callback_on_step_end=lambda pipe, step, t, told: after.append(told["latents"].clone()) or {})
    sigmas = hand.pipe.scheduler.sigmas
    noise = torch.randn(1, 4, PX // 8, PX // 8, generator=torch.Generator().manual_seed(7))
    first = noise * hand.pipe.scheduler.init_noise_sigma
    clean = first - sigmas[0] * (after[0] - first) / (sigmas[1] - sigmas[0])
    tiny = AutoencoderTiny.from_pretrained(parts.paths["preview"])
    with torch.no_grad():
        expected = [
            (tiny.decode(latents).sample / 2 + 0.5).clamp(0, 1)[0].permute(1, 2, 0).numpy() * 255
            for latents in (clean, after[3])
        ]
    seen: list[list[np.ndarray]] = []
    told: list[tuple[int, int]] = []

    def watch(done: int, of: int, look: Any) -> None:
        told.append((done, of))
        seen.append(look())

    family.paint([WORK, replace(WORK, seed=9)], watch)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert np.abs(seen[0][0] - expected[0]).max() <= 1
    assert np.abs(seen[3][0] - expected[1]).max() <= 1
    assert np.abs(expected[0] - expected[1]).max() > 2
    assert np.abs(seen[3][1] - expected[1]).max() > 2


def test_glimpses_without_a_decoder_of_their_own_are_a_pixel_a_latent(parts: Parts) -> None:
    family = sdxl.load(PROFILE, Parts({n: p for n, p in parts.paths.items() if n in ("base", "unet", "vae")}), "cpu")
    seen: list[np.ndarray] = []
    family.paint([WORK], lambda done, of, look: seen.extend(look()))
    assert [(glimpse.shape, glimpse.dtype) for glimpse in seen] == [((PX // 8, PX // 8, 3), np.uint8)] * 4


def test_the_best_map_of_flat_colours_is_found(family: sdxl.Sdxl) -> None:
    """A made VAE whose latents are a straight map of colour: the fit must undo it."""
    from engines.diffusion import latents

    way = torch.tensor([[1.0, 0.2, 0.0], [0.0, 1.0, 0.3], [0.4, 0.0, 1.0], [1.0, -1.0, 0.5]])

    class Straight:
        class config:  # noqa: N801
            force_upcast, scaling_factor = False, 0.5

        device, dtype = torch.device("cpu"), torch.float32

        def to(self, **_: Any) -> None: ...

        def encode(self, pictures: torch.Tensor) -> Any:
            mean = torch.einsum("lc,bchw->blhw", way, pictures)[..., ::8, ::8] + 0.3
            return type("Told", (), {"latent_dist": type("Dist", (), {"mean": mean})})

    colour = torch.tensor([0.2, -0.5, 0.7])
    latent = ((way @ colour) + 0.3).view(1, 4, 1, 1) * 0.5
    (seen,) = latents.Glimpses(Straight())(latent)
    assert np.abs(seen[0, 0].astype(float) - ((colour.numpy() / 2 + 0.5) * 255)).max() <= 1


def test_steps_with_weights_of_their_own(family: sdxl.Sdxl, hand: Hand, parts: Parts) -> None:
    usual = hand()
    hand.pipe.unet.load_state_dict({k: v.float() for k, v in load_file(parts.paths["unet-8"]).items()})
    same(family, replace(WORK, steps=8), hand(num_inference_steps=8))
    same(family, WORK, usual)


def test_weights_for_some_steps_that_do_not_fit_are_refused_and_left_again(parts: Parts, tmp_path: Path) -> None:
    state = load_file(parts.paths["unet-8"])
    state.pop("conv_in.weight")
    save_file(state, tmp_path / "short.safetensors")
    kept = {n: p for n, p in parts.paths.items() if n in ("base", "unet", "vae")}
    family = sdxl.load(PROFILE, Parts({**kept, "unet-8": tmp_path / "short.safetensors"}), "cpu")
    (usual,) = ours(family, WORK)
    with pytest.raises(EngineError, match="short"):
        ours(family, replace(WORK, steps=8))
    assert np.array_equal(ours(family, WORK)[0], usual)


def test_sparing_memory_and_back(family: sdxl.Sdxl) -> None:
    (usual,) = ours(family, WORK)
    family.spare(True)
    assert family.modules["vae"].use_tiling
    (spared,) = ours(family, WORK)
    family.spare(False)
    assert not family.modules["vae"].use_tiling
    assert spared.shape == usual.shape
    assert np.array_equal(ours(family, WORK)[0], usual)


def test_a_checkpoint_in_one_file(parts: Parts, tmp_path: Path) -> None:
    """Its weights are the base's own in half precision, so the stock picture is that of the base; of the base's folder
    only settings and tokenizers are used."""
    file = tiny_checkpoint(parts.paths["base"], tmp_path / "own.safetensors")
    config = shutil.copytree(parts.paths["base"], tmp_path / "config", ignore=shutil.ignore_patterns("*.safetensors"))
    family = sdxl.load(PROFILE, Parts({"base": config, "checkpoint": file}), "cpu")
    stock = StableDiffusionXLPipeline.from_pretrained(parts.paths["base"], add_watermarker=False)
    for network in (stock.unet, stock.vae, stock.text_encoder, stock.text_encoder_2):
        network.half().float()
    stock.scheduler = EulerDiscreteScheduler.from_config(stock.scheduler.config, timestep_spacing="trailing")
    asked = {"num_inference_steps": 4, "guidance_scale": 5.0, "negative_prompt": "people", "height": PX, "width": PX}
    expected = stock(WORK.prompt, generator=torch.Generator().manual_seed(7), output_type="np", **asked).images[0]
    same(family, replace(WORK, guidance=5.0, avoid="people"), expected)


@pytest.mark.parametrize("left_out", ["model.diffusion_model.", "conditioner.embedders.1."])
def test_a_checkpoint_that_lacks_something_is_refused(parts: Parts, tmp_path: Path, left_out: str) -> None:
    whole = load_file(tiny_checkpoint(parts.paths["base"], tmp_path / "whole.safetensors"))
    save_file({k: v for k, v in whole.items() if not k.startswith(left_out)}, tmp_path / "part.safetensors")
    for file in ("part.safetensors", "pickle.ckpt"):
        (tmp_path / "pickle.ckpt").write_bytes(b"\x80\x04.")
        with pytest.raises(EngineError, match=file):
            sdxl.load(PROFILE, Parts({"base": parts.paths["base"], "checkpoint": tmp_path / file}), "cpu")


def test_half_precision_with_a_vae_that_overflows(parts: Parts) -> None:
    """The stock VAE of SDXL says `force_upcast`: it decodes in full precision after encoding left it in half."""
    family = sdxl.load(
        PROFILE, Parts({n: p for n, p in parts.paths.items() if n in ("base", "unet", "vae")}), "cpu", torch.float16
    )
    family.modules["vae"].register_to_config(force_upcast=True)
    (picture_,) = family.paint([replace(WORK, start=picture(3), strength=0.5)], lambda *_: None).pictures
    assert picture_.std() > 5
    assert family.modules["vae"].dtype == torch.float32
    assert family.modules["unet"].dtype == torch.float16


def test_maps_and_uses_it_does_not_know_are_refused(family: sdxl.Sdxl) -> None:
    with pytest.raises(EngineError, match="blocks"):
        ours(family, replace(WORK, controls=(control("blocks"),)))
    with pytest.raises(EngineError, match="mood"):
        ours(family, replace(WORK, references=(reference("mood"),)))


@pytest.mark.parametrize("missing", ["base", "controls", "vae", "image_encoder"])
def test_a_missing_part_is_named(parts: Parts, tmp_path: Path, missing: str) -> None:
    with pytest.raises(EngineError, match=missing):
        sdxl.load(PROFILE, Parts({**parts.paths, missing: tmp_path / missing}), "cpu")
