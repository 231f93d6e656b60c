"""How people stand, by DWPose as two ONNX files, drawn as ControlNets learned it from OpenPose.

`yolox_l.onnx` finds people: 1×3×640×640 `float32`, BGR 0–255, the photo at the top left on grey 114; it gives
1×8400×85, one row a cell of grids 8, 16 and 32 px wide: centre and log size in cells, objectness, 80 classes, people
first. `dw-ll_ucoco_384.onnx` finds the joints of one: 1×3×384×288, RGB less ImageNet's mean over its deviation; it
gives two rows of likelihoods a joint, 1×133×576 across and 1×133×768 down, two to a pixel (SimCC). Of its 133 points
the first 17 are COCO's body; hands and faces are not drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.annotators.photo import checked
from engines.base import EngineError, Pixels, Plane
from engines.onnx_files import open_onnx, refused

FINDER, JOINTS = "yolox_l.onnx", "dw-ll_ucoco_384.onnx"
SIDE_PX, GREY, CELLS_PX = 640, 114, (8, 16, 32)
SURE, SAME, MOST_PEOPLE = 0.3, 0.45, 16
WIDE_PX, HIGH_PX, AROUND, A_PIXEL = 288, 384, 1.25, 2
_MEAN, _STD = np.array([123.675, 116.28, 103.53], np.float32), np.array([58.395, 57.12, 57.375], np.float32)
JOINT_SURE = 0.3
NECK = 1
FROM_COCO = (0, -1, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""OpenPose's 18 joints (nose, neck, right arm, left arm, right leg, left leg, eyes, ears; the right one first) as
places in COCO's 17. The neck is halfway between the shoulders."""
LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13),
    (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
_LIMB_LIGHT = 0.6
_THICK = 4 / 512
"""Half a limb's width, in the shorter side of the picture."""


def create(files: Mapping[str, Path]) -> Pose:
    """The annotator from its two files. Raises `EngineError` when they cannot be run or are other networks."""
    return Pose(files[FINDER], files[JOINTS])


class Pose:
    """Joints and limbs in OpenPose's colours on black."""

    id = "pose"

    def __init__(self, finder: Path, joints: Path) -> None:
        self._finder, self._joints = (finder, open_onnx(finder)), (joints, open_onnx(joints))

    def annotate(self, picture: Pixels, detail: float = 0.5) -> Pixels:
        """H×W×3 sRGB to H×W×3 of its size. More `detail` also shows people and joints that are less sure. Raises
        `EngineError`, also where nobody is seen."""
        # 1. People
        picture = checked(picture)
        sure = SURE * (1.5 - float(np.clip(detail, 0, 1)))
        boxes = self._people(picture, sure)
        if not len(boxes):
            raise EngineError(
                "Nobody was found in the photo", "Use one that shows people whole, or turn the detail up."
            )

        # 2. Their joints, 3. drawn
        drawn = np.zeros(picture.shape, np.uint8)
        for box in boxes:
            places, likely = openpose(*self._standing(picture, box))
            draw(drawn, places, likely > JOINT_SURE * (1.5 - detail))
        return drawn

    def _people(self, picture: Pixels, sure: float) -> Plane:
        height, width = picture.shape[:2]
        scale = min(SIDE_PX / height, SIDE_PX / width)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        given = np.full((SIDE_PX, SIDE_PX, 3), GREY, np.float32)
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        given[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=way)[..., ::-1]
        (rows,) = _asked(*self._finder, given.transpose(2, 0, 1)[None], 1)
        return people(rows, self._finder[0], sure) / scale

    def _standing(self, picture: Pixels, box: Plane) -> tuple[Plane, Plane]:
        """COCO's 17 joints of whoever is in a box: places N×2 in the photo, and how likely each is."""
        matrix = _onto(box)
        part = cv2.warpAffine(picture, matrix, (WIDE_PX, HIGH_PX), flags=cv2.INTER_LINEAR)
        given = ((part.astype(np.float32) - _MEAN) / _STD).transpose(2, 0, 1)[None]
        across, down = _asked(*self._joints, given, 2)
        if across.ndim != 3 or down.ndim != 3 or across.shape[1] < 17 or down.shape[1] < 17:
            raise _other(self._joints[0], f"it gave {across.shape} and {down.shape}")
        places, likely = joints(across[0, :17], down[0, :17])
        back = cv2.invertAffineTransform(matrix)
        return (places @ back[:, :2].T + back[:, 2]).astype(np.float32), likely


def people(rows: Plane, path: Path, sure: float) -> Plane:
    """Boxes (N×4: left, top, right, bottom in the finder's pixels) of people, the surest first, each once."""
    cells = np.concatenate(list(_cells()))
    if rows.ndim != 3 or rows.shape[1] != len(cells) or rows.shape[2] < 6:
        raise _other(path, f"it gave {rows.shape}")
    found = rows[0]
    likely = found[:, 4] * found[:, 5]
    kept = likely > sure
    found, cells, likely = found[kept], cells[kept], likely[kept]
    middle = (found[:, :2] + cells[:, :2]) * cells[:, 2:]
    size = np.exp(np.minimum(found[:, 2:4], 10)) * cells[:, 2:]
    boxes = np.concatenate([middle - size / 2, middle + size / 2], axis=1)
    return _once(boxes[np.argsort(-likely)])


def joints(across: Plane, down: Plane) -> tuple[Plane, Plane]:
    """Where the likelihoods (N×columns, N×rows) peak: places N×2 in the network's pixels, and the lesser of the two
    peaks."""
    peaks = np.stack([across.argmax(axis=1), down.argmax(axis=1)], axis=1)
    return np.asarray(peaks / A_PIXEL, np.float32), np.minimum(across.max(axis=1), down.max(axis=1)).astype(np.float32)


def openpose(places: Plane, likely: Plane) -> tuple[Plane, Plane]:
    """COCO's 17 joints (places 17×2, likelihoods) as OpenPose's 18."""
    left, right = 5, 6
    order = np.array(FROM_COCO)
    there, sure = places[order], likely[order]
    there[NECK], sure[NECK] = (places[left] + places[right]) / 2, min(likely[left], likely[right])
    return np.asarray(there, np.float32), np.asarray(sure, np.float32)


def draw(canvas: Pixels, places: Plane, seen: NDArray[np.bool_]) -> None:
    """One person's limbs, then joints, onto the canvas (H×W×3)."""
    thick = max(_THICK * min(canvas.shape[:2]), 1.0)
    for index, (start, end) in enumerate(LIMBS):
        if seen[start] and seen[end]:
            colour = [_LIMB_LIGHT * channel for channel in colour_of(index)]
            run = places[end] - places[start]
            length, angle = float(np.hypot(*run)), float(np.degrees(np.arctan2(run[1], run[0])))
            middle = (places[start] + places[end]) / 2
            cv2.ellipse(
                canvas, (tuple(map(float, middle)), (max(length, 1), 2 * thick), angle), colour, -1, cv2.LINE_AA
            )
    for index in range(len(places)):
        if seen[index]:
            at = tuple(round(float(value)) for value in places[index])
            cv2.circle(canvas, at, max(round(thick), 1), colour_of(index), -1, cv2.LINE_AA)


def colour_of(index: int) -> tuple[int, int, int]:
    """OpenPose's colour of a joint or a limb: 18 steps around the wheel of hues from red on."""
    hue = index / 3  # in sixths of the wheel
    rgb = [min(max(abs((hue + turn) % 6 - 3) - 1, 0), 1) for turn in (0, 4, 2)]
    return round(rgb[0] * 255), round(rgb[1] * 255), round(rgb[2] * 255)


# ------------------------------------------------------------------------------------------------ parts


def _asked(path: Path, session: Any, given: Plane, least: int) -> list[Plane]:
    """The first `least` outputs."""
    try:
        made = session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(given, np.float32)})
    except Exception as error:
        raise refused(path, error) from error
    if len(made) < least:
        raise _other(path, f"it gives {len(made)} outputs")
    return [np.asarray(one, np.float32) for one in made[:least]]


def _cells() -> Iterator[Plane]:
    """Column, row and width in pixels of every cell, grid by grid, N×3."""
    for wide in CELLS_PX:
        rows, columns = np.divmod(np.arange((SIDE_PX // wide) ** 2), SIDE_PX // wide)
        yield np.stack([columns, rows, np.full_like(rows, wide)], axis=1).astype(np.float32)


def _once(boxes: Plane) -> Plane:
    """Boxes in their order, without those that mostly cover one before them."""
    kept: list[Plane] = []
    for box in boxes:
        if len(kept) == MOST_PEOPLE:
            break
        if all(_shared(box, other) <= SAME for other in kept):
            kept.append(box)
    return np.array(kept, np.float32).reshape(-1, 4)


def _shared(one: Plane, other: Plane) -> float:
    """Intersection over union."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    inner = float(np.prod(np.maximum(high - low, 0)))
    areas = float(np.prod(one[2:] - one[:2])) + float(np.prod(other[2:] - other[:2]))
    return inner / max(areas - inner, 1e-6)


def _onto(box: Plane) -> Plane:
    """The matrix (2×3) that brings a box, with air around it and in the network's shape, onto its input."""
    middle, size = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) * AROUND
    wide = max(size[0], size[1] * WIDE_PX / HIGH_PX, 1.0)
    scale = WIDE_PX / wide
    return np.array(
        [[scale, 0, WIDE_PX / 2 - scale * middle[0]], [0, scale, HIGH_PX / 2 - scale * middle[1]]], np.float32
    )


def _other(path: Path, why: str) -> EngineError:
    return EngineError(f"{path.name} is not the network it should be: {why}", "Fetch it again.")
