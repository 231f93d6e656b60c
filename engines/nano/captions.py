"""Words for pictures, and pictures' words read back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .grammar import ATTRIBUTES
from .palettes import colour_word


def caption(attributes: Mapping[str, int], palette: NDArray[np.floating], rng: np.random.Generator) -> str:
    """One of many wordings for what a picture shows."""
    said = {name: ATTRIBUTES[name][place] for name, place in attributes.items()}
    return (
        f"a {colour_word(palette[2])} {said['material']} {said['product']} on a {said['stand']}, "
        f"{colour_word(palette[0])} background, {said['set']}, {said['light']} light"
    )
