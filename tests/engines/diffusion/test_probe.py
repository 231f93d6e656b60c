"""What a model file is, by its header: twenty kinds and more, in the names they were published under and in diffusers'."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines import weights as w
from engines.base import EngineError
from engines.diffusion.lora import read_lora
from engines.diffusion.probe import BASES, probe, probe_header
from engines.tensors import Tensor, read_safetensors
from tests.engines.diffusion import headers as h

PUBLISHED = {
    "SD 1.5 checkpoint": h.checkpoint(h.ldm_unet(768), h.CLIP_1),
    "SD 1.5 inpaint checkpoint": h.checkpoint(h.ldm_unet(768, takes=9), h.CLIP_1),
    "SD 2 checkpoint": h.checkpoint(h.ldm_unet(1024), h.CLIP_2),
    "SDXL checkpoint": h.SDXL,
    "SDXL inpaint checkpoint": h.checkpoint(h.ldm_unet(2048, takes=9, told=2816), h.CLIP_XL),
    "SDXL refiner checkpoint": h.checkpoint(h.ldm_unet(1280, told=2560), h.CLIP_REFINER),
    "SDXL denoiser": h.under("model.diffusion_model.", h.SDXL_UNET),
    "SD 3 medium checkpoint": h.checkpoint(h.sd3(24, False)),
    "SD 3.5 medium checkpoint": h.checkpoint(h.sd3(24, True)),
    "SD 3.5 large checkpoint": h.checkpoint(h.sd3(38, False)),
    "FLUX.1 dev denoiser": h.flux1(True),
    "FLUX.1 schnell denoiser": h.flux1(False),
    "FLUX.1 dev fill denoiser": h.flux1(True, 384),
    "FLUX.1 schnell checkpoint": h.checkpoint(h.flux1(False)),
    "FLUX.2 klein 4B denoiser": h.flux2(3072),
    "FLUX.2 klein 9B denoiser": h.flux2(4096),
    "FLUX.2 dev denoiser": h.flux2(6144),
    "Z-Image denoiser": h.Z_IMAGE,
    "PixArt denoiser": {"y_embedder.y_proj.fc1.weight": (1152, 4096), "blocks.0.attn.qkv.weight": (3456, 1152)},
    "4-channel vae": h.ldm_vae(),
    "16-channel vae": h.under("first_stage_model.", h.ldm_vae(16)),
    "tiny vae": {"encoder.layers.0.weight": (64, 3, 3, 3), "decoder.layers.1.weight": (64, 4, 3, 3)},
    "SD 1.5 controlnet": h.under("control_model.", h.ldm_unet(768)),
    "SDXL controlnet": h.under("control_model.", h.SDXL_UNET),
    "Z-Image union controlnet": {"control_layers.0.adaLN_modulation.0.weight": (15360, 256)},
    "SDXL t2i-adapter": {"adapter.conv_in.weight": (320, 768, 3, 3), "adapter.body.0.resnets.0.block1.weight": (320, 320, 3, 3)},
    "SD 1.5 t2i-adapter": {"conv_in.weight": (320, 192, 3, 3), "body.0.block1.weight": (320, 320, 3, 3)},
    "SD 1.5 ip-adapter": h.ip_adapter(768, {"proj.weight": (3072, 1024), "norm.weight": (768,)}),
    "SDXL ip-adapter": h.ip_adapter(2048, {"proj.weight": (8192, 1280), "norm.weight": (2048,)}),
    "SDXL plus ip-adapter": h.ip_adapter(2048, {"latents": (1, 16, 1280), "proj_in.weight": (1280, 1280)}),
    "SDXL faceid ip-adapter": h.ip_adapter(2048, {"proj.0.weight": (1024, 512), "proj.2.weight": (8192, 1024)}),
    "SDXL faceid plus ip-adapter": h.ip_adapter(2048, {"perceiver_resampler.proj_in.weight": (2048, 1280)}),
    "CLIP-L text-encoder": {"text_model.embeddings.token_embedding.weight": (49408, 768)},
    "CLIP-bigG text-encoder": {"text_model.embeddings.token_embedding.weight": (49408, 1280)},
    "T5 text-encoder": {"encoder.block.0.layer.0.SelfAttention.q.weight": (4096, 4096)},
    "Qwen3 text-encoder": {"model.layers.0.self_attn.q_norm.weight": (128,), "model.embed_tokens.weight": (151936, 2560)},
    "CLIP ViT-H image-encoder": {"vision_model.embeddings.patch_embedding.weight": (1280, 3, 14, 14)},
    "ESRGAN upscaler": {"conv_first.weight": (64, 3, 3, 3), "body.0.rdb1.conv1.weight": (32, 64, 3, 3)},
    "Compact upscaler": {"body.0.weight": (64, 3, 3, 3), "body.0.bias": (64,), "body.1.weight": (64,)},
    "SPAN upscaler": {"block_1.c1_r.sk.weight": (48, 48, 1, 1)},
    "unknown": {"layer.weight": (4, 4)},
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_files_are_named(name: str) -> None:
    assert probe_header(h.tensors(PUBLISHED[name])).name == name


def test_the_encoder_an_ip_adapter_needs_is_told() -> None:
    assert probe_header(h.tensors(PUBLISHED["SDXL plus ip-adapter"])).encoder == "ViT-H"
    assert probe_header(h.tensors(PUBLISHED["SDXL ip-adapter"])).encoder == "ViT-bigG"
    assert probe_header(h.tensors(PUBLISHED["SD 1.5 ip-adapter"])).encoder == "ViT-H"


def test_the_networks_of_diffusers_are_named() -> None:
    """The classes themselves say what their files hold."""
    torch = pytest.importorskip("torch")
    import diffusers as d

    xl: dict[str, Any] = {
        "cross_attention_dim": 2048, "block_out_channels": (320, 640, 1280), "transformer_layers_per_block": (1, 2, 2),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "attention_head_dim": (5, 10, 20), "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816, "use_linear_projection": True,
    }  # fmt: skip
    up = {"up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D")}
    short = {"num_layers": 1, "num_single_layers": 1}
    with torch.device("meta"):
        networks = {
            "SDXL denoiser": d.UNet2DConditionModel(**xl, **up),
            "SDXL inpaint denoiser": d.UNet2DConditionModel(in_channels=9, **xl, **up),
            "SD 1.5 denoiser": d.UNet2DConditionModel(cross_attention_dim=768),
            "SD 2 denoiser": d.UNet2DConditionModel(cross_attention_dim=1024),
            "SDXL controlnet": d.ControlNetModel(**xl),
            "SD 1.5 controlnet": d.ControlNetModel(cross_attention_dim=768),
            "SDXL union 8 controlnet": d.ControlNetUnionModel(num_control_type=8, **xl),
            "FLUX.1 dev denoiser": d.FluxTransformer2DModel(guidance_embeds=True, **short),
            "FLUX.1 schnell denoiser": d.FluxTransformer2DModel(**short),
            "FLUX.1 controlnet": d.FluxControlNetModel(**short),
            "FLUX.2 dev denoiser": d.Flux2Transformer2DModel(**short),
            "FLUX.2 klein 4B denoiser": d.Flux2Transformer2DModel(
                num_attention_heads=24, joint_attention_dim=7680, **short
            ),
            "Z-Image denoiser": d.ZImageTransformer2DModel(n_layers=1, n_refiner_layers=1),
            "SD 3 medium denoiser": d.SD3Transformer2DModel(num_layers=2),
            "SD 3.5 medium denoiser": d.SD3Transformer2DModel(num_layers=2, dual_attention_layers=(0, 1)),
            "SD 3.5 large denoiser": d.SD3Transformer2DModel(num_layers=38),
            "PixArt denoiser": d.PixArtTransformer2DModel(num_layers=1, caption_channels=4096),
            "4-channel vae": d.AutoencoderKL(),
            "tiny vae": d.AutoencoderTiny(),
            "SDXL t2i-adapter": d.T2IAdapter(
                adapter_type="full_adapter_xl", channels=[320, 640, 1280, 1280], downscale_factor=16
            ),
        }
    for name, network in networks.items():
        assert probe_header(h.tensors({n: tuple(t.shape) for n, t in network.state_dict().items()})).name == name


def test_the_header_wins_over_the_name(tmp_path: Path) -> None:
    path = h.write(tmp_path / "sd15-controlnet-canny.safetensors", h.SDXL)
    assert probe(path).name == "SDXL checkpoint"


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = h.write(tmp_path / "a.safetensors", h.SDXL)
    assert probe(path).base == "sdxl"
    assert probe(h.write(path, h.flux1(False))).base == "flux1-schnell"


# ------------------------------------------------------------------------------------------------ hostile files


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".pth", ".bin", ".pkl", ".safetensors"])
def test_a_pickle_is_never_run(tmp_path: Path, suffix: str) -> None:
    marker, path = tmp_path / "ran", tmp_path / f"model{suffix}"
    path.write_bytes(pickle.dumps(Payload(marker)))
    for look in (probe, read_lora, w.check_file, read_safetensors):
        with pytest.raises(EngineError) as refused:
            look(path)
        assert refused.value.hint
    assert not marker.exists()
    pickle.loads(path.read_bytes())
    assert marker.exists()  # it would have run


def test_a_zip_under_a_safetensors_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Payload(tmp_path / "ran")))
    with pytest.raises(EngineError, match="not a sound safetensors file"):
        probe(path)


def raw(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def entry(begin: int, end: int) -> str:
    return f'{{"dtype":"U8","shape":[{end - begin}],"data_offsets":[{begin},{end}]}}'


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (raw(f'{{"a":{entry(0, 8)},"b":{entry(4, 12)}}}'.encode(), bytes(12)), "overlap"),
        (raw(f'{{"a":{entry(0, 4)},"b":{entry(8, 12)}}}'.encode(), bytes(12)), "gap"),
        (raw(f'{{"a":{entry(0, 8)}}}'.encode(), bytes(4)), "holds 4"),
        (raw(f'{{"a":{entry(0, 8)}}}'.encode(), bytes(9)), "holds 9"),
        (raw(f'{{"a":{entry(0, 4)},"a":{entry(4, 8)}}}'.encode(), bytes(8)), "twice"),
        (raw(b"{}", length=1 << 40), "bytes long"),
        (raw(b"{}", bytes(200), length=100_000_001), "bytes long"),
        (raw(b'{"a":1}'), "does not have dtype"),
        (raw(b'{"__metadata__":{"a":1}}'), "metadata"),
        (raw(b"[" * 5000), "does not start"),
        (raw(b'{"a":' * 5000), "not JSON"),
        (b"", "bytes long"),
    ],
)  # fmt: skip
def test_unsound_headers_are_refused_with_the_reason(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    for look in (probe, read_lora):
        with pytest.raises(EngineError, match=said):
            look(path)


def test_a_header_of_a_hundred_megabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 150_000_000))
        file.truncate(200_000_000)
    with pytest.raises(EngineError, match="bytes long"):
        probe(path)


NAMES = st.sampled_from([*dict.fromkeys(name for shapes in PUBLISHED.values() for name in shapes), "", ".", "a" * 300])
SHAPES = st.lists(st.integers(0, 1 << 40), max_size=5).map(tuple)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES | st.text(max_size=40), SHAPES, max_size=12))
def test_no_header_upsets_the_probe(shapes: dict[str, tuple[int, ...]]) -> None:
    found = probe_header({name: Tensor("F16", shape, 0, 0) for name, shape in shapes.items()})
    assert found.base in BASES and found.kind


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "dtype", "shape", "data_offsets", "__metadata__"]), inner, max_size=4),
    max_leaves=8,
).map(lambda value: raw(json.dumps(value).encode(), bytes(8))))  # fmt: skip
def test_no_file_upsets_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "model.safetensors"
    path.write_bytes(data)
    try:
        assert probe(path).kind
    except EngineError as refused:
        assert refused.hint
