"""The worker's hands: a painter is opened anew when its files are others than when it was opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from engines.base import Capabilities, Painting, PaintRequest, Progress
from studio.desk.hands import StudioHands
from studio.desk.store import Store
from studio.model import Shot


class Plain:
    capabilities = Capabilities()

    def __init__(self, engine: str) -> None:
        self.id = engine

    def paint(self, requests: Sequence[PaintRequest], progress: Progress) -> Iterator[Painting]:
        for request in requests:
            yield Painting(np.full((request.height_px, request.width_px, 3), 200, np.uint8), 0.01, self.id, "test")


def shot(engine: str, model: str) -> Shot:
    return Shot(
        engine=engine, model=model, recipe=1, width_px=32, height_px=32, seed=1, steps=1, palette={}, allowed=()
    )


def test_a_painter_is_opened_once_for_the_weights_it_was_planned_with(tmp_path: Path) -> None:
    opened: list[str] = []

    def opening(name: str) -> Plain:
        opened.append(name)
        return Plain(name)

    hands = StudioHands(Store(tmp_path), opening)
    for engine, model in (("a", "1"), ("a", "1"), ("b", ""), ("b", ""), ("a", "1"), ("a", "2"), ("a", "2")):
        hands.paint(shot(engine, model), None, Progress())
    assert opened == ["a", "b", "a"]
