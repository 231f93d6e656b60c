"""The queue is a table: runs, and the jobs they are made of."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from studio.desk import presence
from studio.desk.jobs import CRASH_LIMIT, KINDS, Counts, Finished, Job, JobRow, Kind, NewJob, Run, State
from studio.desk.store import Store
from studio.errors import BadInput
from studio.model import AdSpec
from studio.results import AdFile


class Queue:
    """Every change is one transaction, so any number of processes may use it and any may be killed."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time, crash_limit: int = CRASH_LIMIT) -> None:
        self.store = store
        self._clock = clock
        self._crash_limit = crash_limit

    # ------------------------------------------------------------------------------------------ asking

    def add_run(self, out_dir: Path, pattern: str, request: str, run_id: str | None = None) -> str:
        """Open a run and return its id. A `run_id` that exists is left as it is, so asking twice is harmless."""
        name = run_id or time.strftime("%Y%m%d-%H%M%S-", time.localtime(self._clock())) + secrets.token_hex(3)
        with self.store.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO runs (run_id, created, out_dir, pattern, request) VALUES (?, ?, ?, ?, ?)",
                (name, self._clock(), str(out_dir.resolve()), pattern, request),
            )
        return name

    def add_jobs(self, run_id: str, jobs: Iterable[NewJob]) -> int:
        """Add all of them or none; returns how many are new. A ref that the run already has is not added again.

        Raises `BadInput` when an ad needs a shot that is neither painted nor among the run's jobs.
        """
        with self.store.transaction() as db:
            self._run(run_id)
            before = db.total_changes
            db.executemany(
                "INSERT OR IGNORE INTO jobs (run_id, kind, ref, needs, payload, name, changed) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(run_id, job.kind, job.ref, job.needs, job.payload, job.name, self._clock()) for job in jobs],
            )
            added = db.total_changes - before
            orphan = db.execute(
                "SELECT ref, needs FROM jobs j WHERE run_id = ? AND state = 'queued' AND needs IS NOT NULL "
                "AND NOT EXISTS (SELECT 1 FROM pictures WHERE shot_id = j.needs) AND NOT EXISTS "
                "(SELECT 1 FROM jobs p WHERE p.run_id = j.run_id AND p.kind = 'paint' AND p.ref = j.needs)",
                (run_id,),
            ).fetchone()
            if orphan:
                raise BadInput(
                    f"Ad {orphan['ref']} needs shot {orphan['needs']}, which this run does not paint",
                    "Add the shot's paint job together with its ads.",
                )
            return added

    def take_in(self, run_id: str, results: Mapping[str, str]) -> None:
        """Record jobs of a run as done elsewhere: results by ref."""
        with self.store.transaction() as db:
            db.executemany(
                "UPDATE jobs SET state = 'done', fraction = 1, result = ?, changed = ? WHERE run_id = ? AND ref = ?",
                [(result, self._clock(), run_id, ref) for ref, result in results.items()],
            )

    def cancel(self, run_id: str) -> None:
        """What waits is cancelled now; what is in hand is asked to stop."""
        with self.store.transaction() as db:
            db.execute("UPDATE runs SET cancelled = 1 WHERE run_id = ?", (run_id,))
            self._move(db, run_id, ("queued",), "cancelled")

    def resume(self, run_id: str) -> None:
        """Take a cancelled run up again where it stopped."""
        with self.store.transaction() as db:
            db.execute("UPDATE runs SET cancelled = 0, paused = 0 WHERE run_id = ?", (run_id,))
            self._move(db, run_id, ("cancelled",), "queued")

    def pause(self, run_id: str, paused: bool = True) -> None:
        """Hand out no more of this run's jobs, or again; what is in hand is finished."""
        with self.store.transaction() as db:
            db.execute("UPDATE runs SET paused = ? WHERE run_id = ?", (int(paused), run_id))

    def retry(self, run_id: str) -> int:
        """Queue failed and parked jobs again, with a clean record; returns how many."""
        with self.store.transaction() as db:
            return self._move(db, run_id, ("failed", "parked"), "queued")

    def reorder(self, run_id: str, priority: int) -> None:
        """Runs with a higher priority go first; within a run, finished ads come as early as they can."""
        with self.store.transaction() as db:
            db.execute("UPDATE runs SET priority = ? WHERE run_id = ?", (priority, run_id))

    def _move(self, db: sqlite3.Connection, run_id: str, states: Sequence[State], to: State) -> int:
        marks = ", ".join("?" * len(states))
        return db.execute(
            "UPDATE jobs SET state = ?, attempts = 0, fraction = 0, text = '', message = '', hint = '', changed = ? "
            f"WHERE run_id = ? AND state IN ({marks})",
            (to, self._clock(), run_id, *states),
        ).rowcount

    # ------------------------------------------------------------------------------------------ working

    def lease(
        self, worker: str, seconds: float, run_id: str | None = None, kinds: Sequence[Kind] = KINDS
    ) -> Job | None:
        """The next job, held for `seconds` unless `heartbeat` extends it; None when there is nothing to do now.

        Ads whose shot is painted come first, then shots in the order they were asked for. A shot that another worker
        paints right now is not handed out. Jobs of dead workers are taken over, or parked at the crash limit.
        """
        dead, alive = self._roll_call()
        token = secrets.token_hex(8)
        with self.store.transaction() as db:
            now = self._clock()
            self._recover(db, now, dead, alive)
            row = db.execute(
                _LEASE.format(kinds=", ".join("?" * len(kinds))),
                (worker, token, now + seconds, now, now, run_id, run_id, *kinds),
            ).fetchone()
        for name in dead:
            presence.bury(self.store.home, name)
        return Job.model_validate({field: row[field] for field in Job.model_fields}) if row else None

    def heartbeat(self, job: Job, seconds: float, fraction: float = 0.0, text: str = "") -> bool:
        """Hold the job for `seconds` more and show how far it is; False when the work is to stop."""
        with self.store.transaction() as db:
            held = db.execute(
                "UPDATE jobs SET lease_until = ?, fraction = ?, text = ?, changed = ? WHERE id = ? AND lease = ? "
                "AND state = 'leased'",
                (self._clock() + seconds, fraction, text, self._clock(), job.id, job.lease),
            ).rowcount
            return bool(held) and not self._run(job.run_id).cancelled

    def should_stop(self, job: Job) -> bool:
        """Whether the run was cancelled or the job was given to somebody else."""
        row = self.store.rows(
            "SELECT 1 FROM jobs JOIN runs USING (run_id) WHERE jobs.id = ? AND lease = ? AND state = 'leased' "
            "AND NOT cancelled",
            (job.id, job.lease),
        )
        return not row

    def done(self, job: Job, result: str = "", seconds: float | None = None) -> bool:
        """Record a result. False if the job was meanwhile given to somebody else, whose result counts.

        Other runs that wait for the same shot have it now too.
        """
        with self.store.transaction() as db:
            held = self._finish(db, job, "done", result=result, seconds=seconds)
            if held and job.kind == "paint":
                db.execute(
                    "UPDATE jobs SET state = 'done', fraction = 1, result = ?, changed = ? "
                    "WHERE kind = 'paint' AND ref = ? AND state = 'queued'",
                    (result, self._clock(), job.ref),
                )
            return held

    def fail(self, job: Job, message: str, hint: str = "") -> bool:
        """Record a refusal; it is not tried again until `retry`. Ads that wait for a failed shot fail with it."""
        with self.store.transaction() as db:
            held = self._finish(db, job, "failed", message=message, hint=hint)
            if held and job.kind == "paint":
                self._fail_dependents(db, job.run_id, job.ref, message, hint)
            return held

    def give_back(self, job: Job, *, counts: bool = False) -> None:
        """Hand a job back undone. Unless it `counts`, it is no crash. In a cancelled run it becomes cancelled."""
        with self.store.transaction() as db:
            state: State = "cancelled" if self._run(job.run_id).cancelled else "queued"
            db.execute(
                "UPDATE jobs SET state = ?, attempts = max(attempts - ?, 0), worker = NULL, lease = NULL, "
                "fraction = 0, text = '', changed = ? WHERE id = ? AND lease = ? AND state = 'leased'",
                (state, 0 if counts else 1, self._clock(), job.id, job.lease),
            )

    def repaint(self, job: Job) -> None:
        """The picture an ad needs is gone or damaged: its shot is painted again first, in every run that waits."""
        with self.store.transaction():
            if job.needs:
                self.store.forget_picture(job.needs)
            self.give_back(job)

    def _finish(
        self, db: sqlite3.Connection, job: Job, state: State, *, result: str | None = None,
        seconds: float | None = None, message: str = "", hint: str = "",
    ) -> bool:  # fmt: skip
        row = db.execute(
            "UPDATE jobs SET state = ?, result = ?, seconds = ?, message = ?, hint = ?, fraction = ?, text = '', "
            "worker = NULL, lease = NULL, changed = ? WHERE id = ? AND lease = ? AND state = 'leased'",
            (state, result, seconds, message, hint, float(state == "done"), self._clock(), job.id, job.lease),
        )
        return bool(row.rowcount)

    def _fail_dependents(self, db: sqlite3.Connection, run_id: str, shot_id: str, message: str, hint: str) -> None:
        db.execute(
            "UPDATE jobs SET state = 'failed', message = ?, hint = ?, changed = ? "
            "WHERE run_id = ? AND needs = ? AND state = 'queued'",
            (f"Its picture could not be painted: {message}", hint, self._clock(), run_id, shot_id),
        )

    def _roll_call(self) -> tuple[list[str], list[str]]:
        names = [row["worker"] for row in self.store.rows("SELECT DISTINCT worker FROM jobs WHERE state = 'leased'")]
        states = {name: presence.state(self.store.home, name) for name in names}
        return [n for n in names if states[n] == "dead"], [n for n in names if states[n] == "alive"]

    def _recover(self, db: sqlite3.Connection, now: float, dead: Sequence[str], alive: Sequence[str]) -> None:
        # A worker that is known to live keeps its job past the deadline: the machine may just have slept.
        for row in db.execute("SELECT * FROM jobs WHERE state = 'leased'").fetchall():
            lost = row["worker"] in dead or (row["worker"] not in alive and row["lease_until"] < now)
            if not lost:
                continue
            parked = row["attempts"] >= self._crash_limit
            message = f"The program stopped {row['attempts']} times while working on this" if parked else ""
            hint = "Look into the log for the cause, then use retry." if parked else ""
            db.execute(
                "UPDATE jobs SET state = ?, message = ?, hint = ?, worker = NULL, lease = NULL, fraction = 0, "
                "text = '', changed = ? WHERE id = ?",
                ("parked" if parked else "queued", message, hint, now, row["id"]),
            )
            if parked and row["kind"] == "paint":
                self._fail_dependents(db, row["run_id"], row["ref"], message, hint)
        db.execute(
            "UPDATE jobs SET state = 'cancelled', changed = ? WHERE state = 'queued' "
            "AND run_id IN (SELECT run_id FROM runs WHERE cancelled)",
            (now,),
        )
        # An ad may wait only for a picture that is there or on its way: one that got lost is painted again, one that
        # could not be painted takes its ads with it. Without this a run could wait for ever.
        blocked = "state = 'queued' AND needs IS NOT NULL AND NOT EXISTS (SELECT 1 FROM pictures WHERE shot_id = needs)"
        db.execute(
            f"UPDATE jobs SET state = 'queued', attempts = 0, changed = ? WHERE kind = 'paint' AND state = 'done' "
            f"AND (run_id, ref) IN (SELECT run_id, needs FROM jobs WHERE {blocked})",
            (now,),
        )
        db.execute(
            f"UPDATE jobs AS ad SET state = 'failed', message = ?, hint = ?, changed = ? WHERE {blocked} "
            "AND NOT EXISTS (SELECT 1 FROM jobs p WHERE p.run_id = ad.run_id AND p.kind = 'paint' "
            "AND p.ref = ad.needs AND p.state IN ('queued', 'leased'))",
            ("Its picture is missing and could not be painted", "Use retry, or make the ads anew.", now),
        )

    # ------------------------------------------------------------------------------------------ looking

    def run(self, run_id: str) -> Run:
        """Raises `BadInput` if there is no such run."""
        return self._run(run_id)

    def runs(self) -> list[Run]:
        """All runs, the newest first."""
        rows = self.store.rows("SELECT * FROM runs ORDER BY created DESC, run_id")
        return [Run.model_validate({field: row[field] for field in Run.model_fields}) for row in rows]

    def _run(self, run_id: str) -> Run:
        rows = self.store.rows("SELECT * FROM runs WHERE run_id = ?", (run_id,))
        if not rows:
            raise BadInput(f"There is no run {run_id[:80]!r} in this workspace")
        return Run.model_validate({field: rows[0][field] for field in Run.model_fields})

    def counts(self, run_id: str) -> dict[Kind, Counts]:
        """How many jobs of each kind are in each state."""
        rows = self.store.rows("SELECT kind, state, count(*) AS n FROM jobs WHERE run_id = ? GROUP BY 1, 2", (run_id,))
        return {
            kind: Counts(**{r["state"]: r["n"] for r in rows if r["kind"] == kind}) for kind in ("paint", "compose")
        }

    def open_jobs(self, run_id: str | None = None) -> int:
        """Jobs that are waiting or in hand, of one run or of all."""
        sql = "SELECT count(*) AS n FROM jobs WHERE state IN ('queued', 'leased') AND (? IS NULL OR run_id = ?)"
        return int(self.store.rows(sql, (run_id, run_id))[0]["n"])

    def open_runs(self) -> set[str]:
        """The runs that have jobs waiting or in hand."""
        rows = self.store.rows("SELECT DISTINCT run_id FROM jobs WHERE state IN ('queued', 'leased')")
        return {row["run_id"] for row in rows}

    def in_hand(self, run_id: str) -> int:
        """Jobs of a run that somebody works on now."""
        sql = "SELECT count(*) AS n FROM jobs WHERE state = 'leased' AND run_id = ?"
        return int(self.store.rows(sql, (run_id,))[0]["n"])

    def rows(self, run_id: str, since: float = 0.0) -> list[JobRow]:
        """The run's jobs in order; with `since`, only those that changed after that time."""
        rows = self.store.rows("SELECT * FROM jobs WHERE run_id = ? AND changed > ? ORDER BY id", (run_id, since))
        return [JobRow.model_validate({field: row[field] for field in JobRow.model_fields}) for row in rows]

    def failed(self, run_id: str) -> list[JobRow]:
        """The run's jobs that failed or were parked, in order."""
        rows = self.store.rows(
            "SELECT * FROM jobs WHERE run_id = ? AND state IN ('failed', 'parked') ORDER BY id", (run_id,)
        )
        return [JobRow.model_validate({field: row[field] for field in JobRow.model_fields}) for row in rows]

    def fallbacks(self, run_id: str) -> tuple[str, ...]:
        """Why pictures of the run were painted without an engine that was built for them, a sentence each."""
        return self._noted(run_id, "engine_trouble", 20)

    def unread(self, run_id: str) -> tuple[str, ...]:
        """Words of the run's prompts that the painter does not know, and painted without."""
        return self._noted(run_id, "words_unknown", 60)

    def _noted(self, run_id: str, fact: str, most: int) -> tuple[str, ...]:
        found = self.store.rows(
            "SELECT DISTINCT note.value AS note FROM jobs JOIN pictures ON shot_id = ref, "
            "json_each(iif(json_valid(picture), picture, '{}'), ?) AS note "
            "WHERE run_id = ? AND kind = 'paint' AND state = 'done' LIMIT ?",
            (f"$.facts.{fact}", run_id, most),
        )
        return tuple(str(row["note"])[:500] for row in found)

    def result(self, run_id: str, ad_id: str) -> Finished:
        """One delivered ad. Raises `BadInput` when there is none."""
        rows = self.store.rows(
            "SELECT payload, result FROM jobs WHERE run_id = ? AND ref = ? AND kind = 'compose' AND state = 'done'",
            (run_id, ad_id),
        )
        if not rows:
            raise BadInput("This ad is no longer there", "Reload the page.")
        return _finished(rows[0])

    def results(self, run_id: str) -> list[Finished]:
        """The ads delivered so far, in the order they were asked for."""
        rows = self.store.rows(
            "SELECT payload, result FROM jobs WHERE run_id = ? AND kind = 'compose' AND state = 'done' ORDER BY id",
            (run_id,),
        )
        return [_finished(row) for row in rows]


def _finished(row: sqlite3.Row) -> Finished:
    return Finished(spec=AdSpec.model_validate_json(row["payload"]), file=AdFile.model_validate_json(row["result"]))


_LEASE = """
UPDATE jobs SET state = 'leased', attempts = attempts + 1, worker = ?, lease = ?, lease_until = ?, leased_at = ?,
    fraction = 0, text = '', changed = ?
WHERE id = (
    SELECT j.id FROM jobs j JOIN runs r ON r.run_id = j.run_id
    WHERE j.state = 'queued' AND NOT r.cancelled AND NOT r.paused
    AND (? IS NULL OR j.run_id = ?) AND j.kind IN ({kinds})
    AND CASE j.kind
        WHEN 'compose' THEN j.needs IS NULL OR EXISTS (SELECT 1 FROM pictures p WHERE p.shot_id = j.needs)
        ELSE NOT EXISTS (SELECT 1 FROM jobs o WHERE o.ref = j.ref AND o.kind = 'paint' AND o.state = 'leased')
    END
    ORDER BY r.priority DESC, j.kind = 'paint', r.created, r.run_id, j.id LIMIT 1
)
RETURNING *
"""
