"""Every kind of picture through `cutout` and `upscale`: right, or one line and a remedy."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.faults.test_hostile import BAD_PICTURES, DEMO, brief, png_header, refused, saved

RED = (200, 40, 30)


def scene(width: int = 96, height: int = 128) -> np.ndarray:
    """A red box on a pale sweep, H×W×3."""
    rng = np.random.default_rng(1)
    pixels = np.full((height, width, 3), 226, float) - np.linspace(0, 12, height)[:, None, None]
    pixels[height // 4 : -height // 6, width // 4 : -width // 4] = RED
    return np.clip(pixels + rng.normal(0, 1.2, pixels.shape), 0, 255).astype(np.uint8)


def sixteen_bit() -> bytes:
    """Red, green and blue at 16 bit: Pillow cannot write that, OpenCV can."""
    import cv2

    done, data = cv2.imencode(".png", scene()[..., ::-1].astype(np.uint16) * 257)
    assert done
    return data.tobytes()


def upright_after_turning() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned a quarter to the right
    return saved(Image.fromarray(np.rot90(scene()).copy()), "JPEG", exif=exif, quality=95)


def animated() -> bytes:
    out = io.BytesIO()
    frames = [Image.fromarray(scene()), Image.fromarray(scene()[::-1])]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


PHOTO = Image.fromarray(scene())
KINDS = {
    "rgb": saved(PHOTO),
    "jpeg": saved(PHOTO, "JPEG", quality=95),
    "cmyk": saved(PHOTO.convert("CMYK"), "JPEG", quality=95),
    "palette": saved(PHOTO.quantize(64)),
    "sixteen bit": sixteen_bit(),
    "exif turned": upright_after_turning(),
    "animated gif": animated(),
    "opaque alpha": saved(PHOTO.convert("RGBA")),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_photo_is_cut_out(name, say, tmp_path):
    (tmp_path / "photo.png").write_bytes(KINDS[name])
    said = say("cutout", tmp_path / "photo.png", tmp_path / "cut.png", "--json")
    assert said.code == 0, said.err + said.out
    row = json.loads(said.out)["pictures"][0]
    cut = np.asarray(Image.open(tmp_path / "cut.png"))
    assert cut.shape[2] == 4 and row["px"] == [cut.shape[1], cut.shape[0]]
    assert abs(cut.shape[1] - 48) <= 4 and abs(cut.shape[0] - 75) <= 5
    middle = cut[cut.shape[0] // 2, cut.shape[1] // 2].astype(int)
    assert middle[3] == 255 and np.abs(middle[:3] - RED).max() < 40


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_picture_is_enlarged(name, say, tmp_path):
    (tmp_path / "photo.png").write_bytes(KINDS[name])
    said = say("upscale", tmp_path / "photo.png", tmp_path / "large.png", "--scale", "2", "--json")
    assert said.code == 0, said.err + said.out
    large = np.asarray(Image.open(tmp_path / "large.png").convert("RGB")).astype(int)
    assert large.shape[:2] == (256, 192)
    assert np.abs(large[128, 96] - RED).max() < 40


def test_alpha_survives(say, tmp_path):
    rgba = np.zeros((60, 50, 4), np.uint8)
    rgba[10:50, 10:40] = (*RED, 255)
    rgba[10:50, 38:40, 3] = 128
    Image.fromarray(rgba).save(tmp_path / "cut.png")
    for kind in ("png", "webp", "tif"):
        assert say("upscale", tmp_path / "cut.png", tmp_path / f"large.{kind}", "--scale", "3").code == 0
        large = np.asarray(Image.open(tmp_path / f"large.{kind}"))
        assert large.shape == (180, 150, 4)
        assert large[90, 75].tolist()[3] == 255 and large[5, 5, 3] == 0
        seen = large[..., 3] > 30
        assert np.abs(large[seen][:, :3].astype(int) - RED).max() <= 12  # no fringe of the black that lay under it
    said = say("upscale", tmp_path / "cut.png", tmp_path / "large.jpg", "--json")
    row = json.loads(said.out)["pictures"][0]
    assert row["ground"] == "#ffffff"
    assert np.asarray(Image.open(tmp_path / "large.jpg"))[2, 2].min() > 250


def test_flattened_on_the_chosen_colour(say, tmp_path):
    PHOTO.save(tmp_path / "photo.png")
    said = say("cutout", tmp_path / "photo.png", tmp_path / "cut.jpg", "--ground", "teal", "--no-trim", "--json")
    assert json.loads(said.out)["pictures"][0]["ground"] == "#008080"
    assert np.abs(np.asarray(Image.open(tmp_path / "cut.jpg"))[4, 4].astype(int) - (0, 128, 128)).max() <= 4
    refused(say("cutout", tmp_path / "photo.png", tmp_path / "x.jpg", "--ground", "no colour"))


@pytest.mark.parametrize("name", ["bomb", "truncated", "empty", "text", "svg", "zip"])
@pytest.mark.parametrize("verb", ["cutout", "upscale"])
def test_no_picture(verb, name, say, tmp_path):
    (tmp_path / "photo.png").write_bytes(BAD_PICTURES[name])
    said = say(verb, tmp_path / "photo.png", tmp_path / "out.png")
    assert said.code == 1 and "Traceback" not in said.err and "→" in said.out
    assert not (tmp_path / "out.png").exists()


EXTREMES = {
    "one pixel": (1, 1),
    "thirty thousand by two": (30_000, 2),
    "two by thirty thousand": (2, 30_000),
    "one by nine": (1, 9),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_shapes(name, say, tmp_path):
    width, height = EXTREMES[name]
    Image.new("RGB", (width, height), RED).save(tmp_path / "photo.png")
    said = say("upscale", tmp_path / "photo.png", tmp_path / "large.png", "--json")
    assert said.code == 0, said.err + said.out
    large = np.asarray(Image.open(tmp_path / "large.png").convert("RGB")).astype(int)
    assert large.shape[:2] == (2 * height, 2 * width) and np.abs(large - RED).max() <= 1
    said = say("cutout", tmp_path / "photo.png", tmp_path / "cut.png")
    assert said.code == 1 and "Traceback" not in said.err and "→" in said.out


def test_too_large_a_result(say, tmp_path):
    Image.new("RGB", (6000, 6000), RED).save(tmp_path / "photo.png")
    said = say("upscale", tmp_path / "photo.png", tmp_path / "large.png", "--scale", "4")
    assert said.code == 1 and "megapixels" in said.out
    (tmp_path / "bomb.png").write_bytes(png_header(60_000, 60_000))
    assert say("cutout", tmp_path / "bomb.png", tmp_path / "cut.png").code == 1


def test_a_folder_goes_on_past_what_is_broken(say, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    PHOTO.save(folder / "a.jpg", quality=95)
    PHOTO.save(folder / "a.png")
    (folder / "b.png").write_bytes(b"junk")
    (folder / "notes.txt").write_text("not a picture")
    said = say("cutout", folder, tmp_path / "out", "--json")
    rows = json.loads(said.out)["pictures"]
    assert said.code == 1 and [("error" in row) for row in rows] == [False, False, True]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a-2.png", "a.png"]
    again = json.loads(say("cutout", folder, tmp_path / "out", "--json").out)["pictures"]
    assert [row.get("cached") for row in again] == [True, True, None]


def test_nothing_is_written_over_what_is_read(say, tmp_path):
    PHOTO.save(tmp_path / "photo.png")
    before = (tmp_path / "photo.png").read_bytes()
    for words in (
        ("cutout", tmp_path / "photo.png", tmp_path / "photo.png"),
        ("upscale", tmp_path / "photo.png", tmp_path),
        ("cutout", tmp_path, tmp_path),
        ("cutout", tmp_path, tmp_path / "one.png"),
        ("upscale", tmp_path / "photo.png", tmp_path / "out.exe"),
        ("upscale", tmp_path / "photo.png", tmp_path / "out.png", "--scale", "0.5"),
        ("upscale", tmp_path / "photo.png", tmp_path / "out.png", "--scale", "2", "--mm", "10x10"),
        ("upscale", tmp_path / "photo.png", tmp_path / "out.png", "--mm", "ten"),
        ("upscale", tmp_path / "photo.png", tmp_path / "out.png", "--engine", "nope"),
        ("upscale", tmp_path / "photo.png", tmp_path / "out.png", "--engine", "best"),
        ("cutout", tmp_path / "photo.png", tmp_path / "out.png", "--engine", "withoutbg"),
        ("cutout", tmp_path / "photo.png", tmp_path / "out.png", "--engine", "birefnet-general"),
        ("cutout", tmp_path / "photo.png", tmp_path / "out.png", "--engine", str(tmp_path / "gone.onnx")),
        ("cutout", tmp_path / "photo.png", tmp_path / "out.png", "--strokes", tmp_path / "gone.png"),
        ("cutout", tmp_path / "nothing", tmp_path / "out.png"),
    ):
        said = say(*words)
        assert said.code == 1 and "Traceback" not in said.err, words
        assert "→" in said.err + said.out, words
    assert (tmp_path / "photo.png").read_bytes() == before


def test_a_print_gets_what_it_needs_and_no_more(say, tmp_path):
    PHOTO.save(tmp_path / "photo.png")
    row = json.loads(say("upscale", tmp_path / "photo.png", tmp_path / "a.png", "--mm", "20x20", "--json").out)[
        "pictures"
    ][0]
    assert row["px"] == [236, 315]  # 20 mm at 300 dpi is 236 px
    with Image.open(tmp_path / "a.png") as picture:
        assert abs(picture.info["dpi"][0] - 300) < 0.1
    row = json.loads(say("upscale", tmp_path / "photo.png", tmp_path / "b.png", "--mm", "5x5", "--json").out)[
        "pictures"
    ][0]
    assert row["px"] == [96, 128] and row["engine"] == "none"


def test_strokes_have_the_last_word(say, tmp_path):
    PHOTO.save(tmp_path / "photo.png")
    brush = np.zeros((128, 96, 4), np.uint8)
    brush[60:70, 40:50] = (230, 20, 20, 255)
    brush[10:16, 10:16] = (10, 200, 60, 255)
    Image.fromarray(brush).save(tmp_path / "brush.png")
    words = ("cutout", tmp_path / "photo.png", tmp_path / "cut.png", "--strokes", tmp_path / "brush.png", "--no-trim")
    assert say(*words).code == 0
    alpha = np.asarray(Image.open(tmp_path / "cut.png"))[..., 3]
    assert alpha[62:68, 42:48].max() == 0 and alpha[11:15, 11:15].min() == 255


def test_read_says_what_was_done(say, tmp_path: Path):
    PHOTO.save(tmp_path / "photo.png")
    say("cutout", tmp_path / "photo.png", tmp_path / "cut.png")
    facts = json.loads(say("read", tmp_path / "cut.png").out)
    assert facts["cutout"]["engine"] and 0 <= facts["cutout"]["confidence"] <= 1


def carton(folder: Path) -> Path:
    """A product that fills its own rectangle, seen from the front."""
    rng = np.random.default_rng(2)
    pixels = np.full((420, 420, 3), 228.0) + rng.normal(0, 1.2, (420, 420, 3))
    pixels[90:330, 120:300] = RED
    pixels[150:220, 150:270] = (240, 200, 40)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / "carton.png")
    return folder / "carton.png"


def test_a_carton_goes_into_ads_and_stays_as_it_was_mended(say, tmp_path):
    from app import _studio

    carton(tmp_path)
    words = (
        "make",
        brief(tmp_path, product="carton.png", layouts=["hero"]),
        "--kit",
        DEMO / "brand",
        "--dry-run",
        "--json",
    )
    said = say(*words)
    assert said.code == 0, said.err
    assert json.loads(said.out)["products"][0]["cutout"]
    studio = _studio()
    first = studio.product(tmp_path / "carton.png")
    kept = studio.product(studio.keep(first))
    assert kept.cut is None and kept.product.digest == first.product.digest


def test_strokes_and_layers_are_not_written_over(say, tmp_path):
    PHOTO.save(tmp_path / "photo.png")
    brush = np.zeros((128, 96, 4), np.uint8)
    brush[60:70, 40:50] = (230, 20, 20, 255)
    Image.fromarray(brush).save(tmp_path / "brush.png")
    before = (tmp_path / "brush.png").read_bytes()
    said = say("cutout", tmp_path / "photo.png", tmp_path / "brush.png", "--strokes", tmp_path / "brush.png")
    assert said.code == 1 and (tmp_path / "brush.png").read_bytes() == before
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("b.png", "b-shadow.png"):
        PHOTO.save(folder / name)
    rows = json.loads(say("cutout", folder, tmp_path / "out", "--shadow", "--json").out)["pictures"]
    written = [row[key] for row in rows for key in ("out", "shadow") if key in row]
    assert len(written) == len(set(written)) >= 2


def test_glass_and_slivers_do_not_end_a_run(say, tmp_path):
    rgba = np.zeros((80, 60, 4), np.uint8)
    rgba[10:70, 10:50] = (120, 160, 170, 90)
    Image.fromarray(rgba).save(tmp_path / "glass.png")
    made = brief(tmp_path, product="glass.png", layouts=["hero"])
    assert say("make", made, "--kit", DEMO / "brand", "--dry-run").code == 0
    Image.fromarray(np.tile(np.array([[[9, 9, 9, 255]], [[9, 9, 9, 0]]], np.uint8), (1, 1000, 1))).save(
        tmp_path / "sliver.png"
    )
    assert say("cutout", tmp_path / "sliver.png", tmp_path / "out.png", "--straighten").code == 0


def test_what_does_not_belong_together_is_refused(say, tmp_path):
    PHOTO.save(tmp_path / "photo.png")
    for more in (("--scale", "0"), ("--dpi", "200"), ("--bleed", "3")):
        said = say("upscale", tmp_path / "photo.png", tmp_path / "out.png", *more)
        assert said.code == 1 and "→" in said.err + said.out, more
    assert say("cutout", tmp_path / "photo.png", tmp_path / "out.jpg", "--ground", "transparent").code == 1
