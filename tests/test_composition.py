"""What a picture is steered by: changes to a set, maps, references."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engines.stage import check_set
from studio.composition import Control, Reference, SetEdits
from studio.model import Brief
from studio.presets import load_sets

SETS = load_sets()


@pytest.mark.parametrize("name", SETS)
def test_nothing_changed_leaves_a_set_as_it_is(name: str) -> None:
    assert SetEdits().applied(SETS[name]) == SETS[name]


def _some(low: float, high: float) -> st.SearchStrategy[float | None]:
    return st.none() | st.floats(low, high)


edits = st.builds(
    SetEdits, pitch_deg=_some(0, 80), distance=_some(2.5, 20), blur=_some(0, 0.3), brightness=_some(0.3, 1.6),
    key_turn=_some(-180, 180), key_height=_some(0, 90), key_strength=_some(0, 4), key_warmth=_some(-1, 1),
    sky_strength=_some(0, 2), gobo_strength=_some(0, 1), props=st.floats(0, 1),
)  # fmt: skip


@given(name=st.sampled_from(sorted(SETS)), change=edits)
def test_any_change_gives_a_set_the_stage_takes(name: str, change: SetEdits) -> None:
    before = repr(SETS[name])
    check_set(change.applied(SETS[name]))
    assert repr(SETS[name]) == before


def test_props_go_with_what_rests_on_them_and_walls_stay() -> None:
    spec: dict[str, Any] = {
        "piece": [
            {"name": "arch", "place": "behind"},
            {"name": "block", "place": "near"},
            {"name": "pearl", "place": "near", "on": "previous"},
            {"name": "vase", "place": "hero", "on": "podium"},
            {"name": "far", "place": "far"},
        ]
    }
    names = [piece["name"] for piece in SetEdits(props=0).applied(spec)["piece"]]
    assert names == ["arch", "vase"]
    names = [piece["name"] for piece in SetEdits(props=0.5).applied(spec)["piece"]]
    assert names == ["arch", "block", "pearl", "vase"]


def test_a_gobo_is_only_changed_where_there_is_one() -> None:
    assert "gobo" not in SetEdits(gobo_strength=0.2).applied({"id": "plain"})
    assert SetEdits(gobo_strength=0.2).applied({"gobo": {"kind": "leaf"}})["gobo"] == {"kind": "leaf", "strength": 0.2}


def test_a_bare_name_is_a_style_reference() -> None:
    brief = Brief.model_validate({"references": ["mood.jpg", {"picture": "face.png", "use": "face", "weight": 1.2}]})
    assert brief.references == (Reference(picture="mood.jpg"), Reference(picture="face.png", use="face", weight=1.2))


def test_a_control_runs_forward() -> None:
    with pytest.raises(ValidationError, match="end must come after start"):
        Control(kind="edges", picture="a", start=0.6, end=0.6)
