"""The layered tracer: light without colour, in planes that a palette is multiplied into afterwards.

It sees the scenes of `engines.stage` through the same rays. Nine planes a pixel: light from the key and from everything
else on a white surface, light that came off each of five roles (once their colour is multiplied in, the bleed is
right to the first bounce), and what shines on top: lights, and the set.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from engines.stage import tables as t
from engines.stage.jit import cached, called, load, store
from engines.stage.lights import gobo, light_met, light_shift, sky
from engines.stage.rays import blocked, nearest
from engines.stage.surface import (
    advance,
    cosine,
    facets,
    frac,
    half_vector,
    luminance,
    schlick,
    scramble,
    shadowing,
    unit,
)

from .seen import FIRST, camera_ray

# Compiled code passes bare numbers: many arguments, nested max and min, casts that fix a width.
# ruff: noqa: PLR0913, PLR0917

F = np.float32
U = np.uint64
ZERO, HALF, ONE, TWO = F(0), F(0.5), F(1), F(2)
INVERSE_PI = F(0.31830989)
TINY = F(1e-9)
LIFT = F(0.0016)
CAP = F(3.0)  # a sampled light counts at most this much, as on the stage
GREY = F(0.5)  # what later bounces keep, whose colour is not known yet
LIVE = F(0.6)
GLASS_BOUNCES = 8
R2_X, R2_Y = F(0.7548777), F(0.5698403)  # Roberts' R2 sequence
R3_X, R3_Y = F(0.8191725), F(0.6710436)
KEY, AMBIENT, FROM_ROLE, SHINE, SET_SHINE = 0, 1, 2, 7, 8
PLANES = 9


@called
def towards(lit, k, px, py, pz, u, v):
    """A point of light `k` seen from a point: unit direction, distance, what a white surface facing it would give off,
    and the density of the choice."""
    at = k * t.LIGHT_STRIDE
    across = (TWO * u - ONE) * load(lit, at + t.L_HALF_U)
    along = (TWO * v - ONE) * load(lit, at + t.L_HALF_V)
    tx = load(lit, at) + light_shift(lit, at, px) + across * load(lit, at + t.L_U) + along * load(lit, at + t.L_V) - px
    ty = load(lit, at + 1) + across * load(lit, at + t.L_U + 1) + along * load(lit, at + t.L_V + 1) - py
    tz = load(lit, at + 2) + across * load(lit, at + t.L_U + 2) + along * load(lit, at + t.L_V + 2) - pz
    far = math.sqrt(tx * tx + ty * ty + tz * tz)
    tx /= far
    ty /= far
    tz /= far
    cos = -(tx * load(lit, at + t.L_NORMAL) + ty * load(lit, at + t.L_NORMAL + 1) + tz * load(lit, at + t.L_NORMAL + 2))
    if cos <= F(1e-4):
        return tx, ty, tz, far, ZERO, ONE
    area = F(4) * load(lit, at + t.L_HALF_U) * load(lit, at + t.L_HALF_V)
    bright = luminance(load(lit, at + t.L_RADIANCE), load(lit, at + t.L_RADIANCE + 1), load(lit, at + t.L_RADIANCE + 2))
    own = far * far / (cos * area)
    return tx, ty, tz, far, bright / own * INVERSE_PI, own


@called
def gleam(nx, ny, nz, vx, vy, vz, tx, ty, tz, alpha, base, own):
    """GGX lobe × cosine towards a light, over π times the density of both ways to find it (balance heuristic)."""
    cos = nx * tx + ny * ty + nz * tz
    if cos <= ZERO:
        return ZERO
    cos_v = max(nx * vx + ny * vy + nz * vz, F(1e-3))
    hx, hy, hz = vx + tx, vy + ty, vz + tz
    size = ONE / max(math.sqrt(hx * hx + hy * hy + hz * hz), TINY)
    hx *= size
    hy *= size
    hz *= size
    rival = facets(nx * hx + ny * hy + nz * hz, alpha) * shadowing(cos_v, alpha) / (F(4) * cos_v)
    lobe = rival * shadowing(cos, alpha)
    if base > ZERO:
        lobe *= schlick(base, vx * hx + vy * hy + vz * hz)
    return lobe * own / (own + rival) / INVERSE_PI


@called
def leaving(world, prims, mats, lit, count, grid, texture, screen, px, py, pz, nx, ny, nz, state):
    """Light that leaves a white, matte point, and the random state."""
    got, kept_share = ZERO, ONE
    for depth in range(3):
        ox, oy, oz = px + LIFT * nx, py + LIFT * ny, pz + LIFT * nz
        total, keep = ZERO, ZERO
        ax, ay, az, away = ZERO, ZERO, ZERO, ZERO
        for k in range(count):
            state = advance(state)
            u = unit(state)
            state = advance(state)
            tx, ty, tz, far, bright, _ = towards(lit, k, px, py, pz, u, unit(state))
            add = bright * max(nx * tx + ny * ty + nz * tz, ZERO)
            if add > ZERO and load(lit, k * t.LIGHT_STRIDE + t.L_GOBO) > ZERO:
                add *= ONE - screen * (ONE - gobo(world, texture, px, py, pz))
            if add > ZERO:
                total += add
                state = advance(state)
                if unit(state) * total <= add:
                    keep, ax, ay, az, away = add, tx, ty, tz, far
        if keep > ZERO:
            state = advance(state)
            if not blocked(world, prims, mats, grid, ox, oy, oz, ax, ay, az, away, unit(state)):
                got += min(kept_share * total, CAP)
        state = advance(state)
        if depth == 2 or (depth > 0 and unit(state) > LIVE):
            break
        if depth > 0:
            kept_share /= LIVE
        state = advance(state)
        u = unit(state)
        state = advance(state)
        dx, dy, dz = cosine(nx, ny, nz, u, unit(state))
        state = advance(state)
        met, what, _, nx, ny, nz = nearest(world, prims, grid, ox, oy, oz, dx, dy, dz, unit(state), False)
        if what == t.ID_NOTHING:
            r, g, b = sky(world, dx, dy, dz)
            got += kept_share * luminance(r, g, b)
            break
        kept_share *= GREY
        px, py, pz = ox + met * dx, oy + met * dy, oz + met * dz
    return got, state


@called
def seen_light(world, lit, count, texture, screen, ox, oy, oz, dx, dy, dz, limit, density):
    """What softboxes show themselves along a ray: the key light, and the others. `density` with which the ray was
    chosen weighs it against `gleam`; negative where there is no other way to find them."""
    key, other = ZERO, ZERO
    for k in range(count):
        at = k * t.LIGHT_STRIDE
        far, cos = light_met(lit, at, ox, oy, oz, dx, dy, dz, limit)
        if cos > ZERO:
            bright = luminance(
                load(lit, at + t.L_RADIANCE), load(lit, at + t.L_RADIANCE + 1), load(lit, at + t.L_RADIANCE + 2)
            )
            if density > ZERO:
                area = F(4) * load(lit, at + t.L_HALF_U) * load(lit, at + t.L_HALF_V)
                bright *= density / (density + far * far / (cos * area))
            if load(lit, at + t.L_GOBO) > ZERO:
                bright *= ONE - screen * (ONE - gobo(world, texture, ox, oy, oz))
            if k == 0:
                key += bright
            else:
                other += bright
    return key, other


@called
def tile_place(row, column):
    """Where a pixel comes in its tile of 8×8, neighbours far apart: a tile's samples are one even sequence."""
    place = 0
    for bit in range(3):
        place = place * 4 + 2 * (((row ^ column) >> bit) & 1) + ((row >> bit) & 1)
    return place


def build(digest: str) -> Callable[..., None]:
    """Compile the entry. `digest` of the sources is part of numba's cache key, so an edited helper is never stale."""

    @cached
    def trace_light(
        world, prims, mats, lights, grid, texture, roles, first, out, width, row_from, row_to, height, samples, seed
    ):
        """Fill rows of H×W×PLANES. `first` is what `first_hits` found at this size, `roles` object → role 0–4."""
        if len(digest) == 0:
            return
        count = int(load(lights, 0))
        lit = lights + 4 * t.LIGHT_STRIDE
        screen = load(world, t.G_GOBO_STRENGTH)
        share = ONE / F(samples)
        sums = np.zeros(PLANES, np.float32)
        for row in range(row_from, row_to):
            for column in range(width):
                pixel = row * width + column
                state = scramble(U(np.int64(pixel)) ^ (U(np.int64(seed)) << U(32)))
                offset_a = unit(state)
                state = advance(state)
                offset_b = unit(state)
                state = advance(state)
                tile = tile_place(row, column) * samples
                sums[:] = ZERO
                ex, ey, ez = load(world, t.G_EYE), load(world, t.G_EYE + 1), load(world, t.G_EYE + 2)
                cx, cy, cz, stretch = camera_ray(world, (F(column) + HALF) / F(width), (F(row) + HALF) / F(height))
                seen = int(load(first, pixel * FIRST + 4))
                met_first = load(first, pixel * FIRST) * stretch
                if seen == t.ID_NOTHING:
                    r, g, b = sky(world, cx, cy, cz)
                    for plane in range(PLANES):
                        store(out, pixel * PLANES + plane, luminance(r, g, b) if plane == AMBIENT else ZERO)
                    continue
                a, b, c = (
                    load(first, pixel * FIRST + 1),
                    load(first, pixel * FIRST + 2),
                    -load(first, pixel * FIRST + 3),
                )
                nx = a * load(world, t.G_RIGHT) + b * load(world, t.G_UP) + c * load(world, t.G_FORWARD)
                ny = a * load(world, t.G_RIGHT + 1) + b * load(world, t.G_UP + 1) + c * load(world, t.G_FORWARD + 1)
                nz = a * load(world, t.G_RIGHT + 2) + b * load(world, t.G_UP + 2) + c * load(world, t.G_FORWARD + 2)
                index = 0
                if seen == t.ID_FLOOR:
                    index = int(load(world, t.G_FLOOR_MATERIAL))
                elif seen == t.ID_WALL:
                    index = int(load(world, t.G_WALL_MATERIAL))
                else:
                    index = int(load(prims, (seen - t.ID_FIRST_PRIM) * t.PRIM_STRIDE + t.P_MATERIAL))
                mat = index * t.MATERIAL_STRIDE
                alpha, metal = load(mats, mat + t.M_ROUGH), load(mats, mat + t.M_METAL)
                spec, glass = load(mats, mat + t.M_SPECULAR), load(mats, mat + t.M_GLASS)
                px, py, pz = ex + met_first * cx, ey + met_first * cy, ez + met_first * cz
                vx, vy, vz = -cx, -cy, -cz
                facing = max(nx * vx + ny * vy + nz * vz, F(0.001))
                ox, oy, oz = px + LIFT * nx, py + LIFT * ny, pz + LIFT * nz
                for sample in range(samples):
                    state = advance(scramble(state + U(np.int64(sample))))
                    if glass > ZERO:
                        gx, gy, gz, dx, dy, dz = ex, ey, ez, cx, cy, cz
                        mirrored = False
                        for depth in range(GLASS_BOUNCES):
                            state = advance(state)
                            met, what, _, mx, my, mz = nearest(
                                world, prims, grid, gx, gy, gz, dx, dy, dz, unit(state), False
                            )
                            if mirrored:
                                key, other = seen_light(
                                    world, lit, count, texture, screen, gx, gy, gz, dx, dy, dz, met, -ONE
                                )
                                sums[SHINE] += min(key + other, CAP)
                            if what == t.ID_NOTHING:
                                r, g, b = sky(world, dx, dy, dz)
                                sums[SHINE if mirrored else AMBIENT] += luminance(r, g, b)
                                break
                            qx, qy, qz = gx + met * dx, gy + met * dy, gz + met * dz
                            through = ZERO
                            if what >= t.ID_FIRST_PRIM:
                                at = int(load(prims, (what - t.ID_FIRST_PRIM) * t.PRIM_STRIDE + t.P_MATERIAL))
                                through = load(mats, at * t.MATERIAL_STRIDE + t.M_GLASS)
                            if through == ZERO:
                                left, state = leaving(
                                    world, prims, mats, lit, count, grid, texture, screen, qx, qy, qz, mx, my, mz, state
                                )
                                role = int(load(roles, what))
                                sums[SET_SHINE if mirrored else FROM_ROLE + role] += left
                                break
                            towards_us = -(mx * dx + my * dy + mz * dz)
                            entering = towards_us > ZERO
                            if not entering:
                                mx, my, mz, towards_us = -mx, -my, -mz, -towards_us
                            ratio = F(1 / 1.45) if entering else F(1.45)
                            bend = ONE - ratio * ratio * (ONE - towards_us * towards_us)
                            chance = ONE
                            if through < F(1.5):
                                ratio = ONE
                                bend = towards_us * towards_us
                                chance = schlick(F(0.04), towards_us)
                            elif bend > ZERO:
                                chance = schlick(F(0.035), towards_us if entering else math.sqrt(bend))
                            state = advance(state)
                            if unit(state) < chance:
                                dx = dx + TWO * towards_us * mx
                                dy = dy + TWO * towards_us * my
                                dz = dz + TWO * towards_us * mz
                                gx, gy, gz = qx + LIFT * mx, qy + LIFT * my, qz + LIFT * mz
                                mirrored = mirrored or depth == 0
                            else:
                                push = ratio * towards_us - math.sqrt(max(bend, ZERO))
                                dx, dy, dz = ratio * dx + push * mx, ratio * dy + push * my, ratio * dz + push * mz
                                size = ONE / math.sqrt(dx * dx + dy * dy + dz * dz)
                                dx *= size
                                dy *= size
                                dz *= size
                                gx, gy, gz = qx - LIFT * TWO * mx, qy - LIFT * TWO * my, qz - LIFT * TWO * mz
                        continue
                    turn_c = frac(F(tile + sample) * R3_X)
                    turn_d = frac(F(tile + sample) * R3_Y)
                    turn_a = frac(offset_a + F(sample) * R2_X)
                    turn_b = frac(offset_b + F(sample) * R2_Y)
                    total, keep, keep_shine = ZERO, ZERO, ZERO
                    ax, ay, az, away = ZERO, ZERO, ZERO, ZERO
                    for k in range(count):
                        tx, ty, tz, far, bright, own = towards(lit, k, px, py, pz, turn_a, turn_b)
                        add = bright * max(nx * tx + ny * ty + nz * tz, ZERO)
                        if add <= ZERO:
                            continue
                        dim = ONE
                        if load(lit, k * t.LIGHT_STRIDE + t.L_GOBO) > ZERO:
                            dim = ONE - screen * (ONE - gobo(world, texture, px, py, pz))
                        shine = ZERO
                        if metal > ZERO or spec > ZERO:
                            shine = min(dim * bright * gleam(nx, ny, nz, vx, vy, vz, tx, ty, tz, alpha, spec, own), CAP)
                        add *= dim * (ONE - spec) * (ONE - metal)
                        weight = add + shine + F(1e-6)
                        if k == 0:
                            state = advance(state)
                            if not blocked(world, prims, mats, grid, ox, oy, oz, tx, ty, tz, far, unit(state)):
                                sums[KEY] += add + (shine if metal > ZERO else ZERO)
                                sums[SHINE] += ZERO if metal > ZERO else shine
                        else:
                            total += weight
                            state = advance(state)
                            if unit(state) * total <= weight:
                                keep, keep_shine = add / weight, shine / weight
                                ax, ay, az, away = tx, ty, tz, far
                    if total > ZERO:
                        state = advance(state)
                        if not blocked(world, prims, mats, grid, ox, oy, oz, ax, ay, az, away, unit(state)):
                            sums[AMBIENT] += total * (keep + (keep_shine if metal > ZERO else ZERO))
                            sums[SHINE] += ZERO if metal > ZERO else total * keep_shine
                    if metal == ZERO:
                        dx, dy, dz = cosine(nx, ny, nz, turn_c, turn_d)
                        state = advance(state)
                        met, what, _, mx, my, mz = nearest(
                            world, prims, grid, ox, oy, oz, dx, dy, dz, unit(state), False
                        )
                        if what == t.ID_NOTHING:
                            r, g, b = sky(world, dx, dy, dz)
                            sums[AMBIENT] += (ONE - spec) * luminance(r, g, b)
                        else:
                            left, state = leaving(
                                world, prims, mats, lit, count, grid, texture, screen,
                                ox + met * dx, oy + met * dy, oz + met * dz, mx, my, mz, state,
                            )  # fmt: skip
                            sums[FROM_ROLE + int(load(roles, what))] += (ONE - spec) * left
                    if metal > ZERO or spec > ZERO:
                        state = advance(state)
                        u = unit(state)
                        state = advance(state)
                        hx, hy, hz = half_vector(
                            nx,
                            ny,
                            nz,
                            vx,
                            vy,
                            vz,
                            alpha,
                            frac(turn_c + u * F(0.35)),
                            frac(turn_d + unit(state) * F(0.35)),
                        )
                        cos_h = vx * hx + vy * hy + vz * hz
                        dx, dy, dz = TWO * cos_h * hx - vx, TWO * cos_h * hy - vy, TWO * cos_h * hz - vz
                        cos = nx * dx + ny * dy + nz * dz
                        if cos > ZERO:
                            weight = shadowing(cos, alpha)
                            if metal == ZERO:
                                weight *= schlick(spec, cos_h)
                            state = advance(state)
                            met, what, _, mx, my, mz = nearest(
                                world, prims, grid, ox, oy, oz, dx, dy, dz, unit(state), False
                            )
                            cos_v = max(facing, F(1e-3))
                            density = (
                                facets(nx * hx + ny * hy + nz * hz, alpha) * shadowing(cos_v, alpha) / (F(4) * cos_v)
                            )
                            key, other = seen_light(
                                world, lit, count, texture, screen, ox, oy, oz, dx, dy, dz, met, density
                            )
                            if metal > ZERO:
                                sums[KEY] += min(weight * key, CAP)
                                sums[AMBIENT] += min(weight * other, CAP)
                            else:
                                sums[SHINE] += min(weight * (key + other), CAP)
                            if what == t.ID_NOTHING:
                                r, g, b = sky(world, dx, dy, dz)
                                sums[AMBIENT if metal > ZERO else SHINE] += weight * luminance(r, g, b)
                            else:
                                left, state = leaving(
                                    world, prims, mats, lit, count, grid, texture, screen,
                                    ox + met * dx, oy + met * dy, oz + met * dz, mx, my, mz, state,
                                )  # fmt: skip
                                role = int(load(roles, what))
                                sums[FROM_ROLE + role if metal > ZERO else SET_SHINE] += weight * left
                for plane in range(PLANES):
                    store(out, pixel * PLANES + plane, sums[plane] * share)

    return trace_light
