"""Words that change from variant to variant: `{a|b|c}`, `{2::a|b}` (twice as often), `{a|{b|c}}`, and `__name__` for a
line of a list. Pure: the same text, seed and lists give the same words.

The notation is that of the Dynamic Prompts extension, as far as it chooses one of several. `{prompt}` stays as it is;
styles have it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from studio.errors import BadInput

MOST_CHARS, MOST_CHOICES, DEEPEST = 8_000, 400, 12
NAME = re.compile(r"__([A-Za-z0-9](?:[A-Za-z0-9./-]|_(?!_)){0,63})__")
_GROUP = re.compile(r"\{([^{}]*)\}")
_WEIGHT = re.compile(r"\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)::")
_KEPT, _HELD = "{prompt}", "\ue000"


def names_in(text: str) -> tuple[str, ...]:
    """The lists a text asks for, each once."""
    return tuple(dict.fromkeys(NAME.findall(text)))


def chosen(text: str, seed: int, lists: Mapping[str, Sequence[str]]) -> str:
    """`text` with one choice made for every group and list. Raises `BadInput` naming a list that does not exist, one
    that leads back to itself, or what grows beyond `MOST_CHARS`."""
    return _Chooser(seed, lists).read(text, ())


class _Chooser:
    """Makes the choices of one text in their order; each draws a fresh number from the seed."""

    def __init__(self, seed: int, lists: Mapping[str, Sequence[str]]) -> None:
        self._seed, self._lists, self._made = seed, lists, 0

    def read(self, text: str, within: tuple[str, ...]) -> str:
        # 1. Every list must be there, also those that this seed does not choose.
        for name in names_in(text):
            if not self._lists.get(name):
                near = ", ".join(sorted(self._lists)[:12]) or "none"
                raise BadInput(
                    f"There is no list of words called __{name}__", f"Put {name}.txt beside the brief. Known: {near}"
                )
        # 2. Groups, the innermost first; what has no end stays as it is written.
        text = text.replace(_KEPT, _HELD)
        for _ in range(DEEPEST):
            text, found = _GROUP.subn(self._one_of, text)
            if not found:
                break
        # 3. Lists; a line may hold groups and lists itself.
        text = NAME.sub(lambda match: self._line(match[1], within), text)
        if len(text) > MOST_CHARS:
            raise BadInput(f"The words grow to more than {MOST_CHARS:,} characters", "Shorten the scene or its lists")
        return text.replace(_HELD, _KEPT)

    def _one_of(self, group: re.Match[str]) -> str:
        words, weights = [], []
        for option in group[1].split("|"):
            weight = _WEIGHT.match(option)
            words.append(option[weight.end() :] if weight else option)
            weights.append(float(weight[1]) if weight else 1.0)
        return words[self._drawn(weights)]

    def _line(self, name: str, within: tuple[str, ...]) -> str:
        if name in within or len(within) >= DEEPEST:
            raise BadInput(f"The list __{name}__ leads back to itself", f"Take __{within[-1]}__ out of {name}.txt")
        lines = self._lists[name]
        return self.read(lines[self._drawn([1.0] * len(lines))], (*within, name))

    def _drawn(self, weights: Sequence[float]) -> int:
        """An index, as likely as its weight; all alike where they are 0."""
        self._made += 1
        if self._made > MOST_CHOICES:
            raise BadInput(f"The words hold more than {MOST_CHOICES} choices", "Shorten the scene or its lists")
        total = sum(weights)
        weights = weights if total > 0 else [1.0] * len(weights)
        drawn = hashlib.sha256(f"{self._seed} {self._made}".encode()).digest()
        at = int.from_bytes(drawn[:6], "big") / 2**48 * sum(weights)
        for index, weight in enumerate(weights):
            at -= weight
            if at < 0:
                return index
        return max(index for index, weight in enumerate(weights) if weight > 0)
