"""Who may talk to the page: only the page itself. Keeps other web sites in the same browser out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class OwnPageOnly:
    """Refuses requests that another site sent (Origin), or that reached us under another name (Host).

    The second is how a site that points its own name at 127.0.0.1 would get in. With `names` None every name is good:
    whoever listens on an outside address has several.
    """

    def __init__(self, app: App, names: frozenset[str] | None = LOOPBACK) -> None:
        self.app = app
        self.names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not self._welcome(scope):
            await _refuse(scope, send)
        else:
            await self.app(scope, receive, send)

    def _welcome(self, scope: Scope) -> bool:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        try:
            named = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if self.names is not None and named not in self.names:
            return False
        return origin is None or origin.partition("://")[2] == host


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    body = b"This page answers only to its own address."
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
