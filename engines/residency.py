"""The one GPU (or the memory of a machine without): who is loaded, a budget in bytes, eviction of what lies idle."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar, cast

from engines.base import EngineError

M = TypeVar("M")
OOM_WORDS = (
    "out of memory", "bad_alloc", "failed to allocate", "cannot allocate memory", "alloc_failed",
    "can't allocate memory", "not enough memory",
)  # fmt: skip
WAIT_S = 120.0


@dataclass
class _Seat:
    """A model's place. `ready` is set once loading ended, well or badly."""

    size_bytes: int
    unload: Callable[[Any], None]
    model: Any = None
    users: int = 0
    ready: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None


class Residency:
    """Keeps models loaded between uses, the most recently used longest. Safe to use from several threads."""

    def __init__(self, budget_bytes: int, wait_s: float = WAIT_S) -> None:
        if budget_bytes <= 0:
            raise ValueError(f"budget_bytes: expected more than 0, got {budget_bytes}")
        self.budget_bytes = budget_bytes
        self._wait_s = wait_s
        self._seats: OrderedDict[str, _Seat] = OrderedDict()
        self._freed = threading.Condition()

    @contextmanager
    def hold(
        self,
        key: str,
        load: Callable[[], M],
        size_bytes: int,
        unload: Callable[[M], None] = lambda model: None,
    ) -> Iterator[M]:
        """The model of `key`, loaded if it is not, and kept loaded at least until the block ends.

        Idle models make room, the longest unused first. If loading still runs out of memory, all idle ones are let go
        and it is tried once more. Raises `EngineError` when there is no room; whatever else `load` raises passes.
        `unload` runs once when the model is let go. A model may be held many times at once.
        """
        seat = self._enter(key, load, size_bytes, cast(Callable[[Any], None], unload))
        try:
            yield cast(M, seat.model)
        finally:
            with self._freed:
                seat.users -= 1
                self._freed.notify_all()

    @contextmanager
    def room(self, key: str, size_bytes: int) -> Iterator[None]:
        """Keep bytes free for work with the model of `key` until the block ends; idle models give way.

        Raises `EngineError` when there is no room.
        """
        name = f"{key} at work ({threading.get_ident()})"
        seat = self._enter(name, lambda: None, size_bytes, lambda nothing: None)
        try:
            yield
        finally:
            with self._freed:
                seat.users -= 1
                if not seat.users and self._seats.get(name) is seat:
                    del self._seats[name]
                self._freed.notify_all()

    def loaded(self) -> Mapping[str, int]:
        """What is loaded or loading, and its bytes; the longest unused first."""
        with self._freed:
            return {key: seat.size_bytes for key, seat in self._seats.items()}

    def evict_idle(self) -> int:
        """Let go of everything nobody holds; returns the bytes freed."""
        with self._freed:
            idle = [(key, seat) for key, seat in self._seats.items() if not seat.users]
            for key, _ in idle:
                del self._seats[key]
            self._freed.notify_all()
        for _, seat in idle:
            seat.unload(seat.model)
        return sum(seat.size_bytes for _, seat in idle)

    def forget(self, key: str) -> bool:
        """Let go of one model whose state is no longer trusted, unless somebody holds it; whether it is gone."""
        with self._freed:
            seat = self._seats.get(key)
            if seat is None:
                return True
            if seat.users:
                return False
            del self._seats[key]
            self._freed.notify_all()
        seat.unload(seat.model)
        return True

    # -------------------------------------------------------------------------------------------- inside

    def _enter(self, key: str, load: Callable[[], Any], size_bytes: int, unload: Callable[[Any], None]) -> _Seat:
        if size_bytes > self.budget_bytes:
            raise EngineError(
                f"{key} needs {_gb(size_bytes)}, more than the {_gb(self.budget_bytes)} there are",
                "Choose a smaller model or a smaller picture.",
            )
        until = time.monotonic() + self._wait_s
        while True:
            leaving: list[_Seat] = []
            with self._freed:
                seat = self._seats.get(key)
                mine = seat is None
                if seat is None:
                    room = self._room(key, size_bytes, until)
                    if room is None:
                        continue
                    leaving = room
                    seat = self._seats[key] = _Seat(size_bytes, unload)
                self._seats.move_to_end(key)
                seat.users += 1
            if mine:
                self._fill(key, seat, load, leaving)
            seat.ready.wait()
            if seat.error is None:
                return seat
            # Whoever was loading it failed and took the seat away; this thread tries for itself.

    def _room(self, key: str, size_bytes: int, until: float) -> list[_Seat] | None:
        """The idle seats that have to give way; None after waiting for some, when all must be looked at again."""
        idle = [name for name, seat in self._seats.items() if not seat.users]
        short = size_bytes - self._free()
        if short > sum(self._seats[name].size_bytes for name in idle):
            if not self._freed.wait(max(until - time.monotonic(), 0.0)):
                raise EngineError(
                    f"{key} needs {_gb(short)} more than is free; in use: {', '.join(self._seats)}",
                    "Wait until the other work is done, or stop it.",
                )
            return None
        leaving: list[_Seat] = []
        while size_bytes > self._free():
            leaving.append(self._seats.pop(idle.pop(0)))
        return leaving

    def _fill(self, key: str, seat: _Seat, load: Callable[[], Any], leaving: list[_Seat]) -> None:
        try:
            self._drop(leaving)
            seat.model = self._loaded(key, load)
        except BaseException as error:
            seat.error = error
            with self._freed:
                self._seats.pop(key, None)
                self._freed.notify_all()
            raise
        finally:
            seat.ready.set()

    def _loaded(self, key: str, load: Callable[[], Any]) -> Any:
        try:
            return load()
        except Exception as error:
            if not out_of_memory(error):
                raise
        self.evict_idle()
        try:
            return load()
        except Exception as error:
            if not out_of_memory(error):
                raise
            raise EngineError(
                f"There is not enough memory for {key}",
                "Close other programs that use the graphics card, or choose a smaller picture or model.",
            ) from error

    def _drop(self, seats: list[_Seat]) -> None:
        for seat in seats:
            seat.unload(seat.model)
        seats.clear()

    def _free(self) -> int:
        return self.budget_bytes - sum(seat.size_bytes for seat in self._seats.values())


@cache
def of_machine(budget_bytes: int) -> Residency:
    """The one that everything in this process shares which computes in the same memory."""
    return Residency(budget_bytes)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, whichever library says it."""
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in OOM_WORDS)


def _gb(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e8 else f"{size_bytes / 1e6:.1f} MB"
