"""Seconds the stage takes, as JSON on stdout: `python tests/bench/stage_bench.py [--set arch] [--sizes 256 1024]`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from engines import stage  # noqa: E402
from engines.base import PaintRequest, Progress  # noqa: E402

PALETTE = {"primary": "#6a3de8", "secondary": "#b9a5f5", "accent": "#c9a227", "surface": "#efeafc"}


def measure(spec: dict[str, Any], size: int, samples: int) -> dict[str, Any]:
    asked = PaintRequest(size, size, 1, samples, PALETTE, spec)
    wall, cpu = time.perf_counter(), time.process_time()
    next(iter(stage.create().paint([asked], Progress())))
    return {
        "size_px": size,
        "samples": samples,
        "wall_seconds": round(time.perf_counter() - wall, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", default="ring")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024])
    options = parser.parse_args()
    spec = stage.load_set(ROOT / "presets" / "sets" / f"{options.set}.toml")
    first = measure(spec, 32, 1)
    runs = [measure(spec, size, samples) for size in options.sizes for samples in (4, 12)]
    print(json.dumps({"set": options.set, "first_picture": first, "runs": runs}, indent=2))


if __name__ == "__main__":
    main()
