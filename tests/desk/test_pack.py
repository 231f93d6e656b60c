from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest
from fakes import LAYOUT, QuickHands, ad, ask, batch
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as st
from PIL import Image

from engines.base import Progress, Stopped
from studio.brand.fonts import font_path
from studio.desk import files
from studio.desk.pack import PackAd, PackWish, examine, named, write_pack
from studio.desk.queue import Queue
from studio.desk.store import Store
from studio.desk.worker import Worker
from studio.errors import BadInput, DeskError
from studio.model import Format, Words
from studio.results import Check, Score

FONTS = tuple(
    font_path(name, Path()).read_bytes()
    for name in (
        "package:font_manrope/files/Manrope-Bold.ttf",
        "package:font_hanken_grotesk/files/HankenGrotesk-Regular.otf",
    )
)


def made(store: Store, out: Path, count: int = 4) -> list[PackAd]:
    queue = Queue(store)
    run = ask(queue, out, *batch(count))
    Worker(queue, store, QuickHands()).run(until_idle=True)
    return [PackAd(out, item) for item in queue.results(run)]


def pack(ads: list[PackAd], target: Path, **wish: object):
    return write_pack(ads, target, PackWish.model_validate(wish), (FONTS[0], FONTS[1]), Progress())


def test_a_pack_holds_what_was_asked_for_and_says_so(store: Store, tmp_path: Path) -> None:
    ads = made(store, tmp_path / "out")
    done = pack(ads, tmp_path / "packs" / "spring.zip", title="Solbrae", score=True)
    assert (done.ads, done.problems) == (4, ())
    with zipfile.ZipFile(done.file) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert tuple(names) == done.entries
        assert {"manifest.json", "contact-sheet.png", "contact-sheet.pdf", "score.csv"} < set(names)
        pictures = [name for name in names if name.startswith("campaign_square_v")]
        assert len(pictures) == 4
        for entry in json.loads(archive.read("manifest.json"))["ads"]:
            with Image.open(io.BytesIO(archive.read(entry["file"]))) as picture:
                assert picture.size == (entry["width_px"], entry["height_px"])
            assert len(archive.read(entry["file"])) == entry["bytes"]
        rows = list(csv.DictReader(io.StringIO(archive.read("score.csv").decode("utf-8-sig"))))
        assert [row["file"] for row in rows] == sorted(pictures)
        assert {(row["passed"], row["tested"]) for row in rows} == {("1", "1")}
    assert done.bytes == Path(done.file).stat().st_size
    assert not list((tmp_path / "packs").glob(f"{files.ASIDE}*"))


def test_papers_that_were_not_asked_for_are_not_there(store: Store, tmp_path: Path) -> None:
    done = pack(made(store, tmp_path / "out"), tmp_path / "p.zip", manifest=False, sheet_png=False, sheet_pdf=False)
    assert len(done.entries) == 4


def test_the_same_ads_give_the_same_bytes(store: Store, tmp_path: Path) -> None:
    ads = made(store, tmp_path / "out")
    first = Path(pack(ads, tmp_path / "a.zip", score=True, by_channel=True).file).read_bytes()
    assert Path(pack(ads, tmp_path / "b.zip", score=True, by_channel=True).file).read_bytes() == first


def test_a_folder_for_each_channel(store: Store, tmp_path: Path) -> None:
    done = pack(made(store, tmp_path / "out"), tmp_path / "p.zip", by_channel=True, manifest=False)
    assert sum(name.startswith("test/") for name in done.entries) == 4


def test_names_that_clash_are_made_longer_and_told(store: Store, tmp_path: Path) -> None:
    ads = made(store, tmp_path / "out")
    names = named(ads, PackWish(pattern="{campaign}"))
    assert [one.clashed for one in names] == [False, True, True, True]
    assert len({one.name.casefold() for one in names}) == 4
    sheet = named(ads[:1], PackWish(pattern="contact-sheet"))
    assert sheet[0].clashed and not sheet[0].name.startswith("contact-sheet.")
    with pytest.raises(BadInput, match="unknown field"):
        named(ads, PackWish(pattern="{ad.__class__}"))
    assert len(named([*ads, *ads], PackWish())) == 4


@tries(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(campaign=st.text(max_size=60), channel=st.text(max_size=60), pattern=st.sampled_from(["{campaign}", "../{campaign}/{channel}", "/{channel}", "C:\\{campaign}"]))  # fmt: skip
def test_no_name_leaves_the_pack(campaign: str, channel: str, pattern: str, tmp_path: Path) -> None:
    fmt = Format(id="square", name="Square", channel=channel, width_px=24, height_px=16)
    item = _finished(ad(None, campaign=campaign, format=fmt))
    (one,) = named([PackAd(tmp_path, item)], PackWish(pattern=pattern, by_channel=True))
    parts = one.name.split("/")
    assert len(parts) == 2
    assert not {"", ".", ".."} & set(parts)
    assert not set('\\:*?"<>|\0') & set(one.name)


def _finished(spec, file: str = "a.png"):
    from studio.desk.jobs import Finished
    from studio.results import AdFile

    result = AdFile(
        file=file, ad_id=spec.content_id, shot_id=None, format_id="square", variant=1, width_px=24, height_px=16,
        bytes=1, painter="none", score=Score(checks=()),
    )  # fmt: skip
    return Finished(spec=spec, file=result)


def test_every_fault_of_a_file_is_found_with_what_to_do(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    gone, cut, large, other, edited, good = made(store, out, 6)
    gone.path.unlink()
    cut.path.write_bytes(cut.path.read_bytes()[:200])
    Image.new("RGB", (48, 32)).save(large.path)
    Image.new("RGB", (24, 16)).save(other.path, "GIF")
    Image.new("RGB", (24, 16), "red").save(edited.path)
    ads = [gone, cut, large, other, edited, good]
    problems = {one.ad_id: one for one in examine(ads, named(ads, PackWish()), Progress())}
    said = {name: problems[one.item.spec.content_id] for name, one in zip(
        ("gone", "cut", "large", "other", "edited"), ads, strict=False)}  # fmt: skip
    assert "gone" in said["gone"].message and said["gone"].left_out
    assert "cannot be opened" in said["cut"].message and said["cut"].left_out
    assert "48 × 32 px" in said["large"].message
    assert "gif" in said["other"].message
    assert "was changed" in said["edited"].message
    assert all(one.hint for one in problems.values())
    assert good.item.spec.content_id not in problems
    done = pack(ads, tmp_path / "p.zip", manifest=False, sheet_png=False, sheet_pdf=False)
    assert done.ads == 4
    assert len(done.entries) == 4


def test_bytes_over_the_channels_limit_and_failed_checks_are_told(store: Store, tmp_path: Path) -> None:
    one = made(store, tmp_path / "out", 1)[0]
    fmt = one.item.spec.format.model_copy(update={"max_bytes": 100})
    bad = Check(id="words", passed=False, value=0, limit=1, message="a word is covered", fix="Shorten it")
    item = one.item.model_copy(
        update={
            "spec": one.item.spec.model_copy(update={"format": fmt}),
            "file": one.item.file.model_copy(update={"score": Score(checks=(bad,))}),
        }
    )
    ads = [PackAd(one.out_dir, item)]
    first, second = examine(ads, named(ads, PackWish()), Progress())
    assert "takes 100" in first.message
    assert (second.message, second.hint) == ("1 of 1 checks not passed: a word is covered", "Shorten it")


def test_a_file_outside_its_folder_is_never_read(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    ads = [PackAd(tmp_path / "out", _finished(ad(None), "../secret.png"))]
    with pytest.raises(BadInput, match="no ad to pack"):
        pack(ads, tmp_path / "p.zip")
    with pytest.raises(BadInput, match="outside"):
        assert ads[0].path


def test_a_spreadsheet_takes_no_name_for_a_formula(store: Store, tmp_path: Path) -> None:
    item = made(store, tmp_path / "out", 1)[0].item
    bad = Check(id="words", passed=False, value=0, limit=1, message="@SUM(A1)", fix="")
    fmt = item.spec.format.model_copy(update={"name": "=HYPERLINK(1)"})
    item = item.model_copy(
        update={
            "spec": item.spec.model_copy(update={"format": fmt}),
            "file": item.file.model_copy(update={"score": Score(checks=(bad,))}),
        }
    )
    done = pack([PackAd(tmp_path / "out", item)], tmp_path / "p.zip", score=True, pattern="-{ad}")
    with zipfile.ZipFile(done.file) as archive:
        row = next(csv.DictReader(io.StringIO(archive.read("score.csv").decode("utf-8-sig"))))
    assert not [cell for cell in row.values() if cell[:1] in "=+-@"]


def test_a_pack_that_is_stopped_or_refused_leaves_nothing(store: Store, tmp_path: Path) -> None:
    ads = made(store, tmp_path / "out")
    target = tmp_path / "packs" / "p.zip"
    calls = iter(range(100))
    with pytest.raises(Stopped):
        write_pack(ads, target, PackWish(), (FONTS[0], FONTS[1]), Progress(should_stop=lambda: next(calls) > 6))
    assert list(target.parent.iterdir()) == []
    (tmp_path / "blocked").write_text("a file where a folder should be")
    with pytest.raises((DeskError, BadInput)):
        pack(ads, tmp_path / "blocked" / "p.zip")
    with pytest.raises(BadInput, match="no ad"):
        pack([], target)


def test_words_of_any_script_make_a_pack(store: Store, tmp_path: Path) -> None:
    spec = ad(None, campaign="été 夏", words=Words(headline="نور يدوم"), rules=LAYOUT)
    queue = Queue(store)
    run = ask(queue, tmp_path / "out", [], [spec])
    Worker(queue, store, QuickHands()).run(until_idle=True)
    done = pack([PackAd(tmp_path / "out", item) for item in queue.results(run)], tmp_path / "p.zip")
    assert any(name.startswith("été-夏_square") for name in done.entries)
