"""The measures of the built-in model on held-out prompts, and a contact sheet.

    python -m engines.nano.evaluate --data DATA --out OUT --count 500

Everything is read by the reporter, which no other net was trained on; beside each number stands what the same reporter
reads from real renders. Writes `measures.json` and `sheet.png` into OUT.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from numpy.typing import NDArray
from torch import Tensor
from transformers import CLIPVisionModelWithProjection

from engines.base import Pixels

from . import adapters, autoencoder, decoder, distil, encoders, measures, reporter, teacher
from .condition import Condition, Told, Words, predict
from .data import ATTRIBUTES, BUCKETS, ROLES, Data, Picture
from .learn import Source, Task, tensor
from .maps import view
from .nets import CHANNELS, FACTOR, weigh_reference
from .noise import Schedule, Velocity, sample
from .reporter import Report, Reporter

GUIDANCE = 2.0
STYLE = ("set", "light", "stand", "props")
LOCKED = tuple(ROLES.index(role) for role in ("background", "surface", "product", "second", "accent"))


@dataclass(frozen=True, eq=False)
class Brush:
    """A denoiser that paints: in one pass a step, or in two where guidance is not learned yet."""

    unet: UNet2DConditionModel
    told: Told
    steps: int
    guided: bool

    def velocity(self, told: Condition, control: ControlNetModel | None = None, maps: Tensor | None = None) -> Velocity:
        """v at any latents and steps, under a condition and perhaps maps."""

        def found(latents: Tensor, steps: Tensor) -> Tensor:
            strengths = torch.full((len(latents),), GUIDANCE, device=latents.device)
            now = told if self.guided else replace(told, literal=strengths)
            if control is not None and maps is not None:
                now = adapters.steered(control, latents, steps, now, maps)
            return (
                distil.guided(self.unet, latents, steps, now, strengths)
                if self.guided
                else predict(self.unet, latents, steps, now)
            )

        return found


class Studio:
    """Paints what held-out pictures ask for, and reads it."""

    def __init__(self, task: Task, vae: AutoencoderTiny, net: Reporter, words: Words) -> None:
        self._task, self._vae, self._net, self._words = task, vae, net, words
        self._schedule = Schedule(task.device)

    @torch.no_grad()
    def paint_like(
        self, brush: Brush, look: Pixels, asked: Picture, seed: int, eye: CLIPVisionModelWithProjection
    ) -> Pixels:
        """A picture told nothing but the product's kind and another picture, whose style it is to take. The brush's
        UNet wears the reference."""
        device = self._task.device
        kind = ATTRIBUTES["product"][asked.attributes["product"]]
        told = brush.told(self._words.ids([kind]), None, _sizes(asked, device))
        seen = encoders.centred(tensor([view(look)], device))
        told = replace(told, look=encoders.look_at(eye, seen)[:, None])
        latents = sample(brush.velocity(told), self._noise(asked, seed), brush.steps, self._schedule)
        return autoencoder.decoded(self._vae, latents)[0]

    def _noise(self, asked: Picture, seed: int) -> Tensor:
        height, width = asked.rgb.shape[:2]
        shape = (1, CHANNELS, height // FACTOR, width // FACTOR)
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(self._task.device)

    @torch.no_grad()
    def paint(
        self,
        brush: Brush,
        asked: Picture,
        seed: int,
        control: ControlNetModel | None = None,
        like: Picture | None = None,
    ) -> tuple[Pixels, Tensor]:
        """The picture and its latents. With a control net it follows the maps of `like`, or its own."""
        device = self._task.device
        told = brush.told(self._words.ids([asked.caption]), _palette(asked, device), _sizes(asked, device))
        maps = None if control is None else maps_of(like or asked, device)
        latents = sample(brush.velocity(told, control, maps), self._noise(asked, seed), brush.steps, self._schedule)
        return autoencoder.decoded(self._vae, latents)[0], latents

    def read(self, pictures: Sequence[Pixels]) -> list[Report]:
        return reporter.read(self._net, list(pictures), self._task.device)


def _palette(asked: Picture, device: str) -> Tensor:
    return torch.from_numpy(asked.palette)[None].float().to(device)


def _sizes(asked: Picture, device: str) -> Tensor:
    return torch.tensor([asked.sizes], dtype=torch.float32, device=device)


def maps_of(picture: Picture, device: str) -> Tensor:
    """Edges, depth and mask of a picture, 1×3×H×W in 0…1."""
    planes = np.stack([picture.edges, picture.depth, picture.mask]).astype(np.float32) / 255
    return torch.from_numpy(planes)[None].to(device)


def attributes(reports: Sequence[Report], asked: Sequence[Picture]) -> dict[str, float]:
    """How often each attribute is read as it was asked for, and on average."""
    shares = {
        name: float(np.mean([r.attributes[name] == p.attributes[name] for r, p in zip(reports, asked, strict=True)]))
        for name in ATTRIBUTES
    }
    return {**shares, "mean": float(np.mean(list(shares.values())))}


def palette(pictures: Sequence[Pixels], reports: Sequence[Report], asked: Sequence[Picture]) -> dict[str, float]:
    """ΔE00 of each role's median colour: to the colour asked for, which light and shade keep off even in a render, and
    to the colour the role has in the render of the same request. Median, 90th percentile and share below 5."""
    to_asked, to_render = [], []
    for picture, report, wanted in zip(pictures, reports, asked, strict=True):
        found = measures.role_colours(picture, report.roles)
        shown = measures.role_colours(wanted.rgb, _quarter(wanted.roles))
        for role in LOCKED:
            if wanted.palette[role, 4] > 0 and role in found:
                to_asked.append(measures.delta_e(found[role], wanted.palette[role]))
                if role in shown:
                    to_render.append(measures.delta_e(found[role], shown[role]))
    return {
        **{f"to asked, {name}": value for name, value in _spread(to_asked).items()},
        **{f"to render, {name}": value for name, value in _spread(to_render).items()},
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {"median": float("nan"), "p90": float("nan"), "below 5": float("nan")}
    return {
        "median": float(np.median(values)),
        "p90": float(np.percentile(values, 90)),
        "below 5": float(np.mean(np.array(values) < 5)),
    }


def control(pictures: Sequence[Pixels], reports: Sequence[Report], maps: Sequence[Picture]) -> dict[str, float]:
    """How far pictures follow the maps of others: edge F1, rank correlation of depth, overlap of the product."""
    edges, depths, masks = [], [], []
    for picture, report, wanted in zip(pictures, reports, maps, strict=True):
        edges.append(measures.edge_f1(picture, wanted.edges))
        depths.append(measures.rank_correlation(report.depth, _quarter(wanted.depth)))
        masks.append(measures.overlap(report.mask, _quarter(wanted.mask) > 127))
    return {
        "edge F1": measures.middle(edges),
        "depth rank": measures.middle(depths),
        "mask IoU": measures.middle(masks),
    }


def _quarter(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = (plane.shape[1] // reporter.QUARTER, plane.shape[0] // reporter.QUARTER)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST), np.uint8)


def distribution(made: Sequence[Report], real: Sequence[Report], other: Sequence[Report]) -> dict[str, float]:
    """Fréchet distance, precision and recall of what was made against renders, with that of other renders beside it,
    and how close the nearest render is against how close renders are to each other."""
    rows = [np.stack([report.features for report in reports]) for reports in (made, real, other)]
    precision, recall = measures.precision_recall(rows[0], rows[1])
    nearest = [float(np.median(measures.distances(part, rows[1]).min(1))) for part in (rows[0], rows[2])]
    least = [float(measures.distances(part, rows[1]).min()) for part in (rows[0], rows[2])]
    return {
        "Fréchet": measures.frechet(rows[0], rows[1]), "Fréchet of renders": measures.frechet(rows[2], rows[1]),
        "precision": precision, "recall": recall, "nearest render": nearest[0], "nearest, of renders": nearest[1],
        "least distance": least[0], "least, of renders": least[1],
    }  # fmt: skip


def sharp(made: Sequence[Pixels], real: Sequence[Pixels]) -> float:
    """Fine detail of pictures, as a share of that of renders (medians)."""
    first, second = (float(np.median([measures.sharpness(picture) for picture in part])) for part in (made, real))
    return first / max(second, 1e-12)


def apart(first: Sequence[Tensor], second: Sequence[Tensor]) -> float:
    """Mean square difference of latents made from the same noise, as far as both go."""
    return float(np.mean([float((one - other).pow(2).mean()) for one, other in zip(first, second, strict=False)]))


def brushes(task: Task) -> dict[str, Brush]:
    """The teacher and every student there is."""
    taught = teacher.opened(task)
    found = {"teacher-32": Brush(taught.unet, taught.told, 32, True)}
    for count in distil.HALVINGS:
        if task.checkpoint(distil.stage_name(count, task)).exists():
            student = distil.opened(task, count)
            found[f"student-{count}"] = Brush(student.unet, student.told, count, False)
    if "student-4" in found:
        found["student-2"] = replace(found["student-4"], steps=2)
    return found


def measure(held: Source, trained: Source, task: Task, counts: tuple[int, int], say: Callable[[str], None]) -> dict:
    """All measures over so many held-out requests; those of the teacher, which is slow, over the second count."""
    rng, (count, teacher_count) = np.random.default_rng(11), counts
    asked = [held.picture(rng, BUCKETS[i % len(BUCKETS)]) for i in range(count)]
    known = [trained.picture(rng, BUCKETS[i % len(BUCKETS)]) for i in range(count)]
    studio = Studio(task, decoder.worn(autoencoder.opened(task), task), reporter.opened(task), Words(task))
    real, other = (studio.read([picture.rgb for picture in part]) for part in (asked, known))
    shown = [picture.rgb for picture in asked]
    found: dict = {
        "renders": {
            "attributes": attributes(real, asked),
            "palette": palette(shown, real, asked),
            "control": control(shown, real, asked),
        }
    }
    kept: dict[str, list[tuple[Pixels, Tensor]]] = {}
    for name, brush in brushes(task).items():
        some = asked[: teacher_count if brush.guided else count]
        made = [studio.paint(brush, picture, 1000 + i) for i, picture in enumerate(some)]
        pictures = [picture for picture, _ in made]
        reports = studio.read(pictures)
        kept[name] = made
        found[name] = {
            "attributes": attributes(reports, some), "palette": palette(pictures, reports, some),
            "distribution": distribution(reports, other, real), "sharpness": sharp(pictures, [p.rgb for p in some]),
            "to teacher": apart([latents for _, latents in made], [latents for _, latents in kept["teacher-32"]]),
        }  # fmt: skip
        say(f"{name}: {json.dumps(found[name], ensure_ascii=False)}")
    if task.checkpoint(adapters.CONTROL).exists() and "student-4" in kept:
        found["control"] = controlled(studio, brushes(task)["student-4"], asked, task)
        say(f"control: {json.dumps(found['control'], ensure_ascii=False)}")
    if task.checkpoint(adapters.REFERENCE).exists() and "student-4" in kept:
        pairs = [held.pair(rng, BUCKETS[i % len(BUCKETS)]) for i in range(count)]
        found["reference"] = referred(studio, brushes(task)["student-4"], pairs, task)
        say(f"reference: {json.dumps(found['reference'], ensure_ascii=False)}")
    best = kept.get("student-4") or kept["teacher-32"]
    cv2.imwrite(str(task.folder / "sheet.png"), sheet([p for p, _ in best], [p.rgb for p in asked])[..., ::-1])
    return found


def controlled(studio: Studio, brush: Brush, asked: Sequence[Picture], task: Task) -> dict[str, dict[str, float]]:
    """How far the student follows maps: its own request's, none, and those of another request."""
    net, found = adapters.opened_control(task), {}
    others = [asked[(i + len(BUCKETS)) % len(asked)] for i in range(len(asked))]
    for name in ("followed", "without", "shuffled"):
        given = others if name == "shuffled" else asked
        made = [
            studio.paint(brush, wanted, 1000 + i, None if name == "without" else net, like)[0]
            for i, (wanted, like) in enumerate(zip(asked, given, strict=True))
            if like.rgb.shape == wanted.rgb.shape
        ]
        kept = [wanted for wanted, like in zip(asked, given, strict=True) if like.rgb.shape == wanted.rgb.shape]
        found[name] = control(made, studio.read(made), kept)
    return found


def referred(studio: Studio, brush: Brush, pairs: Sequence[tuple[Picture, Picture]], task: Task) -> dict[str, dict]:
    """How far the student takes the style of a picture: how often set, light, stand and props are read as those of the
    picture shown, and ΔE00 of background and surface to its; and both for a picture that was not shown."""
    adapters.fit_learned_reference(brush.unet, task)
    weigh_reference(brush.unet, 1.0)
    eye = adapters.opened_eye(task)
    made = [studio.paint_like(brush, look.rgb, asked, 2000 + i, eye) for i, (look, asked) in enumerate(pairs)]
    reports, found = studio.read(made), {}
    for name, ahead in (("followed", 0), ("of another", 1)):
        shown = [pairs[(i + ahead) % len(pairs)][0] for i in range(len(pairs))]
        alike = [
            float(np.mean([report.attributes[kind] == look.attributes[kind] for kind in STYLE]))
            for report, look in zip(reports, shown, strict=True)
        ]
        apart_by = []
        for picture, report, look in zip(made, reports, shown, strict=True):
            ours, theirs = (
                measures.role_colours(picture, report.roles),
                measures.role_colours(look.rgb, _quarter(look.roles)),
            )
            apart_by += [
                measures.delta_e(ours[role], theirs[role]) for role in (0, 1) if role in ours and role in theirs
            ]
        found[name] = {"style": float(np.mean(alike)), "ΔE00, median": _spread(apart_by)["median"]}
    return found


def sheet(made: Sequence[Pixels], real: Sequence[Pixels], columns: int = 8, edge: int = 160) -> Pixels:
    """Up to 64 pictures, the render of the same request above each."""
    pairs = [np.concatenate([_fitted(r, edge), _fitted(m, edge)]) for m, r in list(zip(made, real, strict=False))[:64]]
    blank = np.full_like(pairs[0], 255)
    pairs += [blank] * (-len(pairs) % columns)
    return np.concatenate([np.concatenate(pairs[i : i + columns], 1) for i in range(0, len(pairs), columns)])


def _fitted(picture: Pixels, edge: int) -> Pixels:
    scale = edge / max(picture.shape[:2])
    small = cv2.resize(
        picture, (round(picture.shape[1] * scale), round(picture.shape[0] * scale)), interpolation=cv2.INTER_AREA
    )
    tile = np.full((edge, edge, 3), 255, np.uint8)
    top, left = (edge - small.shape[0]) // 2, (edge - small.shape[1]) // 2
    tile[top : top + small.shape[0], left : left + small.shape[1]] = small
    return tile


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--teacher-count", type=int, default=100)
    parser.add_argument("--size", default="full", choices=("full", "tiny"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--round", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    task = Task(options.out, options.size, 0.0, options.device, 1, round=options.round)
    held, trained = Data(options.data, "held"), Data(options.data, "train")
    found = measure(held, trained, task, (options.count, options.teacher_count), lambda line: print(line, flush=True))
    text = json.dumps({"round": options.round, "count": options.count, **found}, indent=1, ensure_ascii=False)
    (options.out / "measures.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
