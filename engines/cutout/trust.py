"""How far a cut can be trusted: four signs that need no truth, each 0–1, their geometric mean the confidence."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.base import Plane

from .segment import EDGE_PRICE, Segment
from .view import View

_UNDECIDED = 0.85
"""Mean decisiveness (0–1) that is as good as guessing."""
_NEAR = 0.04
"""The surroundings that count, as a fraction of the view's scale."""


def signs(view: View, found: Segment, prior: Plane, product: NDArray[np.bool_]) -> dict[str, float]:
    """`agreement`: IoU of the result with where the product was first thought to be. `decided`: how one-sided the
    evidence is near it. `apart`: how little the colours inside and outside overlap (Bhattacharyya, 1943). `on_edges`:
    how much of the contour lies on edges of the photo."""
    first = prior > 0.5
    agreement = float((first & product).sum() / max(int((first | product).sum()), 1))
    reach = 2 * round(_NEAR * view.scale_px) + 1
    near = cv2.dilate(product.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    decided = float(1 - undecided(found)[near].mean())
    rim = product & (cv2.erode(product.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) == 0)
    price = cv2.erode(found.edge, np.ones((3, 3), np.uint8))
    on_edges = 1 - float(np.quantile(price[rim], 0.7)) / EDGE_PRICE if rim.any() else 0.0
    return {
        "agreement": agreement,
        "decided": max(0.0, (decided - _UNDECIDED) / (1 - _UNDECIDED)),
        "apart": _apart(view.lab, product),
        "on_edges": max(0.0, on_edges),
    }


def confidence(found_signs: dict[str, float]) -> float:
    """0–1."""
    return float(np.prod(list(found_signs.values())) ** (1 / len(found_signs)))


def undecided(found: Segment) -> Plane:
    """h×w, 0–1: 1 where the evidence is even."""
    return (1 - np.abs(np.tanh(found.cost / 2))).astype(np.float32)


def _apart(lab: Plane, product: NDArray[np.bool_]) -> float:
    if product.all() or not product.any():
        return 0.0
    cell = np.clip((lab + np.array([0, 60, 60], np.float32)) / np.array([7, 10, 10], np.float32), 0, 19).astype(
        np.int64
    )
    index = cell[..., 0] * 400 + cell[..., 1] * 20 + cell[..., 2]
    inside = np.bincount(index[product], minlength=8000) / product.sum()
    outside = np.bincount(index[~product], minlength=8000) / (~product).sum()
    return float(1 - np.sqrt(inside * outside).sum())
