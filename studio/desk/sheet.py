"""The contact sheet: every ad of a run on one page (or a few), to lay before a client. As pixels, or as a PDF whose
words are type and lines are lines."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import skia
from numpy.typing import NDArray
from PIL import Image

from studio.ad.typeset import TypeStyle, set_text
from studio.brand.fonts import Face, FontSet
from studio.desk import files
from studio.desk.jobs import Finished
from studio.desk.provenance import TOOL
from studio.desk.sheet_rows import Cell, Row, rows_of
from studio.errors import BadInput
from studio.values import Value

WIDTH, MARGIN, PAGE_HEIGHT = 2400, 132, 3394
GAP, CAPTION, GROUP_HEAD = 44, 80, 92
A4_PT = (595.28, 841.89)
_ENDLESS = 100_000.0
Picture = Callable[[Path, int, int], skia.Image]
PAPER, INK, QUIET, HAIR, WARN = 0xFFFAFAF7, 0xFF1A1A18, 0xFF7C7C76, 0x1F000000, 0xFFB4471F


class SheetAd(Value):
    """One ad on the sheet. `group` is the heading it stands under; empty for none."""

    path: str
    label: str
    width_px: int
    height_px: int
    passed: int
    tested: int
    group: str = ""


class _Type(NamedTuple):
    heading: skia.Typeface
    body: skia.Typeface


def sheet_ads(out_dir: Path, finished: Sequence[Finished]) -> list[SheetAd]:
    """A run's ads for the sheet, grouped by variant under its headline."""
    several = len({item.spec.campaign for item in finished}) > 1
    titles: dict[tuple[str, int], str] = {}
    for item in finished:
        name = f"{item.spec.campaign}   {item.spec.words.headline}" if several else item.spec.words.headline
        titles.setdefault((item.spec.campaign, item.spec.variant), name)
    return [
        SheetAd(
            path=str(out_dir / item.file.file),
            label=item.spec.format.name,
            width_px=item.file.width_px,
            height_px=item.file.height_px,
            passed=item.file.score.passed,
            tested=item.file.score.tested,
            group=f"{item.spec.variant:02d}   {titles[item.spec.campaign, item.spec.variant]}".strip(),
        )
        for item in sorted(finished, key=lambda item: (item.spec.campaign, item.spec.variant))
        if (out_dir / item.file.file).is_file()
    ]


def contact_sheet(
    ads: Sequence[SheetAd],
    target: Path,
    *,
    title: str,
    subtitle: str = "",
    heading_font: bytes | None = None,
    body_font: bytes | None = None,
) -> list[Path]:
    """Draw the sheet to `target` (.png or .jpg) and return the pages written: `target`, then `…-2`, `…-3`.

    Pages are 2400 px wide; one page is as high as it needs to be, several are all of A4's shape. Thumbnails keep their
    aspect and are enlarged at most twofold. Raises `BadInput` when there is nothing to show or a file is no picture.
    """
    if not ads:
        raise BadInput("There are no ads to show", "Make some first.")
    type_ = _Type(_typeface(heading_font, bold=True), _typeface(body_font, bold=False))
    blocks = _blocks(ads)
    pages = _paged(blocks, PAGE_HEIGHT * (1.35 if _fits_one(blocks) else 1.0))
    written: list[Path] = []
    for page in _pages(ads, pages, title, subtitle):
        path = target if page.number == 1 else target.with_stem(f"{target.stem}-{page.number}")
        content = _head_height(page.number) + sum(b.height for b in page.blocks) + MARGIN * 0.6
        surface = skia.Surface(WIDTH, PAGE_HEIGHT if len(pages) > 1 else int(content))
        _draw_page(surface.getCanvas(), type_, page)
        files.write_whole(path, _encoded(surface, path))
        written.append(path)
    return written


def contact_pdf(
    ads: Sequence[SheetAd],
    *,
    title: str,
    subtitle: str = "",
    heading_font: bytes | None = None,
    body_font: bytes | None = None,
) -> bytes:
    """The sheet as a PDF of A4 pages, without scores unless the ads carry them. The same ads give the same bytes.

    Raises `BadInput` when there is nothing to show or a file is no picture.
    """
    if not ads:
        raise BadInput("There are no ads to show", "Make some first.")
    type_ = _Type(_typeface(heading_font, bold=True), _typeface(body_font, bold=False))
    about = skia.PDF.Metadata()
    about.fTitle, about.fSubject, about.fCreator = title, subtitle, TOOL
    stream = skia.DynamicMemoryWStream()
    document = skia.PDF.MakeDocument(stream, about)
    try:
        for page in _pages(ads, _paged(_blocks(ads), PAGE_HEIGHT), title, subtitle):
            canvas = document.beginPage(*A4_PT)
            canvas.scale(A4_PT[0] / WIDTH, A4_PT[0] / WIDTH)
            _draw_page(canvas, type_, page, _print_picture)
            document.endPage()
        document.close()
    except BaseException:
        document.abort()  # it writes into the stream as long as it lives
        raise
    return bytes(stream.detachAsData())


class _Page(NamedTuple):
    number: int
    blocks: list[_Block]
    title: str
    subtitle: str
    note: str


def _pages(ads: Sequence[SheetAd], pages: list[list[_Block]], title: str, subtitle: str) -> list[_Page]:
    counted = [f"   ·   {number} / {len(pages)}" if len(pages) > 1 else "" for number in range(1, len(pages) + 1)]
    return [
        _Page(number, blocks, title, subtitle, _summary(ads) + count)
        for number, (blocks, count) in enumerate(zip(pages, counted, strict=True), 1)
    ]


# ---------------------------------------------------------------------------------------------- layout


class _Block(NamedTuple):
    """A row of thumbnails, with its group's heading if it is the group's first."""

    heading: str
    row: Row[SheetAd]

    @property
    def height(self) -> float:
        return (GROUP_HEAD if self.heading else 0) + self.row.height + CAPTION + GAP * 0.8


def _blocks(ads: Sequence[SheetAd]) -> list[_Block]:
    groups: dict[str, list[SheetAd]] = {}
    for ad in ads:
        groups.setdefault(ad.group, []).append(ad)
    # A heading over every single thumbnail would be louder than the ads.
    if len(groups) == 1 or len(ads) / len(groups) < 3:
        groups = {"": list(ads)}
    side = 520 if len(ads) <= 12 else 400 if len(ads) <= 40 else 300 if len(ads) <= 100 else 230
    blocks: list[_Block] = []
    for name, members in groups.items():
        cells = [Cell(ad.width_px, ad.height_px, ad) for ad in members]
        for index, row in enumerate(rows_of(cells, WIDTH - 2 * MARGIN, GAP, side)):
            blocks.append(_Block(name if index == 0 else "", row))
    return blocks


def _head_height(number: int) -> int:
    return MARGIN + (212 if number == 1 else 92)


def _paged(blocks: list[_Block], first_height: float) -> list[list[_Block]]:
    pages: list[list[_Block]] = [[]]
    left = first_height - _head_height(1) - MARGIN * 0.6
    for index, block in enumerate(blocks):
        need = block.height
        if block.heading and left < PAGE_HEIGHT * 0.45:  # a group starts on a new page rather than being torn
            rest = next((n for n, b in enumerate(blocks[index + 1 :], index + 1) if b.heading), len(blocks))
            need = sum(b.height for b in blocks[index:rest])
        if pages[-1] and need > left:
            pages.append([])
            left = PAGE_HEIGHT - _head_height(2) - MARGIN * 0.6
        pages[-1].append(block)
        left -= block.height
    return pages


def _fits_one(blocks: list[_Block]) -> bool:
    # A last row alone on a second page looks like a mistake: one page may grow by a third instead.
    return sum(block.height for block in blocks) <= PAGE_HEIGHT * 1.35 - _head_height(1) - MARGIN * 0.6


# ---------------------------------------------------------------------------------------------- drawing


def _draw_page(canvas: skia.Canvas, type_: _Type, page: _Page, picture: Picture | None = None) -> None:
    canvas.clear(PAPER)
    _draw_head(canvas, type_, page.title, page.subtitle, page.note, first=page.number == 1)
    top = float(_head_height(page.number))
    for block in page.blocks:
        _draw_block(canvas, type_, block, top, picture or _thumbnail)
        top += block.height


def _draw_head(canvas: skia.Canvas, type_: _Type, title: str, subtitle: str, note: str, *, first: bool) -> None:
    right, room = WIDTH - MARGIN, WIDTH - 2.0 * MARGIN
    aside = _Pen(type_.body, 26, QUIET, room * 0.45, align_right=True)
    if first:
        _text(canvas, title, MARGIN - 3, MARGIN + 58, _Pen(type_.heading, 76, INK, room))
        _text(canvas, subtitle, MARGIN, MARGIN + 118, _Pen(type_.body, 32, QUIET, room * 0.52))
        _text(canvas, note, right, MARGIN + 118, aside)
        rule = MARGIN + 152
    else:
        _text(canvas, title, MARGIN, MARGIN - 4, _Pen(type_.heading, 30, INK, room * 0.5))
        _text(canvas, note, right, MARGIN - 4, aside)
        rule = MARGIN + 30
    canvas.drawRect(skia.Rect.MakeXYWH(MARGIN, rule, WIDTH - 2 * MARGIN, 2), skia.Paint(Color=INK))


def _summary(ads: Sequence[SheetAd]) -> str:
    formats = len({(ad.label, ad.width_px, ad.height_px) for ad in ads})
    passed, tested = sum(ad.passed for ad in ads), sum(ad.tested for ad in ads)
    checks = f"   ·   {passed:,} of {tested:,} checks passed" if tested else ""
    return f"{_count(len(ads), 'ad')}   ·   {_count(formats, 'format')}{checks}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _draw_block(canvas: skia.Canvas, type_: _Type, block: _Block, top: float, picture: Picture) -> None:
    if block.heading:
        _text(canvas, block.heading, MARGIN, top + 46, _Pen(type_.heading, 30, INK, WIDTH - 2.0 * MARGIN))
        top += GROUP_HEAD
    left = float(MARGIN)
    for place in block.row.places:
        ad = place.cell.content
        width, height = max(1, round(place.width)), max(1, round(place.height))
        x, y = round(left), round(top + block.row.height) - height
        there = skia.Rect.MakeXYWH(x, y, width, height)
        canvas.drawImageRect(
            picture(Path(ad.path), width, height), there, skia.SamplingOptions(skia.FilterMode.kLinear)
        )
        hair = skia.Paint(Color=HAIR, Style=skia.Paint.kStroke_Style, StrokeWidth=1)
        canvas.drawRect(skia.Rect.MakeXYWH(x + 0.5, y + 0.5, width - 1, height - 1), hair)
        base = round(top + block.row.height) + 34
        _text(canvas, ad.label, x, base, _Pen(type_.body, 24, INK, place.cell_width + block.row.gap * 0.6))
        shortfall = ad.passed < ad.tested
        detail = f"{ad.width_px} × {ad.height_px}" + (f"   {ad.passed}/{ad.tested}" if ad.tested else "")
        _text(
            canvas,
            detail,
            x,
            base + 30,
            _Pen(type_.body, 20, WARN if shortfall else QUIET, place.cell_width + block.row.gap * 0.6),
        )
        left += place.cell_width + block.row.gap


def _thumbnail(path: Path, width: int, height: int) -> skia.Image:
    pixels = _shrunk(path, width, height)
    opaque = np.dstack([pixels, np.full((height, width), 255, np.uint8)])
    return skia.Image.fromarray(np.ascontiguousarray(opaque), colorType=skia.kRGBA_8888_ColorType)


def _print_picture(path: Path, width: int, height: int) -> skia.Image:
    """A thumbnail as a JPEG of at least 290 pixels an inch on paper, which the PDF takes as it is."""
    out = io.BytesIO()
    Image.fromarray(_shrunk(path, width, height)).save(out, "JPEG", quality=92, subsampling=0)
    return skia.Image.MakeFromEncoded(skia.Data.MakeWithCopy(out.getvalue()))


def _shrunk(path: Path, width: int, height: int) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            image.draft("RGB", (width * 2, height * 2))
            pixels = np.asarray(image.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadInput(f"{path.name} cannot be shown on the sheet: {error}", "Run the job again.") from error
    smaller = width < pixels.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), np.uint8)


class _Pen(NamedTuple):
    """How a line is set: typeface, size and colour; `room` is the width beyond which it is cut short."""

    face: skia.Typeface
    size: float
    color: int
    room: float
    align_right: bool = False


def _text(canvas: skia.Canvas, text: str, x: float, y: float, pen: _Pen) -> None:
    """One line with its baseline at `y`, shaped as its script asks, cut short where there is no room."""
    color = f"#{pen.color & 0xFFFFFF:06x}"
    face = Face("sheet", pen.face.fontStyle().weight(), "", pen.face)
    fonts = FontSet({"heading": face, "body": face}).for_words([text])
    style = TypeStyle("heading", pen.size, color)
    shown = text
    block = set_text(shown, style, _ENDLESS, fonts)
    while shown and block.ink_width_px > pen.room:
        shown = shown[: -max(1, len(shown) // 12)].rstrip()
        block = set_text(shown + "…", style, _ENDLESS, fonts)
    start = x - block.ink_width_px if pen.align_right else x
    block.paint(canvas, start, y - block.paragraph.AlphabeticBaseline)


def _typeface(data: bytes | None, *, bold: bool) -> skia.Typeface:
    face = skia.Typeface.MakeFromData(skia.Data.MakeWithCopy(data)) if data else None
    return face or skia.Typeface("", skia.FontStyle.Bold() if bold else skia.FontStyle.Normal())


def _encoded(surface: skia.Surface, path: Path) -> bytes:
    image = surface.makeImageSnapshot()
    if path.suffix.lower() in (".jpg", ".jpeg"):
        return bytes(image.encodeToData(skia.kJPEG, 92))
    return bytes(image.encodeToData(skia.kPNG, 100))
