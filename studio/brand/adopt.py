"""Proposals made a kit: a folder with what was found, unlocked until the designer confirms it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from studio.brand.dtcg.tokens import STAND_IN
from studio.brand.fonts import installed
from studio.brand.kit import LoadedKit, at_hand, load_kit, save_kit, writing
from studio.brand.site.proposals import Colour, Mark, Proposals, Typeface
from studio.brand.site.typefaces import is_system
from studio.errors import BadInput
from studio.model import BrandKit, BrandType, FontFile, Logo, Role, Swatch, TypeChoice, Voice

FOUND_FILE = "proposals.json"
"""Everything that was proposed, with sources and confidence, beside the kit's tokens."""

BRIEF_FILE = "brief.toml"
_LEAST_SURE = 0.4
# A heading that is set lighter than this in the page still leads an ad; the stand-in is set bold.
_STAND_IN_HEADING = 700


def adopt(found: Proposals, folder: Path | str) -> LoadedKit:
    """A kit in the new or empty `folder`, loaded. Every swatch is unlocked and names its source.

    A typeface whose files may not be kept is stood in for, under its own name in `TypeChoice.stands_for`. Raises
    `BadInput` if the folder holds something already or cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} is there already and not empty", "Choose a new folder with --out")
    fresh = not folder.exists()
    try:
        with writing(folder):
            for file, data in _files(found):
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).write_bytes(data)
            save_kit(_kit(found), folder)
            (folder / FOUND_FILE).write_text(_as_json(found), encoding="utf-8", newline="\n")
            if brief := starter_brief(found):
                (folder / BRIEF_FILE).write_text(brief, encoding="utf-8", newline="\n")
        return load_kit(folder)
    except BaseException:
        # A kit is whole or not there.
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def as_found(found: Proposals) -> dict[str, Any]:
    """What `brand infer --json` prints: every proposal with source and confidence, files by their name in the kit."""
    faces = (("heading", found.heading), ("body", found.body))
    return {
        "site": found.site,
        "name": found.name.text if found.name else None,
        "tagline": found.tagline.text if found.tagline else None,
        "language": found.language or None,
        "palette": [colour.model_dump(mode="json") for colour in found.palette],
        "fonts": {part: _face_found(face) for part, face in faces if face is not None},
        "logos": [_mark_found(mark, "logos") for mark in found.logos],
        "icon": _mark_found(found.icon, "references") if found.icon else None,
        "copy": found.copy_.model_dump(mode="json"),
        "pictures": [picture.model_dump(mode="json") for picture in found.pictures],
        "photography": list(found.photography),
        "sources": {
            part: words.model_dump(mode="json")
            for part, words in (("name", found.name), ("tagline", found.tagline))
            if words is not None
        },
        "not_found": list(found.not_found),
        "warnings": [*found.warnings, *_stood_in(found)],
    }


def starter_brief(found: Proposals) -> str:
    """A first `brief.toml` in the site's own words; empty where it has no headline."""
    headlines = [words.text for words in found.copy_.headlines if len(words.text) <= 60][:2]
    if not headlines:
        return ""
    fields = [("version", 1), ("name", "first-ads"), ("headlines", headlines)]
    fields += [("action", found.copy_.actions[0].text)] if found.copy_.actions else []
    fields += [("formats", ["meta-square", "meta-story", "display-300x250"]), ("count", 1), ("seed", 7)]
    # JSON strings and lists are TOML's too, but for one control character that JSON leaves as it is.
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f") for name, value in fields]
    return "# The site's own words, to begin with.\n" + "\n".join(lines) + "\n"


def _kit(found: Proposals) -> BrandKit:
    name = found.name.text if found.name else "Brand"
    return BrandKit(
        name=name[:80],
        tagline=found.tagline.text if found.tagline else "",
        palette=tuple(_swatches(found.palette)),
        type=BrandType(heading=_choice(found.heading, _STAND_IN_HEADING), body=_choice(found.body, 400)),
        logos=tuple(Logo(file=f"logos/{mark.file}", on=mark.on) for mark in found.logos),
        voice=Voice(tone=found.copy_.tone),
        photography=found.photography,
    )


def _swatches(palette: Iterable[Colour]) -> Iterator[Swatch]:
    """The surest of each role leads; a second primary is the secondary. Accents that are hardly sure stay proposals."""
    seen: set[str] = set()
    for colour in palette:
        role: Role = "secondary" if colour.role == "primary" and "primary" in seen else colour.role
        if colour.role == "accent" and colour.confidence < _LEAST_SURE:
            continue
        seen.add(colour.role)
        yield Swatch(role=role, hex=colour.hex, source=colour.source[:200], locked=False)


def _choice(face: Typeface | None, stand_in_weight: int) -> TypeChoice:
    if face is None or is_system(face.family):
        return STAND_IN.model_copy(update={"weight": stand_in_weight})
    files = tuple(FontFile(file=f"fonts/{kept.file}", weight=kept.weight) for kept in face.kept)
    return at_hand(TypeChoice(family=face.family, files=files, weight=face.weight), stand_in_weight)


def _files(found: Proposals) -> Iterator[tuple[str, bytes]]:
    for mark in found.logos:
        yield f"logos/{mark.file}", mark.data
    if found.icon is not None:
        yield f"references/{found.icon.file}", found.icon.data
    for face in (found.heading, found.body):
        for kept in face.kept if face else ():
            yield f"fonts/{kept.file}", kept.data


def _stood_in(found: Proposals) -> Iterator[str]:
    parts = (("Headings", found.heading), ("Body text", found.body))
    if found.heading and found.body and found.heading.family == found.body.family:
        parts = (("Headings and body text", found.heading),)
    for part, face in parts:
        if face is None or is_system(face.family) or face.kept or installed(face.family):
            continue
        where = f"get it from {face.link}" if face.link else "ask the client for its files"
        yield (
            f"{part}: {face.family} could not be kept (no font file with an open licence); {STAND_IN.family} stands in."
            f" To set it, {where} and add them to the kit's fonts/"
        )


def _face_found(face: Typeface) -> dict[str, Any]:
    facts = face.model_dump(mode="json", exclude={"kept"})
    return {**facts, "kept": [f"fonts/{kept.file}" for kept in face.kept]}


def _mark_found(mark: Mark, folder: str) -> dict[str, Any]:
    return {
        "file": f"{folder}/{mark.file}",
        **mark.model_dump(mode="json", exclude={"data", "file", "inks", "address"}),
    }


def _as_json(found: Proposals) -> str:
    return json.dumps(as_found(found), indent=2, ensure_ascii=False) + "\n"
