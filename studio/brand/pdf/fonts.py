"""Fonts named in a PDF: family and weight from `ABCDEF+Inter-Bold`, and how their bytes become text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from studio.brand.pdf.colours import entry, resolved
from studio.brand.pdf.page import Decoder

_WEIGHTS = (
    (r"thin|hairline", 100),
    (r"(?:extra|ultra)[ -]?light", 200),
    (r"light", 300),
    (r"semi[ -]?bold|demi[ -]?bold|demi", 600),
    (r"(?:extra|ultra)[ -]?bold|heavy", 800),
    (r"black", 900),
    (r"bold", 700),
    (r"medium", 500),
    (r"regular|roman|book|normal|plain", 400),
)
_STYLE = re.compile(
    r"(?i)[\s,_-]+(?:thin|hairline|extra ?light|ultra ?light|light|regular|medium|semi ?bold|demi ?bold|demi|"
    r"extra ?bold|ultra ?bold|bold|heavy|black|italic|oblique|variable(?: ?font)?|vf|psmt|ps mt|ps|mt|[0-9]+pt)$"
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_MOST_MAP_BYTES = 400_000


@dataclass(frozen=True)
class FontName:
    family: str
    weight: int


def font_name(base: str) -> FontName | None:
    """The family and weight a PostScript name stands for; `None` where it names nothing."""
    name = re.sub(r"^[A-Z]{6}\+", "", base.removeprefix("/").strip())[:80]
    stem, dash, style = name.partition("-")
    if not dash:
        stem, _, style = name.partition(",")
    # Styles without a dash are set off by a capital: InterBold.
    family = re.sub(r"(?<=[a-z])(?=[0-9]+pt\b)|(?<=[a-z])(?=PSMT$|MT$)", " ", _CAMEL.sub(" ", stem.replace("_", " ")))
    while (shorter := _STYLE.sub("", family)) != family:
        family, style = shorter, f"{family[len(shorter) :]} {style}"
    spaced = _CAMEL.sub(" ", style)
    weight = next((number for words, number in _WEIGHTS if re.search(rf"(?i)\b(?:{words})\b", spaced)), 400)
    family = re.sub(r"\s+", " ", family).strip(" -,")
    if len(family) < 2 or not re.search(r"[A-Za-z]{2}", family) or re.fullmatch(r"(?i)(?:font|f|t|cid)[ \d]*", family):
        return None
    return FontName(family, weight)


def named(font: Any) -> FontName | None:
    """The name in a font's dictionary; the family of its descriptor first, which keeps the spaces."""
    inner = _first(entry(font, "/DescendantFonts")) or font
    descriptor = entry(inner, "/FontDescriptor")
    # Letters drawn as shapes (Type 3) have a name in their descriptor, if at all.
    base = entry(font, "/BaseFont") or entry(descriptor, "/FontName")
    found = font_name(str(base)) if isinstance(base, str) else None
    if found is None:
        return None
    family, weight = entry(descriptor, "/FontFamily"), entry(descriptor, "/FontWeight")
    name = family.strip()[:80] if isinstance(family, str) and family.strip() else found.family
    sure = int(weight) if isinstance(weight, int | float) and 100 <= weight <= 900 else found.weight
    return FontName(name, sure)


def decoder(font: Any) -> Decoder:
    """How the font's bytes become text. Damaged or oversized maps give Latin letters, never an error."""
    from pypdf.generic._font import Font

    try:
        table = entry(font, "/ToUnicode")
        if hasattr(table, "get_data") and len(table.get_data()) > _MOST_MAP_BYTES:
            return _plain
        read = Font.from_font_resource(font)
    # pypdf and fontTools meet damaged fonts with whatever they stumbled over.
    except Exception:
        return _plain
    if not read.interpretable:
        return lambda data: ("", 500.0 * len(data))
    widths, default = read.character_widths, float(read.character_widths.get("default", 500) or 500)
    scale = _scale(font)

    def decode(data: bytes) -> tuple[str, float]:
        if isinstance(read.encoding, str):
            raw = data.decode(read.encoding, "replace")
        else:
            raw = "".join(str(read.encoding.get(byte, chr(byte))) for byte in data)
        wide = sum(_width(widths.get(character), default) for character in raw)
        wide *= scale
        return "".join(str(read.character_map.get(character, character)) for character in raw), wide

    return decode


def _scale(font: Any) -> float:
    """Type 3 fonts measure in units of their own (ISO 32000-1 9.6.5), all others in thousandths."""
    matrix = entry(font, "/FontMatrix")
    if entry(font, "/Subtype") != "/Type3" or not isinstance(matrix, list) or not matrix:
        return 1.0
    unit = resolved(matrix[0])
    return abs(float(unit)) * 1000 if isinstance(unit, int | float) and 1e-6 < abs(unit) < 1 else 1.0


def _width(value: Any, default: float) -> float:
    return float(value) if isinstance(value, int | float) and 0 < value < 10_000 else default


def _plain(data: bytes) -> tuple[str, float]:
    return data.decode("latin-1"), 500.0 * len(data)


def _first(value: Any) -> Any:
    return resolved(value[0]) if isinstance(value, list) and value else None
