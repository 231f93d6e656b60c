"""Quick hands and little values for the desk's tests. Run as a program it is a worker process with those hands."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engines.base import Progress  # noqa: E402
from studio.desk import export, files, metadata, provenance, worker  # noqa: E402
from studio.desk.jobs import compose_job, paint_job  # noqa: E402
from studio.desk.queue import Queue  # noqa: E402
from studio.desk.store import Store  # noqa: E402
from studio.errors import LockupError  # noqa: E402
from studio.model import AdSpec, Box, Format, LayoutRules, Shot, Swatch, Words  # noqa: E402
from studio.results import AdFile, Check, Score  # noqa: E402

LAYOUT = LayoutRules(words=Box(left=0, top=0.5, right=1, bottom=1), logo=Box(left=0, top=0, right=0.3, bottom=0.2))


def shot(seed: int = 1, **changes: object) -> Shot:
    fields: dict[str, object] = {
        "engine": "stage", "recipe": 1, "width_px": 24, "height_px": 16, "seed": seed, "steps": 4,
        "palette": {"primary": "#102030"}, "allowed": (Swatch(role="primary", hex="#102030"),),
        "set_id": "podium", "set_spec": {"podium": {"height": 0.4}},
    }  # fmt: skip
    return Shot.model_validate(fields | changes)


def ad(of: Shot | None, headline: str = "Hello", **changes: object) -> AdSpec:
    fields: dict[str, object] = {
        "shot_id": of.content_id if of else None,
        "format": Format(id="square", name="Square", channel="test", width_px=24, height_px=16),
        "layout": "plain", "rules": LAYOUT, "words": Words(headline=headline), "kit_digest": "a" * 64,
        "recipe": 1,
    }  # fmt: skip
    return AdSpec.model_validate(fields | changes)


class QuickHands:
    """Paints noise from the seed and finishes it as a PNG. Seeds 666 are refused, headline "bug" raises."""

    def __init__(self, pause_s: float = 0.0) -> None:
        self.pause_s = pause_s
        self.painted: list[str] = []
        self.finished: list[str] = []

    def paint(self, shot: Shot, product: bytes | None, progress: Progress) -> worker.Painted:
        if shot.seed == 666:
            raise LockupError("This set has no floor", "Give it one.")
        self._work(progress)
        self.painted.append(shot.content_id)
        noise = np.random.default_rng(shot.seed).integers(0, 255, (shot.height_px, shot.width_px, 3), dtype=np.uint8)
        png = metadata.encode(noise, "png", provenance.describe(None, shot))
        return worker.Painted(png, shot.width_px, shot.height_px, "stage", "test", 0.1, {"depth": b"depth" + png})

    def finish(self, spec: AdSpec, ticket: worker.Ticket) -> AdFile:
        if spec.words.headline == "bug":
            raise ZeroDivisionError("nothing there")
        self._work(ticket.progress)
        self.finished.append(spec.content_id)
        seed = int(spec.content_id[:6], 16)
        noise = np.random.default_rng(seed).integers(0, 255, (16, 24, 3), dtype=np.uint8)
        data = metadata.encode(noise, "png", provenance.describe(spec, ticket.shot, ticket.picture))
        files.write_whole(ticket.out_dir / f"{ticket.stem}.png", data)
        check = Check(id="size", passed=True, value=24.0, limit=24.0, message="24 px wide")
        return AdFile(
            file=f"{ticket.stem}.png", ad_id=spec.content_id, shot_id=spec.shot_id, format_id=spec.format.id,
            variant=spec.variant, width_px=24, height_px=16, bytes=len(data), painter="stage",
            score=Score(checks=(check,)),
        )  # fmt: skip

    def _work(self, progress: Progress) -> None:
        progress.report(0.0, "starting")
        end = time.monotonic() + self.pause_s
        while time.monotonic() < end:
            progress.report(0.5, "halfway")
            time.sleep(min(0.01, self.pause_s))


def ask(queue: Queue, out: Path, shots: list[Shot], ads: list[AdSpec], run_id: str | None = None) -> str:
    """A run of these shots and ads."""
    run = queue.add_run(out, export.PATTERN, "{}", run_id)
    names = export.names(ads)
    queue.add_jobs(run, [*map(paint_job, shots), *(compose_job(one, names[one.content_id]) for one in ads)])
    return run


def batch(count: int) -> tuple[list[Shot], list[AdSpec]]:
    """`count` ads on a sixth as many shots."""
    shots = [shot(seed) for seed in range(max(1, count // 6))]
    return shots, [ad(shots[n % len(shots)], f"Headline {n}", variant=n + 1) for n in range(count)]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name.endswith(".png")}


def parts(folder: Path) -> Iterator[Path]:
    return folder.glob(f"{files.ASIDE}*")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--run")
    parser.add_argument("--name", default="")
    parser.add_argument("--until-idle", action="store_true")
    parser.add_argument("--watched", action="store_true")
    parser.add_argument("--pause", type=float, default=0.0)
    given = parser.parse_args()
    return worker.run_worker(
        given.home, lambda store: QuickHands(given.pause), until_idle=given.until_idle, run_id=given.run,
        name=given.name, watched=given.watched,
    )  # fmt: skip


if __name__ == "__main__":
    # Every death counts as a crash; a test that kills fifty times must not have jobs parked by chance.
    import os

    from studio.desk import queue as queue_module

    limit = int(os.environ.get("CRASH_LIMIT", "2"))
    defaults = queue_module.Queue.__init__.__defaults__
    assert defaults is not None
    queue_module.Queue.__init__.__defaults__ = (*defaults[:-1], limit)
    sys.exit(main())

__all__ = ["ROOT", "QuickHands", "Store", "ad", "ask", "batch", "contents", "parts", "shot"]
