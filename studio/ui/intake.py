"""Files that were dropped onto the page: only those in the upload folder are ever read."""

from __future__ import annotations

import os
import re
from pathlib import Path

from studio.errors import BadInput


def uploaded(path: str) -> Path:
    """The file of an upload. Raises `BadInput` for any other path, whatever it looks like."""
    folder = os.environ.get("GRADIO_TEMP_DIR", "")
    try:
        found = Path(path).resolve()
        if folder and found.is_relative_to(Path(folder).resolve()) and found.is_file():
            return found
    except (OSError, ValueError):  # no path at all
        pass
    raise BadInput("This file was not dropped here", "Drop it again.")


def web_address(typed: str) -> str:
    """What was typed, as an address on the web. Never a path: whether one exists here is nobody's business. Raises
    `BadInput` for what can be no address."""
    typed = typed.strip()
    if not typed:
        raise BadInput("There is nothing to read", "Give an address such as example.org, or drop a file")
    if re.match(r"[./~\\]|[A-Za-z]:[\\/]|file:", typed):
        raise BadInput(
            f"{typed[:80]} is a path, not an address", "Drop the file instead; for a website write https://…"
        )
    return typed if "://" in typed else f"https://{typed}"
