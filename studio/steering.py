"""What a painter is steered by: the brief's maps and references brought into the workspace, and those it cannot use
left out with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from engines.base import Capabilities
from studio.brief.draft import Sketch
from studio.composition import Control, Reference
from studio.desk.store import Store
from studio.model import Brief
from studio.pixels import decode_picture, encode_png, read_bytes
from studio.sketch import blocks_map, lines_map

SKETCH_PX = 1024
MAX_BYTES = 80_000_000
_NOT_DRAWN = "0" * 64
_DIGEST = re.compile(r"[0-9a-f]{64}")
Steer = TypeVar("Steer", Control, Reference)


def followed(brief: Brief, beside: Path, can: Capabilities, store: Store) -> tuple[Brief, tuple[str, ...]]:
    """The brief with only the maps and references that the painter follows, each a file of the workspace, and what was
    left out and why. Paths are relative to `beside`. Raises `BadInput` for a picture that cannot be read."""
    notes: list[str] = []
    controls = [one for one in brief.controls if _used(can, "controls", one.kind, notes)]
    references = [one for one in brief.references if _used(can, "references", one.use, notes)]
    changed = {
        "controls": tuple(_here(one, beside, store) for one in controls),
        "references": tuple(_here(one, beside, store) for one in references),
    }
    return brief.model_copy(update=changed), tuple(dict.fromkeys(notes))


def sketched(sketch: Sketch, ground_hex: str, can: Capabilities, store: Store) -> Iterator[Control]:
    """The maps of a sketch: its lines, and its blocks of colour. For a painter that follows neither nothing is drawn;
    `followed` then says why."""
    if not sketch.used or not sketch.strokes:
        return
    if not {"lineart", "blocks"} & set(can.controls):
        yield Control(kind="lineart", picture=_NOT_DRAWN)
        return
    start, end = sketch.start, max(sketch.end, sketch.start + 0.01)
    lines = lines_map(sketch, SKETCH_PX, SKETCH_PX)
    blocks = blocks_map(sketch, SKETCH_PX, SKETCH_PX, ground_hex)
    if lines is not None:
        digest = store.put_blob(encode_png(lines))
        yield Control(kind="lineart", picture=digest, strength=sketch.line_strength, start=start, end=end)
    if blocks is not None:
        digest = store.put_blob(encode_png(blocks))
        yield Control(kind="blocks", picture=digest, strength=sketch.block_strength, start=start, end=end)


_SAID = {
    "controls": {"lineart": "Lines", "blocks": "Blocks of colour", "edges": "Edges", "softedge": "Soft edges"},
    "references": {"style": "Style reference", "subject": "Subject reference", "face": "Face reference"},
}


def _used(can: Capabilities, group: str, kind: str, notes: list[str]) -> bool:
    why = can.why_not(group, kind)
    if why:
        notes.append(f"{_SAID[group].get(kind, kind.capitalize())}: {why}")
    return not why


def _here(one: Steer, beside: Path, store: Store) -> Steer:
    """With every picture a file of the workspace."""
    found = {"picture": _kept(one.picture, beside, store)}
    if isinstance(one, Reference) and one.mask:
        found["mask"] = _kept(one.mask, beside, store)
    return one.model_copy(update=found)


def _kept(name: str, beside: Path, store: Store) -> str:
    if _DIGEST.fullmatch(name):
        return name
    data = read_bytes(beside / name, MAX_BYTES)
    return store.put_blob(encode_png(decode_picture(data, name)))
