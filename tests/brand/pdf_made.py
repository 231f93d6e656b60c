"""PDFs for tests: a small guide drawn with Skia, and pages written by hand, byte for byte."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from importlib.resources import files

import skia

INK = 0xFF222222


def by_hand(
    contents: Sequence[bytes],
    objects: Mapping[int, bytes] | None = None,
    resources: str = "",
    *,
    info: str = "",
    catalog: str = "",
) -> bytes:
    """One 600 × 400 page for each content stream; `objects` are numbered from 100 on. No cross-reference table is
    needed to be right: readers rebuild it."""
    made: dict[int, bytes] = dict(objects or {})
    kids = " ".join(f"{10 + 2 * i} 0 R" for i in range(len(contents)))
    made[1] = f"<< /Type /Catalog /Pages 2 0 R {catalog} >>".encode()
    made[2] = f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>".encode()
    made[3] = f"<< {info} >>".encode()
    for i, content in enumerate(contents):
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 400] /Contents {11 + 2 * i} 0 R "
        made[10 + 2 * i] = f"{page}/Resources << {resources} >> >>".encode()
        made[11 + 2 * i] = stream(content)
    out = bytearray(b"%PDF-1.7\n")
    places: dict[int, int] = {}
    for number in sorted(made):
        places[number] = len(out)
        out += f"{number} 0 obj\n".encode() + made[number] + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        out += f"{number} 1\n{place:010d} 00000 n \n".encode()
    out += f"trailer\n<< /Root 1 0 R /Info 3 0 R /Size {max(made) + 1} >>\nstartxref\n{start}\n%%EOF".encode()
    return bytes(out)


def stream(data: bytes, entries: str = "", *, packed: bool = False) -> bytes:
    if packed:
        data, entries = zlib.compress(data, 9), entries + " /Filter /FlateDecode"
    return f"<< {entries} /Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"


def face(package: str, file: str) -> skia.Typeface:
    """A face of the fonts that come with the project: the same on every machine."""
    return skia.Typeface.MakeFromFile(str(files(package) / "files" / file))


def guide(title: str = "Example Brand Guidelines 2024") -> bytes:
    """Three pages: a cover, five labelled swatches under two headings, and a page of text."""
    target = skia.DynamicMemoryWStream()
    metadata = skia.PDF.Metadata()
    metadata.fTitle = title
    document = skia.PDF.MakeDocument(target, metadata)
    bold = face("font_source_serif_pro", "SourceSerifPro-Bold.ttf")
    plain = face("font_hanken_grotesk", "HankenGrotesk-Regular.otf")

    def write(canvas: skia.Canvas, text: str, x: float, y: float, size: float, face=plain, ink: int = INK) -> None:
        canvas.drawString(text, x, y, skia.Font(face, size), skia.Paint(Color=ink))

    def swatch(canvas: skia.Canvas, hex_: str, x: float, y: float) -> None:
        canvas.drawRect(skia.Rect.MakeXYWH(x, y, 180, 120), skia.Paint(Color=0xFF000000 | int(hex_[1:], 16)))

    canvas = document.beginPage(842, 595)
    canvas.drawRect(skia.Rect(0, 0, 842, 595), skia.Paint(Color=0xFFE20074))
    write(canvas, "Example", 60, 300, 90, bold, 0xFFFFFFFF)
    write(canvas, "Brand guidelines", 60, 360, 24, ink=0xFFFFFFFF)
    document.endPage()
    canvas = document.beginPage(842, 595)
    write(canvas, "Primary colours", 60, 80, 36, bold)
    for i, (hex_, name) in enumerate([("#E20074", "Magenta"), ("#000000", "Black"), ("#FFFFFF", "White")]):
        swatch(canvas, hex_, 60 + i * 200, 110)
        red, green, blue = (int(hex_[k : k + 2], 16) for k in (1, 3, 5))
        for k, line in enumerate([name, f"HEX {hex_}", f"RGB {red} {green} {blue}", "CMYK 10 20 30 40"]):
            write(canvas, line, 60 + i * 200, 260 + 15 * k, 12 if k == 0 else 10)
    write(canvas, "Secondary colours", 60, 380, 36, bold)
    for i, (hex_, name, code) in enumerate(
        [("#00A0DE", "Cyan", "R 0 G 160 B 222"), ("#FFD329", "Yellow", "R255 G211 B41")]
    ):
        swatch(canvas, hex_, 60 + i * 200, 400)
        write(canvas, name, 60 + i * 200, 540, 12)
        write(canvas, code, 60 + i * 200, 555, 10)
    document.endPage()
    canvas = document.beginPage(842, 595)
    write(canvas, "Tone of voice", 60, 80, 36, bold)
    for k in range(20):
        write(canvas, "We speak plainly and with warmth, and never shout at anybody here.", 60, 120 + k * 20, 11)
    document.endPage()
    document.close()
    return bytes(target.detachAsData())
