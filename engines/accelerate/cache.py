"""Built engines, kept: under a key of everything that changes them, each with a sidecar that says what it is.

One folder an engine, named by its key's digest: the engine's files, `engine.json`, and what a runtime compiles of it
for the cards it runs on. Folders are written aside and renamed, so that there is a whole engine or none. What is torn,
or is not what its sidecar says, is deleted. Safe for several processes. Loads no torch.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engines.accelerate.key import FORMAT, Key, in_words
from engines.accelerate.seals import SIDECAR, Data, files, seal, sidecar, sync, sync_folder, write, write_aside, wrong
from engines.base import EngineError, Progress

log = logging.getLogger(__name__)
ENGINE = "model.engine"
LIMIT_BYTES = 60_000_000_000
"""Ten full-size engines of SDXL's UNet."""


@dataclass(frozen=True)
class Entry:
    """An engine that is kept, as its sidecar tells it. `used` is the time of its last use, in nanoseconds."""

    folder: Path
    key: Mapping[str, Any]
    facts: Mapping[str, Any]
    made: str
    bytes: int
    used: int


class EngineCache:
    """The engines in a folder, at most `limit_bytes` of them: those that lie unused longest make room."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self.folder, self.limit_bytes = folder, limit_bytes

    # ---------------------------------------------------------------------------------------------- one engine

    def get(self, key: Key) -> Path | None:
        """The engine's file, or None. One that is torn or foreign is deleted, and its key remembers why."""
        home = self.folder / key.digest
        if not home.is_dir():
            return None
        why = wrong(home, key)
        if why:
            with self._door():
                why = wrong(home, key) if home.is_dir() else ""  # another process may just have put it right
                if why:
                    self._condemn(key, why)
        if not home.is_dir() or why:
            return None
        with contextlib.suppress(OSError):
            os.utime(home / SIDECAR)
        return home / sidecar(home)["main"]

    def put(self, key: Key, data: Data | Path, facts: Mapping[str, Any] | None = None, main: str = ENGINE) -> Path:
        """Keep an engine: its bytes, or a folder (best one of `aside`) that holds the file `main` and all it needs and
        is moved here. `facts` go into its sidecar. Raises `EngineError` when it cannot be written."""
        aside = self.folder / f".{key.digest}-{secrets.token_hex(4)}.part"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if isinstance(data, Path):
                shutil.move(data, aside)
            else:
                aside.mkdir()
                write(aside / main, data)
            sizes = {file.relative_to(aside).as_posix(): seal(file) for file in files(aside)}
            said = {
                "format": FORMAT,
                "digest": key.digest,
                "key": key.told(),
                "main": main,
                "files": sizes,
                "made": datetime.now(UTC).isoformat(timespec="seconds"),
                "facts": dict(facts or {}),
            }
            for file in files(aside):
                sync(file)
            write(aside / SIDECAR, json.dumps(said, indent=2, ensure_ascii=False).encode())
            with self._door():
                home = self.folder / key.digest
                if home.exists() and not wrong(home, key):
                    _gone(aside)  # another process was quicker
                else:
                    _gone(home)
                    aside.rename(home)
                    sync_folder(self.folder)
        except OSError as error:
            _gone(aside)
            raise EngineError(
                f"The engine could not be kept: {error.strerror or error}", f"Check the disk of {self.folder}."
            ) from error
        self.trim(keep=(key.digest,))
        return home / main

    def aside(self, key: Key) -> Path:
        """A new, empty folder to build in, on the same disk. Swept away once nobody holds `building` any more."""
        folder = self.folder / f".{key.digest}-{secrets.token_hex(4)}.part"
        folder.mkdir(parents=True)
        return folder

    @contextlib.contextmanager
    def building(self, key: Key, progress: Progress | None = None) -> Iterator[None]:
        """Only one process at a time builds an engine; the others wait. Raises `Stopped` when `progress` says so."""
        lock = self._lock(key.digest)
        progress = progress or Progress()
        while not _held(lock, 0.2):
            progress.report(0.0, "Another window is building this engine")
        try:
            yield
        finally:
            for left in self.folder.glob(f".{key.digest}-*.part"):
                _gone(left)
            lock.release()

    # ---------------------------------------------------------------------------------------------- engines that failed

    def condemn(self, key: Key, reason: str) -> None:
        """Delete an engine that would not load, and remember why."""
        with self._door():
            self._condemn(key, reason)

    def prove(self, key: Key) -> None:
        """This engine loaded: whatever was wrong with those before it is forgotten."""
        self._bad(key).unlink(missing_ok=True)

    def failures(self, key: Key) -> tuple[str, ...]:
        """Why engines of this key were deleted since one last loaded, the first one first."""
        try:
            said = json.loads(self._bad(key).read_bytes())
            return tuple(str(reason) for reason in said["reasons"])
        except (OSError, ValueError, KeyError, TypeError):
            return ()

    def broken(self, wanted: Key) -> list[Key]:
        """Keys of engines that would serve, were they not deleted since they last loaded."""
        found = []
        for path in sorted(self.folder.glob("*.bad.json")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                found.append(Key.of(json.loads(path.read_bytes())["key"]))
        return [key for key in found if key.serves(wanted) and self.failures(key)]

    def may_rebuild(self, key: Key) -> bool:
        """Whether to build it unasked: once after a failure, not again and again."""
        return len(self.failures(key)) <= 1

    def _condemn(self, key: Key, reason: str) -> None:
        log.warning("engine %s of %s deleted: %s", key.digest[:12], key.graph, reason)
        reasons = [*self.failures(key), reason][-4:]
        with contextlib.suppress(OSError):
            write_aside(
                self._bad(key), json.dumps({"key": key.told(), "reasons": reasons}, ensure_ascii=False).encode()
            )
        _gone(self.folder / key.digest)

    def _bad(self, key: Key) -> Path:
        return self._bad_of(key.digest)

    def _bad_of(self, digest: str) -> Path:
        return self.folder / f"{digest}.bad.json"

    # ---------------------------------------------------------------------------------------------- all of them

    def entries(self) -> list[Entry]:
        """Every engine with a sidecar that can be read, the last used first."""
        found = []
        for home in self._homes():
            try:
                said, used = sidecar(home), (home / SIDECAR).stat().st_mtime_ns
                found.append(Entry(home, said["key"], said["facts"], said["made"], _size(home), used))
            except (OSError, ValueError):
                continue
        return sorted(found, key=lambda entry: entry.used, reverse=True)

    def knows(self, graph: str, flavour: str) -> bool:
        """Whether there is an engine of a graph at all, or was one of any that failed."""
        kept = any((one.key.get("graph"), one.key.get("flavour")) == (graph, flavour) for one in self.entries())
        return kept or any(self.folder.glob("*.bad.json"))

    def serving(self, wanted: Key) -> list[Key]:
        """Keys of engines that are kept and would serve (`Key.serves`): the one itself first, then the last used."""
        found = [wanted]
        for entry in self.entries():
            with contextlib.suppress(KeyError, TypeError, ValueError):
                found.append(Key.of(entry.key))
        return [key for key in dict.fromkeys(found) if key.serves(wanted)]

    def remove(self, digest: str) -> Entry:
        """Delete one engine, named by its digest or by how that begins. Raises `EngineError` when none is called so, or
        several are, or another program has it open."""
        found = [entry for entry in self.entries() if digest and entry.folder.name.startswith(digest)]
        if len(found) != 1:
            what = f"{len(found)} engines are" if found else "No engine is"
            raise EngineError(f"{what} called “{digest}”", "See them: python app.py engines built")
        with self._door():
            if not _gone(found[0].folder):
                raise EngineError("The engine is in use by another program", "Stop what paints with it, and try again.")
            self._bad_of(found[0].folder.name).unlink(missing_ok=True)
        return found[0]

    def why_none(self, key: Key) -> str:
        """Why `get` finds nothing, in words: what the nearest engine was built for instead."""
        failures = self.failures(key)
        if failures:
            return f"the engine was not usable: {failures[-1]}"
        wanted, best = key.told(), None
        for entry in self.entries():
            if entry.key.get("graph") != key.graph or entry.key.get("flavour") != key.flavour:
                continue
            apart = [name for name in wanted if entry.key.get(name) != wanted[name]]
            if best is None or len(apart) < len(best[0]):
                best = (apart, entry.key)
        if best is None or not best[0]:
            return "no engine is built"
        return f"the nearest engine is {' and '.join(in_words(name, best[1].get(name)) for name in best[0])}"

    def trim(self, needed_bytes: int = 0, keep: Sequence[str] = ()) -> list[str]:
        """Delete the longest unused engines until `needed_bytes` more fit into the limit; digests in `keep` stay.
        Returns the digests of those that went."""
        went: list[str] = []
        with self._door():
            self._sweep()
            homes = sorted(self._homes(), key=_used)
            total = sum(map(_size, homes)) + needed_bytes
            for home in homes:
                if total <= self.limit_bytes:
                    break
                if home.name in keep:
                    continue
                size = _size(home)
                if _gone(home):
                    total -= size
                    went.append(home.name)
        return went

    def _homes(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return [path for path in self.folder.iterdir() if len(path.name) == 64 and path.is_dir()]

    def _sweep(self) -> None:
        """What killed processes left behind: folders aside that nobody is writing."""
        for left in self.folder.glob(".*"):
            if left.suffix == ".gone":
                _gone(left)
            elif left.suffix == ".part" and time.time() - left.stat().st_mtime > 60:
                lock = self._lock(left.name[1:65])
                if _held(lock, 0):
                    _gone(left)
                    lock.release()

    @contextlib.contextmanager
    def _door(self) -> Iterator[None]:
        """Whoever renames or deletes stands here, for a moment."""
        lock = self._lock("door")
        if not _held(lock, 60):
            raise EngineError(f"{self.folder} is in use by another program", "Close it, or try again in a minute.")
        try:
            yield
        finally:
            lock.release()

    def _lock(self, name: str) -> Any:
        """A lock of the operating system, gone with the process that holds it; on Windows too."""
        from filelock import FileLock

        folder = self.folder / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{name}.lock", thread_local=False)


# ------------------------------------------------------------------------------------------------ folders


def _size(home: Path) -> int:
    with contextlib.suppress(OSError):
        return sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    return 0


def _used(home: Path) -> int:
    try:
        return (home / SIDECAR).stat().st_mtime_ns
    except OSError:
        return 0  # no engine: the first to go


def _gone(path: Path) -> bool:
    """Whether it is away now. Renamed first, so that nobody finds half of it; on Windows what is open stays."""
    away = path.with_name(f".{path.name.lstrip('.')[:64]}-{secrets.token_hex(4)}.gone")
    try:
        path.rename(away)
    except FileNotFoundError:
        return True
    except OSError as error:
        log.info("%s stays: %s", path.name, error)
        return False
    shutil.rmtree(away, ignore_errors=True)
    return True


def _held(lock: Any, seconds: float) -> bool:
    from filelock import Timeout

    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        return False
    return True
