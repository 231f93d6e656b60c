"""What a brand calls itself, the line under its name, and its language; each told by several signs that agree."""

from __future__ import annotations

import re
from collections.abc import Iterator

from studio.brand.page.look import Look, words_of
from studio.brand.page.tree import Element
from studio.brand.site.proposals import Words
from studio.brand.source.site import Site
from studio.brand.words.candidates import (
    Candidate,
    alike,
    candidates_of,
    doubt_headlines,
    only_headline,
    strengthen,
    within,
)
from studio.brand.words.chaff import (
    is_codelike,
    is_consent,
    is_date,
    is_generic,
    is_legal,
    is_placeholder,
    key_of,
    without_legal_form,
)
from studio.brand.words.signs import CJK, Sign, bare, host_of, segments, signs_of
from studio.brand.words.texts import Block, blocks_of, joined
from studio.brand.words.tongue import language_told

_LEAST = 0.12
_LEAST_TAGLINE = 0.2
_LEAST_READ_PX = 7.0
_HOST_WORDS = frozenset("www blog shop store docs m en de web home go get app demo".split())
_HOSTED = re.compile(
    r"(?:\.|^)(?:github\.io|gitlab\.io|[\w-]+\.app|[\w-]+\.dev|appspot\.com|herokuapp\.com|myshopify\.com|"
    r"[\w-]*(?:wordpress|blogspot|tumblr|squarespace|weebly|wix)[\w-]*\.\w+)$"
)
_SLOGANS = frozenset("tagline slogan claim motto strapline sitedescription".split())
_LEADS = frozenset("subtitle subheading subheader subhead subheadline lead lede intro subline".split())
_NOT_A_LINE = re.compile(
    r"(?i)\b(?:theme|template|documentation|docs|home ?page|front page|web ?site|portfolio|blog)\W*$"
)
_MAKER = re.compile(r"(?i)\b(?:theme|template|made by|created by)\b")
_YEAR = re.compile(r"(?<!\d)(?:1[0-9]|20)\d\d(?!\d)")
_SENTENCE = re.compile(r".{8,}?(?:[.!?](?=\s|$)|[。！？؟])", re.DOTALL)


def name_of(look: Look, site: Site) -> Words | None:
    """The brand's name, None where nothing tells. What agrees in several places is surer; other readings follow."""
    blocks = blocks_of(look)
    host = host_of(look.page, site)
    found = candidates_of(signs_of(look, site, blocks))
    strengthen(found, _label(host), blocks)
    doubt_headlines(found, look.page, blocks)
    ranked = [one for one in sorted(found.values(), key=lambda one: -one.rated) if not only_headline(one)]
    if not ranked or ranked[0].rated < _LEAST:
        label = _label(host)
        return Words(text=label.capitalize(), source=f"address {host}", confidence=0.3) if label else None
    best = ranked[0]
    others = [one.text for one in ranked[1:] if one.rated > 0.15 and not one.is_headline]
    spelt = [text for text in best.spellings if text.casefold() != best.text.casefold()]
    # A close second makes the first less sure, unless the one is part of the other.
    near = next((one for one in ranked[1:] if not alike(one.text, best.text)), None)
    rival = near.rated / best.rated if near is not None else 0.0
    sure = min(0.97, best.rated * (1.0 - 0.35 * rival**2))
    alternatives = tuple(dict.fromkeys(spelt + others))[:5]
    return Words(text=best.text, source=best.source, confidence=round(sure, 2), alternatives=alternatives)


def tagline_of(look: Look, site: Site, name: Words | None) -> Words | None:
    """The line that says what the brand is or promises; None where nothing does so plainly."""
    called = called_by(name)
    found: list[Candidate] = []
    for text, kind, usual, source in _lines(look, blocks_of(look), called):
        line = _without_name(text.strip(" |–—-·:"), called)
        weight = usual * _fit_for_tagline(line, called, stated=kind in ("slogan", "linked data"))
        if weight <= 0.0:
            continue
        one = next((one for one in found if _same_line(one.text, line)), None)
        if one is None:
            found.append(one := Candidate())
        one.add(line, kind, weight, source)
    ranked = sorted(found, key=lambda one: -one.rated)
    if not ranked or ranked[0].rated < _LEAST_TAGLINE:
        return None
    best = ranked[0]
    others = tuple(one.text for one in ranked[1:] if one.rated >= _LEAST_TAGLINE)[:4]
    return Words(text=best.text, source=best.source, confidence=round(min(0.95, best.rated), 2), alternatives=others)


def called_by(name: Words | None) -> tuple[str, ...]:
    """What the brand is called: the name as people say it first, then as it is spelt, then other readings."""
    if name is None:
        return ()
    return tuple(dict.fromkeys((without_legal_form(name.text), name.text, *name.alternatives)))


def language_of(look: Look) -> str:
    """The page's language as a BCP 47 tag; what it declares is checked against its words. Empty if nothing tells."""
    words = [block.text for block in blocks_of(look) if not block.places & {"code", "consent"}]
    text = "\n".join((look.page.title, look.page.meta("description"), *words))
    return language_told(text, look.page.language)


def _label(host: str) -> str:
    """The part of a host's name that somebody chose: `example` of `www.example.co.uk`."""
    labels = [label for label in host.split(".")[:-1] if label and label not in _HOST_WORDS]
    if len(labels) > 1 and labels[-1] in ("co", "com", "org", "net", "ac", "gov", "edu", "or", "ne"):
        labels = labels[:-1]
    return (labels[0] if len(labels) > 1 and _HOSTED.search(host) else labels[-1]) if labels else ""


# ----------------------------------------------------------------------------------------------------- taglines


def _lines(look: Look, blocks: list[Block], called: tuple[str, ...]) -> Iterator[Sign]:
    page = look.page
    for node in page.linked_data[:80]:
        if isinstance(node.get("slogan"), str):
            yield node["slogan"][:300], "linked data", 0.8, f"{page.label}: JSON-LD slogan"
    parts = segments(page.title)
    if len(parts) > 1:
        yield from ((part, "title", 0.42, f"{page.label}: title") for part in parts)
    for meta in ("description", "og:description", "twitter:description"):
        text = page.meta(meta)
        sentence = _SENTENCE.match(text)
        if text:
            yield text, "description", 0.42, f"{page.label}: meta {meta}"
        if sentence and len(sentence[0]) < len(text):
            yield sentence[0], "description", 0.3, f"{page.label}: meta {meta}"
    usable = [b for b in blocks if not b.places & {"overlay", "consent", "code", "legal", "state"} and not gone(b)]
    yield from _said_lines(look, usable)
    yield from _head_lines(look, usable, called)


def gone(block: Block) -> bool:
    """Not there at all, rather than waiting to be faded in."""
    if block.seen.shown:
        return False
    style = block.seen.style
    return style.get("display") == "none" or not (style.get("opacity") or style.get("visibility"))


def _said_lines(look: Look, blocks: list[Block]) -> Iterator[Sign]:
    """Lines that their class calls a slogan."""
    for place, block in enumerate(blocks):
        above = block.element.parent
        named = words_of(block.element.get("class"), block.element.get("id"))
        around = words_of(above.get("class"), above.get("id")) if above is not None else frozenset()
        if named & _SLOGANS or (around & _SLOGANS and len(block.text) < 120):
            early = place < 25 or block.places & {"hero", "header"}
            yield block.text, "slogan", 0.7 if early else 0.2, f"{look.page.label}: {block.element.named()}"


def _head_lines(look: Look, blocks: list[Block], called: tuple[str, ...]) -> Iterator[Sign]:
    """The headline, and what stands under the name."""
    label = look.page.label
    heads = [index for index, block in enumerate(blocks) if block.element.tag in ("h1", "h2")]
    tops = [index for index in heads if blocks[index].element.tag == "h1"]
    # An h1 that follows sections is a sample or a title of its own.
    if tops and tops[0] > 25 and heads.index(tops[0]) > 1:
        tops = []
    for order, index in enumerate(tops[:3]):
        block = blocks[index]
        where = f"{label}: {block.element.named()}"
        weight = 0.55 if order == 0 else 0.3
        rest = [line for line in block.lines if not _is_name(line, called)]
        # Words too small to read stand in for a drawn name.
        if not rest or _is_name(block.text, called) or block.seen.size_px < _LEAST_READ_PX:
            yield from _under(look, blocks, index)
        elif order == 0 and len(run := sentence_run(blocks, index)) > 1:
            yield " ".join(one.text for one in run), "headline", weight, where
        else:
            yield joined(tuple(rest)), "headline", weight, where
            yield from ((part, "headline", weight * 0.9, where) for part in segments(block.text)[1:])
    if not tops:
        early = [
            b for b in blocks[:40] if b.places & {"hero", "header", "heading"} and not b.places & {"button", "nav"}
        ]
        early = [b for b in early if len(b.text) <= 120 and not _is_name(b.text, called)]
        hero = [b for b in early if b.places & {"hero"} and len(b.text.split()) > 2]
        if early:
            largest = max(hero or early, key=lambda one: one.seen.size_px)
            where = f"{label}: {largest.element.named()}"
            yield largest.text, "largest", 0.5, where


def sentence_run(blocks: list[Block], index: int) -> list[Block]:
    """The headings from `index` on that make one sentence, cut up to be set on several lines."""
    run = [blocks[index]]
    for block in blocks[index + 1 : index + 6]:
        before, text = run[-1].text, block.text
        goes_on = before.endswith((",", "&", "–", "—")) or (text[:1].islower() and before[-1:] not in ".!?:。！？")
        if block.element.tag != run[0].element.tag or not _beside(block.element, run[-1].element):
            break
        # Two lines may be two titles; words that start small go on.
        if not (goes_on or (text[:1].islower() and len(run) > 1)):
            break
        run.append(block)
    return run


def _under(look: Look, blocks: list[Block], index: int) -> Iterator[Sign]:
    """The line right under the name, if it is no heading of a section or a whole paragraph."""
    top = blocks[index].element
    barred = {"button", "nav"} - blocks[index].places
    after = blocks[index + 1 : index + 6]
    for block in sorted(after, key=lambda b: not words_of(b.element.get("class")) & _LEADS):
        element = block.element
        near = _beside(element, top) or (top.parent is not None and element.parent is top.parent.parent)
        twins = [e for e in element.parent.elements if e.tag == element.tag] if element.parent is not None else []
        heading = element.tag in ("h2", "h3", "h4", "h5", "h6")
        lead = bool(words_of(element.get("class")) & _LEADS)
        if not near or block.places & barred or (heading and len(twins) > 1 and not lead):
            continue
        where = f"{look.page.label}: {element.named()}"
        yield block.text, "under the name", 0.62 if lead else 0.55, where
        sentence = _SENTENCE.match(block.text)
        if sentence and len(sentence[0]) < len(block.text):
            yield sentence[0], "under the name", 0.4, where
        return


def _beside(one: Element, other: Element) -> bool:
    """In the same element, or each alone in one of its list items or boxes."""
    above, beside = one.parent, other.parent
    return above is beside or (above is not None and beside is not None and above.parent is beside.parent is not None)


def _is_name(text: str, called: tuple[str, ...]) -> bool:
    """Whether a text is the name, in another spelling or with a word more."""
    own = key_of(bare(text))
    if called and own == key_of(called[0]):
        return True
    if any(own == key_of(name) for name in called) and (len(text.split()) <= 2 or alike(called[0], text)):
        return True
    return bool(called) and within(called[0], bare(text)) and len(own) <= len(key_of(called[0])) + 6


def _without_name(line: str, called: tuple[str, ...]) -> str:
    for name in sorted((name for name in called[:2] if key_of(name) == key_of(called[0])), key=len, reverse=True):
        match = re.match(rf"(?i){re.escape(name)}\s?[™®]?(?:\s?[,:،，]\s*|\s+[-–—|·]\s+)(?=\S)", line)
        if match:
            return line[match.end() :]
    return line


def _fit_for_tagline(line: str, called: tuple[str, ...], stated: bool) -> float:
    """0–1: how much a text reads like a tagline. Those `stated` as one by the page may have any figures in them."""
    size = len(line.split()) + len(re.findall(rf"[{CJK}]", line)) / 2
    if len(line) > 180 or is_generic(line) or is_placeholder(line) or is_legal(line) or is_consent(line):
        return 0.0
    if is_date(line) or (_NOT_A_LINE.search(line) and size <= 4) or (is_codelike(line) and "/" not in line):
        return 0.0
    own = key_of(bare(line))
    if (
        not own
        or not any(char.isalpha() for char in line)
        or (not stated and sum(char.isdigit() for char in _YEAR.sub("", line)) > 0.2 * len(line))
        or _is_name(line, called)
        or (called and own in key_of(called[0]))
    ):
        return 0.0
    if size <= 2 and any(own == key_of(name) for name in called):
        return 0.0
    commas = re.split(r"[,،、，]", line)
    if len(commas) > 2 and max(len(part.split()) for part in commas) <= 3 and line[-1] not in ".!?":
        return 0.0
    added = len(line.split()) - len(called[0].split()) if called and within(called[0], line) else 9
    if added <= 3 and not re.search(rf"[{CJK}]", line):
        return 0.5
    # One word may be a category, a name or a greeting.
    rate = 0.3 if size < 2 else 0.5 if size < 3 else 1.0 if size <= 12 else 0.75 if size <= 24 else 0.5
    return rate * (0.7 if _NOT_A_LINE.search(line) else 0.4 if _MAKER.search(line) else 1.0)


def _same_line(one: str, other: str) -> bool:
    first, second = (set(re.findall(r"\w+", text.casefold())) for text in (one, other))
    return len(first & second) >= 0.65 * max(len(first | second), 1)
