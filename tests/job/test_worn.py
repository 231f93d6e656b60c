"""LoRAs, region masks, efforts and a painter's own facts on their way from a brief to the painter."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from engines.base import AdapterFacts, Capabilities, EngineError, Offer, Painting, PaintRequest, Progress
from engines.stage import CAPABILITIES as STAGE
from studio.brand.kit import save_kit
from studio.brief.draft import Draft
from studio.brief.rows import one_row
from studio.campaign import prepared
from studio.composition import Adapter, Control, Reference
from studio.desk import provenance
from studio.desk.engines import Engines
from studio.desk.hands import StudioHands, hands
from studio.errors import BadInput, DeskError
from studio.model import Brief
from studio.orders import Prepared, Wishes, read_effort
from studio.pixels import encode_png
from studio.studio import Studio
from studio.values import read_value

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo"
WEARS = Capabilities(
    prompt=True, product_in_scene=True, controls=("edges",), adapters=True, avoid=True,
    steps={"quick": 2, "normal": 4, "quality": 8}, guidance=3.5,
)  # fmt: skip
LACKING = Offer("far", "painter", "Far", reason="Its weights are not here", fix="app.py engines fetch far")


class Wearer:
    id = "wearer"
    capabilities = WEARS

    def __init__(self) -> None:
        self.asked: list[PaintRequest] = []

    def paint(self, requests: Sequence[PaintRequest], progress: Progress) -> Iterator[Painting]:
        for request in requests:
            self.asked.append(request)
            yield Painting(np.full((request.height_px, request.width_px, 3), 200, np.uint8), 0.01, self.id, "test")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models" / "loras" / "shop").mkdir(parents=True)
    (tmp_path / "models" / "loras" / "glow.safetensors").write_bytes(b"glow" * 1000)
    (tmp_path / "models" / "loras" / "shop" / "grain.v2.safetensors").write_bytes(b"grain")
    return tmp_path / "models"


@pytest.fixture
def painter() -> Wearer:
    return Wearer()


@pytest.fixture
def studio(tmp_path: Path, models: Path, painter: Wearer) -> Studio:
    offers = [
        Offer("stage", "painter", "Stage", capabilities=STAGE),
        Offer("wearer", "painter", "W", capabilities=WEARS, recipe="abc123"),
        LACKING,
    ]
    engines = Engines(painter=lambda name: painter, offers=lambda kind: offers, folders=(models,))
    studio = Studio(tmp_path / "home", engines)
    studio.shelf.path.mkdir(parents=True)
    studio.import_tokens(DEMO / "brand" / "brand.tokens.json", studio.shelf.path / "solbrae")
    return studio


def planned(studio: Studio, beside: Path, wishes: Wishes | None = None, **fields) -> Prepared:
    brief = Brief.model_validate({"formats": ("meta-square",), "headlines": ("Hello",), "count": 1, **fields})
    return studio.plan(one_row(brief), studio.shelf.path / "solbrae", beside, wishes or Wishes(engine="wearer"))


def test_what_the_painter_is_goes_into_the_shot(studio: Studio, tmp_path: Path) -> None:
    shot = planned(studio, tmp_path, avoid=" crowds ").plans[0].shots[0]
    assert (shot.model, shot.guidance, shot.steps) == ("abc123", 3.5, 4)
    assert shot.avoid.startswith("crowds")
    stage = planned(studio, tmp_path, Wishes(), avoid="crowds").plans[0].shots[0]
    assert (stage.model, stage.guidance, stage.steps, stage.avoid) == ("", 0.0, 12, "")


def test_loras_are_found_by_name_and_path_and_reach_the_painter(
    studio: Studio, tmp_path: Path, models: Path, painter: Wearer
) -> None:
    (tmp_path / "own.safetensors").write_bytes(b"own")
    wanted = [{"file": "own.safetensors", "weight": 0.5}, "glow", "shop/grain.v2"]
    shot = planned(studio, tmp_path, adapters=wanted).plans[0].shots[0]
    assert [(one.name, one.weight) for one in shot.adapters] == [("own", 0.5), ("glow", 1.0), ("grain.v2", 1.0)]
    assert shot.adapters[0].file == hashlib.sha256(b"own").hexdigest()
    hands(studio.store, studio.engines).paint(shot, None, Progress())
    worn = painter.asked[0].adapters
    assert [one.path.read_bytes()[:5] for one in worn] == [b"own", b"glowg", b"grain"]
    assert [(one.weight, one.digest) for one in worn] == [(one.weight, one.file) for one in shot.adapters]

    said = provenance.parameters(None, shot)
    assert "Model hash: abc123" in said and f"own: {shot.adapters[0].file[:12]} at 0.5, glow: " in said

    # Planned again from the digests it became, it is the same shot; the file it came from may change or go.
    (models / "loras" / "glow.safetensors").unlink()
    again = planned(studio, tmp_path, adapters=shot.adapters).plans[0].shots[0]
    assert again.content_id == shot.content_id


def test_a_lora_that_was_trained_on_is_another(studio: Studio, tmp_path: Path, models: Path) -> None:
    file = models / "loras" / "glow.safetensors"
    first = planned(studio, tmp_path, adapters=["glow"]).plans[0].shots[0]
    assert planned(studio, tmp_path, adapters=["glow"]).plans[0].shots[0] == first
    with file.open("r+b") as opened:  # written into, as trainers do
        opened.write(b"GLOW")
    os.utime(file, ns=(1, 1))
    second = planned(studio, tmp_path, adapters=["glow"]).plans[0].shots[0]
    assert second.content_id != first.content_id
    kept = studio.store.file_path(first.adapters[0].file, ".safetensors").read_bytes()
    assert kept == b"glow" * 1000


def test_the_kits_own_lora_is_worn_first(studio: Studio, tmp_path: Path) -> None:
    folder = studio.shelf.path / "solbrae"
    (folder / "brand.safetensors").write_bytes(b"brand")
    kit = studio.kit(folder).kit.model_copy(update={"adapter": "brand.safetensors"})
    save_kit(kit, folder)
    shot = planned(studio, tmp_path, adapters=[{"file": "glow", "weight": 0.7}]).plans[0].shots[0]
    assert [(one.name, one.weight) for one in shot.adapters] == [("brand", 1.0), ("glow", 0.7)]
    twice = planned(studio, tmp_path, adapters=shot.adapters).plans[0].shots[0]
    assert twice.adapters == shot.adapters
    job = planned(studio, tmp_path, Wishes())
    assert any(note.startswith("LoRA:") for note in job.notes)
    assert job.plans[0].shots[0].adapters == ()


def judged(studio: Studio) -> Studio:
    """With what tells LoRAs apart: one that holds `old` is for another model."""

    def facts(path: Path, painter_id: str) -> AdapterFacts:
        if "torn" in path.name:
            raise EngineError(f"{path.name} is cut off", "Download it again.")
        wrong = b"old" in path.read_bytes()
        return AdapterFacts(
            path.stem, reason=f"{path.name} is for SD 1.5, not for {painter_id}" if wrong else "", hint="Use another."
        )

    return Studio(studio.home, replace(studio.engines, adapter=facts))


def test_a_lora_for_another_model_is_refused_by_its_name_before_anything_is_painted(
    studio: Studio, tmp_path: Path
) -> None:
    able = judged(studio)
    for name in ("retro", "torn"):
        (tmp_path / f"{name}.safetensors").write_bytes(b"old" * 9)
    with pytest.raises(BadInput, match=r"^retro\.safetensors is for SD 1\.5, not for wearer") as caught:
        planned(able, tmp_path, adapters=["glow", "retro"])
    assert caught.value.hint == "Use another."
    with pytest.raises(EngineError, match=r"torn\.safetensors is cut off"):
        planned(able, tmp_path, adapters=["torn"])
    digest = able.store.put_file(tmp_path / "retro.safetensors", ".safetensors")
    with pytest.raises(BadInput, match=r"^Old film is for SD 1\.5"):
        planned(able, tmp_path, adapters=[{"file": digest, "name": "Old film"}])
    assert planned(able, tmp_path, adapters=["glow"]).notes == ()


def test_a_kits_lora_for_another_model_keeps_no_painter_from_painting(studio: Studio, tmp_path: Path) -> None:
    able, folder = judged(studio), studio.shelf.path / "solbrae"
    (folder / "brand.safetensors").write_bytes(b"old")
    save_kit(studio.kit(folder).kit.model_copy(update={"adapter": "brand.safetensors"}), folder)
    job = planned(able, tmp_path, adapters=["glow"])
    assert [one.name for one in job.plans[0].shots[0].adapters] == ["glow"]
    assert job.notes == ("The kit's LoRA: brand.safetensors is for SD 1.5, not for wearer",)


def test_what_is_not_heeded_is_said(studio: Studio, tmp_path: Path) -> None:
    twice = planned(studio, tmp_path, adapters=["glow", {"file": "glow", "weight": 0.3}])
    assert [one.weight for one in twice.plans[0].shots[0].adapters] == [1.0]
    assert twice.notes == ("LoRA glow: It is worn already; the first weight holds.",)
    can = replace(WEARS, avoid=False, reasons={"avoid": "It paints in few steps"})
    engines = replace(studio.engines, offers=lambda kind: [Offer("wearer", "painter", "W", capabilities=can)])
    few = Studio(studio.home, engines)
    assert planned(few, tmp_path, avoid="crowds").notes == ("What to avoid: It paints in few steps",)
    assert planned(few, tmp_path, avoid=" ").notes == ()


def test_a_picture_is_the_same_whatever_its_files_are_called(studio: Studio, tmp_path: Path, models: Path) -> None:
    first = planned(studio, tmp_path, adapters=["glow"]).plans[0].shots[0]
    (models / "loras" / "glow.safetensors").rename(models / "loras" / "shine.safetensors")
    second = planned(studio, tmp_path, adapters=["shine"]).plans[0].shots[0]
    assert (first.adapters[0].name, second.adapters[0].name) == ("glow", "shine")
    assert first.content_id == second.content_id
    stronger = planned(studio, tmp_path, adapters=[{"file": "shine", "weight": 0.9}]).plans[0].shots[0]
    assert stronger.content_id != first.content_id
    seen = [
        first.model_copy(update={"references": (Reference(picture="a" * 64, weight=weight, name=name),)}).content_id
        for weight, name in ((0.6, "dune"), (0.6, "beach"), (0.7, "dune"))
    ]
    assert seen[0] == seen[1] != seen[2]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("gone", "no LoRA called gone"),
        ("../models/loras/../../secret", "no LoRA called"),
        ("old.ckpt", "may run code"),
        ("old.PT", "may run code"),
        ("f" * 64, "gone"),
    ],
)
def test_loras_that_cannot_be_worn_are_refused_when_planning(
    studio: Studio, tmp_path: Path, file: str, said: str
) -> None:
    for name in ("old.ckpt", "old.PT"):
        (tmp_path / name).write_bytes(b"\x80\x04")
    with pytest.raises((BadInput, DeskError), match=said):
        planned(studio, tmp_path, adapters=[file])


def test_a_lora_is_gone_when_it_is_to_be_painted(studio: Studio, tmp_path: Path, painter: Wearer) -> None:
    shot = planned(studio, tmp_path, adapters=["glow"]).plans[0].shots[0]
    studio.store.file_path(shot.adapters[0].file, ".safetensors").unlink()
    with pytest.raises(DeskError, match="gone"):
        StudioHands(studio.store, lambda name: painter).paint(shot, None, Progress())


def test_a_page_names_no_place_on_this_machine() -> None:
    for file in ("/etc/brand", "..\\brand", "a/../../b", "C:brand", "~/brand", " "):
        with pytest.raises(BadInput, match="by its name"):
            Draft().changed({"adapters": [{"file": file}]})
    assert Draft().changed({"adapters": ["shop/glow"]}).brief().adapters == (Adapter(file="shop/glow"),)


def test_masks_of_maps_come_along(studio: Studio, tmp_path: Path, painter: Wearer) -> None:
    (tmp_path / "edges.png").write_bytes(encode_png(np.full((20, 30, 3), 255, np.uint8)))
    half = np.zeros((20, 30, 3), np.uint8)
    half[:, :15] = 255
    (tmp_path / "left.png").write_bytes(encode_png(half))
    control = Control(kind="edges", picture="edges.png", mask="left.png")
    shot = planned(studio, tmp_path, controls=[control]).plans[0].shots[0]
    StudioHands(studio.store, lambda name: painter).paint(shot, None, Progress())
    mask = painter.asked[0].controls[0].mask
    assert mask is not None and mask.shape == (20, 30) and mask.dtype == np.uint8
    assert (mask == half[..., 0]).all()


def test_what_is_transparent_says_nothing(studio: Studio, tmp_path: Path, painter: Wearer) -> None:
    """White everywhere, but seen in the left half only, as image editors save what was painted on a layer."""
    layer = np.full((20, 30, 4), 255, np.uint8)
    layer[:, 15:, 3] = 0
    (tmp_path / "layer.png").write_bytes(encode_png(layer))
    control = Control(kind="edges", picture="layer.png", mask="layer.png")
    shot = planned(studio, tmp_path, controls=[control]).plans[0].shots[0]
    StudioHands(studio.store, lambda name: painter).paint(shot, None, Progress())
    (asked,) = painter.asked[0].controls
    assert asked.mask is not None
    for plane in (asked.mask, asked.picture[..., 0]):
        assert (plane[:, :15] == 255).all() and (plane[:, 15:] == 0).all()


def test_an_effort_is_steps_of_the_painters_own(studio: Studio, tmp_path: Path) -> None:
    def steps(engine: str, effort: str) -> tuple[int, tuple[str, ...]]:
        job = planned(studio, tmp_path, Wishes(engine=engine, effort=read_effort(effort)))
        return job.plans[0].shots[0].steps, job.notes

    assert [steps("wearer", effort)[0] for effort in ("quick", "normal", "quality")] == [2, 4, 8]
    assert [steps("stage", effort)[0] for effort in ("quick", "normal")] == [4, 12]
    assert planned(studio, tmp_path, Wishes(steps=7)).plans[0].shots[0].steps == 7
    fallen, notes = steps("stage", "quality")
    if "quality" not in STAGE.steps:
        assert fallen == 12 and any("quality" in note for note in notes)
    with pytest.raises(BadInput, match="no effort called best"):
        read_effort("best")


def test_old_drafts_become_efforts(studio: Studio) -> None:
    assert read_value(Draft, {"quick": True}, "old").effort == "quick"
    assert read_value(Draft, {"quick": False}, "old").effort == "normal"
    assert Draft(effort="quality").changed({"quick": False}).effort == "quality"
    assert Draft(effort="quick").changed({"quick": False}).effort == "normal"
    draft = Draft(kit="solbrae", engine="wearer", formats=("meta-square",), effort="quality", avoid="crowds")
    shot = prepared(studio, draft).plans[0].shots[0]
    assert shot.steps == 8 and shot.avoid.startswith("crowds")


def test_a_painter_without_its_weights_is_refused_before_anything_is_planned(studio: Studio, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="Its weights are not here") as refused:
        planned(studio, tmp_path, Wishes(engine="far"), product="missing.png")
    assert refused.value.hint == "app.py engines fetch far"
    with pytest.raises(EngineError, match="no engine called nothing"):
        planned(studio, tmp_path, Wishes(engine="nothing"))


def test_make_says_so_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import app
    from engines import catalog

    monkeypatch.setenv("STUDIO_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LOCKUP_MODELS", raising=False)
    monkeypatch.setattr(catalog, "doors", lambda *_: {"offers": lambda kind: [LACKING]})
    asked = ["make", str(DEMO / "brief.toml"), "--kit", str(DEMO / "brand"), "--engine", "far", "--effort", "quality"]
    failed = CliRunner().invoke(app.app, [*asked, "--out", str(tmp_path / "out")])
    assert isinstance(failed.exception, EngineError) and "Its weights are not here" in str(failed.exception)
    assert not (tmp_path / "out").exists()


def test_styles_of_another_tool_are_looks_for_a_job_or_for_good(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "styles.csv").write_text("name,prompt,negative_prompt\nFilm Noir,noir {prompt},colour\n,lost,\n")
    wishes = Wishes(engine="wearer", styles=tmp_path / "styles.csv")
    job = planned(studio, tmp_path, wishes, look="film-noir", scene="wet street")
    assert job.plans[0].shots[0].prompt.startswith("noir wet street")
    assert job.notes == ("styles.csv line 3: This style has no name",)
    with pytest.raises(BadInput, match="no look called film-noir"):
        planned(studio, tmp_path, look="film-noir")

    (studio.home / "looks").mkdir()
    (tmp_path / "styles.csv").rename(studio.home / "looks" / "mine.csv")
    assert studio.presets().looks["film-noir"].avoid == "colour"
    assert planned(studio, tmp_path, look="film-noir").plans[0].shots
    with pytest.raises(BadInput, match=r"gone\.csv"):
        planned(studio, tmp_path, Wishes(engine="wearer", styles=tmp_path / "gone.csv"))


def test_lists_beside_the_brief_are_chosen_from(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "place.txt").write_text("a harbour\na meadow\n")
    (studio.home / "wildcards").mkdir()
    (studio.home / "wildcards" / "hour.txt").write_text("at dawn\n")
    job = planned(studio, tmp_path, scene="__place__ __hour__", count=6, vary=())
    prompts = [shot.prompt for shot in job.plans[0].shots]
    assert all("at dawn" in prompt for prompt in prompts)
    assert {prompt.split(" at dawn")[0].split()[-1] for prompt in prompts} == {"harbour", "meadow"}
