"""Every tab for everyone: axe-core finds no serious fault of ours, in light and dark; the keyboard reaches everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, opened

pytestmark = pytest.mark.browser
TABS = ("brand", "compose", "references", "variants", "finish", "engine")
GRADIO = ("aria-required-children", "aria-required-parent")
"""Rules about the row of tabs, whose markup is Gradio's own."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", TABS)
def test_axe_finds_nothing_serious(browser: Browser, server: Server, tab: str, scheme: str) -> None:
    pages = opened(browser, server.url, color_scheme=scheme)
    page = next(pages)(tab)
    page.wait_for_timeout(1500)
    found = faults(page)
    assert not found, "\n".join(found)
    next(pages, None)


def faults(page: Page) -> list[str]:
    """Serious and critical faults: rule, what it says, and where."""
    response: dict[str, Any] = Axe().run(page).response
    return [
        f"{fault['id']}: {fault['help']}: {[node['html'][:160] + ' ' + node['failureSummary'][:260] for node in fault['nodes'][:4]]}"
        for fault in response["violations"]
        if fault["impact"] in ("serious", "critical") and not _gradios(fault)
    ]


def _gradios(fault: dict[str, Any]) -> bool:
    targets = [" ".join(map(str, node["target"])) for node in fault["nodes"]]
    return fault["id"] in GRADIO and all("tab" in target for target in targets)


def test_tabs_dialogs_and_help_by_keyboard(open_page: Callable[..., Page]) -> None:
    page = open_page("brand")
    page.get_by_role("tab", name="Brand").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Compose")).to_be_focused()
    expect(page.get_by_role("tab", name="Compose")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Alt+4")
    expect(page.get_by_role("tab", name="Variants")).to_have_attribute("aria-selected", "true")
    page.locator(".gallery").focus()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("Generate")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator(".gallery")).to_be_focused()


@pytest.mark.parametrize("tab", TABS)
def test_everything_that_can_be_clicked_can_be_reached_by_tab(open_page: Callable[..., Page], tab: str) -> None:
    page = open_page(tab)
    page.wait_for_timeout(1500)
    wanted = set(page.evaluate(REACHABLE, tab))
    assert wanted
    page.get_by_role("tab", name=tab.capitalize()).focus()
    reached: set[str] = set()
    for _ in range(3 * len(wanted)):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement?.dataset.reach ?? ''"))
        if wanted <= reached:
            break
    missed = [
        page.evaluate("n => document.querySelector(`[data-reach='${n}']`).outerHTML.slice(0, 140)", n)
        for n in wanted - reached
    ]
    assert not missed


REACHABLE = """tab => {
  const all = [...document.querySelectorAll(`#view-${tab} :is(button, a[href], input, select, textarea, summary, [tabindex="0"])`)].filter((one) => {
    const box = one.getBoundingClientRect(), style = getComputedStyle(one);
    return !one.disabled && one.tabIndex >= 0 && style.visibility !== 'hidden' && one.getClientRects().length && (box.width || box.height)
      && !(one.type === 'radio' && !one.checked) && !one.closest('dialog');
  });
  all.forEach((one, index) => { one.dataset.reach = String(index + 1); });
  return all.map((one) => one.dataset.reach);
}"""


def test_what_has_the_focus_is_seen(open_page: Callable[..., Page]) -> None:
    page = open_page("variants")
    page.locator("input[name=title]").focus()
    for _ in range(25):
        page.keyboard.press("Tab")
        seen = page.evaluate("""() => {
          const box = document.activeElement;
          if (!box || box === document.body) return 'nothing';
          const style = getComputedStyle(box), label = box.closest('.drop, .segments label, .toggle');
          const ring = (one) => one && getComputedStyle(one).outlineStyle !== 'none' && parseFloat(getComputedStyle(one).outlineWidth) > 0;
          return ring(box) || ring(label) || ring(box.nextElementSibling) || style.boxShadow !== 'none' ? '' : box.outerHTML.slice(0, 120);
        }""")
        assert not seen


def test_less_motion_where_less_is_wished(browser: Browser, server: Server) -> None:
    pages = opened(browser, server.url, reduced_motion="reduce")
    page = next(pages)("variants")
    assert page.evaluate("getComputedStyle(document.querySelector('.btn')).transitionDuration") in ("0s", "0s, 0s")
    next(pages, None)
