"""The product of a brief: a dropped photo is cut out, shown with how sure that is, and mended with the brush."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from studio import settings
from studio.brief.draft import Digest
from studio.desk.files import write_whole
from studio.pixels import decode_picture, encode_png
from studio.products import ReadyProduct
from studio.studio import Studio
from studio.ui.brush import Brush
from studio.ui.intake import uploaded
from studio.ui.words import sureness

SHOWN_PX = (420, 340)
PHOTO = ".photo"
"""The suffix of the photos that cut-outs were made from."""


class ProductCard:
    """Answers with the fields the draft takes (`product`, `photo`, `product_name`) and what to show."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.brush = Brush(studio)

    def take_product(self, path: str) -> dict[str, Any]:
        """A dropped picture: one with a background is cut out first."""
        return self._taken(uploaded(path))

    def demo_product(self) -> dict[str, Any]:
        """The sample's product, a photo."""
        return self._taken(Path(__file__).resolve().parents[2] / "assets" / "demo" / "product.jpg")

    def product_shown(self, digest: Digest) -> dict[str, Any]:
        """How a product that is in the workspace looks: a small picture, and its size."""
        target = settings.shown(self.studio.home) / "products" / f"{digest}.png"
        data = self.studio.store.get_blob(digest)
        rgba = decode_picture(data, "product")
        if not target.is_file():
            small = Image.fromarray(rgba, "RGBA")
            small.thumbnail(SHOWN_PX)
            write_whole(target, encode_png(np.asarray(small.convert("RGBA"))))
        return {"picture": target, "width": rgba.shape[1], "height": rgba.shape[0]}

    def brush_open(self, photo: Digest) -> dict[str, Any]:
        """Open the brush on the photo a cut-out was made from."""
        return json.loads(self.brush.open(self.studio.store.blob_path(photo, PHOTO)))

    def brush_solve(self, token: str, strokes: str) -> dict[str, Any]:
        """The edge under these strokes, at the size of the screen."""
        return json.loads(self.brush.solve(token, strokes))

    def brush_done(self, token: str, strokes: str, name: str) -> dict[str, Any]:
        """Cut at full size with these strokes."""
        path, marks = self.brush.mended(token, strokes)
        return self._answer(self.studio.product(path, strokes=marks), path.stem, name)

    def _taken(self, path: Path) -> dict[str, Any]:
        ready = self.studio.product(path)
        photo = self.studio.store.put_blob(path.read_bytes(), PHOTO) if ready.cut else ""
        return self._answer(ready, photo, path.name)

    def _answer(self, ready: ReadyProduct, photo: str, name: str) -> dict[str, Any]:
        digest = self.studio.keep(ready).stem
        return {
            "draft": {"product": digest, "photo": photo, "product_name": name[:200]},
            "said": f"Cut out, {sureness(ready.cut.confidence)}" if ready.cut else "Transparent already",
            "doubtful": ready.doubtful,
            **self.product_shown(digest),
        }
