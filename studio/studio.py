"""Class `Studio`: every verb the screens and the command line may call. It opens no engine: the worker does, or the
caller hands one in."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.base import EngineError, Enlarged, Progress
from studio import settings
from studio.ad.drift import drift
from studio.ad.foreign import score_picture
from studio.brand.adopt import adopt
from studio.brand.check import Finding, check_kit
from studio.brand.fonts import font_path
from studio.brand.kit import LoadedKit, copy_kit, export_tokens, import_tokens, load_kit
from studio.brand.site.proposals import Proposals
from studio.brand.website import TOKENS, infer
from studio.brief.lists import read_lists
from studio.brief.plan import Plan, Presets, plan
from studio.brief.rows import RowError, Rows, one_row, read_brief, read_rows
from studio.brief.styles import looks_with
from studio.desk import export
from studio.desk.builds import Builds
from studio.desk.drafts import Drafts
from studio.desk.engines import Engines
from studio.desk.jobs import Finished, compose_job, paint_job
from studio.desk.metadata import read_metadata
from studio.desk.queue import Queue
from studio.desk.retouch import Retouch
from studio.desk.sheet import contact_sheet, sheet_ads
from studio.desk.store import Store
from studio.desk.watch import Snapshot, watch
from studio.errors import BadInput, LockupError
from studio.model import Brief, Format
from studio.orders import Failure, Prepared, Report, Wishes, recipes_of
from studio.picture.cut import CutOptions, CutOut, read_strokes
from studio.picture.size import PrintSize, target_px
from studio.pixels import encode_png, read_picture
from studio.presets import load_formats, load_layouts, load_looks, load_sets, pick_formats
from studio.products import Products, ReadyProduct
from studio.results import Score
from studio.shelf import Shelf
from studio.steering import Sources, followed
from studio.values import read_value

Pixels = NDArray[np.uint8]
SHEET_FONTS = (
    "package:font_manrope/files/Manrope-Bold.ttf",
    "package:font_hanken_grotesk/files/HankenGrotesk-Regular.otf",
)
"""The contact sheet's own faces: the same on every machine, whatever the brand's are."""
MOST_ADS = 20_000
"""More are no campaign, but a slip of the hand."""
SHEET_NAME = "contact-sheet.png"


class Studio:
    """One workspace. Cheap to make; holds no picture."""

    def __init__(self, home: Path | None = None, engines: Engines | None = None) -> None:
        self.home = settings.prepare(home or settings.home())
        self.engines = engines or Engines()

    # -------------------------------------------------------------------------------------------- brand

    def kit(self, folder: Path) -> LoadedKit:
        """The kit in a folder. Raises `BadInput` naming the file and what is wrong with it."""
        return load_kit(folder)

    def check(self, folder: Path) -> tuple[Finding, ...]:
        """What is missing, illegible or contradictory in a kit. Raises `BadInput` when it cannot be read at all."""
        return check_kit(load_kit(folder))

    def propose(self, source: str, language: str = "", look: bool = False) -> Proposals:
        """The brand that an address, page, folder, ZIP, logo, photos, PDF or token file shows. `language` is asked of a
        website first; `look` adds a second opinion from a screenshot. Raises `BadInput` with what to do instead."""
        return infer(source, language, look=look)

    def adopt(self, found: Proposals, source: str, folder: Path | None = None) -> LoadedKit:
        """The kit of what `source` showed, in the new `folder`; without one, among the workspace's kits under the
        brand's name, numbered if that is taken. Raises `BadInput`."""
        own = folder is None
        folder = folder or self.shelf.place(found.name.text if found.name else "")
        try:
            if Path(source).suffix.lower() in TOKENS and Path(source).is_file():
                # The whole token file is taken along, not only what a kit has a place for.
                return import_tokens(Path(source), folder)
            return adopt(found, folder)
        except BaseException:
            if own:
                shutil.rmtree(folder, ignore_errors=True)
            raise

    @cached_property
    def store(self) -> Store:
        """The workspace's index and files, open as long as this studio is."""
        return Store(self.home)

    @cached_property
    def shelf(self) -> Shelf:
        """The workspace's kits."""
        return Shelf(self.kits)

    @cached_property
    def drafts(self) -> Drafts:
        """What every open page works on."""
        return Drafts(self.store)

    @cached_property
    def builds(self) -> Builds:
        """Engines being built for painters. Raises `EngineError` where nothing builds any."""
        if self.engines.workshop is None:
            raise EngineError("No engines are built here", "Start Lockup with app.py")
        return Builds(self.home, self.engines.workshop)

    @property
    def kits(self) -> Path:
        """Where the workspace keeps kits: those it made, and snapshots of those it made ads with."""
        return self.home / "kits"

    def import_tokens(self, file: Path, folder: Path) -> LoadedKit:
        """A kit in the new `folder` from another tool's design tokens. Raises `BadInput`."""
        return import_tokens(file, folder)

    def export_tokens(self, kit_folder: Path, file: Path) -> None:
        """A kit's design tokens as one DTCG 2025.10 file. Raises `BadInput` naming what the format cannot hold."""
        export_tokens(kit_folder, file)

    # -------------------------------------------------------------------------------------------- products

    @cached_property
    def retouch(self) -> Retouch:
        """Cut-outs and enlargements of this workspace; engines stay open in it."""
        return Retouch(self.store, self.engines)

    def cut(
        self, picture: Path, options: CutOptions, progress: Progress | None = None, strokes: Path | None = None
    ) -> tuple[CutOut, bool]:
        """A product photo free of its background, and whether that was known already. `strokes` is a picture of the
        photo's size: green where to keep, red where to remove. Raises `BadInput`, `EngineError`, `Stopped`."""
        rgba = read_picture(picture)
        brush = read_strokes(strokes, rgba.shape[:2]) if strokes else None
        return self.retouch.cut(rgba, options, progress or Progress(), brush)

    def enlarge(
        self, picture: Path, size: PrintSize | float, upscaler: str, progress: Progress | None = None
    ) -> tuple[Enlarged, bool]:
        """A picture `size` times as large, or as large as a print needs it, and whether that was known already. One
        that is large enough stays as it is. Raises `BadInput`, `EngineError`, `Stopped`."""
        rgba = read_picture(picture)
        opaque = bool((rgba[..., 3] == 255).all())
        pixels = np.ascontiguousarray(rgba[..., :3]) if opaque else rgba
        target = target_px(rgba.shape[1], rgba.shape[0], size)
        if target == (rgba.shape[1], rgba.shape[0]):
            return Enlarged(pixels, 0.0, "none", "large enough already", 0, 0), False
        return self.retouch.enlarge(pixels, target, upscaler, progress or Progress())

    def product(
        self, picture: Path, cutout: str = "auto", progress: Progress | None = None, strokes: Pixels | None = None
    ) -> ReadyProduct:
        """A product as ads use it, cut out first if it still has its background. `strokes` (H×W of the photo's size,
        `KEEP` and `REMOVE`) mend the cut-out."""
        products = Products(self.retouch, picture.parent, None, cutout, progress or Progress())
        return products.ready(picture, None, strokes)

    def keep(self, product: ReadyProduct) -> Path:
        """The product as a file of the workspace, to be used as it is now."""
        # A margin, so that a product that fills its own rectangle is still seen to be cut out.
        margin = max(product.px) // 50 + 1
        png = encode_png(np.pad(product.product.rgba, ((margin, margin), (margin, margin), (0, 0))))
        return self.retouch.store.blob_path(self.retouch.store.put_blob(png))

    # -------------------------------------------------------------------------------------------- making ads

    def formats(self) -> dict[str, Format]:
        """Every format; a `formats.toml` in the workspace adds to the shipped ones."""
        own = self.home / "formats.toml"
        return load_formats(own if own.is_file() else None)

    def presets(self) -> Presets:
        """Everything a plan may choose from; files of styles in the workspace's `looks` folder are looks too."""
        return self._presets()[0]

    def _presets(self, styles: Path | None = None) -> tuple[Presets, tuple[str, ...]]:
        """With the styles of one more file; and what in any of them could not be read."""
        own = (path for path in (self.home / "looks").glob("*") if path.suffix.lower() in (".csv", ".json"))
        sets = load_sets()
        looks, said = looks_with(load_looks(), tuple(sets), sorted(own), styles)
        return Presets(self.formats(), load_layouts(), sets, looks), said

    def read_brief(self, path: Path) -> Brief:
        """A `brief.toml`. Raises `BadInput` naming the line or field."""
        return read_brief(path)

    def prepare(self, source: Path, kit_folder: Path, wishes: Wishes, progress: Progress | None = None) -> Prepared:
        """Read and plan everything without painting: brief.toml is one campaign, a CSV one a row. Product photos that
        still have their background are cut out; `progress` shows it."""
        if source.suffix.lower() in (".csv", ".tsv"):
            return self.plan(read_rows(source), kit_folder, source.parent, wishes, progress)
        return self.plan(one_row(read_brief(source)), kit_folder, source.parent, wishes, progress)

    def plan(
        self, rows: Rows, kit_folder: Path, beside: Path, wishes: Wishes, progress: Progress | None = None
    ) -> Prepared:
        """Plan briefs whose product paths are relative to `beside`. Among several, one that cannot be planned is
        reported by its line and the rest goes on; a lone one raises what is wrong with it."""
        kit, (presets, unread) = load_kit(kit_folder), self._presets(wishes.styles)
        for role in ("heading", "body"):
            kit.fonts.face(role)
        painter = self.engines.ready(wishes.engine)
        recipes, unlike = recipes_of(painter, wishes)
        places = [beside, beside / "wildcards", self.home / "wildcards"] if recipes.takes_prompt else None
        ads = sum(
            (wishes.count or brief.count) * len(wishes.formats or brief.formats or presets.formats)
            for brief in rows.briefs
        )
        if ads > MOST_ADS:
            raise BadInput(f"These are {ads:,} ads", f"Expected at most {MOST_ADS:,} at once; choose fewer.")
        good: list[Brief] = []
        plans: list[Plan] = []
        looked = wishes.styles is not None or any(brief.look for brief in rows.briefs)
        notes = dict.fromkeys((*unlike, *(unread if looked else ())))
        sources = Sources(beside, kit, self.engines.folders, self.engines.judging(wishes.engine))
        products = Products(self.retouch, beside, wishes.product, wishes.cutout, progress or Progress())
        bad = list(rows.errors)
        for asked, line in zip(rows.briefs, rows.lines, strict=True):
            try:
                brief, left_out = followed(_wished(asked, wishes, presets), sources, painter.capabilities, self.store)
                notes |= dict.fromkeys(left_out)
                choice = replace(presets, lists=_lists(brief, presets, places)) if places else presets
                plans.append(plan(brief, kit.kit, kit.digest, choice, products.facts(brief), recipes))
                good.append(brief)
            except (LockupError, EngineError) as error:
                if len(rows.briefs) == 1:
                    raise
                bad.append(RowError(line=line, message=f"{asked.name}: {error}", hint=error.hint))
        return Prepared(
            tuple(good), tuple(plans), kit, products.all(), tuple(bad), rows.columns, rows.ignored, tuple(notes)
        )

    def start(self, job: Prepared, out_dir: Path) -> str:
        """Put a prepared job on the queue and return its run id. Nothing is painted until a worker takes it."""
        with Store(self.home) as store:
            store.check(out_dir)
            self._keep_kit(store, job.kit)
            shots = {shot.content_id: shot for one in job.plans for shot in one.shots}
            ads = {spec.content_id: spec for one in job.plans for spec in one.ads}
            queue = Queue(store)
            known = sum(store.picture(shot_id) is not None for shot_id in shots)
            request = {"reused": known, "kit": job.kit.kit.name, "briefs": [brief.name for brief in job.briefs]}
            named = export.names(list(ads.values()))
            with store.transaction():
                run_id = queue.add_run(out_dir.resolve(), export.PATTERN, json.dumps(request))
                queue.add_jobs(run_id, [paint_job(shot) for shot in shots.values()])
                queue.add_jobs(run_id, [compose_job(spec, named[ad_id]) for ad_id, spec in ads.items()])
        return run_id

    def _keep_kit(self, store: Store, kit: LoadedKit) -> None:
        """The kit as it was planned with, so that it may change while the ads are made."""
        kept = store.kit_path(kit.digest)
        if kept.is_dir():
            return
        try:
            copy_kit(kit.folder, kept)
        except BadInput:
            if not kept.is_dir():  # else another start was quicker with the same content
                raise
        if load_kit(kept).digest != kit.digest:
            shutil.rmtree(kept, ignore_errors=True)
            raise BadInput(f"The kit {kit.folder.name} changed while the job was planned", "Start again")

    def watch(self, run_id: str) -> Generator[Snapshot]:
        """Keep a worker on the run and yield how far it is. Closing the iterator stops the worker within seconds."""
        with Store(self.home) as store:
            yield from watch(Queue(store), run_id)

    def cancel(self, run_id: str) -> None:
        """What is queued is dropped, what is under way is stopped; finished ads stay."""
        with Store(self.home) as store:
            Queue(store).cancel(run_id)

    def report(self, run_id: str, errors: tuple[RowError, ...] = (), seconds: float = 0.0) -> Report:
        """Gather a run that is over: manifest, contact sheet, drift, what failed."""
        with Store(self.home) as store:
            queue = Queue(store)
            run, rows, finished = queue.run(run_id), queue.rows(run_id), queue.results(run_id)
            fallbacks, unread = queue.fallbacks(run_id), queue.unread(run_id)
        request = json.loads(run.request)
        out_dir = Path(run.out_dir)
        failed = [
            Failure(what=row.name or row.ref, message=row.message, hint=row.hint)
            for row in rows
            if row.state in ("failed", "parked") and row.kind == "compose"
        ]
        failed += [Failure(what=f"line {e.line}" if e.line else "row", message=e.message, hint=e.hint) for e in errors]
        stopped = any(row.state == "cancelled" for row in rows)
        sheet = None
        if finished:
            export.write_manifest(out_dir, run_id, finished, complete=not stopped and not failed)
            try:
                sheet = self._sheet(out_dir, finished, request["kit"], ", ".join(request["briefs"][:4]))
            except LockupError as error:
                failed.append(Failure(what="contact sheet", message=str(error), hint=error.hint))
        paints = [row for row in rows if row.kind == "paint"]
        measured = {
            "paint": sum(row.seconds or 0.0 for row in paints),
            "compose": sum(item.file.seconds for item in finished),
            "score": sum(item.file.score_seconds for item in finished),
            "total": seconds,
        }
        done = sum(row.state == "done" for row in paints)
        return Report(
            run_id=run_id,
            out_dir=out_dir,
            finished=tuple(finished),
            failed=tuple(failed),
            painted=max(done - request["reused"], 0),
            reused=min(request["reused"], done),
            seconds={name: round(value, 2) for name, value in measured.items()},
            drift=drift([item.file.trace for item in finished if item.file.trace]),
            contact_sheet=sheet,
            stopped=stopped,
            fallbacks=fallbacks,
            unread=unread,
        )

    def _sheet(self, out_dir: Path, finished: list[Finished], title: str, subtitle: str) -> Path:
        heading, body = (font_path(name, out_dir).read_bytes() for name in SHEET_FONTS)
        return contact_sheet(
            sheet_ads(out_dir, finished),
            out_dir / SHEET_NAME,
            title=title,
            subtitle=subtitle,
            heading_font=heading,
            body_font=body,
        )[0]

    # -------------------------------------------------------------------------------------------- looking at files

    def score(self, image: Path, kit_folder: Path) -> Score:
        """Fidelity of any picture: what can be measured without knowing how it was made."""
        return score_picture(read_picture(image)[..., :3], image, load_kit(kit_folder), self.formats())

    def read(self, image: Path) -> dict[str, Any]:
        """How a picture of ours was made."""
        return read_metadata(image)


def _lists(brief: Brief, presets: Presets, places: Sequence[Path]) -> dict[str, tuple[str, ...]]:
    """The lists of words that a brief and its look ask for."""
    look = presets.looks.get(brief.look or "")
    texts = (brief.subject, brief.scene, brief.avoid, *((look.scene, look.avoid) if look else ()))
    return read_lists(texts, places)


def timed() -> float:
    """Seconds on a clock that only moves forward."""
    return time.perf_counter()


def _wished(brief: Brief, wishes: Wishes, presets: Presets) -> Brief:
    """The brief with what was asked for over it, and its formats by their full ids."""
    formats = pick_formats(presets.formats, wishes.formats or brief.formats)
    changes: dict[str, Any] = {"formats": tuple(fmt.id for fmt in formats)}
    if wishes.count is not None:
        changes["count"] = wishes.count
    if wishes.seed is not None:
        changes["seed"] = wishes.seed
    return read_value(Brief, {**brief.model_dump(), **changes}, brief.name)
