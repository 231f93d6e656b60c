"""Colour arithmetic on hex strings and arrays. Pure; arrays are float64 with a last axis of 3.

Sources: sRGB and linear light IEC 61966-2-1; OKLab Björn Ottosson 2020; CIELAB and D65 CIE 15; CIEDE2000 Sharma, Wu,
Dalal 2005 (ISO/CIE 11664-6); relative luminance and contrast ratio WCAG 2.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from studio.errors import BadInput

Array = NDArray[np.float64]

_XYZ = np.array(
    [
        [0.4123907993, 0.3575843394, 0.1804807884],
        [0.2126390059, 0.7151686788, 0.0721923154],
        [0.0193308187, 0.1191947798, 0.9505321522],
    ]
)
_WHITE = _XYZ.sum(axis=1)
_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_INVERSE = np.linalg.inv(_LMS)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_LAB_INVERSE = np.linalg.inv(_LAB)


def rgb_of(hex_color: str) -> tuple[int, int, int]:
    """`#rrggbb` as 0–255."""
    return int(hex_color[1:3], 16), int(hex_color[3:5], 16), int(hex_color[5:7], 16)


def hex_of(rgb: ArrayLike) -> str:
    """0–255, rounded and clipped, as `#rrggbb`."""
    red, green, blue = np.clip(np.rint(np.asarray(rgb, float)), 0, 255).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


def css_hex(text: str) -> str:
    """Any opaque CSS colour (`#abc`, `rgb(…)`, `oklch(…)`, `teal`) as `#rrggbb`. Raises `BadInput`."""
    from coloraide import Color

    try:
        found = Color(text.strip())
    except ValueError as error:
        raise BadInput(f"{text[:40]!r} is no colour", "Expected e.g. #f4efe6") from error
    if found.alpha() < 1:
        raise BadInput(f"{text[:40]!r} is not opaque", "Expected e.g. #f4efe6")
    return found.convert("srgb").fit().to_string(hex=True)


def linear(srgb: ArrayLike) -> Array:
    """sRGB 0–1 to linear light 0–1."""
    value = np.asarray(srgb, float)
    return np.where(value <= 0.04045, value / 12.92, ((np.maximum(value, 0.0) + 0.055) / 1.055) ** 2.4)


def encoded(light: ArrayLike) -> Array:
    """Linear light 0–1 to sRGB 0–1, clipped."""
    value = np.clip(np.asarray(light, float), 0.0, 1.0)
    return np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1 / 2.4) - 0.055)


def oklab(srgb8: ArrayLike) -> Array:
    """sRGB 0–255 to OKLab (L 0–1)."""
    light = linear(np.asarray(srgb8, float) / 255.0)
    return np.cbrt(light @ _LMS.T) @ _LAB.T


def from_oklab(lab: ArrayLike) -> Array:
    """OKLab to sRGB 0–255, clipped to the gamut, not rounded."""
    lms = (np.asarray(lab, float) @ _LAB_INVERSE.T) ** 3
    return encoded(lms @ _LMS_INVERSE.T) * 255.0


def cielab(srgb8: ArrayLike) -> Array:
    """sRGB 0–255 to CIELAB under D65 (L 0–100)."""
    xyz = linear(np.asarray(srgb8, float) / 255.0) @ _XYZ.T / _WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def delta_e00(lab_a: ArrayLike, lab_b: ArrayLike) -> Array:
    """CIEDE2000 between CIELAB colours, broadcast over leading axes."""
    a, b = np.asarray(lab_a, float), np.asarray(lab_b, float)
    l1, l2 = a[..., 0], b[..., 0]
    c_mean = (np.hypot(a[..., 1], a[..., 2]) + np.hypot(b[..., 1], b[..., 2])) / 2
    g = 0.5 * (1 - np.sqrt(c_mean**7 / (c_mean**7 + 25.0**7)))
    a1, a2 = (1 + g) * a[..., 1], (1 + g) * b[..., 1]
    c1, c2 = np.hypot(a1, a[..., 2]), np.hypot(a2, b[..., 2])
    h1 = np.degrees(np.arctan2(a[..., 2], a1)) % 360
    h2 = np.degrees(np.arctan2(b[..., 2], a2)) % 360
    chromatic = c1 * c2 > 0
    dh = np.where(chromatic, (h2 - h1 + 180) % 360 - 180, 0.0)
    # A difference of exactly 180° keeps its sign in the published pairs.
    dh = np.where((dh == -180.0) & (h2 > h1), 180.0, dh)
    h_mean = np.where(
        chromatic,
        np.where(
            np.abs(h1 - h2) <= 180,
            (h1 + h2) / 2,
            np.where(h1 + h2 < 360, (h1 + h2 + 360) / 2, (h1 + h2 - 360) / 2),
        ),
        h1 + h2,
    )
    dl, dc = l2 - l1, c2 - c1
    d_big_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(dh) / 2)
    l_mean, c_bar = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * np.cos(np.radians(h_mean - 30))
        + 0.24 * np.cos(np.radians(2 * h_mean))
        + 0.32 * np.cos(np.radians(3 * h_mean + 6))
        - 0.20 * np.cos(np.radians(4 * h_mean - 63))
    )
    s_l = 1 + 0.015 * (l_mean - 50) ** 2 / np.sqrt(20 + (l_mean - 50) ** 2)
    s_c, s_h = 1 + 0.045 * c_bar, 1 + 0.015 * c_bar * t
    r_c = 2 * np.sqrt(c_bar**7 / (c_bar**7 + 25.0**7))
    r_t = -np.sin(np.radians(60 * np.exp(-(((h_mean - 275) / 25) ** 2)))) * r_c
    return np.sqrt((dl / s_l) ** 2 + (dc / s_c) ** 2 + (d_big_h / s_h) ** 2 + r_t * (dc / s_c) * (d_big_h / s_h))


def delta_e00_hex(hex_a: str, hex_b: str) -> float:
    """CIEDE2000 between two hex colours."""
    return float(delta_e00(cielab(rgb_of(hex_a)), cielab(rgb_of(hex_b))))


def luminance(srgb8: ArrayLike) -> Array:
    """WCAG relative luminance, 0–1, of sRGB 0–255."""
    return linear(np.asarray(srgb8, float) / 255.0) @ np.array([0.2126, 0.7152, 0.0722])


def contrast(srgb8_a: ArrayLike, srgb8_b: ArrayLike) -> Array:
    """WCAG contrast ratio, 1–21, broadcast over leading axes."""
    a, b = luminance(srgb8_a), luminance(srgb8_b)
    return (np.maximum(a, b) + 0.05) / (np.minimum(a, b) + 0.05)


def contrast_hex(hex_a: str, hex_b: str) -> float:
    return float(contrast(rgb_of(hex_a), rgb_of(hex_b)))


def mix(hex_a: str, hex_b: str, share_of_b: float) -> str:
    """A straight line in OKLab from `hex_a` (0) to `hex_b` (1)."""
    a, b = oklab(rgb_of(hex_a)), oklab(rgb_of(hex_b))
    return hex_of(from_oklab(a + (b - a) * share_of_b))
