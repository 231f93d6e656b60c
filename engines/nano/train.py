"""Training of the built-in model, a stage a command. Every stage goes on from its checkpoint in OUT.

    python -m engines.nano.train autoencoder --data DATA --out OUT --minutes 40
    python -m engines.nano.train pool        --data DATA --out OUT --pictures 6000
    python -m engines.nano.train encoders    --out OUT --minutes 10     (then teacher, control, reference, guided,
                                                                         student-16, student-8, student-4)
    python -m engines.nano.train decoder     --data DATA --out OUT --minutes 20     (and reporter)
    python -m engines.nano.evaluate --data DATA --out OUT
    python -m engines.nano.assemble --out OUT --folder MODEL

`--minutes` counts all runs of a stage together, on a processor its own time: to go on, give it more. `--round` counts
teachers: after more of the teacher, distil again under the next number.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import torch

from .learn import Task

STAGES = (
    "autoencoder", "pool", "encoders", "teacher", "control", "reference", "guided", "student-16", "student-8",
    "student-4", "decoder", "reporter",
)  # fmt: skip
ON_A_CARD = 16
"""How many times larger a batch is on a graphics card."""
BATCHES = {"autoencoder": 8, "decoder": 8, "encoders": 48, "reporter": 24, "teacher": 8}


def run(stage: str, task: Task, data: Path | None, pictures: int, workers: int) -> None:
    """One stage. Raises `SystemExit` where what it builds on is missing."""
    from . import adapters, autoencoder, decoder, distil, encoders, pool, reporter, teacher
    from .data import Data

    task.folder.mkdir(parents=True, exist_ok=True)
    if stage in ("autoencoder", "pool", "decoder", "reporter"):
        if data is None:
            raise SystemExit(f"{stage} looks at pictures; say where they are with --data")
        source = Data(data)
        if stage == "autoencoder":
            autoencoder.train(source, task)
        elif stage == "reporter":
            reporter.train(source, task)
        elif stage == "decoder":
            decoder.train(source, task)
        else:
            net = autoencoder.opened(task)
            there = pool.fill(task.folder / "pool", source, net, pictures, task.seconds, workers)
            print(f"pool: {there} pictures", flush=True)
        return
    if stage.startswith("student-"):
        distil.train_halving(task, int(stage.removeprefix("student-")))
        return
    {
        "encoders": encoders.train,
        "teacher": teacher.train,
        "control": adapters.train_control,
        "reference": adapters.train_reference,
        "guided": distil.train_guided,
    }[stage](task)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--data", type=Path, help="the folder engines.nano.data rendered into")
    parser.add_argument("--out", type=Path, required=True, help="where checkpoints and the pool lie")
    parser.add_argument("--minutes", type=float, default=60.0, help="for this stage, all runs together")
    parser.add_argument("--pictures", type=int, default=6000, help="pool: how many in all")
    parser.add_argument("--workers", type=int, default=1, help="pool: how many processes draw pictures")
    parser.add_argument("--size", default="full", choices=("full", "tiny"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=0, help="0 for the stage's own")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--round", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    batch = options.batch or BATCHES.get(options.stage, 16) * (1 if options.device == "cpu" else ON_A_CARD)
    task = Task(options.out, options.size, 60 * options.minutes, options.device, batch, options.seed, options.round)
    run(options.stage, task, options.data, options.pictures, options.workers)


if __name__ == "__main__":
    main()
