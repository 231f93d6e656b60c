"""Pictures of products and heroes: the largest of each, with real sizes; never logos, icons, placeholders or traps."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from studio.brand.page.srcset import largest
from studio.brand.site.photo_files import size_of, small_copy
from studio.brand.site.photos import MOST_PICTURES, photography_of, pictures_of, warnings_of
from studio.brand.site.proposals import Photo
from studio.brand.source.saved import open_saved
from tests.brand.sites_made import look_of, site_of
from tests.samples import SAMPLES

SITES = SAMPLES / "sites"


def picture(
    width: int, height: int, kind: str = "PNG", colour: tuple[int, int, int] = (200, 120, 40), **more: Any
) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, kind, **more)
    return out.getvalue()


def found(folder: Path, html: str, marks: tuple[str, ...] = (), /, **files: bytes) -> dict[str, Photo]:
    site = site_of(folder, f"<!doctype html><html>{html}</html>", **files)
    urls = frozenset(f"https://saved.invalid/{mark}" for mark in marks)
    return {photo.file: photo for photo in pictures_of(look_of(site), site, urls)}


def test_size_and_use_of_linked_pictures(tmp_path: Path) -> None:
    html = """<body><section class="hero"><img src="a/top.jpg" alt="Bread"></section>
      <div class="card"><img src="a/loaf.png"><p>Rye loaf</p><b>$4.50</b></div>
      <p><img src="a/street.png" alt="..."></p>
      <style>.x { background-image: url(a/oven.webp) }</style><div class="x">x</div></body>"""
    photos = found(
        tmp_path, html, a__top_jpg=picture(1200, 600, "JPEG"), a__loaf_png=picture(400, 400), a__street_png=picture(800, 500),
        a__oven_webp=picture(640, 480, "WEBP"),
    )  # fmt: skip
    assert {name: photo.use for name, photo in photos.items()} == {
        "a/top.jpg": "hero", "a/loaf.png": "product", "a/street.png": "picture", "a/oven.webp": "picture",
    }  # fmt: skip
    top = photos["a/top.jpg"]
    assert (top.width_px, top.height_px, top.alt, top.source) == (1200, 600, "Bread", "index.html: img")
    assert photos["a/street.png"].alt == ""


def test_the_largest_of_a_set_is_taken_and_a_smaller_one_where_it_is_missing(tmp_path: Path) -> None:
    html = """<body><img src="s.png" srcset="s.png 300w, l.png 900w"><img data-src="lazy.png" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">
      <img srcset="gone.png 2x, here.png 1x" src="here.png"><noscript><img src="quiet.png"></noscript>
      <picture><source srcset="wide.png 1200w"><img src="narrow.png"></picture><video poster="still.png"></video></body>"""
    names = ("s", "l", "lazy", "here", "quiet", "wide", "narrow", "still")
    photos = found(tmp_path, html, (), **{f"{name}_png": picture(300 + 10 * i, 300) for i, name in enumerate(names)})
    linked = {name for name, photo in photos.items() if "not linked" not in photo.source}
    assert linked >= {"l.png", "lazy.png", "here.png", "wide.png", "still.png", "quiet.png"}


@pytest.mark.parametrize(("srcset", "reference"), [
    ("a.png 1x, b.png 2x", "b.png"), ("a.png 1x,b.png 2x", "b.png"), ("a.png, b.png 2x", "b.png"), ("", ""), (" , ,", ""),
    ("data:,x 1x, c.png 3x", "c.png"), ("data:image/png;base64,AA== 2x, c.png", "data:image/png;base64,AA=="),
    ("https://example.org/w_90,h_50/a.png 1x, https://example.org/w_180,h_100/a.png 2x", "https://example.org/w_180,h_100/a.png"),
    ("a.png 300w, b.png 900w, c.png 9000w", "b.png"), ("c.png 9000w, a.png 5000w", "a.png"), ("a.png 1e999x, b.png 1.5x", "b.png"),
    ("a.png 300w 200h, b.png 200w", "a.png"), ("a.png .x, b.png 0.5x", "a.png"), ("a.png (x", "a.png"),
])  # fmt: skip
def test_the_largest_of_a_set(srcset: str, reference: str) -> None:
    assert largest(srcset, 4000) == reference


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(alphabet=" ,.ax12w()\t\n", max_size=200), st.text(max_size=200)))
def test_any_set_gives_one_of_its_references(srcset: str) -> None:
    reference = largest(srcset, 4000)
    assert reference in srcset and len(reference.split()) <= 1 and reference.strip(",") == reference


def test_long_sets_are_read_in_no_time() -> None:
    began = time.process_time()
    for text in (
        "," * 1_000_000,
        " " * 1_000_000,
        "a, " * 300_000,
        "a (" * 300_000,
        "a" * 1_000_000,
        "a 1." + "1" * 1_000_000,
    ):
        largest(text, 4000)
    assert time.process_time() - began < 2


def test_what_phones_and_dark_screens_show_comes_last(tmp_path: Path) -> None:
    html = """<body><picture><source media="(max-width:600px)" srcset="phone.png"><source media="(prefers-color-scheme:dark)"
      srcset="night.png"><source media="(min-width: 601px)" srcset="desk.png"><img src="own.png"></picture>
      <picture><source media="(max-width:600px)" srcset="only.png"><img src="gone.png"></picture></body>"""
    names = ("phone", "night", "desk", "own", "only")
    photos = found(tmp_path, html, (), **{f"{name}_png": picture(300 + 10 * i, 300) for i, name in enumerate(names)})
    assert {name for name, photo in photos.items() if "not linked" not in photo.source} == {"desk.png", "only.png"}


@pytest.mark.parametrize(
    "name", ["logo-acme.png", "favicon.png", "img/avatar-2.png", "badge-1.png", "sprite.png", "icons/cart.png", "pattern.png",
             "client-logo.png", "apple-touch-icon.png", "flags/de.png", "spinner.png", "brand/white.png"],
)  # fmt: skip
def test_signs_and_decorations_are_no_photos(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture(500, 500))
    assert found(tmp_path, f'<body><img src="{name}"></body>') == {}


def test_tiny_stretched_and_known_marks_are_left_out(tmp_path: Path) -> None:
    html = '<body><img src="p.png"><img src="line.png"><img src="mark.png"><img src="small.png" width="24" height="24"></body>'
    assert (
        found(tmp_path, html, ("mark.png", "small.png"), p_png=picture(40, 40), line_png=picture(900, 100),
              mark_png=picture(400, 200), small_png=picture(300, 300)) == {}
    )  # fmt: skip


def test_unlinked_pictures_of_the_folder_come_last(tmp_path: Path) -> None:
    html = '<body><img src="used.png"></body>'
    files = {"used_png": picture(600, 400), "products__one_png": picture(700, 700), "other_png": picture(210, 210),
             "little_png": picture(150, 150), "icon_png": picture(500, 500)}  # fmt: skip
    photos = found(tmp_path, html, (), **files)
    assert list(photos) == ["used.png", "products/one.png", "other.png"]
    assert photos["products/one.png"].use == "product" and photos["products/one.png"].confidence < 0.5
    assert photos["other.png"].source == "in the folder, not linked by this page"


def test_linked_data_names_products(tmp_path: Path) -> None:
    data = json.dumps({"@type": "Product", "name": "Rye loaf", "image": [{"url": "x.jpg"}, 3, None]})
    photos = found(
        tmp_path, f'<head><script type="application/ld+json">{data}</script></head>', x_jpg=picture(800, 800, "JPEG")
    )
    assert photos["x.jpg"].use == "product" and photos["x.jpg"].alt == "Rye loaf" and photos["x.jpg"].confidence > 0.7


def test_what_could_not_be_read_is_counted(tmp_path: Path) -> None:
    html = '<body><img src="gone.jpg"><img src="https://cdn.example/x.jpg"><img src="https://dummyimage.com/450x300.jpg"></body>'
    site = site_of(tmp_path, html)
    look = look_of(site)
    assert pictures_of(look, site, frozenset()) == ()
    notes = warnings_of(look, site, frozenset())
    assert len(notes) == 2 and "dummyimage.com" in notes[0] and notes[1].startswith("2 pictures")
    assert warnings_of(look_of(site), site, frozenset()) == notes


def test_no_more_than_there_is_room_for(tmp_path: Path) -> None:
    html = "<body>" + "".join(f'<img src="p{i}.png">' for i in range(90)) + "</body>"
    assert len(found(tmp_path, html, (), **{f"p{i}_png": picture(200, 200 + i) for i in range(90)})) == MOST_PICTURES


def test_sizes_come_from_the_header() -> None:
    assert size_of(picture(30, 20)) == (30, 20) and size_of(picture(30, 20, "WEBP")) == (30, 20)
    turned = Image.Exif()
    turned[0x0112] = 6
    assert size_of(picture(30, 20, "JPEG", exif=turned)) == (20, 30)
    assert size_of(b'<svg xmlns="x" viewBox="0 0 640.2 480"><rect/></svg>') == (640, 480)
    assert size_of(b'<?xml version="1.0"?><svg width="12px" height="8"/>') == (12, 8)
    for broken in (
        b"",
        b"<svg/>",
        b'<svg viewBox="0 0 nan 1">',
        b'<svg width="1.2.3" height="4">',
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
    ):
        assert size_of(broken) is None


def test_the_look_of_pictures_is_measured_on_small_copies(tmp_path: Path) -> None:
    big = picture(4000, 3000, "JPEG", colour=(20, 10, 5))
    site = site_of(
        tmp_path,
        '<body><img src="big.jpg"><img src="drawn.svg"></body>',
        big_jpg=big,
        drawn_svg=b'<svg viewBox="0 0 400 400"/>',
    )
    photos = pictures_of(look_of(site), site, frozenset())
    start = time.perf_counter()
    words = photography_of(photos, site)
    assert time.perf_counter() - start < 0.3 and "dark" in words
    small = small_copy(big)
    assert small is not None and max(small.shape[:2]) <= 1000 and small.dtype == np.uint8 and small.shape[2] == 4
    assert small_copy(b"<svg/>") is None and small_copy(picture(900, 900), most_px=1000) is None
    assert photography_of((), site) == ()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 60), st.sampled_from(["PNG", "JPEG", "WEBP", "GIF"]))
def test_damaged_pictures_are_only_not_measured(junk: bytes, cut: int, kind: str) -> None:
    whole = picture(20, 10, kind)
    for data in (junk, whole[:cut] + junk, whole[: len(whole) - cut], b"<svg " + junk + b">"):
        size = size_of(data)
        assert size is None or (size[0] > 0 and size[1] > 0)
        small = small_copy(data)
        assert small is None or small.shape[2] == 4


@pytest.mark.parametrize("folder", sorted(SITES.glob("*/truth.json")), ids=lambda path: path.parent.name)
def test_real_sites(folder: Path) -> None:
    truth = json.loads(folder.read_text("utf-8"))
    site = open_saved(folder.parent)
    look = look_of(site)
    photos = pictures_of(look, site, frozenset())
    files = [photo.file for photo in photos]
    assert len(files) == len(set(files)) <= MOST_PICTURES
    there = [name for name in truth["product_images"] if (folder.parent / name).exists() and "logo" not in name]
    assert set(there) <= set(files)
    traps = [trap.split(" ")[0] for trap in truth.get("logo_traps", ())]
    assert not set(traps) & set(files) and truth["favicon"] not in files
    assert all(photo.width_px > 0 and photo.height_px > 0 and photo.source for photo in photos)
    assert isinstance(photography_of(photos, site), tuple)
