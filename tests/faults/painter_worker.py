"""A worker process that paints with a family of no weights and dies, or loses its card, where it is told to.

`FAULTS` names stages, one a line, in a file: each process takes the first line off and fails there once.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "desk")]

from fakes import QuickHands  # noqa: E402

from engines.base import Progress  # noqa: E402
from engines.diffusion import scene  # noqa: E402
from studio.desk import queue as queue_module  # noqa: E402
from studio.desk import worker  # noqa: E402
from studio.desk.hands import StudioHands  # noqa: E402
from studio.desk.store import Store  # noqa: E402
from studio.model import Shot  # noqa: E402
from tests.engines.diffusion import fake_family  # noqa: E402
from tests.engines.diffusion.fake_family import Card, Script  # noqa: E402


class PainterHands(QuickHands):
    """Paints with the diffusion painter, finishes quickly."""

    def __init__(self, store: Store, painter: Any) -> None:
        super().__init__()
        self.real = StudioHands(store, lambda engine: painter)

    def paint(self, shot: Shot, product: bytes | None, progress: Progress) -> worker.Painted:
        return self.real.paint(shot, product, progress)


def watched(script: Script, holder: Any, name: str, stage: str) -> None:
    """Let the script hear of every call of a function."""
    stock = getattr(holder, name)

    def call(*given: Any, **named: Any) -> Any:
        script.at(stage)
        return stock(*given, **named)

    setattr(holder, name, call)


def die() -> None:
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--run")
    parser.add_argument("--name", default="")
    parser.add_argument("--until-idle", action="store_true")
    parser.add_argument("--watched", action="store_true")
    given = parser.parse_args()
    script, alive = Script(), [True]
    plan = Path(os.environ["FAULTS"])
    kind, _, stage = plan.read_text().partition("\n")[0].partition(" ")
    plan.write_text(plan.read_text().partition("\n")[2])
    if kind == "kill":
        script.errors[stage] = [die]
    elif kind == "lose":
        script.errors[stage] = [RuntimeError("CUDA error: an illegal memory access was encountered")]
        alive[0] = False
    fake_family.put_in(script)
    watched(script, scene, "finish", "finish")
    watched(script, Store, "put_blob", "store")
    watched(script, Store, "save_picture", "save")
    import torch

    painter = fake_family.painter(card=Card("cpu", torch.float32, alive))
    return worker.run_worker(
        given.home, lambda store: PainterHands(store, painter), until_idle=given.until_idle, run_id=given.run,
        name=given.name, watched=given.watched,
    )  # fmt: skip


if __name__ == "__main__":
    defaults = queue_module.Queue.__init__.__defaults__
    assert defaults is not None
    queue_module.Queue.__init__.__defaults__ = (*defaults[:-1], int(os.environ.get("CRASH_LIMIT", "2")))
    sys.exit(main())
