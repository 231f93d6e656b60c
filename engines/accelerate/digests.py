"""Digests of weights without reading them at every start: noted when they were fetched, else read whole once and noted
here. Loads no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from engines import weights as w
from engines.accelerate.seals import write_aside
from engines.base import EngineError, Progress

_PIECE = 1 << 24
_LOOSE = ("safetensors", "json")


class Digests:
    """The SHA-256 of files, kept in `file` with their sizes and times of change. Losing it costs reading them again."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def of(self, path: Path, progress: Progress | None = None) -> str:
        """64 hex digits; reads the file if it is not known as it is now. Raises `EngineError` for one that is gone."""
        try:
            known = self.known(path)
            return known or self._read(path, progress or Progress())
        except OSError as error:
            raise EngineError(f"{path} cannot be read: {error.strerror}", "Check the painter's files.") from error

    def known(self, path: Path) -> str:
        """The digest if it costs nothing; empty when the file would have to be read. Raises `OSError`."""
        seen = path.stat()
        noted = self._notes().get(str(path.resolve()), [])
        return w.noted(path) or (str(noted[2]) if noted[:2] == [seen.st_size, seen.st_mtime_ns] else "")

    def _read(self, path: Path, progress: Progress) -> str:
        seen, taken, done = path.stat(), hashlib.sha256(), 0
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                taken.update(piece)
                done += len(piece)
                progress.report(done / max(seen.st_size, 1), f"Reading {path.name}")
        notes = self._notes() | {str(path.resolve()): [seen.st_size, seen.st_mtime_ns, taken.hexdigest()]}
        write_aside(self._file, json.dumps(notes, indent=1).encode())
        return taken.hexdigest()

    def _notes(self) -> dict[str, list[object]]:
        try:
            said = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return {}
        whole = isinstance(said, dict) and all(isinstance(n, list) and len(n) == 3 for n in said.values())
        return said if whole else {}


def files_of(graph: str, paths: Mapping[str, Path]) -> list[tuple[str, Path]]:
    """The files that decide a graph's weights, each under a name that does not depend on where it lies. `paths`: parts
    of a painter of the SDXL family, as `engines.diffusion.profile` names them. Raises `EngineError` where one is
    missing."""
    part = "vae" if graph.startswith("vae_") else "controls" if graph.startswith("controlnet") else graph
    found: list[tuple[str, Path]] = []
    if part in ("vae", "controls", "image_encoder") and part in paths:
        found = _in_folder(part, paths[part])
    elif "checkpoint" in paths and part not in ("controls", "image_encoder"):
        found = [(part, paths["checkpoint"])]
    elif part == "unet" and "unet" in paths:
        found = [("unet", paths["unet"]), *_in_folder("config", paths["base"] / "unet", ("json",))]
    elif "base" in paths and part not in ("controls", "image_encoder"):
        found = _in_folder(part, paths["base"] / part)
    if part == "unet" and "image_encoder" in paths:  # their layers are inside the UNet
        found += [(name, paths[name]) for name in ("references", "face") if name in paths]
    if not any(path.suffix == ".safetensors" for _, path in found):
        raise EngineError(f"The weights of {graph} are not here", "Fetch the painter's weights first.")
    return found


def weights_digest(graph: str, paths: Mapping[str, Path], digests: Digests, progress: Progress | None = None) -> str:
    """64 hex digits for all weights in a graph. A changed byte changes it, as its file's time of change does."""
    files, progress = files_of(graph, paths), progress or Progress()
    each = 1 / len(files)
    lines = [f"{name} {digests.of(path, progress.part(n * each, each))}" for n, (name, path) in enumerate(files)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _in_folder(name: str, folder: Path, kinds: tuple[str, ...] = _LOOSE) -> list[tuple[str, Path]]:
    paths = sorted(path for path in folder.glob("*") if path.suffix.removeprefix(".") in kinds)
    return [(f"{name}/{path.name}", path) for path in paths]
