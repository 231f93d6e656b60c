"""Words that change from variant to variant are chosen the same way every time, and nothing grows without bound."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.brief.lists import read_lists
from studio.brief.wildcards import MOST_CHARS, chosen, names_in
from studio.errors import BadInput
from studio.presets import presets_folder
from tests.samples import SAMPLES

LISTS = {"colour": ("red", "blue"), "two": ("__colour__ and {x|y}",), "round": ("a __round__",), "deep/er_list": ("z",)}


def over(text: str, seeds: int = 400) -> Counter[str]:
    return Counter(chosen(text, seed, LISTS) for seed in range(seeds))


@pytest.mark.parametrize(
    ("text", "may_be"),
    [
        ("a {red|blue} door", {"a red door", "a blue door"}),
        ("{a|{b|c}}", {"a", "b", "c"}),
        ("{|big }tree", {"tree", "big tree"}),
        ("__colour__", {"red", "blue"}),
        ("__two__", {"red and x", "red and y", "blue and x", "blue and y"}),
        ("{__colour__|green}", {"red", "blue", "green"}),
        ("__deep/er_list__", {"z"}),
        ("{only}", {"only"}),
        ("{prompt}, at {dawn|dusk}", {"{prompt}, at dawn", "{prompt}, at dusk"}),
        ("an {open end | and | more", {"an {open end | and | more"}),
        ("closed} too", {"closed} too"}),
        ("snake_case and __ alone", {"snake_case and __ alone"}),
    ],
)
def test_every_choice_is_made_and_no_other(text: str, may_be: set[str]) -> None:
    assert set(over(text)) == may_be


def test_weights_are_kept() -> None:
    seen = over("{3::often|seldom|0::never}", 4000)
    assert set(seen) == {"often", "seldom"}
    assert 2.4 < seen["often"] / seen["seldom"] < 3.8
    assert set(over("{0::a|0::b}")) == {"a", "b"}


def test_equal_groups_of_one_text_are_drawn_apart() -> None:
    assert len(over("{a|b} {a|b} {a|b}")) == 8


def test_an_unknown_list_is_named_even_where_it_is_not_chosen() -> None:
    for seed in range(8):
        with pytest.raises(BadInput, match="__weather__") as refused:
            chosen("{sun|__weather__}", seed, LISTS)
        assert "weather.txt" in refused.value.hint and "colour" in refused.value.hint


def test_what_would_never_end_is_refused() -> None:
    with pytest.raises(BadInput, match="back to itself"):
        chosen("__round__", 1, LISTS)
    doubling = {f"l{n}": (f"__l{n + 1}__ __l{n + 1}__",) for n in range(11)} | {"l11": ("x" * 100,)}
    with pytest.raises(BadInput):
        chosen("__l0__", 1, doubling)
    with pytest.raises(BadInput, match="grow"):
        chosen("__big__ " * 10, 1, {"big": ("y" * 1000,)})
    assert len(chosen("{" * 3000 + "a|b" + "}" * 3000, 1, {})) < 6003


PIECES = st.sampled_from(
    ["{", "}", "|", "::", "__", "a", "2::", "__colour__", "{prompt}", "\ue000", "\0", "é", " ", "1e9::"]
)
HOSTILE = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=60).map("".join))


@given(HOSTILE, st.integers(0, 2**31))
def test_any_text_ends_the_same_way_twice(text: str, seed: int) -> None:
    def once() -> str:
        try:
            return chosen(text, seed, LISTS)
        except BadInput as error:
            return f"refused: {error}"

    first = once()
    assert first == once()
    assert len(first) <= MOST_CHARS + 200


@given(
    st.dictionaries(st.sampled_from("abcd"), st.lists(HOSTILE | st.sampled_from(["__a__", "__b__ __c__"]), max_size=4))
)
def test_any_lists_end(lists: dict[str, list[str]]) -> None:
    with suppress(BadInput):
        assert len(chosen("__a__ {__b__|__c__} __d__", 3, lists)) <= MOST_CHARS + 10


def test_lists_are_read_beside_the_brief_and_what_they_ask_for(tmp_path: Path) -> None:
    (tmp_path / "fruit.txt").write_text("# seasonal\n\nplum\n__berry__\n", "utf-8-sig")
    (tmp_path / "wildcards").mkdir()
    (tmp_path / "wildcards" / "berry.txt").write_bytes("Preiselbeere\nm\xfbre\n".encode("cp1252"))
    found = read_lists(["a __fruit__ in __light__"], [tmp_path, tmp_path / "wildcards"])
    assert found["fruit"] == ("plum", "__berry__") and found["berry"] == ("Preiselbeere", "mûre")
    assert len(found["light"]) >= 5  # shipped
    assert read_lists(["no list"], [tmp_path]) == {}
    shipped = read_lists(["__nowhere__ __a/../../secret__"], [tmp_path])
    with pytest.raises(BadInput, match="called __nowhere__") as caught:
        chosen("__nowhere__", 1, shipped)
    assert "ground, light, season" in caught.value.hint, "a name that is wrong is answered with those that are right"
    (tmp_path / "fruit.txt").write_text("x\n" * 30_000)
    with pytest.raises(BadInput, match=r"fruit\.txt"):
        read_lists(["__fruit__"], [tmp_path])


def test_every_shipped_list_can_be_chosen_from() -> None:
    files = sorted((presets_folder() / "wildcards").glob("*.txt"))
    assert files
    for file in files:
        lists = read_lists([f"__{file.stem}__"], [])
        assert all(chosen(f"__{file.stem}__", seed, lists) for seed in range(20))


@pytest.mark.skipif(not (SAMPLES / "styles" / "wildcards").is_dir(), reason="no samples here")
def test_lists_of_another_tool_call_each_other() -> None:
    lists = read_lists(["__color_flower__"], [SAMPLES / "styles" / "wildcards"])
    colour, _, flower = chosen("__color_flower__", 5, lists).partition(" ")
    assert names_in("__color_flower__") == ("color_flower",)
    assert colour in lists["color"] and flower in lists["flower"]
