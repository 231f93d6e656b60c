"""Which rule wins for each element: cascade, inheritance and custom properties (CSS Cascade 5), for what paints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import tinycss2

from studio.brand.page.css_values import colours_in, font_shorthand, images_apart, layers, resolved, urls_in
from studio.brand.page.selectors import Exhausted, Selector, Steps
from studio.brand.page.sheets import Declaration, Rule, Sheets, bounded
from studio.brand.page.tree import Element, Page
from studio.color import rgb_of

_INHERITED = ("color", "font-family", "font-size", "font-weight", "visibility", "fill", "stroke", "text-transform")
_FOLLOWED = {
    *_INHERITED, "background-color", "background-image", "background-clip", "-webkit-background-clip", "border-color",
    "display", "opacity", "content", "mask-image", "-webkit-mask-image", "text-indent", "position", "width", "height",
    "-webkit-text-fill-color", "clip", "clip-path", "background-size", "background-position", "max-width",
}  # fmt: skip
_INLINE = (1, 0, 0, 0)
# Comparisons for one page: about two seconds of a core. Pages of frameworks with 2,000 elements take a tenth of it.
_MAX_STEPS = 2_000_000


@dataclass(frozen=True, slots=True)
class Won:
    """A property's winning value, with its variables written out, and where it stands."""

    value: str
    sheet: str
    place: str
    """The selector, or `style=""`."""


@dataclass(eq=False, slots=True)
class Style:
    """What is declared for an element and won; `variables` are its custom properties, inherited ones included."""

    own: dict[str, Won] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    before: dict[str, Won] = field(default_factory=dict)
    after: dict[str, Won] = field(default_factory=dict)
    dark: dict[str, Won] = field(default_factory=dict)
    """What wins on a screen set to dark."""

    def get(self, name: str) -> str:
        won = self.own.get(name)
        return won.value if won else ""


@dataclass(frozen=True, slots=True)
class _Entry:
    selector: Selector
    rule: Rule
    order: int


def cascade(page: Page, sheets: Sheets) -> dict[int, Style]:
    """The style of every element, by `id()` of the element."""
    index = _Index(sheets.rules, page)
    styles: dict[int, Style] = {}
    steps = Steps(_MAX_STEPS)
    for element in page.elements:
        above = styles.get(id(element.parent)) if element.parent is not None else None
        try:
            entries = index.entries(element, steps)
        except Exhausted:
            sheets.cut_short = True
            entries = []
        styles[id(element)] = _styled(element, above, entries)
    return styles


class _Index:
    """Rules by what their selector cannot do without; those that name nothing on the page are left out."""

    def __init__(self, rules: Iterable[Rule], page: Page) -> None:
        self.by_key: dict[tuple[str, str], list[_Entry]] = {}
        present = {("", "")} | {("<", element.tag.lower()) for element in page.elements}
        present |= {(".", name) for element in page.elements for name in element.classes}
        present |= {("#", element.attributes["id"]) for element in page.elements if "id" in element.attributes}
        for order, rule in enumerate(rules):
            for selector in rule.selectors:
                if selector.key in present and selector.pseudo in (None, "before", "after"):
                    self.by_key.setdefault(selector.key, []).append(_Entry(selector, rule, order))

    def entries(self, element: Element, steps: Steps) -> list[_Entry]:
        """The rules that match. What each of them declares counts as steps too. Raises `Exhausted`."""
        found: list[_Entry] = []
        keys = [("", ""), ("<", element.tag.lower()), ("#", element.attributes.get("id", ""))]
        for key in [*keys, *((".", name) for name in element.classes)]:
            for entry in self.by_key.get(key, ()):
                if entry.selector.matches(element, steps):
                    steps.take(4 * len(entry.rule.declarations))
                    found.append(entry)
        return found


_Ranked = tuple[tuple[bool, int, tuple[int, ...], int], Declaration, str, str]


def _styled(element: Element, above: Style | None, entries: list[_Entry]) -> Style:
    ranked: dict[str, list[_Ranked]] = {"": [], "before": [], "after": [], "dark": []}
    for entry in entries:
        rule = entry.rule
        pile = ranked["dark" if rule.dark and not entry.selector.pseudo else entry.selector.pseudo or ""]
        if rule.dark and entry.selector.pseudo:
            continue
        for declaration in rule.declarations:
            key = (declaration.important, rule.layer, (0, *entry.selector.specificity), entry.order)
            pile.append((key, declaration, rule.sheet, rule.prelude))
    ranked[""] += _inline(element)
    style = Style()
    style.variables = _variables(ranked[""], above.variables if above else {})
    style.own = _winners(ranked[""], style.variables)
    for pseudo in ("before", "after"):
        if ranked[pseudo]:
            variables = _variables(ranked[pseudo], style.variables)
            setattr(style, pseudo, _winners(ranked[pseudo], variables))
    if ranked["dark"]:
        variables = _variables(ranked["dark"], style.variables)
        style.dark = _winners(ranked["dark"], variables)
    return style


def _inline(element: Element) -> Iterator[_Ranked]:
    text = element.attributes.get("style", "")
    if not text:
        return
    items = tinycss2.parse_blocks_contents(bounded(text[:20_000]), skip_comments=True, skip_whitespace=True)
    for order, item in enumerate(items):
        if item.type == "declaration":
            name = item.name if item.name.startswith("--") else item.lower_name
            declared = Declaration(name, item.value, item.important)
            yield (item.important, 1_000_001, _INLINE, order), declared, "", "style="


def _variables(ranked: list[_Ranked], inherited: dict[str, str]) -> dict[str, str]:
    own = [entry for entry in ranked if entry[1].name.startswith("--")]
    if not own:
        return inherited
    own.sort(key=lambda entry: entry[0])
    raw = {declaration.name: declaration.value for _, declaration, _, _ in own}
    merged = {**inherited, **raw}
    for name, value in raw.items():
        if "var(" in value:
            # A variable that names itself, or nothing, is as good as not set.
            others = {key: text for key, text in merged.items() if key != name}
            put = resolved(value, others)
            if put is None:
                merged.pop(name, None)
            else:
                merged[name] = put
    return merged


def _winners(ranked: list[_Ranked], variables: Mapping[str, str]) -> dict[str, Won]:
    won: dict[str, Won] = {}
    for _, declaration, sheet, place in sorted(ranked, key=lambda entry: entry[0]):
        name = declaration.name
        if name.startswith("--"):
            continue
        value = resolved(declaration.value, variables)
        if value is None:
            continue
        for longhand, text in _longhands(name, value):
            if longhand in _FOLLOWED:
                won[longhand] = Won(text, sheet, place)
    return won


def _longhands(name: str, value: str) -> Iterable[tuple[str, str]]:
    """A declaration as the longhands this reader follows."""
    match name:
        case "background":
            return _background(value)
        case "font":
            return font_shorthand(value).items()
        case "border" | "border-top" | "border-bottom" | "border-left" | "border-right" | "border-top-color" | \
            "border-bottom-color" | "border-left-color" | "border-right-color":  # fmt: skip
            bare = "none" in value or value.strip() in ("0", "0px")
            found = colours_in(value)
            return [("border-color", "" if bare else value)] if found or bare else []
        case "mask" | "-webkit-mask":
            return [("mask-image", value)] if urls_in(value) else []
    return [(name, value)]


def _background(value: str) -> list[tuple[str, str]]:
    """The shorthand sets both: what it does not name is none. Only its last layer may hold the colour."""
    *front, last = layers(value)
    image, rest = images_apart(last)
    images = ", ".join([*front, *([image] if image else [])]) or "none"
    words = rest.lower().split()
    color = next((word for word in words if word in ("transparent", "currentcolor", "inherit")), "transparent")
    if found := colours_in(rest):
        (red, green, blue), alpha = rgb_of(found[-1][0]), found[-1][1]
        color = f"rgb({red} {green} {blue} / {alpha:.4g})"
    return [("background-color", color), ("background-image", images)]
