"""Lines and blocks of text on a page, from runs that programs break up as they like. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from studio.brand.pdf.page import Run


@dataclass(frozen=True)
class Line:
    """Runs on one baseline without a wide gap; places and sizes in points."""

    text: str
    left: float
    right: float
    bottom: float
    size: float
    font: str


def lines_of(runs: Sequence[Run]) -> list[Line]:
    """From top to bottom, and from left to right within a line; columns and table cells stay apart."""
    rows: list[list[Run]] = []
    for run in sorted(runs, key=lambda run: (-run.bottom, run.left)):
        if rows and abs(rows[-1][0].bottom - run.bottom) <= 0.35 * max(1.0, min(run.size, rows[-1][0].size)):
            rows[-1].append(run)
        else:
            rows.append([run])
    out: list[Line] = []
    for row in rows:
        part: list[Run] = []
        for run in sorted(row, key=lambda run: run.left):
            if part and run.left - _right(part[-1]) > 1.5 * max(run.size, part[-1].size):
                out.append(_line(part))
                part = []
            part.append(run)
        out.append(_line(part))
    return [line for line in out if line.text]


def _right(run: Run) -> float:
    return run.left + run.width


def _line(runs: Sequence[Run]) -> Line:
    text = ""
    for index, run in enumerate(runs):
        gap = run.left - _right(runs[index - 1]) if index else 0.0
        text += (" " if gap > 0.18 * run.size else "") + run.text
    size = max(run.size for run in runs)
    right = max(_right(run) for run in runs)
    return Line(" ".join(text.split()), runs[0].left, right, runs[0].bottom, size, runs[0].font)


def blocks_of(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines that stand under each other at the same left edge, without a gap of two lines."""
    blocks: list[list[Line]] = []
    for line in lines:
        best = None
        for block in blocks[-40:]:
            last = block[-1]
            size = max(last.size, line.size)
            if abs(last.left - line.left) <= 1.2 * size and 0 < last.bottom - line.bottom <= 2.3 * size:
                best = block
        if best is None:
            blocks.append([line])
        else:
            best.append(line)
    return blocks
