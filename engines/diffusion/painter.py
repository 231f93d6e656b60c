"""The painter on diffusion models: requests in, scenes staged, works painted together on one card, pictures out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch

from engines.accelerate.runtimes import Ran, Runtimes, runtimes_of
from engines.base import (
    EngineError,
    EngineLost,
    Painter,
    Painting,
    PaintRequest,
    Pixels,
    Progress,
    Stopped,
)
from engines.diffusion import ledger, scene
from engines.diffusion.family import Family, Parts, Work
from engines.diffusion.placement import Machine, driver_fault, find_machine, place
from engines.diffusion.profile import Profile, capabilities, recipe
from engines.diffusion.sets import Sets
from engines.diffusion.watch import Watch
from engines.residency import Residency, of_machine, out_of_memory

log = logging.getLogger(__name__)
BATCH = 4
"""The most pictures painted at once: a larger batch wins nothing on a card that is busy with one (about 10 % at 4)."""
WINDOW = 8
"""How many requests are staged before the first of them is painted."""
GB = 1e9


@dataclass
class _Loaded:
    """A family on the machine, and how it lies there."""

    family: Family
    mode: ledger.Mode
    spare: bool = False
    runtimes: Runtimes | None = None
    """None where only its own networks paint."""


@dataclass(frozen=True)
class _Way:
    """How works of a size are painted: how many at once, and whether decoded in tiles."""

    batch: int
    spare: bool = False


@dataclass(frozen=True)
class _Made:
    """A picture as the family gave it, with what is to be said of it."""

    pixels: Pixels
    seconds: float
    ran: Ran
    facts: Mapping[str, Any]


def create(profile: Profile, parts: Parts, residency: Residency | None = None, engines: Path | None = None) -> Painter:
    """A painter of this profile on the best device there is. Loads torch; weights are loaded at the first picture.

    Painters that are given one `residency`, or none, share one budget: the memory of the card. `engines` is the folder
    of built engines (`engines.accelerate`), which paint where they fit.
    """
    machine = find_machine(profile.family)
    held = residency or of_machine(machine.bytes() - ledger.RESERVE)
    return DiffusionPainter(profile, parts, machine, held, engines)


class DiffusionPainter:
    """One profile. Nothing about a picture depends on what was painted before it."""

    def __init__(
        self,
        profile: Profile,
        parts: Parts,
        machine: Machine,
        residency: Residency,
        engines: Path | None = None,
    ) -> None:
        self.id = profile.id
        self.capabilities = capabilities(profile, parts.paths)
        self._profile, self._parts, self._machine, self._residency = profile, parts, machine, residency
        self._engines = engines if profile.family == "sdxl" else None
        self._name = profile.name.partition(":")[0]
        self._key = f"{self._name} ({parts.digest[:6]})" if parts.digest else self._name
        self._weights = ledger.weigh(profile, parts, machine.dtype.itemsize)
        self._controlled = "controls" in parts.paths
        self._ways: dict[tuple[int, int], _Way] = {}
        self._sets = Sets()

    def paint(self, requests: Sequence[PaintRequest], progress: Progress) -> Iterator[Painting]:
        """Yield one painting a request, in order; those alike in size and controls are painted together."""
        for first in range(0, len(requests), WINDOW):
            some = requests[first : first + WINDOW]
            yield from self._window(some, progress.part(first / len(requests), len(some) / len(requests)))

    def _window(self, requests: Sequence[PaintRequest], progress: Progress) -> Iterator[Painting]:
        # 1. The family; it says what sizes it takes.
        largest = max(requests, key=lambda request: request.width_px * request.height_px)
        size = (largest.width_px, largest.height_px)
        multiple = self._safely(size, progress, lambda loaded: loaded.family.multiple_px)

        # 2. Everything decided about each picture: size, set, maps, what stays.
        started = time.perf_counter()
        staging, each = progress.part(0.05, 0.15), 1 / len(requests)
        staged = [
            scene.prepare(
                request,
                self._profile,
                multiple,
                staging.part(index * each, each),
                can=self.capabilities,
                sets=self._sets,
            )
            for index, request in enumerate(requests)
        ]
        prepared = (time.perf_counter() - started) / len(requests)

        # 3. Works that may be painted together, the first asked for first.
        groups: dict[Any, list[int]] = {}
        for index, one in enumerate(staged):
            work = one.work
            kind = self._safely(size, progress, lambda loaded, work=work: loaded.family.group(work))
            groups.setdefault((kind, work.width_px, work.height_px), []).append(index)

        # 4. Paint, finish, hand over in the order they were asked for.
        waiting: dict[int, Painting] = {}
        due, done = 0, 0
        for (_, *_sides), indices in groups.items():
            share = progress.part(0.2 + 0.8 * done * each, 0.8 * len(indices) * each)
            made = self._group([staged[index].work for index in indices], share.part(0, 0.95))
            for index, one in zip(indices, made, strict=True):
                waiting[index] = self._finished(staged[index], one, prepared)
            done += len(indices)
            while due in waiting:
                yield waiting.pop(due)
                due += 1

    def _finished(self, staged: scene.Staged, made: _Made, prepared: float) -> Painting:
        started = time.perf_counter()
        finish = scene.finish(staged, made.pixels)
        for plane in (finish.picture, finish.depth, finish.edges, finish.mask):
            if plane is not None:
                plane.setflags(write=False)
        finishing = time.perf_counter() - started
        stages = {"prepare": prepared, **made.facts["stage_seconds"], "finish": finishing}
        return Painting(
            picture=finish.picture,
            seconds=prepared + made.seconds + finishing,
            engine=self.id,
            runtime=made.ran.runtime,
            depth=finish.depth,
            edges=finish.edges,
            mask=finish.mask,
            facts={
                **finish.facts,
                **made.facts,
                **({"engines": list(made.ran.told)} if made.ran.told else {}),
                **({"engine_trouble": list(made.ran.trouble)} if made.ran.trouble else {}),
                "seed": staged.work.seed,
                "profile": self._profile.id,
                "parts": self._parts.digest,
                "recipe": recipe(self._profile, self._parts.digest),
                "device": self._machine.device,
                "dtype": str(self._machine.dtype).removeprefix("torch."),
                "stage_seconds": {name: round(seconds, 4) for name, seconds in stages.items()},
            },
        )

    # ------------------------------------------------------------------------------------------- painting

    def _group(self, works: Sequence[Work], progress: Progress) -> list[_Made]:
        """Paint works of one group and size in as few batches as memory allows."""
        size = (works[0].width_px, works[0].height_px)
        made: list[_Made] = []
        while len(made) < len(works):
            left, share = works[len(made) :], len(made) / len(works)
            part = progress.part(share, 1 - share)
            made += self._safely(size, part, lambda loaded, left=left, part=part: self._batch(loaded, left, part))
        return made

    def _batch(self, loaded: _Loaded, works: Sequence[Work], progress: Progress) -> list[_Made]:
        """Paint the first of `works`, as many as fit; what is done for lack of memory is kept in their facts.

        The ladder: let go of what lies idle, fewer at once, no engines, decode in tiles, networks come over layer by
        layer. The picture never gets smaller. Raises `EngineError` at its end.
        """
        size = (works[0].width_px, works[0].height_px)
        way = self._ways.get(size) or self._foreseen(works, loaded)
        if loaded.runtimes is not None:
            way = replace(way, batch=loaded.runtimes.most(works[: way.batch]))
        eased: list[str] = []
        evicted = False
        while True:
            some = works[: way.batch]
            if loaded.spare != way.spare:
                loaded.family.spare(way.spare)
                loaded.spare = way.spare
            made = self._attempt(loaded, some, progress.part(0, len(some) / len(works)), eased)
            if made is not None:
                if eased:
                    self._ways[size] = way
                return made
            self._machine.tidy()
            if not evicted:
                evicted = True
                freed = self._residency.evict_idle()
                eased.append(f"let go of {freed / GB:.1f} GB that lay idle")
            elif len(some) > 1:
                way = replace(way, batch=len(some) // 2)
                eased.append(f"painted {way.batch} at once instead of {len(some)}")
            elif loaded.runtimes is not None and loaded.runtimes.put_aside():
                eased.append("put the engines aside")
            elif not way.spare:
                way = replace(way, spare=True)
                eased.append("decoded in tiles")
            elif loaded.mode != "group" and self._machine.offloads:
                self._send_away(loaded, "group")
                eased.append("kept the networks in main memory, brought over layer by layer")
            else:
                raise EngineError(
                    f"{self._name} does not fit into the memory there is for {size[0]}×{size[1]} px",
                    "Close other programs that use the graphics card, paint smaller and upscale, or use a smaller "
                    f"painter. Tried: {'; '.join(eased)}.",
                )
            log.info("%s: out of memory, %s", self.id, eased[-1])

    def _attempt(
        self, loaded: _Loaded, works: Sequence[Work], progress: Progress, eased: Sequence[str]
    ) -> list[_Made] | None:
        """Paint these works at once; None when memory runs out."""
        plan = self._plan((works[0].width_px, works[0].height_px), len(works), loaded, works[0])
        watch = Watch(progress, self._machine)
        progress.report(0.0, "Reading the words")
        self._machine.begin_peak()
        room = min(plan.working, max(self._residency.budget_bytes - plan.resident, 0))
        try:
            with self._residency.room(self._key, room):
                if loaded.runtimes is not None:
                    loaded.runtimes.put_on(works)
                watch.begin()
                painted = loaded.family.paint(works, watch.on_step)
                watch.end()
        except Exception as error:
            if not out_of_memory(error):
                raise
            return None
        memory = {
            "mode": plan.mode,
            "tiles": plan.tiles,
            "batch": len(works),
            "predicted_bytes": plan.peak,
            "measured_bytes": self._machine.peak(),
            "eased": list(eased),
        }
        facts = {
            "steps": watch.steps,
            **painted.facts,
            "memory": memory,
            "stage_seconds": {**watch.stages, **painted.facts.get("stage_seconds", {})},
        }
        ran = loaded.runtimes.ran if loaded.runtimes is not None else Ran(self._machine.runtime)
        return [_Made(picture, watch.seconds / len(works), ran, facts) for picture in painted.pictures]

    # --------------------------------------------------------------------------------------------- memory

    def _plan(
        self, size: tuple[int, int], batch: int, loaded: _Loaded | None = None, work: Work | None = None
    ) -> ledger.Plan:
        """The plan for pictures of a size; of the work itself where it is known, and as the family lies if it does."""
        family, number_bytes = self._profile.family, self._machine.dtype.itemsize
        job = ledger.Job(family, *size, batch, number_bytes, self._controlled)
        if work is not None:
            job = replace(
                job,
                controlled=bool(work.controls),
                starts=work.start is not None,
                guided=work.guidance > 1 and family == "sdxl",
                references=len(work.references) + 2 * (work.start is not None),  # a start is read at its full size
            )
        if loaded is not None:
            return ledger.foresee(self._weights, job, loaded.mode, loaded.spare, self._residency.budget_bytes)
        mode = None if self._machine.offloads else "resident"
        return ledger.plan(self._residency.budget_bytes + ledger.RESERVE, self._weights, job, mode=mode)

    def _foreseen(self, works: Sequence[Work], loaded: _Loaded) -> _Way:
        """The largest batch that takes no tiles and fits as the family lies; one at once, perhaps in tiles, else."""
        size = (works[0].width_px, works[0].height_px)
        for batch in range(min(len(works), BATCH), 1, -1):
            if self._plan(size, batch, replace(loaded, spare=False), works[0]).fits:
                return _Way(batch)
        return _Way(1, not self._plan(size, 1, replace(loaded, spare=False), works[0]).fits)

    @contextmanager
    def _held(self, size: tuple[int, int], progress: Progress) -> Iterator[_Loaded]:
        """The family, loaded and placed for pictures up to this size."""
        plan = self._plan(size, 1)

        def load() -> _Loaded:
            progress.report(0.0, f"Loading {self._name} ({sum(self._weights.values()) / GB:.1f} GB)")
            where = self._machine.device if plan.mode == "resident" else "cpu"
            module = import_module(f"engines.diffusion.{self._profile.family}")
            family = cast(Family, module.load(self._profile, self._parts, where, self._machine.dtype))
            place(family.modules, self._machine.device, plan.mode)
            cast(Any, family).device = torch.device(self._machine.device)  # where it computes, wherever it lies
            loaded = _Loaded(family, plan.mode)
            if self._engines is not None and plan.mode == "resident":  # an engine stays where it is
                loaded.runtimes = runtimes_of(
                    cast(Any, family), self._profile, self._parts, self._machine, self._engines
                )
            return loaded

        with self._residency.hold(self._key, load, plan.resident, self._unload) as loaded:
            if ledger.MODES.index(plan.mode) > ledger.MODES.index(loaded.mode):
                self._send_away(loaded, plan.mode)
            yield loaded

    def _send_away(self, loaded: _Loaded, mode: ledger.Mode) -> None:
        """Let less of a family stay on the device than before."""
        if loaded.runtimes is not None:
            loaded.runtimes.release()
            loaded.runtimes = None
        place(loaded.family.modules, self._machine.device, mode)
        loaded.mode = mode

    def _unload(self, loaded: _Loaded) -> None:
        if loaded.runtimes is not None:
            loaded.runtimes.release()
            loaded.runtimes = None
        del loaded.family  # whoever still holds `loaded` holds no weights
        self._machine.tidy()

    def _safely(self, size: tuple[int, int], progress: Progress, do: Callable[[_Loaded], Any]) -> Any:
        """Do something with the family. After an error that nobody foresaw it is let go of and loaded anew next time.

        Faults of the driver become an `EngineError`, and `EngineLost` when this process cannot use the card any more.
        """
        try:
            with self._held(size, progress) as loaded:
                return do(loaded)
        except (EngineError, Stopped):
            raise
        except Exception as error:
            fault, said = driver_fault(error), str(error).strip().split("\n")[0][:200]
            self._residency.forget(self._key)
            if not fault:
                raise
            if self._machine.answers():
                raise EngineError(
                    f"The graphics driver failed while {self._name} painted: {said}",
                    "Try this picture again. If it happens often, update the driver and let the card cool.",
                ) from error
            raise EngineLost(
                f"The graphics card stopped answering while {self._name} painted: {said}",
                "A new worker takes over. If it happens again, restart the machine and update the driver.",
            ) from error
