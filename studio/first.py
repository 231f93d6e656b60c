"""The first start: a sample brand and a finished campaign are there to look at."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

from studio.brand.kit import copy_kit, load_kit, writing
from studio.brief.draft import Draft
from studio.desk import export
from studio.desk.jobs import Finished, compose_job, paint_job
from studio.errors import LockupError
from studio.model import Shot
from studio.pixels import read_bytes
from studio.runs import Runs
from studio.studio import Studio

FORMATS = ("meta-square", "meta-portrait", "meta-story", "meta-link", "display-300x250", "display-728x90")
_MAX_BYTES = 4_000_000
log = logging.getLogger(__name__)


def welcome(studio: Studio, runs: Runs, demo: Path) -> Draft:
    """Put the sample into a workspace that has no kit and no run yet, and give the draft that a first page begins
    with. `demo` is the folder `assets/demo`. What of it cannot be had is left out; that is in the log."""
    kit = next((one.id for one in studio.shelf.listed()), "")
    product = ""
    try:
        kit = kit or _sample_kit(studio, demo)
        if not runs.own():
            _sample_run(studio, runs, demo)
        brief = studio.read_brief(demo / "brief.toml")
        product = studio.keep(studio.product(demo / "product.png")).stem
    except (LockupError, OSError, ValueError) as error:
        log.warning("the sample is not all there: %s", error)
        return Draft(kit=kit)
    return Draft(
        kit=kit, title="Golden hour", subject=brief.subject, scene=brief.scene, headlines=brief.headlines,
        body=brief.body, action=brief.action, price=brief.price, legal=brief.legal, formats=FORMATS, product=product,
        product_name="Sun milk, the sample’s product", pitch_deg=brief.pitch_deg,
    )  # fmt: skip


def _sample_kit(studio: Studio, demo: Path) -> str:
    folder = studio.shelf.place("Solbrae")
    folder.rmdir()
    copy_kit(demo / "brand", folder)
    return folder.name


def _sample_run(studio: Studio, runs: Runs, demo: Path) -> None:
    """The finished campaign as a run like any other, but for its pictures: they are painted again when they are asked
    for."""
    document = json.loads(read_bytes(demo / "campaign" / "campaign.json", _MAX_BYTES))
    finished = [Finished.model_validate(ad) for ad in document["ads"]]
    shots = [Shot.model_validate(shot) for shot in document["shots"]]
    loaded = load_kit(demo / "brand")
    if loaded.digest in {item.spec.kit_digest for item in finished}:
        kept = studio.store.kit_path(loaded.digest)
        if not kept.is_dir():
            copy_kit(loaded.folder, kept)
    out_dir = runs.place("sample")
    with writing(out_dir):
        out_dir.mkdir(parents=True)
        for item in finished:
            shutil.copyfile(demo / "campaign" / item.file.file, out_dir / item.file.file)
    with studio.store.transaction():
        run_id = runs.queue.add_run(out_dir, export.PATTERN, json.dumps({**document["request"], "what": "the sample"}))
        runs.queue.add_jobs(run_id, [paint_job(shot) for shot in shots])
        runs.queue.add_jobs(run_id, [compose_job(item.spec, Path(item.file.file).stem) for item in finished])
        results = {item.spec.content_id: item.file.model_dump_json() for item in finished}
        runs.queue.take_in(run_id, {**{shot.content_id: "" for shot in shots}, **results})
    runs.take(run_id)  # nothing is left to do but its contact sheet and ZIP
