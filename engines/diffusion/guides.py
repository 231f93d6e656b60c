"""Several control maps at once for Z-Image, where its pipelines take one: strength, steps and mask for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from engines.base import ControlMap

LENT = ("t_scale", "t_embedder", "all_x_embedder", "cap_embedder", "rope_embedder", "noise_refiner", "context_refiner")
PADS = ("x_pad_token", "cap_pad_token")


class Guides:
    """Stands where a pipeline holds its ControlNet, for one batch.

    The pipeline hands over the latents of all maps, N maps of B pictures each, as one batch of N·B. The net runs once
    a map, and what the maps say is added up, as nets are combined elsewhere in diffusers. A map rests in steps before
    its `start` and after its `end`: i of n runs while i/n ≥ start and (i+1)/n ≤ end. With a mask, it counts where the
    mask is; the tokens of the words, which lie nowhere, take the mask's mean.

    The net uses parts of the transformer. They are lent to it as plain values: it then owns its own weights only, so
    that they are counted, and moved, once.
    """

    def __init__(
        self, net: Any, transformer: Any, maps: Sequence[Sequence[ControlMap]], steps: int, token_px: int
    ) -> None:
        """`maps`: N rows of B maps each, alike in strength, start and end along a row. A token is `token_px` wide."""
        self._net, self._transformer, self._maps, self._steps = net, transformer, maps, steps
        self._weights = [_weights(row, token_px) for row in maps]
        self._step = 0
        self.config = net.config
        for name in LENT:
            object.__setattr__(net, name, getattr(transformer, name))

    def __call__(
        self,
        latents: list[torch.Tensor],
        moments: torch.Tensor,
        words: list[torch.Tensor],
        context: torch.Tensor,
        conditioning_scale: float = 1.0,
    ) -> dict[int, torch.Tensor]:
        """What each layer of the transformer is to add, B'×tokens×width by the layer's number. B' is B, or 2·B where
        the pipeline asks for what to avoid too. A map's own strength holds, not `conditioning_scale`."""
        for name in PADS:
            # Where layers leave the card, only the transformer's own calls bring these along.
            object.__setattr__(self._net, name, getattr(self._transformer, name).to(latents[0].device))
        count = len(self._maps[0])
        by_map = context.unflatten(0, (len(latents) // count, len(self._maps), count))
        said: dict[int, torch.Tensor] = {}
        for at, row in enumerate(self._maps):
            if self._step / self._steps < row[0].start or (self._step + 1) / self._steps > row[0].end:
                continue
            hints = self._net(latents, moments, words, by_map[:, at].flatten(0, 1), conditioning_scale=row[0].strength)
            for layer, hint in hints.items():
                heard = self._masked(hint, self._weights[at])
                said[layer] = said[layer] + heard if layer in said else heard
        self._step += 1
        return said

    def _masked(self, hint: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        if weights is None:
            return hint
        weights = weights.to(hint).repeat(len(hint) // len(weights), 1)
        whole = weights.mean(1, keepdim=True).expand(-1, hint.shape[1] - weights.shape[1])
        return hint * torch.cat([weights, whole], 1)[..., None]


def _weights(row: Sequence[ControlMap], token_px: int) -> torch.Tensor | None:
    """How much a map counts at each token of its picture, B×tokens in 0–1; None where it does everywhere."""
    masks = [torch.from_numpy(m.mask / 255).float() for m in row if m.mask is not None]
    if not masks:
        return None
    stacked = torch.stack(masks)[:, None]
    size = stacked.shape[-2] // token_px, stacked.shape[-1] // token_px
    return F.interpolate(stacked, size=size, mode="area").flatten(1)
