"""A kit as the Brand tab shows it: its values, what can be looked at, where each was found and how sure that is."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from studio.brand.adopt import FOUND_FILE
from studio.brand.check import check_kit
from studio.brand.fonts import font_path, installed
from studio.brand.kit import LoadedKit
from studio.brand.logo import LogoArt
from studio.desk.files import write_whole
from studio.errors import LockupError
from studio.model import TypeChoice
from studio.pixels import encode_png, read_bytes
from studio.ui.facts import address

_MAX_FOUND_BYTES = 2_000_000
_LOGO_PX = 480
_MOST = {"palette": 40, "headlines": 10, "actions": 6, "lines": 12, "alternatives": 6}
_LONGEST = 400
_LANGUAGES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian",
    "it": "Italian", "ja": "Japanese", "ko": "Korean", "nb": "Norwegian", "nl": "Dutch", "no": "Norwegian",
    "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "th": "Thai",
    "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


def kit_sheet(kit_id: str, kit: LoadedKit, shown: Path) -> dict[str, Any]:
    """Everything of a kit as plain JSON. Drawings of logos and fonts of packages are put below `shown`, which is
    served."""
    return {
        "id": kit_id,
        "digest": kit.digest,
        "kit": kit.kit.model_dump(mode="json"),
        "logos": [_logo(art, kit.folder, shown / "logos") for art in kit.logos],
        "faces": {
            "heading": _face(kit.kit.type.heading, kit.folder, shown / "fonts"),
            "body": _face(kit.kit.type.body, kit.folder, shown / "fonts"),
        },
        "findings": [finding.model_dump() for finding in check_kit(kit)],
        "found": read_found(kit.folder),
    }


def _logo(art: LogoArt, folder: Path, shown: Path) -> dict[str, Any]:
    """A logo as ads draw it: trimmed to its ink."""
    data = read_bytes(folder / art.logo.file, 64_000_000)
    path = shown / f"{hashlib.sha256(data).hexdigest()[:32]}.png"
    if not path.is_file():
        width = round(_LOGO_PX * min(1.0, max(art.aspect, 0.05)))
        write_whole(path, encode_png(art.rgba(max(width, 8))))
    return {"file": art.logo.file, "address": address(path), "aspect": art.aspect, "notes": list(art.notes)}


def _face(choice: TypeChoice, folder: Path, shown: Path) -> dict[str, Any]:
    """The font files of a choice, by weight, where a browser can get them."""
    files = []
    for font in choice.files:
        try:
            path = font_path(font.file, folder)
            if font.file.startswith("package:"):
                path = _copied(path, shown)
        except (LockupError, OSError):
            continue
        if path.is_file():
            files.append({"weight": font.weight, "italic": font.italic, "address": address(path)})
    return {"files": files, "installed": not choice.files and installed(choice.family)}


def _copied(path: Path, shown: Path) -> Path:
    """A package's font as a file that may be served."""
    copy = shown / f"{path.stem}-{path.stat().st_size}{path.suffix}"
    if not copy.is_file():
        shown.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return copy


# ------------------------------------------------------------------------------------------------ what was read


def read_found(folder: Path) -> dict[str, Any] | None:
    """What a reading found, from the kit's `proposals.json`; None where the kit was not read from anywhere.

    The file may have been edited or come from elsewhere: whatever in it is not as expected is left out.
    """
    path = folder / FOUND_FILE
    if not path.is_file():
        return None
    try:
        said = json.loads(read_bytes(path, _MAX_FOUND_BYTES).decode("utf-8"))
    except (LockupError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    fonts, sources = _table(said.get("fonts")), _table(said.get("sources"))
    copy = _table(said.get("copy"))
    return {
        "site": _text(said.get("site")),
        "language": language(_text(said.get("language"))),
        "name": _said(sources.get("name")),
        "tagline": _said(sources.get("tagline")),
        "palette": [_colour(one) for one in _rows(said.get("palette"), "palette")],
        "fonts": {part: _typeface(fonts[part]) for part in ("heading", "body") if isinstance(fonts.get(part), dict)},
        "logos": [
            {"file": _text(one.get("file")), "source": _text(one.get("source")), "confidence": _share(one)}
            for one in _rows(said.get("logos"), "palette")
        ],
        "headlines": list(_words(copy.get("headlines"), "headlines")),
        "actions": list(_words(copy.get("actions"), "actions")),
        "not_found": _lines(said.get("not_found")),
        "warnings": _lines(said.get("warnings")),
    }


def language(tag: str) -> str:
    """The name of a BCP 47 tag: `English (en-GB)`."""
    main, _, rest = tag.partition("-")
    name = _LANGUAGES.get(main.lower())
    return f"{name} ({tag})" if name and rest else name or (f"Language {tag}" if tag else "")


def _colour(one: Mapping[str, Any]) -> dict[str, Any]:
    near = one.get("alternatives")
    return {
        "hex": _hex(one.get("hex")),
        "role": _text(one.get("role")),
        "source": _text(one.get("source")),
        "confidence": _share(one),
        "alternatives": [_hex(hex_) for hex_ in (near if isinstance(near, list) else [])[: _MOST["alternatives"]]],
    }


def _typeface(one: Mapping[str, Any]) -> dict[str, Any]:
    link = _text(one.get("link"))
    return {
        "family": _text(one.get("family")),
        "source": _text(one.get("source")),
        "confidence": _share(one),
        "licence": _text(one.get("licence")),
        "link": link if link.startswith("https://") else "",
    }


def _words(rows: Any, kind: str) -> Iterator[dict[str, Any]]:
    for one in _rows(rows, kind):
        if said := _said(one):
            yield said


def _said(one: Any) -> dict[str, Any] | None:
    text = _text(one.get("text")) if isinstance(one, dict) else ""
    return {"text": text, "source": _text(one.get("source")), "confidence": _share(one)} if text else None


def _rows(rows: Any, kind: str) -> list[dict[str, Any]]:
    return [one for one in (rows if isinstance(rows, list) else [])[: _MOST[kind]] if isinstance(one, dict)]


def _lines(lines: Any) -> Sequence[str]:
    return [line for one in (lines if isinstance(lines, list) else [])[: _MOST["lines"]] if (line := _text(one))]


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _hex(value: Any) -> str:
    text = _text(value)
    good = len(text) == 7 and text[0] == "#" and all(char in "0123456789abcdef" for char in text[1:])
    return text if good else "#000000"


def _share(one: Mapping[str, Any]) -> float:
    value = one.get("confidence")
    return min(max(float(value), 0.0), 1.0) if isinstance(value, int | float) and math.isfinite(value) else 0.0
