"""The Compose tab in a real browser: no stroke is ever lost, sets are seen and changed, photos become maps."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

pytestmark = pytest.mark.browser
STROKES = "() => lockup.state.draft.sketch.strokes"
INKED = """strokes => {
  // The share of every stroke's points that can be seen on the layer it belongs to.
  const layers = {line: document.querySelector('.pad-lines'), block: document.querySelector('.pad-blocks')};
  const data = Object.fromEntries(Object.entries(layers).map(([name, canvas]) =>
    [name, canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)]));
  return strokes.map(({tool, points}) => {
    const {data: pixels, width, height} = data[tool];
    const seen = points.filter(([x, y]) => {
      const px = Math.min(Math.max(Math.round(x * width - 0.5), 0), width - 1), py = Math.min(Math.max(Math.round(y * height - 0.5), 0), height - 1);
      return pixels[(py * width + px) * 4 + 3] > 60;
    });
    return seen.length / points.length;
  });
}"""
PICTURE = """() => [...document.querySelectorAll('.pad-blocks, .pad-lines')].map((canvas) => canvas.toDataURL())"""


def at_board(page: Page) -> Page:
    """Once the board has its shape and can be drawn on."""
    page.wait_for_function("() => (document.querySelector('.pad-lines')?.width ?? 0) > 300 && document.querySelector('.tools-row input')")  # fmt: skip
    return page


def mode(page: Page, name: str) -> None:
    page.locator("#view-compose .modes label", has_text=name).click()


def pad_box(page: Page) -> dict[str, float]:
    box = page.locator(".pad").bounding_box()
    assert box is not None
    return {name: float(box[name]) for name in ("x", "y", "width", "height")}


def draw(page: Page, number: int) -> None:
    """A wave of its own row: strokes never cross, so that each can be looked for."""
    box = pad_box(page)
    row = 0.04 + 0.92 * (number + 0.5) / 60
    points = [(0.06 + 0.88 * i / 24, row + 0.003 * math.sin(i)) for i in range(25)]
    where = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*where[0])
    page.mouse.down()
    for x, y in where[1:]:
        page.mouse.move(x, y)
    page.mouse.up()


def strokes(page: Page) -> list[dict[str, Any]]:
    return page.evaluate(STROKES)


def saved(page: Page) -> None:
    page.evaluate("() => lockup.saved()")
    page.wait_for_function("() => document.documentElement.dataset.saved === 'yes'")


def test_sixty_strokes_and_none_is_lost(open_page: Any) -> None:
    page = at_board(open_page("compose"))
    for number in range(60):
        if number % 6 == 0:
            page.keyboard.press("p" if number % 12 == 0 else "b")
            size = page.locator(".tools-row ~ .slider input")
            size.fill("4" if number % 12 == 0 else "7")
        if number % 7 == 3:
            page.keyboard.press("]")
            page.keyboard.press("[")
        if number % 9 == 4:
            colours = page.locator(".palette label")  # ink, and as many as the kit in use has
            colours.nth(number % colours.count()).click()
        draw(page, number)
        if number == 14:
            page.set_viewport_size({"width": 1100, "height": 760})
        if number == 24:
            page.get_by_role("tab", name="Variants").click()
            page.get_by_role("tab", name="Compose").click()
        if number == 33:  # within the moment in which nothing is sent yet
            page.reload()
            at_board(page)
        if number == 41:
            mode(page, "Set")
            mode(page, "Sketch")
        if number == 50:
            page.set_viewport_size({"width": 1440, "height": 900})
        assert len(strokes(page)) == number + 1
    drawn = strokes(page)
    assert {stroke["tool"] for stroke in drawn} == {"line", "block"}
    assert len({stroke["size_fraction"] for stroke in drawn}) > 1 and len({stroke["hex"] for stroke in drawn}) > 1
    assert min(page.evaluate(INKED, drawn)) == 1.0
    assert all(len(stroke["points"]) >= 20 for stroke in drawn)
    before = page.evaluate(PICTURE)
    saved(page)

    # Another tab, a reload: the same strokes, and the same pixels to the last.
    page.get_by_role("tab", name="References").click()
    page.get_by_role("tab", name="Compose").click()
    assert page.evaluate(PICTURE) == before
    page.reload()
    at_board(page)
    assert strokes(page) == drawn
    assert page.evaluate(PICTURE) == before

    # The studio itself has them.
    kept = page.evaluate("() => lockup.state.call('open_page', {mine: lockup.state.draftId, last: ''})")
    assert kept["draft"]["sketch"]["strokes"] == drawn


def test_undo_redo_and_clear(open_page: Any) -> None:
    page = at_board(open_page("compose"))
    for number in (5, 25, 45):
        draw(page, number)
    now = len(strokes(page))
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert len(strokes(page)) == now - 2
    page.keyboard.press("Control+Shift+z")
    assert len(strokes(page)) == now - 1
    draw(page, 50)
    expect(page.get_by_role("button", name="Redo")).to_be_disabled()
    drawn = strokes(page)
    page.get_by_role("button", name="Clear").click()
    assert strokes(page) == []
    assert not any(page.evaluate("() => [...document.querySelectorAll('.pad canvas')].map((c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(Boolean))"))  # fmt: skip
    page.locator(".toast", has_text="cleared").get_by_role("button", name="Undo").click()
    assert strokes(page) == drawn and min(page.evaluate(INKED, [s for s in drawn if s["tool"] != "erase"])) > 0.9


def test_the_eraser_takes_away_what_lies_under_it(open_page: Any) -> None:
    page = at_board(open_page("compose"))
    page.get_by_role("button", name="Clear").click() if strokes(page) else None
    page.keyboard.press("p")
    draw(page, 20)
    page.keyboard.press("e")
    draw(page, 20)
    line, rub = strokes(page)
    assert rub["tool"] == "erase" and page.evaluate(INKED, [line]) == [0.0]
    page.get_by_title("Undo (Ctrl+Z)").click()
    assert page.evaluate(INKED, [line]) == [1.0]


def test_drawing_with_the_keyboard(open_page: Any) -> None:
    page = at_board(open_page("compose"))
    before = len(strokes(page))
    page.locator(".pad").focus()
    page.keyboard.press("Space")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    drawn = strokes(page)
    assert len(drawn) == before + 1
    assert drawn[-1]["points"][0] == [0.5, 0.5] and drawn[-1]["points"][-1] == [0.6, 0.58]
    page.keyboard.press("Space")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    assert len(strokes(page)) == before + 1


def test_sets_are_seen_chosen_and_changed(open_page: Any) -> None:
    page = at_board(open_page("compose"))
    mode(page, "Set")
    shot = page.locator(".board-shot")
    expect(shot).to_be_visible(timeout=90_000)
    expect(page.locator(".set-picture img")).to_have_count(16, timeout=120_000)
    page.locator(".segments", has_text="Evening").get_by_text("Any").click()  # whatever was left by others
    first = shot.get_attribute("src")
    page.locator(".set", has_text="Stairs").click()
    assert page.evaluate("() => lockup.state.draft.sets") == ["stairs"]
    page.locator(".set", has_text="Shelf").click(modifiers=["Shift"])
    assert page.evaluate("() => lockup.state.draft.sets") == ["stairs", "shelf"]
    page.wait_for_function("src => document.querySelector('.board-shot').getAttribute('src') !== src", arg=first)
    turned = page.get_by_label("Turn", exact=True)
    turned.fill("120")
    assert page.evaluate("() => lockup.state.draft.set_edits.key_turn") == 120
    page.get_by_role("button", name="Turn: back to the start").click()
    assert page.evaluate("() => lockup.state.draft.set_edits.key_turn") is None
    turned.fill("120")
    page.get_by_role("button", name="Reset all").click()
    assert page.evaluate("() => lockup.state.draft.set_edits.key_turn") is None
    page.locator(".toast").get_by_role("button", name="Undo").click()
    assert page.evaluate("() => lockup.state.draft.set_edits.key_turn") == 120
    page.get_by_role("button", name="Reset all").click()
    page.get_by_role("button", name="All sets").click()
    page.locator(".segments", has_text="Evening").get_by_text("Evening").click()
    assert page.evaluate("() => [lockup.state.draft.look, lockup.state.draft.sets.length]") == ["evening", 0]
    page.locator(".segments", has_text="Evening").get_by_text("Any").click()


def test_the_preview_follows_the_sliders(open_page: Any) -> None:
    """How quickly is measured by `tests.bench.page_bench`."""
    page = at_board(open_page("compose"))
    mode(page, "Set")
    shot = page.locator(".board-shot")
    expect(shot).to_be_visible(timeout=90_000)
    slider = page.locator("#view-compose .slider", has_text="Turn").locator("input[type=range]").first
    seen = {shot.get_attribute("src")}
    for value in ("60", "-90"):
        before = shot.get_attribute("src")
        slider.fill(value)
        page.wait_for_function("old => document.querySelector('.board-shot').getAttribute('src') !== old", arg=before)
        seen.add(shot.get_attribute("src"))
    assert len(seen) == 3
    assert page.evaluate("lockup.state.draft.set_edits.key_turn") == -90
    page.get_by_role("button", name="Reset all").click()


def test_layouts_are_chosen_and_drawn_over_the_board(open_page: Any) -> None:
    page = at_board(open_page("compose"))
    strip: Locator = page.locator(".layouts")
    expect(strip.locator(".layout")).to_have_count(6)
    page.get_by_role("button", name="Layout", exact=True).click()
    page.get_by_role("button", name="Calm areas").click()
    page.get_by_role("button", name="Safe zone").click()
    for name in ("Product", "Words", "Logo", "Safe zone"):
        expect(page.locator(".board-marks b", has_text=name)).to_be_visible()
    assert page.locator(".mark.calm").count() >= 2
    strip.get_by_text("Split panel").click()
    expect(page.locator(".board-panel")).to_be_visible()
    strip.get_by_text("Full bleed").click()
    assert page.evaluate("() => lockup.state.draft.layouts") == ["split", "bleed"]
    strip.get_by_text("Split panel").click()
    strip.get_by_text("Full bleed").click()
    assert page.evaluate("() => lockup.state.draft.layouts") == []
    page.get_by_label("Format").select_option("board-story")
    page.wait_for_function("() => { const b = document.querySelector('.board'); return Math.abs(b.clientWidth / b.clientHeight - 9 / 16) < 0.01; }")  # fmt: skip


def test_a_photo_becomes_a_map_in_use(open_page: Any, tmp_path: Path) -> None:
    pixels = np.full((300, 400, 3), 220, np.uint8)
    pixels[80:220, 120:280] = (30, 60, 90)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    page = at_board(open_page("compose"))
    mode(page, "Photo")
    expect(page.locator(".kind input[value=depth]")).to_be_disabled()
    page.locator("#view-compose input[type=file][name=photo]").set_input_files(tmp_path / "photo.png")
    expect(page.locator(".photo-stage img")).to_have_count(2, timeout=20_000)
    page.locator(".kind", has_text="Soft edge").click()
    page.get_by_role("slider", name="Strength", exact=True).fill("1.2")
    expect(page.get_by_role("note")).to_contain_text("does not follow sketches or maps")
    page.get_by_role("button", name="Use it").click()
    page.wait_for_function("() => lockup.state.draft.controls.length === 1")
    control = page.evaluate("() => lockup.state.draft.controls[0]")
    assert (control["kind"], control["strength"]) == ("softedge", 1.2)
    expect(page.locator(".controls img")).to_be_visible()
    page.get_by_role("button", name="Take Soft edge out").click()
    assert page.evaluate("() => lockup.state.draft.controls") == []
    page.locator(".toast", has_text="taken out").get_by_role("button", name="Undo").click()
    assert len(page.evaluate("() => lockup.state.draft.controls")) == 1
    saved(page)
    page.get_by_role("button", name="Take Soft edge out").click()


def test_a_mode_chosen_before_the_tab_is_ready_is_shown_once_it_is(open_page: Any) -> None:
    page = open_page("variants")
    held: list[Route] = []
    asks_for_facts = lambda route: (route.request.post_data_json or {}).get("fn_name") == "start"  # noqa: E731
    page.route(
        "**/component_server/**", lambda route: held.append(route) if asks_for_facts(route) else route.continue_()
    )
    page.get_by_role("tab", name="Compose").click()
    mode(page, "Photo")
    assert held, "the tab has asked what there is, and has no answer yet"
    for route in held:
        route.continue_()
    expect(page.locator(".kind", has_text="Edges")).to_be_visible()
