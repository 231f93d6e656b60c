"""Networks in main memory, brought over layer by layer: the same pictures as with everything in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engines.base import AdapterFile, ControlMap, ReferencePicture
from engines.diffusion import flux2, sdxl, zimage
from engines.diffusion.family import Work
from engines.diffusion.ledger import Mode
from engines.diffusion.placement import Machine, bytes_of, driver_fault, find_machine, place
from tests.engines.diffusion import tiny_flux2, tiny_sdxl, tiny_zimage

PX = 128


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (PX, PX, 3), np.uint8)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tiny_sdxl.tiny_sdxl(tmp_path_factory.mktemp("sdxl"))


def drawn(family: Any, *works: Work) -> list[np.ndarray]:
    return [family.paint([work], lambda done, of, look: None).pictures[0] for work in works]


@pytest.mark.parametrize("mode", ["words off", "group"])
def test_sdxl_paints_the_same_from_main_memory(parts: Any, tmp_path: Path, mode: Mode) -> None:
    plain = Work(PX, PX, 3, 2, "a vase")
    depth = ControlMap("depth", picture(1), end=0.5)
    style, subject = (ReferencePicture(use, picture(place), 0.8) for place, use in enumerate(("style", "subject")))
    steered = Work(PX, PX, 4, 2, "a vase on a plinth", controls=(depth,), references=(style, subject))
    dressed = Work(PX, PX, 5, 2, "a vase", adapters=(AdapterFile(tiny_sdxl.lora(tmp_path / "brand.safetensors", 1)),))
    family: Any = sdxl.load(tiny_sdxl.PROFILE, parts, "cpu", torch.float32)
    # Adapters at rest, in use and at rest again: layers that sit out a pass must not hold the next ones up.
    works = (plain, steered, dressed, steered, plain)
    before = drawn(family, *works)
    fresh: Any = sdxl.load(tiny_sdxl.PROFILE, parts, "cpu", torch.float32)
    place(fresh.modules, "cpu", mode)
    away = {
        name for name, network in fresh.modules.items() if any(hasattr(p, "_diffusers_hook") for p in network.modules())
    }
    encoders = {"text_encoder", "text_encoder_2", "image_encoder"}
    assert away == (encoders if mode == "words off" else encoders | {"unet", "controlnet"})
    for one, other in zip(before, drawn(fresh, *works), strict=True):
        assert np.array_equal(one, other)


TRANSFORMERS = [
    (flux2, tiny_flux2, {"references": (ReferencePicture("style", picture(1)),)}),
    (zimage, tiny_zimage, {"controls": (ControlMap("depth", picture(1)),)}),
]


@pytest.mark.parametrize(("module", "tiny", "more"), TRANSFORMERS, ids=["flux2", "zimage"])
def test_transformers_paint_the_same_from_main_memory(
    module: Any, tiny: Any, more: dict[str, Any], tmp_path: Path
) -> None:
    made = tiny.write(tmp_path)
    works = Work(PX, PX, 3, 2, "a vase", **more), Work(PX, PX, 3, 2, "a vase")
    before = drawn(module.load(tiny.PROFILE, made, "cpu", torch.float32), *works)
    fresh: Any = module.load(tiny.PROFILE, made, "cpu", torch.float32)
    place(fresh.modules, "cpu", "words off")
    place(fresh.modules, "cpu", "group")  # less and less may stay
    for one, other in zip(before, drawn(fresh, *works), strict=True):
        assert np.array_equal(one, other)


def test_tiles_of_a_vae_are_no_larger_than_the_ledger_says() -> None:
    from diffusers import AutoencoderKL

    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8), norm_num_groups=4, sample_size=1024,
    )  # fmt: skip
    place({"vae": vae}, "cpu", "group")
    assert (vae.tile_sample_min_size, vae.tile_latent_min_size) == (512, 64)


def test_bytes_of_networks_count_shared_weights_once() -> None:
    one, other = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)
    other.weight = one.weight
    assert bytes_of([one, other]) == 4 * (16 + 4 + 4)


def test_this_machine_says_what_it_is() -> None:
    machine = find_machine("flux2")
    assert machine.runtime.startswith("torch ") and machine.answers() and machine.bytes() > 0
    card = Machine("cuda", torch.bfloat16)
    assert card.runtime.endswith("cuda bf16") and card.offloads


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("CUDA error: an illegal memory access was encountered", True),
        ("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", True),
        ("CUDA error: device-side assert triggered", True),
        ("CUBLAS_STATUS_EXECUTION_FAILED when calling cublasGemmEx", True),
        ("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", False),
    ],
)
def test_faults_of_the_driver_are_told_from_mistakes(said: str, fault: bool) -> None:
    assert driver_fault(RuntimeError(said)) == fault
    assert not driver_fault(ValueError(said))
