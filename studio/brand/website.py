"""A brand from what a client has: an address, a saved page, a folder, a ZIP, a logo, photos, a guidelines PDF.

What comes back are proposals, each with its source and how sure that is; what was not found is said. Nothing is sent
anywhere but to the site that was asked for, and nothing is read from private addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from studio.brand.art.palette import chroma_of
from studio.brand.art.pictures import MAX_PHOTOS, from_logo, from_photos
from studio.brand.kit import MAX_TOKENS_BYTES
from studio.brand.logo import MAX_LOGO_BYTES
from studio.brand.marks.find import find_marks
from studio.brand.marks.ico import largest_of_ico
from studio.brand.page.css_values import colour
from studio.brand.page.look import Look, look_at, words_of
from studio.brand.page.manifest import app_manifest
from studio.brand.page.sheets import read_sheets
from studio.brand.page.tree import read_page
from studio.brand.site.colours import (
    Sighting,
    declared_colours,
    palette_of,
)
from studio.brand.site.font_files import keep_files
from studio.brand.site.from_tokens import from_tokens
from studio.brand.site.photos import photography_of, pictures_of, warnings_of
from studio.brand.site.proposals import Colour, Mark, Proposals
from studio.brand.site.second_look import second_opinion
from studio.brand.site.trouble import refresh_of, trouble_of
from studio.brand.site.typefaces import is_system, typefaces_of
from studio.brand.source.fetch import open_web
from studio.brand.source.guard import Guard
from studio.brand.source.saved import open_saved
from studio.brand.source.screenshot import boxed, screenshot
from studio.brand.source.site import Site
from studio.brand.words.naming import language_of, name_of, tagline_of
from studio.brand.words.wording import copy_of
from studio.errors import BadInput, plain
from studio.pixels import MAX_PICTURE_BYTES, read_bytes

TOKENS = (".json", ".json5", ".tokens")
_PAGES = (".html", ".htm", ".xhtml", ".xht", ".mhtml", ".mht", ".zip")
_LOGOS = (".svg", ".ico")
_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
_LOGO_NAMES = {"logo", "logos", "logotype", "logomark", "wordmark", "mark", "brand"}
_MAX_REFRESHES = 3


@dataclass(frozen=True)
class Answer:
    """How a website answered, for telling a bot wall from a page."""

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()


def infer(source: str, language: str = "", guard: Guard | None = None, look: bool = False) -> Proposals:
    """The brand that `source` shows: a path to a page, folder, ZIP, logo, photo, PDF or token file, else an address.

    `language` (BCP 47) is asked of the site first; `guard` stands in for the network in tests; with `look`, a
    screenshot through an installed Chromium is a second opinion on the colours. Raises `BadInput` for what cannot be
    read at all, with what to do instead.
    """
    if (path := as_path(source)) is not None:
        return _from_path(path, look)
    site = open_web(source, language=language, guard=guard)
    try:
        site.open()
        reply = site.reply
        found = read_brand(site, Answer(reply.status, tuple(reply.headers.items())) if reply else Answer())
        return looked_over(found, site) if look else found
    finally:
        site.close()


def looked_over(found: Proposals, site: Site) -> Proposals:
    """The proposals after a look at a screenshot of the page. Raises `BadInput` where there is no browser for it."""
    opinion = second_opinion(found, screenshot(site))
    if boxed():
        return opinion
    said = "The screenshot was taken without the browser's own sandbox, because this program runs as root"
    return opinion.model_copy(update={"warnings": (*opinion.warnings, said)})


def as_path(source: str) -> Path | None:
    """The file or folder that `source` names; None for an address. Raises `BadInput` for a path that is not there."""
    if not source.strip():
        raise BadInput("There is nothing to read", "Give an address such as example.org, or a file or folder")
    path = Path(source)
    try:
        if path.exists():
            return path
    except (OSError, ValueError):  # an address is not always a possible path
        return None
    host, slash, _ = source.partition("/")
    local = re.match(r"[./~\\]|[A-Za-z]:[\\/]", source) is not None
    named = not slash and path.suffix.lower() in (*_PAGES, *_LOGOS, *_PICTURES, *TOKENS, ".pdf")
    if "://" not in source and (local or named or ("." not in host and ":" not in host)):
        raise BadInput(f"{source} is not there", "Check the path, or give an address such as example.org")
    return None


def _from_path(path: Path, look: bool) -> Proposals:
    kind = path.suffix.lower()
    if kind == ".pdf":
        from studio.brand.pdf.guide import MAX_PDF_BYTES, from_pdf

        return from_pdf(read_bytes(path, MAX_PDF_BYTES), path.name)
    if kind in TOKENS and path.is_file():
        return from_tokens(read_bytes(path, MAX_TOKENS_BYTES), path.name)
    pictures = [path] if kind in (*_LOGOS, *_PICTURES) and path.is_file() else _pictures_in(path)
    logos = [one for one in pictures if one.suffix.lower() in _LOGOS or words_of(one.stem) & _LOGO_NAMES]
    if logos:
        return _from_logo(min(logos, key=lambda one: (one.suffix.lower() != ".svg", len(one.stem), one.name)))
    if pictures:
        return from_photos([(p.name, read_bytes(p, MAX_PICTURE_BYTES)) for p in pictures[:MAX_PHOTOS]])
    site = open_saved(path)
    return looked_over(read_brand(site), site) if look else read_brand(site)


def _from_logo(path: Path) -> Proposals:
    data = read_bytes(path, MAX_LOGO_BYTES)
    return from_logo(largest_of_ico(data) if data[:4] == b"\0\0\1\0" else data, path.name)


def _pictures_in(path: Path) -> list[Path]:
    """The pictures of a folder that holds nothing else: logos, or reference photos."""
    if not path.is_dir():
        return []
    files = [file for file in sorted(path.iterdir()) if not file.name.startswith(".") and file.is_file()]
    return files if all(file.suffix.lower() in (*_LOGOS, *_PICTURES) for file in files) else []


def read_brand(site: Site, answer: Answer | None = None) -> Proposals:
    """The brand of an open site. Never raises for what the site lacks."""
    # 1. The page as a visitor sees it.
    look = looked_at(site)
    answer = answer or Answer()
    trouble = trouble_of(look, site, answer.status, dict(answer.headers))
    # 2. Who speaks: the name finds the logo, the logo's inks weigh the colours.
    name = name_of(look, site)
    marks = find_marks(look, site, words_of(name.text) if name else frozenset())
    # 3. Colours and type, by where the page uses them.
    label = labels(look, site)
    palette = palette_of(look, label, declared(look, site, marks.logos))
    heading, body = (keep_files(face, site) for face in typefaces_of(look, site, label))
    # 4. Words and pictures.
    used = frozenset(mark.address for mark in (*marks.logos, *filter(None, (marks.icon,))) if mark.address)
    pictures = pictures_of(look, site, used)
    found = Proposals(
        site=site.label(site.start),
        name=name,
        tagline=tagline_of(look, site, name),
        language=language_of(look),
        palette=palette,
        heading=heading,
        body=body,
        logos=marks.logos,
        icon=marks.icon,
        copy_=copy_of(look, name),
        pictures=pictures,
        photography=photography_of(pictures, site),
    )
    # 5. What is missing, in words.
    missing = tuple(dict.fromkeys((*marks.not_found, *_missing(found))))
    warnings = (*trouble, *marks.warnings, *_unread(look, site), *warnings_of(look, site, used), *site.notes)
    said = tuple(dict.fromkeys(" ".join(plain(text).split()) for text in warnings))
    return found.model_copy(update={"not_found": missing, "warnings": said[:40]})


def labels(look: Look, site: Site) -> dict[str, str]:
    """What people call each of the page's style sheets, by address."""
    return {url: site.label(url) for url in look.sheets.addresses} | {look.page.base: look.page.label}


def declared(look: Look, site: Site, logos: tuple[Mark, ...]) -> tuple[Sighting, ...]:
    """Colours from outside the styles: what the page declares, its manifest's, the logo's inks."""
    return (*declared_colours(look), *_manifest_colours(look, site), *_inks(logos))


def looked_at(site: Site) -> Look:
    """The first page that is no mere pointer to another."""
    address = site.start
    for _ in range(_MAX_REFRESHES):
        resource = site.read(address, "page")
        if resource is None:
            break
        page = read_page(resource, site)
        onward = refresh_of(page, site)
        if onward is None or onward == address or site.read(onward, "page") is None:
            return look_at(page, read_sheets(page, site))
        address = onward
    resource = site.read(site.start, "page")
    if resource is None:
        raise BadInput(f"{site.label(site.start)} cannot be read", "Save the page from your browser and drop it here")
    page = read_page(resource, site)
    return look_at(page, read_sheets(page, site))


def _inks(logos: tuple[Mark, ...]) -> Iterator[Sighting]:
    """The colours of the surest logo, as sightings."""
    for mark in logos[:1]:
        for hex_, share in mark.inks:
            yield Sighting(hex_, "logo", f"logo {mark.file}", mark.confidence * min(1.0, 0.35 + share))


def _manifest_colours(look: Look, site: Site) -> Iterator[Sighting]:
    manifest, url = app_manifest(look.page, site)
    paint = colour(str(manifest.get("theme_color", ""))[:40])
    if paint and paint[0] not in ("#ffffff", "#000000"):
        yield Sighting(paint[0], "declared", f"{site.label(url)}: theme_color", 0.8)


def _missing(found: Proposals) -> Iterator[str]:
    """What a designer would look for in vain, a sentence each."""
    roles = {c.role for c in found.palette}
    if found.name is None:
        yield "No name found: type it in"
    if found.tagline is None:
        yield "No tagline found"
    if "primary" not in roles:
        yield "No brand colour found: what the page itself paints is white, grey or black"
    elif _grey(first := next(c for c in found.palette if c.role == "primary")):
        yield f"No colourful brand colour found: the page is neutral, {first.hex} stands in as primary"
    if found.heading is None and found.body is None:
        yield "No typeface found: the page shows no words"
    elif all(is_system(face.family) for face in (found.heading, found.body) if face):
        yield "No typeface of its own: the page uses each visitor's system font"
    if not found.pictures:
        yield "No pictures found on this page"
    if not found.copy_.headlines:
        yield "No headlines found"


def _grey(swatch: Colour) -> bool:
    return chroma_of(swatch.hex) < 0.02


def _unread(look: Look, site: Site) -> Iterator[str]:
    if look.page.cut_short or look.sheets.cut_short:
        yield "The page or its style sheets are very large: only their first part was read"
    said = " ".join(site.notes)
    foreign = [site.label(url) for url in look.sheets.unread if not _fonts_only(url) and site.label(url) not in said]
    if foreign:
        names = ", ".join(foreign[:3])[:200]
        yield f"{len(foreign)} style sheets could not be read, so colours and type may differ: {names}"


def _fonts_only(url: str) -> bool:
    return any(part in url for part in ("fonts.googleapis.", "fonts.bunny.", "icons", "fontawesome", "font-awesome"))
