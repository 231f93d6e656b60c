"""Whole pictures to exact sizes through an upscaler that sees tiles only.

The result is made piece by piece: the source pixels a piece depends on are cut out with a ring of neighbours as wide as
the passes look, run through all passes in `float32`, resampled to the exact size and written as `uint8`. Every pixel is
computed inside its whole receptive field, so pieces meet without seams and nothing the size of the picture is ever held
in `float32`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines.base import EngineError, Enlarged, Enlarger, Pixels, Plane, Progress, Stopped, Upscaler
from engines.residency import out_of_memory

VERSION = 1
MOST_PIXELS = 150_000_000  # 12,000 × 12,000 and a little
MOST_FACTOR = 8  # by networks; what is left is Lanczos
STRETCH = 1.25  # how far Lanczos may go beyond a pass before another pass is worth its cost
PIECE_PX = 2048  # side of a piece of the result, before the exact resampling
SMALLEST_TILE_PX = 16  # without margins
LANCZOS = 3  # half width of the kernel, in pixels of the coarser side
SIGMA_PX, REACH_PX = 3.0, 9  # of the colour correction, in source pixels: Gaussian, radius with interpolation
STRIP_PX = 256  # rows of a picture indexed at once
OPAQUE = 16  # from this alpha on a pixel's colour is trusted


class Tiling:
    """An upscaler and its tiling as an `Enlarger`."""

    def __init__(self, upscaler: Upscaler) -> None:
        self.id = upscaler.id
        self.recipe = f"{upscaler.recipe}, tiling {VERSION}"
        self._upscaler = upscaler

    def enlarge(self, picture: Pixels, width_px: int, height_px: int, progress: Progress) -> Enlarged:
        """See `upscale`."""
        return upscale(picture, width_px, height_px, self._upscaler, progress)


def tiled(upscaler: Upscaler) -> Enlarger:
    """The upscaler as something that takes whole pictures."""
    return Tiling(upscaler)


def upscale(picture: Pixels, width_px: int, height_px: int, upscaler: Upscaler, progress: Progress) -> Enlarged:
    """`picture`, H×W×3 or H×W×4 `uint8` with straight alpha, at exactly `width_px` × `height_px`.

    Passes of the upscaler go up to 1.25 times beyond what they enlarge by, and to eight times at most; the rest is
    Lanczos and said in `facts`. Colours keep their local mean. Alpha is enlarged apart, by a cubic that never rings.
    Raises `EngineError` for a size smaller than the picture or above 150 megapixels and when memory runs out even for
    small tiles, `ValueError` for an array of another shape or type, `Stopped` when `progress` says so.
    """
    started = time.perf_counter()
    _check(picture, width_px, height_px)
    height, width = picture.shape[:2]
    passes = count_passes(max(width_px / width, height_px / height), upscaler.scale)
    network = _Network(upscaler)
    if passes == 0:
        pixels = picture.copy()
    else:
        pixels = _blank(height_px, width_px, picture.shape[2])
        _fill(pixels, picture, passes, network, progress)
    pixels.setflags(write=False)
    return Enlarged(
        pixels=pixels,
        seconds=time.perf_counter() - started,
        engine=upscaler.id,
        runtime=upscaler.runtime,
        passes=passes,
        tiles=network.tiles,
        facts=_facts(picture, (width_px, height_px), network, passes),
    )


def count_passes(factor: float, scale: int) -> int:
    """How often an upscaler runs for a factor of 1 or more: the fewest that leave at most 1.25 to Lanczos."""
    passes = 0 if factor <= 1 else 1
    while passes and factor > STRETCH * scale**passes and scale ** (passes + 1) <= MOST_FACTOR:
        passes += 1
    return passes


# ------------------------------------------------------------------------------------------------ pieces


class _Span(NamedTuple):
    """One axis of a piece: the half-open range it fills in the result, and the source range it is made from.

    `begin` and `end` are that result range in pixels of the enlarged source range.
    """

    first: int
    last: int
    source_first: int
    source_last: int
    begin: float
    end: float


def _spans(source_px: int, target_px: int, factor: int) -> Iterator[_Span]:
    """An axis in pieces. `factor`: how much the passes enlarge before the exact resampling."""
    ratio = source_px * factor / target_px
    support = 0.0 if ratio == 1 else LANCZOS * max(ratio, 1.0)
    step = max(1, int(PIECE_PX / ratio))
    for first in range(0, target_px, step):
        last = min(first + step, target_px)
        source_first = math.floor((first * ratio - support) / factor)
        source_last = math.ceil((last * ratio + support) / factor)
        origin = source_first * factor
        yield _Span(first, last, source_first, source_last, first * ratio - origin, last * ratio - origin)


def _fill(pixels: Pixels, picture: Pixels, passes: int, network: _Network, progress: Progress) -> None:
    """Write the enlarged picture into `pixels`, piece by piece."""
    factor = network.upscaler.scale**passes
    rows = list(_spans(picture.shape[0], pixels.shape[0], factor))
    columns = list(_spans(picture.shape[1], pixels.shape[1], factor))
    pieces = [(row, column) for row in rows for column in columns]
    colours = _spread_colours(picture) if picture.shape[2] == 4 else picture
    for index, (row, column) in enumerate(pieces):
        share = progress.part(index / len(pieces), 1 / len(pieces))
        words = f"Enlarging, part {index + 1} of {len(pieces)}" if len(pieces) > 1 else "Enlarging"
        made = _enlarge_piece(colours, row, column, passes, _Telling(network, share, words))
        target = pixels[row.first : row.last, column.first : column.last]
        target[..., :3] = _to_bytes(made)
        if picture.shape[2] == 4:
            target[..., 3] = _enlarge_alpha(picture[..., 3], row, column, factor)
    progress.report(1.0, "Enlarged")


def _enlarge_piece(colours: Pixels, row: _Span, column: _Span, passes: int, telling: _Telling) -> Plane:
    """One piece of the result, `float32` 0–1."""
    # 1. The source range, with what the correction and the passes look at around it.
    scale, margin = telling.network.upscaler.scale, telling.network.upscaler.margin_px
    ring = REACH_PX + math.ceil(margin * sum(scale**-index for index in range(passes)))
    made = source = _cut(colours[..., :3], row, column, ring).astype(np.float32) / np.float32(255)
    # 2. All passes; each one costs the square of the one before.
    costs = [scale ** (2 * index) for index in range(passes)]
    for index, cost in enumerate(costs):
        made = telling.part(sum(costs[:index]) / sum(costs), cost / sum(costs)).run(made)
    factor = scale**passes
    # 3. Local mean colours as they were; then down to the range itself.
    source = _trim(source, ring - REACH_PX)
    made = _trim(made, (made.shape[0] - source.shape[0] * factor) // 2)
    made = _trim(_keep_colours(made, source, factor), REACH_PX * factor)
    # 4. The exact size.
    return _resample(made, row, column, Image.Resampling.LANCZOS)


def _cut(picture: Pixels, row: _Span, column: _Span, ring: int) -> Pixels:
    """The source range of a piece and `ring` pixels around it, mirrored where it leaves the picture."""
    down = _mirrored(row.source_first - ring, row.source_last + ring, picture.shape[0])
    across = _mirrored(column.source_first - ring, column.source_last + ring, picture.shape[1])
    return picture[down[:, None], across]


def _mirrored(first: int, last: int, length: int) -> NDArray[np.intp]:
    """The indices `first` to `last` of an axis that is mirrored at its ends, the end pixels repeated."""
    index = np.arange(first, last) % (2 * length)
    return np.minimum(index, 2 * length - 1 - index)


def _trim(plane: Plane, ring: int) -> Plane:
    return plane[ring : plane.shape[0] - ring, ring : plane.shape[1] - ring]


def _keep_colours(made: Plane, source: Plane, factor: int) -> Plane:
    """Add the smoothed difference between the source and the reduced result: one step of back-projection (Irani, Peleg,
    Improving resolution by image registration, 1991), low frequencies only."""
    reduced = cv2.resize(made, (source.shape[1], source.shape[0]), interpolation=cv2.INTER_AREA)
    side = 2 * (REACH_PX - 1) + 1
    missing = cv2.GaussianBlur(source - reduced, (side, side), SIGMA_PX, borderType=cv2.BORDER_REFLECT)
    size = (source.shape[1] * factor, source.shape[0] * factor)
    return made + cast(Plane, cv2.resize(missing, size, interpolation=cv2.INTER_LINEAR))


def _resample(made: Plane, row: _Span, column: _Span, kernel: Image.Resampling) -> Plane:
    """The enlarged source range to the piece's own size."""
    size = (column.last - column.first, row.last - row.first)
    box = (column.begin, row.begin, column.end, row.end)
    if box == (0, 0, *size) and made.shape[1::-1] == size:
        return made
    planes = made.reshape(*made.shape[:2], -1)
    resized = [
        np.asarray(Image.fromarray(np.ascontiguousarray(planes[..., index])).resize(size, kernel, box))
        for index in range(planes.shape[2])
    ]
    return np.stack(resized, axis=-1)


def _to_bytes(colours: Plane) -> Pixels:
    return np.clip(np.rint(colours * np.float32(255)), 0, 255).astype(np.uint8)


# ------------------------------------------------------------------------------------------------ alpha


def _spread_colours(picture: Pixels) -> Pixels:
    """H×W×3: the picture's colours, and where it is all but transparent those of the nearest pixel that is not."""
    colours = picture[..., :3].copy()
    known = picture[..., 3] >= min(OPAQUE, max(1, int(picture[..., 3].max())))
    if known.all() or not known.any():
        return colours
    # Every pixel is labelled with the nearest known one. In strips, for indexing costs eight times what it picks.
    unknown = (~known).astype(np.uint8)
    found = cv2.distanceTransformWithLabels(unknown, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)[1]
    labels = cast(NDArray[np.int32], found)
    nearest = np.zeros((int(labels.max()) + 1, 3), np.uint8)
    strips = [slice(top, top + STRIP_PX) for top in range(0, len(picture), STRIP_PX)]
    for rows in strips:
        nearest[labels[rows][known[rows]]] = colours[rows][known[rows]]
    for rows in strips:
        colours[rows][~known[rows]] = nearest[labels[rows][~known[rows]]]
    return colours


def _enlarge_alpha(alpha: Pixels, row: _Span, column: _Span, factor: int) -> Pixels:
    """A piece of alpha: a cubic, kept between the least and the most of the pixels around so that it cannot ring."""
    ring = 3
    source = _cut(alpha, row, column, ring)
    around = np.ones((3, 3), np.uint8)
    spans = [span._replace(begin=span.begin / factor + ring, end=span.end / factor + ring) for span in (row, column)]
    cubic, least, most = (
        _resample(plane.astype(np.float32), spans[0], spans[1], kernel)[..., 0]
        for plane, kernel in (
            (source, Image.Resampling.BICUBIC),
            (cv2.erode(source, around), Image.Resampling.BILINEAR),
            (cv2.dilate(source, around), Image.Resampling.BILINEAR),
        )
    )
    return np.rint(np.clip(cubic, least, most)).astype(np.uint8)


# ------------------------------------------------------------------------------------------------ tiles


class _Network:
    """An upscaler at work: counts its tiles, and makes them smaller when memory runs out."""

    def __init__(self, upscaler: Upscaler) -> None:
        self.upscaler = upscaler
        self.tile_px = upscaler.tile_px
        self.floor_px = min(self.tile_px, 2 * upscaler.margin_px + SMALLEST_TILE_PX)
        self.tiles = 0
        self.halved = 0

    def enlarge(self, tile: Plane) -> Plane | None:
        """The tile enlarged, without what its margin spoils; None when memory ran out and tiles are smaller now."""
        scale, margin = self.upscaler.scale, self.upscaler.margin_px
        try:
            made = self.upscaler.enlarge(np.ascontiguousarray(tile))
        except Exception as error:
            if isinstance(error, EngineError | Stopped):
                raise
            if not out_of_memory(error):
                said = " ".join(str(error).split())[:160]
                raise EngineError(
                    f"The upscaler {self.upscaler.id} failed: {said}", "Choose another upscaler, such as light."
                ) from error
            self._halve(error)
            return None
        expected = (tile.shape[0] * scale, tile.shape[1] * scale, 3)
        if made.shape != expected or not np.isfinite(made).all():
            raise EngineError(
                f"The upscaler {self.upscaler.id} gave back a broken piece", "Choose another upscaler, such as light."
            )
        self.tiles += 1
        return _trim(made, margin * scale)

    def _halve(self, error: Exception) -> None:
        if self.tile_px <= self.floor_px:
            raise EngineError(
                f"There is not enough memory for the upscaler {self.upscaler.id}, even in small pieces",
                "Close other programs that use the graphics card, or choose the upscaler light or lanczos.",
            ) from error
        self.tile_px = max(self.tile_px // 2, self.floor_px)
        self.halved += 1


@dataclass(frozen=True)
class _Telling:
    """A network, the share of the progress it fills, and the words said there."""

    network: _Network
    progress: Progress
    words: str

    def part(self, offset: float, length: float) -> _Telling:
        return _Telling(self.network, self.progress.part(offset, length), self.words)

    def run(self, patch: Plane) -> Plane:
        """One pass: all of `patch` but a margin, enlarged."""
        scale, margin = self.network.upscaler.scale, self.network.upscaler.margin_px
        height, width = patch.shape[0] - 2 * margin, patch.shape[1] - 2 * margin
        made = np.empty((height * scale, width * scale, 3), np.float32)
        top = 0
        while top < height:
            rows, left = min(self._step(), height - top), 0
            while left < width:
                self.progress.report((top * width + rows * left) / (height * width), self.words)
                step = self._step()
                if step < rows:
                    rows, left = step, 0  # memory ran out in this row of tiles: begin it again with smaller ones
                columns = min(step, width - left)
                tile = patch[top : top + rows + 2 * margin, left : left + columns + 2 * margin]
                enlarged = self.network.enlarge(tile)
                if enlarged is not None:
                    at = made[top * scale : (top + rows) * scale, left * scale : (left + columns) * scale]
                    at[...] = enlarged
                    left += columns
            top += rows
        return made

    def _step(self) -> int:
        return self.network.tile_px - 2 * self.network.upscaler.margin_px


# ------------------------------------------------------------------------------------------------ words and limits


def _check(picture: Pixels, width_px: int, height_px: int) -> None:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in (3, 4) or not picture.size:
        raise ValueError(f"picture: expected H×W×3 or H×W×4 uint8, got {picture.shape} {picture.dtype}")
    height, width = picture.shape[:2]
    asked = f"{width_px}×{height_px} px"
    if width_px < width or height_px < height:
        raise EngineError(
            f"{asked} is smaller than the picture, {width}×{height} px", "Enlarging takes at least the picture's size."
        )
    if width_px * height_px > MOST_PIXELS:
        raise EngineError(
            f"{asked} is {width_px * height_px / 1e6:.0f} megapixels; {MOST_PIXELS / 1e6:.0f} is the most",
            "Ask for a smaller size, or fewer dots per inch.",
        )


def _blank(height_px: int, width_px: int, channels: int) -> Pixels:
    try:
        return np.empty((height_px, width_px, channels), np.uint8)
    except MemoryError as error:
        raise EngineError(
            f"There is not enough memory for a picture of {width_px}×{height_px} px", "Close other programs."
        ) from error


def _facts(picture: Pixels, size: tuple[int, int], network: _Network, passes: int) -> dict[str, Any]:
    height, width = picture.shape[:2]
    by_network = network.upscaler.scale**passes
    rest = max(size[0] / width, size[1] / height) / by_network
    facts: dict[str, Any] = {
        "factor": [round(size[0] / width, 4), round(size[1] / height, 4)],
        "network_factor": by_network,
        "lanczos_factor": round(rest, 4),
        "tile_px": network.tile_px,
        "tiles_halved": network.halved,
        "alpha": picture.shape[2] == 4,
    }
    # What a file says of itself: whose terms it is under, what it costs next to a light network.
    facts |= {name: said for name in ("licence", "cost") if (said := getattr(network.upscaler, name, ""))}
    if rest > STRETCH:
        facts["note"] = f"The upscaler enlarged {by_network} times; the rest, {rest:.2f} times, is Lanczos."
    return facts
