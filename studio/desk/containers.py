"""PNG, JPEG and WebP as the bytes they are: where text, EXIF and XMP lie in them, and putting them there."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
EXIF_HEAD = b"Exif\0\0"
SEGMENT_BYTES = 65_533
"""The most a JPEG segment can carry."""
TEXT_BYTES = 8_000_000
"""The most a compressed text may unfold to."""
_USER_COMMENT, _EXIF_IFD, _SOFTWARE = 0x9286, 0x8769, 0x0131


# ---------------------------------------------------------------------------------------------- PNG
TEXTS_BYTES = 32_000_000
"""All texts of one file together: thousands of small bombs must not add up."""


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_text(key: str, text: str, *, compress: bool = False) -> bytes:
    """A text chunk: `tEXt` where Latin-1 can say it, else `iTXt`, as A1111 and Pillow do."""
    if not compress:
        try:
            return png_chunk(b"tEXt", key.encode("latin-1") + b"\0" + text.encode("latin-1"))
        except UnicodeEncodeError:
            return png_chunk(b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + text.encode())
    return png_chunk(b"iTXt", key.encode("latin-1") + b"\0\1\0\0\0" + zlib.compress(text.encode(), 9))


def png_with(png: bytes, chunks: Sequence[bytes]) -> bytes:
    """The same picture with `chunks` right after its header, where every reader looks."""
    after = len(PNG_HEAD) + 25  # IHDR is always 13 bytes long
    return png[:after] + b"".join(chunks) + png[after:]


def png_texts(data: bytes) -> Iterator[tuple[str, str]]:
    """Every readable text chunk, before and after the pixels, up to `TEXTS_BYTES` of them; EXIF as key `exif-comment`.
    Stops at the first damage."""
    at, room = len(PNG_HEAD), TEXTS_BYTES
    while at + 12 <= len(data) and room > 0:
        (size,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        at += 12 + size
        if at > len(data):
            return
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            found = _png_text(kind, body)
            if found:
                room -= len(found[1])
                yield found
        elif kind == b"eXIf" and (comment := exif_comment(body)):
            yield "exif-comment", comment
        elif kind == b"IEND":
            return


def _png_text(kind: bytes, body: bytes) -> tuple[str, str] | None:
    key, _, rest = body.partition(b"\0")
    if kind == b"tEXt":
        text: bytes | None = rest
    elif kind == b"zTXt":
        text = _inflate(rest[1:])
    else:
        packed = rest[:1] == b"\1"
        _, _, rest = rest[2:].partition(b"\0")
        _, _, rest = rest.partition(b"\0")
        text = _inflate(rest) if packed else rest
    if text is None or not key:
        return None
    return key.decode("latin-1"), text.decode("utf-8" if kind == b"iTXt" else "latin-1", errors="replace")


def _inflate(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(data, TEXT_BYTES)
    except zlib.error:
        return None


# ---------------------------------------------------------------------------------------------- JPEG


def jpeg_segment(marker: int, body: bytes) -> bytes:
    if len(body) > SEGMENT_BYTES:
        raise ValueError(f"a JPEG segment holds {SEGMENT_BYTES} bytes, got {len(body)}")
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def jpeg_with(jpeg: bytes, segments: Sequence[bytes]) -> bytes:
    """The same picture with `segments` behind its JFIF header."""
    at = 2
    if jpeg[2:4] == b"\xff\xe0":
        at += 2 + struct.unpack_from(">H", jpeg, 4)[0]
    return jpeg[:at] + b"".join(segments) + jpeg[at:]


def jpeg_density(jpeg: bytes, dpi: int) -> bytes:
    """The same picture with its JFIF header saying how many pixels make an inch."""
    if jpeg[2:4] != b"\xff\xe0" or jpeg[6:11] != b"JFIF\0":
        return jpeg
    return jpeg[:13] + struct.pack(">BHH", 1, dpi, dpi) + jpeg[18:]


def jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and body of every segment before the pixels."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in (0xD9, 0xDA):
            return
        if marker in (0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        (size,) = struct.unpack_from(">H", data, at + 2)
        if size < 2:
            return
        yield marker, data[at + 4 : at + 2 + size]
        at += 2 + size


# ---------------------------------------------------------------------------------------------- WebP


def riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and body of every chunk of a RIFF file such as WebP."""
    at = 12
    while at + 8 <= len(data):
        (size,) = struct.unpack_from("<I", data, at + 4)
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + (size & 1)


# ---------------------------------------------------------------------------------------------- EXIF


def exif(comment: str, software: str) -> bytes:
    """A TIFF block with Software and the UserComment the way A1111 writes it: `UNICODE`, then big-endian UTF-16."""
    name = software.encode("ascii", errors="replace") + b"\0"
    count = len(name)
    name += b"\0" * (count & 1 if count > 4 else 4 - count)
    note = b"UNICODE\0" + comment.encode("utf-16-be", errors="replace")
    names_at = 8 + 2 + 2 * 12 + 4
    sub_at = names_at + (len(name) if len(name) > 4 else 0)
    note_at = sub_at + 2 + 2 * 12 + 4
    out = b"MM\0*" + struct.pack(">I", 8) + struct.pack(">H", 2)
    value = struct.pack(">I", names_at) if len(name) > 4 else name
    out += struct.pack(">HHI", _SOFTWARE, 2, count) + value
    out += struct.pack(">HHII", _EXIF_IFD, 4, 1, sub_at) + struct.pack(">I", 0)
    out += name if len(name) > 4 else b""
    out += struct.pack(">H", 2) + struct.pack(">HHI", 0x9000, 7, 4) + b"0232"
    out += struct.pack(">HHII", _USER_COMMENT, 7, len(note), note_at) + struct.pack(">I", 0)
    return out + note


def exif_comment(block: bytes) -> str | None:
    """The UserComment of a TIFF block, in either byte order; None if there is none or the block is damaged."""
    order = {b"MM": ">", b"II": "<"}.get(block[:2])
    if order is None:
        return None
    try:
        (first,) = struct.unpack_from(order + "I", block, 4)
        for ifd in (first, *_values(block, order, first, _EXIF_IFD)):
            for size, offset in _entries(block, order, ifd, _USER_COMMENT):
                return _decode_comment(block[offset : offset + size], order)
    except struct.error:
        return None
    return None


def _entries(block: bytes, order: str, ifd: int, tag: int) -> Iterator[tuple[int, int]]:
    (count,) = struct.unpack_from(order + "H", block, ifd)
    for index in range(min(count, 512)):
        found, _, size, value = struct.unpack_from(order + "HHII", block, ifd + 2 + 12 * index)
        if found == tag:
            yield size, value if size > 4 else ifd + 10 + 12 * index


def _values(block: bytes, order: str, ifd: int, tag: int) -> list[int]:
    return [struct.unpack_from(order + "I", block, at)[0] for _, at in _entries(block, order, ifd, tag)]


def _decode_comment(raw: bytes, order: str) -> str:
    head, body = raw[:8], raw[8:]
    if head == b"UNICODE\0":
        # Writers disagree on the byte order; Latin text shows it by where its zero bytes are.
        high, low = body[0::2].count(0), body[1::2].count(0)
        big = high > low if high != low else order == ">"
        return body.decode("utf-16-be" if big else "utf-16-le", errors="replace")
    if head in (b"ASCII\0\0\0", b"\0" * 8):
        return body.decode("utf-8", errors="replace").rstrip("\0")
    return raw.decode("utf-8", errors="replace").rstrip("\0")
