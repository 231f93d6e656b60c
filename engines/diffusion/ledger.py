"""The memory ledger: what a painter's networks weigh, what work takes on top, and how it all goes onto a card.

Weights are counted from the headers of the files that are there, else taken from `PARAMETERS`. Work was counted as the
most bytes of tensors alive at once while the full-size networks of diffusers 0.42.1 ran on the meta device, with
attention that keeps no scores (flash); it is a straight line in the picture's area. Loads no torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from engines.diffusion.family import Parts
from engines.diffusion.profile import Profile
from engines.tensors import read_header

Mode = Literal["resident", "words off", "group"]
MODES: tuple[Mode, ...] = ("resident", "words off", "group")
"""From everything on the card, over the encoders of words and references in main memory, to everything but the VAE in
main memory. What is not on the card comes over layer by layer while it computes."""

PARAMETERS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "sdxl": {
            "unet": 2_567_463_684,
            "text_encoder": 123_060_480,
            "text_encoder_2": 694_659_840,
            "vae": 83_653_863,
            "controls": 1_257_943_280,
            "references": 423_748_864,
            "face": 423_748_864,
            "image_encoder": 632_076_800,
            "preview": 2_445_063,
        },
        "flux2": {"transformer": 3_875_544_576, "text_encoder": 4_022_468_096, "vae": 84_046_115},
        "zimage": {
            "transformer": 6_154_908_736,
            "text_encoder": 4_022_468_096,
            "vae": 83_819_683,
            "controls": 3_356_225_792,
        },
    }
)
"""Counted on the meta device from the published configs. `references` is an IP-Adapter Plus: its keys and values in the
UNet's 70 cross-attentions and its resampler."""

RESERVE = 1_000_000_000
"""What the driver's context and the desktop take of a card, and torch's counters do not see."""
SLACK = 300_000_000
"""Work areas of the convolutions' and attention's kernels."""
WINDOW = 600_000_000
"""Layers on their way over and the one that computes, where networks leave: at most two of the largest layer, an
embedding of 0.39 billion numbers apart, which Qwen's words need only before anything is painted."""
TILE_PX = 512
READ_AREA = 512 * 1024
_STEP = MappingProxyType({"sdxl": 79, "flux2": 258, "zimage": 242})
"""Numbers (not bytes) alive a pixel in one denoising step: SDXL's UNet; the transformers hold 65,900 and 60,800 a token
of 16 × 16 px."""
_CONTROLLED = MappingProxyType({"sdxl": 51, "flux2": 0, "zimage": 225})
"""More of them with a ControlNet: the residuals of SDXL's (26), twice while they are weighed and summed; of Z-Image's
15 hints, 3,840 a token each."""
_DECODE, _ENCODE = 768, 643
"""Numbers alive a pixel while the VAE decodes (three tensors of 256 channels at full size) and encodes. The VAEs of all
families are of one shape."""
_ONE_BY_ONE = ("sdxl",)
"""Families that decode the pictures of a batch one after the other."""
_BASE_PARTS = ("unet", "transformer", "text_encoder", "text_encoder_2", "vae", "image_encoder")
_FLOATS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")
_IN_CHECKPOINT = MappingProxyType(
    {
        "unet": "model.diffusion_model.",
        "vae": "first_stage_model.",
        "text_encoder": "conditioner.embedders.0.",
        "text_encoder_2": "conditioner.embedders.1.",
    }
)
_LEAVE_FIRST = ("text_encoder", "text_encoder_2", "image_encoder")
_STAY_LAST = ("vae", "preview")


@dataclass(frozen=True)
class Job:
    """What is painted at once. `number_bytes`: 2 in half precision, 4 in single."""

    family: Literal["sdxl", "flux2", "zimage"]
    width_px: int
    height_px: int
    batch: int = 1
    number_bytes: int = 2
    controlled: bool = True
    starts: bool = True
    """Whether it starts from a picture, which the VAE then encodes."""
    guided: bool = False
    """Whether every step is done twice, to turn away from what is to be avoided."""
    references: int = 0
    """Pictures of half a megapixel that a transformer reads beside the one it paints (FLUX.2)."""


@dataclass(frozen=True)
class Plan:
    """How a painter's networks go onto a card, in bytes. `peak` is the most of tensors on the card: what stays, and the
    most that work takes on top (`working`). `fits` says whether that is within the budget."""

    mode: Mode
    tiles: bool
    resident: int
    leaves: tuple[str, ...]
    working: int
    budget: int

    @property
    def peak(self) -> int:
        return self.resident + self.working

    @property
    def fits(self) -> bool:
        return self.peak <= self.budget

    def explained(self) -> str:
        """One line for a designer."""
        if self.mode == "resident":
            how = "everything stays on the card"
        elif self.mode == "words off":
            how = "the encoders of words and references come onto the card only when needed"
        else:
            how = "the networks come onto the card layer by layer, which is slower"
        tiles = ", decoded in tiles" if self.tiles else ""
        room = "" if self.fits else f", more than the {self.budget / 1e9:.1f} GB there are"
        return f"{how}{tiles}: {self.resident / 1e9:.1f} GB, {self.peak / 1e9:.1f} GB while painting{room}"


# ------------------------------------------------------------------------------------------------ weights


def weigh(profile: Profile, parts: Parts | None = None, number_bytes: int = 2) -> dict[str, int]:
    """Bytes of every network of a painter by name, once loaded at `number_bytes` a number.

    From the headers of the files where `parts` says that they are here; without `parts` for all that the profile can
    use, by `PARAMETERS`. Raises `EngineError` for a file that is no sound safetensors file.
    """
    table = PARAMETERS[profile.family]
    if parts is None:
        named = {*profile.parts, *profile.extras}
        extra = {"controls", "references", "face", "image_encoder", "preview"}
        return {name: count * number_bytes for name, count in table.items() if name not in extra or name in named}
    counted: dict[str, int] = {}
    for part, path in parts.paths.items():
        if part.startswith("unet-"):
            continue  # takes the unet's place, beside nothing
        if part in ("base", "checkpoint"):
            counted |= {name: n for name, n in _inside(part, path).items() if n and name not in parts.paths}
        elif numbers := _numbers(path) or table.get(part, 0):
            counted[part] = numbers
    return {name: numbers * number_bytes for name, numbers in counted.items()}


def _inside(part: str, path: Path) -> dict[str, int]:
    if part == "checkpoint":
        return {name: _numbers(path, prefix) for name, prefix in _IN_CHECKPOINT.items()}
    return {name: _numbers(path / name) for name in _BASE_PARTS}


def _numbers(path: Path, prefix: str = "") -> int:
    """Floating-point numbers in a safetensors file, or in those of a folder, each network once."""
    files = [path] if path.is_file() else _one_of_each(sorted(path.glob("*.safetensors")))
    return sum(
        math.prod(tensor.shape)
        for file in files
        for name, tensor in read_header(file).items()
        if tensor.dtype in _FLOATS and name.startswith(prefix)
    )


def _one_of_each(files: list[Path]) -> list[Path]:
    """Without the twins in other precisions: `model.fp16.safetensors` beside `model.safetensors`."""
    plain = [file for file in files if ".fp16." not in file.name and ".non_ema" not in file.name]
    return plain or files


# --------------------------------------------------------------------------------------------------- plans


def stays(network: str, mode: Mode) -> bool:
    """Whether a network (by its name in `Family.modules`) lies on the card between uses."""
    if mode == "resident":
        return True
    return network in _STAY_LAST if mode == "group" else network not in _LEAVE_FIRST


def plan(
    card_bytes: int,
    weights: Mapping[str, int],
    job: Job,
    also_resident: Mapping[str, int] | None = None,
    mode: Mode | None = None,
) -> Plan:
    """The quickest way that fits onto a card of `card_bytes`: whole decoding before tiles, residence before offloading.

    `also_resident`: bytes of others that stay on the card (upscaler, cut-out). `mode`: this way and no other. The last
    resort is returned where nothing fits; its `fits` says so.
    """
    budget = card_bytes - RESERVE - sum((also_resident or {}).values())
    ways = [
        foresee(weights, job, one, tiles, budget)
        for one in (MODES if mode is None else (mode,))
        for tiles in (False, True)
    ]
    return next((way for way in ways if way.fits), ways[-1])


def foresee(weights: Mapping[str, int], job: Job, mode: Mode, tiles: bool, budget: int = 0) -> Plan:
    """What painting takes in one way."""
    kept = {name: size for name, size in weights.items() if stays(_home(name), mode)}
    leaves = tuple(name for name in weights if name not in kept)
    working = work_bytes(job, tiles) + (WINDOW if leaves else 0)
    return Plan(mode, tiles, sum(kept.values()), leaves, working, budget)


def work_bytes(job: Job, tiles: bool = False) -> int:
    """What painting takes beside the weights: the greatest of a denoising step and the VAE's turns."""
    area = job.width_px * job.height_px
    # 1. A step of the denoiser, with what it reads beside the picture.
    read = area + (READ_AREA * job.references if job.family == "flux2" else 0)
    step = (_STEP[job.family] + _CONTROLLED[job.family] * job.controlled) * read * job.batch * (2 if job.guided else 1)
    # 2. The VAE's turns. In tiles, those already done and the picture they are joined to lie beside them.
    decoded = area if job.family in _ONE_BY_ONE else area * job.batch
    encoded = area * job.batch if job.starts else 0
    kept = 0
    if tiles:
        decoded, encoded, kept = min(area, TILE_PX**2), min(encoded, TILE_PX**2), 12 * area * job.batch
    return max(step, _DECODE * decoded + kept, _ENCODE * encoded + kept) * job.number_bytes + SLACK


def _home(part: str) -> str:
    """The network that a part is in: adapters lie in the UNet."""
    return "unet" if part in ("references", "face") else part
