"""The tiny SDXL's parts, loaded once, and its graphs, each exported once, when a test first asks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch

from engines.accelerate import coders, flat
from engines.accelerate.export import Exported, export
from engines.accelerate.graph import Graph
from engines.accelerate.shapes import Shape
from engines.diffusion import sdxl_parts
from engines.diffusion.family import Parts
from engines.nano import nets
from engines.nano.graphs import FRAME
from tests.engines.diffusion.tiny_sdxl import PROFILE, tiny_sdxl

SMALL = Shape(128, 128)
DTYPES = {"fp32": torch.float32, "fp16": torch.float16}


@pytest.fixture(scope="session")
def tiny_parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return tiny_sdxl(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def painter(tiny_parts: Parts) -> Callable[[str], dict[str, Any]]:
    """Its components by precision."""
    return cache(lambda precision: sdxl_parts.components(PROFILE, tiny_parts.paths, DTYPES[precision]))


@pytest.fixture(scope="session")
def nano() -> Callable[[str], dict[str, Any]]:
    """The built-in model's networks, tiny, by precision."""

    def make(precision: str) -> dict[str, Any]:
        torch.manual_seed(3)
        size = nets.SIZES["tiny"]
        unet, control = nets.denoiser(size), nets.control_net(size)
        for zero in (
            unet.conv_out, unet.time_embedding.cond_proj,  # type: ignore[union-attr]
            *control.controlnet_down_blocks, control.controlnet_mid_block,
        ):  # fmt: skip
            torch.nn.init.normal_(zero.weight, std=0.1)  # type: ignore[arg-type]
        nets.fit_reference(unet)
        made = {"unet": unet, "controlnet": control}
        return {name: part.to(DTYPES[precision]).requires_grad_(False).eval() for name, part in made.items()}

    return cache(make)


@pytest.fixture(scope="session")
def graph(
    painter: Callable[[str], dict[str, Any]], nano: Callable[[str], dict[str, Any]]
) -> Callable[[str, str], Graph]:
    """A graph by name and precision."""

    def make(name: str, precision: str) -> Graph:
        made = {} if name.startswith("nano_") else painter(precision)
        makers: dict[str, Callable[[], Graph]] = {
            "unet": lambda: flat.unet(made["unet"]),
            "controlnet": lambda: flat.control(made["controlnet"]),
            "controlnet_2": lambda: flat.control(made["controlnet"], 2),
            "vae_decoder": lambda: coders.vae_decoder(made["vae"]),
            "vae_encoder": lambda: coders.vae_encoder(made["vae"]),
            "text_encoder": lambda: coders.text_encoder(made["text_encoder"]),
            "text_encoder_2": lambda: coders.text_encoder(made["text_encoder_2"], "text_encoder_2"),
            "image_encoder": lambda: coders.image_encoder(made["image_encoder"]),
        }
        if name.startswith("nano_"):
            write = {"nano_unet": flat.unet, "nano_controlnet": flat.plain_control}[name]
            return write(nano(precision)[name.removeprefix("nano_")], FRAME)
        return makers[name]()

    return make


@pytest.fixture(scope="session")
def exported(
    graph: Callable[[str, str], Graph], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Exported]:
    """A graph's file for 128×128 px, by name and precision."""
    return cache(
        lambda name, precision: export(graph(name, precision), SMALL, tmp_path_factory.mktemp(name) / "file", precision)
    )
