"""Networks run by TensorRT: NVIDIA's TensorRT for RTX where it is installed, else the classic one, by the same code.

Engines are built without a card for any that is named. The first load on a card compiles kernels for it; what came of
that is kept in a file (the runtime cache) per card and driver. Verified against tensorrt-rtx 1.7.1.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from engines.accelerate.export import Exported
from engines.accelerate.shapes import Shape
from engines.accelerate.sizes import Size
from engines.accelerate.targets import find_card
from engines.base import EngineError, Progress

FLAVOURS: Mapping[str, str] = {"rtx": "tensorrt_rtx", "trt": "tensorrt"}
"""Modules by flavour, the preferred one first."""
_KINDS: Mapping[str, torch.dtype] = {
    "FLOAT": torch.float32, "HALF": torch.float16, "INT64": torch.int64, "INT32": torch.int32,
    "BF16": torch.bfloat16,
}  # fmt: skip
_ELSE = "Pictures go on without the engine."


def flavour(wanted: str = "") -> tuple[str, Any]:
    """The flavour that is installed (`rtx` or `trt`, or the one that is wanted), and its module. Raises
    `EngineError`."""
    for name, module in FLAVOURS.items():
        if wanted in ("", name):
            with contextlib.suppress(ImportError):
                return name, import_module(module)
    raise EngineError("TensorRT is not installed", "Install the project with its extra `tensorrt`.")


# ------------------------------------------------------------------------------------------------------------- building


def build(exported: Exported, shapes: Sequence[Shape], target: str, progress: Progress, wanted: str = "") -> memoryview:
    """An engine of an exported graph, as bytes. `shapes` each get a profile of their own, and nothing between them; a
    graph of one size takes that one. `target` is a compute capability (`8.9`) or `this` for the card that is here;
    `wanted` a flavour. Raises `EngineError` when it cannot be built."""
    name, trt = flavour(wanted)
    said = _Said.of(trt)
    builder = trt.Builder(said)
    # Strongly typed: the numbers are of the kind they have in the file.
    flags = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(1 << int(flags) if name == "trt" and flags is not None else 0)
    parser = trt.OnnxParser(network, said)
    progress.report(0.05, f"Reading {exported.name}")
    if not parser.parse_from_file(str(exported.path)):
        told = parser.get_error(0).desc() if parser.num_errors else said.last
        raise EngineError(f"TensorRT cannot read {exported.name}: {_short(told)}", _ELSE)
    config = builder.create_builder_config()
    _aim(trt, config, name, target)
    if exported.dynamic:
        for shape in shapes:
            profile = builder.create_optimization_profile()
            for tensor, sizes in exported.sizes(shape).items():
                if any(isinstance(size, str) for size in exported.takes[tensor]):
                    profile.set_shape(tensor, sizes, sizes, sizes)
            config.add_optimization_profile(profile)
    else:
        for shape in shapes:
            exported.sizes(shape)
    config.progress_monitor = watch = _Watch.of(trt, progress, exported.name)
    made = builder.build_serialized_network(network, config)
    if watch.stopped is not None:
        raise watch.stopped
    if made is None:
        raise EngineError(f"TensorRT cannot build {exported.name}: {_short(said.last)}", _ELSE)
    return memoryview(made)


def _aim(trt: Any, config: Any, name: str, target: str) -> None:
    if name != "rtx":
        if target != "this":
            raise EngineError(
                f"The classic TensorRT builds only for the card that is here, not for {target}",
                "Build there, or install the extra `tensorrt`, which builds for any card.",
            )
        return
    if target == "this":
        if not torch.cuda.is_available():
            raise EngineError("There is no card here to build for", "Name one, for example `--target rtx-4090`.")
        target = "{}.{}".format(*torch.cuda.get_device_capability())
    kind = f"SM{target.replace('.', '')}"
    if not hasattr(trt.ComputeCapability, kind):
        raise EngineError(f"TensorRT for RTX does not build for compute capability {target}", _ELSE)
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(trt.ComputeCapability, kind), 0)


class _Watch:
    """Makes the builder's monitor: its classes are there only once TensorRT is loaded."""

    stopped: BaseException | None = None

    @staticmethod
    def of(trt: Any, progress: Progress, name: str) -> Any:
        class Monitor(trt.IProgressMonitor, _Watch):
            def __init__(self) -> None:
                trt.IProgressMonitor.__init__(self)
                self._phases: dict[str, int] = {}
                self._share = 0.0

            def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
                self._phases[phase] = max(steps, 1)

            def phase_finish(self, phase: str) -> None:
                self._phases.pop(phase, None)

            def step_complete(self, phase: str, step: int) -> bool:
                # Only the outermost phase tells how far it is.
                outer = next(iter(self._phases), phase)
                if phase == outer:
                    self._share = max(self._share, min(step / self._phases.get(outer, 1), 1.0))
                try:
                    progress.report(0.1 + 0.85 * self._share, f"Building {name}")
                except BaseException as error:  # carried through code that knows nothing of it
                    self.stopped = error
                    return False
                return True

        return Monitor()


class _Said:
    """Makes a logger that keeps the last complaint, which is all TensorRT says of what went wrong."""

    last = ""

    @staticmethod
    def of(trt: Any) -> Any:
        class Logger(trt.ILogger, _Said):
            def __init__(self) -> None:
                trt.ILogger.__init__(self)

            def log(self, severity: Any, said: str) -> None:
                if severity <= trt.ILogger.Severity.ERROR:
                    self.last = said

        return Logger()


def _short(said: str) -> str:
    """One line, without the place in TensorRT's own code."""
    line = " ".join(re.sub(r"\[[^\[\]]*\.cpp[^\[\]]*\]|\(?\bIn \w+ at \S+\.cpp:\d+\)?", "", said).split())
    return line[:200] or "it does not say why"


# -------------------------------------------------------------------------------------------------------------- running


def load(path: Path, cache: Path | None = None, wanted: str = "", graphs: bool = True) -> Session:
    """Open an engine on the card. `cache` is a folder for runtime caches; `graphs` records the run of a shape once and
    plays it back (RTX). Raises `EngineError` for an engine that is damaged, from another card or another TensorRT, and
    where there is no driver; `torch.cuda.OutOfMemoryError` when the card's memory is too small."""
    name, trt = flavour(wanted)
    if not path.is_file() or not path.stat().st_size:
        raise EngineError(f"The engine {path.name} is gone or empty", "Build it again.")
    if not torch.cuda.is_available():
        raise EngineError("TensorRT needs an NVIDIA card and its driver, and none is found here", _ELSE)
    said = _Said.of(trt)
    try:
        runtime = trt.Runtime(said)
    except Exception as error:
        raise EngineError(f"TensorRT cannot start: {_short(said.last or str(error))}", _ELSE) from error
    with _mapped(path) as data:
        why = _unfit(trt, runtime, data)
        engine = None if why else runtime.deserialize_cuda_engine(data)
    if engine is None:
        raise _refused(path, why or said.last)
    return Session(trt, engine, said, _Kept(cache, path, trt) if name == "rtx" and cache else None, graphs)


def _refused(path: Path, why: str) -> Exception:
    if "memory" in why.lower():
        return torch.cuda.OutOfMemoryError(f"{path.name}: {_short(why)}")
    return EngineError(f"The engine {path.name} cannot be used here: {_short(why)}", "Build it again for this card.")


def _unfit(trt: Any, runtime: Any, data: Any) -> str:
    """Why an engine does not run on this card, where TensorRT can tell before loading it."""
    if not hasattr(runtime, "get_engine_validity"):
        return ""
    found, more = runtime.get_engine_validity(data)
    if found == trt.EngineValidity.INVALID:
        return f"it is damaged, or made for another card or version ({more})"
    return ""


@contextlib.contextmanager
def _mapped(path: Path) -> Iterator[Any]:
    """A file's bytes without a second copy of them in memory."""
    import mmap

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        view = memoryview(data)
        try:
            yield view
        finally:
            view.release()


class _Kept:
    """The runtime cache of an engine on this card with this driver, in a file."""

    def __init__(self, folder: Path, engine: Path, trt: Any) -> None:
        card = torch.cuda.get_device_properties(torch.cuda.current_device())
        driver = getattr(find_card(), "driver", "")
        told = (engine.resolve(), engine.stat().st_size, card.name, torch.version.cuda, driver, trt.__version__)
        self._path = folder / f"{hashlib.sha256(repr(told).encode()).hexdigest()[:32]}.runtime"
        self._size = 0

    def fill(self, cache: Any) -> None:
        """What is known from before; what TensorRT refuses is made anew."""
        if self._path.is_file():
            data = self._path.read_bytes()
            with contextlib.suppress(Exception):
                if cache.deserialize(data):
                    self._size = len(data)

    def keep(self, cache: Any) -> None:
        """Write what has been learned since, whole or not at all."""
        data = bytes(cache.serialize())
        if len(data) == self._size:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(self._path)
        self._size = len(data)


class Session:
    """An engine on the card. See `engines.accelerate.stand_ins.Session`."""

    def __init__(self, trt: Any, engine: Any, said: Any, kept: _Kept | None, graphs: bool) -> None:
        self._trt, self._engine, self._said, self._kept = trt, engine, said, kept
        self.device = torch.device("cuda", torch.cuda.current_device())
        names = [engine.get_tensor_name(n) for n in range(engine.num_io_tensors)]
        enter = trt.TensorIOMode.INPUT
        self._kinds = {name: _KINDS[engine.get_tensor_dtype(name).name] for name in names}
        self._takes = [name for name in names if engine.get_tensor_mode(name) == enter]
        self._gives = [name for name in names if name not in self._takes]
        self._profiles = [
            {name: _sizes(engine, name, place) for name in self._takes}
            for place in range(max(engine.num_optimization_profiles, 1))
        ]
        self._setting, self._cache = self._set(graphs)
        self._running: tuple[int, Any, dict[str, torch.Tensor]] | None = None
        self._stream = torch.cuda.Stream(self.device)

    @property
    def inputs(self) -> Mapping[str, tuple[Size, ...]]:
        """Sizes by name; those that differ from profile to profile in words of their own."""
        first, *others = self._profiles
        return {
            name: tuple(
                size if all(p[name][place] == size for p in others) else f"{name}_{place}"
                for place, size in enumerate(sizes)
            )
            for name, sizes in first.items()
        }

    def dtype(self, name: str) -> torch.dtype:
        """The kind of number of an input."""
        return self._kinds[name]

    def takes(self, sizes: Mapping[str, Sequence[int]]) -> bool:
        """Whether a profile has these sizes."""
        return self._profile(sizes) is not None

    def sizes(self, given: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]] | None:
        """The sizes of all inputs where some have these; None where no profile has them."""
        place = self._profile(given)
        return None if place is None else self._profiles[place]

    def run(self, given: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Outputs by name. Raises `EngineError` for inputs that fit no profile and when TensorRT fails."""
        missing = [name for name in self._takes if name not in given]
        place = self._profile({name: given[name].shape for name in self._takes if name in given})
        if missing or place is None:
            told = ", ".join(missing) or ", ".join(f"{n} {tuple(given[n].shape)}" for n in self._takes)
            raise EngineError("The engine does not take these sizes", told)
        context, held = self._ready(place)
        # The tensors of a recorded run stay where they are; what comes in is copied there, on the card.
        self._stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._stream):
            for name in self._takes:
                held[name].copy_(given[name], non_blocking=True)
            if not context.execute_async_v3(self._stream.cuda_stream):
                raise EngineError(f"TensorRT failed: {_short(self._said.last)}", _ELSE)
        torch.cuda.current_stream(self.device).wait_stream(self._stream)
        for name in self._takes:
            if given[name].is_cuda:
                given[name].record_stream(self._stream)
        # A pass of the ControlNet is added to the one before it, so that must not be overwritten.
        return {name: held[name].clone() for name in self._gives}

    def keep(self) -> None:
        """Write the runtime cache, if something was learned; after the first picture is a good time."""
        if self._kept and self._cache is not None:
            self._kept.keep(self._cache)

    def _set(self, graphs: bool) -> tuple[Any, Any]:
        """How contexts run (RTX only), and the runtime cache they share."""
        if not hasattr(self._trt, "CudaGraphStrategy"):
            return None, None
        setting = self._engine.create_runtime_config()
        strategies = self._trt.CudaGraphStrategy
        setting.cuda_graph_strategy = strategies.WHOLE_GRAPH_CAPTURE if graphs else strategies.DISABLED
        cache = None
        if self._kept:
            cache = setting.create_runtime_cache()
            self._kept.fill(cache)
            setting.set_runtime_cache(cache)
        return setting, cache

    def _profile(self, sizes: Mapping[str, Sequence[int]]) -> int | None:
        wanted = {name: tuple(given) for name, given in sizes.items()}
        fits = (all(profile.get(n) == s for n, s in wanted.items()) for profile in self._profiles)
        return next((place for place, fit in enumerate(fits) if fit), None)

    def _ready(self, place: int) -> tuple[Any, dict[str, torch.Tensor]]:
        """A context of a profile and its tensors; one at a time, as each holds memory to work in."""
        if self._running is None or self._running[0] != place:
            self._running = None
            setting = () if self._setting is None else (self._setting,)
            context = self._engine.create_execution_context(*setting)
            if context is None:
                raise _refused(Path("The engine"), self._said.last)
            context.set_optimization_profile_async(place, self._stream.cuda_stream)
            for name, sizes in self._profiles[place].items():
                context.set_input_shape(name, sizes)
            held = {
                name: torch.empty(tuple(context.get_tensor_shape(name)), dtype=self._kinds[name], device=self.device)
                for name in (*self._takes, *self._gives)
            }
            for name, tensor in held.items():
                context.set_tensor_address(name, tensor.data_ptr())
            self._running = (place, context, held)
        return self._running[1], self._running[2]


def _sizes(engine: Any, name: str, profile: int) -> tuple[int, ...]:
    """An input's size in a profile; only sizes that change are in one."""
    fixed = tuple(engine.get_tensor_shape(name))
    return fixed if min(fixed, default=0) >= 0 else tuple(engine.get_tensor_profile_shape(name, profile)[1])
