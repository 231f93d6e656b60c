"""The colour lock on 200 scenes: how near, how fast, how smooth. `python -m tests.bench.palette_bench [--json] [--quick]`.

Seconds are of 1024² pictures with a product, the best of three; of the processor they count what both cores did, so
that other work on the machine does not show.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import cv2
import numpy as np

from studio.color import oklab
from studio.picture.palette import DOMINANT_SHARE, distances, dominant, lock, skin_likeness
from tests.picture.scenes import COUNT, KINDS, KITS, Scene, ramp, scenes

SIDE = 1024


def nearness(count: int) -> dict[str, Any]:
    """The worst dominant colour of each scene before and after, in CIEDE2000, by kind."""
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    touched = 0
    for scene in scenes(count):
        people = scene.skin is not None
        locked, _ = lock(scene.pixels, scene.swatches, scene.product, skin=people)
        touched += int((locked[scene.product] != scene.pixels[scene.product]).any())
        seen = ~scene.product
        if people:
            seen &= (skin_likeness(oklab(scene.pixels).reshape(-1, 3)) < 0.05).reshape(seen.shape)
        found[scene.name.split()[1]].append((_worst(scene, scene.pixels[seen]), _worst(scene, locked[seen])))
    return {
        "products_touched": touched,
        "delta_e00": {
            kind: {
                "before_mean": _mean(b for b, _ in rows),
                "after_mean": _mean(a for _, a in rows),
                "after_max": _max(rows),
            }
            for kind, rows in found.items()
            if rows
        },
    }


def speed(count: int) -> dict[str, float]:
    """Milliseconds at 1024²: of the processor and on the clock, in the middle and at the worst."""
    worked, waited = [], []
    for scene in scenes(count, 256):
        picture = cv2.resize(scene.pixels, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        product = cv2.resize(scene.product.astype(np.uint8), (SIDE, SIDE)).astype(bool)
        tries = [_timed(np.asarray(picture), scene, product) for _ in range(3)]
        worked.append(min(work for work, _ in tries) * 1000)
        waited.append(min(wait for _, wait in tries) * 1000)
    return {
        "processor_median": round(float(np.median(worked))), "processor_max": round(max(worked)),
        "clock_median": round(float(np.median(waited))), "clock_max": round(max(waited)),
    }  # fmt: skip


def smoothness(count: int) -> dict[str, float]:
    """The largest step between neighbouring columns of ramps of 1,024 pixels, in levels; unlocked ramps step by 1."""
    rng = np.random.default_rng(1)
    steps = []
    for number in range(count):
        first = rng.integers(20, 235, 3)
        last = np.clip(first + rng.integers(-70, 70, 3), 0, 255)
        locked, _ = lock(ramp(tuple(first), tuple(last)), KITS[list(KITS)[number % len(KITS)]])
        steps.append(float(np.abs(np.diff(locked.astype(float).mean(axis=0), axis=0)).max()))
    return {"median": round(float(np.median(steps)), 2), "max": round(max(steps), 2)}


def _timed(picture: np.ndarray, scene: Scene, product: np.ndarray) -> tuple[float, float]:
    work, wait = time.process_time(), time.perf_counter()
    lock(picture, scene.swatches, product)
    return time.process_time() - work, time.perf_counter() - wait


def _worst(scene: Scene, pixels: np.ndarray) -> float:
    colors, shares = dominant(pixels)
    return float(distances(colors[shares >= DOMINANT_SHARE], scene.swatches).max(initial=0.0))


def _mean(values: Any) -> float:
    return round(float(np.mean(list(values))), 2)


def _max(rows: list[tuple[float, float]]) -> float:
    return round(max(after for _, after in rows), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="28 scenes")
    options = parser.parse_args()
    found = {
        "nearness": nearness(28 if options.quick else COUNT),
        "milliseconds": speed(14 if options.quick else 70),
        "ramp_steps": smoothness(16 if options.quick else 100),
    }
    print(json.dumps(found) if options.json else json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
