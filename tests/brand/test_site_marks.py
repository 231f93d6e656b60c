"""The logo finder: the site's own logo wherever it stands, nobody else's, and nothing made up where there is none."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from studio.brand.marks.files import file_name
from studio.brand.marks.find import MOST_LOGOS, MarksFound, find_marks
from studio.brand.marks.ico import largest_of_ico
from studio.brand.marks.words import family, logo_word, says_name, tokens
from studio.brand.page.look import look_at
from studio.brand.page.sheets import read_sheets
from studio.brand.page.tree import read_page
from studio.brand.source.saved import open_saved
from studio.brand.svg import clean_svg
from studio.errors import BadInput
from studio.pixels import decode_picture
from tests.samples import SAMPLES

NAMES = frozenset({"example"})
SITES = SAMPLES / "sites"


def png(width: int = 160, height: int = 40, ink: str = "#aa2244", ground: str | None = None) -> bytes:
    """A bar and a disc, so that it is drawn in flat colour and trims to its own box."""
    image = Image.new("RGBA", (width, height), ground or (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    pen.ellipse((0, 0, height - 1, height - 1), fill=ink)
    if width > height + 5:
        pen.rectangle((height + 4, height // 4, width - 1, height - 1), fill=ink)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def photo() -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (120, 200, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG", quality=95)
    return out.getvalue()


def svg(ink: str = "#aa2244") -> bytes:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 20"><path fill="{ink}" d="M0 0h50v20H0zM55 5h25v9z"/></svg>'
    ).encode()


FILES = {
    "logo.png": png(),
    "example.png": png(ink="#117733"),
    "a.png": png(ink="#225588"),
    "b.png": png(ink="#885522"),
    "c.png": png(ink="#552288"),
    "logo.svg": svg(),
    "photo.jpg": photo(),
}


def found(folder: Path, html: str, files: dict[str, bytes] | None = None, names: frozenset[str] = NAMES) -> MarksFound:
    """The marks of a saved page. `FILES` are there unless others are given."""
    (folder / "index.html").write_text(
        html if "<html" in html else f"<html><body>{html}</body></html>", encoding="utf-8"
    )
    for name, data in (FILES if files is None else files).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    site = open_saved(folder)
    resource = site.read(site.start, "page")
    assert resource is not None
    page = read_page(resource, site)
    return find_marks(look_at(page, read_sheets(page, site)), site, names)


def ending(label: str) -> str:
    return f"→ {label}"


TEXT = "<main><h1>All that we do</h1><p>" + "Words about many things. " * 30 + "</p></main>"
HEADER = "<header><a href='/'>{}</a><nav><a href='/about.html'>About</a></nav></header>" + TEXT


@pytest.mark.parametrize(
    ("html", "label"),
    [
        (HEADER.format("<img src='logo.png' alt='Example'>"), "logo.png"),
        (HEADER.format("<img src='a.png' alt='Example'>"), "a.png"),
        (HEADER.format("<img src='a.png' alt=''>"), "a.png"),
        (HEADER.replace("'/'", "'index.html'").format("<img src='a.png'>"), "a.png"),
        (HEADER.replace("'/'", "'./'").format("<img src='a.png'>"), "a.png"),
        (HEADER.replace("'/'", "'/de/'").format("<img src='a.png'>"), "a.png"),
        (HEADER.replace("'/'", "'#'").format("<img src='logo.png'>"), "logo.png"),
        (HEADER.replace("'/'", "'https://www.example.com'").format("<img src='logo.png'>"), "logo.png"),
        ("<div id='top'><img class='site-logo' src='a.png'></div>" + TEXT, "a.png"),
        ("<div class='navbar-brand'><img src='example.png'></div>" + TEXT, "example.png"),
        (
            HEADER.format("<img class='lazy' src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' data-src='logo.png'>"),
            "logo.png",
        ),
        (HEADER.format("<img src='b.png' srcset='b.png 1x, logo.png 2x'>"), "logo.png"),
        (HEADER.format("<img src='b.png' srcset='b.png 160w, a.png 320w' alt='Example'>"), "a.png"),
        (HEADER.format("<noscript><img src='logo.png' alt='Example'></noscript>"), "logo.png"),
        (HEADER.format("<picture><source srcset='logo.svg'><img src='logo.png' alt='Example'></picture>"), "logo.svg"),
        (
            HEADER.format(
                "<picture><source media='(max-width:600px)' srcset=logo.svg><img src=a.png alt=Example></picture>"
            ),
            "a.png",
        ),
        (
            HEADER.format(
                "<picture><source media='(max-width:600px)' srcset=logo.svg><img src=gone.png alt=Example></picture>"
            ),
            "logo.svg",
        ),
        (
            HEADER.format(
                "<picture><source media='(min-width:900px)' data-srcset='a.png 100w, b.png 320w' "
                "srcset='data:image/gif;base64,R0lGODlhAQABAAAAACw='><source media='print' srcset='c.png'>"
                "<source media='(min-width:500px)' srcset='c.png'><img src=logo.svg alt=Example></picture>"
            ),
            "b.png",
        ),
        (HEADER.format("<object data='logo.svg' type='image/svg+xml'></object>"), "logo.svg"),
        (
            "<style>#header h1 a{background:url(logo.png) no-repeat;text-indent:-9999px;display:block}</style>"
            "<div id=header><h1><a href='/'>Example</a></h1></div>" + TEXT,
            "logo.png",
        ),
        (
            "<style>.logo::before{content:url('a.png')}</style><header><a class=logo href='/'></a></header>" + TEXT,
            "a.png",
        ),
        (
            "<style>.logo{background-image:var(--mark)} :root{--mark:url(a.png)}</style>"
            "<header><a class=logo href='/'>Example</a></header>" + TEXT,
            "a.png",
        ),
        (
            "<style>.logo{-webkit-mask-image:url(logo.svg);background-color:#123456}</style>"
            "<header><a class=logo href='/'></a></header>" + TEXT,
            "logo.svg",
        ),
        (TEXT + "<footer><a href='/'><img src='logo.png' alt='Example logo'></a></footer>", "logo.png"),
        (
            "<header class='md-header'><nav><a href='.' title='Example' class='md-header__button md-logo'>"
            "<img src='a.png' alt='logo'></a><label class='md-icon'><svg viewBox='0 0 24 24'><path d='M0 0h9v9'/></svg>"
            "</label></nav></header>" + TEXT,
            "a.png",
        ),
        (
            "<header><nav><a href='#'><span class='sr-only'>Your Company</span><img class='h-8' src='a.png' alt=''></a>"
            "<button><svg viewBox='0 0 24 24'><path d='M0 0h9v9'/></svg></button></nav></header>" + TEXT,
            "a.png",
        ),
        (
            "<html><head><link rel='canonical' href='https://lab.uni.example.edu/'></head><body><div id='top-bar'>"
            "<a href='https://www.school.example.org/'><img src='a.png' alt='Other School logo'></a></div>"
            "<header><a href='/'><img src='logo.png' alt='Example'></a></header>" + TEXT + "</body></html>",
            "logo.png",
        ),
        (
            "<div class='bar'>Free delivery <img src='b.png' alt='truck'></div><header><h1><a href='/'>"
            "<img src='a.png?v=1&amp;width=600' class='header__heading-logo' alt='Example'></a></h1>"
            "<div class='mega'><a href='/sale'><img src='c.png' alt='Example sale'></a></div></header>" + TEXT,
            "a.png",
        ),
        (
            "<header><a href='/about.html'><img src='b.png' alt='A person'></a></header>"
            "<script type='application/ld+json'>"
            + json.dumps(
                {
                    "@graph": [
                        {"@type": "WebSite", "name": "Example"},
                        {"@type": "Organization", "name": "Example", "logo": {"@id": "#l"}},
                        {"@type": "ImageObject", "@id": "#l", "url": "/a.png"},
                    ]
                }
            )
            + "</script>"
            + TEXT,
            "a.png",
        ),
        ("<html><head><meta property='og:logo' content='a.png'></head><body>" + TEXT + "</body></html>", "a.png"),
    ],
)
def test_finds_the_logo_wherever_it_stands(tmp_path: Path, html: str, label: str) -> None:
    result = found(tmp_path, html)
    assert result.logos, result
    assert ending(label) in result.logos[0].source
    assert result.not_found == ()
    assert 0.4 <= result.logos[0].confidence <= 0.96


PARTNERS = "".join(f"<li><img src='{name}.png' alt='client logo'></li>" for name in ("logo", "a", "b", "c"))


@pytest.mark.parametrize(
    "html",
    [
        HEADER.format("Example") + "<div class='clients'><img src='logo.png' alt='Client logo'></div>",
        HEADER.format("Example") + f"<ul class='logos'>{PARTNERS}</ul>",
        HEADER.format("Example") + f"<section><ul>{PARTNERS}</ul></section>",
        HEADER.format("Example") + "<footer>Powered by <a href='/x'><img src='logo.png' class='logo'></a></footer>",
        HEADER.format("Example")
        + "<a href='https://other.example.net/shop/'><img src='logo.png' alt='Other logo'></a>",
        HEADER.format("Example") + "<a href='https://play.google.com/x'><img src='logo.png' alt='Google Play'></a>",
        HEADER.format("Example") + "<div class='payment'><img src='logo.png' alt='Visa logo' class='visa'></div>",
        HEADER.format("Example<img src='logo.png' width='1' height='1'>"),
        HEADER.format("Example") + "<div id='cookie-consent'><img class='logo' src='logo.png'></div>",
        "<header class='hero'><img src='photo.jpg' alt='A view'></header>" + TEXT,
        HEADER.format("Example") + "<img src='logo.png' class='user-avatar'>",
        "<header><button class='menu-toggle'><svg class='icon' viewBox='0 0 24 24'><path d='M0 0h24v4H0z'/></svg></button>"
        "</header>" + TEXT,
        HEADER.format("<svg class='icon-home' viewBox='0 0 24 24'><path d='M0 0h24v4H0z'/></svg> Home"),
        HEADER.format("<img src='https://placehold.it/200x50' alt='Logo'>"),
        HEADER.format("Example").replace(
            "</nav>",
            "<a href='/en/'><img src='a.png' alt='English'></a><a href='/de/'><img src='b.png' alt='Deutsch'></a></nav>",
        ),
        "<header><a href='/'>Example</a><a href='/account'><img src='a.png' alt='account'></a></header>" + TEXT,
        "<header><img class='avatar' src='a.png' alt='Example'><h1>Example</h1></header>" + TEXT,
        HEADER.format("Example")
        + "<article><h2>New logo for the city</h2><img src='a.png' alt='the new logo'></article>",
        HEADER.format("Example") + "<section><h2>Trusted by</h2><img src='a.png' alt='Alpha logo'></section>",
        HEADER.format("Example") + "<link rel='icon' href='logo.png'><meta property='og:image' content='a.png'>",
        "<p>Nothing but words.</p>",
        "",
    ],
)
def test_takes_nobody_elses(tmp_path: Path, html: str) -> None:
    result = found(tmp_path, html)
    assert result.logos == ()
    assert len(result.not_found) == 1
    assert result.not_found[0].startswith("No logo found: ")


def test_says_when_the_name_is_only_written(tmp_path: Path) -> None:
    result = found(tmp_path, HEADER.format("Example Bakery"), files={})
    assert result.not_found == (
        "No logo found: the header has a wordmark in text only (“Example Bakery”). Drop a logo file.",
    )


def test_missing_and_broken_files_are_named_and_the_next_is_taken(tmp_path: Path) -> None:
    words = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><text y="9">Example</text></svg>'
    html = HEADER.format(
        "<img class='logo' src='gone.png' alt='Example'><img class='logo' src='words.svg' alt='Example'>"
    )
    html += "<footer><a href='/'><img class='logo' src='a.png' alt='Example'></a></footer>"
    result = found(tmp_path, html, files={"words.svg": words, "a.png": png()})
    assert ending("a.png") in result.logos[0].source
    assert any("gone.png" in line and "cannot be read" in line for line in result.warnings)
    assert any("words.svg" in line and "live text" in line for line in result.warnings)
    nothing = found(tmp_path, HEADER.format("<img class='logo' src='gone.png' alt='Example'>"), files={})
    assert nothing.logos == ()
    assert "see the warnings" in nothing.not_found[0]


def test_a_photo_in_the_logos_place_is_no_logo(tmp_path: Path) -> None:
    result = found(tmp_path, HEADER.format("<img class='logo' src='photo.jpg' alt='Example'>"))
    assert result.logos == ()
    assert any("photo" in line for line in result.warnings)


def test_both_grounds_are_kept(tmp_path: Path) -> None:
    files = {"logo-dark.png": png(ink="#111111"), "logo-light.png": png(ink="#ffffff")}
    html = HEADER.format("<img class='only-light' src='logo-dark.png'><img class='only-dark' src='logo-light.png'>")
    result = found(tmp_path, html, files=files)
    assert {mark.file: mark.on for mark in result.logos} == {"logo-dark.png": "light", "logo-light.png": "dark"}


def test_a_logo_in_parts_is_said_to_be_one(tmp_path: Path) -> None:
    shape = "<svg class='logo__{}' viewBox='0 0 {} 30'><path d='M0 0h{}v30H0z'/></svg>"
    html = HEADER.replace("<a ", "<a class='logo' ", 1).format(
        shape.format("sign", 30, 30) + shape.format("word", 90, 90)
    )
    result = found(tmp_path, html)
    assert result.logos[0].file == "logo.svg"
    assert "drawn in the page" in result.logos[0].source
    assert any("several pictures" in line for line in result.warnings)


def test_dark_screens_get_their_own(tmp_path: Path) -> None:
    files = {"logo.png": png(ink="#111111"), "white.png": png(ink="#ffffff")}
    html = HEADER.format(
        "<picture><source media='(prefers-color-scheme: dark)' srcset='white.png'><img src='logo.png'></picture>"
    )
    result = found(tmp_path, html, files=files)
    assert [(mark.file, mark.on) for mark in result.logos] == [("logo.png", "light"), ("white.png", "dark")]


@pytest.mark.parametrize(
    ("sources", "own", "dark"),
    [
        ("<source media='(PREFERS-color-scheme:dark)' data-srcset='white.png 2x' srcset=' '>", "logo.png", True),
        ("<source media='(min-width:30em) and (prefers-color-scheme: dark)' srcset=white.png>", "logo.png", True),
        ("<source media='(prefers-color-scheme: light)' srcset=logo.png>", "white.png", True),
        ("<source media='(max-width:30em) and (prefers-color-scheme: dark)' srcset=white.png>", "logo.png", False),
    ],
)
def test_sources_for_dark_screens_are_the_variant_for_dark_ground(
    tmp_path: Path, sources: str, own: str, dark: bool
) -> None:
    html = HEADER.format(f"<picture>{sources}<img src='{own}' alt='Example'></picture>")
    result = found(tmp_path, html, {"logo.png": png(), "white.png": png(ink="#ffffff")})
    assert result.logos[0].file == "logo.png"
    assert [one.source for one in result.logos if "on dark screens" in one.source] == (
        ["index.html: img on dark screens → white.png"] if dark else []
    )


def test_files_beside_the_logo_are_variants_but_never_the_only_logo(tmp_path: Path) -> None:
    files = {
        "img/logo.svg": svg("#111111"), "img/logo-white.svg": svg("#ffffff"), "img/client-a-logo.svg": svg("#00ff00"),
        **{f"img/logo-{n}.png": png(ink=f"#{n}{n}5577") for n in (1, 2, 3, 4)},
    }  # fmt: skip
    shown = found(tmp_path, HEADER.format("<img src='img/logo.svg' alt='Example'>"), files=files)
    assert [(mark.file, mark.on) for mark in shown.logos] == [("logo.svg", "light"), ("logo-white.svg", "dark")]
    assert shown.logos[1].confidence < 0.5
    hidden = found(tmp_path, HEADER.format("Example"), files={})
    assert hidden.logos == ()
    assert "img/logo.svg lies in the folder" in hidden.not_found[0]


def test_sheets_of_pictures_are_cut(tmp_path: Path) -> None:
    sheet = Image.new("RGBA", (400, 300), (0, 0, 0, 0))
    sheet.paste(Image.open(io.BytesIO(png(120, 30))), (50, 100))
    sheet.paste(Image.open(io.BytesIO(png(60, 60, ink="#00aa00"))), (300, 200))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    style = ".logo{background:url(sprite.png) -50px -100px no-repeat;width:120px;height:30px;text-indent:-999em}"
    html = f"<style>{style}</style>" + HEADER.replace("<a href='/'>", "<a class=logo href='/'>").format("Example")
    mark = found(tmp_path, html, files={"sprite.png": out.getvalue()}).logos[0]
    assert (mark.width_px, mark.height_px) == (120, 30)
    assert not (decode_picture(mark.data, mark.file)[..., 1] > 100).any()
    loose = html.replace("width:120px;height:30px;", "")
    assert found(tmp_path, loose, files={}).logos == ()


def test_sharper_twin_of_a_background(tmp_path: Path) -> None:
    style = (
        ".logo{background:url(logo.png);text-indent:-999em;width:160px;height:40px}"
        "@media (min-resolution: 2dppx){.logo{background-image:url(logo@2x.png)}}"
    )
    (tmp_path / "s.css").write_text(style)
    html = "<link rel=stylesheet href='s.css'>" + HEADER.replace("<a ", "<a class=logo ", 1).format("Example")
    result = found(tmp_path, html, files={"logo.png": png(), "logo@2x.png": png(320, 80)})
    assert result.logos[0].file == "logo@2x.png"
    assert result.logos[0].width_px == 320
    assert "s.css: .logo { background-image } → logo@2x.png" in result.logos[0].source


def test_plain_ground_is_taken_away_and_margins_are_trimmed(tmp_path: Path) -> None:
    image = Image.new("RGB", (300, 200), "#ffffff")
    image.paste(Image.open(io.BytesIO(png(ground="#ffffff"))).convert("RGB"), (60, 70))
    out = io.BytesIO()
    image.save(out, "BMP")
    mark = found(
        tmp_path, HEADER.format("<img src='logo.bmp' alt='Example'>"), files={"logo.bmp": out.getvalue()}
    ).logos[0]
    pixels = decode_picture(mark.data, mark.file)
    assert mark.file == "logo.png"
    assert (mark.width_px, mark.height_px) == (160, 40) == pixels.shape[1::-1]
    assert pixels[0, 0, 3] == 0
    assert any("ground was taken away" in note for note in mark.notes)


def test_colourful_art_has_one_note_and_single_ink_is_not_recoloured(tmp_path: Path) -> None:
    result = found(tmp_path, HEADER.format("<img src='logo.svg' alt='Example'>"), files={"logo.svg": svg("#ffffff")})
    assert [mark.on for mark in result.logos] == ["dark"]
    assert any("one colour" in note for note in result.logos[0].notes)


def test_same_names_are_kept_apart(tmp_path: Path) -> None:
    files = {"light/logo.png": png(ink="#ffffff"), "dark/logo.png": png(ink="#000000")}
    html = HEADER.format("<img src='light/logo.png' alt='Example'><img src='dark/logo.png' alt='Example'>")
    assert [mark.file for mark in found(tmp_path, html, files=files).logos] == ["logo.png", "logo-2.png"]


# ------------------------------------------------------------------------------------------------------- icons


def ico(*sides: int) -> bytes:
    out = io.BytesIO()
    image = Image.open(io.BytesIO(png(max(sides), max(sides))))
    image.save(out, "ICO", sizes=[(side, side) for side in sides], bitmap_format="bmp")
    return out.getvalue()


def test_icons_are_icons(tmp_path: Path) -> None:
    html = (
        "<html><head><link rel='icon' href='f.ico'><link rel='apple-touch-icon' href='t.png' sizes='180x180'>"
        "<link rel='mask-icon' href='m.svg'></head><body>" + HEADER.format("Example") + "</body></html>"
    )
    result = found(tmp_path, html, files={"f.ico": ico(16, 48), "t.png": png(180, 180), "m.svg": svg("#000000")})
    assert result.logos == ()
    assert result.icon is not None
    assert "t.png" in result.icon.source
    assert "an icon, not a logo" in result.icon.source
    (tmp_path / "t.png").unlink()
    smaller = found(tmp_path, html, files={}).icon
    assert smaller is not None
    assert smaller.file == "m.svg"


def test_manifest_icons(tmp_path: Path) -> None:
    manifest = {
        "icons": [{"src": "i/192.png", "sizes": "192x192"}, {"src": "i/512.png", "sizes": "512x512"}, 7, {"src": 1}]
    }
    files = {"i/192.png": png(192, 192), "i/512.png": png(512, 512), "app.webmanifest": json.dumps(manifest).encode()}
    html = "<html><head><link rel='manifest' href='app.webmanifest'></head><body>x</body></html>"
    icon = found(tmp_path, html, files=files).icon
    assert icon is not None
    assert icon.width_px == 512


def test_windows_icons_give_their_largest_size() -> None:
    pixels = decode_picture(largest_of_ico(ico(16, 48, 32)), "x")
    assert pixels.shape == (48, 48, 4)
    assert pixels[0, 0, 3] == 0
    assert pixels[24, 24, 3] == 255


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 3))
def test_broken_windows_icons_are_refused(noise: bytes, cut: int) -> None:
    whole = ico(16)
    hostile = [struct.pack("<HHH", 0, 1, 3) + noise, whole[: len(whole) // 2] + noise, whole[:40] + noise, noise][cut]
    try:
        largest_of_ico(hostile)
    except BadInput:
        return


# ------------------------------------------------------------------------------------------------------- words


def test_words_that_only_end_like_logo() -> None:
    for text in ("catalogo", "dialogo", "logout", "login", "prologos", "analog"):
        assert logo_word(tokens(text), frozenset()) == 0.0, text
    for text in ("logo", "siteLogo", "site-logo_2x", "headerlogo", "Logo@2x", "logoWhite", "LOGO"):
        assert logo_word(tokens(text), frozenset()) == 1.0, text
    assert logo_word(tokens("examplelogo"), NAMES) == 1.0


def test_families_and_names() -> None:
    assert family("example-logo-white@2x") == family("Example_logo") == {"example"}
    assert says_name("newexample_header3", NAMES)
    assert not says_name("sample", NAMES)
    assert says_name("示例", frozenset({"示例"}))


@given(st.text(max_size=60))
def test_file_names_are_safe_on_every_system(name: str) -> None:
    kept = file_name(f"https://saved.invalid/a/{name}", ".png")
    assert kept.endswith(".png")
    assert 5 <= len(kept) <= 90
    assert not set(kept) & set('\\/:*?"<>|')
    assert kept[0] not in ". "


def test_own_names_are_kept() -> None:
    assert file_name("https://saved.invalid/image/logo@2x.png?v=3", ".png") == "logo@2x.png"
    assert file_name("https://saved.invalid/example%20logo.jpg", ".png") == "example-logo.png"
    assert file_name("https://saved.invalid/_next/image?url=%2Fimg%2Fexample.png&w=96", ".png") == "example.png"
    assert file_name("https://saved.invalid/CON.png", ".png") == "logo-CON.png"
    assert file_name("data:image/png;base64,AAAA", ".png") == "logo.png"


# ----------------------------------------------------------------------------------------------------- hostile

PIECES = st.sampled_from(
    [
        "<header>", "</header>", "<a href='/'>", "<a href='#'>", "<a href='http://[::1'>", "</a>", "<img src='logo.png'>",
        "<img src='data:image/png;base64,!!!'>", "<img srcset=',,, 2x, logo.png 1e999x'>", "<svg viewBox='0 0 nan 1'>", "</svg>",
        "<use href='#a'/>", "<symbol id=a><use href='#a'/></symbol>", "<path d='M0 0h9v9z'/>", "<picture>", "</picture>",
        "<div class='logo'>", "</div>", "<style>.logo{background:url(logo.png) -9e99px 0/0 0;width:1px;height:1e9px}</style>",
        "<link rel=manifest href=logo.png>", "<link rel=icon href=index.html>", "<img src='photo.jpg' class=logo width='-1e9'>",
        "<script type='application/ld+json'>{\"@type\":\"Organization\",\"@id\":\"x\",\"logo\":[[{\"@id\":\"x\"}]]}</script>",
        "<use href='logo.svg#x'/>", "<object data='index.html' class=logo>", "&#0;", "Example", "<base href='//'>",
    ]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=14))
def test_any_page_gives_an_answer(tmp_path_factory: pytest.TempPathFactory, pieces: list[str]) -> None:
    result = found(tmp_path_factory.mktemp("site"), "".join(pieces))
    assert len(result.logos) <= MOST_LOGOS
    assert bool(result.logos) != bool(result.not_found)
    for mark in result.logos:
        assert clean_svg(mark.data) if mark.file.endswith(".svg") else decode_picture(mark.data, mark.file).size


# -------------------------------------------------------------------------------------------------- real sites


def _truths() -> list[str]:
    return sorted(path.parent.name for path in SITES.glob("*/truth.json")) if SITES.is_dir() else []


@pytest.mark.skipif(not _truths(), reason="the sample sites are not here")
@pytest.mark.parametrize("name", _truths())
def test_sample_sites(name: str) -> None:
    truth = json.loads((SITES / name / "truth.json").read_text(encoding="utf-8"))
    site = open_saved(SITES / name)
    resource = site.read(site.start, "page")
    assert resource is not None
    page = read_page(resource, site)
    look = look_at(page, read_sheets(page, site))
    traps = [trap.split()[0].split("*")[0] for trap in truth.get("logo_traps", ())]
    for names in (frozenset(tokens(truth["name"])), frozenset[str](), frozenset(tokens(page.title))):
        result = find_marks(look, site, names)
        if truth["logo"] is None:
            assert result.logos == ()
            assert result.not_found
        else:
            assert any(path in result.logos[0].source for path in (truth["logo"], *truth.get("logo_also_ok", ())))
        assert not [mark.source for mark in result.logos for trap in traps if trap in mark.source]
