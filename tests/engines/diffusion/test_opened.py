"""From files in a model folder to a picture: a small SDXL laid out as it would be fetched, opened through the catalogue."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("diffusers")
import torch
from safetensors.torch import save_file

from engines import catalog
from engines.base import AdapterFile, ControlMap, PaintRequest, Progress
from engines.diffusion import offers
from engines.diffusion.profile import BASE_OF, read_profiles
from engines.diffusion.worn import Worn
from tests.engines.diffusion.tiny_folder import tiny_folder
from tests.engines.diffusion.tiny_sdxl import CROSS

LAYER = "up_blocks.0.attentions.1.transformer_blocks.1.attn2.to_k"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model's parts by the ids and names of the manifest."""
    return tiny_folder(tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("models"))


@pytest.fixture(autouse=True)
def nothing_else_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no-cache"))
    monkeypatch.setattr(offers, "card_bytes", lambda: 0)


def test_a_painter_is_opened_from_its_files_and_paints(tiny: Path) -> None:
    doors = catalog.doors((tiny,), tiny)
    entry = next(offer for offer in doors["offers"]("painter") if offer.id == "sdxl-lightning")
    assert not entry.reason and not entry.fetchable
    painter = doors["painter"]("sdxl-lightning")
    assert painter.capabilities == entry.capabilities
    depth = ControlMap("depth", np.full((64, 64, 3), 128, np.uint8))
    palette = {"primary": "#336699", "background": "#ffffff"}
    asked = PaintRequest(128, 96, 7, 2, palette, prompt="a mug on a table", controls=(depth,))
    one = next(iter(painter.paint([asked], Progress())))
    assert one.picture.shape == (96, 128, 3) and one.engine == "sdxl-lightning"
    assert one.facts["recipe"] == entry.recipe


def test_a_loha_changes_a_layer_by_just_what_it_holds(tiny: Path, tmp_path: Path) -> None:
    from diffusers import StableDiffusionXLPipeline

    pipe = StableDiffusionXLPipeline.from_pretrained(tiny / "sdxl-base", local_files_only=True, variant="fp16", unet=None, vae=None)  # fmt: skip
    from engines.diffusion.sdxl_parts import unet_for

    unet = unet_for(tiny / "sdxl-base", next((tiny / "sdxl-lightning-4step").glob("*.safetensors")), torch.float32)
    pipe.register_modules(unet=unet)
    layer = unet.get_submodule(LAYER)
    made = torch.Generator().manual_seed(1)
    a1, a2 = (torch.randn(64, 2, generator=made) for _ in range(2))
    b1, b2 = (torch.randn(2, CROSS, generator=made) for _ in range(2))
    name = f"lora_unet_{LAYER.replace('.', '_')}"
    path = tmp_path / "brand.safetensors"
    parts = {"hada_w1_a": a1, "hada_w1_b": b1, "hada_w2_a": a2, "hada_w2_b": b2, "alpha": torch.tensor(1.0)}
    save_file({f"{name}.{part}": tensor for part, tensor in parts.items()}, path)
    given = torch.randn(3, CROSS, generator=made)
    plain = layer(given)
    worn = Worn(pipe, [unet])
    (row,) = worn.wear([AdapterFile(path, 0.5)])
    assert row["layers"] == 1
    wanted = plain + 0.5 * given @ ((a1 @ b1) * (a2 @ b2) / 2).T
    assert torch.allclose(unet.get_submodule(LAYER)(given), wanted, atol=1e-4)
    worn.take_off()
    assert torch.allclose(unet.get_submodule(LAYER)(given), plain, atol=1e-6)


def test_every_family_has_a_base_for_its_loras() -> None:
    assert set(BASE_OF) == {profile.family for profile in read_profiles().values()}
