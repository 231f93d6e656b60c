"""The drawing operators of a PDF content stream, one by one. Pure; ISO 32000-1 7.2, 7.3, 7.8."""

from __future__ import annotations

import re
from collections.abc import Iterator

Operand = float | bytes | str | list["Operand"] | None
"""A number; a string's bytes; a name with its slash; an array; `None` for a dictionary."""

_MOST_OPERANDS = 200
_DEEPEST = 12
_BREATH = 500
_MOST_PIECES = 2_000
_TOKEN = re.compile(
    rb"[\x00\t\n\f\r ]+|%[^\r\n]*"
    rb"|(?P<number>[+-]*(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?=[\x00\t\n\f\r ()<>\[\]{}/%]|$))"
    rb"|/(?P<name>[^\x00\t\n\f\r ()<>\[\]{}/%]*)"
    rb"|(?P<mark><<|>>|\[|\]|\(|[{}])"
    rb"|<(?P<hex>[0-9A-Fa-f\x00\t\n\f\r ]*)>"
    rb"|(?P<word>[^\x00\t\n\f\r ()<>\[\]{}/%]+)"
)
_IN_STRING = re.compile(rb"[()]|\\(?:[0-7]{1,3}|\r\n|.)?", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_IMAGE_END = re.compile(rb"[\x00\t\n\f\r ]EI(?=[\x00\t\n\f\r ]|$)")
_NAME_CODE = re.compile(rb"#([0-9A-Fa-f]{2})")


def operations(data: bytes) -> Iterator[tuple[str, list[Operand]]]:
    """Each operator with its operands. What makes no sense is skipped; inline images come as `BI` without pixels.

    Within a long run of operands an empty operator comes up now and then, so that the reader can look at the clock.
    """
    operands: list[Operand] = []
    open_lists: list[list[Operand]] = []
    depth = place = count = 0
    while place < len(data):
        count += 1
        if count % _BREATH == 0:
            yield "", []
        match = _TOKEN.match(data, place)
        if match is None:
            place += 1
            continue
        place = match.end()
        kind = match.lastgroup
        if kind is None:
            continue
        text = match[kind]
        value: Operand = None
        if kind == "word":
            word = text[:16].decode("latin-1")
            if word in ("true", "false", "null"):
                continue
            if word == "BI":
                end = _IMAGE_END.search(data, place)
                place = end.end() if end else len(data)
            yield word, operands
            operands, open_lists, depth = [], [], 0
            continue
        if kind == "mark" and text == b"(":
            value, place = _string(data, place)
        elif kind == "mark":
            if text in (b"<<", b"{"):
                depth += 1
            elif text in (b">>", b"}"):
                depth = max(0, depth - 1)
                value = None
            elif text == b"[" and len(open_lists) < _DEEPEST:
                open_lists.append([])
            elif text == b"]" and open_lists:
                value = open_lists.pop()
                _add(value, operands, open_lists, depth)
            continue
        elif kind == "number":
            value = _number(text)
        elif kind == "hex":
            digits = re.sub(rb"[^0-9A-Fa-f]", b"", text)
            value = bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
        else:
            value = "/" + _NAME_CODE.sub(lambda code: bytes([int(code[1], 16)]), text[:200]).decode("utf-8", "replace")
        _add(value, operands, open_lists, depth)


def _add(value: Operand, operands: list[Operand], open_lists: list[list[Operand]], depth: int) -> None:
    target = open_lists[-1] if open_lists else operands
    if not depth and len(target) < (10_000 if open_lists else _MOST_OPERANDS):
        target.append(value)


def _number(text: bytes) -> float:
    sign = -1.0 if text.count(b"-") % 2 else 1.0
    digits = text.lstrip(b"+-")
    return sign * float(digits[:40])


def _string(data: bytes, place: int) -> tuple[bytes, int]:
    """The string after its opening bracket, and where it ends."""
    out: list[bytes] = []
    depth = 1
    while True:
        match = _IN_STRING.search(data, place)
        if match is None or len(out) > _MOST_PIECES:
            return b"".join(out), match.end() if match else len(data)
        out.append(data[place : match.start()])
        place = match.end()
        found = match[0]
        if found == b"(":
            depth += 1
        elif found == b")":
            depth -= 1
            if depth == 0:
                return b"".join(out), place
        if found[:1] != b"\\":
            out.append(found)
        elif found[1:2].isdigit():
            out.append(bytes([int(found[1:], 8) & 255]))
        elif found[1:] not in (b"\n", b"\r", b"\r\n", b""):
            out.append(_ESCAPES.get(found[1:], found[1:]))
