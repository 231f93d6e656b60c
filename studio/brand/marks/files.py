"""A candidate's file as a mark: read, cut out of its sheet where it is on one, cleaned, trimmed, named."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from studio.brand.art.cut_mark import mark_from
from studio.brand.art.palette import Ground, Rgba, lightness_of
from studio.brand.inside import relative_name
from studio.brand.marks.candidates import Candidate
from studio.brand.marks.ico import largest_of_ico
from studio.brand.marks.inline_svg import standalone
from studio.brand.marks.sheet_cut import cut_of, cut_out
from studio.brand.marks.words import last_part
from studio.brand.page.look import Look
from studio.brand.site.proposals import Mark
from studio.brand.source.site import Resource, Site
from studio.color import contrast, oklab, rgb_of
from studio.errors import BadInput

_LEAST_PX = (24, 12)
_PHOTO_CONFIDENCE = 0.2
# Ink of less contrast (WCAG) is hardly seen; a third of it may go without the mark.
_SEEN, _LOST = 1.6, 0.35


@dataclass(frozen=True, eq=False)
class Drawn:
    """A mark, its pixels (trimmed, straight alpha), and the address of the file it came from; "" for a drawing of the
    page."""

    mark: Mark
    pixels: Rgba
    url: str


def file_name(url: str, ending: str) -> str:
    """The site's own name for a file, safe on every system, with the `ending` that fits what is kept of it."""
    name = last_part(url)
    stem = re.sub(r"\.\w{1,5}$", "", name)
    stem = re.sub(r"[^\w.@+-]+", "-", stem).strip("-. ")[:80].rstrip("-. ")
    if not re.search(r"\w", stem) or stem in ("image", "_next"):
        stem = "logo"
    try:
        return str(relative_name(stem + ending))
    except BadInput:  # the name of a device, such as CON
        return f"logo-{stem}{ending}"


def draw(candidate: Candidate, confidence: float, look: Look, site: Site) -> Drawn:
    """The mark a candidate is. Raises `BadInput` saying why it cannot be used: gone, damaged, a photo, too small."""
    if candidate.kind == "inline" and candidate.svg is not None:
        data, url, name = standalone(candidate.svg, look, site), "", "logo.svg"
        source = f"{candidate.said}, drawn in the page"
    else:
        resource = _read(candidate, site)
        data, url = _shown(resource, candidate, look), resource.url
        name = file_name(resource.url, ".svg" if _is_svg(data) else ".png")
        source = f"{candidate.said} → {site.label(resource.url)}" if candidate.said else site.label(resource.url)
    mark, pixels = mark_from(data, name, source=source, confidence=confidence)
    if mark.confidence <= _PHOTO_CONFIDENCE < confidence:
        raise BadInput(f"{name} is a photo, not a logo")
    height, width = pixels.shape[:2]
    if not _is_svg(data) and (width < _LEAST_PX[0] or height < _LEAST_PX[1]):
        raise BadInput(f"{name} is only {width}×{height} px")
    if height > 6 * width or width > 30 * height:
        raise BadInput(f"{name} is a strip of {width}×{height} px, not a logo")
    file = file_name(url, mark.file[-4:]) if url else mark.file
    notes = mark.notes + _notes(candidate, data, pixels)
    on = _stands_on(mark, pixels, candidate, look)
    return Drawn(mark.model_copy(update={"file": file, "on": on, "notes": notes, "address": url}), pixels, url)


def _read(candidate: Candidate, site: Site) -> Resource:
    for url in candidate.urls[:4]:
        resource = site.read(url, "picture")
        if resource is not None:
            return resource
    raise BadInput(f"{site.label(candidate.url)} is linked but cannot be read")


def _is_svg(data: bytes) -> bool:
    return b"<svg" in data[:4096]


def _shown(resource: Resource, candidate: Candidate, look: Look) -> bytes:
    """The file, or the part of it that the style shows where it is a sheet of many pictures."""
    name = last_part(resource.url)
    if resource.data[:4] == b"\0\0\1\0":
        return largest_of_ico(resource.data)
    cut = cut_of(*candidate.style, look) if candidate.style is not None else None
    sheet = "sprite" in name.lower()
    if _is_svg(resource.data):
        if sheet or (cut is not None and cut.placed):
            raise BadInput(f"{name} holds many drawings at once")
        return resource.data
    if sheet and cut is None:
        raise BadInput(f"{name} holds many pictures, and the style does not say which part")
    if cut is None or not (sheet or cut.placed or cut.size):
        return resource.data
    return cut_out(resource.data, cut, name)


def _notes(candidate: Candidate, data: bytes, pixels: Rgba) -> tuple[str, ...]:
    notes: list[str] = []
    if candidate.seen is not None and "{ mask-image }" in candidate.said.replace("-webkit-", ""):
        fill = candidate.seen.fill
        painted = fill[0] if fill else candidate.seen.color
        notes.append(f"The site paints this shape in {painted}; the file has its own colour")
    ink = pixels[pixels[..., 3] >= 200][:, :3]
    if len(ink) and int(np.ptp(ink.astype(np.int16), axis=0).max()) <= 12:
        notes.append("Drawn in one colour; other colours were not made up")
    return tuple(notes)


def _stands_on(mark: Mark, pixels: Rgba, candidate: Candidate, look: Look) -> Ground:
    """What the ink says; where black and white ink stand side by side, what the mark stands on in the page."""
    seen = candidate.seen
    if candidate.dark and mark.on == "any":
        return "dark"
    # A background picture lies over what its element stands in.
    under = look.by_element.get(id(seen.element.parent)) if seen and candidate.kind == "background" else seen
    if seen is None or candidate.dark or (under is not None and under.over_picture):
        return mark.on
    ink = pixels[pixels[..., 3] >= 128][::7, :3]
    if not len(ink) or (pixels[..., 3] >= 250).all():
        return mark.on
    if mark.on != "any":
        # A detail may vanish on the ground the site itself puts it on; a mark may not.
        there = "light" if lightness_of(seen.ground) > 0.6 else "dark"
        lost = float((contrast(ink, rgb_of(seen.ground)) < _SEEN).mean())
        return "any" if there != mark.on and lost < _LOST else mark.on
    lightness = oklab(ink)[:, 0]
    if min(float((lightness > 0.9).mean()), float((lightness < 0.3).mean())) < 0.08:
        return mark.on
    return "light" if lightness_of(seen.ground) > 0.6 else "dark"
