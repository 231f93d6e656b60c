"""The manifest of model weights: what there is to fetch, from where, under whose terms."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from engines.base import EngineError

MANIFEST = Path(__file__).resolve().parent.parent / "presets" / "weights.toml"
SUFFIXES = (".safetensors", ".onnx", ".onnx_data", ".json", ".txt", ".jinja")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_REVISION = re.compile(r"[\w][\w./-]{0,99}")
_HEX = re.compile(r"[0-9a-f]+")
_DIGITS = {"sha256": 64, "md5": 32}
_FIELDS = {
    "name", "source", "repo", "revision", "licence", "licence_url", "commercial", "note", "about_bytes", "files",
}  # fmt: skip


@dataclass(frozen=True)
class WeightFile:
    """One file. `path` is relative, with forward slashes, below the model's own folder; of a repository it may be a
    pattern (`unet/*`, never across slashes), and `source` is the name it has there if that is another.

    `bytes` is 0 and `sha256` is empty where its source publishes neither. `md5` tells a damaged file as well, but not
    a forged one, and `git` (Git's SHA-1 of a small text) does neither well; the SHA-256 of what came is then noted
    beside the file.
    """

    path: str
    url: str
    bytes: int
    sha256: str
    md5: str = ""
    git: str = ""
    source: str = ""
    origin: str = ""
    """The repository and commit it is fetched from, once the hub was asked."""

    @property
    def digest(self) -> str:
        """What the manifest knows it by: `sha256:…`, else `md5:…`, else `git:…`; empty when it knows nothing."""
        known = (("sha256", self.sha256), ("md5", self.md5), ("git", self.git))
        return next((f"{kind}:{value}" for kind, value in known if value), "")

    @property
    def there(self) -> str:
        """Its name, or pattern, in the repository."""
        return self.source or self.path


@dataclass(frozen=True)
class Weights:
    """One model's files and whose terms they are under. `commercial`: whether pictures may go into paid ads.

    `repo` (owner/name) and `revision` say where on the Hugging Face hub it is; empty for plain addresses. `note` is
    what to know before accepting the licence. `about_bytes` is an estimate, for files whose size is asked for only
    when they are fetched.
    """

    id: str
    name: str
    licence: str
    licence_url: str
    commercial: bool
    files: tuple[WeightFile, ...]
    repo: str = ""
    revision: str = "main"
    note: str = ""
    about_bytes: int = field(default=0, compare=False)

    @property
    def bytes(self) -> int:
        """What is known of its size, about; 0 when nothing is."""
        return self.about_bytes or sum(file.bytes for file in self.files)


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
    if not isinstance(licence, str) or not licence or "," in licence or not isinstance(commercial, bool):
        raise EngineError(f"{where}: expected licence (text without commas) and commercial (true or false)")
    files = table.get("files")
    if not isinstance(files, list) or not files:
        raise EngineError(f"{where}: expected at least one entry under files")
    repo, revision = table.get("repo", ""), table.get("revision", "main")
    if "repo" in table and not (isinstance(repo, str) and _REPO.fullmatch(repo)):
        raise EngineError(f"{where}: repo: expected owner/name, got {repo!r}")
    if not isinstance(revision, str) or not _REVISION.fullmatch(revision):
        raise EngineError(f"{where}: revision: expected a branch, tag or commit, got {revision!r}")
    read = _repo_file if repo else _file
    return Weights(
        id=name,
        name=str(table.get("name", name)),
        licence=licence,
        licence_url=str(table.get("licence_url", "")),
        commercial=commercial,
        files=tuple(read(where, str(table.get("source", "")), entry) for entry in files),
        repo=repo,
        revision=revision,
        note=str(table.get("note", "")),
        about_bytes=_count(where, "about_bytes", table),
    )


def _file(where: str, source: str, entry: Any) -> WeightFile:
    if not isinstance(entry, dict) or set(entry) - {"path", "url", "bytes", *_DIGITS}:
        raise EngineError(f"{where}: files: expected path, bytes, sha256 (or md5) and perhaps url")
    path, digests = _path(where, entry), _digests(where, entry)
    if not digests:
        raise EngineError(f"{where}: {path}: expected a sha256, or the md5 its source publishes")
    url = str(entry.get("url") or urljoin(source, quote(path)))
    if urlsplit(url).scheme not in ("http", "https"):
        raise EngineError(f"{where}: {path}: expected an http or https address, got {url!r}")
    size = _count(where, "bytes", entry, f"{path}: ")
    return WeightFile(path, url, size, digests.get("sha256", ""), digests.get("md5", ""))


def _repo_file(where: str, source: str, entry: Any) -> WeightFile:
    entry = {"path": entry} if isinstance(entry, str) else entry
    if not isinstance(entry, dict) or set(entry) - {"path", "from", "bytes", "sha256"}:
        raise EngineError(f"{where}: files: expected a path, or a table of path, from, bytes and sha256")
    path, digests = _path(where, entry), _digests(where, entry)
    named = entry.get("from", "")
    if not isinstance(named, str) or (named and not safe_path(named)) or (named and "*" in named + path):
        raise EngineError(f"{where}: {path}: from: expected the name the file has in the repository")
    return WeightFile(path, "", _count(where, "bytes", entry, f"{path}: "), digests.get("sha256", ""), source=named)


def _path(where: str, entry: dict[str, Any]) -> str:
    path = entry.get("path")
    if not isinstance(path, str) or not safe_path(path):
        raise EngineError(f"{where}: files: {path!r} is not a relative path with forward slashes")
    if not path.endswith("*"):
        refuse_kind(path)
    return path


def _digests(where: str, entry: dict[str, Any]) -> dict[str, str]:
    digests = {kind: entry[kind] for kind in _DIGITS if kind in entry}
    for kind, digest in digests.items():
        if not isinstance(digest, str) or len(digest) != _DIGITS[kind] or not _HEX.fullmatch(digest):
            raise EngineError(f"{where}: {entry['path']}: {kind}: expected {_DIGITS[kind]} hex digits in lower case")
    return digests


def _count(where: str, name: str, table: dict[str, Any], of: str = "") -> int:
    value = table.get(name, 0)
    if name in table and (type(value) is not int or value <= 0):
        raise EngineError(f"{where}: {of}{name}: expected a number above 0, got {value!r}")
    return value


def safe_path(path: str) -> bool:
    """Whether a path stays below the folder it is joined to, on any system."""
    pure = PurePosixPath(path)
    bad = pure.is_absolute() or not pure.parts or any(part in (".", "..") for part in pure.parts)
    return not bad and "\\" not in path and ":" not in path and "\0" not in path


def refuse_kind(path: str) -> None:
    """Raise `EngineError` unless a file's kind is one that cannot run code when it is opened."""
    if not path.lower().endswith(SUFFIXES):
        raise EngineError(
            f"{path} is of a kind that may run code when it is opened, or is not known",
            f"Use a safetensors or ONNX file. Allowed: {', '.join(SUFFIXES)}",
        )
