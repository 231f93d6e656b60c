"""The net that reports: it reads pictures for the measures and is never trained on anything the model makes, nor the
model on it. From a picture at a quarter of its size: what is in it, where each role lies, how near things are."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from .data import ATTRIBUTES, BUCKETS, ROLES, Picture
from .learn import Source, Stage, Task, learned, tensor

NAME = "reporter"
RATE = 2e-3
WIDTHS = (24, 48, 96, 160, 192)
FEATURES = 64
QUARTER = 4
KEPT = 256


class Reporter(nn.Module):
    """A small U-Net (Ronneberger et al. 2015)."""

    def __init__(self) -> None:
        super().__init__()
        inside, levels = 3, []
        for level, width in enumerate(WIDTHS):
            levels.append(_Level(inside, width, 1 if level == 0 else 2))
            inside = width
        self.levels = nn.ModuleList(levels)
        self.narrow = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True))
        self.merge = nn.ModuleList(_Level(width, width, 1) for width in WIDTHS[-2::-1])
        self.maps = nn.Conv2d(WIDTHS[0], 3 + len(ROLES), 1)
        self.features = nn.Sequential(nn.Linear(2 * WIDTHS[-1], FEATURES), nn.SiLU())
        self.heads = nn.ModuleList(nn.Linear(FEATURES, len(values)) for values in ATTRIBUTES.values())

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """N×3×h×w in −1…1, sides multiples of 16, to N×64 features and N×9×h×w: nearness, product mask (log-odds) and
        the seven log-odds of roles (none first)."""
        seen, now = [], picture
        for level in self.levels:
            now = level(now)
            seen.append(now)
        features = self.features(torch.cat([now.mean((2, 3)), now.amax((2, 3))], 1))
        for narrow, merge, beside in zip(self.narrow, self.merge, seen[-2::-1], strict=True):
            now = merge(functional.interpolate(narrow(now), scale_factor=2.0, mode="nearest") + beside)
        return features, self.maps(now)


class _Level(nn.Module):
    """Two convolutions beside a short cut (He et al. 2016)."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.GroupNorm(8, outside) for _ in range(2))
        self.short = nn.Conv2d(inside, outside, 1, stride, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        inner = functional.silu(self.norms[0](self.first(features)))
        return functional.silu(self.norms[1](self.second(inner)) + self.short(features))


@dataclass(frozen=True)
class Truth:
    """A picture at a quarter of its size with what is known about it."""

    rgb: NDArray[np.uint8]
    roles: NDArray[np.uint8]
    depth: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    attributes: NDArray[np.int64]


def quartered(picture: Picture) -> Truth:
    """A training picture as the reporter learns it."""
    cells = (picture.rgb.shape[1] // QUARTER, picture.rgb.shape[0] // QUARTER)

    def shrunk(plane: NDArray[np.uint8], way: int = cv2.INTER_AREA) -> NDArray[np.uint8]:
        return np.asarray(cv2.resize(plane, cells, interpolation=way), np.uint8)

    attributes = np.array([picture.attributes[name] for name in ATTRIBUTES], np.int64)
    roles = shrunk(picture.roles, cv2.INTER_NEAREST)
    return Truth(shrunk(picture.rgb), roles, shrunk(picture.depth), shrunk(picture.mask), attributes)


def train(source: Source, task: Task) -> None:
    """Train on fresh recolourings until the task's time is spent."""
    torch.manual_seed(task.seed + 1000)
    stage: Stage[Reporter] = Stage.begin(Reporter(), task, NAME, RATE)
    rng = np.random.default_rng(task.seed + 1000 + stage.step)
    stock: dict[tuple[int, int], list[Truth]] = {bucket: [] for bucket in BUCKETS}

    def learn(progress: float) -> float:
        bucket = BUCKETS[int(rng.integers(len(BUCKETS)))]
        fresh = [quartered(source.picture(rng, bucket)) for _ in range(max(2, task.batch // 8))]
        stock[bucket] = [*stock[bucket], *fresh][-KEPT:]
        chosen = [stock[bucket][int(rng.integers(len(stock[bucket])))] for _ in range(task.batch)]
        picture = worn(tensor([truth.rgb for truth in chosen], task.device), rng)
        with torch.autocast(picture.device.type, torch.bfloat16):
            features, maps = stage.net(picture)
        return stage.down(loss_of(stage.net, features.float(), maps.float(), chosen), progress)

    stage.go_on(learn, task.seconds, task.checkpoint(NAME))


def loss_of(net: Reporter, features: Tensor, maps: Tensor, chosen: list[Truth]) -> Tensor:
    """How wrong the reporter is about a batch."""

    def put(planes: list[NDArray[np.uint8]]) -> Tensor:
        return torch.from_numpy(np.stack(planes)).to(maps.device)

    depth, mask = (put([getattr(t, name) for t in chosen]).float() / 255 for name in ("depth", "mask"))
    roles = put([t.roles for t in chosen]).long()
    attributes = torch.from_numpy(np.stack([t.attributes for t in chosen])).to(maps.device)
    loss = functional.l1_loss(maps[:, 0], depth)
    loss = loss + functional.binary_cross_entropy_with_logits(maps[:, 1], mask)
    loss = loss + functional.cross_entropy(maps[:, 2:], roles)
    heads = [functional.cross_entropy(head(features), attributes[:, i]) for i, head in enumerate(net.heads)]
    return loss + torch.stack(heads).mean()


def worn(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """Pictures a little softened, grainy or brightened, as decoded ones are."""
    if rng.random() < 0.4:
        soft = functional.avg_pool2d(picture, 3, 1, 1, count_include_pad=False)
        picture = torch.lerp(picture, soft, float(rng.random()))
    gain, lift = rng.normal(1, 0.05), rng.normal(0, 0.04)
    return (picture * gain + lift + float(rng.random()) * 0.05 * torch.randn_like(picture)).clamp(-1, 1)


@dataclass(frozen=True)
class Report:
    """What was read from one picture: a class an attribute, 64 features, and at a quarter of its size nearness (0–1),
    product mask and roles (0 none, else its index + 1)."""

    attributes: dict[str, int]
    features: NDArray[np.float32]
    depth: NDArray[np.float32]
    mask: NDArray[np.bool_]
    roles: NDArray[np.uint8]


@torch.no_grad()
def read(net: Reporter, pictures: list[NDArray[np.uint8]], device: str) -> list[Report]:
    """Report on pictures of any sizes that are multiples of 64."""
    reports = []
    for picture in pictures:
        cells = (picture.shape[1] // QUARTER, picture.shape[0] // QUARTER)
        small = np.asarray(cv2.resize(picture, cells, interpolation=cv2.INTER_AREA), np.uint8)
        features, maps = net(tensor([small], device))
        planes = maps[0].float().cpu().numpy()
        found = {name: int(head(features).argmax()) for name, head in zip(ATTRIBUTES, net.heads, strict=True)}
        roles = planes[2:].argmax(0).astype(np.uint8)
        reports.append(Report(found, features[0].float().cpu().numpy(), planes[0].clip(0, 1), planes[1] > 0, roles))
    return reports


def opened(task: Task) -> Reporter:
    """The reporter as learned."""
    return learned(Reporter(), task, NAME)
