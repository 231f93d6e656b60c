"""LoHa and LoKr equal the LoRAs made of them, number for number."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.base import EngineError
from engines.diffusion.lora import lora_of

torch = pytest.importorskip("torch")
from safetensors.torch import save_file  # noqa: E402

from engines.diffusion.lycoris import as_lora  # noqa: E402

NAME = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float32)


def made_of(tensors: dict[str, torch.Tensor], folder: Path, name: str = NAME) -> torch.Tensor:
    path = folder / "x.safetensors"
    save_file({f"{name}.{part}": tensor for part, tensor in tensors.items()}, path)
    lora = as_lora(path)
    assert lora_of({key: tuple(tensor.shape) for key, tensor in lora.items()}) is not None
    up, down, alpha = (lora[f"{NAME}.{part}"] for part in ("lora_up.weight", "lora_down.weight", "alpha"))
    return up @ down * (alpha / down.shape[0])


def test_a_loha_is_the_product_of_its_two_halves_entry_by_entry(tmp_path: Path) -> None:
    parts = {"hada_w1_a": drawn(24, 4), "hada_w1_b": drawn(4, 40), "hada_w2_a": drawn(24, 4) + 1, "hada_w2_b": drawn(4, 40) - 1}  # fmt: skip
    wanted = (parts["hada_w1_a"] @ parts["hada_w1_b"]) * (parts["hada_w2_a"] @ parts["hada_w2_b"]) * (2.0 / 4)
    assert torch.allclose(made_of({**parts, "alpha": torch.tensor(2.0)}, tmp_path), wanted, atol=1e-4)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("name", [NAME, NAME.replace("lora_", "lycoris_", 1)])
def test_a_lokr_is_a_kronecker_product(tmp_path: Path, whole: bool, name: str) -> None:
    w1, alpha = drawn(4, 4), torch.tensor(1.0)
    if whole:
        w2, parts, scale = drawn(6, 10), {"lokr_w2": drawn(6, 10)}, 1.0
    else:
        parts = {"lokr_w2_a": drawn(6, 2), "lokr_w2_b": drawn(2, 10)}
        w2, scale = parts["lokr_w2_a"] @ parts["lokr_w2_b"], 1.0 / 2
    made = made_of({"lokr_w1": w1, "alpha": alpha, **parts}, tmp_path, name)
    assert torch.allclose(made, torch.kron(w1, w2) * scale, atol=1e-4)


@pytest.mark.parametrize(
    "parts",
    [
        {"hada_w1_a": (4, 8), "hada_w1_b": (4, 8), "hada_w2_a": (4, 8), "hada_w2_b": (4, 8), "hada_t1": (4, 4, 3, 3), "hada_t2": (4, 4, 3, 3)},
        {"lokr_w1": (2, 2), "lokr_w2": (8, 8, 3, 3)},
        {"hada_w1_a": (64, 40), "hada_w1_b": (40, 64), "hada_w2_a": (64, 40), "hada_w2_b": (40, 64)},
        {"hada_w1_a": (8, 4000), "hada_w1_b": (4000, 8), "hada_w2_a": (8, 4000), "hada_w2_b": (4000, 8)},
        {"lokr_w1": (2, 2), "lokr_w2": (600, 4)},
    ],
)  # fmt: skip
def test_what_no_lora_equals_is_refused(tmp_path: Path, parts: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(EngineError, match="cannot be put on here"):
        made_of({name: drawn(*shape) for name, shape in parts.items()}, tmp_path)


@pytest.mark.parametrize(
    "parts",
    [
        {"hada_w1_a": (8, 4), "hada_w1_b": (4, 8)},
        {"hada_w1_a": (8, 4), "hada_w1_b": (4, 8), "hada_w2_a": (9, 4), "hada_w2_b": (4, 8)},
        {"hada_w1_a": (8, 4), "hada_w1_b": (3, 8), "hada_w2_a": (8, 4), "hada_w2_b": (4, 8)},
        {"lokr_w2_a": (8, 4)},
        {"lokr_w1": (4,), "lokr_w2": (6, 10)},
    ],
)  # fmt: skip
def test_halves_that_do_not_fit_each_other_are_a_damaged_file(
    tmp_path: Path, parts: dict[str, tuple[int, ...]]
) -> None:
    with pytest.raises(EngineError, match=r"x\.safetensors is damaged"):
        made_of({name: drawn(*shape) for name, shape in parts.items()}, tmp_path)
