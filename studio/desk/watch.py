"""Starting worker processes and watching a run until it is over."""

from __future__ import annotations

import logging
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from studio import settings
from studio.desk.jobs import JobRow
from studio.desk.queue import Queue
from studio.desk.worker import EXIT_DESK, EXIT_DONE
from studio.errors import DeskError
from studio.values import Value

RESTARTS = 5
"""How often in a row a worker may die without anything getting done before the watcher gives up."""
LOG_BYTES = 5_000_000
log = logging.getLogger(__name__)


class InHand(Value):
    """A picture that is being painted now: the job's id, how far it is (0–1), what is being done, and how many seconds
    it will still take; None until something can be said."""

    job: int
    fraction: float
    text: str
    seconds_left: float | None


class Snapshot(Value):
    """How far a run is. `seconds_left` is None until something was measured; `text` is what is being done now."""

    painted: int
    to_paint: int
    finished: int
    to_finish: int
    failed: int
    fraction: float
    seconds_left: float | None
    text: str
    over: bool
    painting: tuple[InHand, ...] = ()


class WorkerProcess:
    """A worker process and the last line it said."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.last_line = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.last_line = line.decode(errors="replace").strip() or self.last_line

    def stop(self, patience_s: float = 5.0) -> None:
        """Ask it to end by closing its standard input; insist after `patience_s`."""
        if self.process.stdin:
            try:
                self.process.stdin.close()
            except OSError:
                log.debug("worker %d had already gone", self.process.pid)
        for insist in (self.process.terminate, self.process.kill):
            try:
                self.process.wait(patience_s)
                break
            except subprocess.TimeoutExpired:
                insist()
        self.process.wait()
        self._reader.join(1.0)


def start_worker(home: Path, *, run_id: str | None = None, command: Sequence[str] | None = None) -> WorkerProcess:
    """Spawn `python app.py worker` on a workspace; with `run_id` it ends when that run is over.

    The process ends when this one does: it watches the pipe on its standard input. Its log is `logs/worker.log`.
    """
    app = Path(__file__).resolve().parents[2] / "app.py"
    line = [*(command or (sys.executable, str(app), "worker")), "--home", str(home), "--watched"]
    if run_id:
        line += ["--run", run_id, "--until-idle"]
    line += ["--name", f"w{os.getpid()}-{secrets.token_hex(4)}"]
    with _log_file(settings.prepare(settings.logs(home)) / "worker.log").open("ab") as errors:
        process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **settings.engine_environment(home, app.parent / "engines"), "STUDIO_HOME": str(home)},
            # A console Ctrl-C goes to the whole group; the watcher decides when the worker ends.
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            start_new_session=os.name != "nt",
        )
    return WorkerProcess(process)


def _log_file(path: Path) -> Path:
    if path.exists() and path.stat().st_size > LOG_BYTES:
        try:
            path.replace(path.with_suffix(".log.1"))
        except OSError:
            log.debug("%s is held open; it grows on", path)
    return path


def watch(
    queue: Queue,
    run_id: str,
    start: Callable[[], WorkerProcess] | None = None,
    *,
    every_s: float = 0.25,
    restarts: int = RESTARTS,
) -> Iterator[Snapshot]:
    """Keep a worker on the run and yield how far it is, until it is over. Closing the iterator stops the worker.

    A worker that dies is replaced; `DeskError` says so when `restarts` in a row got nothing done, or when the
    workspace or the folder for the ads cannot be written.
    """
    start = start or (lambda: start_worker(queue.store.home, run_id=run_id))
    worker: WorkerProcess | None = None
    deaths, settled = 0, -1
    try:
        while not (now := snapshot(queue, run_id)).over:
            yield now
            if worker is None:
                worker = start()
            code = worker.process.poll()
            if code is not None:
                worker.stop()
                _explain_exit(code, worker.last_line)
                worker = None
                progress = now.painted + now.finished + now.failed
                deaths = 0 if progress > settled else deaths + 1
                settled = progress
                if deaths > restarts:
                    raise DeskError(
                        "The worker stops again and again without getting anything done",
                        f"The cause is in {settings.logs(queue.store.home) / 'worker.log'}.",
                    )
                continue
            time.sleep(every_s)
        yield now
    finally:
        if worker is not None:
            worker.stop()


def _explain_exit(code: int, last_line: str) -> None:
    if code == EXIT_DESK:
        message, _, hint = last_line.partition("\t")
        raise DeskError(message or "The workspace could not be written", hint)
    if code != EXIT_DONE:
        log.warning("worker ended with code %s; starting another", code)


def snapshot(queue: Queue, run_id: str, now: float | None = None) -> Snapshot:
    """How far a run is at this moment, with an estimate from the times measured in this run."""
    rows = queue.rows(run_id)
    paint, compose = ([row for row in rows if row.kind == kind] for kind in ("paint", "compose"))
    now = time.time() if now is None else now
    paint_left, compose_left = _seconds_left(paint, now), _seconds_left(compose, now)
    known = paint_left is not None and (compose_left is not None or not paint_left)
    weights = sum(_weight(row) for row in rows) or 1.0
    return Snapshot(
        painted=_in(paint, "done"),
        to_paint=len(paint),
        finished=_in(compose, "done"),
        to_finish=len(compose),
        failed=_in(rows, "failed") + _in(rows, "parked"),
        fraction=min(1.0, sum(_weight(row) * _share(row) for row in rows) / weights) if rows else 1.0,
        seconds_left=(paint_left or 0.0) + (compose_left or 0.0) if known else None,
        text=next((row.text for row in rows if row.state == "leased" and row.text), ""),
        over=not any(row.state in ("queued", "leased") for row in rows),
        painting=tuple(_in_hand(row, paint, now) for row in paint if row.state == "leased"),
    )


def _in_hand(row: JobRow, paint: list[JobRow], now: float) -> InHand:
    """Its own pace tells best how long it takes; until it has one, those that were painted before."""
    own = _seconds_left([row], now)
    left = own if own is not None else _seconds_left([*(one for one in paint if one.state == "done"), row], now)
    return InHand(job=row.id, fraction=row.fraction, text=row.text, seconds_left=left)


def _in(rows: list[JobRow], state: str) -> int:
    return sum(row.state == state for row in rows)


def _weight(row: JobRow) -> float:
    return 20.0 if row.kind == "paint" else 1.0


def _share(row: JobRow) -> float:
    return row.fraction if row.state in ("queued", "leased") else 1.0


def _seconds_left(rows: list[JobRow], now: float) -> float | None:
    """Mean measured time × what is left, less what is under way; None when nothing can be said yet."""
    waiting = [row for row in rows if row.state == "queued"]
    busy = [row for row in rows if row.state == "leased"]
    if not waiting and not busy:
        return 0.0
    measured = [row.seconds for row in rows if row.state == "done" and row.seconds is not None and row.seconds > 0.02]
    # A job well under way tells its own length before any is done.
    measured += [(now - r.leased_at) / r.fraction for r in busy if r.leased_at and r.fraction > 0.1]
    if not measured:
        return None
    mean = sum(measured) / len(measured)
    return mean * (len(waiting) / max(len(busy), 1)) + mean * max((1 - row.fraction for row in busy), default=0.0)
