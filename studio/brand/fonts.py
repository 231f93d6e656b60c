"""Fonts of a kit: read, checked and registered for typesetting, with fallbacks for scripts the kit lacks."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import skia
from fontTools.ttLib import TTFont, TTLibError

from studio.brand.inside import inside
from studio.errors import BadInput
from studio.model import BrandKit, FontFile, TypeChoice
from studio.pixels import read_bytes

TypeRole = Literal["heading", "body"]
MAX_FONT_BYTES = 32_000_000

# Families asked for before the system's own choice, which is often a monochrome or mismatched face.
_PREFERRED = {
    "ARABIC": "Noto Sans Arabic",
    "HEBREW": "Noto Sans Hebrew",
    "CJK": "Noto Sans CJK SC",
    "HIRAGANA": "Noto Sans CJK JP",
    "KATAKANA": "Noto Sans CJK JP",
    "HANGUL": "Noto Sans CJK KR",
}
_EMOJI = ("Noto Color Emoji", "Apple Color Emoji", "Segoe UI Emoji")


@dataclass(frozen=True, eq=False)
class Face:
    """One typeface ready to set. `weight` is the face's own, which may differ from the kit's wish."""

    family: str
    weight: int
    digest: str
    typeface: skia.Typeface

    def covers(self, character: str) -> bool:
        return self.typeface.unicharToGlyph(ord(character)) != 0


@dataclass(frozen=True, eq=False)
class FontSet:
    """The kit's heading and body faces and, in order, the fallbacks found for the words at hand."""

    faces: dict[TypeRole, Face]
    fallbacks: dict[TypeRole, tuple[Face, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    collection: skia.textlayout.FontCollection = field(init=False)

    def __post_init__(self) -> None:
        provider = skia.textlayout.TypefaceFontProvider()
        for role, face in self.faces.items():
            provider.registerTypeface(face.typeface, role)
        for role, faces in self.fallbacks.items():
            for index, face in enumerate(faces):
                provider.registerTypeface(face.typeface, f"{role}{index}")
        collection = skia.textlayout.FontCollection()
        collection.setDefaultFontManager(provider)
        object.__setattr__(self, "collection", collection)

    def face(self, role: TypeRole) -> Face:
        """Raises `BadInput` when the kit's font for this role could not be loaded."""
        if role not in self.faces:
            raise BadInput(
                f"The kit has no usable {role} font", "; ".join(self.problems) or "Add a font file to fonts/"
            )
        return self.faces[role]

    def stack(self, role: TypeRole) -> list[str]:
        """Registered names to try in order for this role."""
        return [role, *(f"{role}{index}" for index in range(len(self.fallbacks.get(role, ()))))]

    def missing(self, text: str, role: TypeRole) -> tuple[str, ...]:
        """The characters of `text` that no face at hand can draw, each once."""
        faces = (self.face(role), *self.fallbacks.get(role, ()))
        return tuple(dict.fromkeys(c for c in text if not _invisible(c) and not any(f.covers(c) for f in faces)))

    def for_words(self, texts: Iterable[str]) -> FontSet:
        """A set that also has fallbacks from this machine's fonts for what the kit's own faces cannot draw."""
        characters = dict.fromkeys(c for text in texts for c in text if not _invisible(c))
        fallbacks = {role: list(self.fallbacks.get(role, ())) for role in self.faces}
        for role, face in self.faces.items():
            for character in characters:
                if any(known.covers(character) for known in (face, *fallbacks[role])):
                    continue
                if found := _system_face(character, face.weight):
                    fallbacks[role].append(found)
        return replace(self, fallbacks={role: tuple(faces) for role, faces in fallbacks.items()})


def load_fonts(kit: BrandKit, folder: Path) -> FontSet:
    """The kit's faces. A font that cannot be used is left out and named in `problems`."""
    faces: dict[TypeRole, Face] = {}
    problems: list[str] = []
    choices: tuple[tuple[TypeRole, TypeChoice], ...] = (("heading", kit.type.heading), ("body", kit.type.body))
    for role, choice in choices:
        try:
            faces[role] = _load_choice(choice, folder)
        except BadInput as error:
            problems.append(f"{role}: {error} {error.hint}".strip())
    return FontSet(faces, problems=tuple(problems))


def installed(family: str) -> bool:
    """Whether this machine has the family."""
    typeface = skia.FontMgr.RefDefault().matchFamilyStyle(family, skia.FontStyle.Normal())
    return typeface is not None and typeface.getFamilyName().lower() == family.lower()


def read_font(data: bytes, name: str) -> tuple[bytes, int]:
    """A TTF, OTF or WOFF2 file as plain sfnt bytes, and its weight. Raises `BadInput` for anything else."""
    hint = "Expected a TTF, OTF or WOFF2 font file"
    if len(data) > MAX_FONT_BYTES:
        raise BadInput(f"{name} is {len(data) / 1e6:.0f} MB, too large for a font", hint)
    if data[:4] not in (b"\x00\x01\x00\x00", b"OTTO", b"true", b"wOF2"):
        raise BadInput(f"{name} is not a font", hint)
    try:
        font = TTFont(io.BytesIO(data), lazy=False, fontNumber=0)
        weight = int(getattr(font["OS/2"], "usWeightClass", 400)) if "OS/2" in font else 400
        missing = [tag for tag in ("cmap", "head", "hhea", "hmtx", "maxp") if tag not in font]
        if missing:
            raise BadInput(f"{name} lacks the table {missing[0]}, so it cannot be set", hint)
        if data[:4] == b"wOF2":
            font.flavor = None
            out = io.BytesIO()
            font.save(out)
            data = out.getvalue()
    except BadInput:
        raise
    except Exception as error:  # fontTools raises almost anything on damaged tables
        detail = str(error) if isinstance(error, TTLibError) else type(error).__name__
        raise BadInput(f"{name} is damaged: {detail[:80]}", hint) from error
    return data, min(max(weight, 1), 1000)


def font_path(file: str, folder: Path) -> Path:
    """Where a kit's font file lies. `package:NAME/FILE` is looked up in installed `font_…` packages only."""
    if not file.startswith("package:"):
        return inside(folder, file)
    package, _, name = file.removeprefix("package:").partition("/")
    spec = importlib.util.find_spec(package) if package.startswith("font_") and package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise BadInput(f"The font package {package} is not installed", f"pip install {package.replace('_', '-')}")
    root = Path(next(iter(spec.submodule_search_locations))).resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise BadInput(f"{file} points outside its package")
    return path


def _load_choice(choice: TypeChoice, folder: Path) -> Face:
    if choice.files:
        nearest = min(choice.files, key=lambda f: (f.italic, abs(f.weight - choice.weight)))
        return _load_file(nearest, choice, folder)
    style = skia.FontStyle(choice.weight, 5, skia.FontStyle.kUpright_Slant)
    typeface = skia.FontMgr.RefDefault().matchFamilyStyle(choice.family, style)
    if typeface is None or typeface.getFamilyName().lower() != choice.family.lower():
        raise BadInput(f"No file for {choice.family} in the kit, and this machine does not have it", "Add it to fonts/")
    return _face(typeface, choice.family)


def _load_file(font: FontFile, choice: TypeChoice, folder: Path) -> Face:
    path = font_path(font.file, folder)
    data, weight = read_font(read_bytes(path, MAX_FONT_BYTES), font.file)
    typeface = skia.Typeface.MakeFromData(skia.Data.MakeWithCopy(data))
    if typeface is None:
        raise BadInput(f"{font.file} cannot be set", "Expected a TTF, OTF or WOFF2 font file")
    return Face(choice.family, weight, hashlib.sha256(data).hexdigest(), typeface)


def _face(typeface: skia.Typeface, family: str) -> Face:
    style = typeface.fontStyle()
    return Face(family, style.weight(), hashlib.sha256(f"{family}{style.weight()}".encode()).hexdigest(), typeface)


def _system_face(character: str, weight: int) -> Face | None:
    style = skia.FontStyle.Bold() if weight >= 600 else skia.FontStyle.Normal()
    manager = skia.FontMgr.RefDefault()
    name = unicodedata.name(character, "")
    families = [family for script, family in _PREFERRED.items() if name.startswith(script)]
    if unicodedata.category(character) == "So" or 0x1F000 <= ord(character) <= 0x1FAFF:
        families += _EMOJI
    for family in families:
        typeface = manager.matchFamilyStyle(family, style)
        if typeface is not None and typeface.unicharToGlyph(ord(character)) != 0:
            return _face(typeface, typeface.getFamilyName())
    typeface = manager.matchFamilyStyleCharacter("", style, [], ord(character))
    if typeface is None or typeface.unicharToGlyph(ord(character)) == 0:
        return None
    return _face(typeface, typeface.getFamilyName())


def _invisible(character: str) -> bool:
    """Spaces, joiners, direction marks and variation selectors: nothing to draw."""
    return character.isspace() or unicodedata.category(character) == "Cf" or 0xFE00 <= ord(character) <= 0xFE0F
