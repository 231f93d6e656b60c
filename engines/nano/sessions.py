"""The built-in model's networks, run by ONNX Runtime: arrays in, arrays out, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.accelerate.sizes import learned, sized
from engines.base import EngineError, Pixels, Plane
from engines.onnx_files import check_onnx, refused

LOOKS = 2
"""How many references a picture can have at once."""
THREADS = 2


@dataclass(frozen=True, eq=False)
class Told:
    """What a batch of N pictures is told. `tokens` N×70×C, the words' 64 and the palette's 6; `pooled` N×C, of words
    and palette together; `sizes` N×6, original height and width, crop's top and left, target height and width, in px;
    `guidance` N, how literally, 1 or more; `looks` N×2×C, vectors of references; `weights` N×2 how much each counts,
    or N×2×h×w where (h, w the latents' size), 0 for none."""

    tokens: Plane
    pooled: Plane
    sizes: Plane
    guidance: Plane
    looks: Plane
    weights: Plane

    @staticmethod
    def plain(tokens: Plane, pooled: Plane, sizes: Plane, guidance: float = 1.0) -> Told:
        """Without references."""
        count, width = pooled.shape
        return Told(
            tokens, pooled, sizes, np.full(count, guidance, np.float32),
            np.zeros((count, LOOKS, width), np.float32), np.zeros((count, LOOKS), np.float32),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Residuals:
    """What control maps add to the UNet of N pictures, level by level."""

    parts: Mapping[str, Plane]

    def scaled(self, by: Plane) -> Residuals:
        """By one number a picture (N), or by one a place (N×h×w, the latents' size)."""
        return Residuals({name: part * _fitted(by, part) for name, part in self.parts.items()})

    def __add__(self, other: Residuals) -> Residuals:
        return Residuals({name: part + other.parts[name] for name, part in self.parts.items()})


def _fitted(by: Plane, part: Plane) -> Plane:
    high, wide = part.shape[-2:]
    if by.ndim == 1:
        return by[:, None, None, None]
    fitted = [cv2.resize(one, (wide, high), interpolation=cv2.INTER_AREA) for one in by]
    return np.stack(fitted)[:, None].astype(np.float32)


class Nets:
    """The seven networks of a model's folder, each opened when it is first used. Raises `EngineError` for graphs that
    are not there or do not run."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        self._folder, self._threads = folder, threads or THREADS
        self._open: dict[str, Any] = {}

    def words(self, ids: np.ndarray) -> tuple[Plane, Plane]:
        """N×64 token ids to N×64×C and N×C."""
        tokens, pooled = self._run("words", {"ids": ids.astype(np.int64)})
        return tokens, pooled

    def palette(self, palettes: Plane) -> tuple[Plane, Plane]:
        """N×6×5 (OKLab, share of the area, present) to N×6×C and N×C; the latter is added to the words' vector."""
        tokens, pooled = self._run("palette", {"palettes": palettes})
        return tokens, pooled

    def look(self, views: Pixels) -> Plane:
        """N×128×128×3 to N×C, what there is to see of references."""
        return self._run("look", {"views": views})[0]

    def control(self, latents: Plane, step: int, told: Told, maps: Plane) -> Residuals:
        """What maps (N×3×H×W in 0…1: edges, nearness, product mask) add at a step."""
        names = [one.name for one in self._session("control").get_outputs()]
        made = self._run("control", {**_said(latents, step, told), "map_0": maps})
        return Residuals(dict(zip(names, made, strict=True)))

    def velocity(self, latents: Plane, step: int, told: Told, residuals: Residuals | None = None) -> Plane:
        """v for N×16×h×w noisy latents at a step (999 is pure noise)."""
        weights = told.weights
        if weights.ndim == 2:
            weights = np.broadcast_to(weights[:, :, None, None], (*weights.shape, *latents.shape[-2:]))
        given = {**_said(latents, step, told), "guidance": told.guidance, "looks": told.looks, "places": weights}
        added = residuals.parts if residuals else self._silence(latents)
        return self._run("unet", {**given, **added})[0]

    def encode(self, pictures: Pixels) -> Plane:
        """N×H×W×3, sides in steps of 64 px, to N×16×H/16×W/16."""
        return np.concatenate([self._run("encode", {"pictures": one[None]})[0] for one in pictures])

    def decode(self, latents: Plane) -> Pixels:
        """N×16×h×w to N×16h×16w×3, one at a time, as a picture is a hundred times its latents."""
        return np.concatenate([self._run("decode", {"latents": one[None]})[0] for one in latents])

    def _silence(self, latents: Plane) -> dict[str, Plane]:
        inputs = {one.name: tuple(one.shape) for one in self._session("unet").get_inputs()}
        known = learned([(inputs["sample"], latents.shape)])
        if known is None:
            raise EngineError("The built-in model paints in steps of 64 px", f"Not {latents.shape} latents.")
        added = {name: sizes for name, sizes in inputs.items() if name.startswith(("down_", "mid"))}
        return {name: np.zeros(sized(sizes, known), np.float32) for name, sizes in added.items()}

    def _session(self, name: str) -> Any:
        if name not in self._open:
            self._open[name] = opened(self._folder / f"{name}.onnx", self._threads)
        return self._open[name]

    def _run(self, name: str, given: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        session = self._session(name)
        kept = {one.name for one in session.get_inputs()}
        ready = {key: np.ascontiguousarray(value, _KINDS.get(value.dtype.kind)) for key, value in given.items()}
        try:
            return session.run(None, {key: value for key, value in ready.items() if key in kept})
        except Exception as error:
            raise refused(self._folder / f"{name}.onnx", error) from error


_KINDS: Mapping[str, type] = {"f": np.float32, "i": np.int64, "u": np.uint8}


def _said(latents: Plane, step: int, told: Told) -> dict[str, np.ndarray]:
    return {
        "sample": latents, "timestep": np.full(len(latents), step, np.float32),
        "encoder_hidden_states": told.tokens, "text_embeds": told.pooled, "time_ids": told.sizes,
    }  # fmt: skip


def opened(path: Path, threads: int = THREADS) -> Any:
    """An ONNX Runtime session of a graph, on the processor. Raises `EngineError` when it is not there or refused."""
    check_onnx(path)
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    # A thread that spins while it waits takes the core from whoever else paints.
    for kind in ("intra_op", "inter_op"):
        options.add_session_config_entry(f"session.{kind}.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise refused(path, error) from error
