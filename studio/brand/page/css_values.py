"""CSS values as text, read: colours of every syntax, gradients, addresses, font lists. Bounded, and never raising."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from coloraide import Color

from studio.color import hex_of, rgb_of

Paint = tuple[str, float]
"""`#rrggbb` and its opacity, 0–1."""

_MAX_VALUE = 20_000
_MAX_VARIABLE_DEPTH = 24
_HEX = re.compile(r"#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})")
_RGB = re.compile(r"rgba?\(\s*(\d+)\s*[, ]\s*(\d+)\s*[, ]\s*(\d+)\s*(?:[,/]\s*([\d.]+)(%?)\s*)?\)")
_COLOUR = re.compile(
    r"#[0-9a-f]{3,8}\b|\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|color|color-mix|light-dark)\(|(?<![\w.#-])[a-z]{3,20}(?![\w(-])",
    re.I,
)
_SYSTEM = {
    *("canvas", "canvastext", "linktext", "visitedtext", "activetext", "buttonface", "buttontext", "buttonborder"),
    *("field", "fieldtext", "highlight", "highlighttext", "mark", "marktext", "graytext", "accentcolor", "window"),
    *("accentcolortext", "selecteditem", "selecteditemtext", "windowtext", "inherit", "initial", "unset", "revert"),
}
_WIDE = {"inherit", "initial", "unset", "revert", "revert-layer"}
_MIX = re.compile(r"\s*(.+?)(?:\s+([\d.]+)%)?\s*")
_URL = re.compile(r"""url\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|((?:[^\s"'()\\]|\\.)*))\s*\)""", re.I)
_IMAGE = re.compile(r"(?i)[\w-]*(?:gradient|image-set|image|cross-fade|element|paint)\(")
_SIZE = re.compile(r"(-?\d*\.?\d+)(px|rem|em|%|pt|vw|vh|ex|ch|q|mm|cm|in|pc)?", re.I)
_KEYWORD_PX = {
    "xx-small": 9.0, "x-small": 10.0, "small": 13.0, "medium": 16.0, "large": 18.0, "x-large": 24.0,
    "xx-large": 32.0, "xxx-large": 48.0,
}  # fmt: skip
_PX = {
    "px": 1.0,
    "pt": 4 / 3,
    "pc": 16.0,
    "in": 96.0,
    "cm": 96 / 2.54,
    "mm": 96 / 25.4,
    "q": 96 / 101.6,
    "vw": 14.4,
    "vh": 9.0,
}
_WEIGHTS = {"normal": 400, "bold": 700, "lighter": 300, "bolder": 700}
_FONT_WORDS = re.compile(
    r"(?i)^(normal|italic|oblique|small-caps|bold|bolder|lighter|[1-9]00|(ultra-|extra-|semi-)?(condensed|expanded))$"
)


def resolved(value: str, variables: Mapping[str, str]) -> str | None:
    """`value` with every `var(--name, fallback)` written out; None where one has no value, or it never ends."""
    for _ in range(_MAX_VARIABLE_DEPTH):
        start = value.lower().rfind("var(")
        if start < 0:
            return value
        end = _closing(value, start + 3)
        name, _, fallback = value[start + 4 : end].partition(",")
        found = variables.get(name.strip())
        put = found if found is not None else fallback.strip()
        if (found is None and not fallback) or len(value) + len(put) > _MAX_VALUE:
            return None
        value = f"{value[:start]}{put}{value[end + 1 :]}"
    return None if "var(" in value.lower() else value


def colour(value: str, current: str = "#000000") -> Paint | None:
    """One colour in any CSS Color 4 or 5 syntax, mapped into sRGB. `current` stands for `currentColor`."""
    text = value.strip().lower()
    if text == "currentcolor":
        return current, 1.0
    if len(text) > 300 or text in _SYSTEM:
        return None
    return _colour(text, current)


@lru_cache(maxsize=20_000)
def _colour(text: str, current: str) -> Paint | None:
    if match := _HEX.fullmatch(text):
        digits = match[1] if len(match[1]) > 4 else "".join(digit * 2 for digit in match[1])
        return f"#{digits[:6]}", int(digits[6:] or "ff", 16) / 255
    if match := _RGB.fullmatch(text):
        alpha = float(match[4]) / (100.0 if match[5] else 1.0) if match[4] else 1.0
        return hex_of([int(match[i]) for i in (1, 2, 3)]), min(1.0, alpha)
    if text.startswith("light-dark("):
        return colour(_arguments(text)[0], current) if _arguments(text) else None
    if text.startswith("color-mix("):
        return _mixed(_arguments(text), current)
    # Old sites write 0–255 without separators' rules; HSL with bare numbers is read by the library as it stands.
    try:
        found = Color(text)
        srgb = found.convert("srgb").fit()
        alpha = srgb.alpha(nans=False)
        return hex_of([channel * 255 for channel in srgb.coords(nans=False)]), min(1.0, max(0.0, alpha))
    # The library meets hostile numbers with whatever its arithmetic raises.
    except (ValueError, OverflowError, ZeroDivisionError, TypeError, ArithmeticError):
        return None


def _mixed(arguments: list[str], current: str) -> Paint | None:
    """`color-mix(in SPACE, A p%, B q%)` (CSS Color 5): shares default to a half, and to what the other leaves."""
    if len(arguments) != 3:
        return None
    space = arguments[0].replace("in ", "", 1).split()[0] if arguments[0].startswith("in ") else "oklab"
    sides = [_MIX.fullmatch(part) for part in arguments[1:]]
    if not sides[0] or not sides[1]:
        return None
    first, second = colour(sides[0][1], current), colour(sides[1][1], current)
    if first is None or second is None:
        return None
    shares = [float(side[2]) / 100 if side and side[2] else None for side in sides]
    a, b = shares
    a = (1 - b if b is not None else 0.5) if a is None else a
    b = 1 - a if b is None else b
    if a + b <= 0:
        return None
    try:
        one, two = (Color("srgb", [c / 255 for c in rgb_of(paint[0])], paint[1]) for paint in (first, second))
        mixed = one.mix(two, b / (a + b), space=space, out_space="srgb").fit()
    except (ValueError, ArithmeticError, TypeError):
        return None
    return hex_of([c * 255 for c in mixed.coords(nans=False)]), mixed.alpha(nans=False) * min(1.0, a + b)


def colours_in(value: str, current: str = "#000000") -> list[Paint]:
    """Every colour in a value, in order: the stops of its gradients, or a shorthand's colour."""
    found: list[Paint] = []
    text = _URL.sub(" ", value[:_MAX_VALUE])
    position = 0
    while len(found) < 24 and (match := _COLOUR.search(text, position)):
        end = _closing(text, match.end() - 1) + 1 if match[0].endswith("(") else match.end()
        paint = colour(text[match.start() : end], current)
        if paint is not None:
            found.append(paint)
        position = max(end, match.end())
    return found


def gradient_in(value: str) -> bool:
    return "gradient(" in value.lower()


def urls_in(value: str) -> list[str]:
    """The addresses in a value, unescaped; of an `image-set()` all candidates."""
    found = [next((part for part in match if part), "") for match in _URL.findall(value)]
    if "image-set(" in value.lower():
        inner = value[value.lower().index("image-set(") :]
        found += [text for text in re.findall(r"""["']([^"']+)["']\s+[\d.]+(?:x|dppx)""", inner) if text not in found]
    return [re.sub(r"\\(.)", r"\1", text) for text in found if text]


def layers(value: str) -> list[str]:
    """The layers of a background, the one at the back last."""
    return _split(value[:_MAX_VALUE], ",")


def images_apart(layer: str) -> tuple[str, str]:
    """One layer of a background as its image, and what it says besides: colour, place, size."""
    images = [match[0] for match in _URL.finditer(layer)]
    rest = _URL.sub(" ", layer)
    while match := _IMAGE.search(rest):
        end = _closing(rest, match.end() - 1) + 1
        images.append(rest[match.start() : end])
        rest = f"{rest[: match.start()]} {rest[end:]}"
    return " ".join(images), rest


def families(value: str) -> list[str]:
    """A `font-family` list: names without quotes, in order."""
    names = []
    for part in _split(value, ","):
        name = part.strip().strip("\"'").replace("\\", "").strip()
        if name and len(name) <= 100 and name.lower() not in _WIDE and "(" not in name:
            names.append(re.sub(r"\s+", " ", name))
    return names[:20]


def font_shorthand(value: str) -> dict[str, str]:
    """`font` taken apart into `font-family`, `font-size`, `font-weight`; empty for system fonts and nonsense."""
    parts = value.strip().split(None, 12)
    weight = "400"
    for place, part in enumerate(parts):
        if _FONT_WORDS.match(part):
            weight = part if part[0].isdigit() or part.lower() in _WEIGHTS else weight
            continue
        size = part.split("/")[0]
        if not (
            _SIZE.match(size) or size.lower() in _KEYWORD_PX or "(" in size or size.lower() in ("larger", "smaller")
        ):
            return {}
        rest = " ".join(parts[place + 1 :])
        rest = (
            re.sub(r"^/?\s*[\d.]+(px|em|rem|%)?\s+", "", rest) if rest.startswith("/") or part.endswith("/") else rest
        )
        return {"font-weight": weight, "font-size": size, "font-family": rest} if rest else {}
    return {}


def weight_of(value: str, inherited: int) -> int:
    """A `font-weight` as 1–1000."""
    text = value.strip().lower()
    if text in ("bolder", "lighter"):
        return 700 if text == "bolder" else 300
    if text in _WEIGHTS:
        return _WEIGHTS[text]
    try:
        return min(1000, max(1, int(float(text))))
    except (ValueError, OverflowError):
        return inherited


def size_px(value: str, inherited: float) -> float:
    """A `font-size` in px on a screen 1440 px wide; of `clamp()`, `min()` and `calc()` the largest length in it."""
    text = value.strip().lower()
    if text in _KEYWORD_PX:
        return _KEYWORD_PX[text]
    if text in ("larger", "smaller"):
        return inherited * (1.2 if text == "larger" else 1 / 1.2)
    sizes = []
    for number, unit in _SIZE.findall(text[:200]):
        length = float(number)
        if unit == "rem":
            length *= 16.0
        elif unit in ("em", "%", "ex", "ch"):
            length *= inherited * {"em": 1.0, "%": 0.01}.get(unit, 0.5)
        elif unit:
            length *= _PX[unit]
        elif text not in ("0", "0.0"):
            continue
        sizes.append(length)
    return min(400.0, max(sizes)) if sizes else inherited


def _arguments(text: str) -> list[str]:
    return [part.strip() for part in _split(text[text.index("(") + 1 : _closing(text, text.index("("))], ",")]


def _split(text: str, mark: str) -> list[str]:
    """`text` at each `mark` that is in no brackets and no quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for place, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == mark and depth <= 0:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def _closing(text: str, opening: int) -> int:
    """Where the bracket at `opening` closes; the end of the text if it does not."""
    depth = 0
    for place in range(opening, len(text)):
        if text[place] == "(":
            depth += 1
        elif text[place] == ")":
            depth -= 1
            if depth == 0:
                return place
    return len(text)
