"""Which files a picture element may show: `srcset`, the `source`s of a `picture`, addresses that only keep a place."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from studio.brand.page.sheets import applies
from studio.brand.page.tree import Element

LATE_SETS = ("data-srcset", "data-lazy-srcset", "srcset")
"""Where a set stands, what scripts put in place later before what stands in for it."""

_MOST_IN_SET = 40
_MOST_SOURCES = 20
# Pictures written into the set as data make it long; more than this is none.
_MAX_SET = 2_000_000
_NEXT = re.compile(r"[\s,]*(\S+)")
_DESCRIBED = re.compile(r"\s*([^,]*)")
_SIZE = re.compile(r"(?i)(?:^|\s)([\d.]{1,10})([wxh])(?:\s|$)")
_STAND_INS = re.compile(
    r"(?i)(?:^|\.)(?:placehold(?:er)?\.(?:it|co|com)|dummyimage\.com|placekitten\.com|picsum\.photos|lorempixel\.com|"
    r"loremflickr\.com|fakeimg\.pl|placeimg\.com|unsplash\.it)$"
)


@dataclass(frozen=True)
class Sources:
    """The references of the `source`s around an `img`, the largest of each, by when the browser takes them."""

    before: tuple[str, ...] = ()
    """Of a media query that holds on the desk screen: shown there in place of the `img`."""
    beside: tuple[str, ...] = ()
    """Of no media query: the `img`'s picture in another format."""
    after: tuple[str, ...] = ()
    """Shown on other screens only, such as a phone's."""
    dark: tuple[str, ...] = ()
    """Shown on a desk screen set to dark only."""
    light_only: bool = False
    """Whether a dark desk screen shows the `img`, and a light one does not."""


def sources_of(element: Element) -> Sources:
    """The `source`s of the `picture` an `img` stands in; none of them for any other element."""
    if element.parent is None or element.parent.tag != "picture":
        return Sources()
    before, beside, after, dark = list[str](), list[str](), list[str](), list[str]()
    first: str | None = None
    light_only = False
    for source in [one for one in element.parent.elements if one.tag == "source"][:_MOST_SOURCES]:
        found = [ref for name in LATE_SETS if (ref := largest(source.get(name), 4000))]
        media = " ".join(source.get("media").lower().split())
        holds, is_dark = applies(media)
        if is_dark:
            dark += found
        elif not holds:
            # A phone's dark picture is neither what a light screen shows nor what a dark desk screen does.
            after += found if not re.search(r"color-scheme\s*:\s*dark", media) else []
        elif media in ("", "all", "screen"):
            beside += found
        elif first in (None, media):
            first = media
            light_only = light_only or "prefers-color-scheme" in media
            before += found
        else:
            after[:0] = found
    return Sources(tuple(before), tuple(beside), tuple(after), tuple(dark), light_only and not dark)


def parts_of(srcset: str) -> Iterator[tuple[str, float, str]]:
    """Each reference of a `srcset` with its number and unit, `w`, `x` or `h`; 1 `x` where none is stated. At most 40.

    After html.spec.whatwg.org/multipage/images.html#parse-a-srcset-attribute: commas inside a reference belong to it,
    those behind it end it."""
    text, at = srcset[:_MAX_SET], 0
    for _ in range(_MOST_IN_SET):
        match = _NEXT.match(text, at)
        if match is None:
            return
        reference, at = match[1], match.end()
        size = None
        if reference.endswith(","):
            reference = reference.rstrip(",")
        elif (described := _DESCRIBED.match(text, at)) is not None:
            at = described.end()
            size = _SIZE.search(described[1][:100])
        if reference:
            number, unit = _number(size[1]) if size else 1.0, size[2].lower() if size else "x"
            yield reference, number, unit


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return 1.0
    return number if math.isfinite(number) else 1.0


def largest(srcset: str, most_px: float) -> str:
    """The reference of a `srcset` with the most pixels, of those at most `most_px` wide if any are; "" for an empty
    one."""
    parts = list(parts_of(srcset))
    fitting = [part for part in parts if part[2] != "w" or part[1] <= most_px]
    if fitting:
        return max(fitting, key=lambda part: part[1])[0]
    return min(parts, key=lambda part: part[1])[0] if parts else ""


def stand_in(url: str) -> str:
    """The service that keeps a place with made-up pictures, if the address or its saved copy is of one; else ""."""
    if url[:5].lower() == "data:":
        return ""
    try:
        parts = urlsplit(url[:2000])
        host = parts.hostname or ""
    except ValueError:
        return ""
    # Copies keep other hosts' files in folders of the hosts' names.
    return next((name for name in (host, *parts.path.split("/")[1:3]) if _STAND_INS.search(name)), "")
