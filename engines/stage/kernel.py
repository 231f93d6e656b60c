"""The path tracer: one compiled entry that fills rows of the picture. Unbiased but for clamped bounces.

Light reaches a point by next-event estimation (one softbox chosen in proportion to what it would add) and by the
sampled reflection, weighted by the balance heuristic (Veach 1995).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from . import tables as t
from .jit import cached, load, store
from .lights import calmness, gobo, light_met, light_shift, sky
from .rays import blocked, nearest
from .surface import advance, cosine, frac, grain, half_vector, luminance, reflect, schlick, scramble, unit

# Compiled code passes bare numbers: many arguments, nested max and min, casts that fix a width.
# ruff: noqa: PLR0913, PLR0917, PLW3301

F = np.float32
U = np.uint64
ZERO, HALF, ONE, TWO = F(0), F(0.5), F(1), F(2)
TAU = F(6.2831853)
INVERSE_PI = F(0.31830989)
TINY = F(1e-9)
LIFT = F(0.0016)  # rays leave a surface from this far outside it
BOUNCE_CLAMP = F(3.0)
BOUNCES = 4
GLASS_BOUNCES = 9
BLEED = F(0.62)  # how much of its colour a surface passes on to others: less keeps backdrops on the palette
R2_X, R2_Y = F(0.7548777), F(0.5698403)  # Roberts' R2 sequence
R3_X, R3_Y = F(0.8191725), F(0.6710436)


def build(digest: str) -> Callable[..., None]:
    """Compile the entry. `digest` of the sources is part of numba's cache key, so an edited helper is never stale."""

    @cached
    def trace_rows(
        world,
        prims,
        mats,
        lights,
        grid,
        texture,
        colour_out,
        albedo_out,
        normal_out,
        first_out,
        width,
        height,
        row_from,
        row_to,
        samples,
        seed,
    ):
        if len(digest) == 0:
            return
        light_count = int(load(lights, 0))
        lit = lights + 4 * t.LIGHT_STRIDE  # record 0 only holds the count
        for row in range(row_from, row_to):
            for column in range(width):
                pixel = row * width + column
                state = scramble(U(np.int64(pixel)) ^ (U(np.int64(seed)) << U(32)))
                offset_a = unit(state)
                state = advance(state)
                offset_b = unit(state)
                state = advance(state)
                offset_c = unit(state)
                state = advance(state)
                offset_d = unit(state)
                calm = calmness(world, (F(column) + HALF) / F(width), (F(row) + HALF) / F(height))
                screen_strength = load(world, t.G_GOBO_STRENGTH) * (ONE - F(0.72) * calm)
                sum_r, sum_g, sum_b = ZERO, ZERO, ZERO
                alb_r, alb_g, alb_b = ZERO, ZERO, ZERO
                nor_x, nor_y, nor_z = ZERO, ZERO, ZERO
                for sample in range(samples):
                    state = advance(scramble(state + U(np.int64(sample))))
                    turn_a = frac(offset_a + F(sample) * R2_X)
                    turn_b = frac(offset_b + F(sample) * R2_Y)
                    turn_c = frac(offset_c + F(sample) * R3_X)
                    turn_d = frac(offset_d + F(sample) * R3_Y)
                    jitter_x, jitter_y = HALF, HALF
                    aperture = ZERO
                    if sample > 0:
                        state = advance(state)
                        jitter_x = unit(state)
                        state = advance(state)
                        jitter_y = unit(state)
                        aperture = load(world, t.G_APERTURE)
                    left = load(world, t.G_WINDOW)
                    low = load(world, t.G_WINDOW + 2)
                    u = left + (load(world, t.G_WINDOW + 1) - left) * (F(column) + jitter_x) / F(width)
                    v = load(world, t.G_WINDOW + 3)
                    v = v + (low - v) * (F(row) + jitter_y) / F(height)
                    state = advance(state)
                    radius = aperture * math.sqrt(unit(state))
                    state = advance(state)
                    angle = TAU * unit(state)
                    lens_x = radius * math.cos(angle)
                    lens_y = radius * math.sin(angle)
                    focus = load(world, t.G_FOCUS)
                    sx = u - lens_x / focus
                    sy = v - lens_y / focus
                    rx, ry, rz = load(world, t.G_RIGHT), load(world, t.G_RIGHT + 1), load(world, t.G_RIGHT + 2)
                    ux, uy, uz = load(world, t.G_UP), load(world, t.G_UP + 1), load(world, t.G_UP + 2)
                    ox = load(world, t.G_EYE) + lens_x * rx + lens_y * ux
                    oy = load(world, t.G_EYE + 1) + lens_x * ry + lens_y * uy
                    oz = load(world, t.G_EYE + 2) + lens_x * rz + lens_y * uz
                    dx = load(world, t.G_FORWARD) + sx * rx + sy * ux
                    dy = load(world, t.G_FORWARD + 1) + sx * ry + sy * uy
                    dz = load(world, t.G_FORWARD + 2) + sx * rz + sy * uz
                    stretch = math.sqrt(dx * dx + dy * dy + dz * dz)
                    dx /= stretch
                    dy /= stretch
                    dz /= stretch
                    thr_r, thr_g, thr_b = ONE, ONE, ONE
                    got_r, got_g, got_b = ZERO, ZERO, ZERO
                    density = -ONE  # of the last sampled direction; negative: a mirror-like one
                    bounce = 0
                    sees = False
                    clear = True  # only glass so far: lights stay invisible to the camera
                    for depth in range(GLASS_BOUNCES):
                        state = advance(state)
                        met, what, texel, nx, ny, nz = nearest(
                            world, prims, grid, ox, oy, oz, dx, dy, dz, unit(state), sees
                        )
                        if sees:
                            for k in range(light_count):
                                at = k * t.LIGHT_STRIDE
                                far, cos = light_met(lit, at, ox, oy, oz, dx, dy, dz, met)
                                if cos > ZERO:
                                    share = ONE
                                    if density > ZERO:
                                        area = F(4) * load(lit, at + t.L_HALF_U) * load(lit, at + t.L_HALF_V)
                                        share = density / (density + far * far / (cos * area))
                                    if load(lit, at + t.L_GOBO) > ZERO:
                                        share *= ONE - screen_strength * (ONE - gobo(world, texture, ox, oy, oz))
                                    add_r = share * thr_r * load(lit, at + t.L_RADIANCE)
                                    add_g = share * thr_g * load(lit, at + t.L_RADIANCE + 1)
                                    add_b = share * thr_b * load(lit, at + t.L_RADIANCE + 2)
                                    top = max(add_r, max(add_g, add_b))
                                    cap = min(ONE, BOUNCE_CLAMP / max(top, TINY))
                                    got_r += cap * add_r
                                    got_g += cap * add_g
                                    got_b += cap * add_b
                        if what == t.ID_NOTHING:
                            env_r, env_g, env_b = sky(world, dx, dy, dz)
                            got_r += thr_r * env_r
                            got_g += thr_g * env_g
                            got_b += thr_b * env_b
                            break
                        if what == t.ID_PRODUCT:
                            glow = load(world, t.G_PRODUCT_LIGHT)
                            got_r += thr_r * glow * load(grid, texel + 2)
                            got_g += thr_g * glow * load(grid, texel + 3)
                            got_b += thr_b * glow * load(grid, texel + 4)
                            break
                        px, py, pz = ox + met * dx, oy + met * dy, oz + met * dz
                        index = int(load(world, t.G_FLOOR_MATERIAL))
                        if what == t.ID_WALL:
                            index = int(load(world, t.G_WALL_MATERIAL))
                        elif what >= t.ID_FIRST_PRIM:
                            index = int(load(prims, (what - t.ID_FIRST_PRIM) * t.PRIM_STRIDE + t.P_MATERIAL))
                        mat = index * t.MATERIAL_STRIDE
                        r, g, b = load(mats, mat), load(mats, mat + 1), load(mats, mat + 2)
                        alpha = load(mats, mat + t.M_ROUGH)
                        metal = load(mats, mat + t.M_METAL)
                        spec = load(mats, mat + t.M_SPECULAR)
                        glass = load(mats, mat + t.M_GLASS)
                        rough_grain = load(mats, mat + t.M_GRAIN)
                        if rough_grain > ZERO:
                            scale = load(mats, mat + t.M_GRAIN_SCALE)
                            tone = ONE + rough_grain * grain(px * scale, py * scale, pz * scale)
                            r *= tone
                            g *= tone
                            b *= tone
                        if depth == 0:
                            if metal > ZERO:  # the denoiser wants smooth features on mirrors
                                alb_r += HALF + HALF * r
                                alb_g += HALF + HALF * g
                                alb_b += HALF + HALF * b
                            else:
                                alb_r += r
                                alb_g += g
                                alb_b += b
                            nor_x += nx
                            nor_y += ny
                            nor_z += nz
                            if sample == 0:
                                at = pixel * 5
                                ax, ay = load(world, t.G_FORWARD), load(world, t.G_FORWARD + 1)
                                az = load(world, t.G_FORWARD + 2)
                                store(first_out, at, met / stretch)
                                store(first_out, at + 1, nx * rx + ny * ry + nz * rz)
                                store(first_out, at + 2, nx * ux + ny * uy + nz * uz)
                                store(first_out, at + 3, -(nx * ax + ny * ay + nz * az))
                                store(first_out, at + 4, F(what))
                        vx, vy, vz = -dx, -dy, -dz
                        facing = nx * vx + ny * vy + nz * vz
                        if glass > ZERO:
                            state = advance(state)
                            entering = facing > ZERO
                            if not entering:
                                nx, ny, nz, facing = -nx, -ny, -nz, -facing
                            ratio = F(1 / 1.45) if entering else F(1.45)
                            bend = ONE - ratio * ratio * (ONE - facing * facing)
                            chance = ONE
                            if glass < F(1.5):
                                ratio = ONE
                                bend = facing * facing
                                chance = schlick(F(0.04), facing)
                            elif bend > ZERO:
                                chance = schlick(F(0.035), facing if entering else math.sqrt(bend))
                            if unit(state) < chance:
                                dx, dy, dz = dx + TWO * facing * nx, dy + TWO * facing * ny, dz + TWO * facing * nz
                                ox, oy, oz = px + LIFT * nx, py + LIFT * ny, pz + LIFT * nz
                                sees = True
                            else:
                                push = ratio * facing - math.sqrt(max(bend, ZERO))
                                dx, dy, dz = ratio * dx + push * nx, ratio * dy + push * ny, ratio * dz + push * nz
                                size = ONE / math.sqrt(dx * dx + dy * dy + dz * dz)
                                dx *= size
                                dy *= size
                                dz *= size
                                ox, oy, oz = px - LIFT * TWO * nx, py - LIFT * TWO * ny, pz - LIFT * TWO * nz
                                thr_r *= math.sqrt(r)
                                thr_g *= math.sqrt(g)
                                thr_b *= math.sqrt(b)
                                sees = sees or not clear
                            density = -ONE
                            continue
                        clear = False
                        facing = max(facing, F(0.001))
                        if bounce > 0 and metal == ZERO:
                            grey = luminance(r, g, b)
                            r = grey + BLEED * (r - grey)
                            g = grey + BLEED * (g - grey)
                            b = grey + BLEED * (b - grey)
                        spec_chance = ZERO
                        if metal > ZERO:
                            spec_chance = ONE
                        elif spec > ZERO:
                            shine = schlick(spec, facing)
                            spec_chance = min(max(shine / (shine + luminance(r, g, b)), F(0.12)), F(0.85))
                        ox, oy, oz = px + LIFT * nx, py + LIFT * ny, pz + LIFT * nz
                        # next event: what each softbox would add, unshadowed; one is kept by chance and shadow tested
                        total = ZERO
                        keep_r, keep_g, keep_b, kept = ZERO, ZERO, ZERO, ZERO
                        aim_x, aim_y, aim_z, aim_far = ZERO, ZERO, ZERO, ZERO
                        for k in range(light_count):
                            at = k * t.LIGHT_STRIDE
                            state = advance(state)
                            across = unit(state)
                            state = advance(state)
                            along = unit(state)
                            if bounce == 0:
                                across = turn_a
                                along = turn_b
                            across = (TWO * across - ONE) * load(lit, at + t.L_HALF_U)
                            along = (TWO * along - ONE) * load(lit, at + t.L_HALF_V)
                            tx = (
                                load(lit, at)
                                + light_shift(lit, at, px)
                                + across * load(lit, at + t.L_U)
                                + along * load(lit, at + t.L_V)
                                - px
                            )
                            ty = (
                                load(lit, at + 1)
                                + across * load(lit, at + t.L_U + 1)
                                + along * load(lit, at + t.L_V + 1)
                                - py
                            )
                            tz = (
                                load(lit, at + 2)
                                + across * load(lit, at + t.L_U + 2)
                                + along * load(lit, at + t.L_V + 2)
                                - pz
                            )
                            far = math.sqrt(tx * tx + ty * ty + tz * tz)
                            tx /= far
                            ty /= far
                            tz /= far
                            cos = -(
                                tx * load(lit, at + t.L_NORMAL)
                                + ty * load(lit, at + t.L_NORMAL + 1)
                                + tz * load(lit, at + t.L_NORMAL + 2)
                            )
                            if cos > F(1e-4):
                                fr, fg, fb, rival = reflect(
                                    nx, ny, nz, vx, vy, vz, tx, ty, tz, alpha, spec, metal, r, g, b, spec_chance
                                )
                                area = F(4) * load(lit, at + t.L_HALF_U) * load(lit, at + t.L_HALF_V)
                                own = far * far / (cos * area)
                                share = ONE / (own + rival)
                                if load(lit, at + t.L_GOBO) > ZERO:
                                    share *= ONE - screen_strength * (ONE - gobo(world, texture, px, py, pz))
                                add_r = share * fr * load(lit, at + t.L_RADIANCE)
                                add_g = share * fg * load(lit, at + t.L_RADIANCE + 1)
                                add_b = share * fb * load(lit, at + t.L_RADIANCE + 2)
                                weight = luminance(add_r, add_g, add_b)
                                if weight > ZERO:
                                    total += weight
                                    state = advance(state)
                                    if unit(state) * total <= weight:
                                        keep_r, keep_g, keep_b, kept = add_r, add_g, add_b, weight
                                        aim_x, aim_y, aim_z, aim_far = tx, ty, tz, far
                        if kept > ZERO:
                            state = advance(state)
                            if not blocked(
                                world, prims, mats, grid, ox, oy, oz, aim_x, aim_y, aim_z, aim_far, unit(state)
                            ):
                                scale = total / kept
                                add_r = scale * thr_r * keep_r
                                add_g = scale * thr_g * keep_g
                                add_b = scale * thr_b * keep_b
                                if bounce > 0:
                                    top = max(add_r, max(add_g, add_b))
                                    cap = min(ONE, BOUNCE_CLAMP / max(top, TINY))
                                    add_r *= cap
                                    add_g *= cap
                                    add_b *= cap
                                got_r += add_r
                                got_g += add_g
                                got_b += add_b
                        bounce += 1
                        if bounce >= BOUNCES:
                            break
                        state = advance(state)
                        first = unit(state)
                        state = advance(state)
                        second = unit(state)
                        if bounce == 1:
                            first = turn_c
                            second = turn_d
                        state = advance(state)
                        if unit(state) < spec_chance:
                            hx, hy, hz = half_vector(nx, ny, nz, vx, vy, vz, alpha, first, second)
                            cos_h = vx * hx + vy * hy + vz * hz
                            dx, dy, dz = TWO * cos_h * hx - vx, TWO * cos_h * hy - vy, TWO * cos_h * hz - vz
                        else:
                            dx, dy, dz = cosine(nx, ny, nz, first, second)
                        fr, fg, fb, density = reflect(
                            nx, ny, nz, vx, vy, vz, dx, dy, dz, alpha, spec, metal, r, g, b, spec_chance
                        )
                        if density <= F(1e-6):
                            break
                        thr_r *= fr / density
                        thr_g *= fg / density
                        thr_b *= fb / density
                        sees = True
                        strongest = max(thr_r, max(thr_g, thr_b))
                        if bounce > 1:  # Russian roulette
                            state = advance(state)
                            live = min(strongest * F(1.4), ONE)
                            if unit(state) >= live:
                                break
                            thr_r /= live
                            thr_g /= live
                            thr_b /= live
                    sum_r += got_r
                    sum_g += got_g
                    sum_b += got_b
                share = ONE / F(samples)
                at = pixel * 3
                store(colour_out, at, sum_r * share)
                store(colour_out, at + 1, sum_g * share)
                store(colour_out, at + 2, sum_b * share)
                store(albedo_out, at, min(alb_r * share, ONE))
                store(albedo_out, at + 1, min(alb_g * share, ONE))
                store(albedo_out, at + 2, min(alb_b * share, ONE))
                store(normal_out, at, nor_x * share)
                store(normal_out, at + 1, nor_y * share)
                store(normal_out, at + 2, nor_z * share)

    return trace_rows
