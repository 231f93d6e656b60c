"""What was read from outside, as proposals: each with where it was found and how sure that is. Nothing is decided."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from studio.errors import plain
from studio.values import Hex, Value

Text = Annotated[str, AfterValidator(lambda text: " ".join(plain(text).split()))]
"""Words from outside on one line, without what steers a terminal or turns the reading direction."""

Confidence = Annotated[float, Field(ge=0.0, le=1.0)]
"""How likely the value is right, 0–1; calibrated on sites with known truth as far as there are any."""

ColourRole = Literal["primary", "accent", "background", "text"]


class Colour(Value):
    hex: Hex
    role: ColourRole
    source: Text
    """File and rule, tag or picture: `css/style.css: .btn-primary { background-color }`."""
    confidence: Confidence
    alternatives: tuple[Hex, ...] = ()
    """Near shades of the same colour that the site also uses, most used first."""


class Words(Value):
    text: Text
    source: Text
    confidence: Confidence
    alternatives: tuple[Text, ...] = ()


class FontData(Value):
    """A font file that may be kept: its own tables state an open licence."""

    file: Text
    weight: Annotated[int, Field(ge=1, le=1000)]
    data: Annotated[bytes, Field(repr=False)]
    licence: Text


class Typeface(Value):
    family: Text
    source: Text
    confidence: Confidence
    weight: Annotated[int, Field(ge=1, le=1000)] = 400
    files: tuple[str, ...] = ()
    """Addresses of its font files on the site."""
    kept: tuple[FontData, ...] = ()
    licence: Text = ""
    """Its licence where that is known; files of an unknown licence are named, never kept."""
    link: Text = ""
    """Where a designer can get it, for families of a public library."""
    alternatives: tuple[Text, ...] = ()


class Mark(Value):
    """A logo, or an icon where there is no logo. `data` is safe to draw: a cleaned SVG, or a PNG trimmed to its ink."""

    file: Text
    """The name to keep it under, with its ending: the site's own where it has one."""
    on: Literal["light", "dark", "any"]
    source: Text
    confidence: Confidence
    address: str = ""
    """Where its file was read from; empty for one drawn in the page."""
    data: Annotated[bytes, Field(repr=False)] = b""
    width_px: int = 0
    height_px: int = 0
    notes: tuple[Text, ...] = ()
    inks: tuple[tuple[Hex, float], ...] = ()
    """Its flat colours and the share of its ink each covers, 0–1."""


class Photo(Value):
    """A product or hero picture of the site."""

    file: Text
    """Its path in the folder, or its address."""
    use: Literal["hero", "product", "picture"]
    width_px: int
    height_px: int
    alt: Text = ""
    source: Text
    confidence: Confidence


class Copy(Value):
    headlines: tuple[Words, ...] = ()
    """At most ten: headlines and offers in the site's own words."""
    actions: tuple[Words, ...] = ()
    """What its buttons say."""
    tone: tuple[Text, ...] = ()


class Proposals(Value):
    """A brand as a site shows it. Empty fields are named in `not_found`, in words a designer understands."""

    site: Text
    name: Words | None = None
    tagline: Words | None = None
    language: Text = ""
    """A BCP 47 tag."""
    palette: tuple[Colour, ...] = ()
    """Primary, accent, background, text, in this order; the surest of each first."""
    heading: Typeface | None = None
    body: Typeface | None = None
    logos: tuple[Mark, ...] = ()
    icon: Mark | None = None
    """The favicon or touch icon: only a stand-in for a logo, never called one."""
    copy_: Copy = Copy()
    pictures: tuple[Photo, ...] = ()
    photography: tuple[Text, ...] = ()
    """Plain words for how its pictures look: dark, warm, muted."""
    not_found: tuple[Text, ...] = ()
    warnings: tuple[Text, ...] = ()
