"""A logo file from outside as a mark ready for a kit: SVG cleaned; pixels freed from a plain ground and trimmed."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Literal

import cv2
import numpy as np
import skia
from numpy.typing import NDArray

from studio.brand.art.palette import Rgba, colours_of_mark, ground_of_mark, is_neutral, lightness_of, plain_border
from studio.brand.site.proposals import Mark
from studio.brand.svg import CleanSvg, clean_svg
from studio.color import hex_of, rgb_of
from studio.errors import BadInput
from studio.pixels import decode_picture, encode_png

MAX_MARK_PX = 40_000_000
_KEPT_PX = 4_000_000
_DRAWN_PX = 1024
_INK_ALPHA = 8
On = Literal["light", "dark", "any"]


def mark_from(data: bytes, file: str, *, source: str, confidence: float) -> tuple[Mark, Rgba]:
    """The mark in `data`, and its pixels (trimmed, straight alpha) to measure. Raises `BadInput`.

    `file` is its name with or without folders; the ending follows what is kept. Pixel logos on a plain white, grey or
    black ground lose the ground; a colourful ground is part of the mark. Pictures above 4 megapixels are scaled down.
    """
    if file.lower().endswith(".svg") or b"<svg" in data[:4096]:
        return _from_svg(clean_svg(data, file), file, source, confidence)
    pixels = _within(decode_picture(data, file, max_px=MAX_MARK_PX))
    if (pixels[..., 3] < _INK_ALPHA).all():
        raise BadInput(f"{file} draws nothing", "Expected a logo with visible shapes; open the file and check it")
    notes: list[str] = []
    on: On | None = None
    rim = plain_border(pixels)
    if rim is not None and is_neutral(hex_of(rim)):
        noisy = data[:2] == b"\xff\xd8" or data[8:12] == b"WEBP"
        pixels, on = _freed(pixels, rim, noisy, file, notes)
    elif rim is not None:
        notes.append(f"{file} stands on its own colour {hex_of(rim)}, which is kept as part of the mark")
    elif (pixels[..., 3] == 255).all():
        notes.append(f"{file} fills its whole box and has no transparency: it will show as a box")
    if _looks_like_photo(pixels):
        notes.append(f"{file} looks like a photo rather than a logo")
        confidence = min(confidence, 0.2)
    pixels = _trimmed(pixels)
    height, width = pixels.shape[:2]
    if max(width, height) < 128:
        notes.append(f"{file} is only {width}×{height} px: too small for print and large ads; look for an SVG")
    mark = Mark(
        file=_named(file, ".png"),
        on=on or ground_of_mark(pixels),
        source=source,
        confidence=confidence,
        data=encode_png(pixels),
        width_px=width,
        height_px=height,
        notes=tuple(notes),
        inks=colours_of_mark(pixels),
    )
    return mark, pixels


def _named(file: str, ending: str) -> str:
    stem = PurePosixPath(file.replace("\\", "/").split("?")[0]).stem
    return (re.sub(r"[^\w.-]+", "-", stem).strip("-. ")[:80] or "logo") + ending


def _within(pixels: Rgba) -> Rgba:
    height, width = pixels.shape[:2]
    scale = (_KEPT_PX / (height * width)) ** 0.5
    if scale >= 1.0:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Premultiplied, or the hidden colour of empty pixels would bleed into the edges.
    alpha = pixels[..., 3:].astype(np.float32) / 255
    ready = np.concatenate([pixels[..., :3] * alpha, alpha], axis=2, dtype=np.float32)
    small = cv2.resize(ready, size, interpolation=cv2.INTER_AREA)
    colour = small[..., :3] / np.maximum(small[..., 3:], 1e-6)
    return np.clip(np.rint(np.concatenate([colour, small[..., 3:] * 255], axis=2)), 0, 255).astype(np.uint8)


def _trimmed(pixels: Rgba) -> Rgba:
    ink = pixels[..., 3] >= _INK_ALPHA
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return np.ascontiguousarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _looks_like_photo(pixels: Rgba) -> bool:
    """Whether no few colours, nor the gradients between them, account for what is drawn."""
    ink = pixels[pixels[..., 3] >= 250][:, :3]
    if len(ink) < 4000:
        return False
    bins = np.unique((ink[:: max(1, len(ink) // 100_000)] >> 3).astype(np.int64) @ np.array([1024, 32, 1]))
    return len(bins) > 1500


# -------------------------------------------------------------------------------------------------------- SVG


def _from_svg(svg: CleanSvg, file: str, source: str, confidence: float) -> tuple[Mark, Rgba]:
    pixels = drawn(svg, file)
    notes = list(svg.notes)
    rim = plain_border(pixels)
    if rim is not None:
        notes.append(f"{file} draws its own ground {hex_of(rim)}; ask for the logo without it")
    mark = Mark(
        file=_named(file, ".svg"),
        on=ground_of_mark(pixels),
        source=source,
        confidence=confidence,
        data=svg.data,
        width_px=max(1, round(svg.width)),
        height_px=max(1, round(svg.height)),
        notes=tuple(notes),
        inks=colours_of_mark(pixels),
    )
    return mark, _trimmed(pixels)


def drawn(svg: CleanSvg, file: str) -> Rgba:
    """The SVG's whole view box, 1024 px on its long side, straight alpha. Raises `BadInput` if it draws nothing."""
    dom = skia.SVGDOM.MakeFromStream(skia.MemoryStream.MakeCopy(svg.data))
    if dom is None:
        raise BadInput(f"{file} cannot be drawn", "Export it again, or save it as PNG")
    scale = _DRAWN_PX / max(svg.width, svg.height)
    width, height = max(1, round(svg.width * scale)), max(1, round(svg.height * scale))
    info = skia.ImageInfo.Make(
        width, height, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType, skia.ColorSpace.MakeSRGB()
    )
    surface = skia.Surface.MakeRaster(info)
    canvas = surface.getCanvas()
    canvas.scale(scale, scale)
    canvas.clipRect(skia.Rect.MakeWH(svg.width, svg.height))
    dom.render(canvas)
    out = np.zeros((height, width, 4), np.uint8)
    surface.makeImageSnapshot().readPixels(info.makeAlphaType(skia.kUnpremul_AlphaType), out, width * 4)
    if (out[..., 3] < _INK_ALPHA).all():
        raise BadInput(f"{file} draws nothing", "Expected a logo with visible shapes; open the file and check it")
    return out


# ----------------------------------------------------------------------------------------------------- pixels


def _freed(pixels: Rgba, rim: tuple[int, int, int], noisy: bool, file: str, notes: list[str]) -> tuple[Rgba, On | None]:
    """Without its plain ground, and where the mark may stand if that is certain."""
    # Compression leaves a halo around every edge, several pixels wide and up to a tenth of the range.
    tolerance = 26.0 if noisy else 10.0
    apart = np.abs(pixels[..., :3].astype(np.float32) - np.array(rim, np.float32)).max(axis=2)
    ground = apart <= tolerance
    if ground.all():
        raise BadInput(f"{file} is one plain colour", "Expected a logo with visible shapes; open the file and check it")
    inks = np.array([rgb_of(hex_) for hex_, _ in colours_of_mark(pixels)], np.float32).reshape(-1, 3)
    freed = unmixed(pixels, rim, ground, inks, 0.08 if noisy else 0.0)
    light = lightness_of(hex_of(rim)) > 0.6
    notes.append(f"{file}: the plain {hex_of(rim)} ground was taken away; check the edges on a dark and a light page")
    outside = _outside(ground)
    enclosed = float((ground & ~outside).sum()) / max(1.0, float((~ground).sum()))
    if enclosed > 0.08:
        notes.append(f"{file}: parts inside the mark had the ground's colour and are see-through now")
        return freed, "light" if light else "dark"
    return freed, None


def _outside(ground: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The part of the ground that reaches the rim."""
    labels = np.asarray(cv2.connectedComponents(ground.astype(np.uint8), connectivity=4)[1], np.int64)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    reached = np.zeros(int(labels.max()) + 1, bool)
    reached[rim] = True
    reached[0] = False
    return reached[labels]


def unmixed(
    pixels: Rgba, ground_rgb: tuple[int, int, int], ground: NDArray[np.bool_], inks: NDArray[np.float32], cut: float
) -> Rgba:
    """Straight alpha for a mark painted over one flat colour.

    Within three pixels of the ground each pixel P is taken as `a·F + (1 - a)·B`: B is the ground, F the ink beside it,
    or the listed ink (N×3) that explains P best; `a` follows by least squares.
    Alpha below `cut` is a halo of compression and goes. `ground` (H×W) marks pixels that are ground for certain.
    """
    base = np.array(ground_rgb, np.float32)
    rgb = pixels[..., :3].astype(np.float32)
    alpha = np.where(ground, 0.0, 1.0).astype(np.float32)
    colour = rgb.copy()
    distance = np.asarray(cv2.distanceTransform((~ground).astype(np.uint8), cv2.DIST_L2, 5))
    solid = ~ground & (distance > 2.5)
    edge = ~ground & ~solid
    mixed = rgb[edge] - base
    best = np.full(len(mixed), np.inf, np.float32)
    share, ink = np.ones(len(mixed), np.float32), rgb[edge].copy()
    for beside in _candidates(rgb, solid, edge, inks):
        towards = beside - base
        length = np.maximum((towards**2).sum(axis=1), 1.0)
        a = np.clip((mixed * towards).sum(axis=1) / length, 0.0, 1.0)
        miss = np.linalg.norm(mixed - a[:, None] * towards, axis=1)
        # The first candidate, the ink next to the pixel, wins unless another one fits clearly better.
        better = miss + 6.0 < best  # never true of the NaN of a pixel with no solid ink near it
        best[better], share[better], ink[better] = miss[better], a[better], beside[better]
    odd = best >= 40.0
    share[odd], ink[odd] = _thinnest(mixed[odd], base)
    if cut:
        share = np.clip((share - cut) / (1 - 2 * cut), 0.0, 1.0)
    alpha[edge], colour[edge] = share, ink
    alpha = alpha * (pixels[..., 3] / 255.0)
    return np.clip(np.rint(np.dstack([colour, alpha * 255])), 0, 255).astype(np.uint8)


def _thinnest(mixed: NDArray[np.float32], base: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """For pixels no ink explains (M×3, less the ground): opaque where far from the ground, else the least alpha that
    leaves a colour within range."""
    room = np.where(mixed > 0, 255.0 - base, base)
    share = np.clip((np.abs(mixed) / np.maximum(room, 1.0)).max(axis=1, initial=0.0), 1 / 255, 1.0)
    share = np.where(np.linalg.norm(mixed, axis=1) > 90.0, 1.0, share).astype(np.float32)
    return share, np.clip(base + mixed / share[:, None], 0.0, 255.0).astype(np.float32)


def _candidates(
    rgb: NDArray[np.float32], solid: NDArray[np.bool_], edge: NDArray[np.bool_], inks: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    """For each edge pixel (M×3 each): the nearest solid ink where it is near, then each of the mark's own inks."""
    count = int(edge.sum())
    out: list[NDArray[np.float32]] = []
    if solid.any():
        kind = cv2.DIST_LABEL_PIXEL
        far, labels = cv2.distanceTransformWithLabels((~solid).astype(np.uint8), cv2.DIST_L2, 5, labelType=kind)
        place = np.asarray(labels, np.int64)
        by_label = np.zeros((int(place.max()) + 1, 3), np.float32)
        by_label[place[solid]] = rgb[solid]
        # Hairlines have no solid ink of their own; that of a neighbour is not theirs.
        near = np.where((np.asarray(far)[edge] <= 4.0)[:, None], by_label[place[edge]], np.nan)
        out.append(near.astype(np.float32))
    out += [np.broadcast_to(ink, (count, 3)) for ink in inks]
    return out
