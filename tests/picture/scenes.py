"""Scenes to lock colours in: 200 of them, drawn from numbers or real where samples are at hand, with what must stay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from studio.model import Swatch
from tests.samples import SAMPLES

Pixels = NDArray[np.uint8]
Field = NDArray[np.float64]
COUNT = 200
KINDS = ("gradient", "noise", "blobs", "sky", "skin", "studio", "real")
KITS: dict[str, tuple[Swatch, ...]] = {
    "warm": (
        Swatch(role="primary", hex="#c65d3b"),
        Swatch(role="secondary", hex="#e9b44c"),
        Swatch(role="accent", hex="#1f4e5f"),
        Swatch(role="background", hex="#f4efe6"),
        Swatch(role="text", hex="#2a211c"),
    ),
    "cool": (Swatch(role="primary", hex="#2255cc"), Swatch(role="background", hex="#eef2ff")),
    "green": (
        Swatch(role="primary", hex="#2e7d4f"),
        Swatch(role="accent", hex="#f2c14e"),
        Swatch(role="background", hex="#fbfaf5", tints=False),
    ),
    "loud": (
        Swatch(role="primary", hex="#e6007e"),
        Swatch(role="secondary", hex="#00a3a1"),
        Swatch(role="accent", hex="#ffd500"),
        Swatch(role="background", hex="#ffffff"),
        Swatch(role="text", hex="#111111"),
    ),
}


class Scene(NamedTuple):
    """A picture, the kit it is locked to, where the product is (H×W bool), and where skin is, if anywhere."""

    name: str
    pixels: Pixels
    swatches: tuple[Swatch, ...]
    product: NDArray[np.bool_]
    skin: NDArray[np.bool_] | None = None


def scenes(count: int = COUNT, size: int = 128) -> Iterator[Scene]:
    """Every kind in turn, with every kit in turn; the same each time."""
    for number in range(count):
        rng = np.random.default_rng(number)
        kind = KINDS[number % len(KINDS)]
        kit = list(KITS)[number // len(KINDS) % len(KITS)]
        field, skin = _DRAWN[kind](rng, size)
        yield Scene(
            f"{number:03} {kind} on {kit}",
            np.clip(np.rint(field), 0, 255).astype(np.uint8),
            KITS[kit],
            _disc(rng, size, 0.1, 0.25),
            skin,
        )


def ramp(first: tuple[int, int, int], last: tuple[int, int, int], width: int = 1024, height: int = 8) -> Pixels:
    """A smooth horizontal gradient without noise: where banding shows first."""
    along = np.linspace(0, 1, width)[None, :, None]
    field = np.array(first, float) + (np.array(last, float) - np.array(first, float)) * along
    return np.rint(np.broadcast_to(field, (height, width, 3))).astype(np.uint8)


def _colour(rng: np.random.Generator) -> Field:
    """A colour as scenes have them: seldom fully saturated."""
    grey = rng.uniform(40, 220)
    return np.clip(grey + rng.uniform(-70, 70, 3), 5, 250)


def _grid(size: int) -> tuple[Field, Field]:
    down, across = np.mgrid[0:size, 0:size] / size
    return down, across


def _disc(rng: np.random.Generator, size: int, least: float, most: float) -> NDArray[np.bool_]:
    down, across = _grid(size)
    y, x, r = rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7), rng.uniform(least, most)
    return (down - y) ** 2 + (across - x) ** 2 < r**2


def _soft(rng: np.random.Generator, size: int, grain: int) -> Field:
    """Smooth noise, 0–1."""
    small = rng.uniform(0, 1, (grain, grain)).astype(np.float32)
    return np.clip(cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC), 0, 1).astype(float)


def _gradient(rng: np.random.Generator, size: int) -> tuple[Field, None]:
    down, across = _grid(size)
    turn = rng.uniform(0, np.pi / 2)
    along = np.clip(down * np.sin(turn) + across * np.cos(turn), 0, 1)[..., None]
    first = _colour(rng)
    return first + (np.clip(first + rng.uniform(-60, 60, 3), 0, 255) - first) * along, None


def _noise(rng: np.random.Generator, size: int) -> tuple[Field, None]:
    return _colour(rng) + rng.normal(0, rng.uniform(2, 10), (size, size, 3)), None


def _blobs(rng: np.random.Generator, size: int) -> tuple[Field, None]:
    field = np.broadcast_to(_colour(rng), (size, size, 3)).copy()
    for _ in range(rng.integers(3, 7)):
        field[_disc(rng, size, 0.1, 0.35)] = _colour(rng)
    return cv2.GaussianBlur(field, (0, 0), size / 60) + rng.normal(0, 1.5, (size, size, 3)), None


def _sky(rng: np.random.Generator, size: int) -> tuple[Field, None]:
    down, _ = _grid(size)
    top, low = (
        np.array([60, 110, 190.0]) + rng.uniform(-25, 25, 3),
        np.array([190, 210, 230.0]) + rng.uniform(-25, 25, 3),
    )
    field = top + (low - top) * down[..., None]
    cloud = np.clip(_soft(rng, size, 6) * 2 - 1, 0, 1)[..., None] * 0.8
    field = field + (np.array([245, 244, 240.0]) - field) * cloud
    ground = down > rng.uniform(0.65, 0.85)
    field[ground] = _colour(rng) + 20 * (_soft(rng, size, 9)[ground][:, None] - 0.5)
    return field, None


def _skin(rng: np.random.Generator, size: int) -> tuple[Field, NDArray[np.bool_]]:
    """A plain ground with a patch of skin, from light to dark after the Monk skin tone scale."""
    tones = ((237, 212, 190), (224, 188, 157), (203, 160, 124), (165, 117, 84), (122, 82, 57), (92, 61, 43))
    tone = np.array(tones[int(rng.integers(len(tones)))], float)
    field = np.broadcast_to(_colour(rng), (size, size, 3)) + 12 * (_soft(rng, size, 5)[..., None] - 0.5)
    skin = _disc(rng, size, 0.15, 0.3)
    shade = 0.88 + 0.18 * _soft(rng, size, 4)[..., None]
    field = np.where(skin[..., None], tone * shade, field)
    return field + rng.normal(0, 1.2, (size, size, 3)), skin


def _studio(rng: np.random.Generator, size: int) -> tuple[Field, None]:
    """A backdrop with a fall of light, a floor, a shadow: what product photos look like."""
    down, across = _grid(size)
    light = 1.05 - 0.35 * ((across - rng.uniform(0.2, 0.8)) ** 2 + (down - 0.3) ** 2)
    field = _colour(rng) * light[..., None]
    floor = down > 0.6
    field[floor] = (_colour(rng) * light[..., None])[floor]
    shadow = np.exp(-(((across - 0.5) / 0.2) ** 2 + ((down - 0.72) / 0.05) ** 2))
    return field * (1 - 0.5 * shadow[..., None]) + rng.normal(0, 1.0, (size, size, 3)), None


def _real(rng: np.random.Generator, size: int) -> tuple[Field, None]:
    """A photo of the samples, cropped anywhere; drawn where there are none."""
    files = sorted([*(SAMPLES / "cutouts").glob("*/photo.jpg"), *(SAMPLES / "cutouts-nomask").glob("*.jpg")])
    if not files:
        return _studio(rng, size)
    read = cv2.imread(str(files[int(rng.integers(len(files)))]))
    assert read is not None
    height, width = read.shape[:2]
    side = int(min(height, width) * rng.uniform(0.6, 1))
    y, x = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    crop = cv2.resize(read[y : y + side, x : x + side, ::-1], (size, size), interpolation=cv2.INTER_AREA)
    return crop.astype(float), None


_DRAWN = {
    "gradient": _gradient, "noise": _noise, "blobs": _blobs, "sky": _sky, "skin": _skin, "studio": _studio,
    "real": _real,
}  # fmt: skip
