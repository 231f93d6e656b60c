"""Cut-outs with models from outside, run by rembg on this machine: BiRefNet, IS-Net, and any file in U²-Net's layout.

Nothing is fetched unless `fetch_session` is called. rembg itself is never let near the network: it is handed the path
of a file that lies here and whose digest was checked.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.accelerate.providers import CPU, FIXED, TENSORRT, Provider, named
from engines.base import KEEP, REMOVE, Cut, CutRequest, EngineError, Pixels, Plane, Progress
from engines.manifest import MANIFEST, Weights, read_manifest
from engines.onnx_files import check_onnx, device, providers, refused, runtime
from engines.residency import out_of_memory
from engines.terms import Terms, agree, terms_beside
from engines.weights import fetch, model_folders, sha256_of, verify

log = logging.getLogger(__name__)
SESSIONS = ("birefnet-general", "birefnet-general-lite", "isnet-general-use", "bria-rmbg")
"""What may be asked for, the default first. rembg knows more; some of those send the photo to a server."""
UPLOADS = ("withoutbg", "atlascloud")
LEAST_PX = 16
_CUSTOM = "u2net_custom"
_CUSTOM_SIDE = 320
_ALL_BUT = 0.02
COARSE = 2.5
"""From here closed-form matting beats the mask itself: mean alpha error along the edge of nine photos with true masks
shrunk to 320, 256, 192 px: matted 0.044, 0.047, 0.054; enlarged 0.044, 0.058, 0.084. At 512 px 0.040 and 0.023."""
_OPEN = 0.1
_RIM_PX = 8
_JUDGED_PX = 512
_SIDE = 1024
_NO_ROOM = "the graphics card ran out of memory; this ran on the CPU"
_EDGE = 0.01
"""Half the width of the band around the outline that may be soft, as a share of the photo's longest side."""


@dataclass(frozen=True)
class Offer:
    """A session as the screens list it. `path` is None and `reason` says why when it cannot be used as it is."""

    id: str
    name: str
    licence: str
    licence_url: str
    commercial: bool
    path: Path | None
    reason: str
    bytes: int = 0


def offered(folders: Sequence[Path] | None = None, licences: Mapping[str, str] | None = None) -> tuple[Offer, ...]:
    """The sessions to list. Those that forbid paid ads are hidden unless `licences` states, by id, the one the
    designer has. `folders`: where models are looked for, else those of `LOCKUP_MODELS`; rembg's own always count."""
    stated = licences or {}
    offers = []
    for weights in _allowed(MANIFEST).values():
        if not weights.commercial and not stated.get(weights.id):
            continue
        path = _found(weights, folders)
        reason = "" if path else f"{_file_name(weights)} is in none of the model folders"
        offers.append(
            Offer(
                weights.id,
                weights.name,
                weights.licence,
                weights.licence_url,
                weights.commercial,
                path,
                reason,
                weights.bytes,
            )
        )
    return tuple(offers)


def create(
    session_id: str = SESSIONS[0],
    folders: Sequence[Path] | None = None,
    licence: str = "",
    manifest: Path = MANIFEST,
) -> SessionCutout:
    """The session of this id, from a file that lies in a model folder already. `licence`: the one the designer has,
    where the model's own forbids paid ads. Raises `EngineError` when it is unknown, forbidden or not there."""
    weights = _known(session_id, manifest)
    terms = agree(weights.name, Terms(weights.licence, weights.commercial, weights.licence_url), licence)
    path = _found(weights, folders)
    if path is None:
        raise _missing(weights, folders)
    return SessionCutout(session_id, session_id, path, weights.files[0].digest, terms, weights)


def create_custom(path: str | Path, licence: str = "") -> SessionCutout:
    """Any ONNX file in rembg's `u2net_custom` layout: one picture 1×3×320×320 `float32` in, its mask first out.

    The licence is read from `<file name>.toml` beside it, or stated. Raises `EngineError`.
    """
    path = Path(path).expanduser()
    check_onnx(path)
    terms = agree(path.name, terms_beside(path), licence)
    return SessionCutout(f"custom:{path.name}", _CUSTOM, path, f"sha256:{sha256_of(path)}", terms, None)


def fetch_session(
    session_id: str, folder: Path, *, accept_licence: str, progress: Progress | None = None, manifest: Path = MANIFEST
) -> Path:
    """Download a session's model into `folder` and check it. Never silent, goes on where it stopped: see
    `weights.fetch`. Returns where the file lies."""
    weights = _known(session_id, manifest)
    path = next(iter(fetch(weights, folder, accept_licence=accept_licence, progress=progress).values()))
    check_onnx(path)
    return path


class SessionCutout:
    """One model in rembg's hands. Loads at the first cut and stays; one picture at a time."""

    def __init__(
        self, engine_id: str, session: str, path: Path, digest: str, terms: Terms, weights: Weights | None
    ) -> None:
        self.id = engine_id
        self.recipe = f"session 1 {session} {digest}"
        self.licence = terms.licence
        self._session_name = session
        self._side = _CUSTOM_SIDE if session == _CUSTOM else _SIDE
        self._path = path
        self._weights = weights
        self._session: Any = None
        self._gave_up = ""
        self._last: tuple[Pixels, Plane] | None = None
        self._alone = threading.Lock()

    def cut(self, request: CutRequest, progress: Progress) -> Cut:
        """See `engines.base.Cutout`. `facts` holds the licence, and why a graphics card was not used if one failed."""
        # 1. Refuse what no model can see anything in
        started = time.perf_counter()
        height, width = request.picture.shape[:2]
        if min(height, width) < LEAST_PX:
            raise EngineError(
                f"The photo is {width} × {height} px, too small to find a product in",
                f"Use one of at least {LEAST_PX} px on each side.",
            )
        # 2. Ask the model; what the brush said holds where it went
        with self._alone:
            self._load(progress)
            progress.report(0.2, "Looking for the product")
            mask = self._seen(request.picture)
            where, facts = runtime(self._session.inner_session), self._facts()
        progress.report(0.6, "Drawing the edges")
        mask = brushed(mask, request.strokes)
        if mask.max() < 0.5:
            raise EngineError("No product was found in the photo", "Brush over it with Keep, or try another engine.")
        # 3. Draw the edge at full size
        rgba = drawn(request.picture, mask, request.strokes, max(height, width) / self._side)
        progress.report(1.0, "Cut out")
        return Cut(
            rgba=rgba,
            confidence=confidence(mask),
            unsure=np.round(255 * (1 - np.abs(2 * mask - 1))).astype(np.uint8),
            seconds=time.perf_counter() - started,
            engine=self.id,
            runtime=where,
            facts=facts,
        )

    def _facts(self) -> dict[str, str]:
        facts = {"licence": self.licence, "device": device(self._session.inner_session)}
        return {**facts, "gpu": self._gave_up} if self._gave_up else facts

    def _load(self, progress: Progress) -> None:
        if self._session is not None:
            return
        progress.report(0.0, f"Checking {self._path.name}")
        check_onnx(self._path)
        if self._weights:
            verify(self._weights.files[0], self._path)
        progress.report(0.1, f"Loading {self._path.name}")
        self._session = self._opened(providers(FIXED))

    def _opened(self, asked: list[Provider]) -> Any:
        try:
            session = _open_rembg(self._session_name, self._path, asked)
        except Exception as error:
            if isinstance(error, EngineError):
                raise
            if named(asked[0]) == TENSORRT and not out_of_memory(error):
                log.warning("%s runs without TensorRT: %s", self._path.name, refused(self._path, error))
                return self._opened(asked[1:])
            if asked == [CPU] or not out_of_memory(error):
                raise refused(self._path, error) from error
            self._gave_up = _NO_ROOM
            return self._opened([CPU])
        if self._session_name == _CUSTOM:
            _check_layout(session.inner_session, self._path)
        return session

    def _seen(self, picture: Pixels) -> Plane:
        """The mask of a photo; the last one is kept, so that a stroke of the brush does not ask the model again."""
        if self._last is None or not np.array_equal(self._last[0], picture):
            self._last = picture, self._predicted(picture)
        return self._last[1]

    def _predicted(self, picture: Pixels) -> Plane:
        try:
            return _mask(self._session, picture)
        except Exception as error:
            if self._gave_up or device(self._session.inner_session) == "CPU" or not out_of_memory(error):
                raise refused(self._path, error) from error
        self._gave_up = _NO_ROOM
        self._session = None  # Its memory must be free before the next one loads.
        self._session = self._opened([CPU])
        return self._predicted(picture)


# ------------------------------------------------------------------------------------------------ what the mask says


def brushed(mask: Plane, strokes: Pixels | None) -> Plane:
    """A mask (H×W, 0–1) with `KEEP` set to 1 and `REMOVE` to 0 where the brush went."""
    if strokes is None:
        return mask
    return np.where(strokes == KEEP, np.float32(1), np.where(strokes == REMOVE, np.float32(0), mask))


def confidence(mask: Plane) -> float:
    """How decided a mask is, 0–1: the mean of |2m − 1| in a band around its outline (a sharp edge: near 1, a blur as
    wide as the band: ½), lowered by what is neither in nor out elsewhere. 0 when there is no outline at all. Judged at
    512 px at most, so that a photo's size does not matter."""
    shrink = _JUDGED_PX / max(mask.shape)
    if shrink < 1:
        mask = cv2.resize(mask, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA).astype(np.float32)
    inside, kernel = _inside(mask), _disc(max(2, round(_EDGE * max(mask.shape))))
    # A picture's rim is no edge of the product: only what differs within the frame is.
    band = cv2.dilate(inside, kernel) > cv2.erode(inside, kernel)
    if not band.any():
        return 0.0
    decided = float(np.abs(2 * mask[band] - 1).mean())
    astray = int(((mask > 0.1) & (mask < 0.9) & ~band).sum())
    area = int(inside.sum())
    return decided * area / (area + astray)


def drawn(picture: Pixels, mask: Plane, strokes: Pixels | None, coarse: float) -> Pixels:
    """A mask (H×W, 0–1) as the photo's cut-out, H×W×4. `coarse`: photo pixels to one of the mask's own.

    A mask about as fine as the photo is its alpha; only where it is `COARSE` times coarser is the edge solved for anew,
    in what the mask leaves open. `strokes` stand as they are.
    """
    from engines.cutout.matte import alpha_of, around, decontaminated  # compiles, so only when it is needed

    window = around(mask > 0, _RIM_PX).cut
    part, alpha = np.ascontiguousarray(picture[window]), mask[window]
    if coarse > COARSE:
        trimap = np.where((alpha > _OPEN) & (alpha < 1 - _OPEN), 0.5, alpha > 0.5).astype(np.float32)
        if strokes is not None:
            trimap[strokes[window] == KEEP], trimap[strokes[window] == REMOVE] = 1, 0
        alpha = alpha_of(part, trimap, alpha)
    rgba = np.zeros((*mask.shape, 4), np.uint8)
    rgba[window] = decontaminated(part, np.rint(alpha * 255).astype(np.uint8))
    return rgba


def _inside(mask: Plane) -> Pixels:
    return (mask > 0.5).astype(np.uint8)


def _disc(radius: int) -> Any:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


# ------------------------------------------------------------------------------------------------ rembg


def _open_rembg(name: str, path: Path, asked: list[Provider]) -> Any:
    """A rembg session of a class that is told where its file lies, and so never looks or downloads. That it runs where
    it was not asked to is told by `device`: rembg's own warning knows providers without options only."""
    kind = _session_class(name)
    told = {
        "download_models": classmethod(lambda cls, *args, **kwargs: str(path)),
        "_accelerated_providers": staticmethod(lambda asked: []),
    }
    located = type(kind.__name__, (kind,), told)
    import onnxruntime

    return located(name, onnxruntime.SessionOptions(), model_path=str(path), providers=asked)


def _session_class(name: str) -> Any:
    try:
        from rembg.sessions import sessions
    except (ImportError, SystemExit) as error:  # rembg ends the program when a runtime is missing.
        raise EngineError(
            "rembg is not installed; it runs these models", 'Install it: pip install -e ".[rembg]"'
        ) from error
    kind = sessions.get(name)
    if kind is None or not kind.is_local() or kind.requires_credentials():
        raise _unknown(name)
    return kind


def _mask(session: Any, picture: Pixels) -> Plane:
    from PIL import Image

    with np.errstate(invalid="ignore", divide="ignore"):  # A picture without contrast gives rembg 0 ÷ 0.
        found = session.predict(Image.fromarray(picture))[0]
    # Networks seldom say quite 0 or 1, and rembg rounds down: what is all but decided is decided.
    return np.clip((np.asarray(found, np.float32) / 255.0 - _ALL_BUT) / (1 - 2 * _ALL_BUT), 0, 1)


def _check_layout(session: Any, path: Path) -> None:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    said = ", ".join(f"{kind} {item.name} {item.type} {item.shape}" for kind, item in
                     [*(("input", item) for item in inputs), *(("output", item) for item in outputs[:1])])  # fmt: skip
    wanted = (1, 3, _CUSTOM_SIDE, _CUSTOM_SIDE)
    shape = inputs[0].shape if len(inputs) == 1 else []
    fits = len(shape) == 4 and all(not isinstance(a, int) or a == b for a, b in zip(shape, wanted, strict=True))
    masks = len(outputs[0].shape or ()) == 4
    if not fits or not masks or inputs[0].type != "tensor(float)":
        raise EngineError(
            f"{path.name} is not in the layout of a U²-Net file: {said}",
            f"It must take one picture, float 1×3×{_CUSTOM_SIDE}×{_CUSTOM_SIDE}, and give its mask 1×1×H×W first.",
        )


# ------------------------------------------------------------------------------------------------ files


def _allowed(manifest: Path) -> dict[str, Weights]:
    known = read_manifest(manifest)
    return {name: known[name] for name in SESSIONS if name in known}


def _known(session_id: str, manifest: Path) -> Weights:
    weights = _allowed(manifest).get(session_id)
    if weights is None:
        raise _unknown(session_id)
    return weights


def _unknown(session_id: str) -> EngineError:
    if session_id in UPLOADS:
        return EngineError(
            f"{session_id} sends the photo to a server", "Only engines that keep it on this machine can be used."
        )
    return EngineError(f"There is no cut-out model called {session_id}", f"Known: {', '.join(SESSIONS)}")


def _file_name(weights: Weights) -> str:
    return weights.files[0].path


def _found(weights: Weights, folders: Sequence[Path] | None) -> Path | None:
    return next((path for path in _places(weights, folders) if path.is_file()), None)


def _places(weights: Weights, folders: Sequence[Path] | None) -> list[Path]:
    """Where a session's file may lie: our folders, then rembg's two layouts."""
    name = _file_name(weights)
    ours = model_folders() if folders is None else folders
    homes, flat = rembg_folders()
    return [*(folder / weights.id / name for folder in (*ours, *(home / "models" for home in homes))), flat / name]


def rembg_folders(environ: Mapping[str, str] = os.environ) -> tuple[tuple[Path, ...], Path]:
    """rembg's homes (`<home>/models/<session>/<session>.onnx`) and its older flat folder (`<session>.onnx`), by the
    variables rembg 2.0.86 reads: `U2NET_HOME`, `REMBG_HOME`, `XDG_DATA_HOME`."""
    data = environ.get("XDG_DATA_HOME", "")
    flat = Path(environ.get("U2NET_HOME") or f"{data or '~'}/.u2net").expanduser()
    home = Path(environ.get("REMBG_HOME") or (f"{data}/rembg" if data else "~/.rembg")).expanduser()
    return ((flat, home) if environ.get("U2NET_HOME") else (home,)), flat


def _missing(weights: Weights, folders: Sequence[Path] | None) -> EngineError:
    ours = model_folders() if folders is None else folders
    absent = [str(folder) for folder in ours if not folder.is_dir()]
    places = [str(path.parent) for path in _places(weights, folders)]
    gone = f" These folders do not exist: {', '.join(absent)}." if absent else ""
    return EngineError(
        f"{weights.name} is not on this machine: {_file_name(weights)} was not found",
        f"Fetch it, or put the file into one of: {', '.join(dict.fromkeys(places))}.{gone}",
    )
