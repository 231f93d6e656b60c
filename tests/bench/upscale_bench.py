"""The upscaler beside Lanczos: PSNR at 2×, seconds, memory. `python -m tests.bench.upscale_bench [--json] [--quick]`.

PSNR is over all pixels and RGB channels of the 8-bit pictures. Renders and type are of the held-out split; the photos
were in no training.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engines import upscale
from engines.base import Pixels, Progress
from engines.nano.upscaler_data import make
from tests.samples import ROOT, SAMPLES

KERNELS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
}


def halved(picture: Pixels, kernel: str) -> Pixels:
    """The picture at half its size; sides must be even."""
    return np.asarray(Image.fromarray(picture).resize((picture.shape[1] // 2, picture.shape[0] // 2), KERNELS[kernel]))


def by_lanczos(picture: Pixels) -> Pixels:
    size = (2 * picture.shape[1], 2 * picture.shape[0])
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def psnr(made: Pixels, truth: Pixels) -> float:
    """Peak signal-to-noise ratio in dB, peak 255."""
    error = np.mean((made.astype(np.float64) - truth) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def pictures(count: int) -> Iterator[tuple[str, str, Pixels]]:
    """Kind, name, pixels with even sides."""
    for kind in ("render", "type", "leaves"):
        for seed in range(count):
            yield kind, str(seed), make(kind, seed, "test")
    for path in photos():
        picture = np.asarray(Image.open(path).convert("RGB"))
        name = path.parent.name if path.stem == "photo" else path.stem
        yield "photo", name, picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]


def photos() -> list[Path]:
    return sorted([*SAMPLES.glob("cutouts/*/photo.jpg"), *SAMPLES.glob("cutouts-nomask/*.jpg")])


def fidelity(count: int) -> list[dict[str, Any]]:
    enlarger, rows = upscale.light(), []
    for kind, name, picture in pictures(count):
        row: dict[str, Any] = {"kind": kind, "name": name}
        for kernel in KERNELS:
            small = halved(picture, kernel)
            made = enlarger.enlarge(small, picture.shape[1], picture.shape[0], Progress()).pixels
            row[kernel] = (round(psnr(by_lanczos(small), picture), 2), round(psnr(made, picture), 2))
        rows.append(row)
    return rows


def speed(side_px: int = 1024) -> dict[str, Any]:
    """Seconds for one doubling: wall and of all cores together, beside Lanczos through the same tiling."""
    picture = np.random.default_rng(1).integers(0, 256, (side_px, side_px, 3), np.uint8)
    found: dict[str, Any] = {"from_px": side_px, "to_px": 2 * side_px}
    for enlarger in (upscale.light(), upscale.lanczos()):
        enlarger.enlarge(picture[:64, :64], 128, 128, Progress())
        wall, cpu = time.perf_counter(), time.process_time()
        enlarger.enlarge(picture, 2 * side_px, 2 * side_px, Progress())
        found[enlarger.id] = {
            "wall_seconds": round(time.perf_counter() - wall, 2),
            "cpu_seconds": round(time.process_time() - cpu, 2),
        }
    found["times_lanczos"] = round(found["light"]["wall_seconds"] / found["lanczos"]["wall_seconds"], 1)
    return found


def memory(engine: str, side_px: int) -> dict[str, Any]:
    """The most resident memory of a fresh process that makes 12,000 × 12,000 px from a square, and its seconds."""
    code = f"""
import resource, time
import numpy as np
from engines.base import Progress
from engines.upscale import {engine}
picture = np.random.default_rng(1).integers(0, 256, ({side_px}, {side_px}, 3), np.uint8)
started = time.perf_counter()
assert {engine}().enlarge(picture, 12_000, 12_000, Progress()).pixels.shape == (12_000, 12_000, 3)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, round(time.perf_counter() - started))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    most, seconds = done.stdout.split()
    return {"engine": engine, "from_px": side_px, "peak_mb": int(most), "seconds": int(seconds)}


def show(rows: list[dict[str, Any]]) -> None:
    """A table: PSNR of Lanczos → ours (gain), by how the picture was halved."""
    print(f"{'':24}" + "".join(f"{kernel:>26}" for kernel in KERNELS))
    for kind in dict.fromkeys(row["kind"] for row in rows):
        group = [row for row in rows if row["kind"] == kind]
        if kind == "photo":
            for row in group:
                print(f"{row['name']:24}" + "".join(_cell(*row[kernel]) for kernel in KERNELS))
        means = [np.mean([row[kernel] for row in group], axis=0) for kernel in KERNELS]
        print(f"{f'{kind}, mean of {len(group)}':24}" + "".join(_cell(*mean) for mean in means))
        least = [min(row[kernel][1] - row[kernel][0] for row in group) for kernel in KERNELS]
        print(f"{f'{kind}, least gain':24}" + "".join(f"{value:>+26.2f}" for value in least))


def _cell(before: float, after: float) -> str:
    return f"{before:>10.2f} → {after:.2f} ({after - before:+.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=12, help="held-out pictures of each kind")
    parser.add_argument("--quick", action="store_true", help="without the 12,000 px pictures")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows, seconds = fidelity(options.count), speed()
    memories = [] if options.quick else [memory("light", 3000), memory("light", 6000)]
    if options.json:
        print(json.dumps({"psnr_db": rows, "speed": seconds, "memory": memories}, indent=2))
        return
    show(rows)
    for line in (seconds, *memories):
        print(json.dumps(line))


if __name__ == "__main__":
    main()
