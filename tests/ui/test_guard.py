"""Who may talk to the page."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from studio.ui.guard import LOOPBACK, OwnPageOnly

HERE = "127.0.0.1:7860"


def answer(host: str, origin: str | None, names: frozenset[str] | None = LOOPBACK, kind: str = "http") -> list[str]:
    """What a request gets: the messages sent, or `inside` when it was let in."""
    sent: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        sent.append("inside")

    async def receive() -> MutableMapping[str, Any]:
        return {}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(str(message.get("status", message["type"])))

    headers = [(b"host", host.encode()), *([(b"Origin", origin.encode())] if origin is not None else [])]
    asyncio.run(OwnPageOnly(app, names)({"type": kind, "headers": headers}, receive, send))
    return sent


@pytest.mark.parametrize(
    ("host", "origin"),
    [(HERE, None), (HERE, f"http://{HERE}"), ("localhost:1", "http://localhost:1"), ("[::1]:80", "http://[::1]:80")],
)
def test_the_page_itself_is_let_in(host: str, origin: str | None) -> None:
    assert answer(host, origin) == ["inside"]


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (HERE, "https://elsewhere.example"),
        (HERE, "null"),
        (HERE, ""),
        (HERE, "http://localhost:7860"),
        (HERE, "http://127.0.0.1:7861"),
        (HERE, f"http://{HERE}@elsewhere.example"),
        ("rebound.example:7860", "http://rebound.example:7860"),
        ("rebound.example", None),
        ("[broken", None),
        ("", None),
    ],
)
def test_everybody_else_is_turned_away(host: str, origin: str | None) -> None:
    assert answer(host, origin)[0] == "403"


def test_sockets_are_closed_and_outside_names_allowed_when_asked_for() -> None:
    assert answer(HERE, "https://elsewhere.example", kind="websocket") == ["websocket.close"]
    assert answer("studio.local:7860", "http://studio.local:7860", None) == ["inside"]
    assert answer("studio.local:7860", "http://other.local:7860", None)[0] == "403"
