"""Every tab as it looks: light and dark, 1280 and 1920 wide, and a tablet. The pictures go where LOCKUP_SCREENS says."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Server, opened

pytestmark = pytest.mark.browser
TABS = ("brand", "compose", "references", "variants", "finish", "engine")
WIDE = """() => {
  const wide = document.documentElement.clientWidth;
  return [...document.querySelectorAll('.view *, #view-shell *')].filter((one) => {
    const box = one.getBoundingClientRect();
    if (!box.width || !box.height || one.closest('.unseen, svg, [hidden]')) return false;
    let clipped = one.parentElement;
    while (clipped && clipped !== document.body && getComputedStyle(clipped).overflowX === 'visible') clipped = clipped.parentElement;
    return (!clipped || clipped === document.body) && (box.right > wide + 1 || box.left < -1);
  }).slice(0, 5).map((one) => one.outerHTML.slice(0, 120));
}"""


@pytest.mark.parametrize("width", [1280, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_tab_stands_on_the_screen(
    browser: Browser, server: Server, scheme: str, width: int, tmp_path: Path
) -> None:
    folder = Path(os.environ.get("LOCKUP_SCREENS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    pages = opened(browser, server.url, color_scheme=scheme, viewport={"width": width, "height": round(width * 0.6)})
    open_page = next(pages)
    page: Page = open_page("brand")
    for tab in TABS:
        page.evaluate("tab => lockup.go(tab)", tab)
        page.wait_for_selector(f"#view-{tab} > *")
        page.wait_for_timeout(2500 if tab in ("brand", "compose") else 1200)
        file = folder / f"{tab}-{scheme}-{width}.png"
        page.screenshot(path=file)
        pixels = np.asarray(Image.open(file).convert("L"))
        assert pixels.std() > 4, f"{tab} is blank"
        assert (pixels.mean() > 128) == (scheme == "light") or tab == "compose", f"{tab} is not {scheme}"
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), tab
        assert not page.evaluate(WIDE), f"{tab} runs out of the screen"
    next(pages, None)


def test_a_tablet_can_read_every_tab(browser: Browser, server: Server) -> None:
    pages = opened(browser, server.url, viewport={"width": 820, "height": 1180}, has_touch=True)
    page: Page = next(pages)("brand")
    for tab in TABS:
        page.evaluate("tab => lockup.go(tab)", tab)
        page.wait_for_selector(f"#view-{tab} > *")
        page.wait_for_timeout(800)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth + 1"), tab
    next(pages, None)
