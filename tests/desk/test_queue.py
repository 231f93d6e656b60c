from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import QuickHands, ad, ask, batch, contents, shot

from studio.desk.jobs import compose_job, paint_job
from studio.desk.queue import Queue
from studio.desk.store import Store
from studio.desk.worker import Worker
from studio.errors import BadInput


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def states(queue: Queue, run: str) -> dict[str, str]:
    return {row.ref: row.state for row in queue.rows(run)}


def paint(store: Store, queue: Queue, hands: QuickHands | None = None) -> None:
    Worker(queue, store, hands or QuickHands()).run(until_idle=True)


def test_adding_twice_changes_nothing(queue: Queue, tmp_path: Path) -> None:
    shots, ads = batch(6)
    run = ask(queue, tmp_path, shots, ads, "r1")
    assert ask(queue, tmp_path, shots, ads, "r1") == run
    assert queue.add_jobs(run, [paint_job(shots[0])]) == 0
    assert {kind: count.total for kind, count in queue.counts(run).items()} == {"paint": 1, "compose": 6}


def test_an_ad_without_its_shot_is_refused_and_nothing_is_added(queue: Queue, tmp_path: Path) -> None:
    run = queue.add_run(tmp_path, "", "{}")
    with pytest.raises(BadInput, match="needs shot"):
        queue.add_jobs(run, [compose_job(ad(None), "a"), compose_job(ad(shot()), "b")])
    assert queue.rows(run) == []
    with pytest.raises(BadInput, match="no run"):
        queue.add_jobs("nowhere", [paint_job(shot())])


def test_the_first_ad_comes_before_the_second_shot(store: Store, queue: Queue, tmp_path: Path) -> None:
    shots = [shot(1), shot(2)]
    ask(queue, tmp_path, shots, [ad(shots[0]), ad(shots[1])])
    order = []

    class Watched(QuickHands):
        def paint(self, shot, product, progress):  # type: ignore[no-untyped-def]
            order.append("paint")
            return super().paint(shot, product, progress)

        def finish(self, spec, ticket):  # type: ignore[no-untyped-def]
            order.append("finish")
            return super().finish(spec, ticket)

    paint(store, queue, Watched())
    assert order == ["paint", "finish", "paint", "finish"]


def test_priority_goes_first(queue: Queue, tmp_path: Path) -> None:
    first = ask(queue, tmp_path, [shot(1)], [])
    second = ask(queue, tmp_path, [shot(2)], [])
    queue.reorder(second, 5)
    jobs = [queue.lease("w", 10), queue.lease("w", 10)]
    assert [job.run_id for job in jobs if job] == [second, first]


def test_a_shot_wanted_by_two_runs_is_painted_once(store: Store, queue: Queue, tmp_path: Path) -> None:
    one = shot(1)
    runs = [ask(queue, tmp_path / str(n), [one], [ad(one, f"h{n}")]) for n in range(2)]
    job = queue.lease("w1", 10)
    assert job and queue.lease("w2", 10) is None
    queue.give_back(job)
    hands = QuickHands()
    paint(store, queue, hands)
    assert hands.painted == [one.content_id] and len(hands.finished) == 2
    assert all(queue.counts(run)["paint"].done == 1 for run in runs)
    late = ask(queue, tmp_path / "late", [one], [ad(one, "late")])
    paint(store, queue, hands)
    assert len(hands.painted) == 1 and queue.counts(late)["compose"].done == 1


def test_an_expired_lease_is_taken_again_and_parked_after_two_crashes(store: Store, tmp_path: Path) -> None:
    clock = Clock()
    queue = Queue(store, clock)
    one = shot(1)
    run = ask(queue, tmp_path, [one], [ad(one)])
    for attempt in (1, 2):
        job = queue.lease("w", 10)
        assert job and job.attempts == attempt
        assert queue.lease("w", 10) is None
        clock.now += 11
    assert queue.lease("w", 10) is None
    rows = queue.rows(run)
    assert [row.state for row in rows] == ["parked", "failed"]
    assert "2 times" in rows[0].message and "2 times" in rows[1].message
    assert queue.retry(run) == 2
    job = queue.lease("w", 10)
    assert job and job.attempts == 1


def test_a_late_worker_cannot_report(store: Store, tmp_path: Path) -> None:
    clock = Clock()
    queue = Queue(store, clock)
    run = ask(queue, tmp_path, [shot(1)], [])
    late = queue.lease("w1", 10)
    assert late and queue.heartbeat(late, 10) and not queue.should_stop(late)
    clock.now += 11
    new = queue.lease("w2", 10)
    assert new
    assert queue.should_stop(late) and not queue.heartbeat(late, 10)
    assert not queue.done(late, "late") and not queue.fail(late, "late")
    queue.give_back(late)
    assert states(queue, run) == {new.ref: "leased"}
    assert queue.done(new, "new")


def test_a_refusal_is_final_until_retry_and_takes_its_ads_along(store: Store, queue: Queue, tmp_path: Path) -> None:
    bad, good = shot(666), shot(1)
    run = ask(queue, tmp_path, [bad, good], [ad(bad), ad(good), ad(good, "bug")])
    paint(store, queue)
    found = {row.ref: row for row in queue.rows(run)}
    assert found[bad.content_id].message == "This set has no floor" and found[bad.content_id].hint == "Give it one."
    assert "no floor" in found[ad(bad).content_id].message
    assert found[ad(good).content_id].state == "done"
    assert "ZeroDivisionError" in found[ad(good, "bug").content_id].message
    assert [item.spec for item in queue.results(run)] == [ad(good)]
    assert queue.retry(run) == 3


def test_cancel_stops_what_is_in_hand_and_resume_finishes(store: Store, queue: Queue, tmp_path: Path) -> None:
    shots, ads = batch(6)
    run = ask(queue, tmp_path / "out", shots, ads)
    worker = Worker(queue, store, QuickHands(pause_s=30), beat_s=0.02)
    thread = threading.Thread(target=lambda: worker.run(until_idle=True))
    thread.start()
    while queue.counts(run)["paint"].leased == 0:
        pass
    queue.cancel(run)
    thread.join(2)
    assert not thread.is_alive()
    assert set(states(queue, run).values()) == {"cancelled"}
    queue.resume(run)
    paint(store, queue)
    assert set(states(queue, run).values()) == {"done"} and len(contents(tmp_path / "out")) == 6
    assert not queue.runs()[0].cancelled


def test_stopping_the_worker_hands_the_job_back_uncounted(store: Store, queue: Queue, tmp_path: Path) -> None:
    run = ask(queue, tmp_path, [shot(1)], [])
    stop = threading.Event()
    thread = threading.Thread(target=lambda: Worker(queue, store, QuickHands(pause_s=30)).run(stop))
    thread.start()
    while queue.counts(run)["paint"].leased == 0:
        pass
    stop.set()
    thread.join(2)
    assert [(row.state, row.attempts) for row in queue.rows(run)] == [("queued", 0)]
    assert list((store.home / "workers").iterdir()) == []


def test_a_lost_picture_is_painted_again(store: Store, queue: Queue, tmp_path: Path) -> None:
    one = shot(1)
    first = ask(queue, tmp_path / "a", [one], [ad(one)])
    paint(store, queue)
    picture = store.picture(one.content_id)
    assert picture
    store.blob_path(picture.digest).write_bytes(b"rotten")
    second = ask(queue, tmp_path / "b", [one], [ad(one, "another")])
    hands = QuickHands()
    paint(store, queue, hands)
    assert hands.painted == [one.content_id] and queue.counts(second)["compose"].done == 1
    assert store.picture(one.content_id) and queue.counts(first)["compose"].done == 1


def test_progress_is_seen_from_outside(store: Store, queue: Queue, tmp_path: Path) -> None:
    run = ask(queue, tmp_path, [shot(1)], [])
    job = queue.lease("w", 10)
    assert job
    queue.heartbeat(job, 10, 0.4, "lights")
    row = queue.rows(run)[0]
    assert (row.fraction, row.text) == (0.4, "lights")
    assert queue.rows(run, since=row.changed) == []


LEASER = """
import sys; sys.path.insert(0, sys.argv[2])
from dataclasses import replace
from pathlib import Path
from studio.desk.queue import Queue
from studio.desk.store import Store
with Store(Path(sys.argv[1])) as store:
    queue = Queue(store)
    while job := queue.lease(f"w{sys.argv[3]}", 60):
        print(job.ref); queue.done(job, "{}")
"""


def test_several_processes_never_lease_the_same_job(store: Store, queue: Queue, tmp_path: Path) -> None:
    shots = [shot(seed) for seed in range(90)]
    run = ask(queue, tmp_path, shots, [])
    root = str(Path(__file__).resolve().parents[2])
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", LEASER, str(store.home), root, str(n)], stdout=subprocess.PIPE, text=True
        )
        for n in range(3)
    ]
    leased = [line for worker in workers for line in worker.communicate(timeout=60)[0].split()]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert sorted(leased) == sorted(one.content_id for one in shots)
    assert queue.counts(run)["paint"].done == 90


def test_engines_that_failed_are_told_by_run_and_once(store: Store, queue: Queue, tmp_path: Path) -> None:
    why = "TensorRT-RTX 1.7.1 is not used for unet: its engine is damaged"

    class Fell(QuickHands):
        def paint(self, shot, product, progress):  # type: ignore[no-untyped-def]
            facts = {
                1: {"engine_trouble": [why], "words_unknown": ["zebra", "quay"]},
                2: {"engine_trouble": [why], "engines": ["more"]},
                3: {"engines": ["no"]},
            }
            return replace(super().paint(shot, product, progress), facts=facts[shot.seed])

    shots = [shot(seed) for seed in (1, 2, 3)]
    run = ask(queue, tmp_path, shots, [ad(one) for one in shots], "r1")
    other = ask(queue, tmp_path, [shots[2]], [ad(shots[2])], "r2")
    paint(store, queue, Fell())
    assert queue.fallbacks(run) == (why,) and queue.fallbacks(other) == ()
    assert set(queue.unread(run)) == {"zebra", "quay"} and queue.unread(other) == ()
    with store.transaction() as db:
        db.execute("UPDATE pictures SET picture = '{\"facts\": ' WHERE shot_id = ?", (shots[0].content_id,))
    assert queue.fallbacks(run) == (why,)
