"""ControlNet-Union for many maps at once: which share one pass, in which steps, and where in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel

from engines.base import ControlMap, EngineError

KINDS = {"pose": 0, "depth": 1, "softedge": 2, "edges": 3, "lineart": 3, "segment": 5}
"""The task of the ControlNet-Union for each of our kinds, in the order of its own training."""


@dataclass(frozen=True, eq=False)
class Pass:
    """Maps that go through the net together, by their places among the controls. `mask` (B×1×H×W, 0–1) weighs what
    comes out."""

    places: tuple[int, ...]
    mask: torch.Tensor | None = None


def heard(controls: Sequence[ControlMap]) -> list[ControlMap]:
    """The controls that have any effect. Raises `EngineError` for a kind the net does not know."""
    for control in controls:
        if control.kind not in KINDS:
            raise EngineError(
                f"This painter does not follow maps of the kind “{control.kind}”",
                f"It follows {', '.join(KINDS)}.",
            )
    return [control for control in controls if control.strength > 0 and control.start < control.end]


def arrange(controls: Sequence[ControlMap]) -> list[tuple[int, ...]]:
    """Places of the controls that may share a pass: of the same span, without a mask, each of another task, as the net
    was trained to weigh several tasks against each other but never two of one."""
    passes: list[list[int]] = []
    for place, control in enumerate(controls):
        for shared in passes:
            if all(_together(control, controls[other]) for other in shared):
                shared.append(place)
                break
        else:
            passes.append([place])
    return [tuple(shared) for shared in passes]


def _together(one: ControlMap, other: ControlMap) -> bool:
    spans = (one.start, one.end) == (other.start, other.end)
    return spans and one.mask is None and other.mask is None and KINDS[one.kind] != KINDS[other.kind]


class Passes(ControlNetUnionModel):
    """What the pipelines take for one ControlNet-Union and give all maps to; inside, the same net runs once a `Pass`,
    and not at all in steps in which none of its maps counts. Residuals of the passes add up.

    Two maps of one pass keep their own strengths. Outside of their span nothing of them is left; the stock pipelines
    would add what the net makes of no maps at all.
    """

    def __init__(self, net: ControlNetUnionModel) -> None:
        torch.nn.Module.__init__(self)
        self.net = net
        self.passes: tuple[Pass, ...] = ()
        self.ran = 0
        """How often the net ran, in all."""

    @property
    def config(self) -> Any:
        return self.net.config

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        sample: torch.Tensor,
        timestep: Any,
        *,
        controlnet_cond: list[torch.Tensor],
        control_type: torch.Tensor,
        control_type_idx: list[int],
        conditioning_scale: list[float],
        **rest: Any,
    ) -> tuple[list[torch.Tensor] | None, torch.Tensor | None]:
        """As `ControlNetUnionModel.forward` with `return_dict=False`; (None, None) when no map counts in this step."""
        down: list[torch.Tensor] | None = None
        mid: torch.Tensor | None = None
        for one in self.passes:
            scales = [conditioning_scale[place] for place in one.places]
            if not any(scales):
                continue
            tasks = [control_type_idx[place] for place in one.places]
            kinds = torch.zeros_like(control_type)
            kinds[:, tasks] = 1
            self.ran += 1
            these, middle = self.net(
                sample,
                timestep,
                controlnet_cond=[controlnet_cond[place] for place in one.places],
                control_type=kinds,
                control_type_idx=tasks,
                conditioning_scale=scales,
                **rest,
            )
            these, middle = [masked(r, one.mask) for r in these], masked(middle, one.mask)
            down = these if down is None else [a + b for a, b in zip(down, these, strict=True)]
            mid = middle if mid is None else mid + middle
        return down, mid


def masked(residual: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """A residual weighed by the mask at its size; twice the batch (guidance) is weighed twice."""
    if mask is None:
        return residual
    fitted = torch.nn.functional.adaptive_avg_pool2d(mask, (residual.shape[-2], residual.shape[-1])).to(residual)
    return residual * fitted.repeat(residual.shape[0] // fitted.shape[0], 1, 1, 1)
