"""Which addresses of the web may be read: public ones, in plain spelling, and where their names really lead.

A page from outside must not make this machine ask others in its own network (server-side request forgery). So an
address is taken apart once, here; every answer of the name service is checked; and the connection goes to the very
number that was checked, so a name that changes its answer in between changes nothing."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

import idna

from studio.brand.source.address import tidy

Number = IPv4Address | IPv6Address

PORTS = (80, 443, 8080, 8443)
_LONGEST = 8000
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
# Names of one's own machine or network; of RFC 6761, 6762, 7686, 8375, 9476 and long habit.
_OWN_NAMES = (
    *("localhost", "localdomain", "local", "internal", "lan", "home", "corp", "intranet", "private", "home.arpa"),
    *("onion", "invalid", "test", "alt", "arpa"),
)
# https://www.iana.org/assignments/iana-ipv4-special-registry/, with multicast and the reserved rest. Written out: what
# `ipaddress` calls global differs between versions of Python.
_CLOSED_V4 = tuple(
    IPv4Network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
        *("192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
)
# Of IPv6 only 2000::/3 is given out to the public (iana-ipv6-special-registry names what of it is not): Teredo and
# other protocol blocks, documentation, 6to4.
_OPEN_V6 = IPv6Network("2000::/3")
_CLOSED_V6 = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
_NAT64 = IPv6Network("64:ff9b::/96")
# Ports at which no website lives though they are high: the "bad ports" of https://fetch.spec.whatwg.org/#bad-port.
_BAD_PORTS = frozenset(
    (1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080)
)


class Refused(Exception):
    """Why an address is not read, to be put behind it."""


class NoSuchName(Exception):
    """The name service knows no such name, or does not answer."""


@dataclass(frozen=True)
class Target:
    """An address taken apart. `host` is ASCII in lower case, an IPv6 number without brackets; `path` has the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host, and port if it is not the scheme's own: what the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        return f"{self.origin}{self.path}"


def is_public(number: Number) -> bool:
    """Whether a number is one of the public internet, and no disguise of another."""
    if isinstance(number, IPv4Address):
        return number.is_global and not number.is_multicast and not any(number in net for net in _CLOSED_V4)
    if number in _NAT64:  # what networks without IPv4 answer for a server that has only that
        return is_public(IPv4Address(int(number) & 0xFFFF_FFFF))
    if number not in _OPEN_V6 or any(number in net for net in _CLOSED_V6) or not number.is_global:
        return False
    within = int(number) >> 32 & 0xFFFF_FFFF
    return within not in (0x5EFE, 0x0200_5EFE) or is_public(IPv4Address(int(number) & 0xFFFF_FFFF))  # ISATAP, RFC 5214


def look_up(name: str) -> tuple[str, ...]:
    """All numbers the system's name service gives. Raises `OSError` for none, as `socket.getaddrinfo` does."""
    answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(answer[4][0]) for answer in answers))


def dial(number: Number, port: int, seconds: float) -> socket.socket:
    """An open connection to exactly that number. Raises `OSError`; `Refused` if something else has answered."""
    line = socket.create_connection((str(number), port), seconds)
    try:
        peer = line.getpeername()[0]
        if ip_address(peer.partition("%")[0]) != number:
            raise Refused("is answered by another machine than asked for")
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        line.close()
        raise
    return line


class Guard:
    """Decides what may be asked, and does the asking of names. One for each reading of a site: it asks each name once.

    The three parts are replaced by tests only: a name service, what counts as public, and how a connection is made."""

    def __init__(
        self,
        resolve: Callable[[str], tuple[str, ...]] = look_up,
        permitted: Callable[[Number], bool] = is_public,
        connect: Callable[[Number, int, float], socket.socket] = dial,
    ) -> None:
        self._resolve = resolve
        self._permitted = permitted
        self.connect = connect
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Number, ...]] = {}

    def target(self, url: str, typed: Target | None = None) -> Target:
        """The address taken apart, if it may be asked as far as its spelling goes. Raises `Refused`.

        Ports are 80, 443, 8080 and 8443; on the host that a person `typed`, the port typed with it too, unless that is
        one below 1024 or of another service."""
        if len(url) > _LONGEST:
            raise Refused("is too long")
        if any(ord(char) <= 32 or ord(char) == 127 for char in url) or "\\" in url:
            raise Refused("holds characters that no web address has")
        try:
            spelled = tidy(url)
            parts = urlsplit(spelled or "")
            port = parts.port
            host = parts.hostname
        except ValueError as error:
            raise Refused("is not a web address") from error
        if spelled is None or not host:
            raise Refused("is not a web address (http or https)")
        if "@" in parts.netloc:
            raise Refused("holds a user name or password")
        name = self._host(host, parts.netloc)
        port = port if port is not None else (443 if parts.scheme == "https" else 80)
        if port not in PORTS and not (typed and (typed.host, typed.port) == (name, port) and usable_port(port)):
            raise Refused(f"uses port {port}, where websites do not live")
        return Target(parts.scheme, name, port, parts.path + (f"?{parts.query}" if parts.query else ""))

    def numbers(self, host: str, seconds: float) -> tuple[Number, ...]:
        """What `host` stands for, asked once and all checked. Raises `Refused` if any of it is not public,
        `NoSuchName` if there is nothing, `TimeoutError`."""
        with self._lock:
            if host in self._known:
                return self._known[host]
        try:
            found: tuple[Number, ...] = (ip_address(host),)
        except ValueError:
            found = self._asked(host, seconds)
        if not found:
            raise NoSuchName(host)
        if not all(self._permitted(number) for number in found):
            raise Refused("leads into a private network, not to a public website")
        with self._lock:
            return self._known.setdefault(host, found)

    def _asked(self, host: str, seconds: float) -> tuple[Number, ...]:
        answers: list[tuple[str, ...]] = []
        failed: list[Exception] = []

        def ask() -> None:
            try:
                answers.append(self._resolve(host))
            except (OSError, UnicodeError) as error:
                failed.append(error)

        # The system's look-up cannot be told when to give up; left behind, it ends by itself.
        asking = threading.Thread(target=ask, name=f"look up {host}", daemon=True)
        asking.start()
        asking.join(max(0.0, seconds))
        if failed:
            raise NoSuchName(host) from failed[0]
        if not answers:
            raise TimeoutError
        try:
            return tuple(ip_address(answer) for answer in answers[0])
        except ValueError as error:
            raise Refused("has a name that leads to no plain number") from error

    def _host(self, host: str, netloc: str) -> str:
        """The host as it may be asked for. Raises `Refused` for every spelling that means a number in disguise."""
        if "[" in netloc:
            return self._six(host)
        if len(host) > 253:
            raise Refused("has a host name that no public website has")
        if "%" in host:
            raise Refused("has a host in disguise (percent signs)")
        if not host.isascii():
            try:
                host = idna.encode(host, uts46=True).decode("ascii").lower()
            except (idna.IDNAError, UnicodeError) as error:
                raise Refused("has a host name that does not exist") from error
        if host.endswith("."):
            raise Refused("has a host name with a dot at its end")
        labels = host.split(".")
        if _NUMERIC.fullmatch(labels[-1]):
            try:
                return self._number(str(IPv4Address(host)))
            except ValueError as error:
                raise Refused("has a host in disguise (an odd number)") from error
        if any(host == own or host.endswith(f".{own}") for own in _OWN_NAMES):
            raise Refused("is on this machine or in a private network, not on the web")
        if len(labels) < 2 or len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
            raise Refused("has a host name that no public website has")
        return host

    def _six(self, host: str) -> str:
        try:
            number = IPv6Address(host)
        except ValueError as error:
            raise Refused("has a host that is not a number, in brackets") from error
        if number.scope_id is not None:
            raise Refused("names a network card of this machine")
        return self._number(str(number))

    def _number(self, text: str) -> str:
        if not self._permitted(ip_address(text)):
            raise Refused("is a number of a private network, not of the web")
        return text


def usable_port(port: int) -> bool:
    """Whether a person may mean a website by that port."""
    return port in PORTS or (port >= 1024 and port not in _BAD_PORTS)
