"""What a run says in the terminal: a bar with time left, a clean end on Ctrl-C, and the summary for `--json`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from engines.base import Progress as Engine
from studio.brand.check import Finding
from studio.brand.kit import LoadedKit
from studio.errors import plain
from studio.orders import Prepared, Report, Wishes
from studio.products import ReadyProduct
from studio.studio import Studio, timed


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


def emit(value: dict[str, Any]) -> None:
    """One JSON object on stdout."""
    print(json.dumps(value, ensure_ascii=False, default=str))


def carry_out(studio: Studio, brief: Path, kit: Path, out: Path | None, wishes: Wishes, as_json: bool) -> bool:
    """Plan, make and report a job; whether all of it was made. Without `out` only the plan is shown."""
    began = timed()
    with cutting() as progress:
        prepared = studio.prepare(brief, kit, wishes, progress)
    if out is None:
        emit(dry_summary(prepared)) if as_json else print(dry_run(prepared))
        return True
    run_id = studio.start(prepared, out)
    stopped = follow(studio, run_id, total=sum(len(plan.ads) for plan in prepared.plans))
    report = studio.report(run_id, prepared.errors, timed() - began)
    if as_json:
        emit(summary(report, prepared.products))
    else:
        print(closing(report, prepared))
    return not (stopped or report.failed or not report.finished)


def pictures(
    studio: Studio, work: Callable[[Studio, Engine], Iterable[dict[str, Any]]], as_json: bool, doing: str
) -> bool:
    """Run a verb that yields a row a picture and say what came of each; whether all went well."""
    rows, stopped = each(lambda progress: work(studio, progress), doing)
    if as_json:
        emit({"pictures": rows, "stopped": stopped})
    else:
        print("\n".join(picture_row(row) for row in rows))
    return not (stopped or any("error" in row for row in rows))


@contextmanager
def cutting() -> Iterator[Engine]:
    """Progress of what is done before a run begins, on stderr: cutting products out."""
    with _bar("") as (_, report):
        yield Engine(report)


def each(work: Callable[[Engine], Iterable[dict[str, Any]]], doing: str) -> tuple[list[dict[str, Any]], bool]:
    """The rows of a verb that goes over pictures, with a bar and time left on stderr; whether Ctrl-C stopped it."""
    rows: list[dict[str, Any]] = []
    with _bar(doing) as (console, report):
        try:
            for row in work(Engine(report)):
                rows.append(row)
        except KeyboardInterrupt:
            console.print("Stopped: what is finished is kept.")
            return rows, True
    return rows, False


@contextmanager
def waiting(doing: str) -> Iterator[None]:
    """A sign of life on stderr while something takes a few seconds."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(doing):
        yield


@contextmanager
def _bar(doing: str) -> Iterator[tuple[Console, Callable[[float, str], None]]]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), TextColumn("{task.fields[note]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(doing, total=1.0, note="", visible=False)
        yield console, lambda done, text: bar.update(task, completed=done, note=text, visible=True)


def summary(report: Report, products: Sequence[ReadyProduct] = ()) -> dict[str, Any]:
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
            "grown": item.file.grown,
            "omitted": list(item.file.omitted),
        }
        for item in report.finished
    ]
    return {
        "ads": ads,
        "products": [product.summary() for product in products],
        "painted": report.painted,
        "reused": report.reused,
        "composed": len(ads),
        "failed": [failure.model_dump() for failure in report.failed],
        "seconds": report.seconds,
        "drift": [check.model_dump() for check in report.drift],
        "contact_sheet": str(report.contact_sheet) if report.contact_sheet else None,
        "stopped": report.stopped,
        "engine_trouble": list(report.fallbacks),
        "words_unknown": list(report.unread),
    }


def span(seconds: float) -> str:
    """A length of time as a person says it."""
    whole = max(round(seconds), 1)
    return f"{whole} s" if whole < 90 else f"{round(whole / 60)} min"


def closing(report: Report, prepared: Prepared) -> str:
    """What a run came to: how much, how true to the brand, what is to be mended, what was not made."""
    passed = sum(item.file.score.passed for item in report.finished)
    tested = sum(item.file.score.tested for item in report.finished)
    lines = [
        f"{ready.path.name} was cut out; only {ready.cut.confidence:.0%} sure: look at it, or mend it with"
        " app.py cutout --strokes"
        for ready in prepared.products
        if ready.cut is not None and ready.doubtful
    ]
    lines += [f"Not used: {note}" for note in prepared.notes]
    lines += [
        f"{_many(len(report.finished), 'ad')} in {report.out_dir}  ({report.seconds['total']:.0f} s;"
        f" {_many(report.painted, 'picture')} painted, {report.reused} reused)",
        f"Brand fidelity: {passed} of {tested} checks passed",
    ]
    for item in report.finished:
        lines += [f"  {item.file.file}: {check.id}: {check.message}  → {check.fix}" for check in item.file.score.failed]
    lines += [f"  {check.id}: {check.message}  → {check.fix}" for check in report.drift if not check.passed]
    lines += [f"Not made: {f.what}: {f.message}" + (f"  → {f.hint}" if f.hint else "") for f in report.failed]
    lines += [f"An engine failed, and pictures were painted without it: {note}" for note in report.fallbacks]
    lines += [f"Words the painter does not know, and left out: {', '.join(report.unread)}"] if report.unread else []
    lines += [f"Contact sheet: {report.contact_sheet}"] if report.contact_sheet else ["No ad was finished."]
    return "\n".join(lines)


def dry_summary(prepared: Prepared) -> dict[str, Any]:
    """The object `make --dry-run --json` prints."""
    return {
        "briefs": [one.model_dump() for one in prepared.briefs],
        "products": [product.summary() for product in prepared.products],
        "columns": prepared.columns,
        "ignored": list(prepared.ignored),
        "errors": [error.model_dump() for error in prepared.errors],
        "notes": list(prepared.notes),
        "shots": [
            {
                "id": shot.content_id,
                "px": [shot.width_px, shot.height_px],
                "set": shot.set_id,
                "seed": shot.seed,
                "engine": shot.engine,
                "steps": shot.steps,
                "prompt": shot.prompt,
                "avoid": shot.avoid,
            }
            for plan in prepared.plans
            for shot in plan.shots
        ],
        "ads": [
            {
                "id": ad.content_id,
                "shot": ad.shot_id,
                "format": ad.format.id,
                "layout": ad.layout,
                "variant": ad.variant,
            }
            for plan in prepared.plans
            for ad in plan.ads
        ],
    }


def dry_run(prepared: Prepared) -> str:
    """What would be made: how a CSV's columns were read, what is wrong with rows, how much there is to do, and the
    words from which each brief's first picture is painted."""
    lines = [f"{column} → {field}" for column, field in prepared.columns.items()]
    lines += [f"{column} → (not used)" for column in prepared.ignored]
    lines += [f"line {error.line}: {error.message}  → {error.hint}" for error in prepared.errors]
    for brief, plan in zip(prepared.briefs, prepared.plans, strict=True):
        lines.append(f"{brief.name}: {_many(len(plan.shots), 'picture')}, {_many(len(plan.ads), 'ad')}")
        lines += [f"  painted by {shot.engine} in {shot.steps} steps" for shot in plan.shots[:1] if shot.prompt]
        lines += [f"  the first from the words: {shot.prompt}" for shot in plan.shots[:1] if shot.prompt]
    lines += [f"Not used: {note}" for note in prepared.notes]
    shots, ads = (sum(len(getattr(plan, kind)) for plan in prepared.plans) for kind in ("shots", "ads"))
    return "\n".join([*lines, f"{_many(shots, 'picture')} to paint, {_many(ads, 'ad')} to make. Nothing was painted."])


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def examined(facts: Mapping[str, Any]) -> str:
    """The machine's facts, then what was looked at, a line each; what is wrong with its remedy."""
    lines = [f"{name:12}{value}" for name, value in facts.items() if name != "findings"]
    for finding in facts["findings"]:
        fix = "" if finding["state"] == "fine" else f"  → {finding['fix']}"
        lines.append(f"{finding['state']:8}{finding['title']}: {finding['found']}{fix}")
    return plain("\n".join(lines))


def findings(found: Sequence[Finding]) -> str:
    """What is to be mended in a kit, a line each."""
    lines = [f"{f.level:8}{f.where}: {f.message}" + (f"  → {f.fix}" if f.fix else "") for f in found]
    errors = sum(f.level == "error" for f in found)
    return plain("\n".join([*lines, f"{len(found)} findings, {errors} errors." if found else "Nothing to mend."]))


def scores(rows: Sequence[dict[str, Any]]) -> str:
    """How true pictures are to a kit, and what to mend in each."""
    lines = []
    for row in rows:
        trouble = f"{row['error']}  → {row['fix']}" if "error" in row else ""
        lines.append(f"{row['file']}: " + (trouble or f"{row['passed']} of {row['tested']}"))
        lines += [f"  {check['id']}: {check['message']}  → {check['fix']}" for check in row.get("failed", ())]
    return "\n".join(lines)


def proposed(found: dict[str, Any], out: Path) -> str:
    """A brand as it was read: what each value is, where it was found, how sure that is; what is missing; what next."""
    lines = [found["name"] or "(no name found)"]
    lines += [found["tagline"]] if found["tagline"] else []
    for colour in found["palette"]:
        lines.append(f"  {colour['role']:11}{colour['hex']:22}{colour['confidence']:>5.0%}  {colour['source']}")
    for part, face in found["fonts"].items():
        kept = "" if face["kept"] else ", named only"
        lines.append(f"  {part:11}{face['family'] + kept:22}{face['confidence']:>5.0%}  {face['source']}")
    for mark in found["logos"]:
        lines.append(f"  {'logo':11}{'for ' + mark['on'] + ' ground':22}{mark['confidence']:>5.0%}  {mark['source']}")
    for words in found["copy"]["headlines"][:3]:
        lines.append(f"  {'headline':11}{words['confidence']:>27.0%}  {words['text']}")
    lines.append(f"  pictures: {len(found['pictures'])}, calls to action: {len(found['copy']['actions'])}")
    lines += [f"Not found: {text}" for text in found["not_found"]]
    lines += [f"Note: {text}" for text in found["warnings"]]
    kit = shlex.quote(str(out))
    lines.append(f"A kit of it is in {out}; all of it is a proposal. Look it over:  app.py brand check {kit}")
    if (out / "brief.toml").is_file():
        brief = shlex.quote(str(out / "brief.toml"))
        lines.append(f"First ads in the site's own words:  app.py make {brief} --kit {kit} --product PHOTO")
    return "\n".join(lines)


def imported(loaded: LoadedKit, out: Path) -> str:
    """What became of another tool's tokens."""
    return plain("\n".join([*(f"Note: {note}" for note in loaded.notes), f"{loaded.kit.name}: a kit is in {out}"]))


def engine_row(entry: Any) -> str:
    """An engine: what it does, whose terms it is under, why it cannot be used, and what mends that."""
    lines = [f"{entry.kind:9} {entry.id:22} {entry.licence:28} {entry.name}"]
    size = f"  ({entry.bytes / 1e9:.1f} GB to fetch)" if entry.fetchable and entry.bytes else ""
    if entry.reason:
        lines.append(f"{'':10}{entry.reason}" + (f"  → {entry.fix}{size}" if entry.fix else size))
    elif entry.fetchable:
        lines.append(f"{'':10}It can do more: python app.py engines fetch {entry.id}{size}")
    return "\n".join(lines)


def kept_row(row: Mapping[str, Any]) -> str:
    """An engine that was built, in two lines."""
    size = f"{row['bytes'] / 1e9:.2f} GB" if row["bytes"] > 1e8 else f"{row['bytes'] / 1e6:.1f} MB"
    sizes = "every size" if row["size"] == "any" else row["size"]
    loras = f", {_many(row['loras'], 'LoRA')} merged in" if row["loras"] else ""
    weights = ", random weights" if row["random_weights"] else ""
    weights += ", of an earlier version: not used any more" if row["stale"] else ""
    return "\n".join([
        f"{row['key'][:12]}  {row['profile']}: {row['graph']} for {sizes}, {size}",
        f"{'':14}{row['runtime']} for {row['target']}, {row['precision']}{loras}{weights};"
        f" built {row['made'][:10]}, last used {row['used'][:10]}",
    ])  # fmt: skip


def picture_row(row: dict[str, Any]) -> str:
    """One line on a picture that was cut out or enlarged, or why it was not."""
    if "error" in row:
        return f"{row['file']}: {row['error']}" + (f"  → {row['fix']}" if row["fix"] else "")
    facts = [f"{row['px'][0]}×{row['px'][1]} px", row["engine"]]
    facts += [f"{row['confidence']:.0%} sure"] if "confidence" in row else []
    facts += [f"flattened on {row['ground']}"] if "ground" in row else []
    facts += ["known already" if row["cached"] else f"{row['seconds']:.1f} s"]
    return f"{row['out']}  ({', '.join(facts)})"
