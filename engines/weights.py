"""Model weights: the manifest, offline folders, and a download that is checked and can be taken up again."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import tomllib
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from engines.base import EngineError, Progress, Stopped
from engines.tensors import read_header

MANIFEST = Path(__file__).resolve().parent.parent / "presets" / "weights.toml"
SUFFIXES = (".safetensors", ".onnx", ".onnx_data", ".json", ".txt")
CHUNK = 1 << 20
TIMEOUT_S = 30.0
SPARE_BYTES = 200_000_000
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FIELDS = {"name", "source", "licence", "licence_url", "commercial", "files"}


@dataclass(frozen=True)
class WeightFile:
    """One file. `path` is relative, with forward slashes, below the model's own folder."""

    path: str
    url: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Weights:
    """One model's files and whose terms they are under. `commercial`: whether pictures may go into paid ads."""

    id: str
    name: str
    licence: str
    licence_url: str
    commercial: bool
    files: tuple[WeightFile, ...]

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def read_manifest(path: Path = MANIFEST) -> dict[str, Weights]:
    """Every model of the manifest by id. Raises `EngineError` naming table and field."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"{path.name} cannot be read: {error}", "Install the project again.") from error
    return {name: _weights(f"{path.name} [{name}]", name, table) for name, table in tables.items()}


def _weights(where: str, name: str, table: Any) -> Weights:
    if not _ID.fullmatch(name) or not isinstance(table, dict):
        raise EngineError(f"{where}: expected a table named in lower-case letters, digits, dots and dashes")
    if strange := set(table) - _FIELDS:
        raise EngineError(f"{where}: unknown field {min(strange)}", f"Known fields: {', '.join(sorted(_FIELDS))}")
    licence, commercial = table.get("licence"), table.get("commercial")
    if not isinstance(licence, str) or not licence or not isinstance(commercial, bool):
        raise EngineError(f"{where}: expected licence (text) and commercial (true or false)")
    files = table.get("files")
    if not isinstance(files, list) or not files:
        raise EngineError(f"{where}: expected at least one entry under files")
    return Weights(
        id=name,
        name=str(table.get("name", name)),
        licence=licence,
        licence_url=str(table.get("licence_url", "")),
        commercial=commercial,
        files=tuple(_file(where, str(table.get("source", "")), entry) for entry in files),
    )


def _file(where: str, source: str, entry: Any) -> WeightFile:
    if not isinstance(entry, dict) or set(entry) - {"path", "url", "bytes", "sha256"}:
        raise EngineError(f"{where}: files: expected path, bytes, sha256 and perhaps url")
    path, size, digest = entry.get("path"), entry.get("bytes"), entry.get("sha256")
    if not isinstance(path, str) or not _safe(path):
        raise EngineError(f"{where}: files: {path!r} is not a relative path with forward slashes")
    _refuse_kind(path)
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
        raise EngineError(f"{where}: {path}: bytes: expected a number above 0, got {size!r}")
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise EngineError(f"{where}: {path}: sha256: expected 64 hex digits in lower case")
    url = str(entry.get("url") or urljoin(source, quote(path)))
    if urlsplit(url).scheme not in ("http", "https"):
        raise EngineError(f"{where}: {path}: expected an http or https address, got {url!r}")
    return WeightFile(path, url, size, digest)


def _safe(path: str) -> bool:
    pure = PurePosixPath(path)
    bad = pure.is_absolute() or not pure.parts or any(part in (".", "..") for part in pure.parts)
    return not bad and "\\" not in path and ":" not in path and "\0" not in path


def _refuse_kind(path: str) -> None:
    if not path.lower().endswith(SUFFIXES):
        raise EngineError(
            f"{path} is of a kind that may run code when it is opened, or is not known",
            f"Use a safetensors or ONNX file. Allowed: {', '.join(SUFFIXES)}",
        )


# ------------------------------------------------------------------------------------------------ what is there


def model_folders(workspace_models: Path, environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Where weights are looked for: the folders of `LOCKUP_MODELS`, then the workspace's own."""
    named = [Path(part).expanduser() for part in environ.get("LOCKUP_MODELS", "").split(os.pathsep) if part.strip()]
    return (*named, workspace_models)


def find(weights: Weights, folders: Sequence[Path]) -> dict[str, Path] | None:
    """Every file of a model, by its path in the manifest; None if one is missing or has another size."""
    found: dict[str, Path] = {}
    for file in weights.files:
        there = next((path for folder in folders if _sized(path := folder / weights.id / file.path, file.bytes)), None)
        if there is None:
            return None
        found[file.path] = there
    return found


def check_file(path: Path) -> None:
    """Refuse what must not be loaded: pickles, and safetensors whose header does not describe the file."""
    _refuse_kind(path.name)
    if path.suffix.lower() == ".safetensors":
        read_header(path)


def _sized(path: Path, size: int) -> bool:
    try:
        return path.is_file() and path.stat().st_size == size
    except OSError:
        return False


# ------------------------------------------------------------------------------------------------ fetching


def fetch(weights: Weights, folder: Path, *, accept_licence: str, progress: Progress | None = None) -> dict[str, Path]:
    """Download what is missing into `folder`, check it, and return every file by its path in the manifest.

    Never silent: `accept_licence` must be the licence's own name, which the designer was shown. A broken download is
    taken up where it stopped. Raises `EngineError`, and `Stopped` when `progress` says so (what came so far is kept).
    """
    if accept_licence != weights.licence:
        raise EngineError(
            f"{weights.name} is under the licence {weights.licence}, which has not been accepted",
            f"Read it{f' at {weights.licence_url}' if weights.licence_url else ''} and accept it by name.",
        )
    progress = progress or Progress()
    missing = [file for file in weights.files if not _sized(folder / weights.id / file.path, file.bytes)]
    _check_disk(folder, missing, weights)
    done, total = 0, sum(file.bytes for file in missing) or 1
    for file in missing:
        share = progress.part(done / total, file.bytes / total)
        _fetch_file(file, folder / weights.id / file.path, share)
        done += file.bytes
    return {file.path: folder / weights.id / file.path for file in weights.files}


def _check_disk(folder: Path, missing: Sequence[WeightFile], weights: Weights) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise EngineError(f"{folder} cannot be written: {error.strerror}", "Choose another folder.") from error
    kept = sum(_size(_part(folder / weights.id / file.path)) for file in missing)
    needed = sum(file.bytes for file in missing) - kept
    if missing and needed + SPARE_BYTES > free:
        raise EngineError(
            f"{weights.name} needs {needed / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB free",
            f"Free some space, or set LOCKUP_MODELS to a folder on another disk than {folder}.",
        )


def _fetch_file(file: WeightFile, target: Path, progress: Progress) -> None:
    part = _part(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if _size(part) > file.bytes:
            part.unlink()
        if _size(part) < file.bytes:
            _download(file, part, progress)
        if _digest(part) != file.sha256:
            part.unlink()
            raise EngineError(
                f"{file.path} arrived damaged, or is not the file that was expected",
                "Nothing was kept. Try again; if it stays so, the source has changed it.",
            )
        try:
            if target.suffix.lower() == ".safetensors":
                read_header(part)
        except EngineError:
            part.unlink()
            raise
        part.replace(target)
    except OSError as error:
        raise EngineError(f"{target} could not be written: {error.strerror or error}", "Try again.") from error


def _download(file: WeightFile, part: Path, progress: Progress) -> None:
    have = _size(part)
    request = urllib.request.Request(file.url, headers={"User-Agent": "lockup", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with _opener().open(request, timeout=TIMEOUT_S) as answer:
            resumed = have and answer.status == 206 and _starts_at(answer.headers.get("Content-Range"), have)
            have = have if resumed else 0
            with part.open("ab" if resumed else "wb") as out:
                while chunk := answer.read(min(CHUNK, file.bytes - have + 1)):
                    have += len(chunk)
                    if have > file.bytes:
                        break
                    out.write(chunk)
                    progress.report(have / file.bytes, f"Fetching {file.path}")
    except Stopped:
        raise
    except urllib.error.HTTPError as error:
        raise _unreachable(file, f"the server answered {error.code} {error.reason}") from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise _unreachable(file, str(getattr(error, "reason", "") or error)) from error
    if have != file.bytes:
        if have > file.bytes:
            part.unlink(missing_ok=True)
        raise _unreachable(file, f"expected {file.bytes} bytes, got {'more' if have > file.bytes else have}")


def _unreachable(file: WeightFile, why: str) -> EngineError:
    return EngineError(
        f"{file.path} could not be fetched: {why}",
        "Check the connection and try again; it goes on where it stopped. Or put the file into the models folder.",
    )


class _SameScheme(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https only, and never from https down to http."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        old, new = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if new not in ("http", "https") or (old == "https" and new != "https"):
            raise urllib.error.HTTPError(newurl, code, "redirected to an address that is not safe", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler, urllib.request.HTTPHandler, urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler, urllib.request.HTTPErrorProcessor, _SameScheme,
    ):  # fmt: skip
        opener.add_handler(handler())
    return opener


def _starts_at(content_range: str | None, have: int) -> bool:
    return bool(content_range and re.match(rf"bytes {have}-", content_range))


def _part(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
