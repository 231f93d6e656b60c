"""Where light comes from: softboxes, the screen before the key light, and the room."""

from __future__ import annotations

import numpy as np

from . import tables as t
from .jit import inlined, load
from .surface import frac

# Compiled code passes bare numbers: many arguments, nested max and min, casts that fix a width.
# ruff: noqa: PLR0913, PLR0917, PLW3301

F = np.float32
ZERO, HALF, ONE, TWO = F(0), F(0.5), F(1), F(2)


@inlined
def sky(world, dx, dy, dz):
    """The room's own light: a gradient from cool to warm."""
    along = dx * load(world, t.G_SKY_AXIS) + dy * load(world, t.G_SKY_AXIS + 1) + dz * load(world, t.G_SKY_AXIS + 2)
    w = HALF + HALF * along
    c = ONE - w
    return (
        w * load(world, t.G_SKY_WARM) + c * load(world, t.G_SKY_COOL),
        w * load(world, t.G_SKY_WARM + 1) + c * load(world, t.G_SKY_COOL + 1),
        w * load(world, t.G_SKY_WARM + 2) + c * load(world, t.G_SKY_COOL + 2),
    )


@inlined
def calmness(world, x, y):
    """1 inside a place kept for words, falling to 0 a little outside."""
    most = ZERO
    for i in range(int(load(world, t.G_CALM_COUNT))):
        at = t.G_CALM + 4 * i
        across = max(load(world, at) - x, x - load(world, at + 2))
        down = max(load(world, at + 1) - y, y - load(world, at + 3))
        away = max(max(across, down), ZERO)
        most = max(most, ONE - min(away * F(9), ONE))
    return most * most * (F(3) - TWO * most)


@inlined
def light_shift(lights, base, px):
    """How far a light has moved along x to keep pace with the lit point."""
    return load(lights, base + t.L_FOLLOW) * px


@inlined
def light_met(lights, base, ox, oy, oz, dx, dy, dz, limit):
    """Distance to a softbox's lit face along a ray and the cosine there; a negative cosine if it is missed."""
    nx = load(lights, base + t.L_NORMAL)
    ny = load(lights, base + t.L_NORMAL + 1)
    nz = load(lights, base + t.L_NORMAL + 2)
    cos = -(nx * dx + ny * dy + nz * dz)
    if cos <= F(1e-4):
        return ZERO, -ONE
    cx = load(lights, base) + light_shift(lights, base, ox) - ox
    cy = load(lights, base + 1) - oy
    cz = load(lights, base + 2) - oz
    place = -(cx * nx + cy * ny + cz * nz) / cos
    if place <= F(1e-3) or place >= limit:
        return ZERO, -ONE
    qx = place * dx - cx
    qy = place * dy - cy
    qz = place * dz - cz
    u = qx * load(lights, base + t.L_U) + qy * load(lights, base + t.L_U + 1) + qz * load(lights, base + t.L_U + 2)
    v = qx * load(lights, base + t.L_V) + qy * load(lights, base + t.L_V + 1) + qz * load(lights, base + t.L_V + 2)
    if abs(u) > load(lights, base + t.L_HALF_U) or abs(v) > load(lights, base + t.L_HALF_V):
        return ZERO, -ONE
    return place, cos


@inlined
def gobo(world, texture, px, py, pz):
    """How much of the key light a cut-out screen lets through to a point, 0–1."""
    size = load(world, t.G_GOBO_SIZE)
    if size <= ZERO:
        return ONE
    scale = load(world, t.G_GOBO_SCALE)
    u = px * load(world, t.G_GOBO_U) + py * load(world, t.G_GOBO_U + 1) + pz * load(world, t.G_GOBO_U + 2)
    v = px * load(world, t.G_GOBO_V) + py * load(world, t.G_GOBO_V + 1) + pz * load(world, t.G_GOBO_V + 2)
    u = frac((u * scale + load(world, t.G_GOBO_OFFSET)) / size) * size
    v = frac((v * scale + load(world, t.G_GOBO_OFFSET + 1)) / size) * size
    edge = int(size)
    i = min(int(u), edge - 1)
    j = min(int(v), edge - 1)
    fu = u - F(i)
    fv = v - F(j)
    i1 = i + 1 if i + 1 < edge else 0
    j1 = j + 1 if j + 1 < edge else 0
    low = load(texture, j * edge + i) * (ONE - fu) + load(texture, j * edge + i1) * fu
    high = load(texture, j1 * edge + i) * (ONE - fu) + load(texture, j1 * edge + i1) * fu
    return low * (ONE - fv) + high * fv
