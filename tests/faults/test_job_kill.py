"""The real worker killed at random moments while it paints, draws and delivers: every ad once, whole, the same pixels."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from studio.desk.queue import Queue
from studio.desk.store import Store
from studio.desk.watch import WorkerProcess, start_worker, watch
from studio.orders import Wishes
from studio.studio import Studio

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo"
BRIEF = """
name = "kill"
headlines = ["One", "Two", "Three", "Four", "Five", "Six"]
action = "Shop now"
product = "product.png"
pitch_deg = 8
formats = ["display-300x250", "display-250x250", "display-200x200", "display-320x50", "display-120x600"]
layouts = ["hero", "type", "split"]
sets = ["cyclorama"]
count = 12
"""


def planned(folder: Path) -> tuple[Studio, str, Path]:
    folder.mkdir()
    shutil.copy(DEMO / "product.png", folder)
    (folder / "brief.toml").write_text(BRIEF, encoding="utf-8")
    studio = Studio(folder / "home")
    job = studio.prepare(folder / "brief.toml", DEMO / "brand", Wishes(steps=2))
    return studio, studio.start(job, folder / "out"), folder / "out"


def pictures(out: Path) -> dict[str, bytes]:
    files = {path.name: path for path in out.glob("*.jpg")}
    for path in files.values():
        with Image.open(path) as picture:
            picture.load()
    return {name: path.read_bytes() for name, path in files.items()}


@pytest.mark.slow
def test_fifty_kills_of_the_real_worker_cost_nothing(tmp_path):
    studio, run_id, calm_out = planned(tmp_path / "calm")
    for _ in studio.watch(run_id):
        pass
    undisturbed = pictures(calm_out)
    assert len(undisturbed) == 60

    studio, run_id, out = planned(tmp_path / "killed")
    chance, kills = random.Random(5), 0
    with Store(studio.home) as store:
        queue = Queue(store)
        while queue.open_jobs(run_id):
            workers: list[WorkerProcess] = []

            def start(home: Path = studio.home, workers: list[WorkerProcess] = workers) -> WorkerProcess:
                workers.append(start_worker(home, run_id=run_id))
                return workers[-1]

            due = chance.uniform(0.1, 2.4)
            for step, _ in enumerate(watch(queue, run_id, start, every_s=0.05, restarts=10_000)):
                if kills < 50 and workers and step * 0.05 > due:
                    workers[-1].process.kill()
                    kills, due = kills + 1, step * 0.05 + chance.uniform(0.1, 2.4)
            # A job that took two workers down by chance was parked, as it should be; the designer asks again.
            queue.retry(run_id)
        finished = queue.results(run_id)
    assert kills == 50
    assert Counter(Counter(item.file.file for item in finished).values()) == {1: 60}
    assert pictures(out) == undisturbed
