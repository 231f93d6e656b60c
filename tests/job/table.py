"""A studio with finished runs on it: the real planning, drawing and scoring, a painter that fills in one colour."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from engines.base import Painting, PaintRequest, Progress
from studio.again import Again
from studio.brief.rows import one_row, read_brief
from studio.desk.hands import StudioHands
from studio.desk.jobs import Finished
from studio.desk.queue import Queue
from studio.desk.store import Store
from studio.desk.watch import Snapshot, snapshot
from studio.desk.worker import Worker
from studio.model import Brief, Words
from studio.orders import Wishes
from studio.runs import Runs
from studio.studio import Studio
from studio.values import read_value
from tests.job.conftest import DEMO
from tests.ui.quick_worker import Plain

NEW = Words(headline="Half the heat", body="Light as water.", action="Shop now", price="€24", legal="")


class Counting(Plain):
    """Knows how many pictures it painted."""

    def __init__(self) -> None:
        self.painted = 0

    def paint(self, requests: Sequence[PaintRequest], progress: Progress) -> Iterator[Painting]:
        self.painted += len(requests)
        yield from super().paint(requests, progress)


class PlainStudio(Studio):
    """The studio with a worker in its own process."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.painter = Counting()

    def watch(self, run_id: str) -> Generator[Snapshot]:
        with Store(self.home) as store:
            queue = Queue(store)
            yield snapshot(queue, run_id)
            hands = StudioHands(store, lambda name: self.painter)
            Worker(queue, store, hands).run(until_idle=True, run_id=run_id)
            yield snapshot(queue, run_id)


class Table:
    """A studio with one finished run on it."""

    def __init__(self, home: Path) -> None:
        self.studio = PlainStudio(home)
        self.runs = Runs(self.studio)
        self.again = Again(self.studio, self.runs)

    def make(self, *formats: str, count: int = 1, kit: Path = DEMO / "brand", **brief: object) -> str:
        """A finished run of the demo brief with changes."""
        asked = read_value(Brief, {**read_brief(DEMO / "brief.toml").model_dump(), **brief}, "test")
        wishes = Wishes(DEMO / "product.png", formats=formats, count=count, steps=1)
        run_id = self.runs.start(self.studio.plan(one_row(asked), kit, DEMO, wishes))
        self.settle(run_id)
        return run_id

    def settle(self, run_id: str, patience_s: float = 60) -> list[Finished]:
        until = time.monotonic() + patience_s
        while not self.runs.state(run_id).settled or not self.runs.state(run_id).archive:
            assert time.monotonic() < until, self.runs.state(run_id)
            time.sleep(0.02)
        return self.ads(run_id)

    def ads(self, run_id: str) -> list[Finished]:
        return self.runs.queue.results(run_id)

    def first(self, run_id: str) -> Finished:
        return self.ads(run_id)[0]
