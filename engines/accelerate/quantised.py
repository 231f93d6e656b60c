"""Networks in eight bits: a graph's products for ONNX Runtime on a processor, a network's layers for torch on a card.

An experiment: pictures change, so nothing takes it unasked, and whoever does compares pictures first
(`tests/bench/quantised_bench.py` draws a sheet). Measured in `tests/bench/RESULTS.md`.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from engines.accelerate.export import Exported, apart, digest_of
from engines.base import EngineError

INT8 = "int8"
PRODUCTS = ("MatMul", "Gemm")
"""What is worth it on a processor. Convolutions in eight bits took 1.5 times as long as in single precision, where
products took 0.6 times, and made three times the error."""
TOLERANCE = 0.05
"""How far one step may be off, relative to the range of what the network gives: several times what was measured."""
FP8_FROM = (8, 9)
"""The compute capability from which cards multiply in eight-bit floating point."""
_MULTIPLE = 16
"""What both sides of a layer must be multiples of for a card's eight-bit products."""


def quantise(exported: Exported, folder: Path, given: Mapping[str, torch.Tensor] | None) -> Exported:
    """A graph exported in single precision with its products in eight bits, in an empty folder: weights by output
    channel, what comes in by its range at the time. `given` inputs compare the two, on the processor; `max_error` is
    None without. Raises `EngineError` when it is too far off, and where ONNX is not installed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / exported.path.name
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise EngineError("ONNX is not installed", "Install the project with its extra `train`.") from error
    with _quiet():
        quantize_dynamic(
            exported.path, path, op_types_to_quantize=list(PRODUCTS), per_channel=True, weight_type=QuantType.QInt8,
            use_external_data_format=True,
        )  # fmt: skip
    error = None if given is None else _apart(exported, path, given)
    if error is not None and not error <= TOLERANCE:
        raise EngineError(
            f"{exported.name} in eight bits is off by {error:.2g} of its range",
            f"At most {TOLERANCE} is allowed. Use it in single precision.",
        )
    return replace(exported, path=path, precision=INT8, digest=digest_of(folder), max_error=error)


def _apart(exported: Exported, path: Path, given: Mapping[str, torch.Tensor]) -> float:
    from engines.accelerate.onnx import load

    wanted = load(exported.path, ["CPUExecutionProvider"], improve=False).run(given)
    got = load(path, ["CPUExecutionProvider"], improve=False).run(given)
    return max(apart(got[name], one) for name, one in wanted.items())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without advice to preprocess graphs, which changes nothing for products."""
    logger = logging.getLogger()
    level, before = logger.level, io.StringIO()
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(before):
            yield
    finally:
        logger.setLevel(level)


def quantise_layers(network: Any, kind: str) -> int:
    """Put the linear layers of a network's transformer blocks into eight bits, in place and for good: `fp8` on a card
    that multiplies in it, `int8` anywhere. Returns how many. It is quick only when the blocks are compiled after it.
    Raises `EngineError` where torchao or the card for it is missing."""
    try:
        from torchao import quantization as ao  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise EngineError("torchao is not installed", "pip install torchao") from error
    device = next(network.parameters()).device
    if kind == "fp8" and (device.type != "cuda" or torch.cuda.get_device_capability(device) < FP8_FROM):
        raise EngineError("This card does not multiply in fp8", "Cards of the RTX 40 series and later do.")
    configs = {
        "fp8": lambda: ao.Float8DynamicActivationFloat8WeightConfig(granularity=ao.PerRow()),
        "int8": ao.Int8DynamicActivationInt8WeightConfig,
    }
    if kind not in configs:
        raise EngineError(f"There is no eight-bit kind “{kind}”", f"Known: {', '.join(configs)}")
    chosen = {name for name, part in network.named_modules() if _worth(name, part)}
    ao.quantize_(network, configs[kind](), filter_fn=lambda part, name: name in chosen)
    return len(chosen)


def _worth(name: str, part: Any) -> bool:
    """Linear layers of blocks; not those that make embeddings of times and sizes, which are small and sensitive."""
    sides = (part.in_features, part.out_features) if isinstance(part, torch.nn.Linear) else (1,)
    return "transformer_blocks" in name and not any(side % _MULTIPLE for side in sides)
