"""Small pictures of finished ads for the screens. They are made again when they are gone."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from studio import settings
from studio.desk.files import write_whole
from studio.errors import DeskError

BOX_PX = (720, 480)
log = logging.getLogger(__name__)


def thumb_path(home: Path, ad_id: str, size_bytes: int) -> Path:
    """Where the thumbnail of an ad lies, or would; a file made anew gets one of its own."""
    return settings.shown(home) / "thumbs" / f"{ad_id}-{size_bytes}.jpg"


def keep_thumb(home: Path, ad_id: str, size_bytes: int, pixels: NDArray[np.uint8]) -> None:
    """Make the thumbnail of an ad (H×W×3). A disk that refuses is no reason to lose the ad: then there is none."""
    try:
        write_whole(thumb_path(home, ad_id, size_bytes), _jpeg(Image.fromarray(pixels)))
    except DeskError as error:
        log.warning("no thumbnail of %s: %s", ad_id, error)


def thumb_of(home: Path, source: Path, ad_id: str, size_bytes: int) -> Path:
    """The thumbnail of an ad's file, made now if it is not there; the file itself where none can be made."""
    target = thumb_path(home, ad_id, size_bytes)
    if target.is_file():
        return target
    try:
        with Image.open(source) as image:
            image.draft("RGB", (2 * BOX_PX[0], 2 * BOX_PX[1]))
            write_whole(target, _jpeg(image))
    except (OSError, DeskError, Image.DecompressionBombError) as error:
        log.warning("no thumbnail of %s: %s", source, error)
        return source
    return target


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    small = image.convert("RGB")
    small.thumbnail(BOX_PX, Image.Resampling.LANCZOS, reducing_gap=2.0)
    small.save(out, "JPEG", quality=86)
    return out.getvalue()
