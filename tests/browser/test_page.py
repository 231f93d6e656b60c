"""A designer at the page: from the brief to the ZIP, with the tab closed in between. Real browser, real worker."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

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
    expect(page.locator(".product img")).to_be_visible()
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
    expect(notice).to_contain_text("solid.png has no transparent background", timeout=20_000)
    expect(notice.locator("span")).to_contain_text("Cut the product out first")
    page.get_by_role("button", name="Demo product").click()
    expect(page.locator("#product img")).to_be_visible()
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
