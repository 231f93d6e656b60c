"""Full-size networks from their published configs: as large as they should be, the same every time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from engines.accelerate import random_weights
from engines.base import EngineError


def on_meta(graph: str) -> Any:
    """The network without memory for its weights."""
    kept = nn.Module.to_empty, random_weights.fill
    nn.Module.to_empty = lambda self, **_: self  # pyright: ignore[reportAttributeAccessIssue]
    random_weights.fill = lambda network: None
    try:
        return random_weights.network(graph, torch.float16)
    finally:
        nn.Module.to_empty, random_weights.fill = kept


@pytest.mark.parametrize("graph", sorted(random_weights.WEIGHTS))
def test_full_size_networks_hold_what_is_foreseen(graph: str) -> None:
    network = on_meta(graph)
    counted = sum(p.numel() for p in network.parameters())
    if graph == "unet":
        crossed = [p for name, p in network.attn_processors.items() if name.endswith("attn2.processor")]
        assert len(crossed) == 70 and all(len(p.to_k_ip) == 1 and p.num_tokens == (16,) for p in crossed)
    assert counted == pytest.approx(random_weights.WEIGHTS[graph], rel=0.01)
    assert {p.dtype for p in network.parameters()} == {torch.float16}


def test_random_weights_are_the_same_every_time_and_differ_from_layer_to_layer() -> None:
    def make() -> nn.Module:
        return nn.Sequential(
            nn.Linear(600, 2000, bias=True), nn.Linear(2000, 600), nn.LayerNorm(600), nn.Linear(600, 2000)
        )

    one, other = (random_weights.drawn(make, torch.float16) for _ in range(2))
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b) and torch.isfinite(a).all()
    assert not torch.equal(one[0].weight, one[3].weight)
    through = one(torch.randn(64, 600).half())
    assert 0.5 < through.float().std().item() < 2


def test_digests_tell_graphs_apart() -> None:
    assert random_weights.digest("unet") == random_weights.digest("unet") != random_weights.digest("controlnet")
    with pytest.raises(EngineError, match="no random weights for text_encoder"):
        random_weights.digest("text_encoder")
