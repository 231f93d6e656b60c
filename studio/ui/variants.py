"""The Variants tab: the brief, how many, and the ads as they are finished."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio import machine
from studio.again import Again
from studio.brief.draft import Text
from studio.brief.rows import read_rows
from studio.campaign import prepared, reckon, rows_path
from studio.gallery import Gallery
from studio.model import WordField, Words
from studio.pixels import read_bytes
from studio.runs import Runs
from studio.studio import Studio
from studio.ui.intake import uploaded
from studio.ui.product import ProductCard
from studio.ui.view import view

MAX_ROWS_BYTES = 10_000_000


class Variants:
    """What the tab's script may call."""

    def __init__(self, studio: Studio, runs: Runs, gallery: Gallery, again: Again) -> None:
        self.studio = studio
        self.runs = runs
        self.gallery = gallery
        self.product = ProductCard(studio)
        self.again = again

    def build(self) -> gr.HTML:
        product, again, gallery = self.product, self.again, self.gallery
        verbs = (
            self.reckoned, self.generate, self.take_rows, gallery.ads, gallery.ad, gallery.runs_listed,
            product.take_product, product.demo_product, product.product_shown, product.brush_open,
            product.brush_solve, product.brush_done, again.more_like, self.new_words, again.vary_layout,
        )  # fmt: skip
        return view("variants", verbs, "gallery", "brush", "formats", "variants-paint")

    def reckoned(self, draft_id: str) -> dict[str, Any]:
        """What the brief as it stands would come to, without painting anything."""
        draft = self.studio.drafts.get(draft_id)
        job = prepared(self.studio, draft)
        reckoning, costs = reckon(self.studio, job), machine.costs(self.studio)
        efforts = {
            effort: reckoning.with_steps(steps)
            for effort, steps in self.studio.engines.capabilities(draft.engine).steps.items()
        }
        return {
            "ads": reckoning.ads,
            "pictures": reckoning.pictures,
            "new_pictures": reckoning.new_pictures,
            "seconds": reckoning.seconds,
            "measured": reckoning.measured,
            "cost": _price(costs, reckoning.seconds),
            "currency": costs.currency,
            "assumed": costs.source,
            "efforts": {effort: {"seconds": s, "cost": _price(costs, s)} for effort, s in efforts.items()},
            "notes": list(reckoning.notes),
            "errors": [f"Line {error.line}: {error.message}" for error in job.errors[:5]],
            "briefs": len(job.briefs),
        }

    def new_words(
        self, run_id: Text, ad_id: Text, words: dict[WordField, Text], all_formats: bool = False
    ) -> dict[str, Any]:
        """The same picture with other words."""
        return self.again.new_words(run_id, ad_id, Words(**words), all_formats).model_dump()

    def generate(self, draft_id: str) -> dict[str, Any]:
        """Put the brief on the queue. What is being typed must be saved before."""
        job = prepared(self.studio, self.studio.drafts.get(draft_id))
        run_id = self.runs.start(job)
        return {"run": run_id, "errors": [error.model_dump() for error in job.errors]}

    def take_rows(self, path: str) -> dict[str, Any]:
        """A dropped table of briefs: what was understood of it."""
        dropped = uploaded(path)
        digest = self.studio.store.put_blob(read_bytes(dropped, MAX_ROWS_BYTES), ".csv")
        read = read_rows(rows_path(self.studio, digest))
        return {
            "draft": {"rows": digest, "rows_name": dropped.name[:200]},
            "briefs": len(read.briefs),
            "columns": read.columns,
            "ignored": list(read.ignored),
            "errors": [error.model_dump() for error in read.errors[:20]],
            "first": [brief.headlines[0] if brief.headlines else brief.name for brief in read.briefs[:4]],
        }


def _price(costs: machine.Costs, seconds: float | None) -> float | None:
    """What it costs; None where nobody knows how long it takes."""
    return None if seconds is None else costs.of(seconds)
