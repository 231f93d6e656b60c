"""Ours beside the stock pipeline of diffusers, on the same networks with random weights, in turn.

`python -m tests.bench.diffusion_bench [--full] [--rounds N] [--px N] [--steps N] [--cap-gb 24] [--json]`

Whole pictures with a map and a reference, other seeds of the same words, as a batch of ads asks for them. The stock
pipeline is called as its documentation says: words and pictures in, pixels out. `--full` takes SDXL at full size (12 GB
in half precision); else a tiny one. On a card seconds are of the clock, on a processor of all its cores together, so
that other programs count less. Numbers are refused when the pictures differ, when a time is below what the arithmetic
takes at the card's own rate, and when a half of the times lies further apart than a quarter of their median.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import EulerDiscreteScheduler
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPImageProcessor

from engines.accelerate import ways
from engines.accelerate.bench import RATES, doubts, known_card, spread
from engines.accelerate.ways import Rig
from engines.base import ControlMap, ReferencePicture
from engines.diffusion import ledger, sdxl_parts
from engines.diffusion.family import Work
from engines.diffusion.placement import bytes_of
from tests.engines.diffusion import full_size, tiny_sdxl

TOLERANCE = {torch.float32: 2e-4, torch.bfloat16: 0.1, torch.float16: 0.02}
GB = 1e9


# ------------------------------------------------------------------------------------------------ networks


def tiny(device: torch.device, dtype: torch.dtype) -> Rig:
    with tempfile.TemporaryDirectory() as folder:
        parts = tiny_sdxl.tiny_sdxl(Path(folder))
        paths = {name: path for name, path in parts.paths.items() if name not in ("face", "unet-8", "preview")}
        made = sdxl_parts.components(tiny_sdxl.PROFILE, paths, dtype)
    return rig({name: part.to(device) if hasattr(part, "to") else part for name, part in made.items()}, device, dtype)


def full(device: torch.device, dtype: torch.dtype) -> Rig:
    """SDXL at full size. Weights are drawn on the device, never twice in memory."""
    makers: dict[str, Callable[[], Any]] = {
        "unet": full_size.unet, "controlnet": full_size.control_union, "vae": full_size.vae,
        "text_encoder": full_size.clip_l, "text_encoder_2": full_size.clip_g, "image_encoder": full_size.vit_h,
    }  # fmt: skip
    made: dict[str, Any] = {name: drawn(make, device, dtype) for name, make in makers.items()}
    made["vae"].register_to_config(force_upcast=False)  # as the weights that are mended for half precision say
    unet, state = made["unet"], {}
    for place, key in enumerate(unet.attn_processors):
        if key.endswith("attn2.processor"):
            inner = unet.get_submodule(key.removesuffix(".processor")).inner_dim
            state |= {f"{place}.to_{way}_ip.weight": noise((inner, 2048), device, dtype) for way in ("k", "v")}
    resampler = drawn(full_size.resampler, device, dtype).state_dict()
    projection = tiny_sdxl.plus_names(resampler)
    unet._load_ip_adapter_weights([{"image_proj": projection, "ip_adapter": {k: v for k, v in state.items()}}])
    unet.to(device, dtype)
    made["tokenizer"], made["tokenizer_2"] = tiny_sdxl.tokenizers()
    made["scheduler"] = EulerDiscreteScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1, timestep_spacing="trailing"
    )
    made["feature_extractor"] = CLIPImageProcessor()
    return rig(made, device, dtype)


def drawn(make: Callable[[], Any], device: torch.device, dtype: torch.dtype) -> Any:
    network = full_size.on_meta(make, dtype).to_empty(device=device)
    for name, weight in network.named_parameters():
        if weight.ndim > 1:
            weight.copy_(noise(weight.shape, device, dtype))
        else:
            weight.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
    for name, buffer in network.named_buffers():
        if name.endswith("position_ids"):
            buffer.copy_(torch.arange(buffer.shape[-1])[None])
    return network


def noise(shape: Any, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Of the size that keeps what goes through at its own size."""
    reach = (3 / max(int(np.prod(shape[1:])), 1)) ** 0.5
    return torch.empty(tuple(shape), device=device, dtype=dtype).uniform_(-reach, reach)


def rig(made: dict[str, Any], device: torch.device, dtype: torch.dtype) -> Rig:
    return ways.rig(made, {name: Path(name) for name in ("references", "image_encoder")}, device)


# ------------------------------------------------------------------------------------------------ measuring


def cases(px: int, steps: int) -> dict[str, Work]:
    def picture(seed: int) -> np.ndarray:
        small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
        return np.array(Image.fromarray(small).resize((px, px), Image.Resampling.BICUBIC))

    words = "a bottle on a stone shelf by a window, soft morning light, linen, empty space on the left"
    depth, look = ControlMap("depth", picture(1)), ReferencePicture("product", picture(2), 0.6)
    plain = Work(px, px, 1, steps, words, controls=(depth,), references=(look,))
    found = {"map and reference": plain}
    if steps > 1:
        found["map for half the steps, reference"] = replace(plain, controls=(replace(depth, end=0.5),))
        found["start picture, map for half the steps, reference"] = replace(
            plain, controls=(replace(depth, end=0.5),), start=picture(3), strength=0.75
        )
    return found


class Clock:
    """Seconds of the card, or of all cores of the processor."""

    def __init__(self, device: torch.device) -> None:
        self.on_card = device.type == "cuda"

    def __call__(self) -> float:
        if self.on_card:
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()


def measure(at: Rig, work: Work, rounds: int, batch: int = 1) -> dict[str, Any]:
    """Both ways in turn, the first of a round by turns too."""
    works = [replace(work, seed=seed) for seed in range(batch)]
    # 1. The same pictures, or no comparison. This also warms up, and fills what ours keeps: words and references.
    with FlopCounterMode(display=False) as counted:
        expected = at.stock(works)
    stock_tflop = counted.get_total_flops() / 1e12
    at.ours(works)
    with FlopCounterMode(display=False) as counted:
        got = at.ours(works)
    our_tflop = counted.get_total_flops() / 1e12
    apart = max(float(np.abs(a - b).max()) for a, b in zip(got, expected, strict=True))
    # 2. Seconds.
    clock, times = Clock(at.device), {"ours": [], "stock": []}
    peak = 0
    for number in range(rounds):
        works = [replace(one, seed=1000 + number * batch + n) for n, one in enumerate(works)]
        both = [("ours", at.ours), ("stock", at.stock)]
        for name, way in both if number % 2 else both[::-1]:
            if at.device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            begun = clock()
            way(works)
            times[name].append((clock() - begun) / batch)
            if at.device.type == "cuda" and name == "ours":
                peak = max(peak, torch.cuda.max_memory_allocated())
    found = {name: spread(values) for name, values in times.items()}
    row: dict[str, Any] = {
        "batch": batch, "pictures_apart": round(apart, 6), **found,
        "tflop_a_picture": {"ours": round(our_tflop / batch, 4), "stock": round(stock_tflop / batch, 4)},
        "times_quicker": round(found["stock"]["median"] / found["ours"]["median"], 2),
    }  # fmt: skip
    if peak:
        row["peak_gb"] = {"measured": round(peak / GB, 2), "predicted": round(predicted(at, work, batch) / GB, 2)}
    row["floor"] = floor(at, row)
    row["refused"] = refusals(at, row)
    return row


def predicted(at: Rig, work: Work, batch: int) -> int:
    job = ledger.Job("sdxl", work.width_px, work.height_px, batch, at.dtype.itemsize, starts=work.start is not None)
    return bytes_of(at.family.modules.values()) + ledger.work_bytes(job)


def rate(device: torch.device) -> tuple[str, float] | None:
    card = known_card(torch.cuda.get_device_name()) if device.type == "cuda" else ""
    return (card, RATES[card]["fp16"]) if card else None


def floor(at: Rig, row: dict[str, Any]) -> dict[str, Any]:
    """What the arithmetic of our picture takes at a card's own rate, and how near we come to it."""
    tflop, seconds = row["tflop_a_picture"]["ours"], row["ours"]["median"]
    found: dict[str, Any] = {
        "tflop_s": round(tflop / seconds, 3),
        "seconds_on_a_4090": round(tflop / RATES["4090"]["fp16"], 5),
    }
    if here := rate(at.device):
        found |= {"card": here[0], "percent": round(100 * tflop / here[1] / seconds, 1)}
    return found


def refusals(at: Rig, row: dict[str, Any]) -> list[str]:
    """Why these numbers are not to be used."""
    why = []
    if not row["pictures_apart"] <= TOLERANCE[at.dtype]:
        why.append(f"the pictures are {row['pictures_apart']} apart")
    here = rate(at.device)
    for name in ("ours", "stock"):
        found = row[name]
        if here and row["tflop_a_picture"][name] / found["median"] > here[1]:
            why.append(f"{name}: quicker than the card can be")
        why += [f"{name}: {doubt}" for doubt in doubts(found)]
    return why


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--px", type=int)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--cap-gb", type=float, default=0.0, help="use no more of the card's memory")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    half = torch.float16 if device.type == "cuda" else torch.bfloat16
    dtype = half if options.full else torch.float32
    if options.cap_gb and device.type == "cuda":
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(options.cap_gb * GB / total, 1.0))
    px = options.px or (1024 if options.full else 128)
    torch.manual_seed(1)
    with torch.no_grad():
        at = full(device, dtype) if options.full else tiny(device, dtype)
        rows = {}
        for name, work in cases(px, options.steps).items():
            for batch in (1, 4) if device.type == "cuda" or not options.full else (1,):
                rows[f"{name}, {batch} at once"] = measure(at, work, options.rounds, batch)
                if not options.json:
                    print(name, json.dumps(rows[f"{name}, {batch} at once"]), flush=True)
    told = {
        "setting": {"full_size": options.full, "px": px, "steps": options.steps, "rounds": options.rounds,
                    "device": device.type, "dtype": str(dtype).removeprefix("torch."),
                    "seconds": "of the clock" if device.type == "cuda" else "of all cores together",
                    "weights_gb": round(bytes_of(at.family.modules.values()) / GB, 2)},
        "rows": rows,
    }  # fmt: skip
    if options.json:
        print(json.dumps(told, indent=2))
    refused = [f"{name}: {why}" for name, row in rows.items() for why in row["refused"]]
    for line in refused:
        print(f"refused: {line}", file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
