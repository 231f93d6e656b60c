"""Words on a finished ad: are they all there, in the kit's letters, at their size, spacing, place and colour, and do
they read? Pure.

A text that is not drawn as meant is set again in other sizes and spacings until one explains it, so that a wrong size
is told from a wrong spacing, a wrong place and a wrong face.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio.ad import measure
from studio.ad.delivered import Delivered, check
from studio.ad.ground import needed_contrast
from studio.ad.layout import TextPlace
from studio.ad.measure import Field, Mask, Patch
from studio.ad.typeset import set_text
from studio.brand.fonts import FontSet
from studio.color import cielab, contrast, delta_e00, rgb_of
from studio.geometry import Rect
from studio.results import Check

ALIKE = 0.86
"""Correlation of coverage above which letters are the planned ones: small type in hard-pressed JPEG stays above 0.9,
another face, size or spacing falls below 0.8."""
EXPLAINED, EXPLAINED_FAR = 0.88, 0.88
WORD_SHOWN = 0.6
SIZE_LIMIT, SPACING_LIMIT = 0.03, 0.015
COLOR_LIMIT, COLOR_LIMIT_LOSSY = 3.0, 6.0
WEBP_FACTOR, WEBP_SMALL_FACTOR, SMALL_FACTOR, SMALL_PX = 1.5, 2.7, 1.5, 16.0
"""Lossy WebP averages chroma in linear light, which moves the colour of thin strokes: type below 16 px most."""
_SIZES = (0.6, 0.66, 0.72, 0.78, 0.82, 0.86, 0.9, 0.93, 0.96, 1.04, 1.08, 1.12, 1.18, 1.25, 1.35, 1.5)
_SPACINGS = (-0.06, -0.04, -0.025, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3)


@dataclass(frozen=True, eq=False)
class Reading:
    """What one text shows. `shares` is the ink each word shows, `size`, `spacing` and `shift_px` are what explains the
    drawing, `contrast_spare` the measured contrast over the needed one. `found` is where the words stand."""

    place: TextPlace
    alike: float
    shares: tuple[tuple[str, float], ...]
    size: float
    spacing: float
    shift_px: float
    color_off: float
    contrast: float
    needed: float
    foreign: bool
    found: Rect

    @property
    def as_meant(self) -> bool:
        """Whether the drawing is the planned one, whatever its colour."""
        complete = all(share >= WORD_SHOWN for _, share in self.shares)
        return complete and not self.foreign and (self.size, self.spacing, self.shift_px) == (1.0, 0.0, 0.0)


def read(ad: Delivered) -> list[Reading]:
    """Every text, read from the file."""
    return [reading for place in ad.texts if (reading := _read(ad, place)) is not None]


def lettering_checks(ad: Delivered, readings: list[Reading]) -> Iterator[Check]:
    """Words and type. Every number is the worst over the ad's texts."""
    words = [(share, word) for reading in readings for word, share in reading.shares]
    share, word = min(words, default=(1.0, ""))
    yield check("words", share >= WORD_SHOWN, share, WORD_SHOWN,
                f"the faintest word, “{word[:30]}”, shows {share:.0%} of its ink",
                f"“{word[:30]}” is cut or covered: compose the ad again")  # fmt: skip
    if not readings:
        return
    fonts = ad.brand.fonts
    strange = [reading for reading in readings if reading.foreign]
    worst = min(strange or readings, key=lambda reading: reading.alike)
    family = fonts.face(worst.place.block.style.role).family
    yield check("type_family", not strange, worst.alike, ALIKE,
                f"the {worst.place.field} agrees with {family} to {max(worst.alike, 0):.0%}",
                f"Set the {worst.place.field} in {family} from the kit")  # fmt: skip
    sized = max(readings, key=lambda reading: abs(reading.size - 1))
    least, smallest = ad.spec.format.min_text_px, min(place.block.style.size_px for place in ad.texts)
    off = abs(sized.size - 1)
    yield check("type_size", off <= SIZE_LIMIT and smallest >= least - 0.01, off, SIZE_LIMIT,
                f"the {sized.place.field} is {off:.0%} off its size; the smallest is {smallest:.0f} px of at least "
                f"{least:.0f}", f"Set the {sized.place.field} at its planned size")  # fmt: skip
    spaced = max(readings, key=lambda reading: abs(reading.spacing))
    yield check("type_spacing", abs(spaced.spacing) <= SPACING_LIMIT, abs(spaced.spacing), SPACING_LIMIT,
                f"letters of the {spaced.place.field} stand {spaced.spacing:+.0%} of their size apart from the setting",
                "Leave letter spacing to the font")  # fmt: skip
    moved = max(readings, key=lambda reading: reading.shift_px)
    reach = max(2.0, 0.0025 * max(ad.plan.size_px))
    yield check("type_place", moved.shift_px <= reach, moved.shift_px, round(reach, 1),
                f"the {moved.place.field} stands {moved.shift_px:.1f} px off its place",
                "Put the words back where the layout has them")  # fmt: skip
    tinted = max(readings, key=lambda reading: reading.color_off / _color_limit(ad, reading.place))
    limit = _color_limit(ad, tinted.place)
    yield check("type_color", tinted.color_off <= limit, tinted.color_off, round(limit, 1),
                f"the {tinted.place.field} is ΔE00 {tinted.color_off:.1f} off its ink",
                "Use the kit's colour for the words")  # fmt: skip
    faint = min(readings, key=lambda reading: reading.contrast / reading.needed)
    yield check("type_contrast", faint.contrast >= faint.needed, faint.contrast, faint.needed,
                f"the {faint.place.field} has {faint.contrast:.2f}:1 where {faint.needed}:1 is needed",
                "Choose another ink, a stronger scrim or a calmer scene")  # fmt: skip


def _color_limit(ad: Delivered, place: TextPlace) -> float:
    """How far the ink of these words may be off in this kind of file, in CIEDE2000."""
    if ad.lossless:
        return COLOR_LIMIT
    # Strokes of small type are thinner than the blocks that compression works in.
    small = place.block.style.size_px < SMALL_PX
    if ad.file_type == "webp":
        return COLOR_LIMIT_LOSSY * (WEBP_SMALL_FACTOR if small else WEBP_FACTOR)
    return COLOR_LIMIT_LOSSY * (SMALL_FACTOR if small else 1.0)


# ------------------------------------------------------------------------------------------------ one text


def _read(ad: Delivered, place: TextPlace) -> Reading | None:
    ground, meant = ad.drawings
    style = place.block.style
    patch = measure.take_patch(ground, meant, ad.pixels, place.ink.grown(max(6.0, 0.35 * style.size_px)))
    index = measure.word_map(place, ad.brand.fonts, patch)
    if not index.any():
        return None
    near = max(2 if ad.lossless else 4, round(0.06 * style.size_px * patch.scale))
    zones = cv2.dilate(index.astype(np.uint16), np.ones((2 * near + 1, 2 * near + 1), np.uint8)).astype(np.int32)
    amounts, ink, shares = _amounts(place, patch, index, zones)

    # 1. As meant? Compared on the words that are there; a word that is not is the words' own affair.
    shown = [number for number, share in shares.items() if share >= WORD_SHOWN]
    own = zones > 0
    foreign_ink = patch.meant_ink * (index == 0) > 24
    area = (measure.widened(own, near) & ~measure.narrowed(foreign_ink & ~own, 1)) if own.any() else own
    lost = ~np.isin(zones, [0, *shown])
    alike = _alike(patch, ink, index, area & ~measure.widened(lost, near))
    size, spacing, shift, strange, found = 1.0, 0.0, 0.0, False, place.ink
    empty = all(shares[number] < 0.35 for number in shares if number not in shown)
    if (alike < ALIKE or not shown) and not (shown and empty and alike >= 0.7 and len(shown) < len(shares)):
        answer = _explained(ad, place)
        if answer is not None:
            score, size, spacing, shift, found = answer
            alike, shares = max(alike, score), dict.fromkeys(shares, 1.0)
        elif shown or sum(amounts.values()) > 0.5:
            strange, shares = True, dict.fromkeys(shares, 1.0)
    texts = place.block.text.split(" ")
    named = tuple((texts[number - 1], min(share, 1.0)) for number, share in shares.items())

    # 2. Its colour, and what it stands on.
    planned = np.array(rgb_of(style.color_hex), float)
    color_off = 0.0
    if shown and not strange and (size, spacing, shift) == (1.0, 0.0, 0.0):
        color_off = float(delta_e00(cielab(ink), cielab(planned)))
    true_ink = color_off <= _color_limit(ad, place)
    as_meant = not strange and (size, spacing, shift) == (1.0, 0.0, 0.0)
    ratio = _contrast(ad, place, planned if true_ink else ink, as_meant)
    needed = needed_contrast(place, ad.spec.format.min_text_px)
    return Reading(
        place, alike, named, size, spacing, shift, color_off, ratio, needed, strange, found
    )  # fmt: skip


def _amounts(
    place: TextPlace, patch: Patch, index: NDArray[np.int32], zones: NDArray[np.int32]
) -> tuple[dict[int, float], NDArray[np.float64], dict[int, float]]:
    """For each word: its ink against the planned amount, the colour all words share, and the share of that ink shown.

    From sums over each word and its blur, so that compression does not thin it.
    """
    planned = np.array(rgb_of(place.block.style.color_hex), float)
    toward = planned - patch.meant_ground
    coverage = ((patch.meant - patch.meant_ground) * toward).sum(axis=2) / np.maximum((toward**2).sum(axis=2), 1)
    coverage = np.clip(coverage, 0, 1)
    numbers = [int(n) for n in np.unique(index) if n and (index == n).sum() >= 6]
    off = patch.seen - patch.ground
    step: dict[int, NDArray[np.float64]] = {}
    weight: dict[int, float] = {}
    base: dict[int, NDArray[np.float64]] = {}
    for number in numbers:
        zone = zones == number
        weight[number] = float(coverage[zone].sum())
        if weight[number] < 2:
            continue
        step[number] = off[zone].sum(axis=0, dtype=np.float64) / weight[number]
        base[number] = (patch.ground[zone] * coverage[zone][:, None]).sum(axis=0) / weight[number]
    if not step:
        return {}, planned, {}
    strength = {n: float(np.linalg.norm(s)) for n, s in step.items()}
    most = max(strength.values())
    strong = [n for n in step if strength[n] > 0.4 * most and strength[n] > 12]
    if not strong:
        return dict.fromkeys(step, 0.0), planned, dict.fromkeys(step, 0.0)
    ink = _weighted_median(np.array([base[n] + step[n] for n in strong]), np.array([weight[n] for n in strong]))
    ink = np.clip(ink, 0, 255)
    shares, amounts = {}, {}
    for n, got in step.items():
        wanted = ink - base[n]
        shares[n] = float(got @ wanted / max(wanted @ wanted, 1))
        amounts[n] = strength[n] / max(float(np.linalg.norm(planned - base[n])), 1)
    return amounts, ink, shares


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.empty(values.shape[1])
    for channel in range(values.shape[1]):
        order = np.argsort(values[:, channel])
        steps = np.cumsum(weights[order])
        out[channel] = values[order, channel][int(np.searchsorted(steps, steps[-1] / 2))]
    return out


def _alike(patch: Patch, ink: NDArray[np.float64], index: NDArray[np.int32], area: Mask) -> float:
    """Correlation of planned and seen coverage, blurred alike so that the softness of compression does not count."""
    if area.sum() < 12:
        return 0.0
    toward = ink - patch.ground
    seen = ((patch.seen - patch.ground) * toward).sum(axis=2) / np.maximum((toward**2).sum(axis=2), 64)
    meant = patch.meant_ink / max(float(np.percentile(patch.meant_ink[index > 0], 90)), 1.0)
    soft = (3, 3)
    return measure.correlation(
        cv2.blur(np.clip(meant, 0, 1), soft), cv2.blur(np.clip(seen, -0.3, 1.3).astype(np.float32), soft), area
    )


# ------------------------------------------------------------------------------------------------ what explains it


def _explained(ad: Delivered, place: TextPlace) -> tuple[float, float, float, float, Rect] | None:
    """Agreement, size, extra spacing, shift and place of the setting that explains what is seen; None if none does."""
    style = place.block.style
    home = place.ink
    near = home.grown(max(0.9 * style.size_px, 0.3 * home.width))
    sheet = Rect(0, 0, *map(float, ad.plan.size_px))
    settings = [(1.0, 0.0), *((size, 0.0) for size in _SIZES), *((1.0, spacing) for spacing in _SPACINGS)]
    for window, trials, least in ((near, settings, EXPLAINED), (sheet, settings[:1], EXPLAINED_FAR)):
        patch = measure.take_patch(*ad.drawings, ad.pixels, window, 60_000 if window is near else 250_000)
        field = _strange_ink(patch, place)
        tried = [_tried(place, ad.brand.fonts, patch, field, *trial) for trial in trials]
        best = max(tried, key=lambda answer: answer[0])
        if window is near and (best[1], best[2]) != (1.0, 0.0):
            finer = [(best[1] * step, 0.0) for step in (0.985, 0.9925, 1.0075, 1.015)] if not best[2] else []
            finer += [(1.0, best[2] + step) for step in (-0.01, -0.005, 0.005, 0.01)] if best[2] else []
            tried += [_tried(place, ad.brand.fonts, patch, field, *trial) for trial in finer]
            best = max(tried, key=lambda answer: answer[0])
        # A changed setting must explain clearly more than the plain one, somewhere else, does.
        plain = tried[0]
        best = plain if plain[0] >= max(least, best[0] - 0.02) else best
        if best[0] >= least:
            return best
    return None


def _tried(
    place: TextPlace, fonts: FontSet, patch: Patch, field: Field, size: float, spacing: float
) -> tuple[float, float, float, float, Rect]:
    """How well one setting explains the field, at the best place; with its lines kept, or broken anew."""
    block, style = place.block, place.block.style
    changed = style._replace(size_px=style.size_px * size, tracking=style.tracking + spacing)
    wide = block.width_px * (size + 2.2 * max(spacing, 0))
    best = (0.0, size, spacing, 0.0, place.rect)
    plain = (size, spacing) == (1.0, 0.0)
    measures = (wide,) if plain else (wide, block.width_px, 1.25 * block.width_px, 1.3 * wide)
    for measure_px in dict.fromkeys(measures):
        art, x, y = measure.drawn(set_text(block.text, changed, max(measure_px, 1), fonts), patch.scale)
        if art.size < 40 or min(art.shape) < 3:
            continue
        score, where = measure.best_match(field, cv2.blur(art, (3, 3)).astype(np.float32))
        if score > best[0]:
            left, top = patch.window.left + where[0] / patch.scale, patch.window.top + where[1] / patch.scale
            found = Rect(left, top, left + art.shape[1] / patch.scale, top + art.shape[0] / patch.scale)
            shift = float(np.hypot(left - place.rect.left - x, top - place.rect.top - y)) if plain else 0.0
            best = (score, size, spacing, shift, found)
    return best


def _strange_ink(patch: Patch, place: TextPlace) -> Field:
    """How far the file stands off the ground, 0–1, without what other words and the logo were meant to draw."""
    ink = patch.ink(patch.seen)
    own = measure.covered(patch.size, [patch.local(place.ink.grown(3))])
    others = measure.widened((patch.meant_ink > 24) & ~own, 2)
    ink[others & (np.abs(patch.seen - patch.meant).max(axis=2) < 60)] = 0
    most = float(np.percentile(ink, 99.5))
    return cv2.blur(np.clip(ink / max(most, 30.0), 0, 1), (3, 3)).astype(np.float32)


# ------------------------------------------------------------------------------------------------ contrast


def _contrast(ad: Delivered, place: TextPlace, ink: NDArray[np.float64], as_meant: bool) -> float:
    """The 5th percentile of the contrast between the ink and what lies under the words' rectangle.

    The ground is read between the letters, three pixels and more away, averaged over 5×5 pixels: what compression adds
    is not what an eye reads against. Where there is no such room, or the words stand elsewhere, it is the drawn ground,
    moved as the file moved it.
    """
    ground, meant = ad.drawings
    patch = measure.take_patch(ground, meant, ad.pixels, place.ink.grown(2))
    away = ~measure.widened(patch.meant_ink > 6, 2)
    seen = patch.ground
    if as_meant and away.mean() >= 0.1:
        weight = cv2.blur(away.astype(np.float32), (5, 5))
        mean = cv2.blur(patch.seen * away[..., None], (5, 5)) / np.maximum(weight, 1e-3)[..., None]
        # What is drawn and what is seen agree within compression: then the drawn ground is the better measure.
        off = np.abs(mean - patch.ground).max(axis=2)
        strange = (off > 10) & (weight > 0.3)
        seen = np.where((strange if strange.mean() > 0.02 else np.zeros_like(strange))[..., None], mean, patch.ground)
    return float(np.percentile(contrast(seen.reshape(-1, 3), ink), 5))
