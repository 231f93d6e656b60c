"""What steers a picture, as the built-in model takes it: passes of its control net, and views of references."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import cv2
import numpy as np

from engines.base import Pixels, Plane
from engines.diffusion.family import Work

PLANES = {"edges": 0, "softedge": 0, "lineart": 0, "depth": 1}
"""Which plane a kind of map is; where the product stands is the last."""
PRODUCT = 2
VIEW_PX, SEEN_PX = 144, 128
"""A reference is reduced to the first, of which the image encoder sees the middle."""


@dataclass(frozen=True, eq=False)
class Pass:
    """One pass of the control net: `planes` 3×H×W in 0…1 (edges, nearness, product), how strongly it counts, from where
    to where of the steps (0–1), and in which part of the picture (H×W `uint8`, or None)."""

    planes: Plane
    kinds: tuple[str, ...]
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0
    mask: Pixels | None = None

    def runs(self, along: float) -> bool:
        """Whether it counts at a step so far along (0–1)."""
        return self.start <= along < max(self.end, self.start + 1e-6)

    def alike(self) -> Hashable:
        """Passes of equal value may run together, for pictures of their own."""
        return self.kinds, self.start, self.end, self.mask is None

    def weights(self, high: int, wide: int) -> Plane:
        """How much it counts where, at the latents' size."""
        part = 1.0 if self.mask is None else shrunk(self.mask, high, wide)
        return np.asarray(np.broadcast_to(np.float32(self.strength) * part, (high, wide)), np.float32)


def passes(work: Work) -> list[Pass]:
    """Maps that count alike share a pass, as the net was taught; where the product stands is told in every one."""
    stands = None if work.repaint is None else (255 - work.repaint).astype(np.float32) / np.float32(255)
    found: dict[Hashable, Pass] = {}
    for control in work.controls:
        whose = None if control.mask is None else control.mask.tobytes()
        key = (control.strength, control.start, control.end, whose)
        if key not in found:
            found[key] = Pass(_planes(work, stands), (), control.strength, control.start, control.end, control.mask)
        one, place = found[key], PLANES[control.kind]
        one.planes[place] = np.maximum(one.planes[place], control.picture.max(axis=2) / np.float32(255))
        found[key] = Pass(one.planes, (*one.kinds, control.kind), one.strength, one.start, one.end, one.mask)
    if stands is not None and not found:
        return [Pass(_planes(work, stands), ("product",))]
    return list(found.values())


def _planes(work: Work, stands: Plane | None) -> Plane:
    planes = np.zeros((3, work.height_px, work.width_px), np.float32)
    if stands is not None:
        planes[PRODUCT] = stands
    return planes


def view(picture: Pixels) -> Pixels:
    """The middle square of a picture, `VIEW_PX` a side."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = picture[top : top + side, left : left + side]
    return np.asarray(cv2.resize(square, (VIEW_PX, VIEW_PX), interpolation=cv2.INTER_AREA), np.uint8)


def seen(picture: Pixels) -> Pixels:
    """What the image encoder sees of a picture: the middle of its view, `SEEN_PX` a side."""
    edge = (VIEW_PX - SEEN_PX) // 2
    return view(picture)[edge : edge + SEEN_PX, edge : edge + SEEN_PX]


def shrunk(mask: Pixels, high: int, wide: int) -> Plane:
    """A mask (H×W, 0…255) at the latents' size, 0…1."""
    return np.asarray(cv2.resize(mask, (wide, high), interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)
