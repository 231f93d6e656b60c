"""What is to be built for a painter: which engines, under which keys. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from engines.accelerate import random_weights
from engines.accelerate.digests import Digests, files_of, weights_digest
from engines.accelerate.key import GRAPH_VERSION, Key
from engines.accelerate.shapes import COMMON, Shape
from engines.accelerate.targets import INSTALL, RTX_BUILDS, capability_of, find_card, flavour_of, version_of
from engines.base import AdapterFile, EngineError, Progress
from engines.diffusion.profile import Profile

WORN = ("unet", "text_encoder", "text_encoder_2")
"""Graphs that LoRAs change."""
ENCODERS = ("text_encoder", "text_encoder_2", "image_encoder")
"""Graphs that know nothing of a picture's size. Nothing stands in for their networks yet, which run once a text."""
WINDOWS = 2
"""Of 75 words' tokens each, which an engine reads at once: a brief with a set's and a look's words fills one or two."""


@dataclass(frozen=True)
class Job:
    """What is to be built for a profile: an engine a graph. `paths` are its parts (see `engines.diffusion.profile`),
    empty with `random_weights`. `target` is a compute capability, `any` for ONNX. A TensorRT engine takes every one of
    `shapes`, each with words of 1 to `windows` windows; an ONNX graph takes one shape, or with none all. `maker` is the
    module that exports and builds."""

    profile: Profile
    runtime: str
    target: str
    graphs: tuple[str, ...]
    shapes: tuple[Shape, ...] = ()
    precision: str = "fp16"
    loras: tuple[AdapterFile, ...] = ()
    paths: Mapping[str, Path] = field(default_factory=dict)
    random_weights: bool = False
    maker: str = "engines.accelerate.maker"
    windows: int = 1


def job_for(
    profile: Profile,
    paths: Mapping[str, Path],
    runtime: str,
    target: str = "this",
    *,
    shapes: Sequence[Shape] = (),
    graphs: Sequence[str] = (),
    loras: Sequence[AdapterFile] = (),
    random: bool = False,
) -> Job:
    """A job with what was left out filled in: every network that is there, the common shapes. With random weights that
    is the UNet at the first shape. Raises `EngineError` for what cannot be built."""
    flavour = flavour_of(runtime)
    if profile.family != "sdxl":
        raise EngineError(
            f"Engines are built for painters of the SDXL family; {profile.id} is none", "Use it as it is."
        )
    if random and loras:
        raise EngineError("Random weights wear no LoRA", "Leave out one of the two.")
    capability = "any" if flavour == "onnx" else capability_of(target, find_card() if target == "this" else None)
    if flavour == "rtx" and capability not in RTX_BUILDS:
        raise EngineError(
            f"TensorRT-RTX builds nothing for cards of compute capability {capability}",
            f"It builds for {', '.join(RTX_BUILDS)}. Use --runtime onnx, or the painter as it is.",
        )
    there = ("unet",) if random else _there(paths)
    return Job(
        profile,
        runtime,
        capability,
        tuple(graphs) or there,
        _shapes(tuple(shapes), flavour, random),
        "fp32" if flavour == "onnx" and not random else "fp16",
        tuple(loras),
        {} if random else dict(paths),
        random,
        windows=1 if flavour == "onnx" or random else WINDOWS,
    )


def _shapes(asked: tuple[Shape, ...], flavour: str, random: bool) -> tuple[Shape, ...]:
    if flavour == "onnx":
        return asked if len(asked) == 1 else ()
    return asked or (COMMON[:1] if random else COMMON)


def _there(paths: Mapping[str, Path]) -> tuple[str, ...]:
    # A picture with a set starts from the set's colours, which the encoder reads.
    return ("unet", *(["controlnet"] if "controls" in paths else []), "vae_decoder", "vae_encoder")


def wanted(job: Job, digests: Digests, progress: Progress | None = None) -> list[Key]:
    """The keys of a job's engines. Reads weights that nobody knows the digest of yet. Raises `EngineError`."""
    flavour, progress = flavour_of(job.runtime), progress or Progress()
    exactly = version_of(flavour)
    if not exactly:
        what, how = ("PyTorch", 'pip install -e ".[diffusion]"') if flavour == "onnx" else ("TensorRT-RTX", INSTALL)
        raise EngineError(f"{what} is not installed", f"Install it: {how}")
    worn = tuple((lora.digest or digests.of(lora.path), lora.weight) for lora in job.loras if lora.weight)
    each, found = 1 / len(job.graphs), []
    for number, graph in enumerate(job.graphs):
        if job.random_weights:
            weights = random_weights.digest(graph)
        else:
            weights = weights_digest(graph, job.paths, digests, progress.part(number * each, each))
        key = Key(
            graph, GRAPH_VERSION, weights, job.precision, shapes_of(graph, job), flavour, exactly, job.target,
            worn if graph in WORN else (),
        )  # fmt: skip
        found.append(key)
    return found


def shapes_of(graph: str, job: Job) -> tuple[Shape, ...]:
    """What a graph's engine takes, in order; none are all, or for an encoder of words or references the one it has."""
    if graph in ENCODERS or (job.runtime == "onnx" and len(job.shapes) != 1):
        return ()
    every = (replace(one, windows=number) for one in job.shapes for number in range(1, job.windows + 1))
    return tuple(sorted({shape_of(graph, one) for one in every}))


def shape_of(graph: str, shape: Shape) -> Shape:
    """What of a shape a graph knows: a VAE takes pictures one by one and no words."""
    return replace(shape, batch=1, windows=1) if graph.startswith("vae_") else shape


def weights_bytes(job: Job, graph: str) -> int:
    """About what a graph's weights take in the job's precision."""
    if job.random_weights:
        return random_weights.weighs(graph) * (4 if job.precision == "fp32" else 2)
    return sum(path.stat().st_size for _, path in files_of(graph, job.paths))
