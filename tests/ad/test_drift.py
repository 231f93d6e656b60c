"""Drift over a batch: honest batches pass over formats, families and file types; one ad gone astray is told."""

from __future__ import annotations

import pytest
from adsmith import Made, Wanted, deliver, layouts, make_all
from tampers import flat_off, logo_hue, logo_recolored, scene_world, wrong_family

from studio.ad.delivered import Delivered
from studio.ad.drift import drift, trace
from studio.ad.score import score_ad
from studio.results import Trace


@pytest.fixture(scope="module")
def batch() -> list[Made]:
    wants = [
        Wanted(name, family, "demo", "latin", "light", file, seed)  # type: ignore[arg-type]
        for name in ("display-300x250", "display-970x250", "linkedin-portrait")
        for family in layouts()
        for file, seed in (("jpg", 1), ("png", 2))
    ]
    return make_all(wants)


@pytest.fixture(scope="module")
def honest(batch: list[Made]) -> list[Trace]:
    return [told(deliver(made)) for made in batch]


def told(ad: Delivered) -> Trace:
    return trace(ad, score_ad(ad))


def failed(traces: list[Trace]) -> set[str]:
    return {check.id for check in drift(traces) if not check.passed}


def test_an_honest_batch_does_not_drift(honest: list[Trace]) -> None:
    assert [(check.id, check.message) for check in drift(honest) if not check.passed] == []


def test_nothing_to_compare_is_no_drift() -> None:
    assert not failed([])
    assert not failed([Trace(format_id="a", layout="hero", flats={})])


def test_one_logo_in_another_colour_is_told(batch: list[Made], honest: list[Trace]) -> None:
    spoiled = logo_hue(batch[0]) or logo_recolored(batch[0])
    assert spoiled is not None
    assert failed([*honest[1:], told(spoiled)]) == {"drift_logo_color"}


def test_one_logo_in_another_size_is_told(batch: list[Made], honest: list[Trace]) -> None:
    from tampers import _relogo, _scaled

    spoiled = _relogo(batch[2], _scaled(0.85, 0.85))
    assert spoiled is not None
    assert failed([*honest[1:], told(spoiled)]) == {"drift_logo_size"}


def test_one_flat_colour_off_is_told(batch: list[Made], honest: list[Trace]) -> None:
    spoiled = next(ad for made in batch if made.wanted.layout == "split" and (ad := flat_off(made)))
    assert "drift_flat_colors" in failed([*honest, told(spoiled)])


def test_scenes_in_another_colour_world_are_told(batch: list[Made], honest: list[Trace]) -> None:
    astray = [ad for made in batch[:10] if (ad := scene_world(made)) is not None][:4]
    assert "drift_scene_colors" in failed([*honest, *(told(ad) for ad in astray)])


def test_letters_of_another_family_are_told(batch: list[Made], honest: list[Trace]) -> None:
    spoiled = next(ad for made in batch if (ad := wrong_family(made)) is not None)
    assert "drift_type" in failed([*honest, told(spoiled)])


def test_traces_survive_being_stored(honest: list[Trace]) -> None:
    assert [Trace.model_validate_json(one.model_dump_json()) for one in honest] == honest
