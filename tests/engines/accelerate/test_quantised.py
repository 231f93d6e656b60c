"""Networks in eight bits: near the ones they come from, smaller, and refused where they are not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engines.accelerate import onnx, quantised
from engines.accelerate.export import Exported, apart
from engines.accelerate.flat import Graph
from engines.accelerate.quantised import quantise, quantise_layers
from engines.base import EngineError
from tests.engines.accelerate.conftest import SMALL

Exports = Callable[[str, str], Exported]
Graphs = Callable[[str, str], Graph]


def example(graph: Graphs, name: str) -> dict[str, torch.Tensor]:
    made = graph(name, "fp32")
    return dict(zip(made.inputs, made.example(SMALL), strict=True))


@pytest.mark.slow
def test_the_unet_in_eight_bits_is_smaller_and_near(exported: Exports, graph: Graphs, tmp_path: Path) -> None:
    full, given = exported("unet", "fp32"), example(graph, "unet")
    made = quantise(full, tmp_path / "int8", given)
    assert made.precision == "int8" and made.digest != full.digest and made.max_error is not None
    assert 1e-4 < made.max_error < 0.02
    wanted, got = (onnx.load(one.path).run(given)["noise"] for one in (full, made))
    assert 1e-4 < apart(got, wanted) < 0.02
    sizes = [sum(file.stat().st_size for file in one.path.parent.iterdir()) for one in (full, made)]
    assert sizes[1] < 0.75 * sizes[0]


def test_one_that_is_too_far_off_is_refused(
    exported: Exports, graph: Graphs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantised, "TOLERANCE", 1e-5)
    given = example(graph, "text_encoder")
    with pytest.raises(EngineError, match="eight bits is off by") as refused:
        quantise(exported("text_encoder", "fp32"), tmp_path / "one", given)
    assert "single precision" in refused.value.hint
    assert quantise(exported("text_encoder", "fp32"), tmp_path / "two", None).max_error is None


def test_layers_on_a_card_need_torchao_and_the_card(
    painter: Callable[[str], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(EngineError, match="torchao is not installed"):
        quantise_layers(painter("fp32")["unet"], "fp8")


def test_what_layers_are_meant(painter: Callable[[str], dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """With a torchao that tells what it was given."""
    seen: list[tuple[str, list[str]]] = []

    class Quantization:
        PerRow = staticmethod(lambda: "rows")
        Int8DynamicActivationInt8WeightConfig = staticmethod(lambda: "int8")

        @staticmethod
        def quantize_(network: Any, config: Any, filter_fn: Callable[[Any, str], bool]) -> None:
            seen.append((config, [name for name, part in network.named_modules() if filter_fn(part, name)]))

    fake = type(sys)("torchao")
    fake.quantization = Quantization  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchao", fake)
    unet = painter("fp32")["unet"]
    count = quantise_layers(unet, "int8")
    ((config, names),) = seen
    assert config == "int8" and count == len(names) > 50
    assert all("transformer_blocks" in n and isinstance(unet.get_submodule(n), torch.nn.Linear) for n in names)
    with pytest.raises(EngineError, match="does not multiply in fp8"):
        quantise_layers(unet, "fp8")
    with pytest.raises(EngineError, match="no eight-bit kind"):
        quantise_layers(unet, "int4")
