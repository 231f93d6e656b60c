"""What is seen of a batch while it is painted: progress, previews, seconds by stage."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from engines.base import Pixels, Progress, Stopped
from engines.diffusion.placement import Machine, driver_fault

log = logging.getLogger(__name__)


@dataclass
class Watch:
    """Watches one batch: `begin`, `on_step` after every step, `end`. `steps` ran, in `seconds`, by `stages`."""

    progress: Progress
    machine: Machine
    steps: int = 0
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    _times: list[float] = field(default_factory=list)

    def begin(self) -> None:
        self._times = [time.perf_counter()]

    def on_step(self, done: int, of: int, look: Callable[[], list[Pixels]]) -> None:
        """After every step. Raises `Stopped`; a preview that fails costs nothing but itself."""
        if done in (1, of):
            self.machine.sync()
        self._times.append(time.perf_counter())
        self.steps = done
        self.progress.report(0.05 + 0.85 * done / max(of, 1), f"Step {done} of {of}")
        if self.progress.on_preview is not None:
            try:
                self.progress.on_preview(look()[0])
            except Exception as error:
                if isinstance(error, Stopped) or driver_fault(error):
                    raise
                log.info("no preview: %s", error)

    def end(self) -> None:
        """Take the first step to have lasted as long as the others; what came before it went to the words."""
        self.machine.sync()
        begun, *steps = self._times
        ended = time.perf_counter()
        self.seconds = ended - begun
        if not steps:
            return
        denoise = steps[-1] - steps[0]
        first = denoise / (len(steps) - 1) if len(steps) > 1 else steps[0] - begun
        first = min(first, steps[0] - begun)
        self.stages = {"words": steps[0] - begun - first, "denoise": denoise + first, "decode": ended - steps[-1]}
