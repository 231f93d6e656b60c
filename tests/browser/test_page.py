"""A designer at the page: from the brief to the ZIP, with the tab closed in between. Real browser, real worker."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
MAKE_MS = 180_000


class Server(Protocol):
    url: str


def fill(page: Page, *labels: str, count: int = 1, headline: str = "Made for daylight") -> None:
    """A quick brief: these formats only, draft samples."""
    page.get_by_label("Campaign").fill("Spring Sale 26")
    page.get_by_label("Headlines").fill(headline)
    page.get_by_role("button", name="None", exact=True).click()
    expect(page.locator(".sum")).to_contain_text("0 formats")
    page.locator(".label-wrap", has_text="Display").click()
    for label in labels:
        page.get_by_label(label).check()
    page.get_by_label("How many").fill(str(count))
    page.get_by_label("How many").blur()
    page.get_by_label("Draft").check()
    expect(page.locator(".sum")).to_contain_text(f"{len(labels)} formats × {count} variants")


def test_from_brief_to_zip_with_the_tab_closed_in_between(
    open_page: Callable[[], Page], tmp_path: Path, home: Path
) -> None:
    page = open_page()
    expect(page.locator(".empty h2")).to_have_text("Nothing made yet")
    expect(page.locator(".product img")).to_be_visible(timeout=60_000)  # the demo's photo is cut out first
    expect(page.locator("#product")).to_contain_text("Cut out")
    fill(page, "Mobile banner 300×50", "Mobile banner 320×50")
    page.click("#make")
    expect(page.locator(".progress .title")).to_have_text("Solbrae: spring-sale-26", timeout=30_000)
    page.close()

    page = open_page()
    expect(page.locator(".progress .title")).to_have_text("Solbrae: spring-sale-26", timeout=30_000)
    expect(page.locator(".ad img")).to_have_count(2, timeout=MAKE_MS)
    expect(page.locator(".progress h2")).to_have_text("2 ads", timeout=30_000)
    expect(page.locator(".progress")).to_contain_text("brand checks passed")
    shown = page.locator(".ad img").first
    shown.scroll_into_view_if_needed()
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=shown.element_handle())

    with page.expect_download() as waiting:
        page.click("#zip")
    waiting.value.save_as(tmp_path / "ads.zip")
    with zipfile.ZipFile(tmp_path / "ads.zip") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert sum(name.endswith((".jpg", ".png")) and "contact" not in name for name in names) == 2
        assert {"contact-sheet.png", "manifest.json"} <= set(names)
        archive.extractall(tmp_path / "ads")
    sizes = {Image.open(path).size for path in (tmp_path / "ads").glob("spring-sale-26_*")}
    assert sizes == {(300, 50), (320, 50)}

    reopened = open_page()
    expect(reopened.locator(".ad img")).to_have_count(2, timeout=30_000)
    secret = home / "desk.sqlite"
    for private in (secret, Path(__file__).resolve().parents[2] / "app.py"):
        assert reopened.request.get(f"{reopened.url.rstrip('/')}/gradio_api/file={private.as_posix()}").status == 403


def test_stop_keeps_what_is_finished_and_ends_within_seconds(open_page: Callable[[], Page]) -> None:
    page = open_page()
    fill(page, "Billboard 970×250", "Half page 300×600", count=8, headline="Stay a while")
    page.click("#make")
    expect(page.locator("#stop")).to_be_enabled(timeout=30_000)
    expect(page.locator(".progress")).to_contain_text("16 ads", timeout=30_000)
    page.click("#stop")
    expect(page.locator(".progress h2")).to_contain_text("before you stopped it", timeout=20_000)
    expect(page.locator("#stop")).to_be_disabled()


def test_what_cannot_be_used_is_said_in_one_line_with_a_fix(open_page: Callable[[], Page], tmp_path: Path) -> None:
    page = open_page()
    Image.new("RGB", (400, 400), "white").save(tmp_path / "solid.png")
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    upload, notice = page.locator("#upload input[type=file]"), page.locator("#product .notice")
    upload.set_input_files(tmp_path / "solid.png")
    expect(notice).to_contain_text("No product", timeout=30_000)
    expect(notice.locator("span")).not_to_be_empty()
    page.click("#mend")
    expect(notice).to_contain_text("no cut-out to mend", timeout=20_000)
    page.get_by_role("button", name="Demo product").click()
    expect(page.locator("#product img")).to_be_visible(timeout=60_000)
    page.locator("#upload input[type=file]").set_input_files(tmp_path / "torn.png")
    expect(notice).to_contain_text("torn.png", timeout=20_000)

    page.get_by_role("button", name="None", exact=True).click()
    page.click("#make")
    expect(page.locator(".act .notice")).to_contain_text("No format is chosen")
    page.get_by_role("button", name="Essentials").click()
    page.locator("#kit input").fill(str(tmp_path / "nowhere"))
    page.locator("#kit input").press("Enter")
    page.click("#make")
    expect(page.locator(".act .notice")).to_contain_text("nowhere")
    assert "Traceback" not in page.content()


def test_a_photo_is_cut_out_and_mended_with_the_brush(open_page: Callable[[], Page], tmp_path: Path) -> None:
    page = open_page()
    expect(page.locator("#product img")).to_be_visible(timeout=60_000)
    noise = np.random.default_rng(3).normal(0, 1.5, (300, 400, 3))
    photo = np.clip(np.full((300, 400, 3), 224.0) + noise, 0, 255).astype(np.uint8)
    photo[80:240, 120:280] = (30, 90, 160)
    Image.fromarray(photo).save(tmp_path / "box.png")
    page.locator("#upload input[type=file]").set_input_files(tmp_path / "box.png")
    expect(page.locator("#product figcaption")).to_contain_text("box.png", timeout=60_000)
    expect(page.locator("#product small")).to_contain_text("sure")
    before = page.locator("#product img").get_attribute("src")

    # Paint a corner away; undo; paint it away again; use it.
    page.click("#mend")
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
    expect(page.locator("dialog.brush")).not_to_be_visible()
    page.wait_for_function("old => document.querySelector('#product img')?.src !== old", arg=before, timeout=60_000)
    page.wait_for_selector("#product img")
    picture = page.evaluate("""async () => {
      const image = document.querySelector('#product img'); await image.decode();
      const canvas = Object.assign(document.createElement('canvas'), { width: 160, height: 160 });
      const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0, 160, 160);
      return [pen.getImageData(24, 24, 1, 1).data[3], pen.getImageData(130, 130, 1, 1).data[3]];
    }""")
    assert picture == [0, 255]


def test_other_sites_and_other_names_are_turned_away(server: Server) -> None:
    port = server.url.rsplit(":", 1)[1].strip("/")
    for headers, expected in (
        ({}, 200),
        ({"Origin": f"http://127.0.0.1:{port}"}, 200),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": f"rebound.example:{port}"}, 403),
    ):
        assert status(server.url, headers) == expected, headers
    assert status(f"{server.url}/docs", {}) == 404
    assert status(f"{server.url}/openapi.json", {}) == 404


def status(url: str, headers: dict[str, str]) -> int:
    parts = urlsplit(url)
    talk = HTTPConnection(parts.hostname or "", parts.port or 0, timeout=10)
    try:
        talk.request("GET", parts.path or "/", headers=headers)
        return talk.getresponse().status
    finally:
        talk.close()
