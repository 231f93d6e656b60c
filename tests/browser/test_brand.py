"""A designer reads a brand and makes it right: a page dropped, colours accepted and changed, the proof following."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from playwright.sync_api import Browser, Page, expect

from studio.brand.kit import load_kit
from studio.brand.site.proposals import Proposals
from studio.runs import Runs
from studio.studio import Studio
from studio.ui.page import build, shown
from studio.ui.theme import stylesheet
from studio.ui.view import script
from tests.browser.conftest import OpenPage
from tests.samples import SAMPLES
from tests.ui.brand_zip import HOSTILE, example_zip

pytestmark = pytest.mark.browser
READ_MS = 60_000


def drop(page: Page, file: Path, place: str = "brand-file") -> None:
    page.locator(f"#view-brand input[name={place}]").set_input_files(file)


def name_of(page: Page) -> Any:
    return expect(page.get_by_label("Name of the brand"))


def at_rest(page: Page) -> None:
    """Until every change is on disk and the proof shows it, painted."""
    page.wait_for_function("() => !document.documentElement.classList.contains('lk-busy')")
    expect(page.locator(".proofs .status")).to_have_text("", timeout=120_000)


def proof(page: Page) -> str:
    return page.locator(".proof.square img").get_attribute("src") or ""


def test_a_saved_page_becomes_a_kit_that_is_accepted_and_changed(
    open_page: OpenPage, tmp_path: Path, home: Path
) -> None:
    page = open_page("brand")
    drop(page, example_zip(tmp_path / "example.zip"))
    name_of(page).to_have_value("Example Bakery", timeout=READ_MS)
    folder = home / "kits" / "example-bakery"
    expect(page.locator("#view-brand .shelf .use[aria-pressed=true]")).to_contain_text("Example Bakery")
    first = page.locator("#view-brand .swatch").first
    expect(first).to_contain_text("Proposal")
    expect(first.get_by_label("Primary: hex")).to_have_value("#c2410c")

    # The logo is drawn from the kit, the typeface is the one that came along, hostile words stay words.
    page.wait_for_function("() => document.querySelector('#view-brand .logo img')?.naturalWidth > 0")
    page.wait_for_function(
        "() => [...document.fonts].some((f) => f.family.startsWith('lk-face') && f.status === 'loaded')"
    )
    assert HOSTILE in (page.get_by_label("Calls to action").locator("span").first.get_attribute("title") or "")
    assert page.locator("#view-brand img[src=x]").count() == 0

    # Accepted, changed, undone: each is on disk at once, and the proof follows.
    at_rest(page)
    before = proof(page)
    page.get_by_role("button", name="Accept all").click()
    expect(page.locator("#view-brand .proposal")).to_have_count(0)
    hex_ = first.get_by_label("Primary: hex")
    hex_.fill("1D4ED8")
    hex_.press("Enter")
    expect(hex_).to_have_value("#1d4ed8")
    at_rest(page)
    assert proof(page) != before
    kit = load_kit(folder).kit
    assert kit.palette[0].hex == "#1d4ed8" and all(swatch.locked for swatch in kit.palette)
    page.locator("#view-brand .sheet").focus()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(page.locator("#view-brand .proposal").first).to_be_visible()
    page.keyboard.press("Control+Shift+z")
    expect(page.locator("#view-brand .proposal")).to_have_count(0)
    at_rest(page)
    kit = load_kit(folder).kit
    assert kit.palette[0].hex == "#c2410c" and all(swatch.locked for swatch in kit.palette)

    page.get_by_role("button", name="Use these words").click()
    page.wait_for_function("() => document.documentElement.dataset.saved === 'yes'")
    draft = page.evaluate("() => lockup.state.draft")
    assert draft["headlines"] == ["Bread with time", "Baked before sunrise"]
    assert draft["action"] == "Order a loaf" and draft["title"] == "Example Bakery"


def test_the_palette_is_put_in_order_by_keyboard_and_keeps_the_focus(open_page: OpenPage, home: Path) -> None:
    page = open_page("brand")
    page.get_by_role("button", name="New", exact=True).click()
    name_of(page).to_have_value("New brand")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#view-brand .swatch")).to_have_count(3)
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == "Primary: hex"
    page.keyboard.type("#0a7d5a")
    page.keyboard.press("Tab")
    page.get_by_label("Primary: role").focus()
    page.keyboard.press("Alt+ArrowLeft")
    page.keyboard.press("Alt+ArrowLeft")
    expect(page.locator("#view-brand .swatch").first.get_by_label("Primary: hex")).to_have_value("#0a7d5a")
    at_rest(page)
    kit_id = page.evaluate("() => lockup.state.draft.kit")
    assert [swatch.role for swatch in load_kit(home / "kits" / kit_id).kit.palette] == ["primary", "background", "text"]

    # Words by keyboard; a name that is empty is not taken.
    page.get_by_label("Tone: add").fill("warm, plain")
    page.keyboard.press("Enter")
    page.get_by_label("Tone: add").press("Backspace")
    name = page.get_by_label("Name of the brand")
    name.fill("")
    name.press("Enter")
    expect(name).to_have_value("New brand")
    at_rest(page)
    assert load_kit(home / "kits" / kit_id).kit.voice.tone == ("warm",)


def test_a_kit_is_duplicated_deleted_and_brought_back(open_page: OpenPage) -> None:
    page = open_page("brand")
    page.get_by_label("More for Solbrae", exact=True).click()
    page.get_by_role("menuitem", name="Duplicate").click()
    name_of(page).to_have_value("Solbrae copy")
    with page.expect_download() as export:
        page.get_by_label("More for Solbrae copy").click()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
    assert export.value.suggested_filename == "solbrae-copy.tokens.json"
    page.get_by_label("More for Solbrae copy").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.get_by_label("More for Solbrae copy")).to_have_count(0)
    page.locator(".toast").get_by_role("button", name="Undo").click()
    name_of(page).to_have_value("Solbrae copy")


def test_a_preset_is_saved_and_opened_from_its_file(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("brand")
    expect(page.get_by_label("Name of the brand")).to_be_visible()
    page.evaluate("() => lockup.set({look: 'evening', formats: ['meta-square']})")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_label("Name", exact=True).fill("Evening square")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Evening square", exact=False).first).to_be_visible()
    page.get_by_label("More for Evening square").click()
    with page.expect_download() as export:
        page.get_by_role("menuitem", name="Export as one file").click()
    file = tmp_path / export.value.suggested_filename
    export.value.save_as(file)
    page.get_by_label("More for Evening square").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.evaluate("() => lockup.set({look: null, formats: []})")
    drop(page, file)
    page.locator(".toast").get_by_role("button", name="Use it").click()
    page.wait_for_function("() => lockup.state.draft.look === 'evening'")
    assert page.evaluate("() => lockup.state.draft.formats") == ["meta-square"]


def test_two_people_do_not_overwrite_each_other(open_page: OpenPage, home: Path) -> None:
    page = open_page("brand")
    page.get_by_role("button", name="New", exact=True).click()
    name_of(page).to_have_value("New brand")
    kit_id = page.evaluate("() => lockup.state.draft.kit")
    other = open_page("brand")
    expect(other.get_by_label("Name of the brand")).to_be_visible()
    other.evaluate("id => lockup.set({kit: id})", kit_id)
    name_of(other).to_have_value("New brand")
    other.get_by_label("Tagline").fill("First")
    other.get_by_label("Tagline").press("Enter")
    at_rest(other)
    page.get_by_label("Tagline").fill("Second")
    page.get_by_label("Tagline").press("Enter")
    expect(page.locator(".toast.bad")).to_contain_text("changed elsewhere")
    expect(page.get_by_label("Tagline")).to_have_value("First")
    assert load_kit(home / "kits" / kit_id).kit.tagline == "First"


def test_what_cannot_be_read_is_said_and_the_page_stays(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("brand")
    expect(page.get_by_label("Name of the brand")).to_be_visible()
    kit = page.evaluate("() => lockup.state.draft.kit")
    address, said = page.get_by_label("Read a brand"), page.locator(".toast.bad").last
    page.get_by_role("button", name="Read", exact=True).click()
    expect(said).to_contain_text("nothing to read", timeout=20_000)
    for typed, message in (
        ("http://127.0.0.1:7860/", "Only public websites"),
        (str(tmp_path), "is a path, not an address"),
    ):
        address.fill(typed)
        address.press("Enter")
        expect(said).to_contain_text(message, timeout=20_000)
        expect(address).to_have_value(typed)
        expect(address).to_be_enabled()
    (tmp_path / "torn.zip").write_bytes(b"PK\x03\x04 nothing more")
    drop(page, tmp_path / "torn.zip")
    expect(said).to_contain_text("torn.zip", timeout=20_000)
    assert page.evaluate("() => lockup.state.draft.kit") == kit
    assert "Traceback" not in page.content()


@pytest.mark.skipif(not (SAMPLES / "sites" / "grilli").is_dir(), reason="no saved sites here")
def test_a_real_saved_site_is_shown(open_page: OpenPage, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "grilli"), "zip", SAMPLES / "sites" / "grilli")
    page = open_page("brand")
    drop(page, Path(archive))
    name_of(page).to_have_value("Grilli", timeout=READ_MS)
    expect(page.locator("#view-brand .swatch").first.get_by_label("Primary: hex")).to_have_value("#e4c590")
    page.wait_for_function("() => document.querySelector('#view-brand .logo img')?.naturalWidth > 0")


# ------------------------------------------------------------------------------------------------ a slow site


class SlowStudio(Studio):
    """Every site takes until it is let go; what was asked of it is kept."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.asked: list[str] = []
        self.go_on = threading.Event()

    def propose(self, source: str, language: str = "", look: bool = False) -> Proposals:
        self.asked.append(source)
        if "//slow." in source:
            self.go_on.wait(60)
        return super().propose(str(self.home / "example.zip"), language)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[SlowStudio, str]]:
    studio = SlowStudio(tmp_path)
    example_zip(tmp_path / "example.zip")
    runs = Runs(studio)
    blocks = build(studio, runs)
    blocks.queue(default_concurrency_limit=None)
    _, url, _ = blocks.launch(
        server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, ssr_mode=False, css=stylesheet(),
        head=f"<script>{script('lockup')}</script>", allowed_paths=[str(path) for path in shown(studio, runs)],
    )  # fmt: skip
    yield studio, url
    studio.go_on.set()
    runs.close()
    gr.close_all(verbose=False)


def test_a_slow_site_is_named_read_once_and_can_be_stopped(slow: tuple[SlowStudio, str], browser: Browser) -> None:
    studio, url = slow
    page = browser.new_page()
    page.add_init_script("localStorage.setItem('lockup.tour', 'seen')")
    page.goto(f"{url}#brand")
    address, status = page.get_by_label("Read a brand"), page.locator("#view-brand .brand-side [role=status]")
    address.fill("slow.example.org/about")
    address.press("Enter")
    expect(status).to_contain_text("Reading slow.example.org", timeout=20_000)
    expect(address).to_be_disabled()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Read", exact=True)).to_be_visible(timeout=5_000)
    expect(status).to_have_count(0)
    expect(address).to_have_value("slow.example.org/about")

    # Another is read at once; what the first one finds, later, is dropped.
    address.fill("quick.example.org")
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("Read from quick.example.org", timeout=READ_MS)
    studio.go_on.set()
    time.sleep(2)
    expect(status).to_have_count(0)
    assert studio.asked == ["https://slow.example.org/about", "https://quick.example.org"]
    assert sorted(path.name for path in studio.kits.iterdir() if path.is_dir() and len(path.name) < 64) == [
        "example-bakery", "solbrae",
    ]  # fmt: skip
    page.close()
