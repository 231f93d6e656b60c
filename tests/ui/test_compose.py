"""The Compose tab's verbs: places, previews, thumbnails, maps of photos, and what they refuse."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engines import catalog
from engines.base import EngineError, Painting, PaintRequest, Progress
from engines.stage import CAPABILITIES
from engines.stage.spec import check_set
from studio import settings
from studio.board import SHAPES, Composed, outlines
from studio.brand.kit import copy_kit
from studio.brief.plan import ProductFacts, Recipes, plan
from studio.desk.engines import Engines
from studio.errors import BadInput
from studio.maps import write_map
from studio.model import Brief
from studio.pixels import decode_picture, encode_png
from studio.presets import load_sets
from studio.previews import KEPT_PREVIEWS, PREVIEW_PX, Previews, prune
from studio.sets import rest_values
from studio.studio import Studio
from studio.ui.compose import Compose
from studio.ui.view import served

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo" / "brand"


class Flat:
    """Paints the background's colour and remembers what it was asked."""

    id = "stage"
    capabilities = CAPABILITIES

    def __init__(self) -> None:
        self.asked: list[PaintRequest] = []
        self.threads: set[str] = set()
        self.hold: threading.Event | None = None

    def paint(self, requests: Sequence[PaintRequest], progress: Progress) -> Iterator[Painting]:
        for request in requests:
            self.asked.append(request)
            self.threads.add(threading.current_thread().name)
            while self.hold is not None and not self.hold.is_set():
                progress.report(0.1)
                time.sleep(0.005)
            colour = request.palette["background"]
            rgb = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
            picture = np.full((request.height_px, request.width_px, 3), rgb, np.uint8)
            depth = np.linspace(0, 1, picture[..., 0].size, dtype=np.float32).reshape(picture.shape[:2])
            yield Painting(picture, 0.01, self.id, "test", depth=depth, edges=np.zeros(picture.shape[:2], np.uint8))


@pytest.fixture
def painter() -> Flat:
    return Flat()


@pytest.fixture
def studio(tmp_path: Path, painter: Flat) -> Studio:
    engines = Engines(painter=lambda name: painter, annotator=catalog.open_annotator, offers=catalog.listed)
    made = Studio(tmp_path / "home", engines)
    made.kits.mkdir(parents=True)
    copy_kit(DEMO, made.kits / "demo")
    return made


@pytest.fixture
def compose(studio: Studio) -> Compose:
    return Compose(studio, None)  # type: ignore[arg-type]  # no verb here starts a run


def wish(**changed: Any) -> Composed:
    return Composed.model_validate({"kit": "demo", "format": "meta-square", "headline": "Stay", **changed})


def cut_out(studio: Studio) -> str:
    """A tall product with a margin, as the workspace keeps it."""
    rgba = np.zeros((320, 160, 4), np.uint8)
    rgba[20:300, 30:130] = (40, 120, 90, 255)
    return studio.store.put_blob(encode_png(rgba))


def ask(verb: Any, **asked: Any) -> dict[str, Any]:
    return served(verb)(asked)


def test_every_slider_rests_where_the_stage_itself_would_be() -> None:
    for name, spec in load_sets().items():
        stage, rests = check_set(spec), rest_values(spec)
        places = {
            "pitch_deg": stage.view.pitch_deg, "distance": stage.view.distance, "blur": stage.view.blur,
            "brightness": stage.view.brightness, "key_turn": stage.key.turn, "key_height": stage.key.height,
            "key_strength": stage.key.strength, "key_warmth": stage.key.warmth, "sky_strength": stage.sky.strength,
            "gobo_strength": stage.gobo.strength if stage.gobo else None,
        }  # fmt: skip
        assert rests == places, name


def test_places_are_those_of_the_plan_on_every_format(studio: Studio) -> None:
    presets, kit = studio.presets(), studio.shelf.load("demo")
    for fmt in (*presets.formats.values(), *SHAPES):
        seen = outlines(wish(format=fmt.id, price="€24", legal="Terms"), kit, presets, None)
        assert seen["families"], fmt.id
        assert (seen["width"], seen["height"]) == fmt.delivered_px
        for family in seen["families"].values():
            for left, top, right, bottom in [*family["slots"].values(), *family["calm"]]:
                assert -0.001 <= left < right <= 1.001 and -0.001 <= top < bottom <= 1.001


def test_right_to_left_words_mirror_the_places(compose: Compose) -> None:
    ltr = compose.outlines(wish())["families"]["hero"]["slots"]
    rtl = compose.outlines(wish(headline="شمس"))["families"]["hero"]["slots"]
    assert ltr["words"][0] == pytest.approx(1 - rtl["words"][2], abs=0.001)
    assert ltr["product"][0] > 0.5 > rtl["product"][0]


def test_the_product_stands_where_it_was_moved(compose: Compose, studio: Studio) -> None:
    digest = cut_out(studio)
    still = compose.outlines(wish(product=digest))["families"]["hero"]
    moved = compose.outlines(wish(product=digest, edits={"product_x": -0.2, "product_scale": 0.8}))["families"]["hero"]
    assert still["standing"] and moved["standing"]
    assert moved["slots"]["product"][2] < still["slots"]["product"][2] - 0.15
    height = [box["slots"]["product"][3] - box["slots"]["product"][1] for box in (still, moved)]
    assert height[1] == pytest.approx(0.8 * height[0], rel=0.02)


def test_a_preview_is_the_planned_shot_made_small(compose: Compose, studio: Studio, painter: Flat) -> None:
    edits = {"key_turn": 80, "props": 0.5, "product_scale": 1.2}
    asked = wish(product=cut_out(studio), edits=edits, format="meta-story", seed=9)
    made = compose.preview(asked)
    request = painter.asked[-1]
    assert max(request.width_px, request.height_px) == PREVIEW_PX[0] and request.seed == 9
    assert request.width_px / request.height_px == pytest.approx(1080 / 1920, rel=0.01)
    assert request.set_spec is not None and request.set_spec["key"]["turn"] == 80
    # The same as a campaign of one.
    product = Previews(studio).product(asked)
    assert product is not None and request.product is not None
    presets, kit = studio.presets(), studio.shelf.load("demo")
    brief = Brief.model_validate(
        {"headlines": ["Stay"], "formats": ["meta-story"], "layouts": ["hero"], "sets": ["arch"], "set_edits": edits, "count": 1, "seed": 9}
    )  # fmt: skip
    facts = ProductFacts(product.digest, product.aspect, product.pitch_deg)
    shot = plan(brief, kit.kit, kit.digest, presets, facts, Recipes()).shots[0]
    assert shot.placement is not None
    assert tuple(request.product.box) == tuple(shot.placement.box.model_dump().values())
    assert [tuple(box) for box in request.calm] == [tuple(box.model_dump().values()) for box in shot.calm]
    assert request.set_spec == shot.set_spec and request.palette == shot.palette
    # The product's own pixels are on top of it.
    path = next((settings.shown(studio.home) / "previews").glob("*.jpg"))
    pixels = np.asarray(Image.open(path).convert("RGB"))
    box = shot.placement.box
    at = pixels[int((box.top + box.bottom) / 2 * pixels.shape[0]), int((box.left + box.right) / 2 * pixels.shape[1])]
    assert np.abs(at.astype(int) - (40, 120, 90)).max() < 12
    assert made["url"].endswith(path.name) and made["seconds"] >= 0 and made["pitch_deg"] == product.pitch_deg


def test_a_known_preview_is_not_painted_again(compose: Compose, painter: Flat) -> None:
    first, again = compose.preview(wish()), compose.preview(wish(headline="Other words, same picture"))
    assert first["url"] == again["url"] and again["seconds"] == 0 and len(painter.asked) == 1
    assert compose.preview(wish(edits={"blur": 0.2}))["url"] != first["url"]


def test_previews_are_smaller_while_the_machine_is_slow(
    compose: Compose, painter: Flat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sizes(seeds: range) -> list[int]:
        return [(compose.preview(wish(seed=seed)), painter.asked[-1].width_px)[1] for seed in seeds]

    monkeypatch.setattr("studio.previews.SLOW_S", -1.0)
    assert sizes(range(1, 5)) == [PREVIEW_PX[0], PREVIEW_PX[0], PREVIEW_PX[1], PREVIEW_PX[2]]
    monkeypatch.setattr("studio.previews.SLOW_S", 100.0)
    monkeypatch.setattr("studio.previews.QUICK_S", 99.0)
    assert sizes(range(5, 9)) == [PREVIEW_PX[2], PREVIEW_PX[1], PREVIEW_PX[0], PREVIEW_PX[0]]


def test_a_layout_without_a_picture_is_stood_in_for(compose: Compose) -> None:
    assert compose.preview(wish(layout="type"))["family"] == "hero"


def test_the_newest_previews_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT_PREVIEWS + 5):
        (tmp_path / f"{number}.jpg").write_bytes(b"")
        stamp = 1_000_000 + number
        os.utime(tmp_path / f"{number}.jpg", (stamp, stamp))
    prune(tmp_path, KEPT_PREVIEWS)
    left = {int(path.stem) for path in tmp_path.glob("*.jpg")}
    assert left == set(range(5, KEPT_PREVIEWS + 5))


def test_a_fine_preview_gives_way_to_whoever_waits(compose: Compose, painter: Flat) -> None:
    painter.hold = threading.Event()
    said: list[dict[str, Any]] = []
    aside = threading.Thread(target=lambda: said.append(compose.preview(wish(), fine=True)))
    aside.start()
    deadline = time.monotonic() + 10
    while not painter.asked and time.monotonic() < deadline:
        time.sleep(0.005)
    asker = threading.Thread(target=lambda: said.append(compose.preview(wish(seed=2))))
    asker.start()
    aside.join(10)
    assert said == [{"url": ""}]
    painter.hold.set()
    asker.join(10)
    assert len(said) == 2 and said[1]["url"]


def test_thumbnails_come_one_by_one_from_a_thread_of_their_own(compose: Compose, painter: Flat) -> None:
    first = compose.thumbs("demo")
    assert set(first) == set(load_sets()) and not any(first.values())
    deadline = time.monotonic() + 30
    while not all((found := compose.thumbs("demo")).values()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert all(found.values())
    assert painter.threads == {"thumbnails"} and len(painter.asked) == len(first)
    compose.thumbs("demo")
    time.sleep(0.05)
    assert len(painter.asked) == len(first)


def test_a_map_of_the_set_is_kept_as_a_file(compose: Compose, studio: Studio) -> None:
    kept = compose.keep_map(wish(), "depth")
    depth = decode_picture(studio.store.get_blob(kept["digest"]), "map")
    assert depth[0, 0, 0] == 0 and depth[-1, -1, 0] == 255
    assert set(compose.control_pictures([kept["digest"], "0" * 64])) == {kept["digest"], "0" * 64}
    assert compose.control_pictures(["0" * 64]) == {"0" * 64: ""}


@pytest.fixture
def dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "uploads"
    folder.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    pixels = np.full((300, 400, 3), 220, np.uint8)
    pixels[80:220, 120:280] = (30, 60, 90)
    Image.fromarray(pixels).save(folder / "photo.png")
    return folder / "photo.png"


def test_a_photo_becomes_a_map(compose: Compose, studio: Studio, dropped: Path) -> None:
    taken = compose.take_photo(str(dropped))
    assert (taken["width"], taken["height"]) == (400, 300)
    for kind in ("edges", "softedge", "lineart", "drawing"):
        assert ask(compose.read_map, photo=taken["photo"], kind=kind)["answer"]["url"]
    used = compose.use_map(taken["photo"], "edges")
    kept = decode_picture(studio.store.get_blob(used["digest"]), "map")[..., 0]
    assert kept[150, 117:124].max() == 255 and kept[150, 200] == 0 and kept[20, 20] == 0
    inverted = compose.use_map(taken["photo"], "edges", invert=True)
    other = decode_picture(studio.store.get_blob(inverted["digest"]), "map")[..., 0]
    assert (other == 255 - kept).all()


def test_a_transparent_photo_stands_on_white(compose: Compose, studio: Studio, dropped: Path) -> None:
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(dropped)
    taken = compose.take_photo(str(dropped))
    assert decode_picture(studio.store.get_blob(taken["photo"]), "photo")[..., :3].min() == 255


def test_what_a_page_may_not_ask(compose: Compose, studio: Studio, dropped: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret.png"
    Image.new("RGB", (32, 32)).save(outside)
    for path in (outside, "", "../secret.png", dropped.parent / ".." / "secret.png", "\0"):
        assert "not dropped here" in ask(compose.take_photo, path=str(path))["error"]
    dropped.write_bytes(b"not a picture")
    assert ask(compose.take_photo, path=str(dropped))["error"]
    bad: list[tuple[Any, dict[str, Any]]] = [
        (compose.read_map, {"photo": "../../x", "kind": "edges"}),
        (compose.read_map, {"photo": "0" * 64, "kind": "depth"}),
        (compose.read_map, {"photo": "0" * 64, "kind": "edges", "detail": float("nan")}),
        (compose.read_map, {"photo": "0" * 64, "kind": "edges"}),
        (compose.control_pictures, {"digests": ["0" * 64] * 17}),
        (compose.preview, {"wish": {"kit": "../x", "format": "meta-square"}}),
        (compose.preview, {"wish": {"kit": "demo", "format": "nothing"}}),
        (compose.preview, {"wish": {"kit": "demo", "format": "meta-square", "set_id": "nothing"}}),
        (compose.preview, {"wish": {"kit": "demo", "format": "meta-square", "layout": "nothing"}}),
        (compose.preview, {"wish": {"kit": "demo", "format": "meta-square", "product": "0" * 64}}),
        (compose.preview, {"wish": {"kit": "demo", "format": "meta-square", "edits": {"blur": 9}}}),
        (compose.preview, {"wish": "all"}),
        (compose.keep_map, {"wish": {"kit": "demo", "format": "meta-square"}, "kind": "mask"}),
        (compose.thumbs, {"kit": "nothing"}),
    ]
    for verb, asked in bad:
        assert ask(verb, **asked)["error"], (verb.__name__, asked)
    with pytest.raises(BadInput):
        compose.outlines(wish(format="nothing"))


def test_what_the_tab_begins_with(compose: Compose) -> None:
    begun = compose.start()
    assert set(begun["rests"]) == set(load_sets())
    assert [shape["name"] for shape in begun["shapes"]] == ["1:1", "4:5", "9:16", "1.91:1"]
    assert {one["id"]: bool(one["reason"]) for one in begun["annotators"]} == {
        "edges": False, "softedge": False, "lineart": False, "depth": True, "pose": True,
    }  # fmt: skip


def test_the_map_of_a_file(studio: Studio, dropped: Path, tmp_path: Path) -> None:
    said = write_map(studio.engines, dropped, tmp_path / "out" / "map.png", "softedge")
    drawn = np.asarray(Image.open(tmp_path / "out" / "map.png"))
    assert said["px"] == [400, 300] and drawn.shape == (300, 400) and drawn[150, 116:124].max() > 150
    with pytest.raises(BadInput, match=r"PNG, not as \.jpg"):
        write_map(studio.engines, dropped, tmp_path / "map.jpg", "edges")
    with pytest.raises(BadInput, match="from 0 to 1"):
        write_map(studio.engines, dropped, tmp_path / "map.png", "edges", detail=float("nan"))
    with pytest.raises(EngineError, match="depth cannot be used here"):
        write_map(studio.engines, dropped, tmp_path / "map.png", "depth")
