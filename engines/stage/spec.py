"""A set as a designer writes it in TOML: strict, with errors that name the field.

Lengths are in product heights. Angles are in degrees. Colours are palette roles, lightened (`tint`) or darkened
(`shade`) by 0–1.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engines.base import EngineError

Role = Literal["primary", "secondary", "accent", "background", "surface", "text"]
Material = Literal["matte", "satin", "gloss", "metal", "brushed", "glass", "pane", "frosted", "paper", "stone"]
Shape = Literal[
    "sphere",
    "box",
    "cylinder",
    "ring",
    "arch",
    "niche",
    "turned",
    "fluted",
    "dome",
    "stairs",
    "pane",
]
Fraction = Annotated[float, Field(ge=0, le=1)]
Length = Annotated[float, Field(ge=0, le=40)]
Place = Annotated[float, Field(ge=-40, le=40)]
SIZES: Mapping[str, tuple[str, ...]] = {
    "sphere": ("diameter",),
    "dome": ("diameter",),
    "box": ("width", "height", "depth"),
    "cylinder": ("diameter", "height"),
    "ring": ("diameter", "thickness"),
    "arch": ("width", "height", "depth"),
    "niche": ("width", "height", "depth"),
    "turned": ("diameter", "height"),
    "fluted": ("width", "height", "depth"),
    "stairs": ("width", "height", "depth"),
    "pane": ("width", "height", "depth"),
}


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Paint(Strict):
    """A palette role as a surface. `tint` and `shade` move its lightness and keep its hue."""

    colour: Role = "surface"
    tint: Fraction = 0.0
    shade: Fraction = 0.0
    material: Material = "matte"


class Backdrop(Paint):
    """An endless cove: floor and wall joined by a curve. `floor` paints the floor differently."""

    distance: Length = 2.4
    curve: Annotated[float, Field(ge=0.01, le=10)] = 1.2
    floor: Paint | None = None


class Podium(Paint):
    """What the product stands on, grown to its width. `tiers` are stacked steps, each `tread` wider than the next."""

    shape: Literal["round", "square", "none"] = "round"
    height: Length = 0.28
    radius: Length = 0.62
    margin: Length = 0.2
    depth: Length = 0.0
    round: Length = 0.02
    tiers: Annotated[int, Field(ge=1, le=4)] = 1
    tread: Length = 0.22


class Light(Strict):
    """A softbox. `turn` is measured from the camera's side: 0 front, 90 right, 180 behind."""

    turn: float = -52.0
    height: float = 42.0
    distance: Annotated[float, Field(gt=0.5, le=40)] = 4.2
    width: Annotated[float, Field(gt=0.05, le=20)] = 1.25
    tall: Annotated[float, Field(gt=0.05, le=20)] = 1.25
    strength: Annotated[float, Field(ge=0, le=10)] = 1.0
    warmth: Annotated[float, Field(ge=-1, le=1)] = 0.25


class Sky(Strict):
    """The room's own light, warm from one side and cool from the other."""

    strength: Annotated[float, Field(ge=0, le=5)] = 0.2
    warmth: Annotated[float, Field(ge=-1, le=1)] = 0.3


class Gobo(Strict):
    """A screen in the key light that throws a pattern. `scale` is the pattern's size in product heights."""

    kind: Literal["leaf", "blinds", "window", "dapple", "palm"]
    scale: Annotated[float, Field(gt=0.1, le=20)] = 3.0
    strength: Fraction = 0.6
    blur: Fraction = 0.35
    turn: float = 0.0


class View(Strict):
    """The camera. `pitch_deg` serves only while there is no product; a product brings its own."""

    pitch_deg: Annotated[float, Field(ge=0, le=80)] = 10.0
    distance: Annotated[float, Field(ge=2.5, le=60)] = 6.5
    blur: Annotated[float, Field(ge=0, le=0.3)] = 0.035
    brightness: Annotated[float, Field(ge=0.3, le=1.6)] = 1.0


class Piece(Paint):
    """One prop. `size` is listed in `SIZES`; `at` is x, z; `lift` raises it above what it stands on.

    `place`: near the product; far, measured inwards from the picture's edges, for wide pictures; behind the product;
    hero, on the podium while there is no product; fixed, whatever happens. `on` "previous" rests it on the piece
    before, with which it comes and goes.
    """

    name: str = ""
    shape: Shape
    size: tuple[Length, ...]
    place: Literal["near", "far", "behind", "hero", "fixed"] = "near"
    on: Literal["floor", "podium", "previous"] = "floor"
    at: tuple[Place, Place] = (0.0, 0.0)
    lift: Length = 0.0
    turn: float = 0.0
    lean: float = 0.0
    roll: float = 0.0
    round: Length = 0.015
    band: Length = 0.0
    flutes: Annotated[int, Field(ge=2, le=80)] = 12
    steps: Annotated[int, Field(ge=2, le=8)] = 4
    profile: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    mouth: Fraction = 0.0
    jitter: Length = 0.06

    @model_validator(mode="after")
    def _sizes(self) -> Piece:
        wanted = SIZES[self.shape]
        if len(self.size) != len(wanted) or min(self.size) <= 0:
            raise ValueError(f"size of a {self.shape} must be [{', '.join(wanted)}], all above 0")
        if self.shape == "turned" and not 2 <= len(self.profile) <= 16:
            raise ValueError("profile of a turned piece needs 2 to 16 radii, bottom to top, as fractions of the widest")
        return self


class StageSet(Strict):
    """One set."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    name: str
    description: str = ""
    backdrop: Backdrop = Backdrop()
    podium: Podium = Podium()
    key: Light = Light()
    fill: Light | None = None
    rim: Light | None = None
    sky: Sky = Sky()
    gobo: Gobo | None = None
    view: View = View()
    piece: tuple[Piece, ...] = Field(default=(), max_length=40)


def check_set(values: Mapping[str, Any]) -> StageSet:
    """The set in `values`, validated. Raises `EngineError` naming the field that is wrong."""
    try:
        return StageSet.model_validate(dict(values))
    except ValidationError as wrong:
        first = wrong.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the set"
        name = values.get("id", "without an id")
        raise EngineError(
            f"The set “{name}” has a mistake in {field}: {first['msg']}.",
            "Correct this field in the set's TOML file; the sets in presets/sets show every field.",
        ) from wrong


def load_set(path: str | Path) -> dict[str, Any]:
    """The parsed and checked TOML of a set file, ready for `PaintRequest.set_spec`."""
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as wrong:
        raise EngineError(f"The set file {path} cannot be read: {wrong.strerror}.", "Check the path.") from wrong
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise EngineError(f"The set file {path} is not valid TOML: {wrong}.", "Correct that line.") from wrong
    check_set(values)
    return values
