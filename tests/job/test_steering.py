"""Maps and references reach a painter that follows them, and are left out with a reason for one that does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.base import Capabilities, Offer, Painting, PaintRequest, Progress
from engines.stage import CAPABILITIES as STAGE
from studio.brief.draft import Draft, Sketch, Stroke
from studio.campaign import prepared, reckon
from studio.composition import Control, Reference
from studio.desk.engines import Engines
from studio.desk.hands import StudioHands
from studio.errors import BadInput
from studio.machine import measure
from studio.pixels import encode_png
from studio.studio import Studio

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo"
FOLLOWS = Capabilities(
    prompt=True, sets=True, product_in_scene=True, controls=("lineart", "blocks", "edges"), references=("style", "face"),
    reasons={"depth": "No depth model is here."},
)  # fmt: skip


class Follower:
    """Keeps what it was asked for, and paints the background colour."""

    id = "follower"
    capabilities = FOLLOWS

    def __init__(self) -> None:
        self.asked: list[PaintRequest] = []

    def paint(self, requests: Sequence[PaintRequest], progress: Progress) -> Iterator[Painting]:
        for request in requests:
            self.asked.append(request)
            picture = np.full((request.height_px, request.width_px, 3), 200, np.uint8)
            yield Painting(picture, 0.01, self.id, "test")


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    offers = [
        Offer("stage", "painter", "Stage", capabilities=STAGE),
        Offer("follower", "painter", "F", capabilities=FOLLOWS),
    ]
    studio = Studio(tmp_path / "home", Engines(offers=lambda kind: offers))
    studio.shelf.path.mkdir(parents=True)
    studio.import_tokens(DEMO / "brand" / "brand.tokens.json", studio.shelf.path / "solbrae")
    return studio


def picture(studio: Studio, shade: int) -> str:
    return studio.store.put_blob(encode_png(np.full((40, 60, 3), shade, np.uint8)))


def draft(studio: Studio, engine: str) -> Draft:
    line = Stroke(tool="line", points=((0.1, 0.1), (0.9, 0.9)), size_fraction=0.02)
    block = Stroke(tool="block", points=((0.2, 0.2), (0.8, 0.2), (0.8, 0.8)), hex="#ff0000", closed=True)
    return Draft(
        kit="solbrae", engine=engine, formats=("meta-square",), count=1, scene="low sun", headlines=("Hello",),
        sketch=Sketch(strokes=(line, block), line_strength=0.7),
        controls=(Control(kind="edges", picture=picture(studio, 9)), Control(kind="depth", picture=picture(studio, 99))),
        references=(
            Reference(picture=picture(studio, 120), weight=0.4, mask=picture(studio, 255)),
            Reference(picture=picture(studio, 130), use="product"),
        ),
    )  # fmt: skip


def test_a_painter_that_follows_gets_them_as_pixels(studio: Studio) -> None:
    job = prepared(studio, draft(studio, "follower"))
    painter = Follower()
    StudioHands(studio.store, lambda name: painter).paint(job.plans[0].shots[0], None, Progress())
    (asked,) = painter.asked
    assert [one.kind for one in asked.controls] == ["lineart", "blocks", "edges"]
    lines, blocks, edges = asked.controls
    assert lines.strength == 0.7
    assert lines.picture.max() == 255 and lines.picture.min() == 0
    assert (blocks.picture == (255, 0, 0)).all(axis=2).any()
    assert (edges.picture == 9).all()
    (style,) = asked.references
    assert (style.use, style.weight) == ("style", 0.4)
    assert style.mask is not None and (style.mask == 255).all()
    assert "low sun" in asked.prompt
    assert job.notes == ("Depth: No depth model is here.", "Product: This painter does not use it.")


def test_the_stage_leaves_them_out_and_says_why(studio: Studio) -> None:
    job = prepared(studio, draft(studio, "stage"))
    shot = job.plans[0].shots[0]
    assert (shot.controls, shot.references, shot.prompt) == ((), (), "")
    assert any("does not follow sketches" in note for note in job.notes)
    assert any("does not look at pictures" in note for note in job.notes)
    bare = prepared(studio, draft(studio, "stage").changed({"sketch": {}, "controls": [], "references": []}))
    assert bare.plans[0].shots[0].content_id == shot.content_id  # what is not used repaints nothing


def test_paths_in_a_written_brief_are_brought_into_the_workspace(studio: Studio, tmp_path: Path) -> None:
    Image.new("RGB", (30, 20), (1, 2, 3)).save(tmp_path / "mood.jpg")
    (tmp_path / "brief.toml").write_text(
        'version = 1\nreferences = ["mood.jpg"]\nformats = ["meta-square"]\ncount = 1\n'
    )
    from studio.orders import Wishes

    job = studio.prepare(tmp_path / "brief.toml", DEMO / "brand", Wishes(engine="follower"))
    (reference,) = job.plans[0].shots[0].references
    assert studio.store.get_blob(reference.picture)
    (tmp_path / "mood.jpg").write_bytes(b"torn")
    with pytest.raises(BadInput, match=r"mood\.jpg"):
        studio.prepare(tmp_path / "brief.toml", DEMO / "brand", Wishes(engine="follower"))


def test_what_a_job_comes_to_is_reckoned_before_anything_is_painted(studio: Studio) -> None:
    job = prepared(studio, draft(studio, "stage").changed({"count": 3, "formats": ["meta-square", "display-728x90"]}))
    reckoning = reckon(studio, job)
    assert (reckoning.ads, reckoning.measured) == (6, False)
    assert reckoning.pictures == reckoning.new_pictures == sum(len(plan.shots) for plan in job.plans)
    assert reckoning.seconds is not None and reckoning.seconds > 5


def test_nobody_says_how_long_a_painter_takes_that_never_painted_here(studio: Studio) -> None:
    job = prepared(studio, draft(studio, "follower"))
    unknown = reckon(studio, job)
    assert (unknown.seconds, unknown.with_steps(40), unknown.measured) == (None, None, False)
    measured = measure(studio, Follower(), Progress())
    known = reckon(studio, job)
    assert (measured.width_px, measured.steps) == (1024, 12)
    assert known.seconds is not None and known.paint_seconds > 0


def test_a_draft_without_formats_or_kit_is_refused(studio: Studio) -> None:
    with pytest.raises(BadInput, match="No format"):
        prepared(studio, Draft(kit="solbrae"))
    with pytest.raises(BadInput, match="no kit"):
        prepared(studio, Draft(kit="../solbrae", formats=("meta-square",)))
    with pytest.raises(BadInput, match="no kit"):
        prepared(studio, Draft(formats=("meta-square",)))
