"""The parts of an SDXL painter, loaded from this machine: safetensors only, and never from the net."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
from accelerate import init_empty_weights
from diffusers.loaders.single_file_utils import SingleFileComponentError
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from safetensors.torch import load_file
from transformers import (
    CLIPImageProcessor,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionModelWithProjection,
)

from engines.base import EngineError
from engines.diffusion import looks
from engines.diffusion.profile import Profile


def components(profile: Profile, paths: Mapping[str, Path], dtype: torch.dtype) -> dict[str, Any]:
    """What the stock pipelines are made of, by their names, with `controlnet` and `preview` where they are. Everything
    lies in main memory. Raises `EngineError` for a part that is missing or is not what it should be."""
    base = _folder(paths, "base")
    given = {"vae": _model(AutoencoderKL, _folder(paths, "vae"), dtype)} if "vae" in paths else {}
    if "checkpoint" in paths:
        made = _from_checkpoint(paths["checkpoint"], base, dtype, given)
    else:
        made = _from_folder(base, paths.get("unet"), dtype, given)
    made["scheduler"] = _scheduler(base, profile.scheduler)
    if "controls" in paths:
        made["controlnet"] = _model(ControlNetUnionModel, _folder(paths, "controls"), dtype)
    if "preview" in paths:
        made["preview"] = _model(AutoencoderTiny, _folder(paths, "preview"), dtype)
    adapters = adapter_files(paths)
    if adapters:
        made["image_encoder"] = _model(CLIPVisionModelWithProjection, _folder(paths, "image_encoder"), dtype)
        side = made["image_encoder"].config.image_size
        made["feature_extractor"] = CLIPImageProcessor(size=side, crop_size=side)
        looks.put_on(made["unet"], list(adapters.values()))
    return made


def adapter_files(paths: Mapping[str, Path]) -> dict[str, Path]:
    """The IP-Adapters there are, in the order in which the UNet gets them; none without an image encoder."""
    found = {name: paths[name] for name in ("references", "face") if name in paths}
    return found if "image_encoder" in paths else {}


def unet_for(base: Path, weights: Path, dtype: torch.dtype) -> UNet2DConditionModel:
    """A UNet of the base's shape with weights from one file, never twice in memory."""
    with init_empty_weights():
        config: Any = UNet2DConditionModel.load_config(base / "unet", local_files_only=True)
        unet: Any = UNet2DConditionModel.from_config(config)
    state = {key: value.to(dtype) for key, value in load_file(weights).items()}
    try:
        unet.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise EngineError(
            f"{weights.name} does not fit the base model", "Fetch the painter's weights again."
        ) from error
    return unet.eval()


def _from_folder(base: Path, unet: Path | None, dtype: torch.dtype, given: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "text_encoder": _model(CLIPTextModel, base / "text_encoder", dtype),
        "text_encoder_2": _model(CLIPTextModelWithProjection, base / "text_encoder_2", dtype),
        "unet": unet_for(base, unet, dtype) if unet else _model(UNet2DConditionModel, base / "unet", dtype),
        "vae": given["vae"] if "vae" in given else _model(AutoencoderKL, base / "vae", dtype),
    }
    tokenizers = ("tokenizer", "tokenizer_2")
    return made | {n: CLIPTokenizer.from_pretrained(base / n, local_files_only=True) for n in tokenizers}


def _from_checkpoint(file: Path, base: Path, dtype: torch.dtype, given: Mapping[str, Any]) -> dict[str, Any]:
    if file.suffix.lower() != ".safetensors":
        raise EngineError(f"{file.name} is not a safetensors file", "Choose a checkpoint that ends in .safetensors.")
    try:
        pipeline = StableDiffusionXLPipeline.from_single_file(
            str(file), config=str(base), local_files_only=True, dtype=dtype, add_watermarker=False, **given
        )
    except (ValueError, KeyError, OSError, RuntimeError, SingleFileComponentError) as error:
        if "out of memory" in str(error):
            raise
        raise EngineError(
            f"{file.name} is no whole SDXL checkpoint", "Choose one with its UNet and both text encoders."
        ) from error
    names = ("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2")
    return {name: getattr(pipeline, name) for name in names}


def _scheduler(base: Path, changes: Mapping[str, Any]) -> Any:
    """Euler with the base's settings and a profile's changes; `name` among them says another class of diffusers."""
    rest = dict(changes)
    name = rest.pop("name", EulerDiscreteScheduler.__name__)
    kind = getattr(diffusers, name, None) if name.endswith("Scheduler") else None
    if kind is None:
        raise EngineError(f"There is no scheduler “{name}”", "Name one that diffusers has.")
    return kind.from_config(kind.load_config(base / "scheduler", local_files_only=True), **rest)


def _model(kind: Any, folder: Path, dtype: torch.dtype) -> Any:
    try:
        model = kind.from_pretrained(
            folder, dtype=dtype, variant=_variant(folder), use_safetensors=True, local_files_only=True
        )
    except OSError as error:
        raise EngineError(f"{folder} holds no complete model", "Fetch the painter's weights again.") from error
    return model.eval()


def _variant(folder: Path) -> str | None:
    files = [file.name for file in folder.glob("*.safetensors")]
    return "fp16" if files and all(".fp16." in name for name in files) else None


def _folder(paths: Mapping[str, Path], name: str) -> Path:
    folder = paths.get(name)
    if folder is None or not folder.is_dir():
        raise EngineError(f"A part of the painter is missing: {name}", "Fetch the painter's weights again.")
    return folder
