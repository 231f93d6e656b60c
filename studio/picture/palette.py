"""The colour lock: dominant scene colours are moved onto the kit's colours, the rest follows smoothly. Pure.

Allowed are the kit's swatches and, where a swatch permits tints, its steps towards white and towards black: straight
lines in OKLab. All is found on a sample, as one map from colour to colour that has no jumps, and done to the picture
once, as a table of 33³ colours (as colourists' LUT files are) with the cells in between interpolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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
_SAMPLE = 6144
_NEAR = 1.5
"""Closer than this, in CIEDE2000, nothing is moved any more."""
_CLOSE = 2.4
"""A dominant colour as close as this is where it belongs."""
PASSES = 6
_MAIN, _ACCENT, _MAIN_CELL, _MOST_MAIN, _BESIDE = 0.01, 0.002, 0.03, 64, 0.08
"""Colours are counted in cells of this width in OKLab, so many at most. Those of at least the first share must arrive;
those below the second, unless they are this near to one that must, are accents and keep their own colour."""
_NARROWER, _APART = 0.9, 0.05
_RIDGE = 0.03
_STEEPEST = 2.5
"""How much more a colour's shift may differ from its neighbour's than the two colours do: what keeps steps small."""
_LIKE_SKIN = 0.05
"""From this likeness on a colour is left to itself and does not count."""


class _Pull(NamedTuple):
    """How colours are pulled. `coherence`: how much it counts that colours less than about `_APART` from each other
    move alike, which keeps gradients smooth. `reach`: how far, in OKLab, a main colour takes its neighbours along;
    each pass that shrinks by `_NARROWER`. `one_line`: everything onto the tints of a single swatch."""

    coherence: float
    reach: float
    one_line: bool = False


_PULLS = (_Pull(6, 0.018), _Pull(100, 0.025), _Pull(6, 0.012), _Pull(6, 0.02, one_line=True))
"""In the order they are tried; the first serves nearly all scenes, the last those that lie between two colours."""


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
    if count > 1:
        labels = np.asarray(cv2.kmeans(lab, count, labels, criteria, 1, cv2.KMEANS_USE_INITIAL_LABELS)[1])
    part = labels.ravel()
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
    picture: Pixels,
    swatches: Sequence[Swatch],
    hidden: NDArray[np.bool_] | None = None,
    passes: int = PASSES,
    skin: bool = False,
) -> tuple[Pixels, dict[str, float]]:
    """`picture` (H×W×3) with its dominant colours on allowed ones. Also the worst distance of one before and after, in
    CIEDE2000. Pixels that are `hidden` (H×W, under the product) do not count and stay as they are, to the bit; with
    `skin` so do colours of skin, as far as they are that. Fewer `passes` come nearly as close, sooner."""
    # 1. A sample of what counts, and the part of the table that the picture uses.
    every = max(int((picture.shape[0] * picture.shape[1] / _SAMPLE) ** 0.5), 1)
    counts = _counts(picture[::every, ::every], None if hidden is None else hidden[::every, ::every], skin)
    sampled = picture[::every, ::every][counts]
    before = _worst(sampled, swatches)
    axis = np.linspace(0, 255, _GRID)
    table = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    used = _used(picture)

    unmoved = oklab(table[used])

    # 2. Find a map that brings the sample's dominant colours onto allowed ones: the plainest pull that does.
    shift, after = np.zeros_like(table), before
    for pull in _PULLS:
        moved = _onto(oklab(sampled), unmoved, _lines(sampled, swatches) if pull.one_line else swatches, pull, passes)
        if moved is unmoved:
            break
        if skin:
            moved = unmoved + (moved - unmoved) * (1 - skin_likeness(unmoved))[:, None]
        tried = np.zeros_like(table)
        tried[used] = from_oklab(moved) - table[used]
        _relax(tried, used)
        off = _worst(_apply(sampled[None], table + tried)[0], swatches)
        if off < after or not shift.any():
            shift, after = tried, off
        if off <= _CLOSE or passes < PASSES:
            break

    # 3. Do the same to the picture.
    facts = {"delta_e00_before": round(before, 2), "delta_e00_after": round(after, 2)}
    if not shift.any():
        return picture, facts
    locked = _apply(picture, table + shift)
    if hidden is not None:
        cv2.copyTo(picture, hidden.astype(np.uint8), locked)
    return locked, facts


def _onto(sample: Array, table: Array, swatches: Sequence[Swatch], pull: _Pull, passes: int) -> Array:
    """Where the colours of `table` (N×3, OKLab) come to lie once those of `sample` lie on allowed ones: `table` itself
    where nothing has to move."""
    allowed = allowed_oklab(swatches).astype(np.float32)
    points = np.concatenate([sample, table]).astype(np.float32)
    best, least = table, np.inf
    for step in range(passes + 1 if len(sample) else 0):
        colors, shares = _main_colors(points[: len(sample)])
        off = float(distances(from_oklab(colors[shares >= _MAIN]), swatches).max(initial=0.0))
        if off < least:
            best, least = points[len(sample) :].astype(float) if step else table, off
        if off <= _NEAR or step == passes:
            break
        moves = _targets(colors, shares, allowed, pull.coherence) - colors
        points = points + _followed(points, colors, shares, moves, pull.reach * _NARROWER**step)
    return best


def _lines(pixels: Pixels, swatches: Sequence[Swatch]) -> Sequence[Swatch]:
    """The one swatch that lies nearest to the whole scene."""
    colors, shares = dominant(pixels)
    return [min(swatches, key=lambda swatch: float(shares @ distances(colors, [swatch])))]


def skin_likeness(lab: Array) -> Array:
    """How much colours (N×3, OKLab) are like human skin, 0–1: fully within the range of the Monk skin tone scale (hue
    38–72°, chroma 0.04–0.10, L 0.38–0.93), less and less beyond it. Sand, wood and terracotta are within it too, so it
    serves only where people are known to be."""
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))
    chroma = np.hypot(lab[:, 1], lab[:, 2])

    def within(value: Array, *edges: float) -> Array:
        return np.interp(value, edges, (0.0, 1.0, 1.0, 0.0))

    return (
        within(hue, 22, 38, 72, 88) * within(chroma, 0.02, 0.04, 0.10, 0.13) * within(lab[:, 0], 0.28, 0.38, 0.93, 0.98)
    )


def _counts(picture: Pixels, hidden: NDArray[np.bool_] | None, skin: bool) -> NDArray[np.bool_]:
    """Which pixels are scene (H×W): neither under the product nor, where there are people, skin."""
    counts = np.ones(picture.shape[:2], bool) if hidden is None else ~hidden
    if skin:
        counts = counts & (skin_likeness(oklab(picture).reshape(-1, 3)) < _LIKE_SKIN).reshape(counts.shape)
    return counts


def _worst(pixels: Pixels, swatches: Sequence[Swatch]) -> float:
    """The largest distance of a dominant colour among `pixels` (N×3), in CIEDE2000."""
    colors, shares = dominant(pixels)
    return float(distances(colors[shares >= DOMINANT_SHARE], swatches).max(initial=0.0))


def _main_colors(lab: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The means of the fullest cells (N×3) and their shares of `lab`, the fullest first."""
    cells = np.floor(lab / _MAIN_CELL).astype(np.int64)
    _, inverse, counts = np.unique(
        (cells[:, 0] * 4096 + cells[:, 1]) * 4096 + cells[:, 2], return_inverse=True, return_counts=True
    )
    sums = np.stack([np.bincount(inverse, lab[:, axis]) for axis in range(3)], axis=1)
    fullest = np.argsort(-counts, kind="stable")[:_MOST_MAIN]
    means, shares = sums[fullest] / counts[fullest, None], counts[fullest] / len(lab)
    main = means[shares >= min(_MAIN, shares[0])]
    pulled = shares >= _ACCENT
    pulled |= np.linalg.norm(means[:, None] - main[None], axis=2).min(axis=1) <= _BESIDE
    return means[pulled].astype(np.float32), shares[pulled].astype(np.float32)


def _targets(
    colors: NDArray[np.float32], shares: NDArray[np.float32], allowed: NDArray[np.float32], coherence: float
) -> NDArray[np.float32]:
    """For each main colour an allowed one: near, and such that colours near each other move alike.

    The second is a sum of squared stretches: for two colours the difference of their moves over their distance. Found
    by letting all choose at once, again and again, each seeing half of the others' last change (a damped Jacobi step).
    """
    # Hue and chroma count for more: lightness carries light and shadow and should move least.
    far = (((colors[:, None] - allowed[None]) * np.array([0.6, 1, 1], np.float32)) ** 2).sum(axis=2)
    apart = ((colors[:, None] - colors[None]) ** 2).sum(axis=2)
    bond = shares[None] * _APART**2 / (apart + 1e-4) * np.exp(-apart / (8 * _APART**2))
    np.fill_diagonal(bond, 0)
    moves = allowed[None] - colors[:, None]
    squared, held = (moves**2).sum(axis=2), bond.sum(axis=1, keepdims=True)
    rows = np.arange(len(colors))
    chosen = far.argmin(axis=1)
    taken = moves[rows, chosen]
    for _ in range(8):
        crossed = np.einsum("kmi,ki->km", moves, bond @ taken)
        chosen = (far + coherence * (held * squared - 2 * crossed)).argmin(axis=1)
        taken = (taken + moves[rows, chosen]) / 2
    return allowed[chosen]


def _followed(
    points: NDArray[np.float32],
    colors: NDArray[np.float32],
    shares: NDArray[np.float32],
    moves: NDArray[np.float32],
    reach: float,
) -> NDArray[np.float32]:
    """How far each of `points` (N×3, OKLab) moves: a mean of the main colours' moves, weighted by a Gaussian of their
    distance. The moves are strengthened first, so that each main colour itself goes all its way."""
    own = _weights(colors, colors, shares, reach)
    ridge = _RIDGE * np.eye(len(colors), dtype=np.float32)
    strong = np.linalg.solve(own.T @ own + ridge, own.T @ moves + _RIDGE * moves)
    return _weights(points, colors, shares, reach) @ strong.astype(np.float32)


def _weights(
    points: NDArray[np.float32], colors: NDArray[np.float32], shares: NDArray[np.float32], reach: float
) -> NDArray[np.float32]:
    """N×K. They sum to 1 near the main colours and to ever less far from all of them, so that accents and metals keep
    their own colour."""
    squared = (points**2).sum(axis=1)[:, None] + (colors**2).sum(axis=1)[None] - 2 * points @ colors.T
    np.maximum(squared, 0, out=squared)
    least = squared.min(axis=1, keepdims=True)
    weights = np.exp((least - squared) / (2 * reach**2)) * np.sqrt(shares)[None]
    weights *= np.exp(-least / (2 * (3 * reach) ** 2)) / weights.sum(axis=1, keepdims=True)
    return weights


_GRID = 33


def _used(picture: Pixels) -> NDArray[np.bool_]:
    """Which of the table's 33³ colours the picture lies between, and one more all around."""
    every = 2 if picture.size > 3 << 16 else 1
    cells = (picture[::every, ::every].reshape(-1, 3) // 8).astype(np.int32)
    seen = np.bincount((cells[:, 0] * 32 + cells[:, 1]) * 32 + cells[:, 2], minlength=32**3) > 0
    used = np.pad(seen.reshape(32, 32, 32), (1, 2))
    for axis in range(3):
        used = used | np.roll(used, 1, axis)
    for axis in range(3):
        used = used | np.roll(used, 1, axis) | np.roll(used, -1, axis)
    return used[1:34, 1:34, 1:34]


def _relax(shift: Array, used: NDArray[np.bool_]) -> None:
    """Pull neighbours of the table (33³×3, changed in place) towards each other where their shifts differ by too much,
    each by half of what is too much, until none do: as cloth is kept from stretching (Provot 1995)."""
    most = _STEEPEST * 255 / (_GRID - 1)
    every, flat = np.flatnonzero(used), used.ravel()
    pairs = []
    for axis, apart in enumerate((_GRID * _GRID, _GRID, 1)):
        left = every[np.unravel_index(every, used.shape)[axis] < _GRID - 1]
        left = left[flat[left + apart]]
        pairs.append((left, left + apart))
    at = shift.reshape(-1, 3)
    for _ in range(24):
        steep = False
        for left, right in pairs:
            step = at[right] - at[left]
            size = np.abs(step).max(axis=1)
            over = np.flatnonzero(size > most * 1.02)
            if len(over):
                steep = True
                excess = step[over] * ((1 - most / size[over]) / 2)[:, None]
                at[left[over]] += excess
                at[right[over]] -= excess
        if not steep:
            return


def _apply(picture: Pixels, table: Array) -> Pixels:
    """Trilinear lookup. Half a step of even noise on the way in keeps stretched gradients from banding: where a step
    grows, its edge is strewn. What the table leaves alone comes out as it was."""
    # OpenCV looks up in two dimensions: slices of one blue each, side by side, red across and green down.
    slices = np.ascontiguousarray(table.transpose(1, 2, 0, 3), np.float32).reshape(_GRID, _GRID * _GRID, 3)
    place = (np.arange(256) * ((_GRID - 1) / 255)).astype(np.float32)
    # Roberts' R2 sequence over the pixels: even noise without a pattern.
    across = np.arange(picture.shape[1]) * 0.7548776662
    down = np.arange(picture.shape[0]) * 0.5698402910
    noise = ((across[None, :] + down[:, None]) % 1.0 - 0.5).astype(np.float32) * np.float32(0.98 * (_GRID - 1) / 255)
    red, green, blue = (
        np.clip(cv2.LUT(cv2.extractChannel(picture, channel), place) + strewn, 0, _GRID - 1)
        for channel, strewn in enumerate((noise, -noise, noise[:, ::-1]))
    )
    low = np.minimum(np.floor(blue), _GRID - 2)
    share, red = blue - low, red + low * _GRID
    first = cv2.remap(slices, red, green, cv2.INTER_LINEAR)
    second = cv2.remap(slices, red + _GRID, green, cv2.INTER_LINEAR)
    return np.asarray(cv2.convertScaleAbs(cv2.blendLinear(first, second, 1 - share, share)), np.uint8)
