"""What a picture is steered by besides words: control maps, reference pictures, changes to a set.

Pictures are named by the digest of their file in the workspace, or, in a brief that was written by hand, by a path
beside it; planning turns paths into digests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from studio.values import Fraction, Value

ControlKind = Literal["edges", "softedge", "lineart", "depth", "pose", "segment", "blocks"]
"""`blocks` are patches of colour the picture starts from; the others are maps it follows."""
ReferenceUse = Literal["style", "layout", "subject", "product", "face"]
Vary = Literal["set", "layout", "colour", "headline", "reference"]
Effort = Literal["quick", "normal", "quality"]
"""How thoroughly a picture is painted; what that means in steps each painter says itself."""


class Control(Value):
    """A map the painter follows, from `start` to `end` of its steps (fractions), as strongly as said."""

    kind: ControlKind
    picture: str
    strength: Annotated[float, Field(ge=0, le=2)] = 0.8
    start: Fraction = 0.0
    end: Fraction = 1.0
    mask: str | None = None
    """Where in the new picture it counts (white); everywhere without one."""

    @model_validator(mode="after")
    def _runs_forward(self) -> Control:
        if self.end <= self.start:
            raise ValueError("end must come after start")
        return self


class Reference(Value):
    """A picture to take something from; a bare name in a brief is a style reference."""

    picture: str
    use: ReferenceUse = "style"
    weight: Annotated[float, Field(ge=0, le=1.5)] = 0.6
    mask: str | None = None
    """Where in the new picture it counts (white); everywhere without one."""
    name: str = ""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        return {"picture": data} if isinstance(data, str) else data


class Adapter(Value):
    """A LoRA the painter wears; a bare name in a brief is one at full weight. In a shot `file` is the SHA-256 of its
    content, in a brief a path beside it or the name of a file in a model folder."""

    file: str
    weight: Annotated[float, Field(ge=-2, le=2)] = 1.0
    name: str = ""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        return {"file": data} if isinstance(data, str) else data


class SetEdits(Value):
    """Changes to a set; None leaves what the set says. Lengths in product heights, angles in degrees."""

    pitch_deg: Annotated[float, Field(ge=0, le=80)] | None = None
    distance: Annotated[float, Field(ge=2.5, le=20)] | None = None
    blur: Annotated[float, Field(ge=0, le=0.3)] | None = None
    brightness: Annotated[float, Field(ge=0.3, le=1.6)] | None = None
    key_turn: Annotated[float, Field(ge=-180, le=180)] | None = None
    key_height: Annotated[float, Field(ge=0, le=90)] | None = None
    key_strength: Annotated[float, Field(ge=0, le=4)] | None = None
    key_warmth: Annotated[float, Field(ge=-1, le=1)] | None = None
    sky_strength: Annotated[float, Field(ge=0, le=2)] | None = None
    gobo_strength: Fraction | None = None
    props: Fraction = 1.0
    """The share of the set's loose props that stays; arches and walls behind the product always do."""
    product_scale: Annotated[float, Field(ge=0.5, le=1.5)] = 1.0
    product_x: Annotated[float, Field(ge=-0.5, le=0.5)] = 0.0
    """How far the product moves from the layout's place, in fractions of the picture's width, right is positive."""
    product_y: Annotated[float, Field(ge=-0.5, le=0.5)] = 0.0

    def applied(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """A set (parsed TOML) with these changes; equal to `spec` where nothing is changed."""
        changed = dict(spec)
        for field, (table, key) in _PLACES.items():
            value = getattr(self, field)
            if value is not None and (table != "gobo" or "gobo" in spec):
                changed[table] = {**changed.get(table, {}), key: value}
        if self.props < 1 and spec.get("piece"):
            changed["piece"] = _thinned(spec["piece"], self.props)
        return changed


_PLACES = {
    "pitch_deg": ("view", "pitch_deg"), "distance": ("view", "distance"), "blur": ("view", "blur"),
    "brightness": ("view", "brightness"), "key_turn": ("key", "turn"), "key_height": ("key", "height"),
    "key_strength": ("key", "strength"), "key_warmth": ("key", "warmth"), "sky_strength": ("sky", "strength"),
    "gobo_strength": ("gobo", "strength"),
}  # fmt: skip


def _thinned(pieces: Sequence[Mapping[str, Any]], share: float) -> list[Mapping[str, Any]]:
    """The first `share` of the loose props, with what rests on them, and everything that is not loose."""
    loose = [p for p in pieces if p.get("on") != "previous" and p.get("place", "near") in ("near", "far")]
    kept, left, keeps = [], round(share * len(loose)), True
    for piece in pieces:
        if piece.get("on") != "previous":
            is_loose = any(piece is one for one in loose)
            keeps = not is_loose or left > 0
            left -= is_loose
        if keeps:
            kept.append(piece)
    return kept
