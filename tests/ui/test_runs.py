"""Runs that nobody watches: seen through, stopped, kept across a restart. Real processes with quick hands."""

from __future__ import annotations

import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.desk.queue import Queue
from studio.desk.store import Store
from studio.desk.watch import Snapshot, start_worker, watch
from studio.errors import DeskError
from studio.orders import Prepared, Wishes
from studio.runs import Runs, RunState
from studio.studio import Studio

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "assets" / "demo"
QUICK = (sys.executable, str(ROOT / "tests" / "ui" / "quick_worker.py"))


class QuickStudio(Studio):
    """The studio with workers that paint plain grounds."""

    fails = False

    def watch(self, run_id: str) -> Iterator[Snapshot]:
        if self.fails:
            raise DeskError("The disk is full", "Free some space.")
        with Store(self.home) as store:
            yield from watch(
                Queue(store), run_id, lambda: start_worker(self.home, run_id=run_id, command=QUICK), every_s=0.05
            )


@pytest.fixture
def studio(tmp_path: Path) -> QuickStudio:
    return QuickStudio(tmp_path / "home")


def job(studio: Studio, count: int = 1) -> Prepared:
    product = DEMO / "product.png"  # transparent already: nothing to cut
    wishes = Wishes(product, formats=("display-300x50", "display-320x50"), count=count, steps=1)
    return studio.prepare(DEMO / "brief.toml", DEMO / "brand", wishes)


def settled(runs: Runs, run_id: str, patience_s: float = 60.0) -> RunState:
    until = time.monotonic() + patience_s
    while not (state := runs.state(run_id)).settled:
        assert time.monotonic() < until, state.now
        time.sleep(0.1)
    return state


def test_a_run_is_seen_through_packed_and_shown_after_a_restart(studio: QuickStudio) -> None:
    runs = Runs(studio)
    run_id = runs.start(job(studio))
    state = settled(runs, run_id)
    assert len(state.finished) == 2
    assert not state.failed
    assert state.archive is not None
    with zipfile.ZipFile(state.archive) as archive:
        assert len(archive.namelist()) == 4
    assert runs.thumb(state.out_dir, state.finished[0]).is_relative_to(runs.thumbs)
    assert [name for name, _ in runs.kits()] == ["Solbrae"]
    runs.close()

    again = Runs(studio)
    assert again.newest() == run_id
    assert settled(again, run_id).archive == state.archive
    again.close()


def test_runs_go_one_after_the_other_and_a_waiting_one_can_be_stopped(studio: QuickStudio) -> None:
    runs = Runs(studio)
    first, second = runs.start(job(studio, 2)), runs.start(job(studio, 3))
    assert runs.state(second).waiting
    assert not runs.state(second).settled
    runs.stop(second)
    stopped = settled(runs, second, 5)
    assert stopped.report is not None
    assert stopped.report.stopped
    assert not stopped.finished
    assert len(settled(runs, first).finished) == 4
    runs.close()


def test_what_was_cut_off_goes_on_at_the_next_start(studio: QuickStudio) -> None:
    run_id = studio.start(job(studio), studio.home / "ads" / "cut-off")
    runs = Runs(studio)
    assert runs.newest() == run_id
    assert len(settled(runs, run_id).finished) == 2
    runs.close()


def test_trouble_is_told_and_the_next_run_goes_on(studio: QuickStudio) -> None:
    studio.fails = True
    runs = Runs(studio)
    broken = settled(runs, runs.start(job(studio)))
    assert str(broken.trouble) == "The disk is full"
    studio.fails = False
    assert len(settled(runs, runs.start(job(studio, 2))).finished) == 4
    runs.close()


def test_runs_of_the_command_line_are_not_shown(studio: QuickStudio, tmp_path: Path) -> None:
    studio.start(job(studio), tmp_path / "elsewhere")
    runs = Runs(studio)
    assert runs.newest() is None
    assert runs.recent() == []
    runs.close()
