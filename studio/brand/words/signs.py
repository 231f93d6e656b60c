"""Where pages say what a brand is called: tags in the head, logos, links to the first page, copyright lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from urllib.parse import urlsplit

from studio.brand.marks.home import Home
from studio.brand.page.look import Look
from studio.brand.page.manifest import app_manifest
from studio.brand.page.tree import Element, Page
from studio.brand.source.saved import HOST
from studio.brand.source.site import Site
from studio.brand.words.chaff import is_generic, is_legal, is_picture_file
from studio.brand.words.texts import Block, tidied

Sign = tuple[str, str, float, str]
"""A text, the kind of sign, its weight (0–1) and where it stands. Signs of one kind count once."""

CJK = "\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af"
MOST_CHARS = 60
_HEAD_BYTES = 4_000
_MOST_INSIDE = 60
_SAVED_FROM = re.compile(rb"<!--\s*saved from url=\(\d+\)(https?://[^\s>]{1,300})")
_SEPARATOR = re.compile(
    rf"\s+[-–—―~⋅]\s+|\s*[|｜·‧・«»‹›–—]+\s*|\s*_+(?=\s|[{CJK}])|\s+•\s+|(?<=[{CJK}])_+|:\s+|：|\s*::\s*|"
    rf"(?<=[{CJK}])\s?-\s?|\s?-\s?(?=[{CJK}])"
)
_WELCOME = re.compile(
    r"(?i)(?:welcome to|willkommen (?:bei|im|auf|in|zu[rm]?)|herzlich willkommen (?:bei|im|auf|in|zu[rm]?)|"
    r"bienvenue (?:chez|sur|à|au)|bienvenid[oa]s? a|benvenut[oia] (?:in|su|da|al)|bem[- ]vind[oa]s? (?:a|à|ao)|"
    r"welkom bij|(?:the )?official (?:web ?site|site|home ?page) of|(?:the )?home ?page of|home of|"
    r"欢迎来到|歡迎來到|欢迎光临|歡迎光臨|مرحبا بكم في|أهلا بكم في|добро пожаловать (?:в|на))\s*(?:the\s+(?=[a-z]))?"
)
_TAIL = re.compile(
    r"(?i)[\s,]+(?:(?:the )?official )?(?:home ?page|web ?site|web page|site|front page|start page|documentation|docs|"
    r"theme|template|logo|logotype|wordmark|icon|home|官网|官網|官方网站|官方網站|首页|首頁|الموقع الرسمي)$|"
    r"(?:官网|官網|官方网站|官方網站|首页|首頁|公式サイト|オフィシャルサイト)$"
)
_FRONT = re.compile(r"(?i)^(?:logo(?: (?:of|von|de|du|der))?|home|شعار)\s+(?=\S)")
_VERSION = re.compile(r"(?i)\s+v?\d+(?:\.\d+)+[\w.+-]*(?=\s|$)")
_EDGES = " '\"“”„:;|–—-"
_RIGHTS_SIGN = re.compile(
    r"(?i)©|copyright\W{0,3}(?=\(c\)|(?:19|20)\d\d|by )|\(c\)\s?(?=(?:19|20)\d\d)|版权所有|版權所有|حقوق النشر|"
    r"جميع الحقوق محفوظة|حقوق.{0,40}محفوظ"
)
_RIGHTS = re.compile(
    r"(?i)©|\(c\)|copyrights?|all rights reserved.*|alle rechte vorbehalten.*|tous droits.*|todos los derechos.*|"
    r"todos os direitos.*|tutti i diritti.*|版权所有|版權所有|حقوق النشر|جميع الحقوق محفوظة|کلیه حقوق.*|"
    r"\b(?:19|20)\d\d\b(?:\s*[-–—,/]\s*(?:(?:19|20)?\d\d|present|today|heute))*"
)
_RIGHTS_END = re.compile(
    r"(?i)[.|•·–—,;!]\s|[|•·–—;]|\s[-/]\s|\b(?:designed|made|crafted|built|powered|design|template|theme)\b"
)
_OWNER_EDGE = re.compile(
    r"(?i)^(?:by|von|par|por)\s+|^the\s+(?=\S+ (?:authors|team|contributors|developers))|"
    r"\s+(?:authors|team|contributors|developers|project)\b.*$"
)
_ORGANISATIONS = frozenset(
    "organization website corporation localbusiness restaurant brand store ngo newsmediaorganization "
    "educationalorganization softwareapplication webapplication mobileapplication hotel cafeorcoffeeshop "
    "professionalservice bakery musicgroup sportsteam airline".split()
)
_PAGE_PATH = re.compile(r"(?i)^$|/$|\.(?:x?html?|php|aspx?|jsp)$")
_ONLY_LOGO = re.compile(
    r"(?i)(?:logo|image|icon|site|header|brand|company|main|the|our|product)(?: (?:logo|image|icon|site))?"
)


def segments(title: str) -> list[str]:
    """A title in its parts: `Example | Fresh bread` is two."""
    parts = (tidied(part).strip(" ,;") for part in _SEPARATOR.split(title[:300]))
    return [part for part in parts if part]


def bare(text: str) -> str:
    """A name without what is put around it: welcome words, `Home Page`, `logo`, versions, trade mark signs."""
    text = tidied(re.sub(r"[™®℠©]", " ", text[:300])).strip(_EDGES + ",")
    # "Example!" may be a name; "Welcome to Example!" only cheers.
    if welcome := _WELCOME.match(text):
        text = text[welcome.end() :].rstrip("!.")
    text = _VERSION.sub("", text)
    for _ in range(3):
        text = _FRONT.sub("", _TAIL.sub("", text)).strip(_EDGES + ",")
    return text


def signs_of(look: Look, site: Site, blocks: list[Block]) -> Iterator[Sign]:
    """Everything on the page that may be its name."""
    yield from _head(look.page, site)
    yield from _marks(look, site)
    yield from _headings(look, blocks)
    for block in blocks[-400:]:
        if _RIGHTS_SIGN.search(block.text[:400]):
            weight = 0.4 if block.places & {"footer", "legal"} else 0.2
            for text in _owners(block.text):
                yield text, "copyright", weight, f"{look.page.label}: {block.element.named()}"


def host_of(page: Page, site: Site) -> str:
    """The name of the host a page is or was at; empty for copies that do not say."""
    addresses = [page.url]
    if urlsplit(page.url).hostname == HOST:
        addresses = [link.get("href") for link in page.links("canonical")] + [page.meta("og:url")]
        resource = site.read(page.url, "page")
        match = _SAVED_FROM.search(resource.data[:_HEAD_BYTES]) if resource else None
        if match:
            addresses.insert(0, match[1].decode("ascii", "replace"))
    for address in addresses:
        try:
            host = urlsplit(address).hostname or ""
        except ValueError:
            continue
        if "." in host and host != HOST and not re.fullmatch(r"[\d.]+", host):
            return host
    return ""


def _head(page: Page, site: Site) -> Iterator[Sign]:
    for names, weight in (
        (("og:site_name",), 0.75),
        (("application-name",), 0.6),
        (("apple-mobile-web-app-title",), 0.55),
        (("twitter:app:name:iphone", "al:ios:app_name"), 0.4),
    ):
        for part in segments(page.meta(*names))[:1]:
            yield part, names[0], weight, f"{page.label}: meta {names[0]}"
    for text, weight in _linked_names(page):
        yield text, "linked data", weight, f"{page.label}: JSON-LD"
    yield from _manifest(page, site)
    for kind, title, rate in (("title", page.title, 1.0), ("og:title", page.meta("og:title", "twitter:title"), 0.8)):
        where = f"{page.label}: {kind}"
        parts = [part for part in segments(title) if not is_generic(bare(part))]
        for place, part in enumerate(parts):
            outer = place in (0, len(parts) - 1)
            weight = (0.5 if len(parts) == 1 else 0.32 if outer else 0.15) * rate
            # Themes and templates are called by their maker's name last.
            yield part, kind, weight * (0.6 if re.search(r"(?i)\b(?:theme|template)$", part) else 1.0), where
            if len(cut := re.split(r",\s|，|\sby\s", part)) > 1:
                yield cut[0], kind, weight * 0.6, where
            for short in re.findall(r"[(（]([^()（）]{2,20})[)）]", part):
                if short[0].isupper() and not short.isdigit():
                    yield short, kind, weight * 0.6, where


def _linked_names(page: Page) -> Iterator[tuple[str, float]]:
    for node in page.linked_data[:80]:
        kinds = node["@type"] if isinstance(node["@type"], list) else [node["@type"]]
        plain = {kind.rpartition("/")[2].lower() for kind in kinds if isinstance(kind, str)}
        known = bool(plain & _ORGANISATIONS) or any(
            kind.endswith(("business", "store", "organization")) for kind in plain
        )
        weight = 0.7 if known else 0.3 if "person" in plain else 0.0
        for field_name, part in (("name", 1.0), ("alternateName", 0.4)):
            text = node.get(field_name)
            if weight and isinstance(text, str):
                yield text[:200], weight * part


def _manifest(page: Page, site: Site) -> Iterator[Sign]:
    stated, url = app_manifest(page, site)
    for key, weight in (("name", 0.55), ("short_name", 0.45)):
        if isinstance(text := stated.get(key), str):
            for part in segments(text)[:1]:
                yield part, "manifest", weight, f"{site.label(url)}: {key}"


def _headings(look: Look, blocks: list[Block]) -> Iterator[Sign]:
    tops = [block for block in blocks if block.element.tag == "h1" and not block.places & {"overlay", "partner"}]
    for place, block in enumerate(tops[:3]):
        named = bool({"name", "brand", "logo"} & block.element.classes) or "brand" in block.places
        weight = (0.45 if named else 0.3) * (1.0 if place == 0 else 0.5)
        where = f"{look.page.label}: {block.element.named()}"
        yield block.text, "h1", weight, where
        yield from ((line, "h1 line", weight * 0.5, where) for line in block.lines if len(block.lines) > 1)
        if len(parts := segments(block.text)) > 1:
            yield parts[0], "h1", weight * 0.6, where


def _owners(text: str) -> Iterator[str]:
    """Who a copyright line names: `© 2026 Example GmbH. All rights reserved.` gives Example GmbH."""
    at = _RIGHTS_SIGN.search(text)
    if at is None:
        return
    rest = _RIGHTS.sub(" ", text[at.start() : at.start() + 200])
    rest = _RIGHTS_END.split(tidied(rest).strip(_EDGES + ".,"))[0]
    rest = _OWNER_EDGE.sub("", rest.strip(_EDGES + ".,"))
    if 1 < len(rest) <= MOST_CHARS and not is_legal(rest):
        yield rest
        if len(cut := re.split(r"\sby\s", rest)) > 1:
            yield cut[0]


def _marks(look: Look, site: Site) -> Iterator[Sign]:
    """What stands where logos stand: brand elements, links to the first page, the words for a logo's picture."""
    page = look.page
    early = max(60, len(look.seen) // 4)
    home = Home(look, site, frozenset())
    hosts = {_plain_host(host) for host in (HOST, urlsplit(page.url).hostname or "", host_of(page, site)) if host}
    bars: dict[str, Sign] = {}
    for place, seen in enumerate(look.seen):
        element = seen.element
        if seen.places & {"partner", "social", "consent"} or element.tag in ("html", "body", "head"):
            continue
        top = place < early and "footer" not in seen.places
        framed = bool(seen.places & {"header", "nav", "hero"})
        brand = "brand" in seen.places and (top or framed)
        where = f"{page.label}: {element.named()}"
        if brand and element.tag != "img":
            for text in _labels(element):
                bars.setdefault(text.casefold(), (text, "brand", 0.6 if framed else 0.45, where))
        if element.tag == "a" and element.get("href") and _leads_home(element, home, site, page, hosts):
            for text in _labels(element)[:1]:
                yield text, "home link", 0.45 if top else 0.2, where
        if element.tag == "img" and top and element.get("alt"):
            yield from _from_picture(look, element, framed, brand, where)
    # A site has one name; a page with many shows bars as samples.
    yield from (sign if len(bars) < 4 else (*sign[:2], 0.25 * sign[2], sign[3]) for sign in bars.values())


def _labels(element: Element) -> list[str]:
    """What an element says: its words, or else those for who cannot see the picture in it."""
    text = element.text(120)
    if text and not is_generic(bare(text)):
        said = [text]
    else:
        said = [element.get("title"), element.get("aria-label"), *_picture_labels(element)]
    return [
        one for one in said if 0 < len(one) <= MOST_CHARS and not is_picture_file(one) and not is_generic(bare(one))
    ]


def _picture_labels(element: Element) -> Iterator[str]:
    """The alternative texts of pictures in a link or brand element, and the titles of drawings."""
    for inner in islice(element.walk(), _MOST_INSIDE):
        if inner.tag in ("svg", "img", "picture", "object"):
            yield from (inner.get("aria-label"), inner.get("alt"), inner.get("title"))
            # A drawing's own <title>; the others name its parts.
            yield from (child.text(120) for child in inner.elements if child.tag == "title")


def _from_picture(look: Look, image: Element, framed: bool, brand: bool, where: str) -> Iterator[Sign]:
    above = list(image.ancestors())[:3]
    if is_picture_file(image.get("alt")):
        return
    in_brand = brand or any("brand" in look.of(one).places for one in above)
    logo = "logo" in f"{image.get('src')} {image.get('class')} {image.get('id')} {image.get('alt')}".lower()
    if not (in_brand or logo):
        # A portrait or a picture of the name: it only agrees with what says so elsewhere.
        yield image.get("alt"), "agrees: picture", 0.2, where
        return
    weight = 0.5 if logo and (in_brand or framed) else 0.4 if in_brand else 0.12
    for part in segments(image.get("alt"))[:3]:
        if not _ONLY_LOGO.fullmatch(part):
            yield part, "logo", weight, where


def _leads_home(link: Element, home: Home, site: Site, page: Page, hosts: set[str]) -> bool:
    address = site.resolve(link.get("href"), page.base)
    if address is None or address[:5].lower() == "data:" or link.get("href").startswith("#"):
        return False
    if address in (page.url, site.start):
        return True
    # `leads` takes in all a brand owns, and any host where a copy does not say where it lived. Only the first page
    # of this very host is sure to be called as the brand; `index.json` is none.
    parts = urlsplit(address)
    own = _plain_host(parts.hostname or "") in hosts and _PAGE_PATH.search(parts.path) is not None
    return own and home.leads(link) == "home"


def _plain_host(host: str) -> str:
    return host.removeprefix("www.")
