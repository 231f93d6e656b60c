"""A drawing in a page as a file: it must look as the page shows it, with nothing of the page around."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from studio.brand.art.cut_mark import drawn
from studio.brand.marks.inline_svg import standalone
from studio.brand.page.look import look_at
from studio.brand.page.sheets import read_sheets
from studio.brand.page.tree import in_svg, read_page
from studio.brand.source.saved import open_saved
from studio.brand.svg import clean_svg
from studio.errors import BadInput


def file_of(folder: Path, html: str, files: dict[str, bytes] | None = None) -> bytes:
    """The file of the page's first drawing that is marked `class="it"`, else of its first."""
    (folder / "index.html").write_text(f"<html><body>{html}</body></html>", encoding="utf-8")
    for name, data in (files or {}).items():
        (folder / name).write_bytes(data)
    site = open_saved(folder)
    resource = site.read(site.start, "page")
    assert resource is not None
    page = read_page(resource, site)
    drawings = [element for element in page.by_tag.get("svg", ()) if not in_svg(element)]
    marked = [element for element in drawings if "it" in element.classes]
    return standalone((marked or drawings)[0], look_at(page, read_sheets(page, site)), site)


def pixels_of(folder: Path, html: str, files: dict[str, bytes] | None = None) -> NDArray[np.uint8]:
    return drawn(clean_svg(file_of(folder, html, files)), "it")


def color_at(pixels: NDArray[np.uint8], x: float, y: float) -> tuple[int, ...]:
    """The colour at a place given as shares of the width and height, 0–1."""
    height, width = pixels.shape[:2]
    red, green, blue, alpha = (int(part) for part in pixels[int(y * (height - 1)), int(x * (width - 1))])
    return red, green, blue, alpha


SQUARE = "<path d='M0 0h10v10H0z'/>"
RED, GREEN, BLUE, NONE = (255, 0, 0, 255), (0, 128, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("html", "color"),
    [
        (f"<svg viewBox='0 0 10 10'>{SQUARE}</svg>", (0, 0, 0, 255)),
        (f"<svg viewBox='0 0 10 10' fill='red'>{SQUARE}</svg>", RED),
        (f"<a style='color:red'><svg viewBox='0 0 10 10' fill='currentColor'>{SQUARE}</svg></a>", RED),
        (f"<style>a{{color:red}} path{{fill:currentcolor}}</style><a><svg viewBox='0 0 10 10'>{SQUARE}</svg></a>", RED),
        (f"<style>.nav{{fill:red}}</style><div class=nav><svg viewBox='0 0 10 10'>{SQUARE}</svg></div>", RED),
        (f"<style>.l path{{fill:red!important}}</style><svg class=l viewBox='0 0 10 10' fill=blue>{SQUARE}</svg>", RED),
        (f"<style>:root{{--ink:red}} svg{{fill:var(--ink)}}</style><svg viewBox='0 0 10 10'>{SQUARE}</svg>", RED),
        (
            "<svg viewBox='0 0 10 10'><path d='M0 0h10v10H0z' style='stroke:currentColor;stroke-width:10;color:blue'/></svg>",
            BLUE,
        ),
        (f"<svg viewBox='0 0 10 10'><style>.x{{fill:red}}</style><g class=x>{SQUARE}</g></svg>", RED),
        (f"<style>.x{{fill:red}}</style><svg viewBox='0 0 10 10'><g class=x>{SQUARE}</g></svg>", RED),
        (
            f"<div hidden style='display:none'><svg style='display:none' viewBox='0 0 10 10' fill=red>{SQUARE}</svg></div>",
            RED,
        ),
        (f"<svg width='10' height='10px' fill=red>{SQUARE}</svg>", RED),
        (f"<style>svg{{width:10px;height:10px}}</style><svg width='100%' fill=red>{SQUARE}</svg>", RED),
    ],
)
def test_paint_comes_from_the_page(tmp_path: Path, html: str, color: tuple[int, ...]) -> None:
    assert color_at(pixels_of(tmp_path, html), 0.5, 0.5) == color


def test_hidden_parts_stay_hidden(tmp_path: Path) -> None:
    html = f"<style>.wide{{display:none}}</style><svg viewBox='0 0 20 10'>{SQUARE}<g class=wide transform='translate(10)'>{SQUARE}</g></svg>"
    pixels = pixels_of(tmp_path, html)
    assert color_at(pixels, 0.25, 0.5)[3] == 255
    assert color_at(pixels, 0.75, 0.5) == NONE


SPRITE = f"<svg style='display:none'><symbol id='mark' viewBox='0 0 20 10'>{SQUARE}<path fill='green' d='M10 0h10v10H10z'/></symbol></svg>"


@pytest.mark.parametrize(
    "use",
    [
        "<svg class=it viewBox='0 0 20 10'><use href='#mark'/></svg>",
        "<svg class=it><use xlink:href='#mark'></use></svg>",
        "<svg class=it width='200' height='100' viewBox='0 0 200 100'><use href='#mark' width='200' height='100'/></svg>",
        "<svg class=it viewBox='0 0 40 20'><use href='#mark'/></svg>",
        "<svg class=it viewBox='0 0 40 20'><use href='#mark' width='100%' height='100%'/></svg>",
    ],
)
def test_symbols_of_the_page_are_taken_in(tmp_path: Path, use: str) -> None:
    pixels = pixels_of(tmp_path, f"{SPRITE}<a style='color:red;fill:red'>{use}</a>")
    assert pixels.shape[1] == 2 * pixels.shape[0]
    assert color_at(pixels, 0.25, 0.5) == RED
    assert color_at(pixels, 0.75, 0.5) == GREEN


def test_symbols_of_a_file_are_taken_in(tmp_path: Path) -> None:
    sprite = (
        b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><defs>'
        b'<linearGradient id="g"><stop stop-color="#00f"/></linearGradient></defs><symbol id="mark" viewBox="0 0 20 10">'
        b'<path fill="currentColor" d="M0 0h10v10H0z"/><path fill="url(#g)" d="M10 0h10v10H10z"/></symbol></svg>'
    )
    html = "<a style='color:red'><svg><use xlink:href='sprite.svg#mark'/></svg></a>"
    pixels = pixels_of(tmp_path, html, {"sprite.svg": sprite})
    assert color_at(pixels, 0.25, 0.5) == RED
    assert color_at(pixels, 0.75, 0.5) == BLUE
    with pytest.raises(BadInput):
        pixels_of(tmp_path, html.replace("sprite.svg", "gone.svg"))


def test_gradients_and_clips_from_elsewhere_are_taken_in(tmp_path: Path) -> None:
    store = (
        "<svg width=0 height=0><defs><linearGradient id=base><stop stop-color='red'/></linearGradient>"
        "<linearGradient id=grad xlink:href='#base'></linearGradient>"
        "<clipPath id=half><rect width=5 height=10 /></clipPath></defs></svg>"
    )
    html = f"{store}<svg class=it viewBox='0 0 10 10'><g clip-path='url(#half)'><path fill='url(\"#grad\")' d='M0 0h10v10H0z'/></g></svg>"
    pixels = pixels_of(tmp_path, html)
    assert color_at(pixels, 0.25, 0.5) == RED
    assert color_at(pixels, 0.75, 0.5) == NONE


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>" + SQUARE,
        "<foreignObject><p>Words</p></foreignObject>" + SQUARE,
        f"<a href='javascript:alert(1)' onclick='x()'>{SQUARE}</a>",
        f"<g @click='x' :class='y' x-on:click.prevent='z' 1bad='' on='x'>{SQUARE}</g>",
        f"<g id='a'>{SQUARE}</g><use href='https://elsewhere.example/x.svg#a'/>",
    ],
)
def test_nothing_that_runs_or_loads_comes_along(tmp_path: Path, inside: str) -> None:
    clean = clean_svg(file_of(tmp_path, f"<svg viewBox='0 0 10 10'>{inside}</svg>"))
    assert b"alert" not in clean.data
    assert b"click" not in clean.data
    assert b"elsewhere" not in clean.data
    assert color_at(drawn(clean, "it"), 0.5, 0.5) == (0, 0, 0, 255)


def test_endless_references_end(tmp_path: Path) -> None:
    many = "".join(f"<g id='n{i}'><use href='#n{i + 1}'/><use href='#n{i + 1}'/></g>" for i in range(300))
    with pytest.raises(BadInput):
        clean_svg(
            file_of(
                tmp_path,
                f"<svg style='display:none'>{many}</svg><svg class=it viewBox='0 0 9 9'><use href='#n0'/></svg>",
            )
        )
    circle = "<svg class=it viewBox='0 0 9 9'><symbol id=a><use href='#b'/></symbol><symbol id=b><use href='#a'/></symbol><use href='#a'/></svg>"
    with pytest.raises(BadInput):
        clean_svg(file_of(tmp_path, circle))
    huge = "<path d='M0 0h1v1z'></path>" * 6000
    with pytest.raises(BadInput, match="far too many"):
        file_of(tmp_path, f"<svg viewBox='0 0 9 9'>{huge}</svg>")


BITS = st.sampled_from(
    [
        "<g>", "</g>", "<g fill='url(#x)'>", "<use href='#a'/>", "<symbol id='a' viewBox='0 0 5'>", "</symbol>", SQUARE,
        "<use href='.svg'/>", "<use href='index.html#a'/>", "<use href='#'/>", "<use xlink:href='%23a'/>", "<text>x", "</text>",
        "<style>path{fill:url(#a)}</style>", "<linearGradient id='x' href='#x'>", "</linearGradient>", "<g style='fill:;;:;{'>",
        "<svg viewBox='0 0 0 0'>", "</svg>", "&#1;", "<g id='\ufffe'>", "<title>\x02</title>", "<g data-\u00e9='1' \u00e9='2'>",
    ]
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(
    st.lists(BITS, max_size=12),
    st.sampled_from(["viewBox='0 0 10 10'", "", "width='1e9' height='x'", "viewBox='a b c d'"]),
)
def test_any_drawing_is_a_file_or_refused(tmp_path_factory: pytest.TempPathFactory, bits: list[str], box: str) -> None:
    try:
        clean_svg(file_of(tmp_path_factory.mktemp("site"), f"<svg {box}>{''.join(bits)}</svg>"))
    except BadInput as error:
        assert "not an SVG" not in str(error)
