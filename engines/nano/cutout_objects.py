"""Goods to cut out, drawn here: vessels, boxes, clothes, bags, devices, thin things, furniture, plants."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np

from .cutout_shapes import Array, Palette, Part, Rng, box, disc, ellipse, limb, ribbon, smooth, vec, wobbly

Parts = list[Part]


def vessel(rng: Rng) -> Parts:
    """Bottle, jar, vase, mug, glass, tin: a turned profile seen a little from above; handle, label, cap."""
    p = Palette(rng)
    tall, squash = rng.uniform(0.7, 3.6), rng.uniform(0.02, 0.32)
    stops = np.linspace(0, tall, int(rng.integers(2, 6)))
    radii = rng.uniform(0.3, 0.6) * (1 + rng.uniform(-0.3, 0.3, len(stops)))
    if rng.random() < 0.4:
        neck = rng.uniform(0.1, 0.2)
        stops, radii = np.r_[-rng.uniform(0.3, 0.9), -0.1, stops + 0.15], np.r_[neck, neck, radii]
    side = np.c_[radii, stops]
    side = smooth(side, closed=False) if rng.random() < 0.7 else side
    bottom = ellipse(0, side[-1, 1], side[-1, 0], side[-1, 0] * squash)
    bottom = bottom[bottom[:, 1] >= side[-1, 1] - 1e-9]
    body = np.r_[side, bottom[np.argsort(-bottom[:, 0])], side[::-1] * [-1, 1]]
    parts = _handle(rng, p, float(np.interp(tall / 2, side[:, 1], side[:, 0])), tall) if rng.random() < 0.4 else []
    parts.append(p.part(body))
    if rng.random() < 0.5:
        parts.append(_label(rng, p, side, squash))
    top, lip = side[0], side[0, 0]
    rim = ellipse(0, top[1], lip, lip * squash)
    if rng.random() < 0.6:
        inner = ellipse(0, top[1], lip * 0.9, lip * squash * 0.86)
        parts += [p.part(rim, round_fraction=0.0), p.part(inner, p.any(), round_fraction=0.0)]
    else:
        cap, r = rng.uniform(0.1, 0.5), lip * rng.uniform(0.9, 1.25)
        colour = p.any()
        parts.append(
            p.part(np.r_[ellipse(0, top[1], r, r * squash)[:21], [[-r, top[1] - cap], [r, top[1] - cap]]], colour)
        )
        parts.append(p.part(ellipse(0, top[1] - cap, r, r * squash), colour, round_fraction=0.0))
    return parts


def _handle(rng: Rng, p: Palette, x: float, tall: float) -> Parts:
    out, high = rng.uniform(0.3, 0.6), rng.uniform(0.3, 0.45) * min(tall, 1.6)
    thick, y = rng.uniform(0.07, 0.13), tall * rng.uniform(0.4, 0.55)
    ring, hole = ellipse(x, y, out, high), ellipse(x, y, out - thick, high - thick)
    return [p.part(ring, holes=(hole,), patterned=0)]


def _label(rng: Rng, p: Palette, side: Array, squash: float) -> Part:
    low, high = side[0, 1] + (side[-1, 1] - side[0, 1]) * np.sort(rng.uniform(0.15, 0.95, 2))
    ys = np.linspace(low, high, 8)
    xs = np.interp(ys, side[:, 1], side[:, 0]) * rng.choice([1.0, rng.uniform(0.5, 0.9)])
    bend = lambda x, y: np.c_[x, y + squash * np.sqrt(np.maximum(xs.max() ** 2 - x**2, 0))]  # noqa: E731
    across = np.linspace(-1, 1, 9)
    outline = np.r_[bend(xs[0] * across, ys[0]), bend(xs, ys), bend(xs[-1] * across[::-1], ys[-1]), bend(-xs, ys)[::-1]]
    return p.part(outline, p.any(), patterned=0.85, round_fraction=rng.choice([0.0, 1.0]))


def cuboid(rng: Rng) -> Parts:
    """Boxes, books, cartons, devices: one to three blocks in perspective, faces printed."""
    parts: Parts = []
    base = 0.0
    for _ in range(int(rng.choice([1, 2, 3], p=[0.65, 0.25, 0.1]))):
        p = Palette(rng)
        w, d, h = (
            rng.uniform(0.4, 1.4),
            rng.uniform(0.2, 1.0),
            rng.choice([rng.uniform(0.06, 0.4), rng.uniform(0.4, 1.8)]),
        )
        yaw, pitch = rng.uniform(0, np.pi / 2), rng.uniform(0.05, 1.1)
        corner = np.array(
            [[sx * w / 2, sy * d / 2, z] for z in (0, h) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        )
        x = corner[:, 0] * np.cos(yaw) - corner[:, 1] * np.sin(yaw)
        depth = corner[:, 0] * np.sin(yaw) + corner[:, 1] * np.cos(yaw)
        near = 1 / (1 + rng.uniform(0, 0.25) * depth)
        flat = np.c_[x * near, (-corner[:, 2] * np.cos(pitch) - depth * np.sin(pitch)) * near]
        faces = [(0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7), (4, 5, 6, 7)]
        first = sorted(faces[:4], key=lambda face: -depth[list(face)].mean())
        for face, shade in zip([*first, faces[4]], (0.6, 0.6, rng.uniform(0.45, 0.8), 0.9, 1.0), strict=True):
            outline = flat[list(face)] + vec(rng.uniform(-0.002, 0.002), -base)
            parts.append(p.part(outline, p.main * shade, round_fraction=0.0, patterned=0.65))
        base += h * np.cos(pitch) * rng.uniform(0.8, 1)
    return parts


def lump(rng: Rng) -> Parts:
    """Fruit, stones, cushions, toys: a rounded thing with smaller ones on it."""
    p = Palette(rng)
    parts = [p.part(wobbly(rng, 1, rng.uniform(0.4, 1.3), rng.uniform(0, 0.3)), round_fraction=rng.uniform(0.4, 1))]
    for _ in range(int(rng.integers(0, 6))):
        place, size = rng.uniform(-0.8, 0.8, 2), rng.uniform(0.08, 0.6)
        shape = wobbly(rng, size, size * rng.uniform(0.3, 1.2), rng.uniform(0, 0.3)) + place
        parts.append(p.part(shape, p.any(), round_fraction=rng.choice([0.0, rng.uniform(0.3, 1)])))
    if rng.random() < 0.3:
        rng.shuffle(parts)  # type: ignore[arg-type]
    return parts


def shoe(rng: Rng) -> Parts:
    """Low and high shoes from the side or obliquely, singly or as a pair."""
    p, n = Palette(rng), lambda: rng.uniform(-0.05, 0.05)
    high, heel = rng.uniform(0, 0.9), rng.choice([0.0, rng.uniform(0, 0.35)])
    top = [(-1 + n(), -0.5 - high + n()), (-0.55 + n(), -0.55 - high + n()), (-0.25 + n(), -0.48 - 0.5 * high + n())]
    upper = smooth(
        [
            *top,
            (0.3, -0.35 + n()),
            (0.8 + n(), -0.2 + n()),
            (1.05, 0.0),
            (0.6, 0.05),
            (-0.3, 0.05 - heel),
            (-1.05, 0.05 - heel),
        ]
    )
    sole = smooth(
        [
            (-1.08, -heel),
            (-0.2, 0.0 - heel * 0.6),
            (0.6, 0.02),
            (1.1, -0.02),
            (1.02, 0.13),
            (0.4, 0.15),
            (-0.4, 0.12 - 0.5 * heel),
            (-1.08, 0.14),
        ]
    )
    opening = smooth([*top, (-0.5, -0.4 - high), (-0.85, -0.42 - high)])
    one = [p.part(upper), p.part(sole, p.any(), patterned=0.15), p.part(opening, p.dark, patterned=0)]
    one += [
        p.part(limb((x, -0.45 - x * 0.3), (x + 0.12, -0.2 - 0.2 * x), 0.03, 0.03), p.pale, patterned=0)
        for x in np.arange(-0.3, 0.4, 0.14)
    ]
    seen = cv2.getRotationMatrix2D((0, 0), rng.uniform(-35, 35), 1.0) @ np.diag([1, rng.uniform(0.8, 1.5), 1])
    pair = [[part.moved(seen) for part in one]]
    if rng.random() < 0.55:
        away = cv2.getRotationMatrix2D((0, 0), rng.uniform(-40, 40), rng.uniform(0.85, 1))
        away[:, 2] = rng.uniform(-0.7, 0.7), rng.uniform(-0.5, 0.1)
        pair.insert(0, [part.moved(away) for part in pair[0]])
    return [part for one in pair for part in one]


def garment(rng: Rng) -> Parts:
    """Tops, dresses, trousers, laid flat or hung."""
    p, j = Palette(rng), lambda s=0.05: rng.uniform(-s, s)
    waist, hem, long = rng.uniform(0.35, 0.6), rng.uniform(0.35, 0.9), rng.uniform(0.8, 2.2)
    neck, strap = rng.uniform(0.12, 0.3), rng.uniform(0.06, 0.22)
    arm = rng.choice([0.0, rng.uniform(0.2, 1.2)], p=[0.45, 0.55])
    if rng.random() < 0.2:  # trousers
        right = [(0.5, 0), (0.55 + j(), 0.6), (0.5 + j(), long + 0.6), (0.15 + j(), long + 0.6), (0.03, 0.65)]
    elif arm > 0:
        right = [
            (neck, 0),
            (0.5, 0.1),
            (0.5 + arm * 0.8, 0.2 + arm),
            (0.35 + arm * 0.75, 0.32 + arm),
            (waist, 0.5),
            (hem, long),
        ]
    else:
        right = [
            (neck, -0.3),
            (neck + strap, -0.3),
            (neck + strap + 0.03, 0.05),
            (0.52, 0.32),
            (waist, 0.6),
            (hem, long),
        ]
    half = np.array(right) + np.array([[j(0.02), j(0.02)] for _ in right])
    dip = rng.uniform(0.05, 0.4) if right[0][0] == neck else 0.0
    outline = np.r_[half, half[::-1] * [-1, 1] + [[j(0.03), j(0.03)] for _ in right]]
    outline = np.r_[
        outline, [[-neck * 0.6, dip * 0.8 + half[0, 1]], [0, dip + half[0, 1]], [neck * 0.6, dip * 0.8 + half[0, 1]]]
    ]
    outline = smooth(np.repeat(outline, 2, 0) + rng.normal(0, 0.004, (2 * len(outline), 2)), steps=4)
    parts = [p.part(outline, round_fraction=rng.uniform(0.05, 0.5), gloss=0, patterned=0.6)]
    for _ in range(int(rng.integers(0, 7))):
        x, y = rng.uniform(-0.4, 0.4), rng.uniform(0.3, long)
        fold = ribbon(smooth([(x, y), (x + j(0.3), y + 0.2), (x + j(0.4), y + 0.5)], closed=False), 0.02)
        if cv2.pointPolygonTest(outline.astype(np.float32), (x, y + 0.5), False) > 0:
            parts.append(p.part(fold, p.main * rng.choice([0.75, 1.15]), round_fraction=0, patterned=0))
    return parts


def bag(rng: Rng) -> Parts:
    """Handbag, rucksack, shopping bag, with a handle to see through."""
    p = Palette(rng)
    w, h, top = rng.uniform(0.5, 1), rng.uniform(0.5, 1.2), rng.uniform(0.7, 1.05)
    arch, r = rng.uniform(0.25, 0.8), rng.uniform(0.2, 0.7) * w
    handle = ellipse(0, -h, r, arch)
    parts = [p.part(handle, p.any(), holes=(ellipse(0, -h, r - 0.07, arch - 0.07),), patterned=0)]
    body = smooth(
        [
            (-w * top, -h),
            (0, -h - 0.03),
            (w * top, -h),
            (w * 1.02, 0),
            (w, h * 0.4),
            (0, h * 0.45),
            (-w, h * 0.4),
            (-w * 1.02, 0),
        ]
    )
    parts.append(p.part(body, round_fraction=rng.uniform(0.2, 0.7)))
    if rng.random() < 0.6:
        parts.append(
            p.part(smooth([(-w * top, -h), (w * top, -h), (w * 0.8, -h * 0.2), (0, 0), (-w * 0.8, -h * 0.2)]), p.any())
        )
    if rng.random() < 0.6:
        parts.append(p.part(box(-w * 0.6, -0.1, w * 0.6, h * 0.3, 0.1), p.any(), round_fraction=0.3))
    return parts


def gadget(rng: Rng) -> Parts:
    """Camera, phone, clock, watch, speaker, headphones, tools: plates, discs and rods put together."""
    p = Palette(rng)
    w, h = rng.uniform(0.4, 1.2), rng.uniform(0.4, 1.2)
    parts: Parts = []
    if rng.random() < 0.25:
        r, thick = rng.uniform(0.7, 1.2), rng.uniform(0.08, 0.3)
        parts.append(
            p.part(ellipse(0, -h * 0.5, r, r * 1.1), holes=(ellipse(0, -h * 0.5, r - thick, r * 1.1 - thick),))
        )
    if rng.random() < 0.25:
        band = rng.uniform(0.2, 0.6)
        parts.append(p.part(box(-band, -h * 2.2, band, h * 2.2, 0.1), p.any(), round_fraction=0.3))
    body = box(-w, -h, w, h, rng.uniform(0, 0.4)) if rng.random() < 0.6 else ellipse(0, 0, w, h)
    parts.append(p.part(body, round_fraction=rng.uniform(0.05, 0.6)))
    for _ in range(int(rng.integers(1, 9))):
        x, y, r = rng.uniform(-w, w) * 0.8, rng.uniform(-h, h) * 0.8, rng.uniform(0.04, 0.5) * min(w, h)
        shape = (
            ellipse(x, y, r, r) if rng.random() < 0.5 else box(x - r, y - r * rng.uniform(0.2, 1), x + r, y + r, 0.04)
        )
        parts.append(p.part(shape, p.any(), round_fraction=rng.choice([0.0, 0.2, 1.0])))
    for _ in range(int(rng.choice([0, 1, 3]))):
        end = rng.uniform(-2, 2, 2)
        parts.insert(0, p.part(limb((0, 0), end, 0.08, 0.05), p.any(), patterned=0))
    return parts


def lamp(rng: Rng) -> Parts:
    """Desk and floor lamps, tripods, microphones: a foot, thin arms with a joint, a head."""
    p, thin = Palette(rng), rng.uniform(0.015, 0.05)
    foot, lean = rng.uniform(0.2, 0.5), rng.uniform(-0.6, 0.6)
    joint = np.array([lean, -rng.uniform(0.8, 1.6)])
    head = joint + vec(rng.uniform(-1.2, 1.2), -rng.uniform(0, 0.8))
    parts = [
        p.part(ellipse(0, 0, foot, foot * 0.28), patterned=0),
        p.part(ellipse(0, -0.05, foot, foot * 0.26), patterned=0),
    ]
    for gap in (0.0,) if rng.random() < 0.4 else (0.0, rng.uniform(0.06, 0.15)):
        for a, b in (((gap, -0.05), joint + vec(gap, 0)), (joint + vec(gap, 0), head + vec(gap * 0.5, gap))):
            parts.append(p.part(limb(a, b, thin, thin), p.main if rng.random() < 0.8 else p.any(), patterned=0))
    parts.append(p.part(disc(joint, 0.07, 0.07), p.any(), patterned=0))
    down, wide, deep = rng.uniform(-0.9, 0.9), rng.uniform(0.2, 0.5), rng.uniform(0.25, 0.6)
    shade = np.array(
        [
            [-wide * rng.uniform(0.2, 1), -deep * 0.5],
            [wide * rng.uniform(0.2, 1), -deep * 0.5],
            [wide, deep * 0.5],
            [-wide, deep * 0.5],
        ]
    )
    shade = smooth(np.repeat(shade, 2, 0)) if rng.random() < 0.6 else shade
    turn = np.c_[cv2.getRotationMatrix2D((0, 0), np.degrees(down), 1.0)[:, :2], head]
    parts.append(p.part(shade).moved(turn))
    parts.append(p.part(ellipse(0, deep * 0.5, wide, wide * 0.25), p.pale, patterned=0, round_fraction=0).moved(turn))
    return parts


def glasses(rng: Rng) -> Parts:
    """Spectacles, folded out, lenses dark or clear, seen at an angle."""
    p, r = Palette(rng), rng.uniform(0.4, 0.55)
    thin = rng.uniform(0.02, 0.08)
    lens = wobbly(rng, r, r * rng.uniform(0.7, 1), 0.08, 8)
    glass, dark = p.any() * rng.uniform(0.2, 1), p.dark
    parts: Parts = []
    for side in (-1, 1):
        hinge, end = (
            np.array([side * (0.6 + r), -0.15]),
            np.array([side * (0.5 + r) + rng.uniform(-0.3, 0.3), -rng.uniform(0.5, 1.3)]),
        )
        bow = smooth(
            [hinge, (hinge + end) / 2 + rng.uniform(-0.05, 0.05, 2), end, end + vec(side * 0.02, 0.2)], closed=False
        )
        parts.append(p.part(ribbon(bow, thin), dark, patterned=0))
    for side in (-1, 1):
        shape = lens * [side, 1] + vec(side * 0.6, 0)
        parts.append(p.part(shape * 1.0, glass, patterned=0, gloss=rng.uniform(0, 0.6), round_fraction=0.3))
        inner = (shape - [side * 0.6, 0]) * (1 - thin / r) + vec(side * 0.6, 0)
        parts.append(p.part(shape, dark, holes=(inner,), patterned=0))
    parts.append(
        p.part(
            ribbon(smooth([(-0.6 + r, -0.1), (0, -0.2), (0.6 - r, -0.1)], closed=False), thin * 1.2), dark, patterned=0
        )
    )
    seen = np.array(
        [
            [1, rng.uniform(-0.4, 0.4), 0],
            [rng.uniform(-0.5, 0.5), rng.uniform(0.6, 1), 0],
            [rng.uniform(-0.2, 0.2), rng.uniform(-0.1, 0.1), 1],
        ]
    )
    return [part.moved(seen) for part in parts]


def furniture(rng: Rng) -> Parts:
    """Chairs, stools, tables, shelves, sofas."""
    p, thin = Palette(rng), rng.uniform(0.03, 0.1)
    w, d, leg = rng.uniform(0.5, 1.3), rng.uniform(0.15, 0.5), rng.uniform(0.3, 1.2)
    slant = rng.uniform(-0.3, 0.3)
    seat = np.array([[-w, 0], [w, 0], [w + slant - 0.1, -d], [-w + slant + 0.1, -d]])
    legs = [
        p.part(
            limb(c, c + vec(rng.uniform(-0.1, 0.1), leg), thin, thin * 0.6), p.main if rng.random() < 0.7 else p.any()
        )
        for c in seat[[3, 2, 0, 1]] * [0.93, 1]
    ]
    thick = rng.uniform(0.05, 0.4)
    top = [
        p.part(np.r_[seat[[0, 1]], seat[[1, 0]] + vec(0, thick)], patterned=0.3, round_fraction=0.2),
        p.part(seat, p.any(), round_fraction=0.1),
    ]
    parts = [*legs, *top]
    if rng.random() < 0.6:
        high = rng.uniform(0.5, 1.3)
        back = box(-w + slant, -d - high, w + slant, -d + 0.05, rng.uniform(0, 0.3))
        holes = ()
        if rng.random() < 0.5:
            gaps = np.linspace(-w + 0.15, w - 0.15, int(rng.integers(2, 7)))
            holes = tuple(
                box(a + slant + 0.05, -d - high + 0.15, b + slant - 0.02, -d - 0.05) for a, b in pairwise(gaps)
            )
        parts.insert(2, p.part(back, holes=holes, round_fraction=rng.uniform(0.1, 0.5)))
    return parts


def plant(rng: Rng) -> Parts:
    """A pot or a bunch, with leaves or flowers on stems."""
    p, parts = Palette(rng), []
    green = np.array([rng.uniform(0.1, 0.4), rng.uniform(0.3, 0.7), rng.uniform(0.05, 0.3)])
    wide = rng.uniform(0.2, 1.2)
    for _ in range(int(rng.integers(5, 28))):
        end = np.array([rng.normal(0, wide), -rng.uniform(0.5, 2)])
        parts.append(p.part(limb((0, 0), end, 0.02, 0.012), green * 0.7, patterned=0))
        size, turn = rng.uniform(0.12, 0.4), rng.uniform(0, np.pi)
        leaf = disc(end, size, size * rng.uniform(0.25, 1), turn, 14)
        bloom = rng.random() < 0.3
        parts.append(
            p.part(leaf, p.other if bloom else green * rng.uniform(0.6, 1.4), patterned=0.2, round_fraction=0.6)
        )
    pot, tall = rng.uniform(0.25, 0.6), rng.uniform(0.4, 0.9)
    return [*parts, p.part(np.array([[-pot, 0], [pot, 0], [pot * 0.75, tall], [-pot * 0.75, tall]]))]


GOODS: dict[Callable[[Rng], Parts], float] = {
    vessel: 3, cuboid: 3, lump: 2, shoe: 1.6, garment: 1.6, bag: 1.3, gadget: 2, lamp: 1.6, glasses: 1.6,
    furniture: 1.6, plant: 0.8,
}  # fmt: skip
"""Makers of goods, and how often each is drawn."""
