"""Readings of a brand's name, gathered from signs and weighed: what agrees is surer, what a headline says is not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from studio.brand.page.tree import Page
from studio.brand.words.chaff import ends_in_form, is_codelike, is_generic, is_picture_file, key_of, without_legal_form
from studio.brand.words.signs import CJK, MOST_CHARS, Sign, bare, segments
from studio.brand.words.texts import Block

_NO_PROOF = ("part of", "agrees", "repeated", "host")
_HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())
_OF_HEADLINES = frozenset(("title", "og:title", "h1", "h1 line"))
# An h1 that a class calls the name weighs more than that.
_PLAIN_H1 = 0.4
_OVERRULED = 0.4
_MOST_WORDS = 60_000


@dataclass
class Candidate:
    """One reading, however it is spelt, with all that says so."""

    spellings: dict[str, float] = field(default_factory=dict)
    signs: dict[str, float] = field(default_factory=dict)
    """Kind of sign to its weight, 0–1."""
    source: str = ""
    best: float = 0.0
    is_headline: bool = False
    """Whether it is what the page says, and another part of the title the name."""

    def add(self, text: str, kind: str, weight: float, source: str) -> None:
        self.signs[kind] = max(self.signs.get(kind, 0.0), weight)
        self.spellings[text] = self.spellings.get(text, 0.0) + weight
        if weight > self.best:
            self.best, self.source = weight, source

    @property
    def rated(self) -> float:
        """The chance that not all signs are wrong. What only agrees with others makes no name by itself."""
        if all(kind.startswith(_NO_PROOF) for kind in self.signs):
            return 0.0
        doubt = 1.0
        for weight in self.signs.values():
            doubt *= 1.0 - weight
        return 1.0 - doubt

    @property
    def text(self) -> str:
        return max(self.spellings, key=lambda text: (self.spellings[text] * _custom(text), len(text)))


def _custom(text: str) -> float:
    """How usual a spelling is. Capitals are mostly a matter of style, `GmbH` mostly one of law: they are shown where
    most signs have them."""
    formal = 0.8 if without_legal_form(text) != text else 1.0
    return formal * (0.7 if text.isupper() else 1.0)


def candidates_of(signs: Iterable[Sign]) -> dict[str, Candidate]:
    """Readings by what makes their spellings the same."""
    found: dict[str, Candidate] = {}
    for text, kind, weight, source in signs:
        name = bare(text)
        if not ends_in_form(name):
            name = name.strip(" ,.")
        key = key_of(name)
        if (
            not key
            or len(name) > MOST_CHARS
            or is_generic(name)
            or is_generic(text)
            or is_picture_file(name)
            or (is_codelike(name) and ("." not in name or "://" in name))
        ):
            continue
        found.setdefault(key, Candidate()).add(name, kind, weight * _plausible(name), source)
    return found


def _plausible(name: str) -> float:
    """How much a text looks like a name: short, no sentence."""
    formal = ends_in_form(name)
    name = without_legal_form(name) if formal else name
    size = len(name.split()) + len(re.findall(rf"[{CJK}]", name)) / 3
    rate = 1.0 if size <= 3.4 else 0.85 if size <= 4.4 else 0.6 if size <= 6 else 0.35
    if (re.search(r"[.?。！？…]$", name) and not formal) or (name.endswith("!") and len(name.split()) > 1):
        rate *= 0.5
    if re.search(r"[,;]", name):
        rate *= 0.5
    return rate * (0.5 if len(name) < 2 else 1.0)


def strengthen(found: dict[str, Candidate], label: str, blocks: list[Block]) -> None:
    """Names that others contain, that the host has, or that the page keeps saying, are surer."""
    label = key_of(label)
    words = " ".join(block.text for block in blocks)[:60_000].casefold()
    names = {key: without_legal_form(one.text) for key, one in list(found.items())[:80]}
    for key, name in names.items():
        one = found[key]
        if label and (key == label or (min(len(key), len(label)) >= 4 and (key in label or label in key))):
            one.signs["host"] = 0.45 if key == label else 0.25
        if len(key) < 2:
            continue
        for other, longer in names.items():
            if other == key or not within(name, longer):
                continue
            for kind, weight in found[other].signs.items():
                if kind not in one.signs and not kind.startswith(_NO_PROOF):
                    one.signs[f"part of {kind}"] = max(one.signs.get(f"part of {kind}", 0.0), 0.3 * weight)
        one.signs["repeated"] = min(0.25, 0.05 * max(0, len(whole(name).findall(words)) - 1))


def doubt_headlines(found: dict[str, Candidate], page: Page, blocks: list[Block]) -> None:
    """A part of the title that the headline repeats is what the page says, not who says it: of `Example – Bread on
    time` over the headline "Bread on time" the other part is the name. Not so where anything else names it."""
    heads = [block.text for block in blocks if block.element.tag == "h1"][:3]
    parts = [key for key in (key_of(bare(part)) for part in segments(page.title)) if key in found]
    if len(parts) < 2 or not heads:
        return
    said = " ".join(block.text for block in blocks if block.element.tag not in _HEADINGS)[:_MOST_WORDS]
    said = f"{page.meta('description')} {said}"

    def repeats(key: str) -> bool:
        text = without_legal_form(found[key].text)
        return any(key == key_of(bare(head)) or within(text, head) for head in heads)

    others = [found[key] for key in parts if not repeats(key)]
    for one in (found[key] for key in parts if repeats(key)):
        if not _stands_alone(one) or _size(one.text) < 2 or _times_named(one, said):
            continue
        backed = any(_times_named(other, said) or not _stands_alone(other) for other in others)
        if backed or (_is_phrase(one.text) and any(not _is_phrase(other.text) for other in others)):
            # In capitals it may still be a name.
            one.is_headline = _is_phrase(one.text)
            for kind in one.signs:
                one.signs[kind] *= _OVERRULED


def _stands_alone(one: Candidate) -> bool:
    """Whether only the title and the headline have it."""
    proofs = {kind for kind in one.signs if not kind.startswith(("part of", "repeated"))}
    return proofs <= _OF_HEADLINES and one.signs.get("h1", 0.0) < _PLAIN_H1


def _times_named(one: Candidate, said: str) -> int:
    # With its capitals: "tea" is no mention of Tea.
    name = without_legal_form(one.text)
    edge = "" if re.search(rf"[{CJK}]", name) else r"\w"
    pattern = rf"(?<!{edge}){re.escape(name)}(?!{edge})" if edge else re.escape(name)
    return len(re.findall(pattern, said))


def _is_phrase(text: str) -> bool:
    """Whether a text is written as sentences are, with verbs and nouns in small letters: `Bread on time`."""
    return any(word[:1].islower() and len(word) > 3 for word in text.split()[1:])


def only_headline(one: Candidate) -> bool:
    """Whether nothing but the page's headline, or a part of it, says so, and it is more than a word or two."""
    proofs = {kind for kind in one.signs if not kind.startswith(_NO_PROOF)}
    return proofs <= {"h1", "h1 line"} and (_size(one.text) > 2 or "h1" not in proofs)


def _size(text: str) -> float:
    """Length in words; Chinese and Japanese count two characters as one."""
    return len(re.sub(rf"[{CJK}]", " ", text).split()) + len(re.findall(rf"[{CJK}]", text)) / 2


def whole(name: str) -> re.Pattern[str]:
    # Chinese and Japanese have no spaces around names.
    edge = "" if re.search(rf"[{CJK}]", name) else r"\w"
    return re.compile(rf"(?<!{edge}){re.escape(name.casefold())}(?!{edge})" if edge else re.escape(name.casefold()))


def within(short: str, long: str) -> bool:
    return len(short) < len(long) and whole(short).search(long.casefold()) is not None


def alike(one: str, other: str) -> bool:
    return within(one, other) or within(other, one)
