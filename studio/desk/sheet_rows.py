"""Packing pictures of any aspect into rows of even height that end flush with the margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
ENLARGE = 2.0
"""How far beyond its own pixels a picture may be shown."""
NARROWEST = 190.0
"""A column must hold a caption such as `1080 × 1920   14/14`."""
LONGEST = 14


class Cell(NamedTuple, Generic[T]):
    width_px: int
    height_px: int
    content: T

    @property
    def aspect(self) -> float:
        return self.width_px / self.height_px


class Place(NamedTuple, Generic[T]):
    """A picture's size on the sheet; its cell is wider where the caption needs more room than the picture."""

    cell: Cell[T]
    width: float
    height: float
    cell_width: float


class Row(NamedTuple, Generic[T]):
    places: list[Place[T]]
    height: float
    gap: float


def rows_of(cells: Sequence[Cell[T]], width: float, gap: float, side: float) -> list[Row[T]]:
    """Rows of at most `width`, tall pictures first, wide ones last, so that neighbours are alike.

    `side` is the edge of a square picture; others get about the same area, so a banner is low and a skyscraper high.
    Rows are broken where the areas, over all rows together, stray least from that.
    """
    ordered = sorted(cells, key=lambda cell: cell.aspect)
    best: list[tuple[float, int, list[Row[T]]]] = [(0.0, 0, [])]
    for end in range(1, len(ordered) + 1):
        options: list[tuple[float, int, Row[T]]] = []
        for start in range(end - 1, max(-1, end - LONGEST - 1), -1):
            line = ordered[start:end]
            if options and _length(line, _wish(line, side), gap) > 2.0 * width:
                break
            row = _justified(line, width, gap, side)
            options.append((best[start][0] + _unease(row, width, side, last=end == len(ordered)), start, row))
        cost, start, row = min(options, key=lambda option: option[0])
        best.append((cost, start, [row]))
    rows: list[Row[T]] = []
    at = len(ordered)
    while at:
        rows = best[at][2] + rows
        at = best[at][1]
    return rows


def _unease(row: Row[T], width: float, side: float, *, last: bool) -> float:
    areas = sum(math.log(place.width * place.height / side**2) ** 2 for place in row.places)
    used = sum(place.cell_width for place in row.places) + row.gap * (len(row.places) - 1)
    ragged = max(0.0, 1.0 - used / width) ** 2
    return areas + ragged * (2.5 if last else 60.0) + 0.5  # the constant: few rows are calmer than many


def _wish(line: Sequence[Cell[T]], side: float) -> float:
    """The height at which the line's typical picture has the area asked for."""
    middle = sorted(cell.aspect for cell in line)[len(line) // 2]
    return side / middle**0.5


def _width(cell: Cell[T], height: float) -> float:
    return min(height, cell.height_px * ENLARGE) * cell.aspect


def _length(line: Sequence[Cell[T]], height: float, gap: float) -> float:
    return sum(max(_width(cell, height), NARROWEST) for cell in line) + gap * (len(line) - 1)


def _justified(line: Sequence[Cell[T]], width: float, gap: float, side: float) -> Row[T]:
    wish = _wish(line, side)
    low, high = 10.0, wish * 1.4
    if _length(line, high, gap) <= width:
        height = high if _length(line, high, gap) > width * 0.85 else wish
    else:
        for _ in range(24):
            middle = (low + high) / 2
            low, high = (middle, high) if _length(line, middle, gap) <= width else (low, middle)
        height = low
    places = []
    for cell in line:
        shown = _width(cell, height)
        places.append(Place(cell, shown, shown / cell.aspect, max(shown, NARROWEST)))
    return Row(places, max(place.height for place in places), gap)
