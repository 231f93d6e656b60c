"""What the denoiser is told, as the pipeline says it: words, palette, framing, reference, and how literal to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

from .captions import caption
from .data import ATTRIBUTES
from .learn import Task
from .nets import GUIDANCE_SIZE, PaletteEncoder
from .pool import Batch
from .tokens import tokenizer


@dataclass(frozen=True)
class Condition:
    """`tokens` N×(64 or 70)×width, `pooled` N×width, `sizes` N×6; `look` N×1×width, the reference's vector; `literal`
    N, guidance, for a denoiser that has learned it; `residuals` what a control net adds."""

    tokens: Tensor
    pooled: Tensor
    sizes: Tensor
    look: Tensor | None = None
    literal: Tensor | None = None
    residuals: tuple[Sequence[Tensor], Tensor] | None = None

    def nothing(self) -> Condition:
        """The same picture, told nothing by words, palette or reference: zeros, as the pipeline has it."""
        look = None if self.look is None else torch.zeros_like(self.look)
        return replace(self, tokens=torch.zeros_like(self.tokens), pooled=torch.zeros_like(self.pooled), look=look)


def predict(unet: UNet2DConditionModel, latents: Tensor, steps: Tensor, told: Condition) -> Tensor:
    """v for noisy latents at `steps`, in full precision."""
    added = {"text_embeds": told.pooled, "time_ids": told.sizes}
    if told.look is not None:
        added["image_embeds"] = [told.look]  # type: ignore[assignment]
    literal = None if told.literal is None else guidance(told.literal)
    extra: dict[str, Any] = {}
    if told.residuals is not None:
        down, middle = told.residuals
        extra = {"down_block_additional_residuals": tuple(down), "mid_block_additional_residual": middle}
    with torch.autocast(latents.device.type, torch.bfloat16):
        made = unet(latents, steps, told.tokens, timestep_cond=literal, added_cond_kwargs=added, **extra).sample
    return made.float()


def guidance(literal: Tensor) -> Tensor:
    """How the pipeline embeds guidance: sines of a thousand times (w − 1)."""
    half = GUIDANCE_SIZE // 2
    waves = torch.exp(torch.arange(half, device=literal.device) * -(np.log(10000.0) / (half - 1)))
    angles = ((literal - 1) * 1000.0)[:, None] * waves[None]
    return torch.cat([angles.sin(), angles.cos()], 1)


class Words:
    """The tokenizer of a run, learned at its first use, and new wordings for what is in a batch."""

    def __init__(self, task: Task) -> None:
        folder = task.folder / f"tokenizer-{task.size}"
        if not (folder / "tokenizer_config.json").exists():
            learn_words(folder, task)
        self.tokenizer = CLIPTokenizer.from_pretrained(folder)
        self._device = task.device

    def ids(self, captions: Sequence[str]) -> Tensor:
        """N captions to N×64 token ids."""
        found = self.tokenizer(
            list(captions), padding="max_length", max_length=self.tokenizer.model_max_length, truncation=True
        )
        return torch.tensor(found.input_ids, device=self._device)

    def reworded(self, batch: Batch, rng: np.random.Generator) -> list[str]:
        """The batch's captions, half of them in other words."""
        palettes, attributes = batch.palettes.cpu().numpy(), batch.attributes.cpu().numpy()
        return [
            said if rng.random() < 0.5 else caption(dict(zip(ATTRIBUTES, map(int, row), strict=True)), palette, rng)
            for said, palette, row in zip(batch.captions, palettes, attributes, strict=True)
        ]


def learn_words(folder: Path, task: Task, count: int = 20_000) -> None:
    """Learn the tokenizer from `count` captions of scenes drawn by chance."""
    rng = np.random.default_rng(task.seed)
    said = []
    for _ in range(count):
        attributes = {name: int(rng.integers(len(values))) for name, values in ATTRIBUTES.items()}
        palette = np.concatenate([rng.random((6, 1)), rng.normal(0, 0.12, (6, 2)), rng.random((6, 2))], 1)
        said.append(caption(attributes, palette.astype(np.float32), rng))
    tokenizer(said, task.sizes.words).save_pretrained(folder)


def spoken(text: CLIPTextModelWithProjection, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens and pooled vector of a prompt, where the pipeline takes them from."""
    with torch.autocast(ids.device.type, torch.bfloat16):
        found = text(ids, output_hidden_states=True)
    return found.hidden_states[-2].float(), found.text_embeds.float()


def open_roles(palettes: Tensor, rng: np.random.Generator) -> Tensor:
    """Palettes with some roles left open: of every second one, three roles in ten."""
    some = rng.random((len(palettes), 1)) < 0.5
    gone = torch.from_numpy((rng.random(palettes.shape[:2]) < 0.3) & some).to(palettes.device)
    closed = palettes.clone()
    closed[..., 4] = torch.where(gone, torch.zeros_like(closed[..., 4]), closed[..., 4])
    return closed


class Told(nn.Module):
    """The two encoders a denoiser is trained with."""

    def __init__(self, text: CLIPTextModelWithProjection, palette: PaletteEncoder) -> None:
        super().__init__()
        self.text, self.palette = text, palette

    def forward(self, ids: Tensor, palettes: Tensor | None, sizes: Tensor) -> Condition:
        """Words and, where there is one, a palette as a condition."""
        tokens, pooled = spoken(self.text, ids)
        if palettes is None:
            return Condition(tokens, pooled, sizes)
        slots, added = self.palette(palettes)
        return Condition(torch.cat([tokens, slots], 1), pooled + added, sizes)

    def draw(self, batch: Batch, words: Words, rng: np.random.Generator, quiet: float = 0.0) -> Condition:
        """What a batch is told in training: reworded, one in twelve without words, one batch in four without a palette,
        some roles left open. `quiet` is the share of further silence, where something else is to be listened to."""
        mute = 1 / 12 + quiet
        said = [line if rng.random() > mute else "" for line in words.reworded(batch, rng)]
        palettes = open_roles(batch.palettes, rng) if rng.random() > 0.25 + quiet else None
        return self(words.ids(said), palettes, batch.sizes)


def with_gaps(condition: Condition, share: float, rng: np.random.Generator) -> Condition:
    """The condition with everything taken from a share of its rows, so that the denoiser also learns to be told
    nothing."""
    kept = torch.from_numpy((rng.random(len(condition.pooled)) >= share).astype(np.float32)).to(condition.pooled.device)
    look = None if condition.look is None else condition.look * kept[:, None, None]
    return replace(
        condition, tokens=condition.tokens * kept[:, None, None], pooled=condition.pooled * kept[:, None], look=look
    )
