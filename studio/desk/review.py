"""What was thought of an ad: stars, whether it was rejected, a note."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Annotated

from pydantic import Field

from studio.desk.store import Store
from studio.errors import BadInput
from studio.values import Value

MOST_STARS = 5
NOTE_LENGTH = 4000
AdKey = tuple[str, str]
"""The run an ad was made in, and the ad."""


class Review(Value):
    stars: Annotated[int, Field(ge=0, le=MOST_STARS)] = 0
    """0 is not judged yet."""
    rejected: bool = False
    note: Annotated[str, Field(max_length=NOTE_LENGTH)] = ""


class Reviews:
    """Kept in the workspace's index; an ad nobody judged has the empty review."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self._clock = clock

    def of(self, key: AdKey) -> Review:
        """The review of one ad."""
        rows = self.store.rows("SELECT stars, rejected, note FROM reviews WHERE run_id = ? AND ad_id = ?", key)
        return Review(stars=rows[0]["stars"], rejected=rows[0]["rejected"], note=rows[0]["note"]) if rows else Review()

    def all(self, run_id: str | None = None) -> dict[AdKey, Review]:
        """Every ad that was judged, of one run or of all."""
        rows = self.store.rows(
            "SELECT run_id, ad_id, stars, rejected, note FROM reviews WHERE ? IS NULL OR run_id = ?", (run_id, run_id)
        )
        return {
            (row["run_id"], row["ad_id"]): Review(stars=row["stars"], rejected=row["rejected"], note=row["note"])
            for row in rows
        }

    def rate(self, keys: Iterable[AdKey], stars: int) -> dict[AdKey, Review]:
        """Give stars, 0 to 5, 0 takes them back. Returns what the ads had before. Raises `BadInput`."""
        if not 0 <= stars <= MOST_STARS:
            raise BadInput(f"Expected 0 to {MOST_STARS} stars, got {stars}")
        return self._change(keys, "stars", stars)

    def reject(self, keys: Iterable[AdKey], rejected: bool = True) -> dict[AdKey, Review]:
        """Take ads out of what is shown and handed over, or back in. Returns what they had before."""
        return self._change(keys, "rejected", int(rejected))

    def note(self, key: AdKey, text: str) -> Review:
        """Keep a note. Returns the review as it was before. Raises `BadInput` when it is too long."""
        if len(text) > NOTE_LENGTH:
            raise BadInput(f"A note holds up to {NOTE_LENGTH:,} characters, got {len(text):,}", "Shorten it.")
        text = text.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be kept
        return self._change([key], "note", text)[key]

    def put(self, reviews: dict[AdKey, Review]) -> None:
        """Set whole reviews, all or none: what `rate` and `reject` gave back undoes them."""
        with self.store.transaction() as db:
            for (run_id, ad_id), review in reviews.items():
                self._check(run_id, ad_id)
                db.execute(
                    "INSERT OR REPLACE INTO reviews (run_id, ad_id, stars, rejected, note, changed) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (run_id, ad_id, review.stars, int(review.rejected), review.note, self._clock()),
                )

    def _change(self, keys: Iterable[AdKey], column: str, value: int | str) -> dict[AdKey, Review]:
        """One column of all these ads, or of none when one of them does not exist."""
        before: dict[AdKey, Review] = {}
        with self.store.transaction() as db:
            for run_id, ad_id in dict.fromkeys(keys):
                self._check(run_id, ad_id)
                before[run_id, ad_id] = self.of((run_id, ad_id))
                db.execute(
                    f"INSERT INTO reviews (run_id, ad_id, {column}, changed) VALUES (?, ?, ?, ?) "
                    "ON CONFLICT (run_id, ad_id) "
                    f"DO UPDATE SET {column} = excluded.{column}, changed = excluded.changed",
                    (run_id, ad_id, value, self._clock()),
                )
        return before

    def _check(self, run_id: str, ad_id: str) -> None:
        sql = "SELECT 1 FROM jobs WHERE run_id = ? AND kind = 'compose' AND ref = ?"
        if not self.store.rows(sql, (run_id, ad_id)):
            raise BadInput("This ad is not in the workspace", "Reload the page.")
