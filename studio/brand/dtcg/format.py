"""Design tokens as the DTCG format 2025.10 has them: a nested file in, a flat list of resolved tokens out.

Source: designtokens.org/TR/2025.10/format. Inheritance (`$type`, `$extends`) and references (`{a.b}`, `$ref`) are
resolved here, before anything is validated: a schema that looks at one token at a time passes broken ones.
What other tools write is brought into this form by `studio.brand.dtcg.forms` first.
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
_KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "$schema": (str, "text"),
    "$type": (str, "a word"),
    "$description": (str, "text"),
    "$extensions": (dict, "an object"),
    "$deprecated": ((bool, str), "true, false or text"),
}
_NO_TOKEN = (
    "Expected tokens with $value in groups (DTCG), with value (Tokens Studio, Style Dictionary), "
    'or colours by name like {"primary": "#114da1"}'
)
_ALIAS = re.compile(r"\{([^{}]+)\}")
_MAX_DEPTH = 40
_MAX_CHAIN = 64
_MAX_NODES = 400_000
# How often an $extends may copy: one group that extends two others that extend two others … doubles each time.
_MAX_COPIES = 20_000
# The same for pointers that lead to lists of pointers.
_MAX_STEPS = 500_000
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
class Fault:
    """What is wrong at one place of a file. `path` is dotted and empty for the file as a whole."""

    path: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class TokenFile:
    """A whole file: tokens in file order, file-level `$extensions` and `$description`."""

    tokens: tuple[Token, ...]
    extensions: Mapping[str, Any]
    description: str


def read_tokens(data: dict[str, Any], source: str) -> TokenFile:
    """`data` (parsed JSON) with every type and reference resolved. Raises `BadInput` naming source and token."""
    tokens, faults = resolved(data)
    if faults:
        first = faults[0]
        raise BadInput(f"{source}: {first.path or '(top level)'}: {first.message}", first.hint)
    return TokenFile(tokens, data.get("$extensions", {}), data.get("$description", ""))


def resolved(data: dict[str, Any]) -> tuple[tuple[Token, ...], tuple[Fault, ...]]:
    """The tokens that can be resolved, in file order, and what is wrong with the rest of the file. Raises nothing."""
    fault = size_fault(data)
    if fault:
        return (), (fault,)
    try:
        resolver = _Resolver(data)
    except _Wrong as error:
        return (), (error.fault,)
    tokens = resolver.all_tokens()
    return tuple(tokens), tuple(resolver.faults)


class _Wrong(Exception):
    def __init__(self, path: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.fault = Fault(path, message, hint)


def size_fault(data: Any, nodes: int = _MAX_NODES, deepest: int = _MAX_DEPTH) -> Fault | None:
    """What is wrong with trees that are too deep or too large to walk."""
    stack = [(data, 0)]
    seen = 0
    while stack:
        node, depth = stack.pop()
        seen += 1
        if depth > deepest:
            return Fault("", f"groups are nested deeper than {deepest}", "Expected a flatter token file")
        if seen > nodes:
            return Fault("", f"more than {nodes} values", "Export only the tokens of this brand")
        if isinstance(node, dict):
            stack.extend((child, depth + 1) for child in node.values())
        elif isinstance(node, list):
            stack.extend((child, depth + 1) for child in node)
    return None


def is_token(node: Any) -> bool:
    """Whether a node of the tree is a token and not a group."""
    return isinstance(node, dict) and ("$value" in node or "$ref" in node)


class _Resolver:
    """Walks one tree. Everything found is kept, so that no token is resolved twice."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self.faults: list[Fault] = []
        self.copies = 0
        self.steps = 0
        self.tree = self._extended(tree, (), tree)
        self.raw: dict[str, tuple[Node, str | None]] = {}
        for path, node, inherited in self._walk(self.tree, "", None):
            self.raw[path] = (node, inherited)
        self.done: dict[str, tuple[Any, str | None]] = {}

    # ------------------------------------------------------------------------------------ structure

    def _extended(self, node: dict[str, Any], chain: tuple[str, ...], root: dict[str, Any]) -> dict[str, Any]:
        """`node` with every group's `$extends` merged in: the group's own tokens win, token by token."""
        self.copies += 1
        if self.copies > _MAX_COPIES or len(chain) > _MAX_CHAIN:
            raise _Wrong(chain[-1] if chain else "", "$extends copies far too many groups", "Extend fewer groups")
        out = node
        if "$extends" in node and not is_token(node):
            target = self._group_path(node["$extends"], chain)
            key = ".".join(target)
            if key in chain:
                raise _Wrong(key, f"$extends goes round in a circle: {' → '.join((*chain, key))}", "Break the circle")
            base = at(root, key)
            if not isinstance(base, dict) or is_token(base):
                raise _Wrong(key, "$extends names a group that is not there", "Expected the path of a group")
            out = _merged(self._extended(base, (*chain, key), root), node)
        return {
            name: self._extended(child, chain, root)
            if isinstance(child, dict) and not name.startswith("$") and not is_token(child)
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
        raise _Wrong(where, f"$extends: expected a group like {{brand.colors}}, got {value!r}"[:200])

    def _walk(self, node: Node, path: str, inherited: str | None) -> Iterator[tuple[str, Node, str | None]]:
        kind = node.get("$type", inherited)
        self._check_keys(path, node, _FILE_KEYS if not path else _GROUP_KEYS)
        if not isinstance(kind, str):
            kind = None
        for name, child in node.items():
            here = f"{path}.{name}" if path else name
            if name.startswith("$") and name != "$root":
                continue
            if name != "$root" and (not name or re.search(r"[{}.]", name)):
                self._fault(here, f"the name {name!r} may not be empty or hold a dot or a brace", "Rename it")
            elif not isinstance(child, dict):
                self._fault(here, f"expected an object, got {type(child).__name__}", _NO_TOKEN)
            elif is_token(child):
                self._check_token(here, child)
                yield here, child, kind
            elif name == "$root":
                self._fault(here, "expected a token with $value")
            else:
                yield from self._walk(child, here, kind)

    def _fault(self, path: str, message: str, hint: str = "") -> None:
        self.faults.append(Fault(path, message, hint))

    def _check_keys(self, path: str, node: Node, known: set[str]) -> None:
        for name, child in node.items():
            if not name.startswith("$") or name == "$root":
                continue
            if name not in known:
                self._fault(path, f"unknown key {name}", f"Known here: {', '.join(sorted(known))}")
            elif name in _KINDS and not isinstance(child, _KINDS[name][0]):
                self._fault(path, f"{name}: expected {_KINDS[name][1]}, got {type(child).__name__}")

    def _check_token(self, path: str, node: Node) -> None:
        for name in node:
            if not name.startswith("$"):
                self._fault(path, f"a token cannot hold {name!r}", "A token has $value; a group has tokens; not both")
        self._check_keys(path, node, _TOKEN_KEYS)
        if "$root" in node:
            self._fault(path, "unknown key $root", "A token has $value; a group has $root; not both")
        if "$value" in node and "$ref" in node:
            self._fault(path, "has both $value and $ref", "Keep exactly one of them")

    # ------------------------------------------------------------------------------------ values

    def all_tokens(self) -> list[Token]:
        """Every token that can be resolved, in file order; the others are faults."""
        tokens: list[Token] = []
        for path, (node, _) in self.raw.items():
            try:
                value, kind = self.token(path, ())
            except _Wrong as error:
                fault = error.fault
                where = f"{fault.path}: " if fault.path != path else ""
                self._fault(path, where + fault.message, fault.hint)
                continue
            extensions, description = node.get("$extensions"), node.get("$description")
            kept = extensions if isinstance(extensions, dict) else {}
            tokens.append(Token(path, kind, value, kept, description if isinstance(description, str) else ""))
        return tokens

    def token(self, path: str, chain: tuple[str, ...]) -> tuple[Any, str | None]:
        """The resolved value and type of the token at `path`."""
        if path in self.done:
            return self.done[path]
        if path in chain:
            circle = " → ".join((*chain[chain.index(path) :], path))
            raise _Wrong(path, f"refers to itself: {circle}", "Give one of them a value of its own")
        if len(chain) >= _MAX_CHAIN:
            raise _Wrong(path, f"a chain of more than {_MAX_CHAIN} references", "Refer to the value directly")
        node, inherited = self.raw[path]
        chain = (*chain, path)
        content = node["$value"] if "$value" in node else {"$ref": node["$ref"]}
        target = self._target(content, path)
        if target is not None:
            value, pointed = self.token(target, chain)
        else:
            value, pointed = self._value(content, path, chain, 0), None
        own = node.get("$type")
        kind = own if isinstance(own, str) else pointed or inherited
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
        for candidate in (name, f"{name}.$root"):
            if candidate in self.raw:
                return candidate
        raise _Wrong(path, f"refers to {{{name}}}, which is not there", "Check the spelling; names are case-sensitive")

    def _value(self, content: Any, path: str, chain: tuple[str, ...], depth: int) -> Any:
        """`content` with the references inside it replaced."""
        self.steps += 1
        if depth > _MAX_DEPTH or len(chain) > _MAX_CHAIN or self.steps > _MAX_STEPS:
            raise _Wrong(path, "references are nested too deeply", "Refer to the value directly")
        target = self._target(content, path)
        if target is not None:
            return self.token(target, chain)[0]
        if isinstance(content, dict):
            if "$ref" in content:
                text = self._pointer_text(content["$ref"], path)
                if len(content) > 1:
                    raise _Wrong(path, "$ref stands beside other keys", "Expected $ref alone")
                if text in chain:
                    raise _Wrong(path, f"refers to itself: {' → '.join((*chain, text))}", "Break the circle")
                found = self._point(text, path)
                return self._value(found, path, (*chain, text), depth + 1)
            return {key: self._value(child, path, chain, depth + 1) for key, child in content.items()}
        if isinstance(content, list):
            return [self._value(child, path, chain, depth + 1) for child in content]
        return content

    def _pointer_text(self, value: Any, path: str) -> str:
        if not isinstance(value, str) or not value.startswith("#/"):
            raise _Wrong(path, f"$ref: expected a pointer like #/color/primary, got {value!r}"[:200])
        return value

    def _point(self, text: str, path: str) -> Any:
        """What a JSON Pointer leads to; `…/$value/components/0` may pass through another reference."""
        node: Any = self.tree
        for part in _pointer(text):
            node = self._step(node, part, text, path)
        return node["$value"] if is_token(node) and "$value" in node else node

    def _step(self, node: Any, part: str, text: str, path: str) -> Any:
        if isinstance(node, dict) and part in node:
            return node[part]
        if isinstance(node, list) and part.isascii() and part.isdigit() and int(part[:9]) < len(node):
            return node[int(part[:9])]
        raise _Wrong(path, f"$ref {text} leads nowhere", "Check the pointer's spelling")


def _pointer(text: str) -> tuple[str, ...]:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.removeprefix("#/").split("/"))


def at(root: Any, path: str) -> Any:
    """What lies at a dotted path, or None."""
    node = root
    for part in path.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node


def groups(tree: Node) -> Iterator[tuple[str, Node]]:
    """Every group with its dotted path, the file itself first."""
    stack: list[tuple[str, Node]] = [("", tree)]
    while stack:
        path, node = stack.pop()
        yield path, node
        for name, child in node.items():
            if isinstance(child, dict) and not name.startswith("$") and not is_token(child):
                stack.append((f"{path}.{name}" if path else name, child))


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    out = {key: value for key, value in base.items() if key != "$extends"}
    for key, value in own.items():
        there = out.get(key)
        groups = not key.startswith("$") and not is_token(value) and not is_token(there)
        out[key] = _merged(there, value) if groups and isinstance(there, dict) and isinstance(value, dict) else value
    out.pop("$extends", None)
    return out
