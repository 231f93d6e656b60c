"""Where the workspace is. Read from the environment at every call; nothing is remembered between calls."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from studio.errors import DeskError


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """The workspace folder: `STUDIO_HOME`, else the platform's data folder for "lockup". Not created here."""
    chosen = environ.get("STUDIO_HOME", "").strip()
    if chosen:
        return Path(chosen).expanduser().resolve()
    return Path(platformdirs.user_data_dir("lockup", appauthor=False))


def cache(workspace: Path) -> Path:
    """What can be deleted at any time and is made again."""
    return workspace / "cache"


def shown(workspace: Path) -> Path:
    """Small pictures and packs made for the screens, which may be served; they are made again when they are gone."""
    return cache(workspace) / "shown"


def logs(workspace: Path) -> Path:
    """One rotating file a process."""
    return workspace / "logs"


def prepare(workspace: Path) -> Path:
    """Make the workspace folder if it is missing. Raises `DeskError` when that is refused."""
    try:
        workspace.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DeskError(
            f"The workspace folder {workspace} cannot be made: {error.strerror or error}",
            "Choose a folder you may write to by setting STUDIO_HOME.",
        ) from error
    return workspace


def engine_environment(workspace: Path, package: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables a process that opens engines needs on top of its own.

    Compiled machine code is kept beside the package by default; where that folder is read-only it goes into the
    workspace, or every start would compile for a minute.
    """
    if "NUMBA_CACHE_DIR" in environ or os.access(package, os.W_OK):
        return {}
    return {"NUMBA_CACHE_DIR": str(cache(workspace) / "numba")}
