"""Whose terms a model file is under, and whether its pictures may go into paid ads."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from engines.base import EngineError

_FIELDS = {"licence", "commercial", "licence_url"}
_NOT_FOR_ADS = re.compile(r"\bnc\b|non[ -]?commercial|(academic|research)[ -]only", re.IGNORECASE)


@dataclass(frozen=True)
class Terms:
    """`licence` is its name, "" when nobody states one. `commercial` is None when nobody says."""

    licence: str = ""
    commercial: bool | None = None
    url: str = ""

    @property
    def paid_ads(self) -> bool | None:
        """Whether its pictures may go into paid ads: what was said, else what the licence's name says."""
        if _NOT_FOR_ADS.search(self.licence):
            return False
        return self.commercial


def terms_beside(path: Path) -> Terms:
    """The terms written next to a model file, in `<file name>.toml`: `licence` (text), `commercial` (true or false)
    and perhaps `licence_url`. Raises `EngineError` when that file is there but cannot be understood."""
    beside = path.with_name(f"{path.name}.toml")
    if not beside.is_file():
        return Terms()
    try:
        table = tomllib.loads(beside.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"{beside} cannot be read: {error}", "Mend it, or delete it.") from error
    licence, commercial, url = table.get("licence", ""), table.get("commercial"), table.get("licence_url", "")
    if set(table) - _FIELDS or not isinstance(licence, str) or not isinstance(url, str):
        raise EngineError(f"{beside}: expected licence, commercial and licence_url only", "Mend it, or delete it.")
    if commercial is not None and not isinstance(commercial, bool):
        raise EngineError(f"{beside}: commercial: expected true or false, got {commercial!r}", "Mend it.")
    return Terms(licence, commercial, url)


def agree(name: str, terms: Terms, stated: str = "", option: str = "--licence") -> Terms:
    """The terms a model is used under, or `EngineError`.

    `stated` is the licence the designer says they have. It is needed where the terms are not stated or forbid paid
    ads, and then stands in for them; a licence that forbids paid ads itself is never enough. `option` is what it is
    stated with, empty where only the file beside it can.
    """
    if stated and Terms(stated).paid_ads is False:
        raise EngineError(f"{name}: {stated} does not allow paid ads", "Use a model whose licence does.")
    if terms.paid_ads:
        return terms
    if stated:
        return replace(terms, licence=stated, commercial=True)
    if terms.paid_ads is False:
        raise EngineError(
            f"{name} is under {terms.licence or 'terms'}, which does not allow paid ads",
            "Use another model, or state the licence you have from its owner.",
        )
    beside = f"{f'with {option}, or ' if option else ''}in {name}.toml beside it"
    if terms.licence:
        raise EngineError(
            f"{name} is under {terms.licence}; nobody says whether that allows paid ads",
            f"Read it{f' at {terms.url}' if terms.url else ''}; accept it {beside} (commercial = true).",
        )
    raise EngineError(
        f"The licence of {name} is not stated",
        f'Find out where it comes from; state it {beside} (licence = "its name", commercial = true).',
    )
