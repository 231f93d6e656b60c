"""A product on the scene that was painted around it: its own pixels, and an edge and a light that belong together.

Nothing inside the product changes. Outside, what the model drew of the product beyond its edge is taken away, what it
got wrong of the colours near it is made good, and the product's shadow is laid as far as the painting lacks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.base import Pixels, Plane, ProductInScene
from engines.stage.colour import LUMA, to_linear, to_srgb

OPAQUE = 250
"""From this alpha on a product hides what is behind it: 2 % of it would not be seen."""
_MOST_CAST, _MOST_NEAR = 12.0, 5.0
"""Steps (0–255) by which the whole picture, and the scene near the product besides, follow the product's true colours;
more of the latter would show as a glow."""
_TOLD_APART = 30.0
"""Product and scene must differ by this much (0–255, length of the difference) for a smear of one on the other to be
told from the scene's own drawing."""
_DARKEST = 0.2
"""The least light a shadow leaves."""
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
    solid = _solid(rgba)
    near = cv2.dilate(solid.astype(np.uint8), disc)
    alpha = np.where(solid, np.float32(1), rgba[..., 3].astype(np.float32) / 255 * near)[..., None]
    return np.rint(rgba[..., :3] * alpha + scene * (1 - alpha)).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class SetLight:
    """What a set's render says of the light. `left` (H×W, 0–1) is the share that the product leaves to the scene,
    `picture` (H×W×3) the set in that light."""

    left: Plane
    picture: Pixels


def harmonise(
    painted: Pixels, rgba: Pixels, smear_px: int, pitch_deg: float, light: SetLight | None
) -> tuple[Pixels, dict[str, Any]]:
    """`painted` (H×W×3) with the opaque pixels of a product (`rgba` H×W×4, where it stands) laid in, and the scene
    around it made to fit. Under the product's soft edge the scene goes on, for the cut-out is laid over it once more.

    `smear_px`: how far beyond the edge the model may have drawn the product. `light`, of the picture's size, gives the
    shadow; without it a contact shadow is made up, for a product seen from `pitch_deg` above. Facts: `cast`,
    by how much the picture's colours were off, and `smear`, how much a channel changed at the edge on the mean, 0–255;
    `shadow`, how deep one was laid, 0–1.
    """
    solid = _solid(rgba)
    if not solid.any() or solid.all():
        return np.where(solid[..., None], rgba[..., :3], painted), {}

    # 1. Colours: what decoding did to the product it did to all of the picture.
    size = _extent(solid)
    reach = max(4 * smear_px, round(0.15 * size))
    cast = _cast(painted, rgba, smear_px)
    scene = painted + cast

    # 2. Edge: what is off there besides, and no smear of the product on the scene.
    window = _window(solid, 2 * reach)
    part, before = rgba[window], scene[window]
    near = _Near.of(part)
    mended = _followed(before, part, near, smear_px, reach)
    contact = _contact(rgba, pitch_deg, size)
    clean = _without_smear(mended, part, near, smear_px, contact[window])
    scene[window] = clean
    ring = (near.outside > 0) & (near.outside < smear_px)
    facts = {"cast": round(float(np.abs(cast).max()), 1), "smear": _change(clean, mended, ring)}

    # 3. Light: the shadow of the set and the line under the foot, as far as the painting has none there.
    shade = np.ones_like(contact)
    if light is not None:
        left = np.maximum(light.left, _DARKEST)
        shade = left ** (1 - _found(scene, left, solid, size, _luma(light.picture) / left))
        contact = contact ** _touching(contact, left)
    shade = shade * _lacking(_darkened(scene, shade), contact, solid, size)
    facts["shadow"] = round(float(1 - shade[~solid].min()), 2)

    # 4. The product's own pixels, untouched.
    result = np.rint(np.clip(_darkened(scene, shade), 0, 255)).astype(np.uint8)
    return np.where(solid[..., None], rgba[..., :3], result), facts


# ------------------------------------------------------------------------------------------------ the edge


class _Near(NamedTuple):
    """Where a product is opaque, and the distances to and from there in pixels."""

    solid: NDArray[np.bool_]
    outside: Plane
    inside: Plane

    @staticmethod
    def of(rgba: Pixels) -> _Near:
        solid = _solid(rgba)
        outside = cv2.distanceTransform((~solid).astype(np.uint8), cv2.DIST_L2, 5)
        inside = cv2.distanceTransform(solid.astype(np.uint8), cv2.DIST_L2, 5)
        return _Near(solid, np.asarray(outside, np.float32), np.asarray(inside, np.float32))


def _cast(painted: Pixels, rgba: Pixels, smear_px: int) -> NDArray[np.float32]:
    """What the picture's colours lack, 3 steps of sRGB: known inside the product, which the model was given. None where
    they are off by more than decoding ever is: then the model drew something else there."""
    inside = narrowed(rgba, smear_px)
    if inside.sum() < 64:
        return np.zeros(3, np.float32)
    off = np.median(rgba[inside][:, :3].astype(np.float32) - painted[inside], axis=0)
    if np.abs(off).max() > 2 * _MOST_CAST:
        return np.zeros(3, np.float32)
    return np.clip(off, -_MOST_CAST, _MOST_CAST).astype(np.float32)


def _followed(scene: Plane, rgba: Pixels, near: _Near, smear_px: int, reach: int) -> Plane:
    """A membrane between the product's rim, where the difference of its true to its painted colours is known, and the
    scene `reach` pixels away, where nothing is to change. At the edge itself nothing is read: there a product that was
    drawn a pixel larger differs, too."""
    rim = (near.inside > smear_px) & (near.inside <= smear_px + reach)
    if not rim.any():
        return scene
    off = _spread(rgba[..., :3].astype(np.float32) - scene, rim, 0.5 * reach)
    length = np.linalg.norm(off, axis=2, keepdims=True)
    bound = off * (_MOST_NEAR * np.tanh(length / _MOST_NEAR) / np.maximum(length, 1e-3))
    return scene + bound * _fading(near.outside, 0, reach)[..., None]


def _without_smear(scene: Plane, rgba: Pixels, near: _Near, smear_px: int, contact: Plane) -> Plane:
    """Each pixel next to the product is taken for a mixture of the product's rim and the scene beyond: the product's
    share of it is taken out, and as much of what fits neither, which would be left as a false colour. A dark smear
    under the foot stays: it is the shadow, or as good as one."""
    rim = _spread(rgba[..., :3].astype(np.float32), (near.inside > 0) & (near.inside <= smear_px), smear_px)
    beyond = _spread(scene, (near.outside > smear_px) & (near.outside <= 2.5 * smear_px), 0.7 * smear_px)
    axis = rim - beyond
    length = np.linalg.norm(axis, axis=2)
    share = np.clip(((scene - beyond) * axis).sum(axis=2) / np.maximum(length, 1e-3) ** 2, 0, 1)
    told = 1 - _fading(length, 0.5 * _TOLD_APART, _TOLD_APART)
    shadow = (axis.sum(axis=2) < 0) * np.clip((1 - contact) / 0.25, 0, 1)
    share = share.astype(np.float32)[..., None]
    other = scene - beyond - axis * share
    much = told * (1 - shadow) * _fading(near.outside, 0.6 * smear_px, 1.4 * smear_px)
    return scene - (axis + other) * share * much.astype(np.float32)[..., None]


def _spread(values: Plane, where: NDArray[np.bool_], sigma: float) -> Plane:
    """The mean (H×W or H×W×3) of what is `where` around every pixel; far from all of it a wider mean."""
    weight = where.astype(np.float32)
    many = weight if values.ndim == 2 else weight[..., None]
    total, count = 0.0, np.zeros_like(weight)
    for share, wide in ((1.0, sigma), (1e-3, 4 * sigma), (1e-6, 16 * sigma)):
        total = total + share * _blurred(values * many, wide)
        count += share * _blurred(weight, wide)
        if float(count.min()) > share * 1e-3:
            break
    count = np.maximum(count, 1e-12)
    return np.asarray(total / (count if values.ndim == 2 else count[..., None]), np.float32)


def _blurred(plane: Plane, sigma: float) -> Plane:
    """A wide blur is made on a smaller picture: it is as smooth, and far quicker."""
    sigma, (height, width) = max(sigma, 0.5), plane.shape[:2]
    shrink = min(max(int(sigma / 3), 1), max(min(height, width) // 4, 1))
    if shrink == 1:
        return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float32)
    size = max(width // shrink, 1), max(height // shrink, 1)
    small = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink, borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _fading(distance: Plane, start: float, end: float) -> Plane:
    """1 up to `start`, 0 from `end` on, smooth between."""
    x = np.clip((end - distance) / max(end - start, 1e-6), 0, 1)
    return (x * x * (3 - 2 * x)).astype(np.float32)


def _change(now: Plane, before: Plane, where: NDArray[np.bool_]) -> float:
    return round(float(np.abs(now - before)[where].mean(axis=0).max()), 1) if where.any() else 0.0


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
    thick = max(round(0.03 * size), 2)
    for column in np.flatnonzero(foot):
        line[max(lowest[column] - thick, 0) : lowest[column] + 1, column] = 1
    shade = np.zeros(solid.shape, np.float32)
    for depth, across, down in ((_TIGHT, 0.012, 0.009), (_WIDE, 0.05, 0.028)):
        soft = np.asarray(
            cv2.GaussianBlur(line, (0, 0), sigmaX=max(across * size, 0.6), sigmaY=max(down * size, 0.6)), np.float32
        )
        shade = 1 - (1 - shade) * (1 - depth * np.minimum(soft * 2, 1))
    return (1 - shade).astype(np.float32)


def _touching(contact: Plane, left: Plane) -> float:
    """How far a set's render is dark where the contact shadow would be, 0–1: a product that floats has none."""
    under = contact < 0.9
    return float(np.clip((1 - np.percentile(left[under], 25)) / 0.3, 0, 1)) if under.any() else 0.0


def _found(
    scene: Plane, shade: Plane, solid: NDArray[np.bool_], size: float, unshaded: NDArray[np.floating] | None = None
) -> float:
    """How much of a shadow (`shade` H×W, 0–1) a scene has already, 0–1: the exponent of `shade` in a fit of the scene's
    light by products of powers, of `shade` and of the `unshaded` set, over the shadow and its surroundings. What
    changes slowly is no evidence and is taken out first."""
    outside = ~solid
    about = cv2.dilate(
        (shade < 0.97).astype(np.uint8), np.ones((3, 3), np.uint8), iterations=max(round(0.03 * size), 1)
    )
    used = (about > 0) & outside
    if used.sum() < 64:
        return 1.0
    planes = [_luma(scene), shade] if unshaded is None else [_luma(scene), shade, unshaded]
    rows = []
    for plane in planes:
        log = np.log(np.maximum(plane, 0.01)).astype(np.float32)
        rows.append((log - _spread(log, outside, max(0.1 * size, 2)))[used])
    fit, *_ = np.linalg.lstsq(np.stack(rows[1:], axis=1), rows[0], rcond=1e-4)
    return float(np.clip(fit[0], 0, 1))


def _lacking(scene: Plane, contact: Plane, solid: NDArray[np.bool_], size: float) -> Plane:
    """The contact shadow (H×W, 0–1) as far as a scene is not as dark under the foot already, next to what is around."""
    around = ~solid & (contact > 0.97)
    if not around.any():
        return np.ones_like(contact)
    light = _luma(scene)
    has = _spread(light, ~solid, 0.004 * size) / np.maximum(_spread(light, around, 0.04 * size), 1e-3)
    return np.clip(contact / np.clip(has, 0.02, 1), contact, 1).astype(np.float32)


def _luma(picture: NDArray[Any]) -> NDArray[np.float32]:
    """Linear light, 0–1, of sRGB in 0–255."""
    return np.asarray(_linear(np.clip(picture, 0, 255).astype(np.float32)) @ LUMA, np.float32)


def _linear(picture: Plane) -> Plane:
    return np.asarray(to_linear(np.clip(picture, 0, 255) / 255), np.float32)


def _darkened(scene: Plane, shade: NDArray[np.floating]) -> Plane:
    """A scene (0–255 sRGB) in less light; unchanged where all of it is left."""
    dark = 255 * to_srgb(_linear(scene) * shade[..., None])
    return np.where(shade[..., None] < 0.998, dark, scene).astype(np.float32)


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
