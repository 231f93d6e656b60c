"""The ways a bench compares, on a tiny painter: the same pictures, the same arithmetic, numbers for all of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engines.accelerate import commands, rungs, ways
from engines.accelerate.bench import RealClock
from engines.accelerate.cache import EngineCache
from engines.accelerate.commands import BenchWishes, BuildWishes, Shelf, bench_of, build_engines, row_said
from engines.accelerate.digests import Digests
from engines.accelerate.export import Exported
from engines.accelerate.job import job_for, wanted
from engines.accelerate.ladder import Ladder
from engines.accelerate.meter import find_meter
from engines.accelerate.shapes import Shape
from engines.base import ControlMap, EngineError, Progress
from engines.diffusion.family import Parts, Work
from engines.diffusion.placement import Machine
from tests.engines.accelerate.test_ladder import FakeRung
from tests.engines.diffusion.tiny_sdxl import PROFILE

MACHINE = Machine("cpu", torch.float32)


@pytest.fixture(scope="module")
def at(tiny_parts: Parts) -> ways.Rig:
    with torch.no_grad():
        return ways.open_rig(PROFILE, tiny_parts.paths, MACHINE)


class Mirrors:
    """Stand-ins that are the networks themselves."""

    def dress(self, network: str, sessions: Mapping[str, Any], module: Any, work: Work) -> Any:
        return module

    def why_not(self, network: str, stand_in: Any, work: Work, batch: int, windows: int) -> str:
        return ""


class Everything(Ladder):
    """Takes all networks, from engines that nobody has to build."""

    def _session(self, *_: Any, **__: Any) -> tuple[str, Any]:
        return "digest", object()


def mirrored(tmp_path: Path) -> Ladder:
    at = EngineCache(tmp_path), Digests(tmp_path / "digests.json")
    return Everything(*at, {}, (FakeRung(name="mirror"),), Mirrors(), MACHINE.runtime)


def test_stock_ours_and_engines_paint_the_same_and_count_the_same(at: ways.Rig, tmp_path: Path) -> None:
    case, work = ways.a_work(at, 128, 128, 2)
    assert case == "words and a map and a reference"
    with torch.no_grad():
        stock, ours, mirror = ways.ways_of(at, work, MACHINE, {"mirror": mirrored(tmp_path)})
        warm = [way.warm() for way in (stock, ours, mirror)]
        assert [w.picture.shape for w in warm] == [(1, 128, 128, 3)] * 3
        assert max(np.abs(w.picture - warm[0].picture).max() for w in warm) < 2e-4
        assert warm[0].tflop > warm[1].tflop > 0.9 * warm[0].tflop and warm[2].tflop == warm[1].tflop
        assert warm[2].runtime == f"mirror fp16 (unet, controlnet, vae_decoder), {MACHINE.runtime} (the rest)"
        for way in (stock, ours, mirror):
            stages = way.paint(7)
            assert set(stages) == {"words", "denoise", "decode"} and min(stages["denoise"], stages["decode"]) > 0


def test_real_engines_are_found_loaded_and_paint_the_same(
    at: ways.Rig, tiny_parts: Parts, exported: Callable[[str, str], Exported], tmp_path: Path
) -> None:
    """Cache, ladder, ONNX Runtime, stand-ins and painter together."""
    cache, digests = EngineCache(tmp_path / "engines"), Digests(tmp_path / "digests.json")
    graphs = ("unet", "controlnet", "vae_decoder")
    job = job_for(PROFILE, tiny_parts.paths, "onnx", graphs=graphs, shapes=(Shape(128, 128),))
    for key in wanted(job, digests):
        folder = shutil.copytree(exported(key.graph, "fp32").path.parent, tmp_path / key.graph)
        cache.put(key, Path(folder), main="model.onnx")
    _, work = ways.a_work(at, 128, 128, 2)
    ladder = rungs.ladder_of(MACHINE, cache, digests, tiny_parts.paths)
    with torch.no_grad():
        stock, _, engines = ways.ways_of(at, work, MACHINE, {"ONNX Runtime": ladder})
        expected, got = stock.warm(), engines.warm()
    assert np.abs(got.picture - expected.picture).max() < 2 / 255
    assert got.runtime.startswith("ONNX Runtime 1.") and "fp32 (unet, controlnet, vae_decoder), torch" in got.runtime
    other = ladder.choose(at.family.modules, replace(work, width_px=192))
    assert other.runtime == MACHINE.runtime and any("for 128×128 px" in line for line in other.told)


def test_from_a_start_picture_and_in_batches(at: ways.Rig) -> None:
    _, work = ways.a_work(at, 64, 64, 4)
    work = replace(
        work,
        start=np.full((64, 64, 3), 90, np.uint8),
        strength=0.75,
        controls=(ControlMap("depth", work.controls[0].picture),),
    )
    with torch.no_grad():
        stock, ours = ways.ways_of(at, work, MACHINE, {}, batch=2)
        pictures = stock.warm().picture, ours.warm().picture
    assert pictures[0].shape == (2, 64, 64, 3) and np.abs(pictures[0] - pictures[1]).max() < 2e-4
    assert np.abs(pictures[0][0] - pictures[0][1]).max() > 0.01


def test_on_a_card_compiled_blocks_are_measured_too(at: ways.Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    on: list[bool] = []

    class Fake:
        networks, notes, runtime = ("unet",), (), "torch cuda fp16, compiled unet"

        def put_on(self) -> None:
            on.append(True)

        def take_off(self) -> None:
            on.append(False)

    fake: Any = Fake()
    monkeypatch.setattr(ways, "compile_modules", lambda modules, machine, half_sums: (fake.put_on(), fake)[1])
    with torch.no_grad():
        _, work = ways.a_work(at, 128, 128, 2)
        every = ways.ways_of(at, work, Machine("cuda", torch.float16), {})
        assert [(way.name, way.arithmetic) for way in every[2:]] == [
            ("ours, compiled", "fp32"), ("ours, compiled, fp16 sums", "fp16 sums")
        ]  # fmt: skip
        ours, fast = ways.ways_of(at, work, MACHINE, {})[1], every[2]
        assert np.array_equal(fast.warm().picture, ours.warm().picture) and on == [True, False]
        monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
        assert set(fast.paint(3)) == {"words", "denoise", "decode"} and on == [True, False] * 2
        fake.networks, fake.notes = (), ("torch.compile is not used: no compiler",)
        with pytest.raises(EngineError, match="no compiler"):
            every[3].warm()


def test_a_painter_without_maps_and_references(tiny_parts: Parts) -> None:
    paths = {name: path for name, path in tiny_parts.paths.items() if name in ("base", "vae", "unet")}
    with torch.no_grad():
        plain = ways.open_rig(PROFILE, paths, MACHINE)
        case, work = ways.a_work(plain, 64, 64, 1)
        stock, ours = ways.ways_of(plain, work, MACHINE, {})
        assert case == "words" and np.abs(stock.warm().picture - ours.warm().picture).max() < 2e-4


def test_the_whole_bench_on_a_processor(tiny_parts: Parts, tmp_path: Path) -> None:
    said: list[str] = []
    shelf = Shelf(tmp_path / "engines", ())
    wishes = BenchWishes(rounds=2, size="64x64", watts=65, price_kwh=0.3, card="rtx-4090")
    report = bench_of(PROFILE, tiny_parts.paths, wishes, shelf, Progress(lambda fraction, text: said.append(text)))
    told = json.loads(json.dumps(report.told(), allow_nan=False))
    stock, ours, trt, onnx = told["ways"]
    assert [way["name"] for way in told["ways"]] == ["stock", "ours", "ours, TensorRT", "ours, ONNX Runtime"]
    for way in (stock, ours):
        assert not way["refused"] and way["seconds"]["median"] > 0 and way["cpu_seconds"]["median"] > 0
        assert way["runtime"] == MACHINE.runtime and way["joules_from"] == "stated" and way["cost_per_1000"] > 0
    assert "no NVIDIA card" in trt["refused"][0] and "no engine is built" in onnx["refused"][0]
    assert told["setting"]["case"] == "words and a map and a reference" and told["floor"] == {
        "card": "4090",
        "tflop_s": 82.6,
        "of_this_machine": False,
    }
    table = report.table()
    assert "stock" in table and "ours, TensorRT: no numbers" in table and "Warming up: stock" in said


def test_what_the_bench_cannot_do_is_said(tiny_parts: Parts, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "engines", (tmp_path,))
    with pytest.raises(EngineError, match="rate of the card"):
        bench_of(PROFILE, tiny_parts.paths, BenchWishes(card="voodoo-2"), shelf, Progress())
    with pytest.raises(EngineError, match="no painter called nobody"):
        commands.run_bench("nobody", BenchWishes(), shelf, Progress())
    with pytest.raises(EngineError, match="No painter of the SDXL family has its weights"):
        commands.run_bench("", BenchWishes(), shelf, Progress())
    with pytest.raises(EngineError, match="SDXL family"):
        ways.open_rig(replace(PROFILE, family="flux2"), {}, MACHINE)
    with pytest.raises(EngineError, match="no size"):
        bench_of(PROFILE, tiny_parts.paths, BenchWishes(size="100x100"), shelf, Progress())


def test_engines_are_asked_for_as_on_the_command_line(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "engines", (tmp_path,))
    for wishes, said in (
        (BuildWishes("tensorrt", "rtx-4090"), "no engines before it can paint"),
        (BuildWishes("tensorrt", "voodoo-2", random_weights=True), "“voodoo-2” is not known"),
        (BuildWishes("tensorrt", "rtx-4090", sizes=("1000x1000",), random_weights=True), "no size"),
        (
            BuildWishes("tensorrt", "rtx-4090", loras=("a.safetensors=much",), random_weights=True),
            "no weight for a LoRA",
        ),
    ):
        with pytest.raises(EngineError, match=said):
            build_engines("sdxl-lightning", wishes, shelf, Progress())
    assert commands._lora("a=b/c.safetensors=0.5").weight == 0.5 and commands._lora("c.safetensors").weight == 1.0


def test_an_engine_in_one_line() -> None:
    row = {
        "graph": "unet",
        "size": "1024x1024",
        "bytes": 5.89e9,
        "hit": False,
        "seconds": {"until_kept": 203.4},
        "max_error": None,
    }
    assert row_said(row) == "unet for 1024x1024: built in 203 s, 5.89 GB, not compared with its network"
    assert (
        row_said({**row, "max_error": 2e-3, "bytes": 4e6})
        == "unet for 1024x1024: built in 203 s, 4.0 MB, off by 0.002 at most"
    )
    assert row_said({**row, "hit": True}) == "unet for 1024x1024: there already, 5.89 GB"


def test_a_processor_has_no_meter() -> None:
    assert find_meter("cpu").end() == (None, None)
    assert RealClock().wall() > 0
