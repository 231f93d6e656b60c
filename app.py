"""Lockup's command line: the only place that reads arguments, sets up logging and launches."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

app = typer.Typer(
    name="lockup",
    help="From a brand kit and a brief to finished, on-brand ads in every format. Without a command: open the studio.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    add_completion=False,
)
brand_app = typer.Typer(help="Read a brand, import and export its tokens, check kits.", no_args_is_help=True)
app.add_typer(brand_app, name="brand")


class _Engines(TyperGroup):
    """The commands of `studio.engine_commands`, loaded when one is asked for: help of all must not wait for them."""

    def _commands(self) -> Any:
        from studio.engine_commands import engines_app

        return typer.main.get_group(engines_app)

    def list_commands(self, ctx: Any) -> list[str]:
        return self._commands().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return self._commands().get_command(ctx, cmd_name)


engines_app = typer.Typer(cls=_Engines, help="List engines, fetch models, build and measure.", no_args_is_help=True)
app.add_typer(engines_app, name="engines")

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
    password: Annotated[str, typer.Option(envvar="LOCKUP_PASSWORD", help="Made up where others can reach it.")] = "",
    mcp: Annotated[bool, typer.Option("--mcp", help="Offer the verbs as MCP tools too.")] = False,
) -> None:
    """Without a command, open the studio in the browser."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    if context.invoked_subcommand is None:
        from studio.ui.page import launch

        launch(_studio(), host=host, port=port, browser=browser, password=password, mcp=mcp)


@app.command()
def demo(out: Out = Path("out/demo"), json_: Json = False, count: Count = None) -> None:
    """The whole job on the demo brand: kit, brief, ads in every common format, contact sheet."""
    from studio.orders import Wishes

    _make(DEMO / "brief.toml", DEMO / "brand", out, Wishes(count=count), json_)


@app.command()
def make(
    brief: Annotated[Path, typer.Argument(help="brief.toml, or a CSV with one brief a row.", show_default=False)],
    kit: Kit,
    product: Annotated[Path | None, typer.Option(help="Product photo; cut out first if it has a background.")] = None,
    out: Out = Path("out/ads"),
    engine: Annotated[str, typer.Option(help="Painter.")] = "stage",
    count: Count = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**31 - 1)] = None,
    formats: Annotated[str, typer.Option(help="Format ids, separated by commas; the brief's when left out.")] = "",
    upscaler: Annotated[
        str, typer.Option(help="What grows pictures for large formats: light, lanczos, best.")
    ] = "light",
    cutout_: Annotated[str, typer.Option("--cutout", help="What cuts a product photo out: auto, builtin …")] = "auto",
    effort: Annotated[str, typer.Option(help="quick, normal or quality: how thoroughly it is painted.")] = "normal",
    draft: Annotated[bool, typer.Option("--draft", help="The same as --effort quick.")] = False,
    styles: Annotated[Path | None, typer.Option(help="Another tool's styles.csv, as looks for this brief.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; paint nothing.")] = False,
    json_: Json = False,
) -> None:
    """Make finished ads from a brief and a kit."""
    from engines.catalog import usable
    from studio.orders import Wishes, read_effort

    usable(upscaler, "upscaler", _folders())
    chosen = tuple(part.strip() for part in formats.split(",") if part.strip())
    how = read_effort("quick" if draft else effort)
    wishes = Wishes(product, engine, count, seed, chosen, None, upscaler, cutout_, how, styles)
    _make(brief, kit, None if dry_run else out, wishes, json_)


@brand_app.command("check")
def brand_check(kit: Annotated[Path, typer.Argument(help="Folder of the kit.")], json_: Json = False) -> None:
    """List what is missing, illegible or contradictory in a kit."""
    from studio.console import findings
    from studio.studio import Studio

    found = Studio().check(kit)
    _emit({"findings": [finding.model_dump() for finding in found]}) if json_ else typer.echo(findings(found))
    _end(not any(finding.level == "error" for finding in found))


@brand_app.command("infer")
def brand_infer(
    site: Annotated[str, typer.Argument(help="An address, a saved page, folder or ZIP, a logo, photos, a PDF.")],
    out: Annotated[Path, typer.Option("--out", help="New folder for the kit.", show_default=False)],
    language: Annotated[str, typer.Option(help="Language to ask the site for, e.g. de.")] = "",
    look: Annotated[bool, typer.Option("--look", help="Also look at a screenshot, in your Chromium.")] = False,
    json_: Json = False,
) -> None:
    """Read a brand from what a client has: every value a proposal with its source and how sure it is."""
    from studio.batch import infer_kit
    from studio.console import proposed, waiting
    from studio.studio import Studio

    with waiting(f"Reading {site}"):
        found = infer_kit(Studio(), site, out, language, look)
    _emit(found) if json_ else typer.echo(proposed(found, out))


@brand_app.command("import")
def brand_import(
    tokens: Annotated[Path, typer.Argument(help="Tokens: DTCG, Tokens Studio, Style Dictionary; JSON or JSON5.")],
    out: Annotated[Path, typer.Option("--out", help="New folder for the kit.", show_default=False)],
    json_: Json = False,
) -> None:
    """Make a kit of another tool's design tokens."""
    from studio.console import imported
    from studio.studio import Studio

    loaded = Studio().import_tokens(tokens, out)
    facts = {"kit": str(out), "brand": loaded.kit.model_dump(mode="json"), "notes": list(loaded.notes)}
    _emit(facts) if json_ else typer.echo(imported(loaded, out))


@brand_app.command("export")
def brand_export(
    kit: Annotated[Path, typer.Argument(help="Folder of the kit.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="The file to write, e.g. brand.tokens.json.", show_default=False)],
    json_: Json = False,
) -> None:
    """Write a kit's design tokens as one DTCG 2025.10 file, for other tools."""
    from studio.studio import Studio

    Studio().export_tokens(kit, out)
    _emit({"file": str(out)}) if json_ else typer.echo(f"{out}: design tokens, DTCG 2025.10")


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
    from studio.orders import read_view
    from studio.sets import render_set

    view = read_view(size, samples, seed)
    written = render_set(_studio(), open_painter("stage"), set_file, out, kit or DEMO / "brand", product, view)
    said = f"{written['files']['picture']} and {len(written['files']) - 1} maps in {written['seconds']} s"
    _emit(written) if json_ else typer.echo(said)


@app.command()
def cutout(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A photo, or a folder of them.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="PNG, WebP, TIFF or JPEG; a folder when IN is one.", show_default=False)],
    engine: Annotated[str, typer.Option(help="auto, builtin, a model's name, or an ONNX file.")] = "auto",
    shadow: Annotated[bool, typer.Option("--shadow", help="Also the soft shadow, as a layer of its own.")] = False,
    straighten: Annotated[bool, typer.Option("--straighten", help="Turn a tilted product upright.")] = False,
    trim: Annotated[bool, typer.Option(help="Down to the product's own size.")] = True,
    ground: Annotated[str | None, typer.Option(metavar="COLOUR", help="Flatten on this colour.")] = None,
    strokes: Annotated[
        Path | None, typer.Option(help="A picture of the photo's size: green where to keep, red where to remove.")
    ] = None,
    licence: Annotated[str, typer.Option(help="The licence of a model file, once you have read it.")] = "",
    json_: Json = False,
) -> None:
    """Free a product from its background."""
    from studio.batch import cut_files, cut_wishes

    wanted = {"engine": engine, "shadow": shadow, "straighten": straighten, "trim": trim}
    wishes = cut_wishes(wanted, ground, strokes)
    _files(lambda studio, progress: cut_files(studio, source, out, wishes, progress), json_, "Cutting out", licence)


@app.command()
def upscale(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A picture, or a folder of them.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="The file to write; a folder when IN is one.", show_default=False)],
    scale: Annotated[
        float | None, typer.Option(help="How many times as wide and high; 2 when nothing is said.")
    ] = None,
    mm: Annotated[
        str | None, typer.Option(help="Printed width×height in mm, e.g. 210x297; only as far as needed.")
    ] = None,
    dpi: Annotated[int | None, typer.Option(help="Pixels an inch of the print; 300 when nothing is said.")] = None,
    bleed: Annotated[float, typer.Option(help="Bleed of the print in mm.")] = 0.0,
    engine: Annotated[str, typer.Option(help="light, lanczos, best, or a model file.")] = "light",
    licence: Annotated[str, typer.Option(help="The licence of a model file, once you have read it.")] = "",
    json_: Json = False,
) -> None:
    """Enlarge a picture: by a factor, or as far as a print needs it."""
    from studio.batch import enlarge_files, wanted_size

    size = wanted_size(scale, mm, dpi, bleed)
    _files(
        lambda studio, progress: enlarge_files(studio, source, out, size, engine, progress), json_, "Enlarging", licence
    )


@app.command()
def control(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A photo or a drawing.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="The PNG to write.", show_default=False)],
    kind: Annotated[str, typer.Option(help="edges, softedge, lineart, depth, pose, or drawing.")] = "edges",
    detail: Annotated[float, typer.Option(min=0, max=1, help="From great forms only to every seam.")] = 0.5,
    invert: Annotated[bool, typer.Option("--invert", help="For black lines on white.")] = False,
    json_: Json = False,
) -> None:
    """Read a map that painters can follow out of a photo."""
    from studio.maps import write_map

    said = write_map(_studio().engines, source, out, kind, detail, invert)
    _emit(said) if json_ else typer.echo(f"{out}: {kind}")


@app.command()
def score(
    images: Annotated[list[Path], typer.Argument(help="Pictures, ours or not.")],
    kit: Kit,
    json_: Json = False,
) -> None:
    """Brand fidelity of any picture: passed ÷ tested, with what to mend."""
    from studio.batch import score_files
    from studio.console import scores
    from studio.studio import Studio

    rows = score_files(Studio(), images, kit)
    _emit({"scores": rows}) if json_ else typer.echo(scores(rows))
    _end(not any("error" in row for row in rows))


@app.command()
def read(image: Path, json_: Json = False) -> None:
    """How a picture was made."""
    from studio.studio import Studio

    facts = Studio().read(image)
    _emit(facts) if json_ else typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))


@app.command()
def doctor(json_: Json = False) -> None:
    """Check this machine and the workspace."""
    from engines import catalog
    from studio.console import examined
    from studio.machine import doctor as examine

    ready = {name: why or "ready" for name, why in catalog.check().items()}
    facts: dict[str, Any] = {**examine(_studio()), "engines": ready}
    _emit(facts) if json_ else typer.echo(examined(facts))
    _end(not any(finding["state"] == "broken" for finding in facts["findings"]))


@app.command()
def endpoints(
    url: Annotated[str, typer.Option(help="Where the studio is open.")] = "http://127.0.0.1:7860",
) -> None:
    """How other programs call the running studio: every verb, with examples."""
    from studio.ui.api import reference

    typer.echo(reference(url))


@app.command()
def worker(
    home: Annotated[Path | None, typer.Option(help="Workspace folder.")] = None,
    run: Annotated[str, typer.Option(help="Only this run.")] = "",
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when nothing is left to do.")] = False,
    watched: Annotated[bool, typer.Option("--watched", help="End when standard input closes.")] = False,
    name: Annotated[str, typer.Option(help="Name in the queue.")] = "",
) -> None:
    """Do what is on the queue. The studio starts one by itself."""
    from studio import settings
    from studio.desk.hands import hands
    from studio.desk.worker import run_worker

    raise typer.Exit(
        run_worker(
            settings.prepare(home or settings.home()),
            lambda store: hands(store, _engines(_folders(store.home))),
            until_idle=until_idle,
            run_id=run or None,
            name=name,
            watched=watched,
        )
    )


def _files(work: Any, as_json: bool, doing: str, licence: str = "") -> None:
    """Run a verb that yields a row a picture; say what came of each."""
    from studio.console import pictures

    _end(pictures(_studio(licence), work, as_json, doing))


def _make(brief: Path, kit: Path, out: Path | None, wishes: Any, as_json: bool) -> None:
    from studio.console import carry_out

    _end(carry_out(_studio(), brief, kit, out, wishes, as_json))


def _end(well: bool) -> None:
    if not well:
        raise typer.Exit(1)


def _studio(licence: str = "") -> Any:
    """The workspace with its engines; none is loaded before it is used."""
    from studio.studio import Studio

    return Studio(engines=_engines(_folders(), licence))


def _engines(folders: tuple[Path, ...], licence: str = "") -> Any:
    from engines import catalog
    from engines.accelerate.workshop import Workshop
    from studio import settings
    from studio.desk.engines import Engines

    home = settings.home()
    workshop = Workshop(home / "engines", folders)
    return Engines(**catalog.doors(folders, home / "models", licence), workshop=workshop, folders=folders)


def _folders(home: Path | None = None) -> tuple[Path, ...]:
    """Where models are looked for: the folders of LOCKUP_MODELS, then the workspace's own."""
    from engines.weights import model_folders
    from studio import settings

    return model_folders((home or settings.home()) / "models")


def _emit(value: dict[str, Any]) -> None:
    from studio.console import emit

    emit(value)


def run() -> None:
    """Run the command line; expected trouble becomes one line and a fix, never a traceback."""
    try:
        app()
    except Exception as error:
        from engines.base import EngineError
        from studio.errors import LockupError, plain

        if not isinstance(error, LockupError | EngineError):
            raise
        print(plain(f"{error}" + (f"\n→ {error.hint}" if error.hint else "")), file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    run()
