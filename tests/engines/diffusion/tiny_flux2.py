"""A FLUX.2-klein of a few thousand weights, made from config and written as a pipeline's folder; nothing is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLFlux2, FlowMatchEulerDiscreteScheduler, Flux2KleinPipeline, Flux2Transformer2DModel
from safetensors.torch import save_file
from transformers import Qwen2TokenizerFast, Qwen3Config, Qwen3ForCausalLM
from transformers.convert_slow_tokenizer import bytes_to_unicode

from engines.diffusion.family import Parts
from engines.diffusion.profile import Profile

PROFILE = Profile("flux2-tiny", "FLUX.2 klein, tiny", "flux2", {"normal": 4}, guidance=1.0)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)


def tokenizer() -> Any:
    """Qwen's kind, with one token a byte."""
    vocab = {letter: at for at, letter in enumerate([*bytes_to_unicode().values(), *SPECIAL])}
    made = Qwen2TokenizerFast(
        vocab=vocab,
        merges=[],
        unk_token=SPECIAL[0],
        pad_token=SPECIAL[0],
        eos_token=SPECIAL[2],
        additional_special_tokens=list(SPECIAL[1:2]),
    )
    made.chat_template = CHAT
    return made


def text_config(hidden: int, layers: int) -> Qwen3Config:
    return Qwen3Config(
        vocab_size=256 + len(SPECIAL),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=1024,
    )


def write(folder: Path, seed: int = 0) -> Parts:
    """A whole pipeline in `folder`. Widths are multiples of 16 px, as the real one's."""
    torch.manual_seed(seed)
    vae = AutoencoderKLFlux2(
        block_out_channels=(8, 8, 16, 16), layers_per_block=1, latent_channels=4, norm_num_groups=4, sample_size=128
    )
    vae.bn.running_mean.normal_(0, 0.1)
    vae.bn.running_var.uniform_(0.5, 2.0)
    transformer = Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        timestep_guidance_channels=32,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )
    # A new transformer hardly hears words and references: its gates are nearly shut.
    for name, weight in transformer.named_parameters():
        if "time" not in name and weight.ndim == 2:
            weight.data *= 10 if "modulation" in name else 4
    pipe = Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        vae=vae,
        # The pipeline reads the hidden states after layers 9, 18 and 27.
        text_encoder=Qwen3ForCausalLM(text_config(hidden=16, layers=28)).eval(),
        tokenizer=tokenizer(),
        transformer=transformer,
        is_distilled=True,
    )
    pipe.save_pretrained(folder, safe_serialization=True)
    return Parts({"base": folder}, "f1" * 8)


def lora(path: Path, seed: int, width: int = 32, layer: str = "transformer_blocks.0.attn") -> Path:
    """A LoRA on the values and the output of one layer, as diffusers saves them."""
    made = torch.Generator().manual_seed(seed)
    sides = {"lora_A": (2, width), "lora_B": (width, 2)}
    save_file(
        {
            f"transformer.{layer}.{name}.{side}.weight": torch.randn(shape, generator=made)
            for name in ("to_v", "to_out.0")
            for side, shape in sides.items()
        },
        path,
    )
    return path
