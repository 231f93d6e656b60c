"""The brush: strokes from the browser onto a map, the veil over the photo, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engines.base import KEEP, REMOVE, Cut, CutRequest, EngineError, Progress
from studio.desk.engines import Engines
from studio.errors import BadInput
from studio.studio import Studio
from studio.ui.brush import MOST_STROKES, PREVIEW_PX, Brush, drawn, veil


class Bright:
    """Bright is the product, and the brush has the last word."""

    id, recipe = "bright", "1"

    def cut(self, request: CutRequest, progress: Progress) -> Cut:
        solid = request.picture[..., 0] > 100
        if not solid.any():
            raise EngineError("No product was found", "Brush over it")
        if request.strokes is not None:
            solid = (solid | (request.strokes == KEEP)) & (request.strokes != REMOVE)
        alpha = np.where(solid, 255, 0).astype(np.uint8)
        return Cut(np.dstack([request.picture, alpha]), 0.8, np.zeros_like(alpha), 0.1, self.id, "test")


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path / "home", Engines(lambda name: Bright()))


def stroke(kind: str, *points: tuple[float, float], radius: float = 0.05) -> dict[str, object]:
    return {"kind": kind, "radius": radius, "points": points}


def photo(folder: Path, width: int, height: int) -> Path:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[height // 4 : height // 2, width // 4 : width // 2] = 200
    Image.fromarray(pixels).save(folder / "photo.png")
    return folder / "photo.png"


def test_strokes_land_where_they_were_painted_and_the_later_wins() -> None:
    marks = drawn(json.dumps([stroke("keep", (0.1, 0.5), (0.9, 0.5)), stroke("remove", (0.5, 0.5))]), (200, 100))
    assert marks is not None and marks.shape == (100, 200)
    assert marks[50, 40] == KEEP and marks[50, 100] == REMOVE and marks[10, 10] == 0
    assert abs((marks[:, 40] == KEEP).sum() - 20) <= 2  # radius is a share of the longest side
    assert drawn("[]", (200, 100)) is None


@pytest.mark.parametrize(
    "sent",
    ["", "{", "7", "null", '"x"', '[{"kind":"eat","radius":1,"points":[[0,0]]}]', '[{"kind":"keep","points":[[0,0]]}]',
     '[{"kind":"keep","radius":0.1,"points":[[0]]}]', '[{"kind":"keep","radius":"x","points":[[0,0]]}]', "[[]]"],
)  # fmt: skip
def test_junk_is_refused(sent: str) -> None:
    with pytest.raises(BadInput):
        drawn(sent, (20, 20))


def test_too_much_is_refused() -> None:
    with pytest.raises(BadInput, match="too many"):
        drawn(json.dumps([stroke("keep", (0, 0))] * (MOST_STROKES + 1)), (20, 20))


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["keep", "remove"]), finite, st.lists(st.tuples(finite, finite), min_size=1, max_size=4)
        ),
        max_size=4,
    ),
    st.integers(1, 60),
    st.integers(1, 60),
)
@settings(max_examples=200, deadline=None)
def test_any_numbers_give_a_map_of_the_right_size(lines: list, width: int, height: int) -> None:
    sent = json.dumps([{"kind": kind, "radius": radius, "points": points} for kind, radius, points in lines])
    marks = drawn(sent, (width, height))
    assert marks is None or (marks.shape == (height, width) and set(np.unique(marks)) <= {0, KEEP, REMOVE})


def test_preview_and_full_size_agree(studio: Studio, tmp_path: Path) -> None:
    brush = Brush(studio)
    path = photo(tmp_path, 1600, 800)
    opened = json.loads(brush.open(path))
    sent = json.dumps([stroke("keep", (0.75, 0.75), radius=0.02)])
    solved = json.loads(brush.solve(opened["token"], sent))
    assert solved["said"].startswith("80% sure") and solved["mask"].startswith("data:image/png")
    found, marks = brush.mended(opened["token"], sent)
    assert found == path and marks is not None and marks.shape == (800, 1600) and marks[600, 1200] == KEEP
    ready = studio.product(path, strokes=marks)
    kept = studio.keep(ready)
    again = studio.product(kept)
    assert again.cut is None and again.png == ready.png
    assert json.loads(brush.open(path))["strokes"] == json.loads(sent)  # opened again, they are still there
    assert PREVIEW_PX < 1600


def test_what_cannot_be_done_is_said(studio: Studio, tmp_path: Path) -> None:
    brush = Brush(studio)
    Image.new("RGB", (40, 40)).save(tmp_path / "dark.png")
    opened = json.loads(brush.open(tmp_path / "dark.png"))
    assert "No product was found" in json.loads(brush.solve(opened["token"], "[]"))["said"]
    assert "no longer open" in json.loads(brush.solve("nothing", "[]"))["said"]
    assert "could not be read" in json.loads(brush.solve(opened["token"], "{"))["said"]


def test_only_the_latest_photos_stay_open(studio: Studio, tmp_path: Path) -> None:
    brush = Brush(studio)
    path = photo(tmp_path, 40, 40)
    tokens = [json.loads(brush.open(path))["token"] for _ in range(12)]
    assert "no longer open" in json.loads(brush.solve(tokens[0], "[]"))["said"]
    assert "mask" in json.loads(brush.solve(tokens[-1], "[]"))


def test_the_veil_hides_what_goes_and_colours_doubt() -> None:
    rgba = np.zeros((40, 40, 4), np.uint8)
    rgba[:, 20:, 3] = 255
    unsure = np.zeros((40, 40), np.uint8)
    unsure[:, 19:21] = 255
    over = veil(rgba, unsure)
    assert over[5, 5, 3] > 200 and over[5, 35, 3] == 0
    assert over[5, 20, 0] > over[5, 20, 2] + 100
