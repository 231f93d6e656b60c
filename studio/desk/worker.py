"""The worker: leases one job at a time, has it done by the hands it was given, and records what came of it."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from engines.base import EngineError, EngineLost, Progress, Stopped
from studio.desk.glimpse import Glimpse, glimpses_wanted, sweep_glimpses
from studio.desk.jobs import KINDS, Job, Kind
from studio.desk.presence import Presence
from studio.desk.queue import Queue
from studio.desk.store import Store
from studio.errors import DeskError, LockupError
from studio.model import AdSpec, Picture, Shot
from studio.results import AdFile

LEASE_S = 30.0
BEAT_S = 0.5
IDLE_S = 0.2
EXIT_DONE, EXIT_DESK, EXIT_LOST = 0, 3, 4
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Painted:
    """What painting a shot gives: encoded pixels and maps (PNG bytes each) and what really ran."""

    png: bytes
    width_px: int
    height_px: int
    engine: str
    runtime: str
    seconds: float
    maps: Mapping[str, bytes] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ticket:
    """Where an ad goes and what it is made from. `stem` is the file name without its extension."""

    run_id: str
    out_dir: Path
    stem: str
    request: str
    """The run's request as it was stored with `Queue.add_run`."""
    shot: Shot | None
    picture: Picture | None
    progress: Progress


class Hands(Protocol):
    """What does the work. The same input must give the same bytes; `LockupError` and `EngineError` are refusals."""

    def paint(self, shot: Shot, product: bytes | None, progress: Progress) -> Painted: ...

    def finish(self, spec: AdSpec, ticket: Ticket) -> AdFile:
        """Deliver one ad file, written with `files.write_whole` under `ticket.out_dir`."""
        ...


class Worker:
    """Works until told to stop. Killing it at any moment loses at most the job in hand, which is then done again."""

    def __init__(self, queue: Queue, store: Store, hands: Hands, *, name: str = "", beat_s: float = BEAT_S) -> None:
        self.queue = queue
        self.store = store
        self.hands = hands
        self.name = name or f"w{os.getpid()}-{secrets.token_hex(4)}"
        self._beat_s = beat_s

    def run(
        self,
        stop: threading.Event | None = None,
        *,
        until_idle: bool = False,
        run_id: str | None = None,
        kinds: Sequence[Kind] = KINDS,
    ) -> int:
        """Do jobs until `stop` is set, or with `until_idle` until none is open; returns how many were taken up.

        Raises `DeskError` when the workspace or the folder for the ads refuses to be written, and `EngineLost` when
        only a new process can go on; the job is handed back, in the latter case once.
        """
        stop = stop or threading.Event()
        taken = 0
        here = Presence(self.store.home, self.name)
        sweep_glimpses(self.store.home)
        try:
            while not stop.is_set():
                job = self.queue.lease(self.name, LEASE_S, run_id, kinds)
                if job is not None:
                    self.work(job, stop)
                    taken += 1
                elif until_idle and not self.queue.open_jobs(run_id):
                    break
                else:
                    stop.wait(IDLE_S)
        finally:
            here.end()
        return taken

    def work(self, job: Job, stop: threading.Event | None = None) -> None:
        """Do one leased job and record its outcome, whatever it is."""
        started = time.perf_counter()
        try:
            with _Pulse(self.queue, job, stop or threading.Event(), self._beat_s, self._glimpse(job)) as progress:
                result = self._paint(job, progress) if job.kind == "paint" else self._compose(job, progress)
        except Stopped:
            self.queue.give_back(job)
        except (DeskError, KeyboardInterrupt, SystemExit):
            self._let_go(job)
            raise
        except EngineLost as error:  # a process that is new may do it; one that fails there too will not do it either
            if job.attempts > 1:
                self.queue.fail(job, str(error), error.hint)
            else:
                self.queue.give_back(job, counts=True)
            raise
        except (LockupError, EngineError) as error:
            self.queue.fail(job, str(error), error.hint)
        except Exception as error:  # a bug must not take the other ads with it
            log.exception("job %s %s failed", job.kind, job.ref)
            self.queue.fail(job, f"The program made a mistake: {type(error).__name__}: {error}", "The log has details.")
        else:
            if result is not None:
                self.queue.done(job, result, time.perf_counter() - started)

    def _glimpse(self, job: Job) -> Glimpse | None:
        seen = job.kind == "paint" and glimpses_wanted(self.store.home)
        return Glimpse(self.store.home, job.id) if seen else None

    def _let_go(self, job: Job) -> None:
        try:
            self.queue.give_back(job)
        except DeskError:
            log.warning("could not hand job %s back; its lease runs out by itself", job.ref)

    def _paint(self, job: Job, progress: Progress) -> str:
        found = self.store.picture(job.ref)
        if found is not None:
            return found.model_dump_json()
        shot = Shot.model_validate_json(job.payload)
        product = self.store.get_blob(shot.placement.product_digest) if shot.placement else None
        painted = self.hands.paint(shot, product, progress)
        picture = Picture(
            shot_id=job.ref,
            digest=self.store.put_blob(painted.png),
            width_px=painted.width_px,
            height_px=painted.height_px,
            engine=painted.engine,
            runtime=painted.runtime,
            seconds=painted.seconds,
            maps={name: self.store.put_blob(data) for name, data in painted.maps.items()},
            facts=dict(painted.facts),
        )
        self.store.save_picture(picture, shot)
        return picture.model_dump_json()

    def _compose(self, job: Job, progress: Progress) -> str | None:
        spec = AdSpec.model_validate_json(job.payload)
        picture = self.store.picture(job.needs, maps=False) if job.needs else None
        if job.needs and picture is None:
            self.queue.repaint(job)
            return None
        run = self.queue.run(job.run_id)
        shot = self.store.shot(job.needs) if job.needs else None
        ticket = Ticket(job.run_id, Path(run.out_dir), job.name, run.request, shot, picture, progress)
        return self.hands.finish(spec, ticket).model_dump_json()


class _Pulse:
    """Keeps the lease alive while the hands are busy, shows their progress, and carries the wish to stop to them.

    A thread writes to the index twice a second, and the newest glimpse, so the hands never wait for either.
    """

    def __init__(
        self, queue: Queue, job: Job, stop: threading.Event, beat_s: float, glimpse: Glimpse | None = None
    ) -> None:
        self._queue, self._job, self._stop, self._beat_s = queue, job, stop, beat_s
        self._glimpse = glimpse
        self._unwanted = threading.Event()
        self._over = threading.Event()
        self._latest = (0.0, "")
        self._thread = threading.Thread(target=self._beat, name=f"pulse-{job.ref}", daemon=True)

    def __enter__(self) -> Progress:
        self._thread.start()
        show = self._glimpse.show if self._glimpse else None
        return Progress(self._report, lambda: self._stop.is_set() or self._unwanted.is_set(), on_preview=show)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._over.set()
        self._thread.join()
        if self._glimpse:
            self._glimpse.end()

    def _report(self, fraction: float, text: str) -> None:
        self._latest = (fraction, text)

    def _beat(self) -> None:
        while not self._over.wait(self._beat_s):
            try:
                if not self._queue.heartbeat(self._job, LEASE_S, *self._latest):
                    self._unwanted.set()
                    return
            except LockupError as error:  # a full disk must not end the work; the lease lasts longer than a beat
                log.warning("heartbeat failed: %s", error)
            if self._glimpse:
                self._glimpse.keep()


def run_worker(
    home: Path,
    hands: Callable[[Store], Hands],
    *,
    until_idle: bool = False,
    run_id: str | None = None,
    name: str = "",
    watched: bool = False,
    kinds: Sequence[Kind] = KINDS,
) -> int:
    """The process behind `app.py worker`; returns its exit code: 0 done or stopped, 3 it cannot go on, 4 another can.

    Ctrl-C, a polite terminate, and with `watched` the end of standard input (the parent is gone or wants an end) stop
    it within a second of the next progress report, with the job handed back. `hands` is called once.
    """
    stop = threading.Event()
    _listen(stop, watched)
    try:
        with Store(home) as store:
            Worker(Queue(store), store, hands(store), name=name).run(
                stop, until_idle=until_idle, run_id=run_id, kinds=kinds
            )
    except EngineLost as error:
        log.error("%s. %s", error, error.hint)
        return EXIT_LOST
    except (LockupError, EngineError) as error:
        print(f"{error}\t{error.hint}", flush=True)  # the last line of stdout is what the watcher passes on
        return EXIT_DESK
    return EXIT_DONE


def _listen(stop: threading.Event, watched: bool) -> None:
    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    for signal_name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if threading.current_thread() is threading.main_thread() and hasattr(signal, signal_name):
            signal.signal(getattr(signal, signal_name), on_signal)
    if watched:

        def wait_for_end() -> None:
            # os.read, not sys.stdin: a thread inside a buffered reader would block the interpreter's exit.
            while os.read(sys.__stdin__.fileno() if sys.__stdin__ else 0, 1024):
                pass
            stop.set()

        threading.Thread(target=wait_for_end, name="parent-watch", daemon=True).start()
