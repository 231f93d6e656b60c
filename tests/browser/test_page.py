"""The Variants tab: what is typed is kept, the product is cut out and mended, what cannot be is said with a fix."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.test_walk import choose_formats, photo_of_a_box

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]


def test_what_is_typed_is_kept_and_counted(open_page: OpenPage) -> None:
    page = open_page("variants")
    choose_formats(page, "Meta feed, square, 1080")
    page.locator("textarea[name=headlines]").fill("Short\n" + "x" * 41)
    counter = page.locator(".field", has=page.locator("textarea[name=headlines]")).locator(".count")
    expect(counter).to_have_text("41 / 40")
    expect(counter).to_have_class(re.compile("bad"))
    page.locator("textarea[name=body]").fill("Kept – αβγ – שלום")
    page.wait_for_function("document.documentElement.dataset.saved === 'yes'")
    page.reload()
    expect(page.locator("textarea[name=body]")).to_have_value("Kept – αβγ – שלום")
    page.locator("input[name=count]").fill("0")
    expect(page.locator("input[name=count]")).to_have_attribute("aria-invalid", "true")
    assert page.evaluate("lockup.state.draft.count") != 0


def test_markup_in_words_stays_words(open_page: OpenPage) -> None:
    page = open_page("variants")
    page.locator("input[name=title]").fill("<img src=x onerror=alert(1)>${alert(2)}{{value}}")
    page.locator("textarea[name=headlines]").fill("<script>alert(3)</script>")
    page.wait_for_function("document.documentElement.dataset.saved === 'yes'")
    page.reload()
    expect(page.locator("input[name=title]")).to_have_value("<img src=x onerror=alert(1)>${alert(2)}{{value}}")
    assert page.evaluate("document.querySelectorAll('#view-variants img[src=x], #view-variants script').length") == 0


def test_a_photo_is_cut_out_and_mended_with_the_brush(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("variants")
    page.locator("input[name=product]").set_input_files(photo_of_a_box(tmp_path / "box.png"))
    expect(page.locator(".product small")).to_contain_text("sure", timeout=90_000)
    before = page.evaluate("lockup.state.draft.product")

    # Paint a corner away; undo; paint it away again; use it.
    page.locator("button[name=mend]").click()
    said = page.locator(".brush .said")
    expect(said).to_contain_text("sure", timeout=30_000)
    for again in (True, False):
        box = page.locator(".brush canvas").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] * 0.34, box["y"] + box["height"] * 0.32
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 0.08 * box["width"], y + 0.08 * box["height"], steps=6)
        page.mouse.up()
        expect(said).to_contain_text("sure", timeout=30_000)
        if again:
            page.keyboard.press("Control+z")
            expect(said).to_contain_text("sure", timeout=30_000)
    page.get_by_role("button", name="Use this").click()
    expect(page.locator("dialog.brush")).to_have_count(0)
    page.wait_for_function("old => lockup.state.draft.product !== old", arg=before, timeout=60_000)
    page.wait_for_selector(".product img")
    corners = page.evaluate("""async () => {
      const image = document.querySelector('.product img'); await image.decode();
      const canvas = Object.assign(document.createElement('canvas'), { width: 160, height: 160 });
      const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0, 160, 160);
      return [pen.getImageData(24, 24, 1, 1).data[3], pen.getImageData(130, 130, 1, 1).data[3]];
    }""")
    assert corners == [0, 255]


def test_what_cannot_be_used_is_said_in_one_line_with_a_fix(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("variants")
    before = page.evaluate("lockup.state.draft.product")
    Image.new("RGB", (400, 400), "white").save(tmp_path / "solid.png")
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    for file, said in (("solid.png", "No product"), ("torn.png", "torn.png")):
        page.locator("input[name=product]").set_input_files(tmp_path / file)
        toast = page.locator(".toast.bad", has_text=said)
        expect(toast).to_be_visible(timeout=60_000)
        expect(toast.locator("span").first).not_to_be_empty()
    assert page.evaluate("lockup.state.draft.product") == before
    choose = page.locator("button[name=formats]")
    choose.click()
    page.locator(".format-presets").get_by_role("button", name="None").click()
    page.get_by_role("button", name="Use these").click()
    expect(page.locator("#view-variants .sum")).to_contain_text("at least one format")
    expect(page.locator("button[name=generate]")).to_be_disabled()
    assert "Traceback" not in page.content()


def test_a_table_makes_one_campaign_a_row(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("variants")
    choose_formats(page, "Leaderboard")
    page.locator("input[name=count]").fill("1")
    (tmp_path / "rows.csv").write_text("campaign,headline,nonsense\nspring,Bread,1\nautumn,Soup,2\n,,\n", "utf-8")
    page.locator("input[name=rows]").set_input_files(tmp_path / "rows.csv")
    expect(page.locator("#view-variants .notice", has_text="rows.csv")).to_contain_text("2 briefs")
    expect(page.locator("#view-variants .sum")).to_contain_text("2 ads", timeout=20_000)
    page.get_by_role("button", name="Take the table away").click()
    expect(page.locator("#view-variants .sum")).to_contain_text("1 ad", timeout=20_000)
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.locator("#view-variants .sum")).to_contain_text("2 ads", timeout=20_000)
    page.get_by_role("button", name="Take the table away").click()


def test_stop_keeps_what_is_finished_and_other_words_come_at_once(open_page: OpenPage) -> None:
    page = open_page("variants")
    choose_formats(page, "Billboard", "Half page")
    page.locator("input[name=count]").fill("6")
    page.locator("#view-variants .segments label", has_text="Quick").click()
    expect(page.locator("#view-variants .sum")).to_contain_text("12 ads", timeout=30_000)
    page.locator("button[name=generate]").click()
    expect(page.locator(".run-state .bar")).to_be_visible(timeout=20_000)
    run = page.evaluate("lockup.state.watched")
    page.wait_for_function("lockup.state.asked?.finished > 0", timeout=120_000)
    page.locator("button[name=pause]").click()
    expect(page.locator(".run-state")).to_contain_text("Paused", timeout=10_000)
    page.locator("button[name=go-on]").click()
    expect(page.locator("button[name=pause]")).to_be_visible(timeout=10_000)
    page.locator("button[name=stop]").click()
    expect(page.locator(".run-state")).to_contain_text("stopped", timeout=20_000)
    finished = page.evaluate("lockup.state.asked.finished")
    assert 0 < finished < 12

    page.locator("#view-variants .gallery .ad").first.click()
    page.locator("button[name=new-words]").click()
    page.locator("textarea[name=word-headline]").fill("Other words at once")
    page.locator("button[name=set-words]").click()
    page.wait_for_function("run => lockup.state.watched !== run && lockup.state.asked?.over", arg=run, timeout=60_000)
    assert page.evaluate("lockup.state.asked.painted >= 1 && lockup.state.asked.failures === 0")
    expect(page.locator("#view-variants .gallery .ad").first).to_be_visible()


def test_references_are_weighed_masked_ordered_and_taken_away_with_undo(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("references")
    for name, shade in (("first", 40), ("second", 200)):
        Image.fromarray(np.full((60, 90, 3), shade, np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "torn.jpg").write_bytes(b"no picture")
    page.locator("input[name=references]").set_input_files(
        [tmp_path / "first.png", tmp_path / "second.png", tmp_path / "torn.jpg"]
    )
    expect(page.locator(".reference")).to_have_count(2)
    expect(page.locator(".toast.bad")).to_contain_text("torn.jpg")
    expect(page.locator("#view-references .side .notice")).to_contain_text("does not use references")
    page.locator(".reference").nth(1).locator("select").select_option("subject")
    page.locator(".reference").nth(1).locator("input[type=range]").fill("1.2")
    page.locator(".reference").nth(1).locator("select").focus()
    page.keyboard.press("Alt+ArrowUp")
    names = "lockup.state.draft.references.map((one) => one.name)"
    assert page.evaluate(names) == ["second", "first"]
    page.locator(".reference").first.locator("button[name=mask]").click()
    page.get_by_role("button", name="Left half").click()
    page.locator("button[name=use-mask]").click()
    page.wait_for_function("lockup.state.draft.references[0].mask?.length === 64")
    first = page.evaluate("lockup.state.draft.references[0]")
    assert (first["use"], first["weight"]) == ("subject", 1.2)
    page.get_by_role("button", name="Take second away").click()
    assert page.evaluate(names) == ["first"]
    page.locator(".toast").get_by_role("button", name="Undo").click()
    assert page.evaluate(names) == ["second", "first"]
    page.wait_for_function("document.documentElement.dataset.saved === 'yes'")
    page.reload()
    expect(page.locator(".reference")).to_have_count(2)
    expect(page.locator(".mask-shown img")).to_be_visible()
