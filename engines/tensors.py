"""Reading a safetensors header before anything is loaded: does it describe this file, and only this file?"""

from __future__ import annotations

import json
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.base import EngineError

MAX_HEADER_BYTES = 100_000_000
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16,
    "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64, "F4": 4,
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """One tensor: its kind of number, its shape, and where its bytes lie after the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """A safetensors file without its numbers: tensors by name, and what its maker wrote beside them."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]


def read_header(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a safetensors file by name; see `read_safetensors`."""
    return read_safetensors(path).tensors


def read_safetensors(path: Path) -> Header:
    """The header of a safetensors file. Raises `EngineError` unless its tensors fill the file, gapless and apart."""
    try:
        seen = path.stat()
        if not stat.S_ISREG(seen.st_mode):  # a pipe would be waited for without end
            raise _bad(path, "it is no ordinary file")
        size = seen.st_size
        with path.open("rb") as file:
            head = file.read(8)
            length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
            if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
                raise _bad(path, f"its header says it is {length} bytes long, in a file of {size}")
            raw = file.read(length)
    except OSError as error:
        raise EngineError(
            f"{path.name} cannot be read: {error.strerror}", "Check the path and its permissions."
        ) from error
    table, metadata = _parsed(path, raw)
    return Header(_tensors(path, table, size - 8 - length), metadata)


def _parsed(path: Path, raw: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) != len(pairs):
            raise ValueError("a name appears twice")
        return table

    try:
        if not raw.startswith(b"{"):
            raise ValueError("it does not start with {")
        table = json.loads(raw.decode("utf-8"), object_pairs_hook=once, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _bad(path, f"its header is not JSON: {str(error)[:80]}") from error
    meta = table.pop("__metadata__", {})
    if not isinstance(meta, dict) or not all(isinstance(value, str) for value in meta.values()):
        raise _bad(path, "its metadata is not a table of texts")
    return table, {name: sayable(text) for name, text in meta.items()}


def sayable(text: str) -> str:
    """A text that can be shown and sent: JSON can spell halves of characters, which no encoding takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _tensors(path: Path, table: dict[str, Any], data_bytes: int) -> dict[str, Tensor]:
    tensors = {name: _tensor(path, name, entry) for name, entry in table.items()}
    at = 0
    for tensor in sorted(tensors.values(), key=lambda tensor: (tensor.begin, tensor.end)):
        if tensor.begin != at:
            raise _bad(path, "its tensors overlap" if tensor.begin < at else "there is a gap between its tensors")
        at = tensor.end
    if at != data_bytes:
        raise _bad(path, f"its tensors take {at} bytes and the file holds {data_bytes}")
    return tensors


def _tensor(path: Path, name: str, entry: Any) -> Tensor:
    where = f"tensor {name[:60]!r}"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _bad(path, f"{where} does not have dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise _bad(path, f"{where} is of an unknown kind {str(dtype)[:20]!r}")
    if not _naturals(shape) or not _naturals(offsets) or len(offsets) != 2 or len(shape) > 64:
        raise _bad(path, f"{where} has a shape or offsets that are not whole numbers")
    bits = BITS[dtype]
    for side in shape:
        bits *= side
        if bits > 1 << 60:
            raise _bad(path, f"{where} is impossibly large")
    begin, end = offsets
    if bits % 8 or end - begin != bits // 8:
        raise _bad(path, f"{where} takes {end - begin} bytes, its shape {bits // 8}")
    return Tensor(dtype, tuple(shape), begin, end)


def _naturals(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 1 << 60 for item in value)


def _bad(path: Path, why: str) -> EngineError:
    return EngineError(f"{path.name} is not a sound safetensors file: {why}", "Download it again from its own source.")
