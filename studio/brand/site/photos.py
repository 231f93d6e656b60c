"""The pictures a site shows its products and its world with; not its logos, icons, badges and decorations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, unquote, urlsplit

from studio.brand.art.palette import look_of_photos
from studio.brand.page.css_values import urls_in
from studio.brand.page.look import Look, Seen, words_of
from studio.brand.page.srcset import LATE_SETS, largest, sources_of, stand_in
from studio.brand.page.tree import Element
from studio.brand.site.photo_files import size_of, small_copy
from studio.brand.site.proposals import Photo
from studio.brand.source.saved import HOST
from studio.brand.source.site import Site
from studio.brand.words.texts import in_footer
from studio.brand.words.wording import PRICE

MOST_PICTURES = 24
_MOST_READ = 60
_MOST_LISTED = 200
_LEAST_PX, _LEAST_UNLINKED_PX = 96, 200
_MAX_MEASURED_PX = 3_000_000
# Beyond this width a file only takes longer.
_MOST_PX = 4000
_MOST_STRETCHED = 5.0
_MEASURED = 4
_Use = Literal["hero", "product", "picture"]
_SOURCES = ("data-src", "data-lazy-src", "data-original", "data-lazy", "data-image", "data-bg", "data-background")
_IMG_IN_TEXT = re.compile(r"""<img\b[^>]{0,2000}?\ssrc\s*=\s*["']?([^"'\s>]{1,1000})""", re.IGNORECASE)
_NOT_PHOTOS = frozenset(
    "icon icons ico brand brands favicon logo logos logotype wordmark avatar avatars flag flags badge badges "
    "sprite sprites pixel "
    "tracking spacer blank pattern patterns placeholder loader loading spinner preloader separator divider arrow "
    "arrows "
    "bullet star stars rating emoji smiley captcha qr qrcode rss button btn checkmark quote gravatar thumbnailer "
    "payment "
    "payments visa mastercard paypal cursor corner border shadow noise texture gradient close hamburger chevron caret "
    "linen testi testimonial author signature certificate "
    "seal shape shapes".split()
)
_ONLY_GROUND = frozenset("bg background back backdrop overlay footer wave waves blob".split())
_PRODUCT = frozenset(
    "product products shop store dish dishes food drink portfolio project projects work works item items goods catalog "
    "catalogue collection collections gallery menu recipe service services offer room rooms event events screenshot "
    "screenshots mockup app example examples thumb packshot".split()
)
_PRODUCT_CLASSES = frozenset(
    "product products portfolio project projects shop dish dishes gallery screenshot screenshots packshot goods "
    "woocommerce recipe".split()
)
_ASIDE = frozenset(
    "blog post news article team staff faces face people person persons member members crew reviewer reviewers".split()
)
_DEVICE_FILES = re.compile(r"(?i)android-chrome|apple-touch|mstile|safari-pinned|watermark|favicon")
_HERO = frozenset(
    "hero banner slider slide carousel cover masthead jumbotron splash intro showcase header promo".split()
)
_COUNTERS = re.compile(
    r"(?i)(?:^|\.)(?:gravatar\.com|shields\.io|badgen\.net|doubleclick\.net|google-analytics\.com|facebook\.com|"
    r"bat\.bing\.com|travis-ci\.(?:org|com)|codecov\.io|creativecommons\.org)$"
)
_ENDINGS = re.compile(r"(?i)\.(?:jpe?g|png|webp|avif|gif|svg|tiff?|bmp)$")
_PART = re.compile(r"[A-Za-z]+")


@dataclass
class _Found:
    """A picture as it is used, before it is read."""

    url: str
    use: _Use
    rate: float
    source: str
    alt: str = ""
    linked: bool = True
    others: list[str] = field(default_factory=list)
    """Smaller versions, for where the largest is not there."""


def pictures_of(look: Look, site: Site, marks_urls: frozenset[str]) -> tuple[Photo, ...]:
    """Product, hero and other pictures, the surest first; at most 24. `marks_urls` are logos and icons, left out.

    Of a folder also those that lie in it without being linked. What cannot be read has no size and is left out."""
    found = _ranked(look, site, marks_urls)
    site.read_all(tuple((one.url, "picture") for one in found))
    photos: list[Photo] = []
    known: set[str] = set()
    for one in found:
        read = next((r for url in (one.url, *one.others) if (r := site.read(url, "picture")) is not None), None)
        size = size_of(read.data) if read is not None else None
        if read is None or size is None or read.url in known or read.url in marks_urls or not _fits(size, one):
            continue
        known.add(read.url)
        use = "picture" if one.use == "hero" and size[0] < 500 else one.use
        # A picture too small for any ad is still a hint at what is sold.
        rate = round(one.rate * min(1.0, 0.6 + max(size) / 1_500), 2)
        file, (width, height) = site.label(read.url), size
        photo = Photo(
            file=file, use=use, width_px=width, height_px=height, alt=one.alt[:200], source=one.source, confidence=rate
        )
        photos.append(photo)
    return tuple(sorted(photos, key=lambda photo: -photo.confidence)[:MOST_PICTURES])


def warnings_of(look: Look, site: Site, marks_urls: frozenset[str]) -> tuple[str, ...]:
    """What to say of pictures that the page shows and that could not be read; reads nothing that was not asked for."""
    linked = [one for one in _ranked(look, site, marks_urls) if one.linked]
    notes: list[str] = []
    if stand_ins := sorted({stand_in(one.url) for one in _of_elements(look, site)} - {""}):
        notes.append(f"Pictures from {', '.join(stand_ins[:3])} only keep a place; they are left out")
    unread = sum(all(site.read(url, "picture") is None for url in (one.url, *one.others)) for one in linked)
    if unread:
        are = "picture of the page is" if unread == 1 else "pictures of the page are"
        notes.append(
            f"{unread} {are} not in the copy or could not be read: save the page as 'Web page, complete', "
            "or add them by hand"
        )
    return tuple(notes)


def photography_of(pictures: Sequence[Photo], site: Site) -> tuple[str, ...]:
    """Plain words for how the pictures look, measured on small copies of at most four; heroes and products count."""
    order: dict[str, int] = {"hero": 0, "product": 1, "picture": 2}
    chosen = sorted((one for one in pictures if one.confidence >= 0.3), key=lambda one: order[one.use])
    copies = []
    left = _MAX_MEASURED_PX
    for photo in chosen[: 2 * _MEASURED]:
        url = photo.file if re.match(r"https?://", photo.file) else site.resolve("/" + quote(photo.file), site.start)
        read = site.read(url, "picture") if url else None
        small = small_copy(read.data, left) if read is not None else None
        if small is not None and read is not None and read.media_type != "image/jpeg":
            left -= photo.width_px * photo.height_px
        if small is not None and (small[..., 3] >= 250).mean() > 0.5:
            copies.append(small)
        if len(copies) == _MEASURED:
            break
    return look_of_photos(copies)


# ------------------------------------------------------------------------------------------------------ finding


def _ranked(look: Look, site: Site, marks_urls: frozenset[str]) -> list[_Found]:
    """What may be a picture, each address once, the likeliest first."""
    best: dict[str, _Found] = {}
    known_urls = set(marks_urls)
    for one in (*_of_metadata(look, site), *_of_elements(look, site), *_of_styles(look, site)):
        known = best.get(one.url)
        known_urls |= {one.url, *one.others}
        if one.url in marks_urls or not _may_be_photo(one):
            continue
        if known is None:
            best[one.url] = one
        else:
            known.alt = known.alt or one.alt
            if one.rate > known.rate:
                known.use, known.rate, known.source = one.use, one.rate, one.source
    linked = sorted(best.values(), key=lambda one: -one.rate)[:_MOST_READ]
    unlinked = [one for one in _of_folder(site, known_urls) if _may_be_photo(one)]
    return linked + sorted(unlinked, key=lambda one: -one.rate)[: max(10, _MOST_READ - len(linked))]


def _may_be_photo(one: _Found) -> bool:
    if one.url[:5].lower() == "data:":
        return False
    parts = urlsplit(one.url)
    host = parts.hostname or ""
    if stand_in(one.url) or _COUNTERS.search(host) or (host == HOST and not _named(parts.path)):
        return False
    words = _path_words(parts.path)
    if _DEVICE_FILES.search(parts.path):
        return False
    alone = words & _NOT_PHOTOS and not (one.use == "product" and one.rate >= 0.85)
    named = words & {"product", "products"}
    return not alone and bool(named or not words_of(one.alt) & {"icon", "logo", "avatar", "badge", "shape", "pattern"})


def _named(path: str) -> bool:
    last = unquote(path).partition("?")[0].rpartition("/")[2]
    return "." not in last or _ENDINGS.search(last) is not None


def _path_words(path: str) -> frozenset[str]:
    """The words of a file's name and of its folder, plural and numbers aside: `menu-1.png` is menu."""
    parts = unquote(path).partition("?")[0].split("/")[-2:]
    stems = [part.rpartition(".")[0] or part for part in parts[-1:]] + parts[:-1]
    return frozenset(
        word.lower() for stem in stems for word in _PART.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem))
    )


def _fits(size: tuple[int, int], one: _Found) -> bool:
    short, long = sorted(size)
    least = _LEAST_PX if one.linked else _LEAST_UNLINKED_PX
    ground = _path_words(urlsplit(one.url).path) & _ONLY_GROUND
    return short >= (600 if ground else least) and long <= _MOST_STRETCHED * short


def _rated(use: _Use, url: str, seen: Seen | None, alt: str) -> tuple[_Use, float]:
    """What a picture is for and how sure that is, from where it stands and what it is called."""
    words, around = _path_words(urlsplit(url).path), frozenset[str]()
    places = seen.places if seen is not None else frozenset[str]()
    if seen is not None:
        for above in [seen.element, *seen.element.ancestors()][:5]:
            around |= words_of(above.get("class"), above.get("id"))
    product = bool(words & _PRODUCT or around & _PRODUCT_CLASSES or words_of(alt) & {"product", "dish"})
    if places & {"partner", "social", "consent", "code"} or (seen is not None and in_footer(seen) and not product):
        return "picture", 0.15
    if words & _ASIDE or "nav" in places:
        return "picture", 0.3
    if words & _HERO and not words & (_PRODUCT - _HERO):
        return "hero", 0.68
    if product:
        return "product", 0.72
    if use == "hero" or places & {"hero", "header"} or around & {"hero", "masthead", "jumbotron"}:
        return "hero", 0.66
    return use, 0.5


def _of_elements(look: Look, site: Site) -> Iterator[_Found]:
    page = look.page
    for seen in look.seen:
        element = seen.element
        if element.tag not in ("img", "image", "video", "noscript", "amp-img"):
            continue
        references = _references(element)
        if _tiny(element) or (seen.places & {"consent", "overlay"} and not seen.shown):
            continue
        urls = [url for reference in references if (url := site.resolve(reference, page.base)) is not None]
        urls = [url for url in dict.fromkeys(urls) if url[:5].lower() != "data:"]
        if not urls:
            continue
        alt = element.get("alt") if element.get("alt") not in (".", "...", "…") else ""
        use, rate = _rated("hero" if element.tag == "video" else "picture", urls[0], seen, alt)
        if element.tag == "img" and _card_with_price(element):
            use, rate = "product", max(rate, 0.8)
        rate *= 1.0 if seen.shown or rate < 0.3 else 0.85
        yield _Found(urls[0], use, rate, f"{page.label}: {element.named()}", alt, others=urls[1:4])


def _references(element: Element) -> list[str]:
    """Where an element's picture may be read, the largest first."""
    if element.tag == "video":
        return [element.get("poster")]
    if element.tag == "noscript":
        return _IMG_IN_TEXT.findall("".join(child for child in element.children if isinstance(child, str))[:20_000])[:4]
    sources = sources_of(element)
    found = [*sources.before, *sources.beside]
    found += [largest(element.get(name), _MOST_PX) for name in LATE_SETS]
    found += [element.get(name) for name in _SOURCES]
    found.append(element.get("src") or element.get("href") or element.get("xlink:href"))
    # Cut for phones, often; better than none.
    found += sources.after
    return [one for one in found if one]


def _tiny(element: Element) -> bool:
    """Whether the page asks for it at the size of an icon."""
    sides = [int(element.get(name)) for name in ("width", "height") if re.fullmatch(r"\d{1,5}", element.get(name))]
    return bool(sides) and max(sides) < 64


def _card_with_price(element: Element) -> bool:
    for above in list(element.ancestors())[:4]:
        if above.tag in ("body", "main", "section", "ul"):
            return False
        if words_of(above.get("class")) & {"card", "product", "item", "price"} and PRICE.search(above.text(600)):
            return True
    return False


def _of_styles(look: Look, site: Site) -> Iterator[_Found]:
    for seen in look.seen:
        for declared in (seen.style.own, seen.style.before, seen.style.after):
            won = declared.get("background-image")
            if won is None or "(" not in won.value:
                continue
            for reference in urls_in(won.value)[:3]:
                url = site.resolve(reference, won.sheet or look.page.base)
                if url is None:
                    continue
                use, rate = _rated("hero" if seen.element.tag in ("body", "header") else "picture", url, seen, "")
                yield _Found(url, use, rate * 0.9, seen.where("background-image"))


def _of_metadata(look: Look, site: Site) -> Iterator[_Found]:
    page = look.page
    for node in page.linked_data[:80]:
        kinds = node["@type"] if isinstance(node["@type"], list) else [node["@type"]]
        if any(isinstance(kind, str) and kind.rpartition("/")[2] in ("Product", "MenuItem", "Offer") for kind in kinds):
            for reference in _images(node.get("image")):
                if (url := site.resolve(reference, page.base)) is not None:
                    name = node.get("name")
                    yield _Found(
                        url, "product", 0.9, f"{page.label}: JSON-LD Product", name if isinstance(name, str) else ""
                    )
    for name in ("og:image", "twitter:image", "twitter:image:src"):
        if (reference := page.meta(name)) and (url := site.resolve(reference, page.base)) is not None:
            yield _Found(url, "hero", 0.62, f"{page.label}: meta {name}", page.meta("og:image:alt"))


def _images(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    found = [one.get("url") or one.get("contentUrl") if isinstance(one, dict) else one for one in values[:6]]
    return [one for one in found if isinstance(one, str)]


def _of_folder(site: Site, known: set[str]) -> Iterator[_Found]:
    """Pictures that lie in the folder and that this page does not link: other pages or scripts show them."""
    listed = [url for url in site.listed() if _ENDINGS.search(unquote(urlsplit(url).path)) and url not in known]
    for url in listed[:_MOST_LISTED]:
        use, rate = _rated("picture", url, None, "")
        drawn = 0.5 if url.lower().endswith((".svg", ".gif")) else 1.0
        yield _Found(url, use, rate * 0.55 * drawn, "in the folder, not linked by this page", linked=False)
