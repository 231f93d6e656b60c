"""Who may talk to the page, through which doors, and with which password."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import MutableMapping
from types import SimpleNamespace
from typing import Any

import pytest

from studio.errors import BadInput
from studio.ui.guard import LOOPBACK, App, KnownDoorsOnly, OwnPageOnly
from studio.ui.login import FREE_TRIES, LONGEST_WAIT_S, PasswordAsked, Tries, chosen_password

HERE = "127.0.0.1:7860"
PASSWORD = "correct horse battery"


def through(guard: App, scope: dict[str, Any]) -> list[str]:
    """What a request gets: the messages sent, or `inside` when it was let in."""
    sent: list[str] = []

    async def receive() -> MutableMapping[str, Any]:
        return {}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(str(message.get("status", message["type"])))

    asyncio.run(guard({**scope, "sent": sent}, receive, send))  # type: ignore[arg-type]
    return sent


async def inside(scope: Any, receive: Any, send: Any) -> None:
    scope["sent"].append("inside")


def answer(
    host: str | list[str], origin: str | None, names: frozenset[str] | None = LOOPBACK, kind: str = "http", **more: Any
) -> list[str]:
    hosts = host if isinstance(host, list) else [host]
    headers = [(b"host", one.encode()) for one in hosts]
    headers += [(b"Origin", origin.encode())] if origin is not None else []
    headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in more.pop("headers", {}).items()]
    scope = {"type": kind, "headers": headers, "method": "GET", "path": "/", **more}
    return through(OwnPageOnly(inside, names), scope)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (HERE, None), (HERE, f"http://{HERE}"), ("localhost:1", "http://localhost:1"), ("[::1]:80", "http://[::1]:80"),
        ("LOCALHOST:7860", "http://localhost:7860"), ("localhost", "HTTP://LOCALHOST"), (HERE, f"https://{HERE}"),
    ],
)  # fmt: skip
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
        (HERE, f"ftp://{HERE}"),
        (HERE, HERE),
        ("rebound.example:7860", "http://rebound.example:7860"),
        ("rebound.example", None),
        (f"rebound.example@{HERE}", None),
        (f"{HERE}, rebound.example", None),
        ("127.0.0.1:7860:1", None),
        ("127.0.0.1\t", None),
        ("localhost.", None),
        ("0.0.0.0:7860", None),
        ("[::ffff:127.0.0.1]", None),
        ("2130706433", None),
        ("[broken", None),
        ("", None),
    ],
)
def test_everybody_else_is_turned_away(host: str, origin: str | None) -> None:
    assert answer(host, origin)[0] == "403"


@pytest.mark.parametrize("hosts", [[], [HERE, HERE], [HERE, "elsewhere.example"]])
def test_there_is_one_host_and_at_most_one_origin(hosts: list[str]) -> None:
    assert answer(hosts, None)[0] == "403"
    assert answer(HERE, f"http://{HERE}", headers={"origin": f"http://{HERE}"})[0] == "403"


def test_sockets_are_closed_and_outside_names_allowed_when_asked_for() -> None:
    assert answer(HERE, "https://elsewhere.example", kind="websocket") == ["websocket.close"]
    assert answer("studio.local:7860", "http://studio.local:7860", None) == ["inside"]
    assert answer("studio.local:7860", "http://other.local:7860", None)[0] == "403"


@pytest.mark.parametrize(
    ("headers", "more", "let_in"),
    [
        ({"sec_fetch_site": "same-origin"}, {"path": "/config"}, True),
        ({"sec_fetch_site": "none"}, {"path": "/config"}, True),
        ({"sec_fetch_site": "cross-site"}, {"path": "/config"}, False),
        ({"sec_fetch_site": "same-site"}, {"path": "/config"}, False),
        ({"sec_fetch_site": "Cross-Site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, {}, True),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}, {}, False),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, {"method": "POST"}, False),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, {"path": "/config"}, False),
    ],
)  # fmt: skip
def test_pictures_frames_and_scripts_of_other_sites_get_nothing(
    headers: dict[str, str], more: dict[str, str], let_in: bool
) -> None:
    assert (answer(HERE, None, headers=headers, **more) == ["inside"]) == let_in


# ------------------------------------------------------------------------------------------------ doors


def door(path: str, method: str = "GET", mcp: bool = False, **headers: str) -> str:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "path": path, "method": method, "headers": named}
    return through(KnownDoorsOnly(inside, mcp), scope)[0]


@pytest.mark.parametrize(
    ("path", "method", "said"),
    [
        ("/", "GET", "inside"), ("/", "HEAD", "inside"), ("/", "POST", "405"), ("/config/", "GET", "inside"),
        ("/assets/index.js", "GET", "inside"), ("/gradio_api/call/v2/make/1", "GET", "inside"),
        ("/gradio_api/component_server", "POST", "inside"), ("/gradio_api/component_server", "GET", "405"),
        ("/gradio_api/file=/a", "DELETE", "405"), ("/gradio_api/proxy=x", "GET", "404"), ("/gradio_api/run/x", "POST", "404"),
        ("http://elsewhere.example/config", "GET", "404"), ("//config", "GET", "404"), ("/config\0", "GET", "404"),
        ("", "GET", "404"), ("*", "OPTIONS", "404"), ("/CONFIG", "GET", "404"), ("/gradio_api/mcp", "POST", "404"),
        ("/gradio_api/file=/a//b", "GET", "inside"), ("/config/..", "GET", "404"),
    ],
)  # fmt: skip
def test_only_known_doors_open(path: str, method: str, said: str) -> None:
    assert door(path, method) == said


def test_tools_have_a_door_when_they_are_wanted() -> None:
    assert door("/gradio_api/mcp/", "POST", mcp=True) == "inside"


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"content_length": "32000000"}, "inside"), ({"content_length": "32000001"}, "413"), ({"content_length": "-1"}, "411"),
        ({"content_length": "1e3"}, "411"), ({"content_length": "٣"}, "411"), ({"content_length": "9" * 30}, "411"),
        ({"transfer_encoding": "chunked"}, "411"), ({"content_length": "1", "Content_Length": "2"}, "411"),
        ({"content_length": ""}, "411"), ({}, "inside"),
    ],
)  # fmt: skip
def test_bodies_have_a_stated_and_bounded_length(headers: dict[str, str], said: str) -> None:
    assert door("/gradio_api/component_server", "POST", **headers) == said


def test_sockets_have_no_door() -> None:
    assert through(KnownDoorsOnly(inside), {"type": "websocket", "path": "/config", "headers": []}) == [
        "websocket.close"
    ]
    assert through(KnownDoorsOnly(inside), {"type": "lifespan"}) == ["inside"]


# ------------------------------------------------------------------------------------------------ the password


def knock(guard: PasswordAsked, path: str = "/config", caller: str = "10.0.0.9", **headers: str) -> str:
    app = SimpleNamespace(cookie_id="c", tokens={"known": "lockup"})
    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "path": path, "method": "GET", "headers": named, "app": app, "client": (caller, 1)}
    return through(guard, scope)[0]


def basic(said: str) -> str:
    return "Basic " + base64.b64encode(said.encode()).decode()


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "401"), ({"cookie": "access-token-c=known"}, "inside"), ({"cookie": "access-token-unsecure-c=known"}, "inside"),
        ({"cookie": "access-token-c=unknown"}, "401"), ({"cookie": "access-token-d=known"}, "401"), ({"cookie": "\\;="}, "401"),
        ({"authorization": basic(f"lockup:{PASSWORD}")}, "inside"), ({"authorization": f"Bearer {PASSWORD}"}, "inside"),
        ({"authorization": f"bearer {PASSWORD}"}, "inside"), ({"authorization": basic(f"admin:{PASSWORD}")}, "401"),
        ({"authorization": basic("lockup:")}, "401"), ({"authorization": "Basic é"}, "401"), ({"authorization": "Bearer"}, "401"),
        ({"authorization": "Basic ////"}, "401"), ({"authorization": ""}, "401"), ({"authorization": f"Digest {PASSWORD}"}, "401"),
    ],
)  # fmt: skip
def test_the_password_or_its_cookie_is_needed(headers: dict[str, str], said: str) -> None:
    assert knock(PasswordAsked(inside, PASSWORD), **headers) == said


def test_only_the_login_page_is_open() -> None:
    guard = PasswordAsked(inside, PASSWORD)
    assert knock(guard, "/") == "200"  # its own page; Gradio's is not reached
    assert knock(guard, "/gradio_api/startup-events") == "inside"
    for path in ("/gradio_api/mcp/", "/gradio_api/file=/a", "/config/", "/assets/a.js", "/theme.css", "//", "/.", ""):
        assert knock(guard, path) == "401", path


def test_after_some_wrong_tries_each_next_one_waits_and_others_do_not() -> None:
    guard = PasswordAsked(inside, PASSWORD)
    for _ in range(FREE_TRIES):
        assert knock(guard, authorization="Bearer guess") == "401"
    assert knock(guard, authorization="Bearer guess") == "429"
    assert knock(guard, authorization=f"Bearer {PASSWORD}") == knock(guard, "/login") == "429"
    assert knock(guard, authorization=f"Bearer {PASSWORD}", caller="10.0.0.8") == "inside"
    assert knock(guard, cookie="access-token-c=known") == "inside"


def test_waits_double_end_and_are_forgotten() -> None:
    tries = Tries()
    for n in range(FREE_TRIES - 1):
        tries.wrong("a", float(n))
    assert tries.wait_s("a", 4.0) == 0
    waits = []
    for _ in range(14):
        tries.wrong("a", 100.0)
        waits.append(tries.wait_s("a", 100.0))
    assert waits[:4] == [1, 2, 4, 8] and waits[-1] == LONGEST_WAIT_S
    assert tries.wait_s("a", 101.0) < LONGEST_WAIT_S and tries.wait_s("a", 1e6) == 0
    tries.wrong("a", 1e6)
    assert tries.wait_s("a", 1e6) == 0
    tries.right("a")
    for n in range(10_000):
        tries.wrong(str(n), 1.0)
    assert len(tries._wrong) <= 4096


def test_passwords_are_made_or_long_enough() -> None:
    assert chosen_password("12345678") == "12345678"
    made = {chosen_password("") for _ in range(20)}
    assert len(made) == 20 and min(map(len, made)) >= 16
    with pytest.raises(BadInput, match="too short"):
        chosen_password("1234567")
