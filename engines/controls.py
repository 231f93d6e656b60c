"""Maps a painter follows, read out of photos with OpenCV: edges, soft edges, line art. No weights, same in, same out.

Each looks at most at `WORKED_PX` of the photo's longest side: finer detail is grain, not composition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from .base import EngineError, Pixels, Plane

WORKED_PX = 1024
LEAST_PX = 16
_STILL = 2.5
"""Steps of lightness (0–255) that are never an edge, so that a flat picture gives an empty map."""


@dataclass(frozen=True)
class FromPhoto:
    """An annotator that is one function of lightness, colour and detail."""

    id: str
    read: Callable[[Pixels, float], Pixels]

    def annotate(self, picture: Pixels, detail: float = 0.5) -> Pixels:
        """H×W×3 sRGB to H×W `uint8` of the same size, white on black. `detail` 0–1: from the great forms only to every
        seam. Raises `EngineError` when the picture is too small to hold a form."""
        height, width = picture.shape[:2]
        if min(height, width) < LEAST_PX:
            raise EngineError(f"The photo is only {width}×{height} px", f"Use one of at least {LEAST_PX} px a side")
        scale = min(WORKED_PX / max(height, width), 1.0)
        small = picture[..., :3]
        if scale < 1:
            size = max(round(width * scale), LEAST_PX), max(round(height * scale), LEAST_PX)
            small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
        drawn = self.read(np.ascontiguousarray(small, np.uint8), float(np.clip(detail, 0, 1)))
        if drawn.shape != (height, width):
            drawn = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.ascontiguousarray(drawn, np.uint8)


def edges() -> FromPhoto:
    """Thin contours, after Canny, one pixel wide."""
    return FromPhoto("edges", _edges)


def softedge() -> FromPhoto:
    """Contours of all sizes, brighter where they are stronger, with soft flanks."""
    return FromPhoto("softedge", _softedge)


def lineart() -> FromPhoto:
    """A drawing in strokes: wider where the shade is deeper."""
    return FromPhoto("lineart", _lineart)


def _edges(picture: Pixels, detail: float) -> Pixels:
    calm = cv2.bilateralFilter(picture, 7, 24 + 36 * (1 - detail), 5)
    across, down = _steepest(calm.astype(np.float32))
    steep = np.hypot(across, down)
    # The thresholds follow the photo: a foggy one has edges too, a busy one is not all edges.
    share = 0.03 + 0.22 * detail**1.3
    strongest = float(np.quantile(steep, 0.999))
    high = max(float(np.quantile(steep, 1 - share)), 8 * _STILL, 0.2 * (1 - detail) * strongest)
    found = cv2.Canny(
        np.clip(across, -32768, 32767).astype(np.int16),
        np.clip(down, -32768, 32767).astype(np.int16),
        0.4 * high,
        high,
        L2gradient=True,
    )
    return _without_crumbs(np.asarray(found, np.uint8), round(6 + 40 * (1 - detail)))


def _steepest(picture: Plane) -> tuple[Plane, Plane]:
    """The gradient of whichever channel changes most, so that edges between colours of like lightness are kept."""
    lab = cv2.cvtColor(picture / 255, cv2.COLOR_RGB2LAB) * 2.55
    across, down = cv2.Sobel(lab, cv2.CV_32F, 1, 0), cv2.Sobel(lab, cv2.CV_32F, 0, 1)
    best = np.argmax(across**2 + down**2, axis=2)[..., None]
    chosen = [np.take_along_axis(one, best, 2)[..., 0] for one in (across, down)]
    return np.asarray(chosen[0], np.float32), np.asarray(chosen[1], np.float32)


def _softedge(picture: Pixels, detail: float) -> Pixels:
    height, width = picture.shape[:2]
    total = np.zeros((height, width), np.float32)
    weights = {1.0: 0.25 + 0.9 * detail, 2.0: 0.8, 4.0: 1.1 - 0.4 * detail}
    clean = cv2.bilateralFilter(picture, 9, 30 + 30 * (1 - detail), 7).astype(np.float32)
    for sigma, weight in weights.items():
        across, down = _steepest(_blurred(clean, sigma))
        steep = np.asarray(np.hypot(across, down) * (sigma / 8), np.float32)
        total += weight * _crest(steep, across, down, sigma)
    # Against the strongest nearby as well as overall: contours in the shade count too.
    around = cv2.GaussianBlur(total, (0, 0), max(height, width) / 24)
    level = total / (0.6 * around + (0.01 + 0.12 * (1 - detail)) * float(np.quantile(total, 0.995)) + 2 * _STILL)
    shown = 1 - np.exp(-((level / (2.1 - 0.9 * detail)) ** 1.6))
    return np.rint(cv2.GaussianBlur(shown.astype(np.float32), (0, 0), 0.8) * 255).astype(np.uint8)


def _crest(steep: Plane, across: Plane, down: Plane, sigma: float) -> Plane:
    """A gradient's ridge with soft flanks: what lies off the crest is dimmed."""
    length = np.hypot(across, down) + 1e-6
    rows, columns = np.indices(steep.shape, dtype=np.float32)
    step_x, step_y = (across / length * sigma).astype(np.float32), (down / length * sigma).astype(np.float32)
    before = cv2.remap(steep, columns - step_x, rows - step_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    after = cv2.remap(steep, columns + step_x, rows + step_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    highest = np.maximum(np.maximum(before, after), steep)
    dimmed = np.asarray(steep * (steep / (highest + 1e-6)) ** 6, np.float32)
    return _blurred(dimmed, 0.7 + 0.25 * sigma)


def _blurred(plane: Plane, sigma: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)


def _lineart(picture: Pixels, detail: float) -> Pixels:
    clean = picture
    for _ in range(2):
        clean = cv2.bilateralFilter(clean, 7, 12 + 24 * (1 - detail), 5)
    light = cv2.cvtColor(clean.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 0] * 2.55
    sigma = 1.9 - 0.9 * detail
    # A difference of two blurs dips on the dark side of a contour: that dip is the stroke.
    fine, wide = cv2.GaussianBlur(light, (0, 0), sigma), cv2.GaussianBlur(light, (0, 0), 1.6 * sigma)
    dip = wide - fine
    # How much light there is decides how deep a dip has to be: the eye judges by ratio.
    dip = dip / (0.35 + 0.65 * wide / 255)
    least = max(float(np.quantile(dip, 0.90 - 0.14 * detail)), _STILL * (1.1 - 0.7 * detail))
    stroke = np.clip((dip - 0.55 * least) / (0.9 * least), 0, 1)
    solid = _without_crumbs((stroke > 0.35).astype(np.uint8) * 255, round(12 + 50 * (1 - detail)))
    kept = cv2.dilate(solid, np.ones((3, 3), np.uint8)) > 0
    return np.rint(np.where(kept, stroke, 0) * 255).astype(np.uint8)


def _without_crumbs(drawn: Pixels, least_px: int) -> Pixels:
    """Connected marks of fewer pixels are left out."""
    _, labels, facts, _ = cv2.connectedComponentsWithStats(drawn, connectivity=8)
    keep = facts[:, cv2.CC_STAT_AREA] >= least_px
    keep[0] = False
    return np.where(keep[np.asarray(labels, np.int32)], 255, 0).astype(np.uint8)
