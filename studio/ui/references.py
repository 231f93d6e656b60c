"""The References tab: pictures to take something from, and where in the new picture each counts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import gradio as gr
import numpy as np
from PIL import Image
from pydantic import Field

from engines.base import KEEP
from studio import settings
from studio.brand.inside import inside
from studio.brief.draft import Digest
from studio.desk.files import write_whole
from studio.errors import BadInput, LockupError
from studio.pixels import decode_picture, encode_png, read_picture
from studio.runs import Runs
from studio.studio import Studio
from studio.ui.brush import drawn
from studio.ui.intake import uploaded
from studio.ui.view import view

SHOWN_PX = 480
MASK_PX = 512
_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".bmp")


class References:
    """What the tab's script may call. A picture is kept in the workspace as PNG and known by its digest."""

    def __init__(self, studio: Studio, runs: Runs) -> None:
        self.studio = studio
        self.runs = runs

    def build(self) -> gr.HTML:
        verbs = (
            self.take_references,
            self.reference_shown,
            self.kit_references,
            self.use_kit_reference,
            self.keep_mask,
        )
        return view("references", verbs)

    def take_references(self, paths: Annotated[list[str], Field(max_length=40)]) -> dict[str, Any]:
        """Dropped pictures; those that cannot be used are told apart."""
        taken, errors = [], []
        for path in paths:
            try:
                taken.append(self._kept(uploaded(path)))
            except LockupError as error:
                errors.append({"message": str(error), "hint": error.hint})
        return {"taken": taken, "errors": errors}

    def reference_shown(self, digest: Digest) -> dict[str, Any]:
        """A small picture of one that is kept."""
        return {"picture": self._small(digest)}

    def kit_references(self, kit: str) -> list[dict[str, Any]]:
        """The pictures of a kit's own."""
        loaded = self.studio.shelf.load(kit)
        found = []
        for file in loaded.kit.references:
            path = inside(loaded.folder, file)
            if path.suffix.lower() in _PICTURES and path.is_file():
                found.append({"file": file, "picture": path})
        return found

    def use_kit_reference(self, kit: str, file: str) -> dict[str, Any]:
        """One of the kit's own pictures, kept in the workspace so that the kit may change."""
        loaded = self.studio.shelf.load(kit)
        if file not in loaded.kit.references:
            raise BadInput(f"The kit has no reference called {file[:80]}", "Choose one of those that are shown.")
        return self._kept(inside(loaded.folder, file))

    def keep_mask(self, strokes: Annotated[str, Field(max_length=4_000_000)]) -> dict[str, Any]:
        """A mask from strokes over the new picture (`keep` counts); empty where nothing was painted."""
        marks = drawn(strokes, (MASK_PX, MASK_PX))
        if marks is None or not (marks == KEEP).any():
            return {"mask": None}
        digest = self.studio.store.put_blob(encode_png(np.where(marks == KEEP, 255, 0).astype(np.uint8)))
        return {"mask": digest, "picture": self._small(digest)}

    def _kept(self, path: Path) -> dict[str, Any]:
        rgba = read_picture(path)
        digest = self.studio.store.put_blob(encode_png(np.ascontiguousarray(rgba[..., :3])))
        return {"digest": digest, "name": path.stem[:80], "picture": self._small(digest)}

    def _small(self, digest: str) -> Path:
        target = settings.shown(self.studio.home) / "references" / f"{digest}.png"
        if not target.is_file():
            pixels = decode_picture(self.studio.store.get_blob(digest), "reference")
            small = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
            small.thumbnail((SHOWN_PX, SHOWN_PX))
            write_whole(target, encode_png(np.asarray(small)))
        return target
