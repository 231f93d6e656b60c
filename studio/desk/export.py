"""What leaves the desk: file names, the manifest, the contact sheet, the ZIP."""

from __future__ import annotations

import json
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from studio.desk import files
from studio.desk.jobs import Finished
from studio.errors import BadInput, DeskError
from studio.model import AdSpec

PATTERN = "{campaign}_{format}_v{variant}_{ad}"
STEM_LENGTH = 120
_FIELDS = ("campaign", "format", "variant", "ad", "layout", "channel", "width", "height")
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))})


def names(specs: Sequence[AdSpec], pattern: str = PATTERN, taken: Iterable[str] = ()) -> dict[str, str]:
    """A file name without extension for every ad, by ad id: valid on every system and unique whatever the case.

    The same ads in the same order get the same names. `pattern` may use {campaign}, {format}, {variant}, {ad} (the
    first 8 digits of the ad's id), {layout}, {channel}, {width} and {height}. Raises `BadInput` for anything else.
    """
    used = {name.casefold() for name in taken}
    given: dict[str, str] = {}
    for spec in specs:
        if spec.content_id in given:
            continue
        stem = sanitised(_filled(pattern, spec))
        if stem.casefold() in used:
            stem = f"{stem[: STEM_LENGTH - 17]}_{spec.content_id}"
        base, count = stem, 2
        while stem.casefold() in used:
            stem, count = f"{base[: STEM_LENGTH - 8]}_{count}", count + 1
        used.add(stem.casefold())
        given[spec.content_id] = stem
    return given


def _filled(pattern: str, spec: AdSpec) -> str:
    width, height = spec.format.delivered_px
    values: Mapping[str, Any] = {
        "campaign": spec.campaign,
        "format": spec.format.id,
        "variant": spec.variant,
        "ad": spec.content_id[:8],
        "layout": spec.layout,
        "channel": spec.format.channel,
        "width": width,
        "height": height,
    }

    def fill(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise BadInput(f"File name pattern: unknown field {{{match[1]}}}", f"Known fields: {', '.join(_FIELDS)}")
        return str(values[match[1]])

    # No str.format: a pattern from outside must not reach attributes.
    return re.sub(r"\{([^{}]*)\}", fill, pattern)


def sanitised(text: str) -> str:
    """`text` as a file name without extension that Windows, macOS and Linux all take; never empty."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(c if c.isalnum() or c in "._-+ " else "-" for c in text)
    text = re.sub(r"\s+", "-", text).strip("._- ")
    while len(text.encode()) > STEM_LENGTH:
        text = text[:-1]
    text = text.rstrip("._- ") or "ad"
    return f"{text}-ad" if text.split(".")[0].casefold() in _RESERVED else text


def write_manifest(out_dir: Path, run_id: str, finished: Sequence[Finished], *, complete: bool) -> Path:
    """Write `manifest.json` whole: one entry an ad. With `complete`, leftovers of interrupted work are removed too."""
    ads = [entry(item) for item in finished]
    tested = sum(ad["score"]["tested"] for ad in ads)
    document = {
        "version": 1,
        "run": run_id,
        "complete": complete,
        "ads": ads,
        "passed": sum(ad["score"]["passed"] for ad in ads),
        "tested": tested,
        "seconds": round(sum(ad["seconds"] for ad in ads), 3),
    }
    path = out_dir / "manifest.json"
    files.write_whole(path, (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())
    if complete:
        files.sweep(out_dir, 0.0)
    return path


def entry(item: Finished) -> dict[str, Any]:
    """What a manifest says of an ad."""
    file, spec = item.file, item.spec
    return {
        "file": file.file,
        "format": file.format_id,
        "variant": file.variant,
        "width_px": file.width_px,
        "height_px": file.height_px,
        "bytes": file.bytes,
        "score": {
            "passed": file.score.passed,
            "tested": file.score.tested,
            "failed": [check.model_dump(mode="json") for check in file.score.failed],
        },
        "ad_id": file.ad_id,
        "shot_id": file.shot_id,
        "painter": file.painter,
        "layout": spec.layout,
        "words": dict(spec.words.items()),
        "omitted": list(file.omitted),
        "kit_digest": spec.kit_digest,
        "seconds": round(file.seconds, 3),
    }


def zip_run(out_dir: Path, target: Path, names_in: Sequence[str]) -> Path:
    """Pack the named files of a run (pictures are stored, not squeezed again). The same files give the same ZIP."""
    aside = target.with_name(f"{files.ASIDE}{target.stem}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(aside, "w", zipfile.ZIP_STORED) as archive:
            for name in sorted(set(names_in)):
                source = out_dir / name
                if not source.resolve().is_relative_to(out_dir.resolve()):
                    raise BadInput(f"{name} lies outside {out_dir}")
                entry = zipfile.ZipInfo(name.replace("\\", "/"), (2020, 1, 1, 0, 0, 0))
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, source.read_bytes())
        files.replace(aside, target)
    except FileNotFoundError as error:
        aside.unlink(missing_ok=True)
        raise DeskError(
            f"{error.filename} is gone; the ZIP was not made", "Run the job again to make it anew."
        ) from error
    except (OSError, BadInput) as error:
        aside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise files.refused(target, error) from error
        raise
    return target
