"""Parts and how they are shaded: what every drawn object of the cut-out network's pictures is built from.

An object is a list of `Part`s, drawn back to front. Each is a flat outline with a tint, a pattern and a roundness; its
height is the circular profile over the distance to the outline, as in inflation of sketches (Igarashi, Matsuoka &
Tanaka, Teddy, 1999), and the light falls on that.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.base import Plane

Rng = np.random.Generator
Array = NDArray[Any]
Point = Sequence[float] | Array
Colour = Array
"""sRGB, three values 0–1."""

_SUBPIXEL_BITS = 6


@dataclass(frozen=True, eq=False)
class Part:
    """`outline` and `holes` are N×2 (x right, y down, any unit). `round_fraction`: how much of the half-width is
    curved, 0 a flat card, 1 a tube. `gloss`: strength of the highlight. `pattern`: N×N plane 0–1 that mixes `tint`
    with `second`; `grain`: how large it is drawn."""

    outline: Array
    tint: Colour
    holes: tuple[Array, ...] = ()
    round_fraction: float = 1.0
    gloss: float = 0.0
    second: Colour | None = None
    pattern: Plane | None = field(default=None, repr=False)
    grain: float = 1.0

    def moved(self, matrix: Array) -> Part:
        """The same part under a 2×3 affine or 3×3 projective matrix."""
        return Part(
            _mapped(self.outline, matrix), self.tint, tuple(_mapped(hole, matrix) for hole in self.holes),
            self.round_fraction, self.gloss, self.second, self.pattern, self.grain,
        )  # fmt: skip


def _mapped(points: Array, matrix: Array) -> Array:
    made = np.c_[points, np.ones(len(points))] @ np.asarray(matrix).T
    return made[:, :2] / made[:, 2:] if made.shape[1] == 3 else made


# ------------------------------------------------------------------------------------------------ outlines


def vec(x: float, y: float) -> Array:
    return np.array([x, y], float)


def smooth(points: Sequence[Point] | Array, closed: bool = True, steps: int = 8) -> Array:
    """A curve through the points: Catmull & Rom's spline (1974)."""
    given = np.asarray(points, float)
    wrapped = np.r_[given[-1:], given, given[:2]] if closed else np.r_[given[:1], given, given[-1:]]
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(wrapped, wrapped[1:], wrapped[2:], wrapped[3:], strict=False):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate(pieces if closed else [*pieces, given[-1:]])


def ellipse(x: float, y: float, rx: float, ry: float, turn: float = 0.0, points: int = 40) -> Array:
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    u, v = rx * np.cos(angle), ry * np.sin(angle)
    return np.c_[x + u * np.cos(turn) - v * np.sin(turn), y + u * np.sin(turn) + v * np.cos(turn)]


def disc(centre: Point, rx: float, ry: float, turn: float = 0.0, points: int = 40) -> Array:
    """An ellipse around a point."""
    return ellipse(float(centre[0]), float(centre[1]), rx, ry, turn, points)


def limb(start: Point, end: Point, r0: float, r1: float) -> Array:
    """Two circles and the straight sides between them."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    along = np.arctan2(*(b - a)[::-1])
    half = np.linspace(np.pi / 2, 3 * np.pi / 2, 9)
    turned = np.r_[along + half, along + half + np.pi]
    centre = np.r_[np.repeat(a[None], 9, 0), np.repeat(b[None], 9, 0)]
    radius = np.r_[np.full(9, r0), np.full(9, r1)][:, None]
    return centre + radius * np.c_[np.cos(turned), np.sin(turned)]


def ribbon(points: Sequence[Point] | Array, width: float | Array) -> Array:
    """A band of this width along an open curve."""
    line = np.asarray(points, float)
    ahead = np.gradient(line, axis=0)
    side = np.c_[-ahead[:, 1], ahead[:, 0]] / np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
    half = np.broadcast_to(np.asarray(width, float) / 2, (len(line),))[:, None]
    return np.r_[line + half * side, (line - half * side)[::-1]]


def box(left: float, top: float, right: float, bottom: float, corner: float = 0.0) -> Array:
    """A rectangle, its corners rounded by `corner` (radius)."""
    r = min(corner, (right - left) / 2.01, (bottom - top) / 2.01)
    if r <= 0:
        return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)
    quarter = np.linspace(0, np.pi / 2, 6)
    arcs = []
    for index, (x, y) in enumerate(
        ((right - r, bottom - r), (left + r, bottom - r), (left + r, top + r), (right - r, top + r))
    ):
        angle = quarter + index * np.pi / 2
        arcs.append(np.c_[x + r * np.cos(angle), y + r * np.sin(angle)])
    return np.concatenate(arcs)


def wobbly(rng: Rng, rx: float, ry: float, roughness: float, points: int = 11) -> Array:
    """A closed smooth curve around the origin whose radius varies by `roughness` (a share)."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False) + rng.uniform(0, 6.3)
    radius = 1 + roughness * rng.uniform(-1, 1, points)
    return smooth(np.c_[rx * radius * np.cos(angle), ry * radius * np.sin(angle)])


# ------------------------------------------------------------------------------------------------ patterns


def cloud(rng: Rng, size: int, falloff: float, stretch: float = 1.0) -> Plane:
    """1/f^falloff noise, 0–1, tiling; `stretch` > 1 draws it out sideways."""
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None] * stretch
    weight = np.hypot(fx, fy)
    weight[0, 0] = 1.0
    spectrum = (rng.normal(size=weight.shape) + 1j * rng.normal(size=weight.shape)) / weight**falloff
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, (size, size))
    return np.clip(0.5 + noise / (4.5 * noise.std() + 1e-9), 0, 1).astype(np.float32)


def pattern(rng: Rng, size: int = 128) -> Plane:
    """A pattern of any kind: cloud, stripes, checks, dots, spots, hide, weave, print. N×N, 0–1."""
    kinds = (_stripes, _checks, _dots, _spots, _weave, _print, _hide, _grained)
    return kinds[int(rng.integers(len(kinds)))](rng, size)


def _grid(rng: Rng, size: int) -> tuple[Array, Array]:
    turn = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    y, x = np.mgrid[:size, :size] / size
    return x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)


def _stripes(rng: Rng, size: int) -> Plane:
    u, _ = _grid(rng, size)
    wave = np.sin(2 * np.pi * rng.uniform(3, 16) * u + rng.uniform(0, 2) * np.sin(2 * np.pi * u))
    return np.clip(0.5 + rng.uniform(1, 6) * (wave + rng.uniform(-0.6, 0.6)), 0, 1).astype(np.float32)


def _checks(rng: Rng, size: int) -> Plane:
    u, v = _grid(rng, size)
    n = rng.uniform(2, 9)
    return (((np.floor(u * n) + np.floor(v * n)) % 2) * 1.0).astype(np.float32)


def _dots(rng: Rng, size: int) -> Plane:
    u, v = _grid(rng, size)
    n, r = rng.uniform(4, 14), rng.uniform(0.2, 0.4)
    return (np.hypot((u * n) % 1 - 0.5, (v * n) % 1 - 0.5) < r).astype(np.float32)


def _spots(rng: Rng, size: int) -> Plane:
    blot = cloud(rng, size, rng.uniform(1.2, 2.0))
    return np.clip((blot - rng.uniform(0.45, 0.65)) * 18 + 0.5, 0, 1).astype(np.float32)


def _weave(rng: Rng, size: int) -> Plane:
    u, v = _grid(rng, size)
    n = rng.uniform(12, 30)
    return (0.5 + 0.25 * np.sin(2 * np.pi * n * u) + 0.25 * np.sin(2 * np.pi * n * v)).astype(np.float32)


def _print(rng: Rng, size: int) -> Plane:
    """A label: a picture box, and lines of words."""
    sheet = np.zeros((size, size), np.float32)
    for _ in range(int(rng.integers(1, 5))):
        x, y = rng.integers(0, size, 2)
        w, h = rng.integers(size // 10, size // 2, 2)
        cv2.rectangle(sheet, (int(x), int(y)), (int(x + w), int(y + h)), float(rng.uniform(0.2, 1)), -1)
    for y in range(int(rng.integers(5, 30)), size, int(rng.integers(6, 20))):
        x, height = int(rng.integers(4, size // 2)), int(rng.integers(2, 6))
        while x < size - 8 and rng.random() < 0.85:
            width = int(rng.integers(3, 18))
            cv2.rectangle(sheet, (x, y), (x + width, y + height), float(rng.choice([0.0, 1.0])), -1)
            x += width + 4
    return sheet


def _hide(rng: Rng, size: int) -> Plane:
    """A coat's stripes: bands bent by noise."""
    u, v = _grid(rng, size)
    bent = u * rng.uniform(4, 10) + 2.5 * cloud(rng, size, 1.6) + 0.3 * v
    return np.clip(0.5 + rng.uniform(2, 6) * (np.sin(2 * np.pi * bent) - rng.uniform(-0.2, 0.7)), 0, 1).astype(
        np.float32
    )


def _grained(rng: Rng, size: int) -> Plane:
    return cloud(rng, size, rng.uniform(0.3, 1.8), rng.choice([1.0, rng.uniform(3, 10)]))


# ------------------------------------------------------------------------------------------------ colours


class Palette:
    """Two to four colours that go together, and how the stuff takes light. One for each object."""

    def __init__(self, rng: Rng) -> None:
        self.rng = rng
        tone = rng.random()
        hue, saturation = rng.random(), rng.beta(1.2, 1.6)
        value = rng.choice(
            [rng.uniform(0.03, 0.25), rng.uniform(0.85, 1.0), rng.uniform(0.25, 0.9)], p=[0.25, 0.2, 0.55]
        )
        if tone < 0.3:
            saturation *= 0.15
        self.main = _hsv(hue, saturation, value)
        self.other = _hsv(hue + rng.choice([0, 0.5, rng.random()]), rng.random(), rng.uniform(0.05, 1))
        self.dark = _hsv(rng.random(), 0.2 * rng.random(), rng.uniform(0.02, 0.3))
        self.pale = _hsv(rng.random(), 0.25 * rng.random(), rng.uniform(0.7, 1))
        self.gloss = float(rng.choice([0, rng.uniform(0.1, 0.9)]))
        self.grain = rng.uniform(0.5, 2)

    @cached_property
    def print(self) -> Plane:
        return pattern(self.rng)

    def any(self) -> Colour:
        return (self.main, self.other, self.dark, self.pale)[int(self.rng.choice(4, p=[0.4, 0.25, 0.2, 0.15]))]

    def part(self, outline: Array, tint: Colour | None = None, holes: tuple[Array, ...] = (), **how: float) -> Part:
        """A part of this stuff. `how`: `round_fraction`, `gloss`, `patterned` (chance of a pattern, 0.4)."""
        rng = self.rng
        tint = self.main if tint is None else tint
        second = None
        if rng.random() < how.get("patterned", 0.4):
            strength = rng.uniform(0.15, 1)
            second = tint * (1 - strength) + strength * (self.other if rng.random() < 0.5 else self.pale)
        return Part(
            outline, tint, holes, how.get("round_fraction", 1.0), how.get("gloss", self.gloss), second,
            self.print if second is not None else None, self.grain,
        )  # fmt: skip


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    return np.array(colorsys.hsv_to_rgb(hue % 1, min(saturation, 1), min(value, 1)))


# ------------------------------------------------------------------------------------------------ drawing


def filled(size: int, outlines: Sequence[Array], holes: Sequence[Array] = ()) -> Plane:
    """Coverage 0–1 of outlines in pixels, with their holes, size × size."""
    plane = np.zeros((size, size), np.uint8)
    for points, value in [*((o, 255) for o in outlines), *((h, 0) for h in holes)]:
        cv2.fillPoly(plane, [_fixed(points)], value, cv2.LINE_AA, _SUBPIXEL_BITS)
    return plane.astype(np.float32) / np.float32(255)


def _fixed(points: Array) -> NDArray[np.int32]:
    return np.rint(np.clip(points, -4000, 4000) * 2**_SUBPIXEL_BITS).astype(np.int32)


def fitted(parts: Sequence[Part], size: int, margin: float = 2.0) -> list[Part]:
    """Parts scaled and moved so that together they just fill size × size, aspect kept."""
    every = np.concatenate([part.outline for part in parts])
    low, high = every.min(0), every.max(0)
    scale = (size - 2 * margin) / max(float((high - low).max()), 1e-6)
    shift = size / 2 - scale * (low + high) / 2
    return [part.moved(np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])) for part in parts]


def drawn(rng: Rng, parts: Sequence[Part], size: int) -> Array:
    """Fitted parts, lit and drawn: size × size × 4 `float32`, straight alpha, 0–1."""
    angle, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.2)
    if rng.random() < 0.75:
        angle = rng.uniform(-np.pi * 0.9, -np.pi * 0.1)  # Most light comes from above.
    light = np.array([np.cos(angle), np.sin(angle), height])
    light, ambient = light / np.linalg.norm(light), rng.uniform(0.25, 0.75)
    colour, alpha = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32)
    for part in fitted(parts, size):
        low = np.maximum(np.floor(part.outline.min(0)).astype(int) - 2, 0)
        high = np.minimum(np.ceil(part.outline.max(0)).astype(int) + 3, size)
        w, h = high - low
        if min(w, h) < 2:
            continue
        frame = np.array([[1, 0, -low[0]], [0, 1, -low[1]]], float)
        cover, shaded = _lit(rng, part.moved(frame), int(max(w, h)), light, ambient)
        cover, shaded = cover[:h, :w, None], shaded[:h, :w]
        here = (slice(low[1], high[1]), slice(low[0], high[0]))
        colour[here] = colour[here] * (1 - cover) + shaded * cover
        alpha[here] = alpha[here] + (1 - alpha[here]) * cover[..., 0]
    return np.dstack([np.clip(colour / np.maximum(alpha[..., None], 1e-3), 0, 1), alpha])


def _lit(rng: Rng, part: Part, size: int, light: Array, ambient: float) -> tuple[Plane, Array]:
    cover = filled(size, [part.outline], part.holes)
    tint = np.broadcast_to(np.asarray(part.tint, np.float32), (size, size, 3))
    if part.pattern is not None and part.second is not None:
        mix = _spread(rng, part.pattern, size, part.grain)[..., None]
        tint = tint * (1 - mix) + np.asarray(part.second, np.float32) * mix
    if part.round_fraction <= 0:
        return cover, tint * np.float32(rng.uniform(0.85, 1.1))
    depth = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    reach = max(float(depth.max() * part.round_fraction), 1.0)
    height = reach * np.sqrt(np.clip(1 - (1 - np.clip(depth / reach, 0, 1)) ** 2, 0, 1))
    height = cv2.GaussianBlur(height.astype(np.float32), (0, 0), 0.6 + 0.06 * reach)
    gx, gy = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=0.125)
    lean = 1 / np.sqrt(gx**2 + gy**2 + 1)
    facing = np.clip((-gx * light[0] - gy * light[1] + light[2]) * lean, 0, 1)
    shade = (ambient + (1.25 - ambient) * facing)[..., None]
    half = (light + np.array([0, 0, 1])) / np.linalg.norm(light + np.array([0, 0, 1]))
    shine = np.clip((-gx * half[0] - gy * half[1] + half[2]) * lean, 0, 1) ** 40
    return cover, (tint * shade + part.gloss * shine[..., None]).astype(np.float32)


def _spread(rng: Rng, plane: Plane, size: int, grain: float) -> Plane:
    scale = grain * rng.uniform(0.7, 1.3) * 0.6
    shift = rng.uniform(0, plane.shape[0], 2)
    matrix = np.array([[1 / scale, 0, shift[0]], [0, 1 / scale, shift[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    spread = cv2.warpAffine(plane, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_WRAP)
    return np.asarray(spread, np.float32)


def ragged(rng: Rng, rgba: Array, reach_px: float) -> Array:
    """Fur and hair: every pixel fetched from a little way off, so outlines and colours fray."""
    size = rgba.shape[0]
    noise = [
        cv2.GaussianBlur(rng.normal(size=(size, size)).astype(np.float32), (0, 0), rng.uniform(0.6, 1.4)) for _ in "xy"
    ]
    y, x = np.mgrid[:size, :size].astype(np.float32)
    shift = [reach_px * plane / (plane.std() + 1e-6) for plane in noise]
    return cv2.remap(rgba.astype(np.float32), x + shift[0], y + shift[1], cv2.INTER_LINEAR)


def ramp(size: int, top: Colour, bottom: Colour, power: float = 1.0) -> Array:
    """A picture that goes from one colour at the top to another at the bottom."""
    t = (np.linspace(0, 1, size, dtype=np.float32) ** power)[:, None, None]
    return np.broadcast_to(top * (1 - t) + bottom * t, (size, size, 3)).astype(np.float32).copy()


def over(below: Array, cover: Plane, above: Array | Colour) -> Array:
    """A picture or a colour laid over another where `cover` (0–1) says."""
    return below + cover[..., None] * (np.asarray(above, np.float32) - below)


def textured(rng: Rng, colour: Colour, size: int, strength: float, falloff: float = 1.0, stretch: float = 1.0) -> Array:
    """A colour with 1/f^`falloff` noise in brightness, of this strength, and a little in hue."""
    noise = cloud(rng, size, falloff, stretch)[..., None] - 0.5
    tinted = 0.3 * (cloud(rng, size, 1.2)[..., None] - 0.5) * rng.normal(size=3)
    return (colour * (1 + strength * (2 * noise + tinted))).astype(np.float32)
