"""Latents to pictures: the finished ones through the VAE, one by one, and glimpses on the way."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import torch

from engines.base import Pixels, Plane

_LEVELS = (-0.9, -0.3, 0.3, 0.9)
_FLAT_PX = 64
_GLIMPSE_PX = 512
"""The longer side of a TAESD glimpse: a quarter of the arithmetic of a full one."""


@torch.no_grad()
def decode(vae: Any, latents: torch.Tensor) -> Iterator[Plane]:
    """Pictures (H×W×3, 0–1), one by one so that a batch needs no more memory than one. A VAE that says it overflows in
    half precision (`force_upcast`) runs in full."""
    if vae.config.force_upcast and vae.dtype == torch.float16:
        vae.to(dtype=torch.float32)
    for latent in latents:
        picture = vae.decode(unscaled(vae, latent[None]).to(vae.dtype), return_dict=False)[0]
        yield (picture[0].float() / 2 + 0.5).clamp(0, 1).permute(1, 2, 0).cpu().numpy()


def unscaled(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """Latents as the VAE knows them, from the scale in which the UNet works."""
    mean, std = (getattr(vae.config, name, None) for name in ("latents_mean", "latents_std"))
    if mean is None or std is None:
        return latents / vae.config.scaling_factor
    mean, std = (torch.tensor(v).view(1, -1, 1, 1).to(latents) for v in (mean, std))
    return latents * std / vae.config.scaling_factor + mean


class Glimpses:
    """Small pictures from latents in the UNet's scale. With a `tiny` decoder (`AutoencoderTiny`) those; else one pixel
    a latent, by the straight map that fits this VAE's own latents of flat colours best (found at the first glimpse)."""

    def __init__(self, vae: Any, tiny: Any = None) -> None:
        self._vae = vae
        self._tiny = tiny
        self._map: torch.Tensor | None = None

    @torch.no_grad()
    def __call__(self, latents: torch.Tensor) -> list[Pixels]:
        if self._tiny is not None:
            pictures = self._decoded(latents.to(self._tiny.dtype))
        else:
            self._map = flat_map(self._vae) if self._map is None else self._map
            ones = torch.ones_like(latents[:, :1])
            seen = torch.cat([unscaled(self._vae, latents), ones], dim=1).float()
            pictures = torch.einsum("bchw,cr->brhw", seen, self._map.to(seen.device))
        bytes_ = ((pictures.float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        return list(bytes_.permute(0, 2, 3, 1).cpu().numpy())

    def _decoded(self, latents: torch.Tensor) -> torch.Tensor:
        factor = 2 ** (len(self._tiny.config.decoder_block_out_channels) - 1)
        share = _GLIMPSE_PX / (max(latents.shape[-2:]) * factor)
        if share < 1:
            latents = torch.nn.functional.interpolate(latents, scale_factor=share, mode="area")
        return self._tiny.decode(latents, return_dict=False)[0]


@torch.no_grad()
def flat_map(vae: Any) -> torch.Tensor:
    """(C+1)×3: the least-squares map from a VAE's unscaled latents and 1 to sRGB in −1…1, over 64 flat colours. The
    middle of each encoding counts, as its rim knows the picture's edge."""
    colours = torch.tensor(np.array(list(product(_LEVELS, repeat=3))), dtype=torch.float32)
    where, kind = vae.device, torch.float32 if vae.config.force_upcast else vae.dtype
    vae.to(dtype=kind)
    latents = []
    for some in colours.split(16):
        flat = some[:, :, None, None].expand(-1, -1, _FLAT_PX, _FLAT_PX).to(where, kind)
        means = vae.encode(flat).latent_dist.mean
        h, w = means.shape[-2:]
        latents.append(means[..., h // 4 : h - h // 4, w // 4 : w - w // 4].float().mean(dim=(2, 3)).cpu())
    known = torch.cat(latents)
    known = torch.cat([known, torch.ones(len(known), 1)], dim=1)
    return torch.linalg.lstsq(known.double(), colours.double(), driver="gelsd").solution.float()
