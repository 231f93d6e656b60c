"""A saved site in one file: a ZIP, or a web archive (MHTML). Read in memory, never unpacked to disk."""

from __future__ import annotations

import email.message
import email.parser
import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from studio.brand.inside import relative_name
from studio.brand.source.content import declared_type
from studio.brand.source.folder import MOST_FILES, Indexed, NotRead, nearest_first, single_top, unseen
from studio.errors import BadInput

MAX_MHTML_BYTES = 60_000_000
_MOST_UNPACKED = 2_000_000_000
_MOST_DIRECTORY = 4_000_000
# Deflate reaches 1,032 to 1; style sheets and pictures stay below 100.
_WORST_RATIO = 200
_RATIO_FROM = 1_000_000
_TEND = 65_536 + 22
_CHUNK = 1 << 16
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError, KeyError)
_SAVE_AGAIN = "Make the ZIP again, or unpack it and give the folder"


class Zip(Indexed):
    """A ZIP. Entries that are encrypted, links, bombs, of unsafe names or packed in rare ways are left out."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                _check_directory(file)
            self._zip = zipfile.ZipFile(path)
        except _ZIP_ERRORS as error:
            raise BadInput(f"{path.name} is not a whole ZIP file: {error}", _SAVE_AGAIN) from error
        listed = self._zip.infolist()
        if len(listed) > MOST_FILES:
            raise BadInput(
                f"{path.name} holds {len(listed):,} files", f"Expected at most {MOST_FILES:,}: {_SAVE_AGAIN}"
            )
        if sum(entry.file_size for entry in listed) > _MOST_UNPACKED:
            raise BadInput(f"{path.name} would unpack to more than {_MOST_UNPACKED / 1e9:g} GB", _SAVE_AGAIN)
        self._entries: dict[str, zipfile.ZipInfo] = {}
        left_out: dict[str, list[str]] = {}
        for entry in listed:
            name, why = _entry_name(entry)
            if not why and name in self._entries:
                why = "there twice; the first was read"
            if why:
                left_out.setdefault(why, []).append(name)
            elif not entry.is_dir() and not unseen(name):
                self._entries[name] = entry
        self.notes = tuple(_left_out(why, names) for why, names in left_out.items())
        top = single_top(list(self._entries))
        self._entries = {name.removeprefix(top): entry for name, entry in self._entries.items()}
        super().__init__(nearest_first(list(self._entries)))

    def read(self, name: str, limit: int) -> bytes:
        entry = self._entries.get(name)
        if entry is None:
            raise NotRead("is not there")
        too_large = f"is larger than {limit / 1e6:.3g} MB"
        if entry.file_size > limit:
            raise NotRead(too_large)
        data = bytearray()
        try:
            with self._zip.open(entry) as file:
                while chunk := file.read(_CHUNK):
                    data += chunk
                    if len(data) > limit:
                        raise NotRead(too_large)
        except _ZIP_ERRORS as error:
            raise NotRead("is damaged in the ZIP") from error
        return bytes(data)


def _check_directory(file: BinaryIO) -> None:
    """Raise `BadZipFile` for a table of contents that would fill the memory, before zipfile reads it whole.

    Records after APPNOTE.TXT 4.3.14 to 4.3.16, found the way `zipfile` finds them."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _TEND))
    tail = file.read(_TEND)
    at = len(tail) - 22 if tail[-22:-18] == b"PK\5\6" and tail.endswith(b"\0\0") else tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < 22:
        raise zipfile.BadZipFile("its end is missing")
    directory = struct.unpack_from("<I", tail, at + 12)[0]
    if at >= 20 and tail[at - 20 : at - 16] == b"PK\6\7":
        # The longer record lies right before its locator, unless someone has put data between.
        start = max(0, size - len(tail) + at - 20 - 56)
        file.seek(start)
        record = file.read(56)
        directory = struct.unpack_from("<Q", record, 40)[0] if record[:4] == b"PK\6\6" else _MOST_DIRECTORY + 1
    if directory > _MOST_DIRECTORY:
        raise zipfile.BadZipFile(f"its table of contents is too large for {MOST_FILES:,} files")


def _entry_name(entry: zipfile.ZipInfo) -> tuple[str, str]:
    """The entry's name as a relative path, and why it is left out; "" if it is not."""
    name = entry.filename.replace("\\", "/")
    try:
        name = str(relative_name(name))
    except BadInput:
        return name, "named in a way that is not safe"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return name, "a link"
    if entry.flag_bits & 0x1:
        return name, "encrypted"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return name, "packed in a rare way"
    if entry.file_size > max(_RATIO_FROM, _WORST_RATIO * entry.compress_size):
        return name, "packed to unpack far larger than any real file"
    return name, ""


def _left_out(why: str, names: list[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0][:80]}{more} in the ZIP left out: {why}"


class Mhtml(Indexed):
    """A page saved as one file (MHTML, RFC 2557): each part under `host/path` of the address it came from.

    `start` is the name of the page itself."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                data = file.read(MAX_MHTML_BYTES + 1)
        except OSError as error:
            raise BadInput(f"{path.name} cannot be read: {error.strerror or error}", "Check the file") from error
        if len(data) > MAX_MHTML_BYTES:
            raise BadInput(
                f"{path.name} is larger than {MAX_MHTML_BYTES / 1e6:g} MB", "Save the page again as a folder"
            )
        self._parts: dict[str, email.message.Message] = {}
        self.start = ""
        self.notes: tuple[str, ...] = ()
        try:
            self._collect(email.parser.BytesParser().parsebytes(data))
        except (RecursionError, ValueError, LookupError, TypeError) as error:
            raise BadInput(f"{path.name} is not a whole saved page", "Save the page again from the browser") from error
        super().__init__(nearest_first(list(self._parts)))

    def _collect(self, whole: email.message.Message) -> None:
        for count, part in enumerate(whole.walk()):
            if count > MOST_FILES:
                self.notes = (f"Only the first {MOST_FILES:,} parts of the saved page were read",)
                return
            if part.is_multipart():
                continue
            page = part.get_content_type() in ("text/html", "application/xhtml+xml")
            location = str(part.get("Content-Location") or "")
            name = part_name(location) or (f"page-{count}.html" if page else "")
            if name:
                self._parts.setdefault(name, part)
            if cid := str(part.get("Content-ID") or "").strip().strip("<>"):
                self._parts.setdefault(cid_name(cid), part)
            if page and not self.start:
                self.start = name

    def read(self, name: str, limit: int) -> bytes:
        part = self._parts.get(name)
        try:
            data = part.get_payload(decode=True) if part is not None else None
        except (ValueError, LookupError, AssertionError) as error:
            raise NotRead("is damaged") from error
        if not isinstance(data, bytes):
            raise NotRead("is not there")
        if len(data) > limit:
            raise NotRead(f"is larger than {limit / 1e6:.3g} MB")
        return data

    def charset(self, name: str) -> str | None:
        part = self._parts.get(name)
        return declared_type(str(part.get("Content-Type") or ""))[1] if part is not None else None


def cid_name(content_id: str) -> str:
    """The name of the part that `cid:` and this text refer to."""
    return f"cid/{unquote(content_id[:400])}"


def part_name(location: str) -> str:
    """`host/path?query` for the address a part came from; "" if it is none. A path to a folder gets `index.html`.

    Style sheets written into the page have `cid:` addresses in what Chrome saves, and no Content-ID (RFC 2392)."""
    text = re.sub(r"\s", "", location)[:4000]
    if text[:4].lower() == "cid:" and len(text) > 4:
        return cid_name(text[4:])
    try:
        address = urlsplit(text)
        host = address.hostname or ""
    except ValueError:
        return ""
    if address.scheme not in ("http", "https", "") or not (host or address.path):
        return ""
    path = PurePosixPath("/", unquote(address.path).replace("\\", "/"))
    parts = [part for part in path.parts[1:] if part not in ("..", ".")]
    if address.path.endswith("/") or not parts:
        parts.append("index.html")
    name = "/".join([host, *parts] if host else parts)
    return f"{name}?{address.query}" if address.query else name
