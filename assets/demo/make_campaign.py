"""Makes `campaign/`, the finished campaign that a new workspace shows: twelve real ads of the demo brand.

    python assets/demo/make_campaign.py

Run it again when the demo brand, its brief, or how ads are drawn has changed; a test says when it has.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from engines.base import Progress  # noqa: E402
from engines.catalog import doors  # noqa: E402
from studio.desk.engines import Engines  # noqa: E402
from studio.desk.hands import hands  # noqa: E402
from studio.desk.queue import Queue  # noqa: E402
from studio.desk.store import Store  # noqa: E402
from studio.desk.worker import run_worker  # noqa: E402
from studio.orders import Wishes  # noqa: E402
from studio.studio import Studio  # noqa: E402

FORMATS = ("meta-square", "meta-portrait", "meta-story", "meta-link", "display-300x250", "display-728x90")


def main() -> None:
    target = HERE / "campaign"
    with tempfile.TemporaryDirectory() as home:
        studio = Studio(Path(home))
        wishes = Wishes(HERE / "product.png", formats=FORMATS, count=2)
        job = studio.prepare(HERE / "brief.toml", HERE / "brand", wishes, Progress())
        out = Path(home) / "campaign"
        run_id = studio.start(job, out)
        engines = Engines(**doors((), Path(home) / "models"), folders=())
        run_worker(Path(home), lambda store: hands(store, engines), until_idle=True)
        with Store(Path(home)) as store:
            queue = Queue(store)
            run, finished = queue.run(run_id), queue.results(run_id)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for item in finished:
            shutil.copyfile(out / item.file.file, target / item.file.file)
        document = {
            "version": 1,
            "request": json.loads(run.request),
            "shots": [shot.model_dump(mode="json") for plan in job.plans for shot in plan.shots],
            "ads": [item.model_dump(mode="json") for item in finished],
        }
        (target / "campaign.json").write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(f"{len(finished)} ads, {sum(path.stat().st_size for path in target.iterdir()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
