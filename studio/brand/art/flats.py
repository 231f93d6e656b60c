"""The separate colours among the pixels of flat areas. Pure; colours are sRGB 0–255, distances OKLab."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from studio.color import oklab

Array = NDArray[np.float64]

CELL = 0.02
LEAST_SHARE = 0.01
_SAME = 0.06
_GRADIENT = 0.12
_MOST = 24


def apart_in_oklab(one: Array, other: Array) -> float:
    """OKLab distance, with lightness counted less the darker both are: near black it runs far ahead of the eye."""
    dark = min(1.0, 0.3 + max(float(one[0]), float(other[0])))
    return float(np.linalg.norm((one - other) * np.array([dark, 1.0, 1.0])))


def flat_colours(pixels: NDArray[np.uint8]) -> list[tuple[Array, float]]:
    """sRGB colours and weights: exact ones first, then the middles and ends of what touches in OKLab."""
    keys = pixels.astype(np.int64) @ np.array([65536, 256, 1])
    exact, counts = np.unique(keys, return_counts=True)
    # A drawing saved without loss repeats its colours exactly; a gradient or a JPEG does not.
    strong = np.flatnonzero(counts >= 0.03 * len(keys))
    rgb = np.stack([exact >> 16, exact >> 8 & 255, exact & 255], axis=1).astype(float)
    found = [(rgb[index], float(counts[index])) for index in strong]
    lab = oklab(rgb)
    near = np.zeros(len(exact), bool)
    for colour, _ in found:
        near |= np.linalg.norm(lab - oklab(colour), axis=1) < _SAME / 2
    rest = ~near
    if counts[rest].sum() >= LEAST_SHARE * len(keys):
        found += _blobs(rgb[rest], lab[rest], counts[rest], len(keys))
    return found


def _blobs(rgb: Array, lab: Array, counts: NDArray[np.int64], total: int) -> list[tuple[Array, float]]:
    """Each group of touching OKLab cells: its middle, or, where it is long, its two ends and its bend."""
    from scipy import ndimage  # slow to load

    cells = np.floor(lab / CELL).astype(np.int64)
    cells -= cells.min(axis=0)
    grid = np.zeros(cells.max(axis=0) + 3, np.int64)
    np.add.at(grid, tuple(cells.T + 1), counts)
    labels = np.zeros(grid.shape, np.int32)
    ndimage.label(grid >= max(2, 0.0005 * total), np.ones((3, 3, 3)), output=labels)
    group = labels[tuple(cells.T + 1)]
    found: list[tuple[Array, float]] = []
    for index in range(1, int(labels.max()) + 1):
        inside = group == index
        weight = counts[inside]
        if weight.sum() >= LEAST_SHARE * total:
            found += _ends(rgb[inside], lab[inside], weight)
    return found


def _ends(rgb: Array, lab: Array, weight: NDArray[np.int64]) -> list[tuple[Array, float]]:
    mean = np.average(lab, axis=0, weights=weight)
    spread = np.cov(lab.T, fweights=weight, ddof=0) if len(lab) > 1 else np.zeros((3, 3))
    axis = np.linalg.eigh(spread)[1][:, -1]
    along = (lab - mean) @ axis
    order = np.argsort(along, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    low, high = along[order[np.searchsorted(reached, 0.005)]], along[order[np.searchsorted(reached, 0.995)]]
    whole = float(weight.sum())
    if high - low < _GRADIENT:
        return [(_middle(rgb, lab, weight, mean), whole)]
    first, last = lab[along <= low + CELL / 2].mean(axis=0), lab[along >= high - CELL / 2].mean(axis=0)
    points = [first, last]
    chord = (last - first) / np.linalg.norm(last - first)
    inner = (along > low) & (along < high)
    off = (lab - first) - np.outer((lab - first) @ chord, chord)
    bend = np.where(inner, np.linalg.norm(off, axis=1), 0.0)
    if float(bend.max(initial=0.0)) > 0.08:
        points.append(lab[int(bend.argmax())])
    return [(_middle(rgb, lab, weight, point), whole / len(points)) for point in points]


def _middle(rgb: Array, lab: Array, weight: NDArray[np.int64], point: Array) -> Array:
    """The weighted median of the colours around `point`."""
    near = np.linalg.norm(lab - point, axis=1) < CELL * 1.5
    if not near.any():
        near = np.arange(len(lab)) == int(np.linalg.norm(lab - point, axis=1).argmin())
    part, heavy = rgb[near], weight[near]
    out = np.empty(3)
    for channel in range(3):
        order = np.argsort(part[:, channel], kind="stable")
        out[channel] = part[order[np.searchsorted(np.cumsum(heavy[order]), heavy.sum() / 2)], channel]
    return out


def distinct(found: Sequence[tuple[Array, float]]) -> list[Array]:
    """Heaviest first, without those that hardly differ from a heavier one."""
    kept: list[Array] = []
    labs: list[Array] = []
    for colour, _ in sorted(found, key=lambda one: (-one[1], tuple(one[0]))):
        lab = oklab(colour)
        if all(apart_in_oklab(lab, other) >= _SAME for other in labs):
            kept.append(colour)
            labs.append(lab)
    return kept[:_MOST]


def without_blends(found: Sequence[Array], ground: Array) -> list[Array]:
    """Without colours that lie between the ground and another one."""
    kept = []
    for colour in found:
        blend = False
        for other in found:
            towards, mixed = other - ground, colour - ground
            share = float(mixed @ towards / max(1.0, float(towards @ towards)))
            blend |= 0.0 < share < 0.95 and float(np.linalg.norm(mixed - share * towards)) < 20.0
        if not blend:
            kept.append(colour)
    return kept
