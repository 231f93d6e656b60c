"""The built-in cut-out on drawn scenes whose matte is known, and on the sample photos where they are present."""

from __future__ import annotations

import json
from functools import cache

import cv2
import numpy as np
import pytest
from PIL import Image

from engines.base import KEEP, REMOVE, Cut, CutRequest, EngineError, Progress, Stopped
from engines.cutout import create
from engines.cutout.builtin import Builtin
from engines.cutout.net import MODEL
from studio.color import cielab, delta_e00
from tests.engines.cutout_scenes import Pixels, Plane, Scene, drawn, ground, mug, shaded, stand
from tests.samples import SAMPLES


def cut_of(picture: Pixels, strokes: Pixels | None = None, shadow: bool = False) -> Cut:
    return Builtin().cut(CutRequest(picture, strokes, shadow), Progress())


def iou(alpha: Pixels | Plane, truth: Plane) -> float:
    a, b = np.asarray(alpha) > 127, truth > 0.5
    return float((a & b).sum() / (a | b).sum())


@cache
def scene_of(name: str) -> Scene:
    """A mug with an open handle, a thin frame, two things, a white cup on white, a green bottle."""
    alpha = {
        "mug": mug(),
        "frame": drawn(300, 320, ("box", (0.3, 0.3, 0.7, 0.75)), ("-box", (0.32, 0.32, 0.68, 0.73)), ("line", (0.2, 0.2, 0.5, 0.3, 0.006)), ("line", (0.7, 0.5, 0.9, 0.2, 0.006))),
        "two": drawn(300, 320, ("oval", (0.25, 0.5, 0.13, 0.2)), ("box", (0.58, 0.35, 0.85, 0.75))),
        "white": drawn(300, 320, ("oval", (0.5, 0.55, 0.25, 0.3))),
        "bottle": drawn(300, 320, ("box", (0.4, 0.3, 0.62, 0.85)), ("oval", (0.51, 0.3, 0.11, 0.12))),
    }[name]  # fmt: skip
    colour = {
        "mug": (38, 42, 60),
        "frame": (45, 40, 38),
        "two": (170, 60, 40),
        "white": (236, 234, 228),
        "bottle": (40, 140, 60),
    }[name]
    kind = {"white": "white", "bottle": "colour-fall", "two": "colour-fall"}.get(name, "grey-fall")
    return stand(shaded(alpha, colour, 0.45 if name == "white" else 0.2), alpha, ground(kind, 300, 320), 0.35)


@cache
def cut_scene(name: str) -> Cut:
    return cut_of(scene_of(name).picture, shadow=True)


@pytest.mark.parametrize(
    ("name", "least"), [("mug", 0.97), ("frame", 0.85), ("two", 0.97), ("white", 0.93), ("bottle", 0.97)]
)
def test_drawn_products_are_found(name: str, least: float) -> None:
    assert iou(cut_scene(name).rgba[..., 3], scene_of(name).alpha) >= least


def test_the_hole_of_a_handle_stays_open() -> None:
    hole = drawn(300, 320, ("oval", (0.275, 0.52, 0.06, 0.09))) == 1
    assert cut_scene("mug").rgba[..., 3][hole].max() == 0


def test_thin_wires_are_kept_along_their_length() -> None:
    wires = drawn(300, 320, ("line", (0.22, 0.21, 0.48, 0.29, 0.004)), ("line", (0.73, 0.46, 0.88, 0.23, 0.004))) > 0.9
    assert (cut_scene("frame").rgba[..., 3][wires] > 100).mean() > 0.9


def test_two_things_are_two_pieces() -> None:
    count, *_ = cv2.connectedComponents((cut_scene("two").rgba[..., 3] > 127).astype(np.uint8))
    assert count == 3


@pytest.mark.parametrize("name", ["mug", "two", "white"])
def test_alpha_and_colours_keep_their_promises(name: str) -> None:
    picture, rgba = scene_of(name).picture, cut_scene(name).rgba
    alpha = rgba[..., 3]
    assert np.array_equal(rgba[alpha == 255][:, :3], picture[alpha == 255])
    assert not rgba[alpha == 0].any()
    soft = (alpha > 0) & (alpha < 255)
    contour = cv2.morphologyEx((alpha > 127).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    far = cv2.distanceTransform((contour == 0).astype(np.uint8), cv2.DIST_L2, 5) > 12
    assert soft.any() and not (soft & far).any()


def test_the_edge_loses_the_colour_of_the_ground() -> None:
    alpha = drawn(300, 320, ("oval", (0.5, 0.5, 0.25, 0.32)))
    alpha = cv2.GaussianBlur(alpha, (0, 0), 1.5)
    product = shaded(alpha, (190, 50, 60), 0.1)
    scene = stand(product, alpha, np.full((300, 320, 3), (60, 200, 70), np.float32), 0.2)
    rgba = cut_of(scene.picture).rgba
    ring = (alpha > 0.4) & (alpha < 0.95) & (rgba[..., 3] > 60)
    own = delta_e00(cielab(rgba[..., :3][ring]), cielab(product[ring])).mean()
    untouched = delta_e00(cielab(scene.picture[ring]), cielab(product[ring])).mean()
    assert ring.sum() > 300
    assert own < 8 < untouched


def test_the_shadow_is_a_layer_of_its_own() -> None:
    scene, cut = scene_of("two"), cut_scene("two")
    assert cut.shadow is not None and cut.shadow.dtype == np.uint8
    open_ground = cv2.erode((scene.alpha == 0).astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
    true = (1 - scene.shade) * 255
    assert np.abs(cut.shadow[open_ground].astype(float) - true[open_ground]).mean() < 6
    dark = open_ground & (true > 30)
    assert dark.any() and np.abs(cut.shadow[dark].astype(float) - true[dark]).mean() < 18
    assert cut.rgba[..., 3][dark].max() == 0


def test_no_shadow_where_none_falls_and_none_unasked() -> None:
    scene = scene_of("two")
    flat = stand(scene.product, scene.alpha, ground("colour-fall", 300, 320), 0.0)
    assert cut_of(flat.picture, shadow=True).shadow is None
    assert cut_of(scene.picture).shadow is None


def test_strokes_win_where_they_lie_and_take_their_surroundings_along() -> None:
    scene = scene_of("two")
    engine = Builtin()
    before = engine.cut(CutRequest(scene.picture), Progress())
    strokes = np.zeros(scene.alpha.shape, np.uint8)
    strokes[110:190, 76:84] = REMOVE  # down its middle, as one paints
    strokes[20:40, 20:60] = KEEP
    after = engine.cut(CutRequest(scene.picture, strokes), Progress())
    assert after.rgba[..., 3][strokes == REMOVE].max() == 0
    assert after.rgba[..., 3][strokes == KEEP].min() == 255
    assert np.array_equal(after.rgba[strokes == KEEP][:, :3], scene.picture[strokes == KEEP])
    left = np.s_[:, :160]
    assert (
        (after.rgba[left][..., 3] > 127)[90:210, 45:115].mean()
        < 0.1
        < (before.rgba[left][..., 3] > 127)[90:210, 45:115].mean()
    )
    right = np.s_[:, 170:]
    assert np.array_equal(after.rgba[right][..., 3] > 127, before.rgba[right][..., 3] > 127)
    assert after.unsure[strokes > 0].max() == 0


def test_strokes_on_a_known_photo_do_not_look_again() -> None:
    scene = scene_of("mug")
    engine = Builtin()
    said: list[str] = []
    engine.cut(CutRequest(scene.picture), Progress(lambda fraction, text: said.append(text)))
    assert "Looking for the product" in said
    said.clear()
    strokes = np.zeros(scene.alpha.shape, np.uint8)
    strokes[100:110, 150:170] = KEEP
    again = engine.cut(CutRequest(scene.picture, strokes), Progress(lambda fraction, text: said.append(text)))
    assert "Looking for the product" not in said
    assert np.array_equal(again.rgba, Builtin().cut(CutRequest(scene.picture, strokes), Progress()).rgba)


def test_the_same_photo_gives_the_same_pixels() -> None:
    again = cut_of(scene_of("mug").picture, shadow=True)
    first = cut_scene("mug")
    assert np.array_equal(again.rgba, first.rgba) and again.confidence == first.confidence
    assert np.array_equal(again.unsure, first.unsure)


def test_confidence_falls_when_the_product_melts_into_its_ground() -> None:
    alpha = drawn(300, 320, ("oval", (0.5, 0.5, 0.25, 0.32)))
    rng = np.random.default_rng(3)
    speckle = cv2.GaussianBlur(rng.normal(0, 1, (300, 320, 3)).astype(np.float32), (0, 0), 3)
    speckle = 120 + 40 * speckle / speckle.std()
    melted = np.where(alpha[..., None] > 0.5, speckle[::-1, ::-1] + 12, speckle).clip(0, 255).astype(np.uint8)
    assert cut_of(melted).confidence < 0.7
    assert cut_scene("two").confidence > 0.9


def test_a_second_opinion_finds_what_looks_like_the_ground() -> None:
    alpha = drawn(300, 320, ("oval", (0.5, 0.5, 0.25, 0.32)))
    camouflaged = stand(shaded(alpha, (243, 243, 243), 0.05), alpha, ground("white", 300, 320), 0.0)
    with_prior = Builtin(lambda picture: cv2.resize(alpha, (80, 80)))
    cut = with_prior.cut(CutRequest(camouflaged.picture), Progress())
    assert iou(cut.rgba[..., 3], alpha) > 0.9


@pytest.mark.parametrize("shape", [(1, 1), (15, 40), (2, 30000)])
def test_too_small_is_said_with_a_remedy(shape: tuple[int, int]) -> None:
    with pytest.raises(EngineError, match="too small") as caught:
        cut_of(np.zeros((*shape, 3), np.uint8))
    assert caught.value.hint


def test_too_narrow_is_said() -> None:
    with pytest.raises(EngineError, match="too narrow"):
        cut_of(np.zeros((20, 2000, 3), np.uint8))


@pytest.mark.parametrize("value", [0, 128, 255])
def test_one_flat_colour_holds_nothing(value: int) -> None:
    with pytest.raises(EngineError, match="No product") as caught:
        cut_of(np.full((64, 90, 3), value, np.uint8))
    assert "keep brush" in caught.value.hint


def test_the_smallest_photo_works() -> None:
    picture = np.full((16, 20, 3), 240, np.uint8)
    picture[5:11, 6:14] = (30, 60, 160)
    assert (cut_of(picture).rgba[6:10, 7:13, 3] > 127).all()


def test_it_stops_when_asked_and_reports_rising_progress() -> None:
    seen: list[float] = []
    Builtin().cut(CutRequest(scene_of("mug").picture), Progress(lambda fraction, text: seen.append(fraction)))
    assert seen == sorted(seen) and seen[0] == 0 and seen[-1] == 1
    for allowed in range(len(seen)):
        asked = iter([False] * allowed + [True] * 99)
        with pytest.raises(Stopped):
            Builtin().cut(CutRequest(scene_of("mug").picture), Progress(should_stop=lambda asked=asked: next(asked)))


def test_large_photos_are_cut_at_their_own_size() -> None:
    alpha = cv2.resize(scene_of("two").alpha, (1920, 1800), interpolation=cv2.INTER_LINEAR)
    alpha = np.clip((alpha - 0.5) * 6 + 0.5, 0, 1)
    scene = stand(shaded(alpha, (170, 60, 40), 0.2), alpha, ground("colour-fall", 1800, 1920), 0.3)
    cut = cut_of(scene.picture)
    assert iou(cut.rgba[..., 3], alpha) > 0.985
    assert np.abs(cut.rgba[..., 3] / 255.0 - alpha).mean() < 0.004


def test_create_is_the_built_in_engine() -> None:
    engine = create()
    assert engine.id == "builtin" and engine.recipe


@pytest.mark.slow
@pytest.mark.skipif(not (SAMPLES / "cutouts").is_dir(), reason="no sample photos here")
@pytest.mark.parametrize(("network", "product", "everything"), [(True, 0.88, 0.78), (False, 0.86, 0.78)])
def test_sample_photos_reach_their_means(network: bool, product: float, everything: float) -> None:
    if network and not MODEL.is_file():
        pytest.skip("no network file here")
    engine = create() if network else Builtin()
    scores: dict[str, list[float]] = {"product": [], "other": []}
    for folder in sorted((SAMPLES / "cutouts").iterdir()):
        info = json.loads((folder / "info.json").read_text("utf-8"))
        picture = np.array(Image.open(folder / "photo.jpg").convert("RGB"))
        truth = np.asarray(Image.open(folder / "mask.png").convert("L")) / np.float32(255)
        cut = engine.cut(CutRequest(picture), Progress())
        scores["product" if info["kind"] == "product" else "other"].append(iou(cut.rgba[..., 3], truth))
    assert np.mean(scores["product"]) >= product
    assert np.mean(scores["product"] + scores["other"]) >= everything
