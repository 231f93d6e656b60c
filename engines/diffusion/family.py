"""What a family of diffusion models has to do, and the work it is given: everything decided, nothing painted."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from engines.base import AdapterFile, ControlMap, Pixels, ReferencePicture

OnStep = Callable[[int, int, Callable[[], list[Pixels]]], None]
"""`on_step(done, of, look)` after every denoising step; `look()` gives small pictures (H×W×3) of what is there so far,
one a work. It raises `Stopped` when the work is to stop; a family lets that pass."""


@dataclass(frozen=True)
class Parts:
    """Where the parts of a painter lie: by name a folder in diffusers' layout or one safetensors file, and a digest of
    them all (16 hex digits). Which names there are is said in `engines.diffusion.profile`."""

    paths: Mapping[str, Path]
    digest: str = ""


@dataclass(frozen=True, eq=False)
class Work:
    """One picture to paint, in the units of the pipelines.

    `width_px` and `height_px` are multiples of what the family needs. `start` (H×W×3 of that size) is what the picture
    starts from; of it `strength` (0–1) is given up to the noise. `repaint` (H×W `uint8`, 255 where to paint, 0 where
    `start` stays) is None where all of it is painted. Maps in `controls` are of the picture's size, H×W×3, never
    `blocks`; masks of controls and references are too.
    """

    width_px: int
    height_px: int
    seed: int
    steps: int
    prompt: str = ""
    avoid: str = ""
    guidance: float = 0.0
    start: Pixels | None = None
    strength: float = 1.0
    repaint: Pixels | None = None
    controls: tuple[ControlMap, ...] = ()
    references: tuple[ReferencePicture, ...] = ()
    adapters: tuple[AdapterFile, ...] = ()


@dataclass(frozen=True)
class Painted:
    """What came of some works: pictures H×W×3 `uint8` in their order, and facts worth keeping with each of them."""

    pictures: list[Pixels]
    facts: Mapping[str, Any] = field(default_factory=dict)


class Family(Protocol):
    """A kind of model, loaded and set up for a profile. Made by `load(profile, parts, device, dtype)` of its module."""

    multiple_px: int
    """Widths and heights are multiples of this."""
    modules: Mapping[str, Any]
    """Its networks (`torch.nn.Module`) by name: what is resident, and what offloading works on."""

    def group(self, work: Work) -> Hashable:
        """Works of equal value may be painted together."""
        ...

    def paint(self, works: Sequence[Work], on_step: OnStep) -> Painted:
        """Paint works of one group. The same work gives the same pixels, alone or beside others (within the rounding of
        the machine). Raises `EngineError` for what the designer can mend; what torch raises when memory runs out
        passes."""
        ...

    def spare(self, on: bool) -> None:
        """Decode in tiles and slices, to need less memory; off again."""
        ...
