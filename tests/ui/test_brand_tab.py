"""The Brand tab's verbs: reading, editing, keeping and proving kits; stopped, refused, hostile."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from engines.base import EngineError, Painting, PaintRequest, Progress
from engines.stage import CAPABILITIES
from studio.brand.adopt import FOUND_FILE
from studio.brand.kit import TOKENS_FILE, copy_kit, load_kit
from studio.brand.site.proposals import Colour, Mark, Proposals, Words
from studio.brief.draft import Draft
from studio.desk.engines import Engines
from studio.errors import BadInput
from studio.pixels import encode_png
from studio.proof import Proofs, Shape
from studio.runs import Runs
from studio.studio import Studio
from studio.ui.brand import Brand
from studio.ui.kit_sheet import language, read_found
from studio.ui.latest import Latest
from studio.ui.view import served
from tests.ui.brand_zip import HOSTILE, example_zip

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo" / "brand"
PAGE = "page"


class QuickPainter:
    """Paints a flat scene in the leading colour at once."""

    id = "stage"
    capabilities = CAPABILITIES

    def __init__(self) -> None:
        self.painted: list[PaintRequest] = []
        self.trouble: EngineError | None = None

    def paint(self, requests: Sequence[PaintRequest], progress: Progress) -> Iterator[Painting]:
        for request in requests:
            if self.trouble:
                raise self.trouble
            self.painted.append(request)
            colour = [int(request.palette["primary"][at : at + 2], 16) for at in (1, 3, 5)]
            flat = np.full((request.height_px, request.width_px, 3), colour, np.uint8)
            yield Painting(flat, engine="quick", runtime="test", seconds=0.0)


@pytest.fixture
def painter() -> QuickPainter:
    return QuickPainter()


@pytest.fixture
def studio(tmp_path: Path, painter: QuickPainter, monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    (tmp_path / "uploads").mkdir()
    return Studio(tmp_path / "home", Engines(painter=lambda name: painter))


@pytest.fixture
def brand(studio: Studio) -> Iterator[Brand]:
    runs = Runs(studio)
    yield Brand(studio, runs)
    runs.close()


@pytest.fixture
def demo(studio: Studio) -> str:
    copy_kit(DEMO, studio.kits / "demo")
    return "demo"


def dropped(tmp_path: Path, source: Path) -> str:
    """A file as the page's upload leaves it."""
    target = tmp_path / "uploads" / source.name
    shutil.copyfile(source, target)
    return str(target)


def example(tmp_path: Path) -> list[str]:
    return [dropped(tmp_path, example_zip(tmp_path / "example.zip"))]


def kits(studio: Studio) -> list[str]:
    return sorted(path.name for path in studio.kits.glob("*") if path.is_dir())


# ------------------------------------------------------------------------------------------------ reading


def test_a_saved_page_becomes_a_kit_with_all_that_was_found(brand: Brand, studio: Studio, tmp_path: Path) -> None:
    assert brand.read(PAGE, files=example(tmp_path)) == {"dropped": False, "kit": "example-bakery"}
    sheet = brand.sheet("example-bakery")
    assert sheet["kit"]["name"] == "Example Bakery" and not any(one["locked"] for one in sheet["kit"]["palette"])
    found = sheet["found"]
    assert found["language"] == "English (en-GB)" and found["name"]["confidence"] > 0.5
    assert found["palette"][0]["hex"] == "#c2410c" and found["palette"][0]["source"]
    assert [one["text"] for one in found["actions"]] == ["Order a loaf"]
    assert [one["text"] for one in found["headlines"][:2]] == ["Bread with time", "Baked before sunrise"]
    assert HOSTILE in found["actions"][0]["source"]  # a word like any other: the page sets it as text
    # What is shown lies where the page's server may serve it, and the logo was made safe.
    folder, shown = studio.kits / "example-bakery", studio.home / "cache" / "shown"
    assert sheet["faces"]["heading"]["files"][0]["address"].startswith(
        f"gradio_api/file={(folder / 'fonts').as_posix()}/"
    )
    assert sheet["logos"][0]["address"].startswith(f"gradio_api/file={(shown / 'logos').as_posix()}/")
    assert "onload" not in (folder / "logos" / "logo.svg").read_text()
    json.dumps(sheet)


def test_the_same_brand_again_is_numbered_and_the_newest_comes_first(
    brand: Brand, studio: Studio, tmp_path: Path
) -> None:
    files = example(tmp_path)
    brand.read(PAGE, files=files)
    time.sleep(0.02)  # kits are listed by the time they were written
    assert brand.read(PAGE, files=files)["kit"] == "example-bakery-2"
    assert [one.id for one in studio.shelf.listed()] == ["example-bakery-2", "example-bakery"]


@pytest.mark.parametrize(
    ("name", "folder"),
    [("Grüne Straße", "gr-ne-stra-e"), ("فونت", "brand"), ("CON", "con-kit"), ("../..", "brand"), ("a" * 90, "a" * 48)],
)
def test_kits_are_called_by_names_every_system_allows(studio: Studio, name: str, folder: str) -> None:
    words = Words(text=name, source="h1", confidence=0.5)
    colour = Colour(hex="#c2410c", role="primary", source="a", confidence=0.5)
    kit = studio.adopt(Proposals(site="x", name=words, palette=(colour,)), "x.html")
    assert kit.folder == studio.kits / folder


def test_a_kit_that_cannot_be_made_leaves_nothing(studio: Studio) -> None:
    outside = Mark(file="../../outside.png", on="any", source="a", confidence=0.5, data=b"no picture")
    with pytest.raises(BadInput):
        studio.adopt(Proposals(site="x", logos=(outside,)), "x.html")
    assert kits(studio) == []


def test_tokens_are_taken_along_whole(brand: Brand, studio: Studio, tmp_path: Path) -> None:
    file = tmp_path / "example.tokens.json"
    file.write_text('{"brand": {"primary": {"$type": "color", "$value": "#c2410c"}}, "more": {"$description": "kept"}}')
    kit_id = brand.read(PAGE, files=[dropped(tmp_path, file)])["kit"]
    assert brand.sheet(kit_id)["kit"]["palette"][0]["hex"] == "#c2410c"
    assert '"kept"' in (studio.kits / kit_id / TOKENS_FILE).read_text()


def test_several_pictures_are_read_together(brand: Brand, studio: Studio, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(encode_png(np.full((80, 80, 3), (194, 65, 12), np.uint8)))
    said = brand.read(PAGE, files=[dropped(tmp_path, tmp_path / name) for name in ("a.png", "b.png")])
    assert brand.sheet(said["kit"])["kit"]["palette"]
    assert not list((studio.home / "cache" / "read").glob("*"))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "nothing to read"),
        ("http://127.0.0.1:9/", "127.0.0.1"),
        ("http://[::1]/", "::1"),
        ("http://169.254.169.254/latest", "169.254.169.254"),
        ("file:///etc/hostname", "file:///etc/hostname"),
        ("/", "is a path, not an address"),
        (str(DEMO), "is a path, not an address"),
        ("./nowhere.html", "nowhere.html"),
    ],
)
def test_what_cannot_be_read_is_said(brand: Brand, studio: Studio, address: str, said: str) -> None:
    with pytest.raises(BadInput) as error:
        brand.read(PAGE, address)
    assert said in str(error.value) and error.value.hint
    assert kits(studio) == []


def test_only_files_that_were_dropped_are_read(brand: Brand, demo: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.svg"
    secret.write_text("<svg/>")
    for path in (str(secret), f"{tmp_path}/uploads/../secret.svg", "/etc/hostname", ""):
        with pytest.raises(BadInput, match="not dropped here"):
            brand.read(PAGE, files=[path])
        with pytest.raises(BadInput, match="not dropped here"):
            brand.add_logos(demo, "", [path])
        with pytest.raises(BadInput, match="not dropped here"):
            brand.add_fonts(demo, "", "body", [path])


# ------------------------------------------------------------------------------------------------ stopped, overtaken


def during(brand: Brand, monkeypatch: pytest.MonkeyPatch, step: str, then: Callable[[], Any]) -> None:
    """Do something right after a step of the reading."""
    real = getattr(brand.studio, step)

    def stepped(*given: Any) -> Any:
        answer = real(*given)
        then()
        return answer

    monkeypatch.setattr(brand.studio, step, stepped)


@pytest.mark.parametrize("step", ["propose", "adopt"])
def test_a_stopped_read_leaves_no_kit(brand: Brand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    during(brand, monkeypatch, step, lambda: brand.stop_reading(PAGE))
    assert brand.read(PAGE, files=example(tmp_path)) == {"dropped": True}
    assert kits(brand.studio) == []


def test_trouble_with_a_site_nobody_waits_for_is_not_told(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    def propose(source: str) -> Proposals:
        brand.stop_reading(PAGE)
        raise BadInput("The site does not answer")

    monkeypatch.setattr(brand.studio, "propose", propose)
    assert brand.read(PAGE, "slow.example.org") == {"dropped": True}


def test_pressing_twice_reads_once_and_another_overtakes(
    brand: Brand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = brand.studio.propose(str(example_zip(tmp_path / "example.zip")))
    asked: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def propose(source: str) -> Proposals:
        asked.append(source)
        if source == "https://slow.example.org":
            begun.set()
            go_on.wait(20)
        return found

    monkeypatch.setattr(brand.studio, "propose", propose)
    answers: list[Any] = []
    slow = threading.Thread(target=lambda: answers.append(brand.read(PAGE, "slow.example.org")))
    slow.start()
    assert begun.wait(20)
    assert brand.read(PAGE, "slow.example.org") == {"dropped": True}
    assert brand.read(PAGE, "quick.example.org")["kit"] == "example-bakery"
    go_on.set()
    slow.join(20)
    assert answers == [{"dropped": True}] and asked == ["https://slow.example.org", "https://quick.example.org"]
    assert kits(brand.studio) == ["example-bakery"]


def test_only_the_newest_wish_of_a_page_counts() -> None:
    latest = Latest()
    slow, other = latest.asked("one"), latest.asked("two")
    assert slow() and other()
    quick = latest.asked("one")
    assert not slow() and quick() and other()
    for number in range(400):
        latest.asked(f"page {number}")
    assert not quick()


# ------------------------------------------------------------------------------------------------ what was found


@pytest.mark.parametrize(
    "said", ["", "[]", "{", "[" * 200_000, "nul", "\ufeff{}", '{"palette": 7, "fonts": [], "copy": 1}']
)
def test_a_broken_proposals_file_is_no_trouble(tmp_path: Path, said: str) -> None:
    (tmp_path / FOUND_FILE).write_text(said, encoding="utf-8")
    found = read_found(tmp_path)
    assert found is None or found["palette"] == []


odd = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9) | st.just("javascript:alert(1)"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["hex", "text", "source", "confidence", "alternatives", "link", "family", "heading", "headlines", "file"]), inner, max_size=4),
    max_leaves=14,
)  # fmt: skip
fields = st.sampled_from(["site", "language", "palette", "fonts", "logos", "copy", "sources", "not_found", "warnings"])


@budget(max_examples=120, deadline=None)
@given(said=st.dictionaries(fields, odd, max_size=6))
def test_whatever_it_says_comes_out_as_plain_values(
    tmp_path_factory: pytest.TempPathFactory, said: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("found")
    (folder / FOUND_FILE).write_text(json.dumps(said))
    found = read_found(folder)
    assert found is not None
    json.dumps(found, allow_nan=False)
    assert all(len(one["hex"]) == 7 and 0 <= one["confidence"] <= 1 for one in found["palette"])
    assert all(not face["link"] or face["link"].startswith("https://") for face in found["fonts"].values())


def test_languages_are_named() -> None:
    assert [language(tag) for tag in ("en-GB", "de", "xx", "")] == ["English (en-GB)", "German", "Language xx", ""]


# ------------------------------------------------------------------------------------------------ editing


def test_an_edit_is_on_disk_and_an_overtaken_one_is_refused(brand: Brand, studio: Studio, demo: str) -> None:
    sheet = brand.sheet(demo)
    save = served(brand.save_kit)
    kit = {**sheet["kit"], "name": "Northwind", "palette": [{**sheet["kit"]["palette"][0], "hex": "#123456"}]}
    said = save({"kit_id": demo, "digest": sheet["digest"], "kit": kit})["answer"]
    assert said["kit"] == kit and said["digest"] != sheet["digest"]
    assert load_kit(studio.kits / demo).kit.palette[0].hex == "#123456"
    assert any("No background" in one["message"] for one in said["findings"])
    late = save({"kit_id": demo, "digest": sheet["digest"], "kit": sheet["kit"]})
    assert "changed elsewhere" in late["error"] and late["hint"]
    assert brand.sheet(demo)["kit"]["name"] == "Northwind"


@pytest.mark.parametrize(
    "wrong",
    [None, 7, [], {}, {"name": "x"}, {"palette": [{"role": "king", "hex": "#000000"}]}, {"palette": [{"role": "text", "hex": "red"}]},
     {"logos": [{"file": "../../../x.svg"}]}, {"logos": [{"file": "logos/x.svg", "clear_space_fraction": 9}]}, {"unknown": 1}, {"name": ""}],
)  # fmt: skip
def test_a_kit_that_is_none_is_refused(brand: Brand, studio: Studio, demo: str, wrong: Any) -> None:
    sheet = brand.sheet(demo)
    kit = {**sheet["kit"], **wrong} if isinstance(wrong, dict) and wrong and wrong != {"name": "x"} else wrong
    said = served(brand.save_kit)({"kit_id": demo, "digest": sheet["digest"], "kit": kit})
    assert said["error"] and load_kit(studio.kits / demo).digest == sheet["digest"]


def test_fonts_of_packages_are_copied_to_where_they_are_served(brand: Brand, studio: Studio, demo: str) -> None:
    files = brand.sheet(demo)["faces"]["heading"]["files"]
    assert [one["weight"] for one in files] == [500, 600, 700, 800]
    served_from = studio.home / "cache" / "shown" / "fonts"
    assert all(one["address"].startswith(f"gradio_api/file={served_from.as_posix()}/") for one in files)
    assert len(list(served_from.iterdir())) == 8


def test_kits_are_copied_renamed_exported_deleted_and_brought_back(brand: Brand, studio: Studio, demo: str) -> None:
    copy = brand.duplicate_kit(demo)
    brand.rename_kit(copy, "Other")
    assert brand.sheet(copy)["kit"]["name"] == "Other"
    for export, ending in ((brand.export_tokens, ".tokens.json"), (brand.export_kit, ".lockup")):
        said = export(demo)
        assert said["name"].endswith(ending) and "/cache/shown/exports/" in said["address"]
        assert Path(said["address"].removeprefix("gradio_api/file=")).is_file()
    token = brand.remove_kit(copy)
    assert [one.id for one in studio.shelf.listed()] == [demo]
    assert brand.bring_back_kit(token) == copy
    assert brand.new_kit() == "new-brand"


def test_a_preset_is_carried_over_by_dropping_its_file(brand: Brand, demo: str, tmp_path: Path) -> None:
    preset_id = brand.save_preset("Evening", Draft(kit=demo, look="evening", formats=("meta-square",)))
    line = brand.presets()[0]
    assert (line["name"], line["kit"], line["look"], line["formats"]) == ("Evening", "Solbrae", "evening", 1)
    file = Path(brand.export_preset(preset_id)["address"].removeprefix("gradio_api/file="))
    token = brand.remove_preset(preset_id)
    assert brand.presets() == []
    assert brand.read(PAGE, files=[dropped(tmp_path, file)]) == {"dropped": False, "preset": "evening"}
    used = brand.use_preset("evening")
    assert used["fields"]["kit"] == demo and used["fields"]["look"] == "evening" and not used["new_kit"]
    assert brand.bring_back_preset(token) == "evening-2"


# ------------------------------------------------------------------------------------------------ proof


DRAFT = Draft(headlines=("Bread with time",), action="Order", sets=("arch",), layouts=("hero",))
ALL: list[Shape] = ["square", "tall", "strip"]


def shown_file(ad: dict[str, Any]) -> Path:
    return Path(ad["address"].removeprefix("gradio_api/file="))


def test_a_proof_is_there_at_once_and_final_when_it_is_painted(brand: Brand, painter: QuickPainter, demo: str) -> None:
    first = brand.proof(demo, DRAFT, ALL)
    assert not first["warm"] and not painter.painted
    assert [(ad["width"], ad["height"], ad["settled"]) for ad in first["ads"]] == [
        (1080, 1080, False), (1080, 1920, False), (728, 90, False),
    ]  # fmt: skip
    final = brand.proof(demo, DRAFT, ALL, wait=True)
    assert final["warm"] and all(ad["settled"] and 0 < ad["passed"] <= ad["tested"] for ad in final["ads"])
    assert max(max(one.width_px, one.height_px) for one in painter.painted) <= 384
    for before, after in zip(first["ads"], final["ads"], strict=True):
        assert shown_file(before).is_file() and shown_file(after).is_file() and before["address"] != after["address"]
    count = len(painter.painted)
    assert brand.proof(demo, DRAFT, ALL)["ads"] == final["ads"] and len(painter.painted) == count


def test_every_change_shows_at_once_and_soon(brand: Brand, painter: QuickPainter, demo: str) -> None:
    final = brand.proof(demo, DRAFT, ALL, wait=True)
    sheet = brand.sheet(demo)
    sheet["kit"]["palette"][0]["hex"] = "#3344cc"
    served(brand.save_kit)({"kit_id": demo, "digest": sheet["digest"], "kit": sheet["kit"]})
    changed = brand.proof(demo, DRAFT, ALL)
    assert all(one["address"] != two["address"] for one, two in zip(changed["ads"], final["ads"], strict=True))
    words = DRAFT.model_copy(update={"headlines": ("Another line",)})
    count = len(painter.painted)
    assert all(ad["settled"] for ad in brand.proof(demo, DRAFT, ALL, wait=True)["ads"])
    assert len(painter.painted) == count + 3  # the colours are the scene's too
    brand.proof(demo, words, ALL, wait=True)
    assert len(painter.painted) == count + 3  # words are not


def test_proofs_do_not_pile_up(brand: Brand, studio: Studio, demo: str) -> None:
    for number in range(70):
        brand.proof(demo, DRAFT.model_copy(update={"headlines": (f"Line {number}",)}), ["strip"])
    assert len(list((studio.home / "cache" / "shown" / "proof").iterdir())) == 60


def test_the_drafts_own_formats_and_product_are_shown(brand: Brand, studio: Studio, demo: str) -> None:
    rgba = np.zeros((200, 100, 4), np.uint8)
    rgba[20:180, 20:80] = (200, 30, 30, 255)
    draft = DRAFT.model_copy(
        update={
            "formats": ("display-300x250", "meta-portrait", "google-square"),
            "product": studio.store.put_blob(encode_png(rgba)),
        }
    )
    square = brand.proof(demo, draft, ["square"], wait=True)["ads"][0]
    assert square["format"] == studio.formats()["display-300x250"].name and square["trouble"] is None
    gone = brand.proof(demo, draft.model_copy(update={"product": "0" * 64}), ["square"])["ads"][0]
    assert gone["trouble"]["message"] and not gone["address"]


def test_without_a_painter_the_type_is_shown_and_the_reason(brand: Brand, painter: QuickPainter, demo: str) -> None:
    painter.trouble = EngineError("The stage cannot be compiled here", "Install numba")
    ad = brand.proof(demo, DRAFT, ["square"], wait=True)["ads"][0]
    assert ad["settled"] and ad["trouble"] == {"message": "The stage cannot be compiled here", "hint": "Install numba"}
    assert shown_file(ad).is_file()


def test_words_that_do_not_fit_are_told_and_the_others_stay(brand: Brand, demo: str) -> None:
    draft = DRAFT.model_copy(update={"headlines": ("Donaudampfschifffahrtsgesellschaftskapitän " * 30,)})
    ads = brand.proof(demo, draft, ALL)["ads"]
    assert [bool(ad["address"]) for ad in ads].count(False) >= 1
    assert all(ad["trouble"]["message"] for ad in ads if not ad["address"])


def test_a_kit_that_cannot_be_set_says_why(brand: Brand, studio: Studio, demo: str) -> None:
    sheet = brand.sheet(demo)
    sheet["kit"]["type"]["heading"] = {"family": "Nowhere Sans", "files": [], "weight": 700, "stands_for": ""}
    served(brand.save_kit)({"kit_id": demo, "digest": sheet["digest"], "kit": sheet["kit"]})
    said = served(brand.proof)({"kit_id": demo, "draft": DRAFT.model_dump(mode="json"), "shapes": ALL})
    assert "heading font" in said["error"] and said["hint"]


def test_two_pages_paint_the_same_scene_once(studio: Studio, painter: QuickPainter, demo: str) -> None:
    proofs, kit = Proofs(studio), studio.shelf.load(demo)
    threads = [threading.Thread(target=lambda: proofs.make(kit, DRAFT, "square", True)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(painter.painted) == 1
