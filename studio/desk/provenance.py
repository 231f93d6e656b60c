"""What an ad was made of, said in the trade's terms."""

from __future__ import annotations

import json
import re

from studio import __version__
from studio.desk.metadata import Metadata, SourceType
from studio.model import AdSpec, Picture, Shot

TOOL = f"Lockup {__version__}"
UNTRAINED = frozenset({"stage"})
"""Painters that render geometry and light by formula. Every other painter is a trained model."""


def source_type(spec: AdSpec | None, shot: Shot | None, picture: Picture | None = None) -> SourceType:
    """IPTC's DigitalSourceType, by the vocabulary of 2024-09-17.

    A trained painter: `compositeWithTrainedAlgorithmicMedia` for an ad (logo, type and product are set, not generated)
    and for any picture with a product photo in it; `trainedAlgorithmicMedia` for a bare picture.

    The stage: its pictures come from formulas, no content was sampled, so the bare picture is `algorithmicMedia`. With
    a product photo it is `composite` ("mix or composite of several elements"); `compositeSynthetic` would be wrong, as
    it now reads "composite including generative AI elements". An ad on a stage picture without a photo is computer
    graphics arranged by a person with non-generative tools: `digitalCreation`, like an ad of flat colour and type. The
    stage's denoiser is a trained filter; it removes noise and adds no content, which IPTC calls non-generative.
    """
    engine = picture.engine if picture else shot.engine if shot else None
    photo = shot is not None and shot.placement is not None
    if engine is not None and engine not in UNTRAINED:
        return "compositeWithTrainedAlgorithmicMedia" if spec or photo else "trainedAlgorithmicMedia"
    if photo:
        return "composite"
    return "digitalCreation" if spec or engine is None else "algorithmicMedia"


def parameters(spec: AdSpec | None, shot: Shot | None, picture: Picture | None = None) -> str:
    """The text A1111 and its relatives show: prompt, negative prompt, then one line of settings."""
    lines: list[str] = []
    facts: list[tuple[str, object]] = []
    if shot:
        lines.append(_one_line(shot.prompt) or f"set {shot.set_id or 'plain'}, rendered")
        if shot.avoid:
            lines.append(f"Negative prompt: {_one_line(shot.avoid)}")
        engine = picture.engine if picture else shot.engine
        facts += [
            ("Steps", shot.steps),
            ("Sampler", "path tracing" if engine in UNTRAINED else "default"),
            ("CFG scale", f"{shot.guidance:g}"),
            ("Seed", shot.seed),
            ("Size", f"{shot.width_px}x{shot.height_px}"),
            ("Model", engine),
        ]
        facts += [("Model hash", shot.model)] if shot.model else []
        worn = ", ".join(f"{one.name or 'lora'}: {one.file[:12]} at {one.weight:g}" for one in shot.adapters)
        facts += [("Lora hashes", worn)] if worn else []
        facts += [("Runtime", picture.runtime)] if picture else []
        facts += [("Set", shot.set_id)] if shot.set_id else []
    if spec:
        if not lines:
            lines.append(_one_line(spec.words.headline) or spec.campaign)
        facts += [("Format", spec.format.id), ("Layout", spec.layout), ("Ad", spec.content_id)]
    facts.append(("Version", TOOL))
    lines.append(", ".join(f"{key}: {_quoted(value)}" for key, value in facts))
    return "\n".join(lines)


def describe(spec: AdSpec | None, shot: Shot | None, picture: Picture | None = None) -> Metadata:
    """All that a delivered file says about itself."""
    kind = source_type(spec, shot, picture)
    engine = picture.engine if picture else shot.engine if shot else ""
    return Metadata(
        tool=TOOL,
        source_type=kind,
        parameters=parameters(spec, shot, picture),
        ai_system=engine if "trained" in kind.lower() else "",
        ad=spec,
        shot=shot,
        picture=picture,
    )


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ',:\n"') else text
