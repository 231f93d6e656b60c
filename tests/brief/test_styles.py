"""Styles of other tools become looks: good rows load, bad ones are named by their line, the file is never touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.brief.prompt import applied, taken_out
from studio.brief.styles import looks_with, read_styles
from studio.errors import BadInput
from tests.samples import SAMPLES

HEAD = "name,prompt,negative_prompt\r\n"


def read(tmp_path: Path, data: str | bytes, name: str = "styles.csv", taken: tuple[str, ...] = ()):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    before = path.read_bytes()
    found = read_styles(path, ("arch", "night"), taken)
    assert path.read_bytes() == before
    return found


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_styles_file_is_read(tmp_path: Path, mark: bytes) -> None:
    looks, errors = read(
        tmp_path, mark + (HEAD + 'Film Noir,"{prompt}, high contrast, ""noir""",colour\r\nSoft,pastel,\r\n').encode()
    )
    assert not errors and list(looks) == ["film-noir", "soft"]
    noir = looks["film-noir"]
    assert (noir.name, noir.scene, noir.avoid) == ("Film Noir", '{prompt}, high contrast, "noir"', "colour")
    assert noir.sets == ("arch", "night")


def test_one_old_byte_spoils_no_other_line(tmp_path: Path) -> None:
    looks, errors = read(tmp_path, HEAD.encode() + "Köln,dämmrig,\r\n".encode() + b"Caf\xe9,warm \x96 soft,\r\n")
    assert not errors
    assert [(one.name, one.scene) for one in looks.values()] == [("Köln", "dämmrig"), ("Café", "warm – soft")]


def test_bad_rows_are_named_and_the_rest_loads(tmp_path: Path) -> None:
    rows = [
        HEAD,
        "Good,one,two\r\n",  # 2
        ",no name,\r\n",  # 3
        "Good,again,\r\n",  # 4
        '"Over two\r\nlines","a\r\nb",\r\n',  # 5 and 6, and 7
        "[ Heading ],,\r\n",  # 8
        "Too,many,cells,here\r\n",  # 9
        "Twice,{prompt} and {prompt},\r\n",  # 10
        'Broken,"a" b,\r\n',  # 11
        "Last,z,\r\n",
    ]
    looks, errors = read(tmp_path, "".join(rows))
    assert [look.scene for look in looks.values()] == ["one", "a\r\nb", "{prompt} and {prompt}", "z"]
    assert [error.line for error in errors] == [3, 4, 9, 11]
    assert all(error.message and error.hint for error in errors)


def test_a_missing_negative_column_and_invokes_names(tmp_path: Path) -> None:
    looks, errors = read(tmp_path, "name,prompt\nPlain,simple\n")
    assert not errors and looks["plain"].avoid == ""
    looks, errors = read(tmp_path, "name,positive_prompt,negative_prompt\nPlain,{prompt} lit,dark\n")
    assert not errors and (looks["plain"].scene, looks["plain"].avoid) == ("{prompt} lit", "dark")
    entries = [
        {"name": "J", "positive_prompt": "p", "negative_prompt": "n"},
        {"prompt": "nameless"},
        7,
        {"name": "K", "prompt": 3},
    ]
    looks, errors = read(tmp_path, json.dumps(entries), "styles.json")
    assert [(one.scene, one.avoid) for one in looks.values()] == [("p", "n")]
    assert [error.line for error in errors] == [2, 3]


def test_ids_are_free_whatever_the_names(tmp_path: Path) -> None:
    looks, errors = read(tmp_path, HEAD + "Bright,a,\r\nbright,b,\r\n日本,c,\r\n", taken=("bright",))
    assert not errors and list(looks) == ["bright-2", "bright-3", "style-4"]


@pytest.mark.parametrize(
    ("data", "name"),
    [("", "s.csv"), ("a,b\n1,2\n", "s.csv"), ("name\nx\n", "s.csv"), ("{}", "s.json"), ("[" * 100_000, "s.json")],
)
def test_what_holds_no_styles_is_refused(tmp_path: Path, data: str, name: str) -> None:
    with pytest.raises(BadInput, match=name):
        read(tmp_path, data, name)


def test_a_file_in_the_folder_that_is_none_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("whatever\n1\n")
    (tmp_path / "styles.csv").write_text(HEAD + "A,b,\n,c,\n")
    files = sorted(tmp_path.glob("*.csv"))
    looks, said = looks_with({}, ("arch",), files)
    assert list(looks) == ["a"]
    assert len(said) == 2 and "notes.csv" in said[0] and "styles.csv line 3" in said[1]
    with pytest.raises(BadInput, match=r"notes\.csv"):
        looks_with({}, ("arch",), [], tmp_path / "notes.csv")


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b"name,prompt\n" + data)
    try:
        looks, _ = read_styles(path, ("arch",))
    except BadInput:
        return
    assert all(look.scene or look.avoid for look in looks.values())


WORDS = st.text(st.characters(exclude_characters="{}\x85"), max_size=40).map(str.strip)
STYLES = st.one_of(
    WORDS, st.tuples(WORDS, WORDS).map("{prompt}".join), st.tuples(WORDS, WORDS, WORDS).map("{prompt}".join)
)


@given(STYLES, WORDS)
def test_applied_then_taken_out_gives_the_words_back(style: str, words: str) -> None:
    assert taken_out(style, applied(style, words)) == words


def test_taking_out_says_where_a_style_was_not_applied() -> None:
    assert taken_out("{prompt}, noir", "a door, pastel") is None
    assert taken_out("noir", "a door, pastel") is None
    assert taken_out("{prompt} and {prompt}", "a and b") is None


@pytest.mark.skipif(not (SAMPLES / "styles" / "photographic_styles.csv").is_file(), reason="no samples here")
def test_a_real_file_loads_whole() -> None:
    looks, errors = read_styles(SAMPLES / "styles" / "photographic_styles.csv", ("arch",))
    assert len(looks) >= 150 and not errors
    for look in looks.values():
        assert taken_out(look.scene, applied(look.scene, "a bottle on sand")) == "a bottle on sand"
