"""Files a designer gives a kit: logos made safe, fonts checked, each under a name every system allows."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from fontTools.ttLib import TTFont

from studio.brand.fonts import MAX_FONT_BYTES, TypeRole, read_font
from studio.brand.inside import inside, relative_name
from studio.brand.kit import writing
from studio.brand.logo import MAX_LOGO_BYTES, load_logo
from studio.brand.svg import MAX_SVG_BYTES, clean_svg
from studio.color import contrast_hex
from studio.errors import BadInput
from studio.model import BrandKit, FontFile, Logo, TypeChoice
from studio.pixels import decode_picture, encode_png, read_bytes

MOST_FILES = 20
_MAX_LOGO_PX = 40_000_000
_WEIGHTS = (400, 700)
"""What is taken of a variable font, clipped to what it has."""


def with_logos(kit: BrandKit, folder: Path, files: Sequence[Path]) -> BrandKit:
    """The kit with these SVGs or pictures as further logos, written into its `folder`: SVGs without scripts and loads,
    pictures as PNG. Raises `BadInput` naming the first that is no logo; then nothing is left behind."""
    added: list[Logo] = []
    try:
        for file in files[:MOST_FILES]:
            data, ending = _logo_data(read_bytes(file, MAX_LOGO_BYTES), file.name)
            name = _write(folder / "logos", _stem(file.stem, "logo"), ending, data)
            logo = Logo(file=f"logos/{name}")
            added.append(logo)
            added[-1] = logo.model_copy(update={"on": _ground(folder, logo)})
    except BaseException:
        for logo in added:
            inside(folder, logo.file).unlink(missing_ok=True)
        raise
    return kit.model_copy(update={"logos": (*kit.logos, *added)})


def with_fonts(kit: BrandKit, folder: Path, role: TypeRole, files: Sequence[Path]) -> BrandKit:
    """The kit with these TTF, OTF or WOFF2 files for headings or body text. Files of the family that is set already
    are added to it, those of another take its place. Raises `BadInput` naming the first that cannot be set."""
    read = [font for file in files[:MOST_FILES] for font in _fonts(read_bytes(file, MAX_FONT_BYTES), file.name)]
    if not read:
        return kit
    family = read[0][0]
    now: TypeChoice = getattr(kit.type, role)
    kept = {font.weight: font for font in now.files} if now.family == family and not now.stands_for else {}
    for _, weight, data in (one for one in read if one[0] == family):
        ending = ".otf" if data[:4] == b"OTTO" else ".ttf"
        name = _write(folder / "fonts", f"{_stem(re.sub(r'[^A-Za-z0-9]+', '', family), 'font')}-{weight}", ending, data)
        kept[weight] = FontFile(file=f"fonts/{name}", weight=weight)
    weight = min(kept, key=lambda one: abs(one - now.weight))
    choice = TypeChoice(family=family, files=tuple(kept[one] for one in sorted(kept)), weight=weight)
    return kit.model_copy(update={"type": kit.type.model_copy(update={role: choice})})


def _logo_data(data: bytes, name: str) -> tuple[bytes, str]:
    """A logo as it is kept, and the ending that fits."""
    if name.lower().endswith(".svg") or b"<svg" in data[:4096]:
        if len(data) > MAX_SVG_BYTES:
            raise BadInput(f"{name} is larger than {MAX_SVG_BYTES / 1e6:g} MB", "Simplify it, or save it as PNG")
        return clean_svg(data, name).data, ".svg"
    return encode_png(decode_picture(data, name, max_px=_MAX_LOGO_PX)), ".png"


def _ground(folder: Path, logo: Logo) -> str:
    """The ground a logo is drawn for, told by its inks: any where it reads on both black and white."""
    inks = load_logo(folder, logo).inks
    on_white = min((contrast_hex(hex_, "#ffffff") for hex_, share in inks if share > 0.1), default=21.0)
    on_black = min((contrast_hex(hex_, "#000000") for hex_, share in inks if share > 0.1), default=21.0)
    if min(on_white, on_black) >= 2.5:
        return "any"
    return "light" if on_white > on_black else "dark"


def _fonts(data: bytes, name: str) -> Iterator[tuple[str, int, bytes]]:
    """Family, weight and plain file of a font; of a variable one, two of its weights."""
    plain, weight = read_font(data, name)
    try:
        font = TTFont(io.BytesIO(plain))
        family = str(font["name"].getBestFamilyName() or "").strip()[:80]  # type: ignore[attr-defined]
        if "fvar" not in font:
            yield family or Path(name).stem[:80], weight, plain
            return
        for wished in _WEIGHTS:
            yield family or Path(name).stem[:80], *_instance(plain, wished)
    # fontTools meets damaged tables with almost any exception.
    except Exception as error:
        raise BadInput(
            f"{name} is damaged: {type(error).__name__}", "Expected a TTF, OTF or WOFF2 font file"
        ) from error


def _instance(plain: bytes, weight: int) -> tuple[int, bytes]:
    from fontTools.varLib import instancer  # slow to load

    font = TTFont(io.BytesIO(plain))
    place = {axis.axisTag: axis.defaultValue for axis in font["fvar"].axes}  # type: ignore[attr-defined]
    for axis in font["fvar"].axes:  # type: ignore[attr-defined]
        if axis.axisTag == "wght":
            place["wght"] = min(max(weight, axis.minValue), axis.maxValue)
    fixed = instancer.instantiateVariableFont(font, place)
    own = min(max(int(place.get("wght", 400)), 1), 1000)
    out = io.BytesIO()
    fixed.save(out)
    return own, out.getvalue()


def _stem(text: str, otherwise: str) -> str:
    stem = re.sub(r"[^\w@+-]+", "-", text, flags=re.ASCII).strip("-._")[:60]
    try:
        return str(relative_name(stem)) if stem else otherwise
    except BadInput:  # the name of a device, such as CON
        return f"{otherwise}-{stem}"


def _write(folder: Path, stem: str, ending: str, data: bytes) -> str:
    """Write a file under the first free name, and return that; one of the same content is used again."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            path = folder / (f"{stem}{ending}" if number == 1 else f"{stem}-{number}{ending}")
            if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
                return path.name
            if not path.exists():
                path.write_bytes(data)
                return path.name
    raise AssertionError("there is always a next number")
