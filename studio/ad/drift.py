"""Drift over a batch: what must be the same in every ad of a format, measured. Pure.

Each ad leaves a `Trace` of what it really showed; drift is the largest distance between two traces of one format.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from studio.ad import measure
from studio.ad.score import Delivered, flat_areas
from studio.color import cielab, delta_e00
from studio.model import Check, Trace

FLAT_DRIFT = 1.0
LOGO_DRIFT = 2.0
SIZE_DRIFT_PX = 1.5


def trace(ad: Delivered) -> Trace:
    """What this ad shows of the brand: the colour of each flat, the logo's mean ink and width, the faces in use."""
    flats: dict[str, tuple[float, float, float]] = {}
    for kind, hex_color, pixels in flat_areas(ad):
        red, green, blue = np.median(pixels.astype(float), axis=0)
        flats[f"{kind} {hex_color}"] = (float(red), float(green), float(blue))
    logo: tuple[float, ...] = ()
    ink, index = ad.logo_ink, ad.plan.grounded.logo_index
    if ink is not None and index is not None and (seen := measure.extent(ink.seen)) is not None:
        mean = ink.seen_pixels[measure.core(ink.seen)].astype(float).mean(axis=0)
        logo = (float(index), seen.width, *map(float, mean))
    faces = sorted({f"{ad.brand.fonts.face(p.block.style.role).family}" for p in ad.texts})
    return Trace(format_id=ad.spec.format.id, layout=ad.spec.layout, flats=flats, logo=logo, faces=tuple(faces))


def drift(traces: Sequence[Trace]) -> tuple[Check, ...]:
    """The batch's own checks: flat colours, logo and type hold still from ad to ad."""
    return (_flats(traces), _logo(traces), _type(traces))


def _flats(traces: Sequence[Trace]) -> Check:
    """The same swatch in any two ads of the batch, in CIEDE2000."""
    seen: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for one in traces:
        for name, color in one.flats.items():
            seen[name.split(" ")[1]].append(color)
    worst, name = 0.0, "no flat colour"
    for hex_color, colors in seen.items():
        lab = cielab(np.array(list(dict.fromkeys(colors))))
        far = float(delta_e00(lab[:, None], lab[None, :]).max())
        if far > worst:
            worst, name = far, hex_color
    return Check(
        id="drift_flat_colors", passed=worst <= FLAT_DRIFT, value=round(worst, 3), limit=FLAT_DRIFT,
        message=f"{name} differs by ΔE00 {worst:.2f} between two ads", fix="Raise the byte limit or the quality",
    )  # fmt: skip


def _logo(traces: Sequence[Trace]) -> Check:
    """The same variant in the same format and layout: its width and its ink."""
    groups: dict[tuple[str, str, float], list[tuple[float, ...]]] = defaultdict(list)
    for one in traces:
        if one.logo:
            groups[one.format_id, one.layout, one.logo[0]].append(one.logo[1:])
    widest = farthest = 0.0
    for group in groups.values():
        widths = [logo[0] for logo in group]
        widest = max(widest, max(widths) - min(widths))
        lab = cielab(np.array([logo[1:] for logo in group]))
        farthest = max(farthest, float(delta_e00(lab[:, None], lab[None, :]).max()))
    return Check(
        id="drift_logo", passed=widest <= SIZE_DRIFT_PX and farthest <= LOGO_DRIFT, value=round(farthest, 3),
        limit=LOGO_DRIFT, message=f"logo ink differs by ΔE00 {farthest:.2f}, width by {widest:.1f} px",
        fix="Make the batch again from one kit",
    )  # fmt: skip


def _type(traces: Sequence[Trace]) -> Check:
    sets = {face for one in traces for face in one.faces}
    limit = 2
    return Check(
        id="drift_type", passed=len(sets) <= limit, value=len(sets), limit=limit,
        message=f"{len(sets)} families in the batch: {', '.join(sorted(sets))}", fix="Set all words in the kit's faces",
    )  # fmt: skip
