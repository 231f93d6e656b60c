"""Every painter by id, made when it is first asked for. Opened by the command line and the worker only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from engines.base import EngineError, Painter


@dataclass(frozen=True)
class Entry:
    """A painter on offer. `factory` is `module:function`; nothing is imported before it is called for."""

    id: str
    name: str
    factory: str
    weights: bool
    """Whether it needs model weights from outside."""


_ENTRIES = (Entry("stage", "Stage: path-traced sets, no weights, always there", "engines.stage:create", False),)


def known(painter_id: str) -> Entry:
    """The entry of this id. Raises `EngineError` naming the known ones."""
    for entry in _ENTRIES:
        if entry.id == painter_id:
            return entry
    raise EngineError(f"There is no engine called {painter_id}", f"Known: {', '.join(e.id for e in _ENTRIES)}")


def open_painter(painter_id: str) -> Painter:
    """A new painter. Raises `EngineError` when it is not known or cannot be had here."""
    return _factory(known(painter_id))()


def check() -> dict[str, str]:
    """For each painter "" if it can be opened, else the reason."""
    reasons: dict[str, str] = {}
    for entry in _ENTRIES:
        try:
            _factory(entry)
            reasons[entry.id] = ""
        except EngineError as error:
            reasons[entry.id] = str(error)
    return reasons


def _factory(entry: Entry) -> Callable[[], Painter]:
    module, _, name = entry.factory.partition(":")
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        raise EngineError(
            f"{entry.name} needs {error.name}, which is not installed", "Install the project again"
        ) from error
