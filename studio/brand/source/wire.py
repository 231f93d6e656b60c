"""Connections under a guard and a clock: only to checked numbers, and nothing lasts longer than its time."""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import certifi
import httpcore

from studio.brand.source.guard import Guard

# One number of several that does not answer must leave time for the next.
_TRY_SECONDS = 4.0


class BadCertificate(Exception):
    """The site cannot prove that it is the one asked for."""


class Watch:
    """The time that is left: for the file in hand, a thread each, and for all of them together."""

    def __init__(self, file_seconds: float, total_seconds: float) -> None:
        self._file_seconds = file_seconds
        self._total_seconds = total_seconds
        self._here = threading.local()
        self._lock = threading.Lock()
        self._spent = 0.0
        self._since = 0.0
        self._running = 0

    @contextmanager
    def one_file(self) -> Iterator[None]:
        """Time runs in all while any file is in hand: files read at the same time count once."""
        now = time.monotonic()
        with self._lock:
            if not self._running:
                self._since = now
            self._running += 1
            left = self._total_seconds - self._spent - (now - self._since)
        self._here.end = now + min(self._file_seconds, left)
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                if not self._running:
                    self._spent += time.monotonic() - self._since

    @property
    def all_over(self) -> bool:
        """Whether the time for all files is used up."""
        with self._lock:
            running = time.monotonic() - self._since if self._running else 0.0
            return self._spent + running >= self._total_seconds

    def left(self) -> float:
        """Seconds for the file in hand. Raises `TimeoutError` if there are none."""
        left = self._here.end - time.monotonic()
        if left <= 0.0:
            raise TimeoutError
        return left


class Wires(httpcore.NetworkBackend):
    """Opens connections for httpcore. Its own time limits are for a single step; the watch's are for all of a file."""

    def __init__(self, guard: Guard, watch: Watch, tls: ssl.SSLContext | None = None) -> None:
        """`tls`: what certificates are checked against; None for `trusted`."""
        self._guard = guard
        self._watch = watch
        self._tls = tls
        self._lock = threading.Lock()

    def secured(self, line: socket.socket, name: str | None) -> ssl.SSLSocket:
        """`line` encrypted, once the other side has proved that it is `name`."""
        with self._lock:
            if self._tls is None:  # reading the certificates of a system takes a while
                self._tls = trusted()
            context = self._tls
        return context.wrap_socket(line, server_hostname=name)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: object = None,
    ) -> httpcore.NetworkStream:
        """Raises `Refused`, `NoSuchName`, `TimeoutError`, or `httpcore.ConnectError` if nobody answers."""
        failed: OSError | None = None
        for number in self._guard.numbers(host, self._watch.left()):
            try:
                line = self._guard.connect(number, port, min(_TRY_SECONDS, self._watch.left()))
                return _Wire(line, self, self._watch)
            except OSError as error:
                self._watch.left()
                failed = error
        raise httpcore.ConnectError(str(failed))


class _Wire(httpcore.NetworkStream):
    def __init__(self, line: socket.socket, wires: Wires, watch: Watch) -> None:
        self._line = line
        self._wires = wires
        self._watch = watch

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._line.settimeout(self._watch.left())
        try:
            return self._line.recv(max_bytes)
        except TimeoutError:
            raise
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._line.settimeout(self._watch.left())
        try:
            self._line.sendall(buffer)
        except TimeoutError:
            raise
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._line.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The context given is httpcore's and unused: it would have to be there before anyone knows of https."""
        try:
            self._line.settimeout(self._watch.left())
            return _Wire(self._wires.secured(self._line, server_hostname), self._wires, self._watch)
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise BadCertificate(error.verify_message) from error
        except TimeoutError:
            self.close()
            raise
        except (OSError, ValueError) as error:
            self.close()
            raise httpcore.ConnectError(str(error)) from error

    def get_extra_info(self, info: str) -> Any:
        return self._readable() if info == "is_readable" else None

    def _readable(self) -> bool:
        """Whether an idle connection has something to say, which means that it was closed."""
        try:
            if hasattr(select, "poll"):
                waiting = select.poll()
                waiting.register(self._line.fileno(), select.POLLIN)
                return bool(waiting.poll(0))
            return bool(select.select([self._line], [], [], 0)[0])
        except (OSError, ValueError):
            return True


def trusted() -> ssl.SSLContext:
    """What certificates are checked against: the system's store, and certifi's where a system has none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
