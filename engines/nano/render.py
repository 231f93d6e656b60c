"""Filling a folder with scenes: `python -m engines.nano.render FOLDER --minutes 60`. Can be stopped and goes on.

With `--sheet OUT.png` it renders nothing and shows what is there: random scenes in random palettes.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np

from .data import Data, sheet
from .grammar import make_shot
from .layers import SAMPLES, render

SHARD = 16
TURN = ("square", "tall", "square", "wide", "square", "wide", "tall")
"""Frames of successive shards."""


def fill(folder: Path, minutes: float, most: int, samples: int = SAMPLES) -> int:
    """Render shards that are not there yet until the time is up or there are `most` scenes. Returns how many are."""
    folder.mkdir(parents=True, exist_ok=True)
    until, shard = time.monotonic() + 60 * minutes, 0
    while shard * SHARD < most and time.monotonic() < until:
        name = f"{shard:05d}"
        if not (folder / f"{name}.json").exists():
            started = time.process_time()
            frame = TURN[shard % len(TURN)]
            made = [render(make_shot(shard * SHARD + place, frame), samples) for place in range(SHARD)]
            np.save(folder / f"{name}-light.npy", np.stack([layers.light for layers in made]))
            np.save(folder / f"{name}-parts.npy", np.stack([layers.parts for layers in made]))
            np.save(folder / f"{name}-maps.npy", np.stack([layers.maps for layers in made]))
            part = folder / f"{name}.part"
            part.write_text(json.dumps([layers.facts for layers in made]), "utf-8")
            part.replace(folder / f"{name}.json")
            spent = (time.process_time() - started) / SHARD
            print(f"shard {name} {frame}: {spent:.2f} CPU-seconds a scene", flush=True)
        shard += 1
    return shard * SHARD


def main() -> None:
    """The command line."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--minutes", type=float, default=1e6)
    asked.add_argument("--scenes", type=int, default=1_000_000)
    asked.add_argument("--samples", type=int, default=SAMPLES)
    asked.add_argument("--sheet", type=Path)
    asked.add_argument("--maps", action="store_true", help="each picture with depth, edges, mask and roles")
    asked.add_argument("--seed", type=int, default=0)
    given = asked.parse_args()
    cv2.setNumThreads(1)
    if given.sheet:
        picture = sheet(Data(given.folder, "all"), 2 if given.maps else 8, 6, given.seed, maps=given.maps)
        cv2.imwrite(str(given.sheet), picture[..., ::-1])
        return
    print(f"{fill(given.folder, given.minutes, given.scenes, given.samples)} scenes")


if __name__ == "__main__":
    main()
