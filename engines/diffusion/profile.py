"""Profiles: what a painter is made of and how it is asked, as data from `presets/profiles.toml`. Loads no torch.

Parts of the SDXL family, by name: `base` (a folder in diffusers' layout: tokenizers, text encoders, scheduler, and a
unet and vae unless given apart), `unet` (one safetensors file with a UNet's weights, for `base/unet/config.json`),
`vae` (a folder), `checkpoint` (one safetensors file with everything, in place of those), `controls` (a folder with a
ControlNet-Union), `references` and `face` (IP-Adapter files), `image_encoder` (a folder), `preview` (a TAESD folder).
Parts of the other families: `base` (the whole pipeline's folder), `controls` (where there is one).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Profile:
    """One painter. `parts` and `extras` name weights of the manifest by part; without an extra the painter works, less
    able. `scheduler` holds changes to the scheduler's own settings."""

    id: str
    name: str
    family: Literal["sdxl", "flux2", "zimage"]
    steps: Mapping[str, int]
    """Denoising steps by effort: `normal`, and perhaps `quick` and `quality`."""
    guidance: float = 0.0
    scheduler: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    extras: Mapping[str, str] = field(default_factory=dict)
    start_strength: float = 0.85
    """How much of a start picture (a set's colours, blocks of a sketch) is given up to the noise."""
    set_strength: float = 0.6
    """How strongly the depth of a set is followed."""
    experimental: bool = False
