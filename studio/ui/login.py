"""The password of a page that others can reach: asked of everything, and not quickly guessed."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time
from collections import OrderedDict
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any

from studio.errors import BadInput
from studio.ui.guard import App, Receive, Scope, Send, named, refuse

NAME = "lockup"
SHORTEST = 8
FREE_TRIES, LONGEST_WAIT_S, FORGET_S = 5, 300.0, 3600.0
_MOST_KNOWN = 4096
_PAGE = Path(__file__).resolve().parents[2] / "assets" / "ui" / "login.html"
_ASKED_AT_START = "/gradio_api/startup-events"
"""Gradio asks its own server for this before it is open to anybody; it tells nothing."""


def chosen_password(given: str) -> str:
    """The password to use: the one given, or a new one. Raises `BadInput` for one that is quickly guessed."""
    if given and len(given) < SHORTEST:
        raise BadInput(
            "This password is too short for a page that others can reach",
            f"Take {SHORTEST} characters or more, or leave it out: one is made up and shown.",
        )
    return given or secrets.token_urlsafe(12)


class Tries:
    """Wrong passwords by the address they came from: after a few, each next try has to wait twice as long."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, caller: str, now: float) -> float:
        """How long this caller has to wait before the next try is looked at."""
        wrong, last = self._wrong.get(caller, (0, 0.0))
        if wrong < FREE_TRIES or now - last > FORGET_S:
            return 0.0
        return max(0.0, last + min(2.0 ** (wrong - FREE_TRIES), LONGEST_WAIT_S) - now)

    def wrong(self, caller: str, now: float) -> None:
        """Note a wrong try."""
        count, last = self._wrong.get(caller, (0, 0.0))
        self._wrong[caller] = (1 if now - last > FORGET_S else count + 1, now)
        self._wrong.move_to_end(caller)
        while len(self._wrong) > _MOST_KNOWN:
            self._wrong.popitem(last=False)

    def right(self, caller: str) -> None:
        """Forget this caller's wrong tries."""
        self._wrong.pop(caller, None)


class PasswordAsked:
    """Lets in who logged in (Gradio's own cookie), or who sends the password with the request: `Authorization: Basic`
    with the name `lockup`, or `Bearer`. Gradio's own check leaves several addresses open; this one leaves none."""

    def __init__(self, app: App, password: str) -> None:
        self.app = app
        self._password = password
        self._tries = Tries()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        caller, now = str((scope.get("client") or ("",))[0]), time.monotonic()
        path: str = scope["path"]
        offered = named(scope, b"authorization")
        asks = path.rstrip("/") == "/login" or (bool(offered) and not _has_token(scope))
        if asks and (wait := self._tries.wait_s(caller, now)) > 0:
            await refuse(scope, send, 429, f"Too many wrong passwords. Try again in {wait:.0f} s.")
        elif path.rstrip("/") == "/login":
            if scope["method"] == "POST":
                self._tries.wrong(caller, now)  # until it is known to be right, or many could try at one time
            await self.app(scope, receive, self._watched(send, caller))
        elif _has_token(scope):
            await self.app(scope, receive, send)
        elif offered:
            await self._by_header(scope, receive, send, offered, caller)
        elif path == _ASKED_AT_START:
            await self.app(scope, receive, send)
        elif path == "/":
            await _login_page(scope, send)
        else:
            await refuse(scope, send, 401, "The password is needed here.")

    async def _by_header(self, scope: Scope, receive: Receive, send: Send, offered: list[str], caller: str) -> None:
        if len(offered) != 1 or not self._is_right(offered[0]):
            self._tries.wrong(caller, time.monotonic())
            await refuse(scope, send, 401, "This is not the password.")
            return
        self._tries.right(caller)
        await self.app(_logged_in(scope), receive, send)

    def _is_right(self, header: str) -> bool:
        kind, _, said = header.partition(" ")
        if kind.lower() == "bearer":
            return _same(said.strip(), self._password)
        if kind.lower() != "basic":
            return False
        try:
            name, _, password = base64.b64decode(said.strip(), validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return False
        return _same(name, NAME) & _same(password, self._password)

    def _watched(self, send: Send, caller: str) -> Send:
        """Notes that a login was right by what Gradio answers."""

        async def watched(message: Scope) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                self._tries.right(caller)
            await send(message)

        return watched


async def _login_page(scope: Scope, send: Send) -> None:
    body = _PAGE.read_bytes()
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-frame-options", b"DENY"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _same(said: str, true: str) -> bool:
    return hmac.compare_digest(said.encode(), true.encode())


def _cookie_names(app: Any) -> tuple[str, str]:
    return f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}"


def _has_token(scope: Scope) -> bool:
    """Whether a request carries the cookie of a login."""
    app = scope["app"]
    for header in named(scope, b"cookie"):
        try:
            cookies = SimpleCookie(header)
        except CookieError:
            continue
        if any(name in cookies and cookies[name].value in app.tokens for name in _cookie_names(app)):
            return True
    return False


def _logged_in(scope: Scope) -> Scope:
    """The request as if its sender had logged in: Gradio looks for its cookie."""
    app = scope["app"]
    token = next((kept for kept, name in app.tokens.items() if name == NAME), None)
    if token is None:
        token = secrets.token_urlsafe(16)
        app.tokens[token] = NAME
    cookie = f"{_cookie_names(app)[1]}={token}".encode()
    others = [(key, value) for key, value in scope["headers"] if key.lower() not in (b"cookie", b"authorization")]
    return {**scope, "headers": [*others, (b"cookie", cookie)]}
