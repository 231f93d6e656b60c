"""Palettes by role, as a designer would choose them, in OKLab; and the words for colours."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engines.stage.colour import from_oklab, hex_to_linear, to_oklab

Lab = NDArray[np.float64]
ROLES = ("background", "surface", "product", "second", "accent", "light")
SCHEMES = ("tonal", "contrast", "neutral", "pastel", "dark", "bold", "earth", "white", "duo")
GOLD, SILVER, COPPER = (0.78, 0.012, 0.105), (0.86, 0.0, 0.004), (0.7, 0.07, 0.075)

COLOURS: Mapping[str, str] = {
    "white": "#fafafa", "ivory": "#f6f0e0", "cream": "#f2e6c8", "beige": "#d9c5a3", "sand": "#c8b08a", "tan": "#b8915f",
    "taupe": "#8b7d6f", "brown": "#6b4630", "chocolate": "#43291c", "terracotta": "#c2603f", "rust": "#9c4221",
    "black": "#161616", "charcoal": "#3a3a3c", "grey": "#8a8a8a", "silver": "#c6c8ca", "slate": "#5a6877",
    "red": "#d22630", "crimson": "#a3142e", "burgundy": "#6a1a2d", "coral": "#f5735e", "salmon": "#f29b86",
    "peach": "#f9c7a3", "apricot": "#f6ae72", "orange": "#f07f1f", "amber": "#e8a317", "gold": "#cfa24a",
    "mustard": "#cc9a1f", "yellow": "#f6d433", "lemon": "#f8ec7e", "lime": "#aed43a", "olive": "#7c7c35",
    "sage": "#a8b79a", "green": "#3c9a4f", "forest green": "#1f4d34", "emerald": "#0f8a63", "mint": "#b5e6cf",
    "teal": "#157f83", "turquoise": "#3fc6c4", "sky blue": "#93cdf0", "powder blue": "#c2d9e8", "blue": "#2a67d0",
    "cobalt": "#1a45b0", "navy": "#1b2a52", "indigo": "#46379c", "violet": "#7b45c9", "purple": "#74278f",
    "lavender": "#c5b6ea", "lilac": "#d9bfe3", "plum": "#6b2e58", "magenta": "#cc2a8b", "pink": "#f2a0bd",
    "blush": "#f2d2cd", "rose": "#dd7188",
}  # fmt: skip


def _named() -> tuple[tuple[str, ...], Lab]:
    return tuple(COLOURS), np.array([to_oklab(hex_to_linear(code)) for code in COLOURS.values()])


NAMES, NAMED = _named()


def colour_word(lab: NDArray[np.floating], rng: np.random.Generator | None = None) -> str:
    """The nearest colour's name; with a generator, now and then a near rival's."""
    away = np.linalg.norm((NAMED - np.asarray(lab[:3], float)) * [0.8, 1, 1], axis=1)
    order = np.argsort(away)
    if rng is not None and away[order[1]] < 1.25 * away[order[0]] and rng.random() < 0.3:
        return NAMES[order[1]]
    return NAMES[order[0]]


def lch(lightness: float, chroma: float, hue: float) -> Lab:
    """OKLab of an OKLCH colour (hue in radians), its chroma reduced until sRGB holds it."""
    for _ in range(40):
        lab = np.array([lightness, chroma * math.cos(hue), chroma * math.sin(hue)])
        rgb = from_oklab(lab)
        if rgb.min() >= 0.002 and rgb.max() <= 0.985:
            return lab
        chroma *= 0.93
    return np.array([lightness, 0.0, 0.0])


def make_palette(rng: np.random.Generator) -> Lab:
    """6×3 OKLab, a row each of `ROLES`; the light's row is (1, 0, 0) unless it is tinted."""
    scheme = str(rng.choice(SCHEMES, p=[0.2, 0.14, 0.12, 0.12, 0.11, 0.11, 0.08, 0.05, 0.07]))
    u = rng.uniform
    hue = u(0, 2 * math.pi)
    other = hue + (math.pi + u(-0.6, 0.6) if rng.random() < 0.6 else u(0.6, 1.4) * (1 if rng.random() < 0.5 else -1))
    rows = {
        "tonal": lambda: (lch(u(0.72, 0.9), u(0.03, 0.09), hue), lch(u(0.88, 0.96), u(0.005, 0.03), hue),
                          lch(u(0.42, 0.68), u(0.1, 0.2), hue + u(-0.25, 0.25)), lch(u(0.86, 0.97), u(0, 0.04), hue)),
        "contrast": lambda: (lch(u(0.68, 0.9), u(0.04, 0.12), other), lch(u(0.85, 0.96), u(0, 0.03), other),
                             lch(u(0.45, 0.72), u(0.12, 0.24), hue), lch(u(0.84, 0.97), u(0, 0.05), hue)),
        "neutral": lambda: (lch(u(0.72, 0.95), u(0, 0.015), hue), lch(u(0.8, 0.97), u(0, 0.01), hue),
                            lch(u(0.35, 0.75), u(0.08, 0.22), hue), lch(u(0.9, 0.97), 0.005, hue)),
        "pastel": lambda: (lch(u(0.84, 0.93), u(0.03, 0.08), hue), lch(u(0.86, 0.96), u(0.02, 0.06), other),
                           lch(u(0.72, 0.86), u(0.06, 0.13), other), lch(u(0.88, 0.96), u(0.01, 0.06), hue)),
        "dark": lambda: (lch(u(0.16, 0.38), u(0, 0.09), hue), lch(u(0.2, 0.5), u(0, 0.07), hue),
                         lch(u(0.18, 0.75), u(0.02, 0.17), other if rng.random() < 0.6 else hue),
                         lch(u(0.3, 0.95), u(0, 0.06), hue)),
        "bold": lambda: (lch(u(0.5, 0.76), u(0.12, 0.24), hue), lch(u(0.5, 0.95), u(0.02, 0.2), hue + u(-0.5, 0.5)),
                         lch(u(0.4, 0.88), u(0.08, 0.24), other), lch(u(0.75, 0.97), u(0, 0.15), other)),
        "earth": lambda: (lch(u(0.6, 0.86), u(0.03, 0.08), u(0.6, 1.6)), lch(u(0.6, 0.9), u(0.02, 0.07), u(0.7, 1.5)),
                          lch(u(0.32, 0.62), u(0.05, 0.13), u(0.5, 2.3)),
                          lch(u(0.8, 0.95), u(0.01, 0.05), u(0.9, 1.6))),
        "white": lambda: (lch(u(0.92, 0.975), u(0, 0.008), hue), lch(u(0.93, 0.98), 0.003, hue),
                          lch(u(0.2, 0.97), u(0, 0.2), hue), lch(u(0.4, 0.97), u(0, 0.1), other)),
        "duo": lambda: (lch(u(0.7, 0.88), u(0.05, 0.12), hue), lch(u(0.7, 0.88), u(0.05, 0.12), other),
                        lch(u(0.4, 0.7), u(0.1, 0.2), other), lch(u(0.4, 0.95), u(0.02, 0.18), hue)),
    }[scheme]()  # fmt: skip
    background, surface, product, second = rows
    if np.linalg.norm(product - background) < 0.11:
        product = lch(float(np.clip(product[0] + (-0.25 if background[0] > 0.55 else 0.3), 0.15, 0.96)),
                      float(np.hypot(product[1], product[2])), math.atan2(product[2], product[1]))  # fmt: skip
    accent = np.array([GOLD, GOLD, SILVER, COPPER][int(rng.integers(4))], float)
    if rng.random() < 0.5:
        accent = lch(u(0.45, 0.85), u(0.08, 0.22), float(rng.choice([other, hue, u(0, 2 * math.pi)])))
    return np.stack([background, surface, product, second, accent, _light(rng)])


def _light(rng: np.random.Generator) -> Lab:
    """Mostly white; else warm, cool or a coloured gel, at lightness 1 (only its hue counts)."""
    kind = rng.random()
    if kind < 0.6:
        return np.array([1.0, 0.0, 0.0])
    hue = {0: 1.2, 1: 4.4}.get(int(rng.integers(2)), 0.0) + rng.uniform(-0.25, 0.25)
    chroma = rng.uniform(0.02, 0.06)
    if kind > 0.93:
        hue, chroma = rng.uniform(0, 2 * math.pi), rng.uniform(0.06, 0.12)
    return np.array([1.0, chroma * math.cos(hue), chroma * math.sin(hue)])
