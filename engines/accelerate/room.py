"""What a build takes of memory and disk, and whether it is there: told before, checked again as it begins. Loads no
torch."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from engines.accelerate.cache import EngineCache
from engines.accelerate.job import Job, shapes_of, weights_bytes
from engines.base import EngineError

GB = 1e9
MEMORY = MappingProxyType({"tensorrt": 3.2, "onnx": 2.5})
"""Main memory a build takes at its peak, in times its weights: 18.9 GB for 5.8 GB with TensorRT-RTX 1.7, whose
estimate is 20 GB."""
MORE_SHAPES = 0.08
"""The same for every shape beyond the first: 9.5 GB for eight and 8.1 GB for one, of 2.3 GB."""
BASE_BYTES = 1_500_000_000
"""What Python, torch and the builder take before any weights."""
GROWTH, SHAPE_BYTES = 1.02, 100_000_000
"""An engine beside its weights, and its kernels for one shape: 80 MB for SDXL's UNet."""
_SLACK_BYTES = 100_000_000


@dataclass(frozen=True)
class Need:
    """What the engine of a graph takes: memory while it is built, disk while and after that, in bytes."""

    graph: str
    memory: int
    disk: int
    kept: int


def need(job: Job, graph: str) -> Need:
    """What a graph's engine takes. Raises `EngineError` where its weights are missing."""
    weights, shapes = weights_bytes(job, graph), len(shapes_of(graph, job))
    alone = job.runtime == "onnx"
    memory = MEMORY[job.runtime] + (0 if alone else MORE_SHAPES * max(shapes - 1, 0))
    kept = int(GROWTH * weights) + SHAPE_BYTES * (0 if alone or weights < SHAPE_BYTES else shapes)
    beside = 0 if alone else int(GROWTH * weights)  # the exported graph, until it is built
    return Need(graph, int(BASE_BYTES + memory * weights), kept + beside + _SLACK_BYTES, kept)


def free_memory() -> int:
    """Main memory that can be had, in bytes."""
    import psutil

    return psutil.virtual_memory().available


def free_disk(cache: EngineCache) -> int:
    """Room on the disk of the engines, in bytes."""
    here = next(folder for folder in (cache.folder, *cache.folder.parents) if folder.is_dir())
    return shutil.disk_usage(here).free


def check_room(needs: Sequence[Need], cache: EngineCache) -> None:
    """Raise `EngineError` when the engines of these graphs, built one after the other, cannot be built now. Engines
    that lie unused are counted as free: they make room."""
    for one in needs:
        free = free_memory()
        if one.memory > free:
            raise EngineError(
                f"To build {one.graph} takes about {one.memory / GB:.0f} GB of memory, and {free / GB:.0f} GB are free",
                "Close other programs, ask for fewer sizes, or build on a machine with more: engines may be copied.",
            )
    kept = sum(one.kept for one in needs)
    if kept > cache.limit_bytes:
        raise EngineError(
            f"The engines take {kept / GB:.1f} GB, more than the {cache.limit_bytes / GB:.0f} GB set aside for them",
            "Ask for fewer parts or sizes.",
        )
    there = sum(entry.bytes for entry in cache.entries())
    going = min(max(there + kept - cache.limit_bytes, 0), there)
    disk, free = kept + max((one.disk - one.kept for one in needs), default=0), free_disk(cache) + going
    if disk > free:
        raise EngineError(
            f"The engines take {disk / GB:.1f} GB while they are built, and the disk has {free / GB:.1f} GB free",
            f"Free some space on the disk of {cache.folder}, or ask for fewer sizes.",
        )


def make_room(job: Job, graph: str, cache: EngineCache) -> None:
    """Let unused engines go for a new one. Raises `EngineError` when there is no room all the same."""
    wanted = need(job, graph)
    check_room((wanted,), cache)
    cache.trim(wanted.kept)
    cache.folder.mkdir(parents=True, exist_ok=True)
