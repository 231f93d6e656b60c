"""The Engine tab's verbs: what they show is there, and what they begin can be stopped and taken up again."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.base import Capabilities, EngineError, Offer, Painting, Progress
from engines.catalog import doors
from studio.brand.kit import copy_kit
from studio.desk.engines import Engines
from studio.errors import BadInput
from studio.model import Picture
from studio.runs import Runs
from studio.studio import Studio
from studio.ui.engine import Engine
from studio.ui.view import plainly, served
from studio.ui.workbench import Workbench
from tests.desk.workshop import FakeWorkshop

MODEL = Offer("model", "cutout", "A model", "MIT", reason="model.onnx is not here", bytes=1000, fetchable=True)
STAGE = Offer("stage", "painter", "The stage", capabilities=Capabilities(sets=True, reasons={"prompt": "No words."}))
ABLE = Offer("able", "painter", "Able", capabilities=Capabilities(prompt=True, adapters=True))
DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo"
OTHER = Offer("other", "painter", "Another", reason="its weights are not here")


class Slow:
    """A painter that waits until it is let go."""

    id = "stage"
    capabilities = Capabilities()

    def __init__(self) -> None:
        self.go = threading.Event()

    def paint(self, requests: Any, progress: Progress) -> Iterator[Painting]:
        while not self.go.wait(0.01):
            progress.report(0.2, "Painting")
        for request in requests:
            yield Painting(np.zeros((request.height_px, request.width_px, 3), np.uint8), 0.5, "stage", "numba")


@pytest.fixture
def painter() -> Slow:
    return Slow()


@pytest.fixture
def tab(tmp_path: Path, painter: Slow) -> Iterator[Engine]:
    def offers(kind: str) -> tuple[Offer, ...]:
        return {"painter": (STAGE, OTHER), "cutout": (MODEL,)}.get(kind, ())

    def fetch(name: str, licence: str, progress: Progress) -> Path:
        if licence != "MIT":
            raise EngineError(
                "It is under the licence MIT, which has not been accepted",
                "Read it at https://example.org/MIT and accept it by name.",
            )
        part = tmp_path / "home" / "models" / name / "model.onnx.part"
        part.parent.mkdir(parents=True, exist_ok=True)
        have = part.stat().st_size if part.exists() else 0
        while have < 1000:
            progress.report(have / 1000, "Fetching model.onnx")
            with part.open("ab") as file:
                file.write(b"x" * 10)
            have += 10
            time.sleep(0.005)
        return part.rename(part.with_suffix(""))

    studio = Studio(tmp_path / "home", Engines(painter=lambda name: painter, offers=offers, fetch=fetch))
    runs = Runs(studio)
    yield Engine(studio, runs)
    painter.go.set()
    runs.close()
    studio.store.close()


def until(what: Callable[[], Any], patience_s: float = 20.0) -> Any:
    end = time.monotonic() + patience_s
    while not (found := what()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)
    return found


def ended(tab: Engine) -> dict[str, Any]:
    return until(lambda: next((one for one in tab.under_way() if one["done"]), None))


def test_everything_shown_is_plain_json_and_true(tab: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.onnx").write_bytes(b"x")
    monkeypatch.setenv("LOCKUP_MODELS", f"{tmp_path / 'more'}{os.pathsep}{tmp_path / 'gone'}")
    shown = json.loads(json.dumps(plainly(tab.look())))
    stage, other = shown["painters"]
    assert stage["sets"] and stage["reasons"]["prompt"] == "No words." and other["reason"] == OTHER.reason
    assert shown["cutouts"][0]["fetchable"] and shown["cutouts"][0]["bytes"] == 1000 and shown["upscalers"] == []
    assert [(one["there"], one["files"]) for one in shown["models"]] == [(True, 1), (False, 0), (False, 0)]
    assert shown["measured"] == [] and shown["costs"]["source"]


def test_measuring_goes_on_beside_the_page_and_is_kept(tab: Engine, painter: Slow) -> None:
    tab.measure("stage")
    until(lambda: tab.under_way()[0]["text"] == "Painting")
    with pytest.raises(BadInput, match="already"):
        tab.measure("stage")
    painter.go.set()
    line = ended(tab)
    assert (line["kind"], line["name"], line["trouble"]) == ("measure", "stage", "")
    assert tab.look()["measured"][0]["seconds"] == 0.5
    json.dumps(tab.under_way())


def test_measuring_can_be_stopped(tab: Engine) -> None:
    tab.measure("stage")
    until(lambda: tab.under_way()[0]["text"] == "Painting")
    tab.stop("measure", "stage")
    assert ended(tab)["trouble"] == "Stopped"
    assert tab.look()["measured"] == []
    tab.stop("measure", "nothing")


@pytest.mark.parametrize(
    ("name", "said"), [("other", "weights"), ("nothing", "There is no painter"), ("", "There is no")]
)
def test_painters_that_cannot_be_used_are_not_measured(tab: Engine, name: str, said: str) -> None:
    with pytest.raises(EngineError, match=said):
        tab.measure(name)


def test_nothing_is_fetched_before_its_licence_is_accepted_by_name(tab: Engine) -> None:
    terms = tab.terms("model")
    assert (terms["licences"], terms["bytes"]) == ([{"name": "MIT", "url": "https://example.org/MIT"}], 1000)
    for wrong in ([], ["mit"], ["Apache-2.0"]):
        with pytest.raises(EngineError, match="not been accepted"):
            tab.fetch("model", wrong)
    assert tab.under_way() == [] and not (tab.studio.home / "models").exists()
    for name in ("stage", "nothing", "../model"):
        with pytest.raises(EngineError, match="nothing to fetch"):
            tab.terms(name)


def test_a_download_is_stopped_and_goes_on_where_it_was(tab: Engine) -> None:
    tab.fetch("model", ["MIT"])
    line = until(lambda: next((one for one in tab.under_way() if one["have"] > 200), None))
    assert line["total"] == 1000 and not line["done"]
    tab.fetch("model", ["MIT"])  # pressing twice fetches once
    assert len(tab.under_way()) == 1
    tab.stop("fetch", "model")
    stopped = ended(tab)
    assert stopped["trouble"] == "Stopped" and 200 < stopped["have"] < 1000
    tab.fetch("model", ["MIT"])
    done = until(lambda: next((one for one in tab.under_way() if one["done"] and not one["trouble"]), None))
    assert done["have"] == 1000


def test_a_download_without_a_connection_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    studio = Studio(tmp_path / "home")
    studio.engines = Engines(**doors((tmp_path,), studio.home / "models"))
    runs = Runs(studio)
    tab = Engine(studio, runs)
    try:
        assert tab.terms("birefnet-general")["licences"][0]["url"].startswith("https://")
        tab.fetch("birefnet-general", ["MIT"])
        line = ended(tab)
        assert "could not be fetched" in line["trouble"] and "goes on where it stopped" in line["hint"]
    finally:
        runs.close()
        studio.store.close()


def test_power_and_price_are_checked_and_kept(tab: Engine) -> None:
    assert tab.set_power(300, 0.25, "USD")["costs"]["watts"] == 300
    assert tab.look()["power"] == {"watts": 300.0, "price_per_kwh": 0.25, "currency": "USD"}
    assert tab.set_power()["power"] == {"watts": None, "price_per_kwh": None, "currency": None}
    call = served(tab.set_power)
    for wrong in (
        {"watts": "much"},
        {"watts": -1},
        {"watts": 1e12},
        {"price_per_kwh": -1},
        {"currency": "euros"},
        {"currency": "<b>"},
        {"x": 1},
    ):
        assert "error" in call(wrong), wrong


def test_the_doctor_and_the_reference_are_there(tab: Engine) -> None:
    said = tab.doctor()
    assert {one["state"] for one in said["findings"]} <= {"fine", "look", "broken"}
    assert "[fine] Workspace" in said["text"]
    told = tab.reference("http://127.0.0.1:7874")
    assert {"make", "kits"} <= {one["name"] for one in told["endpoints"]} and "# Lockup" in told["markdown"]
    call = served(tab.reference)
    for wrong in ("javascript:alert(1)", "http://a b", "https://x/y", "x" * 500, 7, None):
        assert "error" in call({"url": wrong}), wrong


def test_a_studio_without_engines_still_has_the_tab(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "home")
    runs = Runs(studio)
    try:
        tab = Engine(studio, runs)
        assert tab.look()["painters"] == []
        with pytest.raises(EngineError):
            tab.measure("stage")
        studio.engines = replace(studio.engines, offers=lambda kind: (STAGE,))
        with pytest.raises(EngineError, match="No engines were opened"):
            tab.measure("stage")
    finally:
        runs.close()
        studio.store.close()


# ------------------------------------------------------------------------------------------------ built engines


@pytest.fixture
def built(tmp_path: Path) -> Iterator[Workbench]:
    own = Engines(
        offers=lambda kind: (ABLE,) if kind == "painter" else (), workshop=FakeWorkshop(), folders=(tmp_path / "models",)
    )  # fmt: skip
    studio = Studio(tmp_path / "home", own)
    yield Workbench(studio)
    studio.builds.close()
    studio.store.close()


def asked(bench: Workbench, verb: str, **given: Any) -> Any:
    """As the page asks: its answer as JSON, its errors by what they say."""
    told = json.loads(json.dumps(served(getattr(bench, verb))(given)))
    return told.get("answer") if "error" not in told else told


ORDER = {"painter": "able", "runtime": "tensorrt", "target": "rtx-4090", "sizes": ["1024x1024"]}


def test_engines_are_foreseen_built_shown_and_removed(built: Workbench) -> None:
    assert asked(built, "foresee", asked=ORDER)["seconds"] == 240.0
    (begun,) = asked(built, "begin_build", asked=ORDER)
    assert begun["order"]["painter"] == "able" and begun["order"]["loras"] == 0 and "builder" not in begun
    (done,) = until(lambda: [one for one in asked(built, "builds") if one["over"]])
    assert done["state"] == "done" and done["left"] is None and len(done["rows"]) == 2
    shown = asked(built, "engines")
    assert [one["graph"] for one in shown["kept"]] == ["unet", "vae_decoder"] and shown["choices"]["painters"]["able"]
    assert asked(built, "remove_engine", key=shown["kept"][0]["key"]) == {"bytes": 2_000_000_000}
    assert len(asked(built, "engines")["kept"]) == 1
    assert asked(built, "forget_build", build=done["id"]) == []


def test_the_loras_of_a_campaign_go_into_its_engines(built: Workbench, tmp_path: Path) -> None:
    kit = copy_kit(DEMO / "brand", built.studio.kits / "solbrae").name
    lora = tmp_path / "models" / "loras" / "golden-hour.safetensors"
    lora.parent.mkdir(parents=True)
    lora.write_bytes(b"not read")
    worn = ORDER | {"kit": kit, "adapters": [{"file": "golden-hour", "weight": 0.8}]}
    assert asked(built, "foresee", asked=worn)["loras"] == ["golden-hour at 0.8"]
    (given,) = built.studio.engines.workshop.asked[-1]["loras"]  # type: ignore[union-attr]
    path, _, weight = given.rpartition("=")
    assert weight == "0.8" and Path(path).read_bytes() == b"not read"
    for name in ("/etc/passwd", "../x", "gone", "C:\\x"):
        assert "error" in asked(built, "foresee", asked=worn | {"adapters": [{"file": name}]}), name


def test_the_last_picture_says_what_painted_it_and_why_not_quicker(built: Workbench) -> None:
    notes = ["TensorRT-RTX 1.7.1 is not used for unet: no engine is built"]
    for number, facts in enumerate(({"engines": "?"}, {"engines": notes, "engine_trouble": notes}, {})):
        built.studio.store.save_picture(Picture(
            shot_id=f"{number}", digest="0" * 64, width_px=8, height_px=8, engine="able" if number < 2 else "stage",
            runtime="torch 2.13", seconds=1.0, facts=facts,
        ))  # fmt: skip
    last = asked(built, "engines")["last"]
    assert last["able"]["runtime"] == "torch 2.13" and last["able"]["notes"] == last["able"]["trouble"] == notes
    assert last["stage"]["notes"] == []


def test_wrong_wishes_are_told_and_change_nothing(built: Workbench) -> None:
    for wrong in (
        {}, 7, {"painter": "able"}, ORDER | {"runtime": "cuda"}, ORDER | {"sizes": "1024x1024"}, ORDER | {"sizes": ["x"] * 99},
        ORDER | {"painter": "../able"}, ORDER | {"target": "x" * 99}, ORDER | {"effort": "hasty"}, ORDER | {"more": 1},
        ORDER | {"painter": "nobody"}, ORDER | {"kit": "../../etc"}, ORDER | {"kit": "gone"}, ORDER | {"loras": ["/x"]},
    ):  # fmt: skip
        for verb in ("foresee", "begin_build"):
            assert "error" in asked(built, verb, asked=wrong), wrong
    assert "error" in asked(built, "begin_build", asked=ORDER | {"painter": "full"})
    for verb, given in (("stop_build", "build"), ("forget_build", "build"), ("remove_engine", "key")):
        for wrong in ("", "../x", "0" * 16, "a" * 64, 7, None):
            assert "error" in asked(built, verb, **{given: wrong}), (verb, wrong)
    assert asked(built, "builds") == []


def test_where_nothing_builds_engines_there_are_none(tab: Engine) -> None:
    assert asked(tab.bench, "engines") is None and asked(tab.bench, "builds") == []
    assert "No engines are built here" in asked(tab.bench, "begin_build", asked=ORDER)["error"]
