"""Fidelity of a picture we did not make: what can be told from its pixels and the kit alone. Pure but for the kit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from studio.brand.kit import LoadedKit
from studio.color import cielab, contrast, delta_e00, hex_of
from studio.model import Check, Format, Score
from studio.picture.palette import DOMINANT_SHARE, distances, dominant

Pixels = NDArray[np.uint8]
_SEARCH_PX = 480
_FOUND = 0.62


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
    colors, shares = dominant(pixels.reshape(-1, 3), clusters=10)
    main = shares >= DOMINANT_SHARE
    far = distances(colors[main], loaded.kit.palette)
    share = float(shares[main][far <= 5.0].sum() / max(shares[main].sum(), 1e-9))
    worst = int(far.argmax())
    return Check(
        id="palette", passed=share >= 0.9, value=round(share, 3), limit=0.9,
        message=f"{share:.0%} of the main colours are the kit's; {hex_of(colors[main][worst])} is ΔE00 {far[worst]:.1f} off",
        fix="" if share >= 0.9 else "Bring the scene's colours to the kit's palette",
    )  # fmt: skip


def _logo(pixels: Pixels, loaded: LoadedKit) -> Iterator[Check]:
    """The best place of any variant at any size, by correlation of edges; then its colours and contrast there."""
    if not loaded.logos:
        return
    best, index, box = _find(pixels, loaded)
    yield Check(
        id="logo_present", passed=best >= _FOUND, value=round(best, 3), limit=_FOUND,
        message=f"the best match of the kit's logo agrees to {best:.0%}",
        fix="" if best >= _FOUND else "Put the kit's logo on the picture, undistorted and uncovered",
    )  # fmt: skip
    if best < _FOUND:
        return
    left, top, width, height = box
    art = loaded.logos[index].rgba(max(width, 8))
    art = cv2.resize(art, (width, height), interpolation=cv2.INTER_AREA)
    there = pixels[top : top + height, left : left + width]
    solid = art[..., 3] > 230
    if solid.sum() < 12:
        return
    off = float(delta_e00(cielab(there[solid].astype(float).mean(axis=0)), cielab(art[solid][:, :3].mean(axis=0))))
    yield Check(
        id="logo_color", passed=off <= 8.0, value=round(off, 2), limit=8.0,
        message=f"its colours are ΔE00 {off:.1f} off the kit's", fix="" if off <= 8 else "Use the logo's own colours",
    )  # fmt: skip
    empty = art[..., 3] < 10
    ground = np.median(there[empty], axis=0) if empty.sum() > 12 else np.array([255.0, 255, 255])
    ratio = float(np.median(contrast(there[solid].astype(float), ground)))
    yield Check(
        id="logo_contrast", passed=ratio >= 3.0, value=round(ratio, 2), limit=3.0,
        message=f"contrast {ratio:.1f}:1", fix="" if ratio >= 3 else "Use a variant that reads on this background",
    )  # fmt: skip


def _find(pixels: Pixels, loaded: LoadedKit) -> tuple[float, int, tuple[int, int, int, int]]:
    """Best correlation, variant, and box (left, top, width, height) in picture pixels."""
    scale = min(_SEARCH_PX / max(pixels.shape[:2]), 1.0)
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    field = _edges(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
    best, index, box = 0.0, 0, (0, 0, 1, 1)
    for number, logo in enumerate(loaded.logos):
        for width in np.unique(np.geomspace(24, small.shape[1] * 0.95, 28).astype(int)):
            height = round(width / logo.aspect)
            if height < 8 or height > small.shape[0]:
                continue
            art = logo.rgba(int(width))
            art = cv2.resize(art, (int(width), height), interpolation=cv2.INTER_AREA)
            for ground in (255, 0):
                alpha = art[..., 3:].astype(np.float32) / 255
                flat = art[..., :3] * alpha + ground * (1 - alpha)
                template = _edges(cv2.cvtColor(flat.astype(np.uint8), cv2.COLOR_RGB2GRAY))
                if template.std() < 1e-3:
                    continue
                _, top, _, where = cv2.minMaxLoc(cv2.matchTemplate(field, template, cv2.TM_CCOEFF_NORMED))
                if top > best:
                    best, index = float(top), number
                    box = (
                        round(where[0] / scale),
                        round(where[1] / scale),
                        round(width / scale),
                        round(height / scale),
                    )
    left, top, width, height = box
    width, height = min(width, pixels.shape[1] - left), min(height, pixels.shape[0] - top)
    return best, index, (left, top, max(width, 1), max(height, 1))


def _edges(gray: NDArray[np.generic]) -> NDArray[np.float32]:
    x = cv2.Sobel(gray, cv2.CV_32F, 1, 0)
    y = cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    return np.sqrt(np.minimum(cv2.magnitude(x, y), 400)).astype(np.float32)
