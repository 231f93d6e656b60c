"""The cut-out that is always there: a model of the backdrop, a minimum cut, a matte. No weights, no GPU."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from engines.base import KEEP, REMOVE, Cut, CutRequest, EngineError, Pixels, Plane, Progress

from . import matte, saliency, segment, shadow, trust
from .border import Backdrop, backdrop, before_backdrop, without_false_holes
from .view import View, look

Prior = Callable[[Pixels], Plane]
"""H×W×3 `uint8` sRGB → a plane of any size, 0–1: how likely each place belongs to the product. Must be repeatable."""

Mask = NDArray[np.bool_]

LEAST_PX = 16
MOST_ASPECT = 50
_BAND = 0.008
"""Half the width of the band the matte is solved in, as a fraction of the photo's scale (√ of its area)."""
_LEAST_PRODUCT = 0.001
"""Share of the photo below which what was found is dust."""
_NATURAL_LOCAL = 0.5


@dataclass(frozen=True, eq=False)
class _Scene:
    """What one photo taught, kept for the next stroke of the brush."""

    picture: Pixels
    view: View
    behind: Backdrop
    prior: Plane
    found: segment.Segment
    opinion: str
    """Whose prior it was: `own`, `network` or `both`."""


class Builtin:
    """Plain backdrops are modelled; elsewhere what stands out is taken. Remembers the last photo, so that brush strokes
    on the same pixels only solve again.

    `prior`: a second opinion on where the product is. The photo is then cut from the built-in opinion, from the other
    and from both joined, and the surest cut is taken. `prior_recipe` names its version.
    """

    id = "builtin"
    recipe = "builtin-1"

    def __init__(self, prior: Prior | None = None, prior_recipe: str = "") -> None:
        self._prior = prior
        if prior_recipe:
            self.recipe = f"{Builtin.recipe}; {prior_recipe}"
        self._last: _Scene | None = None
        # One at a time: all cores are busy anyway, and the limit on BLAS is the whole process's.
        self._alone = threading.Lock()

    def cut(self, request: CutRequest, progress: Progress) -> Cut:
        """See `engines.base.Cutout`."""
        # The vectors are long and thin: with more threads BLAS waits more than it works, on a busy machine ten times.
        with self._alone, threadpool_limits(1, "blas"):
            return self._cut(request, progress)

    def _cut(self, request: CutRequest, progress: Progress) -> Cut:
        began = time.perf_counter()
        picture = _checked(request)
        # 1. Where the product is, at working size.
        scene = self._understood(picture, progress.part(0.0, 0.5))
        inside = _outlined(scene, request.strokes)
        product = inside > 0.5
        progress.report(0.5, "Drawing the edge")

        # 2. Its edge and its own colours, at the photo's size.
        alpha = _edge(scene, inside, request.strokes)
        if not alpha.any():
            raise _nothing()
        progress.report(0.8, "Cleaning the edge colours")
        rgba = np.zeros((*alpha.shape, 4), np.uint8)
        window = matte.around(alpha > 0, 8)
        rgba[window.cut] = matte.decontaminated(np.ascontiguousarray(picture[window.cut]), alpha[window.cut])
        progress.report(0.95, "Checking")

        # 3. How sure that is, and the shadow.
        signs = trust.signs(scene.view, scene.found, scene.prior, product)
        layer = shadow.lifted(scene.view, scene.behind, product) if request.shadow else None
        height, width = alpha.shape
        cut = Cut(
            rgba=rgba,
            confidence=trust.confidence(signs),
            unsure=_unsure(scene, product, request.strokes, (width, height)),
            seconds=time.perf_counter() - began,
            engine=self.id,
            runtime="CPU",
            shadow=None if layer is None else shadow.at_size(layer, width, height),
            facts={
                "plain_backdrop": scene.behind.plain,
                "opinion": scene.opinion,
                **{name: round(sign, 3) for name, sign in signs.items()},
            },
        )
        progress.report(1.0)
        return cut

    def _understood(self, picture: Pixels, progress: Progress) -> _Scene:
        if self._last is not None and np.array_equal(self._last.picture, picture):
            return self._last
        progress.report(0.0, "Looking at the background")
        view = look(picture)
        behind = backdrop(view)
        own = before_backdrop(view, behind) if behind.plain else saliency.prior(picture, view)
        opinions = {"own": own}
        if self._prior is not None:
            progress.report(0.2, "Asking the network")
            asked = cv2.resize(self._prior(picture), view.shape[::-1], interpolation=cv2.INTER_LINEAR)
            learned = np.asarray(asked, np.float32)
            opinions |= {"both": saliency.joined(own, learned), "network": learned}
        scenes: list[_Scene] = []
        for opinion, prior in opinions.items():
            progress.report(0.3 + 0.7 * len(scenes) / len(opinions), "Looking for the product")
            found = segment.segmented(view, prior, 0.0 if behind.plain else _NATURAL_LOCAL)
            scenes.append(_Scene(picture, view, behind, prior, found, opinion))
        self._last = max(scenes, key=_sureness)
        return self._last


def _checked(request: CutRequest) -> Pixels:
    height, width = request.picture.shape[:2]
    if min(height, width) < LEAST_PX:
        raise EngineError(
            f"A photo of {width} × {height} pixels is too small to cut out",
            f"Use one of at least {LEAST_PX} × {LEAST_PX} pixels",
        )
    if max(height, width) > MOST_ASPECT * min(height, width):
        raise EngineError(f"A photo of {width} × {height} pixels is too narrow to cut out", "Crop it to the product")
    if request.strokes is not None and request.strokes.shape != (height, width):
        raise ValueError(f"Expected strokes of {width} × {height} pixels, got {request.strokes.shape[::-1]}")
    return request.picture


def _nothing() -> EngineError:
    return EngineError(
        "No product was found in this photo",
        "Mark it with the keep brush, or use a photo in which it stands out from its background",
    )


def _sureness(scene: _Scene) -> float:
    """Confidence in what an opinion led to, before any stroke; 0 when that is nothing."""
    try:
        product = _outlined(scene, None) > 0.5
    except EngineError:
        return 0.0
    return trust.confidence(trust.signs(scene.view, scene.found, scene.prior, product))


def _outlined(scene: _Scene, strokes: Pixels | None) -> Plane:
    """h×w at working size, above ½ where the product is, after the brush."""
    marks = _at_working_size(strokes, scene.view.shape)
    inside = segment.with_strokes(scene.view, scene.found, marks) if marks.any() else scene.found.inside
    mask = inside > 0.5
    kept = segment.tidied(mask, scene.prior) | segment.touched(mask, marks == KEEP)
    plain = scene.behind.plain
    closed = without_false_holes(scene.view, scene.behind, kept) if plain else segment.without_spots(kept)
    product = (closed & ~segment.touched(closed & ~kept, marks == REMOVE) & (marks != REMOVE)) | (marks == KEEP)
    if product.sum() < max(4.0, _LEAST_PRODUCT * product.size) and not (marks == KEEP).any():
        raise _nothing()
    # The soft values place the contour between two pixels.
    return np.where(product, np.maximum(inside, 0.51), np.minimum(inside, 0.49)).astype(np.float32)


def _at_working_size(strokes: Pixels | None, shape: tuple[int, int]) -> Pixels:
    """Strokes at working size: a pixel is marked when any of the pixels it stands for was."""
    marks = np.zeros(shape, np.uint8)
    if strokes is None or not strokes.any():
        return marks
    for value in (KEEP, REMOVE):
        share = cv2.resize((strokes == value).astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
        marks[share > 0] = value
    return marks


def _edge(scene: _Scene, inside: Plane, strokes: Pixels | None) -> Pixels:
    """H×W `uint8`: alpha at the photo's size. A stroke is final where it lies."""
    height, width = scene.picture.shape[:2]
    wide = cv2.resize(inside, (width, height), interpolation=cv2.INTER_LINEAR)
    if strokes is not None:
        wide[strokes == KEEP], wide[strokes == REMOVE] = 1, 0
    alpha = np.zeros((height, width), np.uint8)
    if not (wide > 0.5).any():
        return alpha
    # 1. A band along the contour, up to three times as wide where it is hair or blur.
    blur = matte.softness(scene.view.lab, inside > 0.5, _BAND * scene.view.scale_px)
    soft = cv2.resize(blur, (width, height), interpolation=cv2.INTER_LINEAR)
    base = max(2.0, _BAND * float(np.sqrt(height * width)))
    window = matte.around(wide > 0.5, round(4 * base) + 4)
    guess, soft = np.ascontiguousarray(wide[window.cut], np.float32), np.ascontiguousarray(soft[window.cut], np.float32)
    trimap = matte.trimap_of(guess > 0.5, base * (1 + 2 * soft))
    if strokes is not None:
        said = strokes[window.cut]
        trimap[said == KEEP], trimap[said == REMOVE] = 1, 0

    # 2. The matte within it.
    solved = matte.alpha_of(np.ascontiguousarray(scene.picture[window.cut]), trimap, guess, soft)
    alpha[window.cut] = np.rint(solved * 255).astype(np.uint8)
    return alpha


def _unsure(scene: _Scene, product: Mask, strokes: Pixels | None, size: tuple[int, int]) -> Pixels:
    """H×W `uint8`: where the evidence is even or the result went against the first guess; 0 under strokes."""
    doubt = np.maximum(trust.undecided(scene.found), np.abs(product - scene.prior) ** 2)
    wide = np.rint(cv2.resize(doubt.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) * 255).astype(np.uint8)
    if strokes is not None:
        wide[strokes > 0] = 0
    return wide
