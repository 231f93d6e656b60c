"""The catalogue of engines, and the one that chooses between two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines import catalog
from engines.base import Cut, CutRequest, EngineError, Progress
from engines.cutout.auto import SURE, Auto

PHOTO = np.zeros((20, 20, 3), np.uint8)


class Says:
    """A cut-out engine with a fixed opinion, or none."""

    def __init__(self, name: str, confidence: float | None) -> None:
        self.id, self.recipe, self.asked = name, f"{name} 1", 0
        self._confidence = confidence

    def cut(self, request: CutRequest, progress: Progress) -> Cut:
        self.asked += 1
        progress.report(1.0, self.id)
        if self._confidence is None:
            raise EngineError(f"{self.id} found nothing", "Use the brush")
        alpha = np.full((20, 20), 255, np.uint8)
        return Cut(np.dstack([request.picture, alpha]), self._confidence, alpha, 0.1, self.id, "test")


def cut(first: Says, model: Says | None) -> Cut:
    return Auto(first, [lambda: model] if model else []).cut(CutRequest(PHOTO), Progress())


def test_a_sure_first_is_taken_and_nobody_else_asked() -> None:
    model = Says("model", 1.0)
    assert cut(Says("first", SURE), model).engine == "first" and model.asked == 0


def test_the_surer_of_two_is_taken_and_both_are_named() -> None:
    made = cut(Says("first", 0.4), Says("model", 0.9))
    assert made.engine == "model" and made.facts["tried"] == {"first": 0.4, "model": 0.9}
    assert cut(Says("first", 0.6), Says("model", 0.3)).engine == "first"


def test_without_a_model_the_first_answers_whatever_it_thinks() -> None:
    assert cut(Says("first", 0.1), None).engine == "first"


def test_one_that_finds_nothing_leaves_it_to_the_other() -> None:
    assert cut(Says("first", None), Says("model", 0.2)).engine == "model"
    made = cut(Says("first", 0.2), Says("model", None))
    assert made.engine == "first" and "found nothing" in made.facts["tried"]["model"]
    with pytest.raises(EngineError, match="first found nothing"):
        cut(Says("first", None), Says("model", None))
    with pytest.raises(EngineError, match="first found nothing"):
        cut(Says("first", None), None)


def test_the_first_model_that_is_here_is_used_and_decides_the_recipe() -> None:
    def absent() -> Any:
        raise EngineError("not here", "fetch it")

    model = Says("model", 0.9)
    auto = Auto(Says("first", 0.1), [absent, lambda: model, lambda: Says("other", 1.0)])
    assert auto.cut(CutRequest(PHOTO), Progress()).engine == "model"
    assert "model 1" in auto.recipe and auto.recipe != Auto(Says("first", 0.1)).recipe


def test_progress_never_runs_backwards() -> None:
    seen: list[float] = []
    Auto(Says("first", 0.1), [lambda: Says("model", 0.9)]).cut(
        CutRequest(PHOTO), Progress(lambda done, text: seen.append(done))
    )
    assert seen == sorted(seen) and seen[-1] == 1.0


def test_what_is_listed_can_be_opened_or_says_why_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMBG_HOME", str(tmp_path / "rembg"))
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "u2net"))
    for entry in (*catalog.listed("cutout", [tmp_path]), *catalog.listed("upscaler", [tmp_path])):
        opener = catalog.open_cutout if entry.kind == "cutout" else catalog.open_enlarger
        if entry.reason:
            with pytest.raises(EngineError) as refused:
                opener(entry.id, [tmp_path])
            assert refused.value.hint
        else:
            assert opener(entry.id, [tmp_path]).recipe
    listed = [entry.id for entry in catalog.listed("cutout", [tmp_path])]
    assert listed[0] == "auto" and "bria-rmbg" not in listed
    assert set(catalog.check().values()) == {""}


@pytest.mark.parametrize("kind", ["painter", "cutout", "upscaler"])
def test_unknown_engines_are_refused_with_the_known_ones(kind: Any) -> None:
    with pytest.raises(EngineError) as refused:
        catalog.known("nope", kind)
    assert "Known:" in refused.value.hint


def test_files_of_unknown_kinds_are_refused(tmp_path: Path) -> None:
    for name in ("net.pth", "net.onnx", "net.safetensors", "net.exe"):
        (tmp_path / name).write_bytes(b"junk" * 40)
        with pytest.raises(EngineError) as refused:
            catalog.open_enlarger(str(tmp_path / name))
        assert refused.value.hint


def test_a_checkpoint_of_ones_own_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engines.diffusion import offers

    monkeypatch.setattr(offers, "fetchable", lambda name, folders: ())  # everything a checkpoint needs is here
    with pytest.raises(EngineError, match="a checkpoint of your own") as caught:
        offers.fetch("local", tmp_path, (tmp_path,), "")
    assert str(tmp_path) in caught.value.hint
    assert offers.fetch("sdxl-lightning", tmp_path, (tmp_path,), "") == tmp_path
