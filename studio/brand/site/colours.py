"""Which colours are the brand's: every painted colour weighed by where it is painted, then given a role.

The weights are few and by hand; `tests/bench/brand_bench.py` shows what they find and what each is worth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from studio.brand.art.palette import chroma_of
from studio.brand.page.cascade import Won
from studio.brand.page.css_values import colour
from studio.brand.page.look import Look, Seen, over
from studio.brand.site.defaults import FRAMEWORK_COLOURS, TILE_COLOURS
from studio.brand.site.proposals import Colour, ColourRole
from studio.color import cielab, contrast_hex, delta_e00, rgb_of

WEIGHTS: Mapping[str, float] = {
    "logo": 2.5,
    "action": 4.0,
    "declared": 3.0,
    "header": 2.5,
    "brand": 2.5,
    "hero": 2.5,
    "link": 2.0,
    "gradient": 2.0,
    "heading": 1.5,
    "block": 1.5,
    "emphasis": 0.8,
    "footer": 0.8,
    "border": 0.4,
}
"""What one sighting of a colour says for it being the brand's, by where it is painted."""

ELSEWHERE: Mapping[str, float] = {
    "consent": 0.05,
    "partner": 0.1,
    "signal": 0.1,
    "code": 0.1,
    "social": 0.15,
    "state": 0.15,
    "overlay": 0.3,
    "legal": 0.5,
}
"""By what a sighting in such a place is multiplied: there the colour is somebody else's, or a signal."""

HIDDEN = 0.3
FRAMEWORK = 0.2
"""For colours a framework brings along, unless the logo or the page itself names them too."""
TEXT = 0.35
"""For the colour of the running words where nothing but words has it."""
NAMED = 1.5
"""For colours that a custom property calls primary, brand or accent and that are painted as well."""
SAME_DELTA_E = 5.0
"""Colours nearer than this (CIEDE2000) are one colour in two spellings; the more telling spelling stands for both."""
PAGE_SHARE = 0.7
"""What the page's own colours count for ground and text, as a share of all words on it."""
# Chroma (OKLCH) under which a colour counts as grey, and from which on it counts in full.
_GREY, _COLOURFUL = 0.02, 0.06
_LETTERING = {"heading", "emphasis", "link", "border", "footer"}
_BRAND_NAMES = ("primary", "brand", "accent", "main", "theme", "key")
_MOST = 6
# An accent has at least this share of the leading colour's strength.
_LEAST = 0.1


@dataclass(frozen=True, slots=True)
class Sighting:
    """One colour seen in one place. `kind` is a key of `WEIGHTS`; `factor` 0–1 is how much it counts."""

    hex: str
    kind: str
    source: str
    factor: float = 1.0


@dataclass(eq=False)
class Standing:
    """What all sightings of one colour come to."""

    hex: str
    weight: float = 0.0
    kinds: dict[str, float] = field(default_factory=dict)
    source: str = ""
    others: tuple[str, ...] = ()
    chroma: float = 0.0
    best: float = 0.0
    """The greatest factor of any of its sightings: small where it is only ever seen on foreign ground."""


def palette_of(
    look: Look, label: Mapping[str, str], declared: Iterable[Sighting] = (), weights: Mapping[str, float] = WEIGHTS
) -> tuple[Colour, ...]:
    """The palette a page shows: primary, accent, background, text. `label` names its style sheets for people;
    `declared` are colours from outside the styles: the logo's inks, `theme-color` and the like."""
    sightings = [*declared, *sightings_of(look, label)]
    standings = standing(sightings, named_colours(look), weights)
    ground = ground_of(look, label)
    text = text_of(look, label, ground.hex if ground else "#ffffff")
    return (*leading(standings, ground, text), *filter(None, (ground, text)))


# ------------------------------------------------------------------------------------------------ sightings


def sightings_of(look: Look, label: Mapping[str, str]) -> Iterator[Sighting]:
    """Every colour that the page's own elements paint."""
    for seen in look.seen:
        factor = 1.0 if seen.shown else HIDDEN
        for place in seen.places & ELSEWHERE.keys():
            factor *= ELSEWHERE[place]
        for hex_, kind, name in _of(seen):
            yield Sighting(hex_, kind, _cited(seen, name, label, look), factor)


def _of(seen: Seen) -> Iterator[tuple[str, str, str]]:
    """Each colour an element paints: its hex, the kind of sighting, the property."""
    tag, places = seen.element.tag, seen.places
    button = "button" in places and tag in ("a", "button", "input", "span", "label")
    if seen.fill and seen.fill[1] >= 0.5 and tag not in ("body", "html"):
        yield seen.fill[0], "action" if button else _block(seen), "background-color"
    for stop, alpha in seen.gradient[:6]:
        if alpha >= 0.5:
            yield stop, "action" if button else "gradient", "background-image"
    for pseudo in (seen.style.before, seen.style.after):
        if (won := pseudo.get("background-color")) and (paint := colour(won.value, seen.color)) and paint[1] >= 0.5:
            yield over(paint, seen.ground), "emphasis", "background-color"
    border = seen.won("border-color")
    if (
        border
        and (paint := colour(border.value.split(")")[-1].split(" ")[-1] or border.value, seen.color))
        and paint[1] > 0.5
    ):
        yield paint[0], "border", "border-color"
    if seen.words and seen.coloured:
        yield seen.color, _lettering(seen, button), "color"
    drawn = seen.won("fill") if tag in ("path", "rect", "circle", "polygon", "svg") else None
    if drawn and (paint := colour(drawn.value, seen.color)) and paint[1] >= 0.5:
        yield paint[0], "emphasis", "fill"


def _block(seen: Seen) -> str:
    for place in ("hero", "header", "footer"):
        if place in seen.places:
            return place
    return "block"


def _lettering(seen: Seen, button: bool) -> str:
    if button:
        return "link"
    for place in ("brand", "heading", "link"):
        if place in seen.places:
            return place
    return "emphasis"


def _cited(seen: Seen, name: str, label: Mapping[str, str], look: Look) -> str:
    """File and rule a colour comes from; of inherited ones, those of the element that sets it."""
    holder = seen
    while name == "color" and not _read(holder.won(name)) and holder.element.parent is not None:
        holder = look.of(holder.element.parent)
    won = holder.won(name)
    sheet = label.get(won.sheet, "") if won and won.sheet else ""
    return f"{sheet or look.page.label}: {(holder if won else seen).where(name)}"


def _read(won: Won | None) -> bool:
    return won is not None and colour(won.value) is not None


def named_colours(look: Look) -> frozenset[str]:
    """Colours that a custom property of the whole page calls the brand's."""
    found = set()
    for root in look.seen[:3]:
        for name, value in root.style.variables.items():
            words = name.lower().strip("-").replace("_", "-").split("-")
            plain = not {"text", "bg", "hover", "border", "rgb", "subtle", "emphasis", "contrast"} & set(words)
            if plain and any(word in _BRAND_NAMES for word in words) and (paint := colour(value)) and paint[1] > 0.9:
                found.add(paint[0])
    return frozenset(found)


# ------------------------------------------------------------------------------------------------ weighing


def standing(
    sightings: Iterable[Sighting], named: frozenset[str] = frozenset(), weights: Mapping[str, float] = WEIGHTS
) -> list[Standing]:
    """Every colour with its weight, heaviest first. Many sightings of a kind count up to twice one of them."""
    piles: dict[str, dict[str, list[Sighting]]] = defaultdict(lambda: defaultdict(list))
    for sighting in sightings:
        piles[sighting.hex][sighting.kind].append(sighting)
    standings = [_weighed(hex_, kinds, named, weights) for hex_, kinds in piles.items()]
    standings.sort(key=lambda found: -found.weight)
    return _merged(standings[:120])


def _weighed(
    hex_: str, kinds: Mapping[str, list[Sighting]], named: frozenset[str], weights: Mapping[str, float]
) -> Standing:
    found = Standing(hex_, chroma=chroma_of(hex_))
    strongest = 0.0
    for kind, sightings in kinds.items():
        total = sum(sighting.factor for sighting in sightings)
        found.best = max(found.best, *(sighting.factor for sighting in sightings))
        best = max(sightings, key=lambda sighting: sighting.factor)
        worth = weights[kind] * 2.0 * (1.0 - 0.5**total)
        found.kinds[kind] = worth
        if worth > strongest:
            strongest, found.source = worth, best.source
    found.weight = sum(found.kinds.values())
    outright = {"logo", "declared"} & kinds.keys()
    if hex_ in FRAMEWORK_COLOURS and not outright:
        found.weight *= FRAMEWORK
    if hex_ in named and hex_ not in FRAMEWORK_COLOURS:
        found.weight *= NAMED
    return found


def _merged(standings: list[Standing]) -> list[Standing]:
    """Near colours joined under the heaviest of them."""
    kept: list[Standing] = []
    if not standings:
        return kept
    labs = cielab([rgb_of(found.hex) for found in standings])
    places: list[int] = []
    for place, found in enumerate(standings):
        if places:
            distances = delta_e00(labs[places], labs[place])
            nearest = int(np.argmin(distances))
            if distances[nearest] < SAME_DELTA_E:
                host = kept[nearest]
                host.weight += found.weight
                host.best = max(host.best, found.best)
                for kind, worth in found.kinds.items():
                    host.kinds[kind] = max(host.kinds.get(kind, 0.0), worth)
                host.others = (*host.others, found.hex)[:6]
                continue
        kept.append(found)
        places.append(place)
    return sorted(kept, key=lambda found: -found.weight)


# ------------------------------------------------------------------------------------------------ roles


def leading(standings: list[Standing], ground: Colour | None, text: Colour | None) -> tuple[Colour, ...]:
    """Primary colours, then accents: colourful ones first, greys only where nothing else is painted."""
    behind = ground.hex if ground else "#ffffff"
    strengths = {found.hex: _strength(found, behind, text) for found in standings}
    ranked = sorted(standings, key=lambda found: -strengths[found.hex])[:12]
    top = strengths[ranked[0].hex] if ranked else 0.0
    chosen = [
        found
        for found in ranked
        if strengths[found.hex] > max(0.25, _LEAST * top)
        and found.best > 0.2
        and (found is ranked[0] or not (_plain(found) or (text is not None and found.hex == text.hex)))
    ][:_MOST]
    if not chosen:
        chosen = [found for found in standings if found.hex != behind and _carries(found)][:1]
    if not chosen:
        return _ground_as_primary(ground)
    top = strengths[chosen[0].hex]
    total = sum(strengths[found.hex] for found in ranked) or 1.0
    colours = []
    for place, found in enumerate(chosen):
        strength = strengths[found.hex]
        role: ColourRole = "primary" if place == 0 or (place == 1 and strength >= 0.6 * top) else "accent"
        share = 0.4 + 0.6 * strength / total if place == 0 else 0.6 * strength / top
        sure = _sureness(min(1.0, strength / 8.0) ** 0.5 * share, first=place == 0)
        # What stands lower is never surer.
        sure = min([sure, *(other.confidence for other in colours)])
        colours.append(
            Colour(
                hex=found.hex,
                role=role,
                source=found.source,
                confidence=sure,
                alternatives=tuple(dict.fromkeys(found.others)),
            )
        )
    return tuple(sorted(colours, key=lambda c: (c.role != "primary", -c.confidence)))


def _ground_as_primary(ground: Colour | None) -> tuple[Colour, ...]:
    """A page that paints nothing but its ground: a colourful one is the best guess there is."""
    if ground is None or chroma_of(ground.hex) < _COLOURFUL:
        return ()
    return (ground.model_copy(update={"role": "primary", "confidence": 0.35, "alternatives": ()}),)


def _sureness(standing: float, first: bool) -> float:
    """How likely a colour is the brand's, 0–1, from how it stands among the others, 0–1.

    Straight lines through what was right on 34 sites with truth (`tests/bench/LOG.md`): of the first colours all, of
    the others four in ten at a standing of 0.07, seven in ten at 0.2, six of seven at 0.3."""
    return round(min(0.97, 0.35 + 0.65 * standing) if first else min(0.85, 0.25 + 1.9 * standing), 2)


def _strength(found: Standing, behind: str, text: Colour | None) -> float:
    """The weight of a colour as a leading one: greys, the words' own colour and the page's ground count little."""
    only_words = text is not None and found.hex == text.hex and found.kinds.keys() <= _LETTERING
    colourful = min(1.0, max(0.0, (found.chroma - _GREY) / (_COLOURFUL - _GREY)))
    near = contrast_hex(found.hex, behind) < 1.12
    return found.weight * (0.08 + 0.92 * colourful) * (0.3 if near else 1.0) * (TEXT if only_words else 1.0)


def _plain(found: Standing) -> bool:
    """White and black, near enough, are no accents."""
    return found.chroma < _GREY and (
        contrast_hex(found.hex, "#ffffff") < 1.3 or contrast_hex(found.hex, "#000000") < 1.6
    )


def _carries(found: Standing) -> bool:
    return bool({"action", "header", "hero", "block", "logo"} & found.kinds.keys())


def ground_of(look: Look, label: Mapping[str, str]) -> Colour | None:
    """What most of the page's words stand on; the page's own colour where no words do."""
    area: dict[str, float] = defaultdict(float)
    for seen in look.seen:
        if seen.shown and not seen.places & {"button", "consent", "overlay", "code"}:
            area[seen.ground] += min(400, seen.words) * (0.3 if seen.over_picture else 1.0)
    body = look.by_element.get(id(look.page.body))
    if body is None:
        return None
    area[body.ground] += 60 + PAGE_SHARE * sum(area.values())
    best = max(area, key=lambda hex_: area[hex_])
    source = next((_cited(s, "background-color", label, look) for s in look.seen if s.ground == best and s.fill), "")
    share = area[best] / sum(area.values())
    others = tuple(sorted((h for h in area if h != best and area[h] > 0), key=lambda h: -area[h])[:4])
    told = source or f"{look.page.label}: nothing is set; browsers show white"
    sure = min(0.35 + 0.6 * share, 0.97 if source else 0.5 if look.sheets.rules else 0.3)
    return Colour(hex=best, role="background", source=told, confidence=round(sure, 2), alternatives=others)


def text_of(look: Look, label: Mapping[str, str], behind: str) -> Colour | None:
    """The colour most running words are set in."""
    amount: dict[str, float] = defaultdict(float)
    first: dict[str, Seen] = {}
    for seen in look.seen:
        if not seen.shown or not seen.words or seen.places & {"button", "link", "consent", "overlay", "code", "state"}:
            continue
        if contrast_hex(seen.color, seen.ground) < 2.0 and not seen.over_picture:
            continue
        here = 1.0 if seen.ground == behind else 0.5 if contrast_hex(seen.color, behind) >= 3.0 else 0.1
        amount[seen.color] += here * min(400, seen.words) * (0.5 if "heading" in seen.places else 1.0)
        first.setdefault(seen.color, seen)
    body = look.by_element.get(id(look.page.body))
    if body is not None and amount and contrast_hex(body.color, behind) >= 4.5:
        amount[body.color] += PAGE_SHARE * sum(amount.values())
        first.setdefault(body.color, body)
    if not amount:
        return None
    best = max(amount, key=lambda hex_: amount[hex_])
    share = amount[best] / sum(amount.values())
    others = tuple(sorted((h for h in amount if h != best), key=lambda h: -amount[h])[:4])
    source, sure = _cited(first[best], "color", label, look), 0.3 + 0.65 * share
    if not first[best].coloured:
        source, sure = f"{look.page.label}: nothing is set; browsers show black", min(sure, 0.4)
    return Colour(hex=best, role="text", source=source, confidence=round(sure, 2), alternatives=others)


def declared_colours(look: Look) -> Iterator[Sighting]:
    """Colours a page names outside its styles: `theme-color`, the mask icon's, the tile's."""
    page = look.page
    for meta in page.by_tag.get("meta", ()):
        name = meta.get("name").lower()
        paint = colour(meta.get("content")) if name in ("theme-color", "msapplication-tilecolor") else None
        if paint is None or "dark" in meta.get("media") or paint[0] in TILE_COLOURS:
            continue
        yield Sighting(paint[0], "declared", f"{page.label}: meta {name}", 1.0 if name == "theme-color" else 0.5)
    for link in page.links("mask-icon"):
        if paint := colour(link.get("color")):
            factor = 0.0 if paint[0] in TILE_COLOURS else 1.0
            yield Sighting(paint[0], "declared", f"{page.label}: link mask-icon", factor)
