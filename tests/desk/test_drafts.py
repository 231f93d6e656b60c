"""Drafts: kept as they are typed, one a page, and never two pages in one."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.brief.draft import Draft, Sketch, Stroke
from studio.desk.drafts import KEPT, Drafts
from studio.desk.store import Store
from studio.errors import BadInput

FIRST = Draft(title="First", headlines=("One",))


def test_a_reload_finds_its_own_draft_and_a_new_page_gets_a_copy(store: Store) -> None:
    drafts = Drafts(store)
    mine, draft = drafts.open("", "", FIRST)
    assert draft == FIRST
    drafts.save(mine, {"title": "Mine", "count": 12})
    assert drafts.open(mine, "", FIRST) == (mine, drafts.get(mine))
    other, copied = drafts.open("", mine, FIRST)
    assert other != mine
    assert (copied.title, copied.count) == ("Mine", 12)
    drafts.save(other, {"title": "Theirs"})
    assert drafts.get(mine).title == "Mine"


def test_another_browser_begins_with_a_copy_of_the_newest(store: Store) -> None:
    drafts = Drafts(store)
    mine, _ = drafts.open("", "", FIRST)
    drafts.save(mine, {"title": "Newest"})
    assert drafts.open("gone", "gone too", FIRST)[1].title == "Newest"


def test_drafts_outlive_the_program(store: Store) -> None:
    strokes = (Stroke(tool="line", points=((0.1, 0.2), (0.3, 0.4)), size_fraction=0.02),)
    mine, _ = Drafts(store).open("", "", FIRST)
    Drafts(store).save(mine, {"sketch": Sketch(strokes=strokes).model_dump()})
    with Store(store.home) as again:
        assert Drafts(again).get(mine).sketch.strokes == strokes


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"count": 0}, "count"),
        ({"count": "many"}, "count"),
        ({"nonsense": 1}, "nonsense"),
        ({"product": "../../etc/passwd"}, "product"),
        ({"sketch": {"strokes": [{"tool": "line", "points": []}]}}, "sketch"),
        ({"references": [{"picture": "a", "use": "theft"}]}, "references"),
        ({"set_edits": {"pitch_deg": 900}}, "set_edits"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_lost(store: Store, fields: dict[str, object], named: str) -> None:
    drafts = Drafts(store)
    mine, before = drafts.open("", "", FIRST)
    with pytest.raises(BadInput, match=named):
        drafts.save(mine, fields)
    assert drafts.get(mine) == before


def test_a_draft_of_another_version_is_let_be(store: Store) -> None:
    drafts = Drafts(store)
    mine, _ = drafts.open("", "", FIRST)
    with store.transaction() as db:
        db.execute("UPDATE drafts SET body = ?", (json.dumps({"version": 99}),))
    fresh, draft = drafts.open(mine, "", FIRST)
    assert (fresh != mine, draft) == (True, FIRST)
    with pytest.raises(BadInput):
        drafts.get(mine)


def test_old_drafts_make_room(store: Store) -> None:
    drafts = Drafts(store)
    ids = [drafts.open("", "", FIRST)[0] for _ in range(KEPT + 5)]
    assert len(store.rows("SELECT 1 FROM drafts")) == KEPT
    assert drafts.get(ids[-1]) == FIRST


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=st.dictionaries(st.sampled_from(sorted(Draft.model_fields)), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4), max_leaves=8,
), max_size=4))  # fmt: skip
def test_whatever_a_page_sends_is_kept_or_refused(store: Store, fields: dict[str, object]) -> None:
    drafts = Drafts(store)
    mine, before = drafts.open("", "", FIRST)
    try:
        kept = drafts.save(mine, fields)
    except BadInput:
        kept = before
    assert drafts.get(mine) == kept


def test_a_draft_becomes_a_brief() -> None:
    draft = Draft(title="Frühling 26!", headlines=("  One ", "", "Two"), formats=("meta-square",), count=3)
    brief = draft.brief()
    assert brief.headlines == ("One", "Two")
    assert brief.name == "fr-hling-26"
    assert (brief.formats, brief.count) == (("meta-square",), 3)
    assert Draft(title="???").brief().name == "campaign"
