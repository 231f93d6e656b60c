"""Noise and its way back: v-prediction on a schedule that ends in pure noise, and the deterministic sampler.

Salimans & Ho, Progressive distillation, 2022 (v, and DDIM in its terms); Lin et al., Common diffusion noise schedules
are flawed, 2023 (zero terminal signal, trailing steps). The numbers are those of the stock `EulerDiscreteScheduler`
with `rescale_betas_zero_snr`, so what is learned here is what the pipeline samples.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from torch import Tensor

from .steps import STEPS, trail

Velocity = Callable[[Tensor, Tensor], Tensor]
"""Noisy latents and their N time steps to v, all in full precision."""


def scheduler() -> EulerDiscreteScheduler:
    """The sampler that ships with the model."""
    return EulerDiscreteScheduler(
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
    )


class Schedule:
    """How much signal and noise there is at each of the thousand time steps; step −1 is the clean picture."""

    def __init__(self, device: str | torch.device = "cpu") -> None:
        kept = scheduler().alphas_cumprod.double()
        kept[-1] = 0.0
        kept = torch.cat([kept, kept.new_ones(1)])  # the last one is reached as [−1]
        self._signal, self._noise = (part.sqrt().float().to(device) for part in (kept, 1 - kept))

    def mix(self, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Shares of signal and of noise at `steps` (N), each N×1×1×1."""
        return self._signal[steps][:, None, None, None], self._noise[steps][:, None, None, None]

    def noised(self, clean: Tensor, noise: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """The noisy latents and the v to be predicted from them."""
        signal, noisy = self.mix(steps)
        return signal * clean + noisy * noise, signal * noise - noisy * clean

    def parts(self, latents: Tensor, velocity: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """The clean latents and the noise that v says there are."""
        signal, noisy = self.mix(steps)
        return signal * latents - noisy * velocity, noisy * latents + signal * velocity

    def stride(self, latents: Tensor, velocity: Tensor, steps: Tensor, to: Tensor) -> Tensor:
        """One deterministic step from `steps` to the earlier `to` (−1 for clean)."""
        clean, noise = self.parts(latents, velocity, steps)
        signal, noisy = self.mix(to)
        return signal * clean + noisy * noise

    def target(self, latents: Tensor, reached: Tensor, steps: Tensor, to: Tensor) -> Tensor:
        """The v with which one stride from `latents` at `steps` lands on `reached` at `to`."""
        signal, noisy = self.mix(steps)
        signal_to, noisy_to = self.mix(to)
        # reached = signal_to·(signal·z − noisy·v) + noisy_to·(noisy·z + signal·v), solved for v
        return (reached - (signal_to * signal + noisy_to * noisy) * latents) / (noisy_to * signal - signal_to * noisy)


def steps_for(count: int, generator: torch.Generator) -> Tensor:
    """Time steps to train on: half of them spread evenly, half around the middle (the logit-normal of Esser et al.,
    Stable Diffusion 3, 2024), where structure is decided; and now and then the last, which the others hardly teach."""
    even = torch.rand(count, generator=generator)
    middle = torch.sigmoid(torch.randn(count, generator=generator) + 0.3)
    chosen = torch.where(torch.rand(count, generator=generator) < 0.5, even, middle)
    steps = (chosen * STEPS).long().clamp(0, STEPS - 1)
    return torch.where(torch.rand(count, generator=generator) < 0.04, torch.full_like(steps, STEPS - 1), steps)


@torch.no_grad()
def sample(velocity: Velocity, noise: Tensor, count: int, schedule: Schedule) -> Tensor:
    """`count` deterministic steps from noise to clean latents."""
    latents, steps = noise, trail(count)
    for now, then in pairwise(steps):
        at, to = (torch.full((len(noise),), step, device=noise.device) for step in (now, then))
        latents = schedule.stride(latents, velocity(latents, at), at, to)
    return latents
