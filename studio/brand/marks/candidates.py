"""Every picture of a page that could be its logo, wherever it stands: elements, styles, metadata. Nothing is judged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from studio.brand.marks.words import last_part
from studio.brand.page.cascade import Won
from studio.brand.page.css_values import urls_in
from studio.brand.page.look import Look, Seen
from studio.brand.page.srcset import LATE_SETS, largest, sources_of, stand_in
from studio.brand.page.tree import Element, in_svg
from studio.brand.source.site import Site

Kind = Literal["picture", "inline", "background", "data", "listed"]
_MAX_PICTURES = 400
# Files of this width are sharp in any ad.
_MOST_PX = 3000
_LATE = ("data-src", "data-lazy-src", "data-original", "data-lazy", "data-echo", "data-url", "data-img-src")
_EMPTY = re.compile(r"(?i)(spacer|blank|pixel|placeholder|transparent|lazy|loading|1x1)[^/]{0,20}$")
_STYLES = (("background-image", "own"), ("mask-image", "own"), ("-webkit-mask-image", "own"), ("content", "own"))
_ORGANISATIONS = re.compile(
    r"Organization|Corporation|Business|Store|Restaurant|Company|NGO|School|University|Brand|WebSite|Airline|Hotel|"
    r"Hospital|Museum|Agency|Service|Project|Team|Club|Dealer|Shop"
)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A picture that could be the logo. `urls` are the addresses it may be read from, the best first; none for a
    drawing written into the page, which is `svg`."""

    kind: Kind
    urls: tuple[str, ...]
    said: str
    """Where it was found: `index.html: a.logo { background-image }`, without the file it leads to."""
    seen: Seen | None = None
    svg: Element | None = None
    dark: bool = False
    """Whether it shows on screens set to dark only."""
    style: tuple[Won, Mapping[str, Won]] | None = None
    """For a background: the declaration it comes from, and what else is declared for the box it shows in."""
    stated: float = 0.0
    """0–1: how clearly metadata call it the logo."""
    owner: str = ""
    """Whose logo metadata say it is."""

    @property
    def url(self) -> str:
        return self.urls[0] if self.urls else ""


def candidates(look: Look, site: Site) -> list[Candidate]:
    """The pictures of a page in document order, then those of its metadata; at most about 450."""
    found: list[Candidate] = []
    seens = [seen for seen in look.seen if _may_show(seen)]
    if len(seens) > _MAX_PICTURES:
        seens = seens[: _MAX_PICTURES - 80] + seens[-80:]
    for seen in seens:
        found += _of_element(seen, look, site)
    return [*found, *_of_metadata(look, site)]


def _may_show(seen: Seen) -> bool:
    style = seen.style
    if seen.element.tag in ("img", "object", "embed", "input", "amp-img"):
        return True
    if seen.element.tag == "svg":
        return not in_svg(seen.element)
    if seen.element.tag in ("body", "html"):
        return False
    if seen.pictures or "mask-image" in style.own or "-webkit-mask-image" in style.own or "content" in style.own:
        return True
    return any("background-image" in part or "content" in part for part in (style.before, style.after, style.dark))


def _of_element(seen: Seen, look: Look, site: Site) -> Iterator[Candidate]:
    element, base = seen.element, look.page.base
    said = f"{look.page.label}: {element.named()}"
    if element.tag == "svg":
        yield Candidate("inline", (), said, seen, element)
        return
    references = _references(element)
    urls = tuple(dict.fromkeys(url for ref in references if (url := site.resolve(ref, base)) and not stand_in(url)))
    if urls:
        yield Candidate("picture", urls, said, seen)
    for reference in filter(_real, _dark_references(element)):
        if (url := site.resolve(reference, base)) is not None and not stand_in(url):
            yield Candidate("picture", (url,), f"{said} on dark screens", seen, dark=True)
    yield from _of_style(seen, look, site)


def _references(element: Element) -> list[str]:
    """What an element shows, the best first: as the desk screen shows it, drawings before pixels, the largest first.

    What scripts put in place later comes before what stands in for it."""
    if element.tag == "object":
        return [element.get("data")]
    if element.tag == "input" and element.get("type").lower() != "image":
        return []
    if element.tag not in ("img", "embed", "input", "amp-img"):
        return []
    own = [largest(element.get(name), _MOST_PX) for name in LATE_SETS] + [element.get(name) for name in _LATE]
    sources = sources_of(element)
    ranks = (sources.before, (*own, element.get("src"), *sources.beside), sources.after)
    # A drawing is better than any number of pixels, but not one that is for phones.
    return [ref for refs in ranks for ref in sorted(filter(_real, refs), key=lambda one: not _drawing(one))]


def _drawing(reference: str) -> bool:
    return reference.partition("?")[0].lower().endswith(".svg")


def _real(reference: str) -> bool:
    """Whether it is more than an empty picture that stands there until the real one is loaded."""
    return bool(reference) and not _EMPTY.search(reference.partition("?")[0][:300]) and not _tiny(reference)


def _dark_references(element: Element) -> tuple[str, ...]:
    """What it shows on screens set to dark only."""
    sources = sources_of(element)
    return (element.get("data-src") or element.get("src"),) if sources.light_only else sources.dark


def _tiny(reference: str) -> bool:
    """Whether this is one of the empty pictures written into pages until the real one is there."""
    return reference[:5].lower() == "data:" and len(reference) < 220


# ------------------------------------------------------------------------------------------------------ styles


def _of_style(seen: Seen, look: Look, site: Site) -> Iterator[Candidate]:
    style = seen.style
    for name, part in (*_STYLES, ("background-image", "before"), ("content", "before"), ("background-image", "after"),
                       ("content", "after"), ("background-image", "dark")):  # fmt: skip
        declared = getattr(style, part)
        won = declared.get(name)
        if won is None or ("url(" not in won.value.lower() and "image-set" not in won.value.lower()):
            continue
        urls = [site.resolve(ref, won.sheet or look.page.base) for ref in urls_in(won.value)]
        kept = tuple(url for url in urls if url and not stand_in(url))
        if not kept:
            continue
        # Of an image-set the last is for the sharpest screens; of layers the first lies on top.
        kept = kept[::-1] if "image-set(" in won.value.lower() else kept[:1]
        kept = (*_sharper(kept[0], look, site), *kept)
        said = _rule(won, name, seen, look, site)
        box = {**style.own, **declared} if part == "dark" else declared
        shown = None if name == "content" else (won, box)
        yield Candidate("background", kept, said, seen, dark=part == "dark", style=shown)


def _rule(won: Won, name: str, seen: Seen, look: Look, site: Site) -> str:
    if won.place == "style=":
        return f"{look.page.label}: style of {seen.element.named()}"
    sheet = site.label(won.sheet) if won.sheet and won.sheet != look.page.base else look.page.label
    return f"{sheet}: {' '.join(won.place.split())[:80]} {{ {name} }}"


def _sharper(url: str, look: Look, site: Site) -> list[str]:
    """The same picture for sharp screens, from the rules that a plain desk screen leaves aside."""
    name = last_part(url)
    stem, _, ending = name.rpartition(".")
    if not stem or "@" in stem or ending.lower() == "svg":
        return []
    twin = re.compile(
        rf"url\(\s*[\"']?([^\"'()\s]*/)?({re.escape(stem)}(?:@[23]x|[-_][23]x|[-_]retina)\.{re.escape(ending)})", re.I
    )
    for address in look.sheets.addresses[:40]:
        resource = site.read(address, "style")
        if resource is not None and (match := twin.search(resource.data.decode("utf-8", "replace"))):
            found = site.resolve((match[1] or "") + match[2], resource.url)
            return [found] if found else []
    return []


# ---------------------------------------------------------------------------------------------------- metadata


def _of_metadata(look: Look, site: Site) -> Iterator[Candidate]:
    page = look.page
    by_id = {node["@id"]: node for node in page.linked_data if isinstance(node.get("@id"), str)}
    for node in page.linked_data:
        types = node.get("@type")
        kind = " ".join(str(one) for one in types) if isinstance(types, list) else str(types)
        if not _ORGANISATIONS.search(kind) or "logo" not in node:
            continue
        url = site.resolve(_picture_of(node["logo"], by_id), page.base)
        if url and not stand_in(url):
            owner = node.get("name") or node.get("legalName")
            said = f"{page.label}: JSON-LD {kind[:40]}.logo"
            yield Candidate("data", (url,), said, stated=1.0, owner=owner[:200] if isinstance(owner, str) else "")
    for name in ("og:logo", "logo", "organization:logo"):
        if (url := site.resolve(page.meta(name), page.base)) and not stand_in(url):
            yield Candidate("data", (url,), f"{page.label}: <meta {name}>", stated=0.8)
    for link in page.links("logo") + [link for link in page.by_tag.get("link", ()) if link.get("itemprop") == "logo"]:
        if url := site.resolve(link.get("href"), page.base):
            yield Candidate("data", (url,), f"{page.label}: <link logo>", stated=0.8)


def _picture_of(value: Any, by_id: dict[str, dict[str, Any]]) -> str:
    """The address in a JSON-LD `logo`: a string, an ImageObject, a reference to one, or a list of these."""
    for _ in range(5):
        if isinstance(value, str):
            return value if value not in by_id else _picture_of(by_id[value].get("url", ""), {})
        if isinstance(value, list) and value:
            value = value[0]
        elif isinstance(value, dict):
            inner = value.get("contentUrl") or value.get("url")
            value = inner if inner else by_id.get(str(value.get("@id")), "")
        else:
            return ""
    return ""
