"""Which families really set the headings and the running words, under the names people know them by."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, quote_plus, urlsplit

from studio.brand.page.css_values import families, urls_in, weight_of
from studio.brand.page.look import Look, Seen
from studio.brand.site.defaults import GENERIC_FAMILIES, ICON_FAMILIES, SYSTEM_FAMILIES
from studio.brand.site.proposals import Typeface
from studio.brand.source.site import Site

SYSTEM = "system-ui"
"""What stands for the visitor's own system font, however a site spells it."""

_ELSEWHERE = {"consent", "code", "overlay", "partner", "social"}
_HASHED = re.compile(r"^_+(.+?)_(?:fallback_)?[0-9a-f]{5,10}$", re.I)
_FALLBACK = re.compile(r"[\s_-]+fallback(?:[\s_-].*)?$", re.I)
_STYLE_WORDS = (
    r"(?:thin|hairline|extra-?light|ultra-?light|light|book|regular|roman|normal|medium|semi-?bold|demi-?bold|demi|"
    r"bold|extra-?bold|ultra-?bold|black|heavy|italic|oblique|variable|var|vf|web|webfont|subset|latin|std|pro-?web)"
)
_STYLED = re.compile(rf"(?:[-_\s]+{_STYLE_WORDS})+$", re.I)
_KEEPS_LIGHT = {"book antiqua"}
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_CASED = {
    "arial": "Arial", "verdana": "Verdana", "georgia": "Georgia", "tahoma": "Tahoma", "helvetica": "Helvetica",
    "helvetica neue": "Helvetica Neue", "times new roman": "Times New Roman", "times": "Times",
    "trebuchet ms": "Trebuchet MS", "courier new": "Courier New", "lucida grande": "Lucida Grande",
    "segoe ui": "Segoe UI", "roboto": "Roboto", "open sans": "Open Sans", "lato": "Lato", "impact": "Impact",
    "palatino": "Palatino", "garamond": "Garamond", "calibri": "Calibri", "cambria": "Cambria",
}  # fmt: skip
_MAX_FILES = 4


@dataclass(frozen=True)
class Face:
    """A `@font-face` of the site: its family as declared, weight, and the address of its best file."""

    family: str
    weight: int
    italic: bool
    url: str


def typefaces_of(look: Look, site: Site, label: Mapping[str, str]) -> tuple[Typeface | None, Typeface | None]:
    """The typefaces of headings and of running words. None where the page has no words to tell it by."""
    body = _heaviest(look, heading=False)
    heading = _heaviest(look, heading=True) or body
    faces, library = _faces(look, site), _library(look)
    found = []
    for part in (heading, body):
        found.append(_typeface(part, look, label, faces, library) if part else None)
    return found[0], found[1]


def is_system(family: str) -> bool:
    """Whether that is no typeface but whatever the visitor's system puts there."""
    return family == SYSTEM or family in GENERIC_FAMILIES


def family_name(declared: str) -> str:
    """A declared family as its maker calls it: hashes, fallbacks, weights and file endings taken off.

    `__Inter_d65c78` is Inter, `HelveticaNeue-Light` Helvetica Neue, `-apple-system` the system's own.
    """
    name = declared.strip()
    if name.lower() in SYSTEM_FAMILIES:
        return SYSTEM
    if name.lower() in GENERIC_FAMILIES:
        return name.lower()
    if match := _HASHED.match(name):
        name = match[1].replace("_", " ")
    name = _FALLBACK.sub("", name) or name
    name = re.sub(r"\.(woff2?|ttf|otf)$", "", name, flags=re.I)
    if name.lower() not in _KEEPS_LIGHT:
        name = _STYLED.sub("", name) or name
    if name.lower() in _CASED:
        return _CASED[name.lower()]
    if " " not in name and "_" in name.strip("_"):
        name = name.replace("_", " ")
    spaced = _CAMEL.sub(" ", name)
    if spaced.lower() in _CASED:
        return _CASED[spaced.lower()]
    return (name[0].upper() + name[1:] if name.islower() and name.isalpha() and len(name) > 3 else name).strip()


def _heaviest(look: Look, heading: bool) -> tuple[str, Seen, float, tuple[str, ...]] | None:
    """The family that sets most, an element that shows it, its share, and the other families."""
    amount: dict[str, float] = defaultdict(float)
    first: dict[str, Seen] = {}
    for seen in look.seen:
        is_heading = "heading" in seen.places
        if not seen.words or seen.places & _ELSEWHERE or is_heading != heading:
            continue
        family = next((name for name in seen.families if not _draws_icons(name)), "")
        if not family:
            family = "serif"
        worth = float(min(300, seen.words)) * (1.0 if seen.shown else 0.2)
        if heading:
            worth = min(60.0, worth) * (seen.size_px / 16.0) ** 2 * (2.0 if seen.element.tag in ("h1", "h2") else 1.0)
        elif seen.places & {"button", "nav", "footer", "header"}:
            worth *= 0.4
        amount[family] += worth
        if family not in first or seen.words > first[family].words:
            first[family] = seen
    merged: dict[str, float] = defaultdict(float)
    for family, worth in amount.items():
        merged[family_name(family)] += worth
    if not merged or not sum(merged.values()):
        return None
    ranked = sorted(merged, key=lambda name: -merged[name])
    best = next(family for family in sorted(amount, key=lambda f: -amount[f]) if family_name(family) == ranked[0])
    return best, first[best], merged[ranked[0]] / sum(merged.values()), tuple(ranked[1:4])


def _typeface(
    part: tuple[str, Seen, float, tuple[str, ...]],
    look: Look,
    label: Mapping[str, str],
    faces: list[Face],
    library: frozenset[str],
) -> Typeface:
    declared, seen, share, others = part
    name = family_name(declared)
    won = seen.won("font-family")
    holder = seen.element
    while won is None and holder.parent is not None:
        holder = holder.parent
        won = look.of(holder).won("font-family")
    if won is None:
        source = f"{look.page.label}: no family is set; browsers show their own"
    else:
        source = f"{label.get(won.sheet, '') or look.page.label}: {' '.join(won.place.split())[:120]} {{ font-family }}"
    own = [face for face in faces if family_name(face.family).lower() == name.lower() and not face.italic]
    own.sort(key=lambda face: abs(face.weight - seen.weight))
    known = name.lower() in library
    sure = (0.55 + 0.4 * share) * (0.4 if won is None else 1.0) + (0.05 if own or known else 0.0)
    return Typeface(
        family=name,
        source=source,
        confidence=round(min(0.98, sure), 2),
        weight=seen.weight,
        files=tuple(dict.fromkeys(face.url for face in own))[:_MAX_FILES],
        licence="open (Google Fonts)" if known else "",
        link=f"https://fonts.google.com/specimen/{quote_plus(name)}" if known else "",
        alternatives=others,
    )


def _draws_icons(family: str) -> bool:
    name = family.lower()
    return any(word in name for word in ICON_FAMILIES)


def _faces(look: Look, site: Site) -> list[Face]:
    """Every `@font-face` with a file this program can set, the best format first."""
    faces = []
    for descriptors, sheet in look.sheets.faces[:400]:
        names = families(descriptors.get("font-family", ""))
        urls = [site.resolve(url, sheet) for url in urls_in(descriptors.get("src", ""))]
        usable = [url for url in urls if url and _format(url) in (".woff2", ".ttf", ".otf", "data")]
        if names and usable and _latin(descriptors.get("unicode-range", "")):
            usable.sort(key=lambda url: (".ttf", ".otf", ".woff2", "data").index(_format(url)))
            weight = weight_of(
                descriptors.get("font-weight", "400").split()[0] if descriptors.get("font-weight") else "400", 400
            )
            italic = "italic" in descriptors.get("font-style", "") or "oblique" in descriptors.get("font-style", "")
            faces.append(Face(names[0], weight, italic, usable[0]))
    return faces


def _format(url: str) -> str:
    if url.startswith("data:"):
        return "data" if "font" in url[:40] or "octet" in url[:60] else ""
    return "." + urlsplit(url).path.lower().rpartition(".")[2]


def _latin(ranges: str) -> bool:
    """Whether a face's `unicode-range` has the basic letters: subsets for other scripts are no use by themselves."""
    return not ranges or bool(re.search(r"(?i)u\+0{0,4}(0-|0{2}|20|0\?\?|\?\?)", ranges))


def _library(look: Look) -> frozenset[str]:
    """Families asked of Google Fonts by links and imports of the page, lower case. Source of the form:
    developers.google.com/fonts/docs/css2."""
    links = [link.get("href") for link in look.page.by_tag.get("link", ())] + look.sheets.addresses
    names: set[str] = set()
    for address in links:
        if "fonts.googleapis.com" not in address and "fonts.bunny.net" not in address:
            continue
        try:
            asked = parse_qs(urlsplit(address if "//" in address else f"//{address}").query.replace("&amp;", "&"))
        except ValueError:
            continue
        for value in asked.get("family", []):
            names |= {part.split(":")[0].replace("+", " ").strip().lower() for part in value.split("|")}
    return frozenset(names)
