"""What a card says of itself while it works: energy where NVML is installed, memory where torch sees it."""

from __future__ import annotations

from typing import Any

from engines.accelerate.bench import Meter, NoMeter


def find_meter(device: str) -> Meter:
    """The card's own, with or without energy; none on a processor."""
    return CardMeter(_handle()) if device == "cuda" else NoMeter()


class CardMeter:
    """`handle` is NVML's for the first card, None where it is not installed. Energy is counted by the card since its
    driver was loaded, in steps of some 20 to 100 ms: paint for longer than that."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._begun: float | None = None

    def begin(self) -> None:
        """Count from here."""
        import torch

        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        self._begun = self._joules()

    def end(self) -> tuple[float | None, int | None]:
        """Joules since, and bytes in use on the card at the most: torch's own peak, and all that is not torch's."""
        import torch

        torch.cuda.synchronize()
        free, total = torch.cuda.mem_get_info()
        others = total - free - torch.cuda.memory_reserved()
        now = self._joules()
        joules = None if now is None or self._begun is None else now - self._begun
        return joules, max(others, 0) + torch.cuda.max_memory_allocated()

    def _joules(self) -> float | None:
        if self._handle is None:
            return None
        import pynvml  # pyright: ignore[reportMissingImports]

        try:
            return pynvml.nvmlDeviceGetTotalEnergyConsumption(self._handle) / 1000
        except pynvml.NVMLError:
            return None


def _handle() -> Any:
    try:
        import pynvml  # pyright: ignore[reportMissingImports]

        pynvml.nvmlInit()
        return pynvml.nvmlDeviceGetHandleByIndex(0)
    except Exception:  # not installed, or no driver: its errors are of a class that is not there either
        return None
