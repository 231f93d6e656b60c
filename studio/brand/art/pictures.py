"""A brand from its logo alone, or from photos alone: only what such pictures can show."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from studio.brand.art.cut_mark import mark_from
from studio.brand.art.palette import (
    chroma_of,
    colours_of_photos,
    is_neutral,
    lightness_of,
    look_of_photos,
    reduced,
)
from studio.brand.site.proposals import Colour, ColourRole, Photo, Proposals, Words
from studio.errors import BadInput
from studio.pixels import decode_picture

MAX_PHOTOS = 40
_MAX_PHOTO_PX = 64_000_000
_ROLES: tuple[ColourRole, ...] = ("primary", "accent", "background", "text")
# What files are called besides the brand's name.
_FILE_WORDS = (
    "logo logos logotype logomark brand branding mark wordmark icon symbol sign emblem badge favicon glyph lockup "
    "white black dark light negative positive inverse inverted reverse reversed mono monochrome colour color colours "
    "colors coloured colored rgb cmyk pms pantone srgb transparent trans background bg on horizontal vertical stacked "
    "landscape portrait square wide full final new old copy export vector outline outlined flat web print screen small "
    "medium large big hd hires lowres retina default main primary secondary alt version official master original img "
    "image images picture photo download untitled unnamed file scan screenshot artboard layer svg png jpg jpeg webp "
    "site website header footer px"
)
_NOT_A_NAME = frozenset(_FILE_WORDS.split())
_ICON_FILES = re.compile(r"(?i)apple-touch-icon|android-chrome|mstile")
_COUNTED = re.compile(r"(?i)v?\d+(?:x\d*)?|@?\d+x|[0-9a-f]{8,}")
_TITLE = re.compile(rb"<title[^>]*>([^<]{1,120})</title>")


def from_logo(data: bytes, name: str) -> Proposals:
    """Palette, mark and perhaps a name from one logo file; `name` is the file's. Raises `BadInput`.

    Roles are guesses: the strongest colour is taken for the primary one, the next for the accent.
    """
    mark, _ = mark_from(data, name, source=name, confidence=0.95)
    palette = _palette_of_mark(mark.inks, name)
    found = _name(data, name)
    has = {colour.role for colour in palette}
    missing = [] if found else ["name: the file's name says none"]
    if "primary" not in has:
        missing.append("primary colour: the logo is only black, white or grey")
    if "accent" not in has:
        missing.append("accent colour: the logo has no second colour")
    missing += [f"{role} colour: a logo alone does not show it" for role in ("background", "text") if role not in has]
    missing += ["fonts: a logo's letters are drawn, not typed", "words: a logo holds none that can be read"]
    missing.append("photography: a logo does not show it")
    return Proposals(
        site=name, name=found, palette=palette, logos=(mark,), not_found=tuple(missing), warnings=mark.notes
    )


def _palette_of_mark(colours: Sequence[tuple[str, float]], file: str) -> tuple[Colour, ...]:
    strong = [(share * (0.05 + chroma_of(hex_)), hex_, share) for hex_, share in colours if not is_neutral(hex_)]
    strong.sort(key=lambda one: -one[0])
    out: list[Colour] = []
    for place, (weight, hex_, share) in enumerate(strong):
        source = f"{file}: {share:.0%} of the mark"
        if place == 0:
            # Two colours of equal weight leave it open which of them leads.
            rivals = strong[1][0] / weight if len(strong) > 1 else 0.0
            out.append(Colour(hex=hex_, role="primary", source=source, confidence=round(0.85 - 0.3 * rivals, 2)))
        else:
            confidence = round(max(0.15, 0.55 - 0.12 * (place - 1)), 2)
            out.append(Colour(hex=hex_, role="accent", source=source, confidence=confidence))
    for hex_, share in colours:
        if not is_neutral(hex_):
            continue
        source, lightness = f"{file}: {share:.0%} of the mark", lightness_of(hex_)
        if lightness < 0.45:
            out.append(Colour(hex=hex_, role="text", source=source, confidence=0.35))
        elif lightness > 0.9:
            out.append(Colour(hex=hex_, role="background", source=source, confidence=0.15))
    return in_order(out)


def in_order(colours: Sequence[Colour]) -> tuple[Colour, ...]:
    """Primary, accent, background, text; the surest of each first."""
    return tuple(sorted(colours, key=lambda one: (_ROLES.index(one.role), -one.confidence)))


# ------------------------------------------------------------------------------------------------------ photos


def from_photos(photos: Sequence[tuple[str, bytes]]) -> Proposals:
    """Palette and words for the photography from (name, data) of reference photos; at most `MAX_PHOTOS` are looked at.

    A photo that cannot be read is told about and left out. Raises `BadInput` when none can.
    """
    if not photos:
        raise BadInput("No photos were given", "Expected at least one PNG, JPEG or WebP")
    small, listed, warnings, first = [], [], [], None
    for name, data in photos[:MAX_PHOTOS]:
        try:
            pixels = decode_picture(data, name, max_px=_MAX_PHOTO_PX)
        except BadInput as error:
            first = first or error
            warnings.append(f"{error}. {error.hint}")
            continue
        height, width = pixels.shape[:2]
        listed.append(Photo(file=name, use="picture", width_px=width, height_px=height, source=name, confidence=1.0))
        small.append(reduced(pixels))
    if first is not None and not small:
        raise first
    if len(photos) > MAX_PHOTOS:
        warnings.append(f"Only the first {MAX_PHOTOS} of {len(photos)} photos were looked at")
    palette = _palette_of_photos(colours_of_photos(small), len(small))
    has = {colour.role for colour in palette}
    missing = ["name: photos do not say one", "logo: photos do not show one that could be used"]
    missing += [f"{role} colour: no photo shows one that stands out" for role in _ROLES if role not in has]
    missing += ["fonts: photos do not show them", "words: photos hold none that can be read"]
    return Proposals(
        site=listed[0].file if len(listed) == 1 else f"{len(listed)} photos",
        palette=palette,
        pictures=tuple(listed),
        photography=look_of_photos(small),
        not_found=tuple(missing),
        warnings=tuple(warnings),
    )


def _palette_of_photos(colours: Sequence[tuple[str, float]], count: int) -> tuple[Colour, ...]:
    of = "the photo" if count == 1 else f"{count} photos"
    out: list[Colour] = []
    strong = [one for one in colours if not is_neutral(one[0])]
    for place, (hex_, share) in enumerate(strong[:4]):
        role: ColourRole = "primary" if place == 0 else "accent"
        confidence = 0.35 if place == 0 else round(0.3 - 0.05 * place, 2)
        out.append(Colour(hex=hex_, role=role, source=f"{share:.1%} of {of}", confidence=confidence))
    rest = sorted((one for one in colours if one not in strong[:4]), key=lambda one: lightness_of(one[0]))
    if rest and lightness_of(rest[-1][0]) > 0.85:
        hex_, share = rest[-1]
        out.append(Colour(hex=hex_, role="background", source=f"{share:.1%} of {of}", confidence=0.2))
    if rest and lightness_of(rest[0][0]) < 0.4:
        hex_, share = rest[0]
        out.append(Colour(hex=hex_, role="text", source=f"{share:.1%} of {of}", confidence=0.2))
    return in_order(out)


# -------------------------------------------------------------------------------------------------------- name


def _name(data: bytes, file: str) -> Words | None:
    title = _TITLE.search(data[:100_000]) if b"<svg" in data[:4096] else None
    drawn = brand_words(html.unescape(title[1].decode("utf-8", "replace"))) if title else ""
    named = brand_words(PurePosixPath(file.replace("\\", "/")).stem)
    if drawn:
        others = (named,) if named and named.casefold() != drawn.casefold() else ()
        return Words(text=drawn, source=f"{file}: title of the drawing", confidence=0.45, alternatives=others)
    return Words(text=named, source=f"file name {file}", confidence=0.3) if named else None


def brand_words(text: str) -> str:
    """`logo-acme-white` as `Acme`: words that name files, sizes and variants left out; empty where nothing is left."""
    kept = []
    for token in re.split(r"[^\w&']+|_+", _ICON_FILES.sub(" ", text[:200])):
        # LogoAcme and AcmeLogo, but CouchDB stays as it is.
        parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z]+", token)
        word = "".join(part for part in parts if part.casefold() not in _NOT_A_NAME)
        if word and word.casefold() not in _NOT_A_NAME and not _COUNTED.fullmatch(word) and any(map(str.isalpha, word)):
            kept.append(word[0].upper() + word[1:] if word.islower() else word)
    return " ".join(kept)[:60] if any(len(word) > 1 for word in kept) else ""
