"""Cut-outs and enlargements of a file or a whole folder, written as files, one row of facts a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.base import EngineError, Progress
from studio.brand.adopt import as_found
from studio.color import css_hex
from studio.desk.files import write_whole
from studio.desk.pictures import KINDS, encode_picture
from studio.errors import BadInput, LockupError
from studio.picture.cut import CutOptions, on_ground
from studio.picture.size import PrintSize
from studio.studio import Studio
from studio.values import read_value

Pixels = NDArray[np.uint8]
READABLE = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".avif")
WHITE = "#ffffff"


@dataclass(frozen=True)
class CutWishes:
    """How cut-outs are wanted. `ground_hex` flattens them on a colour; a JPEG without one gets white."""

    options: CutOptions = field(default_factory=CutOptions)
    ground_hex: str | None = None
    strokes: Path | None = None


def cut_wishes(options: dict[str, Any], ground: str | None, strokes: Path | None) -> CutWishes:
    """Wishes from options by name and any CSS colour for the ground. Raises `BadInput`."""
    return CutWishes(read_value(CutOptions, options, "cutout"), css_hex(ground) if ground else None, strokes)


def cut_files(
    studio: Studio, source: Path, out: Path, wishes: CutWishes, progress: Progress
) -> Iterator[dict[str, Any]]:
    """Cut out a picture, or every one of a folder; yields a row a picture, with `error` and `fix` where it failed."""
    if wishes.strokes is not None and source.is_dir():
        raise BadInput("Strokes belong to one picture", "Give the picture itself instead of its folder")

    def one(file: Path, target: Path, share: Progress) -> dict[str, Any]:
        cut, cached = studio.cut(file, wishes.options, share.part(0, 0.9), wishes.strokes)
        flat = wishes.ground_hex or (WHITE if _kind(target) == "jpg" else None)
        pixels = on_ground(cut.rgba, flat, cut.shadow) if flat else cut.rgba
        about = {"confidence": round(cut.confidence, 3), "engine": cut.engine, "runtime": cut.runtime} | dict(cut.facts)
        write_whole(target, encode_picture(pixels, _kind(target), {"cutout": about}))
        row = {"px": [pixels.shape[1], pixels.shape[0]], **about, "seconds": round(cut.seconds, 2), "cached": cached}
        if flat:
            row["ground"] = flat
        if cut.shadow is not None and not flat:
            layer = np.dstack([np.zeros((*cut.shadow.shape, 3), np.uint8), cut.shadow])
            beside = target.with_name(f"{target.stem}-shadow.png")
            write_whole(beside, encode_picture(layer, "png", {"layer": "shadow"}))
            row["shadow"] = str(beside)
        return row

    pairs = _pairs(source, out, ".png", "-shadow.png" if wishes.options.shadow else "", wishes.strokes)
    return _each(pairs, one, progress)


def enlarge_files(
    studio: Studio, source: Path, out: Path, size: PrintSize | float, upscaler: str, progress: Progress
) -> Iterator[dict[str, Any]]:
    """Enlarge a picture, or every picture of a folder; rows as `cut_files`."""
    dpi = size.dpi if isinstance(size, PrintSize) else None

    def one(file: Path, target: Path, share: Progress) -> dict[str, Any]:
        made, cached = studio.enlarge(file, size, upscaler, share.part(0, 0.9))
        pixels, kind = made.pixels, _kind(target)
        if pixels.shape[2] == 4 and kind == "jpg":
            pixels = on_ground(pixels, WHITE)
        about = {"engine": made.engine, "runtime": made.runtime, "passes": made.passes, "tiles": made.tiles}
        write_whole(target, encode_picture(pixels, kind, {"upscale": about}, dpi))
        row = {"px": [pixels.shape[1], pixels.shape[0]], **about, **made.facts}
        row |= {"ground": WHITE} if pixels is not made.pixels else {}
        return row | {"seconds": round(made.seconds, 2), "cached": cached}

    return _each(_pairs(source, out, ""), one, progress)


def _each(
    pairs: Sequence[tuple[Path, Path]], work: Callable[[Path, Path, Progress], dict[str, Any]], progress: Progress
) -> Iterator[dict[str, Any]]:
    """One row a picture. A picture that cannot be done is a row with its error, and the rest goes on."""
    for index, (file, target) in enumerate(pairs):
        share = progress.part(index / len(pairs), 1 / len(pairs))
        share.report(0.0, file.name)
        try:
            row = {"out": str(target), **work(file, target, share)}
        except (LockupError, EngineError) as error:
            row = {"error": str(error), "fix": error.hint}
        except MemoryError:
            row = {"error": f"There is not enough memory for {file.name}", "fix": "Scale it down first"}
        share.report(1.0, file.name)
        yield {"file": str(file), **row}


def _pairs(
    source: Path, out: Path, suffix: str, beside: str = "", also_read: Path | None = None
) -> list[tuple[Path, Path]]:
    """Every picture with the file it becomes; `beside` ends a second file a picture. Nothing is ever written over a
    picture that is read, nor over another result."""
    if not source.is_dir():
        target = out / _named(source, suffix) if out.is_dir() or not out.suffix else out
        _kind(target)
        pairs = [(source, target)]
    else:
        if out.suffix.lower() in READABLE:
            raise BadInput(f"{source.name} is a folder, {out.name} is a file", "Give a folder for the results")
        files = sorted(path for path in source.iterdir() if path.is_file() and path.suffix.lower() in READABLE)
        if not files:
            raise BadInput(f"There are no pictures in {source}", f"Expected {', '.join(READABLE)}")
        pairs, taken = [], set()
        for file in files:
            name = _named(file, suffix)
            number = 2
            while {name.lower(), _second(name, beside)} & taken:
                name, number = f"{file.stem}-{number}{Path(name).suffix}", number + 1
            taken |= {name.lower(), _second(name, beside)}
            pairs.append((file, out / name))
    read = {file.resolve() for file in (*(file for file, _ in pairs), *([also_read] if also_read else []))}
    for _, target in pairs:
        if target.resolve() in read:
            raise BadInput(f"{target.name} would be written over the picture it is made from", "Choose another place")
    return pairs


def infer_kit(studio: Studio, source: str, out: Path, language: str, look: bool) -> dict[str, Any]:
    """Read a brand and make a kit of it in `out`; everything that was proposed. Raises `BadInput`."""
    found = studio.propose(source, language, look)
    studio.adopt(found, source, out)
    return as_found(found)


def score_files(studio: Studio, pictures: Sequence[Path], kit: Path) -> list[dict[str, Any]]:
    """A row a picture: passed, tested and failed checks, or `error` and `fix`. A single picture that cannot be scored
    raises `BadInput`."""
    rows: list[dict[str, Any]] = []
    for picture in pictures:
        try:
            result = studio.score(picture, kit)
        except LockupError as error:
            if len(pictures) == 1:
                raise
            rows.append({"file": str(picture), "error": str(error), "fix": error.hint})
            continue
        failed = [check.model_dump() for check in result.failed]
        rows.append({"file": str(picture), "passed": result.passed, "tested": result.tested, "failed": failed})
    return rows


def wanted_size(scale: float | None, mm: str | None, dpi: int | None, bleed_mm: float) -> PrintSize | float:
    """How large a picture is wanted: a factor, or a print given as `210x297` in mm. Raises `BadInput` for both."""
    if scale is not None and mm is not None:
        raise BadInput("Both --scale and --mm were given", "Give one of them")
    if mm is None and (dpi is not None or bleed_mm):
        raise BadInput("--dpi and --bleed belong to a print", "Give its size with --mm")
    if mm is None:
        return 2.0 if scale is None else scale
    width, _, height = mm.lower().replace("×", "x").partition("x")
    printed = {"width_mm": width, "height_mm": height, "dpi": dpi or 300, "bleed_mm": bleed_mm}
    return read_value(PrintSize, printed, "--mm (expected e.g. 210x297)")


def _second(name: str, beside: str) -> str:
    return f"{Path(name).stem}{beside}".lower() if beside else name.lower()


def _named(file: Path, suffix: str) -> str:
    kept = file.suffix.lower() if file.suffix.lower() in KINDS else ".png"
    return f"{file.stem}{suffix or kept}"


def _kind(target: Path) -> str:
    kind = KINDS.get(target.suffix.lower())
    if kind is None:
        raise BadInput(f"{target.name} is no file type that can be written", f"Expected {', '.join(KINDS)}")
    return kind
