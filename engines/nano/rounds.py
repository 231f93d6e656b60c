"""Everything in order, over and over: each round goes on with the teacher, distils it anew and writes a model.

    python -m engines.nano.rounds --data DATA --out OUT --model MODEL

Stages run one after another in processes of their own, in one process group, which can be stopped and continued; when
all is killed and started again, it goes on where the last checkpoints are. Round N's model lies in MODEL-N, its
measures and contact sheet beside it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .learn import Task


@dataclass(frozen=True)
class Round:
    """How far each stage is to be after a round: pictures in the pool, and minutes, all rounds together. Distillation
    starts anew in each round, so its minutes are its own. `count`: requests to measure on, and those of the teacher."""

    pictures: int
    minutes: Mapping[str, float]
    count: tuple[int, int]


PLAN = (
    Round(
        10240,
        {"autoencoder": 30, "encoders": 6, "teacher": 300, "control": 25, "reference": 15, "guided": 15,
         "student-16": 8, "student-8": 8, "student-4": 16, "decoder": 20, "reporter": 15},
        (60, 12),
    ),
    Round(
        16384,
        {"autoencoder": 30, "encoders": 6, "teacher": 600, "control": 60, "reference": 35, "guided": 25,
         "student-16": 15, "student-8": 15, "student-4": 30, "decoder": 60, "reporter": 30},
        (100, 20),
    ),
    Round(
        24576,
        {"autoencoder": 30, "encoders": 6, "teacher": 1500, "control": 120, "reference": 80, "guided": 60,
         "student-16": 30, "student-8": 30, "student-4": 80, "decoder": 120, "reporter": 45},
        (500, 60),
    ),
)  # fmt: skip
FIRST = "autoencoder"
DISTILLED = ("guided", "student-16", "student-8", "student-4")


def commands(number: int, options: argparse.Namespace) -> list[list[str]]:
    """What is left to do of round `number` (from 1), as arguments after `python -m`."""
    plan, task = PLAN[number - 1], Task(options.out, options.size, 0.0, options.device, 1, round=number)
    where = ["--out", str(options.out), "--size", options.size, "--round", str(number)]
    seen = ["--data", str(options.data)]
    if options.model.with_name(f"{options.model.name}-{number}").exists():
        return []
    left = []
    for stage, minutes in plan.minutes.items():
        name, goal = f"{stage}-r{number}" if stage in DISTILLED else stage, minutes * options.scale
        unmeasured = stage == FIRST and not task.checkpoint(f"{FIRST}-spread").exists()
        if _minutes(task.checkpoint(name)) < goal or unmeasured:
            left.append(
                [
                    "engines.nano.train",
                    stage,
                    *seen,
                    *where,
                    "--minutes",
                    f"{goal:.3f}",
                    *_on(options),
                    *_threads(options),
                ]
            )
        if stage == FIRST:
            pool = ["--pictures", str(max(64, int(plan.pictures * options.scale))), "--minutes", "100000"]
            pool += ["--workers", str(options.workers)]
            left.append(["engines.nano.train", "pool", *seen, *where, *pool, *_on(options)])
    count, slow = (str(max(3, int(each * min(1.0, options.scale)))) for each in plan.count)
    measured = ["--count", count, "--teacher-count", slow, *_on(options)]
    left.append(["engines.nano.evaluate", *seen, *where, *measured])
    left.append(["engines.nano.assemble", *where, "--folder", f"{options.model}-{number}"])
    return left


def _on(options: argparse.Namespace) -> list[str]:
    return ["--device", options.device]


def _threads(options: argparse.Namespace) -> list[str]:
    return ["--threads", str(options.threads)]


def _minutes(checkpoint: Path) -> float:
    if not checkpoint.exists():
        return 0.0
    with np.load(checkpoint, allow_pickle=False) as arrays:
        return float(arrays["seconds"]) / 60 + 1e-6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--size", default="full", choices=("full", "tiny"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw pictures for the pool")
    parser.add_argument("--threads", type=int, default=1, help="threads a stage computes with")
    parser.add_argument("--rounds", type=int, default=len(PLAN))
    parser.add_argument("--scale", type=float, default=1.0, help="of all minutes and counts, for rehearsals")
    options = parser.parse_args()
    for number in range(1, options.rounds + 1):
        for command in commands(number, options):
            print(f"round {number}: {' '.join(command)}", flush=True)
            done = subprocess.run([sys.executable, "-m", *command], check=False)
            if done.returncode:
                raise SystemExit(f"round {number} stopped at {command[0]} {command[1]}: {done.returncode}")
        for name in ("measures.json", "sheet.png"):
            made, kept = options.out / name, Path(f"{options.model}-{number}.{name}")
            if made.exists() and not kept.exists():
                shutil.copyfile(made, kept)


if __name__ == "__main__":
    main()
