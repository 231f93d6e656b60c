"""What a model file is, read from its header alone: names and shapes of its tensors. No weight is loaded, no code runs.

The names are those the models were published under (`input_blocks` … of the first Stable Diffusion code, the module
names of diffusers, the `double_blocks` of FLUX); a file's own name is never asked, for it may be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from engines.base import EngineError
from engines.diffusion.lora import lora_of
from engines.tensors import Tensor, read_safetensors

Shapes = Mapping[str, tuple[int, ...]]

BASES = {
    "sd15": "SD 1.5", "sd2": "SD 2", "sdxl": "SDXL", "sdxl-refiner": "SDXL refiner", "sd3": "SD 3 medium",
    "sd35-medium": "SD 3.5 medium", "sd35-large": "SD 3.5 large", "flux1-dev": "FLUX.1 dev", "flux1": "FLUX.1",
    "flux1-schnell": "FLUX.1 schnell", "flux2": "FLUX.2", "flux2-dev": "FLUX.2 dev",
    "flux2-klein-4b": "FLUX.2 klein 4B", "flux2-klein-9b": "FLUX.2 klein 9B", "z-image": "Z-Image",
    "pixart": "PixArt", "": "an unknown model",
}  # fmt: skip


@dataclass(frozen=True)
class Probed:
    """`kind`: checkpoint (all in one file), denoiser (the UNet or transformer alone), vae, controlnet, t2i-adapter,
    ip-adapter, text-encoder, image-encoder, upscaler, lora, or unknown. `base`: the family it belongs to or works
    with, a key of `BASES`; empty where the header does not tell. `variant`: what is special about it, e.g. `inpaint`,
    `union 8`, `plus`, `faceid`, or what a checkpoint predicts instead of noise. `encoder`: the image encoder an
    IP-Adapter needs."""

    kind: str
    base: str = ""
    variant: str = ""
    encoder: str = ""

    @property
    def name(self) -> str:
        """For example `SDXL inpaint checkpoint`."""
        said = BASES[self.base] if self.base else ""
        return " ".join(filter(None, [said, self.variant, self.kind]))


def probe(path: Path) -> Probed:
    """What a safetensors file is, read once while its size and time of change stay. Raises `EngineError` for a file
    that is none, or whose header is not sound: a pickle (`.ckpt`, `.pt`, `.bin`) is refused by its kind and never
    opened."""
    if path.suffix.lower() != ".safetensors":
        raise EngineError(
            f"{path.name} is of a kind that may run code when it is opened",
            "Use the safetensors file of the same model.",
        )
    try:
        seen = path.stat()
    except OSError as error:
        raise EngineError(f"{path.name} cannot be read: {error.strerror}", "Check the path.") from error
    return _read(path, seen.st_size, seen.st_mtime_ns)[0]


def titles(path: Path) -> str:
    """What its maker calls a safetensors file that was probed; empty where its metadata say nothing. Raises `OSError`
    and `EngineError`."""
    seen = path.stat()
    return _read(path, seen.st_size, seen.st_mtime_ns)[1]


@lru_cache(maxsize=4096)
def _read(path: Path, size: int, changed: int) -> tuple[Probed, str]:
    header = read_safetensors(path)
    said = [text[:500] for name, text in header.metadata.items() if name.startswith(_TITLES)]
    return probe_header(header.tensors), " ".join(said)


_TITLES = ("modelspec.title", "ss_sd_model_name")


def probe_header(tensors: Mapping[str, Tensor]) -> Probed:
    """What a file with these tensors is. Never fails: what fits nothing is unknown."""
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    for look in (_adapter, _extension, _whole, _denoiser, _encoder, _vae, _upscaler):
        found = look(shapes)
        if found is not None:
            return found
    return Probed("unknown")


def _adapter(shapes: Shapes) -> Probed | None:
    found = lora_of(shapes)
    return Probed("lora", found.base, found.kind) if found else None


# -------------------------------------------------------------------------------------------- what is added to a model


def _extension(shapes: Shapes) -> Probed | None:
    """ControlNets, T2I adapters and IP-Adapters, which share names with what they extend and so are asked first."""
    if any(name.startswith(("ip_adapter.", "image_proj.")) for name in shapes):
        return _ip_adapter(shapes)
    if "task_embedding" in shapes and "control_add_embedding.linear_1.weight" in shapes:
        return Probed("controlnet", "sdxl", f"union {_side(shapes, 'task_embedding', 0)}")
    if "lora_controlnet" in shapes:
        return Probed("controlnet", _by_context(shapes), "lora")
    if "controlnet_cond_embedding.conv_in.weight" in shapes or any(n.startswith("control_model.") for n in shapes):
        return Probed("controlnet", _by_context(shapes))
    if "controlnet_x_embedder.weight" in shapes or "controlnet_blocks.0.weight" in shapes:
        return Probed("controlnet", "sd3" if "pos_embed.proj.weight" in shapes else "flux1")
    if "control_all_x_embedder.2-1.weight" in shapes or "control_layers.0.adaLN_modulation.0.weight" in shapes:
        return Probed("controlnet", "z-image", "union")
    for name in ("adapter.conv_in.weight", "conv_in.weight"):
        if name in shapes and (f"{name.removesuffix('conv_in.weight')}body.0.resnets.0.block1.weight") in shapes:
            return Probed("t2i-adapter", "sdxl" if _side(shapes, name, 1) >= 256 else "sd15")
    if "body.0.block1.weight" in shapes and "conv_in.weight" in shapes:
        return Probed("t2i-adapter", "sdxl" if _side(shapes, "conv_in.weight", 1) >= 256 else "sd15")
    return None


def _ip_adapter(shapes: Shapes) -> Probed:
    """By how the picture is projected: once (plain), by a resampler (plus), or from a face's identity (faceid)."""
    keys = next((name for name in shapes if name.endswith("to_k_ip.weight")), "")
    context = _side(shapes, keys, 1)
    base = {768: "sd15", 1024: "sd2", 2048: "sdxl"}.get(context, "")
    if "image_proj.latents" in shapes:
        inner = _side(shapes, "image_proj.proj_in.weight", 1)
        return Probed("ip-adapter", base, "plus", _image_encoder(inner))
    if "image_proj.perceiver_resampler.proj_in.weight" in shapes:
        inner = _side(shapes, "image_proj.perceiver_resampler.proj_in.weight", 1)
        return Probed("ip-adapter", base, "faceid plus", _image_encoder(inner))
    if "image_proj.proj.0.weight" in shapes:
        face = _side(shapes, "image_proj.proj.0.weight", 1) == 512
        return Probed("ip-adapter", base, "faceid" if face else "full", "" if face else "ViT-H")
    embedded = _side(shapes, "image_proj.proj.weight", 1)
    return Probed("ip-adapter", base, "", {1024: "ViT-H", 1280: "ViT-bigG"}.get(embedded, ""))


def _image_encoder(width: int) -> str:
    return {1024: "ViT-L", 1280: "ViT-H", 1664: "ViT-bigG"}.get(width, "")


# ------------------------------------------------------------------------------------------------ whole models


def _whole(shapes: Shapes) -> Probed | None:
    """Checkpoints in one file: a denoiser with its text encoders, its VAE or both beside it."""
    inner = {
        name.removeprefix(head): shape
        for head in ("model.diffusion_model.", "diffusion_model.")
        for name, shape in shapes.items()
        if name.startswith(head)
    }
    if not inner:
        return None
    found = _denoiser(inner) or Probed("unknown")
    beside = any(name.startswith(_BESIDE) for name in shapes)
    if any(name.startswith("conditioner.embedders.1.") for name in shapes):
        found = Probed(found.kind, "sdxl", found.variant)
    elif any(name.startswith("conditioner.embedders.0.model.") for name in shapes):
        found = Probed(found.kind, "sdxl-refiner", found.variant)
    variant = found.variant or next((said for name, said in _PREDICTIONS.items() if name in shapes), "")
    return Probed("checkpoint", found.base, variant) if beside else found


_PREDICTIONS = {"v_pred": "v-prediction", "edm_vpred.sigma_max": "EDM", "edm_mean": "EDM"}
"""Tensors that checkpoints of SDXL's shape carry to say that they predict something else than its noise."""
_BESIDE = ("first_stage_model.", "cond_stage_model.", "conditioner.", "vae.", "text_encoders.")


def _denoiser(shapes: Shapes) -> Probed | None:
    base = next((base(shapes) for name, base in _DENOISERS.items() if name in shapes), "")
    if not base:
        return None
    taken = next((shapes[name] for name in ("input_blocks.0.0.weight", "conv_in.weight") if name in shapes), ())
    # A UNet that gets a mask and the masked picture beside the noise takes 4 + 1 + 4 channels; one that edits, 4 + 4.
    variant = {9: "inpaint", 8: "edit"}.get(taken[1] if len(taken) == 4 else 0, "")
    if base == "flux1-dev" and (came := _side(shapes, "img_in.weight", 1)) in (128, 384):
        variant = "control" if came == 128 else "fill"
    return Probed("denoiser", base, variant)


def _by_context(shapes: Shapes) -> str:
    """Of a UNet or what copies one: the base, by how wide the text it attends to is and how sizes are told to it."""
    context = next((shape[-1] for name, shape in shapes.items() if name.endswith("attn2.to_k.weight") and shape), 0)
    told = next((shapes[name] for name in _TOLD if name in shapes), None)
    if told is None and not any(name.endswith(("label_emb.0.0.weight", "label_emb.0.0.down")) for name in shapes):
        return {768: "sd15", 1024: "sd2", 2048: "sdxl"}.get(context, "")
    return "sdxl-refiner" if context == 1280 or (told and told[-1] == 2560) else "sdxl"


_TOLD = ("add_embedding.linear_1.weight", "label_emb.0.0.weight", "control_model.label_emb.0.0.weight")


def _sd3(shapes: Shapes) -> str:
    if any(name.startswith(("joint_blocks.37.", "transformer_blocks.37.")) for name in shapes):
        return "sd35-large"
    twice = any(".x_block.attn2." in name or name.endswith("attn2.to_q.weight") for name in shapes)
    return "sd35-medium" if twice else "sd3"


def _flux1(shapes: Shapes) -> str:
    guided = any(name.startswith(("guidance_in.", "time_text_embed.guidance_embedder.")) for name in shapes)
    return "flux1-dev" if guided else "flux1-schnell"


def _flux2(shapes: Shapes) -> str:
    names = ("single_stream_modulation.lin.weight", "single_stream_modulation.linear.weight")
    width = next((shapes[name][-1] for name in names if shapes.get(name)), 0)
    return {3072: "flux2-klein-4b", 4096: "flux2-klein-9b", 6144: "flux2-dev"}.get(width, "flux2")


def _constant(base: str) -> Callable[[Shapes], str]:
    return lambda shapes: base


_DENOISERS: Mapping[str, Callable[[Shapes], str]] = {
    "single_stream_modulation.lin.weight": _flux2,
    "single_stream_modulation.linear.weight": _flux2,
    "double_blocks.0.img_attn.norm.key_norm.scale": _flux1,
    "single_transformer_blocks.0.proj_mlp.weight": _flux1,
    "joint_blocks.0.context_block.adaLN_modulation.1.bias": _sd3,
    "transformer_blocks.0.norm1_context.linear.weight": _sd3,
    "all_x_embedder.2-1.weight": _constant("z-image"),
    "layers.0.adaLN_modulation.0.weight": _constant("z-image"),
    "caption_projection.linear_1.weight": lambda shapes: "pixart" if "pos_embed.proj.weight" in shapes else "",
    "y_embedder.y_proj.fc1.weight": _constant("pixart"),
    "input_blocks.0.0.weight": _by_context,
    "down_blocks.0.resnets.0.time_emb_proj.weight": _by_context,
}
"""A name only that architecture has, in its own code and in diffusers', and how to tell its members apart."""


# ------------------------------------------------------------------------------------------------ parts of models


def _encoder(shapes: Shapes) -> Probed | None:
    for name, shape in shapes.items():
        if name.endswith("vision_model.embeddings.patch_embedding.weight") and shape:
            return Probed("image-encoder", "", f"CLIP {_image_encoder(shape[0])}".strip())
        if name.endswith("text_model.embeddings.token_embedding.weight") and len(shape) == 2:
            return Probed("text-encoder", "", {768: "CLIP-L", 1024: "CLIP-H", 1280: "CLIP-bigG"}.get(shape[1], "CLIP"))
    if "encoder.block.0.layer.0.SelfAttention.q.weight" in shapes:
        return Probed("text-encoder", "", "T5")
    if "model.layers.0.self_attn.q_norm.weight" in shapes:
        return Probed("text-encoder", "", "Qwen3")
    return None


def _vae(shapes: Shapes) -> Probed | None:
    for head in ("", "first_stage_model.", "vae."):
        latent = shapes.get(f"{head}decoder.conv_in.weight", ())
        if len(latent) == 4 and f"{head}decoder.conv_out.weight" in shapes:
            # SD 1.5, SD 2 and SDXL share one architecture of four channels; nothing but the numbers tells them apart.
            return Probed("vae", "", f"{latent[1]}-channel")
    if "decoder.layers.0.weight" in shapes or "encoder.layers.0.weight" in shapes or "decoder.1.weight" in shapes:
        return Probed("vae", "", "tiny")
    return None


_UPSCALERS = (
    (
        "ESRGAN",
        r"model\.1\.sub\.0\.RDB1\.conv1\.0\.weight|RRDB_trunk\.0\.RDB1\.conv1\.weight|body\.0\.rdb1\.conv1\.weight",
    ),
    ("HAT", r"layers\.0\.residual_group\.overlap_attn\.qkv\.weight"),
    ("DAT", r"layers\.0\.blocks\.0\.attn\.(qkv\.weight|attns\.0\..*)"),
    ("SwinIR", r"layers\.0\.residual_group\.blocks\.0\.attn\.relative_position_bias_table"),
    ("SPAN", r"block_1\.c1_r\.(sk|eval_conv)\.weight"),
    ("PLKSR", r"feats\.1\.(lk\.conv|channe_mixer\.0|channel_mixer\.0)\.weight"),
)


def _upscaler(shapes: Shapes) -> Probed | None:
    for name, pattern in _UPSCALERS:
        if any(re.fullmatch(pattern, one) for one in shapes):
            return Probed("upscaler", "", name)
    # Compact networks: convolutions and their slopes alternate, numbered through.
    if len(shapes.get("body.0.weight", ())) == 4 and len(shapes.get("body.1.weight", ())) == 1:
        return Probed("upscaler", "", "Compact")
    return None


def _side(shapes: Shapes, name: str, axis: int) -> int:
    shape = shapes.get(name, ())
    return shape[axis] if axis < len(shape) else 0
