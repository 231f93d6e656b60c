"""Remedies on ads that really fail: each that is offered makes an ad whose check passes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from studio.brand.kit import load_kit
from studio.desk.jobs import Finished
from studio.errors import BadInput
from studio.fixes import WAYS, Fix, Fixes
from studio.model import AdSpec, Box
from studio.pixels import encode_png
from tests.job.conftest import DEMO
from tests.job.table import Table

LONG = "Stay for the long and golden light of every single summer evening"
SHORT = "Half the heat"


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    made = Table(tmp_path / "home")
    yield made
    made.runs.close()


def mended(table: Table, run_id: str, item: Finished, fix: Fix) -> Finished:
    """What a remedy makes; the ad it came from stays as it was."""
    before = (Path(table.runs.queue.run(run_id).out_dir) / item.file.file).read_bytes()
    order = Fixes(table.again).apply(run_id, item.file.ad_id, fix)
    table.again.wait(order.run_id, 20)
    (new,) = table.settle(order.run_id)
    assert (Path(table.runs.queue.run(run_id).out_dir) / item.file.file).read_bytes() == before
    return new


def failed(item: Finished) -> set[str]:
    return {check.id for check in item.file.score.failed}


def ordered(table: Table, run_id: str, spec: AdSpec) -> tuple[str, Finished]:
    """A finished ad made of a spec no layout would give."""
    old = table.first(run_id)
    made = table.again.order(run_id, old.file.ad_id, [spec], table.again.shots(run_id, [spec]), "test")
    table.again.wait(made.run_id, 20)
    return made.run_id, table.settle(made.run_id)[0]


def test_every_check_that_can_fail_is_known_here() -> None:
    from studio.ad import score

    named = set((score.__doc__ or "").split("all stable:")[1].replace("·", " ").replace(".", " ").split())
    assert named == set(WAYS)


def test_a_headline_over_the_limit_takes_a_shorter_one_of_the_campaign(table: Table) -> None:
    run_id = table.make("meta-square", count=3, headlines=(LONG, SHORT, "Light that stays with you"), layouts=("hero",))
    item = table.first(run_id)
    assert failed(item) == {"text_limits"}
    fixes = Fixes(table.again).offered(run_id, item.file.ad_id)
    assert [(fix.kind, fix.choice, fix.field) for fix in fixes] == [
        ("headline", "Light that stays with you", None), ("words", "", "headline")
    ]  # fmt: skip
    painted = table.studio.painter.painted
    new = mended(table, run_id, item, fixes[0])
    assert failed(new) == set()
    assert new.spec.words.headline == "Light that stays with you"
    assert new.spec.shot_id == item.spec.shot_id
    assert table.studio.painter.painted == painted


def test_without_a_shorter_headline_the_words_are_to_be_edited(table: Table) -> None:
    run_id = table.make("meta-square", headlines=(LONG,), layouts=("hero",))
    item = table.first(run_id)
    (fix,) = Fixes(table.again).offered(run_id, item.file.ad_id)
    assert (fix.kind, fix.field, fix.label) == ("words", "headline", "Edit the headline")
    with pytest.raises(BadInput):
        Fixes(table.again).apply(run_id, item.file.ad_id, fix)


def test_another_field_over_its_limit_is_the_one_to_edit(table: Table) -> None:
    run_id = table.make("meta-square", count=2, headlines=("One line", SHORT), body="Made in small batches. " * 6)
    item = table.first(run_id)
    assert "text_limits" in failed(item)
    fixes = [fix for fix in Fixes(table.again).offered(run_id, item.file.ad_id) if fix.check == "text_limits"]
    assert [(fix.kind, fix.field) for fix in fixes] == [("words", "body")]


def test_a_banned_word_is_edited_or_its_headline_replaced(table: Table, tmp_path: Path) -> None:
    kit = tmp_path / "kit"
    shutil.copytree(DEMO / "brand", kit)
    banned = load_kit(kit).kit.voice.banned
    assert banned
    run_id = table.make("display-300x250", count=2, kit=kit, headlines=(f"It is {banned[0]} now", SHORT), body="Plain.")
    item = table.first(run_id)
    assert failed(item) == {"banned_words"}
    headline, words = Fixes(table.again).offered(run_id, item.file.ad_id)
    assert (headline.kind, words.kind, words.field) == ("headline", "words", "headline")
    assert failed(mended(table, run_id, item, headline)) == set()


def test_words_on_the_product_move_with_another_layout(table: Table) -> None:
    run_id = table.make("meta-portrait", layouts=("hero",))
    spec = table.first(run_id).spec
    product = spec.rules.product
    assert product is not None
    onto = spec.rules.model_copy(update={"words": Box(left=0.1, top=0.5, right=0.9, bottom=0.95), "legal": None})
    made, item = ordered(table, run_id, spec.model_copy(update={"rules": onto}))
    assert "overlap" in failed(item)
    fix = next(fix for fix in Fixes(table.again).offered(made, item.file.ad_id) if fix.check == "overlap")
    assert fix.kind == "layout"
    new = mended(table, made, item, fix)
    assert failed(new) < failed(item)
    assert "overlap" not in failed(new)
    assert new.spec.layout == fix.choice


def test_a_scene_off_the_brand_is_painted_again(table: Table) -> None:
    run_id = table.make("display-300x250", layouts=("hero",))
    item = table.first(run_id)
    store = table.studio.store
    picture = store.picture(item.spec.shot_id or "")
    assert picture is not None
    green = np.full((picture.height_px, picture.width_px, 3), (20, 230, 60), np.uint8)
    store.save_picture(picture.model_copy(update={"digest": store.put_blob(encode_png(green))}))
    again, item = ordered(table, run_id, item.spec)
    assert "palette" in failed(item)
    fix = next(fix for fix in Fixes(table.again).offered(again, item.file.ad_id) if fix.check == "palette")
    assert fix.kind == "seed"
    new = mended(table, again, item, fix)
    assert "palette" not in failed(new)
    assert new.spec.shot_id != item.spec.shot_id


def test_what_squeezing_spoils_is_delivered_as_another_type(table: Table) -> None:
    run_id = table.make("display-300x250", layouts=("type",))
    spec = table.first(run_id).spec
    tight = spec.format.model_copy(update={"max_bytes": 10_000, "files": ("jpg", "webp"), "id": "tight"})
    made, item = ordered(table, run_id, spec.model_copy(update={"format": tight}))
    spoiled = failed(item) & {"flat_colors", "compression", "type_color", "logo_color"}
    assert spoiled, failed(item)
    offered = Fixes(table.again).offered(made, item.file.ad_id)
    fix = next(fix for fix in offered if fix.check in spoiled)
    assert (fix.kind, fix.choice) == ("file", "webp")
    new = mended(table, made, item, fix)
    assert failed(new) == set()
    assert new.file.file.endswith(".webp")


def test_an_ad_without_faults_needs_none_and_takes_none(table: Table) -> None:
    run_id = table.make("display-320x50")
    item = table.first(run_id)
    assert Fixes(table.again).offered(run_id, item.file.ad_id) == []
    for fix in (Fix(check="words", kind="seed", label=""), Fix(check="nothing", kind="again", label="")):
        with pytest.raises(BadInput, match="no remedy"):
            Fixes(table.again).apply(run_id, item.file.ad_id, fix)


def test_a_remedy_that_was_not_offered_is_refused(table: Table) -> None:
    run_id = table.make("meta-square", headlines=(LONG,), layouts=("hero",))
    item = table.first(run_id)
    for fix in (
        Fix(check="text_limits", kind="headline", label="", choice="Anything at all"),
        Fix(check="text_limits", kind="layout", label="", choice="split"),
        Fix(check="text_limits", kind="file", label="", choice="../../etc"),
    ):
        with pytest.raises(BadInput):
            Fixes(table.again).apply(run_id, item.file.ad_id, fix)


def test_trying_leaves_no_files(table: Table) -> None:
    run_id = table.make("meta-square", count=2, headlines=(LONG, SHORT), layouts=("hero",))
    Fixes(table.again).offered(run_id, table.first(run_id).file.ad_id)
    assert not list((table.studio.home / "cache" / "tries").iterdir())
