"""Where in the new picture something counts: painted over its whole, kept in the workspace as a map."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from PIL import Image
from pydantic import Field

from engines.base import KEEP
from studio import settings
from studio.desk.files import write_whole
from studio.pixels import decode_picture, encode_png
from studio.studio import Studio
from studio.ui.brush import drawn

SHOWN_PX = 480
MASK_PX = 512


class Masks:
    """Answers with the mask's digest, for references and maps alike."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def keep_mask(self, strokes: Annotated[str, Field(max_length=4_000_000)]) -> dict[str, Any]:
        """A mask from strokes over the new picture (`keep` counts); empty where nothing was painted."""
        marks = drawn(strokes, (MASK_PX, MASK_PX))
        if marks is None or not (marks == KEEP).any():
            return {"mask": None}
        digest = self.studio.store.put_blob(encode_png(np.where(marks == KEEP, 255, 0).astype(np.uint8)))
        return {"mask": digest, "picture": small_picture(self.studio, digest)}


def small_picture(studio: Studio, digest: str) -> Path:
    """A small copy of a picture of the workspace, to be shown. Raises `LockupError` when it is gone."""
    target = settings.shown(studio.home) / "references" / f"{digest}.png"
    if not target.is_file():
        pixels = decode_picture(studio.store.get_blob(digest), "picture")
        small = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
        small.thumbnail((SHOWN_PX, SHOWN_PX))
        write_whole(target, encode_png(np.asarray(small)))
    return target
