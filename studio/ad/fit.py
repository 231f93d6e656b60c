"""The largest setting of a frame's words: sizes follow from one number, the headline's, found by measuring. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from studio.ad.typeset import Block, TypeStyle, fits, longest_word_px, set_text
from studio.brand.fonts import FontSet, TypeRole
from studio.brief.frame import Frame
from studio.errors import DoesNotFit
from studio.geometry import Rect
from studio.model import WordField

_REFERENCE_PX = 100.0
_ORDER: tuple[WordField, ...] = ("headline", "body", "action", "price", "legal")
_Setting = TypeVar("_Setting")
Spots = list[tuple["Piece", Rect]]


@dataclass(frozen=True, eq=False)
class Piece:
    """One field set, with the padding of its button if it is an action."""

    field: WordField
    block: Block
    widest_px: float
    pad_x: float = 0.0
    pad_y: float = 0.0

    @property
    def height(self) -> float:
        return self.block.height_px + 2 * self.pad_y

    @property
    def width(self) -> float:
        return self.block.ink_width_px + 2 * self.pad_x


class Fitter:
    """Fits `fields` into the words box of `frame`. Measures every word once and scales."""

    def __init__(self, frame: Frame, fields: Mapping[WordField, str], fonts: FontSet) -> None:
        self.frame, self.fields, self.fonts = frame, dict(fields), fonts
        self.area = frame.words
        self.least_px = frame.min_text_px
        self._widest: dict[WordField, tuple[float, str]] = {
            field: longest_word_px(text, self._style(field, _REFERENCE_PX), fonts) for field, text in fields.items()
        }

    def column(self) -> tuple[Rect | None, Spots]:
        """Words stacked: headline, body, then action and price side by side where both fit, legal last.

        Returns the rule above them, if the family has one, and every piece with its place.
        """
        if not self.fields:
            return None, []
        rule_px = max(2.0, round(self.least_px * 0.14)) if self.frame.rules.rule else 0.0

        def attempt(size: float) -> tuple[float, float, float, list[list[Piece]]] | None:
            lines = self._lines(size)
            if lines is None:
                return None
            gap = max(size * 0.36, self.least_px * 0.55)
            total = sum(max(piece.height for piece in line) for line in lines) + gap * (len(lines) - 1)
            total += rule_px + gap if rule_px else 0
            return (gap, self._between(size), total, lines) if total <= self.area.height else None

        gap, space, total, lines = self._largest(attempt)
        slack = self.area.height - total
        top = self.area.top + {"top": 0.0, "center": slack / 2, "bottom": slack}[self.frame.rules.valign]
        rule = None
        if rule_px:
            length = min(self.area.width, self.least_px * 4)
            left = self._start(length)
            rule = Rect(left, top, left + length, top + rule_px)
            top += rule_px + gap
        spots: Spots = []
        for line in lines:
            height = max(piece.height for piece in line)
            spots += self._spread(line, top, height, space)
            top += height + gap
        return rule, spots

    def row(self) -> tuple[Rect | None, Spots]:
        """Words side by side for strips: the headline, then price and action at the far end."""
        if not self.fields:
            return None, []
        ends: list[WordField] = [field for field in self.fields if field in ("price", "action")]
        mains: list[WordField] = [field for field in self.fields if field not in ends]

        def attempt(size: float) -> tuple[float, list[Piece], list[Piece]] | None:
            gap = max(size * 0.6, self.least_px * 0.8)
            tail = self._pieces(ends, size, self.area.width)
            if tail is None or any(piece.height > self.area.height for piece in tail):
                return None
            room = self.area.width - sum(piece.width + gap for piece in tail)
            head = self._pieces(mains, size, room) if room > self.least_px * 2 or not mains else None
            if head is None or sum(piece.height for piece in head) > self.area.height:
                return None
            return gap, head, tail

        gap, head, tail = self._largest(attempt)
        spots: Spots = []
        mirrored = self.frame.mirrored
        far = self.area.left if mirrored else self.area.right
        for piece in reversed(tail):
            left = far if mirrored else far - piece.width
            top = self.area.top + (self.area.height - piece.height) / 2
            spots.append((piece, Rect(left, top, left + piece.width, top + piece.height)))
            far += piece.width + gap if mirrored else -piece.width - gap
        near = self.area._replace(left=far) if mirrored else self.area._replace(right=far)
        top = self.area.top + (self.area.height - sum(piece.height for piece in head)) / 2
        for piece in head:
            spots.append((piece, Rect(near.left, top, near.right, top + piece.height)))
            top += piece.height
        return None, spots

    # -------------------------------------------------------------------------------------------- parts

    def _style(self, field: WordField, size: float) -> TypeStyle:
        """How a field is set when the headline has `size`: the one place where hierarchy is decided."""
        align, least = self.frame.align, self.least_px
        tight = -0.018 if self.fields[field].isascii() else 0.0
        if field == "headline":
            return TypeStyle("heading", size, "#000000", align, 1.06, tight)
        if field == "price":
            return TypeStyle("heading", max(size * 0.62, least), "#000000", align, 1.0, tight)
        if field == "action":
            return TypeStyle("heading", max(size * 0.33, least), "#000000", "center", 1.0)
        if field == "body":
            return TypeStyle("body", max(size * 0.38, least * 1.1), "#000000", align, 1.36)
        return TypeStyle("body", least, "#000000", align, 1.25)

    def _piece(self, field: WordField, size: float, width: float) -> Piece | None:
        """One field in a measure, or None when it does not fit."""
        style = self._style(field, size)
        pad_x, pad_y = (style.size_px * 1.15, style.size_px * 0.68) if field == "action" else (0.0, 0.0)
        measure = width - 2 * pad_x
        scale = style.size_px / self._style(field, _REFERENCE_PX).size_px
        widest = self._widest[field][0] * scale * 1.01
        if measure < 1 or widest > measure:
            return None
        block = set_text(self.fields[field], style, measure, self.fonts)
        limits = {"headline": self.frame.rules.max_lines, "price": 2, "action": 1}
        good = fits(block, widest) and block.lines <= limits.get(field, 14)
        return Piece(field, block, widest, pad_x, pad_y) if good else None

    def _pieces(self, fields: list[WordField], size: float, width: float) -> list[Piece] | None:
        pieces = [self._piece(field, size, width) for field in fields]
        known = [piece for piece in pieces if piece is not None]
        return known if len(known) == len(pieces) else None

    def _lines(self, size: float) -> list[list[Piece]] | None:
        pieces = self._pieces(list(self.fields), size, self.area.width)
        if pieces is None:
            return None
        lines: list[list[Piece]] = []
        for piece in sorted(
            pieces, key=lambda piece: ("headline", "body", "action", "price", "legal").index(piece.field)
        ):
            last = lines[-1][-1] if lines else None
            beside = piece.field == "price" and last is not None and last.field == "action" and piece.block.lines == 1
            if beside and last is not None and last.width + piece.width + self._between(size) <= self.area.width:
                lines[-1].append(piece)
            else:
                lines.append([piece])
        return lines

    def _between(self, size: float) -> float:
        """The space between a button and the price beside it; a pixel for rounding."""
        return max(size * 0.42, self.least_px) + 1

    def _spread(self, line: list[Piece], top: float, height: float, space: float) -> Spots:
        """One line's places. A lone text gets the whole measure, so that its own alignment holds."""
        if len(line) == 1 and line[0].field != "action":
            return [(line[0], Rect(self.area.left, top, self.area.right, top + height))]
        total = sum(piece.width for piece in line) + space * (len(line) - 1)
        left = self._start(total)
        spots: Spots = []
        for piece in reversed(line) if self.frame.mirrored else line:
            middle = top + (height - piece.height) / 2
            spots.append((piece, Rect(left, middle, left + piece.width + 1, middle + piece.height)))
            left += piece.width + space
        return spots

    def _start(self, width: float) -> float:
        slack = self.area.width - width
        return self.area.left + {"left": 0.0, "center": slack / 2, "right": slack}[self.frame.align]

    def _largest(self, attempt: Callable[[float], _Setting | None]) -> _Setting:
        """What `attempt(size)` gives at the largest headline size for which it gives anything."""
        least = self.least_px
        most = max(self.frame.rules.headline_fraction * (self.area.width * self.area.height) ** 0.5, least)
        if (best := attempt(most)) is not None:
            return best
        if (best := attempt(least)) is None:
            self._refuse()
        low, high = least, most
        for _ in range(7):
            middle = (low * high) ** 0.5
            trial = attempt(middle)
            low, high, best = (middle, high, trial) if trial is not None else (low, middle, best)
        return best

    def _refuse(self) -> NoReturn:
        least, area = self.least_px, self.area
        for field, (width, word) in self._widest.items():
            scaled = width * self._style(field, least).size_px / self._style(field, _REFERENCE_PX).size_px
            if scaled * 1.01 > area.width:
                raise DoesNotFit(
                    field,
                    f"{field}: “{word[:60]}” needs {scaled:.0f} px at the smallest size, the slot has {area.width:.0f}",
                    "Use a shorter word, or leave this format out",
                )
        field, text = max(self.fields.items(), key=lambda item: len(item[1]))
        raise DoesNotFit(
            field,
            f"{field}: {len(text)} characters do not fit {area.width:.0f}×{area.height:.0f} px at the smallest size",
            f"Shorten the {field}, or leave this format out",
        )


def role_of(field: WordField) -> TypeRole:
    """Body and legal are set in the body face, the rest in the heading face."""
    return "body" if field in ("body", "legal") else "heading"
