"""Training and export of the built-in cut-out network.

    python -m engines.nano.cutout_data --out POOL
    python -m engines.nano.cutout_train --pool POOL --minutes 60 --device cpu --out assets/nano/cutout.onnx

Binary cross-entropy and soft intersection over union, the latter as in Máttyus, Luo & Urtasun (DeepRoadMapper, 2017).
Stopped and started again with the same pool, it goes on from the checkpoint that lies beside the pool's arrays.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .cutout_data import SIZE_PX, Pool, composite
from .run import Run, averaged, cosine, write_onnx

INPUT_PX = 320
BATCH = 24
SMALL_PX, SMALL_UNTIL = 96, 0.6  # small pictures first: three times as many for the same work
RATE = 2e-3
DECAY = 0.02
AUXILIARY = 0.3
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WIDTHS = (16, 32, 64, 112, 144)
DEPTHS = (0, 1, 2, 2, 1)
DECODED = (16, 24, 40, 56)
FINE = 8


def _conv(inside: int, outside: int, stride: int = 1, side: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, side, stride, side // 2, bias=False), nn.BatchNorm2d(outside), nn.ReLU()
    )


class Residual(nn.Module):
    """Two convolutions beside a short cut (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, features: Tensor) -> Tensor:
        return torch.relu(features + self.norm(self.second(self.first(features))))


class CutoutNet(nn.Module):
    """N×3×320×320 (sRGB, ImageNet mean and deviation taken out) to N×1×320×320, 0–1: how likely each pixel is subject.

    A U-Net (Ronneberger et al. 2015) that works at half that size, with the picture's global mean added at 1/32
    (ParseNet, Liu et al. 2015). Beside the picture it sees, at 1/4, where each pixel lies and how far its colour is
    from the colours along the frame: background prior (Wei et al., Geodesic saliency, 2012).
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(4, 19, 2)
        inside, stages = 19 + 5, []
        for index, (width, depth) in enumerate(zip(WIDTHS, DEPTHS, strict=True)):
            first = _conv(inside, width, 1 if index == 0 else 2)
            stages.append(nn.Sequential(first, *(Residual(width) for _ in range(depth))))
            inside = width
        self.stages = nn.ModuleList(stages)
        self.context = nn.Sequential(nn.Linear(WIDTHS[-1], WIDTHS[-1]), nn.ReLU(), nn.Linear(WIDTHS[-1], WIDTHS[-1]))
        above = (*DECODED[1:], WIDTHS[-1])
        self.narrow = nn.ModuleList(_conv(a, d, 1, 1) for a, d in zip(above, DECODED, strict=True))
        self.lateral = nn.ModuleList(_conv(w, d, 1, 1) for w, d in zip(WIDTHS[:-1], DECODED, strict=True))
        self.merge = nn.ModuleList(_conv(d, d) for d in DECODED)
        self.coarse = nn.Conv2d(DECODED[2], 1, 1)
        self.thin = _conv(DECODED[0], FINE, 1, 1)
        self.detail = _conv(4, FINE)
        self.last = _conv(2 * FINE, FINE)
        self.out = nn.Conv2d(FINE, 1, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        """The mask, from a picture at 320×320: the mean of what is found in it and in its mirror image."""
        both = functional.avg_pool2d(torch.cat([picture, picture.flip(3)]), 2)
        seen, mirrored = torch.sigmoid(self.logits(both)[0]).chunk(2)
        mask = (seen + mirrored.flip(3)) / 2
        return functional.interpolate(mask, scale_factor=2.0, mode="bilinear", align_corners=False)

    def logits(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """From a picture at 160×160: log-odds at its size, and at an eighth of it for training."""
        contrast = (
            (picture - functional.avg_pool2d(picture, 7, 1, 3, count_include_pad=False)).abs().mean(1, keepdim=True)
        )
        planes = torch.cat([picture, contrast], 1)
        features = torch.cat([self.stem(planes), self.hints(picture)], 1)
        seen = []
        for stage in self.stages:
            features = stage(features)
            seen.append(features)
        features = features + self.context(features.mean((2, 3)))[:, :, None, None]
        coarse = features
        for level in (3, 2, 1, 0):
            up = functional.interpolate(self.narrow[level](features), scale_factor=2.0, mode="nearest")
            features = self.merge[level](up + self.lateral[level](seen[level]))
            coarse = self.coarse(features) if level == 2 else coarse
        up = functional.interpolate(self.thin(features), scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.out(self.last(torch.cat([self.detail(planes), up], 1))), coarse

    def hints(self, picture: Tensor) -> Tensor:
        """N×5×80×80: x and y (−1 to 1), and the colour's distance to the nearest along the frame, to the nearest but
        for the lower side, and to all on average."""
        small = functional.avg_pool2d(picture, 2)
        count, _, height, width = small.shape
        cells = functional.avg_pool2d(small, 8)
        sides = [cells[:, :, 0, :], cells[:, :, 1:-1, 0], cells[:, :, 1:-1, -1], cells[:, :, -1, :]]
        frame = torch.cat(sides, 2).transpose(1, 2)
        flat = small.flatten(2)
        square = (flat**2).sum(1, keepdim=True) - 2 * frame @ flat + (frame**2).sum(2, keepdim=True)
        distance = torch.sqrt(square.clamp(min=1e-6))
        lower = sides[3].shape[2]
        found = [distance.amin(1), distance[:, :-lower].amin(1), distance.mean(1)]
        away = torch.stack(found, 1).reshape(count, 3, height, width)
        x = torch.linspace(-1, 1, width, device=picture.device, dtype=picture.dtype)
        place = torch.stack([x.expand(height, width), x[:, None].expand(height, width)])[None]
        return torch.cat([place.expand(count, -1, -1, -1), away], 1)


def normalised(picture: Tensor) -> Tensor:
    """N×3×H×W sRGB 0–1, each divided by its largest value as rembg does, then ImageNet's mean and deviation."""
    mean, deviation = (torch.tensor(v, device=picture.device)[None, :, None, None] for v in (MEAN, DEVIATION))
    return (picture / picture.amax((1, 2, 3), keepdim=True).clamp(min=1e-6) - mean) / deviation


def batch(pool: Pool, seed: int, count: int, size: int = SIZE_PX) -> tuple[Tensor, Tensor]:
    """`count` fresh composites, N×3×size×size normalised, and their alphas, N×1×size×size. The seed decides all."""
    made = [composite(np.random.default_rng([seed, index]), pool, size) for index in range(count)]
    pictures = np.stack([picture for picture, _ in made]).transpose(0, 3, 1, 2)
    alphas = torch.from_numpy(np.stack([alpha for _, alpha in made])[:, None])
    return normalised(torch.from_numpy(np.ascontiguousarray(pictures)).float() / 255), alphas


def loss_of(fine: Tensor, coarse: Tensor, alpha: Tensor) -> Tensor:
    small = functional.avg_pool2d(alpha, alpha.shape[-1] // coarse.shape[-1])
    return _loss(fine.float(), alpha) + AUXILIARY * _loss(coarse.float(), small)


def _loss(logits: Tensor, alpha: Tensor) -> Tensor:
    found = torch.sigmoid(logits)
    shared = (found * alpha).sum((1, 2, 3))
    union = (found + alpha - found * alpha).sum((1, 2, 3))
    return functional.binary_cross_entropy_with_logits(logits, alpha) + (1 - (shared + 1) / (union + 1)).mean()


class Training(Run[CutoutNet]):
    """The cut-out network on its way."""

    @classmethod
    def fresh(cls, seed: int, device: str) -> Training:
        torch.manual_seed(seed)
        net = CutoutNet().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(net, averaged(net), torch.optim.AdamW(net.parameters(), RATE, weight_decay=DECAY))

    def learn(self, picture: Tensor, alpha: Tensor, progress: float, brief: bool = True) -> float:
        """One step at `progress` (0–1) of the schedule; `brief` computes in bfloat16. Returns the loss."""
        self.net.train()
        with torch.autocast(picture.device.type, torch.bfloat16, enabled=brief):
            fine, coarse = self.net.logits(picture.contiguous(memory_format=torch.channels_last))
        rate = RATE * min(1, (self.step + 1) / 100) * cosine(progress, 2e-3)
        return self.descend(loss_of(fine, coarse, alpha), rate, 2.0)


def train(pool: Pool, training: Training, seconds: float, checkpoint: Path | None) -> None:
    """Train on fresh composites until `seconds` in all have been spent; see `Run.go_on`."""
    device = next(training.net.parameters()).device

    def learn(progress: float) -> float:
        size = SMALL_PX if progress < SMALL_UNTIL else SIZE_PX
        picture, alpha = (tensor.to(device) for tensor in batch(pool, training.step, BATCH, size))
        return training.learn(picture, alpha, progress)

    training.go_on(learn, seconds, checkpoint)


def export(net: CutoutNet, path: Path, note: str = "") -> float:
    """Write the network in rembg's `u2net_custom` layout (`input` 1×3×320×320 to `mask` 1×1×320×320) and check it.

    Returns the largest difference between torch and ONNX Runtime; see `write_onnx`.
    """
    example = normalised(torch.rand(1, 3, INPUT_PX, INPUT_PX, generator=torch.Generator().manual_seed(1)))
    return write_onnx(net, [example], ("input", "mask"), path, {"note": note})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--pool", type=Path, required=True, help="the folder cutout_data wrote; the checkpoint lies there"
    )
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    checkpoint, training = options.pool / "cutout.npz", Training.fresh(options.seed, options.device)
    if checkpoint.exists():
        training.restore(checkpoint)
    pool = Pool.load(options.pool)
    parameters = sum(p.numel() for p in training.net.parameters())
    print(
        f"{parameters} parameters; {len(pool.things)} things, {len(pool.places)} places; step {training.step}",
        flush=True,
    )
    train(pool, training, 60 * options.minutes, checkpoint)
    difference = export(training.mean, options.out, f"{training.step} steps of {BATCH}")
    print(
        f"{options.out}: {options.out.stat().st_size} bytes, largest difference to torch {difference:.2e}", flush=True
    )


if __name__ == "__main__":
    main()
