"""The networks of the built-in model: SDXL in shape, a hundredth in size, made by the stock classes.

One dial, `Size`, says how wide everything is. Latents are 16 times smaller than the picture and 16 channels deep, so a
picture of 512 px is 32×32×16 and a denoising step costs 4 billion operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

FACTOR, CHANNELS = 16, 16
"""How much smaller a latent is than its picture, a side, and how deep."""
ROLES, FACTS = 6, 5
"""Rows of a palette, and what each says: OKLab L, a, b, share of the area, present."""
TOKENS, START, END = 64, 512, 513
"""Length of a prompt, and the ids that begin and end it. END is also the padding; 2 would be read the old way."""
TIME_SIZE, GUIDANCE_SIZE, LOOK_TOKENS = 32, 64, 4


@dataclass(frozen=True)
class Size:
    """How wide the networks are. `heads` are counts, one a level; `seen` is the width of the image encoder."""

    channels: tuple[int, int, int]
    heads: tuple[int, int, int]
    groups: int
    words: int
    width: int
    text_layers: int
    text_heads: int
    seen: int
    seen_layers: int
    seen_heads: int
    encoder: int
    encoder_blocks: tuple[int, ...]
    decoder: int
    decoder_blocks: tuple[int, ...]
    hint: tuple[int, int, int, int, int]


SIZES: Mapping[str, Size] = {
    "full": Size(
        channels=(64, 128, 208), heads=(2, 4, 8), groups=16, words=2048, width=192, text_layers=4, text_heads=6,
        seen=160, seen_layers=4, seen_heads=5, encoder=48, encoder_blocks=(0, 1, 2, 3, 3), decoder=48,
        decoder_blocks=(3, 3, 3, 3, 0), hint=(8, 16, 24, 48, 64),
    ),
    "tiny": Size(
        channels=(16, 32, 32), heads=(1, 2, 2), groups=8, words=768, width=32, text_layers=2, text_heads=2,
        seen=32, seen_layers=2, seen_heads=2, encoder=8, encoder_blocks=(0, 1, 1, 1, 1), decoder=8,
        decoder_blocks=(1, 1, 1, 1, 0), hint=(4, 4, 8, 8, 8),
    ),
}  # fmt: skip


def autoencoder(size: Size) -> AutoencoderTiny:
    """Pictures in −1…1 to latents in about −2…2 and back. One width a side: the class takes no other."""
    return AutoencoderTiny(
        encoder_block_out_channels=(size.encoder,) * 5,
        decoder_block_out_channels=(size.decoder,) * 5,
        num_encoder_blocks=size.encoder_blocks,
        num_decoder_blocks=size.decoder_blocks,
        latent_channels=CHANNELS,
        scaling_factor=1.0,
    )


def denoiser(size: Size) -> UNet2DConditionModel:
    """The UNet, attention on the two lower levels only (SnapGen, arXiv 2412.09619, found it better so). How literally
    to follow enters by `timestep_cond`; its projection starts at zero, so that it can be learned last."""
    unet = UNet2DConditionModel(
        sample_size=32,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=1,
        time_cond_proj_dim=GUIDANCE_SIZE,
        **_shared(size),
    )
    nn.init.zeros_(unet.time_embedding.cond_proj.weight)  # type: ignore[union-attr]
    nn.init.zeros_(unet.conv_out.weight)  # type: ignore[arg-type]
    return unet


def control_net(size: Size) -> ControlNetModel:
    """One net for edges (R), depth (G) and product mask (B), without attention."""
    return ControlNetModel(
        in_channels=CHANNELS,
        conditioning_channels=3,
        layers_per_block=1,
        down_block_types=("DownBlock2D",) * 3,
        mid_block_type="UNetMidBlock2D",
        conditioning_embedding_out_channels=size.hint,
        **_shared(size),
    )


def _shared(size: Size) -> dict[str, Any]:
    return {
        "block_out_channels": size.channels,
        "attention_head_dim": size.heads,  # heads a level, by its old name
        "norm_num_groups": size.groups,
        "cross_attention_dim": size.width,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": TIME_SIZE,
        "projection_class_embeddings_input_dim": 6 * TIME_SIZE + size.width,
    }


def start_from(control: ControlNetModel, unet: UNet2DConditionModel) -> None:
    """Copy into a control net what it shares with the UNet: its time embedding and its encoder's convolutions."""
    wanted, found = control.state_dict(), unet.state_dict()
    control.load_state_dict(
        {name: found[name] for name, value in wanted.items() if name in found and found[name].shape == value.shape},
        strict=False,
    )


def text_encoder(size: Size) -> CLIPTextModelWithProjection:
    """The one text encoder (`text_encoder_2`). The last layer but one gives the tokens, the projection the pooled
    vector: that is what the pipeline reads."""
    config = CLIPTextConfig(
        vocab_size=size.words,
        hidden_size=size.width,
        intermediate_size=4 * size.width,
        projection_dim=size.width,
        num_hidden_layers=size.text_layers,
        num_attention_heads=size.text_heads,
        max_position_embeddings=TOKENS,
        hidden_act="gelu",
        bos_token_id=START,
        eos_token_id=END,
        pad_token_id=END,
    )
    return CLIPTextModelWithProjection(config)


def image_encoder(size: Size) -> CLIPVisionModelWithProjection:
    """What looks at references: 128×128 px in −1…1, to one vector as wide as a prompt's."""
    config = CLIPVisionConfig(
        hidden_size=size.seen,
        intermediate_size=4 * size.seen,
        projection_dim=size.width,
        num_hidden_layers=size.seen_layers,
        num_attention_heads=size.seen_heads,
        image_size=128,
        patch_size=16,
        hidden_act="gelu",
    )
    return CLIPVisionModelWithProjection(config)


class PaletteEncoder(nn.Module):
    """A palette to six tokens that follow the prompt's, and a vector added to its pooled one.

    A colour is seen through sines of its OKLab coordinates (Tancik et al., Fourier features, 2020), so that near hues
    stay apart. A role that is left open has a token of its own, learned.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.open = nn.Parameter(torch.randn(ROLES, width) * 0.5)
        self.role = nn.Parameter(torch.randn(ROLES, width) * 0.5)
        self.enter = nn.Linear(3 + 3 * 2 * 4 + 2, width)
        self.leave = nn.Linear(width, 2 * width)
        nn.init.zeros_(self.leave.bias)

    def forward(self, palette: Tensor) -> tuple[Tensor, Tensor]:
        """N×6×5 (OKLab, share of the area, present) to N×6×width and N×width."""
        colour = palette[..., :3] * palette.new_tensor([2.0, 5.0, 5.0]) - palette.new_tensor([1.0, 0.0, 0.0])
        octaves = palette.new_tensor([1.0, 2.0, 4.0, 8.0]) * torch.pi / 2
        waves = (colour[..., None] * octaves).flatten(-2)
        share = palette[..., 3:4].clamp(0, 1)
        facts = torch.cat([colour, waves.sin(), waves.cos(), share, share.sqrt()], -1)
        present = palette[..., 4:5]
        tokens, pooled = self.leave(nn.functional.silu(self.enter(facts) + self.role)).chunk(2, -1)
        return present * (tokens + self.role) + (1 - present) * self.open, (present * pooled).mean(-2)


def fit_reference(unet: UNet2DConditionModel, state: Mapping[str, Mapping[str, Tensor]] | None = None) -> nn.ModuleList:
    """Give the UNet an IP-Adapter of four tokens, from its stock file's content or fresh. Returns what it adds."""
    width = int(unet.config["cross_attention_dim"])
    fresh = state or _fresh_reference(unet, width)
    unet._load_ip_adapter_weights([{kind: dict(part) for kind, part in fresh.items()}])
    names = sorted(name for name, part in unet.attn_processors.items() if isinstance(part, nn.Module))
    added = [unet.encoder_hid_proj, *(unet.attn_processors[name] for name in names)]
    return nn.ModuleList(part for part in added if isinstance(part, nn.Module))


def _fresh_reference(unet: UNet2DConditionModel, width: int) -> dict[str, dict[str, Tensor]]:
    """The stock layout: k and v by the place of their cross-attention among all attentions. New keys and values start
    at the prompt's own, values at a tenth, so that the picture hardly changes at first."""
    attention = {}
    for place, name in enumerate(unet.attn_processors):
        if name.endswith("attn1.processor"):
            continue
        part = unet.get_submodule(name.removesuffix(".processor"))
        attention[f"{place}.to_k_ip.weight"] = part.to_k.weight.detach().clone()  # type: ignore[union-attr, operator]
        attention[f"{place}.to_v_ip.weight"] = 0.1 * part.to_v.weight.detach().clone()  # type: ignore[union-attr, operator]
    projection = nn.Linear(width, LOOK_TOKENS * width)
    norm = nn.LayerNorm(width)
    image = {f"proj.{name}": value for name, value in projection.state_dict().items()}
    image |= {f"norm.{name}": value for name, value in norm.state_dict().items()}
    return {"image_proj": image, "ip_adapter": attention}


def weigh_reference(unet: UNet2DConditionModel, weight: float) -> None:
    """How much an IP-Adapter that is fitted counts; at 0 it is not looked at."""
    for part in unet.attn_processors.values():
        if hasattr(part, "to_k_ip"):
            part.scale = [weight]  # type: ignore[union-attr]


def reference_state(unet: UNet2DConditionModel) -> dict[str, dict[str, Tensor]]:
    """The IP-Adapter of a UNet in the layout of its stock file."""
    projection = unet.encoder_hid_proj.image_projection_layers[0]  # type: ignore[union-attr, index]
    image = {f"proj.{name}": value for name, value in projection.image_embeds.state_dict().items()}  # type: ignore[union-attr, operator]
    image |= {f"norm.{name}": value for name, value in projection.norm.state_dict().items()}  # type: ignore[union-attr, operator]
    attention = {}
    for place, (name, part) in enumerate(unet.attn_processors.items()):
        if name.endswith("attn2.processor"):
            attention[f"{place}.to_k_ip.weight"] = part.to_k_ip[0].weight.detach()  # type: ignore[union-attr]
            attention[f"{place}.to_v_ip.weight"] = part.to_v_ip[0].weight.detach()  # type: ignore[union-attr]
    return {"image_proj": {name: value.detach() for name, value in image.items()}, "ip_adapter": attention}


def weights(*nets: nn.Module) -> int:
    """How many numbers the networks hold."""
    return sum(parameter.numel() for net in nets for parameter in net.parameters())
