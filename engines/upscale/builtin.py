"""The built-in 2× network through ONNX Runtime. `engines.nano.upscaler_train` made it, on pictures made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engines.accelerate.providers import Range
from engines.base import EngineError, Plane
from engines.onnx_files import on_card, open_onnx, runtime
from engines.weights import sha256_of

WEIGHTS = Path(__file__).parents[2] / "assets" / "nano" / "upscale-x2.onnx"
TILE_PX, TILE_ELSEWHERE_PX = 1024, 384
"""On a graphics card, and elsewhere."""
_TILES = (Range("picture", (1, 3, 1, 1), (1, 3, TILE_PX, TILE_PX), (1, 3, TILE_PX, TILE_PX)),)


class Builtin:
    """Doubles with the built-in network, on CUDA where ONNX Runtime offers it, else on all cores."""

    id = "light"
    scale = 2

    def __init__(self, weights: Path = WEIGHTS) -> None:
        """Raises `EngineError` when the file is not there or is not the network."""
        session = open_onnx(weights, _TILES)
        facts = session.get_modelmeta().custom_metadata_map
        if facts.get("scale") != str(self.scale) or not facts.get("margin_px", "").isdigit():
            raise EngineError(f"{weights.name} is not the built-in upscaler", "Install the project again.")
        self._session = session
        self._input = session.get_inputs()[0].name
        self.recipe = f"light sha256:{sha256_of(weights)}"
        self.runtime = runtime(session)
        self.margin_px = int(facts["margin_px"])
        self.tile_px = TILE_PX if on_card(session) else TILE_ELSEWHERE_PX

    def enlarge(self, tile: Plane) -> Plane:
        """H×W×3 to 2H×2W×3; see `engines.base.Upscaler`."""
        picture = np.ascontiguousarray(tile.transpose(2, 0, 1)[None], np.float32)
        (enlarged,) = self._session.run(None, {self._input: picture})
        return np.asarray(enlarged)[0].transpose(1, 2, 0)


def create() -> Builtin:
    """The upscaler with id `light`."""
    return Builtin()
