"""Whether a worker process still lives, told by a lock the operating system lets go of when the process ends.

The lock is SQLite's own on a small file, so it works alike on Windows, macOS and Linux, without process ids.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal

from studio.desk.files import refused
from studio.errors import BadInput

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


class Presence:
    """Held for as long as the worker lives. Killing the process frees it at once."""

    def __init__(self, home: Path, worker: str) -> None:
        self._path = _path(home, worker)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refused(self._path, error) from error
        try:
            self._db = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
            self._db.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            raise refused(self._path, OSError(str(error))) from error

    def end(self) -> None:
        """Say goodbye. May be called twice."""
        with suppress(sqlite3.Error):
            self._db.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def state(home: Path, worker: str) -> Literal["alive", "dead", "unknown"]:
    """`unknown` for workers that never announced themselves or left in good order."""
    path = _path(home, worker)
    if not path.exists():
        return "unknown"
    try:
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return "alive"
    except sqlite3.Error:
        return "unknown"
    return "dead"


def bury(home: Path, worker: str) -> None:
    """Remove what a dead worker left."""
    with suppress(OSError):
        _path(home, worker).unlink(missing_ok=True)


def _path(home: Path, worker: str) -> Path:
    if not _NAME.fullmatch(worker):
        raise BadInput(f"{worker[:40]!r} cannot be a worker's name", "Use letters, digits, - and _")
    return home / "workers" / f"{worker}.alive"
