"""This machine and this workspace, as far as they matter for the work: what it is, how quick, what it costs."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from engines.base import Capabilities, Painter, PaintRequest, Progress
from studio import __version__
from studio.checkup import Finding, check_up
from studio.desk.files import write_whole
from studio.errors import BadInput
from studio.hardware import card_at_start, cards, cores, memory, processor
from studio.presets import load_layouts, load_sets, presets_folder
from studio.studio import Studio
from studio.values import Value, read_value

CPU_WATTS, CARD_WATTS, RTX_4090_WATTS = 65.0, 250.0, 450.0
PRICE_PER_KWH, CURRENCY = 0.30, "EUR"
MEASURED_PX, MEASURED_STEPS, MEASURED_SET = 512, 12, "arch"
LEARNED_PX = 1024
"""The side of the pictures that models which read words have learned on; they are measured at it."""
MOST_MEASURED = 40
_MAX_BYTES = 200_000


# ------------------------------------------------------------------------------------------------ power and price


class Power(Value):
    """What the designer said about power; None where nothing was said."""

    watts: Annotated[float, Field(ge=1, le=5000)] | None = None
    price_per_kwh: Annotated[float, Field(ge=0, le=100)] | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None


class Costs(Value):
    """What an hour of work costs. `watts` under load; `source` says in a sentence where the numbers are from."""

    watts: float
    price_per_kwh: float
    currency: str
    source: str

    def of(self, seconds: float) -> float:
        """The price of so many seconds under load, in `currency`."""
        return self.watts / 1000 * seconds / 3600 * self.price_per_kwh


def costs(studio: Studio) -> Costs:
    """Power and price as they were set for this workspace; what was not set is assumed and said to be."""
    said = power(studio)
    watts, of_what = _assumed_watts()
    assumed = [
        *([f"{watts:.0f} W for {of_what}"] if said.watts is None else []),
        *([f"{PRICE_PER_KWH:.2f} {CURRENCY} per kWh"] if said.price_per_kwh is None else []),
    ]
    source = f"Assumed: {' and '.join(assumed)}. Set your own under Engine." if assumed else "As set under Engine."
    return Costs(
        watts=said.watts if said.watts is not None else watts,
        price_per_kwh=said.price_per_kwh if said.price_per_kwh is not None else PRICE_PER_KWH,
        currency=said.currency or CURRENCY,
        source=source,
    )


def power(studio: Studio) -> Power:
    """What was set for this workspace. A file that cannot be read counts as nothing said."""
    kept = _kept(studio.home / "machine.json")
    try:
        return read_value(Power, kept if isinstance(kept, dict) else {}, "machine.json")
    except BadInput:
        return Power()


def set_power(studio: Studio, said: Power) -> Costs:
    """Keep power and price for this workspace. Raises `DeskError`."""
    write_whole(studio.home / "machine.json", json.dumps(said.model_dump(), indent=1).encode())
    return costs(studio)


def _assumed_watts() -> tuple[float, str]:
    card = card_at_start()
    if card is None:
        return CPU_WATTS, "a computer without a graphics card"
    if "4090" in card.name:
        return RTX_4090_WATTS, "a computer with an RTX 4090"
    return (card.watts or CARD_WATTS), f"a computer with {card.name}"


# ------------------------------------------------------------------------------------------------ speed


class Measured(Value):
    """How quick one painter was at its standard picture, and when. Seconds since the epoch; seconds."""

    engine: str
    runtime: str
    at: float
    seconds: float
    width_px: int = MEASURED_PX
    height_px: int = MEASURED_PX
    steps: int = MEASURED_STEPS
    machine: str = ""


def standard(can: Capabilities) -> tuple[int, int]:
    """A painter's standard picture: its side in pixels, and the steps it takes in normal work."""
    return (LEARNED_PX if can.prompt else MEASURED_PX), can.steps.get("normal", MEASURED_STEPS)


def measure(studio: Studio, painter: Painter, progress: Progress) -> Measured:
    """Paint the standard picture and keep how long it took. What is compiled or loaded once is not counted.

    Raises `EngineError`, and `Stopped` when `progress` says so.
    """
    spec = load_sets()[MEASURED_SET] if painter.capabilities.sets else None
    palette = {
        "primary": "#c2410c", "secondary": "#1f4e5f", "accent": "#e9b44c", "background": "#f4efe6",
        "surface": "#e7dccb", "text": "#1a1a18",
    }  # fmt: skip

    def request(side: int, steps: int) -> PaintRequest:
        return PaintRequest(side, side, 1, steps, palette, spec, prompt="a calm studio set, soft daylight")

    side, steps = standard(painter.capabilities)
    progress.report(0.02, "Loading")
    next(iter(painter.paint([request(64, 1)], progress.part(0.02, 0.3))))
    made = next(iter(painter.paint([request(side, steps)], progress.part(0.32, 0.66))))
    result = Measured(
        engine=painter.id, runtime=made.runtime, at=time.time(), seconds=round(made.seconds, 3), machine=_short_name(),
        width_px=side, height_px=side, steps=steps,
    )  # fmt: skip
    kept = [one.model_dump() for one in (*measurements(studio), result)][-MOST_MEASURED:]
    write_whole(studio.home / "measured.json", json.dumps(kept, indent=1).encode())
    return result


def measurements(studio: Studio) -> tuple[Measured, ...]:
    """What was measured in this workspace, the oldest first. Entries that cannot be read are left out."""
    kept = _kept(studio.home / "measured.json")
    found = []
    for entry in kept[-MOST_MEASURED:] if isinstance(kept, list) else ():
        try:
            found.append(read_value(Measured, entry, "measured.json"))
        except BadInput:
            continue
    return tuple(found)


class Speed(Value):
    """What pictures that were painted for ads took: the median in seconds a megapixel, of how many."""

    engine: str
    runtime: str
    steps: int
    seconds_per_megapixel: float
    pictures: int


def speeds(studio: Studio) -> tuple[Speed, ...]:
    """Measured on the last pictures of this workspace, by engine, runtime and steps."""
    found: dict[tuple[str, str, int], list[float]] = {}
    for row in studio.store.rows(_PAINTED):
        if row["rate"] is not None and row["rate"] > 0:
            found.setdefault((str(row["engine"]), str(row["runtime"]), int(row["steps"])), []).append(row["rate"])
    return tuple(
        Speed(
            engine=engine, runtime=runtime, steps=steps, pictures=len(rates),
            seconds_per_megapixel=round(statistics.median(rates), 3),
        )
        for (engine, runtime, steps), rates in sorted(found.items())
    )  # fmt: skip


_PAINTED = """
SELECT json_extract(picture, '$.engine') AS engine, json_extract(picture, '$.runtime') AS runtime,
    coalesce(json_extract(shot, '$.steps'), 0) AS steps, json_extract(picture, '$.seconds') * 1e6 /
    (json_extract(picture, '$.width_px') * json_extract(picture, '$.height_px')) AS rate
FROM pictures WHERE json_valid(picture) ORDER BY created DESC LIMIT 400
"""


# ------------------------------------------------------------------------------------------------ what it is


def machine(studio: Studio) -> dict[str, Any]:
    """This machine now: quick enough to be asked every few seconds. Bytes."""
    usage, ram = shutil.disk_usage(studio.home), memory()
    return {
        "name": processor(),
        "cores": cores(),
        "memory": ram.model_dump(),
        "disk": {"total_bytes": usage.total, "free_bytes": usage.free},
        "cards": [card.model_dump() for card in cards()],
        "system": _system(),
        "python": platform.python_version(),
        "lockup": __version__,
        "workspace": str(studio.home),
    }


def doctor(studio: Studio) -> dict[str, Any]:
    """Facts about this machine and workspace, and under `findings` what was looked at. Never raises: what is wrong is
    a finding."""
    usage = shutil.disk_usage(studio.home)
    findings = check_up(studio)
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count() or 1,
        "workspace": str(studio.home),
        "free_gb": round(usage.free / 1e9, 1),
        "formats": _counted(studio),
        "layouts": len(load_layouts()),
        "sets": len(load_sets()),
        "presets": str(presets_folder()),
        "executable": sys.executable,
        "findings": [finding.model_dump() for finding in findings],
    }


def bug_report(studio: Studio, findings: tuple[Finding, ...]) -> str:
    """Machine and findings as text to be sent to somebody: no path but the workspace's, and nobody's name in it."""
    now, ram = machine(studio), memory()
    lines = [
        f"Lockup {now['lockup']}, Python {now['python']}, {now['system']}",
        f"{now['name']}, {now['cores']} cores, {ram.total_bytes / 1e9:.0f} GB memory",
        *(f"{card['name']}, {card['memory_bytes'] / 1e9:.0f} GB, driver {card['driver']}" for card in now["cards"]),
        *(
            f"{s.engine} ({s.runtime}), {s.steps} steps: {s.seconds_per_megapixel} s a megapixel"
            for s in speeds(studio)
        ),
        "",
        *(f"[{one.state}] {one.title}: {one.found}" + (f" -> {one.fix}" if one.fix else "") for one in findings),
    ]
    return _without_paths("\n".join(lines), studio.home) + "\n"


def _without_paths(text: str, workspace: Path) -> str:
    """The workspace by its name, other absolute paths by their last part."""
    text = text.replace(str(workspace), "(workspace)").replace(str(Path.home()), "~")
    return re.sub(r"(?<![\w).])(?:~|[A-Za-z]:)?[\\/](?:[^\s,;:'\"\\/]+[\\/])+", "…/", text)


def _counted(studio: Studio) -> int:
    try:
        return len(studio.formats())
    except BadInput:
        return 0


def _system() -> str:
    if sys.platform == "linux":
        try:
            return str(platform.freedesktop_os_release().get("PRETTY_NAME", "Linux"))
        except OSError:
            return f"Linux {platform.release()}"
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    return f"{platform.system()} {platform.release()}"


def _short_name() -> str:
    card = card_at_start()
    return f"{processor()}, {cores()} cores" + (f", {card.name}" if card else "")


def _kept(path: Path) -> Mapping[str, Any] | list[Any]:
    """What a small JSON file of ours holds; nothing where it is missing, damaged or far too large."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return {}
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict | list) else {}
