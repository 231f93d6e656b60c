"""Where ONNX Runtime is asked to run a network, with a runtime that offers what it is told to."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engines import onnx_files
from engines.accelerate.providers import CPU, CUDA, FIXED, TENSORRT, Range, choose, named
from engines.base import EngineError
from engines.cutout import sessions
from tests.engines.onnx_made import enlarger, segmenter
from tests.engines.test_cutout_sessions import cut, licensed

ALL = (TENSORRT, CUDA, CPU)
TILES = (Range("picture", (1, 3, 16, 16), (1, 3, 512, 512), (1, 3, 1024, 1024)),)


@pytest.mark.parametrize(
    ("offered", "sizes", "tensorrt", "asked", "why"),
    [
        ((CPU,), FIXED, True, (CPU,), ""),
        ((TENSORRT, CPU), FIXED, True, (CPU,), ""),
        ((CUDA, CPU), FIXED, True, (CUDA, CPU), "not installed"),
        (ALL, FIXED, False, (CUDA, CPU), "not installed"),
        (ALL, None, True, (CUDA, CPU), "not known beforehand"),
        (ALL, FIXED, True, ALL, ""),
        (ALL, TILES, True, ALL, ""),
    ],
)
def test_the_best_there_is_and_why_it_is_no_better(
    offered: tuple[str, ...], sizes: Any, tensorrt: bool, asked: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    made, said = choose(offered, sizes, tmp_path, tensorrt)
    assert tuple(map(named, made)) == asked
    assert why in said and bool(why) == bool(said)


def test_tensorrt_keeps_its_engines_and_knows_the_sizes(tmp_path: Path) -> None:
    (fixed, *_), _ = choose(ALL, FIXED, tmp_path, True)
    (ranged, *_), _ = choose(ALL, TILES, tmp_path, True)
    assert fixed[1]["trt_engine_cache_path"] == str(tmp_path) and fixed[1]["trt_engine_cache_enable"] is True  # pyright: ignore
    assert not [name for name in fixed[1] if "profile" in name]
    assert {name: said for name, said in ranged[1].items() if "profile" in name} == {  # pyright: ignore
        "trt_profile_min_shapes": "picture:1x3x16x16",
        "trt_profile_opt_shapes": "picture:1x3x512x512",
        "trt_profile_max_shapes": "picture:1x3x1024x1024",
    }


class Runtime:
    """ONNX Runtime on a machine with a card: what `fails` cannot be started is left out, or ends it if it is loud."""

    __version__ = "1.32.0"

    def __init__(self, *fails: str, loud: bool = False) -> None:
        self.fails, self.loud = fails, loud
        self.asked: list[list[str]] = []
        self.preloaded = 0

    def disable_telemetry_events(self) -> None: ...

    def get_available_providers(self) -> list[str]:
        return list(ALL)

    def preload_dlls(self) -> None:
        self.preloaded += 1
        print("a library that talks")

    def InferenceSession(self, path: str, providers: list[Any]) -> Any:  # noqa: N802 - ONNX Runtime's name
        wanted = list(map(named, providers))
        self.asked.append(wanted)
        if self.loud and self.fails and self.fails[0] in wanted:
            raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : no TensorRT here")
        active = [name for name in wanted if name not in self.fails]
        return SimpleNamespace(get_providers=lambda: active)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The runtime that onnx_files finds, with TensorRT's libraries beside it."""

    def use(runtime: Runtime) -> Runtime:
        monkeypatch.setattr(onnx_files, "_runtime", lambda: runtime)
        monkeypatch.setattr(onnx_files, "find_spec", lambda name: object())
        monkeypatch.setattr(onnx_files, "import_module", lambda name: None)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        return runtime

    return use


@pytest.mark.parametrize(
    ("fails", "said", "card"),
    [
        ((), "TensorRT", True),
        ((TENSORRT,), "CUDA", True),
        ((TENSORRT, CUDA), "CPU (CUDA could not be started)", False),
    ],
)
def test_what_ran_is_recorded_not_what_was_asked_for(
    machine: Any, tmp_path: Path, fails: tuple[str, ...], said: str, card: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = machine(Runtime(*fails))
    session = onnx_files.open_onnx(enlarger(tmp_path / "net.onnx"), FIXED)
    assert runtime.asked == [list(ALL)] and runtime.preloaded and not capsys.readouterr().out
    assert onnx_files.runtime(session) == f"ONNX Runtime 1.32.0, {said}" and onnx_files.on_card(session) is card


def test_a_network_tensorrt_cannot_take_runs_without_it(
    machine: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = machine(Runtime(TENSORRT, loud=True))
    session = onnx_files.open_onnx(enlarger(tmp_path / "net.onnx"), FIXED)
    assert runtime.asked == [list(ALL), [CUDA, CPU]] and onnx_files.device(session) == "CUDA"
    assert "net.onnx runs without TensorRT" in caplog.text and "no TensorRT here" in caplog.text
    machine(Runtime(CUDA, loud=True))
    with pytest.raises(EngineError, match="cannot be run"):
        onnx_files.open_onnx(tmp_path / "net.onnx")


def test_cut_outs_ask_for_tensorrt_and_say_what_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, real = sessions.create_custom(licensed(segmenter(tmp_path / "net.onnx"))), sessions._open_rembg
    asked: list[list[str]] = []

    def opened(name: str, path: Path, given: list[Any]) -> Any:
        asked.append(list(map(named, given)))
        if TENSORRT in asked[-1]:
            raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : this graph is not for TensorRT")
        session = real(name, path, [CPU])
        inner = session.inner_session
        session.inner_session = SimpleNamespace(
            get_providers=lambda: asked[-1], get_inputs=inner.get_inputs, get_outputs=inner.get_outputs, run=inner.run
        )
        return session

    monkeypatch.setattr(sessions, "_open_rembg", opened)
    monkeypatch.setattr(
        sessions, "providers", lambda sizes: [(TENSORRT, {}), (CUDA, {}), CPU] if sizes == FIXED else []
    )
    photo = np.full((120, 160, 3), 20, np.uint8)
    photo[30:90, 40:120] = 230
    made = cut(engine, photo)
    assert asked == [list(ALL), [CUDA, CPU]]
    assert made.runtime.endswith(", CUDA") and made.facts["device"] == "CUDA"
