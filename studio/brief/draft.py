"""What a page is working on: its whole form, kept as it is typed. A brief is made of it when it is asked for."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from studio.composition import Adapter, Control, Effort, Reference, SetEdits, Vary
from studio.model import Brief
from studio.values import Fraction, Hex, Slug, Value, read_value

MOST_STROKES, MOST_POINTS = 600, 200_000
Text = Annotated[str, Field(max_length=4000)]
Digest = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
"""A file of the workspace, by the SHA-256 of its content; empty for none."""


class Stroke(Value):
    """One stroke of a sketch. Points are fractions of the sketch's width and height, `size_fraction` of its longer
    side. A `line` is a contour to follow, a `block` a patch of colour to begin with; `erase` takes both away."""

    tool: Literal["line", "block", "erase"]
    points: Annotated[tuple[tuple[float, float], ...], Field(min_length=1, max_length=20_000)]
    size_fraction: Annotated[float, Field(gt=0, le=0.5)] = 0.01
    hex: Hex = "#1a1a18"
    closed: bool = False
    """Whether the inside is filled too."""


class Sketch(Value):
    strokes: Annotated[tuple[Stroke, ...], Field(max_length=MOST_STROKES)] = ()
    line_strength: Annotated[float, Field(ge=0, le=2)] = 0.8
    block_strength: Annotated[float, Field(ge=0, le=2)] = 0.6
    start: Fraction = 0.0
    end: Fraction = 1.0
    used: bool = True


class Draft(Value):
    """A campaign in the making. `kit` is a kit's id in the workspace; `product` the cut-out, `photo` what it was cut
    from; `rows` a CSV's content."""

    version: Literal[1] = 1
    kit: str = ""
    title: Text = "Campaign"
    product: Digest = ""
    photo: Digest = ""
    product_name: Text = ""
    pitch_deg: Annotated[float, Field(ge=0, le=90)] | None = None
    subject: Text = ""
    scene: Text = ""
    headlines: tuple[Text, ...] = ()
    body: Text = ""
    action: Text = ""
    price: Text = ""
    legal: Text = ""
    formats: tuple[Slug, ...] = ()
    layouts: tuple[Slug, ...] = ()
    sets: tuple[Slug, ...] = ()
    look: Slug | None = None
    set_edits: SetEdits = SetEdits()
    sketch: Sketch = Sketch()
    controls: Annotated[tuple[Control, ...], Field(max_length=8)] = ()
    references: Annotated[tuple[Reference, ...], Field(max_length=12)] = ()
    adapters: Annotated[tuple[Adapter, ...], Field(max_length=8)] = ()
    """LoRAs worn besides the kit's own: files of the workspace, or names in a model folder."""
    avoid: Text = ""
    vary: tuple[Vary, ...] = ("set", "layout", "headline")
    count: Annotated[int, Field(ge=1, le=1000)] = 2
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    lock_seed: bool = False
    engine: Slug = "stage"
    effort: Effort = "normal"
    rows: Digest = ""
    rows_name: Text = ""

    @model_validator(mode="before")
    @classmethod
    def _upgraded(cls, data: Any) -> Any:
        """Drafts had `quick`, a yes or no, before painters knew efforts."""
        if not isinstance(data, dict) or "quick" not in data:
            return data
        kept = {name: value for name, value in data.items() if name != "quick"}
        if data["quick"]:
            return {**kept, "effort": "quick"}
        return kept if kept.get("effort") != "quick" else {**kept, "effort": "normal"}

    @field_validator("adapters")
    @classmethod
    def _none_by_its_place(cls, adapters: tuple[Adapter, ...]) -> tuple[Adapter, ...]:
        """What comes from a page names no place on this machine."""
        if any(names_a_place(one.file) for one in adapters):
            raise ValueError("a LoRA is chosen by its name in a model folder")
        return adapters

    def changed(self, fields: dict[str, Any]) -> Draft:
        """The draft with these fields instead. Raises `BadInput` naming the field that is wrong."""
        return read_value(Draft, {**self.model_dump(), **fields}, "The brief")

    def brief(self) -> Brief:
        """The brief as it stands, without its product, which is a file. Raises `BadInput`."""
        fields = {name: getattr(self, name) for name in _SAME}
        headlines = tuple(line.strip() for line in self.headlines if line.strip())
        name = re.sub(r"[^a-z0-9._-]+", "-", self.title.lower()).strip("-._")[:64] or "campaign"
        return read_value(Brief, {**fields, "name": name, "headlines": headlines}, "The brief")


def names_a_place(file: str) -> bool:
    """Whether a LoRA is named by where it lies on this machine, not by its name in a model folder."""
    return not file.strip() or re.search(r"^[/\\~]|\.\.|[:\0]", file) is not None


_SAME = (
    "pitch_deg", "subject", "scene", "body", "action", "price", "legal", "formats", "layouts", "sets", "look",
    "set_edits", "controls", "references", "adapters", "avoid", "vary", "count", "seed", "lock_seed",
)  # fmt: skip
