"""The built-in cut-out network: a first guess at which pixels are the subject, for the classical path to start from.

Made here by `engines/nano/cutout_train.py`. Its file is in the layout of rembg's `u2net_custom` session and also loads
through that.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.base import Pixels, Plane
from engines.onnx_files import open_onnx

MODEL = Path(__file__).resolve().parents[2] / "assets" / "nano" / "cutout.onnx"
_SIDE_PX = 320
# ImageNet's, as in rembg's u2net sessions.
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


class Prior:
    """The network, loaded at its first use and kept. The same picture gives the same plane."""

    def __init__(self, path: Path = MODEL) -> None:
        self._path = path
        self._session: Any = None
        self._alone = threading.Lock()

    def __call__(self, picture: Pixels) -> Plane:
        """How likely each pixel belongs to the subject: H×W `float32`, 0–1, for a picture H×W×3. Sharp to about
        1/160 of the picture. Raises `EngineError` when the file is missing or damaged."""
        height, width = picture.shape[:2]
        shrinks = max(height, width) > _SIDE_PX
        resample = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        small = cv2.resize(picture, (_SIDE_PX, _SIDE_PX), interpolation=resample).astype(np.float32)
        planes = (small / max(float(small.max()), 1e-6) - _MEAN) / _DEVIATION
        with self._alone:
            if self._session is None:
                self._session = open_onnx(self._path)
            (mask, *_) = self._session.run(None, {self._session.get_inputs()[0].name: planes.transpose(2, 0, 1)[None]})
        plane = cv2.resize(np.asarray(mask, np.float32)[0, 0], (width, height), interpolation=cv2.INTER_LINEAR)
        return np.clip(plane, 0, 1)
