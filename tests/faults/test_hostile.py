"""Hostile and broken inputs through the command line: one line and a fix, or correct handling; never a traceback."""

from __future__ import annotations

import io
import json
import re
import shutil
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.faults.conftest import Said

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo"


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is huge and holds nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def cutout(size=(120, 160)) -> np.ndarray:
    rgba = np.zeros((size[1], size[0], 4), np.uint8)
    rgba[20:-10, 20:-20] = (200, 80, 40, 255)
    return rgba


def brief(folder: Path, **more: object) -> Path:
    fields = {"headline": "Hello", "formats": ["display-300x250"], "layouts": ["type"], "count": 1, **more}
    text = "\n".join(f"{name} = {json.dumps(value)}" for name, value in fields.items())
    path = folder / "brief.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(said: Said) -> None:
    """Exit 1, nothing on stdout that pretends success, a short reason and a remedy on stderr."""
    assert said.code == 1, said.out + said.err
    assert "Traceback" not in said.err
    lines = [line for line in said.err.strip().splitlines() if "Fontconfig" not in line]
    assert 1 <= len(lines) <= 3, said.err
    assert len(lines[0]) > 10


GOOD = Image.fromarray(cutout(), "RGBA")
BAD_PICTURES = {
    "bomb": png_header(30_000, 30_000),
    "truncated": saved(GOOD)[:200],
    "empty": b"",
    "text": b"this is not a picture at all",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'/>",
    "zip": b"PK\x03\x04" + b"\0" * 60,
    "all clear": saved(Image.new("RGBA", (50, 50), (0, 0, 0, 0))),
    "no transparency": saved(Image.new("CMYK", (60, 60), (10, 120, 90, 0)), "JPEG"),
    "one pixel": saved(Image.fromarray(np.pad(np.full((1, 1, 4), 255, np.uint8), ((4, 4), (4, 4), (0, 0))), "RGBA")),
}


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_a_bad_product_picture(name, say, tmp_path):
    (tmp_path / "product.png").write_bytes(BAD_PICTURES[name])
    refused(say("make", brief(tmp_path, product="product.png"), "--kit", DEMO / "brand", "--dry-run"))


def rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(GOOD, "PNG", exif=exif)


GOOD_PICTURES = {
    "rgba": saved(GOOD),
    "palette": saved(GOOD.quantize(16, method=Image.Quantize.FASTOCTREE)),
    "grey and alpha": saved(GOOD.convert("LA")),
    "webp": saved(GOOD, "WEBP", lossless=True),
    "tiff": saved(GOOD, "TIFF"),
    "exif rotated": rotated(),
}


@pytest.mark.parametrize("name", GOOD_PICTURES)
def test_an_unusual_product_picture_is_read(name, say, tmp_path):
    (tmp_path / "product.png").write_bytes(GOOD_PICTURES[name])
    said = say(
        "make", brief(tmp_path, product="product.png", layouts=["hero"]), "--kit", DEMO / "brand", "--dry-run", "--json"
    )
    assert said.code == 0, said.err
    assert json.loads(said.out)["shots"]


def test_paths_that_are_not_there(say, tmp_path):
    refused(say("make", tmp_path / "no.toml", "--kit", DEMO / "brand"))
    refused(say("make", brief(tmp_path), "--kit", tmp_path / "nokit"))
    refused(say("make", brief(tmp_path, product="gone.png"), "--kit", DEMO / "brand"))
    refused(say("brand", "check", tmp_path))
    refused(say("score", tmp_path / "gone.png", "--kit", DEMO / "brand"))
    refused(say("read", tmp_path / "gone.png"))
    refused(say("stage", tmp_path / "gone.toml", tmp_path / "out"))


@pytest.mark.parametrize(
    "text",
    [b"\xff\xfe\x00", b"a = = 1", b"[[[[", b"headline = 3", b"count = -1", b"surprise = 1", b"a = " + b"[" * 9000, b"formats = ['nope']",
     b"sets = ['nope']", b"layouts = ['nope']", b"look = 'nope'", b"count = 99999", b"x = 1979-99-99"],
)  # fmt: skip
def test_a_brief_with_junk(text, say, tmp_path):
    path = tmp_path / "brief.toml"
    path.write_bytes(text)
    refused(say("make", path, "--kit", DEMO / "brand", "--dry-run"))


@pytest.mark.parametrize(
    "text", [b"", b"\0\0\0\0", b'a,b\n"never closed', b"\xff\xfe\xff", b"foo,bar\n1,2\n", b"%PDF-1.4 junk"]
)
def test_a_table_with_junk(text, say, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(text)
    said = say("make", path, "--kit", DEMO / "brand", "--dry-run")
    assert "Traceback" not in said.err
    assert said.code in (0, 1)


def kit_with(folder: Path, **changes: object) -> Path:
    """The demo kit with parts of its own extension replaced."""
    kit = folder / "kit"
    shutil.copytree(DEMO / "brand", kit)
    path = kit / "brand.tokens.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["$extensions"]["studio.lockup"] |= changes
    path.write_text(json.dumps(data), encoding="utf-8")
    return kit


@pytest.mark.parametrize(
    "file", ["../secret.svg", "/etc/passwd", "logos/../../x.svg", "C:\\x.svg", "logos/con.svg", "~/x.svg"]
)
def test_a_kit_that_points_outside(file, say, tmp_path):
    (tmp_path / "secret.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'/>")
    kit = kit_with(tmp_path, logos=[{"file": file}])
    refused(say("make", brief(tmp_path), "--kit", kit, "--dry-run"))


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_kit_whose_link_leads_outside(say, tmp_path):
    shutil.copy(DEMO / "brand" / "logos" / "solbrae-mark.svg", tmp_path / "outside.svg")
    kit = kit_with(tmp_path, logos=[{"file": "logos/link.svg"}])
    (kit / "logos" / "link.svg").symlink_to(tmp_path / "outside.svg")
    refused(say("make", brief(tmp_path), "--kit", kit, "--dry-run"))


SVGS = {
    "external entity": b'<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg">&x;</svg>',
    "laughs": b'<!DOCTYPE s [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg">&b;</svg>',
    "nothing drawn": b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><script>alert(1)</script></svg>',
    "not xml": b"<svg",
    "binary": bytes(range(256)),
}


@pytest.mark.parametrize("name", SVGS)
def test_a_logo_that_is_a_trap(name, say, tmp_path):
    kit = kit_with(tmp_path, logos=[{"file": "logos/trap.svg"}])
    (kit / "logos" / "trap.svg").write_bytes(SVGS[name])
    refused(say("make", brief(tmp_path), "--kit", kit, "--dry-run"))


def test_scripts_links_and_huge_filters_in_a_logo_are_dropped(say, tmp_path):
    kit = kit_with(tmp_path, logos=[{"file": "logos/odd.svg"}])
    (kit / "logos" / "odd.svg").write_bytes(
        b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 80 20" onload="x()">'
        b"<script>alert(1)</script><filter id='f' width='99999'><feGaussianBlur stdDeviation='9999'/></filter>"
        b"<a xlink:href='http://example.com'><rect width='80' height='20' fill='#123456' filter='url(#f)' onclick='x()'/></a></svg>"
    )
    said = say("make", brief(tmp_path), "--kit", kit, "--dry-run")
    assert said.code == 0, said.err


@pytest.mark.parametrize(
    "data", [b"", b"not a font", b"\x00\x01\x00\x00" + b"\xff" * 400, b"OTTO" + b"\0" * 60, b"wOF2" + b"\x01" * 500]
)
def test_a_font_that_is_not_a_font(data, say, tmp_path):
    kit = tmp_path / "kit"
    shutil.copytree(DEMO / "brand", kit)
    (kit / "fonts").mkdir(exist_ok=True)
    (kit / "fonts" / "odd.ttf").write_bytes(data)
    path = kit / "brand.tokens.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'"package:[^"]*"', '"fonts/odd.ttf"', text), encoding="utf-8")
    said = say("brand", "check", kit)
    assert said.code == 1
    assert "odd.ttf" in said.out + said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b"null", b'{"color": {"$type": "color", "a": {"$value": "{a.b}"}}}', b"[" * 9000, b"\xff"]
)
def test_tokens_with_junk(text, say, tmp_path):
    kit = tmp_path / "kit"
    kit.mkdir()
    (kit / "brand.tokens.json").write_bytes(text)
    refused(say("make", brief(tmp_path), "--kit", kit, "--dry-run"))


@pytest.mark.parametrize("name", ["bomb", "truncated", "empty", "text", "zip"])
def test_scoring_and_reading_junk(name, say, tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(BAD_PICTURES[name])
    refused(say("score", path, "--kit", DEMO / "brand"))
    said = say("read", path)
    assert "Traceback" not in said.err


@pytest.mark.parametrize("text", ["id = 3", "surprise = 1", "[[["])
def test_a_set_with_junk(text, say, tmp_path):
    path = tmp_path / "set.toml"
    path.write_text(text, encoding="utf-8")
    refused(say("stage", path, tmp_path / "out", "--size", "64x64"))


def test_odd_values_on_the_command_line(say, tmp_path):
    refused(say("stage", "arch", tmp_path / "out", "--size", "huge"))
    refused(say("stage", "arch", tmp_path / "out", "--size", "64"))
    refused(say("make", brief(tmp_path), "--kit", DEMO / "brand", "--formats", "no-such-format", "--dry-run"))
    refused(
        say("make", brief(tmp_path), "--kit", DEMO / "brand", "--engine", "no-such-engine", "--out", tmp_path / "o")
    )
    (tmp_path / "file").write_text("in the way")
    refused(say("make", brief(tmp_path), "--kit", DEMO / "brand", "--out", tmp_path / "file"))
    assert say("make").code == 2
