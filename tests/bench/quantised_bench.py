"""Eight bits beside the painter as it is: a sheet of the same pictures both ways, how far apart they are, how long.

`python -m tests.bench.quantised_bench KIND [--painter ID] [--px N] [--steps N] [--count N] [--out FOLDER]`

KIND is `onnx` (graphs in eight bits beside graphs in single precision, both by ONNX Runtime on the processor), `fp8`
(layers by torchao on a card, compiled, beside the same compiled), or `int8` (the same anywhere). Without a painter, or
when none is on this machine, a tiny one with random weights: its pictures are noise, in which nothing can be judged but
distances. `sheet.png`: each row one picture as it is, in eight bits, and eight times their difference.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from engines.accelerate import flat, onnx, ways
from engines.accelerate.compiled import compile_modules
from engines.accelerate.export import export
from engines.accelerate.quantised import quantise, quantise_layers
from engines.accelerate.shapes import Shape
from engines.accelerate.stand_ins import ControlStandIn, UnetStandIn
from engines.accelerate.ways import Rig
from engines.diffusion import sdxl
from engines.diffusion.family import Work
from engines.diffusion.offers import on_offer
from engines.diffusion.placement import Machine, find_machine
from engines.weights import model_folders
from studio.color import cielab, delta_e00
from tests.bench.diffusion_bench import tiny

Paint = Callable[[], list[np.ndarray]]
MORE = 8
"""How many times differences are enlarged to be seen."""


def run(kind: str, at: Rig, works: Sequence[Work], machine: Machine, folder: Path) -> dict[str, Any]:
    """Paint both ways, three times each, and draw the sheet. Numbers by picture."""
    with torch.no_grad():
        first, second = (
            both_on_graphs(at, works, folder) if kind == "onnx" else both_on_layers(kind, at, works, machine)
        )
        base, base_times = timed(first(), machine)
        other, other_times = timed(second(), machine)
    apart = [delta_e00(cielab(a * 255), cielab(b * 255)) for a, b in zip(base, other, strict=True)]
    sheet(base, other, apart, kind).save(folder / "sheet.png")
    return {
        "kind": kind, "runtime": machine.runtime, "pictures": len(works), "px": works[0].width_px,
        "delta_e00_mean": [round(float(one.mean()), 3) for one in apart],
        "delta_e00_p95": [round(float(np.quantile(one, 0.95)), 3) for one in apart],
        "largest_of_255": round(float(max(np.abs(a - b).max() for a, b in zip(base, other, strict=True)) * 255), 1),
        "seconds": base_times, "seconds_in_eight_bits": other_times,
    }  # fmt: skip


def timed(paint: Paint, machine: Machine) -> tuple[list[np.ndarray], dict[str, float]]:
    """The pictures, and seconds for one: the median of three rounds after one to warm up."""
    made, wall, cpu = paint(), [], []
    for _ in range(3):
        machine.sync()
        began, worked = time.perf_counter(), time.process_time()
        made = paint()
        machine.sync()
        wall.append((time.perf_counter() - began) / len(made))
        cpu.append((time.process_time() - worked) / len(made))
    return made, {"wall": round(float(np.median(wall)), 4), "cpu": round(float(np.median(cpu)), 4)}


def both_on_graphs(at: Rig, works: Sequence[Work], folder: Path) -> tuple[Callable[[], Paint], Callable[[], Paint]]:
    shape = Shape(works[0].width_px, works[0].height_px)
    unet, net = at.parts["unet"], at.parts["controlnet"]
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        sessions: dict[str, list[onnx.Session]] = {}
        for name, graph in (("unet", flat.unet(unet)), ("controlnet", flat.control(net))):
            full = export(graph, shape, Path(aside) / name, "fp32", check=False)
            given = dict(zip(graph.inputs, graph.example(shape), strict=True))
            less = quantise(full, Path(aside) / f"{name}-int8", given)
            print(f"{name}: one step is off by {less.max_error:.3g} of its range")
            sessions[name] = [onnx.load(one.path, ["CPUExecutionProvider"]) for one in (full, less)]

    def on(place: int) -> Callable[[], Paint]:
        stand_in = UnetStandIn(
            sessions["unet"][place], unet.config, flat.crossed(unet), flat.references(unet), unet.encoder_hid_proj
        )
        made = {
            **at.parts,
            "unet": stand_in,
            "controlnet": ControlStandIn({1: sessions["controlnet"][place]}, net.config),
        }
        family = sdxl.Sdxl(made, at.adapters, at.device)
        return lambda: lambda: [family.planes([work], lambda done, of, look: None, {})[0] for work in works]

    return on(0), on(1)


def both_on_layers(
    kind: str, at: Rig, works: Sequence[Work], machine: Machine
) -> tuple[Callable[[], Paint], Callable[[], Paint]]:
    """Compiled on a card, as neither is quick without."""

    def ready() -> Paint:
        if machine.device == "cuda":
            for note in compile_modules(at.family.modules, machine).notes:
                print(note)
        return lambda: [at.ours([work])[0] for work in works]

    def less() -> Paint:
        for name in ("unet", "controlnet"):
            if name in at.parts:
                print(f"{name}: {quantise_layers(at.parts[name], kind)} layers in {kind}")
        return ready()

    return ready, less


def sheet(
    base: Sequence[np.ndarray], other: Sequence[np.ndarray], apart: Sequence[np.ndarray], kind: str
) -> Image.Image:
    """Rows of pictures, H×W×3 in 0–1."""
    high, wide = base[0].shape[:2]
    made = Image.new("RGB", (3 * wide + 40, len(base) * (high + 24) + 30), "white")
    draw = ImageDraw.Draw(made)
    for column, text in enumerate(("as it is", f"in {kind}", f"difference, times {MORE}")):
        draw.text((10 + column * (wide + 10), 8), text, fill="black")
    for row, (a, b, e) in enumerate(zip(base, other, apart, strict=True)):
        top = 28 + row * (high + 24)
        for column, picture in enumerate((a, b, np.clip(0.5 + MORE * (b - a), 0, 1))):
            made.paste(Image.fromarray(np.rint(picture * 255).astype(np.uint8)), (10 + column * (wide + 10), top))
        said = f"CIEDE2000: mean {e.mean():.2f}, 95 % below {np.quantile(e, 0.95):.2f}, most {e.max():.1f}"
        draw.text((10, top + high + 4), said, fill="black")
    return made


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("kind", choices=("onnx", "fp8", "int8"))
    asked.add_argument("--painter", default="")
    asked.add_argument("--px", type=int, default=0)
    asked.add_argument("--steps", type=int, default=4)
    asked.add_argument("--count", type=int, default=4)
    asked.add_argument("--out", type=Path, default=Path("out/quantised"))
    wishes = asked.parse_args()
    wishes.out.mkdir(parents=True, exist_ok=True)
    machine = Machine("cpu", torch.float32) if wishes.kind == "onnx" else find_machine("sdxl")
    one = next((o for o in on_offer(model_folders(None)) if o.offer.id == wishes.painter and not o.offer.reason), None)
    if wishes.painter and one is None:
        raise SystemExit(f"{wishes.painter} is not ready on this machine; leave --painter out for a tiny one")
    at = (
        ways.open_rig(one.profile, one.found.parts.paths, machine)
        if one
        else tiny(torch.device(machine.device), machine.dtype)
    )
    side = wishes.px or (1024 if one else 128)
    _, work = ways.a_work(at, side, side, wishes.steps)
    works = [replace(work, seed=seed) for seed in range(1, wishes.count + 1)]
    print(json.dumps(run(wishes.kind, at, works, machine, wishes.out), indent=1))


if __name__ == "__main__":
    main()
