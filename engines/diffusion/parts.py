"""Where the parts of a painter lie on this machine: fetched, or already there for other studios and used in place.

Looked into are the model folders and the hub's own cache; below them what ComfyUI, Forge and InvokeAI keep
(`checkpoints`, `Stable-diffusion`, `sdxl/main`, `unet`, `ipadapter` …). A file is what its header says. Where a header
cannot tell two models apart, as with two UNets of one shape, the file's name must agree too. Nothing is copied, and
no weight is loaded.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from engines import weights as w
from engines.base import EngineError
from engines.diffusion.family import Parts
from engines.diffusion.probe import Probed, probe, titles
from engines.diffusion.profile import Profile
from engines.manifest import Weights, read_manifest
from engines.tensors import sayable

log = logging.getLogger(__name__)
DEEP = 4
MOST = 20_000
"""How far below a model folder, and how many entries of it, are looked at for models of other studios."""
_ELSEWHERE = {
    "lora", "loras", "lycoris", "embeddings", "hypernetworks", "upscale_models", "esrgan", "realesrgan", "outputs",
    "output", "input", "temp", "custom_nodes", "node_modules", "site-packages", "__pycache__", "venv", "annotators",
}  # fmt: skip
_LOOSE = {
    "unet": ("denoiser", "sdxl", ""),
    "references": ("ip-adapter", "sdxl", "plus"),
    "face": ("ip-adapter", "sdxl", "plus"),
}
"""Parts that are one file and may lie anywhere: what their header must say."""
_SAMPLES, _SAMPLE_BYTES = 16, 1 << 16
_STEPS = re.compile(r"(?<!\d)(\d{1,2})[ _-]?steps?", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """What is here of a profile. `missing` and `lacking`: manifest ids of parts and of extras that are not."""

    parts: Parts
    missing: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()


def found(
    profile: Profile,
    folders: Sequence[Path],
    manifest: Mapping[str, Weights] | None = None,
    loose: Sequence[Path] | None = None,
) -> Found:
    """The parts and extras of a profile that are here. A damaged file is not noticed before it is opened. `loose`: what
    `loose_in(folders)` gave, for whoever asks about many profiles."""
    known = read_manifest() if manifest is None else manifest
    loose = loose_in(folders) if loose is None else loose
    places = (*folders, *hub_caches())
    paths: dict[str, Path] = {}
    missing: list[str] = []
    lacking: list[str] = []
    for part, name in {**profile.parts, **profile.extras}.items():
        path = _part(part, known[name], places, loose)
        if path is not None:
            paths[part] = path
        else:
            (missing if part in profile.parts else lacking).append(name)
    return Found(Parts(paths, digest(paths)), tuple(missing), tuple(lacking))


def loose_in(folders: Sequence[Path]) -> tuple[Path, ...]:
    """Every model file that lies by itself in the folders and the hub's cache."""
    return tuple(_models((*folders, *hub_caches())))


def hub_caches(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Where huggingface_hub keeps what other programs fetched, by the variables it reads."""
    home = environ.get("HF_HOME") or f"{environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    return (Path(environ.get("HF_HUB_CACHE") or f"{home}/hub").expanduser(),)


def _part(part: str, weights: Weights, places: Sequence[Path], loose: Sequence[Path]) -> Path | None:
    """A folder, or the file of a model that is one file."""
    files = w.find(weights, places)
    if files:
        paths = list(files.values())
        alone = len(weights.files) == 1 and "*" not in weights.files[0].path
        return paths[0] if alone else Path(os.path.commonpath([path.parent for path in paths]))
    wanted = _LOOSE.get(part.partition("-")[0])
    if wanted is None:
        return None
    name = PurePosixPath(weights.files[0].there).name.lower()
    for path in loose:
        if path.name.lower() == name and (said := _known(path)) and (said.kind, said.base, said.variant) == wanted:
            return path
    return None


# ------------------------------------------------------------------------------------------------ the designer's own


@dataclass(frozen=True)
class Own:
    """A checkpoint that is here: one file, or a folder in diffusers' layout. `words`: what its name and its metadata
    say, in lower case."""

    path: Path
    probed: Probed
    words: str


def own(kind: str, folders: Sequence[Path]) -> tuple[Own, ...]:
    """Every checkpoint of a base (`sdxl`) in the model folders, by name, each once however many links and folders lead
    to it. What is fetched by id is not among them."""
    names = tuple(read_manifest())
    ours = {folder / name for folder in folders for name in names}
    there: dict[Path, Own] = {}
    for path in _models(folders):
        said = None if ours & {*path.parents} else _known(path)
        if said and said.kind == "checkpoint" and said.base == kind:
            there.setdefault(path.resolve(), Own(path, said, f"{path.stem} {titles(path)}".lower()))
    for folder in _pipelines(folders):
        said = None if folder in ours else _sdxl(folder)
        if said:
            there.setdefault(folder.resolve(), Own(folder, said, folder.name.lower()))
    return tuple(sorted(there.values(), key=lambda one: (one.path.name.lower(), one.path)))


def ids(models: Sequence[Own]) -> list[str]:
    """What the painters of some checkpoints are called, after their names. Where two names come to the same, or one to
    nothing, all of these get a part of a digest besides: whatever else is put beside them, an id never comes to mean
    another checkpoint."""
    slugs = [_slug(model) for model in models]
    files = Counter(model.path.name for model in models)
    return [
        f"local-{slug}" if slug and slugs.count(slug) == 1
        else "-".join(filter(None, ["local", slug[:50].rstrip("-"), _mark(model, files[model.path.name] > 1)]))
        for model, slug in zip(models, slugs, strict=True)
    ]  # fmt: skip


def _slug(model: Own) -> str:
    name = model.path.name if model.path.is_dir() else model.path.stem
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:58].rstrip("-")


def _mark(model: Own, by_place: bool) -> str:
    told = str(model.path) if by_place else model.path.name
    return hashlib.sha256(told.encode()).hexdigest()[:6]


def painted_by(model: Own, profiles: Mapping[str, Profile]) -> Profile:
    """The profile a checkpoint is painted with, by the name of its file. How many steps it was made for is taken from
    its name where that says so (`8steps`)."""
    takers = [profile for profile in profiles.values() if profile.takes == model.probed.base]
    taker = next((p for p in takers if any(_says(model.words, word) for word in p.said)), None)
    profile = taker or next(profile for profile in takers if not profile.said)
    steps = profile.steps
    if taker and (counted := _STEPS.search(model.words)) and int(counted[1]) > 0:
        steps = {"normal": int(counted[1])}
    return replace(profile, name=model.path.name, steps=steps)


def with_own(
    profile: Profile,
    model: Own,
    folders: Sequence[Path],
    manifest: Mapping[str, Weights] | None = None,
    loose: Sequence[Path] | None = None,
) -> Found:
    """The parts of a painter made of a checkpoint: a file needs the base's settings, a folder brings its own."""
    if model.path.is_dir():
        here = found(replace(profile, parts={}), folders, manifest, loose)
        paths = {**here.parts.paths, "base": model.path}
    else:
        here = found(profile, folders, manifest, loose)
        paths = {**here.parts.paths, "checkpoint": model.path}
    return replace(here, parts=Parts(paths, digest(paths)))


def _says(text: str, word: str) -> bool:
    return re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", text) is not None


def _sdxl(folder: Path) -> Probed | None:
    """What a folder in diffusers' layout is, if it is an SDXL pipeline with all its networks."""
    networks = ("unet", "vae", "text_encoder", "text_encoder_2")
    if not str(_table(folder / "model_index.json").get("_class_name", "")).startswith("StableDiffusionXL"):
        return None
    if not all(any((folder / name).glob("*.safetensors")) for name in networks):
        return None
    taken = str(_table(folder / "unet/config.json").get("in_channels", 4))
    return Probed("checkpoint", "sdxl", {"4": "", "8": "edit", "9": "inpaint"}.get(taken, f"{taken[:20]} channels"))


def _table(path: Path) -> Mapping[str, Any]:
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


# ------------------------------------------------------------------------------------------------ looking


def _known(path: Path) -> Probed | None:
    try:
        return probe(path)
    except EngineError:
        return None


def _models(folders: Sequence[Path]) -> Iterator[Path]:
    """Safetensors files below the folders, but not those inside a model in diffusers' layout."""
    for folder in folders:
        for place, names in _walk(folder):
            if "config.json" not in names and "model_index.json" not in names:
                yield from (place / name for name in sorted(names) if name.lower().endswith(".safetensors"))


def _pipelines(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from (place for place, names in _walk(folder) if "model_index.json" in names)


def _walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Folders with the names of their files, down to `DEEP`, what other tools keep for other ends left out, and names
    that no encoding holds. Links to folders are not followed."""
    seen = 0
    for place, below, names in os.walk(folder):
        here = Path(place)
        seen += len(below) + len(names)
        deep = len(here.relative_to(folder).parts)
        inside = "model_index.json" in names
        below[:] = sorted(
            name for name in below
            if deep < DEEP and not inside and not name.startswith((".", "models--")) and name.lower() not in _ELSEWHERE
            and sayable(name) == name
        )  # fmt: skip
        yield here, [name for name in names if sayable(name) == name]
        if seen > MOST:
            log.warning("%s holds more than %d entries: the rest was not looked at for models", folder, MOST)
            return


# ------------------------------------------------------------------------------------------------ digests


def digest(paths: Mapping[str, Path]) -> str:
    """16 hex digits that stand for the parts' content, for what is planned and cached: of each file the SHA-256 noted
    when it was fetched, else its size, its header and a megabyte from all over it. Empty without parts. What only shows
    a picture while it is painted does not count: the picture is the same without it."""
    if not paths:
        return ""
    deciding = [(part, path) for part, path in sorted(paths.items()) if part != "preview"]
    lines = [f"{part} {content}" for part, path in deciding for content in _contents(path)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _contents(path: Path) -> Iterator[str]:
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    for file in files:
        if file.suffix.lower() in w.SUFFIXES and ".cache" not in file.parts:
            name = "" if file is path else file.relative_to(path).as_posix()
            try:
                seen = file.stat()
                yield f"{name} {w.noted(file) or _sampled(file, seen.st_size, seen.st_mtime_ns)}"
            except OSError:
                yield f"{name} cannot be read"  # why is said when the painter is opened


@lru_cache(maxsize=4096)
def _sampled(path: Path, size: int, changed: int) -> str:
    """A digest of a file's size, its first bytes (the header of most) and samples spread over it."""
    taken = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for sample in range(_SAMPLES):
            file.seek(sample * max(size - _SAMPLE_BYTES, 0) // (_SAMPLES - 1))
            taken.update(file.read(_SAMPLE_BYTES))
    return taken.hexdigest()
