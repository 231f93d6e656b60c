"""`engines build` and `engines bench`: what the designer named, made into jobs and measurements. Loads torch only when
something is measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engines.accelerate.bench import RATES, WATTS, Place, RealClock, known_card, measure
from engines.accelerate.build import Built, build
from engines.accelerate.cache import EngineCache, Entry
from engines.accelerate.digests import Digests
from engines.accelerate.job import Job, job_for
from engines.accelerate.key import GRAPH_VERSION
from engines.accelerate.ladder import for_steps
from engines.accelerate.report import Report
from engines.accelerate.shapes import COMMON, MOST_BATCH, SHAPES, Shape, read_shape
from engines.accelerate.targets import find_card, version_of
from engines.base import AdapterFile, EngineError, Progress
from engines.diffusion.profile import Profile, read_profiles

FLAVOURS: Mapping[str, str] = MappingProxyType(
    {"rtx": "TensorRT-RTX", "trt": "TensorRT", "onnx": "ONNX, written by PyTorch"}
)
SERIES: Mapping[str, str] = MappingProxyType(
    {
        "any": "any machine", "7.5": "RTX 20 cards", "8.0": "A100 cards", "8.6": "RTX 30 cards",
        "8.9": "RTX 40, L4 and L40S cards", "12.0": "RTX 50 cards",
    }
)  # fmt: skip
WITHOUT = ("stage", "nano")
"""Painters that come with the project and run as quick as they can."""
_LIBRARIES = ("torch", "diffusers", "transformers", "onnxruntime", "tensorrt-rtx")


@dataclass(frozen=True)
class Shelf:
    """Where built engines are, and where models are looked for."""

    engines: Path
    models: Sequence[Path]

    @property
    def cache(self) -> EngineCache:
        """The engines that are kept."""
        return EngineCache(self.engines)

    @property
    def digests(self) -> Digests:
        """What is known of weights without reading them."""
        return Digests(self.engines / "digests.json")


@dataclass(frozen=True)
class BuildWishes:
    """As on the command line: sizes as `1024x1024`, LoRAs as paths with `=WEIGHT` behind them where it is not 1. A
    painter may have another network for another `effort`."""

    runtime: str = "tensorrt"
    target: str = "this"
    sizes: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    loras: tuple[str, ...] = ()
    random_weights: bool = False
    effort: str = "normal"


@dataclass(frozen=True)
class BenchWishes:
    """As on the command line. `card` names another card whose floor to tell; `watts` and `price_kwh` make costs."""

    rounds: int = 9
    size: str = ""
    effort: str = "normal"
    card: str = ""
    watts: float = 0.0
    price_kwh: float | None = None


def build_engines(
    profile_id: str, wishes: BuildWishes, shelf: Shelf, progress: Progress,
    each: Callable[[dict[str, Any]], None] = lambda row: None,
) -> list[dict[str, Any]]:  # fmt: skip
    """A row an engine; `each` gets it as soon as it is there. Raises `EngineError` and `Stopped`."""
    job = job_of(profile_id, wishes, shelf.models)
    return [_row(one) for one in build(job, shelf.cache, shelf.digests, progress, lambda one: each(_row(one)))]


def job_of(profile_id: str, wishes: BuildWishes, models: Sequence[Path]) -> Job:
    """What is to be built. Raises `EngineError` for wishes nobody can fulfil."""
    profile, paths = _painter(profile_id, models, needed=not wishes.random_weights)
    if wishes.effort not in profile.steps:
        raise EngineError(f"{profile_id} has no effort “{wishes.effort}”", f"Known: {', '.join(profile.steps)}")
    shapes = tuple(read_shape(size) for size in wishes.sizes)
    if wishes.runtime == "tensorrt" and profile.guidance > 1:
        # It paints every picture beside one of what is to be avoided: two at once.
        common = COMMON[:1] if wishes.random_weights else COMMON
        shapes = tuple(replace(one, batch=min(2 * one.batch, MOST_BATCH)) for one in shapes or common)
    return job_for(
        profile,
        for_steps(paths, profile.steps[wishes.effort]),
        wishes.runtime,
        wishes.target,
        shapes=shapes,
        graphs=wishes.parts,
        loras=tuple(_lora(text) for text in wishes.loras),
        random=wishes.random_weights,
    )


def _row(one: Built) -> dict[str, Any]:
    return {
        "graph": one.key.graph,
        "size": sizes_said(one.key.shapes),
        "file": str(one.path),
        "key": one.key.digest,
        "bytes": one.bytes,
        "hit": one.hit,
        "seconds": dict(one.facts.get("seconds", {})),
        "max_error": one.facts.get("max_error"),
        "peak_memory_bytes": one.facts.get("peak_memory_bytes"),
    }


def sizes_said(shapes: Sequence[Shape]) -> str:
    """For example `1024x1024, 768x1408`; `any` for none."""
    return ", ".join(dict.fromkeys(str(one) for one in shapes)) or "any"


def row_said(row: Mapping[str, Any]) -> str:
    """A row of `build_engines` in one line."""
    size = f"{row['bytes'] / 1e9:.2f} GB" if row["bytes"] > 1e8 else f"{row['bytes'] / 1e6:.1f} MB"
    sizes = "every size" if row["size"] == "any" else row["size"]
    if row["hit"]:
        return f"{row['graph']} for {sizes}: there already, {size}"
    checked = "not compared with its network" if row["max_error"] is None else f"off by {row['max_error']:.1g} at most"
    return f"{row['graph']} for {sizes}: built in {row['seconds']['until_kept']:.0f} s, {size}, {checked}"


def kept_engines(shelf: Shelf) -> list[dict[str, Any]]:
    """A row an engine that is kept, the last used first."""
    return [_kept(entry) for entry in shelf.cache.entries()]


def _kept(entry: Entry) -> dict[str, Any]:
    """An engine as its sidecar tells it. That may be damaged: what cannot be read is left empty."""
    key, facts = entry.key, entry.facts
    try:
        size = sizes_said([Shape(**shape) for shape in key.get("shapes", ())])
    except TypeError:
        size = "another size"
    capability = str(key.get("target", ""))
    seconds, loras = facts.get("seconds"), key.get("loras")
    return {
        "key": entry.folder.name,
        "profile": str(facts.get("profile", "")),
        "graph": str(key.get("graph", "")),
        "size": size,
        "runtime": f"{FLAVOURS.get(str(key.get('flavour')), '')} {key.get('version', '')}".strip(),
        "target": SERIES.get(capability, f"cards of compute capability {capability}"),
        "precision": str(key.get("precision", "")),
        "stale": _stale(key),
        "loras": len(loras) if isinstance(loras, list) else 0,
        "random_weights": bool(facts.get("random_weights")),
        "bytes": entry.bytes,
        "made": entry.made,
        "used": datetime.fromtimestamp(entry.used / 1e9, UTC).isoformat(timespec="seconds"),
        "seconds": seconds.get("until_kept") if isinstance(seconds, Mapping) else None,
    }


def _stale(key: Mapping[str, Any]) -> bool:
    """Whether an engine is of another version than what would be built now, so that nothing finds it any more."""
    flavour = key.get("flavour")
    exactly = version_of(flavour) if flavour in ("rtx", "trt", "onnx") else ""
    return key.get("graph_version") != GRAPH_VERSION or (bool(exactly) and key.get("version") != exactly)


def _lora(text: str) -> AdapterFile:
    name, mark, weight = text.rpartition("=")
    try:
        return AdapterFile(Path(name), float(weight)) if mark else AdapterFile(Path(text))
    except ValueError as error:
        raise EngineError(f"“{weight}” is no weight for a LoRA", "Write it like this: brand.safetensors=0.8") from error


def _painter(profile_id: str, folders: Sequence[Path], needed: bool) -> tuple[Profile, Mapping[str, Path]]:
    """A painter's profile and its parts. Without `needed` weights, a profile alone will do."""
    profiles = read_profiles()
    if not needed and profile_id in profiles:
        return profiles[profile_id], {}
    if profile_id in WITHOUT:
        raise EngineError(f"{profile_id} paints without engines", "They are built for painters of the SDXL family.")
    from engines.diffusion.offers import on_offer

    one = next((one for one in on_offer(folders) if one.offer.id == profile_id), None)
    if one is None:
        raise EngineError(f"There is no painter called {profile_id}", "List them: python app.py engines list")
    if needed and one.offer.reason:
        raise EngineError(
            f"{profile_id} has no engines before it can paint: {one.offer.reason}",
            one.offer.fix or "To rehearse without its weights: --random-weights",
        )
    return one.profile, one.found.parts.paths


# ------------------------------------------------------------------------------------------------ bench


def run_bench(profile_id: str, wishes: BenchWishes, shelf: Shelf, progress: Progress) -> Report:
    """Measure a painter, the first that can paint when none is named. Raises `EngineError` and `Stopped`."""
    profile, paths = _painter(profile_id or _first(shelf.models), shelf.models, needed=True)
    return bench_of(profile, paths, wishes, shelf, progress)


def bench_of(
    profile: Profile, paths: Mapping[str, Path], wishes: BenchWishes, shelf: Shelf, progress: Progress
) -> Report:
    """Measure a painter of these parts on this machine. Raises `EngineError` and `Stopped`."""
    shape = read_shape(wishes.size) if wishes.size else SHAPES[0]
    steps = profile.steps.get(wishes.effort, profile.steps["normal"])
    progress.report(0.0, f"Loading {profile.name}")
    import torch

    from engines.accelerate import rungs, ways
    from engines.accelerate.ladder import Ladder
    from engines.accelerate.meter import find_meter
    from engines.diffusion.placement import find_machine

    machine = find_machine(profile.family)
    place = _place(machine.device, wishes)
    with torch.no_grad():
        at = ways.open_rig(profile, paths, machine)
        case, work = ways.a_work(at, shape.width_px, shape.height_px, steps, profile.guidance)
        ladders = {
            "TensorRT" if rung.flavour in ("rtx", "trt") else "ONNX Runtime": Ladder(
                shelf.cache, shelf.digests, paths, (rung,), rungs.StandIns(), machine.runtime
            )
            for rung in rungs.rungs_of(machine)
        }
        rows = measure(
            ways.ways_of(at, work, machine, ladders),
            wishes.rounds,
            place,
            clock=RealClock(machine.sync),
            meter=find_meter(machine.device),
            price_kwh=wishes.price_kwh,
            progress=progress.part(0.1, 0.9),
        )
    setting = {
        "width_px": shape.width_px, "height_px": shape.height_px, "steps": steps, "batch": 1, "rounds": wishes.rounds,
        "case": case, "libraries": _libraries(),
    }  # fmt: skip
    return Report(profile.id, "own", place, setting, rows)


def _first(folders: Sequence[Path]) -> str:
    from engines.diffusion.offers import on_offer

    ready = [one for one in on_offer(folders) if not one.offer.reason and one.profile.family == "sdxl"]
    if not ready:
        raise EngineError(
            "No painter of the SDXL family has its weights on this machine", "Fetch one: python app.py engines list"
        )
    return ready[0].offer.id


def _place(device: str, wishes: BenchWishes) -> Place:
    card = find_card() if device == "cuda" else None
    named = known_card(wishes.card)
    if wishes.card and not named:
        raise EngineError(f"The rate of the card “{wishes.card}” is not known", f"Known: {', '.join(RATES)}")
    own = known_card(card.name) if card else ""
    watts = wishes.watts or (card.watts or WATTS.get(own, 0.0) if card else 0.0)
    return Place(
        device,
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        card.name if card else "",
        card.driver if card else "",
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        own,
        named or own,
        watts,
    )


def _libraries() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
