"""A palette from what a guide's pages print and draw: colour codes with their labels, and filled areas."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from studio.brand.art.palette import chroma_of, is_neutral, lightness_of
from studio.brand.pdf.colour_codes import Code, codes_in
from studio.brand.pdf.lines import Line, blocks_of
from studio.brand.pdf.page import Page
from studio.brand.site.proposals import Colour, ColourRole
from studio.color import cielab, delta_e00, delta_e00_hex, rgb_of

_ROLE_WORDS: tuple[tuple[ColourRole, re.Pattern[str]], ...] = (
    ("background", re.compile(r"(?i)\b(?:background|paper|canvas|surface)")),
    ("text", re.compile(r"(?i)\b(?:text|ink|copy)\b")),
    ("accent", re.compile(r"(?i)\b(?:accent|secondary|tertiary|highlight|support\w*|cta|call to action|extended)")),
    ("primary", re.compile(r"(?i)\b(?:primary|main|core|key|lead|(?:brand|corporate) colou?r)")),
)
_CODE_WORDS = re.compile(r"(?i)\b(?:hex|html|web|s?rgb|cmyk|pantone|pms|hsl|ral|colou?rs?)\b|[\s:;,./|()=#•·–-]+")
_SURE = {"hex": 0.7, "rgb": 0.65, "cmyk": 0.3}
_SAME = 1.5
_BESIDE = 3.0
_WHOLE_PAGE = 0.8
_MOST_OF_A_ROLE = 4
_MOST_LINES = 1_500
_MOST_ON_A_PAGE = 60
_MOST_PRINTED = 300


@dataclass(frozen=True)
class Printed:
    """A colour a page names in text; `label` and `heading` are the words beside and above it."""

    hex: str
    code: Code
    page: int
    label: str = ""
    heading: str = ""
    drawn: bool = False

    @property
    def role(self) -> tuple[ColourRole, float] | None:
        """What its words say it is for, and how far they can be trusted."""
        for words, trust in ((self.label, 1.0), (self.heading, 0.95)):
            for role, pattern in _ROLE_WORDS:
                if pattern.search(words):
                    return role, trust
        return None


@dataclass(frozen=True)
class Drawn:
    """A colour that areas are filled with: on which pages, and the share of all pages' area."""

    hex: str
    pages: tuple[int, ...]
    share: float
    exact: bool
    spot: str


def palette_of(pages: Sequence[tuple[int, Page, list[Line]]], file: str) -> tuple[Colour, ...]:
    """From (page number, page, its lines): printed codes with a drawn swatch beside them are surest, then printed
    ones, then areas alone. Backgrounds of whole pages and white are not counted as drawn."""
    drawn = drawn_on(pages)
    printed = _merged([one for number, _, lines in pages for one in printed_on(number, lines)], drawn)
    found: list[Colour] = []
    areas = {one.hex: one.share for one in drawn}
    for one in printed:
        said = one.role
        sure = min(0.95, _SURE[one.code.kind] + (0.2 if one.drawn else 0.0)) * (said[1] if said else 0.8)
        found.append(_colour(one.hex, said[0] if said else None, _source(one, file), sure, found))
    for one in sorted(drawn, key=lambda one: -one.share * (0.03 + chroma_of(one.hex))):
        if any(delta_e00_hex(one.hex, other.hex) < 5.0 for other in found) or one.share < 0.0005:
            continue
        sure = 0.2 + min(0.15, areas[one.hex]) + (0.1 if len(one.pages) >= 3 else 0.0) - (0.0 if one.exact else 0.05)
        # A guide that prints its codes has said what counts; the rest are pictures of use.
        sure = min(sure, 0.15) if printed else sure
        first = min(one.pages)
        where = f"page {first}" if len(one.pages) < 2 else f"{len(one.pages)} pages from {first}"
        source = f"{file} {where}: drawn areas" + (f" in {one.spot}" if one.spot else "")
        found.append(_colour(one.hex, None, source, sure, found))
    return _few(found)


def _colour(hex_: str, role: ColourRole | None, source: str, sure: float, before: Sequence[Colour]) -> Colour:
    lightness = lightness_of(hex_)
    if is_neutral(hex_) and (role is None or role == "primary") and (lightness > 0.85 or lightness < 0.5):
        role = "background" if lightness > 0.85 else "text"
    if role is None:
        role = "accent" if any(one.role == "primary" for one in before) else "primary"
        if is_neutral(hex_):
            role = "text" if lightness < 0.6 else "background"
    return Colour(hex=hex_, role=role, source=source, confidence=round(max(0.05, sure), 2))


def _few(found: Sequence[Colour]) -> tuple[Colour, ...]:
    order: tuple[ColourRole, ...] = ("primary", "accent", "background", "text")
    out: list[Colour] = []
    for role in order:
        own = sorted((one for one in found if one.role == role), key=lambda one: -one.confidence)
        out += own[:_MOST_OF_A_ROLE]
    return tuple(out)


def _source(one: Printed, file: str) -> str:
    words = f"{file} page {one.page}: text {one.code.text!r}"
    words += f", labelled {one.label!r}" if one.label else ""
    return words + (", beside a swatch of it" if one.drawn else "")


# ------------------------------------------------------------------------------------------------------ drawn


def drawn_on(pages: Sequence[tuple[int, Page, list[Line]]]) -> list[Drawn]:
    """The colours of filled areas, near ones as one, largest first."""
    whole = sum(page.width * page.height for _, page, _ in pages) or 1.0
    areas: dict[str, float] = {}
    seen: dict[str, set[int]] = {}
    kinds: dict[str, tuple[bool, str]] = {}
    for number, page, _ in pages:
        for fill in page.fills:
            if fill.area > _WHOLE_PAGE * page.width * page.height or lightness_of(fill.shown.hex) > 0.995:
                continue
            areas[fill.shown.hex] = areas.get(fill.shown.hex, 0.0) + fill.area / whole
            seen.setdefault(fill.shown.hex, set()).add(number)
            kinds.setdefault(fill.shown.hex, (fill.shown.exact, fill.shown.spot))
    out: list[Drawn] = []
    for hex_ in sorted(areas, key=lambda hex_: (-areas[hex_], hex_))[:60]:
        near = next((i for i, one in enumerate(out) if delta_e00_hex(one.hex, hex_) < _SAME), None)
        if near is None:
            out.append(Drawn(hex_, tuple(sorted(seen[hex_])), areas[hex_], *kinds[hex_]))
        else:
            both = tuple(sorted({*out[near].pages, *seen[hex_]}))
            out[near] = replace(out[near], pages=both, share=out[near].share + areas[hex_])
    return out


# ---------------------------------------------------------------------------------------------------- printed


def printed_on(number: int, lines: Sequence[Line]) -> list[Printed]:
    """The page's colour codes, one for each swatch: its hex before its RGB before its CMYK."""
    out: list[Printed] = []
    plain = [line for line in lines[:_MOST_LINES] if not codes_in(line.text)]
    for block in blocks_of(lines[:_MOST_LINES]):
        if len(out) >= _MOST_ON_A_PAGE:
            break
        for label, codes, at in _groups(block)[:_MOST_ON_A_PAGE]:
            best = min(codes, key=lambda code: ("hex", "rgb", "cmyk").index(code.kind))
            words = label or _nearest_above(at, plain)
            out.append(Printed(best.hex, best, number, words, _heading(at, plain, words)))
    return out


def _groups(block: Sequence[Line]) -> list[tuple[str, list[Code], Line]]:
    """(label, codes of one swatch, the line of the first) in a block read from top to bottom."""
    text = "\n".join(line.text for line in block)
    starts = [0]
    for line in block:
        starts.append(starts[-1] + len(line.text) + 1)
    codes = codes_in(text)
    groups: list[tuple[str, list[Code], Line]] = []
    reached = 0
    for code in codes:
        between = text[reached : code.start]
        words = [_CODE_WORDS.sub(" ", line).strip() for line in between.split("\n")]
        words = [line for line in words if re.search(r"[^\W\d_]{3}", line)]
        repeated = bool(groups) and any(_another(code, other) for other in groups[-1][1])
        if not groups or words or repeated:
            line = block[max(i for i, start in enumerate(starts[:-1]) if start <= code.start)]
            label = " ".join((words[-1] if words else "").split())[:60]
            groups.append((label, [code], line))
        else:
            groups[-1][1].append(code)
        reached = code.end
    return groups


def _another(code: Code, other: Code) -> bool:
    """Whether two codes in a row mean two swatches; CMYK is too rough to tell."""
    if "cmyk" in (code.kind, other.kind):
        return code.kind == other.kind
    return code.kind == other.kind or delta_e00_hex(code.hex, other.hex) > 8.0


def _nearest_above(at: Line, plain: Sequence[Line]) -> str:
    near = [
        line
        for line in plain
        if 0 <= line.bottom - at.bottom < 6 * at.size
        and line.left < at.right + at.size
        and line.right > at.left - at.size
    ]
    words = [line for line in near if re.search(r"[^\W\d_]{3}", line.text)]
    return min(words, key=lambda line: line.bottom - at.bottom).text[:60] if words else ""


def _heading(at: Line, plain: Sequence[Line], label: str) -> str:
    """The nearest larger line above that says what colours are for."""
    above = [line for line in plain if line.bottom > at.bottom and line.size > 1.15 * at.size and line.text != label]
    above = [line for line in above if any(pattern.search(line.text) for _, pattern in _ROLE_WORDS)]
    return min(above, key=lambda line: line.bottom - at.bottom).text[:80] if above else ""


def _merged(printed: Sequence[Printed], drawn: Sequence[Drawn]) -> list[Printed]:
    """Each colour once: the one with a role, the surest kind and a swatch first."""
    bare = printed[:_MOST_PRINTED]
    if not bare:
        return []
    own = cielab([rgb_of(one.hex) for one in bare])
    among = delta_e00(own[:, None], own[None])
    areas = np.full((len(bare), 1), np.inf)
    if drawn:
        areas = delta_e00(own[:, None], cielab([rgb_of(one.hex) for one in drawn])[None])
    kept: dict[int, Printed] = {}
    for i, one in enumerate(bare):
        beside = any(one.page in drawn[int(k)].pages for k in np.flatnonzero(areas[i] < _BESIDE))
        full = replace(one, drawn=beside)
        same = next((k for k in kept if among[i, k] < _SAME), None)
        if same is None:
            kept[i] = full
        elif _weight(full) > _weight(kept[same]):
            kept[same] = full
    out = list(kept.values())
    # A role that is said comes before one that is guessed.
    return sorted(out, key=lambda one: one.role is None)


def _weight(one: Printed) -> tuple[bool, float, bool]:
    return one.role is not None, _SURE[one.code.kind] + (0.2 if one.drawn else 0.0), bool(one.label)
