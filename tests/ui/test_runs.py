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
from studio.errors import BadInput, DeskError
from studio.orders import Prepared, Wishes
from studio.runs import Runs, RunState
from studio.studio import Studio

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "assets" / "demo"
QUICK = (sys.executable, str(ROOT / "tests" / "ui" / "quick_worker.py"))


class QuickStudio(Studio):
    """The studio with workers that paint plain grounds."""

    fails = ""

    def watch(self, run_id: str) -> Iterator[Snapshot]:
        if run_id == self.fails:
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
    wishes = Wishes(product, formats=("display-320x50", "display-300x250"), count=count, steps=1)
    return studio.prepare(DEMO / "brief.toml", DEMO / "brand", wishes)


def settled(runs: Runs, run_id: str, patience_s: float = 60.0) -> RunState:
    """The run once it is over and closed up, or could not go on."""
    until = time.monotonic() + patience_s
    while True:
        state = runs.state(run_id)
        packed = state.archive is not None or (state.now.over and not state.now.finished)
        if state.trouble or (state.now.over and packed):
            return state
        assert time.monotonic() < until, state.now
        time.sleep(0.05)


def test_a_run_is_seen_through_packed_and_shown_after_a_restart(studio: QuickStudio) -> None:
    runs = Runs(studio)
    run_id = runs.start(job(studio))
    state = settled(runs, run_id)
    assert state.now.finished == 2
    assert not state.failed
    assert state.archive is not None and state.sheet is not None
    with zipfile.ZipFile(state.archive) as archive:
        assert len(archive.namelist()) == 4
    runs.close()

    again = Runs(studio)
    assert again.newest() == run_id
    assert settled(again, run_id).archive == state.archive
    assert again.under_way() == []
    again.close()


def test_runs_go_one_after_the_other_and_a_waiting_one_can_be_stopped(studio: QuickStudio) -> None:
    runs = Runs(studio)
    first, second = runs.start(job(studio, 2)), runs.start(job(studio, 3))
    assert runs.state(second).waiting
    assert not runs.state(second).settled
    runs.stop(second)
    stopped = settled(runs, second, 20)
    assert stopped.stopped
    assert not stopped.now.finished
    assert settled(runs, first).now.finished == 4
    runs.close()


def test_a_paused_run_lets_others_by_and_goes_on_where_it_was(studio: QuickStudio) -> None:
    runs = Runs(studio)
    long, other = runs.start(job(studio, 6)), runs.start(job(studio, 1))
    runs.pause(long)
    assert settled(runs, other).now.finished == 2
    state = runs.state(long)
    assert state.paused and not state.now.over
    done = state.now.finished
    time.sleep(1.0)
    assert runs.state(long).now.finished == done  # nothing is done behind its back
    assert [one.run_id for one in runs.under_way()] == [long]
    runs.go_on(long)
    assert settled(runs, long).now.finished == 12
    runs.close()


def test_a_pause_outlives_the_program(studio: QuickStudio) -> None:
    runs = Runs(studio)
    run_id = runs.start(job(studio, 6))
    runs.pause(run_id)
    runs.close()
    again = Runs(studio)
    time.sleep(1.0)
    assert again.state(run_id).paused
    again.go_on(run_id)
    assert settled(again, run_id).now.finished == 12
    again.close()


def test_the_most_urgent_run_goes_first_even_before_one_that_has_begun(studio: QuickStudio) -> None:
    runs = Runs(studio)
    ids = [runs.start(job(studio, count)) for count in (10, 1, 2)]
    runs.first(ids[2])
    assert settled(runs, ids[2]).now.finished == 4
    assert not runs.state(ids[0]).now.over
    assert runs.state(ids[1]).now.finished == 0
    for run_id, count in zip(ids, (20, 2, 4), strict=True):
        assert settled(runs, run_id).now.finished == count
    runs.close()


def test_a_stopped_run_can_be_taken_up_again(studio: QuickStudio) -> None:
    runs = Runs(studio)
    run_id = runs.start(job(studio, 6))
    runs.stop(run_id)
    assert settled(runs, run_id).now.finished < 12
    runs.go_on(run_id)
    assert settled_whole(runs, run_id) == 12
    runs.close()


def settled_whole(runs: Runs, run_id: str) -> int:
    until = time.monotonic() + 60
    while not (now := runs.state(run_id).now).over:
        assert time.monotonic() < until
        time.sleep(0.05)
    return now.finished


def test_what_was_cut_off_goes_on_at_the_next_start(studio: QuickStudio) -> None:
    run_id = studio.start(job(studio), studio.home / "ads" / "cut-off")
    runs = Runs(studio)
    assert runs.newest() == run_id
    assert settled(runs, run_id).now.finished == 2
    runs.close()


def test_trouble_is_told_and_the_next_run_goes_on(studio: QuickStudio) -> None:
    runs = Runs(studio)
    broken = studio.start(job(studio), runs.place("broken"))
    studio.fails = broken
    runs.take(broken)
    assert str(settled(runs, broken).trouble) == "The disk is full"
    assert settled(runs, runs.start(job(studio, 2))).now.finished == 4  # while the first is as it was
    assert str(runs.state(broken).trouble) == "The disk is full"
    studio.fails = ""
    runs.go_on(broken)
    assert settled(runs, broken).trouble is None
    runs.close()


def test_runs_of_the_command_line_are_not_shown(studio: QuickStudio, tmp_path: Path) -> None:
    elsewhere = studio.start(job(studio), tmp_path / "elsewhere")
    runs = Runs(studio)
    assert runs.newest() is None
    assert runs.own() == []
    with pytest.raises(BadInput):
        runs.state(elsewhere)
    runs.close()
