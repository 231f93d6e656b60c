"""Headers of model files, made: the names and shapes that each kind of file really has, and no numbers."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.tensors import Tensor

Shapes = Mapping[str, tuple[int, ...]]


def tensors(shapes: Shapes) -> dict[str, Tensor]:
    return {name: Tensor("F16", shape, 0, 0) for name, shape in shapes.items()}


def write(path: Path, shapes: Shapes, metadata: Mapping[str, str] | None = None) -> Path:
    """A sound safetensors file with these tensors. Its numbers are a hole in the file, so that it takes no room."""
    at, header = 0, dict[str, Any]()
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    if metadata:
        header["__metadata__"] = dict(metadata)
    raw = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + at)
    return path


def under(head: str, shapes: Shapes) -> dict[str, tuple[int, ...]]:
    return {head + name: shape for name, shape in shapes.items()}


# ------------------------------------------------------------------------------------------------ in the first code's names


def ldm_unet(context: int, takes: int = 4, told: int = 0, deep: int = 1) -> dict[str, tuple[int, ...]]:
    """A UNet in the names of the first Stable Diffusion code."""
    shapes: dict[str, tuple[int, ...]] = {
        "time_embed.0.weight": (1280, 320), "input_blocks.0.0.weight": (320, takes, 3, 3), "out.2.weight": (4, 320, 3, 3),
    }  # fmt: skip
    if told:
        shapes["label_emb.0.0.weight"] = (1280, told)
    for depth in range(deep):
        at = f"input_blocks.4.1.transformer_blocks.{depth}"
        shapes[f"{at}.attn1.to_k.weight"] = (640, 640)
        shapes[f"{at}.attn2.to_k.weight"] = (640, context)
    return shapes


def ldm_vae(channels: int = 4) -> dict[str, tuple[int, ...]]:
    return {
        "encoder.conv_in.weight": (128, 3, 3, 3), "decoder.conv_in.weight": (512, channels, 3, 3),
        "decoder.conv_out.weight": (3, 128, 3, 3),
    }  # fmt: skip


def checkpoint(unet: Shapes, *others: Shapes) -> dict[str, tuple[int, ...]]:
    whole = under("model.diffusion_model.", unet) | under("first_stage_model.", ldm_vae())
    for other in others:
        whole |= other
    return whole


CLIP_1 = {"cond_stage_model.transformer.text_model.embeddings.position_embedding.weight": (77, 768)}
CLIP_2 = {"cond_stage_model.model.token_embedding.weight": (49408, 1024)}
CLIP_XL = {
    "conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight": (77, 768),
    "conditioner.embedders.1.model.positional_embedding": (77, 1280),
    "conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias": (1280,),
}
CLIP_REFINER = {"conditioner.embedders.0.model.transformer.resblocks.9.mlp.c_proj.bias": (1280,)}
SDXL_UNET = ldm_unet(2048, told=2816, deep=2)
SDXL = checkpoint(SDXL_UNET, CLIP_XL)


def flux1(guided: bool, takes: int = 64) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "img_in.weight": (3072, takes), "txt_in.weight": (3072, 4096),
        "double_blocks.0.img_attn.norm.key_norm.scale": (128,), "double_blocks.0.img_attn.qkv.weight": (9216, 3072),
    }  # fmt: skip
    return shapes | ({"guidance_in.in_layer.bias": (3072,)} if guided else {})


def flux2(width: int) -> dict[str, tuple[int, ...]]:
    return {
        "img_in.weight": (width, 128), "single_stream_modulation.lin.weight": (3 * width, width),
        "double_blocks.0.img_attn.norm.key_norm.scale": (128,), "double_blocks.0.img_attn.qkv.weight": (3 * width, width),
    }  # fmt: skip


def sd3(blocks: int, twice: bool) -> dict[str, tuple[int, ...]]:
    width = 64 * blocks
    shapes: dict[str, tuple[int, ...]] = {
        "joint_blocks.0.context_block.adaLN_modulation.1.bias": (6 * width,), "pos_embed": (1, 36864, width),
        f"joint_blocks.{blocks - 1}.x_block.mlp.fc1.weight": (4 * width, width),
    }  # fmt: skip
    return shapes | ({"joint_blocks.0.x_block.attn2.qkv.weight": (3 * width, width)} if twice else {})


Z_IMAGE: Shapes = {
    "layers.0.adaLN_modulation.0.weight": (15360, 256), "layers.0.attention.qkv.weight": (11520, 3840),
    "x_embedder.weight": (3840, 64), "cap_embedder.1.weight": (3840, 2560),
}  # fmt: skip


def ip_adapter(context: int, projection: Shapes) -> dict[str, tuple[int, ...]]:
    return under("image_proj.", projection) | {
        "ip_adapter.1.to_k_ip.weight": (640, context), "ip_adapter.1.to_v_ip.weight": (640, context),
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------ LoRAs

ATTENTION = "down_blocks.1.attentions.0.transformer_blocks.{}.attn2.to_k"
CONV = "down_blocks.1.resnets.0.conv1"


def pair(name: str, out: int, into: int, rank: int = 16, style: str = "kohya", kernel: int = 0) -> Shapes:
    """The two matrices of a layer in one of the ways they are called."""
    down, up = {
        "kohya": (".lora_down.weight", ".lora_up.weight"), "peft": (".lora_A.weight", ".lora_B.weight"),
        "dots": (".lora.down.weight", ".lora.up.weight"), "old": ("_lora.down.weight", "_lora.up.weight"),
        "default": (".lora_A.default.weight", ".lora_B.default.weight"),
    }[style]  # fmt: skip
    tail = (kernel, kernel) if kernel else ()
    shapes: dict[str, tuple[int, ...]] = {
        name + down: (rank, into, *tail),
        name + up: (out, rank, *((1, 1) if kernel else ())),
    }
    return shapes | ({f"{name}.alpha": ()} if style == "kohya" else {})


def kohya(name: str, head: str = "lora_unet_") -> str:
    return head + name.replace(".", "_")


def unet_lora(context: int, deep: int = 1, style: str = "kohya", head: str = "lora_unet_", rank: int = 16) -> Shapes:
    shapes: dict[str, tuple[int, ...]] = {}
    for depth in range(deep):
        name = ATTENTION.format(depth)
        shapes |= pair(kohya(name, head) if style == "kohya" else head + name, 640, context, rank, style)
    return shapes


def loha(name: str, out: int, into: int, rank: int = 8) -> Shapes:
    return {
        f"{name}.hada_w1_a": (out, rank), f"{name}.hada_w1_b": (rank, into), f"{name}.hada_w2_a": (out, rank),
        f"{name}.hada_w2_b": (rank, into), f"{name}.alpha": (),
    }  # fmt: skip


def lokr(name: str, out: int, into: int, factor: int = 8, rank: int = 4) -> Shapes:
    return {
        f"{name}.lokr_w1": (factor, factor), f"{name}.lokr_w2_a": (out // factor, rank),
        f"{name}.lokr_w2_b": (rank, into // factor), f"{name}.alpha": (),
    }  # fmt: skip
