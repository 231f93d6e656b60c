"""The products of a job: each picture read once, cut out where it still has its background, and kept as it is used."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.base import EngineError, Progress
from studio.brief.plan import ProductFacts
from studio.desk.retouch import Retouch
from studio.errors import LockupError
from studio.model import Brief
from studio.picture.cut import CutOptions, CutOut, has_ground
from studio.picture.product import MAX_FILE_BYTES, Product, product_of
from studio.pixels import decode_picture, encode_png, read_bytes

SURE, CLEAN = 0.6, 0.85
"""Below the first a cut-out should be looked at before it goes into ads; from the second on it hardly ever needs it."""


@dataclass(frozen=True, eq=False)
class ReadyProduct:
    """A product as ads use it. `png` is its file in the workspace; `cut` is there if it had to be cut out."""

    path: Path
    product: Product
    png: bytes
    cut: CutOut | None = None
    cached: bool = False
    px: tuple[int, int] = (0, 0)
    """The product's width and height, also where the pixels were let go."""

    @property
    def doubtful(self) -> bool:
        """Whether somebody should look at the cut-out first."""
        return self.cut is not None and self.cut.confidence < SURE

    def summary(self) -> dict[str, Any]:
        """What `--json` says of it."""
        facts: dict[str, Any] = {"file": str(self.path), "px": list(self.px), "pitch_deg": self.product.pitch_deg}
        if self.cut is not None:
            facts |= {"cutout": self.cut.engine, "confidence": round(self.cut.confidence, 3), "cached": self.cached}
            facts |= {"seconds": round(self.cut.seconds, 2)}
        return facts


class Products:
    """Read on demand, each once a job. `override` stands in for every brief's own."""

    def __init__(self, retouch: Retouch, beside: Path, override: Path | None, cutout: str, progress: Progress) -> None:
        self._retouch, self._beside, self._override = retouch, beside, override
        # Not trimmed here: a product that fills its own rectangle would look like one that was never cut out.
        self._options = CutOptions(engine=cutout, trim=False)
        self._progress = progress
        self._known: dict[tuple[Path, float | None], ReadyProduct | LockupError | EngineError] = {}

    def facts(self, brief: Brief) -> ProductFacts | None:
        """What planning needs of a brief's product; none where it has none."""
        if brief.product is None and self._override is None:
            return None
        key = self._override or self._beside / (brief.product or ""), brief.pitch_deg
        if key not in self._known:
            try:
                self._known[key] = self._kept(self.ready(*key))
            except (LockupError, EngineError) as error:
                self._known[key] = error
        known = self._known[key]
        if not isinstance(known, ReadyProduct):
            raise known
        return ProductFacts(known.product.digest, known.px[0] / known.px[1], known.product.pitch_deg)

    def _kept(self, ready: ReadyProduct) -> ReadyProduct:
        """The product in the workspace, its pixels let go: a long table has many."""
        self._retouch.store.put_blob(ready.png)
        none = np.zeros((0, 0, 4), np.uint8)
        cut = ready.cut and replace(ready.cut, rgba=none, unsure=none[..., 0], shadow=None)
        return replace(ready, product=replace(ready.product, rgba=none), png=b"", cut=cut)

    def ready(self, path: Path, pitch_deg: float | None, strokes: NDArray[np.uint8] | None = None) -> ReadyProduct:
        """The product at `path`. Raises `BadInput`, `EngineError` when there is none to be found, `Stopped`."""
        rgba = decode_picture(read_bytes(path, MAX_FILE_BYTES), path.name)
        cut, cached = None, False
        if has_ground(rgba):
            cut, cached = self._retouch.cut(rgba, self._options, self._progress, strokes)
        product = product_of(rgba if cut is None else cut.rgba, path.name, pitch_deg)
        px = product.rgba.shape[1], product.rgba.shape[0]
        return ReadyProduct(path, product, encode_png(product.rgba), cut, cached, px)

    def all(self) -> tuple[ReadyProduct, ...]:
        """Every product that could be used, in the workspace by now."""
        return tuple(known for known in self._known.values() if isinstance(known, ReadyProduct))
