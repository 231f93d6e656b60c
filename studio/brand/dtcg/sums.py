"""What Tokens Studio works out when it exports: sums with units, `rgba(#hex, alpha)`, colour modifiers.

Source: the behaviour of `@tokens-studio/sd-transforms` 2.0.3, with which the modifiers agree within 0.5 ΔE00.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from coloraide import Color

_PIECE = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*|\.\d+)(?P<unit>%|[a-z]+)?|(?P<name>[a-zA-Z]+)(?=\s*\()|(?P<sign>[-+*/(),]))"
)
_MAX_LENGTH = 4000
_MAX_NESTING = 40
_MAX_ARGUMENTS = 64
_TERMS: dict[str, Callable[[float, float], float]] = {"+": operator.add, "-": operator.sub}
_FACTORS: dict[str, Callable[[float, float], float]] = {"*": operator.mul, "/": operator.truediv}


def _round_to(number: float, places: float = 0) -> float:
    scale = 10.0 ** max(0, min(12, int(places)))
    return math.floor(number * scale + 0.5) / scale


_FUNCTIONS: dict[str, Callable[..., float]] = {
    "round": _round_to,
    "roundto": _round_to,
    "floor": lambda number: float(math.floor(number)),
    "ceil": lambda number: float(math.ceil(number)),
    "abs": math.fabs,
    "min": lambda *numbers: min(numbers),
    "max": lambda *numbers: max(numbers),
}
_MODIFY_SPACES = {"lch": "lch", "hsl": "hsl", "srgb": "srgb", "p3": "display-p3"}


def worked_out(text: str) -> tuple[float, str]:
    """`"4px * 2"` as `(8.0, "px")`: number and unit (empty for none). Raises `ValueError` if it is no sum.

    Numbers without a unit take the unit of the others; two different units cannot be added.
    """
    if len(text) > _MAX_LENGTH:
        raise ValueError("too long for a sum")
    return _Sum(text).result()


class _Sum:
    """Reads left to right: terms of factors of atoms."""

    def __init__(self, text: str) -> None:
        self.units: set[str] = set()
        self.pieces: list[tuple[str, str]] = []
        self.at = 0
        self.depth = 0
        place = 0
        text = text.rstrip()
        while place < len(text):
            match = _PIECE.match(text, place)
            if not match:
                raise ValueError(f"not a sum: {text[:40]}")
            kind = str(match.lastgroup) if match["number"] is None else "number"
            self.pieces.append((kind, match[kind]))
            if match["unit"]:
                self.units.add(match["unit"])
            place = match.end()

    def result(self) -> tuple[float, str]:
        number = self._terms()
        if self.at < len(self.pieces) or len(self.units) > 1 or not math.isfinite(number):
            raise ValueError("not a sum, or one of different units")
        return round(number, 6), next(iter(self.units), "")

    def _next(self, *signs: str) -> str:
        if self.at < len(self.pieces) and self.pieces[self.at][0] == "sign" and self.pieces[self.at][1] in signs:
            self.at += 1
            return self.pieces[self.at - 1][1]
        return ""

    def _terms(self) -> float:
        number = self._factors()
        while sign := self._next("+", "-"):
            number = _TERMS[sign](number, self._factors())
        return number

    def _factors(self) -> float:
        number = self._atom()
        while sign := self._next("*", "/"):
            by = self._atom()
            if sign == "/" and by == 0:
                raise ValueError("divided by zero")
            number = _FACTORS[sign](number, by)
        return number

    def _atom(self) -> float:
        self.depth += 1
        if self.depth > _MAX_NESTING or self.at >= len(self.pieces):
            raise ValueError("not a sum")
        try:
            if sign := self._next("+", "-"):
                return -self._atom() if sign == "-" else self._atom()
            if self._next("("):
                number = self._terms()
                self._close()
                return number
            kind, text = self.pieces[self.at]
            self.at += 1
            if kind == "number":
                return float(text)
            if kind == "name" and text.lower() in _FUNCTIONS and self._next("("):
                return self._call(_FUNCTIONS[text.lower()])
        finally:
            self.depth -= 1
        raise ValueError("not a sum")

    def _call(self, function: Callable[..., float]) -> float:
        numbers = [self._terms()]
        while self._next(",") and len(numbers) < _MAX_ARGUMENTS:
            numbers.append(self._terms())
        self._close()
        try:
            return float(function(*numbers))
        except (TypeError, OverflowError) as error:
            raise ValueError("not a sum") from error

    def _close(self) -> None:
        if not self._next(")"):
            raise ValueError("a bracket is missing")


def read_css_color(text: str) -> Color:
    """Any CSS colour, and Tokens Studio's `rgba(#114da1, 0.5)`. Raises `ValueError`."""
    text = text.strip()
    if not text or len(text) > 200:
        raise ValueError("not a colour")
    try:
        return Color(text)
    except (ValueError, OverflowError):
        match = re.fullmatch(r"(?:rgb|hsl)a?\(\s*(.+?)\s*,\s*([^,()]+?)\s*\)", text)
        if not match:
            raise ValueError("not a colour") from None
    number, unit = worked_out(match[2])
    return _with_alpha(Color(match[1]), number / 100 if unit == "%" else number)


def modified(color: Color, modify: Mapping[str, Any], amount: float, other: Color | None) -> Color:
    """`color` after `$extensions."studio.tokens".modify`: lighten, darken, mix or alpha. Raises `ValueError`."""
    kind, space = modify.get("type"), _MODIFY_SPACES.get(str(modify.get("space", "srgb")))
    if kind == "alpha":
        return _with_alpha(color.clone(), amount)
    if space is None or not math.isfinite(amount):
        raise ValueError("an unknown colour modifier")
    if kind == "mix" and other is not None:
        return color.mix(other, min(1.0, max(0.0, amount)), space=space)
    if kind not in ("lighten", "darken"):
        raise ValueError("an unknown colour modifier")
    out = color.convert(space, norm=False)
    light = {"lch": 100.0, "hsl": 1.0}.get(space, 1.0)
    end = light if kind == "lighten" else 0.0
    places = {"lch": (0,), "hsl": (2,)}.get(space, (0, 1, 2))
    for place in places:
        out[place] = min(light, max(0.0, out[place] + (end - out[place]) * amount))
    if space == "lch":
        out[1] = max(0.0, out[1] * (1 - amount))
    return out


def _with_alpha(color: Color, alpha: float) -> Color:
    color["alpha"] = min(1.0, max(0.0, alpha))
    return color
