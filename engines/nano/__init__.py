"""The built-in model, and how it was made: pictures, networks, training. What paints needs neither torch nor weights
from elsewhere; importing this package loads nothing."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from engines.base import Capabilities, Painter

__all__ = ["CAPABILITIES", "FOLDER", "create", "recipe", "why_not"]

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "nano"
_SEEN = "It was trained on pictures this project renders"
_STYLE = f"{_SEEN}: of a reference it takes light, set and mood, nothing else"
METHOD = 1
"""Counts changes to how pictures are made of the same weights."""
CAPABILITIES = Capabilities(
    prompt=True,
    sets=True,
    product_in_scene=True,
    controls=("edges", "softedge", "lineart", "depth", "blocks"),
    references=("style",),
    steps={"quick": 2, "normal": 4},
    guidance=2.0,
    reasons={
        "pose": f"{_SEEN}; there are no people in them",
        "segment": f"{_SEEN}; it follows contours and depth only",
        "layout": _STYLE,
        "subject": _STYLE,
        "product": _STYLE,
        "face": f"{_SEEN}; there are no people in them",
        "adapters": "There are no LoRAs for it; they are for SDXL painters",
        "avoid": "It paints in so few steps that words to avoid have no effect",
    },
)


def why_not(folder: Path = FOLDER) -> str:
    """Why the built-in model cannot paint; empty when its weights are there."""
    return "" if (folder / "unet.onnx").is_file() else "It is not trained yet: no weights come with this version"


def create(folder: Path = FOLDER) -> Painter:
    """The painter with id `nano`. Its networks are opened at the first picture."""
    from .painter import Nano

    return Nano(folder)


def recipe(folder: Path = FOLDER) -> str:
    """16 hex digits for weights and method: what decides the pictures besides a request. Empty without weights."""
    files = [(path, path.stat()) for path in sorted(folder.rglob("*.safetensors"))]
    return _digest(folder, tuple((path, fact.st_size, fact.st_mtime_ns) for path, fact in files)) if files else ""


@lru_cache(4)
def _digest(folder: Path, files: tuple[tuple[Path, int, int], ...]) -> str:
    said = hashlib.sha256(f"{METHOD}\0".encode())
    for path, *_ in files:
        said.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        said.update(hashlib.sha256(path.read_bytes()).digest())
    return said.hexdigest()[:16]
