"""Networks run by ONNX Runtime: tensors bound where they lie, nothing copied on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engines.accelerate.providers import CUDA
from engines.accelerate.sizes import Size, learned, sized
from engines.base import EngineError
from engines.onnx_files import check_onnx, providers, refused

_KINDS: Mapping[str, tuple[torch.dtype, Any]] = {
    "tensor(float)": (torch.float32, np.float32),
    "tensor(float16)": (torch.float16, np.float16),
    "tensor(int64)": (torch.int64, np.int64),
}


class Session:
    """An ONNX file that is ready to run. See `engines.accelerate.stand_ins.Session`."""

    def __init__(self, runtime: Any, path: Path) -> None:
        self._runtime = runtime
        self._path = path
        self._inputs = {one.name: _told(one, path) for one in runtime.get_inputs()}
        self._outputs = {one.name: _told(one, path) for one in runtime.get_outputs()}
        self.device = torch.device("cuda" if CUDA in runtime.get_providers() else "cpu")

    @property
    def inputs(self) -> Mapping[str, tuple[Size, ...]]:
        """Sizes by name, in words where they change."""
        return {name: sizes for name, (sizes, _) in self._inputs.items()}

    def dtype(self, name: str) -> torch.dtype:
        """The kind of number of an input."""
        return self._inputs[name][1]

    def takes(self, sizes: Mapping[str, Sequence[int]]) -> bool:
        """Whether it can run inputs of these sizes, of which some may be left out."""
        return learned((self.inputs[name], given) for name, given in sizes.items()) is not None

    def sizes(self, given: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]] | None:
        """The sizes of all inputs where some have these; None where it takes none such. Raises `KeyError` where those
        do not decide all."""
        known = learned((self.inputs[name], sizes) for name, sizes in given.items())
        return None if known is None else {name: sized(sizes, known) for name, sizes in self.inputs.items()}

    def run(self, given: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Outputs by name, on the session's device, in tensors that are the caller's. Raises `EngineError` for inputs
        that do not fit."""
        held = {name: self._ready(name, given) for name in self._inputs}
        known = learned((self.inputs[name], tensor.shape) for name, tensor in held.items())
        if known is None:
            told = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in held.items())
            raise EngineError(f"{self._path.name} does not take these sizes", told)
        made = {
            name: torch.empty(sized(sizes, known), dtype=kind, device=self.device)
            for name, (sizes, kind) in self._outputs.items()
        }
        binding = self._runtime.io_binding()
        for name, tensor in held.items():
            binding.bind_input(name, *self._place(tensor))
        for name, tensor in made.items():
            binding.bind_output(name, *self._place(tensor))
        if self.device.type == "cuda":
            # The runtime has a stream of its own.
            torch.cuda.current_stream(self.device).synchronize()
        try:
            self._runtime.run_with_iobinding(binding)
        except Exception as error:
            if "memory" in str(error).lower() and self.device.type == "cuda":
                raise torch.cuda.OutOfMemoryError(str(error)) from error
            raise refused(self._path, error) from error
        binding.synchronize_outputs()
        return made

    def _ready(self, name: str, given: Mapping[str, torch.Tensor]) -> torch.Tensor:
        if name not in given:
            raise EngineError(f"{self._path.name} needs “{name}”", "It was exported from another version.")
        return given[name].detach().to(self.device, self._inputs[name][1]).contiguous()

    def _place(self, tensor: torch.Tensor) -> tuple[Any, ...]:
        kind = next(numpy for own, numpy in _KINDS.values() if own == tensor.dtype)
        return self.device.type, self.device.index or 0, kind, list(tensor.shape), tensor.data_ptr()


def load(path: Path, providers_: Sequence[str] | None = None, improve: bool = True, threads: int = 0) -> Session:
    """Open an exported file. `providers_`: the runtimes to try in this order, else CUDA where it is offered, and the
    processor. `improve`: rewrite the graph for speed. `threads`: 0 is one a core. Raises `EngineError` when it cannot
    be run or reads files outside its own folder."""
    check_onnx(path)
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineError("ONNX Runtime is not installed", "Install the project again.") from error
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if improve else levels.ORT_DISABLE_ALL
    options.intra_op_num_threads = threads
    # A thread that spins while it waits takes the core from whoever else paints.
    for kind in ("intra_op", "inter_op"):
        options.add_session_config_entry(f"session.{kind}.allow_spinning", "0")
    try:
        made = onnxruntime.InferenceSession(str(path), options, providers=list(providers_ or providers()))
    except Exception as error:
        raise refused(path, error) from error
    return Session(made, path)


def _told(one: Any, path: Path) -> tuple[tuple[Size, ...], torch.dtype]:
    if one.type not in _KINDS or any(size is None for size in one.shape):
        raise EngineError(f"{path.name} was not exported by this studio", "Export the painter again.")
    return tuple(one.shape), _KINDS[one.type][0]
