"""What a site says in its own words: headlines, offers and calls to action, and how it speaks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from studio.brand.page.look import PLACES, Look, Seen, places_of, words_of
from studio.brand.page.tree import Element
from studio.brand.site.proposals import Copy, Words
from studio.brand.words.chaff import (
    is_codelike,
    is_consent,
    is_date,
    is_generic,
    is_legal,
    is_placeholder,
    key_of,
)
from studio.brand.words.naming import called_by, gone, sentence_run
from studio.brand.words.signs import CJK, bare
from studio.brand.words.texts import Block, blocks_of, in_footer, joined, tidied
from studio.brand.words.tone import tone_of

_BUTTONS = PLACES["button"]
MOST_HEADLINES = 10
MOST_ACTIONS = 8
_LONGEST = 160
_LEAST = 0.18
_BASE = {"h1": 0.9, "h2": 0.66, "h3": 0.52, "h4": 0.42, "h5": 0.36, "h6": 0.3}
_SKIPPED = frozenset(("consent", "code", "legal", "overlay", "social"))
_NO_COPY = frozenset("td th label legend option figcaption caption dt summary time address".split())
_LEADS = frozenset("lead lede subtitle subheading subheader tagline slogan claim hero headline title heading".split())
_SMALL = frozenset(
    "meta date time author byline breadcrumb crumb badge tag label note caption toc pagination comment menu filter "
    "sku rating review quote testimonial widget skip sr".split()
)
PRICE = re.compile(
    r"(?:[$€£¥₹₺₽₩฿₪]|(?:US|CA|A|C|NZ|HK|NT|R)\$|\b(?:USD|EUR|GBP|CHF|CNY|RMB|JPY|AED|SAR|Rs\.?|kr\.?))\s?\d[\d.,' ]*|"
    r"\d[\d.,' ]*(?:\s?(?:[$€£¥₹₺₽₩฿₪元円원]|(?:USD|EUR|GBP|CHF|PLN|SEK|NOK|DKK|zł|kr|Kč|Ft|lei|TL|تومان|ریال|"
    r"ر\.س|درهم)\b))"
)
_OFFER = re.compile(
    r"(?i)\d\s?[%٪％]|%\s?\d|٪\s?\d|\bsale\b|\bfree (?:shipping|delivery|trial|returns)|\bsave\b|\bdiscount|\boff\b|"
    r"\brabatt|\bversandkostenfrei|\bgratis\b|\bkostenlos|\bremise\b|\bsoldes\b|livraison (?:gratuite|offerte)|"
    r"\bdescuento|"
    r"env[ií]o gratis|\bsconto|spedizione gratuita|desconto|frete gr[aá]tis|包邮|免运|免運|优惠|優惠|折扣|\d\s?折|"
    r"送料無料|割引|خصم|توصيل مجاني|شحن مجاني|تخفیف|ارسال رایگان|скидк|бесплатная доставка"
)
_LABELS = frozenset(
    "about|about us|about me|services|our services|features|contact|contact us|portfolio|our work|team|our team|"
    "the team|"
    "pricing|blog|news|latest news|faq|gallery|testimonials|clients|our clients|partners|sponsors|quick links|"
    "quick start|introduction|downloads|download|documentation|documents|tutorials|reference|resources|community|"
    "support|"
    "products|our products|categories|related products|recent posts|follow us|newsletter|subscribe|locations|"
    "opening hours|menu|our menu|skills|resume|education|experience|links|common links|related links|table of contents|"
    "contents|navigation|overview|examples|getting started|further information|license|credits|contribute|contributing|"
    "mailing lists|latest release|über uns|leistungen|kontakt|aktuelles|produkte|à propos|nos services|actualités|"
    "sobre nosotros|servicios|contacto|noticias|chi siamo|servizi|contatti|关于我们|關於我們|联系我们|聯絡我們|"
    "新闻|產品|产品|"
    "من نحن|خدماتنا|اتصل بنا|درباره ما|تماس با ما|خدمات|محصولات|о нас|контакты|новости|услуги".split("|")
)
_NO_ACTIONS = re.compile(
    r"(?i)(?:search|go|(?:cart|basket|bag)\W*\d*|menu|close|open|open menu|close menu|toggle (?:navigation|menu|"
    r"nav|dropdown|theme|dark mode)|next|"
    r"prev(?:ious)?|back|cancel|ok(?:ay)?|reset|submit|send|log ?in|sign ?in|log ?out|accept(?: all)?|decline|"
    r"reject(?: all)?|"
    r"agree|i agree|allow(?: all)?|got it|dismiss|share|tweet|like|copy|copied!?|edit|save|delete|remove|apply|"
    r"filter|sort|"
    r"more|less|show|hide|expand|collapse|play|pause|mute|skip|select|upload|top|scroll(?: down| up)?|home|light|"
    r"dark|auto|"
    r"print|button|link|normal|default|primary|secondary|success|info|warning|danger|error|dark|small|large|"
    r"medium|outline|"
    r"disabled|active|tab|finish|yes|no|english|deutsch|français|español|italiano|português|中文|简体中文|"
    r"繁體中文|日本語|"
    r"한국어|العربية|فارسی|русский|türkçe|[a-z]{2}|[a-z]{2}-[a-z]{2}|suche[n]?|schließen|menü|weiter|zurück|abbrechen|"
    r"rechercher|fermer|suivant|précédent|buscar|cerrar|menú|siguiente|anterior|cerca|chiudi|搜索|搜尋|关闭|關閉|"
    r"菜单|選單|"
    r"下一页|上一页|بحث|إغلاق|القائمة|جستجو|بستن|منو|поиск|закрыть|меню|検索|閉じる|メニュー|\W*\d{0,4}\W*|×|"
    r"x)[.:…›»>→]*"
)
_NUMBERED = re.compile(r"^(?:\d+\.)+\d*\s+(?=\D)")
_SENTENCE = re.compile(r".{12,}?(?:[.!?…](?=\s|$)|[。！？؟])", re.DOTALL)


@dataclass
class _Said:
    text: str
    score: float
    source: str
    kind: str


def copy_of(look: Look, name: Words | None) -> Copy:
    """Headlines and offers, the surest first, what the buttons say, and how it speaks. Filler is left out."""
    blocks = blocks_of(look)
    called = called_by(name)
    rates = _rates(blocks)
    said = [*_offers(look, blocks, rates), *_headlines(look, blocks, rates, called), *_leads(look, blocks, rates)]
    said = [one for one in said if one.score >= _LEAST and _is_copy(one.text, called)]
    chosen = _distinct(sorted(said, key=lambda one: -one.score))
    actions = _actions(look, blocks)
    leads = [one.text for one in said if one.kind == "lead"]
    tone = tone_of(
        [one.text for one in said if one.kind == "headline"], leads, [one.text for one in actions], look.page.language
    )
    return Copy(
        headlines=tuple(_words(one) for one in chosen[:MOST_HEADLINES]),
        actions=tuple(_words(one) for one in actions[:MOST_ACTIONS]),
        tone=tone,
    )


def _words(said: _Said) -> Words:
    return Words(text=said.text, source=said.source, confidence=round(min(0.95, said.score), 2))


def _distinct(said: list[_Said]) -> list[_Said]:
    """Without repeats, and without what is only part of what is there already."""
    kept: list[_Said] = []
    for one in said:
        key = key_of(one.text)
        if not any(key in other or (len(other) > 8 and other in key) for other in (key_of(two.text) for two in kept)):
            kept.append(one)
        if len(kept) >= 2 * MOST_HEADLINES:
            break
    return kept


def _is_copy(text: str, called: tuple[str, ...]) -> bool:
    """Whether a text says something of the brand: no label, no filler, more than the name."""
    worded = sum(char.isalpha() for char in text) >= 0.5 * len(text.replace(" ", ""))
    if not 3 < len(text) <= _LONGEST + 40 or not (worded or PRICE.search(text)):
        return False
    if is_generic(text) or is_placeholder(text) or is_legal(text) or is_consent(text) or is_codelike(text):
        return False
    if is_date(text) or not key_of(text) or len(re.findall(r"\s[|·•/]\s", text)) > 2:
        return False
    # "Welcome to Example!" greets; "Example 2.0" is only the name.
    return text.endswith("!") or key_of(bare(text)) not in [key_of(one) for one in called[:1]]


def _usable(block: Block) -> bool:
    return not block.places & _SKIPPED and block.element.tag not in _NO_COPY and block.seen.size_px >= 7.0


def _size(text: str) -> float:
    """Length in words; Chinese and Japanese count two characters as one."""
    return len(re.sub(rf"[{CJK}]", "", text).split()) + len(re.findall(rf"[{CJK}]", text)) / 2


def _headlines(look: Look, blocks: list[Block], rates: list[float], called: tuple[str, ...]) -> Iterator[_Said]:
    body = _body_size(blocks)
    done: set[int] = set()
    for index, block in enumerate(blocks):
        large = block.seen.size_px >= 1.6 * body and len(block.text) <= 120 and block.element.tag not in ("a", "button")
        base = _BASE.get(block.element.tag, 0.6 if large and index < 60 else 0.0)
        if base == 0.0 or index in done or not _usable(block) or ("nav" in block.places and base < 0.9):
            continue
        run = sentence_run(blocks, index) if block.element.tag in _BASE else [block]
        done.update(range(index, index + len(run)))
        text = _NUMBERED.sub(
            "", _once(joined(tuple(one.text for one in run)) if len(run) > 1 else _without_name(block, called))
        )
        if len(text) > _LONGEST:
            sentence = _SENTENCE.match(text)
            text = sentence[0] if sentence else ""
        score = base * _worth(text) * rates[index]
        if text:
            yield _Said(text, score, f"{look.page.label}: {block.element.named()}", "headline")


def _without_name(block: Block, called: tuple[str, ...]) -> str:
    """A heading that has the name on a line of its own, without it."""
    names = {key_of(name) for name in called}
    return (
        joined(tuple(line for line in block.lines if key_of(line) not in names)) if len(block.lines) > 1 else block.text
    )


def _worth(text: str) -> float:
    """How much a heading says: `Services` is a label, a sentence is a headline."""
    size = _size(text)
    if text.strip(" :?!.").casefold() in _LABELS:
        return 0.25
    rate = 0.35 if size < 2 else 0.6 if size < 3 else 1.0 if size <= 14 else 0.85
    return min(1.05, rate * (1.1 if text[-1:] in ".!?。！？؟…" else 1.0))


def _rates(blocks: list[Block]) -> list[float]:
    """How much each block counts for where it stands: high up, in the hero, shown, in a part of its own."""
    away = [gone(block) for block in blocks]
    hidden = sum(len(block.text) for block, out in zip(blocks, away, strict=True) if out)
    # Where a script has yet to show the page, hiding says nothing.
    unshown = 0.45 if hidden < 0.6 * sum(len(block.text) for block in blocks) else 0.85
    return [
        (1.0 - 0.25 * index / len(blocks))
        * (1.1 if "hero" in block.places else 1.0)
        * (unshown if out else 1.0 if block.seen.shown else 0.9)
        * (0.4 if "footer" in block.places else 1.0)
        * (0.5 if block.places & {"partner", "state"} else 1.0)
        for index, (block, out) in enumerate(zip(blocks, away, strict=True))
    ]


def _leads(look: Look, blocks: list[Block], rates: list[float]) -> Iterator[_Said]:
    """The first sentence of paragraphs; whole where they are short. Those under headlines and in the hero come "
    "first."""
    after_heading = False
    for index, block in enumerate(blocks):
        tag = block.element.tag
        if tag in _BASE:
            after_heading = tag in ("h1", "h2", "h3")
            continue
        named = words_of(block.element.get("class"))
        plain = tag in ("p", "div", "blockquote", "li", "span", "section", "article", "main", "em", "strong")
        if not plain or not _usable(block) or block.places & {"nav", "footer", "button"} or named & _SMALL:
            continue
        text = block.text
        if len(text) > 140:
            sentence = _SENTENCE.match(text)
            text = sentence[0].strip() if sentence else ""
        ends = text[-1:] in '.!?。！？؟…"”'
        top = bool(block.places & {"hero", "header"})
        if (
            not text
            or len(text) > _LONGEST + 40
            or _size(text) < (3 if ends else 5)
            or (tag == "li" and not (ends or top))
        ):
            continue
        # Street addresses and telephone numbers.
        if _mostly_links(block) or (not ends and re.search(r"\d{4}|\d[\d -]{6}", text)):
            continue
        base = 0.5 if named & _LEADS or top else 0.46 if after_heading else 0.36
        base *= 1.0 if ends or top else 0.7
        base *= 0.8 if tag == "li" else 1.0
        yield _Said(text, base * rates[index], f"{look.page.label}: {block.element.named()}", "lead")
        after_heading = False


def _mostly_links(block: Block) -> bool:
    links = sum(len(one.text(300)) for one in block.element.walk() if one.tag == "a")
    return links > 0.6 * len(block.text)


def _offers(look: Look, blocks: list[Block], rates: list[float]) -> Iterator[_Said]:
    """Prices with what they are for, and lines that promise a discount or something free."""
    for index, block in enumerate(blocks):
        text = _once(block.text)
        if not _usable(block) or block.places & {"nav", "footer"} or len(text) > 90:
            continue
        where = f"{look.page.label}: {block.element.named()}"
        price = next((one for one in PRICE.finditer(text) if re.search(r"[1-9]", one[0])), None)
        if price and len(PRICE.sub("", text).strip(" -–—~/.,")) <= 12:
            near = _what_for(blocks, index)
            if near is not None:
                yield _Said(f"{near.text} {text}", 0.62 * rates[index], where, "offer")
        elif price or (_OFFER.search(text) and block.element.tag not in ("button", "a") and _size(text) >= 2):
            yield _Said(text, 0.6 * rates[index], where, "offer")


def _what_for(blocks: list[Block], index: int) -> Block | None:
    """The name of what a price belongs to: the nearest title in the same card."""
    card = {id(one) for one in [blocks[index].element, *blocks[index].element.ancestors()][:4]}
    for step in (-1, 1, -2, 2, -3):
        if not 0 <= index + step < len(blocks):
            continue
        other = blocks[index + step]
        inside = any(id(above) in card for above in list(other.element.ancestors())[:4])
        titled = other.element.tag in _BASE or bool(words_of(other.element.get("class")) & {"title", "name", "product"})
        if inside and titled and len(other.text) <= 70 and not PRICE.search(other.text):
            return other
    return None


def _actions(look: Look, blocks: list[Block]) -> list[_Said]:
    found: dict[str, _Said] = {}
    count = len(look.seen)
    by_element = {id(block.element): block for block in blocks}
    for place, seen in enumerate(look.seen):
        element = seen.element
        if (
            not _presses(seen)
            or seen.places & _SKIPPED
            or in_footer(seen)
            or not (seen.shown or seen.style.get("opacity") or seen.style.get("visibility"))
        ):
            continue
        if (
            element.get("type").lower() in ("reset", "image")
            or element.get("aria-haspopup")
            or _toggles(element.attributes)
        ):
            continue
        block = by_element.get(id(element))
        text = element.get("value") if element.tag == "input" else block.text if block else element.text(200)
        text = _once(tidied(text)).strip(" →›»>←‹«+▾▼")
        if not 1 < len(text) <= 32 or _size(text) > 6 or _NO_ACTIONS.fullmatch(text) or not _is_copy(f"{text} ", ()):
            continue
        hero = bool(seen.places & {"hero"})
        score = (0.85 if hero else 0.55 if "nav" in seen.places else 0.7) * (1.0 - 0.3 * place / count)
        known = found.get(key_of(text))
        if known is None or known.score < score:
            found[key_of(text)] = _Said(text, score, f"{look.page.label}: {element.named()}", "action")
    return sorted(found.values(), key=lambda one: -one.score)


def _presses(seen: Seen) -> bool:
    """Whether it is a button: by its tag, role or class, by its fill, or by the small box called one around it."""
    element = seen.element
    if element.tag in ("a", "button", "input"):
        if "button" in places_of(element):
            return True
        if element.tag == "a" and seen.fill is not None and seen.won("background-color") is not None:
            return True
    elif element.get("role").lower() == "button":
        # What opens a part of the page calls nobody to do anything.
        return not (element.get("aria-expanded") or element.get("aria-controls"))
    return element.tag in ("a", "span") and _fills_button(element)


def _fills_button(element: Element) -> bool:
    """Whether a link or span has all the words of a box that is called a button."""
    box = element.parent
    if box is None or box.tag in ("button", "a", "label") or not words_of(box.get("class")) & _BUTTONS:
        return False
    return 1 < len(text := box.text(40)) <= 32 and text == element.text(40)


def _toggles(attributes: dict[str, str]) -> bool:
    said = attributes.get("data-toggle") or attributes.get("data-bs-toggle") or ""
    return said in ("dropdown", "collapse", "tooltip", "popover", "tab", "pill", "offcanvas")


def _once(text: str) -> str:
    """Words that are there twice for a rolling effect, once."""
    half = len(text) // 2
    return text[:half] if len(text) > 6 and text[:half] == text[half + 1 :] and text[half] == " " else text


def _body_size(blocks: list[Block]) -> float:
    sizes = sorted(block.seen.size_px for block in blocks for _ in range(min(20, len(block.text) // 20)))
    return sizes[len(sizes) // 2] if sizes else 16.0
