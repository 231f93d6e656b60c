"""SDXL, distilled or not, on the stock pipelines of diffusers: words, a start picture, a mask, maps, references."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.controlnet.pipeline_controlnet_union_inpaint_sd_xl import (
    StableDiffusionXLControlNetUnionInpaintPipeline,
)
from diffusers.pipelines.controlnet.pipeline_controlnet_union_sd_xl import StableDiffusionXLControlNetUnionPipeline
from diffusers.pipelines.controlnet.pipeline_controlnet_union_sd_xl_img2img import (
    StableDiffusionXLControlNetUnionImg2ImgPipeline,
)
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl_img2img import (
    StableDiffusionXLImg2ImgPipeline,
)
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl_inpaint import (
    StableDiffusionXLInpaintPipeline,
)
from safetensors.torch import load_file

from engines.base import ControlMap, EngineError, Pixels, Plane
from engines.diffusion import latents, nets, sdxl_parts
from engines.diffusion.family import OnStep, Painted, Parts, Work
from engines.diffusion.looks import Looks
from engines.diffusion.lora import check
from engines.diffusion.profile import BASE_OF, Profile
from engines.diffusion.words import Words
from engines.diffusion.worn import Worn

MULTIPLE_PX = 64
_AGAIN = "Fetch the painter's weights again."
NETWORKS = ("unet", "controlnet", "text_encoder", "text_encoder_2", "image_encoder", "vae", "preview")


class _Ready:
    """The two steps of the stock pipelines that are done otherwise, and where they compute."""

    seat: torch.device
    unet: Any

    @property
    def _execution_device(self) -> torch.device:
        """Not where the first network happens to lie: some may be away for the time being."""
        return self.seat

    def prepare_ip_adapter_image_embeds(
        self, ip_adapter_image: Any, ip_adapter_image_embeds: list[torch.Tensor], *_: Any, **__: Any
    ) -> list[torch.Tensor]:
        """They are ready for the whole batch, each picture with its own; the stock step repeats one set for all."""
        return ip_adapter_image_embeds

    def prepare_mask_latents(self, mask: torch.Tensor, masked_image: Any, *rest: Any, **more: Any) -> Any:
        """Without encoding the masked picture, which only a UNet with nine channels reads: a whole pass of the VAE."""
        stock: Any = super()
        return stock.prepare_mask_latents(
            mask, masked_image if self.unet.config.in_channels == 9 else None, *rest, **more
        )


class _Text(_Ready, StableDiffusionXLPipeline): ...


class _Start(_Ready, StableDiffusionXLImg2ImgPipeline): ...


class _Repaint(_Ready, StableDiffusionXLInpaintPipeline): ...


class _ControlText(_Ready, StableDiffusionXLControlNetUnionPipeline): ...


class _ControlStart(_Ready, StableDiffusionXLControlNetUnionImg2ImgPipeline): ...


class _ControlRepaint(_Ready, StableDiffusionXLControlNetUnionInpaintPipeline): ...


PIPELINES: Mapping[tuple[str, bool], Any] = {
    ("text", False): _Text, ("start", False): _Start, ("repaint", False): _Repaint,
    ("text", True): _ControlText, ("start", True): _ControlStart, ("repaint", True): _ControlRepaint,
}  # fmt: skip


def load(profile: Profile, parts: Parts, device: str | torch.device = "cpu", dtype: torch.dtype | None = None) -> Sdxl:
    """An SDXL painter from its parts (named in `engines.diffusion.profile`). `dtype`: half precision on a GPU and full
    elsewhere when not said. Raises `EngineError` when a part is missing or does not fit."""
    device = torch.device(device)
    dtype = dtype or (torch.float16 if device.type == "cuda" else torch.float32)
    made = sdxl_parts.components(profile, parts.paths, dtype)
    for name in NETWORKS:
        if name in made:
            made[name].to(device)
            if device.type == "cuda" and name in ("unet", "controlnet", "vae", "preview"):
                made[name].to(memory_format=torch.channels_last)
    return Sdxl(made, parts.paths, device)


class Sdxl:
    """See `engines.diffusion.family.Family`. `device` is where it computes; whoever lets the networks lie elsewhere and
    brings them there when they are called sets it."""

    multiple_px = MULTIPLE_PX

    def __init__(self, made: Mapping[str, Any], paths: Mapping[str, Path], device: torch.device) -> None:
        self.device = device
        self.modules: dict[str, Any] = {name: made[name] for name in NETWORKS if name in made}
        self._shared = {name: part for name, part in made.items() if name not in ("controlnet", "preview")}
        self._shared["scheduler"].step = self._watched(self._shared["scheduler"].step)
        self._passes = nets.Passes(made["controlnet"]) if "controlnet" in made else None
        self._pipelines: dict[tuple[str, bool], Any] = {}
        self._words = Words([made["tokenizer"], made["tokenizer_2"]], [made["text_encoder"], made["text_encoder_2"]])
        adapters = sdxl_parts.adapter_files(paths)
        self._looks = Looks(made["unet"], made.get("image_encoder"), made.get("feature_extractor"), list(adapters))
        self._adapters = bool(adapters)
        changed = [made["unet"], made["text_encoder"], made["text_encoder_2"]]
        self._worn = Worn(self._pipeline("text", False), changed, functools.partial(check, base=BASE_OF["sdxl"]))
        self._glimpses = latents.Glimpses(made["vae"], made.get("preview"))
        self._clean: torch.Tensor | None = None
        self._usual = self._in_use = paths.get("unet")
        special = {int(name.removeprefix("unet-")): file for name, file in paths.items() if name.startswith("unet-")}
        self._weights = special if self._usual else {}
        self._stand_ins: dict[str, Any] = {}

    # ---------------------------------------------------------------------------------------------- the family's verbs

    def group(self, work: Work) -> Hashable:
        """Works of equal value may be painted together."""
        controls = tuple((c.kind, c.strength, c.start, c.end, c.mask is None) for c in nets.heard(work.controls))
        references = tuple((r.use, r.weight, r.mask is None) for r in work.references)
        start = (work.start is None, work.start is not None and work.strength, work.repaint is None)
        sizes = (work.width_px, work.height_px, work.steps, work.guidance, self._windows(work))
        return sizes, start, controls, references, work.adapters

    def paint(self, works: Sequence[Work], on_step: OnStep) -> Painted:
        """Paint works of one group. `steps` names the schedule the model was made for; from a start picture only its
        last part runs (`begun`). Facts: `steps` that ran, `adapters` with the layers each LoRA changed, and
        `control_passes` of the ControlNet."""
        facts: dict[str, Any] = {}
        pictures = [np.rint(plane * 255).astype(np.uint8) for plane in self.planes(works, on_step, facts)]
        return Painted(pictures, facts)

    def windows(self, works: Sequence[Work]) -> int:
        """How many windows of 77 tokens the words of these works fill, together in a batch."""
        return max(self._windows(work) for work in works)

    def after_lora(self, do: Callable[[], None]) -> None:
        """Call this whenever a LoRA was put on."""
        self._worn.after = do

    def use(self, stand_ins: Mapping[str, Any]) -> None:
        """Paint with these in place of the networks of the same names, and with the networks themselves where none is
        named. A large network that is stood in for waits in main memory; its layers that read references, which the
        stand-in calls, stay on the device."""
        if stand_ins.keys() == self._stand_ins.keys() and all(stand_ins[n] is s for n, s in self._stand_ins.items()):
            return
        for name in ("unet", "controlnet"):
            if name in self.modules and (name in stand_ins) != (name in self._stand_ins):
                self._lay(self.modules[name], "cpu" if name in stand_ins else self.device)
        self._stand_ins = dict(stand_ins)
        self._pipelines = {}
        for name in ("unet", "vae"):
            self._shared[name] = self._now(name)
        self._looks.unet = self._now("unet")
        if self._passes is not None:
            self._passes.net = self._now("controlnet")

    def _now(self, name: str) -> Any:
        return self._stand_ins.get(name, self.modules[name])

    def _lay(self, network: Any, where: str | torch.device) -> None:
        network.to(where)
        projection = getattr(network, "encoder_hid_proj", None)
        if projection is not None:
            projection.to(self.device)

    def spare(self, on: bool) -> None:
        """Decode in tiles and slices, to need less memory; off again. Only the VAE: tiles of TAESD hold other sizes."""
        vae = self.modules["vae"]
        for way in ("tiling", "slicing"):
            getattr(vae, f"{'enable' if on else 'disable'}_{way}")()

    def planes(self, works: Sequence[Work], on_step: OnStep, facts: dict[str, Any]) -> list[Plane]:
        """The pictures before they are rounded to bytes: H×W×3, 0–1. Fills `facts`."""
        first = works[0]
        # 1. What the UNet is and wears.
        if "unet" not in self._stand_ins:  # an engine has its weights in it
            self._choose_weights(first.steps)
        facts["adapters"] = self._worn.wear(first.adapters)
        # 2. Words, and what guidance turns away from.
        asked = self._spoken(works)
        # 3. References.
        asked |= self._looked(works)
        # 4. Maps.
        controls = nets.heard(first.controls)
        asked |= self._controlled(works, controls)
        # 5. Noise: a generator of its own for each work, on the CPU, so that neither neighbours nor devices change it.
        asked["generator"] = [torch.Generator("cpu").manual_seed(work.seed) for work in works]
        # 6. The start, the mask, and the pipeline for them.
        way, more = self._started(works)
        pipeline = self._pipeline(way, bool(controls))
        before = self._passes.ran if self._passes else 0
        done = self._run(pipeline, asked | more, first, on_step)
        facts["steps"] = pipeline.num_timesteps
        facts["control_passes"] = (self._passes.ran if self._passes else 0) - before
        # 7. Pixels.
        return list(latents.decode(self._now("vae"), done))

    # ----------------------------------------------------------------------------------------------------------- steps

    def _choose_weights(self, steps: int) -> None:
        """A distilled UNet may have weights of its own for so many steps (parts `unet-8` and the like)."""
        wanted = self._weights.get(steps, self._usual)
        if wanted is None or wanted == self._in_use:
            return
        self._worn.take_off()
        self._in_use = None
        try:
            wrong = self.modules["unet"].load_state_dict(load_file(wanted), strict=False)
        except (RuntimeError, OSError) as error:
            if isinstance(error, RuntimeError) and "size mismatch" not in str(error):
                raise  # what the card or its driver says is not about the file
            raise EngineError(f"{wanted.name} does not fit the base model", _AGAIN) from error
        # The references' own layers are in none of these files.
        if wrong.unexpected_keys or any("_ip." not in k and "encoder_hid_proj" not in k for k in wrong.missing_keys):
            raise EngineError(f"{wanted.name} does not fit the base model", _AGAIN)
        self._in_use = wanted

    def _guided(self, work: Work) -> bool:
        return work.guidance > 1 and self.modules["unet"].config.time_cond_proj_dim is None

    def _windows(self, work: Work) -> int:
        texts = [work.prompt, work.avoid] if self._guided(work) else [work.prompt]
        return max(self._words.windows(text) for text in texts)

    def _spoken(self, works: Sequence[Work]) -> dict[str, Any]:
        windows = self.windows(works)
        read = functools.partial(self._words.read, windows=windows, device=self.device, worn=self._worn.key)
        said = [read(work.prompt) for work in works]
        asked = {
            "prompt_embeds": torch.cat([s[0] for s in said]),
            "pooled_prompt_embeds": torch.cat([s[1] for s in said]),
        }
        if self._guided(works[0]):
            away = [read(w.avoid) if w.avoid else self._words.nothing(s) for w, s in zip(works, said, strict=True)]
            asked["negative_prompt_embeds"] = torch.cat([a[0] for a in away])
            asked["negative_pooled_prompt_embeds"] = torch.cat([a[1] for a in away])
        return asked

    def _looked(self, works: Sequence[Work]) -> dict[str, Any]:
        self._looks.check(works[0].references)
        if not self._adapters:
            return {}
        guided = self._guided(works[0])
        self._looks.set(works[0].references)
        asked: dict[str, Any] = {"ip_adapter_image_embeds": self._looks.embeds(works, guided, self.device)}
        masks = self._looks.masks(works, guided, self.device)
        if masks is not None:
            asked["cross_attention_kwargs"] = {"ip_adapter_masks": masks}
        return asked

    def _controlled(self, works: Sequence[Work], controls: Sequence[ControlMap]) -> dict[str, Any]:
        if not controls:
            return {}
        if self._passes is None:
            raise EngineError(
                "This painter's ControlNet is not on this machine",
                "Fetch it with the painter's weights, or take the maps off.",
            )
        rows = [nets.heard(work.controls) for work in works]
        passes = []
        for places in nets.arrange(controls):
            masks = [row[places[0]].mask for row in rows]
            mask = None if masks[0] is None else _stack([m for m in masks if m is not None])[:, None].to(self.device)
            passes.append(nets.Pass(places, mask))
        self._passes.passes = tuple(passes)
        return {
            "control_image": [_pictures([row[place].picture for row in rows]) for place in range(len(controls))],
            "control_mode": [nets.KINDS[control.kind] for control in controls],
            "controlnet_conditioning_scale": [float(control.strength) for control in controls],
            "control_guidance_start": [control.start for control in controls],
            "control_guidance_end": [control.end for control in controls],
        }

    def _started(self, works: Sequence[Work]) -> tuple[str, dict[str, Any]]:
        first = works[0]
        size = {"width": first.width_px, "height": first.height_px}
        if first.start is None:
            return "text", size
        starts = _pictures([work.start for work in works if work.start is not None])
        more: dict[str, Any] = {"image": starts, "strength": begun(first.steps, first.strength)}
        if first.repaint is None:
            return "start", more
        more["mask_image"] = _stack([work.repaint for work in works if work.repaint is not None])[:, None]
        return "repaint", more | size

    def _run(self, pipeline: Any, asked: dict[str, Any], first: Work, on_step: OnStep) -> torch.Tensor:
        def after(_: Any, step: int, __: Any, told: dict[str, Any]) -> dict[str, Any]:
            there = told["latents"] if self._clean is None else self._clean
            on_step(step + 1, pipeline.num_timesteps, lambda: self._glimpses(there))
            return {}

        pipeline.seat = self.device
        try:
            return pipeline(
                num_inference_steps=first.steps,
                guidance_scale=first.guidance,
                output_type="latent",
                callback_on_step_end=after,
                **asked,
            ).images
        finally:
            self._clean = None

    def _pipeline(self, way: str, controlled: bool) -> Any:
        if (way, controlled) not in self._pipelines:
            more = {"controlnet": self._passes} if controlled else {}
            pipeline = PIPELINES[way, controlled](**self._shared, **more, add_watermarker=False)
            pipeline.set_progress_bar_config(disable=True)
            self._pipelines[way, controlled] = pipeline
        return self._pipelines[way, controlled]

    def _watched(self, step: Any) -> Any:
        """A scheduler's step that also keeps what it takes the finished latents to be: the clearest thing to show."""

        @functools.wraps(step)
        def watched(*given: Any, **named: Any) -> Any:
            told = step(*given, **named)
            self._clean = told[1] if isinstance(told, tuple) and len(told) > 1 else None
            return told

        return watched


def begun(steps: int, strength: float) -> float:
    """The strength for the pipelines, which run the last `int(steps * strength)` of the schedule's steps: to the
    nearest step, at least one, and never all while anything of the start is to be kept.

    A model distilled to few steps knows only the noise levels of its own schedule, so a start never stretches it.
    """
    if strength >= 1 or steps == 1:
        return 1.0
    return (min(max(round(steps * strength), 1), steps - 1) + 0.5) / steps


def _pictures(pictures: Sequence[Pixels]) -> torch.Tensor:
    return _stack(pictures).permute(0, 3, 1, 2)


def _stack(arrays: Sequence[Pixels]) -> torch.Tensor:
    return torch.from_numpy(np.stack(arrays)).float() / 255
