"""The Engine tab as a designer uses it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_the_machine_the_painters_and_the_doctor_are_shown(open_page: Callable[..., Page]) -> None:
    page = open_page("engine")
    expect(page.get_by_role("heading", name="This machine")).to_be_visible()
    expect(page.get_by_role("meter", name="Disk")).to_be_visible()
    stage = page.get_by_role("article", name=re.compile("^Stage"))
    expect(stage.get_by_text("In use")).to_be_visible()
    expect(stage.locator("li.yes", has_text="Sets in numbers")).to_be_visible()
    expect(stage.locator("li.no", has_text="words do not change it")).to_be_visible()
    findings = page.locator(".en-findings > li")
    expect(findings.first).to_be_visible()
    assert findings.count() >= 10
    page.get_by_role("button", name="Look again").click()
    expect(page.locator(".en-findings > li").first).to_be_visible()


def test_a_painter_is_measured_and_the_result_stays(open_page: Callable[..., Page]) -> None:
    page = open_page("engine")
    page.get_by_role("button", name="Measure now").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    row = page.locator(".en-table tbody tr").first
    expect(row).to_be_visible(timeout=180_000)
    expect(row).to_contain_text(re.compile(r"\d+\.\d\d s"))
    page.reload()
    expect(page.locator(".en-table tbody tr").first).to_be_visible(timeout=20_000)


def test_power_and_price_are_kept(open_page: Callable[..., Page]) -> None:
    page = open_page("engine")
    page.get_by_label("Watts").fill("400")
    page.get_by_label("Watts").press("Tab")
    page.get_by_label("Price per kWh").fill("0,5")
    page.get_by_label("Price per kWh").press("Tab")
    expect(page.get_by_text("An hour of work costs about")).to_contain_text("0.20")
    page.reload()
    expect(page.get_by_label("Watts")).to_have_value("400")
    expect(page.get_by_label("Price per kWh")).to_have_value("0.5")
    page.get_by_label("Watts").fill("much")
    page.get_by_label("Watts").press("Tab")
    expect(page.get_by_role("alert")).to_contain_text("are numbers")
    for name in ("Watts", "Price per kWh"):
        page.get_by_label(name).fill("")
        page.get_by_label(name).press("Tab")
    expect(page.get_by_text("Assumed:")).to_be_visible()


def test_nothing_is_fetched_before_the_licence_is_typed(open_page: Callable[..., Page]) -> None:
    page = open_page("engine")
    page.locator(".en-engines li", has_text="BiRefNet").first.get_by_role("button", name="Fetch").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("MIT")
    expect(dialog.get_by_role("link")).to_have_attribute("href", re.compile("^https://"))
    go = dialog.get_by_role("button", name="Fetch")
    expect(go).to_be_disabled()
    dialog.get_by_label(re.compile("Type MIT")).fill("mit")
    expect(go).to_be_disabled()
    dialog.get_by_label(re.compile("Type MIT")).fill("MIT")
    expect(go).to_be_enabled()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("progressbar")).to_have_count(0)


def test_a_bug_report_and_the_reference_are_copied(open_page: Callable[..., Page]) -> None:
    page = open_page("engine")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy for a bug report").click()
    expect(page.get_by_text("Copied: machine and findings")).to_be_visible()
    report = page.evaluate("navigator.clipboard.readText()")
    assert report.startswith("Lockup ") and "[fine]" in report
    page.locator(".en-endpoints summary:has(code:text-is('make'))").focus()
    page.keyboard.press("Enter")
    inside = page.locator(".en-endpoints details[open]")
    expect(inside.get_by_label("Python example", exact=True)).to_contain_text("client.predict(brief=")
    expect(inside.get_by_label("curl example", exact=True)).to_contain_text(page.evaluate("location.origin"))
    page.get_by_role("button", name="Copy all of it as Markdown").click()
    expect(page.get_by_text("The whole reference is copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").startswith("# Lockup for other programs")


@pytest.mark.parametrize("width", [768, 1280, 1920])
def test_nothing_sticks_out_sideways(open_page: Callable[..., Page], width: int) -> None:
    page = open_page("engine")
    page.set_viewport_size({"width": width, "height": 900})
    page.locator(".en-endpoints details").first.locator("summary").click()
    out = page.evaluate(
        """() => [...document.querySelectorAll('#view-engine *')].filter((one) => {
          const box = one.getBoundingClientRect();
          return box.width && box.right > innerWidth + 1 && !one.closest('.unseen');
        }).map((one) => one.className)"""
    )
    assert not out
