"""The kits of a workspace: one folder each, by an id that is the folder's name."""

from __future__ import annotations

import contextlib
import itertools
import logging
import re
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from studio.brand.kit import TOKENS_FILE, LoadedKit, load_kit, writing
from studio.errors import BadInput, LockupError

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_SNAPSHOT = re.compile(r"[0-9a-f]{64}")
"""A kit's folder that bears a digest is a copy that ads were made with, not to be changed."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OnShelf:
    """A kit as it is listed. `changed` is when its tokens were last written, in seconds since the epoch."""

    id: str
    kit: LoadedKit
    changed: float


class Shelf:
    """Every method takes a kit's id and refuses what is none, so that no path leaves the folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder

    def folder(self, kit_id: str) -> Path:
        """Where a kit lies. Raises `BadInput` when there is none of that id."""
        if not _ID.fullmatch(kit_id) or _SNAPSHOT.fullmatch(kit_id) or not (self.path / kit_id).is_dir():
            raise BadInput(f"There is no kit called {kit_id[:80]!r}", "Choose one of the list under Brand.")
        return self.path / kit_id

    def load(self, kit_id: str) -> LoadedKit:
        """The kit, with fonts and logos. Raises `BadInput`."""
        return load_kit(self.folder(kit_id))

    def listed(self) -> list[OnShelf]:
        """Every kit that can be read, the latest changed first."""
        found = []
        for tokens in self.path.glob(f"*/{TOKENS_FILE}"):
            if _ID.fullmatch(tokens.parent.name) and not _SNAPSHOT.fullmatch(tokens.parent.name):
                try:
                    found.append(OnShelf(tokens.parent.name, load_kit(tokens.parent), tokens.stat().st_mtime))
                except (LockupError, OSError) as error:
                    log.warning("kit %s cannot be read: %s", tokens.parent, error)
        return sorted(found, key=lambda one: -one.changed)

    def place(self, name: str) -> Path:
        """A new, empty folder for the kit of a brand of that name."""
        # Shorter than the digests that snapshots are called by.
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:48].strip("-") or "brand"
        slug += "-kit" if PureWindowsPath(slug).is_reserved() else ""
        for number in itertools.count(1):
            folder = self.path / (slug if number == 1 else f"{slug}-{number}")
            with writing(folder), contextlib.suppress(FileExistsError):
                folder.mkdir(parents=True)
                return folder
        raise AssertionError("there is always a next number")
