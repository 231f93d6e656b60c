"""Memory that runs out, drivers that fail and processes that die at every stage of painting: the queue goes on."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fakes import ad, ask, contents, shot

from engines.base import EngineLost
from engines.diffusion import scene
from studio.desk import files, watch
from studio.desk.queue import Queue
from studio.desk.store import Store
from studio.desk.worker import EXIT_LOST, Worker, run_worker
from studio.errors import DeskError
from studio.model import AdSpec, Shot
from tests.engines.diffusion import fake_family
from tests.engines.diffusion.fake_family import Card, Script, painter
from tests.faults import painter_worker
from tests.faults.painter_worker import PainterHands

NO_MEMORY = "CUDA out of memory. Tried to allocate 2.00 GiB"
FAULT = "CUDA error: an illegal memory access was encountered"
STAGES = ["load", "words", "step 1", "step 3", "decode", "finish"]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    made = Script()
    monkeypatch.setitem(sys.modules, "engines.diffusion.sdxl", fake_family.module(made))
    monkeypatch.setattr(scene, "finish", scene.finish)  # put back at the end
    painter_worker.watched(made, scene, "finish", "finish")
    return made


def batch() -> tuple[list[Shot], list[AdSpec]]:
    shots = [
        shot(seed, engine="fake", set_id=None, set_spec=None, prompt="a vase", width_px=48, height_px=32)
        for seed in range(3)
    ]
    return shots, [ad(one, f"Headline {n}", variant=n + 1) for n, one in enumerate(shots)]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What comes of the batch when nothing happens."""
    folder = tmp_path_factory.mktemp("calm")
    with pytest.MonkeyPatch.context() as patch, Store(folder / "home") as store:
        patch.setitem(sys.modules, "engines.diffusion.sdxl", fake_family.module(Script()))
        queue = Queue(store)
        ask(queue, folder / "out", *batch())
        Worker(queue, store, PainterHands(store, painter())).run(until_idle=True)
        assert not queue.failed(queue.runs()[0].run_id)
    return contents(folder / "out")


def states(queue: Queue, run: str) -> list[str]:
    return [row.state for row in queue.rows(run)]


def pixels_of(store: Store, queue: Queue, run: str) -> list[str]:
    found = [store.picture(row.ref) for row in queue.rows(run) if row.kind == "paint"]
    return [one.digest for one in found if one]


@pytest.mark.parametrize(
    ("stage", "fault", "reason"),
    [(stage, FAULT, "graphics driver failed") for stage in STAGES[:-1]]
    + [("step 3", "no such layer", "made a mistake"), ("finish", "no such picture", "made a mistake")],
)
def test_a_fault_fails_one_picture_and_tells_why(
    script: Script,
    store: Store,
    queue: Queue,
    tmp_path: Path,
    expected: dict[str, bytes],
    stage: str,
    fault: str,
    reason: str,
) -> None:
    run = ask(queue, tmp_path / "out", *batch())
    script.errors[stage] = [RuntimeError(fault)]
    at_work = Worker(queue, store, PainterHands(store, painter()))
    at_work.run(until_idle=True)
    failed = [row for row in queue.rows(run) if row.state == "failed"]
    assert [row.kind for row in failed] == ["paint", "compose"]
    assert all(reason in row.message and row.hint for row in failed)
    assert states(queue, run).count("done") == 4
    queue.retry(run)
    at_work.run(until_idle=True)
    assert set(states(queue, run)) == {"done"} and contents(tmp_path / "out") == expected


@pytest.mark.parametrize("stage", ["load", "words", "step 1", "step 3", "decode"])
def test_memory_that_runs_out_once_costs_no_picture(
    script: Script, store: Store, queue: Queue, tmp_path: Path, expected: dict[str, bytes], stage: str
) -> None:
    run = ask(queue, tmp_path / "out", *batch())
    script.errors[stage] = [torch.OutOfMemoryError(NO_MEMORY)]
    Worker(queue, store, PainterHands(store, painter())).run(until_idle=True)
    assert set(states(queue, run)) == {"done"} and contents(tmp_path / "out") == expected


def test_memory_that_is_never_enough_fails_with_what_was_tried(
    script: Script, store: Store, queue: Queue, tmp_path: Path
) -> None:
    run = ask(queue, tmp_path / "out", *batch())
    script.refuses = lambda batch, spare, mode: True
    at_work = Worker(queue, store, PainterHands(store, painter()))
    at_work.run(until_idle=True)
    assert set(states(queue, run)) == {"failed"}
    row = queue.failed(run)[0]
    assert "does not fit into the memory there is for 48×32 px" in row.message and "Tried:" in row.hint
    script.refuses = lambda batch, spare, mode: False
    queue.retry(run)
    at_work.run(until_idle=True)
    assert set(states(queue, run)) == {"done"}


def test_a_full_disk_hands_the_picture_back(
    script: Script,
    store: Store,
    queue: Queue,
    tmp_path: Path,
    expected: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = ask(queue, tmp_path / "out", *batch())
    with monkeypatch.context() as full:

        def refuse(*_: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        full.setattr(files, "_write_synced", refuse)
        with pytest.raises(DeskError, match="disk is full"):
            Worker(queue, store, PainterHands(store, painter())).run(until_idle=True)
    assert set(states(queue, run)) == {"queued"}
    Worker(queue, store, PainterHands(store, painter())).run(until_idle=True)
    assert set(states(queue, run)) == {"done"} and contents(tmp_path / "out") == expected


# ------------------------------------------------------------------------------------------------ a lost card


def test_a_lost_card_ends_the_worker_and_hands_the_picture_on(
    script: Script, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    home = tmp_path / "home"
    with Store(home) as store:
        run = ask(Queue(store), tmp_path / "out", *batch())
    script.errors["step 3"] = [RuntimeError(FAULT)]

    def hands(alive: bool) -> Callable[[Store], PainterHands]:
        return lambda store: PainterHands(store, painter(card=Card("cpu", torch.float32, [alive])))

    assert run_worker(home, hands(False), until_idle=True, run_id=run) == EXIT_LOST
    with Store(home) as store:
        assert set(states(Queue(store), run)) == {"queued"}
    assert run_worker(home, hands(True), until_idle=True, run_id=run) == 0
    assert contents(tmp_path / "out") == expected


def test_a_picture_that_loses_the_card_twice_is_refused_and_the_others_are_painted(
    script: Script, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with Store(home) as store:
        run = ask(Queue(store), tmp_path / "out", *batch())
    script.errors["decode"] = [RuntimeError(FAULT), RuntimeError(FAULT)]
    codes = []
    for alive in (False, False, True):
        card = Card("cpu", torch.float32, [alive])
        codes.append(
            run_worker(
                home, lambda store, card=card: PainterHands(store, painter(card=card)), until_idle=True, run_id=run
            )
        )
    assert codes == [EXIT_LOST, EXIT_LOST, 0]
    with Store(home) as store:
        queue = Queue(store)
        assert sorted(states(queue, run)) == ["done"] * 4 + ["failed"] * 2
        row = queue.failed(run)[0]
        assert "graphics card stopped answering" in row.message and "restart the machine" in row.hint


def test_a_lost_card_raises_out_of_a_worker_in_this_process(
    script: Script, store: Store, queue: Queue, tmp_path: Path
) -> None:
    ask(queue, tmp_path / "out", *batch())
    script.errors["load"] = [RuntimeError(FAULT)]
    with pytest.raises(EngineLost):
        Worker(queue, store, PainterHands(store, painter(card=Card("cpu", torch.float32, [False])))).run(
            until_idle=True
        )


# ------------------------------------------------------------------------------------------------ processes


def through_processes(folder: Path, monkeypatch: pytest.MonkeyPatch, faults: list[str]) -> int:
    """Watch a run whose workers fail one after the other; returns how many there were."""
    monkeypatch.setenv("CRASH_LIMIT", "1000")
    monkeypatch.setenv("FAULTS", str(folder / "faults"))
    (folder / "faults").write_text("\n".join(faults) + "\n")
    started: list[watch.WorkerProcess] = []
    with Store(folder / "home") as store:
        queue = Queue(store, crash_limit=1000)
        run = ask(queue, folder / "out", *batch())
        command = (sys.executable, str(painter_worker.__file__))

        def start() -> watch.WorkerProcess:
            started.append(watch.start_worker(store.home, run_id=run, command=command))
            return started[-1]

        for _ in watch.watch(queue, run, start, every_s=0.05, restarts=100):
            pass
        assert set(states(queue, run)) == {"done"}
        assert len(set(pixels_of(store, queue, run))) == 3
    return len(started)


@pytest.mark.slow
def test_a_new_process_takes_over_from_one_that_lost_its_card(
    script: Script, tmp_path: Path, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert through_processes(tmp_path, monkeypatch, ["lose step 2"]) == 2
    assert contents(tmp_path / "out") == expected


@pytest.mark.slow
def test_kill_at_every_stage_loses_nothing(
    script: Script, tmp_path: Path, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = [*STAGES, "store", "save"]
    assert through_processes(tmp_path, monkeypatch, [f"kill {stage}" for stage in stages]) == len(stages) + 1
    assert contents(tmp_path / "out") == expected
