"""What is handed over: finished ads under the client's names, each checked, with manifest and contact sheets."""

from __future__ import annotations

import csv
import io
import json
import secrets
import shutil
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from PIL import Image
from pydantic import Field

from engines.base import Progress
from studio.desk import export, files
from studio.desk.jobs import Finished
from studio.desk.sheet import SheetAd, contact_pdf, contact_sheet
from studio.errors import BadInput, DeskError
from studio.values import Value

MANIFEST, SHEET, SCORE = "manifest.json", "contact-sheet", "score.csv"
_TAKEN = ("manifest", SHEET, "score")
_KINDS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
_WHEN = (2020, 1, 1, 0, 0, 0)
"""Every entry's date: the same ads give the same ZIP."""


class PackWish(Value):
    """How a pack is made. `pattern` as `export.names` takes it."""

    name: Annotated[str, Field(max_length=120)] = "ads"
    title: Annotated[str, Field(max_length=200)] = ""
    subtitle: Annotated[str, Field(max_length=400)] = ""
    pattern: Annotated[str, Field(max_length=200)] = export.PATTERN
    by_channel: bool = False
    """A folder for each channel, instead of all ads side by side."""
    manifest: bool = True
    sheet_png: bool = True
    sheet_pdf: bool = True
    score: bool = False
    """A table of what was measured, for whoever has to know."""


@dataclass(frozen=True)
class PackAd:
    """A finished ad and the folder its file lies in."""

    out_dir: Path
    item: Finished

    @property
    def path(self) -> Path:
        """Raises `BadInput` when the file would lie outside its folder."""
        path = self.out_dir / self.item.file.file
        if not path.resolve().is_relative_to(self.out_dir.resolve()):
            raise BadInput(f"{self.item.file.file} lies outside its run's folder", "Make the ad again.")
        return path


class Named(Value):
    """An ad's name in the pack. `clashed`: the pattern gave a name that was taken, so it was made longer."""

    ad_id: str
    name: str
    clashed: bool


class Problem(Value):
    """What is wrong with a file. `left_out`: it cannot be handed over at all."""

    ad_id: str
    name: str
    message: str
    hint: str
    left_out: bool = False


class Packed(Value):
    """A finished pack: its file in bytes, the ads in it, and what was found on the way."""

    file: str
    bytes: int
    ads: int
    entries: tuple[str, ...]
    problems: tuple[Problem, ...]


def named(ads: Sequence[PackAd], wish: PackWish) -> list[Named]:
    """Every ad's name in the pack, in order; an ad that was made twice is packed once. Raises `BadInput` for a pattern
    with an unknown field."""
    once = {ad.item.spec.content_id: ad for ad in ads}
    specs = [ad.item.spec for ad in once.values()]
    given = export.names(specs, wish.pattern, _TAKEN)
    listed: list[Named] = []
    for ad_id, ad in once.items():
        plain = export.names([ad.item.spec], wish.pattern)[ad_id]
        suffix = Path(ad.item.file.file).suffix.lower()
        folder = f"{export.sanitised(ad.item.spec.format.channel)}/" if wish.by_channel else ""
        listed.append(Named(ad_id=ad_id, name=f"{folder}{given[ad_id]}{suffix}", clashed=given[ad_id] != plain))
    return listed


def examine(ads: Sequence[PackAd], names: Sequence[Named], progress: Progress) -> list[Problem]:
    """Open and measure every file against its format. Raises `Stopped`."""
    by_id = {ad.item.spec.content_id: ad for ad in ads}
    problems: list[Problem] = []
    for number, one in enumerate(names):
        progress.report(number / max(len(names), 1), f"Checking {number + 1} of {len(names)}")
        problems += _faults(by_id[one.ad_id], one)
    return problems


def write_pack(
    ads: Sequence[PackAd], target: Path, wish: PackWish, fonts: tuple[bytes, bytes], progress: Progress
) -> Packed:
    """Check the ads and write the ZIP whole to `target`. Files that cannot be handed over are left out and listed.

    The same ads and wish give the same bytes. Raises `BadInput` when no ad is left, `DeskError`, `Stopped`.
    """
    names = named(ads, wish)
    problems = examine(ads, names, progress.part(0.0, 0.3))
    broken = {problem.ad_id for problem in problems if problem.left_out}
    by_id = {ad.item.spec.content_id: ad for ad in ads}
    good = [(one.name, by_id[one.ad_id]) for one in names if one.ad_id not in broken]
    if not good:
        raise BadInput("There is no ad to pack", problems[0].message if problems else "Choose at least one.")
    aside = target.with_name(f"{files.ASIDE}{secrets.token_hex(6)}.part")
    scratch = target.with_name(f"{files.ASIDE}{secrets.token_hex(6)}-sheets.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch.mkdir()
        with zipfile.ZipFile(aside, "w", zipfile.ZIP_STORED) as archive:
            for number, (name, ad) in enumerate(sorted(good, key=lambda pair: pair[0])):
                progress.report(0.3 + 0.4 * number / len(good), f"Packing {number + 1} of {len(good)}")
                _add(archive, name, ad.path.read_bytes())
            for name, data in _papers(good, wish, fonts, scratch, progress.part(0.7, 0.3)):
                _add(archive, name, data)
            entries = tuple(archive.namelist())
        files.replace(aside, target)
    except FileNotFoundError as error:
        raise DeskError(f"{Path(error.filename or '').name} is gone; the pack was not made", "Try again.") from error
    except OSError as error:
        raise files.refused(target, error) from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        shutil.rmtree(scratch, ignore_errors=True)
    return Packed(
        file=str(target), bytes=target.stat().st_size, ads=len(good), entries=entries, problems=tuple(problems)
    )


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _WHEN)
    entry.create_system = 3  # the same bytes on every system
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data)


# ------------------------------------------------------------------------------------------------ papers


def _papers(
    good: Sequence[tuple[str, PackAd]], wish: PackWish, fonts: tuple[bytes, bytes], scratch: Path, progress: Progress
) -> list[tuple[str, bytes]]:
    """Contact sheets, manifest and score, as asked for."""
    papers: list[tuple[str, bytes]] = []
    shown = _on_sheet([ad for _, ad in good])
    title, subtitle = wish.title or wish.name, wish.subtitle
    if wish.sheet_pdf:
        progress.report(0.0, "Drawing the contact sheet")
        pdf = contact_pdf(shown, title=title, subtitle=subtitle, heading_font=fonts[0], body_font=fonts[1])
        papers.append((f"{SHEET}.pdf", pdf))
    if wish.sheet_png:
        progress.report(0.5, "Drawing the contact sheet")
        pages = contact_sheet(
            shown, scratch / f"{SHEET}.png", title=title, subtitle=subtitle, heading_font=fonts[0], body_font=fonts[1]
        )
        papers += [(page.name, page.read_bytes()) for page in pages]
    if wish.manifest:
        entries = [{**export.entry(ad.item), "file": name} for name, ad in good]
        document = {"version": 1, "ads": sorted(entries, key=lambda entry: entry["file"])}
        papers.append((MANIFEST, (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()))
    if wish.score:
        papers.append((SCORE, _score_table(good)))
    progress.report(1.0, "Done")
    return papers


def _on_sheet(ads: Sequence[PackAd]) -> list[SheetAd]:
    """The ads for the client's sheet: under their headlines, without scores."""
    titles = {(a.item.spec.campaign, a.item.spec.variant): a.item.spec.words.headline for a in reversed(ads)}
    several = len({campaign for campaign, _ in titles}) > 1
    listed: list[SheetAd] = []
    for ad in sorted(ads, key=lambda one: (one.item.spec.campaign, one.item.spec.variant)):
        spec, file = ad.item.spec, ad.item.file
        headline = titles[spec.campaign, spec.variant]
        group = f"{spec.campaign}   {headline}" if several else headline
        listed.append(
            SheetAd(
                path=str(ad.path), label=spec.format.name, width_px=file.width_px, height_px=file.height_px,
                passed=0, tested=0, group=f"{spec.variant:02d}   {group}".strip(),
            )
        )  # fmt: skip
    return listed


def _score_table(good: Sequence[tuple[str, PackAd]]) -> bytes:
    """One line an ad, as a table that spreadsheets open."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(["file", "format", "width", "height", "bytes", "limit", "passed", "tested", "not passed"])
    for name, ad in sorted(good, key=lambda pair: pair[0]):
        file, fmt = ad.item.file, ad.item.spec.format
        failed = "; ".join(f"{check.id}: {check.message}" for check in file.score.failed)
        cells = [name, fmt.name, file.width_px, file.height_px, file.bytes, fmt.max_bytes or "none"]
        table.writerow([_cell(value) for value in (*cells, file.score.passed, file.score.tested, failed)])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _cell(value: object) -> object:
    # A spreadsheet must not take a headline or a file name for a formula.
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


# ------------------------------------------------------------------------------------------------ checks


def _faults(ad: PackAd, one: Named) -> list[Problem]:
    spec, file = ad.item.spec, ad.item.file

    def problem(message: str, hint: str, left_out: bool = False) -> Problem:
        return Problem(ad_id=one.ad_id, name=one.name, message=message, hint=hint, left_out=left_out)

    again = "Order more like it, or make it again; it is left out of this pack."
    width, height = spec.format.delivered_px
    try:
        size = ad.path.stat().st_size
        with Image.open(ad.path) as image:
            kind, px = _KINDS.get(image.format or "", (image.format or "unknown").lower()), image.size
            if px == (width, height):
                image.load()  # a file that was cut short shows only now
    except FileNotFoundError:
        return [problem("The file is gone", again, left_out=True)]
    except (OSError, ValueError, SyntaxError, BadInput, Image.DecompressionBombError):
        return [problem("The file cannot be opened as a picture", again, left_out=True)]
    found: list[Problem] = []
    if px != (width, height):
        found.append(problem(f"{px[0]} × {px[1]} px; {spec.format.name} is {width} × {height}", "Make the ad again."))
    if kind not in spec.format.files or f".{kind}" != Path(file.file).suffix.lower():
        found.append(
            problem(f"A {kind} file; {spec.format.name} takes {', '.join(spec.format.files)}", "Make it again.")
        )
    if spec.format.max_bytes and size > spec.format.max_bytes:
        most = spec.format.max_bytes
        found.append(problem(f"{size:,} bytes; {spec.format.name} takes {most:,}", "Make the ad again."))
    elif size != file.bytes and not found:
        found.append(problem("The file was changed after it was made", "Make the ad again if that was not meant."))
    if failed := file.score.failed:
        what = "; ".join(check.message for check in failed[:2])
        found.append(problem(f"{len(failed)} of {file.score.tested} checks not passed: {what}", failed[0].fix))
    return found
