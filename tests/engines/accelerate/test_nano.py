"""The built-in model's UNet run by ONNX Runtime in its place, and as an engine for a card that is not here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline

from engines.accelerate import flat, onnx
from engines.accelerate.commands import BuildWishes, job_of
from engines.accelerate.export import TOLERANCE, Exported, apart, export
from engines.accelerate.graph import Graph, known
from engines.accelerate.sizes import sized
from engines.accelerate.stand_ins import UnetStandIn
from engines.base import EngineError, Progress
from engines.nano import nets, noise
from engines.nano.condition import guidance
from engines.nano.graphs import FRAME
from tests.engines.accelerate.conftest import SMALL

Networks = Callable[[str], dict[str, Any]]


def drawn(*sizes: int, seed: int) -> torch.Tensor:
    return torch.randn(sizes, generator=torch.Generator().manual_seed(seed))


def test_the_unet_in_every_mode(nano: Networks, exported: Callable[[str, str], Exported]) -> None:
    """Guidance, references and what a control net adds, one at a time and together, as the stock pipeline says them."""
    real = nano("fp32")["unet"]
    session = onnx.load(exported("nano_unet", "fp32").path, ["CPUExecutionProvider"])
    other = UnetStandIn(session, real.config, flat.crossed(real), flat.references(real), real.encoder_hid_proj)
    graph = flat.unet(real, FRAME)
    at = known(SMALL, graph.step_px)
    sizes = [sized(t.sizes, at) for n, t in graph.takes.items() if n.startswith("down_") or n == "mid"]
    residuals = [0.3 * drawn(*s, seed=20 + n) for n, s in enumerate(sizes)]
    width = real.config.cross_attention_dim
    added = {
        "text_embeds": drawn(1, width, seed=1), "time_ids": torch.tensor([[512.0, 512, 0, 0, 512, 512]]),
        "image_embeds": [drawn(1, 2, width, seed=2)],
    }  # fmt: skip
    call = (drawn(1, 16, 8, 8, seed=3), torch.tensor(749.0), drawn(1, 70, width, seed=4))
    seen: list[torch.Tensor] = []
    masks = [torch.rand(1, 2, SMALL.height_px, SMALL.width_px, generator=torch.Generator().manual_seed(8))]
    for literal, weights, controlled in ((1.0, (0.0, 0.0), False), (3.0, (0.0, 0.0), False), (3.0, (0.8, 0.3), True)):
        for unet in (real, other):
            for name in flat.crossed(real):
                unet.attn_processors[name].scale[:] = [list(weights)]
        more: dict[str, Any] = {
            "timestep_cond": guidance(torch.tensor([literal])), "added_cond_kwargs": added,
            "cross_attention_kwargs": {"ip_adapter_masks": masks}, "return_dict": False,
        }  # fmt: skip
        if controlled:
            more |= {"down_block_additional_residuals": residuals[:-1], "mid_block_additional_residual": residuals[-1]}
        with torch.no_grad():
            wanted = real(*call, **more)[0]
        assert apart(other(*call, **more)[0], wanted) < TOLERANCE["fp32"]
        assert all(apart(wanted, before) > 2 * TOLERANCE["fp32"] for before in seen)
        seen.append(wanted)


def test_whole_pictures_of_the_stock_pipeline(nano: Networks, exported: Callable[[str, str], Exported]) -> None:
    """Four steps with guidance, palette tokens behind the words, and a reference."""
    real = nano("fp32")["unet"]
    session = onnx.load(exported("nano_unet", "fp32").path, ["CPUExecutionProvider"])
    other = UnetStandIn(session, real.config, flat.crossed(real), flat.references(real), real.encoder_hid_proj)
    width = real.config.cross_attention_dim
    given: dict[str, Any] = {
        "prompt_embeds": drawn(1, 70, width, seed=1), "pooled_prompt_embeds": drawn(1, width, seed=2),
        "latents": drawn(1, 16, 8, 8, seed=3), "width": SMALL.width_px, "height": SMALL.height_px,
        "num_inference_steps": 4, "guidance_scale": 2.5, "output_type": "latent",
        "cross_attention_kwargs": {"ip_adapter_masks": [torch.ones(1, 2, SMALL.height_px, SMALL.width_px)]},
    }  # fmt: skip
    made = []
    for weight in (0.7, 0.0):
        for unet in (real, other):
            for name in flat.crossed(real):
                unet.attn_processors[name].scale[:] = [[weight, 0.0]]
            parts: dict[str, Any] = dict.fromkeys(("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"))
            parts |= {"vae": nets.autoencoder(nets.SIZES["tiny"]), "scheduler": noise.scheduler(), "unet": unet}
            pipeline: Any = StableDiffusionXLPipeline(**parts, add_watermarker=False)
            pipeline.set_progress_bar_config(disable=True)
            look = [torch.cat([drawn(1, 1, width, seed=4), torch.zeros(1, 1, width)], 1)]
            made.append(pipeline(**given, ip_adapter_image_embeds=look).images)
    referred, replaced, plain, _ = made
    assert apart(replaced, referred) < 4 * TOLERANCE["fp32"] and apart(made[3], plain) < 4 * TOLERANCE["fp32"]
    assert apart(referred, plain) > 20 * TOLERANCE["fp32"]


def test_an_engine_is_built_for_a_card_that_is_not_here(graph: Callable[[str, str], Graph], tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    from engines.accelerate import tensorrt

    made = export(graph("nano_unet", "fp16"), SMALL, tmp_path / "file", "fp16")
    assert made.max_error is not None and made.max_error < TOLERANCE["fp16"]
    assert tensorrt.build(made, [SMALL], "8.9", Progress()).nbytes > 100_000


@pytest.mark.parametrize("painter", ["nano", "stage"])
def test_painters_that_need_no_engines_say_so(painter: str) -> None:
    with pytest.raises(EngineError, match=f"{painter} paints without engines"):
        job_of(painter, BuildWishes(), ())
