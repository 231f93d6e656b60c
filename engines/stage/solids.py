"""Pieces of a set as the primitives that the kernels know."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from . import tables as t
from .spec import Paint, Piece


@dataclass(frozen=True, eq=False)
class Solid:
    """One primitive: `centre` of its box in the world, `half` extents and `rotation` (world → local)."""

    kind: int
    centre: NDArray[np.float64]
    half: NDArray[np.float64]
    paint: Paint
    params: tuple[float, ...] = ()
    rotation: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    profile: NDArray[np.float64] | None = None
    backdrop: bool = False
    softened: float = 0.0

    def corners(self) -> NDArray[np.float64]:
        """8×3 world corners of the bounding box."""
        signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)
        return self.centre + (signs * self.half) @ self.rotation

    def row(self, material: int) -> NDArray[np.float32]:
        """The record that the kernels read."""
        row = np.zeros(t.PRIM_STRIDE, np.float32)
        row[t.P_POSITION : t.P_POSITION + 3] = self.centre
        row[t.P_ROTATION : t.P_ROTATION + 9] = self.rotation.ravel()
        row[t.P_HALF : t.P_HALF + 3] = self.half * 1.002 + 0.001
        row[t.P_RADIUS] = np.linalg.norm(self.half) * 1.002 + 0.002
        if self.kind == t.SPHERE:
            row[t.P_RADIUS] = self.half[0] * 1.002 + 0.002
        row[t.P_KIND] = self.kind
        row[t.P_MATERIAL] = material
        row[t.P_PARAMS : t.P_PARAMS + len(self.params)] = self.params
        if self.profile is not None:
            row[t.P_PROFILE : t.P_PROFILE + t.PROFILE_POINTS] = self.profile
        return row


def rotation(turn: float, lean: float, roll: float) -> NDArray[np.float64]:
    """World → local for a piece turned about y, then leaned about x, then rolled about z (degrees)."""
    cy, sy = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    cx, sx = math.cos(math.radians(lean)), math.sin(math.radians(lean))
    cz, sz = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return (about_y @ about_x @ about_z).T


def _profile(radii: tuple[float, ...], radius: float) -> NDArray[np.float64]:
    """The designer's radii as the kernel's knots, along a Catmull-Rom curve: straight joins would show as bands."""
    given = np.array([2 * radii[0] - radii[1], *radii, 2 * radii[-1] - radii[-2]])
    place = np.linspace(0, len(radii) - 1, t.PROFILE_POINTS)
    knot = np.minimum(place.astype(int), len(radii) - 2)
    f = place - knot
    p0, p1, p2, p3 = (given[knot + i] for i in range(4))
    curve = p1 + 0.5 * f * (p2 - p0 + f * (2 * p0 - 5 * p1 + 4 * p2 - p3 + f * (3 * (p1 - p2) + p3 - p0)))
    return np.clip(curve, 0.0, 1.0) * radius


def _shape(piece: Piece, size: tuple[float, ...]) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """Kind, half extents and parameters of a piece of one primitive."""
    shape, edge = piece.shape, min(piece.round, 0.45 * min(size))
    half = tuple(0.5 * s for s in size)
    if shape == "sphere":
        return t.SPHERE, (half[0],) * 3, (half[0],)
    if shape == "dome":
        return t.DOME, (half[0], 0.5 * half[0], half[0]), (half[0], 0, 0, edge)
    if shape == "cylinder":
        return t.CYLINDER, (half[0], half[1], half[0]), (half[0], half[1], 0, edge)
    if shape == "turned":
        mouth = piece.mouth * half[0] * min(piece.profile[-2:])
        return t.LATHE, (half[0], half[1], half[0]), (half[0], half[1], 0, edge, mouth)
    if shape == "ring":
        tube = half[1]
        return t.TORUS, (half[0], half[0], tube), (half[0] - tube, tube)
    if shape in ("arch", "niche"):
        band = (piece.band or 0.22 * size[0]) if shape == "arch" else 0.0
        return t.ARCH, half, (*half, edge, band)
    if shape == "fluted":
        waves = math.pi * piece.flutes / size[0]
        return t.FLUTED, half, (*half, edge, waves, min(0.35 * size[2], 0.5 * size[0] / piece.flutes))
    return t.BOX, half, (*half, edge)


def solids_of(piece: Piece, x: float, base: float, z: float, scale: float = 1.0, mirrored: bool = False) -> list[Solid]:
    """The primitives of a piece whose lowest point stands at height `base`."""
    size = tuple(s * scale for s in piece.size)
    side = -1.0 if mirrored else 1.0
    turned = rotation(piece.turn * side, piece.lean, piece.roll * side)
    if piece.shape == "stairs":
        return _stairs(piece, size, x, base, z, turned)
    kind, half, params = _shape(piece, size)
    profile = _profile(piece.profile, half[0]) if piece.shape == "turned" else None
    extent = np.array(half)
    solid = Solid(kind, np.zeros(3), extent, piece, params, turned, profile, piece.place == "behind")
    lowest = -float(solid.corners()[:, 1].min()) if kind != t.SPHERE else half[0]
    if kind == t.TORUS:
        lowest = half[0] * abs(turned[1, 1]) + half[2] * (1 - abs(turned[1, 1])) if abs(turned[1, 1]) < 0.7 else half[0]
    return [replace(solid, centre=np.array([x, base + lowest, z]))]


def _stairs(
    piece: Piece, size: tuple[float, ...], x: float, base: float, z: float, turned: NDArray[np.float64]
) -> list[Solid]:
    """Steps that rise away from the viewer, one box each."""
    wide, high, deep = size
    solids = []
    for i in range(piece.steps):
        rise = high * (i + 1) / piece.steps
        run = deep * (piece.steps - i) / piece.steps
        centre = np.array([0.0, 0.5 * rise, 0.5 * (run - deep)]) @ turned
        half = np.array([0.5 * wide, 0.5 * rise, 0.5 * run])
        edge = min(piece.round, 0.4 * rise)
        solids.append(
            Solid(
                t.BOX,
                np.array([x, base, z]) + centre,
                half,
                piece,
                (*half, edge),
                turned,
                None,
                piece.place == "behind",
            )
        )
    return solids
