"""References through IP-Adapters: what of a picture is used where in the UNet, how strongly, and where in the picture.

Which blocks carry what is from InstantStyle (Wang et al. 2024, arXiv 2404.02733): the second attention of the first up
block draws style, the second of the last down block layout.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.attention_processor import IPAdapterAttnProcessor, IPAdapterAttnProcessor2_0
from diffusers.models.embeddings import ImageProjection
from PIL import Image
from safetensors import safe_open

from engines.base import EngineError, Pixels, ReferencePicture
from engines.diffusion.family import Work
from engines.diffusion.kept import Kept

STYLE = "up_blocks.0.attentions.1."
LAYOUT = "down_blocks.2.attentions.1."
USES = ("style", "layout", "subject", "product", "face")
"""`style` and `layout`: their block alone. `subject`: every block but those two, so that light and arrangement stay the
scene's. `product` and `face`: every block, for the closest likeness; `face` through an adapter of its own."""
_KEPT = 32


class Looks:
    """The IP-Adapters of a UNet. `files` are by name, `references` and perhaps `face`, in the order in which they were
    put on by `put_on`."""

    def __init__(self, unet: Any, image_encoder: Any, processor: Any, names: Sequence[str]) -> None:
        self.unet = unet
        """What the pipelines call, or what stands in for it."""
        self._encoder = image_encoder
        self._processor = processor
        self._names = tuple(names)
        self._kept: Kept[torch.Tensor] = Kept(_KEPT)

    @property
    def _layers(self) -> Sequence[Any]:
        return self.unet.encoder_hid_proj.image_projection_layers

    def check(self, references: Sequence[ReferencePicture]) -> None:
        """Raises `EngineError` for a use that needs an adapter or blocks that are not there."""
        for reference in references:
            name = _adapter(reference)
            if reference.use not in USES:
                raise EngineError(f"“{reference.use}” is no use of a reference", f"There are {', '.join(USES)}.")
            if name not in self._names:
                what = "faces" if name == "face" else "references"
                raise EngineError(
                    f"This painter's adapter for {what} is not on this machine",
                    "Fetch it with the painter's weights, or take the reference off.",
                )
            block = {"style": STYLE, "layout": LAYOUT}.get(reference.use)
            if block and not any(key.startswith(block) for key in _processors(self.unet)):
                raise EngineError(
                    f"This model has no layers that draw {reference.use} alone",
                    "Use the reference as a subject, or choose another painter.",
                )

    def set(self, references: Sequence[ReferencePicture]) -> None:
        """Weights into the UNet's attention, reference by reference. None: an adapter that adds nothing, which is the
        UNet without it to the last bit."""
        for key, processor in _processors(self.unet).items():
            for place, name in enumerate(self._names):
                weights = [r.weight * _share(r.use, key) for r in references if _adapter(r) == name]
                alone = len(weights) == 1 and not any(r.mask is not None for r in references if _adapter(r) == name)
                processor.scale[place] = weights[0] if alone else (weights or 0.0)

    def embeds(self, works: Sequence[Work], guided: bool, device: torch.device) -> list[torch.Tensor]:
        """What the adapters read, one tensor an adapter: B×N×… for N references a work; with guidance what nothing
        looks like comes first (2B×N×…). An adapter without references gets one token of zeros."""
        return [self._embeds(works, place, guided, device) for place in range(len(self._names))]

    def masks(self, works: Sequence[Work], guided: bool, device: torch.device) -> list[torch.Tensor | None] | None:
        """Masks for `cross_attention_kwargs["ip_adapter_masks"]`, one tensor (B×N×H×W, twice B with guidance) an
        adapter; None where a lone reference counts everywhere."""
        found = [self._mask(works, name, guided, device) for name in self._names]
        return None if all(mask is None for mask in found) else found

    def _embeds(self, works: Sequence[Work], place: int, guided: bool, device: torch.device) -> torch.Tensor:
        pooled = isinstance(self._layers[place], ImageProjection)
        rows = [[r.picture for r in work.references if _adapter(r) == self._names[place]] for work in works]
        if not rows[0]:
            config = self._encoder.config
            width = config.projection_dim if pooled else config.hidden_size
            shape = (
                (len(works) * (2 if guided else 1), 1, width)
                if pooled
                else (len(works) * (2 if guided else 1), 1, 1, width)
            )
            return torch.zeros(shape, device=device, dtype=self._encoder.dtype)
        seen = torch.stack([torch.cat([self._see(picture, pooled, device) for picture in row]) for row in rows])
        if not guided:
            return seen
        blank = torch.zeros_like(seen) if pooled else self._blank(device).expand_as(seen)
        return torch.cat([blank, seen])

    def _see(self, picture: Pixels, pooled: bool, device: torch.device) -> torch.Tensor:
        digest = hashlib.sha256(picture.tobytes()).hexdigest()
        key = (digest, picture.shape, pooled, str(device))
        return self._kept.get(key, lambda: self._encode(self._pixels(picture), pooled, device))

    def _blank(self, device: torch.device) -> torch.Tensor:
        side = self._encoder.config.image_size
        return self._kept.get(str(device), lambda: self._encode(torch.zeros(1, 3, side, side), False, device))

    def _pixels(self, picture: Pixels) -> torch.Tensor:
        """The whole picture, squeezed to a square where it is none: the processor would cut its sides off."""
        image = Image.fromarray(picture)
        if image.width != image.height:
            side = min(image.size)
            image = image.resize((side, side), Image.Resampling.LANCZOS)
        return self._processor(image, return_tensors="pt").pixel_values

    @torch.no_grad()
    def _encode(self, pixels: torch.Tensor, pooled: bool, device: torch.device) -> torch.Tensor:
        pixels = pixels.to(device, self._encoder.dtype)
        if pooled:
            return self._encoder(pixels).image_embeds
        return self._encoder(pixels, output_hidden_states=True).hidden_states[-2]

    def _mask(self, works: Sequence[Work], name: str, guided: bool, device: torch.device) -> torch.Tensor | None:
        rows = [[r for r in work.references if _adapter(r) == name] for work in works]
        if not rows[0] or (len(rows[0]) == 1 and rows[0][0].mask is None):
            return None
        shape = (works[0].height_px, works[0].width_px)
        full = np.full(shape, 255, np.uint8)
        masks = np.stack([np.stack([full if r.mask is None else r.mask for r in row]) for row in rows])
        tensor = torch.from_numpy(masks).to(device).float() / 255
        return torch.cat([tensor] * 2) if guided else tensor


def put_on(unet: Any, files: Sequence[Path]) -> None:
    """Load IP-Adapters (plain or Plus, safetensors) into a UNet, all at once. Raises `EngineError` for a file that is
    none."""
    states = []
    for file in files:
        state: dict[str, dict[str, torch.Tensor]] = {"image_proj": {}, "ip_adapter": {}}
        with safe_open(file, framework="pt", device="cpu") as weights:
            for key in weights.keys():  # noqa: SIM118 - not a mapping
                group, _, rest = key.partition(".")
                if group in state:
                    state[group][rest] = weights.get_tensor(key)
        if not all(state.values()):
            raise EngineError(f"{file.name} is no IP-Adapter", "Fetch the painter's weights again.")
        states.append(state)
    unet._load_ip_adapter_weights(states, low_cpu_mem_usage=True)


def _adapter(reference: ReferencePicture) -> str:
    return "face" if reference.use == "face" else "references"


def _share(use: str, key: str) -> float:
    inside = {"style": key.startswith(STYLE), "layout": key.startswith(LAYOUT)}
    if use in inside:
        return float(inside[use])
    return float(use != "subject" or not any(inside.values()))


def _processors(unet: Any) -> dict[str, Any]:
    kinds = (IPAdapterAttnProcessor, IPAdapterAttnProcessor2_0)
    return {key: value for key, value in unet.attn_processors.items() if isinstance(value, kinds)}
