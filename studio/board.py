"""The board a picture is composed on: one ad, planned as it will be made, with its places. It paints nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from studio.brand.kit import LoadedKit
from studio.brief.draft import Digest, Text
from studio.brief.frame import Frame, frame, live_rect, rules_for, safe_rect
from studio.brief.plan import Plan, Presets, ProductFacts, Recipes, plan
from studio.composition import SetEdits
from studio.errors import BadInput, DoesNotFit
from studio.geometry import Rect, fraction_of, placed
from studio.model import Box, Brief, Format, Layout, Shot, Words
from studio.picture import make
from studio.values import Slug, Value

SHAPES = (
    Format(id="board-square", name="1:1", channel="Shape", width_px=1080, height_px=1080),
    Format(id="board-portrait", name="4:5", channel="Shape", width_px=1080, height_px=1350),
    Format(id="board-story", name="9:16", channel="Shape", width_px=1080, height_px=1920),
    Format(id="board-link", name="1.91:1", channel="Shape", width_px=1200, height_px=628),
)
"""Shapes to compose for before a format is chosen."""
USUAL_ASPECT = 0.55
"""Width ÷ height of the product that is drawn while there is none."""


class Composed(Value):
    """What decides a board: the fields of a draft that one picture depends on."""

    kit: Annotated[str, Field(max_length=80)]
    format: Slug
    layout: Slug = "hero"
    set_id: Slug = "arch"
    edits: SetEdits = SetEdits()
    product: Digest = ""
    pitch_deg: Annotated[float, Field(ge=0, le=90)] | None = None
    headline: Text = ""
    body: Text = ""
    action: Text = ""
    price: Text = ""
    legal: Text = ""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1

    @property
    def words(self) -> Words:
        return Words(headline=self.headline, body=self.body, action=self.action, price=self.price, legal=self.legal)


@dataclass(frozen=True)
class Place:
    """One ad of a family on the board's format. `shot` is None where the family has no picture."""

    layout: str
    fmt: Format
    framed: Frame
    shot: Shot | None


def board_format(format_id: str, presets: Presets) -> Format:
    """A format, or one of `SHAPES`. Raises `BadInput`."""
    known = {shape.id: shape for shape in SHAPES} | dict(presets.formats)
    if format_id not in known:
        raise BadInput(f"There is no format called {format_id}", "Choose one of the list.")
    return known[format_id]


def place_of(
    wish: Composed, layout: Layout, kit: LoadedKit, presets: Presets, product: ProductFacts | None, steps: int
) -> Place:
    """The ad as a campaign of one would be planned. Raises `DoesNotFit` where the family has no rules for the shape."""
    fmt = board_format(wish.format, presets)
    planned = _one_ad(wish, fmt, layout, kit, presets, product, steps)
    framed = frame(rules_for(layout, fmt), fmt, wish.words, product.aspect if product else None)
    return Place(layout.id, fmt, framed, planned.shots[0] if planned.shots else None)


def _one_ad(
    wish: Composed,
    fmt: Format,
    layout: Layout,
    kit: LoadedKit,
    presets: Presets,
    product: ProductFacts | None,
    steps: int,
) -> Plan:
    brief = Brief(
        headlines=(wish.headline,), body=wish.body, action=wish.action, price=wish.price, legal=wish.legal,
        formats=(fmt.id,), layouts=(layout.id,), sets=(wish.set_id,), set_edits=wish.edits, vary=(), count=1,
        seed=wish.seed, pitch_deg=wish.pitch_deg,
    )  # fmt: skip
    choice = Presets({fmt.id: fmt}, presets.layouts, presets.sets, presets.looks)
    recipes = Recipes("stage", steps=steps, picture=make.RECIPE)
    return plan(brief, kit.kit, kit.digest, choice, product, recipes)


def outlines(wish: Composed, kit: LoadedKit, presets: Presets, product: ProductFacts | None) -> dict[str, Any]:
    """Every family on the board's format as fractions of the sheet: slots by name, calm areas, colours of panel and
    ground; families without rules for the shape are left out. With them the format's safe zone."""
    fmt = board_format(wish.format, presets)
    width, height = fmt.delivered_px
    sheet = Rect(0, 0, width, height)
    families = {}
    for layout in presets.layouts.values():
        try:
            families[layout.id] = _outline(wish, layout, kit, presets, product)
        except DoesNotFit:
            continue
    return {
        "format": fmt.id, "width": width, "height": height, "safe": _box(safe_rect(fmt), sheet),
        "live": _box(live_rect(fmt), sheet), "families": families,
    }  # fmt: skip


def _outline(
    wish: Composed, layout: Layout, kit: LoadedKit, presets: Presets, product: ProductFacts | None
) -> dict[str, Any]:
    place = place_of(wish, layout, kit, presets, product, 1)
    fmt, framed, shot = place.fmt, place.framed, place.shot
    rules, sheet = framed.rules, framed.sheet
    standing = _standing(place) or frame(rules, fmt, wish.words, USUAL_ASPECT).product
    slots = {
        "picture": framed.picture, "product": standing, "words": framed.words, "logo": framed.logo,
        "legal": framed.legal, "badge": framed.badge,
    }  # fmt: skip
    calm = [_on_sheet(box, shot, framed.picture) for box in shot.calm] if shot and framed.picture else []
    panel = {"box": _box(framed.panel, sheet), "hex": kit.kit.hex(rules.panel_role)} if framed.panel else None
    return {
        "slots": {name: _box(rect, sheet) for name, rect in slots.items() if rect is not None},
        "calm": [_box(rect, sheet) for rect in calm],
        "panel": panel, "ground": kit.kit.hex(rules.ground_role), "align": framed.align,
        "standing": shot is not None and shot.placement is not None,
    }  # fmt: skip


def _standing(place: Place) -> Rect | None:
    """Where the product stands on the sheet, after it was moved or grown."""
    shot, picture = place.shot, place.framed.picture
    if shot is None or picture is None or shot.placement is None:
        return None
    return _on_sheet(shot.placement.box, shot, picture)


def _on_sheet(box: Box, shot: Shot, picture: Rect) -> Rect:
    return placed(box, shot.width_px, shot.height_px, picture)


def _box(rect: Rect, sheet: Rect) -> list[float]:
    """Left, top, right, bottom in fractions of the sheet."""
    box = fraction_of(rect, sheet)
    return [box.left, box.top, box.right, box.bottom]
