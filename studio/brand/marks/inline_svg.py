"""A drawing written into a page as a file of its own, with what the page's styles and other drawings give it put in."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from urllib.parse import unquote

from defusedxml.ElementTree import fromstring

from studio.brand.page.look import Look
from studio.brand.page.tree import Element
from studio.brand.source.site import Site
from studio.errors import BadInput

_SVG = "http://www.w3.org/2000/svg"
_MOST_ELEMENTS = 4_000
_MOST_BYTES = 3_000_000
_NAME = re.compile(r"[A-Za-z_][\w.-]*")
# Not allowed in XML 1.0 (section 2.2), and never meant in a drawing.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LOCAL = re.compile(r"""url\(\s*["']?[^"'()#]*#([^"'()\s]+)["']?\s*\)""")
_CURRENT = re.compile(r"(?i)\bcurrentcolor\b")
_STYLED = ("fill", "stroke", "opacity", "display", "visibility")
_INHERITED = ("fill", "stroke")
_PAINTS = ("fill", "stroke", "stop-color", "color", "style")
_LENGTH = re.compile(r"\s*([\d.]+)(px)?\s*")


def standalone(svg: Element, look: Look, site: Site) -> bytes:
    """The file for an `<svg>` of the page: `currentColor` and fills from style sheets are written out, symbols and
    gradients that stand elsewhere, in the page or in a file beside it, are taken in.

    The result is as untrusted as the page: clean it before use. Raises `BadInput` for what is far too large."""
    writer = _Writer(look, site)
    root = writer.copy(svg)
    for name in ("x", "y", "class", "id"):
        root.attrib.pop(name, None)
    seen = look.of(svg)
    for name in _INHERITED:
        if name not in root.attrib and (value := writer.inherited(svg, name)):
            root.set(name, value)
    # The page may show it on small screens only, or not yet: the file always shows.
    writer.restyle(root, drop=("display", "visibility", "opacity"))
    for name in ("display", "visibility", "opacity"):
        root.attrib.pop(name, None)
    root.set("color", seen.color)
    writer.take_in(root)
    _give_box(root, svg, look)
    out = ET.Element("svg", {"xmlns": _SVG, "xmlns:xlink": "http://www.w3.org/1999/xlink", **root.attrib})
    out.extend(list(root))
    data = ET.tostring(out, encoding="utf-8")
    if len(data) > _MOST_BYTES:
        raise BadInput("A drawing in the page is far too large for a logo", "Save the logo as a file")
    return data


class _Writer:
    def __init__(self, look: Look, site: Site) -> None:
        self._look, self._site = look, site
        self._count = 0
        self._by_id: dict[str, Element] = {}
        for element in look.page.elements:
            if id_ := element.get("id"):
                self._by_id.setdefault(id_, element)
        self._files: dict[str, ET.Element | None] = {}

    def copy(self, element: Element, foreign: str = "") -> ET.Element:
        """An element and all below it. `foreign` is the colour `currentColor` has where it is used, for what is taken
        in from elsewhere."""
        self._count += 1
        if self._count > _MOST_ELEMENTS:
            raise BadInput("A drawing in the page has far too many parts for a logo", "Save the logo as a file")
        out = ET.Element(element.tag if _NAME.fullmatch(element.tag) else "g", self._attributes(element, foreign))
        last: ET.Element | None = None
        for child in element.children:
            if isinstance(child, Element):
                last = self.copy(child, foreign)
                out.append(last)
            elif element.tag in ("style", "text", "tspan", "title"):
                text = _UNPRINTABLE.sub("", child)
                if last is None:
                    out.text = (out.text or "") + text
                else:
                    last.tail = (last.tail or "") + text
        return out

    def _attributes(self, element: Element, foreign: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in element.attributes.items():
            if name.lower() in ("xlink:href", "href"):
                found["href"] = _UNPRINTABLE.sub("", value.strip())
            elif _NAME.fullmatch(name) and name.lower() != "xmlns" and not name.lower().startswith("on"):
                found[name] = _UNPRINTABLE.sub("", value)
        seen = self._look.by_element.get(id(element))
        if seen is None:
            return found
        won = {name: value for name in _STYLED if (value := seen.style.get(name))}
        styles = [found.get("style", "").strip().rstrip(";"), *(f"{name}:{value}" for name, value in won.items())]
        if any(styles):
            found["style"] = ";".join(style for style in styles if style)
        for name in _PAINTS:
            if name in found:
                found[name] = _CURRENT.sub(foreign or seen.color, found[name])
        return found

    def inherited(self, svg: Element, name: str) -> str:
        """What a style sheet gives the elements around a drawing, and so the drawing."""
        for element in (svg, *svg.ancestors()):
            seen = self._look.by_element.get(id(element))
            value = seen.style.get(name) if seen else ""
            if value and value not in ("inherit", "unset"):
                return _CURRENT.sub(seen.color if seen else "#000000", value)
        return ""

    def restyle(self, root: ET.Element, drop: tuple[str, ...]) -> None:
        parts = [
            part for part in root.get("style", "").split(";") if part.partition(":")[0].strip().lower() not in drop
        ]
        root.set("style", ";".join(parts))

    # ------------------------------------------------------------------------------------------------- taking in

    def take_in(self, root: ET.Element) -> None:
        """Put every symbol, gradient and clip path that the drawing refers to into it."""
        store = ET.Element("defs")
        have = {id_ for element in root.iter() if (id_ := element.get("id"))}
        waiting: list[tuple[ET.Element, ET.Element | None]] = [(element, None) for element in root.iter()]
        color = root.get("color", "#000000")
        while waiting:
            element, file = waiting.pop()
            for id_, source in self._referred(element, file):
                if id_ in have:
                    continue
                found = _in_file(source, id_) if source is not None else None
                taken = _plain(found, color) if found is not None else self._of_page(id_, color)
                if taken is None:
                    continue
                have.add(id_)
                store.append(taken)
                have |= {inner for part in taken.iter() if (inner := part.get("id"))}
                waiting += [(part, source) for part in taken.iter()]
                if len(store) > 200:
                    raise BadInput("A drawing in the page refers to far too many others", "Save the logo as a file")
        if len(store):
            root.insert(0, store)

    def _referred(self, element: ET.Element, file: ET.Element | None) -> Iterator[tuple[str, ET.Element | None]]:
        """The ids an element refers to, and the file they are in, if not the page."""
        for name, value in list(element.attrib.items()):
            if name == "href":
                address, mark, id_ = value.partition("#")
                if not mark and not address.lower().endswith(".svg"):
                    continue
                source = file
                if address and element.tag == "use":
                    source = self._file(address)
                    # A file without a fragment stands for its whole drawing.
                    id_ = id_ or (source.get("id") or "whole-file" if source is not None else "")
                    element.set("href", f"#{unquote(id_)}")
                if id_:
                    yield unquote(id_), source
            elif "url(" in value:
                for id_ in _LOCAL.findall(value):
                    yield id_, file
                element.set(name, _LOCAL.sub(r"url(#\1)", value))

    def _of_page(self, id_: str, color: str) -> ET.Element | None:
        element = self._by_id.get(id_)
        inside = element is not None and any(above.tag == "svg" for above in (element, *element.ancestors()))
        return self.copy(element, color) if element is not None and inside else None

    def _file(self, address: str) -> ET.Element | None:
        if address not in self._files:
            url = self._site.resolve(address, self._look.page.base)
            resource = self._site.read(url, "picture") if url else None
            self._files[address] = _parsed(resource.data) if resource is not None else None
        return self._files[address]


def _parsed(data: bytes) -> ET.Element | None:
    if len(data) > _MOST_BYTES:
        return None
    try:
        return fromstring(data, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    # Besides its own, the parser raises ValueError and LookupError for encodings it does not know.
    except (ET.ParseError, ValueError, LookupError, RecursionError):
        return None


def _in_file(root: ET.Element, id_: str) -> ET.Element | None:
    if id_ == "whole-file" and root.get("id") is None:
        root.set("id", id_)
    return next((element for element in root.iter() if element.get("id") == id_), None)


def _plain(element: ET.Element, color: str) -> ET.Element:
    """A copy without name spaces; at most so deep as a drawing can be."""
    parts = 0

    def copied(source: ET.Element, depth: int) -> ET.Element:
        nonlocal parts
        parts += 1
        if parts > _MOST_ELEMENTS or depth > 60:
            raise BadInput("A symbol of the page has far too many parts for a logo", "Save the logo as a file")
        tag = source.tag.rpartition("}")[2] if isinstance(source.tag, str) else "g"
        attributes = {name.rpartition("}")[2]: value for name, value in source.attrib.items()}
        for name in _PAINTS:
            if name in attributes:
                attributes[name] = _CURRENT.sub(color, attributes[name])
        out = ET.Element(tag, attributes)
        out.text = source.text
        out.extend(copied(child, depth + 1) for child in source if isinstance(child.tag, str))
        return out

    return copied(element, 0)


# -------------------------------------------------------------------------------------------------------- the box


def _give_box(root: ET.Element, svg: Element, look: Look) -> None:
    """A view box, where only the page's layout or the used symbol says one."""
    box = root.get("viewBox", "").replace(",", " ").split()
    uses = [element for element in root if element.tag == "use"]
    symbols = {element.get("id"): element for element in root.iter() if element.tag in ("symbol", "svg")}
    used = symbols.get(uses[0].get("href", "")[1:]) if len(uses) == 1 else None
    if len(box) != 4 and used is not None and len(inner := used.get("viewBox", "").replace(",", " ").split()) == 4:
        root.set("viewBox", f"0 0 {inner[2]} {inner[3]}")
        box = ["0", "0", inner[2], inner[3]]
        uses[0].set("width", inner[2])
        uses[0].set("height", inner[3])
    if len(box) != 4:
        style = look.of(svg).style
        for side in ("width", "height"):
            if not _LENGTH.fullmatch(root.get(side, "")) and (match := _LENGTH.fullmatch(style.get(side))):
                root.set(side, match[1])
        return
    for name in ("width", "height"):
        root.attrib.pop(name, None)
    for use in uses:
        target = symbols.get(use.get("href", "")[1:])
        if target is None:
            continue
        # A symbol fills the drawing it is used in, unless it says otherwise.
        for side, length in (("width", box[2]), ("height", box[3])):
            if not use.get(side) or "%" in use.get(side, ""):
                use.set(side, length)
