"""One workspace a test session for the whole job: real worker processes, real painting at draft quality."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "assets" / "demo"

PNG_FORMAT = """
[proof-small]
name = "Proof, small"
channel = "proof"
width_px = 480
height_px = 480
files = ["png", "jpg", "webp"]
min_text_px = 12

[proof-large]
name = "Proof, larger than it is painted"
channel = "proof"
width_px = 1500
height_px = 1500
files = ["png"]
min_text_px = 30
"""


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one more format of its own: a small square delivered as PNG."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "formats.toml").write_text(PNG_FORMAT, encoding="utf-8")
    return folder


class Lockup:
    """The command line as a designer runs it."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *words: object, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "app.py"), *map(str, words)],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd=self.home,
            env={**os.environ, "STUDIO_HOME": str(self.home), "OMP_WAIT_POLICY": "PASSIVE"},
            check=False,
        )

    def json(self, *words: object, ok: bool = True, timeout_s: float = 300) -> dict[str, Any]:
        done = self.run(*words, "--json", timeout_s=timeout_s)
        assert (done.returncode == 0) == ok, done.stderr[-2000:]
        return json.loads(done.stdout)


@pytest.fixture(scope="session")
def lockup(home: Path) -> Lockup:
    return Lockup(home)
