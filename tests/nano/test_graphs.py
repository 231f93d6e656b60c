"""The built-in model's graphs beside its networks: the same numbers, no weight shipped twice, no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers")
pytest.importorskip("onnxscript")

from safetensors.torch import load_file, save_file

from engines.base import EngineError
from engines.nano import assemble, nets
from engines.nano.condition import guidance
from engines.nano.graphs import write_graphs
from engines.nano.sessions import Nets, Told

NAMES = {"words", "palette", "look", "unet", "control", "encode", "decode"}
SIZES = np.array([[256, 192, 0, 0, 256, 192]] * 2, np.float32)


@pytest.fixture(scope="module")
def run(folder: Path) -> Nets:
    return Nets(folder, 1)


@pytest.fixture
def told(run: Nets) -> Told:
    rng = np.random.default_rng(2)
    ids = np.full((2, 64), nets.END)
    ids[:, 0], ids[:, 1:9] = nets.START, rng.integers(0, 500, (2, 8))
    tokens, pooled = run.words(ids)
    slots, added = run.palette(rng.random((2, 6, 5), np.float32))
    return Told.plain(np.concatenate([tokens, slots], 1), pooled + added, SIZES, 2.5)


def _latents(high: int = 16, wide: int = 12) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((2, 16, high, wide), np.float32)


def test_graphs_are_small_and_hold_no_weights(folder: Path) -> None:
    import onnx

    largest = 0
    for name in NAMES:
        model = onnx.load(folder / f"{name}.onnx", load_external_data=False)
        held = [one for one in model.graph.initializer if not one.external_data and one.data_type == 1]
        largest = max(largest, *(int(np.prod(one.dims)) for one in held), 0)
        assert (folder / f"{name}.onnx").stat().st_size < 1_000_000, name
        places = {
            entry.value for one in model.graph.initializer for entry in one.external_data if entry.key == "location"
        }
        assert places and all((folder / place).suffix == ".safetensors" for place in places), name
        assert not any(node.doc_string or node.metadata_props for node in model.graph.node), name
    assert largest <= 64


def test_painting_takes_no_torch(folder: Path) -> None:
    code = (
        "import sys, numpy as np; from pathlib import Path; from engines.nano.sessions import Nets\n"
        f"made = Nets(Path({str(folder)!r}), 1).decode(np.zeros((1, 16, 8, 4), np.float32))\n"
        "assert made.shape == (1, 128, 64, 3) and 'torch' not in sys.modules and 'diffusers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_a_step_is_that_of_the_network(folder: Path, run: Nets, told: Told) -> None:
    """With control at half strength, and a reference that counts in one picture and not in the other."""
    latents, maps = _latents(), np.random.default_rng(3).random((2, 3, 256, 192), np.float32)
    seen = run.look(np.random.default_rng(4).integers(0, 256, (2, 128, 128, 3), np.uint8))
    looks = np.stack([seen, np.zeros_like(seen)], 1)
    referred = Told(
        told.tokens, told.pooled, told.sizes, told.guidance, looks, np.array([[0.7, 0], [0, 0]], np.float32)
    )
    got = run.velocity(
        latents, 749, referred, run.control(latents, 749, told, maps).scaled(np.full(2, 0.5, np.float32))
    )
    model = assemble.read(folder)
    tokens, pooled, sizes = map(torch.from_numpy, (told.tokens, told.pooled, told.sizes))
    with torch.no_grad():
        added = {"text_embeds": pooled, "time_ids": sizes}
        down, mid = model.control(
            torch.from_numpy(latents), torch.tensor([749.0]), tokens, torch.from_numpy(maps), 0.5,
            added_cond_kwargs=added, return_dict=False,
        )  # fmt: skip
        for picture, weight in ((0, 0.7), (1, None)):
            if weight:
                assemble.wear_reference(model.unet, model, weight)
                added["image_embeds"] = [torch.from_numpy(looks[:, :1])]  # type: ignore[assignment]
            else:
                model, added = assemble.read(folder), {"text_embeds": pooled, "time_ids": sizes}
            wanted = model.unet(
                torch.from_numpy(latents), torch.tensor([749.0]), tokens,
                timestep_cond=guidance(torch.tensor([2.5, 2.5])), added_cond_kwargs=added,
                down_block_additional_residuals=tuple(down), mid_block_additional_residual=mid,
            ).sample.numpy()  # fmt: skip
            assert np.abs(got[picture] - wanted[picture]).max() < 2e-4 * np.ptp(wanted)
    assert np.abs(run.velocity(latents, 749, told) - got).max() > 1e-3


def test_a_reference_can_count_in_a_part_of_the_picture(run: Nets, told: Told) -> None:
    look = run.look(np.full((1, 128, 128, 3), 200, np.uint8))
    looks = np.repeat(np.stack([look, np.zeros_like(look)], 1), 2, 0)
    weights = np.zeros((2, 2, 16, 12), np.float32)
    made = []
    for value in (0.0, 1.0):
        weights[:, 0] = value
        made.append(
            run.velocity(_latents(), 500, Told(told.tokens, told.pooled, told.sizes, told.guidance, looks, weights))
        )
    whole = Told(told.tokens, told.pooled, told.sizes, told.guidance, looks, np.array([[1, 0]] * 2, np.float32))
    assert np.array_equal(run.velocity(_latents(), 500, whole), made[1])
    assert np.allclose(run.velocity(_latents(), 500, told), made[0], atol=1e-6)
    assert not np.allclose(made[0], made[1], atol=1e-5)


def test_a_picture_does_not_know_its_neighbours(run: Nets, told: Told) -> None:
    both = run.velocity(_latents(), 999, told)
    alone = run.velocity(_latents()[1:], 999, Told(*(getattr(told, name)[1:] for name in told.__dataclass_fields__)))
    assert np.allclose(both[1:], alone, atol=1e-5)


def test_pictures_come_back_as_the_autoencoder_has_them(folder: Path, run: Nets) -> None:
    pictures = np.random.default_rng(5).integers(0, 256, (2, 64, 128, 3), np.uint8)
    latents = run.encode(pictures)
    vae = assemble.read(folder).vae
    with torch.no_grad():
        given = torch.from_numpy(pictures).permute(0, 3, 1, 2) / 127.5 - 1
        wanted = vae.encode(given, return_dict=False)[0].numpy()
        painted = vae.decode(torch.from_numpy(latents), return_dict=False)[0].clamp(-1, 1).permute(0, 2, 3, 1).numpy()
    assert np.abs(latents - wanted).max() < 2e-4 * np.ptp(wanted)
    assert np.abs(run.decode(latents) - (painted + 1) * 127.5).max() < 0.51


def test_residuals_are_scaled_by_picture_and_by_place(run: Nets, told: Told) -> None:
    found = run.control(_latents(), 999, told, np.ones((2, 3, 256, 192), np.float32))
    one = found.scaled(np.array([1.0, 0.0], np.float32))
    assert all(np.array_equal(one.parts[n][0], found.parts[n][0]) and not one.parts[n][1].any() for n in found.parts)
    left = np.zeros((2, 16, 12), np.float32)
    left[:, :, :6] = 1
    halves = found.scaled(left) + found.scaled(1 - left)
    assert all(np.allclose(halves.parts[name], found.parts[name], atol=1e-6) for name in found.parts)
    assert not found.scaled(left).parts["down_0"][..., 6:].any()


def test_other_sizes_and_missing_graphs_are_told(tmp_path: Path, run: Nets, told: Told) -> None:
    with pytest.raises(EngineError, match="64 px"):
        run.velocity(_latents(18, 12), 999, told)
    with pytest.raises(EngineError):
        Nets(tmp_path).decode(_latents())


def test_a_weight_that_is_not_in_the_folder_is_not_shipped(folder: Path, tmp_path: Path) -> None:
    """A folder in single precision, say: its weights lie there in other numbers."""
    import shutil

    copy = tmp_path / "model"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*.onnx"))
    file = copy / "palette" / "model.safetensors"
    save_file({name: value.float() * 1.0001 for name, value in load_file(file).items()}, file)
    with pytest.raises(EngineError, match=r"palette\.onnx needs"):
        write_graphs(copy)
