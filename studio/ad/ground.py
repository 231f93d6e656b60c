"""What words and logo stand on: the ink that reads there, and a scrim only as strong as measured contrast needs.

WCAG gives no sampling rule for text over pictures. Ours: the 5th percentile of the contrast ratio over the pixels of
each text's rectangle. Large text is 24/11 of the format's smallest size and more (WCAG's 24 CSS px, with the smallest
size taken as 11 CSS px): it needs 3, all other text 4.5. A logo needs 3 (WCAG's non-text contrast), though logotypes
are exempt. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from studio.ad.layout import Arrangement, Flat, TextPlace, recoloured
from studio.brand.fonts import FontSet
from studio.color import cielab, contrast, contrast_hex, delta_e00, hex_of, luminance, mix, oklab, rgb_of
from studio.geometry import Rect
from studio.model import BrandKit, Role

Pixels = NDArray[np.uint8]
_Need = tuple[NDArray[np.float64], float]
LARGE_TEXT_FACTOR = 24 / 11
LOGO_CONTRAST = 3.0
_MARGIN = 1.06
"""Aim a little above the limit: compression moves the pixels behind the words."""


@dataclass(frozen=True)
class Scrim:
    """A veil of one tint or shade of the scene: full strength over `rect`, which reaches the picture's edge on `side`,
    then fading to nothing over `fade_px` away from that edge."""

    rect: Rect
    side: Literal["left", "top", "right", "bottom"]
    hex: str
    alpha: float
    fade_px: float


@dataclass(frozen=True)
class Grounded:
    """An arrangement with every colour decided. `logo_index` is the kit's variant that reads best where it stands."""

    arrangement: Arrangement
    scrims: tuple[Scrim, ...]
    logo_index: int | None


def needed_contrast(place: TextPlace, min_text_px: float) -> float:
    """The WCAG AA ratio these words need."""
    return 3.0 if place.block.style.size_px >= LARGE_TEXT_FACTOR * min_text_px else 4.5


def low_contrast(pixels: NDArray[np.generic], ink: Sequence[int]) -> float:
    """The 5th percentile of the contrast between `ink` and every pixel."""
    return float(np.percentile(contrast(pixels.reshape(-1, 3), np.asarray(ink)), 5))


def settle_colors(
    arrangement: Arrangement, kit: BrandKit, fonts: FontSet, scene: Pixels | None, logos: Sequence[Pixels]
) -> Grounded:
    """Choose inks, button and logo colours and scrims. `scene` is the picture as it will lie in its rectangle;
    `logos` are small renderings (RGBA) of the kit's variants."""
    view = _View(arrangement, scene)

    # 1. Flat areas take their role's colour; a button takes the first one that stands out from what is behind it.
    flats = [replace(flat, hex=kit.hex(flat.role)) for flat in arrangement.flats]
    behind = {flat.kind: flat.hex for flat in flats}
    flats = [replace(f, hex=_button_hex(f, kit, view, behind)) if f.kind == "action" else f for f in flats]
    behind = {flat.kind: flat.hex for flat in flats}

    # 2. Words on flat colour: the first brand ink that reads.
    texts: list[TextPlace] = []
    least = arrangement.frame.min_text_px
    on_scene = [place for place in arrangement.texts if place.ground == "scene"]
    for place in arrangement.texts:
        if place.ground != "scene":
            need = max(needed_contrast(p, least) for p in arrangement.texts if p.ground == place.ground)
            texts.append(recoloured(place, flat_ink(kit, behind[place.ground], need), fonts))

    # 3. Words on the scene share one ink, and a scrim where the scene is not quiet enough.
    scrims: list[Scrim] = []
    if on_scene:
        ink, scrims = _scene_ink(on_scene, kit, view, least)
        texts += [recoloured(place, ink, fonts) for place in on_scene]

    # 4. The logo variant that reads, on a plate of brand colour if none does.
    logo_index = None
    if arrangement.logo is not None and logos:
        logo_index, plate = _logo_choice(arrangement.logo, kit, logos, view, behind, scrims)
        flats += [plate] if plate else []
    order = {id(place): index for index, place in enumerate(arrangement.texts)}
    texts.sort(
        key=lambda place: next((i for i, p in enumerate(arrangement.texts) if p.field == place.field), len(order))
    )
    return Grounded(replace(arrangement, flats=tuple(flats), texts=tuple(texts)), tuple(scrims), logo_index)


def flat_ink(kit: BrandKit, ground_hex: str, need: float) -> str:
    """The brand ink for words on a flat colour: light inks first on a deep or saturated ground, the text colour
    first on a pale one; at last black or white, one of which always reads."""
    pale = float(oklab(rgb_of(ground_hex))[0]) > 0.72
    light: tuple[Role, ...] = ("surface", "background")
    order: tuple[Role, ...] = ("text", *light) if pale else (*light, "text")
    inks = [kit.hex(role) for role in order]
    for ink in [*inks, "#ffffff", "#000000"] if not pale else inks:
        if contrast_hex(ink, ground_hex) >= need:
            return ink
    return max([*inks, "#000000", "#ffffff"], key=lambda ink: contrast_hex(ink, ground_hex))


class _View:
    """The scene's pixels under a rectangle of the sheet, thinned to a few thousand."""

    def __init__(self, arrangement: Arrangement, scene: Pixels | None) -> None:
        self.rect, self.scene = arrangement.frame.picture, scene
        self.panel = arrangement.frame.panel

    def under(self, rect: Rect) -> NDArray[np.float64]:
        if self.scene is None or self.rect is None:
            return np.empty((0, 3))
        left, top, right, bottom = rect.clipped(self.rect).rounded()
        left, right = left - int(self.rect.left), right - int(self.rect.left)
        top, bottom = top - int(self.rect.top), bottom - int(self.rect.top)
        patch = self.scene[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        step = max(int((patch.shape[0] * patch.shape[1] / 2400) ** 0.5), 1)
        return patch[::step, ::step].reshape(-1, 3).astype(np.float64)


def _button_hex(flat: Flat, kit: BrandKit, view: _View, behind: dict[str, str]) -> str:
    """The first role whose colour stands 3:1 off what is behind the button; else the one that stands off most."""
    pixels = view.under(flat.rect)
    on_panel = view.panel is not None and flat.rect.within(view.panel, 1)
    on_scene = len(pixels) and not on_panel
    ground = np.median(pixels, axis=0) if on_scene else np.array(rgb_of(behind["panel" if on_panel else "sheet"]))
    roles: tuple[Role, ...] = ("primary", "accent", "text", "surface", "secondary", "background")
    colors = [kit.hex(role) for role in roles]
    for color in colors:
        label = contrast_hex(flat_ink(kit, color, 4.5), color)
        if float(contrast(rgb_of(color), ground)) >= 3 and label >= 4.5:
            return color
    return max(colors, key=lambda color: float(contrast(rgb_of(color), ground)))


def _scene_ink(places: list[TextPlace], kit: BrandKit, view: _View, min_text_px: float) -> tuple[str, list[Scrim]]:
    """One ink for all words on the scene: the one that needs the weakest veil. The legal line stands apart and has its
    own."""
    groups = [[p for p in places if p.field != "legal"], [p for p in places if p.field == "legal"]]
    groups = [group for group in groups if group]
    grounds: list[list[_Need]] = []
    for group in groups:
        seen = [(view.under(p.ink.grown(2)), needed_contrast(p, min_text_px) * _MARGIN) for p in group]
        grounds.append([(pixels, need) for pixels, need in seen if len(pixels)])
    inks = list(dict.fromkeys([kit.hex("text"), kit.hex("surface"), kit.hex("background")]))
    ink, veil, alpha = inks[0], "", 2.0
    for one in inks:
        found, strength = _weakest_veil(grounds[0], one)
        if strength < alpha:
            ink, veil, alpha = one, found, strength
        if not alpha:
            break
    scrims = [_veil(groups[0], min_text_px, view.rect, veil, alpha)] if alpha else []
    for group, ground in zip(groups[1:], grounds[1:], strict=True):
        veil, alpha = _weakest_veil(ground, ink)
        scrims += [_veil(group, min_text_px, view.rect, veil, alpha)] if alpha else []
    return ink, scrims


def _weakest_veil(grounds: list[_Need], ink: str) -> tuple[str, float]:
    """The veil for this ink, a tint or shade of what is there, and the least strength at which every ground reads."""
    if all(low_contrast(pixels, rgb_of(ink)) >= need for pixels, need in grounds):
        return ink, 0.0
    there = hex_of(np.median(np.concatenate([pixels for pixels, _ in grounds]), axis=0))
    end = "#ffffff" if float(luminance(rgb_of(ink))) < 0.18 else "#000000"
    need = max(need for _, need in grounds)
    veil = next((v for v in (mix(there, end, 0.7), mix(there, end, 0.85)) if contrast_hex(v, ink) >= need), end)
    return veil, _veil_alpha(grounds, rgb_of(ink), rgb_of(veil))


def _veil(group: list[TextPlace], min_text_px: float, picture: Rect | None, hex_color: str, alpha: float) -> Scrim:
    """A veil over the words that grows out of the picture's nearest edge, so that it reads as light, not as a box."""
    words = Rect(
        min(p.ink.left for p in group),
        min(p.ink.top for p in group),
        max(p.ink.right for p in group),
        max(p.ink.bottom for p in group),
    ).grown(0.35 * min_text_px)
    assert picture is not None
    across, down = (words.left + words.right) / 2, (words.top + words.bottom) / 2
    # Words as wide as half the picture, or in its middle, are reached from above or below.
    if words.width > 0.55 * picture.width or abs(across - (picture.left + picture.right) / 2) < 0.1 * picture.width:
        top = down < (picture.top + picture.bottom) / 2
        rect = picture._replace(bottom=words.bottom) if top else picture._replace(top=words.top)
        return Scrim(rect, "top" if top else "bottom", hex_color, alpha, 0.16 * picture.height)
    left = across < (picture.left + picture.right) / 2
    rect = picture._replace(right=words.right) if left else picture._replace(left=words.left)
    return Scrim(rect, "left" if left else "right", hex_color, alpha, 0.22 * picture.width)


def _veil_alpha(grounds: list[_Need], ink: tuple[int, int, int], veil: tuple[int, int, int]) -> float:
    """The least strength at which every ground reads, to a hundredth."""
    low, high = 0.0, 1.0
    for _ in range(7):
        middle = (low + high) / 2
        good = all(low_contrast(p * (1 - middle) + np.array(veil) * middle, ink) >= need for p, need in grounds)
        low, high = (low, middle) if good else (middle, high)
    return round(min(high + 0.01, 1.0), 3)


def _logo_choice(
    rect: Rect, kit: BrandKit, logos: Sequence[Pixels], view: _View, behind: dict[str, str], scrims: list[Scrim]
) -> tuple[int, Flat | None]:
    pixels = view.under(rect)
    on_panel = view.panel is not None and rect.within(view.panel, 1)
    on_scene = bool(len(pixels)) and not on_panel
    ground = pixels if on_scene else np.array([rgb_of(behind["panel" if on_panel else "sheet"])], float)
    for scrim in scrims if on_scene else ():
        if rect.within(scrim.rect):
            ground = ground * (1 - scrim.alpha) + np.array(rgb_of(scrim.hex)) * scrim.alpha
    light = bool(np.median(luminance(ground)) > 0.36)
    # A variant drawn for this kind of ground wins while it reads whole; else whichever reads.
    suited = [i for i, logo in enumerate(kit.logos[: len(logos)]) if logo.on in ("any", "light" if light else "dark")]
    for index in dict.fromkeys([*suited, *range(len(logos))]):
        if _reading(logos[index], ground) >= LOGO_CONTRAST * (_MARGIN if on_scene else 1.0):
            return index, None
    roles: tuple[Role, ...] = ("surface", "background", "text", "primary")
    options: list[tuple[float, int, int, Role]] = [
        (_reading(art, np.array([rgb_of(kit.hex(role))], float)), -order, index, role)
        for index, art in enumerate(logos)
        for order, role in enumerate(roles)
    ]
    good = [option for option in options if option[0] >= LOGO_CONTRAST]
    _, _, index, role = max(good, key=lambda option: option[1]) if good else max(options)
    margin = max(kit.logos[index].clear_space_fraction, 0.15) * rect.height
    return index, Flat("plate", rect.grown(margin), margin, role, kit.hex(role))


def _reading(art: Pixels, ground: NDArray[np.float64]) -> float:
    """The logo's contrast, halved where a part of it vanishes."""
    return logo_contrast(art, ground) * (1.0 if _whole(art, ground) else 0.5)


def _whole(art: Pixels, ground: NDArray[np.float64]) -> bool:
    """Whether no part of the logo vanishes: less than a twentieth of its ink is nearly the ground's own colour."""
    opaque = art[art[..., 3] > 200][:, :3]
    if not len(opaque) or not len(ground):
        return True
    near = delta_e00(cielab(opaque[:: max(len(opaque) // 600, 1)]), cielab(np.median(ground, axis=0))) < 8.0
    return float(near.mean()) < 0.05


def logo_contrast(art: Pixels, ground: NDArray[np.float64]) -> float:
    """The contrast that half of the logo's ink (RGBA rendering) reaches against the middle of its ground."""
    opaque = art[art[..., 3] > 200][:, :3]
    if not len(opaque) or not len(ground):
        return 1.0
    return float(np.median(contrast(opaque[:: max(len(opaque) // 600, 1)], np.median(ground, axis=0))))
