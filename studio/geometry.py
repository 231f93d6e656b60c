"""Rectangles in delivered pixels, and the cover crop that takes a picture to its place."""

from __future__ import annotations

from typing import NamedTuple

from studio.model import Box


class Rect(NamedTuple):
    """A rectangle in pixels, origin top left; right and bottom are outside."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def aspect(self) -> float:
        return self.width / self.height

    def grown(self, by: float) -> Rect:
        return Rect(self.left - by, self.top - by, self.right + by, self.bottom + by)

    def meets(self, other: Rect) -> bool:
        """Whether the two share any area."""
        return (
            min(self.right, other.right) - max(self.left, other.left) > 0.01
            and min(self.bottom, other.bottom) - max(self.top, other.top) > 0.01
        )

    def within(self, other: Rect, slack: float = 0.51) -> bool:
        return (
            self.left >= other.left - slack
            and self.top >= other.top - slack
            and self.right <= other.right + slack
            and self.bottom <= other.bottom + slack
        )

    def clipped(self, other: Rect) -> Rect:
        return Rect(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def rounded(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom on whole pixels."""
        return round(self.left), round(self.top), round(self.right), round(self.bottom)


def contain(aspect: float, slot: Rect, across: float = 0.5, down: float = 1.0) -> Rect:
    """The largest rectangle of `aspect` inside `slot`; `across` and `down` (0–1) say where the slack goes."""
    width = min(slot.width, slot.height * aspect)
    height = width / aspect
    left = slot.left + (slot.width - width) * across
    top = slot.top + (slot.height - height) * down
    return Rect(left, top, left + width, top + height)


def cover_crop(width: float, height: float, aspect: float) -> Rect:
    """The largest centred part of a `width`×`height` picture that has `aspect`."""
    kept_width, kept_height = min(width, height * aspect), min(height, width / aspect)
    left, top = (width - kept_width) / 2, (height - kept_height) / 2
    return Rect(left, top, left + kept_width, top + kept_height)


def placed(box: Box, width: float, height: float, onto: Rect) -> Rect:
    """Where `box` (fractions of a `width`×`height` picture) lands when the picture covers `onto`."""
    crop = cover_crop(width, height, onto.aspect)
    scale = onto.width / crop.width
    return Rect(
        onto.left + (box.left * width - crop.left) * scale,
        onto.top + (box.top * height - crop.top) * scale,
        onto.left + (box.right * width - crop.left) * scale,
        onto.top + (box.bottom * height - crop.top) * scale,
    )


def fraction_of(rect: Rect, whole: Rect) -> Box:
    """`rect` in fractions of `whole`, rounded to a ten-thousandth so that like places hash alike."""
    return Box(
        left=round((rect.left - whole.left) / whole.width, 4),
        top=round((rect.top - whole.top) / whole.height, 4),
        right=round((rect.right - whole.left) / whole.width, 4),
        bottom=round((rect.bottom - whole.top) / whole.height, 4),
    )
