"""The stage: a small path tracer that builds sets in the brand's own colours. Importing it compiles nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.base import Painter

__all__ = ["check_set", "create", "load_set"]


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
