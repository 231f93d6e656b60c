"""The measures of the built-in model, on arrays alone. What is compared with what is decided in `evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from coloraide import Color
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from scipy.stats import spearmanr

from engines.base import Pixels

Rows = NDArray[np.floating]


def edge_f1(picture: Pixels, wanted: Pixels, tolerance_px: int = 2) -> float:
    """How well a picture's edges (Canny) and wanted ones (H×W, 255 on an edge) meet: the harmonic mean of the shares of
    either that lie within the tolerance of the other. 0–1; NaN where none are wanted."""
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
    found, asked = cv2.Canny(grey, 20, 50) > 0, wanted > 127
    if not asked.any():
        return float("nan")
    if not found.any():
        return 0.0
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * tolerance_px + 1,) * 2)
    near_asked, near_found = (cv2.dilate(plane.astype(np.uint8), disc) > 0 for plane in (asked, found))
    precision, recall = float(near_asked[found].mean()), float(near_found[asked].mean())
    return 2 * precision * recall / max(precision + recall, 1e-9)


def rank_correlation(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    """Spearman's, of two planes of one shape."""
    result: Any = spearmanr(found.ravel(), wanted.ravel())
    return float(result.statistic)


def overlap(found: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> float:
    """Intersection over union; NaN where neither has anything."""
    union = (found | wanted).sum()
    return float((found & wanted).sum() / union) if union else float("nan")


def role_colours(picture: Pixels, roles: NDArray[np.uint8], least: float = 0.003) -> dict[int, NDArray[np.float32]]:
    """The median OKLab colour of each role's area, by index, where it covers at least a share of the picture. `roles`
    may be smaller than the picture; its outline is left out, as colours mix there."""
    shrunk = np.asarray(cv2.resize(picture, roles.shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    lab = oklab(shrunk)
    found = {}
    for role in range(1, int(roles.max()) + 1):
        area = (roles == role).astype(np.uint8)
        inner = cv2.erode(area, np.ones((3, 3), np.uint8)) > 0
        if inner.mean() >= least:
            found[role - 1] = np.median(lab[inner], axis=0).astype(np.float32)
    return found


def oklab(picture: Pixels) -> Rows:
    """sRGB `uint8` to OKLab (Ottosson 2020)."""
    share = picture.astype(np.float64) / 255
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    cones = light @ np.array(
        [[0.4122214708, 0.2119034982, 0.0883024619], [0.5363325363, 0.6806995451, 0.2817188376],
         [0.0514459929, 0.1073969566, 0.6299787005]]
    )  # fmt: skip
    return np.cbrt(cones) @ np.array(
        [[0.2104542553, 1.9779984951, 0.0259040371], [0.7936177850, -2.4285922050, 0.7827717662],
         [-0.0040720468, 0.4505937099, -0.8086757660]]
    )  # fmt: skip


def delta_e(first: Rows, second: Rows) -> float:
    """CIEDE2000 of two OKLab colours."""
    one, other = (Color("oklab", [float(value) for value in colour[:3]]) for colour in (first, second))
    return float(one.delta_e(other, method="2000"))


def frechet(first: Rows, second: Rows) -> float:
    """Fréchet distance of two sets of feature rows, as normal distributions (Heusel et al. 2017)."""
    means = first.mean(0) - second.mean(0)
    spreads = [np.cov(rows, rowvar=False) + 1e-6 * np.eye(rows.shape[1]) for rows in (first, second)]
    root = sqrtm(spreads[0] @ spreads[1])
    return float(means @ means + np.trace(spreads[0] + spreads[1] - 2 * np.real(root)))


def precision_recall(made: Rows, real: Rows, neighbours: int = 3) -> tuple[float, float]:
    """How many of the made lie among the real, and the other way round (Kynkäänniemi et al. 2019)."""
    return _covered(made, real, neighbours), _covered(real, made, neighbours)


def _covered(points: Rows, by: Rows, neighbours: int) -> float:
    reach = np.sort(distances(by, by), axis=1)[:, min(neighbours, len(by) - 1)]
    return float((distances(points, by) <= reach[None]).any(1).mean())


def distances(first: Rows, second: Rows) -> Rows:
    """Euclidean, of every row of one to every row of the other."""
    square = (first**2).sum(1)[:, None] + (second**2).sum(1)[None] - 2 * first @ second.T
    return np.sqrt(np.maximum(square, 0))


def sharpness(picture: Pixels) -> float:
    """Energy of the finest detail: mean square of the Laplacian of its lightness, of 1."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    return float((cv2.Laplacian(grey, cv2.CV_32F) ** 2).mean())


def middle(values: Sequence[float]) -> float:
    """The mean of what is a number; NaN of nothing."""
    kept = [value for value in values if np.isfinite(value)]
    return float(np.mean(kept)) if kept else float("nan")
