"""Other tools' tokens: Tokens Studio, Style Dictionary, plain maps, JSON5; modes; what is worked out and what is kept."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest
from coloraide import Color
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.brand.dtcg.check import problems
from studio.brand.dtcg.sums import modified, read_css_color, worked_out
from studio.brand.dtcg.tokens import OURS, kit_from_tokens, parse_tokens, tokens_from_kit
from studio.color import contrast_hex
from studio.errors import BadInput
from studio.model import BrandKit
from tests.samples import SAMPLES

DATA = SAMPLES / "tokens"
real = pytest.mark.skipif(not DATA.exists(), reason="the real inputs are not here")


def read(data: Any) -> tuple[BrandKit, dict[str, Any]]:
    """The kit, and the file written of it: valid, and read back as the same kit."""
    before = copy.deepcopy(data)
    kit, _ = kit_from_tokens(data, "t.json")
    out = tokens_from_kit(kit, data)
    assert data == before, "the input is not touched"
    assert problems(out) == ()
    text = json.dumps(out, allow_nan=False)
    assert kit_from_tokens(json.loads(text), "t.json")[0] == kit
    assert tokens_from_kit(kit, out) == out
    return kit, out


def notes_of(data: Any) -> str:
    return "\n".join(kit_from_tokens(data, "t.json")[1])


def colors(kit: BrandKit) -> dict[str, str]:
    return {swatch.role: swatch.hex for swatch in kit.palette}


# ---------------------------------------------------------------------------------------------- Tokens Studio


def studio(dollar: str) -> dict[str, Any]:
    def token(kind: str, value: Any, **more: Any) -> dict[str, Any]:
        return {f"{dollar}value": value, f"{dollar}type": kind, **more}

    def modify(**how: str) -> dict[str, Any]:
        return {"$extensions": {"studio.tokens": {"modify": how, "id": "k"}, "com.example.tool": 1}}

    return {
        "core": {
            "brand": token("color", "#e20074", **{f"{dollar}description": "the brand's own"}),
            "ink": token("color", "#101010"),
            "ground": token("color", "#ffffff"),
            "size": token("sizing", "4"),
            "big": token("spacing", "({size} + 2px) * 3"),
            "half": token("opacity", "50%"),
            "veil": token("color", "rgba({brand}, {half})"),
            "paler": token("color", "{brand}", **modify(type="lighten", value="0.5", space="hsl")),
            "sans": token("fontFamilies", "Inter, sans-serif"),
            "strong": token("fontWeights", "Bold Italic"),
            "round": token("borderRadius", "50%"),
            "shade": token(
                "boxShadow",
                [{"x": "0", "y": "2", "blur": "4", "spread": "0", "color": "{veil}", "type": "innerShadow"}],
            ),
            "headline": token(
                "typography",
                {
                    "fontFamily": "{sans}",
                    "fontWeight": "{strong}",
                    "fontSize": "{size} * 8",
                    "lineHeight": "40px",
                    "letterSpacing": "-2%",
                    "textCase": "none",
                },
            ),
        },
        "dark": {"primary": token("color", "#aaaaaa"), "background": token("color", "{ink}")},
        "light": {
            "primary": token("color", "{brand}"),
            "background": token("color", "{ground}"),
            "text": {"muted": token("color", "#eeeeee"), "main": token("color", "{core.ink}")},
        },
        "$themes": [
            {"name": "Dark", "group": "mode", "selectedTokenSets": {"core": "source", "dark": "enabled"}},
            {"name": "Light", "group": "mode", "selectedTokenSets": {"core": "source", "light": "enabled"}},
        ],
        "$metadata": {"tokenSetOrder": ["core", "light", "dark"]},
    }


@pytest.mark.parametrize("dollar", ["", "$"])
def test_tokens_studio_with_and_without_dollars(dollar: str) -> None:
    data = studio(dollar)
    kit, out = read(data)
    assert colors(kit) == {"primary": "#e20074", "background": "#ffffff", "text": "#101010"}
    assert (kit.type.heading.family, kit.type.heading.weight) == ("Inter", 700)
    core = out["core"]
    assert core["big"]["$value"] == {"value": 18, "unit": "px"}
    assert core["half"] == {"$type": "number", "$value": 0.5}
    assert core["veil"]["$value"]["alpha"] == 0.5 and core["veil"]["$value"]["hex"] == "#e20074"
    assert core["brand"]["$description"] == "the brand's own"
    assert core["sans"]["$value"] == ["Inter", "sans-serif"] and core["strong"]["$value"] == 700
    assert core["shade"]["$value"][0]["color"] == "{core.veil}" and core["shade"]["$value"][0]["inset"] is True
    assert core["headline"]["$value"] == {
        "fontFamily": "{core.sans}",
        "fontSize": {"value": 32, "unit": "px"},
        "fontWeight": "{core.strong}",
        "letterSpacing": {"value": -0.64, "unit": "px"},
        "lineHeight": 1.25,
    }
    assert out["light"]["primary"]["$value"] == "{core.brand}", "references across sets stay references"
    originals = out["$extensions"][OURS]["originals"]
    assert "round" not in core and originals["core.round"] == data["core"]["round"]
    assert originals["core.big"] == data["core"]["big"] and originals["$themes"] == data["$themes"]
    assert "mode light is taken" in notes_of(data) and "in dark" in notes_of(data)


@pytest.mark.parametrize("dollar", ["", "$"])
def test_a_modifier_is_applied_once(dollar: str) -> None:
    data = studio(dollar)
    _, out = read(data)
    paler = out["core"]["paler"]
    # #e20074 is hsl(329.2 100% 44.3%); half the way to white is 72.2 %.
    assert paler["$value"]["hex"] == "#ff71ba"
    assert paler["$extensions"] == {"studio.tokens": {"id": "k"}, "com.example.tool": 1}
    assert out["$extensions"][OURS]["originals"]["core.paler"] == data["core"]["paler"]


def test_a_set_of_the_theme_overrides_the_ones_before() -> None:
    data = {
        "base": {"c": {"value": "#111111", "type": "color"}, "primary": {"value": "{c}", "type": "color"}},
        "other": {"c": {"value": "#222222", "type": "color"}},
        "brand": {"c": {"value": "#333333", "type": "color"}},
        "$themes": [{"name": "x", "selectedTokenSets": {"base": "source", "brand": "enabled", "other": "disabled"}}],
    }
    assert colors(read(data)[0]) == {"primary": "#333333"}


@pytest.mark.parametrize(
    ("how", "want"),
    [
        # What @tokens-studio/sd-transforms 2.0.3 makes of the same.
        (("#984c8a", "lighten", 0.87, "lch"), "#f2e7ef"),
        (("#ea13ff", "darken", 0.06, "lch"), "#da18ee"),
        (("#000000", "mix", 0.5, "srgb"), "#800000"),
        (("#808080", "darken", 0.5, "p3"), "#404040"),
        (("#808080", "lighten", 0.5, "hsl"), "#c0c0c0"),
    ],
)
def test_colour_modifiers(how: tuple[str, str, float, str], want: str) -> None:
    color, kind, amount, space = how
    out = modified(Color(color), {"type": kind, "space": space}, amount, Color("#ff0000"))
    assert out.convert("srgb").delta_e(want, method="2000") < 0.5


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("4", (4, "")),
        ("4px * 2", (8, "px")),
        ("-2px", (-2, "px")),
        ("2 - -3", (5, "")),
        ("(1 + 2) * (3 - 1) / 4", (1.5, "")),
        ("1.5rem + 1rem", (2.5, "rem")),
        ("roundTo(2.345 * 1, 1)", (2.3, "")),
        ("max(1px, 3px, 2px)", (3, "px")),
        ("1px + 1rem", None),
        ("8px 16px", None),
        ("1 / 0", None),
        ("", None),
        ("(" * 5000, None),
        ("-" * 3000 + "1", None),
        ("9" * 3000 + "* 9", None),
        ("pow(9, 9)", None),
        ("__import__('os')", None),
        ("roundTo(1, 2, 3)", None),
        ("2 +", None),
    ],
)
def test_sums(text: str, want: tuple[float, str] | None) -> None:
    if want is None:
        with pytest.raises(ValueError):
            worked_out(text)
    else:
        assert worked_out(text) == want


# ---------------------------------------------------------------------------------------------- other forms


def test_style_dictionary_3() -> None:
    kit, out = read(
        {
            "color": {
                "base": {"red": {"value": "#ff0000", "comment": "Red", "attributes": {"category": "color"}}},
                "brand": {"primary": {"value": "{color.base.red.value}"}},
            },
            "size": {"font": {"small": {"value": "12px"}, "large": {"value": "{size.font.small.value} * 2"}}},
            "time": {"short": {"value": "200ms"}},
            "asset": {"icon": {"value": "a.svg"}},
            "font": {"family": {"heading": {"value": "'Lora', serif"}}},
        }
    )
    assert colors(kit) == {"primary": "#ff0000"} and kit.type.heading.family == "Lora"
    assert out["color"]["brand"]["primary"] == {
        "$type": "color",
        "$value": "{color.base.red}",
        "$extensions": out["color"]["brand"]["primary"]["$extensions"],
    }
    assert out["color"]["base"]["red"]["$description"] == "Red"
    assert out["size"]["font"]["large"] == {"$type": "dimension", "$value": {"value": 24, "unit": "px"}}
    assert out["time"]["short"]["$value"] == {"value": 200, "unit": "ms"}
    originals = out["$extensions"][OURS]["originals"]
    assert originals["asset.icon"] == {"value": "a.svg"} and "attributes" in originals["color.base.red"]


def test_style_dictionary_4_is_dtcg() -> None:
    kit, out = read({"color": {"$type": "color", "red": {"$value": "#f00"}, "primary": {"$value": "{color.red}"}}})
    assert colors(kit) == {"primary": "#ff0000"}
    assert out["color"]["red"]["$value"]["hex"] == "#ff0000" and out["color"]["primary"]["$value"] == "{color.red}"


def test_a_flat_map_and_a_tailwind_theme() -> None:
    flat, _ = read({"primary": "#e20074", "text": "#111", "background": "white", "headingFont": "Lora", "note": "hi"})
    assert colors(flat) == {"primary": "#e20074", "background": "#ffffff", "text": "#111111"}
    assert flat.type.heading.family == "Lora"
    wind, out = read(
        {
            "theme": {
                "colors": {"primary": {"DEFAULT": "#112233", "500": "#445566"}, "transparent": "transparent"},
                "fontFamily": {"sans": ["Inter", "sans-serif"]},
                "spacing": {"0.5": "0.125rem"},
                "screens": {"sm": "640px"},
            }
        }
    )
    assert colors(wind) == {"primary": "#112233"} and wind.type.body.family == "Inter"
    assert out["theme"]["spacing"]["0-5"]["$value"] == {"value": 0.125, "unit": "rem"}


def test_names_that_dtcg_forbids_are_renamed_and_still_found() -> None:
    data = {
        "s": {
            "0.5": {"value": "2px", "type": "spacing"},
            "0-5": {"value": "3px", "type": "spacing"},
            "1": {"value": "{s.0.5} * 2", "type": "spacing"},
            "{x}": {"value": "{s.0.5}", "type": "spacing"},
        }
    }
    _, out = read(data)
    assert out["s"]["0-5"]["$value"] == {"value": 2, "unit": "px"} and out["s"]["0-5-2"]["$value"]["value"] == 3
    assert out["s"]["1"]["$value"]["value"] == 4 and out["s"]["-x-"]["$value"] == "{s.0-5}"


def test_a_token_that_holds_tokens_becomes_a_group_with_a_root() -> None:
    data = {"c": {"primary": {"value": "#f00", "type": "color", "hover": {"value": "{c.primary}", "type": "color"}}}}
    kit, out = read(data)
    assert kit.hex("primary") == "#ff0000"
    assert out["c"]["primary"]["hover"]["$value"] == {"$ref": "#/c/primary/$root"}


@pytest.mark.parametrize(
    "data",
    [
        {"c": {"background": {"value": {"light": "#fefefe", "dark": "#000"}, "type": "color"}}},
        {"c": {"background": {"modes": {"Dark": "#000", "Light": "#fefefe"}, "type": "color"}, "x": {"value": "#000"}}},
        {"c": {"background": {"$type": "color", "$value": {"dark": "#000000", "light": "#fefefe"}}}},
        {"c": {"background": {"$type": "color", "$value": "#fefefe", "$extensions": {"mode": {"dark": "#000"}}}}},
        {
            "dark": {"background": {"$type": "color", "$value": "#000"}},
            "light": {"background": {"$type": "color", "$value": "#fefefe"}},
        },
        {
            "acme-dark": {"background": {"value": "#000", "type": "color"}},
            "acme-light": {"background": {"value": "#fefefe", "type": "color"}},
        },
    ],
)
def test_of_modes_the_light_one_is_taken_and_said(data: Any) -> None:
    assert colors(read(data)[0]) == {"background": "#fefefe"}
    assert "mode" in notes_of(data)


def test_what_is_no_token_file_says_what_was_expected() -> None:
    for data in ({"hello": "world"}, {"a": {"b": [1]}}, [], 3, {"version": "1", "resolutionOrder": []}):
        with pytest.raises(BadInput) as caught:
            kit_from_tokens(data, "t.json")  # type: ignore[arg-type]
        assert caught.value.hint


# ---------------------------------------------------------------------------------------------- JSON5


def test_json5_is_read() -> None:
    text = b"""// a comment
    {color: {primary: {value: '#e20074', type: "color",}, /* and */ 'text': {value: '#000', type: 'color'}}, }"""
    assert colors(kit_from_tokens(parse_tokens(text, "t.json5"), "t")[0]) == {"primary": "#e20074", "text": "#000000"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": 1,\n "b": }', "line 2, column 7"),
        ('{"a": 1,\n "b" 2}', "line 2, column 6"),
        ("{a: 1,\n // c\n b: ,}", "line 3, column"),
        ("", "line 1, column 1"),
        ("{a: 'x", "line 1, column"),
    ],
)
def test_what_is_wrong_in_the_text_is_told_by_line(text: str, place: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_tokens(text.encode(), "t.json")
    assert place in str(caught.value)


def test_hostile_json5_ends_quickly() -> None:
    start = time.monotonic()
    hostile = [
        "{a:" * 100_000,
        "[" * 100_000,
        "/*" * 100_000,
        "{a:NaN}",
        "{a:-Infinity}",
        "{a:0x" + "f" * 1_000_000 + "}",
    ]
    hostile += [
        "{a:'" + "\\u0041" * 100_000,
        "{a:1}" + " " * 1_000_000 + "x",
        "{a:1e999,}",
        '{"a":1e999}',
        "{a:'\\ud800'}",
    ]
    for text in hostile:
        with pytest.raises(BadInput):
            parse_tokens(text.encode(), "t.json5")
    assert time.monotonic() - start < 5


# ---------------------------------------------------------------------------------------------- hostile trees


def test_bombs_of_other_tools_end_quickly() -> None:
    start = time.monotonic()
    doubling: dict[str, Any] = {
        f"t{n}": {"value": f"{{t{n - 1}}} {{t{n - 1}}}", "type": "color"} for n in range(1, 300)
    }
    doubling["t0"] = {"value": "x" * 100, "type": "color"}
    chain = {f"t{n}": {"value": f"{{t{n + 1}}} * 2", "type": "spacing"} for n in range(2000)}
    circle = {"a": {"value": "{b} + 1", "type": "spacing"}, "b": {"value": "{a}", "type": "spacing"}}
    lists: dict[str, Any] = {"t0": {"value": [{"x": 1}], "type": "boxShadow"}}
    for n in range(1, 60):
        lists[f"t{n}"] = {"value": [f"{{t{n - 1}}}"] * 20, "type": "boxShadow"}
    pointers: dict[str, Any] = {"t0": {"$value": ["x"], "$type": "color"}}
    for n in range(1, 40):
        pointers[f"t{n}"] = {"$type": "color", "$value": [{"$ref": f"#/t{n - 1}/$value"}] * 10}
    many = {f"k{n}": "#ffffff" for n in range(4_000)}
    sets = {f"s{n}": {"c": {"value": "{c}", "type": "color"}} for n in range(3000)}
    same = {
        "a.b": {"c": {"value": 1}},
        "a": {"b.c": {"value": 2}, "b": {"c": {"value": 3}}},
        "a.b.c": {"value": "{a.b.c}"},
    }
    bombs: list[dict[str, Any]] = [doubling, chain, circle, lists, pointers, many, sets, same]
    for bomb in bombs:
        try:
            kit, _ = kit_from_tokens(bomb, "t.json")
            assert problems(tokens_from_kit(kit, bomb)) == ()
        except BadInput as error:
            assert str(error).startswith("t.json")
    assert time.monotonic() - start < 30


_NAMES = st.sampled_from(
    [
        *(
            "value",
            "type",
            "$value",
            "$type",
            "$ref",
            "$extends",
            "$extensions",
            "$root",
            "$themes",
            "$metadata",
            "modes",
        ),
        *(
            "light",
            "dark",
            "primary",
            "text",
            "a",
            "b.c",
            "{d}",
            "",
            "font",
            "colors",
            "studio.tokens",
            "modify",
            "space",
        ),
        *(
            "fontFamily",
            "fontWeight",
            "lineHeight",
            "color",
            "x",
            "blur",
            "originals",
            OURS,
            "selectedTokenSets",
            "group",
        ),
    ]
)
_LEAVES = st.one_of(
    st.sampled_from(
        [
            *(
                "#ff0000",
                "#0000001a",
                "{a}",
                "{primary}",
                "{a.b.c} * 2",
                "rgba({a}, 0.5)",
                "16px",
                "1.5rem",
                "50%",
                "-2%",
            ),
            *(
                "color",
                "spacing",
                "typography",
                "boxShadow",
                "fontFamilies",
                "lineHeights",
                "opacity",
                "lighten",
                "lch",
            ),
            *(
                "Bold",
                "Inter, serif",
                "red",
                "hsl(370 50% 50%)",
                "color(display-p3 0 1 0)",
                "200ms",
                "#/a/$value",
                "enabled",
            ),
        ]
    ),
    st.integers(-3, 2000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    st.text(max_size=4).filter(str.isprintable),
)
_TREES = st.dictionaries(
    _NAMES,
    st.recursive(
        _LEAVES,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_NAMES, inner, max_size=5)),
        max_leaves=24,
    ),
    max_size=5,
)


@settings(max_examples=500, deadline=None)
@given(_TREES)
def test_any_tree_is_a_kit_or_says_why(data: dict[str, Any]) -> None:
    try:
        kit, _ = kit_from_tokens(data, "t.json")
    except BadInput as error:
        assert str(error).startswith("t.json")
        return
    out = tokens_from_kit(kit, data)
    assert problems(out) == ()
    assert kit_from_tokens(json.loads(json.dumps(out)), "t.json")[0] == kit


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(["", "$"]))
def test_a_real_like_file_with_a_fault_in_it(data: st.DataObject, dollar: str) -> None:
    tree: Any = studio(dollar)
    node: Any = tree
    for _ in range(data.draw(st.integers(0, 3))):
        children = [key for key, child in node.items() if isinstance(child, dict)]
        if not children:
            break
        node = node[data.draw(st.sampled_from(children))]
    for _ in range(data.draw(st.integers(1, 3))):
        key = data.draw(st.one_of(st.sampled_from(sorted(node)), _NAMES) if node else _NAMES)
        node[key] = data.draw(st.one_of(_LEAVES, _TREES))
    try:
        kit, _ = kit_from_tokens(tree, "t.json")
    except BadInput as error:
        assert str(error).startswith("t.json")
        return
    out = tokens_from_kit(kit, tree)
    assert problems(out) == ()
    assert kit_from_tokens(json.loads(json.dumps(out)), "t.json")[0] == kit


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789+-*/()., pxremabsground%#", max_size=30))
def test_any_text_is_a_sum_a_colour_or_neither(text: str) -> None:
    for reader in (worked_out, read_css_color):
        try:
            reader(text)
        except ValueError:
            continue


# ---------------------------------------------------------------------------------------------- real files


@real
def test_a_real_tokens_studio_export() -> None:
    path = DATA / "telekom_all.tokens-studio.json"
    data = parse_tokens(path.read_bytes(), path.name)
    kit, out = read(data)
    assert kit.hex("primary") == "#e20074"
    assert kit.hex("background") == "#ffffff" and contrast_hex(kit.hex("text"), "#ffffff") > 15
    assert all("." not in swatch.source or ".Dark" not in swatch.source for swatch in kit.palette)
    assert {swatch.role for swatch in kit.palette} == {"primary", "background", "surface", "text"}
    assert kit.type.heading.family == kit.type.body.family == "TeleNeo"
    assert kit.type.heading.weight > kit.type.body.weight
    assert "mode Light is taken" in notes_of(data)
    tokens = json.dumps(out).count('"$type"')
    kept = len(out["$extensions"][OURS]["originals"])
    assert tokens > 815 and kept < 200, (tokens, kept)
    # 4 px × 1.25 steps: a sum of references across the file.
    assert out["Core"]["Dimension"]["2000"]["$value"]["unit"] == "px"
    assert out["Light"]["Background"]["Backdrop"]["$value"]["alpha"] == 0.5


@real
def test_a_real_json5_file() -> None:
    path = DATA / "telekom_core_color.json5"
    kit, out = read(parse_tokens(path.read_bytes(), path.name))
    assert kit.hex("primary") == out["core"]["color"]["brand"]["standard"]["$value"]["hex"] == "#5300ff"
    assert (kit.hex("background"), kit.hex("text")) == ("#ffffff", "#000000")
    assert out["core"]["color"]["green"]["tint"]["$description"] == "green.500 + #fff 80%"
