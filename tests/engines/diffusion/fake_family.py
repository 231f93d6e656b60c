"""A family that paints noise by the seed, on a pretended card: memory runs out and drivers fail where a test says so."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from engines.base import Pixels
from engines.diffusion.family import OnStep, Painted, Parts, Work
from engines.diffusion.painter import DiffusionPainter
from engines.diffusion.placement import Machine
from engines.diffusion.profile import Profile
from engines.residency import Residency

GB = 1_000_000_000
PROFILE = Profile("fake", "Fake", "sdxl", {"normal": 4}, least_px=0.0)


@dataclass(frozen=True)
class Card(Machine):
    """The processor, pretending to be a card beside a main memory."""

    alive: list[bool] = field(default_factory=lambda: [True], hash=False, compare=False)

    @property
    def offloads(self) -> bool:
        return True

    def answers(self) -> bool:
        return self.alive[0]


@dataclass
class Script:
    """What happens: at a stage (`load`, `words`, `step 2`, `decode`) the next of its errors is raised, if any is left; one
    that is no error is called.
    `refuses(batch, spare, mode)` says whether memory runs out while decoding."""

    errors: dict[str, list[Any]] = field(default_factory=dict)
    refuses: Callable[[int, bool, str], bool] = lambda batch, spare, mode: False
    seen: list[str] = field(default_factory=list)
    loads: int = 0

    def at(self, stage: str) -> None:
        self.seen.append(stage)
        if self.errors.get(stage):
            error = self.errors[stage].pop(0)
            if not isinstance(error, Exception):
                error()
                return
            raise error


def pixels(work: Work) -> Pixels:
    coarse = np.random.default_rng(work.seed).integers(40, 216, (work.height_px // 8, work.width_px // 8, 3), np.uint8)
    return np.repeat(np.repeat(coarse, 8, axis=0), 8, axis=1)


class FakeFamily:
    multiple_px = 8

    def __init__(self, script: Script) -> None:
        self.script, self.spared = script, False
        self.modules: dict[str, Any] = {name: torch.nn.Linear(4, 4) for name in ("unet", "text_encoder", "vae")}

    @property
    def mode(self) -> str:
        away = [name for name, module in self.modules.items() if hasattr(module, "_diffusers_hook")]
        return "group" if "unet" in away else "words off" if away else "resident"

    def group(self, work: Work) -> Hashable:
        return work.prompt

    def paint(self, works: Sequence[Work], on_step: OnStep) -> Painted:
        self.script.at("words")
        for step in range(1, works[0].steps + 1):
            self.script.at(f"step {step}")
            on_step(step, works[0].steps, lambda: [pixels(work)[::8, ::8] for work in works])
        self.script.at("decode")
        if self.script.refuses(len(works), self.spared, self.mode):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return Painted([pixels(work) for work in works], {"family": "fake"})

    def spare(self, on: bool) -> None:
        self.spared = on


def module(script: Script) -> types.ModuleType:
    """What stands in for `engines.diffusion.sdxl`."""
    made = types.ModuleType("engines.diffusion.sdxl")

    def load(profile: Profile, parts: Parts, device: str, dtype: torch.dtype) -> FakeFamily:
        script.at("load")
        script.loads += 1
        return FakeFamily(script)

    vars(made)["load"] = load
    return made


def put_in(script: Script) -> None:
    """For a process of its own."""
    sys.modules["engines.diffusion.sdxl"] = module(script)


def painter(residency: Residency | None = None, card: Machine | None = None) -> DiffusionPainter:
    return DiffusionPainter(
        PROFILE, Parts({}, "0123456789abcdef"), card or Card("cpu", torch.float32), residency or Residency(24 * GB)
    )
