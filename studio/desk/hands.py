"""The hands of the worker: paint a shot with an engine, finish an ad into a delivered and measured file."""

from __future__ import annotations

import io
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines.base import EngineError, Painter, Progress
from studio.ad.compose import Brand, Scene, growth, plan_ad, render
from studio.ad.drift import trace
from studio.ad.score import Delivered, score_ad
from studio.brand.kit import LoadedKit, load_kit
from studio.desk import provenance
from studio.desk.engines import Engines
from studio.desk.files import write_whole
from studio.desk.metadata import encode
from studio.desk.retouch import Retouch
from studio.desk.store import ADAPTER, Store
from studio.desk.thumbs import keep_thumb
from studio.desk.worker import Painted, Ticket
from studio.model import AdSpec, Shot
from studio.picture.make import make_picture
from studio.picture.product import Product
from studio.pixels import decode_picture, encode_png
from studio.results import AdFile

Pixels = NDArray[np.uint8]
SOFT = 1.3
"""Pictures grown by more than this look soft by plain resampling; then the upscaler does it."""
MOST = 4.0
_Kept = TypeVar("_Kept")


def hands(store: Store, engines: Engines) -> StudioHands:
    """Hands whose painters come from the same engines as everything else they use."""

    def painter(name: str) -> Painter:
        if engines.painter is None:
            raise EngineError("No painter is at hand here", "Start the worker from the command line")
        return engines.painter(name)

    return StudioHands(store, painter, engines)


class StudioHands:
    """Real hands. Kits, products and pictures in use are kept decoded, a few of each."""

    def __init__(self, store: Store, open_painter: Callable[[str], Painter], engines: Engines | None = None) -> None:
        self._store, self._open = store, open_painter
        self._retouch = Retouch(store, engines or Engines())
        self._painters: dict[str, tuple[str, Painter]] = {}
        self._kits = _Recent[LoadedKit](4)
        self._products = _Recent[Pixels](4)
        self._scenes = _Recent[Scene](8)
        self._grown = _Recent[Scene](2)

    def paint(self, shot: Shot, product: bytes | None, progress: Progress) -> Painted:
        """Paint and colour-lock one shot."""
        model, painter = self._painters.get(shot.engine, ("", None))
        if painter is None or model != shot.model:  # its files are others than when it was opened
            progress.report(0.0, f"Starting {shot.engine}")
            painter = self._open(shot.engine)
            self._painters[shot.engine] = (shot.model, painter)
        cutout = None
        if product is not None and shot.placement is not None:
            rgba = decode_picture(product, "product")
            cutout = Product(rgba, shot.placement.product_digest, shot.placement.pitch_deg)
        made = make_picture(
            shot, painter, cutout, progress, self._store.get_blob,
            locate=lambda digest: self._store.file_path(digest, ADAPTER),
        )  # fmt: skip
        return Painted(
            png=encode_png(made.pixels),
            width_px=made.pixels.shape[1],
            height_px=made.pixels.shape[0],
            engine=made.engine,
            runtime=made.runtime,
            seconds=round(made.seconds, 3),
            maps={name: encode_png(pixels) for name, pixels in made.maps.items()},
            facts=made.facts,
        )

    def finish(self, spec: AdSpec, ticket: Ticket) -> AdFile:
        """Lay out, draw, encode, write, then measure the file that was written."""
        started = time.perf_counter()
        # 1. The kit as it was when the ad was planned, with fonts for these words.
        loaded = self._kits.get(spec.kit_digest, lambda: load_kit(self._store.kit_path(spec.kit_digest)))
        brand = Brand(loaded.kit, loaded.fonts.for_words(t for _, t in spec.words.items()), loaded.logos)

        # 2. Decide, draw, encode to the format's limit.
        scene, grown = self._scene(spec, ticket)
        plan = plan_ad(spec, brand, scene)
        pixels = render(plan, brand)
        kind = spec.format.files[0]
        about = provenance.describe(spec, ticket.shot, ticket.picture)
        dpi = spec.format.dpi if spec.format.width_mm else None
        data = encode(pixels, kind, about, max_bytes=spec.format.max_bytes, dpi=dpi)
        drawn = time.perf_counter()

        # 3. Measure what was encoded, not what was meant; then deliver it.
        seen = decode_picture(data, ticket.stem, max_px=130_000_000)[..., :3]
        delivered = Delivered(np.ascontiguousarray(seen), len(data), kind, spec, plan, brand)
        score = score_ad(delivered)
        shown = trace(delivered, score)
        scored = time.perf_counter()
        name = f"{ticket.stem}.{kind}"
        write_whole(ticket.out_dir / name, data)
        keep_thumb(self._store.home, spec.content_id, len(data), pixels)
        return AdFile(
            file=name,
            ad_id=spec.content_id,
            shot_id=spec.shot_id,
            format_id=spec.format.id,
            variant=spec.variant,
            width_px=pixels.shape[1],
            height_px=pixels.shape[0],
            bytes=len(data),
            painter=ticket.picture.engine if ticket.picture else "none",
            score=score,
            grown=grown,
            omitted=plan.arrangement.omitted,
            seconds=round(drawn - started, 3),
            score_seconds=round(scored - drawn, 3),
            trace=shown,
        )

    def _scene(self, spec: AdSpec, ticket: Ticket) -> tuple[Scene | None, float]:
        """The picture of an ad, and how much it had to be grown for the format."""
        shot, picture = ticket.shot, ticket.picture
        if picture is None or shot is None:
            return None, 1.0
        key = picture.digest + shot.content_id
        scene = self._scenes.get(key, lambda: self._load(shot, picture.digest))
        factor = min(growth(spec, scene), MOST)
        if factor <= SOFT:
            return scene, 1.0
        height, width = scene.pixels.shape[:2]
        size = round(width * factor), round(height * factor)

        def grow() -> Scene:
            made, _ = self._retouch.enlarge(scene.pixels, size, spec.upscaler, ticket.progress, picture.digest)
            return Scene(made.pixels, scene.product, scene.placement)

        return self._grown.get(f"{key} {size} {spec.upscaler}", grow), round(factor, 2)

    def _load(self, shot: Shot, digest: str) -> Scene:
        pixels = rgb(self._store.get_blob(digest))
        if shot.placement is None:
            return Scene(pixels)
        key = shot.placement.product_digest
        product = self._products.get(key, lambda: decode_picture(self._store.get_blob(key), "product"))
        return Scene(pixels, product, shot.placement)


def rgb(data: bytes) -> Pixels:
    """A picture of our own as H×W×3."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


class _Recent(Generic[_Kept]):
    """The last few things used, made again when they have gone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def get(self, key: str, make: Callable[[], _Kept]) -> _Kept:
        if key not in self._kept:
            self._kept[key] = make()
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return self._kept[key]
