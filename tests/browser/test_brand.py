"""A designer reads a brand: a saved page dropped, its sheet seen, its kit chosen, its words taken over."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gradio as gr
import pytest
from playwright.sync_api import Browser, Page, expect

from studio.brand.site.proposals import Proposals
from studio.runs import Runs
from studio.studio import Studio
from studio.ui.page import Page as StudioPage
from tests.samples import SAMPLES
from tests.ui.brand_zip import HOSTILE, example_zip

pytestmark = pytest.mark.browser
READ_MS = 60_000


def drop(page: Page, file: Path) -> None:
    page.locator("#brand-file input[type=file]").set_input_files(file)


def test_a_saved_page_is_shown_chosen_and_its_words_are_taken(
    open_page: Callable[[], Page], tmp_path: Path, home: Path
) -> None:
    page = open_page()
    asks = page.locator("#brand-file [data-testid=upload-text]").evaluate("e => getComputedStyle(e, '::after').content")
    assert "token file" in asks
    drop(page, example_zip(tmp_path / "example.zip"))
    sheet = page.locator("#proposed")
    expect(sheet.locator("h2")).to_have_text("Example Bakery", timeout=READ_MS)
    expect(page.locator("#kit input")).to_have_value("Example Bakery")
    expect(page.locator(".kit .chips i").first).to_have_attribute("title", "primary #c2410c")
    expect(page.locator("#read")).to_be_enabled()
    expect(page.locator("#stop-reading")).to_have_count(0)
    expect(sheet.locator(".swatch").first).to_contain_text("proposal")
    expect(page.locator(".empty")).to_be_hidden()

    # The logo is the kit's cleaned file, drawn as a picture; the typeface is the one that came along.
    page.wait_for_function("() => document.querySelector('.mark img')?.naturalWidth > 0")
    logo = sheet.locator(".mark img").first.get_attribute("src") or ""
    served = page.request.get(page.url.rstrip("/") + logo)
    assert served.status == 200 and b"script" not in served.body()
    assert "sandbox" in served.headers["content-security-policy"]  # opened by itself, it runs nothing
    page.wait_for_function(
        "() => document.fonts.ready.then((all) => [...all].some((f) => f.family.includes('read-headings') "
        "&& f.status === 'loaded'))"
    )
    # Words that try to be markup or a template stay words.
    assert HOSTILE in (sheet.locator(".actions span").first.get_attribute("title") or "")
    assert page.locator("#proposed img[src=x]").count() == 0

    sheet.get_by_role("button", name="Use its words").click()
    expect(page.get_by_label("Headlines")).to_have_value("Bread with time\nBaked before sunrise")
    expect(page.get_by_label("Action")).to_have_value("Order a loaf")
    expect(page.get_by_label("Price")).to_have_value("")
    expect(page.get_by_label("Campaign")).to_have_value("Example Bakery")
    assert (home / "kits" / "example-bakery" / "brand.tokens.json").is_file()

    # Making folds the sheet away; a page opened anew still lists the kit.
    page.get_by_role("button", name="None", exact=True).click()
    page.click("#make")
    expect(sheet.locator("h2")).to_be_hidden()
    expect(page.locator(".act .notice")).to_contain_text("No format is chosen")
    again = open_page()
    again.locator("#kit input").click()
    expect(again.get_by_role("option", name="Example Bakery")).to_be_visible()


def test_what_cannot_be_read_is_said_and_the_form_stays(open_page: Callable[[], Page], tmp_path: Path) -> None:
    page = open_page()
    notice, address = page.locator("#reading .notice"), page.locator("#address input, #address textarea")
    kit = page.locator("#kit input").input_value()
    page.click("#read")
    expect(notice).to_contain_text("nothing to read", timeout=20_000)
    for typed, said in (("http://127.0.0.1:7860/", "Only public websites"), (str(tmp_path), "on this machine")):
        address.fill(typed)
        address.press("Enter")
        expect(notice).to_contain_text(said, timeout=20_000)
        expect(address).to_have_value(typed)
        expect(address).to_be_enabled()
    (tmp_path / "torn.zip").write_bytes(b"PK\x03\x04 nothing more")
    drop(page, tmp_path / "torn.zip")
    expect(notice).to_contain_text("torn.zip", timeout=20_000)
    expect(page.locator("#kit input")).to_have_value(kit)
    expect(page.locator("#proposed .proposed")).to_have_count(0)
    assert "Traceback" not in page.content()


@pytest.mark.skipif(not (SAMPLES / "sites" / "grilli").is_dir(), reason="no saved sites here")
def test_a_real_saved_site_is_shown(open_page: Callable[[], Page], tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "grilli"), "zip", SAMPLES / "sites" / "grilli")
    page = open_page()
    drop(page, Path(archive))
    expect(page.locator("#proposed h2")).to_have_text("Grilli", timeout=READ_MS)
    expect(page.locator("#proposed .swatch").first).to_contain_text("#e4c590")
    page.wait_for_function("() => document.querySelector('.mark .on-dark img')?.naturalWidth > 0")


# ------------------------------------------------------------------------------------------------ a slow site


class SlowStudio(Studio):
    """Every site takes until it is let go; what was asked of it is kept."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.asked: list[str] = []
        self.go_on = threading.Event()

    def propose(self, source: str, language: str = "") -> Proposals:
        self.asked.append(source)
        if source.startswith("slow"):
            self.go_on.wait(60)
        return super().propose(str(self.home / "example.zip"), language)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[SlowStudio, str]]:
    studio = SlowStudio(tmp_path)
    example_zip(tmp_path / "example.zip")
    runs = Runs(studio)
    blocks = StudioPage(studio, runs).build()
    blocks.queue(default_concurrency_limit=None)
    _, url, _ = blocks.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, ssr_mode=False)
    yield studio, url
    studio.go_on.set()
    runs.close()
    gr.close_all(verbose=False)


def test_a_slow_site_is_named_read_once_and_can_be_stopped(slow: tuple[SlowStudio, str], browser: Browser) -> None:
    studio, url = slow
    page = browser.new_page()
    page.goto(url)
    address = page.locator("#address input, #address textarea")
    address.fill("slow.example.org/about")
    address.press("Enter")
    expect(page.locator("#reading [role=status]")).to_contain_text("Reading slow.example.org", timeout=20_000)
    expect(page.locator("#read")).to_be_disabled()
    expect(address).to_be_disabled()
    page.click("#stop-reading")
    expect(page.locator("#read")).to_be_enabled(timeout=5_000)
    expect(page.locator("#reading [role=status]")).to_have_count(0)
    expect(address).to_have_value("slow.example.org/about")

    # Another is read at once; what the first one finds, later, is dropped.
    address.fill("quick.example.org")
    page.click("#read")
    expect(page.locator("#proposed summary")).to_contain_text("quick.example.org", timeout=READ_MS)
    studio.go_on.set()
    time.sleep(2)
    expect(page.locator("#proposed summary")).to_contain_text("quick.example.org")
    expect(page.locator("#reading [role=status]")).to_have_count(0)
    expect(page.locator("#read")).to_be_enabled()
    assert studio.asked == ["slow.example.org/about", "quick.example.org"]
    assert sorted(path.name for path in studio.kits.iterdir() if path.is_dir()) == ["example-bakery"]
    page.close()
