"""Hostile and broken ZIPs, web archives and folders: left out with a note, or refused in one line; nothing unpacked."""

from __future__ import annotations

import os
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.brand.source.intake import Limits
from studio.brand.source.saved import SavedSite, open_saved
from studio.errors import BadInput

PAGE = b"<!doctype html><title>Example</title><link rel=stylesheet href=css/site.css>"
STYLE = b"body { color: #123456 }"


def entry(name: str, mode: int = 0o100644, kind: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.compress_type = kind
    return info


def packed(path: Path, *entries: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("index.html", PAGE)
        for info, data in entries:
            made.writestr(info, data)
    return path


def style(site: SavedSite, name: str) -> bytes | None:
    found = site.read(f"https://saved.invalid/{name}", "style")
    return found.data if found else None


UNSAFE = [
    "../evil.css", "a/../../evil.css", "/evil.css", "//server/evil.css", "C:/evil.css", "C:evil.css", "..\\evil.css", "~/evil.css",
    "a/aux.css", "con", "evil.css.", "a\tb.css", "x" * 500 + ".css",
]  # fmt: skip


@pytest.mark.parametrize("name", UNSAFE, ids=lambda name: ascii(name)[:30])
def test_unsafe_names_are_left_out(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    site = open_saved(packed(folder / "site.zip", (name, b"evil{}"), ("css/site.css", STYLE)))
    assert [site.label(url) for url in site.listed()] == ["index.html", "css/site.css"]
    assert len(site.notes) == 1 and "not safe" in site.notes[0]
    for asked in (name, "evil.css", "../evil.css", "css/site.css"):
        url = site.resolve(asked, site.start)
        found = site.read(url, "style") if url and not url.startswith("data:") else None
        assert found is None or found.data == STYLE
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["in", "site.zip"]


def test_links_encrypted_entries_and_rare_packings_are_left_out(tmp_path: Path) -> None:
    path = packed(
        tmp_path / "site.zip",
        (entry("link.css", 0o120777), b"/etc/passwd"),
        (entry("bz2.css", kind=zipfile.ZIP_BZIP2), STYLE),
        (entry("lzma.css", kind=zipfile.ZIP_LZMA), STYLE),
        (entry("secret.css"), STYLE),
        (entry("css/site.css"), STYLE),
    )
    data = bytearray(path.read_bytes())
    for magic, name_at, flags_at in ((b"PK\3\4", 30, 6), (b"PK\1\2", 46, 8)):
        at = data.find(magic)
        while at >= 0:
            if data[at + name_at : at + name_at + 10] == b"secret.css":
                data[at + flags_at] |= 1
            at = data.find(magic, at + 4)
    path.write_bytes(data)
    site = open_saved(path)
    assert [style(site, name) for name in ("link.css", "bz2.css", "lzma.css", "secret.css", "css/site.css")] == [
        None
    ] * 4 + [STYLE]
    said = " ".join(site.notes)
    assert "a link" in said and "rare way" in said and "and 1 more" in said and "encrypted" in said


def test_of_two_entries_of_one_name_the_first_counts(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        path = packed(tmp_path / "site.zip", ("a.css", STYLE), ("a.css", b"other{}"), ("./a.css", b"third{}"))
    site = open_saved(path)
    assert style(site, "a.css") == STYLE and "twice" in site.notes[0]


def test_a_zip_in_the_zip_stays_shut(tmp_path: Path) -> None:
    inner = packed(tmp_path / "inner.zip").read_bytes()
    site = open_saved(packed(tmp_path / "site.zip", ("inner.zip", inner), ("inner.css", inner)))
    assert style(site, "inner.css") is None and style(site, "inner.zip") is None
    assert [site.label(url) for url in site.listed()] == ["index.html", "inner.css"]


def bomb(path: Path) -> Path:
    return packed(path, ("bomb.css", b" " * 300_000_000), ("css/site.css", STYLE))


def understated(path: Path) -> Path:
    """Says that it holds 100 bytes and unpacks to 60 MB."""
    bomb_bytes, said = b" " * 60_000_000, 100
    packed(path, ("bomb.css", bomb_bytes), ("css/site.css", STYLE))
    data = path.read_bytes().replace(struct.pack("<I", len(bomb_bytes)), struct.pack("<I", said))
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("make", [bomb, understated])
def test_bombs_do_not_go_off(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path / "site.zip")
    tracemalloc.start()
    begun = time.monotonic()
    site = open_saved(path)
    assert style(site, "bomb.css") is None and style(site, "css/site.css") == STYLE
    assert tracemalloc.get_traced_memory()[1] < 12_000_000
    tracemalloc.stop()
    assert time.monotonic() - begun < 2.0 and site.notes


def test_a_zip_that_would_fill_the_disk_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "site.zip", *((f"{n}.css", STYLE) for n in range(3)))
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\1\2")
    while at >= 0:
        data[at + 24 : at + 28] = struct.pack("<I", 1_000_000_000)
        at = data.find(b"PK\1\2", at + 4)
    path.write_bytes(data)
    with pytest.raises(BadInput, match="more than 2 GB"):
        open_saved(path)


def test_a_zip_of_too_many_files_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "site.zip", *((f"{n}.css", b"") for n in range(2000)))
    with pytest.raises(BadInput, match="2,001 files"):
        open_saved(path)


@pytest.mark.parametrize("longer", [False, True])
def test_a_table_of_contents_that_fills_the_memory_is_not_read(tmp_path: Path, longer: bool) -> None:
    one = b"PK\1\2" + struct.pack("<6H3L5H2L", *(20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)) + b"a"
    count = 300_000
    table = one * count
    end = b""
    if longer:
        end = b"PK\6\6" + struct.pack("<Q2H2L4Q", 44, 45, 45, 0, 0, count, count, len(table), 0)
        end += b"PK\6\7" + struct.pack("<LQL", 0, len(table), 1)
    small = 100 if longer else len(table)
    end += b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 9, 9, small, 0, 0)
    (tmp_path / "site.zip").write_bytes(table + end)
    tracemalloc.start()
    with pytest.raises(BadInput, match=r"table of contents|not a whole ZIP"):
        open_saved(tmp_path / "site.zip")
    assert tracemalloc.get_traced_memory()[1] < 6_000_000
    tracemalloc.stop()


def test_damage_is_said_where_it_is(tmp_path: Path) -> None:
    path = packed(tmp_path / "site.zip", (entry("bad.css", kind=zipfile.ZIP_STORED), STYLE), ("css/site.css", STYLE))
    data = path.read_bytes()
    path.write_bytes(data.replace(b"#123456", b"#654321", 1))
    site = open_saved(path)
    assert style(site, "bad.css") is None and style(site, "css/site.css") == STYLE
    assert site.notes == ("style sheet bad.css is damaged in the ZIP",)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_zip_that_broke_off_is_refused(tmp_path: Path, share: float) -> None:
    data = packed(tmp_path / "site.zip", ("css/site.css", STYLE * 500)).read_bytes()
    (tmp_path / "site.zip").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadInput, match="not a whole ZIP") as error:
        open_saved(tmp_path / "site.zip")
    assert error.value.hint


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
@given(changes=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=12), cut=st.integers(0, 40))
def test_a_damaged_zip_is_read_or_refused(tmp_path: Path, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(packed(tmp_path / "whole.zip", ("css/site.css", STYLE), ("a/b.css", STYLE)).read_bytes())
    for at, value in changes:
        data[at % len(data)] = value
    (tmp_path / "site.zip").write_bytes(data[: len(data) - (cut if cut > 30 else 0)])
    try:
        site = open_saved(tmp_path / "site.zip")
    except BadInput as error:
        assert error.hint
        return
    for url in site.listed():
        site.read(url, "style")
    site.read("https://saved.invalid/css/site.css", "style")


WHOLE = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/html\r\nContent-Location: "
    b"https://example.org/\r\n\r\n" + PAGE + b"\r\n--b\r\nContent-Type: text/css\r\nContent-Transfer-Encoding: base64\r\n"
    b"Content-Location: https://example.org/css/site.css\r\n\r\nYSB7fQ==\r\n--b--\r\n"
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
@given(changes=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=12), cut=st.integers(0, 600))
def test_a_damaged_web_archive_is_read_or_refused(tmp_path: Path, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(WHOLE)
    for at, value in changes:
        data[at % len(data)] = value
    (tmp_path / "site.mhtml").write_bytes(data[: len(data) - (cut if cut > 500 else 0)])
    try:
        site = open_saved(tmp_path / "site.mhtml")
    except BadInput as error:
        assert error.hint
        return
    for url in site.listed():
        site.read(url, "style")


@pytest.mark.parametrize("data", [
    b"", b"hello", b"\0" * 5000,
    b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAAAA==\r\n--b--",
    b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3000)),
], ids=["empty", "words", "zeros", "broken", "nested"])  # fmt: skip
def test_a_web_archive_that_is_none_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "page.mhtml").write_bytes(data)
    begun = time.monotonic()
    with pytest.raises(BadInput):
        open_saved(tmp_path / "page.mhtml")
    assert time.monotonic() - begun < 3.0


def test_a_web_archive_names_no_file_of_this_machine(tmp_path: Path) -> None:
    data = WHOLE.replace(b"https://example.org/css/site.css", b"file:///etc/../../passwd.css")
    (tmp_path / "page.mht").write_bytes(data)
    site = open_saved(tmp_path / "page.mht")
    assert [site.label(url) for url in site.listed()] == ["example.org/index.html"]
    for name in ("/etc/passwd", "passwd.css", "../../etc/passwd"):
        url = site.resolve(name, site.start)
        assert url and site.read(url, "data") is None


def test_a_folder_of_everything_is_looked_at_in_part(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_bytes(PAGE)
    deep = tmp_path / "z"
    for n in range(30):
        deep.mkdir()
        (deep / "a.css").write_bytes(STYLE)
        deep = deep / str(n)
    for n in range(2100):
        (tmp_path / f"{n}.css").touch()
    begun = time.monotonic()
    site = open_saved(tmp_path)
    assert len(site.listed()) == 2000 and "2,000 files" in site.notes[0]
    assert time.monotonic() - begun < 3.0
    assert site.start.endswith("index.html")


@pytest.mark.skipif(os.name == "nt", reason="pipes and links")
def test_a_page_that_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "index.html")
    with pytest.raises(BadInput):
        open_saved(tmp_path)
    with pytest.raises(BadInput):
        open_saved(tmp_path / "index.html")
    (tmp_path / "loop.html").symlink_to(tmp_path / "loop.html")
    with pytest.raises(BadInput):
        open_saved(tmp_path / "loop.html")


@pytest.mark.parametrize("name", ["huge.html", "picture.html", "zeros.html"])
def test_a_first_page_that_is_none_says_so(tmp_path: Path, name: str) -> None:
    (tmp_path / "huge.html").write_bytes(PAGE + b" " * 5000)
    (tmp_path / "picture.html").write_bytes(b"\x89PNG\r\n\x1a\n" + zlib.compress(b"x"))
    (tmp_path / "zeros.html").write_bytes(bytes(100))
    with pytest.raises(BadInput, match=r"larger than|not a page") as error:
        open_saved(tmp_path / name, Limits(kind_bytes={"page": 1000}))
    assert error.value.hint
