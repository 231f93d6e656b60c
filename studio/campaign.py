"""A page's draft as a job: planned, reckoned, and with everything in it brought to where the work is done."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

from studio.brief.draft import Draft
from studio.brief.rows import Rows, one_row, read_rows
from studio.errors import BadInput
from studio.machine import measurements
from studio.model import Brief
from studio.orders import Prepared, Wishes
from studio.steering import sketched
from studio.studio import Studio

_PER_MEGAPIXEL_STEP_S, _PER_AD_S, _START_S = 0.62, 0.4, 3.0
"""Where nothing was measured yet: the stage on two cores (README, "How fast"); laying out, drawing and measuring; a
worker's start."""
_REASONED = "stage"
"""The painter that is about as quick on every machine. Of others nothing is said before they have painted here."""


def prepared(studio: Studio, draft: Draft) -> Prepared:
    """Everything of a draft planned, nothing painted. Raises `BadInput` naming what is missing."""
    if not draft.formats:
        raise BadInput("No format is chosen", "Choose at least one under Formats.")
    folder = studio.shelf.folder(draft.kit)
    asked = draft.brief()
    can = studio.engines.capabilities(draft.engine)
    maps = tuple(sketched(draft.sketch, studio.kit(folder).kit.hex("background"), can, studio.store))
    brief = asked.model_copy(update={"controls": (*maps, *asked.controls)})
    rows = one_row(brief) if not draft.rows else _rows(studio, draft, brief)
    wishes = Wishes(
        product=studio.store.blob_path(draft.product) if draft.product else None,
        engine=draft.engine,
        effort=draft.effort,
    )
    return studio.plan(rows, folder, studio.home, wishes)


def rows_path(studio: Studio, digest: str) -> Path:
    """Where a dropped table lies in the workspace."""
    return studio.store.blob_path(digest, ".csv")


def _rows(studio: Studio, draft: Draft, brief: Brief) -> Rows:
    """The table's briefs; what a row says nothing about is the form's."""
    read = read_rows(rows_path(studio, draft.rows))
    form = {name: getattr(brief, name) for name in Brief.model_fields if name not in ("version", "product")}
    filled = tuple(
        row.model_copy(
            update={
                **{name: value for name, value in form.items() if name not in row.model_fields_set},
                "product": None,
            }
        )
        for row in read.briefs
    )
    return read._replace(briefs=filled)


@dataclass(frozen=True)
class Reckoning:
    """What a job will come to. `seconds` from what this machine has measured (`measured`), else from its like, and None
    for a painter that has not painted here; of them `paint_seconds` go into new pictures, and into `steps` of the
    painter's each."""

    ads: int
    pictures: int
    new_pictures: int
    seconds: float | None
    measured: bool
    notes: tuple[str, ...]
    paint_seconds: float = 0.0
    steps: int = 0

    def with_steps(self, steps: int) -> float | None:
        """About how many seconds it would be with other steps."""
        if self.seconds is None or not self.steps:
            return self.seconds
        return self.seconds + self.paint_seconds * (steps / self.steps - 1)


def reckon(studio: Studio, job: Prepared) -> Reckoning:
    """How many ads and pictures, and how long. Pictures that are there already cost nothing."""
    shots = {shot.content_id: shot for plan in job.plans for shot in plan.shots}
    ads = {ad.content_id for plan in job.plans for ad in plan.ads}
    known = _known(studio)
    new = [shot for shot_id, shot in shots.items() if shot_id not in known]
    rates = _rates(studio)
    guessed = {_REASONED: _PER_MEGAPIXEL_STEP_S} | rates
    known_pace = all(shot.engine in guessed for shot in new)
    paint = sum(shot.width_px * shot.height_px / 1e6 * shot.steps * guessed.get(shot.engine, 0.0) for shot in new)
    each = [row["seconds"] for row in studio.store.rows(_COMPOSED)]
    seconds = _START_S + paint + len(ads) * (statistics.median(each) if each else _PER_AD_S)
    measured = bool(each) and all(shot.engine in rates for shot in new)
    steps = max((shot.steps for shot in new), default=0)
    told = seconds if known_pace else None
    return Reckoning(len(ads), len(shots), len(new), told, measured, job.notes, paint, steps)


_COMPOSED = "SELECT seconds FROM jobs WHERE kind = 'compose' AND seconds IS NOT NULL ORDER BY changed DESC LIMIT 60"
_PAINTED = """
SELECT json_extract(shot, '$.engine') AS engine, json_extract(picture, '$.seconds') * 1e6 /
    (json_extract(shot, '$.width_px') * json_extract(shot, '$.height_px') * json_extract(shot, '$.steps')) AS rate
FROM pictures WHERE shot IS NOT NULL ORDER BY created DESC LIMIT 60
"""


def _known(studio: Studio) -> set[str]:
    return {row["shot_id"] for row in studio.store.rows("SELECT shot_id FROM pictures")}


def _rates(studio: Studio) -> dict[str, float]:
    """Seconds a megapixel and step, by engine: the median of the latest pictures, else the last standard picture."""
    standard = {
        one.engine: one.seconds * 1e6 / (one.width_px * one.height_px * one.steps) for one in measurements(studio)
    }
    found: dict[str, list[float]] = {}
    for row in studio.store.rows(_PAINTED):
        found.setdefault(row["engine"], []).append(row["rate"])
    return standard | {engine: statistics.median(rates) for engine, rates in found.items()}
