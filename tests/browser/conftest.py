"""The studio as a designer starts it, a real browser in front of it, and a workspace of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
OPEN_S = 90.0


class Server:
    """`python app.py --no-browser`, or another `program` like it, on a free port."""

    def __init__(self, home: Path, *options: str, program: Path = ROOT / "app.py") -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(program), "--port", "0", "--no-browser", *options],
            env={**os.environ, "STUDIO_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.url = self._wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)

    def _wait(self) -> str:
        said = ""
        try:
            while not (found := re.search(r"http://\S+", said)):
                said += self.lines.get(timeout=OPEN_S)
        except Empty:
            pytest.fail(f"the page did not open: {said}")
        return found[0]

    def kill(self) -> None:
        """As a power cut does it."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def server(home: Path) -> Iterator[Server]:
    running = Server(home)
    yield running
    running.end()


@pytest.fixture(scope="session")
def able(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A studio that has a painter with every capability; see `tests/ui/able_studio.py`."""
    running = Server(tmp_path_factory.mktemp("able"), program=ROOT / "tests" / "ui" / "able_studio.py")
    yield running
    running.end()


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, server: Server) -> Iterator[OpenPage]:
    """Opens a page at a tab; fails the test if it asked anything outside this machine or reported a script error."""
    yield from opened(browser, server.url)


def opened(browser: Browser, url: str, **context_options: Any) -> Iterator[OpenPage]:
    """A browser's own context, in which `open_page(tab, tour=False)` opens pages of the studio at `url`."""
    outside: list[str] = []
    errors: list[str] = []
    options = {"viewport": {"width": 1440, "height": 900}, "accept_downloads": True, **context_options}
    context = browser.new_context(**options)
    context.on("request", lambda ask: outside.append(ask.url) if not _ours(ask.url, url) else None)
    context.on("weberror", lambda error: errors.append(str(error.error)))

    def open_page(tab: str = "variants", tour: bool = False) -> Page:
        page = context.new_page()
        if not tour:
            page.add_init_script("localStorage.setItem('lockup.tour', 'seen')")
        page.goto(f"{url}/#{tab}")
        page.wait_for_selector("#view-shell .kit-chip", timeout=30_000)
        page.wait_for_function("tab => window.lockup?.state.tab === tab", arg=tab)
        page.wait_for_selector(f"#view-{tab} > *", timeout=30_000)
        return page

    yield open_page
    context.close()
    assert not outside
    assert not errors


def _ours(url: str, server: str) -> bool:
    return url.startswith((server, "data:", "blob:", "about:"))
