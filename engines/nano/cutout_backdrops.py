"""Every kind of place for things to stand in: indoors, outdoors, and no place at all."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .cutout_indoors import shelf, studio, tabletop
from .cutout_outdoors import foliage, landscape, street, water, wood
from .cutout_shapes import Array, Palette, Rng, box, cloud, filled, over, pattern, textured, wobbly

Maker = Callable[[Rng, int], Array]


def leaves(rng: Rng, size: int) -> Array:
    """Dead leaves: shapes of all sizes, sizes by a power law, that hide one another (Matheron 1968)."""
    p = Palette(rng)
    scene = textured(rng, p.any(), size, 0.3)
    for _ in range(int(rng.integers(20, 110))):
        r = np.clip(0.03 * size / rng.random() ** 0.7, 2, 0.35 * size)
        shape = (
            wobbly(rng, r, r * rng.uniform(0.3, 1), 0.25)
            if rng.random() < 0.5
            else box(-r, -r * rng.uniform(0.2, 1), r, r)
        )
        turn = rng.uniform(0, np.pi)
        shape = shape @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + rng.random(2) * size
        colour = Palette(rng).main if rng.random() < 0.5 else p.any() * rng.uniform(0.5, 1.2)
        scene = over(scene, filled(size, [shape]), colour)
    return scene * (1 + rng.uniform(0, 0.4) * (cloud(rng, size, 1.0)[..., None] - 0.5))


def haze(rng: Rng, size: int) -> Array:
    """Coloured noise of any fall-off, or a pattern in perspective."""
    p = Palette(rng)
    mix = (
        cloud(rng, size, rng.uniform(0.6, 2.2), rng.uniform(0.4, 2.5))
        if rng.random() < 0.7
        else cv2.resize(pattern(rng), (size, size))
    )
    return (p.main + mix[..., None] * (p.any() - p.main) * rng.uniform(0.3, 1)).astype(np.float32)


BACKDROPS: dict[Maker, float] = {
    studio: 4, tabletop: 3, shelf: 1.6, landscape: 3.5, foliage: 1.8, wood: 1.4, street: 1.8, water: 1,
    leaves: 1.2, haze: 1.2,
}  # fmt: skip
"""Makers of backdrops, and how often each is drawn."""
