"""A small model of the built-in kind with random weights, its graphs beside it."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch = pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    pytest.importorskip("onnxscript")
    from engines.nano import assemble
    from engines.nano.graphs import write_graphs
    from engines.nano.learn import Task
    from engines.nano.tokens import tokenizer

    torch.manual_seed(3)
    made = tmp_path_factory.mktemp("nano")
    words = tokenizer(["a matte black bottle on a round podium", "a glossy jar, product on the left"] * 3, 768)
    model = assemble.fresh(Task(made, "tiny", 0.0, "cpu", 1), words)
    torch.nn.init.normal_(model.unet.conv_out.weight, std=0.05)
    torch.nn.init.normal_(model.unet.time_embedding.cond_proj.weight, std=0.1)  # type: ignore[union-attr]
    hint = model.control.controlnet_cond_embedding
    for conv in (hint.conv_in, *hint.blocks, hint.conv_out):  # as they come, next to nothing of a map gets through
        torch.nn.init.kaiming_normal_(conv.weight)  # type: ignore[arg-type]
    for zero in (*model.control.controlnet_down_blocks, model.control.controlnet_mid_block):
        torch.nn.init.normal_(zero.weight, std=0.2)  # type: ignore[arg-type]
    assemble.write(model, made, {})
    off = write_graphs(made)
    assert max(off.values()) <= 2e-4
    return made
