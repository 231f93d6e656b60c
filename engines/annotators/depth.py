"""Depth out of a photo, by Depth Anything V2 as an ONNX file.

The file (onnx-community/depth-anything-v2-small, `onnx/model.onnx`) takes 1×3×H×W `float32`, RGB in 0–1 less ImageNet's
mean over its deviation, sides in multiples of 14 (the patches of its DINOv2), and gives 1×H×W: inverse depth without a
scale, larger is nearer. It was trained with a shorter side of 518 px.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.annotators.photo import checked
from engines.base import EngineError, Pixels, Plane
from engines.onnx_files import open_onnx, refused

PATCH_PX, SIDE_PX, FINE_SIDE_PX, LONGEST_PX = 14, 518, 756, 1554
_MEAN, _STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
_OUTLIERS = 0.002
_COARSEST = 0.02
"""The blur at the least detail, in the longer side of what the network sees."""
_FLAT = 1e-3
"""Inverse depth that varies less than this share of itself shows nothing near or far."""


def create(files: Mapping[str, Path]) -> Depth:
    """The annotator from its file. Raises `EngineError` when it cannot be run or is another kind of network."""
    path = next(path for name, path in files.items() if name.endswith(".onnx"))
    return Depth(path)


class Depth:
    """White near, black far."""

    id = "depth"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._session = open_onnx(path)
        self._sides = _sides(self._session, path)

    def annotate(self, picture: Pixels, detail: float = 0.5) -> Pixels:
        """H×W×3 sRGB to H×W `uint8` of its size: 255 at the nearest, 0 at the farthest. Less `detail` than ½ smooths,
        more lets the network see a larger picture. Raises `EngineError`."""
        # 1. The photo at the network's size
        height, width = checked(picture).shape[:2]
        side = SIDE_PX + (FINE_SIDE_PX - SIDE_PX) * max(2 * detail - 1, 0)
        wide, high = self._sides or _seen(width, height, side)
        way = cv2.INTER_AREA if wide < width else cv2.INTER_CUBIC
        small = np.asarray(cv2.resize(picture, (wide, high), interpolation=way), np.float32) / 255
        given = np.ascontiguousarray(((small - _MEAN) / _STD).transpose(2, 0, 1)[None], np.float32)

        # 2. Inverse depth, stretched to what a map can hold
        near = stretched(self._asked(given))
        sigma = max(1 - 2 * detail, 0) * _COARSEST * max(wide, high)
        if sigma > 0.3:
            near = np.asarray(cv2.GaussianBlur(near, (0, 0), sigma), np.float32)

        # 3. Back to the photo's size
        full = cv2.resize(near, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.rint(np.clip(full, 0, 1) * 255).astype(np.uint8)

    def _asked(self, given: Plane) -> Plane:
        try:
            made = np.asarray(self._session.run(None, {self._session.get_inputs()[0].name: given})[0], np.float32)
        except Exception as error:
            raise refused(self._path, error) from error
        if made.squeeze().shape != given.shape[2:]:
            raise _other(self._path, f"it gave {made.shape}")
        return np.nan_to_num(made.squeeze(), posinf=0, neginf=0)


def stretched(inverse: Plane) -> Plane:
    """Inverse depth as 0–1, but for the two thousandths that stick out at either end; all 0 where nothing varies."""
    far, near = (float(np.quantile(inverse, q)) for q in (_OUTLIERS, 1 - _OUTLIERS))
    if near - far <= _FLAT * max(abs(near), abs(far)):
        return np.zeros_like(inverse)
    return np.clip((inverse - far) / (near - far), 0, 1).astype(np.float32)


def _seen(width: int, height: int, side: float) -> tuple[int, int]:
    """The size the network sees: the shorter side about `side`, the longer not beyond reason, in whole patches."""
    scale = min(side / min(width, height), LONGEST_PX / max(width, height))
    wide, high = (max(round(length * scale / PATCH_PX), 1) * PATCH_PX for length in (width, height))
    return wide, high


def _sides(session: Any, path: Path) -> tuple[int, int] | None:
    """Width and height where the file has them fixed. Raises `EngineError` for another kind of network."""
    inputs = session.get_inputs()
    shape = inputs[0].shape if len(inputs) == 1 else []
    if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3) or inputs[0].type != "tensor(float)":
        raise _other(path, f"it takes {', '.join(f'{one.name} {one.shape}' for one in inputs)}")
    return (shape[3], shape[2]) if isinstance(shape[2], int) and isinstance(shape[3], int) else None


def _other(path: Path, why: str) -> EngineError:
    return EngineError(
        f"{path.name} does not read depth as Depth Anything does: {why}",
        "It must take one picture, float 1×3×H×W, and give 1×H×W. Fetch it again.",
    )
