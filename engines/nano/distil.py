"""From the teacher to a student of four steps.

First guidance: the student learns in one pass what the teacher says in two, with and without being told anything, for
every strength between 1 and 4 (Meng et al., On distillation of guided diffusion models, 2023; the rescaling is Lin et
al., 2023). Then halvings, 32 → 16 → 8 → 4: one step of the student is two of the last one's (Salimans & Ho, Progressive
distillation, 2022). A part of the batches carries a control net or a reference, on both sides, so that both survive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional

from . import adapters, teacher
from .condition import Condition, Told, Words, predict
from .learn import Stage, Task, learned
from .nets import PaletteEncoder, denoiser, text_encoder, weigh_reference
from .noise import Schedule, steps_for, trail
from .pool import Batch, Pool

GUIDED = "guided"
HALVINGS = (16, 8, 4)
STRENGTHS = (1.0, 4.0)
RESCALED = 0.5
RATES = {GUIDED: 2e-4, 16: 1.5e-4, 8: 1.5e-4, 4: 2e-4}
SMALL = 0.3
SHARES = {"plain": 0.5, "control": 0.25, "reference": 0.25}
PARTS = {"control": ("edges", "masks", "nearness"), "reference": ("views", "partners")}


class Student(nn.Module):
    """The denoiser as it ships, with the encoders that tell it; those are the teacher's and stay as they are."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        size = task.sizes
        self.unet = denoiser(size)
        self.told = Told(text_encoder(size), PaletteEncoder(size.width)).requires_grad_(False)


def stage_name(kind: str | int, task: Task) -> str:
    """What the checkpoint of a step of distillation is called: `guided-r1`, `student-4-r1`."""
    return f"{kind}-r{task.round}" if kind == GUIDED else f"student-{kind}-r{task.round}"


def opened(task: Task, kind: str | int) -> Student:
    """A student as learned."""
    return learned(Student(task), task, stage_name(kind, task))


class Company:
    """What else may be told beside words: maps through the control net, the style of a picture, as far as learned."""

    def __init__(self, task: Task, *unets: UNet2DConditionModel) -> None:
        self._folder, self._unets = task.folder / "pool", unets
        self._pools = {"plain": Pool(self._folder)}
        if task.checkpoint(adapters.CONTROL).exists():
            self._control = adapters.opened_control(task)
            self._pools["control"] = Pool(self._folder, PARTS["control"], most=96)
        if task.checkpoint(adapters.REFERENCE).exists():
            self._eye = adapters.opened_eye(task)
            for unet in unets:
                adapters.fit_learned_reference(unet, task)
                _freeze_reference(unet)
            self._pools["reference"] = Pool(self._folder, PARTS["reference"], paired=True)

    def draw(self, rng: np.random.Generator, task: Task) -> tuple[str, Batch]:
        """A batch, and what it carries."""
        kinds = list(self._pools)
        shares = np.array([SHARES[kind] for kind in kinds])
        kind = str(rng.choice(kinds, p=shares / shares.sum()))
        small = rng.random() < SMALL
        return kind, self._pools[kind].batch(rng, task.batch * (2 if small else 1), task.device, small)

    def tell(self, kind: str, batch: Batch, told: Condition, rng: np.random.Generator) -> Callable[..., Condition]:
        """What to tell at given latents and steps: the same maps, or the same picture, all along one batch."""
        for unet in self._unets:
            weigh_reference(unet, 1.0 if kind == "reference" else 0.0)
        if "reference" in self._pools:  # a UNet that wears one wants to be shown something, even if it does not look
            shown = adapters.looked(self._eye, batch, rng) if kind == "reference" else told.pooled[:, None] * 0
            told = replace(told, look=shown)
        if kind != "control":
            return lambda latents, steps, other=None: other or told
        maps = adapters.roughened(adapters.maps_of(batch), rng)
        return lambda latents, steps, other=None: adapters.steered(self._control, latents, steps, other or told, maps)


def _freeze_reference(unet: UNet2DConditionModel) -> None:
    unet.encoder_hid_proj.requires_grad_(False)  # type: ignore[union-attr]
    for part in unet.attn_processors.values():
        if isinstance(part, nn.Module):
            part.requires_grad_(False)


def train_guided(task: Task) -> None:
    """Learn guidance from the teacher until the task's time is spent."""
    torch.manual_seed(task.seed)
    taught, net = teacher.opened(task), Student(task)
    net.unet.load_state_dict(taught.unet.state_dict())
    net.told.load_state_dict(taught.told.state_dict())
    company = Company(task, taught.unet, net.unet)
    schedule, words = Schedule(task.device), Words(task)
    stage: Stage[Student] = Stage.begin(net, task, stage_name(GUIDED, task), RATES[GUIDED])
    rng = np.random.default_rng(task.seed + stage.step)
    chance = torch.Generator().manual_seed(task.seed + stage.step)

    def learn(progress: float) -> float:
        kind, batch = company.draw(rng, task)
        clean = batch.latents
        steps = steps_for(len(clean), chance).to(clean.device)
        noisy, _ = schedule.noised(clean, torch.randn_like(clean), steps)
        strengths = _strengths(len(clean), rng, task.device)
        with torch.no_grad():
            told = company.tell(kind, batch, net.told.draw(batch, words, rng), rng)(noisy, steps)
            wanted = guided(taught.unet, noisy, steps, told, strengths)
        made = predict(stage.net.unet, noisy, steps, replace(told, literal=strengths))
        return stage.down(functional.mse_loss(made, wanted), progress)

    stage.go_on(learn, task.seconds, task.checkpoint(stage_name(GUIDED, task)))


@torch.no_grad()
def guided(unet: UNet2DConditionModel, noisy: Tensor, steps: Tensor, told: Condition, strengths: Tensor) -> Tensor:
    """The teacher's v, made more literal by `strengths` (N): away from what it says when told nothing, and brought
    halfway back to the spread it had."""
    heard, silent = predict(unet, noisy, steps, told), predict(unet, noisy, steps, told.nothing())
    pushed = silent + strengths[:, None, None, None] * (heard - silent)
    spread = heard.std((1, 2, 3), keepdim=True) / pushed.std((1, 2, 3), keepdim=True).clamp(min=1e-4)
    return pushed * (RESCALED * spread + 1 - RESCALED)


def train_halving(task: Task, count: int) -> None:
    """Learn to take `count` steps from the student that takes twice as many, until the task's time is spent."""
    torch.manual_seed(task.seed)
    before = opened(task, GUIDED if count == HALVINGS[0] else 2 * count)
    net = Student(task)
    net.load_state_dict(before.state_dict())
    company = Company(task, before.unet, net.unet)
    schedule, words, name = Schedule(task.device), Words(task), stage_name(count, task)
    stage: Stage[Student] = Stage.begin(net, task, name, RATES[count])
    rng = np.random.default_rng(task.seed + stage.step)
    grid = torch.tensor(trail(2 * count))

    def learn(progress: float) -> float:
        kind, batch = company.draw(rng, task)
        clean = batch.latents
        place = torch.from_numpy(rng.integers(count, size=len(clean))) * 2
        steps, middle, end = (grid[place + ahead].to(clean.device) for ahead in range(3))
        noisy, _ = schedule.noised(clean, torch.randn_like(clean), steps)
        strengths = _strengths(len(clean), rng, task.device)
        with torch.no_grad():
            told = replace(net.told.draw(batch, words, rng), literal=strengths)
            tell = company.tell(kind, batch, told, rng)
            first = tell(noisy, steps)
            between = schedule.stride(noisy, predict(before.unet, noisy, steps, first), steps, middle)
            second = predict(before.unet, between, middle, tell(between, middle))
            reached = schedule.stride(between, second, middle, end)
            wanted = schedule.target(noisy, reached, steps, end)
        return stage.down(functional.mse_loss(predict(stage.net.unet, noisy, steps, first), wanted), progress)

    stage.go_on(learn, task.seconds, task.checkpoint(name))


def _strengths(count: int, rng: np.random.Generator, device: str) -> Tensor:
    return torch.from_numpy(rng.uniform(*STRENGTHS, count).astype(np.float32)).to(device)
