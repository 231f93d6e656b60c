"""A web page as a tree of elements: parsed as browsers do (selectolax), bounded, with the addresses it links to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from studio.brand.source.site import Resource, Site

_MAX_TEXT = 5_000_000
_MAX_ELEMENTS = 20_000
_MAX_DEPTH = 200
# The parser's time grows with the square of the open elements; browsers stop at 512.
_MAX_OPEN = 2_000
_MAX_ATTRIBUTES = 2_000
_MAX_JSON = 500_000
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
# Elements whose end tag may be left out close one another, so that they do not pile up.
_SELF_CLOSING = frozenset("p li dt dd tr td th thead tbody tfoot option optgroup colgroup rb rt rtc rp".split())
# Drawings close their shapes in the tag itself, which HTML does not know.
_SHAPES = frozenset("path rect circle ellipse line polyline polygon use stop image g defs".split())
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]*)(?:[^<>]*?(/?)>)?")
_META_CHARSET = re.compile(rb"""(?i)<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w.:-]{2,40})""")
_SPACE = re.compile(r"\s+")
_Waiting = tuple[Any, "Element", int, int, int]
_UNSEEN = frozenset("script style template noscript head title meta link".split())


@dataclass(eq=False, slots=True)
class Element:
    """An element in its tree. `children` are elements and texts in document order; names of HTML are lower case, those
    of SVG as SVG spells them (`linearGradient`)."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None
    index: int = 0
    """Its place among the elements of its parent, from 0."""
    children: list[Element | str] = field(default_factory=list)
    classes: frozenset[str] = frozenset()
    elements: list[Element] = field(default_factory=list)
    """The elements among its children."""
    inside: frozenset[str] = frozenset()
    """What stands around its children: `<tag`, `.class` and `#id` of this element and of all above it."""

    def get(self, name: str) -> str:
        """An attribute's value without surrounding space; empty where it is not set."""
        return self.attributes.get(name, "").strip()

    def ancestors(self) -> Iterator[Element]:
        """The parent first, the root last."""
        above = self.parent
        while above is not None:
            yield above
            above = above.parent

    def walk(self) -> Iterator[Element]:
        """This element and all below it in document order."""
        stack: list[Element] = [self]
        while stack:
            element = stack.pop()
            yield element
            stack.extend(reversed(element.elements))

    def text(self, limit: int = 100_000) -> str:
        """All text below, with single spaces, without scripts and styles; at most about `limit` characters."""
        parts: list[str] = []
        stack: list[Element | str] = [self]
        left = limit
        while stack and left > 0:
            item = stack.pop()
            if isinstance(item, str):
                parts.append(item)
                left -= len(item)
            elif item.tag not in _UNSEEN or item is self:
                stack.extend(reversed(item.children))
                if item.tag in ("br", "p", "div", "li", "td", "h1", "h2", "h3", "section", "option", "button"):
                    parts.append(" ")
        return _SPACE.sub(" ", "".join(parts)).strip()

    def named(self) -> str:
        """The element as a person would point at it: `a.btn.btn-primary`."""
        mark = f"#{self.get('id')}" if self.get("id") else "".join(f".{name}" for name in self.get("class").split()[:3])
        return f"{self.tag}{mark}"[:80]


@dataclass(frozen=True, eq=False)
class Page:
    """One page. `url` is where it came from, `base` what its references are relative to."""

    url: str
    base: str
    label: str
    root: Element
    elements: tuple[Element, ...]
    cut_short: bool = False

    @cached_property
    def by_tag(self) -> dict[str, list[Element]]:
        found: dict[str, list[Element]] = {}
        for element in self.elements:
            found.setdefault(element.tag, []).append(element)
        return found

    @cached_property
    def body(self) -> Element:
        return next(iter(self.by_tag.get("body", ())), self.root)

    @cached_property
    def title(self) -> str:
        heads = [element for element in self.by_tag.get("title", ()) if not in_svg(element)]
        return heads[0].text(500) if heads else ""

    def meta(self, *names: str) -> str:
        """The content of the first `<meta>` with one of these names, properties or http-equivs, in their order."""
        for name in names:
            for element in self.by_tag.get("meta", ()):
                keys = (
                    element.get("name"),
                    element.get("property"),
                    element.get("itemprop"),
                    element.get("http-equiv"),
                )
                if name in (key.lower() for key in keys) and element.get("content"):
                    return _SPACE.sub(" ", element.get("content"))
        return ""

    def links(self, *relations: str) -> list[Element]:
        """The `<link>` elements that have all these relations."""
        wanted = set(relations)
        return [link for link in self.by_tag.get("link", ()) if wanted <= set(link.get("rel").lower().split())]

    @cached_property
    def linked_data(self) -> tuple[dict[str, Any], ...]:
        """Every object with a `@type` in the page's JSON-LD, those nested and in `@graph` included."""
        found: list[dict[str, Any]] = []
        for script in self.by_tag.get("script", ()):
            if "ld+json" not in script.get("type").lower():
                continue
            text = "".join(child for child in script.children if isinstance(child, str))
            try:
                stack: list[tuple[Any, int]] = [(json.loads(text[:_MAX_JSON]), 0)]
            except (ValueError, RecursionError):
                continue
            while stack and len(found) < 200:
                node, depth = stack.pop()
                if depth < 12 and isinstance(node, list):
                    stack.extend((item, depth + 1) for item in reversed(node))
                elif depth < 12 and isinstance(node, dict):
                    if "@type" in node:
                        found.append(node)
                    stack.extend((item, depth + 1) for item in reversed(node.values()) if isinstance(item, dict | list))
        return tuple(found)

    @cached_property
    def language(self) -> str:
        """The page's language as it says itself; empty if it does not."""
        root = self.by_tag.get("html", [self.root])[0]
        return root.get("lang") or root.get("xml:lang") or self.meta("content-language", "og:locale").replace("_", "-")


def read_page(resource: Resource, site: Site) -> Page:
    """The page in a resource. Never raises: what no browser would show is an empty page."""
    text = decode(resource.data, resource.charset)
    safe, cut = _bounded(text)
    root, elements, more = _tree(safe)
    base = resource.url
    for element in elements:
        if element.tag == "base" and element.get("href"):
            base = site.resolve(element.get("href"), resource.url) or base
            break
    return Page(resource.url, base, site.label(resource.url), root, tuple(elements), cut or more)


def decode(data: bytes, charset: str | None) -> str:
    """Bytes of a page as text: byte order mark, then the declared charset, then the page's own, then UTF-8."""
    for mark, name in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    inside = _META_CHARSET.search(data[:4096])
    for name in (charset, inside[1].decode("ascii", "replace") if inside else None, "utf-8"):
        if not name or name.lower().replace("_", "-") in ("utf-16", "utf-16le", "utf-16be", "utf-7"):
            continue
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            continue
    return data.decode("windows-1252", "replace")


def in_svg(element: Element) -> bool:
    return any(above.tag == "svg" for above in element.ancestors())


def _bounded(text: str) -> tuple[str, bool]:
    """The text up to where a page opens more elements inside one another than any browser keeps."""
    cut = len(text) > _MAX_TEXT
    text = text[:_MAX_TEXT].replace("\0", " ")
    depth = 0
    for match in _TAG.finditer(text):
        name = match[2].lower()
        if name in _VOID or name in _SELF_CLOSING or (match[3] and name in _SHAPES):
            continue
        depth = max(0, depth - 1) if match[1] else depth + 1
        if depth > _MAX_OPEN:
            return text[: match.start()], True
    return text, cut


def _tree(text: str) -> tuple[Element, list[Element], bool]:
    root = Element("html", {}, None)
    elements: list[Element] = []
    # Surrogates from broken encodings cannot be handed over.
    parsed = LexborHTMLParser(text.encode("utf-8", "replace").decode("utf-8")).root
    if parsed is None:
        return root, [root], False
    stack: list[_Waiting] = []
    too_deep = False
    # A parent's list first holds an empty text in each element's place, filled when the element is reached.
    root.attributes, root.classes = _attributes(parsed)
    _open(parsed, root, 1, stack)
    elements.append(root)
    while stack:
        node, parent, slot, index, depth = stack.pop()
        if len(elements) >= _MAX_ELEMENTS:
            return root, elements, True
        if depth > _MAX_DEPTH:
            too_deep = True
            continue
        element = Element(node.tag, {}, parent, index)
        element.attributes, element.classes = _attributes(node)
        parent.children[slot] = element
        parent.elements.append(element)
        elements.append(element)
        _open(node, element, depth + 1, stack)
    return root, elements, too_deep


def _open(node: Any, element: Element, depth: int, stack: list[_Waiting]) -> None:
    above = element.parent.inside if element.parent is not None else frozenset[str]()
    own = {f"<{element.tag.lower()}", *(f".{name}" for name in element.classes), f"#{element.attributes.get('id', '')}"}
    element.inside = above if own <= above else above | own
    below: list[_Waiting] = []
    child = node.child
    while child is not None:
        tag = child.tag or "-"
        if tag == "-text":
            element.children.append(child.text_content or "")
        elif tag[0] not in "-!":
            below.append((child, element, len(element.children), len(below), depth))
            element.children.append("")
        child = child.next
    stack.extend(reversed(below))


def _attributes(node: Any) -> tuple[dict[str, str], frozenset[str]]:
    found = {name: value or "" for name, value in list(node.attributes.items())[:_MAX_ATTRIBUTES]}
    return found, frozenset(found.get("class", "").split())
