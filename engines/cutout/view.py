"""The photo at working size: the colour spaces the steps below think in."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engines.base import Pixels, Plane

WORKING_PX = 512
"""Longest side the product is looked for at. Edges are then drawn at the photo's own size."""


@dataclass(frozen=True, eq=False)
class View:
    """`rgb` h×w×3 sRGB `uint8`. `lab` h×w×3 CIE L*a*b* (D65, L* 0–100). `light` h×w×3 linear sRGB, 0–1."""

    rgb: Pixels
    lab: Plane
    light: Plane

    @property
    def shape(self) -> tuple[int, int]:
        return self.rgb.shape[0], self.rgb.shape[1]

    @property
    def scale_px(self) -> float:
        """Square root of the area: lengths are fractions of it, so that no photo's size matters."""
        return float(np.sqrt(self.rgb.shape[0] * self.rgb.shape[1]))


def look(picture: Pixels, longest_px: int = WORKING_PX) -> View:
    """`picture` H×W×3 `uint8`, shrunk to at most `longest_px` on its longest side (never enlarged)."""
    height, width = picture.shape[:2]
    scale = min(1.0, longest_px / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    shrunk = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1.0 else picture
    rgb = np.ascontiguousarray(shrunk, np.uint8)
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    return View(rgb, np.asarray(lab, np.float32), linear(rgb))


def linear(rgb: Pixels) -> Plane:
    """sRGB `uint8` to linear light 0–1 (IEC 61966-2-1)."""
    code = np.arange(256) / 255.0
    light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return light[rgb]


def linear_of(lab: Plane) -> Plane:
    """CIE Lab to linear sRGB, clipped to 0–1."""
    code = np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0.0, 1.0)
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4).astype(np.float32)


def lab_of(light: Plane) -> Plane:
    """Linear sRGB, 0–1, to CIE Lab."""
    light = np.clip(light, 0.0, 1.0)
    code = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(cv2.cvtColor(code.astype(np.float32), cv2.COLOR_RGB2LAB), np.float32)
