"""A page's style sheets as one flat list of rules: imports followed, nesting and conditions resolved.

Conditions are judged for a visitor at a desk: a light screen of 1440 × 900 px. Rules for dark screens are kept apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import tinycss2

from studio.brand.page.css_values import layers
from studio.brand.page.selectors import Selector, read_selectors
from studio.brand.page.tree import Page, decode
from studio.brand.source.site import Site

SCREEN_PX = (1440, 900)
_MAX_SHEETS = 40
_MAX_IMPORTS = 5
_MAX_RULES = 30_000
_MAX_SHEET_TEXT = 2_000_000
_MAX_NESTING = 6
_MAX_BRACKETS = 100
_BRACKET = re.compile(r"[()\[\]{}]")
_LONG_NUMBER = re.compile(r"\d{60,}")
_KEPT = re.compile(
    r"--|color$|background|border|font|fill|stroke|display|visibility|opacity|content|mask|width$|height$|"
    r"text-(indent|transform|fill)|position|clip|inset|src|unicode-range|-webkit-text-fill"
)
_LENGTH = re.compile(r"(-?[\d.]+)\s*(px|em|rem|ch|pt)?")
_FEATURE = re.compile(r"\(\s*([a-z-]+)\s*:\s*([^()]+?)\s*\)")
_RANGE = re.compile(
    r"\(\s*(?:([\d.]+)\s*(px|em|rem)\s*(<=?)\s*)?(width|height)\s*(?:(<=?|>=?)\s*([\d.]+)\s*(px|em|rem))?\s*\)"
)


@dataclass(frozen=True, eq=False, slots=True)
class Declaration:
    """One property as it stands in a rule; its value is written out only when it is used."""

    name: str
    tokens: Sequence[Any]
    important: bool

    @property
    def value(self) -> str:
        return tinycss2.serialize(self.tokens).strip()


@dataclass(frozen=True, eq=False, slots=True)
class Rule:
    """A rule with its selectors. `sheet` is the address its references are relative to."""

    selectors: list[Selector]
    declarations: list[Declaration]
    prelude: str
    sheet: str
    layer: int
    """Greater beats smaller at equal importance; rules outside `@layer` are in the greatest."""
    dark: bool

    @property
    def place(self) -> str:
        return self.prelude[:80]


@dataclass(eq=False)
class Sheets:
    """All style of a page. `faces` are its `@font-face` rules, `addresses` the style sheets that were linked."""

    rules: list[Rule] = field(default_factory=list)
    faces: list[tuple[dict[str, str], str]] = field(default_factory=list)
    """Descriptors of a face, and the address of its sheet."""
    addresses: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """Sheets that were linked but could not be read."""
    cut_short: bool = False


_UNLAYERED = 1_000_000


@dataclass(frozen=True)
class _Where:
    """Where a rule stands: its sheet, its layer, whether it is for dark screens, how deep."""

    sheet: str
    layer: int = _UNLAYERED
    dark: bool = False
    depth: int = 0


def read_sheets(page: Page, site: Site) -> Sheets:
    """Every style sheet of a page in its order: linked, inline and imported. Never raises."""
    reader = _Reader(site)
    site.read_all(tuple((url, "style") for url, _ in _linked(page, site)))
    linked = {id(element): url for url, element in _linked(page, site)}
    for element in page.elements:
        if any(above.tag == "noscript" for above in element.ancestors()):
            continue
        if element.tag == "style" and applies(element.get("media"))[0]:
            text = "".join(child for child in element.children if isinstance(child, str))
            reader.sheet(text, _Where(page.base, dark=applies(element.get("media"))[1]))
        elif id(element) in linked:
            dark = applies(element.get("media"))[1]
            reader.fetch(linked[id(element)], _Where(linked[id(element)], dark=dark))
    return reader.sheets


def bounded(css: str) -> str:
    """The text up to where its brackets go deeper than any style does, without numbers nobody can mean: the parser
    recurses on both."""
    css = _LONG_NUMBER.sub("0", css[:_MAX_SHEET_TEXT])
    depth = 0
    for match in _BRACKET.finditer(css):
        depth = depth + 1 if match[0] in "([{" else max(0, depth - 1)
        if depth > _MAX_BRACKETS:
            return css[: match.start()]
    return css


def _linked(page: Page, site: Site) -> list[tuple[str, Any]]:
    found = []
    for link in page.by_tag.get("link", ()):
        relations = set(link.get("rel").lower().split())
        late = "onload" in link.attributes
        sheet = "stylesheet" in relations or ("preload" in relations and link.get("as") == "style" and late)
        # A print sheet that turns itself on when it has loaded is the page's style, loaded late.
        if not sheet or "alternate" in relations or not (late or applies(link.get("media"))[0]):
            continue
        if (url := site.resolve(link.get("href"), page.base)) is not None:
            found.append((url, link))
    return found[:_MAX_SHEETS]


class _Reader:
    def __init__(self, site: Site) -> None:
        self.site = site
        self.sheets = Sheets()
        self.layers: dict[str, int] = {}
        self.seen: set[tuple[str, int]] = set()

    def fetch(self, url: str, where: _Where) -> None:
        if (url, where.layer) in self.seen or len(self.seen) >= _MAX_SHEETS:
            return
        self.seen.add((url, where.layer))
        resource = self.site.read(url, "style")
        self.sheets.addresses.append(url)
        if resource is None:
            self.sheets.unread.append(url)
            return
        self.sheet(decode(resource.data, resource.charset), _Where(resource.url, where.layer, where.dark, where.depth))

    def sheet(self, text: str, where: _Where) -> None:
        safe = bounded(text.replace("<!--", " ").replace("-->", " "))
        self.sheets.cut_short |= len(safe) < len(text) // 2
        self.block(tinycss2.parse_stylesheet(safe, skip_comments=True, skip_whitespace=True), where)

    def block(self, rules: Sequence[Any], where: _Where, parent: str = "") -> None:
        for rule in rules:
            if len(self.sheets.rules) >= _MAX_RULES:
                self.sheets.cut_short = True
                return
            if rule.type == "qualified-rule":
                self.rule(rule, where, parent)
            elif rule.type == "at-rule":
                self.at_rule(rule, where, parent)

    def rule(self, rule: Any, where: _Where, parent: str) -> None:
        prelude = tinycss2.serialize(rule.prelude).strip()
        if parent:
            prelude = _nested(prelude, parent)
            selectors = read_selectors(prelude)
        else:
            selectors = read_selectors(rule.prelude)
        if selectors and rule.content is not None:
            self.content(rule.content, selectors, prelude, where)

    def content(self, tokens: Sequence[Any], selectors: list[Selector], prelude: str, where: _Where) -> None:
        declarations: list[Declaration] = []
        inner: list[Any] = []
        for item in tinycss2.parse_blocks_contents(tokens, skip_comments=True, skip_whitespace=True):
            if item.type == "declaration":
                name = item.name if item.name.startswith("--") else item.lower_name
                if _KEPT.search(name):
                    declarations.append(Declaration(name, item.value, item.important))
            elif item.type in ("qualified-rule", "at-rule"):
                inner.append(item)
        if declarations:
            rule = Rule(selectors, declarations, prelude, where.sheet, where.layer, where.dark)
            self.sheets.rules.append(rule)
        if inner and where.depth < _MAX_NESTING:
            below = _Where(where.sheet, where.layer, where.dark, where.depth + 1)
            self.block(inner, below, prelude)

    def at_rule(self, rule: Any, where: _Where, parent: str) -> None:
        name = rule.lower_at_keyword
        condition = tinycss2.serialize(rule.prelude).strip()
        if name == "import" and where.depth < _MAX_IMPORTS:
            self.imported(rule.prelude, where)
        elif name == "font-face" and rule.content is not None:
            self.sheets.faces.append((dict(_descriptors(rule.content)), where.sheet))
        elif name == "layer" and rule.content is None:
            for layer in condition.split(","):
                self.layers.setdefault(layer.strip(), len(self.layers))
        elif rule.content is not None and where.depth < _MAX_NESTING and (held := self.held(name, condition, where)):
            self.inside(rule.content, held, parent)

    def held(self, name: str, condition: str, where: _Where) -> _Where | None:
        """Where the rules inside a conditional at-rule stand; None if its condition does not hold."""
        layer, dark = where.layer, where.dark
        if name == "media":
            holds, is_dark = applies(condition)
            if not holds:
                return None
            dark = dark or is_dark
        elif name == "layer":
            layer = self.layers.setdefault(condition or f"anonymous {len(self.layers)}", len(self.layers))
        elif name == "supports":
            if condition.lower().startswith("not"):
                return None
        elif name not in ("container", "scope", "document", "-moz-document", "starting-style"):
            return None
        return _Where(where.sheet, layer, dark, where.depth + 1)

    def inside(self, content: Sequence[Any], where: _Where, parent: str) -> None:
        if not parent:
            self.block(tinycss2.parse_rule_list(content, skip_comments=True, skip_whitespace=True), where)
        elif selectors := read_selectors(parent):
            self.content(content, selectors, parent, where)

    def imported(self, prelude: Sequence[Any], where: _Where) -> None:
        tokens = [token for token in prelude if token.type not in ("whitespace", "comment")]
        if not tokens:
            return
        first = tokens[0]
        target = _url_of(first)
        rest = tinycss2.serialize(tokens[1:]).strip()
        layer = where.layer
        if match := re.match(r"(?i)layer(?:\(([^)]*)\))?\s*", rest):
            layer = self.layers.setdefault(match[1] or f"anonymous {len(self.layers)}", len(self.layers))
            rest = rest[match.end() :]
        holds, dark = applies(re.sub(r"(?i)supports\([^)]*\)", "", rest))
        url = self.site.resolve(target, where.sheet) if target else None
        if url and holds:
            self.fetch(url, _Where(url, layer, where.dark or dark, where.depth + 1))


def _url_of(token: Any) -> str:
    if token.type in ("string", "url"):
        return token.value
    if token.type == "function" and token.lower_name == "url":
        return next((inner.value for inner in token.arguments if inner.type == "string"), "")
    return ""


def _descriptors(tokens: Sequence[Any]) -> Iterator[tuple[str, str]]:
    for item in tinycss2.parse_blocks_contents(tokens, skip_comments=True, skip_whitespace=True):
        if item.type == "declaration":
            yield item.lower_name, tinycss2.serialize(item.value).strip()


def _nested(prelude: str, parent: str) -> str:
    """A nested rule's selector written out (CSS Nesting 1): `&` is its parent, and without one it is a descendant."""
    whole = f":is({parent})"
    parts = []
    for part in layers(prelude):
        text = part.strip()
        parts.append(text.replace("&", whole) if "&" in text else f"{whole} {text}")
    return ", ".join(parts)[:2_000]


def applies(condition: str) -> tuple[bool, bool]:
    """Whether a media query list holds on the light desk screen, and if not, whether it would on a dark one."""
    queries = [query.strip().lower() for query in condition.split(",")]
    if not condition.strip() or any(_holds(query, dark=False) for query in queries):
        return True, False
    dark = any(_holds(query, dark=True) for query in queries)
    return dark, dark


def _holds(query: str, dark: bool) -> bool:
    if not query or query == "all":
        return True
    if query.startswith("not "):
        return not _holds(query[4:], dark)
    words = re.sub(r"\([^()]*\)", " ", query).replace(" and ", " ").split()
    if any(word in ("print", "speech", "tty", "projection", "handheld", "aural") for word in words):
        return False
    checks = [_feature(name, value, dark) for name, value in _FEATURE.findall(query)]
    checks += [_between(match) for match in _RANGE.finditer(query)]
    return any(checks) if " or " in query and checks else all(checks)


def _feature(name: str, value: str, dark: bool) -> bool:
    """One `(name: value)` of a media query on the desk screen; what is not known here is taken to hold."""
    match name:
        case "prefers-color-scheme":
            return value == ("dark" if dark else "light")
        case "prefers-reduced-motion" | "prefers-reduced-transparency" | "forced-colors":
            return value in ("no-preference", "none")
        case "prefers-contrast" | "inverted-colors" | "scripting":
            return value in ("no-preference", "none", "enabled")
        case "orientation":
            return value == "landscape"
        case "hover" | "any-hover":
            return value == "hover"
        case "pointer" | "any-pointer":
            return value == "fine"
        case "min-width" | "max-width" | "min-height" | "max-height" | "min-device-width" | "max-device-width":
            size = SCREEN_PX[0] if name.endswith("width") else SCREEN_PX[1]
            wanted = _px(value)
            return wanted is None or (size >= wanted if name.startswith("min") else size <= wanted)
        case "min-resolution" | "-webkit-min-device-pixel-ratio" | "min--moz-device-pixel-ratio":
            return (_px(value) or 9.0) <= 1.0
    return True


def _between(match: re.Match[str]) -> bool:
    size = SCREEN_PX[0] if match[4] == "width" else SCREEN_PX[1]
    low = _px(f"{match[1]}{match[2]}") if match[1] else None
    other = _px(f"{match[6]}{match[7]}") if match[6] else None
    if low is not None and size < low:
        return False
    if other is None:
        return True
    return size <= other if match[5].startswith("<") else size >= other


def _px(text: str) -> float | None:
    match = _LENGTH.match(text.strip())
    if not match:
        return None
    try:
        return float(match[1]) * {"em": 16.0, "rem": 16.0, "pt": 4 / 3, "ch": 8.0}.get(match[2] or "px", 1.0)
    except ValueError:
        return None
