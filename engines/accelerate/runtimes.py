"""What a loaded painter computes with, batch by batch: engines where there are any that fit, else its own networks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from engines.accelerate.build import build
from engines.accelerate.cache import EngineCache
from engines.accelerate.compiled import Compiled, chosen, share_graphs
from engines.accelerate.digests import Digests
from engines.accelerate.job import WORN, Job, wanted
from engines.accelerate.key import Key
from engines.accelerate.ladder import Chosen, Ladder, for_steps
from engines.accelerate.rungs import ladder_of
from engines.base import EngineError
from engines.diffusion.family import Parts, Work
from engines.diffusion.placement import Machine
from engines.diffusion.profile import Profile

log = logging.getLogger(__name__)
ASIDE = "Engines are put aside until the painter is loaded anew: memory ran out while they painted"
Mend = Callable[[Sequence[Key], Work], None]


class Swappable(Protocol):
    """A family whose networks may be stood in for (see `engines.diffusion.sdxl.Sdxl`)."""

    modules: Mapping[str, Any]

    def windows(self, works: Sequence[Work]) -> int: ...

    def use(self, stand_ins: Mapping[str, Any]) -> None: ...

    def after_lora(self, do: Callable[[], None]) -> None: ...


@dataclass(frozen=True)
class Ran:
    """What painted some works. `runtime` as in `engines.base.Painting`; `told` says why no faster one did, a sentence
    each, and `trouble` those of them that are about an engine that was there and failed."""

    runtime: str
    told: tuple[str, ...] = ()
    trouble: tuple[str, ...] = ()


class Runtimes:
    """The runtimes of one loaded family. `mend` is given the keys of engines that failed and may be built again, and
    the work they failed at. `compiled` is what of the family's own networks is compiled, if the designer chose so."""

    def __init__(
        self,
        family: Swappable,
        ladder: Ladder,
        mend: Mend = lambda keys, work: None,
        compiled: Compiled | None = None,
    ) -> None:
        self._family, self._ladder, self._mend, self._compiled = family, ladder, mend, compiled
        self._aside = False
        self._now = Chosen({}, ladder.torch_runtime)

    def most(self, works: Sequence[Work]) -> int:
        """How many of these works, of one group, are best painted at once: one where only an engine for one is there,
        as an engine wins more than a larger batch."""
        several = len(works) > 1 and not self._aside
        alone = several and "unet" not in self._choose(works).modules and "unet" in self._choose(works[:1]).modules
        return 1 if alone else len(works)

    def put_on(self, works: Sequence[Work]) -> None:
        """Make the family paint these works, of one group, with the fastest there is."""
        self._now = Chosen({}, self._ladder.torch_runtime) if self._aside else self._choose(works)
        self._family.use(self._now.modules)
        if self._now.rebuild:
            self._mend(self._now.rebuild, works[0])

    @property
    def ran(self) -> Ran:
        """What painted the last works. Ask when they are painted: a compiler may fail in the midst of them."""
        now, own = self._now, self._compiled
        if own is not None:
            now = replace(now, rest=own.beside(now.modules))
        aside = (ASIDE,) if self._aside else ()
        return Ran(now.runtime, (*aside, *now.told, *(own.notes if own else ())), (*aside, *now.troubles))

    def put_aside(self) -> bool:
        """Paint without engines from now on, and let go of the memory they hold. False when there is none in use."""
        held = bool(self._ladder.loaded) and not self._aside
        self._aside = self._aside or held
        self.release()
        return held

    def release(self) -> None:
        """Let go of every engine; the family's own networks paint."""
        self._family.use({})
        self._ladder.release()

    def _choose(self, works: Sequence[Work]) -> Chosen:
        return self._ladder.choose(self._family.modules, works[0], len(works), self._family.windows(works))


def runtimes_of(family: Swappable, profile: Profile, parts: Parts, machine: Machine, folder: Path) -> Runtimes:
    """The runtimes of this machine for a family, with the engines that are kept in `folder`."""
    cache, digests = EngineCache(folder), Digests(folder / "digests.json")
    mender = Mender(profile, parts.paths, cache, digests)
    own = chosen(family.modules, machine, folder / "compiled")
    if own is not None:
        family.after_lora(partial(share_graphs, family.modules["unet"]))
    return Runtimes(family, ladder_of(machine, cache, digests, parts.paths), mender.mend, own)


class Mender:
    """Builds engines that failed once more, one after the other, while pictures are painted without them."""

    def __init__(self, profile: Profile, paths: Mapping[str, Path], cache: EngineCache, digests: Digests) -> None:
        self._profile, self._paths, self._cache, self._digests = profile, paths, cache, digests
        self._busy: threading.Thread | None = None

    def mend(self, keys: Sequence[Key], work: Work) -> None:
        """Begin, unless a build is under way. What comes of it is found by the next picture; the build ends with this
        process."""
        if self._busy is not None and self._busy.is_alive():
            return
        jobs = [self._job(key, work) for key in keys]
        self._busy = threading.Thread(target=self._build, args=(jobs,), daemon=True, name="mend-engines")
        self._busy.start()

    def wait(self) -> None:
        """Until nothing is being built."""
        if self._busy is not None:
            self._busy.join()

    def _job(self, key: Key, work: Work) -> tuple[Key, Job]:
        runtime = "onnx" if key.flavour == "onnx" else "tensorrt"
        worn = work.adapters if key.graph in WORN else ()
        paths = for_steps(self._paths, work.steps)
        shapes = tuple(dict.fromkeys(replace(shape, windows=1) for shape in key.shapes))
        windows = max((shape.windows for shape in key.shapes), default=1)
        job = Job(self._profile, runtime, key.target, (key.graph,), shapes, key.precision, worn, paths, windows=windows)
        return key, job

    def _build(self, jobs: Sequence[tuple[Key, Job]]) -> None:
        for key, job in jobs:
            try:
                if key in wanted(job, self._digests):  # else the weights or a version changed
                    build(job, self._cache, self._digests)
            except EngineError as error:
                log.warning("the engine of %s is not mended: %s", key.graph, error)
