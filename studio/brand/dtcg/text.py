"""The text of a token file as JSON: plain JSON first, then JSON5 (comments, bare keys, single quotes, last commas)."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pyjson5

from studio.errors import BadInput

# Deeper than any token file may be; both readers stop before the stack does.
_MAX_NESTING = 200


def parse_tokens(data: bytes, source: str) -> dict[str, Any]:
    """The object in a token file, JSON or JSON5. Raises `BadInput` with the line and column that is wrong."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{source} is not UTF-8 text", "Export the tokens as JSON") from error
    try:
        parsed = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        _refuse_halves(text, parsed)
    except json.JSONDecodeError as error:
        parsed = _json5(text, source, error)
    except (RecursionError, ValueError) as error:
        raise BadInput(f"{source} cannot be read as JSON: {str(error)[:120]}", "Export the tokens again") from error
    if not isinstance(parsed, dict):
        raise BadInput(f"{source}: expected an object of tokens, got {type(parsed).__name__}")
    return parsed


def _json5(text: str, source: str, plain: json.JSONDecodeError) -> Any:
    try:
        parsed = pyjson5.decode(text, maxdepth=_MAX_NESTING)
        _refuse_endless(parsed)
        _refuse_halves(text, parsed)
    except pyjson5.Json5DecoderException as error:
        said = str(error.args[0]) if error.args else "not JSON5"
        place = re.search(r" near (\d+)", said)
        line, column = _line_of(text, int(place[1]) - 1) if place else (plain.lineno, plain.colno)
        what = re.sub(r"b'(\w+)'", r"\1", said[: place.start()] if place else said)
        # A file that has nothing of JSON5 is judged as the JSON it wants to be.
        if plain.pos >= _offset(text, line, column):
            line, column, what = plain.lineno, plain.colno, plain.msg
        raise BadInput(f"{source}: line {line}, column {column}: {what}", "Expected JSON or JSON5") from error
    except (RecursionError, ValueError) as error:
        raise BadInput(f"{source} cannot be read as JSON5: {str(error)[:120]}", "Export the tokens again") from error
    return parsed


def _line_of(text: str, offset: int) -> tuple[int, int]:
    before = text[: max(0, offset)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _offset(text: str, line: int, column: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.index("\n", start) + 1
    return start + column - 1


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:20]} is too large")
    return number


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number JSON knows")


def _refuse_halves(text: str, parsed: Any) -> None:
    """Half of a pair of UTF-16 may be escaped in JSON, but no file can hold it."""
    if re.search(r"\\u[dD][89a-fA-F]", text):
        json.dumps(parsed, ensure_ascii=False).encode()


def _refuse_endless(parsed: Any) -> None:
    """JSON5 has NaN, Infinity and hexadecimal numbers of any length, which cannot be written back as JSON."""
    stack = [parsed]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, (int, float)) and not abs(node) < 1e300:
            raise ValueError("a number is none, or far too large")
