"""What is really on an ad: ink found in decoded pixels, compared with what was meant to be there. Pure.

`ground` is the ad without words and logo, `meant` the whole ad as planned, `seen` the decoded file. Compression blurs
and rings, but it keeps local sums, so amounts and colours of ink are taken from sums, never from single pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import skia
from numpy.typing import NDArray

from studio.ad.layout import TextPlace
from studio.ad.typeset import Block, set_text
from studio.brand.fonts import FontSet
from studio.geometry import Rect

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Field = NDArray[np.float32]
_LEAST, _MOST = 0.6, 1.6
PATCH_PX = 80_000
"""Windows with more pixels than this are averaged down before they are measured."""


def cut(pixels: Pixels, rect: Rect) -> Pixels:
    """The part of `pixels` under `rect`, on whole pixels, clipped to the sheet."""
    left, top, right, bottom = rect.rounded()
    return pixels[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]


def difference(a: NDArray[np.generic], b: NDArray[np.generic]) -> NDArray[np.uint8]:
    """The largest channel difference at each pixel, H×W."""
    off = cv2.absdiff(a, b)  # type: ignore[call-overload]
    return cv2.max(cv2.max(off[..., 0], off[..., 1]), off[..., 2])  # type: ignore[return-value]


def widened(mask: Mask, by_px: float) -> Mask:
    """`mask` grown by `by_px` on every side."""
    side = 2 * max(round(by_px), 0) + 1
    return mask if side == 1 else cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0


def narrowed(mask: Mask, by_px: float) -> Mask:
    """`mask` shrunk by `by_px` on every side."""
    side = 2 * max(round(by_px), 0) + 1
    return mask if side == 1 else cv2.erode(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0


def covered(size: tuple[int, int], rects: Sequence[Rect]) -> Mask:
    """A width×height sheet's pixels that lie under any of `rects`."""
    mask = np.zeros((size[1], size[0]), bool)
    for rect in rects:
        left, top, right, bottom = rect.rounded()
        mask[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
    return mask


@dataclass(frozen=True, eq=False)
class Patch:
    """One window of the sheet, H×W×3 in 0–255; `scale` is patch pixels per sheet pixel (at most 1).

    `ground` already follows what the file shows between the ink: a scene or panel whose colour is off as a whole must
    not be taken for ink. `free` is where nothing was meant to be drawn.
    """

    window: Rect
    scale: float
    ground: Field
    meant_ground: Field
    meant: Field
    seen: Field
    free: Mask

    @property
    def size(self) -> tuple[int, int]:
        return self.seen.shape[1], self.seen.shape[0]

    def local(self, rect: Rect) -> Rect:
        """A rectangle of the sheet in this patch's pixels."""
        dx, dy, k = self.window.left, self.window.top, self.scale
        return Rect((rect.left - dx) * k, (rect.top - dy) * k, (rect.right - dx) * k, (rect.bottom - dy) * k)

    def ink(self, pixels: Field) -> Field:
        """How far each pixel stands off the ground, H×W in 0–442."""
        return np.sqrt(((pixels - self.ground) ** 2).sum(axis=2))

    @property
    def meant_ink(self) -> Field:
        return np.sqrt(((self.meant - self.meant_ground) ** 2).sum(axis=2))


def take_patch(ground: Pixels, meant: Pixels, seen: Pixels, rect: Rect, most_px: int = PATCH_PX) -> Patch:
    """The window `rect` (clipped to the sheet) of all three, averaged down where it is large."""
    height, width = seen.shape[:2]
    left, top, right, bottom = rect.clipped(Rect(0, 0, width, height)).rounded()
    window = Rect(left, top, max(right, left + 1), max(bottom, top + 1))
    scale = min(math.sqrt(most_px / max(window.width * window.height, 1)), 1.0)
    size = max(round(window.width * scale), 1), max(round(window.height * scale), 1)
    parts = [cut(pixels, window) for pixels in (ground, meant, seen)]
    if scale < 1:
        parts = [cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in parts]
    g, m, s = (part.astype(np.float32) for part in parts)
    drawn_on = difference(parts[1], parts[0]) > 6
    free = ~widened(drawn_on, 3)
    # Two grounds may meet in a window (panel and scene): each settles for itself.
    home = np.median(g[drawn_on], axis=0) if drawn_on.any() else np.median(g.reshape(-1, 3), axis=0)
    like = np.abs(g - home).max(axis=2) < 28
    settled = np.where(like[..., None], _settling(s - g, free & like), _settling(s - g, free & ~like))
    return Patch(window, scale, (g + settled).astype(np.float32), g, m, s, free)


def _settling(off: Field, free: Mask) -> Field:
    """How the ground of the file differs from the drawn one: a smooth surface (up to squares) through the free pixels,
    fitted twice, the second time without the half that fits worst."""
    height, width = free.shape
    ys, xs = np.nonzero(free)
    if len(ys) < 24:
        return np.zeros_like(off)
    step = max(len(ys) // 1500, 1)
    ys, xs = ys[::step], xs[::step]
    values = off[ys, xs].astype(np.float64)
    if np.abs(values).max() < 1:
        return np.zeros_like(off)
    start = np.median(values, axis=0)
    spread = np.abs(values - start).max(axis=1)
    kept = spread <= np.median(spread) * 2.5 + 1

    def basis(x: NDArray[np.generic], y: NDArray[np.generic]) -> NDArray[np.float64]:
        u, v = x / max(width, 1) - 0.5, y / max(height, 1) - 0.5
        terms = [np.ones_like(u)] if len(values) < 200 else [np.ones_like(u), u, v, u * v, u * u, v * v]
        return np.stack(terms, axis=-1)

    rows = basis(xs, ys)
    found = np.zeros((rows.shape[1], 3))
    for _ in range(2):
        part = rows[kept]
        found = np.linalg.solve(part.T @ part + 1e-6 * np.eye(part.shape[1]), part.T @ values[kept])
        error = np.abs(values - rows @ found).max(axis=1)
        kept = error <= np.median(error) * 2.5 + 0.5
    grid_y, grid_x = np.indices((height, width))
    return (basis(grid_x, grid_y) @ found).astype(np.float32)


def correlation(a: NDArray[Any], b: NDArray[Any], where: Mask | None = None) -> float:
    """Pearson's correlation of two fields, −1 to 1; 0 where one of them is flat."""
    x, y = (a[where], b[where]) if where is not None else (a.ravel(), b.ravel())
    if x.size < 4:
        return 0.0
    x, y = np.asarray(x, float), np.asarray(y, float)
    x, y = x - x.mean(), y - y.mean()
    scale = math.sqrt(float((x * x).sum() * (y * y).sum()))
    return float((x * y).sum() / scale) if scale > 1e-6 else 0.0


# ------------------------------------------------------------------------------------------------ where it went


@dataclass(frozen=True)
class Pose:
    """How a drawing came to lie: scale along its own width and height (1 as meant), angle and skew in radians, and how
    far its middle moved, in the sheet's pixels; `agreement` is the correlation once it is laid back."""

    scale_x: float = 1.0
    scale_y: float = 1.0
    angle: float = 0.0
    skew: float = 0.0
    dx: float = 0.0
    dy: float = 0.0
    agreement: float = 1.0
    matrix: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

    @property
    def shift(self) -> float:
        return math.hypot(self.dx, self.dy)

    @property
    def distortion(self) -> float:
        """Uneven scale, turn or slant, whichever is largest, as a fraction."""
        return max(abs(self.scale_x / self.scale_y - 1), abs(self.angle), abs(self.skew))

    def laid_back(self, pixels: Field) -> Field:
        """`pixels` of the patch, moved to where they were meant."""
        matrix = np.array(self.matrix).reshape(2, 3)
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (pixels.shape[1], pixels.shape[0])
        return cv2.warpAffine(pixels, matrix, size, flags=how, borderMode=cv2.BORDER_REPLICATE)  # type: ignore


def best_match(field: Field, art: Field) -> tuple[float, tuple[int, int]]:
    """The best normalised correlation of `art` anywhere in `field`, and the left and top of that place.

    Places with next to nothing drawn do not count: there the normalisation divides noise by noise.
    """
    height, width = art.shape
    if height > field.shape[0] or width > field.shape[1] or not art.std() > 0:
        return 0.0, (0, 0)
    scores = cv2.matchTemplate(field, art, cv2.TM_CCOEFF_NORMED)
    rows, columns = scores.shape
    sums, squares = cv2.integral2(field, sdepth=cv2.CV_64F, sqdepth=cv2.CV_64F)

    def window(table: NDArray[Any]) -> NDArray[np.float64]:
        far, near = slice(height, height + rows), slice(width, width + columns)
        out = table[far, near] - table[:rows, near] - table[far, :columns] + table[:rows, :columns]
        return np.asarray(out / (height * width))

    spread = np.sqrt(np.maximum(window(squares) - window(sums) ** 2, 0))
    scores[~(spread > 0.2 * float(art.std()))] = 0
    _, best, _, where = cv2.minMaxLoc(scores)
    return float(best), (int(where[0]), int(where[1]))


def find_pose(meant: Field, seen: Field, box: Rect, scale: float) -> Pose | None:
    """The affine map that takes `meant` (within `box`) to `seen`, both H×W: coarse search over size and place, then
    ECC (Evangelidis and Psarakis 2008). None when nothing there resembles it."""
    left, top, right, bottom = (max(v, 0) for v in box.rounded())
    template = np.ascontiguousarray(meant[top:bottom, left:right])
    if min(template.shape) < 4:
        return None
    starts = [(1.0, 1.0, float(left), float(top), 0.0)]
    for factor in (1.0, 0.72, 0.8, 0.88, 0.94, 1.07, 1.14, 1.22, 1.35):
        size = max(round(template.shape[1] * factor), 3), max(round(template.shape[0] * factor), 3)
        if size[0] > seen.shape[1] or size[1] > seen.shape[0]:
            continue
        art = cv2.resize(template, size, interpolation=cv2.INTER_AREA)
        best, where = best_match(seen, art.astype(np.float32))  # type: ignore[arg-type]
        starts.append((size[0] / template.shape[1], size[1] / template.shape[0], where[0], where[1], best))
    starts = [starts[0], *sorted(starts[1:], key=lambda start: -start[4])[:3]]
    poses = [_refined(template, seen, start) for start in starts]
    poses += [_refined(template, seen, start, still=True) for start in starts if start[:2] == (1.0, 1.0) and start[4]]
    good = [(agreement, matrix) for agreement, matrix in poses if matrix is not None]
    if not good:
        return None
    agreement, matrix = max(good, key=lambda item: item[0])
    # A plain shift that explains nearly as much is the simpler answer: other ink may hide a part.
    for value, found in good:
        still = np.array_equal(found[:, :2], np.eye(2)) and np.abs(found[:, 2] - (left, top)).max() > 1
        if still and value >= agreement - 0.03:
            agreement, matrix = value, found
            break
    # From template coordinates to those of the patch.
    linear = matrix[:, :2].astype(np.float64)
    offset = matrix[:, 2] - linear @ np.array([left, top], np.float64)
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    moved = (linear @ middle + offset - middle) / scale
    angle = math.atan2(linear[1, 0], linear[0, 0])
    skew = math.atan2(-linear[0, 1], linear[1, 1]) - angle
    return Pose(
        float(np.hypot(*linear[:, 0])), float(np.hypot(*linear[:, 1])), angle, skew, float(moved[0]), float(moved[1]),
        agreement, tuple(np.concatenate([linear, offset[:, None]], axis=1).ravel().tolist()),
    )  # fmt: skip


def _refined(
    template: Field, seen: Field, start: tuple[float, float, float, float, float], still: bool = False
) -> tuple[float, NDArray[np.float32] | None]:
    matrix = np.array([[start[0], 0, start[2]], [0, start[1], start[3]]], np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-4)
    try:
        found = matrix
        if not still:
            every = np.full(seen.shape, 255, np.uint8)
            _, found = cv2.findTransformECC(template, seen, matrix.copy(), cv2.MOTION_AFFINE, criteria, every, 3)
    except cv2.error:
        found = matrix
    best: tuple[float, NDArray[np.float32] | None] = (0.0, None)
    for trial in (found, matrix):
        sx, sy = np.hypot(*trial[:, 0]), np.hypot(*trial[:, 1])
        # A map that folds, blows up or turns far explains nothing.
        if not (_LEAST < sx < _MOST and _LEAST < sy < _MOST and 0.75 < sx / sy < 1.33 and abs(trial[1, 0] / sx) < 0.22):
            continue
        size = template.shape[1], template.shape[0]
        back = cv2.warpAffine(seen, trial, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        strong = float(back.std()) > 0.2 * float(template.std())
        agreement = correlation(template, back) if strong else 0.0
        if agreement > best[0]:
            best = agreement, np.asarray(trial, np.float32)
    return best


# ------------------------------------------------------------------------------------------------ words


def word_map(place: TextPlace, fonts: FontSet, patch: Patch) -> NDArray[np.int32]:
    """For each pixel of the patch, the 1-based index of the word drawn there, else 0."""
    width, height = patch.size
    # Colours of words can be told only where a pixel is all ink: small letters are drawn larger to have such pixels.
    times = 3 if place.block.style.size_px * patch.scale < 48 else 1
    buffer = np.zeros((height * times, width * times, 4), np.uint8)
    canvas = skia.Canvas(buffer, skia.kRGBA_8888_ColorType)
    canvas.scale(patch.scale * times, patch.scale * times)
    block = set_text(place.block.text, place.block.style, place.block.width_px, fonts, word_colors=True)
    block.paint(canvas, place.rect.left - patch.window.left, place.rect.top - patch.window.top)
    index = buffer[..., 0].astype(np.int32) + (buffer[..., 1].astype(np.int32) << 8)
    index[(buffer[..., 3] < 255) | (index > len(place.block.text.split(" ")))] = 0
    return index.reshape(height, times, width, times).max(axis=(1, 3))


def drawn(block: Block, scale: float) -> tuple[Field, float, float]:
    """A block's letters alone as coverage 0–1, cut to their own extent, at `scale` pixels per sheet pixel; and where
    that extent starts inside the block, left and top in sheet pixels."""
    pad = block.style.size_px
    width = max(round((block.width_px + 2 * pad) * scale), 1)
    height = max(round((block.height_px + 2 * pad) * scale), 1)
    buffer = np.zeros((height, width, 4), np.uint8)
    canvas = skia.Canvas(buffer, skia.kRGBA_8888_ColorType)
    canvas.scale(scale, scale)
    block.paint(canvas, pad, pad)
    coverage = (buffer[..., 3] / 255).astype(np.float32)
    rows, columns = np.flatnonzero(coverage.max(axis=1) > 0.2), np.flatnonzero(coverage.max(axis=0) > 0.2)
    if not len(rows) or not len(columns):
        return np.zeros((1, 1), np.float32), 0.0, 0.0
    part = coverage[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return part, columns[0] / scale - pad, rows[0] / scale - pad
