"""What is written is valid DTCG 2025.10, reads back as the same kit, and keeps what others wrote."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.brand.dtcg.check import problems
from studio.brand.dtcg.tokens import OURS, kit_from_tokens, tokens_from_kit
from studio.model import BrandKit, BrandType, FontFile, Logo, Swatch, TypeChoice, Voice

RED = {"colorSpace": "srgb", "components": [1, 0, 0]}
PX = {"value": 1, "unit": "px"}
MS = {"value": 1, "unit": "ms"}
STYLE = {"fontFamily": "A", "fontSize": PX, "fontWeight": 400, "letterSpacing": PX, "lineHeight": 1.2}
SHADOW = {"color": RED, "offsetX": PX, "offsetY": PX, "blur": PX, "spread": PX}


def of(kind: str, value: Any) -> dict[str, Any]:
    """One token of a type, twice: with its own type, and with one from its group. A schema judges the two apart."""
    return {"own": {"$type": kind, "$value": value}, "group": {"$type": kind, "inner": {"$value": value}}}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("color", RED),
        ("color", {"colorSpace": "oklch", "components": [0.5, "none", 359.9], "alpha": 0, "hex": "#ABCDEF"}),
        ("color", {"colorSpace": "lab", "components": [100, -160, 200]}),
        ("dimension", {"value": -1.5, "unit": "rem"}),
        ("fontFamily", ["Inter", "sans-serif"]),
        ("fontWeight", 950),
        ("fontWeight", "extra-black"),
        ("duration", {"value": 0.2, "unit": "s"}),
        ("cubicBezier", [0, -2, 1, 3]),
        ("number", -3),
        ("strokeStyle", "dotted"),
        ("strokeStyle", {"dashArray": [PX, PX], "lineCap": "round"}),
        ("border", {"color": RED, "width": PX, "style": "solid"}),
        ("transition", {"duration": MS, "delay": MS, "timingFunction": [0, 0, 1, 1]}),
        ("shadow", SHADOW),
        ("shadow", [{**SHADOW, "inset": True}]),
        ("gradient", [{"color": RED, "position": 0}, {"color": RED, "position": 1}]),
        ("typography", STYLE),
    ],
)
def test_what_the_format_allows(kind: str, value: Any) -> None:
    assert problems(of(kind, value)) == ()


@pytest.mark.parametrize(
    ("kind", "value", "word"),
    [
        ("color", "#114da1", "colorSpace"),
        ("color", {"colorSpace": "cmyk", "components": [0, 0, 0]}, "cmyk"),
        ("color", {"colorSpace": "srgb", "components": [1.01, 0, 0]}, "0 to 1"),
        ("color", {"colorSpace": "hsl", "components": [360, 50, 50]}, "360"),
        ("color", {"colorSpace": "lch", "components": [50, -1, 0]}, "-1"),
        ("color", {"colorSpace": "srgb", "components": [0, 0]}, "three"),
        ("color", {"colorSpace": "srgb", "components": [0, 0, True]}, "number"),
        ("color", {**RED, "hex": "#11223344"}, "six"),
        ("color", {**RED, "alpha": 1.5}, "alpha"),
        ("color", {**RED, "name": "x"}, "name"),
        ("dimension", "16px", "value"),
        ("dimension", {"value": 1, "unit": "mm"}, "mm"),
        ("dimension", {"value": "1", "unit": "px"}, "number"),
        ("dimension", {"unit": "px"}, "missing"),
        ("fontFamily", [], "list"),
        ("fontFamily", 3, "list"),
        ("fontWeight", 1001, "1000"),
        ("fontWeight", 0, "1 to"),
        ("fontWeight", "Bold", "Bold"),
        ("duration", {"value": 1, "unit": "px"}, "px"),
        ("cubicBezier", [2, 0, 0, 0], "0 to 1"),
        ("cubicBezier", [0, 0, 0], "four"),
        ("number", "3", "number"),
        ("number", float("nan"), "number"),
        ("strokeStyle", "wavy", "wavy"),
        ("strokeStyle", {"dashArray": [], "lineCap": "round"}, "dashArray"),
        ("border", {"color": RED, "width": PX}, "style"),
        ("transition", {"duration": MS, "delay": MS}, "timingFunction"),
        ("shadow", [], "list"),
        ("shadow", {**SHADOW, "inset": 1}, "inset"),
        ("shadow", {**SHADOW, "x": PX}, "x"),
        ("gradient", [{"color": RED, "position": 2}], "position"),
        ("typography", {"fontFamily": "A"}, "missing"),
        ("typography", {**STYLE, "lineHeight": PX}, "lineHeight"),
        ("fontStyle", "italic", "fontStyle"),
        ("file", "a.svg", "file"),
    ],
)
def test_what_it_does_not_is_named_wherever_the_type_comes_from(kind: str, value: Any, word: str) -> None:
    said = problems(of(kind, value))
    # A type that nobody knows is named at the group that gives it, too.
    assert {line.split(":")[0] for line in said} - {"group"} == {"own", "group.inner"}, said
    assert all(word in line for line in said)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({"a": {"$value": 3}}, "no $type"),
        ({"a": {"$value": "{b}"}}, "not there"),
        ({"a": {"$value": "{b}"}, "b": {"$value": "{a}"}}, "itself"),
        ({"a": {"$ref": "#/x"}}, "nowhere"),
        ({"a": {"$type": "number", "$value": 1, "$note": ""}}, "$note"),
        ({"$version": "1"}, "$version"),
        ({"a.b": {"$type": "number", "$value": 1}}, "dot"),
        ({"": {"$type": "number", "$value": 1}}, "empty"),
        ({"a": {"$deprecated": 3}}, "$deprecated"),
        ({"a": {"$type": "number", "$value": 1, "b": {}}}, "'b'"),
        ({"a": {"$extends": "{b}"}}, "not there"),
        ({"a": {"$extends": "{b}"}, "b": {"$extends": "{a}"}}, "circle"),
        ({"n": {"$type": "number", "$value": 1}, "c": {"$type": "color", "$value": "{n}"}}, "colorSpace"),
        (
            {
                "n": {"$type": "number", "$value": 1},
                "c": {"$type": "color", "$value": {"colorSpace": "srgb", "components": ["{n}", 0, 0]}},
            },
            "braces",
        ),
        ({"f": {"$type": "fontFamily", "$value": "A"}, "g": {"$type": "fontFamily", "$value": ["{f}"]}}, "braces"),
        ([], "object"),
        (3, "object"),
    ],
)
def test_a_files_structure_is_looked_at(data: Any, word: str) -> None:
    said = problems(data)
    assert said and any(word in line for line in said), said


def test_every_fault_is_named_not_the_first_only() -> None:
    assert len(problems({"a": {"$value": 1}, "b.c": {}, "d": 3, "e": {"$type": "color", "$value": 3}})) == 4


def test_references_of_every_kind_are_followed() -> None:
    data = {
        "base": {"$type": "color", "red": {"$value": RED}},
        "alias": {"$value": "{base.red}"},
        "whole": {"$ref": "#/base/red"},
        "part": {
            "$type": "color",
            "$value": {"colorSpace": "srgb", "components": [{"$ref": "#/base/red/$value/components/0"}, 0, 0]},
        },
        "more": {"$extends": "{base}", "blue": {"$value": {"colorSpace": "srgb", "components": [0, 0, 1]}}},
        "style": {"$type": "shadow", "$value": {**SHADOW, "color": "{more.red}"}},
    }
    assert problems(data) == ()


# ---------------------------------------------------------------------------------------------- round trips

_word = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
_name = st.from_regex(r"[A-Za-zÄ-ü][\w .-]{0,12}", fullmatch=True)
_family = _name.map(lambda text: " ".join(text.split())).filter(bool)
_files = st.lists(
    st.builds(FontFile, file=st.just("fonts/a.otf"), weight=st.integers(1, 1000), italic=st.booleans()), max_size=3
)
_choice = st.builds(
    TypeChoice,
    family=_family,
    files=_files.map(tuple),
    weight=st.integers(1, 1000),
    stands_for=st.one_of(st.just(""), _family),
)
_swatch = st.builds(
    Swatch,
    role=st.sampled_from(["primary", "secondary", "accent", "background", "surface", "text"]),
    hex=st.from_regex(r"#[0-9a-f]{6}", fullmatch=True),
    name=_word,
    source=_word,
    locked=st.booleans(),
    tints=st.booleans(),
)
_kits = st.builds(
    BrandKit,
    name=_name,
    tagline=_word,
    palette=st.lists(_swatch, max_size=6).map(tuple),
    type=st.builds(BrandType, heading=_choice, body=_choice),
    logos=st.lists(
        st.builds(Logo, file=st.just("logos/l.svg"), on=st.sampled_from(["light", "dark", "any"])), max_size=2
    ).map(tuple),
    voice=st.builds(Voice, tone=st.lists(_word, max_size=2).map(tuple), banned=st.lists(_word, max_size=2).map(tuple)),
    photography=st.lists(_word, max_size=2).map(tuple),
    references=st.just(("references/r.png",)),
    adapter=st.sampled_from([None, "a.safetensors"]),
)


def through(data: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(data, allow_nan=False))


@settings(max_examples=150, deadline=None)
@given(_kits)
def test_any_kit_survives(kit: BrandKit) -> None:
    tokens = tokens_from_kit(kit)
    assert problems(tokens) == ()
    back, notes = kit_from_tokens(through(tokens), "t.json")
    assert back == kit and notes == ()
    assert tokens_from_kit(back, tokens) == tokens


@settings(max_examples=100, deadline=None)
@given(_kits, _kits)
def test_any_kit_survives_in_another_ones_file(first: BrandKit, second: BrandKit) -> None:
    out = tokens_from_kit(second, tokens_from_kit(first))
    assert problems(out) == ()
    assert kit_from_tokens(through(out), "t.json")[0] == second


FOREIGN: dict[str, Any] = {
    "$description": "Example",
    "$extensions": {"com.example.tool": {"keep": [1, 2.5, None, "ü"]}},
    "palette": {
        "$type": "color",
        "$deprecated": "use brand",
        "$extensions": {"com.example.tool": True},
        "primary": {
            "$value": {**RED, "alpha": 1.0},
            "$description": "keep",
            "$extensions": {"com.example.tool": {"id": 7}},
        },
        "old": {"$value": "{palette.primary}", "$deprecated": True},
        "pointed": {"$ref": "#/palette/primary"},
    },
    "theme": {"$extends": "{palette}", "own": {"$value": {"colorSpace": "oklch", "components": [0.5, "none", 0]}}},
    "motion": {"fast": {"$type": "duration", "$value": MS}, "ease": {"$type": "cubicBezier", "$value": [0, 0, 1, 1]}},
    "shade": {"$type": "shadow", "$value": {**SHADOW, "color": "{palette.primary}"}},
    "text": {"$type": "typography", "body": {"$value": STYLE}},
}


@settings(max_examples=60, deadline=None)
@given(_kits)
def test_what_others_wrote_stays_as_it_was(kit: BrandKit) -> None:
    assert problems(FOREIGN) == ()
    before = copy.deepcopy(FOREIGN)
    out = tokens_from_kit(kit, FOREIGN)
    assert before == FOREIGN and problems(out) == ()
    assert kit_from_tokens(through(out), "t.json")[0] == kit
    for name in ("motion", "shade", "text", "theme"):
        assert json.dumps(out[name]) == json.dumps(FOREIGN[name])
    palette = out["palette"]
    assert palette["old"] == FOREIGN["palette"]["old"] and palette["pointed"] == FOREIGN["palette"]["pointed"]
    assert palette["$deprecated"] == "use brand" and palette["$extensions"] == {"com.example.tool": True}
    assert palette["primary"] == FOREIGN["palette"]["primary"]
    assert out["$extensions"]["com.example.tool"] == FOREIGN["$extensions"]["com.example.tool"]
    assert "originals" not in out["$extensions"][OURS], "nothing had to be put aside"


def test_what_the_format_does_not_allow_is_put_aside_and_stays_there() -> None:
    data = {
        "primary": {"$type": "color", "$value": {"colorSpace": "srgb", "components": [1.2, 0, 0]}},
        "loose": {"$value": 3, "$extensions": {"com.example.tool": 1}},
        "follows": {"$value": "{loose}"},
        "bare": {"$type": "dimension", "$value": "2em"},
        "headline": {
            "$type": "typography",
            "$value": {"fontFamily": "Inter", "fontWeight": "Bold", "fontSize": "16px"},
        },
        "gap": {"$type": "dimension", "$value": "16px"},
    }
    kit, _ = kit_from_tokens(data, "t.json")
    assert (kit.type.heading.family, kit.type.heading.weight) == ("Inter", 700)
    out = tokens_from_kit(kit, data)
    assert problems(out) == ()
    assert out["gap"] == {"$type": "dimension", "$value": {"value": 16, "unit": "px"}}
    originals = out["$extensions"][OURS]["originals"]
    assert originals == {path: data[path] for path in ("primary", "loose", "follows", "bare", "headline")}
    again = tokens_from_kit(kit_from_tokens(through(out), "t.json")[0], through(out))
    assert again == out


def test_the_palettes_order_is_kept_where_the_file_has_another() -> None:
    kit, _ = kit_from_tokens(
        {"text": {"$type": "color", "$value": RED}, "primary": {"$type": "color", "$value": RED}}, "t"
    )
    choice = TypeChoice(family="A")
    turned = BrandKit(name="n", palette=kit.palette[::-1], type=BrandType(heading=choice, body=choice))
    out = tokens_from_kit(turned, tokens_from_kit(kit))
    assert kit_from_tokens(out, "t")[0].palette == turned.palette
