"""A kit's folder: loaded, saved, copied; nothing outside it is ever read; and what a close look finds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from studio.brand.check import check_kit
from studio.brand.dtcg.tokens import OURS, kit_from_tokens, parse_tokens
from studio.brand.inside import relative_name
from studio.brand.kit import TOKENS_FILE, copy_kit, import_tokens, load_kit, new_kit, save_kit
from studio.errors import BadInput
from studio.model import BrandKit, FontFile, Logo, Swatch
from tests.samples import SAMPLES

LOGOS = SAMPLES / "logos"
DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 10"><rect width="40" height="10" fill="#aa0033"/></svg>'
COLORS: dict[Any, str] = {
    "primary": "#aa0033",
    "secondary": "#114477",
    "accent": "#003322",
    "background": "#ffffff",
    "surface": "#eeeeee",
    "text": "#161616",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mark.svg").write_bytes(SVG)
    new_kit(tmp_path / "kit", "Acme", tmp_path / "mark.svg", COLORS)
    return tmp_path / "kit"


def changed(folder: Path, **fields: Any) -> BrandKit:
    tokens = parse_tokens((folder / TOKENS_FILE).read_bytes(), TOKENS_FILE)
    kit = kit_from_tokens(tokens, TOKENS_FILE)[0].model_copy(update=fields)
    save_kit(kit, folder)
    return kit


def said(folder: Path) -> str:
    return "\n".join(f"{f.level} {f.where}: {f.message}" for f in check_kit(load_kit(folder)))


# ---------------------------------------------------------------------------------------------- reading


def test_a_new_kit_is_whole(folder: Path) -> None:
    loaded = load_kit(folder)
    assert loaded.kit.name == "Acme" and loaded.kit.hex("primary") == "#aa0033"
    assert loaded.logos[0].aspect == pytest.approx(4.0, rel=0.01)
    assert not loaded.fonts.problems
    assert not [finding for finding in check_kit(loaded) if finding.level == "error"]


def test_the_digest_is_of_content_not_of_place(folder: Path, tmp_path: Path) -> None:
    before = load_kit(folder).digest
    copy_kit(folder, tmp_path / "copy")
    assert load_kit(tmp_path / "copy").digest == before
    tokens = json.loads((folder / TOKENS_FILE).read_text("utf-8"))
    (folder / TOKENS_FILE).write_text(json.dumps(tokens, indent=7), encoding="utf-8")
    assert load_kit(folder).digest == before, "formatting is not content"
    (folder / "logos" / "mark.svg").write_bytes(SVG.replace(b"aa0033", b"aa0034"))
    assert load_kit(folder).digest != before
    (folder / "logos" / "mark.svg").write_bytes(SVG)
    changed(folder, tagline="New")
    assert load_kit(folder).digest != before


def test_what_is_no_kit(tmp_path: Path) -> None:
    for path in (tmp_path / "no", tmp_path):
        with pytest.raises(BadInput) as caught:
            load_kit(path)
        assert TOKENS_FILE in caught.value.hint
    (tmp_path / TOKENS_FILE).write_text("{oops", encoding="utf-8")
    with pytest.raises(BadInput, match="line 1"):
        load_kit(tmp_path)


def test_any_single_token_file_will_do(tmp_path: Path) -> None:
    (tmp_path / "acme.tokens").write_text('{"primary": {"$type": "color", "$value": "#ff0000"}}', encoding="utf-8")
    assert load_kit(tmp_path).kit.hex("primary") == "#ff0000"
    (tmp_path / "b.tokens.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BadInput, match="2 token files"):
        load_kit(tmp_path)


def test_a_logo_that_is_gone_is_named(folder: Path) -> None:
    (folder / "logos" / "mark.svg").unlink()
    with pytest.raises(BadInput, match=r"mark\.svg is not there"):
        load_kit(folder)


def test_references_that_are_gone_are_noted(folder: Path) -> None:
    changed(folder, references=("references/a.png",))
    assert any("references/a.png" in note for note in load_kit(folder).notes)


# ---------------------------------------------------------------------------------------------- staying inside


OUTSIDE = [
    "../secret.png",
    "/etc/passwd",
    "C:/x.png",
    "..\\x.png",
    "logos/../../x",
    "file:x",
    "nul",
    "a\0b",
    "//host/x",
]


@pytest.mark.parametrize("file", OUTSIDE)
def test_paths_that_lead_out_are_refused(folder: Path, tmp_path: Path, file: str) -> None:
    with pytest.raises(BadInput):
        relative_name(file)
    (tmp_path / "secret.png").write_bytes(b"secret")
    for field in ("logos", "references", "adapter", "fonts"):
        tokens = json.loads((folder / TOKENS_FILE).read_text("utf-8"))
        ours = tokens["$extensions"][OURS]
        if field == "logos":
            ours["logos"] = [{"file": file}]
        elif field == "fonts":
            ours["fonts"]["heading"] = [{"file": file}]
        else:
            ours[field] = file if field == "adapter" else [file]
        bad = tmp_path / f"bad-{field}"
        bad.mkdir()
        (bad / TOKENS_FILE).write_text(json.dumps(tokens), encoding="utf-8")
        for action in (lambda bad=bad: load_kit(bad), lambda bad=bad: copy_kit(bad, tmp_path / "out")):
            with pytest.raises(BadInput):
                action()
        assert not (tmp_path / "out").exists()


def test_a_link_that_leads_out_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.svg").write_bytes(SVG)
    link = folder / "logos" / "link.svg"
    try:
        link.symlink_to(tmp_path / "outside.svg")
    except OSError:
        pytest.skip("this system does not let us make links")
    changed(folder, logos=(Logo(file="logos/link.svg"),))
    with pytest.raises(BadInput, match="link"):
        load_kit(folder)
    with pytest.raises(BadInput, match="link"):
        copy_kit(folder, tmp_path / "copy")
    loop = folder / "logos" / "loop.svg"
    loop.symlink_to(loop)
    changed(folder, logos=(Logo(file="logos/loop.svg"),))
    with pytest.raises(BadInput):
        load_kit(folder)


def test_a_linked_folder_is_not_followed_by_copies(folder: Path, tmp_path: Path) -> None:
    try:
        (folder / "references").symlink_to(folder / "logos", target_is_directory=True)
    except OSError:
        pytest.skip("this system does not let us make links")
    changed(folder, references=("references/mark.svg",))
    with pytest.raises(BadInput, match="is a link"):
        copy_kit(folder, tmp_path / "copy")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_opened(folder: Path) -> None:
    os.mkfifo(folder / "logos" / "pipe.svg")
    changed(folder, logos=(Logo(file="logos/pipe.svg"),))
    with pytest.raises(BadInput, match="not a file"):
        load_kit(folder)
    changed(folder, logos=(), references=("logos/pipe.svg",))
    with pytest.raises(BadInput, match="not a file"):
        load_kit(folder)


@pytest.mark.parametrize(
    "file", ["package:os/path.py", "package:font_x/../../x.ttf", "package:", "package:numpy/a.ttf"]
)
def test_only_font_packages_are_opened(folder: Path, file: str) -> None:
    kit = load_kit(folder).kit
    heading = kit.type.heading.model_copy(update={"files": (FontFile(file=file),)})
    changed(folder, type=kit.type.model_copy(update={"heading": heading}))
    loaded = load_kit(folder)
    assert loaded.fonts.problems
    assert "error type" in said(folder)


# ---------------------------------------------------------------------------------------------- writing


def test_saving_keeps_what_others_wrote(folder: Path) -> None:
    tokens = json.loads((folder / TOKENS_FILE).read_text("utf-8"))
    tokens["$extensions"]["com.other"] = {"a": 1}
    tokens["space"] = {"s": {"$type": "dimension", "$value": {"value": 4, "unit": "px"}}}
    (folder / TOKENS_FILE).write_text(json.dumps(tokens), encoding="utf-8")
    changed(folder, tagline="Hi")
    after = json.loads((folder / TOKENS_FILE).read_text("utf-8"))
    assert after["$extensions"]["com.other"] == {"a": 1} and after["space"] == tokens["space"]
    assert load_kit(folder).kit.tagline == "Hi"
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_a_copy_has_only_what_the_kit_names(folder: Path, tmp_path: Path) -> None:
    (folder / "secret.txt").write_text("x", encoding="utf-8")
    (folder / "references").mkdir()
    (folder / "references" / "r.png").write_bytes(b"r")
    changed(folder, references=("references/r.png", "references/gone.png"))
    copy_kit(folder, tmp_path / "deep" / "copy")
    copied = sorted(
        path.relative_to(tmp_path / "deep" / "copy").as_posix() for path in (tmp_path / "deep").rglob("*.*")
    )
    assert copied == [TOKENS_FILE, "logos/mark.svg", "references/r.png"]
    with pytest.raises(BadInput, match="there already"):
        copy_kit(folder, tmp_path / "deep" / "copy")


def test_a_folder_that_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(BadInput, match="cannot be written"):
        save_kit(load_kit(folder).kit, tmp_path / "file" / "kit")
    with pytest.raises(BadInput, match="cannot be written"):
        copy_kit(folder, tmp_path / "file" / "kit")


def test_importing_another_tools_tokens(tmp_path: Path) -> None:
    data = {"brand": {"$type": "color", "primary": {"$value": "#ff0000"}}, "x": {"$type": "number", "$value": 3}}
    (tmp_path / "figma.json").write_text(json.dumps(data), encoding="utf-8")
    loaded = import_tokens(tmp_path / "figma.json", tmp_path / "kit")
    assert loaded.kit.name == "figma" and loaded.kit.hex("primary") == "#ff0000"
    assert any("guessed" in note for note in loaded.notes)
    assert json.loads((tmp_path / "kit" / TOKENS_FILE).read_text("utf-8"))["x"] == data["x"]


# ---------------------------------------------------------------------------------------------- a close look


def test_findings_name_what_is_wrong(folder: Path) -> None:
    def swatches(**colors: str) -> tuple[Swatch, ...]:
        return tuple(
            Swatch.model_validate({"role": role, "hex": color}) for role, color in {**COLORS, **colors}.items()
        )

    changed(folder, palette=swatches(text="#999999"))
    assert "contrast of 2.8" in said(folder)
    changed(folder, palette=swatches(accent="#aa0134"))
    assert "look the same" in said(folder)
    changed(folder, palette=swatches(accent="#808080", background="#808080", text="#777777"))
    assert "button in accent" in said(folder).lower()
    changed(folder, palette=(*swatches(), Swatch(role="primary", hex="#00ff00")))
    assert "2 colours claim to be the primary" in said(folder)
    changed(folder, palette=swatches()[1:])
    assert "error palette primary" in said(folder)
    assert "is not in the palette" in said(folder)
    changed(folder, palette=swatches(background="#aa0033"))
    assert "contrast of 1.00, below 3" in said(folder)


def test_findings_on_logo_and_words(folder: Path) -> None:
    logo = Logo(file="logos/mark.svg")
    changed(folder, logos=(logo.model_copy(update={"on": "light"}),))
    assert "only logo is for light" in said(folder)
    changed(folder, logos=(logo.model_copy(update={"clear_space_fraction": 0.02, "min_width_px": 12}),))
    assert "hardly any" in said(folder) and "nobody can read" in said(folder)
    changed(folder, logos=())
    assert "has no logo" in said(folder)
    voice = load_kit(folder).kit.voice.model_copy(update={"banned": ("Best", "")})
    changed(folder, tagline="Simply the BEST.", voice=voice)
    assert "error tagline" in said(folder)
    changed(folder, tagline="Bestow", voice=voice)
    assert "tagline" not in said(folder)


def test_findings_on_type(folder: Path) -> None:
    kit = load_kit(folder).kit
    odd = kit.type.heading.model_copy(update={"weight": 200})
    changed(folder, type=kit.type.model_copy(update={"heading": odd}))
    assert "in weight 200 is not there" in said(folder)
    none = odd.model_copy(update={"files": (), "family": "No Such Family"})
    changed(folder, type=kit.type.model_copy(update={"heading": none}))
    assert "error type" in said(folder)


def test_errors_come_first(folder: Path) -> None:
    changed(folder, logos=(), palette=())
    levels = [finding.level for finding in check_kit(load_kit(folder))]
    assert levels == sorted(levels, key=["error", "warning", "note"].index) and levels[0] == "error"


@pytest.mark.skipif(not LOGOS.exists(), reason="the real inputs are not here")
@pytest.mark.parametrize("name", ["basket", "couchdb", "cymbal-shops"])
@pytest.mark.parametrize("kind", ["svg", "png"])
def test_kits_around_real_logos(tmp_path: Path, name: str, kind: str) -> None:
    loaded = new_kit(tmp_path / "kit", name, LOGOS / name / f"logo.{kind}", COLORS)
    assert loaded.logo_on("#ffffff") is loaded.logos[0]
    assert check_kit(loaded)


# ---------------------------------------------------------------------------------------------- the demo brand


def test_the_demo_brand_is_clean() -> None:
    loaded = load_kit(DEMO / "brand")
    assert loaded.notes == () and loaded.fonts.problems == ()
    assert check_kit(loaded) == ()


def test_the_demo_logo_suits_every_background() -> None:
    loaded = load_kit(DEMO / "brand")
    picked = {role: loaded.logo_on(loaded.kit.hex(role)) for role in ("background", "secondary", "primary")}
    assert {role: art.logo.on for role, art in picked.items() if art} == {
        "background": "light",
        "secondary": "dark",
        "primary": "any",
    }
    assert load_kit(DEMO / "brand").logo_on("#000000") is not None
