"""The verbs of the Finish tab, called as the page calls them: one object of arguments in, plain JSON out."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from engines.base import Cut, CutRequest, Enlarged, Progress
from studio.again import Again
from studio.desk.engines import Engines
from studio.gallery import Gallery
from studio.ui.finish import Finish
from studio.ui.view import served
from tests.job.table import Table


class Corner:
    """Cuts out the left half."""

    recipe = "1"

    def cut(self, request: CutRequest, progress: Progress) -> Cut:
        progress.report(0.5, "Looking")
        height, width = request.picture.shape[:2]
        rgba = np.dstack([request.picture, np.full((height, width), 255, np.uint8)])
        rgba[:, width // 2 :, 3] = 0
        return Cut(rgba, 0.9, np.zeros((height, width), np.uint8), 0.1, "corner", "test")


class Doubling:
    """Repeats every pixel."""

    recipe = "1"

    def enlarge(self, pixels: np.ndarray, width: int, height: int, progress: Progress) -> Enlarged:
        progress.report(0.5, "Growing")
        times = width // pixels.shape[1]
        return Enlarged(pixels.repeat(times, 0).repeat(times, 1), 0.1, "doubling", "test", 1, 1)


class Desk:
    """A tab on a workspace with one finished run."""

    def __init__(self, home: Path) -> None:
        self.table = Table(home)
        self.table.studio.engines = Engines(cutout=lambda name: Corner(), enlarger=lambda name: Doubling())  # type: ignore[arg-type, return-value]
        self.run = self.table.make("meta-square", "display-300x250", count=2, headlines=("A " * 30, "Half the heat"))
        self.tab = Finish(
            self.table.studio,
            self.table.runs,
            Gallery(self.table.studio, self.table.runs),
            Again(self.table.studio, self.table.runs),
        )
        self.ads = [(self.run, item.file.ad_id) for item in self.table.ads(self.run)]

    def call(self, verb: Callable[..., Any], **asked: Any) -> Any:
        said = served(verb)(asked)
        json.dumps(said)
        assert "error" not in said, said
        return said["answer"]

    def refused(self, verb: Callable[..., Any], **asked: Any) -> str:
        said = served(verb)(asked)
        assert said.get("error"), said
        return said["error"]

    def done(self, errand: str) -> dict[str, Any]:
        until = time.monotonic() + 30
        while not (now := self.call(self.tab.errands.errand, name=errand))["done"]:
            assert time.monotonic() < until
            time.sleep(0.02)
        return now


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("home"))
    yield made
    made.table.runs.close()


@pytest.fixture
def dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "uploads"
    folder.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(folder / "photo.png")
    return folder / "photo.png"


def file_of(address: str) -> Path:
    return Path(unquote(address.removeprefix("gradio_api/file=")))


def test_an_ad_tells_everything_about_itself(desk: Desk) -> None:
    run, ad = desk.ads[0]
    about = desk.call(desk.tab.about, run=run, ad=ad)
    assert about["passed"] < about["tested"] == len(about["checks"])
    assert {one["id"] for one in about["siblings"]} == {"meta-square", "display-300x250"}
    assert about["limits"] == {"headline": 40, "body": 125}
    assert file_of(about["path"]).is_file()
    used = desk.call(desk.tab.in_use)
    assert {one["id"] for one in used["formats"]} == {"meta-square", "display-300x250"}
    assert desk.refused(desk.tab.about, run=run, ad="0" * 16)


def test_what_was_thought_is_kept_and_listed(desk: Desk) -> None:
    tab = desk.tab
    run, ad = desk.ads[0]
    desk.call(tab.rate, ads=[[run, ad]], stars=4)
    desk.call(tab.note, run=run, ad=ad, text="Warmer")
    desk.call(tab.reject, ads=[[run, desk.ads[1][1]]], rejected=True)
    starred = desk.call(tab.gallery.ads, wanted={"stars": 4})
    assert [(one["ad"], one["note"]) for one in starred["ads"]] == [(ad, "Warmer")]
    assert desk.ads[1][1] not in {one["ad"] for one in desk.call(tab.gallery.ads, wanted={"rejected": "hide"})["ads"]}
    desk.call(tab.reject, ads=[[run, desk.ads[1][1]]], rejected=False)


@pytest.mark.parametrize(
    ("verb", "asked"),
    [
        ("rate", {"ads": [["a", "b"]], "stars": 6}), ("rate", {"ads": "all", "stars": 1}), ("rate", {"ads": [["a"]], "stars": 1}),
        ("reject", {"ads": [], "rejected": "maybe"}), ("note", {"run": 1, "ad": [], "text": None}),
        ("note", {"run": "a", "ad": "b", "text": "x" * 5000}), ("more", {"run": "a", "ad": "b", "count": 10**9, "all_formats": False}),
        ("enlarge", {"times": 3}), ("enlarge", {"times": "2; rm"}), ("cut", {"path": "/etc/passwd"}), ("cut", {"path": "\0"}),
        ("enlarge", {"times": 2, "path": "../../desk.sqlite"}), ("mend", {"run": "a", "ad": "b", "fix": {"kind": "evil"}}),
        ("pack_preview", {"choice": {"which": "everything"}, "wish": {}}), ("pack_preview", {"choice": {}, "wish": {"pattern": "{x}"}}),
        ("pack", {"choice": {}, "wish": {"name": "n" * 500}}), ("made", {"run": "no such run"}), ("about", {}), ("nothing", None),
    ],
)  # fmt: skip
def test_whatever_the_page_asks_it_is_told_what_is_wrong(desk: Desk, verb: str, asked: Any) -> None:
    said = served(getattr(desk.tab, verb, desk.tab.about))(asked)
    assert said["error"]
    assert "mistake" not in said["error"]


def test_new_words_are_there_when_the_verb_answers(desk: Desk) -> None:
    run, ad = desk.ads[2]
    words = {"headline": "Warm light", "body": "", "action": "Shop now", "price": "", "legal": ""}
    order = desk.call(desk.tab.reword, run=run, ad=ad, **words, all_formats=True)
    assert order["over"] and len(order["finished"]) == 2 and not order["failed"]
    listed = desk.call(desk.tab.gallery.ads, wanted={"run": order["run_id"]})["ads"]
    assert {one["headline"] for one in listed} == {"Warm light"}
    assert "already" in desk.refused(
        desk.tab.reword, run=order["run_id"], ad=order["finished"][0], **words, all_formats=False
    )


def test_a_remedy_is_offered_and_applied(desk: Desk) -> None:
    run, ad = desk.ads[0]
    offered = desk.call(desk.tab.remedies, run=run, ad=ad)
    fix = next(one for one in offered if one["kind"] == "headline")
    order = desk.call(desk.tab.mend, run=run, ad=ad, fix=fix)
    about = desk.call(desk.tab.about, run=order["run_id"], ad=order["finished"][0])
    assert about["passed"] == about["tested"]
    assert about["what"] == "mended: text_limits"


def test_an_order_that_has_to_be_painted_says_so(desk: Desk) -> None:
    run, ad = desk.ads[2]
    order = desk.call(desk.tab.more, run=run, ad=ad, count=2, all_formats=False)
    assert order["to_paint"] == 2
    desk.table.settle(order["run_id"])
    assert len(desk.call(desk.tab.made, run=order["run_id"])["finished"]) == 2


@pytest.mark.parametrize("source", ["ad", "file"])
def test_any_picture_is_cut_out_and_enlarged(desk: Desk, dropped: Path, source: str) -> None:
    of = {"path": str(dropped)} if source == "file" else {"run": desk.ads[2][0], "ad": desk.ads[2][1]}
    cut = desk.done(desk.call(desk.tab.cut, **of))
    large = desk.done(desk.call(desk.tab.enlarge, times=4, **of))
    assert not cut["trouble"] and not large["trouble"]
    with Image.open(file_of(cut["answer"]["file"])) as picture:
        assert picture.mode == "RGBA"
    with Image.open(file_of(large["answer"]["file"])) as picture:
        assert picture.size == (large["answer"]["width"], large["answer"]["height"])
        if source == "file":
            assert picture.size == (240, 160)
    for one in (cut, large):
        assert "/shown/results/" in file_of(one["answer"]["file"]).as_posix()
    assert desk.done(desk.call(desk.tab.cut, **of))["answer"]["known"]


def test_what_is_no_picture_is_told_at_once(desk: Desk, dropped: Path) -> None:
    dropped.write_bytes(b"no picture")
    assert desk.refused(desk.tab.cut, path=str(dropped))


def test_a_pack_is_seen_before_and_made(desk: Desk) -> None:
    tab, wish = desk.tab, {"pattern": "{campaign}_{format}_v{variant}", "by_channel": True}
    desk.call(tab.reject, ads=[list(desk.ads[3])], rejected=True)
    choice = {"which": "all", "run": desk.run}
    seen = desk.call(tab.pack_preview, choice=choice, wish=wish)
    assert (seen["ads"], seen["rejected"], seen["name"]) == (3, 1, "golden-hour")
    assert sum(seen["folders"].values()) == 3
    assert seen["folders"]["Meta"] == 2
    done = desk.done(desk.call(tab.pack, choice=choice, wish={**wish, "name": "../../Summer 24"}))
    assert not done["trouble"]
    path = file_of(done["answer"]["file"])
    assert path.name == "Summer-24.zip"
    assert path.is_relative_to(desk.table.studio.home / "cache" / "shown" / "packs")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    assert len([name for name in names if name.endswith(".jpg")]) == 3
    assert not [name for name in names if name.startswith("/") or ".." in name.split("/")]
    left_out = desk.table.ads(desk.run)[3].spec
    assert not [name for name in names if f"{left_out.format.id}_v{left_out.variant}." in name]
    chosen = {"which": "selected", "ads": [list(desk.ads[0]), list(desk.ads[3])]}
    assert desk.call(tab.pack_preview, choice=chosen, wish={})["ads"] == 1
    starred = desk.call(tab.pack_preview, choice={"which": "starred", "stars": 5}, wish={})
    assert starred["ads"] == 0
    assert "no ad" in desk.done(desk.call(tab.pack, choice={"which": "starred", "stars": 5}, wish={}))["trouble"]
    desk.call(tab.reject, ads=[list(desk.ads[3])], rejected=False)


def test_an_errand_can_be_stopped_and_an_unknown_one_is_told(desk: Desk) -> None:
    from studio.ui.errands import Errands

    def endless(progress: Progress) -> None:
        while True:
            progress.report(0.1, "Going on")
            time.sleep(0.01)

    errands = Errands()
    name = errands.begin(endless)
    errands.stop_errand(name)
    until = time.monotonic() + 5
    while not errands.errand(name)["done"]:
        assert time.monotonic() < until
    assert errands.errand(name)["trouble"] == "Stopped"
    assert desk.refused(desk.tab.errands.errand, name="nothing")
