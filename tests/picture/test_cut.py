"""Cut-outs after the engine: straightened, trimmed, flattened, and what a brush picture says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engines.base import KEEP, REMOVE, Cut, CutRequest, Progress
from studio.errors import BadInput
from studio.picture.cut import CutOptions, cut_out, has_ground, objects, on_ground, read_strokes, tilt, turned
from studio.picture.size import PrintSize, target_px


class Keyed:
    """Everything that is not white is the product; a grey row under it is its shadow."""

    id, recipe = "keyed", "1"

    def cut(self, request: CutRequest, progress: Progress) -> Cut:
        solid = (request.picture < 250).any(axis=2)
        if request.strokes is not None:
            solid = (solid | (request.strokes == KEEP)) & (request.strokes != REMOVE)
        rgba = np.dstack([request.picture, np.where(solid, 255, 0).astype(np.uint8)])
        shadow = np.zeros(solid.shape, np.uint8)
        shadow[90:95, 10:90] = 60
        return Cut(rgba, 0.9, np.zeros_like(shadow), 0.1, self.id, "none", shadow if request.shadow else None)


def bottle(size: int = 100) -> np.ndarray:
    """A symmetric bottle, red, on white."""
    photo = np.full((size, size, 4), 255, np.uint8)
    photo[30:90, 35:65, :3] = (200, 40, 30)
    photo[10:30, 45:55, :3] = (200, 40, 30)
    return photo


def test_trimmed_to_content_and_its_pixels_untouched() -> None:
    made = cut_out(bottle(), Keyed(), CutOptions(), Progress())
    assert made.rgba.shape == (80, 30, 4)
    assert made.facts["box_px"] == [35, 10, 65, 90] and made.facts["objects"] == 1
    assert (made.rgba[25:, :, :3] == (200, 40, 30)).all()


def test_the_shadow_layer_lies_on_the_same_canvas() -> None:
    made = cut_out(bottle(), Keyed(), CutOptions(shadow=True), Progress())
    assert made.shadow is not None and made.shadow.shape == made.rgba.shape[:2]
    assert made.facts["box_px"] == [10, 10, 90, 95]
    assert cut_out(bottle(), Keyed(), CutOptions(trim=False), Progress()).rgba.shape == (100, 100, 4)


def test_a_transparent_picture_keeps_its_own_edges() -> None:
    photo = bottle()
    photo[..., 3] = np.where((photo[..., :3] < 250).any(axis=2), 180, 0)
    made = cut_out(photo, Keyed(), CutOptions(), Progress())
    assert made.engine == "none" and set(np.unique(made.rgba[..., 3])) == {0, 180}


@pytest.mark.parametrize("angle", [-9.0, -3.0, 4.0, 11.0])
def test_a_tilted_product_is_brought_upright(angle: float) -> None:
    upright = cut_out(bottle(200), Keyed(), CutOptions(), Progress()).rgba
    tilted = turned(upright, angle)
    assert abs(tilt(tilted[..., 3]) + angle) <= 0.5
    photo = np.dstack([on_ground(tilted, "#ffffff"), np.full(tilted.shape[:2], 255, np.uint8)])
    made = cut_out(photo, Keyed(), CutOptions(straighten=True), Progress())
    assert abs(made.facts["angle_deg"] + angle) <= 0.5
    assert abs(made.rgba.shape[1] / made.rgba.shape[0] - upright.shape[1] / upright.shape[0]) < 0.06


def test_an_upright_or_lopsided_product_is_left_alone() -> None:
    assert tilt(cut_out(bottle(), Keyed(), CutOptions(), Progress()).rgba[..., 3]) == 0.0
    shoe = np.zeros((120, 200), np.uint8)
    shoe[60:110, 20:180] = 255
    shoe[20:60, 20:80] = 255
    assert tilt(shoe) == 0.0 and tilt(turned(shoe, 8)) == 0.0


def test_turning_leaves_no_fringe() -> None:
    rgba = np.zeros((60, 60, 4), np.uint8)
    rgba[20:40, 20:40] = (240, 200, 20, 255)
    made = turned(rgba, 7.0)
    seen = made[..., 3] > 40
    assert np.abs(made[seen][:, :3].astype(int) - (240, 200, 20)).max() <= 8


def test_parts_are_counted() -> None:
    alpha = np.zeros((100, 100), np.uint8)
    alpha[10:40, 10:40] = alpha[60:90, 60:90] = 255
    alpha[50, 50] = 255  # a speck
    assert objects(alpha) == 2 and objects(np.zeros((9, 9), np.uint8)) == 0


def test_flattened_on_a_colour_with_the_shadow_between() -> None:
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = (10, 20, 30, 255)
    shadow = np.array([[255, 0], [128, 0]], np.uint8)
    flat = on_ground(rgba, "#ff8000", shadow)
    assert flat[0, 0].tolist() == [10, 20, 30] and flat[0, 1].tolist() == [255, 128, 0]
    assert flat[1, 0].tolist() == [127, 64, 0]


def test_strokes_are_read_from_green_and_red(tmp_path: Path) -> None:
    brush = np.zeros((40, 60, 4), np.uint8)
    brush[5:10, 5:20] = (0, 220, 40, 255)
    brush[20:25, 5:20] = (230, 20, 20, 255)
    Image.fromarray(brush).save(tmp_path / "brush.png")
    strokes = read_strokes(tmp_path / "brush.png", (40, 60))
    assert (strokes[5:10, 5:20] == KEEP).all() and (strokes[20:25, 5:20] == REMOVE).all()
    assert (strokes != 0).sum() == 150
    with pytest.raises(BadInput, match="60×40"):
        read_strokes(tmp_path / "brush.png", (41, 60))
    Image.fromarray(np.zeros_like(brush)).save(tmp_path / "empty.png")
    with pytest.raises(BadInput, match="no strokes"):
        read_strokes(tmp_path / "empty.png", (40, 60))


def test_has_ground() -> None:
    assert has_ground(bottle())
    photo = bottle()
    photo[:50, :, 3] = 0
    assert not has_ground(photo)


@given(st.integers(1, 3000), st.integers(1, 3000), st.floats(1.0, 8.0))
@settings(max_examples=200, deadline=None)
def test_a_target_is_never_smaller_and_keeps_its_shape(width: int, height: int, factor: float) -> None:
    try:
        wide, high = target_px(width, height, factor)
    except BadInput:
        assert width * factor * height * factor > 140_000_000
        return
    assert wide >= width and high >= height
    assert abs(wide - width * factor) < 1 and abs(high - height * factor) < 1


def test_a_print_is_covered_and_no_more() -> None:
    a4 = PrintSize(width_mm=210, height_mm=297, dpi=300, bleed_mm=3)
    assert a4.px() == (2551, 3579)
    assert target_px(1000, 1000, a4) == (3579, 3579)
    assert target_px(4000, 4000, a4) == (4000, 4000)
    with pytest.raises(BadInput, match="megapixels"):
        target_px(10, 10_000, PrintSize(width_mm=1000, height_mm=1000))
    with pytest.raises(BadInput, match=r"0\.5 times"):
        target_px(10, 10, 0.5)
