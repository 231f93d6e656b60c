"""How the stage compiles: float32 loads through bare addresses, and decorators with one set of flags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

_FLAGS: dict[str, Any] = {"fastmath": True, "error_model": "numpy", "nogil": True}


def inlined(function: Callable[..., Any]) -> Any:
    """A helper that melts into its caller."""
    return njit(forceinline=True, **_FLAGS)(function)


def called(function: Callable[..., Any]) -> Any:
    """A larger routine compiled once and called from several places."""
    return njit(**_FLAGS)(function)


def cached(function: Callable[..., Any]) -> Any:
    """An entry point kept on disk between runs, or only in memory where nothing is writable."""
    try:
        return njit(cache=True, **_FLAGS)(function)
    except RuntimeError:  # numba found no folder for its cache
        return njit(**_FLAGS)(function)


def _load(typing_context: Any, address: Any, index: Any) -> Any:
    """float32 at `address` + 4·`index`. Bare loads cost no reference counting, arrays in arguments do."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], ir.FloatType().as_pointer())
        return builder.load(builder.gep(pointer, [args[1]]))

    return types.float32(types.int64, types.int64), generate


def _store(typing_context: Any, address: Any, index: Any, value: Any) -> Any:
    """Write a float32 to `address` + 4·`index`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], ir.FloatType().as_pointer())
        builder.store(args[2], builder.gep(pointer, [args[1]]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.float32), generate


load: Any = intrinsic(_load)
store: Any = intrinsic(_store)
