"""Training pictures: rendered scenes on disk, recoloured, cropped and described as they are asked for.

`python -m engines.nano.render FOLDER` fills a folder, shard by shard, and shows what is in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.stage.colour import to_linear, to_oklab

from . import recolour as paint
from .captions import caption
from .grammar import ATTRIBUTES, FRAMES, LAYOUTS, SHOTS
from .layers import EDGE, NEAR, OTHER, PART, SHARE, Layers
from .palettes import ROLES, make_palette

__all__ = ["ATTRIBUTES", "BUCKETS", "ROLES", "Data", "Picture"]

BUCKETS: tuple[tuple[int, int], ...] = ((512, 512), (448, 576), (384, 640), (576, 448), (704, 384), (768, 320))
"""Width and height, about 262 thousand pixels, in steps of 64."""
FOR_BUCKET: Mapping[tuple[int, int], tuple[str, ...]] = {
    (512, 512): ("square",), (448, 576): ("square", "tall"), (384, 640): ("tall",), (576, 448): ("square",),
    (704, 384): ("wide",), (768, 320): ("wide",),
}  # fmt: skip
HELD = 24  # one style in so many is never trained on
LEAST_PRESENT = 0.002


@dataclass(frozen=True)
class Picture:
    """One training picture after recolouring and cropping, all H×W. `palette` is 6×5: OKLab as seen (the median),
    share of the picture, 1 where the role is there (a light: where it is tinted). `roles` 1 + index into `ROLES`, 0 for
    none. `depth` 255 nearest. `edges` and `mask` 0 or 255. `sizes`: original height and width, crop top and left,
    height and width."""

    rgb: NDArray[np.uint8]
    caption: str
    palette: NDArray[np.float32]
    roles: NDArray[np.uint8]
    depth: NDArray[np.uint8]
    edges: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    attributes: Mapping[str, int]
    sizes: tuple[int, int, int, int, int, int]


def held(seed: int) -> bool:
    """Whether a scene is kept for measuring. Scenes 2n and 2n + 1 share a style and go together."""
    return (seed // 2) % HELD == 0


class Data:
    """Scenes in a folder of shards, read where they lie. `split`: "train", "held" or "all"."""

    def __init__(self, folder: str | Path, split: str = "train") -> None:
        self._scenes: list[tuple[Path, int, Mapping[str, Any]]] = []
        for path in sorted(Path(folder).glob("*.json")):
            for place, fact in enumerate(json.loads(path.read_text("utf-8"))):
                if split == "all" or held(fact["seed"]) == (split == "held"):
                    self._scenes.append((path, place, fact))
        self._by_frame = {
            frame: [i for i, (_, _, fact) in enumerate(self._scenes) if fact["frame"] == frame] for frame in FRAMES
        }

    def __len__(self) -> int:
        return len(self._scenes)

    def seed(self, index: int) -> int:
        """The seed of a scene: its name for good, whatever is rendered later."""
        return int(self._scenes[index][2]["seed"])

    def indices(self, bucket: tuple[int, int]) -> list[int]:
        """Scenes whose frame suits a bucket; all where there are none."""
        found = [i for frame in FOR_BUCKET.get(bucket, ()) for i in self._by_frame[frame]]
        return found or list(range(len(self)))

    def picture(
        self,
        rng: np.random.Generator,
        bucket: tuple[int, int],
        index: int | None = None,
        palette: NDArray[np.floating] | None = None,
    ) -> Picture:
        """A scene (one that suits the bucket, or `index`) in a palette (random, or 6×3 OKLab), cropped to the bucket's
        width and height. The same generator state, the same picture."""
        if index is None:
            suits = self.indices(bucket)
            index = suits[int(rng.integers(len(suits)))]
        return self._picture(index, make_palette(rng) if palette is None else np.asarray(palette, float), rng, bucket)

    def pair(self, rng: np.random.Generator, bucket: tuple[int, int]) -> tuple[Picture, Picture]:
        """Two pictures in one style (light, set, stand, palette), of different products from different places."""
        suits = self.indices(bucket)
        first = suits[int(rng.integers(len(suits)))]
        wanted = self.seed(first) ^ 1
        near = [i for i in (first - 1, first + 1) if 0 <= i < len(self) and self.seed(i) == wanted]
        palette = make_palette(rng)
        return self._picture(first, palette, rng, bucket), self._picture((near or [first])[0], palette, rng, bucket)

    def _load(self, index: int) -> Layers:
        path, place, fact = self._scenes[index]
        files = [path.with_name(f"{path.stem}-{name}.npy") for name in ("light", "parts", "maps")]
        light, owners, maps = (np.load(file, mmap_mode="r") for file in files)  # opened anew: shards outnumber handles
        return Layers(np.asarray(light[place]), np.asarray(owners[place]), np.asarray(maps[place]), fact)

    def _picture(
        self, index: int, palette: NDArray[np.floating], rng: np.random.Generator, bucket: tuple[int, int]
    ) -> Picture:
        scene = self._load(index)
        parts = scene.facts["parts"]
        crop = _crop(scene, bucket, rng)
        prints = paint.make_prints(parts, palette, rng)
        seed = int(rng.integers(1 << 31))
        rgb = paint.recolour(scene, palette, prints, crop, seed)
        way = cv2.INTER_AREA if crop[3] > bucket[0] else cv2.INTER_CUBIC
        planes = [cv2.resize(rgb, bucket, interpolation=way), *_maps(scene, crop, bucket)]
        if rng.random() < 0.5:
            planes = [np.ascontiguousarray(plane[:, ::-1]) for plane in planes]
        rgb, part, depth, edges = (np.asarray(plane, np.uint8) for plane in planes)
        roles = np.array([0, *(p["role"] + 1 for p in parts)], np.uint8)[part]
        mask = np.array([0, *(255 * p["product"] for p in parts)], np.uint8)[part]
        chosen = _palette(palette, roles, rgb)
        attributes = _attributes(scene.facts, part, mask)
        words = caption(attributes, chosen, rng)
        sizes = (bucket[1], bucket[0], 0, 0, bucket[1], bucket[0])
        return Picture(rgb, words, chosen, roles, depth, edges, mask, attributes, sizes)


def _maps(scene: Layers, crop: tuple[int, int, int, int], size: tuple[int, int]) -> list[NDArray[Any]]:
    """Part, nearness and edges of a crop, at `size` (width, height)."""
    top, left, height, width = crop
    maps = scene.maps[top : top + height, left : left + width]
    part = cv2.resize(
        np.where(maps[..., SHARE] >= 128, maps[..., PART], maps[..., OTHER]), size, interpolation=cv2.INTER_NEAREST
    )
    depth = cv2.resize(np.ascontiguousarray(maps[..., NEAR]), size, interpolation=cv2.INTER_LINEAR)
    edges = cv2.resize(np.ascontiguousarray(maps[..., EDGE]), size, interpolation=cv2.INTER_AREA)
    return [part, depth, np.where(edges > 80, 255, 0).astype(np.uint8)]


def _crop(scene: Layers, bucket: tuple[int, int], rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Top, left, height, width of a crop in the bucket's shape that holds the whole product, if one can."""
    rows, columns = scene.maps.shape[:2]
    most = min(columns / bucket[0], rows / bucket[1])
    product = np.array([False, *(p["product"] for p in scene.facts["parts"])])
    inside = product[scene.maps[..., PART]]
    down, across = np.nonzero(inside.any(axis=1))[0], np.nonzero(inside.any(axis=0))[0]
    scale = most * float(rng.uniform(0.86, 1.0))
    if down.size:
        need = max((down[-1] - down[0] + 16) / bucket[1], (across[-1] - across[0] + 16) / bucket[0])
        scale = min(max(scale, need), most)
    height, width = min(round(bucket[1] * scale), rows), min(round(bucket[0] * scale), columns)
    low_y, high_y, low_x, high_x = 0, rows - height, 0, columns - width
    if down.size:
        low_y, high_y = max(low_y, min(int(down[-1]) + 8 - height, high_y)), min(high_y, max(int(down[0]) - 8, 0))
        low_x, high_x = max(low_x, min(int(across[-1]) + 8 - width, high_x)), min(high_x, max(int(across[0]) - 8, 0))
    top = int(rng.integers(min(low_y, high_y), max(low_y, high_y) + 1))
    left = int(rng.integers(min(low_x, high_x), max(low_x, high_x) + 1))
    return top, left, height, width


def _palette(palette: NDArray[np.floating], roles: NDArray[np.uint8], rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The palette as it is seen: each role's median colour, share and presence in this picture."""
    rows = np.zeros((6, 5), np.float32)
    rows[:, :3] = palette[:, :3]
    rows[:5, 3] = np.bincount(roles.ravel(), minlength=6)[1:6] / roles.size
    rows[:5, 4] = rows[:5, 3] >= LEAST_PRESENT
    rows[5, 4] = float(np.hypot(palette[5, 1], palette[5, 2]) > 0.01)
    few, colours = roles[::2, ::2], rgb[::2, ::2]
    for role in range(5):
        seen = colours[few == role + 1]
        if rows[role, 4] and len(seen):
            rows[role, :3] = to_oklab(to_linear(np.median(seen, axis=0) / 255))
    return rows


def _attributes(facts: Mapping[str, Any], part: NDArray[np.uint8], mask: NDArray[np.uint8]) -> dict[str, int]:
    """What this crop shows; words in `ATTRIBUTES` as their places."""
    said = dict(facts["attributes"])
    rows, columns = np.nonzero(mask)
    if rows.size:
        middle = float(columns.min() + columns.max()) / 2 / mask.shape[1]
        said["layout"] = LAYOUTS[0 if middle < 0.41 else 2 if middle > 0.59 else 1]
        share = float(np.ptp(rows)) / mask.shape[0] * min(1.0, (mask.shape[0] / mask.shape[1]) ** 0.5)
        said["shot"] = SHOTS[0 if share > 0.58 else 2 if share < 0.4 else 1]
    shown = np.bincount(part.ravel(), minlength=len(facts["parts"]) + 1)[1:] / part.size
    kinds = {"prop": 0.0, "set": 0.0}
    for fact, area in zip(facts["parts"], shown, strict=False):
        if fact.get("kind") in kinds:
            kinds[fact["kind"]] += float(area)
    if kinds["prop"] < 0.002:
        said["props"] = "none"
    if kinds["set"] < 0.01:
        said["set"] = "plain"
    return {name: ATTRIBUTES[name].index(word) for name, word in said.items()}


def sheet(data: Data, columns: int, rows: int, seed: int, edge: int = 256, maps: bool = False) -> NDArray[np.uint8]:
    """Random pictures side by side, each fitted into a square of `edge` pixels; with `maps`, each with its maps."""
    rng = np.random.default_rng(seed)
    tiles = []
    for _ in range(columns * rows):
        shown = data.picture(rng, BUCKETS[int(rng.integers(len(BUCKETS)))])
        planes = [shown.rgb]
        if maps:
            grey = [shown.depth, shown.edges, shown.mask, shown.roles * 40]
            planes += [np.repeat(plane[..., None], 3, axis=2) for plane in grey]
        tiles.append(np.concatenate([_fitted(plane, edge) for plane in planes], axis=1))
    lines = [np.concatenate(tiles[i * columns : (i + 1) * columns], axis=1) for i in range(rows)]
    return np.concatenate(lines)


def _fitted(picture: NDArray[np.uint8], edge: int) -> NDArray[np.uint8]:
    scale = edge / max(picture.shape[:2])
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    tile = np.full((edge, edge, 3), 255, np.uint8)
    y, x = (edge - size[1]) // 2, (edge - size[0]) // 2
    tile[y : y + size[1], x : x + size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return tile
