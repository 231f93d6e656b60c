"""The studio in a process of its own, as a designer starts it, for tests that talk to it over the wire."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty, Queue
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OPEN_S = 120.0

_OPEN = """
import os, sys
log = os.environ.get("LOCKUP_TEST_CALLS")
if log:
    def heard(event, arguments):
        if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
            asked = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[0]
            host = asked[0] if isinstance(asked, tuple) else asked
            if isinstance(asked, (str, bytes)) and event == "socket.connect":
                return  # a socket in the file system
            name = host.decode() if isinstance(host, bytes) else str(host)
            if name not in ("127.0.0.1", "::1", "localhost", "None", "0.0.0.0", ""):
                with open(log, "a") as out:
                    out.write(f"{event} {name}\\n")
    sys.addaudithook(heard)
import app
from studio.errors import LockupError
from studio.ui.page import launch
try:
    launch(app._studio(), browser=False, **eval(sys.argv[1]))
except LockupError as error:
    print(f"refused: {error} {error.hint}", flush=True)
"""


class PageProcess:
    """A page on a free port. `options` go to `launch`; `said` is what it printed up to its address."""

    def __init__(self, home: Path, environ: dict[str, str] | None = None, **options: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _OPEN, repr({"port": 0, **options})],
            cwd=ROOT,
            env={**os.environ, "STUDIO_HOME": str(home), "PYTHONUNBUFFERED": "1", **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.home = home
        self.said = ""
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()
        while not re.search(r"Lockup is open at http://\S+", self.said):
            try:
                self.said += self._lines.get(timeout=OPEN_S)
            except Empty:
                self.end()
                raise AssertionError(f"the page did not open: {self.said}") from None
            if "refused: " in self.said:
                self.end()
                raise AssertionError(self.said)
        self.url = re.findall(r"http://\S+", self.said)[0]
        self.port = int(self.url.rpartition(":")[2])
        self.host = f"127.0.0.1:{self.port}"

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def rest(self, seconds: float = 0.5) -> str:
        """What else it printed by now."""
        try:
            while True:
                self.said += self._lines.get(timeout=seconds)
        except Empty:
            return self.said

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes, dict[str, str]]:  # fmt: skip
        """One request with exactly this path and these headers: status, body, headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": self.host, **(headers or {})}.items():
                connection.putheader(name, value)
            if body is not None and not {"content-length", "transfer-encoding"} & {n.lower() for n in headers or {}}:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            kept = {name.lower(): value for name, value in answer.getheaders()}
            if "text/event-stream" in kept.get("content-type", ""):
                return answer.status, answer.read1(4096), kept
            return answer.status, answer.read(), kept
        finally:
            connection.close()

    def post(self, path: str, value: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """JSON sent: status, and the answer as JSON or bytes."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        status, body, _ = self.ask(path, "POST", json.dumps(value).encode(), sent)
        try:
            return status, json.loads(body)
        except ValueError:
            return status, body

    def upload(
        self, name: str, data: bytes, kind: str = "image/png", headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """A file sent as the page sends it: status, and where the server put it."""
        edge = "lockup-test-edge"
        head = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
        body = head.encode() + data + f"\r\n--{edge}--\r\n".encode()
        status, answer, _ = self.ask(
            "/gradio_api/upload",
            "POST",
            body,
            {"Content-Type": f"multipart/form-data; boundary={edge}", **(headers or {})},
        )
        try:
            return status, json.loads(answer)
        except ValueError:
            return status, answer

    def call(self, name: str, arguments: dict[str, Any]) -> tuple[bool, Any]:
        """An endpoint called as curl would: whether it succeeded, and its answer or what was wrong."""
        status, begun = self.post(f"/gradio_api/call/v2/{name}", arguments)
        if status != 200:
            return False, begun
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request("GET", f"/gradio_api/call/v2/{name}/{begun['event_id']}")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        event = re.findall(r"event: (\w+)\ndata: (.*)", text)[-1]
        return event[0] == "complete", json.loads(event[1])

    def end(self) -> None:
        """Close it, kindly at first."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def sent(path: str) -> dict[str, Any]:
    """A file of the server's as callers name it."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}}
