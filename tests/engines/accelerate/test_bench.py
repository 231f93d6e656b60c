"""The bench prints nothing the hardware could not have done, compares like with like, and says what it does not know."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.accelerate import report
from engines.accelerate.bench import NoMeter, Place, RealClock, Warm, Way, known_card, measure
from engines.accelerate.report import Report
from engines.base import EngineError, Progress, Stopped

CARD = Place("cuda", 16, "NVIDIA GeForce RTX 4090", "580.1", "Linux", "4090", "4090", 450.0)
CPU = Place("cpu", 2)
PICTURE = np.linspace(0, 1, 12)


@dataclass
class FakeClock:
    """Goes on when somebody paints. `cores` work at once; `broken` by how much it goes wrong."""

    cores: float = 1.0
    broken: float = 1.0
    now: float = 0.0
    worked: float = 0.0

    def wall(self) -> float:
        return self.now

    def cpu(self) -> float:
        return self.worked

    def pass_(self, seconds: float) -> None:
        self.now += seconds * self.broken
        self.worked += seconds * self.cores


@dataclass
class FakeMeter:
    joules: float | None
    peaks: list[int] = field(default_factory=lambda: [5, 9, 7] * 100)

    def begin(self) -> None: ...

    def end(self) -> tuple[float | None, int | None]:
        return self.joules, self.peaks.pop(0)


def a_way(
    clock: FakeClock, seconds: float | Callable[[int], float], name: str = "ours", tflop: float = 40.0, **more: Any
) -> Way:
    def paint(seed: int) -> Mapping[str, float]:
        took = seconds(seed - 1000) if callable(seconds) else seconds
        clock.pass_(took)
        return {"words": took * 0.1, "denoise": took * 0.7, "decode": took * 0.2}

    picture = more.pop("picture", PICTURE)
    warm = more.pop("warm", lambda: Warm(picture, tflop))
    return Way(name, f"runtime of {name}", more.pop("arithmetic", "fp16"), warm, paint, **more)


def one(clock: FakeClock, way: Way, place: Place = CARD, rounds: int = 5, **more: Any) -> dict[str, Any]:
    return measure([way], rounds, place, clock=clock, meter=more.pop("meter", NoMeter()), **more)[0]


# ------------------------------------------------------------------------------------------------ physics


def test_a_time_the_card_can_reach_is_told_with_its_share_of_the_floor() -> None:
    clock = FakeClock()
    row = one(clock, a_way(clock, 0.5), price_kwh=0.4)
    assert row["seconds"] == {"median": 0.5, "lower_quarter": 0.5, "upper_quarter": 0.5} and row["refused"] == []
    assert row["tflop_s"] == 80 and row["percent_of_floor"] == pytest.approx(100 * 40 / 165.2 / 0.5, rel=1e-4)
    assert row["stages"] == {"words": 0.05, "denoise": 0.35, "decode": 0.1}
    assert (row["joules"], row["joules_from"]) == (225, "stated")
    assert row["cost_per_1000"] == pytest.approx(225 * 1000 / 3.6e6 * 0.4)


@given(st.floats(1e-6, 40 / (165.2 * 1.08) * 0.999))
def test_no_time_below_what_the_arithmetic_takes_is_ever_printed(seconds: float) -> None:
    clock = FakeClock()
    way = a_way(clock, seconds)
    row = one(clock, way)
    assert row["seconds"] is None and row["tflop_s"] is None and row["cost_per_1000"] is None and row["stages"] is None
    assert "more than this machine can do" in row["refused"][0]
    table = Report("x", "own", CARD, {}, [row]).table()
    assert "ours: no numbers" in table and f"{seconds:.3g}" not in table.split("no numbers")[0]


@given(st.floats(40 / (165.2 * 1.08) * 1.001, 1e4))
def test_every_time_above_it_is(seconds: float) -> None:
    clock = FakeClock()
    assert one(clock, a_way(clock, seconds))["refused"] == []


def test_one_impossible_round_is_enough() -> None:
    clock = FakeClock()
    assert one(clock, a_way(clock, lambda number: 0.01 if number == 3 else 0.5))["refused"]


def test_the_rate_is_that_of_the_arithmetic_used() -> None:
    clock = FakeClock()
    quick = 40 / 200  # 200 TFLOP/s: of sums in half precision, never of single
    assert one(clock, a_way(clock, quick))["refused"] and one(clock, a_way(clock, quick, arithmetic="fp32"))["refused"]
    assert not one(clock, a_way(clock, quick, arithmetic="fp16 sums"))["refused"]


@pytest.mark.parametrize("broken", [0.0, -1.0])
def test_a_clock_that_stands_or_goes_back_tells_nothing(broken: float) -> None:
    clock = FakeClock(broken=broken)
    assert one(clock, a_way(clock, 0.5))["refused"] == ["the clock stood still or went back"]


def test_a_processor_has_limits_too() -> None:
    clock = FakeClock()
    assert one(clock, a_way(clock, 10, tflop=10, arithmetic="fp32"), CPU)["refused"]
    row = one(clock, a_way(clock, 100, tflop=10, arithmetic="fp32"), CPU)
    assert not row["refused"] and row["percent_of_floor"] is None and row["cost_per_1000"] is None
    slow = FakeClock(broken=0.1, cores=1.0)  # a clock ten times too slow: two cores cannot have worked that long
    assert "longer than its cores could" in one(slow, a_way(slow, 1000, tflop=10, arithmetic="fp32"), CPU)["refused"][0]


def test_a_floor_of_another_card_is_told_but_never_a_reason() -> None:
    clock = FakeClock()
    elsewhere = replace(CARD, card="NVIDIA H200", own="H200")
    row = one(clock, a_way(clock, 0.1), elsewhere)
    assert not row["refused"] and row["percent_of_floor"] > 100
    assert one(clock, a_way(clock, 0.03), elsewhere)["refused"]  # the card that is here cannot
    unknown = replace(CARD, card="a card of tomorrow", own="", rate_of="")
    assert (
        not one(clock, a_way(clock, 0.03), unknown)["refused"] and one(clock, a_way(clock, 0.001), unknown)["refused"]
    )


# ------------------------------------------------------------------------------------------------ like with like


@pytest.mark.parametrize("picture", [PICTURE + 0.02, PICTURE[:-1], PICTURE * np.nan])
def test_ways_with_other_pictures_are_not_compared(picture: Any) -> None:
    clock = FakeClock()
    ways = [a_way(clock, 1.0, "stock"), a_way(clock, 0.5, picture=picture)]
    stock, ours = measure(ways, 3, CARD, clock=clock, meter=NoMeter())
    assert stock["seconds"] and ours["seconds"] is None and "pictures are" in ours["refused"][0]
    assert Report("x", "own", CARD, {}, [stock, ours]).compared() == []
    json.dumps(Report("x", "own", CARD, {}, [stock, ours]).told(), allow_nan=False)


def test_ways_take_turns() -> None:
    clock, order = FakeClock(), []

    def noted(name: str) -> Way:
        way = a_way(clock, 0.5, name)
        return replace(way, paint=lambda seed: (order.append((name, seed)), way.paint(seed))[1])

    measure([noted("a"), noted("b"), noted("c")], 3, CARD, clock=clock, meter=NoMeter())
    assert [name for name, _ in order] == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert [seed for _, seed in order] == [1000] * 3 + [1001] * 3 + [1002] * 3


def test_what_else_the_machine_does_falls_on_all() -> None:
    """Times that double half way through: medians of both ways move together, their ratio stays."""
    clock = FakeClock()
    ways = [a_way(clock, lambda n: 2.0 * (1 + (n > 3)), "stock"), a_way(clock, lambda n: 1.0 * (1 + (n > 3)))]
    rows = measure(ways, 9, CARD, clock=clock, meter=NoMeter())
    assert Report("x", "own", CARD, {}, rows).compared()[0]["times_quicker"] == 2.0
    assert (
        all("far apart" in row["doubts"][0] for row in rows) and "ours?" in Report("x", "own", CARD, {}, rows).table()
    )


def test_a_batch_is_told_by_picture() -> None:
    clock = FakeClock()
    row = one(clock, a_way(clock, 2.0, tflop=160.0, batch=4), meter=FakeMeter(800.0))
    assert (
        row["seconds"]["median"] == 0.5
        and row["tflop"] == 40
        and row["joules"] == 200
        and row["stages"]["words"] == 0.05
    )


def test_energy_is_measured_where_the_card_says_it_and_the_peak_is_the_highest() -> None:
    clock = FakeClock()
    row = one(clock, a_way(clock, 0.5), meter=FakeMeter(120.0), price_kwh=0.3)
    assert (row["joules"], row["joules_from"], row["peak_bytes"]) == (120, "measured", 9)
    assert row["cost_per_1000"] == pytest.approx(0.01)
    unknown = one(clock, a_way(clock, 0.5), replace(CARD, watts=0.0), meter=FakeMeter(None), price_kwh=0.3)
    assert unknown["joules"] is unknown["joules_from"] is unknown["cost_per_1000"] is None


def test_a_way_that_fails_is_a_row_that_says_why() -> None:
    clock = FakeClock()

    def broken() -> Warm:
        raise EngineError("no engine is built")

    ways = [a_way(clock, 1.0, "stock"), a_way(clock, 0.5, "ours, TensorRT", warm=broken)]
    rows = measure(ways, 3, CARD, clock=clock, meter=NoMeter())
    assert rows[1]["refused"] == ["not measured: no engine is built"] and rows[0]["seconds"]
    assert "ours, TensorRT: no numbers, not measured: no engine is built" in Report("x", "own", CARD, {}, rows).table()
    assert measure(ways[1:], 3, CARD, clock=clock, meter=NoMeter())[0]["seconds"] is None


def test_it_stops_between_pictures() -> None:
    clock, seen = FakeClock(), []
    with pytest.raises(Stopped):
        one(clock, a_way(clock, 0.5), progress=Progress(lambda f, text: seen.append(text), lambda: len(seen) > 2))
    assert seen == ["Warming up: ours", "Round 1 of 5: ours", "Round 2 of 5: ours"]


# ------------------------------------------------------------------------------------------------ the JSON


def test_the_json_is_what_is_documented() -> None:
    clock = FakeClock()
    ways = [a_way(clock, 1.0, "stock"), a_way(clock, 0.5)]
    setting = {
        "width_px": 1024,
        "height_px": 1024,
        "steps": 4,
        "batch": 1,
        "rounds": 3,
        "case": "words",
        "libraries": {},
    }
    rows = measure(ways, 3, CARD, clock=clock, meter=NoMeter())
    told = json.loads(json.dumps(Report("sdxl-lightning", "own", CARD, setting, rows).told()))
    assert list(told) == [
        "format",
        "version",
        "made",
        "profile",
        "weights",
        "machine",
        "setting",
        "floor",
        "ways",
        "compared",
    ]
    assert (told["format"], told["version"]) == ("lockup-bench", 1)
    assert list(told["machine"]) == ["device", "card", "driver", "cores", "system"]
    assert told["floor"] == {"card": "4090", "tflop_s": 165.2, "of_this_machine": True}
    fields = [
        "name",
        "runtime",
        "precision",
        "seconds",
        "cpu_seconds",
        "stages",
        "tflop",
        "tflop_s",
        "percent_of_floor",
        "peak_bytes",
        "joules",
        "joules_from",
        "cost_per_1000",
        "apart",
        "refused",
        "doubts",
    ]
    assert [list(way) for way in told["ways"]] == [fields] * 2
    assert told["compared"] == [{"way": "ours", "than": "stock", "times_quicker": 2.0, "times_quicker_cpu": 2.0}]
    said = report.__doc__ or ""
    assert all(
        name in said for name in (*told, *told["machine"], *told["floor"], *setting, *fields, *told["compared"][0])
    )


def test_refused_rows_have_the_same_fields() -> None:
    clock = FakeClock()
    assert list(one(clock, a_way(clock, 1e-9))) == list(one(clock, a_way(clock, 1.0)))


@pytest.mark.parametrize(
    ("name", "card"),
    [
        ("NVIDIA GeForce RTX 4090", "4090"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H200", "H200"),
        ("NVIDIA GeForce RTX 3060", ""),
        ("rtx-4090", "4090"),
        ("", ""),
    ],
)
def test_cards_whose_rate_is_known(name: str, card: str) -> None:
    assert known_card(name) == card


def test_the_real_clock_goes_forward() -> None:
    synced = []
    clock = RealClock(lambda: synced.append(1))
    wall, cpu = clock.wall(), clock.cpu()
    sum(range(10_000))
    assert clock.wall() > wall and clock.cpu() >= cpu and len(synced) == 2
