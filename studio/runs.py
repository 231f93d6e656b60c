"""Runs that go on without anybody watching: what a screen needs that may be closed and opened again."""

from __future__ import annotations

import io
import json
import logging
import queue
import re
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from studio import settings
from studio.desk import export, files
from studio.desk.jobs import Finished, Run
from studio.desk.queue import Queue
from studio.desk.store import Store
from studio.desk.watch import Snapshot, snapshot
from studio.errors import DeskError, LockupError
from studio.orders import Failure, Prepared, Report
from studio.studio import Studio

THUMB_PX = 720
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunState:
    """A run at one moment. `report` and `archive` are there once it is over; `trouble` is why it could not go on."""

    run_id: str
    title: str
    now: Snapshot
    finished: tuple[Finished, ...]
    failed: tuple[Failure, ...]
    out_dir: Path
    report: Report | None
    archive: Path | None
    trouble: LockupError | None
    waiting: bool = False
    """Whether another run goes first."""

    @property
    def settled(self) -> bool:
        """Nothing about it will change any more."""
        return self.trouble is not None or (self.now.over and self.report is not None)


class Runs:
    """The runs whose ads lie in the workspace's own folder. One thread keeps a worker on them, one run at a time."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.folder = studio.home / "ads"
        self.thumbs = settings.cache(studio.home) / "thumbs"
        self._store = Store(studio.home)
        self._queue = Queue(self._store)
        self._waiting: queue.Queue[str | None] = queue.Queue()
        self._lock = threading.RLock()
        self._reports: dict[str, Report] = {}
        self._trouble: dict[str, LockupError] = {}
        self._taken: set[str] = set()
        self._at = ""
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._mind, name="runs", daemon=True)
        self._thread.start()
        for run in reversed(self._own()):
            if not run.cancelled and self._queue.open_jobs(run.run_id):
                self._take(run.run_id)

    def close(self) -> None:
        """Let go of the worker; what is not finished goes on at the next start."""
        self._ending.set()
        self._waiting.put(None)
        self._thread.join(10)
        self._store.close()

    # -------------------------------------------------------------------------------------------- asking

    def start(self, job: Prepared) -> str:
        """Put a prepared job on the queue, with a folder of its own for the ads, and see to it that it is done."""
        name = job.briefs[0].name if job.briefs else "ads"
        out_dir = self.folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}-{secrets.token_hex(2)}"
        run_id = self.studio.start(job, out_dir)
        self._take(run_id)
        return run_id

    def stop(self, run_id: str) -> None:
        """Finished ads stay; the rest is dropped."""
        self.studio.cancel(run_id)

    # -------------------------------------------------------------------------------------------- looking

    def newest(self) -> str | None:
        """The run to show first: the newest that is under way, else the newest of all."""
        own = self._own()
        busy = next((r.run_id for r in own if r.run_id not in self._trouble and self._queue.open_jobs(r.run_id)), None)
        return busy or (own[0].run_id if own else None)

    def recent(self, count: int = 20) -> list[tuple[str, str]]:
        """The newest runs as (what to call it, run id)."""
        return [
            (f"{_title(run)}   {time.strftime('%d %b %H:%M', time.localtime(run.created))}", run.run_id)
            for run in self._own()[:count]
        ]

    def state(self, run_id: str) -> RunState:
        """How far a run is. Raises `BadInput` when there is no such run."""
        run, now = self._queue.run(run_id), snapshot(self._queue, run_id)
        with self._lock:
            trouble = self._trouble.get(run_id)
            if now.over and not trouble and run_id != self._at and run_id not in self._reports:
                self._settle(run_id)
            report = self._reports.get(run_id)
            waiting = run_id in self._taken and run_id != self._at
        failed = tuple(
            Failure(what=row.name or row.ref, message=row.message, hint=row.hint)
            for row in self._queue.rows(run_id)
            if row.kind == "compose" and row.state in ("failed", "parked")
        )
        finished = report.finished if report else tuple(self._queue.results(run_id))
        out_dir, archive = Path(run.out_dir), _archive(Path(run.out_dir))
        there = archive if report and archive.is_file() else None
        return RunState(run_id, _title(run), now, finished, failed, out_dir, report, there, trouble, waiting)

    def thumb(self, out_dir: Path, item: Finished) -> Path:
        """A small picture of an ad for the screen, made once; the ad itself where none can be made."""
        source = out_dir / item.file.file
        target = self.thumbs / f"{item.file.ad_id}-{item.file.bytes}.jpg"
        if target.is_file():
            return target
        try:
            with Image.open(source) as image:
                image.draft("RGB", (2 * THUMB_PX, 2 * THUMB_PX))
                image.thumbnail((THUMB_PX, THUMB_PX))
                files.write_whole(target, _jpeg(image))
        except (OSError, DeskError, Image.DecompressionBombError) as error:
            log.warning("no thumbnail of %s: %s", source, error)
            return source
        return target

    def kits(self) -> list[tuple[str, Path]]:
        """The workspace's kits, newest first, each name once: those made here, then snapshots of those used before."""
        found: dict[str, Path] = {}
        folders = [path for path in self.studio.kits.glob("*") if (path / "brand.tokens.json").is_file()]
        for folder in sorted(folders, key=lambda path: (_snapshot(path), -path.stat().st_mtime)):
            try:
                found.setdefault(self.studio.kit(folder).kit.name, folder)
            except LockupError as error:
                log.warning("kit %s cannot be read: %s", folder, error)
        return list(found.items())

    # -------------------------------------------------------------------------------------------- minding

    def _own(self) -> list[Run]:
        return [run for run in self._queue.runs() if Path(run.out_dir).is_relative_to(self.folder.resolve())]

    def _take(self, run_id: str) -> None:
        with self._lock:
            self._taken.add(run_id)
        self._waiting.put(run_id)

    def _mind(self) -> None:
        while (run_id := self._waiting.get()) is not None:
            with self._lock:
                self._at = run_id
            try:
                self._see_through(run_id)
            except Exception as error:  # the thread must outlive every run
                log.exception("run %s", run_id)
                known = error if isinstance(error, LockupError) else None
                trouble = known or DeskError(f"The program made a mistake: {error}", "The log has details.")
                with self._lock:
                    self._trouble[run_id] = trouble
            finally:
                with self._lock:
                    self._taken.discard(run_id)
                    self._at = ""

    def _see_through(self, run_id: str) -> None:
        watching = self.studio.watch(run_id)
        try:
            for now in watching:
                if self._ending.is_set() and not now.over:
                    return
        finally:
            watching.close()
        with self._lock:
            if run_id not in self._reports:
                self._settle(run_id)

    def _settle(self, run_id: str) -> None:
        run, rows = self._queue.run(run_id), self._queue.rows(run_id)
        seconds = max((row.changed for row in rows), default=run.created) - run.created
        report = self.studio.report(run_id, seconds=seconds)
        if report.finished:
            names = [item.file.file for item in report.finished]
            sheet = [report.contact_sheet.name] if report.contact_sheet else []
            export.zip_run(report.out_dir, _archive(report.out_dir), [*names, *sheet, "manifest.json"])
        self._reports[run_id] = report


def _archive(out_dir: Path) -> Path:
    return out_dir / f"{out_dir.name}.zip"


def _snapshot(folder: Path) -> bool:
    """Whether a kit's folder bears a digest: a copy that ads were made with, not to be changed."""
    return re.fullmatch("[0-9a-f]{64}", folder.name) is not None


def _title(run: Run) -> str:
    request = json.loads(run.request)
    return f"{request['kit']}: {', '.join(request['briefs'][:2])}"


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=88)
    return out.getvalue()
