"""Live proof: small real ads that follow every change of a kit. Everything but the scene is there at once; the scene is
painted small, aside, and laid under the same words a moment later."""

from __future__ import annotations

import contextlib
import hashlib
import io
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines.base import EngineError, Painter, Progress
from studio import settings
from studio.ad import compose
from studio.ad.compose import Brand, Scene, plan_ad, render
from studio.ad.score import Delivered, score_ad
from studio.brand.kit import LoadedKit
from studio.brief.draft import Draft
from studio.brief.plan import Presets, ProductFacts, Recipes, plan
from studio.color import from_oklab, oklab, rgb_of
from studio.desk.files import write_whole
from studio.errors import LockupError
from studio.model import AdSpec, Format, Role, Shot
from studio.picture import make
from studio.picture.product import Product, product_of
from studio.pixels import decode_picture
from studio.results import Check, Score
from studio.studio import Studio

Pixels = NDArray[np.uint8]
Shape = Literal["square", "tall", "strip"]
SHAPES: tuple[Shape, ...] = ("square", "tall", "strip")
_DEFAULTS: dict[Shape, str] = {"square": "meta-square", "tall": "meta-story", "strip": "display-728x90"}
_ASPECTS: dict[Shape, tuple[float, float]] = {"square": (0.75, 1.3), "tall": (0.2, 0.65), "strip": (3.0, 12.0)}
LONGEST_PX, SAMPLES = 384, 3
"""How small the scene is painted."""
SHOWN_PX = 1080
_KEPT_FILES, _KEPT_SCENES = 60, 24
_PRESETS_S = 30.0
_REACH = 0.07
"""How far, in OKLab, from a role's colour something still counts as painted with it."""
Kept = TypeVar("Kept")


@dataclass(frozen=True, eq=False)
class _Painted:
    """A scene and the colours it was painted in."""

    pixels: Pixels
    palette: Mapping[Role, str]


@dataclass(frozen=True)
class Proof:
    """One small ad. `settled` says whether it is final: its scene painted in these colours, and measured. `trouble` is
    why there is no ad, `unpainted` why there is no scene."""

    shape: Shape
    format: Format
    file: Path | None = None
    settled: bool = True
    score: Score | None = None
    trouble: LockupError | None = None
    unpainted: EngineError | None = None

    @property
    def failed(self) -> tuple[Check, ...]:
        return self.score.failed if self.score else ()


class Proofs:
    """Small ads of one workspace. Safe to ask from several threads; one of them paints at a time."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._folder = settings.shown(studio.home) / "proof"
        self._painting = threading.Lock()
        self._painter: Painter | None = None
        self._scenes = _Recent[Pixels](_KEPT_SCENES)
        self._last = _Recent[_Painted](_KEPT_SCENES)
        self._products = _Recent[Product](3)
        self._scores = _Recent[Score](120)
        self._presets: tuple[float, Presets] | None = None
        self.warm = False
        """Whether anything was painted yet; the first time compiles the stage."""

    def make(self, kit: LoadedKit, draft: Draft, shape: Shape, wait: bool) -> Proof:
        """The first variant of the draft in one shape. Without `wait` it is there at once, on the latest scene there
        is; with it, the scene is painted and the ad measured first."""
        fmt = self._format(draft, shape)
        try:
            spec, shot, product = self._planned(kit, draft, fmt)
            brand = Brand(kit.kit, kit.fonts.for_words(text for _, text in spec.words.items()), kit.logos)
            pixels, final, unpainted = self._scene(kit, shot, product, shape, wait)
            scene = None
            if shot is not None and pixels is not None:
                scene = Scene(pixels, product.rgba if product and shot.placement else None, shot.placement)
            key = hashlib.sha256(f"{spec.canonical()} {_digest(pixels)} {shot and shot.placement}".encode()).hexdigest()
            file = self._folder / f"{key[:32]}.jpg"
            score = self._scores.peek(key)
            if (score is None and wait) or not file.is_file():
                score = self._drawn(spec, brand, scene, file, key if wait else "") or score
        except LockupError as error:
            return Proof(shape, fmt, trouble=error)
        return Proof(shape, fmt, file, final and (score is not None), score, None, unpainted)

    # -------------------------------------------------------------------------------------------- planning

    def _format(self, draft: Draft, shape: Shape) -> Format:
        """The draft's first format of that shape, or the usual one."""
        formats = self._all.formats
        least, most = _ASPECTS[shape]
        for name in draft.formats:
            fmt = formats.get(name)
            if fmt is not None and fmt.width_px and fmt.height_px and least <= fmt.width_px / fmt.height_px <= most:
                return fmt
        return formats[_DEFAULTS[shape]]

    @property
    def _all(self) -> Presets:
        if self._presets is None or time.monotonic() - self._presets[0] > _PRESETS_S:
            self._presets = time.monotonic(), self._studio.presets()
        return self._presets[1]

    def _planned(self, kit: LoadedKit, draft: Draft, fmt: Format) -> tuple[AdSpec, Shot | None, Product | None]:
        product = self._product(draft)
        facts = ProductFacts(product.digest, product.aspect, product.pitch_deg) if product else None
        kept = draft.model_copy(update={"formats": (), "controls": (), "references": (), "count": 1, "vary": ()})
        brief = kept.brief().model_copy(update={"formats": (fmt.id,)})
        recipes = Recipes("stage", steps=SAMPLES, picture=make.RECIPE, ad=compose.RECIPE)
        planned = plan(brief, kit.kit, kit.digest, self._all, facts, recipes)
        shot = planned.shots[0] if planned.shots else None
        if shot is not None:
            scale = min(1.0, LONGEST_PX / max(shot.width_px, shot.height_px))
            size = {name: max(round(getattr(shot, name) * scale), 16) for name in ("width_px", "height_px")}
            shot = shot.model_copy(update=size)
        return planned.ads[0], shot, product

    def _product(self, draft: Draft) -> Product | None:
        if not draft.product:
            return None

        def read() -> Product:
            rgba = decode_picture(self._studio.store.get_blob(draft.product), "The product")
            # A margin, so that a product that fills its own rectangle is still seen to be cut out.
            return product_of(np.pad(rgba, ((4, 4), (4, 4), (0, 0))), "The product", draft.pitch_deg)

        return self._products.get(f"{draft.product} {draft.pitch_deg}", read)

    # -------------------------------------------------------------------------------------------- painting

    def _scene(
        self, kit: LoadedKit, shot: Shot | None, product: Product | None, shape: Shape, wait: bool
    ) -> tuple[Pixels | None, bool, EngineError | None]:
        """The picture, whether it is the right one, and why it cannot be painted."""
        if shot is None:
            return None, True, None
        key = shot.content_id
        trouble = None
        if (known := self._scenes.peek(key)) is not None:
            return known, True, None
        if wait:
            try:
                pixels = self._painted(shot, product)
                for place in (_place(shot), shape):
                    self._last.put(place, _Painted(pixels, dict(shot.palette)))
                return pixels, True, None
            except EngineError as error:
                trouble = error
        stand_in = self._last.peek(_place(shot))
        stand_in = self._last.peek(shape) if stand_in is None else stand_in
        if stand_in is None:
            flat = np.full((shot.height_px, shot.width_px, 3), rgb_of(kit.kit.hex("surface")), np.uint8)
            return flat, trouble is not None, trouble
        return recoloured(stand_in.pixels, stand_in.palette, shot.palette), trouble is not None, trouble

    def _painted(self, shot: Shot, product: Product | None) -> Pixels:
        with self._painting:
            known = self._scenes.peek(shot.content_id)
            if known is not None:
                return known
            if self._painter is None:
                if self._studio.engines.painter is None:
                    raise EngineError("No painter is at hand here", "Start the studio with: python app.py")
                self._painter = self._studio.engines.painter("stage")
            made = make.make_picture(shot, self._painter, product if shot.placement else None, Progress())
            self.warm = True
            self._scenes.put(shot.content_id, made.pixels)
            return made.pixels

    # -------------------------------------------------------------------------------------------- drawing

    def _drawn(self, spec: AdSpec, brand: Brand, scene: Scene | None, file: Path, key: str) -> Score | None:
        """Draw the ad into `file`; measured too where there is a `key` to keep the score by."""
        planned = plan_ad(spec, brand, scene)
        pixels = render(planned, brand)
        if not file.is_file():
            write_whole(file, _jpeg(pixels))
            self._tidy()
        if not key:
            return None
        score = score_ad(Delivered(pixels, file.stat().st_size, spec.format.files[0], spec, planned, brand))
        self._scores.put(key, score)
        return score

    def _tidy(self) -> None:
        with contextlib.suppress(OSError):
            files = sorted(self._folder.glob("*.jpg"), key=lambda path: -path.stat().st_mtime)
            for old in files[_KEPT_FILES:]:
                old.unlink(missing_ok=True)


def recoloured(pixels: Pixels, before: Mapping[Role, str], after: Mapping[Role, str]) -> Pixels:
    """A scene painted in some colours as it will look in others, nearly: what is of a role's colour, in whatever light,
    moves along with it. Much quicker than painting; the same colours change nothing."""
    moved = [role for role in after if role in before and before[role] != after[role]]
    if not moved:
        return pixels
    lab = oklab(pixels).astype(np.float32)
    centres = np.array([oklab(rgb_of(before[role])) for role in before], np.float32)
    moves = np.array([oklab(rgb_of(after.get(role, hex_))) for role, hex_ in before.items()], np.float32) - centres
    # Light and shadow change lightness most, so hue tells what something is painted with.
    near = np.stack([((lab - one) ** 2 @ np.array([0.15, 1, 1], np.float32)) for one in centres], axis=-1)
    weight = np.exp(-near / (2 * _REACH**2))
    total = weight.sum(axis=-1, keepdims=True)
    shift = weight @ moves / np.maximum(total, 1e-6) * np.minimum(total, 1)
    return np.clip(np.rint(from_oklab(lab + shift)), 0, 255).astype(np.uint8)


def _place(shot: Shot) -> str:
    """What a scene's forms depend on, whatever its colours."""
    return shot.model_copy(update={"palette": {}, "allowed": ()}).content_id


def _digest(pixels: Pixels | None) -> str:
    return hashlib.sha256(pixels.tobytes()).hexdigest() if pixels is not None else ""


def _jpeg(pixels: Pixels) -> bytes:
    image = Image.fromarray(pixels)
    image.thumbnail((SHOWN_PX, SHOWN_PX), Image.Resampling.BOX)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90, subsampling=0)
    return out.getvalue()


class _Recent(Generic[Kept]):
    """The last few things used."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def peek(self, key: str) -> Kept | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: str, value: Kept) -> None:
        with self._lock:
            self._kept[key] = value
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def get(self, key: str, make_it: Callable[[], Kept]) -> Kept:
        found = self.peek(key)
        if found is None:
            found = make_it()
            self.put(key, found)
        return found
