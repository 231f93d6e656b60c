"""What a browser would run is served without the means to; what lies elsewhere is not served."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from studio.ui.still import FilesStayStill


@pytest.fixture
def kits(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "kits"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "logo.svg").write_text("<svg/>")
    (tmp_path / "home" / "desk.sqlite").write_text("x")
    return folder


def answer(
    path: str, kind: bytes, folders: tuple[Path, ...], scope_type: str = "http"
) -> tuple[int, dict[bytes, bytes]]:
    """Status and headers that a file of this type is sent with."""
    sent: list[MutableMapping[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Type", kind)]})
        await send({"type": "http.response.body", "body": b"x"})

    async def receive() -> MutableMapping[str, Any]:
        return {}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(FilesStayStill(app, folders)({"type": scope_type, "path": path}, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"])


@pytest.mark.parametrize("kind", [b"image/svg+xml", b"text/html; charset=utf-8", b"Application/XHTML+xml", b"text/xml"])
def test_files_that_could_run_are_sandboxed(kits: Path, kind: bytes) -> None:
    status, sent = answer(f"/gradio_api/file={kits}/a/logo.svg", kind, (kits,))
    assert status == 200
    assert b"sandbox" in sent[b"content-security-policy"] and b"script" not in sent[b"content-security-policy"]
    assert sent[b"x-content-type-options"] == b"nosniff" and sent[b"Content-Type"] == kind


@pytest.mark.parametrize("kind", [b"image/png", b"application/pdf"])
def test_pictures_and_papers_are_not(kits: Path, kind: bytes) -> None:
    assert b"content-security-policy" not in answer(f"/gradio_api/file={kits}/a/logo.svg", kind, (kits,))[1]


def test_the_page_is_not_guessed_at_nor_framed(kits: Path) -> None:
    _, sent = answer("/", b"text/html", (kits,))
    assert sent[b"x-frame-options"] == b"SAMEORIGIN" and sent[b"x-content-type-options"] == b"nosniff"
    assert b"content-security-policy" not in sent
    assert answer("/file=", b"text/html", (kits,), "websocket")[1] == {b"Content-Type": b"text/html"}


@pytest.mark.parametrize(
    "path",
    [
        "{home}/desk.sqlite", "{home}/kits/../desk.sqlite", "{home}/kits/a/../../desk.sqlite", "{home}/kits", "{home}/kits/",
        "{home}/kits2/a", "{home}", "/etc/passwd", "a/logo.svg", "", "https://example.org/x.png", "//host/share/x",
        "\\\\host\\share\\x", "{home}/kits/a/\0.png", "{home}/kits/a/.hidden", "{home}/kits/.a/logo.svg",
        "{home}/kits/" + "a/" * 3000, "C:\\Windows\\win.ini", "\\\\?\\C:\\x", "{home}/kits/a/.lockup-1.part",
    ],
)  # fmt: skip
def test_nothing_else_is_served(kits: Path, path: str) -> None:
    named = path.replace("{home}", str(kits.parent))
    assert answer(f"/gradio_api/file={named}", b"image/png", (kits,))[0] == 403


def test_links_are_followed_before_they_are_trusted(kits: Path, tmp_path: Path) -> None:
    try:
        (kits / "out").symlink_to(kits.parent / "desk.sqlite")
        (kits / "inside.svg").symlink_to(kits / "a" / "logo.svg")
        (tmp_path / "other").symlink_to(kits.parent, target_is_directory=True)
    except OSError:
        pytest.skip("links cannot be made here")
    guard = FilesStayStill(lambda scope, receive, send: asyncio.sleep(0), (tmp_path / "other" / "kits",))
    assert not guard.shows(str(kits / "out"))
    assert guard.shows(str(kits / "inside.svg"))
    # A workspace that is reached over a link is served by both its names.
    assert guard.shows(str(tmp_path / "other" / "kits" / "a" / "logo.svg"))
    assert guard.shows(str(kits / "a" / "logo.svg"))
