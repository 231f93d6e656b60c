"""How an SVG element is painted: style sheets, `style` and attributes boiled down to attributes that Skia knows.

Skia's SVGDOM reads presentation attributes and `style`, but no style sheets, and of colours only names of CSS 1–3, hex
and plain `rgb()`; everything else comes out black. So all of it is resolved here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from coloraide import Color

PAINT = ("fill", "stroke", "stop-color", "color")
_PLAIN = (
    *("fill-rule", "fill-opacity", "stroke-width", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit"),
    *("stroke-dasharray", "stroke-dashoffset", "stroke-opacity", "opacity", "display", "visibility", "clip-rule"),
    *("clip-path", "mask", "stop-opacity"),
)
PRESENTATION = frozenset((*PAINT, *_PLAIN))
_OPACITY_OF = {"fill": "fill-opacity", "stroke": "stroke-opacity", "stop-color": "stop-opacity"}
_SIMPLE = re.compile(r"(?:(?P<tag>[A-Za-z][\w-]*|\*))?(?P<rest>(?:[.#][\w-]+)*)")
_LOCAL_URL = re.compile(r"""url\(\s*(['"]?)#([\w.:-]+)\1\s*\)""")
_MAX_RULES = 2000


@dataclass(frozen=True)
class Rule:
    """One simple selector with its declarations."""

    tag: str
    id: str
    classes: frozenset[str]
    weight: tuple[int, int, int]
    declarations: dict[str, str]

    def matches(self, tag: str, id_: str, classes: frozenset[str]) -> bool:
        return (not self.tag or self.tag == tag) and (not self.id or self.id == id_) and self.classes <= classes


def read_sheet(text: str) -> tuple[list[Rule], bool]:
    """The rules of a style sheet with simple selectors, and whether any other was left out."""
    text = re.sub(r"/\*.*?(?:\*/|\Z)", " ", text, flags=re.S)
    text = text.replace("<!--", " ").replace("-->", " ")
    rules: list[Rule] = []
    left_out = False
    for selectors, body, nested in _blocks(text):
        if selectors.startswith("@") or nested:
            left_out = left_out or not selectors.startswith(("@charset", "@font-face", "@namespace"))
            continue
        declarations = read_declarations(body)
        for selector in selectors.split(","):
            match = _SIMPLE.fullmatch(selector.strip())
            if not match or not selector.strip() or len(rules) >= _MAX_RULES:
                left_out = left_out or bool(declarations)
                continue
            parts = re.findall(r"([.#])([\w-]+)", match["rest"])
            ids = [name for mark, name in parts if mark == "#"]
            classes = frozenset(name for mark, name in parts if mark == ".")
            tag = "" if match["tag"] in (None, "*") else match["tag"]
            weight = (len(ids), len(classes), int(bool(tag)))
            rules.append(Rule(tag, ids[0] if ids else "", classes, weight, declarations))
    return sorted(rules, key=lambda rule: rule.weight), left_out


def _blocks(text: str) -> Iterable[tuple[str, str, bool]]:
    """Selector text, body and whether the body held blocks of its own, for each top-level block."""
    place = 0
    while (start := text.find("{", place)) >= 0:
        head = text[place:start].rsplit(";", 1)[-1].strip()
        depth, end = 1, start + 1
        while end < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        body = text[start + 1 : end - 1 if not depth else end]
        yield head, body, "{" in body
        place = end


def read_declarations(text: str) -> dict[str, str]:
    """`a: b; c: d` as a dict of the properties that matter here."""
    out: dict[str, str] = {}
    for part in text.split(";"):
        name, colon, value = part.partition(":")
        if colon and name.strip().lower() in PRESENTATION:
            out[name.strip().lower()] = re.sub(r"\s*!\s*important\s*$", "", value.strip(), flags=re.I)
    return out


def painted(styles: dict[str, str], references: set[str]) -> dict[str, str]:
    """Presentation properties as attributes Skia reads. References to ids outside `references` are dropped."""
    out: dict[str, str] = {}
    alphas: dict[str, float] = {}
    for name, stated in styles.items():
        value = _variable(stated.strip())
        if not value or len(value) > 2000 or value == "inherit":
            continue
        if name in PAINT:
            paint, alpha = _paint(value, references)
            if paint:
                out[name] = paint
            if alpha < 1.0 and name in _OPACITY_OF:
                alphas[_OPACITY_OF[name]] = alpha
        elif name in ("clip-path", "mask"):
            match = _LOCAL_URL.fullmatch(value)
            if match and match[2] in references:
                out[name] = f"url(#{match[2]})"
        elif name.endswith("opacity"):
            number = _share(value)
            if number is not None:
                out[name] = f"{number:g}"
        elif re.fullmatch(r"[\w\s.,%+-]+", value):
            out[name] = value
    for name, alpha in alphas.items():
        out[name] = f"{alpha * float(out.get(name, 1.0)):g}"
    return out


def _paint(value: str, references: set[str]) -> tuple[str, float]:
    """A paint as `none`, `currentColor`, `url(#id)` or hex, with the alpha the colour had; empty if unreadable."""
    match = _LOCAL_URL.match(value)
    if match and match[2] in references:
        return f"url(#{match[2]})", 1.0
    if value.lower().startswith("url("):
        # A paint server that is not there: its fallback colour, else nothing.
        value = value.partition(")")[2].strip() or "none"
    if value.lower() == "none":
        return "none", 1.0
    if value.lower() == "currentcolor":
        return "currentColor", 1.0
    return _color(value) or ("", 1.0)


def _color(value: str) -> tuple[str, float] | None:
    if len(value) > 200:
        return None
    try:
        color = Color(value.lower()).convert("srgb").fit(method="oklch-chroma")
    except (ValueError, OverflowError, ZeroDivisionError):
        return None
    parts = [0.0 if math.isnan(part) else part for part in color.coords()]
    alpha = color.alpha()
    hex_color = "#" + "".join(f"{min(255, max(0, int(part * 255 + 0.5))):02x}" for part in parts)
    return hex_color, 1.0 if math.isnan(alpha) else min(1.0, max(0.0, alpha))


def _share(value: str) -> float | None:
    match = re.fullmatch(r"\+?([0-9]{0,9}(?:\.[0-9]{0,20})?(?:e-?[0-9]{1,2})?)\s*(%?)", value.strip(), flags=re.I)
    try:
        number = float(match[1]) / (100 if match[2] else 1) if match else math.nan
    except ValueError:
        return None
    return None if math.isnan(number) else min(1.0, number)


def _variable(value: str) -> str:
    """`var(--x, fallback)` as its fallback: a logo file stands alone, so nobody sets the variable."""
    for _ in range(4):
        match = re.fullmatch(r"var\(\s*--[\w-]+\s*,(.*)\)", value)
        if not match:
            break
        value = match[1].strip()
    return "" if value.startswith("var(") else value
