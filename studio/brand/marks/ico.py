"""Windows icon files (.ico): several sizes of one picture, as PNG or as bitmaps without their file header."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image

from studio.errors import BadInput
from studio.pixels import encode_png

_MOST_ICO_PX = 1024


def largest_of_ico(data: bytes) -> bytes:
    """The largest, deepest picture in a Windows icon, as PNG. Raises `BadInput`."""
    wrong = BadInput("The .ico is damaged", "Expected an icon file with at least one picture in it")
    if len(data) < 6:
        raise wrong
    count = min(struct.unpack_from("<H", data, 4)[0], 64)
    entries: list[tuple[int, int, int, int]] = []
    for index in range(count):
        if len(data) < 6 + 16 * (index + 1):
            break
        width, height, _, _, _, bits, length, offset = struct.unpack_from("<BBBBHHII", data, 6 + 16 * index)
        entries.append(((width or 256) * (height or 256), bits, length, offset))
    for _, _, length, offset in sorted(entries, reverse=True):
        inner = data[offset : offset + length]
        if inner[:8] == b"\x89PNG\r\n\x1a\n":
            return inner
        if len(inner) >= 40 and (drawn := _bitmap(inner)) is not None:
            return drawn
    raise wrong


def _bitmap(inner: bytes) -> bytes | None:
    """An icon's bitmap, which stands without a file header and with its mask below it, as PNG."""
    width, height, _, bits = struct.unpack_from("<iiHH", inner, 4)
    if not (0 < width <= _MOST_ICO_PX and 0 < height // 2 <= _MOST_ICO_PX):
        return None
    head = struct.pack("<HHHBBBBHHII", 0, 1, 1, width & 255, (height // 2) & 255, 0, 0, 1, bits, len(inner), 22)
    try:
        with Image.open(io.BytesIO(head + inner), formats=["ICO"]) as image:
            return encode_png(np.asarray(image.convert("RGBA")))
    # The decoder meets hostile bytes with whatever exception they stumble over.
    except Exception:
        return None
