"""How large a picture must be: a factor, or millimetres at a resolution. Pure."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from studio.errors import BadInput
from studio.values import Value

MAX_PX = 150_000_000
MAX_FACTOR = 8.0


class PrintSize(Value):
    """A printed size; bleed comes on top on every side."""

    width_mm: Annotated[float, Field(gt=0, le=5000)]
    height_mm: Annotated[float, Field(gt=0, le=5000)]
    dpi: Annotated[int, Field(ge=30, le=1200)] = 300
    bleed_mm: Annotated[float, Field(ge=0, le=20)] = 0.0

    def px(self) -> tuple[int, int]:
        """Width and height in pixels, bleed included, rounded half up."""
        width, height = (
            int((mm + 2 * self.bleed_mm) * self.dpi / 25.4 + 0.5) for mm in (self.width_mm, self.height_mm)
        )
        return width, height


def target_px(width_px: int, height_px: int, size: PrintSize | float) -> tuple[int, int]:
    """The size a picture has to grow to: by a factor, or until it covers a print. Never smaller than it is.

    Raises `BadInput` for a factor outside 1–8 and for more than 150 megapixels.
    """
    if isinstance(size, PrintSize):
        wide, high = size.px()
        factor = max(wide / width_px, high / height_px, 1.0)
    else:
        factor = float(size)
        if not 1.0 <= factor <= MAX_FACTOR:
            raise BadInput(f"A picture cannot be made {factor:g} times as large", f"Expected 1 to {MAX_FACTOR:g}")
    # Rounded up, so that a print is covered to its last pixel.
    grown = math.ceil(width_px * factor - 1e-6), math.ceil(height_px * factor - 1e-6)
    if grown[0] * grown[1] > MAX_PX:
        raise BadInput(
            f"That would be {grown[0]}×{grown[1]} px, {grown[0] * grown[1] / 1e6:.0f} megapixels",
            f"Expected at most {MAX_PX / 1e6:.0f} megapixels; choose a smaller factor, size or dpi",
        )
    return grown
