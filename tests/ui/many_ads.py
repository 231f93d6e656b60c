"""A workspace with as many finished ads as a test wants: the sample's, copied under other ids."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from studio.desk import export
from studio.desk.jobs import Finished, compose_job, paint_job
from studio.model import Shot
from studio.runs import Runs

CAMPAIGN = Path(__file__).resolve().parents[2] / "assets" / "demo" / "campaign"


def fill(runs: Runs, count: int, name: str = "many") -> str:
    """Put a run of `count` finished ads into the workspace and return its id."""
    document = json.loads((CAMPAIGN / "campaign.json").read_text("utf-8"))
    sample = [Finished.model_validate(ad) for ad in document["ads"]]
    shots = [Shot.model_validate(shot) for shot in document["shots"]]
    out_dir = runs.place(name)
    out_dir.mkdir(parents=True)
    for item in sample:
        shutil.copyfile(CAMPAIGN / item.file.file, out_dir / item.file.file)
    specs, results = [], {}
    for number in range(count):
        item = sample[number % len(sample)]
        headline = f"{item.spec.words.headline} {number}"
        words = item.spec.words.model_copy(update={"headline": headline})
        spec = item.spec.model_copy(update={"words": words, "variant": number // len(sample) + 1, "campaign": name})
        specs.append(spec)
        results[spec.content_id] = item.file.model_copy(update={"ad_id": spec.content_id}).model_dump_json()
    request = {"kit": "Solbrae", "briefs": [name], "reused": 0}
    with runs.studio.store.transaction():
        run_id = runs.queue.add_run(out_dir, export.PATTERN, json.dumps(request))
        runs.queue.add_jobs(run_id, [paint_job(shot) for shot in shots])
        runs.queue.add_jobs(run_id, [compose_job(spec, spec.content_id) for spec in specs])
        runs.queue.take_in(run_id, {**{shot.content_id: "" for shot in shots}, **results})
    return run_id
