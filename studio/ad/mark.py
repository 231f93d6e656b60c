"""The logo on a finished ad: there, undistorted, at its size and place, in its own drawing and colours, with room
around it. Pure.

What is seen is first laid back onto what was meant; scale, turn and shift are read from that map, and drawing and
colours are compared after it. So a moved logo is only moved, and a recoloured one only recoloured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from studio.ad import measure
from studio.ad.delivered import Delivered, check
from studio.ad.ground import LOGO_CONTRAST, logo_contrast
from studio.ad.measure import Field, Mask, Patch, Pose
from studio.color import cielab, delta_e00, rgb_of
from studio.geometry import Rect
from studio.results import Check

AS_MEANT = 0.97
"""Correlation of ink above which the logo is taken to lie exactly as meant: compression alone stays above it."""
ALIKE = 0.86
KNOWN, KNOWN_FAR, KNOWN_POOR = 0.86, 0.9, 0.75
"""Agreement after laying back at which the search stops, at which a find far off is believed, and below which what
stands there is not the logo."""
SHAPE_LIMIT, SIZE_LIMIT = 0.025, 0.03
COLOR_LIMIT, COLOR_LIMIT_LOSSY = 3.0, 6.0
INTRUSION_LIMIT = 0.015


@dataclass(frozen=True, eq=False)
class Mark:
    """The logo as seen. `shown` is its ink against the planned amount, `pose` how it lies."""

    patch: Patch
    rect: Rect
    shown: float
    pose: Pose | None
    mirrored: bool
    color_off: float
    intruding: float
    contrast: float

    @property
    def as_meant(self) -> bool:
        """Whether it lies as planned, whatever its colour."""
        pose = self.pose
        return pose is not None and pose.agreement >= AS_MEANT and not (pose.shift or pose.distortion or self.mirrored)

    @property
    def found(self) -> Rect:
        """Where it stands on the sheet, as far as it can be told."""
        if self.pose is None:
            return self.rect
        across, down = self.rect.width * self.pose.scale_x / 2, self.rect.height * self.pose.scale_y / 2
        x = (self.rect.left + self.rect.right) / 2 + self.pose.dx
        y = (self.rect.top + self.rect.bottom) / 2 + self.pose.dy
        return Rect(x - across, y - down, x + across, y + down)


def read_mark(ad: Delivered) -> Mark | None:
    """The logo, or None when none was planned."""
    rect = ad.plan.arrangement.logo
    if rect is None or ad.plan.grounded.logo_index is None:
        return None
    room = max(ad.clear_px + 3, 0.6 * rect.height, 0.3 * rect.width)
    patch, meant, seen, own = _inks(ad, rect, rect.grown(room))
    box = patch.local(rect.grown(2))
    inside = measure.covered(patch.size, [box])
    planned = float(meant[inside].sum())
    noise = float(np.median(seen[~own & patch.free])) if (~own & patch.free).any() else 0.0
    shown = float(np.maximum(seen[inside] - noise, 0).sum() / max(planned, 1))
    alike = measure.correlation(_soft(meant), _soft(seen), measure.widened(own, 2))
    mirrored = False
    pose: Pose | None = Pose(agreement=alike)
    if alike < AS_MEANT:
        flipped = _mirror(patch, meant, rect)
        there = measure.correlation(_soft(flipped), _soft(seen), measure.widened(flipped > 24, 2))
        mirrored = there >= ALIKE and there > alike + 0.05
        pose = measure.find_pose(_soft(flipped if mirrored else meant), _soft(seen), box, patch.scale)
        if (pose is None or pose.agreement < KNOWN) and not mirrored:
            patch, meant, seen, own, pose = _farther(ad, rect, (patch, meant, seen, own, pose))
        # Within what a half-pixel of blur can feign, it lies as meant.
        if pose is not None and _slight(pose, rect) and pose.agreement - alike < 0.02:
            pose = Pose(agreement=max(alike, pose.agreement))
    color_off = _colors(ad, patch, own, pose)
    contrast = _contrast(ad, patch, own, color_off)
    mark = Mark(patch, rect, shown, pose, mirrored, color_off, 0.0, contrast)
    return replace(mark, intruding=_intruding(ad, mark, seen, meant))


def mark_checks(ad: Delivered, mark: Mark | None) -> Iterator[Check]:
    """Each property on its own; a logo that is not there has no others."""
    if not ad.brand.logos:
        return
    if mark is None:
        yield check("logo_present", False, 0.0, 0.3, "no logo on the ad", "Choose a layout with room for the logo")
        return
    known = mark.pose is not None and (mark.pose.agreement >= KNOWN_FAR or mark.shown >= 0.3)
    there = mark.shown >= 0.3 or known
    yield check("logo_present", there, mark.shown, 0.3, f"{mark.shown:.0%} of the logo's ink is there",
                "Put the kit's logo back")  # fmt: skip
    if not there:
        return
    pose = mark.pose or Pose(agreement=0.0)
    same = pose.agreement >= ALIKE and not mark.mirrored
    how = "it is mirrored" if mark.mirrored else f"drawing agrees to {max(pose.agreement, 0):.0%}"
    yield check("logo_drawing", same, 0.0 if mark.mirrored else pose.agreement, ALIKE, how, "Use the kit's own file")
    if known and not mark.mirrored:
        yield from _pose_checks(ad, mark, pose)
    if not same:
        return
    limit = COLOR_LIMIT if ad.lossless else COLOR_LIMIT_LOSSY
    yield check("logo_color", mark.color_off <= limit, mark.color_off, limit,
                f"colours ΔE00 {mark.color_off:.1f} off the logo's", "Use the logo's own colours")  # fmt: skip
    yield check("logo_clear_space", mark.intruding <= INTRUSION_LIMIT, mark.intruding, INTRUSION_LIMIT,
                f"{mark.intruding:.1%} of the clear space is used",
                f"Keep {ad.clear_px:.0f} px free around the logo")  # fmt: skip
    yield check("logo_contrast", mark.contrast >= LOGO_CONTRAST, mark.contrast, LOGO_CONTRAST,
                f"contrast {mark.contrast:.1f}:1",
                "Add a variant of the logo for this background to the kit")  # fmt: skip


def _pose_checks(ad: Delivered, mark: Mark, pose: Pose) -> Iterator[Check]:
    limit = SHAPE_LIMIT + 0.35 / min(mark.rect.width, mark.rect.height)
    turned = max(abs(pose.angle), abs(pose.skew)) > abs(pose.scale_x / pose.scale_y - 1)
    how = f"turned by {np.degrees(pose.angle):.1f}°" if turned else f"proportions {pose.distortion:.1%} off"
    yield check("logo_shape", pose.distortion <= limit, pose.distortion, round(limit, 3), how,
                "Scale the logo evenly and leave it level")  # fmt: skip
    # A stretch along one side is the shape's affair; the size is the side that changed least.
    off = min(abs(pose.scale_x - 1), abs(pose.scale_y - 1))
    least = ad.brand.kit.logos[ad.plan.grounded.logo_index or 0].min_width_px
    limit = SIZE_LIMIT + 0.35 / mark.rect.width
    width = mark.found.width
    yield check("logo_size", off <= limit and mark.rect.width >= least - 0.5, off, round(limit, 3),
                f"size {off:.1%} off; {width:.0f} px wide, the kit asks for {least} and more",
                "Set the logo at its planned size")  # fmt: skip
    reach = max(1.5, 0.02 * mark.rect.width)
    yield check("logo_place", pose.shift <= reach, pose.shift, round(reach, 1), f"{pose.shift:.1f} px off its place",
                "Put the logo back where the layout has it")  # fmt: skip


# ------------------------------------------------------------------------------------------------ parts


def _inks(ad: Delivered, rect: Rect, window: Rect, most_px: int = 60_000) -> tuple[Patch, Field, Field, Mask]:
    """The window, the logo's ink as meant and as seen without the words', and where it was meant."""
    ground, meant_pixels = ad.drawings
    patch = measure.take_patch(ground, meant_pixels, ad.pixels, window, most_px)
    words = [patch.local(place.ink.grown(3)) for place in ad.texts]
    free = ~measure.covered(patch.size, words)
    box = measure.covered(patch.size, [patch.local(rect.grown(2))])
    meant = patch.meant_ink * (box & free)
    seen = patch.ink(patch.seen) * free
    return patch, meant.astype(np.float32), seen.astype(np.float32), (meant > 24)


def _soft(ink: Field) -> Field:
    """Ink blurred a little, its strength evened so that a change of colour matters less than a change of form."""
    return cv2.GaussianBlur(np.sqrt(np.maximum(ink - 10, 0)), (0, 0), 0.8).astype(np.float32)  # type: ignore


def _farther(
    ad: Delivered, rect: Rect, near: tuple[Patch, Field, Field, Mask, Pose | None]
) -> tuple[Patch, Field, Field, Mask, Pose | None]:
    """The same search over the whole sheet; what it finds there must be surely the logo."""
    sheet = Rect(0, 0, *map(float, ad.plan.size_px))
    wide = _inks(ad, rect, sheet, 160_000)
    far = measure.find_pose(_soft(wide[1]), _soft(wide[2]), wide[0].local(rect.grown(2)), wide[0].scale)
    if far is not None and far.agreement >= KNOWN_FAR:
        return *wide, far
    pose = near[4]
    return *near[:4], pose if pose is not None and pose.agreement >= KNOWN_POOR else None


def _mirror(patch: Patch, meant: Field, rect: Rect) -> Field:
    left, top, right, bottom = (max(v, 0) for v in patch.local(rect.grown(2)).rounded())
    out = meant.copy()
    out[top:bottom, left:right] = meant[top:bottom, left:right][:, ::-1]
    return out


def _slight(pose: Pose, rect: Rect) -> bool:
    return pose.distortion < 0.02 + 0.6 / min(rect.width, rect.height) and pose.shift < 1.0


def _colors(ad: Delivered, patch: Patch, own: Mask, pose: Pose | None) -> float:
    """The worst distance of one of the logo's inks, or of the mean of all, in CIEDE2000.

    Each ink's colour is the ground plus the sum of what stands off it over the planned coverage, so thin strokes count
    in full; an ink with wide areas is read inside them.
    """
    if pose is None or not own.any():
        return 0.0
    seen, ground = pose.laid_back(patch.seen), pose.laid_back(patch.ground)
    off, wanted = seen - ground, patch.meant - patch.meant_ground
    worst = 0.0
    art = ad.brand.logos[ad.plan.grounded.logo_index or 0]
    inks = [np.array(rgb_of(color), float) for color, share in art.inks if share >= 0.12]
    inner = measure.narrowed(own, 1)
    nearest = np.argmin([((patch.meant - ink) ** 2).sum(axis=2) for ink in inks] or [np.zeros(own.shape)], axis=0)
    for number, _ in enumerate(inks):
        core = measure.narrowed(inner & (nearest == number), 1)
        if core.sum() >= 40:
            worst = max(worst, _distance(seen[core].mean(axis=0), patch.meant[core].mean(axis=0)))
    zone = measure.widened(own, 3) & ~measure.narrowed(patch.free, 4)
    strength = np.sqrt((wanted**2).sum(axis=2))
    weight = float(strength[zone].sum() / max(np.percentile(strength[own], 90), 1))
    planned = wanted[zone].sum(axis=0) / max(weight, 1)
    got = off[zone].sum(axis=0) / max(weight, 1)
    # What stands off the ground there, against what was to stand off the ground here.
    mean = np.clip(ground[own].mean(axis=0) + got, 0, 255)
    return max(worst, _distance(mean, patch.meant_ground[own].mean(axis=0) + planned))


def _distance(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    return float(delta_e00(cielab(np.clip(a, 0, 255)), cielab(np.clip(b, 0, 255))))


def _contrast(ad: Delivered, patch: Patch, own: Mask, color_off: float) -> float:
    """The planned ink (the seen one, where it is not the planned) against what the file shows behind and around it."""
    rect = ad.plan.arrangement.logo
    assert rect is not None
    # Only inside the logo's own box: a plate ends not far outside it.
    between = measure.covered(patch.size, [patch.local(rect)]) & ~measure.widened(own, 1) & ~own
    ground = np.concatenate([patch.ground[own], patch.seen[between]]) if between.any() else patch.ground[own]
    limit = COLOR_LIMIT if ad.lossless else COLOR_LIMIT_LOSSY
    pixels = (patch.meant if color_off <= limit else patch.seen)[measure.narrowed(own, 1)]
    pixels = pixels if len(pixels) >= 24 else patch.meant[own]
    if not len(pixels) or not len(ground):
        return 21.0
    art = np.concatenate([np.clip(pixels, 0, 255), np.full((len(pixels), 1), 255)], axis=1)[None].astype(np.uint8)
    return logo_contrast(art, ground.astype(np.float64))


def _intruding(ad: Delivered, mark: Mark, seen: Field, meant: Field) -> float:
    """The share of the clear space, around where the logo stands, in which something stands that is not the scene."""
    patch, pose = mark.patch, mark.pose
    here = measure.covered(patch.size, [patch.local(mark.found.grown(min(3.0, ad.clear_px * 0.4)))])
    if pose is not None and pose.distortion > 0.02:
        here = measure.widened(here, (abs(pose.angle) * mark.rect.width / 2 + 2) * patch.scale)
    zone = measure.covered(patch.size, [patch.local(mark.found.grown(ad.clear_px))]) & ~here
    limit = 24 if ad.lossless else 40
    # Single pixels are noise.
    strange = measure.widened(measure.narrowed((seen - meant) > limit, 1), 1) | ((seen - meant) > 2.5 * limit)
    return float((zone & strange).sum() / max(zone.sum(), 1))
