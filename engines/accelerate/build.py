"""Engines built in the background: export, parity, engine, cache, while pictures go on.

What is there already is found without loading torch. The rest is made by a process of its own, which can be ended at
once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from engines.accelerate.cache import EngineCache
from engines.accelerate.child import Child
from engines.accelerate.digests import Digests
from engines.accelerate.job import Job, Wanted, wanted
from engines.accelerate.key import Key
from engines.accelerate.room import make_room
from engines.accelerate.shapes import Shape
from engines.base import Progress

_LIBRARIES = ("torch", "diffusers", "onnx", "onnxscript", "onnxruntime", "tensorrt-rtx", "tensorrt")


@dataclass(frozen=True)
class Built:
    """An engine that is there now. `hit`: it was there before. `facts` as in its sidecar."""

    graph: str
    shape: Shape | None
    key: Key
    path: Path
    bytes: int
    hit: bool
    facts: Mapping[str, Any] = field(default_factory=dict)


def build(
    job: Job, cache: EngineCache, digests: Digests, progress: Progress | None = None,
    each: Callable[[Built], None] = lambda one: None,
) -> list[Built]:  # fmt: skip
    """Every engine of a job, those that are there and those made now. Raises `EngineError` when one cannot be made, and
    `Stopped`; engines that are whole by then are kept. `each` is told of every one as soon as it is there."""
    progress = progress or Progress()
    # 1. What is there.
    progress.report(0.0, "Looking for engines")
    asked = wanted(job, digests, progress.part(0, 0.05))
    found = {one.key.digest: _hit(one, path) for one in asked if (path := cache.get(one.key))}
    for hit in found.values():
        each(hit)
    # 2. What is not, a graph at a time: its engines share one export.
    graphs = list(dict.fromkeys(one.graph for one in asked if one.key.digest not in found))
    for number, graph in enumerate(graphs):
        share = progress.part(0.05 + 0.95 * number / len(graphs), 0.95 / len(graphs))
        missing = [one for one in asked if one.graph == graph and one.key.digest not in found]
        for made in _graph(job, missing, cache, share):
            found[made.key.digest] = made
            each(made)
    progress.report(1.0, "Engines are ready")
    return [found[one.key.digest] for one in asked]


def _hit(one: Wanted, path: Path) -> Built:
    return Built(one.graph, one.shape, one.key, path, _bytes_in(path.parent), True)


def _graph(job: Job, missing: Sequence[Wanted], cache: EngineCache, progress: Progress) -> Iterator[Built]:
    """The missing engines of one graph, each as it is kept, while no other process builds them."""
    with contextlib.ExitStack() as held:
        for one in sorted(missing, key=lambda one: one.key.digest):  # in one order, or two would wait for each other
            held.enter_context(cache.building(one.key, progress))
        found = [_hit(one, path) for one in missing if (path := cache.get(one.key))]
        yield from found
        left = [one for one in missing if one.key not in {hit.key for hit in found}]
        if not left:
            return
        # 1. Room, before minutes are spent.
        graph = left[0].graph
        make_room(job, graph, len(left), cache)
        # 2. A process of its own: export, parity, engines.
        folders = [cache.aside(one.key) for one in left]
        export = folders[0] if job.runtime == "onnx" else cache.aside(left[0].key)
        began = time.perf_counter()
        for place, facts in Child(job, graph, [one.shape for one in left], folders, export).results(progress):
            # 3. Kept, each as soon as it is whole.
            one, told = left[place], {**facts, "libraries": _libraries(), "profile": job.profile.id}
            told["seconds"] = {**facts["seconds"], "until_kept": round(time.perf_counter() - began, 1)}
            told["random_weights"] = job.random_weights
            path = cache.put(one.key, folders[place], told, main=facts["main"])
            yield Built(one.graph, one.shape, one.key, path, _bytes_in(path.parent), False, told)


def _libraries() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
