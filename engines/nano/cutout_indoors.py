"""Indoor places for things to stand in, drawn here. Each is size × size × 3 `float32`, about 0–1, sRGB."""

from __future__ import annotations

import cv2
import numpy as np

from .cutout_shapes import Array, Colour, Palette, Rng, box, ellipse, filled, over, ramp, textured, wobbly


def studio(rng: Rng, size: int) -> Array:
    """A sweep: white, grey, dark or coloured, graded, with a soft horizon and a vignette."""
    kind = rng.choice(4, p=[0.45, 0.2, 0.1, 0.25])
    base = (
        np.full(3, rng.uniform(0.85, 1.0)),
        np.full(3, rng.uniform(0.3, 0.85)),
        np.full(3, rng.uniform(0.02, 0.3)),
        Palette(rng).main,
    )[kind]
    base = base * (1 + 0.04 * rng.normal(size=3))
    y, x = np.mgrid[:size, :size] / size - 0.5
    sheet = np.ones((size, size, 3)) * base
    shade = (
        1
        + rng.normal(0, 0.1) * x
        + rng.normal(0, 0.12) * y
        - rng.uniform(0, 0.8) * ((x - rng.normal(0, 0.2)) ** 2 + (y - rng.normal(0, 0.2)) ** 2)
    )
    if rng.random() < 0.4:
        level, soft = rng.uniform(0.0, 0.4), rng.uniform(0.004, 0.1)
        shade = shade * (1 + rng.uniform(-0.25, 0.15) / (1 + np.exp(-(y - level) / soft)))
    sheet = (sheet * shade[..., None]).astype(np.float32)
    return _patchy(rng, sheet) if rng.random() < 0.2 else sheet


def tabletop(rng: Rng, size: int) -> Array:
    """A table or floor of some stuff against a wall."""
    line = int(size * rng.uniform(0.25, 0.75))
    wall = textured(rng, Palette(rng).any(), size, rng.uniform(0, 0.15), 1.5)
    wall *= ramp(size, np.full(3, rng.uniform(0.7, 1.2)), np.full(3, rng.uniform(0.7, 1.2)))
    warm = np.array([1, rng.uniform(0.6, 0.9), rng.uniform(0.3, 0.8)]) * rng.uniform(0.2, 0.9)
    colour = warm if rng.random() < 0.5 else Palette(rng).any()
    floor = textured(
        rng, colour, size, rng.uniform(0.03, 0.4), rng.uniform(0.6, 1.5), rng.choice([1, rng.uniform(0.02, 0.2)])
    )
    if rng.random() < 0.4:
        floor = planks(rng, floor)
    wall[line:] = floor[line:] * np.linspace(rng.uniform(0.8, 1.1), 1, size - line)[:, None, None]
    wall = _with_wall(rng, wall, line) if rng.random() < 0.45 else wall
    return _patchy(rng, wall) if rng.random() < 0.4 else wall


def _patchy(rng: Rng, room: Array) -> Array:
    """Light through a window, or the shadows of things outside the picture, soft."""
    size = len(room)
    shapes = []
    for _ in range(int(rng.integers(1, 5))):
        r = rng.uniform(0.05, 0.4) * size
        shapes.append(wobbly(rng, r, r * rng.uniform(0.2, 1), 0.3) + rng.random(2) * size)
    cover = cv2.GaussianBlur(filled(size, shapes), (0, 0), rng.uniform(0.005, 0.08) * size)
    return (room * (1 + rng.uniform(-0.5, 0.4) * cover[..., None])).astype(np.float32)


def planks(rng: Rng, floor: Array) -> Array:
    """A floor with the seams of boards that run away from us."""
    size = floor.shape[0]
    centre, seams = rng.uniform(0, size), np.ones((size, size), np.float32)
    for x in np.arange(-3 * size, 4 * size, rng.uniform(0.08, 0.4) * size):
        cv2.line(
            seams, (int(centre + (x - centre) * 0.3), 0), (int(x), size), float(rng.uniform(0.4, 0.8)), 1, cv2.LINE_AA
        )
    return floor * seams[..., None]


def _with_wall(rng: Rng, room: Array, line: int) -> Array:
    """Windows, pictures, curtains and furniture's blocks on a wall above `line`."""
    size = room.shape[0]
    for _ in range(int(rng.integers(1, 6))):
        w, h = rng.uniform(0.05, 0.5, 2) * size
        x, y = rng.uniform(-0.1, 1) * size, rng.uniform(-0.2, 0.6) * line
        h = (line - y) * rng.uniform(0.9, 1.15) if rng.random() < 0.5 else h
        p = Palette(rng)
        fill = textured(rng, p.any(), size, rng.uniform(0, 0.5))
        room = over(room, filled(size, [box(x - 3, y - 3, x + w + 3, y + h + 3)]), p.any())
        room = over(room, filled(size, [box(x, y, x + w, y + h)]), fill)
    return room


def shelf(rng: Rng, size: int) -> Array:
    """Boards, uprights and rows of upright things, all rectangles; deep boxes seen into."""
    wood = np.array([1, rng.uniform(0.7, 1), rng.uniform(0.4, 1)]) * rng.uniform(0.1, 0.95)
    room = textured(rng, wood * rng.uniform(0.3, 0.9), size, 0.2)
    if rng.random() < 0.5:
        return _bin(rng, room, wood)
    edge, y = rng.uniform(0.02, 0.07) * size, rng.uniform(-0.4, 0.1) * size
    while y < size:
        high = rng.uniform(0.2, 0.6) * size
        x = rng.uniform(-0.1, 0.1) * size
        while x < size:
            w, h = rng.uniform(0.03, 0.25) * size, high * rng.uniform(0.3, 0.95)
            if rng.random() < 0.75:
                p = Palette(rng)
                goods = (
                    [box(x, y + high - h, x + w, y + high, rng.uniform(0, 0.02) * size)]
                    if rng.random() < 0.8
                    else [ellipse(x + w / 2, y + high - w / 2, w / 2, w / 2)]
                )
                room = over(room, filled(size, goods), textured(rng, p.any(), size, 0.15))
                if rng.random() < 0.6:
                    room = over(
                        room,
                        filled(size, [box(x + 0.1 * w, y + high - 0.7 * h, x + 0.9 * w, y + high - 0.3 * h)]),
                        p.any(),
                    )
            x += w * rng.uniform(1, 1.4)
        room = over(room, filled(size, [box(-2, y + high, size + 2, y + high + edge)]), wood * rng.uniform(0.8, 1.2))
        y += high + edge
    return room


def _bin(rng: Rng, room: Array, wood: Colour) -> Array:
    """A compartment seen into: back, floor, sides, and a bright edge in front."""
    size = room.shape[0]
    outer, inner = (
        np.array([rng.uniform(-0.1, 0.15), rng.uniform(-0.1, 0.2), rng.uniform(0.85, 1.1), rng.uniform(0.75, 1.0)])
        * size,
        np.array([0.25, 0.25, 0.75, 0.6]) * size + rng.uniform(-0.12, 0.12, 4) * size,
    )
    corner = lambda r: np.array([[r[0], r[1]], [r[2], r[1]], [r[2], r[3]], [r[0], r[3]]])  # noqa: E731
    out, back = corner(outer), corner(inner)
    for a, b, light in ((0, 1, 0.5), (1, 2, 0.9), (2, 3, 1.0), (3, 0, 0.8)):
        side = np.array([out[a], out[b], back[b], back[a]])
        colour = wood * light * rng.uniform(0.6, 1.2) if rng.random() < 0.7 else Palette(rng).any()
        room = over(room, filled(size, [side]), textured(rng, colour, size, 0.15))
    room = over(room, filled(size, [back]), wood * rng.uniform(0.1, 0.8))
    front = Palette(rng).pale * rng.uniform(0.6, 1)
    bar = rng.uniform(0.02, 0.12) * size
    for _ in range(int(rng.integers(0, 8))):  # what lies on the shelf below
        x, w = rng.uniform(0, size), rng.uniform(0.03, 0.3) * size
        goods = box(x, outer[3] + bar * rng.uniform(0.8, 2), x + w, size + 2)
        room = over(room, filled(size, [goods]), Palette(rng).any())
    frame = [box(-2, outer[3], size + 2, outer[3] + bar), box(outer[2], -2, outer[2] + bar, size + 2)]
    if rng.random() < 0.5:
        frame.append(box(outer[0] - bar, -2, outer[0], size + 2))
    room = over(room, filled(size, frame), textured(rng, front, size, 0.1, 1.5))
    if rng.random() < 0.5:
        holes = [
            ellipse(outer[2] + bar / 2, y, 0.25 * bar, 0.35 * bar)
            for y in np.arange(0, size, bar * rng.uniform(0.8, 2))
        ]
        room = over(room, filled(size, holes), np.full(3, 0.1))
    return room
