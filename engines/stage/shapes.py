"""Signed distances of the props, in each prop's own frame (after Quilez, "3D SDFs"; lengths in world units)."""

from __future__ import annotations

import math

import numpy as np

from . import tables as t
from .jit import inlined, load

# Compiled code passes bare numbers: many arguments, nested max and min, casts that fix a width.
# ruff: noqa: PLW3301

F = np.float32
ZERO, HALF, ONE, TWO = F(0), F(0.5), F(1), F(2)
SLOPE_LIMIT = F(0.62)  # 1/√(1+slope²) for the steepest lathe wall: keeps the marching steps safe
LAST_KNOT = F(t.PROFILE_POINTS - 1)


@inlined
def extruded(across, along, rounding):
    """Join two one-dimensional distances into a solid whose edges are rounded by `rounding`."""
    a = across + rounding
    b = along + rounding
    outside_a = max(a, ZERO)
    outside_b = max(b, ZERO)
    return min(max(a, b), ZERO) + math.sqrt(outside_a * outside_a + outside_b * outside_b) - rounding


@inlined
def box(x, y, z, hx, hy, hz, rounding):
    qx = abs(x) - hx + rounding
    qy = abs(y) - hy + rounding
    qz = abs(z) - hz + rounding
    ox = max(qx, ZERO)
    oy = max(qy, ZERO)
    oz = max(qz, ZERO)
    return math.sqrt(ox * ox + oy * oy + oz * oz) + min(max(qx, max(qy, qz)), ZERO) - rounding


@inlined
def arch(x, y, z, half_width, half_height, half_depth, band, rounding):
    """A doorway (`band` wide) or, with `band` 0, a solid panel with a round top."""
    spring = half_height - half_width
    rise = max(y - spring, ZERO)
    reach = math.sqrt(x * x + rise * rise)
    outline = reach - half_width
    if band > ZERO:
        outline = abs(reach - half_width + HALF * band) - HALF * band
    outline = extruded(outline, -(y + half_height), rounding)
    return extruded(outline, abs(z) - half_depth, rounding)


@inlined
def lathe(prims, base, x, y, z, half_height, rounding, mouth):
    """A turned body: sixteen radii from bottom to top, joined by a Catmull-Rom curve; `mouth` hollows the top."""
    around = math.sqrt(x * x + z * z)
    place = min(max((y + half_height) / (TWO * half_height), ZERO), ONE) * LAST_KNOT
    knot = min(int(place), t.PROFILE_POINTS - 2)
    f = place - F(knot)
    at = base + t.P_PROFILE
    p0 = load(prims, at + max(knot - 1, 0))
    p1 = load(prims, at + knot)
    p2 = load(prims, at + knot + 1)
    p3 = load(prims, at + min(knot + 2, t.PROFILE_POINTS - 1))
    bend = F(3) * (p1 - p2) + p3 - p0
    radius = p1 + HALF * f * (p2 - p0 + f * (TWO * p0 - F(5) * p1 + F(4) * p2 - p3 + f * bend))
    body = extruded((around - radius) * SLOPE_LIMIT, abs(y) - half_height, rounding)
    if mouth > ZERO:
        body = max(body, -extruded(around - mouth, half_height - F(0.7) * mouth - y, rounding))
    return body


@inlined
def distance(prims, base, kind, x, y, z):
    """Signed distance from a local point to the primitive whose record starts at `base`."""
    a = load(prims, base + t.P_PARAMS)
    b = load(prims, base + t.P_PARAMS + 1)
    c = load(prims, base + t.P_PARAMS + 2)
    d = load(prims, base + t.P_PARAMS + 3)
    if kind == t.BOX:
        return box(x, y, z, a, b, c, d)
    if kind == t.CYLINDER:
        return extruded(math.sqrt(x * x + z * z) - a, abs(y) - b, d)
    if kind == t.TORUS:
        ring = math.sqrt(x * x + y * y) - a
        return math.sqrt(ring * ring + z * z) - b
    if kind == t.ARCH:
        return arch(x, y, z, a, b, c, load(prims, base + t.P_PARAMS + 4), d)
    if kind == t.LATHE:
        return lathe(prims, base, x, y, z, b, d, load(prims, base + t.P_PARAMS + 4))
    if kind == t.FLUTED:
        wave = load(prims, base + t.P_PARAMS + 4)
        swell = load(prims, base + t.P_PARAMS + 5) * abs(math.sin(x * wave))
        return box(x, y, z, a, b, c - swell, d) * F(0.7)
    if kind == t.DOME:
        raised = y + HALF * a
        return extruded(math.sqrt(x * x + raised * raised + z * z) - a, -raised, d)
    return math.sqrt(x * x + y * y + z * z) - a
