"""The stage: a small path tracer that builds sets in the brand's own colours. Importing it compiles nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.base import Capabilities, Painter

__all__ = ["CAPABILITIES", "check_set", "create", "load_set"]

_FROM_SET = "The stage builds its picture from a set in numbers"
CAPABILITIES = Capabilities(
    sets=True,
    product_in_scene=True,
    reasons={
        "prompt": f"{_FROM_SET}; words do not change it.",
        "controls": f"{_FROM_SET}; it does not follow sketches or maps. A diffusion painter does.",
        "references": f"{_FROM_SET}; it does not look at pictures. A diffusion painter does.",
        "adapters": f"{_FROM_SET}; LoRAs are for diffusion painters.",
    },
)


def create() -> Painter:
    """The painter with id `stage`. Kernels are compiled (once, then cached) at the first picture."""
    from .painter import Stage

    return Stage()


def load_set(path: str | Path) -> dict[str, Any]:
    """Read and check a set's TOML file; the result goes into `PaintRequest.set_spec`."""
    from .spec import load_set as load

    return load(path)


def check_set(values: Mapping[str, Any]) -> None:
    """Raise `EngineError` naming the first field of a set that is wrong."""
    from .spec import check_set as check

    check(values)
