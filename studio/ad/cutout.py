"""The customer's product on a finished ad: its own pixels, at its place, uncovered. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from studio.ad import measure
from studio.ad.delivered import Delivered, check
from studio.ad.measure import Mask, Pixels, Pose
from studio.geometry import Rect
from studio.results import Check

TRUE_LIMIT, TRUE_LIMIT_LOSSY = 2.0, 4.0
COVERED_LIMIT = 0.004
DISTORTION_LIMIT = 0.012
REACH_PX = 0.75


def product_checks(ad: Delivered) -> Iterator[Check]:
    """Pixels are compared two pixels inside the cut-out's edge. A cover is a patch that differs on a product that is
    otherwise true; a shift or stretch is one that, undone, makes it true."""
    view = _view(ad)
    if view is None:
        return
    seen, meant, solid, scale = view
    off = measure.difference(seen, meant)
    noisy = 10 if ad.lossless else 30
    blocks = (cv2.blur((off * solid).astype(np.float32), (7, 7)) > noisy) & solid
    hidden = float(blocks.sum() / solid.sum())
    rest = solid & ~measure.widened(blocks, 6)
    limit = TRUE_LIMIT if ad.lossless else TRUE_LIMIT_LOSSY
    value = _worst(seen, meant, solid, ad.lossless)
    pose = Pose()
    if value > limit or hidden > COVERED_LIMIT or _edge_off(seen, meant, ad.lossless):
        calm = _worst(seen, meant, rest, ad.lossless) if rest.sum() > 0.35 * solid.sum() else 255.0
        pose = _moved(seen, meant, solid, scale)
        if pose.shift or pose.distortion:
            value, hidden = 0.0, 0.0
        elif value <= limit and hidden <= COVERED_LIMIT:
            pass
        elif calm <= limit and hidden > COVERED_LIMIT:
            value = calm
        else:
            hidden = 0.0
    yield check("product_true", value <= limit, value, limit, f"product pixels {value:.1f}/255 off the photo",
                "Lay the product's own pixels on again")  # fmt: skip
    shape = _shape_off(pose)
    yield check("product_place", pose.shift <= REACH_PX and shape <= DISTORTION_LIMIT, pose.shift, REACH_PX,
                f"the product stands {pose.shift:.1f} px off its place, its shape {shape:.1%} off",
                "Compose the ad again from the product's photo")  # fmt: skip
    yield check("product_unoccluded", hidden <= COVERED_LIMIT, hidden, COVERED_LIMIT,
                f"{hidden:.1%} of the product is covered", "Keep words and stickers off the product")  # fmt: skip


def _worst(seen: Pixels, meant: Pixels, where: Mask, lossless: bool) -> float:
    """How far off pixels are: all but a half per cent of them, or in a compressed file the mean over 5×5 pixels."""
    if not where.any():
        return 0.0
    if lossless:
        return float(np.percentile(measure.difference(seen, meant)[where], 99.5))
    off = cv2.blur(cv2.subtract(seen.astype(np.float32), meant.astype(np.float32)), (5, 5))
    return float(np.abs(off).max(axis=2)[where].mean())


def _edge_off(seen: Pixels, meant: Pixels, lossless: bool) -> bool:
    """Whether enough around the product differs to look for a shift: its inside may be too plain to show one."""
    off = cv2.blur(measure.difference(seen, meant).astype(np.float32), (3, 3))
    return float((off > (8 if lossless else 30)).mean()) > 0.004


def _view(ad: Delivered) -> tuple[Pixels, Pixels, Mask, float] | None:
    """The file and the drawing around the product, and where the product is solid, at a scale of at most 1."""
    product, rect = ad.plan.product, ad.plan.product_rect
    if product is None or rect is None:
        return None
    picture = ad.plan.arrangement.frame.picture or ad.plan.arrangement.frame.sheet
    window = rect.grown(max(4.0, 0.04 * max(rect.width, rect.height))).clipped(picture)
    left, top, right, bottom = window.rounded()
    seen, meant = measure.cut(ad.pixels, window), measure.cut(ad.drawings[1], window)
    alpha = np.zeros((bottom - top, right - left), np.uint8)
    x, y = int(rect.left) - left, int(rect.top) - top
    y0, x0 = max(y, 0), max(x, 0)
    y1, x1 = min(y + product.shape[0], alpha.shape[0]), min(x + product.shape[1], alpha.shape[1])
    if y1 <= y0 or x1 <= x0:
        return None
    alpha[y0:y1, x0:x1] = product[y0 - y : y1 - y, x0 - x : x1 - x, 3]
    solid = measure.narrowed(alpha == 255, 2)
    # Words and logo that were meant to lie on it are theirs.
    solid &= measure.difference(meant, measure.cut(ad.drawings[0], window)) == 0
    return (seen, meant, solid, 1.0) if solid.sum() >= 40 else None


def _shape_off(pose: Pose) -> float:
    """Distortion or a change of size, as a fraction."""
    return max(pose.distortion, abs(pose.scale_x - 1), abs(pose.scale_y - 1))


def _moved(seen: Pixels, meant: Pixels, solid: Mask, scale: float) -> Pose:
    """The shift and stretch that, undone, take away most of the difference; none where none does."""
    shrink = min((90_000 / solid.size) ** 0.5, 1.0)
    size = max(round(solid.shape[1] * shrink), 8), max(round(solid.shape[0] * shrink), 8)
    a, b = (
        cv2.resize(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA).astype(np.float32)
        for p in (meant, seen)
    )
    where = cv2.resize(solid.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
    whole = Rect(0, 0, *map(float, size))
    best, least = Pose(), 0.55 * float(np.abs(a - b)[where].mean())
    for inset in (0.0, 0.05, 0.1, 0.18):
        box = whole.grown(-inset * min(size))
        pose = measure.find_pose(a, b, box, shrink * scale)
        if pose is None:
            continue
        back = np.abs(pose.laid_back(b[..., None].repeat(3, axis=2))[..., 0] - a)
        left = float(back[where].mean())
        if left < least and (pose.shift > REACH_PX or _shape_off(pose) > DISTORTION_LIMIT):
            best, least = pose, left
    return best
