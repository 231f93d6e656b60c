"""Z-Image-Turbo: text to a scene in eight steps, following control maps, on diffusers' own Z-Image pipelines.

Ask for eight steps: these pipelines take each step they are asked for. The ninth of older recipes stood at noise 0 and
changed nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.controlnets.controlnet_z_image import ZImageControlNetModel
from diffusers.pipelines.z_image.pipeline_z_image import ZImagePipeline, calculate_shift
from diffusers.pipelines.z_image.pipeline_z_image_controlnet import ZImageControlNetPipeline
from diffusers.pipelines.z_image.pipeline_z_image_controlnet_inpaint import ZImageControlNetInpaintPipeline
from diffusers.pipelines.z_image.pipeline_z_image_img2img import retrieve_latents
from diffusers.utils.torch_utils import get_module_execution_device
from safetensors.torch import load_file

from engines.base import ControlMap, Pixels
from engines.diffusion.family import OnStep, Painted, Parts, Work
from engines.diffusion.flow import (
    CUT,
    Canvas,
    Cells,
    Words,
    as_image,
    asked_sigmas,
    each_step,
    first_step,
    in_colours,
    lay_canvas,
    learn_colours,
    loaded,
    spare_vae,
    too_long,
    whole_numbers,
)
from engines.diffusion.guides import Guides
from engines.diffusion.lora import check
from engines.diffusion.profile import BASE_OF, Profile
from engines.diffusion.worn import Worn
from engines.tensors import read_header

FOLLOWED = ("edges", "softedge", "lineart", "depth", "pose")
"""What Fun-Controlnet-Union was trained on (Canny, HED, scribbles, depth, pose); it tells maps apart by their looks."""


def load(profile: Profile, parts: Parts, device: torch.device | str, dtype: torch.dtype) -> ZImage:
    """The family from part `base`, a whole pipeline's folder, and `controls` where there is one, read without the
    network and from safetensors only. Half floats become `bfloat16`: these transformers overflow them. Raises
    `EngineError` when files are missing or damaged.
    """
    kind = torch.bfloat16 if dtype == torch.float16 else dtype
    base, controls = parts.paths["base"], parts.paths.get("controls")
    pipe: Any = loaded(
        lambda: ZImagePipeline.from_pretrained(base, dtype=kind, local_files_only=True, use_safetensors=True),
        profile.name,
    )
    if profile.scheduler:
        pipe.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config, **profile.scheduler)
    net = None if controls is None else loaded(lambda: _load_net(controls, pipe.transformer, kind), controls.name)
    return ZImage(pipe.to(device), None if net is None else net.to(device))


def _load_net(path: Path, transformer: Any, dtype: torch.dtype) -> Any:
    if path.is_dir():
        return ZImageControlNetModel.from_pretrained(path, dtype=dtype, local_files_only=True, use_safetensors=True)
    config = net_config(path, transformer.config)
    tensors = load_file(path)
    if config["add_control_noise_refiner"] and not tensors["control_noise_refiner.0.before_proj.weight"].any():
        # The net of version 2.0, whose refiner was never trained, runs its layers there instead.
        config["add_control_noise_refiner"] = "control_layers"
        tensors = {name: t for name, t in tensors.items() if not name.startswith("control_noise_refiner.")}
    with torch.device("meta"):
        net: Any = ZImageControlNetModel.from_config(config)
    net.load_state_dict(tensors, assign=True)
    return net.to(dtype).eval()


def net_config(path: Path, transformer: Mapping[str, Any]) -> dict[str, Any]:
    """What `ZImageControlNetModel` is to be made with for a single safetensors file, read off its header. Its layers
    stand at even distances beside the transformer's. Raises `EngineError` when the file is unsound."""
    header = read_header(path)
    layers = {int(name.split(".")[1]) for name in header if name.startswith("control_layers.")}
    channels = header["control_all_x_embedder.2-1.weight"].shape[1] // 4
    every = transformer["n_layers"] // len(layers)
    refined = channels != transformer["in_channels"]
    same = ("dim", "n_refiner_layers", "n_heads", "n_kv_heads", "norm_eps", "qk_norm")
    return {
        "control_layers_places": list(range(0, len(layers) * every, every)),
        "control_refiner_layers_places": list(range(transformer["n_refiner_layers"])) if refined else None,
        "control_in_dim": channels,
        "add_control_noise_refiner": "control_noise_refiner" if refined else None,
        **{name: transformer[name] for name in same},
    }


class ZImage:
    """Z-Image-Turbo as a `Family`. It takes no references, and follows maps only with its ControlNet."""

    def __init__(self, pipe: Any, net: Any | None) -> None:
        self._reader, self._net = pipe, net
        # Without the text encoder, so that where it lies does not decide where the painting is done.
        self._silent: dict[str, Any] = {**pipe.components, "text_encoder": None, "tokenizer": None}
        self._plain: Any = ZImagePipeline(**self._silent)
        self._words = Words(self._read)
        self._worn = Worn(self._plain, [pipe.transformer], partial(check, base=BASE_OF["zimage"]))
        self._colours: torch.Tensor | None = None
        self.multiple_px: int = pipe.vae_scale_factor * 2
        modules = {"text_encoder": pipe.text_encoder, "transformer": pipe.transformer, "vae": pipe.vae}
        self.modules: Mapping[str, torch.nn.Module] = modules if net is None else {**modules, "controls": net}

    def group(self, work: Work) -> Hashable:
        """By size, steps, LoRAs and how the maps are followed. Every picture has its own maps, start and mask."""
        maps = tuple((m.strength, m.start, m.end, m.mask is None) for m in self._followed(work))
        painted = (work.width_px, work.height_px, work.steps, work.guidance, first_step(work))
        return painted, work.start is None, work.repaint is None, maps, work.adapters

    def spare(self, on: bool) -> None:
        """Decode in tiles and slices; off again."""
        spare_vae(self._plain.vae, on)

    def paint(self, works: Sequence[Work], on_step: OnStep) -> Painted:
        """Paint works of one group. Facts: `steps` that ran, `adapters` with the layers each LoRA changed, `notes` for
        the designer. Raises `EngineError` for a LoRA that cannot be worn."""
        adapters = self._worn.wear(works[0].adapters)
        pictures = whole_numbers(self.draw(works, on_step))
        cut = any(too_long(self._reader.tokenizer, work.prompt) for work in works)
        facts = {"steps": len(asked_sigmas(works[0])), "adapters": adapters, "notes": [CUT] if cut else []}
        return Painted(pictures, facts)

    @torch.no_grad()
    def draw(self, works: Sequence[Work], on_step: OnStep) -> np.ndarray:
        """The pictures of works of one group before they are rounded, N×H×W×3 in 0–1, with the LoRAs that are on."""
        first = works[0]
        device = self._plain._execution_device
        # 1. The words.
        prompts = [self._words(work.prompt).to(device) for work in works]
        avoided = [self._words(work.avoid).to(device) for work in works] if first.guidance > 0 else []
        # 2. The canvas: noise, or the start picture under noise.
        canvas = self._canvas(works, device)
        # 3. The pipeline, with maps to follow or without.
        pipe, followed = self._with_maps(works)
        pipe.set_progress_bar_config(disable=True)
        # 4. The steps, and the decoder.
        return pipe(
            prompt_embeds=prompts,
            negative_prompt_embeds=avoided,
            width=first.width_px,
            height=first.height_px,
            num_inference_steps=len(canvas.sigmas),
            sigmas=canvas.sigmas,
            latents=canvas.latents,
            guidance_scale=first.guidance,
            output_type="np",
            callback_on_step_end=each_step(canvas, lambda latents: latents, self._see, on_step),
            **followed,
        ).images

    def _with_maps(self, works: Sequence[Work]) -> tuple[Any, dict[str, Any]]:
        """The pipeline for some works, and what it wants of their maps: all the first ones, then all the second."""
        maps = list(zip(*(self._followed(work) for work in works), strict=True))
        if not maps:
            return self._plain, {}
        net: Any = self._net
        guides: Any = Guides(net, self._plain.transformer, maps, len(asked_sigmas(works[0])), self.multiple_px)
        followed: dict[str, Any] = {"control_image": [as_image(m.picture) for row in maps for m in row]}
        if works[0].repaint is None or net.config.control_in_dim == self._plain.transformer.in_channels:
            # The net of version 1 knows nothing of masks; what stays is laid back after each step all the same.
            return ZImageControlNetPipeline(**self._silent, controlnet=guides), followed
        followed["image"] = [as_image(work.start) for work in works if work.start is not None] * len(maps)
        followed["mask_image"] = [as_image(work.repaint) for work in works if work.repaint is not None] * len(maps)
        return ZImageControlNetInpaintPipeline(**self._silent, controlnet=guides), followed

    def _followed(self, work: Work) -> list[ControlMap]:
        return [m for m in work.controls if m.kind in FOLLOWED and m.strength > 0] if self._net is not None else []

    def _read(self, text: str) -> torch.Tensor:
        device = get_module_execution_device(self._reader.text_encoder)
        return self._reader.encode_prompt(text, device=device, do_classifier_free_guidance=False)[0][0]

    def _canvas(self, works: Sequence[Work], device: torch.device) -> Canvas:
        scheduler, first = self._plain.scheduler, works[0]
        tokens = (first.width_px // self.multiple_px) * (first.height_px // self.multiple_px)
        config = scheduler.config
        mu = calculate_shift(
            tokens,
            config.get("base_image_seq_len", 256),
            config.get("max_image_seq_len", 4096),
            config.get("base_shift", 0.5),
            config.get("max_shift", 1.15),
        )
        cells = Cells(self._plain.transformer.in_channels, self.multiple_px // 2, "nearest")
        # The pipelines keep latents in single precision, whatever the networks compute in.
        like = torch.empty(0, device=device, dtype=torch.float32)
        # As the pipelines do: those with a ControlNet do not draw for a start picture.
        drawn = not self._followed(first)

        def encode(picture: Pixels, generator: torch.Generator) -> torch.Tensor:
            ready = self._plain.image_processor.preprocess(as_image(picture))
            return self._encode(ready, generator if drawn else None)

        return lay_canvas(works, cells, encode, scheduler, mu, like)

    def _encode(self, ready: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Latents of 1×3×H×W in −1…1: drawn from what the VAE holds likely, or with no generator the likeliest."""
        vae = self._plain.vae
        seen = vae.encode(ready.to(get_module_execution_device(vae), vae.dtype))
        latents = retrieve_latents(seen, generator, "argmax" if generator is None else "sample")
        return (latents - vae.config.shift_factor) * vae.config.scaling_factor

    def _see(self, latents: torch.Tensor) -> list[Pixels]:
        if self._colours is None:
            vae = self._plain.vae
            like = torch.empty(0, dtype=vae.dtype, device=get_module_execution_device(vae))
            self._colours = learn_colours(self._encode, like)
        return in_colours(latents, self._colours)
