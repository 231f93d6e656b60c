"""Animals and people to cut out, drawn here from tapered limbs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .cutout_objects import Parts
from .cutout_shapes import (
    Array,
    Colour,
    Palette,
    Part,
    Rng,
    box,
    disc,
    ellipse,
    limb,
    pattern,
    ribbon,
    smooth,
    vec,
    wobbly,
)


def _coat(rng: Rng, p: Palette) -> Colour:
    """A fur colour: tawny, brown, black, white or grey, seldom anything else."""
    warm = np.array([1.0, rng.uniform(0.6, 0.9), rng.uniform(0.3, 0.7)])
    kinds = (
        warm * rng.uniform(0.3, 1),
        np.full(3, rng.uniform(0.02, 0.15)),
        np.full(3, rng.uniform(0.75, 1)),
        np.full(3, rng.uniform(0.2, 0.7)),
    )
    return kinds[int(rng.integers(4))] if rng.random() < 0.85 else p.main


def _leg(
    p: Palette, hip: Array, lengths: tuple[float, float], angles: tuple[float, float], thick: float, tint: Colour
) -> Parts:
    knee = hip + lengths[0] * np.array([np.sin(angles[0]), np.cos(angles[0])])
    foot = knee + lengths[1] * np.array([np.sin(angles[1]), np.cos(angles[1])])
    toe = foot + vec(thick * 0.9, thick * 0.1)
    return [
        p.part(limb(hip, knee, thick * 1.6, thick * 0.8), tint),
        p.part(limb(knee, foot, thick * 0.8, thick * 0.5), tint),
        p.part(limb(foot, toe, thick * 0.6, thick * 0.4), tint),
    ]


def _face(rng: Rng, p: Palette, at: Array, r: float, coat: Colour, front: bool) -> Parts:
    """A head: skull, muzzle, ears, eyes, nose; `front`: looking at us, else to the right."""
    ear, pointed = rng.uniform(0.25, 0.6) * r, rng.random() < 0.6
    parts = []
    for side in (-1, 1):
        x = at[0] + side * r * (0.65 if front else 0.25)
        shape = (
            np.array([[-ear * 0.6, 0], [side * ear * 0.3, -ear * 1.6], [ear * 0.6, 0]])
            if pointed
            else ellipse(0, -0.3 * ear, ear, ear)
        )
        parts.append(p.part(shape + vec(x, at[1] - r * 0.65), coat * rng.uniform(0.6, 1)))
    parts.append(p.part(disc(at, r * rng.uniform(0.85, 1.05), r), coat))
    away = np.array([0, r * 0.4]) if front else np.array([r * rng.uniform(0.7, 1.7), r * rng.uniform(0.1, 0.7)])
    snout = coat * 0.7 if rng.random() < 0.4 else (p.pale if rng.random() < 0.4 else coat)
    parts.append(p.part(limb(at + away * 0.3, at + away, r * 0.6, r * rng.uniform(0.3, 0.5)), snout))
    parts.append(p.part(disc(at + away * 1.2, r * 0.16, r * 0.12), np.full(3, 0.05), patterned=0))
    for side in (-1, 1) if front else (1,):
        parts.append(
            p.part(
                ellipse(at[0] + side * r * 0.4, at[1] - r * 0.1, r * 0.11, r * 0.11),
                rng.choice([0.03, 0.6]) * np.array([1, 1, 0.4]),
                patterned=0,
            )
        )
    return parts


def walker(rng: Rng) -> Parts:
    """A four-legged animal from the side, standing or running."""
    p = Palette(rng)
    coat, dark = _coat(rng, p), rng.uniform(0.3, 1)
    long, deep, tall = rng.uniform(0.7, 1.3), rng.uniform(0.22, 0.42), rng.uniform(0.25, 0.75)
    stride, thick = rng.uniform(0, 0.9), rng.uniform(0.05, 0.11)
    rear, fore = np.array([-long / 2, 0.0]), np.array([long / 2, rng.uniform(-0.12, 0.06)])
    legs = [
        _leg(
            p,
            hip + vec(rng.uniform(-0.06, 0.06), 0.5 * deep),
            (tall * 0.55, tall * 0.55),
            tuple(stride * rng.uniform(-1, 1, 2)),
            thick,
            coat * shade,
        )
        for hip, shade in ((rear, 0.6 * dark), (fore, 0.6 * dark), (rear, dark), (fore, dark))
    ]
    neck = fore + rng.uniform(0.2, 0.7) * np.array([np.cos(a := rng.uniform(-0.2, 1.4)), -np.sin(a)])
    tail = rear + rng.uniform(0.3, 0.8) * np.array([-1, rng.uniform(-0.5, 0.9)])
    bend = smooth([rear + vec(0, -deep * 0.4), (rear + tail) / 2 + vec(0, rng.uniform(-0.2, 0.1)), tail], closed=False)
    brush = rng.uniform(0.03, 0.16) * np.linspace(0.7, rng.uniform(0.4, 1.6), len(bend))
    torso = [
        limb(rear, fore, deep, deep * rng.uniform(0.85, 1.15)),
        disc((rear + fore) / 2, long * 0.6, deep * 1.02),
    ]
    mane = (
        [p.part(limb(fore + vec(0, -deep * 0.6), neck + vec(-0.05, -0.1), 0.2, 0.14), coat * rng.uniform(0.3, 1.2))]
        if rng.random() < 0.4
        else []
    )
    head = _face(rng, p, neck, rng.uniform(0.12, 0.22), coat, rng.random() < 0.25)
    return [
        *(part for leg in legs[:2] for part in leg),
        p.part(ribbon(bend, brush), coat * rng.uniform(0.4, 1.1)),
        *(p.part(outline, coat) for outline in torso),
        *(part for leg in legs[2:] for part in leg),
        p.part(limb(fore, neck, deep * 0.8, 0.13), coat),
        *mane,
        *head,
    ]


def sitter(rng: Rng) -> Parts:
    """An animal that sits or lies and looks at us, perhaps with a mane or a ruff."""
    p = Palette(rng)
    coat, chest = _coat(rng, p), _coat(rng, p)
    lying, side = rng.random() < 0.5, rng.choice([-1, 1])
    w, h = rng.uniform(0.35, 0.6), rng.uniform(0.5, 0.9)
    r = rng.uniform(0.22, 0.36)
    head = np.array([rng.uniform(-0.1, 0.1), -h - r * 0.4])
    parts = []
    if lying:
        h = rng.uniform(0.35, 0.5)
        head = np.array([0.0, -h - 0.2])
        back = np.array([side * rng.uniform(0.8, 1.5), rng.uniform(-0.15, 0.15)])
        parts += [
            p.part(limb((0, 0), back, h * 0.8, h * rng.uniform(0.7, 1)), coat),
            p.part(disc(back, h, h * 0.8), coat),
        ]
        parts += [
            p.part(limb(back + vec(0, 0.2), back + vec(-side * rng.uniform(-0.3, 0.5), 0.3), 0.13, 0.09), coat * 0.9)
        ]
    else:
        parts += [p.part(ellipse(s * w * 0.7, 0.35, w * 0.6, 0.3), coat * 0.9) for s in (-1, 1)]
    tail = smooth(
        [(side * w, 0.3), (side * (w + 0.3), 0.4), (side * (w + rng.uniform(0.2, 0.9)), rng.uniform(-0.4, 0.5))],
        closed=False,
    )
    parts.insert(0, p.part(ribbon(tail, rng.uniform(0.06, 0.2)), coat))
    parts.append(p.part(limb((0, -h * 0.6), (0, 0.15), w * 0.75, w), coat))
    parts.append(p.part(ellipse(0, -h * 0.2, w * 0.5, h * 0.5), chest))
    for s in (-1, 1):
        foot = np.array([s * w * rng.uniform(0.3, 0.9), 0.55 if not lying else rng.uniform(0.35, 0.6)])
        parts.append(p.part(limb((s * w * 0.5, 0.0), foot, 0.13, 0.09), coat))
        parts.append(p.part(disc(foot, 0.13, 0.07), coat * rng.uniform(0.5, 1.1)))
    if rng.random() < 0.45:
        parts.append(
            p.part(
                wobbly(rng, r * rng.uniform(1.4, 2), r * rng.uniform(1.4, 2.1), 0.12) + head + vec(0, 0.1),
                coat * rng.uniform(0.4, 1.3),
            )
        )
    return [*parts, *_face(rng, p, head, r, coat, True)]


def bird(rng: Rng) -> Parts:
    """A bird or a fish from the side."""
    p = Palette(rng)
    turn, long = rng.uniform(-0.9, 0.5), rng.uniform(0.6, 1)
    body = limb((0, 0), (long * np.cos(turn), long * np.sin(turn)), rng.uniform(0.2, 0.4), rng.uniform(0.12, 0.25))
    head = np.array([long * np.cos(turn), long * np.sin(turn)]) * 1.15
    tail = np.array(
        [
            [0, 0.1],
            [-rng.uniform(0.4, 1.1), rng.uniform(-0.2, 0.6)],
            [-rng.uniform(0.3, 0.9), rng.uniform(-0.5, 0.2)],
            [0, -0.1],
        ]
    )
    wing = smooth(
        [(0.1, -0.1), (long * 0.7, 0), (0.2, rng.uniform(-1.3, 0.4)), (-rng.uniform(0.2, 1), rng.uniform(-1, 0.4))]
    )
    r = rng.uniform(0.13, 0.25)
    beak = np.array([[0, -0.06], [rng.uniform(0.12, 0.4), 0.02], [0, 0.07]]) + head + vec(r * 0.8, 0)
    legs = (
        [p.part(limb((0.2 + x, 0.1), (0.25 + x, rng.uniform(0.4, 0.8)), 0.03, 0.02), p.dark) for x in (0, 0.12)]
        if rng.random() < 0.6
        else []
    )
    return [
        p.part(tail, p.any()),
        *legs,
        p.part(body),
        p.part(wing, p.any(), patterned=0.7),
        p.part(beak, p.any(), patterned=0),
        p.part(disc(head, r, r), p.any()),
        p.part(disc(head + vec(r * 0.4, -r * 0.2), r * 0.15, r * 0.15), np.full(3, 0.03), patterned=0),
    ]


# ------------------------------------------------------------------------------------------------ people


def person(rng: Rng) -> Parts:
    """A person standing, walking, sitting or seen from behind, in clothes of two colours, with hair, perhaps a hat."""
    p, q = Palette(rng), Palette(rng)
    skin = np.array([1.0, 0.78, 0.65]) * rng.uniform(0.25, 1.0)
    seated, behind = rng.random() < 0.3, rng.random() < 0.25
    shoulder, hip, torso = rng.uniform(0.24, 0.36), rng.uniform(0.18, 0.3), rng.uniform(0.6, 0.85)
    wide, bare = rng.uniform(0.07, 0.13), rng.random() < 0.5
    legs = _legs(rng, q, hip, wide, seated, skin)
    body = smooth(
        [
            (-shoulder, -torso),
            (0, -torso - 0.06),
            (shoulder, -torso),
            (hip * 0.9, -torso * 0.4),
            (hip, 0.05),
            (0, 0.12),
            (-hip, 0.05),
            (-hip * 0.9, -torso * 0.4),
        ]
    )
    coat = (
        [p.part(np.array([[-hip, -0.1], [hip, -0.1], [hip * 1.6, 0.6], [-hip * 1.6, 0.6]]))]
        if rng.random() < 0.25
        else []
    )
    arms = [
        part for side in (-1, 1) for part in _arm(rng, p, np.array([side * shoulder * 0.9, -torso + 0.07]), skin, bare)
    ]
    tone = rng.uniform(-0.08, 0.08)
    head = np.array([tone, -torso - 0.3])
    hair_tint = np.array([1, rng.uniform(0.6, 0.9), rng.uniform(0.2, 0.6)]) * rng.choice(
        [rng.uniform(0.02, 0.3), rng.uniform(0.4, 1)]
    )
    neck = p.part(limb((0, -torso), head, 0.08, 0.08), skin, patterned=0)
    top = _head(rng, p, head, skin, hair_tint, behind)
    hidden, shown = (arms, []) if rng.random() < 0.3 else ([], arms)
    return [*hidden, *legs, neck, p.part(body, round_fraction=0.7), *coat, *shown, *top]


def _legs(rng: Rng, q: Palette, hip: float, wide: float, seated: bool, skin: Colour) -> Parts:
    parts, spread = [], rng.uniform(0, 0.3)
    for side in (-1, 1):
        start = np.array([side * hip * 0.55, 0.0])
        if seated:
            knee = start + vec(side * rng.uniform(0.1, 0.7), rng.uniform(-0.25, 0.3))
            foot = knee + vec(-side * rng.uniform(-0.1, 0.8), rng.uniform(0.1, 0.6))
        else:
            knee = start + vec(side * spread * 0.5 + rng.uniform(-0.15, 0.15), rng.uniform(0.4, 0.55))
            foot = knee + vec(side * spread * 0.5 + rng.uniform(-0.15, 0.15), rng.uniform(0.4, 0.55))
        lower = q.main if rng.random() < 0.75 else skin
        parts += [
            q.part(limb(knee, foot, wide * 1.05, wide * rng.uniform(0.6, 1.1)), lower),
            q.part(limb(start, knee, wide * 1.5, wide * 1.1)),
        ]
        parts.append(
            q.part(limb(foot, foot + vec(rng.uniform(-0.16, 0.16), 0.05), wide * 0.7, wide * 0.5), q.any(), patterned=0)
        )
    return parts


def _arm(rng: Rng, p: Palette, start: Array, skin: Colour, bare: bool) -> Parts:
    out, bend = np.sign(start[0]) * rng.uniform(-0.1, 1.1), rng.uniform(-2.4, 2.4) * rng.choice([0.3, 1])
    elbow = start + 0.34 * np.array([np.sin(out), np.cos(out)])
    hand = elbow + 0.32 * np.array([np.sin(out + bend), np.cos(out + bend)])
    return [
        p.part(limb(start, elbow, 0.085, 0.065)), p.part(limb(elbow, hand, 0.062, 0.045), skin if bare else p.main),
        p.part(disc(hand, 0.06, 0.06), skin, patterned=0),
    ]  # fmt: skip


def _head(rng: Rng, p: Palette, at: Array, skin: Colour, hair: Colour, behind: bool) -> Parts:
    strands = Part(np.zeros((0, 2)), hair, (), 0.7, 0.1, hair * 0.5, pattern(rng), 0.5)
    fall = rng.choice([rng.uniform(0, 0.15), rng.uniform(0.2, 0.8)])
    shape = smooth(
        np.array(
            [
                (-0.17, -0.08),
                (0, -0.24),
                (0.17, -0.08),
                (0.2, fall * 0.6),
                (0.08, 0.05 + fall),
                (-0.1, 0.05 + fall),
                (-0.2, fall * 0.6),
            ]
        )
        + at
        + rng.uniform(-0.02, 0.02, (7, 2))
    )
    mop = Part(shape, strands.tint, (), 0.7, 0.1, strands.second, strands.pattern, 0.5)
    face = p.part(disc(at, 0.14, 0.185), skin, patterned=0)
    fringe = Part(
        smooth(np.array([(-0.16, -0.02), (-0.08, -0.22), (0.08, -0.23), (0.16, -0.02), (0.05, -0.12)]) + at),
        hair,
        (),
        0.7,
        0.1,
        hair * 0.5,
        mop.pattern,
        0.5,
    )
    marks = [
        p.part(ellipse(at[0] + x, at[1] + y, 0.022, 0.012), np.array([0.15, 0.05, 0.05]), patterned=0)
        for x, y in ((-0.05, -0.02), (0.05, -0.02), (0, 0.09))
    ]
    parts = [face, mop] if behind else [mop, face, fringe, *marks]
    if rng.random() < 0.35:
        brim, crown, tint = rng.uniform(0.17, 0.42), rng.uniform(0.15, 0.22), p.any()
        parts += [
            p.part(ellipse(at[0], at[1] - 0.1, brim, brim * 0.22, rng.uniform(-0.2, 0.2)), tint),
            p.part(box(at[0] - crown, at[1] - 0.33, at[0] + crown, at[1] - 0.1, 0.12), tint),
        ]
    return parts


def bust(rng: Rng) -> Parts:
    """Head and shoulders; the composite cuts it at the lower rim."""
    p = Palette(rng)
    skin = np.array([1.0, 0.78, 0.65]) * rng.uniform(0.25, 1.0)
    hair = np.array([1, rng.uniform(0.6, 0.9), rng.uniform(0.2, 0.6)]) * rng.uniform(0.03, 1)
    wide = rng.uniform(0.35, 0.55)
    body = smooth(
        [
            (-0.1, 0.2),
            (0.1, 0.2),
            (wide * 0.8, 0.33),
            (wide, 0.55),
            (wide * rng.uniform(0.8, 1.1), 1.3),
            (-wide * rng.uniform(0.8, 1.1), 1.3),
            (-wide, 0.55),
            (-wide * 0.8, 0.33),
        ]
    )
    neck = p.part(limb((0, 0), (0, 0.3), 0.09, 0.1), skin, patterned=0)
    return [neck, p.part(body, round_fraction=0.6), *_head(rng, p, np.zeros(2), skin, hair, rng.random() < 0.35)]


ANIMALS: dict[Callable[[Rng], Parts], float] = {walker: 3, sitter: 3, bird: 1}
PEOPLE: dict[Callable[[Rng], Parts], float] = {person: 3, bust: 1.2}
"""Makers, and how often each is drawn."""
