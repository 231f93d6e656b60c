"""Small ONNX files for the tests, made here: a segmenter in rembg's custom layout, enlargers, readers of depth and poses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def saved(path: Path, nodes: list[Any], given: Any, made: Any, constants: dict[str, np.ndarray]) -> Path:
    """`given` and `made` are (name, kind, shape); `made` may be several."""
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info(*given)],
        [helper.make_tensor_value_info(*one) for one in (made if isinstance(made, list) else [made])],
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
    return saved(
        path, nodes, ("x", FLOAT, shape), ("mask", FLOAT, [1, 1, side, side]), {"steep": np.array([steep], np.float32)}
    )


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


def depth_reader(path: Path, sides: tuple[Any, Any] = ("h", "w"), scale: float = 9.0) -> Path:
    """Depth Anything's layout: what is red is near. It takes only sides that are whole patches of 14 px."""
    nodes = [
        helper.make_node("SpaceToDepth", ["pixel_values"], ["patches"], blocksize=14),
        helper.make_node("DepthToSpace", ["patches"], ["whole"], blocksize=14, mode="DCR"),
        helper.make_node("Slice", ["whole", "zero", "one", "axis"], ["red"]),
        helper.make_node("Mul", ["red", "std"], ["spread"]),
        helper.make_node("Add", ["spread", "mean"], ["plain"]),
        helper.make_node("Mul", ["plain", "scale"], ["near"]),
        helper.make_node("Squeeze", ["near", "axis"], ["predicted_depth"]),
    ]
    numbers = {name: np.array([value], np.int64) for name, value in (("zero", 0), ("one", 1), ("axis", 1))}
    levels = {
        "std": np.array([0.229], np.float32),
        "mean": np.array([0.485], np.float32),
        "scale": np.array([scale], np.float32),
    }
    given = ("pixel_values", FLOAT, [1, 3, *sides])
    return saved(path, nodes, given, ("predicted_depth", FLOAT, [1, *sides]), {**numbers, **levels})


def people_finder(path: Path, people: list[tuple[int, float, float, float]]) -> Path:
    """YOLOX's layout: `people` are (row of the cells, width and height in cells, class likelihood), seen as surely as
    the top left pixel is red, 0–255, in the third channel."""
    rows, objects = np.zeros((1, 8400, 85), np.float32), np.zeros((1, 8400, 85), np.float32)
    for row, wide, high, likely in people:
        rows[0, row, :4] = 0.5, 0.5, np.log(wide), np.log(high)
        rows[0, row, 5], objects[0, row, 4] = likely, 1 / 255
    nodes = [
        helper.make_node("Slice", ["images", "from", "to", "axes"], ["corner"]),
        helper.make_node("ReduceMean", ["corner"], ["red"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["objects", "red"], ["sure"]),
        helper.make_node("Add", ["rows", "sure"], ["output"]),
    ]
    cut = {"from": [2, 0, 0], "to": [3, 1, 1], "axes": [1, 2, 3]}
    constants = {"rows": rows, "objects": objects, **{name: np.array(value, np.int64) for name, value in cut.items()}}
    return saved(path, nodes, ("images", FLOAT, [1, 3, 640, 640]), ("output", FLOAT, [1, 8400, 85]), constants)


def joint_finder(path: Path, places: dict[int, tuple[int, int, float]]) -> Path:
    """DWPose's layout: `places` are (x, y, likelihood) in pixels of its 288×384, by joint; the rest is unlikely."""
    across, down = np.zeros((1, 133, 576), np.float32), np.zeros((1, 133, 768), np.float32)
    for joint, (x, y, likely) in places.items():
        across[0, joint, 2 * x], down[0, joint, 2 * y] = likely, likely
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[0, 1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["none"]),
        helper.make_node("Add", ["across", "none"], ["simcc_x"]),
        helper.make_node("Add", ["down", "none"], ["simcc_y"]),
    ]
    made = [("simcc_x", FLOAT, [1, 133, 576]), ("simcc_y", FLOAT, [1, 133, 768])]
    constants = {"across": across, "down": down, "nothing": np.zeros((), np.float32)}
    return saved(path, nodes, ("input", FLOAT, [1, 3, 384, 288]), made, constants)


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
