"""The sizes engines are built for: an engine is quickest at sizes it knows beforehand. Loads no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engines.base import EngineError

MULTIPLE_PX = 64
MOST_PX, MOST_BATCH, MOST_WINDOWS = 2048, 8, 4


@dataclass(frozen=True, order=True)
class Shape:
    """Pictures of this width and height (whole multiples of 64 px), so many at once, whose words fill so many windows
    of 77 tokens."""

    width_px: int
    height_px: int
    batch: int = 1
    windows: int = 1

    def __str__(self) -> str:
        """For example `1024x1024`, or `960x1152x4` for four at once."""
        return f"{self.width_px}x{self.height_px}" + (f"x{self.batch}" if self.batch > 1 else "")

    @property
    def said(self) -> str:
        """For messages, for example `1024×1024 px`."""
        several = f", {self.batch} at once" if self.batch > 1 else ""
        return f"{self.width_px}×{self.height_px} px{several}" + (", longer words" if self.windows > 1 else "")


SHAPES = (
    Shape(1024, 1024), Shape(896, 1152), Shape(768, 1344), Shape(1344, 768), Shape(1152, 896), Shape(832, 1216),
    Shape(1216, 832),
)  # fmt: skip
"""What squares, 4:5 feed posts, 9:16 stories, wide links and what lies between are painted at: of the sizes SDXL was
trained at, those that serve all but the narrowest formats."""
COMMON = SHAPES[:4]
"""What is built when no size is named: every further one takes another minute and half a gigabyte of memory."""


def read_shape(text: str) -> Shape:
    """The shape written as `1024x1024` or `1024x1024x4`. Raises `EngineError`."""
    found = re.fullmatch(r"(\d{2,4})[x×](\d{2,4})(?:[x×](\d))?", text.strip())
    shape = Shape(int(found[1]), int(found[2]), int(found[3] or 1)) if found else None
    if shape is None or shape.width_px % MULTIPLE_PX or shape.height_px % MULTIPLE_PX:
        raise EngineError(f"“{text}” is no size an engine can have", "Say width×height in multiples of 64: 1024x1024.")
    if min(shape.width_px, shape.height_px) < MULTIPLE_PX or max(shape.width_px, shape.height_px) > MOST_PX:
        raise EngineError(f"{shape} is too large or too small for an engine", f"Sides go from 64 to {MOST_PX} px.")
    if not 1 <= shape.batch <= MOST_BATCH:
        raise EngineError(f"{shape.batch} pictures at once are not supported", f"Take 1 to {MOST_BATCH}.")
    return shape
