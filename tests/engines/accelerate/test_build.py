"""Engines built in the background: found when they are there, made anew for whatever changed, stopped at once."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from engines.accelerate import job as jobs
from engines.accelerate import room
from engines.accelerate.build import build
from engines.accelerate.cache import EngineCache
from engines.accelerate.digests import Digests, files_of, weights_digest
from engines.accelerate.job import WINDOWS, Job, job_for, wanted
from engines.accelerate.key import GRAPH_VERSION
from engines.accelerate.seals import SIDECAR
from engines.accelerate.shapes import COMMON, Shape
from engines.accelerate.targets import Card, capability_of
from engines.base import AdapterFile, EngineError, Progress, Stopped
from engines.diffusion.profile import Profile, read_profiles

MAKER = "tests.engines.accelerate.fake_maker"
SQUARE, STORY = Shape(1024, 1024), Shape(768, 1408)
PROFILE = Profile("tiny", "well", "sdxl", {"normal": 4})
VERSIONS = {"rtx": "1.7.1.116", "onnx": "2.13.0", "trt": ""}


@pytest.fixture(autouse=True)
def _versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "version_of", VERSIONS.__getitem__)
    monkeypatch.setattr("engines.accelerate.targets.version_of", VERSIONS.__getitem__)


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    """Parts of a painter; what is in the files matters to their digests only."""
    base = tmp_path / "base"
    for network in ("unet", "vae", "text_encoder", "text_encoder_2"):
        (base / network).mkdir(parents=True)
        (base / network / "config.json").write_text("{}")
        (base / network / "model.safetensors").write_bytes(network.encode() * 100)
    for folder in ("controls", "image_encoder"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.safetensors").write_bytes(folder.encode())
    for file in ("unet", "references"):
        (tmp_path / f"{file}.safetensors").write_bytes(file.encode() * 10)
    return {
        "base": base, "controls": tmp_path / "controls", "image_encoder": tmp_path / "image_encoder",
        "unet": tmp_path / "unet.safetensors", "references": tmp_path / "references.safetensors",
    }  # fmt: skip


@pytest.fixture
def at(tmp_path: Path) -> tuple[EngineCache, Digests]:
    return EngineCache(tmp_path / "engines"), Digests(tmp_path / "digests.json")


def a_job(paths: dict[str, Path], name: str = "well", **more: Any) -> Job:
    made = job_for(replace(PROFILE, name=name), paths, "tensorrt", "rtx-4090", shapes=(SQUARE,), graphs=("unet",))
    return replace(made, maker=MAKER, **more)


def exports(cache: EngineCache) -> list[str]:
    log = cache.folder / "exports.log"
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


def clean(cache: EngineCache) -> bool:
    return not list(cache.folder.glob(".*")) and not multiprocessing.active_children()


# ------------------------------------------------------------------------------------------------ what is asked for


def test_a_job_is_filled_in_by_what_is_there(paths: dict[str, Path]) -> None:
    job = job_for(PROFILE, paths, "tensorrt", "RTX 4090")
    assert (job.target, job.precision, job.shapes) == ("8.9", "fp16", COMMON)
    assert job.graphs == ("unet", "controlnet", "vae_decoder", "vae_encoder")
    assert job_for(PROFILE, {"base": paths["base"]}, "onnx").graphs == ("unet", "vae_decoder", "vae_encoder")
    assert job_for(PROFILE, paths, "onnx").target == "any" and job_for(PROFILE, paths, "onnx").shapes == ()
    random = job_for(read_profiles()["sdxl-lightning"], {}, "tensorrt", "rtx-4090", random=True)
    assert (random.graphs, random.shapes, random.paths) == (("unet",), (SQUARE,), {})
    assert (job.windows, random.windows) == (WINDOWS, 1)
    assert pickle.loads(pickle.dumps(random)) == random


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"runtime": "coreml"}, "no runtime “coreml”"),
        ({"target": "gtx-1080"}, "“gtx-1080” is not known"),
        ({"target": "this"}, "no NVIDIA card"),
        ({"profile": replace(PROFILE, family="flux2")}, "SDXL family"),
        ({"random": True, "loras": (AdapterFile(Path("a")),)}, "no LoRA"),
    ],
)
def test_what_cannot_be_built_is_refused_at_once(
    paths: dict[str, Path], given: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "find_card", lambda: None)
    asked = {"profile": PROFILE, "paths": paths, "runtime": "tensorrt", "target": "rtx-4090"} | given
    with pytest.raises(EngineError, match=said):
        job_for(**asked)


def test_cards_by_name_by_number_and_the_one_that_is_here() -> None:
    here = Card("NVIDIA GeForce RTX 5090", "580.1", "12.0")
    assert [capability_of(t, here) for t in ("this", "8.6", "NVIDIA GeForce RTX 4090", "rtx-4090")] == [
        "12.0",
        "8.6",
        "8.9",
        "8.9",
    ]
    assert capability_of(here.name, None) == "12.0"


def test_a_card_tensorrt_rtx_does_not_build_for(paths: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "find_card", lambda: Card("NVIDIA H200", "580.1", "9.0"))
    with pytest.raises(EngineError, match=r"compute capability 9\.0"):
        job_for(PROFILE, paths, "tensorrt", "this")


def test_a_runtime_that_is_not_installed_is_named(
    paths: dict[str, Path], at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VERSIONS, "rtx", "")
    with pytest.raises(EngineError, match="TensorRT-RTX is not installed") as told:
        build(a_job(paths), *at)
    assert "pip install" in told.value.hint


# ------------------------------------------------------------------------------------------------ hit or not


def test_what_was_built_is_found_again(paths: dict[str, Path], at: tuple[EngineCache, Digests]) -> None:
    cache, digests = at
    seen: list[tuple[float, str]] = []
    (made,) = build(a_job(paths), cache, digests, Progress(lambda fraction, text: seen.append((fraction, text))))
    assert made.path.read_bytes() == b"engine of graph of unet for 1024x1024 on 8.9" and not made.hit
    assert (
        [f for f, _ in seen] == sorted(f for f, _ in seen)
        and seen[-1][0] == 1
        and ("Exporting unet" in {t for _, t in seen})
    )
    said = json.loads((made.path.parent / SIDECAR).read_text("utf-8"))
    assert (
        said["key"]["version"] == "1.7.1.116"
        and said["key"]["target"] == "8.9"
        and said["key"]["graph_version"] == GRAPH_VERSION
    )
    facts = said["facts"]
    assert (
        facts["max_error"] == 2e-3
        and facts["peak_memory_bytes"] > 1e6
        and {"export", "build", "until_kept"} == set(facts["seconds"])
    )
    assert facts["libraries"]["torch"] and facts["profile"] == "tiny" and facts["random_weights"] is False
    (again,) = build(a_job(paths), cache, digests)
    assert again.hit and again.path == made.path and exports(cache) == ["unet"] and clean(cache)


CHANGES: dict[str, Callable[[Job, Path], Job]] = {
    "LoRA": lambda job, folder: replace(job, loras=(AdapterFile(written(folder / "lora.safetensors", b"lora")),)),
    "LoRA's weight": lambda job, folder: replace(
        job, loras=(AdapterFile(written(folder / "l.safetensors", b"x"), 0.5),)
    ),
    "weight byte": lambda job, folder: (flip(job.paths["unet"]), job)[1],
    "reference's weight byte": lambda job, folder: (flip(job.paths["references"]), job)[1],
    "shape": lambda job, folder: replace(job, shapes=(STORY,)),
    "target": lambda job, folder: replace(job, target="12.0"),
    "precision": lambda job, folder: replace(job, precision="fp32"),
}


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[7] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_the_engine_is_no_hit(
    change: str, paths: dict[str, Path], at: tuple[EngineCache, Digests], tmp_path: Path
) -> None:
    job, digests = a_job(paths), at[1]
    (before,), (same,) = wanted(job, digests), wanted(job, digests)
    (after,) = wanted(CHANGES[change](job, tmp_path), digests)
    assert before.digest == same.digest != after.digest


def test_a_changed_version_is_no_hit(
    paths: dict[str, Path], at: tuple[EngineCache, Digests], monkeypatch: pytest.MonkeyPatch
) -> None:
    (before,) = wanted(a_job(paths), at[1])
    monkeypatch.setitem(VERSIONS, "rtx", "1.7.1.117")
    assert wanted(a_job(paths), at[1])[0].digest != before.digest


def test_what_does_not_change_an_engine_is_a_hit(
    paths: dict[str, Path], at: tuple[EngineCache, Digests], tmp_path: Path
) -> None:
    control = replace(a_job(paths), graphs=("controlnet",))
    (before,) = wanted(control, at[1])
    flip(paths["unet"])
    lora = AdapterFile(written(tmp_path / "lora.safetensors", b"lora"))
    assert wanted(replace(control, loras=(lora,)), at[1])[0] == before
    moved = {
        name: Path(shutil.copytree(path, tmp_path / "elsewhere" / name))
        for name, path in paths.items()
        if path.is_dir()
    }
    assert wanted(replace(control, paths=moved), at[1])[0] == before


def test_weights_are_read_once(paths: dict[str, Path], at: tuple[EngineCache, Digests]) -> None:
    read: list[str] = []
    digest = weights_digest("unet", paths, at[1], Progress(lambda fraction, text: read.append(text)))
    assert {"Reading unet.safetensors", "Reading references.safetensors"} <= set(read)
    read.clear()
    assert (
        weights_digest("unet", paths, at[1], Progress(lambda fraction, text: read.append(text))) == digest and not read
    )
    assert at[1].known(paths["unet"]) and not Digests(Path("nowhere")).known(paths["unet"])


def test_a_graph_is_of_these_files(paths: dict[str, Path], tmp_path: Path) -> None:
    def names(graph: str, given: dict[str, Path]) -> list[str]:
        return [name for name, _ in files_of(graph, given)]

    assert names("unet", paths) == ["unet", "config/config.json", "references"]
    without = {name: path for name, path in paths.items() if name not in ("unet", "image_encoder")}
    assert names("unet", without) == ["unet/config.json", "unet/model.safetensors"]
    assert names("vae_decoder", paths) == names("vae_encoder", paths) == ["vae/config.json", "vae/model.safetensors"]
    assert names("controlnet", paths) == ["controls/model.safetensors"]
    checkpoint = {"base": paths["base"], "checkpoint": written(tmp_path / "own.safetensors", b"own")}
    assert names("unet", checkpoint) == ["unet"] and names("text_encoder_2", checkpoint) == ["text_encoder_2"]
    with pytest.raises(EngineError, match="controlnet"):
        files_of("controlnet", checkpoint)


def test_random_weights_need_none_and_are_another_engine(
    paths: dict[str, Path], at: tuple[EngineCache, Digests]
) -> None:
    job = replace(job_for(PROFILE, {}, "tensorrt", "rtx-4090", shapes=(SQUARE,), random=True), maker=MAKER)
    (one,) = wanted(job, at[1])
    assert one.digest != wanted(a_job(paths), at[1])[0].digest


# ------------------------------------------------------------------------------------------------ several


def test_an_engine_takes_many_sizes_and_an_onnx_graph_all(
    paths: dict[str, Path], at: tuple[EngineCache, Digests]
) -> None:
    cache, graphs = at[0], ("unet", "vae_decoder")
    made = build(a_job(paths, shapes=(SQUARE, STORY), graphs=graphs), *at)
    each = [replace(size, windows=n) for size in (STORY, SQUARE) for n in (1, 2)]
    assert [(one.key.graph, one.key.shapes) for one in made] == [
        ("unet", tuple(each)),
        ("vae_decoder", (STORY, SQUARE)),
    ]
    assert exports(cache) == [*graphs] and b"768x1408, 1024x1024" in made[0].path.read_bytes()
    onnx = replace(job_for(PROFILE, paths, "onnx", graphs=("unet",)), maker=MAKER)
    (graph,) = build(onnx, *at)
    assert graph.path.name == "model.onnx" and (graph.path.parent / "model.onnx.data").stat().st_size == 2000
    assert graph.key.shapes == () and build(onnx, *at)[0].hit and clean(cache)


def test_only_what_is_missing_is_built(paths: dict[str, Path], at: tuple[EngineCache, Digests]) -> None:
    build(a_job(paths), *at)
    made = build(a_job(paths, graphs=("unet", "vae_decoder")), *at)
    assert [one.hit for one in made] == [True, False]


def test_an_engine_for_more_serves_whoever_wants_less(paths: dict[str, Path], at: tuple[EngineCache, Digests]) -> None:
    (more,) = build(a_job(paths, shapes=(SQUARE, STORY)), *at)
    (less,) = build(a_job(paths, windows=1), *at)
    assert less.hit and less.path == more.path
    (other,) = build(a_job(paths, shapes=(SQUARE, Shape(640, 640))), *at)
    assert not other.hit


def test_what_was_whole_before_a_failure_is_kept(paths: dict[str, Path], at: tuple[EngineCache, Digests]) -> None:
    job = a_job(paths, "second fails", graphs=("unet", "vae_decoder"))
    with pytest.raises(EngineError, match="no way to build"):
        build(job, *at)
    first, second = wanted(job, at[1])
    assert at[0].get(first) and not at[0].get(second) and clean(at[0])


def test_a_torn_engine_is_built_again(paths: dict[str, Path], at: tuple[EngineCache, Digests]) -> None:
    (made,) = build(a_job(paths), *at)
    made.path.write_bytes(made.path.read_bytes()[:-3])
    (again,) = build(a_job(paths), *at)
    assert not again.hit and at[0].get(again.key) and exports(at[0]) == ["unet", "unet"]


# ------------------------------------------------------------------------------------------------ trouble


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("off", "is off by 0.2"),
        ("broken", "ZeroDivisionError: at line 7"),
        ("killed", r"exit code 137.*memory ran out"),
        ("memory", "Memory ran out"),
    ],
)
def test_a_build_that_fails_says_why_and_leaves_nothing(
    name: str, said: str, paths: dict[str, Path], at: tuple[EngineCache, Digests]
) -> None:
    with pytest.raises(EngineError, match=said) as told:
        build(a_job(paths, name), *at)
    assert "\n" not in str(told.value) and told.value.hint and not at[0].entries() and clean(at[0])


def test_stopping_ends_native_code_that_never_returns(paths: dict[str, Path], at: tuple[EngineCache, Digests]) -> None:
    seen: list[str] = []
    progress = Progress(lambda fraction, text: seen.append(text), lambda: "Exporting unet" in seen)
    with pytest.raises(Stopped):
        build(a_job(paths, "endless"), *at, progress)
    assert clean(at[0]) and not at[0].entries()
    with at[0].building(wanted(a_job(paths, "endless"), at[1])[0], Progress(should_stop=lambda: True)):
        pass  # and nobody holds it any more


def test_too_little_memory_or_disk_is_said_beforehand(
    paths: dict[str, Path], at: tuple[EngineCache, Digests], monkeypatch: pytest.MonkeyPatch
) -> None:
    random = replace(job_for(PROFILE, {}, "tensorrt", "rtx-4090", shapes=(SQUARE,), random=True), maker=MAKER)
    real, disk = psutil.virtual_memory(), shutil.disk_usage(".")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: real._replace(available=16_000_000_000))
    with pytest.raises(EngineError, match=r"about 20 GB of memory, and 16 GB are free"):
        build(random, *at)
    several = replace(random, shapes=(SQUARE, STORY), windows=2)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: real._replace(available=21_000_000_000))
    with pytest.raises(EngineError, match=r"about 22 GB of memory, and 21 GB are free") as told:
        build(several, *at)
    assert "fewer sizes" in told.value.hint
    monkeypatch.setattr(psutil, "virtual_memory", lambda: real._replace(available=32_000_000_000))
    monkeypatch.setattr(room.shutil, "disk_usage", lambda path: disk._replace(free=9_000_000_000))
    with pytest.raises(EngineError, match=r"take 12\.1 GB .* 9\.0 GB free"):
        build(random, *at)
    with pytest.raises(EngineError, match="more than the 6 GB set aside"):
        build(random, EngineCache(at[0].folder, 6_000_000_000), at[1])
    assert exports(at[0]) == []


def test_room_is_made_for_a_build_of_what_lies_unused(paths: dict[str, Path], tmp_path: Path) -> None:
    cache, digests = EngineCache(tmp_path / "engines", 2000), Digests(tmp_path / "digests.json")
    (old,) = build(a_job(paths), cache, digests)
    (new,) = build(a_job(paths, shapes=(STORY,)), cache, digests)
    assert cache.get(new.key) and not cache.get(old.key)


def test_a_hit_loads_no_torch(paths: dict[str, Path], at: tuple[EngineCache, Digests], tmp_path: Path) -> None:
    code = (
        "import sys; from engines.accelerate.build import build; from engines.accelerate.job import job_for\n"
        "from engines.accelerate.cache import EngineCache; from engines.diffusion.offers import on_offer\n"
        "assert not {'torch', 'diffusers', 'onnxruntime', 'tensorrt_rtx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
