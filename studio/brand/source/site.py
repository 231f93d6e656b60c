"""Where a brand is read from: every kind of source answers the same few questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["page", "style", "picture", "font", "data"]
"""What a file is wanted for. A source refuses what is not of that kind, and holds it to that kind's byte limit."""


@dataclass(frozen=True)
class Resource:
    """One file as it came. `url` is where it was in the end, after redirects."""

    url: str
    data: bytes
    media_type: str
    """Lower case, without parameters; as declared, else told from the content and the name."""
    charset: str | None = None
    """As declared with the file; None if nothing was said."""


class Site(Protocol):
    """A website, or a copy of one. Reading never raises for a file that is missing, too large or refused: the answer is
    None and `notes` says why."""

    @property
    def start(self) -> str:
        """Absolute address of the first page. Saved pages have made-up addresses under `https://saved.invalid/`."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be read and why, a line each, in words for the designer."""
        ...

    def resolve(self, reference: str, base: str) -> str | None:
        """`reference` as found in a file at `base`, as an absolute address without its fragment; backslashes are
        slashes. None for what cannot be fetched: `javascript:`, `mailto:`, an empty one. `data:` stays as it is."""
        ...

    def read(self, url: str, kind: Kind) -> Resource | None:
        """The file at an absolute address, `data:` included. Each is read once; later calls answer from memory."""
        ...

    def read_all(self, urls: tuple[tuple[str, Kind], ...]) -> None:
        """Have these at hand: a source over the network reads them at the same time."""
        ...

    def label(self, url: str) -> str:
        """The address as people name it: the path in the folder, or the whole address on the web."""
        ...

    def listed(self) -> tuple[str, ...]:
        """Addresses of all files that are there without being linked: of a folder or ZIP. Empty on the web."""
        ...
