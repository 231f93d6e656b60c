"""What a page looks like in a browser that is installed on this machine: only when asked for, never downloaded.

The browser never reaches the network. All it asks for goes to a small proxy in this process, which answers from the
`Site` alone: guarded, limited, each file read once. The proxy needs no certificate, as nothing asks for encryption on
the way: `https://example.org/` in pages and style sheets becomes `http://example.org.https.invalid/`. It is a name of
its own because browsers insist on encryption for some hosts; and as no name under `.invalid` exists (RFC 6761), a
browser that is made to go round the proxy finds nothing. Scripts, frames and plug-ins are off.

The proxy listens on the loopback interface, at a port the system picks, while the picture is taken. Any program of this
machine may ask it, as browsers cannot be given a password for a proxy; it gets public files within the site's limits,
which it can get without us. Web pages in other browsers get nothing: they cannot send whole addresses, and only those
are answered.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

from studio.brand.source.content import ending_type
from studio.brand.source.site import Kind, Site
from studio.errors import BadInput
from studio.pixels import Rgba, decode_picture, read_bytes

CHOICE = "LOCKUP_BROWSER"
"""Environment variable that names the browser to use: a path, or a name on PATH."""

_NAMES = (
    *("google-chrome-stable", "google-chrome", "chromium", "chromium-browser", "chrome", "microsoft-edge-stable"),
    *("microsoft-edge", "msedge", "brave-browser", "brave"),
)
_WINDOWS_ROOTS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
_WINDOWS = (
    *(r"Google\Chrome\Application\chrome.exe", r"Chromium\Application\chrome.exe"),
    *(r"Microsoft\Edge\Application\msedge.exe", r"BraveSoftware\Brave-Browser\Application\brave.exe"),
)
_MAC = ("Google Chrome", "Chromium", "Microsoft Edge", "Brave Browser")
_FLAGS = (
    *(
        "--headless=new",
        "--hide-scrollbars",
        "--mute-audio",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--force-device-scale-factor=1",
    ),
    *("--force-color-profile=srgb", "--disable-lcd-text", "--force-prefers-reduced-motion"),
    # 1 is light: a dark desktop must not turn the page dark. (`scriptEnabled=false` here would also stop the script of
    # the browser's own that takes the picture; the policy below turns scripts off.)
    "--blink-settings=preferredColorScheme=1",
    *("--no-first-run", "--no-default-browser-check", "--disable-sync", "--disable-background-networking"),
    *("--disable-component-update", "--disable-default-apps", "--disable-extensions", "--no-pings", "--disable-quic"),
    *("--metrics-recording-only", "--disable-breakpad", "--disable-client-side-phishing-detection"),
    *("--disable-domain-reliability", "--use-mock-keychain", "--password-store=basic"),
    "--disable-features=HttpsUpgrades,HttpsFirstBalancedMode,OptimizationHints,MediaRouter,DialMediaRouteProvider,"
    "NetworkTimeServiceQuerying,Translate,AutofillServerCommunication,CertificateTransparencyComponentUpdater,InterestFeedContentSuggestions",
    # A proxy for this machine's own names too, and no name service at all.
    *("--proxy-bypass-list=<-loopback>", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
)
# Two locks: no script may be loaded, and the page is in a box in which none would run, nor lead on to another page.
_POLICY = "sandbox; " + "; ".join(
    f"{part}-src 'none'" for part in ("script", "frame", "object", "connect", "media", "worker", "manifest")
)
_ALIAS = ".https.invalid"
_HTTPS = re.compile(rb"(?i)https://([^\s/\"'<>()\\?#:@\[\]]{1,240})")
# A page's own policy may ask for encryption, and checksums no longer hold once addresses are changed.
_BINDING = re.compile(rb"(?i)(?<=[\s\"'=])(content-security-policy(?=[\s\"'>])|integrity(?=\s{0,9}=))")
_CID = re.compile(rb"(?i)\bcid:[^\s\"'<>()]{1,300}")
_ENDED = "Run it again, choose another browser with LOCKUP_BROWSER, or go on without this look"


def find_browser() -> Path | None:
    """A Chromium, Chrome, Edge or Brave on this machine; the one `LOCKUP_BROWSER` names, or none, if that is set."""
    if choice := os.environ.get(CHOICE, "").strip():
        found = shutil.which(choice)
        return Path(found) if found else None
    for name in _NAMES:
        if found := shutil.which(name):
            return Path(found)
    return next((path for path in _usual_places() if path.is_file()), None)


def _usual_places() -> Iterator[Path]:
    if sys.platform == "win32":
        roots = [Path(root) for name in _WINDOWS_ROOTS if (root := os.environ.get(name))]
        yield from (root / place for place in _WINDOWS for root in roots)
    elif sys.platform == "darwin":
        for top in (Path("/Applications"), Path.home() / "Applications"):
            yield from (top / f"{name}.app" / "Contents" / "MacOS" / name for name in _MAC)


def boxed() -> bool:
    """Whether the browser runs in its sandbox. Chromium has none for root on Linux and will not start with it, so there
    it is started without: worth a word to whoever is root and looks at a site they do not trust."""
    return not sys.platform.startswith("linux") or os.geteuid() != 0


def screenshot(site: Site, width_px: int = 1440, height_px: int = 1800, seconds: float = 20.0) -> Rgba:
    """The top of the site's first page as H×W×4 uint8, without scripts, in a light colour scheme.

    Reads from `site` what the page shows and was not read yet. Raises `BadInput` if there is no browser, or if it gives
    no picture within `seconds`; it is ended then, with all its processes."""
    browser = find_browser()
    if browser is None:
        choice = os.environ.get(CHOICE, "").strip()
        said = f"{choice}, which {CHOICE} names, is not there" if choice else "There is no browser to look with"
        raise BadInput(
            said, f"Install Chromium, Chrome, Edge or Brave, or set {CHOICE} to one, or go without this look"
        )
    if site.read(site.start, "page") is None:
        raise BadInput(f"{site.label(site.start)} cannot be read", "Save the page from your browser and drop it here")
    room = _room(browser)
    with tempfile.TemporaryDirectory(prefix="look-", dir=room, ignore_cleanup_errors=True) as folder:
        shot = Path(folder) / "shot.png"
        with _answering(site) as proxy:
            line = [
                *(str(browser), *_FLAGS, *(() if boxed() else ("--no-sandbox",))),
                *(f"--user-data-dir={Path(folder) / 'profile'}", f"--screenshot={shot}"),
                *(f"--window-size={width_px},{height_px}", f"--timeout={int(600 * seconds)}"),
                *(f"--proxy-server=127.0.0.1:{proxy.server_address[1]}", _alias(site.start.encode()).decode()),
            ]
            in_time = _run(line, seconds)
            if not proxy.page_taken or not shot.is_file():
                slow = f"within {seconds:g} seconds" if not in_time else "of the page"
                raise BadInput(f"{browser.name} gave no picture {slow}", _ENDED)
        return decode_picture(read_bytes(shot, 100_000_000), "the screenshot", max_px=2 * width_px * height_px)


def _room(browser: Path) -> Path | None:
    """Where the browser can write: the system's temporary folder, but a snap sees only its own."""
    own = Path.home() / "snap" / "chromium" / "common"
    return own if browser.name.startswith("chromium") and Path("/snap/bin/chromium").exists() and own.is_dir() else None


def _run(line: list[str], seconds: float) -> bool:
    """Whether it ended by itself in time. None of its processes is left in any case."""
    quiet = subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            line, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=sys.platform != "win32"
        )
    except OSError as error:
        raise BadInput(f"{Path(line[0]).name} does not start: {error.strerror or error}", _ENDED) from error
    try:
        process.wait(seconds)
        return True
    except subprocess.TimeoutExpired:
        return False
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):  # all gone; macOS says it the second way
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        quiet = subprocess.DEVNULL
        subprocess.run(["taskkill", "/PID", str(process.pid), "/T", "/F"], stdout=quiet, stderr=quiet, check=False)
    process.wait()


# ------------------------------------------------------------------------------------------------ the proxy


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, site: Site) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.site = site
        self.page_taken = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is no news."""


class _Answer(BaseHTTPRequestHandler):
    """GET and HEAD of whole addresses; all else, CONNECT included, is answered with 501."""

    timeout = 10

    def do_GET(self) -> None:
        proxy = self.server
        assert isinstance(proxy, _Proxy)
        url, kind = _unaliased(self.path), self._kind()
        found = proxy.site.read(url, kind) if kind and url.startswith(("http://", "https://")) else None
        if found is None:
            self.send_error(404)
            return
        if kind == "style" and found.url != url:  # what it names is relative to where it was in the end
            self.send_response(302)
            self.send_header("Location", _alias(found.url.encode()).decode())
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = _changed(found.data, proxy.site, found.url) if kind in ("page", "style") else found.data
        self.send_response(200)
        charset = f"; charset={found.charset}" if found.charset else ""
        self.send_header("Content-Type", found.media_type + charset)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("Access-Control-Allow-Origin", "*")  # for fonts of other hosts
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        proxy.page_taken |= kind == "page"

    do_HEAD = do_GET  # noqa: N815

    def _kind(self) -> Kind | None:
        """By what the browser accepts, else by the name. Sec-Fetch-Dest is sent over encrypted ways only."""
        accepted = self.headers.get("Accept", "")
        signs: tuple[tuple[str, Kind], ...] = (("text/html", "page"), ("text/css", "style"), ("image/", "picture"))
        for sign, kind in signs:
            if accepted.startswith(sign):
                return kind
        named = ending_type(urlsplit(self.path).path)
        if named.startswith("image/"):
            return "picture"
        # Scripts are off, so only a font is asked for in the name of a page.
        return "font" if named.startswith("font/") or self.headers.get("Origin") else None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing to tell."""


@contextmanager
def _answering(site: Site) -> Iterator[_Proxy]:
    with _Proxy(site) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


def _alias(text: bytes) -> bytes:
    return _HTTPS.sub(rb"http://\1" + _ALIAS.encode(), text)


def _unaliased(url: str) -> str:
    host = urlsplit(url).netloc
    name, alias, port = host.partition(_ALIAS)
    return f"https://{name}{port}{url[len('http://') + len(host) :]}" if alias and url[:7] == "http://" else url


def _changed(data: bytes, site: Site, url: str) -> bytes:
    """A page or style sheet for the browser: no encryption asked for, parts of web archives (`cid:`) by address."""

    def part(match: re.Match[bytes]) -> bytes:
        return (site.resolve(match[0].decode("ascii", "replace"), url) or "").encode() or match[0]

    return _alias(_CID.sub(part, _BINDING.sub(rb"x-\1", data)))
