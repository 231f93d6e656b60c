"""The stage that learns pictures as latents: crops in, crops out.

The loss is absolute difference, in colour and in its gradient, at full and at a quarter of the size. Latents get noise
and are held near unit variance, as there is no other thing that keeps them small. A quarter of the batches are decoded
from latents at half their size, against pictures at half theirs: latents that scale with the picture are easier to
denoise (Kouzelis et al., EQ-VAE, 2025).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from torch import Tensor
from torch.nn import functional

from engines.base import Pixels

from . import linear
from .data import BUCKETS
from .learn import Source, Stage, Task, learned, tensor
from .nets import CHANNELS, autoencoder

NAME = "autoencoder"
CROP_PX, SMALL_PX, SMALL_UNTIL = 128, 64, 0.35
RATE = 1.2e-3
NOISE = 0.08
HALVED = 0.25
KEPT = 48


class Crops:
    """A rolling stock of pictures, and crops of them."""

    def __init__(self, source: Source, seed: int) -> None:
        self._source, self._rng = source, np.random.default_rng(seed)
        self._stock: list[Pixels] = []

    def batch(self, count: int, side: int) -> list[Pixels]:
        """`count` crops; one new picture a call, so that each is cut into many times."""
        bucket = BUCKETS[int(self._rng.integers(len(BUCKETS)))]
        picture = self._source.picture(self._rng, bucket).rgb
        if self._rng.random() < 0.25:  # as seen in small pictures
            picture = np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
        self._stock = [*self._stock, picture][-KEPT:]
        return [self._crop(side) for _ in range(count)]

    def _crop(self, side: int) -> Pixels:
        """Of three crops the busiest, as most of a scene is plain; one in four is left to chance."""
        picture = self._stock[int(self._rng.integers(len(self._stock)))]
        crops = []
        for _ in range(1 if self._rng.random() < 0.25 else 3):
            top, left = (int(self._rng.integers(length - side + 1)) for length in picture.shape[:2])
            crops.append(picture[top : top + side, left : left + side])
        return max(crops, key=lambda crop: float(np.abs(np.diff(crop.astype(np.int16), axis=0)).sum()))


def train(source: Source, task: Task) -> None:
    """Train until the task's time is spent, then write down how far the latents spread."""
    torch.manual_seed(task.seed)
    net, fresh = autoencoder(task.sizes), Crops(source, task.seed)
    if not task.checkpoint(NAME).exists():
        linear.begin(net, tensor([fresh.batch(1, SMALL_PX)[0] for _ in range(16)], "cpu"))
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    stage: Stage[AutoencoderTiny] = Stage.begin(net, task, NAME, RATE)
    crops = Crops(source, task.seed + stage.step)

    def learn(progress: float) -> float:
        side = SMALL_PX if progress < SMALL_UNTIL else CROP_PX
        batch = tensor(crops.batch(task.batch * (CROP_PX // side), side), task.device)
        batch = batch.contiguous(memory_format=torch.channels_last)
        with torch.autocast(batch.device.type, torch.bfloat16):
            loss = loss_of(stage.net, batch, halved=stage.step % round(1 / HALVED) == 0)
        return stage.down(loss, progress)

    stage.go_on(learn, task.seconds, task.checkpoint(NAME))
    measure(stage.mean, [crops.batch(1, CROP_PX)[0] for _ in range(16)], task)


def loss_of(net: AutoencoderTiny, picture: Tensor, halved: bool = False) -> Tensor:
    """How far a batch in −1…1 is from itself, once through the latents."""
    latents = net.encoder(picture).float()
    spread = latents.pow(2).mean() - 1
    centre = latents.mean((0, 2, 3))
    wanted = picture
    if halved:
        latents, wanted = functional.avg_pool2d(latents, 2), functional.avg_pool2d(picture, 2)
    made = net.decoder(latents + NOISE * torch.randn_like(latents)).float()
    loss = apart(made, wanted) + 0.5 * apart(functional.avg_pool2d(made, 4), functional.avg_pool2d(wanted, 4))
    return loss + 0.02 * torch.relu(spread) + 0.01 * centre.pow(2).mean()


def apart(made: Tensor, wanted: Tensor) -> Tensor:
    """How far pictures are apart, in colour and in its gradients."""
    rest = made - wanted
    return rest.abs().mean() + rest.diff(dim=2).abs().mean() + rest.diff(dim=3).abs().mean()


@torch.no_grad()
def measure(net: AutoencoderTiny, crops: list[Pixels], task: Task) -> None:
    """Print the PSNR over crops, and keep the spread of their latents beside the checkpoint."""
    picture = tensor(crops, task.device)
    latents = net.encoder(picture)
    error = float((net.decoder(latents).clamp(-1, 1) - picture).pow(2).mean()) / 4
    print(
        f"{NAME}: {-10 * np.log10(error):.2f} dB over {len(crops)} crops, spread {float(latents.std()):.3f}", flush=True
    )
    if not spread_file(task).exists():  # later runs must not move what is cached
        np.savez(spread_file(task), allow_pickle=False, spread=float(latents.std()))


def spread_file(task: Task) -> Path:
    """Where the spread of the latents is kept."""
    return task.checkpoint(f"{NAME}-spread")


def opened(task: Task) -> AutoencoderTiny:
    """The autoencoder as learned, with the scale at which its latents have unit variance."""
    net = learned(autoencoder(task.sizes), task, NAME)
    with np.load(spread_file(task), allow_pickle=False) as facts:
        net.register_to_config(scaling_factor=round(1 / float(facts["spread"]), 4))
    assert net.config["latent_channels"] == CHANNELS
    return net


@torch.no_grad()
def encoded(net: AutoencoderTiny, picture: Tensor) -> Tensor:
    """Pictures in −1…1 to latents of unit variance."""
    with torch.autocast(picture.device.type, torch.bfloat16):
        latents = net.encoder(picture)
    return latents.float() * float(net.config["scaling_factor"])


@torch.no_grad()
def decoded(net: AutoencoderTiny, latents: Tensor) -> np.ndarray:
    """Latents of unit variance to N×H×W×3 `uint8`."""
    with torch.autocast(latents.device.type, torch.bfloat16):
        made = net.decoder(latents / float(net.config["scaling_factor"]))
    return made.float().add(1).mul(127.5).clamp(0, 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
