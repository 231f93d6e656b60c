"""Words for pictures, and prompts read back into what the built-in model knows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from .grammar import ATTRIBUTES
from .palettes import COLOURS, NAMED, NAMES, ROLES, colour_word
from .words import FILLERS, PLACES, SAID, UNDERSTOOD

TONED: Mapping[str, tuple[float, float]] = {
    "light": (0.1, 0.8), "pale": (0.12, 0.5), "dark": (-0.16, 0.9), "deep": (-0.12, 1.0), "bright": (0.05, 1.25),
    "soft": (0.05, 0.7), "pastel": (0.14, 0.5), "muted": (0.0, 0.5), "vivid": (0.0, 1.35), "dusty": (0.0, 0.6),
    "warm": (0.0, 1.0), "cool": (0.0, 1.0),
}  # fmt: skip
"""Words before a colour: what they add to its lightness, and the factor of its chroma (OKLab)."""
OPENINGS = (
    "",
    "",
    "",
    "product photo of ",
    "studio photo of ",
    "a picture of ",
    "an advertisement with ",
    "product shot of ",
)
GROUNDS = (
    "{} background",
    "{} background",
    "{} backdrop",
    "against a {} wall",
    "in front of a {} background",
    "{} studio wall",
)
SURFACES = ("{} surfaces", "{} surface", "on {} surfaces")
SECONDS = ("{} details", "{} label and cap", "with {} details")
ACCENTS = ("{} accents", "{} accents", "a touch of {}", "with {} accents", "{} touches")


@dataclass(frozen=True)
class Parsed:
    """A prompt as the model reads it. `attributes` name → place in `ATTRIBUTES`; `colours` role → OKLab; `known` and
    `unknown` are the prompt's own words and phrases, fillers left out."""

    attributes: Mapping[str, int]
    colours: Mapping[str, tuple[float, float, float]]
    known: tuple[str, ...]
    unknown: tuple[str, ...]


def caption(attributes: Mapping[str, int], palette: NDArray[np.floating], rng: np.random.Generator) -> str:
    """One of many wordings for what a picture shows. `palette` is 6×5 as in `Picture`: what is not there is not said.

    Seven in ten say everything, the rest leave things out as people do.
    """
    said = {name: ATTRIBUTES[name][place] for name, place in attributes.items()}
    clauses = [clause for clause in _clauses(said, palette, rng) if clause]
    full = rng.random() < 0.7
    kept = [clause for clause in clauses if full or rng.random() < 0.5]
    order = rng.permutation(len(kept)) if rng.random() < 0.4 else np.arange(len(kept))
    subject = _subject(said, palette, rng)
    stand = _pick(SAID["stand"][said["stand"]], rng) if full or rng.random() < 0.6 else ""
    head = f"{_pick(OPENINGS, rng)}{subject} {stand}".strip()
    return ", ".join([head, *(kept[i] for i in order)])


def worded(attributes: Mapping[str, int], palette: NDArray[np.floating]) -> str:
    """What is asked for in the words captions use most; what is not asked for is not said."""
    said = {name: SAID[name][ATTRIBUTES[name][place]][0] for name, place in attributes.items()}

    def coloured(role: int, wording: str) -> str:
        return wording.format(colour_word(palette[role])) if palette[role, 4] > 0 else ""

    subject = [coloured(2, "{}"), said.get("material", ""), said.get("product", "")]
    head = " ".join(filter(None, subject)) if said.get("product") else "product photo"
    if said.get("product"):
        head = f"{'an' if head[0] in 'aeio' else 'a'} {head}"
    clauses = [
        f"{head} {said.get('stand', '')}".strip(),
        coloured(0, GROUNDS[0]),
        said.get("set", ""),
        coloured(1, SURFACES[0]),
        coloured(3, SECONDS[0]),
        coloured(4, ACCENTS[0]),
        *(said.get(name, "") for name in ("props", "light", "layout", "shot", "view")),
    ]
    return ", ".join(filter(None, clauses))


def _pick(options: tuple[str, ...], rng: np.random.Generator) -> str:
    """The first of the options half the time."""
    return options[0] if rng.random() < 0.4 else options[int(rng.integers(len(options)))]


def _subject(said: Mapping[str, str], palette: NDArray[np.floating], rng: np.random.Generator) -> str:
    colour, material = colour_word(palette[2], rng), _pick(SAID["material"][said["material"]], rng)
    product = _pick(SAID["product"][said["product"]], rng)
    way = rng.random()
    if way < 0.5:
        words = f"{colour} {material} {product}"
    elif way < 0.85:
        words = f"{material} {colour} {product}"
    else:
        words = f"{product} in {colour}, {material}"
    if rng.random() < 0.25:
        return words
    return f"{'an' if words[0] in 'aeio' else 'a'} {words}"


def _clauses(said: Mapping[str, str], palette: NDArray[np.floating], rng: np.random.Generator) -> list[str]:
    """Everything beside the subject, one clause a thing; empty where there is nothing to say."""

    def coloured(role: int, wordings: tuple[str, ...]) -> str:
        return _pick(wordings, rng).format(colour_word(palette[role], rng)) if palette[role, 4] > 0 else ""

    quiet = rng.random() < 0.5  # what is not there is mostly not said
    return [
        coloured(0, GROUNDS),
        _pick(SAID["set"][said["set"]], rng) if said["set"] != "plain" or quiet else "",
        coloured(1, SURFACES),
        coloured(3, SECONDS),
        coloured(4, ACCENTS),
        _pick(SAID["props"][said["props"]], rng) if said["props"] != "none" or quiet else "",
        _pick(SAID["light"][said["light"]], rng),
        _light_word(palette[5], rng) if palette[5, 4] > 0 else "",
        _pick(SAID["layout"][said["layout"]], rng),
        _pick(SAID["shot"][said["shot"]], rng),
        _pick(SAID["view"][said["view"]], rng),
        _mood(palette) if rng.random() < 0.5 else "",
    ]


def _light_word(row: NDArray[np.floating], rng: np.random.Generator) -> str:
    hue = math.atan2(float(row[2]), float(row[1])) % (2 * math.pi)
    if float(np.hypot(row[1], row[2])) < 0.065:
        if 0.6 < hue < 1.8:
            return _pick(("warm light", "golden light", "warm glow", "golden hour"), rng)
        if 3.6 < hue < 5.0:
            return _pick(("cool light", "cold light", "bluish light"), rng)
    return f"{colour_word(np.array([0.75, row[1] * 1.4, row[2] * 1.4]))} light"


def _mood(palette: NDArray[np.floating]) -> str:
    """What one would call the palette as a whole."""
    lightness, chroma = float(palette[0, 0]), float(np.hypot(palette[0, 1], palette[0, 2]))
    if lightness < 0.42:
        return "dark palette"
    if chroma > 0.11:
        return "bold colours"
    if lightness > 0.82 and chroma > 0.025:
        return "pastel colours"
    return "neutral palette" if chroma < 0.016 else "tonal palette"


@cache
def _phrases() -> tuple[Mapping[str, tuple[str, str]], int]:
    """Phrase → (attribute, value), and how many words the longest has. What captions say wins."""
    found: dict[str, tuple[str, str]] = {}
    for table in (SAID, UNDERSTOOD):
        for attribute, values in table.items():
            for value, phrases in values.items():
                for phrase in (value, *phrases) if attribute != "stand" else phrases:
                    plain = _plain(phrase)
                    found.setdefault(plain, (attribute, value))
                    for article in ("a ", "an "):
                        if plain.startswith(article):
                            found.setdefault(plain.removeprefix(article), (attribute, value))
    return found, max(len(phrase.split()) for phrase in found)


@cache
def vocabulary() -> tuple[str, ...]:
    """Every single word that captions may use or prompts may be read by, for a tokenizer."""
    words = {
        word
        for table in (SAID, UNDERSTOOD)
        for values in table.values()
        for p in values.values()
        for x in p
        for word in _plain(x).split()
    }
    extra = " ".join((*OPENINGS, *GROUNDS, *SURFACES, *SECONDS, *ACCENTS, *TONED, *COLOURS)).replace("{}", " ")
    return tuple(sorted(words | set(_plain(extra).split()) | FILLERS))


def _plain(text: str) -> str:
    """Lower case, hyphens kept, everything else that is no letter, digit or apostrophe a space."""
    return " ".join(
        re.sub(r"[^a-z0-9'\- ]", " ", text.lower().replace("color", "colour").replace("gray", "grey")).split()
    )


def parse(prompt: str) -> Parsed:
    """What a prompt asks for. The first mention of an attribute counts; longer phrases win over shorter ones."""
    phrases, longest = _phrases()
    words = _plain(prompt).split()
    attributes: dict[str, int] = {}
    colours: list[tuple[int, str]] = []
    known: list[str] = []
    unknown: list[str] = []
    nouns: dict[int, str] = {}
    at = 0
    while at < len(words):
        for many in range(min(max(longest, 3), len(words) - at), 0, -1):
            phrase = " ".join(words[at : at + many])
            if phrase in COLOURS or phrase == "golden":
                colours.append((at, "gold" if phrase == "golden" else phrase))
                known.append(phrase)
                break
            if phrase in phrases:
                attribute, value = phrases[phrase]
                if attribute == "product":
                    nouns[at] = "product"
                if attribute not in attributes:
                    attributes[attribute] = ATTRIBUTES[attribute].index(value)
                known.append(phrase)
                break
        else:
            many = 1
            if words[at] in TONED:
                known.append(words[at])
            elif words[at] not in FILLERS and not words[at].isdigit():
                unknown.append(words[at])
        for role, places in PLACES.items():
            for offset in range(many):
                if words[at + offset] in places:
                    nouns.setdefault(at + offset, role)
        at += many
    return Parsed(attributes, _roles(words, colours, nouns), tuple(known), tuple(unknown))


def _roles(
    words: list[str], colours: list[tuple[int, str]], nouns: Mapping[int, str]
) -> dict[str, tuple[float, float, float]]:
    """Each colour with the role of the next noun within four words, "touch of …" with accents; else the product's."""
    found: dict[str, tuple[float, float, float]] = {}
    for at, name in colours:
        lift, keep = TONED.get(words[at - 1], (0.0, 1.0)) if at else (0.0, 1.0)
        lab = NAMED[NAMES.index(name)] * [1, keep, keep] + [lift, 0, 0]
        lab[0] = min(max(lab[0], 0.05), 0.99)
        after = [nouns[i] for i in range(at + 1, min(at + 5, len(words))) if i in nouns]
        before = [nouns[i] for i in range(max(at - 2, 0), at) if i in nouns]
        role = "accent" if "touch" in words[max(at - 2, 0) : at] else (after or before or ["product"])[0]
        if role in ROLES:
            found.setdefault(role, (float(lab[0]), float(lab[1]), float(lab[2])))
    return found
