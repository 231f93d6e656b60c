"""Engines built in the background: export, parity, engine, cache, while pictures go on.

What is there already is found without loading torch. The rest is made by a process of its own, which can be ended at
once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from engines.accelerate.cache import EngineCache
from engines.accelerate.child import build_apart
from engines.accelerate.digests import Digests
from engines.accelerate.job import Job, wanted
from engines.accelerate.key import Key
from engines.accelerate.room import make_room
from engines.base import Progress

_LIBRARIES = ("torch", "diffusers", "onnx", "onnxscript", "onnxruntime", "tensorrt-rtx", "tensorrt")


@dataclass(frozen=True)
class Built:
    """An engine that is there now. `hit`: it was there before. `facts` as in its sidecar."""

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
    found = {key: hit for key in asked if (hit := _hit(key, cache))}
    for hit in found.values():
        each(hit)
    # 2. What is not.
    missing = [key for key in asked if key not in found]
    for number, key in enumerate(missing):
        share = progress.part(0.05 + 0.95 * number / len(missing), 0.95 / len(missing))
        found[key] = made = _one(job, key, cache, share)
        each(made)
    progress.report(1.0, "Engines are ready")
    return [found[key] for key in asked]


def _hit(wanted: Key, cache: EngineCache) -> Built | None:
    """An engine that is there and takes what is wanted, perhaps more."""
    for key in cache.serving(wanted):
        path = cache.get(key)
        if path is not None:
            return Built(key, path, _bytes_in(path.parent), True)
    return None


def _one(job: Job, key: Key, cache: EngineCache, progress: Progress) -> Built:
    """An engine that was missing, while no other process builds it."""
    with cache.building(key, progress):
        hit = _hit(key, cache)
        if hit is not None:
            return hit
        # 1. Room, before minutes are spent.
        make_room(job, key.graph, cache)
        # 2. Processes of their own: export and parity, engine.
        folder, began = cache.aside(key), time.perf_counter()
        export = folder if job.runtime == "onnx" else cache.aside(key)
        facts = build_apart(job, key, folder, export, progress)
        # 3. Kept when it is whole.
        told = {**facts, "libraries": _libraries(), "profile": job.profile.id, "random_weights": job.random_weights}
        told["seconds"] = {**facts["seconds"], "until_kept": round(time.perf_counter() - began, 1)}
        path = cache.put(key, folder, told, main=facts["main"])
        return Built(key, path, _bytes_in(path.parent), False, told)


def _libraries() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
