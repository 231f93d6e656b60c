"""What a painter can do lights up on every tab: seen while it paints, its efforts, LoRAs, masks, and fetching what it
lacks. With a painter that can do everything; see `tests/ui/able_studio.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import OpenPage, Server, opened
from tests.browser.test_access import faults
from tests.browser.test_screens import WIDE

pytestmark = pytest.mark.browser


@pytest.fixture
def open_able(browser: Browser, able: Server) -> Iterator[OpenPage]:
    yield from opened(browser, able.url)


def draft(page: Page, **fields: Any) -> Any:
    """Change the draft, and wait until it is kept; or look at it."""
    if fields:
        page.evaluate("fields => lockup.ready.then(() => lockup.set(fields))", fields)
        page.evaluate("() => lockup.saved()")
    return page.evaluate("() => lockup.state.draft")


def test_a_picture_is_seen_while_it_is_painted(open_able: OpenPage) -> None:
    page = open_able("variants")
    draft(page, engine="able", effort="quality", count=1, formats=["meta-square"], title="Seen")
    expect(page.locator("#view-variants .sum")).to_contain_text("1 ad")
    strip = page.get_by_role("group", name="Being painted")
    expect(strip).to_be_hidden()
    page.evaluate("""() => { window.seen = []; new MutationObserver(() => {
      const image = document.querySelector('.painting img');
      if (image?.naturalWidth && window.seen.at(-1)?.src !== image.src) window.seen.push({src: image.src, at: performance.now()});
    }).observe(document.querySelector('.painting'), {subtree: true, childList: true, attributes: true, characterData: true}); }""")
    page.locator("button[name=generate]").click()
    expect(strip.get_by_role("img", name="as far as it is")).to_be_visible(timeout=30_000)
    expect(strip).to_contain_text(re.compile(r"Picture 1 of 1\s*Step \d+ of 12\s*about .* left"))
    assert not faults(page)
    expect(page.locator(".run-state")).to_have_text("1 ad", timeout=60_000)
    expect(strip).to_be_hidden()
    seen = page.evaluate("window.seen")
    assert len({one["src"] for one in seen}) >= 3, "it is painted for five seconds"


def test_a_run_that_was_stopped_is_not_on_its_way(open_able: OpenPage) -> None:
    page = open_able("variants")
    draft(page, engine="able", effort="quality", count=1, formats=["meta-square"], title="Stopped", seed=4711)
    expect(page.locator("#view-variants .sum")).to_contain_text("1 ad")
    page.locator("button[name=generate]").click()
    expect(page.get_by_role("heading", name="The first ads are on their way")).to_be_visible()
    page.locator("#view-variants button[name=stop]").click()
    expect(page.get_by_role("heading", name="Stopped before the first ad")).to_be_visible()
    page.locator("#view-variants button[name=go-on]").click()
    expect(page.get_by_role("heading", name="The first ads are on their way")).to_be_visible()
    expect(page.locator(".run-state")).to_have_text("1 ad", timeout=60_000)


def test_the_painter_decides_what_is_asked(open_able: OpenPage) -> None:
    page = open_able("variants")
    painter = page.locator("select[name=painter]")
    painter.select_option("stage")
    expect(page.locator("input[name=avoid]")).to_have_count(0)
    expect(page.get_by_role("radiogroup", name="Effort").get_by_role("radio")).to_have_count(2)
    assert painter.locator("option[value=away]").is_disabled() and "not ready" in painter.inner_text()
    painter.select_option("able")
    page.locator("input[name=avoid]").fill("people")
    page.locator("textarea[name=scene]").fill("low sun")
    draft(page, formats=["meta-square"], count=2)
    page.locator("#view-variants .segments label", has_text="Quality").click()
    expect(page.get_by_text("12 steps a picture.")).to_be_visible()
    page.evaluate("() => lockup.saved()")
    page.reload()
    expect(page.locator("input[name=avoid]")).to_have_value("people")
    assert draft(page)["effort"] == "quality"
    page.locator("select[name=painter]").select_option("stage")  # which has no such effort
    assert draft(page)["effort"] == "normal"
    page.get_by_role("button", name="What 2 painters still need").click()
    expect(page.get_by_role("tab", name="Engine")).to_have_attribute("aria-selected", "true")


def test_loras_are_worn_and_those_that_do_not_fit_say_why(open_able: OpenPage) -> None:
    page = open_able("references")
    draft(page, engine="able", adapters=[], scene="dunes")
    panel = page.locator(".loras")
    panel.get_by_label("Wear another").select_option("golden-hour")
    row = panel.locator(".lora")
    expect(row).to_contain_text("LoRA for SDXL · 722 layers · rank 16 · named as by Kohya")
    row.get_by_label("Weight", exact=True).fill("0.65")
    row.get_by_role("button", name="golden glow").click()
    kept = draft(page)
    assert kept["adapters"] == [{"file": "golden-hour", "weight": 0.65, "name": "Golden hour"}]
    assert kept["scene"] == "dunes, golden glow"
    panel.get_by_text("2 files it cannot wear").click()
    expect(panel.locator(".refused")).to_contain_text("is for SD 1.5, not for SDXL")
    expect(panel.locator(".refused")).to_contain_text("torn.safetensors is cut off")
    draft(page, engine="stage")
    expect(panel.locator(".notice")).to_contain_text("does not wear LoRAs")
    expect(panel.locator(".refused")).to_have_count(0)
    draft(page, engine="able")
    row.get_by_role("button", name="Take Golden hour off").click()
    expect(row).to_have_count(0)
    page.locator(".toast", has_text="taken off").get_by_role("button", name="Undo").click()
    expect(row).to_have_count(1)


def test_a_map_counts_only_in_a_part(open_able: OpenPage, tmp_path: Path) -> None:
    page = open_able("compose")
    draft(page, engine="able", controls=[])
    page.locator("#view-compose .modes label", has_text="Photo").click()
    expect(page.locator(".kind.off", has_text="Depth")).to_contain_text("is not here")
    expect(page.locator("#view-compose .command").first).to_contain_text("engines fetch")
    picture = np.full((60, 90, 3), 230, np.uint8)
    picture[20:40, 30:60] = 20
    Image.fromarray(picture).save(tmp_path / "box.png")
    page.locator("input[name=photo]").set_input_files(tmp_path / "box.png")
    page.get_by_role("button", name="Use it").click()
    page.locator("button[name=map-mask]").click()
    dialog = page.get_by_role("dialog", name="Where it counts")
    dialog.get_by_role("button", name="Left half").click()
    dialog.get_by_role("button", name="Use it").click()
    expect(page.locator(".controls .mask-shown img")).to_be_visible()
    (control,) = draft(page)["controls"]
    assert control["kind"] == "edges" and len(control["mask"]) == 64
    page.locator(".controls").get_by_role("button", name="Everywhere").click()
    assert draft(page)["controls"][0]["mask"] is None
    draft(page, controls=[])


def test_weights_are_fetched_once_every_licence_is_typed(open_able: OpenPage) -> None:
    page = open_able("engine")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    card = page.get_by_role("article", name=re.compile("^Away"))
    expect(card).to_contain_text("Not ready")
    expect(card).to_contain_text("6.9 GB to fetch")
    expect(card.locator("li.no", has_text="Sketches")).to_contain_text("Needs the ControlNet weights")
    card.get_by_role("button", name=re.compile("^Copy the command")).click()
    assert page.evaluate("navigator.clipboard.readText()") == "python app.py engines fetch away"
    card.get_by_role("button", name="Fetch", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("link")).to_have_count(3)
    expect(dialog.get_by_role("textbox")).to_have_count(2)  # two parts are under the same licence
    expect(dialog).to_contain_text("It says what is not allowed.")
    go = dialog.get_by_role("button", name="Fetch")
    dialog.get_by_label("Type OpenRAIL++-M").fill("OpenRAIL++-M")
    expect(go).to_be_disabled()
    dialog.get_by_label("Type MIT").fill("MIT")
    go.click()
    expect(card.get_by_role("progressbar")).to_be_visible()
    card.get_by_role("button", name="Stop").click()
    expect(card).to_contain_text("what came is kept", timeout=15_000)
    expect(card.get_by_role("button", name="Go on")).to_be_visible()
    apart = page.get_by_role("article", name=re.compile("^Apart"))
    expect(apart.get_by_role("button")).to_have_count(0)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1920)])
def test_nothing_of_it_is_in_anybodys_way(browser: Browser, able: Server, scheme: str, width: int) -> None:
    pages = opened(browser, able.url, color_scheme=scheme, viewport={"width": width, "height": round(width * 0.6)})
    page = next(pages)("engine")
    worn = [{"file": "golden-hour", "weight": 0.65, "name": "Golden hour"}]
    draft(page, engine="able", adapters=worn, formats=["meta-square"])
    for tab in ("engine", "references", "variants", "compose"):
        page.evaluate("tab => lockup.go(tab)", tab)
        page.wait_for_timeout(1200)
        if tab == "compose":
            page.locator("#view-compose .modes label", has_text="Photo").click()
        assert not faults(page), tab
        assert not page.evaluate(WIDE), f"{tab} runs out of the screen"
    next(pages, None)


def test_engines_are_built_beside_the_page_stopped_and_removed(open_able: OpenPage) -> None:
    page = open_able("engine")
    card = page.get_by_role("article", name=re.compile("^Able"))
    expect(card.get_by_text("None is built.")).to_be_visible()
    # 1. What it takes is told before; without a size there is nothing to build.
    card.get_by_role("button", name="Build engines").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("2 for UNet and VAE decoder")).to_be_visible()
    dialog.get_by_role("radio", name="TensorRT for RTX").check()
    dialog.get_by_label("For which card").select_option("rtx-4090")
    go = dialog.get_by_role("button", name="Build", exact=True)
    for name in ("Square", "9:16 stories"):
        dialog.get_by_role("switch", name=re.compile(name)).uncheck()
    expect(dialog.get_by_text("Choose a size.")).to_be_visible()
    expect(go).to_be_disabled()
    dialog.get_by_role("switch", name=re.compile("Square")).check()
    expect(dialog.get_by_text("20.0 GB while it builds")).to_be_visible()
    assert not faults(page)
    # 2. It goes on when the page is closed.
    go.click()
    expect(dialog).to_have_count(0)
    expect(card.get_by_role("progressbar", name="Building engines")).to_be_visible()
    page.reload()
    expect(card.get_by_role("progressbar", name="Building engines")).to_be_visible()
    assert not faults(page)
    expect(card.get_by_text("TensorRT-RTX 1.7.1.116, for RTX 40 cards")).to_be_visible(timeout=20_000)
    expect(card.get_by_role("progressbar", name="Building engines")).to_have_count(0, timeout=20_000)
    expect(card.locator(".en-built li", has_text="1024 × 1024")).to_have_count(2)
    # 3. One that is stopped says so, until that is read.
    card.get_by_role("button", name="Build engines").click()
    dialog.get_by_role("button", name="Build", exact=True).click()
    card.get_by_role("button", name="Stop", exact=True).click()
    expect(card.get_by_text("The build was stopped")).to_be_visible(timeout=3_000)
    card.get_by_role("button", name="Dismiss").click()
    expect(card.get_by_text("The build was stopped")).to_have_count(0)
    # 4. An engine is removed once that was confirmed.
    card.get_by_role("button", name="Remove UNet, 1024 × 1024").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(card.locator(".en-built li", has_text="1024 × 1024")).to_have_count(1)
    assert not faults(page)


@pytest.mark.parametrize("width", [480, 1280])
def test_engines_fit_the_window(open_able: OpenPage, width: int) -> None:
    page = open_able("engine")
    page.set_viewport_size({"width": width, "height": 900})
    page.get_by_role("article", name=re.compile("^Able")).get_by_role("button", name="Build engines").click()
    page.get_by_role("radio", name="TensorRT for RTX").check()
    expect(page.get_by_text("20.0 GB while it builds")).to_be_visible()
    out = page.evaluate("""() => [...document.querySelectorAll('dialog[open] *, .en-built *')].filter((one) => {
      const box = one.getBoundingClientRect();
      return box.width && box.right > innerWidth + 1 && !one.closest('.unseen');
    }).map((one) => one.className)""")
    assert not out
