"""Whether a painted picture, with its product where it stands, serves another layout or other words. Pure."""

from __future__ import annotations

from dataclasses import replace

from studio.ad.compose import Brand, arranged
from studio.brief.frame import frame, rules_for
from studio.errors import DoesNotFit
from studio.geometry import Rect, fraction_of, placed
from studio.model import AdSpec, Box, Layout, LayoutRules, Shot

AIR_FRACTION = 0.012
"""How near words, logo and disc may come to the product, as a share of the sheet's shorter side."""
LEAST_LEFT = 0.4
"""How much of a place must be left when it is cut back, as a share of its area."""


def misfit(spec: AdSpec, shot: Shot, brand: Brand) -> str:
    """Why the picture of `shot` does not serve `spec`, in a few words; empty when it does.

    The product keeps its place in the picture. It must stand whole on the sheet, and nothing may come near it.
    """
    framed = frame(spec.rules, spec.format, spec.words, product_aspect(shot))
    if framed.picture is None:
        return "it shows no picture"
    there = None
    if shot.placement is not None:
        there = placed(shot.placement.box, shot.width_px, shot.height_px, framed.picture)
        if not there.within(framed.safe) or not there.within(framed.picture):
            return "the product would be cut off"
    try:
        arrangement = arranged(replace(framed, product=there), spec.words, brand)
    except DoesNotFit as error:
        return f"the {error.field} finds no room beside the product" if there else f"the {error.field} finds no room"
    if there is None:
        return ""
    near = there.grown(AIR_FRACTION * min(spec.format.delivered_px))
    parts: list[tuple[str, Rect]] = [(place.field, place.ink) for place in arrangement.texts]
    parts += [("logo", arrangement.logo)] if arrangement.logo else []
    parts += [("price", flat.rect) for flat in arrangement.flats if flat.kind == "badge"]
    parts += [("action", flat.rect) for flat in arrangement.flats if flat.kind == "action"]
    met = next((name for name, rect in parts if rect.meets(near)), "")
    return f"the {met} would lie on the product" if met else ""


def product_aspect(shot: Shot) -> float | None:
    """Width ÷ height of the product in a shot; None for a scene by itself."""
    if shot.placement is None:
        return None
    box = shot.placement.box
    return box.width * shot.width_px / (box.height * shot.height_px)


def turned(rules: LayoutRules) -> LayoutRules:
    """The rules' mirror image: what stood left stands right."""

    def flip(box: Box | None) -> Box | None:
        return Box(left=1 - box.right, top=box.top, right=1 - box.left, bottom=box.bottom) if box else None

    return rules.model_copy(
        update={
            **{name: flip(getattr(rules, name)) for name in _BOXES},
            "logo_at": _OTHER[rules.logo_at],
            "align": _OTHER[rules.align],
        }
    )


def cleared(rules: LayoutRules, spec: AdSpec, shot: Shot) -> LayoutRules:
    """The rules with each place that meets the product cut back to its largest part beside it; as they are where too
    little would be left."""
    framed = frame(rules, spec.format, spec.words, product_aspect(shot))
    if framed.picture is None or shot.placement is None or framed.mirrored:
        return rules
    there = placed(shot.placement.box, shot.width_px, shot.height_px, framed.picture)
    near = fraction_of(there.grown(2 * AIR_FRACTION * min(spec.format.delivered_px)), framed.safe)
    changes: dict[str, Box] = {}
    for name in ("words", "legal", "badge"):
        slot: Box | None = getattr(rules, name)
        if slot is None or not _meet(slot, near):
            continue
        beside = [
            slot.model_copy(update={edge: clear})
            for edge, clear in (("right", near.left), ("left", near.right), ("bottom", near.top), ("top", near.bottom))
        ]
        beside = [box for box in beside if box.width > 0 and box.height > 0 and not _meet(box, near)]
        best = max(beside, key=lambda box: box.width * box.height, default=None)
        if best is not None and best.width * best.height >= LEAST_LEFT * slot.width * slot.height:
            changes[name] = best
    return rules.model_copy(update=changes)


def _meet(one: Box, other: Box) -> bool:
    return one.left < other.right and other.left < one.right and one.top < other.bottom and other.top < one.bottom


def refitted(spec: AdSpec, family: Layout, shot: Shot, brand: Brand) -> AdSpec | str:
    """`spec` in another layout family with the same picture, mirrored or with places cut back where that is what fits;
    or why it cannot be."""
    try:
        rules = rules_for(family, spec.format)
    except DoesNotFit:
        return f"it has no rules for {spec.format.name}"
    first = ""
    for way in (rules, turned(rules), cleared(rules, spec, shot), cleared(turned(rules), spec, shot)):
        tried = spec.model_copy(update={"layout": family.id, "rules": way})
        why = misfit(tried, shot, brand)
        if not why:
            return tried
        first = first or why
    return first


_BOXES = ("picture", "panel", "product", "words", "logo", "legal", "badge")
_OTHER = {"left": "right", "right": "left", "center": "center"}
