"""Maps read out of photos: they follow the contours, by the detail that was asked for, whatever the photo."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engines import catalog
from engines.base import EngineError, Pixels

KINDS = ("edges", "softedge", "lineart")
PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "data" / "cutouts"


def scene(light: int = 205, dark: int = 60) -> Pixels:
    """A disc and a box on a plain wall, with a little grain."""
    grain = np.random.default_rng(3).normal(0, 2, (240, 320, 3))
    drawn = np.full((240, 320, 3), light, np.float64)
    cv2.circle(drawn, (100, 120), 50, (dark, dark + 20, dark + 40), -1, cv2.LINE_AA)
    cv2.rectangle(drawn, (200, 80), (280, 180), (dark + 40, dark, dark), -1)
    return np.clip(drawn + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_contour_is_found_and_the_plain_wall_is_left_black(kind: str) -> None:
    drawn = catalog.open_annotator(kind).annotate(scene())
    assert drawn.shape == (240, 320) and drawn.dtype == np.uint8
    rim = [
        drawn[int(120 + 50 * math.sin(a)) - 4 :, :][:9, int(100 + 50 * math.cos(a)) - 4 :][:, :9].max()
        for a in np.arange(0, 6.28, 0.2)
    ]
    assert np.mean(np.array(rim) > 100) > 0.9
    away = np.ones((240, 320), bool)
    away[50:195, 30:300] = False
    assert drawn[away].mean() < 8 and drawn[100:140, 85:115].mean() < 12


@pytest.mark.parametrize("kind", KINDS)
def test_more_detail_draws_more(kind: str) -> None:
    fine = scene()
    for at in range(210, 275, 8):
        cv2.line(fine, (at, 90), (at, 170), (114, 74, 74), 2)
    few, some, many = (float((catalog.open_annotator(kind).annotate(fine, d) > 60).sum()) for d in (0.0, 0.5, 1.0))
    assert few <= 1.02 * some and some <= 1.02 * many and many > 1.1 * few


@pytest.mark.parametrize("kind", KINDS)
def test_a_flat_picture_gives_an_empty_map(kind: str) -> None:
    for value in (0, 128, 255):
        assert catalog.open_annotator(kind).annotate(np.full((90, 120, 3), value, np.uint8), 1.0).max() <= 3


@pytest.mark.parametrize("kind", KINDS)
def test_fog_and_shade_hold_contours_too(kind: str) -> None:
    drawn = catalog.open_annotator(kind).annotate(scene(light=120, dark=88))
    assert drawn[116:124, 44:56].max() > 100


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(KINDS), st.integers(16, 70), st.integers(16, 70), st.floats(0, 1), st.integers(0, 9))
def test_anything_is_read_and_read_the_same_twice(kind: str, width: int, height: int, detail: float, seed: int) -> None:
    photo = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    one, two = (catalog.open_annotator(kind).annotate(photo, detail) for _ in range(2))
    assert one.shape == (height, width) and (one == two).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_photo_keeps_its_size_and_a_tiny_one_is_refused(kind: str) -> None:
    large = cv2.resize(scene(), (2000, 1500), interpolation=cv2.INTER_CUBIC)
    assert catalog.open_annotator(kind).annotate(np.asarray(large, np.uint8)).shape == (1500, 2000)
    with pytest.raises(EngineError, match="only 8×90 px"):
        catalog.open_annotator(kind).annotate(np.zeros((90, 8, 3), np.uint8))


def test_edges_are_thin_and_pure() -> None:
    drawn = catalog.open_annotator("edges").annotate(scene())
    assert set(np.unique(drawn)) <= {0, 255}
    assert cv2.erode(drawn, np.ones((3, 3), np.uint8)).sum() == 0


def test_what_is_not_here_is_offered_with_its_reason() -> None:
    offers = {offer.id: offer for offer in catalog.listed("annotator")}
    assert list(offers) == [*KINDS, "depth", "pose"]
    assert not any(offers[kind].reason for kind in KINDS)
    for kind in ("depth", "pose"):
        with pytest.raises(EngineError, match=f"{kind} cannot be used here: .* is not here"):
            catalog.open_annotator(kind)


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the collection of real photos is not here")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["mug", "loafers", "desk-lamp", "sports-car", "tank-top"])
def test_the_outline_of_a_real_product_is_in_its_map(kind: str, name: str) -> None:
    photo = np.asarray(Image.open(PHOTOS / name / "photo.jpg").convert("RGB"))
    mask = np.asarray(Image.open(PHOTOS / name / "mask.png").convert("L")) > 127
    drawn = catalog.open_annotator(kind).annotate(photo)
    outline = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    outline[:6], outline[-6:], outline[:, :6], outline[:, -6:] = False, False, False, False
    near = cv2.dilate((drawn > 60).astype(np.uint8), np.ones((11, 11), np.uint8)) > 0
    assert near[outline].mean() > 0.75, f"{near[outline].mean():.2f} of the outline"
    assert 0.005 < (drawn > 60).mean() < 0.3
