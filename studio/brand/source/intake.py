"""What a source may take in, what it has taken, and what it says about the rest. Safe to use from several threads."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from studio.brand.source.address import inline
from studio.brand.source.content import CALLED, judged
from studio.brand.source.site import Kind, Resource

_MOST_NOTES = 200
_LONGEST_NOTE = 300


def _bytes_of() -> dict[Kind, int]:
    return {"page": 5_000_000, "style": 3_000_000, "picture": 20_000_000, "font": 5_000_000, "data": 2_000_000}


@dataclass(frozen=True)
class Limits:
    """How much is read of one site. Bytes are counted after unpacking; the times are for websites only."""

    kind_bytes: Mapping[Kind, int] = field(default_factory=_bytes_of)
    """Most bytes of one file, by what it is wanted for."""
    total_bytes: int = 60_000_000
    files: int = 120
    """Most requests of a website that go out, redirects not counted; most files of a copy are bounded by its bytes."""
    redirects: int = 5
    """A file."""
    file_seconds: float = 10.0
    """Wall time for one file, from the name look-up to its last byte, redirects included."""
    total_seconds: float = 40.0
    """Wall time for everything read off one website, counted while it reads."""
    at_once: int = 6


class Intake:
    """Memory, budget and notes of one source."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, Kind], Resource | None] = {}
        self._notes: dict[str, None] = {}
        self._taken = 0

    @property
    def notes(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(self._notes)

    def note(self, line: str) -> None:
        """Say it once, in one line of printable characters."""
        plain = printable(line[: _LONGEST_NOTE * 2])
        with self._lock:
            if len(self._notes) < _MOST_NOTES:
                self._notes[plain if len(plain) <= _LONGEST_NOTE else plain[: _LONGEST_NOTE - 1] + "…"] = None

    def known(self, url: str, kind: Kind) -> bool:
        with self._lock:
            return (url, kind) in self._kept

    def recall(self, url: str, kind: Kind) -> Resource | None:
        with self._lock:
            return self._kept.get((url, kind))

    def keep(self, url: str, kind: Kind, resource: Resource | None) -> Resource | None:
        """Remember the answer, so that a file is read once; also under the address it had in the end."""
        with self._lock:
            if resource is not None:
                self._kept.setdefault((resource.url, kind), resource)
            return self._kept.setdefault((url, kind), resource)

    def recast(self, url: str, kind: Kind) -> Resource | None:
        """A file at hand that was read as another kind, if it is one of this kind too."""
        with self._lock:
            others = [kept for (at, _), kept in self._kept.items() if at == url and kept is not None]
        for other in others:
            verdict = judged(other.data, kind, other.media_type, "")
            if not verdict.refusal and len(other.data) <= self.most(kind):
                return replace(other, media_type=verdict.media_type)
        return None

    @property
    def left(self) -> int:
        """Bytes that may still come."""
        with self._lock:
            return max(0, self.limits.total_bytes - self._taken)

    def take(self, count: int) -> bool:
        """Book `count` bytes; False if that is more than may still come, and they are booked all the same."""
        with self._lock:
            self._taken += count
            return self._taken <= self.limits.total_bytes

    def most(self, kind: Kind) -> int:
        """Most bytes of one file of that kind."""
        return self.limits.kind_bytes[kind]

    def read_inline(self, uri: str, kind: Kind) -> Resource | None:
        """What a `data:` address holds, if it is a `kind`."""
        found = inline(uri, self.most(kind))
        if found is None:
            self.note(f"a {CALLED[kind]} written into the page ({short_inline(uri)}) is broken or too large")
            return None
        data, media_type, charset = found
        verdict = judged(data, kind, media_type, "")
        if verdict.refusal:
            self.note(f"{short_inline(uri)}, written into the page, {verdict.refusal}")
            return None
        return Resource(uri, data, verdict.media_type, charset)


def short_inline(uri: str) -> str:
    """`data:image/png` for a whole `data:` address."""
    return printable(uri[:80].partition(",")[0].partition(";")[0])


def printable(text: str) -> str:
    """Without what breaks a line, turns it round or cannot be shown: a space instead."""
    return "".join(char if char.isprintable() else " " for char in text)


def megabytes(count: int) -> str:
    return f"{count / 1e6:.3g} MB"
