"""The cut-out as a relief: unseen by the camera, it casts the shadow and gives its colour to what is around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.base import Pixels, ProductInScene, Region

from . import tables as t
from .camera import Camera
from .colour import to_linear, to_oklab

Plane1 = NDArray[np.float64]

GRID_EDGE = 176
OPAQUE = 0.42
FLAT_DEG, STANDING_DEG = 5.0, 15.0  # below: a flat thing stood upright; above: the photo shows depth on the ground
OUTLINE_SLOPE = 0.95  # how fast the contact line may run back from its front, depth by width


@dataclass(frozen=True, eq=False)
class Relief:
    """`grid` is rows × columns × (front depth, back depth, linear RGB); empty texels have front > back."""

    grid: NDArray[np.float32]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    window: tuple[float, float, float, float]


def groundedness(pitch_deg: float) -> float:
    """0 for a straight-on photo, 1 where the contact line can be read from the picture."""
    x = min(max((pitch_deg - FLAT_DEG) / (STANDING_DEG - FLAT_DEG), 0.0), 1.0)
    return x * x * (3 - 2 * x)


def size_in_units(product: ProductInScene) -> tuple[float, float]:
    """Width and height of the whole cut-out; its height is 1 unless it is wide."""
    rows, columns = product.rgba.shape[:2]
    aspect = columns / rows
    height = min(1.0, 1.0 / (0.6 * aspect))
    return height * aspect, height


def colour_of(product: ProductInScene) -> NDArray[np.float64]:
    """The cut-out's median colour in OKLab, 3; white for an empty one."""
    alpha, colour = _shrunk(product.rgba)
    if not (alpha > OPAQUE).any():
        return np.array([1.0, 0.0, 0.0])
    return np.median(to_oklab(colour[alpha > OPAQUE]), axis=0)


def front_of(product: ProductInScene) -> float:
    """World z of the foremost contact, with the footprint centred on the podium."""
    width, _ = size_in_units(product)
    grounded = groundedness(product.pitch_deg)
    return 0.07 * (1 - grounded) + 0.3 * width * grounded


def _shrunk(rgba: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rows, columns = rgba.shape[:2]
    scale = min(1.0, GRID_EDGE / max(rows, columns))
    size = (max(8, round(columns * scale)), max(8, round(rows * scale)))
    alpha = rgba[..., 3].astype(np.float32) / 255
    colour = to_linear(rgba[..., :3].astype(np.float32) / 255).astype(np.float32) * alpha[..., None]
    alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    colour = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
    straight = colour / np.maximum(alpha[..., None], 1e-3)
    return np.asarray(alpha, np.float32), np.asarray(straight, np.float32)


def _contact(camera: Camera, inside: NDArray[np.bool_], u: Plane1, v: Plane1, grounded: float) -> Plane1:
    """World z of the contact for each column: where the ray under its lowest opaque texel meets the podium.

    The line may run back only so fast: handles and flares then hang in the air instead of reaching the floor.
    """
    rows = inside.shape[0]
    lowest = rows - 1 - np.argmax(inside[::-1], axis=0)
    step = v[1] - v[0] if rows > 1 else 0.0
    toward = camera.forward[:, None] + u * camera.right[:, None] + (v[lowest] + 0.5 * step) * camera.up[:, None]
    reach = np.where(toward[1] < -1e-4, -camera.eye[1] / np.minimum(toward[1], -1e-4), 1e3)
    depth = np.where(inside.any(axis=0), camera.eye[2] + reach * toward[2], -1e3)
    across = camera.eye[0] + reach.clip(0, camera.focus * 1.5) * toward[0]
    front = depth.max()
    apart = np.abs(across[:, None] - across[None, :])
    envelope = (depth[None, :] - OUTLINE_SLOPE * apart).max(axis=1)
    return grounded * envelope + (1 - grounded) * front


def build_relief(product: ProductInScene, camera: Camera) -> Relief:
    """The relief of `product` as `camera` sees it."""
    box, (width, height) = product.box, size_in_units(product)
    alpha, colour = _shrunk(product.rgba)
    inside = alpha > OPAQUE
    rows, columns = inside.shape
    left, right, bottom, top = camera.window
    window = (
        left + (right - left) * box.left,
        left + (right - left) * box.right,
        top + (bottom - top) * box.bottom,
        top + (bottom - top) * box.top,
    )
    u = window[0] + (window[1] - window[0]) * (np.arange(columns) + 0.5) / columns
    v = window[3] + (window[2] - window[3]) * (np.arange(rows) + 0.5) / rows
    grid = np.zeros((rows, columns, t.GRID_STRIDE), np.float32)
    grid[..., 0] = 1.0
    if not inside.any():
        return Relief(grid, np.zeros(3), np.full(3, 1e-3), window)
    grounded = groundedness(product.pitch_deg)
    contact = _contact(camera, inside, u, v, grounded)
    lean = grounded * 0.25
    down = camera.forward[1] + v * camera.up[1]
    into = camera.forward[2] + v * camera.up[2]
    front = (contact[None, :] - lean * camera.eye[1] - camera.eye[2]) / (into + lean * down)[:, None]
    texel = width / columns
    away = cv2.distanceTransform(np.pad(inside, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1] * texel
    front = front - np.minimum((0.15 + 0.5 * grounded) * away, 0.2 * width)  # bodies swell towards the viewer
    thickness = np.clip(2.4 * away, 0.04 * height, (0.3 + 0.4 * grounded) * width)
    grid[..., 0] = np.where(inside, front, 1.0)
    grid[..., 1] = np.where(inside, front + thickness, 0.0)
    grid[..., 2:] = colour
    ends = []
    for reach in (front, front + thickness):
        x = camera.eye[0] + reach * u[None, :]
        y = camera.eye[1] + reach * down[:, None]
        z = camera.eye[2] + reach * into[:, None]
        ends.append(np.stack([x[inside], y[inside], z[inside]], axis=1))
    points = np.concatenate(ends)
    low, high = points.min(axis=0) - 0.01, points.max(axis=0) + 0.01
    low[1] = max(low[1], 0.0005)
    return Relief(grid, low, high, window)


def product_mask(product: ProductInScene | None, width_px: int, height_px: int) -> Pixels:
    """H×W, 255 where the cut-out will cover the picture."""
    mask = np.zeros((height_px, width_px), np.uint8)
    if product is None:
        return mask
    box: Region = product.box
    wide = max(1, round(box.width * width_px))
    high = max(1, round(box.height * height_px))
    x0, y0 = round(box.left * width_px), round(box.top * height_px)
    alpha = cv2.resize(product.rgba[..., 3], (wide, high), interpolation=cv2.INTER_AREA)
    x1, y1 = max(x0, 0), max(y0, 0)
    x2, y2 = min(x0 + wide, width_px), min(y0 + high, height_px)
    if x2 > x1 and y2 > y1:
        mask[y1:y2, x1:x2] = np.where(alpha[y1 - y0 : y2 - y0, x1 - x0 : x2 - x0] > 127, 255, 0)
    return mask
