"""`app.py engines …`: list, fetch, build and measure engines. Loaded by the command line when it is asked for."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from engines.base import EngineError, Progress
from studio import settings
from studio.console import cutting, emit, engine_row, kept_row, span
from studio.desk.builds import left_of
from studio.values import read_value

engines_app = typer.Typer(add_completion=False)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout; everything else on stderr.")]
Random = Annotated[bool, typer.Option("--random-weights", help="A rehearsal: full size, without the real weights.")]
Sizes = Annotated[list[str] | None, typer.Option("--size", help="Width×height, e.g. 1024x1024; again for more.")]
Parts = Annotated[list[str] | None, typer.Option("--part", help="unet, controlnet, vae_decoder …; again for more.")]
Loras = Annotated[
    list[str] | None, typer.Option("--lora", help="A LoRA to merge, FILE or FILE=WEIGHT; again for more.")
]


@engines_app.command("list")
def engines_list(json_: Json = False) -> None:
    """Every engine: what it does, whose terms it is under, and why it cannot be used if it cannot."""
    from engines.catalog import listed

    entries = [entry for kind in ("painter", "cutout", "upscaler", "annotator") for entry in listed(kind, _folders())]
    told = [{k: v for k, v in vars(entry).items() if k not in ("factory", "capabilities")} for entry in entries]
    emit({"engines": told}) if json_ else typer.echo("\n".join(engine_row(entry) for entry in entries))


@engines_app.command("fetch")
def engines_fetch(
    name: Annotated[str, typer.Argument(help="A model of `engines list`.", show_default=False)],
    accept: Annotated[
        str, typer.Option("--accept", help="The names of its licences, with commas between, once read.")
    ] = "",
    json_: Json = False,
) -> None:
    """Download what an engine needs, check it, and keep it in the workspace. Taken up again where it broke off."""
    from engines import catalog

    with cutting() as progress:
        path = catalog.doors(_folders(), settings.home() / "models")["fetch"](name, accept, progress)
    emit({"engine": name, "file": str(path)}) if json_ else typer.echo(f"{name} is ready: {path}")


@engines_app.command("build")
def engines_build(  # noqa: PLR0913, PLR0917
    profile: Annotated[str, typer.Argument(help="A painter of `engines list`.", show_default=False)],
    runtime: Annotated[str, typer.Option(help="tensorrt or onnx.")] = "tensorrt",
    target: Annotated[str, typer.Option(help="The card it is for: this, rtx-4090 …; built without it too.")] = "this",
    size: Sizes = None,
    part: Parts = None,
    lora: Loras = None,
    random_weights: Random = False,
    effort: Annotated[
        str, typer.Option(help="The effort whose network it is for: quick, normal or quality.")
    ] = "normal",
    json_: Json = False,
) -> None:
    """Build what makes a painter quicker, for this card or another one. Pictures go on meanwhile."""
    from engines.accelerate.commands import row_said
    from studio.desk.builds import Builds, Order

    wishes = {
        "painter": profile, "runtime": runtime, "target": target, "sizes": size or (), "parts": part or (),
        "loras": lora or (), "random_weights": random_weights, "effort": effort,
    }  # fmt: skip
    order = read_value(Order, wishes, "engines build")
    builds = Builds(settings.prepare(settings.home()), _workshop())
    rows: list[dict[str, Any]] = []

    def there(row: dict[str, Any]) -> None:
        rows.append(row)
        if not json_:
            typer.echo(row_said(row))

    stopped = False
    try:
        with _long_work(builds.expected(order)) as progress:
            builds.run(order, progress, there)
    except KeyboardInterrupt:
        stopped = True
        typer.echo("Stopped: engines that are whole are kept.", err=True)
    if json_:
        emit({"built": rows, "stopped": stopped})
    if stopped:
        raise typer.Exit(1)


@engines_app.command("built")
def engines_built(json_: Json = False) -> None:
    """Every engine that was built: for which painter, card and size, how large it is, when it was last used."""
    workshop = _workshop()
    rows, most = workshop.kept(), workshop.limit_bytes
    total = sum(row["bytes"] for row in rows)
    if json_:
        emit({"engines": rows, "bytes": total, "limit_bytes": most})
    elif rows:
        typer.echo("\n".join([*map(kept_row, rows), f"{total / 1e9:.2f} of {most / 1e9:.0f} GB set aside for engines"]))
    else:
        typer.echo("No engine is built.  → python app.py engines build PAINTER")


@engines_app.command("remove")
def engines_remove(
    key: Annotated[str, typer.Argument(help="How the engine's key begins; see `engines built`.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Every engine that was built.")] = False,
    json_: Json = False,
) -> None:
    """Delete engines. They can be built again; weights stay."""
    workshop = _workshop()
    if bool(key) == everything:
        raise EngineError("Which engine is not said", "Name its key, or all of them with --all.")
    gone = [row["key"] for row in workshop.kept()] if everything else [key]
    freed = sum(map(workshop.remove, gone))
    said = {"removed": gone, "bytes": freed}
    emit(said) if json_ else typer.echo(f"{len(gone)} removed, {freed / 1e9:.2f} GB free again")


@engines_app.command("bench")
def engines_bench(
    profile: Annotated[str, typer.Argument(help="A painter; the first that can paint when left out.")] = "",
    rounds: Annotated[int, typer.Option(min=2, max=1000, help="How often each way paints.")] = 9,
    size: Annotated[str, typer.Option(help="Width×height in multiples of 64; 1024x1024 when left out.")] = "",
    effort: Annotated[str, typer.Option(help="quick, normal or quality.")] = "normal",
    card: Annotated[str, typer.Option(help="Hold the times against this card's floor, e.g. rtx-4090.")] = "",
    watts: Annotated[float, typer.Option(min=0, help="What the machine draws, where it is not measured.")] = 0.0,
    kwh: Annotated[
        float | None, typer.Option("--price-kwh", min=0, help="Price of a kWh, for the cost of 1,000 pictures.")
    ] = None,
    json_: Json = False,
) -> None:
    """Measure a painter: the stock pipeline, ours, ours on engines, in turn. Prints nothing the hardware cannot do."""
    from engines.accelerate.commands import BenchWishes, Shelf, run_bench

    workshop, wishes = _workshop(), BenchWishes(rounds, size, effort, card, watts, kwh)
    try:
        with _long_work() as progress:
            report = run_bench(profile, wishes, Shelf(workshop.engines, workshop.models), progress)
    except KeyboardInterrupt:
        typer.echo("Stopped: nothing was measured.", err=True)
        raise typer.Exit(1) from None
    told = report.told()
    workshop.keep_measured(told)
    emit(told) if json_ else typer.echo(report.table())
    if not any(way["seconds"] for way in report.ways):
        raise typer.Exit(1)


@contextmanager
def _long_work(expected: float = 0.0) -> Iterator[Progress]:
    """Progress with the time left on stderr: a bar where a person looks on, else a line for everything that begins. It
    may be known how many seconds are to be `expected`."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    for said in ("TRANSFORMERS_VERBOSITY", "DIFFUSERS_VERBOSITY"):  # their advice is for programmers
        os.environ.setdefault(said, "error")
    os.environ.setdefault("TQDM_DISABLE", "1")
    console, began, last = Console(stderr=True), time.monotonic(), [""]
    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TextColumn("{task.fields[note]}"))
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("", total=1.0, note="Starting")

        def report(done: float, text: str) -> None:
            left = left_of(time.monotonic() - began, done, expected)
            note = " · ".join(filter(None, (f"about {span(left)} left" if left else "", text)))
            bars.update(task, completed=done, note=note)
            if text and text != last[0] and not console.is_terminal:
                print(text, file=sys.stderr, flush=True)
            last[0] = text or last[0]

        yield Progress(report)


def _workshop() -> Any:
    from engines.accelerate.workshop import Workshop

    return Workshop(settings.home() / "engines", _folders())


def _folders() -> tuple[Path, ...]:
    """Where models are looked for: the folders of LOCKUP_MODELS, then the workspace's own."""
    from engines.weights import model_folders

    return model_folders(settings.home() / "models")
