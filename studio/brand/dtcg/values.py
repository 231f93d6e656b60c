"""What single token values mean: colours in any DTCG colour space, font families, weights."""

from __future__ import annotations

import math
import re
import reprlib
from dataclasses import dataclass
from typing import Any

from coloraide import Color

from studio.brand.dtcg.sums import read_css_color
from studio.color import delta_e00_hex
from studio.errors import BadInput

COLOR_SPACES = (
    *("srgb", "srgb-linear", "hsl", "hwb", "lab", "lch", "oklab", "oklch", "display-p3", "a98-rgb", "prophoto-rgb"),
    *("rec2020", "xyz-d65", "xyz-d50"),
)
_UNIT_SPACES = ("srgb", "srgb-linear", "display-p3", "a98-rgb", "prophoto-rgb", "rec2020", "xyz-d65", "xyz-d50")
_WEIGHTS = {
    100: ("thin", "hairline"),
    200: ("extra-light", "ultra-light"),
    300: ("light",),
    400: ("normal", "regular", "book"),
    500: ("medium",),
    600: ("semi-bold", "demi-bold"),
    700: ("bold",),
    800: ("extra-bold", "ultra-bold"),
    900: ("black", "heavy"),
    950: ("extra-black", "ultra-black"),
}
WEIGHT_NAMES = frozenset(name for names in _WEIGHTS.values() for name in names)
_WEIGHT_OF = {name.replace("-", ""): weight for weight, names in _WEIGHTS.items() for name in names}
# Not DTCG's, but what type foundries and design tools write.
_WEIGHT_OF |= {"ultra": 950, "super": 900, "roman": 400}


@dataclass(frozen=True)
class ReadColor:
    """A token's colour in sRGB. `mapped` says how it was brought into the gamut, or is empty."""

    hex: str
    alpha: float = 1.0
    mapped: str = ""


def read_color(value: Any, where: str) -> ReadColor:
    """A `$value` of type color as sRGB. Raises `BadInput` naming `where`."""
    if isinstance(value, str):
        return _color_from_text(value, where)
    if not isinstance(value, dict):
        raise BadInput(f"{where}: expected a colour, got {shown(value)}", 'Write {"colorSpace": …, "components": […]}')
    unknown = set(value) - {"colorSpace", "components", "alpha", "hex"}
    if unknown:
        raise BadInput(
            f"{where}: unknown key {sorted(unknown)[0]} in a colour", "Known: colorSpace, components, alpha, hex"
        )
    space = value.get("colorSpace")
    if space not in COLOR_SPACES:
        raise BadInput(f"{where}: colorSpace: got {shown(space)}", f"Expected one of {', '.join(COLOR_SPACES)}")
    fallback = value.get("hex")
    if fallback is not None and not (isinstance(fallback, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", fallback)):
        raise BadInput(f"{where}: hex: expected six digits like #114da1, got {shown(fallback)}")
    numbers = _components(value.get("components"), str(space), where)
    alpha = _number(value.get("alpha", 1), f"{where}: alpha")
    if not 0 <= alpha <= 1:
        raise BadInput(f"{where}: alpha: expected 0 to 1, got {alpha:g}")
    hex_color, mapped = _to_srgb(Color(str(space), numbers), f"{space} {' '.join(f'{n:g}' for n in numbers)}")
    return ReadColor(hex_color, alpha, mapped)


def color_value(hex_color: str, alpha: float = 1) -> dict[str, Any]:
    """`#rrggbb` as a DTCG colour."""
    parts = [round(int(hex_color[i : i + 2], 16) / 255, 5) for i in (1, 3, 5)]
    return {"colorSpace": "srgb", "components": parts, "alpha": alpha, "hex": hex_color}


def css_color_value(color: Color) -> dict[str, Any]:
    """A CSS colour as a DTCG colour: in sRGB where it fits there, else in its own space with a fallback."""
    alpha = color.alpha()
    alpha = 1 if math.isnan(alpha) or alpha >= 1 else round(max(0.0, alpha), 4)
    hex_color, mapped = _to_srgb(color, "")
    space = color.space()
    if not mapped or space not in COLOR_SPACES or space in ("srgb", "hsl", "hwb"):
        return color_value(hex_color, alpha)
    parts = ["none" if math.isnan(part) else round(part, 5) for part in color.coords()]
    return {"colorSpace": space, "components": parts, "alpha": alpha, "hex": hex_color}


def read_family(value: Any, where: str) -> str:
    """The first family of a `fontFamily` value. Raises `BadInput`."""
    names = value if isinstance(value, list) else [value]
    first = names[0] if names else None
    if not isinstance(first, str) or not 0 < len(first.strip()) <= 200:
        raise BadInput(f"{where}: expected a font family's name, got {shown(value)}")
    return " ".join(first.split(",")[0].strip().strip("'\"").split()) or first.strip()


def read_weight(value: Any, where: str) -> int:
    """A `fontWeight` value as 1–1000. Raises `BadInput`."""
    if isinstance(value, str):
        text = re.sub(r"[\s_-]", "", value.strip().lower())
        if text in _WEIGHT_OF:
            return _WEIGHT_OF[text]
        if re.fullmatch(r"[0-9]{1,4}", text):
            value = int(text)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 1 <= value <= 1000:
        return int(value)
    raise BadInput(f"{where}: expected a weight of 1 to 1000 or a name like bold, got {shown(value)}")


def _components(value: Any, space: str, where: str) -> list[float]:
    if not isinstance(value, list) or len(value) != 3:
        raise BadInput(f"{where}: components: expected three numbers, got {shown(value)}")
    numbers = [0.0 if part == "none" else _number(part, f"{where}: components") for part in value]
    # The usual slip is to write 0–255 where 0–1 is meant; wide-gamut values a little outside are legal elsewhere.
    if space in _UNIT_SPACES and not all(-0.5 <= number <= 1.5 for number in numbers):
        raise BadInput(f"{where}: components: expected 0 to 1 in {space}, got {shown(value)}", "Divide by 255")
    if any(abs(number) > 1000 for number in numbers):
        raise BadInput(f"{where}: components: far out of range: {shown(value)}")
    if space in ("hsl", "hwb"):
        return [numbers[0], numbers[1] / 100, numbers[2] / 100]
    return numbers


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e9 or math.isnan(value):
        raise BadInput(f"{where}: expected a number, got {shown(value)}")
    return float(value)


def _color_from_text(value: str, where: str) -> ReadColor:
    text = value.strip()
    try:
        color = read_css_color(text)
    except (ValueError, OverflowError) as error:
        raise BadInput(f"{where}: expected a colour, got {shown(value)}", "Write it like #114da1") from error
    alpha = color.alpha()
    hex_color, mapped = _to_srgb(color, text)
    return ReadColor(hex_color, 1.0 if math.isnan(alpha) else min(1.0, max(0.0, alpha)), mapped)


def _to_srgb(color: Color, words: str) -> tuple[str, str]:
    srgb = color.convert("srgb")
    mapped = ""
    clipped = _hex(srgb.clone().clip())
    if srgb.in_gamut(tolerance=0.002):
        return clipped, ""
    hex_color = _hex(srgb.fit(method="oklch-chroma"))
    mapped = f"{words} lies outside sRGB; the nearest colour is {hex_color}"
    if delta_e00_hex(hex_color, clipped) < 0.1:
        return clipped, mapped.replace(hex_color, clipped)
    return hex_color, mapped


def _hex(srgb: Color) -> str:
    coords = [0.0 if math.isnan(part) else part for part in srgb.coords()]
    return "#" + "".join(f"{min(255, max(0, int(part * 255 + 0.5))):02x}" for part in coords)


def shown(value: Any) -> str:
    """A value as a message shows it. Bounded also where a value holds itself many times over by reference."""
    out = reprlib.Repr()
    out.maxlevel, out.maxdict, out.maxlist, out.maxstring, out.maxother, out.maxlong = 2, 4, 4, 60, 60, 40
    text = out.repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
