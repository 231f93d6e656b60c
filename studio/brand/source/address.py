"""References as they stand in pages and style sheets, made into addresses the way browsers do; `data:` read."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import quote, unquote, unquote_to_bytes, urljoin, urlsplit, urlunsplit

from studio.brand.source.content import declared_type

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_AROUND = "".join(chr(code) for code in range(33))
_LONGEST = 8000
_PATH_KEPT = "%/:@!$&'()*+,;=~-._"
_QUERY_KEPT = _PATH_KEPT + "?[]{}|^`"


def resolved(reference: str, base: str) -> str | None:
    """`reference` found in a file at `base` as an absolute http(s) address without fragment, or `data:` as it is.

    After https://url.spec.whatwg.org/: white space around it and line breaks within are dropped, backslashes are
    slashes, dot segments are taken out. None for other schemes, empty ones and those within the same file.
    """
    text = reference.strip(_AROUND)
    if text[:5].lower() == "data:":
        return text
    if len(text) > _LONGEST:
        return None
    text = re.sub(r"[\t\r\n]", "", text)
    text, _, _ = text.partition("#")
    path, mark, query = text.partition("?")
    path = path.replace("\\", "/")
    text = path + mark + query
    scheme = _SCHEME.match(text)
    if not text or (scheme and scheme[0].lower() not in ("http:", "https:")):
        return None
    if scheme:
        # Browsers read `https:/host` and `https:///host` as `https://host`.
        text = f"{scheme[0].lower()}//{text[scheme.end() :].lstrip('/')}"
    elif base[:5].lower() == "data:":
        return None
    try:
        return tidy(urljoin(base, text))
    except ValueError:
        return None


def tidy(url: str) -> str | None:
    """An absolute http(s) address in one spelling: host in lower case, no dot segments, no fragment, ASCII path.

    Raises ValueError where the address cannot be taken apart at all."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return None
    path = quote(_without_dots(parts.path), safe=_PATH_KEPT, errors="replace")
    query = quote(parts.query, safe=_QUERY_KEPT, errors="replace")
    return urlunsplit((parts.scheme, parts.netloc.lower(), path or "/", query, ""))


def _without_dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")
    for place, segment in enumerate(segments):
        plain = re.sub("(?i)%2e", ".", segment)
        if plain == "..":
            if len(kept) > 1:
                kept.pop()
        elif plain != ".":
            kept.append(segment)
            continue
        if place == len(segments) - 1:
            kept.append("")
    return "/".join(kept)


def inline(uri: str, limit: int) -> tuple[bytes, str, str | None] | None:
    """A `data:` address as (bytes, media type, charset); None if it is broken or holds more than `limit` bytes."""
    head, comma, payload = uri[5:].partition(",")
    if not comma or len(head) > 400 or len(payload) > 3 * limit + 1000:
        return None
    pieces = [piece.strip() for piece in head.split(";")]
    media_type, charset = declared_type(unquote(head))
    try:
        data = unquote_to_bytes(payload)
        if pieces[-1].lower() == "base64" and len(pieces) > 1:
            packed = b"".join(data.split()).rstrip(b"=")
            data = base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except (ValueError, binascii.Error):
        return None
    return (data, media_type or "text/plain", charset) if len(data) <= limit else None
