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
MOST_BYTES = 4_000_000_000
"""A file whose size nobody states may not be larger."""
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_HEX = re.compile(r"[0-9a-f]+")
_DIGITS = {"sha256": 64, "md5": 32}
_FIELDS = {"name", "source", "licence", "licence_url", "commercial", "files"}


@dataclass(frozen=True)
class WeightFile:
    """One file. `path` is relative, with forward slashes, below the model's own folder.

    `bytes` is 0 and `sha256` is empty where its source publishes neither. `md5` tells a damaged file as well, but not
    a forged one; the SHA-256 of what came is then noted beside the file.
    """

    path: str
    url: str
    bytes: int
    sha256: str
    md5: str = ""

    @property
    def digest(self) -> str:
        """What the manifest knows it by: `sha256:…`, else `md5:…`."""
        return f"sha256:{self.sha256}" if self.sha256 else f"md5:{self.md5}"


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
        """What is known of its size; 0 when nothing is."""
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
    if not isinstance(entry, dict) or set(entry) - {"path", "url", "bytes", *_DIGITS}:
        raise EngineError(f"{where}: files: expected path, bytes, sha256 (or md5) and perhaps url")
    path, size = entry.get("path"), entry.get("bytes")
    if not isinstance(path, str) or not _safe(path):
        raise EngineError(f"{where}: files: {path!r} is not a relative path with forward slashes")
    _refuse_kind(path)
    if "bytes" in entry and (not isinstance(size, int) or isinstance(size, bool) or size <= 0):
        raise EngineError(f"{where}: {path}: bytes: expected a number above 0, got {size!r}")
    digests = {kind: entry[kind] for kind in _DIGITS if kind in entry}
    for kind, digest in digests.items():
        if not isinstance(digest, str) or len(digest) != _DIGITS[kind] or not _HEX.fullmatch(digest):
            raise EngineError(f"{where}: {path}: {kind}: expected {_DIGITS[kind]} hex digits in lower case")
    if not digests:
        raise EngineError(f"{where}: {path}: expected a sha256, or the md5 its source publishes")
    url = str(entry.get("url") or urljoin(source, quote(path)))
    if urlsplit(url).scheme not in ("http", "https"):
        raise EngineError(f"{where}: {path}: expected an http or https address, got {url!r}")
    return WeightFile(path, url, size or 0, digests.get("sha256", ""), digests.get("md5", ""))


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


def model_folders(workspace_models: Path | None = None, environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Where weights are looked for: the folders of `LOCKUP_MODELS`, then the workspace's own."""
    named = [Path(part).expanduser() for part in environ.get("LOCKUP_MODELS", "").split(os.pathsep) if part.strip()]
    return (*named, workspace_models) if workspace_models else tuple(named)


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


def verify(file: WeightFile, path: Path) -> None:
    """Read the whole of a file and refuse it unless it is what the manifest promises."""
    try:
        intact = _sized(path, file.bytes) and _intact(file, path)
    except OSError as error:
        raise EngineError(f"{path} cannot be read: {error.strerror}", "Check the path and its permissions.") from error
    if not intact:
        raise EngineError(
            f"{path} is damaged, cut short, or is another file than {file.path}",
            f"Delete it and fetch it again. Expected {file.digest}.",
        )


def _intact(file: WeightFile, path: Path) -> bool:
    if file.sha256:
        return _digest(path) == file.sha256
    noted = _note(path).read_text("ascii", "replace").split() if _note(path).is_file() else []
    return _digest(path, "md5") == file.md5 and (not noted or _digest(path) == noted[0])


def _sized(path: Path, size: int) -> bool:
    try:
        return path.is_file() and (size == 0 or path.stat().st_size == size)
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
    missing = [file for file in weights.files if not _there(file, folder / weights.id / file.path)]
    _check_disk(folder, missing, weights)
    done, total = 0, sum(file.bytes or 1 for file in missing)
    for file in missing:
        share = progress.part(done / total, (file.bytes or 1) / total)
        _fetch_file(file, folder / weights.id / file.path, share)
        done += file.bytes or 1
    return {file.path: folder / weights.id / file.path for file in weights.files}


def _there(file: WeightFile, path: Path) -> bool:
    # Where the size is not known only reading the file tells whether it is whole.
    try:
        return _sized(path, file.bytes) and (file.bytes > 0 or _intact(file, path))
    except OSError:
        return False


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
        if file.bytes and _size(part) > file.bytes:
            part.unlink()
        if not file.bytes or _size(part) < file.bytes:
            _download(file, part, progress)
        if not _intact(file, part):
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
        if not file.sha256:
            _note(target).write_text(f"{_digest(target)}  {target.name}\n", "ascii")
    except OSError as error:
        raise EngineError(f"{target} could not be written: {error.strerror or error}", "Try again.") from error


def _download(file: WeightFile, part: Path, progress: Progress) -> None:
    have = _size(part)
    request = urllib.request.Request(file.url, headers={"User-Agent": "lockup", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    promised = file.bytes
    try:
        with _opener().open(request, timeout=TIMEOUT_S) as answer:
            resumed = have and answer.status == 206 and _starts_at(answer.headers.get("Content-Range"), have)
            have = have if resumed else 0
            promised = file.bytes or _promised(answer.headers.get("Content-Length"), have)
            with part.open("ab" if resumed else "wb") as out:
                while chunk := answer.read(min(CHUNK, (promised or MOST_BYTES) - have + 1)):
                    have += len(chunk)
                    if have > (promised or MOST_BYTES):
                        break
                    out.write(chunk)
                    progress.report(have / (promised or MOST_BYTES), f"Fetching {file.path}")
    except Stopped:
        raise
    except urllib.error.HTTPError as error:
        if error.code == 416 and have and not file.bytes:
            return  # Nothing was left to send: all of it is here, and its digest is looked at next.
        raise _unreachable(file, f"the server answered {error.code} {error.reason}") from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise _unreachable(file, str(getattr(error, "reason", "") or error)) from error
    if have > (limit := promised or MOST_BYTES):
        part.unlink(missing_ok=True)
        raise _unreachable(file, f"expected {limit} bytes{'' if promised else ' at most'}, got more")
    if have < promised:
        raise _unreachable(file, f"expected {promised} bytes, got {have}")


def _promised(content_length: str | None, have: int) -> int:
    """The whole size a server states, 0 when it states none or too much."""
    length = int(content_length) if content_length and content_length.isascii() and content_length.isdigit() else 0
    return have + length if 0 < length <= MOST_BYTES - have else 0


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


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, 64 hex digits. Raises `OSError`."""
    return _digest(path)


def _digest(path: Path, kind: str = "sha256") -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()
