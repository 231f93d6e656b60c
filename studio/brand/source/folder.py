"""The files of a saved site: what any copy answers, and the copy that is a folder."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Protocol

from studio.brand.inside import inside
from studio.brand.source.content import ending_type
from studio.errors import BadInput

MOST_FILES = 2000
_MOST_SEEN = 20_000
_DEEPEST = 12
_JUNK = {"__macosx", "node_modules", "thumbs.db", "desktop.ini"}


class NotRead(Exception):
    """Why a file of a copy is not read, to be put behind its name."""


class Files(Protocol):
    """The files of a copy. Names are relative, with slashes, and never lead out of it."""

    @property
    def names(self) -> tuple[str, ...]:
        """At most 2,000, those nearest the top first."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out when it was opened."""
        ...

    def find(self, name: str) -> str | None:
        """The name of the file asked for, upper and lower case made right; None if there is none."""
        ...

    def read(self, name: str, limit: int) -> bytes:
        """The whole file. Raises `NotRead` if it holds more than `limit` bytes, is damaged or cannot be read."""
        ...

    def charset(self, name: str) -> str | None:
        """As declared beside the file, where a copy can."""
        ...


class Indexed:
    """Finding names in a list that is known as a whole; the first of two that differ only in case wins."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self._exact = frozenset(names)
        self._folded = {name.casefold(): name for name in reversed(names)}

    def find(self, name: str) -> str | None:
        plain = name.strip("/")
        return plain if plain in self._exact else self._folded.get(plain.casefold())

    def charset(self, name: str) -> str | None:
        return None


def nearest_first(names: list[str]) -> tuple[str, ...]:
    """In a fixed order: by depth, then by name."""
    return tuple(sorted(names, key=lambda name: (name.count("/"), name.casefold(), name)))


def unseen(name: str) -> bool:
    """Whether it is hidden, or what systems and tools leave lying about."""
    return any(part.startswith(".") or part.lower() in _JUNK for part in PurePosixPath(name).parts)


def single_top(names: list[str]) -> str:
    """The folder all files lie in, `a/b/`, however many folders deep; "" if they have no single one."""
    top = names[0].rpartition("/")[0] if names else ""
    while top and not all(name.startswith(f"{top}/") for name in names):
        top = top.rpartition("/")[0]
    return f"{top}/" if top else ""


class Folder:
    """A folder. A link is followed only to a file inside it; hidden files are not there."""

    def __init__(self, root: Path, unwrap: bool = True) -> None:
        """`unwrap`: where all files lie in one folder further down, that one is the root."""
        self._root = root
        self._sibling_names: dict[Path, dict[str, str]] = {}
        self.notes: tuple[str, ...] = ()
        names = self._walk()
        top = single_top(names) if unwrap else ""
        self._root = root / top if top else root
        self.names = nearest_first([name.removeprefix(top) for name in names])

    def find(self, name: str) -> str | None:
        plain = name.strip("/")
        if plain and self._file(plain) is not None:
            return plain
        found: list[str] = []
        at = self._root
        for part in PurePosixPath(plain).parts:
            true = self._siblings(at).get(part.casefold())
            if true is None:
                return None
            found.append(true)
            at = at / true
        return "/".join(found) if found and self._file("/".join(found)) is not None else None

    def read(self, name: str, limit: int) -> bytes:
        path = self._file(name)
        if path is None:
            raise NotRead("is not there")
        try:
            with path.open("rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            raise NotRead(f"cannot be read: {error.strerror or error}") from error
        if len(data) > limit:
            raise NotRead(f"is larger than {limit / 1e6:.3g} MB")
        return data

    def charset(self, name: str) -> str | None:
        return None

    def _file(self, name: str) -> Path | None:
        if unseen(name):
            return None
        try:
            path = inside(self._root, name)
            return path if path.is_file() else None
        except (BadInput, OSError, ValueError):
            return None

    def _siblings(self, folder: Path) -> dict[str, str]:
        """Names in a folder by their folded form; empty for what is no folder inside the root."""
        if folder not in self._sibling_names:
            found: dict[str, str] = {}
            try:
                if folder.resolve().is_relative_to(self._root.resolve()):
                    with os.scandir(folder) as entries:
                        for entry, _ in zip(entries, range(_MOST_SEEN), strict=False):
                            found.setdefault(entry.name.casefold(), entry.name)
            except (OSError, RuntimeError, ValueError):
                found = {}
            self._sibling_names[folder] = found
        return self._sibling_names[folder]

    def _walk(self) -> list[str]:
        """Level by level, so that a limit cuts off the deepest."""
        names: list[str] = []
        level = [""]
        seen = 0
        for _ in range(_DEEPEST):
            below: list[str] = []
            for folder in level:
                for name, is_folder in self._entries(folder):
                    seen += 1
                    if is_folder:
                        below.append(f"{name}/")
                    elif self._file(name) is not None:
                        names.append(name)
                    if len(names) >= MOST_FILES or seen >= _MOST_SEEN:
                        self.notes = (f"Only the first {len(names):,} files of the folder were looked at",)
                        return names
            level = below
        if level:
            self.notes = (f"Folders more than {_DEEPEST} deep were not looked at",)
        return names

    def _entries(self, folder: str) -> list[tuple[str, bool]]:
        found: list[tuple[str, bool]] = []
        try:
            with os.scandir(self._root / folder) as entries:
                for entry, _ in zip(entries, range(_MOST_SEEN), strict=False):
                    if not unseen(entry.name):
                        found.append((f"{folder}{entry.name}", entry.is_dir(follow_symlinks=False)))
        except OSError:
            return []
        # Pages first: they must be among those looked at.
        return sorted(found, key=lambda one: (not ending_type(one[0]).endswith("html"), one))
