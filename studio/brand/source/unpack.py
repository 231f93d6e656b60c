"""Packed bodies unpacked bit by bit: what comes out is counted before it is kept, so that a bomb ends early."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

import brotli

ENCODINGS = "gzip, deflate, br"
_CHUNK = 1 << 16
# Text packs 3 to 30 times; anything this far beyond is made to burst.
_WORST_RATIO = 200
_RATIO_FROM = 1_000_000


class Damaged(Exception):
    """Why a body cannot be unpacked, to be put behind its name."""


class Unpacker(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]:
        """What comes out, in pieces of about 64 KiB at most. Raises `Damaged`."""
        ...

    def end(self) -> None:
        """Raises `Damaged` if the body broke off."""
        ...


class _Plain:
    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def end(self) -> None:
        pass


class _Zlib:
    def __init__(self, raw_too: bool) -> None:
        self._raw_too = raw_too
        self._held = b""
        self._inner: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._inner is None:
            self._held += data
            if len(self._held) < 2:
                return
            data = self._held
            self._inner = zlib.decompressobj(-zlib.MAX_WBITS if self._is_raw(data) else zlib.MAX_WBITS | 32)
        full = False
        while data or full:
            if self._inner.eof:
                if data[:2] != b"\x1f\x8b":
                    return  # servers pad; browsers ignore it
                self._inner = zlib.decompressobj(zlib.MAX_WBITS | 32)
            try:
                out = self._inner.decompress(data, _CHUNK)
            except zlib.error as error:
                raise Damaged("is packed in a broken way") from error
            full = len(out) == _CHUNK
            data = self._inner.unused_data if self._inner.eof else self._inner.unconsumed_tail
            if out:
                yield out

    def _is_raw(self, data: bytes) -> bool:
        """Whether "deflate" came without the header of RFC 1950: old servers send it so, browsers take it."""
        zlib_header = data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
        return self._raw_too and not zlib_header and data[:2] != b"\x1f\x8b"

    def end(self) -> None:
        if self._held and not (self._inner and self._inner.eof):
            raise Damaged("broke off")


class _Brotli:
    def __init__(self) -> None:
        self._inner = brotli.Decompressor()
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._fed = self._fed or bool(data)
        while True:
            if self._inner.is_finished():
                return
            try:
                out = self._inner.process(data, output_buffer_limit=_CHUNK)
            except brotli.error as error:
                raise Damaged("is packed in a broken way") from error
            data = b""
            if out:
                yield out
            # It takes more before it has given all: only when nothing comes is it empty.
            if not out and self._inner.can_accept_more_data():
                return

    def end(self) -> None:
        if self._fed and not self._inner.is_finished():
            raise Damaged("broke off")


def unpacker(encoding: str) -> Unpacker:
    """For a Content-Encoding header. Raises `Damaged` for what was not asked for, packed twice included."""
    named = [name.strip().lower() for name in encoding.split(",")]
    named = [name for name in named if name not in ("", "identity")]
    if not named:
        return _Plain()
    if len(named) == 1 and named[0] in ("gzip", "x-gzip", "deflate"):
        return _Zlib(raw_too=named[0] == "deflate")
    if named == ["br"]:
        return _Brotli()
    raise Damaged("is packed in a way that was not asked for")


def absurd(packed: int, unpacked: int) -> bool:
    """Whether so many bytes out of so few are no real file."""
    return unpacked > max(_RATIO_FROM, _WORST_RATIO * packed)
