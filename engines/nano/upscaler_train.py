"""Training and export of the built-in 2× upscaler.

    python -m engines.nano.upscaler_data --out POOL
    python -m engines.nano.upscaler_train --pool POOL --minutes 60 --device cpu --out assets/nano/upscale-x2.onnx

The objective is fidelity: Charbonnier loss in sRGB (Charbonnier et al. 1994; Lai et al., LapSRN, 2017), no adversary,
so nothing is made up. Stopped and started again with the same checkpoint, it goes on where it was.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from engines.base import Pixels
from engines.nano.plain_onnx import without_traces

from .upscaler_data import reduce_by_two

SCALE = 2
PATCH_PX = 48
BATCH = 8
RATE = 1e-3
EMA = 0.998
CHARBONNIER = 1e-3
SHARES = {"render": 0.25, "type": 0.25, "leaves": 0.5}
SOFT = 0.2  # of the patches: photos are often softer than their pixels, and should stay so
POLISH_FROM = 0.8  # of the time; from here on in full precision
LARGEST_DIFFERENCE = 1e-4  # between torch and ONNX Runtime, of 1


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


@dataclass
class Training:
    """A network being trained, its running mean, and how long it has been."""

    net: UpscaleNet
    mean: UpscaleNet
    optimiser: torch.optim.Adam
    step: int = 0
    seconds: float = 0.0

    @classmethod
    def fresh(cls, seed: int, device: str) -> Training:
        torch.manual_seed(seed)
        net = UpscaleNet().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(net, copy.deepcopy(net).requires_grad_(False), torch.optim.Adam(net.parameters(), RATE))

    def learn(self, small: Tensor, large: Tensor, progress: float, brief: bool) -> float:
        """One step at `progress` (0–1) of the schedule; `brief` computes in bfloat16. Returns the loss."""
        self.optimiser.param_groups[0]["lr"] = RATE * min(1, (self.step + 1) / 200) * _cosine(progress)
        with torch.autocast(small.device.type, torch.bfloat16, enabled=brief):
            made = self.net(small)
        loss = torch.sqrt((made.float() - large) ** 2 + CHARBONNIER**2).mean()
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        keep = min(EMA, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for mean, now in zip(self.mean.parameters(), self.net.parameters(), strict=True):
                mean.lerp_(now, 1 - keep)
        self.step += 1
        return float(loss.detach())

    def save(self, path: Path) -> None:
        """Everything as plain arrays, in one file that is replaced at once."""
        arrays = {f"net.{name}": value for name, value in self.net.state_dict().items()}
        arrays |= {f"mean.{name}": value for name, value in self.mean.state_dict().items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            arrays |= {f"adam.{index}.{name}": value for name, value in state.items()}
        part = path.with_suffix(".part.npz")
        np.savez(
            part,
            step=self.step,
            seconds=self.seconds,
            allow_pickle=False,
            **{name: value.detach().cpu().numpy() for name, value in arrays.items()},
        )
        part.replace(path)

    def restore(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: torch.from_numpy(arrays[name]) for name in arrays.files if "." in name}
            self.step, self.seconds = int(arrays["step"]), float(arrays["seconds"])
        for model, prefix in ((self.net, "net."), (self.mean, "mean.")):
            model.load_state_dict({n.removeprefix(prefix): v for n, v in found.items() if n.startswith(prefix)})
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in found.items():
            if name.startswith("adam."):
                _, index, field = name.split(".")
                state.setdefault(int(index), {})[field] = value
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": state})


def _cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))) + 1e-3


def train(patches: Patches, training: Training, seconds: float, checkpoint: Path | None, brief: bool = True) -> None:
    """Train until `seconds` in all have been spent, over however many runs, with a checkpoint every two minutes."""
    device = next(training.net.parameters()).device
    before, started, saved, losses = training.seconds, time.perf_counter(), time.perf_counter(), []
    while training.seconds < seconds:
        progress = training.seconds / seconds
        small, large = (tensor.to(device) for tensor in patches.batch(BATCH))
        losses.append(training.learn(small, large, progress, brief and progress < POLISH_FROM))
        training.seconds = before + time.perf_counter() - started
        if len(losses) == 100:
            print(f"step {training.step}, {training.seconds:.0f} s, loss {np.mean(losses):.5f}", flush=True)
            losses.clear()
        if checkpoint is not None and time.perf_counter() - saved > 120:
            training.save(checkpoint)
            saved = time.perf_counter()
    if checkpoint is not None:
        training.save(checkpoint)


def export(net: UpscaleNet, path: Path, note: str = "") -> float:
    """Write the network as ONNX (`picture` 1×3×H×W to `enlarged` 1×3×2H×2W, any H and W) and check it.

    Returns the largest difference between torch and ONNX Runtime; raises `RuntimeError` if it is above 1e-4 of 1.
    """
    import onnx
    import onnxruntime

    net = copy.deepcopy(net).cpu().float().eval()
    sides = {2: torch.export.Dim("height", min=2), 3: torch.export.Dim("width", min=2)}
    program = torch.onnx.export(
        net,
        (torch.rand(1, 3, 24, 40),),
        input_names=["picture"],
        output_names=["enlarged"],
        dynamic_shapes=(sides,),
        dynamo=True,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export gave nothing back")
    model = without_traces(program.model_proto)
    facts = {"scale": str(SCALE), "margin_px": str(net.reach_px), "licence": "Apache-2.0", "note": note}
    onnx.helper.set_model_props(model, facts)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    difference = 0.0
    for height, width in ((24, 40), (64, 33), (2, 90)):
        picture = torch.rand(1, 3, height, width)
        with torch.no_grad():
            expected = net(picture).numpy()
        (got,) = session.run(None, {"picture": picture.numpy()})
        difference = max(difference, float(np.abs(np.asarray(got) - expected).max()))
    if not difference <= LARGEST_DIFFERENCE:
        raise RuntimeError(f"ONNX Runtime differs from torch by {difference:.2e}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return difference


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
