"""Cut-outs and enlargements are made once and kept by everything that decides them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.base import Cut, CutRequest, EngineError, Enlarged, Progress
from studio.desk.engines import Engines
from studio.desk.retouch import Retouch
from studio.desk.store import Store
from studio.picture.cut import CutOptions


class Counting:
    id = "counting"

    def __init__(self, recipe: str = "1") -> None:
        self.recipe, self.calls = recipe, 0

    def cut(self, request: CutRequest, progress: Progress) -> Cut:
        self.calls += 1
        alpha = np.where(request.picture[..., 0] > 100, 255, 0).astype(np.uint8)
        unsure = np.full_like(alpha, 7)
        return Cut(
            np.dstack([request.picture, alpha]), 0.75, unsure, 0.5, self.id, "test", unsure if request.shadow else None
        )

    def enlarge(self, picture: np.ndarray, width_px: int, height_px: int, progress: Progress) -> Enlarged:
        self.calls += 1
        pixels = np.zeros((height_px, width_px, picture.shape[2]), np.uint8)
        return Enlarged(pixels, 0.2, self.id, "test", 1, 4, {"note": "x"})


def photo() -> np.ndarray:
    rgba = np.full((40, 40, 4), 255, np.uint8)
    rgba[..., 0] = 0
    rgba[10:30, 12:28, 0] = 200
    return rgba


@pytest.fixture
def store(tmp_path: Path):
    with Store(tmp_path / "home") as opened:
        yield opened


def test_a_cut_is_made_once(store: Store) -> None:
    engine = Counting()
    desk = Retouch(store, Engines(lambda name: engine))
    first, known = desk.cut(photo(), CutOptions(shadow=True), Progress())
    again, known_again = desk.cut(photo(), CutOptions(shadow=True), Progress())
    assert (known, known_again, engine.calls) == (False, True, 1)
    assert (first.rgba == again.rgba).all() and (first.unsure == again.unsure).all()
    assert again.shadow is not None and (again.shadow == first.shadow).all()
    assert dict(first.facts) == dict(again.facts) and again.confidence == 0.75


def test_whatever_decides_it_makes_it_anew(store: Store) -> None:
    engine = Counting()
    desk = Retouch(store, Engines(lambda name: engine, lambda name: engine))
    strokes = np.zeros((40, 40), np.uint8)
    strokes[0, 0] = 1
    other = photo()
    other[0, 0, 1] = 254
    desk.cut(photo(), CutOptions(), Progress())
    desk.cut(photo(), CutOptions(trim=False), Progress())
    desk.cut(photo(), CutOptions(), Progress(), strokes)
    desk.cut(other, CutOptions(), Progress())
    engine.recipe = "2"
    desk.cut(photo(), CutOptions(), Progress())
    assert engine.calls == 5
    desk.enlarge(photo(), (80, 80), "counting", Progress())
    desk.enlarge(photo(), (80, 81), "counting", Progress())
    made, known = desk.enlarge(photo(), (80, 80), "counting", Progress())
    assert engine.calls == 7 and known and made.pixels.shape == (80, 80, 4) and made.tiles == 4


def test_a_damaged_result_is_made_again(store: Store) -> None:
    engine = Counting()
    desk = Retouch(store, Engines(lambda name: engine))
    desk.cut(photo(), CutOptions(), Progress())
    for path in (store.home / "pictures").rglob("*.png"):
        path.write_bytes(path.read_bytes()[:20])
    _, known = desk.cut(photo(), CutOptions(), Progress())
    assert not known and engine.calls == 2
    assert desk.cut(photo(), CutOptions(), Progress())[1]


def test_without_engines_it_says_so(store: Store) -> None:
    with pytest.raises(EngineError, match="No engines"):
        Retouch(store, Engines()).cut(photo(), CutOptions(), Progress())
