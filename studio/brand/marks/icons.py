"""The small signs a site gives to browsers and phones: favicon, touch icon, manifest. Never taken for a logo."""

from __future__ import annotations

import re
from dataclasses import dataclass

from studio.brand.art.cut_mark import mark_from
from studio.brand.marks.files import file_name
from studio.brand.marks.ico import largest_of_ico
from studio.brand.page.look import Look
from studio.brand.page.manifest import app_manifest
from studio.brand.site.proposals import Mark
from studio.brand.source.site import Resource, Site
from studio.errors import BadInput

_MOST_TRIED = 6
_CONFIDENCE = 0.6
_TOUCH = ("apple-touch-icon", "apple-touch-icon-precomposed", "fluid-icon")


@dataclass(frozen=True)
class _Icon:
    url: str
    said: str
    size: float
    """Pixels on a side as stated, or as usual for its kind; a drawing counts as very large."""


def icon_urls(look: Look, site: Site) -> tuple[str, ...]:
    """The addresses of all icons the page links to, the largest first."""
    return tuple(dict.fromkeys(icon.url for icon in _linked(look, site)))


def find_icon(look: Look, site: Site) -> Mark | None:
    """The largest icon of the page that can be drawn; its source says what kind of icon it is."""
    linked = _linked(look, site)
    if not linked:
        usual = site.resolve("/favicon.ico", look.page.url)
        there = usual is not None and (usual in site.listed() or not site.listed())
        linked = [_Icon(usual, "favicon at its usual place", 32.0)] if usual and there else []
    for icon in linked[:_MOST_TRIED]:
        resource = site.read(icon.url, "picture")
        if resource is None:
            continue
        try:
            data, name = _drawable(resource), file_name(resource.url, ".png")
            source = f"{icon.said} → {site.label(icon.url)} (an icon, not a logo)"
            mark, _ = mark_from(data, name, source=source, confidence=_CONFIDENCE)
        except BadInput:
            continue
        file = file_name(resource.url, ".svg" if mark.file.endswith(".svg") else ".png")
        return mark.model_copy(update={"file": file, "address": resource.url})
    return None


def _linked(look: Look, site: Site) -> list[_Icon]:
    page, found = look.page, list[_Icon]()
    for link in page.by_tag.get("link", ()):
        relations = set(link.get("rel").lower().split())
        url = site.resolve(link.get("href"), page.base)
        if url is None or not relations & {"icon", "mask-icon", *_TOUCH}:
            continue
        touch = bool(relations & set(_TOUCH))
        kind = "touch icon" if touch else "mask icon" if "mask-icon" in relations else "favicon"
        usual = 180.0 if touch else 100.0 if kind == "mask icon" else 32.0
        # A mask icon is one colour by rule: others show the brand better.
        size = min(_size(link.get("sizes"), url, usual), 100.0 if kind == "mask icon" else 1e9)
        found.append(_Icon(url, f"{page.label}: <link {link.get('rel').lower()[:40]}> ({kind})", size))
    found += _of_manifest(look, site)
    if url := site.resolve(page.meta("msapplication-tileimage"), page.base):
        found.append(_Icon(url, f"{page.label}: <meta msapplication-TileImage> (tile icon)", 144.0))
    return sorted(found, key=lambda icon: -icon.size)


def _of_manifest(look: Look, site: Site) -> list[_Icon]:
    stated, url = app_manifest(look.page, site)
    icons = stated.get("icons")
    found = []
    for icon in icons[:30] if isinstance(icons, list) else []:
        if not isinstance(icon, dict) or not isinstance(icon.get("src"), str):
            continue
        address = site.resolve(icon["src"], url)
        if address and "monochrome" not in str(icon.get("purpose", "")):
            # Maskable icons have wide margins that phones cut off.
            share = 0.7 if "maskable" in str(icon.get("purpose", "")) else 1.0
            size = share * _size(str(icon.get("sizes", "")), address, 96.0)
            found.append(_Icon(address, f"{site.label(url)}: icons (app icon)", size))
    return found


def _size(stated: str, url: str, usual: float) -> float:
    if (
        url.partition("?")[0].lower().endswith(".svg")
        or url[:18].lower() == "data:image/svg+xml"
        or "any" in stated.lower()
    ):
        return 2000.0
    sizes = [min(int(number), 4096) for number in re.findall(r"(\d{1,6})[xX]\d{1,6}", stated[:200])]
    return float(max(sizes)) if sizes else usual


def _drawable(resource: Resource) -> bytes:
    """The picture, with a Windows icon's largest size taken out of it."""
    return largest_of_ico(resource.data) if resource.data[:4] == b"\0\0\1\0" else resource.data
