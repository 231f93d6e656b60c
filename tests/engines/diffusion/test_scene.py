"""Scenes: sizes, the set and the product go in; the product's own pixels, an edge and a light that fit come out."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engines.base import (
    AdapterFile,
    Capabilities,
    ControlMap,
    EngineError,
    PaintRequest,
    Pixels,
    ProductInScene,
    Progress,
    ReferencePicture,
    Region,
    Stopped,
)
from engines.diffusion.harmonise import OPAQUE, SetLight, harmonise, laid, narrowed
from engines.diffusion.profile import Profile
from engines.diffusion.scene import Canvas, Staged, finish, prepare
from engines.diffusion.sets import Sets
from engines.stage import load_set
from studio.ad.compose import with_product
from studio.model import Box, Placement

ROOT = Path(__file__).resolve().parents[3]
PHOTOS = ROOT.parent / "shared" / "data" / "cutouts"
PROFILE = Profile("made", "Made", "sdxl", {"normal": 4}, least_px=0.0)
PALETTE = {"primary": "#1e6f5c", "accent": "#e4572e", "background": "#efe6d8", "surface": "#ffffff"}
QUIET = Progress()


def asked(width: int = 256, height: int = 256, **more: Any) -> PaintRequest:
    return PaintRequest(width, height, seed=1, steps=4, palette=PALETTE, **more)


def staged(request: PaintRequest, least_px: float = 0.0, **more: Any) -> Staged:
    return prepare(request, replace(PROFILE, least_px=least_px), 8, QUIET, **more)


def cut_out(wide: int = 96, high: int = 120, kind: str = "soft", seed: int = 0) -> Pixels:
    """A product (H×W×4): an egg with grain on it. `kind` is how its alpha goes: hard, soft, glass (see-through but for
    a core) or faint (its most is 251)."""
    rows, columns = np.mgrid[:high, :wide].astype(np.float32)
    apart = np.hypot((columns - wide / 2 + 0.5) / (wide / 2), (rows - high / 2 + 0.5) / (high / 2))
    soft = np.clip((1 - apart) * min(wide, high) / 4, 0, 1)
    alpha = {
        "hard": (apart < 0.95) * 255.0,
        "soft": soft * 255,
        "glass": np.where(apart < 0.5, 255, soft * 110),
        "faint": soft * 251,
    }[kind]
    colour = np.random.default_rng(seed).integers(30, 226, (high, wide, 3))
    return np.dstack([colour, alpha]).astype(np.uint8)


def standing(rgba: Pixels, left: int, top: int, width: int, height: int) -> ProductInScene:
    """The product at a place in pixels, at its own size."""
    high, wide = rgba.shape[:2]
    box = Region(left / width, top / height, (left + wide) / width, (top + high) / height)
    return ProductInScene(rgba, box, 20.0)


def scenery(width: int, height: int, seed: int = 3) -> Pixels:
    """A painted scene: soft patches of colour."""
    small = np.random.default_rng(seed).integers(60, 200, (5, 5, 3)).astype(np.float32)
    return np.rint(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255)).astype(np.uint8)


# ------------------------------------------------------------------------------------------------ sizes


@settings(deadline=None, max_examples=200)
@given(st.integers(8, 3000), st.integers(8, 3000), st.sampled_from([8, 16, 32, 64]), st.sampled_from([0.0, 512.0]))
def test_a_size_is_grown_to_whole_multiples_and_never_squeezed(w: int, h: int, multiple: int, least: float) -> None:
    canvas = Canvas.of(w, h, multiple, least)
    for inner, outer, side in zip(canvas.inner, canvas.outer, (w, h), strict=True):
        assert outer % multiple == 0 and 0 <= outer - inner < multiple
        assert side * canvas.scale - 1e-3 <= inner < side * canvas.scale + 1
    assert canvas.scale == 1 or canvas.inner[0] * canvas.inner[1] >= least**2
    assert least or canvas.inner == (w, h)


@settings(deadline=None, max_examples=40)
@given(st.integers(9, 90), st.integers(9, 90), st.integers(0, 9))
def test_what_was_painted_at_its_own_size_comes_back_untouched(width: int, height: int, seed: int) -> None:
    canvas = Canvas.of(width, height, 16, 0)
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    assert (canvas.cut(canvas.filled(picture)) == picture).all()


SIZES = ((1024, 1024), (896, 1152), (768, 1344), (1344, 768))


@settings(deadline=None)
@given(st.integers(100, 2000), st.integers(100, 2000))
def test_a_models_own_size_is_taken_where_a_picture_nearly_fills_it(w: int, h: int) -> None:
    own, canvas = Canvas.of(w, h, 64, 896), Canvas.of(w, h, 64, 896, SIZES)
    assert canvas == own or (canvas.outer in SIZES and canvas.filled_fraction >= 0.85)
    assert canvas.scale >= 0.9 * own.scale and abs(canvas.inner[0] / canvas.inner[1] * h / w - 1) < 0.02
    picture = np.zeros((h, w, 3), np.uint8)
    assert canvas.cut(canvas.fitted(picture)).shape == picture.shape


@pytest.mark.parametrize(
    ("asked_px", "painted_px"),
    [((1024, 1024), (1024, 1024)), ((916, 1145), (896, 1152)), ((1200, 628), (1344, 768)), ((640, 100), (2304, 384))],
)
def test_the_size_that_is_filled_best(asked_px: tuple[int, int], painted_px: tuple[int, int]) -> None:
    assert Canvas.of(*asked_px, 64, 896, SIZES).outer == painted_px


@settings(deadline=None)
@given(st.integers(20, 3000), st.integers(20, 3000))
def test_a_painter_of_small_pictures_paints_none_larger_and_they_are_enlarged(w: int, h: int) -> None:
    canvas = Canvas.of(w, h, 64, 512, ((512, 512), (384, 640)), 512)
    by_edge = max(256 / min(w, h), 1)
    assert math.prod(canvas.inner) <= max(512**2, (w * by_edge + 1) * (h * by_edge + 1)) * 1.05 + 2000
    assert canvas.cut(np.zeros((*canvas.outer[::-1], 3), np.uint8)).shape == (h, w, 3)


def test_a_small_banner_is_painted_larger_and_says_so() -> None:
    profile = replace(PROFILE, least_px=512.0)
    work = prepare(asked(320, 50), profile, 64, QUIET)
    assert work.work.height_px >= 256 and work.work.width_px / work.work.height_px == pytest.approx(6.4, rel=0.1)
    done = finish(work, scenery(work.work.width_px, work.work.height_px))
    assert done.picture.shape == (50, 320, 3)
    assert done.facts["painted_larger"] > 5 and done.facts["painted_px"] == [work.work.width_px, work.work.height_px]
    assert "painted_larger" not in prepare(asked(512, 512), profile, 64, QUIET).facts


def test_a_map_of_another_shape_is_cropped_and_its_forms_keep_theirs() -> None:
    disc = np.zeros((300, 300, 3), np.uint8)
    cv2.circle(disc, (150, 150), 60, (255, 255, 255), -1)
    (control,) = staged(asked(400, 200, controls=(ControlMap("edges", disc),))).work.controls
    rows, columns = np.nonzero(control.picture[..., 0] > 127)
    assert control.picture.shape == (200, 400, 3)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=2) and np.ptp(rows) == pytest.approx(160, abs=4)


def test_segments_keep_their_own_colours() -> None:
    flat = np.zeros((64, 64, 3), np.uint8)
    flat[:, 32:] = (120, 40, 200)
    (control,) = staged(asked(200, 200, controls=(ControlMap("segment", flat),))).work.controls
    assert {tuple(one) for one in control.picture.reshape(-1, 3)} == {(0, 0, 0), (120, 40, 200)}


# ------------------------------------------------------------------------------------------------ what is asked for


def test_words_numbers_masks_and_loras_reach_the_work() -> None:
    half = np.zeros((20, 20), np.uint8)
    half[:, 10:] = 255
    request = asked(
        200, 120, prompt="a kitchen", avoid="people", guidance=3.0,
        references=(ReferencePicture("style", scenery(50, 50), 0.7, half),),
        controls=(ControlMap("depth", scenery(200, 120), 0.5, 0.1, 0.9, half),),
        adapters=(AdapterFile(Path("brand.safetensors"), 0.8),),
    )  # fmt: skip
    work = staged(request).work
    assert (work.width_px, work.height_px, work.seed, work.steps) == (200, 120, 1, 4)
    assert (work.prompt, work.avoid, work.guidance, work.adapters) == ("a kitchen", "people", 3.0, request.adapters)
    assert work.start is None and work.repaint is None and work.strength == 1.0
    (control,), (reference,) = work.controls, work.references
    assert (control.strength, control.start, control.end) == (0.5, 0.1, 0.9)
    for mask in (control.mask, reference.mask):
        assert mask is not None and mask.shape == (120, 200) and not mask[:, :90].any() and mask[:, 110:].min() == 255


def test_what_a_painter_cannot_follow_is_left_out_and_named() -> None:
    request = asked(
        avoid="people",
        product=standing(cut_out(), 60, 60, 256, 256),
        controls=(ControlMap("pose", scenery(64, 64)), ControlMap("edges", scenery(64, 64))),
        references=(ReferencePicture("face", scenery(9, 9)), ReferencePicture("style", scenery(9, 9))),
        adapters=(AdapterFile(Path("x.safetensors")),),
    )
    made = staged(request, can=Capabilities(prompt=True, controls=("edges",), references=("style",)))
    assert [one.kind for one in made.work.controls] == ["edges"] and made.facts["not_followed"] == ["pose"]
    assert [one.use for one in made.work.references] == ["style"]
    assert made.work.repaint is None and made.work.adapters == () and made.work.avoid == ""


@pytest.mark.parametrize(("strength", "given_up"), [(0.8, 0.85), (0.4, 0.925), (2.0, 0.625), (0.0, 1.0)])
def test_stronger_blocks_give_less_up_to_the_noise(strength: float, given_up: float) -> None:
    blocks = scenery(128, 128)
    work = staged(asked(128, 128, controls=(ControlMap("blocks", blocks, strength),))).work
    assert work.strength == pytest.approx(given_up) and work.controls == ()
    assert work.start is not None and (work.start == blocks).all()


def test_a_start_picture_always_leaves_a_step_to_paint() -> None:
    held = replace(PROFILE, start_strength=0.05)
    request = replace(asked(64, 64, controls=(ControlMap("blocks", scenery(64, 64), 2.0),)), steps=4)
    work = prepare(request, held, 8, QUIET).work
    assert int(work.strength * work.steps) == 1


def test_blocks_with_a_mask_start_from_the_brands_ground_elsewhere() -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[:, :32] = 255
    red = np.full((64, 64, 3), (200, 0, 0), np.uint8)
    start = staged(asked(64, 64, controls=(ControlMap("blocks", red, mask=mask),))).work.start
    assert start is not None
    assert tuple(start[5, 5]) == (200, 0, 0) and tuple(start[5, 60]) == (0xEF, 0xE6, 0xD8)


# ------------------------------------------------------------------------------------------------ the set

SET: dict[str, Any] = load_set(ROOT / "presets" / "sets" / "arch.toml")


@pytest.fixture(scope="module")
def in_set() -> tuple[PaintRequest, Sets, Staged]:
    request = asked(192, 192, set_spec=SET, product=standing(cut_out(60, 80), 66, 80, 192, 192))
    sets = Sets()
    return request, sets, staged(request, sets=sets)


def test_a_set_gives_depth_to_follow_and_colours_to_start_from(in_set: tuple[PaintRequest, Sets, Staged]) -> None:
    _, _, made = in_set
    (depth,) = made.work.controls
    assert depth.kind == "depth" and depth.strength == PROFILE.set_strength and depth.picture.shape == (192, 192, 3)
    assert made.work.start is not None and made.work.strength == PROFILE.start_strength
    product, wall = int(depth.picture[120, 96, 0]), int(depth.picture[6, 96, 0])
    assert product > wall + 30, "the product is nearer than the wall"
    inside = depth.picture[100:140, 86:106, 0]
    assert np.ptp(inside) == 0
    done = finish(made, made.work.start)
    assert done.depth is not None and done.depth.shape == (192, 192) and done.edges is not None
    assert done.mask is not None and done.mask[120, 96] == 255 and done.mask[5, 5] == 0
    assert done.facts["set"] == SET["id"]


def test_variants_share_a_set_and_a_changed_one_is_rendered_anew(in_set: tuple[PaintRequest, Sets, Staged]) -> None:
    request, sets, made = in_set
    again = staged(replace(request, seed=7, prompt="other words"), sets=sets)
    assert again.standing is made.standing
    assert made.standing is not None
    other = staged(replace(request, palette={**PALETTE, "primary": "#aa2244"}), sets=sets)
    assert other.standing is not made.standing
    mirrored = staged(replace(request, seed=2), sets=sets)
    assert mirrored.standing is not None
    assert mirrored.standing.painting.facts["mirrored"] != made.standing.painting.facts["mirrored"] or (
        np.abs(mirrored.standing.painting.picture.astype(int) - made.standing.painting.picture).mean() > 1
    )


def test_no_more_sets_are_kept_than_said() -> None:
    sets = Sets(kept=1)
    one, two = (replace(asked(64, 64, set_spec=SET), seed=seed) for seed in (1, 2))
    first = sets.standing(one, QUIET)
    sets.standing(two, QUIET)
    anew = sets.standing(one, QUIET)
    assert anew is not first and (anew.painting.picture == first.painting.picture).all()


def test_a_designers_own_depth_and_blocks_beat_the_sets(in_set: tuple[PaintRequest, Sets, Staged]) -> None:
    request, sets, _ = in_set
    own, blocks = scenery(192, 192), np.full((192, 192, 3), 90, np.uint8)
    work = staged(
        replace(request, product=None, controls=(ControlMap("depth", own, 0.33), ControlMap("blocks", blocks))),
        sets=sets,
    ).work
    assert [(one.kind, one.strength) for one in work.controls] == [("depth", 0.33)]
    assert (work.controls[0].picture == own).all() and work.start is not None and (work.start == 90).all()


def test_a_painter_without_maps_takes_the_sets_colours_only(in_set: tuple[PaintRequest, Sets, Staged]) -> None:
    request, sets, _ = in_set
    can = Capabilities(prompt=True, sets=True, product_in_scene=True, controls=("blocks",))
    work = staged(request, can=can, sets=sets).work
    assert work.controls == () and work.start is not None and work.strength == PROFILE.start_strength
    blind = staged(request, can=replace(can, sets=False), sets=sets)
    assert blind.standing is None and blind.work.strength == 1.0


def test_where_words_will_stand_nothing_asks_to_be_drawn(in_set: tuple[PaintRequest, Sets, Staged]) -> None:
    request, sets, _ = in_set
    loud = replace(request, product=None, set_spec=load_set(ROOT / "presets" / "sets" / "slabs.toml"))
    calm = Region(0.1, 0.45, 0.9, 0.95)
    rows, columns = slice(100, 170), slice(40, 150)

    def busy(work: Any) -> tuple[float, float]:
        planes = work.start[rows, columns].mean(axis=2), work.controls[0].picture[rows, columns, 0]
        return tuple(float(np.abs(np.diff(plane.astype(np.float32), axis=1)).max()) for plane in planes)  # type: ignore[return-value]

    before = busy(staged(loud, sets=sets).work)
    after = busy(staged(replace(loud, calm=(calm,)), sets=sets).work)
    assert after[0] < 0.5 * before[0] and after[1] < max(0.5 * before[1], 4)


def test_a_set_that_is_wrong_and_a_stop_are_passed_on() -> None:
    with pytest.raises(EngineError, match="surprise"):
        staged(asked(64, 64, set_spec={**SET, "surprise": 1}))
    with pytest.raises(Stopped):
        prepare(asked(64, 64, set_spec=SET), PROFILE, 8, Progress(should_stop=lambda: True))


# ------------------------------------------------------------------------------------------------ the product


@settings(deadline=None, max_examples=40)
@given(
    st.integers(-40, 180),
    st.integers(-40, 180),
    st.integers(16, 150),
    st.integers(16, 150),
    st.sampled_from(["hard", "soft", "glass", "faint"]),
    st.integers(0, 5),
)
def test_the_products_own_pixels_are_in_the_picture(
    left: int, top: int, wide: int, high: int, kind: str, seed: int
) -> None:
    rgba = cut_out(wide, high, kind, seed)
    made = staged(asked(200, 176, product=standing(rgba, left, top, 200, 176)))
    assert made.work.repaint is not None and made.work.start is not None
    done = finish(made, scenery(made.work.width_px, made.work.height_px, seed))
    at = laid(made.product, 200, 176)  # type: ignore[arg-type]
    y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + high, 176), min(left + wide, 200)
    if y1 > y0 and x1 > x0:  # no resampling at its own size: bit-equal
        assert (at[y0:y1, x0:x1] == rgba[y0 - top : y1 - top, x0 - left : x1 - left]).all()
    for where in (at[..., 3] >= OPAQUE, narrowed(at, 4)):
        assert (done.picture[where] == at[..., :3][where]).all()
    kept = made.work.repaint == 0
    assert (kept == narrowed(at, 4)).all() and (made.work.start[kept] == at[..., :3][kept]).all()


@settings(deadline=None, max_examples=25)
@given(st.floats(0.1, 0.6), st.floats(0.05, 0.6), st.floats(0.2, 0.7), st.integers(300, 420), st.integers(260, 400))
def test_resampled_it_is_what_the_ad_lays(left: float, top: float, tall: float, width: int, height: int) -> None:
    rgba = cut_out(150, 190)
    box = Region(left, top, left + tall * height / width * 150 / 190, top + tall)
    made = staged(asked(width, height, product=ProductInScene(rgba, box, 10.0)))
    done = finish(made, scenery(made.work.width_px, made.work.height_px))
    at = laid(made.product, width, height)  # type: ignore[arg-type]
    solid = at[..., 3] >= OPAQUE
    assert solid.any() and (done.picture[solid] == at[..., :3][solid]).all()


@pytest.mark.parametrize("kind", ["hard", "soft", "glass"])
def test_the_ad_lays_it_on_again_without_a_second_edge(kind: str) -> None:
    rgba = cut_out(90, 110, kind)
    product = standing(rgba, 80, 40, 256, 256)
    made = staged(asked(product=product))
    ground = np.full((256, 256, 3), (90, 140, 120), np.uint8)
    at = laid(product, 256, 256)
    alpha = at[..., 3:].astype(np.float32) / 255
    seen = np.rint(at[..., :3] * alpha + ground * (1 - alpha)).astype(np.uint8)
    # Of glass the model was shown nothing but the core; a narrow edge it draws with the product's share in it.
    drawn = ground if kind == "glass" else seen
    done = finish(made, np.where(at[..., 3:] >= OPAQUE, at[..., :3], drawn).astype(np.uint8))
    box = product.box
    place = Placement(
        product_digest="0" * 64, box=Box(left=box.left, top=box.top, right=box.right, bottom=box.bottom), pitch_deg=20
    )
    ad = with_product(done.picture, rgba, place)
    above = slice(30, 100)  # below there is the shadow
    off = np.abs(ad[above].astype(int) - seen[above])[at[above][..., 3] > 0]
    assert off.size and off.mean() < 3


def test_far_from_the_product_nothing_changes() -> None:
    product = standing(cut_out(40, 40), 20, 300, 400, 400)
    at = laid(product, 400, 400)
    painted = np.where(at[..., 3:] > 0, at[..., :3], scenery(400, 400)).astype(np.uint8)
    done = finish(staged(asked(400, 400, product=product)), painted)
    assert (done.picture[:150] == painted[:150]).all() and (done.picture[:, 200:] == painted[:, 200:]).all()


def test_a_product_the_model_drew_too_large_leaves_no_halo() -> None:
    rgba = cut_out(120, 140, "soft")
    rgba[..., :3] = (235, 60, 40)
    product = standing(rgba, 60, 50, 256, 256)
    at = laid(product, 256, 256)
    ground = np.full((256, 256, 3), (90, 140, 170), np.float32)
    wider = cv2.dilate(at[..., 3], np.ones((7, 7), np.uint8)).astype(np.float32)
    share = cv2.GaussianBlur(wider, (0, 0), 1.5)[..., None] / 255
    painted = np.rint(np.array([235, 60, 40], np.float32) * share + ground * (1 - share)).astype(np.uint8)
    done = finish(staged(asked(product=product)), painted).picture
    ring = (cv2.dilate(at[..., 3], np.ones((9, 9), np.uint8)) > 0) & (at[..., 3] < OPAQUE)
    ring[150:] = False  # the shadow
    before, after = (float(np.abs(one - ground)[ring].mean()) for one in (painted.astype(np.float32), done))
    assert before > 45 and after < 0.12 * before, (before, after)


def test_a_cast_known_from_the_product_is_taken_off_the_whole_picture() -> None:
    product = standing(cut_out(120, 140), 60, 50, 256, 256)
    at = laid(product, 256, 256)
    true = np.where(at[..., 3:] > 0, at[..., :3], scenery(256, 256)).astype(np.uint8)
    painted = np.clip(true.astype(int) + np.array([7, -5, 3]), 0, 255).astype(np.uint8)
    done = finish(staged(asked(product=product)), painted)
    assert done.facts["product_edge"]["cast"] == 7
    assert np.abs(done.picture[:30].astype(int) - true[:30]).max() <= 1


def test_something_else_drawn_in_its_place_is_no_cast() -> None:
    product = standing(cut_out(120, 140), 60, 50, 256, 256)
    painted = np.full((256, 256, 3), (240, 20, 30), np.uint8)
    done = finish(staged(asked(product=product)), painted)
    assert done.facts["product_edge"]["cast"] == 0 and (done.picture[:20] == painted[:20]).all()


def test_a_product_that_is_all_glass_is_left_to_the_ad() -> None:
    rgba = cut_out(100, 100, "soft")
    rgba[..., 3] //= 2
    made = staged(asked(product=standing(rgba, 60, 60, 256, 256)))
    assert made.work.repaint is not None and made.work.repaint.min() == 255
    assert made.work.start is not None and (made.work.start == (0xEF, 0xE6, 0xD8)).all()
    painted = scenery(256, 256)
    assert (finish(made, painted).picture == painted).all()


# ------------------------------------------------------------------------------------------------ the light


def shadowed() -> tuple[Pixels, Pixels, SetLight]:
    """A product, a lit scene, and a set's light with a shadow to the right of the foot."""
    product = standing(cut_out(80, 120, "hard"), 90, 60, 256, 256)
    at = laid(product, 256, 256)
    left = np.ones((256, 256), np.float32)
    cv2.ellipse(left, (180, 185), (60, 14), 0, 0, 360, 0.45, -1)
    left = np.asarray(cv2.GaussianBlur(left, (0, 0), 4), np.float32)
    lit = scenery(256, 256)
    return at, lit, SetLight(left, darkened(lit, left))


def darkened(picture: Pixels, left: Any) -> Pixels:
    linear = (picture / 255.0) ** 2.2 * left[..., None]
    return np.rint(255 * linear ** (1 / 2.2)).astype(np.uint8)


def test_the_sets_shadow_is_laid_where_a_painting_has_none() -> None:
    at, lit, light = shadowed()
    painted = np.where(at[..., 3:] > 0, at[..., :3], lit).astype(np.uint8)
    result, facts = harmonise(painted, at, 6, 20.0, light)
    inside = light.left[180:190, 200:220].mean()
    got = float(((result[180:190, 200:220] / 255.0) ** 2.2).mean() / ((lit[180:190, 200:220] / 255.0) ** 2.2).mean())
    assert got == pytest.approx(inside, abs=0.12) and facts["shadow"] > 0.4


def test_a_shadow_that_is_painted_already_is_not_laid_twice() -> None:
    at, lit, light = shadowed()
    painted = np.where(at[..., 3:] > 0, at[..., :3], darkened(lit, light.left)).astype(np.uint8)
    result, _ = harmonise(painted, at, 6, 20.0, light)
    away = slice(180, 190), slice(205, 235)
    assert np.abs(result[away].astype(int) - painted[away]).mean() < 4


def test_without_a_set_the_foot_gets_a_contact_shadow_and_the_head_none() -> None:
    at, _, _ = shadowed()
    painted = np.where(at[..., 3:] > 0, at[..., :3], np.full((256, 256, 3), 150)).astype(np.uint8)
    result, facts = harmonise(painted, at, 6, 20.0, None)
    under, above = result[177:180, 122:138].mean() / painted[177:180, 122:138].mean(), result[:50] == painted[:50]
    assert under < 0.93 and above.all() and facts["shadow"] > 0.1


# ------------------------------------------------------------------------------------------------ real products


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the collection of real photos is not here")
@pytest.mark.parametrize("name", ["mug", "lemur"])
def test_real_products_stand_in_a_set_with_their_own_pixels(name: str) -> None:
    photo = np.asarray(Image.open(PHOTOS / name / "photo.jpg").convert("RGB"))
    mask = np.asarray(Image.open(PHOTOS / name / "mask.png").convert("L"))
    rows, columns = np.flatnonzero((mask > 8).any(axis=1)), np.flatnonzero((mask > 8).any(axis=0))
    cut = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    rgba = np.dstack([photo[cut], mask[cut]])
    tall = 0.5
    wide = tall * rgba.shape[1] / rgba.shape[0]
    product = ProductInScene(rgba, Region(0.5 - wide / 2, 0.35, 0.5 + wide / 2, 0.35 + tall), 20.0)
    made = staged(asked(256, 256, set_spec=SET, product=product))
    assert made.work.start is not None
    # A decoder's ways: a little blur, grain, a cast.
    grain = np.random.default_rng(0).normal(0, 3, made.work.start.shape)
    painted = cv2.GaussianBlur(made.work.start, (0, 0), 1.2) + grain + (5, -3, 2)
    done = finish(made, np.clip(painted, 0, 255).astype(np.uint8))
    at = laid(product, 256, 256)
    solid = at[..., 3] >= OPAQUE
    assert (done.picture[solid] == at[..., :3][solid]).all()
    around = (cv2.dilate(at[..., 3], np.ones((13, 13), np.uint8)) > 0) & (at[..., 3] == 0)
    around[160:] = False
    assert made.standing is not None
    true = made.standing.painting.picture.astype(np.float32)
    off = cv2.GaussianBlur(done.picture.astype(np.float32), (0, 0), 1) - true
    assert np.abs(off[around]).mean() < 12
