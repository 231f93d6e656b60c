"""Screens in front of the key light: seamless transmission pictures, 1 open to 0 shut."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

EDGE = 256


def gobo_texture(kind: str, blur: float, seed: int) -> NDArray[np.float32]:
    """EDGE×EDGE `float32`, seamless in both directions. `blur` 0–1 softens it up to a twelfth of its size."""
    rng = np.random.default_rng(seed)
    painters = {"leaf": _leaves, "palm": _palm, "blinds": _blinds, "window": _window, "dapple": _dapple}
    light = painters[kind](rng)
    sigma = 0.8 + blur * EDGE / 12
    pad = int(3 * sigma) + 1
    soft = cv2.GaussianBlur(np.pad(light, pad % EDGE, mode="wrap"), (0, 0), sigma)
    pad %= EDGE
    return np.ascontiguousarray(soft[pad : pad + EDGE, pad : pad + EDGE], np.float32)


def _wrapped(canvas: NDArray[np.float32], outline: NDArray[np.floating]) -> None:
    for dx in (-EDGE, 0, EDGE):
        for dy in (-EDGE, 0, EDGE):
            points = np.round((outline + np.array([dx, dy])) * 8).astype(np.int32)
            cv2.fillPoly(canvas, [points], 0.0, cv2.LINE_AA, 3)


def _leaf(x: float, y: float, length: float, width: float, angle: float) -> NDArray[np.floating]:
    s = np.linspace(0, 1, 18)
    half = width * np.sin(np.pi * s**0.8)
    along = np.concatenate([s, s[::-1]]) * length
    across = np.concatenate([half, -half[::-1]])
    c, d = math.cos(angle), math.sin(angle)
    return np.stack([x + along * c - across * d, y + along * d + across * c], axis=1)


def _leaves(rng: np.random.Generator) -> NDArray[np.float32]:
    canvas = np.ones((EDGE, EDGE), np.float32)
    for _ in range(3):
        x, y, heading = rng.uniform(0, EDGE), rng.uniform(0, EDGE), rng.uniform(0, 2 * math.pi)
        for _ in range(7):
            for side in (-1, 1):
                angle = heading + side * rng.uniform(0.6, 1.0)
                _wrapped(canvas, _leaf(x, y, rng.uniform(38, 58), rng.uniform(8, 12), angle))
            x += 17 * math.cos(heading)
            y += 17 * math.sin(heading)
            heading += rng.uniform(-0.16, 0.16)
    return canvas


def _palm(rng: np.random.Generator) -> NDArray[np.float32]:
    canvas = np.ones((EDGE, EDGE), np.float32)
    for _ in range(2):
        x, y, heading = rng.uniform(0, EDGE), rng.uniform(0, EDGE), rng.uniform(0, 2 * math.pi)
        for i in range(16):
            reach = 70 * math.sin(math.pi * (0.18 + 0.8 * i / 16))
            for side in (-1, 1):
                _wrapped(canvas, _leaf(x, y, reach, 3.6, heading + side * (1.15 - 0.035 * i)))
            x += 9 * math.cos(heading)
            y += 9 * math.sin(heading)
            heading += 0.03
    return canvas


def _blinds(rng: np.random.Generator) -> NDArray[np.float32]:
    rows = (np.arange(EDGE) / EDGE * 8) % 1.0
    return np.repeat((rows < 0.62).astype(np.float32)[:, None], EDGE, axis=1)


def _window(rng: np.random.Generator) -> NDArray[np.float32]:
    canvas = np.zeros((EDGE, EDGE), np.float32)
    for i in range(2):
        for j in range(3):
            x, y = 42 + i * 88, 22 + j * 72
            canvas[y : y + 64, x : x + 80] = 1.0
    return canvas


def _dapple(rng: np.random.Generator) -> NDArray[np.float32]:
    canvas = np.ones((EDGE, EDGE), np.float32)
    for _ in range(46):
        centre = rng.uniform(0, EDGE, 2)
        angles = np.linspace(0, 2 * math.pi, 15)[:-1]
        radius = rng.uniform(7, 22) * rng.uniform(0.7, 1.2, 14)
        _wrapped(canvas, centre + np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius[:, None])
    return canvas
