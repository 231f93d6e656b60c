"""What other tools call tokens, as one tree in the shape of DTCG 2025.10.

Read are: DTCG and its older drafts, Tokens Studio (with and without dollars, sets, themes, sums, modifiers), Style
Dictionary (version 3 and 4), plain maps of colours (flat, or nested as in a Tailwind theme). Where the tree cannot say
what was written, the original lies beside it, so that nothing is lost.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.brand.dtcg.check import complaint, findings
from studio.brand.dtcg.foreign import Foreign, foreign_tokens
from studio.brand.dtcg.format import TYPES, Fault, at, is_token, resolved, size_fault
from studio.brand.dtcg.literals import STUDIO_TYPES, dtcg_value, guessed_type
from studio.brand.dtcg.modes import chosen_sets, modes_aside, one_mode
from studio.errors import BadInput

_EXPECTED = (
    "Expected design tokens as JSON: DTCG ($value), Tokens Studio or Style Dictionary (value), "
    'or colours by name like {"primary": "#114da1"}'
)
# What a conversion writes is larger than what it read, and has to be readable in turn.
_MAX_FOREIGN = 40_000
_MAX_FOREIGN_DEPTH = 30


@dataclass
class Forms:
    """A token file brought into DTCG's shape.

    `originals` holds, by path, what other tools wrote where the tree says it otherwise or not at all. `aside` holds
    the paths of groups that belong to a mode not taken (dark), `light` those of the mode that is.
    """

    tree: dict[str, Any]
    foreign: bool = False
    originals: dict[str, Any] = field(default_factory=dict)
    aside: frozenset[str] = frozenset()
    light: frozenset[str] = frozenset()
    sets: tuple[str, ...] | None = None
    notes: list[str] = field(default_factory=list)


def as_dtcg(data: Any, source: str) -> Forms:
    """`data` (parsed JSON, left as it is) in DTCG's shape. Values that no rule fits stay as they are, to be named.

    Raises `BadInput` naming `source` where it is no token file, or one too large or too deep.
    """
    if not isinstance(data, dict):
        raise BadInput(f"{source}: expected an object of tokens, got {type(data).__name__}", _EXPECTED)
    _refuse(size_fault(data), source)
    if isinstance(data.get("resolutionOrder"), list):
        raise BadInput(
            f"{source} is a DTCG resolver: it names token files and holds none", "Import one of the files it names"
        )
    kind = _form(data)
    if kind is None:
        forms = _modern(data)
    else:
        _refuse(size_fault(data, _MAX_FOREIGN, _MAX_FOREIGN_DEPTH), source)
        forms = _foreign(data, kind)
    forms.aside, forms.light = modes_aside(forms.tree, forms.sets)
    return forms


def valid_tree(forms: Forms) -> dict[str, Any]:
    """The tree without the tokens that DTCG 2025.10 does not allow; those go to `originals`. Changes `forms`."""
    while True:
        removed = 0
        for fault in findings(forms.tree):
            removed += _take_out(forms, fault.path)
        if not removed:
            return forms.tree


def _take_out(forms: Forms, path: str) -> bool:
    group, _, name = path.rpartition(".")
    parent = at(forms.tree, group) if group else forms.tree
    node = parent.get(name) if path and isinstance(parent, dict) else parent
    if isinstance(node, dict) and not is_token(node):
        return _set_right(forms, path, node)
    if not isinstance(parent, dict) or not is_token(parent.get(name)):
        return False
    forms.originals.setdefault(path, parent.pop(name))
    return True


def _set_right(forms: Forms, path: str, group: dict[str, Any]) -> bool:
    if isinstance(group.get("$extends"), dict):
        group["$extends"] = group["$extends"].get("$ref")
    elif isinstance(group.get("$type"), str) and group["$type"] not in TYPES:
        forms.originals.setdefault(f"{path}.$type" if path else "$type", group.pop("$type"))
    else:
        return False
    return True


def _refuse(fault: Fault | None, source: str) -> None:
    if fault:
        raise BadInput(f"{source}: {fault.message}", fault.hint)


def _form(data: dict[str, Any]) -> str | None:
    """Which foreign form a tree is in; None for DTCG, and for what is no token file at all."""
    dollar, old, studio = False, False, "$themes" in data or "$metadata" in data
    colours = False
    stack: list[tuple[str, Any]] = [("", data)]
    while stack:
        path, node = stack.pop()
        if isinstance(node, dict):
            dollar = dollar or "$value" in node or "$ref" in node
            old = old or ("value" in node and ("type" in node or not isinstance(node["value"], (dict, list))))
            kind = node.get("$type")
            extensions = node.get("$extensions")
            studio = studio or (isinstance(kind, str) and kind in STUDIO_TYPES)
            mark = extensions.get("studio.tokens") if isinstance(extensions, dict) else None
            studio = studio or (isinstance(mark, dict) and isinstance(mark.get("modify"), dict))
            stack.extend((f"{path}.{key}", child) for key, child in node.items() if not key.startswith("$ex"))
        elif not colours:
            colours = guessed_type(path, node) in ("color", "fontFamily")
    if dollar:
        return "studio" if studio else None
    return "old" if old else "plain" if colours and not any(key.startswith("$") for key in data) else None


# ---------------------------------------------------------------------------------------------- DTCG and its drafts


def _modern(data: dict[str, Any]) -> Forms:
    forms = Forms(copy.deepcopy(data))
    tokens, _ = resolved(forms.tree)
    changed: dict[str, list[str]] = {}
    modes = 0
    for token in tokens:
        node = at(forms.tree, token.path)
        if not is_token(node):
            continue
        modes += _has_modes(token.extensions)
        raw = node.get("$value")
        if token.type is None or raw is None or _is_reference(raw) or not complaint(token.type, token.value):
            continue
        chosen, picked = one_mode(raw)
        modes += chosen
        try:
            kind, value = dtcg_value(token.type, picked, _written)
        except ValueError:
            continue
        if isinstance(raw, (dict, list)):
            forms.originals[token.path] = copy.deepcopy(node)
        node["$value"] = value
        changed.setdefault("sizes" if "px" in str(raw)[:400] else kind, []).append(token.path)
    for kind, example in (("color", '"#112233"'), ("sizes", '"16px"')):
        if paths := changed.pop(kind, []):
            what = "colours" if kind == "color" else "sizes"
            forms.notes.append(
                f"{len(paths)} {what} are written in the old form like {example} ({paths[0]}): read all the same"
            )
    if rest := [path for paths in changed.values() for path in paths]:
        forms.notes.append(f"{len(rest)} values were not as the format wants them and were set right ({rest[0]})")
    if modes:
        forms.notes.append(f"{modes} tokens have several modes: the default or light one is taken")
    return forms


def _written(kind: str, raw: Any) -> Any:
    return raw if _is_reference(raw) else dtcg_value(kind, raw, _written)[1]


def _is_reference(raw: Any) -> bool:
    if isinstance(raw, dict):
        return "$ref" in raw
    return isinstance(raw, str) and re.fullmatch(r"\{[^{}]+\}", raw) is not None


def _has_modes(extensions: Mapping[str, Any]) -> bool:
    inner = [extensions, *(child for child in extensions.values() if isinstance(child, dict))]
    return any(
        key.rpartition(".")[2] in ("mode", "modes") and isinstance(part[key], dict) for part in inner for key in part
    )


# ---------------------------------------------------------------------------------------------- other tools


def _foreign(data: dict[str, Any], kind: str) -> Forms:
    theme = chosen_sets(data)
    found: Foreign = foreign_tokens(copy.deepcopy(data), plain=kind == "plain", theme=theme)
    said = {
        "studio": "Tokens Studio's form with sets and types of its own: read, and written back as DTCG",
        "old": "Tokens Studio's or Style Dictionary's older form (value without dollar): read, written back as DTCG",
        "plain": "Plain values by name: types are told from how the values are written, and written back as DTCG",
    }
    forms = Forms(found.tree, True, found.originals, notes=[said[kind]])
    forms.sets = tuple(found.names[name] for name in theme if name in found.names) if theme else None
    if found.unsaid:
        shown = ", ".join(found.unsaid[:3])
        forms.notes.append(
            f"{len(found.unsaid)} values that DTCG cannot say, or that lead nowhere, are kept aside: {shown}"
        )
    if found.worked_out:
        forms.notes.append(f"{found.worked_out} sums, modified colours and mode values were worked out")
    return forms
