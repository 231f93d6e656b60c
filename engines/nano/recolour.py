"""A palette put into a scene's layers: albedo × light + shine, exposed and developed as the stage does it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.stage.colour import _TO_LAB as TO_LAB
from engines.stage.colour import _TO_LMS as TO_LMS
from engines.stage.colour import LUMA, from_oklab, to_oklab, to_srgb
from engines.stage.develop import BRIGHTEST_PROP, LOCK
from engines.stage.jit import cached
from engines.stage.scene import WHITE_PAINT

from .layers import Layers

# Compiled code passes bare numbers: many arguments.
# ruff: noqa: PLR0913, PLR0917

Floats = NDArray[np.float32]
BLEED = 0.62  # as on the stage: surfaces pass on only this much of their colour
PRINT = 128
KNEE, ROOM = 0.8, 0.2
BYTE_STEPS = 4096
MOST_TINT = 0.1  # a lighter part of a dark role stays in it
_LMS, _LAB = TO_LMS.astype(np.float32), TO_LAB.astype(np.float32)
_FROM_LAB = np.linalg.inv(_LAB.astype(np.float64)).astype(np.float32)
_FROM_LMS = np.linalg.inv(_LMS.astype(np.float64)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Prints:
    """What is printed on labels: `ink` K×PRINT×PRINT 0–1 (the first is blank), `colour` K×3 linear, `of` part → K.
    `shape` K×2: how often a design fits across and down; negative where it is a pattern that goes on, else it stands in
    the middle."""

    ink: Floats
    colour: Floats
    of: NDArray[np.uint8]
    shape: Floats


def part_colours(parts: Sequence[Mapping[str, Any]], palette: NDArray[np.floating]) -> Floats:
    """Linear albedo of part 0 (nothing, white), 1 … from a palette's OKLab rows, as the stage mixes its paints."""
    rows = [np.ones(3)]
    for part in parts:
        lab = np.asarray(palette[part["role"]][:3], np.float64)
        tint, shade, material = part["tint"], part["shade"], part["material"]
        keep = (1 - tint) * (1 - shade)
        lightness = (lab[0] + min((0.985 - lab[0]) * tint, MOST_TINT)) * (1 - shade)
        colour = np.clip(from_oklab(np.array([lightness, lab[1] * keep, lab[2] * keep])), 0.004, 0.92)
        if material in ("metal", "brushed"):
            colour = colour * (0.25 + 0.72 / max(float(colour.max()), 0.2)) + 0.05
        elif material == "glass":
            colour = 0.25 + 0.75 * colour / max(float(colour.max()), 1e-3)
        rows.append(np.clip(colour if part["wall"] else colour * WHITE_PAINT, 0.004, 0.95))
    return np.array(rows, np.float32)


def recolour(
    layers: Layers,
    palette: NDArray[np.floating],
    prints: Prints,
    crop: tuple[int, int, int, int],
    seed: int,
    brightness: float = 1.0,
) -> NDArray[np.uint8]:
    """The picture of a crop (top, left, height, width) of the frame, H×W×3 sRGB. `palette` is 6×≥3 OKLab, its last row
    the key light's colour (white at 1, 0, 0); `seed` is the dither's."""
    light, owners, maps, parts = layers.light.astype(np.float32), layers.parts, layers.maps, layers.facts["parts"]
    albedo = part_colours(parts, palette)
    key = _tint(palette[5])
    ambient = 0.5 + 0.5 * key
    roles = np.clip(from_oklab(np.asarray(palette[:5, :3], np.float64)), 0.004, 0.92)
    grey = (roles @ LUMA)[:, None]
    warm = 0.7 * key + 0.3 * ambient
    mixes = np.concatenate([[key, ambient], (grey + BLEED * (roles - grey)) * warm]).astype(np.float32)
    shine = np.stack([warm, roles[0] * warm]).astype(np.float32)
    gain, balance = _exposure(light, owners, parts, albedo, mixes, shine, brightness)
    alike = _alike(albedo, parts)
    balances = (gain * (1 + alike[:, None] * (balance - 1))).astype(np.float32)
    roll = to_oklab(roles[0]).astype(np.float32)
    lock = (alike * LOCK * min(float(np.hypot(roll[1], roll[2])) / 0.05, 1.0)).astype(np.float32)
    top, left, height, width = crop
    out = np.empty((height, width, 3), np.uint8)
    lit = np.concatenate([light[..., :7] @ mixes, light[..., 7:] @ shine], axis=-1).astype(np.float32)
    _compose(
        lit, owners, maps[top : top + height, left : left + width], top, left, albedo,
        balances, roll, lock, prints.ink, prints.colour, prints.of, prints.shape, np.int64(seed),
        _LMS, _LAB, _FROM_LAB, _FROM_LMS,
        _to_bytes(), out,
    )  # fmt: skip
    return out


def _tint(lab: NDArray[np.floating]) -> NDArray[np.float64]:
    """A light's colour (OKLab) at luminance 1."""
    colour = np.clip(from_oklab(np.asarray(lab[:3], np.float64)), 0.02, None)
    return colour / float(colour @ LUMA)


def _exposure(
    light: Floats,
    owners: NDArray[np.uint8],
    parts: Sequence[Mapping[str, Any]],
    albedo: Floats,
    mixes: Floats,
    shine: Floats,
    brightness: float,
) -> tuple[float, NDArray[np.floating]]:
    """Gain and balance by the rules of the stage's `expose`: the lit backdrop shows its own colour."""
    own, diffuse = owners[::2, ::2].ravel(), light[::2, ::2, :7].reshape(-1, 7) @ mixes
    shown = albedo[own] * diffuse + light[::2, ::2, 7:].reshape(-1, 2) @ shine
    walls = [i + 1 for i, part in enumerate(parts) if part["wall"]]
    roll = np.isin(own, walls[-1:])
    if roll.mean() < 0.02:
        roll = own > 0
    ratio = diffuse[roll]
    bright = ratio @ LUMA
    lit = float(np.percentile(bright, 66))
    gain = 0.97 * brightness / max(lit, 1e-4)
    others = shown[~np.isin(own, walls) & (own > 0)].max(axis=1)
    if others.size > 32:
        most = max(BRIGHTEST_PROP, 0.97 * float(albedo[walls[-1]].max()))
        gain = max(min(gain, most / max(float(np.percentile(others, 88)), 1e-4)), 0.8 * gain)
    near = np.abs(bright - lit) <= 0.25 * lit
    mean = np.median(ratio[near], axis=0) if near.sum() > 16 else np.ones(3)
    wanted = mixes[0] / float(mixes[0] @ LUMA)  # a tinted key stays tinted
    balance = np.clip(wanted * float(mean @ LUMA) / np.maximum(mean, 1e-4), 0.86, 1.16)
    return gain, balance


def _alike(albedo: Floats, parts: Sequence[Mapping[str, Any]]) -> Floats:
    """How much each part is painted in the backdrop's hue, 0–1."""
    wall = max(i + 1 for i, part in enumerate(parts) if part["wall"])
    hue = albedo / np.maximum(albedo.sum(axis=-1, keepdims=True), 1e-3)
    alike = np.clip(1.25 - np.linalg.norm(hue - hue[wall], axis=-1) / 0.12, 0, 1)
    matte = [1.0, *(0.0 if part["material"] in ("metal", "brushed", "glass") else 1.0 for part in parts)]
    return (alike * np.array(matte)).astype(np.float32)


@cached
def _compose(
    lit, owners, maps, top, left, albedo, balances, roll, lock, inks, ink_colour, ink_of, ink_shape, seed,
    lms_of, lab_of, from_lab, from_lms, to_bytes, out,
):  # fmt: skip
    height, width = out.shape[0], out.shape[1]
    rows, columns = owners.shape
    got = np.zeros(6, np.float32)
    rgb = np.zeros(3, np.float32)
    total = np.zeros(3, np.float32)
    c = np.zeros(3, np.float32)
    lms = np.zeros(3, np.float32)
    lab = np.zeros(3, np.float32)
    one, zero = np.float32(1), np.float32(0)
    state = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(1)
    for y in range(height):
        for x in range(width):
            total[:] = zero
            share = np.float32(maps[y, x, 2]) / np.float32(255)
            for which in range(2):
                part = maps[y, x, which]
                weight = share if which == 0 else one - share
                if weight <= zero:
                    continue
                v = (np.float32(top + y) + np.float32(0.5)) * np.float32(0.5) - np.float32(0.5)
                u = (np.float32(left + x) + np.float32(0.5)) * np.float32(0.5) - np.float32(0.5)
                row, column = math.floor(v), math.floor(u)
                fv, fu = v - np.float32(row), u - np.float32(column)
                got[:] = zero
                sum_w = zero
                for i in range(2):
                    for j in range(2):
                        r = min(max(row + i, 0), rows - 1)
                        k = min(max(column + j, 0), columns - 1)
                        if owners[r, k] == part:
                            w = (fv if i == 1 else one - fv) * (fu if j == 1 else one - fu)
                            sum_w += w
                            for p in range(6):
                                got[p] += w * lit[r, k, p]
                if sum_w == zero:  # a part thinner than the light's pixels: the nearest of it, else of anything
                    for reach in range(1, 5):
                        for i in range(-reach, reach + 2):
                            for j in range(-reach, reach + 2):
                                r = min(max(row + i, 0), rows - 1)
                                k = min(max(column + j, 0), columns - 1)
                                if owners[r, k] == part:
                                    sum_w += one
                                    for p in range(6):
                                        got[p] += lit[r, k, p]
                        if sum_w > zero:
                            break
                    if sum_w == zero:
                        sum_w = one
                        r, k = min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)
                        for p in range(6):
                            got[p] = lit[r, k, p]
                sum_w = one / sum_w
                c[0], c[1], c[2] = albedo[part, 0], albedo[part, 1], albedo[part, 2]
                number = ink_of[part]
                if number > 0 and maps[y, x, 5] > 0:
                    a = np.float32(maps[y, x, 4] - 1) * np.float32(1 / 254) - np.float32(0.5)
                    b = np.float32(maps[y, x, 5] - 1) * np.float32(1 / 254) - np.float32(0.5)
                    a = np.float32(0.5) + a * abs(ink_shape[number, 0])
                    b = np.float32(0.5) + b * abs(ink_shape[number, 1])
                    if ink_shape[number, 0] < zero:
                        a -= math.floor(a)
                        b -= math.floor(b)
                    a = min(max(a, zero), one) * np.float32(127)
                    b = min(max(b, zero), one) * np.float32(127)
                    i0, j0 = min(int(b), 126), min(int(a), 126)
                    fi, fj = b - np.float32(i0), a - np.float32(j0)
                    ink = (one - fi) * ((one - fj) * inks[number, i0, j0] + fj * inks[number, i0, j0 + 1])
                    ink += fi * ((one - fj) * inks[number, i0 + 1, j0] + fj * inks[number, i0 + 1, j0 + 1])
                    for p in range(3):
                        c[p] += ink * (ink_colour[number, p] - c[p])
                for p in range(3):
                    rgb[p] = max(sum_w * (c[p] * got[p] + got[p + 3]) * balances[part, p], zero)
                if lock[part] > zero:
                    for p in range(3):
                        lms[p] = np.cbrt(lms_of[p, 0] * rgb[0] + lms_of[p, 1] * rgb[1] + lms_of[p, 2] * rgb[2])
                    for p in range(3):
                        lab[p] = lab_of[p, 0] * lms[0] + lab_of[p, 1] * lms[1] + lab_of[p, 2] * lms[2]
                    room = max(np.float32(0.985) - roll[0], np.float32(0.02))
                    if lab[0] > roll[0]:
                        along = (np.float32(0.985) - lab[0]) / room
                    else:
                        along = lab[0] / max(roll[0], np.float32(0.02))
                    along = min(max(along, zero), one)
                    for p in range(1, 3):
                        lab[p] += lock[part] * (along * roll[p] - lab[p])
                    for p in range(3):
                        m = from_lab[p, 0] * lab[0] + from_lab[p, 1] * lab[1] + from_lab[p, 2] * lab[2]
                        lms[p] = m * m * m
                    for p in range(3):
                        rgb[p] = max(from_lms[p, 0] * lms[0] + from_lms[p, 1] * lms[1] + from_lms[p, 2] * lms[2], zero)
                for p in range(3):
                    total[p] += weight * rgb[p]
            peak = max(total[0], total[1], total[2])
            folded = peak
            if peak > KNEE:
                folded = np.float32(KNEE) + np.float32(ROOM) * (one - math.exp(-(peak - KNEE) / ROOM))
            scale = folded / max(peak, np.float32(1e-6))
            white = min(max((peak - one) * np.float32(0.22), zero), np.float32(0.75))
            state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
            first = np.float32(state >> np.uint64(40)) * np.float32(5.9604645e-08)
            state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
            dither = np.float32(0.5) * (first - np.float32(state >> np.uint64(40)) * np.float32(5.9604645e-08))
            for p in range(3):
                value = total[p] * scale
                value = min(max(value + (folded - value) * white, zero), one)
                place = value * np.float32(BYTE_STEPS)
                i0 = min(int(place), BYTE_STEPS - 1)
                byte = to_bytes[i0] + (place - np.float32(i0)) * (to_bytes[i0 + 1] - to_bytes[i0])
                out[y, x, p] = int(min(max(byte + np.float32(0.5) + dither, zero), np.float32(255)))


@cache
def _to_bytes() -> Floats:
    """sRGB 0–255 of linear light at `BYTE_STEPS` + 1 even places: the powers would be half the work."""
    return (to_srgb(np.linspace(0, 1, BYTE_STEPS + 1)) * 255).astype(np.float32)


def make_prints(parts: Sequence[Mapping[str, Any]], palette: NDArray[np.floating], rng: np.random.Generator) -> Prints:
    """A printed design for each label, in the ink of a role that shows on it."""
    of = np.zeros(256, np.uint8)
    inks, colours = [np.zeros((PRINT, PRINT), np.float32)], [np.zeros(3, np.float32)]
    shapes = [(1.0, 1.0)]
    design = None
    for number, part in enumerate(parts, 1):
        if part["name"] != "label" or len(inks) > 3:
            continue
        own = np.asarray(palette[part["role"]][:3], float)
        options = [palette[role][:3] for role in (2, 4, 3)] + [np.array([0.2, 0, 0]), np.array([0.96, 0, 0])]
        shows = [lab for lab in options if np.linalg.norm(np.asarray(lab) - own) > 0.25]
        ink = shows[0] if rng.random() < 0.6 else shows[int(rng.integers(len(shows)))]
        design = _design(rng) if design is None else design
        of[number] = len(inks)
        inks.append(design[0])
        wide = float(part.get("print", 1.6))
        way = -1.0 if design[1] else 1.0
        shapes.append((way * max(wide, 1.0), way * max(1 / wide, 1.0)))
        colours.append(np.clip(from_oklab(np.asarray(ink, float)), 0.004, 0.9).astype(np.float32) * WHITE_PAINT)
    return Prints(np.stack(inks), np.stack(colours).astype(np.float32), of, np.array(shapes, np.float32))


def _design(rng: np.random.Generator) -> tuple[Floats, bool]:
    """A made-up label: a mark, a name as a row of strokes, small lines; or stripes or dots. Whether it is a pattern."""
    canvas = np.zeros((4 * PRINT, 4 * PRINT), np.uint8)
    style, edge = rng.random(), 4 * PRINT
    if style < 0.12:
        return np.zeros((PRINT, PRINT), np.float32), False
    if style < 0.26:
        step = int(rng.choice([32, 64, 64, 128]))
        for at in range(-edge, edge, step):
            if style < 0.19:
                canvas[:, max(at, 0) : max(at + step // 2, 0)] = 255
            else:
                cv2.line(canvas, (at, 0), (at + edge, edge), 255, step // 3, cv2.LINE_AA)
    elif style < 0.34:
        step = int(rng.choice([64, 64, 128]))
        for i, y in enumerate(range(step // 2, edge, step)):
            for x in range(step // 2 + (step // 2) * (i % 2), edge, step):
                cv2.circle(canvas, (x, y), step // 4, 255, -1, cv2.LINE_AA)
    else:
        _mark(canvas, rng)
        y = int(edge * rng.uniform(0.5, 0.62))
        _word(canvas, edge // 2, y, int(rng.uniform(34, 62)), int(rng.integers(3, 8)), rng)
        for i in range(int(rng.integers(0, 4))):
            half = int(rng.uniform(40, 120))
            at = y + 76 + 30 * i
            cv2.line(canvas, (edge // 2 - half, at), (edge // 2 + half, at), 255, 7, cv2.LINE_AA)
        if rng.random() < 0.3:
            canvas[int(0.05 * edge) : int(0.08 * edge)] = 255
            canvas[int(0.92 * edge) : int(0.95 * edge)] = 255
    small = cv2.resize(canvas, (PRINT, PRINT), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255), style < 0.34


def _mark(canvas: NDArray[np.uint8], rng: np.random.Generator) -> None:
    middle, high = canvas.shape[1] // 2, int(canvas.shape[0] * rng.uniform(0.22, 0.32))
    size, kind = int(rng.uniform(36, 70)), int(rng.integers(6))
    if kind == 0:
        cv2.circle(canvas, (middle, high), size, 255, -1, cv2.LINE_AA)
    elif kind == 1:
        cv2.circle(canvas, (middle, high), size, 255, size // 4, cv2.LINE_AA)
    elif kind in (2, 3):
        sides = 3 if kind == 2 else 4
        angles = 2 * np.pi * np.arange(sides) / sides - np.pi / 2
        points = np.array([middle, high]) + size * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        cv2.fillPoly(canvas, [points.astype(np.int32)], 255, cv2.LINE_AA)
    elif kind == 4:
        for turn in (-50, 0, 50):
            cv2.ellipse(canvas, (middle, high), (size, size // 3), 90 + turn, 0, 360, 255, -1, cv2.LINE_AA)
    else:
        cv2.ellipse(canvas, (middle, high + size // 2), (size, size), 0, 180, 360, 255, -1, cv2.LINE_AA)


def _word(canvas: NDArray[np.uint8], middle: int, y: int, high: int, letters: int, rng: np.random.Generator) -> None:
    """A name nobody can read: strokes and bowls with the rhythm of letters."""
    step, thick = int(high * 0.85), max(6, high // 5)
    x = middle - step * letters // 2
    for _ in range(letters):
        kind = int(rng.integers(4))
        if kind == 0:
            cv2.line(canvas, (x + step // 2, y), (x + step // 2, y + high), 255, thick, cv2.LINE_AA)
        elif kind == 1:
            cv2.ellipse(
                canvas, (x + step // 2, y + high // 2), (step // 3, high // 2), 0, 0, 360, 255, thick, cv2.LINE_AA
            )
        elif kind == 2:
            cv2.line(canvas, (x + step // 5, y), (x + step // 5, y + high), 255, thick, cv2.LINE_AA)
            cv2.line(
                canvas, (x + step // 5, y + high // 2), (x + 3 * step // 4, y + high // 2), 255, thick, cv2.LINE_AA
            )
        else:
            cv2.line(canvas, (x + step // 6, y + high), (x + step // 2, y), 255, thick, cv2.LINE_AA)
            cv2.line(canvas, (x + step // 2, y), (x + 5 * step // 6, y + high), 255, thick, cv2.LINE_AA)
        x += step
