"""Products as geometry: bodies, caps, labels. One product height is 1; `lift` is measured from what it stands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.stage.spec import Piece

PRODUCTS = (
    "bottle", "jar", "tube", "box", "can", "mug", "cup", "dropper bottle", "candle", "pouch", "perfume", "pump bottle",
    "lipstick", "spray can", "soap bar", "vase",
)  # fmt: skip
FINISHES = ("matte", "satin", "glossy", "metal", "glass")
_SURFACES = {"matte": "matte", "satin": "satin", "glossy": "gloss", "metal": "brushed", "glass": "glass"}
CAN_BE_GLASS = frozenset({"bottle", "jar", "dropper bottle", "perfume", "pump bottle", "vase"})
CAN_BE_METAL = frozenset({"bottle", "jar", "tube", "can", "lipstick", "spray can", "perfume", "pump bottle", "mug"})


@dataclass(frozen=True)
class Product:
    """What stands in the middle: its parts, and how wide and high it is."""

    pieces: tuple[Piece, ...]
    width: float
    height: float


class _Maker:
    """Collects parts. `finish` is the body's surface; small parts choose their own."""

    def __init__(self, rng: np.random.Generator, finish: str) -> None:
        self.rng, self.finish = rng, finish
        self.parts: list[Piece] = []
        self.second = _pick(rng, ("second", "second", "product", "accent", "surface"))
        self.cap_surface = _pick(rng, ("satin", "gloss", "matte", "metal" if rng.random() < 0.5 else "satin"))
        self.label_colour = _pick(rng, ("second", "second", "surface", "accent"))
        self.labelled = rng.random() < 0.8

    def u(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def body(self, shape: str, size: tuple[float, ...], lift: float = 0.0, **more: Any) -> None:
        self.add("body", shape, size, lift, colour="product", material=_SURFACES[self.finish], **more)

    def cap(self, shape: str, size: tuple[float, ...], lift: float, **more: Any) -> None:
        metal = self.cap_surface == "metal"
        colour = "accent" if metal else self.second
        self.add("cap", shape, size, lift, **({"colour": colour, "material": self.cap_surface} | more))

    def label(self, shape: str, size: tuple[float, ...], lift: float, **more: Any) -> None:
        if self.labelled:
            self.add(
                "label",
                shape,
                size,
                lift,
                **({"colour": self.label_colour, "material": "matte", "round": 0.002} | more),
            )

    def add(self, name: str, shape: str, size: tuple[float, ...], lift: float, **more: Any) -> None:
        given: dict[str, Any] = {"round": 0.012, "at": (0.0, 0.0)} | more
        given["colour"] = STAGE_ROLES[given["colour"]]
        self.parts.append(
            Piece(name=name, shape=shape, size=size, lift=max(lift, 0.0), place="hero", on="podium", **given)  # type: ignore[arg-type]
        )


STAGE_ROLES: Mapping[str, str] = {
    "background": "background", "surface": "surface", "product": "primary", "second": "secondary", "accent": "accent",
}  # fmt: skip


def _pick(rng: np.random.Generator, options: tuple[Any, ...]) -> Any:
    return options[int(rng.integers(len(options)))]


def _shoulder(steep: float, neck: float, straight: int = 9) -> tuple[float, ...]:
    """Radii of a bottle: straight walls, then a shoulder that falls to `neck`; `steep` 0 slopes, 1 is square."""
    fall = np.linspace(0, 1, 15 - straight)
    curve = 1 - (1 - neck) * fall ** (1.2 + 2.6 * steep)
    return (0.95, *[1.0] * straight, *[float(c) for c in curve])


def _bottle(m: _Maker) -> tuple[float, float]:
    wide, high, neck = m.u(0.3, 0.48), m.u(0.6, 0.74), m.u(0.34, 0.6)
    straight = int(m.rng.integers(6, 11))
    m.body("turned", (wide, high), profile=_shoulder(m.u(0, 1), neck, straight), round=m.u(0.015, 0.04))
    tall = m.u(0.03, 0.12)
    m.body("cylinder", (wide * neck * 0.92, tall + 0.02), high - 0.02, round=0.006)
    cap_wide, cap_high = wide * neck * m.u(1.0, 1.3), m.u(0.08, 0.2)
    m.cap("cylinder", (cap_wide, cap_high), high + tall * 0.6, round=min(0.02, cap_high * 0.2))
    band = high * (straight / 15) - 0.06
    m.label("cylinder", (wide + 0.006, max(band * m.u(0.5, 0.95), 0.1)), 0.05 + m.u(0, 0.02))
    return wide, high + tall * 0.6 + cap_high


def _jar(m: _Maker) -> tuple[float, float]:
    wide, high, lid = m.u(0.56, 0.84), m.u(0.26, 0.5), m.u(0.1, 0.2)
    edge = m.u(0.02, 0.09)
    m.body("cylinder", (wide, high), round=edge)
    m.cap("cylinder", (wide * m.u(0.92, 1.03), lid), high + 0.004, round=m.u(0.01, 0.035))
    m.label("cylinder", (wide + 0.006, max(high - 2 * edge, 0.12) * m.u(0.6, 0.95)), edge + 0.01)
    return wide, high + lid


def _tube(m: _Maker) -> tuple[float, float]:
    wide, cap, high = m.u(0.28, 0.4), m.u(0.1, 0.18), m.u(0.62, 0.76)
    m.cap("cylinder", (wide * m.u(0.7, 0.96), cap), 0.0, round=0.012)
    m.body("turned", (wide, high), cap, profile=(0.9, 0.98, *[1.0] * 9, 0.99, 0.97, 0.93), round=0.03)
    m.body("box", (wide * 0.99, 0.1, 0.04), cap + high - 0.03, round=0.008)
    m.label("cylinder", (wide + 0.006, high * m.u(0.2, 0.42)), cap + high * 0.16)
    return wide, cap + high


def _box(m: _Maker) -> tuple[float, float]:
    wide, high, deep = m.u(0.36, 0.66), m.u(0.55, 1.0), m.u(0.2, 0.42)
    turn = m.u(-38, 38)
    m.body("box", (wide, high, deep), round=0.008, turn=turn)
    style = m.rng.random()
    if style < 0.4:
        m.label("box", (wide * m.u(0.55, 0.85), high * m.u(0.3, 0.6), deep + 0.006), high * m.u(0.2, 0.35), turn=turn)
    elif style < 0.8:
        m.label("box", (wide + 0.006, high * m.u(0.18, 0.4), deep + 0.006), high * m.u(0.1, 0.5), turn=turn)
    if m.rng.random() < 0.4:
        m.cap("box", (wide + 0.008, high * 0.16, deep + 0.008), high * 0.85, turn=turn, round=0.006, material="satin")
    return wide * 1.2, high


def _can(m: _Maker) -> tuple[float, float]:
    wide, high = m.u(0.36, 0.5), m.u(0.62, 0.9)
    m.add("rim", "cylinder", (wide * 0.86, 0.03), 0.0, colour="accent", material="metal")
    m.body("turned", (wide, high), 0.02, profile=(0.86, 0.98, *[1.0] * 11, 0.99, 0.93, 0.84), round=0.008)
    m.add("rim", "cylinder", (wide * 0.86, 0.035), high + 0.015, colour="accent", material="metal", round=0.012)
    m.label("cylinder", (wide + 0.005, high * m.u(0.25, 0.72)), 0.02 + high * m.u(0.12, 0.16))
    return wide, high + 0.05


def _mug(m: _Maker) -> tuple[float, float]:
    wide, high = m.u(0.5, 0.62), m.u(0.5, 0.66)
    foot = m.u(0.8, 1.0)
    m.body("turned", (wide, high), profile=(foot, (1 + foot) / 2, 1, 1, 1, 1), mouth=0.9, round=0.02)
    m.body("ring", (high * m.u(0.5, 0.62), m.u(0.055, 0.08)), high * 0.2, at=(wide * 0.5 + 0.03, 0.0))
    if m.rng.random() < 0.6:
        m.label("cylinder", (wide + 0.006, high * m.u(0.12, 0.4)), high * 0.3)
    return wide * 1.3, high


def _cup(m: _Maker) -> tuple[float, float]:
    wide, high = m.u(0.44, 0.56), m.u(0.66, 0.86)
    foot = m.u(0.66, 0.78)
    radii = tuple(float(r) for r in np.linspace(foot, 1, 8))
    m.body("turned", (wide, high), profile=radii, round=0.01)
    m.cap("cylinder", (wide * 1.05, 0.05), high - 0.005, round=0.014)
    m.cap("cylinder", (wide * 0.9, 0.05), high + 0.04, round=0.02)
    if m.labelled:
        low, up = 0.3, 0.3 + m.u(0.25, 0.4)
        ends = [foot + (1 - foot) * share for share in (low, up)]
        m.add("label", "turned", (wide * ends[1] + 0.014, high * (up - low)), high * low, colour=m.label_colour,
              profile=(ends[0] / ends[1], 1.0), material="paper", round=0.003)  # fmt: skip
    return wide, high + 0.09


def _dropper(m: _Maker) -> tuple[float, float]:
    wide, high, neck = m.u(0.34, 0.46), m.u(0.48, 0.6), m.u(0.4, 0.55)
    m.body("turned", (wide, high), profile=_shoulder(m.u(0.5, 1), neck, 10), round=0.02)
    m.add("collar", "cylinder", (wide * 0.52, 0.11), high - 0.005, colour="accent", material="metal", round=0.01)
    m.cap(
        "turned",
        (wide * 0.36, 0.24),
        high + 0.1,
        profile=(0.95, 0.8, 0.86, 1, 1, 0.9, 0.6),
        material="satin",
        round=0.02,
    )
    m.label("cylinder", (wide + 0.006, high * m.u(0.35, 0.55)), 0.05)
    return wide, high + 0.34


def _candle(m: _Maker) -> tuple[float, float]:
    wide, high = m.u(0.46, 0.66), m.u(0.4, 0.62)
    m.body("turned", (wide, high), profile=(0.97, 1, 1, 1, 1, 1), mouth=0.9, round=0.012)
    m.add("wax", "cylinder", (wide * 0.86, high * 0.2), high * 0.68, colour="surface", material="satin")
    m.add("wick", "cylinder", (0.018, 0.13), high * 0.86, colour="second", material="matte", round=0.003)
    m.label("cylinder", (wide + 0.006, high * m.u(0.3, 0.5)), high * 0.18)
    return wide, high + 0.05


def _pouch(m: _Maker) -> tuple[float, float]:
    wide, high = m.u(0.5, 0.66), m.u(0.7, 0.9)
    turn = m.u(-20, 20)
    m.body("box", (wide, high * 0.9, 0.22), round=0.1, turn=turn)
    m.body("box", (wide * 0.97, high * 0.3, 0.035), high * 0.7, round=0.01, turn=turn)
    m.cap("box", (wide * 0.98, 0.035, 0.045), high * 0.88, round=0.01, turn=turn)
    m.label("box", (wide * m.u(0.6, 0.8), high * m.u(0.3, 0.45), 0.228), high * 0.22, round=0.002, turn=turn)
    return wide, high


def _perfume(m: _Maker) -> tuple[float, float]:
    wide, high, deep = m.u(0.36, 0.6), m.u(0.42, 0.62), m.u(0.18, 0.28)
    turn = m.u(-25, 25)
    style = m.rng.random()
    if style < 0.55:
        m.body("box", (wide, high, deep), round=m.u(0.015, 0.06), turn=turn)
        m.label("box", (wide * 0.55, high * 0.35, deep + 0.006), high * 0.28, turn=turn)
    elif style < 0.8:
        m.body("cylinder", (wide * 0.8, high), round=0.03)
        m.label("cylinder", (wide * 0.8 + 0.006, high * 0.3), high * 0.3)
    else:
        m.body("turned", (wide * 1.1, high), profile=(0.6, 0.85, 0.97, 1, 0.97, 0.85, 0.6, 0.35), round=0.01)
    m.add("collar", "cylinder", (0.16, 0.05), high - 0.004, colour="accent", material="metal", round=0.006)
    if m.rng.random() < 0.5:
        m.cap("cylinder", (m.u(0.17, 0.24), m.u(0.14, 0.24)), high + 0.045, round=0.015)
    elif m.rng.random() < 0.5:
        m.cap("sphere", (m.u(0.2, 0.28),), high + 0.03)
    else:
        m.cap("box", (0.2, 0.18, 0.18), high + 0.045, turn=turn)
    return wide, high + 0.24


def _pump(m: _Maker) -> tuple[float, float]:
    wide, high = m.u(0.34, 0.48), m.u(0.5, 0.64)
    m.body("turned", (wide, high), profile=_shoulder(m.u(0.5, 1), 0.4, 11), round=0.03)
    m.cap("cylinder", (wide * 0.46, 0.08), high - 0.005, round=0.01)
    m.cap("cylinder", (0.06, 0.14), high + 0.06, round=0.006)
    m.cap("box", (0.3, 0.055, 0.11), high + 0.19, round=0.02, at=(-0.07, 0.0))
    m.label("cylinder", (wide + 0.006, high * m.u(0.35, 0.6)), 0.06)
    return wide, high + 0.25


def _lipstick(m: _Maker) -> tuple[float, float]:
    wide = m.u(0.2, 0.26)
    base, ring, bullet = m.u(0.36, 0.46), m.u(0.14, 0.2), m.u(0.2, 0.28)
    m.cap("cylinder", (wide, base), 0.0, round=0.012)
    m.add("collar", "cylinder", (wide * 0.86, ring), base, colour="accent", material="metal", round=0.008)
    m.body("turned", (wide * 0.7, bullet), base + ring, profile=(1, 1, 1, 1, 1, 0.97, 0.88, 0.7, 0.4), round=0.01)
    return wide, base + ring + bullet


def _spray(m: _Maker) -> tuple[float, float]:
    wide, high = m.u(0.26, 0.34), m.u(0.68, 0.78)
    m.body("turned", (wide, high), profile=_shoulder(m.u(0.2, 0.6), 0.62, 12), round=0.012)
    m.cap("turned", (wide * 0.86, m.u(0.16, 0.22)), high - 0.01, profile=(1, 1, 1, 0.98, 0.92, 0.8), round=0.02)
    m.label("cylinder", (wide + 0.006, high * m.u(0.3, 0.62)), 0.08)
    return wide, high + 0.18


def _soap(m: _Maker) -> tuple[float, float]:
    wide, high, deep, turn = m.u(0.72, 0.9), m.u(0.22, 0.3), m.u(0.42, 0.55), m.u(-30, 30)
    m.body("box", (wide, high, deep), round=high * m.u(0.2, 0.44), turn=turn)
    if m.rng.random() < 0.5:
        m.label("box", (wide * m.u(0.3, 0.5), high + 0.006, deep + 0.006), 0.0, turn=turn)
    else:
        m.add("second bar", "box", (wide * 0.96, high, deep * 0.96), high + 0.002, colour="second",
              material=_SURFACES[m.finish], round=high * 0.3, turn=turn + m.u(-20, 20))  # fmt: skip
        return wide, 2 * high
    return wide, high


def _vase(m: _Maker) -> tuple[float, float]:
    wide, high = m.u(0.44, 0.7), m.u(0.66, 0.95)
    neck, belly = m.u(0.3, 0.6), int(m.rng.integers(3, 7))
    radii = [0.55 + 0.45 * np.sin(np.pi / 2 * min(i / belly, 1)) for i in range(belly + 1)]
    radii += [float(neck + (1 - neck) * (0.5 + 0.5 * np.cos(np.pi * i / (11 - belly)))) for i in range(1, 12 - belly)]
    m.body("turned", (wide, high), profile=(*[float(r) for r in radii], neck * 1.12), mouth=0.72, round=0.014)
    return wide, high


_MAKERS: Mapping[str, Callable[[_Maker], tuple[float, float]]] = dict(
    zip(
        PRODUCTS,
        (_bottle, _jar, _tube, _box, _can, _mug, _cup, _dropper,
         _candle, _pouch, _perfume, _pump, _lipstick, _spray, _soap, _vase),
        strict=True,
    )
)  # fmt: skip


def make_product(kind: str, finish: str, rng: np.random.Generator) -> Product:
    """A product of a kind in `PRODUCTS`, its body of a finish in `FINISHES`. The same generator state, the same one."""
    maker = _Maker(rng, finish)
    width, height = _MAKERS[kind](maker)
    return Product(tuple(maker.parts), width, height)


def finish_for(kind: str, rng: np.random.Generator) -> str:
    """A finish that suits a kind of product."""
    options = ["matte", "satin", "satin", "glossy", "glossy"]
    options += ["glass"] * (2 if kind in CAN_BE_GLASS else 0) + ["metal"] * (kind in CAN_BE_METAL)
    if kind in ("soap bar", "pouch", "box"):
        options = ["matte", "satin", "matte", "satin", "glossy"]
    return str(_pick(rng, tuple(options)))
