"""The page as it feels: from `python app.py` to usable, answers to clicks, typing while a batch runs, 2,000 ads.

    python -m tests.bench.page_bench [--json]

Times are what a real Chromium saw, on this machine. "Answer" is from the press of a button to the first frame that
shows what it did.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "ui"))
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
TABS = ("brand", "compose", "references", "variants", "finish", "engine")
# Two frames after the change is in the document, it has been painted.
SEEN = """([act, seen]) => new Promise((done, failed) => {
  const began = performance.now();
  const look = () => { if (new Function('return ' + seen)()) requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
    else if (performance.now() - began > 20000) failed(new Error('never seen: ' + seen)); else requestAnimationFrame(look); };
  new Function(act)();
  look();
})"""
TYPED = """async (box) => {
  box.focus();
  const took = [];
  for (let n = 0; n < 40; n++) {
    const began = performance.now();
    box.setRangeText('a', box.selectionEnd, box.selectionEnd, 'end');
    box.dispatchEvent(new InputEvent('input', { bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    took.push(performance.now() - began);
    await new Promise((done) => setTimeout(done, 60));
  }
  return took;
}"""
SCROLLED = """async (box) => {
  const frames = [];
  let last = performance.now();
  for (let n = 0; n < 240; n++) {
    box.scrollTop += box.scrollHeight / 240;
    await new Promise((done) => requestAnimationFrame(done));
    const now = performance.now();
    frames.push(now - last);
    last = now;
  }
  return frames;
}"""


class Served:
    """`python app.py` on a workspace, and how long it took until it could be used."""

    def __init__(self, home: Path) -> None:
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py"), "--port", "0", "--no-browser"], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env={**os.environ, "STUDIO_HOME": str(home), "OMP_WAIT_POLICY": "PASSIVE"},
        )  # fmt: skip
        assert self.process.stdout is not None
        line = ""
        while "http" not in line:
            line = self.process.stdout.readline()
        self.url = line.split("at ")[1].split()[0]
        self.listening_s = time.perf_counter() - self.began

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def opened(browser: Any, url: str, tab: str) -> Page:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.add_init_script("localStorage.setItem('lockup.tour', 'seen')")
    page.goto(f"{url}/#{tab}")
    page.wait_for_selector("#view-shell .kit-chip")
    page.wait_for_selector(f"#view-{tab} > *")
    return page


def answers(page: Page) -> dict[str, float]:
    """Milliseconds from a click to what it shows, each the median of three."""

    def took(act: str, seen: str, back: Callable[[], None] = lambda: None) -> float:
        times = []
        for _ in range(3):
            times.append(page.evaluate(SEEN, [act, seen]))
            back()
            page.wait_for_timeout(250)
        return statistics.median(times)

    go = "document.querySelector('#tabs [role=tab][data-tab-id={}]').click()"
    found: dict[str, float] = {}
    for tab in TABS:  # the first visit builds the tab
        found[f"first visit of {tab}"] = page.evaluate(
            SEEN, [go.format(tab), f"document.querySelector('#view-{tab} > *')"]
        )
        page.wait_for_timeout(1500)
    for tab in TABS:
        seen = f"document.querySelector('#panel-{tab}').offsetHeight > 0"
        away = "engine" if tab != "engine" else "brand"
        found[f"to {tab}"] = took(go.format(tab), seen, lambda away=away: page.evaluate(go.format(away)))
    page.evaluate(go.format("variants"))
    page.wait_for_timeout(500)
    found["choose an ad"] = took(
        "document.querySelectorAll('#view-variants .ad')[3].click()", "document.querySelector('#view-variants .ad.on')"
    )
    found["formats dialog"] = took(
        "document.querySelector('button[name=formats]').click()", "document.querySelectorAll('.format-card').length > 20",
        lambda: page.keyboard.press("Escape"),
    )  # fmt: skip
    page.evaluate(go.format("finish"))
    page.wait_for_timeout(800)
    page.locator("#view-finish .ad").first.click()
    found["star an ad"] = took(
        "document.querySelector('#view-finish .gallery').dispatchEvent(new KeyboardEvent('keydown', {key: String(1 + (window.n = (window.n ?? 0) + 1) % 5), bubbles: true}))",
        "document.querySelector('#view-finish .ad.on .stars')",
    )
    return found


PREVIEWED = """value => new Promise((done) => {
  const shot = document.querySelector('.board-shot'), from = performance.now();
  new MutationObserver((_, seen) => { seen.disconnect(); done(performance.now() - from); }).observe(shot, { attributes: true, attributeFilter: ['src'] });
  const slider = [...document.querySelectorAll('#view-compose .slider')].find((one) => one.querySelector('label').textContent === 'Turn').querySelector('input');
  slider.value = value;
  slider.dispatchEvent(new Event('input'));
})"""


def previews(page: Page) -> list[float]:
    """Seconds from a move of the light to a new preview of the set."""
    page.evaluate("lockup.go('compose')")
    page.locator("#view-compose .modes label", has_text="Set").click()
    page.wait_for_selector(".board-shot", timeout=90_000)
    page.wait_for_function("document.querySelectorAll('.set-picture img').length === 16", timeout=120_000)
    page.wait_for_timeout(4000)
    took = []
    for value in (20, 60, -90, 140, -20, 95):
        took.append(page.evaluate(PREVIEWED, value) / 1000)
        page.wait_for_timeout(3000)
    return took


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    measured: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        starts = []
        for _ in range(3):
            served = Served(home)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            opened(browser, served.url, "variants")
            starts.append((served.listening_s, time.perf_counter() - served.began))
            browser.close()
            served.end()
        measured["start to listening, s (first, then median of the rest)"] = [
            round(starts[0][0], 2),
            round(statistics.median(s for s, _ in starts[1:]), 2),
        ]
        measured["start to usable page with a browser to launch, s"] = [
            round(starts[0][1], 2),
            round(statistics.median(s for _, s in starts[1:]), 2),
        ]

        served = Served(home)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = opened(browser, served.url, "brand")
        page.wait_for_timeout(20_000)  # the stage compiles once, in the background
        measured["answers, ms"] = {name: round(value) for name, value in answers(page).items()}
        took = previews(page)
        measured["preview of a set after a slider, s (median, worst)"] = [
            round(statistics.median(took), 2),
            round(max(took), 2),
        ]
        page = opened(browser, served.url, "variants")
        box = page.locator("input[name=title]").element_handle()
        idle = page.evaluate(TYPED, box)
        page.locator("input[name=count]").fill("8")
        page.wait_for_timeout(1500)
        page.locator("button[name=generate]").click()
        page.wait_for_timeout(6000)
        busy = page.evaluate(TYPED, box)
        measured["typing, ms a key (median, worst): idle, with a batch running"] = [
            [round(statistics.median(times), 1), round(max(times), 1)] for times in (idle, busy)
        ]
        page.locator("button[name=stop]").click()
        page.wait_for_timeout(3000)
        served.end()
        browser.close()

        from many_ads import fill

        from studio.runs import Runs
        from studio.studio import Studio

        runs = Runs(Studio(home))
        fill(runs, 2000)
        runs.close()
        served = Served(home)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = opened(browser, served.url, "finish")
        page.wait_for_selector("#view-finish .ad")
        page.wait_for_timeout(4000)
        frames = page.evaluate(SCROLLED, page.locator("#view-finish .gallery").element_handle())
        measured["2,000 ads: frames while scrolling through, ms (median, 99th percentile, worst)"] = [
            round(statistics.median(frames), 1), round(sorted(frames)[int(0.99 * len(frames))], 1), round(max(frames), 1),
        ]  # fmt: skip
        measured["2,000 ads: elements in the page"] = page.evaluate(
            "document.querySelectorAll('#view-finish .ad').length"
        )
        began = time.perf_counter()
        page.locator("#view-finish input[type=search], #view-finish input").first.fill("water 7")
        page.wait_for_function("Number(document.querySelector('#view-finish .ad')?.ariaSetSize ?? 9999) < 1000")
        measured["2,000 ads: text filter, ms"] = round((time.perf_counter() - began) * 1000)
        served.end()
        browser.close()
    if as_json:
        print(json.dumps(measured))
    else:
        for name, value in measured.items():
            print(f"{name}: {json.dumps(value)}")


if __name__ == "__main__":
    main()
