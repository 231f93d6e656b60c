"""A request and its set as the tables that the kernels read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.base import Region

from . import tables as t
from .arrange import Arrangement
from .colour import LUMA, role_colour, to_oklab
from .gobo import EDGE, gobo_texture
from .product import Relief
from .spec import Backdrop, Light, Paint, StageSet

Table = NDArray[np.float32]
# material: roughness, metal, reflectance, glass, grain, grain scale
_SURFACES: Mapping[str, tuple[float, float, float, float, float, float]] = {
    "matte": (1.0, 0, 0.0, 0, 0, 0),
    "satin": (0.34, 0, 0.035, 0, 0, 0),
    "gloss": (0.09, 0, 0.045, 0, 0, 0),
    "metal": (0.13, 1, 0.0, 0, 0, 0),
    "brushed": (0.32, 1, 0.0, 0, 0, 0),
    "glass": (0.1, 0, 0.04, 2, 0, 0),
    "pane": (0.1, 0, 0.04, 1, 0, 0),
    "frosted": (0.5, 0, 0.04, 1, 0, 0),
    "paper": (1.0, 0, 0.0, 0, 0.035, 90),
    "stone": (0.5, 0, 0.02, 0, 0.07, 70),
}
KEY_LIGHT, FILL_LIGHT, RIM_LIGHT = 2.6, 0.7, 0.9  # irradiance at the product, for strength 1
PRODUCT_LIGHT = 0.5
CLOSE = 0.09  # distance in OKLab from which a product stands out by itself
BEHIND_DEG = 52.0  # seen from above, the key goes round so that the product's shadow falls where it shows
WHITE_PAINT = 0.84  # props reflect a little less than the backdrop, so that white ones keep their shading


@dataclass(frozen=True, eq=False)
class Scene:
    """Flat tables for the kernels; `backdrop_ids` are the object ids that count as backdrop,
    `roll` the full palette colour (linear RGB) that it is a tint or a shade of."""

    world: Table
    prims: Table
    materials: Table
    lights: Table
    grid: Table
    texture: Table
    backdrop_ids: tuple[int, ...]
    roll: NDArray[np.float64]


class _Materials:
    """Collects surfaces; the same paint gets the same number."""

    def __init__(self, palette: Mapping[str, str], soften_to: NDArray[np.float64]) -> None:
        self.rows: list[Table] = []
        self._known: dict[tuple[object, ...], int] = {}
        self._palette = palette
        self._soften_to = soften_to

    def number(self, paint: Paint, softened: float = 0.0, roll: bool = False) -> int:
        key = (paint.colour, paint.tint, paint.shade, paint.material, softened, roll)
        if key not in self._known:
            colour = role_colour(self._palette, paint.colour, paint.tint, paint.shade)
            if paint.material in ("metal", "brushed"):
                colour = colour * (0.25 + 0.72 / max(float(colour.max()), 0.2)) + 0.05
            elif paint.material in ("glass", "pane", "frosted"):
                colour = 0.55 + 0.45 * colour / max(float(colour.max()), 1e-3)
            colour = colour + softened * (self._soften_to - colour)
            row = np.zeros(t.MATERIAL_STRIDE, np.float32)
            row[:3] = np.clip(colour if roll else colour * WHITE_PAINT, 0.004, 0.95)
            surface = _SURFACES[paint.material]
            row[t.M_ROUGH : t.M_ROUGH + 6] = surface
            self._known[key] = len(self.rows)
            self.rows.append(row)
        return self._known[key]


def _tinted(strength: float, warmth: float) -> NDArray[np.float64]:
    """A light's colour: warm to cool, of equal luminance. Kept faint: it must not pull colours off the palette."""
    colour = np.array([1 + 0.055 * warmth, 1.0, 1 - 0.075 * warmth])
    return strength * colour / float(colour @ LUMA)


def _softbox(
    light: Light, target: NDArray[np.float64], irradiance: float, flip: float, follow: float, gobo: bool
) -> Table:
    turn, rise = math.radians(light.turn * flip), math.radians(light.height)
    away = np.array([math.sin(turn) * math.cos(rise), math.sin(rise), math.cos(turn) * math.cos(rise)])
    across = np.cross([0.0, 1.0, 0.0], away)
    across /= np.linalg.norm(across)
    along = np.cross(away, across)
    row = np.zeros(t.LIGHT_STRIDE, np.float32)
    centre = target + away * light.distance
    centre[1] = max(centre[1], 0.2)
    solid_angle = light.width * light.tall / light.distance**2
    row[t.L_CENTRE : t.L_CENTRE + 3] = centre
    row[t.L_U : t.L_U + 3], row[t.L_V : t.L_V + 3] = across, along
    row[t.L_HALF_U], row[t.L_HALF_V] = 0.5 * light.width, 0.5 * light.tall
    row[t.L_RADIANCE : t.L_RADIANCE + 3] = _tinted(irradiance * light.strength / solid_angle, light.warmth)
    row[t.L_NORMAL : t.L_NORMAL + 3] = -away
    row[t.L_FOLLOW], row[t.L_GOBO] = follow, float(gobo)
    return row


def set_apart(stage: StageSet, palette: Mapping[str, str], product: NDArray[np.float64]) -> StageSet:
    """The set with its backdrop moved away from a product of like colour (OKLab, 3), by the smaller of a tint and a
    shade. Black on black and white on white would hide what is sold; cream on coral stands out by its hue."""
    back = stage.backdrop

    def distance(wall: Backdrop) -> float:
        colour = to_oklab(role_colour(palette, wall.colour, wall.tint, wall.shade))
        return float(np.linalg.norm(colour - product))

    if distance(back) >= CLOSE:
        return stage
    moves = [
        back.model_copy(update={name: min(getattr(back, name) + step, 1.0)})
        for step in np.arange(1, 11) * 0.04  # in small steps, so that the set stays itself
        for name in ("tint", "shade")
    ]
    moved = next((wall for wall in moves if distance(wall) >= CLOSE), max(moves, key=distance))
    return stage.model_copy(update={"backdrop": moved})


def build_scene(
    stage: StageSet,
    palette: Mapping[str, str],
    arranged: Arrangement,
    relief: Relief | None,
    calm: Sequence[Region],
    seed: int,
) -> Scene:
    """Pack everything. `arranged` says where things stand, `relief` is the product if there is one."""
    back = stage.backdrop
    wall_colour = role_colour(palette, back.colour, back.tint, back.shade)
    materials = _Materials(palette, wall_colour)
    world = np.zeros(t.GLOBAL_COUNT, np.float32)
    world[t.G_WALL_MATERIAL] = materials.number(back, roll=True)
    world[t.G_FLOOR_MATERIAL] = materials.number(back.floor or back, arranged.floor_softened, roll=True)
    rows = [solid.row(materials.number(solid.paint, solid.softened)) for solid in arranged.solids]
    prims = np.concatenate(rows) if rows else np.zeros(t.PRIM_STRIDE, np.float32)
    camera = arranged.camera
    world[t.G_EYE : t.G_EYE + 3], world[t.G_RIGHT : t.G_RIGHT + 3] = camera.eye, camera.right
    world[t.G_UP : t.G_UP + 3], world[t.G_FORWARD : t.G_FORWARD + 3] = camera.up, camera.forward
    world[t.G_WINDOW : t.G_WINDOW + 4] = camera.window
    world[t.G_APERTURE], world[t.G_FOCUS] = camera.aperture, camera.focus
    world[t.G_FLOOR], world[t.G_WALL], world[t.G_CURVE] = arranged.floor, arranged.wall, arranged.curve
    world[t.G_PRIMS] = len(rows)
    rng = np.random.default_rng(seed + 77)
    lights = _lights(stage, arranged, rng, world)
    sky = stage.sky
    world[t.G_SKY_WARM : t.G_SKY_WARM + 3] = _tinted(sky.strength * 1.15, sky.warmth)
    world[t.G_SKY_COOL : t.G_SKY_COOL + 3] = _tinted(sky.strength * 0.8, -sky.warmth)
    axis = np.array([0.55 * arranged.flip, 0.7, 0.45])
    world[t.G_SKY_AXIS : t.G_SKY_AXIS + 3] = axis / np.linalg.norm(axis)
    _calm(world, calm)
    texture = _screen(world, stage, lights, seed, arranged.flip)
    grid = _product(world, relief)
    backdrop_ids = (t.ID_FLOOR, t.ID_WALL)
    if back.floor is not None:
        backdrop_ids = (t.ID_WALL,)
    return Scene(
        world,
        prims,
        np.concatenate(materials.rows),
        np.concatenate(lights),
        grid,
        texture,
        backdrop_ids,
        role_colour(palette, back.colour, 0, 0),
    )


def _lights(stage: StageSet, arranged: Arrangement, rng: np.random.Generator, world: Table) -> list[Table]:
    swing, climb = rng.uniform(-13, 13), rng.uniform(-6, 6)
    swing += math.copysign(BEHIND_DEG * arranged.from_above, stage.key.turn)
    key = stage.key.model_copy(update={"turn": stage.key.turn + swing, "height": stage.key.height + climb})
    target = np.array([0.0, 0.3, 0.0])
    fill = stage.fill
    if fill is None and arranged.from_above > 0:  # the key stands behind: something must light what faces us
        strength = 0.6 * arranged.from_above * stage.key.strength
        fill = Light(turn=38, height=28, width=3, tall=2, strength=strength, warmth=0)
    rows = [np.zeros(t.LIGHT_STRIDE, np.float32)]
    for light, irradiance, gobo in (
        (key, KEY_LIGHT, stage.gobo is not None),
        (fill, FILL_LIGHT, False),
        (stage.rim, RIM_LIGHT, False),
    ):
        if light is not None and light.strength > 0:
            rows.append(_softbox(light, target, irradiance, arranged.flip, arranged.follow, gobo))
    rows[0][0] = len(rows) - 1
    world[t.G_LIGHTS] = len(rows) - 1
    return rows


def _screen(world: Table, stage: StageSet, lights: Sequence[Table], seed: int, flip: float) -> Table:
    """The gobo's picture. It lies across the key light's own direction, turned in its plane."""
    gobo = stage.gobo
    if gobo is None or len(lights) < 2:
        return np.zeros(4, np.float32)
    rng = np.random.default_rng(seed + 78)
    world[t.G_GOBO_SIZE], world[t.G_GOBO_SCALE] = EDGE, EDGE / gobo.scale
    world[t.G_GOBO_OFFSET : t.G_GOBO_OFFSET + 2] = EDGE * (
        rng.uniform(0.4, 0.6, 2) if gobo.kind == "window" else rng.uniform(0, 1, 2)
    )
    world[t.G_GOBO_STRENGTH] = gobo.strength
    across, along = lights[1][t.L_U : t.L_U + 3], lights[1][t.L_V : t.L_V + 3]
    c, s = math.cos(math.radians(gobo.turn * flip)), math.sin(math.radians(gobo.turn * flip))
    world[t.G_GOBO_U : t.G_GOBO_U + 3] = c * across + s * along
    world[t.G_GOBO_V : t.G_GOBO_V + 3] = s * across - c * along
    return np.ascontiguousarray(gobo_texture(gobo.kind, gobo.blur, seed), np.float32)


def _product(world: Table, relief: Relief | None) -> Table:
    """The relief's grid, and in `world` where it stands."""
    if relief is None:
        return np.zeros(t.GRID_STRIDE, np.float32)
    grid = np.ascontiguousarray(relief.grid)
    world[t.G_PRODUCT], world[t.G_PRODUCT_LIGHT] = 1, PRODUCT_LIGHT
    world[t.G_PRODUCT_LOW : t.G_PRODUCT_LOW + 3] = relief.low
    world[t.G_PRODUCT_HIGH : t.G_PRODUCT_HIGH + 3] = relief.high
    world[t.G_PRODUCT_WINDOW : t.G_PRODUCT_WINDOW + 4] = relief.window
    world[t.G_PRODUCT_GRID : t.G_PRODUCT_GRID + 2] = grid.shape[1], grid.shape[0]
    return grid


def _calm(world: Table, calm: Sequence[Region]) -> None:
    regions = sorted(calm, key=lambda region: -region.width * region.height)[: t.CALM_MAX]
    world[t.G_CALM_COUNT] = len(regions)
    for i, region in enumerate(regions):
        world[t.G_CALM + 4 * i : t.G_CALM + 4 * i + 4] = tuple(region)
