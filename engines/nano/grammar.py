"""The scene grammar: from a seed to a product scene with everything that is said about it.

Nothing here knows colours: parts carry roles, and a palette is multiplied in when a picture is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.base import Region
from engines.stage.arrange import Arrangement
from engines.stage.camera import Camera, place_camera
from engines.stage.solids import Solid, solids_of
from engines.stage.spec import Backdrop, Gobo, Light, Paint, Piece, Podium, Sky, StageSet, View

from .products import FINISHES, PRODUCTS, finish_for, make_product

FRAMES: Mapping[str, tuple[int, int]] = {"square": (576, 576), "tall": (448, 704), "wide": (832, 416)}
"""Width and height of what is rendered; crops are taken from it."""

LIGHTS = ("soft", "hard", "leaves", "palm", "window", "blinds", "dappled", "moody", "backlit")
SETS = ("plain", "arch", "panel", "ring", "disc", "stairs", "columns", "fluted wall", "blocks", "slabs")
STANDS = ("floor", "round podium", "square podium", "stepped podium", "stone slab")
PROPS = ("none", "balls", "blocks", "mixed")
LAYOUTS = ("left", "centre", "right")
SHOTS = ("close", "medium", "wide")
VIEWS = ("level", "above", "high")
ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "product": PRODUCTS, "material": FINISHES, "light": LIGHTS, "set": SETS, "stand": STANDS, "props": PROPS,
    "layout": LAYOUTS, "shot": SHOTS, "view": VIEWS,
}  # fmt: skip
SHARE: Mapping[str, tuple[float, float]] = {"close": (0.62, 0.8), "medium": (0.44, 0.58), "wide": (0.28, 0.4)}
PITCH: Mapping[str, tuple[float, float]] = {"level": (2, 6), "above": (10, 17), "high": (24, 36)}


@dataclass(frozen=True, eq=False)
class Shot:
    """A scene ready to be lit, and what is in it. `attributes` name → word of `ATTRIBUTES`."""

    seed: int
    frame: str
    stage: StageSet
    arranged: Arrangement
    attributes: Mapping[str, str]


class _Ground:
    """Where things already stand, as discs on the floor, so that nothing stands in anything else."""

    def __init__(self) -> None:
        self.taken: list[tuple[float, float, float]] = []

    def free(self, x: float, z: float, radius: float) -> bool:
        return all(math.hypot(x - a, z - b) > radius + r + 0.03 for a, b, r in self.taken)

    def take(self, x: float, z: float, radius: float) -> None:
        self.taken.append((x, z, radius))


def _pick(rng: np.random.Generator, options: Mapping[Any, float]) -> Any:
    weights = np.array(list(options.values()), float)
    return list(options)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def make_shot(seed: int, frame: str, most_props: int = 6) -> Shot:
    """The scene of a seed for a frame in `FRAMES`; the same seed and frame, the same scene."""
    rng = np.random.default_rng([seed, 8])
    kind = str(rng.choice(PRODUCTS))
    finish = finish_for(kind, rng)
    style = make_style(np.random.default_rng([seed // 2, 9]))  # scenes 2n and 2n + 1 share a style
    return compose(seed, frame, kind, finish, style, rng, most_props)


@dataclass(frozen=True)
class Style:
    """What a series of pictures has in common: light, set, stand, props."""

    light: str
    set: str
    stand: str
    props: str
    seed: int


def make_style(rng: np.random.Generator) -> Style:
    light = _pick(rng, {"soft": 3, "hard": 2, "leaves": 1.4, "palm": 1, "window": 1.4, "blinds": 1, "dappled": 1.2,
                        "moody": 1.4, "backlit": 1.2})  # fmt: skip
    made = _pick(rng, {"plain": 2.6, "arch": 1.3, "panel": 1, "ring": 1, "disc": 1.1, "stairs": 0.9, "columns": 0.9,
                       "fluted wall": 0.9, "blocks": 1.1, "slabs": 1})  # fmt: skip
    stand = _pick(rng, {"floor": 1.6, "round podium": 2.2, "square podium": 1.5, "stepped podium": 1, "stone slab": 1})
    props = _pick(rng, {"none": 1.3, "balls": 1.3, "blocks": 1, "mixed": 1.6})
    return Style(light, made, stand, props, int(rng.integers(1 << 31)))


def compose(
    seed: int, frame: str, kind: str, finish: str, style: Style, rng: np.random.Generator, most_props: int = 6
) -> Shot:
    """A product of a kind and finish in a style, framed. `rng` decides the product's form, camera and places."""
    shot, view = _pick(rng, {"close": 1, "medium": 2, "wide": 1}), _pick(rng, {"level": 1.4, "above": 1.6, "high": 0.7})
    layout = _pick(
        rng, {"left": 1, "centre": 1.7, "right": 1} if frame != "tall" else {"left": 0.5, "centre": 3, "right": 0.5}
    )
    product = make_product(kind, finish, rng)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    look = np.random.default_rng(style.seed)
    stage = _stage(style, look)
    podium_height = 0.0 if style.stand == "floor" else float(look.uniform(*_RISE[style.stand]))
    floor = -podium_height
    ground = _Ground()
    solids, radius = _stand(style, look, product.width, floor)
    ground.take(0, 0, max(radius, 0.5 * product.width))
    solids += _behind(style, look, flip, floor, ground)
    front = 0.22
    for piece in product.pieces:
        x, z = piece.at
        solids += solids_of(piece, x * flip, piece.lift, z, 1.0, flip < 0)
    wide = layout != "centre" or frame == "wide"
    solids += _props(style, rng, product.width, radius, floor, ground, layout if wide else "", most_props)
    camera = _camera(frame, product.width, product.height, layout, shot, view, front, rng)
    reach = max(abs(camera.window[0]), abs(camera.window[1])) * camera.focus
    back = stage.backdrop
    arranged = Arrangement(
        camera, tuple(solids), floor, -back.distance, back.curve, flip, 1.0 - min(1.0, 1.5 / max(reach, 1e-3)), 0.0, ()
    )
    attributes = {
        "product": kind, "material": finish, "light": style.light, "set": style.set, "stand": style.stand,
        "props": style.props, "layout": layout, "shot": shot, "view": view,
    }  # fmt: skip
    return Shot(seed, frame, stage, arranged, attributes)


def _camera(
    frame: str, width: float, height: float, layout: str, shot: str, view: str, front: float, rng: np.random.Generator
) -> Camera:
    """Frames the product: `shot` says how high it is in the picture, `layout` where."""
    across, down = FRAMES[frame]
    aspect = across / down
    share = float(rng.uniform(*SHARE[shot]))
    share *= {"square": 1.0, "tall": 0.74, "wide": 0.95}[frame]
    size_w, size_h = max(width, 0.3), max(height, 0.42)
    middle = {"left": 0.3, "centre": 0.5, "right": 0.7}[layout] + float(rng.uniform(-0.035, 0.035))
    room = min(2 * min(middle, 1 - middle) - 0.06, 0.7 if frame == "square" else 0.78)
    share = min(share, 0.7, room * aspect * size_h / size_w)
    bottom = 0.5 + 0.5 * share + float(rng.uniform(0.02, 0.09)) * (1.2 if frame == "tall" else 1)
    bottom = min(bottom, 0.93)
    box_width = share * size_w / size_h / aspect
    box = Region(middle - box_width / 2, bottom - share, middle + box_width / 2, bottom)
    return place_camera((size_w, size_h), box, float(rng.uniform(*PITCH[view])), front, float(rng.uniform(5.5, 9)), 0.0)


_RISE: Mapping[str, tuple[float, float]] = {
    "round podium": (0.12, 0.5), "square podium": (0.12, 0.55), "stepped podium": (0.28, 0.5),
    "stone slab": (0.08, 0.16),
}  # fmt: skip


def _stage(style: Style, look: np.random.Generator) -> StageSet:
    """Backdrop, softboxes, room and gobo of a style."""

    def u(low: float, high: float) -> float:
        return float(look.uniform(low, high))

    seamless = look.random() < 0.62
    floor = None
    if not seamless:
        role = "background" if look.random() < 0.55 else "surface"
        shade = u(0.04, 0.14) if role == "background" else 0.0
        floor = Paint(colour=role, shade=shade, material="satin" if look.random() < 0.3 else "matte")  # type: ignore[arg-type]
    backdrop = Backdrop(colour="background", distance=u(1.7, 3.2), curve=u(0.8, 1.4) if seamless else 0.05, floor=floor)
    size = {"soft": u(1.8, 3), "backlit": 1.4, "moody": u(0.8, 1.5)}.get(style.light, u(0.35, 0.6))
    key: dict[str, Any] = {"turn": u(-62, -38), "height": u(34, 52), "width": size, "tall": size * u(0.8, 1.3)}
    rim: Light | None = None
    fill: Light | None = None
    sky, gobo = u(0.16, 0.3), None
    if style.light == "moody":
        key |= {"turn": u(-78, -58), "strength": 0.95}
        rim, sky = Light(turn=u(120, 145), height=u(24, 38), width=0.5, tall=2.6, strength=u(1.6, 2.6)), u(0.06, 0.12)
    elif style.light == "backlit":
        key |= {"turn": u(-150, -122), "height": u(34, 46)}
        fill = Light(turn=38, height=28, width=3, tall=2, strength=u(0.5, 0.9), warmth=0)
    elif style.light == "hard":
        key |= {"width": u(0.2, 0.34), "tall": u(0.2, 0.34)}
    elif look.random() < 0.5:
        rim = Light(turn=u(130, 150), height=u(28, 40), width=0.6, tall=2.4, strength=u(0.4, 1))
    screens = {"leaves": ("leaf", (1.8, 3)), "palm": ("palm", (2, 3.4)), "window": ("window", (2.6, 3.8)),
               "blinds": ("blinds", (2.2, 3.6)), "dappled": ("dapple", (2.4, 3.8))}  # fmt: skip
    if style.light in screens:
        kind, scale = screens[style.light]
        turn = u(-20, 20) if kind in ("blinds", "window") else u(-180, 180)
        gobo = Gobo(kind=kind, scale=u(*scale), strength=u(0.55, 0.8), blur=u(0.1, 0.3), turn=turn)  # type: ignore[arg-type]
        sky = u(0.2, 0.34)
    return StageSet(
        id="nano", name="nano", backdrop=backdrop, podium=Podium(shape="none"), key=Light(**key, warmth=0.0),
        fill=fill, rim=rim, sky=Sky(strength=sky, warmth=0.0), gobo=gobo, view=View(blur=0.0),
    )  # fmt: skip


def _solid(piece: Piece, x: float, base: float, z: float) -> list[Solid]:
    return solids_of(piece, x, base, z)


def _piece(name: str, shape: str, size: tuple[float, ...], colour: str, material: str, **more: Any) -> Piece:
    return Piece(name=name, shape=shape, size=size, colour=colour, material=material, **more)  # type: ignore[arg-type]


def _stand(style: Style, look: np.random.Generator, width: float, floor: float) -> tuple[list[Solid], float]:
    """What the product stands on, top at 0, and its reach."""
    if style.stand == "floor":
        return [], 0.5 * width
    rise = -floor
    colour = str(look.choice(["surface", "surface", "surface", "background", "secondary"]))
    material = str(look.choice(["matte", "matte", "satin", "gloss"]))
    tint = 0.25 if colour == "background" else 0.0
    radius = 0.5 * width + float(look.uniform(0.12, 0.42))
    if style.stand == "stone slab":
        size = (2 * radius * float(look.uniform(1, 1.5)), rise, 2 * radius * 0.9)
        piece = _piece("stand", "box", size, colour, "stone", tint=tint, turn=float(look.uniform(-16, 16)), round=0.02)
        return _solid(piece, 0, floor, 0), radius
    edge = min(float(look.uniform(0.008, 0.04)), 0.3 * rise)
    tiers = 2 if style.stand == "stepped podium" else 1
    shape = "box" if style.stand == "square podium" or (tiers == 2 and look.random() < 0.4) else "cylinder"
    solids: list[Solid] = []
    for tier in range(tiers):
        reach = radius + 0.24 * tier
        high = rise * (1 - 0.5 * tier)
        size = (2 * reach, high) if shape == "cylinder" else (2 * reach, high, 2 * reach * 0.86)
        solids += _solid(_piece("stand", shape, size, colour, material, tint=tint, round=edge), 0, floor, 0)
    return solids, radius + 0.24 * (tiers - 1)


def _behind(style: Style, look: np.random.Generator, flip: float, floor: float, ground: _Ground) -> list[Solid]:
    """The set's great forms, behind the product."""

    def u(low: float, high: float) -> float:
        return float(look.uniform(low, high))

    colour = str(
        look.choice(["background", "background", "surface", "secondary", "accent"], p=[0.4, 0.1, 0.2, 0.2, 0.1])
    )
    tone: dict[str, Any] = {"place": "behind"}
    if colour == "background":
        tone["tint" if look.random() < 0.6 else "shade"] = u(0.08, 0.25)
    material = str(look.choice(["matte", "matte", "satin"]))
    x, z = flip * u(-0.25, 0.25), -u(0.95, 1.35)
    made: list[Solid] = []

    def put(name: str, shape: str, size: tuple[float, ...], px: float, pz: float, **more: Any) -> None:
        lift = more.pop("lift", 0.0)
        made.extend(_solid(_piece(name, shape, size, colour, material, **(tone | more)), px, floor + lift, pz))

    if style.set == "arch":
        wide = u(1.4, 2.1)
        put("arch", "arch", (wide, wide * u(1.05, 1.35), 0.22), x, z, band=u(0.2, 0.36), round=0.03)
    elif style.set == "panel":
        wide = u(1.2, 2)
        put("panel", "niche", (wide, wide * u(1.1, 1.5), 0.1), x, z, round=0.02)
    elif style.set == "ring":
        wide = u(1.2, 1.9)
        put("ring", "ring", (wide, u(0.06, 0.24)), x, z, lift=u(0, 0.12))
    elif style.set == "disc":
        wide = u(1.1, 1.8)
        put("disc", "cylinder", (wide, 0.08), x, z, lean=90.0, lift=u(0, 0.3), round=0.02)
    elif style.set == "stairs":
        side = flip * (1 if look.random() < 0.5 else -1)
        put("stairs", "stairs", (u(1, 1.7), u(0.6, 1.1), u(0.8, 1.1)), side * u(0.5, 1), z - 0.1,
            steps=int(look.integers(3, 6)), round=0.008)  # fmt: skip
    elif style.set == "columns":
        for side, high in zip((-1, 1, 1), (u(1, 1.9), u(0.6, 1.4), u(1.4, 2.2)), strict=True):
            px = side * u(0.7, 1.15) + (0.55 if high > 1.4 and side > 0 else 0)
            if ground.free(px, z, 0.2):
                fluted = look.random() < 0.4
                size = (u(0.3, 0.46), high)
                if fluted:
                    put("column", "fluted", (size[0], high, size[0]), px, z, flutes=7)
                else:
                    put("column", "cylinder", size, px, z, round=0.015)
                ground.take(px, z, 0.25)
    elif style.set == "fluted wall":
        put("fluted wall", "fluted", (u(2.4, 3.6), u(1.6, 2.6), 0.14), x, z - 0.25, flutes=int(look.integers(16, 34)))
    elif style.set in ("blocks", "slabs"):
        for _ in range(3):
            px = flip * u(-1.3, 1.3)
            pz = -u(0.75, 1.4)
            size = (
                (u(0.45, 0.9), u(0.3, 1.4), u(0.3, 0.6)) if style.set == "blocks" else (u(0.7, 1.2), u(0.9, 1.7), 0.09)
            )
            reach = 0.5 * math.hypot(size[0], size[2])
            if ground.free(px, pz, reach * 0.8):
                put(style.set[:-1], "box", size, px, pz, turn=u(-22, 22), round=0.012)
                ground.take(px, pz, reach * 0.8)
    for solid in made:
        ground.take(float(solid.centre[0]), float(solid.centre[2]), float(min(solid.half[0], 0.5)))
    return made


_SHAPES: Mapping[str, tuple[str, ...]] = {
    "balls": ("sphere",), "blocks": ("box", "cylinder", "box"),
    "mixed": ("sphere", "box", "cylinder", "dome", "ring", "cone", "sphere", "pebble", "disc"),
}  # fmt: skip


def _props(
    style: Style,
    rng: np.random.Generator,
    width: float,
    radius: float,
    floor: float,
    ground: _Ground,
    layout: str,
    most: int,
) -> list[Solid]:
    """Small things around, none before the product; with room for words, few of them on the words' side."""
    if style.props == "none":
        return []
    made: list[Solid] = []
    wanted = int(rng.integers(2, most + 1))
    for _ in range(wanted * 6):
        if wanted == 0:
            break
        shape = str(rng.choice(_SHAPES[style.props]))
        big = float(
            rng.choice([rng.uniform(0.1, 0.2), rng.uniform(0.2, 0.36), rng.uniform(0.34, 0.52)], p=[0.4, 0.4, 0.2])
        )
        side = 1.0 if rng.random() < 0.5 else -1.0
        calm = {"left": 1.0, "right": -1.0}.get(layout, 0.0)
        if side == calm and rng.random() < 0.75:
            continue
        x = side * float(rng.uniform(0.5 * width + 0.6 * big, max(radius, 0.5 * width) + 0.75))
        z = float(rng.uniform(-0.8, 0.75))
        if z > 0.15 and abs(x) < 0.5 * width + 0.7 * big:
            continue
        base = floor
        inside = math.hypot(x, z) + 0.5 * big < radius * 0.92 and big < 0.24 and style.stand != "floor"
        if inside:
            base = 0.0
            if abs(x) < 0.5 * width + 0.55 * big:
                continue
        elif not ground.free(x, z, 0.5 * big):
            continue
        colour = str(
            rng.choice(["surface", "accent", "secondary", "primary", "background"], p=[0.24, 0.3, 0.24, 0.14, 0.08])
        )
        material = str(rng.choice(["matte", "satin", "gloss", "metal" if colour == "accent" else "gloss"]))
        made += _prop(shape, big, colour, material, x, base, z, rng)
        ground.take(x, z, 0.5 * big)
        wanted -= 1
    return made


def _prop(
    shape: str, big: float, colour: str, material: str, x: float, base: float, z: float, rng: np.random.Generator
) -> list[Solid]:
    sizes: Mapping[str, tuple[str, tuple[float, ...], dict[str, Any]]] = {
        "sphere": ("sphere", (big,), {}),
        "box": ("box", (big, big * float(rng.uniform(0.5, 1.4)), big), {"round": 0.014}),
        "cylinder": ("cylinder", (big, big * float(rng.uniform(0.4, 1.8))), {"round": 0.014}),
        "dome": ("dome", (big * 1.2,), {"round": 0.01}),
        "ring": ("ring", (big * 1.3, big * 0.24), {}),
        "cone": ("turned", (big, big * 1.4), {"profile": (1.0, 0.75, 0.5, 0.25, 0.02)}),
        "pebble": (
            "turned",
            (big * 1.2, big * 0.6),
            {"profile": (0.4, 0.75, 0.93, 1.0, 0.93, 0.75, 0.4), "round": 0.02},
        ),
        "disc": ("cylinder", (big * 1.5, 0.07), {"round": 0.02}),
    }
    kind, size, more = sizes[shape]
    return _solid(_piece(shape, kind, size, colour, material, turn=float(rng.uniform(-60, 60)), **more), x, base, z)
