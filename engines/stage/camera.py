"""Where the camera stands. A shift lens: the image plane has the photo's pitch, the window slides on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.base import Region

Vector = NDArray[np.float64]
WIDEST = 0.29  # tangent of the largest off-axis angle; beyond it spheres look like eggs, so the camera steps back
LEAST_ELEVATION_DEG = 9.0  # straight-on photos are seen from a little above, so that the podium's top shows


@dataclass(frozen=True, eq=False)
class Camera:
    """`window` is left, right, bottom, top on the image plane at unit distance; `focus` a view depth."""

    eye: Vector
    right: Vector
    up: Vector
    forward: Vector
    window: tuple[float, float, float, float]
    focus: float
    aperture: float

    def project(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """N×3 world points to N×2 fractions of the picture (origin top left; may lie outside 0–1)."""
        to = np.asarray(points, np.float64) - self.eye
        depth = np.maximum(to @ self.forward, 1e-3)
        left, right, bottom, top = self.window
        x = (to @ self.right / depth - left) / (right - left)
        y = (top - to @ self.up / depth) / (top - bottom)
        return np.stack([x, y], axis=1)

    def direction(self, x: float, y: float) -> Vector:
        """The (not normalised) ray through a place of the picture; one view depth long."""
        left, right, bottom, top = self.window
        u = left + (right - left) * x
        v = top + (bottom - top) * y
        return self.forward + u * self.right + v * self.up

    def across_at(self, x: float, z: float, height: float) -> float:
        """World x where the picture's column `x` crosses the line at depth `z` and the given height."""
        to_y, to_z = height - self.eye[1], z - self.eye[2]
        depth = to_y * self.forward[1] + to_z * self.forward[2]
        left, right, _, _ = self.window
        return float(self.eye[0] + (left + (right - left) * x) * depth)


def place_camera(
    size: tuple[float, float], box: Region, pitch_deg: float, front: float, distance: float, blur: float
) -> Camera:
    """The camera for which a product `size` units wide and high, standing at (0, 0, front), fills `box`.

    `blur` is the lens radius for a camera 7 units away; it grows with the distance, so that the blur stays.
    """
    width, height = size
    pitch = math.radians(pitch_deg)
    forward = np.array([0.0, -math.sin(pitch), -math.cos(pitch)])
    up = np.array([0.0, math.cos(pitch), -math.sin(pitch)])
    right = np.array([1.0, 0.0, 0.0])
    picture_w, picture_h = width / box.width, height / box.height
    middle = 0.5 * (box.left + box.right)
    lean = math.tan(math.radians(max(LEAST_ELEVATION_DEG - pitch_deg, 0.0)))
    reach = max(middle, 1 - middle) * picture_w
    above, below = box.bottom * picture_h - 0.5 * height, (1 - box.bottom) * picture_h + 0.5 * height
    distance = max(distance, reach / WIDEST, above / (WIDEST + lean), below / max(WIDEST - lean, 0.15))
    rise = distance * lean
    eye = np.array([0.0, 0.0, front]) - distance * forward + (0.5 * height + rise) * up
    foot = -(0.5 * height + rise)
    window = (
        -middle * picture_w / distance,
        (1 - middle) * picture_w / distance,
        (foot - (1 - box.bottom) * picture_h) / distance,
        (foot + box.bottom * picture_h) / distance,
    )
    return Camera(eye, right, up, forward, window, distance + 0.02, blur * distance / 7.0)
