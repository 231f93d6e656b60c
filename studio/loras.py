"""The LoRAs at hand: the files of the model folders by the names that a brief uses, and what their headers say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from engines.base import AdapterFacts, EngineError
from studio.brand.inside import inside
from studio.brand.kit import LoadedKit
from studio.desk.engines import Engines
from studio.desk.store import ADAPTER
from studio.steering import LORA_FOLDERS
from studio.values import Value

MOST = 400


class Lora(Value):
    """A file that can be named in a brief, and what is known of it; `reason` says why the painter cannot wear it."""

    file: str
    bytes: int
    title: str
    kind: str = ""
    base: str = ""
    family: str = ""
    keys: int = 0
    rank: int = 0
    words: tuple[str, ...] = ()
    reason: str = ""
    hint: str = ""


def loras(engines: Engines, painter_id: str) -> tuple[Lora, ...]:
    """Those that the painter can wear first, then the others; at most `MOST` files are looked at. Other models that
    lie openly in a model folder are left out."""
    found: dict[str, Lora] = {}
    for name, path, apart in _files(engines.folders):
        if name in found:
            continue
        facts = _facts(engines, path, painter_id)
        if facts.kind or apart:
            found[name] = Lora(file=name, bytes=_bytes(path), **vars(facts))
        if len(found) >= MOST:
            break
    return tuple(sorted(found.values(), key=lambda one: (bool(one.reason), one.file.lower())))


def kits_own(engines: Engines, kit: LoadedKit, painter_id: str) -> Lora | None:
    """The kit's own LoRA, which is worn with everything that is made for the brand; None where it has none."""
    if not kit.kit.adapter:
        return None
    path = inside(kit.folder, kit.kit.adapter)
    return Lora(file=kit.kit.adapter, bytes=_bytes(path), **vars(_facts(engines, path, painter_id)))


def _files(folders: tuple[Path, ...]) -> Iterator[tuple[str, Path, bool]]:
    """Name, file, and whether it lies in a folder for LoRAs, in the order in which a brief's names are looked up."""
    for folder in folders:
        for below in LORA_FOLDERS:
            place = folder / below
            if not place.is_dir():
                continue
            paths = place.rglob(f"*{ADAPTER}") if below else place.glob(f"*{ADAPTER}")
            for path in sorted(paths):
                yield path.relative_to(place).with_suffix("").as_posix(), path, bool(below)


def _facts(engines: Engines, path: Path, painter_id: str) -> AdapterFacts:
    if engines.adapter is None:
        return AdapterFacts(path.stem)
    try:
        return engines.adapter(path, painter_id)
    except EngineError as error:
        return AdapterFacts(path.stem, reason=str(error), hint=error.hint)


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # gone in this moment
        return 0
