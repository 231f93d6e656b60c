"""What a file is, told from its bytes first; a name or a server may say anything."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from studio.brand.source.site import Kind

CALLED: dict[Kind, str] = {
    "page": "page",
    "style": "style sheet",
    "picture": "picture",
    "font": "font",
    "data": "file",
}
"""What a designer calls each kind."""

_ENDINGS = {
    **dict.fromkeys(("html", "htm"), "text/html"),
    **dict.fromkeys(("xhtml", "xht"), "application/xhtml+xml"),
    **dict.fromkeys(("jpg", "jpeg", "jfif"), "image/jpeg"),
    **dict.fromkeys(("tif", "tiff"), "image/tiff"),
    **{"css": "text/css", "svg": "image/svg+xml", "png": "image/png", "gif": "image/gif", "webp": "image/webp"},
    **{"avif": "image/avif", "bmp": "image/bmp", "ico": "image/x-icon", "woff": "font/woff", "woff2": "font/woff2"},
    **{"ttf": "font/ttf", "otf": "font/otf", "ttc": "font/collection", "json": "application/json"},
    **{"webmanifest": "application/manifest+json", "xml": "application/xml", "js": "text/javascript"},
    **{"txt": "text/plain"},
}
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"\0\0\1\0", "image/x-icon"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"wOF2", "font/woff2"),
    (b"wOFF", "font/woff"),
    (b"OTTO", "font/otf"),
    (b"\0\1\0\0", "font/ttf"),
    (b"true", "font/ttf"),
    (b"ttcf", "font/collection"),
    (b"%PDF-", "application/pdf"),
    (b"PK\3\4", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
)
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_HEAD = 16_384
_PAGE = re.compile(r"<(!doctype\s+html|html|head|body|title|meta|script|h1|div|p)[\s>]", re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,80}")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9][A-Za-z0-9._:+-]{0,40})", re.IGNORECASE)
# Served for any file by servers that know no better.
_UNTOLD = ("", "text/plain", "application/octet-stream", "binary/octet-stream", "application/x-download")
_PAGES = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True)
class Judged:
    """Whether a file is what it was wanted for. `refusal` is why not; `remark` is worth a note though it is taken."""

    media_type: str
    refusal: str = ""
    remark: str = ""


def ending_type(name: str) -> str:
    """The media type that a file's name promises; "" for an unknown ending."""
    return _ENDINGS.get(PurePosixPath(name).suffix.lower().removeprefix("."), "")


def sniffed(data: bytes) -> str:
    """The media type told from the first bytes; "" where they do not tell."""
    for magic, media_type in _MAGIC:
        if data.startswith(magic) and not (magic == b"true" and b"\0" not in data[:64]):
            return "" if media_type == "image/bmp" and data[6:10] != b"\0\0\0\0" else media_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":
        return "image/avif" if data[8:12] in (b"avif", b"avis") else "application/octet-stream"
    if data[34:36] == b"LP" and data[8:11] in (b"\0\0\1", b"\1\0\2", b"\2\0\2"):
        return "application/vnd.ms-fontobject"
    text = _head(data)
    tag = _first_tag(text)
    if tag == "svg":
        return "image/svg+xml"
    return "text/html" if text.lstrip("\ufeff \t\r\n\f").startswith("<") and _PAGE.search(text) else ""


def judged(data: bytes, kind: Kind, declared: str, name: str) -> Judged:
    """Whether `data` is a `kind`. `declared` is a server's media type, lower case, "" where there is none."""
    seen = sniffed(data)
    if kind == "picture":
        if seen.startswith("image/"):
            return Judged(seen)
        return Judged(seen or declared, "is a page, not a picture" if seen == "text/html" else "is not a picture")
    if kind == "font":
        known = seen.startswith("font/") or seen == "application/vnd.ms-fontobject"
        return Judged(seen or declared, "" if known else "is not a font file")
    if is_binary(data) or (seen and seen not in _PAGES and seen != "image/svg+xml"):
        return Judged(seen or declared, f"is not a {CALLED[kind]} but other data" if kind != "data" else "is not text")
    named = ending_type(name)
    if kind == "page":
        return _page(seen, declared, named)
    if kind == "style":
        return _style(seen, declared, named)
    return Judged(declared if declared not in _UNTOLD else seen or named or "text/plain")


def _page(seen: str, declared: str, named: str) -> Judged:
    if declared in _PAGES:
        return Judged(declared)
    if declared in _UNTOLD and (seen == "text/html" or named in _PAGES):
        return Judged(named if named in _PAGES else "text/html")
    return Judged(declared or named or seen, "is not a page (HTML)")


def _style(seen: str, declared: str, named: str) -> Judged:
    if seen:
        return Judged(seen, "is a page, not a style sheet" if seen == "text/html" else "is not a style sheet")
    if declared == "text/css" or (not declared and named in ("text/css", "")):
        return Judged("text/css")
    if declared in _UNTOLD:
        remark = f"is served as {declared}, read as a style sheet all the same" if declared else ""
        return Judged("text/css", remark=remark)
    return Judged(declared, f"is served as {declared}, not as a style sheet")


def is_binary(data: bytes) -> bool:
    """Whether the first bytes hold zeros that no text has; UTF-16 with its mark is text."""
    return b"\0" in data[:_HEAD] and not data.startswith(_WIDE)


def declared_type(header: str) -> tuple[str, str | None]:
    """A Content-Type header as (media type in lower case, charset or None); ("", None) for nonsense."""
    text = header[:400].partition(";")[0].strip().lower()
    charset = _CHARSET.search(header[:400])
    return text if _MEDIA_TYPE.fullmatch(text) else "", charset[1].lower() if charset else None


def charset_of(data: bytes, declared: str | None) -> str | None:
    """The character set a file declares: by the mark at its beginning, else with it, else None."""
    if data.startswith(b"\xef\xbb\xbf"):
        return "utf-8"
    if data.startswith(_WIDE):
        return "utf-16-le" if data[0] == 0xFF else "utf-16-be"
    return declared


def _head(data: bytes) -> str:
    head = data[:_HEAD]
    if head.startswith(_WIDE):
        return head.decode("utf-16", "replace")
    return head.removeprefix(b"\xef\xbb\xbf").decode("latin-1")


def _first_tag(text: str) -> str:
    """The name of the first element, past declarations, comments and white space; "" if there is none so early."""
    at = 0
    while at < len(text):
        rest = text[at:]
        bare = rest.lstrip("\ufeff \t\r\n\f")
        at += len(rest) - len(bare)
        if bare.startswith("<!--"):
            end = text.find("-->", at)
            at = end + 3 if end >= 0 else len(text)
        elif bare.startswith(("<?", "<!")):
            at = _past_declaration(text, at)
        else:
            found = re.match(r"<(?:[A-Za-z][\w.-]{0,30}:)?([A-Za-z][\w-]{0,40})[\s/>]", text[at : at + 100])
            return found[1].lower() if found else ""
    return ""


def _past_declaration(text: str, at: int) -> int:
    """Behind a declaration; a doctype may carry others in square brackets."""
    end, bracket = text.find(">", at), text.find("[", at)
    if 0 <= bracket < end and text.startswith("<!", at):
        end = text.find("]", bracket)
        end = text.find(">", end) if end >= 0 else -1
    return end + 1 if end >= 0 else len(text)
