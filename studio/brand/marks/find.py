"""The logo of a website: every picture that could be it is weighed, the likeliest that can be drawn is taken."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from studio.brand.marks.candidates import Candidate, candidates
from studio.brand.marks.files import Drawn, draw
from studio.brand.marks.icons import find_icon, icon_urls
from studio.brand.marks.signs import LIKELY, Signs, confidence_of
from studio.brand.marks.words import family, folders_of, logo_word, says_name, stem_of, telling, tokens
from studio.brand.page.look import Look
from studio.brand.site.proposals import Mark
from studio.brand.source.site import Site
from studio.errors import BadInput

MOST_LOGOS = 4
_MOST_DRAWN = 10
_SURE = 5.0
_PICTURE = re.compile(r"(?i)\.(svg|png|webp|gif|jpe?g)$")


@dataclass(frozen=True)
class MarksFound:
    """The logo and its variants, best first, at most four; the icon beside them. `not_found` says what is missing and
    why, `warnings` what was linked as a logo but could not be used."""

    logos: tuple[Mark, ...] = ()
    icon: Mark | None = None
    not_found: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Rated:
    candidate: Candidate
    points: float


def find_marks(look: Look, site: Site, name_words: frozenset[str]) -> MarksFound:
    """The logos of a page. `name_words` are lower-case words of the brand's likely name; they may be empty.

    Reads the few likeliest pictures of the site and the icon; raises nothing."""
    names = telling(name_words)
    signs = Signs(look, site, names)
    rated = _rated(look, site, signs)
    likely = [one for one in rated if one.points >= LIKELY]
    site.read_all(tuple((one.candidate.url, "picture") for one in likely[:6] if one.candidate.url))
    warnings: list[str] = []
    logos = _logos(likely, rated, _Finder(look, site, signs, warnings))
    icon = find_icon(look, site)
    missing = () if logos else (_why_none(look, signs, bool(warnings)) + _beside(site, names, rated),)
    return MarksFound(tuple(logos), icon, missing, tuple(dict.fromkeys(warnings)))


def _rated(look: Look, site: Site, signs: Signs) -> list[_Rated]:
    """Every candidate with its points, the best first; the same file counts once, and more for each further place."""
    best: dict[object, _Rated] = {}
    for candidate in candidates(look, site):
        points = signs.points(candidate)
        key = (candidate.url, candidate.dark) if candidate.url else id(candidate.svg)
        known = best.get(key)
        if known is None:
            best[key] = _Rated(candidate, points)
        elif min(points, known.points) >= 1.0:
            first = known.candidate if known.points >= points else candidate
            best[key] = _Rated(first, max(points, known.points) + 0.3)
        elif points > known.points:
            best[key] = _Rated(candidate, points)
    return sorted(best.values(), key=lambda one: -one.points)


class _Finder:
    """Draws candidates and keeps count of what has been drawn."""

    def __init__(self, look: Look, site: Site, signs: Signs, warnings: list[str]) -> None:
        self.look, self.site, self.signs, self.warnings = look, site, signs, warnings
        self.names = signs.names
        self.icons = frozenset(icon_urls(look, site))
        self._left = _MOST_DRAWN
        self._seen: set[str] = set()

    def together(self, one: Candidate, other: Candidate) -> bool:
        """Whether both show at once within one link."""
        if one.seen is None or other.seen is None or not (one.seen.shown and other.seen.shown):
            return False
        link = self.signs.link_of(one.seen.element)
        return link is not None and link is self.signs.link_of(other.seen.element)

    def drawn(self, candidate: Candidate, confidence: float, say: bool = True) -> Drawn | None:
        """The mark, or None with a warning; None also for one whose file has been taken already."""
        if self._left <= 0:
            return None
        self._left -= 1
        try:
            drawn = draw(candidate, confidence, self.look, self.site)
        except BadInput as error:
            if say:
                where = self.site.label(candidate.url) if candidate.url else "drawn in the page"
                self.warnings.append(f"A logo found in {candidate.said} ({where}) was not taken: {error}")
            return None
        digest = hashlib.sha256(drawn.mark.data).hexdigest()
        if digest in self._seen:
            return None
        self._seen.add(digest)
        return drawn


def _logos(likely: list[_Rated], rated: list[_Rated], finder: _Finder) -> list[Mark]:
    found: list[Drawn] = []
    for place, one in enumerate(likely):
        drawn = finder.drawn(one.candidate, confidence_of(one.points))
        if drawn is not None:
            found = [drawn, *_variants(one, drawn, likely[place + 1 :], finder)]
            break
    if not found:
        return []
    taken = {drawn.url for drawn in found}
    unfit = {url for one in rated if one.points < LIKELY for url in one.candidate.urls}
    found += _unlinked(found[0], taken | unfit, finder, MOST_LOGOS - len(found))
    return _named_apart([drawn.mark for drawn in found])


def _variants(first: _Rated, drawn: Drawn, others: list[_Rated], finder: _Finder) -> list[Drawn]:
    """Other files of the same logo that the page shows: for the other ground, sharper, elsewhere on the page."""
    kept: list[Drawn] = []
    for one in others:
        if len(kept) >= MOST_LOGOS - 1:
            break
        same = _same_logo(first, one, finder.names)
        if not same and one.points < _SURE:
            continue
        found = finder.drawn(one.candidate, confidence_of(one.points), say=False)
        if found is None:
            continue
        # Another file that is called otherwise is the same logo only if it is what the first one lacks.
        grounds = {drawn.mark.on, *(other.mark.on for other in kept)}
        if same or (found.mark.on not in grounds and _alike(drawn, found)):
            kept.append(found)
        elif one.candidate.seen is not None and finder.together(first.candidate, one.candidate):
            name = drawn.mark.source
            finder.warnings.append(f"The page puts its logo together from several pictures; only {name} was taken")
    return kept


def _same_logo(one: _Rated, other: _Rated, names: frozenset[str]) -> bool:
    if one.candidate.seen is not None and one.candidate.seen is other.candidate.seen:
        return True
    first, second = stem_of(one.candidate.url), stem_of(other.candidate.url)
    if first.isdigit() or second.isdigit() or not first or not second:
        return False
    if not (_telling_stem(first, names) and _telling_stem(second, names)):
        return False
    # `acme-logo.svg` and `logo-white.svg` are one logo where both stand where a logo stands.
    apart = family(first) ^ family(second)
    return not apart or (other.points >= _SURE and apart <= names)


def _telling_stem(stem: str, names: frozenset[str]) -> bool:
    return logo_word(tokens(stem), names) > 0 or says_name(stem, names)


def _alike(one: Drawn, other: Drawn) -> bool:
    """Whether two marks have about the same proportions."""
    (h1, w1), (h2, w2) = one.pixels.shape[:2], other.pixels.shape[:2]
    ratio = (w1 / h1) / (w2 / h2)
    return 0.8 < ratio < 1.25


def _unlinked(first: Drawn, known: set[str], finder: _Finder, room: int) -> list[Drawn]:
    """Files beside the logo that no page shows, called as it is but for the ground, the size or the format."""
    if not first.url or first.url[:5] == "data:" or room <= 0:
        return []
    stem, names = stem_of(first.url), finder.names
    folder = first.url.rpartition("/")[0]
    beside = [
        url
        for url in finder.site.listed()
        if url not in known
        and url not in finder.icons
        and url.rpartition("/")[0] == folder
        and _PICTURE.search(url)
        and family(stem_of(url)) == family(stem)
        and _telling_stem(stem_of(url), names)
    ]
    # A row of numbers is a row of other people's logos.
    numbered = [url for url in beside if re.search(r"(^|\D)\d{1,2}($|\D)", re.sub(r"@\dx", "", stem_of(url)))]
    beside = [url for url in beside if len(numbered) < 3 or url not in numbered]
    found: list[Drawn] = []
    for url in sorted(beside, key=lambda url: (not url.lower().endswith(".svg"), len(url), url))[:6]:
        said = "in the folder beside the logo, not shown on the page"
        drawn = finder.drawn(Candidate("listed", (url,), said), 0.4, say=False)
        if drawn is not None and len(found) < room:
            found.append(drawn)
    return found


def _named_apart(marks: list[Mark]) -> list[Mark]:
    taken: set[str] = set()
    out: list[Mark] = []
    for mark in marks:
        stem, _, ending = mark.file.rpartition(".")
        file, count = mark.file, 2
        while file.lower() in taken:
            file, count = f"{stem}-{count}.{ending}", count + 1
        taken.add(file.lower())
        out.append(mark.model_copy(update={"file": file}))
    return out


def _why_none(look: Look, signs: Signs, failed: bool) -> str:
    """What there is instead of a logo, in a sentence."""
    if failed:
        return "No logo found: what the page shows as its logo cannot be used, see the warnings. Drop a logo file."
    words = _written_name(look, signs)
    if words:
        return f"No logo found: the header has a wordmark in text only (“{words}”). Drop a logo file."
    pictures = [s for s in look.seen if s.shown and (s.element.tag in ("img", "svg") or s.pictures)]
    if any(signs.header(picture) for picture in pictures):
        return "No logo found: no picture in the header is the site's own logo. Drop a logo file."
    if pictures:
        return "No logo found: no picture on the page is called a logo or links home. Drop a logo file."
    return "No logo found: the page shows no picture. Drop a logo file."


def _written_name(look: Look, signs: Signs) -> str:
    """The words of the header's link home, or of its heading."""
    for seen in look.seen:
        element = seen.element
        if element.tag != "a" or not seen.shown or not (signs.header(seen) or "brand" in seen.places):
            continue
        called = "brand" in seen.places or any(logo_word(tokens(c), frozenset()) for c in element.classes)
        if signs.home.leads(element) == "home" or called:
            words = element.text(60)
            if 1 < len(words) <= 40 and not set(tokens(words)) <= {"home", "start", "skip", "menu"}:
                return words
    heads = (seen.element for seen in look.seen if seen.element.tag == "h1" and seen.shown and signs.header(seen))
    return next((words for head in heads if 1 < len(words := head.text(60)) <= 40), "")


def _beside(site: Site, names: frozenset[str], rated: list[_Rated]) -> str:
    """A hint at files in the folder that are called a logo but that no page shows."""
    shown = {url for one in rated for url in one.candidate.urls}
    for url in site.listed():
        stem = stem_of(url)
        plain = tokens(stem) in (("logo",), ("wordmark",), ("logotype",)) or (
            logo_word(tokens(stem), names) == 1.0 and says_name(stem, names)
        )
        if (
            plain
            and url not in shown
            and re.search(r"(?i)\.(svg|png)$", url)
            and not folders_of(url) & {"clients", "partners"}
        ):
            return f" {site.label(url)} lies in the folder, but the page does not show it: use it if it is yours."
    return ""
