"""The colour lock on many scenes: main colours arrive, the product stays to the bit, skin stays, ramps stay smooth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from studio.color import cielab, delta_e00, oklab
from studio.model import Shot, Swatch
from studio.picture.make import shows_people
from studio.picture.palette import DOMINANT_SHARE, distances, dominant, lock, skin_likeness
from tests.picture.scenes import COUNT, KITS, Scene, ramp, scenes

WITHIN = 3.0
STEPS = 6.0
"""No step of a ramp, a level in each channel at once, grows to more than so many levels."""


def worst(pixels: np.ndarray, swatches: tuple[Swatch, ...]) -> float:
    colors, shares = dominant(pixels)
    return float(distances(colors[shares >= DOMINANT_SHARE], swatches).max(initial=0.0))


def off_after(scene: Scene) -> float:
    people = scene.skin is not None
    locked, facts = lock(scene.pixels, scene.swatches, scene.product, skin=people)
    assert (locked[scene.product] == scene.pixels[scene.product]).all(), scene.name
    assert set(facts) == {"delta_e00_before", "delta_e00_after"}
    seen = ~scene.product
    if people:
        like = skin_likeness(oklab(scene.pixels).reshape(-1, 3)).reshape(seen.shape)
        seen = seen & (like < 0.05)
        full = (like == 1) & ~scene.product
        assert np.abs(locked[full].astype(int) - scene.pixels[full]).max(initial=0) <= 1, scene.name
    return worst(locked[seen], scene.swatches) if seen.any() else 0.0


def test_main_colours_arrive_and_the_product_stays_to_the_bit() -> None:
    off = {scene.name: off_after(scene) for scene in scenes(28, 96)}
    assert max(off.values()) <= WITHIN, off


@pytest.mark.slow
def test_two_hundred_scenes() -> None:
    off = {scene.name: off_after(scene) for scene in scenes()}
    assert len(off) == COUNT
    assert max(off.values()) <= WITHIN, {name: value for name, value in off.items() if value > WITHIN}


@pytest.mark.parametrize("kit", KITS)
def test_a_smooth_ramp_shows_no_bands(kit: str) -> None:
    rng = np.random.default_rng(len(kit))
    for _ in range(6):
        first = rng.integers(20, 235, 3)
        last = np.clip(first + rng.integers(-70, 70, 3), 0, 255)
        plain = ramp(tuple(first), tuple(last))
        locked, _ = lock(plain, KITS[kit])
        # Noise is strewn down each column, so a column's mean is the ramp itself.
        before, after = (np.abs(np.diff(each.astype(float).mean(axis=0), axis=0)).max() for each in (plain, locked))
        assert after <= STEPS * before, (first, last)


def test_where_nothing_is_off_nothing_is_touched() -> None:
    kit = KITS["cool"]
    flat = np.full((64, 64, 3), (0x22, 0x55, 0xCC), np.uint8)
    locked, facts = lock(flat, kit)
    assert (locked == flat).all() and facts["delta_e00_after"] == facts["delta_e00_before"] < 1


def test_a_colour_far_from_all_main_ones_keeps_its_own() -> None:
    scene = np.full((120, 120, 3), (150, 165, 220), np.uint8)
    scene[:5, :5] = (250, 40, 30)  # less than a fifth of a per cent
    locked, _ = lock(scene, KITS["cool"])
    moved = delta_e00(cielab(locked[2, 2]), cielab(scene[2, 2]))
    assert float(moved) < 2
    assert worst(locked[20:].reshape(-1, 3), KITS["cool"]) <= WITHIN


def test_the_same_picture_is_locked_the_same_way() -> None:
    scene = next(iter(scenes(1, 96)))
    assert np.array_equal(lock(scene.pixels, scene.swatches)[0], lock(scene.pixels, scene.swatches)[0])


def test_the_picture_given_is_not_written_to() -> None:
    scene = next(iter(scenes(1, 64)))
    scene.pixels.flags.writeable = False
    locked, _ = lock(scene.pixels, scene.swatches, scene.product)
    assert locked is not scene.pixels and locked.dtype == np.uint8


def test_all_hidden_stays_as_it_is() -> None:
    scene = next(iter(scenes(1, 64)))
    locked, facts = lock(scene.pixels, scene.swatches, np.ones((64, 64), bool))
    assert (locked == scene.pixels).all() and facts == {"delta_e00_before": 0.0, "delta_e00_after": 0.0}


@settings(max_examples=20, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))), st.sampled_from(sorted(KITS)))
def test_any_small_picture_is_locked(pixels: np.ndarray, kit: str) -> None:
    locked, facts = lock(pixels, KITS[kit])
    assert locked.shape == pixels.shape and all(np.isfinite(value) for value in facts.values())


def test_skin_is_told_by_hue_chroma_and_lightness() -> None:
    monk = [(237, 212, 190), (224, 188, 157), (203, 160, 124), (165, 117, 84), (122, 82, 57), (92, 61, 43)]
    assert skin_likeness(oklab(np.array(monk))).min() > 0.8
    others = [(34, 85, 204), (46, 125, 79), (255, 213, 0), (128, 128, 128), (198, 30, 40), (17, 17, 17)]
    assert skin_likeness(oklab(np.array(others))).max() < 0.05


def test_sand_is_locked_where_no_people_are() -> None:
    sand = np.random.default_rng(1).normal((203, 160, 124), 2, (80, 80, 3)).clip(0, 255).astype(np.uint8)
    assert worst(lock(sand, KITS["cool"])[0].reshape(-1, 3), KITS["cool"]) <= WITHIN
    kept, _ = lock(sand, KITS["cool"], skin=True)
    assert np.abs(kept.astype(int) - sand).max() <= 1


@pytest.mark.parametrize(
    ("prompt", "people"),
    [
        ("", False),
        ("a bottle on sand, product standing in the centre", False),
        ("hand-made soap, man-made lake, no people", False),
        ("a bottle in a woman's hand", True),
        ("Two friends at a table", True),
        ("Frauen am Strand", True),
    ],
)
def test_people_are_known_by_the_words(prompt: str, people: bool) -> None:
    shot = Shot(
        engine="reader", recipe=1, width_px=64, height_px=64, seed=1, steps=1, palette={}, allowed=KITS["cool"],
        prompt=prompt,
    )  # fmt: skip
    assert shows_people(shot) is people
