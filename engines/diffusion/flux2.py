"""FLUX.2-klein: text and references to a scene, in four steps, on diffusers' own `Flux2KleinPipeline`.

References are pictures the transformer looks at beside the one it paints, told apart by words. A start picture is the
first of them and is also what painting starts from, as in `Flux2KleinInpaintPipeline`. That pipeline itself shrinks
what is over a megapixel and takes one size of reference only; given the same latents and noise levels, the plain
pipeline paints the same picture, at the size that is asked and beside any references.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.flux2.pipeline_flux2_klein import Flux2KleinPipeline, compute_empirical_mu
from diffusers.utils.torch_utils import get_module_execution_device
from PIL import Image

from engines.base import EngineError, Pixels, ReferencePicture
from engines.diffusion.family import OnStep, Painted, Parts, Work
from engines.diffusion.flow import (
    CUT,
    Canvas,
    Cells,
    Words,
    as_image,
    asked_sigmas,
    digest,
    each_step,
    first_step,
    in_colours,
    lay_canvas,
    learn_colours,
    loaded,
    spare_vae,
    too_long,
    whole_numbers,
)
from engines.diffusion.lora import check
from engines.diffusion.profile import BASE_OF, Profile
from engines.diffusion.worn import Worn

REFERENCE_PX = 512 * 1024
"""The most a reference holds: one of a megapixel doubles the arithmetic of a step (76.7 for 34.8 TFLOP at 1024²)."""
LEAST_SIDE_PX = 64
MOST_ASPECT = 8
SAID = {
    "style": "Take the style of image {n}: its light, colours and materials, none of its objects.",
    "layout": "Arrange the scene as image {n} is arranged.",
    "subject": "Show the subject of image {n}.",
    "product": "Show the product of image {n} exactly as it is.",
    "face": "Show the person of image {n} with the same face.",
}


def load(profile: Profile, parts: Parts, device: torch.device | str, dtype: torch.dtype) -> Flux2Klein:
    """The family from part `base`, a whole pipeline's folder, read without the network and from safetensors only. Half
    floats become `bfloat16`: these transformers overflow them. Raises `EngineError` when files are missing or damaged.
    """
    kind = torch.bfloat16 if dtype == torch.float16 else dtype
    base = parts.paths["base"]
    pipe: Any = loaded(
        lambda: Flux2KleinPipeline.from_pretrained(base, dtype=kind, local_files_only=True, use_safetensors=True),
        profile.name,
    )
    if profile.scheduler:
        pipe.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config, **profile.scheduler)
    return Flux2Klein(pipe.to(device))


class Flux2Klein:
    """FLUX.2-klein as a `Family`. It follows no control maps; its references know neither weights nor masks, so one of
    weight 0 is left out, any other counts fully, and `facts["notes"]` says so."""

    def __init__(self, pipe: Any) -> None:
        self._reader = pipe
        # Without the text encoder, so that where it lies does not decide where the painting is done.
        silent: dict[str, Any] = {**pipe.components, "text_encoder": None, "tokenizer": None}
        self._pipe: Any = Flux2KleinPipeline(**silent, is_distilled=pipe.config.is_distilled)
        self._pipe.set_progress_bar_config(disable=True)
        self._words = Words(self._read)
        self._worn = Worn(self._pipe, [pipe.transformer], partial(check, base=BASE_OF["flux2"]))
        self._colours: torch.Tensor | None = None
        self.multiple_px: int = pipe.vae_scale_factor * 2
        self.modules: Mapping[str, torch.nn.Module] = {
            "text_encoder": pipe.text_encoder,
            "transformer": pipe.transformer,
            "vae": pipe.vae,
        }

    def group(self, work: Work) -> Hashable:
        """By size, steps, LoRAs and the pictures it looks at: the transformer sees one set of them a batch."""
        seen = tuple((reference.use, digest(reference.picture)) for reference in _counted(work))
        painted = (work.width_px, work.height_px, work.steps, max(work.guidance, 1.0), first_step(work))
        return painted, digest(work.start), work.repaint is None, seen, work.adapters

    def spare(self, on: bool) -> None:
        """Decode in tiles and slices; off again."""
        spare_vae(self._pipe.vae, on)

    def paint(self, works: Sequence[Work], on_step: OnStep) -> Painted:
        """Paint works of one group. Facts: `steps` that ran, `adapters` with the layers each LoRA changed,
        `words_added` about the references, `notes` for the designer. Raises `EngineError` for a LoRA that cannot be
        worn, and for a reference more than eight times as long as wide."""
        adapters = self._worn.wear(works[0].adapters)
        pictures = whole_numbers(self.draw(works, on_step))
        facts = {"steps": len(asked_sigmas(works[0])), "adapters": adapters, "notes": self._notes(works)}
        return Painted(pictures, {**facts, "words_added": _said(works[0])})

    @torch.no_grad()
    def draw(self, works: Sequence[Work], on_step: OnStep) -> np.ndarray:
        """The pictures of works of one group before they are rounded, N×H×W×3 in 0–1, with the LoRAs that are on."""
        first, pipe = works[0], self._pipe
        device = pipe._execution_device
        # 1. The words, and the pictures they speak of. A start picture is image 1.
        prompts = torch.cat([self._words(wording(work)) for work in works]).to(device)
        guided = first.guidance > 1 and not pipe.config.is_distilled
        avoided = torch.cat([self._words(work.avoid) for work in works]).to(device) if guided else None
        seen = [] if first.start is None else [squeezed(first.start)]
        seen += [fitted(reference.picture) for reference in _counted(first)]
        # 2. The canvas: noise, or the start picture under noise.
        canvas = self._canvas(works, prompts)
        # 3. The steps, and the decoder.
        return pipe(
            image=seen or None,
            prompt_embeds=prompts,
            negative_prompt_embeds=avoided,
            width=first.width_px,
            height=first.height_px,
            num_inference_steps=first.steps,
            sigmas=canvas.sigmas,
            latents=canvas.latents,
            guidance_scale=max(first.guidance, 1.0),
            output_type="np",
            callback_on_step_end=each_step(canvas, pipe._pack_latents, lambda held: self._see(held, canvas), on_step),
        ).images

    def _read(self, text: str) -> torch.Tensor:
        encoder = self._reader.text_encoder
        return self._reader.encode_prompt(text, device=get_module_execution_device(encoder))[0]

    def _canvas(self, works: Sequence[Work], like: torch.Tensor) -> Canvas:
        pipe, first = self._pipe, works[0]
        cells = Cells(pipe.transformer.config.in_channels, self.multiple_px, "bilinear")
        tokens = (first.width_px // cells.px) * (first.height_px // cells.px)
        mu = compute_empirical_mu(tokens, first.steps)
        return lay_canvas(works, cells, self._encode, pipe.scheduler, mu, like)

    def _encode(self, picture: Pixels, generator: torch.Generator) -> torch.Tensor:
        height, width = picture.shape[:2]
        ready = self._pipe.image_processor.preprocess(as_image(picture), height=height, width=width)
        return self._encode_ready(ready)

    def _encode_ready(self, ready: torch.Tensor) -> torch.Tensor:
        vae = self._pipe.vae
        return self._pipe._encode_vae_image(ready.to(get_module_execution_device(vae), vae.dtype), None)

    def _see(self, held: torch.Tensor, canvas: Canvas) -> list[Pixels]:
        if self._colours is None:
            vae = self._pipe.vae
            like = torch.empty(0, dtype=vae.dtype, device=get_module_execution_device(vae))
            self._colours = learn_colours(lambda ready: self._plain(self._encode_ready(ready)), like)
        latents = held.transpose(1, 2).reshape(canvas.latents.shape)
        return in_colours(self._plain(latents), self._colours)

    def _plain(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents as the VAE has them: B×128×h×w normalised patches to B×32×2h×2w."""
        normal, config = self._pipe.vae.bn, self._pipe.vae.config
        spread = torch.sqrt(normal.running_var + config.batch_norm_eps).view(1, -1, 1, 1).to(latents)
        middle = normal.running_mean.view(1, -1, 1, 1).to(latents)
        return self._pipe._unpatchify_latents(latents * spread + middle)

    def _notes(self, works: Sequence[Work]) -> list[str]:
        notes = []
        references = works[0].references
        if len({reference.weight for reference in _counted(works[0])}) > 1:
            notes.append("Every reference counts alike: this painter cannot weigh them.")
        if any(reference.mask is not None for reference in references):
            notes.append("References count in the whole picture: this painter knows no masks for them.")
        if any(too_long(self._reader.tokenizer, wording(work)) for work in works):
            notes.append(CUT)
        return notes


def wording(work: Work) -> str:
    """The prompt, and what each reference is for."""
    return " ".join(filter(None, [work.prompt.strip(), _said(work)]))


def _said(work: Work) -> str:
    before = 1 if work.start is None else 2
    return " ".join(SAID[reference.use].format(n=before + at) for at, reference in enumerate(_counted(work)))


def _counted(work: Work) -> list[ReferencePicture]:
    return [reference for reference in work.references if reference.weight > 0]


def fitted(picture: Pixels, most_px: int = REFERENCE_PX) -> Image.Image:
    """A reference (H×W×3) as the pipeline takes it: no more than `most_px` pixels, no side under 64. Raises
    `EngineError` when it is more than eight times as long as wide."""
    height, width = picture.shape[:2]
    if max(height, width) > MOST_ASPECT * min(height, width):
        raise EngineError(
            f"A reference of {width}×{height} px is too long and thin for this painter", "Crop it to what matters."
        )
    scale = min((most_px / (width * height)) ** 0.5, 1.0)
    scale = max(scale, LEAST_SIDE_PX / min(height, width))
    size = max(round(width * scale), LEAST_SIDE_PX), max(round(height * scale), LEAST_SIDE_PX)
    image = as_image(picture)
    return image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)


def squeezed(picture: Pixels) -> Image.Image:
    """A start picture (H×W×3) as the pipeline looks at it: whole, but no longer than eight times its width."""
    height, width = picture.shape[:2]
    size = min(width, MOST_ASPECT * height), min(height, MOST_ASPECT * width)
    image = as_image(picture)
    return image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)
