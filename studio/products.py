"""The products of a job: each picture read once, cut out where it still has its background, and kept as it is used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.base import Progress
from studio.brief.plan import ProductFacts
from studio.desk.retouch import Retouch
from studio.model import Brief
from studio.picture.cut import CutOptions, CutOut, has_ground
from studio.picture.product import MAX_FILE_BYTES, Product, product_of
from studio.pixels import decode_picture, encode_png, read_bytes

SURE = 0.6
"""Below this a cut-out should be looked at before it goes into ads."""


@dataclass(frozen=True, eq=False)
class ReadyProduct:
    """A product as ads use it. `png` is its file in the workspace; `cut` is there if it had to be cut out."""

    path: Path
    product: Product
    png: bytes
    cut: CutOut | None = None
    cached: bool = False

    @property
    def doubtful(self) -> bool:
        """Whether somebody should look at the cut-out first."""
        return self.cut is not None and self.cut.confidence < SURE

    def summary(self) -> dict[str, Any]:
        """What `--json` says of it."""
        height, width = self.product.rgba.shape[:2]
        facts: dict[str, Any] = {"file": str(self.path), "px": [width, height], "pitch_deg": self.product.pitch_deg}
        if self.cut is not None:
            facts |= {"cutout": self.cut.engine, "confidence": round(self.cut.confidence, 3), "cached": self.cached}
            facts |= {"seconds": round(self.cut.seconds, 2)}
        return facts


class Products:
    """Read on demand, each once a job. `override` stands in for every brief's own."""

    def __init__(self, retouch: Retouch, beside: Path, override: Path | None, cutout: str, progress: Progress) -> None:
        self._retouch, self._beside, self._override = retouch, beside, override
        self._options = CutOptions(engine=cutout)
        self._progress = progress
        self._ready: dict[tuple[Path, float | None], ReadyProduct] = {}

    def facts(self, brief: Brief) -> ProductFacts | None:
        """What planning needs of a brief's product; none where it has none."""
        if brief.product is None and self._override is None:
            return None
        product = self.ready(self._override or self._beside / (brief.product or ""), brief.pitch_deg).product
        return ProductFacts(product.digest, product.aspect, product.pitch_deg)

    def ready(self, path: Path, pitch_deg: float | None, strokes: NDArray[np.uint8] | None = None) -> ReadyProduct:
        """The product at `path`. Raises `BadInput`, `EngineError` when there is none to be found, `Stopped`."""
        if (path, pitch_deg) not in self._ready:
            rgba = decode_picture(read_bytes(path, MAX_FILE_BYTES), path.name)
            cut, cached = None, False
            if has_ground(rgba):
                cut, cached = self._retouch.cut(rgba, self._options, self._progress, strokes)
            product = product_of(rgba if cut is None else cut.rgba, path.name, pitch_deg)
            self._ready[path, pitch_deg] = ReadyProduct(path, product, encode_png(product.rgba), cut, cached)
        return self._ready[path, pitch_deg]

    def all(self) -> tuple[ReadyProduct, ...]:
        return tuple(self._ready.values())
