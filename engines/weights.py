"""Model weights: the manifest, offline folders, and a download that is checked and can be taken up again."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engines.base import EngineError, Progress, Stopped
from engines.manifest import SUFFIXES, WeightFile, Weights, read_manifest, refuse_kind
from engines.tensors import read_header

CHUNK = 1 << 18
TIMEOUT_S = 30.0
SPARE_BYTES = 200_000_000
MOST_BYTES = 4_000_000_000
"""A file whose size nobody states may not be larger."""


# ------------------------------------------------------------------------------------------------ what is there


def model_folders(workspace_models: Path | None = None, environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Where weights are looked for: the folders of `LOCKUP_MODELS`, then the workspace's own."""
    named = [Path(part).expanduser() for part in environ.get("LOCKUP_MODELS", "").split(os.pathsep) if part.strip()]
    return (*named, workspace_models) if workspace_models else tuple(named)


def find(weights: Weights, folders: Sequence[Path]) -> dict[str, Path] | None:
    """Every file of a model, by its path in the manifest (of a pattern: by its own path); None unless all are in one
    place and of the stated sizes. Looked for in each folder: below the model's id, as the hub's own tools leave a
    repository, and below the ids of other models of the same repository."""
    for folder in folders:
        for root in _roots(weights, folder):
            found = _all_in(weights, root)
            if found is not None:
                return found
    return None


def _roots(weights: Weights, folder: Path) -> Iterator[Path]:
    yield folder / weights.id
    if not weights.repo:
        return
    owner, name = weights.repo.split("/")
    yield from (folder / owner / name, folder / name)
    snapshots = folder / f"models--{owner}--{name}" / "snapshots"
    with suppress(OSError):
        yield from sorted(snapshots.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    yield from (folder / name for name in _same_repository(weights.repo))


@cache
def _same_repository(repo: str) -> tuple[str, ...]:
    return tuple(other.id for other in read_manifest().values() if other.repo == repo)


def _all_in(weights: Weights, root: Path) -> dict[str, Path] | None:
    if not root.is_dir():
        return None
    found: dict[str, Path] = {}
    for file in weights.files:
        matching = _matching(root, file)
        if not matching:
            return None
        found |= matching
    return found if all(_shards_there(path) for path in found.values()) else None


def _matching(root: Path, file: WeightFile) -> dict[str, Path]:
    if "*" not in file.path:
        path = root / file.path
        return {file.path: path} if _sized(path, file.bytes) else {}
    try:
        paths = sorted(path for path in root.glob(file.path) if path.is_file() and _allowed(path.name))
    except OSError:
        return {}
    return {path.relative_to(root).as_posix(): path for path in paths}


def _allowed(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _shards_there(path: Path) -> bool:
    """Whether the files that an index names are all beside it; true of every file that is no index."""
    if not path.name.endswith(".safetensors.index.json"):
        return True
    try:
        named = json.loads(path.read_bytes())["weight_map"].values()
        return all((path.parent / Path(str(name)).name).is_file() for name in set(named))
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return False


def check_file(path: Path) -> None:
    """Refuse what must not be loaded: pickles, and safetensors whose header does not describe the file."""
    refuse_kind(path.name)
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
    if file.git:
        return _git_digest(path) == file.git
    first = _noted_lines(path)[0]
    return _digest(path, "md5") == file.md5 and (not first or _digest(path) == first.split()[0])


def noted(path: Path) -> str:
    """The SHA-256 noted when a file was fetched and read whole; empty when none was, or when the file's size or time of
    change is not what it was then. Costs a look at the disk, not the reading of gigabytes."""
    first, second = _noted_lines(path)
    try:
        seen = path.stat()
    except OSError:
        return ""
    return first.split()[0] if first and second.split()[1:3] == [str(seen.st_size), str(seen.st_mtime_ns)] else ""


def _note(path: Path, digest: str, origin: str) -> None:
    """Two lines beside a file: what `sha256sum -c` reads, then size, time of change and where it came from."""
    seen = path.stat()
    said = f"{digest}  {path.name}\n# {seen.st_size} {seen.st_mtime_ns} {origin}".rstrip()
    _beside(path).write_text(f"{said}\n", "utf-8")


def _noted_lines(path: Path) -> tuple[str, str]:
    with suppress(OSError):
        lines = [*_beside(path).read_text("utf-8", "replace").splitlines(), "", ""]
        return (lines[0] if lines[0].split() else "", lines[1])
    return "", ""


def _sized(path: Path, size: int) -> bool:
    try:
        return path.is_file() and (size == 0 or path.stat().st_size == size)
    except OSError:
        return False


# ------------------------------------------------------------------------------------------------ fetching


def fetch(weights: Weights, folder: Path, *, accept_licence: str, progress: Progress | None = None) -> dict[str, Path]:
    """Download what is missing into `folder`, check it, and return every file by its path in the manifest.

    Never silent: `accept_licence` must be the licence's own name, which the designer was shown. A broken download is
    taken up where it stopped. Of a repository, the hub is asked first what there is, and what came is what that commit
    holds. Raises `EngineError`, and `Stopped` when `progress` says so (what came so far is kept).
    """
    if accept_licence != weights.licence:
        raise EngineError(
            f"{weights.name} is under the licence {weights.licence}, which has not been accepted",
            " ".join(filter(None, [_read_it(weights.licence_url), weights.note])),
        )
    progress = progress or Progress()
    if weights.repo:
        from engines.hub import resolved

        progress.report(0.0, f"Asking for {weights.repo}")
        weights = resolved(weights)
    missing = [file for file in weights.files if not _there(file, folder / weights.id / file.path)]
    _check_disk(folder, missing, weights)
    done, total = 0, sum(file.bytes or 1 for file in missing)
    for file in missing:
        share = progress.part(done / total, (file.bytes or 1) / total)
        _fetch_file(file, folder / weights.id / file.path, share)
        done += file.bytes or 1
    return {file.path: folder / weights.id / file.path for file in weights.files}


def _read_it(url: str) -> str:
    return f"Read it{f' at {url}' if url else ''} and accept it by name."


def _there(file: WeightFile, path: Path) -> bool:
    # What was noted tells at once; else, where the size is not known, only reading the file tells whether it is whole.
    known = noted(path)
    if known and file.sha256 and known != file.sha256:
        return False
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
        if file.origin or not file.sha256:
            _note(target, file.sha256 or _digest(target), file.origin)
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


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, 64 hex digits. Raises `OSError`."""
    return _digest(path)


def _git_digest(path: Path) -> str:
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _digest(path: Path, kind: str = "sha256") -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()
