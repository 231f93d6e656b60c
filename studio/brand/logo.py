"""A logo file as art that can be drawn: vector stays vector, and its box is the box of its ink."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import skia
from numpy.typing import NDArray

from studio.brand.inside import inside
from studio.brand.svg import MAX_SVG_BYTES, CleanSvg, clean_svg
from studio.color import delta_e00_hex, hex_of
from studio.errors import BadInput
from studio.model import Logo
from studio.pixels import Rgba, decode_picture, read_bytes

MAX_LOGO_BYTES = 32_000_000
_MAX_LOGO_PX = 40_000_000
_MEASURED_PX = 2048
# Below this, ink is an anti-aliasing crumb that would push the box out by a pixel.
_INK_ALPHA = 8


@dataclass(frozen=True, eq=False)
class LogoArt:
    """A logo ready to draw. `aspect` is width ÷ height of what is visible, after trimming empty margins."""

    logo: Logo
    aspect: float
    notes: tuple[str, ...] = ()
    opaque: bool = False
    """Whether the file has no transparency at all, and so shows as a box."""
    _svg: CleanSvg | None = field(default=None, repr=False)
    _pixels: Rgba | None = field(default=None, repr=False)
    _ink: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    """Left, top, width, height of the visible part, in the file's own units."""

    def draw(self, canvas: skia.Canvas, left: float, top: float, width_px: float) -> None:
        """Draw the visible part `width_px` wide with its top left corner at (left, top), in canvas units."""
        ink_left, ink_top, ink_width, ink_height = self._ink
        scale = width_px / ink_width
        canvas.save()
        canvas.translate(left, top)
        canvas.scale(scale, scale)
        canvas.translate(-ink_left, -ink_top)
        if self._svg is not None:
            canvas.clipRect(skia.Rect.MakeWH(self._svg.width, self._svg.height))
            _dom(self._svg, self.logo.file).render(canvas)
        else:
            box = skia.Rect.MakeXYWH(ink_left, ink_top, ink_width, ink_height)
            sampling = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear)
            if scale >= 1.0:
                sampling = skia.SamplingOptions(skia.CubicResampler.Mitchell())
            canvas.drawImageRect(self._image, box, box, sampling, None)
        canvas.restore()

    def rgba(self, width_px: int) -> Rgba:
        """The visible part as H×W×4 uint8, straight alpha, sRGB; H is `width_px` ÷ aspect, rounded, at least 1."""
        width = max(1, int(width_px))
        height = max(1, int(width / self.aspect + 0.5))
        if width * height > 100_000_000:
            raise BadInput(f"A logo of {width}×{height} px is too large to draw", "Ask for a smaller one")
        return _pixels_of(width, height, lambda canvas: self.draw(canvas, 0.0, 0.0, float(width)))

    @cached_property
    def small(self) -> Rgba:
        """The logo about as large as an ad shows it: what its colours are measured on."""
        return self.rgba(max(16, round(min(320.0, 240.0 * self.aspect))))

    @cached_property
    def inks(self) -> tuple[tuple[str, float], ...]:
        """The logo's own colours and the share of its ink each covers, 0–1, largest first; at most eight."""
        pixels = self.small.reshape(-1, 4)
        ink = pixels[pixels[:, 3] == 255][:, :3]
        bins = (ink >> 3).astype(np.int64) @ np.array([1, 32, 1024])
        names, counts = np.unique(bins, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:8]
        return tuple((hex_of(np.median(ink[bins == names[i]], axis=0)), float(counts[i] / len(ink))) for i in order)

    def vanishes_on(self, background_hex: str) -> bool:
        """Whether a part of the logo, small or large, can hardly be told from such a background."""
        return any(share >= 0.03 and delta_e00_hex(color, background_hex) < 12.0 for color, share in self.inks)

    @cached_property
    def _image(self) -> skia.Image:
        assert self._pixels is not None
        # Straight alpha would be filtered with whatever colour lies under the empty pixels: dark fringes.
        alpha = self._pixels[..., 3:].astype(np.uint16)
        premultiplied = np.concatenate([(self._pixels[..., :3] * alpha + 127) // 255, alpha], axis=-1).astype(np.uint8)
        image = skia.Image.fromarray(premultiplied, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)
        return image.withDefaultMipmaps() if hasattr(image, "withDefaultMipmaps") else image


def load_logo(folder: Path, logo: Logo) -> LogoArt:
    """The logo's file inside the kit's `folder`. Raises `BadInput` for a file that cannot be drawn or is elsewhere."""
    path = inside(folder, logo.file)
    data = read_bytes(path, MAX_LOGO_BYTES)
    if path.suffix.lower() == ".svg" or b"<svg" in data[:4096]:
        if len(data) > MAX_SVG_BYTES:
            raise BadInput(f"{logo.file} is larger than {MAX_SVG_BYTES / 1e6:g} MB", "Simplify it, or save it as PNG")
        return _vector(clean_svg(data, logo.file), logo)
    return _raster(decode_picture(data, logo.file, max_px=_MAX_LOGO_PX), logo)


def _vector(svg: CleanSvg, logo: Logo) -> LogoArt:
    dom = _dom(svg, logo.file)
    scale = _MEASURED_PX / max(svg.width, svg.height)
    width, height = max(1, round(svg.width * scale)), max(1, round(svg.height * scale))

    def paint(canvas: skia.Canvas) -> None:
        canvas.scale(scale, scale)
        canvas.clipRect(skia.Rect.MakeWH(svg.width, svg.height))
        dom.render(canvas)

    left, top, wide, tall = _ink_box(_pixels_of(width, height, paint)[..., 3], logo.file)
    ink = (left / scale, top / scale, wide / scale, tall / scale)
    return LogoArt(logo, wide / tall, svg.notes, _svg=svg, _ink=ink)


def _raster(pixels: Rgba, logo: Logo) -> LogoArt:
    left, top, wide, tall = _ink_box(pixels[..., 3], logo.file)
    opaque = bool((pixels[..., 3] == 255).all())
    ink = (float(left), float(top), float(wide), float(tall))
    return LogoArt(logo, wide / tall, opaque=opaque, _pixels=pixels, _ink=ink)


def _ink_box(alpha: NDArray[np.uint8], name: str) -> tuple[int, int, int, int]:
    rows = np.flatnonzero((alpha >= _INK_ALPHA).any(axis=1))
    columns = np.flatnonzero((alpha >= _INK_ALPHA).any(axis=0))
    if not rows.size:
        raise BadInput(f"{name} draws nothing", "Expected a logo with visible shapes; open the file and check it")
    return int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)


def _dom(svg: CleanSvg, name: str) -> skia.SVGDOM:
    dom = skia.SVGDOM.MakeFromStream(skia.MemoryStream.MakeCopy(svg.data))
    if dom is None:
        raise BadInput(f"{name} cannot be drawn", "Export it again, or save it as PNG")
    return dom


def _pixels_of(width: int, height: int, paint: object) -> Rgba:
    info = skia.ImageInfo.Make(
        width, height, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType, skia.ColorSpace.MakeSRGB()
    )
    surface = skia.Surface.MakeRaster(info)
    assert callable(paint)
    paint(surface.getCanvas())
    out = np.zeros((height, width, 4), np.uint8)
    straight = info.makeAlphaType(skia.kUnpremul_AlphaType)
    surface.makeImageSnapshot().readPixels(straight, out, width * 4)
    return out
