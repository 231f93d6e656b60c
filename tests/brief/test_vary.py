"""What varies from one variant to the next, and what is held."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.brand.kit import load_kit
from studio.brief.plan import Plan, Presets, ProductFacts, Recipes, plan
from studio.composition import Reference, SetEdits, Vary
from studio.model import Brief
from studio.presets import load_formats, load_layouts, load_looks, load_sets

KIT = load_kit(Path(__file__).resolve().parents[2] / "assets" / "demo" / "brand")
PRESETS = Presets(load_formats(), load_layouts(), load_sets(), load_looks())
BASE = Brief(
    headlines=("One", "Two", "Three"),
    formats=("meta-square",),
    sets=("arch", "blinds", "ring"),
    layouts=("hero", "split"),
    references=(Reference(picture="a" * 64), Reference(picture="b" * 64)),
    count=6,
)


def planned(*vary: Vary, product: ProductFacts | None = None, **changes: object) -> Plan:
    brief = BASE.model_copy(update={"vary": vary, **changes})
    return plan(brief, KIT.kit, KIT.digest, PRESETS, product, Recipes())


@pytest.mark.parametrize(
    ("vary", "varied"),
    [("headline", "headline"), ("layout", "layout"), ("set", "set"), ("colour", "colour"), ("reference", "reference")],
)
def test_only_what_varies_differs(vary: Vary, varied: str) -> None:
    made = planned(vary)
    shots = {shot.content_id: shot for shot in made.shots}
    seen = {
        "headline": {ad.words.headline for ad in made.ads},
        "layout": {ad.layout for ad in made.ads},
        "set": {shots[ad.shot_id or ""].set_id for ad in made.ads},
        "colour": {tuple(sorted(shots[ad.shot_id or ""].palette.items())) for ad in made.ads},
        "reference": {shots[ad.shot_id or ""].references for ad in made.ads},
    }
    assert len(seen.pop(varied)) > 1
    assert all(len(values) == 1 for values in seen.values()), seen


def test_colour_roles_stay_the_kits_colours() -> None:
    kit = {swatch.hex for swatch in KIT.kit.palette}
    palettes = [shot.palette for shot in planned("colour").shots]
    assert all(set(palette.values()) <= kit for palette in palettes)
    assert len({palette["primary"] for palette in palettes}) >= 2


def test_one_seed_for_all_or_one_each() -> None:
    assert {shot.seed for shot in planned("set", lock_seed=True).shots} == {BASE.seed}
    assert len({shot.seed for shot in planned("set").shots}) == BASE.count


def test_nothing_varies_and_one_seed_is_one_picture() -> None:
    assert len(planned(lock_seed=True).shots) == 1


def test_the_product_grows_on_its_foot_and_stays_in_the_picture() -> None:
    product = ProductFacts("d" * 64, 0.5, 8.0)
    box = planned(product=product).shots[0].placement
    larger = planned(product=product, set_edits=SetEdits(product_scale=1.2)).shots[0].placement
    away = planned(product=product, set_edits=SetEdits(product_x=0.5, product_y=0.5)).shots[0].placement
    assert box and larger and away
    assert larger.box.height == pytest.approx(1.2 * box.box.height)
    assert larger.box.bottom == pytest.approx(box.box.bottom)
    assert (away.box.right, away.box.bottom) == pytest.approx((1.0, 1.0))
    assert away.box.height == pytest.approx(box.box.height)
