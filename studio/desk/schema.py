"""The index's tables, as a list of named steps that is only ever appended to."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from studio.errors import DeskError


def _v1_pictures(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE pictures (shot_id TEXT PRIMARY KEY, picture TEXT NOT NULL, shot TEXT, created REAL NOT NULL)"
    )
    db.execute("CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), at REAL NOT NULL)")
    db.execute("INSERT INTO probe (id, at) VALUES (1, 0)")


def _v2_queue(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE runs (run_id TEXT PRIMARY KEY, created REAL NOT NULL, out_dir TEXT NOT NULL, "
        "pattern TEXT NOT NULL, request TEXT NOT NULL, priority INTEGER NOT NULL DEFAULT 0, "
        "cancelled INTEGER NOT NULL DEFAULT 0)"
    )
    # needs: the shot a compose job waits for. lease: a fresh token a lease, so that a late worker cannot report.
    db.execute(
        "CREATE TABLE jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, "
        "run_id TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE, "
        "kind TEXT NOT NULL CHECK (kind IN ('paint', 'compose')), ref TEXT NOT NULL, needs TEXT, "
        "payload TEXT NOT NULL, name TEXT NOT NULL DEFAULT '', "
        "state TEXT NOT NULL DEFAULT 'queued' "
        "CHECK (state IN ('queued', 'leased', 'done', 'failed', 'parked', 'cancelled')), "
        "attempts INTEGER NOT NULL DEFAULT 0, worker TEXT, lease TEXT, lease_until REAL, leased_at REAL, "
        "fraction REAL NOT NULL DEFAULT 0, text TEXT NOT NULL DEFAULT '', seconds REAL, "
        "message TEXT NOT NULL DEFAULT '', hint TEXT NOT NULL DEFAULT '', result TEXT, "
        "changed REAL NOT NULL DEFAULT 0, UNIQUE (run_id, kind, ref))"
    )
    db.execute("CREATE INDEX jobs_by_state ON jobs (state, kind, run_id)")
    db.execute("CREATE INDEX jobs_by_ref ON jobs (ref, kind)")
    db.execute("CREATE INDEX jobs_by_needs ON jobs (run_id, needs)")


def _v3_results(db: sqlite3.Connection) -> None:
    # What was made of a picture (a cut-out, an enlargement), by everything that decides it.
    db.execute(
        "CREATE TABLE results (key TEXT PRIMARY KEY, facts TEXT NOT NULL, blobs TEXT NOT NULL, created REAL NOT NULL)"
    )


def _v4_screens(db: sqlite3.Connection) -> None:
    # What each open page works on; what was thought of an ad; a run that waits until it is told to go on.
    db.execute("CREATE TABLE drafts (draft_id TEXT PRIMARY KEY, body TEXT NOT NULL, changed REAL NOT NULL)")
    db.execute(
        "CREATE TABLE reviews (run_id TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE, ad_id TEXT NOT NULL, "
        "stars INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0, note TEXT NOT NULL DEFAULT '', "
        "changed REAL NOT NULL, PRIMARY KEY (run_id, ad_id))"
    )
    db.execute("ALTER TABLE runs ADD COLUMN paused INTEGER NOT NULL DEFAULT 0")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_v1_pictures, _v2_queue, _v3_results, _v4_screens)


def migrate(db: sqlite3.Connection) -> None:
    """Bring the index up to date, one whole step at a time. Raises `DeskError` if a newer Lockup wrote it."""
    if _version(db) > len(MIGRATIONS):
        raise DeskError(
            "This workspace was written by a newer Lockup",
            "Update Lockup, or set STUDIO_HOME to another folder.",
        )
    while _version(db) < len(MIGRATIONS):
        db.execute("BEGIN IMMEDIATE")
        try:
            version = _version(db)  # read again: another process may have been quicker
            if version < len(MIGRATIONS):
                MIGRATIONS[version](db)
                db.execute(f"PRAGMA user_version = {version + 1}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
