"""A second opinion on an inferred brand: is what was proposed really painted? Measured on a screenshot. Pure.

A screenshot is one window without scripts: what lies further down or is drawn by a script is not on it. So it may make
a proposal surer or less sure, but takes none away, and it does not speak at all of a page that shows next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio.brand.art.palette import chroma_of
from studio.brand.site.proposals import Colour, Proposals
from studio.color import cielab, delta_e00, delta_e00_hex, hex_of, rgb_of
from studio.pixels import Rgba

NEAR = 3.0
"""CIEDE2000 within which a pixel has a proposal's colour: nearer than two proposals ever are."""
UNPAINTED = 0.00005
"""Share of all pixels, photos and letters included, under which a colour is painted nowhere."""
PAINTED = 0.0005
"""Share of flat pixels from which on a colour is surely painted: half a button of a 1440×1800 window."""
GROUND = 0.5
"""Share of all pixels that one flat colour needs to be called the page's ground."""
EMPTY = 0.97
"""Share of the ground from which on the page shows too little: a curtain while it loads, or a script's empty frame."""
_SURER, _LESS_SURE, _FULL_SHARE = 0.25, 0.8, 0.005
_COLOURFUL, _LARGE = 0.06, 0.02
_MOST_WARNINGS = 40


@dataclass(frozen=True)
class Painted:
    """What a screenshot is painted with, the flat colours with the most pixels first.

    `flat` and `whole` are shares of all pixels (0–1): in areas of exactly that colour, and anywhere."""

    hexes: tuple[str, ...]
    flat: NDArray[np.float64]
    whole: NDArray[np.float64]
    lab: NDArray[np.float64]

    def near(self, hex_color: str) -> tuple[float, float]:
        """Shares of flat pixels and of all pixels within `NEAR` of a colour."""
        if not self.hexes:
            return 0.0, 0.0
        close = delta_e00(self.lab, cielab(rgb_of(hex_color))) <= NEAR
        return float(self.flat[close].sum()), float(self.whole[close].sum())


def painted(pixels: Rgba) -> Painted:
    """The colours of an H×W×4 uint8 screenshot. A flat pixel equals its four neighbours, so photos and the edges of
    letters are not flat; colours of a few pixels only are left out."""
    keys = pixels[..., :3].astype(np.int32) @ np.array([65536, 256, 1], np.int32)
    flat = np.zeros(keys.shape, bool)
    middle = keys[1:-1, 1:-1]
    flat[1:-1, 1:-1] = (
        (middle == keys[:-2, 1:-1])
        & (middle == keys[2:, 1:-1])
        & (middle == keys[1:-1, :-2])
        & (middle == keys[1:-1, 2:])
    )
    found, place, counts = np.unique(keys, return_inverse=True, return_counts=True)
    areas = np.bincount(place.ravel(), flat.ravel(), len(found))
    # The many shades of a photo, a few pixels each, say nothing and take long.
    kept = np.flatnonzero(counts >= max(1, 4e-6 * keys.size))
    kept = kept[np.lexsort((-counts[kept], -areas[kept]))]
    rgb = np.stack([found[kept] >> 16, found[kept] >> 8 & 255, found[kept] & 255], axis=1)
    hexes = tuple(hex_of(colour) for colour in rgb)
    return Painted(hexes, areas[kept] / keys.size, counts[kept] / keys.size, cielab(rgb))


def second_opinion(found: Proposals, pixels: Rgba) -> Proposals:
    """`found` with the confidence of its colours changed by what the screenshot shows, and a line in `warnings`.

    A primary or ground that is painted flat gains at most a quarter of what it lacks; a primary that is painted nowhere
    keeps eight tenths. A flat colour that dominates is put first among the ground's alternatives, or in its place if
    the old ground is painted nowhere. Order within a role is by confidence. Accents and text stay: how large an accent
    is painted says nothing, since notes and pale stripes are painted largest."""
    seen = painted(pixels)
    ground, share = _ground(seen)
    if share >= EMPTY or not seen.hexes:
        return _with(found, found.palette, "In a screenshot, the page is all but empty: it says nothing of the colours")
    judged = [colour for colour in found.palette if colour.role in ("primary", "background")]
    remarks = [_remark(colour, seen) for colour in judged]
    uncovered = _uncovered(found, seen)
    palette = [_checked(colour, seen, uncovered) if colour in judged else colour for colour in found.palette]
    # A curtain, or a veil behind a notice, hides the words too; and brands paint curtains in their own colour.
    if ground and uncovered and not any(c.role == "primary" and _same(c.hex, ground) for c in found.palette):
        palette = [_grounded(colour, seen, ground, share) for colour in palette]
    if strong := _strongest(found, seen, ground):
        remarks.append(f"{strong[0]}, which is not proposed, covers {percent(strong[1])}")
    places = {role: place for place, role in enumerate(dict.fromkeys(colour.role for colour in found.palette))}
    palette.sort(key=lambda colour: (places[colour.role], -colour.confidence))
    return _with(found, tuple(palette), "In a screenshot, " + "; ".join(dict.fromkeys(remarks)) if remarks else "")


def _same(one: str, other: str) -> bool:
    return delta_e00_hex(one, other) <= NEAR


def percent(share: float) -> str:
    """A share 0–1 for people: `61 %`, `0.3 %`, `less than 0.1 %`."""
    return "less than 0.1 %" if share < 0.001 else f"{100 * share:.1f} %" if share < 0.0995 else f"{100 * share:.0f} %"


def _ground(seen: Painted) -> tuple[str, float]:
    """The flat colour that most is painted with, and its share with near shades; "" where none dominates."""
    if not seen.hexes:
        return "", 0.0
    share = seen.near(seen.hexes[0])[0]
    return (seen.hexes[0], share) if share >= GROUND else ("", share)


def _uncovered(found: Proposals, seen: Painted) -> bool:
    """Whether the page itself is to be seen: its words are there in their colour."""
    return any(seen.near(colour.hex)[1] >= UNPAINTED for colour in found.palette if colour.role == "text")


def _checked(colour: Colour, seen: Painted, uncovered: bool) -> Colour:
    flat, whole = seen.near(colour.hex)
    sure = colour.confidence
    if flat >= PAINTED:
        # Up to what proposals have at most; how far beyond half a percent says nothing more.
        sure = max(sure, min(0.97, sure + _SURER * (1.0 - sure) * min(1.0, flat / _FULL_SHARE)))
    elif colour.role == "primary" and whole < UNPAINTED and uncovered:
        sure *= _LESS_SURE
    return colour.model_copy(update={"confidence": round(sure, 2)})


def _grounded(colour: Colour, seen: Painted, ground: str, share: float) -> Colour:
    """The background proposal beside the ground that the screenshot shows."""
    own = colour.hex
    if colour.role != "background" or seen.near(own)[0] >= share / 2:
        return colour
    others = tuple(hex_ for hex_ in colour.alternatives if hex_ != ground)
    if seen.near(own)[1] >= UNPAINTED:
        return colour.model_copy(update={"alternatives": (ground, *others)})
    source = f"screenshot: {percent(share)} of the page"
    sure = round(0.35 + 0.5 * share, 2)
    return Colour(hex=ground, role="background", source=source, confidence=sure, alternatives=(own, *others))


def _remark(colour: Colour, seen: Painted) -> str:
    flat, whole = seen.near(colour.hex)
    if flat >= PAINTED:
        return f"{colour.hex} covers {percent(flat)}"
    return f"{colour.hex} is not painted" if whole < UNPAINTED else f"{colour.hex} is in details only"


def _strongest(found: Proposals, seen: Painted, ground: str) -> tuple[str, float] | None:
    """The largest colourful flat area that nothing proposed accounts for."""
    known = [hex_ for colour in found.palette for hex_ in (colour.hex, *colour.alternatives)] + [ground] * bool(ground)
    labs = cielab([rgb_of(hex_) for hex_ in known]) if known else np.zeros((0, 3))
    for hex_, lab in zip(seen.hexes[:40], seen.lab, strict=False):
        if chroma_of(hex_) < _COLOURFUL or (len(labs) and float(delta_e00(labs, lab).min()) <= NEAR):
            continue
        if (share := seen.near(hex_)[0]) >= _LARGE:
            return hex_, share
    return None


def _with(found: Proposals, palette: tuple[Colour, ...], line: str) -> Proposals:
    warnings = (*found.warnings[: _MOST_WARNINGS - 1], line) if line else found.warnings
    return found.model_copy(update={"palette": palette, "warnings": warnings})
