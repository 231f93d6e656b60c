"""SDXL in every part but size, with random weights, on disk: what the real painter is proven on."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    ControlNetUnionModel,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.models.embeddings import IPAdapterPlusImageProjection
from safetensors.torch import save_file
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)
from transformers.convert_slow_tokenizer import bytes_to_unicode

from engines.diffusion.family import Parts
from engines.diffusion.profile import Profile

CROSS, POOLED, SEEN = 64, 32, 32
SPOKEN = (24, 40)
"""Widths of the text encoders, together the UNet's."""
PROFILE = Profile("tiny-sdxl", "Tiny SDXL", "sdxl", {"normal": 4, "quality": 8}, 0.0, {"timestep_spacing": "trailing"})
UNET = {
    "sample_size": 16,
    "block_out_channels": (32, 64, 64),
    "layers_per_block": 2,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "attention_head_dim": (2, 4, 4),
    "transformer_layers_per_block": (1, 1, 2),
    "norm_num_groups": 8,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 6 * 8 + POOLED,
    "cross_attention_dim": CROSS,
}


def tiny_sdxl(folder: Path) -> Parts:
    """Every part in `folder`, the same weights every time: base, controls, references (Plus), face (Plus),
    image_encoder, preview, unet, unet-8, vae. Beside them lies `plain.safetensors`, an IP-Adapter of the plain kind."""
    with torch.random.fork_rng():
        torch.manual_seed(20)
        return _write(folder)


def _write(folder: Path) -> Parts:
    base = folder / "base"
    unet = UNet2DConditionModel(**UNET).eval()
    euler = EulerDiscreteScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1)
    StableDiffusionXLPipeline(
        _vae(), *_text_encoders(), *tokenizers(), unet, euler, add_watermarker=False
    ).save_pretrained(base)  # fmt: skip
    _vae().save_pretrained(folder / "vae")
    for name in ("unet", "unet-8"):
        other = UNet2DConditionModel(**UNET)
        save_file({k: v.half() for k, v in other.state_dict().items()}, folder / f"{name}.safetensors")
    _controls().save_pretrained(folder / "controls")
    for name, plus in (("references", True), ("face", True), ("plain", False)):
        save_file(_adapter(unet, plus), folder / f"{name}.safetensors")
    vision = CLIPVisionConfig(
        hidden_size=SEEN,
        intermediate_size=64,
        num_attention_heads=4,
        num_hidden_layers=3,
        image_size=32,
        patch_size=8,
        projection_dim=24,
    )
    CLIPVisionModelWithProjection(vision).save_pretrained(folder / "image_encoder")
    AutoencoderTiny(
        encoder_block_out_channels=(8,) * 4,
        decoder_block_out_channels=(8,) * 4,
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
    ).save_pretrained(folder / "preview")
    files = {name: folder / f"{name}.safetensors" for name in ("unet", "unet-8", "references", "face")}
    folders = {name: folder / name for name in ("base", "vae", "controls", "image_encoder", "preview")}
    return Parts({**folders, **files}, "0123456789abcdef")


def lora(path: Path, seed: int, rank: int = 4) -> Path:
    """A LoRA for some attention layers of the tiny UNet and of both text encoders, in diffusers' names."""
    made = torch.Generator().manual_seed(seed)
    state = {}
    sizes = {
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q": (64, 64),
        "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k": (CROSS, 64),
        "unet.up_blocks.0.attentions.1.transformer_blocks.1.attn2.to_v": (CROSS, 64),
        "text_encoder.text_model.encoder.layers.0.self_attn.q_proj": (24, 24),
        "text_encoder_2.text_model.encoder.layers.1.self_attn.v_proj": (40, 40),
    }
    for name, (inner, outer) in sizes.items():
        kinds = ("lora_A", "lora_B") if name.startswith("unet") else ("lora_linear_layer.down", "lora_linear_layer.up")
        state[f"{name}.{kinds[0]}.weight"] = torch.randn(rank, inner, generator=made) * 0.3
        state[f"{name}.{kinds[1]}.weight"] = torch.randn(outer, rank, generator=made) * 0.3
    save_file(state, path)
    return path


def tokenizers() -> list[CLIPTokenizer]:
    """Of the first and the second text encoder. Every byte is a word's part and a word's end; real ones cut words into
    longer parts."""
    symbols = list(bytes_to_unicode().values())
    words = [*symbols, *(f"{s}</w>" for s in symbols), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: place for place, word in enumerate(words)}
    pads = ("<|endoftext|>", "!")
    return [CLIPTokenizer(vocab=vocabulary, merges=[], pad_token=pad, model_max_length=77) for pad in pads]


def _text_encoders() -> tuple[CLIPTextModel, CLIPTextModelWithProjection]:
    first, second = (
        CLIPTextConfig(
            vocab_size=514, hidden_size=width, intermediate_size=64, num_attention_heads=4, num_hidden_layers=3,
            projection_dim=POOLED, bos_token_id=512, eos_token_id=513, pad_token_id=1,
        )
        for width in SPOKEN
    )  # fmt: skip
    return CLIPTextModel(first).eval(), CLIPTextModelWithProjection(second).eval()


def _vae() -> AutoencoderKL:
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    return AutoencoderKL(
        **blocks,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        norm_num_groups=4,
        sample_size=128,
        scaling_factor=0.13025,
        force_upcast=False,
    )


def _controls() -> ControlNetUnionModel:
    config = {
        key: value for key, value in UNET.items() if key not in ("sample_size", "up_block_types", "layers_per_block")
    }
    net = ControlNetUnionModel(
        **config, layers_per_block=2, conditioning_embedding_out_channels=(8, 16, 16, 32),
        num_trans_channel=32, num_trans_head=4, num_proj_channel=32,
    )  # fmt: skip
    # The zero layers of an untrained net would let nothing through.
    for name, weight in net.named_parameters():
        if any(
            part in name
            for part in (
                "controlnet_down_blocks",
                "controlnet_mid_block",
                "spatial_ch_projs",
                "cond_embedding.conv_out",
            )
        ):
            torch.nn.init.normal_(weight, std=0.2)
    return net


def _adapter(unet: UNet2DConditionModel, plus: bool) -> dict[str, torch.Tensor]:
    """An IP-Adapter in the names of its own files."""
    state = {}
    for place, key in enumerate(unet.attn_processors):
        if key.endswith("attn2.processor"):
            block = unet.get_submodule(key.removesuffix(".processor"))
            for way in ("k", "v"):
                state[f"ip_adapter.{place}.to_{way}_ip.weight"] = torch.randn(block.inner_dim, CROSS) * 0.2
    if not plus:
        projection = {
            "proj.weight": torch.randn(4 * CROSS, 24) * 0.2,
            "proj.bias": torch.randn(4 * CROSS) * 0.1,
            "norm.weight": torch.ones(CROSS),
            "norm.bias": torch.zeros(CROSS),
        }
        # The names of the plain kind hold `norm.weight` beside `proj.weight`.
        return state | {f"image_proj.{key}": value for key, value in projection.items()}
    resampler = IPAdapterPlusImageProjection(embed_dims=SEEN, output_dims=CROSS, hidden_dims=64, heads=1, num_queries=4)
    return state | {f"image_proj.{key}": value for key, value in plus_names(resampler.state_dict()).items()}


def plus_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A resampler's weights in the names of an IP-Adapter Plus file, without `image_proj.`."""
    named = {}
    for key, value in state.items():
        if ".attn.to_k." in key:
            joined = torch.cat([value, state[key.replace("to_k", "to_v")]])
            named[key.replace("attn.to_k", "0.to_kv")] = joined
        elif ".attn.to_v." not in key:
            name = key
            for ours, theirs in (
                ("ln0", "0.norm1"),
                ("ln1", "0.norm2"),
                ("attn.to_q", "0.to_q"),
                ("attn.to_out.0", "0.to_out"),
                ("ff.0", "1.0"),
                ("ff.1.net.0.proj", "1.1"),
                ("ff.1.net.2", "1.3"),
            ):
                name = name.replace(f".{ours}.", f".{theirs}.")
            named[name] = value
    return named
