"""The stage that teaches the denoiser, with its text and palette encoders.

Beside v it is asked, from its middle, where things are and what they are: depth, roles and attributes are known for
every picture, and take the place of the features that are otherwise borrowed from a large network (REPA, Yu et al.,
2024). The heads fade out and are thrown away. Mean errors per role count extra, as a brand's colours are areas.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional

from . import encoders
from .condition import Condition, Told, Words, predict, with_gaps
from .data import ATTRIBUTES, ROLES
from .learn import Stage, Task, learned
from .nets import PaletteEncoder, denoiser, text_encoder
from .noise import Schedule, steps_for
from .pool import Batch, Pool

NAME = "teacher"
RATE = 6e-4
SILENT = 0.1
SMALL = ((0.8, 1.0), (1.0, 0.35))
"""Until which share of the time, how many batches are of pictures at half size; layout and colour are learned there."""
SIDE = 0.2
REGION = 0.3


class Teacher(nn.Module):
    """The denoiser, what tells it, and the heads it is helped by."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        size = task.sizes
        self.unet = denoiser(size)
        self.told = Told(text_encoder(size), PaletteEncoder(size.width))
        self.places = nn.Conv2d(size.channels[-1], 16 * (2 + len(ROLES)), 1)
        self.things = nn.ModuleList(nn.Linear(size.channels[-1], len(values)) for values in ATTRIBUTES.values())


def train(task: Task) -> None:
    """Train until the task's time is spent."""
    torch.manual_seed(task.seed)
    net = Teacher(task)
    if not task.checkpoint(NAME).exists() and task.checkpoint(encoders.NAME).exists():
        net.told.text.load_state_dict(encoders.opened(task).text.state_dict())
    stage: Stage[Teacher] = Stage.begin(net, task, NAME, RATE)
    words, pool, schedule = Words(task), Pool(task.folder / "pool"), Schedule(task.device)
    rng = np.random.default_rng(task.seed + stage.step)
    chance = torch.Generator().manual_seed(task.seed + stage.step)
    middle: list[Tensor] = []
    stage.net.unet.mid_block.register_forward_hook(lambda _net, _given, made: middle.append(made))  # type: ignore[union-attr]

    def learn(progress: float) -> float:
        share = next(share for until, share in SMALL if progress <= until)
        small = rng.random() < share
        batch = pool.batch(rng, task.batch * (2 if small else 1), task.device, small)
        told = with_gaps(stage.net.told.draw(batch, words, rng), SILENT, rng)
        middle.clear()
        loss = denoising(stage.net.unet, batch, told, schedule, chance)
        side = SIDE * max(0.0, 1 - progress / 0.8)
        if side > 0:
            loss = loss + side * helped(stage.net, middle[0].float(), batch)
        return stage.down(loss, progress)

    stage.go_on(learn, task.seconds, task.checkpoint(NAME))


def denoising(
    unet: UNet2DConditionModel, batch: Batch, told: Condition, schedule: Schedule, chance: torch.Generator
) -> Tensor:
    """The loss in v at random time steps, and of each role's mean where there is more signal than noise."""
    clean = batch.latents
    steps = steps_for(len(clean), chance).to(clean.device)
    noisy, wanted = schedule.noised(clean, torch.randn_like(clean), steps)
    found = predict(unet, noisy, steps, told)
    loss = functional.mse_loss(found, wanted)
    signal, grain = schedule.mix(steps)
    apart = role_means(grain * (found - wanted), batch.roles)  # of the clean picture
    return loss + REGION * (apart.pow(2).mean((1, 2)) * (signal.flatten() > 0.5)).mean()


def role_means(planes: Tensor, roles: Tensor) -> Tensor:
    """N×C×h×w to N×7×C: the mean over each role's area, 0 where it has none. Roles may be of twice the size."""
    one_hot = functional.one_hot(roles, len(ROLES) + 1).permute(0, 3, 1, 2).float()
    if one_hot.shape[-1] != planes.shape[-1]:
        one_hot = functional.adaptive_avg_pool2d(one_hot, planes.shape[-2:])  # type: ignore[arg-type]
    area = one_hot.sum((2, 3))[..., None]
    return torch.einsum("nchw,nrhw->nrc", planes, one_hot) / area.clamp(min=1)


def helped(net: Teacher, middle: Tensor, batch: Batch) -> Tensor:
    """How wrong the heads are that read depth, roles and attributes from the middle of the denoiser."""
    height, width = batch.latents.shape[-2:]
    found = functional.pixel_shuffle(net.places(middle), 4)[..., :height, :width]
    depth, roles = batch.depth, batch.roles
    if depth.shape[-2:] != (height, width):
        depth = functional.adaptive_avg_pool2d(depth[:, None], (height, width))[:, 0]
        roles = functional.interpolate(roles[:, None].float(), (height, width), mode="nearest")[:, 0].long()
    loss = functional.l1_loss(found[:, 0], depth) + functional.cross_entropy(found[:, 1:], roles)
    pooled = middle.mean((2, 3))
    things = [functional.cross_entropy(head(pooled), batch.attributes[:, i]) for i, head in enumerate(net.things)]
    return loss + torch.stack(things).mean()


def opened(task: Task) -> Teacher:
    """The teacher as learned."""
    return learned(Teacher(task), task, NAME)
