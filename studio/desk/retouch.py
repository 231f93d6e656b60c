"""Cut-outs and enlargements, each made once: kept by the picture's content, the engine's recipe and what was asked."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.base import Cutout, EngineError, Enlarged, Enlarger, Progress
from studio.desk.engines import Engines
from studio.desk.store import Store
from studio.picture.cut import CutOptions, CutOut, cut_out
from studio.pixels import decode_picture, encode_png

Pixels = NDArray[np.uint8]
KEPT_PX = 200_000_000
RECIPE = 1
"""Raised when the same request would be done differently on this side of the engines."""


@dataclass(eq=False)
class Retouch:
    """The two post-processing steps. Engines stay open between calls, so a second picture needs no loading."""

    store: Store
    engines: Engines
    _open: dict[str, Any] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def cut(
        self,
        rgba: Pixels,
        options: CutOptions,
        progress: Progress,
        strokes: Pixels | None = None,
        *,
        keep: bool = True,
    ) -> tuple[CutOut, bool]:
        """A photo (H×W×4) cut out, and whether it had been made before. Without `keep` it is only looked at.

        Raises `EngineError`, `Stopped`.
        """
        engine: Cutout = self._engine("cutout", options.engine)
        if not keep:
            return cut_out(rgba, engine, options, progress, strokes), False
        key = _key("cut", [rgba, strokes], recipe=engine.recipe, options=options.model_dump())
        known = self.store.result(key)
        if known is not None:
            return _read_cut(*known), True
        cut = cut_out(rgba, engine, options, progress, strokes)
        if any(isinstance(said, str) for said in dict(cut.facts.get("tried", {})).values()):
            return cut, False  # a model could not answer this time: next time it is asked again
        facts = {"confidence": cut.confidence, "engine": cut.engine, "runtime": cut.runtime, "seconds": cut.seconds}
        layers = {"rgba": cut.rgba, "unsure": cut.unsure, **({} if cut.shadow is None else {"shadow": cut.shadow})}
        blobs = {name: encode_png(layer) for name, layer in layers.items()}
        self.store.keep_result(key, {**facts, "facts": dict(cut.facts)}, blobs)
        return cut, False

    def enlarge(
        self, pixels: Pixels, size_px: tuple[int, int], engine_id: str, progress: Progress, digest: str = ""
    ) -> tuple[Enlarged, bool]:
        """A picture (H×W×3 or H×W×4) at width × height, and whether it had been made before. `digest` spares hashing
        pixels whose content is known. Raises `EngineError`, `Stopped`."""
        engine: Enlarger = self._engine("enlarger", engine_id)
        key = _key(
            "enlarge", [pixels] if not digest else [], recipe=engine.recipe, engine=engine_id, px=size_px, of=digest
        )
        known = self.store.result(key)
        if known is not None:
            facts, blobs = known
            kept = decode_picture(blobs["pixels"], "kept enlargement", max_px=KEPT_PX)
            return Enlarged(np.ascontiguousarray(kept[..., : pixels.shape[2]]), **facts), True
        made = engine.enlarge(pixels, *size_px, progress)
        facts = {"seconds": made.seconds, "engine": made.engine, "runtime": made.runtime}
        facts |= {"passes": made.passes, "tiles": made.tiles, "facts": dict(made.facts)}
        self.store.keep_result(key, facts, {"pixels": encode_png(made.pixels)})
        return made, False

    def _engine(self, kind: str, engine_id: str) -> Any:
        opener = getattr(self.engines, kind)
        if opener is None:
            raise EngineError("No engines were opened here", "Start Lockup with app.py")
        name = f"{kind} {engine_id}"
        with self._lock:
            if name not in self._open:
                self._open[name] = opener(engine_id)
            return self._open[name]


def _key(verb: str, pictures: list[Pixels | None], **asked: Any) -> str:
    """SHA-256 over everything that decides a result; pictures by shape and pixels."""
    digest = hashlib.sha256(json.dumps({"verb": verb, "by": RECIPE, **asked}, sort_keys=True).encode())
    for picture in pictures:
        digest.update(str(None if picture is None else picture.shape).encode())
        if picture is not None:
            digest.update(np.ascontiguousarray(picture).data)
    return digest.hexdigest()


def _read_cut(facts: Mapping[str, Any], blobs: Mapping[str, bytes]) -> CutOut:
    layers = {name: decode_picture(data, f"kept {name}", max_px=KEPT_PX) for name, data in blobs.items()}
    plain = {name: np.ascontiguousarray(layer[..., 0]) for name, layer in layers.items() if name != "rgba"}
    return CutOut(rgba=layers["rgba"], unsure=plain["unsure"], shadow=plain.get("shadow"), **facts)
