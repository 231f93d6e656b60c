"""A network as a graph to export: its tensors by name, with sizes in numbers and words.

`b` pictures at once, `t` windows of 77 tokens, and multiples (`2*h`) of `h` and `w`, the picture's height and width in
steps of what the innermost latents stand for: 32 px with SDXL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from engines.accelerate.shapes import MOST_WINDOWS, Shape
from engines.accelerate.sizes import Size, sized

STEP_PX = 32
LATENT_PX = 8
TOKENS = 77


@dataclass(frozen=True)
class Frame:
    """What a network's own config does not say: how many px of the picture a latent stands for, a side, and how many
    tokens it is told."""

    latent_px: int = LATENT_PX
    words: Size = f"{TOKENS}*t"


SDXL = Frame()


@dataclass(frozen=True)
class Tensor:
    """One input or output. `kind`: `own` is the network's precision, `full` always single precision, `ids` words,
    `pixels` bytes."""

    sizes: tuple[Size, ...]
    kind: str = "own"


@dataclass(frozen=True, eq=False)
class Graph:
    """A network to export. `module` takes tensors in the order of `inputs` and gives those of `outputs`, while `ready`
    (a context) is entered; outside of it the network is untouched. `fill` makes an example of an input."""

    name: str
    module: torch.nn.Module
    takes: Mapping[str, Tensor]
    gives: Mapping[str, Tensor]
    fill: Callable[[str, tuple[int, ...]], torch.Tensor]
    ready: Callable[[], AbstractContextManager[None]] = nullcontext
    exporter: str = "dynamo"
    """`script` where sizes that change need the older exporter."""
    step_px: int = STEP_PX
    """What `h` and `w` count in."""

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(self.takes)

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(self.gives)

    @property
    def dtype(self) -> torch.dtype:
        """Of the network's weights."""
        return next(self.module.parameters()).dtype

    def example(self, shape: Shape) -> tuple[torch.Tensor, ...]:
        """One tensor an input for pictures of this shape; the same ones every time."""
        kinds = {"own": self.dtype, "full": torch.float32, "ids": torch.int64, "pixels": torch.uint8}
        device = next(self.module.parameters()).device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(7)
            made = [self.fill(name, sized(one.sizes, known(shape, self.step_px))) for name, one in self.takes.items()]
        return tuple(t.to(device, kinds[one.kind]) for t, one in zip(made, self.takes.values(), strict=True))

    def dynamic(self, most_batch: int = 2, most_px: int = 2048) -> tuple[dict[int, Any], ...]:
        """For the exporter: which sizes of each input change, in whole steps from two on."""
        side = {"min": 2, "max": most_px // self.step_px}
        dims: dict[str, Any] = {n: torch.export.Dim(n, **side) for n in ("h", "w")}
        dims["b"] = torch.export.Dim("b", min=1, max=most_batch)
        dims["t"] = torch.export.Dim("t", min=1, max=MOST_WINDOWS)

        def of(size: Size) -> Any:
            if isinstance(size, int):
                return None
            times, _, name = size.rpartition("*")
            return int(times) * dims[name] if times else dims[name]

        return tuple(
            {place: of(size) for place, size in enumerate(one.sizes) if isinstance(size, str)}
            for one in self.takes.values()
        )


def known(shape: Shape, step_px: int = STEP_PX) -> dict[str, int]:
    """What the words in sizes stand for at a shape."""
    return {
        "b": shape.batch, "t": shape.windows, "h": shape.height_px // step_px, "w": shape.width_px // step_px,
    }  # fmt: skip
