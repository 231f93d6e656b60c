"""Words that tell a logo from what only looks like one: in file names, classes, alternative texts and links. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

_TOKEN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_A-Za-z]+")

LOGO = frozenset("logo logos logotype logotypes wordmark logomark brandmark logoimg logoimage imagotype".split())
_MAYBE_LOGO = frozenset("brand branding brandname navbarbrand".split())
_NO_LOGO = frozenset("logout login logon logoff logos".split())
_BEFORE_LOGO = frozenset(
    "site header nav navbar main top footer brand page mobile web website company club my the menu img image desktop "
    "small big dark light white black app corp default full mini sticky home".split()
)
VARIANTS = frozenset(
    "logo logos logotype wordmark logomark brand branding brandmark mark white black light dark inverse inverted "
    "invert reverse reversed negative neg positive pos color colour colored coloured colours colors mono "
    "monochrome alt alternate alternative header footer nav navbar main site web website mobile desktop tablet "
    "retina small sm large lg big md medium xl xs mini tiny full short long horizontal vertical horiz vert "
    "stacked left right top bottom center sticky fixed default normal regular primary secondary new old final img "
    "image images pic picture png svg jpg jpeg gif webp rgb cmyk srgb x w h px dpi hd hires v ver version min opt "
    "optimized transparent trans bg no with without text type word icon symbol banner noborder border blue red "
    "green gold grey gray orange yellow scroll on off menu head company corp corporate the our".split()
)
"""Words that say which version of a logo a file holds, and not whose."""
_NOT_NAMES = VARIANTS | frozenset(
    "home homepage startpage start index page link zur to of and go back your a an der die das la le el us inc ltd llc "
    "gmbh ag co com org net www official html".split()
)
FURNITURE = frozenset(
    "icon icons ico arrow arrows chevron caret hamburger burger toggle toggler search magnifier cart basket bag close "
    "play pause avatar user profile person portrait flag flags star stars rating captcha spinner loader loading "
    "placeholder qr qrcode pixel badge badges photo photos screenshot screenshots screen mockup illustration ill thumb "
    "thumbnail gravatar emoji bullet rss share payment payments pattern texture background bg bkg cover slide slider "
    "carousel hero divider wave waves shape blob ornament decoration shadow gradient blur quote check tick phone mail "
    "email envelope map marker pin download upload print external info warning lang globe house tip button btn "
    "dropdown svgicon glyphicon sprite counter language ad advert".split()
)
"""What else a page is furnished with."""
_PLATFORMS = frozenset(
    "visa mastercard paypal amex applepay gpay klarna maestro facebook twitter instagram linkedin youtube tiktok "
    "pinterest whatsapp telegram github gitlab discord slack mastodon reddit vimeo appstore googleplay playstore "
    "fdroid trustpilot tripadvisor xing wechat weibo vk bluesky threads patreon opencollective".split()
)
_PAIRS = (
    "appstore",
    "googleplay",
    "playstore",
    "applepay",
    "googlepay",
    "americanexpress",
    "fdroid",
    "creativecommons",
)
STRANGERS = re.compile(
    r"(?i)\b(powered by|built (with|on|by)|made (with|by|in)|hosted (by|on|at)|theme by|design(ed)? by|sponsored by|"
    r"supported by|funded by|proudly|in partnership|partner of|member of|certified|as seen (in|on)|featured (in|on)|"
    r"trusted by|used by)\b"
)
"""What stands beside a logo that is not the site's own."""
ALIEN_FOLDERS = frozenset(
    "clients client partners partner sponsors sponsor customers customer press testimonials testimonial supporters "
    "backers companies badges payment payments flags social socials icons team portfolio gallery products product "
    "avatars users screenshots".split()
)


def tokens(text: str) -> tuple[str, ...]:
    """The words in a name or text, lower case: `siteLogo-2x` gives site, logo, 2, x. At most sixty."""
    return tuple(word.lower() for word in _TOKEN.findall(text[:600]))[:60]


def logo_word(words: tuple[str, ...], names: frozenset[str]) -> float:
    """How clearly words call something a logo: 1 for `logo`, `sitelogo`, `acmelogo`; 0.7 for `brand`; else 0."""
    best = 0.0
    for word in words:
        if word in LOGO:
            return 1.0
        if word in _MAYBE_LOGO:
            best = max(best, 0.7)
        elif word not in _NO_LOGO and "logo" in word:
            rest = word.removesuffix("logo") if word.endswith("logo") else word.removeprefix("logo")
            # `catalogo` and `dialogo` end the same way.
            if word.startswith("logo") or rest in _BEFORE_LOGO or rest in names:
                return 1.0
    return best


def telling(names: frozenset[str]) -> frozenset[str]:
    """The words of a brand name that tell it from others."""
    kept = {name.lower() for name in names} - _NOT_NAMES
    return frozenset(name for name in kept if len(name) >= 3 or (len(name) >= 2 and not name.isascii()))


def says_name(text: str, names: frozenset[str]) -> bool:
    """Whether a text has a word of the brand's name, also run together with others."""
    words = tokens(text)
    if names & set(words):
        return True
    squeezed = "".join(words)
    return any(len(name) >= 4 and name in squeezed for name in names)


def strange_words(words: tuple[str, ...], names: frozenset[str]) -> tuple[str, ...]:
    """The words of a logo's file name that say whose it is, and do not say it is this brand's."""
    rest = [word for word in words if word not in VARIANTS and not word.isdigit() and len(word) > 2]
    if not names or any(word in names for word in rest) or says_name("".join(rest), names):
        return ()
    return tuple(rest)


def strange_alt(alt: str, names: frozenset[str]) -> bool:
    """Whether an alternative text reads `Somebody logo`, and somebody else is meant."""
    words = tokens(alt)
    if not names or not 2 <= len(words) <= 4 or not set(words) & LOGO or names & set(words):
        return False
    return bool(set(words) - _NOT_NAMES) and not says_name(alt, names)


def platform(words: tuple[str, ...], names: frozenset[str]) -> bool:
    """Whether a picture is the sign of a shop, a payment or a network that sites link to."""
    squeezed = "".join(words)
    found = set(words) & _PLATFORMS or {pair for pair in _PAIRS if pair in squeezed}
    return bool(found - names)


def family(stem: str) -> frozenset[str]:
    """What is the same in the names of one logo's files: `acme-logo-white@2x` and `acme_logo` are both {acme}."""
    return frozenset(word for word in tokens(stem) if word not in VARIANTS and not word.isdigit())


def last_part(url: str) -> str:
    """The file name in an address; of an image service (`/image?url=/logo.png`) that of the picture it serves."""
    if url[:5].lower() == "data:":
        return ""
    try:
        parts = urlsplit(url)
        name = unquote(parts.path.rstrip("/").rpartition("/")[2])
        if "." not in name and parts.query:
            for value in (value for values in parse_qs(parts.query[:2000]).values() for value in values):
                inner = unquote(urlsplit(value).path.rpartition("/")[2])
                if re.search(r"\.\w{3,4}$", inner):
                    return inner
    except ValueError:
        return ""
    return name


def stem_of(url: str) -> str:
    """The file name in an address without its ending, or endings."""
    name = last_part(url)
    return re.sub(r"(\.\w{2,5}){1,2}$", "", name) or name


def folders_of(url: str) -> frozenset[str]:
    """The words in the folders of an address."""
    if url[:5].lower() == "data:":
        return frozenset()
    try:
        path = unquote(urlsplit(url).path)
    except ValueError:
        return frozenset()
    return frozenset(tokens(" ".join(PurePosixPath(path).parts[-4:-1])))
