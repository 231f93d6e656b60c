"""What the families of flow transformers share: words read once, where painting starts, each step's end, previews.

Their pipelines paint from latents and noise levels they are given, so text, start pictures and repainting are one path:
the start is mixed with noise as the image-to-image pipelines do, and what is not repainted is laid back after each step
as the inpainting pipelines do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from engines.base import EngineError, Pixels
from engines.diffusion.family import OnStep, Work
from engines.diffusion.kept import Kept

KEPT_TEXTS = 32
TOKENS = 512
"""What both pipelines read of a text, the chat around it (at most 16 tokens) included."""
CUT = "The words were cut: only what fits into 512 tokens counts."
Read = Callable[[str], torch.Tensor]
Encode = Callable[[Pixels, torch.Generator], torch.Tensor]
"""A picture (H×W×3) to its latents, 1×C×h×w, scaled as the transformer wants them."""


class Words:
    """What a text encoder makes of texts. A text that is known does not touch the encoder, wherever it lies."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._known: Kept[torch.Tensor] = Kept(KEPT_TEXTS)

    @torch.no_grad()
    def __call__(self, text: str) -> torch.Tensor:
        """The embeddings of one text, in main memory."""
        return self._known.get(text, lambda: self._read(text).cpu())


def too_long(tokenizer: Any, text: str) -> bool:
    """Whether the end of a text goes unread."""
    return len(tokenizer(text)["input_ids"]) > TOKENS - 16


@dataclass(frozen=True)
class Cells:
    """What a pipeline's latents are made of: channels, pixels a side of a cell, how its inpainting shrinks masks."""

    channels: int
    px: int
    mask_mode: str


@dataclass(frozen=True)
class Canvas:
    """Where the painting of a batch starts. Latents are B×C×h×w; `mask` is B×1×h×w, 1 where to paint."""

    latents: torch.Tensor
    sigmas: list[float]
    """The steps to take, as the pipeline is asked for them: before the schedule is shifted."""
    levels: list[float]
    """The share of noise before each step and after the last, 1–0: one more than there are steps."""
    noise: torch.Tensor
    kept: torch.Tensor | None = None
    mask: torch.Tensor | None = None


def first_step(work: Work) -> int:
    """How many steps of the schedule a start picture saves: to the nearest step, never the last, and at least one
    while anything of the start is to be kept."""
    if work.start is None or work.strength >= 1 or work.steps == 1:
        return 0
    return work.steps - min(max(round(work.steps * work.strength), 1), work.steps - 1)


def asked_sigmas(work: Work) -> list[float]:
    """The steps of a work before its schedule is shifted, from the noisiest that is taken."""
    return np.linspace(1.0, 1 / work.steps, work.steps)[first_step(work) :].tolist()


def lay_canvas(
    works: Sequence[Work], cells: Cells, encode: Encode, scheduler: Any, mu: float, like: torch.Tensor
) -> Canvas:
    """The start of some works of one size, steps and kind. Each draws from its own generator on the processor, so that
    it starts alike on every machine, alone or beside others. `mu` shifts the schedule; `like` says device and dtype."""
    sigmas = asked_sigmas(works[0])
    scheduler.set_timesteps(sigmas=sigmas, mu=mu)
    levels: list[float] = scheduler.sigmas.tolist()
    shape = (1, cells.channels, works[0].height_px // cells.px, works[0].width_px // cells.px)
    noises, starts = [], []
    for work in works:
        generator = torch.Generator("cpu").manual_seed(work.seed)
        if work.start is not None:
            starts.append(encode(work.start, generator).to(like))
        noises.append(randn_tensor(shape, generator=generator, device=like.device, dtype=like.dtype))
    noise = torch.cat(noises)
    if not starts:
        return Canvas(noise, sigmas, levels, noise)
    kept = torch.cat(starts)
    latents = levels[0] * noise + (1 - levels[0]) * kept
    return Canvas(latents, sigmas, levels, noise, kept, _mask(works, cells.mask_mode, latents))


def _mask(works: Sequence[Work], mode: str, latents: torch.Tensor) -> torch.Tensor | None:
    masks = [torch.from_numpy(work.repaint >= 128).float() for work in works if work.repaint is not None]
    if not masks:
        return None
    return F.interpolate(torch.stack(masks)[:, None], size=latents.shape[-2:], mode=mode).to(latents)


def each_step(
    canvas: Canvas,
    hold: Callable[[torch.Tensor], torch.Tensor],
    see: Callable[[torch.Tensor], list[Pixels]],
    on_step: OnStep,
) -> Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]:
    """What a pipeline calls after every step. `hold` turns B×C×h×w into the shape its loop holds, `see` what the loop
    holds into small pictures.

    A preview shows where the last step was heading, not the noise that is still there: the straight line through the
    latents before and after it, followed to where the noise is 0.
    """
    before = hold(canvas.latents)
    noise = hold(canvas.noise)
    kept = None if canvas.kept is None else hold(canvas.kept)
    mask = None if canvas.mask is None else hold(canvas.mask)

    def ended(pipe: Any, index: int, moment: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        nonlocal before
        after, level, ahead = tensors["latents"], canvas.levels[index], canvas.levels[index + 1]
        clear = after - ahead * (after - before) / (ahead - level)
        if kept is not None and mask is not None:
            after = (1 - mask) * (ahead * noise + (1 - ahead) * kept) + mask * after
        before = after
        on_step(index + 1, len(canvas.sigmas), partial(see, clear))
        return {"latents": after}

    return ended


def learn_colours(encode: Callable[[torch.Tensor], torch.Tensor], like: torch.Tensor) -> torch.Tensor:
    """What the channels of a VAE's latents mean in colours, (C+1)×3, the last row a constant: the linear map that fits
    a soft patchwork of 16×16 colours best, by least squares. `encode` takes 1×3×256×256 in −1…1."""
    patches = torch.rand((1, 3, 16, 16), generator=torch.Generator().manual_seed(0)) * 2 - 1
    picture = F.interpolate(patches, size=(256, 256), mode="bicubic").clamp(-1, 1)
    latents = encode(picture.to(like)).float().cpu()
    colours = F.interpolate(picture, size=latents.shape[-2:], mode="area")
    cells = latents[0].flatten(1).T
    known = torch.cat([cells, torch.ones(len(cells), 1)], 1)
    return torch.linalg.lstsq(known, colours[0].flatten(1).T, driver="gelsd").solution


def in_colours(latents: torch.Tensor, colours: torch.Tensor) -> list[Pixels]:
    """Small pictures of latents (B×C×h×w), each h×w×3, by a map from `learn_colours`."""
    cells = latents.float().permute(0, 2, 3, 1).cpu()
    pixels = (cells @ colours[:-1] + colours[-1]).clamp(-1, 1)
    return list(((pixels + 1) * 127.5).round().to(torch.uint8).numpy())


def digest(pixels: Pixels | None) -> bytes:
    """What tells a picture or mask from others."""
    if pixels is None:
        return b""
    return hashlib.blake2b(pixels.tobytes(), digest_size=16, key=repr(pixels.shape).encode()).digest()


def as_image(pixels: Pixels) -> Image.Image:
    """H×W×3 or H×W as the pipelines take it."""
    return Image.fromarray(np.asarray(pixels))


def whole_numbers(pictures: np.ndarray) -> list[Pixels]:
    """N×H×W×3 in 0–1 to pictures."""
    return list((pictures * 255).round().astype(np.uint8))


def spare_vae(vae: Any, on: bool) -> None:
    """Decode in tiles of half the size the VAE was made for, one picture at a time; off again."""
    size = vae.config.sample_size
    whole = size[0] if isinstance(size, (list, tuple)) else size
    tile = whole // 2 if on else whole
    vae.tile_sample_min_size, vae.tile_latent_min_size = tile, tile // 2 ** (len(vae.config.block_out_channels) - 1)
    vae.use_tiling = vae.use_slicing = on


def loaded(load: Callable[[], Any], name: str) -> Any:
    """What `load` returns. Raises `EngineError` when its files are missing or damaged."""
    try:
        return load()
    except torch.OutOfMemoryError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise EngineError(
            f"{name} cannot be loaded: {line}", "Fetch it again: some of its files do not fit."
        ) from error
