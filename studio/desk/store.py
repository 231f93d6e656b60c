"""The workspace on disk: one SQLite file, content-addressed blobs and snapshots of kits."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from studio.desk import files, schema
from studio.errors import BadInput, DeskError
from studio.model import Picture, Shot
from studio.settings import prepare

STALE_S = 3600.0
BUSY_MS = 15_000
ADAPTER = ".safetensors"
"""The suffix of LoRAs in the workspace."""
_DIGEST = re.compile(r"[0-9a-f]{16,64}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,12}")


class Store:
    """One workspace, open in this process. Safe to use from several threads; other processes open their own.

    Every method raises `DeskError` when the disk is full, the folder may not be written, or the index is damaged or
    held by another program. What was written before stays whole in each of these cases.
    """

    def __init__(self, home: Path) -> None:
        self.home = prepare(home)
        self.index = home / "desk.sqlite"
        self._lock = threading.RLock()
        self._depth = 0
        self._seen: dict[tuple[str, int, int], str] = {}
        self._db = self._open()
        for folder in (home / "kits", *(home / "pictures").glob("??")):
            files.sweep(folder, STALE_S)

    def _open(self) -> sqlite3.Connection:
        with self._explained():
            db = sqlite3.connect(self.index, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
            try:
                db.row_factory = sqlite3.Row
                db.execute(f"PRAGMA busy_timeout={BUSY_MS}")
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("PRAGMA synchronous=NORMAL")
                db.execute("PRAGMA foreign_keys=ON")
                schema.migrate(db)
            except BaseException:
                db.close()
                raise
            return db

    def close(self) -> None:
        """Close the index. The store cannot be used afterwards."""
        with self._lock, suppress(sqlite3.Error):
            self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.close()

    # ------------------------------------------------------------------------------------------ index

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The index, locked for writing; everything inside is kept together or not at all. May be nested."""
        with self._lock, self._explained():
            if self._depth == 0:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield self._db
                if self._depth == 1:
                    self._db.execute("COMMIT")
            except BaseException:
                if self._depth == 1 and self._db.in_transaction:
                    with suppress(sqlite3.Error):
                        self._db.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """What a query finds, read at one moment."""
        with self._lock, self._explained():
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _explain(self.index, error) from error

    # ------------------------------------------------------------------------------------------ blobs

    def blob_path(self, digest: str, suffix: str = ".png") -> Path:
        """Where a blob lies, or would. Raises `BadInput` for what is not a digest, so no path escapes the workspace."""
        if not _DIGEST.fullmatch(digest) or not _SUFFIX.fullmatch(suffix):
            raise BadInput(f"Expected a content digest, got {digest[:80]!r}{suffix[:20]!r}")
        return self.home / "pictures" / digest[:2] / f"{digest}{suffix}"

    def put_blob(self, data: bytes, suffix: str = ".png") -> str:
        """Keep bytes under the SHA-256 of their content, and return it. Keeping the same bytes again costs a read."""
        digest = hashlib.sha256(data).hexdigest()
        path = self.blob_path(digest, suffix)
        if not _holds(path, digest):
            files.write_whole(path, data)
        return digest

    def get_blob(self, digest: str, suffix: str = ".png") -> bytes:
        """The bytes, checked against their digest. Raises `DeskError` when they are gone or damaged."""
        path = self.blob_path(digest, suffix)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DeskError(f"A stored picture is gone: {path}", "Run the job again; it is painted anew.") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise DeskError(f"A stored picture is damaged: {path}", "Run the job again; it is painted anew.")
        return data

    def put_file(self, source: Path, suffix: str) -> str:
        """Keep a large file as it is now, read in pieces, and return the SHA-256 of its content. One that was kept
        before and has not been touched since costs nothing. Raises `BadInput` when it cannot be read."""
        try:
            about = source.stat()
            key = (str(source), about.st_size, about.st_mtime_ns)
            digest = self._seen.get(key)
            if digest is None:
                with source.open("rb") as opened:
                    digest = hashlib.file_digest(opened, "sha256").hexdigest()
        except (OSError, ValueError) as error:
            raise BadInput(f"{source.name} cannot be read: {error}", "Check the path and its permissions") from error
        path = self.blob_path(digest, suffix)
        # A copy, not a link: a trainer that writes into the same file again would change what was planned with.
        if not _sized(path, about.st_size) and files.copy_whole(source, path) != digest:
            path.unlink(missing_ok=True)
            raise BadInput(f"{source.name} changed while it was read", "Wait until it is written, then try again")
        with self._lock:
            self._seen[key] = digest
        return digest

    def file_path(self, digest: str, suffix: str) -> Path:
        """Where a kept file lies. Raises `DeskError` when it is gone."""
        path = self.blob_path(digest, suffix)
        if not path.is_file():
            raise DeskError(f"A file the picture needs is gone: {path}", "Make the ads again from the brief.")
        return path

    # ------------------------------------------------------------------------------------------ pictures

    def save_picture(self, picture: Picture, shot: Shot | None = None) -> None:
        """Record what a shot became. Its blobs must have been put before; a newer picture replaces the older."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO pictures (shot_id, picture, shot, created) VALUES (?, ?, ?, ?) ON CONFLICT (shot_id) DO "
                "UPDATE SET picture = excluded.picture, created = excluded.created, "
                "shot = coalesce(excluded.shot, shot)",
                (picture.shot_id, picture.model_dump_json(), shot.model_dump_json() if shot else None, time.time()),
            )

    def picture(self, shot_id: str, *, maps: bool = True) -> Picture | None:
        """The picture of a shot; None if it was never painted, or its pixels (and with `maps` its maps) are gone or
        damaged."""
        found = self.rows("SELECT picture FROM pictures WHERE shot_id = ?", (shot_id,))
        if not found:
            return None
        picture = Picture.model_validate_json(found[0]["picture"])
        blobs = (picture.digest, *(picture.maps.values() if maps else ()))
        return picture if all(_holds(self.blob_path(digest), digest) for digest in blobs) else None

    def shot(self, shot_id: str) -> Shot | None:
        """The shot a stored picture was painted from, if it was kept."""
        found = self.rows("SELECT shot FROM pictures WHERE shot_id = ? AND shot IS NOT NULL", (shot_id,))
        return Shot.model_validate_json(found[0]["shot"]) if found else None

    def forget_picture(self, shot_id: str) -> None:
        """Drop the record of a picture, so that the shot is painted again. Blobs stay."""
        with self.transaction() as db:
            db.execute("DELETE FROM pictures WHERE shot_id = ?", (shot_id,))

    # ------------------------------------------------------------------------------------------ results

    def keep_result(self, key: str, facts: Mapping[str, Any], blobs: Mapping[str, bytes]) -> None:
        """Keep what was made of a picture under the hash of everything that decided it."""
        kept = {name: self.put_blob(data) for name, data in blobs.items()}
        with self.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO results (key, facts, blobs, created) VALUES (?, ?, ?, ?)",
                (key, json.dumps(facts), json.dumps(kept), time.time()),
            )

    def result(self, key: str) -> tuple[dict[str, Any], dict[str, bytes]] | None:
        """Facts and blobs of a result; None if it was never made or its files are gone or damaged."""
        found = self.rows("SELECT facts, blobs FROM results WHERE key = ?", (key,))
        if not found:
            return None
        try:
            blobs = {name: self.get_blob(digest) for name, digest in json.loads(found[0]["blobs"]).items()}
        except DeskError:
            return None
        return json.loads(found[0]["facts"]), blobs

    # ------------------------------------------------------------------------------------------ kits

    def kit_path(self, digest: str) -> Path:
        """The folder of a kit's snapshot, or where it would lie."""
        if not _DIGEST.fullmatch(digest):
            raise BadInput(f"Expected a kit's digest, got {digest[:80]!r}")
        return self.home / "kits" / digest

    # ------------------------------------------------------------------------------------------ health

    def check(self, out_dir: Path | None = None) -> None:
        """Write and remove a megabyte in the workspace (and `out_dir`). Raises `DeskError` when that is refused."""
        for folder in (self.home, out_dir):
            if folder is not None:
                probe = folder / f"{files.ASIDE}probe-{secrets.token_hex(4)}.part"
                files.write_whole(probe, b"\0" * (1 << 20))
                probe.unlink(missing_ok=True)
        with self.transaction() as db:
            db.execute("UPDATE probe SET at = ?", (time.time(),))


def _holds(path: Path, digest: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == digest
    except OSError:
        return False


def _sized(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _explain(index: Path, error: sqlite3.Error) -> DeskError:
    text = str(error)
    if "full" in text:
        return DeskError(
            f"The disk is full; the workspace index {index} could not be written",
            "Free some space on that disk, then start the same job again: everything finished so far is kept.",
        )
    if "locked" in text or "busy" in text:
        return DeskError(
            f"The workspace index {index} is held by another program",
            "Close other Lockup windows, backup or sync programs that use this folder, then try again.",
        )
    if "readonly" in text or "unable to open" in text:
        return DeskError(
            f"The workspace index {index} may not be written",
            "Give yourself write access to that folder, or set STUDIO_HOME to another one.",
        )
    if "malformed" in text or "not a database" in text or "disk I/O" in text:
        return DeskError(
            f"The workspace index {index} is damaged ({text})",
            "Move that file (and desk.sqlite-wal, desk.sqlite-shm) away; a new one is made at the next start. "
            "Finished ads and stored pictures are not touched.",
        )
    return DeskError(f"The workspace index {index} refused: {text}", "Restart Lockup; if it stays, move the file away.")
