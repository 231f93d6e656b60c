"""Any file in; upright straight-alpha sRGB or one clear sentence out."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from studio.errors import BadInput
from studio.pixels import decode_picture, picture_size, read_bytes, read_picture
from tests.samples import SAMPLES

DATA = SAMPLES


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "LAB"])
def test_every_mode_becomes_rgba(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.full((3, 5), 32896, np.uint16))
    elif mode == "F":
        image = Image.fromarray(np.full((3, 5), 0.5, np.float32))
    elif mode == "I":
        image = Image.fromarray(np.full((3, 5), 32896, np.int32))
    elif mode == "LAB":
        image = Image.new("LAB", (5, 3), (137, 128, 128))
    elif mode == "1":
        image = Image.new("1", (5, 3), 1)
    elif mode == "P":
        image = Image.new("RGB", (5, 3), (128, 128, 128)).convert("P", palette=Image.Palette.ADAPTIVE)
    else:
        image = Image.new("RGB", (5, 3), (128, 128, 128)).convert(mode)
    pixels = decode_picture(saved(image, "TIFF"), "x")
    assert pixels.shape == (3, 5, 4) and pixels.dtype == np.uint8
    assert (pixels[..., 3] == 255).all()
    want = 255 if mode == "1" else 128
    assert np.abs(pixels[..., :3].astype(int) - want).max() <= 2


def test_sixteen_bit_grey_is_scaled_not_cut() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None, :]
    pixels = decode_picture(saved(Image.fromarray(ramp), "PNG"), "x")
    assert np.abs(pixels[0, :, 0].astype(int) - np.arange(256)).max() <= 1


def test_palette_with_transparency_keeps_it() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putdata([0, 1])
    pixels = decode_picture(saved(image, "PNG", transparency=1), "x")
    assert pixels[0, 0].tolist() == [255, 0, 0, 255]
    assert pixels[0, 1, 3] == 0


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_transparent_key_colour_is_transparent(mode: str) -> None:
    image = Image.new(mode, (2, 1), 0)
    image.putpixel((1, 0), 255 if mode == "L" else (255, 255, 255))
    pixels = decode_picture(saved(image, "PNG", transparency=0 if mode == "L" else (0, 0, 0)), "x")
    assert pixels[0, :, 3].tolist() == [0, 255]


def test_exif_turns_the_picture(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 20), "white")
    image.paste("red", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "phone.jpg"
    path.write_bytes(saved(image, "JPEG", exif=exif, quality=95))
    assert picture_size(path) == (20, 40)
    pixels = read_picture(path)
    assert pixels.shape == (40, 20, 4)
    assert pixels[5, 10, 1] < 60 and pixels[35, 10, 1] > 200  # red was left, is on top now


def test_a_wide_gamut_profile_is_converted() -> None:
    xyz = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ"))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    image = Image.new("RGB", (4, 4), (200, 120, 40))
    plain = decode_picture(saved(image, "PNG"), "x")
    same = decode_picture(saved(image, "PNG", icc_profile=srgb.tobytes()), "x")
    other = decode_picture(saved(image, "PNG", icc_profile=xyz.tobytes()), "x")
    assert (same == plain).all(), "sRGB pixels stay exactly as they are"
    assert other.shape == plain.shape


@pytest.mark.parametrize("profile", [b"junk", b"", b"\0" * 200])
def test_a_broken_profile_costs_nothing(profile: bytes) -> None:
    image = Image.new("RGB", (4, 4), (200, 120, 40))
    assert decode_picture(saved(image, "PNG", icc_profile=profile), "x")[0, 0].tolist() == [200, 120, 40, 255]


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (6, 6), colour) for colour in ("red", "blue")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_picture(data, "x")[0, 0, :3].tolist() == [255, 0, 0]


def test_a_bomb_is_refused_before_it_is_opened() -> None:
    for size in (30_000, 9_000):
        with pytest.raises(BadInput) as caught:
            decode_picture(png_header(size, size), "bomb.png")
        assert caught.value.hint


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"<!doctype html><html>", "web page"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"8BPS\0\1", "Photoshop"),
        (b"hello", "something else"),
        (saved(Image.new("RGB", (64, 64), "red"), "PNG")[:90], "damaged"),
        (saved(Image.effect_noise((64, 64), 80), "JPEG")[:700], "damaged"),
    ],
)
def test_what_is_not_a_picture_is_named(data: bytes, word: str) -> None:
    with pytest.raises(BadInput) as caught:
        decode_picture(data, "picture.png")
    assert word in str(caught.value) and caught.value.hint and "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not there"):
        read_bytes(tmp_path / "no.png", 10)
    with pytest.raises(BadInput, match="not a file"):
        read_bytes(tmp_path, 10)
    (tmp_path / "big").write_bytes(b"x" * 11)
    with pytest.raises(BadInput, match="larger"):
        read_bytes(tmp_path / "big", 10)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(BadInput, match="not a file"):
            read_bytes(tmp_path / "pipe", 10)
    with pytest.raises(BadInput):
        read_bytes("nul\0byte", 10)


_SEEDS = [saved(Image.effect_noise((12, 9), 60), kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")] + [
    png_header(3, 3)
]


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(_SEEDS), st.data())
def test_damaged_pictures_never_trace_back(seed: bytes, data: st.DataObject) -> None:
    damaged = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    for candidate in (bytes(damaged), bytes(damaged[:cut])):
        try:
            pixels = decode_picture(candidate, "x", max_px=1_000_000)
            assert pixels.ndim == 3 and pixels.shape[2] == 4
        except BadInput as error:
            assert str(error) and error.hint


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_junk_bytes_never_trace_back(data: bytes) -> None:
    with pytest.raises(BadInput):
        decode_picture(data, "x")


@pytest.mark.skipif(not DATA.exists(), reason="the real inputs are not here")
def test_real_pictures() -> None:
    for path in sorted(DATA.glob("heroes/*.png")):
        pixels = read_picture(path)
        assert picture_size(path) == (pixels.shape[1], pixels.shape[0])
        assert pixels[..., 3].min() == 0
