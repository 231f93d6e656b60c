"""What a build's process does for real: a painter's network loaded, LoRAs merged, exported, checked, built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPVisionModelWithProjection

from engines.accelerate import coders, flat, random_weights
from engines.accelerate.export import PRECISIONS, Exported
from engines.accelerate.export import export as write
from engines.accelerate.job import WORN, Job, shapes_of, weights_bytes
from engines.accelerate.shapes import SHAPES, Shape
from engines.base import AdapterFile, EngineError, Progress
from engines.diffusion import sdxl_parts
from engines.diffusion.lora import check
from engines.diffusion.profile import BASE_OF
from engines.diffusion.worn import Worn

_GRAPHS = {
    "unet": flat.unet, "vae_decoder": coders.vae_decoder, "vae_encoder": coders.vae_encoder,
    "text_encoder": coders.text_encoder, "text_encoder_2": partial(coders.text_encoder, name="text_encoder_2"),
    "image_encoder": coders.image_encoder,
}  # fmt: skip
_CHECKED = 5
"""Memory a comparison of graph and network takes, in times its weights: half precision is single on a processor."""
_ALONE = {
    "vae_decoder": ("vae", AutoencoderKL),
    "vae_encoder": ("vae", AutoencoderKL),
    "text_encoder": ("text_encoder", CLIPTextModel),
    "text_encoder_2": ("text_encoder_2", CLIPTextModelWithProjection),
    "image_encoder": ("image_encoder", CLIPVisionModelWithProjection),
}
"""Networks that lie in a folder of their own, of the painter or of its base."""
_UNET = ("base", "checkpoint", "unet", "references", "face", "image_encoder")


def export(job: Job, graph: str, folder: Path, progress: Progress) -> Exported:
    """The graph of a job as an ONNX file in an empty folder, for its one shape or for all. It is compared with its
    network, unless that is random or memory is too small. Raises `EngineError`."""
    write_down = _graph(graph)
    dtype = PRECISIONS[job.precision]
    checked = not job.random_weights and psutil.virtual_memory().available > _CHECKED * weights_bytes(job, graph)
    with torch.no_grad():
        network = random_weights.network(graph, dtype) if job.random_weights else _network(job, graph, dtype)
        progress.report(0.2, f"Exporting {graph}")
        shapes = shapes_of(graph, job)
        return write(write_down(network), (*shapes, SHAPES[0])[0], folder, job.precision, len(shapes) != 1, checked)


def _graph(name: str) -> Any:
    if name in _GRAPHS:
        return _GRAPHS[name]
    kind, _, maps = name.partition("_")
    if kind == "controlnet" and (maps or "1").isdigit():
        return partial(flat.control, maps=int(maps or 1))
    raise EngineError(f"There is no graph “{name}”", f"Known: {', '.join((*_GRAPHS, 'controlnet', 'controlnet_2'))}")


def engine(exported: Exported, shapes: Sequence[Shape], job: Job, progress: Progress) -> Any:
    """The bytes of a TensorRT engine for these shapes. Raises `EngineError`."""
    from engines.accelerate import tensorrt

    return tensorrt.build(exported, shapes, job.target, progress)


def _network(job: Job, graph: str, dtype: torch.dtype) -> Any:
    """The painter's own network of a graph, with the job's LoRAs merged into its weights."""
    # 1. One that can be loaded alone.
    part, kind = ("controls", ControlNetUnionModel) if graph.startswith("controlnet") else _ALONE.get(graph, ("", None))
    folder = job.paths.get(part, None if "checkpoint" in job.paths else job.paths["base"] / part) if part else None
    merged = job.loras and graph in WORN
    if folder is not None and not merged:
        return sdxl_parts._model(kind, folder, dtype).requires_grad_(False)
    # 2. One of a checkpoint, or the UNet with the layers of its references.
    paths = {name: path for name, path in job.paths.items() if name in (*_UNET, part)}
    made = sdxl_parts.components(job.profile, paths, dtype)
    if merged:
        merge(made, job.loras)
    return made[part or graph].requires_grad_(False)


def merge(made: Mapping[str, Any], loras: Sequence[AdapterFile]) -> None:
    """Merge LoRAs into the UNet and the text encoders of a pipeline's components. Raises `EngineError` for a file that
    does not fit."""
    kept = ("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler")
    pipeline = StableDiffusionXLPipeline(**{name: made[name] for name in kept}, add_watermarker=False)
    changed = [made[name] for name in WORN]
    Worn(pipeline, changed, partial(check, base=BASE_OF["sdxl"])).wear(loras)
    pipeline.fuse_lora(components=list(WORN))
    pipeline.unload_lora_weights()
