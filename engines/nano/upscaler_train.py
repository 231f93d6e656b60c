"""Training and export of the built-in 2× upscaler.

    python -m engines.nano.upscaler_data --out POOL
    python -m engines.nano.upscaler_train --pool POOL --minutes 60 --device cpu --out assets/nano/upscale-x2.onnx

The objective is fidelity: Charbonnier loss in sRGB (Charbonnier et al. 1994; Lai et al., LapSRN, 2017), no adversary,
so nothing is made up. Stopped and started again with the same checkpoint, it goes on where it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from engines.base import Pixels

from .run import Run, averaged, cosine, write_onnx
from .upscaler_data import reduce_by_two

SCALE = 2
PATCH_PX = 48
BATCH = 8
RATE = 1e-3
CHARBONNIER = 1e-3
SHARES = {"render": 0.25, "type": 0.25, "leaves": 0.5}
SOFT = 0.2  # of the patches: photos are often softer than their pixels, and should stay so
POLISH_FROM = 0.8  # of the time; from here on in full precision


class UpscaleNet(nn.Module):
    """N×3×H×W sRGB 0–1 to N×3×2H×2W, unclipped: a fixed cubic enlargement plus what a small network adds to it.

    Residual blocks without normalisation (Lim et al., EDSR, 2017) and sub-pixel convolution (Shi et al., ESPCN, 2016).
    It looks 2·blocks + 2 pixels far.
    """

    def __init__(self, channels: int = 48, blocks: int = 5) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1)
            )
            for _ in range(blocks)
        )
        self.tail = nn.Conv2d(channels, 3 * SCALE**2, 3, padding=1)
        self.register_buffer("cubic", cubic_phases())
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias if self.tail.bias is not None else torch.zeros(()))

    @property
    def reach_px(self) -> int:
        return 2 * len(self.blocks) + 2

    def forward(self, picture: Tensor) -> Tensor:
        cubic = self.get_buffer("cubic").to(picture.dtype)
        smooth = functional.conv2d(functional.pad(picture, (2, 2, 2, 2), mode="replicate"), cubic, groups=3)
        features = self.head(picture)
        for block in self.blocks:
            features = features + block(torch.relu(features))
        return functional.pixel_shuffle(smooth + self.tail(torch.relu(features)), SCALE)


def cubic_phases() -> Tensor:
    """Twelve 5×5 kernels, four a channel: Keys' cubic (1981, a = −0.5) a quarter pixel before and after each pixel."""

    def weight(x: float) -> float:
        x = abs(x)
        return 1.5 * x**3 - 2.5 * x**2 + 1 if x <= 1 else max(2 - x, 0) ** 2 * (1 - x) / 2

    lines = torch.tensor([[weight(tap - shift) for tap in range(-2, 3)] for shift in (-0.25, 0.25)])
    phases = torch.stack([torch.outer(lines[row], lines[column]) for row in range(2) for column in range(2)])
    return phases[:, None].repeat(3, 1, 1, 1)


class Patches:
    """Pairs of patches from a pool of pictures, turned and mirrored at random."""

    def __init__(self, pool: Path, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._pictures = {
            kind: [np.asarray(Image.open(path).convert("RGB")) for path in sorted(pool.glob(f"{kind}-train-*.png"))]
            for kind in SHARES
        }
        if not any(self._pictures.values()):
            raise SystemExit(f"{pool} holds no pictures; make them with python -m engines.nano.upscaler_data")

    def __str__(self) -> str:
        return ", ".join(f"{len(pictures)} {kind}" for kind, pictures in self._pictures.items())

    def batch(self, count: int) -> tuple[Tensor, Tensor]:
        """`count` half-size patches and their originals, N×3×H×W 0–1."""
        pairs = [self._pair() for _ in range(count)]
        small, large = (np.stack([pair[index] for pair in pairs]) for index in range(2))
        return _tensor(small), _tensor(large)

    def _pair(self) -> tuple[Pixels, Pixels]:
        kinds = [kind for kind in SHARES if self._pictures[kind]]
        shares = np.array([SHARES[kind] for kind in kinds])
        pictures = self._pictures[str(self._rng.choice(kinds, p=shares / shares.sum()))]
        margin, side = 4, SCALE * (PATCH_PX + 8)
        crops = [self._crop(pictures[self._rng.integers(len(pictures))], side) for _ in range(3)]
        # Most of a render is flat; of three patches the busiest teaches most. One in four is left to chance.
        crop = crops[0] if self._rng.random() < 0.25 else max(crops, key=_detail)
        if self._rng.random() < SOFT:
            crop = np.asarray(cv2.GaussianBlur(crop, (0, 0), self._rng.uniform(0.4, 1.0)), np.uint8)
        small = reduce_by_two(crop, self._rng)[margin:-margin, margin:-margin]
        large = crop[SCALE * margin : -SCALE * margin, SCALE * margin : -SCALE * margin]
        turns, mirror = int(self._rng.integers(4)), 1 - 2 * int(self._rng.integers(2))
        return np.rot90(small, turns)[:, ::mirror], np.rot90(large, turns)[:, ::mirror]

    def _crop(self, picture: Pixels, side: int) -> Pixels:
        top, left = (int(self._rng.integers(length - side + 1)) for length in picture.shape[:2])
        return np.ascontiguousarray(picture[top : top + side, left : left + side])


def _detail(crop: Pixels) -> float:
    return float(np.std(cv2.Laplacian(crop, cv2.CV_32F)))


def _tensor(pictures: NDArray[np.uint8]) -> Tensor:
    planes = torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))
    return planes.to(torch.float32).div_(255).contiguous(memory_format=torch.channels_last)


class Training(Run[UpscaleNet]):
    """The upscaler on its way."""

    @classmethod
    def fresh(cls, seed: int, device: str) -> Training:
        torch.manual_seed(seed)
        net = UpscaleNet().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(net, averaged(net), torch.optim.Adam(net.parameters(), RATE))

    def learn(self, small: Tensor, large: Tensor, progress: float, brief: bool) -> float:
        """One step at `progress` (0–1) of the schedule; `brief` computes in bfloat16. Returns the loss."""
        with torch.autocast(small.device.type, torch.bfloat16, enabled=brief):
            made = self.net(small)
        loss = torch.sqrt((made.float() - large) ** 2 + CHARBONNIER**2).mean()
        return self.descend(loss, RATE * min(1, (self.step + 1) / 200) * cosine(progress, 1e-3), 1.0)


def train(patches: Patches, training: Training, seconds: float, checkpoint: Path | None, brief: bool = True) -> None:
    """Train on fresh patches until `seconds` in all have been spent; see `Run.go_on`."""
    device = next(training.net.parameters()).device

    def learn(progress: float) -> float:
        small, large = (tensor.to(device) for tensor in patches.batch(BATCH))
        return training.learn(small, large, progress, brief and progress < POLISH_FROM)

    training.go_on(learn, seconds, checkpoint)


def export(net: UpscaleNet, path: Path, note: str = "") -> float:
    """Write the network as ONNX (`picture` 1×3×H×W to `enlarged` 1×3×2H×2W, any H and W) and check it.

    Returns the largest difference between torch and ONNX Runtime; see `write_onnx`.
    """
    sides = {2: torch.export.Dim("height", min=2), 3: torch.export.Dim("width", min=2)}
    examples = [torch.rand(1, 3, height, width) for height, width in ((24, 40), (64, 33), (2, 90))]
    facts = {"scale": str(SCALE), "margin_px": str(net.reach_px), "note": note}
    return write_onnx(net, examples, ("picture", "enlarged"), path, facts, dynamic_shapes=(sides,))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pool", type=Path, required=True, help="the folder upscaler_data wrote")
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file; the checkpoint lies beside the pool")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--full-precision", action="store_true", help="for processors without bfloat16 arithmetic")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    checkpoint = options.pool / "upscaler.npz"
    training = Training.fresh(options.seed, options.device)
    if checkpoint.exists():
        training.restore(checkpoint)
    patches = Patches(options.pool, options.seed + training.step)
    print(
        f"{sum(p.numel() for p in training.net.parameters())} parameters; {patches}; step {training.step}", flush=True
    )
    train(patches, training, 60 * options.minutes, checkpoint, not options.full_precision)
    difference = export(training.mean, options.out, f"{training.step} steps of {BATCH}")
    print(
        f"{options.out}: {options.out.stat().st_size} bytes, largest difference to torch {difference:.2e}", flush=True
    )


if __name__ == "__main__":
    main()
