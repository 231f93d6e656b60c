"""Training pictures small enough to draw in no time: a box on a ground before a wall, in the palette's colours."""

from __future__ import annotations

import cv2
import numpy as np

from engines.nano.captions import caption
from engines.nano.data import ATTRIBUTES, Picture


class Scenes:
    """A source of pictures without renders."""

    def __len__(self) -> int:
        return 100

    def picture(self, rng: np.random.Generator, bucket: tuple[int, int], index: int | None = None) -> Picture:
        width, height = bucket
        palette = np.zeros((6, 5), np.float32)
        palette[:, 0] = rng.uniform(0.2, 0.9, 6)
        palette[:5, 4] = (1, 1, 1, 0, 0)
        side, left = height // 3, int(rng.integers(width // 2))
        roles = np.ones((height, width), np.uint8)
        roles[height * 2 // 3 :] = 2
        roles[height // 2 : height // 2 + side, left : left + side] = 3
        colours = (255 * palette[:, 0] ** 3).astype(np.uint8)
        rgb = np.repeat(colours[roles - 1][..., None], 3, 2)
        mask = np.where(roles == 3, 255, 0).astype(np.uint8)
        palette[:3, 3] = [(roles == role).mean() for role in (1, 2, 3)]
        attributes = {name: int(rng.integers(len(values))) for name, values in ATTRIBUTES.items()}
        edges = cv2.Canny(rgb, 5, 10)
        said = caption(attributes, palette, rng)
        return Picture(
            rgb, said, palette, roles, roles * 60, edges, mask, attributes, (height, width, 0, 0, height, width)
        )

    def pair(self, rng: np.random.Generator, bucket: tuple[int, int]) -> tuple[Picture, Picture]:
        return self.picture(rng, bucket), self.picture(rng, bucket)
