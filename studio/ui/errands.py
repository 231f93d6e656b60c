"""Work that a tab waits for: begun in one call, looked at in others, stopped in another."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from engines.base import Progress, Stopped
from studio.errors import BadInput
from studio.ui.tried import tried

MOST_KEPT = 100


@dataclass(eq=False)
class _Errand:
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    fraction: float = 0.0
    text: str = "Starting"
    done: bool = False
    answer: Any = None
    error: str = ""
    hint: str = ""
    stop: threading.Event = field(default_factory=threading.Event)


class Errands:
    """A few at a time; each is remembered until many newer ones came."""

    def __init__(self, at_once: int = 2) -> None:
        self._pool = ThreadPoolExecutor(at_once, "errand")
        self._all: OrderedDict[str, _Errand] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, work: Callable[[Progress], Any]) -> str:
        """Start `work`, which reports its progress; returns what to ask for it by."""
        errand, name = _Errand(), secrets.token_hex(8)
        with self._lock:
            self._all[name] = errand
            while len(self._all) > MOST_KEPT:
                self._all.popitem(last=False)
        self._pool.submit(self._do, errand, work)
        return name

    def errand(self, name: str) -> dict[str, Any]:
        """How far an errand is; once it is `done`, its answer or what went wrong."""
        errand = self._find(name)
        return {
            "fraction": errand.fraction, "text": errand.text, "done": errand.done, "answer": errand.answer,
            "trouble": errand.error, "hint": errand.hint,
            "seconds": errand.seconds if errand.done else time.monotonic() - errand.began,
        }  # fmt: skip

    def stop_errand(self, name: str) -> None:
        """Stop an errand as soon as it next reports."""
        self._find(name).stop.set()

    def _find(self, name: str) -> _Errand:
        with self._lock:
            if name not in self._all:
                raise BadInput("This is no longer under way", "Start it again.")
            return self._all[name]

    def _do(self, errand: _Errand, work: Callable[[Progress], Any]) -> None:
        def report(fraction: float, text: str) -> None:
            errand.fraction, errand.text = fraction, text or errand.text

        def attempt() -> Any:
            try:
                return work(Progress(report, errand.stop.is_set))
            except Stopped:
                raise BadInput("Stopped", "Nothing was changed.") from None

        error, errand.answer = tried(attempt)
        if error is not None:
            errand.error, errand.hint = str(error), error.hint
        errand.seconds = time.monotonic() - errand.began
        errand.done = True
