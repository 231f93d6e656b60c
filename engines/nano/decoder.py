"""The stage that sharpens the decoder while the encoder, and with it every latent there is, stays as it is.

A small critic looks at patches, as in Isola et al. (pix2pix, 2017), with the hinge loss; it sees latents beside the
picture, so that detail is asked for where it belongs. Its share is weighed so that its gradient on the last layer is a
set part of the other losses' (Esser et al., Taming transformers, 2021): too small a share is what keeps such decoders
soft.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from torch import Tensor, nn
from torch.nn import functional

from . import autoencoder
from .autoencoder import CROP_PX, NOISE, Crops
from .learn import Source, Stage, Task, learned, tensor
from .nets import CHANNELS
from .nets import autoencoder as fresh

NAME, CRITIC = "decoder", "decoder-critic"
RATE, CRITIC_RATE = 4e-4, 6e-4
ALONE = 0.25
"""Share of the time without the critic's word, in which it learns by watching."""
SHARE = 0.35


class Critic(nn.Module):
    """N×3×H×W in −1…1 and its latents to log-odds, one for each 8×8 px, that a patch is a render."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, 32, 4, 2, 1)
        self.inner = nn.Sequential(
            nn.LeakyReLU(0.2), nn.Conv2d(32, 64, 4, 2, 1), nn.GroupNorm(8, 64), nn.LeakyReLU(0.2),
            nn.Conv2d(64, 96, 4, 2, 1), nn.GroupNorm(8, 96), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.beside = nn.Conv2d(CHANNELS, 96, 1)
        self.leave = nn.Sequential(nn.Conv2d(96, 96, 3, 1, 1), nn.LeakyReLU(0.2), nn.Conv2d(96, 1, 1))

    def forward(self, picture: Tensor, latents: Tensor) -> Tensor:
        seen = self.inner(self.enter(picture))
        return self.leave(seen + functional.interpolate(self.beside(latents), seen.shape[-2:], mode="nearest"))


def train(source: Source, task: Task) -> None:
    """Train until the task's time is spent."""
    torch.manual_seed(task.seed + 2000)
    net = learned(fresh(task.sizes), task, autoencoder.NAME).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    stage: Stage[nn.Module] = Stage.begin(net.decoder.requires_grad_(True), task, NAME, RATE)
    critic: Stage[Critic] = Stage.begin(Critic(), task, CRITIC, CRITIC_RATE)
    crops = Crops(source, task.seed + 2000 + stage.step)

    def learn(progress: float) -> float:
        picture = tensor(crops.batch(task.batch, CROP_PX), task.device)
        picture = picture.contiguous(memory_format=torch.channels_last)
        with torch.autocast(picture.device.type, torch.bfloat16):
            with torch.no_grad():
                latents = net.encoder(picture)
            made = stage.net(latents + NOISE * torch.randn_like(latents))
            real, false = critic.net(picture, latents), critic.net(made.detach(), latents)
        made, latents = made.float(), latents.float()
        doubt = torch.relu(1 - real.float()).mean() + torch.relu(1 + false.float()).mean()
        critic.down(doubt, progress)
        if critic.step % 200 == 0:
            critic.save(task.checkpoint(CRITIC))
        loss = autoencoder.apart(made, picture)
        if progress > ALONE:
            with torch.autocast(picture.device.type, torch.bfloat16):
                praise = -critic.net(made, latents).float().mean()
            loss = loss + weighed(loss, praise, last_layer(stage.net)) * praise
        return stage.down(loss, progress)

    stage.go_on(learn, task.seconds, task.checkpoint(NAME))
    critic.save(task.checkpoint(CRITIC))
    net.decoder.load_state_dict(stage.mean.state_dict())
    autoencoder.measure(net.eval(), [crops.batch(1, CROP_PX)[0] for _ in range(16)], task)


def last_layer(decoder: nn.Module) -> Tensor:
    """The weights that make the picture."""
    found = [layer for layer in decoder.modules() if isinstance(layer, nn.Conv2d)]
    return found[-1].weight


def weighed(loss: Tensor, praise: Tensor, layer: Tensor) -> Tensor:
    """The factor that makes the critic's gradient on `layer` a share of the loss's."""
    (ours,), (theirs,) = (torch.autograd.grad(part, layer, retain_graph=True) for part in (loss, praise))
    return (SHARE * ours.norm() / (theirs.norm() + 1e-6)).clamp(0, 1e3).detach()


def worn(net: AutoencoderTiny, task: Task) -> AutoencoderTiny:
    """The autoencoder with its decoder as sharpened, where that has been done since its latents were fixed."""
    if task.checkpoint(NAME).exists():
        with np.load(task.checkpoint(NAME), allow_pickle=False) as arrays:
            found = {
                n.removeprefix("mean/"): torch.from_numpy(arrays[n]) for n in arrays.files if n.startswith("mean/")
            }
        net.decoder.load_state_dict(found)
    return net
