"""What a bench measured, as a table and as JSON.

The JSON (`Report.told`), version 1. Fields are only ever added; what is not known is null:
    format, version, made      `lockup-bench`, 1, when (ISO 8601, UTC)
    profile, weights           the painter; `own` or `random`
    machine                    device, card, driver, cores, system
    setting                    width_px, height_px, steps, batch, rounds, case, libraries
    floor                      card, tflop_s (its rate for the arithmetic used), of_this_machine
    ways[]                     name, runtime, precision, and by picture:
        seconds, cpu_seconds   median, lower_quarter, upper_quarter: of the clock, and of all processor cores together
        stages                 seconds by stage (median): words, denoise, decode
        tflop, tflop_s         counted arithmetic (a multiplication with its addition is 2), and how fast it was done
        percent_of_floor       100 is the least time the floor's card takes for it
        peak_bytes             the most memory in use on the card, whoever holds it
        joules, joules_from    energy; `measured` by the card, or `stated` from its wattage
        cost_per_1000          of a thousand pictures in energy, in the currency of the price of a kWh
        apart                  the largest difference of its pictures from the first way's, 0–1
        refused[], doubts[]    why there are no numbers; why they are to be taken with care
    compared[]                 way, than, times_quicker, times_quicker_cpu
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from engines.accelerate.bench import RATES, Place, rounded

FORMAT, VERSION = "lockup-bench", 1
HEAD = (
    "way", "s a picture", "quarters", "CPU s", "words", "denoise", "decode", "TFLOP/s", "% of floor", "GB", "per 1,000",
    "times",
)  # fmt: skip


@dataclass(frozen=True)
class Report:
    """What was measured, to be printed or kept."""

    profile: str
    weights: str
    place: Place
    setting: Mapping[str, Any]
    ways: Sequence[Mapping[str, Any]]

    def told(self) -> dict[str, Any]:
        """The JSON; its fields are said at the top of this module."""
        place, first = self.place, self.ways[0] if self.ways else {}
        rate = RATES.get(place.rate_of, {}).get(first.get("precision", ""))
        own = bool(place.rate_of) and place.rate_of == place.own
        return {
            "format": FORMAT,
            "version": VERSION,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "profile": self.profile,
            "weights": self.weights,
            "machine": {
                "device": place.device, "card": place.card or None, "driver": place.driver or None,
                "cores": place.cores, "system": place.system,
            },
            "setting": dict(self.setting),
            "floor": {"card": place.rate_of or None, "tflop_s": rate, "of_this_machine": own},
            "ways": [dict(way) for way in self.ways],
            "compared": self.compared(),
        }  # fmt: skip

    def compared(self) -> list[dict[str, Any]]:
        """Each way beside the first one that has numbers."""
        good = [way for way in self.ways if way["seconds"]]
        return [
            {
                "way": way["name"],
                "than": good[0]["name"],
                "times_quicker": rounded(good[0]["seconds"]["median"] / way["seconds"]["median"]),
                "times_quicker_cpu": _ratio(good[0]["cpu_seconds"]["median"], way["cpu_seconds"]["median"]),
            }
            for way in good[1:]
        ]

    def table(self) -> str:
        """For the terminal."""
        faster = {one["way"]: one["times_quicker"] for one in self.compared()}
        rows: list[Sequence[str]] = [HEAD]
        for way in self.ways:
            if not way["seconds"]:
                continue
            seconds, stages = way["seconds"], way["stages"]
            rows.append([
                way["name"] + ("?" if way["doubts"] else ""),
                _short(seconds["median"]),
                f"{_short(seconds['lower_quarter'])}–{_short(seconds['upper_quarter'])}",
                _short(way["cpu_seconds"]["median"]),
                *(_short(stages.get(stage)) for stage in ("words", "denoise", "decode")),
                _short(way["tflop_s"]),
                _short(way["percent_of_floor"]),
                _short(way["peak_bytes"] / 1e9 if way["peak_bytes"] else None),
                _short(way["cost_per_1000"]),
                _short(faster.get(way["name"])),
            ])  # fmt: skip
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
        lines: list[str] = [
            *("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
        ]
        lines += [f"{way['name']}: {way['runtime']}" for way in self.ways if way["seconds"]]
        lines += [f"{way['name']}? {doubt}" for way in self.ways for doubt in way["doubts"]]
        lines += [f"{way['name']}: no numbers, {why}" for way in self.ways for why in way["refused"]]
        return "\n".join(lines)


def _ratio(one: float, other: float) -> float | None:
    return rounded(one / other) if other > 0 else None


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
