"""Design tokens as proposals: what a token file says for sure, and what was guessed from its names."""

from __future__ import annotations

from collections.abc import Mapping

from studio.brand.dtcg.tokens import STAND_IN, kit_from_tokens, parse_tokens
from studio.brand.site.proposals import Colour, ColourRole, Proposals, Typeface, Words
from studio.model import Role, TypeChoice

_ROLES: Mapping[Role, ColourRole] = {
    "primary": "primary",
    "secondary": "primary",
    "accent": "accent",
    "background": "background",
    "surface": "background",
    "text": "text",
}
_ORDER: tuple[ColourRole, ...] = ("primary", "accent", "background", "text")
# A role is guessed from a token's name; what the file calls it is beyond doubt only for the value.
_SURE, _SECOND = 0.8, 0.6


def from_tokens(data: bytes, name: str) -> Proposals:
    """What the token file `name` says of a brand. Raises `BadInput`."""
    kit, notes = kit_from_tokens(parse_tokens(data, name), name)
    colours = [
        Colour(
            hex=swatch.hex,
            role=_ROLES[swatch.role],
            source=f"{name}: {swatch.name or swatch.source or swatch.role}",
            confidence=_SECOND if swatch.role in ("secondary", "surface") else _SURE,
        )
        for swatch in kit.palette
    ]
    missing = [f"{role} colour: no token speaks for it" for role in _ORDER if role not in {c.role for c in colours}]
    heading, body = _face(kit.type.heading, name), _face(kit.type.body, name)
    missing += [] if heading or body else ["fonts: the tokens name none"]
    return Proposals(
        site=name,
        name=Words(text=kit.name, source=name, confidence=0.5),
        tagline=Words(text=kit.tagline, source=name, confidence=0.9) if kit.tagline else None,
        palette=tuple(sorted(colours, key=lambda c: (_ORDER.index(c.role), -c.confidence))),
        heading=heading,
        body=body,
        not_found=(*missing, "logo: design tokens hold none; drop a logo file into the kit's logos/ folder"),
        warnings=notes,
    )


def _face(choice: TypeChoice, name: str) -> Typeface | None:
    family = choice.stands_for or choice.family
    if family == STAND_IN.family and choice.files == STAND_IN.files:
        return None
    return Typeface(family=family, source=name, confidence=_SURE, weight=choice.weight)
