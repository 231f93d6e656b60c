"""Scene, flat colours and product of a finished ad, and whatever else may be on it. Pure.

Each pixel of the sheet has one owner: words, logo, product, flat colour or scene. What no owner's check explains was
added.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio.ad import measure
from studio.ad.delivered import Delivered, check
from studio.ad.layout import Flat
from studio.ad.measure import Mask, Pixels
from studio.brief.frame import safe_rect
from studio.color import cielab, delta_e00, hex_of, rgb_of
from studio.geometry import Rect
from studio.picture.palette import DOMINANT_SHARE, distances, dominant
from studio.results import Check

PALETTE_LIMIT = 5.0
FLAT_LIMIT = 1.0
CELL_SLACK = 1.6
"""How much farther than the whole area one cell of a compressed file may be off."""
FLAT_LIMIT_WEBP = 2.5
"""Lossy WebP keeps colours as 8-bit limited-range YUV: rounding alone moves a dark colour by more than 2."""
SCENE_LIMIT = 1.2
ADDED_LIMIT = 0.0006
BLOCKING_LIMIT = 0.52
"""JPEG 30, the least that is delivered, steps by up to 0.45 at its blocks, JPEG 6 by 0.54 and more."""
_CELL_PX = 8
"""Scene colours are compared on means of cells this wide: JPEG's own block, whose mean it keeps."""


@dataclass(frozen=True, eq=False)
class SceneView:
    """The scene as far as nothing else lies on it. `off` is its mean CIEDE2000 from the painted one, `far` that of its
    dominant colours from the kit's, with the worst of them."""

    off: float
    far: float
    worst_hex: str

    @property
    def true(self) -> bool:
        return self.off <= SCENE_LIMIT


def read_scene(ad: Delivered) -> SceneView | None:
    """The scene, or None where the ad has none to speak of."""
    frame, plan = ad.plan.arrangement.frame, ad.plan
    if frame.picture is None or plan.scene is None:
        return None
    flats = [flat.rect for flat in plan.arrangement.flats if flat.kind != "sheet"]
    veils = [scrim.rect.grown(scrim.fade_px) for scrim in plan.grounded.scrims]
    free = ad.mask([frame.picture], -2) & ~ad.mask(_written(ad), 2) & ~ad.mask(flats, 4) & ~ad.product_mask(5)
    seen, meant, _ = ad.small
    if free.sum() < 64:
        return None
    off = _scene_off(seen, meant, free)
    bare = free & ~ad.mask(veils)
    pixels = seen[bare if bare.sum() >= 64 else free]
    colors, shares = dominant(pixels)
    main = shares >= DOMINANT_SHARE
    far = distances(colors[main], ad.brand.kit.palette)
    worst = int(far.argmax())
    return SceneView(off, float(far[worst]), hex_of(colors[main][worst]))


def scene_checks(scene: SceneView | None) -> Iterator[Check]:
    """The scene's colours near the kit's, and the scene as it was painted."""
    if scene is None:
        return
    yield check("palette", scene.far <= PALETTE_LIMIT, scene.far, PALETTE_LIMIT,
                f"the scene's {scene.worst_hex} is ΔE00 {scene.far:.1f} from the nearest kit colour",
                "Paint the scene again, or allow tints in the kit")  # fmt: skip
    yield check("scene_true", scene.true, scene.off, SCENE_LIMIT,
                f"the scene is ΔE00 {scene.off:.1f} off the painted one",
                "Compose the ad again from its picture")  # fmt: skip


def _written(ad: Delivered) -> list[Rect]:
    """Where words and logo stand, with the room their own checks look at."""
    rects = [place.ink.grown(0.25 * place.block.style.size_px) for place in ad.texts]
    logo = ad.plan.arrangement.logo
    return [*rects, logo.grown(3)] if logo else rects


def _scene_off(seen: Pixels, meant: Pixels, free: Mask) -> float:
    """Mean CIEDE2000 between means of cells that are mostly free."""
    height, width = free.shape
    size = max(width // _CELL_PX, 1), max(height // _CELL_PX, 1)
    weight = cv2.resize(free.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    good = weight > 0.5 if (weight > 0.5).sum() >= 4 else weight > 0
    step = max(int(good.sum() // 4000), 1)

    def means(pixels: Pixels) -> NDArray[np.float64]:
        masked = cv2.bitwise_and(pixels, pixels, mask=free.astype(np.uint8))
        small = cv2.resize(masked.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        return (small[good] / weight[good][:, None]).astype(np.float64)[::step]

    return float(np.mean(delta_e00(cielab(means(seen)), cielab(means(meant)))))


# ------------------------------------------------------------------------------------------------ flat colours


def flat_areas(ad: Delivered, owned: list[Rect]) -> Iterator[tuple[Flat, list[Pixels]]]:
    """Each flat colour with the pixels that show nothing else, in up to sixteen cells: 3 px inside its edge, away from
    ink and from `owned` (where moved words and logo stand), where the drawing has exactly that colour. Thin rules are
    left to `nothing_added`: JPEG blurs them."""
    ground, meant = ad.drawings
    flats = ad.plan.arrangement.flats
    picture = ad.plan.arrangement.frame.picture
    sheet = ad.plan.arrangement.frame.sheet
    for index, flat in enumerate(flats):
        if min(flat.rect.width, flat.rect.height) <= 12:
            continue
        area = flat.rect.grown(-3).clipped(sheet)
        part, drawn, seen = (measure.cut(pixels, area) for pixels in (ground, meant, ad.pixels))
        if not part.size:
            continue
        color = np.array(rgb_of(flat.hex), np.uint8)
        exact = cv2.inRange(part, color, color) > 0  # type: ignore[call-overload]
        inked = measure.difference(drawn, part) > 0
        left, top, _, _ = (max(v, 0) for v in area.rounded())
        above = [f.rect.grown(4) for f in flats[index + 1 :]]
        above += [picture.grown(4)] if picture is not None and flat.kind == "sheet" else []
        above += owned
        local = [Rect(r.left - left, r.top - top, r.right - left, r.bottom - top) for r in above]
        bare = exact & ~measure.covered((part.shape[1], part.shape[0]), local)
        clean = bare & ~measure.widened(inked, 4)
        clean = clean if clean.sum() >= 64 or not ad.lossless else bare & ~measure.widened(inked, 2)
        cells = [seen[box][clean[box]] for box in _cells(clean.shape)]
        good = [cell for cell in cells if len(cell) >= 64] or [seen[clean]]
        # So little colour between ink and edges is blurred by compression all over.
        if sum(map(len, good)) >= (16 if ad.lossless else 64):
            yield flat, good


def read_flats(ad: Delivered, owned: list[Rect]) -> list[tuple[Flat, float]]:
    """Each flat colour that can be measured with its worst cell's CIEDE2000 from its hex.

    Median and mean of a cell must both be off: something that stands in half of it moves only one of them.
    """
    found: list[tuple[Flat, float]] = []
    for flat, cells in flat_areas(ad, owned):
        want = cielab(rgb_of(flat.hex))
        middles = np.array([np.median(cell.astype(float), axis=0) for cell in cells])
        means = np.array([cell.astype(float).mean(axis=0) for cell in cells])
        off = np.minimum(delta_e00(cielab(middles), want), delta_e00(cielab(means), want))
        whole = float(delta_e00(cielab(np.median(means, axis=0)), want))
        found.append((flat, max(whole, float(off.max()) / (1.0 if ad.lossless else CELL_SLACK))))
    return found


def flat_limit(ad: Delivered) -> float:
    """How far a flat colour may be off after encoding, in CIEDE2000."""
    return FLAT_LIMIT_WEBP if ad.file_type == "webp" else FLAT_LIMIT


def flat_checks(ad: Delivered, flats: list[tuple[Flat, float]]) -> Iterator[Check]:
    """Flat colours are exactly the kit's, everywhere on their area."""
    flat, worst = max(flats, key=lambda item: item[1], default=(None, 0.0))
    name = f"{flat.kind} {flat.hex}" if flat else "no flat colour"
    limit = flat_limit(ad)
    yield check("flat_colors", worst <= limit, worst, limit, f"{name} is ΔE00 {worst:.2f} off",
                "Save with less compression, in sRGB")  # fmt: skip


def _cells(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    rows, columns = min(max(shape[0] // 24, 1), 4), min(max(shape[1] // 24, 1), 4)
    for y in range(rows):
        for x in range(columns):
            yield (
                slice(shape[0] * y // rows, shape[0] * (y + 1) // rows),
                slice(shape[1] * x // columns, shape[1] * (x + 1) // columns),
            )


# ------------------------------------------------------------------------------------------------ the rest of the sheet


def sheet_checks(
    ad: Delivered, scene: SceneView | None, flats: list[tuple[Flat, float]], owned: list[Rect]
) -> Iterator[Check]:
    """Nothing outside the safe zone, nothing that was not composed, nothing pressed too hard. `owned` are places that
    other checks have explained."""
    arrangement = ad.plan.arrangement
    safe = safe_rect(ad.spec.format)
    marks = [place.ink for place in ad.texts] + ([arrangement.logo] if arrangement.logo else [])
    marks += [flat.rect for flat in arrangement.flats if flat.kind in ("action", "badge", "rule")]
    # Buttons stand on whole pixels, up to one and a half over the edge.
    out = sum(not mark.within(safe, 1.5) for mark in marks)
    seen, meant, _ = ad.small
    off = cv2.blur(measure.difference(seen, meant).astype(np.float32), (5, 5))
    judged = np.ones(off.shape, bool)
    if scene is not None and not scene.true and arrangement.frame.picture is not None:
        # In another scene, what was added cannot be told from what was painted.
        # A disc's corners show the scene.
        panels = [flat.rect.grown(-0.3 * flat.radius_px) for flat in arrangement.flats if flat.kind != "sheet"]
        judged &= ~ad.mask([arrangement.frame.picture], 3) | ad.mask(panels, -3)
    # A flat colour that is off as a whole has been told of already.
    spoiled = [flat for flat, off_by in flats if off_by > flat_limit(ad)]
    for flat in spoiled:
        above = [f.rect.grown(-0.3 * f.radius_px) for f in arrangement.flats if f is not flat and f.kind != "sheet"]
        above += [arrangement.frame.picture] if arrangement.frame.picture and flat.kind == "sheet" else []
        judged &= ~ad.mask([flat.rect], 3) | ad.mask(above, -3)
    inside, well_inside = ad.mask([safe], 2), ad.mask([safe], -3)
    strange = (off > (8 if ad.lossless else 34)) & judged
    stray = float((strange & ~inside & ~ad.product_mask(4)).mean())
    yield check("safe_zone", not out and stray <= ADDED_LIMIT, stray, ADDED_LIMIT,
                f"{out} parts planned and {stray:.2%} of the sheet drawn outside the safe zone",
                "Keep words and logo inside the format's safe zone")  # fmt: skip
    size = max(ad.plan.product_rect.width, ad.plan.product_rect.height) if ad.plan.product_rect else 0.0
    logo = [arrangement.logo.grown(3)] if arrangement.logo else []
    words = [place.ink.grown(max(4.0, 0.25 * place.block.style.size_px)) for place in ad.texts]
    others = ad.mask([*owned, *logo, *words]) | ad.product_mask(3 + 0.03 * size)
    added = float((strange & well_inside & ~others).mean())
    yield check("nothing_added", added <= ADDED_LIMIT, added, ADDED_LIMIT,
                f"{added:.2%} of the sheet is not what was composed",
                "Compose the ad again; edits belong into the brief")  # fmt: skip
    noise = _blocking(ad)
    yield check("compression", noise <= BLOCKING_LIMIT, noise, BLOCKING_LIMIT,
                f"blocks of 8×8 pixels stand out by {noise:.1f}/255", "Save with less compression")  # fmt: skip


def _blocking(ad: Delivered) -> float:
    """How much more the error steps at the borders of JPEG's 8×8 blocks than inside them, in levels of 255.

    Only compression steps there: nothing else that may be wrong with an ad keeps to that grid.
    """
    height, width = ad.pixels.shape[:2]
    # The middle of a large sheet, on the grid, tells as much as all of it.
    tall, wide = min(height, 1200) // 8 * 8, min(width, 1200) // 8 * 8
    top, left = (height - tall) // 16 * 8, (width - wide) // 16 * 8
    if tall < 16 or wide < 16:
        return 0.0
    box = slice(top, top + tall), slice(left, left + wide)
    a, b = (cv2.cvtColor(pixels[box], cv2.COLOR_RGB2GRAY).astype(np.float32) for pixels in (ad.pixels, ad.drawings[1]))
    off = cv2.subtract(a, b)
    found = []
    # Plain areas have no error at all and would hide that of the others.
    busy = cv2.blur(np.abs(off), (9, 9)) > 0.5
    if busy.mean() < 0.12:
        return 0.0
    for error, there in ((off, busy[:, 1:]), (off.T, busy.T[:, 1:])):
        # Something moved or recoloured steps far more than any block does; it must not decide this.
        step = np.minimum(np.abs(np.diff(error, axis=1)), 40)
        middle = [x for x in range(step.shape[1]) if x % 8 in (2, 3, 4)]
        border, inside = step[:, 7::8][there[:, 7::8]], step[:, middle][there[:, middle]]
        found.append(float(border.mean() - inside.mean()) if border.size and inside.size else 0.0)
    return max(float(np.mean(found)), 0.0)


def overlap_check(ad: Delivered) -> Check:
    """Words, logo, product, button and disc keep apart."""
    arrangement = ad.plan.arrangement
    parts = [(place.field, place.ink) for place in ad.texts]
    parts += [("logo", arrangement.logo)] if arrangement.logo else []
    parts += [("product", arrangement.frame.product)] if arrangement.frame.product else []
    parts += [(flat.kind, flat.rect) for flat in arrangement.flats if flat.kind in ("action", "badge")]
    pairs = []
    for index, (name, rect) in enumerate(parts):
        for other, there in parts[index + 1 :]:
            inside = {name, other} in ({"action"}, {"price", "badge"})
            if rect.grown(-1).meets(there.grown(-1)) and not inside:
                pairs.append(f"{name} and {other}")
    what = f": {', '.join(pairs[:2])}" if pairs else ""
    return check("overlap", not pairs, len(pairs), 0, f"{len(pairs)} parts lie on one another{what}",
                 "Shorten the words or choose another layout")  # fmt: skip
