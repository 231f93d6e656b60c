"""The whole way, with the small SDXL: an engine is built on the command line, the next pictures are painted with it, and
the files say so; pictures it does not fit are painted without it, and say why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engines.diffusion.tiny_folder import tiny_folder

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "assets" / "demo"


def test_ads_are_painted_with_an_engine_that_was_built(tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path / "made", tmp_path / "models")
    environ = {
        **os.environ, "STUDIO_HOME": str(tmp_path / "home"), "LOCKUP_MODELS": str(folder),
        "HF_HUB_CACHE": str(tmp_path / "none"),
    }  # fmt: skip

    def run(*words: str) -> dict[str, Any]:
        command = [sys.executable, "app.py", *words]
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=600, check=False)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def painted(*words: str) -> dict[str, Any]:
        brief, kit, out = str(DEMO / "brief.toml"), str(DEMO / "brand"), str(tmp_path / "out")
        made = run(
            "make", brief, "--kit", kit, "--out", out, "--engine", "sdxl-lightning", "--count", "1", "--formats",
            "display-300x250", "--json", *words,
        )  # fmt: skip
        return run("read", made["ads"][0]["file"])["picture"]

    before = painted("--seed", "1")
    assert "ONNX" not in before["runtime"] and any("no engine is built" in said for said in before["facts"]["engines"])
    built = run("engines", "build", "sdxl-lightning", "--runtime", "onnx", "--part", "unet", "--json")
    assert built["built"][0]["max_error"] < 1e-4 and not built["stopped"]
    after = painted("--seed", "2")
    assert "ONNX Runtime" in after["runtime"] and "unet" in after["runtime"]
    other = painted("--seed", "3", "--effort", "quality")  # which has a UNet of its own
    assert "ONNX" not in other["runtime"] and any("other weights" in said for said in other["facts"]["engines"])
    assert not run("engines", "built", "--json")["engines"][0]["stale"]
