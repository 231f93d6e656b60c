"""Pictures that are no ads, as files: cut-outs, layers, enlargements. Each says what was done to it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.desk.metadata import srgb_profile
from studio.desk.provenance import TOOL
from studio.errors import LockupError

KINDS = {".png": "png", ".jpg": "jpg", ".jpeg": "jpg", ".webp": "webp", ".tif": "tif", ".tiff": "tif"}
_LARGEST_SIDE = {"jpg": 65_500, "webp": 16_383}
_SOFTWARE, _DESCRIPTION = 0x0131, 0x010E


def encode_picture(pixels: NDArray[np.uint8], kind: str, about: Mapping[str, Any], dpi: int | None = None) -> bytes:
    """H×W×3 or H×W×4 sRGB as a file; `about` is kept in it. `jpg` takes H×W×3 only.

    The same input gives the same bytes. Raises `LockupError` where the file type cannot hold that many pixels.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if max(image.size) > _LARGEST_SIDE.get(kind, 10**9):
        raise LockupError(f"{image.width}×{image.height} px is more than {kind} can hold", "Deliver png instead.")
    note = json.dumps({"lockup": 1, "tool": TOOL, **about}, sort_keys=True, default=str)
    options: dict[str, Any] = {"icc_profile": srgb_profile()}
    if dpi:
        options["dpi"] = (dpi, dpi)
    if kind == "png":
        texts = PngInfo()
        texts.add_text("Software", TOOL)
        texts.add_text("lockup", note, zip=True)
        options |= {"pnginfo": texts, "compress_level": 4}
    else:
        exif = Image.Exif()
        exif[_SOFTWARE], exif[_DESCRIPTION] = TOOL, note
        options["exif"] = exif.tobytes() if kind != "tif" else exif
    if kind == "jpg":
        options |= {"quality": 95, "subsampling": 0}
    elif kind == "webp":
        options |= {"lossless": True, "exact": True}
    elif kind == "tif":
        options["compression"] = "tiff_adobe_deflate"
    out = io.BytesIO()
    try:
        image.save(out, {"jpg": "JPEG", "tif": "TIFF"}.get(kind, kind.upper()), **options)
    except (OSError, ValueError) as error:
        raise LockupError(
            f"{image.width}×{image.height} px could not be written as {kind}: {error}", "Try png."
        ) from error
    return out.getvalue()
