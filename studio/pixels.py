"""The one door for pictures from outside: a file in; H×W×4 uint8 (straight alpha, sRGB, upright) or `BadInput` out."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, features

from studio.errors import BadInput

Rgba = NDArray[np.uint8]

MAX_PICTURE_BYTES = 256_000_000
_FORMATS = ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", *(["AVIF"] if features.check("avif") else [])]
_EXPECTED = "Expected a PNG, JPEG, WebP, TIFF, GIF or BMP"
_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)
_BLACK_POINT_COMPENSATION = 0x2000


def read_bytes(path: Path | str, max_bytes: int) -> bytes:
    """The content of a regular file of at most `max_bytes` bytes. Raises `BadInput`."""
    path = Path(path)
    try:
        if not path.exists():
            raise BadInput(f"{path.name} is not there", f"Looked for {path}; check the path")
        # A folder, but also a device or a pipe, which would never end.
        if not path.is_file():
            raise BadInput(f"{path.name} is not a file", f"Expected a file, got {path}")
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"{path.name} cannot be read: {reason}", "Check the path and its permissions") from error
    if len(data) > max_bytes:
        raise BadInput(
            f"{path.name} is larger than {max_bytes / 1_000_000:g} MB", "Expected a smaller file; save it smaller"
        )
    return data


def picture_size(path: Path | str) -> tuple[int, int]:
    """Width and height in pixels of a picture file, upright, from its header alone. Raises `BadInput`."""
    path = Path(path)
    image = _open(read_bytes(path, MAX_PICTURE_BYTES), path.name)
    width, height = image.size
    return (height, width) if _orientation(image) in _TURNED else (width, height)


def read_picture(path: Path | str, *, max_px: int = 64_000_000) -> Rgba:
    """The picture as H×W×4 uint8: straight alpha, sRGB, upright, the first frame of an animation.

    Raises `BadInput` for anything but a whole picture of at most `max_px` pixels; the size is checked first.
    """
    path = Path(path)
    return decode_picture(read_bytes(path, MAX_PICTURE_BYTES), path.name, max_px=max_px)


def decode_picture(data: bytes, name: str, *, max_px: int = 64_000_000) -> Rgba:
    """As `read_picture`, from bytes; `name` is what messages call it."""
    image = _open(data, name)
    width, height = image.size
    if width * height > max_px:
        raise BadInput(
            f"{name} is {width}×{height} px, {width * height / 1e6:.0f} megapixels",
            f"Expected at most {max_px / 1e6:.0f} megapixels; scale it down first",
        )
    try:
        image.load()
        image = _upright(image)
        return _rgba(image)
    except MemoryError as error:
        raise BadInput(f"{name} does not fit into memory", "Scale it down first") from error
    # Decoders meet hostile bytes with whatever exception they stumbled over; here is the one place that knows why.
    except Exception as error:
        raise BadInput(f"{name} is damaged or cut short: {_short(error)}", "Export or download it again") from error


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """H×W, H×W×3 or H×W×4 as PNG: lossless, and quick rather than small, since these files stay in the workspace."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=3)
    return out.getvalue()


def _open(data: bytes, name: str) -> Image.Image:
    if not data:
        raise BadInput(f"{name} is empty (0 bytes)", "Export or download it again")
    try:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadInput(f"{name} is far too large to open: {_short(error)}", "Scale it down first") from error
    except Image.UnidentifiedImageError as error:
        raise BadInput(
            f"{name} is {_kind(data)}, not a picture that can be read", f"{_EXPECTED}; save it as one"
        ) from error
    except Exception as error:
        raise BadInput(f"{name} is damaged: {_short(error)}", "Export or download it again") from error


def _kind(data: bytes) -> str:
    """What the bytes are, in a designer's words."""
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if re.search(rb"<svg[\s>/]", head):
        return "an SVG drawing"
    if re.match(rb"(?i)<(!doctype html|html|head|body)", head):
        return "a web page"
    for start, words in (
        (b"%PDF", "a PDF"),
        (b"8BPS", "a Photoshop file"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\xff\x0a", "a JPEG XL"),
        (b"<?xml", "an XML text"),
    ):
        if head.startswith(start):
            return words
    if data[4:8] == b"ftyp":
        return "a HEIC picture" if data[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"hevc") else "a film or AVIF"
    return "something else"


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return (text or type(error).__name__)[:120]


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # junk EXIF is no reason to refuse the pixels
        return 1


def _upright(image: Image.Image) -> Image.Image:
    if _orientation(image) == 1:
        return image
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image


def _rgba(image: Image.Image) -> Rgba:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = Image.fromarray(_eight_bit(image))
    profile = image.info.get("icc_profile")
    transparent = "transparency" in image.info or image.mode in ("LA", "PA", "RGBA", "La", "RGBa")
    if image.mode in ("P", "PA", "La", "RGBa", "1") or (transparent and image.mode != "RGBA"):
        image = image.convert("RGBA" if transparent or image.mode != "1" else "L")
    alpha = np.asarray(image.getchannel("A")) if image.mode == "RGBA" else None
    colour = image.convert("RGB") if image.mode == "RGBA" else image
    rgb = np.asarray(_srgb(colour, profile))
    if alpha is None:
        alpha = np.full(rgb.shape[:2], 255, np.uint8)
    return np.ascontiguousarray(np.dstack([rgb, alpha]), dtype=np.uint8)


def _eight_bit(image: Image.Image) -> NDArray[np.uint8]:
    """16-bit, 32-bit integer and float grey as 8 bit; the full range of the depth that is used becomes 0–255."""
    values = np.nan_to_num(np.asarray(image).astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    top = float(values.max(initial=0.0))
    if image.mode == "F" and top <= 1.0:
        full = 1.0
    elif image.mode.startswith("I;16"):
        full = 65535.0
    else:
        full = next((bound for bound in (255.0, 65535.0) if top <= bound), top)
    return np.clip(values / full * 255.0 + 0.5, 0, 255).astype(np.uint8)


def _srgb(image: Image.Image, profile: object) -> Image.Image:
    """An RGB, L, CMYK or LAB image as sRGB, through its profile where it has a usable one."""
    if image.mode == "LAB":
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    elif isinstance(profile, bytes) and profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            # A round trip through the same profile would still change pixels by one step.
            if "srgb" in ImageCms.getProfileDescription(source).lower():
                return image.convert("RGB")
        except (OSError, ImageCms.PyCMSError):
            return image.convert("RGB")
    else:
        return image.convert("RGB")
    if image.mode not in ("RGB", "L", "CMYK", "LAB"):
        image = image.convert("RGB")
    try:
        turned = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags(_BLACK_POINT_COMPENSATION),
        )
    except (ImageCms.PyCMSError, ValueError):  # a profile for another kind of image than this one
        return image.convert("RGB")
    return turned if turned is not None else image.convert("RGB")
