"""What starting the page loads, and how long that takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.page_process import PageProcess

ROOT = Path(__file__).resolve().parents[2]
BUILT = """
import os, sys, inspect
getfile = inspect.getfile
import app
from studio.runs import Runs
from studio.ui import page
os.environ["GRADIO_TEMP_DIR"] = os.environ["STUDIO_HOME"] + "/up"
studio = app._studio()
runs = Runs(studio)
blocks = page.build(studio, runs)
for offer in ("painter", "cutout", "upscaler"):
    studio.engines.offers(offer)
runs.close()
assert inspect.getfile is getfile
print("LOADED " + " ".join(sys.modules))
"""


def test_the_page_is_built_without_anything_heavy(tmp_path: Path) -> None:
    environ = {**os.environ, "STUDIO_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", BUILT], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.rpartition("LOADED ")[2].split()}
    assert "gradio" in loaded
    assert not loaded & {"torch", "onnxruntime", "numba", "tensorrt", "diffusers", "rembg"}


@pytest.mark.slow
def test_a_second_start_finds_the_page_ready(tmp_path: Path) -> None:
    """How quickly is measured by `tests.bench.page_bench`."""
    for _ in range(2):
        running = PageProcess(tmp_path / "home")
        try:
            assert running.ask("/")[0] == running.ask("/config")[0] == 200
        finally:
            running.end()
