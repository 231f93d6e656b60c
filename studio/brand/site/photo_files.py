"""Picture files from a site: how large they are, from the header alone, and a small copy to measure."""

from __future__ import annotations

import io
import re

import numpy as np
from PIL import Image

from studio.errors import BadInput
from studio.pixels import Rgba, decode_picture

SMALL_PX = 320
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
_ORIENTATION = 0x0112
_MAX_JPEG_PX = 100_000_000
_SVG_TAG = re.compile(rb"<svg\b[^>]{0,4000}>", re.IGNORECASE)
_LENGTH = re.compile(r"\s*([\d.]{1,12})\s*(?:px)?\s*")


def size_of(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, upright; of an SVG its view box, else its width and height. None if neither tells."""
    svg = _SVG_TAG.search(data[:20_000]) if data.lstrip()[:1] == b"<" else None
    if svg is not None:
        return _svg_size(svg[0].decode("utf-8", "replace"))
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
            turned = image.format == "JPEG" and image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    except Exception:  # decoders meet broken headers with whatever they stumbled over
        return None
    return (height, width) if turned else (width, height)


def small_copy(data: bytes, most_px: int = 12_000_000) -> Rgba | None:
    """The picture as H×W×4 uint8, straight alpha; a JPEG at about 320 px. None for drawings, what cannot be read, and
    other pictures of more than `most_px` pixels, which take their time."""
    size = size_of(data)
    if size is None or data.lstrip()[:1] == b"<":
        return None
    try:
        if data[:3] == b"\xff\xd8\xff" and size[0] * size[1] <= _MAX_JPEG_PX:
            with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
                # A JPEG decodes to an eighth of its size for a fraction of the time.
                image.draft("RGB", (SMALL_PX, SMALL_PX))
                return np.asarray(image.convert("RGBA"), np.uint8)
        return decode_picture(data, "picture", max_px=most_px) if size[0] * size[1] <= most_px else None
    except BadInput:
        return None
    except Exception:  # as above
        return None


def _svg_size(tag: str) -> tuple[int, int] | None:
    box = re.search(r"""viewBox\s*=\s*["']\s*[-\d.e]+[\s,]+[-\d.e]+[\s,]+([\d.]+)[\s,]+([\d.]+)""", tag, re.IGNORECASE)
    sides = [box[1], box[2]] if box else []
    if not sides:
        for name in ("width", "height"):
            found = re.search(rf"""\s{name}\s*=\s*["']([^"']*)["']""", tag, re.IGNORECASE)
            length = _LENGTH.fullmatch(found[1]) if found else None
            sides += [length[1]] if length else []
    try:
        width, height = (min(20_000, round(float(side))) for side in sides)
    except (ValueError, OverflowError):
        return None
    return (width, height) if width > 0 and height > 0 else None
