"""Hostile addresses and hostile websites: nothing of a private network is asked, nothing lasts or grows for ever."""

from __future__ import annotations

import gzip
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.brand.source.fetch import WebSite
from studio.brand.source.guard import Guard, Number, Refused, dial, is_public, look_up
from studio.brand.source.intake import Limits
from studio.errors import BadInput
from tests.standin import PUBLIC, Web, answer, drip, redirect, stand_in

PAGE = answer(b"<!doctype html><title>Example</title>")
QUICK = Limits(file_seconds=0.4, total_seconds=3.0)


@pytest.fixture(scope="module")
def server() -> Iterator[Web]:
    with stand_in() as web:
        yield web


@pytest.fixture
def web(server: Web) -> Web:
    server.__init__(server._port)
    server.answers["/"] = PAGE
    return server


def everyone(number: Number) -> bool:
    return True


# Each names this machine, another of its network, or nothing that is a website.
HOSTILE = [
    "http://127.0.0.1/", "http://127.0.0.1:8080/", "http://127.1/", "http://127.0.1/", "http://2130706433/",
    "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0177.0.0.1/", "http://017700000001/", "http://0/",
    "http://0.0.0.0/", "http://127.000.000.001/", "http://255.255.255.255/", "http://10.0.0.1/", "http://172.16.0.1/",
    "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/", "http://224.0.0.1/",
    "http://192.0.2.1/", "http://198.18.0.1/", "http://240.0.0.1/", "http://192.88.99.1/",
    "http://[::1]/", "http://[::]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/", "http://[::ffff:0:127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/", "http://[2002:7f00:1::1]/", "http://[2001:0:7f00:1::]/", "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[fc00::1]/", "http://[fd12:3456::1]/", "http://[ff02::1]/",
    "http://[fec0::1]/", "http://[2001:db8::1]/", "http://[2606:4700::5efe:7f00:1]/", "http://[v1.127]/",
    "http://localhost/", "http://LOCALHOST/", "http://a.localhost/", "http://localhost./", "http://printer.local/",
    "http://db.internal/", "http://router.lan/", "http://intranet/", "http://example.org./", "http://127.0.0.1./",
    "http://%31%32%37.0.0.1/", "http://127.0.0.1%2f.example.org/", "http://１２７.0.0.1/", "http://127。0。0。1/", "http://①②⑦.0.0.1/",
    "http://ⓛocalhost/", "http://good@127.0.0.1/", "http://good:pass@example.org/", "http://127.0.0.1#@example.org/",
    "http://127.0.0.1?@example.org/", "http://example.org\\@127.0.0.1/", "http://127.0.0.1\\@example.org/",
    "http://example.org/\r\nX-Evil: 1", "http://exam\nple.org/", "http://example.org\t@127.0.0.1/", "http://example.org:22/",
    "http://example.org:6667/", "http://example.org:99999/", "http://example.org:-1/", "http://[::1/", "http:///", "http:127.0.0.1",
    "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/", "data:text/html,<p>hello", "javascript:alert(1)",
    "mailto:a@example.org", "localhost", "localhost:8080", "127.0.0.1", "127.0.0.1:8080/x", "//127.0.0.1/", "C:\\site", "",
    "http://" + "a" * 300 + ".org/", "http://" + "a." * 140 + "org/", "http://example.org/" + "a" * 9000, "http://-a.org/",
]  # fmt: skip


@pytest.mark.parametrize("address", HOSTILE, ids=lambda text: ascii(text)[:50])
def test_a_hostile_address_is_refused_before_anything_is_asked(web: Web, address: str) -> None:
    for name in ("example.org", "localhost", "intranet"):
        web.names[name] = ("127.0.0.1",) if name != "example.org" else (PUBLIC,)
    with pytest.raises(BadInput) as refused:
        WebSite(address, QUICK, guard=web.guard()).open()
    assert len(str(refused.value)) > 10 and refused.value.hint
    assert not web.hits and not web.dialled and not web.asked


@pytest.mark.parametrize("address", HOSTILE, ids=lambda text: ascii(text)[:50])
def test_a_page_cannot_make_it_ask_a_hostile_address(web: Web, address: str) -> None:
    """The same as a link in a page. Spellings that a browser reads as the public host lead there and nowhere else."""
    site = WebSite("http://example.org/", QUICK, guard=web.guard())
    site.open()
    url = site.resolve(address, site.start)
    for asked in (url, address):
        if asked is not None and not asked.startswith("data:"):
            site.read(asked, "page")
    assert set(web.dialled) <= {PUBLIC} and set(web.asked) <= {"example.org"}
    assert {host for host, _ in web.hits} <= {"example.org"}
    assert all("Evil" not in name for headers in web.requests for name in headers)


@pytest.mark.parametrize("address", HOSTILE, ids=lambda text: ascii(text)[:50])
def test_a_redirect_to_a_hostile_address_is_not_followed(web: Web, address: str) -> None:
    if "\r" in address or "\n" in address:
        pytest.skip("no header can carry it")
    web.answers["/away"] = redirect(address)
    site = WebSite("http://example.org/", QUICK, guard=web.guard())
    site.open()
    site.read("http://example.org/away", "page")
    assert set(web.dialled) <= {PUBLIC} and set(web.asked) <= {"example.org"}
    assert {host for host, _ in web.hits} <= {"example.org"}


def test_the_stand_in_would_be_reached_if_nothing_stood_between(web: Web) -> None:
    """The control: with a guard that permits all numbers, the private server is hit. So the tests above can fail."""
    web.names["inner.example.net"] = ("127.0.0.1",)
    for address in ("http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/", "http://inner.example.net/"):
        WebSite(address, QUICK, guard=web.guard(everyone)).open()
    assert [host for host, _ in web.hits] == ["127.0.0.1", "[", "169.254.169.254", "inner.example.net"]
    assert web.dialled == ["127.0.0.1", "::1", "169.254.169.254", "127.0.0.1"]


PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.31.255.255", "192.168.0.1", "169.254.169.254", "0.0.0.0", "100.127.255.255", "224.0.0.251",
    "255.255.255.255", "192.0.0.1", "198.19.255.255", "203.0.113.7", "240.0.0.1", "::1", "::", "::ffff:93.184.215.14",
    "::93.184.215.14", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::5db8:d70e", "2002:5db8:d70e::", "2001:0:5db8:d70e::",
    "fe80::1", "fc00::1", "fdff::1", "ff02::fb", "fec0::1", "2001:db8::1", "3fff::1", "5f00::1", "100::1", "fe80::1%eth0",
    "2606:4700::5efe:a00:1",
]  # fmt: skip


@pytest.mark.parametrize("number", PRIVATE)
def test_a_name_that_leads_inside_is_refused(web: Web, number: str) -> None:
    web.names["example.org"] = (number,)
    with pytest.raises(BadInput, match=r"private network|no plain number"):
        WebSite("http://example.org/", QUICK, guard=web.guard()).open()
    web.names["example.org"] = (PUBLIC, number)
    with pytest.raises(BadInput):
        WebSite("http://example.org/", QUICK, guard=web.guard()).open()
    assert not web.dialled and not web.hits


@pytest.mark.parametrize("number", [PUBLIC, "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::5db8:d70e"])
def test_a_name_that_leads_to_the_public_internet_is_asked_there(web: Web, number: str) -> None:
    web.names["example.org"] = (number,)
    assert WebSite("http://example.org/", QUICK, guard=web.guard()).open().data.startswith(b"<!doctype")
    assert web.dialled == [number] and web.hits == [("example.org", "/")]


def test_a_name_that_changes_its_answer_changes_nothing(web: Web) -> None:
    answers = iter([(PUBLIC,), ("127.0.0.1",), ("127.0.0.1",)])
    web.names["example.org"] = lambda: next(answers)
    web.answers["/a.css"] = answer(b"a { color: red }", media_type="text/css")
    site = WebSite("http://example.org/", QUICK, guard=web.guard())
    site.open()
    assert site.read("http://example.org/a.css", "style")
    site.close()
    assert web.asked == ["example.org"] and web.dialled == [PUBLIC, PUBLIC]


def test_a_name_that_first_leads_outside_then_inside_is_refused_by_the_next_reading(web: Web) -> None:
    answers = iter([(PUBLIC,), ("192.168.1.1",)])
    web.names["example.org"] = lambda: next(answers)
    WebSite("http://example.org/", QUICK, guard=web.guard()).open()
    with pytest.raises(BadInput, match="private network"):
        WebSite("http://example.org/", QUICK, guard=web.guard()).open()
    assert web.dialled == [PUBLIC]


@pytest.mark.parametrize(
    "to", ["http://inner.example.net/", "//inner.example.net/x", "https://inner.example.net:8443/"]
)
def test_a_redirect_to_a_name_that_leads_inside(web: Web, to: str) -> None:
    web.names["inner.example.net"] = ("10.0.0.5",)
    web.answers["example.org/"] = redirect(to)
    with pytest.raises(BadInput, match="private network"):
        WebSite("http://example.org/", QUICK, guard=web.guard()).open()
    assert web.dialled == [PUBLIC] and web.hits == [("example.org", "/")]


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_redirects_have_an_end(web: Web, status: str) -> None:
    web.answers["/"] = redirect("/", status)
    with pytest.raises(BadInput, match="leads on more than 5 times"):
        WebSite("http://example.org/", QUICK, guard=web.guard()).open()
    assert len(web.hits) == 6


def endless(head: str, piece: bytes) -> Callable[..., None]:
    return drip(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode(), piece, 0.0, 200_000)


def packed_zeros(megabytes: int, wbits: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    zeros = b"<p>" + bytes(0) + b" " * (1 << 20)
    return b"".join([*(packer.compress(zeros) for _ in range(megabytes)), packer.flush()])


def coded(body: bytes, encoding: str) -> bytes:
    return answer(body, "200 OK", "text/html", f"Content-Encoding: {encoding}")


BLOCK = b"<p>" + b"x" * 65533
BODIES: dict[str, tuple[object, str]] = {
    "10 GB declared": (drip(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 10000000000\r\n\r\n", b"x", 0.01), "larger than"),
    "10 GB streamed": (endless("Content-Type: text/html", BLOCK), "larger than"),
    "endless chunks": (endless("Content-Type: text/html\r\nTransfer-Encoding: chunked", b"10000\r\n" + b"x" * 65536 + b"\r\n"), "larger than"),
    "tiny chunks": (endless("Content-Type: text/html\r\nTransfer-Encoding: chunked", b"1\r\nx\r\n" * 1000), "in time|larger than"),
    "endless chunk extension": (endless("Content-Type: text/html\r\nTransfer-Encoding: chunked", b"1;a=" + b"x" * 65536), "no website does"),
    "absurd length": (answer(b"x", "200 OK", "text/html", "Content-Length: 99999999999999999999999999"), "no website does|larger"),
    "drip": (drip(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", b"x", 0.05), "in time"),
    "slow headers": (drip(b"HTTP/1.1 200 OK\r\n", b"X-Slow: 1\r\n", 0.05), "in time"),
    "silence": (drip(b"", b"", 0.05, 40), "in time"),
    "endless continue": (drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0.001), "in time"),
    "huge headers": (drip(b"HTTP/1.1 200 OK\r\n", b"X-Big: " + b"x" * 65536 + b"\r\n", 0.0, 100), "no website does"),
    "no HTTP": (b"220 mail.example.org ESMTP\r\n", "no website does"),
    "nothing": (b"", "no website does"),
    "broken off": (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100\r\n\r\n<p>", "no website does"),
    "gzip bomb": (coded(packed_zeros(60, 31), "gzip"), "far more than|larger than"),
    "deflate bomb": (coded(packed_zeros(60, 15), "deflate"), "far more than|larger than"),
    "raw deflate bomb": (coded(packed_zeros(60, -15), "deflate"), "far more than|larger than"),
    "br bomb": (coded(brotli.compress(b"<p>" + b" " * (60 << 20), quality=5), "br"), "far more than|larger than"),
    "gzip in gzip": (coded(gzip.compress(gzip.compress(b"<p>")), "gzip, gzip"), "not asked for"),
    "broken gzip": (coded(b"\x1f\x8b\x08\0not gzip at all", "gzip"), "broken|broke off"),
    "half a gzip": (coded(gzip.compress(b"<p>" + bytes(range(256)) * 40)[:100], "gzip"), "broke off"),
    "broken br": (coded(b"\xff\xff\xff\xff\xff", "br"), "broken|broke off"),
    "a packing of its own": (coded(b"<p>", "zstd"), "not asked for"),
    "a picture": (answer(b"\x89PNG\r\n\x1a\n" + bytes(40), media_type="image/png"), "not a page"),
    "a picture that says it is a page": (answer(b"\x89PNG\r\n\x1a\n" + bytes(40)), "not a page"),
    "a program": (answer(b"MZ" + bytes(100), media_type="application/octet-stream"), "not a page"),
    "JSON": (answer(b"{}", media_type="application/json"), "not a page"),
    "no more of it": (answer(b"", "204 No Content"), "code 204"),
    "a forbidden page": (answer(b"secret words", "403 Forbidden"), "403"),
    "an answer to nobody": (answer(b"secret words", "999 What"), "999|no website does"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_ends_soon_and_small(web: Web, name: str) -> None:
    web.answers["/bad"], said = BODIES[name]  # type: ignore[assignment]
    limits = Limits(file_seconds=0.3 if "in time" in said else 5.0, total_seconds=8.0)
    site = WebSite("http://example.org/bad", limits, guard=web.guard())
    tracemalloc.start()
    begun = time.monotonic()
    with pytest.raises(BadInput, match=said) as refused:
        site.open()
    assert time.monotonic() - begun < (1.0 if "in time" in said else 5.0)
    assert tracemalloc.get_traced_memory()[1] < 16_000_000
    tracemalloc.stop()
    assert "secret" not in str(refused.value) + refused.value.hint
    # The same behind a link: a note, no error.
    other = WebSite("http://example.org/", limits, guard=web.guard())
    other.open()
    assert other.read("http://example.org/bad", "page") is None
    assert len(other.notes) == 1 and "example.org/bad" in other.notes[0]


def test_a_body_that_is_packed_well_is_no_bomb(web: Web) -> None:
    text = b"<p>" + b"".join(b"<li>line %d</li>" % n for n in range(40_000))
    for encoding, body in (
        ("gzip", gzip.compress(text)),
        ("br", brotli.compress(text)),
        ("deflate", zlib.compress(text)),
    ):
        web.answers["/"] = coded(body, encoding)
        assert WebSite("http://example.org/", guard=web.guard()).open().data == text


def test_all_files_together_have_limits(web: Web) -> None:
    web.answers |= {f"/{n}.css": answer(b"a" * 1000, media_type="text/css") for n in range(20)}
    urls = tuple((f"http://example.org/{n}.css", "style") for n in range(20))
    site = WebSite("http://example.org/", Limits(total_bytes=5_500), guard=web.guard())
    site.open()
    site.read_all(urls)  # type: ignore[arg-type]
    assert 1 <= sum(site.read(url, "style") is not None for url, _ in urls) <= 5
    assert any("of the site were read" in note for note in site.notes)
    web.hits.clear()
    site = WebSite("http://example.org/", Limits(files=6), guard=web.guard())
    site.open()
    site.read_all(urls)  # type: ignore[arg-type]
    assert len(web.hits) == 6
    assert site.notes == ("Only 6 files of the site were asked for; the rest was left out",)


def test_all_files_together_take_no_longer_than_they_may(web: Web) -> None:
    web.answers |= {f"/{n}.css": drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x", 0.05) for n in range(30)}
    site = WebSite("http://example.org/", Limits(file_seconds=0.3, total_seconds=0.8), guard=web.guard())
    site.open()
    begun = time.monotonic()
    site.read_all(tuple((f"http://example.org/{n}.css", "style") for n in range(30)))
    assert time.monotonic() - begun < 2.0
    assert any("0.8 seconds" in note for note in site.notes)


def test_a_name_service_that_hangs(web: Web) -> None:
    def hang() -> tuple[str, ...]:
        time.sleep(2.0)
        return (PUBLIC,)

    web.names["example.org"] = hang
    begun = time.monotonic()
    with pytest.raises(BadInput, match="in time"):
        WebSite("http://example.org/", QUICK, guard=web.guard()).open()
    assert time.monotonic() - begun < 1.0


def test_the_real_connection_goes_to_the_number_and_nowhere_else(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the product uses where tests put stand-ins."""
    from ipaddress import ip_address

    with dial(ip_address("127.0.0.1"), web._port, 1.0) as line:
        assert line.getpeername() == ("127.0.0.1", web._port)
    with pytest.raises(Refused, match="another machine"):
        import socket

        real = socket.create_connection
        monkeypatch.setattr(socket, "create_connection", lambda at, seconds: real(("127.0.0.1", web._port), seconds))
        dial(ip_address(PUBLIC), web._port, 1.0)
    assert look_up("localhost")
    with pytest.raises(Refused, match="private network"):
        Guard().numbers("localhost", 2.0)


def test_the_environment_has_no_say(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{web._port}")
    WebSite("http://example.org/", QUICK, guard=web.guard()).open()
    assert web.hits == [("example.org", "/")]


@given(st.integers(0, 2**32 - 1) | st.sampled_from([0x7F000001, 0x0A000001, 0xA9FEA9FE]))
def test_a_number_hidden_in_a_longer_one_is_never_less_closed(number: int) -> None:
    from ipaddress import IPv4Address, IPv6Address

    plain = is_public(IPv4Address(number))
    assert is_public(IPv6Address((0x0064FF9B << 96) + number)) == plain
    hidden = [(0xFFFF << 32) + number, number, (0x2002 << 112) + (number << 80), (0x20010000 << 96) + number]
    assert not any(is_public(IPv6Address(other)) for other in hidden)


@given(st.text(max_size=60) | st.from_regex(r"https?://[0-9a-fx.:\[\]%@\\/]{1,40}", fullmatch=True))
def test_any_text_is_refused_or_taken_apart(text: str) -> None:
    try:
        target = Guard().target(text)
    except Refused:
        return
    assert target.host.isascii() and target.port in (80, 443, 8080, 8443)
    assert Guard().target(target.url) == target
