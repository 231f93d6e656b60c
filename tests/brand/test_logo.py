"""Logos: hostile SVG in, harmless shapes out; what is drawn is what a browser would draw; boxes fit the ink."""

from __future__ import annotations

import gzip
import io
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import skia
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from studio.brand.logo import LogoArt, load_logo
from studio.brand.svg import clean_svg, safe_svg
from studio.errors import BadInput
from studio.model import Logo
from studio.pixels import read_picture
from tests.samples import SAMPLES

LOGOS = SAMPLES / "logos"
NS = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def svg(inside: str, attributes: str = 'viewBox="0 0 10 10"') -> bytes:
    return f"<svg {NS} {attributes}>{inside}</svg>".encode()


def drawn(data: bytes, size: int = 100) -> NDArray[np.uint8]:
    """The cleaned SVG over its whole view box, straight alpha."""
    clean = clean_svg(data)
    dom = skia.SVGDOM.MakeFromStream(skia.MemoryStream.MakeCopy(clean.data))
    surface = skia.Surface(size, size)
    surface.getCanvas().scale(size / clean.width, size / clean.height)
    dom.render(surface.getCanvas())
    return surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)


def color_at(data: bytes, x: float = 0.5, y: float = 0.5) -> tuple[int, ...]:
    return tuple(int(part) for part in drawn(data)[int(y * 100), int(x * 100)])


def art_of(tmp_path: Path, data: bytes, name: str = "logo.svg") -> LogoArt:
    (tmp_path / name).write_bytes(data)
    return load_logo(tmp_path, Logo(file=name))


# ---------------------------------------------------------------------------------------------- painting


@pytest.mark.parametrize(
    ("inside", "want"),
    [
        ('<rect width="10" height="10" fill="red"/>', (255, 0, 0, 255)),
        ('<style>.a{fill:#00f}</style><rect class="a" width="10" height="10"/>', (0, 0, 255, 255)),
        (
            "<style>rect{fill:red}.a.b{fill:#0f0}#x{stroke:none}</style>"
            '<rect id="x" class="b a" width="10" height="10"/>',
            (0, 255, 0, 255),
        ),
        (
            "<style>@import url(x);@media print{rect{fill:red}} /* rect{fill:red} */ rect{fill:blue !important}</style>"
            '<rect width="10" height="10"/>',
            (0, 0, 255, 255),
        ),
        (
            "<style><![CDATA[.a{fill:red}]]></style>"
            '<rect class="a" style="fill:blue" fill="lime" width="10" height="10"/>',
            (0, 0, 255, 255),
        ),
        ('<g color="#00f"><rect fill="currentColor" width="10" height="10"/></g>', (0, 0, 255, 255)),
        ('<rect fill="hsl(120 100% 50%)" width="10" height="10"/>', (0, 255, 0, 255)),
        ('<rect fill="rebeccapurple" width="10" height="10"/>', (102, 51, 153, 255)),
        ('<rect fill="rgb(0 0 255 / 50%)" width="10" height="10"/>', (0, 0, 255, 128)),
        ('<rect fill="#0000ff80" fill-opacity="50%" width="10" height="10"/>', (0, 0, 255, 64)),
        ('<rect fill="var(--brand, #0f0)" width="10" height="10"/>', (0, 255, 0, 255)),
        ('<rect fill="url(#gone) red" width="10" height="10"/>', (255, 0, 0, 255)),
        ('<rect fill="url(http://x/#g)" width="10" height="10"/>', (0, 0, 0, 0)),
        ('<rect fill="transparent" width="10" height="10"/>', (0, 0, 0, 0)),
        ('<rect style="display:none" width="10" height="10"/>', (0, 0, 0, 0)),
        ('<a href="javascript:alert(1)"><rect fill="red" width="10" height="10"/></a>', (255, 0, 0, 255)),
        ('<defs><rect id="r" width="4" height="4"/></defs><use href="#r" x="4" y="4" fill="red"/>', (255, 0, 0, 255)),
        (
            '<symbol id="s" viewBox="0 0 2 2"><rect width="2" height="2" fill="red"/></symbol>'
            '<use xlink:href="#s" width="10" height="10"/>',
            (255, 0, 0, 255),
        ),
        (
            '<svg x="4" y="4" width="4" height="4" viewBox="0 0 2 2"><rect width="2" height="2" fill="red"/></svg>',
            (255, 0, 0, 255),
        ),
        (
            '<linearGradient id="g"><stop stop-color="#f00"/><stop offset="1" style="stop-color:red"/></linearGradient>'
            '<rect fill="url(#g)" width="10" height="10"/>',
            (255, 0, 0, 255),
        ),
        (
            '<linearGradient id="a"><stop stop-color="#f00"/></linearGradient><linearGradient id="b" xlink:href="#a"/>'
            '<rect fill="url(\'#b\')" width="10" height="10"/>',
            (255, 0, 0, 255),
        ),
        (
            '<clipPath id="c"><use xlink:href="#q"/></clipPath><defs><rect id="q" width="9" height="9"/></defs>'
            '<rect clip-path="url(#c)" fill="red" width="10" height="10"/>',
            (255, 0, 0, 255),
        ),
    ],
)
def test_paints_like_a_browser(inside: str, want: tuple[int, ...]) -> None:
    got = color_at(svg(inside))
    assert max(abs(a - b) for a, b in zip(got, want, strict=True)) <= 2, got


def test_a_clip_made_of_a_use_clips() -> None:
    data = svg(
        '<defs><rect id="q" width="5" height="10"/></defs><clipPath id="c"><use href="#q"/></clipPath>'
        '<rect clip-path="url(#c)" fill="red" width="10" height="10"/>'
    )
    assert color_at(data, 0.25)[3] == 255 and color_at(data, 0.75)[3] == 0


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="20" height="10"', (20, 10)),
        ('width="10mm" height="20mm"', (37.795, 75.59)),
        ('viewBox="5,5 30 10" width="100%" height="100%"', (30, 10)),
        ('viewBox="junk" width="20px" height="10px"', (20, 10)),
    ],
)
def test_sizes(attributes: str, size: tuple[float, float]) -> None:
    clean = clean_svg(svg('<rect width="5" height="5"/>', attributes))
    assert (clean.width, clean.height) == pytest.approx(size, rel=1e-3)


# ---------------------------------------------------------------------------------------------- hostile


BAD_WORDS = ("script", "onload", "onclick", "foreignObject", "http://evil", "javascript", "file:", "@import", "animate")


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        '<rect onload="alert(1)" onclick="x()" width="1" height="1"/>',
        '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml">x</body></foreignObject>',
        '<use href="http://evil/x.svg#a"/>',
        '<use xlink:href="file:///etc/passwd#a"/>',
        "<style>@import url(http://evil/x.css); rect{fill:url(http://evil/#a)}</style>",
        '<rect fill="url(http://evil/#a)" style="fill:url(file:///x)" width="1" height="1"/>',
        '<animate attributeName="x"/><set/><handler/>',
        '<a xlink:href="javascript:alert(1)"><rect width="1" height="1"/></a>',
        '<linearGradient id="g" xlink:href="http://evil/#g"/>',
        '<x:script xmlns:x="http://www.w3.org/2000/svg">alert(1)</x:script>',
        '<rect id="&quot; onload=&quot;x" width="1" height="1"/>',
    ],
)
def test_what_runs_or_loads_is_gone(inside: str) -> None:
    out = safe_svg(svg(inside + '<rect width="3" height="3"/>')).decode()
    assert not any(word in out for word in BAD_WORDS if word != "onload") and 'onload="' not in out
    ET.fromstring(out)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"hello", "not an SVG"),
        (b"<html/>", "not an SVG"),
        (b"<svg", "not an SVG"),
        (b"\x89PNG\r\n\x1a\n", "not an SVG"),
        (b'<?xml version="1.0" encoding="x-unknown"?><svg/>', "not an SVG"),
        (gzip.compress(svg("")), "compressed"),
        (svg("", ""), "no size"),
        (svg("", 'viewBox="0 0 0 5"'), "cannot be drawn"),
        (svg("", 'viewBox="0 0 100000 5"'), "cannot be drawn"),
        (svg("", 'viewBox="0 0 1e30 1e30"'), "cannot be drawn"),
        (svg("<text>Acme</text>"), "live text"),
        (svg('<image href="data:image/png;base64,AAAA"/>'), "pixel picture"),
        (svg('<image href="http://evil/x.png"/>'), "pixel picture"),
        (svg('<g id="a"><use href="#a"/></g>'), "inside itself"),
        (svg('<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>'), "inside itself"),
        (svg('<linearGradient id="a" xlink:href="#b"/><linearGradient id="b" xlink:href="#a"/>'), "refers to itself"),
        (svg("<g>" * 500 + "</g>" * 500), "too complex"),
        (svg("<g/>" * 30_000), "too complex"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]>' + svg("&a;"), "entities"),
        (b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + svg("&x;"), "entities"),
        (b"<svg>" + b"x" * 5_000_000 + b"</svg>", "larger"),
    ],
)
def test_refused_with_a_reason(data: bytes, word: str) -> None:
    with pytest.raises(BadInput) as caught:
        safe_svg(data)
    assert word in str(caught.value) and caught.value.hint


def test_billion_laughs() -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    with pytest.raises(BadInput, match="entities"):
        safe_svg(f'<!DOCTYPE svg [<!ENTITY l0 "ha">{entities}]>'.encode() + svg("&l11;"))


def test_a_use_bomb() -> None:
    groups = "".join(f'<g id="g{n}">{f"<use href=%s#g{n - 1}%s/>" % (chr(34), chr(34)) * 10}</g>' for n in range(1, 12))
    with pytest.raises(BadInput, match="far too many"):
        safe_svg(svg('<g id="g0"><rect width="1" height="1"/></g>' + groups))


def test_layers_upon_layers() -> None:
    masks = "".join(
        f'<mask id="m{n}">{f"<rect width=%s9%s mask=%surl(#m{n - 1})%s/>" % ((chr(34),) * 4) * 2}</mask>'
        for n in range(1, 30)
    )
    for inside in (masks + '<mask id="m0"/><rect mask="url(#m29)"/>', '<g opacity=".9"><path/></g>' * 400):
        with pytest.raises(BadInput, match="layers"):
            safe_svg(svg(inside))


def test_effects_are_left_out_and_said() -> None:
    huge = '<filter id="f" x="-1e9" width="9e9"><feGaussianBlur stdDeviation="1e9"/></filter>'
    clean = clean_svg(svg(huge + '<rect filter="url(#f)" width="5" height="5"/>'), "logo.svg")
    assert b"filter" not in clean.data and "effects" in clean.notes[0]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["<g>", "</g>", '<g id="a">', '<use href="#a"/>', "<rect width='9' height='9'/>", "<style>", "</style>",
             ".a{", "}", "fill:", "red;", "url(#", '<path d="M0 0L', "1e99 NaN", '"/>', "<clipPath id='a'>",
             "</clipPath>", "&lt;", '<linearGradient id="a" href="#a"/>', "<!--", "-->", 'transform="scale(1e30)"',
             "<switch>", "</switch>"]
        ),
        max_size=14,
    )
)  # fmt: skip
def test_any_markup_is_cleaned_or_refused(pieces: list[str]) -> None:
    try:
        clean = clean_svg(svg("".join(pieces)))
    except BadInput:
        return
    ET.fromstring(clean.data)
    drawn(svg("".join(pieces)), 20)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=120))
def test_any_bytes_are_refused_kindly(data: bytes) -> None:
    with pytest.raises(BadInput):
        safe_svg(data)


# ---------------------------------------------------------------------------------------------- the art


def test_the_box_is_the_boxs_ink(tmp_path: Path) -> None:
    art = art_of(tmp_path, svg('<rect x="20" y="30" width="40" height="10" fill="red"/>', 'viewBox="0 0 100 100"'))
    assert art.aspect == pytest.approx(4.0, rel=0.01)
    pixels = art.rgba(400)
    assert pixels.shape == (100, 400, 4)
    assert (pixels[2:-2, 2:-2] == (255, 0, 0, 255)).all()


def test_a_png_is_trimmed_and_its_alpha_is_straight(tmp_path: Path) -> None:
    image = Image.new("RGBA", (50, 40), (0, 0, 0, 0))
    image.paste((200, 100, 0, 128), (10, 10, 30, 20))
    out = io.BytesIO()
    image.save(out, "PNG")
    art = art_of(tmp_path, out.getvalue(), "logo.png")
    assert art.aspect == 2.0 and not art.opaque
    pixels = art.rgba(10)
    assert pixels.shape == (5, 10, 4)
    assert np.abs(pixels[2, 5].astype(int) - (200, 100, 0, 128)).max() <= 2
    large = art.rgba(200)
    assert np.abs(large[50, 100].astype(int) - (200, 100, 0, 128)).max() <= 2


def test_an_opaque_picture_says_so(tmp_path: Path) -> None:
    Image.new("RGB", (20, 10), "red").save(tmp_path / "logo.jpg")
    assert load_logo(tmp_path, Logo(file="logo.jpg")).opaque


def test_a_vector_stays_vector_in_a_pdf(tmp_path: Path) -> None:
    art = art_of(tmp_path, svg('<circle cx="5" cy="5" r="4" fill="red"/>'))
    stream = skia.DynamicMemoryWStream()
    document = skia.PDF.MakeDocument(stream)
    canvas = document.beginPage(200, 200)
    art.draw(canvas, 10, 10, 100)
    document.endPage()
    document.close()
    data = bytes(stream.detachAsData())
    assert data.startswith(b"%PDF") and b"/Subtype /Image" not in data


def test_draw_puts_it_where_it_was_asked(tmp_path: Path) -> None:
    art = art_of(tmp_path, svg('<rect x="2" y="2" width="4" height="2"/>'))
    surface = skia.Surface(100, 100)
    art.draw(surface.getCanvas(), 10, 20, 40)
    alpha = surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)[..., 3]
    ys, xs = np.nonzero(alpha > 127)
    assert (xs.min(), ys.min(), xs.max(), ys.max()) == (10, 20, 49, 39)


@pytest.mark.parametrize(
    "file",
    [
        "../logo.svg",
        "/etc/passwd",
        "C:\\x.svg",
        "a/../../x.svg",
        "..\\x.svg",
        "",
        "\0",
        "con.svg",
        "//host/x.svg",
        "~/x.svg",
    ],
)
def test_paths_that_lead_out(tmp_path: Path, file: str) -> None:
    with pytest.raises(BadInput):
        load_logo(tmp_path, Logo(file=file))


def test_nothing_to_see(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="draws nothing"):
        art_of(tmp_path, svg('<rect width="5" height="5" fill="none"/>'))


@pytest.mark.skipif(not LOGOS.exists(), reason="the real inputs are not here")
@pytest.mark.parametrize("name", ["couchdb", "cymbal-shops"])
def test_real_logos_look_like_their_pictures(name: str) -> None:
    folder = LOGOS / name
    vector, picture = load_logo(folder, Logo(file="logo.svg")), load_logo(folder, Logo(file="logo.png"))
    assert vector.aspect == pytest.approx(picture.aspect, rel=0.01)
    one, other = vector.rgba(300).astype(float), picture.rgba(300).astype(float)
    rows = min(len(one), len(other))
    flat = [a[:rows, :, :3] * a[:rows, :, 3:] / 255 + 255 - a[:rows, :, 3:] for a in (one, other)]
    assert np.abs(flat[0] - flat[1]).mean() < 6.0


@pytest.mark.skipif(not LOGOS.exists(), reason="the real inputs are not here")
def test_the_basket_keeps_its_colours() -> None:
    art = load_logo(LOGOS / "basket", Logo(file="logo.svg"))
    assert {color for color, _ in art.inks} >= {"#8ba4fe", "#6663d8", "#f3f3ff"}
    assert read_picture(LOGOS / "basket" / "logo.png").shape == (80, 104, 4)
