"""Files that were dropped onto the page: only those in the upload folder are ever read."""

from __future__ import annotations

import os
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
