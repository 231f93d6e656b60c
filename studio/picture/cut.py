"""A product photo into a cut-out that can be used: freed by an engine, straightened, trimmed to its content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.base import KEEP, REMOVE, Cut, Cutout, CutRequest, Progress
from studio.color import rgb_of
from studio.errors import BadInput
from studio.pixels import read_picture
from studio.values import Value

Pixels = NDArray[np.uint8]
SEEN = 8
"""Alpha above this is part of the product."""
MAX_TILT_DEG = 12.0
LEAST_TILT_DEG = 0.6
_LEAST_GAIN = 0.01
_OBJECT_SHARE = 0.02


class CutOptions(Value):
    """What is wanted besides the product itself."""

    engine: str = "auto"
    shadow: bool = False
    """The soft shadow on the ground as a layer of its own."""
    straighten: bool = False
    """Turn a slightly tilted product upright; this resamples its pixels."""
    trim: bool = True


@dataclass(frozen=True, eq=False)
class CutOut:
    """A product free of its background. `rgba` H×W×4 `uint8`, straight alpha; `shadow` and `unsure` H×W, of its size.

    `confidence` 0–1. `facts`: `objects` (separate parts), `angle_deg` it was turned by, `box_px` in the photo or on the
    canvas it was turned on.
    """

    rgba: Pixels
    unsure: Pixels
    confidence: float
    engine: str
    runtime: str
    seconds: float
    shadow: Pixels | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def has_ground(rgba: Pixels) -> bool:
    """Whether a picture still has its background: hardly a pixel of it is transparent."""
    return bool((rgba[..., 3] > SEEN).mean() > 0.995)


def cut_out(
    rgba: Pixels, engine: Cutout, options: CutOptions, progress: Progress, strokes: Pixels | None = None
) -> CutOut:
    """Cut a photo out with `engine`. A picture that is transparent already keeps its edges.

    `strokes` H×W `uint8` of the photo's size holds `KEEP` and `REMOVE`. Raises `EngineError`, `Stopped`.
    """
    # 1. Free it from its background.
    if has_ground(rgba) or strokes is not None:
        cut = engine.cut(CutRequest(np.ascontiguousarray(rgba[..., :3]), strokes, options.shadow), progress)
    else:
        cut = Cut(rgba, 1.0, np.zeros(rgba.shape[:2], np.uint8), 0.0, "none", "the file's own transparency")
    layers = {"rgba": cut.rgba, "unsure": cut.unsure}
    if cut.shadow is not None:
        layers["shadow"] = cut.shadow

    # 2. Upright, then down to what is there.
    angle = tilt(cut.rgba[..., 3]) if options.straighten else 0.0
    if angle:
        layers = {name: turned(layer, angle) for name, layer in layers.items()}
    box = content(layers) if options.trim else (0, 0, layers["rgba"].shape[1], layers["rgba"].shape[0])
    left, top, right, bottom = box
    layers = {name: np.ascontiguousarray(layer[top:bottom, left:right]) for name, layer in layers.items()}
    facts = {**cut.facts, "objects": objects(layers["rgba"][..., 3]), "angle_deg": angle, "box_px": list(box)}
    return CutOut(
        layers["rgba"],
        layers["unsure"],
        cut.confidence,
        cut.engine,
        cut.runtime,
        cut.seconds,
        layers.get("shadow"),
        facts,
    )


def content(layers: Mapping[str, Pixels]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is not transparent, the shadow included; the whole where nothing is."""
    seen = layers["rgba"][..., 3] > SEEN
    if "shadow" in layers:
        seen = seen | (layers["shadow"] > SEEN)
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):
        return 0, 0, seen.shape[1], seen.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def objects(alpha: Pixels) -> int:
    """Separate parts, each at least a fiftieth of the largest."""
    _, _, stats, _ = cv2.connectedComponentsWithStats((alpha > 127).astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    return int((areas >= _OBJECT_SHARE * areas.max()).sum()) if len(areas) else 0


def tilt(alpha: Pixels) -> float:
    """Degrees (−12…12, anticlockwise) that would bring the product upright; 0 where no turn clearly helps.

    Most products stand mirror-symmetric about the vertical: the turn is the one that lets the silhouette overlap its
    mirror image best, searched from coarse to fine.
    """
    scale = min(160 / max(alpha.shape), 1.0)
    size = max(round(alpha.shape[1] * scale), 1), max(round(alpha.shape[0] * scale), 1)
    small = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)
    rows, columns = np.indices(small.shape, np.float32)
    mass = float(small.sum())
    if mass < 16:
        return 0.0
    centre = float((columns * small).sum()) / mass, float((rows * small).sum()) / mass
    best, step, at = _mirrored(small, centre, 0.0), 4.0, 0.0
    upright = best
    while step >= 0.1:
        for angle in (at - 2 * step, at - step, at + step, at + 2 * step):
            if abs(angle) <= MAX_TILT_DEG and (score := _mirrored(small, centre, angle)) > best:
                best, at = score, angle
        step /= 2
    # A silhouette that is never symmetric (a shoe from the side) says nothing about upright.
    return round(at, 1) if abs(at) >= LEAST_TILT_DEG and best > 0.9 and best - upright > _LEAST_GAIN else 0.0


def _mirrored(mask: NDArray[np.float32], centre: tuple[float, float], angle: float) -> float:
    """Intersection over union of a turned silhouette with its mirror image about the upright through its centre."""
    size = 2 * int(np.hypot(*mask.shape)) // 2 + 1
    matrix = cv2.getRotationMatrix2D(centre, angle, 1.0)
    matrix[:, 2] += (size - 1) / 2 - np.array(centre)
    turned_mask = cv2.warpAffine(mask, matrix, (size, size))
    other = turned_mask[:, ::-1]
    return float(np.minimum(turned_mask, other).sum() / max(np.maximum(turned_mask, other).sum(), 1e-6))


def turned(layer: Pixels, angle: float) -> Pixels:
    """H×W or H×W×4 turned anticlockwise on a canvas that holds all of it; colours weighted by alpha."""
    height, width = layer.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
    cosine, sine = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = int(np.ceil(width * cosine + height * sine)), int(np.ceil(width * sine + height * cosine))
    matrix[:, 2] += (np.array(size) - (width, height)) / 2
    work = layer.astype(np.float32) / 255
    if layer.ndim == 3:
        work[..., :3] *= work[..., 3:]
    work = np.asarray(cv2.warpAffine(work, matrix, size, flags=cv2.INTER_CUBIC))
    if layer.ndim == 3:
        # Divided before clipping: the cubic overshoots colour and alpha alike.
        work[..., :3] /= np.maximum(work[..., 3:], 1e-4)
    return np.rint(np.clip(work, 0, 1) * 255).astype(np.uint8)


def on_ground(rgba: Pixels, ground_hex: str, shadow: Pixels | None = None) -> Pixels:
    """The cut-out, its shadow under it, flattened on a colour: H×W×3. Blended in sRGB, as design programs do."""
    ground = np.array(rgb_of(ground_hex), np.float32)
    under = np.broadcast_to(ground, (*rgba.shape[:2], 3))
    if shadow is not None:
        under = under * (1 - shadow[..., None].astype(np.float32) / 255)
    alpha = rgba[..., 3:].astype(np.float32) / 255
    return np.rint(rgba[..., :3] * alpha + under * (1 - alpha)).astype(np.uint8)


def read_strokes(path: Path, shape: tuple[int, int]) -> Pixels:
    """What a brush picture of the photo's size says, as `CutRequest.strokes`: green keeps, red removes; the rest is
    left alone. Raises `BadInput`."""
    brush = read_picture(path)
    if brush.shape[:2] != shape:
        got, wanted = brush.shape[1::-1], shape[::-1]
        raise BadInput(f"{path.name} is {got[0]}×{got[1]} px", f"Expected the photo's {wanted[0]}×{wanted[1]} px")
    red, green, blue, alpha = (brush[..., i].astype(np.int16) for i in range(4))
    said = (alpha > 127) & (np.maximum(red, green) - np.minimum(np.minimum(red, green), blue) > 80)
    strokes = np.where(green > red + 40, KEEP, np.where(red > green + 40, REMOVE, 0)) * said
    if not strokes.any():
        raise BadInput(f"{path.name} holds no strokes", "Paint green where to keep and red where to remove")
    return strokes.astype(np.uint8)
