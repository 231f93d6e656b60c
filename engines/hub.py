"""The Hugging Face hub: what a repository holds, so that it can be fetched like everything else and checked.

Asked only when the designer fetches something. No account is used and nothing is told but which repository is wanted.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from engines.base import EngineError
from engines.manifest import SUFFIXES, WeightFile, Weights, safe_path

TIMEOUT_S = 20.0
QUIET = {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1"}


def resolved(weights: Weights, environ: Mapping[str, str] = os.environ) -> Weights:
    """The model with its patterns replaced by files, each with address, bytes and digest, all of one commit.

    The hub publishes the SHA-256 of every large file and Git's SHA-1 of the small ones. Where the manifest states a
    size or digest, that one holds. `HF_ENDPOINT` names another hub. Raises `EngineError`.
    """
    commit, there = _asked(weights, environ.get("HF_ENDPOINT") or None)
    files: dict[str, WeightFile] = {}
    for file in weights.files:
        matching = list(_matching(file, there))
        if not matching:
            raise EngineError(
                f"{weights.repo} no longer holds {file.there}", "Look at its page whether it has moved; update Lockup."
            )
        for found in matching:
            files[found.path] = replace(found, origin=f"{weights.repo}@{commit}")
    return replace(weights, files=tuple(files.values()), about_bytes=0)


def _matching(file: WeightFile, there: Mapping[str, WeightFile]) -> Iterator[WeightFile]:
    if "*" not in file.path:
        if file.there in there:
            found = there[file.there]
            yield replace(
                found, path=file.path, bytes=file.bytes or found.bytes, sha256=file.sha256 or found.sha256,
                source=file.source,
            )  # fmt: skip
        return
    for name, found in there.items():
        if name.count("/") == file.path.count("/") and fnmatchcase(name, file.path):
            yield found


def _asked(weights: Weights, endpoint: str | None) -> tuple[str, dict[str, WeightFile]]:
    """The commit, and by name every file of a kind that may be opened."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)  # read when the package is imported, so before
    try:
        import httpx2
        from huggingface_hub import HfApi, hf_hub_url
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError as error:
        raise EngineError("huggingface_hub is not installed", 'Install it: pip install -e ".[diffusion]"') from error
    try:
        said: Any = HfApi(endpoint=endpoint, token=False).model_info(
            weights.repo, revision=weights.revision, timeout=TIMEOUT_S, files_metadata=True, token=False
        )
    except (HfHubHTTPError, httpx2.HTTPError, OSError, ValueError) as error:
        raise EngineError(
            f"{weights.repo} could not be asked for: {_plain(error)}",
            f"Check the connection and try again. Or put its files into the models folder, below {weights.id}.",
        ) from error
    files = {}
    for one in said.siblings or ():
        if safe_path(one.rfilename) and one.rfilename.lower().endswith(SUFFIXES):
            url = hf_hub_url(weights.repo, one.rfilename, revision=said.sha, endpoint=endpoint)
            sha256 = one.lfs.sha256 if one.lfs else ""
            files[one.rfilename] = WeightFile(one.rfilename, url, one.size or 0, sha256, git=one.blob_id or "")
    return str(said.sha), files


def _plain(error: Exception) -> str:
    """Why, in plain words where the network itself is away."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "the hub's address was not found; this machine seems to be offline"
        cause = cause.__cause__ or cause.__context__
    return _short(error)


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
