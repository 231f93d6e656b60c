"""Font files of a site that may be kept: those whose own tables state an open licence, in the weight that is used."""

from __future__ import annotations

import io
import re

from fontTools.ttLib import TTFont

from studio.brand.fonts import read_font
from studio.brand.site.proposals import FontData, Typeface
from studio.brand.source.site import Site
from studio.errors import BadInput

_OPEN = (
    ("SIL Open Font License", re.compile(r"(?i)open font licen[cs]e|scripts\.sil\.org/OFL|openfontlicense\.org")),
    ("Apache License 2.0", re.compile(r"(?i)apache licen[cs]e|apache\.org/licenses")),
    ("Ubuntu Font Licence", re.compile(r"(?i)ubuntu font licen[cs]e")),
)
# Name table: copyright, licence description, licence address (OpenType 1.9, name IDs).
_LICENCE_NAMES = (13, 14, 0)
_MOST = 3


def keep_files(face: Typeface | None, site: Site) -> Typeface | None:
    """The typeface with the files that may be kept, read from the site. One without any stays as it is."""
    if face is None:
        return None
    kept: list[FontData] = []
    for url in face.files[:_MOST]:
        found = site.read(url, "font")
        file = font_file(found.data, face.family, face.weight) if found else None
        if file is not None and file.weight not in [other.weight for other in kept]:
            kept.append(file)
    licence = kept[0].licence if kept else face.licence
    return face.model_copy(update={"kept": tuple(kept), "licence": licence})


def font_file(data: bytes, family: str, weight: int) -> FontData | None:
    """A font file as one that can be set, or None if it states no open licence or cannot be used.

    Of a variable font the instance of `weight` is taken, 1–1000, clipped to what the font has.
    """
    try:
        plain, own = read_font(data, family)
        font = TTFont(io.BytesIO(plain))
        licence = _licence(font)
        if licence and "fvar" in font:
            plain, own = _instance(font, weight)
    except BadInput:
        return None
    # fontTools meets damaged tables with almost any exception.
    except Exception:
        return None
    if not licence:
        return None
    ending = ".otf" if plain[:4] == b"OTTO" else ".ttf"
    stem = re.sub(r"[^A-Za-z0-9]+", "", family)[:40] or "font"
    return FontData(file=f"{stem}-{own}{ending}", weight=own, data=plain, licence=licence)


def _licence(font: TTFont) -> str:
    names = font["name"]
    text = " ".join(str(names.getDebugName(number) or "") for number in _LICENCE_NAMES)  # type: ignore[attr-defined]
    return next((licence for licence, pattern in _OPEN if pattern.search(text)), "")


def _instance(font: TTFont, weight: int) -> tuple[bytes, int]:
    """One weight of a variable font as a plain file; its other axes at their defaults."""
    from fontTools.varLib import instancer  # slow to load

    place: dict[str, float] = {axis.axisTag: axis.defaultValue for axis in font["fvar"].axes}  # type: ignore[attr-defined]
    for axis in font["fvar"].axes:  # type: ignore[attr-defined]
        if axis.axisTag == "wght":
            place["wght"] = min(max(weight, axis.minValue), axis.maxValue)
    fixed = instancer.instantiateVariableFont(font, place)
    own = int(place.get("wght", 400))
    if "OS/2" in fixed:
        fixed["OS/2"].usWeightClass = own  # type: ignore[attr-defined]
    out = io.BytesIO()
    fixed.save(out)
    return out.getvalue(), own
