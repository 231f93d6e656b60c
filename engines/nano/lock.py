"""The colour lock by role: what was painted in about the colour a role was to have is brought to it, light and shade
kept. The studio's own lock, for every painter, knows no roles: it brings dominant colours to the nearest of the kit's.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from engines.base import Pixels, Plane
from engines.stage.colour import from_oklab, to_linear, to_oklab, to_srgb

NEAR, FAR = 0.08, 0.2
"""Distances in OKLab: within the first a place has a role's colour, beyond the second none."""
ALIKE = 0.02
"""How much nearer one of two colours has to be to count clearly more."""
SHADE = 0.3
"""How much it counts that a place is darker or lighter than a colour whose shade it is."""
DARKEST, LIGHTEST = 0.35, 1.35
"""As how much of a colour its shades are taken, of OKLab's lightness."""
LEAST = 0.004
"""Share of the picture below which a role is left alone: too few places to tell its colour by."""
ROUNDS = 6
_SMALL = 256


def locked(
    picture: Pixels, colours: Sequence[Plane], free: Pixels | None = None, shares: Sequence[float] = ()
) -> tuple[Pixels, list[float]]:
    """A picture (H×W×3 sRGB) with each of `colours` (OKLab) at the median of the places that have about that colour.

    In OKLab the shades of a colour lie on a line from black through it, as light multiplies all three. Places belong to
    colours softly, by their distance from those lines and, among colours much alike, by the `shares` (0–1) of the
    picture that are to be expected, so that there are no seams; all of a place moves by the shifts of what it belongs
    to, less where it is in shade, so shading, shine and texture stay. Where each colour is now, and by how much it
    shifts, is found on a small copy. `free` (H×W `uint8`, 255 where it may change) leaves the rest as it is. Returns
    the picture and, for each colour, how far it was moved in OKLab (0 where too little has it)."""
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
    expected = np.sqrt(np.maximum(np.asarray(shares or [1.0] * len(wanted), np.float32), LEAST))

    # 1. Where each colour is now: from the wanted one to the median of what belongs to it, again and again.
    sources = wanted.copy()
    for _ in range(ROUNDS):
        belongs, _lit = _belonging(small, sources, expected)
        for place in range(len(wanted)):
            core = may & (belongs[..., place] > 0.5)
            if core.mean() >= LEAST:
                sources[place] = np.median(small[core], axis=0)

    # 2. The shifts that bring those medians home, each place moved by all it belongs to.
    belongs, lit = _belonging(small, sources, expected)
    cores = [may & (belongs[..., place] > 0.5) for place in range(len(wanted))]
    shifts = np.zeros_like(wanted)
    for _ in range(ROUNDS):
        moved = small + (belongs * lit) @ shifts
        for place, core in enumerate(cores):
            if core.mean() >= LEAST:
                shifts[place] += wanted[place] - np.median(moved[core], axis=0)

    # 3. The picture itself.
    lab = _lab(picture)
    belongs, lit = _belonging(lab, sources, expected)
    shift = (belongs * lit) @ shifts
    if free is not None:
        shift *= (cv2.GaussianBlur(free, (0, 0), 1.5).astype(np.float32) / 255)[..., None]
    done = np.rint(to_srgb(np.clip(from_oklab(lab + shift), 0, 1)) * 255).astype(np.uint8)
    if free is not None:
        done = np.where((free > 0)[..., None], done, picture)
    return done, [float(np.linalg.norm(one)) for one in shifts]


def _lab(picture: Pixels) -> Plane:
    table = to_linear(np.arange(256) / 255).astype(np.float32)
    return to_oklab(table[picture]).astype(np.float32)


def _belonging(lab: Plane, colours: Plane, expected: Plane) -> tuple[Plane, Plane]:
    """H×W×K each: how much each place has each colour, at most 1 together; and how lit that colour is there."""
    power = np.maximum((colours**2).sum(-1), 1e-4)
    lit = np.clip(lab @ colours.T / power, 0, LIGHTEST)
    shade = np.maximum(lit, DARKEST)
    away = np.stack([((lab - shade[..., i, None] * one) ** 2).sum(-1) for i, one in enumerate(colours)], -1)
    away += SHADE**2 * (1 - shade) ** 2 * power
    nearest = away.min(-1, keepdims=True)
    rest = np.clip((FAR - np.sqrt(nearest)) / (FAR - NEAR), 0, 1)
    near = expected * np.exp((nearest - away) / (2 * ALIKE**2))
    return near / near.sum(-1, keepdims=True) * rest * rest * (3 - 2 * rest), np.minimum(lit, 1.1)
