"""What the built-in model is told of a prompt that the studio wrote around a designer's words."""

from __future__ import annotations

import pytest

from engines.nano.asked import asked
from studio.brief.prompt import product_words, room_words
from studio.model import Box

KIT = {"primary": "#0f8a63", "background": "#dfe8f2"}


def test_what_it_is_told_is_good_english_and_does_not_hang_on_the_order_of_words() -> None:
    said = asked("matte bottle, palm shadows", KIT)
    assert said.text.startswith("an emerald matte bottle,")
    assert said.text == asked("palm shadows, matte bottle", KIT).text


@pytest.mark.parametrize(
    ("room", "stands"),
    [
        (Box(left=0, top=0, right=0.4, bottom=0.4), "on the right"),
        (Box(left=0.6, top=0, right=1, bottom=1), "on the left"),
        (Box(left=0.3, top=0, right=0.7, bottom=0.3), ""),
        (Box(left=0, top=0, right=1, bottom=1), ""),
    ],
)
def test_room_for_words_is_not_where_the_product_stands(room: Box, stands: str) -> None:
    said = asked(f"a jar, {room_words([room])}", KIT)
    assert not said.unknown
    assert {side for side in ("on the left", "on the right", "centred") if side in said.text} == {stands} - {""}


def test_where_the_product_stands_wins() -> None:
    place, room = Box(left=0.1, top=0.3, right=0.4, bottom=0.9), Box(left=0, top=0, right=0.4, bottom=0.2)
    said = asked(f"a jar, {product_words(place)}, {room_words([room])}", KIT)
    assert "on the left" in said.text and not said.unknown
