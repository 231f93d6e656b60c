"""LoRAs by their headers: thirty of them, whose naming, what kind, for which model; the wrong ones refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.base import EngineError
from engines.diffusion.lora import LoraFacts, check, lora_of, read_lora
from engines.diffusion.offers import adapter_facts
from tests.engines.diffusion import headers as h

K, CONV = h.kohya(h.ATTENTION.format(0)), h.kohya(h.CONV)
SGM = "lora_unet_input_blocks_4_1_transformer_blocks_1_attn2_to_k"
TE1 = h.pair("lora_te1_text_model_encoder_layers_0_mlp_fc1", 3072, 768)
TE2 = h.pair("lora_te2_text_model_encoder_layers_0_mlp_fc1", 5120, 1280)
SINGLE, DOUBLE = "single_transformer_blocks.37.attn.to_q", "transformer_blocks.18.attn.to_q"

LORAS = {
    ("Kohya", "LoRA", "sd15"): h.unet_lora(768) | h.pair("lora_te_text_model_encoder_layers_0_mlp_fc1", 3072, 768),
    ("Kohya", "LoRA", "sd2"): h.unet_lora(1024),
    ("Kohya", "LoRA", "sdxl"): h.unet_lora(2048, deep=2) | TE1 | TE2,
    ("Kohya", "LoRA", "sdxl "): h.pair(SGM, 640, 2048),
    ("Kohya", "LoRA", "sdxl-refiner"): h.unet_lora(1280),
    ("Kohya", "LoRA", "sdxl  "): h.pair(h.kohya("down_blocks.2.attentions.0.transformer_blocks.5.attn1.to_k"), 1280, 1280),
    ("Kohya", "LoRA", "flux1"): h.pair("lora_unet_double_blocks_18_img_attn_qkv", 9216, 3072) | h.pair("lora_unet_single_blocks_37_linear2", 3072, 15360),
    ("Kohya", "LoRA", "flux1 "): h.pair("lora_unet_double_blocks_0_img_mod_lin", 18432, 3072),
    ("Kohya", "LoRA", "flux2-klein-4b"): h.pair("lora_unet_double_blocks_4_img_attn_qkv", 9216, 3072),
    ("Kohya", "LoRA", "flux2-dev"): h.pair("lora_unet_double_blocks_4_img_attn_qkv", 18432, 6144),
    ("Kohya", "LoRA", "sd3"): h.pair("lora_unet_joint_blocks_0_x_block_attn_qkv", 4608, 1536),
    ("Kohya", "LoRA", "sd35-large"): h.pair("lora_unet_joint_blocks_0_x_block_attn_qkv", 7296, 2432),
    ("Kohya", "LoCon", "sdxl"): h.unet_lora(2048) | h.pair(CONV, 640, 320, kernel=3),
    ("Kohya", "DoRA", "sdxl"): {**h.unet_lora(2048), f"{K}.dora_scale": (640, 1)},
    ("Kohya", "LoHa", "sdxl"): h.loha(K, 640, 2048),
    ("Kohya", "LoHa", "sd15"): h.loha(K, 640, 768),
    ("Kohya", "LoKr", "sdxl"): h.lokr(K, 640, 2048),
    ("LyCORIS", "LoKr", "sdxl"): h.lokr(K.replace("lora_", "lycoris_", 1), 640, 2048),
    ("LyCORIS", "LoHa", "sdxl"): h.loha(K.replace("lora_", "lycoris_", 1), 640, 2048),
    ("Kohya", "IA3", ""): {f"{K}.weight": (640, 1), f"{K}.on_input": ()},
    ("Kohya", "OFT", ""): {f"{K}.oft_blocks": (4, 160, 160), f"{K}.alpha": ()},
    ("Kohya", "BOFT", ""): {f"{K}.oft_blocks": (2, 4, 160, 160), f"{K}.alpha": ()},
    ("Kohya", "GLoRA", "sdxl"): {f"{K}.a1.weight": (16, 2048), f"{K}.a2.weight": (2048, 2048), f"{K}.b1.weight": (16, 640), f"{K}.b2.weight": (640, 16)},
    ("Kohya", "full", "sdxl"): {f"{K}.diff": (640, 2048)},
    ("diffusers", "LoRA", "sdxl"): h.unet_lora(2048, style="peft", head="unet."),
    ("diffusers", "LoRA", "sd15"): h.unet_lora(768, style="dots", head="unet."),
    ("diffusers", "LoRA", "sd15 "): h.pair("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.processor.to_k", 640, 768, style="old"),
    ("diffusers", "DoRA", "sdxl"): {**h.unet_lora(2048, style="peft", head="unet."), f"unet.{h.ATTENTION.format(0)}.lora_magnitude_vector": (640,)},
    ("diffusers", "LoRA", "flux1"): h.pair(f"transformer.{SINGLE}", 3072, 3072, style="peft"),
    ("diffusers", "LoRA", "flux2-klein-4b"): h.pair("transformer.single_transformer_blocks.3.attn.to_qkv_mlp_proj", 27648, 3072, style="peft"),
    ("diffusers", "LoRA", "z-image"): h.pair("transformer.layers.0.attention.to_q", 3840, 3840, style="peft"),
    ("original", "LoRA", "z-image"): h.pair("diffusion_model.layers.0.attention.qkv", 11520, 3840, style="peft"),
    ("original", "LoRA", "flux2-klein-9b"): h.pair("diffusion_model.double_blocks.0.img_attn.qkv", 12288, 4096, style="peft"),
    ("diffusers", "LoRA", "pixart"): h.pair("transformer.transformer_blocks.0.attn1.to_q", 1152, 1152, style="peft"),
    ("PEFT", "LoRA", "sdxl"): h.unet_lora(2048, style="default", head="base_model.model."),
    ("PEFT", "LoRA", "flux1"): h.pair(f"base_model.model.{DOUBLE}", 3072, 3072, style="peft") | h.pair(f"base_model.model.{SINGLE}", 3072, 3072, style="peft"),
    ("Kohya", "LoRA", ""): TE1,
}  # fmt: skip


@pytest.mark.parametrize("said", LORAS, ids=" ".join)
def test_loras_are_named_by_their_headers(said: tuple[str, str, str]) -> None:
    found = lora_of(LORAS[said])
    assert found is not None
    assert (found.family, found.kind, found.base) == (said[0], said[1], said[2].strip())


def test_layers_and_rank_are_counted() -> None:
    found = lora_of(h.unet_lora(2048, deep=3, rank=32) | TE2)
    assert found is not None and (found.keys, found.rank) == (4, 32)


@pytest.mark.parametrize("shapes", [h.SDXL, h.flux1(True), h.Z_IMAGE, {"a": (1,)}, {}])
def test_whole_models_are_no_loras(shapes: h.Shapes) -> None:
    assert lora_of(shapes) is None


def test_what_its_maker_wrote_is_read(tmp_path: Path) -> None:
    tags = {"10_zoe dog": {"zoe dog": 40, "grass": 9}, "5_zoe": {"zoe dog": 10}}
    told = {"ss_tag_frequency": json.dumps(tags), "ss_output_name": "zoe"}
    facts = read_lora(h.write(tmp_path / "x.safetensors", h.unet_lora(2048), told))
    assert facts.title == "zoe" and facts.words == ("zoe dog", "grass")
    phrase = {"modelspec.trigger_phrase": "in zoe style, soft", "modelspec.title": "Zoe 2", **told}
    facts = read_lora(h.write(tmp_path / "y.safetensors", h.unet_lora(2048), phrase))
    assert facts.title == "Zoe 2" and facts.words == ("in zoe style", "soft")


@pytest.mark.parametrize("junk", ["{", "[1]", '{"a": 1}', '{"a": {"b": "c", "d": -1}}', "[" * 3000])
def test_junk_in_the_metadata_is_passed_over(tmp_path: Path, junk: str) -> None:
    facts = read_lora(h.write(tmp_path / "x.safetensors", h.unet_lora(2048), {"ss_tag_frequency": junk}))
    assert facts.words == () and facts.base == "sdxl"


@pytest.mark.parametrize("told", [{"modelspec.trigger_phrase": "soft \ud800"}, {"ss_tag_frequency": '{"a": {"soft \\ud800": 2}}'}])  # fmt: skip
def test_halves_of_characters_never_reach_the_page(tmp_path: Path, told: dict[str, str]) -> None:
    facts = read_lora(h.write(tmp_path / "x.safetensors", h.unet_lora(2048), {"modelspec.title": "\udfff", **told}))
    assert (facts.title, facts.words) == ("?", ("soft ?",))
    assert facts.title.encode() and facts.words[0].encode()


def test_the_header_wins_over_the_metadata_and_fills_in_for_it(tmp_path: Path) -> None:
    told = {"modelspec.architecture": "stable-diffusion-xl-v1-base/lora", "ss_base_model_version": "sdxl_base_v1-0"}
    assert read_lora(h.write(tmp_path / "x.safetensors", h.unet_lora(768), told)).base == "sd15"
    assert read_lora(h.write(tmp_path / "y.safetensors", {f"{K}.oft_blocks": (4, 160, 160)}, told)).base == "sdxl"


@pytest.mark.parametrize(
    ("shapes", "base", "said"),
    [
        (h.unet_lora(768), "sdxl", "is for SD 1.5, not for SDXL"),
        (h.pair("lora_unet_double_blocks_18_img_attn_qkv", 9216, 3072), "sdxl", r"is for FLUX\.1, not for SDXL"),
        (h.unet_lora(1280), "sdxl", "is for SDXL refiner, not for SDXL"),
        (h.unet_lora(2048), "z-image", "is for SDXL, not for Z-Image"),
        (h.unet_lora(2048), "flux2-klein-4b", r"is for SDXL, not for FLUX\.2 klein 4B"),
        (
            h.pair("lora_unet_double_blocks_0_img_attn_qkv", 18432, 6144),
            "flux2-klein-4b",
            r"is for FLUX\.2 dev, not for",
        ),
        (LORAS["Kohya", "DoRA", "sdxl"], "sdxl", "of the kind DoRA, which cannot be put on"),
        (LORAS["Kohya", "IA3", ""], "sdxl", "of the kind IA3"),
        (LORAS["Kohya", "OFT", ""], "sdxl", "of the kind OFT"),
        (h.SDXL, "sdxl", "is not a LoRA"),
    ],
)
def test_what_cannot_be_worn_is_refused_with_the_reason(tmp_path: Path, shapes: h.Shapes, base: str, said: str) -> None:
    with pytest.raises(EngineError, match=said) as refused:
        check(h.write(tmp_path / "brand.safetensors", shapes), base)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("shapes", "base"),
    [
        (LORAS["Kohya", "LoRA", "sdxl"], "sdxl"),
        (LORAS["Kohya", "LoHa", "sdxl"], "sdxl"),
        (LORAS["diffusers", "LoRA", "flux2-klein-4b"], "flux2-klein-4b"),
        (LORAS["diffusers", "LoRA", "z-image"], "z-image"),
        (TE1, "sdxl"),
    ],
)
def test_what_fits_passes(tmp_path: Path, shapes: h.Shapes, base: str) -> None:
    assert isinstance(check(h.write(tmp_path / "brand.safetensors", shapes), base), LoraFacts)


def test_a_painter_says_whether_it_can_wear_one(tmp_path: Path) -> None:
    path = h.write(tmp_path / "brand.safetensors", h.unet_lora(2048, deep=2))
    fits = adapter_facts(path, "sdxl-lightning")
    assert (fits.kind, fits.base, fits.keys, fits.reason) == ("LoRA", "SDXL", 2, "")
    assert not adapter_facts(path, "local-mine").reason
    for painter in ("z-image-turbo", "flux2-klein-4b", "stage"):
        refused = adapter_facts(path, painter)
        assert refused.reason and refused.hint


NAMES = st.sampled_from([*dict.fromkeys(name for shapes in LORAS.values() for name in shapes), "", ".alpha", "a" * 300])


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(NAMES | st.text(max_size=30), st.lists(st.integers(0, 1 << 40), max_size=5).map(tuple), max_size=10)
)
def test_no_header_upsets_it(shapes: dict[str, tuple[int, ...]]) -> None:
    found = lora_of(shapes)
    assert found is None or found.keys > 0
