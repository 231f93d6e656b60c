"""The tiny SDXL as one file in the naming of the model's own code, as checkpoints of other studios come."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

State = dict[str, torch.Tensor]
_RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
    "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip
_ENDS = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_in": "input_blocks.0.0",
    "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2", "conv_norm_out": "out.0", "conv_out": "out.2",
}  # fmt: skip
_OPEN_CLIP = {
    "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj", "self_attn.out_proj": "attn.out_proj",
}  # fmt: skip
_VAE = {
    "conv_norm_out": "norm_out", "conv_shortcut": "nin_shortcut", "mid_block.resnets.0": "mid.block_1", "mid_block.resnets.1": "mid.block_2",
    "mid_block.attentions.0": "mid.attn_1", "group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out",
}  # fmt: skip


def tiny_checkpoint(base: Path, file: Path, blocks: int = 3, layers: int = 2) -> Path:
    """`base` (see `tiny_sdxl`) as one file. Two networks of text, the UNet and the VAE, in half precision."""
    state = {f"model.diffusion_model.{_unet(k, blocks, layers)}": v for k, v in _read(base / "unet").items()}
    state |= {f"first_stage_model.{k}": v for k, v in _vae(_read(base / "vae")).items()}
    first = {
        k if k.startswith("text_model.") else f"text_model.{k}": v for k, v in _read(base / "text_encoder").items()
    }
    state |= {f"conditioner.embedders.0.transformer.{k}": v for k, v in first.items()}
    state |= {f"conditioner.embedders.1.model.{k}": v for k, v in _open_clip(_read(base / "text_encoder_2")).items()}
    save_file({k: v.half().contiguous() for k, v in state.items()}, file)
    return file


def _read(folder: Path) -> State:
    (file,) = folder.glob("*.safetensors")
    return load_file(file)


def _unet(key: str, blocks: int, layers: int) -> str:
    for ours, theirs in _ENDS.items():
        if key.startswith(f"{ours}."):
            return key.replace(ours, theirs)
    if key.startswith("mid_block."):
        kind, place, rest = re.fullmatch(r"mid_block\.(\w+)\.(\d)\.(.*)", key).groups()  # type: ignore[union-attr]
        return f"middle_block.{1 if kind == 'attentions' else 2 * int(place)}.{_inner(rest)}"
    side, block, kind, place, rest = re.fullmatch(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.*)", key).groups()  # type: ignore[union-attr]
    if kind == "downsamplers":
        return f"input_blocks.{(int(block) + 1) * (layers + 1)}.0.op.{rest.removeprefix('conv.')}"
    if kind == "upsamplers":  # after a block's last attention, of which only the last block has none
        return f"output_blocks.{(int(block) + 1) * (layers + 1) - 1}.{2 if int(block) < blocks - 1 else 1}.{rest}"
    start = 1 + int(block) * (layers + 1) if side == "down" else int(block) * (layers + 1)
    return f"{'input' if side == 'down' else 'output'}_blocks.{start + int(place)}.{int(kind == 'attentions')}.{_inner(rest)}"


def _inner(rest: str) -> str:
    head, _, tail = rest.partition(".")
    return f"{_RESNET[head]}.{tail}" if head in _RESNET else rest


def _vae(state: State, blocks: int = 4) -> State:
    named = {}
    for key, value in state.items():
        name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", key)
        name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
        name = re.sub(r"up_blocks\.(\d)\.resnets", lambda m: f"up.{blocks - 1 - int(m[1])}.block", name)
        name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{blocks - 1 - int(m[1])}.upsample", name)
        for ours, theirs in _VAE.items():
            name = name.replace(f".{ours}.", f".{theirs}.")
        linear = "attn_1" in name and value.ndim == 2
        named[name] = value[:, :, None, None] if linear else value
    return named


def _open_clip(state: State) -> State:
    named = {}
    for key, value in state.items():
        name = key.removeprefix("text_model.").replace("encoder.layers.", "transformer.resblocks.")
        for ours, theirs in _OPEN_CLIP.items():
            name = name.replace(ours, theirs)
        if ".q_proj." in name:
            joined = torch.cat([state[key.replace("q_proj", way)] for way in ("q_proj", "k_proj", "v_proj")])
            named[name.replace("self_attn.q_proj.", "attn.in_proj_")] = joined
        elif not re.search(r"\.[kv]_proj\.", name):
            named[name] = value
    named["positional_embedding"] = named.pop("embeddings.position_embedding.weight")
    named["token_embedding.weight"] = named.pop("embeddings.token_embedding.weight")
    named["text_projection"] = named.pop("text_projection.weight").T
    return {k.replace("final_layer_norm", "ln_final"): v for k, v in named.items()}
