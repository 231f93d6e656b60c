"""The References tab: pictures to take something from, and where in the new picture each counts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import gradio as gr
import numpy as np
from pydantic import Field

from studio.brand.inside import inside
from studio.brief.draft import Digest
from studio.errors import BadInput, LockupError
from studio.loras import kits_own, loras
from studio.pixels import encode_png, read_picture
from studio.runs import Runs
from studio.studio import Studio
from studio.ui.intake import uploaded
from studio.ui.masks import Masks, small_picture
from studio.ui.view import view

_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".bmp")


class References:
    """What the tab's script may call. A picture is kept in the workspace as PNG and known by its digest."""

    def __init__(self, studio: Studio, runs: Runs) -> None:
        self.studio = studio
        self.runs = runs
        self.masks = Masks(studio)

    def build(self) -> gr.HTML:
        verbs = (
            self.take_references,
            self.reference_shown,
            self.kit_references,
            self.use_kit_reference,
            self.masks.keep_mask,
            self.loras,
        )
        return view("references", verbs, "mask", "references-loras")

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
        return {"picture": small_picture(self.studio, digest)}

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

    def loras(self, engine: Annotated[str, Field(max_length=64)], kit: str = "") -> dict[str, Any]:
        """The LoRAs at hand for a painter, the kit's own, and where more of them are put."""
        engines = self.studio.engines
        own = kits_own(engines, self.studio.shelf.load(kit), engine) if kit else None
        return {
            "loras": [one.model_dump() for one in loras(engines, engine)],
            "own": own.model_dump() if own else None,
            "place": str(engines.folders[-1] / "loras") if engines.folders else "",
        }

    def _kept(self, path: Path) -> dict[str, Any]:
        rgba = read_picture(path)
        digest = self.studio.store.put_blob(encode_png(np.ascontiguousarray(rgba[..., :3])))
        return {"digest": digest, "name": path.stem[:80], "picture": small_picture(self.studio, digest)}
