"""What a photo has to be for a network to read it."""

from __future__ import annotations

import numpy as np

from engines.base import EngineError, Pixels

LEAST_PX = 16


def checked(picture: Pixels) -> Pixels:
    """The photo, H×W×3. Raises `EngineError` when it is too small to hold a form."""
    height, width = picture.shape[:2]
    if min(height, width) < LEAST_PX:
        raise EngineError(f"The photo is only {width}×{height} px", f"Use one of at least {LEAST_PX} px a side")
    return np.ascontiguousarray(picture[..., :3])
