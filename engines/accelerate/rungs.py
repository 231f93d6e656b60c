"""The runtimes of the ladder for real: what they are called, why they cannot be used here, how they load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.accelerate import flat, onnx, tensorrt
from engines.accelerate.cache import EngineCache
from engines.accelerate.digests import Digests
from engines.accelerate.key import Flavour
from engines.accelerate.ladder import Ladder, Rung
from engines.accelerate.stand_ins import ControlStandIn, UnetStandIn, VaeStandIn
from engines.accelerate.targets import find_card, version_of
from engines.base import EngineError
from engines.diffusion.family import Work
from engines.diffusion.placement import Machine


@dataclass(frozen=True)
class TensorRt:
    """TensorRT for RTX, or the classic one where only that is installed."""

    flavour: Flavour
    version: str
    target: str
    on_card: bool
    precision: str = "fp16"

    @property
    def name(self) -> str:
        short = ".".join(self.version.split(".")[:3])
        return f"TensorRT{'-RTX' if self.flavour == 'rtx' else ''} {short}".strip()

    def missing(self) -> str:
        if not self.on_card:
            return "there is no NVIDIA card, or its driver is missing"
        return "" if self.version else "it is not installed"

    def load(self, path: Path) -> Any:
        return tensorrt.load(path, path.parent, self.flavour)


@dataclass(frozen=True)
class Onnx:
    """ONNX Runtime, on the card where it can be used there."""

    version: str
    on_card: bool
    precision: str
    running: str
    providers: tuple[str, ...]
    flavour: Flavour = "onnx"
    target: str = "any"

    @property
    def name(self) -> str:
        return f"ONNX Runtime {self.running}"

    def missing(self) -> str:
        if not self.running:
            return "it is not installed"
        if self.on_card and "CUDAExecutionProvider" not in self.providers:
            return "the one that is installed does not use the card"
        return ""

    def load(self, path: Path) -> Any:
        return onnx.load(path)


def rungs_of(machine: Machine) -> tuple[Rung, ...]:
    """TensorRT, then ONNX Runtime, on this machine."""
    on_card = machine.device == "cuda"
    card = find_card() if on_card else None
    flavour: Flavour = "trt" if not version_of("rtx") and version_of("trt") else "rtx"
    trt = TensorRt(flavour, version_of(flavour), card.capability if card else "", card is not None)
    return trt, _onnx(on_card)


def _onnx(on_card: bool) -> Onnx:
    try:
        import onnxruntime
    except ImportError:
        return Onnx(version_of("onnx"), on_card, "fp32", "", ())
    providers = tuple(onnxruntime.get_available_providers())
    return Onnx(version_of("onnx"), on_card, "fp16" if on_card else "fp32", onnxruntime.__version__, providers)


class StandIns:
    """See `engines.accelerate.ladder.Wardrobe`."""

    def dress(self, network: str, sessions: Mapping[str, Any], module: Any, work: Work) -> Any:
        """A stand-in with the interface of the network."""
        if network == "unet":
            crossed, places = flat.crossed(module), flat.references(module)
            # The LoRAs are in the engine's weights.
            return UnetStandIn(sessions["unet"], module.config, crossed, places, module.encoder_hid_proj, work.adapters)
        if network == "controlnet":
            return ControlStandIn({_maps(graph): session for graph, session in sessions.items()}, module.config)
        if network == "vae":
            return VaeStandIn(sessions["vae_decoder"], sessions.get("vae_encoder"), module.config, module)
        raise EngineError(f"Nothing stands in for {network}")

    def why_not(self, network: str, stand_in: Any, work: Work, batch: int, windows: int) -> str:
        """What the stand-in itself says."""
        said = stand_in.why_not(work, batch, windows) if network == "unet" else stand_in.why_not(work)
        return said or ""


def _maps(graph: str) -> int:
    return int(graph.partition("_")[2] or 1)


def ladder_of(machine: Machine, cache: EngineCache, digests: Digests, paths: Mapping[str, Path]) -> Ladder:
    """A ladder of this machine's runtimes for a painter of these parts."""
    return Ladder(cache, digests, paths, rungs_of(machine), StandIns(), machine.runtime)
