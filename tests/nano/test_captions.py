"""Captions say what is there, and a prompt is read back as it was meant."""

from __future__ import annotations

import numpy as np
import pytest

from engines.nano.captions import caption, parse, vocabulary
from engines.nano.data import ATTRIBUTES
from engines.nano.palettes import COLOURS, NAMED, NAMES, colour_word, make_palette
from engines.nano.words import SAID, UNDERSTOOD


def _said(rng: np.random.Generator) -> tuple[dict[str, int], np.ndarray]:
    palette = np.concatenate([make_palette(rng), np.ones((6, 2))], axis=1)
    palette[5, 4] = float(np.hypot(palette[5, 1], palette[5, 2]) > 0.01)
    return {name: int(rng.integers(len(words))) for name, words in ATTRIBUTES.items()}, palette


def test_captions_are_read_back_without_a_mistake() -> None:
    rng, found = np.random.default_rng(1), 0
    for _ in range(600):
        attributes, palette = _said(rng)
        words = caption(attributes, palette, rng)
        read = parse(words)
        assert not read.unknown, (words, read.unknown)
        for name, place in read.attributes.items():
            assert attributes[name] == place, (words, name, ATTRIBUTES[name][place])
        found += len(read.attributes)
    assert found > 600 * 6


def test_colours_go_to_the_things_they_stand_by() -> None:
    rng, right, said = np.random.default_rng(2), 0, 0
    for _ in range(300):
        attributes, palette = _said(rng)
        read = parse(caption(attributes, palette, rng))
        for row, role in ((0, "background"), (2, "product"), (4, "accent")):
            if role in read.colours:
                said += 1
                right += np.linalg.norm(np.array(read.colours[role]) - palette[row, :3]) < 0.2
    assert said > 500 and right / said > 0.95


def test_captions_have_many_wordings() -> None:
    rng = np.random.default_rng(3)
    attributes, palette = _said(rng)
    assert len({caption(attributes, palette, rng) for _ in range(100)}) > 95


def test_what_is_not_there_is_not_said() -> None:
    rng = np.random.default_rng(4)
    attributes, palette = _said(rng)
    palette[1:, 4] = 0
    palette[2, 4] = 1
    for _ in range(60):
        words = caption(attributes, palette, rng)
        assert "accents" not in words and "surfaces" not in words and "details" not in words


def test_a_designer_learns_which_words_counted() -> None:
    read = parse("Luxury serum on wet marble with orchids, dark green background and a touch of gold, morning sun")
    assert read.unknown == ("wet", "orchids")
    named = {name: ATTRIBUTES[name][place] for name, place in read.attributes.items()}
    assert named == {"light": "moody", "product": "dropper bottle", "stand": "stone slab"}
    assert set(read.colours) == {"background", "accent"}
    assert read.colours["background"][0] < parse("green background").colours["background"][0]


@pytest.mark.parametrize(
    ("prompt", "product"), [("a takeaway cup", "cup"), ("cream jar", "jar"), ("SHAMPOO", "bottle")]
)
def test_longer_phrases_and_other_words_are_understood(prompt: str, product: str) -> None:
    assert ATTRIBUTES["product"][parse(prompt).attributes["product"]] == product


def test_an_empty_prompt_asks_for_nothing() -> None:
    assert parse(" ,. ") == parse("") and not parse("").attributes


def test_the_word_tables_name_only_what_the_grammar_has() -> None:
    for table in (SAID, UNDERSTOOD):
        assert {name: set(values) for name, values in table.items()} == {
            name: set(words) for name, words in ATTRIBUTES.items()
        }
    assert {"bottle", "podium", "terracotta"} <= set(vocabulary())


def test_every_colour_is_called_by_its_name() -> None:
    assert [colour_word(lab) for lab in NAMED] == list(NAMES) == list(COLOURS)
