"""Words to what an SDXL UNet reads, of any length: windows of 75 tokens, one after the other, as the text encoders take
no more than 77 with their two marks."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import torch

from engines.diffusion.kept import Kept

_KEPT = 64
_WORD_END = "</w>"
_LONGEST_WORD = 20
"""Tokens looked back over for the end of a word, before a word is cut in two."""

Read = tuple[torch.Tensor, torch.Tensor]
"""Tokens (1×T×C) and the pooled vector (1×P)."""


class Words:
    """The text encoders of a pipeline with their tokenizers, in its order; both may be one alone."""

    def __init__(self, tokenizers: Sequence[Any], encoders: Sequence[Any]) -> None:
        self._tokenizers = tuple(tokenizers)
        self._encoders = tuple(encoders)
        self._kept: Kept[Read] = Kept(_KEPT)

    def windows(self, text: str) -> int:
        """How many windows a text fills, at least 1."""
        return max(len(cut(tokenizer, text)) for tokenizer in self._tokenizers)

    @torch.no_grad()
    def read(self, text: str, windows: int, device: torch.device, worn: Hashable = ()) -> Read:
        """A text as `windows` windows, empty ones last; one window is what the stock pipeline gives for a text that
        fits. The pooled vector comes from the first. `worn` names the LoRAs that change the encoders."""
        return self._kept.get((text, windows, str(device), worn), lambda: self._read(text, windows, device))

    def nothing(self, like: Read) -> Read:
        """What guidance turns away from where nothing is said: zeros, as SDXL was trained."""
        return torch.zeros_like(like[0]), torch.zeros_like(like[1])

    def _read(self, text: str, windows: int, device: torch.device) -> Read:
        tokens, pooled = [], None
        for tokenizer, encoder in zip(self._tokenizers, self._encoders, strict=True):
            said = encoder(_marked(tokenizer, text, windows).to(device), output_hidden_states=True)
            tokens.append(said.hidden_states[-2].flatten(0, 1)[None])
            pooled = said[0][:1] if said[0].ndim == 2 else pooled
        if pooled is None:
            raise ValueError("none of the text encoders gives a pooled vector")
        kind = self._encoders[-1].dtype
        return torch.cat(tokens, dim=-1).to(kind), pooled.to(kind)


def cut(tokenizer: Any, text: str) -> list[list[int]]:
    """A text's tokens in windows that fit the encoder, cut between words; one empty window for no text."""
    ids = list(tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids)
    room = tokenizer.model_max_length - 2
    windows: list[list[int]] = []
    while len(ids) > room:
        ends = tokenizer.convert_ids_to_tokens(ids[room - _LONGEST_WORD : room])
        back = next((n for n, token in enumerate(reversed(ends)) if token.endswith(_WORD_END)), 0)
        windows.append(ids[: room - back])
        ids = ids[room - back :]
    return [*windows, ids] if ids or not windows else windows


def _marked(tokenizer: Any, text: str, windows: int) -> torch.Tensor:
    rows = cut(tokenizer, text)
    rows += [[]] * (windows - len(rows))
    full = tokenizer.model_max_length
    marked = [[tokenizer.bos_token_id, *row, tokenizer.eos_token_id] for row in rows]
    return torch.tensor([row + [tokenizer.pad_token_id] * (full - len(row)) for row in marked])
