"""Stands for `engines.accelerate.workshop` in tests: the painter's name says what happens; nothing is computed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from engines.base import EngineError, Progress

FULL = "The engines take 12.3 GB while they are built, and the disk has 9.0 GB free"


class FakeWorkshop:
    """Engines are rows in a list. `seconds` is how long one takes to build."""

    limit_bytes = 60_000_000_000

    def __init__(self, painters: tuple[str, ...] = ("able", "bad", "mistaken", "full"), seconds: float = 0.0) -> None:
        self.painters, self.seconds = painters, seconds
        self.rows: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.bench: dict[str, dict[str, Any]] = {}

    def choices(self) -> dict[str, Any]:
        return {
            "default": "onnx", "card": "",
            "runtimes": [
                {"id": "tensorrt", "name": "TensorRT for RTX", "reason": "", "fix": ""},
                {"id": "onnx", "name": "ONNX Runtime", "reason": "", "fix": ""},
            ],
            "targets": [{"id": "rtx-4090", "name": "RTX 4090"}, {"id": "rtx-3060", "name": "RTX 3060"}],
            "sizes": [{"id": "1024x1024", "name": "1024×1024 px"}, {"id": "768x1344", "name": "768×1344 px"}],
            "painters": {one: {"parts": ["unet", "vae_decoder"], "efforts": ["normal", "quality"]} for one in self.painters},
        }  # fmt: skip

    def foresee(self, painter: str, **wishes: Any) -> dict[str, Any]:
        if painter not in self.painters:
            raise EngineError(f"There is no painter called {painter}", "List them: python app.py engines list")
        self.asked.append({"painter": painter, **wishes})
        size = ", ".join(wishes["sizes"])
        engines = [
            {"graph": graph, "size": size, "bytes": 2_000_000_000, "there": False} for graph in self._graphs(wishes)
        ]
        full = painter == "full"
        return {
            "engines": engines, "memory_bytes": 20_000_000_000, "memory_free_bytes": 23_000_000_000,
            "disk_bytes": 4_000_000_000, "disk_free_bytes": 9_000_000_000, "seconds": 240.0,
            "trouble": FULL if full else "", "hint": "Free some space." if full else "",
        }  # fmt: skip

    def build(
        self, painter: str, progress: Progress, each: Callable[[dict[str, Any]], None] = lambda row: None, **wishes: Any
    ) -> None:
        self.asked.append({"painter": painter, **wishes})
        graphs = self._graphs(wishes)
        for number, graph in enumerate(graphs):
            share, begun = progress.part(number / len(graphs), 1 / len(graphs)), time.monotonic()
            while True:
                done = (time.monotonic() - begun) / self.seconds if self.seconds else 1.0
                share.report(min(done, 1.0), f"Exporting {graph}")
                if done >= 1:
                    break
                time.sleep(0.02)
            if painter == "bad" and number == 1:
                raise EngineError(
                    f"The exported {graph} is off by 0.2 of its range", "Go on with the painter as it is."
                )
            if painter == "mistaken":
                raise ZeroDivisionError("at line 7")
            self.rows.append(self._row(painter, graph, wishes))
            each({**self.rows[-1], "hit": False, "file": "model.onnx"})

    def kept(self) -> list[dict[str, Any]]:
        return list(self.rows)

    def remove(self, key: str) -> int:
        found = next((row for row in self.rows if row["key"] == key), None)
        if found is None:
            raise EngineError(f"No engine is called “{key}”", "See them: python app.py engines built")
        self.rows.remove(found)
        return int(found["bytes"])

    def measured(self) -> dict[str, dict[str, Any]]:
        return self.bench

    @staticmethod
    def _graphs(wishes: dict[str, Any]) -> tuple[str, ...]:
        return tuple(wishes["parts"]) or ("unet", "vae_decoder")

    def _row(self, painter: str, graph: str, wishes: dict[str, Any]) -> dict[str, Any]:
        return {
            "key": f"{len(self.rows) + 1:064x}", "profile": painter, "graph": graph,
            "size": ", ".join(wishes["sizes"]) or "any", "bytes": 2_000_000_000, "precision": "fp16",
            "runtime": "TensorRT-RTX 1.7.1.116" if wishes["runtime"] == "tensorrt" else "ONNX 2.13.0",
            "target": "RTX 40 cards" if wishes["runtime"] == "tensorrt" else "any machine", "loras": len(wishes["loras"]),
            "random_weights": wishes["random_weights"], "stale": False, "made": "2026-11-28T01:00:00+00:00",
            "used": "2026-11-28T01:00:00+00:00", "seconds": 1.0,
        }  # fmt: skip
