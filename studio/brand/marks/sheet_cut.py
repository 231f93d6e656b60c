"""Which part of a picture a style shows: many small pictures may lie on one sheet (a sprite), moved behind a box."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from studio.brand.page.cascade import Won
from studio.brand.page.look import Look
from studio.errors import BadInput
from studio.pixels import decode_picture, encode_png

_MOST_PX = 40_000_000
_PX = re.compile(r"\s*(-?[\d.]+)(px|rem|em)?\s*$")
_URL = re.compile(r"""url\(\s*("[^"]*"|'[^']*'|[^)]*)\)""", re.I)


@dataclass(frozen=True)
class Cut:
    """The box a picture shows in and where its top left corner lies in the picture, in CSS pixels. `size` is the
    picture's stated width and height: 0 for what follows from the other, None for its own size."""

    width: float
    height: float
    left: float = 0.0
    top: float = 0.0
    size: tuple[float, float] | None = None

    @property
    def placed(self) -> bool:
        """Whether the picture is moved by pixels, as only sheets are."""
        return bool(self.left or self.top)


def cut_of(won: Won, declared: Mapping[str, Won], look: Look) -> Cut | None:
    """The part that shows of a background picture; None where the style does not say the box in pixels."""
    width, height = (_px(declared[side].value) if side in declared else None for side in ("width", "height"))
    if not width or not height or not 0 < width <= 10_000 or not 0 < height <= 10_000:
        return None
    place, _, size = _shorthand(won, look).partition("/")
    if "background-position" in declared:
        place = declared["background-position"].value
    if "background-size" in declared:
        size = declared["background-size"].value
    if "%" in size or "contain" in size or "cover" in size:
        return None
    moves = [move for word in place.split()[:8] if re.match(r"-?[\d.]", word) and (move := _px(word)) is not None]
    left, top = [*moves, 0.0, 0.0][:2]
    # After the size come words like `no-repeat`.
    sizes = [found if found is not None else 0.0 for found in map(_px, size.split()[:2])]
    stated = (sizes[0], sizes[1] if len(sizes) > 1 else 0.0) if any(sizes) else None
    return Cut(width, height, max(0.0, -left), max(0.0, -top), stated)


def cut_out(data: bytes, cut: Cut, name: str) -> bytes:
    """That part of a picture as PNG; the file itself where all of it shows. Raises `BadInput` where nothing does."""
    pixels = decode_picture(data, name, max_px=_MOST_PX)
    height, width = pixels.shape[:2]
    scale = 1.0
    if cut.size is not None:
        scale = width / cut.size[0] if cut.size[0] else height / cut.size[1]
    left, top = round(cut.left * scale), round(cut.top * scale)
    right, bottom = round((cut.left + cut.width) * scale), round((cut.top + cut.height) * scale)
    # The box that shows all of it, a margin aside, is no cut.
    if left == 0 and top == 0 and right >= 0.9 * width and bottom >= 0.9 * height:
        return data
    part = pixels[top:bottom, left:right]
    if part.size == 0 or not (part[..., 3] >= 8).any():
        raise BadInput(f"{name} has nothing where the style points")
    return encode_png(np.ascontiguousarray(part))


def _shorthand(won: Won, look: Look) -> str:
    """What the `background` that a picture comes from says besides the picture: the place, `/` and the size."""
    for rule in reversed(look.sheets.rules):
        if rule.prelude != won.place or rule.sheet != won.sheet:
            continue
        for declaration in rule.declarations:
            if declaration.name == "background" and _URL.search(value := declaration.value):
                return _URL.sub(" ", value.partition(",")[0] if value.count("url(") > 1 else value)[:300]
    return ""


def _px(text: str) -> float | None:
    match = _PX.match(text)
    try:
        return float(match[1]) * (16.0 if match[2] in ("rem", "em") else 1.0) if match else None
    except ValueError:
        return None
