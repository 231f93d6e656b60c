"""The colour lock on shaded scenes: areas come to their colours, light stays, nothing tears."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from engines.nano.lock import locked
from engines.stage.colour import hex_to_linear, to_oklab, to_pixels
from studio.color import cielab, delta_e00

WANTED = {"background": "#a9c4de", "surface": "#efe7d8", "product": "#2f7a5c"}
STRAYED = {"background": (0.8, 0.95, 1.2), "surface": (1.06, 0.98, 0.85), "product": (1.35, 0.85, 0.8)}
LABS = [to_oklab(hex_to_linear(code)) for code in WANTED.values()]


def scene(stray: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A wall, a floor and a thing in about the wanted colours, under a light that falls off, with shine and grain."""
    high, wide = 240, 320
    down, across = np.mgrid[:high, :wide] / np.array([high, wide])[:, None, None]
    floor, thing = down > 0.7, (np.abs(across - 0.5) < 0.13) & (np.abs(down - 0.55) < 0.3)
    areas = {"background": ~(floor | thing), "surface": floor & ~thing, "product": thing}
    albedo = np.zeros((high, wide, 3), np.float32)
    for name, area in areas.items():
        albedo[area] = hex_to_linear(WANTED[name]) * (1 + (np.array(STRAYED[name]) - 1) * stray)
    light = 1.12 - 0.35 * across - 0.15 * down
    shine = 0.3 * np.exp(-(((across - 0.45) / 0.02) ** 2)) * thing
    grain = np.random.default_rng(0).normal(0, 0.004, albedo.shape)
    linear = cv2.GaussianBlur(albedo, (0, 0), 1.0) * light[..., None] + shine[..., None] + grain
    return to_pixels(linear.astype(np.float32), 1), areas


def off(picture: np.ndarray, area: np.ndarray, code: str) -> float:
    wanted = np.array(list(bytes.fromhex(code.lstrip("#"))), float)
    return float(delta_e00(cielab(np.median(picture[area], axis=0)), cielab(wanted)))


@pytest.mark.parametrize("stray", [0.4, 0.8])
def test_each_area_comes_to_its_colour(stray: float) -> None:
    picture, areas = scene(stray)
    done, moved = locked(picture, LABS)
    assert min(moved) > 0
    for name, code in WANTED.items():
        assert off(done, areas[name], code) <= 2, name
    assert max(off(picture, areas[name], code) for name, code in WANTED.items()) > 4


def test_shading_stays_and_nothing_tears() -> None:
    picture, areas = scene(0.8)
    done, _ = locked(picture, LABS)
    for area in areas.values():
        before, after = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY).astype(float)[area] for one in (picture, done))
        assert np.corrcoef(before, after)[0, 1] > 0.97
    inner = cv2.erode(areas["background"].astype(np.uint8), np.ones((9, 9))) > 0
    smooth = (cv2.GaussianBlur(one, (0, 0), 2).astype(int) for one in (picture, done))
    before, after = (np.abs(np.diff(one, axis=1)).max(axis=2)[inner[:, 1:]].max() for one in smooth)
    assert after <= before + 2


def test_what_is_not_free_and_what_has_another_colour_stay() -> None:
    picture, areas = scene(0.8)
    free = np.where(areas["product"], 0, 255).astype(np.uint8)
    done, _ = locked(picture, LABS[:2], free)
    assert np.array_equal(done[areas["product"]], picture[areas["product"]])
    strange = np.full((64, 64, 3), (240, 40, 200), np.uint8)
    assert np.abs(locked(strange, LABS[:2])[0].astype(int) - strange).max() <= 1
