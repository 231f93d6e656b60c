"""Every engine by id, made when it is first asked for. Opened by the command line and the worker only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from engines.base import Cutout, EngineError, Enlarger, Painter

Kind = Literal["painter", "cutout", "upscaler"]
_SAID: dict[Kind, str] = {"painter": "engine", "cutout": "cut-out engine", "upscaler": "upscaler"}


@dataclass(frozen=True)
class Entry:
    """An engine on offer. `factory` is `module:function`; nothing is imported before it is called for."""

    id: str
    kind: Kind
    name: str
    factory: str
    weights: bool = False
    """Whether it needs model weights from outside."""
    licence: str = "Apache-2.0"
    argument: str = ""
    """What the factory is called with, if anything."""


_ENTRIES = (
    Entry("stage", "painter", "Stage: path-traced sets, no weights, always there", "engines.stage:create"),
    Entry("auto", "cutout", "The surest: built in first, a model where it is surer", "engines.cutout.auto:create"),
    Entry("builtin", "cutout", "Built in: colour model of the backdrop, graph cut, matting", "engines.cutout:create"),
    Entry("light", "upscaler", "Light: the built-in 2× network, twice for 4×", "engines.upscale:light"),
    Entry("lanczos", "upscaler", "Lanczos: no network, nothing added", "engines.upscale:lanczos"),
)


def known(engine_id: str, kind: Kind = "painter") -> Entry:
    """The entry of this id. Raises `EngineError` naming the known ones."""
    entries = listed(kind)
    for entry in entries:
        if entry.id == engine_id:
            return entry
    known_ids = ", ".join(entry.id for entry in entries)
    raise EngineError(f"There is no {_SAID[kind]} called {engine_id}", f"Known: {known_ids}")


def listed(kind: Kind) -> tuple[Entry, ...]:
    """Every engine of a kind, the default first."""
    return tuple(entry for entry in _ENTRIES if entry.kind == kind)


def open_painter(painter_id: str) -> Painter:
    """A new painter. Raises `EngineError` when it is not known or cannot be had here."""
    return _open(known(painter_id))


def open_cutout(cutout_id: str) -> Cutout:
    """A new cut-out engine; likewise."""
    return _open(known(cutout_id, "cutout"))


def open_enlarger(upscaler_id: str, licence: str = "") -> Enlarger:
    """A new upscaler with its tiling; likewise. `licence` is the one the designer has read, for a model file."""
    return _open(known(upscaler_id, "upscaler"))


def check() -> dict[str, str]:
    """For each engine "" if it can be opened, else the reason."""
    reasons: dict[str, str] = {}
    for entry in _ENTRIES:
        try:
            _factory(entry)
            reasons[entry.id] = ""
        except EngineError as error:
            reasons[entry.id] = str(error)
    return reasons


def _open(entry: Entry) -> Any:
    factory = _factory(entry)
    return factory(entry.argument) if entry.argument else factory()


def _factory(entry: Entry) -> Callable[..., Any]:
    module, _, name = entry.factory.partition(":")
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        raise EngineError(
            f"{entry.name} needs {error.name}, which is not installed", "Install the project again"
        ) from error
