"""Brand fidelity of a finished ad: passed ÷ tested, every check with its number, limit and remedy. Pure.

Measured on the decoded file, not on the plan: what was meant is drawn again and compared with what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import skia
from numpy.typing import NDArray

from studio.ad import measure
from studio.ad.compose import Brand, Plan, draw_flats, draw_ground, draw_logo, draw_words
from studio.ad.ground import LOGO_CONTRAST, logo_contrast, low_contrast, needed_contrast
from studio.ad.layout import TextPlace
from studio.ad.measure import Ink, Mask, Pixels
from studio.brief.frame import safe_rect
from studio.color import cielab, contrast, delta_e00, hex_of, rgb_of
from studio.geometry import Rect
from studio.model import AdSpec, Check, Score
from studio.picture.palette import DOMINANT_SHARE, distances, dominant

PALETTE_LIMIT = 5.0
FLAT_LIMIT = 1.0


@dataclass(frozen=True, eq=False)
class Delivered:
    """A decoded ad file (H×W×3 sRGB) with what it should be. `lossless` is true for PNG."""

    pixels: Pixels
    bytes: int
    file_type: str
    spec: AdSpec
    plan: Plan
    brand: Brand

    @property
    def lossless(self) -> bool:
        return self.file_type == "png"

    @cached_property
    def drawings(self) -> tuple[Pixels, Pixels]:
        """The ad without words and logo, and the whole ad, as meant."""
        width, height = self.plan.size_px
        buffer = np.empty((height, width, 4), np.uint8)
        canvas = skia.Canvas(buffer, skia.kRGBA_8888_ColorType)
        draw_ground(canvas, self.plan)
        draw_flats(canvas, self.plan, above=True)
        ground = np.ascontiguousarray(buffer[..., :3])
        draw_words(canvas, self.plan)
        draw_logo(canvas, self.plan, self.brand)
        return ground, np.ascontiguousarray(buffer[..., :3])

    @property
    def texts(self) -> tuple[TextPlace, ...]:
        return self.plan.arrangement.texts

    @cached_property
    def text_ink(self) -> list[Ink]:
        ground, meant = self.drawings
        # Only the part of the measure that holds ink, with room for what may have grown.
        return [measure.find_ink(ground, meant, self.pixels, _ink_window(place)) for place in self.texts]

    @cached_property
    def logo_ink(self) -> Ink | None:
        rect = self.plan.arrangement.logo
        if rect is None:
            return None
        ground, meant = self.drawings
        window = rect.grown(max(self.clear_px, 0.6 * rect.height)).clipped(self.plan.arrangement.frame.sheet)
        ink = measure.find_ink(ground, meant, self.pixels, window)
        others = [place.rect.grown(3) for place in self.texts]
        left, top = round(max(window.left, 0)), round(max(window.top, 0))
        shifted = [Rect(r.left - left, r.top - top, r.right - left, r.bottom - top) for r in others]
        free = ~measure.covered((ink.meant.shape[1], ink.meant.shape[0]), shifted)
        return Ink(window, ink.meant & free, ink.seen & free, ink.seen_pixels, ink.meant_pixels, ink.ground_pixels)

    @property
    def clear_px(self) -> float:
        rect, index = self.plan.arrangement.logo, self.plan.grounded.logo_index
        if rect is None or index is None:
            return 0.0
        return self.brand.kit.logos[index].clear_space_fraction * rect.height


def score_ad(ad: Delivered) -> Score:
    """Every check that applies. A file of the wrong size is not measured further: nothing is where it should be."""
    checks = [*_file(ad)]
    if checks[0].passed:
        for part in (_words, _type, _logo, _colors, _places, _product):
            checks += part(ad)
    return Score(checks=tuple(checks))


# ------------------------------------------------------------------------------------------------ parts


def _check(
    id: str,
    passed: bool,
    value: float | str,
    limit: float | str,
    message: str,
    fix: str,
) -> Check:
    rounded = round(float(value), 3) if not isinstance(value, str) else value
    return Check(id=id, passed=bool(passed), value=rounded, limit=limit, message=message, fix="" if passed else fix)


def _file(ad: Delivered) -> Iterator[Check]:
    fmt = ad.spec.format
    width, height = fmt.delivered_px
    got = f"{ad.pixels.shape[1]}×{ad.pixels.shape[0]}"
    want = f"{width}×{height}"
    yield _check("size", got == want, got, want, f"{got} px, {fmt.name} is {want}", "Make the ad again in this format")
    most = fmt.max_bytes or 0
    yield _check(
        "bytes", not most or ad.bytes <= most, ad.bytes, most or "none", f"{ad.bytes} bytes", "Lower the quality"
    )
    types = ", ".join(fmt.files)
    yield _check(
        "file_type", ad.file_type in fmt.files, ad.file_type, types, f"a {ad.file_type} file", f"Save as {types}"
    )


def _words(ad: Delivered) -> Iterator[Check]:
    """Every word is there, none is banned, none longer than the channel takes."""
    worst, lost = 1.0, ""
    for place, ink in zip(ad.texts, ad.text_ink, strict=True):
        index = measure.word_map(place, ad.brand.fonts, _ink_window(place))[: ink.meant.shape[0], : ink.meant.shape[1]]
        shown = measure.coverage(ink)
        for number, word in enumerate(place.block.text.split(" "), 1):
            pixels = (index == number) & ink.meant
            if pixels.sum() >= 10 and (share := float(shown[pixels].mean())) < worst:
                worst, lost = share, word
    yield _check("words", worst >= 0.55, worst, 0.55, f"the faintest word, “{lost[:30]}”, shows {worst:.0%} of its ink",
                 f"“{lost[:30]}” is cut or covered: compose the ad again")  # fmt: skip
    text = " ".join(t for _, t in ad.spec.words.items()).casefold()
    banned = [word for word in ad.brand.kit.voice.banned if word.casefold() in text]
    yield _check("banned_words", not banned, ", ".join(banned) or "none", "none", f"{len(banned)} banned words",
                 f"Rewrite without {', '.join(banned)}")  # fmt: skip
    limits = ad.spec.format.text_limits
    over = [f"{f} {len(t)}/{limits[f]}" for f, t in ad.spec.words.items() if f in limits and len(t) > limits[f]]
    yield _check("text_limits", not over, ", ".join(over) or "within", "channel limits",
                 f"{len(over)} fields longer than the channel shows", f"Shorten: {', '.join(over)}")  # fmt: skip


def _type(ad: Delivered) -> Iterator[Check]:
    """The kit's letters, at the planned size, in the planned ink, readable on what is behind them."""
    if not ad.texts:
        return
    drawing, size_off, color_off, spare = 1.0, 0.0, 0.0, 99.0
    ratio, need = 21.0, 4.5
    for place, ink in zip(ad.texts, ad.text_ink, strict=True):
        if not ink.meant.any():
            continue
        drawing = min(drawing, measure.agreement(ink.meant, ink.seen))
        size_off = max(size_off, _size_error(ink))
        inside = measure.core(ink.meant)
        seen_ink = np.median(ink.seen_pixels[inside].astype(float), axis=0)
        meant_ink = np.median(ink.meant_pixels[inside].astype(float), axis=0)
        color_off = max(color_off, float(delta_e00(cielab(seen_ink), cielab(meant_ink))))
        around = ink.seen_pixels[measure.ring(ink.meant | ink.seen)]
        if len(around):
            wanted = needed_contrast(place, ad.spec.format.min_text_px)
            got = low_contrast(around, seen_ink) if place.ground == "scene" else _middle_contrast(around, seen_ink)
            if got / wanted < spare:
                spare, ratio, need = got / wanted, got, wanted
    family = ad.brand.fonts.face("heading").family
    yield _check("type_family", drawing >= 0.72, drawing, 0.72, f"letters agree with {family} to {drawing:.0%}",
                 f"Set the words in {family} from the kit")  # fmt: skip
    smallest = min(place.block.style.size_px for place in ad.texts)
    least = ad.spec.format.min_text_px
    yield _check("type_size", size_off <= 0.08 and smallest >= least - 0.01, size_off, 0.08,
                 f"letters are {size_off:.0%} off their size; the smallest is {smallest:.0f} px of at least {least:.0f}",
                 "Set the words at the planned size")  # fmt: skip
    limit = 4.0 if ad.lossless else 9.0
    yield _check("type_color", color_off <= limit, color_off, limit, f"ink is ΔE00 {color_off:.1f} off the kit's",
                 "Use the kit's colour for the words")  # fmt: skip
    yield _check("type_contrast", spare >= 0.97, ratio, need, f"lowest contrast {ratio:.2f}:1 where {need}:1 is needed",
                 "Choose another ink, a stronger scrim or a calmer scene")  # fmt: skip


def _size_error(ink: Ink) -> float:
    """How far the drawn extent is from the planned one, as a fraction, beyond a blur of two pixels."""
    meant, seen = measure.extent(ink.meant), measure.extent(ink.seen)
    if meant is None or seen is None:
        return 1.0 if meant is not None else 0.0
    off = max(
        max(abs(meant.width - seen.width) - 2.5, 0) / meant.width,
        max(abs(meant.height - seen.height) - 2.5, 0) / meant.height,
    )
    return float(off)


def _middle_contrast(pixels: NDArray[np.generic], ink: NDArray[np.float64]) -> float:
    return float(contrast(np.median(pixels.reshape(-1, 3), axis=0), ink))


def _logo(ad: Delivered) -> Iterator[Check]:
    if not ad.brand.logos:
        return
    ink, rect = ad.logo_ink, ad.plan.arrangement.logo
    if ink is None or rect is None or ad.plan.grounded.logo_index is None:
        yield _check("logo_present", False, 0.0, 0.5, "no logo on the ad", "Choose a layout with room for the logo")
        return
    share = float(ink.seen.sum() / max(ink.meant.sum(), 1))
    meant, seen = measure.extent(ink.meant), measure.extent(ink.seen)
    yield _check("logo_present", share >= 0.5, share, 0.5, f"{share:.0%} of the logo's ink is there",
                 "Put the kit's logo back")  # fmt: skip
    if meant is None or seen is None or share < 0.5:
        return
    slack = 2.5
    stretch = abs(seen.aspect / meant.aspect - 1)
    allowed = 0.03 + slack / min(meant.width, meant.height)
    yield _check("logo_shape", stretch <= allowed, stretch, round(allowed, 3), f"proportions {stretch:.1%} off",
                 "Scale the logo evenly")  # fmt: skip
    scale = max(abs(seen.width - meant.width), abs(seen.height - meant.height)) / max(meant.width, meant.height)
    limit = 0.03 + slack / max(meant.width, meant.height)
    least = ad.brand.kit.logos[ad.plan.grounded.logo_index].min_width_px
    yield _check("logo_size", scale <= limit and rect.width >= least - 0.5, scale, round(limit, 3),
                 f"size {scale:.1%} off; {rect.width:.0f} px wide, the kit asks for {least}",
                 "Set the logo at its planned size")  # fmt: skip
    off = (
        max(
            abs(seen.left + seen.right - meant.left - meant.right),
            abs(seen.top + seen.bottom - meant.top - meant.bottom),
        )
        / 2
    )
    reach = max(2.0, 0.03 * meant.width)
    yield _check("logo_place", off <= reach, off, round(reach, 1), f"{off:.1f} px off its place",
                 "Put the logo back where the layout has it")  # fmt: skip
    same = measure.agreement(ink.meant, ink.seen)
    yield _check("logo_drawing", same >= 0.75, same, 0.75, f"drawing agrees to {same:.0%}", "Use the kit's own file")
    yield _logo_color(ad, ink)
    intruding = _clear_space(ad, ink, rect)
    yield _check("logo_clear_space", intruding <= 0.012, intruding, 0.012, f"{intruding:.1%} of the clear space is used",
                 f"Keep {ad.clear_px:.0f} px free around the logo")  # fmt: skip
    yield _logo_contrast(ad, ink)


def _logo_color(ad: Delivered, ink: Ink) -> Check:
    """Mean colours of the ink, wherever it is: lightest and darkest half apart, so that a swap of two is seen."""
    off = 0.0
    seen = ink.seen_pixels[measure.core(ink.seen)].astype(float)
    meant = ink.meant_pixels[measure.core(ink.meant)].astype(float)
    for low, high in ((0, 50), (50, 100)):
        off = max(off, float(delta_e00(cielab(_band(seen, low, high)), cielab(_band(meant, low, high)))))
    limit = 4.0 if ad.lossless else 7.0
    return _check(
        "logo_color", off <= limit, off, limit, f"colours ΔE00 {off:.1f} off the logo's", "Use the logo's own colours"
    )


def _band(pixels: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """The mean colour of the pixels between two percentiles of lightness."""
    if not len(pixels):
        return np.zeros(3)
    light = pixels.sum(axis=1)
    a, b = np.percentile(light, [low, high])
    chosen = pixels[(light >= a) & (light <= b)]
    return chosen.mean(axis=0) if len(chosen) else pixels.mean(axis=0)


def _clear_space(ad: Delivered, ink: Ink, rect: Rect) -> float:
    """The share of the clear space where something stands that is not the scene. Next to the logo two pixels of blur
    do not count."""
    left, top = round(max(ink.window.left, 0)), round(max(ink.window.top, 0))
    local = Rect(rect.left - left, rect.top - top, rect.right - left, rect.bottom - top)
    shape = (ink.meant.shape[1], ink.meant.shape[0])
    zone = measure.covered(shape, [local.grown(ad.clear_px)]) & ~measure.covered(shape, [local.grown(3)])
    strange = measure.difference(ink.seen_pixels, ink.ground_pixels) > 40
    return float((zone & strange).sum() / max(zone.sum(), 1))


def _logo_contrast(ad: Delivered, ink: Ink) -> Check:
    around = ink.seen_pixels[measure.ring(ink.seen | ink.meant, 2, 6)]
    pixels = ink.seen_pixels[measure.core(ink.seen)]
    art = np.concatenate([pixels, np.full((len(pixels), 1), 255, np.uint8)], axis=1)[None]
    ratio = logo_contrast(art, around.astype(float)) if len(around) else 21.0
    return _check("logo_contrast", ratio >= LOGO_CONTRAST * 0.95, ratio, LOGO_CONTRAST, f"contrast {ratio:.1f}:1",
                  "Add a variant of the logo for this background to the kit")  # fmt: skip


def _colors(ad: Delivered) -> Iterator[Check]:
    """Scene colours near the kit's, flat colours exactly the kit's, and the scene as it was painted."""
    frame, plan = ad.plan.arrangement.frame, ad.plan
    busy = [place.rect.grown(2) for place in ad.texts]
    busy += [flat.rect.grown(2) for flat in plan.arrangement.flats if flat.kind not in ("sheet", "panel")]
    busy += [plan.arrangement.logo.grown(ad.clear_px)] if plan.arrangement.logo else []
    size = plan.size_px
    taken = measure.covered(size, busy)
    ground = ad.drawings[0]
    if frame.picture is not None and plan.scene is not None:
        panels = [flat.rect for flat in plan.arrangement.flats if flat.kind == "panel"]
        free = measure.covered(size, [frame.picture]) & ~taken & ~measure.covered(size, panels) & ~_product_area(ad)
        pixels = ad.pixels[free]
        if len(pixels) >= 64:
            colors, shares = dominant(pixels)
            main = shares >= DOMINANT_SHARE
            far = distances(colors[main], ad.brand.kit.palette)
            worst = int(far.argmax())
            yield _check("palette", far[worst] <= PALETTE_LIMIT, far[worst], PALETTE_LIMIT,
                         f"the scene's {hex_of(colors[main][worst])} is ΔE00 {far[worst]:.1f} from the nearest kit colour",
                         "Paint the scene again, or allow tints in the kit")  # fmt: skip
            step = max(len(pixels) // 20_000, 1)
            drift = delta_e00(cielab(pixels[::step]), cielab(ground[free][::step]))
            off = float(np.mean(drift))
            yield _check("scene_true", off <= 2.5, off, 2.5, f"the scene is ΔE00 {off:.1f} off the painted one",
                         "Compose the ad again from its picture")  # fmt: skip
    worst_flat, name = 0.0, "no flat colour"
    for kind, hex_color, pixels in flat_areas(ad):
        off = float(delta_e00(cielab(np.median(pixels.astype(float), axis=0)), cielab(rgb_of(hex_color))))
        if off >= worst_flat:
            worst_flat, name = off, f"{kind} {hex_color}"
    yield _check("flat_colors", worst_flat <= FLAT_LIMIT, worst_flat, FLAT_LIMIT, f"{name} is ΔE00 {worst_flat:.2f} off",
                 "Save with less compression, in sRGB")  # fmt: skip


def flat_areas(ad: Delivered) -> Iterator[tuple[str, str, Pixels]]:
    """Each flat colour with the pixels that show nothing else: 3 px inside its edge, away from ink."""
    size = ad.plan.size_px
    ground, meant = ad.drawings
    inked = measure.difference(meant, ground) > 0
    inked = cv2.dilate(inked.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    flats = ad.plan.arrangement.flats
    for index, flat in enumerate(flats):
        inset = flat.rect.grown(-3 if min(flat.rect.width, flat.rect.height) > 12 else -1)
        above = [f.rect.grown(3) for f in flats[index + 1 :]]
        picture = ad.plan.arrangement.frame.picture
        above += [picture.grown(3)] if picture is not None and flat.kind == "sheet" else []
        exact = (ground == np.array(rgb_of(flat.hex), np.uint8)).all(axis=2)
        area = measure.covered(size, [inset]) & ~measure.covered(size, above) & exact
        clean = area & ~inked
        pixels = ad.pixels[clean if clean.sum() >= 16 else area]
        if len(pixels) >= 9:
            yield flat.kind, flat.hex, pixels


def _product_area(ad: Delivered) -> Mask:
    """Pixels of the sheet that the product's alpha touches."""
    width, height = ad.plan.size_px
    mask = np.zeros((height, width), bool)
    product, rect = ad.plan.product, ad.plan.product_rect
    if product is not None and rect is not None:
        left, top = int(rect.left), int(rect.top)
        y0, x0 = max(top, 0), max(left, 0)
        y1, x1 = min(top + product.shape[0], height), min(left + product.shape[1], width)
        if y1 > y0 and x1 > x0:
            mask[y0:y1, x0:x1] = product[y0 - top : y1 - top, x0 - left : x1 - left, 3] > 8
    return mask


def _places(ad: Delivered) -> Iterator[Check]:
    """Words and logo inside the safe zone, nothing on top of anything, nothing there that was not meant."""
    arrangement = ad.plan.arrangement
    safe = safe_rect(ad.spec.format)
    marks = [_ink_rect(place) for place in ad.texts] + ([arrangement.logo] if arrangement.logo else [])
    marks += [flat.rect for flat in arrangement.flats if flat.kind in ("action", "badge", "rule")]
    out = sum(not mark.within(safe, 1.0) for mark in marks)
    ground, meant = ad.drawings
    outside = ~measure.covered(ad.plan.size_px, [safe.grown(2)])
    stray = float(((measure.difference(ad.pixels, ground) > 48) & outside).mean())
    yield _check("safe_zone", not out and stray <= 0.0006, stray, 0.0006,
                 f"{out} parts planned and {stray:.2%} of the sheet drawn outside the safe zone",
                 "Keep words and logo inside the format's safe zone")  # fmt: skip
    overlaps = _overlaps(ad)
    yield _check("overlap", not overlaps, len(overlaps), 0, f"{len(overlaps)} parts lie on one another{overlaps[:1] or ''}",
                 "Shorten the words or choose another layout")  # fmt: skip
    added = (measure.difference(ad.pixels, meant) > 64).astype(np.uint8)
    added = cv2.morphologyEx(added, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    share = float(added.mean())
    yield _check("nothing_added", share <= 0.0012, share, 0.0012, f"{share:.2%} of the sheet is not what was composed",
                 "Compose the ad again; edits belong into the brief")  # fmt: skip


def _overlaps(ad: Delivered) -> list[str]:
    arrangement = ad.plan.arrangement
    parts = [(place.field, _ink_rect(place)) for place in ad.texts]
    parts += [("logo", arrangement.logo)] if arrangement.logo else []
    parts += [("product", arrangement.frame.product)] if arrangement.frame.product else []
    parts += [(flat.kind, flat.rect) for flat in arrangement.flats if flat.kind in ("action", "badge")]
    pairs = []
    for index, (name, rect) in enumerate(parts):
        for other, there in parts[index + 1 :]:
            inside = {name, other} in ({"action"}, {"price", "badge"})
            if rect.grown(-1).meets(there.grown(-1)) and not inside:
                pairs.append(f"{name} and {other}")
    return pairs


def _product(ad: Delivered) -> Iterator[Check]:
    """The customer's pixels, untouched and uncovered, two pixels inside the cut-out's edge."""
    product, rect = ad.plan.product, ad.plan.product_rect
    if product is None or rect is None:
        return
    picture = ad.plan.arrangement.frame.picture or ad.plan.arrangement.frame.sheet
    seen_rect = rect.clipped(picture)
    seen = measure.cut(ad.pixels, seen_rect).astype(np.int16)
    left, top = int(seen_rect.left - rect.left), int(seen_rect.top - rect.top)
    part = product[top : top + seen.shape[0], left : left + seen.shape[1]]
    solid = cv2.erode((part[..., 3] == 255).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if not solid.any():
        return
    off = np.abs(seen - part[..., :3]).max(axis=2)
    limit = 2.0 if ad.lossless else 12.0
    value = float(np.percentile(off[solid], 99.9)) if ad.lossless else float(off[solid].mean())
    yield _check("product_true", value <= limit, value, limit, f"product pixels {value:.1f}/255 off the photo",
                 "Lay the product's own pixels on again")  # fmt: skip
    blocks = cv2.blur((off * solid).astype(np.float32), (7, 7))
    hidden = float(((blocks > 36) & solid).sum() / solid.sum())
    yield _check("product_unoccluded", hidden <= 0.004, hidden, 0.004, f"{hidden:.1%} of the product is covered",
                 "Keep words and stickers off the product")  # fmt: skip


def _ink_rect(place: TextPlace) -> Rect:
    """The words' own extent inside their measure."""
    slack = max(place.rect.width - place.block.ink_width_px, 0.0)
    start = {"left": 0.0, "center": slack / 2, "right": slack}[place.block.style.align]
    left = place.rect.left + start
    return Rect(left, place.rect.top, left + min(place.block.ink_width_px, place.rect.width), place.rect.bottom)


def _ink_window(place: TextPlace) -> Rect:
    return _ink_rect(place).grown(max(4.0, 0.2 * place.block.style.size_px))


Part = Callable[[Delivered], Iterator[Check]]
