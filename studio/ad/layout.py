"""Slots to boxes: where everything stands on one format, before anything is drawn.

`arrange` fits the words into a frame by measuring. Words never overflow and never go below the format's smallest size:
what cannot fit is left out if the rules allow it (and said), or refused by name.
Pure: no files, no clock, no settings.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from studio.ad.fit import Fitter, Piece, role_of
from studio.ad.typeset import (
    Block,
    TypeStyle,
    balanced,
    clean,
    fits,
    longest_word_px,
    refuse_missing,
    set_text,
)
from studio.brand.fonts import FontSet
from studio.brief.frame import Frame
from studio.errors import DoesNotFit
from studio.geometry import Rect, contain
from studio.model import Role, WordField, Words

Ground = Literal["scene", "panel", "sheet", "action", "badge"]


@dataclass(frozen=True)
class Flat:
    """A plain area in a brand colour: the sheet, a panel, the action's button, the price's disc, a rule, the
    logo's plate."""

    kind: Literal["sheet", "panel", "action", "badge", "rule", "plate"]
    rect: Rect
    radius_px: float
    role: Role
    hex: str = ""


@dataclass(frozen=True, eq=False)
class TextPlace:
    """Set words and their place. `rect` is their measure; the block is painted at its left top."""

    field: WordField
    block: Block
    rect: Rect
    ground: Ground

    @property
    def ink(self) -> Rect:
        """The lines' own extent inside the measure."""
        width = min(self.block.ink_width_px, self.rect.width)
        left = self.rect.left + {"left": 0.0, "center": 0.5, "right": 1.0}[self.block.style.align] * (
            self.rect.width - width
        )
        return Rect(left, self.rect.top, left + width, self.rect.bottom)


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Everything on the sheet, in drawing order: flats, texts, logo. Colours of words on the scene come later."""

    frame: Frame
    flats: tuple[Flat, ...]
    texts: tuple[TextPlace, ...]
    logo: Rect | None
    omitted: tuple[WordField, ...] = ()


def arrange(
    frame: Frame, words: Words, fonts: FontSet, logo_aspect: float | None, clear_fraction: float, min_logo_px: float
) -> Arrangement:
    """Everything fitted. Raises `DoesNotFit` naming the field when the format is too small for it."""
    texts: dict[WordField, str] = {f: clean(text) for f, text in words.items() if f in frame.rules.carries}
    omitted: list[WordField] = [
        field for field, text in words.items() if field not in frame.rules.carries and clean(text)
    ]
    for field, text in texts.items():
        refuse_missing(field, text, role_of(field), fonts)
    texts = {field: text for field, text in texts.items() if text}

    # 1. The price in its disc, the legal line on its own, when the rules have a place for them.
    fixed: list[TextPlace] = []
    flats: list[Flat] = _sheet_flats(frame)
    if frame.badge is not None and "price" in texts:
        flat, place = _badge(texts.pop("price"), frame, fonts)
        flats.append(flat)
        fixed.append(place)
    if frame.legal is not None and "legal" in texts and (place := _legal_line(texts["legal"], frame, fonts)):
        del texts["legal"]
        fixed.append(place)
        # A legal line that needs more than its slot takes the room from the words above it.
        above = place.rect.top - 0.4 * frame.min_text_px
        if above < frame.words.bottom and place.rect.right > frame.words.left and place.rect.left < frame.words.right:
            frame = replace(frame, words=frame.words._replace(bottom=above))

    # 2. The other words together, leaving out what the rules allow until they fit.
    droppable: list[WordField] = [field for field in frame.rules.may_drop if field in texts]
    while True:
        try:
            fitter = Fitter(frame, texts, fonts)
            stack = fitter.row() if frame.rules.flow == "row" else fitter.column()
            break
        except DoesNotFit:
            if not droppable or len(texts) == 1:
                raise
            dropped = droppable.pop(0)
            omitted.append(dropped)
            texts = {field: text for field, text in texts.items() if field != dropped}
    rule, groups = stack
    for piece, rect in groups:
        _settle(piece, rect, frame, fonts, flats, fixed)
    if rule is not None:
        flats.append(Flat("rule", rule, 0, "accent"))

    # 3. The logo, as large as its slot and its clear space allow.
    logo = None
    if logo_aspect:
        others = [t.ink for t in fixed] + [f.rect for f in flats if f.kind in ("action", "badge", "rule")]
        others += [frame.product] if frame.product else []
        logo = _logo(frame, logo_aspect, clear_fraction, min_logo_px, others)
    return Arrangement(frame, tuple(flats), tuple(fixed), logo, tuple(dict.fromkeys(omitted)))


# ------------------------------------------------------------------------------------------------ parts


def _sheet_flats(frame: Frame) -> list[Flat]:
    flats: list[Flat] = []
    if frame.picture is None or frame.picture != frame.sheet:
        flats.append(Flat("sheet", frame.sheet, 0, frame.rules.ground_role))
    if frame.panel is not None:
        flats.append(Flat("panel", frame.panel, 0, frame.rules.panel_role))
    return flats


def _ground(frame: Frame, rect: Rect) -> Ground:
    if frame.panel is not None and rect.within(frame.panel, 1):
        return "panel"
    return "scene" if frame.picture is not None and rect.meets(frame.picture) else "sheet"


def _badge(price: str, frame: Frame, fonts: FontSet) -> tuple[Flat, TextPlace]:
    """The price in its disc, as large as the disc allows."""
    assert frame.badge is not None
    disc = contain(1.0, frame.badge, 0.5, 0.5)
    side = disc.width * 0.74
    low, high, best = frame.min_text_px, disc.width * 0.42, None
    for step in range(9):
        size = low if step == 0 else (low + high) / 2
        style = TypeStyle("heading", size, "#000000", "center", 1.0, -0.02)
        block = set_text(price, style, side, fonts)
        widest, word = longest_word_px(price, style, fonts)
        # The corners of the words must stay inside the disc.
        good = fits(block, widest) and block.ink_width_px**2 + block.height_px**2 <= (disc.width * 0.86) ** 2
        if step == 0 and not good:
            raise DoesNotFit(
                "price", f"price: “{word[:40]}” is too long for the disc", "Shorten it or choose another layout"
            )
        low, high, best = (size, high, block) if good else (low, size, best)
    assert best is not None
    top = disc.top + (disc.height - best.height_px) / 2
    rect = Rect(disc.left + (disc.width - side) / 2, top, disc.right - (disc.width - side) / 2, top + best.height_px)
    return Flat("badge", disc, disc.width / 2, "accent"), TextPlace("price", best, rect, "badge")


def _legal_line(text: str, frame: Frame, fonts: FontSet) -> TextPlace | None:
    """The legal line at the foot of its slot, growing upwards; None when it would take too much or meet the product."""
    assert frame.legal is not None
    slot = frame.legal
    style = TypeStyle("body", frame.min_text_px, "#000000", frame.align, 1.2)
    block = set_text(text, style, slot.width, fonts)
    widest, _ = longest_word_px(text, style, fonts)
    top = slot.bottom - block.height_px
    most = max(slot.height, 0.34 * (slot.bottom - frame.words.top))
    blocked = [rect for rect in (frame.product, frame.badge) if rect is not None]
    if not fits(block, widest) or block.height_px > most or any(slot._replace(top=top).meets(rect) for rect in blocked):
        return None
    if block.lines > 1:
        block = balanced(block, widest, fonts)
    slack = slot.width - block.width_px
    left = slot.left + {"left": 0.0, "center": slack / 2, "right": slack}[style.align]
    rect = Rect(left, slot.bottom - block.height_px, left + block.width_px, slot.bottom)
    place = TextPlace("legal", block, rect, "scene")
    return replace(place, ground=_ground(frame, place.ink))


def _logo(frame: Frame, aspect: float, clear: float, least_px: float, others: list[Rect]) -> Rect:
    """The largest logo in its slot whose clear space meets nothing and stays on the sheet."""
    at = {"left": 0.0, "center": 0.5, "right": 1.0}[frame.rules.logo_at]
    across = 1.0 - at if frame.mirrored else at
    width = max(contain(aspect, frame.logo).width, least_px)
    while width >= least_px:
        height = width / aspect
        left = frame.logo.left + (frame.logo.width - width) * across
        top = frame.logo.top + (frame.logo.height - height) / 2
        margin = clear * height
        left = min(max(left, margin, frame.safe.left), min(frame.width_px - margin, frame.safe.right) - width)
        top = min(max(top, margin, frame.safe.top), min(frame.height_px - margin, frame.safe.bottom) - height)
        rect = Rect(left, top, left + width, top + height)
        zone = rect.grown(margin)
        if not rect.within(frame.safe) or not zone.within(frame.sheet):
            width *= 0.95
            continue
        if not any(zone.meets(other) for other in others) and not _on_seam(zone, frame):
            return rect
        width *= 0.95
    raise DoesNotFit(
        "logo",
        f"logo: no room for {least_px:.0f} px with its clear space in {frame.width_px}×{frame.height_px} px",
        "Lower the logo's min_width_px or clear_space_fraction in the kit, or leave this format out",
    )


def _on_seam(zone: Rect, frame: Frame) -> bool:
    """Whether the zone lies across the edge of the panel or of an inset picture."""
    edges = [rect for rect in (frame.panel, frame.picture) if rect is not None and rect != frame.sheet]
    return any(zone.meets(edge) and not zone.within(edge, 0.01) for edge in edges)


def _settle(piece: Piece, rect: Rect, frame: Frame, fonts: FontSet, flats: list[Flat], texts: list[TextPlace]) -> None:
    """Put one piece down: a button around an action, balanced lines for a headline."""
    align = frame.align
    if piece.field == "action":
        button = Rect(*map(float, rect.rounded()))
        flats.append(Flat("action", button, button.height / 2, "primary"))
        block = set_text(piece.block.text, piece.block.style, button.width, fonts)
        top = button.top + (button.height - block.height_px) / 2
        texts.append(TextPlace("action", block, Rect(button.left, top, button.right, top + block.height_px), "action"))
        return
    block = piece.block
    if piece.field == "headline" or (piece.field in ("body", "legal") and block.lines <= 4):
        block = balanced(block, piece.widest_px, fonts)
    elif rect.width < block.width_px:
        block = set_text(block.text, block.style, rect.width, fonts)
    slack = rect.width - block.width_px
    left = rect.left + {"left": 0.0, "center": slack / 2, "right": slack}[align]
    measure = Rect(left, rect.top, left + block.width_px, rect.top + block.height_px)
    place = TextPlace(piece.field, block, measure, "scene")
    texts.append(replace(place, ground=_ground(frame, place.ink)))


def recoloured(place: TextPlace, color_hex: str, fonts: FontSet) -> TextPlace:
    """The same words in another colour; nothing moves."""
    block = place.block
    style = block.style._replace(color_hex=color_hex)
    return replace(place, block=set_text(block.text, style, block.width_px, fonts))
