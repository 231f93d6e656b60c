"""Pictures the built-in upscaler is trained and measured on. All are made here: stage renders, type, dead leaves.

Dead leaves, random shapes that hide one another with sizes by a power law, have the edges and the spectrum of photos;
networks trained on them restore photos almost as well as those trained on photos (Achddou, Gousseau, Ladjal, Synthetic
images as a regularity prior for image restoration neural networks, SSVM 2021). A pool lies in a folder outside the
project: `python -m engines.nano.upscaler_data --out POOL`.
"""

from __future__ import annotations

import argparse
import colorsys
import io
import math
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import skia
from numpy.typing import NDArray
from PIL import Image

from engines import stage
from engines.base import PaintRequest, Pixels, Plane, Progress

Split = Literal["train", "test"]
Kind = Literal["render", "type", "leaves"]
Rng = np.random.Generator
Point = tuple[float, float]

ROOT = Path(__file__).parents[2]
SIZE_PX = 448
TEST_SETS = frozenset({"stairs", "window-light", "glass"})
FONTS = ("font_manrope", "font_hanken_grotesk", "font_source_serif_pro")
WORDS: dict[Split, str] = {
    "train": "Bright mornings start slow Everyday linen NEW season Save 25% today only £18.90 Handmade in small "
    "batches Free delivery on orders over 40 ÉTÉ Zürich & Søn Kaffee Fresh Juicy Quick Fox WAVE @home No.7 made, with; "
    "care? Shop the look BOOK NOW Terms apply 100 % wool 3 for 2 Up to half price (ends Sunday) Xylophone jazz guava",
    "test": "Quiet evenings by candlelight Limited edition WINTER 49,95 € Order before noon Grown without hurry Vögel "
    "Try it for 30 days Kindly packed AUTUMN SALE Members first Læs mere Origin: volcanic hills #6 Hydrate deeply",
}


def make(kind: Kind, seed: int, split: Split = "train", size_px: int = SIZE_PX) -> Pixels:
    """One picture, `size_px` square, H×W×3 `uint8`. The two splits share no seed, no stage set and no word."""
    rng = np.random.default_rng([seed, ("train", "test").index(split), ("render", "type", "leaves").index(kind)])
    makers: dict[Kind, Callable[[Rng, Split, int], Pixels]] = {"render": _render, "type": _type, "leaves": _leaves}
    return makers[kind](rng, split, size_px)


def reduce_by_two(picture: Pixels, rng: Rng) -> Pixels:
    """The half-size picture a network is given, by a kernel drawn at random; one in six with mild JPEG or noise too."""
    height, width = picture.shape[:2]
    half = (width // 2, height // 2)
    kernel = rng.choice(5, p=[0.25, 0.25, 0.30, 0.12, 0.08])
    if kernel == 4:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 0.7)), np.uint8)
    resample = (Image.Resampling.BOX, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.BILINEAR)
    small = np.asarray(Image.fromarray(picture).resize(half, resample[kernel % 4]))
    flaw = rng.random()
    if flaw < 0.08:
        noisy = small + rng.normal(0, rng.uniform(0.5, 2.5), small.shape)
        small = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    elif flaw < 0.16:
        file = io.BytesIO()
        Image.fromarray(small).save(file, "JPEG", quality=int(rng.integers(82, 97)), subsampling=0)
        small = np.asarray(Image.open(file))
    return small


# ------------------------------------------------------------------------------------------------ stage renders


def _render(rng: Rng, split: Split, size_px: int) -> Pixels:
    """A preset set in colours, seed and light of its own."""
    sets = sorted((ROOT / "presets" / "sets").glob("*.toml"))
    sets = [path for path in sets if (path.stem in TEST_SETS) == (split == "test")]
    path = sets[rng.integers(len(sets))]
    palette = {role: _hex(_colour(rng)) for role in ("primary", "secondary", "accent")}
    palette["background"] = _hex(_colour(rng, value=(0.85, 1.0), most=0.2))
    palette["surface"] = _hex(_colour(rng, value=(0.8, 1.0), most=0.25))
    palette["text"] = _hex(_colour(rng, value=(0.05, 0.3)))
    request = PaintRequest(size_px, size_px, int(rng.integers(1 << 30)), 10, palette, set_spec=stage.load_set(path))
    return next(iter(stage.create().paint([request], Progress()))).picture


# ------------------------------------------------------------------------------------------------ type and marks


def _type(rng: Rng, split: Split, size_px: int) -> Pixels:
    """Words, thin lines and marks on a flat, a gradient or a soft texture."""
    ground = _gradient(rng, size_px) if rng.random() < 0.5 else np.ones((size_px, size_px, 3)) * _colour(rng)
    if rng.random() < 0.2:
        ground = ground + 0.15 * _cloud(rng, size_px, rng.uniform(1.5, 2.2))[..., None]
    rgba = np.full((size_px, size_px, 4), 255, np.uint8)
    rgba[..., :3] = _bytes(ground)
    with skia.Surface(rgba) as canvas:
        canvas.translate(size_px / 2, size_px / 2)
        canvas.rotate(float(rng.choice([0, 0, 0, 90, rng.uniform(-20, 20)])))
        canvas.translate(-size_px / 2, -size_px / 2)
        for _ in range(rng.integers(2, 7)):
            _draw_mark(canvas, rng, size_px)
        top = rng.uniform(-10, 20)
        while top < size_px:
            top += _draw_line(canvas, rng, split, size_px, top)
    return np.ascontiguousarray(rgba[..., :3])


def _draw_line(canvas: Any, rng: Rng, split: Split, size_px: int, top: float) -> float:
    """One line of words; returns how far down the next one starts."""
    em = float(np.exp(rng.uniform(math.log(9), math.log(90)))) * (1.0 if split == "train" else 1.07)
    words = WORDS[split].split()
    begin = rng.integers(len(words))
    text = " ".join((words[begin:] + words)[: rng.integers(2, 12)])
    files = sorted(Path(str(import_module(str(rng.choice(FONTS))).__file__)).parent.rglob("*.[to]tf"))
    font = skia.Font(skia.Typeface.MakeFromFile(str(files[rng.integers(len(files))])), em)
    font.setSubpixel(True)
    font.setEdging(skia.Font.Edging.kAntiAlias)
    canvas.drawString(text, float(rng.uniform(-em, size_px / 3)), top + em, font, _paint(rng))
    return em * rng.uniform(1.0, 1.5)


def _draw_mark(canvas: Any, rng: Rng, size_px: int) -> None:
    """A shape as logos and layouts have them: disc, rounded box, star, ring, hairlines, curve."""
    x, y = rng.uniform(0, size_px, 2)
    radius = float(np.exp(rng.uniform(math.log(4), math.log(size_px / 3))))
    paint = _paint(rng)
    if rng.random() < 0.5:
        paint.setStyle(skia.Paint.kStroke_Style)
        paint.setStrokeWidth(float(np.exp(rng.uniform(math.log(0.6), math.log(12)))))
    box = skia.Rect.MakeXYWH(float(x), float(y), radius * float(rng.uniform(0.3, 3)), radius)
    path = skia.Path()
    shape = rng.integers(6)
    if shape == 0:
        path.addOval(box)
    elif shape == 1:
        path.addRoundRect(box, radius * float(rng.choice([0.0, 0.1, 0.5])), radius * 0.2)
    elif shape == 2:
        path.addPoly([skia.Point(*point) for point in _star(rng, (float(x), float(y)), radius)], True)
    elif shape == 3:
        path.addCircle(float(x), float(y), radius)
        path.addCircle(float(x), float(y), radius * float(rng.uniform(0.3, 0.9)))
        path.setFillType(skia.PathFillType.kEvenOdd)
    elif shape == 4:
        step = float(rng.uniform(2.5, 14))
        for index in range(int(rng.integers(3, 24))):
            path.moveTo(float(x), float(y) + index * step)
            path.lineTo(float(x) + radius * 2, float(y) + index * step + float(rng.choice([0, 0, radius / 4])))
        paint.setStyle(skia.Paint.kStroke_Style)
        paint.setStrokeWidth(float(rng.uniform(0.6, step / 2)))
    else:
        path.moveTo(float(x), float(y))
        path.cubicTo(*(float(value) for value in rng.uniform(0, size_px, 6)))
    canvas.drawPath(path, paint)


def _star(rng: Rng, middle: Point, radius: float) -> list[Point]:
    corners, inner = int(rng.integers(3, 12)), float(rng.uniform(0.35, 1.0))
    turn = rng.uniform(0, 2 * math.pi)
    points = []
    for index in range(2 * corners):
        reach = radius * (inner if index % 2 else 1.0)
        angle = turn + math.pi * index / corners
        points.append((middle[0] + reach * math.cos(angle), middle[1] + reach * math.sin(angle)))
    return points


def _paint(rng: Rng) -> Any:
    red, green, blue = (int(value) for value in _bytes(_colour(rng)))
    if rng.random() < 0.35:
        red = green = blue = int(rng.choice([0, 255, 255, 30]))
    return skia.Paint(AntiAlias=True, Color=skia.ColorSetRGB(red, green, blue))


# ------------------------------------------------------------------------------------------------ dead leaves


def _leaves(rng: Rng, _split: Split, size_px: int) -> Pixels:
    """Shapes over shapes, radius by r⁻³, each with a colour, a texture and a soft shade; drawn twice as large."""
    size = 2 * size_px
    picture = _gradient(rng, size).astype(np.float32)
    sheets = [_texture(rng, size) for _ in range(6)]
    least, most = float(rng.choice([4.0, 8.0, 20.0])), size / 3
    tones = [_colour(rng, most=0.6) for _ in range(int(rng.integers(3, 12)))]
    covered = 0.0
    while covered < 2.5 * size**2:
        # Inverse of the cumulative distribution of r⁻³ between the least and the largest radius.
        radius = float((least**-2 + rng.random() * (most**-2 - least**-2)) ** -0.5)
        tone = np.clip(tones[rng.integers(len(tones))] + rng.normal(0, 0.06, 3), 0, 1)
        _lay(picture, rng, radius, tone, sheets[rng.integers(len(sheets))])
        covered += math.pi / 2 * radius**2
    if rng.random() < 0.3:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.6, 2.0)), np.float32)
    kernel = Image.Resampling.BOX if rng.random() < 0.5 else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(_bytes(picture)).resize((size_px, size_px), kernel))


def _lay(picture: Plane, rng: Rng, radius: float, tone: NDArray[np.float64], sheet: Plane) -> None:
    """Put one leaf on the picture, in place."""
    size = len(picture)
    x, y = rng.uniform(-radius / 2, size + radius / 2, 2)
    left, top = max(int(x - radius) - 1, 0), max(int(y - radius) - 1, 0)
    right, bottom = min(int(x + radius) + 2, size), min(int(y + radius) + 2, size)
    if right <= left or bottom <= top:
        return
    mask = np.zeros((bottom - top, right - left), np.uint8)
    if rng.random() < 0.5:
        sides = (2 * radius, 2 * radius * rng.uniform(0.15, 1.0))
        cv2.ellipse(mask, ((x - left, y - top), sides, rng.uniform(0, 180)), 255, -1, cv2.LINE_AA)
    else:
        outline = np.array(_star(rng, (x - left, y - top), radius))
        cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    cover = (mask / np.float32(255))[..., None]
    skin = sheet[top:bottom, left:right] * rng.choice([0.0, 0.1, 0.25, 0.5])
    slope = rng.normal(0, 0.15 / radius, 2)
    rows, columns = np.mgrid[top:bottom, left:right]
    shade = (rows - y) * slope[0] + (columns - x) * slope[1]
    leaf = tone + (skin + shade)[..., None]
    picture[top:bottom, left:right] += cover * (leaf.astype(np.float32) - picture[top:bottom, left:right])


def _texture(rng: Rng, size: int) -> Plane:
    """A texture sheet about zero: 1/f noise, stripes, a weave, grain, or bricks of hair-thin strokes."""
    kind = rng.integers(5)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    angle = rng.uniform(0, math.pi)
    along = rows * math.sin(angle) + columns * math.cos(angle)
    across = rows * math.cos(angle) - columns * math.sin(angle)
    period = float(np.exp(rng.uniform(math.log(5), math.log(40))))
    if kind == 0:
        sheet = _cloud(rng, size, rng.uniform(0.8, 2.0))
    elif kind == 1:
        sheet = np.sin(2 * math.pi / period * along + 3 * _cloud(rng, size, 2.0)) / 2
    elif kind == 2:
        sheet = np.sin(2 * math.pi / period * along) * np.sin(2 * math.pi / period * across)
        sheet = sheet + 0.3 * _cloud(rng, size, 1.0)
    elif kind == 3:
        sheet = cv2.GaussianBlur(rng.normal(0, 1, (size, size)).astype(np.float32), (0, 0), rng.uniform(0.7, 2.5))
        sheet = sheet / (3 * np.std(sheet))
    else:  # fur and hair: noise smeared along one direction
        noise = rng.normal(0, 1, (size, size)).astype(np.float32)
        length = int(rng.integers(11, 41)) | 1
        smear = np.zeros((length, length), np.float32)
        reach = (length // 2) * np.array([math.cos(angle), math.sin(angle)])
        middle = np.array([length // 2, length // 2])
        cv2.line(smear, np.rint(middle - reach).astype(int).tolist(), np.rint(middle + reach).astype(int).tolist(), 1.0)
        sheet = cv2.filter2D(noise, -1, smear / smear.sum())
        sheet = sheet / (3 * np.std(sheet))
    return np.clip(np.asarray(sheet, np.float32), -1, 1)


def _cloud(rng: Rng, size: int, fall: float) -> Plane:
    """Noise whose amplitude falls as 1/f^fall, about zero, standard deviation 1/3."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    frequency[0, 0] = np.inf
    waves = (rng.normal(size=frequency.shape) + 1j * rng.normal(size=frequency.shape)) / frequency**fall
    cloud = np.fft.irfft2(waves, (size, size))
    return (cloud / (3 * cloud.std())).astype(np.float32)


def _gradient(rng: Rng, size: int) -> NDArray[np.float64]:
    slope = rng.normal(0, 1, 2)
    rows, columns = np.mgrid[0:size, 0:size] / size
    share = np.clip(0.5 + slope[0] * (rows - 0.5) + slope[1] * (columns - 0.5), 0, 1)[..., None]
    return (1 - share) * _colour(rng) + share * _colour(rng)


# ------------------------------------------------------------------------------------------------ colours and pools


def _colour(rng: Rng, value: tuple[float, float] = (0.0, 1.0), most: float = 1.0) -> NDArray[np.float64]:
    """A random colour, sRGB 0–1; `most` is the largest saturation."""
    return np.array(colorsys.hsv_to_rgb(rng.random(), most * rng.random() ** 1.5, rng.uniform(*value)))


def _hex(colour: NDArray[np.float64]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*(int(value) for value in _bytes(colour)))


def _bytes(colours: NDArray[Any]) -> Pixels:
    return np.clip(np.rint(colours * 255), 0, 255).astype(np.uint8)


def fill_pool(folder: Path, kind: Kind, count: int, split: Split = "train") -> None:
    """Write `count` pictures as `KIND-SPLIT-SEED.png`; those already there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    for seed in range(count):
        path = folder / f"{kind}-{split}-{seed:04d}.png"
        if not path.exists():
            part = path.with_suffix(".part")
            Image.fromarray(make(kind, seed, split)).save(part, "PNG")
            part.replace(path)
        if seed % 20 == 19:
            print(f"{kind} {seed + 1}/{count}, {time.perf_counter() - started:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--renders", type=int, default=240)
    parser.add_argument("--type", type=int, default=240)
    parser.add_argument("--leaves", type=int, default=260)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    fill_pool(options.out, "type", options.type)
    fill_pool(options.out, "leaves", options.leaves)
    fill_pool(options.out, "render", options.renders)


if __name__ == "__main__":
    main()
