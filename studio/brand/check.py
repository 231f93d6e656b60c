"""What a designer would notice on a close look at a kit: missing parts, unreadable pairs, contradictions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Literal

import numpy as np

from studio.brand.dtcg.roles import ROLES
from studio.brand.kit import LoadedKit
from studio.brand.logo import LogoArt
from studio.color import cielab, contrast, contrast_hex, delta_e00, delta_e00_hex, rgb_of
from studio.errors import BadInput
from studio.model import BrandKit, Role, TypeChoice
from studio.values import Value

Level = Literal["error", "warning", "note"]
_NEEDED: tuple[Role, ...] = ("primary", "background", "text")
_LATIN = "".join(chr(code) for code in range(33, 127))


class Finding(Value):
    """One thing about the kit. An error makes ads wrong, a warning makes some worse, a note is good to know."""

    level: Level
    where: str
    message: str
    fix: str = ""


def check_kit(loaded: LoadedKit) -> tuple[Finding, ...]:
    """Everything worth telling, errors first. Pure but for drawing the logos."""
    found = [
        *_roles(loaded.kit),
        *_colours(loaded.kit),
        *_words(loaded.kit),
        *_logos(loaded),
        *_fonts(loaded),
        *(Finding(level="note", where="tokens", message=note) for note in loaded.notes),
    ]
    order = {"error": 0, "warning": 1, "note": 2}
    return tuple(sorted(found, key=lambda finding: order[finding.level]))


def _finding(level: Level, where: str, message: str, fix: str = "") -> Finding:
    return Finding(level=level, where=where, message=message, fix=fix)


def _roles(kit: BrandKit) -> Iterator[Finding]:
    there = [swatch.role for swatch in kit.palette]
    for role in ROLES:
        if role not in there:
            level: Level = "error" if role == "primary" else "warning" if role in _NEEDED else "note"
            yield _finding(
                level,
                f"palette {role}",
                f"No {role} colour; {kit.hex(role)} stands in",
                f"Give a colour the role {role}",
            )
        different = {swatch.hex for swatch in kit.palette if swatch.role == role}
        if len(different) > 1:
            shown = ", ".join(sorted(different))
            yield _finding(
                "warning",
                f"palette {role}",
                f"{len(different)} colours claim to be the {role}: {shown}",
                f"The first one is used; give the others another role than {role}",
            )


def _colours(kit: BrandKit) -> Iterator[Finding]:
    for one, other in combinations(kit.palette, 2):
        distance = delta_e00_hex(one.hex, other.hex)
        if one.role != other.role and distance < 2.0:
            # Paper and card are often the same white, and nobody minds.
            level: Level = "note" if {one.role, other.role} == {"background", "surface"} else "warning"
            message = f"{one.role} {one.hex} and {other.role} {other.hex} look the same (ΔE00 {distance:.1f})"
            yield _finding(level, f"palette {other.role}", message, "Set them further apart, or keep one of them")
    text = kit.hex("text")
    papers: tuple[Role, ...] = ("background", "surface")
    for role in papers:
        ratio = contrast_hex(text, kit.hex(role))
        if ratio < 4.5:
            message = f"Text {text} on {role} {kit.hex(role)} has a contrast of {ratio:.2f}, below 4.5"
            yield _finding("error" if ratio < 3.0 else "warning", f"palette {role}", message, "Darken the text colour")
    paper = kit.hex("background")
    buttons: tuple[Role, ...] = ("accent", "primary")
    for role in buttons:
        ratio, best = max((contrast_hex(label, kit.hex(role)), label) for label in ("#ffffff", text, paper))
        if ratio < 4.5:
            message = f"A button in {role} {kit.hex(role)} reaches a contrast of {ratio:.2f} at best (label {best})"
            yield _finding(
                "warning", f"palette {role}", message, "Darken or lighten it a little, below 4.5 it is hard to read"
            )


def _words(kit: BrandKit) -> Iterator[Finding]:
    for word in kit.voice.banned_in(kit.tagline):
        yield _finding("error", "tagline", f"The tagline says {word!r}, which the kit bans", "Change one of them")


def _logos(loaded: LoadedKit) -> Iterator[Finding]:
    if not loaded.logos:
        yield _finding("error", "logos", "The kit has no logo", "Add an SVG or a transparent PNG to logos/")
        return
    made_for = {art.logo.on for art in loaded.logos}
    if len(made_for) == 1 and "any" not in made_for:
        side = next(iter(made_for))
        other = "dark" if side == "light" else "light"
        message = f"The only logo is for {side} backgrounds"
        yield _finding("warning", "logos", message, f"Add a variant for {other} backgrounds")
    for art in loaded.logos:
        yield from _one_logo(art, loaded.kit)
    grounds: tuple[Role, ...] = ("background", "primary")
    for role in grounds:
        background = loaded.kit.hex(role)
        art = loaded.logo_on(background)
        assert art is not None
        ratio = _ink_contrast(art, background)
        if ratio < 3.0:
            message = f"{art.logo.file} on {role} {background} has a contrast of {ratio:.2f}, below 3"
            fix = "Add a variant for such backgrounds, or keep the logo off this colour"
            yield _finding("warning" if role == "background" else "note", "logos", message, fix)


def _one_logo(art: LogoArt, kit: BrandKit) -> Iterator[Finding]:
    logo, where = art.logo, art.logo.file
    if art.opaque:
        yield _finding(
            "warning", where, "The logo has no transparent background and shows as a box", "Use SVG or PNG with alpha"
        )
    if logo.clear_space_fraction < 0.1:
        message = f"Clear space of {logo.clear_space_fraction:.0%} of the logo's height is hardly any"
        yield _finding("warning", where, message, "Usual are 25 % to 50 %")
    if logo.clear_space_fraction > 0.75:
        message = f"Clear space of {logo.clear_space_fraction:.0%} of the height leaves no room for the logo in banners"
        yield _finding("note", where, message, "Usual are 25 % to 50 %")
    height = logo.min_width_px / art.aspect
    if height < 8 or logo.min_width_px < 16:
        message = f"At its smallest the logo is {logo.min_width_px} × {height:.0f} px, which nobody can read"
        yield _finding(
            "warning", where, message, f"Set the smallest width to {max(16, round(12 * art.aspect))} px or more"
        )
    known = cielab([rgb_of(swatch.hex) for swatch in kit.palette] + [(0, 0, 0), (255, 255, 255)])
    for color, share in art.inks:
        if share < 0.05:
            continue
        distance = float(delta_e00(cielab(rgb_of(color)), known).min())
        if distance > 5.0:
            message = f"{color} makes up {share:.0%} of the logo and is not in the palette (ΔE00 {distance:.0f} away)"
            yield _finding("note", where, message, "Add it to the palette if scenes may use it")


def _ink_contrast(art: LogoArt, background: str) -> float:
    """The contrast that half of the logo's ink reaches or exceeds."""
    pixels = art.small.reshape(-1, 4)
    ink = pixels[pixels[:, 3] >= 128][:, :3]
    return float(np.median(contrast(ink, rgb_of(background)))) if len(ink) else 1.0


def _fonts(loaded: LoadedKit) -> Iterator[Finding]:
    for problem in loaded.fonts.problems:
        yield _finding("error", "type", problem, "Add the font file to the kit's fonts/ folder")
    choices: tuple[tuple[Literal["heading", "body"], TypeChoice], ...] = (
        ("heading", loaded.kit.type.heading),
        ("body", loaded.kit.type.body),
    )
    for role, choice in choices:
        if choice.stands_for:
            message = f"{choice.stands_for} is not in the kit; {choice.family} stands in for it"
            yield _finding("warning", f"type {role}", message, f"Add the files of {choice.stands_for} to fonts/")
        try:
            face = loaded.fonts.face(role)
        except BadInput:
            continue
        if abs(face.weight - choice.weight) > 50:
            message = f"{choice.family} in weight {choice.weight} is not there; {face.weight} is used"
            yield _finding("warning", f"type {role}", message, "Add that weight, or ask for the one at hand")
        if missing := "".join(character for character in _LATIN if not face.covers(character)):
            message = f"{choice.family} cannot draw {len(missing)} basic characters: {missing[:12]}"
            yield _finding(
                "warning", f"type {role}", message, "Another font stands in for them; choose one that has them"
            )
