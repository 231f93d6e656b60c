"""A sketch's strokes as maps: what is drawn, what the eraser takes away, and that nothing a page sends breaks it."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.brief.draft import Sketch, Stroke
from studio.sketch import blocks_map, lines_map

GROUND = "#fff6ec"
numbers = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-0.2, 1.2)
strokes = st.builds(
    Stroke,
    tool=st.sampled_from(["line", "block", "erase"]),
    points=st.lists(st.tuples(numbers, numbers), min_size=1, max_size=12).map(tuple),
    size_fraction=st.floats(1e-9, 0.5, exclude_min=True),
    hex=st.sampled_from(["#1a1a18", "#f0653c", "#ffffff"]),
    closed=st.booleans(),
)


def stroke(
    tool: str, *points: tuple[float, float], size: float = 0.02, ink: str = "#f0653c", closed: bool = False
) -> Stroke:
    return Stroke.model_validate({"tool": tool, "points": points, "size_fraction": size, "hex": ink, "closed": closed})


def sketch(*drawn: Stroke) -> Sketch:
    return Sketch(strokes=drawn)


@settings(deadline=None, max_examples=150)
@given(st.lists(strokes, max_size=8), st.integers(1, 90), st.integers(1, 90))
def test_any_valid_strokes_draw(drawn: list[Stroke], width: int, height: int) -> None:
    one = sketch(*drawn)
    lines, blocks = lines_map(one, width, height), blocks_map(one, width, height, GROUND)
    assert (lines is None) == (not any(s.tool == "line" for s in drawn))
    assert (blocks is None) == (not any(s.tool == "block" for s in drawn))
    assert lines is None or (lines.shape == (height, width) and lines.dtype == np.uint8)
    assert blocks is None or (blocks.shape == (height, width, 3) and blocks.dtype == np.uint8)


def test_a_line_lies_where_it_was_drawn_and_is_as_wide_as_said() -> None:
    drawn = lines_map(sketch(stroke("line", (0.25, 0.5), (0.75, 0.5), size=0.1)), 200, 100)
    assert drawn is not None
    column = drawn[:, 100] > 127
    assert math.isclose(column.sum(), 20, abs_tol=2) and column[50] and not column[30]
    # Round ends reach half the width beyond the points.
    assert drawn[50, 43] > 127 and drawn[50, 36] == 0


def test_a_tap_is_a_dot() -> None:
    drawn = lines_map(sketch(stroke("line", (0.5, 0.5), size=0.2)), 100, 100)
    assert drawn is not None
    assert math.isclose((drawn > 127).sum(), math.pi * 100, rel_tol=0.2)


def test_the_eraser_takes_both_away_and_what_comes_after_it_stays() -> None:
    across = stroke("line", (0.0, 0.5), (1.0, 0.5), size=0.1)
    patch = stroke("block", (0.0, 0.5), (1.0, 0.5), size=0.3)
    rub = stroke("erase", (0.5, 0.0), (0.5, 1.0), size=0.2)
    again = stroke("line", (0.45, 0.5), (0.55, 0.5), size=0.02)
    lines, blocks = (
        lines_map(sketch(across, patch, rub, again), 100, 100),
        blocks_map(sketch(across, patch, rub), 100, 100, GROUND),
    )
    assert lines is not None and blocks is not None
    assert lines[50, 20] == 255 and lines[50, 50] == 255 and lines[46, 50] == 0
    assert tuple(blocks[50, 20]) == (0xF0, 0x65, 0x3C) and tuple(blocks[50, 50]) == (0xFF, 0xF6, 0xEC)


def test_a_closed_stroke_is_filled() -> None:
    corners = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))
    filled = blocks_map(sketch(stroke("block", *corners, closed=True)), 100, 100, GROUND)
    hollow = blocks_map(sketch(stroke("block", *corners)), 100, 100, GROUND)
    assert filled is not None and hollow is not None
    assert tuple(filled[50, 50]) == (0xF0, 0x65, 0x3C) and tuple(hollow[50, 50]) == (0xFF, 0xF6, 0xEC)


def test_lines_are_not_in_the_blocks_nor_blocks_in_the_lines() -> None:
    both = sketch(stroke("line", (0.1, 0.1), (0.9, 0.1)), stroke("block", (0.1, 0.9), (0.9, 0.9)))
    lines, blocks = lines_map(both, 100, 100), blocks_map(both, 100, 100, GROUND)
    assert lines is not None and blocks is not None
    assert not lines[80:].any() and (blocks[:20] == (0xFF, 0xF6, 0xEC)).all()


def test_the_same_sketch_fits_every_shape() -> None:
    cross = sketch(stroke("line", (0.5, 0.1), (0.5, 0.9)), stroke("line", (0.1, 0.5), (0.9, 0.5)))
    for width, height in ((100, 100), (300, 40), (40, 300)):
        drawn = lines_map(cross, width, height)
        assert drawn is not None
        assert drawn[height // 2, width // 2] == 255
        rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
        assert abs(rows[0] + rows[-1] - height) <= 3 and abs(columns[0] + columns[-1] - width) <= 3


def test_long_strokes_are_drawn_whole() -> None:
    wave = tuple((i / 4999, 0.5 + 0.4 * math.sin(i / 40)) for i in range(5000))
    drawn = lines_map(sketch(stroke("line", *wave, size=0.004)), 512, 512)
    assert drawn is not None
    seen = [drawn[int(y * 511.9), int(x * 511.9)] for x, y in wave[::7]]
    assert min(seen) > 60
