"""A brand from its guidelines as PDF: colours printed and drawn, fonts by use, the name. Nothing in it is run."""

from __future__ import annotations

import io
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from studio.brand.art.pictures import brand_words
from studio.brand.pdf.colours import entry, resolved
from studio.brand.pdf.fonts import FontName, decoder, named
from studio.brand.pdf.lines import Line, lines_of
from studio.brand.pdf.page import Decoder, OutOfTime, Page, Reader
from studio.brand.pdf.swatches import palette_of
from studio.brand.site.proposals import Proposals, Typeface, Words
from studio.errors import BadInput

if TYPE_CHECKING:
    from pypdf import PdfReader

MAX_PDF_BYTES = 64_000_000
MAX_PAGES = 80
_STREAM_BYTES = 12_000_000
_MOST_FONTS = 120
_HINT = "Export it again as PDF, or give the logo and the website instead"
_GUIDE_WORDS = re.compile(
    r"(?i)microsoft (?:word|powerpoint) - |\.(?:pdf|docx?|pptx?|indd|ai|key|idml)\b|\b(?:brand(?:ing)?|style|visual|"
    r"corporate|identity|design|logo|manual|guide(?:s|lines?|book)?|book|standards?|rules|toolkit|kit|system|styleguide|"
    r"brandbook|usage|version|edition|v\d[\d.]*|ver|final|draft|rev|untitled|document|presentation|colou?rs?|"
    r"the|our|for|of|and|a|welcome|to|introduction|contents|page|(?:19|20)\d\d)\b|[|:–—_©®™]|(?<!\w)\d+(?:\.\d+)*(?!\w)"
)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")
Read = list[tuple[int, Page, list[Line]]]


def from_pdf(data: bytes, name: str, *, seconds: float = 4.0) -> Proposals:
    """What a guidelines PDF says and shows; `name` is the file's. At most 80 pages are read, for about `seconds`.

    Raises `BadInput` for what is no PDF, is damaged, or needs a password.
    """
    if len(data) > MAX_PDF_BYTES:
        raise BadInput(f"{name} is larger than {MAX_PDF_BYTES / 1e6:g} MB", "Save a smaller version of it")
    if b"%PDF-" not in data[:1024]:
        raise BadInput(f"{name} is not a PDF", "Expected a PDF file")
    warnings: list[str] = []
    with _bounded():
        document = _opened(data, name)
        fonts = _Fonts()
        pages = _pages(document, name, fonts, warnings, time.monotonic() + seconds)
        title, language = _title(document), _language(document)
    words = _name(title, pages, name)
    palette = palette_of(pages, name)
    heading, body = _faces(pages, fonts, name)
    has = {colour.role for colour in palette}
    missing = [] if words else ["name: neither the title nor the first page says one"]
    missing += [f"{role} colour" for role in ("primary", "accent", "background", "text") if role not in has]
    missing.append("logo: in the PDF it is drawn on the page; export it as SVG")
    if heading is None:
        missing.append("fonts: the text is drawn as shapes or pictures, so that no font is named")
    if not any(page.runs for _, page, _ in pages):
        warnings.append(f"{name} holds no text that can be read; colour codes in pictures are not seen")
    missing.append("photography: pictures in a PDF are not looked at")
    return Proposals(
        site=name,
        name=words,
        language=language,
        palette=palette,
        heading=heading,
        body=body,
        not_found=tuple(missing),
        warnings=tuple(warnings),
    )


# ------------------------------------------------------------------------------------------------------ reading


@contextmanager
def _bounded() -> Iterator[None]:
    """pypdf with small limits, and without its remarks on standard error."""
    from pypdf import apply_configuration

    log = logging.getLogger("pypdf")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with apply_configuration(
            maximum_declared_stream_length=MAX_PDF_BYTES,
            array_based_stream_maximum_output_length=_STREAM_BYTES,
            lzw_maximum_output_length=_STREAM_BYTES // 4,
            run_length_maximum_output_length=_STREAM_BYTES,
            zlib_maximum_output_length=_STREAM_BYTES,
            zlib_maximum_recovery_input_length=500_000,
            brotli_maximum_output_length=_STREAM_BYTES,
            stream_filters_maximum_length=6,
            stream_decoding_work_maximum_length=3 * _STREAM_BYTES,
            page_tree_maximum_entries=20_000,
            page_tree_maximum_page_entries=200_000,
            jbig2dec_binary=None,
        ):
            yield
    finally:
        log.setLevel(level)


def _opened(data: bytes, name: str) -> PdfReader:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    try:
        document = PdfReader(io.BytesIO(data), strict=False)
        # Many guides only restrict printing: they open with the empty password.
        if document.is_encrypted and not document.decrypt(""):
            raise BadInput(f"{name} needs a password", "Save a copy without one")
        if not len(document.pages):
            raise BadInput(f"{name} has no pages", _HINT)
    except BadInput:
        raise
    except DependencyError as error:
        raise BadInput(f"{name} is encrypted", "Save a copy without protection") from error
    except MemoryError as error:
        raise BadInput(f"{name} does not fit into memory", "Save a smaller version of it") from error
    # Hostile files meet pypdf with any exception, recursion included; this is the one place that knows why.
    except Exception as error:
        raise BadInput(f"{name} is damaged: {' '.join(str(error).split())[:100]}", _HINT) from error
    return document


class _Fonts:
    """The fonts met so far: their names by key, and how their bytes become text."""

    def __init__(self) -> None:
        self.names: dict[str, FontName] = {}
        self.known: dict[int, tuple[str, Decoder]] = {}
        # Keeps what `known` is keyed by alive: an id is only an id as long as its object lives.
        self.kept: list[Any] = []

    def find(self, reference: Any) -> tuple[str, Decoder]:
        font = resolved(reference)
        if id(font) in self.known:
            return self.known[id(font)]
        if len(self.known) >= _MOST_FONTS:
            return "", lambda data: ("", 500.0 * len(data))
        found = named(font)
        key = f"{found.family} {found.weight}" if found else ""
        if found:
            self.names[key] = found
        self.known[id(font)] = (key, decoder(font))
        self.kept.append(font)
        return self.known[id(font)]


def _pages(document: PdfReader, name: str, fonts: _Fonts, warnings: list[str], deadline: float) -> Read:
    total = len(document.pages)
    read: Read = []
    failed = 0
    for index in range(min(total, MAX_PAGES)):
        page = None
        try:
            source = document.pages[index]
            box = source.cropbox
            width, height = float(box.width), float(box.height)
            page = Page(min(max(abs(width), 1.0), 20_000.0), min(max(abs(height), 1.0), 20_000.0))
            contents = source.get_contents()
            if contents is not None:
                reader = Reader(page, (float(box.left), float(box.bottom)), fonts.find, deadline)
                reader.read(contents.get_data(), entry(source, "/Resources"))
        except OutOfTime:
            warnings.append(f"{name} takes long to read: only the first {index + 1} of {total} pages were looked at")
            break
        # As above; what the page showed before it broke still counts.
        except Exception:
            failed += 1
        finally:
            if page is not None:
                read.append((index + 1, page, lines_of(page.runs)))
    if failed:
        warnings.append(
            f"{name}: {failed} of {total} pages are damaged or too large, and were read in part or not at all"
        )
    if total > MAX_PAGES and len(read) == MAX_PAGES:
        warnings.append(f"Only the first {MAX_PAGES} of {total} pages were looked at")
    if not read:
        raise BadInput(f"{name} has no page that can be read", _HINT)
    return read


def _safely(read: Callable[[], Any]) -> str:
    try:
        return str(read() or "").strip()[:200]
    except Exception:  # damaged metadata is no reason to refuse the pages
        return ""


def _title(document: PdfReader) -> str:
    return _safely(lambda: document.metadata.title if document.metadata else "")


def _language(document: PdfReader) -> str:
    found = _safely(lambda: entry(document.trailer["/Root"], "/Lang"))
    return found if _LANGUAGE.fullmatch(found) else ""


# ------------------------------------------------------------------------------------------------- name, fonts


def _name(title: str, pages: Read, file: str) -> Words | None:
    """From the document's title, the largest line of the first page and the file's name: agreement makes sure."""
    first = max(pages[0][2], key=lambda line: line.size, default=None)
    sources = [
        (_brand(title), 0.5, f"{file}: title of the document"),
        (_brand(first.text) if first else "", 0.45, f"{file} page 1: largest text"),
        (brand_words(_GUIDE_WORDS.sub(" ", re.sub(r"[-_.]+", " ", _stem(file)))), 0.3, f"file name {file}"),
    ]
    sources = [one for one in sources if one[0]]
    if not sources:
        return None
    said = Counter(word for _, _, lines in pages for line in lines for word in {line.text.casefold()})
    text, sure, source = sources[0]
    agree = sum(one[0].casefold() == text.casefold() for one in sources) - 1
    often = sum(count for line, count in said.items() if text.casefold() in line) >= 4
    others = tuple(dict.fromkeys(one[0] for one in sources if one[0].casefold() != text.casefold()))
    sure = min(0.85, sure + 0.15 * agree + (0.1 if often else 0.0))
    return Words(text=text, source=source, confidence=round(sure, 2), alternatives=others)


def _stem(file: str) -> str:
    return PurePosixPath(file.replace("\\", "/")).stem


def _brand(text: str) -> str:
    """What is left of a title without the words every guide's title has; empty where that is a sentence."""
    words = " ".join(_GUIDE_WORDS.sub(" ", text).split()).strip(" -,.'’s" if text.endswith("’s") else " -,.")
    return words if 1 < len(words) <= 40 and len(words.split()) <= 4 else ""


def _faces(pages: Read, fonts: _Fonts, file: str) -> tuple[Typeface | None, Typeface | None]:
    """The body face sets most letters; the heading face sets the most among lines well above the body's size."""
    letters: Counter[str] = Counter()
    sized: dict[str, Counter[int]] = {}
    where: dict[str, int] = {}
    for number, page, _ in pages:
        for run in page.runs:
            if run.font:
                letters[run.font] += len(run.text.strip())
                sized.setdefault(run.font, Counter())[round(run.size * 2)] += len(run.text)
                where.setdefault(run.font, number)
    if not letters:
        return None, None
    body = max(letters, key=lambda key: letters[key])
    usual = sized[body].most_common(1)[0][0]
    large: Counter[str] = Counter()
    for key, sizes in sized.items():
        # A few huge letters weigh as much as many that are only somewhat larger.
        large[key] = sum(count * size for size, count in sizes.items() if size >= 1.5 * usual)
    heading = max(large, key=lambda key: large[key]) if large and max(large.values()) > 0 else body
    # Letters of fonts without a name count too: what a named one sets may be little.
    share = letters[body] / max(1, sum(len(run.text.strip()) for _, page, _ in pages for run in page.runs))
    return (
        _face(fonts.names[heading], f"{file} page {where[heading]}: largest text", 0.6 if heading != body else 0.45),
        _face(fonts.names[body], f"{file} page {where[body]}: {share:.0%} of the text", 0.1 + 0.6 * share),
    )


def _face(name: FontName, source: str, sure: float) -> Typeface:
    plain = name.family.replace(" ", "")
    others: Sequence[str] = () if plain == name.family else (plain,)
    return Typeface(
        family=name.family, weight=name.weight, source=source, confidence=round(sure, 2), alternatives=tuple(others)
    )
