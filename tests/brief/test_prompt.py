"""What a painter is asked for: the scene first, room for the words, and nothing that is set by code."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.brand.kit import load_kit
from studio.brief.plan import Plan, Presets, ProductFacts, Recipes, plan
from studio.brief.prompt import NEVER, product_words, room_words, scene_prompt
from studio.errors import BadInput
from studio.model import Box, Brief, Look, Voice
from studio.presets import load_formats, load_layouts, load_looks, load_sets

KIT = load_kit(Path(__file__).resolve().parents[2] / "assets" / "demo" / "brand")
BOTTLE = ProductFacts("d" * 64, 0.55, 8.0)
NOIR = Look(id="noir", name="Noir", sets=("arch",), scene="noir photo of {prompt}, hard light", avoid="colour")
PRESETS = Presets(
    load_formats(), load_layouts(), load_sets(), {**load_looks(), "noir": NOIR}, {"mood": ("calm", "wild")}
)
READS = Recipes(engine="reader", takes_prompt=True, heeds_avoid=True)


def planned(recipes: Recipes = READS, product: ProductFacts | None = BOTTLE, **fields) -> Plan:
    given = {"subject": "a glass bottle", "scene": "on wet sand", "formats": ("meta-square",), "count": 1, **fields}
    return plan(Brief.model_validate(given), KIT.kit, KIT.digest, PRESETS, product, recipes)


def box(left: float, top: float, right: float, bottom: float) -> Box:
    return Box(left=left, top=top, right=right, bottom=bottom)


@pytest.mark.parametrize(
    ("calm", "said"),
    [
        ((), ""),
        ((box(0, 0, 0.1, 0.1),), ""),
        ((box(0, 0, 0.4, 1),), "empty space on the left"),
        ((box(0.6, 0.1, 1, 0.95),), "empty space on the right"),
        ((box(0.05, 0, 0.95, 0.3),), "empty space at the top"),
        ((box(0, 0.7, 1, 1), box(0.8, 0, 1, 0.1)), "empty space at the bottom"),
        ((box(0.05, 0.05, 0.4, 0.4),), "empty space at the top left"),
        ((box(0.6, 0.6, 0.95, 0.95),), "empty space at the bottom right"),
        ((box(0.3, 0.3, 0.7, 0.7),), "empty space in the middle"),
    ],
)
def test_room_is_said_where_the_words_will_stand(calm: tuple[Box, ...], said: str) -> None:
    assert room_words(calm) == said


def test_the_products_place_is_said() -> None:
    assert product_words(None) == ""
    assert product_words(box(0.6, 0.3, 0.9, 0.9)) == "product standing on the right third"
    assert product_words(box(0.4, 0.3, 0.6, 0.9)) == "product standing in the centre"


def test_the_scene_comes_first_then_room_look_kit_and_set() -> None:
    shot = planned(look="bright", sets=("arch",)).shots[0]
    order = [
        "a glass bottle", "on wet sand", "product standing", "empty space", PRESETS.looks["bright"].scene,
        KIT.kit.photography[0], "a round podium",
    ]  # fmt: skip
    places = [shot.prompt.index(part) for part in order]
    assert places == sorted(places) and places[0] == 0
    assert not shot.prompt.endswith((".", ","))


def test_a_style_takes_the_scene_into_its_words() -> None:
    shot = planned(look="noir").shots[0]
    assert shot.prompt.startswith("noir photo of a glass bottle, on wet sand, product standing")
    assert shot.set_id == "arch"
    assert shot.avoid == f"colour, {NEVER}"


def test_where_there_is_no_product_none_is_asked_for() -> None:
    assert "product standing" not in planned(product=None).shots[0].prompt


def test_words_and_avoiding_are_only_for_painters_that_heed_them() -> None:
    assert planned(Recipes()).shots[0].prompt == planned(Recipes()).shots[0].avoid == ""
    mute = planned(Recipes(takes_prompt=True), avoid="people").shots[0]
    assert mute.prompt and not mute.avoid
    assert planned(avoid="people").shots[0].avoid == f"people, {NEVER}"


def test_formats_of_other_shapes_leave_room_elsewhere() -> None:
    shots = planned(formats=("meta-square", "display-728x90", "meta-story"), layouts=("hero",)).shots
    assert len({shot.prompt for shot in shots}) > 1


def test_choices_change_with_the_seed_and_nothing_else() -> None:
    def scenes(**fields) -> list[str]:
        return [shot.prompt for shot in planned(scene="{dawn|dusk|noon|night} __mood__", count=8, **fields).shots]

    assert len(set(scenes(vary=()))) > 2
    assert scenes(vary=()) == scenes(vary=())
    assert len(set(scenes(vary=(), lock_seed=True))) == 1
    with pytest.raises(BadInput, match="__weather__"):
        planned(scene="__weather__")
    assert planned(Recipes(), scene="__weather__").shots  # the stage reads no words


def test_brand_and_copy_are_never_asked_for() -> None:
    shot = planned(
        subject=f"a bottle of {KIT.kit.name} milk", scene=f"{KIT.kit.name.upper()}'s beach, stay for the long light",
        headlines=("Stay for the long light",),
    ).shots[0]  # fmt: skip
    assert KIT.kit.name.lower() not in shot.prompt.lower()
    assert "stay for" not in shot.prompt.lower()
    assert ", ," not in shot.prompt and "  " not in shot.prompt


def test_a_headline_of_one_word_may_be_in_the_scene() -> None:
    assert "summer terrace" in planned(scene="summer terrace", headlines=("Summer",)).shots[0].prompt


@given(
    st.lists(st.sampled_from(["cheap", "gift", "free gift", "a", "sale"]), max_size=8),
    st.lists(st.sampled_from(["cheap", "free gift", "gift"])),
)
def test_banned_words_are_out(words: list[str], banned: list[str]) -> None:
    kit = KIT.kit.model_copy(update={"voice": Voice(banned=tuple(banned))})
    text = scene_prompt(Brief(scene=" ".join(words)), kit, None, {"description": "Cheap."}, ((), None), str)
    assert kit.voice.banned_in(text) == ()
