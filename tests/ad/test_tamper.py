"""Damage is told, each kind by its own check. `tests/bench/tamper_bench.py` does the same on more ads."""

from __future__ import annotations

from collections import Counter

import pytest
from adsmith import Made, deliver
from tampers import TAMPERS, Tamper

from studio.ad.score import score_ad


@pytest.mark.parametrize("tamper", TAMPERS, ids=lambda tamper: tamper.name.replace(" ", "-"))
def test_damage_fails_its_own_check(tamper: Tamper, small_ads: list[Made]) -> None:
    # Every kind meets a different third of the ads, so that together they meet all of them.
    turn = TAMPERS.index(tamper) % 3
    done = caught = 0
    others: Counter[str] = Counter()
    for made in [*small_ads[turn::3], *small_ads[(turn + 1) % 3 :: 3]]:
        if done == 8:
            break
        spoiled = tamper.damage(made)
        if spoiled is None:
            continue
        failed = {check.id for check in score_ad(spoiled).failed}
        done += 1
        caught += tamper.own in failed
        if "*" not in tamper.also:
            others.update(failed - {tamper.own} - tamper.also)
    assert done >= 3
    assert caught == done
    assert sum(others.values()) <= max(1, done // 3), dict(others)


def test_untouched_ads_raise_nothing(small_ads: list[Made]) -> None:
    alarms = {
        made.wanted: [(check.id, check.message) for check in score.failed]
        for made in small_ads
        if (score := score_ad(deliver(made))).failed
    }
    assert len(small_ads) >= 20
    assert not alarms


def test_there_are_enough_kinds(small_ads: list[Made]) -> None:
    assert len(TAMPERS) >= 20
    assert len({tamper.name for tamper in TAMPERS}) == len(TAMPERS)
