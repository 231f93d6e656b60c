"""Drift over a batch: what must be the same in every ad, measured. Pure.

Each ad leaves a `Trace` of what it really showed. A colour is compared over the whole batch, a logo's size with what
its own layout planned: families and formats differ by design, and that is no drift.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from studio.ad.delivered import Delivered
from studio.ad.surface import PALETTE_LIMIT, flat_areas
from studio.color import cielab, delta_e00
from studio.results import Check, Score, Trace

FLAT_DRIFT = 2.0
"""Two ads may each be off by 1 after encoding, on different sides."""
LOGO_DRIFT = 6.0
"""As far as one compressed logo may be off its kit's colours."""
SIZE_DRIFT = 0.04
SPREAD_LIMIT = 0.35
"""Words of different length may leave a logo less room in the same layout, but not much."""
SCENE_SHARE = 0.95


def trace(ad: Delivered, score: Score) -> Trace:
    """What this ad shows of the brand, taken from its own score: each flat colour as measured, how far the logo is from
    its planned size and colours, the faces in use, the scene's farthest dominant colour."""
    flats: dict[str, tuple[float, float, float]] = {}
    for flat, cells in flat_areas(ad, []):
        red, green, blue = np.median(np.concatenate(cells).astype(float), axis=0)
        flats[f"{flat.kind} {flat.hex}"] = (float(red), float(green), float(blue))
    values = {check.id: check.value for check in score.checks}
    rect, index = ad.plan.arrangement.logo, ad.plan.grounded.logo_index
    logo: tuple[float, ...] = ()
    if rect is not None and index is not None and "logo_color" in values:
        logo = (float(index), float(values["logo_size"]), float(values["logo_color"]))
    faces = {ad.brand.fonts.face(place.block.style.role).family for place in ad.texts}
    if any(check.id == "type_family" and not check.passed for check in score.checks):
        faces.add("letters of no kit face")
    return Trace(
        format_id=ad.spec.format.id,
        layout=ad.spec.layout,
        flats=flats,
        logo=logo,
        logo_planned_px=round(rect.width, 2) if rect is not None and logo else 0.0,
        faces=tuple(sorted(faces)),
        scene_off=float(values["palette"]) if "palette" in values else None,
    )


def drift(traces: Sequence[Trace]) -> tuple[Check, ...]:
    """The batch's own checks: flat colours, logo, type and scene colours hold still from ad to ad."""
    return (_flats(traces), _logo_color(traces), _logo_size(traces), _type(traces), _scenes(traces))


def _check(name: str, passed: bool, value: float, limit: float, message: str, fix: str) -> Check:
    return Check(
        id=f"drift_{name}", passed=bool(passed), value=round(float(value), 3), limit=limit, message=message,
        fix="" if passed else fix,
    )  # fmt: skip


def _widest(colors: Sequence[tuple[float, ...]]) -> float:
    """The largest CIEDE2000 between any two of some sRGB colours."""
    lab = cielab(np.array(list(dict.fromkeys(tuple(round(v, 1) for v in color) for color in colors))))
    return float(delta_e00(lab[:, None], lab[None, :]).max())


def _flats(traces: Sequence[Trace]) -> Check:
    """The same swatch in any two ads of the batch."""
    seen: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for one in traces:
        for name, color in one.flats.items():
            seen[name.split(" ")[-1]].append(color)
    worst, name = max(((_widest(colors), name) for name, colors in seen.items()), default=(0.0, "no flat colour"))
    return _check("flat_colors", worst <= FLAT_DRIFT, worst, FLAT_DRIFT,
                  f"{name} differs by ΔE00 {worst:.2f} between two ads",
                  "Raise the byte limit or the quality")  # fmt: skip


def _logo_color(traces: Sequence[Trace]) -> Check:
    """How far any logo's ink is from the kit's own drawing of it at that place: the same drawing for all."""
    worst = max((one.logo[2] for one in traces if one.logo), default=0.0)
    return _check("logo_color", worst <= LOGO_DRIFT, worst, LOGO_DRIFT,
                  f"the logo's ink is up to ΔE00 {worst:.2f} off the kit's",
                  "Make the batch again from one kit")  # fmt: skip


def _logo_size(traces: Sequence[Trace]) -> Check:
    """Each logo against its planned size, and planned widths of one format and layout among each other."""
    known = [one for one in traces if one.logo]
    groups: dict[tuple[str, str, float], list[float]] = defaultdict(list)
    for one in known:
        groups[one.format_id, one.layout, one.logo[0]].append(one.logo_planned_px)
    spread = max((max(widths) / min(widths) - 1 for widths in groups.values()), default=0.0)
    worst = max((one.logo[1] for one in known), default=0.0)
    return _check("logo_size", worst <= SIZE_DRIFT and spread <= SPREAD_LIMIT, worst, SIZE_DRIFT,
                  f"a logo is {worst:.1%} off its planned size; planned widths of one format and layout differ by "
                  f"{spread:.0%}", "Make the batch again from one kit, with words of like length")  # fmt: skip


def _type(traces: Sequence[Trace]) -> Check:
    """No more families than a kit has, heading and body, and no letters of another."""
    faces = sorted({face for one in traces for face in one.faces})
    return _check("type", len(faces) <= 2, len(faces), 2, f"{len(faces)} families in the batch: {', '.join(faces)}",
                  "Set all words in the kit's faces")  # fmt: skip


def _scenes(traces: Sequence[Trace]) -> Check:
    """The share of painted ads whose dominant scene colours are all within ΔE00 5 of the kit's."""
    off = [one.scene_off for one in traces if one.scene_off is not None]
    share = sum(value <= PALETTE_LIMIT for value in off) / len(off) if off else 1.0
    return _check("scene_colors", share >= SCENE_SHARE, share, SCENE_SHARE,
                  f"{share:.0%} of the scenes keep to the kit's colours",
                  "Paint the scenes that are off again")  # fmt: skip
