"""The memory ledger against full-size networks on the meta device: weights, work, and plans for cards of every size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engines.base import EngineError
from engines.diffusion import ledger
from engines.diffusion.family import Parts
from engines.diffusion.ledger import Job, foresee, plan, weigh, work_bytes
from engines.diffusion.profile import Profile, read_profiles
from tests.engines.diffusion import full_size as full
from tests.engines.diffusion.full_size import empty, most_alive, numbers, on_meta

GB = 1_000_000_000
PROFILES = read_profiles()
DEFAULT = PROFILES["sdxl-lightning"]
SDXL_1024 = Job("sdxl", 1024, 1024)
BESIDE = {"upscaler": GB, "cut-out": 4 * GB}
"""An RRDB upscaler with its tiles, BiRefNet at 1024 px: weights and work, amply."""


@pytest.fixture(scope="module")
def unet() -> Any:
    return on_meta(full.unet)


NETWORKS: list[tuple[str, str, Callable[[], Any]]] = [
    ("sdxl", "text_encoder", full.clip_l),
    ("sdxl", "text_encoder_2", full.clip_g),
    ("sdxl", "vae", full.vae),
    ("sdxl", "controls", full.control_union),
    ("sdxl", "image_encoder", full.vit_h),
    ("sdxl", "preview", full.taesd),
    ("flux2", "transformer", full.klein),
    ("flux2", "text_encoder", full.qwen3_4b),
    ("flux2", "vae", full.flux2_vae),
    ("zimage", "transformer", full.z_image),
    ("zimage", "text_encoder", full.qwen3_4b),
    ("zimage", "vae", full.z_image_vae),
    ("zimage", "controls", full.z_image_control),
]


@pytest.mark.parametrize(
    ("family", "part", "make"), NETWORKS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_weights_are_what_full_size_networks_hold(family: str, part: str, make: Callable[[], Any]) -> None:
    held = sum(p.numel() * p.element_size() for p in on_meta(make).parameters())
    assert 2 * ledger.PARAMETERS[family][part] == pytest.approx(held, rel=0.01)


def test_the_unet_and_what_an_adapter_adds_to_it(unet: Any) -> None:
    table = ledger.PARAMETERS["sdxl"]
    assert table["unet"] == pytest.approx(numbers(unet), rel=0.01)
    adapter = full.keys_and_values(unet) + numbers(on_meta(full.resampler))
    assert table["references"] == table["face"] == pytest.approx(adapter, rel=0.01)


def test_the_default_profile_weighs_the_sum_of_its_networks(unet: Any) -> None:
    makers = (full.clip_l, full.clip_g, full.vae, full.control_union, full.vit_h, full.taesd)
    adapters = 2 * (full.keys_and_values(unet) + numbers(on_meta(full.resampler)))
    counted = 2 * (numbers(unet) + adapters + sum(numbers(on_meta(make)) for make in makers))
    assert sum(weigh(DEFAULT).values()) == pytest.approx(counted, rel=0.01)


# ------------------------------------------------------------------------------------------------ work


@pytest.mark.parametrize(("side", "batch"), [(512, 1), (1024, 1), (1024, 4)])
def test_work_of_the_vae_is_what_lives_at_once(side: int, batch: int) -> None:
    vae = on_meta(full.flux2_vae)
    decoded = most_alive(vae, lambda: vae.decode(empty(batch, 32, side // 8, side // 8)))
    assert work_bytes(Job("flux2", side, side, batch)) - ledger.SLACK == pytest.approx(decoded, rel=0.02)
    encoded = most_alive(vae, lambda: vae.encode(empty(batch, 3, side, side)))
    assert 2 * ledger._ENCODE * batch * side**2 == pytest.approx(encoded, rel=0.02)


def test_sdxl_decodes_a_batch_one_by_one() -> None:
    vae, four = on_meta(full.vae), Job("sdxl", 1024, 1024, 4, starts=False)
    counted = most_alive(vae, lambda: vae.decode(empty(1, 4, 128, 128)))
    assert work_bytes(four) == work_bytes(SDXL_1024)
    assert work_bytes(four) - ledger.SLACK == pytest.approx(counted, rel=0.02)
    assert work_bytes(Job("sdxl", 1024, 1024, 4)) > 3 * counted


@pytest.mark.parametrize("batch", [1, 2])
def test_a_step_of_sdxl_takes_less_than_its_vae(unet: Any, batch: int) -> None:
    maps = {"text_embeds": empty(batch, 1280), "time_ids": empty(batch, 6)}

    def step() -> None:
        unet(empty(batch, 4, 128, 128), torch.tensor(1.0), empty(batch, 77, 2048), added_cond_kwargs=maps)

    counted = most_alive(unet, step)
    assert 2 * ledger._STEP["sdxl"] * batch * 1024**2 == pytest.approx(counted, rel=0.03)
    assert counted < work_bytes(Job("sdxl", 1024, 1024, batch))


def test_a_step_of_the_control_net_is_within_the_ledger() -> None:
    net = on_meta(full.control_union)
    maps = {"text_embeds": empty(1, 1280), "time_ids": empty(1, 6)}

    def step() -> None:
        net(
            empty(1, 4, 128, 128), torch.tensor(1.0), empty(1, 77, 2048), controlnet_cond=[empty(1, 3, 1024, 1024)],
            control_type=empty(1, 8), control_type_idx=[1], conditioning_scale=[1.0], added_cond_kwargs=maps,
        )  # fmt: skip

    held = 2 * (ledger._STEP["sdxl"] + ledger._CONTROLLED["sdxl"]) * 1024**2
    assert 0.7 * held < most_alive(net, step) < held


@pytest.mark.parametrize(("references", "side"), [(0, 1024), (1, 1024), (0, 512)])
def test_a_step_of_klein_grows_with_what_it_reads(references: int, side: int) -> None:
    kind = torch.bfloat16
    net, tokens = on_meta(full.klein, kind), (side // 16) ** 2 * (1 + references)

    def step() -> None:
        net(
            hidden_states=empty(1, tokens, 128, dtype=kind), encoder_hidden_states=empty(1, 512, 7680, dtype=kind),
            timestep=empty(1, dtype=kind), img_ids=empty(1, tokens, 4), txt_ids=empty(1, 512, 4), guidance=None,
        )  # fmt: skip

    held = 2 * ledger._STEP["flux2"] * side**2 * (1 + references) + ledger.SLACK
    counted = most_alive(net, step)
    assert 0.4 * held < counted < held
    assert counted < work_bytes(Job("flux2", side, side, references=2 * references))


def test_tiles_take_less_and_never_more_for_larger_pictures() -> None:
    small, large = (work_bytes(Job("sdxl", side, side), tiles=True) for side in (1024, 2048))
    assert small < 0.6 * work_bytes(SDXL_1024) and large < 0.4 * work_bytes(Job("sdxl", 2048, 2048))


# ------------------------------------------------------------------------------------------------ plans


def test_the_default_profile_stays_under_22_gb_beside_upscaler_and_cut_out() -> None:
    found = plan(24 * GB, weigh(DEFAULT), SDXL_1024, BESIDE)
    assert found.mode == "resident" and not found.tiles and found.fits and not found.leaves
    assert found.peak + sum(BESIDE.values()) < 22 * GB
    assert 11 * GB < found.resident < 14 * GB


@pytest.mark.parametrize(
    ("card", "profile", "modes"),
    [
        (8, "sdxl-lightning", ("group",)),
        (12, "sdxl-lightning", ("words off", "group")),
        (16, "sdxl-lightning", ("resident",)),
        (8, "flux2-klein-4b", ("group",)),
        (12, "flux2-klein-4b", ("words off",)),
        (16, "flux2-klein-4b", ("words off",)),
        (24, "flux2-klein-4b", ("resident",)),
        (8, "z-image-turbo", ("group",)),
        (12, "z-image-turbo", ("group",)),
        (16, "z-image-turbo", ("group",)),
        (24, "z-image-turbo", ("words off",)),
    ],
)
def test_small_cards_get_plans_that_fit(card: int, profile: str, modes: tuple[str, ...]) -> None:
    one = PROFILES[profile]
    found = plan(card * GB, weigh(one), Job(one.family, 1024, 1024), {"upscaler": GB // 2})
    assert found.mode in modes and found.fits, found.explained()
    assert found.peak <= card * GB - ledger.RESERVE - GB // 2
    assert bool(found.leaves) == (found.mode != "resident")
    assert set(found.leaves).isdisjoint({"vae", "preview"})


@pytest.mark.parametrize("card", [8, 12, 16])
def test_beside_upscaler_and_cut_out_small_cards_offload(card: int) -> None:
    found = plan(card * GB, weigh(DEFAULT), SDXL_1024, BESIDE)
    assert found.mode == "group" and found.fits and found.tiles == (card == 8)
    assert found.resident < 0.2 * GB


def test_a_plan_never_prefers_less_on_the_card_than_it_must() -> None:
    order = [(mode, tiles) for mode in ledger.MODES for tiles in (False, True)]
    found = [plan(card * GB // 4, weigh(DEFAULT), SDXL_1024) for card in range(8, 120)]
    ranks = [order.index((one.mode, one.tiles)) for one in found if one.fits]
    assert ranks == sorted(ranks, reverse=True) and len(set(ranks)) >= 4


def test_where_nothing_fits_the_plan_says_so() -> None:
    found = plan(2 * GB, weigh(DEFAULT), SDXL_1024)
    assert not found.fits and found.mode == "group" and found.tiles
    assert "more than the 1.0 GB there are" in found.explained()


def test_a_plan_is_told_in_words() -> None:
    weights = {"unet": 5 * GB, "text_encoder": 2 * GB, "vae": GB // 5}
    assert "everything stays on the card: 7.2 GB" in foresee(weights, SDXL_1024, "resident", False, 24 * GB).explained()
    told = foresee(weights, SDXL_1024, "group", True, 24 * GB).explained()
    assert "layer by layer" in told and "decoded in tiles" in told and "0.2 GB," in told


# ------------------------------------------------------------------------------------------------ files


def saved(path: Path, **tensors: torch.Tensor) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    return path


HALF, FULL = torch.float16, torch.float32


def test_files_are_counted_as_they_will_be_loaded(tmp_path: Path) -> None:
    saved(tmp_path / "base/unet/diffusion_pytorch_model.fp16.safetensors", a=torch.zeros(999, dtype=HALF))
    saved(tmp_path / "base/vae/diffusion_pytorch_model.safetensors", a=torch.zeros(10))
    saved(tmp_path / "base/vae/diffusion_pytorch_model.fp16.safetensors", a=torch.zeros(10, dtype=HALF))
    saved(tmp_path / "base/text_encoder/model-00001-of-00002.safetensors", a=torch.zeros(3, 4))
    saved(
        tmp_path / "base/text_encoder/model-00002-of-00002.safetensors",
        b=torch.zeros(5),
        ids=torch.zeros(7, dtype=torch.int64),
    )
    paths = {
        "base": tmp_path / "base",
        "unet": saved(tmp_path / "unet.safetensors", a=torch.zeros(100, dtype=FULL)),
        "unet-8": saved(tmp_path / "unet8.safetensors", a=torch.zeros(100)),
        "controls": saved(tmp_path / "controls/diffusion_pytorch_model.safetensors", a=torch.zeros(20)).parent,
    }
    found = weigh(DEFAULT, Parts(paths), 2)
    assert found == {"unet": 200, "vae": 20, "text_encoder": 34, "controls": 40}


def test_one_file_with_everything_is_taken_apart(tmp_path: Path) -> None:
    names = {
        "model.diffusion_model.a": 50,
        "first_stage_model.b": 6,
        "conditioner.embedders.0.c": 7,
        "conditioner.embedders.1.d": 8,
    }
    file = saved(tmp_path / "own.safetensors", **{name: torch.zeros(count) for name, count in names.items()})
    (tmp_path / "config").mkdir()
    found = weigh(PROFILES["local"], Parts({"base": tmp_path / "config", "checkpoint": file}), 4)
    assert found == {"unet": 200, "vae": 24, "text_encoder": 28, "text_encoder_2": 32}


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "unet.safetensors"
    bad.write_bytes(b"\x80\x04pickle")
    with pytest.raises(EngineError, match="not a sound safetensors file"):
        weigh(DEFAULT, Parts({"unet": bad}))


def test_extras_that_a_profile_does_not_name_are_not_weighed() -> None:
    plain = Profile("plain", "Plain", "sdxl", {"normal": 4}, parts={"base": "sdxl-base"})
    assert set(weigh(plain)) == {"unet", "text_encoder", "text_encoder_2", "vae"}
