"""LoHa and LoKr as plain LoRAs, exactly: diffusers 0.42.1 puts only those on SDXL.

A LoHa's change of a layer is (A₁B₁) ∘ (A₂B₂), entry by entry. That is one product of the rows of A₁ and A₂ times the
columns of B₁ and B₂, pair by pair: rank r² where each has r (Khatri and Rao, 1968). A LoKr's is the Kronecker product
W₁ ⊗ W₂; with W₂ = A₂B₂ it is (W₁ ⊗ A₂)(I ⊗ B₂), and with a whole W₂ it is (W₁ ⊗ I)(I ⊗ W₂), of at most full rank.
Both are scaled by alpha over rank, as LyCORIS 3 does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file

from engines.base import EngineError
from engines.residency import out_of_memory
from engines.tensors import read_header

KINDS = ("LoHa", "LoKr")
MOST_RANK = 1024
_TUCKER = ("hada_t1", "hada_t2", "lokr_t2")


def as_lora(path: Path) -> dict[str, torch.Tensor]:
    """A LoHa or LoKr file as the tensors of a LoRA in Kohya's naming, in single precision: what `load_lora_weights` of
    an SDXL pipeline takes. Raises `EngineError` for layers that no plain LoRA equals, or only an enormous one, and for
    halves that do not fit each other."""
    read_header(path)
    layers: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in load_file(path).items():
        layer, _, part = name.rpartition(".")
        layers.setdefault(layer, {})[part] = tensor.float()
    made: dict[str, torch.Tensor] = {}
    for layer, parts in layers.items():
        if any(part in parts for part in _TUCKER):
            raise _refused(path, "it holds convolutions taken apart after Tucker")
        try:
            up, down = _loha(path, parts) if "hada_w1_a" in parts else _lokr(path, parts)
            if up.shape[1] != down.shape[0]:
                raise ValueError("two ranks")
        except (KeyError, IndexError, ValueError, RuntimeError) as error:
            if out_of_memory(error):
                raise
            raise EngineError(
                f"{path.name} is damaged: the parts of {layer[:80]} do not fit each other",
                "Download it again from its own source.",
            ) from error
        name = layer.replace("lycoris_", "lora_", 1) if layer.startswith("lycoris_") else layer
        made[f"{name}.lora_up.weight"] = up.contiguous()
        made[f"{name}.lora_down.weight"] = down.contiguous()
        made[f"{name}.alpha"] = torch.tensor(float(down.shape[0]))  # the scale is in `up` already
    return made


def _loha(path: Path, parts: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    a1, b1, a2, b2 = (parts[f"hada_w{which}"] for which in ("1_a", "1_b", "2_a", "2_b"))
    rank = b1.shape[0]
    _bounded(path, rank * b2.shape[0])
    up = torch.einsum("or,os->ors", a1, a2).flatten(1)
    down = torch.einsum("ri,si->rsi", b1, b2).flatten(0, 1)
    return up * (_alpha(parts, rank) / rank), down


def _lokr(path: Path, parts: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    w1, rank = parts.get("lokr_w1"), 0
    if w1 is None:
        w1, rank = parts["lokr_w1_a"] @ parts["lokr_w1_b"], parts["lokr_w1_b"].shape[0]
    whole = parts.get("lokr_w2")
    if (whole if whole is not None else parts["lokr_w2_b"]).dim() > 2:
        raise _refused(path, "it holds convolutions")
    if whole is None:
        a2, b2 = parts["lokr_w2_a"], parts["lokr_w2_b"]
        rank = b2.shape[0]
    else:
        a2, b2 = torch.eye(whole.shape[0]), whole
    _bounded(path, w1.shape[1] * b2.shape[0])
    up = torch.kron(w1, a2)
    down = torch.kron(torch.eye(w1.shape[1]), b2)
    # Where neither factor is taken apart LyCORIS lets alpha out.
    return up * (_alpha(parts, rank) / rank if rank else 1.0), down


def _bounded(path: Path, rank: int) -> None:
    """Asked before anything of that rank is made."""
    if rank > MOST_RANK:
        raise _refused(path, f"its layers would become LoRAs of rank {rank}")


def _alpha(parts: Mapping[str, torch.Tensor], rank: int) -> float:
    return float(parts["alpha"]) if "alpha" in parts else float(rank)


def _refused(path: Path, why: str) -> EngineError:
    return EngineError(f"{path.name} cannot be put on here: {why}", "Use a plain LoRA of the same.")
