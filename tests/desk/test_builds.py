"""Builds of engines: done beside painting, one after the other, stopped within a second, known after everything."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engines.base import EngineError, Progress, Stopped
from studio.desk.builds import MOST_KEPT, Builds, BuildState, Order, left_of
from studio.errors import BadInput
from tests.desk.workshop import FULL, FakeWorkshop


@pytest.fixture
def workshop() -> FakeWorkshop:
    return FakeWorkshop()


@pytest.fixture
def builds(tmp_path: Path, workshop: FakeWorkshop) -> Iterator[Builds]:
    made = Builds(tmp_path, workshop)
    yield made
    made.close()


def until(what: Callable[[], Any], patience_s: float = 10.0) -> Any:
    end = time.monotonic() + patience_s
    while not (found := what()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)
    return found


def over(builds: Builds, build_id: str) -> BuildState:
    return until(lambda: next((one for one in builds.all() if one.id == build_id and one.over), None))


def test_a_build_is_done_and_told(builds: Builds, workshop: FakeWorkshop, tmp_path: Path) -> None:
    done = over(builds, builds.begin(Order(painter="able", sizes=("1024x1024",), loras=("a.safetensors=0.8",))))
    assert done.state == "done" and done.fraction == 1.0 and done.ended >= done.began >= done.asked and not done.trouble
    assert [(row.graph, row.size, row.hit) for row in done.rows] == [
        ("unet", "1024x1024", False),
        ("vae_decoder", "1024x1024", False),
    ]
    assert workshop.asked[-1] == {
        "painter": "able", "runtime": "tensorrt", "target": "this", "sizes": ("1024x1024",), "parts": (), "random_weights": False,
        "loras": ("a.safetensors=0.8",), "effort": "normal",
    }  # fmt: skip
    assert Builds(tmp_path, workshop).all() == [done]  # another page, after a restart


def test_one_after_the_other_and_none_twice(builds: Builds, workshop: FakeWorkshop) -> None:
    workshop.seconds = 0.15
    first = builds.begin(Order(painter="able"))
    until(lambda: builds.all()[-1].state == "building")
    second = builds.begin(Order(painter="able", runtime="onnx"))
    with pytest.raises(BadInput, match="already"):
        builds.begin(Order(painter="able"))
    assert {one.id: one.state for one in builds.all()} == {first: "building", second: "waiting"}
    told = over(builds, second)
    assert told.began >= over(builds, first).ended and builds.all()[0].id == second


def test_stopped_within_a_second_and_what_is_whole_is_kept(builds: Builds, workshop: FakeWorkshop) -> None:
    workshop.seconds = 30
    running, waiting = builds.begin(Order(painter="able")), builds.begin(Order(painter="able", runtime="onnx"))
    until(lambda: any(one.text == "Exporting unet" for one in builds.all()))
    builds.stop(waiting)
    assert over(builds, waiting).state == "stopped" and not over(builds, waiting).began
    asked = time.time()
    builds.stop(running)
    assert over(builds, running).ended - asked < 1 and not workshop.rows
    builds.stop(running)  # twice is once
    workshop.seconds = 0
    assert over(builds, builds.begin(Order(painter="able"))).state == "done"


def test_stopped_from_another_program(builds: Builds, workshop: FakeWorkshop, tmp_path: Path) -> None:
    workshop.seconds = 30
    running = builds.begin(Order(painter="able"))
    until(lambda: builds.all()[0].state == "building")
    Builds(tmp_path, workshop).stop(running)
    assert over(builds, running).state == "stopped" and not list((tmp_path / "builds").glob("*.stop"))


def test_what_failed_says_why_and_what_to_do(builds: Builds) -> None:
    bad = over(builds, builds.begin(Order(painter="bad")))
    assert (
        bad.state == "failed"
        and "off by 0.2" in bad.trouble
        and bad.hint
        and [row.graph for row in bad.rows] == ["unet"]
    )
    mistaken = over(builds, builds.begin(Order(painter="mistaken")))
    assert mistaken.state == "failed" and "ZeroDivisionError" in mistaken.trouble
    assert over(builds, builds.begin(Order(painter="able"))).state == "done"  # and the next one is built


def test_what_cannot_be_built_is_said_before(builds: Builds) -> None:
    with pytest.raises(EngineError, match=FULL[:30]):
        builds.begin(Order(painter="full"))
    with pytest.raises(EngineError, match="no painter"):
        builds.begin(Order(painter="nobody"))
    assert builds.all() == []


def test_closing_stops_and_says_so(builds: Builds, workshop: FakeWorkshop, tmp_path: Path) -> None:
    workshop.seconds = 30
    running, waiting = builds.begin(Order(painter="able")), builds.begin(Order(painter="able", runtime="onnx"))
    until(lambda: any(one.state == "building" for one in builds.all()))
    builds.close()
    seen = {one.id: one.state for one in Builds(tmp_path, workshop).all()}
    assert seen == {running: "lost", waiting: "lost"}


def test_a_program_that_was_killed_leaves_no_build_behind(tmp_path: Path, workshop: FakeWorkshop) -> None:
    code = (
        "import sys, time; sys.path.insert(0, '.'); from pathlib import Path\n"
        "from studio.desk.builds import Builds, Order\nfrom tests.desk.workshop import FakeWorkshop\n"
        f"builds = Builds(Path({str(tmp_path)!r}), FakeWorkshop(seconds=60)); builds.begin(Order(painter='able'))\n"
        "while builds.all()[0].state != 'building': time.sleep(0.01)\n"
        "print('building', flush=True); time.sleep(60)"
    )
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root) as other:
        assert other.stdout is not None and other.stdout.readline() == "building\n"
        builds = Builds(tmp_path, workshop)
        assert builds.all()[0].state == "building"
        with pytest.raises(BadInput, match="This is being built"):
            builds.forget(builds.all()[0].id)
        other.kill()
    lost = builds.all()[0]
    assert lost.state == "lost" and lost.over
    builds.forget(lost.id)
    assert builds.all() == []


def test_here_and_now_as_the_command_line_does(builds: Builds, workshop: FakeWorkshop) -> None:
    rows: list[dict[str, Any]] = []
    said: list[str] = []
    builds.run(Order(painter="able"), Progress(lambda fraction, text: said.append(text)), rows.append)
    assert [row["graph"] for row in rows] == ["unet", "vae_decoder"] and "Exporting unet" in said
    assert builds.all()[0].state == "done"
    stop = Progress(should_stop=lambda: True)
    with pytest.raises(Stopped):
        builds.run(Order(painter="able"), stop, rows.append)
    with pytest.raises(EngineError, match=r"off by 0\.2"):
        builds.run(Order(painter="bad"), Progress(), rows.append)
    assert [one.state for one in builds.all()] == ["failed", "stopped", "done"]


def test_files_that_are_not_what_they_should_be_are_left_out(
    builds: Builds, workshop: FakeWorkshop, tmp_path: Path
) -> None:
    good = over(builds, builds.begin(Order(painter="able")))
    path, outside = tmp_path / "builds" / f"{good.id}.json", tmp_path / "keep.json"
    outside.write_text("{}")
    told = json.loads(path.read_text())
    for number, wrong in enumerate(
        (
            "", "nonsense", "[]", "[" * 100_000, json.dumps({**told, "id": "../keep"}), json.dumps({**told, "state": "flying"}),
            json.dumps({**told, "fraction": 7}), json.dumps({**told, "rows": [{"key": 1}]}), json.dumps({**told, "more": 1}),
            json.dumps({**told, "order": {**told["order"], "painter": ""}}), json.dumps(told), "x" * 300_000,
        )
    ):  # fmt: skip
        (tmp_path / "builds" / f"{number:016x}.json").write_text(wrong)
    assert builds.all() == [good]
    for unknown in ("../keep", "", "0" * 16, f"{10:016x}"):
        for do in (builds.forget, builds.stop):
            with pytest.raises(BadInput):
                do(unknown)
    assert outside.exists()


def test_only_the_latest_are_remembered(builds: Builds) -> None:
    for _ in range(MOST_KEPT + 3):
        builds.run(Order(painter="able"), Progress(), lambda row: None)
    assert len(builds.all()) == MOST_KEPT


def test_time_left_is_told_once_it_can_be() -> None:
    assert left_of(60, 0.25) == pytest.approx(180) and left_of(60, 1.0) == 0
    assert left_of(1, 0.5) is None and left_of(60, 0.0) is None
    assert left_of(0, 0.0, 240) == 240 and left_of(60, 0.1, 240) == pytest.approx(0.1 * 540 + 0.9 * 180)
    assert left_of(300, 0.9, 240) == pytest.approx(30)  # longer than expected
