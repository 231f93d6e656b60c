"""Brief × kit × presets → shots and ads, with every size, seed and prompt decided. Pure: it can be shown before a
second of painting is spent, and the real run follows the same plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from studio.brief.frame import Frame, frame, rules_for
from studio.brief.prompt import avoid_prompt, scene_prompt
from studio.brief.wildcards import chosen
from studio.composition import Reference, SetEdits
from studio.errors import BadInput
from studio.geometry import Rect, fraction_of, placed
from studio.model import AdSpec, Box, BrandKit, Brief, Format, Layout, Look, Placement, Role, Shot, Swatch, Words

PAINTED_PX = 1_048_576
"""A shot is painted with at most this many pixels; a format that needs more has it grown by the upscaler."""
LEAST_PX = 262_144
_ROLES: tuple[Role, ...] = ("primary", "secondary", "accent", "background", "surface", "text")
_LIKE_ASPECT = 0.04
_LIKE_PLACE = 0.03
T = TypeVar("T")


@dataclass(frozen=True)
class ProductFacts:
    """What planning needs to know of the cut-out: its digest, width ÷ height, and pitch in degrees."""

    digest: str
    aspect: float
    pitch_deg: float


@dataclass(frozen=True)
class Presets:
    """What a plan may choose from: formats, layouts and sets (parsed TOML) by id."""

    formats: Mapping[str, Format]
    layouts: Mapping[str, Layout]
    sets: Mapping[str, Mapping[str, Any]]
    looks: Mapping[str, Look] = field(default_factory=dict)
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Words by the name of their list, for `__name__` in a scene."""


@dataclass(frozen=True)
class Recipes:
    """Versions that go into ids, and the painter: what changes a picture or an ad without changing the brief."""

    engine: str = "stage"
    takes_prompt: bool = False
    """Whether the painter reads words: only then do they belong to the shot."""
    steps: int = 12
    picture: int = 1
    ad: int = 1
    upscaler: str = "light"
    model: str = ""
    """The digest of the painter's weights."""
    guidance: float = 0.0
    heeds_avoid: bool = False
    """Whether the painter heeds what is to be avoided."""


@dataclass(frozen=True)
class Plan:
    """Every shot and every ad, in the order they should be made."""

    shots: tuple[Shot, ...]
    ads: tuple[AdSpec, ...]


def plan(
    brief: Brief, kit: BrandKit, kit_digest: str, presets: Presets, product: ProductFacts | None, recipes: Recipes
) -> Plan:
    """All of a campaign. Raises `BadInput` naming a format, layout, set, look or list that does not exist."""
    # 1. What is asked, checked against what there is.
    formats = _chosen("format", brief.formats, presets.formats) or list(presets.formats.values())
    layouts = _chosen("layout", brief.layouts, presets.layouts) or _default_layouts(brief, presets)
    look = _chosen("look", [brief.look], presets.looks)[0] if brief.look else None
    sets = _sets(brief, look, presets)

    palettes = _palettes(kit) if "colour" in brief.vary else _palettes(kit)[:1]

    # 2. Each variant is one headline, one layout family, one set and one seed, over every format.
    shots: dict[str, Shot] = {}
    ads: list[AdSpec] = []
    for number in range(brief.count):
        layout = _turn(layouts, number, "layout" in brief.vary)
        # Steps through the sets at a different pace, so that layouts and sets meet in every combination.
        pace = number + (number // len(layouts) if "layout" in brief.vary and len(layouts) > 1 else 0)
        set_id, set_spec = _turn(sets, pace, "set" in brief.vary)
        scene = _Scene(
            set_id,
            brief.set_edits.applied(set_spec),
            # At yet another pace, so that colours and sets meet too.
            palettes[(number + number // len(palettes)) % len(palettes)],
            brief.seed if brief.lock_seed else brief.seed + number,
            (_turn(brief.references, number, True),)
            if "reference" in brief.vary and brief.references
            else brief.references,
            look,
            presets.lists,
        )
        words = Words(
            headline=_turn(brief.headlines or ("",), number, "headline" in brief.vary),
            body=brief.body,
            action=brief.action,
            price=brief.price,
            legal=brief.legal,
        )
        taken: list[Shot] = []
        for fmt in formats:
            rules = rules_for(layout, fmt)
            framed = frame(rules, fmt, words, product.aspect if product else None)
            shot = None
            if framed.picture is not None:
                shot = _shared(framed, taken) or _shot(brief, kit, framed, scene, product, recipes)
                if shot.content_id not in shots:
                    shots[shot.content_id] = shot
                    taken.append(shot)
            ads.append(
                AdSpec(
                    shot_id=shot.content_id if shot else None,
                    format=fmt,
                    layout=layout.id,
                    rules=rules,
                    words=words,
                    kit_digest=kit_digest,
                    recipe=recipes.ad,
                    variant=number + 1,
                    campaign=brief.name,
                    upscaler=recipes.upscaler,
                )
            )
    return Plan(tuple(shots.values()), tuple(ads))


@dataclass(frozen=True)
class _Scene:
    """What one variant paints."""

    set_id: str
    set_spec: Mapping[str, Any]
    palette: Mapping[Role, str]
    seed: int
    references: tuple[Reference, ...]
    look: Look | None
    lists: Mapping[str, Sequence[str]]


def _turn(these: Sequence[T], number: int, varies: bool) -> T:
    return these[number % len(these) if varies else 0]


def _palettes(kit: BrandKit) -> list[dict[Role, str]]:
    """The kit's colours in their roles, then with the leading colour's part taken by each other strong one in turn;
    every colour stays one of the kit's."""
    base: dict[Role, str] = {role: kit.hex(role) for role in _ROLES}
    palettes = [base]
    others: tuple[Role, ...] = ("secondary", "accent")
    for other in others:
        swapped: dict[Role, str] = {**base, "primary": base[other], other: base["primary"]}
        if swapped not in palettes:
            palettes.append(swapped)
    return palettes


def _chosen(kind: str, wanted: Sequence[str], known: Mapping[str, Any]) -> list[Any]:
    for name in wanted:
        if name not in known:
            raise BadInput(f"There is no {kind} called {name}", f"Known: {', '.join(list(known)[:60])}")
    return [known[name] for name in dict.fromkeys(wanted)]


def _default_layouts(brief: Brief, presets: Presets) -> list[Layout]:
    """Every family that suits the brief: the price burst only where there is a price, type only on request."""
    wanted = [family for family in presets.layouts.values() if family.id != "type"]
    return [family for family in wanted if family.id != "burst" or brief.price] or list(presets.layouts.values())


def _sets(brief: Brief, look: Look | None, presets: Presets) -> list[tuple[str, Mapping[str, Any]]]:
    names: Sequence[str] = brief.sets or (look.sets if look else ())
    _chosen("set", names, presets.sets)
    return [(name, presets.sets[name]) for name in (names or presets.sets)]


def _shared(framed: Frame, taken: Sequence[Shot]) -> Shot | None:
    """A shot of this variant that serves this frame too: like aspect, and its product stands where ours would."""
    picture = framed.picture
    assert picture is not None
    for shot in taken:
        if abs(shot.width_px / shot.height_px / picture.aspect - 1) > _LIKE_ASPECT:
            continue
        if (shot.placement is None) != (framed.product is None):
            continue
        if shot.placement is None or framed.product is None:
            if _calm(framed) == shot.calm:
                return shot
            continue
        there = placed(shot.placement.box, shot.width_px, shot.height_px, picture)
        here = framed.product
        off = max(abs(a - b) for a, b in zip(there, here, strict=True)) / max(picture.width, picture.height)
        words = [rect for rect in (framed.words, framed.logo, framed.badge) if rect is not None]
        if off <= _LIKE_PLACE and not any(there.meets(rect) for rect in words) and there.within(framed.safe):
            return shot
    return None


def _shot(
    brief: Brief,
    kit: BrandKit,
    framed: Frame,
    scene: _Scene,
    product: ProductFacts | None,
    recipes: Recipes,
) -> Shot:
    picture = framed.picture
    assert picture is not None
    area = picture.width * picture.height
    scale = min((PAINTED_PX / area) ** 0.5, max(1.0, min((LEAST_PX / area) ** 0.5, 2.0)))
    placement = None
    if product is not None and framed.product is not None:
        box = _placed(fraction_of(framed.product, picture), brief.set_edits)
        placement = Placement(product_digest=product.digest, box=box, pitch_deg=product.pitch_deg)
    calm = _calm(framed)
    prompt = avoid = ""
    if recipes.takes_prompt:
        layout = (calm, placement.box if placement else None)
        choose = partial(chosen, seed=scene.seed, lists=scene.lists)
        prompt = scene_prompt(brief, kit, scene.look, scene.set_spec, layout, choose)
        avoid = avoid_prompt(brief, scene.look, choose) if recipes.heeds_avoid else ""
    return Shot(
        engine=recipes.engine,
        model=recipes.model,
        recipe=recipes.picture,
        width_px=max(round(picture.width * scale), 16),
        height_px=max(round(picture.height * scale), 16),
        seed=scene.seed % 2**31,
        steps=recipes.steps,
        guidance=recipes.guidance,
        prompt=prompt,
        avoid=avoid,
        palette=dict(scene.palette),
        allowed=tuple(Swatch(role=s.role, hex=s.hex, tints=s.tints) for s in kit.palette),
        set_id=scene.set_id,
        set_spec=dict(scene.set_spec),
        placement=placement,
        calm=calm,
        controls=brief.controls,
        references=scene.references,
        adapters=brief.adapters,
    )


def _placed(box: Box, edits: SetEdits) -> Box:
    """The product's box made larger or smaller on its foot, and moved, kept inside the picture."""
    if (edits.product_scale, edits.product_x, edits.product_y) == (1.0, 0.0, 0.0):
        return box
    scale = min(edits.product_scale, 1 / box.width, 1 / box.height)
    width, height = box.width * scale, box.height * scale
    middle, foot = (box.left + box.right) / 2 + edits.product_x, box.bottom + edits.product_y
    left = min(max(middle - width / 2, 0.0), 1 - width)
    top = min(max(foot - height, 0.0), 1 - height)
    return Box(left=left, top=top, right=left + width, bottom=top + height)


def _calm(framed: Frame) -> tuple[Box, ...]:
    """Where words and logo will stand on the picture, in its fractions."""
    picture = framed.picture
    assert picture is not None
    areas = [rect for rect in (framed.words, framed.logo, framed.legal, framed.badge) if rect is not None]
    on_picture: list[Rect] = []
    for rect in areas:
        covered = framed.panel is not None and rect.within(framed.panel, 1)
        if rect.meets(picture) and not covered:
            on_picture.append(rect.clipped(picture))
    return tuple(fraction_of(rect, picture) for rect in on_picture)
