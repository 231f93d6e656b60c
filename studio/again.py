"""What follows from a finished ad: more like it, the same picture with other words or in another layout.

Each gives a new run; the ad it came from stays as it is. What only has to be composed is done here, in a second, by
the same steps and with the same records as a worker; what has to be painted goes to a worker.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

from engines.base import EngineError, Painter, Progress
from studio.ad import compose
from studio.ad.compose import Brand
from studio.ad.refit import misfit, refitted
from studio.brand.kit import LoadedKit, load_kit
from studio.brief.frame import is_right_to_left
from studio.desk import export
from studio.desk.hands import StudioHands
from studio.desk.jobs import Finished, compose_job, paint_job
from studio.desk.presence import Presence
from studio.desk.queue import Queue
from studio.desk.store import Store
from studio.desk.worker import LEASE_S, Hands, Ticket, Worker
from studio.errors import BadInput, LockupError
from studio.model import AdSpec, Shot, Words
from studio.results import AdFile
from studio.runs import Runs
from studio.studio import Studio
from studio.values import Value

MOST_MORE = 100
"""How many variants may be ordered at once."""
log = logging.getLogger(__name__)


class LeftOut(Value):
    """A layout that does not serve, and why."""

    layout: str
    name: str
    reason: str


class Ordered(Value):
    """A new run. `to_paint` counts the pictures that have to be painted for it."""

    run_id: str
    ads: tuple[str, ...]
    to_paint: int = 0
    left_out: tuple[LeftOut, ...] = ()


class Again:
    """What can be ordered from a finished ad of a run of the workspace."""

    def __init__(self, studio: Studio, runs: Runs, hands: Callable[[Store], Hands] | None = None) -> None:
        self.studio = studio
        self.runs = runs
        self._make_hands = hands or (lambda store: StudioHands(store, _no_painter, studio.engines))
        self._here = ThreadPoolExecutor(1, "again")

    # -------------------------------------------------------------------------------------------- ordering

    def more_like(self, run_id: str, ad_id: str, count: int, all_formats: bool = False) -> Ordered:
        """`count` (1 to 100) more variants with the same words, layout and set, each from a seed of its own; in this
        ad's format, or in all that its variant was made in. Raises `BadInput`."""
        if not 1 <= count <= MOST_MORE:
            raise BadInput(f"Expected 1 to {MOST_MORE} more, got {count}", "Ask for fewer.")
        item = self.runs.finished(run_id, ad_id)
        if item.spec.shot_id is None:
            raise BadInput("This ad shows no picture, so nothing would change", "Vary its words or its layout.")
        of = self.variant(run_id, item.spec) if all_formats else [item]
        shots = {spec.shot_id: self.shot(run_id, spec.shot_id) for spec in (one.spec for one in of) if spec.shot_id}
        variant = max(row.spec.variant for row in self.runs.queue.results(run_id)) + 1
        specs: list[AdSpec] = []
        painted: dict[str, Shot] = {}
        for seed in self._fresh_seeds(tuple(shots.values()), count):
            again = {name: shot.model_copy(update={"seed": seed}) for name, shot in shots.items()}
            painted |= {shot.content_id: shot for shot in again.values()}
            for one in of:
                shot = again.get(one.spec.shot_id or "")
                specs.append(_changed(one.spec, shot_id=shot.content_id if shot else None, variant=variant))
            variant += 1
        return self.order(run_id, ad_id, specs, painted, "more like this")

    def new_words(self, run_id: str, ad_id: str, words: Words, all_formats: bool = False) -> Ordered:
        """The same picture with other words, in this ad's format or in all of its variant. Nothing is painted.

        Raises `BadInput` when the words are the same, or read the other way round and would meet the product.
        """
        item = self.runs.finished(run_id, ad_id)
        if words == item.spec.words:
            raise BadInput("These are the words the ad has already", "Change at least one of them.")
        of = self.variant(run_id, item.spec) if all_formats else [item]
        specs = [_changed(one.spec, words=words) for one in of]
        if is_right_to_left(words.headline or words.body) != is_right_to_left(
            item.spec.words.headline or item.spec.words.body
        ):
            self._check_direction(run_id, specs)
        return self.order(run_id, ad_id, specs, self.shots(run_id, specs), "other words")

    def vary_layout(self, run_id: str, ad_id: str) -> Ordered:
        """The same picture in every other layout family that works with it. Raises `BadInput` saying why when none
        does."""
        specs, left_out = self.layouts(run_id, ad_id)
        if not specs:
            why = "; ".join(f"{one.name}: {one.reason}" for one in left_out)
            raise BadInput("No other layout works with this picture", f"{why}.")
        ordered = self.order(run_id, ad_id, specs, self.shots(run_id, specs), "other layouts")
        return ordered.model_copy(update={"left_out": tuple(left_out)})

    def layouts(self, run_id: str, ad_id: str) -> tuple[list[AdSpec], list[LeftOut]]:
        """The ad in every other layout its picture serves, and the layouts it does not serve."""
        spec = self.runs.finished(run_id, ad_id).spec
        if spec.shot_id is None:
            raise BadInput("This ad shows no picture to keep", "Make new ads in other layouts from the brief.")
        shot, brand = self.shot(run_id, spec.shot_id), self.brand(spec)
        good: list[AdSpec] = []
        left_out: list[LeftOut] = []
        for family in self.studio.presets().layouts.values():
            if family.id == spec.layout:
                continue
            made = refitted(_changed(spec), family, shot, brand)
            if isinstance(made, AdSpec):
                good.append(made)
            else:
                left_out.append(LeftOut(layout=family.id, name=family.name, reason=made))
        return good, left_out

    def order(self, run_id: str, ad_id: str, specs: Sequence[AdSpec], shots: Mapping[str, Shot], what: str) -> Ordered:
        """Put ads that come from a finished one on the queue, with the shots they need, and see to it that they are
        made. `what` says how they differ from it."""
        for digest in {spec.kit_digest for spec in specs}:
            self.kit(digest)
        asked = json.loads(self.runs.queue.run(run_id).request)
        known = {shot_id for shot_id in shots if self.studio.store.picture(shot_id) is not None}
        request = {
            "reused": len(known), "kit": asked.get("kit", ""), "briefs": list(dict.fromkeys(s.campaign for s in specs)),
            "from": ad_id, "from_run": run_id, "what": what,
        }  # fmt: skip
        named = export.names(specs)
        queue = self.runs.queue
        out_dir = self.runs.place(specs[0].campaign)
        self.studio.store.check(out_dir)
        with self.studio.store.transaction():
            made = queue.add_run(out_dir, export.PATTERN, json.dumps(request))
            queue.add_jobs(made, [paint_job(shot) for shot in shots.values()])
            queue.add_jobs(made, [compose_job(spec, named[spec.content_id]) for spec in specs])
        if len(known) == len(shots):
            self._here.submit(self._compose_here, made)
        else:
            self.runs.take(made)
        return Ordered(
            run_id=made, ads=tuple(dict.fromkeys(s.content_id for s in specs)), to_paint=len(shots) - len(known)
        )

    # -------------------------------------------------------------------------------------------- looking

    def variant(self, run_id: str, spec: AdSpec) -> list[Finished]:
        """The ads of the same variant in every format it was made in."""
        same = (spec.campaign, spec.variant, spec.layout, spec.words)
        return [
            item
            for item in self.runs.queue.results(run_id)
            if (item.spec.campaign, item.spec.variant, item.spec.layout, item.spec.words) == same
        ]

    def shot(self, run_id: str, shot_id: str) -> Shot:
        """What a picture was, or is to be, painted from."""
        kept = self.studio.store.shot(shot_id)
        if kept is not None:
            return kept
        rows = self.studio.store.rows(
            "SELECT payload FROM jobs WHERE kind = 'paint' AND ref = ? ORDER BY run_id = ? DESC LIMIT 1",
            (shot_id, run_id),
        )
        if not rows:
            raise BadInput("How this picture was painted is no longer known", "Make new ads from the brief.")
        return Shot.model_validate_json(rows[0]["payload"])

    def shots(self, run_id: str, specs: Sequence[AdSpec]) -> dict[str, Shot]:
        """The shots that ads need, by id."""
        return {name: self.shot(run_id, name) for name in dict.fromkeys(s.shot_id for s in specs) if name}

    def brand(self, spec: AdSpec) -> Brand:
        """The kit an ad was made with, with fonts for its words."""
        loaded = self.kit(spec.kit_digest)
        return Brand(loaded.kit, loaded.fonts.for_words(text for _, text in spec.words.items()), loaded.logos)

    def kit(self, digest: str) -> LoadedKit:
        """A kit as it was when ads were made with it. Raises `BadInput` when its copy is gone."""
        folder = self.studio.store.kit_path(digest)
        if not folder.is_dir():
            raise BadInput("The kit this ad was made with is gone from the workspace", "Make new ads from the brief.")
        return load_kit(folder)

    def wait(self, run_id: str, seconds: float) -> bool:
        """Wait until nothing of a run is left to do, at most so long; whether it is over."""
        until = time.monotonic() + seconds
        while self.runs.queue.open_jobs(run_id):
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True

    def try_out(self, spec: AdSpec, shot: Shot | None, folder: Path) -> AdFile:
        """An ad composed and measured without a record of it, its file in `folder`. Raises `LockupError`."""
        return self._here.submit(self._tried, spec, shot, folder).result()

    # -------------------------------------------------------------------------------------------- doing

    @cached_property
    def _hands(self) -> Hands:
        return self._make_hands(self.studio.store)

    def _compose_here(self, run_id: str) -> None:
        """Do a run whose pictures are all painted, job by job as a worker does; then close it."""
        queue = Queue(self.studio.store)
        worker = Worker(queue, self.studio.store, self._hands)
        try:
            here = Presence(self.studio.home, worker.name)
            try:
                while (job := queue.lease(worker.name, LEASE_S, run_id)) is not None:
                    if job.kind == "paint" and self.studio.store.picture(job.ref) is None:
                        queue.give_back(job)  # it was lost meanwhile: a worker paints it again
                        break
                    worker.work(job)
            finally:
                here.end()
            if queue.open_jobs(run_id):
                self.runs.take(run_id)
            else:
                self.runs.settle(run_id)
        except Exception as error:  # the ads must not be lost with it
            log.log(logging.WARNING if isinstance(error, LockupError) else logging.ERROR, "run %s: %s", run_id, error)
            self.runs.take(run_id)  # a worker tries again, or says on the screen what is wrong

    def _tried(self, spec: AdSpec, shot: Shot | None, folder: Path) -> AdFile:
        picture = self.studio.store.picture(spec.shot_id, maps=False) if spec.shot_id else None
        if spec.shot_id and picture is None:
            raise BadInput("The picture of this ad is gone", "Order more like this: it is painted again.")
        ticket = Ticket("", folder, spec.content_id, "", shot, picture, Progress())
        return self._hands.finish(spec, ticket)

    def _fresh_seeds(self, shots: Sequence[Shot], count: int) -> list[int]:
        """The next seeds with which none of these shots was ever asked for."""
        seeds: list[int] = []
        seed = shots[0].seed
        while len(seeds) < count:
            seed = (seed + 1) % 2**31
            ids = [shot.model_copy(update={"seed": seed}).content_id for shot in shots]
            marks = ", ".join("?" * len(ids))
            if not self.studio.store.rows(f"SELECT 1 FROM jobs WHERE kind = 'paint' AND ref IN ({marks}) LIMIT 1", ids):
                seeds.append(seed)
        return seeds

    def _check_direction(self, run_id: str, specs: Sequence[AdSpec]) -> None:
        """Words that read the other way are set in the layout's mirror image: the product must not stand there."""
        for spec in specs:
            why = misfit(spec, self.shot(run_id, spec.shot_id), self.brand(spec)) if spec.shot_id else ""
            if why:
                raise BadInput(
                    f"These words read the other way, and in {spec.format.name} {why}",
                    "Make new ads with these words from the brief, so that the picture leaves room on the other side.",
                )


def _changed(spec: AdSpec, **changes: Any) -> AdSpec:
    """The spec with changes, as it is drawn today."""
    return spec.model_copy(update={"recipe": compose.RECIPE, **changes})


def _no_painter(name: str) -> Painter:
    raise EngineError("Nothing is painted here", "A worker does that.")
