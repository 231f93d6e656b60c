"""The floor: Lanczos with three lobes, as `Upscaler`. No network, nothing added."""

from __future__ import annotations

import numpy as np
from PIL import Image

from engines.base import Plane


class Lanczos:
    """Doubles with Pillow's Lanczos-3 in `float32`."""

    id = "lanczos"
    recipe = "lanczos 1"
    runtime = "Pillow"
    scale = 2
    margin_px = 3
    tile_px = 1024

    def enlarge(self, tile: Plane) -> Plane:
        """H×W×3 to 2H×2W×3; see `Upscaler`."""
        size = (tile.shape[1] * self.scale, tile.shape[0] * self.scale)
        planes = [Image.fromarray(np.ascontiguousarray(tile[..., index])) for index in range(3)]
        return np.stack([np.asarray(plane.resize(size, Image.Resampling.LANCZOS)) for plane in planes], axis=-1)
