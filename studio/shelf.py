"""The kits of a workspace: one folder each, by an id that is the folder's name."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from studio.brand.adopt import BRIEF_FILE, FOUND_FILE
from studio.brand.kit import TOKENS_FILE, LoadedKit, copy_kit, load_kit, new_kit, save_kit, writing
from studio.desk.files import ASIDE, write_whole
from studio.errors import BadInput, LockupError
from studio.model import BrandKit

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_SNAPSHOT = re.compile(r"[0-9a-f]{64}")
"""A kit's folder that bears a digest is a copy that ads were made with, not to be changed."""
_REMOVED = re.compile(r"\.removed-([a-z0-9][a-z0-9-]{0,60})-[0-9a-f]{8}")
_KEPT_DAYS = 30
_BESIDE = (FOUND_FILE, BRIEF_FILE)
MOST_SWATCHES, MOST_LOGOS, MOST_CHARS = 64, 24, 200_000
log = logging.getLogger(__name__)

Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class OnShelf:
    """A kit as it is listed. `changed` is when its tokens were last written, in seconds since the epoch."""

    id: str
    kit: LoadedKit
    changed: float


class Shelf:
    """Every method takes a kit's id and refuses what is none, so that no path leaves the folder. A kit that was read is
    kept until one of its files changes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self._known: dict[str, tuple[Stamp, OnShelf]] = {}
        self._lock = threading.RLock()

    # -------------------------------------------------------------------------------------------- reading

    def folder(self, kit_id: str) -> Path:
        """Where a kit lies. Raises `BadInput` when there is none of that id."""
        if not _ID.fullmatch(kit_id) or _SNAPSHOT.fullmatch(kit_id) or not (self.path / kit_id).is_dir():
            raise BadInput(f"There is no kit called {kit_id[:80]!r}", "Choose one of the list under Brand.")
        return self.path / kit_id

    def load(self, kit_id: str) -> LoadedKit:
        """The kit, with fonts and logos. Raises `BadInput`."""
        return self._read(self.folder(kit_id)).kit

    def listed(self) -> list[OnShelf]:
        """Every kit that can be read, the latest changed first."""
        found = []
        for tokens in self.path.glob(f"*/{TOKENS_FILE}"):
            if _ID.fullmatch(tokens.parent.name) and not _SNAPSHOT.fullmatch(tokens.parent.name):
                try:
                    found.append(self._read(tokens.parent))
                except (LockupError, OSError) as error:
                    log.warning("kit %s cannot be read: %s", tokens.parent, error)
        return sorted(found, key=lambda one: -one.changed)

    def _read(self, folder: Path) -> OnShelf:
        stamp = tuple(sorted(_stamps(folder)))
        known = self._known.get(folder.name)
        if known is not None and known[0] == stamp:
            return known[1]
        tokens = folder / TOKENS_FILE
        changed = tokens.stat().st_mtime if tokens.is_file() else 0.0
        read = OnShelf(folder.name, load_kit(folder), changed)
        with self._lock:
            self._known[folder.name] = stamp, read
        return read

    # -------------------------------------------------------------------------------------------- writing

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

    def save(self, kit_id: str, digest: str, kit: BrandKit) -> LoadedKit:
        """Write a changed kit and load it. `digest` is that of the kit that was changed: when the kit on the shelf is
        another by now, or the new one cannot be used, nothing is written. Raises `BadInput`."""
        _sensible(kit)
        with self._lock:
            folder = self.folder(kit_id)
            if self.load(kit_id).digest != digest:
                raise BadInput(
                    f"{kit.name or 'This kit'} was changed elsewhere in the meantime",
                    "It is shown as it is now; make your change again.",
                )
            before = (folder / TOKENS_FILE).read_bytes()
            save_kit(kit, folder)
            try:
                return self.load(kit_id)
            except BaseException:
                write_whole(folder / TOKENS_FILE, before)
                raise

    def blank(self, name: str) -> str:
        """A new kit to begin with: black on white, and the typeface that stands in. Returns its id."""
        folder = self.place(name)
        try:
            new_kit(folder, name, palette={"background": "#ffffff", "text": "#1a1a18"})
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder.name

    def duplicate(self, kit_id: str) -> str:
        """A copy of a kit, and its id."""
        source = self.folder(kit_id)
        name = f"{self.load(kit_id).kit.name[:150]} copy"
        folder = self.put(source, name)
        save_kit(load_kit(folder).kit.model_copy(update={"name": name}), folder)
        return folder.name

    def put(self, source: Path, name: str) -> Path:
        """A copy of the kit in `source` on the shelf, whole or not at all, under an id made of `name`."""
        folder = self.place(name)
        try:
            with writing(folder):
                folder.rmdir()
            copy_kit(source, folder)
            for beside in _BESIDE:
                if (source / beside).is_file() and not (source / beside).is_symlink():
                    shutil.copyfile(source / beside, folder / beside)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    # -------------------------------------------------------------------------------------------- taking away

    def remove(self, kit_id: str) -> str:
        """Take a kit off the shelf. Returns what `bring_back` takes; after a month it is really gone."""
        with self._lock:
            folder = self.folder(kit_id)
            self._forget_old()
            token = f".removed-{kit_id}-{secrets.token_hex(4)}"
            with writing(folder):
                os.utime(folder)
                folder.rename(self.path / token)
            self._known.pop(kit_id, None)
        return token

    def bring_back(self, token: str) -> str:
        """Put a removed kit back on the shelf, and return its id: its own, or a numbered one if that is taken."""
        named = _REMOVED.fullmatch(token)
        folder = self.path / token
        if named is None or not folder.is_dir():
            raise BadInput("This kit is no longer there", "Kits that were deleted are kept for a month.")
        with self._lock:
            to = self.place(named[1])
            with writing(to):
                to.rmdir()
                folder.rename(to)
        return to.name

    def _forget_old(self) -> None:
        for folder in self.path.glob(".removed-*"):
            with contextlib.suppress(OSError):
                if time.time() - folder.stat().st_mtime > _KEPT_DAYS * 86_400:
                    shutil.rmtree(folder, ignore_errors=True)


def _stamps(folder: Path) -> Iterator[tuple[str, int, int]]:
    """What changes when any of a kit's files does."""
    for part in ("", "logos", "fonts", "references"):
        try:
            with os.scandir(folder / part) as entries:
                for entry in itertools.islice(entries, 400):
                    if entry.is_file() and not entry.name.startswith(ASIDE):
                        known = entry.stat()
                        yield f"{part}/{entry.name}", known.st_mtime_ns, known.st_size
        except OSError:
            continue


def _sensible(kit: BrandKit) -> None:
    """Raise `BadInput` for a kit no designer would make, before it is written."""
    if len(kit.palette) > MOST_SWATCHES or len(kit.logos) > MOST_LOGOS or len(kit.canonical()) > MOST_CHARS:
        raise BadInput(
            "The kit has become too large",
            f"At most {MOST_SWATCHES} colours, {MOST_LOGOS} logos and a few pages of words.",
        )
    if not kit.name.strip() or len(kit.name) > 200:
        raise BadInput("A kit needs a name of at most 200 characters", "Type the brand's name.")
