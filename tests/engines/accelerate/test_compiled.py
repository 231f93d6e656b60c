"""Compiled blocks on a tiny painter: the same pictures, graphs that are shared, and networks as they are when compiling
fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from torch._dynamo.utils import counters

from engines.accelerate import compiled
from engines.accelerate.compiled import Compiled, compile_modules, even_rank, missing, share_graphs
from engines.base import AdapterFile
from engines.diffusion import sdxl, sdxl_parts
from engines.diffusion.family import Parts, Work
from engines.diffusion.placement import Machine, place
from tests.engines.accelerate.test_onnx import PICTURES, painted
from tests.engines.diffusion import tiny_sdxl

CPU = Machine("cpu", torch.float32)


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


@pytest.fixture
def unet() -> Any:
    """The smallest there is: one block in each of two widths."""
    torch.manual_seed(3)
    small = {
        "block_out_channels": (32, 64), "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"), "attention_head_dim": (2, 4),
        "transformer_layers_per_block": (1, 1), "layers_per_block": 1,
    }  # fmt: skip
    return UNet2DConditionModel(**{**tiny_sdxl.UNET, **small}).eval().requires_grad_(False)


def asked(unet: Any, side: int = 16) -> torch.Tensor:
    made = torch.Generator().manual_seed(1)
    more = {"text_embeds": torch.ones(1, 32), "time_ids": torch.ones(1, 6)}
    latents, words = (torch.randn(*size, generator=made) for size in ((1, 4, side, side), (1, 77, 64)))
    with torch.no_grad():
        return unet(latents, 500.0, words, added_cond_kwargs=more)[0]


def graphs() -> int:
    return counters["stats"]["unique_graphs"]


def compile_unet(unet: Any, **more: Any) -> Compiled:
    return compile_modules({"unet": unet}, CPU, **{"backend": "eager", **more})


def test_compiled_is_the_same_and_serves_all_sizes(unet: Any) -> None:
    wanted = {side: asked(unet, side) for side in (16, 24, 32)}
    made = compile_unet(unet)
    for side in (16, 24, 32, 16):
        assert torch.allclose(asked(unet, side), wanted[side], atol=1e-6)
    assert 0 < graphs() <= 2 and made.networks == ("unet",) and not made.notes
    assert made.runtime.endswith("cpu fp32, compiled unet")


def test_it_is_taken_off_and_put_on_again_at_no_cost(unet: Any) -> None:
    made = compile_unet(unet)
    asked(unet)
    before = graphs()
    made.take_off()
    assert not any(part._compiled_call_impl for part in unet.modules()) and made.runtime == CPU.runtime
    made.put_on()
    asked(unet)
    assert graphs() == before and made.networks == ("unet",)


def compile_with(backend: Callable[..., Any], unet: Any, monkeypatch: pytest.MonkeyPatch) -> Compiled:
    """Compiled by a compiler of our own."""
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda call, **more: real(call, **{**more, "backend": backend}))
    return compile_modules({"unet": unet}, CPU)


def test_a_compiler_that_fails_is_let_go_of_in_the_midst_of_a_picture(
    unet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, calls = asked(unet), []

    def fails(graph: Any, given: Any) -> Any:
        calls.append(graph)
        raise RuntimeError("no working C++ compiler\nand so on")

    made = compile_with(fails, unet, monkeypatch)
    assert torch.equal(asked(unet), wanted) and torch.equal(asked(unet), wanted)
    assert len(calls) == 1 and made.networks == () and made.runtime == CPU.runtime
    assert made.notes == ("torch.compile is not used: RuntimeError: no working C++ compiler",)
    made.put_on()
    assert torch.equal(asked(unet), wanted) and len(calls) == 1


def test_memory_that_runs_out_is_not_the_compilers_fault(unet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    made = compile_with(lambda graph, given: full, unet, monkeypatch)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        asked(unet)
    assert made.networks == ("unet",) and not made.notes


def test_without_triton_a_card_paints_as_it_is(unet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "find_spec", lambda name: None)
    made = compile_modules({"unet": unet}, Machine("cuda", torch.float16))
    assert made.networks == () and "compiled" not in made.runtime and "Triton is not installed" in made.notes[0]
    monkeypatch.setattr(compiled, "find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (6, 1))
    assert "too old" in missing("cuda") and missing("cpu") == ""


def test_layers_that_are_brought_over_one_by_one_are_not_compiled(unet: Any) -> None:
    made = compile_unet(unet)
    place({"unet": unet}, "cpu", "group")
    made.put_on()
    assert made.networks == () and "one by one" in made.notes[0] and made.runtime == CPU.runtime
    assert not any(part._compiled_call_impl for part in unet.modules())


def test_half_sums_are_a_switch_that_is_put_back(unet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    class Switch:
        def __setattr__(self, name: str, value: bool) -> None:
            assert name == "allow_fp16_accumulation"
            seen.append(value)

    monkeypatch.setattr(torch.backends.cuda, "matmul", Switch())
    made = compile_modules({"unet": unet}, Machine("cuda", torch.float16), half_sums=True, backend="eager")
    assert made.runtime.endswith("compiled unet, fp16 sums") and "half precision" in made.notes[-1]
    made.take_off()
    assert seen == [True, False]
    assert "need a graphics card" in compile_unet(unet, half_sums=True).notes[0] and seen == [True, False]


def test_it_is_chosen_on_a_card_and_never_unasked(unet: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "missing", lambda device: "")
    monkeypatch.setattr(compiled.os, "environ", {})
    card = Machine("cuda", torch.float16)
    assert compiled.chosen({"unet": unet}, card, tmp_path, {}) is None
    assert compiled.chosen({"unet": unet}, CPU, tmp_path, {compiled.CHOICE: "1"}) is None
    made = compiled.chosen({"unet": unet}, card, tmp_path, {compiled.CHOICE: "1"})
    assert made is not None and made.runtime.endswith("compiled unet")
    assert compiled.os.environ == {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}


@pytest.mark.parametrize(("rank", "even"), [(4, 16), (16, 16), (17, 32), (65, 128), (128, 128)])
def test_ranks_are_evened_out(rank: int, even: int) -> None:
    assert even_rank(rank) == even


@pytest.fixture
def dressed(tiny_parts: Parts, tmp_path: Path) -> Callable[..., torch.Tensor]:
    """What a UNet gives that wears LoRAs of these ranks, one after the other in the same places; the same LoRA for a
    rank."""
    paths = {name: path for name, path in tiny_parts.paths.items() if name not in ("references", "face")}
    made = sdxl_parts.components(tiny_sdxl.PROFILE, paths, torch.float32)
    kept = ("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler")
    pipeline = StableDiffusionXLPipeline(**{name: made[name] for name in kept}, add_watermarker=False)

    def worn(*ranks: int, weight: float = 0.7, level: bool = True) -> torch.Tensor:
        names = [f"lora_{seat}" for seat in range(len(ranks))]
        for name, rank in zip(names, ranks, strict=True):
            file = tiny_sdxl.lora(tmp_path / f"{rank}.safetensors", rank, rank)
            pipeline.load_lora_weights(str(tmp_path), weight_name=file.name, adapter_name=name)
            if level:
                share_graphs(made["unet"])
        if ranks:
            pipeline.set_adapters(names, [weight] * len(ranks))
        seen = asked(made["unet"])
        pipeline.unload_lora_weights()
        return seen

    worn.unet = made["unet"]  # type: ignore[attr-defined]
    return worn


@pytest.mark.parametrize("ranks", [(), (8,), (4, 20), (20, 4), (4, 200)])
def test_filled_up_loras_do_what_they_did(dressed: Callable[..., torch.Tensor], ranks: tuple[int, ...]) -> None:
    wanted = dressed(*ranks, level=False)
    assert torch.allclose(dressed(*ranks), wanted, atol=1e-5)
    assert not ranks or not torch.allclose(dressed(), wanted, atol=1e-3)


@pytest.mark.slow
def test_loras_of_a_rank_share_their_graphs(dressed: Any) -> None:
    plain, wanted = dressed(), {rank: dressed(rank) for rank in (4, 8, 16)}
    compile_unet(dressed.unet)
    assert torch.equal(dressed(), plain) and torch.allclose(dressed(4), wanted[4], atol=1e-5)
    assert not torch.allclose(dressed(4, weight=0.4), wanted[4], atol=1e-5)
    before = graphs()
    for rank, one in wanted.items():
        assert torch.allclose(dressed(rank), one, atol=1e-5) and torch.equal(dressed(), plain)
    assert graphs() == before


@pytest.mark.slow
def test_what_a_painter_wears_shares_its_graphs(tiny_parts: Parts, tmp_path: Path) -> None:
    """LoRAs of several ranks, alone and two at once."""
    paths = {name: path for name, path in tiny_parts.paths.items() if name not in ("references", "face")}
    made = sdxl_parts.components(tiny_sdxl.PROFILE, paths, torch.float32)
    family = sdxl.Sdxl(made, paths, torch.device("cpu"))
    loras = [
        AdapterFile(tiny_sdxl.lora(tmp_path / f"{n}.safetensors", n, rank), 0.7) for n, rank in enumerate((4, 8, 16))
    ]
    works = [Work(64, 64, 1, 1, "a vase", adapters=worn) for worn in (*((one,) for one in loras), tuple(loras[:2]))]
    wanted = [painted(family, work) for work in works]
    compile_unet(made["unet"])
    family.after_lora(partial(share_graphs, made["unet"]))
    for work in (works[0], replace(works[0], adapters=(replace(loras[0], weight=0.4),)), works[3]):
        painted(family, work)
    before = graphs()
    for work, one in zip(works, wanted, strict=True):
        assert np.abs(painted(family, work) - one).max() <= 1
    assert graphs() == before


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["eager", "inductor"])
def test_whole_pictures(painter: Callable[[str], dict[str, Any]], tiny_parts: Parts, backend: str) -> None:
    """Maps, references, masks, faces, starts: a handful of graphs, and no more for other weights."""
    made = sdxl_parts.components(tiny_sdxl.PROFILE, tiny_parts.paths, torch.float32)
    family = sdxl.Sdxl(made, tiny_parts.paths, torch.device("cpu"))
    wanted = {name: painted(family, work) for name, work in PICTURES.items()}
    on = compile_modules(family.modules, CPU, backend=backend)
    for name, work in PICTURES.items():
        assert np.abs(painted(family, work) - wanted[name]).max() <= 2, name
    assert not on.notes and on.networks == ("unet", "controlnet") and graphs() <= 12
