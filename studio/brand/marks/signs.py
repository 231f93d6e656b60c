"""How much speaks for a picture being the site's own logo. Points are added up; 3.5 is where it becomes likely."""

from __future__ import annotations

from dataclasses import dataclass

from studio.brand.marks.candidates import Candidate
from studio.brand.marks.home import Home, Leads, home_words
from studio.brand.marks.words import (
    ALIEN_FOLDERS,
    FURNITURE,
    LOGO,
    STRANGERS,
    folders_of,
    logo_word,
    platform,
    says_name,
    stem_of,
    strange_alt,
    strange_words,
    tokens,
)
from studio.brand.page.look import Look, Seen, words_of
from studio.brand.page.tree import Element
from studio.brand.source.site import Site

LIKELY = 3.5
_NEAR_TOP = 250
_STILL_TOP = 1500
_LINKS = frozenset(("a", "area"))
_PICTURES = frozenset(("img", "svg", "object", "embed", "amp-img"))


def confidence_of(points: float) -> float:
    """Points as a likelihood: 0.45 where a logo becomes likely, 0.96 at most. Set by eye on sites of known truth."""
    return round(min(0.96, max(0.3, 0.45 + (points - LIKELY) * 0.105)), 2)


@dataclass(frozen=True)
class _Standing:
    """Where a candidate stands on the page."""

    leads: Leads
    header: bool
    before: int
    """Characters of text that a reader meets first."""
    first: bool
    """Whether no other picture comes before it."""


class Signs:
    """The evidence of one page. `names` are the telling words of the brand's likely name, lower case."""

    def __init__(self, look: Look, site: Site, names: frozenset[str]) -> None:
        self._look, self.names = look, names
        self.home = Home(look, site, names)
        self._before: dict[int, int] = {}
        total = 0
        for seen in look.seen:
            self._before[id(seen.element)] = total
            total += seen.words
        pictures = (seen.element for seen in look.seen if seen.element.tag in ("img", "svg", "object") and seen.shown)
        self._first = next(pictures, None)
        self._rows: dict[tuple[int, tuple[str, ...]], list[Element]] = {}
        self._held: dict[int, tuple[int, str]] = {}

    def points(self, candidate: Candidate) -> float:
        """Evidence for a candidate being the logo; below 0 for what is certainly something else."""
        if candidate.seen is None:
            return self._stated(candidate)
        if candidate.seen.element.tag == "svg" and self._is_store(candidate.seen):
            return -9.0
        standing = self._standing(candidate.seen)
        words = self._own_words(candidate)
        called = max(logo_word(words, self.names), 0.75 * self._called_above(candidate.seen))
        points = self._place(candidate, standing, called) + 2.0 * called
        points += self._named(candidate, called)
        points -= self._against(candidate, words, called, standing)
        return points - self._beside(candidate, standing)

    def header(self, seen: Seen) -> bool:
        """Whether an element stands in the site's header or main menu."""
        early = self._before[id(seen.element)] < _STILL_TOP
        named = {"header", "masthead", "topbar"}
        above = (seen.element, *seen.element.ancestors())
        return early and (
            bool(seen.places & {"header", "nav"})
            or any(e.tag == "header" or words_of(e.get("class"), e.get("id")) & named for e in above if e.tag != "body")
        )

    def link_of(self, element: Element) -> Element | None:
        """The link an element is in."""
        return next((e for e in (element, *element.ancestors()) if e.tag in _LINKS and e.get("href")), None)

    # ------------------------------------------------------------------------------------------- what speaks for it

    def _stated(self, candidate: Candidate) -> float:
        stem = tokens(stem_of(candidate.url))
        if candidate.owner and self.names and not says_name(candidate.owner, self.names):
            return 1.0
        if platform(stem, self.names) or not candidate.stated:
            return -1.0
        return 5.0 + 2.2 * candidate.stated + 0.5 * float(says_name(stem_of(candidate.url), self.names))

    def _standing(self, seen: Seen) -> _Standing:
        element = seen.element
        link = self.link_of(element)
        leads: Leads = self.home.leads(link) if link is not None else ""
        if link is None:
            inner = [e for e in list(element.walk())[1:4] if e.tag in _LINKS]
            # `<h1 class="logo"><a href="/">Acme</a></h1>`, with the picture in the heading's style.
            if (
                len(inner) == 1
                and self.home.leads(inner[0]) == "home"
                and not element.text(200).replace(inner[0].text(200), "")
            ):
                leads = "home"
        return _Standing(leads, self.header(seen), self._before[id(element)], self._first is element)

    def _place(self, candidate: Candidate, standing: _Standing, called: float) -> float:
        seen = candidate.seen
        assert seen is not None
        early = standing.before < _NEAR_TOP
        footer = "footer" in seen.places
        points = 1.5 if standing.header else 0.5 if seen.places & {"footer"} else 0.0
        points += 0.5 if early else 0.0
        points += 1.0 if standing.first and early and (called or standing.leads in ("home", "top")) else 0.0
        if standing.leads == "home":
            points += 1.5 if footer else 3.0 if standing.header else 2.5 if early else 2.0
        elif standing.leads == "top":
            points += 2.0 if standing.header or (early and called) else 0.5 if called else 0.0
        elif standing.leads == "inside":
            points -= 1.5
        elif standing.leads == "away":
            points -= 3.5
        if seen.element.get("itemprop") == "logo":
            points += 3.0
        if candidate.kind == "background":
            points += self._replaced(seen)
        return points if seen.shown else points - 0.5

    def _replaced(self, seen: Seen) -> float:
        """Whether a style's picture stands for the element's words, or only behind them."""
        style = seen.style
        indent = style.get("text-indent")
        hides = "%" in indent or len(indent.strip("-")) > 4 or style.get("font-size") in ("0", "0px")
        hides = hides or (style.get("color") == "transparent" and "gradient" not in style.get("background-image"))
        if hides:
            return 2.5 if seen.element.tag == "h1" or "heading" in seen.places else 1.5
        count = len(seen.element.text(400))
        return -3.0 if count > 150 else -1.0 if count > 60 else 0.0

    def _named(self, candidate: Candidate, called: float) -> float:
        if not self.names or candidate.seen is None:
            return 0.0
        element = candidate.seen.element
        points = 1.5 if says_name(stem_of(candidate.url), self.names) else 0.0
        said = " ".join((element.get("alt"), element.get("aria-label"), element.get("title"), _svg_title(element)))
        if says_name(said, self.names):
            # A sentence with the name in it describes a picture.
            points += 1.5 if len(tokens(said)) <= 6 else 0.5
        return min(points, 2.5) if called else min(points, 2.0)

    def _called_above(self, seen: Seen) -> float:
        """Whether what it stands in is called the logo, and holds little else."""
        best = 0.0
        for above, _ in zip(seen.element.ancestors(), range(4), strict=False):
            if above.tag in ("body", "main", "html"):
                break
            named = tokens(" ".join((above.get("class"), above.get("id"), above.get("aria-label"), above.get("title"))))
            found = logo_word(named, self.names)
            if found > best and self._holds(above)[0] <= 4 and len(self._holds(above)[1]) < 200:
                best = found
        return best

    def _holds(self, element: Element) -> tuple[int, str]:
        """How many pictures an element holds, and the beginning of its text."""
        if id(element) not in self._held:
            pictures = sum(below.tag in _PICTURES for below in element.walk())
            self._held[id(element)] = (pictures, element.text(400))
        return self._held[id(element)]

    # --------------------------------------------------------------------------------------- what speaks against it

    def _own_words(self, candidate: Candidate) -> tuple[str, ...]:
        seen = candidate.seen
        assert seen is not None
        e = seen.element
        named = " ".join(e.get(name) for name in ("class", "id", "alt", "title", "aria-label", "data-testid", "name"))
        return tokens(f"{stem_of(candidate.url)} {named} {_svg_title(e)}")

    def _against(self, candidate: Candidate, words: tuple[str, ...], called: float, standing: _Standing) -> float:
        seen = candidate.seen
        assert seen is not None
        own = set(words) | (_uses(seen.element) if candidate.kind == "inline" else set())
        minus = 0.0
        if furniture := own & FURNITURE - self.names:
            plain = called < 0.9 or bool(furniture & {"placeholder", "avatar", "screenshot", "flag", "flags", "qr"})
            minus += 3.5 if plain else 0.5
        if platform(tuple(own), self.names):
            minus += 7.0
        stem = tokens(stem_of(candidate.url))
        if standing.leads != "home" and (strange_words(stem, self.names) if called or set(stem) & LOGO else ()):
            minus += 1.0 if standing.header else 2.0
        if strange_alt(seen.element.get("alt"), self.names):
            minus += 1.0 if standing.leads == "home" else 2.5
        folders = folders_of(candidate.url)
        if folders & ALIEN_FOLDERS - self.names:
            minus += 1.0 if standing.leads == "home" else 2.5
        elif "logos" in folders and not set(stem) & LOGO:
            minus += 1.0
        if called < 0.9 and (set(stem) & {"home", "house"} or self._words_say_home(seen)):
            minus += 3.0
        return minus + self._box(seen, called)

    def _words_say_home(self, seen: Seen) -> bool:
        link = self.link_of(seen.element)
        return link is not None and home_words(link) and not says_name(seen.element.get("alt"), self.names)

    def _box(self, seen: Seen, called: float) -> float:
        """Too small to be one, or too large and tall."""
        try:
            wide, high = (float(seen.element.get(side).removesuffix("px") or 0) for side in ("width", "height"))
        except ValueError:
            return 0.0
        if 0 < wide <= 3 or 0 < high <= 3:
            return 9.0
        if 0 < wide <= 24 and 0 < high <= 24 and wide == high:
            return 0.5 if called else 2.5
        return 1.5 if high > 300 and wide > 300 and called < 0.9 else 0.0

    def _beside(self, candidate: Candidate, standing: _Standing) -> float:
        """What stands around it: other people's logos, a row of networks, a menu that opens."""
        seen = candidate.seen
        assert seen is not None
        places, own = seen.places, standing.leads == "home"
        minus = 0.0
        minus += 5.0 if "partner" in places else 0.0
        minus += (1.0 if own else 3.0) if "social" in places else 0.0
        minus += 6.0 if "consent" in places else 0.0
        minus += 2.0 if "code" in places else 0.0
        minus += 1.0 if "button" in places and not standing.header else 0.0
        minus += 0.5 if "hero" in places and not own else 0.0
        if candidate.kind in ("picture", "inline"):
            row = self._row(seen.element)
            # Several homes side by side are the site's languages.
            languages = {self.home.language_of(link) for e in row[:20] if (link := self.link_of(e))} - {""}
            minus += 4.0 if (len(languages) >= 2 if own else len(row) >= 3) else 0.0
        near = [e for e, _ in zip(seen.element.ancestors(), range(3), strict=False) if e.tag not in ("body", "main")]
        if any(STRANGERS.search(text) for e in near if len(text := self._holds(e)[1]) < 200):
            minus += 4.0
        return minus

    def _row(self, element: Element) -> list[Element]:
        """The different pictures in the same places of a row, this one among them: three are a wall of logos."""
        path: tuple[str, ...] = (element.tag,)
        for above, _ in zip(element.ancestors(), range(4), strict=False):
            if above.tag in ("body", "html", "picture"):
                break
            key = (id(above), path)
            if key not in self._rows:
                found = _at(above, path)
                self._rows[key] = list({e.get("src") or e.get("data-src") or str(id(e)): e for e in found}.values())
            alike = self._rows[key]
            if len(alike) >= 3 or (len(alike) == 2 and len(path) > 1):
                return alike
            path = (above.tag, *path)
        return [element]

    def _is_store(self, seen: Seen) -> bool:
        """Whether an inline drawing only holds symbols for others to use, or is not meant to be seen."""
        parts = [e.tag for e in seen.element.elements if e.tag not in ("title", "desc", "style", "metadata")]
        return not parts or all(tag in ("symbol", "defs") for tag in parts)


def _at(above: Element, path: tuple[str, ...]) -> list[Element]:
    found = [above]
    for tag in path:
        found = [child for element in found for child in element.elements if child.tag == tag][:60]
    return found


def _svg_title(element: Element) -> str:
    if element.tag != "svg":
        return ""
    return next((e.text(100) for e in element.elements if e.tag == "title"), "")


def _uses(element: Element) -> set[str]:
    """The words in the names of the symbols that a drawing uses: `#icon-search`."""
    used = (e.get("href") or e.get("xlink:href") for e in list(element.walk())[:40] if e.tag == "use")
    return {word for name in used for word in tokens(name.rpartition("#")[2])}
