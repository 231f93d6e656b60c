"""Planning is pure: what is shared, what is repeatable, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.brand.kit import load_kit
from studio.brief.frame import frame, rules_for
from studio.brief.plan import PAINTED_PX, Presets, ProductFacts, Recipes, plan
from studio.errors import BadInput
from studio.geometry import Rect, placed
from studio.model import Brief, Words
from studio.presets import load_formats, load_layouts, load_looks, load_sets

KIT = load_kit(Path(__file__).resolve().parents[2] / "assets" / "demo" / "brand")
PRESETS = Presets(load_formats(), load_layouts(), load_sets(), load_looks())
BOTTLE = ProductFacts("d" * 64, 0.55, 8.0)


def planned(product=BOTTLE, **fields):
    brief = Brief.model_validate({"headlines": ("Hello there",), "count": 1, **fields})
    return plan(brief, KIT.kit, KIT.digest, PRESETS, product, Recipes())


def test_the_same_brief_plans_the_same_ids():
    one, two = planned(count=3), planned(count=3)
    assert [shot.content_id for shot in one.shots] == [shot.content_id for shot in two.shots]
    assert [spec.content_id for spec in one.ads] == [spec.content_id for spec in two.ads]


def test_every_format_gets_one_ad_a_variant():
    made = planned(count=2, layouts=("hero", "type"))
    assert len(made.ads) == 2 * len(PRESETS.formats)
    assert len({spec.content_id for spec in made.ads}) == len(made.ads)


def test_formats_of_like_aspect_share_a_shot():
    made = planned(formats=("meta-square", "meta-square-large", "x-square"), layouts=("hero",))
    assert len(made.shots) == 1
    assert len(made.ads) == 3


def test_words_do_not_change_a_shot_and_the_seed_does():
    base = planned(formats=("meta-square",))
    words = planned(formats=("meta-square",), headlines=("Quite other words",), body="More")
    assert base.shots[0].content_id == words.shots[0].content_id
    assert base.ads[0].content_id != words.ads[0].content_id
    assert base.shots[0].content_id != planned(formats=("meta-square",), seed=2).shots[0].content_id


def test_a_layout_without_a_scene_paints_nothing():
    made = planned(layouts=("type",), formats=("meta-square", "display-728x90"))
    assert not made.shots
    assert all(spec.shot_id is None for spec in made.ads)


@pytest.mark.parametrize("aspect", [0.3, 0.55, 1.0, 2.6])
@pytest.mark.parametrize("family", ["hero", "split", "bleed", "burst", "editorial"])
def test_the_product_stands_clear_of_the_words_in_every_format(family, aspect):
    """Also where a shot painted for another format is shared."""
    made = planned(ProductFacts("d" * 64, aspect, 8.0), layouts=(family,), price="€1")
    shots = {shot.content_id: shot for shot in made.shots}
    for spec in made.ads:
        framed = frame(spec.rules, spec.format, Words(headline="Hello there"), aspect)
        shot = shots[spec.shot_id]
        assert shot.width_px * shot.height_px <= PAINTED_PX * 1.01
        there = placed(shot.placement.box, shot.width_px, shot.height_px, framed.picture)
        assert there.within(Rect(0, 0, framed.width_px, framed.height_px), 2)
        assert not there.grown(-1.5).meets(framed.words), (spec.format.id, there, framed.words)


def test_a_right_to_left_headline_mirrors_the_sheet():
    fmt = PRESETS.formats["meta-link"]
    rules = rules_for(PRESETS.layouts["hero"], fmt)
    latin = frame(rules, fmt, Words(headline="Hello"), 0.5)
    hebrew = frame(rules, fmt, Words(headline="שלום"), 0.5)
    assert latin.words.left < latin.product.left
    assert hebrew.words.left > hebrew.product.left
    assert hebrew.words.width == pytest.approx(latin.words.width)


@pytest.mark.parametrize("field", ["formats", "layouts", "sets"])
def test_unknown_names_are_refused_with_the_known_ones(field):
    with pytest.raises(BadInput, match="nowhere") as refusal:
        planned(**{field: ("nowhere",)})
    assert refusal.value.hint


def test_a_look_chooses_its_sets():
    made = planned(look="evening", formats=("meta-square",), count=4)
    assert {shot.set_id for shot in made.shots} <= set(PRESETS.looks["evening"].sets)
