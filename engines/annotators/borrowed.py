"""Annotators of controlnet-aux, where that package is installed and their weights lie here as safetensors.

Its own way to load weights unpickles files it may fetch, so it is not used: the networks are made here, and given their
weights from `controlnet-aux/<file>.safetensors` in a model folder. Importing the package imports all its detectors and
what they need, so that is left to the first use. PiDi and Zoe are left out for their terms, normals because no map of
ours has their kind, OneFormer's and UniFormer's segments because they need a framework of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.annotators.photo import checked
from engines.base import EngineError, Offer, Pixels
from engines.tensors import read_header

PACKAGE, FOLDER = "controlnet_aux", "controlnet-aux"
INSTALL = "pip install controlnet-aux"
_COARSEST_PX, _FINEST_PX = 384, 1024


@dataclass(frozen=True)
class _Lent:
    """`networks` are made with `sizes` and get the weights of `files`, in their order; the detector is made of them."""

    id: str
    name: str
    licence: str
    module: str
    detector: str
    network: str
    sizes: tuple[int, ...]
    files: tuple[str, ...]


_ALLOWED = (
    _Lent(
        "softedge-hed",
        "Soft edge by HED: contours as people draw them",
        "Apache-2.0",
        "controlnet_aux.hed",
        "HEDdetector",
        "ControlNetHED_Apache2",
        (),
        ("ControlNetHED",),
    ),
    _Lent(
        "lineart-drawn",
        "Line art by a network: a drawing in fine strokes",
        "MIT",
        "controlnet_aux.lineart",
        "LineartDetector",
        "Generator",
        (3, 1, 3),
        ("sk_model", "sk_model2"),
    ),
    _Lent(
        "edges-mlsd",
        "Straight edges by M-LSD: rooms and furniture",
        "Apache-2.0",
        "controlnet_aux.mlsd",
        "MLSDdetector",
        "MobileV2_MLSD_Large",
        (),
        ("mlsd_large_512_fp32",),
    ),
)
"""What may be asked for. An id begins with the kind of map it makes."""


def offered(folders: Sequence[Path]) -> tuple[Offer, ...]:
    """What controlnet-aux could read here, each with what it lacks. None at all where neither the package nor weights
    for it are here: most designers never want it. Imports nothing of the package."""
    installed = find_spec(PACKAGE) is not None
    offers = []
    for lent in _ALLOWED:
        there = find_all(lent.files, folders)
        if not installed and there is None:
            continue
        reason, fix = "", ""
        if not installed:
            reason, fix = "controlnet-aux is not installed", INSTALL
        elif there is None:
            names = ", ".join(f"{name}.safetensors" for name in lent.files)
            reason = f"{names} lies in no model folder's {FOLDER}"
        offers.append(Offer(lent.id, "annotator", lent.name, lent.licence, reason=reason, fix=fix))
    return tuple(offers)


def create(annotator_id: str, folders: Sequence[Path]) -> Borrowed:
    """The annotator of this id. Raises `EngineError` when it is not known, not installed, or its weights are not here
    or another network's."""
    lent = next((one for one in _ALLOWED if one.id == annotator_id), None)
    if lent is None:
        raise EngineError(
            f"There is no kind of map called {annotator_id}", f"Known: {', '.join(one.id for one in _ALLOWED)}"
        )
    files = find_all(lent.files, folders)
    if files is None:
        names = ", ".join(f"{FOLDER}/{name}.safetensors" for name in lent.files)
        raise EngineError(f"{annotator_id} needs {names} in a model folder", "Put the weights there, as safetensors.")
    return Borrowed(lent.id, _made(lent, files))


def find_all(names: Sequence[str], folders: Sequence[Path]) -> list[Path] | None:
    """The safetensors of these names, all of one folder; None where they are in none."""
    for folder in folders:
        paths = [folder / FOLDER / f"{name}.safetensors" for name in names]
        if all(path.is_file() for path in paths):
            return paths
    return None


class Borrowed:
    """One detector of controlnet-aux."""

    def __init__(self, annotator_id: str, detector: Any) -> None:
        self.id = annotator_id
        self._detector = detector

    def annotate(self, picture: Pixels, detail: float = 0.5) -> Pixels:
        """H×W×3 sRGB to H×W `uint8` of its size, white on black. More `detail` lets the network see a larger picture.
        Raises `EngineError`."""
        picture = checked(picture)
        height, width = picture.shape[:2]
        side = round((_COARSEST_PX + (_FINEST_PX - _COARSEST_PX) * float(np.clip(detail, 0, 1))) / 64) * 64
        try:
            drawn = self._detector(picture, detect_resolution=side, image_resolution=side, output_type="np")
        except Exception as error:
            raise EngineError(f"controlnet-aux could not read the photo: {error}", "Choose another kind.") from error
        drawn = np.asarray(drawn, np.uint8)
        grey = drawn if drawn.ndim == 2 else drawn[..., :3].max(axis=2)
        return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _made(lent: _Lent, files: Sequence[Path]) -> Any:
    try:
        module = import_module(lent.module)
        from safetensors.torch import load_file
    except Exception as error:  # its detectors fail on import in many ways
        why = " ".join(str(error).split())[:160]
        raise EngineError(f"controlnet-aux cannot be loaded: {why}", f"Install it: {INSTALL}") from error
    networks = []
    for path in files:
        read_header(path)
        network = getattr(module, lent.network)(*lent.sizes)
        try:
            network.load_state_dict(load_file(path))
        except RuntimeError as error:
            raise EngineError(
                f"{path.name} holds another network than {lent.network}",
                "Convert the weights that belong to it, with their own names.",
            ) from error
        networks.append(network.eval())
    return getattr(module, lent.detector)(*networks)
