from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "desk"))

import app
from studio.desk.queue import Queue
from studio.desk.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def queue(store: Store) -> Queue:
    return Queue(store)


class Said:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def say(monkeypatch, capfd, tmp_path):
    """Run the command line in this process; any exception but a clean exit fails the test."""
    monkeypatch.setenv("STUDIO_HOME", str(tmp_path / "home"))

    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["app.py", *map(str, words)])
        code = 0
        try:
            app.run()
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capfd.readouterr()
        return Said(code, out, err)

    return run
