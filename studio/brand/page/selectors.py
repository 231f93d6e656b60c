"""CSS selectors against a page's elements. Parsed by cssselect2; matched here, because its matcher compiles Python.

States that only a visitor's hand brings about (`:hover`, `:focus` …) match nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from cssselect2 import SelectorError, parser
from tinycss2.nth import parse_nth

from studio.brand.page.tree import Element

Specificity = tuple[int, int, int]
_MAX_STEPS = 400
_MAX_NESTING = 6
_ALWAYS = frozenset(("any-link", "link", "enabled", "defined", "read-write", "only-of-type", "host", "is", "where"))
_FIELDS = frozenset(("input", "select", "textarea", "button", "option", "fieldset"))


class Exhausted(Exception):
    """So much was compared that no real page asks for it."""


class Steps:
    """How many comparisons may still be made; those on siblings and ancestors count each of them."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, count: int) -> None:
        """Raises `Exhausted` when none are left."""
        self.left -= count
        if self.left < 0:
            raise Exhausted


class Selector:
    """One complex selector. `key` is what its last part cannot do without: an id, a class, a tag or nothing; `around`
    what has to stand around it, as in `Element.inside`."""

    __slots__ = ("around", "key", "pseudo", "specificity", "tree")

    def __init__(self, parsed: Any) -> None:
        self.tree = parsed.parsed_tree
        self.specificity: Specificity = parsed.specificity
        self.pseudo: str | None = parsed.pseudo_element
        self.key = _key(_last(self.tree))
        self.around = frozenset(_around(self.tree))

    def matches(self, element: Element, steps: Steps) -> bool:
        """Raises `Exhausted`."""
        if self.around and (element.parent is None or not self.around <= element.parent.inside):
            return False
        return _matches(self.tree, element, 0, steps)


def read_selectors(tokens: Sequence[Any] | str) -> list[Selector]:
    """The selectors of a rule. One that is not understood drops the whole rule, as in a browser: an empty list."""
    try:
        return [Selector(found) for found in parser.parse(tokens)]
    # The parser leans on its tokens' shape and on recursion; whatever it stumbles over is no selector.
    except (SelectorError, RecursionError, AttributeError, TypeError, ValueError):
        return []


def _last(tree: Any) -> Any:
    return tree.right if isinstance(tree, parser.CombinedSelector) else tree


def _around(tree: Any) -> Iterator[str]:
    """What the ancestors must have, for any element the selector can match."""
    while isinstance(tree, parser.CombinedSelector):
        sibling = tree.combinator in ("+", "~")
        tree = tree.left
        mark, name = _key(_last(tree))
        if mark and not sibling:
            yield mark + name


def _key(compound: Any) -> tuple[str, str]:
    best = ("", "")
    for simple in compound.simple_selectors:
        if isinstance(simple, parser.IDSelector):
            return "#", simple.ident
        if isinstance(simple, parser.ClassSelector):
            best = (".", simple.class_name)
        elif isinstance(simple, parser.LocalNameSelector) and not best[0]:
            best = ("<", simple.lower_local_name)
    return best


def _matches(tree: Any, element: Element, depth: int, steps: Steps) -> bool:
    """Right to left. Of several ancestors that fit, each is tried for a descendant combinator."""
    if depth > _MAX_NESTING:
        return False
    if not isinstance(tree, parser.CombinedSelector):
        return _compound(tree, element, depth, steps)
    if not _compound(tree.right, element, depth, steps):
        return False
    # Waiting: a selector still to match and the elements its last part may be. Bounded for `a b c d …` on deep pages.
    waiting = [(tree.left, other) for other in _related(tree.combinator, element, steps)]
    for _ in range(_MAX_STEPS):
        if not waiting:
            return False
        left, other = waiting.pop()
        if not isinstance(left, parser.CombinedSelector):
            if _compound(left, other, depth, steps):
                return True
        elif _compound(left.right, other, depth, steps):
            waiting += [(left.left, further) for further in _related(left.combinator, other, steps)]
    return False


def _related(combinator: str, element: Element, steps: Steps) -> list[Element]:
    if element.parent is None:
        return []
    if combinator == ">":
        return [element.parent]
    if combinator == "+":
        return [element.parent.elements[element.index - 1]] if element.index else []
    found = list(element.ancestors()) if combinator == " " else element.parent.elements[: element.index]
    steps.take(len(found))
    return found


def _compound(compound: Any, element: Element, depth: int, steps: Steps) -> bool:
    steps.take(1)
    return all(_TESTS.get(type(simple), _never)(simple, element, depth, steps) for simple in compound.simple_selectors)


def _never(_simple: Any, _element: Element, _depth: int, _steps: Steps) -> bool:
    return False


def _local_name(simple: Any, element: Element, _depth: int, _steps: Steps) -> bool:
    return element.tag.lower() == simple.lower_local_name


def _id(simple: Any, element: Element, _depth: int, _steps: Steps) -> bool:
    return element.attributes.get("id") == simple.ident


def _class(simple: Any, element: Element, _depth: int, _steps: Steps) -> bool:
    return simple.class_name in element.classes


def _attribute(simple: Any, element: Element, _depth: int, _steps: Steps) -> bool:
    value = element.attributes.get(simple.lower_name, element.attributes.get(simple.name))
    if value is None or simple.operator is None:
        return value is not None
    wanted = simple.value
    if simple.case_sensitive is False or simple.lower_name in ("type", "rel", "lang", "dir", "media", "method"):
        value, wanted = value.lower(), wanted.lower()
    match simple.operator:
        case "=":
            return value == wanted
        case "~=":
            return bool(wanted) and wanted in value.split()
        case "|=":
            return value == wanted or value.startswith(wanted + "-")
        case "^=":
            return bool(wanted) and value.startswith(wanted)
        case "$=":
            return bool(wanted) and value.endswith(wanted)
    return bool(wanted) and wanted in value


def _pseudo(simple: Any, element: Element, _depth: int, steps: Steps) -> bool:
    match simple.name:
        case "root" | "scope":
            return element.parent is None
        case "link" | "any-link":
            return element.tag == "a" and "href" in element.attributes
        case "empty":
            return not any(child if isinstance(child, str) else True for child in element.children)
        case "first-child":
            return element.index == 0
        case "last-child" | "only-child":
            siblings = element.parent.elements if element.parent else [element]
            return siblings[-1] is element and (simple.name == "last-child" or len(siblings) == 1)
        case "first-of-type" | "last-of-type" | "only-of-type":
            siblings = _alike(element, steps)
            first, last = siblings[0] is element, siblings[-1] is element
            return {"first-of-type": first, "last-of-type": last}.get(simple.name, first and last)
        case "checked":
            return "checked" in element.attributes or "selected" in element.attributes
        case "disabled":
            return element.tag in _FIELDS and "disabled" in element.attributes
    return simple.name in _ALWAYS


def _functional(simple: Any, element: Element, _depth: int, steps: Steps) -> bool:
    if not simple.name.startswith("nth-"):
        return False
    steps.take(10)  # reading the formula costs about as much as ten comparisons
    read = parse_nth([token for token in simple.arguments if token.type != "comment"])
    if read is None:
        return False
    if simple.name.endswith("of-type"):
        siblings = _alike(element, steps)
        place = next(i for i, other in enumerate(siblings) if other is element)
    else:
        siblings, place = _siblings(element), element.index
    if "last" in simple.name:
        place = len(siblings) - 1 - place
    step, offset = read
    beyond = place + 1 - offset
    return beyond == 0 if step == 0 else beyond % step == 0 and beyond // step >= 0


def _siblings(element: Element) -> list[Element]:
    return element.parent.elements if element.parent else [element]


def _alike(element: Element, steps: Steps) -> list[Element]:
    """The siblings of its own tag."""
    siblings = _siblings(element)
    steps.take(len(siblings))
    return [other for other in siblings if other.tag == element.tag]


def _negation(simple: Any, element: Element, depth: int, steps: Steps) -> bool:
    return not _any_of(simple, element, depth, steps)


def _any_of(simple: Any, element: Element, depth: int, steps: Steps) -> bool:
    return any(_matches(inner.parsed_tree, element, depth + 1, steps) for inner in simple.selector_list)


def _has(simple: Any, element: Element, depth: int, steps: Steps) -> bool:
    if depth:
        return False
    for relative in simple.selector_list:
        below = list(islice(element.walk(), 1, 500)) if relative.combinator == " " else element.elements
        steps.take(len(below))
        if relative.combinator in " >" and any(
            _matches(relative.selector.parsed_tree, e, depth + 1, steps) for e in below
        ):
            return True
    return False


_TESTS: dict[type, Callable[[Any, Element, int, Steps], bool]] = {
    parser.LocalNameSelector: _local_name,
    parser.IDSelector: _id,
    parser.ClassSelector: _class,
    parser.AttributeSelector: _attribute,
    parser.PseudoClassSelector: _pseudo,
    parser.FunctionalPseudoClassSelector: _functional,
    parser.NegationSelector: _negation,
    parser.MatchesAnySelector: _any_of,
    parser.SpecificityAdjustmentSelector: _any_of,
    parser.RelationalSelector: _has,
}
