"""Vehicles to cut out, drawn here: bicycles, cars and their kin, aeroplanes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np

from .cutout_objects import Parts
from .cutout_shapes import Array, Colour, Palette, Rng, box, disc, ellipse, limb, ribbon, smooth, vec


def bicycle(rng: Rng) -> Parts:
    """Bicycles and wheeled frames, the ground seen between the spokes."""
    p, r = Palette(rng), rng.uniform(0.4, 0.55)
    thin, tyre, apart = rng.uniform(0.015, 0.045), rng.uniform(0.03, 0.09), rng.uniform(1.1, 1.5)
    parts: Parts = []
    for x in (-apart / 2, apart / 2):
        angles = np.linspace(0, np.pi, int(rng.integers(4, 15)), endpoint=False) + rng.random()
        rim = np.array([[np.cos(a), np.sin(a)] for a in angles]) * r
        parts += [
            p.part(
                limb(vec(x, 0) + d, vec(x, 0) - d, 0.006, 0.006), p.pale if rng.random() < 0.5 else p.dark, patterned=0
            )
            for d in rim
        ]
        parts += [
            p.part(ellipse(x, 0, r, r), p.dark, holes=(ellipse(x, 0, r - tyre, r - tyre),), patterned=0),
            p.part(ellipse(x, 0, 0.05, 0.05), p.dark, patterned=0),
        ]
    seat, crank = np.array([-apart * 0.22, -r * 1.35]), np.array([-0.08, 0.06])
    bar, rear, front = np.array([apart * 0.33, -r * 1.5]), np.array([-apart / 2, 0]), np.array([apart / 2, 0])
    neck = bar * 0.8 + front * 0.2
    rods = [(seat, crank), (seat * 0.9, neck), (crank, neck * 0.95), (rear, crank), (rear, seat * 0.85), (bar, front)]
    parts += [
        p.part(limb(a, b, thin * rng.uniform(0.7, 1.6), thin), p.main if rng.random() < 0.8 else p.dark, patterned=0.2)
        for a, b in rods
    ]
    parts.append(p.part(limb(seat + vec(-0.13, -0.05), seat + vec(0.13, -0.04), 0.045, 0.025), p.dark, patterned=0))
    parts.append(p.part(limb(bar, bar + vec(rng.uniform(-0.2, 0.2), -0.08), 0.025, 0.025), p.dark, patterned=0))
    parts.append(p.part(disc(crank, 0.09, 0.09), p.dark, patterned=0))
    if rng.random() < 0.2:  # a motorcycle
        parts.append(p.part(smooth([seat, (0, -0.6), neck, (0.2, 0.1), (-0.3, 0.1)])))
    seen = np.array([[rng.uniform(0.6, 1), 0, 0], [rng.uniform(-0.25, 0.25), 1, 0], [rng.uniform(-0.3, 0.3), 0, 1]])
    return [part.moved(seen) for part in parts]


def car(rng: Rng) -> Parts:
    """Cars, vans, buses, lorries: from the side or three-quarter, windows, wheels, lamps."""
    p = Palette(rng)
    nose, roof, tail = rng.uniform(0.18, 0.5), rng.uniform(0.55, 1.1), rng.uniform(0.25, 0.9)
    a, b = rng.uniform(-0.75, -0.3), rng.uniform(0.1, 0.5)
    side = [
        (-1, 0.05),
        (-1.02, -tail * 0.6),
        (-0.92, -tail),
        (a, -roof),
        (b, -roof),
        (b + 0.3, -nose - 0.1),
        (0.95, -nose),
        (1.02, -nose * 0.4),
        (1, 0.05),
    ]
    body = smooth(np.repeat(np.array(side), 2, 0) + rng.normal(0, 0.006, (18, 2)), steps=3)
    glass = np.array([0.6, 0.75, 0.85]) * rng.uniform(0.05, 0.9)
    low, top = -min(nose, tail) - 0.08, -roof + 0.07
    panes = np.linspace(a + 0.02, b + 0.02, int(rng.integers(2, 5)))
    windows = [
        p.part(
            np.array([[x0 + 0.03, top], [x1 - 0.01, top], [x1 + 0.05, low], [x0 - 0.02, low]]),
            glass,
            patterned=0,
            gloss=0.3,
            round_fraction=0.1,
        )
        for x0, x1 in pairwise(panes)
    ]
    r = rng.uniform(0.17, 0.26)
    wheels = []
    for x in (-0.62, 0.62):
        wheels += [
            p.part(ellipse(x, 0.02, r, r), np.full(3, 0.05), patterned=0),
            p.part(ellipse(x, 0.02, r * 0.62, r * 0.62), p.pale * rng.uniform(0.3, 1), patterned=0),
        ]
        wheels += [
            p.part(
                limb((x, 0.02), (x + r * 0.55 * np.cos(t), 0.02 + r * 0.55 * np.sin(t)), 0.02, 0.02),
                p.dark,
                patterned=0,
            )
            for t in np.arange(0, 6.2, 1.05)
        ]
    lines = [p.part(ribbon([(x, low + 0.05), (x + 0.02, -0.02)], 0.012), p.main * 0.4, patterned=0) for x in panes]
    lines.append(p.part(box(-1, -0.04, 1, 0.08, 0.03), p.dark, patterned=0))
    flank = [p.part(body, patterned=0.2, round_fraction=rng.uniform(0.2, 0.6)), *windows, *lines, *wheels]
    if rng.random() < 0.4:
        return flank
    yaw, wide = rng.uniform(0.3, 1.1), rng.uniform(0.7, 0.95)
    turn = np.array([[np.cos(yaw), 0, 0], [-rng.uniform(0.05, 0.3), 1, 0], [-rng.uniform(0, 0.12), 0, 1]])
    return [
        part.moved(turn)
        for part in [*_far_side(rng, p, body, wide * np.tan(yaw) * 0.8, (nose, roof, b), glass), *flank]
    ]


def _far_side(
    rng: Rng, p: Palette, body: Array, shift: float, shape: tuple[float, float, float], glass: Colour
) -> Parts:
    """The front, the bonnet and the roof of a car that looks to the right and towards us."""
    nose, roof, b = shape
    rise = -rng.uniform(0.0, 0.12)
    away = np.array([shift, rise])
    hull = np.r_[body, body + away]
    front = (
        np.array([[1, 0.05], [1.02, -nose * 0.5], [0.95, -nose], [0.95, -nose], [1.02, -nose * 0.5], [1, 0.05]])
        + np.r_[np.zeros((3, 2)), np.tile(away, (3, 1))]
    )
    screen = np.array([[b, -roof + 0.03], [b + 0.3, -nose - 0.12]])
    screen = np.r_[screen, screen[::-1] + away]
    bonnet = np.array([[b + 0.3, -nose - 0.1], [0.95, -nose]])
    bonnet = np.r_[bonnet, bonnet[::-1] + away]
    shell = cv2.convexHull(hull.astype(np.float32))[:, 0]
    lamps = [
        p.part(
            ellipse(1.0 + shift * t, -nose * 0.62 + rise * t, 0.11 * max(shift, 0.3), 0.07),
            p.pale,
            patterned=0,
            gloss=0.6,
        )
        for t in (0.15, 0.85)
    ]
    grille = p.part(
        np.array([[1, -0.05], [1, -nose * 0.45], [1, -nose * 0.45], [1, -0.05]])
        + np.outer([0.25, 0.25, 0.75, 0.75], away),
        p.dark,
        patterned=0.5,
        round_fraction=0.1,
    )
    wheel = p.part(ellipse(0.75 + shift, 0.02 + rise, 0.12, 0.2), np.full(3, 0.04), patterned=0)
    return [
        wheel,
        p.part(shell.astype(float), p.main * 0.8, patterned=0, round_fraction=0.15),
        p.part(bonnet, p.main, patterned=0, round_fraction=0.1),
        p.part(screen, glass, patterned=0, round_fraction=0.1),
        p.part(front, p.main * 0.8, patterned=0, round_fraction=0.2),
        *lamps,
        grille,
    ]


def plane(rng: Rng) -> Parts:
    """Aeroplanes, one or some in formation; boats are their kin: a hull, plates, thin struts."""
    p = Palette(rng)
    nose, tail = np.array([0.9, 0.1]), np.array([-0.9, rng.uniform(-0.15, 0.1)])
    root, span = rng.uniform(0, 0.3), rng.uniform(0.5, 1.2)
    tip = np.array([root - rng.uniform(0, 0.7), rng.uniform(-0.9, 0.9)]) * span
    chord = rng.uniform(0.12, 0.4)
    wing = lambda end: np.array([[root, 0], [root - chord, 0], end - [chord * 0.5, 0], end])  # noqa: E731
    far = np.array([tip[0] + rng.uniform(0.1, 0.8), -tip[1] * rng.uniform(0.2, 0.9)])
    fin = np.array(
        [
            tail,
            tail + vec(-0.15, -rng.uniform(0.25, 0.5)),
            tail + vec(0.05, -rng.uniform(0.25, 0.45)),
            tail + vec(0.35, -0.02),
        ]
    )
    hull = np.concatenate([limb((0.1, 0), nose, 0.14, 0.06), limb((0.1, 0), tail, 0.14, 0.04)])
    one = [
        p.part(wing(far), p.any(), round_fraction=0.2),
        p.part(hull[:18]),
        p.part(hull[18:]),
        p.part(fin, p.any(), round_fraction=0.1),
    ]
    one.append(p.part(wing(tip), p.any(), round_fraction=0.2))
    one += [p.part(limb((root - 0.1, 0.1), (root + x, 0.34), 0.018, 0.018), p.dark, patterned=0) for x in (-0.2, 0.2)]
    one += [p.part(ellipse(root + x, 0.36, 0.05, 0.05), p.dark, patterned=0) for x in (-0.2, 0.2)]
    one.append(p.part(ellipse(nose[0] + 0.05, nose[1], 0.02, rng.uniform(0.1, 0.3)), p.dark, patterned=0))
    one += [
        p.part(ellipse(x, -0.06, 0.03, 0.03), p.dark, patterned=0)
        for x in np.linspace(-0.3, 0.4, int(rng.integers(1, 8)))
    ]
    count, gap = (
        int(rng.choice([1, 2, 3], p=[0.6, 0.15, 0.25])),
        np.array([rng.uniform(0.7, 1.6), rng.uniform(-0.7, 0.7)]),
    )
    every = [part.moved(np.c_[np.eye(2), index * gap]) for index in range(count) for part in one]
    a = rng.uniform(-0.5, 0.5)
    return [part.moved(np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0]])) for part in every]


VEHICLES: dict[Callable[[Rng], Parts], float] = {bicycle: 1.3, car: 2.4, plane: 1.2}
"""Makers of vehicles, and how often each is drawn."""
