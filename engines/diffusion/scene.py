"""From a request to the work of a pipeline and back: sizes, the set, the product, and the picture made whole again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from engines.base import Capabilities, ControlMap, PaintRequest, Pixels, Plane, ProductInScene, Progress, Region
from engines.stage.product import product_mask

from .family import Work
from .harmonise import SetLight, harmonise, laid, narrowed, over
from .profile import Profile
from .sets import Sets, StandingSet

LEAST_EDGE_PX = 256
"""Smaller pictures are painted larger, then reduced: models draw well only about the sizes they learned on."""
FILLED, NEARLY = 0.85, 0.9
"""How much of one of a model's sizes a picture must fill, and how much smaller than asked it may be painted there."""
USUAL_BLOCKS = 0.8
"""The strength of colour blocks at which a profile's `start_strength` holds."""
_BY_AREA = ("segment",)


@dataclass(frozen=True)
class Canvas:
    """A picture's size as asked, and as painted: `scale` times as large, then filled up to a `size` or to whole
    multiples at the right and at the bottom, which are cut off again."""

    width_px: int
    height_px: int
    scale: float
    multiple_px: int
    size: tuple[int, int] | None = None

    @staticmethod
    def of(
        width_px: int,
        height_px: int,
        multiple_px: int,
        least_px: float,
        sizes: Sequence[tuple[int, int]] = (),
        most_px: float = 0.0,
    ) -> Canvas:
        """The canvas for a picture: of the model's own `sizes` the one that it fills best, if it fills it nearly and is
        hardly smaller there than asked; else as large as asked, or the least size of its shape that models paint
        well."""
        if least_px <= 0:
            return Canvas(width_px, height_px, 1.0, multiple_px)
        by_area = least_px / math.sqrt(width_px * height_px)
        by_edge = min(LEAST_EDGE_PX, least_px) / min(width_px, height_px)
        scale = max(by_area, by_edge, 1.0)
        if most_px > 0:
            scale = min(scale, max(most_px / math.sqrt(width_px * height_px), by_edge))
        own = Canvas(width_px, height_px, scale, multiple_px)
        some = [
            Canvas(width_px, height_px, min(size[0] / width_px, size[1] / height_px), multiple_px, size)
            for size in sizes
        ]
        good = [one for one in some if one.filled_fraction >= FILLED and one.scale >= NEARLY * own.scale]
        return max(good, key=lambda one: one.filled_fraction, default=own)

    @property
    def filled_fraction(self) -> float:
        """How much of what is painted is kept, 0–1."""
        return math.prod(self.inner) / math.prod(self.outer)

    @property
    def inner(self) -> tuple[int, int]:
        """Width and height of the picture as painted."""
        return math.ceil(self.width_px * self.scale - 1e-6), math.ceil(self.height_px * self.scale - 1e-6)

    @property
    def outer(self) -> tuple[int, int]:
        """Width and height that are painted, in whole multiples."""
        if self.size is not None:
            return self.size
        wide, high = (math.ceil(side / self.multiple_px) * self.multiple_px for side in self.inner)
        return wide, high

    def fitted(self, picture: Pixels, exact: bool = False) -> Pixels:
        """A picture of about this shape (H×W or H×W×3) on the canvas: never squeezed, what stands over is cropped.
        `exact` keeps its colours unmixed."""
        height, width = picture.shape[:2]
        wide, high = self.inner
        grow = max(wide / width, high / height)
        crop = min(round(wide / grow), width), min(round(high / grow), height)
        left, top = (width - crop[0]) // 2, (height - crop[1]) // 2
        part = picture[top : top + crop[1], left : left + crop[0]]
        return self.filled(_resized(part, self.inner, exact))

    def covered(self, mask: Pixels) -> Pixels:
        """A mask in fractions of the picture (H×W), on the canvas."""
        return self.filled(_resized(mask, self.inner, False))

    def filled(self, picture: Pixels) -> Pixels:
        """A picture of the inner size with its edge drawn out to the whole canvas."""
        (wide, high), (all_wide, all_high) = self.inner, self.outer
        if (wide, high) == (all_wide, all_high):
            return picture
        drawn = cv2.copyMakeBorder(picture, 0, all_high - high, 0, all_wide - wide, cv2.BORDER_REPLICATE)
        return np.asarray(drawn, np.uint8)

    def cut(self, painted: Pixels) -> Pixels:
        """What was painted, at the size that was asked for."""
        wide, high = self.inner
        inner = np.ascontiguousarray(painted[:high, :wide])
        if wide < self.width_px or high < self.height_px:
            return np.asarray(
                cv2.resize(inner, (self.width_px, self.height_px), interpolation=cv2.INTER_CUBIC), np.uint8
            )
        return _resized(inner, (self.width_px, self.height_px), False)


@dataclass(frozen=True, eq=False)
class Staged:
    """Work for a family, and what is needed to finish what comes of it."""

    work: Work
    canvas: Canvas
    product: ProductInScene | None = None
    standing: StandingSet | None = None
    latent_px: int = Profile.latent_px
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Finished:
    """A picture of the asked size, H×W×3, with the maps of `engines.base.Painting`."""

    picture: Pixels
    depth: Plane | None
    edges: Pixels | None
    mask: Pixels | None
    facts: Mapping[str, Any]


def prepare(
    request: PaintRequest,
    profile: Profile,
    multiple_px: int,
    progress: Progress,
    *,
    can: Capabilities | None = None,
    sets: Sets | None = None,
) -> Staged:
    """Decide everything about a picture. `can`: what the painter is able to follow, all of it when None; the rest is
    left out and named in the facts. `sets` keeps sets between calls.

    Colour blocks beat the set's colours as start picture. Of either, `profile.start_strength` is given up to the noise;
    blocks that are stronger or weaker than the usual 0.8 give up in proportion less or more: 1 − (1 − start_strength) ·
    strength / 0.8. A depth map of the designer's own beats the set's. In calm places the set's colours and depth are
    blurred, so that nothing there asks to be drawn. Raises `EngineError` for a set or a place that is wrong, `Stopped`.
    """
    # 1. The size
    canvas = Canvas.of(
        request.width_px, request.height_px, multiple_px, profile.least_px, profile.sizes, profile.most_px
    )
    facts: dict[str, Any] = {"painted_px": list(canvas.outer)}
    if canvas.scale > 1:
        facts["painted_larger"] = round(canvas.scale, 2)

    # 2. What the designer gave
    controls, blocks, ignored = _maps(request, canvas, can)
    product = request.product if can is None or can.product_in_scene else None

    # 3. The set, as far as the painter can follow it
    standing = None
    if request.set_spec is not None and (can is None or can.sets):
        standing = (sets or Sets()).standing(replace(request, product=product), progress)
        facts["set"] = standing.painting.facts["set"]
        own_depth = any(control.kind == "depth" for control in controls)
        if not own_depth and _follows(can, "depth") and profile.set_strength > 0:
            controls = (*controls, _set_depth(standing, request, product, canvas, profile.set_strength))

    # 4. What the picture starts from
    start, strength = _start(request, standing, blocks, canvas, profile, can)
    repaint = None
    if product is not None:
        start, repaint = _with_product(request, start, product, canvas, profile.latent_px)

    # 5. The words, and everything else as it is
    progress.report(1.0)
    work = Work(
        *canvas.outer,
        seed=request.seed,
        steps=request.steps,
        prompt=request.prompt,
        avoid=request.avoid if can is None or can.avoid else "",
        guidance=request.guidance,
        start=start,
        strength=_whole_step(strength, request.steps),
        repaint=repaint,
        controls=controls,
        references=tuple(
            replace(one, mask=None if one.mask is None else canvas.covered(one.mask))
            for one in request.references
            if can is None or one.use in can.references
        ),
        adapters=request.adapters if can is None or can.adapters else (),
    )
    if ignored:
        facts["not_followed"] = ignored
    return Staged(work, canvas, product, standing, profile.latent_px, facts)


def finish(staged: Staged, pixels: Pixels) -> Finished:
    """What was painted (H×W×3 of the work's size), cut to the asked size; a product's own opaque pixels laid in and the
    scene around it made to fit (see `engines.diffusion.harmonise`); with the maps of the set."""
    canvas, product = staged.canvas, staged.product
    picture = canvas.cut(pixels)
    facts = dict(staged.facts)
    mask = None
    if product is not None:
        size = canvas.width_px, canvas.height_px
        rgba = laid(product, *size)
        light = _light(staged.standing, size) if staged.standing else None
        # A model may draw the product one latent beyond its edge.
        smear = max(round(staged.latent_px / canvas.scale), 2)
        picture, edge = harmonise(picture, rgba, smear, product.pitch_deg, light)
        mask = product_mask(product, *size)
        facts["product_edge"] = edge
    painting = staged.standing.painting if staged.standing else None
    return Finished(
        picture,
        painting.depth if painting else None,
        painting.edges if painting else None,
        mask if mask is not None or painting is None else painting.mask,
        facts,
    )


# ------------------------------------------------------------------------------------------------ parts


def _follows(can: Capabilities | None, kind: str) -> bool:
    return can is None or kind in can.controls


def _maps(
    request: PaintRequest, canvas: Canvas, can: Capabilities | None
) -> tuple[tuple[ControlMap, ...], ControlMap | None, list[str]]:
    """The maps to follow, at the canvas' size; the colour blocks to start from; the kinds that are left out."""
    controls: list[ControlMap] = []
    blocks, ignored = None, []
    for control in request.controls:
        if not _follows(can, control.kind):
            ignored.append(control.kind)
            continue
        picture = canvas.fitted(control.picture, control.kind in _BY_AREA)
        mask = None if control.mask is None else canvas.covered(control.mask)
        fitted = replace(control, picture=picture, mask=mask)
        if control.kind == "blocks":
            blocks = fitted
        else:
            controls.append(fitted)
    return tuple(controls), blocks, ignored


def _set_depth(
    standing: StandingSet, request: PaintRequest, product: ProductInScene | None, canvas: Canvas, strength: float
) -> ControlMap:
    """The set's depth with the product in it: its outline as near as the ground at its foot."""
    depth = standing.painting.depth
    assert depth is not None
    depth = _calmed(depth, request.calm)
    if product is not None:
        mask = product_mask(product, request.width_px, request.height_px) > 127
        if mask.any():
            depth[mask] = max(_at_foot(depth, mask), float(depth[mask].mean()))
    picture = np.repeat(np.rint(depth * 255).astype(np.uint8)[..., None], 3, axis=2)
    return ControlMap("depth", canvas.fitted(picture), strength)


def _at_foot(depth: Plane, mask: np.ndarray) -> float:
    """How near the ground is where the product stands: under the lowest tenth of it."""
    rows, columns = np.nonzero(mask)
    low = rows >= np.quantile(rows, 0.9)
    under = np.minimum(rows[low] + 1, depth.shape[0] - 1)
    return float(np.quantile(depth[under, columns[low]], 0.9))


def _calmed(plane: np.ndarray, calm: tuple[Region, ...]) -> Any:
    """A copy (H×W or H×W×3, its own kind of number) that is blurred where words will stand, with a soft border."""
    if not calm:
        return plane.copy()
    height, width = plane.shape[:2]
    quiet = np.zeros((height, width), np.float32)
    for place in calm:
        rows = slice(max(round(place.top * height), 0), max(round(place.bottom * height), 0))
        quiet[rows, max(round(place.left * width), 0) : max(round(place.right * width), 0)] = 1
    sigma = 0.03 * math.sqrt(height * width)
    quiet = cv2.GaussianBlur(quiet, (0, 0), sigma / 2)
    blurred = cv2.GaussianBlur(plane.astype(np.float32), (0, 0), sigma)
    share = quiet if plane.ndim == 2 else quiet[..., None]
    mixed = plane * (1 - share) + blurred * share
    return np.rint(mixed).astype(np.uint8) if plane.dtype == np.uint8 else mixed.astype(np.float32)


def _start(
    request: PaintRequest,
    standing: StandingSet | None,
    blocks: ControlMap | None,
    canvas: Canvas,
    profile: Profile,
    can: Capabilities | None,
) -> tuple[Pixels | None, float]:
    """The start picture on the canvas and how much of it is given up; None and 1 where there is none."""
    shown = None
    if standing is not None and _follows(can, "blocks"):
        shown = canvas.fitted(_calmed(standing.painting.picture, request.calm))
    if blocks is None:
        return shown, 1.0 if shown is None else profile.start_strength
    picture = blocks.picture
    if blocks.mask is not None:  # elsewhere the set's colours, or the brand's ground
        share = blocks.mask[..., None].astype(np.float32) / 255
        under = shown if shown is not None else _ground(request, canvas)
        picture = np.rint(picture * share + under * (1 - share)).astype(np.uint8)
    given = 1 - (1 - profile.start_strength) * blocks.strength / USUAL_BLOCKS
    return picture, min(max(given, 0.0), 1.0)


def _with_product(
    request: PaintRequest, start: Pixels | None, product: ProductInScene, canvas: Canvas, latent_px: int
) -> tuple[Pixels, Pixels]:
    """The start picture with the product on it, and where to paint: everywhere but inside the product."""
    rgba = canvas.filled(laid(product, *canvas.inner))
    ground = start if start is not None else _ground(request, canvas)
    inside_px = latent_px // 2  # half a latent, so that the edge is blended
    kept = narrowed(rgba, inside_px)
    return over(rgba, ground, inside_px), np.where(kept, 0, 255).astype(np.uint8)


def _light(standing: StandingSet, size: tuple[int, int]) -> SetLight | None:
    if standing.light is None:
        return None
    left = cv2.resize(standing.light, size, interpolation=cv2.INTER_LINEAR)
    return SetLight(np.asarray(left, np.float32), standing.painting.picture)


def _ground(request: PaintRequest, canvas: Canvas) -> Pixels:
    """The brand's own ground, for a picture that starts from nothing else."""
    wide, high = canvas.outer
    colour = request.palette.get("background") or request.palette.get("surface") or "#808080"
    return np.broadcast_to(np.array(list(bytes.fromhex(colour.lstrip("#"))), np.uint8), (high, wide, 3)).copy()


def _whole_step(strength: float, steps: int) -> float:
    """A strength that leaves at least one step to paint."""
    return min(max(strength, (1 + 1e-6) / max(steps, 1)), 1.0)


def _resized(picture: Pixels, size: tuple[int, int], exact: bool) -> Pixels:
    """Area when it shrinks, linear when it grows, nearest where colours must not mix."""
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    way = cv2.INTER_AREA if size[0] < width or size[1] < height else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST if exact else way), np.uint8)
