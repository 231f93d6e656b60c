"""Which runtime paints: the fastest that can, the reason for every one that cannot, and the truth about what ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.accelerate import rungs
from engines.accelerate.cache import EngineCache
from engines.accelerate.digests import Digests, weights_digest
from engines.accelerate.key import GRAPH_VERSION, Flavour, Key
from engines.accelerate.ladder import Chosen, Ladder, for_steps
from engines.accelerate.shapes import Shape
from engines.accelerate.targets import Card
from engines.base import AdapterFile, ControlMap, EngineError
from engines.diffusion.family import Work
from engines.diffusion.placement import Machine

TORCH = "torch 2.13 cuda fp16"
WORK = Work(1024, 1024, 1, 4)
SQUARE = Shape(1024, 1024)
MAP = ControlMap("depth", np.zeros((8, 8, 3), np.uint8))
MODULES = {"unet": "the UNet", "controlnet": "the ControlNet", "vae": "the VAE", "text_encoder": "words"}


@dataclass
class FakeRung:
    flavour: Flavour = "rtx"
    version: str = "1.7.1.116"
    target: str = "8.9"
    precision: str = "fp16"
    name: str = "TensorRT-RTX 1.7.1"
    absent: str = ""
    trouble: Mapping[str, Exception] = field(default_factory=dict)
    loaded: list[str] = field(default_factory=list)

    def missing(self) -> str:
        return self.absent

    def load(self, path: Path) -> str:
        said = path.read_text()
        self.loaded.append(said)
        if said in self.trouble:
            raise self.trouble[said]
        return f"session of {said}"


class FakeWardrobe:
    """A stand-in is what it is made of."""

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}
        self.made = 0

    def dress(self, network: str, sessions: Mapping[str, Any], module: Any, work: Work) -> tuple[Any, ...]:
        self.made += 1
        if self.refused.get(network) == "does not fit":
            raise EngineError("The engine was built for other adapters", "Build it again.")
        return (network, *sessions.values())

    def why_not(self, network: str, stand_in: Any, work: Work, batch: int, windows: int) -> str:
        return self.refused.get(network, "")


@dataclass
class Rig:
    cache: EngineCache
    digests: Digests
    paths: dict[str, Path]
    trt: FakeRung = field(default_factory=FakeRung)
    onnx: FakeRung = field(default_factory=lambda: FakeRung("onnx", "2.13.0", "any", name="ONNX Runtime 1.32.0"))
    wardrobe: FakeWardrobe = field(default_factory=FakeWardrobe)

    def __post_init__(self) -> None:
        self.ladder = Ladder(self.cache, self.digests, self.paths, (self.trt, self.onnx), self.wardrobe, TORCH)

    def key(self, graph: str, rung: FakeRung | None = None, **more: Any) -> Key:
        at = rung or self.trt
        shapes = () if at is self.onnx else (SQUARE,)
        key = Key(
            graph,
            GRAPH_VERSION,
            weights_digest(graph, self.paths, self.digests),
            at.precision,
            shapes,
            at.flavour,
            at.version,
            at.target,
        )
        return replace(key, **more)

    def build(self, *graphs: str, rung: FakeRung | None = None, **more: Any) -> None:
        for graph in graphs:
            self.cache.put(self.key(graph, rung, **more), graph.encode())

    def choose(self, work: Work = WORK, **more: Any) -> Chosen:
        return self.ladder.choose(MODULES, work, **more)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    base = tmp_path / "base"
    for network in ("unet", "vae"):
        (base / network).mkdir(parents=True)
        (base / network / "model.safetensors").write_bytes(network.encode())
    (tmp_path / "controls").mkdir()
    (tmp_path / "controls" / "model.safetensors").write_bytes(b"controls")
    return Rig(
        EngineCache(tmp_path / "engines"),
        Digests(tmp_path / "digests.json"),
        {"base": base, "controls": tmp_path / "controls"},
    )


# ------------------------------------------------------------------------------------------------ the way up


def test_with_nothing_built_torch_paints_and_no_weights_are_read(rig: Rig) -> None:
    chosen = rig.choose()
    assert (chosen.modules, chosen.runtime, chosen.rebuild) == ({}, TORCH, ())
    assert chosen.told == [
        f"{rung.name} is not used for unet and vae: no engine is built" for rung in (rig.trt, rig.onnx)
    ]
    assert not any(note.trouble for note in chosen.notes) and not rig.digests.known(
        rig.paths["base"] / "unet" / "model.safetensors"
    )


def test_tensorrt_is_taken_for_what_it_has(rig: Rig) -> None:
    rig.build("unet", "vae_decoder")
    chosen = rig.choose()
    assert chosen.modules == {"unet": ("unet", "session of unet"), "vae": ("vae", "session of vae_decoder")}
    assert chosen.runtime == f"TensorRT-RTX 1.7.1 fp16 (unet, vae_decoder), {TORCH} (the rest)" and not chosen.notes


def test_every_network_has_its_own_runtime(rig: Rig) -> None:
    rig.build("unet")
    rig.build("vae_decoder", rung=rig.onnx)
    chosen = rig.choose(replace(WORK, controls=(MAP,)))
    assert chosen.modules == {"unet": ("unet", "session of unet"), "vae": ("vae", "session of vae_decoder")}
    assert (
        chosen.runtime == f"TensorRT-RTX 1.7.1 fp16 (unet), ONNX Runtime 1.32.0 fp16 (vae_decoder), {TORCH} (the rest)"
    )
    assert {(note.network, note.runtime) for note in chosen.notes} == {
        ("controlnet", rig.trt.name), ("controlnet", rig.onnx.name), ("vae", rig.trt.name),
    }  # fmt: skip


def test_controlnets_by_how_many_maps_share_a_pass(rig: Rig) -> None:
    rig.build("controlnet")
    two = replace(WORK, controls=(MAP, replace(MAP, kind="edges")))
    assert (
        "controlnet" in rig.choose(replace(WORK, controls=(MAP,))).modules
        and "controlnet" not in rig.choose(two).modules
    )
    rig.build("controlnet_2")
    assert rig.choose(two).modules["controlnet"] == ("controlnet", "session of controlnet_2")
    assert "controlnet" not in rig.choose().modules  # no maps, no pass


def test_start_pictures_are_read_by_the_network_where_no_engine_does(rig: Rig) -> None:
    rig.build("vae_decoder")
    started = replace(WORK, start=np.zeros((1024, 1024, 3), np.uint8))
    chosen = rig.choose(started)
    assert chosen.modules["vae"] == ("vae", "session of vae_decoder") and "vae_encoder" in {
        n.network for n in chosen.notes
    }
    rig.build("vae_encoder")
    assert rig.choose(started).modules["vae"] == ("vae", "session of vae_decoder", "session of vae_encoder")
    assert "(vae_decoder, vae_encoder)" in rig.choose(started).runtime


def test_engines_and_stand_ins_are_kept_while_they_serve(rig: Rig) -> None:
    rig.build("unet", "vae_decoder")
    first, second = rig.choose(), rig.choose()
    assert rig.trt.loaded == ["unet", "vae_decoder"] and first.modules["unet"] is second.modules["unet"]
    rig.ladder.release()
    rig.choose()
    assert rig.trt.loaded == ["unet", "vae_decoder"] * 2


def test_another_size_takes_the_others_place(rig: Rig) -> None:
    rig.build("unet")
    rig.cache.put(rig.key("unet", shapes=(Shape(768, 1408),)), b"tall")
    assert rig.choose().modules["unet"][1] == "session of unet"
    assert rig.choose(replace(WORK, width_px=768, height_px=1408)).modules["unet"][1] == "session of tall"
    rig.choose()
    assert rig.trt.loaded == ["unet", "tall", "unet"]


def test_one_engine_of_many_sizes_stays_loaded_for_all_of_them(rig: Rig) -> None:
    tall = replace(WORK, width_px=768, height_px=1408)
    every = (SQUARE, replace(SQUARE, windows=2), Shape(768, 1408))
    rig.build("unet", shapes=every)
    for work, windows in ((WORK, 1), (WORK, 2), (tall, 1)):
        assert "unet" in rig.choose(work, windows=windows).modules
    assert "unet" not in rig.choose(tall, windows=2).modules and rig.trt.loaded == ["unet"]
    path = rig.cache.get(rig.key("unet", shapes=every))
    assert path is not None
    path.write_bytes(b"un")
    rig.ladder.release()
    assert rig.choose().rebuild == (rig.key("unet", shapes=every),)
    assert rig.choose(tall, windows=2).rebuild == ()  # which it never could


def test_one_onnx_graph_takes_all_sizes(rig: Rig) -> None:
    rig.trt.absent = "it is not installed"
    rig.build("unet", rung=rig.onnx)
    for px in (512, 1024):
        assert "unet" in rig.choose(replace(WORK, width_px=px)).modules
    assert rig.onnx.loaded == ["unet"]


# ------------------------------------------------------------------------------------------------ why not


@pytest.mark.parametrize(
    ("change", "work", "more", "said"),
    [
        ({"target": "12.0"}, WORK, {}, "for a card of compute capability 12.0"),
        ({}, replace(WORK, width_px=768), {}, "for 1024×1024 px"),
        ({}, WORK, {"batch": 4}, "for 1024×1024 px"),
        ({}, replace(WORK, guidance=6.0), {}, "for 1024×1024 px"),
        ({}, WORK, {"windows": 2}, "for 1024×1024 px"),
        ({"version": "1.6.0.1"}, WORK, {}, "built by version 1.6.0.1"),
        ({"weights": "f" * 64}, WORK, {}, "made of other weights"),
        ({"loras": (("c" * 64, 1.0),)}, WORK, {}, "with other LoRAs"),
        ({}, replace(WORK, adapters=(AdapterFile(Path("a"), 0.5, "c" * 64),)), {}, "without LoRAs"),
    ],
)
def test_an_engine_for_something_else_is_not_taken_and_named(
    rig: Rig, change: dict[str, Any], work: Work, more: dict[str, Any], said: str
) -> None:
    rig.build("unet", **change)
    chosen = rig.choose(work, **more)
    assert (chosen.modules, chosen.runtime) == ({}, TORCH)
    assert (
        f"TensorRT-RTX 1.7.1 is not used for unet: the nearest engine is {said}" in chosen.told and not rig.trt.loaded
    )


def test_an_engine_with_the_works_own_lora_is_taken(rig: Rig) -> None:
    rig.build("unet", loras=(("c" * 64, 0.5),))
    rig.build("vae_decoder")
    chosen = rig.choose(
        replace(WORK, adapters=(AdapterFile(Path("a"), 0.5, "c" * 64), AdapterFile(Path("b"), 0.0, "d" * 64)))
    )
    assert set(chosen.modules) == {"unet", "vae"}


@pytest.mark.parametrize("reason", ["it is not installed", "there is no NVIDIA card, or its driver is missing"])
def test_a_runtime_that_is_not_here_is_said_and_the_next_one_taken(rig: Rig, reason: str) -> None:
    rig.build("unet", "vae_decoder")
    rig.build("unet", rung=rig.onnx)
    rig.trt.absent = reason
    chosen = rig.choose()
    assert chosen.runtime == f"ONNX Runtime 1.32.0 fp16 (unet), {TORCH} (the rest)"
    assert chosen.told[0] == f"TensorRT-RTX 1.7.1 is not used for unet and vae: {reason}" and not rig.trt.loaded


def test_what_the_stand_in_cannot_do_is_left_to_the_network(rig: Rig) -> None:
    rig.build("unet", "vae_decoder")
    rig.wardrobe.refused["unet"] = "3 references are more than the engine takes"
    chosen = rig.choose()
    assert "unet" not in chosen.modules and "unet" not in chosen.runtime
    assert "TensorRT-RTX 1.7.1 is not used for unet: 3 references are more than the engine takes" in chosen.told
    rig.wardrobe.refused.clear()
    assert "unet" in rig.choose().modules and rig.trt.loaded == ["unet", "vae_decoder"]


def test_an_engine_that_does_not_fit_its_network_is_trouble(rig: Rig) -> None:
    rig.build("unet")
    rig.wardrobe.refused["unet"] = "does not fit"
    chosen = rig.choose()
    assert chosen.runtime == TORCH and any(note.trouble and "other adapters" in note.reason for note in chosen.notes)


# ------------------------------------------------------------------------------------------------ engines that fail


def test_a_truncated_engine_is_deleted_and_may_be_built_again_once(rig: Rig) -> None:
    rig.build("unet")
    path = rig.cache.get(rig.key("unet"))
    assert path is not None
    path.write_bytes(b"un")
    chosen = rig.choose()
    assert (chosen.modules, chosen.runtime, chosen.rebuild) == ({}, TORCH, (rig.key("unet"),))
    assert not path.exists() and "model.engine is cut short" in " ".join(chosen.told)
    assert [note.trouble for note in chosen.notes if note.network == "unet"] == [True, False]
    rig.build("unet")
    assert "unet" in rig.choose().modules and rig.choose().notes[0].network != "unet"


def test_an_engine_the_runtime_refuses_twice_is_not_built_a_third_time(rig: Rig) -> None:
    rig.trt.trouble = {"unet": EngineError("The engine model.engine cannot be used here: it is damaged")}
    for rebuild in ((rig.key("unet"),), ()):
        rig.build("unet")
        rig.build("unet", rung=rig.onnx)
        chosen = rig.choose()
        assert chosen.runtime == f"ONNX Runtime 1.32.0 fp16 (unet), {TORCH} (the rest)" and chosen.rebuild == rebuild
        assert "cannot be used here: it is damaged" in chosen.told[0] and rig.cache.get(rig.key("unet")) is None
    rig.trt.trouble = {}
    rig.build("unet")  # the designer asked for it by name
    assert "TensorRT" in rig.choose().runtime and rig.cache.failures(rig.key("unet")) == ()


def test_whatever_a_runtime_raises_costs_no_picture(rig: Rig) -> None:
    rig.build("unet", "vae_decoder")
    rig.trt.trouble = {"unet": RuntimeError("CUDA error: invalid device function\nmore")}
    chosen = rig.choose()
    assert set(chosen.modules) == {"vae"} and "RuntimeError: CUDA error: invalid device function" in chosen.told[0]
    assert "\n" not in chosen.told[0]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 5.9 GiB")])
def test_out_of_memory_while_loading_keeps_the_engine_and_is_not_tried_at_every_picture(
    rig: Rig, error: Exception
) -> None:
    rig.build("unet")
    rig.trt.trouble = {"unet": error}
    for _ in range(2):
        chosen = rig.choose()
        assert (chosen.runtime, chosen.rebuild) == (TORCH, ())
        assert "TensorRT-RTX 1.7.1 is not used for unet: memory ran out while its engine was loaded" in chosen.told
    assert rig.trt.loaded == ["unet"] and rig.cache.get(rig.key("unet"))
    rig.trt.trouble = {}
    rig.ladder.release()
    assert "unet" in rig.choose().modules


def test_a_loaded_engine_serves_on_when_its_file_went_to_make_room(rig: Rig) -> None:
    rig.build("unet", "vae_decoder")
    rig.choose()
    rig.cache.limit_bytes = 700
    rig.cache.trim(keep=(rig.key("vae_decoder").digest,))
    assert rig.cache.get(rig.key("unet")) is None
    assert set(rig.choose().modules) == {"unet", "vae"} and rig.trt.loaded == ["unet", "vae_decoder"]


def test_missing_weights_cost_no_picture(rig: Rig) -> None:
    rig.build("unet")
    (rig.paths["base"] / "unet" / "model.safetensors").unlink()
    assert "The weights of unet are not here" in " ".join(rig.choose().told)


def test_a_painter_with_other_weights_for_other_steps() -> None:
    paths = {"unet": Path("four"), "unet-8": Path("eight"), "base": Path("base")}
    assert for_steps(paths, 8)["unet"] == Path("eight") and for_steps(paths, 4)["unet"] == Path("four")
    assert for_steps({"base": Path("base"), "unet-8": Path("eight")}, 8).get("unet") is None


# ------------------------------------------------------------------------------------------------ the real runtimes


@pytest.mark.parametrize(
    ("device", "card", "versions", "said"),
    [
        ("cpu", None, {"rtx": "1.7.1.116", "onnx": "2.13.0"}, "there is no NVIDIA card, or its driver is missing"),
        ("cuda", Card("RTX 4090", "580", "8.9"), {"onnx": "2.13.0"}, "it is not installed"),
        ("cuda", Card("RTX 4090", "580", "8.9"), {"rtx": "1.7.1.116", "onnx": "2.13.0"}, ""),
        ("cuda", Card("RTX 4090", "580", "8.9"), {"trt": "11.4.0.106", "onnx": "2.13.0"}, ""),
    ],
)
def test_the_runtimes_of_a_machine(
    device: str, card: Card | None, versions: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(rungs, "find_card", lambda: card)
    monkeypatch.setattr(rungs, "version_of", lambda flavour: versions.get(flavour, ""))
    trt, onnx = rungs.rungs_of(Machine(device, torch.float16))
    assert trt.missing() == said and trt.target == (card.capability if card else "")
    assert trt.name == {"1": "TensorRT-RTX 1.7.1", "t": "TensorRT 11.4.0"}.get(
        "t" if "trt" in versions else "1" if "rtx" in versions else "", "TensorRT-RTX"
    )
    assert onnx.name.startswith("ONNX Runtime 1.") and onnx.precision == ("fp16" if device == "cuda" else "fp32")
    assert ("does not use the card" in onnx.missing()) == (
        device == "cuda" and "CUDAExecutionProvider" not in onnx.providers
    )
