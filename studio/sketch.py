"""A sketch's strokes as maps: lines to follow, and patches of colour to begin with."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio.brief.draft import Sketch, Stroke
from studio.color import rgb_of

Pixels = NDArray[np.uint8]
_OUTSIDE = 0.5
"""A stroke may leave the sheet by so much of its side; further out it is held there."""
_BITS = 4  # sub-pixels, as OpenCV counts them
_UNIT = 1 << _BITS


def lines_map(sketch: Sketch, width_px: int, height_px: int) -> Pixels | None:
    """The contours, H×W `uint8`, white on black; None when no line is drawn."""
    if not any(stroke.tool == "line" for stroke in sketch.strokes):
        return None
    drawn = np.zeros((height_px, width_px), np.uint8)
    for stroke in sketch.strokes:
        if stroke.tool != "block":
            _draw(drawn, stroke, (255,) if stroke.tool == "line" else (0,))
    return drawn


def blocks_map(sketch: Sketch, width_px: int, height_px: int, ground_hex: str) -> Pixels | None:
    """The patches of colour on the kit's background, H×W×3 sRGB; None when none is drawn."""
    if not any(stroke.tool == "block" for stroke in sketch.strokes):
        return None
    ground = _rgb(ground_hex)
    drawn = np.empty((height_px, width_px, 3), np.uint8)
    drawn[:] = ground
    for stroke in sketch.strokes:
        if stroke.tool != "line":
            _draw(drawn, stroke, _rgb(stroke.hex) if stroke.tool == "block" else ground)
    return drawn


def _draw(onto: Pixels, stroke: Stroke, ink: tuple[int, ...]) -> None:
    height, width = onto.shape[:2]
    thick = max(round(stroke.size_fraction * max(width, height)), 1)
    points = _thinned(_on_sheet(stroke, width, height), thick)
    fixed = [np.rint(points * _UNIT).astype(np.int32).reshape(-1, 1, 2)]
    if stroke.closed and len(points) > 2:
        cv2.fillPoly(onto, fixed, ink, cv2.LINE_AA, _BITS)
    cv2.polylines(onto, fixed, stroke.closed, ink, thick, cv2.LINE_AA, _BITS)


def _on_sheet(stroke: Stroke, width: int, height: int) -> NDArray[np.float64]:
    """The points in pixels, pixel centres at whole numbers; a tap is a line to itself."""
    points = np.nan_to_num(np.array(stroke.points, np.float64), nan=0.0, posinf=1.0, neginf=0.0)
    points = np.clip(points, -_OUTSIDE, 1 + _OUTSIDE) * (width, height) - 0.5
    return np.vstack([points, points[-1:]]) if len(points) == 1 else points


def _thinned(points: NDArray[np.float64], thick_px: int) -> NDArray[np.float64]:
    """Points nearer to the last than a sixteenth of the stroke's width change nothing that is seen."""
    least, kept = thick_px / 16, [points[0]]
    for point in points[1:-1]:
        if max(abs(point - kept[-1])) >= least:
            kept.append(point)
    return np.array([*kept, points[-1]])


def _rgb(hex_colour: str) -> tuple[int, int, int]:
    red, green, blue = rgb_of(hex_colour)
    return red, green, blue
