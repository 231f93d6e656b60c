"""PDFs that are no PDFs, broken, or made to harm: one line and a remedy, or what could be read; never a hang."""

from __future__ import annotations

import random
import time
import tracemalloc
import zlib

import pytest

from studio.brand.pdf.guide import MAX_PAGES, from_pdf
from studio.brand.site.proposals import Proposals
from studio.errors import BadInput
from tests.brand.pdf_made import by_hand, guide, stream

BYTES = 100_000_000
SWATCH = b"1 0 0 rg 50 50 100 100 re f "
FONT = "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"


def survived(data: bytes, seconds: float = 4.0) -> Proposals | BadInput:
    """What came of it; fails on any other exception, and when it takes a second more than it should."""
    start = time.monotonic()
    try:
        found: Proposals | BadInput = from_pdf(data, "x.pdf", seconds=seconds)
    except BadInput as error:
        found = error
        assert error.hint and "\n" not in str(error)
    taken = time.monotonic() - start
    assert taken < seconds + 1.0, f"{taken:.1f} s"
    return found


def read(data: bytes, seconds: float = 4.0) -> Proposals:
    found = survived(data, seconds)
    assert isinstance(found, Proposals), found
    return found


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a PDF"),
        (b"\x89PNG\r\n\x1a\n", "not a PDF"),
        (b"%PDF-1.7\n", "damaged|no pages"),
        (b"%PDF-1.7\n" + b"\xff" * 5000, "damaged"),
        (b"%PDF-1.7\ntrailer << /Root 1 0 R >> startxref 0 %%EOF", "damaged"),
        (by_hand([]), "no pages"),
        (b"%PDF-1.7\n" + b"[" * 200_000 + b"\ntrailer << /Root 1 0 R >>\nstartxref\n9\n%%EOF", "damaged"),
        (b"%PDF-1.7\n1 0 obj << /A " + b"<< /A " * 50_000 + b" endobj trailer << /Root 1 0 R >>", "damaged"),
    ],
)
def test_what_cannot_be_read_says_so(data: bytes, says: str) -> None:
    found = survived(data)
    assert isinstance(found, BadInput)
    assert any(words in str(found) for words in says.split("|")), str(found)


def test_too_large_is_said_before_reading() -> None:
    with pytest.raises(BadInput, match="larger than 64 MB"):
        from_pdf(b"%PDF-1.7" + bytes(64_000_000), "x.pdf")


def test_cut_short_anywhere() -> None:
    whole = guide()
    kinds = {type(survived(whole[: len(whole) * k // 12])) for k in range(12)}
    assert kinds <= {BadInput, Proposals} and BadInput in kinds


def test_bytes_changed_anywhere() -> None:
    whole = guide()
    chance = random.Random(7)
    readable = 0
    for _ in range(30):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 4, 40])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        readable += isinstance(survived(bytes(data)), Proposals)
    assert readable > 8


# ------------------------------------------------------------------------------------------------------ bombs


def test_a_stream_that_unpacks_to_half_a_gigabyte() -> None:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1_000_000)) for _ in range(500)) + packer.flush()
    bomb = b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(packed), packed)
    data = by_hand([SWATCH, b""], {15: bomb}).replace(b"/Contents 13 0 R", b"/Contents 15 0 R")
    tracemalloc.start()
    found = read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < BYTES, f"{peak / 1e6:.0f} MB"
    assert [c.hex for c in found.palette] == ["#ff0000"]
    assert "1 of 2 pages are damaged or too large" in found.warnings[0]


def test_a_bomb_within_a_bomb() -> None:
    inner = zlib.compress(zlib.compress(bytes(200_000_000), 9), 9)
    bomb = b"<< /Filter [/FlateDecode /FlateDecode] /Length %d >>\nstream\n%s\nendstream" % (len(inner), inner)
    read(by_hand([SWATCH, b""], {15: bomb}).replace(b"/Contents 13 0 R", b"/Contents 15 0 R"))


@pytest.mark.parametrize(
    "piece",
    [
        b"0 0 1 1 re f ",
        b"q ",
        b"1 2 m 3 4 l ",
        b"[[[[[[[[",
        b"((((((((",
        b"<< /A ",
        b"/Sep cs 1 scn ",
        b"BT /F 9 Tf (#123456 abc) Tj ET ",
        b"BT (a) ' ET ",
        b"BI ID ",
        b"9" * 50,
        b"R 1 G 2 B ",
    ],
)
def test_millions_of_operators(piece: bytes) -> None:
    long = SWATCH + piece * (11_000_000 // len(piece))
    spaces = "/ColorSpace << /Sep [/Separation /X /DeviceRGB << /FunctionType 2 /Domain [0 1] /C0 [1 1 1] /C1 [1 0 0] /N 1 >>] >>"
    data = by_hand([b""], {15: stream(long, packed=True)}, f"{FONT} {spaces}")
    found = read(data.replace(b"/Contents 11 0 R", b"/Contents 15 0 R"), seconds=0.7)
    assert "#ff0000" in [c.hex for c in found.palette]


def test_a_page_of_nothing_but_colour_codes() -> None:
    lines = b"".join(
        b"1 0 0 1 %d %d Tm (#%06x #%06x) Tj " % (k % 40 * 14, k // 40 * 3, k * 997, k * 331) for k in range(4900)
    )
    found = read(by_hand([b"BT /F 2 Tf " + lines + b"ET"], None, FONT))
    assert 2 <= len(found.palette) <= 16


# ------------------------------------------------------------------------------------------------ circles, depth


def test_forms_that_draw_themselves_and_each_other() -> None:
    form = "/Type /XObject /Subtype /Form /BBox [0 0 600 400] /Resources << /XObject << /A 100 0 R /B 101 0 R >> >>"
    objects = {100: stream(b"/A Do /B Do " * 500, form), 101: stream(b"/A Do /B Do " * 500, form)}
    found = read(by_hand([b"/A Do " + SWATCH], objects, "/XObject << /A 100 0 R >>"))
    assert [c.hex for c in found.palette] == ["#ff0000"]


def test_forms_that_multiply() -> None:
    objects = {}
    for k in range(30):
        entries = f"/Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /N {101 + k} 0 R >> >>"
        objects[100 + k] = stream(b"/N Do " * 10, entries)
    assert [c.hex for c in read(by_hand([b"/N Do " + SWATCH], objects, "/XObject << /N 100 0 R >>")).palette]


@pytest.mark.parametrize(
    ("paint", "resources", "objects"),
    [
        (b"/S cs 1 scn ", "/ColorSpace << /S 100 0 R >>", {100: b"[/Indexed 100 0 R 1 <00>]"}),
        (b"/S cs 1 scn ", "/ColorSpace << /S /S >>", {}),
        (b"/S cs 1 scn ", "/ColorSpace << /S 100 0 R >>", {100: b"100 0 R"}),
        (
            b"/S cs 1 scn ",
            "/ColorSpace << /S [/Separation /X /DeviceRGB 100 0 R] >>",
            {100: b"<< /FunctionType 3 /Domain [0 1] /Bounds [] /Encode [0 1] /Functions [100 0 R] >>"},
        ),
        (
            b"/S cs 1 1 scn ",
            "/ColorSpace << /S [/DeviceN [/A /B] /DeviceRGB 100 0 R] >>",
            {
                100: stream(
                    b"1", "/FunctionType 0 /Domain [0 0 0 0] /Range [0 1 0 1 0 1] /Size [99999 99999] /BitsPerSample 8"
                )
            },
        ),
        (b"/S cs 1e308 1e308 1e308 scn ", "/ColorSpace << /S [/Lab << >>] >>", {}),
        (b"9 9 9 rg -9 -9 -9 RG ", "", {}),
        (b"/F 12 Tf BT (x) Tj ET ", "/Font << /F 100 0 R >>", {100: b"<< /Type /Font /DescendantFonts [100 0 R] >>"}),
        (b"/G gs ", "/ExtGState 5", {}),
        (b"/A Do ", "/XObject [1 2 3]", {}),
        (b"1e9 0 0 1e9 0 0 cm 99999999999999999999 0 0 0 0 0 cm ", "", {}),
    ],
)
def test_odd_resources(paint: bytes, resources: str, objects: dict[int, bytes]) -> None:
    found = read(by_hand([paint + b"0 0 9 9 re f q " + SWATCH, SWATCH], objects, resources))
    assert "#ff0000" in [c.hex for c in found.palette]


def test_a_page_tree_that_bites_its_tail() -> None:
    survived(by_hand([SWATCH]).replace(b"/Kids [10 0 R]", b"/Kids [2 0 R ] "))


def test_a_table_of_objects_that_leads_back_to_itself() -> None:
    data = by_hand([SWATCH])
    start = data.rindex(b"startxref") + 10
    place = int(data[start:].split()[0])
    survived(data.replace(b"trailer\n<<", b"trailer\n<< /Prev %d " % place))


def test_thousands_of_pages_are_read_up_to_a_limit() -> None:
    found = read(by_hand([SWATCH] * 3000))
    assert found.warnings[0] == f"Only the first {MAX_PAGES} of 3000 pages were looked at"


def test_thousands_of_fonts() -> None:
    objects = {1000 + k: b"<< /Type /Font /Subtype /Type1 /BaseFont /Face%d-Bold >>" % k for k in range(3000)}
    fonts = "/Font << " + " ".join(f"/F{k} {1000 + k} 0 R" for k in range(3000)) + " >>"
    text = b"BT " + b"".join(b"/F%d 9 Tf (abc) Tj " % k for k in range(3000)) + b"ET"
    assert read(by_hand([text], objects, fonts)).body is not None


@pytest.mark.parametrize(
    "cmap",
    [
        b"begincodespacerange <0000> <FFFF> endcodespacerange "
        + b"1 beginbfrange <0000> <FFFF> <0000> endbfrange " * 5000,
        b"1 beginbfchar <00> <" + b"41" * 150_000 + b"> endbfchar",
        b"\x00\xff" * 100_000,
    ],
)
def test_hostile_letter_maps(cmap: bytes) -> None:
    font = b"<< /Type /Font /Subtype /Type0 /BaseFont /AAAAAA+Face /Encoding /Identity-H /ToUnicode 101 0 R >>"
    text = b"BT /F 9 Tf " + b"(\x00\x41\x00\x42) Tj " * 2000 + b"ET " + SWATCH
    found = read(by_hand([text], {100: font, 101: stream(cmap)}, "/Font << /F 100 0 R >>"))
    assert [c.hex for c in found.palette] == ["#ff0000"]
