"""What a browser would run is served without the means to."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from studio.ui.still import FilesStayStill


def headers(path: str, kind: bytes, scope_type: str = "http") -> dict[bytes, bytes]:
    """The headers that a file of this type is sent with."""
    sent: list[MutableMapping[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Type", kind)]})
        await send({"type": "http.response.body", "body": b"x"})

    async def receive() -> MutableMapping[str, Any]:
        return {}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(FilesStayStill(app)({"type": scope_type, "path": path}, receive, send))
    assert sent[1]["body"] == b"x"
    return dict(sent[0]["headers"])


@pytest.mark.parametrize("kind", [b"image/svg+xml", b"text/html; charset=utf-8", b"Application/XHTML+xml", b"text/xml"])
def test_files_that_could_run_are_sandboxed(kind: bytes) -> None:
    sent = headers("/gradio_api/file=/home/kits/example/logos/logo.svg", kind)
    assert b"sandbox" in sent[b"content-security-policy"] and b"script" not in sent[b"content-security-policy"]
    assert sent[b"x-content-type-options"] == b"nosniff" and sent[b"Content-Type"] == kind


@pytest.mark.parametrize(
    ("path", "kind", "scope"),
    [
        ("/gradio_api/file=/home/ads/ad.png", b"image/png", "http"),
        ("/gradio_api/file=/home/ads/ad.pdf", b"application/pdf", "http"),
        ("/", b"text/html", "http"),
        ("/file=", b"text/html", "websocket"),
    ],
)
def test_everything_else_is_left_alone(path: str, kind: bytes, scope: str) -> None:
    assert headers(path, kind, scope) == {b"Content-Type": kind}
