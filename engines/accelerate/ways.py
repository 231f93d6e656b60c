"""The ways a bench compares, on one set of weights: the stock pipeline of diffusers, ours as it is, ours on engines."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.controlnet.pipeline_controlnet_union_sd_xl import StableDiffusionXLControlNetUnionPipeline
from diffusers.pipelines.controlnet.pipeline_controlnet_union_sd_xl_img2img import (
    StableDiffusionXLControlNetUnionImg2ImgPipeline,
)
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from engines.accelerate.bench import Warm, Way
from engines.accelerate.compiled import Compiled, compile_modules
from engines.accelerate.ladder import Ladder
from engines.base import ControlMap, EngineError, ReferencePicture
from engines.diffusion import nets, sdxl, sdxl_parts
from engines.diffusion.family import Work
from engines.diffusion.placement import Machine
from engines.diffusion.profile import Profile

WORDS = "a bottle on a stone shelf by a window, soft morning light, linen, empty space on the left"
ADAPTERS = ("references", "face", "image_encoder")
PRECISION = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}
TOLERANCE: Mapping[str, float] = {"fp32": 2 / 255, "fp16": 0.1, "bf16": 0.1}
"""How far the pictures of two ways may be apart, by precision. Half precision strays step by step."""


@dataclass
class Rig:
    """One set of networks, and two ways of using it. `parts` are the components of the stock pipelines by name,
    `adapters` the parts that say which adapters the UNet carries."""

    family: sdxl.Sdxl
    parts: dict[str, Any]
    device: torch.device
    dtype: torch.dtype
    adapters: Mapping[str, Path]

    def ours(self, works: Sequence[Work], mark: Callable[[], None] = lambda: None) -> list[np.ndarray]:
        """Our painter's pictures, H×W×3, 0–1; `mark` is called after every step."""
        return self.family.planes(works, lambda done, of, look: mark(), {})

    def stock(self, works: Sequence[Work], mark: Callable[[], None] = lambda: None) -> list[np.ndarray]:
        """The same by the stock pipeline, called as its documentation says: words and pictures in, pixels out."""
        return [self._stock(work, mark) for work in works]

    def _stock(self, work: Work, mark: Callable[[], None]) -> np.ndarray:
        self.parts["scheduler"] = EulerDiscreteScheduler.from_config(self.parts["scheduler"].config)
        parts = {name: part for name, part in self.parts.items() if name not in ("controlnet", "preview")}
        asked: dict[str, Any] = {"width": work.width_px, "height": work.height_px}
        kind: Any = StableDiffusionXLPipeline
        if work.controls:
            kind, parts["controlnet"] = StableDiffusionXLControlNetUnionPipeline, self.parts["controlnet"]
            if work.start is not None:
                kind = StableDiffusionXLControlNetUnionImg2ImgPipeline
                asked = {"image": Image.fromarray(work.start), "strength": sdxl.begun(work.steps, work.strength)}
            asked |= {
                "control_image": [Image.fromarray(one.picture) for one in work.controls],
                "control_mode": [nets.KINDS[one.kind] for one in work.controls],
                "controlnet_conditioning_scale": [one.strength for one in work.controls],
                "control_guidance_start": [one.start for one in work.controls],
                "control_guidance_end": [one.end for one in work.controls],
            }
        pipe = kind(**parts, add_watermarker=False)
        pipe.set_progress_bar_config(disable=True)
        if work.references:
            # Every reference here is a product: in all blocks, with its own weight. A second adapter, for faces, is
            # silent; the stock pipeline wants a picture for it nevertheless.
            count = len(self.parts["unet"].encoder_hid_proj.image_projection_layers)
            pipe.set_ip_adapter_scale([work.references[0].weight, *[0.0] * (count - 1)])
            asked["ip_adapter_image"] = [Image.fromarray(work.references[0].picture)] * count

        def after(_: Any, step: int, __: Any, told: dict[str, Any]) -> dict[str, Any]:
            mark()
            return {}

        return pipe(
            prompt=work.prompt,
            num_inference_steps=work.steps,
            guidance_scale=work.guidance,
            generator=torch.Generator("cpu").manual_seed(work.seed),
            callback_on_step_end=after,
            output_type="np",
            **asked,
        ).images[0]


def open_rig(profile: Profile, paths: Mapping[str, Path], machine: Machine) -> Rig:
    """A painter's networks on the device. Raises `EngineError`."""
    if profile.family != "sdxl":
        raise EngineError(f"The bench knows painters of the SDXL family; {profile.id} is none", "Name another painter.")
    kept = {name: path for name, path in paths.items() if name != "preview" and not name.startswith("unet-")}
    made = sdxl_parts.components(profile, kept, machine.dtype)
    device = torch.device(machine.device)
    made = {name: part.to(device) if isinstance(part, torch.nn.Module) else part for name, part in made.items()}
    return rig(made, {name: kept[name] for name in ADAPTERS if name in kept}, device)


def rig(made: dict[str, Any], adapters: Mapping[str, Path], device: torch.device) -> Rig:
    """A rig of components that lie on the device; `adapters` as in a painter's parts."""
    if device.type == "cuda":
        for name in ("unet", "controlnet", "vae"):
            if name in made:
                made[name].to(memory_format=torch.channels_last)
    # Ours watches the scheduler's steps; the stock pipeline gets one of its own.
    family = sdxl.Sdxl({**made, "scheduler": copy.deepcopy(made["scheduler"])}, adapters, device)
    return Rig(family, made, device, next(made["unet"].parameters()).dtype, adapters)


def a_work(at: Rig, width_px: int, height_px: int, steps: int, guidance: float = 0.0) -> tuple[str, Work]:
    """What an ad asks of a painter, as far as this one can do it: words, a depth map, a product to look at; and what
    that is called."""
    controls = (ControlMap("depth", _picture(width_px, height_px, 1)),) if "controlnet" in at.parts else ()
    look = ReferencePicture("product", _picture(width_px, height_px, 2))
    references = (look,) if {"references", "image_encoder"} <= set(at.adapters) else ()
    case = " and ".join(["words", *["a map"] * len(controls), *["a reference"] * len(references)])
    return case, Work(width_px, height_px, 1, steps, WORDS, guidance=guidance, controls=controls, references=references)


def _picture(width_px: int, height_px: int, seed: int) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return np.array(Image.fromarray(small).resize((width_px, height_px), Image.Resampling.BICUBIC))


# ------------------------------------------------------------------------------------------------ ways


def ways_of(at: Rig, work: Work, machine: Machine, ladders: Mapping[str, Ladder], batch: int = 1) -> list[Way]:
    """The stock pipeline, ours, on a card ours compiled by torch, without and with sums in half precision, and ours on
    the engines of each ladder by name, in this order."""
    counts: dict[str, float] = {}
    precision = PRECISION[at.dtype]
    make = partial(Way, arithmetic=precision, tolerance=TOLERANCE[precision], batch=batch)
    found = []
    for name, run in (("stock", at.stock), ("ours", at.ours)):
        warm = partial(_counted, name, run, _some(work, batch, 1), counts)
        found.append(make(name, machine.runtime, warm=warm, paint=partial(_timed, run, work, batch, machine)))
    for halves in (False, True) if machine.device == "cuda" else ():
        fast = _Compiled(at, work, machine, halves, batch, counts)
        name, sums = ("ours, compiled, fp16 sums", "fp16 sums") if halves else ("ours, compiled", precision)
        paint = partial(_timed, fast.run, work, batch, machine)
        found.append(replace(make(name, name, warm=fast.warm, paint=paint), arithmetic=sums))
    for name, ladder in ladders.items():
        engines = _Engines(at, work, ladder, batch, counts)
        paint = partial(_timed, engines.run, work, batch, machine)
        found.append(make(f"ours, {name}", name, warm=engines.warm, paint=paint))
    return found


Run = Callable[[Sequence[Work], Callable[[], None]], list[np.ndarray]]


def _counted(name: str, run: Run, works: Sequence[Work], counts: dict[str, float]) -> Warm:
    run(works, lambda: None)  # ours keeps words and references; what they took is of the first picture alone
    with FlopCounterMode(display=False) as counted:
        pictures = run(works, lambda: None)
    counts[name] = counted.get_total_flops() / 1e12
    return Warm(np.stack(pictures), counts[name])


def _timed(run: Run, work: Work, batch: int, machine: Machine, seed: int) -> dict[str, float]:
    """Seconds by stage. The first step is taken to have lasted as long as the others; what came before are words."""
    times: list[float] = []

    def mark() -> None:
        machine.sync()
        times.append(time.perf_counter())

    mark()
    run(_some(work, batch, seed), mark)
    mark()
    begun, *steps, ended = times
    if not steps:
        return {}
    denoise = steps[-1] - steps[0]
    first = min(denoise / (len(steps) - 1) if len(steps) > 1 else steps[0] - begun, steps[0] - begun)
    return {"words": steps[0] - begun - first, "denoise": denoise + first, "decode": ended - steps[-1]}


def _some(work: Work, batch: int, seed: int) -> list[Work]:
    return [replace(work, seed=seed * batch + number) for number in range(batch)]


@dataclass
class _Compiled:
    """Ours with compiled blocks, which are put on for a picture and taken off after it."""

    at: Rig
    work: Work
    machine: Machine
    halves: bool
    batch: int
    counts: Mapping[str, float]
    made: Compiled | None = None

    def warm(self) -> Warm:
        self.made = made = compile_modules(self.at.family.modules, self.machine, half_sums=self.halves)
        works = _some(self.work, self.batch, 1)
        try:
            self.at.ours(works)
            picture = np.stack(self.at.ours(works))
            if not made.networks:
                raise EngineError("; ".join(made.notes))
            return Warm(picture, self.counts.get("ours", 0.0), made.runtime)
        finally:
            made.take_off()

    def run(self, works: Sequence[Work], mark: Callable[[], None]) -> list[np.ndarray]:
        assert self.made is not None
        self.made.put_on()
        try:
            return self.at.ours(works, mark)
        finally:
            self.made.take_off()


@dataclass
class _Engines:
    """Ours with engines in place of networks, loaded at the warm-up. Counts as ours does: it is the same arithmetic."""

    at: Rig
    work: Work
    ladder: Ladder
    batch: int
    counts: Mapping[str, float]
    family: Any = None

    def warm(self) -> Warm:
        chosen = self.ladder.choose(self.at.family.modules, self.work, self.batch)
        if "unet" not in chosen.modules:
            raise EngineError("; ".join(chosen.told) or "no engine is built", "Build one: engines build.")
        made = {**self.at.parts, **chosen.modules, "scheduler": copy.deepcopy(self.at.parts["scheduler"])}
        self.family = sdxl.Sdxl(made, self.at.adapters, self.at.device)
        works = _some(self.work, self.batch, 1)
        self.run(works, lambda: None)
        return Warm(np.stack(self.run(works, lambda: None)), self.counts.get("ours", 0.0), chosen.runtime)

    def run(self, works: Sequence[Work], mark: Callable[[], None]) -> list[np.ndarray]:
        return self.family.planes(works, lambda done, of, look: mark(), {})
