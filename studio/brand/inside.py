"""Paths that a kit names: always files inside the kit's own folder, wherever the kit came from."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from studio.errors import BadInput

_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")


def relative_name(file: str) -> PurePosixPath:
    """`file` as a plain relative path. Raises `BadInput` for absolute ones, `..`, drives and device names."""
    hint = "Expected a path inside the kit like logos/logo.svg"
    text = file.replace("\\", "/")
    if not text.strip() or len(text) > 400 or any(ord(char) < 32 for char in text):
        raise BadInput(f"{file[:80]!r} is not a file name", hint)
    path = PurePosixPath(text)
    if path.is_absolute() or text.startswith("~") or ":" in text or ".." in path.parts or not path.parts:
        raise BadInput(f"{file} points outside the kit", hint)
    if any(_RESERVED.fullmatch(part) or part != part.rstrip(" .") for part in path.parts):
        raise BadInput(f"{file} is not a name every system allows", hint)
    return path


def inside(folder: Path, file: str) -> Path:
    """Where `file` lies in `folder`. Raises `BadInput` if it leads out, also through a symbolic link."""
    path = folder / relative_name(file)
    try:
        real = path.resolve()
        root = folder.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a link that leads round in a circle
        raise BadInput(f"{file} cannot be followed: {error}", "Put the file itself into the kit") from error
    if not real.is_relative_to(root):
        raise BadInput(f"{file} leads out of the kit through a link", "Put the file itself into the kit")
    return path
