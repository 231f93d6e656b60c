"""Writing a file so that it is either whole or not there, and saying plainly why it could not be written."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import time
from pathlib import Path

from studio.errors import DeskError

ASIDE = ".lockup-"
"""How the names of unfinished files begin; they lie beside the file they will become."""
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` aside in the same folder, flush it to the disk, then rename it to `path`.

    A reader sees the old file or the new one, never a part; an interruption leaves at most a hidden aside file, which
    `sweep` removes. Raises `DeskError` when the disk is full or the folder may not be written.
    """
    # The second try is for the case that another process swept the aside file away just before the rename.
    for last in (False, True):
        aside = path.with_name(f"{ASIDE}{os.getpid()}-{secrets.token_hex(6)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_synced(aside, data)
            replace(aside, path)
            return
        except FileNotFoundError as error:
            if last:
                raise refused(path, error) from error
        except OSError as error:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
            raise refused(path, error) from error


def copy_whole(source: Path, path: Path) -> str:
    """Copy a file in pieces, aside and renamed as `write_whole` does; returns the SHA-256 of what was copied."""
    aside = path.with_name(f"{ASIDE}{os.getpid()}-{secrets.token_hex(6)}.part")
    seen = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as read, aside.open("wb") as written:
            while piece := read.read(1 << 22):
                seen.update(piece)
                written.write(piece)
            written.flush()
            os.fsync(written.fileno())
        replace(aside, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise refused(path, error) from error
    return seen.hexdigest()


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace(source: Path, target: Path) -> None:
    """Rename over what is there; waits up to a second while another program, such as a viewer, holds the target."""
    for attempt in range(10):
        try:
            source.replace(target)
            return
        except PermissionError:
            if os.name != "nt" or attempt == 9:
                raise
            time.sleep(0.1)


def sweep(folder: Path, older_than_s: float) -> int:
    """Remove unfinished files and folders that nobody has touched for `older_than_s` seconds; returns how many."""
    removed = 0
    with contextlib.suppress(OSError):
        for entry in list(folder.glob(f"{ASIDE}*.part")):
            with contextlib.suppress(OSError):
                if time.time() - entry.stat().st_mtime >= older_than_s:
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
                    removed += 1
    return removed


def refused(path: Path, error: OSError) -> DeskError:
    """The designer's words for a write or read the system refused."""
    if error.errno in _FULL:
        return DeskError(
            f"The disk is full; {path.name} was not written",
            f"Free some space on the disk that holds {path.parent}, then start the same job again: "
            "everything finished so far is kept.",
        )
    if isinstance(error, PermissionError) or error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return DeskError(
            f"{path} may not be written",
            "Close programs that have it open, or choose a folder you may write to "
            "(--out for the ads, STUDIO_HOME for the workspace).",
        )
    return DeskError(
        f"{path} could not be written: {error.strerror or error}",
        "Check that the folder still exists and the drive is connected.",
    )
