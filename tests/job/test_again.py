"""What follows from a finished ad: the real planning, drawing and scoring, with a painter that fills in one colour."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.again import Again
from studio.errors import BadInput
from studio.runs import Runs
from tests.job.table import NEW, Table


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    made = Table(tmp_path / "home")
    yield made
    made.runs.close()


def test_other_words_paint_nothing_and_leave_the_ad_as_it_is(table: Table) -> None:
    run_id = table.make("display-300x250")
    old = table.first(run_id)
    before, painted = table.runs.state(run_id), table.studio.painter.painted
    kept = (before.out_dir / old.file.file).read_bytes()

    made = table.again.new_words(run_id, old.file.ad_id, NEW)
    assert made.to_paint == 0
    assert table.again.wait(made.run_id, 20)
    (new,) = table.settle(made.run_id)
    assert new.spec.words == NEW
    assert new.spec.shot_id == old.spec.shot_id
    assert table.studio.painter.painted == painted
    state = table.runs.state(made.run_id)
    assert (state.out_dir / new.file.file).is_file()
    assert state.sheet and state.archive
    assert new.file.score.passed == new.file.score.tested, new.file.score.failed
    assert (before.out_dir / old.file.file).read_bytes() == kept
    request = json.loads(table.runs.queue.run(made.run_id).request)
    assert (request["from"], request["from_run"]) == (old.file.ad_id, run_id)


def test_other_words_in_every_format_of_the_variant(table: Table) -> None:
    run_id = table.make("display-300x250", "display-728x90", "display-320x50", count=2)
    old = [item for item in table.ads(run_id) if item.spec.variant == 2]
    painted = table.studio.painter.painted
    made = table.again.new_words(run_id, old[0].file.ad_id, NEW, all_formats=True)
    new = table.settle(made.run_id)
    assert [item.spec.format.id for item in new] == [item.spec.format.id for item in old]
    assert all(item.spec.words == NEW for item in new)
    assert [item.spec.shot_id for item in new] == [item.spec.shot_id for item in old]
    assert table.studio.painter.painted == painted


def test_words_without_room_are_told_by_name(table: Table) -> None:
    run_id = table.make("display-300x250", "display-120x60")
    ad_id = table.first(run_id).file.ad_id
    words = NEW.model_copy(update={"headline": "Donaudampfschifffahrtsgesellschaftskapitän"})
    made = table.again.new_words(run_id, ad_id, words, all_formats=True)
    table.again.wait(made.run_id, 20)
    state = table.runs.state(made.run_id)
    assert len(state.failed) == 1
    assert "headline" in state.failed[0].message


def test_the_same_words_a_strange_ad_and_somebody_elses_run_are_refused(table: Table, tmp_path: Path) -> None:
    run_id = table.make("display-320x50")
    item = table.first(run_id)
    with pytest.raises(BadInput, match="already"):
        table.again.new_words(run_id, item.file.ad_id, item.spec.words)
    for bad in ((run_id, "0" * 16), ("no run", item.file.ad_id)):
        with pytest.raises(BadInput):
            table.again.new_words(*bad, NEW)
        with pytest.raises(BadInput):
            table.again.more_like(*bad, 1)
        with pytest.raises(BadInput):
            table.again.vary_layout(*bad)
    elsewhere = table.runs.queue.add_run(tmp_path / "elsewhere", "", "{}")
    with pytest.raises(BadInput, match="on the page"):
        table.again.more_like(elsewhere, item.file.ad_id, 1)


def test_words_that_read_the_other_way_do_not_stand_on_the_product(table: Table) -> None:
    run_id = table.make("meta-link", layouts=("hero",))
    item = table.first(run_id)
    with pytest.raises(BadInput, match="read the other way"):
        table.again.new_words(run_id, item.file.ad_id, NEW.model_copy(update={"headline": "نور يدوم طويلا"}))


def test_more_like_it_is_the_same_but_for_the_seed(table: Table) -> None:
    run_id = table.make("display-300x250", "display-320x50")
    old = table.first(run_id)
    painted = table.studio.painter.painted
    made = table.again.more_like(run_id, old.file.ad_id, 3)
    assert made.to_paint == 3
    new = table.settle(made.run_id)
    assert table.studio.painter.painted == painted + 3
    assert [item.spec.variant for item in new] == [2, 3, 4]
    shots = [table.again.shot(made.run_id, item.spec.shot_id or "") for item in new]
    was = table.again.shot(run_id, old.spec.shot_id or "")
    assert len({was.seed, *(shot.seed for shot in shots)}) == 4
    for item, shot in zip(new, shots, strict=True):
        assert shot.model_copy(update={"seed": was.seed}) == was
        assert (item.spec.words, item.spec.layout, item.spec.format) == (
            old.spec.words,
            old.spec.layout,
            old.spec.format,
        )
    again = table.again.more_like(run_id, old.file.ad_id, 1, all_formats=True)
    more = table.settle(again.run_id)
    assert len(more) == 2
    assert table.again.shot(again.run_id, more[0].spec.shot_id or "").seed not in {shot.seed for shot in shots}


@pytest.mark.parametrize("count", [0, -1, 101])
def test_how_many_more_is_bounded(table: Table, count: int) -> None:
    with pytest.raises(BadInput, match="1 to 100"):
        table.again.more_like("any", "any", count)


@pytest.mark.parametrize(
    ("fmt", "layout", "expected"),
    [("meta-portrait", "hero", {"bleed", "burst"}), ("display-300x250", "split", {"hero", "editorial"})],
)
def test_the_same_picture_in_every_layout_that_leaves_the_product_free(
    table: Table, fmt: str, layout: str, expected: set[str]
) -> None:
    run_id = table.make(fmt, layouts=(layout,))
    old = table.first(run_id)
    painted = table.studio.painter.painted
    made = table.again.vary_layout(run_id, old.file.ad_id)
    new = table.settle(made.run_id)
    assert expected <= {item.spec.layout for item in new}
    assert layout not in {item.spec.layout for item in new}
    assert table.studio.painter.painted == painted
    for item in new:
        assert item.spec.shot_id == old.spec.shot_id
        failed = {check.id for check in item.file.score.failed}
        assert not failed & {"overlap", "product_unoccluded", "product_place", "safe_zone", "logo_clear_space"}, failed
    everything = set(table.studio.presets().layouts)
    assert {item.spec.layout for item in new} | {one.layout for one in made.left_out} | {layout} == everything
    assert {one.layout: one.reason for one in made.left_out}["type"] == "it shows no picture"


def test_an_ad_without_a_picture_has_none_to_keep(table: Table) -> None:
    run_id = table.make("display-300x250", layouts=("type",))
    ad_id = table.first(run_id).file.ad_id
    with pytest.raises(BadInput, match="no picture"):
        table.again.vary_layout(run_id, ad_id)
    with pytest.raises(BadInput, match="no picture"):
        table.again.more_like(run_id, ad_id, 1)
    made = table.again.new_words(run_id, ad_id, NEW)
    assert table.settle(made.run_id)[0].spec.words == NEW


def test_a_picture_that_got_lost_is_painted_again(table: Table) -> None:
    run_id = table.make("display-320x50")
    old = table.first(run_id)
    picture = table.studio.store.picture(old.spec.shot_id or "")
    assert picture is not None
    table.studio.store.blob_path(picture.digest).unlink()
    made = table.again.new_words(run_id, old.file.ad_id, NEW)
    assert made.to_paint == 1
    assert table.settle(made.run_id)[0].spec.words == NEW


def test_what_was_ordered_and_cut_off_is_made_at_the_next_start(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = table.make("display-320x50")
    monkeypatch.setattr(Again, "_compose_here", lambda self, run: None)
    made = table.again.new_words(run_id, table.first(run_id).file.ad_id, NEW)
    assert not table.again.wait(made.run_id, 0.3)
    table.runs.close()
    table.runs = Runs(table.studio)
    assert table.settle(made.run_id)[0].spec.words == NEW
