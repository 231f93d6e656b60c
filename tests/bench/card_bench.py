"""A card that is at hand for an hour, without weights: SDXL at full size with random ones, every way there is without engines.

`python -m tests.bench.card_bench [--tiny] [--px N] [--batch 1 4] [--rounds N] [--cap-gb 24] [--out FOLDER]`

The stock pipeline, ours, ours compiled, ours compiled with sums in half precision, in turn, one JSON a batch
(`engines.accelerate.report`), written as soon as it is there. Rehearse it with `--tiny`, which runs on a processor.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from engines.accelerate import ways
from engines.accelerate.bench import RealClock, measure
from engines.accelerate.commands import BenchWishes, _libraries, _place
from engines.accelerate.meter import find_meter
from engines.accelerate.report import Report
from engines.base import Progress
from engines.diffusion.placement import find_machine
from tests.bench.diffusion_bench import GB, full, tiny


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--tiny", action="store_true")
    asked.add_argument("--px", type=int, default=0)
    asked.add_argument("--steps", type=int, default=4)
    asked.add_argument("--batch", type=int, nargs="+", default=[1, 4])
    asked.add_argument("--rounds", type=int, default=9)
    asked.add_argument("--cap-gb", type=float, default=0.0, help="use no more of the card's memory")
    asked.add_argument("--out", type=Path, default=Path("out/card"))
    wishes = asked.parse_args()
    wishes.out.mkdir(parents=True, exist_ok=True)
    machine = find_machine("sdxl")
    if wishes.cap_gb and machine.device == "cuda":
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(wishes.cap_gb * GB / total, 1.0))
    device, px = torch.device(machine.device), wishes.px or (128 if wishes.tiny else 1024)
    torch.manual_seed(1)
    with torch.no_grad():
        at = (tiny if wishes.tiny else full)(device, machine.dtype)
        case, work = ways.a_work(at, px, px, wishes.steps)
        for batch in wishes.batch:
            rows = measure(
                ways.ways_of(at, work, machine, {}, batch), wishes.rounds, _place(machine.device, BenchWishes()),
                clock=RealClock(machine.sync), meter=find_meter(machine.device),
                progress=Progress(lambda done, text: print(f"{done:4.0%} {text}", flush=True)),
            )  # fmt: skip
            setting = {
                "width_px": px, "height_px": px, "steps": wishes.steps, "batch": batch, "rounds": wishes.rounds,
                "case": case, "libraries": _libraries(),
            }  # fmt: skip
            name = "tiny-sdxl" if wishes.tiny else "sdxl-lightning"
            report = Report(name, "random", _place(machine.device, BenchWishes()), setting, rows)
            (wishes.out / f"{name}-{px}-{batch}.json").write_text(json.dumps(report.told(), indent=2), "utf-8")
            print(report.table(), flush=True)


if __name__ == "__main__":
    main()
