"""Formats are data: every row of the convention tables, and a new table is a new format."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.errors import BadInput
from studio.presets import load_formats, pick_formats, presets_folder, read_toml

FORMATS = load_formats()


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_there_are_enough_and_ids_are_unique() -> None:
    assert len(FORMATS) >= 40
    assert all(key == value.id for key, value in FORMATS.items())
    assert {value.channel for value in FORMATS.values()} >= {
        *("Meta", "Instagram", "LinkedIn", "X", "Pinterest", "YouTube", "Google", "Display", "Interstitial", "Print"),
    }


@pytest.mark.parametrize(
    ("name", "size", "limit"),
    [
        ("meta-square", (1080, 1080), 30_000_000),
        ("meta-portrait", (1080, 1350), 30_000_000),
        ("meta-story", (1080, 1920), 30_000_000),
        ("linkedin-link", (1200, 628), 5_000_000),
        ("pinterest-pin", (1000, 1500), 20_000_000),
        ("google-portrait", (960, 1200), 5_120_000),
        ("display-300x250", (300, 250), 150_000),
        ("display-728x90", (728, 90), 150_000),
        ("display-160x600", (160, 600), 150_000),
        ("display-320x50", (320, 50), 50_000),
        ("print-a3", (3579, 5031), None),
        ("print-a4", (2551, 3579), None),
        ("print-a5", (1819, 2551), None),
        ("print-a6", (1311, 1819), None),
        ("print-dl", (1240, 2551), None),
    ],
)
def test_sizes_and_limits_are_the_conventions(name: str, size: tuple[int, int], limit: int | None) -> None:
    assert FORMATS[name].delivered_px == size
    assert FORMATS[name].max_bytes == limit


def test_safe_zones() -> None:
    story, reel, google = FORMATS["meta-story"].safe, FORMATS["meta-reel"].safe, FORMATS["google-square"].safe
    assert (story.top_fraction, story.bottom_fraction) == (0.14, 0.20)
    assert (reel.top_fraction, reel.bottom_fraction, reel.left_fraction) == (0.14, 0.35, 0.06)
    assert {google.top_fraction, google.right_fraction, google.bottom_fraction, google.left_fraction} == {0.1}
    for name, read in FORMATS.items():
        if read.width_mm and read.height_mm and name != "print-label":
            assert read.safe.left_fraction * read.width_mm >= 3.99, name
            assert read.safe.top_fraction * read.height_mm >= 3.99, name
            assert read.bleed_mm >= 3.0


def test_type_stays_legible() -> None:
    for read in FORMATS.values():
        if read.channel == "Print":
            assert read.min_text_px * 72 / read.dpi >= 6.0 - 1e-9, read.id
        else:
            assert read.min_text_px >= 9, read.id


def test_the_first_file_type_suits_the_channel() -> None:
    for read in FORMATS.values():
        lossless = read.channel in ("Print", "Proof") or "logo" in read.id
        assert read.files[0] == ("png" if lossless else "jpg")


def test_a_new_table_is_a_new_format(tmp_path: Path) -> None:
    path = written(tmp_path, '[shelf-talker]\nname = "Shelf talker"\nwidth_mm = 80\nheight_mm = 120\nbleed_mm = 2\n')
    formats = load_formats(path)
    assert formats["shelf-talker"].delivered_px == (992, 1465)
    assert len(formats) == len(FORMATS) + 1


def test_an_own_die_replaces_ours(tmp_path: Path) -> None:
    path = written(tmp_path, '[print-label]\nname = "Jar"\nchannel = "Print"\nwidth_mm = 45\nheight_mm = 150\n')
    formats = load_formats(path)
    assert formats["print-label"].width_mm == 45
    assert len(formats) == len(FORMATS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[x]\nname="a"\nwidht_px=1\n', ("own.toml [x]", "widht_px", "width_px")),
        ('[x]\nname="a"\nwidth_px=10\nheight_px="tall"\n', ("own.toml [x]", "height_px")),
        ('[x]\nname="a"\nwidth_px=100\n', ("own.toml [x]", "height_px")),
        ('[x]\nname="a"\nwidth_px=0\nheight_px=5\n', ("own.toml [x]", "width_px")),
        ('[x]\nname="a"\nwidth_px=99\nheight_px=99\nsafe={topp_fraction=0.1}\n', ("[x] safe", "top_fraction")),
        ('[x]\nname="a"\nwidth_px=99\nheight_px=99\nsafe={top_fraction=2}\n', ("[x]", "top_fraction")),
        ('[x]\nname="a"\nwidth_px=99\nheight_px=99\ntext_limits={headlin=2}\n', ("[x] text_limits", "headline")),
        ('[x]\nname="a"\nwidth_px=99\nheight_px=99\nfiles=["bmp"]\n', ("[x]", "files")),
        ('[x]\nname="a"\nwidth_px=99\nheight_px=99\nfiles=[]\n', ("[x]", "files")),
        ('[x]\nname="a"\nwidth_px=99\nheight_px=99\nid="y"\n', ("[x]", "id")),
        ('[X y]\nname="a"\n', ("own.toml", "line 1")),
        ('["X y"]\nname="a"\n', ("own.toml", "lower-case")),
        ("x = 3\n", ("own.toml [x]", "table")),
        ("[x\n", ("own.toml", "line 1")),
        ('[x]\nname="a"\n[x]\nname="b"\n', ("own.toml", "line")),
    ],
)
def test_typos_are_named(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(BadInput) as caught:
        load_formats(written(tmp_path, text))
    said = f"{caught.value} {caught.value.hint}"
    assert all(word in said for word in words), said


def test_unknown_ids_get_a_suggestion() -> None:
    with pytest.raises(BadInput) as caught:
        pick_formats(FORMATS, ("meta-squar",))
    assert "meta-square" in caught.value.hint
    assert [read.id for read in pick_formats(FORMATS, ("300x250", "meta-story", "300x250"))] == [
        "display-300x250",
        "meta-story",
    ]


def test_the_folder_is_there() -> None:
    assert (presets_folder() / "formats.toml").is_file()


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(alphabet='[]x="\n.{}1,-:T#\\u', max_size=120).map(str.encode)))
def test_junk_toml_never_traces_back(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "junk.toml"
    path.write_bytes(data)
    for reader in (read_toml, load_formats):
        try:
            reader(path)
        except BadInput as error:
            assert str(error)


def test_deep_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        read_toml(written(tmp_path, "a = " + "[" * 20_000))
