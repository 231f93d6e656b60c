"""The set a picture is steered by: rendered small on the stage, and kept for the variants that share it."""

from __future__ import annotations

import hashlib
import json
import math
from collections import OrderedDict
from dataclasses import dataclass, replace

import cv2
import numpy as np

from engines.base import Painting, PaintRequest, Plane, Progress

SAMPLES = 4
"""A pixel; what is left of the grain goes under in the noise a painting starts from."""
MOST_PIXELS = 400_000
LIGHT_EDGE_PX, LIGHT_SAMPLES = 320, 8
KEPT = 4
_MIRRORED = (0, 2)
"""Seeds of the stage for even and odd seeds of a picture: the set as it is, and mirrored."""


@dataclass(frozen=True, eq=False)
class StandingSet:
    """A set with the product in it. `painting` has the picture's size; `light` (of any size, the picture's shape) is
    the share of the light that the product leaves to the set, None where there is no product."""

    painting: Painting
    light: Plane | None


class Sets:
    """Renders sets and keeps the last few. Which of two arrangements a picture gets depends on its seed only, so that
    variants share them."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._sets: OrderedDict[str, StandingSet] = OrderedDict()

    def standing(self, request: PaintRequest, progress: Progress) -> StandingSet:
        """The set of `request` at its size. Raises `EngineError` for a set that is wrong, and `Stopped`."""
        asked = replace(request, seed=_MIRRORED[request.seed % 2], steps=SAMPLES)
        key = _content(asked)
        if key not in self._sets:
            self._sets[key] = _rendered(asked, progress)
            while len(self._sets) > self._kept:
                self._sets.popitem(last=False)
        self._sets.move_to_end(key)
        return self._sets[key]


def _rendered(request: PaintRequest, progress: Progress) -> StandingSet:
    from engines.stage.painter import Stage, light_left

    # 1. The set's colours and depth: no larger than they need be, for they only steer.
    size = request.width_px, request.height_px
    shrink = min(math.sqrt(MOST_PIXELS / (size[0] * size[1])), 1.0)
    small = replace(request, width_px=_scaled(size[0], shrink), height_px=_scaled(size[1], shrink))
    painting = next(iter(Stage().paint([small], progress.part(0, 0.6))))
    if shrink < 1:
        assert painting.depth is not None and painting.edges is not None
        painting = replace(
            painting,
            picture=np.asarray(cv2.resize(painting.picture, size, interpolation=cv2.INTER_LINEAR), np.uint8),
            depth=np.asarray(cv2.resize(painting.depth, size, interpolation=cv2.INTER_LINEAR), np.float32),
            edges=np.asarray(cv2.resize(painting.edges, size, interpolation=cv2.INTER_NEAREST), np.uint8),
            normals=None,
        )

    # 2. Where the product takes the light away.
    light = None
    if request.product is not None:
        shrink = min(LIGHT_EDGE_PX / max(size), 1.0)
        small = replace(
            request,
            width_px=_scaled(size[0], shrink),
            height_px=_scaled(size[1], shrink),
            steps=LIGHT_SAMPLES,
        )
        light = light_left(small, progress.part(0.6, 0.4))
    return StandingSet(painting, light)


def _scaled(length: int, shrink: float) -> int:
    return max(round(length * shrink), 8)


def _content(request: PaintRequest) -> str:
    """A digest of all that a set's render depends on."""
    product = request.product
    facts = [request.width_px, request.height_px, request.seed, request.steps, dict(request.palette), request.set_spec,
             request.calm, (product.box, product.pitch_deg, product.rgba.shape) if product else None]  # fmt: skip
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    if product is not None:
        digest.update(np.ascontiguousarray(product.rgba).data)
    return digest.hexdigest()
