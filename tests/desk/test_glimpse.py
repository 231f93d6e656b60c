"""The picture under way: the newest only, for whoever looks, gone when it is done, and never in the painter's way."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fakes import QuickHands, ad, shot
from PIL import Image

from engines.base import Progress
from studio.desk import glimpse, worker
from studio.desk.glimpse import Glimpse, ask_for_glimpses, glimpse_of, glimpses_wanted, sweep_glimpses
from studio.desk.jobs import compose_job, paint_job
from studio.desk.queue import Queue
from studio.desk.store import Store
from studio.desk.watch import snapshot


class ShowingHands(QuickHands):
    """Shows a grey that grows lighter with each step, and waits at each until it is let on."""

    def __init__(self) -> None:
        super().__init__()
        self.on, self.looked = threading.Semaphore(0), threading.Event()
        self.progress: list[Progress] = []

    def paint(self, shot: object, product: bytes | None, progress: Progress) -> worker.Painted:
        self.progress.append(progress)
        for step in range(2):
            progress.report(step / 2, f"Step {step + 1} of 2")
            if progress.on_preview:
                progress.on_preview(np.full((16, 24, 3), 100 + 100 * step, np.uint8))
            self.looked.set()
            assert self.on.acquire(timeout=20)
        return super().paint(shot, product, progress)  # type: ignore[arg-type]


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def begun(queue: Queue, store: Store, hands: ShowingHands) -> threading.Thread:
    one = shot()
    run = queue.add_run(store.home / "ads", "{name}", "{}")
    queue.add_jobs(run, [paint_job(one), compose_job(ad(one), "a")])
    made = threading.Thread(target=worker.Worker(queue, store, hands, beat_s=0.02).run, kwargs={"until_idle": True})
    made.start()
    assert hands.looked.wait(20)
    return made


def shade(path: Path | None) -> float:
    assert path is not None
    return float(np.asarray(Image.open(io.BytesIO(path.read_bytes()))).mean())


def test_each_step_is_seen_while_it_is_painted_and_nothing_is_left(queue: Queue, store: Store) -> None:
    ask_for_glimpses(store.home)
    hands = ShowingHands()
    made = begun(queue, store, hands)
    (run,) = queue.open_runs()
    until(lambda: snapshot(queue, run).painting and glimpse_of(store.home, snapshot(queue, run).painting[0].job))
    (now,) = snapshot(queue, run).painting
    assert now.text == "Step 1 of 2" and abs(shade(glimpse_of(store.home, now.job)) - 100) < 3
    hands.on.release()
    until(lambda: abs(shade(glimpse_of(store.home, now.job)) - 200) < 3)
    until(lambda: snapshot(queue, run).painting[0].fraction == 0.5)
    assert snapshot(queue, run).painting[0].seconds_left is not None
    hands.on.release()
    made.join(20)
    assert snapshot(queue, run).over and not snapshot(queue, run).painting
    assert [path.name for path in (store.home / "cache" / "shown" / "painting").iterdir()] == ["asked"]


def test_painters_make_none_where_nobody_looks(queue: Queue, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hands = ShowingHands()
    hands.on.release(2)
    begun(queue, store, hands).join(20)
    assert hands.progress[0].on_preview is None and not (store.home / "cache").exists()
    ask_for_glimpses(store.home)
    assert glimpses_wanted(store.home)
    monkeypatch.setattr(glimpse, "ASKED_S", 0.0)
    assert not glimpses_wanted(store.home)


def test_only_the_newest_is_written_and_small(store: Store) -> None:
    seen = Glimpse(store.home, 7)
    for value in range(50):
        seen.show(np.full((2000, 1000, 3), value * 5, np.uint8))
    seen.keep()
    path = glimpse_of(store.home, 7)
    assert path is not None and abs(shade(path) - 245) < 3 and max(Image.open(path).size) <= glimpse.LONGEST_PX
    stamp = path.stat().st_mtime_ns
    seen.keep()
    assert path.stat().st_mtime_ns == stamp
    seen.end()
    seen.end()
    assert glimpse_of(store.home, 7) is None


def test_what_cannot_be_shown_or_written_fails_nothing(store: Store) -> None:
    seen = Glimpse(store.home, 7)
    seen.show(np.zeros((3, 3, 7), np.float32))  # type: ignore[arg-type]
    seen.keep()
    assert glimpse_of(store.home, 7) is None
    folder = store.home / "cache" / "shown" / "painting"
    folder.rmdir()
    folder.write_text("in the way")
    seen.show(np.zeros((8, 8, 3), np.uint8))
    seen.keep()
    seen.end()
    sweep_glimpses(store.home)


def test_what_a_killed_worker_left_is_not_shown_and_swept(store: Store) -> None:
    old, new = Glimpse(store.home, 1), Glimpse(store.home, 2)
    for one in (old, new):
        one.show(np.zeros((8, 8, 3), np.uint8))
        one.keep()
    path = glimpse_of(store.home, 1)
    assert path is not None
    os.utime(path, (1, 1))
    assert glimpse_of(store.home, 1) is None
    sweep_glimpses(store.home)
    assert not path.exists() and glimpse_of(store.home, 2)
