"""Networks compiled by torch, block by block: between engines and networks as they are.

A network of the SDXL family repeats one kind of block in a few widths, and only that is compiled, once a width.
Verified with torch 2.13 and diffusers 0.42.1: the same graphs then serve all sizes, strengths of references and of
LoRAs. What wants new ones: the first map, mask, reference, face or LoRA, and another name or rank of a LoRA (see
`share_graphs`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from engines.diffusion.placement import Machine

log = logging.getLogger(__name__)
BLOCKS: Mapping[str, str] = MappingProxyType({"unet": "BasicTransformerBlock", "controlnet": "BasicTransformerBlock"})
"""What is compiled of a network: three quarters of a step's arithmetic lie in or beside these."""
MOST_GRAPHS = 64
"""Of one kind of block. Eight serve a tiny SDXL whatever is asked of it; beyond this, compiling would never end."""
OLDEST = (7, 0)
"""The least compute capability Triton writes for."""
RANKS = (16, 32, 64, 128)
HALF_SUMS = (
    "sums of products are kept in half precision: a GeForce card does them twice as fast, and pictures differ a little "
    "from those of other runtimes; compare some before a campaign"
)


CHOICE = "LOCKUP_COMPILE"
"""`1` compiles a painter's own networks on a card, `fast` also keeps sums in half precision. Not unasked: the first
pictures wait for the compiler, some minutes in all, and a picture of few steps wins less than a tenth of a second."""


def chosen(
    modules: Mapping[str, Any], machine: Machine, cache: Path, environ: Mapping[str, str] = os.environ
) -> Compiled | None:
    """Compiled networks where the designer chose them and there is a card, else None."""
    wish = environ.get(CHOICE, "").strip().lower()
    if machine.device != "cuda" or wish in ("", "0", "no"):
        return None
    return compile_modules(modules, machine, half_sums=wish == "fast", cache=cache)


def even_rank(rank: int) -> int:
    """The rank to fill a LoRA of at most 128 up to with zeros, so that most LoRAs share their graphs."""
    return next(most for most in RANKS if rank <= most)


def share_graphs(network: Any) -> None:
    """Make the LoRAs on a network (put on by diffusers) all as large as `even_rank` says of the largest. Call it after
    each one is put on: later ones of the same names are then painted with the same graphs, so name them by their place
    and not by their content. Those above 128 stay as they are."""
    ranks = [down.weight.shape[0] for part in network.modules() for down in getattr(part, "lora_A", {}).values()]
    if ranks and max(ranks) <= RANKS[-1]:
        from peft.utils.hotswap import prepare_model_for_compiled_hotswap

        prepare_model_for_compiled_hotswap(network, target_rank=even_rank(max(ranks)), check_compiled="ignore")


def missing(device: str) -> str:
    """Why nothing can be compiled for a device (`cuda`, `cpu`) here; empty when it can. A processor also needs a C++
    compiler, which only shows at the first picture."""
    if device != "cuda":
        return ""
    if find_spec("triton") is None:
        return "Triton is not installed"
    if torch.cuda.get_device_capability() < OLDEST:
        return "the card is too old for it"
    return ""


def compile_modules(
    modules: Mapping[str, Any], machine: Machine, *, half_sums: bool = False, cache: Path | None = None,
    backend: str = "inductor",
) -> Compiled:  # fmt: skip
    """Networks of a family, by name, whose blocks are compiled when they are first called, which takes from seconds to
    a minute a graph. `half_sums`: see `HALF_SUMS`. `cache` is a folder for compiled kernels, so that the next start
    finds them. Never raises: what cannot be compiled is used as it is, and `Compiled.notes` says why."""
    if cache is not None:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache))
    made = Compiled(modules, machine, half_sums, backend)
    made.put_on()
    return made


class Compiled:
    """Compiled networks, put on and taken off at no cost. Gives up at the first error of the compiler, in the midst of
    a picture, which is then painted without it."""

    def __init__(self, modules: Mapping[str, Any], machine: Machine, half_sums: bool, backend: str) -> None:
        self._machine, self._half_sums = machine, half_sums
        self._on = False
        self._why = missing(machine.device) if backend == "inductor" else ""
        self._away: list[str] = []
        self._networks: dict[str, Any] = {name: modules[name] for name in BLOCKS if name in modules}
        self._blocks: dict[str, list[tuple[Any, Callable[..., Any]]]] = {}
        for name, network in self._networks.items():
            if machine.device == "cuda":
                network.to(memory_format=torch.channels_last)
            blocks = [part for part in network.modules() if type(part).__name__ == BLOCKS[name]]
            self._blocks[name] = [(block, self._guarded(block, backend)) for block in blocks]

    @property
    def networks(self) -> tuple[str, ...]:
        """Those that are compiled now."""
        if not self._on or self._why:
            return ()
        return tuple(name for name, blocks in self._blocks.items() if blocks and name not in self._away)

    @property
    def runtime(self) -> str:
        """What really runs, for example `torch 2.13 cuda fp16, compiled unet and controlnet`. Ask after the picture:
        compiling may fail in the midst of it."""
        return self.beside(())

    def beside(self, stand_ins: Collection[str]) -> str:
        """As `runtime`, where engines stand in for some of the networks."""
        running = [name for name in self.networks if name not in stand_ins]
        compiled = f"compiled {' and '.join(running)}" if running else ""
        sums = "fp16 sums" if self._on and self._sums else ""
        return ", ".join(filter(None, (self._machine.runtime, compiled, sums)))

    @property
    def notes(self) -> tuple[str, ...]:
        """Why something is not as it was wanted, and what half precision means, a sentence each."""
        said = [f"torch.compile is not used: {self._why}"] if self._why else []
        said += [f"torch.compile is not used for {name}: its layers come over one by one" for name in self._away]
        if self._half_sums:
            said.append(HALF_SUMS if self._sums else "sums in half precision need a graphics card")
        return tuple(said)

    def put_on(self) -> None:
        """Use it from the next call on, but for networks whose layers are brought over one by one by now."""
        self.take_off()
        self._on = True
        self._away = [name for name, network in self._networks.items() if _hooked(network)]
        for name in self.networks:
            for block, call in self._blocks[name]:
                block._compiled_call_impl = call
        self._sum(self._sums)

    def take_off(self) -> None:
        """The networks as they are. What is compiled is kept."""
        if not self._on:
            return
        self._on = False
        for block, _ in (pair for blocks in self._blocks.values() for pair in blocks):
            block._compiled_call_impl = None
        self._sum(False)

    @property
    def _sums(self) -> bool:
        return self._half_sums and self._machine.device == "cuda"

    def _sum(self, halves: bool) -> None:
        """One switch for all of torch."""
        if self._sums:
            torch.backends.cuda.matmul.allow_fp16_accumulation = halves

    def _guarded(self, block: Any, backend: str) -> Callable[..., Any]:
        # Whole or not at all: what is compiled in pieces would pay for them in every call.
        compiler: Any = torch.compile
        compiled = compiler(block._call_impl, backend=backend, fullgraph=True, recompile_limit=MOST_GRAPHS)

        def call(*given: Any, **named: Any) -> Any:
            try:
                return compiled(*given, **named)
            except Exception as error:
                if not _of_compiler(error):
                    raise
                self._give_up(error)
                return block._call_impl(*given, **named)

        return call

    def _give_up(self, error: Exception) -> None:
        self._why = _line(error)
        log.warning("torch.compile is not used: %s", self._why)
        for block, _ in (pair for blocks in self._blocks.values() for pair in blocks):
            block._compiled_call_impl = None


_MAKERS = ("torch._dynamo", "torch._inductor", "triton")


def _of_compiler(error: BaseException) -> bool:
    """Whether the compiler failed, rather than what it compiled."""
    return any(type(one).__module__.startswith(_MAKERS) for one in _chain(error))


def _chain(error: BaseException) -> Sequence[BaseException]:
    found: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in found:
        found.append(following)
        following = following.__cause__
    return found


def _line(error: Exception) -> str:
    """What the innermost error says, in one line."""
    inner = getattr(error, "inner_exception", None) or _chain(error)[-1]
    said = (str(inner).strip() or type(inner).__name__).splitlines()[0]
    return f"{type(inner).__name__}: {said[:200]}"


def _hooked(network: Any) -> bool:
    return any(hasattr(part, "_diffusers_hook") for part in network.modules())
