"""Pictures as the denoiser learns them: encoded once, kept on disk in shards, in memory while it learns.

A shard holds pictures of one bucket. The bulky parts (views for the image encoder, maps for the control net) are read
only by the stages that ask for them. A third of the shards are pairs: pictures with the view of another of their style.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from numpy.typing import NDArray
from torch import Tensor

from .autoencoder import encoded
from .data import ATTRIBUTES, BUCKETS
from .learn import Source, tensor
from .maps import view
from .nets import FACTOR

SHARD = 32
PAIRED = 3
LIGHT = ("latents", "small", "captions", "palettes", "sizes", "roles", "depth", "attributes")


@dataclass(frozen=True)
class Batch:
    """N pictures of one size. `latents` N×16×h×w; `palettes` N×6×5; `sizes` N×6; `roles` and `depth` N×h×w; `views` and
    `partners` N×3×144×144 in −1…1; `maps` N×3×H×W in 0…1 (edges, depth, mask). What was not asked for is None."""

    latents: Tensor
    captions: list[str]
    palettes: Tensor
    sizes: Tensor
    roles: Tensor
    depth: Tensor
    attributes: Tensor
    small: bool
    views: Tensor | None = None
    partners: Tensor | None = None
    maps: Tensor | None = None


def fill(folder: Path, source: Source, net: AutoencoderTiny, most: int, seconds: float, workers: int = 1) -> int:
    """Add shards until there are `most` pictures or `seconds` have gone, drawn by so many processes. Returns how many
    there are."""
    folder.mkdir(parents=True, exist_ok=True)
    there, end = len(list(folder.glob("shard-*.npz"))), perf_counter() + seconds
    for drawn in _drawn(source, range(there, -(-most // SHARD)), workers):
        arrays = encode(net, drawn)
        part = folder / "new.part.npz"
        np.savez(part, allow_pickle=False, **arrays)
        part.replace(folder / f"shard-{there:05d}.npz")
        there += 1
        if there % 8 == 0:
            print(f"pool: {there * SHARD} pictures", flush=True)
        if perf_counter() > end:
            break
    return there * SHARD


def _drawn(source: Source, numbers: Sequence[int], workers: int) -> Iterator[dict[str, NDArray[Any]]]:
    if workers < 2:
        yield from (draw(source, number) for number in numbers)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as many:
        yield from many.map(partial(draw, source), numbers)


def draw(source: Source, number: int) -> dict[str, NDArray[Any]]:
    """The arrays of shard `number`, which decides its bucket, its scenes and everything else, with the pictures as they
    are in place of latents."""
    rng = np.random.default_rng((0, number))
    bucket = BUCKETS[number % len(BUCKETS)]
    paired = (number + number // len(BUCKETS)) % PAIRED == 1
    pairs = [source.pair(rng, bucket) for _ in range(SHARD)] if paired else []
    pictures = [made for _, made in pairs] if paired else [source.picture(rng, bucket) for _ in range(SHARD)]
    height, width = pictures[0].rgb.shape[:2]
    cells, quarter = (width // FACTOR, height // FACTOR), (width // 4, height // 4)
    arrays = {
        "pictures": np.stack([picture.rgb for picture in pictures]),
        "captions": np.array([picture.caption for picture in pictures]),
        "palettes": np.stack([picture.palette for picture in pictures]),
        "sizes": np.array([picture.sizes for picture in pictures], np.int32),
        "roles": np.stack([cv2.resize(p.roles, cells, interpolation=cv2.INTER_NEAREST) for p in pictures]),
        "depth": np.stack([cv2.resize(p.depth, cells, interpolation=cv2.INTER_AREA) for p in pictures]),
        "attributes": np.array([[p.attributes[name] for name in ATTRIBUTES] for p in pictures], np.int16),
        "views": np.stack([view(picture.rgb) for picture in pictures]),
        "edges": np.packbits(np.stack([picture.edges > 127 for picture in pictures]), axis=-1),
        "masks": np.packbits(np.stack([picture.mask > 127 for picture in pictures]), axis=-1),
        "nearness": np.stack([cv2.resize(p.depth, quarter, interpolation=cv2.INTER_AREA) for p in pictures]),
    }  # fmt: skip
    return arrays | ({"partners": np.stack([view(look.rgb) for look, _ in pairs])} if paired else {})


def encode(net: AutoencoderTiny, drawn: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """A drawn shard with latents, of the pictures and of them at half their size, for its pictures."""
    planes = tensor(list(drawn["pictures"]), str(next(net.parameters()).device))
    latents = torch.cat([encoded(net, part) for part in planes.split(4)])
    small = encoded(net, torch.nn.functional.avg_pool2d(planes, 2))
    kept = {name: array for name, array in drawn.items() if name != "pictures"}
    return {"latents": latents.cpu().half().numpy(), "small": small.cpu().half().numpy(), **kept}


class Pool:
    """The shards of a folder, in memory. `wanted` names the bulky parts to have besides."""

    def __init__(self, folder: Path, wanted: Sequence[str] = (), most: int = 0, paired: bool = False) -> None:
        paths = sorted(folder.glob("shard-*.npz"))[: most or None]
        read = (_read(path, (*LIGHT, *wanted), paired) for path in paths)
        self._shards = [arrays for arrays in read if arrays]
        if not self._shards:
            raise SystemExit(f"{folder} holds no pictures to learn from; fill the pool first")

    def __len__(self) -> int:
        return SHARD * len(self._shards)

    def batch(self, rng: np.random.Generator, count: int, device: str, small: bool = False) -> Batch:
        """`count` pictures of one bucket, from several shards; `small` for those at half size."""
        first = self._shards[int(rng.integers(len(self._shards)))]
        alike = [arrays for arrays in self._shards if arrays["latents"].shape == first["latents"].shape]
        chosen = [(alike[int(rng.integers(len(alike)))], int(rng.integers(SHARD))) for _ in range(count)]

        def rows(name: str) -> NDArray[Any]:
            return np.stack([arrays[name][place] for arrays, place in chosen])

        def put(name: str, kind: torch.dtype) -> Tensor:
            return torch.from_numpy(rows(name)).to(device=device, dtype=kind)

        return Batch(
            put("small" if small else "latents", torch.float32),
            [str(arrays["captions"][place]) for arrays, place in chosen],
            put("palettes", torch.float32),
            put("sizes", torch.float32) / (2 if small else 1),
            put("roles", torch.long),
            put("depth", torch.float32) / 255,
            put("attributes", torch.long),
            small,
            tensor(list(rows("views")), device) if "views" in first else None,
            tensor(list(rows("partners")), device) if "partners" in first else None,
            _maps(rows, device) if "edges" in first else None,
        )

    def all(self) -> Iterator[dict[str, NDArray[Any]]]:
        """The shards' arrays."""
        return iter(self._shards)


def _read(path: Path, names: Sequence[str], paired: bool) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as arrays:
        if paired and "partners" not in arrays.files:
            return {}
        return {name: arrays[name] for name in names if name in arrays.files}


def _maps(rows: Callable[[str], NDArray[Any]], device: str) -> Tensor:
    edges, masks = (np.unpackbits(rows(name), axis=-1) * 255 for name in ("edges", "masks"))
    height, width = edges.shape[1:]
    depth = np.stack([cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in rows("nearness")])
    planes = torch.from_numpy(np.stack([edges, depth.astype(np.uint8), masks], 1)).to(device)
    return planes.float() / 255
