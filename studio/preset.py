"""Presets: a kit with everything that goes with it, under a name and in one file that opens on any machine.

`NAME.lockup` is a ZIP: `preset.json`, the kit's folder under `kit/`, and reference pictures under `pictures/` by the
SHA-256 of their content. Only files that the preset or its kit name are read out of it, each within a limit.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import re
import secrets
import shutil
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Annotated, Any, Literal

from pydantic import Field

from studio.brand.dtcg.tokens import kit_from_tokens, parse_tokens
from studio.brand.inside import inside, relative_name
from studio.brand.kit import MAX_TOKENS_BYTES, TOKENS_FILE, LoadedKit, load_kit, writing
from studio.brand.source.archive import Zip
from studio.brand.source.folder import NotRead
from studio.brief.draft import Draft
from studio.composition import Reference, SetEdits, Vary
from studio.desk.files import ASIDE, write_whole
from studio.desk.store import Store
from studio.errors import BadInput, LockupError
from studio.model import BrandKit
from studio.pixels import decode_picture, read_bytes
from studio.shelf import Shelf
from studio.values import Slug, Value, read_value

ENDING = ".lockup"
MOST_BYTES = 80_000_000
"""Of one file, packed: what the page takes in. Unpacked it may be twice that."""
_PRESET_FILE, _MAX_PRESET_BYTES = "preset.json", 1_000_000
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_REMOVED = re.compile(r"\.removed-([a-z0-9][a-z0-9-]{0,60})-[0-9a-f]{8}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_AS_IT_IS = (".png", ".jpg", ".jpeg", ".webp", ".woff2")
_OURS = "Expected a file that Lockup exported"
log = logging.getLogger(__name__)


class Preset(Value):
    """What is kept besides the kit. A `kind` of kit holds nothing else."""

    version: Literal[1] = 1
    kind: Literal["preset", "kit"] = "preset"
    name: Annotated[str, Field(min_length=1, max_length=120)]
    look: Slug | None = None
    sets: Annotated[tuple[Slug, ...], Field(max_length=100)] = ()
    set_edits: SetEdits = SetEdits()
    layouts: Annotated[tuple[Slug, ...], Field(max_length=100)] = ()
    references: Annotated[tuple[Reference, ...], Field(max_length=12)] = ()
    vary: Annotated[tuple[Vary, ...], Field(max_length=5)] = ("set", "layout", "headline")
    formats: Annotated[tuple[Slug, ...], Field(max_length=200)] = ()

    def pictures(self) -> tuple[str, ...]:
        """The digests of its references' pictures and masks. Raises `BadInput` for one that is none."""
        named = [name for one in self.references for name in (one.picture, one.mask) if name]
        if bad := [name for name in named if not _DIGEST.fullmatch(name)]:
            raise BadInput(f"A reference names {bad[0][:40]!r}, which is no picture of the workspace", _OURS)
        return tuple(dict.fromkeys(named))


_TAKEN = ("look", "sets", "set_edits", "layouts", "references", "vary", "formats")
"""Fields of a draft that a preset keeps, by the same names."""


@dataclass(frozen=True)
class OnFile:
    """A saved preset as it is listed. `changed` is in seconds since the epoch."""

    id: str
    preset: Preset
    kit: BrandKit
    changed: float


class Presets:
    """The presets of a workspace, one file each."""

    def __init__(self, folder: Path, shelf: Shelf, store: Store) -> None:
        self.path = folder
        self._shelf, self._store = shelf, store
        self._known: dict[str, tuple[tuple[int, int], OnFile]] = {}
        self._lock = threading.RLock()

    def file(self, preset_id: str) -> Path:
        """Where a preset lies. Raises `BadInput` when there is none of that id."""
        path = self.path / f"{preset_id}{ENDING}"
        if not _ID.fullmatch(preset_id) or not path.is_file():
            raise BadInput(f"There is no preset called {preset_id[:80]!r}", "Choose one of the list.")
        return path

    def listed(self) -> list[OnFile]:
        """Every preset that can be read, by name."""
        found = []
        for path in self.path.glob(f"*{ENDING}"):
            if _ID.fullmatch(path.stem):
                try:
                    found.append(self._line(path))
                except (LockupError, OSError) as error:
                    log.warning("preset %s cannot be read: %s", path, error)
        return sorted(found, key=lambda one: one.preset.name.casefold())

    def save(self, name: str, draft: Draft) -> str:
        """Keep the draft's kit and everything that goes with it; a preset of that name is replaced. Returns its id.
        Raises `BadInput`."""
        fields = {field: getattr(draft, field) for field in _TAKEN}
        preset = read_value(Preset, {"name": name.strip(), **_plain(fields)}, "The preset")
        with self._lock:
            same = next((one.id for one in self.listed() if one.preset.name == preset.name), None)
            data = self.packed(preset, self._shelf.folder(draft.kit))
            path = self.path / f"{same or self._free(preset.name)}{ENDING}"
            write_whole(path, data)
        return path.stem

    def kit_file(self, kit_id: str) -> tuple[str, bytes]:
        """A kit by itself: a name for its file, and the file."""
        kit = self._shelf.load(kit_id)
        return f"{_slug(kit.kit.name)}{ENDING}", self.packed(Preset(kind="kit", name=kit.kit.name[:120]), kit.folder)

    def use(self, preset_id: str) -> tuple[dict[str, Any], bool]:
        """The fields a draft takes from a preset, its kit among them, and whether the kit had to be put on the shelf
        first. Raises `BadInput`."""
        with self._lock, _opened(self.file(preset_id)) as (preset, archive):
            with self._unpacked(archive) as kit:
                same = next((one.id for one in self._shelf.listed() if one.kit.digest == kit.digest), None)
                kit_id = same or self._shelf.put(kit.folder, kit.kit.name).name
            self._keep_pictures(preset, archive)
        fields = preset.model_dump(mode="json", include=set(_TAKEN))
        return {"kit": kit_id, **fields}, same is None

    def take_in(self, path: Path) -> tuple[Literal["preset", "kit"], str]:
        """Read a file from elsewhere, whole, before any of it is kept: a preset goes to the presets, a kit by itself to
        the shelf. Returns which, and its id. Raises `BadInput`."""
        read_bytes(path, MOST_BYTES)
        with self._lock, _opened(path) as (preset, archive), self._unpacked(archive) as kit:
            if preset.kind == "kit":
                return "kit", self._shelf.put(kit.folder, kit.kit.name).name
            self._keep_pictures(preset, archive)
            target = self.path / f"{self._free(preset.name)}{ENDING}"
            write_whole(target, self.packed(preset, kit.folder))
            return "preset", target.stem

    def remove(self, preset_id: str) -> str:
        """Take a preset away; returns what `bring_back` takes."""
        token = f".removed-{preset_id}-{secrets.token_hex(4)}"
        with self._lock:
            path = self.file(preset_id)
            with writing(path):
                path.rename(self.path / token)
        return token

    def bring_back(self, token: str) -> str:
        """The preset that was removed, and its id."""
        named = _REMOVED.fullmatch(token)
        if named is None or not (self.path / token).is_file():
            raise BadInput("This preset is no longer there", "Save it again.")
        with self._lock:
            to = self.path / f"{self._free(named[1])}{ENDING}"
            with writing(to):
                (self.path / token).rename(to)
        return to.stem

    def packed(self, preset: Preset, kit_folder: Path) -> bytes:
        """A preset as one file. Raises `BadInput` when it would be too large to be opened elsewhere."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_PRESET_FILE, preset.model_dump_json(indent=2))
            archive.writestr(f"kit/{TOKENS_FILE}", read_bytes(kit_folder / TOKENS_FILE, MAX_TOKENS_BYTES))
            for name in _files(load_kit(kit_folder).kit):
                path = inside(kit_folder, name)
                if path.is_file():
                    _put(archive, f"kit/{name}", read_bytes(path, MOST_BYTES))
            for digest in preset.pictures():
                _put(archive, f"pictures/{digest}.png", self._store.get_blob(digest))
        if out.tell() > MOST_BYTES:
            raise BadInput(
                f"{preset.name} would be larger than {MOST_BYTES / 1e6:g} MB", "Take large fonts or pictures out of it."
            )
        return out.getvalue()

    # -------------------------------------------------------------------------------------------- reading

    def _line(self, path: Path) -> OnFile:
        stat = path.stat()
        stamp = stat.st_mtime_ns, stat.st_size
        known = self._known.get(path.stem)
        if known is None or known[0] != stamp:
            with _opened(path) as (preset, archive):
                line = OnFile(path.stem, preset, _tokens(archive)[1], stat.st_mtime)
            known = self._known[path.stem] = stamp, line
        return known[1]

    @contextlib.contextmanager
    def _unpacked(self, archive: Zip) -> Iterator[LoadedKit]:
        """The kit of a file in a folder of its own, loaded and so checked; gone afterwards."""
        data, kit = _tokens(archive)
        aside = self._shelf.path / f"{ASIDE}{secrets.token_hex(6)}.part"
        left = 2 * MOST_BYTES
        try:
            with writing(aside):
                aside.mkdir(parents=True)
                (aside / TOKENS_FILE).write_bytes(data)
                for name in _files(kit):
                    found = _take(archive, f"kit/{relative_name(name)}", left, absent=True)
                    left -= len(found)
                    if found:
                        (aside / relative_name(name)).parent.mkdir(parents=True, exist_ok=True)
                        (aside / relative_name(name)).write_bytes(found)
            yield load_kit(aside)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _keep_pictures(self, preset: Preset, archive: Zip) -> None:
        """The pictures of the references, checked before the first of them is kept."""
        pictures = {}
        for digest in preset.pictures():
            data = pictures[digest] = _take(archive, f"pictures/{digest}.png", MOST_BYTES)
            if hashlib.sha256(data).hexdigest() != digest:
                raise BadInput("A reference picture is not the one the preset was saved with", _OURS)
            decode_picture(data, "A reference picture")
        for data in pictures.values():
            self._store.put_blob(data)

    def _free(self, name: str) -> str:
        slug = _slug(name)
        taken = {path.stem for path in self.path.glob(f"*{ENDING}")}
        return next(free for free in (slug, *(f"{slug}-{n}" for n in range(2, 100_000))) if free not in taken)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[Preset, Zip]]:
    """What a file says it is, and its other files. Raises `BadInput` for all that is no preset."""
    archive = Zip(path)
    try:
        data = json.loads(_take(archive, _PRESET_FILE, _MAX_PRESET_BYTES).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path.name} is damaged: {_PRESET_FILE} is not JSON", _OURS) from error
    version = data.get("version") if isinstance(data, dict) else None
    if version != 1 or isinstance(version, bool):
        raise BadInput(
            f"{path.name} is of version {str(version)[:20]}, which this program does not know", "Expected version 1"
        )
    preset = read_value(Preset, data, path.name)
    preset.pictures()
    yield preset, archive


def _tokens(archive: Zip) -> tuple[bytes, BrandKit]:
    data = _take(archive, f"kit/{TOKENS_FILE}", MAX_TOKENS_BYTES)
    return data, kit_from_tokens(parse_tokens(data, TOKENS_FILE), TOKENS_FILE)[0]


def _take(archive: Zip, name: str, limit: int, absent: bool = False) -> bytes:
    """One file out of it; empty where it may be `absent` and is. Raises `BadInput`."""
    if absent and archive.find(name) is None:
        return b""
    try:
        return archive.read(name, limit)
    except NotRead as error:
        raise BadInput(f"{name} in the file {error}", _OURS) from error


def _put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    packing = zipfile.ZIP_STORED if name.lower().endswith(_AS_IT_IS) else zipfile.ZIP_DEFLATED
    archive.writestr(name, data, packing)


def _files(kit: BrandKit) -> list[str]:
    """Every file the kit names inside its folder, each once."""
    fonts = [font.file for choice in (kit.type.heading, kit.type.body) for font in choice.files]
    named = [logo.file for logo in kit.logos] + [file for file in fonts if not file.startswith("package:")]
    return list(dict.fromkeys([*named, *kit.references, *([kit.adapter] if kit.adapter else [])]))


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value.model_dump() if isinstance(value, Value) else value for name, value in fields.items()}


def _slug(name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:48].strip("-") or "preset"
    return f"{slug}-kit" if PureWindowsPath(slug).is_reserved() else slug
