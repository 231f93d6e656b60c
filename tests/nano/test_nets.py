"""The built-in model's networks: their size, their schedule, their words, their place in stock diffusers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers")

from diffusers import ControlNetModel, StableDiffusionXLControlNetPipeline, StableDiffusionXLPipeline
from PIL import Image

from engines.nano import assemble, nets, noise
from engines.nano.condition import Condition, Told, guidance, predict
from engines.nano.data import BUCKETS
from engines.nano.learn import Task
from engines.nano.tokens import tokenizer

MOST_BYTES = 42_000_000


@pytest.fixture(scope="module")
def words():
    return tokenizer(["a matte black bottle on a round podium", "a glossy jar, product on the left"] * 3, 768)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, words) -> Path:
    torch.manual_seed(3)
    made = tmp_path_factory.mktemp("nano")
    model = assemble.fresh(Task(made, "tiny", 0.0, "cpu", 1), words)
    torch.nn.init.normal_(model.unet.conv_out.weight, std=0.05)
    assemble.write(model, made, {})
    return made


def test_everything_fits_into_42_megabytes(tmp_path: Path, words) -> None:
    model = assemble.fresh(Task(tmp_path, "full", 0.0, "cpu", 1), words)
    assert 0.97 * MOST_BYTES < 2 * model.weights() < MOST_BYTES
    assert assemble.write(model, tmp_path / "model", {}) < MOST_BYTES


def test_every_bucket_fits_the_networks() -> None:
    for width, height in BUCKETS:
        assert width % 64 == 0 and height % 64 == 0
        assert abs(width * height / 512**2 - 1) < 0.1


def test_the_stock_pipeline_paints(folder: Path) -> None:
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)

    def paint(prompt: str, **told: object) -> np.ndarray:
        start = torch.Generator().manual_seed(1)
        return np.asarray(
            pipeline(prompt, num_inference_steps=4, guidance_scale=2.0, generator=start, **told).images[0]
        )

    plain = paint("a matte black bottle")
    assert plain.shape == (512, 512, 3)
    assert not np.array_equal(plain, paint("a glossy jar"))
    assert paint("a jar", width=768, height=320).shape == (320, 768, 3)
    pipeline.load_ip_adapter(folder, subfolder="", weight_name=assemble.REFERENCE, image_encoder_folder=None)
    red, blue = (paint("a jar", ip_adapter_image=Image.new("RGB", (200, 150), name)) for name in ("red", "blue"))
    assert not np.array_equal(red, blue)


def test_the_stock_pipeline_takes_the_control_net(folder: Path) -> None:
    control = ControlNetModel.from_pretrained(folder / assemble.CONTROL)
    assert isinstance(control, ControlNetModel)
    pipeline = StableDiffusionXLControlNetPipeline.from_pretrained(
        folder, controlnet=control, torch_dtype=torch.float32
    )
    pipeline.set_progress_bar_config(disable=True)
    made = pipeline("a jar", image=Image.new("RGB", (448, 576)), width=448, height=576, num_inference_steps=1).images[0]
    assert made.size == (448, 576)


def test_the_pipeline_says_what_training_says(folder: Path) -> None:
    """Tokens, pooled vector, guidance, sizes, steps and scale, all as the denoiser was taught them: the same latents."""
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    start = torch.randn(1, 16, 20, 48, generator=torch.Generator().manual_seed(5))
    theirs = pipeline(
        "a matte jar",
        width=768,
        height=320,
        num_inference_steps=4,
        guidance_scale=3.0,
        latents=start,
        output_type="latent",
    ).images
    model = assemble.read(folder)
    found = model.tokenizer(["a matte jar"], padding="max_length", max_length=64, truncation=True)
    with torch.no_grad():
        out = model.told.text(torch.tensor(found.input_ids), output_hidden_states=True)
        sizes = torch.tensor([[320.0, 768.0, 0.0, 0.0, 320.0, 768.0]])
        told = Condition(out.hidden_states[-2], out.text_embeds, sizes, literal=torch.tensor([3.0]))
        ours = noise.sample(lambda z, t: predict(model.unet, z, t, told), start, 4, noise.Schedule())
    assert float((ours - theirs).abs().max()) < 0.1 * float(theirs.std())  # we reckon in bfloat16


def test_palette_tokens_follow_the_words_in_the_stock_pipeline(folder: Path) -> None:
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    told = assemble.read(folder).told
    palette = torch.rand(2, 6, 5)
    palette[..., 4] = 1
    with torch.no_grad():
        tokens, pooled = told.palette(palette)
        assert tokens.shape[:2] == (2, 6)
        both = torch.cat([torch.zeros(2, 64, tokens.shape[-1]), tokens], 1)
    given = {"prompt_embeds": both, "pooled_prompt_embeds": pooled, "num_inference_steps": 1}
    start = torch.randn(1, 16, 32, 32, generator=torch.Generator().manual_seed(5)).repeat(2, 1, 1, 1)
    first, second = (np.asarray(image) for image in pipeline(**given, latents=start).images)
    assert not np.array_equal(first, second)


def test_an_open_role_says_nothing_of_its_colour() -> None:
    colours = nets.PaletteEncoder(32)
    palette = torch.rand(2, 6, 5)
    palette[..., 4] = 0
    tokens, pooled = colours(palette)
    assert torch.equal(tokens[0], tokens[1]) and not pooled.any()


def test_the_sampler_is_the_stock_one() -> None:
    schedule, stock = noise.Schedule(), noise.scheduler()
    start = torch.randn(1, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    mix = torch.randn(16, 16, generator=torch.Generator().manual_seed(1)) * 0.2

    def velocity(latents: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        return torch.einsum("oc,nchw->nohw", mix, latents) * (1 + steps.float().mean() / 1000)

    for count in (2, 4, 32):
        stock.set_timesteps(count)
        assert stock.timesteps.long().tolist() == noise.trail(count)[:-1]
        latents = start * stock.init_noise_sigma
        for step in stock.timesteps:
            made = velocity(stock.scale_model_input(latents, step), step[None])
            latents = stock.step(made, step, latents).prev_sample
        assert float((latents - noise.sample(velocity, start, count, schedule)).abs().max()) < 2e-2
    assert set(noise.trail(4)) <= set(noise.trail(8)) <= set(noise.trail(16)) <= set(noise.trail(32))


def test_one_stride_can_be_taught_to_land_where_two_do() -> None:
    schedule = noise.Schedule()
    latents, reached = torch.randn(3, 16, 4, 4), torch.randn(3, 16, 4, 4)
    steps, to = torch.tensor([999, 499, 249]), torch.tensor([749, 249, -1])
    velocity = schedule.target(latents, reached, steps, to)
    assert torch.allclose(schedule.stride(latents, velocity, steps, to), reached, atol=1e-4)


def test_the_last_step_is_pure_noise_and_the_one_before_the_first_is_clean() -> None:
    signal, grain = noise.Schedule().mix(torch.tensor([999, -1]))
    assert signal.flatten().tolist() == [0.0, 1.0] and grain.flatten().tolist() == [1.0, 0.0]


def test_every_word_can_be_said(words) -> None:
    line = "Ein Ölfläschchen — 漢字 🙂 matte"
    ids = words([line], padding="max_length", max_length=64, truncation=True).input_ids[0]
    assert ids[0] == nets.START and ids.count(nets.END) == 64 - ids.index(nets.END)
    assert len(words("matte").input_ids) == 3, "a word of the captions is one token"


def test_guidance_is_told_as_the_pipeline_tells_it(folder: Path) -> None:
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    theirs = pipeline.get_guidance_scale_embedding(torch.tensor([1.0, 2.5]), embedding_dim=nets.GUIDANCE_SIZE)
    assert torch.allclose(theirs, guidance(torch.tensor([2.0, 3.5])), atol=1e-4)


def test_the_control_net_starts_from_the_denoiser_and_adds_nothing() -> None:
    size = nets.SIZES["tiny"]
    unet, control = nets.denoiser(size), nets.control_net(size)
    nets.start_from(control, unet)
    assert torch.equal(control.conv_in.weight, unet.conv_in.weight)
    told = {"text_embeds": torch.randn(1, size.width), "time_ids": torch.zeros(1, 6)}
    down, middle = control(
        torch.randn(1, 16, 8, 8), torch.tensor([5]), torch.randn(1, 64, size.width), torch.rand(1, 3, 128, 128),
        added_cond_kwargs=told, return_dict=False,
    )  # fmt: skip
    assert not any(part.any() for part in (*down, middle))


def test_told_nothing_is_all_zeros() -> None:
    size = nets.SIZES["tiny"]
    told = Told(nets.text_encoder(size), nets.PaletteEncoder(size.width))
    condition = told(torch.full((1, 64), nets.END), torch.rand(1, 6, 5), torch.zeros(1, 6))
    assert condition.tokens.shape[1] == 70
    assert not condition.nothing().tokens.any() and not condition.nothing().pooled.any()
