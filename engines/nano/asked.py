"""What the built-in model is told of a request: words that it knows, and the kit's colours by role."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.base import EngineError, Plane, ProductInScene
from engines.stage.colour import role_colour, to_linear, to_oklab

from .captions import Parsed, parse, worded
from .grammar import LAYOUTS
from .palettes import ROLES

LENGTH = 64
"""Tokens of a prompt, its beginning and end included."""
FROM_KIT = {"background": "background", "surface": "surface", "product": "primary", "second": "secondary",
            "accent": "accent"}  # fmt: skip
"""Which of a kit's colours a role gets. The text colour is never painted: words are set."""
FROM_SET = {"background": "backdrop", "surface": "podium"}
"""Which part of a set shows a role."""
SHARES = {"background": 0.64, "surface": 0.14, "product": 0.09, "second": 0.08, "accent": 0.03, "light": 0.0}
"""How much of a picture a role takes: the medians of its training pictures."""
_ROOM = re.compile(r"empty space (?:at|on|in) the (?:(?:top|bottom|middle)\b\s*)?(left|right)?", re.IGNORECASE)
"""How room for words is asked for. The side it names is where the product is not."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A request in the model's terms. `text` is what its words encoder reads; `palette` is 6×5 as in `data.Picture`;
    `known` and `unknown` are the prompt's own words."""

    text: str
    palette: Plane
    known: tuple[str, ...]
    unknown: tuple[str, ...]


def asked(
    prompt: str,
    kit: Mapping[str, str],
    product: ProductInScene | None = None,
    set_spec: Mapping[str, Any] | None = None,
) -> Asked:
    """`kit` maps roles to `#rrggbb`. Colours are the kit's whatever the prompt says, backdrop and podium of a set as it
    has them; a product's photo brings its own, as it is not painted. Words the model was not trained on are left out
    of what it reads."""
    read = parse(_ROOM.sub("", prompt))
    palette = _palette(kit, read, set_spec or {})
    if product is not None:
        _bring(palette, product)
    return Asked(worded({**_roomy(prompt), **read.attributes}, palette), palette, read.known, read.unknown)


def _roomy(prompt: str) -> Mapping[str, int]:
    """Where things stand that leave the room that is asked for: on the other side."""
    side = next((found[1].lower() for found in _ROOM.finditer(prompt) if found[1]), "")
    other = {"left": "right", "right": "left"}.get(side)
    return {"layout": LAYOUTS.index(other)} if other else {}


def _palette(kit: Mapping[str, str], read: Parsed, set_spec: Mapping[str, Any]) -> Plane:
    rows = np.zeros((len(ROLES), 5), np.float32)
    rows[ROLES.index("light"), 0] = 1.0
    for place, role in enumerate(ROLES):
        part = set_spec.get(FROM_SET.get(role, ""), {})
        name = part.get("colour", FROM_KIT.get(role, ""))
        said = read.colours.get(role)
        colour = None if said is None else np.array(said)
        if name in kit:
            colour = to_oklab(role_colour(kit, name, part.get("tint", 0.0), part.get("shade", 0.0)))
        if colour is not None:
            rows[place] = [*colour, SHARES[role], 1.0]
    return rows


def _bring(palette: Plane, product: ProductInScene) -> None:
    """Put the colour of a product's photo, and how much of the picture it takes, into a palette."""
    rgba, place = product.rgba, ROLES.index("product")
    body = rgba[rgba[..., 3] > 250][:, :3]
    palette[ROLES.index("second"), 4] = 0.0
    if len(body):
        palette[place, :3] = np.median(to_oklab(to_linear(body[:: max(len(body) // 4096, 1)] / 255.0)), axis=0)
        share = product.box.width * product.box.height * len(body) / rgba[..., 3].size
        palette[place, 3:] = min(max(share, 0.0), 1.0), 1.0


class Tokens:
    """The model's own tokenizer. Raises `EngineError` when its file is not there or damaged."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        path = folder / "tokenizer_2" / "tokenizer.json"
        try:
            self._tokenizer = Tokenizer.from_str(path.read_text("utf-8"))
        except Exception as error:  # it raises plain exceptions
            raise EngineError(
                f"{path.name} of the built-in model cannot be read", "Install the project again."
            ) from error
        self._tokenizer.enable_truncation(LENGTH)
        end = self._tokenizer.token_to_id("<|endoftext|>")
        self._tokenizer.enable_padding(length=LENGTH, pad_id=end, pad_token="<|endoftext|>")

    def ids(self, texts: list[str]) -> NDArray[np.int64]:
        """N texts to N×64 ids, with their beginning, end and padding."""
        return np.array([one.ids for one in self._tokenizer.encode_batch(texts)], np.int64)
