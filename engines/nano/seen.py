"""What the camera sees of a scene, without light: the first surface, the parts that share a pixel, and a filter that
keeps to surfaces."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from engines.stage import tables as t
from engines.stage.jit import cached, called, load, store
from engines.stage.rays import nearest

# Compiled code passes bare numbers: many arguments, nested max and min, casts that fix a width.
# ruff: noqa: PLR0913, PLR0917

F = np.float32
ZERO, HALF, ONE = F(0), F(0.5), F(1)
FIRST = 6  # view depth, normal in camera space, object, unused


@called
def camera_ray(world, x, y):
    """The ray through a place of the picture (fractions): unit direction and its length at one view depth."""
    left, low = load(world, t.G_WINDOW), load(world, t.G_WINDOW + 2)
    u = left + (load(world, t.G_WINDOW + 1) - left) * x
    v = load(world, t.G_WINDOW + 3)
    v = v + (low - v) * y
    dx = load(world, t.G_FORWARD) + u * load(world, t.G_RIGHT) + v * load(world, t.G_UP)
    dy = load(world, t.G_FORWARD + 1) + u * load(world, t.G_RIGHT + 1) + v * load(world, t.G_UP + 1)
    dz = load(world, t.G_FORWARD + 2) + u * load(world, t.G_RIGHT + 2) + v * load(world, t.G_UP + 2)
    stretch = math.sqrt(dx * dx + dy * dy + dz * dz)
    return dx / stretch, dy / stretch, dz / stretch, stretch


def build_first_hits(digest: str) -> Callable[..., None]:
    """Compile the entry; `digest` as in `tracer.build`."""

    @cached
    def first_hits(world, prims, grid, first_out, width, height):
        """Fill H×W×FIRST with what the ray through each pixel's middle meets."""
        if len(digest) == 0:
            return
        ex, ey, ez = load(world, t.G_EYE), load(world, t.G_EYE + 1), load(world, t.G_EYE + 2)
        for row in range(height):
            for column in range(width):
                dx, dy, dz, stretch = camera_ray(world, (F(column) + HALF) / F(width), (F(row) + HALF) / F(height))
                met, what, _, nx, ny, nz = nearest(world, prims, grid, ex, ey, ez, dx, dy, dz, HALF, False)
                at = (row * width + column) * FIRST
                r, u, f = t.G_RIGHT, t.G_UP, t.G_FORWARD
                store(first_out, at, met / stretch)
                store(first_out, at + 1, nx * load(world, r) + ny * load(world, r + 1) + nz * load(world, r + 2))
                store(first_out, at + 2, nx * load(world, u) + ny * load(world, u + 1) + nz * load(world, u + 2))
                store(first_out, at + 3, -(nx * load(world, f) + ny * load(world, f + 1) + nz * load(world, f + 2)))
                store(first_out, at + 4, F(what))

    return first_hits


def build_coverage(digest: str) -> Callable[..., None]:
    """Compile the entry; `digest` as in `tracer.build`."""

    @cached
    def coverage(world, prims, grid, parts, centre, first_out, second_out, share_out, width, height):
        """At borders between parts: the two parts that fill most of a pixel, and the first one's share of 255.

        `parts` maps an object's number to a part (uint8); `centre` H×W are the parts in the pixels' middles.
        """
        if len(digest) == 0:
            return
        ex, ey, ez = load(world, t.G_EYE), load(world, t.G_EYE + 1), load(world, t.G_EYE + 2)
        counts = np.zeros(256, np.int64)
        for row in range(height):
            for column in range(width):
                own = centre[row, column]
                first_out[row, column] = own
                second_out[row, column] = own
                share_out[row, column] = 255
                edge = False
                for near_row in range(max(row - 1, 0), min(row + 2, height)):
                    for near_column in range(max(column - 1, 0), min(column + 2, width)):
                        edge = edge or centre[near_row, near_column] != own
                if not edge:
                    continue
                counts[:] = 0
                for i in range(9):
                    x = (F(column) + (F(i % 3) + HALF) / F(3)) / F(width)
                    y = (F(row) + (F(i // 3) + HALF) / F(3)) / F(height)
                    dx, dy, dz, _ = camera_ray(world, x, y)
                    _, what, _, _, _, _ = nearest(world, prims, grid, ex, ey, ez, dx, dy, dz, HALF, False)
                    counts[parts[max(what, -1) + 1]] += 1
                most = np.argmax(counts)
                many = counts[most]
                counts[most] = 0
                next_most = np.argmax(counts)
                first_out[row, column] = most
                if counts[next_most] > 0:
                    second_out[row, column] = next_most
                    share_out[row, column] = int(F(255) * F(many) / F(many + counts[next_most]) + HALF)
                else:
                    second_out[row, column] = most

    return coverage


@cached
def smooth(light, owners, normals, places, keen, planes, out, step, least):
    """One pass of a wavelet filter (Dammertz et al. 2010) over some planes of H×W×PLANES, within a part and a surface.

    `places` H×W×3 are points in camera space; `keen` is a part's sharpness: 0 filters all, 1 nothing. Surfaces whose
    directions have a cosine below `least` stay apart.
    """
    height, width = owners.shape
    for row in range(height):
        for column in range(width):
            own = owners[row, column]
            for p in planes:
                out[row, column, p] = light[row, column, p]
            if keen[own] >= ONE:
                continue
            nx, ny, nz = normals[row, column, 0], normals[row, column, 1], normals[row, column, 2]
            x, y, z = places[row, column, 0], places[row, column, 1], places[row, column, 2]
            total = ONE
            for i in range(-2, 3):
                r = row + i * step
                if r < 0 or r >= height:
                    continue
                for j in range(-2, 3):
                    c = column + j * step
                    if c < 0 or c >= width or (i == 0 and j == 0) or owners[r, c] != own:
                        continue
                    alike = nx * normals[r, c, 0] + ny * normals[r, c, 1] + nz * normals[r, c, 2]
                    if alike < least:
                        continue
                    off = nx * (places[r, c, 0] - x) + ny * (places[r, c, 1] - y) + nz * (places[r, c, 2] - z)
                    near = ONE - abs(off) * F(12)
                    if near <= ZERO:
                        continue
                    a, b = abs(i), abs(j)
                    w = F(1) if a == 0 else F(0.667) if a == 1 else F(0.1667)
                    w *= F(1) if b == 0 else F(0.667) if b == 1 else F(0.1667)
                    w *= near * (ONE - keen[own]) * (alike - least) / (ONE - least)
                    total += w
                    for p in planes:
                        out[row, column, p] += w * light[r, c, p]
            for p in planes:
                out[row, column, p] /= total
