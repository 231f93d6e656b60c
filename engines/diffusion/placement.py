"""Where a family's networks lie and compute: the device, what stays on it, what comes only when it is needed."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from engines.diffusion.ledger import TILE_PX, Mode, stays

log = logging.getLogger(__name__)
FAULTS = ("cuda error", "cudnn", "cublas", "cusolver", "device-side assert", "hip error", "driver error")
"""What torch says when the driver or the card fails, rather than the program or the memory."""


@dataclass(frozen=True)
class Machine:
    """What computes here: a CUDA card in half precision, else the processor in single precision."""

    device: str
    dtype: torch.dtype

    @property
    def runtime(self) -> str:
        """For example `torch 2.13 cuda fp16`."""
        version = ".".join(torch.__version__.split("+", maxsplit=1)[0].split(".")[:2])
        kind = {torch.float16: "fp16", torch.bfloat16: "bf16", torch.float32: "fp32"}[self.dtype]
        return f"torch {version} {self.device} {kind}"

    @property
    def offloads(self) -> bool:
        """Whether there is a main memory apart from the device's own."""
        return self.device == "cuda"

    def bytes(self) -> int:
        """Of the card, as far as this process may use it; of the machine where there is no card."""
        if self.device == "cuda":
            share = torch.cuda.get_per_process_memory_fraction()
            return int(torch.cuda.get_device_properties(0).total_memory * share)
        import psutil

        return psutil.virtual_memory().total

    def sync(self) -> None:
        """Wait until the card has done what it was given, so that a clock tells the truth."""
        if self.device == "cuda":
            torch.cuda.synchronize()

    def begin_peak(self) -> None:
        """Measure the peak from here."""
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()

    def peak(self) -> int | None:
        """The most bytes of tensors on the card since `begin_peak`; None on a processor, where nothing measures it."""
        return torch.cuda.max_memory_allocated() if self.device == "cuda" else None

    def tidy(self) -> None:
        """Give back what lies unused. Passes over a card that no longer answers."""
        gc.collect()
        if self.device == "cuda":
            try:
                torch.cuda.empty_cache()
            except RuntimeError as error:
                log.warning("the card keeps its memory: %s", error)

    def answers(self) -> bool:
        """Whether the device still computes; after some faults of the driver no call of this process succeeds."""
        try:
            torch.zeros(1, device=self.device).add_(1).item()
            self.sync()
        except RuntimeError:
            return False
        return True


def find_machine(family: str) -> Machine:
    """The card if there is one that computes, else the processor. On a card: fp16; transformers need bf16's range."""
    if torch.cuda.is_available():
        return Machine("cuda", torch.float16 if family == "sdxl" else torch.bfloat16)
    return Machine("cpu", torch.float32)


def driver_fault(error: BaseException) -> bool:
    """Whether an error comes from the driver or the card."""
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in FAULTS)


def place(modules: Mapping[str, torch.nn.Module], device: str, mode: Mode) -> None:
    """Put each network where `mode` wants it. What leaves the card lies in main memory, and each of its layers comes
    over when it computes (on CUDA the next one meanwhile).

    Layers, not blocks: the largest block of SDXL's UNet is 1.5 GB, its largest layer 30 MB. Placing again is allowed as
    long as less stays than before.
    """
    for name, module in modules.items():
        _cut_smaller(module)
        if stays(name, mode):
            module.to(device)
        elif not _leaves_already(module):
            _send_away(module, device)


def _send_away(network: torch.nn.Module, device: str) -> None:
    from diffusers.hooks.group_offloading import apply_group_offloading  # takes seconds to load

    network.to("cpu")
    apply_group_offloading(
        network,
        onload_device=torch.device(device),
        offload_device=torch.device("cpu"),
        offload_type="leaf_level",
        use_stream=device == "cuda",
        record_stream=device == "cuda",
    )


def _cut_smaller(network: Any) -> None:
    """A VAE made for large pictures has tiles as large as those, which would spare nothing."""
    side = getattr(network, "tile_sample_min_size", None)
    if side is not None and side > TILE_PX:
        network.tile_latent_min_size = network.tile_latent_min_size * TILE_PX // side
        network.tile_sample_min_size = TILE_PX


def _leaves_already(module: torch.nn.Module) -> bool:
    return any(hasattr(part, "_diffusers_hook") for part in module.modules())


def bytes_of(modules: Iterable[torch.nn.Module]) -> int:
    """Bytes of the parameters and buffers of some networks, shared ones once."""
    tensors = {id(t): t for module in modules for t in (*module.parameters(), *module.buffers())}
    return sum(t.numel() * t.element_size() for t in tensors.values())
