"""What the queue holds: runs, jobs and what became of them."""

from __future__ import annotations

from typing import Literal

from studio.model import AdSpec, Shot
from studio.results import AdFile
from studio.values import Value

Kind = Literal["paint", "compose"]
State = Literal["queued", "leased", "done", "failed", "parked", "cancelled"]
KINDS: tuple[Kind, ...] = ("compose", "paint")
CRASH_LIMIT = 2
"""A job that took this many workers down with it is parked."""


class NewJob(Value):
    """`ref` is the shot's or the ad's id, `payload` its JSON, `needs` the shot that must be painted first."""

    kind: Kind
    ref: str
    payload: str
    needs: str | None = None
    name: str = ""
    """The ad's file name without its extension, fixed when planned, so that doing it again gives the same file."""


class Job(Value):
    """A leased job. `lease` is new at every lease: reports that carry an old one are ignored."""

    id: int
    run_id: str
    kind: Kind
    ref: str
    needs: str | None
    payload: str
    name: str
    attempts: int
    lease: str


class Run(Value):
    run_id: str
    created: float
    out_dir: str
    pattern: str
    request: str
    cancelled: bool
    paused: bool = False
    priority: int = 0


class JobRow(Value):
    """A job as the screens show it. `changed` and `leased_at` are seconds since the epoch."""

    id: int
    run_id: str
    kind: Kind
    ref: str
    needs: str | None
    name: str
    state: State
    attempts: int
    fraction: float
    text: str
    seconds: float | None
    message: str
    hint: str
    leased_at: float | None
    changed: float


class Counts(Value):
    queued: int = 0
    leased: int = 0
    done: int = 0
    failed: int = 0
    parked: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        return self.queued + self.leased + self.done + self.failed + self.parked + self.cancelled

    @property
    def open(self) -> int:
        return self.queued + self.leased


class Finished(Value):
    """A delivered ad and what it was made from."""

    spec: AdSpec
    file: AdFile


def paint_job(shot: Shot) -> NewJob:
    """The job that paints a shot."""
    return NewJob(kind="paint", ref=shot.content_id, payload=shot.model_dump_json())


def compose_job(spec: AdSpec, name: str) -> NewJob:
    """The job that finishes an ad as `name` (no extension; see `export.names`)."""
    return NewJob(kind="compose", ref=spec.content_id, payload=spec.model_dump_json(), needs=spec.shot_id, name=name)
