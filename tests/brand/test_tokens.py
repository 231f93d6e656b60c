"""DTCG 2025.10 to a kit and back: inheritance, references, colour spaces, other tools' habits, junk."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.brand.dtcg.tokens import OURS, SCHEMA, kit_from_tokens, parse_tokens, tokens_from_kit
from studio.errors import BadInput
from studio.model import BrandKit, BrandType, FontFile, Logo, Swatch, TypeChoice, Voice

RED = {"colorSpace": "srgb", "components": [1, 0, 0]}


def palette(data: dict[str, Any]) -> dict[str, str]:
    kit, _ = kit_from_tokens(data, "t.json")
    return {swatch.role: swatch.hex for swatch in kit.palette}


def refused(data: Any) -> str:
    with pytest.raises(BadInput) as caught:
        kit_from_tokens(data, "t.json")
    assert str(caught.value).startswith("t.json")
    return f"{caught.value} {caught.value.hint}"


def full_kit() -> BrandKit:
    files = (FontFile(file="fonts/a.otf", weight=700), FontFile(file="fonts/b.otf", weight=700, italic=True))
    return BrandKit(
        name="Ünï",
        tagline="“Yes”",
        palette=(
            Swatch(role="primary", hex="#e20074", name="Magenta", source="site", locked=False),
            Swatch(role="primary", hex="#00ff00", name="Second"),
            Swatch(role="text", hex="#161616", tints=False),
        ),
        type=BrandType(
            heading=TypeChoice(family="A", files=files, weight=700), body=TypeChoice(family="B", weight=350)
        ),
        logos=(Logo(file="logos/l.svg", on="dark", clear_space_fraction=0.5, min_width_px=90),),
        voice=Voice(tone=("warm",), banned=("best ever",)),
        photography=("sun",),
        references=("references/r.png",),
        adapter="adapter.safetensors",
    )


# ---------------------------------------------------------------------------------------------- structure


def test_types_are_inherited_from_the_nearest_group() -> None:
    data = {"a": {"$type": "color", "deep": {"er": {"primary": {"$value": RED}}}}, "n": {"$type": "number"}}
    assert palette(data) == {"primary": "#ff0000"}


def test_aliases_bring_value_and_type() -> None:
    data = {
        "base": {"$type": "color", "red": {"$value": RED}, "ruby": {"$value": "{base.red}"}},
        "brand": {"primary": {"$value": "{base.ruby}"}},
    }
    assert palette(data) == {"primary": "#ff0000"}


@pytest.mark.parametrize(
    "reference",
    [
        {"$ref": "#/base/red"},
        {"$ref": "#/base/red/$value"},
        {"$value": {"$ref": "#/base/red/$value"}},
        {"$value": {"colorSpace": "srgb", "components": {"$ref": "#/base/red/$value/components"}}, "$type": "color"},
        {"$value": {"colorSpace": "srgb", "components": [1, {"$ref": "#/base/red/$value/components/1"}, 0]}},
    ],
)
def test_pointers(reference: dict[str, Any]) -> None:
    assert palette(
        {"base": {"$type": "color", "red": {"$value": RED}}, "c": {"$type": "color", "primary": reference}}
    ) == {"primary": "#ff0000"}


def test_groups_extend_groups() -> None:
    data = {
        "light": {
            "$type": "color",
            "primary": {"$value": RED},
            "text": {"$value": {"colorSpace": "srgb", "components": [0, 0, 0]}},
        },
        "own": {"$extends": "{light}", "primary": {"$value": {"colorSpace": "srgb", "components": [0, 0, 1]}}},
    }
    kit, _ = kit_from_tokens({"own": data["own"], "light": data["light"]}, "t.json")
    assert kit.hex("text") == "#000000"
    assert {swatch.hex for swatch in kit.palette} == {"#0000ff", "#000000"}


def test_a_groups_root_token() -> None:
    data = {"c": {"$type": "color", "primary": {"$root": {"$value": RED}, "soft": {"$value": "{c.primary}"}}}}
    assert palette(data) == {"primary": "#ff0000"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"a": {"$value": "{b}"}, "b": {"$value": "{a}"}}, ("refers to itself", "a → b → a")),
        ({"a": {"$value": "{a}"}}, ("refers to itself",)),
        ({"a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}}, ("refers to itself",)),
        ({"a": {"$value": [{"$ref": "#/a/$value"}]}}, ("refers to itself",)),
        ({"a": {"$extends": "{b}"}, "b": {"$extends": "{a}"}}, ("circle", "a → b")),
        ({"a": {"$extends": "{a}"}}, ("circle",)),
        ({"a": {"$extends": "{nowhere}"}}, ("not there",)),
        ({"a": {"$extends": 3}}, ("$extends",)),
        ({"a": {"$value": "{not.there}"}}, ("{not.there}", "not there")),
        ({"a": {"$ref": "#/no"}}, ("leads nowhere",)),
        ({"a": {"$ref": "http://x/y"}}, ("pointer",)),
        ({"a": {"$value": 1, "$ref": "#/a"}}, ("both",)),
        ({"a": {"$vlaue": 1}}, ("unknown key $vlaue",)),
        ({"$foo": 1}, ("unknown key $foo",)),
        ({"a": {"$value": 1, "$root": {}}}, ("unknown key $root",)),
        ({"a": {"$value": 1, "b": {"$value": 2}}}, ("cannot hold 'b'",)),
        ({"a.b": {"$value": 1}}, ("a dot",)),
        ({"{a}": {"$value": 1}}, ("brace",)),
        ({"a": 3}, ("expected an object",)),
        ({"a": {"$type": 3}}, ("$type",)),
        ({"a": {"$extensions": []}}, ("$extensions",)),
        ({"a": {"$description": 3}}, ("$description",)),
        ([], ("expected an object",)),
    ],
)
def test_what_is_wrong_is_said_with_its_path(data: Any, words: tuple[str, ...]) -> None:
    said = refused(data)
    assert all(word in said for word in words), said


def test_bombs_are_refused_quickly() -> None:
    pointers: dict[str, Any] = {"t0": {"$value": ["x"]}}
    for level in range(1, 40):
        pointers[f"t{level}"] = {"$value": [{"$ref": f"#/t{level - 1}/$value"}] * 10}
    extends: dict[str, Any] = {"g0": {"a": {"b": {}}}}
    for level in range(1, 40):
        extends[f"g{level}"] = {side: {"$extends": f"{{g{level - 1}}}"} for side in "xy"}
    deep: dict[str, Any] = {}
    for _ in range(3000):
        deep = {"a": deep}
    chain = {f"t{n}": {"$value": f"{{t{n + 1}}}"} for n in range(500)}
    for bomb in (extends, deep, chain):
        refused(bomb)
    # Pointers may be shared without being copied: reading is enough, as long as it ends.
    try:
        kit_from_tokens(pointers, "t.json")
    except BadInput as error:
        assert "deeply" in str(error) or "chain" in str(error)


# ---------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ({"colorSpace": "srgb", "components": [0.0667, 0.302, 0.6314], "alpha": 1, "hex": "#114da1"}, "#114da1"),
        ({"colorSpace": "srgb-linear", "components": [1, 1, 1]}, "#ffffff"),
        ({"colorSpace": "hsl", "components": [210, 50, 50]}, "#4080bf"),
        ({"colorSpace": "hwb", "components": [0, 0, 0]}, "#ff0000"),
        ({"colorSpace": "lab", "components": [100, 0, 0]}, "#ffffff"),
        ({"colorSpace": "lch", "components": [0, 0, "none"]}, "#000000"),
        ({"colorSpace": "oklab", "components": [1, 0, 0]}, "#ffffff"),
        ({"colorSpace": "oklch", "components": [0.628, 0.2577, 29.23]}, "#ff0000"),
        ({"colorSpace": "display-p3", "components": [1, 1, 1]}, "#ffffff"),
        ({"colorSpace": "a98-rgb", "components": [0, 0, 0]}, "#000000"),
        ({"colorSpace": "prophoto-rgb", "components": [1, 1, 1]}, "#ffffff"),
        ({"colorSpace": "rec2020", "components": [1, 1, 1]}, "#ffffff"),
        ({"colorSpace": "xyz-d65", "components": [0, 0, 0]}, "#000000"),
        ({"colorSpace": "xyz-d50", "components": [0.9643, 1, 0.8251]}, "#ffffff"),
        ("#114DA1", "#114da1"),
        ("#abc", "#aabbcc"),
        ("rgb(17 77 161)", "#114da1"),
    ],
)
def test_colour_spaces(value: Any, want: str) -> None:
    assert palette({"primary": {"$type": "color", "$value": value}}) == {"primary": want}


def test_wide_gamut_is_mapped_and_said() -> None:
    value = {"colorSpace": "display-p3", "components": [0, 1, 0]}
    kit, notes = kit_from_tokens({"primary": {"$type": "color", "$value": value}}, "t.json")
    assert kit.palette[0].hex != "#000000"
    assert any("outside sRGB" in note for note in notes)


def test_old_forms_are_read_and_said() -> None:
    data = {
        "primary": {"$type": "color", "$value": "#ff0000"},
        "gap": {"$type": "dimension", "$value": "16px"},
        "loose": {"$value": 3},
    }
    _, notes = kit_from_tokens(data, "t.json")
    said = "\n".join(notes)
    assert "#112233" in said and "16px" in said and "no $type" in said


def test_alpha_is_set_aside_and_said() -> None:
    mark = {"$extensions": {OURS: {"role": "primary"}}}
    data = {"c": {"$type": "color", "$value": {**RED, "alpha": 0.5}, **mark}}
    kit, notes = kit_from_tokens(data, "t.json")
    assert kit.hex("primary") == "#ff0000"
    assert any("alpha" in note for note in notes)


@pytest.mark.parametrize(
    "value",
    [
        {"colorSpace": "cmyk", "components": [0, 0, 0]},
        {"colorSpace": "srgb", "components": [255, 0, 0]},
        {"colorSpace": "srgb", "components": [0, 0]},
        {"colorSpace": "srgb", "components": ["x", 0, 0]},
        {"colorSpace": "srgb", "components": [float("nan"), 0, 0]},
        {"colorSpace": "srgb", "components": [float("inf"), 0, 0]},
        {"colorSpace": "srgb", "components": [True, 0, 0]},
        {"colorSpace": "srgb", "components": [0, 0, 0], "alpha": 2},
        {"colorSpace": "srgb", "components": [0, 0, 0], "hex": "#12345678"},
        {"colorSpace": "srgb", "components": [0, 0, 0], "extra": 1},
        {"colorSpace": ["srgb"], "components": [0, 0, 0]},
        "not a colour",
        "#12",
        7,
        None,
        [],
    ],
)
def test_broken_colours_are_named(value: Any) -> None:
    assert "brand.primary" in refused({"brand": {"primary": {"$type": "color", "$value": value}}})


def test_typography_and_weights() -> None:
    data = {
        "font": {"heading": {"$type": "fontFamily", "$value": ["Poppins", "Arial"]}},
        "weight": {"strong": {"$type": "fontWeight", "$value": "semi-bold"}},
        "type": {
            "$type": "typography",
            "headline": {
                "$value": {"fontFamily": "{font.heading}", "fontWeight": "{weight.strong}", "fontSize": "16px"}
            },
            "body": {"$value": {"fontFamily": "Inter, sans-serif", "fontWeight": 400}},
        },
    }
    kit, notes = kit_from_tokens(data, "t.json")
    assert (kit.type.heading.family, kit.type.heading.weight) == ("Poppins", 600)
    assert (kit.type.body.family, kit.type.body.weight) == ("Inter", 400)
    assert any("Poppins" in note for note in notes)


def test_family_tokens_alone() -> None:
    data = {"font": {"$type": "fontFamily", "display": {"$value": "Lora"}, "body": {"$value": "Inter"}}}
    kit, _ = kit_from_tokens(data, "t.json")
    assert (kit.type.heading.family, kit.type.body.family) == ("Lora", "Inter")


def test_nothing_found_is_said_not_invented() -> None:
    kit, notes = kit_from_tokens({}, "acme.tokens.json")
    assert kit.palette == () and kit.name == "acme"
    assert any("stands in" in note for note in notes)


def test_roles_are_guessed_from_names() -> None:
    def color(value: str) -> dict[str, Any]:
        return {"$value": value}

    data = {
        "color": {
            "$type": "color",
            "brand": {"default": color("#111111"), "hover": color("#222222"), "on-brand": color("#ffffff")},
            "secondary": color("#333333"),
            "button": {"cta": {"bg-hover": color("#010101")}},
            "accent": color("#444444"),
            "page": {"background": color("#fafafa")},
            "surface-card": color("#eeeeee"),
            "text": {"default": color("#050505"), "muted": color("#777777"), "inverse": color("#fefefe")},
            "error": color("#ff0000"),
        }
    }
    assert palette(data) == {
        "primary": "#111111",
        "secondary": "#333333",
        "accent": "#444444",
        "background": "#fafafa",
        "surface": "#eeeeee",
        "text": "#050505",
    }


def test_our_marks_win_over_names() -> None:
    data = {
        "color": {
            "$type": "color",
            "primary": {"$value": "#111111"},
            "x": {"$value": "#222222", "$extensions": {OURS: {"role": "primary", "name": "X", "locked": False}}},
        }
    }
    kit, _ = kit_from_tokens(data, "t.json")
    assert [(swatch.hex, swatch.name, swatch.locked) for swatch in kit.palette] == [("#222222", "X", False)]


@pytest.mark.parametrize(
    "extension",
    [{"role": "main"}, {"rolle": "primary"}, {"role": "primary", "locked": "maybe"}, [], "primary"],
)
def test_our_own_part_is_checked(extension: Any) -> None:
    refused({"c": {"$type": "color", "$value": RED, "$extensions": {OURS: extension}}})


def test_a_role_on_what_is_no_colour() -> None:
    assert "not a colour" in refused({"c": {"$type": "number", "$value": 1, "$extensions": {OURS: {"role": "text"}}}})


# ---------------------------------------------------------------------------------------------- and back


def test_a_kit_survives_the_round_trip() -> None:
    kit = full_kit()
    tokens = tokens_from_kit(kit)
    back, notes = kit_from_tokens(json.loads(json.dumps(tokens)), "t.json")
    assert back == kit and notes == ()
    assert tokens["$schema"] == SCHEMA
    assert tokens_from_kit(back, tokens) == tokens


def test_what_others_wrote_stays() -> None:
    original = {
        "$description": "Acme",
        "$extensions": {"com.other.tool": {"keep": [1, 2]}},
        "color": {
            "$type": "color",
            "primary": {
                "$value": {"colorSpace": "oklch", "components": [0.628, 0.2577, 29.23]},
                "$description": "keep me",
                "$extensions": {"com.other.tool": {"id": 7}},
            },
            "unused": {"$value": "{color.primary}"},
        },
        "space": {"s": {"$type": "dimension", "$value": {"value": 4, "unit": "px"}}},
    }
    before = copy.deepcopy(original)
    kit, _ = kit_from_tokens(original, "t.json")
    out = tokens_from_kit(kit, original)
    assert original == before, "the original is not touched"
    assert out["$extensions"]["com.other.tool"] == {"keep": [1, 2]}
    primary = out["color"]["primary"]
    assert primary["$value"] == before["color"]["primary"]["$value"], "an unchanged colour keeps its space"
    assert primary["$description"] == "keep me" and primary["$extensions"]["com.other.tool"] == {"id": 7}
    assert out["color"]["unused"] == {"$value": "{color.primary}"} and out["space"] == before["space"]
    back, notes = kit_from_tokens(out, "t.json")
    assert back == kit and notes == ()


def test_a_changed_colour_changes_its_own_token_only() -> None:
    original = {"color": {"$type": "color", "red": {"$value": RED}, "primary": {"$value": "{color.red}"}}}
    kit, _ = kit_from_tokens(original, "t.json")
    blue = kit.model_copy(update={"palette": (kit.palette[0].model_copy(update={"hex": "#0000ff"}),)})
    out = tokens_from_kit(blue, original)
    assert out["color"]["red"] == {"$value": RED}
    assert palette(out) == {"primary": "#0000ff"}


def test_a_removed_swatch_loses_our_mark_only() -> None:
    tokens = tokens_from_kit(full_kit())
    fewer = full_kit().model_copy(update={"palette": full_kit().palette[:1]})
    out = tokens_from_kit(fewer, tokens)
    back, _ = kit_from_tokens(out, "t.json")
    assert back == fewer
    assert out["color"]["text"]["$value"] == tokens["color"]["text"]["$value"]


_hex = st.from_regex(r"#[0-9a-f]{6}", fullmatch=True)
_text = st.text(max_size=12).filter(lambda text: not any(0xD800 <= ord(char) <= 0xDFFF for char in text))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.builds(
            Swatch,
            role=st.sampled_from(["primary", "secondary", "accent", "background", "surface", "text"]),
            hex=_hex,
            name=_text,
            source=_text,
            locked=st.booleans(),
            tints=st.booleans(),
        ),
        max_size=8,
    ),
    st.integers(1, 1000),
)
def test_any_palette_survives(swatches: list[Swatch], weight: int) -> None:
    choice = TypeChoice(family="A", weight=weight)
    kit = BrandKit(name="n", palette=tuple(swatches), type=BrandType(heading=choice, body=choice))
    tokens = tokens_from_kit(kit)
    back, _ = kit_from_tokens(tokens, "t.json")
    assert sorted(back.palette, key=repr) == sorted(kit.palette, key=repr)
    again, _ = kit_from_tokens(tokens_from_kit(back, tokens), "t.json")
    assert again == back


# ---------------------------------------------------------------------------------------------- junk


_KEYS = st.sampled_from(
    [
        "$value",
        "$ref",
        "$type",
        "$extends",
        "$extensions",
        "$root",
        "a",
        "primary",
        "value",
        "type",
        OURS,
        "role",
        "hex",
    ]
)
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.floats(),
    st.sampled_from(
        ["{a}", "{primary.a}", "#/a", "#/a/$value", "color", "#ff0000", "fontFamily", "primary", "typography"]
    ),
    st.text(max_size=4),
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=4)),
    max_leaves=16,
)


@settings(max_examples=400, deadline=None)
@given(_JSON)
def test_any_json_reads_or_says_why(data: Any) -> None:
    try:
        kit, _ = kit_from_tokens(data, "t.json")
    except BadInput as error:
        assert str(error).startswith("t.json")
        return
    back, _ = kit_from_tokens(tokens_from_kit(kit, data), "t.json")
    assert back.model_copy(update={"name": kit.name}) == kit


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text(alphabet='{}[]":,$a1eNn \n', max_size=60).map(str.encode)))
def test_any_bytes_parse_or_say_why(data: bytes) -> None:
    try:
        assert isinstance(parse_tokens(data, "t.json"), dict)
    except BadInput as error:
        assert str(error).startswith("t.json")


def test_json_that_is_not_json() -> None:
    for data in (b"[" * 50_000, b'{"a": NaN}', b'{"a": ' + b"1" * 5000 + b"}", b"\xff\xfe{}"):
        with pytest.raises(BadInput):
            parse_tokens(data, "t.json")
