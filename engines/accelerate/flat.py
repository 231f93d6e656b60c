"""A painter's networks as graphs: tensors in, tensors out, and everything that changes from picture to picture among
the inputs, so that one graph serves plain pictures, control maps, references and both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import (
    AttnProcessor2_0,
    IPAdapterAttnProcessor,
    IPAdapterAttnProcessor2_0,
)

from engines.accelerate.graph import SDXL, STEP_PX, Frame, Graph, Tensor
from engines.base import EngineError

REFERENCES = (2, 1)
"""How many references a graph takes through the first adapter and through each other one."""


# ------------------------------------------------------------------------------------------------------------- the UNet


def unet(network: Any, frame: Frame = SDXL) -> Graph:
    """The UNet. Its inputs beside the stock ones: `ip_tokens` (B×N×T×C, what the adapters' projections give, N
    references; unused ones zeros), `ip_scale` (L×N, one row a cross-attention in the order of `crossed`; zero is a
    reference that is not there), `ip_masks_F` (B×N×H×W of the latents' size over F; ones count everywhere), and what a
    ControlNet adds as `down_0` … and `mid` (zeros where there is none). Without adapters no `ip_` at all. A UNet that
    learned guidance takes it as `timestep_cond`. Raises `EngineError` for adapters with different numbers of tokens."""
    places = references(network)
    takes = {
        "sample": Tensor(("b", network.config.in_channels, *_at(1, network))),
        **_said(network.config, frame),
    }
    if network.config.time_cond_proj_dim is not None:
        takes["timestep_cond"] = Tensor(("b", network.config.time_cond_proj_dim))
    if places:
        tokens = _tokens(network)
        names, count = crossed(network), len(places)
        takes["ip_tokens"] = Tensor(("b", count, tokens, network.config.cross_attention_dim))
        takes["ip_scale"] = Tensor((len(names), count))
        for factor in sorted({_factor(name, network) for name in names}):
            takes[f"ip_masks_{factor}"] = Tensor(("b", count, *_at(factor, network)))
    takes |= _added(network)
    gives = {"noise": Tensor(("b", network.config.out_channels, *_at(1, network)))}
    flat = _Unet(network, tuple(takes))
    step_px = _step_px(network, frame)
    return Graph("unet", flat, takes, gives, _fill, lambda: _with_tensors(network, places), step_px=step_px)


def crossed(network: Any) -> list[str]:
    """The cross-attentions of a UNet by the names of their processors, in the order of `ip_scale`."""
    return [name for name in network.attn_processors if name.endswith("attn2.processor")]


def references(network: Any) -> tuple[int, ...]:
    """For each place for a reference the adapter it goes through: (0, 0, 1) is two of the first, one of the second."""
    found = [p for p in network.attn_processors.values() if isinstance(p, _ADAPTED)]
    count = len(found[0].to_k_ip) if found else 0
    return tuple(a for a in range(count) for _ in range(REFERENCES[min(a, 1)]))


_ADAPTED = (IPAdapterAttnProcessor, IPAdapterAttnProcessor2_0)


def _tokens(network: Any) -> int:
    counts = {tuple(p.num_tokens) for p in network.attn_processors.values() if isinstance(p, _ADAPTED)}
    each = {count for counted in counts for count in counted}
    if len(each) != 1:
        raise EngineError(
            "The adapters for references and faces do not go into one graph", "Use two of the same kind, or one alone."
        )
    return each.pop()


class _Unet(torch.nn.Module):
    def __init__(self, network: Any, names: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self._names = tuple(names)

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        named = dict(zip(self._names, given, strict=True))
        references = {name: tensor for name, tensor in named.items() if name.startswith("ip_")}
        return self.network(
            named["sample"],
            named["timestep"],
            named["encoder_hidden_states"],
            timestep_cond=named.get("timestep_cond"),
            added_cond_kwargs=_conditions(named),
            cross_attention_kwargs={"references": references} if references else None,
            down_block_additional_residuals=tuple(t for name, t in named.items() if name.startswith("down_")),
            mid_block_additional_residual=named["mid"],
            return_dict=False,
        )[0]


class _Words(AttnProcessor2_0):
    """A self-attention that lets references pass by."""

    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, attn: Any, hidden_states: torch.Tensor, references: Any = None, **rest: Any
    ) -> torch.Tensor:
        return super().__call__(attn, hidden_states, **rest)


class _Crossed(torch.nn.Module):
    """A cross-attention to words and to references, whose weights and masks are tensors.

    Every reference has a softmax of its own, so they are all one product of matrices before and one after it.
    """

    def __init__(self, stock: Any, places: Sequence[int], layer: int, factor: int) -> None:
        super().__init__()
        self.to_k_ip, self.to_v_ip = stock.to_k_ip, stock.to_v_ip
        self._adapters = [(a, places.index(a), places.count(a)) for a in sorted(set(places))]
        self._layer, self._factor = layer, factor

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        references: Any = None,
    ) -> torch.Tensor:
        b, pixels, _ = hidden_states.shape
        inner = attn.to_q.out_features if hasattr(attn.to_q, "out_features") else attn.inner_dim
        split = (attn.heads, inner // attn.heads)
        q = attn.to_q(hidden_states).view(b, pixels, *split).transpose(1, 2)
        k = attn.to_k(encoder_hidden_states).view(b, -1, *split).transpose(1, 2)
        v = attn.to_v(encoder_hidden_states).view(b, -1, *split).transpose(1, 2)
        seen = F.scaled_dot_product_attention(q, k, v)
        # 1. Keys and values of all references, each through its adapter: B×heads×(N·T)×d.
        tokens = references["ip_tokens"]
        count, each = tokens.shape[1], tokens.shape[2]
        parts = [(a, tokens[:, first : first + many].flatten(1, 2)) for a, first, many in self._adapters]
        k = torch.cat([self.to_k_ip[a](t) for a, t in parts], 1).view(b, count * each, *split).transpose(1, 2)
        v = torch.cat([self.to_v_ip[a](t) for a, t in parts], 1).view(b, count * each, *split).transpose(1, 2)
        # 2. What each pixel draws from each reference, by its weight in this layer and its mask.
        scores = (q * split[1] ** -0.5) @ k.transpose(-1, -2)
        drawn = scores.view(b, split[0], pixels, count, each).softmax(dim=-1)
        masks = references[f"ip_masks_{self._factor}"].flatten(2).transpose(1, 2)
        weights = masks * references["ip_scale"][self._layer]
        drawn = (drawn * weights[:, None, :, :, None]).view(b, split[0], pixels, count * each)
        # 3. Words and references together.
        seen = (seen + drawn @ v).transpose(1, 2).reshape(b, pixels, inner)
        return attn.to_out[0](seen)


@contextmanager
def _with_tensors(network: Any, places: Sequence[int]) -> Iterator[None]:
    """A UNet whose references come as tensors, and whose adapters' projections are left out."""
    if not places:
        yield
        return
    projection, names = network.encoder_hid_proj, crossed(network)
    # Not those of the projections, which have attentions too.
    stock = {name: old for name, old in network.attn_processors.items() if not name.startswith("encoder_hid_proj.")}
    try:
        for name, old in stock.items():
            crosses = name in names
            new = _Crossed(old, places, names.index(name), _factor(name, network)) if crosses else _Words()
            _seat(network, name).set_processor(new)
        network.encoder_hid_proj = None
        yield
    finally:
        for name, old in stock.items():
            _seat(network, name).set_processor(old)
        network.encoder_hid_proj = projection


def _seat(network: Any, processor: str) -> Any:
    """The attention layer a processor belongs to."""
    return network.get_submodule(processor.removesuffix(".processor"))


def _factor(name: str, network: Any) -> int:
    """How many times smaller than the latents the attention of that name works."""
    last = len(network.config.block_out_channels) - 1
    kind, _, rest = name.partition(".")
    if kind == "mid_block":
        return 2**last
    place = int(rest.split(".")[0])
    return 2 ** (place if kind == "down_blocks" else last - place)


# ------------------------------------------------------------------------------------------------------ the ControlNet


def control(network: Any, maps: int = 1) -> Graph:
    """A ControlNet-Union for so many maps in one pass. `control_type` (B×K) and `tasks` (maps×K, one 1 a row) say what
    the maps are, `map_0` … (B×3×H×W px, 0–1) are the maps, `scales` (maps) their strengths. Out come `down_0` … and
    `mid`."""
    kinds = network.task_embedding.shape[0]
    takes = {
        "sample": Tensor(("b", network.config.in_channels, *_at(1, network))),
        **_said(network.config, SDXL),
        "control_type": Tensor(("b", network.config.num_control_type)),
        "tasks": Tensor((maps, kinds)),
        **{f"map_{n}": Tensor(("b", 3, f"{STEP_PX}*h", f"{STEP_PX}*w")) for n in range(maps)},
        "scales": Tensor((maps,)),
    }
    flat = _Control(network, tuple(takes), maps)
    return Graph(control_name(maps), flat, takes, _added(network), _fill, lambda: _with_tasks(network))


def plain_control(network: Any, frame: Frame = SDXL) -> Graph:
    """A ControlNet of one kind of map, `map_0` (B×3×H×W px, 0–1). Out come `down_0` … and `mid`, at full strength."""
    step_px = _step_px(network, frame)
    takes = {
        "sample": Tensor(("b", network.config.in_channels, *_at(1, network))),
        **_said(network.config, frame),
        "map_0": Tensor(("b", 3, f"{step_px}*h", f"{step_px}*w")),
    }
    flat = _PlainControl(network, tuple(takes))
    return Graph(control_name(1), flat, takes, _added(network), _fill, step_px=step_px)


def control_name(maps: int) -> str:
    """The name of the graph for so many maps in a pass."""
    return "controlnet" if maps == 1 else f"controlnet_{maps}"


class _Control(torch.nn.Module):
    def __init__(self, network: Any, names: Sequence[str], maps: int) -> None:
        super().__init__()
        self.network = network
        self._names, self._maps = tuple(names), maps

    def forward(self, *given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        named = dict(zip(self._names, given, strict=True))
        every = range(self._maps)
        down, mid = self.network(
            named["sample"],
            named["timestep"],
            named["encoder_hidden_states"],
            controlnet_cond=[named[f"map_{n}"] for n in every],
            control_type=named["control_type"],
            control_type_idx=[named["tasks"][n] for n in every],
            conditioning_scale=[named["scales"][n] for n in every],
            added_cond_kwargs=_conditions(named),
            return_dict=False,
        )
        return (*down, mid)


class _PlainControl(torch.nn.Module):
    def __init__(self, network: Any, names: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self._names = tuple(names)

    def forward(self, *given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        named = dict(zip(self._names, given, strict=True))
        down, mid = self.network(
            named["sample"],
            named["timestep"],
            named["encoder_hidden_states"],
            controlnet_cond=named["map_0"],
            added_cond_kwargs=_conditions(named),
            return_dict=False,
        )
        return (*down, mid)


class _Tasks(torch.nn.Module):
    """The embeddings of a ControlNet-Union's tasks, taken by a row with one 1 rather than by a number, which an
    exported graph would keep for ever."""

    def __init__(self, weight: torch.nn.Parameter) -> None:
        super().__init__()
        self.weight = weight

    def __getitem__(self, row: torch.Tensor) -> torch.Tensor:
        return row @ self.weight


@contextmanager
def _with_tasks(network: Any) -> Iterator[None]:
    weight = network.task_embedding
    try:
        del network.task_embedding
        network.task_embedding = _Tasks(weight)
        yield
    finally:
        del network.task_embedding
        network.task_embedding = weight


# --------------------------------------------------------------------------------------------------- parts of the above


def _said(config: Any, frame: Frame) -> dict[str, Tensor]:
    """What is said to a UNet and its ControlNet alike."""
    pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
    return {
        "timestep": Tensor(("b",), "full"),
        "encoder_hidden_states": Tensor(("b", frame.words, config.cross_attention_dim)),
        "text_embeds": Tensor(("b", pooled)),
        "time_ids": Tensor(("b", 6), "full"),
    }


def _conditions(named: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    # Sizes are embedded in single precision; joined to words in half precision the exported graph would not be valid.
    return {"text_embeds": named["text_embeds"].float(), "time_ids": named["time_ids"]}


def _added(network: Any) -> dict[str, Tensor]:
    """What a ControlNet adds to the UNet, by what the network's config says of its blocks."""
    config = network.config
    wide, layers = config.block_out_channels, config.layers_per_block
    found = [(wide[0], 1)]
    for place, channels in enumerate(wide):
        found += [(channels, 2**place)] * (layers if isinstance(layers, int) else layers[place])
        if place < len(wide) - 1:
            found.append((channels, 2 ** (place + 1)))
    added = {f"down_{n}": Tensor(("b", c, *_at(factor, network))) for n, (c, factor) in enumerate(found)}
    return added | {"mid": Tensor(("b", wide[-1], *_at(2 ** (len(wide) - 1), network)))}


def _at(factor: int, network: Any) -> tuple[str, str]:
    """Sizes of a latent that is so many times smaller than the outermost. Raises `EngineError` for other nets."""
    if len(network.config.block_out_channels) != 3:
        raise EngineError("Only networks built like SDXL's can be exported", "Use this painter as it is.")
    times = 2 ** (len(network.config.block_out_channels) - 1) // factor
    return ("h", "w") if times == 1 else (f"{times}*h", f"{times}*w")


def _step_px(network: Any, frame: Frame) -> int:
    """What the innermost latents stand for."""
    return frame.latent_px * 2 ** (len(network.config.block_out_channels) - 1)


def _fill(name: str, sizes: tuple[int, ...]) -> torch.Tensor:
    """Numbers like those of real pictures."""
    if name == "timestep":
        return torch.full(sizes, 749.0)
    if name == "time_ids":
        return torch.tensor([1024.0, 1024.0, 0.0, 0.0, 1024.0, 1024.0]).expand(sizes).clone()
    if name in ("tasks", "control_type"):
        return torch.eye(sizes[1])[torch.arange(sizes[0]) % sizes[1]]
    if name.startswith(("ip_scale", "ip_masks", "map_", "scales")):
        return torch.rand(sizes)
    return torch.randn(sizes) * (0.1 if name.startswith(("down_", "mid")) else 1.0)
