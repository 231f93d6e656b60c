"""Any super-resolution network in an ONNX file, through ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines.base import EngineError, Plane
from engines.onnx_files import check_onnx, on_card, open_onnx, refused, runtime
from engines.terms import Terms, agree, terms_beside
from engines.weights import sha256_of

MARGIN_PX = 32
"""How far a network looks is not written in its file. An RRDB's weights fade within about this."""
TILE_PX, TILE_ELSEWHERE_PX = 512, 256
"""On a graphics card, and elsewhere."""
LEAST_TILE_PX = 16
MOST_SCALE = 8
FLAT = (0.2, 0.5, 0.8)
"""An even colour that has to come out as it went in."""
FLAT_TOLERANCE = 0.1
# Sides to try, each divisible by its key only: networks with windows or strides want multiples.
_TRIALS = {1: (37, 53), 2: (38, 54), 4: (36, 52), 8: (40, 56), 16: (48, 80), 32: (96, 32), 64: (64, 192)}
_KINDS: dict[str, Any] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


@dataclass(frozen=True)
class _Layout:
    """What the input takes. `height`, `width` are 0 where any will do."""

    name: str
    kind: Any
    height: int
    width: int


def create(path: str | Path, licence: str = "") -> OnnxUpscaler:
    """An upscaler from one picture in, 1×3×H×W RGB in 0–1 (`float32` or `float16`, any H and W or fixed ones), one out.

    The licence is read from `<file name>.toml` beside the file, or stated. Raises `EngineError` saying what was found
    when the file is not such a network, does not keep colours, or may not be used in paid ads.
    """
    path = Path(path).expanduser()
    check_onnx(path)
    terms = agree(path.name, terms_beside(path), licence)
    session = open_onnx(path)
    return OnnxUpscaler(path, terms, session, _layout(session, path))


class OnnxUpscaler:
    """See `engines.base.Upscaler`. `licence`: whose terms it is used under. `cost` is not known from a file."""

    cost = ""

    def __init__(self, path: Path, terms: Terms, session: Any, layout: _Layout) -> None:
        self.id = f"file:{path.name}"
        self.recipe = f"onnx 1 sha256:{sha256_of(path)}"
        self.licence = terms.licence
        self.runtime = runtime(session)
        self._session = session
        self._layout = layout
        fixed = [side for side in (layout.height, layout.width) if side]
        self.tile_px = min(fixed) if fixed else (TILE_PX if on_card(session) else TILE_ELSEWHERE_PX)
        self.margin_px = min(MARGIN_PX, self.tile_px // 8)
        self.scale, self._multiple = self._probe(path)

    def enlarge(self, tile: Plane) -> Plane:
        """See `engines.base.Upscaler`. Raises `ValueError` when the tile is larger than the network's fixed input."""
        height, width = tile.shape[:2]
        down = _missing(height, self._layout.height, self._multiple)
        right = _missing(width, self._layout.width, self._multiple)
        if min(down, right) < 0:
            raise ValueError(f"tile: expected at most {self.tile_px} px a side, got {width} × {height}")
        padded = np.pad(tile, ((0, down), (0, right), (0, 0)), mode="edge")
        return self._run(padded)[: height * self.scale, : width * self.scale]

    def _run(self, tile: Plane) -> Plane:
        batch = np.ascontiguousarray(tile.transpose(2, 0, 1)[None], self._layout.kind)
        out = np.asarray(self._session.run(None, {self._layout.name: batch})[0])
        if out.ndim != 4 or out.shape[:2] != (1, 3):
            raise EngineError(f"The network gave {out.shape}", "Expected a picture, 1×3×H×W.")
        return out[0].transpose(1, 2, 0).astype(np.float32)

    def _probe(self, path: Path) -> tuple[int, int]:
        """The factor, and what sides have to be multiples of, from running the smallest tile that works."""
        found: list[str] = []
        fixed = self._layout.height and self._layout.width
        for multiple, (height, width) in [(1, (0, 0))] if fixed else _TRIALS.items():
            sides = self._layout.height or height, self._layout.width or width
            flat = np.broadcast_to(np.array(FLAT, np.float32), (*sides, 3))
            try:
                out = self._run(flat)
            except Exception as error:
                found.append(f"{sides[1]} × {sides[0]} px: {refused(path, error)!s}")
                continue
            scale, rest = divmod(out.shape[0], sides[0])
            if not rest and 2 <= scale <= MOST_SCALE and out.shape[1] == sides[1] * scale:
                _check_colour(path, out)
                return scale, multiple
            found.append(f"{sides[1]} × {sides[0]} px became {out.shape[1]} × {out.shape[0]}")
        raise EngineError(
            f"{path.name} does not enlarge pictures by a whole factor: {found[0][:240]}",
            f"Use a super-resolution network of 2× to {MOST_SCALE}×.",
        )


def _layout(session: Any, path: Path) -> _Layout:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    said = ", ".join(f"{item.name} {item.type} {item.shape}" for item in (*inputs, *outputs))
    refusal = EngineError(
        f"{path.name} is no network from picture to picture: {len(inputs)} in, {len(outputs)} out: {said[:300]}",
        "Expected one input and one output, 1×3×H×W, float32 or float16.",
    )
    if len(inputs) != 1 or len(outputs) != 1 or inputs[0].type not in _KINDS:
        raise refusal
    shape = inputs[0].shape
    if len(shape) != 4 or shape[0] not in (1, *_free(shape[0])) or shape[1] not in (3, *_free(shape[1])):
        raise refusal
    height, width = (side if isinstance(side, int) else 0 for side in shape[2:])
    if any(0 < side < LEAST_TILE_PX for side in (height, width)):
        raise refusal
    return _Layout(inputs[0].name, _KINDS[inputs[0].type], height, width)


def _free(side: Any) -> tuple[Any, ...]:
    """A side as ONNX Runtime reports one that may be anything: a name, or None."""
    return () if isinstance(side, int) else (side,)


def _missing(side: int, fixed: int, multiple: int) -> int:
    """How many pixels a side lacks; negative when a fixed side is exceeded."""
    return fixed - side if fixed else -side % multiple


def _check_colour(path: Path, out: Plane) -> None:
    height, width = out.shape[:2]
    middle = out[height // 4 : -height // 4, width // 4 : -width // 4].mean((0, 1))
    if not np.allclose(middle, FLAT, atol=FLAT_TOLERANCE):
        got = ", ".join(f"{value:.3g}" for value in middle)
        raise EngineError(
            f"{path.name} changes colours: an even {FLAT} came out as ({got})",
            "Expected RGB in 0–1 on both sides. Export it with that range, or use another network.",
        )
