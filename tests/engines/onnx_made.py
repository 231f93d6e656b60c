"""Small ONNX files for the tests, made here: a segmenter in rembg's custom layout, and enlargers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def saved(path: Path, nodes: list[Any], given: Any, made: Any, constants: dict[str, np.ndarray]) -> Path:
    """`given` and `made` are (name, kind, shape)."""
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info(*given)],
        [helper.make_tensor_value_info(*made)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def segmenter(path: Path, side: int | str = 320, *, steep: float = 40.0, logits: bool = False) -> Path:
    """Bright is product: the channels' mean (normalised as rembg does), made steep around 0; a sigmoid unless
    `logits`."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["mean", "steep"], ["steeper"]),
        helper.make_node("Identity" if logits else "Sigmoid", ["steeper"], ["mask"]),
    ]
    shape = [1, 3, side, side]
    return saved(path, nodes, ("x", FLOAT, shape), ("mask", FLOAT, [1, 1, side, side]), {"steep": np.float32([steep])})


def enlarger(
    path: Path, scale: int = 2, sides: tuple[Any, Any] = ("h", "w"), *, half: bool = False, gain: float = 1.0
) -> Path:
    """Each pixel becomes scale × scale of itself, after a 3 × 3 blur: a convolution and a pixel shuffle."""
    kind, number = (HALF, np.float16) if half else (FLOAT, np.float32)
    kernel = np.zeros((3 * scale**2, 3, 3, 3), number)
    blur = np.outer([1, 2, 1], [1, 2, 1]) / 16 * gain
    for channel in range(3):
        kernel[channel * scale**2 : (channel + 1) * scale**2, channel] = blur
    nodes = [
        helper.make_node("Pad", ["x", "rim"], ["wide"], mode="edge"),
        helper.make_node("Conv", ["wide", "kernel"], ["many"]),
        helper.make_node("DepthToSpace", ["many"], ["y"], blocksize=scale, mode="CRD"),
    ]
    out = [side * scale if isinstance(side, int) else f"{side}{scale}" for side in sides]
    rim = np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    return saved(path, nodes, ("x", kind, [1, 3, *sides]), ("y", kind, [1, 3, *out]), {"kernel": kernel, "rim": rim})


def with_data_at(path: Path, location: str) -> Path:
    """The same model with its first constant kept in another file."""
    model = onnx.load(path, load_external_data=False)
    tensor = model.graph.initializer[0]
    data = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(len(data)))):
        tensor.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    beside = path.parent / location
    if beside.parent == path.parent:
        beside.write_bytes(data)
    return path
