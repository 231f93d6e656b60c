"""Files of the workspace are pictures and papers here, never programs: none runs a script at the page's address."""

from __future__ import annotations

from studio.ui.guard import App, Receive, Scope, Send

_LIVELY = (b"image/svg", b"text/html", b"text/xml", b"application/xhtml", b"application/xml")
_STILL = [
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"),
    (b"x-content-type-options", b"nosniff"),
]


class FilesStayStill:
    """Puts served files that a browser would run, opened by themselves, into a sandbox without scripts.

    A kit may hold anybody's SVG, and one opened at the page's own address could press the page's buttons.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "/file=" not in scope["path"]:
            await self.app(scope, receive, send)
            return

        async def still(message: Scope) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                kind = next((value for name, value in headers if name.lower() == b"content-type"), b"")
                if kind.lower().startswith(_LIVELY):
                    message = {**message, "headers": [*headers, *_STILL]}
            await send(message)

        await self.app(scope, receive, still)
