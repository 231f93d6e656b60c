"""Values as other tools and older drafts write them (`"#114da1"`, `"16px"`, `"Bold"`), as DTCG 2025.10 wants them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from studio.brand.dtcg.check import complaint
from studio.brand.dtcg.format import TYPES
from studio.brand.dtcg.modes import words_of
from studio.brand.dtcg.sums import read_css_color, worked_out
from studio.brand.dtcg.values import css_color_value, read_color, read_weight
from studio.errors import BadInput

Field = Callable[[str, Any], Any]
"""A part of a composite value of a type, as it is to be written: a reference that may stay, or the converted value."""

# Tokens Studio's own types, and Style Dictionary's categories where they say the same.
_TYPES: Mapping[str, str] = {
    "fontFamilies": "fontFamily",
    "fontWeights": "fontWeight",
    "opacity": "number",
    "lineHeights": "lineHeight",
    "boxShadow": "shadow",
    "time": "duration",
    **dict.fromkeys(
        ("fontSizes", "fontSize", "spacing", "sizing", "size", "borderRadius", "borderWidth", "letterSpacing"),
        "dimension",
    ),
    **dict.fromkeys(("paragraphSpacing", "paragraphIndent", "space", "radius"), "dimension"),
}
STUDIO_TYPES = frozenset(_TYPES) - {"opacity", "fontSize", "size", "space", "radius", "time"}
"""Types that only Tokens Studio writes."""

_TEXT_FIELDS: Mapping[str, str] = {
    "fontFamily": "fontFamily",
    "fontSize": "dimension",
    "fontWeight": "fontWeight",
    "letterSpacing": "letterSpacing",
    "lineHeight": "lineHeight",
}
_BORDER_FIELDS = {"color": "color", "width": "dimension", "style": "strokeStyle"}
_TRANSITION_FIELDS = {"duration": "duration", "delay": "duration", "timingFunction": "cubicBezier"}
_SHADOW_FIELDS = {"color": "color", **dict.fromkeys(("offsetX", "offsetY", "blur", "spread"), "dimension")}
_STOP_FIELDS = {"color": "color", "position": "number"}


def dtcg_type(kind: str | None) -> str | None:
    """A tool's type as the DTCG type it means, or None."""
    kind = _TYPES.get(kind or "", kind)
    return kind if kind in TYPES or kind == "lineHeight" else None


def guessed_type(path: str, value: Any) -> str | None:
    """The type of a value that has none, from how it is written and what it is called; None where neither tells."""
    words = words_of(path)
    if isinstance(value, dict):
        return "typography" if "fontFamily" in value else "color" if "colorSpace" in value else None
    if isinstance(value, list):
        return "fontFamily" if value and all(isinstance(part, str) for part in value) and _family_like(words) else None
    if "weight" in words and "font" in words:
        return "fontWeight"
    if isinstance(value, str):
        return _type_of_text(words, value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return "number" if is_number else None


def _type_of_text(words: list[str], text: str) -> str | None:
    if re.fullmatch(r"\s*#[0-9a-fA-F]{3,8}\s*|\s*(rgb|hsl|hwb|lab|lch|oklab|oklch|color)a?\(.*", text):
        return "color"
    try:
        return {"px": "dimension", "rem": "dimension", "ms": "duration", "s": "duration"}.get(quantity(text)[1])
    except ValueError:
        pass
    if _family_like(words):
        return "fontFamily"
    try:
        read_css_color(text)
    except ValueError:
        return None
    return "color"


def _family_like(words: list[str]) -> bool:
    if not words or set(words) & {"size", "weight", "line", "spacing", "height", "style", "file", "url", "features"}:
        return False
    return bool({words[-1], words[0]} & {"font", "fonts"} or set(words) & {"family", "families", "typeface"})


def dtcg_value(kind: str, raw: Any, field: Field) -> tuple[str, Any]:
    """A resolved literal as type and `$value`. Raises `ValueError` where DTCG cannot say it.

    Composite values may come out incomplete: what other tools leave out is not invented.
    """
    try:
        if kind == "lineHeight":
            return _line_height(raw)
        if kind == "letterSpacing":
            return "dimension", _letter_spacing(raw)
        if kind in _COMPOSITES:
            return kind, _COMPOSITES[kind](raw, field)
        return kind, raw if not complaint(kind, raw) else _SIMPLE[kind](raw)
    except (BadInput, KeyError, TypeError, OverflowError) as error:
        raise ValueError(str(error)) from error


def quantity(raw: Any) -> tuple[float, str]:
    """A number, a text like `"4px * 2"` or `{"value": 4, "unit": "px"}` as number and unit. Raises `ValueError`."""
    if isinstance(raw, dict) and set(raw) == {"value", "unit"} and isinstance(raw["unit"], str):
        return quantity(raw["value"])[0], raw["unit"]
    if isinstance(raw, str):
        number, unit = worked_out(raw.strip())
    elif isinstance(raw, (int, float)) and not isinstance(raw, bool) and abs(raw) < 1e12:
        number, unit = raw, ""
    else:
        raise ValueError("not a number")
    return (int(number) if number == int(number) else number), unit


def _color(raw: Any) -> dict[str, Any]:
    if isinstance(raw, str):
        value = css_color_value(read_css_color(raw))
        return value if not complaint("color", value) else css_color_value(read_css_color(value["hex"]))
    read = read_color(raw, "colour")
    return css_color_value(read_css_color(read.hex)) | {"alpha": read.alpha}


def _dimension(raw: Any) -> dict[str, Any]:
    number, unit = quantity(raw)
    # A size without a unit is in pixels in every tool that leaves it out; 0 is 0 in every unit.
    unit = unit or "px"
    if unit not in ("px", "rem"):
        if number:
            raise ValueError(f"sizes in {unit} have no place in DTCG")
        unit = "px"
    return {"value": number, "unit": unit}


def _letter_spacing(raw: Any) -> dict[str, Any]:
    """In px or rem; or in % of the font size, for `_typography` to work out."""
    number, unit = quantity(raw)
    if number and unit in ("%", "em"):
        return {"value": number * (1 if unit == "%" else 100), "unit": "%"}
    return _dimension(raw)


def _duration(raw: Any) -> dict[str, Any]:
    number, unit = quantity(raw)
    if unit not in ("ms", "s"):
        raise ValueError("no duration")
    return {"value": number, "unit": unit}


def _plain_number(raw: Any) -> float:
    number, unit = quantity(raw)
    if unit not in ("", "%"):
        raise ValueError("a size, not a number")
    return number / 100 if unit else number


def _line_height(raw: Any) -> tuple[str, Any]:
    if isinstance(raw, dict) or (isinstance(raw, str) and quantity(raw)[1] not in ("", "%")):
        return "dimension", _dimension(raw)
    return "number", _plain_number(raw)


def _family(raw: Any) -> str | list[str]:
    raise ValueError("not a font family")


def _weight(raw: Any) -> int:
    # "Bold Italic" is how design tools name a face; its weight is Bold.
    if isinstance(raw, str):
        raw = re.sub(r"(?i)[\s-]*(italic|oblique)$", "", raw.strip()) or "regular"
    return read_weight(raw, "weight")


def _bezier(raw: Any) -> list[float]:
    match = re.fullmatch(r"cubic-bezier\(([^()]*)\)", raw.strip())
    if not match:
        raise ValueError("no curve")
    value = [float(part) for part in match[1].split(",")]
    if complaint("cubicBezier", value):
        raise ValueError("no curve")
    return value


def _stroke(raw: Any) -> Any:
    raise ValueError("no stroke style")


def _picked(raw: Any, fields: Mapping[str, str], field: Field) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ValueError("expected an object")
    return {name: field(kind, raw[name]) for name, kind in fields.items() if name in raw}


def _typography(raw: Any, field: Field) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ValueError("expected an object")
    out: dict[str, Any] = {}
    for name, kind in _TEXT_FIELDS.items():
        if name not in raw:
            continue
        try:
            out[name] = field(kind, raw[name])
        except ValueError:
            # One size that DTCG cannot say must not cost the family and the weight.
            continue
    height, size = out.get("lineHeight"), out.get("fontSize")
    if isinstance(height, dict) and "unit" in height:
        same = isinstance(size, dict) and size.get("unit") == height["unit"] and size.get("value")
        if same and isinstance(size, dict):
            out["lineHeight"] = round(height["value"] / size["value"], 4)
        else:
            del out["lineHeight"]
    spacing = out.get("letterSpacing")
    if isinstance(spacing, dict) and spacing.get("unit") == "%":
        del out["letterSpacing"]
        if isinstance(size, dict) and isinstance(size.get("value"), (int, float)):
            out["letterSpacing"] = {**size, "value": round(size["value"] * spacing["value"] / 100, 4)}
    if {"fontFamily", "fontSize", "lineHeight"} <= out.keys():
        # What CSS starts from.
        out.setdefault("fontWeight", 400)
        if "letterSpacing" not in raw:
            out["letterSpacing"] = {"value": 0, "unit": "px"}
    if "fontFamily" not in out:
        raise ValueError("a style without a font family")
    return {name: out[name] for name in _TEXT_FIELDS if name in out}


def _shadow(raw: Any, field: Field) -> Any:
    if isinstance(raw, list):
        return [field("shadow", part) if isinstance(part, str) else _one_shadow(part, field) for part in raw]
    return _one_shadow(raw, field)


def _one_shadow(raw: Any, field: Field) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ValueError("no shadow")
    named = {{"x": "offsetX", "y": "offsetY"}.get(name, name): child for name, child in raw.items()}
    for name in ("blur", "spread"):
        named.setdefault(name, 0)
    out = _picked(named, _SHADOW_FIELDS, field)
    if named.get("type") == "innerShadow" or named.get("inset") is True:
        out["inset"] = True
    return out


def _gradient(raw: Any, field: Field) -> list[Any]:
    if not isinstance(raw, list):
        raise ValueError("no gradient")
    return [_picked(stop, _STOP_FIELDS, field) for stop in raw]


_SIMPLE: Mapping[str, Callable[[Any], Any]] = {
    "color": _color,
    "dimension": _dimension,
    "duration": _duration,
    "number": _plain_number,
    "fontFamily": _family,
    "fontWeight": _weight,
    "cubicBezier": _bezier,
    "strokeStyle": _stroke,
}
_COMPOSITES: Mapping[str, Callable[[Any, Field], Any]] = {
    "typography": _typography,
    "border": lambda raw, field: _picked(raw, _BORDER_FIELDS, field),
    "transition": lambda raw, field: _picked(raw, _TRANSITION_FIELDS, field),
    "shadow": _shadow,
    "gradient": _gradient,
}
