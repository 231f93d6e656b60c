"""Composing and encoding an ad against rendering the same ad as HTML in headless Chromium, side by side in one run.

    python -m tests.bench.compose_bench [--ads 40]

Prints one JSON object. Both sides get the same decoded scene, cut-out, fonts and words in memory and write a JPEG of
quality 92 (Chromium's own encoder). Chromium is measured warm: the browser is running, each ad is a new document. Ours
is measured for other words on a known scene (`ours_ms`, the ratio) and for a scene met for the first time, whose picture
and cut-out have to be brought to size (`ours_first_ms`).
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import platform
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from studio.ad.compose import Brand, Scene, plan_ad, render
from studio.brand.fonts import font_path
from studio.brand.kit import load_kit
from studio.brief.frame import frame, rules_for
from studio.color import mix, rgb_of
from studio.desk.metadata import encode
from studio.desk.provenance import describe
from studio.geometry import fraction_of
from studio.model import AdSpec, Placement, Words
from studio.picture.product import product_of
from studio.pixels import read_picture
from studio.presets import load_formats, load_layouts

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "assets" / "demo"


def job():
    """The demo's square ad on a plain scene in the kit's colours: everything but the painting."""
    loaded = load_kit(DEMO / "brand")
    brand = Brand(loaded.kit, loaded.fonts, loaded.logos)
    fmt, layout = load_formats()["meta-square"], load_layouts()["hero"]
    product = product_of(read_picture(DEMO / "product.png"), "product.png", 8.0)
    words = Words(headline="Stay for the long light", body="Mineral sun milk SPF 50, made in small batches.",
                  action="Shop now", price="€24", legal="Reapply every two hours.")  # fmt: skip
    rules = rules_for(layout, fmt)
    framed = frame(rules, fmt, words, product.aspect)
    assert framed.picture and framed.product
    a, b = (np.array(rgb_of(mix(loaded.kit.hex("background"), loaded.kit.hex("primary"), t))) for t in (0.1, 0.35))
    ramp = np.linspace(0, 1, 1024)[:, None, None]
    noise = np.random.default_rng(1).normal(0, 1.2, (1024, 1024, 1))
    pixels = np.clip(a + (b - a) * ramp + noise, 0, 255).astype(np.uint8)
    placement = Placement(product_digest=product.digest, box=fraction_of(framed.product, framed.picture), pitch_deg=8.0)
    spec = AdSpec(
        shot_id="0" * 16, format=fmt, layout="hero", rules=rules, words=words, kit_digest=loaded.digest, recipe=1
    )
    return spec, brand, Scene(pixels, product.rgba, placement), loaded


def ours(spec: AdSpec, brand: Brand, scene: Scene, number: int) -> bytes:
    """Lay out, draw and encode one variant; every variant has its own headline, so nothing is reused."""
    words = spec.words.model_copy(update={"headline": f"Stay for the long light {number}"})
    one = spec.model_copy(update={"words": words})
    return encode(render(plan_ad(one, brand, scene), brand), "jpg", describe(one, None))


def _some(span: tuple[int, int]) -> int:
    spec, brand, scene, _ = job()
    for number in range(*span):
        ours(spec, brand, scene, number)
    return span[1] - span[0]


def two_cores(ads: int) -> float:
    """Ads a second with two processes, both started and warmed before the clock."""
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(_some, [(0, 2), (0, 2)]))
        began = time.perf_counter()
        done = sum(pool.map(_some, [(0, ads // 2), (ads // 2, ads)]))
        return done / (time.perf_counter() - began)


def _data(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def page(spec: AdSpec, brand: Brand, scene: Scene, folder: Path) -> str:
    """The same ad as a document: same boxes, fonts, colours and pictures."""
    plan = plan_ad(spec, brand, scene)
    jpeg, png = io.BytesIO(), io.BytesIO()
    Image.fromarray(scene.pixels).save(jpeg, "PNG", compress_level=1)
    assert scene.product is not None and plan.product_rect is not None
    Image.fromarray(scene.product).save(png, "PNG", compress_level=1)
    parts = []
    for role, choice in (("heading", brand.kit.type.heading), ("body", brand.kit.type.body)):
        data = font_path(choice.files[0].file, folder).read_bytes()
        parts.append(f"@font-face{{font-family:{role};src:url({_data('font/otf', data)})}}")
    body = [f'<img src="{_data("image/png", jpeg.getvalue())}" style="inset:0;width:1080px;height:1080px">']
    rect = plan.product_rect
    body.append(_img(_data("image/png", png.getvalue()), rect.left, rect.top, rect.width, rect.height))
    for flat in plan.arrangement.flats:
        r = flat.rect
        body.append(
            f'<div style="left:{r.left}px;top:{r.top}px;width:{r.width}px;height:{r.height}px;'
            f'background:{flat.hex};border-radius:{flat.radius_px}px"></div>'
        )
    for place in plan.arrangement.texts:
        style, r = place.block.style, place.rect
        body.append(
            f'<p style="left:{r.left}px;top:{r.top}px;width:{r.width}px;font:{style.size_px}px/{style.leading} {style.role};'
            f'letter-spacing:{style.tracking}em;color:{style.color_hex};text-align:{style.align}">{place.block.text}</p>'
        )
    mark = plan.arrangement.logo
    if mark is not None and plan.grounded.logo_index is not None:
        svg = (folder / brand.kit.logos[plan.grounded.logo_index].file).read_bytes()
        body.append(_img(_data("image/svg+xml", svg), mark.left, mark.top, mark.width, mark.height))
    css = "".join(parts) + "body{margin:0;width:1080px;height:1080px;overflow:hidden}body>*{position:absolute;margin:0}"
    return f"<!doctype html><meta charset=utf-8><style>{css}</style>{''.join(body)}"


def _img(source: str, left: float, top: float, width: float, height: float) -> str:
    return f'<img src="{source}" style="left:{left}px;top:{top}px;width:{width}px;height:{height}px">'


def chromium(html: list[str]) -> list[float]:
    """Seconds for each document, warm: new document, fonts and pictures ready, JPEG out."""
    from playwright.sync_api import sync_playwright

    seconds = []
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport={"width": 1080, "height": 1080})
        for document in html:
            began = time.perf_counter()
            tab.set_content(document, wait_until="load")
            tab.evaluate("document.fonts.ready")
            tab.screenshot(type="jpeg", quality=92)
            seconds.append(time.perf_counter() - began)
        browser.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ads", type=int, default=40)
    count = parser.parse_args().ads
    spec, brand, scene, loaded = job()
    ours(spec, brand, scene, -1)
    documents = []
    for number in range(max(count // 4, 6)):
        words = spec.words.model_copy(update={"headline": f"Stay for the long light {number}"})
        documents.append(page(spec.model_copy(update={"words": words}), brand, scene, loaded.folder))
    theirs = chromium(documents)[1:]
    mine, first = [], []
    for number in range(count):
        began = time.perf_counter()
        ours(spec, brand, scene, number)
        middle = time.perf_counter()
        ours(spec, brand, Scene(scene.pixels, scene.product, scene.placement), number)
        mine.append(middle - began)
        first.append(time.perf_counter() - middle)
    print(
        json.dumps(
            {
                "ad": "1080×1080 jpg q92",
                "machine": f"{os.cpu_count()} cores, {platform.machine()}",
                "ours_ms": round(statistics.median(mine) * 1000, 1),
                "ours_first_ms": round(statistics.median(first) * 1000, 1),
                "chromium_warm_ms": round(statistics.median(theirs) * 1000, 1),
                "ratio": round(statistics.median(theirs) / statistics.median(mine), 1),
                "ads_per_second_one_core": round(1 / statistics.median(mine), 1),
                "ads_per_second_two_cores": round(two_cores(count), 1),
            }
        )
    )


if __name__ == "__main__":
    main()
