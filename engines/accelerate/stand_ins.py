"""What stands in for a UNet, a ControlNet-Union and a VAE in the stock pipelines and in our painter: the same
interface, run by a session of an exported graph (`engines.accelerate.flat`), whatever runs that.

The painter sets what references count for by the `scale` of attention processors, so a stand-in has such processors,
of which only that is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Protocol

import torch
from diffusers.configuration_utils import FrozenDict
from diffusers.image_processor import IPAdapterMaskProcessor
from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput

from engines.accelerate.graph import LATENT_PX, TOKENS
from engines.accelerate.sizes import Size
from engines.base import AdapterFile, EngineError
from engines.diffusion.family import Work
from engines.diffusion.nets import arrange, heard


class Session(Protocol):
    """Something that runs one graph. Sizes of inputs are in words where they change."""

    device: torch.device

    @property
    def inputs(self) -> Mapping[str, tuple[Size, ...]]: ...

    def dtype(self, name: str) -> torch.dtype:
        """The kind of number of an input."""
        ...

    def takes(self, sizes: Mapping[str, Sequence[int]]) -> bool:
        """Whether it can run inputs of these sizes, of which some may be left out."""
        ...

    def sizes(self, given: Mapping[str, Sequence[int]]) -> Mapping[str, tuple[int, ...]] | None:
        """The sizes of all inputs where some have these; None where it takes none such."""
        ...

    def run(self, given: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """Outputs by name, in tensors that are the caller's. Raises `EngineError` for inputs that do not fit."""
        ...


class _StandIn(torch.nn.Module):
    """A network's face. Nothing of it can be moved or cast: its session lies where it lies."""

    def __init__(self, config: Mapping[str, Any], session: Session, first: str) -> None:
        super().__init__()
        self.config = config if isinstance(config, FrozenDict) else FrozenDict(dict(config))
        self.device = session.device
        self.dtype = session.dtype(first)
        self.requires_grad_(False)


class _Weights(IPAdapterAttnProcessor2_0):
    """What is left of a cross-attention: how much each reference counts in it."""

    def __init__(self, adapters: int) -> None:
        torch.nn.Module.__init__(self)
        self.scale: list[Any] = [0.0] * adapters


class UnetStandIn(_StandIn):
    """A UNet run by a session of `flat.unet`.

    `layers` are the cross-attentions by name (`flat.crossed`), `places` the adapter of each place for a reference
    (`flat.references`), `projection` is the UNet's `encoder_hid_proj`, on the session's device. `worn` are the LoRAs
    that are in the engine's weights.
    """

    def __init__(
        self,
        session: Session,
        config: Mapping[str, Any],
        layers: Sequence[str] = (),
        places: Sequence[int] = (),
        projection: Any = None,
        worn: Sequence[AdapterFile] = (),
    ) -> None:
        super().__init__(config, session, "sample")
        expected = (len(layers), len(places)) if places else None
        if session.inputs.get("ip_scale") != expected:
            raise EngineError("The engine was built for other adapters", "Build it again.")
        self.encoder_hid_proj = projection
        adapters = len(set(places))
        self.attn_processors = {name: _Weights(adapters) for name in layers} if places else {}
        size = self.config["projection_class_embeddings_input_dim"]
        self.add_embedding = SimpleNamespace(linear_1=SimpleNamespace(in_features=size))
        self._session, self._places, self._worn = session, tuple(places), frozenset(_key(a) for a in worn)
        self._zeros: dict[tuple[Any, ...], torch.Tensor] = {}
        self._seen: tuple[Any, Any, dict[str, torch.Tensor]] | None = None

    def why_not(self, work: Work, batch: int = 1, windows: int = 1) -> str | None:
        """Why so many works like this one, whose words fill so many windows, need the network itself; None when they
        do not."""
        rows = batch * (2 if work.guidance > 1 and self.config["time_cond_proj_dim"] is None else 1)
        latent = (work.height_px // LATENT_PX, work.width_px // LATENT_PX)
        sample = (rows, self.config["in_channels"], *latent)
        if not self._session.takes({"sample": sample}):
            several = f", {rows} at once" if rows > 1 else ""
            return f"the engine is not built for {work.width_px}×{work.height_px} px{several}"
        words = (rows, TOKENS * windows, self.config["cross_attention_dim"])
        if not self._session.takes({"sample": sample, "encoder_hidden_states": words}):
            return f"the words fill {windows} windows, which the engine is not built for"
        faces = sum(r.use == "face" for r in work.references)
        others = len(work.references) - faces
        many = [self._places.count(a) for a in sorted(set(self._places))]
        if (others > max(many, default=0)) or (faces > (many[-1] if many else 0)):
            return f"{len(work.references)} references are more than the engine takes"
        if frozenset(_key(a) for a in work.adapters) != self._worn:
            return "the engine is built without these LoRAs" if work.adapters else "the engine has a LoRA in it"
        return None

    def forward(
        self,
        sample: torch.Tensor,
        timestep: Any,
        encoder_hidden_states: torch.Tensor,
        added_cond_kwargs: Mapping[str, Any],
        cross_attention_kwargs: Mapping[str, Any] | None = None,
        return_dict: bool = False,
        **rest: Any,
    ) -> tuple[torch.Tensor]:
        """As `UNet2DConditionModel.forward` with `return_dict=False`. Raises `EngineError` for what the graph has no
        input for."""
        down = rest.pop("down_block_additional_residuals", None)
        mid = rest.pop("mid_block_additional_residual", None)
        literal = rest.pop("timestep_cond", None) if "timestep_cond" in self._session.inputs else None
        left = [name for name, value in rest.items() if value is not None]
        if return_dict or left:
            raise EngineError(f"The engine has no input for {', '.join(left) or 'a dictionary'}", "")
        given = _said(sample, timestep, encoder_hidden_states, added_cond_kwargs)
        if literal is not None:
            given["timestep_cond"] = literal
        # 1. References.
        if self._places:
            masks = (cross_attention_kwargs or {}).get("ip_adapter_masks")
            given |= self._referred(sample, added_cond_kwargs["image_embeds"], masks)
        # 2. What a ControlNet adds; nothing is zeros.
        added = dict(zip((f"down_{n}" for n in range(len(down or ()))), down or (), strict=True))
        given |= {**added, "mid": mid} if mid is not None else added
        sizes = self._session.sizes({name: given[name].shape for name in ("sample", "encoder_hidden_states")}) or {}
        for name in sizes:
            if name not in given:
                given[name] = self._nothing(name, sizes[name])
        return (self._session.run(given)["noise"].to(sample.dtype),)

    def _nothing(self, name: str, numbers: tuple[int, ...]) -> torch.Tensor:
        key = (name, numbers)
        if key not in self._zeros:
            self._zeros = {k: v for k, v in self._zeros.items() if k[0] != name}
            self._zeros[key] = torch.zeros(numbers, dtype=self._session.dtype(name), device=self.device)
        return self._zeros[key]

    def _referred(self, sample: torch.Tensor, embeds: list[torch.Tensor], masks: Any) -> dict[str, torch.Tensor]:
        masks = list(masks) if masks is not None else [None] * len(embeds)
        if self._seen is None or self._seen[0] is not embeds or not _are(self._seen[1], masks):
            self._seen = (embeds, masks, self._looked(sample, embeds, masks))
        counts = [e.shape[1] for e in embeds]
        rows = []
        for weights in self.attn_processors.values():
            row = [0.0] * len(self._places)
            for adapter, scale in enumerate(weights.scale):
                first = self._places.index(adapter)
                each = scale if isinstance(scale, list) else [scale] * counts[adapter]
                if len(each) > 1 and masks[adapter] is None and any(each):
                    raise EngineError("The engine does not look at several references as one", "")
                row[first : first + len(each)] = each
            rows.append(row)
        return {**self._seen[2], "ip_scale": torch.tensor(rows, dtype=self.dtype)}

    def _looked(
        self, sample: torch.Tensor, embeds: list[torch.Tensor], masks: Sequence[torch.Tensor | None]
    ) -> dict[str, torch.Tensor]:
        """Tokens and masks of all references at their places: the same in every step, so made once a picture."""
        rows, (high, wide) = sample.shape[0], sample.shape[-2:]
        seen = self.encoder_hid_proj(embeds)
        inputs = self._session.inputs
        tokens = torch.zeros((rows, *inputs["ip_tokens"][1:]), dtype=self.dtype, device=self.device)  # pyright: ignore
        factors = [int(name.rpartition("_")[2]) for name in inputs if name.startswith("ip_masks_")]
        made = {f: torch.ones(rows, len(self._places), high // f, wide // f, device=self.device) for f in factors}
        for adapter, (some, mask) in enumerate(zip(seen, masks, strict=True)):
            first, count = self._places.index(adapter), some.shape[1]
            if count > self._places.count(adapter):
                raise EngineError(f"The engine takes {self._places.count(adapter)} references, not {count}", "")
            tokens[:, first : first + count] = some
            if mask is None:
                continue
            for f, full in made.items():
                for n in range(count):
                    small = IPAdapterMaskProcessor.downsample(mask[:, n], rows, (high // f) * (wide // f), 1)
                    full[:, first + n] = small.reshape(rows, high // f, wide // f)
        return {"ip_tokens": tokens, **{f"ip_masks_{f}": full for f, full in made.items()}}


class ControlStandIn(_StandIn):
    """A ControlNet-Union run by sessions of `flat.control`, by the number of maps in one pass; for `nets.Passes`."""

    def __init__(self, sessions: Mapping[int, Session], config: Mapping[str, Any]) -> None:
        super().__init__(config, next(iter(sessions.values())), "sample")
        self._sessions = dict(sessions)
        # The pipelines ask a module for its first number's kind.
        self.register_buffer("kind", torch.zeros((), dtype=self.dtype, device=self.device), persistent=False)

    def why_not(self, work: Work) -> str | None:
        """Why the maps of a work need the network itself; None when they do not."""
        for places in arrange(heard(work.controls)):
            if len(places) not in self._sessions:
                return f"no engine takes {len(places)} maps at once"
        return None

    def forward(
        self,
        sample: torch.Tensor,
        timestep: Any,
        encoder_hidden_states: torch.Tensor,
        controlnet_cond: Sequence[torch.Tensor],
        control_type: torch.Tensor,
        control_type_idx: Sequence[int],
        conditioning_scale: Sequence[float],
        **rest: Any,
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """As `ControlNetUnionModel.forward` with `return_dict=False`. Raises `EngineError` for what the graph has no
        input for."""
        session = self._sessions.get(len(controlnet_cond))
        conditions = rest.pop("added_cond_kwargs")
        left = [name for name, value in rest.items() if value not in (None, False)]
        if session is None or left:
            raise EngineError(f"No engine takes {', '.join(left) or f'{len(controlnet_cond)} maps at once'}", "")
        given = _said(sample, timestep, encoder_hidden_states, conditions)
        given["control_type"] = control_type
        given["tasks"] = torch.nn.functional.one_hot(
            torch.tensor(control_type_idx),
            session.inputs["tasks"][1],  # pyright: ignore[reportArgumentType]
        )
        given |= {f"map_{n}": one for n, one in enumerate(controlnet_cond)}
        given["scales"] = torch.tensor(conditioning_scale)
        made = session.run(given)
        down = [made[f"down_{n}"] for n in range(len(made) - 1)]
        return down, made["mid"]


class VaeStandIn(_StandIn):
    """A VAE run by sessions of `coders.vae_decoder` and `coders.vae_encoder`. `network` is the VAE itself, for sizes
    that no session takes."""

    def __init__(
        self, decoder: Session, encoder: Session | None, config: Mapping[str, Any], network: Any = None
    ) -> None:
        super().__init__(config, decoder, "latents")
        self._decoder, self._encoder, self._network = decoder, encoder, network

    def why_not(self, work: Work) -> str | None:
        """Why a work's size needs the network itself; None when it does not."""
        if self.config.get("force_upcast") and self.dtype == torch.float16:
            return "this VAE overflows in half precision"
        latent = (work.height_px // LATENT_PX, work.width_px // LATENT_PX)
        if not self._decoder.takes({"latents": (1, self.config["latent_channels"], *latent)}):
            return f"the engine is not built for {work.width_px}×{work.height_px} px"
        return None

    def decode(self, z: torch.Tensor, return_dict: bool = True, generator: Any = None) -> Any:
        """As `AutoencoderKL.decode`, one picture at a time."""
        if not self._decoder.takes({"latents": (1, *z.shape[1:])}):
            return self._itself(z).decode(z, return_dict=return_dict)
        pictures = torch.cat([self._decoder.run({"latents": one[None]})["picture"] for one in z])
        return DecoderOutput(pictures) if return_dict else (pictures,)

    def encode(self, x: torch.Tensor, return_dict: bool = True) -> Any:
        """As `AutoencoderKL.encode`, one picture at a time."""
        if self._encoder is None or not self._encoder.takes({"picture": (1, *x.shape[1:])}):
            return self._itself(x).encode(x, return_dict=return_dict)
        moments = torch.cat([self._encoder.run({"picture": one[None]})["moments"] for one in x])
        found = DiagonalGaussianDistribution(moments)
        return AutoencoderKLOutput(found) if return_dict else (found,)

    def enable_tiling(self) -> None:
        """An engine's memory is what it is; the network itself obeys."""
        self._tell("enable_tiling")

    def disable_tiling(self) -> None:
        """See `enable_tiling`."""
        self._tell("disable_tiling")

    def enable_slicing(self) -> None:
        """Slices of one picture are what an engine works on anyway."""
        self._tell("enable_slicing")

    def disable_slicing(self) -> None:
        """See `enable_slicing`."""
        self._tell("disable_slicing")

    def _tell(self, verb: str) -> None:
        if self._network is not None:
            getattr(self._network, verb)()

    def _itself(self, tensor: torch.Tensor) -> Any:
        if self._network is None:
            size = "×".join(str(side) for side in tensor.shape[-2:])
            raise EngineError(f"The VAE's engine does not take {size}", "Build one for this size.")
        return self._network


def _said(sample: torch.Tensor, timestep: Any, words: torch.Tensor, more: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    time = torch.as_tensor(timestep, dtype=torch.float32, device=sample.device).reshape(-1).expand(sample.shape[0])
    return {
        "sample": sample, "timestep": time, "encoder_hidden_states": words,
        "text_embeds": more["text_embeds"], "time_ids": more["time_ids"],
    }  # fmt: skip


def _are(some: Sequence[Any], others: Sequence[Any]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def _key(adapter: AdapterFile) -> tuple[str, float]:
    return adapter.digest or str(adapter.path), adapter.weight
