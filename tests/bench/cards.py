"""`python -m tests.bench.cards FILE…`: checks what `app.py engines bench --json` measured, and prints its rows for the
table in `RESULTS.md`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.accelerate.report import FORMAT, VERSION

HEAD = "| card | painter | way | s a picture (quarters) | TFLOP/s | % of floor | GB | Wh for 1,000 | times the stock pipeline |"
WAY = {
    "name": str, "runtime": str, "precision": str, "seconds": dict, "cpu_seconds": dict, "stages": dict, "tflop": float, "tflop_s": float,
    "percent_of_floor": float, "peak_bytes": int, "joules": float, "joules_from": str, "cost_per_1000": float, "apart": float,
    "refused": list, "doubts": list,
}  # fmt: skip
"""The fields of a way, each of them null where it is not known."""
TOP = {
    "profile": str,
    "weights": str,
    "machine": dict,
    "setting": dict,
    "floor": dict,
    "ways": list,
    "compared": list,
    "made": str,
}


def wrong(told: Any) -> list[str]:
    """What keeps a bench out of the table; nothing where it may go in."""
    if not isinstance(told, dict) or told.get("format") != FORMAT or told.get("version") != VERSION:
        return [f"this is no bench of version {VERSION}"]
    found = [f"{name} is missing or of another kind" for name, kind in TOP.items() if not _is(told.get(name), kind)]
    if found:
        return found
    for way in told["ways"]:
        if not isinstance(way, dict):
            return ["a way is of another kind"]
        found += [f"{name} of {way.get('name')} is missing or of another kind" for name, kind in WAY.items()
                  if name not in way or not (way[name] is None or _is(way[name], kind))]  # fmt: skip
    if not found and told["weights"] != "own":
        found.append("it was measured with random weights")
    if not found and not any(way["seconds"] for way in told["ways"]):
        found.append("it has no numbers")
    if not found and any(way["doubts"] for way in told["ways"]):
        found.append("something else was at work meanwhile: measure again on a quiet machine")
    return found


def rows(told: Mapping[str, Any]) -> list[str]:
    """A line of the table for every way that has numbers."""
    machine, setting = told["machine"], told["setting"]
    card = machine["card"] or f"{machine['cores']} cores"
    painter = (
        f"{told['profile']}, {setting['width_px']}×{setting['height_px']}, {setting['steps']} steps, {setting['case']}"
    )
    quicker = {one["way"]: one["times_quicker"] for one in told["compared"]}
    found = []
    for way in told["ways"]:
        if way["seconds"]:
            seconds = way["seconds"]
            cells = [
                card, painter, f"{way['name']} ({way['runtime']})",
                f"{seconds['median']:.3g} ({seconds['lower_quarter']:.3g}–{seconds['upper_quarter']:.3g})", _short(way["tflop_s"]),
                _short(way["percent_of_floor"]), _short(way["peak_bytes"] and way["peak_bytes"] / 1e9),
                _short(way["joules"] and way["joules"] / 3.6), _short(quicker.get(way["name"])),
            ]  # fmt: skip
            found.append(f"| {' | '.join(cells)} |")
    return found


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, (int, float) if kind is float else kind) and not isinstance(value, bool)


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def main() -> int:
    print(HEAD, "|---" * (HEAD.count("|") - 1) + "|", sep="\n")
    bad = 0
    for name in sys.argv[1:]:
        told = json.loads(Path(name).read_bytes())
        trouble = wrong(told)
        print("\n".join(f"{name}: {one}" for one in trouble) if trouble else "\n".join(rows(told)))
        bad += bool(trouble)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
