"""The colours of a picture: what a mark is drawn in, what photos have in common. Pure.

Pictures are H×W×4 uint8, straight alpha, sRGB. Colour distances are Euclidean in OKLab, where 0.02 is about one just
noticeable difference.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from studio.brand.art.flats import CELL, LEAST_SHARE, apart_in_oklab, distinct, flat_colours, without_blends
from studio.color import contrast, from_oklab, hex_of, oklab, rgb_of

Rgba = NDArray[np.uint8]
Array = NDArray[np.float64]
Ground = Literal["light", "dark", "any"]

MOST_COLOURS = 6
NEUTRAL_CHROMA = 0.035
"""Below this OKLab chroma a colour reads as white, grey or black."""
_MEASURED_PX = 500_000
_PHOTO_PX = 160
# Neighbours this close, in 8-bit steps, belong to one flat area or a slow gradient; edges jump further.
_FLAT_STEP = 8
# 3:1 is what WCAG 2.2 (1.4.11) asks of signs; a shape of a strong colour is told from white or black well below.
_SEEN_GREY, _SEEN_COLOURFUL = 3.0, 2.0


def chroma_of(hex_color: str) -> float:
    """OKLab chroma: 0 for greys, about 0.3 for the strongest colours of a screen."""
    _, a, b = oklab(rgb_of(hex_color))
    return float(np.hypot(a, b))


def lightness_of(hex_color: str) -> float:
    """OKLab lightness, 0–1."""
    return float(oklab(rgb_of(hex_color))[0])


def is_neutral(hex_color: str) -> bool:
    """Whether the colour reads as white, grey or black."""
    return chroma_of(hex_color) < NEUTRAL_CHROMA


def plain_border(rgba: Rgba) -> tuple[int, int, int] | None:
    """The one colour (sRGB 0–255) that an opaque picture's rim has; `None` for transparent or mixed rims.

    The ink may touch the rim: seven tenths of it have to be of one colour.
    """
    rim = np.concatenate([rgba[0], rgba[-1], rgba[1:-1, 0], rgba[1:-1, -1]])
    if (rim[:, 3] < 250).mean() > 0.02:
        return None
    colours = rim[:, :3].astype(np.int32)
    keys = (colours + 8 >> 4) @ np.array([1, 32, 1024])
    names, counts = np.unique(keys, return_counts=True)
    middle = np.median(colours[keys == names[counts.argmax()]], axis=0)
    near = np.abs(colours - middle).max(axis=1) <= 14
    if near.mean() < 0.7:
        return None
    red, green, blue = np.median(colours[near], axis=0).round().astype(int)
    return int(red), int(green), int(blue)


# ------------------------------------------------------------------------------------------------------- marks


def colours_of_mark(rgba: Rgba) -> tuple[tuple[str, float], ...]:
    """The colours a logo is drawn in and the share of its ink (0–1) of each; at most six, the most telling first.

    Blends of anti-aliased edges and compression noise are no colours of their own; a gradient counts as its ends. A
    white, black or grey rim of an opaque picture is taken for its ground and left out; a colourful one is part of the
    mark. Neutral colours need five times the share to come before a colourful one. Empty where nothing is drawn.
    """
    small = _thinned(rgba)
    ink = _ink(small)
    if not ink.any():
        return ()
    flat = ink & _flat(small)
    # Hairlines and icons of a few pixels have no flat areas: then every pixel speaks.
    fine = flat.sum() < max(12, 0.04 * ink.sum())
    pixels = small[ink if fine else flat][:, :3]
    found = distinct(flat_colours(pixels))
    rim = plain_border(small)
    if fine and rim is not None:
        found = without_blends(found, np.array(rim, float))
    if not found:
        return ()
    lab, centres = oklab(pixels), oklab(np.array(found))
    nearest = ((lab[:, None, :] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    shares = np.bincount(nearest, minlength=len(found)) / len(pixels)
    rated = [(hex_of(colour), float(share)) for colour, share in zip(found, shares, strict=True) if share > 0]
    rated = [one for one in rated if one[1] >= LEAST_SHARE] or rated[:1]
    return tuple(sorted(rated, key=lambda one: (-one[1] * (0.2 if is_neutral(one[0]) else 1.0), one[0]))[:MOST_COLOURS])


def ground_of_mark(rgba: Rgba) -> Ground:
    """Which backgrounds a mark is made for, by how much of its outline can be told from white and from black.

    An opaque picture answers with its own plain rim: a white one is made for light pages; a colourful one brings its
    ground along.
    """
    rim = plain_border(rgba)
    if rim is not None:
        lightness = lightness_of(hex_of(rim))
        if not is_neutral(hex_of(rim)):
            return "any"
        return "light" if lightness > 0.85 else "dark" if lightness < 0.35 else "any"
    small = _thinned(rgba)
    solid = np.pad(small[..., 3] >= 128, 1)
    if not solid.any() or solid[1:-1, 1:-1].all():
        return "any"
    # What lies within the shape is carried by the rest; its outline meets the page.
    deep = np.asarray(cv2.distanceTransform(solid.astype(np.uint8), cv2.DIST_L2, 3))[1:-1, 1:-1]
    ink = small[(deep > 0) & (deep <= max(2.0, 0.015 * max(small.shape[:2])))]
    lab = oklab(ink[:, :3])
    seen = np.where(np.hypot(lab[:, 1], lab[:, 2]) < NEUTRAL_CHROMA, _SEEN_GREY, _SEEN_COLOURFUL)
    lost_on_white = float((contrast(ink[:, :3], (255, 255, 255)) < seen).mean())
    lost_on_black = float((contrast(ink[:, :3], (0, 0, 0)) < seen).mean())
    if max(lost_on_white, lost_on_black) <= 0.1:
        return "any"
    # Black beside white: neither ground suits it, and neither is worse.
    if min(lost_on_white, lost_on_black) > 0.5 * max(lost_on_white, lost_on_black):
        return "any"
    return "light" if lost_on_white < lost_on_black else "dark"


def _thinned(rgba: Rgba) -> Rgba:
    """Fewer pixels, each as it was: averaging would make up colours."""
    step = int(np.ceil(np.sqrt(rgba.shape[0] * rgba.shape[1] / _MEASURED_PX)))
    return rgba[::step, ::step] if step > 1 else rgba


def _ink(rgba: Rgba) -> NDArray[np.bool_]:
    ink = rgba[..., 3] >= 64
    rim = plain_border(rgba)
    if rim is not None and is_neutral(hex_of(rim)):
        ink &= np.abs(rgba[..., :3].astype(np.int16) - np.array(rim, np.int16)).max(axis=2) > 24
    return ink


def _flat(rgba: Rgba) -> NDArray[np.bool_]:
    """Pixels whose four neighbours look the same: neither edge nor blend."""
    values = rgba.astype(np.int16)
    flat = np.ones(rgba.shape[:2], bool)
    down = np.abs(values[1:] - values[:-1]).max(axis=2) <= _FLAT_STEP
    across = np.abs(values[:, 1:] - values[:, :-1]).max(axis=2) <= _FLAT_STEP
    flat[1:] &= down
    flat[:-1] &= down
    flat[:, 1:] &= across
    flat[:, :-1] &= across
    return flat


# ------------------------------------------------------------------------------------------------------ photos


def colours_of_photos(photos: Iterable[Rgba]) -> tuple[tuple[str, float], ...]:
    """The palette photos have in common, with the share (0–1) of their pixels nearest to each; at most six.

    Most telling first: share counts, but so do chroma and standing out, so that a small strong accent is found. Every
    photo counts the same. Transparent pixels do not count.
    """
    labs, weights, shares = [], [], []
    for photo in photos:
        small = reduced(photo)
        lab = oklab(small[small[..., 3] >= 250][:, :3])
        if len(lab):
            labs.append(lab)
            shares.append(np.full(len(lab), 1.0 / len(lab)))
            weights.append(_pull(lab) / len(lab))
    if not labs:
        return ()
    lab, weight, share = np.concatenate(labs), np.concatenate(weights), np.concatenate(shares)
    cells = np.floor(lab / CELL).astype(np.int64)
    _, inverse = np.unique(cells, axis=0, return_inverse=True)
    inverse = inverse.ravel()
    mass = np.bincount(inverse, weight).astype(float)
    area = np.bincount(inverse, share).astype(float) / len(labs)
    points = np.stack([np.bincount(inverse, weight * lab[:, i]) for i in range(3)], axis=1) / mass[:, None]
    return _ranked(*_clusters(points, mass, area))


def reduced(photo: Rgba) -> Rgba:
    """The photo at most 160 px on its long side: all that its palette and look are measured on."""
    height, width = photo.shape[:2]
    scale = min(1.0, _PHOTO_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Every n-th pixel first: averaging twelve megapixels takes longer than all the rest.
    step = max(1, int(1 / scale / 4))
    small = cv2.resize(np.ascontiguousarray(photo[::step, ::step]), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8).reshape(size[1], size[0], 4)


def _pull(lab: Array) -> Array:
    """How much each pixel draws the eye: by chroma, and by distance from the photo's mean colour."""
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    apart = np.linalg.norm((lab - lab.mean(axis=0)) * np.array([0.5, 1.0, 1.0]), axis=1)
    return 1.0 + 12.0 * chroma + 8.0 * apart


def _clusters(points: Array, mass: Array, area: Array) -> tuple[Array, Array, Array]:
    """k-means of weighted points, started at the heaviest and then at what lies heavy and far; no chance in it.

    Returns the fullest cell of each cluster (N×3, OKLab), its mass and its area.
    """
    # Hue tells accents apart, lightness mostly tells light from shade.
    scale = np.array([0.6, 1.4, 1.4])
    space = points * scale
    chosen = [int(mass.argmax())]
    apart = ((space - space[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < min(14, len(points)) and float(apart.max()) > 0.05**2:
        chosen.append(int((np.sqrt(mass) * apart).argmax()))
        apart = np.minimum(apart, ((space - space[chosen[-1]]) ** 2).sum(axis=1))
    centres = space[chosen]
    part = np.zeros(len(space), np.int64)
    for _ in range(12):
        part = ((space[:, None, :] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
        total = np.bincount(part, mass, minlength=len(centres))
        sums = np.stack([np.bincount(part, mass * space[:, i], minlength=len(centres)) for i in range(3)], axis=1)
        centres = np.where(total[:, None] > 0, sums / np.maximum(total, 1e-12)[:, None], centres)
    used = np.flatnonzero(np.bincount(part, minlength=len(centres)))
    full = [np.flatnonzero(part == index)[int(mass[part == index].argmax())] for index in used]
    totals, areas = (np.bincount(part, of, minlength=len(centres))[used].astype(float) for of in (mass, area))
    return points[full], totals, areas


def _ranked(lab: Array, mass: Array, area: Array) -> tuple[tuple[str, float], ...]:
    rgb = from_oklab(lab)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    # The root keeps a large dull wall from pushing every accent out.
    score = np.sqrt(mass) * (0.05 + chroma)
    kept: list[int] = []
    added = area.copy()
    for index in np.argsort(-score, kind="stable"):
        apart = [apart_in_oklab(lab[index], lab[other]) for other in kept]
        if apart and min(apart) < 0.09:
            added[kept[int(np.argmin(apart))]] += area[index]
        elif area[index] >= 0.0008:
            kept.append(int(index))
    return tuple((hex_of(rgb[index]), float(min(1.0, added[index]))) for index in kept[:MOST_COLOURS])


def look_of_photos(photos: Iterable[Rgba]) -> tuple[str, ...]:
    """Plain words for how photos look, measured and taken at the median; only what stands out is said.

    In this order: bright or dark, warm or cool, muted, vivid or black and white, high or low contrast, plain or busy
    background.
    """
    measured = [one for one in map(_measured, photos) if one is not None]
    if not measured:
        return ()
    light, warmth, chroma, span, rim = np.median(np.array(measured), axis=0)
    words: list[str] = []
    if light > 0.74 or light < 0.45:
        words.append("bright" if light > 0.74 else "dark")
    if chroma >= 0.012 and abs(warmth) > 0.015:
        words.append("warm" if warmth > 0 else "cool")
    if chroma < 0.05 or chroma > 0.1:
        words.append("black and white" if chroma < 0.012 else "muted" if chroma < 0.05 else "vivid")
    if span > 0.7 or span < 0.4:
        words.append("high contrast" if span > 0.7 else "low contrast")
    if rim < 0.008 or rim > 0.055:
        words.append("plain background" if rim < 0.008 else "busy background")
    return tuple(words)


def _measured(photo: Rgba) -> tuple[float, float, float, float, float] | None:
    """Median lightness, mean yellow-blue plus half red-green, mean chroma, the span of lightness from the 5th to the
    95th percentile, and the median step of lightness from pixel to pixel along the rim (outer eighth)."""
    small = reduced(photo)
    seen = small[..., 3] >= 250
    if seen.sum() < 16:
        return None
    lab = oklab(small[..., :3])
    part = lab[seen]
    low, middle, high = np.percentile(part[:, 0], [5, 50, 95])
    warmth = float(part[:, 2].mean() + 0.5 * part[:, 1].mean())
    chroma = float(np.hypot(part[:, 1], part[:, 2]).mean())
    height, width = seen.shape
    rim = np.ones_like(seen)
    band = max(1, min(height, width) // 8)
    rim[band : max(band, height - band), band : max(band, width - band)] = False
    step = np.zeros(seen.shape)
    step[:-1] += np.abs(np.diff(lab[..., 0], axis=0))
    step[:, :-1] += np.abs(np.diff(lab[..., 0], axis=1))
    step *= np.minimum(1.0, 1.5 * lab[..., 0])  # grain near black is not seen
    # A cut-out has no background to speak of.
    busy = float(step[rim & seen].mean()) if (rim & seen).sum() > 0.5 * rim.sum() else 0.03
    return float(middle), warmth, chroma, float(high - low), busy
