"""Presets: saved, used, carried to another workspace in one file; and what pretends to be one."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from studio.brand.kit import TOKENS_FILE, copy_kit
from studio.brief.draft import Draft
from studio.composition import Reference, SetEdits
from studio.desk.store import Store
from studio.errors import BadInput, DeskError
from studio.pixels import encode_png
from studio.preset import Presets
from studio.shelf import Shelf

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo" / "brand"
TOKENS = (DEMO / TOKENS_FILE).read_text("utf-8")
LOGOS = {f"kit/logos/{path.name}": path.read_bytes() for path in (DEMO / "logos").glob("solbrae-o*.svg")}
PRESET = {"version": 1, "name": "Elsewhere"}


class Desk:
    """One workspace."""

    def __init__(self, home: Path) -> None:
        self.store = Store(home)
        self.shelf = Shelf(home / "kits")
        self.presets = Presets(home / "presets", self.shelf, self.store)

    def files(self) -> list[str]:
        return sorted(
            str(path.relative_to(self.store.home))
            for path in self.store.home.rglob("*")
            if path.is_file() and "desk.sqlite" not in path.name
        )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path / "home")
    copy_kit(DEMO, opened.shelf.path / "demo")
    yield opened
    opened.store.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path / "other")
    yield opened
    opened.store.close()


def draft(desk: Desk, **fields: Any) -> Draft:
    picture = desk.store.put_blob(encode_png(np.full((8, 8, 3), 90, np.uint8)))
    mask = desk.store.put_blob(encode_png(np.full((8, 8, 3), 255, np.uint8)))
    return Draft(
        kit="demo", look="evening", sets=("arch",), layouts=("hero",), formats=("meta-square",), vary=("set",),
        set_edits=SetEdits(pitch_deg=20), references=(Reference(picture=picture, weight=0.9, mask=mask, name="sand"),),
        headlines=("Not kept",), **fields,
    )  # fmt: skip


def packed(tmp_path: Path, files: dict[str, Any]) -> Path:
    path = tmp_path / "given.lockup"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, json.dumps(data) if isinstance(data, dict) else data)
    return path


def test_a_preset_is_used_again_with_all_it_keeps(desk: Desk) -> None:
    saved = draft(desk)
    preset_id = desk.presets.save("Evening arch", saved)
    assert [(one.id, one.preset.name, one.kit.name) for one in desk.presets.listed()] == [
        ("evening-arch", "Evening arch", "Solbrae")
    ]
    fields, new = desk.presets.use(preset_id)
    used = Draft(headlines=("Mine",)).changed(fields)
    assert not new and used.kit == "demo" and used.headlines == ("Mine",)
    kept = ("look", "sets", "set_edits", "layouts", "references", "vary", "formats")
    assert {name: getattr(used, name) for name in kept} == {name: getattr(saved, name) for name in kept}


def test_its_kit_comes_back_as_it_was_saved(desk: Desk) -> None:
    preset_id = desk.presets.save("As it was", draft(desk))
    kit = desk.shelf.load("demo")
    desk.shelf.save("demo", kit.digest, kit.kit.model_copy(update={"tagline": "Another"}))
    fields, new = desk.presets.use(preset_id)
    assert new and fields["kit"] == "solbrae" and desk.shelf.load("solbrae").digest == kit.digest
    assert desk.presets.use(preset_id) == (fields, False)
    assert [path for path in desk.files() if ".part" in path] == []


def test_one_file_opens_in_another_workspace(desk: Desk, other: Desk) -> None:
    source = draft(desk)
    file = desk.presets.file(desk.presets.save("Evening arch", source))
    assert other.presets.take_in(file) == ("preset", "evening-arch")
    fields, new = other.presets.use("evening-arch")
    assert new and other.shelf.load(fields["kit"]).digest == desk.shelf.load("demo").digest
    for digest in (source.references[0].picture, str(source.references[0].mask)):
        assert other.store.get_blob(digest) == desk.store.get_blob(digest)
    assert other.presets.take_in(file) == ("preset", "evening-arch-2")


def test_a_kit_by_itself_goes_to_the_shelf(desk: Desk, other: Desk, tmp_path: Path) -> None:
    name, data = desk.presets.kit_file("demo")
    (tmp_path / name).write_bytes(data)
    assert name == "solbrae.lockup" and other.presets.take_in(tmp_path / name) == ("kit", "solbrae")
    assert other.shelf.load("solbrae").digest == desk.shelf.load("demo").digest and other.presets.listed() == []


def test_the_same_name_is_replaced_and_a_deleted_one_comes_back(desk: Desk) -> None:
    assert desk.presets.save("One", draft(desk)) == desk.presets.save("One", draft(desk, count=3)) == "one"
    token = desk.presets.remove("one")
    assert desk.presets.listed() == []
    assert desk.presets.bring_back(token) == "one" and len(desk.presets.listed()) == 1
    with pytest.raises(BadInput):
        desk.presets.bring_back(token)


def test_a_preset_without_a_kit_or_with_a_picture_that_is_gone_is_not_saved(desk: Desk) -> None:
    with pytest.raises(BadInput, match="no kit"):
        desk.presets.save("None", draft(desk).changed({"kit": ""}))
    gone = Reference(picture="0" * 64)
    with pytest.raises(DeskError):
        desk.presets.save("Gone", draft(desk).changed({"references": (gone,)}))
    by_path = Reference(picture="../../secret.png")
    with pytest.raises(BadInput):
        desk.presets.save("Path", draft(desk).changed({"references": (by_path,)}))
    assert desk.presets.listed() == []


@pytest.mark.parametrize("preset_id", ["", "..", "../kits/demo", "a/b", "A", ".removed-one-00000000", "one.lockup"])
def test_no_id_leads_out_of_the_folder(desk: Desk, preset_id: str) -> None:
    desk.presets.save("One", draft(desk))
    for verb in (desk.presets.file, desk.presets.use, desk.presets.remove):
        with pytest.raises(BadInput):
            verb(preset_id)
    with pytest.raises(BadInput):
        desk.presets.bring_back(preset_id)


# ------------------------------------------------------------------------------------------------ hostile files


def hostile_tokens(**extension: Any) -> str:
    tree = json.loads(TOKENS)
    tree["$extensions"]["studio.lockup"] |= extension
    return json.dumps(tree)


def reference(**fields: Any) -> dict[str, Any]:
    return {**PRESET, "references": [{"picture": "0" * 64, **fields}]}


HOSTILE: dict[str, dict[str, Any]] = {
    "nothing in it": {"readme.txt": "x"},
    "no kit": {"preset.json": PRESET},
    "not JSON": {"preset.json": "{", f"kit/{TOKENS_FILE}": TOKENS},
    "deep JSON": {"preset.json": "[" * 200_000, f"kit/{TOKENS_FILE}": TOKENS},
    "a list": {"preset.json": "[1]", f"kit/{TOKENS_FILE}": TOKENS},
    "a newer version": {"preset.json": {**PRESET, "version": 2}, f"kit/{TOKENS_FILE}": TOKENS},
    "a version that is true": {"preset.json": {**PRESET, "version": True}, f"kit/{TOKENS_FILE}": TOKENS},
    "an unknown field": {"preset.json": {**PRESET, "run": "x"}, f"kit/{TOKENS_FILE}": TOKENS},
    "a wrong type": {"preset.json": {**PRESET, "sets": 7}, f"kit/{TOKENS_FILE}": TOKENS},
    "a name too long": {"preset.json": {**PRESET, "name": "x" * 121}, f"kit/{TOKENS_FILE}": TOKENS},
    "a picture by path": {"preset.json": reference(picture="../../../x"), f"kit/{TOKENS_FILE}": TOKENS, **LOGOS},
    "a mask by path": {"preset.json": reference(mask="/etc/hostname"), f"kit/{TOKENS_FILE}": TOKENS, **LOGOS},
    "a picture that is not there": {"preset.json": reference(), f"kit/{TOKENS_FILE}": TOKENS, **LOGOS},
    "another picture": {"preset.json": reference(), f"pictures/{'0' * 64}.png": "x", f"kit/{TOKENS_FILE}": TOKENS, **LOGOS},
    "a logo outside": {"preset.json": PRESET, f"kit/{TOKENS_FILE}": hostile_tokens(logos=[{"file": "../../../x.svg"}])},
    "a logo that is missing": {"preset.json": PRESET, f"kit/{TOKENS_FILE}": TOKENS},
    "a logo that is none": {"preset.json": PRESET, f"kit/{TOKENS_FILE}": TOKENS, **dict.fromkeys(LOGOS, b"<svg")},
    "broken tokens": {"preset.json": PRESET, f"kit/{TOKENS_FILE}": "[]"},
}  # fmt: skip


@pytest.mark.parametrize("files", HOSTILE.values(), ids=HOSTILE)
def test_what_pretends_to_be_a_preset_is_refused_and_leaves_nothing(
    desk: Desk, tmp_path: Path, files: dict[str, Any]
) -> None:
    before = desk.files()
    with pytest.raises(BadInput) as error:
        desk.presets.take_in(packed(tmp_path, files))
    assert str(error.value)
    assert desk.files() == before


def test_links_bombs_and_torn_files_are_refused(desk: Desk, tmp_path: Path) -> None:
    good = {"preset.json": PRESET, f"kit/{TOKENS_FILE}": TOKENS, **LOGOS}
    before = desk.files()
    whole = packed(tmp_path, good).read_bytes()
    link = zipfile.ZipInfo(f"kit/{TOKENS_FILE}")
    link.external_attr = 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("preset.json", json.dumps(PRESET))
        archive.writestr(link, "/etc/hostname")
    bomb = packed(tmp_path, {"preset.json": PRESET, f"kit/{TOKENS_FILE}": b" " * 7_900_000}).read_bytes()
    for data in (whole[: len(whole) // 2], whole[:-8], out.getvalue(), bomb, b"", b"PK\x03\x04"):
        (tmp_path / "bad.lockup").write_bytes(data)
        with pytest.raises(BadInput):
            desk.presets.take_in(tmp_path / "bad.lockup")
    assert desk.files() == before


def test_only_what_is_named_is_taken_out_of_a_file(desk: Desk, tmp_path: Path) -> None:
    extra = {
        "../escape.txt": "x",
        "/abs.txt": "x",
        "kit/run.exe": "x",
        "kit/fonts/unnamed.ttf": "x",
        "pictures/x.png": "x",
    }
    file = packed(tmp_path, {"preset.json": PRESET, f"kit/{TOKENS_FILE}": TOKENS, **LOGOS, **extra})
    assert desk.presets.take_in(file) == ("preset", "elsewhere")
    with zipfile.ZipFile(desk.presets.file("elsewhere")) as kept:
        assert sorted(kept.namelist()) == sorted(["preset.json", f"kit/{TOKENS_FILE}", *LOGOS])
    fields, _ = desk.presets.use("elsewhere")
    assert fields["kit"] == "demo" and not (tmp_path / "escape.txt").exists()


@budget(max_examples=60, deadline=None)
@given(data=st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["version", "name", "sets", "references", "set_edits", "vary", "kind", "picture"]), inner, max_size=5), max_leaves=12))  # fmt: skip
def test_any_json_is_a_preset_or_refused(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    folder = tmp_path_factory.mktemp("any")
    desk = Desk(folder / "home")
    file = packed(folder, {"preset.json": json.dumps(data), f"kit/{TOKENS_FILE}": TOKENS, **LOGOS})
    try:
        kind, _ = desk.presets.take_in(file)
        assert kind in ("preset", "kit")
    except BadInput as error:
        assert str(error)
    finally:
        desk.store.close()
