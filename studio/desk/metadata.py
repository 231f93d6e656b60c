"""Pixels into the file that is delivered, with its provenance inside; and reading that back.

Every file carries sRGB, an XMP packet (DigitalSourceType, CreatorTool), the `parameters` text that A1111 reads, and our
own block: JSON with the ad, the shot and the facts of the picture. In PNG the block is compressed text under `lockup`;
in JPEG and WebP it is the XMP property `lockup:data` (base64 of zlib), because XMP must stay below 64 kB there.
Nothing in it depends on the clock, so the same ad gives the same bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args
from xml.sax.saxutils import quoteattr

import cv2
import defusedxml.ElementTree
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from studio.desk import containers
from studio.errors import BadInput, LockupError
from studio.model import AdSpec, Picture, Shot
from studio.pixels import read_bytes
from studio.values import Value

Pixels = NDArray[np.uint8]
FileKind = Literal["png", "jpg", "webp"]
SourceType = Literal[
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "algorithmicMedia",
    "composite",
    "digitalCreation",
]
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
NAMESPACE = "urn:lockup:ns:1.0"
QUALITY, FULL_CHROMA_FLOOR, FLOOR = 92, 70, 30
BLOCK_BYTES = 40_000
"""The most our own block may take in JPEG and WebP, packed."""
READ_BYTES = 400_000_000
_XMP_KEY = "XML:com.adobe.xmp"
_IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_XMP_NS = "http://ns.adobe.com/xap/1.0/"


class Metadata(Value):
    """What a file says about itself. `tool` is name and version; `parameters` is A1111's text."""

    tool: str
    source_type: SourceType
    parameters: str = ""
    ai_system: str = ""
    """The engine, where a trained model painted; IPTC's AI System Used."""
    ad: AdSpec | None = None
    shot: Shot | None = None
    picture: Picture | None = None


# ---------------------------------------------------------------------------------------------- writing


def encode(
    pixels: Pixels,
    kind: FileKind,
    metadata: Metadata,
    *,
    max_bytes: int | None = None,
    dpi: int | None = None,
) -> bytes:
    """H×W×3 sRGB as a file of at most `max_bytes`, metadata included. The same input gives the same bytes.

    JPEG is 92 with full colour resolution; where that is too big the highest quality that fits is searched, full
    colour resolution down to 70, then halved down to 30. WebP goes down to 30 likewise, PNG is packed harder and never
    loses a colour. Raises `LockupError` when nothing fits.
    """
    if kind not in get_args(FileKind):
        raise BadInput(f"{kind!r} is not a file type ads are delivered in", "Use jpg, png or webp.")
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"expected H×W×3 uint8, got {pixels.shape} {pixels.dtype}")
    write = {"jpg": _jpeg, "png": _png, "webp": _webp}[kind]
    data = write(pixels, metadata, max_bytes, dpi)
    if data is None:
        remedy = "Allow jpg in this format" if kind == "png" else "Use a calmer picture, a smaller format"
        raise LockupError(
            f"{pixels.shape[1]}×{pixels.shape[0]} px do not fit into {max_bytes:,} bytes as {kind}",
            f"{remedy}, or raise max_bytes if the channel takes more.",
        )
    return data


def _jpeg(pixels: Pixels, metadata: Metadata, max_bytes: int | None, dpi: int | None) -> bytes | None:
    block = _pack(_block(metadata, _budget(max_bytes)))
    note = metadata.parameters
    while len(note.encode("utf-16-be")) > containers.SEGMENT_BYTES - 512:
        note = note[: len(note) // 2]
    segments = [
        containers.jpeg_segment(0xE1, containers.EXIF_HEAD + containers.exif(note, metadata.tool)),
        containers.jpeg_segment(0xE1, containers.XMP_HEAD + _xmp(metadata, block)),
        containers.jpeg_segment(0xE2, b"ICC_PROFILE\0\1\1" + srgb_profile()),
    ]
    room = None if max_bytes is None else max_bytes - sum(map(len, segments))
    bgr = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)

    def at(sampling: int, *, tight: bool) -> Callable[[int], bytes]:
        return lambda quality: _jpeg_pixels(bgr, quality, sampling, tight)

    full, halved = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    data = at(full, tight=False)(QUALITY)
    if room is not None and len(data) > room:
        found = _highest(at(full, tight=True), FULL_CHROMA_FLOOR, QUALITY, room)
        found = found or _highest(at(halved, tight=True), FLOOR, QUALITY, room)
        if found is None:
            return None
        data = found
    return containers.jpeg_with(containers.jpeg_density(data, dpi) if dpi else data, segments)


def _jpeg_pixels(bgr: Pixels, quality: int, sampling: int, tight: bool) -> bytes:
    # OpenCV, because Pillow's encoder gives up on optimised pictures that outgrow its buffer.
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    options += [cv2.IMWRITE_JPEG_OPTIMIZE, int(tight), cv2.IMWRITE_JPEG_PROGRESSIVE, int(tight)]
    written, data = cv2.imencode(".jpg", bgr, options)
    if not written:
        raise LockupError(f"{bgr.shape[1]}×{bgr.shape[0]} px could not be written as jpg", "Deliver png instead.")
    return data.tobytes()


def _png(pixels: Pixels, metadata: Metadata, max_bytes: int | None, dpi: int | None) -> bytes | None:
    chunks = [containers.png_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb_profile(), 9))]
    if dpi:
        per_metre = round(dpi / 0.0254)
        chunks.append(containers.png_chunk(b"pHYs", per_metre.to_bytes(4, "big") * 2 + b"\1"))
    if metadata.parameters:
        chunks.append(containers.png_text("parameters", metadata.parameters))
    xmp = _xmp(metadata, None)
    chunks.append(containers.png_chunk(b"iTXt", _XMP_KEY.encode() + b"\0\0\0\0\0" + xmp))
    chunks.append(containers.png_text("lockup", _json(_block(metadata, _budget(max_bytes))), compress=True))
    image = Image.fromarray(np.ascontiguousarray(pixels))
    for level in (4, 9):
        data = containers.png_with(_save(image, "PNG", compress_level=level), chunks)
        if max_bytes is None or len(data) <= max_bytes:
            return data
    return None


def _webp(pixels: Pixels, metadata: Metadata, max_bytes: int | None, dpi: int | None) -> bytes | None:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if max(image.size) > 16_383:
        raise LockupError(f"{image.width}×{image.height} px is more than WebP can hold", "Deliver jpg or png instead.")
    block = _pack(_block(metadata, _budget(max_bytes)))
    extra = {
        "exif": containers.exif(metadata.parameters, metadata.tool),
        "xmp": _xmp(metadata, block),
        "icc_profile": srgb_profile(),
    }

    def at(quality: int) -> bytes:
        return _save(image, "WEBP", quality=quality, method=4, **extra)

    data = at(QUALITY)
    if max_bytes is None or len(data) <= max_bytes:
        return data
    return _highest(at, FLOOR, QUALITY - 1, max_bytes)


def _highest(encode_at: Callable[[int], bytes], low: int, high: int, room: int) -> bytes | None:
    best = None
    while low <= high:
        middle = (low + high + 1) // 2
        data = encode_at(middle)
        if len(data) <= room:
            best, low = data, middle + 1
        else:
            high = middle - 1
    return best


def _save(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@cache
def srgb_profile() -> bytes:
    """A small sRGB profile (588 bytes), without the day it was made."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes.fromhex("07e8 0001 0001 0000 0000 0000".replace(" ", ""))
    return bytes(profile)


# ---------------------------------------------------------------------------------------------- our own block


def _budget(max_bytes: int | None) -> int:
    return BLOCK_BYTES if max_bytes is None else min(BLOCK_BYTES, max(1_200, max_bytes // 12))


def _block(metadata: Metadata, budget: int) -> dict[str, Any]:
    """Our block, at most `budget` bytes when packed. What has no room is named under `left_out`.

    First the stage set is replaced by its digest, then the shot and at last the ad by their ids: with those the
    workspace still finds them.
    """
    ad, shot, picture = metadata.ad, metadata.shot, metadata.picture
    block: dict[str, Any] = {"lockup": 1, "tool": metadata.tool}
    if ad:
        block |= {"ad_id": ad.content_id, "ad": ad.model_dump(mode="json")}
    if shot:
        block |= {"shot_id": shot.content_id, "shot": shot.model_dump(mode="json")}
    if picture:
        # Seconds differ from run to run; a file must not.
        block["picture"] = picture.model_dump(mode="json", exclude={"seconds", "facts"})
        block["picture"]["facts"] = {k: v for k, v in picture.facts.items() if "seconds" not in k and k != "memory"}
    left_out: list[str] = []
    for part in ("shot.set_spec", "picture", "shot", "ad"):
        if len(_pack(block)) <= budget:
            break
        left_out.append(part)
        block["left_out"] = left_out
        if part == "shot.set_spec" and block.get("shot", {}).get("set_spec"):
            digest = hashlib.sha256(_json(block["shot"]["set_spec"]).encode()).hexdigest()
            block["shot"]["set_spec"] = {"digest": digest}
        else:
            block.pop(part, None)
    return block


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _pack(block: dict[str, Any]) -> str:
    return base64.b64encode(zlib.compress(_json(block).encode(), 9)).decode()


def _xmp(metadata: Metadata, block: str | None) -> bytes:
    ai = f" Iptc4xmpExt:AISystemUsed={quoteattr(metadata.ai_system)}" if metadata.ai_system else ""
    data = f' xmlns:lockup="{NAMESPACE}" lockup:data="{block}"' if block else ""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        f' xmlns:xmp="{_XMP_NS}" xmp:CreatorTool={quoteattr(metadata.tool)}'
        f' xmlns:Iptc4xmpExt="{_IPTC_EXT}" Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPES}{metadata.source_type}"{ai}'
        f'{data}/></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


# ---------------------------------------------------------------------------------------------- reading


def read_metadata(path: Path) -> dict[str, Any]:
    """What a picture file says of itself: `kind`, `tool`, `digital_source_type`, `parameters`, `ad`, `shot`, `picture`.

    Keys that the file does not have are absent; `texts` holds every text found, raw. Reads headers only, decodes no
    pixels. Raises `BadInput` for what is not a PNG, JPEG or WebP.
    """
    kind, texts, xmp = _texts(read_bytes(path, READ_BYTES))
    if kind is None:
        raise BadInput(f"{path.name} is not a picture", "Expected a PNG, JPEG or WebP file.")
    found: dict[str, Any] = {"file": path.name, "kind": kind, "texts": texts}
    found |= _from_xmp(xmp) if xmp else {}
    if parameters := texts.get("parameters") or texts.get("exif-comment"):
        found["parameters"] = parameters
    packed = found.pop("lockup", None)
    block = _unpack(texts["lockup"].encode(), packed=False) if "lockup" in texts else None
    block = block or (_unpack(packed.encode(), packed=True) if packed else None)
    for key in ("tool", "ad_id", "ad", "shot_id", "shot", "picture", "cutout", "upscale", "layer", "left_out"):
        if block and key in block:
            found[key] = block[key]
    return found


def _texts(data: bytes) -> tuple[str | None, dict[str, str], bytes | None]:
    texts: dict[str, str] = {}
    xmp: bytes | None = None
    if data.startswith(containers.PNG_HEAD):
        for key, text in containers.png_texts(data):
            texts.setdefault(key, text)
        packet = texts.pop(_XMP_KEY, None)
        return "png", texts, packet.encode() if packet else None
    if data.startswith(b"\xff\xd8\xff"):
        parts = [
            (body[:6] == containers.EXIF_HEAD, body) for mark, body in containers.jpeg_segments(data) if mark == 0xE1
        ]
        kind = "jpg"
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        parts = [(name == b"EXIF", body) for name, body in containers.riff_chunks(data) if name in (b"EXIF", b"XMP ")]
        kind = "webp"
    else:
        return None, texts, None
    for is_exif, body in parts:
        if is_exif:
            comment = containers.exif_comment(body.removeprefix(containers.EXIF_HEAD))
            if comment:
                texts.setdefault("exif-comment", comment)
        elif xmp is None and (kind == "webp" or body.startswith(containers.XMP_HEAD)):
            xmp = body.removeprefix(containers.XMP_HEAD)
    return kind, texts, xmp


def _from_xmp(packet: bytes) -> dict[str, str]:
    try:
        root = defusedxml.ElementTree.fromstring(packet.strip(b"\0 \r\n\t"), forbid_dtd=True)
    except Exception:  # an XML parser meets junk in more ways than it documents
        return {}
    names = {
        f"{{{_XMP_NS}}}CreatorTool": "tool",
        f"{{{_IPTC_EXT}}}DigitalSourceType": "digital_source_type",
        f"{{{_IPTC_EXT}}}AISystemUsed": "ai_system",
        f"{{{NAMESPACE}}}data": "lockup",
    }
    found: dict[str, str] = {}
    for element in root.iter():
        for name, value in (*element.attrib.items(), (element.tag, element.text or "")):
            if name in names and value.strip():
                found.setdefault(names[name], value.strip())
    return found


def _unpack(data: bytes, *, packed: bool) -> dict[str, Any] | None:
    try:
        if packed:
            data = zlib.decompressobj().decompress(base64.b64decode(data, validate=True), containers.TEXT_BYTES)
        block = json.loads(data)
    except (ValueError, binascii.Error, zlib.error, RecursionError):
        return None
    return block if isinstance(block, dict) and block.get("lockup") == 1 else None
