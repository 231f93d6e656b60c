"""A brand from a logo or from photos alone: the mark's real colours, its ground taken away cleanly, a palette, a look."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import numpy as np
import pytest
import skia
from PIL import Image

from studio.brand.art.palette import (
    chroma_of,
    colours_of_mark,
    colours_of_photos,
    ground_of_mark,
    is_neutral,
    look_of_photos,
    plain_border,
)
from studio.brand.art.pictures import MAX_PHOTOS, brand_words, from_logo, from_photos
from studio.brand.logo import load_logo
from studio.color import delta_e00_hex
from studio.errors import BadInput
from studio.model import Logo
from studio.pixels import Rgba, decode_picture
from tests.brand.pdf_made import face
from tests.samples import SAMPLES

LOGOS = SAMPLES / "logos"
MAGENTA, YELLOW, INK = (226, 0, 116), (255, 200, 0), (30, 30, 30)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
FACE = face("font_hanken_grotesk", "HankenGrotesk-Regular.otf")
Draw = Callable[[skia.Canvas], None]


def paint(colour: tuple[int, int, int]) -> skia.Paint:
    return skia.Paint(Color=skia.Color(*colour), AntiAlias=True)


def picture(draw: Draw, ground: tuple[int, int, int] | None = None, width: int = 400, height: int = 120) -> Rgba:
    surface = skia.Surface(width, height)
    canvas = surface.getCanvas()
    if ground is not None:
        canvas.clear(skia.Color(*ground))
    draw(canvas)
    out = np.zeros((height, width, 4), np.uint8)
    info = skia.ImageInfo.Make(width, height, skia.kRGBA_8888_ColorType, skia.kUnpremul_AlphaType)
    surface.readPixels(info, out, width * 4)
    return out


def logo(canvas: skia.Canvas) -> None:
    canvas.drawCircle(60, 60, 50, paint(MAGENTA))
    canvas.drawCircle(60, 60, 20, paint(YELLOW))
    canvas.drawString("Example", 130, 80, skia.Font(FACE, 50), paint(INK))


def words(colour: tuple[int, int, int], size: int = 50) -> Draw:
    return lambda canvas: canvas.drawString("Example", 10, 80, skia.Font(FACE, size), paint(colour))


def gradient(*colours: tuple[int, int, int]) -> Draw:
    shader = skia.GradientShader.MakeLinear(
        [skia.Point(10, 0), skia.Point(390, 0)], [skia.Color(*colour) for colour in colours]
    )
    box = skia.Rect(10, 10, 390, 110)
    return lambda canvas: canvas.drawRoundRect(box, 30, 30, skia.Paint(Shader=shader, AntiAlias=True))


def saved(pixels: Rgba, kind: str = "PNG", **how: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels if kind == "PNG" else pixels[..., :3]).save(out, kind, **how)
    return out.getvalue()


def photo(colour: tuple[int, int, int], noise: float = 12.0, size: tuple[int, int] = (300, 400), seed: int = 1) -> Rgba:
    grain = np.random.default_rng(seed).normal(0, noise, (*size, 1))
    out = np.full((*size, 4), 255, np.uint8)
    out[..., :3] = np.clip(np.array(colour) + grain, 0, 255)
    return out


def close(found: tuple[tuple[str, float], ...], want: list[str], limit: float) -> bool:
    return len(found) == len(want) and all(min(delta_e00_hex(w, f) for f, _ in found) < limit for w in want)


# ------------------------------------------------------------------------------------------------ colours of marks


@pytest.mark.parametrize(
    ("ground", "quality"),
    [(None, None), *[(g, q) for g in (WHITE, BLACK, (240, 240, 240)) for q in (None, 90, 60)]],
)
def test_flat_colours_despite_edges_and_compression(ground: tuple[int, int, int] | None, quality: int | None) -> None:
    pixels = picture(logo, ground)
    if quality is not None:
        pixels = decode_picture(saved(pixels, "JPEG", quality=quality), "x.jpg")
    found = colours_of_mark(pixels)
    assert close(found, ["#e20074", "#ffc800", "#1e1e1e"], 0.5 if quality is None else 3.0), found
    assert found[0][0][:2] == "#e" and 0.6 < found[0][1] < 0.9
    assert sum(share for _, share in found) == pytest.approx(1.0, abs=0.02)


def test_a_colourful_ground_belongs_to_the_mark() -> None:
    found = colours_of_mark(picture(logo, (20, 60, 160)))
    assert [hex_ for hex_, _ in found[:2]] == ["#143ca0", "#e20074"]


@pytest.mark.parametrize("ground", [None, WHITE])
def test_a_gradient_is_its_ends(ground: tuple[int, int, int] | None) -> None:
    assert close(colours_of_mark(picture(gradient((255, 0, 80), (80, 0, 255)), ground)), ["#ff0050", "#5000ff"], 6.0)


def test_a_gradient_that_bends_has_three() -> None:
    found = colours_of_mark(picture(gradient((250, 200, 0), (230, 0, 110), (60, 40, 200))))
    assert close(found, ["#fac800", "#e6006e", "#3c28c8"], 8.0), found


def test_hairlines_give_their_ink_not_their_blends() -> None:
    assert close(colours_of_mark(picture(words((0, 90, 200), 14), WHITE)), ["#005ac8"], 6.0)


def test_colourful_comes_before_neutral_of_the_same_share() -> None:
    def halves(canvas: skia.Canvas) -> None:
        canvas.drawRect(skia.Rect(0, 0, 200, 120), paint(INK))
        canvas.drawRect(skia.Rect(200, 0, 400, 120), paint(MAGENTA))

    assert [hex_ for hex_, _ in colours_of_mark(picture(halves))] == ["#e20074", "#1e1e1e"]


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (16, 16), (3, 3)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    for alpha in (0, 128, 255):
        pixels = np.full((*size, 4), (226, 0, 116, alpha), np.uint8)
        assert [hex_ for hex_, _ in colours_of_mark(pixels)] == (["#e20074"] if alpha else [])
        assert ground_of_mark(pixels) == "any"
        assert len(colours_of_photos([pixels])) == (1 if alpha == 255 else 0)
        look_of_photos([pixels])


def test_marks_are_measured_quickly() -> None:
    large = np.tile(picture(logo), (16, 16, 1))
    noise = np.random.default_rng(3).integers(0, 256, (2000, 2000, 4)).astype(np.uint8)
    for pixels in (large, noise):
        start = time.perf_counter()
        assert len(colours_of_mark(pixels)) <= 6
        assert time.perf_counter() - start < 2.0


@pytest.mark.parametrize(
    ("draw", "ground", "want"),
    [
        (logo, None, "light"),
        (words(WHITE), None, "dark"),
        (words(BLACK), None, "light"),
        (words((10, 30, 70)), None, "light"),
        (words((255, 220, 0)), None, "dark"),
        (words(MAGENTA), None, "any"),
        (logo, WHITE, "light"),
        (logo, BLACK, "dark"),
        (logo, (20, 60, 160), "any"),
    ],
)
def test_the_ground_a_mark_is_made_for(draw: Draw, ground: tuple[int, int, int] | None, want: str) -> None:
    assert ground_of_mark(picture(draw, ground)) == want


def test_what_a_badge_carries_needs_no_ground() -> None:
    def badge(canvas: skia.Canvas) -> None:
        canvas.drawCircle(60, 60, 55, paint(MAGENTA))
        canvas.drawCircle(60, 60, 40, paint(WHITE))

    assert ground_of_mark(picture(badge, width=120)) == "any"


def test_borders() -> None:
    assert plain_border(picture(logo, WHITE)) == WHITE
    assert plain_border(picture(logo)) is None
    assert plain_border(np.random.default_rng(0).integers(0, 255, (50, 50, 4)).astype(np.uint8)) is None


# ------------------------------------------------------------------------------------------------------ photos


def test_a_small_strong_accent_survives() -> None:
    pixels = photo((128, 126, 124))
    pixels[140:150, 200:220, :3] = (240, 120, 10)
    found = colours_of_photos([pixels])
    accent = min(found, key=lambda one: delta_e00_hex(one[0], "#f0780a"))
    assert delta_e00_hex(accent[0], "#f0780a") < 4 and accent[1] < 0.01
    assert any(is_neutral(hex_) and share > 0.9 for hex_, share in found)


def test_photos_share_one_palette_whatever_their_size() -> None:
    found = colours_of_photos([photo((30, 60, 150), size=(900, 1200)), photo((200, 60, 40), size=(60, 80))])
    assert close(found[:2], ["#1e3c96", "#c83c28"], 6.0) and abs(found[0][1] - found[1][1]) < 0.1
    assert found == colours_of_photos([photo((30, 60, 150), size=(900, 1200)), photo((200, 60, 40), size=(60, 80))])


def test_hidden_pixels_do_not_count() -> None:
    pixels = photo((30, 60, 150))
    pixels[:150] = (0, 255, 0, 0)
    assert all(delta_e00_hex(hex_, "#00ff00") > 30 for hex_, _ in colours_of_photos([pixels]))
    assert colours_of_photos([]) == () and look_of_photos([]) == ()


def test_a_large_photo_is_measured_quickly() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3000, 4000, 4)).astype(np.uint8)
    pixels[..., 3] = 255
    start = time.perf_counter()
    assert colours_of_photos([pixels])
    assert time.perf_counter() - start < 0.6


@pytest.mark.parametrize(
    ("colour", "noise", "want"),
    [
        ((245, 244, 243), 1.0, {"bright", "black and white", "low contrast", "plain background"}),
        ((40, 20, 12), 1.0, {"dark", "warm", "plain background", "low contrast"}),
        ((30, 90, 220), 1.0, {"cool", "vivid", "plain background", "low contrast"}),
        ((128, 128, 128), 120.0, {"busy background", "high contrast", "black and white"}),
    ],
)
def test_looks(colour: tuple[int, int, int], noise: float, want: set[str]) -> None:
    assert want <= set(look_of_photos([photo(colour, noise, (160, 160))]))


def test_photos_alone_say_no_name_no_logo_no_fonts() -> None:
    found = from_photos([("a.jpg", saved(photo((200, 60, 40)), "JPEG")), ("b.png", saved(photo((30, 60, 150))))])
    assert found.name is None and not found.logos and found.heading is None
    assert {line.split(":")[0] for line in found.not_found} >= {"name", "logo", "fonts", "words"}
    assert [c.role for c in found.palette][:2] == ["primary", "accent"]
    assert all(c.confidence <= 0.35 for c in found.palette)
    assert [(p.file, p.width_px, p.height_px) for p in found.pictures] == [("a.jpg", 400, 300), ("b.png", 400, 300)]


def test_bad_photos_are_told_about_and_left_out() -> None:
    good = ("b.png", saved(photo((30, 60, 150))))
    found = from_photos([("a.jpg", b"junk"), good])
    assert len(found.pictures) == 1 and "a.jpg" in found.warnings[0]
    with pytest.raises(BadInput, match=r"a\.jpg"):
        from_photos([("a.jpg", b"junk")])
    with pytest.raises(BadInput):
        from_photos([])
    small = ("s.png", saved(photo((30, 60, 150), size=(20, 20))))
    assert f"first {MAX_PHOTOS} of {MAX_PHOTOS + 2}" in from_photos([small] * (MAX_PHOTOS + 2)).warnings[0]


# --------------------------------------------------------------------------------------------------- logos alone


def over(mark: Rgba, ground: tuple[int, int, int]) -> np.ndarray:
    alpha = mark[..., 3:] / 255.0
    return mark[..., :3] * alpha + np.array(ground) * (1 - alpha)


@pytest.mark.parametrize("ground", [WHITE, BLACK, (244, 239, 230)])
def test_a_plain_ground_is_taken_away_without_a_trace(ground: tuple[int, int, int]) -> None:
    """What is left, laid over any ground, is what drawing there would have given."""
    mark = from_logo(saved(picture(logo, ground)), "logo.png").logos[0]
    pixels = decode_picture(mark.data, "mark")
    true = picture(logo)
    rows, columns = np.flatnonzero((true[..., 3] > 0).any(axis=1)), np.flatnonzero((true[..., 3] > 0).any(axis=0))
    true = true[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert abs(mark.width_px - true.shape[1]) <= 2 and abs(mark.height_px - true.shape[0]) <= 2
    height, width = min(true.shape[0], mark.height_px), min(true.shape[1], mark.width_px)
    # Trimming may differ by a faint pixel on each side.
    best = min(
        float(np.abs(over(pixels[y : y + height - 2, x : x + width - 2], page) - over(true[v : v + height - 2, u : u + width - 2], page)).mean())
        for page in [(30, 140, 90)]
        for y in (0, 1) for x in (0, 1) for v in (0, 1) for u in (0, 1)
        if y + height - 2 <= pixels.shape[0] and x + width - 2 <= pixels.shape[1]
    )  # fmt: skip
    assert best < 1.5


def test_edges_keep_their_ink_not_the_ground() -> None:
    mark = decode_picture(from_logo(saved(picture(words(MAGENTA), WHITE)), "x.png").logos[0].data, "mark")
    soft = mark[(mark[..., 3] > 20) & (mark[..., 3] < 235)]
    assert len(soft) > 100
    assert float(np.abs(soft[:, :3].astype(int) - MAGENTA).max(axis=1).mean()) < 6


def test_a_jpeg_leaves_no_dust() -> None:
    data = saved(picture(logo, WHITE), "JPEG", quality=60)
    mark = decode_picture(from_logo(data, "logo.jpg").logos[0].data, "mark")
    true = picture(logo)
    wide = int(np.flatnonzero(true[..., 3].any(axis=0))[-1]) - 9
    assert abs(mark.shape[1] - wide) <= 6 and abs(mark.shape[0] - 100) <= 6
    clear = float((mark[..., 3] == 0).mean())
    assert abs(clear - float((true[10:110, 10 : 10 + wide, 3] == 0).mean())) < 0.05


def test_a_logo_gives_palette_mark_and_name() -> None:
    found = from_logo(saved(picture(logo, WHITE)), "logo-example-white.png")
    assert found.name is not None and found.name.text == "Example" and found.name.confidence <= 0.3
    assert [(c.role, c.hex) for c in found.palette] == [
        ("primary", "#e20074"),
        ("accent", "#ffc800"),
        ("text", "#1e1e1e"),
    ]
    assert found.palette[0].confidence > found.palette[1].confidence > found.palette[2].confidence
    assert found.logos[0].on == "light" and found.logos[0].file == "logo-example-white.png"
    assert any("ground was taken away" in note for note in found.warnings)
    assert any(line.startswith("background colour") for line in found.not_found)
    assert any(line.startswith("fonts") for line in found.not_found)


def test_a_black_logo_has_no_primary() -> None:
    found = from_logo(saved(picture(words(BLACK))), "x.png")
    assert [c.role for c in found.palette] == ["text"]
    assert any(line.startswith("primary colour") for line in found.not_found)


def test_a_colourful_ground_is_kept_and_said() -> None:
    mark = from_logo(saved(picture(logo, (20, 60, 160))), "app.png").logos[0]
    assert (mark.width_px, mark.height_px, mark.on) == (400, 120, "any")
    assert "kept as part of the mark" in mark.notes[0]


def test_a_photo_is_not_taken_for_a_logo() -> None:
    rows, columns = np.mgrid[0:300, 0:400]
    pixels = np.dstack([rows * 0.8, columns * 0.6, (rows + columns) * 0.35, rows * 0 + 255]).astype(np.uint8)
    noise = np.random.default_rng(2).integers(0, 40, (300, 400, 3))
    pixels[..., :3] = np.clip(pixels[..., :3] + noise, 0, 255)
    mark = from_logo(saved(pixels), "x.png").logos[0]
    assert mark.confidence <= 0.2 and any("looks like a photo" in note for note in mark.notes)


@pytest.mark.parametrize(
    "data",
    [b"", b"junk", saved(np.full((40, 40, 4), 255, np.uint8)), saved(np.zeros((40, 40, 4), np.uint8)), b"<svg/>"],
)
def test_what_is_no_logo_says_so(data: bytes) -> None:
    with pytest.raises(BadInput) as error:
        from_logo(data, "x.png")
    assert error.value.hint


def test_svg_is_cleaned_and_its_title_read() -> None:
    data = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 50" onload="alert(1)"><title>Example &amp; Co logo</title>
    <script>alert(1)</script><circle cx="25" cy="25" r="20" fill="#e20074"/></svg>"""
    found = from_logo(data, "img/mark.svg")
    mark = found.logos[0]
    assert found.name is not None and found.name.text == "Example Co" and "title" in found.name.source
    assert mark.file == "mark.svg" and b"script" not in mark.data and b"onload" not in mark.data
    assert (mark.width_px, mark.height_px, mark.on) == (100, 50, "any")
    assert [c.hex for c in found.palette] == ["#e20074"]
    assert mark.inks == (("#e20074", 1.0),)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("logo-acme-white", "Acme"),
        ("AcmeLogo", "Acme"),
        ("CouchDB-logo@2x", "CouchDB"),
        ("moon & sun logo FINAL v2", "Moon Sun"),
        *[
            (text, "")
            for text in ("apple-touch-icon", "favicon-16x16", "logo_512x512", "x", "a1b2c3d4e5f6", "", "--", "2024")
        ],
    ],
)
def test_names_in_file_names(text: str, want: str) -> None:
    assert brand_words(text) == want


# ------------------------------------------------------------------------------------------------------- real ones


@pytest.mark.parametrize(
    ("folder", "name", "want", "on"),
    [
        ("couchdb", "Couchdb", ["#e42528", "#444444"], "light"),
        ("cymbal-shops", "Cymbal Shops", ["#ce0631", "#ff6631", "#840237", "#000000"], "light"),
        ("basket", "Basket", ["#8ba4fe", "#6663d8"], None),
    ],
)
def test_real_logos(folder: str, name: str, want: list[str], on: str | None, tmp_path) -> None:
    if not (LOGOS / folder / "logo.svg").exists():
        pytest.skip("no samples here")
    for ending in ("svg", "png"):
        data = (LOGOS / folder / f"logo.{ending}").read_bytes()
        found = from_logo(data, f"logo-{folder}.{ending}")
        mark = found.logos[0]
        assert found.name is not None and found.name.text == name
        hexes = [c.hex for c in found.palette]
        assert all(min(delta_e00_hex(w, h) for h in hexes) < 2 for w in want), hexes
        assert found.palette[0].role == "primary" and chroma_of(found.palette[0].hex) > 0.1
        assert on is None or mark.on == on
        (tmp_path / mark.file).write_bytes(mark.data)
        assert load_logo(tmp_path, Logo(file=mark.file, on=mark.on)).rgba(64)[..., 3].any()
