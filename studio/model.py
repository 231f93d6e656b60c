"""The values that flow: kit, brief, format, layout, shot, ad, score.

All are frozen, refuse unknown fields and are equal by content. Sizes end in `_px` or `_mm`, shares of a length in
`_fraction`, colours in `_hex` (`#rrggbb`, lower case). Ids are hashes of canonical content.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from studio.composition import Adapter, Control, Reference, SetEdits, Vary
from studio.values import Fraction, Hex, Slug, Value

Role = Literal["primary", "secondary", "accent", "background", "surface", "text"]
WordField = Literal["headline", "body", "action", "price", "legal"]
WORD_FIELDS: tuple[WordField, ...] = ("headline", "body", "action", "price", "legal")


# ---------------------------------------------------------------------------------------------- brand


class Swatch(Value):
    role: Role
    hex: Hex
    name: str = ""
    source: str = ""
    locked: bool = True
    tints: bool = True
    """Whether lighter (towards white) and darker (towards black) steps of this colour may be used."""


class FontFile(Value):
    file: str
    """A path inside the kit, or `package:NAME/FILE` for a font that an installed Python package carries."""
    weight: Annotated[int, Field(ge=1, le=1000)] = 400
    italic: bool = False


class TypeChoice(Value):
    family: str
    files: tuple[FontFile, ...] = ()
    weight: Annotated[int, Field(ge=1, le=1000)] = 400
    """The weight that is set; the nearest file at hand is used."""
    stands_for: str = ""
    """The brand's own family, where its files are not at hand and `family` stands in for it."""


class BrandType(Value):
    heading: TypeChoice
    body: TypeChoice


class Logo(Value):
    file: str
    on: Literal["light", "dark", "any"] = "any"
    """The background this variant is drawn for."""
    clear_space_fraction: Fraction = 0.25
    """Empty space on every side, as a fraction of the logo's height."""
    min_width_px: Annotated[int, Field(ge=8, le=4000)] = 48


class Voice(Value):
    tone: tuple[str, ...] = ()
    banned: tuple[str, ...] = ()

    def banned_in(self, text: str) -> tuple[str, ...]:
        """The banned words that `text` holds as whole words, whatever their case."""
        words = [word for word in self.banned if word.strip()]
        return tuple(w for w in words if re.search(rf"(?<!\w){re.escape(w.strip())}(?!\w)", text, re.IGNORECASE))


class BrandKit(Value):
    version: Literal[1] = 1
    name: str
    tagline: str = ""
    palette: tuple[Swatch, ...]
    type: BrandType
    logos: tuple[Logo, ...] = ()
    voice: Voice = Voice()
    photography: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    adapter: str | None = None

    def hex(self, role: Role) -> str:
        """The swatch of a role; roles a kit lacks fall back in a fixed order, and at last to white or near-black."""
        by_role = {swatch.role: swatch.hex for swatch in reversed(self.palette)}
        order: dict[str, tuple[str, ...]] = {
            "primary": ("primary", "accent", "secondary", "text"),
            "secondary": ("secondary", "primary", "accent"),
            "accent": ("accent", "secondary", "primary"),
            "background": ("background", "surface"),
            "surface": ("surface", "background"),
            "text": ("text",),
        }
        for name in order[role]:
            if name in by_role:
                return by_role[name]
        return "#ffffff" if role in ("background", "surface") else "#161616"


# ---------------------------------------------------------------------------------------------- formats and layouts


class SafeZone(Value):
    """What must stay free of words and logo, as fractions of the format's own width and height."""

    top_fraction: Fraction = 0.04
    right_fraction: Fraction = 0.04
    bottom_fraction: Fraction = 0.04
    left_fraction: Fraction = 0.04


class Format(Value):
    id: Slug
    name: str
    channel: str
    width_px: Annotated[int, Field(ge=1, le=12000)] | None = None
    height_px: Annotated[int, Field(ge=1, le=12000)] | None = None
    width_mm: Annotated[float, Field(gt=0, le=2000)] | None = None
    height_mm: Annotated[float, Field(gt=0, le=2000)] | None = None
    dpi: Annotated[int, Field(ge=72, le=1200)] = 300
    bleed_mm: Annotated[float, Field(ge=0, le=20)] = 0.0
    safe: SafeZone = SafeZone()
    """Measured inside the trim; bleed comes on top."""
    files: tuple[Literal["png", "jpg", "webp"], ...] = ("jpg", "png")
    """Allowed file types; the first is what is delivered."""
    max_bytes: Annotated[int, Field(gt=0)] | None = None
    min_text_px: Annotated[float, Field(gt=0)] = 10.0
    """The smallest type size, in delivered pixels."""
    text_limits: dict[str, int] = {}
    """Channel limits in characters, by words field."""
    source: str = ""

    @model_validator(mode="after")
    def _has_one_size(self) -> Format:
        px, mm = (self.width_px, self.height_px), (self.width_mm, self.height_mm)
        if (None in px) == (None in mm) or None in (px if None in mm else mm):
            raise ValueError("give either width_px and height_px, or width_mm and height_mm")
        width, height = self.delivered_px
        if width * height > 120_000_000:
            raise ValueError(f"{width}×{height} px is more than 120 megapixels; lower the dpi")
        return self

    def px(self, mm: float) -> int:
        """Millimetres in delivered pixels at this format's dpi, rounded half up."""
        return int(mm * self.dpi / 25.4 + 0.5)

    @property
    def delivered_px(self) -> tuple[int, int]:
        """Width and height of the delivered file, bleed included."""
        if self.width_px is not None and self.height_px is not None:
            return self.width_px, self.height_px
        assert self.width_mm is not None and self.height_mm is not None
        return self.px(self.width_mm + 2 * self.bleed_mm), self.px(self.height_mm + 2 * self.bleed_mm)

    @property
    def bleed_px(self) -> int:
        return self.px(self.bleed_mm) if self.width_mm is not None else 0


class Box(Value):
    """A rectangle in fractions, origin top left."""

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


class LayoutRules(Value):
    """How one family sets one aspect class. Boxes are fractions of the safe area; an edge of `picture` or `panel` at
    exactly 0 or 1 reaches the edge of the sheet unless `inset` is set."""

    picture: Box = Box(left=0, top=0, right=1, bottom=1)
    scene: bool = True
    """False for families without a painted picture."""
    inset: bool = False
    panel: Box | None = None
    panel_role: Role = "primary"
    ground_role: Role = "background"
    product: Box | None = None
    words: Box
    logo: Box
    logo_at: Literal["left", "center", "right"] = "left"
    legal: Box | None = None
    badge: Box | None = None
    """Where the price stands in a disc; without it the price is set with the words."""
    flow: Literal["column", "row"] = "column"
    align: Literal["left", "center", "right"] = "left"
    valign: Literal["top", "center", "bottom"] = "center"
    carries: tuple[WordField, ...] = ("headline", "body", "price", "action", "legal")
    may_drop: tuple[WordField, ...] = ("body",)
    """Fields left out, in this order, when the words do not fit at the format's smallest size."""
    headline_fraction: Annotated[float, Field(gt=0, le=1)] = 0.16
    """The largest headline, as a fraction of the words box's shorter side."""
    max_lines: Annotated[int, Field(ge=1, le=8)] = 4
    rule: bool = False
    """A thin line above the words."""


AspectClass = Literal["strip", "wide", "landscape", "square", "portrait", "tall", "tower"]


class Layout(Value):
    id: Slug
    name: str
    description: str = ""
    classes: dict[AspectClass, LayoutRules]


class Look(Value):
    """A mood: the sets that have it and the words a painter with a prompt is given for it. `{prompt}` in `scene` is
    where the brief's own words go; without it they come first."""

    id: Slug
    name: str
    description: str = ""
    sets: tuple[Slug, ...]
    scene: str = ""
    avoid: str = ""
    """What does not go with it, for painters that heed it."""


# ---------------------------------------------------------------------------------------------- brief


class Words(Value):
    headline: str = ""
    body: str = ""
    action: str = ""
    price: str = ""
    legal: str = ""

    def items(self) -> list[tuple[WordField, str]]:
        """The fields that hold something, in reading order."""
        return [(field, text) for field in WORD_FIELDS if (text := getattr(self, field).strip())]


class Brief(Value):
    version: Literal[1] = 1
    name: Slug = "campaign"
    subject: str = ""
    scene: str = ""
    product: str | None = None
    """A picture with a transparent background; a path beside the brief."""
    pitch_deg: Annotated[float, Field(ge=0, le=90)] | None = None
    """How far from above the product was photographed; estimated when absent."""
    headlines: tuple[str, ...] = ()
    body: str = ""
    action: str = ""
    price: str = ""
    legal: str = ""
    formats: tuple[Slug, ...] = ()
    sets: tuple[Slug, ...] = ()
    layouts: tuple[Slug, ...] = ()
    look: Slug | None = None
    set_edits: SetEdits = SetEdits()
    controls: tuple[Control, ...] = ()
    references: tuple[Reference, ...] = ()
    adapters: tuple[Adapter, ...] = ()
    """Worn besides the kit's own."""
    avoid: str = ""
    """What must not be in the picture, for painters that heed it."""
    vary: tuple[Vary, ...] = ("set", "layout", "headline")
    """What changes from variant to variant; of anything else the first is used throughout."""
    count: Annotated[int, Field(ge=1, le=1000)] = 2
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    lock_seed: bool = False
    """Every variant with the same seed, so that only what varies differs."""


# ---------------------------------------------------------------------------------------------- shot, picture


class Placement(Value):
    """Where the product's cut-out (trimmed to its content) stands in the picture."""

    product_digest: str
    box: Box
    pitch_deg: float


class Shot(Value):
    """All that decides a picture. `set_spec` is the stage set as parsed TOML; `palette` maps roles to colours."""

    version: Literal[1] = 1
    engine: str
    model: str = ""
    """The digest of the painter's weights; empty where it has none."""
    recipe: int
    width_px: int
    height_px: int
    seed: int
    steps: int
    guidance: float = 0.0
    prompt: str = ""
    avoid: str = ""
    palette: dict[Role, Hex]
    allowed: tuple[Swatch, ...]
    """The swatches dominant scene colours are locked to."""
    set_id: str | None = None
    set_spec: dict[str, Any] | None = None
    placement: Placement | None = None
    calm: tuple[Box, ...] = ()
    controls: tuple[Control, ...] = ()
    references: tuple[Reference, ...] = ()
    adapters: tuple[Adapter, ...] = ()
    """Pictures and files here are digests of files in the workspace."""

    def canonical(self) -> str:
        """Without what references and LoRAs are called: a file under another name gives the same picture."""
        unnamed = {
            group: tuple(one.model_copy(update={"name": ""}) for one in getattr(self, group))
            for group in ("references", "adapters")
        }
        return Value.canonical(self.model_copy(update=unnamed))


class Picture(Value):
    """A painted Shot in the store: content digests, and what really ran."""

    shot_id: str
    digest: str
    width_px: int
    height_px: int
    engine: str
    runtime: str
    seconds: float
    maps: dict[str, str] = {}
    facts: dict[str, Any] = {}


# ---------------------------------------------------------------------------------------------- ad, score


class AdSpec(Value):
    """All that decides an ad. `rules` are those of the family `layout` for this format's shape."""

    version: Literal[1] = 1
    shot_id: str | None
    format: Format
    layout: Slug
    rules: LayoutRules
    words: Words
    kit_digest: str
    recipe: int
    variant: int = 1
    campaign: str = "campaign"
    upscaler: str = "light"
    """What grows the picture where the format needs more pixels than were painted."""
