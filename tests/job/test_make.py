"""The main job through the command line: what is delivered, what is reused, what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.brand.kit import new_kit
from studio.color import hex_of
from studio.desk.metadata import read_metadata
from studio.model import Shot
from studio.pixels import read_picture
from tests.job.conftest import DEMO, Lockup
from tests.samples import SAMPLES

BRIEF = """
name = "proof"
headline = "{headline}"
body = "Made in small batches."
action = "Shop now"
product = "product.png"
pitch_deg = 8
formats = [{formats}]
layouts = ["{layout}"]
sets = ["cyclorama"]
count = {count}
"""


def write_brief(folder: Path, headline="Stay for the light", formats="proof-small", layout="hero", count=1) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(DEMO / "product.png", folder / "product.png")
    listed = ", ".join(f'"{name}"' for name in formats.split(","))
    text = BRIEF.format(headline=headline, formats=listed, layout=layout, count=count)
    (folder / "brief.toml").write_text(text, encoding="utf-8")
    return folder / "brief.toml"


def make(lockup: Lockup, brief: Path, out: Path, *more: object, ok: bool = True):
    return lockup.json("make", brief, "--kit", DEMO / "brand", "--out", out, "--draft", *more, ok=ok)


def test_every_ad_is_delivered_whole_measured_and_described(lockup, tmp_path):
    brief = write_brief(tmp_path / "job", formats="proof-small,display-300x250,display-320x50", count=2)
    told = make(lockup, brief, tmp_path / "out")
    assert told["composed"] == len(told["ads"]) == 6
    assert not told["failed"]
    assert Path(told["contact_sheet"]).is_file()
    for ad in told["ads"]:
        path = Path(ad["file"])
        with Image.open(path) as picture:
            assert picture.size == (ad["width_px"], ad["height_px"])
        assert path.stat().st_size == ad["bytes"]
        assert ad["score"]["passed"] == ad["score"]["tested"], ad["score"]["failed"]
        facts = read_metadata(path)
        assert facts["ad_id"] == ad["ad"]
        assert facts["shot_id"] == ad["shot"]
        assert facts["digital_source_type"].endswith("composite")


def test_a_photo_is_cut_out_and_a_large_format_is_grown(lockup, tmp_path):
    """From an opaque photo, to a format with more pixels than are painted; the next words need neither again."""
    brief = write_brief(tmp_path / "job", formats="proof-large")
    shutil.copy(DEMO / "product.jpg", tmp_path / "job" / "product.png")  # told by content, not by name
    told = make(lockup, brief, tmp_path / "out")
    assert told["products"][0]["cutout"] == "builtin" and told["products"][0]["confidence"] > 0.6
    ad = told["ads"][0]
    assert ad["grown"] > 1.3 and ad["score"]["passed"] == ad["score"]["tested"], ad["score"]["failed"]
    write_brief(tmp_path / "job", headline="Now in another size", formats="proof-large")
    shutil.copy(DEMO / "product.jpg", tmp_path / "job" / "product.png")
    again = make(lockup, brief, tmp_path / "again")
    assert again["products"][0]["cached"] and again["painted"] == 0 and again["ads"][0]["grown"] == ad["grown"]


def test_a_changed_headline_repaints_nothing(lockup, tmp_path):
    first = make(lockup, write_brief(tmp_path / "job", layout="split"), tmp_path / "a")
    again = make(lockup, write_brief(tmp_path / "job", "Another line", layout="split"), tmp_path / "b")
    assert first["ads"][0]["ad"] != again["ads"][0]["ad"]
    assert first["ads"][0]["shot"] == again["ads"][0]["shot"]
    assert (again["painted"], again["reused"]) == (0, 1)


def test_the_same_brief_gives_the_same_bytes(lockup, tmp_path):
    brief = write_brief(tmp_path / "job")
    one = make(lockup, brief, tmp_path / "a")["ads"][0]["file"]
    two = make(lockup, brief, tmp_path / "b")["ads"][0]["file"]
    assert Path(one).read_bytes() == Path(two).read_bytes()


def test_words_that_do_not_fit_are_refused_by_name_and_the_rest_is_made(lockup, tmp_path):
    word = "Donaudampfschifffahrtsgesellschaftskapitän"
    brief = write_brief(tmp_path / "job", word, "proof-small,display-120x60", layout="type")
    told = make(lockup, brief, tmp_path / "out", ok=False)
    assert [ad["format"] for ad in told["ads"]] == ["proof-small"]
    assert len(told["failed"]) == 1
    assert "headline" in told["failed"][0]["message"]
    assert word[:20] in told["failed"][0]["message"]
    assert told["failed"][0]["hint"]


def test_a_csv_is_one_brief_a_row_and_a_bad_row_is_named(lockup, tmp_path):
    shutil.copy(DEMO / "product.png", tmp_path / "product.png")
    table = tmp_path / "rows.csv"
    table.write_text(
        "name,headline,cta,product,formats,layouts,sets,count\n"
        "one,First line,Shop,product.png,proof-small,type,,1\n"
        "two,Second line,Shop,missing.png,proof-small,type,,1\n"
        "three,Third line,Shop,product.png,proof-small,type,,many\n",
        encoding="utf-8",
    )
    plan = lockup.json("make", table, "--kit", DEMO / "brand", "--dry-run")
    assert plan["columns"]["cta"] == "action"
    assert len(plan["ads"]) == 1
    told = make(lockup, table, tmp_path / "out", ok=False)
    assert len(told["ads"]) == 1
    assert "line 4" in {failure["what"] for failure in told["failed"]}
    assert any("missing.png" in failure["message"] for failure in told["failed"])


HEROES = [DEMO / "product.png", *sorted((SAMPLES / "heroes").glob("*.png"))]
LOGOS = sorted((SAMPLES / "logos").glob("*/logo.svg"))


def most_used(path: Path) -> str:
    """A logo's strongest colour, as a designer would pick it."""
    rgba = read_picture(path).reshape(-1, 4)
    inks = rgba[rgba[:, 3] > 200][:, :3].astype(int)
    return hex_of(inks[np.argsort(np.ptp(inks, axis=1), kind="stable")[-len(inks) // 10 :]].mean(axis=0))


@pytest.mark.parametrize("hero", HEROES, ids=lambda path: path.stem)
def test_a_real_product_keeps_its_pixels(hero, lockup, tmp_path):
    """Inside the cut-out, two pixels from its edge, the PNG is the resampled photo within 2/255."""
    kit = DEMO / "brand"
    if LOGOS and hero.parent != DEMO:
        kit, logo = tmp_path / "kit", LOGOS[HEROES.index(hero) % len(LOGOS)]
        palette = {"primary": most_used(logo.with_name("logo.png")), "background": "#f6f2ec", "text": "#1b1a19"}
        new_kit(kit, logo.parent.name, logo, palette)
    brief = write_brief(tmp_path / "job", layout="hero")
    told = lockup.json("make", brief, "--kit", kit, "--product", hero, "--out", tmp_path / "out", "--draft")
    path = Path(told["ads"][0]["file"])
    facts = read_metadata(path)
    assert worst_product_error(path, hero, Shot.model_validate(facts["shot"])) <= 2


def worst_product_error(ad: Path, hero: Path, shot: Shot) -> int:
    """The largest channel difference, found without the project's own resampling: Pillow, straight from the photo."""
    import cv2

    photo = Image.open(hero).convert("RGBA")
    photo = photo.crop(photo.getchannel("A").point(lambda a: 255 if a > 8 else 0).getbbox())
    seen = np.asarray(Image.open(ad).convert("RGB")).astype(int)
    assert shot.placement is not None
    box = shot.placement.box
    height, width = seen.shape[:2]
    left, top = round(box.left * width), round(box.top * height)
    size = (round((box.right - box.left) * width), round((box.bottom - box.top) * height))
    plain = np.asarray(photo.resize(size, Image.Resampling.LANCZOS)).astype(int)
    mask = cv2.erode((plain[..., 3] == 255).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert mask.sum() > 150
    there = seen[top : top + size[1], left : left + size[0]]
    return int(np.abs(there - plain[..., :3])[mask].max())
