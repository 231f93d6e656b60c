"""Which colours and typefaces are told to be the brand's, and which are somebody else's."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib import TTFont

from studio.brand.page.look import Look
from studio.brand.site.colours import Sighting, declared_colours, palette_of, standing
from studio.brand.site.font_files import font_file, keep_files
from studio.brand.site.proposals import Typeface
from studio.brand.site.typefaces import family_name, is_system, typefaces_of
from tests.brand.sites_made import look_of, site_of, styled

BUTTONS = "<header><nav><a class='btn btn-primary' href=/>Order</a></nav></header><main><h1>Words to read</h1><p>Some more of them</p></main>"


def roles(look: Look) -> dict[str, list[str]]:
    palette = palette_of(look, {}, declared_colours(look))
    return {role: [c.hex for c in palette if c.role == role] for role in ("primary", "accent", "background", "text")}


def test_the_call_to_action_leads(tmp_path: Path) -> None:
    css = "body{background:#fffaf0;color:#2b1b12}.btn-primary{background:#b3261e;color:#fff}h1{color:#0b3d2e}"
    found = roles(styled(tmp_path, css, BUTTONS))
    assert found["primary"][0] == "#b3261e"
    assert "#0b3d2e" in found["primary"] + found["accent"]
    assert (found["background"], found["text"]) == (["#fffaf0"], ["#2b1b12"])


@pytest.mark.parametrize(
    "foreign",
    [
        "<div class='cookie-banner'><button class='btn' style='background:#00ff00'>Accept</button></div>" * 3,
        "<div class='alert alert-danger' style='background:#ff0000'>Wrong</div>" * 3,
        "<a class='btn btn-danger' style='background:#dc3545' href=x>Delete</a>" * 3,
        "<section class=clients><div style='background:#00aaff'>Other</div></section>" * 3,
        "<div class='social'><a href=x class='btn' style='background:#1da1f2'>Follow</a></div>" * 3,
        "<pre><code><span style='color:#a020f0'>def</span></code></pre>" * 9,
        "<a class='btn' style='background:#0d6efd' href=x>Framework</a>",
    ],
)
def test_what_is_not_the_brands_does_not_lead(tmp_path: Path, foreign: str) -> None:
    css = ".btn-primary{background:#b3261e;color:#fff}"
    assert roles(styled(tmp_path, css, BUTTONS + foreign))["primary"][0] == "#b3261e"


def test_variables_that_nothing_uses_say_nothing(tmp_path: Path) -> None:
    css = ":root{--primary:#0d6efd;--brand:#ff00ff}.btn-primary{background:#b3261e}"
    found = roles(styled(tmp_path, css, BUTTONS))
    assert "#ff00ff" not in [hex_ for hexes in found.values() for hex_ in hexes]


def test_a_neutral_page_is_not_given_a_colour(tmp_path: Path) -> None:
    css = ":root{--bs-primary:#0d6efd}header{background:#212529;color:#fff}"
    found = roles(styled(tmp_path, css, "<header>Shop</header><main><p>Words</p></main>"))
    assert found["primary"] == ["#212529"]
    assert found["accent"] == []


def test_theme_colours_count_but_generators_defaults_do_not(tmp_path: Path) -> None:
    head = "<meta name=theme-color content='#0a7d55'><meta name=theme-color media='(prefers-color-scheme: dark)' content='#ff0000'><meta name=msapplication-TileColor content='#da532c'>"
    look = look_of(site_of(tmp_path, f"<!doctype html><head>{head}</head><body><p>Words</p></body>"))
    assert [sighting.hex for sighting in declared_colours(look)] == ["#0a7d55"]


def test_sources_name_file_and_rule(tmp_path: Path) -> None:
    html = f"<!doctype html><head><link rel=stylesheet href=css/a.css></head><body>{BUTTONS}</body>"
    site = site_of(tmp_path, html, css__a_css=".btn-primary { background: #b3261e }")
    look = look_of(site)
    first = palette_of(look, {url: site.label(url) for url in look.sheets.addresses})[0]
    assert first.source == "css/a.css: .btn-primary { background-color }"


def test_near_shades_are_one_colour() -> None:
    found = standing(
        [Sighting("#b3261e", "action", "a"), Sighting("#b1271f", "link", "b"), Sighting("#0b3d2e", "link", "c")]
    )
    assert [one.hex for one in found] == ["#b3261e", "#0b3d2e"]
    assert found[0].others == ("#b1271f",)


# ------------------------------------------------------------------------------------------------ typefaces


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        ("__Inter_d65c78", "Inter"),
        ("__Inter_Fallback_d65c78", "Inter"),
        ("__suisse_6d5c28", "Suisse"),
        ("HelveticaNeue-Light", "Helvetica Neue"),
        ("-apple-system", "system-ui"),
        ("BlinkMacSystemFont", "system-ui"),
        ("arial", "Arial"),
        ("Inter var", "Inter"),
        ("Manrope Variable", "Manrope"),
        ("Roboto-Bold", "Roboto"),
        ("Source Sans 3", "Source Sans 3"),
        ("DM Sans", "DM Sans"),
        ("Black Ops One", "Black Ops One"),
    ],
)
def test_families_under_their_own_names(declared: str, name: str) -> None:
    assert family_name(declared) == name


def test_headings_and_words_not_icons_or_code(tmp_path: Path) -> None:
    css = """body{font-family:"Example Text",serif}h1{font-family:Display,sans-serif}i{font-family:"Font Awesome 6 Free"}
    code{font-family:Mono,monospace}"""
    body = f"<h1>Big words</h1><i>x</i><pre><code>{'let x; ' * 99}</code></pre><p>Words that run on for a while.</p>"
    site = site_of(tmp_path, f"<style>{css}</style>{body}")
    heading, text = typefaces_of(look_of(site), site, {})
    assert heading and text
    assert (heading.family, text.family) == ("Display", "Example Text")


def test_public_library_links_are_read(tmp_path: Path) -> None:
    html = "<link rel=stylesheet href='https://fonts.googleapis.com/css2?family=Newsreader:ital,wght@0,600&family=DM+Sans&display=swap'><style>body{font-family:'DM Sans'}</style><p>Words</p>"
    site = site_of(tmp_path, html)
    _, body = typefaces_of(look_of(site), site, {})
    assert body and body.link == "https://fonts.google.com/specimen/DM+Sans"
    assert body.licence


def made_font(licence: str, weights: tuple[int, int] | None = None) -> bytes:
    """A font of one letter; with `weights`, a variable one over that range."""
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((500, 0))
    pen.lineTo((250, 700))
    pen.closePath()
    glyph = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "A"])
    builder.setupCharacterMap({65: "A"})
    builder.setupGlyf({".notdef": glyph, "A": glyph})
    builder.setupHorizontalMetrics({".notdef": (600, 0), "A": (600, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable(
        {"familyName": "Example", "styleName": "Regular", **({"licenseDescription": licence} if licence else {})}
    )
    builder.setupOS2(usWeightClass=400)
    builder.setupPost()
    if weights:
        builder.setupFvar([("wght", weights[0], 400, weights[1], "Weight")], [])
        builder.setupGvar({".notdef": [], "A": []})
    out = io.BytesIO()
    builder.save(out)
    return out.getvalue()


OPEN = "This Font Software is licensed under the SIL Open Font License, Version 1.1."


def test_only_files_with_an_open_licence_are_kept() -> None:
    kept = font_file(made_font(OPEN), "Example Sans", 700)
    assert kept is not None and kept.licence == "SIL Open Font License" and kept.file == "ExampleSans-400.ttf"
    assert font_file(made_font(""), "Example Sans", 400) is None
    assert font_file(made_font("All rights reserved"), "Example Sans", 400) is None
    assert font_file(made_font(OPEN)[:300], "Example Sans", 400) is None
    assert font_file(b"no font", "Example Sans", 400) is None


def test_a_variable_font_is_kept_in_the_weight_that_is_used() -> None:
    kept = font_file(made_font(OPEN, (300, 800)), "Example", 900)
    assert kept is not None and kept.weight == 800
    font = TTFont(io.BytesIO(kept.data))
    assert "fvar" not in font


def test_a_sites_own_files_are_read(tmp_path: Path) -> None:
    css = "@font-face{font-family:Own;src:url(own.ttf)}body{font-family:Own}"
    site = site_of(tmp_path, f"<style>{css}</style><p>Words</p>", own_ttf=made_font(OPEN))
    _, body = typefaces_of(look_of(site), site, {})
    kept = keep_files(body, site)
    assert isinstance(kept, Typeface) and [file.file for file in kept.kept] == ["Own-400.ttf"]


def test_a_page_without_style_is_given_no_colour(tmp_path: Path) -> None:
    look = look_of(site_of(tmp_path, "<!doctype html><h1>Words</h1><p>More <a href=x>words</a></p>"))
    palette = palette_of(look, {}, declared_colours(look))
    assert [c.role for c in palette] == ["background", "text"]
    assert palette[0].confidence <= 0.3


def test_a_framework_is_not_named_by_the_page(tmp_path: Path) -> None:
    css = ":root{--bs-primary:#0d6efd}.btn-primary{background:#0d6efd}header{background:#1f6f54}a{color:#1f6f54}"
    assert roles(styled(tmp_path, css, BUTTONS))["primary"][0] == "#1f6f54"


def test_a_colourful_ground_is_better_than_nothing(tmp_path: Path) -> None:
    found = roles(styled(tmp_path, "body{background:#0a7d55}", "<p>Words</p>"))
    assert found["primary"] == found["background"] == ["#0a7d55"]


def test_generic_families_are_no_typefaces(tmp_path: Path) -> None:
    site = site_of(tmp_path, "<style>body{font-family:sans-serif}</style><p>Words</p>")
    _, body = typefaces_of(look_of(site), site, {})
    assert body and body.family == "sans-serif" and is_system(body.family)
