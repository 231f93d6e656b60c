"""Tables that other programs wrote: their text, their separator, their records one by one."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from studio.errors import BadInput
from studio.values import Value

_MAX_COLUMNS = 200


class RowError(Value):
    """A row that could not be read: the physical line it starts on (1 is the first), and what to do."""

    line: int
    message: str
    hint: str = ""


def decoded(data: bytes, name: str) -> str:
    """A file's text: UTF-8, UTF-16 or Windows-1252. Raises `BadInput` when it is empty or not text."""
    if not data.strip():
        raise BadInput(f"{name} is empty", "Expected a header line and rows below")
    wide = ""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        wide = "utf-16"
    elif data[:4].count(0) == 2 and 0 in data[:2]:  # UTF-16 without its mark: every other byte of ASCII is empty
        wide = "utf-16-be" if data[0] == 0 else "utf-16-le"
    try:
        return data.decode(wide or "utf-8-sig")
    except UnicodeDecodeError as error:
        if wide:
            raise BadInput(f"{name} is not text that can be read", "Save it as CSV in UTF-8") from error
    # A single line that an older program added does not spoil the others.
    return "".join(_line(line) for line in data.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True))


def _line(data: bytes) -> str:
    for encoding in ("utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def delimiter_of(text: str) -> str:
    """The separator that the first filled line has most of, outside quotes."""
    head = next((line for line in text[:100_000].splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", head)
    return max(",;\t|", key=bare.count)


def records(text: str, delimiter: str, first: int) -> Iterator[tuple[int, list[str] | RowError]]:
    """Each record with the physical line it starts on. A broken one becomes a `RowError` and reading goes on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        start = reader.line_num + first
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            message, hint = _csv_words(str(error))
            yield start, RowError(line=start, message=message, hint=hint)
            continue
        if len(cells) > _MAX_COLUMNS:
            yield start, RowError(line=start, message=f"{len(cells)} cells in one row", hint="Check the separator")
        else:
            yield start, cells


def _csv_words(error: str) -> tuple[str, str]:
    if "end of data" in error:
        return "A quote is opened here and never closed", 'Close it with "; a quote inside a text is written twice'
    if "field limit" in error or "field larger" in error:
        return "A cell is far too long; perhaps a quote is not closed", "Check the quotes in this row"
    if "expected after" in error:
        return "Something follows a closing quote", 'A quote inside a text is written twice: ""'
    return f"The row cannot be read: {error}", "Check its quotes and line breaks"
