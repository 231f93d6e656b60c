"""What is told of the machine: true, never a crash, and nobody's name in it."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engines.base import Capabilities, Painting, PaintRequest, Progress, Stopped
from studio import checkup, hardware, machine
from studio.brief.draft import Draft
from studio.checkup import check_up
from studio.hardware import Card, Memory, read_cards
from studio.model import Picture, Shot
from studio.studio import Studio

SMI = "NVIDIA GeForce RTX 4090, 24564, 1200, 450.00, 560.35.03"


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    opened = Studio(tmp_path / "home")
    yield opened
    opened.store.close()


def finding(studio: Studio, name: str) -> checkup.Finding:
    return next(one for one in check_up(studio) if one.id == name)


# ------------------------------------------------------------------------------------------------ hardware


def test_cards_are_read_from_what_the_driver_prints() -> None:
    first, second = read_cards(f"{SMI}\nTesla T4, 15360, [N/A], [N/A], 535.1\n")
    assert first.name == "NVIDIA GeForce RTX 4090" and first.memory_bytes == 24564 << 20
    assert (first.used_bytes, first.watts, first.driver) == (1200 << 20, 450.0, "560.35.03")
    assert (second.used_bytes, second.watts) == (0, 0.0)


@pytest.mark.parametrize(
    "said",
    ["", "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", "a, b, c, d, e", "x, -1, 0, 0, 0",
     "x, nan, 0, 0, 0", "x, inf, 1, 1, 1, 1", ",,,,", "\0" * 100],
)  # fmt: skip
def test_a_driver_that_says_something_else_is_no_card(said: str) -> None:
    assert read_cards(said) == ()


def test_this_machine_is_described(studio: Studio) -> None:
    told = machine.machine(studio)
    assert told["name"] and told["cores"] >= 1 and told["system"] and told["workspace"] == str(studio.home)
    assert 0 < told["disk"]["free_bytes"] <= told["disk"]["total_bytes"]
    assert 0 <= told["memory"]["free_bytes"] <= told["memory"]["total_bytes"]
    json.dumps(told)


def test_memory_is_read_and_junk_is_not() -> None:
    assert hardware._of_meminfo("MemTotal: 100 kB\nMemAvailable:  40 kB\n") == Memory(
        total_bytes=102400, free_bytes=40960
    )
    assert hardware._of_meminfo("MemTotal\nMemFree: x\n\0: : :\nMemAvailable:") == Memory()


# ------------------------------------------------------------------------------------------------ costs


def test_what_is_not_said_is_assumed_and_said_to_be(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "card_at_start", lambda: None)
    assumed = machine.costs(studio)
    assert (assumed.watts, assumed.price_per_kwh, assumed.currency) == (65.0, 0.30, "EUR")
    assert "Assumed: 65 W" in assumed.source and "without a graphics card" in assumed.source
    assert assumed.of(3600) == pytest.approx(0.0195)
    monkeypatch.setattr(machine, "card_at_start", lambda: read_cards(SMI)[0])
    assert machine.costs(studio).watts == 450.0
    monkeypatch.setattr(machine, "card_at_start", lambda: Card(name="Tesla T4", memory_bytes=1, used_bytes=0, watts=70))
    assert machine.costs(studio).watts == 70.0 and "Tesla T4" in machine.costs(studio).source


def test_what_is_set_is_kept_in_the_workspace(studio: Studio) -> None:
    kept = machine.set_power(studio, machine.Power(watts=120, price_per_kwh=0.0, currency="CHF"))
    assert (kept.watts, kept.price_per_kwh, kept.currency, kept.source) == (120, 0.0, "CHF", "As set under Engine.")
    assert machine.costs(Studio(studio.home)) == kept
    half = machine.set_power(studio, machine.Power(watts=120))
    assert "0.30 EUR" in half.source and "120 W" not in half.source


@pytest.mark.parametrize(
    "junk", ["", "{", "[]", "null", "[" * 100_000, '{"watts": "much"}', '{"watts": -1}', '{"x": 1}', '"' + "x" * 300_000, "\0"]
)  # fmt: skip
def test_damaged_settings_count_as_nothing_said(studio: Studio, junk: str) -> None:
    (studio.home / "machine.json").write_text(junk)
    (studio.home / "measured.json").write_text(junk)
    assert machine.power(studio) == machine.Power()
    assert machine.measurements(studio) == ()


# ------------------------------------------------------------------------------------------------ speed


class Quick:
    """A painter that takes as long as it says."""

    id = "quick"
    capabilities = Capabilities(sets=True)

    def __init__(self) -> None:
        self.asked: list[PaintRequest] = []

    def paint(self, requests: object, progress: Progress) -> Iterator[Painting]:
        for request in requests:  # type: ignore[attr-defined]
            self.asked.append(request)
            progress.report(0.5)
            yield Painting(np.zeros((request.height_px, request.width_px, 3), np.uint8), 1.25, "quick", "processor")


def test_a_painter_is_measured_on_the_standard_picture_after_it_is_warm(studio: Studio) -> None:
    painter, seen = Quick(), list[float]()
    for _ in range(machine.MOST_MEASURED + 3):
        made = machine.measure(studio, painter, Progress(lambda fraction, text: seen.append(fraction)))
    assert made.seconds == 1.25 and made.engine == "quick" and abs(made.at - time.time()) < 60
    warm, measured = painter.asked[:2]
    assert (warm.width_px, measured.width_px, measured.height_px, measured.steps) == (64, 512, 512, 12)
    assert measured.set_spec is not None
    kept = machine.measurements(studio)
    assert len(kept) == machine.MOST_MEASURED and kept[-1] == made
    assert 0 < min(seen) <= max(seen) <= 1
    with pytest.raises(Stopped):
        machine.measure(studio, painter, Progress(should_stop=lambda: True))


def test_a_painter_that_reads_words_is_measured_at_its_own_size_and_steps(studio: Studio) -> None:
    painter = Quick()
    painter.capabilities = Capabilities(prompt=True, steps={"normal": 4, "quality": 8})
    made = machine.measure(studio, painter, Progress())
    assert (painter.asked[1].width_px, painter.asked[1].steps) == (1024, 4)
    assert (made.width_px, made.height_px, made.steps) == (1024, 1024, 4)
    assert machine.standard(painter.capabilities) == (1024, 4)


def test_speeds_are_medians_of_what_was_painted(studio: Studio) -> None:
    for index, seconds in enumerate((1.0, 2.0, 30.0)):
        shot = Shot(
            engine="stage", recipe=1, width_px=1000, height_px=500, seed=index, steps=12, palette={}, allowed=()
        )
        picture = Picture(
            shot_id=shot.content_id, digest="a" * 64, width_px=1000, height_px=500, engine="stage", runtime="numba",
            seconds=seconds,
        )  # fmt: skip
        studio.store.save_picture(picture, shot)
    (speed,) = machine.speeds(studio)
    assert (speed.engine, speed.runtime, speed.steps, speed.pictures) == ("stage", "numba", 12, 3)
    assert speed.seconds_per_megapixel == 4.0


# ------------------------------------------------------------------------------------------------ the doctor


def test_a_healthy_workspace_is_found_healthy_and_the_old_facts_are_there(studio: Studio) -> None:
    told = machine.doctor(studio)
    assert {
        "python",
        "platform",
        "cores",
        "workspace",
        "free_gb",
        "formats",
        "layouts",
        "sets",
        "presets",
        "executable",
    } < set(told)
    states = {one["id"]: one["state"] for one in told["findings"]}
    for name in ("workspace", "index", "held", "presets", "python", "clock", "browser", "log"):
        assert states[name] == "fine", name
    for one in told["findings"]:
        assert one["state"] == "fine" or (one["means"] and one["fix"]), one


def test_a_full_disk_is_found(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"total": 10**12, "used": 0, "free": 10**9})
    monkeypatch.setattr(checkup.shutil, "disk_usage", lambda path: usage)
    assert finding(studio, "disk").state == "look"
    usage.free = 10**8
    assert finding(studio, "disk").state == "broken"
    assert check_up(studio)[0].id == "disk"  # what is broken comes first


def test_a_damaged_index_is_found(studio: Studio) -> None:
    for number in range(3000):
        studio.drafts.open(f"{number:032x}", "", Draft(title="x" * 200))
    studio.store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(studio.store.index.read_bytes())
    data[4096 * 6 : 4096 * 40] = b"\xff" * (4096 * 34)
    studio.store.index.write_bytes(data)
    found = finding(studio, "index")
    assert found.state == "broken" and found.found


def test_a_program_that_holds_the_index_is_found(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "HELD_S", 0.1)
    holder = sqlite3.connect(studio.store.index, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert checkup.index_free(studio).state == "look"
    finally:
        holder.close()
    assert checkup.index_free(studio).state == "fine"


def test_formats_that_cannot_be_read_are_found(studio: Studio) -> None:
    (studio.home / "formats.toml").write_text("[broken")
    found = finding(studio, "presets")
    assert found.state == "broken" and "formats.toml" in found.found and found.fix
    assert machine.doctor(studio)["formats"] == 0


def test_mistakes_in_the_logs_are_counted_if_they_are_fresh(studio: Studio) -> None:
    logs = studio.home / "logs"
    logs.mkdir()
    today = time.strftime("%Y-%m-%d %H:%M:%S")
    (logs / "worker.log").write_text(
        "WARNING x: y\nERROR studio.desk.worker: job paint failed\nTraceback (most recent call last):\n"
    )
    (logs / "page.log").write_text(
        f"2001-01-01 10:00:00,1 ERROR old: x\n{today},1 ERROR new: x\n{today},1 WARNING w: x\n"
    )
    found = finding(studio, "log")
    assert found.state == "look" and "1 in worker.log" in found.found and "1 in page.log" in found.found
    old = time.time() - 3 * 86400
    os.utime(logs / "worker.log", (old, old))
    assert "worker.log" not in finding(studio, "log").found


def test_a_clock_that_went_back_is_found(studio: Studio) -> None:
    with studio.store.transaction() as db:
        db.execute("INSERT INTO pictures VALUES ('a', '{}', NULL, ?)", (time.time() + 10 * 86400,))
    assert finding(studio, "clock").state == "look"


def test_a_card_without_its_runtime_is_found(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "card_at_start", lambda: read_cards(SMI)[0])
    found = finding(studio, "runtimes")
    cuda = "CUDA" in found.found
    assert (found.state, "onnxruntime-gpu" in found.fix) == (("fine", False) if cuda else ("look", True))


def test_a_doctor_who_falls_ill_is_a_finding(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "font_path", lambda *given: 1 / 0)
    found = finding(studio, "fonts")
    assert found.state == "broken" and "zero" in found.found


def test_a_bug_report_names_nobody(studio: Studio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home/somebody"))
    findings = (
        *check_up(studio),
        checkup.Finding(
            id="x", title="X", state="look", found=f"{studio.home}/logs and /home/somebody/Clients/Secret/a.log"
        ),
        checkup.Finding(
            id="y", title="Y", state="look", found=r"C:\Users\somebody\AppData\x.dll is gone", fix="/opt/secret/dir/b"
        ),
    )
    text = machine.bug_report(studio, findings)
    assert "(workspace)/logs" in text and "Lockup" in text and "[look] X:" in text
    assert "somebody" not in text and "Secret" not in text and "secret" not in text and str(tmp_path) not in text
