"""Whether a token file keeps to DTCG 2025.10: types and references are resolved first, then every value is looked at.

Sources: designtokens.org/TR/2025.10/format and /color, and the rules of the published JSON schema. The schema alone is
not enough: it looks at one token at a time and passes `"#114da1"` where the type is inherited from a group.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from studio.brand.dtcg.format import TYPES, Fault, Token, at, groups, resolved
from studio.brand.dtcg.values import COLOR_SPACES, WEIGHT_NAMES, shown

Complain = Callable[[Any], str]
"""What is wrong with a resolved value; empty when it is as the format wants it."""

_STROKES = ("solid", "dashed", "dotted", "double", "groove", "ridge", "outset", "inset")
_FREE = (-math.inf, math.inf)
_UNIT, _PERCENT, _UPWARD, _HUE = (0.0, 1.0), (0.0, 100.0), (0.0, math.inf), (0.0, math.nextafter(360.0, 0.0))
_RANGES: Mapping[str, tuple[tuple[float, float], ...]] = {
    "hsl": (_HUE, _PERCENT, _PERCENT),
    "hwb": (_HUE, _PERCENT, _PERCENT),
    "lab": (_PERCENT, _FREE, _FREE),
    "lch": (_PERCENT, _UPWARD, _HUE),
    "oklab": (_UNIT, _FREE, _FREE),
    "oklch": (_UNIT, _UPWARD, _HUE),
}
# Where the format allows a reference, it is a pointer; "{…}" would be read as the text it is.
_NO_ALIAS_IN = frozenset(("colorSpace", "components", "alpha", "hex", "unit", "lineCap", "inset"))


def problems(data: Any) -> tuple[str, ...]:
    """What keeps `data` (parsed JSON) from being valid DTCG 2025.10: a line with the token's path for each, or none."""
    return tuple(f"{fault.path or '(top level)'}: {fault.message}" for fault in findings(data))


def findings(data: Any) -> tuple[Fault, ...]:
    """As `problems`, by path."""
    if not isinstance(data, dict):
        return (Fault("", f"expected an object of tokens, got {type(data).__name__}"),)
    tokens, faults = resolved(data)
    said = [Fault(token.path, what) for token in tokens if (what := _token(token, at(data, token.path)))]
    strange = [Fault(path, what) for path, node in groups(data) if (what := _group(node))]
    return (*faults, *strange, *said)


def _group(node: Mapping[str, Any]) -> str:
    kind = node.get("$type")
    if isinstance(kind, str) and kind not in TYPES:
        return f"$type: {shown(kind)} is not one of {', '.join(sorted(TYPES))}"
    return "$extends: expected text, not an object" if isinstance(node.get("$extends"), dict) else ""


def complaint(kind: str, value: Any) -> str:
    """What is wrong with a resolved `value` of a type; empty when nothing is."""
    return _CHECKS[kind](value) if kind in _CHECKS else f"$type: {kind!r} is not one of {', '.join(sorted(TYPES))}"


def _token(token: Token, written: Any) -> str:
    if token.type is None:
        return "no $type, neither its own nor from its group or the token it refers to"
    said = complaint(token.type, token.value)
    if not said and isinstance(written, dict) and _alias_as_text(written.get("$value"), token.type == "fontFamily"):
        said = "a reference in braces stands where only a $ref may"
    return said


def _alias_as_text(value: Any, inside: bool) -> bool:
    if isinstance(value, dict):
        return any(
            _is_alias(child, key in _NO_ALIAS_IN) or _alias_as_text(child, False) for key, child in value.items()
        )
    if isinstance(value, list):
        return any(_is_alias(child, inside) or _alias_as_text(child, False) for child in value)
    return False


def _is_alias(value: Any, here: bool) -> bool:
    if here and isinstance(value, list):
        return any(_is_alias(child, True) for child in value)
    return here and isinstance(value, str) and re.fullmatch(r"\{[^{}]+\}", value) is not None


# ---------------------------------------------------------------------------------------------- values


def _number(value: Any, low: float = -math.inf, high: float = math.inf) -> str:
    # No comparison holds for NaN.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e300:
        return f"expected a number, got {shown(value)}"
    return "" if low <= value <= high else f"expected a number from {low:g} to {high:g}, got {shown(value)}"


def _fields(value: Any, needed: Mapping[str, Complain], also: Mapping[str, Complain] | None = None) -> str:
    if not isinstance(value, dict):
        return f"expected an object with {', '.join(needed)}, got {shown(value)}"
    known = {**needed, **(also or {})}
    for name in needed:
        if name not in value:
            return f"{name} is missing"
    for name, child in value.items():
        said = known[name](child) if name in known else "not a key the format knows here"
        if said:
            return f"{name}: {said}"
    return ""


def _one_of(*words: str) -> Complain:
    return lambda value: "" if value in words else f"expected one of {', '.join(words)}, got {shown(value)}"


def _list_of(check: Complain) -> Complain:
    def checked(value: Any) -> str:
        if not isinstance(value, list) or not value:
            return f"expected a list that holds something, got {shown(value)}"
        return next((said for child in value if (said := check(child))), "")

    return checked


def _color(value: Any) -> str:
    said = _fields(
        value,
        {"colorSpace": _one_of(*COLOR_SPACES), "components": lambda parts: ""},
        {"alpha": lambda alpha: _number(alpha, 0, 1), "hex": _hex},
    )
    if said:
        return said
    parts = value["components"]
    if not isinstance(parts, list) or len(parts) != 3:
        return f"components: expected three numbers, got {shown(parts)}"
    ranges = _RANGES.get(value["colorSpace"], (_UNIT, _UNIT, _UNIT))
    for part, (low, high) in zip(parts, ranges, strict=True):
        if part != "none" and (said := _number(part, low, high)):
            return f"components: {said} in {value['colorSpace']}"
    return ""


def _hex(value: Any) -> str:
    good = isinstance(value, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", value)
    return "" if good else f"expected six digits like #114da1, got {shown(value)}"


def _measure(*units: str) -> Complain:
    return lambda value: _fields(value, {"value": _number, "unit": _one_of(*units)})


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else f"expected text, got {shown(value)}"


def _family(value: Any) -> str:
    return "" if isinstance(value, str) else _list_of(_text)(value)


def _weight(value: Any) -> str:
    if isinstance(value, str):
        return "" if value in WEIGHT_NAMES else f"{shown(value)} is not a weight's name (thin … ultra-black)"
    return _number(value, 1, 1000)


def _bezier(value: Any) -> str:
    if not isinstance(value, list) or len(value) != 4:
        return f"expected four numbers, got {shown(value)}"
    limits = (_UNIT, _FREE, _UNIT, _FREE)
    return next((said for part, limit in zip(value, limits, strict=True) if (said := _number(part, *limit))), "")


def _stroke(value: Any) -> str:
    if not isinstance(value, dict):
        return _one_of(*_STROKES)(value)
    return _fields(value, {"dashArray": _list_of(_dimension), "lineCap": _one_of("round", "butt", "square")})


def _shadow(value: Any) -> str:
    if isinstance(value, list):
        return _list_of(_one_shadow)(value)
    return _one_shadow(value)


def _one_shadow(value: Any) -> str:
    sizes = dict.fromkeys(("offsetX", "offsetY", "blur", "spread"), _dimension)
    return _fields(value, {"color": _color, **sizes}, {"inset": _flag})


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else f"expected true or false, got {shown(value)}"


_dimension = _measure("px", "rem")
_duration = _measure("ms", "s")
_CHECKS: Mapping[str, Complain] = {
    "color": _color,
    "dimension": _dimension,
    "fontFamily": _family,
    "fontWeight": _weight,
    "duration": _duration,
    "cubicBezier": _bezier,
    "number": _number,
    "strokeStyle": _stroke,
    "border": lambda value: _fields(value, {"color": _color, "width": _dimension, "style": _stroke}),
    "transition": lambda value: _fields(value, {"duration": _duration, "delay": _duration, "timingFunction": _bezier}),
    "shadow": _shadow,
    "gradient": _list_of(lambda stop: _fields(stop, {"color": _color, "position": lambda place: _number(place, 0, 1)})),
    "typography": lambda value: _fields(
        value,
        {
            "fontFamily": _family,
            "fontSize": _dimension,
            "fontWeight": _weight,
            "letterSpacing": _dimension,
            "lineHeight": _number,
        },
    ),
}
