"""The colour lock keeps gradients smooth, and a product is trimmed and its pitch read."""

from __future__ import annotations

import numpy as np
import pytest

from studio.errors import BadInput
from studio.model import Swatch
from studio.picture.palette import DOMINANT_SHARE, allowed_oklab, distances, dominant, lock
from studio.picture.product import estimate_pitch, product_of

BLUE = (Swatch(role="primary", hex="#2255cc"), Swatch(role="background", hex="#eef2ff"))


def gradient(first, second, size=160) -> np.ndarray:
    ramp = np.linspace(0, 1, size)[:, None, None]
    field = np.array(first) + (np.array(second) - np.array(first)) * ramp
    return np.rint(np.broadcast_to(field, (size, size, 3))).astype(np.uint8)


def test_a_scene_near_the_palette_is_brought_onto_it():
    scene = gradient((70, 95, 190), (215, 220, 250))
    locked, facts = lock(scene, BLUE)
    colors, shares = dominant(locked.reshape(-1, 3))
    assert distances(colors[shares >= DOMINANT_SHARE], BLUE).max() <= 3
    assert facts["delta_e00_after"] <= facts["delta_e00_before"]


def test_a_gradient_stays_a_gradient():
    """No step larger than the picture had, but for the half-step of noise against banding."""
    locked, _ = lock(gradient((150, 90, 60), (240, 200, 170)), BLUE)
    rows = locked.astype(float).mean(axis=1)
    assert np.abs(np.diff(rows, axis=0)).max() < 3.0


def test_a_scene_on_the_palette_is_left_alone():
    scene = gradient((34, 85, 204), (238, 242, 255))
    locked, _ = lock(scene, BLUE)
    assert np.abs(locked.astype(int) - scene).mean() < 3


def test_tints_may_be_forbidden():
    strict = (Swatch(role="primary", hex="#2255cc", tints=False),)
    assert len(allowed_oklab(strict)) == 1
    assert distances(np.array([[144.0, 170, 230]]), strict)[0] > 10
    assert distances(np.array([[144.0, 170, 230]]), (Swatch(role="primary", hex="#2255cc"),))[0] < 6


def test_dominant_colours_are_repeatable_and_shared_out():
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 255, (5000, 3))
    one, two = dominant(pixels), dominant(pixels)
    assert np.array_equal(one[0], two[0])
    assert one[1].sum() == pytest.approx(1)


def mug(pitch_deg: float, size=400) -> np.ndarray:
    """A straight cylinder seen from above at a pitch: its foot is an ellipse."""
    ys, xs = np.mgrid[0:size, 0:size]
    half, base = 110, 320
    drop = half * np.sin(np.radians(pitch_deg))
    inside = (np.abs(xs - 200) < half) & (ys > 90) & (ys < base)
    inside |= ((xs - 200) / half) ** 2 + ((ys - base) / max(drop, 0.5)) ** 2 < 1
    rgba = np.zeros((size, size, 4), np.uint8)
    rgba[inside] = (120, 80, 60, 255)
    return rgba


@pytest.mark.parametrize("pitch", [8, 15, 25, 34])
def test_the_pitch_of_a_round_foot_is_read_from_its_ellipse(pitch):
    assert product_of(mug(pitch), "mug").pitch_deg == pytest.approx(pitch, rel=0.25)


def test_a_given_pitch_wins():
    assert product_of(mug(30), "mug", 12.0).pitch_deg == 12.0


def test_an_odd_foot_gets_the_usual_pitch():
    rgba = np.zeros((200, 200, 4), np.uint8)
    rgba[40:180, 40:60] = rgba[40:120, 60:140] = rgba[40:160, 140:160] = 255
    assert 0 <= estimate_pitch(rgba) <= 45


@pytest.mark.parametrize("alpha", [0, 255])
def test_a_picture_without_a_cut_out_is_refused(alpha):
    with pytest.raises(BadInput):
        product_of(np.full((64, 64, 4), alpha, np.uint8), "photo.png")
