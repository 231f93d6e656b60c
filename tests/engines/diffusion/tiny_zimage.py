"""A Z-Image-Turbo of a few thousand weights with its ControlNet, made from config; nothing is fetched."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel
from diffusers.models.controlnets.controlnet_z_image import ZImageControlNetModel
from transformers import Qwen3Model

from engines.diffusion.family import Parts
from engines.diffusion.profile import Profile
from tests.engines.diffusion.tiny_flux2 import text_config, tokenizer

PROFILE = Profile("zimage-tiny", "Z-Image-Turbo, tiny", "zimage", {"normal": 8})
WIDTH, HEADS, CHANNELS = 32, 2, 4


def net(version: int = 2) -> ZImageControlNetModel:
    """A ControlNet as of version 1 or 2.1: the latter also takes a mask and what stays."""
    made = ZImageControlNetModel(
        control_layers_places=[0, 2],
        control_refiner_layers_places=[0, 1] if version == 2 else None,
        control_in_dim=2 * CHANNELS + 1 if version == 2 else CHANNELS,
        add_control_noise_refiner="control_noise_refiner" if version == 2 else None,
        dim=WIDTH,
        n_heads=HEADS,
        n_kv_heads=HEADS,
    )
    # A new net says nothing: the layers before and after its blocks start at zero.
    for name, weight in made.named_parameters():
        if "before_proj" in name or "after_proj" in name:
            torch.nn.init.normal_(weight, std=0.2)
    return made


def write(folder: Path, version: int = 2, seed: int = 0) -> Parts:
    """A whole pipeline in `folder/base`, its ControlNet in `folder/controls`."""
    torch.manual_seed(seed)
    transformer = ZImageTransformer2DModel(
        in_channels=CHANNELS,
        dim=WIDTH,
        n_layers=4,
        n_refiner_layers=2,
        n_heads=HEADS,
        n_kv_heads=HEADS,
        cap_feat_dim=16,
        axes_dims=[4, 6, 6],
    )
    for pad in (transformer.x_pad_token, transformer.cap_pad_token):
        torch.nn.init.normal_(pad, std=0.2)
    pipe = ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(8, 8, 16, 16),
            latent_channels=CHANNELS,
            norm_num_groups=4,
            sample_size=128,
            scaling_factor=0.3611,
            shift_factor=0.1159,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ),
        text_encoder=Qwen3Model(text_config(hidden=16, layers=3)).eval(),
        tokenizer=tokenizer(),
        transformer=transformer,
    )
    pipe.save_pretrained(folder / "base", safe_serialization=True)
    net(version).save_pretrained(folder / "controls", safe_serialization=True)
    return Parts({"base": folder / "base", "controls": folder / "controls"}, "21" * 8)
