"""Rendered scenes, recoloured: what a training picture says about itself is true of its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.base import Progress
from engines.nano import layers, recolour, render
from engines.nano.data import ATTRIBUTES, BUCKETS, Data, Picture, held
from engines.nano.grammar import FRAMES, compose, make_shot, make_style
from engines.nano.palettes import make_palette
from engines.nano.products import FINISHES, PRODUCTS, make_product
from engines.stage.colour import from_oklab, to_linear, to_oklab, to_pixels, to_srgb
from engines.stage.develop import denoise, develop, expose
from engines.stage.painter import trace

SCENES = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("scenes")
    kept, render.SHARD = render.SHARD, SCENES
    try:
        render.fill(path, 10, SCENES, samples=2)
    finally:
        render.SHARD = kept
    yield path


@pytest.fixture(scope="module")
def data(folder: Path) -> Data:
    return Data(folder, "all")


def _picture(data: Data, seed: int, bucket: tuple[int, int] = (512, 512), index: int | None = None) -> Picture:
    return data.picture(np.random.default_rng(seed), bucket, index)


def test_a_scene_is_the_same_every_time() -> None:
    first, second = (layers.render(make_shot(40, "square"), samples=1) for _ in range(2))
    assert first.facts == second.facts
    assert all(np.array_equal(getattr(first, n), getattr(second, n)) for n in ("light", "parts", "maps"))


@pytest.mark.parametrize("seed", [13, 21])
def test_recolouring_comes_close_to_a_true_render(seed: int) -> None:
    shot, palette = make_shot(seed, "square"), make_palette(np.random.default_rng(seed))
    palette[5] = (1, 0, 0)
    made, (width, height) = layers.render(shot), FRAMES["square"]
    blank = recolour.Prints(
        np.zeros((1, 128, 128), np.float32),
        np.zeros((1, 3), np.float32),
        np.zeros(256, np.uint8),
        np.ones((1, 2), np.float32),
    )
    ours = recolour.recolour(made, palette, blank, (0, 0, height, width), 1)
    codes = [
        "#" + bytes(np.round(to_srgb(np.clip(from_oklab(lab), 0, 1)) * 255).astype(np.uint8)).hex()
        for lab in palette[:5]
    ]
    scene = layers.build(
        shot, dict(zip(("background", "surface", "primary", "secondary", "accent"), codes, strict=True))
    )
    film = trace(scene, width, height, 6, 1, Progress())
    light, _ = expose(denoise(film), film, scene.backdrop_ids, scene.roll, 1.0)
    true = to_pixels(develop(light, (width, height)), 1)
    error = np.mean((ours.astype(float) - true) ** 2)
    assert 10 * np.log10(255**2 / error) > 31


def test_a_picture_is_decided_by_the_generator_and_fits_the_bucket(data: Data) -> None:
    for bucket in BUCKETS:
        first, second = _picture(data, 5, bucket), _picture(data, 5, bucket)
        assert first.caption == second.caption and np.array_equal(first.rgb, second.rgb)
        planes = (first.rgb, first.roles, first.depth, first.edges, first.mask)
        assert all(plane.shape[:2] == (bucket[1], bucket[0]) and plane.dtype == np.uint8 for plane in planes)
        assert first.sizes[4:] == (bucket[1], bucket[0])
    assert not np.array_equal(_picture(data, 5).rgb, _picture(data, 6).rgb)


def test_the_maps_belong_to_the_picture(data: Data) -> None:
    for index in range(len(data)):
        shown = _picture(data, index, index=index)
        assert set(np.unique(shown.mask)) <= {0, 255} and set(np.unique(shown.edges)) <= {0, 255}
        assert 0.003 < (shown.mask > 0).mean() < 0.6
        assert shown.depth[shown.mask > 0].mean() > shown.depth[shown.roles == 1].mean()
        outline = cv2.morphologyEx(shown.mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
        near = cv2.dilate(shown.edges, np.ones((5, 5), np.uint8)) > 0
        assert near[outline].mean() > 0.9


def test_the_palette_is_what_is_seen_and_close_to_what_was_asked(data: Data) -> None:
    away = []
    for index in range(len(data)):
        palette = make_palette(np.random.default_rng(index))
        palette[5] = (1, 0, 0)
        shown = data.picture(np.random.default_rng(50 + index), (512, 512), index, palette)
        shares = np.bincount(shown.roles.ravel(), minlength=6)[1:6] / shown.roles.size
        assert np.allclose(shown.palette[:5, 3], shares, atol=1e-6)
        seen = np.median(shown.rgb[shown.roles == 1], axis=0)
        assert np.linalg.norm(to_oklab(to_linear(seen / 255)) - shown.palette[0, :3]) < 0.01
        away += [np.linalg.norm(shown.palette[r, :3] - palette[r]) for r in (0, 2) if shown.palette[r, 4]]
    assert np.median(away) < 0.1


def test_another_palette_changes_colours_and_nothing_else(data: Data) -> None:
    one = data.picture(np.random.default_rng(3), (512, 512), 0, make_palette(np.random.default_rng(1)))
    two = data.picture(np.random.default_rng(3), (512, 512), 0, make_palette(np.random.default_rng(2)))
    assert np.array_equal(one.roles, two.roles) and np.array_equal(one.depth, two.depth)
    assert np.abs(one.rgb.astype(int) - two.rgb).mean() > 5


def test_a_pair_shares_its_style_and_not_its_product_seed(data: Data) -> None:
    for seed in range(4):
        one, two = data.pair(np.random.default_rng(seed), (512, 512))
        assert one.attributes["light"] == two.attributes["light"] and one.attributes["stand"] == two.attributes["stand"]
        assert np.linalg.norm(one.palette[0, :3] - two.palette[0, :3]) < 0.25  # the same paint, lit from elsewhere
        assert not np.array_equal(one.mask, two.mask)


def test_what_is_held_back_is_never_trained_on(folder: Path) -> None:
    splits = {split: Data(folder, split) for split in ("train", "held", "all")}
    seeds = {split: {part.seed(i) for i in range(len(part))} for split, part in splits.items()}
    assert seeds["train"] | seeds["held"] == seeds["all"] == set(range(SCENES))
    assert not seeds["train"] & seeds["held"]
    assert all(held(seed) == held(seed ^ 1) for seed in range(200))


def test_rendering_goes_on_where_it_stopped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "SHARD", SCENES)
    monkeypatch.setattr(render, "render", lambda *_: pytest.fail("rendered again"))
    assert render.fill(folder, 1, SCENES) == SCENES


def test_every_product_stands_on_its_foot_in_every_finish() -> None:
    for kind in PRODUCTS:
        for finish in FINISHES:
            product = make_product(kind, finish, np.random.default_rng(1))
            assert min(piece.lift for piece in product.pieces) == 0
            assert 0.15 < product.width < 1.2 and 0.2 < product.height < 1.3
            assert any(piece.name == "body" for piece in product.pieces)


def test_the_grammar_reaches_all_of_its_words() -> None:
    said = {name: set() for name in ATTRIBUTES}
    for seed in range(500):
        for name, word in make_shot(seed, "square").attributes.items():
            said[name].add(word)
    assert said == {name: set(words) for name, words in ATTRIBUTES.items()}


def test_the_product_is_inside_the_frame() -> None:
    for seed in range(120):
        frame = list(FRAMES)[seed % 3]
        shot = make_shot(seed, frame)
        heroes = [s for s in shot.arranged.solids if getattr(s.paint, "place", "") == "hero"]
        corners = np.concatenate([solid.corners() for solid in heroes])
        places = shot.arranged.camera.project(corners)
        assert places.min() > -0.12 and places.max() < 1.12, (seed, frame, shot.attributes)


def test_a_style_serves_any_product() -> None:
    style = make_style(np.random.default_rng(7))
    for kind in ("mug", "perfume"):
        shot = compose(1, "wide", kind, "glossy", style, np.random.default_rng(2))
        assert shot.attributes["product"] == kind and shot.attributes["light"] == style.light


def test_palettes_can_be_shown_and_set_the_product_apart() -> None:
    for seed in range(300):
        palette = make_palette(np.random.default_rng(seed))
        colours = from_oklab(palette[:5])
        assert colours.min() > -0.02 and colours.max() < 1.02
        assert np.linalg.norm(palette[2] - palette[0]) > 0.09
