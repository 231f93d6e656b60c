"""What is really on an ad: ink found in decoded pixels, compared with what was meant to be there. Pure.

`ground` is the ad without words and logo, `meant` the whole ad as planned, `seen` the decoded file; all H×W×3 `uint8`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import skia
from numpy.typing import NDArray

from studio.ad.layout import TextPlace
from studio.ad.typeset import set_text
from studio.brand.fonts import FontSet
from studio.geometry import Rect

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def cut(pixels: Pixels, rect: Rect) -> Pixels:
    """The part of `pixels` under `rect`, on whole pixels, clipped to the sheet."""
    left, top, right, bottom = rect.rounded()
    return pixels[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]


def difference(a: Pixels, b: Pixels) -> NDArray[np.uint8]:
    """The largest channel difference at each pixel, H×W."""
    return cv2.absdiff(a, b).max(axis=2)


@dataclass(frozen=True, eq=False)
class Ink:
    """Where something was drawn in a window: `meant` and `seen` masks on the window's pixels, and its place."""

    window: Rect
    meant: Mask
    seen: Mask
    seen_pixels: Pixels
    meant_pixels: Pixels
    ground_pixels: Pixels


def find_ink(ground: Pixels, meant: Pixels, seen: Pixels, window: Rect, floor: int = 22) -> Ink:
    """Ink is what differs from the ground by more than compression does: a third of the meant ink's own difference."""
    g, m, s = cut(ground, window), cut(meant, window), cut(seen, window)
    expected = difference(m, g)
    strong = expected[expected > floor]
    threshold = max(floor, 0.36 * float(np.percentile(strong, 80))) if strong.size else floor
    return Ink(window, expected > threshold, difference(s, g) > threshold, s, m, g)


def extent(mask: Mask) -> Rect | None:
    """The box around a mask, ignoring specks: rows and columns with fewer than two pixels do not count."""
    columns, rows = np.flatnonzero(mask.sum(axis=0) >= 2), np.flatnonzero(mask.sum(axis=1) >= 2)
    if not len(columns) or not len(rows):
        return None
    return Rect(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def agreement(meant: Mask, seen: Mask) -> float:
    """Intersection over union, forgiving one pixel of edge blur."""
    kernel = np.ones((3, 3), np.uint8)
    wide_meant = cv2.dilate(meant.astype(np.uint8), kernel) > 0
    wide_seen = cv2.dilate(seen.astype(np.uint8), kernel) > 0
    hit = (meant & wide_seen).sum() + (seen & wide_meant).sum()
    return float(hit / max(meant.sum() + seen.sum(), 1))


def coverage(ink: Ink) -> NDArray[np.float64]:
    """How much of the meant ink each pixel shows: 1 all, 0 none. H×W, meaningful where `ink.meant`."""
    ground = ink.ground_pixels.astype(np.float64)
    wanted = ink.meant_pixels.astype(np.float64) - ground
    got = ink.seen_pixels.astype(np.float64) - ground
    return np.clip((wanted * got).sum(axis=2) / np.maximum((wanted**2).sum(axis=2), 1.0), -0.5, 1.5)


def core(mask: Mask) -> Mask:
    """The inside of strokes, away from blurred edges; the mask itself when strokes are too thin to have one."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return inner if inner.sum() >= 24 else mask


def ring(mask: Mask, near_px: int = 2, far_px: int = 5) -> Mask:
    """Pixels around a mask, `near_px` to `far_px` away."""
    byte = mask.astype(np.uint8)
    far = cv2.dilate(byte, np.ones((2 * far_px + 1, 2 * far_px + 1), np.uint8))
    near = cv2.dilate(byte, np.ones((2 * near_px + 1, 2 * near_px + 1), np.uint8))
    return (far > 0) & (near == 0)


def word_map(place: TextPlace, fonts: FontSet, window: Rect) -> NDArray[np.int32]:
    """For each pixel of `window`, the 1-based index of the word drawn there, else 0."""
    left, top, right, bottom = window.rounded()
    left, top = max(left, 0), max(top, 0)
    width, height = max(right - left, 1), max(bottom - top, 1)
    buffer = np.zeros((height, width, 4), np.uint8)
    canvas = skia.Canvas(buffer, skia.kRGBA_8888_ColorType)
    block = set_text(place.block.text, place.block.style, place.block.width_px, fonts, word_colors=True)
    block.paint(canvas, place.rect.left - left, place.rect.top - top)
    alpha = buffer[..., 3].astype(np.float64)
    # Premultiplied: undo it before reading the index, and trust only pixels that are mostly one word's.
    low = np.rint(buffer[..., 0] * 255 / np.maximum(alpha, 1)).astype(np.int32)
    high = np.rint(buffer[..., 1] * 255 / np.maximum(alpha, 1)).astype(np.int32)
    index = low + (high << 8)
    count = len(place.block.text.split(" "))
    return np.where((alpha > 160) & (index >= 1) & (index <= count), index, 0)


def covered(size: tuple[int, int], rects: list[Rect]) -> Mask:
    """A width×height sheet's pixels that lie under any of `rects`."""
    mask = np.zeros((size[1], size[0]), bool)
    for rect in rects:
        left, top, right, bottom = rect.rounded()
        mask[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
    return mask
