"""ONNX files from outside: is it one, does it stay in its folder, and opening it on the best device there is."""

from __future__ import annotations

import io
import logging
import mmap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, redirect_stdout, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from engines.accelerate.providers import CUDA, TENSORRT, Provider, Range, choose, named
from engines.base import EngineError

log = logging.getLogger(__name__)
_DEPTH = 32
_EXTERNAL = "external_data"
# What may lead to an external file, by field number (onnx.proto, IR version 10). All else is skipped unread.
_MESSAGES: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: _EXTERNAL},
}


def check_onnx(path: Path) -> None:
    """Refuse what is not a whole ONNX file, and one that reads files outside its own folder. Nothing is loaded."""
    if path.suffix.lower() != ".onnx":
        raise EngineError(f"{path.name} is not an ONNX file", "Choose a file that ends in .onnx.")
    try:
        with path.open("rb") as file, closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as data:
            locations = set(_locations(data, path))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is empty"
        raise EngineError(f"{path} cannot be read: {why}", "Check the path; fetch the file again.") from error
    for location in sorted(locations):
        _check_beside(path, location)


def _check_beside(path: Path, location: str) -> None:
    pure = PurePosixPath(location.replace("\\", "/"))
    folder = path.resolve().parent
    outside = pure.is_absolute() or ".." in pure.parts or ":" in location or "\0" in location
    if outside or not (folder / pure).resolve().is_relative_to(folder):
        raise EngineError(
            f"{path.name} wants to read {location[:80]!r}, which lies outside its own folder",
            "Do not use this file. A sound one keeps its data beside it.",
        )
    if not (folder / pure).is_file():
        raise EngineError(f"{path.name} needs {location} beside it", "Put both files into the same folder.")


def _locations(data: mmap.mmap, path: Path) -> Iterator[str]:
    """Every place of external data. Protocol Buffers' wire format: a key (field number, kind), then the value."""
    waiting: list[tuple[str, int, int, int]] = [("model", 0, len(data), 0)]
    graphs = 0
    while waiting:
        kind, at, end, depth = waiting.pop()
        entry: dict[int, bytes] = {}
        while at < end:
            key, at = _varint(data, at, end, path)
            number, wire = key >> 3, key & 7
            if wire != 2:
                at = _skip(data, at, end, wire, path)
                continue
            length, at = _varint(data, at, end, path)
            if at + length > end:
                raise _damaged(path, "it ends early")
            inner = _MESSAGES.get(kind, {}).get(number)
            if inner:
                graphs += kind == "model" and inner == "graph"
                if depth == _DEPTH:
                    raise _damaged(path, "it is nested too deeply")
                waiting.append((inner, at, at + length, depth + 1))
            elif kind == _EXTERNAL and number in (1, 2):
                entry[number] = data[at : at + min(length, 4096)]
            at += length
        if entry.get(1) == b"location":
            yield entry.get(2, b"").decode("utf-8", "replace")
    if not graphs:
        raise _damaged(path, "there is no graph in it")


def _varint(data: mmap.mmap, at: int, end: int, path: Path) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise _damaged(path, "it ends early" if at >= end else "a number in it is too long")


def _skip(data: mmap.mmap, at: int, end: int, wire: int, path: Path) -> int:
    if wire == 0:
        return _varint(data, at, end, path)[1]
    if wire not in (1, 5):
        raise _damaged(path, "it does not have the form of one")
    at += 8 if wire == 1 else 4
    if at > end:
        raise _damaged(path, "it ends early")
    return at


def _damaged(path: Path, why: str) -> EngineError:
    return EngineError(f"{path.name} is not a sound ONNX file: {why}", "Fetch it again from its own source.")


# ------------------------------------------------------------------------------------------------ running


def providers(sizes: Sequence[Range] | None = None) -> list[Provider]:
    """What to ask ONNX Runtime for, the best first: TensorRT for networks whose `sizes` are known, CUDA where it is
    offered, and always the CPU. Raises `EngineError` without ONNX Runtime."""
    import platformdirs

    runtime = _runtime()
    cache = Path(platformdirs.user_cache_dir("lockup", appauthor=False)) / "tensorrt"
    asked, why = choose(runtime.get_available_providers(), sizes, cache, find_spec("tensorrt") is not None)
    if CUDA in map(named, asked):
        if hasattr(runtime, "preload_dlls"):  # those that lie among torch's packages
            with redirect_stdout(io.StringIO()), suppress(Exception):
                runtime.preload_dlls()
        if why:
            log.debug("without TensorRT: %s", why)
    if TENSORRT in map(named, asked):
        with suppress(OSError):
            cache.mkdir(parents=True, exist_ok=True)
        with suppress(Exception):
            import_module("tensorrt")  # loads its libraries, which ONNX Runtime does not find by itself
    return asked


def open_onnx(path: Path, sizes: Sequence[Range] | None = None) -> Any:
    """An ONNX Runtime session of a checked file; `sizes` as for `providers`. Raises `EngineError` when the runtime
    refuses it."""
    check_onnx(path)
    runtime = _runtime()
    asked = providers(sizes)
    while True:
        try:
            return runtime.InferenceSession(str(path), providers=asked)
        except Exception as error:
            if named(asked[0]) != TENSORRT:
                raise refused(path, error) from error
            log.warning("%s runs without TensorRT: %s", path.name, refused(path, error))
            asked = asked[1:]


def refused(path: Path, error: Exception) -> EngineError:
    """What ONNX Runtime said about a file, in one line."""
    said = " ".join(str(error).rpartition("] : ")[2].split())[:200]
    return EngineError(f"{path.name} cannot be run: {said}", "Fetch it again, or export it for ONNX opset 17 to 21.")


def device(session: Any) -> str:
    """Where a session really runs, which is not always where it was asked to."""
    active = session.get_providers()
    for name, said in ((TENSORRT, "TensorRT"), (CUDA, "CUDA")):
        if name in active:
            return said
    return "CPU" if CUDA not in map(named, providers()) else "CPU (CUDA could not be started)"


def on_card(session: Any) -> bool:
    """Whether a session runs on the graphics card, by whatever means."""
    return not device(session).startswith("CPU")


def runtime(session: Any) -> str:
    """The runtime, its version and where it runs, for the record of a picture."""
    return f"ONNX Runtime {_runtime().__version__}, {device(session)}"


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineError("ONNX Runtime is not installed", "Install the project again.") from error
    onnxruntime.disable_telemetry_events()
    return onnxruntime
