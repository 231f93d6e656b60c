"""Drafts on disk: what every open page works on, kept as it is typed, so that closing the browser loses nothing."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

from studio.brief.draft import Draft
from studio.desk.store import Store
from studio.errors import BadInput
from studio.values import read_value

KEPT = 60
"""So many drafts are kept, the newest; older ones are of pages nobody came back to."""


class Drafts:
    """Each page has a draft of its own, so that two of them never write into each other's."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, mine: str, last: str, first: Draft) -> tuple[str, Draft]:
        """The draft of a page: its own (`mine`) after a reload; else a copy of the browser's `last`, else of the
        newest there is, else `first`."""
        if mine and (known := self._read(mine)) is not None:
            return mine, known
        newest = self._store.rows("SELECT draft_id FROM drafts ORDER BY changed DESC LIMIT 1")
        copied = (self._read(last) if last else None) or (self._read(newest[0]["draft_id"]) if newest else None)
        draft_id = secrets.token_hex(8)
        draft = copied or first
        self._write(draft_id, draft)
        return draft_id, draft

    def get(self, draft_id: str) -> Draft:
        """Raises `BadInput` when there is no such draft."""
        draft = self._read(draft_id)
        if draft is None:
            raise BadInput("This page's brief is no longer there", "Reload the page; a copy of the newest is opened.")
        return draft

    def save(self, draft_id: str, fields: dict[str, Any]) -> Draft:
        """Change these fields of a draft and return it whole. Raises `BadInput` naming a field that is wrong."""
        with self._store.transaction():
            draft = self.get(draft_id).changed(fields)
            self._write(draft_id, draft)
        return draft

    def _read(self, draft_id: str) -> Draft | None:
        found = self._store.rows("SELECT body FROM drafts WHERE draft_id = ?", (draft_id,))
        if not found:
            return None
        try:
            return read_value(Draft, json.loads(found[0]["body"]), "The kept brief")
        except (BadInput, ValueError):  # written by another version: better a new one than none
            return None

    def _write(self, draft_id: str, draft: Draft) -> None:
        with self._store.transaction() as db:
            db.execute(
                "INSERT INTO drafts (draft_id, body, changed) VALUES (?, ?, ?) "
                "ON CONFLICT (draft_id) DO UPDATE SET body = excluded.body, changed = excluded.changed",
                (draft_id, draft.model_dump_json(), time.time()),
            )
            db.execute(
                "DELETE FROM drafts WHERE draft_id NOT IN (SELECT draft_id FROM drafts ORDER BY changed DESC LIMIT ?)",
                (KEPT,),
            )
