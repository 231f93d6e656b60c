"""A family's rules on one format, in pixels: what the painter must leave and where words will stand. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

from studio.errors import DoesNotFit
from studio.geometry import Rect, contain
from studio.model import AspectClass, Box, Format, Layout, LayoutRules, Words

# Upper bounds of width ÷ height for each class, narrow to wide.
_CLASSES: tuple[tuple[float, AspectClass], ...] = (
    (0.36, "tower"),
    (0.60, "tall"),
    (0.87, "portrait"),
    (1.25, "square"),
    (2.2, "landscape"),
    (4.6, "wide"),
)


@dataclass(frozen=True)
class Frame:
    """The rules of one family on one format, in delivered pixels."""

    width_px: int
    height_px: int
    safe: Rect
    """The live rectangle all boxes are fractions of: inside the format's safe zone, with a decent margin."""
    rules: LayoutRules
    mirrored: bool
    picture: Rect | None
    panel: Rect | None
    product: Rect | None
    words: Rect
    logo: Rect
    legal: Rect | None
    badge: Rect | None
    min_text_px: float

    @property
    def align(self) -> Literal["left", "center", "right"]:
        """How the words are set: the rules' way, or its mirror image."""
        align = self.rules.align
        if not self.mirrored or align == "center":
            return align
        return "right" if align == "left" else "left"

    @property
    def sheet(self) -> Rect:
        return Rect(0, 0, self.width_px, self.height_px)


def aspect_class(width_px: float, height_px: float) -> AspectClass:
    """Which set of rules a format of this shape follows."""
    for limit, name in _CLASSES:
        if width_px / height_px < limit:
            return name
    return "strip"


def safe_rect(fmt: Format) -> Rect:
    """The part of the delivered sheet where words and logo may stand: inside the trim and the safe zone."""
    width, height = fmt.delivered_px
    bleed = fmt.bleed_px
    trim_width, trim_height = width - 2 * bleed, height - 2 * bleed
    return Rect(
        bleed + trim_width * fmt.safe.left_fraction,
        bleed + trim_height * fmt.safe.top_fraction,
        bleed + trim_width * (1 - fmt.safe.right_fraction),
        bleed + trim_height * (1 - fmt.safe.bottom_fraction),
    )


def live_rect(fmt: Format) -> Rect:
    """Where a layout sets its parts: the safe rectangle, but never nearer to the trim than a decent margin."""
    width, height = fmt.delivered_px
    trim = Rect(0, 0, width, height).grown(-fmt.bleed_px)
    margin = max(0.05 * min(trim.width, trim.height), 0.014 * max(trim.width, trim.height))
    return safe_rect(fmt).clipped(trim.grown(-margin))


def rules_for(layout: Layout, fmt: Format) -> LayoutRules:
    """The family's rules for this format's shape. Raises `DoesNotFit` when it has none."""
    live = live_rect(fmt)
    shape = aspect_class(live.width, live.height)
    if shape not in layout.classes:
        raise DoesNotFit("format", f"Layout {layout.id} has no rules for {fmt.id} ({shape})", "Choose another layout")
    return layout.classes[shape]


def frame(rules: LayoutRules, fmt: Format, words: Words, product_aspect: float | None) -> Frame:
    """The rules on this format in pixels, mirrored when the headline reads right to left."""
    width, height = fmt.delivered_px
    safe = live_rect(fmt)
    mirrored = is_right_to_left(words.headline or words.body)
    sheet = Rect(0, 0, width, height)

    def place(box: Box | None, to_edge: bool = False) -> Rect | None:
        if box is None:
            return None
        left, right = (1 - box.right, 1 - box.left) if mirrored else (box.left, box.right)
        rect = Rect(
            safe.left + left * safe.width,
            safe.top + box.top * safe.height,
            safe.left + right * safe.width,
            safe.top + box.bottom * safe.height,
        )
        if not to_edge:
            return rect
        return Rect(
            0 if left <= 0 else round(rect.left),
            0 if box.top <= 0 else round(rect.top),
            width if right >= 1 else round(rect.right),
            height if box.bottom >= 1 else round(rect.bottom),
        )

    picture = place(rules.picture, to_edge=not rules.inset) if rules.scene else None
    if picture is not None:
        picture = Rect(*map(float, picture.clipped(sheet).rounded()))
    slot = place(rules.product) if picture is not None and product_aspect else None
    product = contain(product_aspect, slot.clipped(picture)) if slot and picture and product_aspect else None
    words_rect, logo_rect = place(rules.words), place(rules.logo)
    assert words_rect is not None and logo_rect is not None
    return Frame(
        width, height, safe, rules, mirrored, picture, place(rules.panel, to_edge=True), product,
        words_rect, logo_rect, place(rules.legal), place(rules.badge), fmt.min_text_px,
    )  # fmt: skip


def is_right_to_left(text: str) -> bool:
    """The direction of the first strong character (Unicode Bidirectional Algorithm, rule P2)."""
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in ("R", "AL"):
            return True
        if direction == "L":
            return False
    return False
