"""The whole way, as a designer goes it: first start, brand, sketch, set, references, a batch, choosing, mending, export."""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, opened

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ui"))
from brand_zip import example_zip

pytestmark = pytest.mark.browser
MAKE_MS = 240_000
LONG = "Baked before sunrise for every single table of the town"


@pytest.fixture
def fresh(browser: Browser, tmp_path: Path) -> Iterator[tuple[Server, Path, Browser]]:
    """A studio on a workspace of its own, for what a first start shows and what a crash leaves."""
    home = tmp_path / "home"
    running = Server(home)
    yield running, home, browser
    running.end()


def photo_of_a_box(file: Path) -> Path:
    noise = np.random.default_rng(3).normal(0, 1.5, (300, 400, 3))
    photo = np.clip(np.full((300, 400, 3), 224.0) + noise, 0, 255).astype(np.uint8)
    photo[80:240, 120:280] = (30, 90, 160)
    Image.fromarray(photo).save(file)
    return file


def choose_formats(page: Page, *names: str) -> None:
    page.locator("button[name=formats]").click()
    page.locator(".format-presets").get_by_role("button", name="None").click()
    for name in names:
        page.locator(f".format-card[title^='{name}']").click()
    page.get_by_role("button", name="Use these").click()
    expect(page.locator("button[name=formats]")).to_contain_text(f"{len(names)} format")


def test_from_the_first_start_to_the_pack(fresh: tuple[Server, Path, Browser], tmp_path: Path) -> None:
    server, _, browser = fresh
    pages = opened(browser, server.url)
    page = next(pages)("brand", tour=True)

    # The first start: a tour, a sample brand, a finished campaign.
    tour = page.locator(".tour")
    expect(tour).to_contain_text("Your brand comes first")
    tour.get_by_role("button", name="Next").click()
    expect(page.get_by_role("tab", name="Variants")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#view-variants .gallery .ad")).to_have_count(12, timeout=30_000)
    tour.get_by_role("button", name="Next").click()
    tour.get_by_role("button", name="Begin").click()
    expect(tour).to_have_count(0)
    expect(page.locator("#view-shell .kit-chip")).to_contain_text("Solbrae")

    # A brand from a saved page: proposals, confirmed.
    page.locator("input[name=brand-file]").set_input_files(example_zip(tmp_path / "bakery.zip"))
    expect(page.locator("#view-shell .kit-chip")).to_contain_text("Example Bakery", timeout=60_000)
    expect(page.locator("#view-brand .swatch .proposal").first).to_contain_text("Proposal")
    page.locator("button[name=accept-all]").click()
    expect(page.locator("#view-brand .swatch .proposal")).to_have_count(0)
    expect(page.locator("#view-brand .side.right img").first).to_be_visible(timeout=90_000)

    # A sketch.
    page.get_by_role("tab", name="Compose").click()
    page.locator("#view-compose .modes label", has_text="Sketch").click()
    board = page.locator(".pad")
    page.wait_for_function("(document.querySelector('.pad-lines')?.width ?? 0) > 300")
    page.wait_for_timeout(500)  # the board has taken its place
    box = board.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 220, steps=12)
    page.mouse.up()
    assert page.evaluate("lockup.state.draft.sketch.strokes.length") == 1

    # A set, in the brand's own colours.
    page.locator("#view-compose .modes label", has_text="Set").click()
    page.locator("button.set", has_text=re.compile("arch", re.IGNORECASE)).first.click()
    assert page.evaluate("lockup.state.draft.sets") == ["arch"]

    # A reference.
    page.get_by_role("tab", name="References").click()
    page.locator("input[name=references]").set_input_files(photo_of_a_box(tmp_path / "mood.png"))
    expect(page.locator(".reference")).to_have_count(1)
    page.locator(".reference select").select_option("style")

    # A batch of twelve.
    page.get_by_role("tab", name="Variants").click()
    page.locator("textarea[name=headlines]").fill(f"Bread with time\n{LONG}")
    expect(page.locator(".count.bad").first).to_be_visible()
    page.locator("input[name=product]").set_input_files(tmp_path / "mood.png")
    expect(page.locator(".product small")).to_contain_text("Cut out", timeout=90_000)
    choose_formats(page, "Meta feed, square, 1080", "Medium rectangle", "Leaderboard")
    page.locator("input[name=count]").fill("4")
    page.locator("#view-variants .segments label", has_text="Quick").click()
    expect(page.locator("#view-variants .sum")).to_contain_text("12 ads", timeout=30_000)
    expect(page.locator("#view-variants .sum")).to_contain_text("painter does not use")
    page.locator("button[name=generate]").click()
    expect(page.locator(".run-state")).to_contain_text("of 12 ads", timeout=20_000)
    expect(page.locator(".run-state")).to_have_text("12 ads", timeout=MAKE_MS)
    expect(page.locator("#view-variants .gallery .ad")).to_have_count(12)

    # Two side by side.
    gallery = page.locator("#view-variants .gallery")
    gallery.focus()
    page.keyboard.press("Home")
    page.keyboard.press("z")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("z")
    expect(page.locator(".compare img")).to_have_count(2)
    page.keyboard.press("Escape")

    # Stars, and what failed mended by one click.
    page.get_by_role("tab", name="Finish").click()
    finish = page.locator("#view-finish")
    expect(finish.locator(".gallery .ad").first).to_be_visible(timeout=20_000)
    finish.locator(".gallery .ad").first.click()
    finish.locator(".gallery").focus()
    page.keyboard.press("5")
    expect(finish.locator(".gallery .ad.on .stars")).to_have_text("★★★★★")
    finish.locator(".gallery .ad.short[aria-label*='square, variant 2']").click()
    before = page.evaluate("document.querySelectorAll('#view-finish .gallery .ad').length")
    fix = finish.get_by_role("button", name=re.compile("Bread with time"))
    expect(fix).to_be_visible(timeout=20_000)
    fix.click()
    page.wait_for_function(
        "before => document.querySelectorAll('#view-finish .gallery .ad').length !== before", arg=before, timeout=60_000
    )

    # The pack for the client.
    finish.get_by_role("button", name="Export pack").click()
    page.get_by_role("button", name="Check and pack").click()
    link = page.get_by_role("dialog").get_by_role("link", name=re.compile("Download"))
    expect(link).to_be_visible(timeout=120_000)
    with page.expect_download() as waiting:
        link.click()
    waiting.value.save_as(tmp_path / "pack.zip")
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert sum(name.endswith(".jpg") for name in names) >= 12
    assert any(name.endswith(".pdf") for name in names)
    next(pages, None)


def test_server_and_worker_die_in_the_middle_and_nothing_is_lost(
    fresh: tuple[Server, Path, Browser], tmp_path: Path
) -> None:
    server, home, browser = fresh
    pages = opened(browser, server.url)
    page = next(pages)("variants")
    page.locator("input[name=title]").fill("Night shift")
    choose_formats(page, "Mobile banner 320×50", "Mobile banner 300×50")
    page.locator("input[name=count]").fill("6")
    page.locator("#view-variants .segments label", has_text="Quick").click()
    expect(page.locator("#view-variants .sum")).to_contain_text("12 ads", timeout=30_000)
    page.locator("button[name=generate]").click()
    expect(page.locator("#view-variants .gallery .ad").nth(1)).to_be_visible(timeout=120_000)
    run = page.evaluate("lockup.state.watched")
    server.kill()
    next(pages, None)

    again = Server(home)
    try:
        pages = opened(browser, again.url)
        page = next(pages)("variants")
        expect(page.locator("input[name=title]")).to_have_value("Night shift")
        page.select_option("select[name=run]", run)
        expect(page.locator(".run-state")).to_contain_text(re.compile(r"^1[0-2] ads"), timeout=MAKE_MS)
        files = page.evaluate("lockup.state.asked.finished + lockup.state.asked.failures")
        assert files == 12
        next(pages, None)
    finally:
        again.end()


def test_the_tab_is_closed_and_the_batch_goes_on(fresh: tuple[Server, Path, Browser]) -> None:
    server, _, browser = fresh
    pages = opened(browser, server.url)
    open_page = next(pages)
    page = open_page("variants")
    page.locator("input[name=title]").fill("While away")
    choose_formats(page, "Mobile banner 320×50", "Leaderboard")
    page.locator("input[name=count]").fill("3")
    page.locator("#view-variants .segments label", has_text="Quick").click()
    expect(page.locator("#view-variants .sum")).to_contain_text("6 ads", timeout=30_000)
    page.locator("button[name=generate]").click()
    expect(page.locator(".run-state .bar")).to_be_visible(timeout=20_000)
    run = page.evaluate("lockup.state.watched")
    page.close()

    page = open_page("variants")
    expect(page.locator("input[name=title]")).to_have_value("While away")
    page.select_option("select[name=run]", run)
    expect(page.locator(".run-state")).to_have_text("6 ads", timeout=MAKE_MS)
    with page.expect_download() as waiting:
        page.locator("#zip").click()
    with zipfile.ZipFile(waiting.value.path()) as archive:
        assert archive.testzip() is None
        assert {"contact-sheet.png", "manifest.json"} <= set(archive.namelist())
    next(pages, None)


def test_two_pages_do_not_write_into_each_other(fresh: tuple[Server, Path, Browser]) -> None:
    server, _, browser = fresh
    one_context, two_context = opened(browser, server.url), opened(browser, server.url)
    one, two = next(one_context)("variants"), next(two_context)("variants")
    one.locator("input[name=title]").fill("First desk")
    two.locator("input[name=title]").fill("Second desk")
    for page in (one, two):
        page.wait_for_function("document.documentElement.dataset.saved === 'yes'")
    one.reload()
    two.reload()
    expect(one.locator("input[name=title]")).to_have_value("First desk")
    expect(two.locator("input[name=title]")).to_have_value("Second desk")
    for pages in (one_context, two_context):
        next(pages, None)
