"""A guidelines PDF: printed codes with labels, drawn areas through every colour space, fonts by use, the name."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter

from studio.brand.pdf.colour_codes import codes_in
from studio.brand.pdf.fonts import font_name
from studio.brand.pdf.guide import from_pdf
from studio.brand.pdf.operations import operations
from studio.brand.site.proposals import Colour, Proposals
from studio.errors import BadInput
from tests.brand.pdf_made import by_hand, guide, stream


@pytest.fixture(scope="module")
def read() -> Proposals:
    return from_pdf(guide(), "guide.pdf")


def of_role(found: Proposals, role: str) -> list[str]:
    return [colour.hex for colour in found.palette if colour.role == role]


def drawn(content: bytes, objects: dict[int, bytes] | None = None, resources: str = "") -> list[Colour]:
    return list(from_pdf(by_hand([content], objects, resources), "x.pdf").palette)


# --------------------------------------------------------------------------------------------------- the guide


def test_swatches_get_the_roles_their_headings_say(read: Proposals) -> None:
    assert of_role(read, "primary") == ["#e20074"]
    assert set(of_role(read, "accent")) == {"#00a0de", "#ffd329"}
    assert of_role(read, "background") == ["#ffffff"] and of_role(read, "text") == ["#000000"]


def test_every_colour_says_where_it_stands(read: Proposals) -> None:
    magenta, cyan = read.palette[0], next(c for c in read.palette if c.hex == "#00a0de")
    assert magenta.source == "guide.pdf page 2: text 'HEX #E20074', labelled 'Magenta', beside a swatch of it"
    assert "page 2: text 'R 0 G 160 B 222', labelled 'Cyan'" in cyan.source


def test_fonts_by_use(read: Proposals) -> None:
    assert read.heading is not None and read.body is not None
    assert (read.heading.family, read.heading.weight) == ("Source Serif Pro", 700)
    assert read.heading.alternatives == ("SourceSerifPro",)
    assert read.body.family == "Hanken Grotesk" and read.body.weight == 400


def test_name_and_what_is_missing(read: Proposals) -> None:
    assert read.name is not None and read.name.text == "Example" and read.name.confidence >= 0.6
    assert any(line == "logo: in the PDF it is drawn on the page; export it as SVG" for line in read.not_found)
    assert not read.logos and not read.warnings


def test_a_title_of_guide_words_alone_is_no_name() -> None:
    found = from_pdf(by_hand([b"0 g"], info="/Title (Brand Guidelines v2.1)"), "brand-guidelines.pdf")
    assert found.name is None and any(line.startswith("name:") for line in found.not_found)


def test_language_of_the_document() -> None:
    assert from_pdf(by_hand([b"0 g"], catalog="/Lang (de-DE)"), "x.pdf").language == "de-DE"
    assert from_pdf(by_hand([b"0 g"], catalog="/Lang (<script>)"), "x.pdf").language == ""


# --------------------------------------------------------------------------------------------------- confidence


TEXT = b"BT /F 12 Tf 50 300 Td (#E20074) Tj ET "
FONT = "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
SWATCH = b"0.8863 0 0.4549 rg 50 320 100 60 re f "


def test_beside_a_swatch_is_surer_than_text_is_surer_than_areas() -> None:
    both, text, area = (drawn(content, None, FONT)[0] for content in (TEXT + SWATCH, TEXT, SWATCH))
    assert both.hex == text.hex == area.hex == "#e20074"
    assert both.confidence > text.confidence > area.confidence
    assert area.source == "x.pdf page 1: drawn areas"


def test_cmyk_is_only_taken_where_nothing_better_is_printed() -> None:
    lines = b"BT /F 12 Tf 14 TL 50 300 Td (Sky) Tj T* (CMYK 100 0 0 0) Tj %s ET"
    alone = drawn(lines % b"", None, FONT)
    better = drawn(lines % b"T* (RGB 0 159 227) Tj", None, FONT)
    assert [c.hex for c in alone] == ["#00ffff"] and alone[0].confidence < 0.35
    assert [c.hex for c in better] == ["#009fe3"] and better[0].confidence > 0.45


def test_a_label_decides_the_role() -> None:
    content = b"BT /F 12 Tf 14 TL 50 300 Td (Accent: #E20074) Tj T* (Primary brand colour #004488) Tj ET"
    found = {c.hex: c.role for c in drawn(content, None, FONT)}
    assert found == {"#e20074": "accent", "#004488": "primary"}


def test_codes_split_over_runs_and_lines() -> None:
    content = b"BT /F 12 Tf 14 TL 50 300 Td [(#E2) -20 (00) 10 (74)] TJ T* (R 0) Tj T* (G 68) Tj T* (B 136) Tj ET"
    assert {c.hex for c in drawn(content, None, FONT)} == {"#e20074", "#004488"}


# --------------------------------------------------------------------------------------------------- drawn areas


BOX = b" 50 50 200 200 re f"


@pytest.mark.parametrize(
    ("paint", "want"),
    [
        (b"0.2 g", "#333333"),
        (b"1 0 0 rg", "#ff0000"),
        (b"0 1 1 0 k", "#ff0000"),
        (b"/DeviceRGB cs 0 0 1 sc", "#0000ff"),
        (b"/Icc cs 0 0 1 scn", "#0000ff"),
        (b"/Icc4 cs 1 0 1 0 scn", "#00ff00"),
        (b"/Sep cs 1 scn", "#ff0080"),
        (b"/Sep cs 0.5 scn", "#ff80c0"),
        (b"/SepCmyk cs 1 scn", "#ff0000"),
        (b"/Dev cs 1 0 scn", "#ff0000"),
        (b"/Idx cs 1 sc", "#0000ff"),
        (b"/Lab cs 53.2408 80.0925 67.2032 sc", None),
        (b"q 2 0 0 2 0 0 cm 0 0 1 rg 1 0 0 rg", "#ff0000"),
        (b"1 0 0 rg q 0 0 1 rg Q", "#ff0000"),
    ],
)
def test_every_colour_space(paint: bytes, want: str | None) -> None:
    spaces = (
        "/ColorSpace << /Icc [/ICCBased 100 0 R] /Icc4 [/ICCBased 101 0 R] "
        "/Sep [/Separation /PANTONE#20226 /DeviceRGB << /FunctionType 2 /Domain [0 1] /C0 [1 1 1] /C1 [1 0 0.502] /N 1 >>] "
        "/SepCmyk [/Separation /Rot /DeviceCMYK << /FunctionType 3 /Domain [0 1] /Bounds [0.5] /Encode [0 1 0 1] /Functions "
        "[<< /FunctionType 2 /Domain [0 1] /C0 [0 0 0 0] /C1 [0 0.5 0.5 0] /N 1 >> "
        "<< /FunctionType 2 /Domain [0 1] /C0 [0 0.5 0.5 0] /C1 [0 1 1 0] /N 1 >>] >>] "
        "/Dev [/DeviceN [/A /B] /DeviceRGB 102 0 R] /Idx [/Indexed /DeviceRGB 1 <FF00000000FF>] "
        "/Lab [/Lab << /WhitePoint [0.9642 1 0.8249] >>] >>"
    )
    table = bytes([255, 255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 0])
    sampled = "/FunctionType 0 /Domain [0 1 0 1] /Range [0 1 0 1 0 1] /Size [2 2] /BitsPerSample 8"
    objects = {100: stream(b"", "/N 3"), 101: stream(b"", "/N 4"), 102: stream(table, sampled)}
    found = drawn(paint + BOX, objects, spaces)
    if want is None:
        red, green, blue = (int(found[0].hex[i : i + 2], 16) for i in (1, 3, 5))
        assert red > 230 and green < 40 and blue < 40
    else:
        assert [c.hex for c in found] == [want]


def test_a_spot_colour_keeps_its_name() -> None:
    spaces = "/ColorSpace << /S [/Separation /PANTONE#20226 /DeviceRGB << /FunctionType 2 /Domain [0 1] /C0 [1 1 1] /C1 [1 0 0.5] /N 1 >>] >>"
    assert drawn(b"/S cs 1 scn" + BOX, None, spaces)[0].source.endswith("in PANTONE 226")


@pytest.mark.parametrize(
    "paint",
    [b"/All cs 1 scn", b"/Prog cs 1 scn", b"/P cs /P1 scn", b"1 0 0 rg /Half gs", b"1 0 0 rg 0 0 600 400 re f 1 g"],
)
def test_what_is_no_swatch(paint: bytes) -> None:
    spaces = (
        "/ExtGState << /Half << /ca 0.4 >> >> /ColorSpace << /P [/Pattern] "
        "/All [/Separation /All /DeviceCMYK << /FunctionType 2 /Domain [0 1] /C0 [0 0 0 0] /C1 [1 1 1 1] /N 1 >>] "
        "/Prog [/Separation /X /DeviceRGB 100 0 R] >>"
    )
    program = stream(b"{ pop 1 0 0 }", "/FunctionType 4 /Domain [0 1] /Range [0 1 0 1 0 1]")
    assert drawn(paint + BOX, {100: program}, spaces) == []


def test_areas_inside_forms_count_with_their_matrices() -> None:
    form = stream(b"0 0 1 rg 0 0 10 10 re f", "/Type /XObject /Subtype /Form /BBox [0 0 10 10] /Matrix [10 0 0 10 0 0]")
    content = b"q 2 0 0 2 50 50 cm /X Do Q 1 0 0 rg 300 50 60 60 re f"
    found = drawn(content, {100: form}, "/XObject << /X 100 0 R >>")
    # 200 × 200 through both matrices against 60 × 60.
    assert [(c.hex, c.role) for c in found] == [("#0000ff", "primary"), ("#ff0000", "accent")]


def test_text_inside_forms_is_read() -> None:
    form = stream(TEXT, f"/Type /XObject /Subtype /Form /BBox [0 0 600 400] /Resources << {FONT} >>")
    assert drawn(b"/X Do", {100: form}, "/XObject << /X 100 0 R >>")[0].hex == "#e20074"


def test_invisible_text_is_not_read() -> None:
    assert drawn(b"3 Tr " + TEXT, None, FONT) == []


# --------------------------------------------------------------------------------------------------- parts


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Magenta #E20074", ["#e20074"]),
        ("HEX E20074", ["#e20074"]),
        ("RGB 226 0 116", ["#e20074"]),
        ("rgb(226, 0, 116)", ["#e20074"]),
        ("R226 G0 B116", ["#e20074"]),
        ("R: 226\nG: 0\nB: 116", ["#e20074"]),
        ("C0 M100 Y100 K0", ["#ff0000"]),
        ("CMYK: 0/100/100/0", ["#ff0000"]),
        ("#FFF", ["#ffffff"]),
        ("Hex: #e20074 RGB: 226/0/116", ["#e20074", "#e20074"]),
        *[
            (text, [])
            for text in ("RGB 300 0 0", "CMYK 0 101 0 0", "#12345", "issue #123", "item&#123456;", "#E2007499")
        ],
        *[(text, []) for text in ("", "E20074", "call 226 0 116", "R2 D2", "nothing here", "#GGGGGG")],
    ],
)
def test_codes(text: str, want: list[str]) -> None:
    assert [code.hex for code in codes_in(text)] == want


@given(
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 255),
    st.sampled_from(["hex", "rgb", "r_g_b"]),
    st.text(max_size=8),
)
def test_any_colour_written_is_read_back(red: int, green: int, blue: int, form: str, noise: str) -> None:
    want = f"#{red:02x}{green:02x}{blue:02x}"
    text = {"hex": want.upper(), "rgb": f"RGB {red} {green} {blue}", "r_g_b": f"R{red} G{green} B{blue}"}[form]
    assert [code.hex for code in codes_in(f"Colour {text} .")] == [want]
    assert want in [code.hex for code in codes_in(f"{noise} \n {text} \n {noise}")] or any(
        c.isalnum() or c in "#&" for c in noise
    )


@given(st.text(max_size=200) | st.from_regex(r"[#RGBCMYK0-9 ,/:.()hexHEX-]{0,80}", fullmatch=True))
def test_codes_stand_where_they_say(text: str) -> None:
    last = 0
    for code in codes_in(text):
        assert last <= code.start < code.end <= len(text)
        assert len(code.hex) == 7 and int(code.hex[1:], 16) >= 0
        last = code.end


@given(st.binary(max_size=300))
def test_any_bytes_are_operators_or_nothing(data: bytes) -> None:
    for operator, operands in operations(data):
        assert isinstance(operator, str) and len(operands) <= 200


def test_tokens() -> None:
    data = b"(a\\(b(c)\\051\\n) Tj [(x) -3.5 <4142>] TJ /F1#20 .5 Tf BI /W 1 ID a Q EI Q << /a 1 >> BDC % rg\n1 w"
    assert list(operations(data)) == [
        ("Tj", [b"a(b(c))\n"]),
        ("TJ", [[b"x", -3.5, b"AB"]]),
        ("Tf", ["/F1 ", 0.5]),
        ("BI", []),
        ("Q", []),
        ("BDC", []),
        ("w", [1.0]),
    ]


@pytest.mark.parametrize(
    ("base", "want"),
    [
        ("/ABCDEF+Inter-Bold", ("Inter", 700)),
        ("HankenGrotesk-SemiBold", ("Hanken Grotesk", 600)),
        ("IBMPlexSans-LightItalic", ("IBM Plex Sans", 300)),
        ("TimesNewRomanPS-BoldMT", ("Times New Roman", 700)),
        ("ArialMT", ("Arial", 400)),
        ("Arial,Bold", ("Arial", 700)),
        ("InterExtraBold", ("Inter", 800)),
        ("BlackJack", ("Black Jack", 400)),
        ("F1", None),
        ("", None),
    ],
)
def test_font_names(base: str, want: tuple[str, int] | None) -> None:
    found = font_name(base)
    assert (found and (found.family, found.weight)) == want


def test_a_guide_that_only_restricts_printing_opens() -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(guide())))
    writer.encrypt(user_password="", owner_password="owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    assert of_role(from_pdf(out.getvalue(), "x.pdf"), "primary") == ["#e20074"]


def test_a_guide_with_a_password_says_so() -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(guide())))
    writer.encrypt(user_password="secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    with pytest.raises(BadInput, match=r"x\.pdf needs a password"):
        from_pdf(out.getvalue(), "x.pdf")
