"""Which runtime paints: TensorRT, then ONNX Runtime, then torch as it is, chosen network by network, always with the
reason why a faster one was not taken. Nothing is built here; what is missing may be built in the background.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from engines.accelerate.cache import EngineCache
from engines.accelerate.digests import Digests, weights_digest
from engines.accelerate.job import WORN, shape_of
from engines.accelerate.key import GRAPH_VERSION, Flavour, Key
from engines.accelerate.shapes import Shape
from engines.base import EngineError
from engines.diffusion.family import Work
from engines.residency import out_of_memory

log = logging.getLogger(__name__)
LATENTS = ("unet", "controlnet", "vae")
"""Networks that may be replaced, in the order in which they are tried."""


class Rung(Protocol):
    """A runtime. `flavour`, `version`, `target` and `precision` as in the keys of its engines."""

    @property
    def flavour(self) -> Flavour: ...

    @property
    def version(self) -> str: ...

    @property
    def target(self) -> str: ...

    @property
    def precision(self) -> str: ...

    @property
    def name(self) -> str:
        """For example `TensorRT-RTX 1.7.1`."""
        ...

    def missing(self) -> str:
        """Why it cannot be used on this machine at all; empty when it can."""
        ...

    def load(self, path: Path) -> Any:
        """A session of an engine. Raises `EngineError` for an engine it will not take, and what the card raises when
        its memory runs out."""
        ...


class Wardrobe(Protocol):
    """Makes stand-ins of sessions."""

    def dress(self, network: str, sessions: Mapping[str, Any], module: Any, work: Work) -> Any:
        """The stand-in for a network's module, of sessions by graph. Raises `EngineError` when they do not fit it."""
        ...

    def why_not(self, network: str, stand_in: Any, work: Work, batch: int, windows: int) -> str:
        """Why a work needs the network itself; empty when it does not."""
        ...


@dataclass(frozen=True)
class Note:
    """Why a runtime was not taken for a network. `trouble`: an engine was there and failed."""

    network: str
    runtime: str
    reason: str
    trouble: bool = False


@dataclass(frozen=True)
class Chosen:
    """What paints a work. `modules` are the stand-ins by the network they replace; the others stay. `engines` says what
    runs them and which graphs, `rest` what runs the others. `rebuild` are engines that failed and may be built again
    unasked."""

    modules: Mapping[str, Any]
    rest: str
    engines: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    rebuild: tuple[Key, ...] = ()

    @property
    def runtime(self) -> str:
        """What really runs, for the painting."""
        return ", ".join([*self.engines, f"{self.rest} (the rest)" if self.engines else self.rest])

    @property
    def told(self) -> list[str]:
        """The notes in words, one a reason: `TensorRT-RTX 1.7.1 is not used for unet and vae: no engine is built`."""
        return _said(self.notes)

    @property
    def troubles(self) -> list[str]:
        """Those of them that are about an engine that was there and failed."""
        return _said([note for note in self.notes if note.trouble])


@dataclass
class _Choice:
    """One being made."""

    modules: dict[str, Any] = field(default_factory=dict)
    by: dict[str, list[str]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    rebuild: list[Key] = field(default_factory=list)


class Ladder:
    """The runtimes there are, best first, and the sessions that are loaded: one a graph, so that a card holds no two
    engines of one network. `torch_runtime` is what the painter says when nothing is replaced."""

    def __init__(
        self,
        cache: EngineCache,
        digests: Digests,
        paths: Mapping[str, Path],
        rungs: Sequence[Rung],
        wardrobe: Wardrobe,
        torch_runtime: str,
    ) -> None:
        self._cache, self._digests, self._paths = cache, digests, paths
        self._rungs, self._wardrobe, self.torch_runtime = tuple(rungs), wardrobe, torch_runtime
        self._sessions: dict[str, tuple[Key, Any]] = {}
        self._dressed: dict[str, tuple[Any, Any]] = {}
        self._failed: dict[str, str] = {}

    def choose(self, modules: Mapping[str, Any], work: Work, batch: int = 1, windows: int = 1) -> Chosen:
        """What paints so many works like this one at once, whose words fill so many windows of 77 tokens. `modules` are
        the family's own networks."""
        made = _Choice()
        for network in LATENTS:
            if network in modules and (network != "controlnet" or work.controls):
                self._climb(made, network, modules[network], work, batch, windows)
        engines = tuple(f"{name} ({', '.join(graphs)})" for name, graphs in made.by.items())
        return Chosen(made.modules, self.torch_runtime, engines, tuple(made.notes), tuple(made.rebuild))

    @property
    def loaded(self) -> tuple[str, ...]:
        """The graphs whose engines are loaded."""
        return tuple(seat.partition(" ")[2] for seat in self._sessions)

    def release(self) -> None:
        """Let go of every session; what failed for lack of memory may be tried again."""
        self._sessions.clear()
        self._dressed.clear()
        self._failed.clear()

    # ------------------------------------------------------------------------------------------------ one network

    def _climb(self, made: _Choice, network: str, module: Any, work: Work, batch: int, windows: int) -> None:
        for rung in self._rungs:
            why, trouble = rung.missing(), False
            if not why:
                try:
                    made.modules[network], graphs = self._take(made, rung, network, module, work, batch, windows)
                    made.by.setdefault(f"{rung.name} {rung.precision}", []).extend(graphs)
                    return
                except _NotTaken as refused:
                    why, trouble = str(refused), refused.trouble
            made.notes.append(Note(network, rung.name, why, trouble))
            if trouble:
                log.warning("%s is not used for %s: %s", rung.name, network, why)

    def _take(
        self, made: _Choice, rung: Rung, network: str, module: Any, work: Work, batch: int, windows: int
    ) -> tuple[Any, list[str]]:
        """The stand-in for a network and the graphs it runs. Raises `_NotTaken`."""
        # 1. Engines.
        rows = batch * (2 if work.guidance > 1 else 1)
        shape = Shape(work.width_px, work.height_px, rows)
        held = {graph: self._session(made, rung, graph, shape, work, windows) for graph in _needed(network, work)}
        if network == "vae" and work.start is not None:
            # Without an engine for it the network itself reads the start picture: once, while it decodes every time.
            try:
                held["vae_encoder"] = self._session(made, rung, "vae_encoder", shape, work, windows)
            except _NotTaken as refused:
                made.notes.append(Note("vae_encoder", rung.name, str(refused), refused.trouble))
        # 2. A stand-in, kept as long as its engines are.
        token = (rung.name, {graph: digest for graph, (digest, _) in held.items()}, work.adapters, id(module))
        if self._dressed.get(network, (None, None))[0] != token:
            sessions = {graph: session for graph, (_, session) in held.items()}
            try:
                self._dressed[network] = (token, self._wardrobe.dress(network, sessions, module, work))
            except EngineError as error:
                raise _NotTaken(str(error), trouble=True) from error
        stand_in = self._dressed[network][1]
        # 3. Whether this very work can be painted with it.
        why = self._wardrobe.why_not(network, stand_in, work, batch, windows)
        if why:
            raise _NotTaken(why)
        return stand_in, list(held)

    def _session(
        self, made: _Choice, rung: Rung, graph: str, shape: Shape, work: Work, windows: int
    ) -> tuple[str, Any]:
        """The digest and the session of a graph's engine, loaded if it is not. Raises `_NotTaken`."""
        wanted = self._key(rung, graph, replace(shape, windows=windows), work)
        # 1. Loaded already, or known not to load.
        seat = f"{rung.flavour} {graph}"
        if seat in self._sessions and self._sessions[seat][0].serves(wanted):
            key, session = self._sessions[seat]
            return key.digest, session
        kept = self._cache.serving(wanted)
        for key in kept:
            if key.digest in self._failed:
                raise _NotTaken(self._failed[key.digest], trouble=True)
        # 2. The file.
        key, path = next(((key, path) for key in kept if (path := self._cache.get(key))), (wanted, None))
        if path is None:
            broken = self._cache.broken(wanted)
            made.rebuild += filter(self._cache.may_rebuild, broken)
            raise _NotTaken(self._cache.why_none((*broken, wanted)[0]), trouble=bool(broken))
        # 3. Onto the card.
        self._sessions.pop(seat, None)  # first, or it would hold both
        self._dressed.pop(graph.partition("_")[0], None)
        try:
            session = rung.load(path)
        except Exception as error:
            if out_of_memory(error):
                self._failed[key.digest] = "memory ran out while its engine was loaded"
                raise _NotTaken(self._failed[key.digest], trouble=True) from error
            why = _line(error)
            self._cache.condemn(key, why)
            made.rebuild += filter(self._cache.may_rebuild, [key])
            raise _NotTaken(why, trouble=True) from error
        self._cache.prove(key)
        self._sessions[seat] = (key, session)
        return key.digest, session

    def _key(self, rung: Rung, graph: str, shape: Shape, work: Work) -> Key:
        """What an engine for this work alone would be kept under. Raises `_NotTaken`."""
        if f"{rung.flavour} {graph}" not in self._sessions and not self._cache.knows(graph, rung.flavour):
            raise _NotTaken("no engine is built")  # and no weights have to be read to know it
        try:
            weights = weights_digest(graph, for_steps(self._paths, work.steps), self._digests)
            worn = tuple((a.digest or self._digests.of(a.path), a.weight) for a in work.adapters if a.weight)
        except EngineError as error:
            raise _NotTaken(str(error)) from error
        return Key(
            graph, GRAPH_VERSION, weights, rung.precision, (shape_of(graph, shape),), rung.flavour, rung.version,
            rung.target, worn if graph in WORN else (),
        )  # fmt: skip


class _NotTaken(Exception):
    """Why a rung is not taken."""

    def __init__(self, reason: str, trouble: bool = False) -> None:
        super().__init__(reason)
        self.trouble = trouble


def for_steps(paths: Mapping[str, Path], steps: int) -> Mapping[str, Path]:
    """The parts with the UNet that a painter takes for so many steps (see `engines.diffusion.profile`)."""
    special = paths.get(f"unet-{steps}")
    return {**paths, "unet": special} if special is not None and "unet" in paths else paths


def _needed(network: str, work: Work) -> list[str]:
    """The graphs without which a network cannot be replaced for a work."""
    if network == "unet":
        return ["unet"]
    if network == "vae":
        return ["vae_decoder"]
    from engines.accelerate.flat import control_name
    from engines.diffusion.nets import arrange, heard

    return [control_name(maps) for maps in sorted({len(places) for places in arrange(heard(work.controls))})]


def _said(notes: Sequence[Note]) -> list[str]:
    grouped: dict[tuple[str, str], list[str]] = {}
    for note in notes:
        grouped.setdefault((note.runtime, note.reason), []).append(note.network)
    return [f"{runtime} is not used for {_and(names)}: {reason}" for (runtime, reason), names in grouped.items()]


def _line(error: Exception) -> str:
    said = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    return said if isinstance(error, EngineError) else f"{type(error).__name__}: {said}"


def _and(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    return " and ".join([*([", ".join(unique[:-1])] if unique[:-1] else []), unique[-1]])
