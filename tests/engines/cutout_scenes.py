"""Pictures whose true matte is known: shapes and products before drawn backdrops, with noise and a soft shadow."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]

GROUNDS = ("white", "grey-fall", "colour-fall", "texture", "bokeh")


@dataclass(frozen=True, eq=False)
class Scene:
    """`picture` H×W×3, the true `alpha` H×W (0–1) and `product` colours H×W×3 in it, and the `shade` H×W that was
    multiplied onto the ground (1 = no shadow)."""

    picture: Pixels
    alpha: Plane
    product: Pixels
    shade: Plane


def ground(kind: str, height: int, width: int, seed: int = 1) -> Plane:
    """H×W×3, 0–255."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / max(height, width)
    if kind == "white":
        return np.full((height, width, 3), 243, np.float32)
    if kind == "grey-fall":
        fall = 225 - 70 * y - 25 * np.hypot(x - 0.5, y - 0.3)
        return np.repeat(fall[..., None], 3, 2)
    if kind == "colour-fall":
        near, far = np.float32([52, 120, 160]), np.float32([150, 205, 220])
        part = np.clip(1.1 * y + 0.1 * x, 0, 1)[..., None]
        return far * (1 - part) + near * part
    if kind == "texture":
        grain = cv2.GaussianBlur(
            rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), sigmaX=height / 14, sigmaY=1.2
        )
        grain /= grain.std()
        return np.float32([168, 128, 92]) + grain[..., None] * np.float32([16, 14, 12])
    spots = np.full((height, width, 3), 70, np.float32)
    for _ in range(60):
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        colour = rng.integers(30, 230, 3).tolist()
        cv2.circle(spots, centre, int(rng.integers(height // 24, height // 7)), colour, -1)
    return cv2.GaussianBlur(spots, (0, 0), height / 45)


def stand(product: Pixels, alpha: Plane, behind: Plane, shadow: float = 0.5, seed: int = 2) -> Scene:
    """`product` H×W×3 with `alpha` 0–1 before `behind`, its soft shadow on it, blurred by a lens, with sensor noise."""
    height, width = alpha.shape
    reach = max(height, width) / 512
    moved = np.float32([[1, 0, 7 * reach], [0, 1, 10 * reach]])
    cast = cv2.warpAffine(alpha, moved, (width, height))
    shade = 1 - shadow * cv2.GaussianBlur(cast, (0, 0), 9 * reach)
    picture = product * alpha[..., None] + behind * shade[..., None] * (1 - alpha[..., None])
    noise = np.random.default_rng(seed).normal(0, 1.5, picture.shape)
    return Scene(np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8), alpha, product, shade.astype(np.float32))


def drawn(height: int, width: int, *marks: tuple[str, object]) -> Plane:
    """An H×W matte, 0–1, antialiased: the marks in turn. `("oval", (cx, cy, rx, ry))`, `("box", (l, t, r, b))`,
    `("line", (x0, y0, x1, y1, thickness))` in fractions of the width and height; a leading `-` takes away."""
    scale = 4
    large = np.zeros((height * scale, width * scale), np.uint8)
    w, h = width * scale, height * scale
    for kind, numbers in marks:
        value = 0 if kind.startswith("-") else 255
        n = tuple(float(v) for v in numbers)  # type: ignore[attr-defined]
        if kind.endswith("oval"):
            cv2.ellipse(
                large, (round(n[0] * w), round(n[1] * h)), (round(n[2] * w), round(n[3] * h)), 0, 0, 360, value, -1
            )
        elif kind.endswith("box"):
            cv2.rectangle(large, (round(n[0] * w), round(n[1] * h)), (round(n[2] * w), round(n[3] * h)), value, -1)
        else:
            ends = (round(n[0] * w), round(n[1] * h)), (round(n[2] * w), round(n[3] * h))
            cv2.line(large, *ends, value, max(1, round(n[4] * w)))
    return cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def mug(height: int = 300, width: int = 320) -> Plane:
    """A cup with an open handle."""
    return drawn(
        height, width, ("oval", (0.29, 0.52, 0.15, 0.19)), ("-oval", (0.29, 0.52, 0.095, 0.125)), ("box", (0.36, 0.25, 0.72, 0.8))
    )  # fmt: skip


def shaded(alpha: Plane, colour: tuple[int, int, int], depth: float = 0.25) -> Pixels:
    """H×W×3: `colour` lit from the left, darker by `depth` at the right."""
    light = 1 - depth * np.linspace(0, 1, alpha.shape[1], dtype=np.float32)[None, :, None]
    return np.clip(np.float32(colour) * light * np.ones((*alpha.shape, 1), np.float32), 0, 255).astype(np.uint8)
