"""Where the autoencoder starts: as a linear one of wavelets, which it then bends.

The stock class has no normalisation, and from its own random start learns luma long before colour. Here every channel
begins with a negated twin, so that rectifying loses nothing ("looks linear", Balduzzi et al., The shattered gradients
problem, 2017), blocks pass through, and latents are Haar coefficients: mean colour of a cell, its halves' and quarters'
differences in brightness, and a little of the colour's.
"""

from __future__ import annotations

import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.models.autoencoders.vae import AutoencoderTinyBlock  # type: ignore[attr-defined]
from torch import Tensor, nn

from .nets import CHANNELS

OPPONENT = ((1 / 3, 1 / 3, 1 / 3), (0.5, 0.0, -0.5), (0.25, -0.5, 0.25))
"""RGB to brightness, red against blue, green against both."""
REST, HINT = 0.4, 0.02
"""How strong the random channels are that have no task yet, and what is added to those that have."""


def _outer(down: tuple[float, float, float], across: tuple[float, float, float]) -> Tensor:
    return torch.outer(torch.tensor(down), torch.tensor(across))


def begin(net: AutoencoderTiny, sample: Tensor) -> None:
    """Set a fresh autoencoder up; `sample` (N×3×H×W in −1…1) tells how wide each latent is, so that all get 1."""
    half, less = (0.0, 0.5, 0.5), (0.0, 0.5, -0.5)
    box, across, down, both = _outer(half, half), _outer(half, less), _outer(less, half), _outer(less, less)
    corners = [_outer(y, x) for y in ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0)) for x in ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0))]
    carry = [(row, row, box) for row in range(3)]
    details = [(3, 0, across), (4, 0, down), (5, 0, both)]
    quarters = [(6 + i, 3, kernel) for i, kernel in enumerate(corners)]
    quarters += [(10 + i, 4, kernel) for i, kernel in enumerate(corners)]
    point = _outer((0.0, 1.0, 0.0), (0.0, 1.0, 0.0))
    straight = [(row, row, point) for row in range(CHANNELS)]
    mix = torch.tensor(OPPONENT)
    colours = [(row, place, mix[row, place] * point) for row in range(3) for place in range(3)]
    last = [*carry, *details, *quarters, (14, 1, across), (15, 1, down)]
    _set(net.encoder, [colours, carry, carry, [*carry, *details], last, straight])

    soft, rise = (0.25, 0.5, 0.25), (-1.0, 0.0, 1.0)
    smooth, across, down, both = _outer(soft, soft), _outer(soft, rise), _outer(rise, soft), _outer(rise, rise)
    spread = [(row, row, smooth) for row in range(3)]
    halves = [(0, 3, across), (0, 4, down)]
    first = [*spread, *halves, (0, 5, both), (1, 14, across), (1, 15, down)]
    first += [(3 + i // 4, 6 + i, smooth / 4) for i in range(8)]
    back = torch.linalg.inv(mix)
    picture = [(row, place, back[row, place] * point) for row in range(3) for place in range(3)]
    _set(net.decoder, [straight, first, [*spread, *halves], spread, spread, picture])
    _level(net, sample)


Entry = tuple[int, int, Tensor]
"""Channel made, channel read, 3×3 kernel."""


def _set(part: nn.Module, plan: list[list[Entry]]) -> None:
    layers = list(part.layers)  # type: ignore[arg-type]
    for block in layers:
        if isinstance(block, AutoencoderTinyBlock):
            inner = [layer for layer in block.conv if isinstance(layer, nn.Conv2d)]
            for layer in inner:
                nn.init.kaiming_normal_(layer.weight)
                nn.init.constant_(layer.bias if layer.bias is not None else torch.zeros(()), 0)
            nn.init.zeros_(inner[-1].weight)
    trunk = [place for place, layer in enumerate(layers) if isinstance(layer, nn.Conv2d)]
    for entries, place in zip(plan, trunk, strict=True):
        before = [layer for layer in layers[:place] if not isinstance(layer, nn.Upsample)]
        twice = bool(before) and isinstance(before[-1], nn.Conv2d)  # its twins come unrectified, and add up
        _weigh(layers[place], entries, place == trunk[0], place == trunk[-1], 0.5 if twice else 1.0)


@torch.no_grad()
def _weigh(layer: nn.Conv2d, entries: list[Entry], first: bool, last: bool, factor: float) -> None:
    """Fill a convolution; a side that meets twins is doubled."""
    made, read = layer.out_channels // (1 if last else 2), layer.in_channels // (1 if first else 2)
    weight = torch.randn(made, read, 3, 3) / (9 * read) ** 0.5
    named = torch.zeros(made, dtype=torch.bool)
    named[[row for row, _, _ in entries if row < made]] = True
    weight = torch.where(named[:, None, None, None], HINT * weight, REST * weight)
    for row, place, kernel in entries:
        if row < made and place < read:
            weight[row, place] += kernel
    weight = weight * factor
    weight = weight if first else torch.cat([weight, -weight], 1)
    layer.weight.copy_(weight if last else torch.cat([weight, -weight], 0))
    if layer.bias is not None:
        layer.bias.zero_()


@torch.no_grad()
def _level(net: AutoencoderTiny, sample: Tensor) -> None:
    """Centre brightness, and give every latent the spread of 1 over the sample."""
    encoder, decoder = (
        [layer for layer in part.layers if isinstance(layer, nn.Conv2d)] for part in (net.encoder, net.decoder)
    )
    half = encoder[0].out_channels // 2
    for layer, places in ((encoder[0], ((0, -0.5), (half, 0.5))), (decoder[-1], ((0, 0.5), (1, 0.5), (2, 0.5)))):
        if layer.bias is not None:
            for place, value in places:
                layer.bias[place] = value
    spread = net.encoder(sample).std((0, 2, 3)).clamp(min=1e-3)
    encoder[-1].weight.div_(spread[:, None, None, None])
    decoder[0].weight.mul_(spread[None, :, None, None])
