"""What a visitor sees of each element, without drawing it: its colours, its type, what it stands on, where it stands.

No layout is computed. How much an element matters is told from its place (header, hero, button …) and its words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from studio.brand.page.cascade import Style, Won, cascade
from studio.brand.page.css_values import (
    Paint,
    colour,
    colours_in,
    families,
    gradient_in,
    size_px,
    urls_in,
    weight_of,
)
from studio.brand.page.sheets import Sheets
from studio.brand.page.tree import Element, Page
from studio.color import hex_of, rgb_of

_UNSHOWN = frozenset(
    "head script style template noscript meta link title base area param source track datalist dialog".split()
)
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_HEADING_SIZE = {"h1": 2.0, "h2": 1.5, "h3": 1.17, "h4": 1.0, "h5": 0.83, "h6": 0.67}
_BOLD = _HEADINGS | {"b", "strong", "th"}
_SVG = frozenset("path rect circle ellipse line polyline polygon text g svg use stop".split())
_UA_LINK = "#0000ee"

PLACES: Mapping[str, frozenset[str]] = {
    "header": frozenset("header masthead topbar navbar sitehead siteheader appbar".split()),
    "nav": frozenset("nav navbar menu navigation breadcrumb breadcrumbs tabs sidebar pagination".split()),
    "hero": frozenset("hero jumbotron masthead banner intro splash showcase lead homepage billboard".split()),
    "footer": frozenset("footer colophon foot sitefooter copyright".split()),
    "button": frozenset("btn button cta buttons".split()),
    "consent": frozenset(
        "cookie cookies consent gdpr onetrust cookiebot ccpa usercentrics didomi iubenda klaro osano".split()
    ),
    "state": frozenset(
        "alert error errors warning success danger toast notice invalid valid flash warn failure callout "
        "admonition deprecated".split()
    ),
    "partner": frozenset(
        "client clients partner partners sponsor sponsors customer customers trusted press featured backers "
        "supporters companies testimonial testimonials investors".split()
    ),
    # Only of buttons and labels: an "info" section is not a signal.
    "signal": frozenset("info danger dangerous success warning warn error delete remove caution".split()),
    "social": frozenset(
        "social socials share sharing follow facebook twitter linkedin instagram youtube github".split()
    ),
    "overlay": frozenset(
        "preload preloader loader loading spinner modal popup offcanvas lightbox overlay tooltip dropdown".split()
    ),
    "code": frozenset("code highlight codehilite prism hljs terminal snippet".split()),
    "legal": frozenset("legal disclaimer imprint terms privacy copyright license".split()),
    "brand": frozenset("brand logo logotype wordmark branding".split()),
}
"""Words in a class, id or role that say where an element stands."""

_TAGS: Mapping[str, str] = {
    "header": "header", "nav": "nav", "footer": "footer", "button": "button", "pre": "code", "code": "code",
    "kbd": "code", "samp": "code",
}  # fmt: skip
_ROLES: Mapping[str, str] = {
    "banner": "header", "navigation": "nav", "contentinfo": "footer", "button": "button", "alert": "state",
    "dialog": "overlay", "alertdialog": "overlay", "status": "state",
}  # fmt: skip
_INHERITED_PLACES = frozenset(PLACES) - {"brand"} | {"heading", "link"}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclass(eq=False, slots=True)
class Seen:
    """An element as a visitor meets it. Colours are opaque, laid over what is beneath."""

    element: Element
    style: Style
    places: frozenset[str]
    """Where it stands: keys of `PLACES`, and `heading`, `link`."""
    shown: bool
    color: str
    ground: str
    """The colour behind its words. Over a picture: the colour under that picture."""
    over_picture: bool
    coloured: bool
    """Whether a rule of the site gives its words their colour; if not, they have the browser's."""
    fill: Paint | None
    """Its own background colour as it shows over what is beneath, and its opacity; None if it has none."""
    gradient: tuple[Paint, ...]
    """The stops of its own background gradient."""
    pictures: tuple[str, ...]
    """Addresses of its own background pictures, as they stand in the sheet."""
    families: tuple[str, ...]
    weight: int
    size_px: float
    words: int
    """Characters of text directly in it."""

    def won(self, name: str) -> Won | None:
        return self.style.own.get(name)

    def where(self, name: str) -> str:
        """File and rule a property comes from, for people: `css/a.css: .btn { color }`."""
        won = self.won(name)
        if won is None:
            return self.element.named()
        return (
            f"{' '.join(won.place.split())[:120]} {{ {name} }}"
            if won.place != "style="
            else f"style of {self.element.named()}"
        )


@dataclass(eq=False)
class Look:
    """A page with all that its style says."""

    page: Page
    sheets: Sheets
    seen: list[Seen]
    by_element: dict[int, Seen] = field(default_factory=dict)

    def of(self, element: Element) -> Seen:
        return self.by_element[id(element)]


@dataclass(frozen=True, slots=True)
class _Above:
    """What an element inherits from the one it is in."""

    color: str = "#000000"
    ground: str = "#ffffff"
    over_picture: bool = False
    families: tuple[str, ...] = ()
    weight: int = 400
    size_px: float = 16.0
    coloured: bool = False
    shown: bool = True
    places: frozenset[str] = frozenset()
    links: str = ""
    """What the page's `<body link>` says of links."""


def look_at(page: Page, sheets: Sheets) -> Look:
    """Every element of the page with what paints it."""
    styles = cascade(page, sheets)
    look = Look(page, sheets, [])
    above: dict[int, _Above] = {}
    for element in page.elements:
        inherited = above.get(id(element.parent), _Above()) if element.parent is not None else _Above()
        seen, below = _see(element, styles[id(element)], inherited)
        look.seen.append(seen)
        look.by_element[id(element)] = seen
        above[id(element)] = below
    return look


def words_of(*texts: str) -> frozenset[str]:
    """The words in class names and ids, lower case: `siteHeader main-nav` gives site, header, main, nav, siteheader."""
    found: set[str] = set()
    for text in texts:
        for name in text.split():
            parts = [part.lower() for part in _WORD.findall(name)]
            found.update(parts)
            if len(parts) == 2:
                found.add("".join(parts))
    return frozenset(found)


def places_of(element: Element) -> frozenset[str]:
    """Where an element stands by its own tag, role, class and id."""
    found = {_TAGS[element.tag]} if element.tag in _TAGS else set()
    role = element.get("role").lower()
    if role in _ROLES:
        found.add(_ROLES[role])
    if element.tag == "input" and element.get("type").lower() in ("submit", "button"):
        found.add("button")
    named = words_of(element.get("class"), element.get("id"), element.get("data-testid"))
    if element.tag not in ("html", "body"):
        found |= {place for place, words in PLACES.items() if named & words}
    if "signal" in found and not (
        found & {"button"}
        or named & {"badge", "label", "tag", "chip", "pill", "progress", "bg", "text", "border", "fill"}
    ):
        found.discard("signal")
    # A <header> inside an article or a card is that card's, not the site's.
    if element.tag == "header" and any(e.tag in ("article", "section", "main", "aside") for e in element.ancestors()):
        found.discard("header")
    if "consent" in found or "overlay" in found:
        found -= {"hero", "header"}
    if "button" in found and role != "button" and element.tag in ("div", "section", "ul", "nav", "header", "form", "p"):
        found.discard("button")
    return frozenset(found)


def _see(element: Element, style: Style, above: _Above) -> tuple[Seen, _Above]:
    tag = element.tag
    own_places = places_of(element)
    places = above.places | own_places
    if tag in _HEADINGS:
        places |= {"heading"}
    if tag == "a" and "href" in element.attributes:
        places |= {"link"}
    color, coloured = _text_color(element, style, above)
    size = size_px(style.get("font-size"), above.size_px) if style.get("font-size") else _own_size(tag, above.size_px)
    weight = weight_of(style.get("font-weight"), above.weight) if style.get("font-weight") else above.weight
    if not style.get("font-weight") and tag in _BOLD:
        weight = 700
    names = tuple(families(style.get("font-family"))) or _face(element) or above.families
    fill = _fill(element, style, color)
    image = style.get("background-image")
    stops = tuple(colours_in(image, color)) if gradient_in(image) else ()
    pictures = tuple(urls_in(image)) if image and image != "none" else ()
    ground = over(fill, above.ground) if fill else above.ground
    fill = (ground, fill[1]) if fill else None
    clipped = "text" in (style.get("background-clip"), style.get("-webkit-background-clip"))
    if stops and not clipped:
        ground = over(_middle(stops), ground)
    # Some pages hide their whole body until a script has run.
    shown = tag == "body" or (above.shown and _shown(element, style))
    words = sum(len(child.strip()) for child in element.children if isinstance(child, str)) if shown else 0
    opaque = (fill is not None and fill[1] > 0.9) and not pictures
    over_picture = bool(pictures) or (above.over_picture and not opaque)
    seen = Seen(
        element, style, places, shown, color, ground, over_picture, coloured, fill, stops, pictures, names, weight,
        size, words,
    )  # fmt: skip
    links = above.links
    if element.tag == "body" and (said := colour(element.get("link"))):
        links = said[0]
    below = _Above(
        color, ground, over_picture, names, weight, size, coloured, shown, places & _INHERITED_PLACES, links
    )  # fmt: skip
    return seen, below


def over(paint: Paint, ground: str) -> str:
    """A colour with opacity laid over an opaque one, as browsers do it: in encoded sRGB."""
    hex_, alpha = paint
    return hex_of([alpha * c + (1.0 - alpha) * g for c, g in zip(rgb_of(hex_), rgb_of(ground), strict=True)])


def _middle(stops: tuple[Paint, ...]) -> Paint:
    reds, greens, blues = zip(*(rgb_of(hex_) for hex_, _ in stops), strict=True)
    count = len(stops)
    return hex_of((sum(reds) / count, sum(greens) / count, sum(blues) / count)), sum(a for _, a in stops) / count


def _text_color(element: Element, style: Style, above: _Above) -> tuple[str, bool]:
    """The colour of the words, and whether the site set it."""
    text = style.get("-webkit-text-fill-color") or style.get("color")
    paint = colour(text, above.color) if text and text != "transparent" else None
    if paint is not None and paint[1] > 0.05:
        return over(paint, above.ground), True
    if element.tag == "font" and (named := colour(element.get("color"))):
        return named[0], True
    if element.tag == "body" and (named := colour(element.get("text"))):
        return named[0], True
    if element.tag == "a" and "href" in element.attributes and text in ("", "initial", "revert"):
        return (above.links, True) if above.links else (_UA_LINK, False)
    return above.color, above.coloured


def _own_size(tag: str, inherited: float) -> float:
    return inherited * _HEADING_SIZE.get(tag, 0.83 if tag in ("small", "sub", "sup") else 1.0)


def _face(element: Element) -> tuple[str, ...]:
    return tuple(families(element.get("face"))) if element.tag == "font" else ()


def _fill(element: Element, style: Style, current: str) -> Paint | None:
    text = style.get("background-color") or element.get("bgcolor")
    if text and re.fullmatch(r"[0-9a-fA-F]{6}", text):
        text = f"#{text}"
    paint = colour(text, current) if text else None
    return paint if paint is not None and paint[1] > 0.02 else None


def _shown(element: Element, style: Style) -> bool:
    empty_sign = element.get("aria-hidden") == "true" and not element.children
    if element.tag in _UNSHOWN or "hidden" in element.attributes or empty_sign:
        return False
    if style.get("display") == "none" or style.get("visibility") in ("hidden", "collapse"):
        return False
    try:
        return not style.get("opacity") or float(style.get("opacity").rstrip("%")) > 0.01
    except ValueError:
        return True
