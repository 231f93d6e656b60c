"""Design tokens as the DTCG format 2025.10 has them: a nested file in, a flat list of resolved tokens out.

Source: designtokens.org/TR/2025.10/format. Inheritance (`$type`, `$extends`) and references (`{a.b}`, `$ref`) are
resolved here, before anything is validated: a schema that looks at one token at a time passes broken ones.
Tokens Studio's own form (`value`, `type` without the dollar; sets; sums) is read as well and said so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.errors import BadInput

TYPES = frozenset(
    (
        *("color", "dimension", "fontFamily", "fontWeight", "duration", "cubicBezier", "number", "strokeStyle"),
        *("border", "transition", "shadow", "gradient", "typography"),
    )
)
_TOKEN_KEYS = {"$value", "$ref", "$type", "$description", "$extensions", "$deprecated"}
_GROUP_KEYS = {"$type", "$description", "$extensions", "$extends", "$deprecated", "$root"}
_FILE_KEYS = _GROUP_KEYS | {"$schema"}
_ALIAS = re.compile(r"\{([^{}]+)\}")
_MAX_DEPTH = 40
_MAX_CHAIN = 64
_MAX_NODES = 100_000
# How often an $extends may copy: one group that extends two others that extend two others … doubles each time.
_MAX_COPIES = 20_000
# The same for pointers that lead to lists of pointers.
_MAX_STEPS = 500_000
_STUDIO_TYPES = {
    "fontFamilies": "fontFamily",
    "fontWeights": "fontWeight",
    "fontSizes": "dimension",
    "spacing": "dimension",
    "sizing": "dimension",
    "borderRadius": "dimension",
    "borderWidth": "dimension",
    "letterSpacing": "dimension",
    "lineHeights": "number",
    "opacity": "number",
}

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Token:
    """One resolved token. `path` is dotted; `value` holds no reference any more; `type` is None where none is given."""

    path: str
    type: str | None
    value: Any
    extensions: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True)
class TokenFile:
    """A whole file: tokens in file order, file-level `$extensions` and `$description`, what the reader noticed."""

    tokens: tuple[Token, ...]
    extensions: Mapping[str, Any]
    description: str
    legacy: bool
    notes: tuple[str, ...]


def read_tokens(data: Any, source: str) -> TokenFile:
    """`data` (parsed JSON) with every type and reference resolved. Raises `BadInput` naming source and token."""
    if not isinstance(data, dict):
        raise BadInput(
            f"{source}: expected an object of tokens, got {type(data).__name__}", "Export the tokens as JSON"
        )
    _check_size(data, source)
    notes: list[str] = []
    legacy = is_legacy(data)
    tree: dict[str, Any] = data
    if legacy:
        tree = _from_studio(data)
        notes.append("Tokens Studio's older form (value and type without the dollar): read, and written back as DTCG")
    dropped = [key for key in ("$themes", "$metadata") if tree.get(key) is not None]
    if dropped:
        tree = {key: value for key, value in tree.items() if key not in dropped}
        notes.append(f"{' and '.join(dropped)} belong to Tokens Studio: themes are not used")
    resolver = _Resolver(tree, source, legacy)
    tokens, unresolved = resolver.all_tokens()
    if unresolved:
        shown = ", ".join(unresolved[:3])
        notes.append(f"{len(unresolved)} tokens hold sums or references that lead nowhere and are left out: {shown}")
    description = tree.get("$description", "")
    return TokenFile(tuple(tokens), _extensions(tree, source), str(description), legacy, tuple(notes))


def is_legacy(data: Any) -> bool:
    """Whether a tree is in Tokens Studio's form: `value` and `type`, no `$value` anywhere."""
    old = False
    stack = [data]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if "$value" in node or "$ref" in node:
                return False
            old = old or ("value" in node and isinstance(node.get("type"), str))
            stack.extend(value for key, value in node.items() if key not in ("$extensions", "$themes"))
    return old


def _check_size(data: Any, source: str) -> None:
    stack = [(data, 0)]
    seen = 0
    while stack:
        node, depth = stack.pop()
        seen += 1
        if depth > _MAX_DEPTH:
            raise BadInput(f"{source}: groups are nested deeper than {_MAX_DEPTH}", "Expected a flatter token file")
        if seen > _MAX_NODES:
            raise BadInput(f"{source}: more than {_MAX_NODES} values", "Export only the tokens of this brand")
        if isinstance(node, dict):
            stack.extend((child, depth + 1) for child in node.values())
        elif isinstance(node, list):
            stack.extend((child, depth + 1) for child in node)


def _from_studio(node: Node) -> dict[str, Any]:
    if "value" in node and "type" in node and isinstance(node["type"], str):
        kind = _STUDIO_TYPES.get(node["type"], node["type"])
        out: dict[str, Any] = {"$value": node["value"], "$type": kind}
        if isinstance(node.get("description"), str):
            out["$description"] = node["description"]
        if isinstance(node.get("$extensions"), dict):
            out["$extensions"] = node["$extensions"]
        return out
    out = {}
    for name, child in node.items():
        if name.startswith("$"):
            out[name] = child
        elif isinstance(child, dict):
            out[name] = _from_studio(child)
    return out


def _extensions(node: Node, where: str) -> Mapping[str, Any]:
    found = node.get("$extensions", {})
    if not isinstance(found, dict):
        raise BadInput(f"{where}: $extensions: expected an object, got {type(found).__name__}")
    return found


def _is_token(node: Any) -> bool:
    return isinstance(node, dict) and ("$value" in node or "$ref" in node)


class _Resolver:
    """Walks one tree. Everything found is kept, so that no token is resolved twice."""

    def __init__(self, tree: dict[str, Any], source: str, legacy: bool) -> None:
        self.source = source
        self.legacy = legacy
        self.copies = 0
        self.steps = 0
        self.tree = self._extended(tree, (), tree)
        self.sets = [key for key, value in self.tree.items() if isinstance(value, dict) and not _is_token(value)]
        self.raw: dict[str, tuple[Node, str | None]] = {}
        for path, node, inherited in self._walk(self.tree, "", None):
            self.raw[path] = (node, inherited)
        self.done: dict[str, tuple[Any, str | None]] = {}

    def fail(self, path: str, what: str, hint: str = "") -> BadInput:
        return BadInput(f"{self.source}: {path or '(top level)'}: {what}", hint)

    # ------------------------------------------------------------------------------------ structure

    def _extended(self, node: dict[str, Any], chain: tuple[str, ...], root: dict[str, Any]) -> dict[str, Any]:
        """`node` with every group's `$extends` merged in: the group's own tokens win, token by token."""
        self.copies += 1
        if self.copies > _MAX_COPIES or len(chain) > _MAX_CHAIN:
            raise self.fail(chain[-1] if chain else "", "$extends copies far too many groups", "Extend fewer groups")
        out = node
        if "$extends" in node and not _is_token(node):
            target = self._group_path(node["$extends"], chain)
            key = ".".join(target)
            if key in chain:
                raise self.fail(
                    key, f"$extends goes round in a circle: {' → '.join((*chain, key))}", "Break the circle"
                )
            base = _at(root, target)
            if not isinstance(base, dict) or _is_token(base):
                raise self.fail(key, "$extends names a group that is not there", "Expected the path of a group")
            out = _merged(self._extended(base, (*chain, key), root), node)
        return {
            name: self._extended(child, chain, root)
            if isinstance(child, dict) and not name.startswith("$") and not _is_token(child)
            else child
            for name, child in out.items()
        }

    def _group_path(self, value: Any, chain: tuple[str, ...]) -> tuple[str, ...]:
        if isinstance(value, dict) and isinstance(value.get("$ref"), str):
            value = value["$ref"]
        if isinstance(value, str):
            match = _ALIAS.fullmatch(value)
            if match:
                return tuple(match[1].split("."))
            if value.startswith("#/"):
                return _pointer(value)
        where = chain[-1] if chain else ""
        raise self.fail(where, f"$extends: expected a group like {{brand.colors}}, got {value!r}"[:200])

    def _walk(self, node: Node, path: str, inherited: str | None) -> Iterator[tuple[str, Node, str | None]]:
        kind = node.get("$type", inherited)
        if kind is not None and not isinstance(kind, str):
            raise self.fail(path, f"$type: expected a word, got {type(kind).__name__}")
        known = _FILE_KEYS if not path else _GROUP_KEYS
        for name, child in node.items():
            here = f"{path}.{name}" if path else name
            if name.startswith("$") and name != "$root":
                self._check_key(path, name, child, known)
                continue
            if not self.legacy and name != "$root" and (not name or re.search(r"[{}.]", name)):
                raise self.fail(here, f"the name {name!r} may not be empty or hold a dot or a brace", "Rename it")
            if not isinstance(child, dict):
                hint = "Expected a token with $value, or a group of tokens"
                raise self.fail(here, f"expected an object, got {type(child).__name__}", hint)
            if _is_token(child):
                self._check_token(here, child)
                yield here, child, kind
            elif name == "$root":
                raise self.fail(here, "expected a token with $value")
            else:
                yield from self._walk(child, here, kind)

    def _check_key(self, path: str, name: str, child: Any, known: set[str]) -> None:
        if name not in known:
            raise self.fail(path, f"unknown key {name}", f"Known here: {', '.join(sorted(known))}")
        if name == "$extensions" and not isinstance(child, dict):
            raise self.fail(path, f"$extensions: expected an object, got {type(child).__name__}")
        if name == "$description" and not isinstance(child, str):
            raise self.fail(path, f"$description: expected text, got {type(child).__name__}")

    def _check_token(self, path: str, node: Node) -> None:
        for name, child in node.items():
            if not name.startswith("$"):
                raise self.fail(
                    path, f"a token cannot hold {name!r}", "A token has $value; a group has tokens; not both"
                )
            self._check_key(path, name, child, _TOKEN_KEYS)
        if "$value" in node and "$ref" in node:
            raise self.fail(path, "has both $value and $ref", "Keep exactly one of them")

    # ------------------------------------------------------------------------------------ values

    def all_tokens(self) -> tuple[list[Token], list[str]]:
        """Every token resolved, in file order; and the paths that could not be, where the old form allows that."""
        tokens: list[Token] = []
        unresolved: list[str] = []
        for path, (node, _) in self.raw.items():
            try:
                value, kind = self.token(path, ())
            except BadInput:
                # Tokens Studio exports hold sums and sets that are switched off; one of them must not cost the rest.
                if not self.legacy:
                    raise
                unresolved.append(path)
                continue
            if self.legacy and isinstance(value, str) and _ALIAS.search(value):
                unresolved.append(path)
                continue
            tokens.append(Token(path, kind, value, _extensions(node, path), str(node.get("$description", ""))))
        return tokens, unresolved

    def token(self, path: str, chain: tuple[str, ...]) -> tuple[Any, str | None]:
        """The resolved value and type of the token at `path`."""
        if path in self.done:
            return self.done[path]
        if path in chain:
            circle = " → ".join((*chain[chain.index(path) :], path))
            raise self.fail(path, f"refers to itself: {circle}", "Give one of them a value of its own")
        if len(chain) >= _MAX_CHAIN:
            raise self.fail(path, f"a chain of more than {_MAX_CHAIN} references", "Refer to the value directly")
        node, inherited = self.raw[path]
        chain = (*chain, path)
        content = node["$value"] if "$value" in node else {"$ref": node["$ref"]}
        target = self._target(content, path)
        if target is not None:
            value, pointed = self.token(target, chain)
        else:
            value, pointed = self._value(content, path, chain, 0), None
        kind = node.get("$type") or pointed or inherited
        self.done[path] = (value, kind)
        return value, kind

    def _target(self, content: Any, path: str) -> str | None:
        """The token that a whole value refers to, if it refers to one."""
        if isinstance(content, str) and (match := _ALIAS.fullmatch(content)):
            return self._find(match[1], path)
        if isinstance(content, dict) and set(content) == {"$ref"}:
            parts = _pointer(self._pointer_text(content["$ref"], path))
            whole = ".".join(parts[:-1] if parts and parts[-1] == "$value" else parts)
            return whole if whole in self.raw else None
        return None

    def _find(self, name: str, path: str) -> str:
        candidates = [name, f"{name}.$root"]
        if self.legacy:
            own = path.split(".", 1)[0]
            candidates += [f"{group}.{name}" for group in (own, *self.sets)]
        for candidate in candidates:
            if candidate in self.raw:
                return candidate
        raise self.fail(
            path, f"refers to {{{name}}}, which is not there", "Check the spelling; names are case-sensitive"
        )

    def _value(self, content: Any, path: str, chain: tuple[str, ...], depth: int) -> Any:
        """`content` with the references inside it replaced."""
        self.steps += 1
        if depth > _MAX_DEPTH or len(chain) > _MAX_CHAIN or self.steps > _MAX_STEPS:
            raise self.fail(path, "references are nested too deeply", "Refer to the value directly")
        target = self._target(content, path)
        if target is not None:
            return self.token(target, chain)[0]
        if isinstance(content, dict):
            if "$ref" in content:
                text = self._pointer_text(content["$ref"], path)
                if text in chain:
                    raise self.fail(path, f"refers to itself: {' → '.join((*chain, text))}", "Break the circle")
                found = self._point(text, path)
                return self._value(found, path, (*chain, text), depth + 1)
            return {key: self._value(child, path, chain, depth + 1) for key, child in content.items()}
        if isinstance(content, list):
            return [self._value(child, path, chain, depth + 1) for child in content]
        return content

    def _pointer_text(self, value: Any, path: str) -> str:
        if not isinstance(value, str) or not value.startswith("#/"):
            raise self.fail(path, f"$ref: expected a pointer like #/color/primary, got {value!r}"[:200])
        return value

    def _point(self, text: str, path: str) -> Any:
        """What a JSON Pointer leads to; `…/$value/components/0` may pass through another reference."""
        node: Any = self.tree
        for part in _pointer(text):
            node = self._step(node, part, text, path)
        return node["$value"] if _is_token(node) and "$value" in node else node

    def _step(self, node: Any, part: str, text: str, path: str) -> Any:
        if isinstance(node, dict) and part in node:
            return node[part]
        if isinstance(node, list) and part.isascii() and part.isdigit() and int(part[:9]) < len(node):
            return node[int(part[:9])]
        raise self.fail(path, f"$ref {text} leads nowhere", "Check the pointer's spelling")


def _pointer(text: str) -> tuple[str, ...]:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.removeprefix("#/").split("/"))


def _at(root: Node, path: tuple[str, ...]) -> Any:
    node: Any = root
    for part in path:
        node = node.get(part) if isinstance(node, dict) else None
    return node


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    out = {key: value for key, value in base.items() if key != "$extends"}
    for key, value in own.items():
        there = out.get(key)
        groups = not key.startswith("$") and not _is_token(value) and not _is_token(there)
        out[key] = _merged(there, value) if groups and isinstance(there, dict) and isinstance(value, dict) else value
    out.pop("$extends", None)
    return out
