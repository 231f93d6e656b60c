"""A worker is killed at random moments; every ad must come out once, whole, and with the same bytes."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import fakes
import pytest
from fakes import QuickHands, ask, batch, contents, parts

from studio.desk import export, watch
from studio.desk.queue import Queue
from studio.desk.store import Store
from studio.desk.worker import Worker
from studio.errors import DeskError

COMMAND = (sys.executable, str(fakes.__file__))


def undisturbed(folder: Path, count: int) -> dict[str, bytes]:
    with Store(folder / "home") as store:
        queue = Queue(store)
        ask(queue, folder / "out", *batch(count))
        Worker(queue, store, QuickHands()).run(until_idle=True)
    return contents(folder / "out")


def kill_often(folder: Path, monkeypatch: pytest.MonkeyPatch, count: int, kills: int) -> None:
    monkeypatch.setenv("CRASH_LIMIT", "1000")
    expected = undisturbed(folder / "calm", count)
    chance = random.Random(count)
    with Store(folder / "home") as store:
        queue = Queue(store, crash_limit=1000)
        run = ask(queue, folder / "out", *batch(count))
        done = 0
        while queue.open_jobs(run):
            process = subprocess.Popen(
                [*COMMAND, "--home", str(store.home), "--run", run, "--until-idle", "--pause", "0.02"]
            )
            if done < kills:
                seen = queue.rows(run)
                while process.poll() is None and queue.rows(run) == seen:
                    time.sleep(0.005)  # the interpreter starts slowly; the dangerous moments come after it
                time.sleep(chance.uniform(0, 0.12))
                done += process.poll() is None
                process.kill()
            process.wait()
        assert done == kills
        assert contents(folder / "out") == expected and len(expected) == count
        assert {row.state for row in queue.rows(run)} == {"done"}
        results = queue.results(run)
        assert sorted(item.file.file for item in results) == sorted(expected)
        export.write_manifest(folder / "out", run, results, complete=True)
        assert list(parts(folder / "out")) == []


def test_six_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_often(tmp_path, monkeypatch, count=24, kills=6)


@pytest.mark.slow
def test_fifty_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_often(tmp_path, monkeypatch, count=60, kills=50)


def test_the_watcher_replaces_a_killed_worker(tmp_path: Path) -> None:
    with Store(tmp_path / "home") as store:
        queue = Queue(store)
        run = ask(queue, tmp_path / "out", *batch(12))
        started: list[watch.WorkerProcess] = []

        def start() -> watch.WorkerProcess:
            started.append(watch.start_worker(store.home, run_id=run, command=(*COMMAND, "--pause", "0.05")))
            return started[-1]

        last = None
        for last in watch.watch(queue, run, start, every_s=0.02):
            if last.finished >= 2 and len(started) == 1:
                started[0].process.kill()
                started[0].process.wait()
        assert last and last.over and (last.finished, last.to_finish, last.fraction) == (12, 12, 1.0)
        assert len(started) == 2 and started[1].process.poll() == 0


def test_the_watcher_gives_up_on_a_worker_that_never_works(tmp_path: Path) -> None:
    with Store(tmp_path / "home") as store:
        queue = Queue(store)
        run = ask(queue, tmp_path / "out", *batch(6))
        command = (sys.executable, "-c", "raise SystemExit(7)")
        with pytest.raises(DeskError, match="again and again"):
            list(
                watch.watch(
                    queue, run, lambda: watch.start_worker(store.home, command=command), every_s=0.02, restarts=1
                )
            )


def test_leaving_the_watcher_ends_the_worker_and_hands_the_job_back(tmp_path: Path) -> None:
    with Store(tmp_path / "home") as store:
        queue = Queue(store)
        run = ask(queue, tmp_path / "out", *batch(6))
        started: list[watch.WorkerProcess] = []

        def start() -> watch.WorkerProcess:
            started.append(watch.start_worker(store.home, run_id=run, command=(*COMMAND, "--pause", "60")))
            return started[-1]

        snapshots = watch.watch(queue, run, start, every_s=0.02)
        while not next(snapshots).text:
            pass
        before = time.monotonic()
        snapshots.close()
        assert time.monotonic() - before < 3 and started[0].process.returncode == 0
        assert {row.state for row in queue.rows(run)} == {"queued"} and queue.rows(run)[0].attempts == 0


def test_a_folder_that_refuses_is_told_to_the_caller(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where the folder should be")
    with Store(tmp_path / "home") as store:
        queue = Queue(store)
        run = ask(queue, tmp_path / "out", *batch(6))
        with pytest.raises(DeskError, match="could not be written") as caught:
            list(
                watch.watch(
                    queue, run, lambda: watch.start_worker(store.home, run_id=run, command=COMMAND), every_s=0.02
                )
            )
        assert caught.value.hint
        assert queue.counts(run)["compose"].queued == 6
