"""The seam between the studio and the machine: requests, results, progress and the protocols engines fulfil.

Pictures are `uint8` arrays, H×W×3, sRGB, read-only once they cross this border. Cut-outs are H×W×4 with straight alpha.
Places in a picture are fractions of its width and height, origin at the top left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]


class EngineError(Exception):
    """An engine could not do what was asked. `str(error)` is one line in the designer's words; `hint` is the remedy."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class EngineLost(EngineError):
    """As `EngineError`, and this process can do no more of it, as the graphics driver failed; a new one can."""


class Stopped(Exception):
    """Raised by `Progress.report` once the designer has asked to stop. Never an error."""


class Region(NamedTuple):
    """A rectangle in fractions of the picture's width (left, right) and height (top, bottom)."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def overlap(self, other: Region) -> float:
        """Shared area, in fractions of the picture's area."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0.0) * max(height, 0.0)


@dataclass(frozen=True)
class Progress:
    """A share of a progress bar. `report` also carries the wish to stop down into the engine.

    `on_report(fraction, text)` gets the fraction of the whole bar, 0–1. `should_stop()` is asked at every report.
    """

    on_report: Callable[[float, str], None] = lambda fraction, text: None
    should_stop: Callable[[], bool] = lambda: False
    offset: float = 0.0
    length: float = 1.0
    on_preview: Callable[[Pixels], None] | None = None
    """Gets the picture as far as it is, H×W×3 and small; None where nobody looks, so that none need be made."""

    def report(self, fraction: float, text: str = "") -> None:
        """Say how far this share is (0–1). Raises `Stopped` if the work is to stop."""
        if self.should_stop():
            raise Stopped
        self.on_report(self.offset + self.length * min(max(fraction, 0.0), 1.0), text)

    def part(self, offset: float, length: float) -> Progress:
        """The slice of this share that starts at `offset` (0–1) and is `length` (0–1) long."""
        return Progress(
            self.on_report,
            self.should_stop,
            self.offset + self.length * offset,
            self.length * length,
            self.on_preview,
        )


@dataclass(frozen=True, eq=False)
class ProductInScene:
    """A cut-out and where it stands.

    `rgba` is H×W×4 `uint8`, straight alpha, trimmed to its content. `box` is where that whole array lands in the
    picture; its aspect ratio in pixels equals the array's. `pitch_deg` is how far from above the photo was taken
    (0 = eye level, 90 = straight down).
    """

    rgba: Pixels
    box: Region
    pitch_deg: float


@dataclass(frozen=True, eq=False)
class PaintRequest:
    """All that decides one picture. Painters ignore what their `Capabilities` do not list.

    `palette` maps roles (`primary`, `secondary`, `accent`, `background`, `surface`, `text`) to `#rrggbb`.
    `set_spec` is the parsed TOML of a stage set. `calm` are places that must stay quiet enough for words.
    `steps` is what the painter counts in: samples a pixel on the stage, denoising steps in diffusion.
    """

    width_px: int
    height_px: int
    seed: int
    steps: int
    palette: Mapping[str, str]
    set_spec: Mapping[str, Any] | None = None
    product: ProductInScene | None = None
    calm: tuple[Region, ...] = ()
    prompt: str = ""
    avoid: str = ""
    guidance: float = 0.0
    controls: tuple[ControlMap, ...] = ()
    references: tuple[ReferencePicture, ...] = ()
    adapters: tuple[AdapterFile, ...] = ()


@dataclass(frozen=True, eq=False)
class ControlMap:
    """A map to follow, H×W×3 `uint8` of any size and about the picture's shape, in the style of its `kind`: `edges`,
    `softedge`, `lineart` (white on black), `depth` (white near), `pose` (joints on black), `segment` (one colour each),
    `blocks` (colours to start from). `strength` 0–2; `start` and `end` are fractions of the steps. `mask` (H×W `uint8`,
    255 where it counts, fractions of the new picture) is None where it counts everywhere."""

    kind: str
    picture: Pixels
    strength: float = 0.8
    start: float = 0.0
    end: float = 1.0
    mask: Pixels | None = None


@dataclass(frozen=True, eq=False)
class ReferencePicture:
    """A picture (H×W×3) to take something from: `use` is style, layout, subject, product or face; `weight` 0–1.5.
    `mask` (H×W `uint8`, 255 where it counts, fractions of the new picture) is None where it counts everywhere."""

    use: str
    picture: Pixels
    weight: float = 0.6
    mask: Pixels | None = None


@dataclass(frozen=True)
class AdapterFile:
    """A LoRA (safetensors) and how strongly it is applied, −2…2. `digest` is the SHA-256 of the file."""

    path: Path
    weight: float = 1.0
    digest: str = ""


@dataclass(frozen=True)
class AdapterFacts:
    """What the header of a LoRA says. `kind` (LoRA, LoHa …), the model it was made for (`base`) and whose naming it has
    (`family`), in words; how many layers it changes (`keys`), how finely (`rank`, 0 where there is no such thing); the
    words that call it up. `reason` says why a painter cannot wear it; empty when it can."""

    title: str
    kind: str = ""
    base: str = ""
    family: str = ""
    keys: int = 0
    rank: int = 0
    words: tuple[str, ...] = ()
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True, eq=False)
class Painting:
    """One finished picture with the maps that came with it.

    `picture` H×W×3 sRGB, for the cut-out to be laid on. A diffusion painter leaves the product's own opaque pixels in
    it; under its soft edge the scene goes on, so that laying it on mixes both once. `depth` H×W `float32`, 1 near to 0
    far. `normals` H×W×3 in −1…1, camera space (x right, y up, z to the viewer). `edges` H×W `uint8`, 255 on an edge.
    `mask` H×W `uint8`, 255 where the product will cover the picture.
    """

    picture: Pixels
    seconds: float
    engine: str
    runtime: str
    depth: Plane | None = None
    normals: Plane | None = None
    edges: Pixels | None = None
    mask: Pixels | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Capabilities:
    """What a painter can be asked for. The screens grey out the rest with `reasons[name]`: `prompt`, `sets`,
    `product_in_scene`, `controls`, `references` and `adapters` for all of a kind, else a kind's own name."""

    prompt: bool = False
    sets: bool = False
    product_in_scene: bool = False
    controls: tuple[str, ...] = ()
    """Kinds of `ControlMap` it follows."""
    references: tuple[str, ...] = ()
    """Uses of `ReferencePicture` it understands."""
    adapters: bool = False
    """Whether it takes LoRAs."""
    avoid: bool = False
    """Whether it heeds what is to be avoided (a negative prompt)."""
    steps: Mapping[str, int] = field(default_factory=lambda: {"quick": 4, "normal": 12})
    """What an effort (`quick`, `normal`, `quality`) means in its steps; `normal` is always there."""
    guidance: float = 0.0
    """How literally it takes the words, where nothing else is said; 0 where it has no such thing."""
    reasons: Mapping[str, str] = field(default_factory=dict)

    def why_not(self, group: str, kind: str) -> str:
        """Why a kind of control or reference is not used; empty when it is."""
        if kind in getattr(self, group):
            return ""
        return self.reasons.get(kind) or self.reasons.get(group) or "This painter does not use it."


@dataclass(frozen=True)
class Offer:
    """An engine as the screens list it. `reason` says why it cannot be used as it is; empty when it can."""

    id: str
    kind: str
    name: str
    licence: str = "Apache-2.0"
    commercial: bool = True
    reason: str = ""
    capabilities: Capabilities = Capabilities()
    bytes: int = 0
    """What has to be fetched first; 0 when nothing is, or nobody states it."""
    fetchable: bool = False
    fix: str = ""
    """The one command that mends `reason`; empty when there is none."""
    recipe: str = ""
    """What else decides its pixels: the digest of its weights. It goes into what is planned."""


class Annotator(Protocol):
    """Reads a control map out of a photo."""

    id: str

    def annotate(self, picture: Pixels, detail: float = 0.5) -> Pixels:
        """H×W×3 to H×W `uint8`, white on black (a pose H×W×3, in colours); `detail` 0–1, from the great forms only to
        every seam. Raises `EngineError` for what the designer can mend."""
        ...


class Painter(Protocol):
    """Paints scenes. One instance is set up once and asked many times."""

    id: str
    capabilities: Capabilities

    def paint(self, requests: Sequence[PaintRequest], progress: Progress) -> Iterator[Painting]:
        """Yield one painting a request, in order. The same request gives the same pixels.

        Raises `EngineError` for what the designer can mend and `Stopped` when `progress` says so.
        """
        ...


@dataclass(frozen=True, eq=False)
class CutRequest:
    """A photo (H×W×3) and what the designer said about it.

    `strokes` is H×W `uint8` of the photo's size: 0 nothing said, `REMOVE` or `KEEP` where the brush went.
    `shadow`: also lift the soft shadow on the ground into its own layer.
    """

    picture: Pixels
    strokes: Pixels | None = None
    shadow: bool = False


REMOVE, KEEP = 1, 2


@dataclass(frozen=True, eq=False)
class Cut:
    """A product free of its background, at the photo's own size.

    `rgba` H×W×4: where alpha is 255 the colours are the photo's own; at the edge they are the product's alone.
    `confidence` 0–1: how sure the engine is of the whole. `unsure` H×W `uint8`, 255 where it is least sure.
    `shadow` H×W `uint8`: the opacity of a black layer under the product; None when not asked for or not found.
    """

    rgba: Pixels
    confidence: float
    unsure: Pixels
    seconds: float
    engine: str
    runtime: str
    shadow: Pixels | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


class Cutout(Protocol):
    """Frees products from their background. Cheap to make; heavy parts load at the first cut and stay."""

    id: str
    recipe: str
    """What else decides its pixels: the method's version, the digest of its weights."""

    def cut(self, request: CutRequest, progress: Progress) -> Cut:
        """The same request gives the same pixels. Raises `EngineError` for what the designer can mend (nothing found,
        a picture too small) and `Stopped` when `progress` says so."""
        ...


class Upscaler(Protocol):
    """Enlarges by one whole factor. It sees tiles only; `engines.tiling` cuts, blends and fits exact sizes."""

    id: str
    recipe: str
    """What else decides its pixels: the method's version, the digest of its weights."""
    runtime: str
    scale: int
    margin_px: int
    """How far around a source pixel it looks, in source pixels: the overlap its tiles need."""
    tile_px: int
    """The largest side of a tile it should be given, margins included, in source pixels."""

    def enlarge(self, tile: Plane) -> Plane:
        """H×W×3 `float32` sRGB in 0–1 to (scale·H)×(scale·W)×3, unclipped. Raises whatever its runtime raises when
        memory runs out; the caller then takes smaller tiles."""
        ...


@dataclass(frozen=True, eq=False)
class Enlarged:
    """A picture at the asked size: H×W×3 or H×W×4 `uint8`, as it came. `passes`: how often the network ran over it."""

    pixels: Pixels
    seconds: float
    engine: str
    runtime: str
    passes: int
    tiles: int
    facts: Mapping[str, Any] = field(default_factory=dict)


class Enlarger(Protocol):
    """Takes whole pictures to exact sizes: an upscaler with its tiling."""

    id: str
    recipe: str

    def enlarge(self, picture: Pixels, width_px: int, height_px: int, progress: Progress) -> Enlarged:
        """`picture` is H×W×3 or H×W×4 (straight alpha), at most as large as asked. The same request gives the same
        pixels. Raises `EngineError` for what the designer can mend and `Stopped` when `progress` says so."""
        ...
