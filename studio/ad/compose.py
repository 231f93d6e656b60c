"""One ad drawn with Skia: scene, product, flats, words, logo. The same drawing goes to any canvas. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import skia
from numpy.typing import NDArray
from PIL import Image

from studio.ad.ground import Grounded, Scrim, settle_colors
from studio.ad.layout import Arrangement, Flat, arrange
from studio.brand.fonts import FontSet
from studio.brand.logo import LogoArt
from studio.brief.frame import Frame, frame
from studio.color import rgb_of
from studio.geometry import Rect, cover_crop, placed
from studio.model import AdSpec, BrandKit, Placement, Words

Pixels = NDArray[np.uint8]
RECIPE = 1
"""Raised when the same AdSpec would be drawn differently."""


@dataclass(frozen=True, eq=False)
class Brand:
    """What drawing needs of a kit, loaded."""

    kit: BrandKit
    fonts: FontSet
    logos: tuple[LogoArt, ...]


@dataclass(frozen=True, eq=False)
class Scene:
    """A painted picture (H×W×3 `uint8`) and the product's cut-out (H×W×4, straight alpha, trimmed) with its place.

    Remembers its latest sizes: other words on the same scene and format need no resampling.
    """

    pixels: Pixels
    product: Pixels | None = None
    placement: Placement | None = None
    _sized: dict[object, Pixels] = field(default_factory=dict, repr=False)

    def covering(self, rect: Rect) -> Pixels:
        """The picture cropped to the rectangle's shape and scaled onto it."""
        return self._kept(("picture", rect.rounded()), lambda: _covering(self.pixels, rect))

    def product_at(self, width_px: int, height_px: int) -> Pixels:
        product = self.product
        assert product is not None
        return self._kept(("product", width_px, height_px), lambda: resampled(product, width_px, height_px))

    def _kept(self, key: object, make: Callable[[], Pixels]) -> Pixels:
        if key not in self._sized:
            while len(self._sized) >= 4:
                self._sized.pop(next(iter(self._sized)))
            self._sized[key] = make()
        return self._sized[key]


@dataclass(frozen=True, eq=False)
class Plan:
    """All that is drawn, decided: geometry, colours, the scene cropped to its rectangle, the product at its size."""

    grounded: Grounded
    scene: Pixels | None
    product: Pixels | None
    product_rect: Rect | None

    @property
    def arrangement(self) -> Arrangement:
        return self.grounded.arrangement

    @property
    def size_px(self) -> tuple[int, int]:
        return self.arrangement.frame.width_px, self.arrangement.frame.height_px


def resampled(rgba: Pixels, width_px: int, height_px: int) -> Pixels:
    """The cut-out at a size: Lanczos, edges weighted by alpha. The one way product pixels ever change."""
    if rgba.shape[:2] == (height_px, width_px):
        return rgba
    return np.asarray(Image.fromarray(rgba, "RGBA").resize((width_px, height_px), Image.Resampling.LANCZOS))


def growth(spec: AdSpec, scene: Scene) -> float:
    """How many delivered pixels, in length, one painted pixel has to fill."""
    aspect = scene.product.shape[1] / scene.product.shape[0] if scene.product is not None else None
    picture = frame(spec.rules, spec.format, spec.words, aspect).picture
    if picture is None:
        return 1.0
    height, width = scene.pixels.shape[:2]
    return picture.width / cover_crop(width, height, picture.aspect).width


def plan_ad(spec: AdSpec, brand: Brand, scene: Scene | None) -> Plan:
    """Decide everything about an ad. Raises `DoesNotFit` naming the words that no rule can set."""
    placement = scene.placement if scene else None
    aspect = scene.product.shape[1] / scene.product.shape[0] if scene and scene.product is not None else None
    base = frame(spec.rules, spec.format, spec.words, aspect)

    # 1. The picture covers its rectangle; the product stands where the picture has its shadow.
    backdrop = product = product_rect = None
    if base.picture is not None and scene is not None:
        backdrop = scene.covering(base.picture)
        if placement is not None and scene.product is not None:
            height, width = scene.pixels.shape[:2]
            spot = placed(placement.box, width, height, base.picture)
            left, top = round(spot.left), round(spot.top)
            size = max(round(spot.width), 1), max(round(spot.height), 1)
            product_rect = Rect(left, top, left + size[0], top + size[1])
            product = scene.product_at(*size)
            base = replace(base, product=product_rect.clipped(base.picture))

    # 2. Words, flats and logo fitted by measuring, clear of the product; colours by what is behind them.
    arrangement = arranged(base, spec.words, brand)
    small = [art.small for art in brand.logos]
    grounded = settle_colors(arrangement, brand.kit, brand.fonts, backdrop, small)
    return Plan(grounded, backdrop, product, product_rect)


def arranged(base: Frame, words: Words, brand: Brand) -> Arrangement:
    """The words and the logo fitted into a frame. Raises `DoesNotFit`."""
    variants = brand.kit.logos if brand.logos else ()
    return arrange(
        base,
        words,
        brand.fonts,
        # Any variant may be drawn there, so the place must suit the widest and the strictest.
        max((art.aspect for art in brand.logos), default=None),
        max((logo.clear_space_fraction for logo in variants), default=0.0),
        max((float(logo.min_width_px) for logo in variants), default=0.0),
    )


def render(plan: Plan, brand: Brand) -> Pixels:
    """The finished ad, H×W×3 sRGB."""
    width, height = plan.size_px
    buffer = np.empty((height, width, 4), np.uint8)
    canvas = skia.Canvas(buffer, skia.kRGBA_8888_ColorType)
    draw(canvas, plan, brand)
    return np.asarray(cv2.cvtColor(buffer, cv2.COLOR_RGBA2RGB), np.uint8)


def draw(canvas: skia.Canvas, plan: Plan, brand: Brand) -> None:
    """The same ad on any Skia canvas."""
    draw_ground(canvas, plan)
    draw_flats(canvas, plan, above=True)
    draw_words(canvas, plan)
    draw_logo(canvas, plan, brand)


def draw_ground(canvas: skia.Canvas, plan: Plan) -> None:
    """What lies under words and logo: sheet, panel, picture, scrims, product."""
    canvas.clear(skia.ColorWHITE)
    draw_flats(canvas, plan, above=False)
    picture = plan.arrangement.frame.picture
    if plan.scene is not None and picture is not None:
        canvas.drawImage(_image(plan.scene), picture.left, picture.top)
    for scrim in plan.grounded.scrims:
        _draw_scrim(canvas, scrim, picture)
    if plan.product is not None and plan.product_rect is not None:
        canvas.save()
        if picture is not None:
            canvas.clipRect(skia.Rect.MakeLTRB(*picture))
        canvas.drawImage(_image(plan.product), plan.product_rect.left, plan.product_rect.top)
        canvas.restore()


def draw_flats(canvas: skia.Canvas, plan: Plan, above: bool) -> None:
    """Sheet and panel (below the picture) or button, disc, rule and plate (above it)."""
    for flat in plan.arrangement.flats:
        if (flat.kind not in ("sheet", "panel")) == above:
            _draw_flat(canvas, flat)


def draw_words(canvas: skia.Canvas, plan: Plan) -> None:
    for place in plan.arrangement.texts:
        place.block.paint(canvas, place.rect.left, place.rect.top)


def draw_logo(canvas: skia.Canvas, plan: Plan, brand: Brand) -> None:
    rect, index = plan.arrangement.logo, plan.grounded.logo_index
    if rect is None or index is None:
        return
    art = brand.logos[index]
    width = min(rect.width, rect.height * art.aspect)
    left = rect.left + (rect.width - width) / 2
    art.draw(canvas, left, rect.top + (rect.height - width / art.aspect) / 2, width)


# ------------------------------------------------------------------------------------------------ parts


def _covering(pixels: Pixels, rect: Rect) -> Pixels:
    """The picture cropped to the rectangle's shape and scaled onto it: averaged when shrinking, cubic when growing."""
    height, width = pixels.shape[:2]
    crop = cover_crop(width, height, rect.aspect)
    size = round(rect.width), round(rect.height)
    scale = size[0] / crop.width
    left, top, right, bottom = crop.rounded()
    exact = max(abs(a - b) for a, b in zip(crop, (left, top, right, bottom), strict=True)) < 0.02
    if scale < 1 or exact:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(pixels[top:bottom, left:right], size, interpolation=how), np.uint8)
    # Growing, half a pixel of the picture would show beside the product's edge: crop between pixels.
    shift = (scale - 1) / 2
    matrix = np.array([[scale, 0, shift - crop.left * scale], [0, scale, shift - crop.top * scale]])
    grown = cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(grown, np.uint8)


def with_product(pixels: Pixels, rgba: Pixels, placement: Placement) -> Pixels:
    """A painted picture with the cut-out laid on where it stands."""
    height, width = pixels.shape[:2]
    whole = Rect(0, 0, width, height)
    spot = Rect(*map(float, placed(placement.box, width, height, whole).rounded()))
    return _laid(pixels, resampled(rgba, max(int(spot.width), 1), max(int(spot.height), 1)), spot, whole)


def _laid(backdrop: Pixels, product: Pixels, spot: Rect, picture: Rect) -> Pixels:
    """The scene with the product on it."""
    seen = backdrop.copy()
    left, top = int(spot.left - picture.left), int(spot.top - picture.top)
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + product.shape[0], seen.shape[0]), min(left + product.shape[1], seen.shape[1])
    if y1 <= y0 or x1 <= x0:
        return seen
    part = product[y0 - top : y1 - top, x0 - left : x1 - left]
    alpha = part[..., 3:].astype(np.uint16)
    under = seen[y0:y1, x0:x1].astype(np.uint16)
    seen[y0:y1, x0:x1] = ((part[..., :3] * alpha + under * (255 - alpha) + 127) // 255).astype(np.uint8)
    return seen


def _image(pixels: Pixels) -> skia.Image:
    if pixels.shape[2] == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA)  # type: ignore[assignment]
        return skia.Image.fromarray(np.ascontiguousarray(pixels), skia.kRGBA_8888_ColorType, skia.kOpaque_AlphaType)
    return skia.Image.fromarray(np.ascontiguousarray(pixels), skia.kRGBA_8888_ColorType, skia.kUnpremul_AlphaType)


def _draw_flat(canvas: skia.Canvas, flat: Flat) -> None:
    paint = skia.Paint(AntiAlias=True, Color=skia.Color(*rgb_of(flat.hex)))
    rect = skia.Rect.MakeLTRB(*flat.rect)
    if flat.radius_px:
        canvas.drawRoundRect(rect, flat.radius_px, flat.radius_px, paint)
    else:
        canvas.drawRect(rect, paint)


def _draw_scrim(canvas: skia.Canvas, scrim: Scrim, picture: Rect | None) -> None:
    rect, fade = scrim.rect, scrim.fade_px
    start, end = {
        "left": ((rect.right, 0), (rect.right + fade, 0)),
        "right": ((rect.left, 0), (rect.left - fade, 0)),
        "top": ((0, rect.bottom), (0, rect.bottom + fade)),
        "bottom": ((0, rect.top), (0, rect.top - fade)),
    }[scrim.side]
    # A smoothstep in five stops: a straight ramp shows where it begins.
    strengths = (scrim.alpha * (1 - t * t * (3 - 2 * t)) for t in (0, 0.25, 0.5, 0.75, 1))
    colors = [skia.Color(*rgb_of(scrim.hex), round(255 * strength)) for strength in strengths]
    shader = skia.GradientShader.MakeLinear([skia.Point(*start), skia.Point(*end)], colors)
    canvas.drawRect(skia.Rect.MakeLTRB(*(picture or rect)), skia.Paint(Shader=shader, Dither=True))
