"""The words a painter is given, made of brief, look, layout and kit. Pure.

What matters most comes first: text encoders of the CLIP kind read the first 77 tokens best. Nothing that is set by code
is asked for: no brand name, no copy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from studio.model import Box, BrandKit, Brief, Look

NEVER = "text, lettering, logo, watermark"
"""What a painter that heeds it is told to leave out: all of it is set afterwards."""
_HERE = "{prompt}"
_LEAST_SHARE = 0.03
"""A calm place smaller than this share of the picture is not worth words."""


def applied(style: str, words: str) -> str:
    """A style's text with `words` in it: where it says `{prompt}`, else before it."""
    style, words = style.strip(), words.strip()
    if _HERE in style:
        return style.replace(_HERE, words)
    return ", ".join(part for part in (words, style) if part)


def taken_out(style: str, text: str) -> str | None:
    """The words that `applied(style, words)` made `text` of; None when it did not."""
    style = style.strip()
    before, *rest = style.split(_HERE)
    if not rest:
        words = text[: len(text) - len(style)].removesuffix(", ")
    else:
        spare = len(text) - sum(map(len, (before, *rest)))
        words = text[len(before) : len(before) + max(spare // len(rest), 0)]
    return words if applied(style, words) == text else None


def scene_prompt(
    brief: Brief,
    kit: BrandKit,
    look: Look | None,
    set_spec: Mapping[str, Any],
    layout: tuple[Sequence[Box], Box | None],
    choose: Callable[[str], str],
) -> str:
    """All that is to be painted. `layout` is where words and logo will stand and where the product does, in fractions
    of the picture; `choose` makes the choices in words that hold some."""
    calm, product = layout
    asked = _listed([choose(brief.subject), choose(brief.scene), product_words(product), room_words(calm)])
    said = applied(choose(look.scene), asked) if look else asked
    described = str(set_spec.get("description", "")).strip().rstrip(".")
    text = _listed([said, *_not_in(said, kit.photography), described[:1].lower() + described[1:]])
    return _without(text, kit, brief)


def avoid_prompt(brief: Brief, look: Look | None, choose: Callable[[str], str]) -> str:
    """What is to be left out: what the brief and the look say, and everything that is set by code."""
    return _listed([choose(brief.avoid), choose(look.avoid) if look else "", NEVER])


def room_words(calm: Sequence[Box]) -> str:
    """Where the picture must stay empty, said as a painter understands it; nothing where there is no such place."""
    main = max(calm, key=lambda box: box.width * box.height, default=None)
    if main is None or main.width * main.height < _LEAST_SHARE:
        return ""
    across = "" if main.width > 0.7 else _third(main.left + main.right, ("left", "", "right"))
    down = "" if main.height > 0.7 else _third(main.top + main.bottom, ("top", "", "bottom"))
    if across and down:
        return f"empty space at the {down} {across}"
    if across or down:
        return f"empty space {'at' if down else 'on'} the {down or across}"
    return "empty space in the middle" if main.width <= 0.7 or main.height <= 0.7 else "plain empty surroundings"


def product_words(product: Box | None) -> str:
    """Where the product stands; nothing without one."""
    if product is None:
        return ""
    where = _third(product.left + product.right, ("on the left third", "in the centre", "on the right third"))
    return f"product standing {where}"


def _third(twice_the_middle: float, words: tuple[str, str, str]) -> str:
    middle = twice_the_middle / 2
    return words[0] if middle < 0.42 else words[2] if middle > 0.58 else words[1]


def _listed(parts: Iterable[str]) -> str:
    stripped = (part.strip().strip(",").strip() for part in parts)
    return ", ".join(dict.fromkeys(part for part in stripped if part))


def _not_in(said: str, more: Iterable[str]) -> list[str]:
    """What of `more` has not been said: the first tokens count most, so nothing is said twice."""
    phrases = [phrase.strip() for text in more for phrase in text.split(",")]
    return [phrase for phrase in phrases if phrase and phrase.lower() not in said.lower()]


def _without(text: str, kit: BrandKit, brief: Brief) -> str:
    """Without banned words, the brand's name as the kit writes it, and the ad's own phrases. A headline of one word
    may well be a thing in the scene, so only phrases go."""
    copy = (*brief.headlines, brief.body, brief.action, brief.price, brief.legal, kit.tagline)
    banned = _any_of([*kit.voice.banned, *(phrase for phrase in copy if " " in phrase.strip())], re.IGNORECASE)
    named = _any_of([kit.name, kit.name.upper()])
    before = None
    while before != text:  # what is left may stand together anew
        before, text = text, re.sub(r"\s+", " ", named.sub("", banned.sub("", text)))
    return re.sub(r"(?:\s*,)+", ",", text).strip(" ,")


def _any_of(words: Iterable[str], flags: int = 0) -> re.Pattern[str]:
    """Any of these as whole words; nothing where there are none."""
    escaped = [re.escape(word.strip()) for word in words if word.strip()]
    return re.compile(rf"(?<!\w)(?:{'|'.join(escaped)})(?!\w)" if escaped else r"(?!)", flags)
