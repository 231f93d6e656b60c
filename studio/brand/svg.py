"""A logo's SVG from outside, made safe and plain: static shapes only, nothing loaded, nothing that runs."""

from __future__ import annotations

import copy
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from studio.brand.svg_style import PRESENTATION, Rule, painted, read_declarations, read_sheet
from studio.errors import BadInput

MAX_SVG_BYTES = 4_000_000
_MAX_ELEMENTS = 20_000
_MAX_DEPTH = 60
# Each costs a drawing surface of its own; a mask inside a mask is drawn again wherever the outer one is used.
_MAX_LAYERS = 300
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_SHAPES = {"path", "rect", "circle", "ellipse", "line", "polyline", "polygon"}
_GRADIENTS = {"linearGradient", "radialGradient"}
_SERVERS = _GRADIENTS | {"clipPath", "mask", "pattern"}
_ELEMENTS = {"svg", "g", "defs", "symbol", "use", "clipPath", "mask", "pattern", "stop"} | _SHAPES | _GRADIENTS
# Links and language switches hold shapes; what they do besides is dropped.
_AS_GROUP = {"a", "switch"}
_GEOMETRY = {
    *("id", "d", "x", "y", "width", "height", "rx", "ry", "cx", "cy", "r", "fx", "fy", "x1", "y1", "x2", "y2"),
    *("points", "transform", "viewBox", "preserveAspectRatio", "offset", "gradientUnits", "gradientTransform"),
    *("spreadMethod", "patternUnits", "patternContentUnits", "patternTransform", "clipPathUnits", "maskUnits"),
    "maskContentUnits",
}
_SAFE_VALUE = re.compile(r"[\w\s.,%()+#:;/*-]*")
_WILD = re.compile(r"(?i)url\(|nan|inf")
_NUMBER = re.compile(r"\s*([+-]?(?:[0-9]{1,12}\.?[0-9]{0,20}|\.[0-9]{1,20})(?:[eE][+-]?[0-9]{1,2})?)\s*([a-z%]*)\s*")
_UNITS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0, "q": 96 / 101.6}
_EFFECTS = {"filter": "effects (filter)", "style": "style rules that are not plain"}


@dataclass(frozen=True)
class CleanSvg:
    """A safe SVG: `data` draws in a box of `width` × `height` units from 0, 0; `notes` say what was left out."""

    data: bytes
    width: float
    height: float
    notes: tuple[str, ...]


def safe_svg(data: bytes) -> bytes:
    """`data` with only static shapes left. Raises `BadInput` for what is not an SVG, or not a harmless one."""
    return clean_svg(data).data


def clean_svg(data: bytes, name: str = "the SVG") -> CleanSvg:
    """As `safe_svg`, with the size and notes; `name` is what messages call it."""
    root = _parsed(data, name)
    cleaner = _Cleaner(root, name)
    left, top, width, height = _view_box(root, name)
    out = ET.Element("svg", {"xmlns": _SVG, "xmlns:xlink": "http://www.w3.org/1999/xlink"})
    out.set("viewBox", f"{left:g} {top:g} {width:g} {height:g}")
    out.set("width", f"{width:g}")
    out.set("height", f"{height:g}")
    out.attrib.update({key: value for key, value in cleaner.paint_of(root).items() if key != "opacity"})
    cleaner.fill(root, out, 0)
    if _layers(out) > _MAX_LAYERS:
        raise BadInput(f"{name} has far too many masks and see-through layers", "Flatten them, or save the logo as PNG")
    return CleanSvg(ET.tostring(out), width, height, tuple(cleaner.notes))


def _parsed(data: bytes, name: str) -> ET.Element:
    if len(data) > MAX_SVG_BYTES:
        raise BadInput(f"{name} is larger than {MAX_SVG_BYTES / 1e6:g} MB", "Simplify it, or save the logo as PNG")
    if not data.strip():
        raise BadInput(f"{name} is empty", "Export it again")
    if data[:2] == b"\x1f\x8b":
        raise BadInput(f"{name} is compressed (SVGZ)", "Save it as plain SVG")
    try:
        root = fromstring(data, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as error:
        hint = "Save it as plain SVG (in Illustrator: without editing capabilities)"
        raise BadInput(f"{name} defines entities, which are not followed", hint) from error
    # Besides ParseError, expat raises ValueError and LookupError for encodings it does not know.
    except (ET.ParseError, ValueError, LookupError, RecursionError) as error:
        raise BadInput(f"{name} is not an SVG: {str(error)[:100]}", "Export the logo as SVG or PNG") from error
    if _tag(root) != "svg":
        raise BadInput(f"{name} is not an SVG: it starts with <{str(root.tag)[:40]}>", "Export the logo as SVG or PNG")
    stack = [(root, 0)]
    count = 0
    while stack:
        element, depth = stack.pop()
        count += 1
        if depth > _MAX_DEPTH or count > _MAX_ELEMENTS:
            raise BadInput(
                f"{name} is too complex for a logo", f"Expected at most {_MAX_ELEMENTS} elements; simplify it"
            )
        stack.extend((child, depth + 1) for child in element)
    return root


def _tag(element: ET.Element) -> str:
    """The local name of an SVG element; empty for anything of another namespace, comments included."""
    if not isinstance(element.tag, str):
        return ""
    namespace, _, local = element.tag.rpartition("}")
    return local if namespace in ("", "{" + _SVG) else ""


def _href(element: ET.Element) -> str:
    text = (element.get("href") or element.get(_XLINK) or "").strip()
    return text[1:] if text.startswith("#") else ""


def _length(text: str | None) -> float | None:
    match = _NUMBER.fullmatch((text or "").lower())
    if not match or match[2] not in _UNITS:
        return None
    return float(match[1]) * _UNITS[match[2]]


def _view_box(root: ET.Element, name: str) -> tuple[float, float, float, float]:
    box = [_length(part) for part in re.split(r"[\s,]+", (root.get("viewBox") or "").strip())]
    numbers = [number for number in box if number is not None]
    if len(box) != 4 or len(numbers) != 4:
        width, height = _length(root.get("width")), _length(root.get("height"))
        if width is None or height is None:
            raise BadInput(f"{name} says no size: no viewBox, no width and height", "Export it again with a view box")
        numbers = [0.0, 0.0, width, height]
    left, top, width, height = numbers
    sane = all(math.isfinite(number) and abs(number) <= 1e6 for number in numbers)
    if not sane or min(width, height) < 1e-3 or not (1 / 200 <= width / height <= 200):
        raise BadInput(f"{name} has a view box of {width:g} × {height:g}, which cannot be drawn", "Export it again")
    return left, top, width, height


def _layers(root: ET.Element) -> int:
    """How many surfaces drawing will take, masks and patterns counted wherever they are used."""
    by_id = {element.get("id"): element for element in root.iter() if element.tag in _SERVERS}
    known: dict[str, int] = {}

    def of_server(id_: str) -> int:
        if id_ not in known:
            known[id_] = 0  # a circle is drawn once, if at all
            known[id_] = sum(of_element(child) for child in by_id[id_]) if id_ in by_id else 0
        return known[id_]

    def of_element(element: ET.Element) -> int:
        if element.tag in _SERVERS:
            return 0
        total = int(element.get("opacity", "1") != "1" and len(element) > 0)
        for key in ("mask", "clip-path", "fill", "stroke"):
            value = element.get(key, "")
            if value.startswith("url(#"):
                id_ = value[5:-1]
                total += int(id_ in by_id and by_id[id_].tag in ("mask", "pattern")) + of_server(id_)
        return min(10**9, total + sum(of_element(child) for child in element))

    return of_element(root)


class _Cleaner:
    """Copies the allowed part of one document. `use` is written out, so Skia meets plain shapes only."""

    def __init__(self, root: ET.Element, name: str) -> None:
        self.name = name
        self.notes: list[str] = []
        self.count = 0
        self.rules: list[Rule] = []
        self.ids: dict[str, ET.Element] = {}
        for element in root.iter():
            tag = _tag(element)
            if tag == "style":
                rules, left_out = read_sheet("".join(element.itertext()))
                self.rules += rules
                if left_out:
                    self.note("style")
            if tag and (id_ := element.get("id")) and id_ not in self.ids:
                self.ids[id_] = element
        self.rules.sort(key=lambda rule: rule.weight)
        self.servers = {id_ for id_, element in self.ids.items() if _tag(element) in _SERVERS}

    def note(self, kind: str) -> None:
        text = f"{self.name}: {_EFFECTS[kind]} are left out; compare the drawing with the original"
        if text not in self.notes:
            self.notes.append(text)

    def fill(self, source: ET.Element, target: ET.Element, depth: int, used: tuple[str, ...] = ()) -> None:
        """Add the cleaned children of `source` to `target`."""
        for child in source:
            copied = self.element(child, depth + 1, used, inside=target.tag)
            if copied is not None:
                target.append(copied)

    def element(self, source: ET.Element, depth: int, used: tuple[str, ...], inside: str) -> ET.Element | None:
        tag = _tag(source)
        self._check(source, tag, depth)
        if tag in _AS_GROUP:
            tag = "g"
        if tag not in _ELEMENTS:
            return None
        paint = self.paint_of(source)
        if paint.get("display") == "none":
            return None
        if tag == "use":
            return self.used(source, paint, depth, used, inside)
        # A symbol draws only where it is used.
        if tag == "symbol":
            return None
        out = ET.Element("g" if tag == "svg" else tag, {**self._geometry(source), **paint})
        if tag == "svg":
            self._nested(source, out)
        if tag in _GRADIENTS | {"pattern"} and (id_ := _href(source)) in self.servers:
            self._check_circle(id_, (source.get("id") or "",))
            out.set("xlink:href", f"#{id_}")
        self.fill(source, out, depth, used)
        return out

    def used(
        self, source: ET.Element, paint: dict[str, str], depth: int, used: tuple[str, ...], inside: str
    ) -> ET.Element | None:
        id_ = _href(source)
        if id_ not in self.ids:
            return None
        if id_ in used:
            raise BadInput(f"{self.name} uses {id_} inside itself", "Export it again")
        there = self.ids[id_]
        move = f"translate({_length(source.get('x')) or 0:g} {_length(source.get('y')) or 0:g})"
        move = f"{self._geometry(source).get('transform', '')} {move}".strip()
        if _tag(there) in ("symbol", "svg"):
            content: ET.Element | None = ET.Element("g", self.paint_of(there))
            sized = copy.copy(there)
            for side in ("width", "height"):
                if source.get(side):
                    sized.set(side, str(source.get(side)))
            self._nested(sized, content)
            self.fill(there, content, depth, (*used, id_))
        else:
            content = self.element(there, depth + 1, (*used, id_), inside)
        if content is None:
            return None
        content.attrib.pop("id", None)
        # A clip path may hold shapes but no groups.
        if inside == "clipPath" and content.tag in _SHAPES:
            content.set("transform", f"{move} {content.get('transform', '')}".strip())
            return content
        out = ET.Element("g", {**paint, "transform": move})
        out.append(content)
        return out

    def paint_of(self, element: ET.Element) -> dict[str, str]:
        """What the cascade leaves: attributes, then style sheets by weight, then `style`."""
        styles = {key: value for key, value in element.attrib.items() if key in PRESENTATION}
        tag, classes = _tag(element), frozenset((element.get("class") or "").split())
        for rule in self.rules:
            if rule.matches(tag, element.get("id") or "", classes):
                styles.update(rule.declarations)
        styles.update(read_declarations(element.get("style") or ""))
        return painted(styles, self.servers)

    def _check(self, source: ET.Element, tag: str, depth: int) -> None:
        self.count += 1
        if self.count > _MAX_ELEMENTS or depth > _MAX_DEPTH:
            raise BadInput(f"{self.name} draws far too many shapes", "Simplify it, or save the logo as PNG")
        if tag in ("text", "tspan", "textPath") and "".join(source.itertext()).strip():
            raise BadInput(f"{self.name} holds live text", "Turn the words into outlines, so that no font is needed")
        if tag == "image":
            raise BadInput(f"{self.name} holds a pixel picture", "Save the logo as PNG, or trace it")
        if tag == "filter" or "filter" in _effects(source):
            self.note("filter")

    def _geometry(self, source: ET.Element) -> dict[str, str]:
        return {
            key: value
            for key, value in source.attrib.items()
            if key in _GEOMETRY and value and _SAFE_VALUE.fullmatch(value) and (key == "id" or not _WILD.search(value))
        }

    def _nested(self, source: ET.Element, out: ET.Element) -> None:
        """An inner `svg` or `symbol` as a group: its view box fitted into its box, centred."""
        for key in ("viewBox", "x", "y", "width", "height", "preserveAspectRatio"):
            out.attrib.pop(key, None)
        moves: list[str] = []
        if _tag(source) == "svg":
            moves.append(f"translate({_length(source.get('x')) or 0:g} {_length(source.get('y')) or 0:g})")
        box = [_length(part) for part in re.split(r"[\s,]+", (source.get("viewBox") or "").strip())]
        numbers = [number for number in box if number is not None]
        if len(numbers) == 4 and len(box) == 4 and numbers[2] > 0 and numbers[3] > 0:
            left, top, width, height = numbers
            wide, tall = _length(source.get("width")) or width, _length(source.get("height")) or height
            scale = min(wide / width, tall / height)
            moves.append(f"translate({(wide - width * scale) / 2:g} {(tall - height * scale) / 2:g})")
            moves.append(f"scale({scale:g}) translate({-left:g} {-top:g})")
        if moves:
            out.set("transform", f"{out.get('transform', '')} {' '.join(moves)}".strip())

    def _check_circle(self, id_: str, chain: tuple[str, ...]) -> None:
        """Gradients may inherit from each other, but not in a circle: Skia would follow it for ever."""
        while id_ in self.servers:
            if id_ in chain or len(chain) > _MAX_DEPTH:
                raise BadInput(f"{self.name}: the gradient {id_} refers to itself", "Export it again")
            chain = (*chain, id_)
            id_ = _href(self.ids[id_])


def _effects(element: ET.Element) -> set[str]:
    """Which effects an element asks for."""
    asked = {"filter"} if element.get("filter", "none") != "none" else set[str]()
    if re.search(r"(?:^|;)\s*filter\s*:\s*(?!none)", element.get("style") or ""):
        asked.add("filter")
    return asked
