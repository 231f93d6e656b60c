"""The painter of the built-in model: what it is told, how it steps, what the colour lock keeps, and whole pictures."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engines import catalog
from engines.base import ControlMap, EngineError, PaintRequest, ProductInScene, ReferencePicture, Region, Stopped
from engines.base import Progress as Told
from engines.diffusion.family import Work
from engines.nano import CAPABILITIES, create, recipe, why_not
from engines.nano.asked import Tokens, asked
from engines.nano.lock import locked
from engines.nano.maps import passes
from engines.nano.palettes import ROLES
from engines.nano.steps import Begun, first_step, sample, shares, trail
from engines.stage.colour import hex_to_linear, role_colour, to_linear, to_oklab

KIT = {
    "background": "#f2e6c8", "surface": "#d9c5a3", "primary": "#1f4d34", "secondary": "#fafafa", "accent": "#cfa24a",
    "text": "#161616",
}  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]


def request(width: int = 320, height: int = 320, seed: int = 1, **more: object) -> PaintRequest:
    return replace(PaintRequest(width, height, seed, 4, KIT, prompt="a matte bottle, leaf shadows"), **more)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------ what it is told


def test_words_it_knows_are_said_its_way_and_the_rest_is_named() -> None:
    made = asked("A pump bottle with leaf shadows beside a zebra, teal background", KIT)
    assert "pump bottle" in made.text and "leaf shadows" in made.text and "zebra" not in made.text
    assert made.unknown == ("zebra",) and "leaf shadows" in made.known
    assert "cream background" in made.text, "colours are the kit's, whatever the words say"
    rows = dict(zip(ROLES, made.palette, strict=True))
    assert np.allclose(rows["product"][:3], to_oklab(hex_to_linear(KIT["primary"])), atol=1e-6)
    assert rows["light"][4] == 0, "a kit says nothing of the light"


def test_a_role_the_kit_lacks_takes_the_words_colour_or_stays_open() -> None:
    made = asked("a navy bottle", {"background": "#ffffff"})
    rows = dict(zip(ROLES, made.palette, strict=True))
    assert rows["product"][4] == 1 and rows["product"][2] < -0.03, "navy"
    assert rows["surface"][4] == rows["accent"][4] == 0


def test_a_products_photo_brings_its_own_colour() -> None:
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[2:6, 2:6] = (200, 30, 40, 255)
    product = ProductInScene(rgba, Region(0.2, 0.2, 0.6, 0.6), 10.0)
    rows = dict(zip(ROLES, asked("", KIT, product).palette, strict=True))
    assert np.allclose(rows["product"][:3], to_oklab(to_linear(np.array([200, 30, 40]) / 255)), atol=1e-5)
    assert rows["second"][4] == 0, "its label is not painted"
    assert rows["product"][3] == pytest.approx(0.16 * 16 / 64, abs=1e-6), "a quarter of its box"


def test_backdrop_and_podium_are_told_in_the_sets_own_tints() -> None:
    made = asked("", KIT, set_spec={"backdrop": {"colour": "primary", "tint": 0.45}, "podium": {"colour": "accent"}})
    rows = dict(zip(ROLES, made.palette, strict=True))
    assert np.allclose(rows["background"][:3], to_oklab(role_colour(KIT, "primary", 0.45, 0.0)), atol=1e-6)
    assert np.allclose(rows["surface"][:3], to_oklab(hex_to_linear(KIT["accent"])), atol=1e-6)


def test_maps_that_count_alike_share_a_pass_and_the_product_is_in_every_one() -> None:
    lines, near = np.zeros((2, 128, 192, 3), np.uint8)
    lines[40:50], near[80:] = 255, 128
    left = np.full((128, 192), 255, np.uint8)
    work = Work(
        192, 128, 1, 4, repaint=np.where(np.arange(192) < 60, 0, 255)[None].repeat(128, 0).astype(np.uint8),
        controls=(ControlMap("edges", lines, 0.8), ControlMap("depth", near, 0.8), ControlMap("edges", lines, 0.8, mask=left)),
    )  # fmt: skip
    first, second = passes(work)
    assert first.kinds == ("edges", "depth") and second.kinds == ("edges",) and first.alike() != second.alike()
    assert first.planes[0, 45].min() == 1 and first.planes[1, 100, 0] == pytest.approx(128 / 255)
    assert all((one.planes[2, :, :60] == 1).all() and not one.planes[2, :, 60:].any() for one in (first, second))
    assert np.allclose(first.weights(8, 12), 0.8) and first.runs(0.0) and not replace(first, end=0.5).runs(0.75)
    (alone,) = passes(replace(work, controls=()))
    assert alone.kinds == ("product",) and alone.strength == 1
    assert passes(replace(work, controls=(), repaint=None)) == []


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=300))
def test_any_words_can_be_asked(prompt: str) -> None:
    made = asked(prompt, KIT)
    assert made.palette.shape == (6, 5) and np.isfinite(made.palette).all()


def test_its_tokens_are_those_of_the_stock_tokenizer(folder: Path) -> None:
    from transformers import CLIPTokenizer

    texts = ["a matte bottle on a round podium, leaf shadows", "", "ünïcode £5 " * 60]
    stock = CLIPTokenizer.from_pretrained(folder / "tokenizer_2")
    expected = stock(texts, padding="max_length", max_length=64, truncation=True).input_ids
    assert (Tokens(folder).ids(texts) == np.array(expected)).all()


def test_a_damaged_tokenizer_is_told(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_2").mkdir()
    (tmp_path / "tokenizer_2" / "tokenizer.json").write_text("{")
    with pytest.raises(EngineError, match="cannot be read"):
        Tokens(tmp_path)


# ------------------------------------------------------------------------------------------------ steps


def test_the_schedule_is_the_one_it_was_trained_on() -> None:
    torch = pytest.importorskip("torch")
    noise = pytest.importorskip("engines.nano.noise")
    schedule, every = noise.Schedule(), torch.arange(-1, 1000)
    signal, grain = (part.flatten().numpy() for part in schedule.mix(every))
    ours = [share[np.arange(-1, 1000)] for share in shares()]
    assert np.abs(ours[0] - signal).max() < 1e-4 and np.abs(ours[1] - grain).max() < 1e-4
    stock = noise.scheduler()
    for count in (1, 2, 4, 8, 32):
        stock.set_timesteps(count)
        assert trail(count) == [*stock.timesteps.int().tolist(), -1]
    start = torch.randn((1, 16, 4, 4), generator=torch.Generator().manual_seed(1))
    expected = noise.sample(lambda latents, steps: 0.3 * latents, start, 4, schedule).numpy()
    got = sample(lambda latents, step, along: 0.3 * latents, Begun(start.numpy()), 4, lambda *_: None)
    assert np.abs(got - expected).max() < 1e-4


def test_what_is_not_repainted_comes_back_as_it_was() -> None:
    rng = np.random.default_rng(1)
    noise, start = rng.standard_normal((2, 1, 16, 4, 4), np.float32)
    mask = np.zeros((1, 1, 4, 4), np.float32)
    mask[..., :2] = 1
    done = sample(lambda z, *_: 0.5 * z, Begun(noise, start, 0, mask), 4, lambda *_: None)
    assert np.allclose(done[..., 2:], start[..., 2:], atol=1e-6) and not np.allclose(
        done[..., :2], start[..., :2], atol=0.1
    )


@pytest.mark.parametrize(("count", "strength", "first"), [(4, 1.0, 0), (4, 0.75, 1), (4, 0.0, 3), (2, 0.5, 1)])
def test_a_start_picture_leaves_out_the_first_steps(count: int, strength: float, first: int) -> None:
    assert first_step(count, strength) == first


# ------------------------------------------------------------------------------------------------ the colour lock


@settings(max_examples=25, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
def test_any_picture_can_be_locked(picture: np.ndarray) -> None:
    done, moved = locked(picture, [to_oklab(hex_to_linear(code)) for code in ("#ffffff", "#102030")])
    assert done.shape == picture.shape and done.dtype == np.uint8 and len(moved) == 2


# ------------------------------------------------------------------------------------------------ pictures


def test_pictures_of_many_shapes_in_order_and_the_same_again(folder: Path) -> None:
    nano = create(folder)
    sizes = [(1080, 1080), (300, 600), (1080, 1080), (970, 250)]
    requests = [request(*size, seed=place) for place, size in enumerate(sizes)]
    said: list[float] = []
    made = list(nano.paint(requests, Told(lambda fraction, text: said.append(fraction))))
    assert [one.picture.shape[1::-1] for one in made] == sizes
    assert made[0].facts["painted_px"] == [512, 512]
    assert all(max(one.facts["painted_px"]) <= 1024 for one in made)
    assert said == sorted(said) and said[-1] <= 1
    alone = next(iter(nano.paint(requests[2:3], Told())))
    assert np.abs(alone.picture.astype(int) - made[2].picture).max() <= 1, "neighbours change nothing"
    assert not (made[0].picture == made[2].picture).all(), "another seed, another picture"
    facts = made[0].facts
    assert facts["steps"] == 4 and facts["recipe"] == recipe(folder) and len(facts["recipe"]) == 16
    json.dumps(facts)


def test_maps_references_words_and_colours_all_reach_the_picture(folder: Path) -> None:
    nano, rng = create(folder), np.random.default_rng(3)
    lines = np.zeros((320, 320, 3), np.uint8)
    cv2.circle(lines, (160, 160), 90, (255, 255, 255), 3)
    look = rng.integers(0, 255, (200, 300, 3), np.uint8)
    left = np.zeros((320, 320), np.uint8)
    left[:, :160] = 255
    ways = {
        "plain": request(),
        "edges": request(controls=(ControlMap("edges", lines, 2.0),)),
        "depth": request(controls=(ControlMap("depth", lines, 2.0),)),
        "edges in a part": request(controls=(ControlMap("edges", lines, 2.0, mask=left),)),
        "edges at first": request(controls=(ControlMap("edges", lines, 2.0, end=0.5),)),
        "style": request(references=(ReferencePicture("style", look, 1.0),)),
        "style in a part": request(references=(ReferencePicture("style", look, 1.0, mask=left),)),
        "words": request(prompt="a glossy jar, window light"),
        "colours": request(palette={**KIT, "background": "#1b2a52"}),
        "blocks": request(controls=(ControlMap("blocks", look, 0.8),)),
    }
    names = list(ways)
    made = [next(iter(nano.paint([one], Told()))).picture.astype(int) for one in ways.values()]
    alike = [(names[i], names[j]) for i in range(len(made)) for j in range(i) if np.abs(made[i] - made[j]).max() == 0]
    assert not alike


def test_a_product_keeps_its_pixels(folder: Path) -> None:
    rgba = np.zeros((90, 60, 4), np.uint8)
    rgba[..., :3] = np.random.default_rng(2).integers(0, 255, (90, 60, 3))
    cv2.ellipse(rgba, (30, 45), (28, 43), 0, 0, 360, (250, 40, 60, 255), -1)
    box = Region(0.4, 0.4, 0.4 + 60 / 320, 0.4 + 90 / 320)
    made = next(iter(create(folder).paint([request(product=ProductInScene(rgba, box, 10.0))], Told())))
    core = made.picture[128 + 30 : 128 + 60, 128 + 20 : 128 + 40]
    assert np.abs(core.astype(int) - rgba[30:60, 20:40, :3]).max() <= 1
    assert made.mask is not None and made.mask[128 + 45, 128 + 30] == 255
    assert "product" not in made.facts["colours_moved"]


def test_it_stops_when_asked_and_shows_what_there_is(folder: Path) -> None:
    seen: list[np.ndarray] = []
    list(create(folder).paint([request()], replace(Told(), on_preview=seen.append)))
    assert len(seen) == 3 and seen[0].shape[0] >= 128
    with pytest.raises(Stopped):
        list(create(folder).paint([request()], Told(should_stop=lambda: True)))


def test_too_many_references_are_told(folder: Path) -> None:
    look = ReferencePicture("style", np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(EngineError, match="2 references at once"):
        list(create(folder).paint([request(references=(look,) * 3)], Told()))


def test_a_damaged_graph_is_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer_2").symlink_to(folder / "tokenizer_2")
    (tmp_path / "words.onnx").write_bytes((folder / "words.onnx").read_bytes()[:200])
    with pytest.raises(EngineError):
        list(create(tmp_path).paint([request()], Told()))


def test_it_paints_without_torch(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from engines.base import PaintRequest, Progress\n"
        "from engines.nano import create\n"
        f"made = list(create(Path({str(folder)!r})).paint([PaintRequest(320, 320, 1, 2, {KIT!r})], Progress()))\n"
        "assert made[0].picture.shape == (320, 320, 3)\n"
        "assert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)


# ------------------------------------------------------------------------------------------------ on offer


def test_it_is_listed_as_a_draft_engine_with_what_it_follows() -> None:
    entry = catalog.known("nano", "painter")
    assert "draft engine" in entry.name and entry.capabilities is CAPABILITIES
    assert bool(entry.reason) == bool(why_not()) and bool(entry.recipe) != bool(entry.reason)
    assert catalog.listed("painter")[0].id == "stage", "the default without a graphics card"
    for kind in ("pose", "segment"):
        assert CAPABILITIES.why_not("controls", kind)
    for use in ("layout", "subject", "product", "face"):
        assert CAPABILITIES.why_not("references", use)


def test_without_weights_it_says_so(tmp_path: Path, folder: Path) -> None:
    assert "not trained" in why_not(tmp_path) and not why_not(folder) and recipe(tmp_path) == ""
    if why_not():
        with pytest.raises(EngineError, match="not trained"):
            catalog.open_painter("nano")
