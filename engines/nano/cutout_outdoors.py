"""Outdoor places for things to stand in, drawn here. Each is size × size × 3 `float32`, about 0–1, sRGB."""

from __future__ import annotations

import cv2
import numpy as np

from .cutout_indoors import planks
from .cutout_shapes import (
    Array,
    Colour,
    Palette,
    Rng,
    box,
    cloud,
    disc,
    filled,
    limb,
    over,
    ramp,
    textured,
    vec,
    wobbly,
)


def landscape(rng: Rng, size: int) -> Array:
    """Sky, far hills or a tree line, and a ground of grass, sand, earth, tarmac or snow."""
    scene = _sky(rng, size)
    horizon, x = rng.uniform(0.15, 0.7) * size, np.arange(size)
    green = np.array([rng.uniform(0.2, 0.6), rng.uniform(0.35, 0.7), rng.uniform(0.05, 0.35)]) * rng.uniform(0.4, 1.1)
    haze = scene[int(horizon)].mean(0)
    layers = int(rng.integers(0, 4))
    for index in range(layers):
        near = (index + 1) / (layers + 1)
        line = np.cumsum(rng.normal(0, rng.uniform(0.2, 1.5), size) * 1.0)
        line = cv2.GaussianBlur(line[None].astype(np.float32), (0, 0), rng.uniform(0.8, 9))[0]
        line = horizon - (1 - near) * rng.uniform(0.05, 0.35) * size - (line - line.mean())
        cover = (np.arange(size)[:, None] > line[None]).astype(np.float32)
        colour = haze * (1 - near) * 0.8 + (1 - 0.8 * (1 - near)) * (
            green * rng.uniform(0.3, 1) if rng.random() < 0.7 else Palette(rng).dark + 0.2
        )
        scene = over(scene, cover, textured(rng, colour, size, rng.uniform(0.1, 0.6) * near, rng.uniform(0.6, 1.4)))
    sand = np.array([1, rng.uniform(0.8, 0.95), rng.uniform(0.5, 0.85)]) * rng.uniform(0.3, 0.95)
    base = (green, sand, np.full(3, rng.uniform(0.15, 0.5)), np.full(3, rng.uniform(0.8, 1)))[
        rng.choice(4, p=[0.5, 0.2, 0.2, 0.1])
    ]
    ground = _ground(rng, base, size, rng.uniform(0.1, 0.8))
    tilt = horizon + rng.normal(0, 0.03) * (x - size / 2)
    scene = over(scene, (np.arange(size)[:, None] > tilt[None]).astype(np.float32), ground)
    if rng.random() < 0.55:
        scene = _grown(rng, scene, horizon, green)
    if rng.random() < 0.2:  # against the light
        scene = np.clip(scene * 1.6 - 0.1, 0, 1) ** rng.uniform(1.5, 3)
    return scene.astype(np.float32)


def _sky(rng: Rng, size: int) -> Array:
    blue = np.array([rng.uniform(0.25, 0.7), rng.uniform(0.5, 0.8), rng.uniform(0.8, 1)])
    kind = rng.random()
    top = (
        blue
        if kind < 0.55
        else np.full(3, rng.uniform(0.55, 1))
        if kind < 0.85
        else np.array([1, 0.6, 0.4]) * rng.uniform(0.2, 0.9)
    )
    sky = ramp(size, top, top * 0.3 + 0.7 * np.array([1, 0.97, 0.94]), rng.uniform(0.5, 2))
    if rng.random() < 0.6:
        puffs = np.clip((cloud(rng, size, 1.7, 0.6) - rng.uniform(0.4, 0.65)) * rng.uniform(2, 8), 0, 1)
        sky = over(sky, puffs, np.full(3, rng.uniform(0.6, 1.0)))
    return sky


def _ground(rng: Rng, colour: Colour, size: int, strength: float) -> Array:
    """A texture that grows finer towards its top, as ground does towards the horizon."""
    flat = textured(rng, colour, size, strength, rng.uniform(0.4, 1.3), rng.uniform(0.4, 1))
    lean = rng.uniform(0.05, 0.4)
    corners = np.array([[0, 0], [size, 0], [size, size], [0, size]], np.float32)
    spread = np.array([[0, 0], [size, 0], [size * (1 + lean), size], [-size * lean, size]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, spread)
    return cv2.warpPerspective(flat, matrix, (size, size), borderMode=cv2.BORDER_REFLECT)


def _grown(rng: Rng, scene: Array, horizon: float, green: Colour) -> Array:
    """What stands in a landscape and is no subject: conifers, round trees, bushes, rocks, a hut."""
    size = len(scene)
    for _ in range(int(rng.integers(1, 5))):
        foot = horizon + rng.uniform(-0.02, 0.12) * size
        kind, colour = (
            rng.choice(4, p=[0.35, 0.35, 0.15, 0.15]),
            green * rng.uniform(0.1, 1.1) * (1 + rng.normal(0, 0.15, 3)),
        )
        if kind == 0:
            tall = rng.uniform(0.05, 0.5) * size
            trees = [
                _conifer(rng, x, foot, tall * rng.uniform(0.5, 1))
                for x in rng.uniform(0, size, int(rng.integers(1, 40)))
            ]
        elif kind == 1:
            x, r = rng.uniform(0, size), rng.uniform(0.04, 0.2) * size
            middle = vec(x, foot - r * rng.uniform(0.5, 2.5))
            scene = over(scene, filled(size, [limb((x, foot), middle, 0.12 * r, 0.06 * r)]), colour * 0.4)
            trees = [
                wobbly(rng, r * rng.uniform(0.4, 1), r * rng.uniform(0.3, 0.7), 0.25)
                + middle
                + rng.normal(0, 0.5 * r, 2)
                for _ in range(6)
            ]
        elif kind == 2:
            r, colour = rng.uniform(0.02, 0.12) * size, np.full(3, rng.uniform(0.2, 0.9))
            trees = [
                wobbly(rng, r, r * rng.uniform(0.4, 0.8), 0.3) + vec(rng.uniform(0, size), foot)
                for _ in range(int(rng.integers(1, 5)))
            ]
        else:
            x, w, colour = rng.uniform(0, size), rng.uniform(0.05, 0.3) * size, Palette(rng).any()
            roof = np.array([[x - 0.6 * w, foot - 0.4 * w], [x, foot - 0.8 * w], [x + 0.6 * w, foot - 0.4 * w]])
            scene = over(scene, filled(size, [roof]), colour * rng.uniform(0.3, 0.8))
            trees = [box(x - w / 2, foot - 0.42 * w, x + w / 2, foot)]
        scene = over(scene, filled(size, trees), textured(rng, colour, size, rng.uniform(0.1, 0.8), 0.8))
    return scene


def _conifer(rng: Rng, x: float, foot: float, tall: float) -> Array:
    steps = np.linspace(0, 1, int(rng.integers(4, 9)))
    wide = 0.22 * tall * steps * np.where(np.arange(len(steps)) % 2, 1.0, 0.6)
    side = np.c_[wide, foot - tall * (1 - steps)]
    return np.r_[side, side[::-1] * [-1, 1]] + [x, 0]


def foliage(rng: Rng, size: int) -> Array:
    """Leaves over leaves; against the light, discs of blur."""
    green = np.array([rng.uniform(0.15, 0.7), rng.uniform(0.3, 0.8), rng.uniform(0.05, 0.4)])
    scene = textured(rng, green * rng.uniform(0.1, 1), size, 0.8, rng.uniform(1, 1.8))
    for _ in range(int(rng.integers(10, 90))):
        long = rng.uniform(0.02, 0.22) * size
        leaf = disc(rng.random(2) * size, long, long * rng.uniform(0.08, 0.6), rng.uniform(0, 3.2), 14)
        scene = over(
            scene,
            filled(size, [leaf]) * rng.uniform(0.5, 1),
            green * rng.uniform(0.1, 1.7) * (1 + 0.2 * rng.normal(size=3)),
        )
    if rng.random() < 0.4:
        for _ in range(int(rng.integers(5, 40))):
            r = rng.uniform(0.01, 0.08) * size
            scene = over(
                scene,
                filled(size, [disc(rng.random(2) * size, r, r)]) * rng.uniform(0.2, 0.7),
                rng.uniform(0.5, 1, 3),
            )
    return scene


def wood(rng: Rng, size: int) -> Array:
    """Trunks before foliage, a path."""
    scene = textured(
        rng, np.array([0.3, 0.42, 0.15]) * rng.uniform(0.3, 2), size, rng.uniform(0.4, 1.2), rng.uniform(0.7, 1.3)
    )
    floor = int(size * rng.uniform(0.5, 0.85))
    brown = np.array([1, rng.uniform(0.7, 0.9), rng.uniform(0.4, 0.8)]) * rng.uniform(0.2, 0.8)
    scene[floor:] = _ground(rng, brown, size, 0.5)[floor:]
    for _ in range(int(rng.integers(2, 14))):
        x, w = rng.uniform(-0.05, 1.05) * size, rng.uniform(0.008, 0.09) * size
        trunk = np.array(
            [
                [x - w, floor + 2 * w],
                [x - w * 0.7 + rng.normal(0, 4), -2],
                [x + w * 0.7 + rng.normal(0, 4), -2],
                [x + w, floor + 2 * w],
            ]
        )
        scene = over(scene, filled(size, [trunk]), textured(rng, brown * rng.uniform(0.2, 1.1), size, 0.4, 0.8, 0.25))
    return planks(rng, scene) if rng.random() < 0.2 else scene


def street(rng: Rng, size: int) -> Array:
    """Houses with windows, a road, a kerb."""
    scene, line = _sky(rng, size), rng.uniform(0.45, 0.8) * size
    x = -rng.uniform(0, 0.3) * size
    while x < size:
        w, h = rng.uniform(0.1, 0.5) * size, rng.uniform(0.2, 1.1) * line
        p = Palette(rng)
        house = textured(rng, p.any() * 0.5 + 0.3 * rng.random(), size, 0.15)
        scene = over(scene, filled(size, [box(x, line - h, x + w, line + 2)]), house)
        if rng.random() < 0.3:
            scene = over(
                scene,
                filled(size, [np.array([[x - 4, line - h], [x + w / 2, line - h - 0.3 * w], [x + w + 4, line - h]])]),
                p.dark,
            )
        dx, dy = rng.uniform(0.04, 0.15) * size, rng.uniform(0.05, 0.15) * size
        panes = [
            box(a, b, a + 0.55 * dx, b + 0.6 * dy)
            for a in np.arange(x + 0.3 * dx, x + w - dx * 0.6, dx)
            for b in np.arange(line - h + 0.3 * dy, line - 0.5 * dy, dy)
        ]
        if panes:
            scene = over(scene, filled(size, panes), p.pale if rng.random() < 0.3 else p.dark)
        x += w * rng.uniform(0.9, 1.3)
    road = _ground(
        rng, np.full(3, rng.uniform(0.15, 0.7)) * (1 + 0.05 * rng.normal(size=3)), size, rng.uniform(0.05, 0.4)
    )
    scene = over(scene, filled(size, [box(-2, line, size + 2, size + 2)]), road)
    return (
        over(scene, filled(size, [box(-2, line, size + 2, line + rng.uniform(1, 0.08 * size))]), Palette(rng).any())
        if rng.random() < 0.5
        else scene
    )


def water(rng: Rng, size: int) -> Array:
    """Sea or a lake under the sky, or nothing but sky."""
    scene = _sky(rng, size)
    if rng.random() < 0.35:
        return scene
    line = int(rng.uniform(0.1, 0.7) * size)
    blue = np.array([rng.uniform(0.05, 0.5), rng.uniform(0.3, 0.6), rng.uniform(0.4, 0.8)]) * rng.uniform(0.4, 1.2)
    scene[line:] = textured(rng, blue, size, rng.uniform(0.1, 0.7), rng.uniform(0.6, 1.3), rng.uniform(2.5, 12))[line:]
    return scene
