"""The built-in model without torch beside the stock pipeline of diffusers, in turn, on the same weights and noise.

`python -m tests.bench.nano_bench [--folder assets/nano] [--rounds 5] [--steps 4] [--threads 2] [--px 512 512]`

Whole pictures: words and palette, steps, pixels; one alone and eight at once. Processor seconds are of all cores
together, so that other programs count less. Numbers are refused when the pictures differ.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline

from engines.nano import assemble, graphs, noise
from engines.nano.learn import Task
from engines.nano.nets import CHANNELS, FACTOR
from engines.nano.sessions import Nets, Told
from engines.nano.tokens import tokenizer

WORDS = "a matte black dropper bottle on a round podium, an arch behind, window light"
GUIDANCE = 2.5
LEVELS = 1.0
"""How many of 255 levels the pictures may be apart, on average."""


def random_model(folder: Path) -> Path:
    """The full-size model with random weights, whose pictures are grey but cost the same."""
    torch.manual_seed(1)
    model = assemble.fresh(Task(folder, "full", 0.0, "cpu", 1), tokenizer([WORDS], 2048))
    torch.nn.init.normal_(model.unet.conv_out.weight, std=0.05)
    assemble.write(model, folder, {})
    graphs.write_graphs(folder)
    return folder


def given(count: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise and palettes of a batch."""
    rng = np.random.default_rng(7)
    latents = rng.standard_normal((count, CHANNELS, height // FACTOR, width // FACTOR), np.float32)
    palettes = rng.random((count, 6, 5), np.float32)
    palettes[..., 1:3] = (palettes[..., 1:3] - 0.5) * 0.2
    palettes[..., 4] = 1
    return latents, palettes


def ours(nets: Nets, ids: np.ndarray, steps: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    schedule = noise.Schedule()

    def paint(latents: np.ndarray, palettes: np.ndarray) -> np.ndarray:
        count, (high, wide) = len(latents), (FACTOR * side for side in latents.shape[-2:])
        tokens, pooled = nets.words(np.repeat(ids, count, 0))
        slots, added = nets.palette(palettes)
        sizes = np.tile(np.array([high, wide, 0, 0, high, wide], np.float32), (count, 1))
        told = Told.plain(np.concatenate([tokens, slots], 1), pooled + added, sizes, GUIDANCE)

        def velocity(at: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(nets.velocity(at.numpy(), int(step[0]), told))

        return nets.decode(noise.sample(velocity, torch.from_numpy(latents), steps, schedule).numpy())

    return paint


def stock(folder: Path, ids: np.ndarray, steps: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    pipeline: Any = StableDiffusionXLPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    told = assemble.read(folder).told

    @torch.no_grad()
    def paint(latents: np.ndarray, palettes: np.ndarray) -> np.ndarray:
        found = told.text(torch.from_numpy(ids).repeat(len(latents), 1), output_hidden_states=True)
        slots, added = told.palette(torch.from_numpy(palettes))
        made = pipeline(
            prompt_embeds=torch.cat([found.hidden_states[-2], slots], 1), pooled_prompt_embeds=found.text_embeds + added,
            latents=torch.from_numpy(latents), num_inference_steps=steps, guidance_scale=GUIDANCE,
            height=FACTOR * latents.shape[2], width=FACTOR * latents.shape[3], output_type="np",
        ).images  # fmt: skip
        return np.round(255 * made).astype(np.uint8)

    return paint


def measure(ways: dict[str, Callable[..., np.ndarray]], case: tuple[np.ndarray, ...], rounds: int) -> dict[str, Any]:
    """Medians of seconds a picture, by the clock and of the processor; each way once before they are counted."""
    pictures = {name: paint(*case).astype(float) for name, paint in ways.items()}
    first, second = pictures.values()
    apart = float(np.abs(first - second).mean())
    if not apart <= LEVELS:
        raise SystemExit(f"The pictures are {apart:.1f} levels apart: nothing is claimed.")
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, paint in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            paint(*case)
            taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    count = len(case[0])
    rows = {
        name: {
            kind: round(statistics.median(one[place] for one in took) / count, 3)
            for place, kind in enumerate(("seconds", "processor"))
        }
        for name, took in taken.items()
    }
    return {"pictures": count, "levels_apart": round(apart, 3), **rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, help="an assembled model; else random weights")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--px", type=int, nargs=2, default=(512, 512), metavar=("WIDTH", "HEIGHT"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or random_model(Path(scratch))
        tokens = assemble.read(folder).tokenizer([WORDS], padding="max_length", max_length=64, truncation=True)
        ids = np.array(tokens.input_ids, np.int64)
        nets, start = Nets(folder, options.threads), time.perf_counter()
        for name in ("words", "palette", "unet", "decode"):
            nets._session(name)
        told: dict[str, Any] = {"opened in": round(time.perf_counter() - start, 2)}
        ways = {"ours": ours(nets, ids, options.steps), "stock": stock(folder, ids, options.steps)}
        told["cases"] = [measure(ways, given(count, *options.px), options.rounds) for count in (1, 8)]
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
