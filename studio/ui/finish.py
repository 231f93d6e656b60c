"""The Finish tab: looking, choosing, mending and handing over."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import gradio as gr
from pydantic import Field

from engines.base import Progress
from studio import settings
from studio.ad.compose import with_product
from studio.again import Again, Ordered
from studio.desk import export
from studio.desk.files import write_whole
from studio.desk.pack import PackWish
from studio.desk.pictures import encode_picture
from studio.desk.review import MOST_STARS, NOTE_LENGTH, AdKey, Reviews
from studio.errors import BadInput
from studio.fixes import Fix, Fixes
from studio.gallery import Gallery
from studio.handover import Choice, Handover, Preview
from studio.model import Picture, Shot, Words
from studio.picture.cut import CutOptions
from studio.pixels import decode_picture, encode_png, read_picture
from studio.runs import Runs, title_of
from studio.studio import Studio
from studio.ui.errands import Errands
from studio.ui.intake import uploaded
from studio.ui.view import view

Keys = Annotated[list[AdKey], Field(max_length=20_000)]
Stars = Annotated[int, Field(ge=0, le=MOST_STARS)]
Line = Annotated[str, Field(max_length=4000)]
AT_ONCE_S = 8.0
"""How long a verb waits for ads that only have to be composed."""
_IN_USE = """
SELECT DISTINCT json_extract(payload, '$.format.id') AS id, json_extract(payload, '$.format.name') AS name,
    json_extract(payload, '$.format.channel') AS channel
FROM jobs WHERE kind = 'compose' AND state = 'done' ORDER BY channel, name
"""


class Finish:
    """What the tab's script may call."""

    def __init__(self, studio: Studio, runs: Runs, gallery: Gallery, again: Again) -> None:
        self.studio = studio
        self.runs = runs
        self.gallery = gallery
        self.reviews = Reviews(studio.store)
        self.again = again
        self.fixes = Fixes(self.again)
        self.handover = Handover(studio, runs)
        self.errands = Errands()

    def build(self) -> gr.HTML:
        verbs = (
            self.gallery.ads, self.in_use, self.about, self.rate, self.reject, self.note,
            self.remedies, self.mend, self.more, self.reword, self.relayout, self.made,
            self.cut, self.enlarge, self.errands.errand, self.errands.stop_errand,
            self.pack_preview, self.pack,
        )  # fmt: skip
        return view("finish", verbs, "gallery", "present", "finish-ad", "finish-pack")

    # -------------------------------------------------------------------------------------------- looking

    def in_use(self) -> dict[str, Any]:
        """What the filters offer: runs and formats there are ads of."""
        return {
            "runs": [run for run in self.gallery.runs_listed() if run["ads"]],
            "formats": [dict(row) for row in self.studio.store.rows(_IN_USE)],
        }

    def about(self, run: str, ad: str) -> dict[str, Any]:
        """Everything about one ad, and in which other formats its variant was made."""
        spec = self.again.runs.finished(run, ad).spec
        siblings = [item.spec.format for item in self.again.variant(run, spec)]
        asked = json.loads(self.runs.queue.run(run).request)
        return {
            **self.gallery.ad(run, ad),
            "folder": str(Path(self.runs.queue.run(run).out_dir)),
            "siblings": [{"id": fmt.id, "name": fmt.name, "limits": fmt.text_limits} for fmt in siblings],
            "run_title": title_of(self.runs.queue.run(run)),
            "what": asked.get("what", ""),
        }

    # -------------------------------------------------------------------------------------------- choosing

    def rate(self, ads: Keys, stars: Stars) -> None:
        """Give these ads so many stars."""
        self.reviews.rate(ads, stars)

    def reject(self, ads: Keys, rejected: bool) -> None:
        """Take these ads out of what is shown and handed over, or back in."""
        self.reviews.reject(ads, rejected)

    def note(self, run: str, ad: str, text: Annotated[str, Field(max_length=NOTE_LENGTH)]) -> None:
        """Keep what was written about an ad."""
        self.reviews.note((run, ad), text)

    # -------------------------------------------------------------------------------------------- what follows

    def remedies(self, run: str, ad: str) -> list[dict[str, Any]]:
        """For every failed check what mends it."""
        return [fix.model_dump() for fix in self.fixes.offered(run, ad)]

    def mend(self, run: str, ad: str, fix: Fix) -> dict[str, Any]:
        """Make the mended ad."""
        return self._ordered(self.fixes.apply(run, ad, fix))

    def more(self, run: str, ad: str, count: Annotated[int, Field(ge=1, le=100)], all_formats: bool) -> dict[str, Any]:
        """More variants like an ad."""
        return self._ordered(self.again.more_like(run, ad, count, all_formats))

    def reword(
        self, run: str, ad: str, headline: Line, body: Line, action: Line, price: Line, legal: Line, all_formats: bool
    ) -> dict[str, Any]:
        """The same picture with other words."""
        words = Words(headline=headline, body=body, action=action, price=price, legal=legal)
        return self._ordered(self.again.new_words(run, ad, words, all_formats))

    def relayout(self, run: str, ad: str) -> dict[str, Any]:
        """The same picture in every other layout it serves."""
        return self._ordered(self.again.vary_layout(run, ad))

    def made(self, run: str) -> dict[str, Any]:
        """How far ads that were ordered are."""
        return self._ordered(Ordered(run_id=run, ads=()))

    def _ordered(self, order: Ordered) -> dict[str, Any]:
        if not order.to_paint:
            self.again.wait(order.run_id, AT_ONCE_S)
        state = self.runs.state(order.run_id)
        return {
            **order.model_dump(),
            "finished": [item.file.ad_id for item in self.runs.queue.results(order.run_id)],
            "failed": [failure.model_dump() for failure in state.failed],
            "over": state.now.over,
        }

    # -------------------------------------------------------------------------------------------- retouching

    def cut(self, path: str = "", run: str = "", ad: str = "") -> str:
        """Free a dropped picture, or an ad's painted one, from its background."""
        source, name = self._source(path, run, ad)

        def work(progress: Progress) -> dict[str, Any]:
            cut, known = self.studio.cut(source, CutOptions(), progress)
            about = {"verb": "cutout", "engine": cut.engine, "confidence": round(cut.confidence, 3)}
            return self._result(cut.rgba, f"{name}-cutout", about) | {"known": known, "sure": cut.confidence}

        return self.errands.begin(work)

    def enlarge(self, times: Literal[2, 4], path: str = "", run: str = "", ad: str = "") -> str:
        """A dropped picture, or an ad's painted one, two or four times as wide and high."""
        source, name = self._source(path, run, ad)

        def work(progress: Progress) -> dict[str, Any]:
            made, known = self.studio.enlarge(source, float(times), "light", progress)
            about = {"verb": "upscale", "engine": made.engine, "times": times}
            return self._result(made.pixels, f"{name}-{times}x", about) | {"known": known}

        return self.errands.begin(work)

    def _source(self, path: str, run: str, ad: str) -> tuple[Path, str]:
        """The picture to work on and what its result is called."""
        if path:
            dropped = uploaded(path)
            read_picture(dropped)  # what is no picture is told now
            return dropped, export.sanitised(dropped.stem)
        spec = self.again.runs.finished(run, ad).spec
        picture = self.studio.store.picture(spec.shot_id, maps=False) if spec.shot_id else None
        if picture is None:
            why = "is not in the workspace" if spec.shot_id else "does not exist: it shows none"
            raise BadInput(f"The picture of this ad {why}", "Choose another ad, or drop a picture.")
        return self._painted(picture, self.again.shot(run, picture.shot_id)), export.sanitised(
            f"{spec.campaign}-v{spec.variant}-picture"
        )

    def _painted(self, picture: Picture, shot: Shot) -> Path:
        """A painted picture with the product's own pixels on it, as a file of the workspace."""
        store = self.studio.store
        if shot.placement is None:
            return store.blob_path(picture.digest)
        scene = decode_picture(store.get_blob(picture.digest), "picture")[..., :3]
        product = decode_picture(store.get_blob(shot.placement.product_digest), "product")
        return store.blob_path(store.put_blob(encode_png(with_product(scene, product, shot.placement))))

    def _result(self, pixels: Any, name: str, about: dict[str, Any]) -> dict[str, Any]:
        data = encode_picture(pixels, "png", about)
        folder = hashlib.sha256(data).hexdigest()[:16]
        path = settings.shown(self.studio.home) / "results" / folder / f"{name}.png"
        if not path.is_file():
            write_whole(path, data)
        return {
            "file": path, "name": path.name, "bytes": len(data), "engine": about["engine"],
            "width": pixels.shape[1], "height": pixels.shape[0],
        }  # fmt: skip

    # -------------------------------------------------------------------------------------------- handing over

    def pack_preview(self, choice: Choice, wish: PackWish) -> Preview:
        """What a pack would hold."""
        return self.handover.preview(choice, wish)

    def pack(self, choice: Choice, wish: PackWish) -> str:
        """Check the ads and pack them."""

        def work(progress: Progress) -> dict[str, Any]:
            packed = self.handover.pack(choice, wish, progress)
            return {**packed.model_dump(), "file": Path(packed.file), "name": Path(packed.file).name}

        return self.errands.begin(work)
