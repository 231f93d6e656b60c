"""The customer's product: its cut-out trimmed to content, and how far from above it was photographed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio.errors import BadInput
from studio.picture.cut import SEEN, content, has_ground
from studio.pixels import encode_png

Pixels = NDArray[np.uint8]
MAX_FILE_BYTES = 80_000_000
_DEFAULT_PITCH_DEG = 10.0
_ROUNDED_FOOT = 0.8
"""Real feet have rounded edges, which look like more pitch; measured on a mug, shoes, a car and a bottle."""


@dataclass(frozen=True, eq=False)
class Product:
    """A cut-out. `rgba` is H×W×4 `uint8`, straight alpha, trimmed; `digest` is that of its stored file."""

    rgba: Pixels
    digest: str
    pitch_deg: float

    @property
    def aspect(self) -> float:
        return self.rgba.shape[1] / self.rgba.shape[0]


def product_of(rgba: Pixels, name: str, pitch_deg: float | None = None) -> Product:
    """A cut-out (H×W×4), trimmed to what is not transparent.

    Raises `BadInput` when it is empty, too small, or has no transparent background to stand on.
    """
    if not (rgba[..., 3] > SEEN).any():
        raise BadInput(f"{name} is empty: every pixel is transparent", "Give a picture of the product")
    if has_ground(rgba):
        raise BadInput(
            f"{name} has no transparent background: the product fills all of it",
            "Use a photo with some background around the product, or mend the cut-out with the brush",
        )
    left, top, right, bottom = content({"rgba": rgba})
    trimmed = np.ascontiguousarray(rgba[top:bottom, left:right])
    if min(trimmed.shape[:2]) < 16:
        raise BadInput(f"{name} shows only {trimmed.shape[1]}×{trimmed.shape[0]} px of product", "Use a larger picture")
    return Product(
        trimmed,
        hashlib.sha256(encode_png(trimmed)).hexdigest(),
        round(estimate_pitch(trimmed) if pitch_deg is None else pitch_deg, 1),
    )


def estimate_pitch(rgba: Pixels) -> float:
    """Degrees from above, 0–45, read off the base: a round foot shows as an ellipse whose height is its width times the
    sine of the pitch. Good to about a quarter of its value; where the base is no such arc the answer is 10°.
    """
    solid = rgba[..., 3] > 127
    height, width = solid.shape
    columns = np.flatnonzero(solid.any(axis=0))
    if not len(columns):  # glass or smoke: nowhere quite solid
        return _DEFAULT_PITCH_DEG
    bottom = np.array([np.flatnonzero(solid[:, x])[-1] for x in columns], float)
    # The arc: the contiguous columns around the lowest point whose underside rises steadily to both sides.
    low = int(np.argmax(bottom))
    foot = bottom >= bottom[low] - 0.2 * height
    left, right = low, low
    while left > 0 and foot[left - 1]:
        left -= 1
    while right < len(columns) - 1 and foot[right + 1]:
        right += 1
    half = (right - left + 1) / 2
    if half < 0.12 * width:
        return _DEFAULT_PITCH_DEG
    x = (np.arange(left, right + 1) - (left + right) / 2) / half
    y = bottom[low] - bottom[left : right + 1]
    # y = b (1 − √(1 − x²)) for a half-ellipse of half-height b; a least-squares b over the inner 70 %.
    inner = np.abs(x) < 0.7
    shape = 1 - np.sqrt(1 - x[inner] ** 2)
    drop = float((y[inner] * shape).sum() / max((shape**2).sum(), 1e-9))
    error = float(np.abs(y[inner] - drop * shape).mean())
    if error > max(0.25 * drop, 1.5) or drop < 1:
        return _DEFAULT_PITCH_DEG if error > 1.5 else 2.0
    return float(np.clip(np.degrees(np.arcsin(min(drop / half, 0.7))) * _ROUNDED_FOOT, 0.0, 45.0))
