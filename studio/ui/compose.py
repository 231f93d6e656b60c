"""The Compose tab: what the picture is built on: sketch, set, photo, layout."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Annotated, Any

import cv2
import gradio as gr
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from engines.base import EngineError
from studio.board import SHAPES, Composed
from studio.desk.files import write_whole
from studio.errors import LockupError
from studio.maps import Reading, on_white, read_map
from studio.pixels import decode_picture, encode_png, read_picture
from studio.previews import MapKind, Previews, jpeg, prune
from studio.runs import Runs
from studio.sets import rest_values
from studio.studio import Studio
from studio.ui.facts import address
from studio.ui.intake import uploaded
from studio.ui.masks import Masks
from studio.ui.view import view

Pixels = NDArray[np.uint8]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
KitId = Annotated[str, Field(max_length=80)]
Detail = Annotated[float, Field(ge=0, le=1)]
PHOTO_PX, SMALL_PX = 1024, 240
KEPT = 120


class Compose:
    """What the tab's script may call."""

    def __init__(self, studio: Studio, runs: Runs) -> None:
        self.studio = studio
        self.runs = runs
        self._previews = Previews(studio)
        self.masks = Masks(studio)

    def build(self) -> gr.HTML:
        verbs = (
            self.start, self.outlines, self.thumbs, self.preview, self.keep_map, self.take_photo, self.read_map,
            self.use_map, self.control_pictures, self.masks.keep_mask,
        )  # fmt: skip
        return view("compose", verbs, "canvas", "mask", "copy", "compose-board", "compose-set", "compose-photo")

    def start(self) -> dict[str, Any]:
        """What does not change: what every set says for each slider, shapes to compose for, what reads photos."""
        offers = self.studio.engines.offers("annotator")
        return {
            "rests": {name: rest_values(spec) for name, spec in self.studio.presets().sets.items()},
            "shapes": [
                {"id": shape.id, "name": shape.name, "width": shape.width_px, "height": shape.height_px}
                for shape in SHAPES
            ],
            "annotators": [{"id": one.id, "name": one.name, "reason": one.reason, "fix": one.fix} for one in offers],
        }

    # -------------------------------------------------------------------------------------------- the board

    def outlines(self, wish: Composed) -> dict[str, Any]:
        """Every layout's places on the board's format."""
        return self._previews.outlines(wish)

    def thumbs(self, kit: KitId, ask: bool = True) -> dict[str, str]:
        """The address of every set's thumbnail in a kit's colours; empty where it is still being painted."""
        found = self._previews.thumbs(kit, ask)
        return {name: address(path) if path else "" for name, path in found.items()}

    def preview(self, wish: Composed, fine: bool = False) -> dict[str, Any]:
        """The set as it will be painted, small. A `fine` one that gave way to another wish has no `url`."""
        made = self._previews.preview(wish, fine)
        if made is None:
            return {"url": ""}
        framed, product = made.place.framed, made.product
        shot = made.place.shot
        stands = shot.placement.box.model_dump() if shot is not None and shot.placement is not None else None
        return {
            "url": address(made.path), "seconds": round(made.seconds, 2), "family": made.family,
            "width": framed.width_px, "height": framed.height_px, "product": stands,
            "pitch_deg": product.pitch_deg if product else None,
        }  # fmt: skip

    def keep_map(self, wish: Composed, kind: MapKind) -> dict[str, str]:
        """The board's depth or edges as a map to follow."""
        return self._kept(self._previews.keep_map(wish, kind))

    # -------------------------------------------------------------------------------------------- photos

    def take_photo(self, path: str) -> dict[str, Any]:
        """A photo that was dropped, made ready to be read."""
        small = _fitted(on_white(read_picture(uploaded(path))), PHOTO_PX)
        digest = self.studio.store.put_blob(encode_png(small))
        height, width = small.shape[:2]
        return {
            "photo": digest, "url": self._shown("photos", digest, small), "width": width, "height": height,
            "light": bool(small.mean() > 127),
        }  # fmt: skip

    def read_map(self, photo: Digest, kind: Reading, detail: Detail = 0.5, invert: bool = False) -> dict[str, Any]:
        """The map of a photo, to be looked at."""
        started = time.perf_counter()
        drawn = self._read(photo, kind, detail, invert)
        name = hashlib.sha256(f"{photo}|{kind}|{detail:.3f}|{invert}".encode()).hexdigest()
        return {"url": self._shown("maps", name, drawn), "seconds": round(time.perf_counter() - started, 2)}

    def use_map(self, photo: Digest, kind: Reading, detail: Detail = 0.5, invert: bool = False) -> dict[str, str]:
        """The map of a photo as a file of the workspace."""
        drawn = self._read(photo, kind, detail, invert)
        return self._kept(self.studio.store.put_blob(encode_png(drawn)))

    def control_pictures(self, digests: Annotated[list[Digest], Field(max_length=16)]) -> dict[str, str]:
        """Small pictures of maps, by digest; empty for one that is gone."""
        found = {}
        for digest in digests:
            try:
                found[digest] = self._kept(digest)["url"]
            except (LockupError, EngineError):
                found[digest] = ""
        return found

    def _read(self, photo: str, kind: Reading, detail: float, invert: bool) -> Pixels:
        return read_map(self.studio.engines, self._picture(photo), kind, detail, invert)

    def _picture(self, digest: str) -> Pixels:
        return np.ascontiguousarray(decode_picture(self.studio.store.get_blob(digest), "The picture")[..., :3])

    def _kept(self, digest: str) -> dict[str, str]:
        """A map of the workspace with the address of a small picture of it."""
        path = self._previews.folder / "maps" / f"{digest}.jpg"
        if path.is_file():
            return {"digest": digest, "url": address(path)}
        return {"digest": digest, "url": self._shown("maps", digest, _fitted(self._picture(digest), SMALL_PX))}

    def _shown(self, folder: str, name: str, pixels: Pixels) -> str:
        path: Path = self._previews.folder / folder / f"{name}.jpg"
        if not path.is_file():
            write_whole(path, jpeg(pixels))
            prune(path.parent, KEPT)
        return address(path)


def _fitted(pixels: Pixels, longest_px: int) -> Pixels:
    scale = longest_px / max(pixels.shape[:2])
    if scale >= 1:
        return np.ascontiguousarray(pixels)
    size = max(round(pixels.shape[1] * scale), 1), max(round(pixels.shape[0] * scale), 1)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
