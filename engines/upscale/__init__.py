"""Upscalers, each with its tiling. Importing this loads nothing; opening one does."""

from __future__ import annotations

from engines.base import Enlarger

__all__ = ["lanczos", "light"]


def light() -> Enlarger:
    """The built-in 2× network, run twice for 4×. Raises `EngineError` when its file is missing or broken."""
    from engines.tiling import tiled

    from .builtin import create

    return tiled(create())


def lanczos() -> Enlarger:
    """Lanczos: the floor."""
    from engines.tiling import tiled

    from .resampling import Lanczos

    return tiled(Lanczos())
