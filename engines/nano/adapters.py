"""The two stages that add to a finished teacher: the control net, which follows maps, and the reference, which follows
the style of another picture. The teacher itself does not change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPVisionModelWithProjection

from . import encoders, teacher
from .condition import Condition, Words, with_gaps
from .learn import Stage, Task, learned
from .nets import control_net, fit_reference, image_encoder, reference_state, start_from
from .noise import Schedule, steps_for
from .pool import Batch, Pool
from .teacher import denoising, role_means

CONTROL, REFERENCE = "control", "reference"
RATES = {CONTROL: 8e-4, REFERENCE: 4e-4}
UNHEARD = 0.4
SILENT = 0.3


def train_control(task: Task) -> None:
    """Teach the control net until the task's time is spent."""
    torch.manual_seed(task.seed)
    taught = teacher.opened(task)
    unet = taught.unet
    net = control_net(task.sizes)
    start_from(net, unet)
    stage: Stage[ControlNetModel] = Stage.begin(net, task, CONTROL, RATES[CONTROL])
    words, pool = Words(task), Pool(task.folder / "pool", ("edges", "masks", "nearness"))
    schedule, rng = Schedule(task.device), np.random.default_rng(task.seed + stage.step)
    chance = torch.Generator().manual_seed(task.seed + stage.step)

    def learn(progress: float) -> float:
        small = rng.random() < 0.5
        batch = pool.batch(rng, task.batch * (2 if small else 1), task.device, small)
        with torch.no_grad():
            told = with_gaps(taught.told.draw(batch, words, rng), SILENT, rng)
        maps = roughened(maps_of(batch), rng)
        return stage.down(controlled_loss(unet, stage.net, (batch, told, maps), schedule, chance), progress)

    stage.go_on(learn, task.seconds, task.checkpoint(CONTROL))


def controlled_loss(
    unet: UNet2DConditionModel,
    net: ControlNetModel,
    given: tuple[Batch, Condition, Tensor],
    schedule: Schedule,
    chance: torch.Generator,
) -> Tensor:
    """The loss in v with the control net's help."""
    batch, told, maps = given
    clean = batch.latents
    steps = steps_for(len(clean), chance).to(clean.device)
    noisy, wanted = schedule.noised(clean, torch.randn_like(clean), steps)
    found = teacher.predict(unet, noisy, steps, steered(net, noisy, steps, told, maps))
    _, grain = schedule.mix(steps)
    apart = role_means(grain * (found - wanted), batch.roles)
    return functional.mse_loss(found, wanted) + teacher.REGION * apart.pow(2).mean()


def steered(net: ControlNetModel, noisy: Tensor, steps: Tensor, told: Condition, maps: Tensor) -> Condition:
    """The condition with what the control net adds at these latents and steps; `maps` N×3×H×W in 0…1."""
    added = {"text_embeds": told.pooled, "time_ids": told.sizes}
    with torch.autocast(noisy.device.type, torch.bfloat16):
        down, middle = net(noisy, steps, told.tokens, maps, added_cond_kwargs=added, return_dict=False)
    return replace(told, residuals=(down, middle))


def roughened(maps: Tensor, rng: np.random.Generator) -> Tensor:
    """Maps as people bring them: each of the three missing now and then, edges thicker, broken or gone in places, depth
    in another range."""
    edges, depth, mask = maps.unbind(1)
    count, height, width = edges.shape
    if rng.random() < 0.3:
        edges = functional.max_pool2d(edges[:, None], 3, 1, 1)[:, 0]
    if rng.random() < 0.3:
        rubbed = torch.from_numpy(rng.random((count, 1, 8, 8)) < 0.2).float().to(maps.device)
        edges = edges * (1 - functional.interpolate(rubbed, (height, width), mode="nearest")[:, 0])
    gamma = torch.from_numpy(rng.uniform(0.7, 1.4, (count, 1, 1)).astype(np.float32)).to(maps.device)
    depth = depth.clamp(0, 1) ** gamma
    heard = torch.from_numpy((rng.random((count, 3, 1, 1)) >= UNHEARD).astype(np.float32)).to(maps.device)
    return torch.stack([edges, depth, mask], 1) * heard


def maps_of(batch: Batch) -> Tensor:
    """Edges, depth and mask of a batch, at the size of its pictures: N×3×H×W in 0…1."""
    if batch.maps is None:
        raise ValueError("the pool was opened without its maps")
    return functional.avg_pool2d(batch.maps, 2) if batch.small else batch.maps


class Reference(nn.Module):
    """What an IP-Adapter adds to a UNet. The UNet itself is held aside, so that it is neither trained nor saved."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.added = fit_reference(unet).requires_grad_(True)


def train_reference(task: Task) -> None:
    """Teach the reference on pairs of one style until the task's time is spent."""
    torch.manual_seed(task.seed)
    taught, eye = teacher.opened(task), encoders.opened(task).image
    unet = taught.unet
    stage: Stage[Reference] = Stage.begin(Reference(unet), task, REFERENCE, RATES[REFERENCE])
    words, pool = Words(task), Pool(task.folder / "pool", ("views", "partners"), paired=True)
    schedule, rng = Schedule(task.device), np.random.default_rng(task.seed + stage.step)
    chance = torch.Generator().manual_seed(task.seed + stage.step)

    def learn(progress: float) -> float:
        small = rng.random() < 0.7
        batch = pool.batch(rng, task.batch * (2 if small else 1), task.device, small)
        with torch.no_grad():
            told = taught.told.draw(batch, words, rng, quiet=0.4)
            told = with_gaps(replace(told, look=looked(eye, batch, rng)), 0.05, rng)
        return stage.down(denoising(unet, batch, told, schedule, chance), progress)

    stage.go_on(learn, task.seconds, task.checkpoint(REFERENCE))


@torch.no_grad()
def looked(eye: CLIPVisionModelWithProjection, batch: Batch, rng: np.random.Generator) -> Tensor:
    """N×1×width: the partner's vector, as the pipeline hands it on; one in ten is of nothing."""
    if batch.partners is None:
        raise ValueError("the pool was opened without its pairs")
    seen = encoders.look_at(eye, encoders.worn(batch.partners, rng))[:, None]
    kept = torch.from_numpy((rng.random((len(seen), 1, 1)) >= 0.1).astype(np.float32)).to(seen.device)
    return seen * kept


def opened_control(task: Task) -> ControlNetModel:
    """The control net as learned."""
    return learned(control_net(task.sizes), task, CONTROL)


def fit_learned_reference(unet: UNet2DConditionModel, task: Task) -> dict[str, dict[str, Tensor]]:
    """Give a UNet the reference as learned; its stock file's content."""
    learned(Reference(unet), task, REFERENCE)
    return reference_state(unet)


def opened_eye(task: Task) -> CLIPVisionModelWithProjection:
    """The image encoder as learned."""
    return learned(image_encoder(task.sizes), task, encoders.NAME, "image")
