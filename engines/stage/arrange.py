"""Where everything stands: the podium grown to the product, props beside it, words left free.

A prop that would reach into a calm place is tried on the other side and further off, then left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engines.base import PaintRequest, Region

from . import tables as t
from .camera import Camera, place_camera
from .product import front_of, size_in_units
from .solids import Solid, solids_of
from .spec import Paint, Piece, StageSet

NOMINAL_RADIUS = 0.62  # podium radius that the sets' positions are written for
CALM_MARGIN = 0.012
LEAST_SHOWN = 0.6  # a prop cut by the picture's edge shows at least this share, or is left out
SLIVER_SHOWN, SLIVER_AREA = 0.4, 0.05  # less of a backdrop piece, in less of the picture, looks like a mistake
FAR_BREADTH = 4.4  # a picture shows far props from this width on
STEEPEST_DEG = 85.0
SEEDS = 0x7FFFFFFF  # seeds may be any whole number; this many differ
SOFT_CURVE = 0.45  # from this radius on the foot of the wall is a gradient, not a line
STAND_IN = (0.62, 1.0)  # width and height of the place kept for a product that is not there


@dataclass(frozen=True, eq=False)
class Arrangement:
    """`flip` is −1 where the seed mirrored the set, `follow` how far the lights keep pace with x
    (tables.L_FOLLOW), `from_above` 1 where the camera looks down on the product."""

    camera: Camera
    solids: tuple[Solid, ...]
    floor: float
    wall: float
    curve: float
    flip: float
    follow: float
    from_above: float
    dropped: tuple[str, ...]
    floor_softened: float = 0.0

    @property
    def compromises(self) -> float:
        """How much the words took from the set: pieces left out, and half as much for paler ones."""
        return len(self.dropped) + 0.5 * sum(solid.softened > 0 for solid in self.solids)


@dataclass(frozen=True, eq=False)
class _Room:
    camera: Camera
    calm: tuple[Region, ...]
    product: Region | None
    floor: float
    front: float
    podium_radius: float


def _free_box(request: PaintRequest) -> Region:
    """A place for the hero arrangement: the largest column or row beside the calm places, with air around it."""
    free = [Region(0, 0, 1, 1)]
    for calm in request.calm:
        pieces = [
            part
            for area in free
            for part in (
                Region(area.left, area.top, min(area.right, calm.left), area.bottom),
                Region(max(area.left, calm.right), area.top, area.right, area.bottom),
                Region(area.left, area.top, area.right, min(area.bottom, calm.top)),
                Region(area.left, max(area.top, calm.bottom), area.right, area.bottom),
            )
            if part.width > 0.02 and part.height > 0.02
        ]
        free = pieces or free
    aspect = request.width_px / request.height_px

    def fit(area: Region) -> float:
        return min(area.width * aspect / STAND_IN[0] / 1.7, area.height / 1.75)

    area = max(free, key=fit)
    height = 0.94 * min(fit(area), 0.5)
    width = height * STAND_IN[0] / STAND_IN[1] / aspect
    middle = 0.5 * (area.left + area.right)
    bottom = area.bottom - 0.5 * (area.height - height) + 0.03 * height
    return Region(middle - width / 2, bottom - height, middle + width / 2, bottom)


def _seen(solids: Sequence[Solid], camera: Camera) -> Region:
    points = camera.project(np.concatenate([_outline(solid) for solid in solids]))
    low, high = points.min(axis=0), points.max(axis=0)
    return Region(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _outline(solid: Solid) -> np.ndarray:
    """Points whose projection bounds a solid tightly: a ring pair for round things, else the corners."""
    if solid.kind in (t.BOX, t.ARCH, t.FLUTED, t.TORUS):
        return solid.corners()
    angle = np.linspace(0, 2 * np.pi, 17)[:-1]
    if solid.kind == t.SPHERE:
        rows = [(np.sin(p), np.cos(p)) for p in np.linspace(0, np.pi, 9)]
    elif solid.kind == t.DOME:
        rows = [(1.0, -1.0), (0.87, 0.0), (0.5, 0.73), (0.0, 1.0)]
    elif solid.profile is not None:
        heights = np.linspace(-1, 1, len(solid.profile))
        rows = [(r / solid.half[0], y) for r, y in zip(solid.profile, heights, strict=True)]
    else:
        rows = [(1.0, -1.0), (1.0, 1.0)]
    unit = np.array([[r * np.cos(a), y, r * np.sin(a)] for r, y in rows for a in angle])
    return solid.centre + (unit * solid.half) @ solid.rotation


def _clash(seen: Region, calm: Sequence[Region]) -> float:
    """The largest share of a calm place, or of the prop, that they have in common."""
    area = max(seen.width * seen.height, 1e-9)
    worst = 0.0
    for region in calm:
        kept = Region(
            region.left - CALM_MARGIN, region.top - CALM_MARGIN, region.right + CALM_MARGIN, region.bottom + CALM_MARGIN
        )
        worst = max(worst, seen.overlap(kept) / min(area, region.width * region.height))
    return worst


def _shown(seen: Region) -> float:
    inside = seen.overlap(Region(0, 0, 1, 1))
    return inside / max(seen.width * seen.height, 1e-9)


def _podium(
    stage: StageSet, width: float, depth: float, floor: float, camera: Camera, calm: Sequence[Region]
) -> tuple[list[Solid], float]:
    """The podium's solids, top at 0, and its radius: as wide as the set wants, narrower beside words."""
    solids, radius = _podium_of(stage, width, depth, floor, 1.0)
    for ease in (0.7, 0.4, 0.15):
        if not solids or _clash(_seen(solids, camera), calm) <= 0.0:
            break
        solids, radius = _podium_of(stage, width, depth, floor, ease)
    return solids, radius


def _podium_of(stage: StageSet, width: float, depth: float, floor: float, ease: float) -> tuple[list[Solid], float]:
    """A podium of which `ease` 0–1 says how much more than the product's own width it takes."""
    podium = stage.podium
    need = 0.5 * width + 0.05
    radius = need + ease * (max(podium.radius, 0.5 * width + podium.margin) - need)
    if podium.shape == "none":
        return [], radius
    paint = Paint(colour=podium.colour, tint=podium.tint, shade=podium.shade, material=podium.material)
    reach = max(podium.depth * 0.5, depth + podium.margin * 0.6) if podium.depth else radius
    solids = []
    rise = -floor / podium.tiers
    for tier in range(podium.tiers):
        extra = podium.tread * tier * ease
        top = -rise * tier
        half_height = 0.5 * (top - floor)
        centre = np.array([0.0, floor + half_height, 0.0])
        edge = min(podium.round, 0.45 * half_height)
        if podium.shape == "round":
            half = np.array([radius + extra, half_height, radius + extra])
            solids.append(Solid(t.CYLINDER, centre, half, paint, (half[0], half[1], 0.0, edge)))
        else:
            half = np.array([radius + extra, half_height, reach + extra])
            solids.append(Solid(t.BOX, centre, half, paint, (*half, edge)))
    return solids, radius


def _collides(solids: Sequence[Solid], placed: Sequence[Solid]) -> bool:
    for a in solids:
        for b in placed:
            low_a, high_a = a.corners().min(axis=0), a.corners().max(axis=0)
            low_b, high_b = b.corners().min(axis=0), b.corners().max(axis=0)
            shared = np.minimum(high_a, high_b) - np.maximum(low_a, low_b)
            if shared[0] <= 0.01 or shared[1] <= 0.01 or shared[2] <= 0.01:
                continue
            if t.BOX in (a.kind, b.kind) or t.ARCH in (a.kind, b.kind):
                if shared.min() > 0.03:
                    return True
                continue
            apart = np.hypot(a.centre[0] - b.centre[0], a.centre[2] - b.centre[2])
            if apart < 0.96 * (max(a.half[0], a.half[2]) + max(b.half[0], b.half[2])):
                return True
    return False


def _fits(solids: Sequence[Solid], placed: Sequence[Solid], room: _Room) -> bool:
    seen = _seen(solids, room.camera)
    if _shown(seen) < LEAST_SHOWN or _clash(seen, room.calm) > 0.0:
        return False
    before = room.product is not None and max(solid.centre[2] for solid in solids) > room.front - 0.3
    if before and room.product is not None:
        smaller = min(seen.width * seen.height, room.product.width * room.product.height)
        if seen.overlap(room.product) > 0.12 * smaller:
            return False
    return not _collides(solids, placed)


def _tries(piece: Piece, x: float, room: _Room, z: float, flip: float) -> list[tuple[float, float, float]]:
    """Places to try for a prop: x, z, scale, in order of liking."""
    if piece.place == "far":
        ends = [room.camera.across_at(0.0, z, room.floor), room.camera.across_at(1.0, z, room.floor)]
        side = 0 if (x < 0) == (flip > 0) else 1
        inward = abs(x)
        places = [(ends[0] + inward, z, 1.0), (ends[1] - inward, z, 1.0)]
        return places if side == 0 else places[::-1]
    x *= flip
    moves = ((1.0, 0.0, 1.0), (-1.0, 0.0, 1.0), (1.3, 0.0, 1.0), (-1.3, 0.0, 1.0))
    moves += ((0.86, 0.2, 0.85), (-0.86, 0.2, 0.85))
    if piece.on == "floor":
        moves += ((0.72, 0.55, 0.85), (-0.72, 0.55, 0.85), (0.8, -1.0, 1.0), (-0.8, -1.0, 1.0))
    return [(x * across, z + nearer, scale) for across, nearer, scale in moves]


def _place(
    piece: Piece,
    spread: float,
    half_width: float,
    room: _Room,
    placed: list[Solid],
    flip: float,
    rng: np.random.Generator,
) -> tuple[list[Solid], float]:
    """The solids of one prop at the first place that suits, or none, and the scale they were made with."""
    nudge = rng.uniform(-1, 1, 3) * piece.jitter
    x, z = piece.at[0], piece.at[1]
    ground = 0.0 if piece.on == "podium" else room.floor
    size = 1.0 + nudge[2] * 1.5
    if piece.place == "near" and piece.on == "podium":
        x = float(np.sign(x or 1.0)) * (half_width + abs(x))
    elif piece.place in ("near", "fixed"):
        x, z = x * spread, z * (1 + 0.6 * (spread - 1))
    elif piece.place == "behind":
        z -= 0.5 * (spread - 1)
    if piece.place in ("hero", "fixed", "behind"):
        grown = max(1.0, 0.35 + 0.65 * spread) if piece.place != "hero" else 1.0
        x = piece.at[0] * (spread if piece.place != "hero" else 1.0) * flip
        z *= grown if piece.place == "fixed" else 1.0
        if piece.place == "behind":
            return _behind(piece, x + 2.2 * nudge[0], z, grown * (1 + nudge[2]), room, flip)
        return solids_of(piece, x, ground + piece.lift * grown, z, grown, flip < 0), grown
    breadth = room.camera.across_at(1.0, z, room.floor) - room.camera.across_at(0.0, z, room.floor)
    if piece.place == "far" and breadth < FAR_BREADTH:
        return [], 1.0
    for px, pz, shrink in _tries(piece, x + nudge[0], room, z + nudge[1], flip):
        scale = shrink * size
        solids = solids_of(piece, px, ground + piece.lift * scale, pz, scale, px * piece.at[0] < 0)
        overhangs = piece.on == "podium" and abs(px) + solids[0].half[0] > room.podium_radius
        if not overhangs and _fits(solids, placed, room):
            return solids, scale
    return [], 1.0


def _behind(piece: Piece, x: float, z: float, grown: float, room: _Room, flip: float) -> tuple[list[Solid], float]:
    """Backdrop pieces shrink a little to stay out of the words, or else graze them, paler. Shiny ones, and those that
    would cross more than a little, are left out."""
    clash, scale = 1.0, grown
    solids: list[Solid] = []
    for shrink in (1.0, 0.86, 0.74, 0.64):
        scale = grown * shrink
        solids = solids_of(piece, x * shrink, room.floor + piece.lift * scale, z, scale, flip < 0)
        seen = _seen(solids, room.camera)
        clash = _clash(seen, room.calm)
        if clash <= 0.02:
            sliver = _shown(seen) < SLIVER_SHOWN and seen.overlap(Region(0, 0, 1, 1)) < SLIVER_AREA
            return ([], 1.0) if sliver else (solids, scale)
    if piece.material in ("metal", "brushed", "gloss", "glass") or clash > 0.12:
        return [], 1.0
    return [replace(solid, softened=0.8) for solid in solids], scale


def _groups(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Each piece with those that rest on it, in the order in which places are given out."""
    groups: list[list[Piece]] = []
    for piece in pieces:
        if piece.on == "previous" and groups:
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return sorted(groups, key=lambda group: ("fixed", "hero", "behind", "near", "far").index(group[0].place))


def arrange(stage: StageSet, request: PaintRequest) -> Arrangement:
    """Place the camera for the request's product (or a stand-in) and everything of the set around it.

    The seed decides whether the set is mirrored, unless the other way round leaves the words freer.
    """
    flip = -1.0 if np.random.default_rng(request.seed & SEEDS).random() < 0.5 else 1.0
    first = _arranged(stage, request, flip)
    if not request.calm:
        return first
    second = _arranged(stage, request, -flip)
    return second if second.compromises < first.compromises else first


def _arranged(stage: StageSet, request: PaintRequest, flip: float) -> Arrangement:
    rng = np.random.default_rng((request.seed & SEEDS) + 1)
    product = request.product
    if product is not None:
        size, box = size_in_units(product), product.box
        pitch, front = min(max(product.pitch_deg, 0.0), STEEPEST_DEG), front_of(product)
    else:
        size, box = STAND_IN, _free_box(request)
        pitch, front = stage.view.pitch_deg, 0.2
    camera = place_camera(size, box, pitch, front, stage.view.distance, stage.view.blur)
    floor = -stage.podium.height * rng.uniform(0.88, 1.14) if stage.podium.shape != "none" else 0.0
    podium, radius = _podium(stage, size[0], max(front, 0.12), floor, camera, request.calm)
    spread = radius / NOMINAL_RADIUS
    room = _Room(camera, request.calm, box if product is not None else None, floor, front, radius)
    placed, dropped = list(podium), []
    heroes = product is None
    for group in _groups(stage.piece):
        if group[0].place == "hero" and not heroes:
            continue
        solids, scale = _place(group[0], spread, 0.5 * size[0], room, placed, flip, rng)
        for piece in group[1:] if solids else ():
            under = solids[-1]
            top = max(float(solid.corners()[:, 1].max()) for solid in solids)
            upper = solids_of(piece, under.centre[0], top + piece.lift, under.centre[2], scale, flip < 0)
            if _clash(_seen(upper, camera), request.calm) > 0.0:
                dropped.append(piece.name or piece.shape)
                break
            solids += upper
        if not solids:
            dropped += [piece.name or piece.shape for piece in group]
        placed += solids
    reach = max(abs(camera.window[0]), abs(camera.window[1])) * camera.focus
    follow = 1.0 - min(1.0, 1.5 / max(reach, 1e-3))
    from_above = float(np.clip((pitch - 14.0) / 18.0, 0, 1)) if product is not None else 0.0
    wall, curve, floor_softened = _wall(stage, camera, request.calm, floor, spread)
    return Arrangement(
        camera,
        tuple(placed),
        floor,
        wall,
        curve,
        flip,
        follow,
        from_above,
        tuple(dropped),
        floor_softened,
    )


def _wall(
    stage: StageSet, camera: Camera, calm: Sequence[Region], floor: float, spread: float
) -> tuple[float, float, float]:
    """World z of the wall, the radius of its foot, and how far the floor must take the wall's colour.

    A visible line between floor and wall is kept out of the words: the wall steps back until it is, or else softens.
    """
    back = stage.backdrop
    wall = -back.distance - 0.6 * max(spread - 1, 0)
    if back.floor is None and back.curve >= SOFT_CURVE:
        return wall, back.curve, 0.0
    for further in (1.0, 1.4, 2.0, 3.0, 4.5):
        line = float(camera.project(np.array([[0.0, floor, wall * further]]))[0, 1])
        if all(not region.top - 0.03 < line < region.bottom + 0.03 for region in calm):
            return wall * further, back.curve, 0.0
    return wall, max(back.curve, 1.2), 0.93
