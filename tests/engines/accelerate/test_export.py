"""Graphs of every network: what goes into the file is the network, or the file is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx as onnx_files
import pytest
import torch

from engines.accelerate import flat, onnx
from engines.accelerate.export import TOLERANCE, Exported, apart, export
from engines.accelerate.graph import Graph, Tensor
from engines.accelerate.shapes import Shape
from engines.base import EngineError
from tests.engines.accelerate.conftest import SMALL


class Toy(torch.nn.Module):
    """A network that exports within a second, and otherwise than it runs where it `drifts`."""

    def __init__(self, drifts: bool = False) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(4, 4)
        self._drifts = drifts

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return self.inner(latents) * (1.01 if self._drifts and torch.compiler.is_exporting() else 1.0)

    @property
    def graph(self) -> Graph:
        one = {"latents": Tensor((1, 3, 4))}
        return Graph("toy", self, one, {"picture": Tensor((1, 3, 4))}, lambda name, sizes: torch.randn(sizes))


CODERS = ("vae_decoder", "vae_encoder", "text_encoder", "text_encoder_2", "image_encoder")
Graphs = Callable[[str, str], Graph]
Exports = Callable[[str, str], Exported]


@pytest.mark.parametrize(
    "name",
    [
        *CODERS,
        "unet",
        "controlnet",
        "controlnet_2",
        "nano_controlnet",
        pytest.param("nano_unet", marks=pytest.mark.slow),  # by default in test_nano
    ],
)
def test_each_network_in_full_precision(exported: Exports, name: str) -> None:
    made = exported(name, "fp32")
    assert made.max_error is not None and made.max_error <= TOLERANCE["fp32"]
    assert made.path.name == "model.onnx" and made.name == name.removeprefix("nano_")


@pytest.mark.parametrize(
    "name",
    [
        "vae_decoder",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in (*CODERS, "controlnet", "unet", "nano_controlnet", "nano_unet")
            if name != "vae_decoder"
        ),
    ],
)
def test_each_network_in_half_precision(exported: Exports, name: str) -> None:
    made = exported(name, "fp16")
    assert made.max_error is not None and made.max_error <= TOLERANCE["fp16"]
    halves = [i for i in onnx.load(made.path).inputs if onnx.load(made.path).dtype(i) == torch.float16]
    assert halves or name.startswith("text")


def test_names_and_sizes_are_the_graphs(exported: Exports, graph: Graphs) -> None:
    session = onnx.load(exported("unet", "fp32").path)
    example = graph("unet", "fp32").example(SMALL)
    assert session.inputs == dict(
        zip(graph("unet", "fp32").inputs, map(tuple, (e.shape for e in example)), strict=True)
    )
    assert session.inputs == exported("unet", "fp32").sizes(SMALL)


def test_the_network_is_as_it_was(exported: Exports, painter: Callable[[str], dict[str, Any]]) -> None:
    made = painter("fp32")
    exported("unet", "fp32")
    exported("controlnet", "fp32")
    assert made["unet"].encoder_hid_proj is not None
    assert {type(p).__module__ for p in made["unet"].attn_processors.values()} == {
        "diffusers.models.attention_processor"
    }
    assert isinstance(made["controlnet"].task_embedding, torch.nn.Parameter)
    assert "task_embedding" in made["controlnet"].state_dict()


def test_the_network_is_as_it_was_after_a_failure(graph: Graphs, painter: Callable[[str], dict[str, Any]]) -> None:
    with pytest.raises(RuntimeError, match="stop"), graph("unet", "fp32").ready(), graph("controlnet", "fp32").ready():
        raise RuntimeError("stop")
    assert painter("fp32")["unet"].encoder_hid_proj is not None
    assert isinstance(painter("fp32")["controlnet"].task_embedding, torch.nn.Parameter)


def test_a_file_that_is_off_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="off by") as refused:
        export(Toy(drifts=True).graph, SMALL, tmp_path / "file", "fp32")
    assert "as it is" in refused.value.hint


def test_another_precision_and_a_full_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="was to be exported as fp16"):
        export(Toy().graph, SMALL, tmp_path / "file", "fp16")
    (tmp_path / "other").touch()
    with pytest.raises(EngineError, match="not empty"):
        export(Toy().graph, SMALL, tmp_path, "fp32")


def test_the_digest_is_of_every_weight(tmp_path: Path) -> None:
    toy = Toy()
    first, again = (export(toy.graph, SMALL, tmp_path / place, "fp32").digest for place in ("a", "b"))
    toy.inner.bias.data[0] += 1e-3
    changed = export(toy.graph, SMALL, tmp_path / "c", "fp32").digest
    assert first == again and len(first) == 64
    assert changed != first


def test_nothing_says_where_it_was_made(exported: Exports) -> None:
    for name in ("unet", "vae_decoder"):
        data = exported(name, "fp32").path.read_bytes()
        assert not [mark for mark in (b'File "', b"site-packages", b"/engines/") if mark in data]


@pytest.mark.parametrize("name", ["vae_decoder", "vae_encoder"])
def test_a_vae_for_all_sizes(graph: Graphs, tmp_path: Path, name: str) -> None:
    made = export(graph(name, "fp32"), SMALL, tmp_path / "file", "fp32", dynamic=True)
    session = onnx.load(made.path)
    for shape in (Shape(64, 192), Shape(192, 128)):
        own = graph(name, "fp32")
        example = own.example(shape)
        assert {n: tuple(t.shape) for n, t in zip(own.inputs, example, strict=True)} == made.sizes(shape)
        with torch.no_grad():
            wanted = own.module(*example)
        (got,) = session.run(dict(zip(own.inputs, example, strict=True))).values()
        assert apart(got, wanted) < TOLERANCE["fp32"]
    with pytest.raises(EngineError, match="does not take these sizes"):
        session.run({own.inputs[0]: torch.zeros(1, 2, 8, 8)})


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unet", "controlnet", "nano_unet", "nano_controlnet"])
def test_networks_for_all_sizes_and_batches(graph: Graphs, tmp_path: Path, name: str) -> None:
    made = export(graph(name, "fp32"), SMALL, tmp_path / "file", "fp32", dynamic=True)
    session, own = onnx.load(made.path), graph(name, "fp32")
    for shape in (Shape(128, 192), Shape(192, 128, 2)):
        example = own.example(shape)
        with torch.no_grad(), own.ready():
            wanted = own.module(*example)
        got = session.run(dict(zip(own.inputs, example, strict=True)))
        wanted = (wanted,) if torch.is_tensor(wanted) else wanted
        for output, one in zip(own.outputs, wanted, strict=True):
            assert apart(got[output], one) < TOLERANCE["fp32"]


def test_a_file_of_one_size_is_for_no_other(exported: Exports) -> None:
    with pytest.raises(EngineError, match="128×128"):
        exported("vae_decoder", "fp32").sizes(Shape(192, 128))


def test_adapters_of_two_kinds_do_not_go_into_one_graph(painter: Callable[[str], dict[str, Any]]) -> None:
    unet = painter("fp32")["unet"]
    crossed = [unet.attn_processors[name] for name in flat.crossed(unet)]
    kept = [p.num_tokens for p in crossed]
    try:
        for processor in crossed:
            processor.num_tokens = (4, 16)
        with pytest.raises(EngineError, match="do not go into one graph"):
            flat.unet(unet)
    finally:
        for processor, count in zip(crossed, kept, strict=True):
            processor.num_tokens = count


def test_apart_tells_the_share_of_the_range() -> None:
    assert apart(torch.tensor([0.0, 2.0]), torch.tensor([0.0, 4.0])) == pytest.approx(0.5)
    assert apart(torch.tensor([float("nan"), 2.0]), torch.tensor([0.0, 4.0])) == float("inf")


def test_what_onnx_wrote_is_sound(exported: Exports) -> None:
    onnx_files.checker.check_model(str(exported("controlnet", "fp32").path))
