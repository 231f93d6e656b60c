"""What the stages of the built-in model share: where weights lie, how a stage goes on, where pictures come from."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import nn

from .data import Picture
from .nets import SIZES, Size
from .run import Run, averaged, cosine

Net = TypeVar("Net", bound=nn.Module)
WARM_UP = 100


class Source(Protocol):
    """Training pictures, as `engines.nano.data.Data` gives them."""

    def __len__(self) -> int: ...

    def picture(self, rng: np.random.Generator, bucket: tuple[int, int], index: int | None = None) -> Picture: ...

    def pair(self, rng: np.random.Generator, bucket: tuple[int, int]) -> tuple[Picture, Picture]: ...


@dataclass(frozen=True)
class Task:
    """One stage's orders: where everything lies (`folder`), what is trained on, for how long in all, on what."""

    folder: Path
    size: str
    seconds: float
    device: str
    batch: int
    seed: int = 1
    round: int = 1
    """Counts the students of ever better teachers."""

    @property
    def sizes(self) -> Size:
        return SIZES[self.size]

    def checkpoint(self, stage: str) -> Path:
        return self.folder / f"{stage}.npz"


class Stage(Run[Net]):
    """A network in training under a schedule of rates: a short warm-up, then a cosine down."""

    rate: float = 1e-3

    @classmethod
    def begin(cls, net: Net, task: Task, name: str, rate: float) -> Stage[Net]:
        """From its checkpoint if there is one, else from the net as it is."""
        net = net.to(task.device).train()
        stage = cls(net, averaged(net), optimiser(net.parameters(), rate, task.device))
        stage.rate = rate
        if torch.device(task.device).type == "cpu":
            stage.clock = time.process_time
        if (path := task.checkpoint(name)).exists():
            stage.restore(path)
        print(f"{name}: {sum(p.numel() for p in net.parameters())} parameters, from step {stage.step}", flush=True)
        return stage

    def down(self, loss: torch.Tensor, progress: float) -> float:
        """One step down `loss` at `progress` (0–1) of the schedule."""
        return self.descend(loss, self.rate * min(1, (self.step + 1) / WARM_UP) * cosine(progress, 0.02), 1.0)


def optimiser(parameters: object, rate: float, device: str) -> torch.optim.Optimizer:
    """AdamW; the second moment forgets faster than usual, as runs are short."""
    fused = torch.device(device).type in ("cpu", "cuda")
    return torch.optim.AdamW(parameters, rate, betas=(0.9, 0.98), weight_decay=0.01, fused=fused)  # type: ignore[arg-type]


def learned(net: Net, task: Task, stage: str, part: str = "") -> Net:
    """`net` with the running mean a stage has reached, frozen. `part` names it where the stage trains several.

    What a checkpoint holds beyond the net (an adapter that was fitted while it learned) is left out. Raises
    `SystemExit` where that stage has not run.
    """
    path = task.checkpoint(stage)
    if not path.exists():
        raise SystemExit(f"{path} is not there; run {stage} first")
    prefix = f"mean/{part}." if part else "mean/"
    with np.load(path, allow_pickle=False) as arrays:
        found = {
            name.removeprefix(prefix): torch.from_numpy(arrays[name])
            for name in arrays.files
            if name.startswith(prefix)
        }
    net.load_state_dict({name: value for name, value in found.items() if name in net.state_dict()})
    return net.to(task.device).eval().requires_grad_(False)


def steps_done(task: Task, stage: str) -> int:
    """How many steps a stage has behind it."""
    path = task.checkpoint(stage)
    if not path.exists():
        return 0
    with np.load(path, allow_pickle=False) as arrays:
        return int(arrays["step"])


def tensor(pictures: Sequence[np.ndarray], device: str) -> torch.Tensor:
    """N pictures H×W×3 `uint8` to N×3×H×W in −1…1."""
    planes = torch.from_numpy(np.stack([np.ascontiguousarray(picture) for picture in pictures])).to(device)
    return planes.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0).contiguous()
