"""From noise to latents in few steps, in numpy: the schedule of `engines.nano.noise` without torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from engines.base import Plane

STEPS = 1000
_BEGIN, _END = 0.00085, 0.012
"""The betas of SDXL's own schedule (Podell et al. 2023)."""
Velocity = Callable[[Plane, int, float], Plane]
"""Latents, time step (0–999) and how far along the schedule that is (0–1) to v."""


@cache
def shares() -> tuple[Plane, Plane]:
    """Signal and noise at the thousand time steps; at −1, the last place, nothing but signal. Betas are rescaled until
    the last step is nothing but noise (Lin et al., Common diffusion noise schedules are flawed, 2023)."""
    betas = np.linspace(_BEGIN**0.5, _END**0.5, STEPS) ** 2
    root = np.sqrt(np.cumprod(1 - betas))
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    signal = np.append(root, 1.0)
    return signal.astype(np.float32), np.sqrt(1 - signal**2).astype(np.float32)


def trail(count: int) -> list[int]:
    """`count` time steps from pure noise down, and −1 for clean at the end."""
    return [*(np.round(np.arange(STEPS, 0, -STEPS / count))[:count].astype(int) - 1).tolist(), -1]


def first_step(count: int, strength: float) -> int:
    """At which of `count` steps painting begins when `strength` (0–1) of the start picture is given up."""
    return count - min(max(int(count * strength + 1e-6), 1), count)


@dataclass(frozen=True, eq=False)
class Begun:
    """What painting starts from: `noise` N×16×h×w; `start` latents of the same size, or None; `first`, the step it
    begins at; `repaint` N×1×h×w, 1 where to paint and 0 where the start stays, or None."""

    noise: Plane
    start: Plane | None = None
    first: int = 0
    repaint: Plane | None = None


def sample(velocity: Velocity, begun: Begun, count: int, on_step: Callable[[int, int, Plane], None]) -> Plane:
    """Deterministic steps (DDIM in terms of v, Salimans & Ho 2022) to clean latents. `on_step(done, of, clean)` gets
    what the latents look like so far. What is not repainted follows the start picture's own way through the noise."""
    signal, noisy = shares()
    steps = trail(count)
    latents = begun.noise
    if begun.start is not None and begun.first > 0:
        at = steps[begun.first]
        latents = signal[at] * begun.start + noisy[at] * begun.noise
    for place in range(begun.first, count):
        at, to = steps[place], steps[place + 1]
        v = velocity(latents, at, place / count)
        clean, noise = signal[at] * latents - noisy[at] * v, noisy[at] * latents + signal[at] * v
        latents = signal[to] * clean + noisy[to] * noise
        if begun.repaint is not None and begun.start is not None:
            kept = signal[to] * begun.start + noisy[to] * begun.noise
            latents = begun.repaint * latents + (1 - begun.repaint) * kept
        on_step(place + 1 - begun.first, count - begun.first, clean)
    return latents
