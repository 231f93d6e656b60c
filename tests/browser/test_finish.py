"""The Finish tab in a real browser: judge, compare, mend, reword, show to the client, hand over. Keyboard first."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import OpenPage, Server, opened
from tests.browser.test_access import faults
from tests.job.conftest import DEMO
from tests.job.table import Table

pytestmark = pytest.mark.browser

LONG = "Stay for the long and golden light of every single summer evening"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A studio with a finished run: three headlines, one of them too long for Meta."""
    home = tmp_path_factory.mktemp("finish")
    table = Table(home)
    table.make("meta-square", "display-300x250", "display-160x600", count=3, layouts=("hero", "bleed"),
               headlines=(LONG, "Half the heat", "Light that stays with you"))  # fmt: skip
    table.runs.close()
    table.studio.store.close()
    running = Server(home)
    yield running
    running.end()


@pytest.fixture
def page(browser: Browser, filled: Server) -> Iterator[Page]:
    pages: Iterator[OpenPage] = opened(browser, filled.url)
    shown = next(pages)("finish")
    shown.wait_for_selector("#view-finish .gallery .ad")
    shown.wait_for_selector("#view-finish .checks details")
    yield shown
    next(pages, None)


def ads(page: Page) -> int:
    return page.evaluate("document.querySelectorAll('#view-finish .gallery .ad').length")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(60)


def find(page: Page, text: str) -> None:
    page.get_by_label("Search").fill(text)
    page.wait_for_timeout(500)


def test_stars_notes_and_rejection_by_keyboard_outlive_a_reload(page: Page) -> None:
    before = ads(page)
    press(page, "ArrowRight", "4")
    expect(page.locator("#view-finish .ad.on .stars")).to_have_text("★★★★")
    name = page.locator("#view-finish .ad.on").get_attribute("aria-label")
    press(page, "n")
    page.keyboard.type("Warmer, please")
    page.keyboard.press("Escape")
    page.wait_for_timeout(700)
    page.locator("#view-finish .gallery").focus()
    press(page, "ArrowRight", "x")
    expect(page.locator("#view-finish .gallery .ad")).to_have_count(before - 1)
    page.reload()
    page.wait_for_selector("#view-finish .gallery .ad")
    expect(page.locator("#view-finish .gallery .ad")).to_have_count(before - 1)
    find(page, "warmer")
    expect(page.locator("#view-finish .gallery .ad")).to_have_count(1)
    assert page.locator("#view-finish .gallery .ad").get_attribute("aria-label") == name
    page.get_by_label("Rejected ads").select_option("only")
    find(page, "")
    expect(page.locator("#view-finish .gallery .ad")).to_have_count(1)
    page.locator("#view-finish .gallery .ad").click()
    press(page, "x")
    page.get_by_role("button", name="Show all").first.click()
    expect(page.locator("#view-finish .gallery .ad")).to_have_count(before)


def test_a_failed_check_is_mended_with_one_click(page: Page) -> None:
    page.get_by_label("Score", exact=True).select_option("short")
    page.wait_for_timeout(400)
    page.locator("#view-finish .gallery .ad").first.click()
    card = page.locator(".failed-check")
    expect(card).to_contain_text("Channel limits")
    page.get_by_label("Score", exact=True).select_option("any")
    card.get_by_role("button", name="Use “Light that stays with you”").click()
    expect(page.locator(".toast")).to_contain_text("is mended")
    expect(page.locator(".score-head b")).not_to_have_class("warn")
    count = ads(page)
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.locator("#view-finish .gallery .ad")).to_have_count(count - 1)


def test_new_words_are_counted_and_set_within_a_moment(page: Page) -> None:
    find(page, "Half the heat")
    page.get_by_label("Format", exact=True).select_option("f:meta-square")
    page.wait_for_timeout(400)
    page.locator("#view-finish .gallery .ad").first.click()
    page.get_by_role("button", name="Same picture, new words").click()
    dialog = page.get_by_role("dialog", name="Same picture, new words")
    headline = dialog.get_by_label("Headline")
    headline.fill("x" * 41)
    expect(dialog.locator(".count").first).to_have_text("41 / 40")
    expect(dialog.locator(".count").first).to_have_class("count bad")
    headline.fill("Warm to the last minute")
    expect(dialog.locator(".count").first).to_have_text("23 / 40")
    find_all = page.get_by_label("Search")
    began = time.monotonic()
    page.keyboard.press("Control+Enter")
    expect(dialog).to_be_hidden()
    assert time.monotonic() - began < 4
    find_all.fill("Warm to the last")
    expect(page.locator("#view-finish .gallery .ad")).to_have_count(1)
    assert page.locator("#view-finish .gallery .ad").get_attribute("class") != "rejected"


def test_another_layout_keeps_the_picture_and_says_what_was_left_out(page: Page) -> None:
    find(page, "Half the heat")
    page.locator("#view-finish .gallery .ad").first.click()
    page.get_by_role("button", name="Same picture, other layouts").click()
    toast = page.locator(".toast", has_text="new ad")
    expect(toast).to_contain_text("Left out:")
    expect(toast).to_contain_text("it shows no picture")


def test_two_are_compared(page: Page) -> None:
    press(page, "ArrowRight", "z", "ArrowRight", "z")
    expect(page.locator(".compare img")).to_have_count(2)
    first, second = (page.locator(".compare img").nth(n).get_attribute("src") for n in (0, 1))
    assert first != second
    press(page, "Escape")
    expect(page.locator(".compare")).to_have_count(0)


def test_presenting_shows_only_the_work_at_its_own_shape(page: Page) -> None:
    page.locator("#view-finish .gallery .ad").first.click()
    press(page, "p")
    stage = page.locator("dialog.present")
    image = stage.locator("img")
    expect(image).to_be_visible()
    assert stage.inner_text().strip() == ""
    for _ in range(3):
        box = image.bounding_box()
        real = image.evaluate("async (one) => { await one.decode(); return [one.naturalWidth, one.naturalHeight]; }")
        assert box is not None
        assert box["width"] / box["height"] == pytest.approx(real[0] / real[1], rel=0.01)
        press(page, "ArrowRight")
    shown = image.get_attribute("src")
    press(page, "5")
    expect(stage.locator(".present-mark")).to_have_text("★★★★★")
    ground = stage.get_attribute("data-ground")
    press(page, "b")
    assert stage.get_attribute("data-ground") != ground
    press(page, "c")
    expect(stage.locator(".present-caption")).to_be_visible()
    page.wait_for_timeout(2200)
    assert "idle" in (stage.get_attribute("class") or "")
    page.mouse.click(1300, 450)
    assert image.get_attribute("src") != shown
    press(page, "Escape")
    expect(page.locator("dialog.present")).to_have_count(0)
    page.get_by_label("Order", exact=True).select_option("stars")
    page.wait_for_timeout(500)
    expect(page.locator("#view-finish .gallery .ad .stars").first).to_have_text("★★★★★")


def test_a_pack_is_previewed_checked_and_downloaded(page: Page, tmp_path: Path) -> None:
    press(page, "e")
    dialog = page.get_by_role("dialog", name="Export pack")
    expect(dialog.locator(".pack-names li").first).to_contain_text("golden-hour_")
    dialog.get_by_label("Names of the files").fill("{format}")
    expect(dialog).to_contain_text("Some names were the same")
    dialog.get_by_label("Names of the files").fill("{nonsense}")
    expect(dialog).to_contain_text("unknown field {nonsense}")
    dialog.get_by_label("Names of the files").fill("{format}_{ad}")
    dialog.get_by_label("A folder for each channel").check()
    expect(dialog.locator(".pack-names li").first).to_contain_text("/")
    dialog.get_by_role("button", name="Check and pack").click()
    link = dialog.get_by_role("link", name="Download golden-hour.zip")
    link.wait_for(timeout=30_000)
    with page.expect_download() as got:
        link.click()
    target = tmp_path / "pack.zip"
    got.value.save_as(target)
    with zipfile.ZipFile(target) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    assert {"contact-sheet.pdf", "contact-sheet.png", "manifest.json"} <= set(names)
    assert any(name.startswith("Meta/meta-square_") for name in names)


def test_any_picture_is_cut_out(page: Page, tmp_path: Path) -> None:
    section = page.locator(".group", has_text="Cut out and enlarge")
    section.locator("input[type=file]").set_input_files(DEMO / "product.jpg")
    expect(section).to_contain_text("product.jpg")
    section.get_by_role("button", name="Cut out").click()
    link = section.get_by_role("link", name="Download product-cutout.png")
    link.wait_for(timeout=60_000)
    with page.expect_download() as got:
        link.click()
    got.value.save_as(tmp_path / "cut.png")
    assert (tmp_path / "cut.png").read_bytes()[:4] == b"\x89PNG"


def test_an_empty_workspace_says_where_to_begin(page: Page) -> None:
    find(page, "nothing is called this")
    expect(page.locator(".gallery-rest")).to_contain_text("No ad fits these filters")
    page.get_by_role("button", name="Show all").first.click()
    expect(page.locator("#view-finish .gallery .ad").first).to_be_visible()


@pytest.mark.parametrize("opened_by", ["", "e", "p", "words"])
def test_axe_finds_nothing_serious_in_the_tab_and_its_dialogs(page: Page, opened_by: str) -> None:
    if opened_by == "words":
        page.get_by_role("button", name="Same picture, new words").click()
    elif opened_by:
        press(page, opened_by)
    page.wait_for_timeout(600)
    found = faults(page)
    assert not found, "\n".join(found)
