"""A worker process whose painter fills the picture with one colour; everything else is the studio's own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engines.base import Capabilities, Painting, PaintRequest, Progress
from engines.catalog import open_enlarger
from studio.desk.engines import Engines
from studio.desk.hands import StudioHands
from studio.desk.worker import run_worker


class Plain:
    """Fills the picture with the kit's background."""

    id = "stage"
    capabilities = Capabilities(sets=True, product_in_scene=True)

    def paint(self, requests: Sequence[PaintRequest], progress: Progress) -> Iterator[Painting]:
        for request in requests:
            progress.report(0.5, "Filling")
            ground = request.palette["background"].removeprefix("#")
            picture = np.empty((request.height_px, request.width_px, 3), np.uint8)
            picture[:] = tuple(bytes.fromhex(ground))
            yield Painting(picture, 0.01, "stage", "plain")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--run", default=None)
    parser.add_argument("--name", default="")
    parser.add_argument("--watched", action="store_true")
    parser.add_argument("--until-idle", action="store_true")
    args = parser.parse_args()
    return run_worker(
        args.home,
        lambda store: StudioHands(store, lambda name: Plain(), Engines(enlarger=lambda name: open_enlarger("lanczos"))),
        until_idle=args.until_idle,
        run_id=args.run,
        name=args.name,
        watched=args.watched,
    )


if __name__ == "__main__":
    raise SystemExit(main())
