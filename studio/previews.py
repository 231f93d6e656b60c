"""Pictures of sets while they are composed: a thumbnail of each in the kit's colours, and the board's own preview.

Both are painted by the real painter, small and with few samples, in this process; whoever waits at the board goes
before the thumbnails.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines.base import EngineError, Painter, Progress, Stopped
from studio import settings
from studio.ad import compose
from studio.board import Composed, Place, outlines, place_of
from studio.brand.kit import LoadedKit
from studio.brief.plan import Presets, ProductFacts
from studio.desk.files import write_whole
from studio.errors import BadInput, DoesNotFit, LockupError
from studio.model import Role, Shot
from studio.picture import make
from studio.picture.product import Product, product_of
from studio.pixels import decode_picture, encode_png
from studio.studio import Studio

Pixels = NDArray[np.uint8]
MapKind = Literal["depth", "edges"]
PREVIEW_STEPS, PREVIEW_PASSES = 3, 2
PREVIEW_PX, SLOW_S, QUICK_S = (400, 340, 280), 0.7, 0.35
"""The longest side of a preview: half a second on two cores. Where the machine is slower, or has other work, it is
smaller; the finer one follows in any case."""
FINE_PX, FINE_STEPS = 680, 6
MAP_PX, MAP_STEPS = 768, 1
THUMB_PX, THUMB_STEPS = 192, 8
KEPT_PREVIEWS, KEPT_THUMBS = 80, 400
_PRODUCT_PX = 900
"""A product is made no larger than this for a preview, which shows a third of it."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Preview:
    """A picture of the board's scene. `seconds` is what it took to paint, 0 when it was known."""

    path: Path
    seconds: float
    place: Place
    product: Product | None

    @property
    def family(self) -> str:
        """The layout whose place it has, which may not be the one that was asked for."""
        return self.place.layout


class Previews:
    """One painter, one picture at a time. Cheap to make: nothing is opened before the first picture."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._floor = threading.Lock()
        self._guard = threading.Lock()
        self._ahead = 0
        self._missing: list[tuple[Path, Shot]] = []
        self._thread: threading.Thread | None = None
        self._bad: set[Path] = set()
        self._smaller = 0
        self._warm = False
        self._known: tuple[int, Presets] | None = None
        self._products: OrderedDict[tuple[str, float | None], Product] = OrderedDict()

    @property
    def presets(self) -> Presets:
        """Read again only when the workspace's own formats were changed."""
        own = self._studio.home / "formats.toml"
        changed = own.stat().st_mtime_ns if own.is_file() else 0
        known = self._known
        if known is None or known[0] != changed:
            self._known = known = changed, self._studio.presets()
        return known[1]

    @property
    def folder(self) -> Path:
        return settings.shown(self._studio.home)

    # ------------------------------------------------------------------------------------------ the board

    def outlines(self, wish: Composed) -> dict[str, object]:
        """See `studio.board.outlines`. Raises `BadInput` for a kit, format or product that is not there."""
        return outlines(wish, self._kit(wish), self.presets, _facts(self.product(wish)))

    def preview(self, wish: Composed, fine: bool = False) -> Preview | None:
        """The board's scene, painted now unless it is known. A `fine` one is larger and cleaner, and gives way to
        whoever waits: then there is none. Raises `BadInput`, `EngineError`."""
        place, product = self._planned(wish, FINE_STEPS if fine else PREVIEW_STEPS)
        shot = _sized(_shot_of(place), FINE_PX if fine else PREVIEW_PX[self._smaller])
        path = self.folder / "previews" / f"{_name(shot)}.jpg"
        started = time.perf_counter()
        if path.is_file():
            with suppress(OSError):
                os.utime(path)
            return Preview(path, 0.0, place, product)
        try:
            made = self._behind(shot, product, PREVIEW_PASSES) if fine else self._before(shot, product, PREVIEW_PASSES)
        except Stopped:
            return None
        pixels = made.pixels
        if product is not None and shot.placement is not None:
            pixels = compose.with_product(pixels, product.rgba, shot.placement)
        write_whole(path, jpeg(pixels))
        prune(path.parent, KEPT_PREVIEWS)
        seconds = time.perf_counter() - started
        if not fine and self._warm:
            step = 1 if seconds > SLOW_S else -1 if seconds < QUICK_S else 0
            self._smaller = min(max(self._smaller + step, 0), len(PREVIEW_PX) - 1)
        self._warm = True
        return Preview(path, seconds, place, product)

    def keep_map(self, wish: Composed, kind: MapKind) -> str:
        """A map of the board's scene as a file of the workspace, by its digest."""
        place, product = self._planned(wish, MAP_STEPS)
        shot = _sized(_shot_of(place), MAP_PX)
        made = self._before(shot, product, 0)
        if kind not in made.maps:
            raise EngineError(f"This painter makes no {kind} map", "Choose the stage under Engine.")
        return self._studio.store.put_blob(encode_png(made.maps[kind]))

    def product(self, wish: Composed) -> Product | None:
        """The cut-out of a board, small; the last few are at hand."""
        if not wish.product:
            return None
        key = wish.product, wish.pitch_deg
        with self._guard:
            if key in self._products:
                self._products.move_to_end(key)
                return self._products[key]
        rgba = decode_picture(self._studio.store.get_blob(wish.product), "The product")
        scale = min(_PRODUCT_PX / max(rgba.shape[:2]), 1.0)
        if scale < 1:
            size = max(round(rgba.shape[1] * scale), 1), max(round(rgba.shape[0] * scale), 1)
            rgba = np.asarray(compose.resampled(rgba, *size), np.uint8)
        made = product_of(rgba, "The product", wish.pitch_deg)
        with self._guard:
            self._products[key] = made
            while len(self._products) > 3:
                self._products.popitem(last=False)
        return made

    def _kit(self, wish: Composed) -> LoadedKit:
        return self._studio.shelf.load(wish.kit)

    def _planned(self, wish: Composed, steps: int) -> tuple[Place, Product | None]:
        """The board with its shot; a family without a picture, or without this shape, is stood in for."""
        kit, product, presets = self._kit(wish), self.product(wish), self.presets
        families = presets.layouts
        if wish.layout not in families:
            raise BadInput(f"There is no layout called {wish.layout}", "Choose one of the list.")
        for layout in (families[wish.layout], *families.values()):
            with suppress(DoesNotFit):
                place = place_of(wish, layout, kit, presets, _facts(product), steps)
                if place.shot is not None:
                    return place, product
        raise DoesNotFit("format", "No layout has a picture on this format", "Choose another format.")

    # ------------------------------------------------------------------------------------------ thumbnails

    def thumbs(self, kit_id: str, ask: bool = True) -> dict[str, Path | None]:
        """The thumbnail of every set in a kit's colours, None where it is still to come; `ask` has those painted, in
        the background. Raises `BadInput`."""
        kit = self._studio.shelf.load(kit_id)
        shots = {name: _thumb_shot(name, dict(spec), kit) for name, spec in self.presets.sets.items()}
        paths = {name: self.folder / "sets" / f"{_name(shot)}.jpg" for name, shot in shots.items()}
        there = {name for name, path in paths.items() if path.is_file()}
        if ask:
            self._paint_aside([(paths[name], shots[name]) for name in shots if name not in there])
        return {name: path if name in there else None for name, path in paths.items()}

    def _paint_aside(self, missing: Sequence[tuple[Path, Shot]]) -> None:
        with self._guard:
            self._missing = [one for one in missing if one[0] not in self._bad]
            if self._missing and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._paint_missing, name="thumbnails", daemon=True)
                self._thread.start()

    def _paint_missing(self) -> None:
        while True:
            with self._guard:
                if not self._missing:
                    self._thread = None
                    return
                path, shot = self._missing[0]
            try:
                if not path.is_file():
                    self._paint_thumb(path, shot)
            except Stopped:  # somebody at the board goes first
                time.sleep(0.05)
                continue
            except (LockupError, EngineError, OSError, ValueError, RuntimeError) as error:
                log.warning("no thumbnail of the set %s: %s", shot.set_id, error)
                self._bad.add(path)
            with self._guard:
                self._missing = [one for one in self._missing if one[0] != path]

    def _paint_thumb(self, path: Path, shot: Shot) -> None:
        write_whole(path, jpeg(self._behind(shot, None).pixels))
        prune(path.parent, KEPT_THUMBS)

    def _before(self, shot: Shot, product: Product | None, passes: int) -> make.Made:
        """Painted for somebody who waits for it; what is painted aside makes room."""
        with self._guard:
            self._ahead += 1
        try:
            with self._floor:
                return make.make_picture(shot, self._painter, product, Progress(), passes=passes)
        finally:
            with self._guard:
                self._ahead -= 1

    def _behind(self, shot: Shot, product: Product | None, passes: int = make.PASSES) -> make.Made:
        """Painted while nobody waits. Raises `Stopped` as soon as somebody does."""
        progress = Progress(should_stop=lambda: self._ahead > 0)
        progress.report(0.0)
        with self._floor:
            return make.make_picture(shot, self._painter, product, progress, passes=passes)

    @cached_property
    def _painter(self) -> Painter:
        opened = self._studio.engines.painter
        if opened is None:
            raise EngineError("There is no painter here", "Start the studio with app.py.")
        return opened("stage")


def _shot_of(place: Place) -> Shot:
    assert place.shot is not None
    return place.shot


def _sized(shot: Shot, longest_px: int) -> Shot:
    """The shot made smaller; words to read and maps to follow change nothing on the stage."""
    scale = min(longest_px / max(shot.width_px, shot.height_px), 1.0)
    size = {
        "width_px": max(round(shot.width_px * scale), 16),
        "height_px": max(round(shot.height_px * scale), 16),
    }
    return shot.model_copy(update={**size, "controls": (), "references": ()})


def _thumb_shot(name: str, spec: dict[str, object], kit: LoadedKit) -> Shot:
    roles: tuple[Role, ...] = get_args(Role)
    return Shot(
        engine="stage", recipe=make.RECIPE, width_px=THUMB_PX, height_px=THUMB_PX, seed=1, steps=THUMB_STEPS,
        palette={role: kit.kit.hex(role) for role in roles}, allowed=kit.kit.palette, set_id=name, set_spec=spec,
    )  # fmt: skip


def _facts(product: Product | None) -> ProductFacts | None:
    return ProductFacts(product.digest, product.aspect, product.pitch_deg) if product else None


def _name(shot: Shot) -> str:
    """A file name made of all that decides the picture."""
    said = json.dumps(shot.model_dump(mode="json", exclude={"allowed"}), sort_keys=True)
    colours = ",".join(f"{swatch.hex}{swatch.tints:d}" for swatch in shot.allowed)
    return hashlib.sha256(f"{said}|{colours}".encode()).hexdigest()[:32]


def jpeg(pixels: Pixels, quality: int = 88) -> bytes:
    """A picture (H×W or H×W×3) for the screen."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return out.getvalue()


def prune(folder: Path, keep: int, which: str = "*.jpg") -> None:
    """Only the newest stay; one that cannot be removed now is removed another time."""
    with suppress(OSError):
        files = sorted(folder.glob(which), key=lambda path: -path.stat().st_mtime)
        for old in files[keep:]:
            shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
