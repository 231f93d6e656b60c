"""The backdrop of a studio shot: a smooth surface through the photo's frame, and what stands before it.

A shadow is the backdrop with less light: its colour ratios stay, and it begins softly. So a pixel speaks for the
product by what no shading of the backdrop can explain, and by plain darkness only where an edge has to be crossed to
reach it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.base import Plane

from .raster import cheapest_path
from .segment import holes, steps
from .view import View, lab_of, linear_of

BAND = 0.04
"""Width of the frame that is taken for background, as a fraction of the shorter side."""
PLAIN_SHARE = 0.8
"""A backdrop is plain when one surface explains this much of the frame."""
PLAIN_SIGMA = 3.5
"""… to within this many Lab units."""
_DEGREE = 3
_LEAST_SIGMA = 0.7
"""No sensor and no JPEG is smoother than this, in Lab units at working size."""
_DEEPEST_SHADOW = 0.15
"""Share of the light a cast shadow keeps at the least."""
_SOFT_STEP = 1.5
"""Lab units a pixel that a soft shadow may change by."""
_BARRIER = 12.0
"""Lab units of edges beyond that which part a product from the frame."""
_CLEAR_RIM = 30.0
"""Lab units from the backdrop."""
_BLUR_PX = 7
"""Window, at working size, within which a lens smears an edge."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Backdrop:
    """`lab` h×w×3, the surface without product or shadow. `sigma` its residual in Lab units. `share` of the frame it
    explains, 0–1."""

    lab: Plane
    sigma: float
    share: float

    @property
    def plain(self) -> bool:
        return self.share >= PLAIN_SHARE and self.sigma <= PLAIN_SIGMA


def frame(shape: tuple[int, int], fraction: float = BAND) -> NDArray[np.bool_]:
    """h×w: True along the frame."""
    h, w = shape
    band = max(1, round(fraction * min(h, w)))
    mask = np.ones(shape, bool)
    mask[band : h - band, band : w - band] = False
    return mask


def backdrop(view: View) -> Backdrop:
    """A polynomial surface of degree 3 in Lab through the frame: iteratively reweighted least squares with Tukey's
    biweight, begun at the most crowded colour, so that a product crossing the frame is an outlier from the start."""
    rim = frame(view.shape)
    basis = _basis(view.shape)
    x, y = basis[rim], view.lab[rim].astype(np.float64)
    step = max(1, len(x) // 8000)
    x, y = x[::step], y[::step]
    sigma = 8.0
    weight = np.exp(-((y - _mode(y)) ** 2).sum(1) / (2 * sigma**2))
    # Higher orders pay more, so a surface seen on one side only does not swing away on the other.
    ridge = np.diag([float((i + j) ** 2) for i, j in _powers()]) * 1e-3 * len(x) + np.eye(len(_powers())) * 1e-9
    coefficients = np.zeros((x.shape[1], 3))
    for _ in range(12):
        coefficients = np.linalg.solve((x * weight[:, None]).T @ x + ridge, (x * weight[:, None]).T @ y)
        away = np.linalg.norm(y - x @ coefficients, axis=1)
        near = away < 3 * sigma
        # 0.65: the median length of a three-dimensional normal residual is 1.54 standard deviations.
        sigma = max(_LEAST_SIGMA, 0.65 * float(np.median(away[near]))) if near.any() else sigma
        weight = np.clip(1 - (away / (4.7 * sigma)) ** 2, 0, None) ** 2
    lab = (basis @ coefficients).astype(np.float32)
    return Backdrop(lab, sigma, float((np.linalg.norm(view.lab[rim] - lab[rim], axis=1) < 3 * sigma).mean()))


def shading(view: View, behind: Backdrop) -> Plane:
    """h×w: how much of the backdrop's light is left, 1 where it is fully lit (mean over the channels)."""
    return ((view.light + 0.003) / (linear_of(behind.lab) + 0.003)).mean(2)


def before_backdrop(view: View, behind: Backdrop) -> Plane:
    """h×w, 0–1: how surely a pixel is something before the backdrop, soft shadows not counted."""
    away = np.linalg.norm(view.lab - behind.lab, axis=2)
    # 1. What no shadow explains: the distance from the backdrop at this pixel's own share of the light.
    kept = np.clip(shading(view, behind), _DEEPEST_SHADOW, 1.0)
    unexplained = np.linalg.norm(view.lab - lab_of(kept[..., None] * linear_of(behind.lab)), axis=2)

    # 2. Where an edge has to be crossed on every way from the frame, darkness counts as well.
    smooth = cv2.GaussianBlur(view.lab, (0, 0), 0.8)
    noise = 3 * behind.sigma + 2.0
    edges = np.maximum(steps(smooth) - _SOFT_STEP, 0) + np.maximum(unexplained - noise, 0)
    start = (frame(view.shape, 0.01) & (away < noise)) | _backdrop_itself(view, behind)
    parted = 1 - np.exp(-((cheapest_path(edges, start, 6) / _BARRIER) ** 2))
    evidence = unexplained + np.maximum(away - unexplained, 0) * parted

    # 3. Beside a product, half its own distance is the border: the lens draws an edge as a ramp, and the ground is
    # darkest where the product touches it.
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_BLUR_PX, _BLUR_PX))
    peak = cv2.dilate(evidence, disc)
    slope = cv2.dilate(evidence, np.ones((3, 3), np.uint8)) - cv2.erode(evidence, np.ones((3, 3), np.uint8))
    ramp = np.clip(4 * slope / np.maximum(peak, 1.0), 0, 1) ** 2
    shade = np.exp(-((unexplained / noise) ** 2))
    half = np.maximum(noise, 0.5 * peak * np.maximum(ramp, shade) * (1 - cv2.erode(parted, disc)))
    return evidence**2 / (evidence**2 + half**2)


def _backdrop_itself(view: View, behind: Backdrop) -> NDArray[np.bool_]:
    """h×w: the middles of patches that are the backdrop to within its noise, wherever they lie: beside the product,
    through a handle, in a frame."""
    calm = np.linalg.norm(cv2.GaussianBlur(view.lab - behind.lab, (0, 0), 1.5), axis=2) < 1.5 * behind.sigma
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_BLUR_PX, _BLUR_PX))
    return cv2.erode(calm.astype(np.uint8), disc) > 0


def without_false_holes(view: View, behind: Backdrop, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`mask` h×w with those holes closed that are no way through to the backdrop: the product's own parts of the
    backdrop's colour. A hole is true where it shows the backdrop itself or its rim differs clearly from it."""
    label, area = holes(mask)
    shown = np.bincount(label.ravel(), _backdrop_itself(view, behind).ravel(), len(area)) > 0
    away = np.linalg.norm(view.lab - behind.lab, axis=2)
    kept = mask.copy()
    for number in np.flatnonzero((area > 0) & ~shown):
        hole = (label == number).astype(np.uint8)
        rim = cv2.dilate(hole, np.ones((5, 5), np.uint8)) > hole
        if float(np.median(away[rim])) < _CLEAR_RIM:
            kept |= hole > 0
    return kept


def _basis(shape: tuple[int, int]) -> Array:
    h, w = shape
    y, x = np.meshgrid(np.linspace(-1, 1, h), np.linspace(-1, 1, w), indexing="ij")
    return np.stack([x**i * y**j for i, j in _powers()], -1)


def _powers() -> list[tuple[int, int]]:
    return [(i, j) for i in range(_DEGREE + 1) for j in range(_DEGREE + 1 - i)]


def _mode(colours: Array) -> Array:
    """The most crowded place: mean shift from the median of the fullest histogram cell (8 Lab units wide)."""
    cells = np.floor(colours / 8.0).astype(np.int64)
    _, index, count = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    centre = np.median(colours[index.ravel() == int(np.argmax(count))], axis=0)
    for _ in range(5):
        weight = np.exp(-(((colours - centre) ** 2).sum(1)) / (2 * 8.0**2))
        centre = (colours * weight[:, None]).sum(0) / weight.sum()
    return centre
