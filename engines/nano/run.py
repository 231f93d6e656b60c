"""What every network trained here shares: a run that can be stopped and goes on, and an export that is checked."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

EMA = 0.998
SAVED_EVERY_S = 120.0
Net = TypeVar("Net", bound=nn.Module)


@dataclass
class Run(Generic[Net]):
    """A network being trained, its running mean, and how long it has been."""

    net: Net
    mean: Net
    optimiser: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0
    clock: Callable[[], float] = time.perf_counter
    """What `seconds` count; `time.process_time` leaves out what others took of a processor, and pauses."""

    def descend(self, loss: Tensor, rate: float, most_norm: float) -> float:
        """One step down `loss` at learning rate `rate`, gradients clipped to `most_norm`. Returns the loss."""
        self.optimiser.param_groups[0]["lr"] = rate
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), most_norm)
        self.optimiser.step()
        keep = min(EMA, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for mean, now in zip(self.mean.state_dict().values(), self.net.state_dict().values(), strict=True):
                mean.lerp_(now, 1 - keep) if mean.is_floating_point() else mean.copy_(now)
        self.step += 1
        return float(loss.detach())

    def go_on(self, learn: Callable[[float], float], seconds: float, checkpoint: Path | None) -> None:
        """`learn(progress)` until `seconds` in all have been spent, over however many runs; `progress` is 0–1. A
        checkpoint every two minutes and at the end."""
        before, started, saved, losses = self.seconds, self.clock(), time.perf_counter(), []
        while self.seconds < seconds:
            losses.append(learn(self.seconds / seconds))
            self.seconds = before + self.clock() - started
            if len(losses) == 50:
                print(f"step {self.step}, {self.seconds:.0f} s, loss {np.mean(losses):.5f}", flush=True)
                losses.clear()
            if checkpoint is not None and time.perf_counter() - saved > SAVED_EVERY_S:
                self.save(checkpoint)
                saved = time.perf_counter()
        if checkpoint is not None:
            self.save(checkpoint)

    def save(self, path: Path) -> None:
        """Everything as plain arrays, in one file that is replaced at once."""
        arrays = {f"net/{name}": value for name, value in self.net.state_dict().items()}
        arrays |= {f"mean/{name}": value for name, value in self.mean.state_dict().items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            arrays |= {f"adam/{index}/{name}": value for name, value in state.items()}
        part = path.with_suffix(".part.npz")
        plain = {name: value.detach().cpu().numpy() for name, value in arrays.items()}
        np.savez(part, allow_pickle=False, step=self.step, seconds=self.seconds, **plain)
        part.replace(path)

    def restore(self, path: Path) -> None:
        """Go on from what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: torch.from_numpy(arrays[name]) for name in arrays.files if "/" in name}
            self.step, self.seconds = int(arrays["step"]), float(arrays["seconds"])
        for model, prefix in ((self.net, "net/"), (self.mean, "mean/")):
            model.load_state_dict({n.removeprefix(prefix): v for n, v in found.items() if n.startswith(prefix)})
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in found.items():
            if name.startswith("adam/"):
                _, index, field = name.split("/")
                state.setdefault(int(index), {})[field] = value
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": state})


def averaged(net: Net) -> Net:
    """A copy for the running mean."""
    return copy.deepcopy(net).requires_grad_(False).eval()


def cosine(progress: float, least: float) -> float:
    """1 at the start, `least` at the end (Loshchilov & Hutter, SGDR, 2017)."""
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))) + least


def write_onnx(
    net: nn.Module,
    examples: Sequence[Tensor],
    names: tuple[str, str],
    path: Path,
    facts: Mapping[str, str],
    **shapes: Any,
) -> float:
    """Write `net` as ONNX, one input and one output called `names`, and run it on every example beside torch.

    The first example is traced; `shapes` go to `torch.onnx.export`. Returns the largest difference, of 1; raises
    `RuntimeError` above 2e-4.
    """
    import onnx
    import onnxruntime

    net = copy.deepcopy(net).cpu().float().eval()
    given, made = names
    program = torch.onnx.export(
        net, (examples[0],), input_names=[given], output_names=[made], dynamo=True, verbose=False, **shapes
    )
    if program is None:
        raise RuntimeError("torch.onnx.export gave nothing back")
    model = without_traces(program.model_proto)
    onnx.helper.set_model_props(model, {"licence": "Apache-2.0", **facts})
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    difference = 0.0
    for example in examples:
        with torch.no_grad():
            expected = net(example).numpy()
        (got,) = session.run(None, {given: example.numpy()})
        difference = max(difference, float(np.abs(np.asarray(got) - expected).max()))
    if not difference <= 2e-4:
        raise RuntimeError(f"ONNX Runtime differs from torch by {difference:.2e}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return difference


def without_traces(model: Any) -> Any:
    """The ONNX model (`onnx.ModelProto`, changed in place) without the exporter's notes on where it was traced."""
    for graph in (model.graph, *model.functions):
        parts = (*graph.node, *graph.value_info, *getattr(graph, "initializer", ()))
        for part in (graph, *parts):
            del part.metadata_props[:]
            part.doc_string = ""
    return model
