"""Where the product probably is, before any model of its colours: what stands out from what runs along the frame.

Background detection over superpixels after Zhu, Liang, Wei & Sun, "Saliency Optimization from Robust Background
Detection" (2014), with the distances and constants given there.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from engines.base import Pixels, Plane

from .border import frame
from .raster import barrier, superpixels
from .view import View

_SUPERPIXELS = 400
_COMPACTNESS = 15.0
_APPEARANCE_SIGMA = 10.0
_SPATIAL_SIGMA = 0.25
_CONNECTIVITY_SIGMA = 1.0
_FOCUS_REACH = 0.024
"""Blur that makes an area of crisp edges, as a fraction of the view's scale."""
_GREY_NOISE = 0.5
"""Grey levels of fine grain that mean nothing."""
_GATHER = 1.6
_PULL = 0.6
"""How much a product is expected to be in one place."""
_SLOPE = 6.0

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mosaic:
    """A photo in superpixels. `label` h×w; per superpixel: mean `lab` n×3, `place` n×2 (y, x over the longest side),
    `area` n in pixels, `on_frame` n `bool`; `touch` n×n `bool`, whether two touch or share a neighbour."""

    label: NDArray[np.int32]
    lab: Array
    place: Array
    area: Array
    on_frame: NDArray[np.bool_]
    touch: NDArray[np.bool_]

    def spread(self, values: Array) -> Plane:
        """One value a superpixel, as an h×w plane."""
        return values.astype(np.float32)[self.label]


def mosaic(view: View) -> Mosaic:
    """Cut the photo into about 400 superpixels."""
    h, w = view.shape
    spacing = max(2, round(float(np.sqrt(h * w / _SUPERPIXELS))))
    raw = superpixels(view.lab, spacing, _COMPACTNESS, 6)
    _, label = np.unique(raw, return_inverse=True)
    label = label.reshape(h, w).astype(np.int32)
    flat = label.ravel()
    area = np.bincount(flat).astype(np.float64)
    lab = np.stack([np.bincount(flat, view.lab[..., c].ravel().astype(np.float64)) / area for c in range(3)], 1)
    ys, xs = np.mgrid[:h, :w]
    place = np.stack([np.bincount(flat, v.ravel()) / area / max(h, w) for v in (ys, xs)], 1)
    on_frame = np.zeros(len(area), bool)
    for side in (label[0], label[-1], label[:, 0], label[:, -1]):
        on_frame[side] = True
    touch = np.zeros((len(area), len(area)), bool)
    for a, b in ((label[:-1], label[1:]), (label[:, :-1], label[:, 1:])):
        touch[a.ravel(), b.ravel()] = True
    touch |= touch.T
    np.fill_diagonal(touch, False)
    return Mosaic(label, lab, place, area, on_frame, touch)


def standing_out(tiles: Mosaic, apart: Array, background: Array) -> Array:
    """0–1 for every superpixel: 1 where it contrasts with whatever is tied to the frame."""
    space = np.linalg.norm(tiles.place[:, None] - tiles.place[None], axis=2)
    weight = np.exp(-(space**2) / (2 * _SPATIAL_SIGMA**2))
    contrast = (apart * weight * background[None]).sum(1)
    contrast = stretched(contrast)
    return _settled(tiles, apart, background, contrast)


def background_chance(tiles: Mosaic, apart: Array) -> Array:
    """0–1 for every superpixel: how firmly its colour region is tied to the frame (boundary connectivity)."""
    linked = tiles.touch | np.logical_and.outer(tiles.on_frame, tiles.on_frame)
    np.fill_diagonal(linked, False)
    rows, columns = np.nonzero(linked)
    # Steps too small to see cost nothing, or long even stretches would count as far.
    nearest = np.where(tiles.touch, apart, np.inf).min(1)
    free = float(np.mean(nearest[np.isfinite(nearest)]))
    cost = np.maximum(apart[rows, columns] - free, 0.0) + 1e-6
    along = dijkstra(coo_matrix((cost, (rows, columns)), shape=apart.shape).tocsr(), directed=False)
    alike = np.exp(-(along**2) / (2 * _APPEARANCE_SIGMA**2))
    span = alike.sum(1)
    length = (alike * tiles.on_frame[None]).sum(1)
    return 1.0 - np.exp(-((length / np.sqrt(span)) ** 2) / (2 * _CONNECTIVITY_SIGMA**2))


def _settled(tiles: Mosaic, apart: Array, background: Array, foreground: Array) -> Array:
    """The least-squares balance of background, foreground and smoothness (equation 9 of the paper)."""
    near = tiles.touch | ((tiles.touch.astype(np.float64) @ tiles.touch) > 0)
    near |= np.logical_and.outer(tiles.on_frame, tiles.on_frame)
    np.fill_diagonal(near, False)
    smooth = np.where(near, np.exp(-(apart**2) / (2 * _APPEARANCE_SIGMA**2)) + 0.1, 0.0)
    system = np.diag(background * 5.0 + foreground + smooth.sum(1)) - smooth
    return np.asarray(np.clip(np.linalg.solve(system, foreground), 0.0, 1.0), np.float64)


def stretched(values: Array) -> Array:
    """Values moved to fill 0–1."""
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def enclosed(view: View) -> Plane:
    """h×w, 0–1: minimum barrier distance to the frame, over the three planes of Lab."""
    small = cv2.resize(view.lab, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    total = np.sum([barrier(np.ascontiguousarray(small[..., c]), 3) for c in range(3)], axis=0)
    total = cv2.resize(total, view.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return (total / max(float(total.max()), 1e-6)).astype(np.float32)


def in_focus(picture: Pixels, view: View) -> tuple[Plane, float]:
    """h×w, 0–1: where the photo's own pixels (`picture` H×W×3) are crisper than along its frame; what crisp edges
    enclose counts as crisp. And what that is worth, 0–2: the doublings of crispness between frame and product."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = (grey - cv2.GaussianBlur(grey, (0, 0), 1.0)) ** 2
    fine = cv2.resize(fine, view.shape[::-1], interpolation=cv2.INTER_AREA)
    crisp = np.sqrt(cv2.GaussianBlur(fine, (0, 0), _FOCUS_REACH * view.scale_px)) + _GREY_NOISE
    usual = float(np.median(crisp[frame(view.shape)]))
    best = float(np.quantile(crisp, 0.98))
    doublings = float(np.log2(best / usual))
    rise = np.clip(np.log2(crisp / usual) / max(doublings, 1.0), 0, 1)
    return _without_holes(rise.astype(np.float32)), min(max(doublings, 0.0), 2.0)


def _without_holes(plane: Plane) -> Plane:
    """Every place raised to the level that encloses it (24 levels)."""
    out = plane.copy()
    for level in np.linspace(0.04, 0.96, 24):
        land = np.pad((plane >= level).astype(np.uint8), 1)
        cv2.floodFill(land, None, (0, 0), 2)
        lake = land[1:-1, 1:-1] == 0
        out[lake] = np.maximum(out[lake], level)
    return out


def gathered(likely: Plane) -> Plane:
    """h×w, 0–1: a bell around the middle of what is `likely`, as wide as that lies scattered."""
    h, w = likely.shape
    y, x = np.mgrid[:h, :w].astype(np.float32)
    weight = likely**2 / max(float((likely**2).sum()), 1e-6)
    bell = np.zeros((h, w), np.float32)
    for place in (y, x):
        middle = float((weight * place).sum())
        scatter = float((weight * (place - middle) ** 2).sum())
        bell += (place - middle) ** 2 / (_GATHER**2 * max(scatter, 1.0))
    return np.exp(-bell / 2)


def prior(picture: Pixels, view: View) -> Plane:
    """h×w, 0–1: how likely each pixel is the product, in a photo of any kind; ½ at Otsu's threshold."""
    tiles = mosaic(view)
    apart = np.linalg.norm(tiles.lab[:, None] - tiles.lab[None], axis=2)
    background = background_chance(tiles, apart)
    crisp, worth = in_focus(picture, view)
    cues = (
        tiles.spread(1 - background),
        _to_top(tiles.spread(standing_out(tiles, apart, background))),
        _to_top(enclosed(view)),
        crisp,
    )
    likely = np.average(cues, axis=0, weights=(1, 1, 1, worth)).astype(np.float32)
    likely *= 1 - _PULL + _PULL * gathered((likely * (crisp + 0.2)).astype(np.float32))
    likely = _to_top(likely)
    codes = np.rint(likely * 255).astype(np.uint8)
    threshold = max(float(cv2.threshold(codes, 0, 255, cv2.THRESH_OTSU)[0]) / 255, 0.05)
    return (1 / (1 + np.exp(-_SLOPE * (likely - threshold) / max(threshold, 1 - threshold)))).astype(np.float32)


def _to_top(values: Plane) -> Plane:
    """Scaled so that the 98th percentile is 1, clipped there."""
    return np.clip(values / max(float(np.quantile(values, 0.98)), 1e-6), 0, 1)


def joined(own: Plane, learned: Plane) -> Plane:
    """Two opinions (h×w each, 0–1) as one: the mean of their log-odds, neither ever quite sure."""
    odds = [np.log(p / (1 - p)) for p in (np.clip(own, 0.01, 0.99), np.clip(learned, 0.01, 0.99))]
    return (1 / (1 + np.exp(-(odds[0] + odds[1]) / 2))).astype(np.float32)
