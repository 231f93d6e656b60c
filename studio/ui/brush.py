"""The brush on a cut-out: a canvas of our own, strokes in fractions of the photo, the edge found anew after each."""

from __future__ import annotations

import base64
import io
import json
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines.base import KEEP, REMOVE, EngineError, Progress
from studio.errors import BadInput, LockupError
from studio.picture.cut import CutOptions
from studio.pixels import encode_png, read_picture
from studio.studio import Studio
from studio.ui.words import sureness

Pixels = NDArray[np.uint8]
PREVIEW_PX = 760
"""The longest side strokes are answered at; the whole photo is solved when the designer is done."""
MOST_STROKES, MOST_POINTS = 500, 200_000
CHECK_PX = 10
_OPEN = 8


@dataclass(frozen=True, eq=False)
class _Photo:
    path: Path
    preview: Pixels
    """H×W×4, at most `PREVIEW_PX` long."""
    size_px: tuple[int, int]


class Brush:
    """Photos under the brush, by a token the browser is given; it never names a file."""

    def __init__(self, studio: Studio) -> None:
        self._retouch = studio.retouch
        self._photos: OrderedDict[str, _Photo] = OrderedDict()
        self._said: OrderedDict[Path, str] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, path: Path) -> str:
        """What the canvas needs to show a photo. Raises `BadInput`."""
        rgba = read_picture(path)
        height, width = rgba.shape[:2]
        scale = min(PREVIEW_PX / max(height, width), 1.0)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        preview = rgba if scale == 1.0 else np.asarray(cv2.resize(rgba, size, interpolation=cv2.INTER_AREA), np.uint8)
        token = secrets.token_hex(8)
        with self._lock:
            self._photos[token] = _Photo(path, np.ascontiguousarray(preview), (width, height))
            while len(self._photos) > _OPEN:
                self._photos.popitem(last=False)
        out = io.BytesIO()
        Image.fromarray(preview[..., :3]).save(out, "JPEG", quality=90)
        said = json.loads(self._said.get(path, "[]"))
        return json.dumps({"token": token, "photo": _data("jpeg", out.getvalue()), "strokes": said})

    def solve(self, token: str, strokes: str) -> str:
        """The cut-out of the preview under these strokes: a veil over what goes, and what to say about it."""
        try:
            photo = self._photo(token)
            marks = drawn(strokes, (photo.preview.shape[1], photo.preview.shape[0]))
            options = CutOptions(trim=False)
            cut, _ = self._retouch.cut(photo.preview, options, Progress(), marks, keep=False)
        except (LockupError, EngineError) as error:
            return json.dumps({"said": f"{error}. {error.hint}".strip()})
        return json.dumps(
            {"mask": _data("png", encode_png(veil(cut.rgba, cut.unsure))), "said": sureness(cut.confidence)}
        )

    def mended(self, token: str, strokes: str) -> tuple[Path, Pixels | None]:
        """The photo and its strokes at full size, to be cut for good; opened again, they are still there."""
        photo = self._photo(token)
        marks = drawn(strokes, photo.size_px)
        with self._lock:
            self._said[photo.path] = strokes
            while len(self._said) > _OPEN:
                self._said.popitem(last=False)
        return photo.path, marks

    def _photo(self, token: str) -> _Photo:
        with self._lock:
            photo = self._photos.get(token)
        if photo is None:
            raise BadInput("This photo is no longer open", "Close the brush and open it again")
        return photo


def drawn(strokes: str, size_px: tuple[int, int]) -> Pixels | None:
    """Strokes as the browser sends them, on a map of this width and height; later ones win. None without any.

    Each is `{"kind": "keep" | "remove", "radius": …, "points": [[x, y], …]}`, in fractions of the longest side and of
    width and height. Raises `BadInput` for anything else.
    """
    width, height = size_px
    try:
        lines: Any = json.loads(strokes)
        if len(lines) > MOST_STROKES or sum(len(line["points"]) for line in lines) > MOST_POINTS:
            raise BadInput("These are too many strokes for one cut-out", "Use this cut-out, then open the brush again")
        marks = np.zeros((height, width), np.uint8)
        for line in lines:
            kind = {"keep": KEEP, "remove": REMOVE}[line["kind"]]
            wide = max(round(2 * float(np.clip(line["radius"], 0, 0.2)) * max(size_px)), 1)
            points = np.clip(np.array(line["points"], float).reshape(-1, 2), -1, 2) * (width, height)
            points = np.vstack([points, points[-1:]])  # a tap is a line to itself
            cv2.polylines(marks, [np.rint(points).astype(np.int32)], False, kind, wide, cv2.LINE_8)
    except (ValueError, TypeError, KeyError, AttributeError, cv2.error) as error:
        raise BadInput("The strokes could not be read", "Close the brush and open it again") from error
    return marks if marks.any() else None


def veil(rgba: Pixels, unsure: Pixels) -> Pixels:
    """What lies over the photo: a checkerboard where it is cut away, amber where the edge is unsure."""
    rows, columns = np.indices(unsure.shape) // CHECK_PX
    check = np.where((rows + columns) % 2, 246, 222)[..., None].astype(np.float32)
    gone = 1 - rgba[..., 3:].astype(np.float32) / 255
    doubt = unsure[..., None].astype(np.float32) / 255 * 0.75
    strength = np.maximum(gone * 0.88, doubt)
    share = np.where(strength > 0, doubt / np.maximum(strength, 1e-6), 0)
    colour = share * np.array([255, 176, 0], np.float32) + (1 - share) * check
    return np.rint(np.concatenate([colour, strength * 255], axis=2)).astype(np.uint8)


def _data(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
