"""Tokens Studio's, Style Dictionary's and plain trees as a DTCG tree: names, references, sums, modifiers, types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from studio.brand.dtcg.check import complaint
from studio.brand.dtcg.literals import dtcg_type, dtcg_value, guessed_type, quantity
from studio.brand.dtcg.modes import one_mode
from studio.brand.dtcg.sums import modified, read_css_color
from studio.brand.dtcg.values import css_color_value

_ALIAS = re.compile(r"\{([^{}]+)\}")
_MAX_CHAIN = 64
_MAX_STEPS = 300_000
_MAX_TEXT = 4000
# What Style Dictionary writes beside a token's value; not tokens, though some hold a value of their own.
_BESIDE = frozenset(("original", "attributes", "comment", "filePath", "isSource", "path", "themeable", "filter", "key"))
_NOTES = ("$description", "description", "comment")
_GROUP_KEYS = frozenset(("$description", "$extensions", "$deprecated"))


@dataclass
class Foreign:
    """What came of a foreign tree. `unsaid` are paths without a place in the tree, `names` the sets' new names."""

    tree: dict[str, Any] = field(default_factory=dict)
    originals: dict[str, Any] = field(default_factory=dict)
    unsaid: list[str] = field(default_factory=list)
    worked_out: int = 0
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Entry:
    """One token as it was written: `path` by the old names, `place` by the new."""

    path: str
    place: tuple[str, ...]
    node: Any
    value: Any
    kind: str | None
    computed: bool


def foreign_tokens(data: dict[str, Any], plain: bool, theme: tuple[str, ...] | None) -> Foreign:
    """`data` as a DTCG tree with absolute references. `theme` are the sets that count, later ones over earlier ones."""
    reader = _Reader(data, plain, theme)
    for entry in reader.entries.values():
        reader.write(entry)
    return reader.out


class _Reader:
    def __init__(self, data: dict[str, Any], plain: bool, theme: tuple[str, ...] | None) -> None:
        self.out = Foreign()
        self.plain = plain
        self.steps = 0
        self.entries: dict[str, _Entry] = {}
        self.done: dict[str, tuple[str, Any] | None] = {}
        self.literals: dict[str, tuple[Any, str]] = {}
        for entry in self._walk(data, "", (), None, self.out.tree):
            # A name with a dot may spell another token's path.
            path = entry.path
            while path in self.entries:
                path = f"{entry.path}#{len(self.entries)}"
            self.entries[path] = replace(entry, path=path)
        self.theme = {name: index for index, name in enumerate(theme or ())}
        # By the path inside its set, every token of that name; the set that counts most comes first.
        self.inside: dict[str, list[str]] = {}
        for path in sorted(self.entries, key=lambda path: -self.theme.get(path.partition(".")[0], -1)):
            self.inside.setdefault(path.partition(".")[2], []).append(path)

    # ------------------------------------------------------------------------------------ structure

    def _walk(
        self, node: dict[str, Any], path: str, place: tuple[str, ...], kind: str | None, group: dict[str, Any]
    ) -> Iterator[_Entry]:
        """Every token below `node`. Groups are made in `group` on the way, what is neither goes to `originals`."""
        own = node.get("$type", node.get("type"))
        kind = own if isinstance(own, str) else kind
        taken = {"$root"}
        for name, child in node.items():
            here = f"{path}.{name}" if path else name
            if name in _GROUP_KEYS and isinstance(child, dict if name == "$extensions" else (str, bool)):
                group[name] = child
                continue
            token = (name == "$root" or not name.startswith("$")) and self._token(here, child, kind)
            if not token and (name.startswith("$") or not isinstance(child, dict)):
                if not (name in ("type", "$type") and child == kind) and name != "$schema":
                    self.out.originals[here] = child
                continue
            clean = name if name == "$root" else _clean(name, taken)
            taken.add(clean)
            if not place:
                self.out.names[name] = clean
            below = self._children(child) if token and name != "$root" else None if token else child
            if token:
                where = (*place, clean, "$root") if below else (*place, clean)
                yield _Entry(here, where, child, token[0], token[1], token[2])
            if below is not None and (below or not token):
                yield from self._walk(below, here, (*place, clean), kind, group.setdefault(clean, {}))

    def _token(self, path: str, node: Any, kind: str | None) -> tuple[Any, str | None, bool] | None:
        """Value, type and whether a mode was chosen, if `node` is a token."""
        if not isinstance(node, dict):
            found = guessed_type(path, node) if self.plain and not isinstance(node, bool) else None
            return (node, found, False) if found else None
        key = "$value" if "$value" in node else "value"
        chosen, value = False, node.get(key)
        if key not in node:
            modes = node.get("modes", node.get("$modes"))
            chosen, value = one_mode(modes) if isinstance(modes, dict) else (False, None)
            if not chosen:
                return None
        elif isinstance(value, dict) and key == "value" and {"value", "$value"} & set(value) and "unit" not in value:
            return None
        else:
            chosen, value = one_mode(value)
        own = node.get("$type", node.get("type"))
        kind = own if isinstance(own, str) else kind
        found = dtcg_type(kind) if kind else guessed_type(path, value)
        return value, found, chosen

    def _children(self, node: Any) -> dict[str, Any] | None:
        """The tokens that a token holds beside its value; DTCG keeps such a value under $root."""
        if self.plain or not isinstance(node, dict):
            return None
        return {
            name: child
            for name, child in node.items()
            if isinstance(child, dict)
            and not name.startswith("$")
            and name not in ("value", *_BESIDE)
            and {"value", "$value"} & set(child)
        }

    # ------------------------------------------------------------------------------------ references

    def find(self, name: str, own: _Entry) -> _Entry:
        """The token that `{name}` means in `own`. Raises `ValueError`."""
        name = name.strip()
        group = own.path.partition(".")[0]
        for whole in (name, f"{name}.$root", name.removesuffix(".value"), name.removesuffix(".$value")):
            near = () if group in self.theme else (f"{group}.{whole}",)
            for path in (whole, *near, *self.inside.get(whole, ())[:2]):
                if path in self.entries and path != own.path:
                    return self.entries[path]
        raise ValueError(f"{{{name}}} is not there")

    def literal(self, value: Any, own: _Entry, chain: tuple[str, ...] = ()) -> tuple[Any, _Entry]:
        """`value` with its references followed, and the token it was found in. Raises `ValueError`."""
        self.steps += 1
        if self.steps > _MAX_STEPS or len(chain) > _MAX_CHAIN:
            raise ValueError("references are nested too deeply")
        if not isinstance(value, str) or "{" not in value:
            return value, own
        if match := _ALIAS.fullmatch(value.strip()):
            return self._at(self.find(match[1], own), chain)
        pieces: list[str] = []
        end = 0
        for match in _ALIAS.finditer(value):
            found = self._at(self.find(match[1], own), chain)[0]
            if isinstance(found, dict) and {"value", "unit"} == set(found):
                found = f"{found['value']}{found['unit']}"
            if isinstance(found, (dict, list)) or found is None:
                raise ValueError("a reference in a text leads to no text")
            pieces += [value[end : match.start()], _sum_first(found)]
            end = match.end()
        text = "".join([*pieces, value[end:]])
        if len(text) > _MAX_TEXT:
            raise ValueError("too long")
        return text, own

    def _at(self, entry: _Entry, chain: tuple[str, ...]) -> tuple[Any, _Entry]:
        if entry.path in chain:
            raise ValueError("refers to itself")
        if entry.path not in self.literals:
            value, found = self.literal(entry.value, entry, (*chain, entry.path))
            if entry.kind == "color" and isinstance(value, str) and _modify(entry.node):
                value = self._modified(value, entry, (*chain, entry.path)).to_string(precision=8)
            self.literals[entry.path] = (value, found.path)
        value, path = self.literals[entry.path]
        return value, self.entries[path]

    # ------------------------------------------------------------------------------------ values

    def converted(self, entry: _Entry, chain: tuple[str, ...] = ()) -> tuple[str, Any] | None:
        """Type and `$value` of a token, or None where DTCG cannot say it."""
        if entry.path in chain or len(chain) > _MAX_CHAIN:
            return None
        if entry.path not in self.done:
            try:
                self.done[entry.path] = self._convert(entry, (*chain, entry.path))
            except (ValueError, OverflowError):
                self.done[entry.path] = None
        return self.done[entry.path]

    def _convert(self, entry: _Entry, chain: tuple[str, ...]) -> tuple[str, Any]:
        if _modify(entry.node) and entry.kind in ("color", None):
            return "color", css_color_value(self._modified(self.literal(entry.value, entry)[0], entry, ()))
        if kept := self._kept(entry.value, entry, chain):
            return kept
        value, place = self.literal(entry.value, entry)
        kind = entry.kind or guessed_type(entry.path, value)
        if kind is None:
            raise ValueError("no type that DTCG knows")
        if kind == "fontFamily" and isinstance(value, str) and "," in value:
            value = [name.strip().strip("'\"") for name in value.split(",") if name.strip()]
        return dtcg_value(kind, value, lambda part, raw: self._part(part, raw, place, chain))

    def _part(self, kind: str, raw: Any, own: _Entry, chain: tuple[str, ...]) -> Any:
        try:
            kept = self._kept(raw, own, chain)
        except ValueError:
            # A share of the font size is no size by itself, but it is one inside a text style.
            kept = None
        if kept and kept[0] == {"lineHeight": "number", "letterSpacing": "dimension"}.get(kind, kind):
            return kept[1]
        value, place = self.literal(raw, own)
        return dtcg_value(kind, value, lambda part, inner: self._part(part, inner, place, chain))[1]

    def _kept(self, value: Any, own: _Entry, chain: tuple[str, ...]) -> tuple[str, Any] | None:
        """Type and reference, where a whole value refers to a token that DTCG can say."""
        match = _ALIAS.fullmatch(value.strip()) if isinstance(value, str) else None
        if not match:
            return None
        target = self.find(match[1], own)
        found = self.converted(target, chain)
        if found is None:
            raise ValueError("refers to what DTCG cannot say")
        return found[0], _reference(target.place)

    def _modified(self, value: Any, entry: _Entry, chain: tuple[str, ...]) -> Any:
        modify = _modify(entry.node)
        if not isinstance(value, str):
            raise ValueError("not a colour")
        number, unit = quantity(self.literal(modify.get("value"), entry, chain)[0])
        other = self.literal(modify.get("color"), entry, chain)[0]
        second = read_css_color(other) if isinstance(other, str) else None
        return modified(read_css_color(value), modify, number / 100 if unit == "%" else number, second)

    # ------------------------------------------------------------------------------------ writing

    def write(self, entry: _Entry) -> None:
        found = self.converted(entry)
        if found is None:
            self.out.unsaid.append(".".join(entry.place))
            self.out.originals[".".join(entry.place)] = entry.node
            return
        kind, value = found
        token: dict[str, Any] = {"$type": kind, "$value": value}
        node = entry.node if isinstance(entry.node, dict) else {}
        description = next((node[name] for name in _NOTES if isinstance(node.get(name), str)), None)
        if description is not None:
            token["$description"] = description
        deprecated = node.get("$deprecated", node.get("deprecated"))
        if isinstance(deprecated, (bool, str)):
            token["$deprecated"] = deprecated
        extensions = node.get("$extensions")
        modify = _modify(node)
        if isinstance(extensions, dict):
            token["$extensions"] = _without_modify(extensions) if modify else extensions
        if entry.computed or modify or not self._says_the_same(entry, token):
            self.out.worked_out += (
                entry.computed or bool(modify) or (isinstance(entry.value, str) and "{" in entry.value)
            )
            self.out.originals[".".join(entry.place)] = entry.node
        group = self.out.tree
        for name in entry.place[:-1]:
            group = group.setdefault(name, {})
        group[entry.place[-1]] = token

    def _says_the_same(self, entry: _Entry, token: dict[str, Any]) -> bool:
        """Whether nothing of a token is lost in DTCG: a plain value or a reference, and keys that have a place."""
        known = {"value", "type", "description", "comment", "deprecated", *(key for key in token if key != "$root")}
        node = entry.node if isinstance(entry.node, dict) else {}
        simple = not isinstance(entry.value, (dict, list)) or not complaint(token["$type"], entry.value)
        whole = not isinstance(entry.value, str) or "{" not in entry.value or _ALIAS.fullmatch(entry.value.strip())
        beside = set(node) - known - set(self._children(node) or ())
        return bool(simple and whole and not beside and not {"comment", "description"} <= set(node))


def _reference(place: tuple[str, ...]) -> Any:
    # The published schema knows no $root in braces.
    if "$root" in place:
        return {"$ref": "#/" + "/".join(name.replace("~", "~0").replace("/", "~1") for name in place)}
    return "{" + ".".join(place) + "}"


def _modify(node: Any) -> dict[str, Any]:
    extensions = node.get("$extensions") if isinstance(node, dict) else None
    studio = extensions.get("studio.tokens") if isinstance(extensions, dict) else None
    found = studio.get("modify") if isinstance(studio, dict) else None
    return found if isinstance(found, dict) else {}


def _without_modify(extensions: dict[str, Any]) -> dict[str, Any]:
    """Without the modifier that was worked out: whoever reads the token next would apply it once more."""
    rest = {key: child for key, child in extensions["studio.tokens"].items() if key != "modify"}
    out = {key: child for key, child in extensions.items() if key != "studio.tokens"}
    return {**out, "studio.tokens": rest} if rest else out


def _sum_first(value: Any) -> str:
    """A value as it stands in a longer text: a sum is worked out before another is made of it."""
    text = str(value)
    try:
        number, unit = quantity(text)
    except ValueError:
        return text
    return f"{number}{unit}"


def _clean(name: str, taken: set[str]) -> str:
    """`name` as DTCG allows it, and as no other here is called."""
    base = re.sub(r"[{}.]", "-", name).lstrip("$").strip() or "unnamed"
    out, number = base, 1
    while out in taken:
        number += 1
        out = f"{base}-{number}"
    return out
