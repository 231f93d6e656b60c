"""Styles of other tools as looks: `styles.csv` as AUTOMATIC1111 and its relatives write it, and InvokeAI's CSV or JSON.

A style is a name, words for the scene (`{prompt}` where the user's own go) and words to avoid. Files are only read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from studio.brief.rows import slug
from studio.brief.table import RowError, decoded, delimiter_of, records
from studio.errors import BadInput
from studio.model import Look
from studio.pixels import read_bytes

_MAX_BYTES, _MOST, _MAX_WORDS, _MAX_NAME = 10_000_000, 5_000, 4_000, 200
_COLUMNS = {
    "name": "name",
    "prompt": "prompt",
    "positiveprompt": "prompt",
    "negativeprompt": "avoid",
    "negative": "avoid",
}


class Styles(NamedTuple):
    """What a file holds: looks by id, and the rows that are none."""

    looks: dict[str, Look]
    errors: tuple[RowError, ...]


def read_styles(path: Path, sets: Sequence[str], taken: Iterable[str] = ()) -> Styles:
    """The styles of a file as looks that go with all of `sets`; ids differ from those `taken`. Rows that cannot be
    read are reported by line (in JSON by entry) and the rest goes on; rows with neither words nor words to avoid are
    headings. Raises `BadInput` when the file as a whole holds no styles."""
    text = decoded(read_bytes(path, _MAX_BYTES), path.name)
    rows = _entries(text, path.name) if path.suffix.lower() == ".json" else _rows(text, path.name)
    ids, names = set(taken), set[str]()
    looks: dict[str, Look] = {}
    errors: list[RowError] = []
    for line, row in rows:
        if len(looks) + len(errors) >= _MOST:
            errors.append(RowError(line=line, message=f"More than {_MOST} styles", hint="Split the file"))
            break
        if isinstance(row, RowError):
            errors.append(row)
            continue
        name, prompt, avoid = (row.get(field, "").strip() for field in ("name", "prompt", "avoid"))
        wrong = _wrong(name, prompt, avoid, names)
        if wrong:
            errors.append(RowError(line=line, message=wrong[0], hint=wrong[1]))
        elif prompt or avoid:
            names.add(name)
            ids.add(look_id := _free(slug(name) or f"style-{line}", ids))
            described = f"From {path.name}"
            looks[look_id] = Look(
                id=look_id, name=name, description=described, sets=tuple(sets), scene=prompt, avoid=avoid
            )
    return Styles(looks, tuple(errors))


def looks_with(
    looks: Mapping[str, Look], sets: Sequence[str], files: Sequence[Path], named: Path | None = None
) -> tuple[dict[str, Look], tuple[str, ...]]:
    """`looks` and those of style files, and what in the files could not be read, a line each. Raises `BadInput` when
    the file that was `named` cannot be read as a whole."""
    found, said = dict(looks), list[str]()
    for path in (*files, *([named] if named else [])):
        try:
            styles = read_styles(path, sets, found)
        except BadInput as error:
            if path == named:
                raise
            said.append(str(error))
            continue
        found |= styles.looks
        said += [f"{path.name} line {error.line}: {error.message}" for error in styles.errors]
    return found, tuple(said)


def _wrong(name: str, prompt: str, avoid: str, names: set[str]) -> tuple[str, str] | None:
    """What is wrong with a style, and what to do."""
    if not name:
        return ("This style has no name", "Give it one in the first column") if prompt or avoid else None
    if name in names:
        return f"{name[:80]} is there a second time; the first is used", "Give one of them another name"
    if len(name) > _MAX_NAME or max(len(prompt), len(avoid)) > _MAX_WORDS:
        return f"{name[:40]} is too long", f"Expected at most {_MAX_WORDS} characters; perhaps a quote is not closed"
    if "\0" in name + prompt + avoid:
        return "Holds an unreadable character (NUL)", "Save the file again in UTF-8"
    return None


def _free(wanted: str, ids: set[str]) -> str:
    number, name = 2, wanted
    while name in ids:
        name, number = f"{wanted[:58]}-{number}", number + 1
    return name


def _rows(text: str, name: str) -> Iterator[tuple[int, dict[str, str] | RowError]]:
    columns: list[str | None] | None = None
    for line, cells in records(text, delimiter_of(text), 1):
        if isinstance(cells, RowError):
            yield line, cells
        elif columns is None:
            if any(cell.strip() for cell in cells):
                columns = _header(cells, name)
        elif any(cell.strip() for cell in cells[len(columns) :]):
            yield (
                line,
                RowError(
                    line=line,
                    message=f"{len(cells)} cells under {len(columns)} columns",
                    hint="Put texts with commas in quotes",
                ),
            )
        else:
            yield line, {field: cell for field, cell in zip(columns, cells, strict=False) if field}
    if columns is None:
        raise BadInput(f"{name} holds no styles", "Expected a first line name,prompt,negative_prompt")


def _header(cells: list[str], name: str) -> list[str | None]:
    columns = [_field(cell) for cell in cells]
    if "name" not in columns or not {"prompt", "avoid"} & set(columns):
        shown = ", ".join(cell.strip()[:30] for cell in cells[:6])
        raise BadInput(f"{name} is no list of styles; its columns are {shown}", "Expected name,prompt,negative_prompt")
    # Of two columns for the same thing the first holds.
    return [field if field not in columns[:place] else None for place, field in enumerate(columns)]


def _field(title: object) -> str | None:
    return _COLUMNS.get(str(title).lower().replace("_", "").replace(" ", ""))


def _entries(text: str, name: str) -> Iterator[tuple[int, dict[str, str] | RowError]]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{name} cannot be read as JSON: {error}"[:200], "Export the styles again") from error
    if not isinstance(entries, list) or not entries:
        raise BadInput(f"{name} is no list of styles", 'Expected [{"name": …, "prompt": …, "negative_prompt": …}]')
    for number, entry in enumerate(entries, 1):
        fields = {_field(key): value for key, value in entry.items()} if isinstance(entry, dict) else {}
        row = {field: value for field, value in fields.items() if field and isinstance(value, str)}
        if "name" in row:
            yield number, row
        else:
            yield number, RowError(line=number, message="This entry is no style", hint="Expected name and prompt")
