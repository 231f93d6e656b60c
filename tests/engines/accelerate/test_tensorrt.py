"""TensorRT without a card: engines are built for one that is named; on a card that is not here, they are refused."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engines.accelerate import tensorrt
from engines.accelerate.export import Exported, export
from engines.accelerate.flat import Graph
from engines.accelerate.shapes import Shape
from engines.base import EngineError, Progress, Stopped
from tests.engines.accelerate.conftest import SMALL

Exports = Callable[[str, str], Exported]
QUIET = Progress(lambda share, text: None)


@pytest.fixture
def rtx() -> Any:
    return pytest.importorskip("tensorrt_rtx")


def test_the_vae_is_built_for_a_card_that_is_not_here(rtx: Any, exported: Exports) -> None:
    told: list[tuple[float, str]] = []
    data = tensorrt.build(exported("vae_decoder", "fp16"), [SMALL], "8.9", Progress(lambda *at: told.append(at)))
    weights = exported("vae_decoder", "fp16").path.stat().st_size
    assert data.nbytes > weights / 2
    shares = [share for share, _ in told]
    assert shares == sorted(shares) and shares[0] < 0.1 and shares[-1] > 0.2
    assert {text for _, text in told} == {"Reading vae_decoder", "Building vae_decoder"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unet", "controlnet", "controlnet_2", "vae_encoder"])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_every_graph_is_built(rtx: Any, exported: Exports, name: str, precision: str) -> None:
    """The UNet with references and what a ControlNet adds, and the ControlNet for every type of map."""
    assert tensorrt.build(exported(name, precision), [SMALL], "8.9", QUIET).nbytes > 1_000_000


def test_several_sizes_in_one_engine(rtx: Any, graph: Callable[[str, str], Graph], tmp_path: Path) -> None:
    made = export(graph("vae_encoder", "fp32"), SMALL, tmp_path / "file", "fp32", dynamic=True)
    one = tensorrt.build(made, [SMALL], "8.9", QUIET).nbytes
    two = tensorrt.build(made, [SMALL, Shape(192, 128)], "8.9", QUIET).nbytes
    assert one < two < 2 * one


def test_a_build_stops_when_it_is_told_to(rtx: Any, exported: Exports) -> None:
    asked = 0

    def report(share: float, text: str) -> None:
        nonlocal asked
        asked += text.startswith("Building")
        if asked > 3:
            raise Stopped

    with pytest.raises(Stopped):
        tensorrt.build(exported("vae_decoder", "fp16"), [SMALL], "8.9", Progress(report))


@pytest.mark.parametrize(("target", "why"), [("9.0", "capability 9.0"), ("this", "no card here")])
def test_a_card_it_cannot_build_for(rtx: Any, exported: Exports, target: str, why: str) -> None:
    if target == "this" and torch.cuda.is_available():
        pytest.skip("there is a card here")
    with pytest.raises(EngineError, match=why):
        tensorrt.build(exported("vae_decoder", "fp16"), [SMALL], target, QUIET)


def test_a_size_it_was_not_exported_for(rtx: Any, exported: Exports) -> None:
    with pytest.raises(EngineError, match="128×128"):
        tensorrt.build(exported("vae_decoder", "fp16"), [Shape(192, 128)], "8.9", QUIET)


def test_a_damaged_file_says_why(rtx: Any, exported: Exports, tmp_path: Path) -> None:
    made = exported("vae_decoder", "fp16")
    data = made.path.read_bytes()
    (tmp_path / "model.onnx").write_bytes(data[: len(data) // 2])
    damaged = Exported(**{**vars(made), "path": tmp_path / "model.onnx"})
    with pytest.raises(EngineError, match="cannot read vae_decoder"):
        tensorrt.build(damaged, [SMALL], "8.9", QUIET)


def test_without_tensorrt_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(tensorrt, "import_module", missing)
    with pytest.raises(EngineError, match="not installed") as refused:
        tensorrt.flavour()
    assert "tensorrt" in refused.value.hint


def test_the_classic_one_is_taken_where_it_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    classic = SimpleNamespace()

    def only_classic(name: str) -> Any:
        if name == "tensorrt":
            return classic
        raise ImportError(name)

    monkeypatch.setattr(tensorrt, "import_module", only_classic)
    assert tensorrt.flavour() == ("trt", classic)
    with pytest.raises(EngineError):
        tensorrt.flavour("rtx")


# -------------------------------------------------------------------------------------------------------------- running


def test_an_engine_that_is_gone_or_empty(rtx: Any, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="gone or empty"):
        tensorrt.load(tmp_path / "unet.engine")
    (tmp_path / "unet.engine").touch()
    with pytest.raises(EngineError, match="gone or empty"):
        tensorrt.load(tmp_path / "unet.engine")


def test_no_driver(rtx: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (tmp_path / "unet.engine").write_bytes(b"something")
    with pytest.raises(EngineError, match="driver"):
        tensorrt.load(tmp_path / "unet.engine")


class Card:
    """A TensorRT that says of every engine what it is told to say."""

    __version__ = "1"
    EngineValidity = SimpleNamespace(INVALID=2, VALID=0)

    class ILogger:
        Severity = SimpleNamespace(ERROR=1)

        def __init__(self) -> None: ...

    def __init__(self, validity: int, said: str) -> None:
        self.validity, self.said = validity, said

    def Runtime(self, logger: Any) -> Any:  # noqa: N802 - TensorRT's name
        def deserialize(data: Any) -> None:
            logger.log(1, self.said)

        return SimpleNamespace(get_engine_validity=lambda data: (self.validity, 7), deserialize_cuda_engine=deserialize)


@pytest.mark.parametrize(
    ("validity", "said", "kind", "why"),
    [
        (2, "", EngineError, "damaged, or made for another card"),
        (0, "[planHeaders.cpp::check::1] Error Code 6: stream is truncated", EngineError, "stream is truncated"),
        (0, "Error Code 2: OutOfMemory (Requested size was 5890000000 bytes.)", torch.cuda.OutOfMemoryError, "Memory"),
    ],
)
def test_an_engine_the_card_does_not_take(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, validity: int, said: str, kind: type[Exception], why: str
) -> None:
    card = Card(validity, said)
    monkeypatch.setattr(tensorrt, "import_module", lambda name: card)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    (tmp_path / "unet.engine").write_bytes(b"something")
    with pytest.raises(kind, match=why) as refused:
        tensorrt.load(tmp_path / "unet.engine")
    assert ".cpp" not in str(refused.value)


def test_the_names_this_code_calls_are_there(rtx: Any) -> None:
    """What runs on a card cannot be run here; that the names exist can be seen."""
    assert importlib.import_module("tensorrt_rtx") is rtx
    for kind, names in {
        "ICudaEngine": "create_execution_context create_runtime_config get_tensor_dtype get_tensor_mode get_tensor_name "
        "get_tensor_profile_shape num_io_tensors num_optimization_profiles",
        "IExecutionContext": "execute_async_v3 get_tensor_shape set_input_shape set_optimization_profile_async "
        "set_tensor_address",
        "IRuntimeConfig": "create_runtime_cache cuda_graph_strategy set_runtime_cache",
        "IRuntimeCache": "deserialize serialize",
        "Runtime": "deserialize_cuda_engine get_engine_validity",
        "CudaGraphStrategy": "WHOLE_GRAPH_CAPTURE DISABLED",
        "TensorIOMode": "INPUT",
        "EngineValidity": "INVALID",
        "DataType": "FLOAT HALF INT64",
    }.items():
        assert not [name for name in names.split() if not hasattr(getattr(rtx, kind), name)], kind
