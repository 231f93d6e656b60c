"""Presets: data a designer could edit. Formats live in `presets/formats.toml`, one table each."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from studio.errors import BadInput
from studio.model import Format, Layout, Look, SafeZone, WordField
from studio.pixels import read_bytes
from studio.values import read_value

_MAX_BYTES = 1_000_000
_FAMILY_ORDER = {name: place for place, name in enumerate(("hero", "split", "bleed", "burst", "editorial", "type"))}
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def presets_folder() -> Path:
    """The folder `presets/` that comes with the program."""
    return Path(__file__).resolve().parent.parent / "presets"


def load_formats(extra: Path | None = None) -> dict[str, Format]:
    """Every format by id, in file order. Tables in `extra` are added, or replace ours of the same id.

    Raises `BadInput` naming file, table and field.
    """
    formats = _read(presets_folder() / "formats.toml")
    if extra is not None:
        formats |= _read(Path(extra))
    return formats


def pick_formats(formats: Mapping[str, Format], ids: tuple[str, ...]) -> tuple[Format, ...]:
    """The formats of `ids`, in that order, each once; `300x250` means `display-300x250`.

    Raises `BadInput` naming an unknown id and the nearest known ones.
    """
    picked: dict[str, Format] = {}
    for asked in ids:
        name = next((name for name in (asked, f"display-{asked}", f"print-{asked}") if name in formats), None)
        if name is None:
            near = get_close_matches(asked, formats, 3, 0.4) or list(formats)[:3]
            raise BadInput(f"There is no format called {asked}", f"Did you mean {', '.join(near)}?")
        picked[name] = formats[name]
    return tuple(picked.values())


def read_toml(path: Path, max_bytes: int = _MAX_BYTES) -> dict[str, Any]:
    """A TOML file's tables. Raises `BadInput` naming the file and the line."""
    data = read_bytes(path, max_bytes)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path.name} is not UTF-8 text", "Save it as UTF-8 text") from error
    return toml_of(text, path.name)


def toml_of(text: str, name: str) -> dict[str, Any]:
    """The tables of TOML text, which messages call `name`. Raises `BadInput` naming the line."""
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        last = text.count("\n", 0, len(text.rstrip())) + 1
        said = str(error).replace("at end of document", f"at line {last}, the end")
        raise BadInput(f"{name}: {said}", 'Expected TOML: a line like  name = "value"') from error
    # Deep nesting and dates out of range escape the parser's own error.
    except (RecursionError, ValueError, OverflowError) as error:
        raise BadInput(f"{name} cannot be read as TOML", f"Expected plain tables, got {error}"[:200]) from error


def _read(path: Path) -> dict[str, Format]:
    formats: dict[str, Format] = {}
    for name, table in read_toml(path).items():
        where = f"{path.name} [{name}]"
        if not _ID.fullmatch(name):
            raise BadInput(f"{where}: a format's name is made of lower-case letters, digits, dots and dashes")
        if not isinstance(table, dict):
            raise BadInput(f"{where}: expected a table, got {table!r}"[:200], f"Write [{name}] above its fields")
        if "id" in table:
            raise BadInput(f"{where}: unknown field id", "The table's name is the id")
        _check_fields(where, table, set(Format.model_fields) - {"id"})
        if isinstance(table.get("safe"), dict):
            _check_fields(f"{where} safe", table["safe"], set(SafeZone.model_fields))
        if isinstance(table.get("text_limits"), dict):
            _check_fields(f"{where} text_limits", table["text_limits"], set(get_args(WordField)))
        read = read_value(Format, {**table, "id": name, "channel": table.get("channel", "Own")}, where)
        _check_sense(where, read)
        formats[name] = read
    return formats


def _check_fields(where: str, table: dict[str, Any], known: set[str]) -> None:
    for field in table:
        if field not in known:
            near = get_close_matches(field, known, 1, 0.5)
            hint = f"Did you mean {near[0]}?" if near else f"Known fields here: {', '.join(sorted(known))}"
            raise BadInput(f"{where}: unknown field {field}", hint)


def _check_sense(where: str, read: Format) -> None:
    safe = read.safe
    if safe.left_fraction + safe.right_fraction >= 0.9 or safe.top_fraction + safe.bottom_fraction >= 0.9:
        raise BadInput(f"{where}: safe leaves no room", "Expected margins that add up to less than 0.9")
    if not read.files:
        raise BadInput(f"{where}: files is empty", 'Expected at least one of "png", "jpg", "webp"')
    if min(read.delivered_px) < 16:
        raise BadInput(f"{where}: {read.delivered_px[0]}×{read.delivered_px[1]} px is too small for an ad")
    for field, limit in read.text_limits.items():
        if limit < 1:
            raise BadInput(f"{where}: text_limits.{field}: expected 1 or more, got {limit}")


def load_layouts() -> dict[str, Layout]:
    """Every layout family by id. Raises `BadInput` naming file and field."""
    families = [read_value(Layout, read_toml(path), path.name) for path in _files("layouts")]
    return {family.id: family for family in sorted(families, key=lambda family: _FAMILY_ORDER.get(family.id, 99))}


def load_sets() -> dict[str, dict[str, Any]]:
    """Every stage set by id, as parsed TOML; the stage checks what is inside."""
    return {path.stem: read_toml(path) for path in _files("sets")}


def load_looks() -> dict[str, Look]:
    """Every look by id: a mood, and the sets that have it."""
    return {path.stem: read_value(Look, read_toml(path), path.name) for path in _files("looks")}


def _files(folder: str) -> list[Path]:
    return sorted((presets_folder() / folder).glob("*.toml"))
