"""Stand-ins run by ONNX Runtime against the networks they stand in for: alone, and in whole pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engines.accelerate import flat, onnx
from engines.accelerate.export import TOLERANCE, Exported, apart, export
from engines.accelerate.graph import known
from engines.accelerate.sizes import sized
from engines.accelerate.stand_ins import ControlStandIn, UnetStandIn, VaeStandIn
from engines.base import AdapterFile, ControlMap, EngineError, ReferencePicture
from engines.diffusion import nets, sdxl
from engines.diffusion.family import Parts, Work
from tests.engines.accelerate.conftest import SMALL

PX = SMALL.width_px
WORK = Work(PX, PX, 7, 4, "a vase of peonies on a marble plinth")
Painter = Callable[[str], dict[str, Any]]
Exports = Callable[[str, str], Exported]
HALF = pytest.param("fp16", marks=pytest.mark.slow)
LEFT = np.repeat(np.where(np.arange(PX) < PX // 2, 255, 0).astype(np.uint8)[None], PX, axis=0)


def picture(seed: int) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return np.array(Image.fromarray(small).resize((PX, PX), Image.Resampling.BICUBIC))


def control(kind: str = "depth", seed: int = 1, **more: Any) -> ControlMap:
    return ControlMap(kind, picture(seed), **more)


def reference(use: str, seed: int = 4, **more: Any) -> ReferencePicture:
    return ReferencePicture(use, picture(seed), **more)


@pytest.fixture(scope="module")
def stand_ins(painter: Painter, exported: Exports) -> Callable[[str], dict[str, Any]]:
    """The painter's components with stand-ins for its three networks, by precision."""

    def make(precision: str) -> dict[str, Any]:
        made = painter(precision)
        unet = made["unet"]

        def opened(name: str) -> onnx.Session:
            return onnx.load(exported(name, precision).path, ["CPUExecutionProvider"])

        return {
            **made,
            "unet": UnetStandIn(
                opened("unet"), unet.config, flat.crossed(unet), flat.references(unet), unet.encoder_hid_proj
            ),
            "controlnet": ControlStandIn(
                {1: opened("controlnet"), 2: opened("controlnet_2")}, made["controlnet"].config
            ),
            "vae": VaeStandIn(opened("vae_decoder"), opened("vae_encoder"), made["vae"].config),
        }

    return make


def drawn(*sizes: int, seed: int = 1, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(sizes, generator=torch.Generator().manual_seed(seed)).to(dtype)


# ------------------------------------------------------------------------------------------------------ one call each

MODES = {
    "plain": (0.0, 0.0, False),
    "control": (0.0, 0.0, True),
    "reference": (0.7, 0.0, False),
    "face": (0.0, 0.5, False),
    "both": (0.7, 0.0, True),
    "all": (0.4, 0.9, True),
}


@pytest.mark.parametrize("precision", ["fp32", HALF])
def test_the_unet_in_every_mode(painter: Painter, stand_ins: Painter, precision: str) -> None:
    """One graph: plain, control maps, one and several references, masked and not."""
    real, other = painter(precision)["unet"], stand_ins(precision)["unet"]
    kind = real.dtype
    added = {
        "text_embeds": drawn(1, 32, seed=3, dtype=kind),
        "time_ids": torch.tensor([[512.0, 512, 0, 0, 512, 512]], dtype=kind),
        "image_embeds": [drawn(1, 2, 17, 32, seed=4, dtype=kind), drawn(1, 1, 17, 32, seed=5, dtype=kind)],
    }
    masks = [torch.rand(1, 2, PX, PX, generator=torch.Generator().manual_seed(8)), None]
    sizes = [t.sizes for n, t in flat.unet(real).takes.items() if n.startswith("down_") or n == "mid"]
    residuals = [drawn(*sized(s, known(SMALL)), seed=20 + n, dtype=kind) * 0.2 for n, s in enumerate(sizes)]
    seen = []
    for name, (first, second, controlled) in MODES.items():
        for unet in (real, other):
            for place, key in enumerate(flat.crossed(real)):
                # Another weight in each layer, so that one taken for another would show.
                share = 0.5 + place / 17
                unet.attn_processors[key].scale[:] = [[first * share, first / 2] if first else 0.0, second]
        more: dict[str, Any] = {"cross_attention_kwargs": {"ip_adapter_masks": masks}}
        if controlled:
            more |= {"down_block_additional_residuals": residuals[:-1], "mid_block_additional_residual": residuals[-1]}
        call = (drawn(1, 4, 16, 16, dtype=kind), torch.tensor(749.0), drawn(1, 77, 64, seed=2, dtype=kind))
        with torch.no_grad():
            wanted = real(*call, added_cond_kwargs=added, return_dict=False, **more)[0]
        got = other(*call, added_cond_kwargs=added, return_dict=False, **more)[0]
        assert got.dtype == wanted.dtype
        assert apart(got, wanted) < TOLERANCE[precision], name
        assert all(apart(wanted, before) > 2 * TOLERANCE[precision] for before in seen), name
        seen.append(wanted)


@pytest.mark.parametrize("precision", ["fp32", HALF])
@pytest.mark.parametrize("maps", [1, 2])
def test_the_controlnet_with_every_type_of_map(painter: Painter, stand_ins: Painter, precision: str, maps: int) -> None:
    """One graph for all types: none of them is baked into it."""
    real, other = painter(precision)["controlnet"], stand_ins(precision)["controlnet"]
    kind = real.dtype
    call = (drawn(1, 4, 16, 16, dtype=kind), torch.tensor(749.0))
    added = {"text_embeds": drawn(1, 32, seed=3, dtype=kind), "time_ids": torch.full((1, 6), 512.0, dtype=kind)}
    seen = []
    count = real.config.num_control_type
    for tasks in [(n,) for n in range(count)] if maps == 1 else [(n, (n + 1) % count) for n in range(count)]:
        types = torch.zeros(1, count, dtype=kind)
        types[0, list(tasks)] = 1
        more: dict[str, Any] = {
            "encoder_hidden_states": drawn(1, 77, 64, seed=2, dtype=kind),
            "controlnet_cond": [drawn(1, 3, PX, PX, seed=30 + n, dtype=kind).sigmoid() for n in range(maps)],
            "control_type": types,
            "control_type_idx": list(tasks),
            "conditioning_scale": [0.8, 0.5][:maps],
            "added_cond_kwargs": added,
            "guess_mode": False,
            "return_dict": False,
        }
        with torch.no_grad():
            wanted = real(*call, **more)
        got = other(*call, **more)
        assert len(got[0]) == len(wanted[0]) == 9
        for one, two in zip([*got[0], got[1]], [*wanted[0], wanted[1]], strict=True):
            assert apart(one, two) < TOLERANCE[precision], tasks
        assert all(apart(wanted[1], before) > 2 * TOLERANCE[precision] for before in seen), tasks
        seen.append(wanted[1])


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_vae_both_ways_and_several_at_once(painter: Painter, exported: Exports, precision: str) -> None:
    real = painter(precision)["vae"]
    decoder, encoder = (onnx.load(exported(n, precision).path) for n in ("vae_decoder", "vae_encoder"))
    other = VaeStandIn(decoder, encoder, real.config)
    latents = drawn(2, 4, 16, 16, dtype=real.dtype)
    pictures = drawn(2, 3, PX, PX, dtype=real.dtype).clamp(-1, 1)
    with torch.no_grad():
        assert apart(other.decode(latents).sample, real.decode(latents).sample) < TOLERANCE[precision]
        wanted, got = real.encode(pictures).latent_dist, other.encode(pictures).latent_dist
    assert apart(got.mode(), wanted.mode()) < TOLERANCE[precision]
    noise = [torch.Generator().manual_seed(3) for _ in range(2)]
    assert apart(got.sample(noise[0]), wanted.sample(noise[1])) < TOLERANCE[precision]


# ------------------------------------------------------------------------------------------------------ whole pictures

PICTURES = {
    "plain": WORK,
    "one map": replace(WORK, controls=(control(),)),
    "two maps in a pass": replace(WORK, controls=(control(), control("edges", 2, strength=0.5))),
    "two maps in two passes": replace(WORK, controls=(control(end=0.5), control("pose", 2, mask=LEFT))),
    "subject": replace(WORK, references=(reference("subject"),)),
    "style and layout, masked": replace(WORK, references=(reference("style", mask=LEFT), reference("layout", 5))),
    "face and product": replace(WORK, references=(reference("face"), reference("product", 8))),
    "from a start": replace(WORK, start=picture(3), strength=0.5),
    "everything": replace(
        WORK, controls=(control(), control("pose", 2)), references=(reference("face"), reference("product", 8)),
        start=picture(3), strength=0.7, repaint=LEFT,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def both(painter: Painter, stand_ins: Painter, tiny_parts: Parts) -> tuple[sdxl.Sdxl, sdxl.Sdxl]:
    """Our painter on the networks, and on their stand-ins."""
    cpu = torch.device("cpu")
    return sdxl.Sdxl(painter("fp32"), tiny_parts.paths, cpu), sdxl.Sdxl(stand_ins("fp32"), tiny_parts.paths, cpu)


def painted(family: sdxl.Sdxl, work: Work) -> np.ndarray:
    return family.paint([work], lambda done, of, look: None).pictures[0].astype(int)


@pytest.mark.parametrize("name", PICTURES)
def test_whole_pictures(both: tuple[sdxl.Sdxl, sdxl.Sdxl], name: str) -> None:
    real, other = both
    wanted, got = painted(real, PICTURES[name]), painted(other, PICTURES[name])
    assert np.abs(got - wanted).max() <= 2
    assert name == "plain" or np.abs(wanted - painted(real, WORK)).max() > 4
    assert other.modules["unet"].why_not(PICTURES[name]) is None
    assert other.modules["controlnet"].why_not(PICTURES[name]) is None
    assert other.modules["vae"].why_not(PICTURES[name]) is None


def test_the_next_picture_has_references_of_its_own(both: tuple[sdxl.Sdxl, sdxl.Sdxl]) -> None:
    real, other = both
    for seed in (4, 5, 4):
        work = replace(WORK, references=(reference("product", seed, weight=1.0),))
        assert np.abs(painted(other, work) - painted(real, work)).max() <= 2
    assert np.abs(painted(other, WORK) - painted(real, WORK)).max() <= 2


@pytest.mark.slow
def test_other_sizes_batches_and_guidance_through_graphs_for_all(
    painter: Painter, graph: Callable[[str, str], Any], tiny_parts: Parts, tmp_path: Path
) -> None:
    made = painter("fp32")
    unet = made["unet"]

    def opened(name: str) -> onnx.Session:
        return onnx.load(export(graph(name, "fp32"), SMALL, tmp_path / name, "fp32", dynamic=True).path)

    stand_ins = {
        **made,
        "unet": UnetStandIn(
            opened("unet"), unet.config, flat.crossed(unet), flat.references(unet), unet.encoder_hid_proj
        ),
        "controlnet": ControlStandIn({1: opened("controlnet")}, made["controlnet"].config),
        "vae": VaeStandIn(opened("vae_decoder"), opened("vae_encoder"), made["vae"].config),
    }
    cpu = torch.device("cpu")
    real, other = (sdxl.Sdxl(parts, tiny_parts.paths, cpu) for parts in (made, stand_ins))
    base = replace(WORK, controls=(control(mask=LEFT),), references=(reference("style", mask=LEFT),), start=picture(3))
    for work in (replace(base, strength=0.5), replace(base, guidance=5.0, avoid="fog", strength=0.5)):
        works = [replace(work, seed=seed) for seed in (1, 2)]
        assert other.modules["unet"].why_not(work, batch=2) is None
        wanted = real.paint(works, lambda done, of, look: None).pictures
        got = other.paint(works, lambda done, of, look: None).pictures
        assert np.abs(np.stack(got).astype(int) - np.stack(wanted)).max() <= 2
    wide = replace(WORK, width_px=192)
    assert np.abs(painted(other, wide) - painted(real, wide)).max() <= 2


# ------------------------------------------------------------------------------------------------- what it does not take


def test_what_it_cannot_do_is_said_beforehand(stand_ins: Painter) -> None:
    made = stand_ins("fp32")
    unet, net, vae = made["unet"], made["controlnet"], made["vae"]
    lora = AdapterFile(Path("brand.safetensors"), 0.7, "ab" * 32)
    assert "192×128" in str(unet.why_not(replace(WORK, width_px=192)))
    assert "192×128" in str(vae.why_not(replace(WORK, width_px=192)))
    assert "2 at once" in str(unet.why_not(WORK, batch=2))
    assert "2 at once" in str(unet.why_not(replace(WORK, guidance=5.0)))
    assert "2 windows" in str(unet.why_not(WORK, windows=2))
    assert "3 references" in str(unet.why_not(replace(WORK, references=(reference("subject"),) * 3)))
    assert "2 references" in str(unet.why_not(replace(WORK, references=(reference("face"),) * 2)))
    assert "without these LoRAs" in str(unet.why_not(replace(WORK, adapters=(lora,))))
    three = (control(), control("edges"), control("pose"))
    assert "3 maps" in str(net.why_not(replace(WORK, controls=three)))
    assert net.why_not(replace(WORK, controls=(*three[:2], control("pose", mask=LEFT)))) is None


def test_an_engine_with_a_lora_in_it_is_for_that_lora(exported: Exports, painter: Painter) -> None:
    real = painter("fp32")["unet"]
    lora = AdapterFile(Path("brand.safetensors"), 0.7, "ab" * 32)
    session = onnx.load(exported("unet", "fp32").path)
    unet = UnetStandIn(session, real.config, flat.crossed(real), flat.references(real), real.encoder_hid_proj, (lora,))
    assert unet.why_not(replace(WORK, adapters=(lora,))) is None
    assert "has a LoRA" in str(unet.why_not(WORK))
    assert "without these" in str(unet.why_not(replace(WORK, adapters=(replace(lora, weight=0.5),))))


def test_an_engine_for_other_adapters_is_refused(exported: Exports, painter: Painter) -> None:
    real = painter("fp32")["unet"]
    with pytest.raises(EngineError, match="other adapters"):
        UnetStandIn(onnx.load(exported("unet", "fp32").path), real.config, flat.crossed(real), (0, 0))


def test_asked_all_the_same_it_refuses(stand_ins: Painter) -> None:
    made = stand_ins("fp32")
    with pytest.raises(EngineError, match="does not take 24×16"):
        made["vae"].decode(torch.zeros(1, 4, 24, 16))
    with pytest.raises(EngineError, match="3 maps"):
        nets.Passes(made["controlnet"]).net(
            torch.zeros(1, 4, 16, 16), 1.0, torch.zeros(1, 77, 64), [torch.zeros(1, 3, PX, PX)] * 3,
            torch.zeros(1, 6), [0, 1, 2], [1.0] * 3, added_cond_kwargs={},
        )  # fmt: skip
    with pytest.raises(EngineError, match="no input for timestep_cond"):
        made["unet"](torch.zeros(1, 4, 16, 16), 1.0, torch.zeros(1, 77, 64), {}, timestep_cond=torch.zeros(1, 8))


def test_sizes_no_engine_takes_go_to_the_vae_itself(exported: Exports, painter: Painter) -> None:
    real = painter("fp32")["vae"]
    vae = VaeStandIn(onnx.load(exported("vae_decoder", "fp32").path), None, real.config, real)
    latents, pixels = drawn(1, 4, 24, 16), drawn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(vae.decode(latents, return_dict=False)[0], real.decode(latents, return_dict=False)[0])
        assert torch.equal(vae.encode(pixels).latent_dist.mode(), real.encode(pixels).latent_dist.mode())


# ------------------------------------------------------------------------------------------------------------- sessions


def test_what_comes_out_is_the_callers(exported: Exports) -> None:
    session = onnx.load(exported("vae_decoder", "fp32").path)
    first = session.run({"latents": drawn(1, 4, 16, 16)})["picture"]
    kept = first.clone()
    session.run({"latents": drawn(1, 4, 16, 16, seed=2)})
    assert torch.equal(first, kept)


def test_inputs_that_do_not_lie_in_one_piece(exported: Exports) -> None:
    session = onnx.load(exported("vae_decoder", "fp32").path)
    latents = drawn(1, 4, 16, 16)
    turned = latents.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert not turned.is_contiguous()
    assert torch.equal(*(session.run({"latents": one})["picture"] for one in (latents, turned)))


def test_a_damaged_file_and_a_missing_input_are_told(exported: Exports, tmp_path: Path) -> None:
    data = exported("vae_decoder", "fp32").path.read_bytes()
    (tmp_path / "model.onnx").write_bytes(data[: len(data) // 2])
    with pytest.raises(EngineError):
        onnx.load(tmp_path / "model.onnx")
    with pytest.raises(EngineError, match="needs “latents”"):
        onnx.load(exported("vae_decoder", "fp32").path).run({})
