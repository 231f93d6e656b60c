"""The words of a page as a visitor reads them: whole headings, paragraphs and labels, in the order they stand in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from studio.brand.page.look import Look, Seen, places_of, words_of
from studio.brand.page.tree import Element

_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure footer form "
    "h1 h2 h3 h4 h5 h6 header hgroup html legend li main nav ol optgroup option p pre section summary table tbody td "
    "tfoot th thead tr ul hr".split()
)
_BLOCK_DISPLAYS = frozenset("block flex grid table list-item flow-root table-cell table-row".split())
_LAID_OUT = frozenset("flex grid inline-flex inline-grid".split())
_SILENT = frozenset(
    "script style template noscript head title meta link svg math iframe object canvas audio video select textarea "
    "datalist map".split()
)
_WHOLE = frozenset("h1 h2 h3 h4 h5 h6 p button summary legend figcaption caption".split())
_PERMALINKS = frozenset("headerlink anchor-link anchorjs-link hash-link header-anchor heading-anchor".split())
_CARDS = frozenset("card panel item box product post entry modal dialog widget article".split())
_STRUCK = frozenset("text-decoration-line-through line-through strikethrough old-price price-old was-price".split())
_MOST_BLOCKS = 4_000
_MOST_CHARS = 3_000
_SPACE = re.compile(r"\s+")
_HAN = "\u2e80-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef"
# Chinese and Japanese are written without spaces: a line break in the file is none on the screen.
_CJK_GAP = re.compile(rf"(?<=[{_HAN}])\s+(?=[{_HAN}])")
_BREAK = "\n"


@dataclass(eq=False, slots=True)
class Block:
    """A run of words that belongs together."""

    element: Element
    seen: Seen
    lines: tuple[str, ...]
    places: frozenset[str]
    """As `Seen.places`, without an overlay that is the page itself."""

    @property
    def text(self) -> str:
        return joined(self.lines)


def blocks_of(look: Look) -> list[Block]:
    """Every run of words of the page's body, hidden ones included (`seen.shown` tells)."""
    hidden = {id(element) for element in _overlays(look)}
    found: list[Block] = []
    stack: list[tuple[Element, bool]] = [(look.page.body, False)]
    while stack and len(found) < _MOST_BLOCKS:
        element, under = stack.pop()
        under = under or id(element) in hidden
        if element.tag in _SILENT or _struck(element):
            continue
        if _is_whole(look, element):
            lines = lines_of(look, element)
            if lines:
                found.append(_block(look, element, lines, under))
            continue
        run = _own_run(look, element)
        if run:
            found.append(_block(look, element, run, under))
            stack.extend((child, under) for child in reversed(element.elements) if _is_block(look, child))
        else:
            stack.extend((child, under) for child in reversed(element.elements))
    return found


def lines_of(look: Look, element: Element) -> tuple[str, ...]:
    """The text of an element, a line for each block or `<br>` in it. Repeats for screen effects are left out."""
    parts: list[str] = []
    left = _MOST_CHARS
    stack: list[Element | str] = [element]
    while stack and left > 0:
        item = stack.pop()
        if isinstance(item, str):
            parts.append(item if item == _BREAK else _SPACE.sub(" ", item))
            left -= len(item)
        elif item is element or not _unread(item):
            if item.tag == "br":
                parts.append(_BREAK)
                continue
            stack.extend(reversed(_children(look, item)))
    lines = (tidied(line) for line in "".join(parts).split(_BREAK))
    return tuple(line for line in lines if line)


def joined(lines: tuple[str, ...]) -> str:
    """Lines as one; Chinese and Japanese ones without a space between."""
    return tidied(" ".join(lines))


def tidied(text: str) -> str:
    """Single spaces, none inside Chinese or Japanese; no soft hyphens, zero-width or control characters."""
    text = "".join(char for char in text if char.isprintable() or char.isspace() or char in "\u200c\u200d")
    text = _SPACE.sub(" ", text.replace("\u00b6", " ")).strip(" \u200c\u200d")
    return _CJK_GAP.sub("", text)


def _block(look: Look, element: Element, lines: tuple[str, ...], under: bool) -> Block:
    seen = look.of(element)
    places = seen.places - {"overlay"} | ({"overlay"} if under else set())
    if "footer" in places and not in_footer(seen):
        places -= {"footer"}
    return Block(element, seen, lines, places)


def in_footer(seen: Seen) -> bool:
    """Whether it stands at the foot of the page, not of a card."""
    if "footer" not in seen.places:
        return False
    around = (seen.element, *seen.element.ancestors())
    return any("footer" in places_of(one) and not words_of(one.get("class")) & _CARDS for one in around)


def _is_whole(look: Look, element: Element) -> bool:
    return element.tag in _WHOLE or (element.tag == "a" and "button" in places_of(element))


def _is_block(look: Look, element: Element) -> bool:
    return element.tag in _BLOCKS or look.of(element).style.get("display") in _BLOCK_DISPLAYS


def _unread(element: Element) -> bool:
    return (
        element.tag in _SILENT
        or (element.get("aria-hidden") == "true" and element.tag in ("span", "i", "div", "b", "a"))
        or bool(element.classes & _PERMALINKS)
        or _struck(element)
    )


def _struck(element: Element) -> bool:
    """Crossed out: a price that holds no more."""
    return element.tag in ("del", "s", "strike") or bool(element.classes & _STRUCK)


def _own_run(look: Look, element: Element) -> tuple[str, ...]:
    """The words directly in an element with the inline elements among them; empty if it only holds other elements."""
    if not any(isinstance(child, str) and child.strip() for child in element.children):
        return ()
    lines: list[str] = []
    run = ""
    for child in element.children:
        if isinstance(child, str):
            run += child
        elif child.tag == "br" or _is_block(look, child):
            lines.append(tidied(run))
            run = ""
        elif not _unread(child):
            run += " ".join(lines_of(look, child)) if child.elements else child.text(_MOST_CHARS)
        if len(run) > _MOST_CHARS:
            break
    lines.append(tidied(run[:_MOST_CHARS]))
    return tuple(line for line in lines if line)


def _children(look: Look, element: Element) -> list[Element | str]:
    """An element's children with line breaks around those that stand on lines of their own."""
    apart = look.of(element).style.get("display") in _LAID_OUT
    # Words split into letters for an animation stay words.
    letters = apart and all(isinstance(c, str) or len(c.text(8)) <= 1 for c in element.children[:40])
    items: list[Element | str] = []
    for child in element.children:
        if isinstance(child, Element) and not letters and (apart or _is_block(look, child)):
            items += [_BREAK, child, _BREAK]
        else:
            items.append(child)
    return items


def _overlays(look: Look) -> Iterator[Element]:
    """Dialogs, loading screens and the like; not what only says so while the whole page loads."""
    total = 0
    inside: dict[int, int] = {}
    for seen in look.seen:
        words = sum(len(child.strip()) for child in seen.element.children if isinstance(child, str))
        if not words or seen.element.tag in _SILENT:
            continue
        total += words
        if "overlay" in seen.places:
            for above in (seen.element, *seen.element.ancestors()):
                inside[id(above)] = inside.get(id(above), 0) + words
    for seen in look.seen:
        if "overlay" not in seen.places or seen.element.tag in ("html", "body", "main"):
            continue
        if "overlay" in places_of(seen.element) and inside.get(id(seen.element), 0) <= 0.5 * total:
            yield seen.element
