"""The soft shadow a product throws on a plain backdrop, as a layer of black."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.base import Pixels, Plane

from .border import Backdrop
from .view import View

_FAINTEST = 0.03
"""Opacity below this is the backdrop's own unevenness."""
_LEAST = 0.06
"""A shadow that gets no darker than this is none."""
_EDGE_PX = 4
"""How far a lens and the matte smear the product's edge, at working size."""


def lifted(view: View, behind: Backdrop, product: NDArray[np.bool_]) -> Plane | None:
    """h×w, 0–1: the opacity of black that darkens the empty backdrop to what is seen. None when the backdrop is not
    plain or nothing is thrown on it. Where `product` (h×w) hides it, the shadow is carried on from around.

    Opacity is counted in sRGB code values, as picture editors lay one layer over another.
    """
    if not behind.plain:
        return None
    empty = np.clip(cv2.cvtColor(behind.lab, cv2.COLOR_LAB2RGB), 0.02, 1.0)
    seen = view.rgb.astype(np.float32) / 255.0
    opacity = 1 - cv2.GaussianBlur((seen / empty).mean(2), (0, 0), 1.0)
    opacity = np.clip((opacity - _FAINTEST) / (1 - _FAINTEST), 0, 1).astype(np.float32)

    # 1. Under the product and its smeared edge nothing is known: carried on from around.
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _EDGE_PX + 1, 2 * _EDGE_PX + 1))
    hidden = cv2.dilate(product.astype(np.uint8), disc) > 0
    opacity = _carried_under(opacity, hidden)

    # 2. A shadow hangs together with what throws it.
    dark = ((opacity > 0) & ~hidden) | hidden
    count, named = cv2.connectedComponents(dark.astype(np.uint8), connectivity=8)
    label = np.asarray(named, np.int32)
    touched = np.bincount(label[hidden], minlength=count) > 0
    opacity[~touched[label]] = 0
    return opacity if hidden.any() and float(opacity[~hidden].max(initial=0.0)) >= _LEAST else None


def _carried_under(plane: Plane, hidden: NDArray[np.bool_]) -> Plane:
    """`plane` with the `hidden` part filled from its rim: weighted means over wider and wider windows."""
    known = (~hidden).astype(np.float32)
    out = plane * known
    missing = hidden.copy()
    sigma = 2.0
    while missing.any() and sigma < max(plane.shape):
        weight = cv2.GaussianBlur(known, (0, 0), sigma)
        fill = cv2.GaussianBlur(plane * known, (0, 0), sigma) / np.maximum(weight, 1e-6)
        ready = missing & (weight > 0.05)
        out[ready] = fill[ready]
        missing &= ~ready
        sigma *= 2
    return out


def at_size(opacity: Plane, width_px: int, height_px: int) -> Pixels:
    """The layer at the photo's size, `uint8`."""
    wide = cv2.resize(opacity, (width_px, height_px), interpolation=cv2.INTER_LINEAR)
    return np.rint(np.clip(wide, 0, 1) * 255).astype(np.uint8)
