"""LoRAs on a pipeline: put on once, kept while the same are asked for, taken off when they are not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engines.base import AdapterFile, EngineError
from engines.diffusion.lora import read_lora
from engines.diffusion.lycoris import KINDS, as_lora

_NOT_FITTING = ("size mismatch", "ignore_mismatched_sizes")
"""How torch and transformers say that weights have other shapes than the networks they are for."""


class Worn:
    """What a diffusers pipeline wears. `check(path)` refuses a file made for another model with an `EngineError`."""

    def __init__(
        self, pipeline: Any, networks: Sequence[Any], check: Callable[[Path], object] = lambda path: None
    ) -> None:
        self._pipeline = pipeline
        self._networks = tuple(networks)
        self._check = check
        self.after: Callable[[], None] = lambda: None
        """Called whenever a LoRA was put on."""
        self._on: dict[str, int] = {}
        self._seats: dict[str, str] = {}
        self._weights: tuple[tuple[str, float], ...] = ()

    @property
    def key(self) -> tuple[tuple[str, float], ...]:
        """What is worn now: names that stand for the files' content, and weights."""
        return self._weights

    def wear(self, adapters: Sequence[AdapterFile]) -> list[dict[str, Any]]:
        """Wear exactly these. A row each: `name`, `weight`, and in `layers` how many layers it changes. Raises
        `EngineError` for a file that cannot be worn; nothing is worn then."""
        named = {name_of(adapter): adapter for adapter in adapters if adapter.weight}
        if set(self._on) - set(named):
            self.take_off()
        try:
            for name, adapter in named.items():
                if name not in self._on:
                    self._on[name] = self._put_on(name, adapter.path)
            weights = tuple((name, adapter.weight) for name, adapter in named.items())
            if weights and weights != self._weights:
                self._pipeline.set_adapters([self._seats[name] for name, _ in weights], [w for _, w in weights])
            self._weights = weights
        except BaseException:
            self.take_off()
            raise
        return [{"name": a.path.stem, "weight": a.weight, "layers": self._on[n]} for n, a in named.items()]

    def take_off(self) -> None:
        """Wear nothing; the networks are as they were."""
        self._on, self._seats, self._weights = {}, {}, ()
        self._pipeline.unload_lora_weights()

    def _put_on(self, name: str, path: Path) -> int:
        if path.suffix.lower() != ".safetensors":
            raise EngineError(f"{path.name} is not a safetensors file", "Choose a LoRA that ends in .safetensors.")
        if not path.is_file():
            raise EngineError(f"The LoRA {path.name} is gone", "Add it again, or take it off.")
        self._check(path)
        made = as_lora(path) if read_lora(path).kind in KINDS else str(path.parent)
        # By its place, not by its content: compiled networks know a LoRA by name and rank.
        seat = next(seat for seat in map("lora_{}".format, range(99)) if seat not in self._seats.values())
        try:
            self._pipeline.load_lora_weights(
                made, weight_name=path.name, adapter_name=seat, local_files_only=True, use_safetensors=True
            )
        except (ValueError, KeyError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not any(said in str(error) for said in _NOT_FITTING):
                raise  # what the card or its driver says is not about the file
            raise EngineError(
                f"The LoRA {path.name} does not fit this model", "It was made for another one; take it off."
            ) from error
        layers = sum(_layers(network, seat) for network in self._networks)
        if not layers:
            raise EngineError(f"The LoRA {path.name} changes nothing in this model", "It was made for another one.")
        self._seats[name] = seat
        self.after()
        return layers


def name_of(adapter: AdapterFile) -> str:
    """A name for a LoRA that stands for its content, without points as PEFT wants it."""
    if adapter.digest:
        return f"lora_{adapter.digest[:16]}"
    seen = adapter.path.stat() if adapter.path.is_file() else None
    told = f"{adapter.path}|{seen.st_mtime_ns if seen else 0}|{seen.st_size if seen else 0}"
    return f"lora_{hashlib.sha256(told.encode()).hexdigest()[:16]}"


def _layers(network: Any, name: str) -> int:
    return sum(name in getattr(module, "lora_A", ()) for module in network.modules())
