"""From what a client has to a kit: the whole way, over a stand-in for the web and from files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.brand.adopt import BRIEF_FILE, FOUND_FILE, adopt, as_found
from studio.brand.check import check_kit
from studio.brand.kit import export_tokens, import_tokens, load_kit
from studio.brand.site.proposals import Colour, Proposals, Typeface, Words
from studio.brand.website import as_path, infer
from studio.brief.rows import read_brief
from studio.errors import BadInput
from tests.bench.brand_bench import judge, sites_in, truth_of
from tests.brand.sites_made import site_of
from tests.brand.test_site_colours import OPEN, made_font
from tests.samples import SAMPLES
from tests.standin import Web, answer, redirect, stand_in

LOGO = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40"><script>alert(1)</script>
<rect width="30" height="40" fill="#0b6e4f"/><path d="M40 5h70v30H40z" fill="#0b6e4f"/></svg>"""
CSS = b"""@font-face{font-family:Own;font-weight:700;src:url(own.ttf)} :root{--brand:#0b6e4f}
body{margin:0;background:#fffdf7;color:#22201c;font:16px Georgia,serif} h1{font-family:Own,sans-serif;font-weight:700}
.btn{background:var(--brand);color:#fff} a{color:#0b6e4f}"""
PAGE = b"""<!doctype html><html lang=en><head><title>Example Bakery | Bread that keeps</title>
<meta property="og:site_name" content="Example Bakery"><meta name="description" content="Bread that keeps for a week.">
<link rel=stylesheet href=/main.css></head><body><header><a href="/"><img src="/img/logo.svg" alt="Example Bakery"></a></header>
<main><section class=hero><h1>Bread that keeps</h1><p>Baked at four in the morning, sold by noon, good for a week.</p>
<a class=btn href=/order>Order a loaf</a></section></main><footer>&copy; 2026 Example Bakery</footer></body></html>"""


@pytest.fixture
def web() -> Iterator[Web]:
    with stand_in() as web:
        web.answers |= {
            "/": answer(PAGE),
            "/main.css": answer(CSS, media_type="text/css"),
            "/own.ttf": answer(made_font(OPEN), media_type="font/ttf"),
            "/img/logo.svg": answer(LOGO, media_type="image/svg+xml"),
        }
        yield web


def test_an_address_becomes_a_kit(web: Web, tmp_path: Path) -> None:
    found = infer("example.org", guard=web.guard())
    assert found.name and found.name.text == "Example Bakery"
    assert found.palette[0].hex == "#0b6e4f" and found.palette[0].role == "primary"
    assert "main.css: .btn {" in found.palette[0].source
    loaded = adopt(found, tmp_path / "kit")
    assert loaded.kit.name == "Example Bakery"
    assert (loaded.kit.hex("primary"), loaded.kit.hex("background"), loaded.kit.hex("text")) == (
        "#0b6e4f",
        "#fffdf7",
        "#22201c",
    )
    assert not any(swatch.locked for swatch in loaded.kit.palette)
    assert loaded.kit.type.heading.family == "Own" and not loaded.fonts.problems
    assert loaded.kit.type.body.stands_for in ("Georgia", "")
    (logo,) = loaded.kit.logos
    assert logo.file == "logos/logo.svg" and b"script" not in (tmp_path / "kit" / logo.file).read_bytes()
    assert not [finding for finding in check_kit(loaded) if finding.level == "error"]


def test_the_json_is_as_promised(web: Web, tmp_path: Path) -> None:
    facts: dict[str, Any] = json.loads(json.dumps(as_found(infer("example.org", guard=web.guard()))))
    assert {
        "name",
        "tagline",
        "language",
        "palette",
        "fonts",
        "logos",
        "copy",
        "pictures",
        "not_found",
        "warnings",
    } <= facts.keys()
    assert all({"hex", "role", "source", "confidence"} <= colour.keys() for colour in facts["palette"])
    roles = [colour["role"] for colour in facts["palette"]]
    order = ["primary", "accent", "background", "text"]
    assert roles == sorted(roles, key=order.index)
    for role in order:
        sure = [colour["confidence"] for colour in facts["palette"] if colour["role"] == role]
        assert sure == sorted(sure, reverse=True)
    assert facts["fonts"]["heading"]["family"] == "Own"
    assert {"file", "on", "source", "confidence"} <= facts["logos"][0].keys()
    assert facts["copy"]["headlines"][0]["text"] == "Bread that keeps"
    assert [words["text"] for words in facts["copy"]["actions"]] == ["Order a loaf"]


def test_a_page_that_points_on_is_followed(web: Web) -> None:
    web.answers["/"] = redirect("/start")
    web.answers["/start"] = answer(
        b"<html><head><meta http-equiv=refresh content='0; url=/home'></head><body></body></html>"
    )
    web.answers["/home"] = answer(PAGE)
    found = infer("example.org", guard=web.guard())
    assert found.name and found.name.text == "Example Bakery"


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (
            b"<html><head><title>App</title><script src=/app.js></script></head><body><div id=root></div></body></html>",
            "JavaScript",
        ),
        (
            b"<html><head><title>Just a moment...</title></head><body>Checking your browser before accessing.</body></html>",
            "brows",
        ),
        (
            b"<html><body><form><input type=email><input type=password><button>Log in</button></form></body></html>",
            "log",
        ),
    ],
)
def test_pages_that_show_nothing_say_why_and_what_to_do(web: Web, page: bytes, said: str) -> None:
    web.answers["/"] = answer(page)
    found = infer("example.org", guard=web.guard())
    assert any(said.lower() in text.lower() and "save" in text.lower() for text in found.warnings), found.warnings
    assert not found.logos and any("logo" in text.lower() for text in found.not_found)


def test_a_wall_is_an_error_with_a_way_round(web: Web) -> None:
    web.answers["/"] = answer(b"no", "403 Forbidden")
    with pytest.raises(BadInput) as refused:
        infer("example.org", guard=web.guard())
    assert "save" in refused.value.hint.lower()


def test_a_kit_is_whole_or_not_there(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = infer("example.org", guard=web.guard())

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(BadInput, match="No space"):
        adopt(found, tmp_path / "kit")
    assert not (tmp_path / "kit").exists()


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("work")
    with pytest.raises(BadInput, match="not empty"):
        adopt(Proposals(site="x"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_found_is_still_a_kit(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    site_of(tmp_path / "site", "<!doctype html><html><body></body></html>")
    loaded = adopt(infer(str(tmp_path / "site")), tmp_path / "kit")
    assert loaded.kit.name and loaded.kit.logos == ()


def test_proposals_and_a_first_brief_lie_beside_the_kit(web: Web, tmp_path: Path) -> None:
    adopt(infer("example.org", guard=web.guard()), tmp_path / "kit")
    assert json.loads((tmp_path / "kit" / FOUND_FILE).read_text("utf-8"))["name"] == "Example Bakery"
    brief = read_brief(tmp_path / "kit" / BRIEF_FILE)
    assert brief.headlines[0] == "Bread that keeps" and brief.action == "Order a loaf"


def test_a_family_that_may_not_be_kept_is_stood_in_for(tmp_path: Path) -> None:
    face = Typeface(family="Example Grotesk", source="a.css", confidence=0.9, weight=500)
    colours = (Colour(hex="#0b6e4f", role="primary", source="a.css", confidence=0.9),)
    found = Proposals(
        site="x", name=Words(text="Example", source="x", confidence=1), palette=colours, heading=face, body=face
    )
    loaded = adopt(found, tmp_path / "kit")
    assert loaded.kit.type.heading.stands_for == "Example Grotesk"
    assert load_kit(tmp_path / "kit").kit == loaded.kit
    tokens = json.loads((tmp_path / "kit" / "brand.tokens.json").read_text("utf-8"))
    assert tokens["font"]["heading"]["$value"] == "Example Grotesk"
    assert any("Example Grotesk is not in the kit" in finding.message for finding in check_kit(loaded))
    assert any("Example Grotesk could not be kept" in warning for warning in as_found(found)["warnings"])


def test_what_is_a_path_and_what_an_address(tmp_path: Path) -> None:
    assert as_path(str(tmp_path)) == tmp_path
    for address in ("example.org", "https://example.org/a.html", "example.org/index.html", "http://example.org:8080"):
        assert as_path(address) is None
    for missing in ("./site", "/no/such/place", "page.html", "kit.zip", "brand"):
        with pytest.raises(BadInput, match="not there"):
            as_path(missing)


@pytest.mark.skipif(not (SAMPLES / "sites").is_dir(), reason="no sample sites")
@pytest.mark.parametrize("site", sites_in(SAMPLES / "sites"), ids=lambda path: path.name)
def test_real_sites_with_known_truth(site: Path) -> None:
    right = judge(infer(str(site)), truth_of(site))
    wrong = [name for name in ("name", "primary", "clean", "fonts", "logo", "language") if right[name] is False]
    assert not wrong


def test_nothing_from_a_page_steers_the_terminal(tmp_path: Path) -> None:
    css = '.h\x1b\\[31m,.btn{background:#0b6e4f;font-family:"Foo\\1b [31mBar"}'
    site_of(
        tmp_path, f"<style>{css}</style><h1 class='h\x1b[31m btn'>A\x1b[2J\u202eB</h1><a class=btn href=x>Go\x9b</a>"
    )
    told = json.dumps(as_found(infer(str(tmp_path))), ensure_ascii=False)
    assert not {"\\u001b", "\x1b", "\\u009b", "\x9b", "\u202e"} & {
        told[i : i + n] for n in (1, 6) for i in range(len(told))
    }


def test_an_empty_source_is_refused() -> None:
    with pytest.raises(BadInput, match="nothing to read"):
        infer("  ")


def test_a_folder_of_logos_is_read_as_logos(tmp_path: Path) -> None:
    (tmp_path / "logo.svg").write_bytes(LOGO)
    (tmp_path / "logo-white.svg").write_bytes(LOGO)
    found = infer(str(tmp_path))
    assert [mark.file for mark in found.logos] == ["logo.svg"] and found.palette[0].hex == "#0b6e4f"


def test_an_exported_kit_comes_back(web: Web, tmp_path: Path) -> None:
    loaded = adopt(infer("example.org", guard=web.guard()), tmp_path / "kit")
    alone = export_tokens(tmp_path / "kit", tmp_path / "alone" / "x.tokens.json")
    again = import_tokens(alone, tmp_path / "again")
    assert again.kit.palette == loaded.kit.palette and again.kit.logos == ()
    assert any("left out" in note for note in again.notes)
    whole = import_tokens(tmp_path / "kit" / "brand.tokens.json", tmp_path / "whole")
    assert whole.kit == loaded.kit


def test_a_failed_import_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"a": {"$type": "color", "$value": "no colour"}}')
    with pytest.raises(BadInput):
        import_tokens(tmp_path / "bad.json", tmp_path / "kit")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.json"]
