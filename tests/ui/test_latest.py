"""A slow answer must not overwrite what was chosen after it."""

from __future__ import annotations

from studio.ui.latest import Latest


def test_only_the_newest_wish_of_a_tab_counts() -> None:
    latest = Latest()
    slow, other = latest.asked("one"), latest.asked("two")
    assert slow() and other()
    quick = latest.asked("one")
    assert not slow() and quick() and other()


def test_tabs_long_gone_are_forgotten() -> None:
    latest = Latest()
    first = latest.asked("first")
    for number in range(400):
        latest.asked(f"tab {number}")
    assert not first()
