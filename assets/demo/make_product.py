"""Renders the demo product, a bottle of Solbrae sun milk: `product.jpg`, a photo on a studio sweep as a designer gets
it, and `product.png`, the same bottle on a transparent background.

Run: python assets/demo/make_product.py

A signed-distance bottle seen by a long lens from 8° above, lit by a softbox, a rim strip and a warm floor.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import skia
from numpy.typing import NDArray
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from studio.brand.fonts import font_path  # noqa: E402
from studio.brand.kit import load_kit  # noqa: E402
from studio.color import encoded, linear, rgb_of  # noqa: E402

F = NDArray[np.float32]
PITCH_DEG = 8.0
HEIGHT_PX = 1500
OVERSAMPLE = 3
BODY_R, BODY_H, CAP_R, CAP_H = 1.0, 2.62, 0.66, 0.80
RING_H = 0.075
LABEL_PX = 700  # label pixels per unit


def sd_cylinder(p: F, radius: float, bottom: float, top: float, round_: float, belly: float = 0.0) -> F:
    """Distance to an upright cylinder with rounded edges."""
    half = (top - bottom) / 2
    y = p[:, 1] - (top + bottom) / 2
    r = np.hypot(p[:, 0], p[:, 2])
    swell = belly * (1 - np.clip(y / half, -1, 1) ** 2)
    dx, dy = r - (radius + swell - round_), np.abs(y) - (half - round_)
    outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
    return (np.minimum(np.maximum(dx, dy), 0) + outside - round_).astype(np.float32)


def parts(p: F) -> tuple[F, F, F]:
    body = sd_cylinder(p, BODY_R, 0.0, BODY_H, 0.30)
    ring = sd_cylinder(p, CAP_R + 0.012, BODY_H - 0.05, BODY_H + RING_H, 0.022)
    cap = sd_cylinder(p, CAP_R, BODY_H + RING_H + 0.018, BODY_H + RING_H + CAP_H, 0.085)
    # A neck, so that the seam between ring and cap is dark and not open.
    neck = sd_cylinder(p, CAP_R - 0.05, BODY_H, BODY_H + 0.3, 0.01)
    return body, np.minimum(ring, neck), cap


def scene(p: F) -> F:
    return np.minimum.reduce(parts(p))


def normals(p: F, field: Callable[[F], F]) -> F:
    e = 0.0015
    n = np.zeros_like(p)
    for axis in range(3):
        step = np.zeros(3, np.float32)
        step[axis] = e
        n[:, axis] = field(p + step) - field(p - step)
    return n / np.linalg.norm(n, axis=1, keepdims=True)


def window(value: F, centre: float, half: float, soft: float) -> F:
    """1 inside centre ± half, fading over `soft`."""
    t = np.clip((half + soft - np.abs(value - centre)) / (2 * soft), 0, 1)
    return t * t * (3 - 2 * t)


def studio_light(d: F, rough: float) -> F:
    """Radiance arriving from direction `d` (N×3, unit), as a surface of that roughness sees it; N×3 linear."""
    azimuth = np.degrees(np.arctan2(d[:, 0], d[:, 2]))
    height = np.degrees(np.arcsin(np.clip(d[:, 1], -1, 1)))
    soft = 3 + 60 * rough
    up = np.clip(d[:, 1:2] * 0.5 + 0.5, 0, 1)
    sky = (1 - up) * np.array([0.30, 0.225, 0.175]) + up * np.array([0.34, 0.335, 0.35])
    key = window(azimuth, -52, 17, soft) * window(height, 28, 44, soft + 6)
    fill = window(azimuth, 62, 26, soft + 8) * window(height, 20, 40, soft + 8)
    rim = window(azimuth, 128, 13, soft) * window(height, 20, 60, soft + 6)
    back = window(azimuth, -132, 12, soft) * window(height, 20, 60, soft + 6)
    top = window(height, 90, 34, soft + 4)
    # The dark card between the lights is what gives a glossy thing its edge.
    flag = 1 - 0.55 * window(np.abs(azimuth), 92, 16, 10 + soft * 0.5)[:, None]
    light = sky * flag
    for amount, power, colour in (
        (key, 4.6, (1.0, 0.955, 0.885)),
        (fill, 0.75, (0.93, 0.96, 1.0)),
        (rim, 3.6, (1.0, 0.93, 0.84)),
        (back, 1.5, (1.0, 0.95, 0.9)),
        (top, 1.5, (1.0, 0.97, 0.93)),
    ):
        light = light + amount[:, None] * power * np.array(colour)
    return light.astype(np.float32)


def diffuse_light(n: F) -> F:
    """Irradiance on a matte surface: the same lights, as wide lobes; N×3 linear."""

    def lobe(direction: tuple[float, float, float], wrap: float) -> F:
        v = np.array(direction, np.float32)
        v /= np.linalg.norm(v)
        return (np.clip((n @ v + wrap) / (1 + wrap), 0, 1) ** 1.35)[:, None]

    up = (n[:, 1:2] * 0.5 + 0.5).astype(np.float32)
    out = (1 - up) * np.array([0.27, 0.19, 0.14]) + up * np.array([0.17, 0.175, 0.19])
    out = out + lobe((-0.74, 0.52, 0.62), 0.22) * np.array([1.06, 0.985, 0.90])
    out = out + lobe((0.85, 0.30, 0.45), 0.35) * np.array([0.20, 0.195, 0.195])
    out = out + lobe((0.80, 0.35, -0.55), 0.10) * np.array([0.36, 0.32, 0.28])
    return (out + lobe((0.0, 1.0, 0.1), 0.1) * np.array([0.16, 0.155, 0.15])).astype(np.float32)


def occlusion(p: F, n: F) -> F:
    """0 buried, 1 open; the parts of the bottle and the floor."""
    total = np.zeros(len(p), np.float32)
    weight = 0.0
    for step, share in ((0.03, 1.0), (0.08, 0.8), (0.18, 0.6), (0.36, 0.4)):
        q = p + n * step
        near = np.minimum(scene(q), np.maximum(q[:, 1] + 0.0, 0) + 0.02)
        total += share * np.clip(near / step, 0, 1)
        weight += share
    return total / weight


def label() -> F:
    """The print around the body as H×W×3 linear, unrolled: x runs from −π to π around, y down from the shoulder."""
    kit = load_kit(HERE / "brand")
    width, height = int(2 * np.pi * BODY_R * LABEL_PX), int(BODY_H * LABEL_PX)
    surface = skia.Surface(width, height)
    canvas = surface.getCanvas()

    def colour(hex_color: str) -> int:
        return skia.ColorSetRGB(*rgb_of(hex_color))

    canvas.clear(skia.ColorSetRGB(255, 243, 226))
    middle = width / 2
    unit = LABEL_PX
    wave(canvas, width, height, 0.40, 0.118, 0.55, colour(kit.kit.hex("accent")))
    wave(canvas, width, height, 0.365, 0.118, 0.55, colour(kit.kit.hex("primary")))
    wave(canvas, width, height, 0.155, 0.082, 1.75, colour(kit.kit.hex("secondary")))
    art = kit.logos[0]
    logo_width = 1.16 * unit
    art.draw(canvas, middle - logo_width / 2, 0.60 * unit, logo_width)
    heavy = font("font_hanken_grotesk/files/HankenGrotesk-SemiBold.otf", 0.083 * unit)
    plain = font("font_hanken_grotesk/files/HankenGrotesk-Medium.otf", 0.060 * unit)
    big = font("font_manrope/files/Manrope-ExtraBold.ttf", 0.25 * unit)
    ink, cream = colour(kit.kit.hex("text")), colour(kit.kit.hex("background"))
    line(canvas, "mineral sun milk", middle, 1.085 * unit, heavy, ink, 0.004 * unit)
    line(canvas, "zinc oxide  ·  sea kelp  ·  oat", middle, 1.20 * unit, plain, ink, 0.004 * unit)
    line(canvas, "50", middle - 0.02 * unit, 1.98 * unit, big, cream, -0.006 * unit)
    line(canvas, "SPF", middle - 0.29 * unit, 1.98 * unit, heavy, cream, 0.004 * unit)
    line(canvas, "UVA", middle + 0.27 * unit, 1.98 * unit, heavy, cream, 0.004 * unit)
    line(canvas, "75 ml  ·  2.5 fl oz", middle, 2.34 * unit, plain, cream, 0.006 * unit)
    pixels = surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)
    return linear(pixels[..., :3] / 255.0).astype(np.float32)


def wave(canvas: skia.Canvas, width: int, height: int, level: float, swing: float, phase: float, color: int) -> None:
    x = np.linspace(0, width, 400)
    y = height * (1 - level) - swing * height * np.sin(2 * x / width * 2 * np.pi + phase)
    path = skia.Path()
    path.moveTo(0, height)
    for px, py in zip(x, y, strict=True):
        path.lineTo(float(px), float(py))
    path.lineTo(width, height)
    path.close()
    canvas.drawPath(path, skia.Paint(Color=color, AntiAlias=True))


def font(file: str, size: float) -> skia.Font:
    typeface = skia.Typeface.MakeFromFile(str(font_path(f"package:{file}", HERE)))
    return skia.Font(typeface, size)


def line(canvas: skia.Canvas, text: str, x: float, y: float, face: skia.Font, color: int, track: float) -> None:
    widths = [face.measureText(letter) + track for letter in text]
    at = x - (sum(widths) - track) / 2
    for letter, wide in zip(text, widths, strict=True):
        canvas.drawString(letter, at, y, face, skia.Paint(Color=color, AntiAlias=True))
        at += wide


def render() -> Image.Image:
    pitch = np.radians(PITCH_DEG)
    total = BODY_H + RING_H + CAP_H
    centre = np.array([0, total / 2, 0], np.float32)
    view = np.array([0, -np.sin(pitch), -np.cos(pitch)], np.float32)
    up = np.array([0, np.cos(pitch), -np.sin(pitch)], np.float32)
    tall = total * np.cos(pitch) + 2 * BODY_R * np.sin(pitch) * 0.75
    px_height = HEIGHT_PX * OVERSAMPLE
    px_width = int(px_height * 2.16 * BODY_R / tall)
    far = 26.0
    print_ = label()
    rows: list[F] = []
    for start in range(0, px_height, 300):
        y = (0.5 - (np.arange(start, min(start + 300, px_height)) + 0.5) / px_height) * tall * 1.07
        x = ((np.arange(px_width) + 0.5) / px_width - 0.5) * 2.16 * BODY_R * 1.07
        gx, gy = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
        target = centre + gx.reshape(-1, 1) * np.array([1, 0, 0], np.float32) + gy.reshape(-1, 1) * up
        eye = centre - view * far
        ray = target - eye
        ray /= np.linalg.norm(ray, axis=1, keepdims=True)
        rows.append(shade_rows(eye + ray * (far - 3.5), ray, print_).reshape(len(y), px_width, 4))
    return finish(np.concatenate(rows))


def shade_rows(origin: F, ray: F, print_: F) -> F:
    out = np.zeros((len(ray), 4), np.float32)
    active = np.flatnonzero(np.abs(origin[:, 0] + ray[:, 0] * 3.5) < BODY_R * 1.06)
    distance = np.zeros(len(ray), np.float32)
    hit = np.zeros(len(ray), bool)
    for _ in range(220):  # rays that graze the top of the cap need many short steps
        if not len(active):
            break
        d = scene(origin[active] + ray[active] * distance[active, None])
        distance[active] += d
        done = d < 0.0008
        hit[active[done]] = True
        active = active[~done & (distance[active] < 7.0)]
    index = np.flatnonzero(hit)
    if len(index):
        out[index, :3] = shade(origin[index] + ray[index] * distance[index, None], ray[index], print_)
        out[index, 3] = 1.0
    return out


def shade(p: F, ray: F, print_: F) -> F:
    n = normals(p, scene)
    body, ring, cap = parts(p)
    which = np.argmin(np.stack([body, ring, cap]), axis=0)
    mirror = ray - 2 * (ray * n).sum(axis=1, keepdims=True) * n
    facing = np.clip(-(ray * n).sum(axis=1, keepdims=True), 0, 1)
    open_ = occlusion(p, n)[:, None]
    fresnel = 0.04 + 0.96 * (1 - facing) ** 5
    albedo = np.empty_like(p)
    albedo[which == 0] = printed(p[which == 0], print_)
    albedo[which == 2] = linear(np.array(rgb_of("#e35c35")) / 255.0)
    albedo[which == 1] = 0.02
    # Thin white plastic lets light through: its shadow side is warmer and never black.
    through = np.clip(1 - np.abs(n[:, 2:3]), 0, 1) * np.array([0.055, 0.036, 0.022])
    out = albedo * (diffuse_light(n) * open_**1.1 + through * (which == 0)[:, None])
    satin = studio_light(mirror, 0.30) * 0.50 + studio_light(mirror, 0.07) * 0.50
    gloss = np.where(which == 2, 0.95, 0.62)[:, None]
    out += np.where((which != 1)[:, None], satin * fresnel * gloss * open_**0.7, 0)
    brass = np.array([0.86, 0.60, 0.34])
    metal = (brass + (1 - brass) * (1 - facing) ** 5) * studio_light(mirror, 0.05) * 0.62
    out = np.where((which == 1)[:, None], metal * open_**0.8 + 0.01, out)
    return out.astype(np.float32)


def printed(p: F, print_: F) -> F:
    angle = np.arctan2(p[:, 0], p[:, 2])
    height, width = print_.shape[:2]
    u = ((angle / (2 * np.pi) + 0.5) * width).astype(np.float32)
    v = ((1 - p[:, 1] / BODY_H) * height).astype(np.float32)
    # Only the side wall is printed; shoulder and foot carry on its first and last line.
    v = np.clip(v, 0, height - 1)
    out = [
        cv2.remap(print_, u[i : i + 30000, None], v[i : i + 30000, None], cv2.INTER_LINEAR)[:, 0]
        for i in range(0, len(u), 30000)
    ]
    return np.concatenate(out) if out else np.zeros((0, 3), np.float32)


def finish(image: F) -> Image.Image:
    """Premultiplied linear at full oversampling to a trimmed straight-alpha picture."""
    height, width = image.shape[0] // OVERSAMPLE, image.shape[1] // OVERSAMPLE
    image = image[: height * OVERSAMPLE, : width * OVERSAMPLE]
    small = image.reshape(height, OVERSAMPLE, width, OVERSAMPLE, 4).mean(axis=(1, 3))
    alpha = small[..., 3:]
    colour = small[..., :3] / np.maximum(alpha, 1e-4)
    x = colour * 0.92
    filmic = np.where(x < 0.62, x, 0.62 + 0.38 * (1 - np.exp(-(x - 0.62) / 0.38)))
    rgb = np.rint(encoded(filmic) * 255)
    rgba = np.concatenate([rgb, np.rint(alpha * 255)], axis=-1).astype(np.uint8)
    rgba[rgba[..., 3] == 0] = 0
    ys, xs = np.nonzero(rgba[..., 3])
    return Image.fromarray(rgba[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1])


def photo(bottle: Image.Image) -> Image.Image:
    """The bottle on a cool grey sweep: falling light, a contact shadow and a longer one to the right, sensor noise."""
    rgba = np.asarray(bottle).astype(np.float32) / 255
    tall, wide = rgba.shape[:2]
    height, width = round(tall * 1.24), round(wide * 1.9)
    left, top = (width - wide) // 2, round(tall * 0.13)
    y, x = np.mgrid[:height, :width].astype(np.float32)

    # 1. The sweep: the wall falls off to the corners, the floor is a little lighter towards the lens.
    floor = 1 / (1 + np.exp(-(y - height * 0.80) / (height * 0.05)))
    far = np.hypot((x - width * 0.42) / width, (y - height * 0.38) / height)
    light = 0.56 - 0.30 * far**1.6 + 0.06 * floor
    sweep = light[..., None] * np.array([0.985, 1.0, 1.03], np.float32)

    # 2. Shadows: dark and tight where it stands, wide and soft away from the key light.
    foot_x, foot_y = left + wide / 2, top + tall - 0.028 * tall
    for dx, rx, ry, blur, depth in (
        (0.00, 0.40, 0.030, 0.012, 0.55),
        (0.10, 0.52, 0.060, 0.050, 0.38),
        (0.34, 0.70, 0.070, 0.090, 0.22),
    ):
        away = np.hypot((x - foot_x - dx * wide) / (rx * wide), (y - foot_y) / (ry * tall))
        disc = (away < 1).astype(np.float32)
        sweep *= 1 - depth * cv2.GaussianBlur(disc, (0, 0), blur * tall)[..., None]

    # 3. The bottle in front, lens blur of half a pixel, noise as a sensor makes it.
    area = sweep[top : top + tall, left : left + wide]
    alpha = rgba[..., 3:]
    area[:] = rgba[..., :3] ** 2.2 * alpha + area * (1 - alpha)
    seen = cv2.GaussianBlur(sweep, (0, 0), 0.6)
    noise = np.random.default_rng(50).normal(0, 1, seen.shape).astype(np.float32)
    seen = seen + noise * np.sqrt(np.maximum(seen, 0.002)) * 0.006
    return Image.fromarray(np.rint(np.clip(seen, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8))


if __name__ == "__main__":
    picture = render()
    picture.save(HERE / "product.png", optimize=True)
    photo(picture).save(HERE / "product.jpg", quality=93, subsampling=0)
    for name in ("product.png", "product.jpg"):
        print(name, picture.size, (HERE / name).stat().st_size)
