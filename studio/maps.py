"""Maps out of photos: what the Compose tab shows and what `app.py control` writes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from engines.base import EngineError
from studio.desk.engines import Engines
from studio.desk.files import write_whole
from studio.errors import BadInput
from studio.pixels import encode_png, read_picture

Pixels = NDArray[np.uint8]
Reading = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
"""What reads a photo, by the id of its annotator; a `drawing` is taken as it is."""


def on_white(rgba: Pixels) -> Pixels:
    """A picture (H×W×4) without its transparency, H×W×3."""
    alpha = rgba[..., 3:].astype(np.uint16)
    return ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def read_map(engines: Engines, picture: Pixels, kind: str, detail: float, invert: bool) -> Pixels:
    """The map (H×W, white on black; a pose H×W×3) of a picture (H×W×3). `kind` is a `Reading`, or another annotator's
    id. Raises `EngineError` for one that is not here."""
    if kind == "drawing":
        drawn: Pixels = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    elif engines.annotator is None:
        raise EngineError("Nothing here reads maps out of photos", "Start the studio with app.py.")
    else:
        drawn = engines.annotator(kind).annotate(picture, detail)
    return np.asarray(255 - drawn, np.uint8) if invert else drawn


def write_map(
    engines: Engines, source: Path, out: Path, kind: str, detail: float = 0.5, invert: bool = False
) -> dict[str, Any]:
    """The map of the photo `source` as the PNG `out`, of its size. Raises `BadInput`, `EngineError`."""
    if out.suffix.lower() != ".png":
        raise BadInput(f"A map is written as PNG, not as {out.suffix or 'a file without an ending'}", "Call it … .png")
    if not 0 <= detail <= 1:
        raise BadInput(f"The detail is from 0 to 1, got {detail:g}", "0.5 is the usual one")
    started = time.perf_counter()
    drawn = read_map(engines, on_white(read_picture(source)), kind, detail, invert)
    write_whole(out, encode_png(drawn))
    height, width = drawn.shape[:2]
    return {"file": str(out), "kind": kind, "px": [width, height], "seconds": round(time.perf_counter() - started, 2)}
