"""Painters' parts found where they lie: fetched, in the hub's cache, in the folders of other studios. Never by torch."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engines import catalog
from engines.base import EngineError
from engines.diffusion import offers, parts, probe
from engines.diffusion.profile import Profile, capabilities, read_profiles
from engines.manifest import read_manifest
from tests.engines.diffusion import headers as h

PROFILES, MANIFEST = read_profiles(), read_manifest()
LIGHTNING = PROFILES["sdxl-lightning"]
UNET = {"down_blocks.0.resnets.0.time_emb_proj.weight": (320, 1280), "add_embedding.linear_1.weight": (1280, 2816),
        "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight": (640, 2048), "conv_in.weight": (320, 4, 3, 3)}  # fmt: skip
PLUS = h.ip_adapter(2048, {"latents": (1, 16, 1280), "proj_in.weight": (1280, 1280)})
PAID = 'licence = "openrail++"\ncommercial = true\n'


@pytest.fixture(autouse=True)
def nothing_else_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no-cache"))
    monkeypatch.setattr(offers, "card_bytes", lambda: 0)


def put(name: str, root: Path) -> None:
    """A model's files as they would lie after fetching, empty of numbers."""
    for file in MANIFEST[name].files:
        path = root / file.path.replace("*", "vocab.json")
        if path.suffix == ".safetensors":
            h.write(path, UNET if "unet" in path.name else PLUS if "ip-adapter" in path.name else {"x": (4,)})
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")


def offer(painter_id: str, *folders: Path, licence: str = "") -> catalog.Entry:
    return next(entry for entry in catalog.listed("painter", folders, licence) if entry.id == painter_id)


def own_ids(*folders: Path) -> list[str]:
    return [entry.id for entry in catalog.listed("painter", folders) if entry.id.startswith("local")]


def test_nothing_here_means_listed_with_reason_and_one_command(tmp_path: Path) -> None:
    entry = offer("sdxl-lightning", tmp_path)
    assert "SDXL-Lightning UNet for 4 steps" in entry.reason
    assert entry.fix == "python app.py engines fetch sdxl-lightning" and entry.fetchable and entry.bytes > 15e9
    with pytest.raises(EngineError, match="cannot paint yet") as refused:
        catalog.open_painter("sdxl-lightning", (tmp_path,))
    assert refused.value.hint == entry.fix


def test_what_was_fetched_is_found_and_extras_widen_what_it_can(tmp_path: Path) -> None:
    for name in LIGHTNING.parts.values():
        put(name, tmp_path / name)
    entry = offer("sdxl-lightning", tmp_path)
    assert not entry.reason and entry.fetchable and entry.recipe
    assert entry.capabilities.controls == ("blocks",) and entry.capabilities.references == ()
    assert "engines fetch controlnet-union-sdxl" in entry.capabilities.why_not("controls", "depth")
    assert dict(entry.capabilities.steps) == {"normal": 4}
    for name in LIGHTNING.extras.values():
        put(name, tmp_path / name)
    able = offer("sdxl-lightning", tmp_path)
    assert able.capabilities.controls == ("edges", "softedge", "lineart", "depth", "pose", "segment", "blocks")
    assert able.capabilities.references == ("style", "layout", "subject", "product", "face")
    assert dict(able.capabilities.steps) == {"normal": 4, "quality": 8}
    assert not able.fetchable and able.bytes == 0 and able.recipe != entry.recipe


def test_parts_are_files_and_folders_as_the_family_wants_them(tmp_path: Path) -> None:
    for name in (*LIGHTNING.parts.values(), *LIGHTNING.extras.values()):
        put(name, tmp_path / name)
    paths = parts.found(LIGHTNING, [tmp_path]).parts.paths
    assert paths["base"] == tmp_path / "sdxl-base"
    assert paths["unet"] == tmp_path / "sdxl-lightning-4step/sdxl_lightning_4step_unet.safetensors"
    assert paths["image_encoder"] == tmp_path / "ip-adapter-image-encoder/models/image_encoder"
    assert paths["controls"] == tmp_path / "controlnet-union-sdxl" and paths["face"].is_file()


def test_the_hubs_own_cache_is_used_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    snapshot = tmp_path / "hub/models--stabilityai--stable-diffusion-xl-base-1.0/snapshots/abc"
    put("sdxl-base", snapshot)
    found = parts.found(LIGHTNING, [])
    assert found.parts.paths == {"base": snapshot}
    assert "sdxl-lightning-4step" in found.missing and "sdxl-base" not in found.missing


def test_a_sharded_model_needs_all_its_shards(tmp_path: Path) -> None:
    put("flux2-klein-4b", tmp_path / "flux2-klein-4b")
    index = tmp_path / "flux2-klein-4b/text_encoder/model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}))
    h.write(index.with_name("model-1.safetensors"), {"a": (4,)})
    assert parts.found(PROFILES["flux2-klein-4b"], [tmp_path]).missing == ("flux2-klein-4b",)
    h.write(index.with_name("model-2.safetensors"), {"b": (4,)})
    assert not parts.found(PROFILES["flux2-klein-4b"], [tmp_path]).missing


@pytest.mark.parametrize("place", ["ComfyUI/models/unet", "ComfyUI/models/diffusion_models", "models/Stable-diffusion"])
def test_a_unet_of_another_studio_is_used_in_place(tmp_path: Path, place: str) -> None:
    path = h.write(tmp_path / place / "sdxl_lightning_4step_unet.safetensors", UNET)
    assert parts.found(LIGHTNING, [tmp_path]).parts.paths == {"unet": path}


def test_name_and_header_must_agree(tmp_path: Path) -> None:
    h.write(tmp_path / "unet/sdxl_lightning_4step_unet.safetensors", h.flux1(True))
    h.write(tmp_path / "unet/other.safetensors", UNET)
    (tmp_path / "unet/sdxl_lightning_8step_unet.safetensors").write_bytes(b"\x80\x02.")
    assert parts.found(LIGHTNING, [tmp_path]).parts.paths == {}


# ------------------------------------------------------------------------------------------------ the designer's own


@pytest.mark.parametrize(
    "place",
    ["ComfyUI/models/checkpoints", "models/Stable-diffusion", "models/sdxl/main", "models/1b2c3d4e-uuid", "."],
)
def test_checkpoints_of_other_studios_become_painters(tmp_path: Path, place: str) -> None:
    put("sdxl-config", tmp_path / "sdxl-config")
    path = h.write(tmp_path / place / "Juggernaut XL v9.safetensors", h.SDXL)
    path.with_name(f"{path.name}.toml").write_text(PAID)
    entry = offer("local-juggernaut-xl-v9", tmp_path)
    assert not entry.reason and entry.commercial and entry.capabilities.avoid and entry.capabilities.guidance == 6
    one = next(one for one in offers.on_offer([tmp_path]) if one.offer.id == entry.id)
    assert one.found.parts.paths == {"base": tmp_path / "sdxl-config", "checkpoint": path}
    assert one.profile.family == "sdxl" and one.profile.id == entry.id


@pytest.mark.parametrize(
    ("name", "steps"),
    [("dreamshaperXL_lightning.safetensors", 6), ("turbovision_turbo.safetensors", 6), ("juggernaut_4Steps_lightning.safetensors", 4),
     ("wild-hyper-8step.safetensors", 8), ("plain.safetensors", 28), ("hypernova.safetensors", 28)],
)  # fmt: skip
def test_few_step_checkpoints_are_known_by_name(tmp_path: Path, name: str, steps: int) -> None:
    h.write(tmp_path / name, h.SDXL)
    (model,) = parts.own("sdxl", [tmp_path])
    profile = parts.painted_by(model, PROFILES)
    assert profile.steps["normal"] == steps and (profile.guidance == 0) == (steps != 28)


def test_few_step_checkpoints_are_known_by_their_metadata(tmp_path: Path) -> None:
    h.write(tmp_path / "a.safetensors", h.SDXL, {"modelspec.title": "Something Lightning"})
    (model,) = parts.own("sdxl", [tmp_path])
    assert parts.painted_by(model, PROFILES).guidance == 0


def test_a_checkpoint_needs_settings_terms_and_four_channels(tmp_path: Path) -> None:
    path = h.write(tmp_path / "mine.safetensors", h.SDXL)
    lacking = offer("local-mine", tmp_path)
    assert "SDXL tokenizers and settings" in lacking.reason and lacking.fix.endswith("fetch sdxl-config")
    put("sdxl-base", tmp_path / "sdxl-base")  # holds the settings too
    assert "licence of mine.safetensors is not stated" in offer("local-mine", tmp_path).reason
    assert not offer("local-mine", tmp_path, licence="openrail++").reason
    path.with_name(f"{path.name}.toml").write_text('licence = "CC BY-NC 4.0"\n')
    assert "does not allow paid ads" in offer("local-mine", tmp_path).reason
    h.write(tmp_path / "fill.safetensors", h.checkpoint(h.ldm_unet(2048, takes=9, told=2816), h.CLIP_XL))
    assert "of the kind inpaint" in offer("local-fill", tmp_path, licence="openrail++").reason


@pytest.mark.parametrize(("told", "kind"), [("v_pred", "v-prediction"), ("edm_vpred.sigma_max", "EDM")])
def test_a_checkpoint_that_predicts_something_else_is_not_painted_with_as_if_it_did_not(
    tmp_path: Path, told: str, kind: str
) -> None:
    h.write(tmp_path / "mine.safetensors", {**h.SDXL, told: (1,)})
    entry = offer("local-mine", tmp_path, licence="openrail++")
    assert f"of the kind {kind}" in entry.reason and not entry.fix


def test_what_a_checkpoint_lacks_is_what_a_painter_can_be_given(tmp_path: Path) -> None:
    put("sdxl-base", tmp_path / "sdxl-base")
    path = h.write(tmp_path / "mine.safetensors", h.SDXL)
    reason = offer("local-mine", tmp_path).reason
    assert "--licence" not in reason and f"{path.name}.toml" in reason  # no command that paints has that option
    path.with_name(f"{path.name}.toml").write_text('licence = "its own"\n')
    assert "--licence" not in offer("local-mine", tmp_path).reason
    path.with_name(f"{path.name}.toml").write_text('licence = "its own"\ncommercial = true\n')
    assert not offer("local-mine", tmp_path).reason


def test_only_sdxl_becomes_a_painter_and_two_of_a_name_stay_apart(tmp_path: Path) -> None:
    for place in ("a/one.safetensors", "b/One.safetensors"):
        h.write(tmp_path / place, h.SDXL)
    for name, shapes in {"sd15": h.checkpoint(h.ldm_unet(768), h.CLIP_1), "flux": h.flux1(True), "lora": h.unet_lora(2048)}.items():  # fmt: skip
        h.write(tmp_path / f"{name}.safetensors", shapes)
    h.write(tmp_path / "loras/hidden.safetensors", h.SDXL)
    (tmp_path / "old.ckpt").write_bytes(b"\x80\x02.")
    ids = own_ids(tmp_path)
    assert len(set(ids)) == 2 and all(re.fullmatch("local-one-[0-9a-f]{6}", one) for one in ids)


def test_an_id_never_comes_to_mean_another_checkpoint(tmp_path: Path) -> None:
    h.write(tmp_path / "a-b.safetensors", h.SDXL)
    assert own_ids(tmp_path) == ["local-a-b"]
    h.write(tmp_path / "a b.safetensors", h.SDXL)  # listed before it
    h.write(tmp_path / "漫画.safetensors", h.SDXL)
    ids = own_ids(tmp_path)
    assert "local-a-b" not in ids and "local" not in ids and len(set(ids)) == 3
    with pytest.raises(EngineError, match="no engine called local-a-b"):
        catalog.open_painter("local-a-b", [tmp_path])
    h.write(tmp_path / "Ωμέγα.safetensors", h.SDXL)
    assert set(ids) < set(own_ids(tmp_path))
    assert all(len(one) <= 64 and re.fullmatch("[a-z0-9-]+", one) for one in ids)


def test_links_and_overlapping_folders_show_a_checkpoint_once(tmp_path: Path) -> None:
    h.write(tmp_path / "a/one.safetensors", h.SDXL)
    (tmp_path / "b").mkdir()
    (tmp_path / "b/one.safetensors").symlink_to(tmp_path / "a/one.safetensors")
    (tmp_path / "a/loop").symlink_to(tmp_path)
    assert own_ids(tmp_path, tmp_path / "a") == ["local-one"]


def test_a_folder_in_diffusers_layout_becomes_a_painter(tmp_path: Path) -> None:
    folder = tmp_path / "models/sdxl/main/brand-model"
    for name in ("unet", "vae", "text_encoder", "text_encoder_2"):
        h.write(folder / name / "model.safetensors", {"x": (4,)})
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')
    folder.with_name("brand-model.toml").write_text(PAID)
    entry = offer("local-brand-model", tmp_path)
    assert not entry.reason
    one = next(one for one in offers.on_offer([tmp_path]) if one.offer.id == entry.id)
    assert one.found.parts.paths == {"base": folder}
    (folder / "unet/config.json").write_text('{"in_channels": 9}')
    assert "of the kind inpaint" in offer("local-brand-model", tmp_path).reason


# ------------------------------------------------------------------------------------------------ many, and broken ones


def test_a_header_is_read_once_while_its_file_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = probe.read_safetensors
    monkeypatch.setattr(probe, "read_safetensors", lambda path: read.append(path.name) or real(path))
    for name in ("a", "b"):
        h.write(tmp_path / f"{name}.safetensors", h.SDXL, {"modelspec.title": name})
    own_ids(tmp_path)
    assert sorted(read) == ["a.safetensors", "b.safetensors"]
    own_ids(tmp_path)
    assert len(read) == 2
    h.write(tmp_path / "a.safetensors", h.SDXL, {"modelspec.title": "another Lightning"})
    own_ids(tmp_path)
    assert len(read) == 3


def test_folders_are_looked_through_as_often_for_many_checkpoints_as_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: list[Path] = []
    real = parts._walk
    monkeypatch.setattr(parts, "_walk", lambda folder: walked.append(folder) or real(folder))
    h.write(tmp_path / "0.safetensors", h.SDXL)
    own_ids(tmp_path)
    once = len(walked)
    for number in range(1, 6):
        h.write(tmp_path / f"{number}.safetensors", h.SDXL)
    assert len(own_ids(tmp_path)) == 6 and len(walked) == 2 * once


def test_a_studios_own_pictures_do_not_hide_its_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MOST", 20)
    for number in range(30):
        (tmp_path / "ComfyUI/input").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"ComfyUI/input/{number}.png").touch()
    h.write(tmp_path / "ComfyUI/models/checkpoints/one.safetensors", h.SDXL)
    assert own_ids(tmp_path) == ["local-one"]


def test_nothing_in_a_folder_keeps_the_painters_from_being_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*LIGHTNING.parts.values(), "flux2-klein-4b"):
        put(name, tmp_path / name)
    h.write(tmp_path / "good.safetensors", h.SDXL, {"modelspec.title": "\ud800"})
    # 1. JSON without end, a name that no encoding holds, a pipe, a note without a digest.
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/model_index.json").write_text("[" * 100_000)
    (tmp_path / "flux2-klein-4b/text_encoder/model.safetensors.index.json").write_text("[" * 100_000)
    if sys.platform == "linux":  # elsewhere there are none
        h.write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.safetensors")), h.SDXL)
        os.mkfifo(tmp_path / "pipe.safetensors")
    unet = tmp_path / "sdxl-lightning-4step/sdxl_lightning_4step_unet.safetensors"
    seen = unet.stat()
    unet.with_name(f"{unet.name}.sha256").write_text(f"\n# {seen.st_size} {seen.st_mtime_ns}\n")
    # 2. A file that may not be read.
    real = Path.open

    def refused(path: Path, *given: Any, **named: Any) -> Any:
        if path.name == "model.fp16.safetensors":
            raise PermissionError(13, "Permission denied")
        return real(path, *given, **named)

    monkeypatch.setattr(Path, "open", refused)
    entries = catalog.listed("painter", [tmp_path])
    assert [entry.id for entry in entries if entry.id.startswith("local")] == ["local-good"]
    assert not offer("sdxl-lightning", tmp_path).reason
    assert json.dumps([entry.name for entry in entries], ensure_ascii=False).encode()
    with pytest.raises(EngineError, match=r"model\.fp16\.safetensors cannot be read: Permission denied"):
        catalog.open_painter("sdxl-lightning", (tmp_path,))


# ------------------------------------------------------------------------------------------------ recipes, packages, cards


def test_a_recipe_is_stable_and_tells_content_apart(tmp_path: Path) -> None:
    path = h.write(tmp_path / "a/mine.safetensors", h.SDXL)
    first = parts.digest({"checkpoint": path})
    assert first == parts.digest({"checkpoint": path})
    other = h.write(tmp_path / "b/mine.safetensors", h.SDXL)
    assert first == parts.digest({"checkpoint": other}) == parts.digest({"checkpoint": other, "preview": path})
    with other.open("r+b") as file:
        file.seek(-3, 2)
        file.write(b"\x01")
    assert first != parts.digest({"checkpoint": other})


def test_a_damaged_file_is_refused_before_torch_sees_it(tmp_path: Path) -> None:
    for name in LIGHTNING.parts.values():
        put(name, tmp_path / name)
    (tmp_path / "sdxl-lightning-4step/sdxl_lightning_4step_unet.safetensors").write_bytes(b"\x80\x02." * 9)
    with pytest.raises(EngineError, match="not a sound safetensors file"):
        catalog.open_painter("sdxl-lightning", (tmp_path,))


def test_missing_packages_are_the_first_thing_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "find_spec", lambda name: None if name == "diffusers" else object())
    entry = offer("sdxl-lightning", tmp_path)
    assert entry.reason == "diffusers is not installed" and entry.fix == 'pip install -e ".[diffusion]"'


def test_a_card_that_is_too_small_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "card_bytes", lambda: 2 << 30)
    assert "The graphics card has 2 GB" in offer("sdxl-lightning", tmp_path).reason
    monkeypatch.setattr(offers, "card_bytes", lambda: 24 << 30)
    assert "weights are not here" in offer("sdxl-lightning", tmp_path).reason


def test_listing_loads_no_torch(tmp_path: Path) -> None:
    h.write(tmp_path / "mine.safetensors", h.SDXL)
    code = (
        "import sys; from pathlib import Path; from engines import catalog;"
        f" assert len(catalog.listed('painter', [Path({str(tmp_path)!r})])) == 6;"
        " print([m for m in ('torch', 'diffusers', 'transformers', 'onnxruntime') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ------------------------------------------------------------------------------------------------ profiles


def test_every_part_is_in_the_manifest_and_every_profile_short() -> None:
    text = (Path(__file__).parents[3] / "presets/profiles.toml").read_text("utf-8")
    for profile in PROFILES.values():
        assert {*profile.parts.values(), *profile.extras.values()} <= set(MANIFEST)
    blocks = [block for block in text.split("\n\n[") if ".extras]" not in block]
    assert all(sum("=" in line and not line.startswith("#") for line in block.splitlines()) <= 12 for block in blocks)
    assert LIGHTNING.scheduler == {"timestep_spacing": "trailing"} and LIGHTNING.guidance == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('family = "sdxl"', 'family = "sd15"', r"\[p\]: family: expected one of"),
        ("normal = 4", "usual = 4", r"\[p\]: steps: expected normal"),
        ("normal = 4", "normal = 0", r"\[p\]: steps"),
        ("guidance = 1", 'guidance = "1"', r"\[p\]: guidance: expected a number"),
        ("guidance = 1", "sampler = 1", r"\[p\]: unknown field sampler"),
        ("guidance = 1", "sizes = [[1024]]", r"\[p\]: sizes: expected \[\[width, height\]"),
        ("guidance = 1", "parts = 3", r"\[p\]: parts: expected a table"),
        ("guidance = 1", 'like = "q"', r"\[p\]: like: expected a profile"),
        ("guidance = 1", "experimental = 1", r"\[p\]: experimental"),
        ("guidance = 1", "said = [1]", r"\[p\]: said"),
    ],
)
def test_profiles_are_read_strictly(tmp_path: Path, old: str, new: str, said: str) -> None:
    good = '[p]\nfamily = "sdxl"\nsteps = { normal = 4 }\nguidance = 1\n'
    path = tmp_path / "profiles.toml"
    path.write_text(good)
    assert read_profiles(path)["p"].guidance == 1
    path.write_text(good.replace(old, new))
    with pytest.raises(EngineError, match=said):
        read_profiles(path)


def test_families_say_what_they_cannot() -> None:
    klein = capabilities(PROFILES["flux2-klein-4b"], {"base"})
    assert klein.references and klein.controls == ("blocks",) and not klein.avoid and klein.why_not("controls", "depth")
    z_image = capabilities(PROFILES["z-image-turbo"], {"base", "controls"})
    assert "depth" in z_image.controls and z_image.references == () and z_image.why_not("references", "style")


def test_an_extra_nobody_names_is_never_offered() -> None:
    bare: Profile = replace(LIGHTNING, extras={})
    assert capabilities(bare, {"base", "unet", "vae"}).why_not("controls", "edges") == "Needs the ControlNet weights"
