"""Guessing from a token's name what it is for: which colour is the primary, which face sets headings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, get_args

from studio.model import Role

ROLES: tuple[Role, ...] = get_args(Role)

_ROLE_WORDS: dict[Role, tuple[str, ...]] = {
    "primary": ("primary", "brand", "main", "key"),
    "secondary": ("secondary",),
    "accent": ("accent", "cta", "action", "highlight", "tertiary"),
    "background": ("background", "bg", "canvas", "page", "paper"),
    "surface": ("surface", "card", "panel"),
    "text": ("text", "foreground", "fg", "ink", "copy"),
}
_PLAIN = {"default", "base", "standard", "main", "root", "500", "normal", "color", "colour", "colors", "solid"}
_STATES = (
    {"hover", "hovered", "active", "pressed", "disabled", "focus", "visited", "selected", "dark", "darker", "light"}
    | {"lighter", "inverse", "inverted", "on", "subtle", "soft", "muted", "alpha", "transparent", "border", "link"}
    | {"error", "success", "warning", "danger", "info", "shade", "tint", "icon", "weak", "strong", "faint", "overlay"}
    | {"contrast", "foreground", "gradient", "outline", "stroke", "shadow", "additional", "functional"}
)
_TYPE_WORDS: dict[Literal["heading", "body"], tuple[str, ...]] = {
    "heading": ("heading", "headline", "headlines", "headings", "display", "title", "h1", "hero"),
    "body": ("body", "text", "paragraph", "copy", "base", "default", "sans", "regular"),
}
_WEAK_TYPE_WORDS = frozenset(("text", "base", "default", "sans", "regular", "display"))
# What a ground and a text are called where nothing says it better.
_PLAIN_COLORS: dict[Role, str] = {"background": "white", "text": "black"}
_ENOUGH = 40


def guess_roles(
    paths: Iterable[str],
    taken: Iterable[Role] = (),
    spoken: Mapping[str, str] | None = None,
    reads_on: Callable[[str, str], bool] | None = None,
) -> dict[Role, str]:
    """The likeliest token path for each role not in `taken`; roles that no name speaks for are left out.

    `spoken` gives, by path, the words to judge instead. `reads_on` tells whether the colour at the first path can be
    read on that at the second: a text that cannot is no text for this background.
    """
    left = list(dict.fromkeys(paths))
    words = spoken or {}
    found: dict[Role, str] = {}
    for role in ROLES:
        if role in set(taken):
            continue
        scored = [(_score(words.get(path, path), role), -index, path) for index, path in enumerate(left)]
        ground = found.get("background") if role == "text" and reads_on else None
        fitting = [one for one in sorted(scored, reverse=True) if one[0] >= _ENOUGH]
        best = next((path for *_, path in fitting if not (ground and reads_on) or reads_on(path, ground)), None)
        if best:
            found[role] = best
            left.remove(best)
    return found


def guess_type(paths: Iterable[str], part: Literal["heading", "body"]) -> str | None:
    """The token path whose name speaks most for headings, or for body text."""
    best: tuple[int, int, str] | None = None
    for index, path in enumerate(paths):
        words = _words(path)
        hits = [place for place, word in enumerate(words) if word in _TYPE_WORDS[part]]
        if not hits:
            continue
        # "text style / headline" is a headline: what stands last says most.
        weak = words[hits[-1]] in _WEAK_TYPE_WORDS
        # Of numbered headings the first is the largest.
        number = int(words[-1]) if words[-1] in "123456789" else 0
        score = (
            hits[-1] * 10
            - 3 * len(words)
            - 10 * weak
            - number
            - 20 * sum(word in ("mono", "code", "icon") for word in words)
        )
        if best is None or (score, -index) > best[:2]:
            best = (score, -index, path)
    return best[2] if best else None


def _score(path: str, role: Role) -> int:
    words = _words(path)
    hits = [place for place, word in enumerate(words) if word in _ROLE_WORDS[role]]
    if not hits:
        return _ENOUGH if words and words[-1] == _PLAIN_COLORS.get(role) else 0
    place = hits[-1]
    after = words[place + 1 :]
    score = 100 - 10 * len([word for word in after if word not in _PLAIN]) - 3 * place
    score -= 35 * sum(word in _STATES and word not in _ROLE_WORDS[role] for word in words)
    others = {word for other, names in _ROLE_WORDS.items() if other != role for word in names}
    score -= 45 * len([word for word in after if word in others])
    score -= 45 * len([word for word in words[:place] if word in others])
    # "on-primary", "text-on-accent": the colour that stands on the role, not the role.
    if place and words[place - 1] == "on":
        score -= 60
    return score + 5 * sum(word in _PLAIN for word in after)


def _words(path: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", path)
    return [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]


def name_of(path: str) -> str:
    """A token's path as a designer would say it."""
    return " ".join(part for part in path.split(".") if part != "$root")


def listed(guesses: Mapping[Role, str]) -> str:
    return ", ".join(f"{role} from {path}" for role, path in guesses.items())
