"""The shelf of kits: listed quickly, changed by one at a time, copied, taken away and brought back."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from studio.brand.added import with_fonts, with_logos
from studio.brand.adopt import FOUND_FILE
from studio.brand.fonts import font_path
from studio.brand.kit import TOKENS_FILE, copy_kit, load_kit
from studio.errors import BadInput
from studio.model import BrandKit, Swatch
from studio.shelf import Shelf

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo" / "brand"
HOSTILE_IDS = [
    "",
    "..",
    "../demo",
    "demo/..",
    "/demo",
    "DEMO",
    "a" * 70,
    "f" * 64,
    ".removed-demo-00000000",
    "demo\0",
    "con:",
]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    copy_kit(DEMO, tmp_path / "kits" / "demo")
    return Shelf(tmp_path / "kits")


def renamed(kit: BrandKit, name: str) -> BrandKit:
    return kit.model_copy(update={"name": name})


@pytest.mark.parametrize("kit_id", HOSTILE_IDS)
def test_no_id_leads_out_of_the_folder(shelf: Shelf, kit_id: str) -> None:
    for verb in (shelf.folder, shelf.load, shelf.duplicate, shelf.remove):
        with pytest.raises(BadInput, match="no kit called"):
            verb(kit_id)


@pytest.mark.parametrize(
    "token", ["", "demo", "../demo", ".removed-demo", ".removed-../demo-00000000", ".removed-demo-00000000/.."]
)
def test_only_what_was_removed_is_brought_back(shelf: Shelf, token: str) -> None:
    with pytest.raises(BadInput, match="no longer there"):
        shelf.bring_back(token)


def test_snapshots_hidden_and_broken_folders_are_not_listed(shelf: Shelf) -> None:
    copy_kit(DEMO, shelf.path / ("0" * 64))
    copy_kit(DEMO, shelf.path / ".lockup-half.part")
    (shelf.path / "broken").mkdir()
    (shelf.path / "broken" / TOKENS_FILE).write_text("{")
    assert [one.id for one in shelf.listed()] == ["demo"]


def test_thirty_kits_are_listed_in_a_blink(shelf: Shelf) -> None:
    for number in range(29):
        shutil.copytree(shelf.path / "demo", shelf.path / f"demo-{number}")
    assert len(shelf.listed()) == 30
    started = time.perf_counter()
    assert len(shelf.listed()) == 30
    assert time.perf_counter() - started < 0.1


@pytest.mark.parametrize("changed", [TOKENS_FILE, "logos/solbrae-on-light.svg"])
def test_a_kit_that_was_changed_by_another_program_is_read_anew(shelf: Shelf, changed: str) -> None:
    before = shelf.load("demo")
    assert shelf.load("demo") is before
    path = shelf.path / "demo" / changed
    path.write_bytes(path.read_bytes().replace(b"#", b"# ", 0) + b"\n")
    os.utime(path, (1, 1))
    assert shelf.load("demo") is not before


def test_a_change_is_written_and_an_overtaken_one_is_not(shelf: Shelf) -> None:
    first = shelf.load("demo")
    second = shelf.save("demo", first.digest, renamed(first.kit, "Second"))
    assert second.digest != first.digest and load_kit(shelf.path / "demo").kit.name == "Second"
    with pytest.raises(BadInput, match="changed elsewhere"):
        shelf.save("demo", first.digest, renamed(first.kit, "Lost"))
    assert shelf.load("demo").kit.name == "Second"


def test_a_kit_that_cannot_be_used_is_not_written(shelf: Shelf) -> None:
    kit = shelf.load("demo")
    before = (shelf.path / "demo" / TOKENS_FILE).read_bytes()
    logos = (kit.kit.logos[0].model_copy(update={"file": "logos/nowhere.svg"}),)
    many = tuple(Swatch(role="accent", hex=f"#0000{number:02x}") for number in range(65))
    wrong = [{"logos": logos}, {"logos": (logos[0].model_copy(update={"file": "../../x.svg"}),)}, {"palette": many},
             {"name": "  "}, {"name": "x" * 201}, {"tagline": "x" * 300_000}]  # fmt: skip
    for fields in wrong:
        with pytest.raises(BadInput):
            shelf.save("demo", kit.digest, kit.kit.model_copy(update=fields))
        assert (shelf.path / "demo" / TOKENS_FILE).read_bytes() == before
    assert shelf.load("demo").digest == kit.digest


def test_a_copy_has_its_own_name_and_keeps_what_was_read(shelf: Shelf) -> None:
    (shelf.path / "demo" / FOUND_FILE).write_text('{"site": "x"}')
    copy = shelf.duplicate("demo")
    assert copy == "solbrae-copy" and shelf.load(copy).kit.name == "Solbrae copy"
    assert (shelf.path / copy / FOUND_FILE).read_text() == '{"site": "x"}'
    assert shelf.duplicate("demo") == "solbrae-copy-2"
    assert shelf.load("demo").kit.name == "Solbrae"


def test_what_is_deleted_comes_back_whole(shelf: Shelf) -> None:
    digest = shelf.load("demo").digest
    token = shelf.remove("demo")
    assert shelf.listed() == []
    with pytest.raises(BadInput):
        shelf.load("demo")
    copy_kit(DEMO, shelf.path / "demo")
    assert shelf.bring_back(token) == "demo-2" and shelf.load("demo-2").digest == digest
    with pytest.raises(BadInput):
        shelf.bring_back(token)


def test_after_a_month_it_is_really_gone(shelf: Shelf) -> None:
    token = shelf.remove("demo")
    long_ago = time.time() - 40 * 86_400
    os.utime(shelf.path / token, (long_ago, long_ago))
    copy_kit(DEMO, shelf.path / "other")
    shelf.remove("other")
    assert not (shelf.path / token).exists()


def test_a_blank_kit_can_be_used(shelf: Shelf) -> None:
    kit = shelf.load(shelf.blank("New brand"))
    assert kit.kit.name == "New brand" and kit.fonts.face("heading").family
    assert shelf.blank("New brand") == "new-brand-2"


# ------------------------------------------------------------------------------------------------ files given to a kit


def test_a_logo_is_kept_safe_under_a_free_name(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "solbrae-on-light.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 10" onload="alert(1)"><script>alert(2)</script>'
        '<style>@import url(http://127.0.0.1/x.css)</style><rect width="40" height="10" fill="#ffffff"/></svg>'
    )
    kit = shelf.load("demo")
    added = with_logos(kit.kit, kit.folder, [tmp_path / "solbrae-on-light.svg"])
    assert [logo.file for logo in added.logos[-1:]] == ["logos/solbrae-on-light-2.svg"]
    assert added.logos[-1].on == "dark"  # white ink
    text = (kit.folder / added.logos[-1].file).read_text()
    assert "script" not in text and "onload" not in text and "127.0.0.1" not in text
    assert len(shelf.save("demo", kit.digest, added).logos) == 4


@pytest.mark.parametrize(
    ("name", "data"),
    [("x.svg", b"<svg"), ("x.png", b"\x89PNG\r\n"), ("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")],
)
def test_what_is_no_logo_leaves_nothing_behind(shelf: Shelf, tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    kit = shelf.load("demo")
    before = sorted(path.name for path in (kit.folder / "logos").iterdir())
    with pytest.raises(BadInput):
        with_logos(kit.kit, kit.folder, [tmp_path / name])
    assert sorted(path.name for path in (kit.folder / "logos").iterdir()) == before


def test_font_files_take_the_familys_place_or_join_it(shelf: Shelf) -> None:
    kit = shelf.load("demo")
    regular, bold = (
        font_path(f"package:font_hanken_grotesk/files/HankenGrotesk-{weight}.otf", DEMO)
        for weight in ("Regular", "Bold")
    )
    first = with_fonts(kit.kit, kit.folder, "heading", [regular])
    assert first.type.heading.family == "Hanken Grotesk" and [font.weight for font in first.type.heading.files] == [400]
    assert first.type.heading.weight == 400 and first.type.body == kit.kit.type.body
    both = with_fonts(first, kit.folder, "heading", [bold])
    assert [font.weight for font in both.type.heading.files] == [400, 700]
    assert shelf.save("demo", kit.digest, both).fonts.face("heading").family == "Hanken Grotesk"


def test_what_is_no_font_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    kit = shelf.load("demo")
    for data in (b"", b"OTTO" + b"\0" * 50, b"wOF2" + b"\xff" * 90):
        (tmp_path / "x.otf").write_bytes(data)
        with pytest.raises(BadInput):
            with_fonts(kit.kit, kit.folder, "body", [tmp_path / "x.otf"])
