"""Who may talk to the page, and through which doors: only the page itself and programs on purpose. Keeps other web
sites in the same browser out, and shuts everything of Gradio's that is not used here."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_HOST = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE)
_ELSEWHERE = ("cross-site", "same-site")
"""What browsers say of a request that a page of another address made; another port is another address too."""


class OwnPageOnly:
    """Refuses requests that another site sent (Origin, Sec-Fetch-Site), or that reached us under another name (Host).

    The last is how a site that points its own name at 127.0.0.1 would get in. With `names` None every name is good:
    whoever listens on an outside address has several.
    """

    def __init__(self, app: App, names: frozenset[str] | None = LOOPBACK) -> None:
        self.app = app
        self.names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not self._welcome(scope):
            await refuse(scope, send, 403, "This page answers only to its own address.")
        else:
            await self.app(scope, receive, send)

    def _welcome(self, scope: Scope) -> bool:
        hosts, origins = named(scope, b"host"), named(scope, b"origin")
        if len(hosts) != 1 or len(origins) > 1 or not _HOST.fullmatch(hosts[0]):
            return False
        host = hosts[0].lower()
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if self.names is not None and name not in self.names:
            return False
        if origins and origins[0].lower() not in (f"http://{host}", f"https://{host}"):
            return False
        return not _from_elsewhere(scope) or _opens_the_page(scope)


def _from_elsewhere(scope: Scope) -> bool:
    return any(said.lower() in _ELSEWHERE for said in named(scope, b"sec-fetch-site"))


def _opens_the_page(scope: Scope) -> bool:
    """A link to the page that somebody followed: nothing of another site's doing, and not inside its frame."""
    followed = named(scope, b"sec-fetch-mode") == ["navigate"] and named(scope, b"sec-fetch-dest") == ["document"]
    return followed and scope.get("method") in ("GET", "HEAD") and scope.get("path") == "/"


MB = 1_000_000
_READ, _SEND = ("GET", "HEAD"), ("POST",)
_DOORS: dict[str, tuple[tuple[str, ...], int]] = {
    "/": (_READ, 0),
    "/config": (_READ, 0),
    "/theme.css": (_READ, 0),
    "/favicon.ico": (_READ, 0),
    "/manifest.json": (_READ, 0),
    "/robots.txt": (_READ, 0),
    "/login": (_SEND, MB // 100),
    "/logout": (_READ, 0),
    "/gradio_api/theme.css": (_READ, 0),
    "/gradio_api/info": (_READ, 0),
    "/gradio_api/app_id": (_READ, 0),
    "/gradio_api/login_check": (_READ, 0),
    "/gradio_api/user": (_READ, 0),
    "/gradio_api/startup-events": (_READ, 0),
    "/gradio_api/upload": (_SEND, 400 * MB),
    "/gradio_api/upload_progress": (_READ, 0),
    "/gradio_api/component_server": (_SEND, 32 * MB),
    "/gradio_api/queue/join": (_SEND, 8 * MB),
    "/gradio_api/queue/data": (_READ, 0),
    "/gradio_api/cancel": (_SEND, MB),
    "/gradio_api/reset": (_SEND, MB),
}
"""What the page and `gradio_client` use: methods, and the most bytes that may be sent."""
_HALLS: dict[str, tuple[tuple[str, ...], int]] = {
    "/assets/": (_READ, 0),
    "/static/": (_READ, 0),
    "/svelte/": (_READ, 0),
    "/gradio_api/file=": (_READ, 0),
    "/gradio_api/heartbeat/": (_READ, 0),
    "/gradio_api/call/": (("GET", "POST"), 8 * MB),
}
"""The same for everything that begins so."""
MCP = {"/gradio_api/mcp": (("GET", "POST", "DELETE"), 8 * MB)}


class KnownDoorsOnly:
    """Answers only the addresses that are used here, with their methods and bodies of a stated, bounded length.

    Everything else of Gradio's (its proxy, recordings, monitoring, run history, editor, streams) is not there.
    """

    def __init__(self, app: App, mcp: bool = False) -> None:
        self.app = app
        self._halls = {**_HALLS, **(MCP if mcp else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        door = self._door(scope.get("path", "")) if scope["type"] == "http" else None
        if door is None:
            await refuse(scope, send, 404, "There is nothing here.")
        elif scope["method"] not in door[0]:
            await refuse(scope, send, 405, "This is not how it is asked for.")
        elif (length := _length(scope)) is None:
            await refuse(scope, send, 411, "The length has to be stated.")
        elif length > door[1]:
            await refuse(scope, send, 413, "This is too large.")
        else:
            await self.app(scope, receive, send)

    def _door(self, path: str) -> tuple[tuple[str, ...], int] | None:
        if "\0" in path or "//" in path.partition("=")[0]:
            return None
        plain = path[:-1] if path.endswith("/") and path != "/" else path
        return _DOORS.get(plain) or next((door for hall, door in self._halls.items() if path.startswith(hall)), None)


def _length(scope: Scope) -> int | None:
    """How many bytes a request brings; None where it does not say, or says it in a way that is not understood."""
    if named(scope, b"transfer-encoding"):
        return None
    said = named(scope, b"content-length")
    if not said:
        return 0
    return int(said[0]) if len(said) == 1 and said[0].isascii() and said[0].isdigit() and len(said[0]) < 16 else None


def named(scope: Scope, name: bytes) -> list[str]:
    """Every value of a header."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]


async def refuse(scope: Scope, send: Send, status: int, why: str) -> None:
    """Answer in one line, and nothing else."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    body = why.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
