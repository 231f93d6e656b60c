"""The contact sheet as a PDF: pages of paper, words as type, pictures sharp enough to print."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pypdf
import pytest
from PIL import Image

from studio.brand.fonts import font_path
from studio.desk.sheet import A4_PT, SheetAd, contact_pdf
from studio.errors import BadInput

HEADING = font_path("package:font_manrope/files/Manrope-Bold.ttf", Path()).read_bytes()
BODY = font_path("package:font_hanken_grotesk/files/HankenGrotesk-Regular.otf", Path()).read_bytes()


def ads(folder: Path, count: int, width: int = 1080, height: int = 1080) -> list[SheetAd]:
    listed = []
    for number in range(count):
        path = folder / f"{number}.jpg"
        noise = np.random.default_rng(number).integers(0, 255, (27, 27, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((width, height)).save(path)
        listed.append(SheetAd(
            path=str(path), label=f"Format {number}", width_px=width, height_px=height, passed=0, tested=0,
            group=f"{number // 6:02d}   Headline {number // 6}",
        ))  # fmt: skip
    return listed


def sheet(these: list[SheetAd], **more: str) -> pypdf.PdfReader:
    data = contact_pdf(these, title="Solbrae", heading_font=HEADING, body_font=BODY, **more)
    return pypdf.PdfReader(io.BytesIO(data))


def test_every_page_is_a4_and_every_ad_is_on_one(tmp_path: Path) -> None:
    pdf = sheet(ads(tmp_path, 40), subtitle="Summer")
    assert len(pdf.pages) > 1
    for page in pdf.pages:
        assert (float(page.mediabox.width), float(page.mediabox.height)) == pytest.approx(A4_PT, abs=0.5)
    words = "\n".join(page.extract_text() for page in pdf.pages)
    assert all(f"Format {number}" in words for number in range(40))
    assert sum(len(page.images) for page in pdf.pages) == 40


def test_words_are_type_in_embedded_fonts(tmp_path: Path) -> None:
    page = sheet(ads(tmp_path, 6), subtitle="Summer").pages[0]
    words = page.extract_text()
    assert "Solbrae" in words and "Summer" in words and "1080 × 1080" in words
    fonts = page["/Resources"]["/Font"].get_object()  # type: ignore[index]
    assert fonts
    for font in (font.get_object() for font in fonts.values()):
        assert "/ToUnicode" in font  # can be searched and copied
        if font["/Subtype"] == "/Type3":
            assert font["/CharProcs"]  # letters drawn as outlines, which scale as type does
        else:
            described = font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
            assert "/FontFile2" in described or "/FontFile3" in described


def test_pictures_are_sharp_enough_to_print(tmp_path: Path) -> None:
    page = sheet(ads(tmp_path, 6)).pages[0]
    sizes = [image.image.size for image in page.images if image.image]
    assert len(sizes) == 6
    # Six squares share the page's 7.4 inches between its margins in two rows: 200 pixels an inch and more.
    assert min(width for width, _ in sizes) >= 200 * 7.4 / 6


def test_the_same_ads_give_the_same_bytes_and_no_date(tmp_path: Path) -> None:
    these = ads(tmp_path, 3)
    one, two = (contact_pdf(these, title="T", heading_font=HEADING, body_font=BODY) for _ in range(2))
    assert one == two
    assert b"/CreationDate" not in one


def test_nothing_to_show_and_a_file_that_is_no_picture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no ads"):
        contact_pdf([], title="T")
    these = ads(tmp_path, 1)
    Path(these[0].path).write_bytes(b"no picture")
    with pytest.raises(BadInput, match="cannot be shown"):
        contact_pdf(these, title="T", heading_font=HEADING, body_font=BODY)
