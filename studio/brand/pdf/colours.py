"""Colour spaces of a PDF (ISO 32000-1 8.6) as sRGB, as far as that needs no profile and no program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from studio.color import hex_of

Kind = Literal["grey", "rgb", "cmyk", "lab", "indexed", "spot", "other"]
_DEEPEST = 6
_NAMED: tuple[tuple[tuple[str, ...], Kind, int], ...] = (
    (("/DeviceGray", "/CalGray", "/G"), "grey", 1),
    (("/DeviceRGB", "/CalRGB", "/RGB"), "rgb", 3),
    (("/DeviceCMYK", "/CMYK"), "cmyk", 4),
    (("/Lab",), "lab", 3),
)
_BY_COUNT: dict[int, Kind] = {1: "grey", 3: "rgb", 4: "cmyk"}


@dataclass(frozen=True)
class Space:
    kind: Kind
    count: int
    base: Space | None = None
    tint: Any = None
    """A PDF function, or the table of an indexed space."""
    name: str = ""
    """What a spot colour is called."""


GREY, RGB, CMYK, OTHER = Space("grey", 1), Space("rgb", 3), Space("cmyk", 4), Space("other", 0)


@dataclass(frozen=True)
class Shown:
    """A colour as drawn: `exact` where it was given as sRGB or grey, not computed from inks."""

    hex: str
    exact: bool
    spot: str = ""


def space_of(value: Any, named: Any = None, depth: int = 0) -> Space:
    """The space of a name or array; names are looked up in `named`, a page's ColorSpace resources."""
    value = resolved(value)
    if depth > _DEEPEST or value is None:
        return OTHER
    if isinstance(value, str):
        for names, kind, count in _NAMED:
            if value in names:
                return Space(kind, count)
        inner = entry(named, value)
        return space_of(inner, None, depth + 1) if inner is not None else OTHER
    if not isinstance(value, list) or not value:
        return OTHER
    family = resolved(value[0])
    rest = [resolved(part) for part in value[1:5]]
    for names, kind, count in _NAMED:
        if family in names:
            return Space(kind, count)
    if family == "/ICCBased" and rest:
        kind = _BY_COUNT.get(int(_number(entry(rest[0], "/N"))))
        return Space(kind, {"grey": 1, "rgb": 3}.get(kind, 4)) if kind else OTHER
    if family in ("/Indexed", "/I") and len(rest) >= 3:
        return Space("indexed", 1, space_of(rest[0], named, depth + 1), _table(rest[2]))
    if family in ("/Separation", "/DeviceN") and len(rest) >= 3:
        names = [rest[0]] if isinstance(rest[0], str) else [str(resolved(n)) for n in list(rest[0] or [])[:8]]
        spot = ", ".join(str(n).removeprefix("/") for n in names)
        return Space("spot", len(names), space_of(rest[1], named, depth + 1), rest[2], spot[:80])
    return OTHER


def shown(space: Space, parts: Sequence[float], depth: int = 0) -> Shown | None:
    """The colour of components in `space`; `None` for what cannot be computed, and for patterns."""
    if depth > _DEEPEST or len(parts) < space.count:
        return None
    values = [float(part) for part in parts[: space.count]]
    if space.kind == "grey":
        return Shown(hex_of([255 * values[0]] * 3), True)
    if space.kind == "rgb":
        return Shown(hex_of([255 * value for value in values]), True)
    if space.kind == "cmyk":
        return Shown(cmyk_hex(*values), False)
    if space.kind == "lab":
        from coloraide import Color

        lab = Color("lab", [min(100.0, max(0.0, values[0])), values[1], values[2]])
        return Shown(lab.convert("srgb").fit().to_string(hex=True), False)
    if space.base is None or space.base.kind in ("spot", "indexed", "other"):
        return None
    if space.kind == "indexed":
        start, table = int(values[0]) * space.base.count, space.tint
        if not isinstance(table, bytes) or not 0 <= start <= len(table) - space.base.count:
            return None
        return shown(space.base, [byte / 255 for byte in table[start : start + space.base.count]], depth + 1)
    # /All is for registration marks, /None prints nothing.
    if space.name in ("All", "None"):
        return None
    turned = evaluated(space.tint, values)
    found = shown(space.base, turned, depth + 1) if turned else None
    return Shown(found.hex, False, space.name) if found else None


def cmyk_hex(cyan: float, magenta: float, yellow: float, black: float) -> str:
    """0–1 each, without a profile (ISO 32000-1 10.3.5): near enough to recognise, not to match."""
    light = 1 - min(1.0, max(0.0, black))
    return hex_of([255 * light * (1 - min(1.0, max(0.0, ink))) for ink in (cyan, magenta, yellow)])


def evaluated(function: Any, values: Sequence[float], depth: int = 0) -> list[float] | None:
    """A PDF function of type 0 (nearest sample), 2 or 3 at `values`; `None` for others (4 is a program)."""
    function = resolved(function)
    if depth > _DEEPEST or not hasattr(function, "get"):
        return None
    kind = int(_number(entry(function, "/FunctionType"), -1))
    domain = _numbers(entry(function, "/Domain")) or [0.0, 1.0]
    inputs = [min(max(value, domain[2 * i]), domain[2 * i + 1]) for i, value in enumerate(values[: len(domain) // 2])]
    if not inputs:
        return None
    if kind == 2:
        start, end = _numbers(entry(function, "/C0")) or [0.0], _numbers(entry(function, "/C1")) or [1.0]
        share = max(0.0, inputs[0]) ** min(20.0, max(0.01, _number(entry(function, "/N"), 1.0)))
        return [a + share * (b - a) for a, b in zip(start, end, strict=False)]
    if kind == 3:
        return _stitched(function, inputs[0], domain, depth)
    return _sampled(function, inputs, domain) if kind == 0 else None


def _stitched(function: Any, value: float, domain: list[float], depth: int) -> list[float] | None:
    bounds = _numbers(entry(function, "/Bounds"))
    encode = _numbers(entry(function, "/Encode"))
    parts = list(entry(function, "/Functions") or [])[:64]
    index = sum(value >= bound for bound in bounds[: len(parts) - 1])
    if index >= len(parts) or len(encode) < 2 * index + 2:
        return None
    edges = [domain[0], *bounds, domain[1]]
    low, high = edges[index], edges[index + 1]
    share = (value - low) / (high - low) if high > low else 0.0
    inner = encode[2 * index] + share * (encode[2 * index + 1] - encode[2 * index])
    return evaluated(parts[index], [inner], depth + 1)


def _sampled(function: Any, inputs: list[float], domain: list[float]) -> list[float] | None:
    size = [int(number) for number in _numbers(entry(function, "/Size"))]
    scale = _numbers(entry(function, "/Decode")) or _numbers(entry(function, "/Range"))
    if _number(entry(function, "/BitsPerSample")) != 8 or len(size) != len(inputs) or not scale:
        return None
    place, step = 0, 1
    for i, value in enumerate(inputs):
        span = domain[2 * i + 1] - domain[2 * i]
        share = (value - domain[2 * i]) / span if span > 0 else 0.0
        place += step * round(share * max(0, size[i] - 1))
        step *= max(1, size[i])
    outputs = len(scale) // 2
    table = function.get_data()
    row = table[place * outputs : (place + 1) * outputs]
    if len(row) < outputs:
        return None
    return [scale[2 * i] + byte / 255 * (scale[2 * i + 1] - scale[2 * i]) for i, byte in enumerate(row)]


def resolved(value: Any) -> Any:
    """What a reference leads to."""
    return value.get_object() if hasattr(value, "get_object") else value


def entry(table: Any, key: Any) -> Any:
    """What `table` holds under `key`, references followed; `None` for what is no dictionary."""
    table = resolved(table)
    return resolved(table.get(key)) if hasattr(table, "get") else None


def _number(value: Any, default: float = 0.0) -> float:
    value = resolved(value)
    return float(value) if isinstance(value, int | float) else default


def _numbers(value: Any) -> list[float]:
    return [_number(part) for part in value[:64]] if isinstance(value, list) else []


def _table(value: Any) -> bytes | None:
    if hasattr(value, "get_data"):
        return value.get_data()
    if isinstance(value, bytes):
        return value
    return getattr(value, "original_bytes", None)
