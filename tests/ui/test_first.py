"""The first start: a sample brand and a finished campaign, once, and never over what is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from studio.brand.kit import load_kit
from studio.campaign import prepared
from studio.first import welcome
from studio.gallery import Gallery
from studio.runs import Runs
from studio.studio import Studio

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo"


def test_a_new_workspace_shows_a_brand_and_a_finished_campaign(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "home")
    runs = Runs(studio)
    draft = welcome(studio, runs, DEMO)
    assert studio.shelf.load(draft.kit).kit.name == "Solbrae"
    ads = Gallery(studio, runs).ads()["ads"]
    assert len(ads) == 12
    assert all(ad["path"].is_file() and ad["passed"] == ad["tested"] for ad in ads)
    assert draft.product
    assert len(prepared(studio, draft).plans[0].ads) == 12
    assert welcome(studio, runs, DEMO).kit == draft.kit
    assert len(runs.own()) == 1
    assert len(studio.shelf.listed()) == 1
    runs.close()


def test_the_sample_is_of_the_demo_brand_as_it_is_today(tmp_path: Path) -> None:
    """Else `assets/demo/make_campaign.py` is to be run again."""
    studio = Studio(tmp_path / "home")
    runs = Runs(studio)
    welcome(studio, runs, DEMO)
    item = runs.queue.results(runs.own()[0].run_id)[0]
    assert item.spec.kit_digest == load_kit(DEMO / "brand").digest
    assert load_kit(studio.store.kit_path(item.spec.kit_digest)).digest == item.spec.kit_digest
    runs.close()


def test_without_the_sample_the_studio_opens_empty(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    studio = Studio(tmp_path / "home")
    runs = Runs(studio)
    demo = tmp_path / "demo"
    shutil.copytree(DEMO / "brand", demo / "brand")
    (demo / "campaign").mkdir()
    (demo / "campaign" / "campaign.json").write_text("{", "utf-8")
    draft = welcome(studio, runs, demo)
    assert draft.kit
    assert not draft.product
    assert runs.own() == []
    assert "not all there" in caplog.text
    runs.close()
