"""What engines are built for, and what builds them here: cards, and exact versions of runtimes. Loads none of them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType

from engines.accelerate.key import Flavour
from engines.base import EngineError

INSTALL = 'pip install -e ".[tensorrt]"'
CAPABILITIES = MappingProxyType(
    {
        "rtx-2080": "7.5", "rtx-3060": "8.6", "rtx-3070": "8.6", "rtx-3080": "8.6", "rtx-3090": "8.6",
        "rtx-4060": "8.9", "rtx-4070": "8.9", "rtx-4080": "8.9", "rtx-4090": "8.9", "l4": "8.9", "l40s": "8.9",
        "rtx-5070": "12.0", "rtx-5080": "12.0", "rtx-5090": "12.0", "a100": "8.0",
    }
)  # fmt: skip
"""Compute capabilities by card, as NVIDIA lists them."""
RTX_BUILDS = ("7.5", "8.0", "8.6", "8.9", "12.0", "12.1")
"""What TensorRT-RTX 1.7 builds for."""
_PACKAGES = MappingProxyType({"rtx": ("tensorrt-rtx", "tensorrt_rtx"), "trt": ("tensorrt",), "onnx": ("torch",)})
_PATIENCE_S = 4.0


@dataclass(frozen=True)
class Card:
    """A graphics card as its driver tells of it. `capability` for example `8.9`."""

    name: str
    driver: str
    capability: str
    watts: float = 0.0
    """The most it is allowed to draw; 0 where the driver does not say."""


def find_card() -> Card | None:
    """The first card, or None; asks the driver's own tool."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    try:
        asked = [tool, "--query-gpu=name,driver_version,compute_cap,power.limit", "--format=csv,noheader,nounits"]
        said = subprocess.run(asked, capture_output=True, text=True, timeout=_PATIENCE_S, check=True).stdout
        name, driver, capability, watts = (part.strip() for part in said.splitlines()[0].split(","))
        return Card(name, driver, capability, float(watts) if watts.replace(".", "").isdigit() else 0.0)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def capability_of(target: str, card: Card | None) -> str:
    """The compute capability meant by `rtx-4090`, `8.9`, or `this`. Raises `EngineError`."""
    if target == "this":
        if card is None:
            raise EngineError(
                "There is no NVIDIA card on this machine to build for",
                "Name the one the engine is for: --target rtx-4090",
            )
        return card.capability
    named = target.lower().replace(" ", "-").removeprefix("nvidia-").removeprefix("geforce-")
    found = CAPABILITIES.get(named, named)
    if found not in CAPABILITIES.values() and found not in RTX_BUILDS:
        raise EngineError(f"The card “{target}” is not known", f"Known: this, {', '.join(CAPABILITIES)}")
    return found


def flavour_of(runtime: str) -> Flavour:
    """What stands for a runtime (`tensorrt`, `onnx`) here: TensorRT-RTX first, classic TensorRT where only that is
    installed. Raises `EngineError` for another runtime."""
    if runtime == "onnx":
        return "onnx"
    if runtime != "tensorrt":
        raise EngineError(f"There is no runtime “{runtime}”", "Known: tensorrt, onnx")
    return "trt" if not version_of("rtx") and version_of("trt") else "rtx"


def version_of(flavour: Flavour) -> str:
    """The exact version that decides an engine; empty where it is not installed. Of an ONNX graph that is PyTorch,
    which writes it: what runs it may change."""
    for package in _PACKAGES[flavour]:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return ""
