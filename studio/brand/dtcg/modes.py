"""Sets, themes and modes: which of light and dark is taken, and which groups are left aside for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from studio.brand.dtcg.format import groups, is_token

_LIGHT = ("light", "default", "day", "base", "standard", "value")
_DARK = frozenset(("dark", "night", "contrast", "hc", "dim", "inverse", "inverted"))
_FILLER = frozenset(("mode", "theme", "color", "colors", "colour", "scheme", "high", "set", "tokens"))
_MAX_THEMES = 200


def words_of(name: str) -> list[str]:
    """The lower-case words of a name in any spelling."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]


def one_mode(value: Any) -> tuple[bool, Any]:
    """`{"light": a, "dark": b}` as `(True, a)`: the light or default mode's value; else `(False, value)`."""
    if isinstance(value, dict) and len(value) > 1:
        names = {tuple(word for word in words_of(name) if word not in _FILLER): name for name in value}
        if any(set(words) & _DARK for words in names) and not {"value", "$value"} & set(value):
            for light in _LIGHT:
                if (light,) in names:
                    return True, value[names[(light,)]]
    return False, value


def chosen_sets(data: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Tokens Studio's sets of the themes that are taken, in their order; None where there are no themes.

    Of each group of themes the light or default one is taken, else its first.
    """
    themes = data.get("$themes")
    groups: dict[str, list[dict[str, Any]]] = {}
    for theme in themes[:_MAX_THEMES] if isinstance(themes, list) else []:
        if isinstance(theme, dict) and isinstance(theme.get("selectedTokenSets"), dict):
            groups.setdefault(str(theme.get("group", "")), []).append(theme)
    if not groups:
        return None
    on: set[str] = set()
    for group in groups.values():
        best = min(group, key=lambda theme: _rank(str(theme.get("name", ""))))
        on.update(name for name, state in best["selectedTokenSets"].items() if state in ("enabled", "source"))
    sets = [key for key in _set_order(data) if key in on]
    return tuple(sets) or None


def _set_order(data: Mapping[str, Any]) -> list[str]:
    metadata = data.get("$metadata")
    order = metadata.get("tokenSetOrder") if isinstance(metadata, dict) else None
    named = [name for name in order if isinstance(name, str)] if isinstance(order, list) else []
    sets = [key for key, child in data.items() if isinstance(child, dict) and not key.startswith("$")]
    return list(dict.fromkeys([*(name for name in named if name in set(sets)), *sets]))


def _rank(name: str) -> int:
    words = words_of(name)
    if set(words) & _DARK:
        return 2
    return 0 if set(words) & set(_LIGHT) else 1


def modes_aside(tree: Mapping[str, Any], sets: tuple[str, ...] | None) -> tuple[frozenset[str], frozenset[str]]:
    """The groups of a mode not taken, and those of the one that is, as dotted paths.

    A group is dark where it stands beside one of the same name but light. With Tokens Studio's `sets`, those that are
    not among them are left aside as well.
    """
    aside: set[str] = set()
    light: set[str] = set()
    for path, node in groups(tree):
        lights: dict[tuple[str, ...], str] = {}
        darks: dict[str, tuple[str, ...]] = {}
        for name, child in node.items():
            if not isinstance(child, dict) or name.startswith("$") or is_token(child):
                continue
            words = set(words_of(name))
            rest = tuple(word for word in words_of(name) if word not in _FILLER | _DARK | {"light", "day"})
            # Inside a group only what is called light and nothing else is a mode; "on light ground" is a colour.
            if rest and path:
                continue
            if words & {"light", "day"}:
                lights[rest] = name
            elif words & {"dark", "night", "contrast"}:
                darks[name] = rest
        for name, rest in darks.items():
            if rest in lights:
                aside.add(_join(path, name))
                light.add(_join(path, lights[rest]))
    if sets is not None:
        aside |= {name for name in tree if not name.startswith("$") and name not in sets}
        light = {name for name in light if name not in aside}
    return frozenset(aside), frozenset(light)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def is_under(path: str, groups: frozenset[str]) -> bool:
    """Whether a dotted path lies in one of `groups`."""
    return any(path == group or path.startswith(f"{group}.") for group in groups)
