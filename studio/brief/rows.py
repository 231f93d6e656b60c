"""Briefs from files: `brief.toml`, and CSV where one row is one brief."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from studio.brief.table import RowError, decoded, delimiter_of, records
from studio.errors import BadInput
from studio.model import Brief
from studio.pixels import read_bytes
from studio.presets import read_toml
from studio.values import read_value

_MAX_BYTES = 10_000_000
_MAX_ROWS = 5_000
_MAX_CELL = 4_000
_LISTS = ("headlines", "formats", "sets", "layouts", "references", "adapters")
_SLUGS = ("formats", "sets", "layouts", "look")

# Names as designers, ad platforms and template tools write them, without case, spaces and marks.
_ALIASES: dict[str, tuple[str, ...]] = {
    "name": ("name", "campaign", "campaignname", "adname", "id", "rowid", "filename", "sku"),
    "subject": ("subject", "productname", "item", "what"),
    "scene": ("scene", "setting", "background", "mood", "prompt", "scenewords"),
    "product": ("product", "image", "picture", "photo", "productimage", "productpicture", "imageurl", "imagepath"),
    "pitch_deg": ("pitchdeg", "pitch", "cameraangle", "angle"),
    "headlines": ("headlines", "headline", "title", "heading", "head"),
    "body": ("body", "bodytext", "text", "copy", "description", "primarytext", "subline", "subheadline", "subtitle"),
    "action": ("action", "cta", "calltoaction", "button", "buttontext", "ctatext"),
    "price": ("price", "offer", "saleprice", "cost"),
    "legal": ("legal", "legalline", "disclaimer", "terms", "smallprint", "fineprint"),
    "formats": ("formats", "format", "sizes", "size", "placements", "placement"),
    "sets": ("sets", "set", "stage"),
    "layouts": ("layouts", "layout", "template"),
    "look": ("look", "style"),
    "references": ("references", "reference", "referenceimages"),
    "adapters": ("adapters", "adapter", "loras", "lora"),
    "avoid": ("avoid", "negative", "negativeprompt"),
    "count": ("count", "variants", "versions", "number", "quantity"),
    "seed": ("seed",),
}
_FIELD_OF = {alias: field for field, aliases in _ALIASES.items() for alias in aliases}


class Rows(NamedTuple):
    """What a CSV holds. `columns` says which column became which field; `lines` where each brief starts."""

    briefs: tuple[Brief, ...]
    errors: tuple[RowError, ...]
    columns: dict[str, str]
    ignored: tuple[str, ...]
    lines: tuple[int, ...]


def one_row(brief: Brief) -> Rows:
    """A single brief as a table of one row."""
    return Rows((brief,), (), {}, (), (1,))


def read_brief(path: Path | str) -> Brief:
    """A `brief.toml`. Raises `BadInput` naming the line or field."""
    path = Path(path)
    return brief_of(read_toml(path), path.name, lambda key: _where(path, key))


def brief_of(data: Mapping[str, Any], name: str, where: Callable[[str], str] | None = None) -> Brief:
    """A brief from parsed tables, with fields by their own or their usual names. `name` is what messages call it,
    `where(key)` says where in it a key is set. Raises `BadInput` naming the field."""
    place = where or (lambda key: name)
    fields: dict[str, Any] = {}
    for key, value in data.items():
        field = key if key in Brief.model_fields else _FIELD_OF.get(_plain(key), key)
        if field not in Brief.model_fields:
            near = get_close_matches(key, [*Brief.model_fields, "headline"], 1, 0.6)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(Brief.model_fields)}"
            raise BadInput(f"{place(key)}: unknown field {key}", hint)
        fresh = _split(field, value) if isinstance(value, str) and field in _LISTS else value
        if field in fields:
            if field != "headlines":
                raise BadInput(f"{place(key)}: {key} says {field} a second time", "Keep one of them")
            fresh = [*fields[field], *(fresh if isinstance(fresh, list) else [fresh])]
        fields[field] = fresh
    try:
        return read_value(Brief, fields, name)
    except BadInput as error:
        key = str(error).removeprefix(f"{name}: ").split(":")[0].split(".")[0]
        raise BadInput(str(error).replace(name, place(key), 1), error.hint) from error


def read_rows(path: Path | str) -> Rows:
    """Every row of a CSV (comma, semicolon or tab; UTF-8, UTF-16 or Windows-1252) as a brief.

    Rows that cannot be read are reported by line and the rest goes on. Raises `BadInput` when the file as a whole is
    not a table of briefs.
    """
    path = Path(path)
    text = decoded(read_bytes(path, _MAX_BYTES), path.name)
    first = 1
    if match := re.match(r"sep=(.)\r?\n", text):  # Excel's own first line
        text, first = text[match.end() :], 2
    table = records(text, delimiter_of(text), first)
    header: list[str] | None = None
    briefs: list[Brief] = []
    lines: list[int] = []
    errors: list[RowError] = []
    columns: list[str | None] = []
    for line, cells in table:
        if isinstance(cells, RowError):
            errors.append(cells)
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header, columns = cells, _columns(cells, path.name)
            continue
        if len(briefs) + len(errors) >= _MAX_ROWS:
            errors.append(RowError(line=line, message=f"More than {_MAX_ROWS} rows", hint="Split the file"))
            break
        try:
            briefs.append(_brief(cells, header, columns, f"{slug(path.stem) or 'row'}-{line}"))
            lines.append(line)
        except BadInput as error:
            errors.append(RowError(line=line, message=str(error), hint=error.hint))
    if header is None:
        raise BadInput(f"{path.name} holds no table", "Expected a header line like headline,body,action and rows below")
    mapped = {name: field for name, field in zip(header, columns, strict=True) if field}
    ignored = tuple(name for name, field in zip(header, columns, strict=True) if not field and name.strip())
    return Rows(tuple(briefs), tuple(errors), mapped, ignored, tuple(lines))


def _columns(header: list[str], name: str) -> list[str | None]:
    columns: list[str | None] = []
    for title in header:
        plain = _plain(title)
        # "Headline 2": one of several. Other fields hold a single text, so the first column wins.
        field = _FIELD_OF.get(plain) or (_FIELD_OF.get(plain.rstrip("0123456789")) if plain[-1:].isdigit() else None)
        columns.append(None if field in columns and field != "headlines" else field)
    if not any(columns):
        shown = ", ".join(title.strip()[:30] for title in header[:6])
        hint = "Expected columns such as headline, body, action, price, product, formats"
        raise BadInput(f"{name}: no column that a brief knows; found {shown}", hint)
    return columns


def _brief(cells: list[str], header: list[str], columns: list[str | None], fallback: str) -> Brief:
    if any(cell.strip() for cell in cells[len(header) :]):
        raise BadInput(
            f"{len(cells)} cells under {len(header)} columns", "A text that holds the separator needs quotes"
        )
    fields: dict[str, Any] = {}
    for title, field, cell in zip(header, columns, cells, strict=False):
        text = cell.strip()
        if not field or not text:
            continue
        if "\0" in text:
            raise BadInput(f"{title}: holds an unreadable character (NUL)", "Save the table again as CSV in UTF-8")
        if len(text) > _MAX_CELL:
            raise BadInput(f"{title}: {len(text)} characters", f"Expected at most {_MAX_CELL}")
        if field == "headlines":
            fields.setdefault(field, []).append(text)
        elif field in _LISTS:
            fields[field] = _split(field, text)
        elif field in ("count", "seed", "pitch_deg"):
            fields[field] = _number(text, title, whole=field != "pitch_deg")
        else:
            fields[field] = slug(text) if field in ("name", "look") else text
    if not any(fields.get(field) for field in ("headlines", "subject", "product", "body")):
        raise BadInput("No headline, no subject and no product in this row", "Fill in one of them")
    fields["name"] = fields.get("name") or fallback
    try:
        return read_value(Brief, fields, "row")
    except BadInput as error:
        raise BadInput(str(error).removeprefix("row: "), error.hint) from error


def _split(field: str, text: str) -> list[str]:
    if field == "headlines":
        return [text]
    # References are paths, where a comma is a letter like any other.
    parts = re.split(r"[|;\n]" if field in ("references", "adapters") else r"[|;,\n]", text)
    stripped = [part.strip() for part in parts if part.strip()]
    return [slug(part) or part for part in stripped] if field in _SLUGS else stripped


def _number(text: str, title: str, *, whole: bool) -> float | int:
    plain = text.removesuffix("°").strip().replace(",", ".")
    if not re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,10})?", plain) or (whole and float(plain) != int(float(plain))):
        raise BadInput(f"{title}: expected a {'whole ' if whole else ''}number, got {text[:40]!r}")
    return int(float(plain)) if whole else float(plain)


def slug(text: str) -> str:
    """Lower-case letters, digits and dashes: what ids and file names are made of."""
    ascii_text = unicodedata.normalize("NFKD", text.replace("×", "x")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9._]+", "-", ascii_text).strip("-._")[:64].rstrip("-._")


def _plain(title: str) -> str:
    return re.sub(r"[^a-z0-9]", "", title.lower())


def _where(path: Path, key: str) -> str:
    """`path` with the line that sets `key`, where it can be found."""
    lines = read_bytes(path, _MAX_BYTES).decode("utf-8", "replace").splitlines()
    wanted = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]|\s*\[+\s*{re.escape(key)}\b")
    number = next((index for index, line in enumerate(lines, 1) if wanted.match(line)), None)
    return f"{path.name}: line {number}" if number else path.name
