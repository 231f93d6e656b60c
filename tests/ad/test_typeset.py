"""What the shaper does with real scripts: measured and drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skia

from studio.ad.typeset import TypeStyle, balanced, clean, fits, longest_word_px, refuse_missing, set_text
from studio.brand.kit import load_kit
from studio.brief.frame import is_right_to_left
from studio.errors import DoesNotFit

KIT = load_kit(Path(__file__).resolve().parents[2] / "assets" / "demo" / "brand")
HEADING = TypeStyle("heading", 48)


def drawn(block, width=900, height=400) -> np.ndarray:
    buffer = np.full((height, width, 4), 255, np.uint8)
    block.paint(skia.Canvas(buffer, skia.kRGBA_8888_ColorType), 50, 50)
    return buffer[..., :3]


def ink_columns(picture: np.ndarray) -> np.ndarray:
    return np.flatnonzero((picture < 128).any(axis=(0, 2)))


def test_a_word_and_its_comma_are_never_parted():
    for width in range(60, 420, 7):
        block = set_text("Mornings, sorted.", HEADING, width, KIT.fonts)
        widest, _ = longest_word_px("Mornings, sorted.", HEADING, KIT.fonts)
        if fits(block, widest):
            assert width >= widest
    widest, word = longest_word_px("Mornings, sorted.", HEADING, KIT.fonts)
    assert word == "Mornings,"


def test_kerning_brings_letters_together():
    pair = set_text("AV", HEADING, 1e6, KIT.fonts).ink_width_px
    apart = sum(set_text(letter, HEADING, 1e6, KIT.fonts).ink_width_px for letter in "AV")
    assert pair < apart - 0.5


def test_balanced_lines_keep_their_number_and_grow_alike():
    block = set_text("A headline that is long enough for two lines", HEADING, 700, KIT.fonts)
    widest, _ = longest_word_px(block.text, HEADING, KIT.fonts)
    tight = balanced(block, widest, KIT.fonts)
    assert tight.lines == block.lines == 2
    assert tight.width_px < block.width_px


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("שלום", True),
        ("مرحبا hello", True),
        ("hello مرحبا", False),
        ("123 שלום", True),
        ("日本語", False),
        ("!?", False),
    ],
)
def test_direction_is_that_of_the_first_strong_letter(text, expected):
    assert is_right_to_left(text) is expected


def test_right_to_left_words_begin_at_the_right():
    """In a right-to-left sentence the Latin word in second place stands left of the first."""
    text = "שלום hello"
    fonts = KIT.fonts.for_words([text])
    if fonts.missing(text, "heading"):
        pytest.skip("no Hebrew font on this machine")
    both = ink_columns(drawn(set_text(text, HEADING, 600, fonts)))
    latin = set_text("hello", HEADING, 1e6, fonts).ink_width_px
    left_part = ink_columns(drawn(set_text("hello", HEADING, 600, fonts)))
    assert both[-1] - both[0] > latin + 20
    picture = drawn(set_text(text, HEADING, 600, fonts))[:, both[0] : both[0] + int(latin)]
    alone = drawn(set_text("hello", HEADING, 600, fonts))[:, left_part[0] : left_part[0] + int(latin)]
    rows = (picture < 128).any(axis=(1, 2)), (alone < 128).any(axis=(1, 2))
    assert np.ptp(np.flatnonzero(rows[0])) == pytest.approx(np.ptp(np.flatnonzero(rows[1])), abs=3)


def test_characters_without_a_font_are_refused_by_name_never_drawn_as_boxes():
    fonts = KIT.fonts.for_words(["price \ue000"])
    with pytest.raises(DoesNotFit, match=r"price.*U\+E000") as refusal:
        refuse_missing("price", "price \ue000", "heading", fonts)
    assert refusal.value.hint


def test_emoji_keep_their_colours():
    fonts = KIT.fonts.for_words(["🔥"])
    if fonts.missing("🔥", "heading"):
        pytest.skip("no emoji font on this machine")
    picture = drawn(set_text("🔥", HEADING, 600, fonts)).astype(int)
    assert (np.ptp(picture, axis=2) > 60).sum() > 100


@pytest.mark.parametrize(
    ("raw", "set_as"), [("a\tb\nc", "a b c"), ("20 %", "20\u00a0%"), ("  x  ", "x"), ("e\u0301", "é"), ("a\0b", "ab")]
)
def test_words_are_cleaned(raw, set_as):
    assert clean(raw) == set_as
