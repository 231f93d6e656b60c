"""Briefs from TOML and CSV: what designers really save, and what nobody should."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.brief.rows import Rows, read_brief, read_rows
from studio.errors import BadInput
from studio.pixels import read_picture
from studio.presets import load_formats, pick_formats

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo"


def rows(tmp_path: Path, data: bytes | str, name: str = "ads.csv") -> Rows:
    (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_rows(tmp_path / name)


def brief(tmp_path: Path, text: str | bytes) -> Path:
    (tmp_path / "brief.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return tmp_path / "brief.toml"


# ---------------------------------------------------------------------------------------------- brief.toml


def test_the_demo_brief() -> None:
    read = read_brief(DEMO / "brief.toml")
    assert len(read.formats) >= 12 and len(read.headlines) == 2 and read.count == 2
    formats = pick_formats(load_formats(), read.formats)
    for chosen in formats:
        for field, limit in chosen.text_limits.items():
            texts = read.headlines if field == "headline" else (getattr(read, field),)
            assert all(len(text) <= limit for text in texts), (chosen.id, field)
    assert read.product and read_picture(DEMO / read.product)[..., 3].min() == 255  # a photo, as a designer gets it
    assert (DEMO / read.product).stat().st_size < 400_000


def test_friendly_forms(tmp_path: Path) -> None:
    text = 'headline = "One"\nheadlines = ["Two", "Three"]\ncta = "Buy"\nformats = "Meta-Square, 300x250 | a4"\n'
    read = read_brief(brief(tmp_path, text))
    assert sorted(read.headlines) == ["One", "Three", "Two"]
    assert read.action == "Buy" and read.formats == ("meta-square", "300x250", "a4")
    assert read_brief(brief(tmp_path, b'\xef\xbb\xbfheadline = "A, b"\r\n')).headlines == ("A, b",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("headline = ", ("brief.toml", "line 1")),
        ('body = "a"\nheadlin = "x"\n', ("line 2", "headlin", "headline")),
        ('body = "a"\nbody = "b"\n', ("line 2",)),
        ('action = "a"\ncta = "b"\n', ("line 2", "second time")),
        ("count = 0\n", ("line 1", "count")),
        ('\ncount = "many"\n', ("line 2", "count")),
        ("pitch_deg = nan\n", ("line 1", "pitch_deg")),
        ("version = 2\n", ("line 1", "version")),
        ("headlines = [1]\n", ("line 1", "headlines")),
        ("formats = [[]]\n", ("line 1", "formats")),
        ("[body]\nx = 1\n", ("line 1", "body")),
        (b"\xff\xfe\x00", ("UTF-8",)),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str | bytes, words: tuple[str, ...]) -> None:
    with pytest.raises(BadInput) as caught:
        read_brief(brief(tmp_path, text))
    said = f"{caught.value} {caught.value.hint}"
    assert all(word in said for word in words), said


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='abcount headline=["]\n,1.{}#\\x00é', max_size=80))
def test_any_toml_reads_or_says_why(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    try:
        read_brief(brief(tmp_path_factory.getbasetemp(), text))
    except BadInput as error:
        assert "brief.toml" in str(error)


# ---------------------------------------------------------------------------------------------- CSV


TABLE = (
    "Headline,CTA,Image,Formats,Price\nSun’s up,Shop,a.png,meta-square|300x250,€24\nLate light,Buy,b.png,meta-story,\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_way_a_table_is_saved(tmp_path: Path, encoding: str, mark: str, end: str) -> None:
    read = rows(tmp_path, TABLE.replace(",", mark).replace("\n", end).encode(encoding))
    assert not read.errors
    first, second = read.briefs
    assert first.headlines == ("Sun’s up",) and first.price == "€24" and first.product == "a.png"
    assert first.formats == ("meta-square", "300x250") and second.formats == ("meta-story",)
    assert read.columns == {
        "Headline": "headlines",
        "CTA": "action",
        "Image": "product",
        "Formats": "formats",
        "Price": "price",
    }
    assert read.lines == (2, 3)


def test_lines_are_physical(tmp_path: Path) -> None:
    text = 'headline,body,count\n"a","one\ntwo\nthree",2\n\n"b",x,many\n"c",y,3\n"d",z,1,extra\n"e",,\n'
    read = rows(tmp_path, text)
    assert [item.headlines[0] for item in read.briefs] == ["a", "c", "e"]
    assert read.briefs[0].body == "one\ntwo\nthree"
    assert read.lines == (2, 7, 9)
    assert [(error.line, error.message.split(":")[0]) for error in read.errors] == [
        (6, "count"),
        (8, "4 cells under 3 columns"),
    ]


def test_excels_own_first_line(tmp_path: Path) -> None:
    read = rows(tmp_path, "sep=;\nheadline;count\na;0\nb;2\n")
    assert read.briefs[0].count == 2 and read.lines == (4,) and read.errors[0].line == 3


def test_an_open_quote_is_said_where_it_opens(tmp_path: Path) -> None:
    read = rows(tmp_path, 'headline,body\na,b\nc,"never closed\nd,e\n')
    assert len(read.briefs) == 1
    assert read.errors[0].line == 3 and "never closed" in read.errors[0].message


def test_a_broken_quote_costs_its_row_only(tmp_path: Path) -> None:
    read = rows(tmp_path, 'headline,body\n"a"x,b\nc,d\n')
    assert [item.headlines for item in read.briefs] == [("c",)]
    assert read.errors[0].line == 2


def test_several_headlines_and_unknown_columns(tmp_path: Path) -> None:
    read = rows(tmp_path, "Name,Headline 1,Headline 2,Final URL,Description,Body\nÉté 24,A,B,http://x,one,two\n")
    assert read.briefs[0].headlines == ("A", "B") and read.briefs[0].name == "ete-24"
    assert read.briefs[0].body == "one"
    assert read.ignored == ("Final URL", "Body")


def test_names_are_made_where_there_are_none(tmp_path: Path) -> None:
    read = rows(tmp_path, "headline,name\na,\nb,!!!\n", "Spring Ads.csv")
    assert [item.name for item in read.briefs] == ["spring-ads-2", "spring-ads-3"]


def test_rows_that_say_nothing(tmp_path: Path) -> None:
    read = rows(tmp_path, "headline,cta\n,Buy\n , \nx,Buy\n")
    assert len(read.briefs) == 1 and read.errors[0].line == 2


@pytest.mark.parametrize(
    ("data", "word"),
    [(b"", "empty"), (b"\n\n", "empty"), (b"a,b,c\n1,2,3\n", "no column"), (b"\xff\xfe\x00", "not text")],
)
def test_what_is_no_table(tmp_path: Path, data: bytes, word: str) -> None:
    with pytest.raises(BadInput, match=word):
        rows(tmp_path, data)


def test_hostile_cells(tmp_path: Path) -> None:
    read = rows(
        tmp_path, b"headline,count,seed,look\na\0b,1,1,x\n" + b"c" * 200_000 + b",1,1,x\nd,9e9,1,x\ne,1,-1,x\nf,1,1,x\n"
    )
    assert [item.headlines for item in read.briefs] == [("f",)]
    assert [error.line for error in read.errors] == [2, 3, 4, 5]
    assert all(error.message and "\n" not in error.message for error in read.errors)


def test_size_limits(tmp_path: Path) -> None:
    begun = time.perf_counter()
    read = rows(tmp_path, "headline\n" + "a\n" * 6000)
    assert len(read.briefs) == 5000 and "More than" in read.errors[0].message
    wide = rows(tmp_path, "headline\n" + "," * 5000 + "\nb\n")
    assert len(wide.briefs) == 1 and wide.errors[0].line == 2
    with pytest.raises(BadInput, match="larger"):
        rows(tmp_path, b"headline\n" + b"a" * 10_000_001)
    assert time.perf_counter() - begun < 5


@settings(max_examples=250, deadline=None)
@given(st.one_of(st.binary(max_size=120), st.text(alphabet='headline,;"\n\r\t\0é|1', max_size=80).map(str.encode)))
def test_any_bytes_read_or_say_why(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    for content in (data, b"headline,count\n" + data):
        try:
            read = rows(tmp_path_factory.getbasetemp(), content)
        except BadInput as error:
            assert "ads.csv" in str(error)
            continue
        lines = [*read.lines, *(error.line for error in read.errors)]
        assert len(set(lines)) == len(lines) and all(line >= 1 for line in lines)


def test_a_row_names_loras_and_what_to_avoid(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('headline,lora,negative_prompt\nHello,"shop/glow; brand, old","crowds, cars"\n')
    (brief,) = read_rows(path).briefs
    assert [one.file for one in brief.adapters] == ["shop/glow", "brand, old"]
    assert brief.avoid == "crowds, cars"
