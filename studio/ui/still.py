"""Files of the workspace are pictures and papers here, never programs: only some folders are served, and nothing in
them runs a script at the page's address."""

from __future__ import annotations

import os
from pathlib import Path

from studio.ui.guard import App, Receive, Scope, Send, refuse

_SERVED = "/gradio_api/file="
_LONGEST = 4096
_LIVELY = (b"image/svg", b"text/html", b"text/xml", b"application/xhtml", b"application/xml")
_STILL = [(b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox")]
_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"same-origin"),
]


class FilesStayStill:
    """Serves files of `folders` alone, whatever a path looks like and wherever links in them lead; addresses are never
    fetched. Files that a browser would run, opened by themselves, are put into a sandbox without scripts: a kit may
    hold anybody's SVG, and one opened at the page's own address could press the page's buttons."""

    def __init__(self, app: App, folders: tuple[Path, ...]) -> None:
        self.app = app
        names = [(os.path.abspath(folder), os.path.realpath(folder)) for folder in folders]  # noqa: PTH100
        self._folders = list(dict.fromkeys([*names, *((real, real) for _, real in names)]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        served = scope["path"].startswith(_SERVED)
        if served and not self.shows(scope["path"].removeprefix(_SERVED)):
            await refuse(scope, send, 403, "This file is not shown here.")
            return

        async def still(message: Scope) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), *_ALWAYS]
                kind = next((value for name, value in headers if name.lower() == b"content-type"), b"")
                if served and kind.lower().startswith(_LIVELY):
                    headers += _STILL
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, still)

    def shows(self, path: str) -> bool:
        """Whether a file may be served: by its name inside one of the folders, and there in truth, links followed."""
        if not path or len(path) > _LONGEST or "\0" in path or not os.path.isabs(path):  # noqa: PTH117
            return False
        # By name first: on Windows merely looking at \\host\share would call that host.
        named = os.path.abspath(path)  # noqa: PTH100
        for folder, real in self._folders:
            if _inside(named, folder) and not _hidden(named[len(folder) :]):
                try:
                    return _inside(os.path.realpath(named), real)
                except (OSError, ValueError):
                    return False
        return False


def _inside(path: str, folder: str) -> bool:
    path, folder = os.path.normcase(path), os.path.normcase(folder)
    return path.startswith(folder.rstrip(os.sep) + os.sep)


def _hidden(below: str) -> bool:
    """Whether a part of a path begins with a dot, as unfinished files do."""
    return any(part.startswith(".") for part in below.replace("\\", "/").split("/"))
