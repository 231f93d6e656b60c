"""An honest bench: several ways to the same picture, in turn, held against what the hardware can do at all.

A number that the hardware could not have produced is a measuring error and is not given, and neither is one of a way
whose pictures are others. Loads no torch; the ways are made in `engines.accelerate.ways`, what is printed in `report`.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from engines.base import EngineError, Progress

RATES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "4090": {"fp16": 165.2, "bf16": 165.2, "fp16 sums": 330.3, "fp8": 330.3, "fp32": 82.6},
        "H100": {"fp16": 989.0, "bf16": 989.0, "fp16 sums": 989.0, "fp8": 1979.0, "fp32": 494.5},
        "H200": {"fp16": 989.0, "bf16": 989.0, "fp16 sums": 989.0, "fp8": 1979.0, "fp32": 494.5},
    }
)
"""Dense TFLOP/s by card and arithmetic, as NVIDIA states them; sums in single precision unless said. fp32 is of tensor
cores in TF32 where they are quicker."""
WATTS = MappingProxyType({"4090": 450.0, "H100": 700.0, "H200": 700.0})
BOOST = 1.08
"""A card's clock may be above the one its rate is stated at, by this much."""
CORE_TFLOP_S: Mapping[str, float] = MappingProxyType({"fp32": 0.4, "fp16": 12.0, "bf16": 12.0})
"""More than any processor core does: two 512-bit multiply-adds a cycle at 6 GHz; in half precision, a matrix unit."""
UNSTEADY = 0.25
"""Half of the times further apart than this share of their median are doubtful."""


class Clock(Protocol):
    """Time, in seconds from wherever."""

    def wall(self) -> float:
        """Of the clock on the wall, once the card has done what it was given."""
        ...

    def cpu(self) -> float:
        """Of all processor cores together, as far as they worked for this process."""
        ...


@dataclass(frozen=True)
class RealClock:
    """`sync` waits for the card."""

    sync: Callable[[], None] = lambda: None

    def wall(self) -> float:
        self.sync()
        return time.perf_counter()

    def cpu(self) -> float:
        return time.process_time()


class Meter(Protocol):
    """What a card says of itself."""

    def begin(self) -> None: ...

    def end(self) -> tuple[float | None, int | None]:
        """Joules since `begin`, and the most bytes in use; None where nobody measures it."""
        ...


class NoMeter:
    """Where nothing is measured."""

    def begin(self) -> None:
        """Nothing."""

    def end(self) -> tuple[float | None, int | None]:
        """Nothing known."""
        return None, None


@dataclass(frozen=True)
class Warm:
    """What a way said when it was warmed up: its picture (any array of numbers 0–1, flat) and counted TFLOP."""

    picture: Any
    tflop: float
    runtime: str = ""
    """What really runs, where that shows only now."""


@dataclass(frozen=True)
class Way:
    """One way to a picture. `warm` makes it ready and paints once. `paint(seed)` paints, and gives seconds by stage.
    `arithmetic` is a key of `RATES`; `tolerance` how far its pictures may be from the first way's."""

    name: str
    runtime: str
    arithmetic: str
    warm: Callable[[], Warm]
    paint: Callable[[int], Mapping[str, float]]
    tolerance: float = 2 / 255
    batch: int = 1


@dataclass(frozen=True)
class Place:
    """What it runs on. `own` is the key of `RATES` for the card that computes, `rate_of` for the one whose floor is
    told beside the times; empty where nobody stated a rate. `watts` is what it is stated to draw, 0 when nobody says.
    """

    device: str
    cores: int
    card: str = ""
    driver: str = ""
    system: str = ""
    own: str = ""
    rate_of: str = ""
    watts: float = 0.0


@dataclass
class _Times:
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    stages: dict[str, list[float]] = field(default_factory=dict)
    joules: list[float] = field(default_factory=list)
    peak: int | None = None


def known_card(name: str) -> str:
    """The key of `RATES` for a card's name, empty for one whose rate nobody stated here."""
    plain = name.upper().replace(" ", "-")
    return next((card for card in RATES if card.upper() in plain.split("-") or card.upper() in plain), "")


def measure(
    ways: Sequence[Way], rounds: int, place: Place, *, clock: Clock, meter: Meter, price_kwh: float | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """A row a way, as in the JSON (`engines.accelerate.report`). In every round each way paints once, the first one by
    turns, so that what else the machine does falls on all. Raises `Stopped`; a way that fails is a row that says why.
    """
    progress = progress or Progress()
    # 1. Warm, and painting the same picture.
    warm: dict[str, Warm] = {}
    failed: dict[str, str] = {}
    for number, way in enumerate(ways):
        progress.report(0.3 * number / len(ways), f"Warming up: {way.name}")
        try:
            warm[way.name] = way.warm()
        except EngineError as error:
            failed[way.name] = str(error)
    # 2. Rounds.
    running = [way for way in ways if way.name in warm]
    times = {way.name: _Times() for way in running}
    for number in range(rounds):
        first = number % max(len(running), 1)
        for place_in_round, way in enumerate((*running[first:], *running[:first])):
            done = (number + place_in_round / len(running)) / rounds
            progress.report(0.3 + 0.7 * done, f"Round {number + 1} of {rounds}: {way.name}")
            _paint(way, 1000 + number, times[way.name], clock, meter)
    # 3. What may be said of it.
    base = next(iter(warm.values()), None)
    return [
        _row(way, times[way.name], warm[way.name], base, place, price_kwh)
        if way.name in warm
        else _empty(way, [f"not measured: {failed[way.name]}"])
        for way in ways
    ]


def _paint(way: Way, seed: int, times: _Times, clock: Clock, meter: Meter) -> None:
    meter.begin()
    wall, cpu = clock.wall(), clock.cpu()
    stages = way.paint(seed)
    wall, cpu = clock.wall() - wall, clock.cpu() - cpu
    joules, peak = meter.end()
    times.wall.append(wall / way.batch)
    times.cpu.append(cpu / way.batch)
    for name, seconds in stages.items():
        times.stages.setdefault(name, []).append(seconds / way.batch)
    if joules is not None:
        times.joules.append(joules / way.batch)
    if peak is not None:
        times.peak = max(times.peak or 0, peak)


def _empty(way: Way, refused: list[str]) -> dict[str, Any]:
    unknown = (
        "seconds", "cpu_seconds", "stages", "tflop", "tflop_s", "percent_of_floor", "peak_bytes", "joules",
        "joules_from", "cost_per_1000", "apart",
    )  # fmt: skip
    return {
        "name": way.name, "runtime": way.runtime, "precision": way.arithmetic, **dict.fromkeys(unknown),
        "refused": refused, "doubts": [],
    }  # fmt: skip


def _row(
    way: Way, times: _Times, warm: Warm, base: Warm | None, place: Place, price_kwh: float | None
) -> dict[str, Any]:
    tflop = warm.tflop / way.batch
    apart = _apart(warm.picture, base.picture) if base is not None else 0.0
    row = _empty(way, refusals(way, times.wall, times.cpu, tflop, apart, place))
    row |= {
        "runtime": warm.runtime or way.runtime,
        "apart": rounded(apart) if math.isfinite(apart) else None,
        "tflop": rounded(tflop),
    }
    if row["refused"]:
        return row
    seconds, floor = spread(times.wall), _floor(way, tflop, place)
    row |= {
        "seconds": seconds,
        "cpu_seconds": spread(times.cpu),
        "stages": {name: rounded(statistics.median(each)) for name, each in times.stages.items()},
        "tflop_s": rounded(tflop / seconds["median"]),
        "percent_of_floor": None if floor is None else rounded(100 * floor / seconds["median"]),
        "peak_bytes": times.peak,
        "doubts": doubts(seconds),
    }
    measured = len(times.joules) == len(times.wall) and sum(times.joules) > 0
    if measured or place.watts:
        joules = statistics.median(times.joules) if measured else place.watts * seconds["median"]
        row["joules"], row["joules_from"] = rounded(joules), "measured" if measured else "stated"
        row["cost_per_1000"] = None if price_kwh is None else rounded(joules * 1000 / 3.6e6 * price_kwh)
    return row


def refusals(
    way: Way, wall: Sequence[float], cpu: Sequence[float], tflop: float, apart: float, place: Place
) -> list[str]:
    """Why the numbers of a way are not to be printed; none when they may be."""
    why = []
    if not apart <= way.tolerance:
        why.append(f"its pictures are {apart:.3f} away from the first way's, and {way.tolerance:.3f} is allowed")
    if not wall or not min(wall) > 0:
        return [*why, "the clock stood still or went back"]
    most = _most(way, place)
    if most is not None and tflop / min(wall) > most:
        why.append(
            f"{tflop / min(wall):.4g} TFLOP/s is more than this machine can do ({most:.4g}): clock or count is wrong"
        )
    if place.cores and any(c > 1.05 * w * place.cores + 0.05 for c, w in zip(cpu, wall, strict=True)):
        why.append("the processor worked longer than its cores could have in that time")
    return why


def doubts(found: Mapping[str, float]) -> list[str]:
    """Why times of this spread are to be taken with care."""
    if found["upper_quarter"] - found["lower_quarter"] > UNSTEADY * found["median"]:
        return ["the times lie far apart: something else was at work"]
    return []


def spread(times: Sequence[float]) -> dict[str, float]:
    """Median and quarters."""
    low, middle, high = statistics.quantiles(times, n=4) if len(times) > 1 else [times[0]] * 3
    return {"median": rounded(middle), "lower_quarter": rounded(low), "upper_quarter": rounded(high)}


def _most(way: Way, place: Place) -> float | None:
    """The most TFLOP/s that can be done here, generously."""
    if place.device == "cpu":
        return CORE_TFLOP_S.get(way.arithmetic, CORE_TFLOP_S["fp16"]) * place.cores
    if place.own:
        return RATES[place.own].get(way.arithmetic, max(RATES[place.own].values())) * BOOST
    return max(max(rates.values()) for rates in RATES.values()) * BOOST


def _floor(way: Way, tflop: float, place: Place) -> float | None:
    """The least seconds the card takes for it, at its stated clock."""
    rate = RATES.get(place.rate_of, {}).get(way.arithmetic)
    return tflop / rate if rate else None


def _apart(one: Any, other: Any) -> float:
    """The largest difference; endless where they cannot be compared."""
    import numpy as np

    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    found = float(np.abs(a - b).max()) if a.shape == b.shape and a.size else float("inf")
    return float("inf") if np.isnan(found) else found


def rounded(value: float) -> float:
    """Five digits that count."""
    return float(f"{value:.5g}")
