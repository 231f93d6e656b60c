"""Colour codes in running text: `#E20074`, `RGB 226 0 116`, `R226 G0 B116`, `C0 M100 Y0 K0`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from studio.brand.pdf.colours import cmyk_hex
from studio.color import hex_of

_SEP = r"[\s,;/|.:·•–-]{1,4}"
_N = r"([0-9]{1,3})(?![0-9])\s?%?"
_HEX = re.compile(
    r"(?i)(?<![\w#&])(?:#\s?|(?:hex|html|web)\s{0,3}[:=#]?\s{0,3}#?)([0-9a-f]{6}|[0-9a-f]{3})(?![0-9a-z])"
)
_RGB = re.compile(rf"(?i)(?<![a-z])s?rgb\s{{0,3}}[:=(]?\s{{0,3}}{_N}{_SEP}{_N}{_SEP}{_N}")
_CMYK = re.compile(rf"(?i)(?<![a-z])(?:cmyk|4c)\s{{0,3}}[:=(]?\s{{0,3}}{_N}{_SEP}{_N}{_SEP}{_N}{_SEP}{_N}")
_GAP = r"[\s,;/|·•–-]{0,4}"
_R_G_B = re.compile(rf"(?i)(?<![a-z0-9])r[\s:=]{{0,3}}{_N}{_GAP}g[\s:=]{{0,3}}{_N}{_GAP}b[\s:=]{{0,3}}{_N}(?![0-9])")
_C_M_Y_K = re.compile(
    rf"(?i)(?<![a-z0-9])c[\s:=]{{0,3}}{_N}{_GAP}m[\s:=]{{0,3}}{_N}{_GAP}y[\s:=]{{0,3}}{_N}{_GAP}k[\s:=]{{0,3}}{_N}"
)
_MOST_TEXT = 20_000


@dataclass(frozen=True)
class Code:
    """A colour written in text from `start` to `end`; `kind` says how, `text` is what stands there."""

    hex: str
    kind: Literal["hex", "rgb", "cmyk"]
    text: str
    start: int
    end: int


def codes_in(text: str) -> list[Code]:
    """Every colour code, in order. Numbers out of range (RGB above 255, CMYK above 100) are no colours."""
    text = text[:_MOST_TEXT]
    found: list[Code] = []
    for match in _HEX.finditer(text):
        digits = match[1].lower()
        # A short form without # is likelier a word, and one of digits alone a number.
        if len(digits) == 3 and ("#" not in match[0] or (digits.isdigit() and len(set(digits)) > 1)):
            continue
        full = digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)
        found.append(_code(f"#{full}", "hex", match))
    for pattern in (_RGB, _R_G_B):
        for match in pattern.finditer(text):
            parts = [int(part) for part in match.groups()]
            if max(parts) <= 255 and "%" not in match[0]:
                found.append(_code(hex_of(parts), "rgb", match))
    for pattern in (_CMYK, _C_M_Y_K):
        for match in pattern.finditer(text):
            inks = [int(part) for part in match.groups()]
            if max(inks) <= 100:
                found.append(_code(cmyk_hex(*(ink / 100 for ink in inks)), "cmyk", match))
    found.sort(key=lambda code: (code.start, -code.end))
    out: list[Code] = []
    for code in found:
        if not out or code.start >= out[-1].end:
            out.append(code)
    return out


def _code(hex_: str, kind: Literal["hex", "rgb", "cmyk"], match: re.Match[str]) -> Code:
    return Code(hex_, kind, " ".join(match[0].split()), match.start(), match.end())
