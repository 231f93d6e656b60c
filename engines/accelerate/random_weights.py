"""SDXL's networks at full size with random weights, to rehearse builds and to measure where the real ones are not.

Sources: the `config.json` of stabilityai/stable-diffusion-xl-base-1.0, xinsir/controlnet-union-sdxl-1.0 (promax) and
h94/IP-Adapter (sdxl_models, ViT-H). Loads torch only to make a network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from engines.base import EngineError

SDXL: Mapping[str, Any] = MappingProxyType(
    {
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "cross_attention_dim": 2048,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    }
)
UNET: Mapping[str, Any] = MappingProxyType(
    {
        **SDXL,
        "sample_size": 128,
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    }
)
CONTROLNET: Mapping[str, Any] = MappingProxyType({**SDXL, "num_control_type": 8})
VAE: Mapping[str, Any] = MappingProxyType(
    {
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "block_out_channels": (128, 256, 512, 512),
        "layers_per_block": 2,
        "sample_size": 1024,
        "latent_channels": 4,
        "scaling_factor": 0.13025,
        "force_upcast": False,
    }
)
CONFIGS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"unet": UNET, "controlnet": CONTROLNET, "vae_decoder": VAE, "vae_encoder": VAE}
)
ADAPTER_TOKENS = 16
"""Of an IP-Adapter Plus: the UNet carries the keys and values of one."""
WEIGHTS = MappingProxyType(
    {
        "unet": 2_567_463_684 + 340_787_200,
        "controlnet": 1_257_943_280,
        "vae_decoder": 83_653_863,
        "vae_encoder": 83_653_863,
    }
)
"""About how many numbers each holds."""
_PERIOD = (1 << 20) + 7


def digest(graph: str) -> str:
    """Stands for the weights of `network`, as they are the same every time. Raises `EngineError`."""
    said = {"random": 1, "tokens": ADAPTER_TOKENS, "config": dict(_config(graph))}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def weighs(graph: str) -> int:
    """About how many numbers the network of a graph holds. Raises `EngineError`."""
    _config(graph)
    return WEIGHTS[_named(graph)]


def _config(graph: str) -> Mapping[str, Any]:
    if _named(graph) not in CONFIGS:
        raise EngineError(f"There are no random weights for {graph}", f"There are for {', '.join(CONFIGS)}.")
    return CONFIGS[_named(graph)]


def _named(graph: str) -> str:
    """A ControlNet for several maps at once (`controlnet_2`) is the same network."""
    return "controlnet" if graph.startswith("controlnet") else graph


def network(graph: str, dtype: Any, device: str = "cpu") -> Any:
    """The network of a graph: never twice in memory, the same weights every time. Raises `EngineError`."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    kinds: dict[str, Any] = {"unet": UNet2DConditionModel, "controlnet": ControlNetUnionModel}
    config = dict(_config(graph))
    made = drawn(lambda: kinds.get(_named(graph), AutoencoderKL)(**config), dtype, device)
    if graph == "unet":
        _take_references(made, dtype, device)
    return made


def drawn(make: Callable[[], Any], dtype: Any, device: str = "cpu") -> Any:
    """A network with weights of the size that keeps what goes through at its own size, made without first ones."""
    import torch

    with torch.device("meta"):
        made = make().to(dtype).eval().requires_grad_(False)
    made = made.to_empty(device=device)
    fill(made)
    return made


def fill(network: Any) -> None:
    """Random weights in place: one row of numbers over and over, which is quicker than to draw billions."""
    import torch

    row = torch.empty(_PERIOD).uniform_(-1, 1, generator=torch.Generator().manual_seed(20))
    begin = 0
    for name, weight in network.named_parameters():
        if weight.ndim < 2:
            weight.data.fill_(1.0 if name.endswith("weight") else 0.0)  # of a norm, and of nothing else
            continue
        own = (row.roll(-begin) * (3 / max(weight[0].numel(), 1)) ** 0.5).to(weight.device, weight.dtype)
        flat = weight.data.view(-1)
        for first in range(0, flat.numel(), _PERIOD):
            piece = flat[first : first + _PERIOD]
            piece.copy_(own[: piece.numel()])
        begin = (begin + 104_729) % _PERIOD  # so that no two layers of a shape are the same
    for name, buffer in network.named_buffers():
        if name.endswith("position_ids"):
            buffer.copy_(torch.arange(buffer.shape[-1])[None])


def _take_references(unet: Any, dtype: Any, device: str) -> None:
    """Keys and values of an IP-Adapter Plus in every cross-attention."""
    from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0

    for name in list(unet.attn_processors):
        if name.endswith("attn2.processor"):
            layer = unet.get_submodule(name.removesuffix(".processor"))

            def make(inner: int = layer.inner_dim) -> Any:
                return IPAdapterAttnProcessor2_0(inner, UNET["cross_attention_dim"], (ADAPTER_TOKENS,))

            layer.set_processor(drawn(make, dtype, device))
