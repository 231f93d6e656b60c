"""What a ray meets: the props, the endless backdrop, and the product's unseen relief."""

from __future__ import annotations

import math

import numpy as np

from . import tables as t
from .jit import called, inlined, load
from .shapes import distance

# Compiled code passes bare numbers: many arguments, nested max and min, casts that fix a width.
# ruff: noqa: PLR0913, PLR0917, PLR1714, PLW3301

F = np.float32
ZERO, HALF, ONE, TWO = F(0), F(0.5), F(1), F(2)
FAR = F(1e9)
TINY = F(1e-9)
TOUCH = F(0.0006)
RELIEF_STEPS = 28
MARCH_STEPS = 72


@inlined
def slab(origin, direction, half):
    """Entry and exit of one axis of a box centred on 0."""
    d = direction
    if abs(d) < TINY:
        d = TINY
    inverse = ONE / d
    near = (-half - origin) * inverse
    far = (half - origin) * inverse
    return min(near, far), max(near, far)


@inlined
def turn(prims, base, x, y, z):
    """Rotate a world vector into the primitive's frame."""
    r = base + t.P_ROTATION
    return (
        load(prims, r) * x + load(prims, r + 1) * y + load(prims, r + 2) * z,
        load(prims, r + 3) * x + load(prims, r + 4) * y + load(prims, r + 5) * z,
        load(prims, r + 6) * x + load(prims, r + 7) * y + load(prims, r + 8) * z,
    )


@inlined
def ball(ox, oy, oz, dx, dy, dz, radius, limit):
    b = ox * dx + oy * dy + oz * dz
    px = ox - b * dx
    py = oy - b * dy
    pz = oz - b * dz
    inside = radius * radius - (px * px + py * py + pz * pz)
    if inside <= ZERO:
        return FAR
    root = math.sqrt(inside)
    near = -b - root
    if near > TOUCH:
        return near
    return -b + root if -b + root > TOUCH else FAR


@called
def meet(prims, base, ox, oy, oz, dx, dy, dz, limit):
    """Distance to one primitive along a world ray, or FAR. Spheres are solved, the rest is sphere traced."""
    cx = ox - load(prims, base)
    cy = oy - load(prims, base + 1)
    cz = oz - load(prims, base + 2)
    along = -(cx * dx + cy * dy + cz * dz)
    radius = load(prims, base + t.P_RADIUS)
    if along < -radius or along - radius > limit:
        return FAR
    qx = cx + along * dx
    qy = cy + along * dy
    qz = cz + along * dz
    if qx * qx + qy * qy + qz * qz > radius * radius:
        return FAR
    kind = int(load(prims, base + t.P_KIND))
    if kind == t.SPHERE:
        return ball(cx, cy, cz, dx, dy, dz, load(prims, base + t.P_PARAMS), limit)
    lx, ly, lz = turn(prims, base, cx, cy, cz)
    mx, my, mz = turn(prims, base, dx, dy, dz)
    near_x, far_x = slab(lx, mx, load(prims, base + t.P_HALF))
    near_y, far_y = slab(ly, my, load(prims, base + t.P_HALF + 1))
    near_z, far_z = slab(lz, mz, load(prims, base + t.P_HALF + 2))
    place = max(max(near_x, near_y), max(near_z, ZERO))
    end = min(min(far_x, far_y), min(far_z, limit))
    if place >= end:
        return FAR
    side = ONE
    if distance(prims, base, kind, lx + place * mx, ly + place * my, lz + place * mz) < ZERO:
        side = -ONE  # the ray starts inside: look for the way out
    for _ in range(MARCH_STEPS):
        step = side * distance(prims, base, kind, lx + place * mx, ly + place * my, lz + place * mz)
        if step < TOUCH:
            return place
        place += step
        if place > end:
            return FAR
    return FAR


@inlined
def backdrop(world, ox, oy, oz, dx, dy, dz):
    """Distance to floor, wall, or the quarter pipe between them, and which: an endless studio cove along x."""
    floor = load(world, t.G_FLOOR)
    wall = load(world, t.G_WALL)
    curve = load(world, t.G_CURVE)
    best = FAR
    what = t.ID_NOTHING
    if dy < -TINY:
        place = (floor - oy) / dy
        if place > TOUCH and oz + place * dz >= wall + curve:
            best = place
            what = t.ID_FLOOR
    if dz < -TINY:
        place = (wall - oz) / dz
        if TOUCH < place < best and oy + place * dy >= floor + curve:
            best = place
            what = t.ID_WALL
    a = dy * dy + dz * dz
    if a > TINY:
        cy = oy - floor - curve
        cz = oz - wall - curve
        b = cy * dy + cz * dz
        inside = b * b - a * (cy * cy + cz * cz - curve * curve)
        if inside > ZERO:
            place = (-b + math.sqrt(inside)) / a
            if TOUCH < place < best and cy + place * dy <= ZERO and cz + place * dz <= ZERO:
                best = place
                what = t.ID_WALL
    return best, what


@inlined
def backdrop_normal(world, what, y, z):
    floor = load(world, t.G_FLOOR)
    curve = load(world, t.G_CURVE)
    if what == t.ID_FLOOR:
        return ZERO, ONE, ZERO
    cy = floor + curve - y
    cz = load(world, t.G_WALL) + curve - z
    if cy <= ZERO:
        return ZERO, ZERO, ONE
    size = ONE / max(math.sqrt(cy * cy + cz * cz), TINY)
    return ZERO, cy * size, cz * size


@called
def relief(world, grid, ox, oy, oz, dx, dy, dz, limit, jitter):
    """Distance to the product's relief and the texel met (−1: missed).

    A point is inside if its projection falls on the cut-out and its view depth between front and back there.
    """
    near_x, far_x = slab(
        ox - HALF * (load(world, t.G_PRODUCT_LOW) + load(world, t.G_PRODUCT_HIGH)),
        dx,
        HALF * (load(world, t.G_PRODUCT_HIGH) - load(world, t.G_PRODUCT_LOW)),
    )
    near_y, far_y = slab(
        oy - HALF * (load(world, t.G_PRODUCT_LOW + 1) + load(world, t.G_PRODUCT_HIGH + 1)),
        dy,
        HALF * (load(world, t.G_PRODUCT_HIGH + 1) - load(world, t.G_PRODUCT_LOW + 1)),
    )
    near_z, far_z = slab(
        oz - HALF * (load(world, t.G_PRODUCT_LOW + 2) + load(world, t.G_PRODUCT_HIGH + 2)),
        dz,
        HALF * (load(world, t.G_PRODUCT_HIGH + 2) - load(world, t.G_PRODUCT_LOW + 2)),
    )
    start = max(max(near_x, near_y), max(near_z, ZERO))
    end = min(min(far_x, far_y), min(far_z, limit))
    if start >= end:
        return FAR, -1
    ex = ox - load(world, t.G_EYE)
    ey = oy - load(world, t.G_EYE + 1)
    ez = oz - load(world, t.G_EYE + 2)
    right_0 = ex * load(world, t.G_RIGHT) + ey * load(world, t.G_RIGHT + 1) + ez * load(world, t.G_RIGHT + 2)
    up_0 = ex * load(world, t.G_UP) + ey * load(world, t.G_UP + 1) + ez * load(world, t.G_UP + 2)
    deep_0 = ex * load(world, t.G_FORWARD) + ey * load(world, t.G_FORWARD + 1) + ez * load(world, t.G_FORWARD + 2)
    right_1 = dx * load(world, t.G_RIGHT) + dy * load(world, t.G_RIGHT + 1) + dz * load(world, t.G_RIGHT + 2)
    up_1 = dx * load(world, t.G_UP) + dy * load(world, t.G_UP + 1) + dz * load(world, t.G_UP + 2)
    deep_1 = dx * load(world, t.G_FORWARD) + dy * load(world, t.G_FORWARD + 1) + dz * load(world, t.G_FORWARD + 2)
    left = load(world, t.G_PRODUCT_WINDOW)
    top = load(world, t.G_PRODUCT_WINDOW + 3)
    columns = load(world, t.G_PRODUCT_GRID)
    rows = load(world, t.G_PRODUCT_GRID + 1)
    scale_x = columns / (load(world, t.G_PRODUCT_WINDOW + 1) - left)
    scale_y = rows / (top - load(world, t.G_PRODUCT_WINDOW + 2))
    step = (end - start) / F(RELIEF_STEPS)
    place = start + step * jitter
    for _ in range(RELIEF_STEPS):
        deep = deep_0 + place * deep_1
        if deep > TINY:
            column = ((right_0 + place * right_1) / deep - left) * scale_x
            row = (top - (up_0 + place * up_1) / deep) * scale_y
            if ZERO <= column < columns and ZERO <= row < rows:
                texel = (int(row) * int(columns) + int(column)) * t.GRID_STRIDE
                if load(grid, texel) <= deep <= load(grid, texel + 1):
                    return place, texel
        place += step
    return FAR, -1


@called
def blocked(world, prims, mats, grid, ox, oy, oz, dx, dy, dz, limit, jitter):
    """Whether something stands between a point and a light. Glass lets most of the light pass, by chance."""
    for i in range(int(load(world, t.G_PRIMS))):
        base = i * t.PRIM_STRIDE
        if meet(prims, base, ox, oy, oz, dx, dy, dz, limit) < limit:
            material = int(load(prims, base + t.P_MATERIAL)) * t.MATERIAL_STRIDE
            if load(mats, material + t.M_GLASS) == ZERO or jitter < F(0.22):
                return True
    if load(world, t.G_PRODUCT) > ZERO:
        _, texel = relief(world, grid, ox, oy, oz, dx, dy, dz, limit, jitter)
        return texel >= 0
    return False


@called
def nearest(world, prims, grid, ox, oy, oz, dx, dy, dz, jitter, sees_product):
    """The first thing a ray meets: distance, id (tables.ID_…), product texel, and the surface normal."""
    best, what = backdrop(world, ox, oy, oz, dx, dy, dz)
    texel = -1
    for i in range(int(load(world, t.G_PRIMS))):
        met = meet(prims, i * t.PRIM_STRIDE, ox, oy, oz, dx, dy, dz, best)
        if met < best:
            best = met
            what = t.ID_FIRST_PRIM + i
    if sees_product and load(world, t.G_PRODUCT) > ZERO:
        met, texel = relief(world, grid, ox, oy, oz, dx, dy, dz, best, jitter)
        if texel >= 0:
            return met, t.ID_PRODUCT, texel, -dx, -dy, -dz
    nx, ny, nz = ZERO, ONE, ZERO
    if what == t.ID_FLOOR or what == t.ID_WALL:
        nx, ny, nz = backdrop_normal(world, what, oy + best * dy, oz + best * dz)
    elif what >= t.ID_FIRST_PRIM:
        nx, ny, nz = normal(
            prims, (what - t.ID_FIRST_PRIM) * t.PRIM_STRIDE, ox + best * dx, oy + best * dy, oz + best * dz
        )
    return best, what, texel, nx, ny, nz


@called
def normal(prims, base, x, y, z):
    """Outward unit normal from four taps on a tetrahedron (Quilez, "Normals for an SDF")."""
    cx = x - load(prims, base)
    cy = y - load(prims, base + 1)
    cz = z - load(prims, base + 2)
    lx, ly, lz = turn(prims, base, cx, cy, cz)
    kind = int(load(prims, base + t.P_KIND))
    gap = F(0.0012) if kind != t.LATHE else F(0.006)
    nx, ny, nz = ZERO, ZERO, ZERO
    for i in range(4):
        sx = ONE if i == 0 or i == 3 else -ONE
        sy = ONE if i == 2 or i == 3 else -ONE
        sz = ONE if i == 1 or i == 3 else -ONE
        d = distance(prims, base, kind, lx + gap * sx, ly + gap * sy, lz + gap * sz)
        nx += sx * d
        ny += sy * d
        nz += sz * d
    r = base + t.P_ROTATION
    wx = load(prims, r) * nx + load(prims, r + 3) * ny + load(prims, r + 6) * nz
    wy = load(prims, r + 1) * nx + load(prims, r + 4) * ny + load(prims, r + 7) * nz
    wz = load(prims, r + 2) * nx + load(prims, r + 5) * ny + load(prims, r + 8) * nz
    size = ONE / max(math.sqrt(wx * wx + wy * wy + wz * wz), TINY)
    return wx * size, wy * size, wz * size
