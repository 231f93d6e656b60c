"""What turns pictures and words into numbers and back, as graphs: the VAE's two halves, the text encoders, the image
encoder. See `engines.accelerate.flat`."""

from __future__ import annotations

from typing import Any

import torch

from engines.accelerate.graph import LATENT_PX, STEP_PX, TOKENS, Graph, Tensor

_LATENT = (f"{STEP_PX // LATENT_PX}*h", f"{STEP_PX // LATENT_PX}*w")
_PICTURE = (f"{STEP_PX}*h", f"{STEP_PX}*w")


def vae_decoder(network: Any) -> Graph:
    """`latents` (unscaled) to `picture` (−1…1), one at a time, as pictures are decoded one by one."""
    takes = {"latents": Tensor((1, network.config.latent_channels, *_LATENT))}
    gives = {"picture": Tensor((1, 3, *_PICTURE))}
    return Graph("vae_decoder", _Decoder(network), takes, gives, _fill, exporter="script")


def vae_encoder(network: Any) -> Graph:
    """`picture` (−1…1) to `moments`, the mean and the logarithm of the variance of the latents; one at a time."""
    takes = {"picture": Tensor((1, 3, *_PICTURE))}
    gives = {"moments": Tensor((1, 2 * network.config.latent_channels, *_LATENT))}
    return Graph("vae_encoder", _Encoder(network), takes, gives, _fill, exporter="script")


def text_encoder(network: Any, name: str = "text_encoder") -> Graph:
    """`input_ids` of one window to `tokens` (of the last layer but one) and `pooled`. `name` is `text_encoder` or
    `text_encoder_2`."""
    width, config = network.config.hidden_size, network.config
    takes = {"input_ids": Tensor((1, TOKENS), "ids")}
    pooled = config.projection_dim if name == "text_encoder_2" else width
    gives = {"tokens": Tensor((1, TOKENS, width)), "pooled": Tensor((1, pooled))}

    def fill(_: str, sizes: tuple[int, ...]) -> torch.Tensor:
        ids = torch.randint(1, config.vocab_size - 2, sizes)
        ids[:, 0], ids[:, -1] = config.bos_token_id or 0, config.eos_token_id or config.vocab_size - 1
        return ids

    return Graph(name, _Reader(network), takes, gives, fill)


def image_encoder(network: Any) -> Graph:
    """`pixels` (normalised, one picture) to `tokens` of the last layer but one and `pooled`: what the adapters read."""
    config = network.config
    side, patches = config.image_size, (config.image_size // config.patch_size) ** 2
    takes = {"pixels": Tensor((1, 3, side, side))}
    gives = {"tokens": Tensor((1, patches + 1, config.hidden_size)), "pooled": Tensor((1, config.projection_dim))}
    return Graph("image_encoder", _Viewer(network), takes, gives, _fill)


def _fill(_: str, sizes: tuple[int, ...]) -> torch.Tensor:
    return torch.randn(sizes).clamp(-2, 2)


class _Flat(torch.nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network


class _Decoder(_Flat):
    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return self.network.decode(latents, return_dict=False)[0]


class _Encoder(_Flat):
    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        moments = self.network.encoder(picture)
        return moments if self.network.quant_conv is None else self.network.quant_conv(moments)


class _Reader(_Flat):
    def forward(self, input_ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        said = self.network(input_ids, output_hidden_states=True)
        # The encoder with a projection gives the pooled vector first, the other one second.
        return said.hidden_states[-2], said[0] if said[0].ndim == 2 else said[1]


class _Viewer(_Flat):
    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen = self.network(pixels, output_hidden_states=True)
        return seen.hidden_states[-2], seen.image_embeds
