"""The real thing on a tiny painter: loaded, LoRAs merged, exported, checked, built and kept."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from engines.accelerate import maker
from engines.accelerate.build import Built, build
from engines.accelerate.cache import EngineCache
from engines.accelerate.digests import Digests
from engines.accelerate.job import Job, job_for, shapes_of
from engines.accelerate.shapes import Shape
from engines.base import AdapterFile, EngineError, Progress
from engines.diffusion import sdxl_parts
from engines.diffusion.family import Parts
from engines.diffusion.worn import Worn
from tests.engines.diffusion import tiny_sdxl
from tests.engines.diffusion.tiny_checkpoint import tiny_checkpoint

SMALL = Shape(128, 128)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return tiny_sdxl.tiny_sdxl(tmp_path_factory.mktemp("tiny"))


def a_job(parts: Parts, graph: str, **more: Any) -> Job:
    made = job_for(tiny_sdxl.PROFILE, parts.paths, "onnx", graphs=(graph,))
    return replace(made, **more)


def flat(network: Any) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


@pytest.mark.parametrize(
    "graph",
    [
        "unet",
        "controlnet",
        "controlnet_2",
        "vae_decoder",
        "vae_encoder",
        "text_encoder",
        "text_encoder_2",
        "image_encoder",
    ],
)
def test_networks_are_the_painters_own(parts: Parts, graph: str) -> None:
    made = sdxl_parts.components(tiny_sdxl.PROFILE, parts.paths, torch.float32)
    own = made["vae" if graph.startswith("vae") else graph.replace("controlnet_2", "controlnet")]
    assert torch.equal(flat(maker._network(a_job(parts, graph), graph, torch.float32)), flat(own))


def test_a_base_without_a_vae_apart(parts: Parts) -> None:
    job = a_job(parts, "vae_decoder", paths={"base": parts.paths["base"]})
    own = sdxl_parts.components(tiny_sdxl.PROFILE, job.paths, torch.float32)["vae"]
    assert torch.equal(flat(maker._network(job, "vae_decoder", torch.float32)), flat(own))


def test_a_merged_lora_does_what_a_worn_one_does(parts: Parts, tmp_path: Path) -> None:
    lora = AdapterFile(tiny_sdxl.lora(tmp_path / "lora.safetensors", 3), 0.7)
    paths = {name: path for name, path in parts.paths.items() if name not in ("references", "face")}
    plain, merged, worn = (sdxl_parts.components(tiny_sdxl.PROFILE, paths, torch.float32) for _ in range(3))
    maker.merge(merged, [lora])
    pipeline = maker.StableDiffusionXLPipeline(**{k: v for k, v in worn.items() if k in ("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler")}, add_watermarker=False)  # fmt: skip
    Worn(pipeline, [worn["unet"]]).wear([lora])
    assert [n for n, _ in merged["unet"].named_parameters()] == [n for n, _ in plain["unet"].named_parameters()]

    def ask(made: Any) -> torch.Tensor:
        torch.manual_seed(1)
        more = {"text_embeds": torch.randn(1, 32), "time_ids": torch.ones(1, 6)}
        with torch.no_grad():
            return made["unet"](torch.randn(1, 4, 16, 16), 500.0, torch.randn(1, 77, 64), added_cond_kwargs=more)[0]

    assert torch.allclose(ask(merged), ask(worn), atol=1e-5)
    assert not torch.allclose(ask(merged), ask(plain), atol=1e-3)


def test_a_lora_for_another_model_is_refused(parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "no.safetensors").write_bytes(b"no")
    made = sdxl_parts.components(tiny_sdxl.PROFILE, parts.paths, torch.float32)
    with pytest.raises(EngineError):
        maker.merge(made, [AdapterFile(tmp_path / "no.safetensors")])


def test_an_unknown_graph(parts: Parts, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no graph “transformer”"):
        maker.export(a_job(parts, "transformer"), "transformer", tmp_path, Progress())


def built(job: Job, tmp_path: Path) -> Built:
    cache, digests = EngineCache(tmp_path / "engines"), Digests(tmp_path / "digests.json")
    (made,) = build(job, cache, digests)
    (again,) = build(job, cache, digests)
    assert not made.hit and again.hit and again.path == made.path and len(made.facts["graph_digest"]) == 64
    return made


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "checkpoint"])
def test_a_tiny_vae_is_exported_checked_and_kept(parts: Parts, kind: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    job = a_job(parts, "vae_decoder", shapes=(SMALL,))
    if kind == "checkpoint":
        base = parts.paths["base"]
        job = replace(job, paths={"base": base, "checkpoint": tiny_checkpoint(base, tmp_path / "own.safetensors")})
    made = built(job, tmp_path)
    assert made.path.name == "model.onnx" and 0 <= made.facts["max_error"] < 1e-4


def test_a_tiny_unet_is_built_for_a_card_that_is_not_here(parts: Parts, tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    job = job_for(tiny_sdxl.PROFILE, parts.paths, "tensorrt", "rtx-4090", graphs=("unet",), shapes=(SMALL,))
    made = built(replace(job, windows=1), tmp_path)
    assert made.bytes > 1e6 and 0 <= made.facts["max_error"] < 5e-3 and made.key.target == "8.9"
    assert made.path.name == "model.engine" and {"export", "build"} < set(made.facts["seconds"])


def test_encoders_know_no_sizes_and_wear_loras(parts: Parts, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    job = a_job(parts, "text_encoder", shapes=(SMALL, Shape(192, 128)))
    assert shapes_of("text_encoder", job) == shapes_of("image_encoder", replace(job, runtime="tensorrt")) == ()
    lora = AdapterFile(tiny_sdxl.lora(tmp_path / "lora.safetensors", 3), 0.7)
    plain, worn = (
        maker.export(one, "text_encoder", tmp_path / name, Progress())
        for name, one in (("plain", job), ("worn", replace(job, loras=(lora,))))
    )
    assert plain.max_error is not None and plain.max_error < 1e-4 and worn.digest != plain.digest
    if find_spec("tensorrt_rtx"):
        assert maker.engine(plain, (), replace(job, target="8.9"), Progress()).nbytes > 50_000


def test_without_memory_to_compare_nothing_is_claimed(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxscript")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 1000}))
    job = a_job(parts, "vae_decoder", shapes=(SMALL,))
    assert maker.export(job, "vae_decoder", tmp_path / "out", Progress()).max_error is None
