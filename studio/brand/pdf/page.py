"""What one PDF page shows: text with its place, size and font, and areas filled with flat colours."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from studio.brand.pdf.colours import CMYK, GREY, OTHER, RGB, Shown, Space, entry, shown, space_of
from studio.brand.pdf.operations import Operand, operations

Matrix = tuple[float, float, float, float, float, float]
_UNIT: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_DEEPEST = 8
_MOST_FORMS = 300
_MOST_SAVED = 200
_MOST_FOUND = 5_000
# Some programs set every letter by itself.
_MOST_RUNS = 20_000
_SOLID = 0.9
_FILLS = frozenset(("f", "F", "f*", "B", "B*", "b", "b*"))


class OutOfTime(Exception):
    """The time for reading is used up; what was collected so far stands."""


@dataclass(frozen=True)
class Run:
    """Text as shown at one go: its origin and size in points on the page, and its font's key in `Page.fonts`."""

    text: str
    left: float
    bottom: float
    width: float
    size: float
    font: str


@dataclass(frozen=True)
class Fill:
    """An area of one colour; `area` in square points, the box as left, bottom, right, top."""

    shown: Shown
    area: float
    box: tuple[float, float, float, float]


@dataclass
class Page:
    """Filled while reading. `width` and `height` in points."""

    width: float
    height: float
    runs: list[Run] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    images: int = 0


@dataclass(frozen=True)
class _State:
    matrix: Matrix = _UNIT
    space: Space = GREY
    colour: Shown | None = field(default_factory=lambda: shown(GREY, [0.0]))
    solid: bool = True
    font: str = ""
    size: float = 0.0
    leading: float = 0.0
    hidden: bool = False


Decoder = Callable[[bytes], tuple[str, float]]
"""A string's bytes as text, and its width in thousandths of the size."""


def times(inner: Matrix, outer: Matrix) -> Matrix:
    a, b, c, d, e, f = inner
    g, h, i, j, k, m = outer
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


class Reader:
    """Follows one page's operators into forms, up to `deadline` (`time.monotonic`). Raises `OutOfTime`."""

    def __init__(
        self, page: Page, origin: tuple[float, float], fonts: Callable[[Any], tuple[str, Decoder]], deadline: float
    ) -> None:
        self.page = page
        self.fonts = fonts
        self.deadline = deadline
        self.start: Matrix = (1.0, 0.0, 0.0, 1.0, -origin[0], -origin[1])
        self.forms = 0
        self.open: set[int] = set()

    def read(self, data: bytes, resources: Any) -> None:
        self._stream(data, resources, _State(matrix=self.start), 0)

    def _stream(self, data: bytes, resources: Any, state: _State, depth: int) -> None:
        at = _Cursor(state, resources)
        for count, (operator, operands) in enumerate(operations(data)):
            if (count % 64 == 0 or not operator) and time.monotonic() > self.deadline:
                raise OutOfTime
            if operator in _FILLS or operator in ("n", "S", "s"):
                self._filled(at, operator in _FILLS)
            elif operator == "Do":
                self._form(at, operands, depth)
            elif operator in ("Tj", "TJ", "'", '"'):
                if operator in ("'", '"'):
                    at.next_line(0.0, -at.state.leading)
                self._text(at, operands[-1] if operands else None)
            else:
                at.apply(operator, operands)

    def _filled(self, at: _Cursor, fill: bool) -> None:
        shape, at.shape = at.shape, []
        colour, state = at.state.colour, at.state
        if not fill or not state.solid or colour is None or len(self.page.fills) >= _MOST_FOUND:
            return
        area = 0.0
        points = [point for part in shape for point in part]
        for part in shape:
            area += (
                abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(part, [*part[1:], part[0]], strict=True))) / 2
            )
        if not points:
            return
        xs, ys = [x for x, _ in points], [y for _, y in points]
        box = (max(0.0, min(xs)), max(0.0, min(ys)), min(self.page.width, max(xs)), min(self.page.height, max(ys)))
        room = max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
        if room > 0:
            self.page.fills.append(Fill(colour, min(area, room), box))

    def _text(self, at: _Cursor, shown_: Operand) -> None:
        state = at.state
        key, decode = self.fonts(at.fonts.get(state.font)) if state.font in at.fonts else ("", _latin)
        pieces, width, gap = [], 0.0, 0.0
        for part in shown_ if isinstance(shown_, list) else [shown_]:
            if isinstance(part, bytes):
                text, wide = decode(part[:4000])
                # A large step back in TJ is how many programs write a space.
                pieces.append((" " if gap < -180 and pieces else "") + text)
                width, gap = width + wide, 0.0
            elif isinstance(part, float):
                width, gap = width - part, gap + part
        whole = times(at.text, state.matrix)
        size = abs(state.size) * (abs(whole[0] * whole[3] - whole[1] * whole[2]) ** 0.5)
        advance = width / 1000 * state.size
        text = "".join(pieces)
        along = (whole[0] ** 2 + whole[1] ** 2) ** 0.5
        if text and not state.hidden and len(self.page.runs) < _MOST_RUNS:
            self.page.runs.append(Run(text, whole[4], whole[5], abs(advance) * along, size, key))
        at.text = times((1.0, 0.0, 0.0, 1.0, advance, 0.0), at.text)

    def _form(self, at: _Cursor, operands: list[Operand], depth: int) -> None:
        form = at.resource("/XObject", operands[0]) if operands else None
        if form is None or not hasattr(form, "get_data"):
            return
        if entry(form, "/Subtype") == "/Image":
            self.page.images += 1
            return
        self.forms += 1
        # A form that draws itself would be drawn for ever.
        if depth >= _DEEPEST or self.forms > _MOST_FORMS or id(form) in self.open:
            return
        self.open.add(id(form))
        numbers = [float(part) for part in entry(form, "/Matrix") or [] if isinstance(part, int | float)]
        matrix: Matrix = (
            (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]) if len(numbers) == 6 else _UNIT
        )
        inner = replace(at.state, matrix=times(matrix, at.state.matrix))
        try:
            self._stream(form.get_data(), entry(form, "/Resources") or at.resources, inner, depth + 1)
        finally:
            self.open.discard(id(form))


class _Cursor:
    """Graphics state, current path and text position of one content stream."""

    def __init__(self, state: _State, resources: Any) -> None:
        self.state = state
        self.resources = resources
        self.saved: list[_State] = []
        self.shape: list[list[tuple[float, float]]] = []
        self.text = self.line = _UNIT
        found = entry(resources, "/Font")
        self.fonts: dict[str, Any] = dict(found) if hasattr(found, "items") else {}

    def resource(self, kind: str, name: Operand) -> Any:
        return entry(entry(self.resources, kind), name) if isinstance(name, str) else None

    def next_line(self, across: float, down: float) -> None:
        self.line = times((1.0, 0.0, 0.0, 1.0, across, down), self.line)
        self.text = self.line

    def apply(self, operator: str, operands: list[Operand]) -> None:
        n = [part for part in operands if isinstance(part, float)]
        if operator == "q":
            if len(self.saved) < _MOST_SAVED:
                self.saved.append(self.state)
        elif operator == "Q":
            if self.saved:
                self.state = self.saved.pop()
        elif operator == "cm" and len(n) >= 6:
            self.state = replace(self.state, matrix=times((n[0], n[1], n[2], n[3], n[4], n[5]), self.state.matrix))
        elif operator == "gs":
            alpha = entry(self.resource("/ExtGState", operands[0] if operands else None), "/ca")
            if isinstance(alpha, int | float):
                self.state = replace(self.state, solid=float(alpha) >= _SOLID)
        elif operator in ("re", "m", "l", "c", "v", "y"):
            self._path(operator, n)
        elif operator in ("g", "rg", "k", "cs", "sc", "scn"):
            self._colour(operator, operands, n)
        else:
            self._place(operator, operands, n)

    def _path(self, operator: str, n: list[float]) -> None:
        if len(self.shape) > _MOST_FOUND:
            return
        if operator == "re" and len(n) >= 4:
            x, y, w, h = n[:4]
            self.shape.append([self._at(px, py) for px, py in ((x, y), (x + w, y), (x + w, y + h), (x, y + h))])
        elif operator == "m" and len(n) >= 2:
            self.shape.append([self._at(n[0], n[1])])
        elif operator in ("l", "c", "v", "y") and len(n) >= 2 and self.shape and len(self.shape[-1]) < _MOST_FOUND:
            # Control points stand for the curve: its area is measured a little too large.
            self.shape[-1] += [self._at(n[i], n[i + 1]) for i in range(0, len(n) - 1, 2)]

    def _at(self, x: float, y: float) -> tuple[float, float]:
        a, b, c, d, e, f = self.state.matrix
        return a * x + c * y + e, b * x + d * y + f

    def _colour(self, operator: str, operands: list[Operand], n: list[float]) -> None:
        if operator == "cs":
            space = space_of(operands[0], entry(self.resources, "/ColorSpace")) if operands else OTHER
            first = [1.0] * space.count if space.kind == "spot" else [0.0] * space.count
            self.state = replace(self.state, space=space, colour=shown(space, first))
            return
        space = {"g": GREY, "rg": RGB, "k": CMYK}.get(operator, self.state.space)
        pattern = bool(operands) and isinstance(operands[-1], str)
        self.state = replace(self.state, space=space, colour=None if pattern else shown(space, n))

    def _place(self, operator: str, operands: list[Operand], n: list[float]) -> None:
        if operator == "BT":
            self.text = self.line = _UNIT
        elif operator == "Tf" and n and operands and isinstance(operands[0], str):
            self.state = replace(self.state, font=operands[0], size=n[-1])
        elif operator == "TL" and n:
            self.state = replace(self.state, leading=n[0])
        elif operator == "Tr" and n:
            self.state = replace(self.state, hidden=int(n[0]) in (3, 7))
        elif operator in ("Td", "TD") and len(n) >= 2:
            if operator == "TD":
                self.state = replace(self.state, leading=-n[1])
            self.next_line(n[0], n[1])
        elif operator == "Tm" and len(n) >= 6:
            self.text = self.line = (n[0], n[1], n[2], n[3], n[4], n[5])
        elif operator == "T*":
            self.next_line(0.0, -self.state.leading)


def _latin(data: bytes) -> tuple[str, float]:
    return data.decode("latin-1"), 500.0 * len(data)
