"""What a painter is steered by: the brief's maps, references and LoRAs brought into the workspace, and those it cannot
use left out with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engines.base import AdapterFacts, Capabilities
from studio.brand.inside import inside, relative_name
from studio.brand.kit import LoadedKit
from studio.brief.draft import Sketch
from studio.composition import Adapter, Control, Reference
from studio.desk.store import ADAPTER, Store
from studio.errors import BadInput
from studio.model import Brief
from studio.pixels import decode_picture, encode_png, read_bytes
from studio.sketch import blocks_map, lines_map

SKETCH_PX = 1024
MAX_BYTES = 80_000_000
_NOT_DRAWN = "0" * 64
_DIGEST = re.compile(r"[0-9a-f]{64}")
Steer = TypeVar("Steer", Control, Reference)


@dataclass(frozen=True)
class Sources:
    """Where the files are that a brief names: `beside` it, in its `kit`, or, LoRAs only, in the model `folders`;
    `judge` says of a LoRA whether the painter can wear it."""

    beside: Path
    kit: LoadedKit
    folders: tuple[Path, ...] = ()
    judge: Callable[[Path], AdapterFacts] | None = None


def followed(brief: Brief, sources: Sources, can: Capabilities, store: Store) -> tuple[Brief, tuple[str, ...]]:
    """The brief with only the maps, references and LoRAs that the painter uses, the kit's own LoRA first, each a file
    of the workspace; and what was left out and why. Raises `BadInput` for a file that cannot be had or used."""
    notes: list[str] = []
    controls = [one for one in brief.controls if _used(can, "controls", one.kind, notes)]
    references = [one for one in brief.references if _used(can, "references", one.use, notes)]
    if brief.avoid.strip() and can.prompt and not can.avoid:
        notes.append(f"What to avoid: {can.reasons.get('avoid') or 'This painter does not heed it.'}")
    changed = {
        "controls": tuple(_here(one, sources.beside, store) for one in controls),
        "references": tuple(_here(one, sources.beside, store) for one in references),
        "adapters": worn(brief.adapters, sources, can, store, notes),
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
    if one.mask:
        found["mask"] = _kept(one.mask, beside, store)
    return one.model_copy(update=found)


def _kept(name: str, beside: Path, store: Store) -> str:
    if _DIGEST.fullmatch(name):
        return name
    data = read_bytes(beside / name, MAX_BYTES)
    return store.put_blob(encode_png(decode_picture(data, name)))


LORA_FOLDERS = (
    "",
    "loras",
    "lora",
    "Lora",
    "models/loras",
    "models/Lora",
    "sdxl/lora",
    "flux/lora",
    "models/sdxl/lora",
)
"""Where in a model folder LoRAs lie: in ours, and as other studios keep them."""
_MAY_RUN_CODE = (".ckpt", ".pt", ".pth", ".bin", ".pkl")


def worn(
    adapters: Sequence[Adapter], sources: Sources, can: Capabilities, store: Store, notes: list[str]
) -> tuple[Adapter, ...]:
    """The kit's own LoRA and those that are chosen, each a file of the workspace; `notes` says what was left out and
    why. Raises `BadInput` for one that cannot be had or used."""
    own = sources.kit.kit.adapter
    if not own and not adapters:
        return ()
    if not can.adapters:
        notes.append(f"LoRA: {can.reasons.get('adapters') or 'This painter does not use any.'}")
        return ()
    found = _own(own, sources, store, notes) if own else []
    for one in adapters:
        kept = _kept_adapter(one, sources, store)
        if any(kept.file == other.file for other in found):
            notes.append(f"LoRA {kept.name or one.file[:12]}: It is worn already; the first weight holds.")
        else:
            found.append(kept)
    return tuple(found)


def _own(name: str, sources: Sources, store: Store, notes: list[str]) -> list[Adapter]:
    """The kit's own. It was trained for one model; other painters do without it."""
    path = _kits(name, sources.kit)
    facts = sources.judge(path) if sources.judge and path.suffix.lower() == ADAPTER else None
    if facts and facts.reason:
        notes.append(f"The kit's LoRA: {facts.reason}")
        return []
    return [_kept_adapter(Adapter(file=str(path), name=path.stem), sources, store)]


def _kits(own: str, kit: LoadedKit) -> Path:
    path = inside(kit.folder, own)
    if not path.is_file():
        raise BadInput(
            f"The kit's LoRA {own} is not there", "Put it into the kit's folder, or take its name out of the kit"
        )
    return path


def _kept_adapter(one: Adapter, sources: Sources, store: Store) -> Adapter:
    """With its file in the workspace. Raises `BadInput` for one that the painter cannot wear."""
    if _DIGEST.fullmatch(one.file):
        _fits(store.file_path(one.file, ADAPTER), one.name, sources)
        return one
    if one.file.lower().endswith(_MAY_RUN_CODE):
        raise BadInput(
            f"{Path(one.file).name} is of a kind that may run code when it is opened", "Get the LoRA as .safetensors"
        )
    path = _adapter_path(one.file, sources)
    _fits(path, path.name, sources)
    return one.model_copy(update={"file": store.put_file(path, ADAPTER), "name": one.name or path.stem})


def _fits(path: Path, name: str, sources: Sources) -> None:
    """Raises `BadInput` with the reason where the painter cannot wear what lies at `path`."""
    facts = sources.judge(path) if sources.judge else None
    if facts and facts.reason:
        raise BadInput(facts.reason.replace(path.name, name or "A LoRA of the brief"), facts.hint)


def _adapter_path(name: str, sources: Sources) -> Path:
    wanted = name if name.lower().endswith(ADAPTER) else f"{name}{ADAPTER}"
    tried = [sources.beside / wanted]
    with suppress(BadInput):  # a path of this machine is no name in a model folder
        inner = relative_name(wanted)
        tried += [folder / below / inner for folder in sources.folders for below in LORA_FOLDERS]
    for path in tried:
        if path.is_file():
            return path
    where = ", ".join(str(folder / "loras") for folder in sources.folders) or "a folder named in LOCKUP_MODELS"
    raise BadInput(f"There is no LoRA called {name}", f"Put its .safetensors file beside the brief, or into {where}")
