"""The edge at the photo's own size: how much of each pixel is product, and the product's colour without the ground's.

Closed-form matting (Levin, Lischinski & Weiss, 2008) and multi-level foreground estimation (Germer et al., 2020), both
from pymatting. Only a band along the edge is solved for; inside it is 1, outside 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.base import Pixels, Plane

from .segment import steps

_MOST_PX = 700_000
"""A larger crop is solved smaller and its alpha carried over by the local linear model of the guided filter."""
_EPSILON = 1e-6
_HOLD, _HOLD_SOFT = 0.02, 0.001
"""Weight of the segmentation's own view against the smoothness of the matte (the Laplacian's entries are about 1), at
crisp and at soft edges."""
_CRISP, _HAIRY = 0.4, 0.25
"""Share of the difference between product and ground that one pixel step makes up, at working size."""
_CLEAR, _FULL = 0.02, 0.98
"""Alpha beyond these is 0 or 1: what the solver leaves as haze."""


@dataclass(frozen=True)
class Window:
    """A crop, in whole pixels: rows `top` to `bottom`, columns `left` to `right`, ends excluded."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def cut(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)


def around(wanted: NDArray[np.bool_], margin: int) -> Window:
    """The smallest window that holds every True pixel of `wanted`, `margin` wider. `wanted` must hold one."""
    rows, columns = np.flatnonzero(wanted.any(1)), np.flatnonzero(wanted.any(0))
    h, w = wanted.shape
    return Window(
        max(0, int(rows[0]) - margin),
        min(h, int(rows[-1]) + 1 + margin),
        max(0, int(columns[0]) - margin),
        min(w, int(columns[-1]) + 1 + margin),
    )


def softness(lab: Plane, mask: NDArray[np.bool_], reach: float) -> Plane:
    """h×w, 0–1, meant near the contour of `mask`: 1 where product and ground pass into each other (hair, blur), 0
    where a step parts them. It is the largest step along the contour over the whole difference of its two sides."""
    sigma = 2.5 * reach
    rim = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).astype(np.float32)
    near = np.maximum(cv2.GaussianBlur(rim, (0, 0), sigma), 1e-4)

    def mean(share: Plane) -> Any:
        weight = np.maximum(cv2.GaussianBlur(share, (0, 0), sigma), 1e-4)
        return cv2.GaussianBlur(lab * share[..., None], (0, 0), sigma) / weight[..., None]

    sides = np.linalg.norm(mean(mask.astype(np.float32)) - mean((~mask).astype(np.float32)), axis=2)
    largest = cv2.dilate(steps(lab), np.ones((3, 3), np.uint8))
    step = cv2.GaussianBlur(largest * rim, (0, 0), sigma) / near
    whole = cv2.GaussianBlur(sides * rim, (0, 0), sigma) / near
    return np.clip((_CRISP - step / np.maximum(whole, 1.0)) / (_CRISP - _HAIRY), 0, 1).astype(np.float32)


def trimap_of(mask: NDArray[np.bool_], reach: Plane) -> Plane:
    """h×w: 1 deeper inside `mask` than `reach` (h×w, pixels), 0 farther outside, ½ between. The frame is no edge."""
    inner, outer = (np.pad(m.astype(np.uint8), 1, mode="edge") for m in (mask, ~mask))
    deep = cv2.distanceTransform(inner, cv2.DIST_L2, 5)[1:-1, 1:-1]
    far = cv2.distanceTransform(outer, cv2.DIST_L2, 5)[1:-1, 1:-1]
    return np.where(deep > reach, 1.0, np.where(far > reach, 0.0, 0.5)).astype(np.float32)


def alpha_of(rgb: Pixels, trimap: Plane, guess: Plane, soft: Plane | None = None) -> Plane:
    """h×w `float32`, 0–1. `rgb` h×w×3; `trimap` 0, ½ or 1, where ½ is solved for; `guess` h×w, 0–1, what the
    segmentation thinks there, held to less where the edge is `soft` (h×w, 0–1)."""
    h, w = trimap.shape
    soft = np.zeros((h, w), np.float32) if soft is None else soft
    scale = min(1.0, float(np.sqrt(_MOST_PX / (h * w))))
    if scale == 1.0:
        return _cleaned(_solved(rgb, trimap, guess, soft), trimap)
    size = round(w * scale), round(h * scale)
    small_rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    small_guess, small_soft, mean = (
        np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32) for plane in (guess, soft, trimap)
    )
    small_trimap = np.where(mean == 1, 1.0, np.where(mean == 0, 0.0, 0.5)).astype(np.float32)
    small = _solved(small_rgb, small_trimap, small_guess, small_soft)
    return _cleaned(np.where(trimap == 0.5, _carried_over(small_rgb, small, rgb), trimap), trimap)


def _solved(rgb: Pixels, trimap: Plane, guess: Plane, soft: Plane) -> Plane:
    from pymatting import cf_laplacian, cg, jacobi
    from scipy.sparse import diags

    open_ = trimap == 0.5
    if not open_.any() or min(trimap.shape) < 3:
        return np.where(open_, guess, trimap).astype(np.float32)
    known = ~open_
    laplacian = cf_laplacian(rgb / 255.0, epsilon=_EPSILON, is_known=known)
    rows = laplacian[np.flatnonzero(open_)]
    hold = (_HOLD + (_HOLD_SOFT - _HOLD) * soft[open_]).astype(np.float64)
    system = (rows[:, np.flatnonzero(open_)] + diags(hold)).tocsr()
    right = hold * guess[open_].astype(np.float64) - rows[:, np.flatnonzero(known)] @ trimap[known].astype(np.float64)
    x = cg(system, right, x0=guess[open_].astype(np.float64), M=jacobi(system), rtol=1e-4, atol=1e-6, maxiter=4000)
    alpha = trimap.astype(np.float32).copy()
    alpha[open_] = np.clip(x, 0, 1)
    return alpha


def _carried_over(small_rgb: Pixels, small: Plane, rgb: Pixels) -> Plane:
    """`small` alpha at the size of `rgb`: alpha is linear in the colours of each window (He & Sun, "Fast guided
    filter", 2015), so the coefficients are enlarged and not alpha itself."""
    guide = small_rgb.astype(np.float32) / 255.0
    box = (5, 5)
    mean_i, mean_a = cv2.blur(guide, box), cv2.blur(small, box)
    cross = cv2.blur(guide * small[..., None], box) - mean_i * mean_a[..., None]
    outer = cv2.blur((guide[..., :, None] * guide[..., None, :]).reshape(*small.shape, 9), box).reshape(
        *small.shape, 3, 3
    )
    covariance = outer - mean_i[..., :, None] * mean_i[..., None, :] + 1e-4 * np.eye(3, dtype=np.float32)
    slope = np.linalg.solve(covariance, cross[..., None])[..., 0]
    offset = mean_a - (slope * mean_i).sum(-1)
    both = cv2.blur(np.concatenate([slope, offset[..., None]], -1).astype(np.float32), box)
    alpha = np.empty(rgb.shape[:2], np.float32)
    h, w = rgb.shape[0], rgb.shape[1]
    # In strips, or the enlarged coefficients of a 24-megapixel photo would fill the memory.
    rows = max(1, 4_000_000 // w)
    ys = (np.arange(h, dtype=np.float32) + 0.5) * small.shape[0] / h - 0.5
    xs = np.broadcast_to((np.arange(w, dtype=np.float32) + 0.5) * small.shape[1] / w - 0.5, (rows, w))
    for top in range(0, h, rows):
        here = slice(top, min(h, top + rows))
        count = here.stop - here.start
        row = np.repeat(ys[here][:, None], w, 1)
        wide = cv2.remap(both, np.ascontiguousarray(xs[:count]), row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        alpha[here] = (wide[..., :3] * (rgb[here].astype(np.float32) / 255.0)).sum(-1) + wide[..., 3]
    return np.clip(alpha, 0, 1)


def _cleaned(alpha: Plane, trimap: Plane) -> Plane:
    spread = np.clip((alpha - _CLEAR) / (_FULL - _CLEAR), 0, 1)
    return np.where(trimap == 0.5, spread, trimap).astype(np.float32)


def decontaminated(rgb: Pixels, alpha: Pixels) -> Pixels:
    """h×w×4 straight alpha: the product's own colours along the edge, the photo's bit for bit where `alpha` is 255,
    black where it is 0."""
    from pymatting import estimate_foreground_ml

    out = np.zeros((*alpha.shape, 4), np.uint8)
    out[..., 3] = alpha
    solid, soft = alpha == 255, (alpha > 0) & (alpha < 255)
    if soft.any():
        colours: Any = estimate_foreground_ml(rgb.astype(np.float32) / 255.0, alpha.astype(np.float32) / 255.0)
        out[soft, :3] = np.clip(np.rint(colours[soft] * 255.0), 0, 255).astype(np.uint8)
    out[solid, :3] = rgb[solid]
    return out
