from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fakes import QuickHands, ad, ask, batch, contents
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from studio.desk import export, sheet
from studio.desk.queue import Queue
from studio.desk.sheet_rows import NARROWEST, Cell, rows_of
from studio.desk.store import Store
from studio.desk.worker import Worker
from studio.errors import BadInput, DeskError

WINDOWS = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


def test_the_usual_name() -> None:
    spec = ad(None, campaign="autumn", variant=3)
    assert export.names([spec]) == {spec.content_id: f"autumn_square_v3_{spec.content_id[:8]}"}


@settings(max_examples=80, deadline=None)
@given(
    campaigns=st.lists(st.text(max_size=200), min_size=1, max_size=8, unique=True),
    pattern=st.sampled_from(["{campaign}", "{campaign}_{format}", "same", "{ad}", "../{campaign}/x", "con", ""]),
)  # fmt: skip
def test_names_are_valid_everywhere_and_unique_whatever_the_case(campaigns: list[str], pattern: str) -> None:
    specs = [ad(None, campaign=campaign, variant=n) for n, campaign in enumerate(campaigns)]
    given_names = export.names(specs, pattern)
    assert export.names(specs, pattern) == given_names
    assert len({name.casefold() for name in given_names.values()}) == len(specs)
    for name in given_names.values():
        assert name and not WINDOWS.search(name) and len(f"{name}.jpeg".encode()) < 200
        assert name[0] not in ". " and name[-1] not in ". "
        assert name.split(".")[0].casefold() not in export._RESERVED


def test_names_in_use_are_avoided_and_unknown_fields_refused() -> None:
    spec = ad(None)
    assert export.names([spec], "Same", taken=["same"])[spec.content_id] == f"Same_{spec.content_id}"
    for pattern in ("{nope}", "{campaign.__class__}", "{0}"):
        with pytest.raises(BadInput, match="unknown field"):
            export.names([spec], pattern)


def finished_run(tmp_path: Path) -> tuple[Queue, str]:
    store = Store(tmp_path / "home")
    queue = Queue(store)
    run = ask(queue, tmp_path / "out", *batch(6))
    Worker(queue, store, QuickHands()).run(until_idle=True)
    return queue, run


def test_manifest_and_zip(tmp_path: Path) -> None:
    queue, run = finished_run(tmp_path)
    out, results = tmp_path / "out", queue.results(run)
    (out / ".lockup-9-abc.part").write_bytes(b"half")
    export.write_manifest(out, run, results, complete=True)
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert (manifest["passed"], manifest["tested"], manifest["complete"]) == (6, 6, True)
    assert sorted(entry["file"] for entry in manifest["ads"]) == sorted(contents(out))
    assert manifest["ads"][0]["words"] == {"headline": "Headline 0"}
    assert not list(out.glob(".*"))
    names = [entry["file"] for entry in manifest["ads"]]
    one, two = (export.zip_run(out, tmp_path / name, names).read_bytes() for name in ("a.zip", "b.zip"))
    assert one == two
    assert sorted(zipfile.ZipFile(tmp_path / "a.zip").namelist()) == sorted(names)
    for bad, error in (("../home/desk.sqlite", BadInput), ("missing.png", DeskError)):
        with pytest.raises(error):
            export.zip_run(out, tmp_path / "c.zip", [*names, bad])
    assert not (tmp_path / "c.zip").exists() and not list(tmp_path.glob(".*"))
    queue.store.close()


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.tuples(st.integers(20, 3000), st.integers(20, 3000)), min_size=1, max_size=25))
def test_rows_keep_every_picture_its_aspect_and_the_margin(sizes: list[tuple[int, int]]) -> None:
    sizes = [(w, h) for w, h in sizes if 0.1 < w / h < 10] or [(100, 100)]
    rows = rows_of([Cell(w, h, n) for n, (w, h) in enumerate(sizes)], 2000, 40, 300)
    assert sorted(place.cell.content for row in rows for place in row.places) == list(range(len(sizes)))
    for row in rows:
        assert sum(place.cell_width for place in row.places) + 40 * (len(row.places) - 1) <= max(2000.5, NARROWEST)
        for place in row.places:
            assert place.width / place.height == pytest.approx(place.cell.aspect)
            assert place.height <= row.height + 1e-6 and place.height <= 2 * place.cell.height_px + 1e-6


@pytest.mark.parametrize(("count", "pages"), [(1, 1), (13, 1), (90, 2)])
def test_a_sheet_of_any_length(tmp_path: Path, count: int, pages: int) -> None:
    Image.fromarray(np.full((90, 160, 3), 200, np.uint8)).save(tmp_path / "ad.png")
    ads = [
        sheet.SheetAd(
            path=str(tmp_path / "ad.png"), label="Landscape", width_px=160, height_px=90, passed=9, tested=10,
            group=f"{n // 10}",
        )
        for n in range(count)
    ]  # fmt: skip
    written = sheet.contact_sheet(ads, tmp_path / "contact-sheet.jpg", title="Ωmega 珈琲", subtitle="x" * 300)
    assert len(written) >= pages
    for path in written:
        with Image.open(path) as image:
            assert image.width == sheet.WIDTH and image.format == "JPEG"
    with pytest.raises(BadInput):
        sheet.contact_sheet([], tmp_path / "empty.png", title="")


def test_a_sheet_of_a_real_run(tmp_path: Path) -> None:
    queue, run = finished_run(tmp_path)
    ads = sheet.sheet_ads(tmp_path / "out", queue.results(run))
    assert [one.group for one in ads][:2] == ["01   Headline 0", "02   Headline 1"]
    assert sheet.contact_sheet(ads, tmp_path / "sheet.png", title="Brand")[0].exists()
    Path(ads[0].path).write_bytes(b"junk")
    with pytest.raises(BadInput, match="cannot be shown"):
        sheet.contact_sheet(ads, tmp_path / "sheet2.png", title="Brand")
    queue.store.close()
