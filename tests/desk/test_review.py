from __future__ import annotations

from pathlib import Path

import pytest
from fakes import ask, batch
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from studio.desk.queue import Queue
from studio.desk.review import NOTE_LENGTH, AdKey, Review, Reviews
from studio.desk.store import Store
from studio.errors import BadInput


def judged(store: Store, tmp_path: Path, count: int = 3) -> tuple[Reviews, list[AdKey]]:
    shots, ads = batch(count)
    run = ask(Queue(store), tmp_path / "out", shots, ads)
    return Reviews(store), [(run, spec.content_id) for spec in ads]


def test_an_ad_nobody_judged_has_nothing(store: Store, tmp_path: Path) -> None:
    reviews, keys = judged(store, tmp_path)
    assert reviews.of(keys[0]) == Review()
    assert reviews.all() == {}


def test_each_part_is_set_without_touching_the_others(store: Store, tmp_path: Path) -> None:
    reviews, (first, second, _) = judged(store, tmp_path)
    reviews.rate([first, second], 4)
    reviews.reject([first])
    reviews.note(first, "Warmer, please")
    assert reviews.of(first) == Review(stars=4, rejected=True, note="Warmer, please")
    assert reviews.of(second) == Review(stars=4)
    reviews.rate([first], 0)
    assert reviews.all() == {first: Review(rejected=True, note="Warmer, please"), second: Review(stars=4)}
    assert reviews.all("another run") == {}


def test_reviews_outlive_the_program(tmp_path: Path) -> None:
    with Store(tmp_path / "home") as store:
        reviews, keys = judged(store, tmp_path)
        reviews.rate(keys, 3)
        reviews.note(keys[1], "  kept as typed ")
    with Store(tmp_path / "home") as store:
        assert Reviews(store).all() == {
            keys[0]: Review(stars=3), keys[1]: Review(stars=3, note="  kept as typed "), keys[2]: Review(stars=3)
        }  # fmt: skip


def test_what_was_before_undoes_what_was_done(store: Store, tmp_path: Path) -> None:
    reviews, keys = judged(store, tmp_path)
    reviews.rate(keys[:1], 5)
    before = reviews.all()
    undo = reviews.reject(keys)
    assert all(review.rejected for review in reviews.all().values())
    reviews.put(undo)
    assert {key: review for key, review in reviews.all().items() if review != Review()} == before


def test_one_ad_that_is_not_there_changes_none(store: Store, tmp_path: Path) -> None:
    reviews, keys = judged(store, tmp_path)
    for bad in ((keys[0][0], "0" * 16), ("no run", keys[0][1]), ("'; DROP TABLE reviews; --", "x")):
        with pytest.raises(BadInput, match="not in the workspace"):
            reviews.rate([keys[0], bad], 5)
        with pytest.raises(BadInput, match="not in the workspace"):
            reviews.put({keys[0]: Review(stars=1), bad: Review()})
    assert reviews.all() == {}


@pytest.mark.parametrize("stars", [-1, 6, 10**9])
def test_stars_go_from_none_to_five(store: Store, tmp_path: Path, stars: int) -> None:
    reviews, keys = judged(store, tmp_path)
    with pytest.raises(BadInput, match="0 to 5"):
        reviews.rate(keys, stars)
    with pytest.raises(BadInput, match="holds up to"):
        reviews.note(keys[0], "x" * (NOTE_LENGTH + 1))
    assert reviews.all() == {}


@tries(max_examples=20, deadline=None)
@given(text=st.text(st.characters(codec=None), max_size=300))
def test_any_note_is_kept(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("notes")
    with Store(folder / "home") as store:
        reviews, keys = judged(store, folder, 1)
        reviews.note(keys[0], text)
        assert reviews.of(keys[0]).note == text.encode("utf-8", "replace").decode()
