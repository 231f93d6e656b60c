"""From light to picture: denoise, expose for the backdrop's own colour, fold highlights, and derive the maps."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.base import EngineError, Pixels, Plane

from . import tables as t
from .colour import LUMA, Linear, develop_curve, on_ramp

BRIGHTEST_PROP = 0.8
LOCK = 0.65  # how far shadows of the backdrop's hue move onto the palette colour's own tints and shades


@dataclass(frozen=True, eq=False)
class Film:
    """What the kernels fill, all H×W: linear colour, mean albedo and normal, and the first sample's
    (view depth, normal in camera space, object id)."""

    colour: Linear
    albedo: Linear
    normal: Linear
    first: Linear

    @staticmethod
    def blank(width: int, height: int) -> Film:
        return Film(*(np.zeros((height, width, n), np.float32) for n in (3, 3, 3, 5)))


def denoise(film: Film, preview: bool = False) -> Linear:
    """Clean linear light, by Open Image Denoise. A preview takes half the time and keeps a little more grain."""
    try:
        import pyoidn
    except (ImportError, OSError) as wrong:
        raise EngineError(
            "The stage's denoiser (Open Image Denoise) is not installed.", "Run: pip install pyoidn"
        ) from wrong
    colour = np.nan_to_num(film.colour, nan=0.0, posinf=8.0, neginf=0.0)
    albedo, normal = np.clip(film.albedo, 0, 1), np.clip(film.normal, -1, 1)
    clean = pyoidn.denoise(colour, albedo, normal, hdr=True, quality="fast" if preview else "high")
    return np.maximum(np.asarray(clean, np.float32), 0.0)


def expose(
    light: Linear, film: Film, backdrop_ids: tuple[int, ...], roll: NDArray[np.floating], brightness: float
) -> tuple[Linear, float]:
    """Scale the light so that the backdrop's lit part shows its own colour, and lift most of what the light's warmth
    and the bounces did to that colour, as a photographer balances for the paper roll. `roll` is the palette colour
    (linear RGB) that the backdrop is a tint or a shade of. Returns the gain as well."""
    ids = np.round(film.first[..., 4]).astype(np.int32)
    part = np.isin(ids, backdrop_ids)
    if part.mean() < 0.02:
        part = ids >= 0
    if not part.any():
        return light, 1.0
    albedo = np.maximum(film.albedo[part], 2e-3)
    ratio = light[part] / albedo
    brightness_ratio = ratio @ LUMA
    lit = float(np.percentile(brightness_ratio, 66))
    gain = 0.97 * brightness / max(lit, 1e-4)
    others = light[(ids >= t.ID_FIRST_PRIM) & ~part].max(axis=-1)
    if others.size > 64:  # a white podium nearer to the light than the wall must not burn out
        most = max(BRIGHTEST_PROP, 0.97 * float(np.median(albedo, axis=0).max()))
        gain = max(min(gain, most / max(float(np.percentile(others, 88)), 1e-4)), 0.8 * gain)
    near = np.abs(brightness_ratio - lit) <= 0.25 * lit
    balance = np.ones(3, np.float32)
    if near.sum() > 16:
        mean = np.median(ratio[near], axis=0)
        balance = np.clip(float(mean @ LUMA) / np.maximum(mean, 1e-4), 0.86, 1.16).astype(np.float32)
    alike = _alike(film.albedo, np.median(film.albedo[part], axis=0))[..., None]
    balanced = (light * gain * (1 + alike * (balance - 1))).astype(np.float32)
    return on_ramp(balanced, alike[..., 0] * LOCK, roll).astype(np.float32), gain


def _alike(albedo: Linear, roll: Linear) -> Linear:
    """How much each pixel is painted in the backdrop's hue, 0–1: others keep the light's own colour."""
    hue = albedo / np.maximum(albedo.sum(axis=-1, keepdims=True), 1e-3)
    apart = np.linalg.norm(hue - roll / max(float(roll.sum()), 1e-3), axis=-1)
    return np.clip(1.25 - apart / 0.12, 0, 1).astype(np.float32)


def develop(light: Linear, size: tuple[int, int]) -> Linear:
    """The finished picture in linear light 0–1, brought to `size` (width, height)."""
    finished = develop_curve(light)
    if (finished.shape[1], finished.shape[0]) != size:
        way = cv2.INTER_AREA if size[0] < finished.shape[1] else cv2.INTER_CUBIC
        finished = np.clip(cv2.resize(finished, size, interpolation=way), 0, 1)
    return np.asarray(finished, np.float32)


def nearness(first: Linear) -> Plane:
    """Depth as H×W `float32`, 1 at the nearest point seen to 0 at the farthest."""
    depth = first[..., 0]
    near, far = float(depth.min()), float(np.percentile(depth, 99.5))
    return np.clip((far - depth) / max(far - near, 1e-6), 0, 1).astype(np.float32)


def edge_map(first: Linear) -> Pixels:
    """255 where the object, the direction of the surface or the depth jumps between neighbours."""
    ids, normal, depth = first[..., 4], first[..., 1:4], first[..., 0]
    backdrop = (ids == t.ID_FLOOR) | (ids == t.ID_WALL)
    ids = np.where(backdrop, np.float32(t.ID_FLOOR), ids)
    edges = np.zeros(ids.shape, bool)
    for axis in (0, 1):
        ahead = [np.roll(plane, -1, axis=axis) for plane in (ids, normal, depth)]
        jump = (ahead[0] != ids) | ((ahead[1] * normal).sum(axis=-1) < 0.82)
        jump |= np.abs(ahead[2] - depth) > 0.05 * np.minimum(ahead[2], depth)
        last = (-1, slice(None)) if axis == 0 else (slice(None), -1)
        jump[last] = False
        edges |= jump
    return np.where(edges, 255, 0).astype(np.uint8)


def unit_normals(first: Linear) -> NDArray[np.float32]:
    size = np.linalg.norm(first[..., 1:4], axis=-1, keepdims=True)
    return (first[..., 1:4] / np.maximum(size, 1e-6)).astype(np.float32)
