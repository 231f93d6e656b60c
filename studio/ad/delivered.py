"""A finished ad under measurement: the decoded file beside what was meant. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import skia

from studio.ad.compose import Brand, Plan, draw_flats, draw_ground, draw_logo, draw_words
from studio.ad.layout import TextPlace
from studio.ad.measure import Mask, Pixels, covered, widened
from studio.geometry import Rect
from studio.model import AdSpec
from studio.results import Check

WORKING_PX = 1_600_000
"""Whole-sheet measures are taken on at most about this many pixels."""


@dataclass(frozen=True, eq=False)
class Delivered:
    """A decoded ad file (H×W×3 sRGB) with what it should be."""

    pixels: Pixels
    bytes: int
    file_type: str
    spec: AdSpec
    plan: Plan
    brand: Brand

    @property
    def lossless(self) -> bool:
        return self.file_type == "png"

    @cached_property
    def drawings(self) -> tuple[Pixels, Pixels]:
        """The ad without words and logo, and the whole ad, as meant."""
        width, height = self.plan.size_px
        buffer = np.empty((height, width, 4), np.uint8)
        canvas = skia.Canvas(buffer, skia.kRGBA_8888_ColorType)
        draw_ground(canvas, self.plan)
        draw_flats(canvas, self.plan, above=True)
        ground = cv2.cvtColor(buffer, cv2.COLOR_RGBA2RGB)
        draw_words(canvas, self.plan)
        draw_logo(canvas, self.plan, self.brand)
        return ground, cv2.cvtColor(buffer, cv2.COLOR_RGBA2RGB)  # type: ignore[return-value]

    @property
    def texts(self) -> tuple[TextPlace, ...]:
        return self.plan.arrangement.texts

    @property
    def clear_px(self) -> float:
        """The empty space the kit asks for on every side of the logo."""
        rect, index = self.plan.arrangement.logo, self.plan.grounded.logo_index
        if rect is None or index is None:
            return 0.0
        return self.brand.kit.logos[index].clear_space_fraction * rect.height

    @cached_property
    def small(self) -> tuple[Pixels, Pixels, float]:
        """The file and what was meant, averaged down by a whole factor, with the scale."""
        factor = 1
        while self.pixels.shape[0] * self.pixels.shape[1] / factor**2 > WORKING_PX:
            factor += 1
        return _reduced(self.pixels, factor), _reduced(self.drawings[1], factor), 1 / factor

    def mask(self, rects: list[Rect], grown_px: float = 0.0) -> Mask:
        """Pixels of `small` under any of `rects`."""
        seen, _, scale = self.small
        scaled = [Rect(*(v * scale for v in rect.grown(grown_px))) for rect in rects]
        return covered((seen.shape[1], seen.shape[0]), scaled)

    def product_mask(self, grown_px: float = 0.0) -> Mask:
        """Pixels of `small` that the product's alpha touches."""
        seen, _, scale = self.small
        height, width = seen.shape[:2]
        mask = np.zeros((height, width), bool)
        product, rect = self.plan.product, self.plan.product_rect
        if product is None or rect is None:
            return mask
        size = max(round(product.shape[1] * scale), 1), max(round(product.shape[0] * scale), 1)
        alpha = cv2.resize(product[..., 3], size, interpolation=cv2.INTER_AREA)
        left, top = round(rect.left * scale), round(rect.top * scale)
        y0, x0 = max(top, 0), max(left, 0)
        y1, x1 = min(top + size[1], height), min(left + size[0], width)
        if y1 > y0 and x1 > x0:
            mask[y0:y1, x0:x1] = alpha[y0 - top : y1 - top, x0 - left : x1 - left] > 3
        return widened(mask, max(grown_px * scale, 1))


def check(
    id: str,  # noqa: A002
    passed: bool,
    value: float | str,
    limit: float | str,
    message: str,
    fix: str,
) -> Check:
    """A check with its value rounded; the remedy is given only where there is something to remedy."""
    rounded = round(float(value), 3) if not isinstance(value, str) else value
    return Check(id=id, passed=bool(passed), value=rounded, limit=limit, message=message, fix="" if passed else fix)


def _reduced(pixels: Pixels, factor: int) -> Pixels:
    if factor == 1:
        return pixels
    size = -(-pixels.shape[1] // factor), -(-pixels.shape[0] // factor)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
