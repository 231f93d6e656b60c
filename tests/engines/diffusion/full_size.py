"""The networks of the profiles at full size, from their published configs, without weights; and a counter of the most
bytes of tensors alive at once.

Sources: the `config.json` of stabilityai/stable-diffusion-xl-base-1.0, xinsir/controlnet-union-sdxl-1.0 (promax),
h94/IP-Adapter (sdxl_models, ViT-H), madebyollin/taesdxl, black-forest-labs/FLUX.2-klein-4B, Tongyi-MAI/Z-Image-Turbo,
Qwen/Qwen3-4B; what an adapter or a ControlNet of Z-Image holds follows from the shapes in its file.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from engines.accelerate.random_weights import CONTROLNET, UNET, VAE


def unet() -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(**UNET)


def control_union() -> Any:
    from diffusers import ControlNetUnionModel

    return ControlNetUnionModel(**CONTROLNET)


def vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(**VAE)


def clip_l() -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12, vocab_size=49408
        )
    )


def clip_g() -> Any:
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    sizes = {"hidden_size": 1280, "intermediate_size": 5120, "num_attention_heads": 20, "num_hidden_layers": 32}
    return CLIPTextModelWithProjection(
        CLIPTextConfig(vocab_size=49408, projection_dim=1280, hidden_act="gelu", **sizes)
    )


def vit_h() -> Any:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    sizes = {"hidden_size": 1280, "intermediate_size": 5120, "num_attention_heads": 16, "num_hidden_layers": 32}
    return CLIPVisionModelWithProjection(CLIPVisionConfig(image_size=224, patch_size=14, projection_dim=1024, **sizes))


def resampler() -> Any:
    from diffusers.models.embeddings import IPAdapterPlusImageProjection

    return IPAdapterPlusImageProjection(1280, 2048, 1280, depth=4, dim_head=64, heads=20, num_queries=16)


def keys_and_values(of: Any) -> int:
    """Parameters that an IP-Adapter adds to the cross-attentions of a UNet: a second key and value each."""
    return sum(2 * p.numel() for name, p in of.named_parameters() if name.endswith("attn2.to_k.weight"))


def taesd() -> Any:
    from diffusers import AutoencoderTiny

    return AutoencoderTiny(latent_channels=4)


def klein() -> Any:
    from diffusers import Flux2Transformer2DModel

    return Flux2Transformer2DModel(
        num_layers=5,
        num_single_layers=20,
        num_attention_heads=24,
        attention_head_dim=128,
        joint_attention_dim=7680,
        guidance_embeds=False,
    )


def flux2_vae() -> Any:
    from diffusers import AutoencoderKLFlux2

    return AutoencoderKLFlux2()


def qwen3_4b() -> Any:
    from transformers import Qwen3Config, Qwen3Model

    sizes = {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32}
    return Qwen3Model(Qwen3Config(vocab_size=151936, num_key_value_heads=8, head_dim=128, **sizes))


def z_image() -> Any:
    from diffusers import ZImageTransformer2DModel

    return ZImageTransformer2DModel()


def z_image_control() -> Any:
    from diffusers import ZImageControlNetModel

    return ZImageControlNetModel(
        control_layers_places=list(range(0, 30, 2)), control_refiner_layers_places=[0, 1], control_in_dim=33,
        add_control_noise_refiner="control_noise_refiner",
    )  # fmt: skip


def z_image_vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(**{**VAE, "latent_channels": 16, "use_quant_conv": False, "use_post_quant_conv": False})


def on_meta(make: Callable[[], Any], dtype: torch.dtype = torch.float16) -> Any:
    with torch.device("meta"):
        return make().to(dtype).eval().requires_grad_(False)


def numbers(network: Any) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def empty(*shape: int, dtype: torch.dtype = torch.float16) -> torch.Tensor:
    return torch.empty(*shape, device="meta", dtype=dtype)


class _Alive(TorchDispatchMode):
    """Counts the bytes of storages that are alive, from their making to their end; those of `network` not at all."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.now = self.most = 0
        self._known = {t.untyped_storage()._cdata for t in (*network.parameters(), *network.buffers())}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in self._known:
                self._count(tensor.untyped_storage())
        return out

    def _count(self, storage: Any) -> None:
        size, key = storage.nbytes(), storage._cdata
        self._known.add(key)
        self.now += size
        self.most = max(self.most, self.now)

        def gone() -> None:
            self._known.discard(key)
            self.now -= size

        weakref.finalize(storage, gone)


def most_alive(network: Any, run: Callable[[], Any]) -> int:
    """The most bytes of tensors alive at once while `run` uses a network on the meta device, weights left out."""
    alive = _Alive(network)
    with torch.no_grad(), flash(), alive:
        run()
    return alive.most


@contextmanager
def flash() -> Iterator[None]:
    """Attention that keeps no scores, as the kernels of a card do; the meta device would write them out."""
    stock = F.scaled_dot_product_attention

    def without_scores(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> Any:
        return torch.empty_like(query[..., : value.shape[-1]])

    F.scaled_dot_product_attention = without_scores
    try:
        yield
    finally:
        F.scaled_dot_product_attention = stock
