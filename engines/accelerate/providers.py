"""What ONNX Runtime is asked to run a network on: TensorRT, then CUDA, then the processor. Loads no runtime.

Names and options as ONNX Runtime's documentation of its execution providers has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"

Provider = str | tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Range:
    """An input whose sizes change: the least, the usual and the most that it takes."""

    name: str
    least: tuple[int, ...]
    usual: tuple[int, ...]
    most: tuple[int, ...]


FIXED: tuple[Range, ...] = ()
"""The inputs of a network that takes one size."""


def choose(
    offered: Sequence[str], sizes: Sequence[Range] | None, cache: Path, tensorrt: bool
) -> tuple[list[Provider], str]:
    """What to ask for, the best first, and why TensorRT is not among it where there is CUDA.

    `offered` is what ONNX Runtime was made with. `sizes` of the inputs that change, None where nobody knows them:
    TensorRT builds an engine for those named, within minutes at the first run, and for every other one anew. They are
    kept in `cache`. `tensorrt`: whether its libraries are on this machine, which `offered` does not say.
    """
    if CUDA not in offered:
        return [CPU], ""
    # Beside a painter: not twice the memory at every growth, and no trying of every algorithm for every size.
    cuda = (CUDA, {"arena_extend_strategy": "kSameAsRequested", "cudnn_conv_algo_search": "HEURISTIC"})
    if TENSORRT not in offered or not tensorrt:
        return [cuda, CPU], "TensorRT is not installed"
    if sizes is None:
        return [cuda, CPU], "the sizes of its pictures are not known beforehand"
    options: dict[str, Any] = {
        "trt_engine_cache_enable": True, "trt_engine_cache_path": str(cache),
        "trt_timing_cache_enable": True, "trt_timing_cache_path": str(cache),
    }  # fmt: skip
    for bound, name in (("min", "least"), ("opt", "usual"), ("max", "most")) if sizes else ():
        said = (f"{one.name}:{'x'.join(map(str, getattr(one, name)))}" for one in sizes)
        options[f"trt_profile_{bound}_shapes"] = ",".join(said)
    return [(TENSORRT, options), cuda, CPU], ""


def named(provider: Provider) -> str:
    """A provider's name, with or without options."""
    return provider if isinstance(provider, str) else provider[0]
