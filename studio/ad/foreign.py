"""Fidelity of a picture we did not make: what can be told from its pixels and the kit alone. Pure but for the kit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from studio.ad.measure import best_match
from studio.brand.kit import LoadedKit
from studio.brand.logo import LogoArt
from studio.color import cielab, contrast, delta_e00, hex_of
from studio.geometry import Rect
from studio.model import Format
from studio.picture.palette import DOMINANT_SHARE, distances, dominant
from studio.results import Check, Score

Pixels = NDArray[np.uint8]
_SEARCH_PX = 560
_FINE_PX = 260
_CANDIDATES = 10
_FOUND = 0.72


def score_picture(pixels: Pixels, path: Path, loaded: LoadedKit, formats: Mapping[str, Format]) -> Score:
    """Size, bytes and file type against the known formats, palette, and the logo found by its drawing."""
    checks = [*_file(pixels, path, formats), _palette(pixels, loaded), *_logo(pixels, loaded)]
    return Score(checks=tuple(checks))


def _file(pixels: Pixels, path: Path, formats: Mapping[str, Format]) -> Iterator[Check]:
    size = (pixels.shape[1], pixels.shape[0])
    fitting = [fmt for fmt in formats.values() if fmt.delivered_px == size]
    yield Check(
        id="size", passed=bool(fitting), value=f"{size[0]}×{size[1]}", limit="a known format",
        message=f"{len(fitting)} formats have this size: {', '.join(f.id for f in fitting[:4])}" if fitting
        else "no known format has this size", fix="" if fitting else "Export at one of the formats' sizes",
    )  # fmt: skip
    if not fitting:
        return
    kind = {"jpeg": "jpg"}.get(path.suffix.lower().lstrip("."), path.suffix.lower().lstrip("."))
    size_bytes = path.stat().st_size
    limits = [fmt.max_bytes for fmt in fitting if fmt.max_bytes]
    most = max(limits) if len(limits) == len(fitting) else 0
    yield Check(
        id="bytes", passed=not most or size_bytes <= most, value=size_bytes, limit=most or "none",
        message=f"{size_bytes} bytes", fix="" if not most or size_bytes <= most else "Lower the quality",
    )  # fmt: skip
    good = any(kind in fmt.files for fmt in fitting)
    yield Check(
        id="file_type", passed=good, value=kind, limit=", ".join(sorted({f for fmt in fitting for f in fmt.files})),
        message=f"a {kind} file", fix="" if good else "Save in a type the channel takes",
    )  # fmt: skip


def _palette(pixels: Pixels, loaded: LoadedKit) -> Check:
    """The share of the picture whose main colours are within ΔE00 5 of an allowed one."""
    # Clustering wants more pixels than clusters; a tiny picture says the same of itself many times.
    few = pixels.reshape(-1, 3)
    colors, shares = dominant(few if len(few) >= 64 else np.repeat(few, 64, axis=0), clusters=10)
    main = shares >= DOMINANT_SHARE
    far = distances(colors[main], loaded.kit.palette)
    share = float(shares[main][far <= 5.0].sum() / max(shares[main].sum(), 1e-9))
    worst = int(far.argmax())
    return Check(
        id="palette", passed=share >= 0.9, value=round(share, 3), limit=0.9,
        message=f"{share:.0%} of the main colours are the kit's; "
        f"{hex_of(colors[main][worst])} is ΔE00 {far[worst]:.1f} off",
        fix="" if share >= 0.9 else "Bring the scene's colours to the kit's palette",
    )  # fmt: skip


def _logo(pixels: Pixels, loaded: LoadedKit) -> Iterator[Check]:
    """The best place of any variant at any size, by correlation of edges; then its colours and contrast there."""
    if not loaded.logos:
        return
    best, index, box = find_logo(pixels, loaded)
    yield Check(
        id="logo_present", passed=best >= _FOUND, value=round(best, 3), limit=_FOUND,
        message=f"the best match of the kit's logo agrees to {best:.0%}",
        fix="" if best >= _FOUND else "Put the kit's logo on the picture, undistorted and uncovered",
    )  # fmt: skip
    if best < _FOUND:
        return
    left, top, width, height = box
    there = pixels[top : top + height, left : left + width]
    # Variants often share one drawing: the one whose colours are there is meant.
    alike = [logo for logo in loaded.logos if abs(logo.aspect / loaded.logos[index].aspect - 1) < 0.02]
    off, art = min(((_color_off(there, logo), logo) for logo in alike), key=lambda item: item[0])
    drawn = cv2.resize(art.rgba(max(width, 8)), (there.shape[1], there.shape[0]), interpolation=cv2.INTER_AREA)
    solid, empty = drawn[..., 3] > 230, drawn[..., 3] < 10
    if solid.sum() < 12:
        return
    yield Check(
        id="logo_color", passed=off <= 8.0, value=round(off, 2), limit=8.0,
        message=f"its colours are ΔE00 {off:.1f} off the kit's", fix="" if off <= 8 else "Use the logo's own colours",
    )  # fmt: skip
    ground = np.median(there[empty], axis=0) if empty.sum() > 12 else np.array([255.0, 255, 255])
    ratio = float(np.median(contrast(there[solid].astype(float), ground)))
    yield Check(
        id="logo_contrast", passed=ratio >= 3.0, value=round(ratio, 2), limit=3.0,
        message=f"contrast {ratio:.1f}:1", fix="" if ratio >= 3 else "Use a variant that reads on this background",
    )  # fmt: skip


def _color_off(there: Pixels, logo: LogoArt) -> float:
    """CIEDE2000 between the logo's mean colour and what lies under its solid parts."""
    art = cv2.resize(logo.rgba(max(there.shape[1], 8)), (there.shape[1], there.shape[0]), interpolation=cv2.INTER_AREA)
    solid = art[..., 3] > 230
    if not solid.any():
        return 99.0
    return float(delta_e00(cielab(there[solid].astype(float).mean(axis=0)), cielab(art[solid][:, :3].mean(axis=0))))


def find_logo(pixels: Pixels, loaded: LoadedKit) -> tuple[float, int, tuple[int, int, int, int]]:
    """Best agreement, variant, and box (left, top, width, height) in picture pixels: a coarse search over sizes on a
    small picture, then the likeliest places again at their own size, where a chance likeness falls apart."""
    scale = min(_SEARCH_PX / max(pixels.shape[:2]), 1.0)
    size = max(round(pixels.shape[1] * scale), 1), max(round(pixels.shape[0] * scale), 1)
    field = _edges(cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY))
    coarse: list[tuple[float, int, Rect]] = []
    # Variants in other colours have one form: it is looked for once.
    forms = {logo.rgba(64)[..., 3].tobytes(): number for number, logo in reversed(list(enumerate(loaded.logos)))}
    for number in sorted(forms.values()):
        logo = loaded.logos[number]
        for width in np.unique(np.geomspace(24, max(size[0] * 0.95, 24), 36).astype(int)):
            if round(width / logo.aspect) < 6 or round(width / logo.aspect) > size[1] or width > size[0]:
                continue
            template = _template(logo, int(width))
            score, (x, y) = best_match(field, template)
            height = template.shape[0]
            coarse.append((score, number, Rect(x / scale, y / scale, (x + width) / scale, (y + height) / scale)))
    best = (0.0, 0, (0, 0, 1, 1))
    tried: list[Rect] = []
    for score, number, rect in sorted(coarse, key=lambda item: -item[0]):
        if len(tried) >= _CANDIDATES or score < 0.35:
            break
        if any(_same_spot(rect, other) for other in tried):
            continue
        tried.append(rect)
        best = max(best, _refined(pixels, loaded.logos[number], number, rect), key=lambda found: found[0])
    return best


def _same_spot(a: Rect, b: Rect) -> bool:
    """Whether a search around one would come upon the other."""
    near = 0.06 * a.width + 2
    return abs(a.left - b.left) < near and abs(a.top - b.top) < near and abs(a.width / b.width - 1) < 0.08


def _refined(pixels: Pixels, logo: LogoArt, number: int, rect: Rect) -> tuple[float, int, tuple[int, int, int, int]]:
    """The same logo around `rect` at up to 260 px wide, over finer sizes."""
    sheet = Rect(0, 0, pixels.shape[1], pixels.shape[0])
    left, top, right, bottom = rect.grown(0.14 * rect.width + 4).clipped(sheet).rounded()
    scale = min(_FINE_PX / rect.width, 2.0)
    size = max(round((right - left) * scale), 1), max(round((bottom - top) * scale), 1)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    near = cv2.resize(pixels[top:bottom, left:right], size, interpolation=how)
    field = _edges(cv2.cvtColor(near, cv2.COLOR_RGB2GRAY))
    best = (0.0, number, (0, 0, 1, 1))
    for factor in np.linspace(0.88, 1.14, 14):
        width = round(rect.width * scale * factor)
        template = _template(logo, width)
        score, (x, y) = best_match(field, template)
        if score > best[0]:
            box = x / scale + left, y / scale + top, width / scale, template.shape[0] / scale
            best = score, number, (round(box[0]), round(box[1]), max(round(box[2]), 1), max(round(box[3]), 1))
    return best


def _template(logo: LogoArt, width: int) -> NDArray[np.float32]:
    """Edges of the logo's ink on a ground that its strokes stand off, whatever their colour."""
    alpha = logo.rgba(width)[..., 3]
    height = max(round(width / logo.aspect), 1)
    return _edges(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA))


def _edges(gray: cv2.typing.MatLike) -> NDArray[np.float32]:
    x = cv2.Sobel(gray, cv2.CV_32F, 1, 0)
    y = cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    return np.sqrt(np.minimum(cv2.magnitude(x, y), 400)).astype(np.float32)
