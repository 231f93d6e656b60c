"""The colour lock: dominant scene colours are moved onto the kit's colours, the rest follows smoothly. Pure.

Allowed are the kit's swatches and, where a swatch permits tints, its steps towards white and towards black: straight
lines in OKLab.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from studio.color import cielab, delta_e00, from_oklab, oklab, rgb_of
from studio.model import Swatch

Pixels = NDArray[np.uint8]
Array = NDArray[np.float64]
DOMINANT_SHARE = 0.05
"""A colour that covers at least this share of the scene is dominant."""
_STEPS = 33
_CELL = 0.02
_CLOSE = 2.0
PASSES = 8
_REACH = 0.06
"""How far, in OKLab, a dominant colour takes its neighbours along."""


def allowed_oklab(swatches: Sequence[Swatch]) -> Array:
    """Points (N×3, OKLab) along every allowed line: a swatch, its tints to white and its shades to black."""
    white, black = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 0.0])
    points = []
    for swatch in swatches:
        base = oklab(rgb_of(swatch.hex))
        points.append(base[None])
        if swatch.tints:
            t = np.linspace(0, 1, _STEPS)[1:, None]
            points += [base + (white - base) * t, base + (black - base) * t]
    return np.concatenate(points) if points else np.array([[1.0, 0, 0]])


def dominant(pixels: NDArray[np.generic], clusters: int = 10) -> tuple[Array, Array]:
    """The main colours (N×3 sRGB 0–255) and their shares (N, sum 1), largest first.

    k-means in OKLab divides `pixels` (N×3) up; each part is named by the colour most of it really has, since the mean
    of a gradient between two brand colours is neither. The same pixels give the same answer.
    """
    sample = np.asarray(pixels, float).reshape(-1, 3)
    if not len(sample):
        return np.empty((0, 3)), np.empty(0)
    sample = sample[:: max(len(sample) // 12_000, 1)]
    lab = oklab(sample).astype(np.float32)
    count = min(clusters, len(lab))
    # Spread the first centres by lightness, so that no random start is needed.
    order = np.argsort(lab[:, 0], kind="stable")
    labels = np.empty((len(lab), 1), np.int32)
    labels[order, 0] = (np.arange(len(lab)) * count // len(lab)).astype(np.int32)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 1e-4)
    _, found, _ = cv2.kmeans(lab, count, labels, criteria, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    part = np.asarray(found).ravel()
    shares = np.bincount(part, minlength=count) / len(lab)
    colors = np.array([_commonest(lab[part == index]) for index in range(count) if shares[index]])
    shares = shares[shares > 0]
    order = np.argsort(-shares, kind="stable")
    return from_oklab(colors[order]), shares[order]


def _commonest(lab: NDArray[np.float32]) -> Array:
    """The mean of the fullest cell of a grid of `_CELL` in OKLab: about one just noticeable difference."""
    cells = np.floor(lab / _CELL).astype(np.int64)
    keys = (cells[:, 0] * 4096 + cells[:, 1]) * 4096 + cells[:, 2]
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return lab[inverse == int(counts.argmax())].astype(float).mean(axis=0)


def distances(colors: Array, swatches: Sequence[Swatch]) -> Array:
    """CIEDE2000 from each colour (N×3, sRGB 0–255) to the nearest allowed one."""
    allowed = cielab(from_oklab(allowed_oklab(swatches)))
    return delta_e00(cielab(colors)[:, None, :], allowed[None, :, :]).min(axis=1)


def lock(
    picture: Pixels, swatches: Sequence[Swatch], hidden: NDArray[np.bool_] | None = None, passes: int = PASSES
) -> tuple[Pixels, dict[str, float]]:
    """`picture` (H×W×3) with its dominant colours on allowed ones. Pixels that are `hidden` (H×W, under the product) do
    not count. Also the worst distance before and after, in CIEDE2000. Fewer `passes` come nearly as close, sooner.

    Every colour moves by a weighted mean of its neighbours' moves, so gradients stay gradients: the map from colour to
    colour is continuous, and lightness order is kept.
    """
    allowed = allowed_oklab(swatches)
    locked, best, before, after = picture, picture, 0.0, 0.0
    for step in range(passes + 1):
        colors, shares = dominant(locked.reshape(-1, 3) if hidden is None else locked[~hidden], clusters=16)
        # Words and flats will cover part of the picture, so that what is minor in it may be dominant beside them.
        main = shares >= DOMINANT_SHARE / 4
        off = float(distances(colors[main], swatches).max(initial=0.0))
        if step == 0:
            before = after = off
        elif off < after:
            best, after = locked, off
        if off <= _CLOSE or step == passes:
            break
        centres = oklab(colors)
        # Nearest in hue and chroma first: lightness carries light and shadow and should move least.
        weights = np.array([0.6, 1.0, 1.0])
        nearest = (((centres[:, None] - allowed[None]) * weights) ** 2).sum(axis=2).argmin(axis=1)
        # Later passes reach less far, so that neighbours pulled to different swatches settle.
        reach = _REACH * 0.8**step
        locked = _apply(locked, _moved_table(centres, allowed[nearest] - centres, shares, reach))
    return best, {"delta_e00_before": round(before, 2), "delta_e00_after": round(after, 2)}


_GRID = 33


def _moved_table(centres: Array, moves: Array, shares: Array, reach: float) -> NDArray[np.float32]:
    """A 33³ table from sRGB to sRGB: each grid colour moved by the Gaussian-weighted mean of the centres' moves."""
    axis = np.linspace(0, 255, _GRID)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    lab = oklab(grid)
    squared = ((lab[:, None] - centres[None]) ** 2).sum(axis=2)
    weight = np.exp(-squared / (2 * reach**2)) * np.sqrt(shares)[None]
    total = weight.sum(axis=1, keepdims=True)
    # Far from every dominant colour the pull fades away, so accents and metals keep their own.
    mean = (weight @ moves) / np.maximum(total, 1e-12)
    near = np.exp(-squared.min(axis=1, keepdims=True) / (2 * (3 * reach) ** 2))
    return from_oklab(lab + mean * near).reshape(_GRID, _GRID, _GRID, 3).astype(np.float32)


def _apply(picture: Pixels, table: NDArray[np.float32]) -> Pixels:
    """Trilinear lookup; a half-step of ordered noise keeps slow gradients from banding."""
    out = np.empty_like(picture)
    flat = table.reshape(-1, 3)
    # In strips, so that a print-size picture needs little memory.
    for top in range(0, picture.shape[0], 128):
        strip = picture[top : top + 128]
        scaled: NDArray[np.float32] = np.multiply(strip, (_GRID - 1) / 255, dtype=np.float32)
        low: NDArray[np.int32] = np.minimum(scaled.astype(np.int32), _GRID - 2)
        red, green, blue = np.moveaxis(scaled - low, 2, 0)
        base = (low[..., 0] * _GRID + low[..., 1]) * _GRID + low[..., 2]
        moved = np.zeros_like(scaled)
        for corner in range(8):
            r, g, b = corner >> 2 & 1, corner >> 1 & 1, corner & 1
            weight = np.abs(1 - r - red) * np.abs(1 - g - green) * np.abs(1 - b - blue)
            moved += np.expand_dims(weight, 2) * flat.take(base + ((r * _GRID + g) * _GRID + b), axis=0)
        # Roberts' R2 sequence over the pixels: even noise without a pattern.
        across = np.arange(strip.shape[1]) * 0.7548776662
        down = (np.arange(strip.shape[0]) + top) * 0.5698402910
        noise = np.expand_dims((across[None, :] + down[:, None]) % 1.0 - 0.5, 2)
        out[top : top + 128] = np.clip(np.rint(moved + noise * 0.8), 0, 255).astype(np.uint8)
    return out
