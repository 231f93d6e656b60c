"""A product on the scene that was painted around it: its own pixels, and an edge and a light that belong together.

Nothing inside the product changes. Outside, what the model drew of the product beyond its edge is taken away, what it
got wrong of the colours near it is made good, and the product's shadow is laid as far as the painting lacks it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.base import Pixels, Plane, ProductInScene

OPAQUE = 250
"""From this alpha on a product hides what is behind it: 2 % of it would not be seen."""
_MOST_CAST = 14.0
"""Steps (0–255) by which the scene near the product follows its true colours; more would show as a glow."""
_TOLD_APART = 30.0
"""Product and scene must differ by this much (0–255, length of the difference) for a smear of one on the other to be
told from the scene's own drawing."""
_TIGHT, _WIDE = 0.5, 0.28
"""How dark the contact shadow is: the line under the foot, and the soft part around it."""


def laid(product: ProductInScene, width_px: int, height_px: int) -> Pixels:
    """The product as it stands in a picture of this size: H×W×4, straight alpha, zeros elsewhere.

    Its pixels are its own where the box has the cut-out's size, else resampled by Lanczos with colours weighted by
    alpha: as the ad lays them.
    """
    box = product.box
    wide, high = max(round(box.width * width_px), 1), max(round(box.height * height_px), 1)
    left, top = round(box.left * width_px), round(box.top * height_px)
    rgba = product.rgba
    if rgba.shape[:2] != (high, wide):
        from PIL import Image

        rgba = np.asarray(Image.fromarray(rgba, "RGBA").resize((wide, high), Image.Resampling.LANCZOS))
    canvas = np.zeros((height_px, width_px, 4), np.uint8)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + wide, width_px), min(top + high, height_px)
    if x1 > x0 and y1 > y0:
        canvas[y0:y1, x0:x1] = rgba[y0 - top : y1 - top, x0 - left : x1 - left]
    return canvas


def narrowed(rgba: Pixels, by_px: int) -> NDArray[np.bool_]:
    """Where a product (H×W×4) is opaque, `by_px` inside its edge. The picture's own edge is none of the product's."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by_px + 1, 2 * by_px + 1))
    return cv2.erode(_solid(rgba).astype(np.uint8), disc) > 0


def over(rgba: Pixels, scene: Pixels, edge_px: int) -> Pixels:
    """A scene with the product on it, for a model to start from. What is see-through farther than `edge_px` from
    opaque parts (glass, smoke) is left out: a model would paint it into the scene, behind itself."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * edge_px + 1, 2 * edge_px + 1))
    near = cv2.dilate(_solid(rgba).astype(np.uint8), disc)[..., None]
    alpha = rgba[..., 3:].astype(np.float32) / 255 * near
    return np.rint(rgba[..., :3] * alpha + scene * (1 - alpha)).astype(np.uint8)


def harmonise(
    painted: Pixels, rgba: Pixels, smear_px: int, pitch_deg: float, light: Plane | None
) -> tuple[Pixels, dict[str, Any]]:
    """`painted` (H×W×3) with the opaque pixels of a product (`rgba` H×W×4, where it stands) laid in, and the scene
    around it made to fit. Under the product's soft edge the scene goes on, for the cut-out is laid over it once more.

    `smear_px`: how far beyond the edge the model may have drawn the product. `light`: the share of the light that the
    product leaves to the scene (H×W, 0–1); without one a contact shadow is made up, for a product seen from `pitch_deg`
    above. Facts: `cast` and `smear`, the largest mean change of a channel near the edge, 0–255, and `shadow`, the
    deepest that was laid, 0–1.
    """
    solid = _solid(rgba)
    if not solid.any() or solid.all():
        return np.where(solid[..., None], rgba[..., :3], painted), {}

    # 1. Only what lies near the product, or in its shadow, is looked at.
    size = _extent(solid)
    reach = max(3 * smear_px, round(0.05 * size))
    window = _window(solid, max(2 * reach, round(0.5 * size)))
    part, scene = rgba[window], painted[window].astype(np.float32)
    near = _Near.of(part, smear_px)

    # 2. Edge: the product's true colours instead of those the model saw, then no smear of it on the scene.
    mended = _without_cast(scene, part, near, reach)
    cast = _mean_change(mended, scene, near.outside < smear_px)
    clean = _without_smear(mended, part, near, smear_px)
    smear = _mean_change(clean, mended, near.outside < smear_px)

    # 3. Light: the shadow, as far as the painting has none there.
    wanted = _contact(part, pitch_deg, size)
    if light is not None:
        wanted = _as_rendered(wanted, light[window])
    shaded, deepest = _shaded(clean, wanted, near.solid, size)

    # 4. The product's own pixels, untouched.
    result = painted.copy()
    result[window] = np.where(near.solid[..., None], part[..., :3], np.rint(np.clip(shaded, 0, 255)).astype(np.uint8))
    return result, {"cast": round(cast, 1), "smear": round(smear, 1), "shadow": round(deepest, 2)}


# ------------------------------------------------------------------------------------------------ the edge


class _Near(NamedTuple):
    """Where a product is opaque, and the distances to and from there in pixels."""

    solid: NDArray[np.bool_]
    outside: Plane
    inside: Plane

    @staticmethod
    def of(rgba: Pixels, margin: int) -> _Near:
        solid = _solid(rgba)
        outside = cv2.distanceTransform((~solid).astype(np.uint8), cv2.DIST_L2, 5)
        inside = cv2.distanceTransform(solid.astype(np.uint8), cv2.DIST_L2, 5)
        return _Near(solid, np.asarray(outside, np.float32), np.asarray(inside, np.float32))


def _without_cast(scene: Plane, rgba: Pixels, near: _Near, reach: int) -> Plane:
    """A membrane between the product's rim, where the difference of its true to its painted colours is known, and the
    scene `reach` pixels away, where nothing is to change."""
    rim = (near.inside > 0) & (near.inside <= reach)
    off = _spread(rgba[..., :3].astype(np.float32) - scene, rim, 0.5 * reach)
    length = np.linalg.norm(off, axis=2, keepdims=True)
    bound = off * (_MOST_CAST * np.tanh(length / _MOST_CAST) / np.maximum(length, 1e-3))
    return scene + bound * _fading(near.outside, 0, reach)[..., None]


def _without_smear(scene: Plane, rgba: Pixels, near: _Near, smear_px: int) -> Plane:
    """Each pixel next to the product is taken for a mixture of the product's rim and the scene beyond; the product's
    share of it is given to the scene."""
    rim = _spread(rgba[..., :3].astype(np.float32), (near.inside > 0) & (near.inside <= smear_px), smear_px)
    beyond = _spread(scene, (near.outside > smear_px) & (near.outside <= 4 * smear_px), smear_px)
    axis = rim - beyond
    length = np.linalg.norm(axis, axis=2)
    share = np.clip(((scene - beyond) * axis).sum(axis=2) / np.maximum(length, 1e-3) ** 2, 0, 1)
    share *= _fading(near.outside, 0.6 * smear_px, 1.4 * smear_px) * (
        1 - _fading(length, 0.5 * _TOLD_APART, _TOLD_APART)
    )
    return scene - axis * share[..., None]


def _spread(values: Plane, where: NDArray[np.bool_], sigma: float) -> Plane:
    """The mean (H×W×3) of what is `where` around every pixel; far from all of it the nearest means."""
    weight = where.astype(np.float32)
    total, count = _blurred(values * weight[..., None], sigma), _blurred(weight, sigma)
    for wider in (4 * sigma, 16 * sigma):
        if float(count.min()) > 1e-4:
            break
        share = 1e-3
        total = total + share * _blurred(values * weight[..., None], wider)
        count = count + share * _blurred(weight, wider)
    return np.asarray(total / np.maximum(count, 1e-7)[..., None], np.float32)


def _blurred(plane: Plane, sigma: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), max(sigma, 0.5), borderType=cv2.BORDER_REFLECT), np.float32)


def _fading(distance: Plane, start: float, end: float) -> Plane:
    """1 up to `start`, 0 from `end` on, smooth between."""
    x = np.clip((end - distance) / max(end - start, 1e-6), 0, 1)
    return (x * x * (3 - 2 * x)).astype(np.float32)


def _mean_change(now: Plane, before: Plane, where: NDArray[np.bool_]) -> float:
    return float(np.abs(now - before)[where].mean(axis=0).max()) if where.any() else 0.0


# ------------------------------------------------------------------------------------------------ the light


def _contact(rgba: Pixels, pitch_deg: float, size: float) -> Plane:
    """The light (H×W, 0–1) that a product leaves around its foot. The foot is the lowest opaque pixel of each column,
    as far up as the photo's angle lets the ground run back; handles and flares hang above it."""
    solid = _solid(rgba)
    rows = solid.shape[0]
    lowest = np.where(solid.any(axis=0), rows - 1 - np.argmax(solid[::-1], axis=0), -1)
    deep = 0.03 + 0.4 * np.sin(np.radians(np.clip(pitch_deg, 0, 60)))
    foot = (lowest >= lowest.max() - deep * 0.5 * size) & (lowest >= 0) & (lowest < rows - 1)
    line = np.zeros(solid.shape, np.float32)
    thick = max(round(0.012 * size), 1)
    for column in np.flatnonzero(foot):
        line[max(lowest[column] - thick, 0) : lowest[column] + 1, column] = 1
    shade = np.zeros(solid.shape, np.float32)
    for depth, across, down in ((_TIGHT, 0.010, 0.006), (_WIDE, 0.05, 0.018)):
        soft = np.asarray(
            cv2.GaussianBlur(line, (0, 0), sigmaX=max(across * size, 0.6), sigmaY=max(down * size, 0.6)), np.float32
        )
        shade = 1 - (1 - shade) * (1 - depth * np.minimum(soft * 2, 1))
    return (1 - shade).astype(np.float32)


def _as_rendered(contact: Plane, light: Plane) -> Plane:
    """The light the set's render shows, sharpened by the contact shadow where that render is dark under the foot too: a
    product that floats has none."""
    under = contact < 0.9
    touches = np.clip((1 - float(np.percentile(light[under], 25))) / 0.3, 0, 1) if under.any() else 0.0
    return np.minimum(light, 1 - touches * (1 - contact))


def _shaded(scene: Plane, wanted: Plane, solid: NDArray[np.bool_], size: float) -> tuple[Plane, float]:
    """The scene (0–255 sRGB) darkened to the wanted light in linear light, less what it is darker already than the
    unshaded scene around. Returns the deepest shade laid as well."""
    linear = np.where(scene <= 10.31, scene / 3294.6, ((np.clip(scene, 0, 255) / 255 + 0.055) / 1.055) ** 2.4)
    luma = _blurred((linear @ np.array([0.2126, 0.7152, 0.0722])).astype(np.float32), 0.006 * size)
    lit = ~solid & (wanted > 0.97)
    if not lit.any():
        return scene, 0.0
    around = _spread(np.repeat(luma[..., None], 3, axis=2), lit, 0.12 * size)[..., 0]
    has = np.clip(luma / np.maximum(around, 1e-4), 0.02, 1)
    factor = np.minimum(wanted / has, 1).astype(np.float32)
    factor = np.where(wanted < 0.995, factor, 1)[..., None]
    dark = np.clip(linear * factor, 0, 1)
    shaded = 255 * np.where(dark <= 0.0031308, 12.92 * dark, 1.055 * dark ** (1 / 2.4) - 0.055)
    return np.where(factor < 1, shaded, scene).astype(np.float32), float(1 - factor[~solid].min())


# ------------------------------------------------------------------------------------------------ where


def _solid(rgba: Pixels) -> NDArray[np.bool_]:
    return rgba[..., 3] >= OPAQUE


def _extent(solid: NDArray[np.bool_]) -> float:
    """The longer side of what is opaque, in pixels."""
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    return float(max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1)


def _window(solid: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    cuts = []
    for axis in (1, 0):
        places = np.flatnonzero(solid.any(axis=axis))
        cuts.append(slice(max(int(places[0]) - margin, 0), int(places[-1]) + 1 + margin))
    return cuts[0], cuts[1]
