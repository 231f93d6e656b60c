"""The gallery: paging, filters, order, and the whole truth about one ad."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from many_ads import fill

from studio.desk.review import Reviews
from studio.errors import BadInput
from studio.gallery import PAGE, Gallery, Wanted
from studio.runs import Runs
from studio.studio import Studio


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    studio = Studio(tmp_path / "home")
    runs = Runs(studio)
    yield Gallery(studio, runs)
    runs.close()


def test_an_empty_workspace_has_an_empty_gallery(gallery: Gallery) -> None:
    assert gallery.ads() == {"total": 0, "all": 0, "ads": []}
    assert gallery.runs_listed() == []


def test_two_thousand_ads_come_in_pages_each_once(gallery: Gallery) -> None:
    fill(gallery.runs, 2000)
    seen: list[str] = []
    while len(seen) < 2000:
        page = gallery.ads(Wanted(), len(seen), PAGE)
        assert page["total"] == 2000
        assert 0 < len(page["ads"]) <= PAGE
        seen += [ad["ad"] for ad in page["ads"]]
    assert len(set(seen)) == 2000
    assert gallery.ads(Wanted(), 2000)["ads"] == []


def test_filters_and_order(gallery: Gallery) -> None:
    first, second = fill(gallery.runs, 24, "first"), fill(gallery.runs, 12, "second")
    ads = gallery.ads()["ads"]
    assert [ad["run"] for ad in ads] == [second] * 12 + [first] * 24
    assert {ad["run"] for ad in gallery.ads(Wanted(run=first))["ads"]} == {first}
    square = gallery.ads(Wanted(format="meta-square"))
    assert square["total"] == 6 and square["all"] == 36
    assert {ad["channel"] for ad in gallery.ads(Wanted(channel="Meta"))["ads"]} == {"Meta"}
    assert {ad["headline"] for ad in gallery.ads(Wanted(text="SUNSCREEN"))["ads"]} < {ad["headline"] for ad in ads}
    assert gallery.ads(Wanted(text="' OR 1=1 --"))["total"] == 0
    newest = gallery.ads(Wanted(order="newest", run=first))["ads"]
    assert [ad["job"] for ad in newest] == sorted((ad["job"] for ad in newest), reverse=True)


def test_what_was_thought_of_an_ad_filters_too(gallery: Gallery) -> None:
    run = fill(gallery.runs, 12)
    ads = [ad["ad"] for ad in gallery.ads()["ads"]]
    reviews = Reviews(gallery.studio.store)
    reviews.rate([(run, ads[0])], 4)
    reviews.reject([(run, ads[1])], True)
    assert [ad["ad"] for ad in gallery.ads(Wanted(stars=4))["ads"]] == [ads[0]]
    assert gallery.ads(Wanted(rejected="hide"))["total"] == 11
    assert [ad["ad"] for ad in gallery.ads(Wanted(rejected="only"))["ads"]] == [ads[1]]
    assert gallery.ads(Wanted(order="stars"))["ads"][0]["ad"] == ads[0]


def test_one_ad_whole(gallery: Gallery) -> None:
    run = fill(gallery.runs, 3)
    ad = gallery.ads()["ads"][0]
    whole = gallery.ad(run, ad["ad"])
    assert whole["words"]["headline"].endswith(" 0")
    assert len(whole["checks"]) == whole["tested"] == ad["tested"]
    assert whole["made"]["set"] == ad["set"]
    assert gallery.file(run, ad["ad"]).is_file()
    for wrong in (("", ad["ad"]), (run, "../../x"), (run, "")):
        with pytest.raises(BadInput):
            gallery.ad(*wrong)


def test_ads_that_come_later_are_found_without_reading_all_again(gallery: Gallery) -> None:
    fill(gallery.runs, 12, "first")
    assert gallery.ads()["total"] == 12
    fill(gallery.runs, 12, "second")
    assert gallery.ads()["total"] == 24
    assert gallery.runs_listed()[0]["ads"] == 12
