"""What a designer typed as an address, and what a website answered, in words that say what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from studio.brand.source.intake import printable
from studio.errors import BadInput

SAVE_IT = "Open it in your browser, save the page (Save as, complete) and give the saved page or folder instead"
_EXPECTED = "Expected an address like https://example.org"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?![0-9]{1,5}(?:[/?#]|$))")
_WALLS = {
    403: "does not let programs read it (403)",
    406: "does not let programs read it (406)",
    429: "has been asked too often (429)",
    451: "is blocked for legal reasons where you are (451)",
    503: "is busy, or does not let programs read it (503)",
}
_LOGIN = (401, 402, 407)
_GONE = (404, 410)


@dataclass(frozen=True)
class Reply:
    """What a website said before the page itself: enough to tell a bot wall that answers 200."""

    url: str
    """Where the page was in the end."""
    status: int
    headers: Mapping[str, str]
    """Names in lower case; of repeated ones the first."""


class NotFetched(Exception):
    """Why a file of a website was not read, to be put behind its address. `remedy` is for a first page."""

    def __init__(self, why: str, remedy: str = "", unanswered: bool = False) -> None:
        super().__init__(why)
        self.remedy = remedy
        self.unanswered = unanswered
        """Whether nothing that speaks the language asked for was there: another scheme may be tried."""


class Spent(NotFetched):
    """A limit of the whole site is reached: a sentence of its own."""


def candidates(typed: str) -> tuple[str, ...]:
    """The addresses a person may mean, to be tried in order: without a scheme, https and then http.

    Raises `BadInput` for what is no address of a website."""
    text = typed.strip()
    shown = printable(text[:80])
    if not text:
        raise BadInput("There is no address", _EXPECTED)
    scheme = _SCHEME.match(text)
    if scheme and scheme[0].lower() in ("http:", "https:"):
        if not text[scheme.end() :].startswith("//"):
            raise BadInput(f"{shown} is not a web address", _EXPECTED)
        return (text,)
    if scheme:
        raise BadInput(f"{shown} is not a web address: only http and https are read", _EXPECTED)
    bare = text.removeprefix("//")
    return f"https://{bare}", f"http://{bare}"


def unwelcome(status: int) -> NotFetched:
    """What a status other than 200 means."""
    if status in _WALLS:
        return NotFetched(_WALLS[status], SAVE_IT)
    if status in _LOGIN:
        return NotFetched(f"asks for a login ({status})", SAVE_IT)
    if status in _GONE:
        return NotFetched(f"is not there ({status})", "Check the address, or begin with the home page")
    if status >= 500:
        return NotFetched(f"is out of order ({status})", f"Try again later. {SAVE_IT}")
    return NotFetched(f"answers with code {status} and no page", SAVE_IT)
