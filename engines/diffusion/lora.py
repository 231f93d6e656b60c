"""LoRAs and their kin, known by their headers: whose naming they use, what kind they are, which model they are for.

Namings: Kohya's scripts (`lora_unet_…`, `lora_te1_…`), LyCORIS (`lycoris_…`), diffusers (`unet.…`, `transformer.…`),
PEFT (`base_model.model.…`) and the models' own (`diffusion_model.…`). Kinds: LyCORIS 3 and PEFT 0.21 name their tensors
as in `_KINDS`. Loads no torch.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.base import EngineError
from engines.tensors import read_safetensors, sayable

Shapes = Mapping[str, tuple[int, ...]]
WORN = ("LoRA", "LoCon", "LoHa", "LoKr")
"""Kinds that can be put on a model: the first two by diffusers, the others by adding what `engines.diffusion.lycoris`
makes of them."""
_FAMILIES = (
    ("PEFT", ("base_model.model.",)),
    ("LyCORIS", ("lycoris_",)),
    ("Kohya", ("lora_unet_", "lora_te_", "lora_te1_", "lora_te2_", "lora_te3_", "lora_transformer_", "lora_prior_")),
    ("diffusers", ("unet.", "transformer.", "text_encoder.", "text_encoder_2.", "text_encoder_3.")),
    ("original", ("diffusion_model.", "model.diffusion_model.")),
)
_KINDS = (
    ("DoRA", r"\.(dora_scale|lora_magnitude_vector(\.\w+)*)"),
    ("LoHa", r"\.hada_(w[12]_[ab]|t[12])(\.\w+)*"),
    ("LoKr", r"\.lokr_(w[12](_[ab])?|t2)(\.\w+)*"),
    ("BOFT", r"\.boft_[Rs](\.\w+)*"),
    ("OFT", r"\.(oft_blocks|oft_diag|oft_[Rrs])(\.\w+)*"),
    ("IA3", r"\.(on_input|ia3_l(\.\w+)*)"),
    ("GLoRA", r"\.[ab][12]\.weight"),
    ("full", r"\.diff(_b)?"),
    ("LoRA", r"[._](lora[._](down|up|mid)|lora_[AB]|lora_linear_layer\.(down|up)|lora_embedding_[AB])(\.\w+)*"),
)
_PART = re.compile("|".join(f"(?P<{kind}>{pattern})$" for kind, pattern in _KINDS))
_ALPHA = re.compile(r"(\.alpha|\.bypass_mode|\.rescale|\.bias)$")
_HEADS = tuple(head for _, heads in _FAMILIES for head in heads)


@dataclass(frozen=True)
class LoraFacts:
    """`family`: whose naming. `kind`: LoRA, LoCon (convolutions too), DoRA, LoHa, LoKr, OFT, BOFT, IA3, GLoRA, full.
    `base`: the model it is for, a key of `engines.diffusion.probe.BASES`; empty where nothing tells. `keys`: how many
    layers it changes. `rank`: that of most layers, 0 where there is no such thing. `words`: what calls it up, as its
    maker says."""

    family: str
    kind: str
    base: str
    keys: int
    rank: int
    words: tuple[str, ...] = ()
    title: str = ""


def lora_of(shapes: Shapes) -> LoraFacts | None:
    """What a file with these tensors is, if it is a LoRA or one of its kin; None for whole models."""
    parts: dict[str, dict[str, tuple[int, ...]]] = {}
    kinds: Counter[str] = Counter()
    for name, shape in shapes.items():
        found = _PART.search(name)
        if found is None:
            continue
        kinds[found.lastgroup or ""] += 1
        parts.setdefault(name[: found.start()], {})[found.group().strip("._")] = shape
    family = _family(parts)
    if not parts or not family or sum(kinds.values()) + _others(shapes) < len(shapes):
        return None
    modules = {_plain(name): tensors for name, tensors in parts.items()}
    kind = _kind(kinds, parts)
    ranks = Counter(
        shape[0] for tensors in parts.values() for name, shape in tensors.items() if _is_down(name) and shape
    )
    rank = ranks.most_common(1)[0][0] if ranks else 0
    return LoraFacts(family, kind, base_of(modules, parts), len(parts), rank)


def _others(shapes: Shapes) -> int:
    """Tensors that come with a kind without telling it: alphas, and the vectors IA3 calls `weight`."""
    ia3 = {name.removesuffix(".on_input") for name in shapes if name.endswith(".on_input")}
    return sum(
        _PART.search(name) is None and (bool(_ALPHA.search(name)) or name.removesuffix(".weight") in ia3)
        for name in shapes
    )


def _family(parts: Iterable[str]) -> str:
    seen = Counter(next((family for family, heads in _FAMILIES if name.startswith(heads)), "") for name in parts)
    if set(seen) == {""} and all(name.startswith(_BARE) for name in parts):
        return "diffusers"
    return seen.most_common(1)[0][0] if seen else ""


_BARE = ("down_blocks.", "mid_block.", "up_blocks.", "transformer_blocks.", "single_transformer_blocks.", "layers.",
         "double_blocks.", "single_blocks.", "text_model.")  # fmt: skip


def _kind(kinds: Mapping[str, int], parts: Mapping[str, Mapping[str, tuple[int, ...]]]) -> str:
    kind = next(kind for kind, _ in _KINDS if kinds.get(kind))
    shapes = [shape for tensors in parts.values() for shape in tensors.values()]
    if kind == "OFT" and any(len(shape) == 4 for shape in shapes):
        return "BOFT"  # LyCORIS calls both `oft_blocks`; butterflies have one more axis.
    kernels = any(len(shape) == 4 and shape[2] > 1 for shape in shapes)
    return "LoCon" if kind == "LoRA" and kernels else kind


def _is_down(part: str) -> bool:
    return part.startswith(("lora_down", "lora.down", "lora_A", "lora_linear_layer.down", "hada_w1_b", "lokr_w2_b"))


def _plain(name: str) -> str:
    """A layer's name without whose naming it is: underscores, no head, no word that only diffusers puts in."""
    head = next((head for head in sorted(_HEADS, key=len, reverse=True) if name.startswith(head)), "")
    plain = name.removeprefix(head).replace(".", "_").replace("processor_", "")
    for second in ("unet_", "transformer_", "diffusion_model_", "model_"):
        if head in ("base_model.model.", "lycoris_") and not plain.startswith("transformer_blocks"):
            plain = plain.removeprefix(second)
    return plain


# ------------------------------------------------------------------------------------------------ which model it is for


def base_of(modules: Mapping[str, Mapping[str, tuple[int, ...]]], named: Iterable[str]) -> str:
    """The base model, by which layers there are and how wide they are."""
    wide = {name: _inner(tensors) for name, tensors in modules.items()}

    def has(pattern: str) -> bool:
        return any(re.search(pattern, name) for name in modules)

    def width(pattern: str) -> int:
        return next((size for name, size in wide.items() if size and re.search(pattern, name)), 0)

    if has(r"^(double|single)_blocks_\d|single_transformer_blocks_\d"):
        return _flux(modules, has, width)
    if has(r"joint_blocks_\d") or has(r"^transformer_blocks_\d+_attn_add_[qkv]_proj"):
        inner = width(r"attn_(qkv|to_[qkv]|add_[qkv]_proj)")
        if inner in (3072, 6144, 4096):
            return _flux(modules, has, width)
        return "sd35-large" if inner == 2432 else "sd35-medium" if has(r"attn2") else "sd3" if inner == 1536 else ""
    if has(r"^(layers|noise_refiner|context_refiner)_\d+_(attention|feed_forward|adaLN)"):
        return "z-image" if width(r"attention_(qkv|to_[qkv])|feed_forward_w1") in (3840, 0) else ""
    if has(r"^transformer_blocks_\d+_attn[12]_"):
        return "pixart" if width(r"attn1_to_[qkv]") == 1152 else ""
    if not has(r"(down|up|input|output)_blocks?_|mid(dle)?_block"):
        return "sdxl" if any(name.startswith(("lora_te2_", "text_encoder_2.")) for name in named) else ""
    context = width(r"attn2_to_[kv]$")
    known = {768: "sd15", 1024: "sd2", 2048: "sdxl", 1280: "sdxl-refiner"}.get(context, "")
    deep = has(r"transformer_blocks_[1-9]_")  # SD 1.5 and 2 have one such block wherever SDXL has two or ten.
    return known or ("sdxl" if deep else "")


def _flux(modules: Iterable[str], has: Any, width: Any) -> str:
    inner = width(r"attn_(qkv|to_[qkv]|add_[qkv]_proj)|linear1$|to_qkv_mlp_proj$|proj_mlp$")
    if inner == 6144:
        return "flux2-dev"
    if inner == 4096:
        return "flux2-klein-9b"
    if has(r"to_qkv_mlp_proj$|_ff_linear_in$|_ff_context_linear_in$|stream_modulation"):
        return "flux2-klein-4b"
    if has(r"single_transformer_blocks_\d+_(attn_to_[qkv]|proj_mlp|norm_linear)|(img|txt)_mod_lin$|modulation_lin$"):
        return "flux1"
    # FLUX.1 has 19 and 38 blocks, klein 4B 5 and 20; both are 3072 wide.
    counts = {kind: [int(n) for name in modules for n in re.findall(rf"^{kind}_(?:transformer_)?blocks_(\d+)_", name)]
              for kind in ("double", "single")}  # fmt: skip
    counts["double"] += [int(n) for name in modules for n in re.findall(r"^transformer_blocks_(\d+)_", name)]
    small = max(counts["double"], default=0) < 5 and max(counts["single"], default=0) < 20
    return "flux2-klein-4b" if small else "flux1"


def _inner(tensors: Mapping[str, tuple[int, ...]]) -> int:
    """How many numbers a layer takes in; 0 where its tensors do not tell."""
    for name, shape in tensors.items():
        if len(shape) >= 2 and ((_is_down(name) and not name.startswith("lokr")) or name in ("diff", "a2.weight")):
            return shape[1]
    first = _side(tensors, "lokr_w1", 1) or _side(tensors, "lokr_w1_b", 1)
    return first * (_side(tensors, "lokr_w2", 1) or _side(tensors, "lokr_w2_b", 1))


def _side(shapes: Shapes, name: str, axis: int) -> int:
    shape = shapes.get(name, ())
    return shape[axis] if axis < len(shape) else 0


# ------------------------------------------------------------------------------------------------ what its maker says

_ARCHITECTURES = (
    ("stable-diffusion-xl-v1-refiner", "sdxl-refiner"), ("stable-diffusion-xl", "sdxl"), ("sdxl", "sdxl"),
    ("stable-diffusion-v1", "sd15"), ("sd_v1", "sd15"), ("stable-diffusion-v2", "sd2"), ("sd_v2", "sd2"),
    ("flux-2", "flux2"), ("flux2", "flux2"), ("flux-1", "flux1"), ("flux1", "flux1"),
    ("stable-diffusion-3", "sd3"), ("sd3", "sd3"),
    ("z-image", "z-image"), ("zimage", "z-image"),
    ("z_image", "z-image"),
)  # fmt: skip
_MOST_WORDS = 5


def base_said(metadata: Mapping[str, str]) -> str:
    """The base model that metadata name; empty where they name none."""
    said = (metadata.get("modelspec.architecture") or metadata.get("ss_base_model_version") or "").lower()
    return next((base for start, base in _ARCHITECTURES if said.startswith(start)), "")


def words_said(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The words that call it up: its maker's trigger phrase, else the most frequent tags it was trained on."""
    phrase = metadata.get("modelspec.trigger_phrase", "")
    if phrase.strip():
        words = [word.strip() for word in phrase[:500].split(",")]
    else:
        words = [tag.strip() for tag, _ in _tags(metadata.get("ss_tag_frequency", "")).most_common(_MOST_WORDS)]
    return tuple(sayable(word[:80]) for word in words if word)[:_MOST_WORDS]


def _tags(text: str) -> Counter[str]:
    tags: Counter[str] = Counter()
    try:
        folders = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return tags
    for counted in folders.values() if isinstance(folders, dict) else ():
        for tag, count in counted.items() if isinstance(counted, dict) else ():
            if type(count) is int and 0 < count < 1 << 40:
                tags[tag] += count
    return tags


def read_lora(path: Path) -> LoraFacts:
    """What a file is, header before metadata. Raises `EngineError` for a file of a kind that may run code, one that is
    not sound, and one that is no LoRA."""
    if path.suffix.lower() != ".safetensors":
        raise EngineError(
            f"{path.name} is of a kind that may run code when it is opened", "Use the safetensors file of the LoRA."
        )
    header = read_safetensors(path)
    found = lora_of({name: tensor.shape for name, tensor in header.tensors.items()})
    if found is None:
        raise EngineError(f"{path.name} is not a LoRA", "Choose a LoRA: a small safetensors file trained on a model.")
    title = header.metadata.get("modelspec.title") or header.metadata.get("ss_output_name") or path.stem
    return LoraFacts(
        found.family, found.kind, found.base or base_said(header.metadata), found.keys, found.rank,
        words_said(header.metadata), title[:120],
    )  # fmt: skip


def check(path: Path, base: str) -> LoraFacts:
    """A LoRA that a model of `base` (`sdxl`, `flux2-klein-4b`, `z-image`) can wear. Raises `EngineError` with the
    reason when it is for another model, or of a kind that cannot be worn. Where nothing tells its base it passes:
    whether its layers are in the model shows when it is put on."""
    from engines.diffusion.probe import BASES

    facts = read_lora(path)
    if facts.kind not in WORN:
        raise EngineError(
            f"{path.name} is of the kind {facts.kind}, which cannot be put on here",
            f"Use one of these kinds: {', '.join(WORN)}.",
        )
    if facts.base in (base, "") or (facts.base == "flux2" and base.startswith("flux2")):
        return facts
    made_for, ours = BASES[facts.base], BASES[base]
    raise EngineError(f"{path.name} is for {made_for}, not for {ours}", f"Use a LoRA made for {ours}.")
