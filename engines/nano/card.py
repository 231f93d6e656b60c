"""The model card: what the weights are, what they were taught, how well they do, where they fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LIMITS = """## Limits

It paints what its renders show: one packaged product, a plain set, studio light. Words it was not taught are not
heard. Small print, thin stripes and clear glass come out soft. Photographs as references are outside what it has seen;
colours are better taken from them as a palette. It paints no people, no places, no writing.
"""
TEXT = """---
license: apache-2.0
pipeline_tag: text-to-image
---

# Lockup nano

A text-to-image model of {millions:.1f} million parameters, SDXL in shape, that paints product scenes of about
512×512 px in four steps on a processor. Prompt, palette of six roles, edges, depth and product mask, and the style of a
reference go in. All weights are half precision.

## Use

```python
from diffusers import StableDiffusionXLPipeline

pipeline = StableDiffusionXLPipeline.from_pretrained(FOLDER)
pipeline("a matte green bottle on a round podium", num_inference_steps=4, guidance_scale=2.0)
```

`controlnet/` opens as `ControlNetModel` (edges in red, depth in green with near bright, product mask in blue; black
where there is none). `ip-adapter.safetensors` opens with `load_ip_adapter`. `palette/` makes six tokens that follow the
prompt's sixty-four. Sizes: {sizes}.

## Data

Every training picture was rendered and recoloured by `engines/nano` from scenes drawn by chance; captions come from
what is in the scene. No photograph, no picture from elsewhere, no other model's weights.

## Training

{steps}

{measures}
{limits}"""


def card(facts: Mapping[str, Any], measured: Mapping[str, Any], sizes: tuple[tuple[int, int], ...]) -> str:
    """The card in Markdown, from what `assemble` knows and what `evaluate` wrote (nothing where it has not run)."""
    steps = "\n".join(f"- {stage}: {count} steps" for stage, count in facts["steps"].items() if count)
    return TEXT.format(
        millions=facts["weights"] / 1e6,
        sizes=", ".join(f"{width}×{height}" for width, height in sizes),
        steps=steps,
        measures=_measures(measured),
        limits=LIMITS,
    )


def _measures(found: Mapping[str, Any]) -> str:
    """Two tables: the teacher and its students side by side, with the renders' own numbers; and control."""
    if not found:
        return "Not measured yet.\n"
    real = found["renders"]
    lines = [
        "## Measures\n",
        f"On {found['count']} held-out prompts, the teacher on the first few of them; read by a net of its own.\n",
        "| | attributes | palette ΔE00, median | below 5 | Fréchet | sharpness | to the teacher |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        f"| real renders | {real['attributes']['mean']:.0%} | {real['palette']['to asked, median']:.1f} "
        f"| {real['palette']['to asked, below 5']:.0%} | {_floor(found):.2f} | 1.00 | |",
    ]
    for name in ("teacher-32", "student-16", "student-8", "student-4", "student-2"):
        if name in found:
            row = found[name]
            lines.append(
                f"| {name} | {row['attributes']['mean']:.0%} | {row['palette']['to asked, median']:.1f} "
                f"| {row['palette']['to asked, below 5']:.0%} | {row['distribution']['Fréchet']:.2f} "
                f"| {row['sharpness']:.2f} | {row['to teacher']:.3f} |"
            )
    if "control" in found:
        lines += ["", "| maps | edge F1 | depth, rank | mask IoU |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {name} | {row['edge F1']:.2f} | {row['depth rank']:.2f} | {row['mask IoU']:.2f} |"
            for name, row in {"real renders": real["control"], **found["control"]}.items()
        ]
    if "reference" in found:
        lines += ["", "| a picture's style | read as its | ΔE00 of its ground, median |", "| --- | --- | --- |"]
        lines += [
            f"| {name} | {row['style']:.0%} | {row['ΔE00, median']:.1f} |" for name, row in found["reference"].items()
        ]
    return "\n".join(lines) + "\n"


def _floor(found: Mapping[str, Any]) -> float:
    students = [row for name, row in found.items() if name.startswith("student-")]
    return float((students or [found["teacher-32"]])[0]["distribution"]["Fréchet of renders"])
