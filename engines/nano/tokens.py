"""The tokenizer: CLIP's kind, learned from our own captions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from transformers import CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from .nets import END, START, TOKENS

_PARTS = re.compile(r"[^\W\d_]+|\d|[^\s\w]+|_+")
_LAST = "</w>"


def tokenizer(captions: Iterable[str], words: int) -> CLIPTokenizer:
    """At most `words` entries by byte-pair merges (Sennrich et al. 2016). Every byte is there, inside a word and at its
    end, so that nothing is unknown: CLIP's unknown token is its end token, which would cut the prompt short."""
    symbols = list(bytes_to_unicode().values())
    marks = ["<|startoftext|>", "<|endoftext|>"]
    merges = _merges(captions, words - 2 * len(symbols) - len(marks))
    entries = [*symbols, *(symbol + _LAST for symbol in symbols), *marks, *("".join(pair) for pair in merges)]
    assert entries[START] == marks[0] and entries[END] == marks[1]
    vocabulary = {entry: place for place, entry in enumerate(entries)}
    pairs: Any = merges
    return CLIPTokenizer(vocab=vocabulary, merges=pairs, pad_token=marks[1], model_max_length=TOKENS)


def _merges(captions: Iterable[str], most: int) -> list[tuple[str, str]]:
    """The pairs to join, the commonest first; ties go by spelling, so that the same captions give the same merges."""
    letters = bytes_to_unicode()
    counted = Counter(part for caption in captions for part in _PARTS.findall(caption.lower()))
    cut = {}
    for part in counted:
        symbols = [letters[byte] for byte in part.encode("utf-8")]
        cut[part] = [*symbols[:-1], symbols[-1] + _LAST]
    merges: list[tuple[str, str]] = []
    while len(merges) < most:
        pairs: Counter[tuple[str, str]] = Counter()
        for part, symbols in cut.items():
            for pair in pairwise(symbols):
                pairs[pair] += counted[part]
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for symbols in cut.values():
            _join(symbols, best)
    return merges


def _join(symbols: list[str], pair: tuple[str, str]) -> None:
    place = 0
    while place < len(symbols) - 1:
        if (symbols[place], symbols[place + 1]) == pair:
            symbols[place : place + 2] = ["".join(pair)]
        place += 1
