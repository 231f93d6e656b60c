"""A web that stands in for the real one: a name service, public numbers, and one local server behind all of them."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from studio.brand.source.guard import Guard, Number, is_public

PUBLIC = "93.184.215.14"
Answer = bytes | Callable[[socket.socket], None]


def answer(body: bytes = b"", status: str = "200 OK", media_type: str = "text/html", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media_type}", f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, *headers, "", ""]).encode("utf-8") + body


def redirect(to: str, status: str = "302 Found") -> bytes:
    return answer(b"secret words of an error page", status, "text/html", f"Location: {to}")


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        web: Web = self.server.web  # type: ignore[attr-defined]
        with suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request and (more := self.request.recv(65536)):
                request += more
            if not request:
                return  # closed without a word, as a late connection of an earlier test may be; `dialled` has all of ours
            head = request.decode("latin-1").split("\r\n")
            path = head[0].split(" ")[1] if len(head[0].split(" ")) > 1 else ""
            headers = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
            host = headers.get("Host", "").partition(":")[0]
            web.hits.append((host, path))
            web.requests.append(headers)
            found = web.answers.get(f"{host}{path}", web.answers.get(path, answer(b"", "404 Not Found")))
            if callable(found):
                found(self.request)
            else:
                self.request.sendall(found)


class Web:
    """`hits` are the requests that came; `dialled` the numbers asked for; `asked` the names looked up."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._tls: tuple[ssl.SSLContext, bytes] | None = None
        self.answers: dict[str, Answer] = {}
        self.names: dict[str, tuple[str, ...] | Callable[[], tuple[str, ...]]] = {"example.org": (PUBLIC,)}
        self.closed_ports: set[int] = {443}
        self.hits: list[tuple[str, str]] = []
        self.requests: list[dict[str, str]] = []
        self.dialled: list[str] = []
        self.asked: list[str] = []

    def secure(self, context: ssl.SSLContext, said: bytes) -> None:
        """Answer `said` to whoever comes to port 443 with encryption that this context offers."""
        self._tls = context, said
        self.closed_ports.discard(443)

    def guard(self, permitted: Callable[[Number], bool] = is_public) -> Guard:
        return Guard(self._resolve, permitted, self._connect)

    def _resolve(self, name: str) -> tuple[str, ...]:
        self.asked.append(name)
        found = self.names.get(name)
        if found is None:
            raise OSError("no such name")
        return found() if callable(found) else found

    def _connect(self, number: Number, port: int, seconds: float) -> socket.socket:
        """Every number leads to the local server, the private ones too: only the guard stands between."""
        self.dialled.append(str(number))
        if port in self.closed_ports:
            raise ConnectionRefusedError
        if port == 443 and self._tls:
            near, far = socket.socketpair()
            threading.Thread(target=self._serve_secured, args=(far,), daemon=True).start()
            return near
        return socket.create_connection(("127.0.0.1", self._port), seconds)

    def _serve_secured(self, line: socket.socket) -> None:
        assert self._tls
        with suppress(OSError), self._tls[0].wrap_socket(line, server_side=True) as secured:
            if secured.recv(65536):
                self.hits.append(("443", ""))
                secured.sendall(self._tls[1])


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64
    web: Any = None


@contextmanager
def stand_in() -> Iterator[Web]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.web = Web(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.web
        finally:
            server.shutdown()
            thread.join(5)


def drip(head: bytes, piece: bytes, pause: float, times: int = 10_000) -> Callable[[socket.socket], None]:
    """Send `head`, then `piece` over and over."""

    def send(line: socket.socket) -> None:
        line.sendall(head)
        for _ in range(times):
            line.sendall(piece)
            time.sleep(pause)

    return send
