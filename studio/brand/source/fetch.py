"""A website read over the network: through the guard, within limits, a file at most once."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from urllib.parse import urlsplit

import httpcore

from studio import __version__
from studio.brand.source.address import resolved
from studio.brand.source.answers import SAVE_IT, NotFetched, Reply, Spent, candidates, unwelcome
from studio.brand.source.content import CALLED, charset_of, declared_type, judged
from studio.brand.source.guard import Guard, NoSuchName, Refused, Target
from studio.brand.source.intake import Intake, Limits, megabytes, printable, short_inline
from studio.brand.source.site import Kind, Resource
from studio.brand.source.unpack import ENCODINGS, Damaged, absurd, unpacker
from studio.brand.source.wire import BadCertificate, Watch, Wires
from studio.errors import BadInput

_AGENT = f"Lockup/{__version__} (brand reader; local design studio)"
_ACCEPT: dict[Kind, str] = {
    "page": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1",
    "style": "text/css,*/*;q=0.1",
    "picture": "image/svg+xml,image/png,image/webp,image/jpeg,image/*;q=0.8",
    "font": "font/woff2,font/woff,font/*;q=0.8,*/*;q=0.1",
    "data": "application/json,application/manifest+json,*/*;q=0.5",
}
_REDIRECTS = (301, 302, 303, 307, 308)
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")
_SLOW = "did not answer in time"


class WebSite:
    """The `Site` at an address of the web.

    `open` reads the first page and must come before anything else. `reply` then says how the site answered. Nothing
    of the machine goes along: no cookies of browsers, no proxies or passwords of the environment, no referrer. Cookies
    that the site sets go back to the very origin that set them, and are forgotten with this object."""

    def __init__(
        self,
        address: str,
        limits: Limits | None = None,
        language: str = "",
        guard: Guard | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`address` as typed; `language`, a BCP 47 tag, is asked for first. `guard` and `tls` stand in for the network
        in tests. Raises `BadInput` for what is no address of a public website; asks nothing yet."""
        self._intake = Intake(limits or Limits())
        self._guard = guard or Guard()
        self._tls = tls
        self._language = f"{language}, en;q=0.5" if _LANGUAGE.fullmatch(language) else "en"
        self._watch = Watch(self._intake.limits.file_seconds, self._intake.limits.total_seconds)
        self._lock = threading.Lock()
        self._requests = 0
        self._cookies: dict[str, dict[str, str]] = {}
        self._typed: Target | None = None
        self._tries = tuple(self._checked(url).url for url in candidates(address))
        self.start = self._tries[0]
        self.reply: Reply | None = None

    def _checked(self, url: str) -> Target:
        try:
            self._typed = _typed_target(self._guard, url)
        except Refused as error:
            raise BadInput(f"{self.label(url)} {error}", f"Only public websites are read. {SAVE_IT}") from error
        return self._typed

    @property
    def notes(self) -> tuple[str, ...]:
        return self._intake.notes

    def open(self) -> Resource:
        """Read the first page; `start` is then its address after redirects. Raises `BadInput` with what to do."""
        if self.reply is not None and (known := self._intake.recall(self.start, "page")):
            return known
        for place, url in enumerate(self._tries):
            try:
                page = self._fetch(url, "page", first=True)
            except NotFetched as error:
                if error.unanswered and place + 1 < len(self._tries):
                    continue
                raise BadInput(f"{self.label(url)} {error}", error.remedy or SAVE_IT) from error
            self.start = page.url
            self._intake.keep(url, "page", page)
            return page
        raise AssertionError("the last try returns or raises")

    def resolve(self, reference: str, base: str) -> str | None:
        return resolved(reference, base)

    def read(self, url: str, kind: Kind) -> Resource | None:
        if url[:5].lower() == "data:":
            return self._intake.read_inline(url, kind)
        if self._intake.known(url, kind):
            return self._intake.recall(url, kind)
        try:
            return self._intake.keep(url, kind, self._intake.recast(url, kind) or self._fetch(url, kind))
        except NotFetched as error:
            said = "" if isinstance(error, Spent) else f"{CALLED[kind]} {self.label(url)} "
            self._intake.note(f"{said}{error}")
            return self._intake.keep(url, kind, None)

    def read_all(self, urls: tuple[tuple[str, Kind], ...]) -> None:
        wanted = [(url, kind) for url, kind in dict.fromkeys(urls) if not self._intake.known(url, kind)]
        if wanted:
            with ThreadPoolExecutor(min(len(wanted), self._intake.limits.at_once), "read site") as readers:
                list(readers.map(lambda one: self.read(*one), wanted))

    def label(self, url: str) -> str:
        if url[:5].lower() == "data:":
            return short_inline(url)
        return printable(url[:200])

    def listed(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        """Give the connections back; what was read stays."""
        if "_pool" in self.__dict__:
            self._pool.close()

    @cached_property
    def _pool(self) -> httpcore.ConnectionPool:
        return httpcore.ConnectionPool(
            # Trusts nobody; the wires have the real one.
            ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            max_connections=self._intake.limits.at_once,
            keepalive_expiry=10.0,
            network_backend=Wires(self._guard, self._watch, self._tls),
        )

    def _fetch(self, url: str, kind: Kind, first: bool = False) -> Resource:
        """Raises `NotFetched`, and nothing else."""
        limits = self._intake.limits
        with self._lock:
            self._requests += 1
            if self._requests > limits.files:
                raise Spent(f"Only {limits.files} files of the site were asked for; the rest was left out")
        if not self._intake.left:
            raise self._full()
        if self._watch.all_over:
            raise Spent(f"The site was read for {limits.total_seconds:g} seconds; the rest was left out")
        with self._watch.one_file(), _in_words():
            return self._follow(url, kind, first)

    def _follow(self, url: str, kind: Kind, first: bool) -> Resource:
        at = self._guard.target(url, self._typed)
        for _ in range(self._intake.limits.redirects + 1):
            with self._ask(at, kind) as response:
                headers = _headers(response)
                self._remember(at, response)
                if response.status not in _REDIRECTS:
                    if first:
                        self.reply = Reply(at.url, response.status, headers)
                    if response.status not in (200, 203):
                        raise unwelcome(response.status)
                    return self._taken(at, kind, headers, response)
            at = self._next(at, headers)
        raise NotFetched(f"leads on more than {self._intake.limits.redirects} times")

    def _next(self, at: Target, headers: dict[str, str]) -> Target:
        onward = resolved(headers.get("location", ""), at.url)
        if onward is None or onward[:5].lower() == "data:":
            raise NotFetched("leads on to something that is no web address")
        try:
            target = self._guard.target(onward, self._typed)
        except Refused as error:
            raise NotFetched(f"leads on to an address that {error}") from error
        if at.scheme == "https" and target.scheme == "http":
            self._intake.note(f"{self.label(at.url)} leads on to an address without encryption: {target.origin}")
        return target

    @contextmanager
    def _ask(self, at: Target, kind: Kind) -> Iterator[httpcore.Response]:
        with self._lock:
            cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.get(at.origin, {}).items())
        headers = [
            ("Host", at.authority),
            ("User-Agent", _AGENT),
            ("Accept", _ACCEPT[kind]),
            ("Accept-Language", self._language),
            ("Accept-Encoding", ENCODINGS),
            *([("Cookie", cookies)] if cookies else []),
        ]
        # In parts, so that nobody takes the address apart a second time and in another way than the guard.
        url = httpcore.URL(scheme=at.scheme, host=at.host, port=at.port, target=at.path)
        waiting = {"timeout": {"pool": self._watch.left()}}
        with self._pool.stream("GET", url, headers=headers, extensions=waiting) as response:
            yield response

    def _remember(self, at: Target, response: httpcore.Response) -> None:
        """Keep the cookies for this origin, whatever domain they claim. Some sites lead in circles without."""
        for name, value in response.headers:
            pair = value.partition(b";")[0].strip()
            if name.lower() == b"set-cookie" and re.fullmatch(rb"[!-:<>-~]{1,200}=[!-:<-~]{0,2000}", pair):
                key, _, text = pair.decode("ascii").partition("=")
                with self._lock:
                    kept = self._cookies.setdefault(at.origin, {})
                    if key in kept or len(kept) < 20:
                        kept[key] = text

    def _taken(self, at: Target, kind: Kind, headers: dict[str, str], response: httpcore.Response) -> Resource:
        declared, charset = declared_type(headers.get("content-type", ""))
        data = self._body(kind, headers, response)
        verdict = judged(data, kind, declared, at.path.partition("?")[0])
        if verdict.refusal:
            raise NotFetched(verdict.refusal, "Check the address, or begin with the home page")
        if verdict.remark:
            self._intake.note(f"{CALLED[kind]} {self.label(at.url)} {verdict.remark}")
        return Resource(at.url, data, verdict.media_type, charset_of(data, charset))

    def _body(self, kind: Kind, headers: dict[str, str], response: httpcore.Response) -> bytes:
        most = self._intake.most(kind)
        too_large = NotFetched(f"is larger than {megabytes(most)}")
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length[:18]) > most:
            raise too_large
        unpacked = unpacker(headers.get("content-encoding", ""))
        data = bytearray()
        packed = 0
        for chunk in response.iter_stream():
            packed += len(chunk)
            for piece in unpacked.feed(chunk):
                self._watch.left()
                data += piece
                if absurd(packed, len(data)):
                    raise NotFetched("unpacks to far more than any real file")
                if len(data) > most:
                    raise too_large
                if not self._intake.take(len(piece)):
                    raise self._full()
        unpacked.end()
        return bytes(data)

    def _full(self) -> Spent:
        return Spent(f"Only {megabytes(self._intake.limits.total_bytes)} of the site were read; the rest was left out")


def open_web(address: str, limits: Limits | None = None, language: str = "", guard: Guard | None = None) -> WebSite:
    """The website at an address as a person typed it, its first page read. Raises `BadInput` with what to do."""
    site = WebSite(address, limits, language, guard)
    site.open()
    return site


def _typed_target(guard: Guard, url: str) -> Target:
    """The address a person typed. Its port counts as meant, so the guard is asked with the port it names."""
    try:
        parts = urlsplit(url)
        meant = Target(parts.scheme, (parts.hostname or "").lower(), parts.port or 0, "")
    except ValueError as error:
        raise Refused("is not a web address") from error
    return guard.target(url, meant)


def _headers(response: httpcore.Response) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in response.headers:
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            text = value.decode("latin-1")
        found.setdefault(name.decode("latin-1").lower(), text)
    return found


@contextmanager
def _in_words() -> Iterator[None]:
    """Every way a request can fail, as `NotFetched`."""
    try:
        yield
    except NotFetched:
        raise
    except Refused as error:
        raise NotFetched(str(error), f"Only public websites are read. {SAVE_IT}") from error
    except NoSuchName as error:
        remedy = "Check the spelling and your connection to the internet"
        raise NotFetched("is not known on the internet", remedy) from error
    except (TimeoutError, httpcore.TimeoutException) as error:
        raise NotFetched(_SLOW, f"Try again later. {SAVE_IT}", unanswered=True) from error
    except BadCertificate as error:
        raise NotFetched(f"cannot prove that it is genuine (certificate: {error})", SAVE_IT) from error
    except httpcore.ConnectError as error:
        raise NotFetched("does not answer", "Check the address, or try again later", unanswered=True) from error
    except Damaged as error:
        raise NotFetched(str(error), SAVE_IT) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as error:
        raise NotFetched("broke off or answers in a way that no website does", SAVE_IT) from error
