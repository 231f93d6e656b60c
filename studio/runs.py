"""Runs that go on without anybody watching: what a screen needs that may be closed and opened again."""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from studio.desk import export
from studio.desk.jobs import Finished, Run
from studio.desk.queue import Queue
from studio.desk.watch import Snapshot, snapshot
from studio.errors import BadInput, DeskError, LockupError
from studio.orders import Failure, Prepared
from studio.studio import SHEET_NAME, Studio

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunState:
    """A run at one moment. `archive` and `sheet` are there once it is over; `trouble` is why it could not go on."""

    run_id: str
    title: str
    created: float
    now: Snapshot
    failed: tuple[Failure, ...]
    out_dir: Path
    archive: Path | None
    sheet: Path | None
    trouble: LockupError | None
    waiting: bool = False
    """Whether another run goes first."""
    paused: bool = False
    stopped: bool = False
    fallbacks: tuple[str, ...] = ()
    """Why pictures were painted without an engine that was built for them."""
    unread: tuple[str, ...] = ()
    """Words of the prompts that the painter does not know."""

    @property
    def settled(self) -> bool:
        """Nothing about it will change by itself."""
        return self.trouble is not None or self.now.over


class Runs:
    """The runs whose ads lie in the workspace's own folder. One thread keeps a worker on them, one run at a time, the
    most urgent first."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.folder = studio.home / "ads"
        self.queue = Queue(studio.store)
        self._changed = threading.Condition()
        self._taken: set[str] = set()
        self._trouble: dict[str, LockupError] = {}
        self._at = ""
        self._ending = False
        self._thread = threading.Thread(target=self._mind, name="runs", daemon=True)
        self._taken |= {r.run_id for r in self.own() if not r.cancelled and self.queue.open_jobs(r.run_id)}
        self._thread.start()

    def close(self) -> None:
        """Let go of the worker; what is not finished goes on at the next start."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join(10)

    # -------------------------------------------------------------------------------------------- asking

    def start(self, job: Prepared) -> str:
        """Put a prepared job on the queue, with a folder of its own for the ads, and see to it that it is done."""
        name = job.briefs[0].name if job.briefs else "ads"
        run_id = self.studio.start(job, self.place(name))
        self.take(run_id)
        return run_id

    def place(self, name: str) -> Path:
        """A folder for the ads of a new run."""
        return self.folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}-{secrets.token_hex(2)}"

    def take(self, run_id: str) -> None:
        """See to it that a run on the queue is done."""
        with self._changed:
            self._trouble.pop(run_id, None)
            self._taken.add(run_id)
            self._changed.notify_all()

    def stop(self, run_id: str) -> None:
        """Finished ads stay; the rest is dropped."""
        self._shown(run_id)
        self.studio.cancel(run_id)
        self.take(run_id)  # so that it is closed with manifest and contact sheet

    def pause(self, run_id: str) -> None:
        """Finish what is in hand, then nothing until `go_on`."""
        self._shown(run_id)
        self.queue.pause(run_id)

    def go_on(self, run_id: str) -> None:
        """Take up a run that was paused, stopped, or could not go on; what failed is tried again."""
        self._shown(run_id)
        self.queue.resume(run_id)
        self.queue.retry(run_id)
        self.take(run_id)

    def first(self, run_id: str) -> None:
        """This run before all others."""
        self._shown(run_id)
        self.queue.reorder(run_id, max((run.priority for run in self.own()), default=0) + 1)
        with self._changed:
            self._changed.notify_all()

    # -------------------------------------------------------------------------------------------- looking

    def own(self) -> list[Run]:
        """The runs of this workspace's own folder, the newest first."""
        return [run for run in self.queue.runs() if Path(run.out_dir).is_relative_to(self.folder.resolve())]

    def newest(self) -> str | None:
        """The run to show first: the newest that is under way, else the newest of all."""
        own = self.own()
        open_runs = self.queue.open_runs() - set(self._trouble)
        busy = next((run.run_id for run in own if run.run_id in open_runs), None)
        return busy or (own[0].run_id if own else None)

    def under_way(self) -> list[RunState]:
        """Every run that is not over, in the order they will be done."""
        open_runs = self.queue.open_runs()
        busy = [run for run in self.own() if run.run_id in open_runs]
        return [self._state(run) for run in sorted(busy, key=self._turn)]

    def state(self, run_id: str) -> RunState:
        """How far a run is. Raises `BadInput` when there is no such run."""
        return self._state(self._shown(run_id))

    def finished(self, run_id: str, ad_id: str) -> Finished:
        """One finished ad of a run of the page. Raises `BadInput` when there is none."""
        self._shown(run_id)
        return self.queue.result(run_id, ad_id)

    def _shown(self, run_id: str) -> Run:
        run = self.queue.run(run_id)
        if not Path(run.out_dir).is_relative_to(self.folder.resolve()):
            raise BadInput(f"There is no run {run_id[:80]!r} on the page", "It was started from the command line.")
        return run

    def _state(self, run: Run) -> RunState:
        with self._changed:
            trouble = self._trouble.get(run.run_id)
            waiting = run.run_id in self._taken and run.run_id != self._at
        failed = tuple(
            Failure(what=row.name or row.ref, message=row.message, hint=row.hint)
            for row in self.queue.failed(run.run_id)
            if row.kind == "compose"
        )
        out_dir = Path(run.out_dir)
        archive, sheet = archive_of(out_dir), out_dir / SHEET_NAME
        return RunState(
            run.run_id, title_of(run), run.created, snapshot(self.queue, run.run_id), failed, out_dir,
            archive if archive.is_file() else None, sheet if sheet.is_file() else None, trouble, waiting,
            run.paused, run.cancelled, self.queue.fallbacks(run.run_id), self.queue.unread(run.run_id),
        )  # fmt: skip

    # -------------------------------------------------------------------------------------------- minding

    def _turn(self, run: Run) -> tuple[bool, bool, int, float]:
        return run.paused, run.run_id != self._at, -run.priority, run.created

    def _next(self) -> str | None:
        """The run whose turn it is; None while there is none."""
        runs = [run for run in self.own() if run.run_id in self._taken and (run.cancelled or not run.paused)]
        return min(runs, key=lambda run: (-run.priority, run.created)).run_id if runs else None

    def _mind(self) -> None:
        while True:
            with self._changed:
                chosen = self._try_next()
                while chosen is None and not self._ending:
                    self._changed.wait(1.0)
                    chosen = self._try_next()
                if self._ending or chosen is None:
                    return
                self._at = chosen
            over, trouble = True, None
            try:
                over = self._see_through(chosen) and not self.queue.open_jobs(chosen)
            except Exception as error:  # the thread must outlive every run
                log.exception("run %s", chosen)
                known = error if isinstance(error, LockupError) else None
                trouble = known or DeskError(f"The program made a mistake: {error}", "The log has details.")
            with self._changed:
                self._at = ""
                if trouble is not None:
                    self._trouble[chosen] = trouble  # until it is asked for again; the next run has its turn
                if over:
                    self._taken.discard(chosen)

    def _try_next(self) -> str | None:
        try:
            return self._next()
        except Exception as error:  # a full disk must not end the thread
            log.warning("the queue cannot be read: %s", error)
            return None

    def _see_through(self, run_id: str) -> bool:
        """Keep a worker on a run; whether it is over. A run that is paused, or less urgent than another, is let go."""
        watching = self.studio.watch(run_id)
        try:
            for now in watching:
                if now.over:
                    break
                run = self.queue.run(run_id)
                paused = run.paused and not run.cancelled and not self.queue.in_hand(run_id)
                if self._ending or paused or self._next() not in (run_id, None):
                    return False
        finally:
            watching.close()
        self.settle(run_id)
        return True

    def settle(self, run_id: str) -> None:
        """Manifest, contact sheet and ZIP of a run that is over."""
        run, rows = self.queue.run(run_id), self.queue.rows(run_id)
        seconds = max((row.changed for row in rows), default=run.created) - run.created
        report = self.studio.report(run_id, seconds=seconds)
        if report.finished:
            names = [item.file.file for item in report.finished]
            sheet = [report.contact_sheet.name] if report.contact_sheet else []
            export.zip_run(report.out_dir, archive_of(report.out_dir), [*names, *sheet, "manifest.json"])


def archive_of(out_dir: Path) -> Path:
    """Where the ZIP of a run lies, or would."""
    return out_dir / f"{out_dir.name}.zip"


def title_of(run: Run) -> str:
    """What a run is called on the screens."""
    request = json.loads(run.request)
    how = f", {request['what']}" if "what" in request else ""
    return f"{request['kit']}: {', '.join(request['briefs'][:2])}{how}"
