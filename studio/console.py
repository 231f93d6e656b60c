"""What a run says in the terminal: a bar with time left, a clean end on Ctrl-C, and the summary for `--json`."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from studio.studio import Report, Studio


def follow(studio: Studio, run_id: str, total: int) -> bool:
    """Watch a run to its end, showing how far it is on stderr. True when the designer stopped it with Ctrl-C."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.fields[ads]}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0, ads=f"0 of {total} ads", note="starting")
        watching = studio.watch(run_id)
        try:
            for now in watching:
                left = f"about {span(now.seconds_left)} left" if now.seconds_left is not None else ""
                note = " · ".join(part for part in (left, now.text) if part)
                bar.update(task, completed=now.fraction, ads=f"{now.finished} of {total} ads", note=note)
        except KeyboardInterrupt:
            console.print("Stopping: finished ads are kept.")
            studio.cancel(run_id)
            watching.close()
            return True
    return False


def summary(report: Report) -> dict[str, Any]:
    """The object `make --json` and `demo --json` print."""
    ads = [
        {
            "file": str(report.out_dir / item.file.file),
            "format": item.file.format_id,
            "width_px": item.file.width_px,
            "height_px": item.file.height_px,
            "bytes": item.file.bytes,
            "score": {
                "passed": item.file.score.passed,
                "tested": item.file.score.tested,
                "failed": [
                    {"id": c.id, "value": c.value, "limit": c.limit, "message": c.message, "fix": c.fix}
                    for c in item.file.score.failed
                ],
            },
            "shot": item.file.shot_id,
            "ad": item.file.ad_id,
            "painter": item.file.painter,
            "omitted": list(item.file.omitted),
        }
        for item in report.finished
    ]
    return {
        "ads": ads,
        "painted": report.painted,
        "reused": report.reused,
        "composed": len(ads),
        "failed": [failure.model_dump() for failure in report.failed],
        "seconds": report.seconds,
        "drift": [check.model_dump() for check in report.drift],
        "contact_sheet": str(report.contact_sheet) if report.contact_sheet else None,
        "stopped": report.stopped,
    }


def span(seconds: float) -> str:
    """A length of time as a person says it."""
    whole = max(round(seconds), 1)
    return f"{whole} s" if whole < 90 else f"{round(whole / 60)} min"
