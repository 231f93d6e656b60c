"""Engines' files on the disk: written whole or not at all, sealed by their sidecar, and what is wrong with those that
are not what it says. Loads no torch."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

from engines.accelerate.key import FORMAT, Key

SIDECAR = "engine.json"
_MOST_SIDECAR = 1_000_000
_PIECE, _SAMPLES = 1 << 20, 16

Data = bytes | bytearray | memoryview


def write_aside(path: Path, data: Data) -> None:
    """Write a whole file or none: aside, brought to the disk, renamed. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        write(aside, data)
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def write(path: Path, data: Data) -> None:
    with path.open("wb") as file, memoryview(data) as view:
        for first in range(0, view.nbytes, 1 << 26):  # one write of more than 2 GB fails on some systems
            file.write(view[first : first + (1 << 26)])
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    if os.name == "nt":  # which keeps renames by itself, and opens no folders
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SIDECAR)


def seal(path: Path) -> list[Any]:
    """A file's size, and the SHA-256 of all of it or, above 16 MB, of a megabyte at each of 16 places, the first and
    the last among them: tears show at once, without reading gigabytes at every start."""
    size = path.stat().st_size
    seen = hashlib.sha256()
    with path.open("rb") as file:
        if size <= _PIECE * _SAMPLES:
            while piece := file.read(_PIECE):
                seen.update(piece)
        else:
            for sample in range(_SAMPLES):
                file.seek(sample * (size - _PIECE) // (_SAMPLES - 1))
                seen.update(file.read(_PIECE))
    return [size, seen.hexdigest()]


def sidecar(home: Path) -> dict[str, Any]:
    """What the sidecar says. Raises `OSError` or `ValueError`."""
    path = home / SIDECAR
    if path.stat().st_size > _MOST_SIDECAR:
        raise ValueError("too large")
    said = json.loads(path.read_bytes())
    kinds = {"format": int, "digest": str, "key": dict, "main": str, "files": dict, "made": str, "facts": dict}
    if not isinstance(said, dict) or any(not isinstance(said.get(name), kind) for name, kind in kinds.items()):
        raise ValueError("not a sidecar")
    return said


def wrong(home: Path, key: Key) -> str:
    """What is wrong with an engine, in words; empty when it is whole and is what the key asks for."""
    try:
        said = sidecar(home)
    except (OSError, ValueError):
        return "what it is cannot be read"
    if said["format"] != FORMAT or said["digest"] != key.digest or said["key"] != key.told():
        return "it is another engine than its name says"
    if said["main"] not in said["files"]:
        return "it has no engine in it"
    for name, sealed in said["files"].items():
        path = home / name
        try:
            if not path.resolve().is_relative_to(home.resolve()):
                return "it names files elsewhere"
            if [path.stat().st_size] != list(sealed)[:1]:
                return f"{name} is cut short or has grown"
            if seal(path) != sealed:
                return f"{name} is damaged"
        except (OSError, TypeError):
            return f"{name} cannot be read"
    return ""
