"""Ads for tests, made quickly and without the stage: drawn scenes in the kit's tints, a drawn product, any format."""

from __future__ import annotations

import colorsys
import contextlib
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from studio.ad.compose import Brand, Plan, Scene, plan_ad, render
from studio.ad.delivered import Delivered
from studio.brand.kit import LoadedKit, load_kit, new_kit
from studio.brief.frame import frame, rules_for
from studio.brief.plan import PAINTED_PX
from studio.color import from_oklab, oklab, rgb_of
from studio.desk.metadata import FileKind, Metadata, encode
from studio.errors import DoesNotFit
from studio.geometry import fraction_of
from studio.model import AdSpec, BrandKit, Format, Layout, Placement, Words
from studio.picture.palette import lock
from studio.pixels import decode_picture
from studio.presets import load_formats, load_layouts

Pixels = NDArray[np.uint8]
ROOT = Path(__file__).resolve().parents[2]
LATIN = Words(
    headline="Stay for the long light", body="Mineral sun milk, made in small batches.", action="Shop now",
    price="€24", legal="Reapply every two hours.",
)  # fmt: skip
ARABIC = Words(headline="نور يدوم طويلا", body="حليب شمسي معدني خفيف", action="تسوق الآن", price="€24")
CHINESE = Words(headline="留住漫长的光", body="小批量制作的矿物防晒乳。", action="立即选购", price="€24")
SHORT = Words(headline="Half the heat", action="See it")
WORDS = {"latin": LATIN, "arabic": ARABIC, "chinese": CHINESE, "short": SHORT}
MARK = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 64"><g fill="#0b3d91"><path d="M8 8h14v34h22v12H8z"/>
<circle cx="76" cy="32" r="22"/><path d="M112 8h14l14 28 14-28h14v46h-12V28l-12 26h-8l-12-26v26h-12z"/></g>
<path fill="#d1495b" d="M184 8h44v12h-30v8h24v12h-24v14h-14z"/></svg>"""


@cache
def formats() -> dict[str, Format]:
    return load_formats()


@cache
def layouts() -> dict[str, Layout]:
    return load_layouts()


@cache
def kit(name: str) -> LoadedKit:
    """`demo`: the shipped brand; `plain`: a kit made from one logo file and colours."""
    if name == "demo":
        return load_kit(ROOT / "assets/demo/brand")
    folder = Path(tempfile.mkdtemp(prefix="lockup-kit-"))
    art = folder / "lumen.svg"
    art.write_text(MARK)
    colors: Mapping[str, str] = {
        "primary": "#0b3d91", "accent": "#d1495b", "background": "#f4f6fb", "surface": "#ffffff", "text": "#14213d"
    }  # fmt: skip
    return new_kit(folder / "kit", "Lumen", art, colors)  # type: ignore[arg-type]


def tint(hex_color: str, toward_white: float) -> tuple[int, int, int]:
    """A step of a colour towards white, or (negative) towards black, in OKLab."""
    end = np.array([1.0, 0, 0]) if toward_white >= 0 else np.zeros(3)
    base = oklab(rgb_of(hex_color))
    red, green, blue = np.clip(np.rint(from_oklab(base + (end - base) * abs(toward_white))), 0, 255).astype(int)
    return int(red), int(green), int(blue)


def painted(kit_: BrandKit, width: int, height: int, seed: int, dark: bool = False, busy: bool = False) -> Pixels:
    """A soft scene: a graded wall, a floor, two blurred shapes and a shadow, grain; colours locked to the kit."""
    random = np.random.default_rng(seed)
    roles = ("primary", "accent", "secondary")
    main = kit_.hex(roles[seed % 3])  # type: ignore[arg-type]
    wall, floor = (-0.72, -0.6) if dark else (0.82, 0.7)
    top, low = np.array(tint(main, wall), float), np.array(tint(main, wall * 0.93), float)
    ys = np.linspace(0, 1, height)[:, None, None]
    scene = np.broadcast_to(top + (low - top) * ys, (height, width, 3)).copy()
    line = int(height * random.uniform(0.7, 0.8))
    scene[line:] = tint(main, floor)
    for _ in range(5 if busy else 2):
        shape = np.zeros((height, width), np.float32)
        x, y = random.uniform(0.45, 1) * width, random.uniform(0.3, 0.9) * height
        radius = random.uniform(0.08, 0.2) * min(width, height)
        cv2.circle(shape, (int(x), int(y)), max(int(radius), 2), 1.0, -1)
        shape = cv2.GaussianBlur(shape, (0, 0), max(radius * (0.04 if busy else 0.2), 0.8))[..., None]
        color = np.array(tint(main, wall * random.uniform(0.55, 0.9)), float)
        scene += shape * (color - scene)
    scene += random.normal(0, 1.4 if not busy else 3.0, (height, width, 1))
    return lock(np.clip(scene, 0, 255).astype(np.uint8), kit_.palette)[0]


@cache
def cutout(height: int = 640) -> Pixels:
    """A bottle with a cap and a printed label; straight alpha, trimmed."""
    width = height * 2 // 5
    rgba = np.zeros((height, width, 4), np.uint8)
    shade = np.linspace(-1, 1, width)[None, :]
    light = 0.75 + 0.25 * np.cos(shade * 1.9 - 0.5)
    body = np.array([226, 170, 96])[None, None] * light[..., None]
    rgba[..., :3] = np.clip(np.broadcast_to(body, (height, width, 3)), 0, 255)
    cap = height // 6
    rgba[:cap, :, :3] = np.clip(np.array([58, 54, 60]) * (light[..., None] * 1.1), 0, 255)
    label = slice(int(height * 0.4), int(height * 0.75))
    rgba[label, :, :3] = np.clip(np.array([246, 240, 228]) * light[..., None], 0, 255)
    picture = np.ascontiguousarray(rgba[..., :3])
    cv2.putText(picture, "SOL", (width // 6, int(height * 0.56)), 2, width / 130, (40, 60, 110), 3, cv2.LINE_AA)
    cv2.putText(picture, "SPF 50", (width // 6, int(height * 0.68)), 2, width / 230, (40, 60, 110), 2, cv2.LINE_AA)
    rng = np.random.default_rng(3)
    grain = rng.normal(0, 2.0, picture.shape[:2])[..., None]
    rgba[..., :3] = np.clip(picture + grain, 0, 255)
    mask = np.zeros((height * 4, width * 4), np.uint8)
    cv2.rectangle(mask, (width, 0), (width * 3 - 1, cap * 4), 255, -1)
    cv2.rectangle(mask, (0, cap * 4 + width // 2), (width * 4 - 1, height * 4 - 1), 255, -1)
    cv2.ellipse(mask, (width * 2, cap * 4 + width // 2), (width * 2 - 1, width // 2), 0, 180, 360, 255, -1)
    rgba[..., 3] = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    return rgba


@dataclass(frozen=True)
class Wanted:
    """One ad to make. `scene` is light, dark or busy; `product` whether the bottle stands in it."""

    format: str
    layout: str = "hero"
    kit: str = "demo"
    words: str = "latin"
    scene: str = "light"
    file: FileKind = "jpg"
    seed: int = 0
    product: bool = True


@dataclass(frozen=True, eq=False)
class Made:
    """A planned ad with all that is needed to spoil it."""

    wanted: Wanted
    spec: AdSpec
    brand: Brand
    scene: Scene | None
    plan: Plan


def make_all(wants: Iterable[Wanted]) -> list[Made]:
    """Those of the wanted ads whose words fit."""
    made = []
    for wanted in wants:
        with contextlib.suppress(DoesNotFit):
            made.append(make(wanted))
    return made


def brand_for(name: str, words: Words) -> Brand:
    loaded = kit(name)
    return Brand(loaded.kit, loaded.fonts.for_words(t for _, t in words.items()), loaded.logos)


def make(wanted: Wanted) -> Made:
    """Plan an ad. Raises `DoesNotFit` as the studio would."""
    fmt, family, words = formats()[wanted.format], layouts()[wanted.layout], WORDS[wanted.words]
    if wanted.file not in fmt.files:
        fmt = fmt.model_copy(update={"files": (*fmt.files, wanted.file)})
    if wanted.file == "png":
        # Grain does not pack into a display's 150 kB; that is the encoder's own test.
        fmt = fmt.model_copy(update={"max_bytes": None})
    rules = rules_for(family, fmt)
    rgba = cutout() if wanted.product else None
    framed = frame(rules, fmt, words, rgba.shape[1] / rgba.shape[0] if rgba is not None else None)
    scene = None
    brand = brand_for(wanted.kit, words)
    if framed.picture is not None:
        area = framed.picture.width * framed.picture.height
        scale = min((PAINTED_PX / area) ** 0.5, 1.0)
        size = max(round(framed.picture.width * scale), 16), max(round(framed.picture.height * scale), 16)
        pixels = _scene(wanted.kit, *size, wanted.seed, wanted.scene)
        placement = None
        if framed.product is not None:
            placement = Placement(product_digest="0", box=fraction_of(framed.product, framed.picture), pitch_deg=8)
        scene = Scene(pixels, rgba if placement else None, placement)
    spec = AdSpec(
        shot_id=None,
        format=fmt,
        layout=family.id,
        rules=rules,
        words=words,
        kit_digest=kit(wanted.kit).digest,
        recipe=1,
    )
    return Made(wanted, spec, brand, scene, plan_ad(spec, brand, scene))


@cache
def _scene(kit_name: str, width: int, height: int, seed: int, mood: str) -> Pixels:
    return painted(kit(kit_name).kit, width, height, seed, mood == "dark", mood == "busy")


def deliver(
    made: Made, pixels: Pixels | None = None, kind: FileKind | None = None, spec: AdSpec | None = None,
    plan: Plan | None = None, max_bytes: int | None = -1,
) -> Delivered:  # fmt: skip
    """Encode (the plan's own drawing, or `pixels`), decode, and put what was meant beside it."""
    kind = kind or made.wanted.file
    pixels = render(plan or made.plan, made.brand) if pixels is None else pixels
    most = made.spec.format.max_bytes if max_bytes == -1 else max_bytes
    data = encode(pixels, kind, Metadata(tool="Lockup test", source_type="composite"), max_bytes=most)
    return decoded(made, data, kind, spec, plan)


def decoded(made: Made, data: bytes, kind: str, spec: AdSpec | None = None, plan: Plan | None = None) -> Delivered:
    seen = np.ascontiguousarray(decode_picture(data, "ad", max_px=130_000_000)[..., :3])
    return Delivered(seen, len(data), kind, spec or made.spec, plan or made.plan, made.brand)


def hue_turned(pixels: Pixels, degrees: float) -> Pixels:
    """Every colour turned in hue (HSV), lightness kept roughly."""
    hsv = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2HSV_FULL).astype(np.int16)
    hsv[..., 0] = (hsv[..., 0] + round(degrees / 360 * 256)) % 256
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB_FULL)  # type: ignore[return-value]


def opposite(hex_color: str) -> str:
    """The same colour with its hue turned by half."""
    red, green, blue = (v / 255 for v in rgb_of(hex_color))
    hue, light, full = colorsys.rgb_to_hls(red, green, blue)
    turned = colorsys.hls_to_rgb((hue + 0.5) % 1, min(max(light, 0.25), 0.7), max(full, 0.5))
    return "#" + "".join(f"{round(v * 255):02x}" for v in turned)
