"""Scenes as layers: one rendering, any number of palettes.

A scene is lit once, without colours. What is kept: light at half size in the planes of `tracer`, and at full size which
part covers each pixel, how near it is and where labels are printed. `recolour` puts a palette in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.stage import painter
from engines.stage import tables as t
from engines.stage.develop import edge_map, nearness
from engines.stage.scene import Scene, build_scene
from engines.stage.solids import Solid

from . import seen, tracer
from .grammar import FRAMES, Shot

SAMPLES = 4
ROLE_OF: Mapping[str, int] = {"background": 0, "surface": 1, "primary": 2, "secondary": 3, "accent": 4}
ANY_PALETTE: Mapping[str, str] = {
    "background": "#cfc8bd", "surface": "#e8e2d8", "primary": "#6f7f92", "secondary": "#b9a58e", "accent": "#c79a4a",
    "text": "#222222",
}  # fmt: skip
PART, OTHER, SHARE, NEAR, PRINT_U, PRINT_V, EDGE = range(7)
MAPS = 7


@dataclass(frozen=True, eq=False)
class Layers:
    """`light` h×w×9 `float16` at half size; `parts` h×w `uint8` that belong to it; `maps` H×W×7 `uint8`: the part,
    the second part of a border pixel, the first one's share, nearness, print column and row, edges.
    `facts` is plain data: `parts` (role, tint, shade, material, name, product) from part 1 on, and `attributes`."""

    light: NDArray[np.float16]
    parts: NDArray[np.uint8]
    maps: NDArray[np.uint8]
    facts: Mapping[str, Any]


@cache
def compiled() -> SimpleNamespace:
    """The kernels, made once in a process. Their cache on disk is keyed by the sources they are made of."""
    stage, here = Path(painter.__file__).parent, Path(__file__).parent
    files = [*(stage / name for name in painter.COMPILED_FROM), here / "tracer.py", here / "seen.py"]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    return SimpleNamespace(
        first_hits=seen.build_first_hits(digest),
        coverage=seen.build_coverage(digest),
        trace_light=tracer.build(digest),
        smooth=seen.smooth,
    )


def build(shot: Shot, palette: Mapping[str, str] = ANY_PALETTE) -> Scene:
    """The scene as the stage's own tables, in some palette."""
    return build_scene(shot.stage, palette, shot.arranged, None, (), shot.seed & 0x7FFFFFFF)


def _parts(shot: Shot) -> tuple[NDArray[np.uint8], NDArray[np.float32], list[dict[str, Any]]]:
    """Object + 1 → part (0 nothing), object → role, and the parts' facts. Floor and wall of one paint are one part."""
    back = shot.stage.backdrop
    paints: list[Any] = [back.floor or back, back, *(solid.paint for solid in shot.arranged.solids)]
    facts: list[dict[str, Any]] = []
    numbers = np.zeros(len(paints) + 1, np.uint8)
    for index, paint in enumerate(paints):
        name = getattr(paint, "name", "") or ("floor" if index == 0 else "wall")
        if index == 1 and back.floor is None:
            numbers[2] = numbers[1]
            continue
        facts.append({
            "role": ROLE_OF[paint.colour], "tint": paint.tint, "shade": paint.shade, "material": paint.material,
            "name": name, "product": getattr(paint, "place", "") == "hero", "wall": index < 2,
            "kind": _kind(paint, name),
        })  # fmt: skip
        numbers[index + 1] = len(facts)
    roles = np.array([ROLE_OF[paint.colour] for paint in paints], np.float32)
    for index, solid in enumerate(shot.arranged.solids):
        fact = facts[numbers[index + 3] - 1]
        if fact["name"] == "label":  # what is printed there: its width by its height
            fact["print"] = float(solid.half[0] / solid.half[1] * (1.0 if solid.kind == t.BOX else 0.5 * np.pi))
    return numbers, roles, facts


def _kind(paint: Any, name: str) -> str:
    """wall, product, stand, set (the great forms behind) or prop."""
    place = getattr(paint, "place", "wall")
    return {"wall": "wall", "hero": "product", "behind": "set"}.get(place, "stand" if name == "stand" else "prop")


def render(shot: Shot, samples: int = SAMPLES) -> Layers:
    """Light a scene. About a second on one core."""
    width, height = FRAMES[shot.frame]
    scene, kernels = build(shot), compiled()
    numbers, roles, parts = _parts(shot)
    world = scene.world.ctypes.data
    prims, mats, lights = scene.prims.ctypes.data, scene.materials.ctypes.data, scene.lights.ctypes.data
    grid, texture = scene.grid.ctypes.data, scene.texture.ctypes.data
    first = np.zeros((height, width, seen.FIRST), np.float32)
    kernels.first_hits(world, prims, grid, first.ctypes.data, width, height)
    what = np.round(first[..., 4]).astype(np.int64)
    maps = np.zeros((height, width, MAPS), np.uint8)
    a, b, c = (np.zeros((height, width), np.uint8) for _ in range(3))
    kernels.coverage(world, prims, grid, numbers, numbers[what + 1], a, b, c, width, height)
    maps[..., PART], maps[..., OTHER], maps[..., SHARE] = a, b, c
    maps[..., NEAR] = np.round(nearness(first[..., :5]) * 255)
    maps[..., EDGE] = edge_map(first[..., :5])
    _print_places(shot, first, what, maps)
    small_w, small_h = width // 2, height // 2
    near = np.zeros((small_h, small_w, seen.FIRST), np.float32)
    light = np.zeros((small_h, small_w, tracer.PLANES), np.float32)
    kernels.first_hits(world, prims, grid, near.ctypes.data, small_w, small_h)
    kernels.trace_light(
        world, prims, mats, lights, grid, texture, roles.ctypes.data, near.ctypes.data, light.ctypes.data,
        small_w, 0, small_h, small_h, samples, shot.seed & 0x7FFFFFFF,
    )  # fmt: skip
    owned = numbers[np.round(near[..., 4]).astype(np.int64) + 1]
    clean = _denoised(light, near, owned, shot, parts)
    facts = {"seed": shot.seed, "frame": shot.frame, "parts": parts, "attributes": dict(shot.attributes)}
    return Layers(clean.astype(np.float16), owned, maps, facts)


def _denoised(
    light: NDArray[np.float32],
    first: NDArray[np.float32],
    owners: NDArray[np.uint8],
    shot: Shot,
    parts: list[dict[str, Any]],
) -> NDArray[np.float32]:
    """The key light through Open Image Denoise; the rest by a filter that knows the surfaces. What glass shows goes
    through the denoiser whole."""
    import pyoidn

    light = np.nan_to_num(light, nan=0.0, posinf=8.0, neginf=0.0)
    normal = np.ascontiguousarray(first[..., 1:4])
    albedo = np.repeat(0.35 + 0.6 * ((owners[..., None] * 0.618034) % 1.0), 3, axis=2).astype(np.float32)
    materials = ["", *(part["material"] for part in parts)]
    keen = np.array([{"metal": 0.9, "brushed": 0.5, "glass": 1.0}.get(name, 0.0) for name in materials], np.float32)
    sharp = np.array([{"gloss": 0.35, "glass": 1.0}.get(name, 0.0) for name in materials], np.float32)
    clean = light.copy()
    groups = [[0, 0, 0]] + ([[1, 2, 3], [4, 5, 6], [7, 7, 8]] if (keen[owners] == 1).any() else [])
    for planes in groups:
        colour = np.ascontiguousarray(light[..., planes])
        done = pyoidn.denoise(colour, albedo, normal, hdr=True, clean_aux=True, quality="fast")
        where = slice(None) if planes[0] == 0 else keen[owners] == 1
        for place, plane in enumerate(planes):
            clean[..., plane][where] = done[..., place][where]
    height, width = owners.shape
    left, right, bottom, top = shot.arranged.camera.window
    u = left + (right - left) * (np.arange(width) + 0.5) / width
    v = top + (bottom - top) * (np.arange(height) + 0.5) / height
    depth = first[..., 0]
    places = np.stack([depth * u, depth * v[:, None], -depth], axis=-1).astype(np.float32)
    spare = clean.copy()
    for planes, keenness, steps, least in ((range(1, 7), keen, (1, 2, 4), 0.8), ((7, 8), sharp, (1, 2), 0.975)):
        for step in steps:
            given = (clean, owners, normal, places, keenness, np.array(planes), spare, step, np.float32(least))
            compiled().smooth(*given)
            clean[..., list(planes)] = spare[..., list(planes)]
    return np.maximum(clean, 0.0)


def _print_places(shot: Shot, first: NDArray[np.float32], what: NDArray[np.int64], maps: NDArray[np.uint8]) -> None:
    """Where on a label each of its pixels lies, 1–255 across and down; 0 where nothing is printed."""
    height, width = what.shape
    camera = shot.arranged.camera
    left, right, bottom, top = camera.window
    for index, solid in enumerate(shot.arranged.solids):
        if getattr(solid.paint, "name", "") != "label":
            continue
        rows, columns = np.nonzero(what == index + t.ID_FIRST_PRIM)
        if not rows.size:
            continue
        u = left + (right - left) * (columns + 0.5) / width
        v = top + (bottom - top) * (rows + 0.5) / height
        ray = camera.forward + u[:, None] * camera.right + v[:, None] * camera.up
        point = camera.eye + first[rows, columns, 0:1] * ray
        across, down, printed = _on_label(solid, point, camera.eye)
        maps[rows, columns, PRINT_U] = np.where(printed, np.clip(1 + across * 254, 1, 255), 0)
        maps[rows, columns, PRINT_V] = np.where(printed, np.clip(1 + down * 254, 1, 255), 0)


def _on_label(
    solid: Solid, point: NDArray[np.float64], eye: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Places 0–1 across and down a label, and whether it is printed there: all round, or on a box's two wide faces."""
    local = (point - solid.centre) @ solid.rotation.T
    down = 0.5 - 0.5 * local[:, 1] / solid.half[1]
    if solid.kind == t.BOX:
        return 0.5 + 0.5 * local[:, 0] / solid.half[0], down, np.abs(local[:, 2]) > solid.half[2] - 0.002
    facing = (eye - solid.centre) @ solid.rotation.T
    angle = np.arctan2(local[:, 0], local[:, 2]) - np.arctan2(facing[0], facing[2])
    angle = (angle + np.pi) % (2 * np.pi) - np.pi
    return 0.5 + angle / np.pi, down, np.ones(len(down), bool)
