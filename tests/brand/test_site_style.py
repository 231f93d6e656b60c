"""Style sheets against a page: what wins, what is inherited, what a visitor sees."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.brand.page.css_values import colour, colours_in, families, font_shorthand, resolved, size_px, urls_in
from studio.brand.page.sheets import applies, read_sheets
from tests.brand.sites_made import look_of, seen, site_of, styled


@pytest.mark.parametrize(
    ("text", "hex_", "alpha"),
    [
        ("#abc", "#aabbcc", 1.0),
        ("#AABBCC80", "#aabbcc", 0.5),
        ("rgb(255 0 0 / 50%)", "#ff0000", 0.5),
        ("rgba(255,0,0,.25)", "#ff0000", 0.25),
        ("hsl(120deg 100% 25%)", "#008000", 1.0),
        ("hsla(38, 61%, 73%, 1)", "#e4c590", 1.0),
        ("hwb(194 0% 0%)", "#00c3ff", 1.0),
        ("rebeccapurple", "#663399", 1.0),
        ("oklch(62.8% 0.25768 29.234)", "#ff0000", 1.0),
        ("lab(100% 0 0)", "#ffffff", 1.0),
        ("color(srgb 1 0.5 0)", "#ff8000", 1.0),
        ("color-mix(in srgb, red 25%, blue)", "#4000bf", 1.0),
        ("light-dark(#111, #eee)", "#111111", 1.0),
        ("currentColor", "#123456", 1.0),
    ],
)
def test_colours_of_every_syntax(text: str, hex_: str, alpha: float) -> None:
    found = colour(text, "#123456")
    assert found is not None
    assert found[0] == hex_
    assert found[1] == pytest.approx(alpha, abs=0.01)


@pytest.mark.parametrize("text", ["", "inherit", "ButtonFace", "url(a.png)", "#12", "color-mix(in srgb, red)"])
def test_what_is_no_colour(text: str) -> None:
    assert colour(text) is None


def test_gradients_addresses_and_fonts() -> None:
    value = "linear-gradient(45deg, #2937f0 0%, hsl(280 79% 49%) 100%), url(\"a(1).png\"), image-set('b.png' 1x)"
    assert [hex_ for hex_, _ in colours_in(value)][:2] == ["#2937f0", "#9e1ae0"]
    assert urls_in(value) == ["a(1).png", "b.png"]
    assert families("\"Open Sans\", 'Noto, Serif', serif") == ["Open Sans", "Noto, Serif", "serif"]
    assert font_shorthand("italic 700 1.5rem/1.2 'Example Serif', serif") == {
        "font-weight": "700", "font-size": "1.5rem", "font-family": "'Example Serif', serif",
    }  # fmt: skip
    assert font_shorthand("caption") == {}
    assert size_px("clamp(1rem, 2vw, 3rem)", 16.0) == 48.0


def test_variables_nest_fall_back_and_end() -> None:
    assert resolved("var(--a)", {"--a": "var(--b, red)"}) == "red"
    assert resolved("1px solid var(--a, var(--b, rgb(1, 2, 3)))", {}) == "1px solid rgb(1, 2, 3)"
    assert resolved("var(--a)", {"--a": "var(--a)"}) is None
    doubling = {f"--{i}": f"var(--{i + 1})var(--{i + 1})" for i in range(60)} | {"--60": "x"}
    assert resolved("var(--0)", doubling) is None


@pytest.mark.parametrize(
    ("condition", "holds", "dark"),
    [
        ("screen and (min-width: 60em)", True, False),
        ("(max-width: 800px)", False, False),
        ("print", False, False),
        ("not print", True, False),
        ("(prefers-color-scheme: dark)", True, True),
        ("(prefers-color-scheme: light)", True, False),
        ("(400px <= width <= 2000px)", True, False),
        ("(width < 500px)", False, False),
        ("print, (min-width: 1px)", True, False),
    ],
)
def test_media_queries_on_a_desk_screen(condition: str, holds: bool, dark: bool) -> None:
    assert applies(condition) == (holds, dark)


def test_the_cascade(tmp_path: Path) -> None:
    css = """
    @layer base, late; @layer late { .a { color: #010101 } } @layer base { .a { color: #020202 } }
    .a { color: #030303 } p.a { color: #040404 } #x { color: #050505 !important }
    .b { color: red } .b { color: blue } .b:hover { color: green }
    .card { background: #eee; & .t { color: #111 } .u & { color: #222 } > .v { color: #333 } }
    :is(.m, .n) > i { color: #444 } li:nth-child(2n+1) { color: #555 } [data-k^="ab"] { color: #666 }
    """
    body = """<p class=a>1</p><p class=a id=x style="color:#fff">2</p><p class=b>3</p>
    <div class=card><span class=t>4</span><b class=v>5</b></div><div class=u><div class=card id=in>6</div></div>
    <div class=m><i>7</i></div><ul><li id=one>8<li id=two>9</ul><q data-k=abc>10</q>"""
    look = styled(tmp_path, css, body)
    wanted = {
        "a": "#040404",
        "x": "#050505",
        "b": "#0000ff",
        "t": "#111111",
        "v": "#333333",
        "in": "#222222",
        "i": "#444444",
        "one": "#555555",
        "q": "#666666",
    }
    assert {name: seen(look, name).color for name in wanted} == wanted
    assert seen(look, "two").color == "#000000"


def test_inheritance_grounds_and_shorthands(tmp_path: Path) -> None:
    css = """:root { --brand: 230 30 40; --soft: rgb(var(--brand) / 50%) } body { background: #fff; font: 300 20px "Example Sans", serif }
    .hero { background: linear-gradient(#000, #000), url(a.png) #123; color: white } .half { background: var(--soft) }
    h2 { font-size: 2em } .gone { display: none } .clear { background: none; background-color: transparent }"""
    look = styled(
        tmp_path,
        css,
        "<div class=hero><h2>a</h2></div><p class=half>b</p><p class=gone>c <i>d</i></p><div class=hero id=h><p class=clear>e</p></div>",
    )
    heading = seen(look, "h2")
    assert (heading.color, heading.size_px, heading.weight, heading.families) == (
        "#ffffff",
        40.0,
        700,
        ("Example Sans", "serif"),
    )
    assert heading.ground == "#000000" and heading.over_picture
    assert seen(look, "half").ground == "#f28e94"
    assert not seen(look, "i").shown and seen(look, "clear").ground == "#000000"


def test_sheets_are_followed(tmp_path: Path) -> None:
    html = """<!doctype html><html><head><base href="/sub/"><link rel=stylesheet href="css\\a.css?v=3">
    <link rel="alternate stylesheet" href=no.css><link rel=stylesheet media=print href=print.css>
    <link rel=preload as=style onload="this.rel='stylesheet'" href=late.css><link rel=stylesheet href=gone.css></head><body><p>x</p></body></html>"""
    site = site_of(
        tmp_path, html, sub__css__a_css='@import "b.css"; @import url(a.css); p { color: #010101 }', sub__css__b_css="p { background: #020202 }",
        sub__no_css="p { color: red }", sub__print_css="p { color: red }", sub__late_css="p { border-color: #030303 }",
    )  # fmt: skip
    look = look_of(site)
    found = seen(look, "p")
    assert found.color == "#010101" and found.ground == "#020202"
    assert found.style.get("border-color") == "#030303"
    assert [site.label(url) for url in look.sheets.unread] == ["sub/gone.css"]


def test_endless_imports_end(tmp_path: Path) -> None:
    site = site_of(
        tmp_path,
        '<link rel=stylesheet href="a_.css">',
        **{"a__css": '@import "b_.css"; p { color: red }', "b__css": '@import "a_.css";'},
    )
    resource = site.read(site.start, "page")
    assert resource is not None
    look = look_of(site)
    assert len(read_sheets(look.page, site).rules) <= 2


@given(st.text(max_size=200))
@settings(max_examples=150, deadline=None)
def test_values_never_raise(text: str) -> None:
    colour(text)
    colours_in(text)
    urls_in(text)
    families(text)
    font_shorthand(text)
    size_px(text, 16.0)
    resolved(text, {"--a": text})
    applies(text)


@pytest.mark.parametrize(
    ("css", "body"),
    [
        ("".join(f"div div div div .q{i} p{{color:#{i:06x}}}" for i in range(500)), "<div>" * 150 + "<p>x</p>" * 1500),
        ("".join(f":not(.z{i}){{color:#{i:06x}}}" for i in range(600)), "<p>x</p>" * 3000),
        ("".join(f"p:nth-last-of-type({i}n+1){{color:#{i:06x}}}" for i in range(1, 200)), "<p>x</p>" * 4000),
    ],
)
def test_a_sheet_that_asks_too_much_is_cut_short(tmp_path: Path, css: str, body: str) -> None:
    began = time.process_time()
    look = styled(tmp_path, css, body)
    assert time.process_time() - began < 30.0  # without a budget these take minutes
    assert len(look.seen) > 1000


def test_translucent_fills_are_laid_over_once(tmp_path: Path) -> None:
    look = styled(tmp_path, ".hero{background:rgba(255,0,0,.5)}", "<section class=hero><h1>Words</h1></section>")
    fill = seen(look, "hero").fill
    assert fill is not None and fill[0] == "#ff8080"


def test_styles_for_those_without_scripts_are_not_the_pages(tmp_path: Path) -> None:
    look = styled(
        tmp_path,
        ".btn{color:#aa3300}",
        "<noscript><style>.btn{color:#00f!important}</style></noscript><p class=btn>x</p>",
    )
    assert seen(look, "btn").color == "#aa3300"


def test_what_the_browser_colours_is_told_apart(tmp_path: Path) -> None:
    look = styled(tmp_path, "p{color:#123456}", "<div><a href=x id=plain>a</a></div><p><b id=set>b</b></p>")
    assert not seen(look, "plain").coloured and seen(look, "plain").color == "#0000ee"
    assert seen(look, "set").coloured
