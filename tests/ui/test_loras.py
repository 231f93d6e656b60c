"""LoRAs as the References tab lists them: by the names a brief uses, what fits first, the rest with its reason."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.base import AdapterFacts, EngineError, Offer
from engines.catalog import doors
from studio.brief.draft import Draft
from studio.composition import Adapter
from studio.desk.engines import Engines
from studio.loras import Lora, loras
from studio.runs import Runs
from studio.steering import LORA_FOLDERS
from studio.studio import Studio
from studio.ui.references import References
from studio.ui.view import plainly

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo"


def safetensors(path: Path, context: int) -> None:
    """A LoRA of one layer, for a model whose text is so wide (768 SD 1.5, 2048 SDXL)."""
    layer = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    shapes = {f"{layer}.lora_down.weight": [4, context], f"{layer}.lora_up.weight": [640, 4], f"{layer}.alpha": []}
    header, at = {"__metadata__": {"modelspec.trigger_phrase": "warm haze"}}, 0
    for name, shape in shapes.items():
        size = 2 * (shape[0] * shape[1] if shape else 1)
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [at, at + size]}  # type: ignore[assignment]
        at += size
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    safetensors(folder / "loras" / "b" / "haze.safetensors", 2048)
    safetensors(folder / "loras" / "aged.safetensors", 768)
    (folder / "loras" / "torn.safetensors").write_bytes(b"\x99" * 40)
    (folder / "checkpoint.safetensors").write_bytes(b"\x99" * 40)
    return folder


def test_what_fits_comes_first_and_the_rest_says_why(models: Path) -> None:
    engines = Engines(**doors((models,), models), folders=(models,))
    haze, *others = loras(engines, "sdxl-lightning")
    assert (haze.file, haze.kind, haze.base, haze.keys, haze.rank) == ("b/haze", "LoRA", "SDXL", 1, 4)
    assert haze.words == ("warm haze",) and not haze.reason and haze.bytes > 1000
    assert [one.file for one in others] == ["aged", "torn"]  # the checkpoint is no LoRA, and nobody said it was
    assert "SD 1.5" in others[0].reason and others[1].reason
    assert all(one.reason for one in loras(engines, "stage"))
    json.dumps([one.model_dump() for one in (haze, *others)])
    Draft(adapters=tuple(Adapter(file=one.file) for one in (haze, *others)))  # every name is one a brief may use


def test_the_first_folder_wins_as_it_does_when_painting(models: Path, tmp_path: Path) -> None:
    safetensors(tmp_path / "other" / LORA_FOLDERS[1] / "aged.safetensors", 2048)
    engines = Engines(**doors((), models), folders=(tmp_path / "other", models))
    aged = next(one for one in loras(engines, "sdxl-lightning") if one.file == "aged")
    assert aged.base == "SDXL"


@pytest.fixture
def tab(tmp_path: Path, models: Path) -> Iterator[References]:
    def facts(path: Path, painter: str) -> AdapterFacts:
        if path.stem != "own":
            raise EngineError("It is torn", "Get it again.")
        return AdapterFacts("The brand's glow", "LoRA", "SDXL")

    offers = (Offer("able", "painter", "Able"),)
    studio = Studio(
        tmp_path / "home", Engines(offers=lambda kind: offers, adapter=facts, folders=(models, tmp_path / "none"))
    )
    runs = Runs(studio)
    yield References(studio, runs)
    runs.close()
    studio.store.close()


def test_the_kits_own_is_told_apart(tab: References, tmp_path: Path) -> None:
    folder = tab.studio.shelf.path / "solbrae"
    tab.studio.shelf.path.mkdir(parents=True)
    tab.studio.import_tokens(DEMO / "brand" / "brand.tokens.json", folder)
    shown = json.loads(json.dumps(plainly(tab.loras("able", "solbrae"))))
    assert shown["own"] is None and shown["place"].endswith("loras")
    assert [one["reason"] for one in shown["loras"]] == ["It is torn"] * 3
    tokens = json.loads((folder / "brand.tokens.json").read_text())
    tokens["$extensions"]["studio.lockup"]["adapter"] = "own.safetensors"
    (folder / "brand.tokens.json").write_text(json.dumps(tokens))
    safetensors(folder / "own.safetensors", 2048)
    assert Lora.model_validate(tab.loras("able", "solbrae")["own"]).title == "The brand's glow"


def test_a_studio_without_engines_has_none(tmp_path: Path) -> None:
    assert loras(Engines(), "able") == ()
