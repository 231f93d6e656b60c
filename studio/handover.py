"""Choosing what is handed over to a client, looking at it before, and packing it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from engines.base import Progress
from studio import settings
from studio.brand.fonts import font_path
from studio.desk import export
from studio.desk.pack import Named, PackAd, Packed, PackWish, named, write_pack
from studio.desk.review import AdKey, Review, Reviews
from studio.errors import BadInput
from studio.previews import prune
from studio.runs import Runs
from studio.studio import SHEET_FONTS, Studio
from studio.values import Value

SHOWN_NAMES = 6
KEPT_PACKS = 20


class Choice(Value):
    """Which ads: those selected, those with at least so many stars, or all; of one run, or of every run. Rejected ads
    are never handed over."""

    which: Literal["selected", "starred", "all"] = "all"
    ads: Annotated[tuple[AdKey, ...], Field(max_length=20_000)] = ()
    stars: Annotated[int, Field(ge=1, le=5)] = 4
    run: str = ""


class Preview(Value):
    """A pack before it is made. `folders` counts the ads in each folder, `names` shows the first few; `name` is what
    the pack is called if nobody says otherwise."""

    ads: int
    bytes: int
    rejected: int
    names: tuple[Named, ...]
    clashes: tuple[Named, ...]
    folders: dict[str, int]
    name: str
    campaigns: tuple[str, ...]
    kit: str


class Handover:
    """Packs of the workspace's finished ads."""

    def __init__(self, studio: Studio, runs: Runs) -> None:
        self.studio = studio
        self.runs = runs
        self.reviews = Reviews(studio.store)

    def chosen(self, choice: Choice) -> tuple[list[PackAd], int]:
        """The ads of a choice, in the order they were made, and how many were left out because they are rejected."""
        judged = self.reviews.all()
        latest: dict[str, bool] = {}  # the same ad may lie in several runs: what was said last holds for all
        for run in self.runs.own():
            for (run_id, ad_id), review in judged.items():
                if run_id == run.run_id:
                    latest.setdefault(ad_id, review.rejected)
        wanted = set(choice.ads)
        ads: list[PackAd] = []
        rejected = 0
        for run in reversed(self.runs.own()):
            if choice.run and choice.which != "selected" and run.run_id != choice.run:
                continue
            if choice.which == "selected" and not any(run_id == run.run_id for run_id, _ in wanted):
                continue
            for item in self.runs.queue.results(run.run_id):
                key = (run.run_id, item.spec.content_id)
                review = judged.get(key, Review())
                if choice.which == "selected" and key not in wanted:
                    continue
                if choice.which == "starred" and review.stars < choice.stars:
                    continue
                if review.rejected or latest.get(item.spec.content_id):
                    rejected += 1
                else:
                    ads.append(PackAd(Path(run.out_dir), item))
        return ads, rejected

    def preview(self, choice: Choice, wish: PackWish) -> Preview:
        """What a pack would hold and how its files would be called. Raises `BadInput` for a pattern that is not
        understood."""
        ads, rejected = self.chosen(choice)
        names = named(ads, wish)
        folders: dict[str, int] = {}
        for one in names:
            folder = one.name.rpartition("/")[0]
            folders[folder] = folders.get(folder, 0) + 1
        once = {ad.item.spec.content_id: ad for ad in ads}
        campaigns = list(dict.fromkeys(ad.item.spec.campaign for ad in ads))
        kit = self._kit_name(ads)
        return Preview(
            ads=len(names),
            bytes=sum(ad.item.file.bytes for ad in once.values()),
            rejected=rejected,
            names=tuple(names[:SHOWN_NAMES]),
            clashes=tuple(one for one in names if one.clashed)[:SHOWN_NAMES],
            folders=folders,
            name=campaigns[0] if len(campaigns) == 1 else export.sanitised(f"{kit} ads".strip().lower()),
            campaigns=tuple(campaigns[:4]),
            kit=kit,
        )

    def pack(self, choice: Choice, wish: PackWish, progress: Progress) -> Packed:
        """Make the pack, in the folder the page may show. Raises `BadInput`, `DeskError`, `Stopped`."""
        ads, _ = self.chosen(choice)
        if not ads:
            raise BadInput("There is no ad to pack", "Choose others, or take the rejection back.")
        names = list(dict.fromkeys(ad.item.spec.campaign for ad in ads))
        wish = wish.model_copy(
            update={"title": wish.title or self._kit_name(ads), "subtitle": wish.subtitle or ", ".join(names[:4])}
        )
        heading, body = (font_path(name, self.studio.home).read_bytes() for name in SHEET_FONTS)
        return write_pack(ads, self._target(ads, wish), wish, (heading, body), progress)

    def _target(self, ads: Sequence[PackAd], wish: PackWish) -> Path:
        """A folder for this pack alone: two people may pack under one name."""
        about = json.dumps([wish.canonical(), [(str(ad.out_dir), ad.item.spec.content_id) for ad in ads]])
        folder = hashlib.sha256(about.encode()).hexdigest()[:16]
        prune(settings.shown(self.studio.home) / "packs", KEPT_PACKS, "*")
        return settings.shown(self.studio.home) / "packs" / folder / f"{export.sanitised(wish.name)}.zip"

    def _kit_name(self, ads: Sequence[PackAd]) -> str:
        runs = {str(Path(run.out_dir)): run for run in self.runs.own()}
        for ad in ads[:1]:
            if run := runs.get(str(ad.out_dir)):
                return str(json.loads(run.request).get("kit", ""))
        return ""
