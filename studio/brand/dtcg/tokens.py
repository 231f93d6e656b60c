"""Design tokens (DTCG 2025.10) to a BrandKit and back. What DTCG has no type for lies under our `$extensions` key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from studio.brand.dtcg.format import TYPES, Token, TokenFile, at, is_token, read_tokens
from studio.brand.dtcg.forms import Forms, as_dtcg, valid_tree
from studio.brand.dtcg.modes import is_under
from studio.brand.dtcg.roles import guess_roles, guess_type, listed, name_of
from studio.brand.dtcg.text import parse_tokens
from studio.brand.dtcg.values import ReadColor, color_value, read_color, read_family, read_weight
from studio.color import contrast_hex
from studio.errors import BadInput
from studio.model import BrandKit, BrandType, FontFile, Logo, Role, Swatch, TypeChoice, Voice
from studio.values import Value, read_value

__all__ = ["OURS", "SCHEMA", "STAND_IN", "Part", "kit_from_tokens", "parse_tokens", "tokens_from_kit"]

OURS = "studio.lockup"
"""Our key under `$extensions`."""

Part = Literal["heading", "body"]
_PARTS: tuple[Part, ...] = ("heading", "body")

SCHEMA = "https://www.designtokens.org/schemas/2025.10/format.json"
STAND_IN = TypeChoice(
    family="Hanken Grotesk",
    files=(
        FontFile(file="package:font_hanken_grotesk/files/HankenGrotesk-Regular.otf", weight=400),
        FontFile(file="package:font_hanken_grotesk/files/HankenGrotesk-Bold.otf", weight=700),
    ),
)
"""What sets the words of a kit that names no font."""


class _FontFiles(Value):
    heading: tuple[FontFile, ...] = ()
    body: tuple[FontFile, ...] = ()
    stand_ins: dict[Part, str] = {}
    """The family that is set where the one the tokens name is not at hand."""


class _FileExtension(Value):
    version: Literal[1] = 1
    name: str = ""
    tagline: str = ""
    logos: tuple[Logo, ...] = ()
    fonts: _FontFiles = _FontFiles()
    voice: Voice = Voice()
    photography: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    adapter: str | None = None
    originals: dict[str, Any] = {}
    """By path, what another tool wrote and DTCG cannot say, or says otherwise."""


class _TokenExtension(Value):
    role: Role | None = None
    name: str = ""
    source: str = ""
    locked: bool = True
    tints: bool = True
    type: Part | None = None
    order: int | None = None
    """The swatch's place in the palette, where the file has another order."""


def kit_from_tokens(data: dict[str, Any], source: str) -> tuple[BrandKit, tuple[str, ...]]:
    """A kit and what was guessed, mapped or left out on the way, one line each.

    `data` is parsed JSON, `source` what messages call it. Raises `BadInput` naming source and token.
    """
    forms = as_dtcg(data, source)
    file = read_tokens(forms.tree, source)
    notes = list(forms.notes)
    extension = read_value(_FileExtension, file.extensions.get(OURS, {}), f"{source}: $extensions.{OURS}")
    ours = {
        token.path: read_value(_TokenExtension, token.extensions[OURS], f"{source}: {token.path}: $extensions.{OURS}")
        for token in file.tokens
        if OURS in token.extensions
    }
    palette = _palette(file, ours, forms, source, notes)
    kind = BrandType(
        heading=_type_choice(file, ours, "heading", extension.fonts, source, notes),
        body=_type_choice(file, ours, "body", extension.fonts, source, notes),
    )
    _note_the_rest(file, notes)
    name = extension.name or file.description.strip()[:80]
    if not name:
        name = source.replace("\\", "/").rsplit("/", 1)[-1].split(".")[0] or "Brand"
        notes.append(f"The tokens hold no name: called {name} after the file")
    kit = BrandKit(
        name=name,
        tagline=extension.tagline,
        palette=palette,
        type=kind,
        logos=extension.logos,
        voice=extension.voice,
        photography=extension.photography,
        references=extension.references,
        adapter=extension.adapter,
    )
    return kit, tuple(dict.fromkeys(notes))


def tokens_from_kit(kit: BrandKit, original: dict[str, Any] | None = None) -> dict[str, Any]:
    """The kit as valid DTCG 2025.10. With `original`, tokens and extensions that are not ours stay as they are.

    What DTCG does not allow in `original` is brought into its form, and lies as it was under our `originals`. Raises
    `BadInput` where `original` is no token file.
    """
    forms = as_dtcg(original or {}, "the original tokens")
    read_tokens(forms.tree, "the original tokens")
    out = valid_tree(forms)
    out.setdefault("$schema", SCHEMA)
    file = read_tokens(out, "the original tokens")
    places = _Places(out, file)
    places.put_palette(kit.palette)
    for part in _PARTS:
        places.put_type(part, getattr(kit.type, part))
    places.forget_the_rest()
    extension = _FileExtension(
        name=kit.name,
        tagline=kit.tagline,
        logos=kit.logos,
        fonts=_FontFiles(
            heading=kit.type.heading.files,
            body=kit.type.body.files,
            stand_ins={part: choice.family for part in _PARTS if (choice := getattr(kit.type, part)).stands_for},
        ),
        voice=kit.voice,
        photography=kit.photography,
        references=kit.references,
        adapter=kit.adapter,
    )
    written = extension.model_dump(mode="json", exclude={"originals"})
    before = out.pop("$extensions", {})
    earlier = read_value(_FileExtension, before.get(OURS, {}), f"the original tokens: $extensions.{OURS}").originals
    # What was put aside when the file came in is nearer to its maker's words than what it has become since.
    if originals := {**forms.originals, **earlier}:
        written["originals"] = originals
    out["$extensions"] = {**{key: value for key, value in before.items() if key != OURS}, OURS: written}
    return out


# ---------------------------------------------------------------------------------------------- reading


def _palette(
    file: TokenFile, ours: Mapping[str, _TokenExtension], forms: Forms, source: str, notes: list[str]
) -> tuple[Swatch, ...]:
    """Tokens with a role of ours; where a file was not written by us, roles are guessed from names."""
    read: dict[str, ReadColor] = {}
    for token in file.tokens:
        if token.type == "color":
            read[token.path] = read_color(token.value, f"{source}: {token.path}")
    marked: list[tuple[int, Swatch]] = []
    for path, mark in ours.items():
        if mark.role:
            if path not in read:
                said = f"{source}: {path}: has the role {mark.role} but is not a colour"
                raise BadInput(said, 'Give it "$type": "color"')
            fields = {"name": mark.name, "source": mark.source, "locked": mark.locked, "tints": mark.tints}
            marked.append((mark.order or 0, Swatch(role=mark.role, hex=read[path].hex, **fields)))
            _note_color(path, read[path].mapped, read[path].alpha, notes)
    swatches = [swatch for _, swatch in sorted(marked, key=lambda pair: pair[0])]
    if OURS not in file.extensions:
        swatches += _guessed(read, ours, forms, {swatch.role for swatch in swatches}, notes)
    if read and not swatches:
        notes.append(f"{len(read)} colours, but no name that says which is the primary: set the roles by hand")
    return tuple(swatches)


def _guessed(
    read: Mapping[str, ReadColor], ours: Mapping[str, Any], forms: Forms, taken: set[Role], notes: list[str]
) -> list[Swatch]:
    spoken: dict[str, str] = {}
    for path, color in read.items():
        if color.alpha == 1.0 and path not in ours and not is_under(path, forms.aside):
            mode = next((group for group in forms.light if path.startswith(f"{group}.")), "")
            # That it is the light set says nothing of what a colour is for.
            spoken[path] = mode.rpartition(".")[0] + path.removeprefix(mode)
    guesses = guess_roles(spoken, taken, spoken, lambda text, ground: _reads_on(read[text].hex, read[ground].hex))
    if guesses and forms.aside:
        taken_modes = f"The mode {', '.join(sorted(forms.light))} is taken. " if forms.light else ""
        notes.append(f"{taken_modes}No roles are looked for in {', '.join(sorted(forms.aside))}")
    for path in guesses.values():
        _note_color(path, read[path].mapped, 1.0, notes)
    if guesses:
        notes.append(f"Roles guessed from the tokens' names: {listed(guesses)}. Please check them")
    return [
        Swatch(role=role, hex=read[path].hex, name=name_of(path), source=f"token {path}")
        for role, path in guesses.items()
    ]


def _reads_on(text: str, ground: str) -> bool:
    # WCAG 2.2, 1.4.3: large text; what is paler is a disabled text or one for the other mode.
    return contrast_hex(text, ground) >= 3.0


def _note_color(path: str, mapped: str, alpha: float, notes: list[str]) -> None:
    if mapped:
        notes.append(f"{path}: {mapped}")
    if alpha < 1.0:
        notes.append(f"{path}: its alpha of {alpha:g} is set aside; brand colours are opaque")


def _type_choice(
    file: TokenFile,
    ours: Mapping[str, _TokenExtension],
    part: Part,
    fonts: _FontFiles,
    source: str,
    notes: list[str],
) -> TypeChoice:
    by_type: dict[str, dict[str, Token]] = {"typography": {}, "fontFamily": {}, "fontWeight": {}}
    for token in file.tokens:
        if token.type in by_type:
            by_type[token.type][token.path] = token
    marked = {token.type: token for token in file.tokens if token.path in ours and ours[token.path].type == part}
    # A typography token says family and weight in one breath; single tokens come second.
    style = marked.get("typography")
    if not style and not marked and (path := guess_type(by_type["typography"], part)):
        style = by_type["typography"][path]
    family, weight = _style(style, source) if style else (None, None)
    alone = marked.get("fontFamily")
    if not alone and family is None and (path := guess_type(by_type["fontFamily"], part)):
        alone = by_type["fontFamily"][path]
    alone = alone or (next(iter(by_type["fontFamily"].values()), None) if family is None else None)
    if alone:
        family = read_family(alone.value, f"{source}: {alone.path}")
    heavy = marked.get("fontWeight")
    if not heavy and weight is None and (path := guess_type(by_type["fontWeight"], part)):
        heavy = by_type["fontWeight"][path]
    if heavy:
        weight = read_weight(heavy.value, f"{source}: {heavy.path}")
    if family is None:
        notes.append(f"No font for the {part}: {STAND_IN.family} stands in")
        return STAND_IN.model_copy(update={"weight": 700 if part == "heading" else 400})
    used = style or alone
    if used and used.path not in ours:
        notes.append(f"The {part} font is {family}, from {used.path}")
    weight = weight or (700 if part == "heading" else 400)
    choice = TypeChoice(family=family, files=getattr(fonts, part), weight=weight)
    if stand_in := fonts.stand_ins.get(part):
        return choice.model_copy(update={"family": stand_in, "stands_for": family})
    return choice


def _style(token: Token, source: str) -> tuple[str | None, int | None]:
    value = token.value
    if not isinstance(value, dict):
        raise BadInput(f"{source}: {token.path}: expected an object with fontFamily and fontWeight")
    where = f"{source}: {token.path}"
    family = read_family(value["fontFamily"], f"{where}: fontFamily") if "fontFamily" in value else None
    weight = read_weight(value["fontWeight"], f"{where}: fontWeight") if "fontWeight" in value else None
    return family, weight


def _note_the_rest(file: TokenFile, notes: list[str]) -> None:
    untyped = [token.path for token in file.tokens if token.type is None]
    if untyped:
        notes.append(f"{len(untyped)} tokens have no $type and are not used: {', '.join(untyped[:3])}")
    strange = sorted({token.type for token in file.tokens if token.type and token.type not in TYPES})
    if strange:
        notes.append(f"Token types that DTCG does not know are not used: {', '.join(strange[:6])}")


# ---------------------------------------------------------------------------------------------- writing


class _Places:
    """Finds, in a token tree that is being rewritten, where each of the kit's values belongs."""

    def __init__(self, tree: dict[str, Any], file: TokenFile) -> None:
        self.tree = tree
        self.tokens = {token.path: token for token in file.tokens if is_token(at(tree, token.path))}
        self.free = set(self.tokens)

    def put_palette(self, palette: tuple[Swatch, ...]) -> None:
        paths = [self._put_swatch(swatch) for swatch in palette]
        order = {token.path: index for index, token in enumerate(read_tokens(self.tree, "the tokens").tokens)}
        places = [order[path] for path in paths]
        if places != sorted(places):
            for index, path in enumerate(paths):
                self._own_node(path)["$extensions"][OURS]["order"] = index

    def _put_swatch(self, swatch: Swatch) -> str:
        mark = {**swatch.model_dump(mode="json", exclude={"hex"})}
        path = self._swatch_path(swatch)
        if path is None:
            path = self._new_path(("color", swatch.role))
            self._node(path, {"$type": "color", "$value": color_value(swatch.hex)})
        elif read_color(self.tokens[path].value, path).hex != swatch.hex:
            self._set_value(path, color_value(swatch.hex))
        self._mark(path, mark)
        return path

    def put_type(self, part: Part, choice: TypeChoice) -> None:
        for kind, name, value in (
            ("fontFamily", part, choice.stands_for or choice.family),
            ("fontWeight", f"{part}-weight", choice.weight),
        ):
            path = self._type_path(kind, part)
            if path is None:
                path = self._new_path(("font", name))
                self._node(path, {"$type": kind, "$value": value})
            else:
                read = read_family if kind == "fontFamily" else read_weight
                if read(self.tokens[path].value, path) != value:
                    self._set_value(path, value)
            self._mark(path, {"type": part})

    def forget_the_rest(self) -> None:
        """Marks of ours on tokens that the kit no longer uses are taken off; the tokens stay."""
        for path in self.free:
            node = self._own_node(path)
            if OURS in node.get("$extensions", {}):
                del node["$extensions"][OURS]
                if not node["$extensions"]:
                    del node["$extensions"]

    def _swatch_path(self, swatch: Swatch) -> str | None:
        guessed = swatch.source.removeprefix("token ")
        candidates: list[tuple[int, str]] = []
        for path in self.tokens:
            token = self.tokens[path]
            if path not in self.free or token.type != "color":
                continue
            mark = token.extensions.get(OURS, {})
            if mark.get("role") == swatch.role:
                same = (mark.get("name", "") == swatch.name) + (mark.get("source", "") == swatch.source)
                candidates.append((10 + same + (read_color(token.value, path).hex == swatch.hex), path))
            elif not mark and path == guessed:
                candidates.append((5, path))
        return max(candidates, key=lambda pair: pair[0])[1] if candidates else None

    def _type_path(self, kind: str, part: Part) -> str | None:
        for path, token in self.tokens.items():
            if path in self.free and token.type == kind and token.extensions.get(OURS, {}).get("type") == part:
                return path
        return None

    def _own_node(self, path: str) -> dict[str, Any]:
        """The token at `path`, which is written there and not inherited through `$extends`."""
        return at(self.tree, path)

    def _new_path(self, parts: tuple[str, str]) -> str:
        group, number = parts[0], 1
        while is_token(self.tree.get(group)) or "$extends" in self.tree.get(group, {}):
            group += "s"
        name = parts[1]
        while name in self.tree.get(group, {}):
            number += 1
            name = f"{parts[1]}-{number}"
        return f"{group}.{name}"

    def _node(self, path: str, content: dict[str, Any]) -> None:
        group, _, name = path.partition(".")
        self.tree.setdefault(group, {})[name] = content

    def _set_value(self, path: str, value: Any) -> None:
        node = self._own_node(path)
        node.pop("$ref", None)
        # The type may have come from the token it referred to.
        node["$type"] = self.tokens[path].type
        node["$value"] = value

    def _mark(self, path: str, mark: dict[str, Any]) -> None:
        node = self._own_node(path)
        self.free.discard(path)
        node["$extensions"] = {**node.get("$extensions", {}), OURS: mark}
