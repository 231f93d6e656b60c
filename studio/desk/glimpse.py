"""The picture that is being painted, as far as it is: small, for the screens, and gone when the work is over."""

from __future__ import annotations

import io
import logging
import os
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from engines.base import Pixels
from studio import settings
from studio.desk.files import ASIDE, replace

LONGEST_PX = 640
ASKED_S, STALE_S = 20.0, 60.0
"""A page that is open asks every few seconds; what nobody has renewed for a minute is left over from a crash."""
log = logging.getLogger(__name__)


class Glimpse:
    """Of one job. The painter calls `show`, which only remembers; another thread calls `keep`, which writes the newest.

    Nothing of it ever fails the work: without a glimpse the screens show how far it is, as always.
    """

    def __init__(self, home: Path, job_id: int) -> None:
        self._path = _path(home, job_id)
        self._newest: deque[Pixels] = deque(maxlen=1)

    def show(self, pixels: Pixels) -> None:
        """The picture as far as it is, H×W×3."""
        self._newest.append(pixels)

    def keep(self) -> None:
        """Write the newest picture, if there is one that was not written yet."""
        try:
            pixels = self._newest.pop()
        except IndexError:
            return
        aside = self._path.with_name(f"{ASIDE}{self._path.stem}-{os.getpid()}.part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Not flushed to the disk: it is worth nothing after a power cut.
            aside.write_bytes(_jpeg(pixels))
            replace(aside, self._path)
        except (OSError, ValueError, TypeError) as error:
            log.warning("no glimpse of job %s: %s", self._path.stem, error)
            with suppress(OSError):
                aside.unlink(missing_ok=True)

    def end(self) -> None:
        """Take it away."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def ask_for_glimpses(home: Path) -> None:
    """Somebody looks: pictures that are begun within the next seconds are shown while they are painted."""
    with suppress(OSError):
        _asked(home).parent.mkdir(parents=True, exist_ok=True)
        _asked(home).touch()


def glimpses_wanted(home: Path) -> bool:
    """Whether somebody looks, so that painters need not make what nobody sees."""
    return _age(_asked(home)) < ASKED_S


def glimpse_of(home: Path, job_id: int) -> Path | None:
    """The picture of a job under way as far as it is; None where there is none."""
    path = _path(home, job_id)
    return path if _age(path) < STALE_S else None


def sweep_glimpses(home: Path) -> None:
    """Remove what a worker that was killed left."""
    with suppress(OSError):
        for path in list(_path(home, 0).parent.iterdir()):
            if _age(path) > STALE_S:
                path.unlink(missing_ok=True)


def _path(home: Path, job_id: int) -> Path:
    return settings.shown(home) / "painting" / f"{job_id}.jpg"


def _asked(home: Path) -> Path:
    return _path(home, 0).with_name("asked")


def _age(path: Path) -> float:
    """Seconds since a file was last written; without end where there is none."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")


def _jpeg(pixels: Pixels) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")
    image.thumbnail((LONGEST_PX, LONGEST_PX))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82)
    return out.getvalue()
