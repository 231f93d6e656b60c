"""Stands for `engines.accelerate.maker` in tests: the profile's name says what happens."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.accelerate.job import Job
from engines.accelerate.shapes import Shape
from engines.base import EngineError, Progress


@dataclass(frozen=True)
class Exported:
    path: Path
    digest: str = "e" * 64
    max_error: float = 2e-3


def export(job: Job, graph: str, folder: Path, progress: Progress) -> Exported:
    progress.report(0.5, f"Exporting {graph}")
    print("a library that writes to standard output")
    (folder.parent / "exports.log").open("a").write(f"{graph} {os.getpid()}\n")
    if job.profile.name == "off":
        raise EngineError(f"The exported {graph} is off by 0.2 of its range", "Go on with the painter as it is.")
    if job.profile.name == "broken":
        raise ZeroDivisionError("at line 7\nof some library")
    if job.profile.name == "killed":
        os._exit(137)
    if job.profile.name == "memory":
        raise MemoryError
    if job.profile.name == "endless":
        time.sleep(600)
    (folder / "model.onnx").write_bytes(f"graph of {graph}".encode())
    (folder / "model.onnx.data").write_bytes(bytes(2000))
    return Exported(folder / "model.onnx")


def engine(exported: Exported, shapes: Sequence[Shape], job: Job, progress: Progress) -> bytes:
    if job.profile.name == "second fails" and exported.path.read_bytes() != b"graph of unet":
        raise EngineError("TensorRT found no way to build this", "Use the painter as it is.")
    return (
        b"engine of "
        + exported.path.read_bytes()
        + f" for {', '.join(dict.fromkeys(map(str, shapes)))} on {job.target}".encode()
    )
