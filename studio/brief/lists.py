"""Lists of words on disk: text files with one choice a line, asked for as `__name__`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from studio.brief.wildcards import names_in
from studio.errors import BadInput
from studio.pixels import read_bytes
from studio.presets import presets_folder

_MAX_BYTES, _MOST_LINES, _MOST_LISTS = 2_000_000, 20_000, 200


def read_lists(texts: Iterable[str], folders: Sequence[Path]) -> dict[str, tuple[str, ...]]:
    """The lists that `texts` ask for, those that these ask for in turn, and, where any is asked for, the shipped ones;
    from the first of `folders`, or ours, that has them. What is nowhere is left out. Raises `BadInput` for a file that
    cannot be read."""
    found: dict[str, tuple[str, ...]] = {}
    wanted = [name for text in texts for name in names_in(text)]
    if wanted:  # all that ships, so that a name which is wrong can be answered with those that are right
        wanted = [*(path.stem for path in sorted((presets_folder() / "wildcards").glob("*.txt"))), *wanted]
    while wanted and len(found) < _MOST_LISTS:
        name = wanted.pop()
        if name in found or ".." in name:
            continue
        lines = _lines(name, [*folders, presets_folder() / "wildcards"])
        if lines:
            found[name] = lines
            wanted += [inner for line in lines if "__" in line for inner in names_in(line)]
    return found


def _lines(name: str, folders: Sequence[Path]) -> tuple[str, ...]:
    path = next((path for folder in folders if (path := folder / f"{name}.txt").is_file()), None)
    if path is None:
        return ()
    data = read_bytes(path, _MAX_BYTES)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    lines = [line.strip() for line in text.splitlines()]
    kept = tuple(line for line in lines if line and not line.startswith("#"))
    if len(kept) > _MOST_LINES:
        raise BadInput(f"{path.name} has {len(kept):,} lines", f"Expected at most {_MOST_LINES:,}")
    return kept
