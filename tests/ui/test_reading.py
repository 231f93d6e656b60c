"""A brand read into the workspace: the sheet, the kit, the words; stopped, refused, hostile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser, LexborNode

from studio.brand.kit import copy_kit, load_kit
from studio.brand.site.proposals import Colour, Copy, Mark, Photo, Proposals, Typeface, Words
from studio.errors import BadInput
from studio.runs import Runs
from studio.studio import Studio
from studio.ui import proposed
from studio.ui.reading import Reading
from tests.ui.brand_zip import HOSTILE, example_zip

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo" / "brand"
NOTICE, GO, STOP, KIT, SHEET, WORDS = 0, 2, 3, 4, 5, 6
TABS = {
    "details", "summary", "span", "div", "h2", "h3", "p", "em", "b", "q", "i", "section", "figure", "figcaption", "small",
    "ol", "ul", "li", "button", "img", "style", "a", "html", "head", "body",
}  # fmt: skip


def tab(name: str = "tab") -> gr.Request:
    return cast(gr.Request, SimpleNamespace(session_hash=name))


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    opened = Runs(Studio(tmp_path / "home"))
    yield opened
    opened.close()


@pytest.fixture
def reading(runs: Runs) -> Reading:
    return Reading(runs.studio, runs, DEMO)


def last(answers: Iterator[tuple[Any, ...]]) -> tuple[Any, ...]:
    return list(answers)[-1]


def page_of(sheet: str) -> LexborHTMLParser:
    return LexborHTMLParser(f"<body>{sheet}</body>")


def first(node: LexborHTMLParser | LexborNode, css: str) -> LexborNode:
    found = node.css_first(css)
    assert found is not None, css
    return found


def skipped(value: Any) -> bool:
    return value == gr.skip()


# ------------------------------------------------------------------------------------------------ reading


def test_a_saved_page_becomes_a_kit_that_is_chosen_and_shown(reading: Reading, runs: Runs, tmp_path: Path) -> None:
    source = example_zip(tmp_path / "example.zip")
    busy, done = list(reading.read_file(str(source), tab()))
    assert "Reading example.zip" in busy[NOTICE] and not busy[GO].interactive and busy[STOP].visible
    folder = runs.studio.kits / "example-bakery"
    assert done[KIT].value == str(folder) and ("Example Bakery", str(folder)) in done[KIT].choices
    assert done[NOTICE] == "" and done[GO].interactive and not done[STOP].visible
    assert done[WORDS] == ("Example Bakery", "Bread with time\nBaked before sunrise", "Order a loaf")
    assert not any(swatch.locked for swatch in load_kit(folder).kit.palette)

    sheet = page_of(done[SHEET])
    assert first(sheet, "h2").text() == "Example Bakery"
    assert "English (en-GB)" in first(sheet, ".facts").text()
    shown = {first(figure, "b").text(): figure for figure in sheet.css(".swatch")}
    assert "#c2410c" in shown["Primary"].text()
    assert all(first(figure, ".source").text() for figure in shown.values())
    assert all("proposal" in figure.text() for figure in shown.values())
    assert [first(item, "span").text() for item in sheet.css(".actions li")] == ["Order a loaf"]
    # The typeface that came along is set in its own file, the logo is a picture of the kit's.
    assert f"/gradio_api/file={(folder / 'fonts').as_posix()}/" in first(sheet, "style").text()
    assert "read-headings" in str(first(sheet, ".face.headings .family").attributes["style"])
    pictures = [str(image.attributes["src"]) for image in sheet.css("img")]
    assert pictures and all(at.startswith(f"/gradio_api/file={folder.as_posix()}/logos/") for at in pictures)
    assert not sheet.css("svg") and "onload" not in (folder / "logos" / "logo.svg").read_text()
    assert HOSTILE in str(first(sheet, ".actions span").attributes["title"])


def test_the_same_brand_again_is_numbered_and_the_newest_is_listed(
    reading: Reading, runs: Runs, tmp_path: Path
) -> None:
    source = str(example_zip(tmp_path / "example.zip"))
    last(reading.read_file(source, tab()))
    time.sleep(0.02)  # kits are listed by the time of their folder
    done = last(reading.read_file(source, tab()))
    second = runs.studio.kits / "example-bakery-2"
    assert done[KIT].value == str(second)
    assert dict(reading.kits())["Example Bakery"] == str(second)


def test_a_kit_made_here_comes_before_its_own_snapshot(runs: Runs, tmp_path: Path) -> None:
    found = runs.studio.propose(str(example_zip(tmp_path / "example.zip")))
    kit = runs.studio.adopt(found, "example.zip")
    time.sleep(0.02)
    copy_kit(kit.folder, runs.studio.kits / kit.digest)
    assert dict(runs.kits()) == {"Example Bakery": kit.folder}


@pytest.mark.parametrize(
    ("name", "folder"),
    [("Grüne Straße", "gr-ne-stra-e"), ("فونت", "brand"), ("CON", "con-kit"), ("../..", "brand"), ("a" * 90, "a" * 48)],
)
def test_kits_are_called_by_names_every_system_allows(tmp_path: Path, name: str, folder: str) -> None:
    studio = Studio(tmp_path)
    words = Words(text=name, source="h1", confidence=0.5)
    colour = Colour(hex="#c2410c", role="primary", source="a", confidence=0.5)
    kit = studio.adopt(Proposals(site="x", name=words, palette=(colour,)), "x.html")
    assert kit.folder == studio.kits / folder


def test_a_kit_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    outside = Mark(file="../../outside.png", on="any", source="a", confidence=0.5, data=b"no picture")
    with pytest.raises(BadInput):
        studio.adopt(Proposals(site="x", logos=(outside,)), "x.html")
    assert not [path for path in studio.kits.glob("*") if path.is_dir()]


def test_tokens_are_taken_along_whole(reading: Reading, tmp_path: Path) -> None:
    file = tmp_path / "example.tokens.json"
    file.write_text('{"brand": {"primary": {"$type": "color", "$value": "#c2410c"}}, "more": {"$description": "kept"}}')
    done = last(reading.read_file(str(file), tab()))
    assert "#c2410c" in done[SHEET]
    assert '"kept"' in (Path(done[KIT].value) / "brand.tokens.json").read_text()


# ------------------------------------------------------------------------------------------------ refused, stopped


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "nothing to read"),
        ("http://127.0.0.1:9/", "127.0.0.1"),
        ("http://[::1]/", "::1"),
        ("http://169.254.169.254/latest", "169.254.169.254"),
        ("file:///etc/hostname", "file:///etc/hostname"),
        ("/", "on this machine"),
        (str(DEMO), "on this machine"),
        ("./nowhere.html", "nowhere.html"),
    ],
)
def test_what_cannot_be_read_is_said_and_the_form_stays(reading: Reading, runs: Runs, address: str, said: str) -> None:
    done = last(reading.read(address, None, tab()))
    assert said in done[NOTICE] and "<span>" in done[NOTICE] and 'role="alert"' in done[NOTICE]
    assert all(skipped(done[place]) for place in (KIT, SHEET, WORDS))
    assert skipped(done[GO]) or done[GO].interactive
    assert not [path for path in runs.studio.kits.glob("*") if path.is_dir()]


def test_a_stopped_read_leaves_no_kit_and_shows_nothing(reading: Reading, runs: Runs, tmp_path: Path) -> None:
    answers = reading.read_file(str(example_zip(tmp_path / "example.zip")), tab())
    next(answers)
    assert reading.stop(tab())[1:] and reading.latest is not None
    assert all(skipped(value) for value in next(answers))
    assert not [path for path in runs.studio.kits.glob("*") if path.is_dir()]


def test_pressing_twice_reads_once_and_another_overtakes(
    reading: Reading, runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    found = runs.studio.propose(str(example_zip(tmp_path / "example.zip")))
    monkeypatch.setattr(runs.studio, "propose", lambda source: asked.append(source) or found)
    first, second = reading.read("a.example.org", None, tab()), reading.read("a.example.org", None, tab())
    next(first)
    assert all(skipped(value) for value in last(second))
    other = reading.read("b.example.org", None, tab())
    next(other)
    assert all(skipped(value) for value in next(first))
    assert "b.example.org" in last(other)[SHEET]
    assert "a.example.org" in last(reading.read("a.example.org", None, tab()))[SHEET]
    assert asked == ["a.example.org", "b.example.org", "a.example.org"]


def test_a_read_stopped_while_its_kit_is_made_takes_the_kit_back(
    reading: Reading, runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = runs.studio.adopt

    def adopt(*given: Any) -> Any:
        kit = make(*given)
        reading.stop(tab())
        return kit

    monkeypatch.setattr(runs.studio, "adopt", adopt)
    done = last(reading.read_file(str(example_zip(tmp_path / "example.zip")), tab()))
    assert all(skipped(value) for value in done)
    assert not (runs.studio.kits / "example-bakery").exists()


def test_the_sites_words_replace_the_demos_but_never_the_designers(reading: Reading) -> None:
    demo = ("golden-hour", "Stay", "Sun milk", "Shop now", "€24", "Legal")
    mine = ("golden-hour", "My line", "My body", "Mine", "€24", "Legal")
    filled = reading.use(demo, ("Example", "Bread with time", "Order"), *mine)
    assert filled[0] == "Example" and filled[1] == "Bread with time" and filled[3:] == ["Order", "", ""]
    assert skipped(filled[2])
    nothing = reading.use(demo, ("Example", "", ""), "autumn", "My line", "B", "Mine", "€1", "L")
    assert all(skipped(value) for value in nothing)


# ------------------------------------------------------------------------------------------------ the sheet


text = st.one_of(
    st.text(max_size=30), st.sampled_from([HOSTILE, '"><script>alert(1)</script>', "' onload='x", "&lt;b&gt;"])
)
words = st.builds(Words, text=text, source=text, confidence=st.floats(0, 1))
proposals = st.builds(
    Proposals,
    site=text,
    name=st.none() | words,
    tagline=st.none() | words,
    language=text,
    palette=st.lists(
        st.builds(
            Colour,
            hex=st.just("#c2410c"),
            role=st.sampled_from(["primary", "text"]),
            source=text,
            confidence=st.floats(0, 1),
        ),
        max_size=2,
    ).map(tuple),
    heading=st.none()
    | st.builds(Typeface, family=text, source=text, confidence=st.floats(0, 1), link=text | st.just("javascript:x")),
    logos=st.builds(Mark, file=st.just("logo.svg"), on=st.just("any"), source=text, confidence=st.floats(0, 1)).map(
        lambda mark: (mark,)
    ),
    copy_=st.builds(
        Copy, headlines=st.lists(words, max_size=2).map(tuple), actions=st.lists(words, max_size=2).map(tuple)
    ),
    pictures=st.just(
        (Photo(file="https://example.org/a.jpg", use="hero", width_px=9, height_px=9, source="", confidence=1),)
    ),
    photography=st.lists(text, max_size=2).map(tuple),
    not_found=st.lists(text, max_size=9).map(tuple),
    warnings=st.lists(text, max_size=9).map(tuple),
)


@budget(max_examples=60, deadline=None)
@given(found=proposals, source=text)
def test_nothing_from_outside_becomes_markup(found: Proposals, source: str) -> None:
    kit = load_kit(DEMO)
    sheet = page_of(proposed.sheet(found, kit, source) + proposed.reading(source))
    for node in sheet.css("*"):
        assert node.tag in TABS
        assert not [name for name in node.attributes if name.startswith("on") and name != "on"]
        address = str(node.attributes.get("src") or node.attributes.get("href") or "")
        assert not address or address.startswith(("/gradio_api/file=", "https://"))
        assert node.tag != "img" or address.startswith(f"/gradio_api/file={DEMO.as_posix()}/logos/")


def test_how_sure_is_said_in_words_and_weak_looks_weak() -> None:
    assert proposed.sureness(0.91) == "<em>sure, 91%</em>"
    assert proposed.sureness(0.5) == "<em>likely, 50%</em>"
    assert proposed.sureness(0.3) == '<em class="weak">perhaps, 30%</em>'
    assert proposed.sureness(0.0) == '<em class="weak">a guess, 0%</em>'
    palette = tuple(Colour(hex="#c2410c", role="accent", source="a", confidence=sure) for sure in (0.9, 0.1))
    sheet = page_of(proposed.sheet(Proposals(site="x", palette=palette), load_kit(DEMO), "x"))
    assert ["weak" in str(figure.attributes["class"]) for figure in sheet.css(".swatch")] == [False, True]


def test_a_typeface_without_files_is_named_with_its_link_and_never_set(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    for link, there in (("https://fonts.google.com/specimen/X", True), ("javascript:alert(1)", False)):
        found = Proposals(site="x", heading=Typeface(family="Example Sans", source="h1", confidence=0.9, link=link))
        shown = first(page_of(proposed.sheet(found, studio.adopt(found, "x.html"), "x")), ".face")
        assert "named" in str(shown.attributes["class"]) and not shown.css("style")
        assert "Example Sans" in shown.text() and "Hanken Grotesk stands in" in shown.text()
        get = shown.css_first("a")
        assert (get is not None) == there
        assert get is None or (get.attributes["href"] == link and "noopener" in str(get.attributes["rel"]))
