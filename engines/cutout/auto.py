"""The cut-out engine nobody has to choose: the built-in one, and a model on this machine where that one is not sure."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from engines.base import Cut, Cutout, CutRequest, EngineError, Progress

SURE = 0.85
"""At this confidence the built-in cut is taken without asking a model: see `tests/bench/cutout_bench.py`."""


class Auto:
    """Asks the built-in engine first. If it is not sure, or finds nothing, the first model that is here is asked as
    well, and the surer of the two is taken. `facts["tried"]` says who said what."""

    id = "auto"

    def __init__(self, first: Cutout, models: Sequence[Callable[[], Cutout]] = ()) -> None:
        self._first = first
        self._model = next((model for opened in models if (model := _there(opened)) is not None), None)
        self.recipe = f"auto 1: {first.recipe}" + (f"; {self._model.recipe}" if self._model else "")

    def cut(self, request: CutRequest, progress: Progress) -> Cut:
        """As `engines.base.Cutout`. Raises `EngineError` only when neither finds anything."""
        began = time.perf_counter()
        first = error = None
        share = 0.5 if self._model else 1.0
        try:
            first = self._first.cut(request, progress.part(0, share))
        except EngineError as failed:
            if self._model is None:
                raise
            error = failed
        if first is not None and (self._model is None or first.confidence >= SURE):
            return first
        assert self._model is not None
        try:
            second = self._model.cut(request, progress.part(share, 1 - share))
        except EngineError as failed:
            if first is None:
                raise (error or failed) from failed
            return replace(first, facts={**first.facts, "tried": {self._model.id: str(failed)}})
        best = second if first is None or second.confidence > first.confidence else first
        tried = {cut.engine: round(cut.confidence, 3) for cut in (first, second) if cut is not None}
        return replace(best, seconds=time.perf_counter() - began, facts={**best.facts, "tried": tried})


def _there(opened: Callable[[], Cutout]) -> Cutout | None:
    try:
        return opened()
    except EngineError:
        return None
