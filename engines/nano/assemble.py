"""The built-in model as a folder that stock diffusers opens.

    python -m engines.nano.assemble --out OUT --folder MODEL

`StableDiffusionXLPipeline.from_pretrained(MODEL)` samples in four steps. Beside the pipeline's parts lie `controlnet/`
(edges in red, depth in green, product mask in blue), `ip-adapter.safetensors` in the plain layout, and `palette/`,
whose tokens follow the prompt's. All weights are half precision. The graphs of `engines.nano.graphs` lie on top.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import CLIPImageProcessor, CLIPTokenizer, CLIPVisionModelWithProjection

from . import adapters, autoencoder, decoder, distil, nets, noise
from .card import card
from .condition import Told, Words
from .data import BUCKETS
from .encoders import SEEN_PX
from .learn import Task, steps_done
from .nets import PaletteEncoder, fit_reference, image_encoder, weigh_reference

PALETTE, REFERENCE, CONTROL, FACTS = "palette", "ip-adapter.safetensors", "controlnet", "nano.json"


@dataclass(frozen=True, eq=False)
class Model:
    """Every network of the built-in model, and the tokenizer."""

    vae: AutoencoderTiny
    unet: UNet2DConditionModel
    told: Told
    tokenizer: CLIPTokenizer
    eye: CLIPVisionModelWithProjection
    control: ControlNetModel
    reference: Mapping[str, Mapping[str, Tensor]]

    def weights(self) -> int:
        """How many numbers it holds."""
        looks = sum(value.numel() for part in self.reference.values() for value in part.values())
        return nets.weights(self.vae, self.unet, self.told, self.eye, self.control) + looks


def fresh(task: Task, words: CLIPTokenizer) -> Model:
    """The model with random weights."""
    size = task.sizes
    unet, told = nets.denoiser(size), Told(nets.text_encoder(size), PaletteEncoder(size.width))
    worn = nets.denoiser(size)
    fit_reference(worn)
    control = nets.control_net(size)
    return Model(
        nets.autoencoder(size), unet, told, words, image_encoder(size), control, nets.reference_state(worn)
    )  # fmt: skip


def gathered(task: Task, count: int = 4) -> Model:
    """The model as learned, with the student of `count` steps."""
    student = distil.opened(task, count)
    worn = nets.denoiser(task.sizes)
    reference = adapters.fit_learned_reference(worn, task)
    vae = decoder.worn(autoencoder.opened(task), task)
    eye, control = adapters.opened_eye(task), adapters.opened_control(task)
    return Model(vae, student.unet, student.told, Words(task).tokenizer, eye, control, reference)


def write(model: Model, folder: Path, facts: Mapping[str, object]) -> int:
    """Write the folder. Returns the bytes of all weights."""
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Any] = {
        "vae": _half(model.vae),
        "text_encoder": None,
        "text_encoder_2": _half(model.told.text),
        "tokenizer": None,
        "tokenizer_2": model.tokenizer,
        "unet": _half(model.unet),
        "scheduler": noise.scheduler(),
        "image_encoder": _half(model.eye),
        "feature_extractor": CLIPImageProcessor(size=SEEN_PX, crop_size=SEEN_PX),
    }
    StableDiffusionXLPipeline(**parts, force_zeros_for_empty_prompt=True, add_watermarker=False).save_pretrained(folder)
    _half(model.control).save_pretrained(folder / CONTROL)
    save_file(_palette_state(model.told.palette), _made(folder / PALETTE) / "model.safetensors", {"format": "pt"})
    looks = {f"{kind}.{name}": value for kind, part in model.reference.items() for name, value in part.items()}
    save_file({name: value.half().contiguous() for name, value in looks.items()}, folder / REFERENCE)
    (folder / FACTS).write_text(json.dumps({"weights": model.weights(), **facts}, indent=1) + "\n", "utf-8")
    return sum(path.stat().st_size for path in folder.rglob("*.safetensors"))


def read(folder: Path) -> Model:
    """The model from a folder, in full precision."""
    pipeline: Any = StableDiffusionXLPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    colours = PaletteEncoder(int(pipeline.unet.config["cross_attention_dim"]))
    colours.load_state_dict(load_file(folder / PALETTE / "model.safetensors"))
    control = ControlNetModel.from_pretrained(folder / CONTROL, torch_dtype=torch.float32)
    looks: dict[str, dict[str, Tensor]] = {}
    for name, value in load_file(folder / REFERENCE).items():
        kind, _, rest = name.partition(".")
        looks.setdefault(kind, {})[rest] = value.float()
    told = Told(pipeline.text_encoder_2, colours.float()).eval()
    return Model(pipeline.vae, pipeline.unet, told, pipeline.tokenizer_2, pipeline.image_encoder, control, looks)


def wear_reference(unet: UNet2DConditionModel, model: Model, weight: float = 1.0) -> None:
    """Give a UNet the model's reference, at a weight."""
    fit_reference(unet, model.reference)
    weigh_reference(unet, weight)


def _half(net: nn.Module) -> Any:
    return net.to("cpu", torch.float16)


def _palette_state(colours: PaletteEncoder) -> dict[str, Tensor]:
    return {name: value.cpu().half().contiguous() for name, value in colours.state_dict().items()}


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="where the checkpoints lie")
    parser.add_argument("--folder", type=Path, required=True, help="where to write the model")
    parser.add_argument("--size", default="full", choices=("full", "tiny"))
    parser.add_argument("--round", type=int, default=1)
    options = parser.parse_args()
    task = Task(options.out, options.size, 0.0, "cpu", 1, round=options.round)
    stages = ("autoencoder", "decoder", "encoders", "teacher", adapters.CONTROL, adapters.REFERENCE)
    students = [distil.stage_name(kind, task) for kind in (distil.GUIDED, *distil.HALVINGS)]
    facts = {"size": options.size, "steps": {name: steps_done(task, name) for name in (*stages, *students)}}
    model = gathered(task)
    written = write(model, options.folder, {**facts, "widths": asdict(task.sizes)})
    measures = options.out / "measures.json"
    found = json.loads(measures.read_text("utf-8")) if measures.exists() else {}
    text = card({**facts, "weights": model.weights()}, found, BUCKETS)
    (options.folder / "README.md").write_text(text, "utf-8")
    from .graphs import write_graphs  # which reads what is written here

    write_graphs(options.folder)
    print(f"{options.folder}: {model.weights()} weights, {written / 1e6:.2f} MB", flush=True)


if __name__ == "__main__":
    main()
