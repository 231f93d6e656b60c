"""Networks into ONNX files, each checked against the network it came from before anyone uses it."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from engines.accelerate.graph import STEP_PX, Graph, known
from engines.accelerate.shapes import Shape
from engines.accelerate.sizes import Size, sized
from engines.base import EngineError

OPSET, SCRIPT_OPSET = 20, 18
TOLERANCE: Mapping[str, float] = {"fp32": 1e-4, "fp16": 5e-3}
"""How far the file may be off its network, relative to the range of what that gives."""
PRECISIONS: Mapping[str, torch.dtype] = {"fp32": torch.float32, "fp16": torch.float16}
CHECKED = Shape(256, 256)
"""Where a graph of changing sizes is made and checked: the cost of a sixteenth of a megapixel."""
_READ_BYTES = 1 << 24


@dataclass(frozen=True)
class Exported:
    """An ONNX file with its weights beside it. `takes` are its inputs' sizes, in words where they change (`dynamic`);
    `digest` (64 hex digits) is of graph and weights; `max_error` is relative to the output's range, None unchecked."""

    name: str
    path: Path
    takes: Mapping[str, tuple[Size, ...]]
    outputs: tuple[str, ...]
    precision: str
    shape: Shape
    dynamic: bool
    digest: str
    max_error: float | None
    step_px: int = STEP_PX

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(self.takes)

    def sizes(self, shape: Shape) -> dict[str, tuple[int, ...]]:
        """Each input's size at a shape. Raises `EngineError` for one that this file was not made for."""
        if not self.dynamic and shape != self.shape:
            raise EngineError(
                f"{self.path.name} was exported for {self.shape.said}, not for {shape.said}",
                "Export it for the size that is wanted.",
            )
        return {name: sized(sizes, known(shape, self.step_px)) for name, sizes in self.takes.items()}


def export(
    graph: Graph, shape: Shape, folder: Path, precision: str, dynamic: bool = False, check: bool = True
) -> Exported:
    """Write `model.onnx` and its weights into `folder`, which must be empty or not there.

    The network has the precision (`fp32` or `fp16`) already. `dynamic`: for all sizes rather than `shape` alone.
    `check` compares the file, run by ONNX Runtime on the processor, with the network on the graph's example, for
    `dynamic` ones at `CHECKED`. Raises `EngineError` when it is off, cannot be exported, or when ONNX is not installed.
    """
    if graph.dtype != PRECISIONS.get(precision):
        raise EngineError(
            f"{graph.name} is in {str(graph.dtype).removeprefix('torch.')} and was to be exported as {precision}",
            f"Load it in {' or '.join(PRECISIONS)} first.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise EngineError(f"{folder} is not empty", "Choose another folder to export to.")
    path = folder / "model.onnx"
    # Of one picture, sizes are taken for fixed.
    made_at = replace(CHECKED, batch=2, windows=2) if dynamic else shape
    with torch.no_grad(), graph.ready():
        example = graph.example(made_at)
        write(graph, example, path, dynamic)
        error = _error(graph, example, path) if check else None
    if error is not None and not error <= TOLERANCE[precision]:
        raise EngineError(
            f"The exported {graph.name} is off by {error:.2g} of its range",
            f"At most {TOLERANCE[precision]:.0e} is allowed. Go on with the painter as it is.",
        )
    takes = {
        name: one.sizes if dynamic else sized(one.sizes, known(shape, graph.step_px))
        for name, one in graph.takes.items()
    }
    return Exported(
        graph.name, path, takes, graph.outputs, precision, shape, dynamic, digest_of(folder), error, graph.step_px
    )  # fmt: skip


def digest_of(folder: Path) -> str:
    """SHA-256 of all files of a folder, with their names, in the order of those."""
    told = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        told.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as data:
            while part := data.read(_READ_BYTES):
                told.update(part)
    return told.hexdigest()


def write(graph: Graph, example: tuple[torch.Tensor, ...], path: Path, dynamic: bool) -> None:
    """The file alone, unchecked; the graph is ready. Raises `EngineError` as `export` does."""
    named: dict[str, Any] = {"input_names": list(graph.inputs), "output_names": list(graph.outputs)}
    try:
        with _quiet():
            if dynamic and graph.exporter == "script":
                torch.onnx.export(
                    graph.module, example, str(path), dynamo=False, opset_version=SCRIPT_OPSET,
                    dynamic_axes=_axes(graph), **named,
                )  # fmt: skip
                _named(graph, path)
                return
            more: dict[str, Any] = {"dynamic_shapes": _nested(graph)} if dynamic else {}
            program = torch.onnx.export(
                graph.module, example, dynamo=True, opset_version=OPSET, optimize=False, verbose=False, **named, **more
            )
            assert program is not None
            _tidied(program.model, graph, dynamic)
            program.save(str(path), external_data=True)
    except (ImportError, ModuleNotFoundError) as error:
        raise EngineError("ONNX is not installed", "Install the project with its extra `train`.") from error
    except torch.onnx.errors.OnnxExporterError as error:
        said = str(error).splitlines()
        raise EngineError(f"{graph.name} cannot be exported: {said[0] if said else error}", "") from error


def _nested(graph: Graph) -> tuple[Any, ...]:
    """As the exporter wants it: tensors that come as one `*given` are one argument."""
    given = graph.dynamic()
    return given if len(given) == 1 else (given,)


def _axes(graph: Graph) -> dict[str, dict[int, str]]:
    return {
        name: {place: size for place, size in enumerate(one.sizes) if isinstance(size, str)}
        for name, one in (*graph.takes.items(), *graph.gives.items())
    }


def _named(graph: Graph, path: Path) -> None:
    """Give the outputs of the older exporter, which names their sizes after its own nodes, the graph's words."""
    import onnx

    model = onnx.load(path)
    for one in model.graph.output:
        for dim, size in zip(one.type.tensor_type.shape.dim, graph.gives[one.name].sizes, strict=True):
            if isinstance(size, str):
                dim.dim_param = size
            else:
                dim.dim_value = size
    for node in model.graph.node:
        node.ClearField("doc_string")
    onnx.save(model, path)


def _tidied(model: Any, graph: Graph, dynamic: bool) -> None:
    """Without what is known beforehand, and without a word about where and from what code it was made; sizes of outputs
    that change are told in the graph's words.

    The exporter's own rewriting takes three times as long as all else and makes nothing faster: the runtimes rewrite
    graphs themselves.
    """
    from onnx_ir import Shape as Sizes
    from onnxscript import optimizer

    optimizer.fold_constants(model)
    optimizer.remove_unused_nodes(model)
    for node in model.graph.all_nodes():
        node.doc_string = None
        node.metadata_props.clear()
    model.doc_string = None
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    if dynamic:
        for value in model.graph.outputs:
            value.shape = Sizes(graph.gives[value.name].sizes)


def _error(graph: Graph, example: tuple[torch.Tensor, ...], path: Path) -> float:
    """The largest difference of the file from its network, relative to each output's range; not a number counts as
    endless."""
    from engines.accelerate.onnx import load

    wanted = graph.module(*example)
    wanted = (wanted,) if torch.is_tensor(wanted) else wanted
    # Unchanged: changing the graph of a large network would copy its weights.
    session = load(path, ["CPUExecutionProvider"], improve=False)
    got = session.run(dict(zip(graph.inputs, example, strict=True)))
    return max(apart(got[name], one) for name, one in zip(graph.outputs, wanted, strict=True))


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference of two tensors, relative to the range of the second; not a number counts as endless."""
    one, other = one.detach().float().cpu(), other.detach().float().cpu()
    span = max(float(other.max() - other.min()), 1e-6)
    error = float((one - other).abs().max()) / span
    return float("inf") if math.isnan(error) else error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks, which are for its own makers."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
