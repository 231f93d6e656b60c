"""`app.py engines build, built, remove, bench` as they are typed; the networks are stood for, the processes are real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import app
from engines.accelerate import commands
from engines.accelerate import job as jobs
from engines.accelerate.bench import Place
from engines.accelerate.cache import EngineCache
from engines.accelerate.job import Job, job_for
from engines.accelerate.report import Report
from engines.base import EngineError
from studio.console import kept_row
from studio.desk.builds import Builds
from studio.errors import LockupError
from tests.bench import cards
from tests.desk.workshop import FakeWorkshop

ROOT = Path(__file__).resolve().parents[2]
MAKER = "tests.engines.accelerate.fake_maker"
VERSIONS = {"rtx": "1.7.1.116", "trt": "", "onnx": "2.13.0"}
BUILD = ("engines", "build", "sdxl-lightning", "--random-weights", "--part", "vae_decoder", "--target", "rtx-4090")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace on whose command line a build takes a moment: what exports and builds is stood for."""

    def made(*given: Any, **more: Any) -> Job:
        return replace(job_for(*given, **more), maker=MAKER)

    monkeypatch.setenv("STUDIO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOCKUP_MODELS", "")
    monkeypatch.setattr(commands, "job_for", made)
    for place in (jobs, commands):
        monkeypatch.setattr(place, "version_of", VERSIONS.__getitem__)
    monkeypatch.setattr("engines.accelerate.targets.version_of", VERSIONS.__getitem__)
    return tmp_path / "home"


def typed(*words: str) -> Result:
    return CliRunner().invoke(app.app, list(words))


def told(*words: str) -> dict[str, Any]:
    done = typed(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_an_engine_is_built_listed_found_and_removed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = told(*BUILD)
    (row,) = built["built"]
    assert not built["stopped"] and not row["hit"] and row["graph"] == "vae_decoder" and Path(row["file"]).is_file()
    assert Builds(home, FakeWorkshop()).all()[0].state == "done"  # as the page has it
    again = typed(*BUILD)
    assert again.exit_code == 0 and "there already" in again.stdout
    assert len(Builds(home, FakeWorkshop()).all()) == 1
    kept = told("engines", "built")
    assert kept["bytes"] == kept["engines"][0]["bytes"] > 0 and kept["limit_bytes"] > 1e9
    assert kept["engines"][0]["profile"] == "sdxl-lightning" and kept["engines"][0]["random_weights"] is True
    said = typed("engines", "built").stdout
    assert row["key"][:12] in said and "RTX 40" in said and "random weights" in said and "set aside for engines" in said
    assert not kept["engines"][0]["stale"] and "earlier version" not in said
    monkeypatch.setattr(commands, "GRAPH_VERSION", 0)
    assert told("engines", "built")["engines"][0]["stale"] and "not used any more" in typed("engines", "built").stdout
    gone = told("engines", "remove", row["key"][:8])
    assert gone["bytes"] == kept["bytes"] and "No engine is built" in typed("engines", "built").stdout
    assert told("engines", "remove", "--all") == {"removed": [], "bytes": 0}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("build", "nobody"), "no painter called nobody"),
        (("build", "sdxl-lightning"), "no engines before it can paint"),
        (("build", "sdxl-lightning", "--random-weights", "--runtime", "cuda"), "'tensorrt' or 'onnx'"),
        (("build", "sdxl-lightning", "--random-weights", "--target", "voodoo-2"), "“voodoo-2” is not known"),
        (("build", "sdxl-lightning", "--random-weights", "--target", "rtx-4090", "--size", "1000x1000"), "no size"),
        (("build", "sdxl-lightning", "--random-weights", "--target", "rtx-4090", "--part", "soul"), "soul"),
        (("build", "sdxl-lightning", "--random-weights", "--target", "rtx-4090", "--effort", "hasty"), "effort"),
        (("build", "sdxl-lightning", "--random-weights", "--target", "rtx-4090", "--effort", "quick"), "no effort “quick”"),
        (("build", "sdxl-lightning", "--random-weights", "--lora", "a.safetensors=much"), "no weight for a LoRA"),
        (("build", "sdxl-lightning", "--random-weights", "--target", "rtx-4090", "--lora", "a.safetensors"), "wear no LoRA"),
        (("remove",), "Which engine is not said"),
        (("remove", "abc", "--all"), "Which engine is not said"),
        (("remove", "abc"), "No engine is called “abc”"),
        (("bench", "nobody"), "no painter called nobody"),
        (("bench",), "No painter of the SDXL family has its weights"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_line_with_a_remedy(home: Path, words: tuple[str, ...], said: str) -> None:
    error = typed("engines", *words).exception
    assert isinstance(error, LockupError | EngineError) and said in f"{error} {error.hint}" and error.hint
    assert not list((home / "engines").glob("*/engine.json"))


def test_an_engine_whose_sidecar_was_tampered_with_is_no_hit(home: Path) -> None:
    (row,) = told(*BUILD)["built"]
    sidecar = Path(row["file"]).parent / "engine.json"
    said = json.loads(sidecar.read_text())
    said["key"] |= {"shapes": "all of them", "loras": 7, "target": ["x"]}
    said["facts"] |= {"seconds": "long", "profile": {"a": 1}}
    sidecar.write_text(json.dumps(said))
    assert told("engines", "built")["engines"][0]["loras"] == 0 and typed("engines", "built").exit_code == 0
    (made,) = told(*BUILD)["built"]
    assert not made["hit"] and told(*BUILD)["built"][0]["hit"]
    sidecar.write_text("{")
    assert told("engines", "built")["engines"] == [] and not told(*BUILD)["built"][0]["hit"]


def test_removing_needs_one_engine(tmp_path: Path) -> None:
    for digest in ("ab" * 32, "ac" * 32):
        (tmp_path / digest).mkdir()
        sidecar = {"format": 1, "digest": digest, "key": {}, "main": "m", "files": {}, "made": "", "facts": {}}
        (tmp_path / digest / "engine.json").write_text(json.dumps(sidecar))
    cache = EngineCache(tmp_path)
    for name in ("a", "x", "", "../a"):
        with pytest.raises(EngineError):
            cache.remove(name)
    assert cache.remove("ab").folder.name == "ab" * 32 and [one.folder.name for one in cache.entries()] == ["ac" * 32]


def test_ctrl_c_ends_a_build_within_a_second(tmp_path: Path) -> None:
    code = (
        # As from a terminal: what is started in the background may ignore it.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import sys; sys.path.insert(0, '.'); from dataclasses import replace\n"
        "from engines.accelerate import commands, job\n"
        f"commands.job_for = lambda profile, *a, **k: replace(job.job_for(profile, *a, **k), maker={MAKER!r},"
        " profile=replace(profile, name='endless'))\n"
        "import app; sys.argv = ['app.py', *sys.argv[1:]]\n"
        "if __name__ == '__main__': app.run()"
    )
    script = tmp_path / "endless.py"
    script.write_text(code)
    environ = {**os.environ, "STUDIO_HOME": str(tmp_path / "home"), "LOCKUP_MODELS": "", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), *BUILD, "--runtime", "onnx", "--json"]
    group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if os.name == "nt" else {}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environ, **group
    ) as build:  # fmt: skip
        try:
            assert build.stderr is not None and any("Exporting" in line for line in iter(build.stderr.readline, ""))
            begun = time.monotonic()
            build.send_signal(signal.CTRL_BREAK_EVENT if os.name == "nt" else signal.SIGINT)
            out, err = build.communicate(timeout=20)
        finally:
            build.kill()
    assert build.returncode == 1 and json.loads(out) == {"built": [], "stopped": True} and "Traceback" not in err
    (record,) = Builds(tmp_path / "home", FakeWorkshop()).all()
    assert record.state == "stopped" and record.ended - record.began < 60 and time.monotonic() - begun < 20
    assert not list((tmp_path / "home" / "engines").glob(".*.part"))


def test_a_bench_is_printed_kept_and_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def way(name: str, seconds: float | None) -> dict[str, Any]:
        spread = {"median": seconds, "lower_quarter": seconds, "upper_quarter": seconds} if seconds else None
        return {
            "name": name, "runtime": "torch", "precision": "fp32", "seconds": spread, "cpu_seconds": spread, "tflop": 1.0,
            "stages": {}, "tflop_s": 1.0, "percent_of_floor": None, "peak_bytes": None, "joules": None, "joules_from": None,
            "cost_per_1000": None, "apart": 0.0, "refused": [] if seconds else ["no engine is built"], "doubts": [],
        }  # fmt: skip

    asked: list[Any] = []

    def run(profile: str, wishes: Any, shelf: Any, progress: Any) -> Report:
        asked.append((profile, wishes))
        rows = [way("stock", 3.0), way("ours, ONNX Runtime", 1.5)] if profile != "slow" else [way("stock", None)]
        setting = {
            "width_px": 64,
            "height_px": 64,
            "steps": 4,
            "batch": 1,
            "rounds": 2,
            "case": "words",
            "libraries": {},
        }
        return Report(profile, "own", Place("cpu", 2), setting, rows)

    monkeypatch.setattr(commands, "run_bench", run)
    said = told(
        "engines", "bench", "sdxl-lightning", "--rounds", "2", "--size", "64x64", "--watts", "65", "--price-kwh", "0.3"
    )
    assert asked[0][1] == commands.BenchWishes(2, "64x64", "normal", "", 65.0, 0.3)
    assert said["format"] == "lockup-bench" and said["version"] == 1 and said["compared"][0]["times_quicker"] == 2.0
    measured = app._engines(()).workshop.measured()
    assert measured["sdxl-lightning"]["ways"][1] == {
        "name": "ours, ONNX Runtime", "runtime": "torch", "seconds": 1.5, "times_quicker": 2.0, "percent_of_floor": None, "refused": [],
    }  # fmt: skip
    assert cards.wrong(said) == [] and [line.count("|") for line in cards.rows(said)] == [cards.HEAD.count("|")] * 2
    for changed, why in (
        ({"version": 2}, "no bench of version 1"), ({"weights": "random"}, "random weights"), ({"setting": 7}, "setting is missing"),
        ({"ways": [{**said["ways"][0], "tflop": "much"}]}, "tflop of stock"), ({"ways": [way("stock", None)]}, "no numbers"),
        ({"ways": [{**said["ways"][0], "doubts": ["the times lie far apart"]}]}, "quiet machine"), ({"ways": [7]}, "of another kind"),
    ):  # fmt: skip
        assert why in "; ".join(cards.wrong({**said, **changed})), changed
    assert typed("engines", "bench", "sdxl-lightning").stdout.splitlines()[1].split()[:2] == ["stock", "3"]
    nothing = typed("engines", "bench", "slow")
    assert nothing.exit_code == 1 and "no engine is built" in nothing.stdout
    kept = home / "engines" / "bench"
    for wrong in ("", "[]", "{}", json.dumps({**said, "version": 2}), json.dumps({**said, "ways": 7}), "[" * 99_999):
        (kept / "sdxl-lightning.json").write_text(wrong)
        assert "sdxl-lightning" not in app._engines(()).workshop.measured()
    assert (
        typed("engines", "bench", "--rounds", "1").exit_code == 2
        and typed("engines", "bench", "--watts", "-1").exit_code == 2
    )


def test_help_names_every_command() -> None:
    said = typed("engines", "--help").stdout
    assert all(name in said for name in ("list", "fetch", "build", "built", "remove", "bench"))
    assert "rtx-4090" in typed("engines", "build", "--help").stdout


def test_an_engine_in_two_lines() -> None:
    row = FakeWorkshop()._row(
        "able", "unet", {"sizes": ("1024x1024",), "runtime": "tensorrt", "loras": ("a",), "random_weights": False}
    )
    assert kept_row({**row, "key": "ab" * 32}).splitlines() == [
        "abababababab  able: unet for 1024x1024, 2.00 GB",
        "              TensorRT-RTX 1.7.1.116 for RTX 40 cards, fp16, 1 LoRA merged in; built 2026-11-28, last used 2026-11-28",
    ]
