"""Lockup's command line: the only place that reads arguments, sets up logging and launches."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="lockup",
    help="From a brand kit and a brief to finished, on-brand ads in every format. Without a command: open the studio.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    add_completion=False,
)
brand_app = typer.Typer(help="Read and check brand kits.", no_args_is_help=True)
app.add_typer(brand_app, name="brand")

DEMO = Path(__file__).resolve().parent / "assets" / "demo"
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout; everything else on stderr.")]
Kit = Annotated[Path, typer.Option("--kit", help="Folder of the brand kit.", show_default=False)]
Count = Annotated[int | None, typer.Option(min=1, max=1000, help="Variants.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the ads.")]


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 7860,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
) -> None:
    """Without a command, open the studio in the browser."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    if context.invoked_subcommand is None:
        from studio.ui.page import launch

        launch(host=host, port=port, browser=browser)


@app.command()
def demo(out: Out = Path("out/demo"), json_: Json = False, count: Count = None) -> None:
    """The whole job on the demo brand: kit, brief, ads in every common format, contact sheet."""
    from studio.studio import Wishes

    _make(DEMO / "brief.toml", DEMO / "brand", out, Wishes(count=count), json_)


@app.command()
def make(
    brief: Annotated[Path, typer.Argument(help="brief.toml, or a CSV with one brief a row.", show_default=False)],
    kit: Kit,
    product: Annotated[Path | None, typer.Option(help="Product picture with a transparent background.")] = None,
    out: Out = Path("out/ads"),
    engine: Annotated[str, typer.Option(help="Painter.")] = "stage",
    count: Count = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**31 - 1)] = None,
    formats: Annotated[str, typer.Option(help="Format ids, separated by commas; the brief's when left out.")] = "",
    draft: Annotated[bool, typer.Option("--draft", help="Fewer samples: quicker, a little noisier.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; paint nothing.")] = False,
    json_: Json = False,
) -> None:
    """Make finished ads from a brief and a kit."""
    from engines.catalog import known
    from studio.studio import Wishes

    known(engine)
    chosen = tuple(part.strip() for part in formats.split(",") if part.strip())
    wishes = Wishes(product, engine, count, seed, chosen, 4 if draft else 12)
    if dry_run:
        _dry_run(brief, kit, wishes, json_)
    else:
        _make(brief, kit, out, wishes, json_)


@brand_app.command("check")
def brand_check(kit: Annotated[Path, typer.Argument(help="Folder of the kit.")], json_: Json = False) -> None:
    """List what is missing, illegible or contradictory in a kit."""
    from studio.studio import Studio

    findings = Studio().check(kit)
    if json_:
        _emit({"findings": [finding.model_dump() for finding in findings]})
    for finding in findings if not json_ else ():
        typer.echo(
            f"{finding.level:8}{finding.where}: {finding.message}" + (f"  → {finding.fix}" if finding.fix else "")
        )
    errors = sum(finding.level == "error" for finding in findings)
    if not json_:
        typer.echo("Nothing to mend." if not findings else f"{len(findings)} findings, {errors} errors.")
    if errors:
        raise typer.Exit(1)


@app.command()
def stage(
    set_file: Annotated[Path, typer.Argument(metavar="SET.toml", help="A set, or the id of a shipped one.")],
    out: Annotated[Path, typer.Argument(help="Folder for picture, depth, normals, edges and mask.")],
    kit: Annotated[Path | None, typer.Option(help="Kit whose colours to use; the demo brand's when left out.")] = None,
    product: Annotated[Path | None, typer.Option(help="Product picture to stand in the set.")] = None,
    size: Annotated[str, typer.Option(help="Width×height in pixels.")] = "1024x1024",
    samples: Annotated[int, typer.Option(min=1, max=1024, help="Samples a pixel.")] = 12,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1)] = 1,
    json_: Json = False,
) -> None:
    """Render a set: picture, depth, normals, edges and mask."""
    from engines.catalog import open_painter
    from studio.studio import Studio, View
    from studio.values import read_value

    width, _, height = size.lower().partition("x")
    wanted = {"width_px": width, "height_px": height, "samples": samples, "seed": seed}
    view = read_value(View, wanted, "--size (expected e.g. 1200x628)")
    written = Studio().render_set(open_painter("stage"), set_file, out, kit or DEMO / "brand", product, view)
    if json_:
        _emit(written)
    else:
        typer.echo(f"{written['files']['picture']} and {len(written['files']) - 1} maps in {written['seconds']} s")


@app.command()
def score(
    images: Annotated[list[Path], typer.Argument(help="Pictures, ours or not.")],
    kit: Kit,
    json_: Json = False,
) -> None:
    """Brand fidelity of any picture: passed ÷ tested, with what to mend."""
    from studio.errors import LockupError
    from studio.studio import Studio

    studio, rows, bad = Studio(), [], False
    for image in images:
        try:
            result = studio.score(image, kit)
        except LockupError as error:
            if len(images) == 1:
                raise
            bad = True
            rows.append({"file": str(image), "error": str(error), "fix": error.hint})
            continue
        failed = [check.model_dump() for check in result.failed]
        rows.append({"file": str(image), "passed": result.passed, "tested": result.tested, "failed": failed})
    if json_:
        _emit({"scores": rows})
    for row in rows if not json_ else ():
        trouble = f"{row['error']}  → {row['fix']}" if "error" in row else ""
        typer.echo(f"{row['file']}: " + (trouble or f"{row['passed']} of {row['tested']}"))
        for check in row.get("failed", ()):
            typer.echo(f"  {check['id']}: {check['message']}  → {check['fix']}")
    if bad:
        raise typer.Exit(1)


@app.command()
def read(image: Path, json_: Json = False) -> None:
    """How a picture was made."""
    from studio.studio import Studio

    facts = Studio().read(image)
    if json_:
        _emit(facts)
    else:
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))


@app.command()
def doctor(json_: Json = False) -> None:
    """Check this machine and the workspace."""
    from engines import catalog
    from studio.studio import Studio

    facts = Studio().doctor() | {"engines": {name: why or "ready" for name, why in catalog.check().items()}}
    if json_:
        _emit(facts)
    for name, value in facts.items() if not json_ else ():
        typer.echo(f"{name:12}{value}")


@app.command()
def worker(
    home: Annotated[Path | None, typer.Option(help="Workspace folder.")] = None,
    run: Annotated[str, typer.Option(help="Only this run.")] = "",
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when nothing is left to do.")] = False,
    watched: Annotated[bool, typer.Option("--watched", help="End when standard input closes.")] = False,
    name: Annotated[str, typer.Option(help="Name in the queue.")] = "",
) -> None:
    """Do what is on the queue. The studio starts one by itself."""
    from engines.catalog import open_painter
    from studio import settings
    from studio.desk.hands import StudioHands
    from studio.desk.worker import run_worker

    raise typer.Exit(
        run_worker(
            settings.prepare(home or settings.home()),
            lambda store: StudioHands(store, open_painter),
            until_idle=until_idle,
            run_id=run or None,
            name=name,
            watched=watched,
        )
    )


# ------------------------------------------------------------------------------------------------ the main job


def _make(brief: Path, kit: Path, out: Path, wishes: Any, as_json: bool) -> None:
    from studio.console import follow, summary
    from studio.studio import Studio, timed

    began = timed()
    studio = Studio()
    prepared = studio.prepare(brief, kit, wishes)
    run_id = studio.start(prepared, out)
    stopped = follow(studio, run_id, total=sum(len(plan.ads) for plan in prepared.plans))
    report = studio.report(run_id, prepared.errors, timed() - began)
    if as_json:
        _emit(summary(report))
    else:
        typer.echo(_closing(report))
    if stopped or report.failed or not report.finished:
        raise typer.Exit(1)


def _closing(report: Any) -> str:
    passed = sum(item.file.score.passed for item in report.finished)
    tested = sum(item.file.score.tested for item in report.finished)
    lines = [
        f"{len(report.finished)} ads in {report.out_dir}  ({report.seconds['total']:.0f} s; {report.painted} pictures"
        f" painted, {report.reused} reused)",
        f"Brand fidelity: {passed} of {tested} checks passed",
    ]
    for item in report.finished:
        lines += [f"  {item.file.file}: {check.id}: {check.message}  → {check.fix}" for check in item.file.score.failed]
    lines += [f"  {check.id}: {check.message}  → {check.fix}" for check in report.drift if not check.passed]
    lines += [f"Not made: {f.what}: {f.message}" + (f"  → {f.hint}" if f.hint else "") for f in report.failed]
    lines += [f"Contact sheet: {report.contact_sheet}"] if report.contact_sheet else ["No ad was finished."]
    return "\n".join(lines)


def _dry_run(brief: Path, kit: Path, wishes: Any, as_json: bool) -> None:
    from studio.studio import Studio

    prepared = Studio().prepare(brief, kit, wishes)
    shots = [shot for plan in prepared.plans for shot in plan.shots]
    ads = [spec for plan in prepared.plans for spec in plan.ads]
    if as_json:
        _emit(
            {
                "briefs": [one.model_dump() for one in prepared.briefs],
                "columns": prepared.columns,
                "ignored": list(prepared.ignored),
                "errors": [error.model_dump() for error in prepared.errors],
                "shots": [
                    {"id": s.content_id, "px": [s.width_px, s.height_px], "set": s.set_id, "seed": s.seed}
                    for s in shots
                ],
                "ads": [
                    {
                        "id": a.content_id,
                        "shot": a.shot_id,
                        "format": a.format.id,
                        "layout": a.layout,
                        "variant": a.variant,
                    }
                    for a in ads
                ],
            }
        )
        return
    for column, field in prepared.columns.items():
        typer.echo(f"{column} → {field}")
    for column in prepared.ignored:
        typer.echo(f"{column} → (not used)")
    for error in prepared.errors:
        typer.echo(f"line {error.line}: {error.message}  → {error.hint}")
    for one, plan in zip(prepared.briefs, prepared.plans, strict=True):
        typer.echo(f"{one.name}: {len(plan.shots)} pictures, {len(plan.ads)} ads")
    typer.echo(f"{len(shots)} pictures to paint, {len(ads)} ads to make. Nothing was painted.")


def _emit(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


def run() -> None:
    """Run the command line; expected trouble becomes one line and a fix, never a traceback."""
    try:
        app()
    except Exception as error:
        from engines.base import EngineError
        from studio.errors import LockupError

        if not isinstance(error, LockupError | EngineError):
            raise
        print(f"{error}" + (f"\n→ {error.hint}" if error.hint else ""), file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    run()
