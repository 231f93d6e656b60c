"""The colour lock: what was painted in about a brand's colour is brought to that colour, with light and shade kept."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from engines.base import Pixels, Plane
from engines.stage.colour import from_oklab, to_linear, to_oklab, to_srgb

NEAR, FAR = 0.055, 0.17
"""Distances in OKLab, lightness counting less: within the first a place has a role's colour, beyond the second none."""
SHADE = 0.45
"""How much of a difference in lightness counts: shade changes lightness most."""
LEAST = 0.004
"""Share of the picture below which a role is left alone: too few places to tell its colour by."""
ROUNDS = 4
_SMALL = 256


def locked(picture: Pixels, colours: Sequence[Plane], free: Pixels | None = None) -> tuple[Pixels, list[float]]:
    """A picture (H×W×3 sRGB) with each of `colours` (OKLab) at the median of the places that have about that colour.

    Places belong to colours softly, by their distance in OKLab, so that there are no seams; all of a place moves by the
    weighted shift of what it belongs to, so shading, shine and texture stay. The shifts are found on a small copy.
    `free` (H×W `uint8`, 255 where it may change) leaves the rest as it is. Returns the picture and, for each colour,
    how far it was moved in OKLab (0 where too little has it)."""
    if not colours:
        return picture, []
    height, width = picture.shape[:2]
    scale = min(1.0, _SMALL / max(height, width))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = _lab(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8))
    may = np.ones(small.shape[:2], bool)
    if free is not None:
        may = np.asarray(cv2.resize(free, size, interpolation=cv2.INTER_AREA)) > 127
    wanted = np.asarray(colours, np.float32)
    sources, shifts = wanted.copy(), np.zeros_like(wanted)
    for _ in range(ROUNDS):
        belongs = _belonging(small, sources)
        moved = small + belongs @ shifts
        for place in range(len(wanted)):
            core = may & (belongs[..., place] > 0.5)
            if core.mean() < LEAST:
                continue
            shifts[place] += wanted[place] - np.median(moved[core], axis=0)
            sources[place] = np.median(small[core], axis=0)
    lab = _lab(picture)
    shift = _belonging(lab, sources) @ shifts
    if free is not None:
        shift *= (cv2.GaussianBlur(free, (0, 0), 1.5).astype(np.float32) / 255)[..., None]
    done = np.rint(to_srgb(np.clip(from_oklab(lab + shift), 0, 1)) * 255).astype(np.uint8)
    if free is not None:
        done = np.where((free > 0)[..., None], done, picture)
    return done, [float(np.linalg.norm(one)) for one in shifts]


def _lab(picture: Pixels) -> Plane:
    table = to_linear(np.arange(256) / 255).astype(np.float32)
    return to_oklab(table[picture]).astype(np.float32)


def _belonging(lab: Plane, colours: Plane) -> Plane:
    """H×W×K: how much each place has each colour, at most 1 together."""
    weigh = np.array([SHADE, 1, 1], np.float32)
    away = np.stack([np.linalg.norm((lab - one) * weigh, axis=-1) for one in colours], -1)
    rest = np.clip((FAR - away.min(-1, keepdims=True)) / (FAR - NEAR), 0, 1)
    near = np.exp(-0.5 * ((away - away.min(-1, keepdims=True)) / (NEAR / 2)) ** 2)
    return near / near.sum(-1, keepdims=True) * rest * rest * (3 - 2 * rest)
