"""Built engines as the studio sees them: what is kept, what a build would make and take, building, removing, and what
was measured. Loads no torch."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engines.accelerate.cache import EngineCache
from engines.accelerate.commands import BuildWishes, Shelf, build_engines, job_of, kept_engines
from engines.accelerate.digests import Digests, files_of
from engines.accelerate.job import Job, job_for, shapes_of, wanted
from engines.accelerate.report import FORMAT, VERSION
from engines.accelerate.room import Need, check_room, free_disk, free_memory, need
from engines.accelerate.seals import write_aside
from engines.accelerate.shapes import COMMON, SHAPES
from engines.accelerate.targets import CAPABILITIES, INSTALL, RTX_BUILDS, find_card, version_of
from engines.base import EngineError, Progress

SECONDS_A_GB = {"tensorrt": 40.0, "onnx": 30.0}
"""About how long an export and a first engine take on two cores, by gigabyte, where nothing was built yet."""
_MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Workshop(Shelf):
    """The engines of a workspace, for painters whose weights lie in its folders of models."""

    @property
    def limit_bytes(self) -> int:
        """What is set aside for engines."""
        return self.cache.limit_bytes

    def kept(self) -> list[dict[str, Any]]:
        """A row an engine, the last used first (`engines.accelerate.commands.kept_engines`)."""
        return kept_engines(self)

    def remove(self, key: str) -> int:
        """Delete one engine; the bytes that are free again. Raises `EngineError`."""
        return self.cache.remove(key).bytes

    def choices(self) -> dict[str, Any]:
        """What can be built with, for and at here: `runtimes` with `reason` and `fix` where one cannot be used,
        `targets` (the card of this machine first), `sizes`, the `default` runtime, and the `painters` that can have
        engines."""
        card, rtx, trt = find_card(), version_of("rtx"), version_of("trt")
        name = "TensorRT for RTX" if rtx or not trt else "TensorRT"
        missing = "" if rtx or trt else "TensorRT for RTX is not installed"
        torch = "" if version_of("onnx") else "PyTorch is not installed"
        targets = [{"id": "this", "name": f"This machine: {card.name}"}] if card else []
        targets += [
            {"id": one, "name": _card_name(one)} for one, at in CAPABILITIES.items() if not rtx or at in RTX_BUILDS
        ]
        return {
            "default": "tensorrt" if card and not missing else "onnx",
            "card": card.name if card else "",
            "runtimes": [
                {"id": "tensorrt", "name": name, "reason": missing, "fix": INSTALL if missing else ""},
                {
                    "id": "onnx", "name": "ONNX Runtime", "reason": torch,
                    "fix": 'pip install -e ".[diffusion]"' if torch else "",
                },
            ],
            "targets": targets,
            "sizes": [{"id": str(one), "name": one.said, "usual": one in COMMON} for one in SHAPES],
            "painters": self._painters(),
        }  # fmt: skip

    def _painters(self) -> dict[str, dict[str, Any]]:
        """The painters that engines are built for, by id: their networks, and the efforts that have one of their
        own."""
        from engines.diffusion.offers import on_offer

        found = {}
        for one in on_offer(self.models):
            paths = one.found.parts.paths
            if one.profile.family == "sdxl" and not one.offer.reason:
                own = [effort for effort, steps in one.profile.steps.items() if f"unet-{steps}" in paths]
                found[one.offer.id] = {
                    "parts": list(job_for(one.profile, paths, "onnx").graphs),
                    "efforts": list(dict.fromkeys(["normal", *own])),
                }
        return found

    def foresee(self, painter: str, **wishes: Any) -> dict[str, Any]:
        """What a build would make and take, before it begins: its engines (`there` is None where weights would have to
        be read first), bytes of memory and disk, about how many seconds, and the `trouble` that stands in its way with
        the `hint`. Raises `EngineError` for wishes nobody can fulfil."""
        job = job_of(painter, BuildWishes(**wishes), self.models)
        cache, digests = self.cache, self.digests
        there = _there(job, cache, digests)
        needs = []
        rows: list[dict[str, Any]] = []
        for graph in job.graphs:
            one, known = need(job, graph), None if there is None else there[graph]
            needs += [] if known else [one]
            sizes = dict.fromkeys(replace(shape, windows=1).said for shape in shapes_of(graph, job))
            rows.append({"graph": graph, "size": ", ".join(sizes), "bytes": one.kept, "there": known})
        trouble = hint = ""
        try:
            check_room(needs, cache)
        except EngineError as error:
            trouble, hint = str(error), error.hint
        return {
            "engines": rows,
            "memory_bytes": max((one.memory for one in needs), default=0),
            "memory_free_bytes": free_memory(),
            "disk_bytes": sum(one.kept for one in needs) + max((one.disk - one.kept for one in needs), default=0),
            "disk_free_bytes": free_disk(cache),
            "seconds": sum(self._seconds(job, one) for one in needs),
            "trouble": trouble,
            "hint": hint,
        }

    def build(
        self, painter: str, progress: Progress, each: Callable[[dict[str, Any]], None] = lambda row: None, **wishes: Any
    ) -> None:
        """Build what is not there; `each` gets a row an engine as soon as it is there. Raises `EngineError` and
        `Stopped`."""
        build_engines(painter, BuildWishes(**wishes), self, progress, each)

    def measured(self) -> dict[str, dict[str, Any]]:
        """The last bench of each painter (`engines.accelerate.report`); what cannot be read is left out."""
        found = {}
        for path in sorted((self.engines / "bench").glob("*.json")):
            try:
                if path.stat().st_size > _MOST_BYTES:
                    continue
                said = json.loads(path.read_bytes())
                if said["format"] == FORMAT and said["version"] == VERSION:
                    found[str(said["profile"])] = _short(said)
            except (OSError, ValueError, KeyError, TypeError, RecursionError, AttributeError):
                continue
        return found

    def keep_measured(self, told: Mapping[str, Any]) -> Path:
        """Keep a bench as the last one of its painter."""
        path = self.engines / "bench" / f"{told['profile']}.json"
        write_aside(path, json.dumps(told, indent=1).encode())
        return path

    def _seconds(self, job: Job, one: Need) -> float:
        """About how long: as such a build took here, else by what it weighs; an engine, shape by shape."""
        shapes = max(len(shapes_of(one.graph, job)), 1)
        took = [
            (entry.facts["seconds"], max(len(entry.key.get("shapes", ())), 1)) for entry in self.cache.entries()
            if entry.key.get("graph") == one.graph and entry.facts.get("profile") == job.profile.id
            and isinstance(entry.facts.get("seconds"), Mapping)
        ]  # fmt: skip
        exported = [s["export"] for s, _ in took if isinstance(s.get("export"), int | float)]
        built = [s["build"] / n for s, n in took if isinstance(s.get("build"), int | float)]
        if exported and (built or job.runtime == "onnx"):
            return statistics.median(exported) + (statistics.median(built) * shapes if built else 0.0)
        return SECONDS_A_GB[job.runtime] * one.kept / 1e9 * (0.7 + 0.3 * shapes)


def _there(job: Job, cache: EngineCache, digests: Digests) -> dict[str, bool] | None:
    """Which engines of a job are kept; None where that would take reading weights."""
    try:
        if not job.random_weights:
            files = [path for graph in job.graphs for _, path in files_of(graph, job.paths)]
            files += [lora.path for lora in job.loras if not lora.digest]
            if not all(digests.known(path) for path in files):
                return None
    except OSError:
        return None
    kept = {entry.folder.name for entry in cache.entries()}
    return {one.graph: any(key.digest in kept for key in cache.serving(one)) for one in wanted(job, digests)}


def _card_name(target: str) -> str:
    """`rtx-4090` as it stands on the box."""
    return target.upper().replace("-", " ")


def _short(said: Mapping[str, Any]) -> dict[str, Any]:
    """What of a bench is shown. Raises what a damaged one makes it raise."""
    setting, quicker = said["setting"], {one["way"]: one["times_quicker"] for one in said["compared"]}
    return {
        "made": str(said["made"]),
        "machine": str(said["machine"]["card"] or f"{said['machine']['cores']} cores"),
        "width_px": int(setting["width_px"]),
        "height_px": int(setting["height_px"]),
        "steps": int(setting["steps"]),
        "ways": [
            {
                "name": str(way["name"]),
                "runtime": str(way["runtime"]),
                "seconds": float(way["seconds"]["median"]) if way["seconds"] else None,
                "times_quicker": quicker.get(way["name"]),
                "percent_of_floor": way["percent_of_floor"],
                "refused": [str(why) for why in way["refused"]],
            }
            for way in said["ways"]
        ],
    }
