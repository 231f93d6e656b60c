"""Palette roles to linear light and back: OKLab tints (Ottosson 2020), and a curve that keeps the hue."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engines.base import EngineError, Pixels

Linear = NDArray[np.float32]

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_FALLBACK = {
    "primary": "#3b5bdb",
    "secondary": "#748ffc",
    "accent": "#f59f00",
    "background": "#f8f9fa",
    "surface": "#ffffff",
    "text": "#212529",
}
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


def to_linear(srgb: NDArray[np.floating]) -> NDArray[np.float64]:
    """sRGB 0–1 to linear light 0–1 (IEC 61966-2-1)."""
    srgb = np.asarray(srgb, np.float64)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: NDArray[np.floating]) -> NDArray[np.floating]:
    """Linear light 0–1 to sRGB 0–1."""
    linear = np.clip(linear, 0.0, 1.0)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def to_oklab(linear: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.cbrt(np.asarray(linear, np.float64) @ _TO_LMS.T) @ _TO_LAB.T


def from_oklab(lab: NDArray[np.floating]) -> NDArray[np.float64]:
    return (np.asarray(lab) @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_LMS).T


def hex_to_linear(text: str) -> NDArray[np.float64]:
    """`#rrggbb` as linear RGB. Raises `EngineError` for anything else."""
    digits = text.strip().lstrip("#")
    try:
        if len(digits) != 6:
            raise ValueError
        values = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    except ValueError:
        raise EngineError(f"The palette holds {text!r}, which is no colour.", "Write colours as #rrggbb.") from None
    return to_linear(np.array(values))


def role_colour(palette: Mapping[str, str], role: str, tint: float, shade: float) -> NDArray[np.float64]:
    """A role's albedo in linear RGB, lightened or darkened along its own hue, kept inside what a surface reflects."""
    base = hex_to_linear(palette.get(role) or _FALLBACK[role])
    lab = to_oklab(base)
    lightness = lab[0] + (0.985 - lab[0]) * tint
    lightness *= 1.0 - shade
    keep = (1.0 - tint) * (1.0 - shade)
    lab = np.array([lightness, lab[1] * keep, lab[2] * keep])
    return np.clip(from_oklab(lab), 0.004, 0.92)


def on_ramp(light: Linear, weight: NDArray[np.float32], base: NDArray[np.floating]) -> Linear:
    """Pull colours towards the tints and shades of `base` (linear RGB) at their own lightness, by `weight` 0–1 (H×W).

    Light alone turns the shadow on a tinted wall grey; on the ramp it sinks into the brand's colour instead.
    """
    lms = np.cbrt(np.maximum(light, 0) @ _TO_LMS.T.astype(np.float32))
    lab = lms @ _TO_LAB.T.astype(np.float32)
    full = to_oklab(base)
    weight = weight * np.float32(min(float(np.hypot(full[1], full[2])) / 0.05, 1.0))  # greys have no hue to keep
    lightness = lab[..., 0]
    room = max(0.985 - float(full[0]), 0.02)
    share = np.where(lightness > full[0], (0.985 - lightness) / room, lightness / max(float(full[0]), 0.02)).clip(0, 1)
    for i in (1, 2):
        lab[..., i] += weight * (share * np.float32(full[i]) - lab[..., i])
    return np.maximum(from_oklab(lab), 0.0).astype(np.float32)


def develop_curve(light: Linear) -> Linear:
    """Fold highlights into 0–1: the strongest channel gets a soft shoulder above 0.8, and what it had too much of
    moves the colour towards white. Below the shoulder nothing changes, so lit palette colours stay themselves."""
    knee, room = 0.8, 0.2
    peak = light.max(axis=-1, keepdims=True)
    over = np.maximum(peak - knee, 0.0)
    folded = np.where(peak > knee, knee + room * (1.0 - np.exp(-over / room)), peak)
    scaled = light * (folded / np.maximum(peak, 1e-6))
    white = np.clip((peak - 1.0) * 0.22, 0.0, 0.75)
    return (scaled + (folded - scaled) * white).astype(np.float32)


def to_pixels(linear: Linear, seed: int) -> Pixels:
    """8-bit sRGB with one level of triangular noise, so that smooth backdrops do not band."""
    noise = np.random.default_rng(seed)
    height, width = linear.shape[:2]
    spread = noise.random((height, width, 1), np.float32) - noise.random((height, width, 1), np.float32)
    return np.clip(to_srgb(linear) * 255.0 + 0.5 + 0.5 * spread, 0, 255).astype(np.uint8)
