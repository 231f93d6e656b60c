"""Checkpoints small enough to travel: running means only, half precision, in files of a few megabytes.

    python -m engines.nano.parcel pack   --out OUT --parcel FOLDER --stages autoencoder teacher
    python -m engines.nano.parcel unpack --out OUT --parcel FOLDER

What is unpacked goes on learning from there; the optimiser begins anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .autoencoder import NAME as AUTOENCODER

MOST_BYTES = 15_000_000
COUNTS = ("step", "seconds")
SPREAD = f"{AUTOENCODER}-spread"

Named = tuple[str, NDArray[Any]]


def pack(out: Path, folder: Path, stages: Sequence[str]) -> list[Path]:
    """Write the stages' means into files of at most 15 MB. Returns the files. Raises `SystemExit` where a stage has no
    checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    load: dict[str, NDArray[Any]] = {}
    for name, array in _arrays(out, stages):
        if load and sum(part.nbytes for part in load.values()) + array.nbytes > MOST_BYTES:
            written.append(_write(folder, len(written), load))
            load = {}
        load[name] = array
    return [*written, _write(folder, len(written), load)] if load else written


def _arrays(out: Path, stages: Sequence[str]) -> Iterator[Named]:
    for stage in stages:
        path = out / f"{stage}.npz"
        if not path.exists():
            raise SystemExit(f"{path} is not there")
        with np.load(path, allow_pickle=False) as arrays:
            for name in arrays.files:
                if name in COUNTS or name == "spread":
                    yield f"{stage}|{name}", arrays[name]
                elif name.startswith("mean/"):
                    array = arrays[name]
                    yield f"{stage}|{name}", array.astype(np.float16) if array.dtype == np.float32 else array
        if stage == AUTOENCODER and (out / f"{SPREAD}.npz").exists():
            yield from _arrays(out, [SPREAD])


def _write(folder: Path, number: int, load: dict[str, NDArray[Any]]) -> Path:
    path = folder / f"parcel-{number:02d}.npz"
    np.savez(path, allow_pickle=False, **load)
    return path


def unpack(folder: Path, out: Path) -> list[str]:
    """Write checkpoints from the files of `pack`, over those of the same stages. Returns the stages."""
    out.mkdir(parents=True, exist_ok=True)
    found: dict[str, dict[str, NDArray[Any]]] = {}
    for path in sorted(folder.glob("parcel-*.npz")):
        with np.load(path, allow_pickle=False) as arrays:
            for full in arrays.files:
                stage, _, name = full.partition("|")
                array = arrays[full]
                wide = array.astype(np.float32) if array.dtype == np.float16 else array
                kept = found.setdefault(stage, {})
                kept[name] = wide
                if name.startswith("mean/"):
                    kept[f"net/{name.removeprefix('mean/')}"] = wide
    for stage, checkpoint in found.items():
        np.savez(out / f"{stage}.npz", allow_pickle=False, **checkpoint)
    return sorted(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("way", choices=("pack", "unpack"))
    parser.add_argument("--out", type=Path, required=True, help="where the checkpoints lie")
    parser.add_argument("--parcel", type=Path, required=True)
    parser.add_argument("--stages", nargs="*", default=())
    options = parser.parse_args()
    if options.way == "unpack":
        print(f"unpacked {', '.join(unpack(options.parcel, options.out))}")
        return
    for path in pack(options.out, options.parcel, options.stages):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
