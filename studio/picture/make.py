"""One Shot through the engines: paint, then lock the colours. The product's own pixels are laid on later, by the ad."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.base import (
    AdapterFile,
    ControlMap,
    Painter,
    PaintRequest,
    ProductInScene,
    Progress,
    ReferencePicture,
    Region,
)
from studio.errors import BadInput
from studio.model import Box, Shot
from studio.picture.palette import PASSES, lock
from studio.picture.product import Product
from studio.pixels import decode_picture

RECIPE = 2
"""Raised when the same Shot would be painted differently."""


@dataclass(frozen=True, eq=False)
class Made:
    """A finished picture (H×W×3 sRGB) with its control maps and what really ran."""

    pixels: NDArray[np.uint8]
    maps: Mapping[str, NDArray[np.uint8]]
    engine: str
    runtime: str
    seconds: float
    facts: Mapping[str, Any]


def _nothing(digest: str) -> bytes:
    raise BadInput(f"The picture {digest[:12]} is not at hand here", "Make the ads from the workspace")


def _nowhere(digest: str) -> Path:
    raise BadInput(f"The LoRA {digest[:12]} is not at hand here", "Make the ads from the workspace")


def make_picture(
    shot: Shot,
    painter: Painter,
    product: Product | None,
    progress: Progress,
    load: Callable[[str], bytes] = _nothing,
    passes: int = PASSES,
    locate: Callable[[str], Path] = _nowhere,
) -> Made:
    """Paint `shot`; `load` gives control and reference pictures by digest, `locate` says where a LoRA lies; fewer
    `passes` lock the colours less closely, for a look in passing. Raises `EngineError` from the painter, `Stopped`
    when `progress` says so."""
    # 1. Ask for the scene, with the product standing in it as geometry.
    if shot.placement is not None and (product is None or product.digest != shot.placement.product_digest):
        raise BadInput("The product picture this shot was planned with is gone", "Make the ads again from the brief")
    standing = None
    if shot.placement is not None and product is not None:
        standing = ProductInScene(product.rgba, _region(shot.placement.box), shot.placement.pitch_deg)
    request = _request(shot, standing, load, locate)
    painting = next(iter(painter.paint([request], progress.part(0, 0.95))))

    # 2. Lock the dominant colours onto the kit's.
    hidden = painting.mask > 127 if painting.mask is not None and painting.mask.any() else None
    pixels, facts = lock(painting.picture, shot.allowed, hidden, passes, skin=shows_people(shot))
    progress.report(1.0)

    # 3. Keep the maps as pictures: later painters take them as controls.
    maps: dict[str, NDArray[np.uint8]] = {}
    if painting.depth is not None:
        maps["depth"] = np.rint(np.clip(painting.depth, 0, 1) * 255).astype(np.uint8)
    if painting.normals is not None:
        maps["normals"] = np.rint((np.clip(painting.normals, -1, 1) + 1) * 127.5).astype(np.uint8)
    if painting.edges is not None:
        maps["edges"] = painting.edges
    if painting.mask is not None:
        maps["mask"] = painting.mask
    return Made(pixels, maps, painting.engine, painting.runtime, painting.seconds, {**painting.facts, **facts})


def shows_people(shot: Shot) -> bool:
    """Whether people may be in the picture: its words speak of them, a pose is followed or a face taken along. Painters
    that read no words paint none."""
    if any(one.kind == "pose" for one in shot.controls) or any(one.use == "face" for one in shot.references):
        return True
    return bool(_PEOPLE.search(shot.prompt))


_PEOPLE = re.compile(
    r"(?<!no )(?<!without )(?<!-)\b(?:wom[ae]n|m[ae]n|persons?|people|humans?|girls?|boys?|child(?:ren)?|kids?"
    r"|bab(?:y|ies)|teenagers?|adults?|famil(?:y|ies)|couples?|friends?|crowds?|faces?|hands?|fingers?|arms?|legs?|feet"
    r"|skin|portraits?|athletes?|runners?|dancers?|models?|bride|groom|mothers?|fathers?|he|she|they"
    r"|frau(?:en)?|m[aä]nn(?:er)?|menschen?|kind(?:er)?|hände|gesicht|haut)\b(?!-)",
    re.IGNORECASE,
)


def _request(
    shot: Shot, standing: ProductInScene | None, load: Callable[[str], bytes], locate: Callable[[str], Path]
) -> PaintRequest:
    def plane(digest: str | None) -> NDArray[np.uint8] | None:
        return np.ascontiguousarray(_on(load(digest), 0)[..., 0]) if digest else None

    return PaintRequest(
        width_px=shot.width_px,
        height_px=shot.height_px,
        seed=shot.seed,
        steps=shot.steps,
        palette={str(role): color for role, color in shot.palette.items()},
        set_spec=shot.set_spec,
        product=standing,
        calm=tuple(_region(box) for box in shot.calm),
        prompt=shot.prompt,
        avoid=shot.avoid,
        guidance=shot.guidance,
        controls=tuple(
            ControlMap(one.kind, _on(load(one.picture), 0), one.strength, one.start, one.end, plane(one.mask))
            for one in shot.controls
        ),
        references=tuple(
            ReferencePicture(one.use, _on(load(one.picture), 255), one.weight, plane(one.mask))
            for one in shot.references
        ),
        adapters=tuple(AdapterFile(locate(one.file), one.weight, one.file) for one in shot.adapters),
    )


def _on(data: bytes, ground: int) -> NDArray[np.uint8]:
    """A picture as H×W×3; what is transparent in it shows a ground of this grey: maps and masks say nothing there, and
    references stand on white."""
    rgba = decode_picture(data, "picture")
    shown = rgba[..., 3:].astype(np.float32) / 255
    return np.ascontiguousarray(np.rint(rgba[..., :3] * shown + ground * (1 - shown)).astype(np.uint8))


def _region(box: Box) -> Region:
    return Region(box.left, box.top, box.right, box.bottom)
