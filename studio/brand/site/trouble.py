"""Why a page may show little of its brand, in words a designer can act on: scripts, bot walls, logins, parked names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from studio.brand.page.look import Look
from studio.brand.page.tree import Element, Page, decode
from studio.brand.source.site import Site
from studio.brand.words.texts import blocks_of

REMEDY = "Open it in your browser, wait until it shows, save it as 'Web page, complete', and drop the folder here."
_LONGEST_DELAY_S = 5.0
_LITTLE = 200
"""Characters of visible text below which a page says next to nothing."""
_ROOTS = frozenset(
    "root app __next __nuxt ___gatsby app-root react-root main-app q-app svelte swagger-ui application ember-app "
    "reactroot appmount app-mount spa".split()
)
_ROOT_TAGS = frozenset("app-root my-app ion-app flutter-view redoc rapi-doc elements-api".split())
_NEEDS_SCRIPT = re.compile(
    r"(?i)(?:enable|requires?|turn on|activate|need|without|allow|support)\W+(?:\w+\W+){0,4}java ?script|"
    r"java ?script\W+(?:\w+\W+){0,4}(?:enabled?|required|disabled|aktivier|erforderlich|to run|activé|desactivado)|"
    r"(?:activer|activez|habilit\w+|aktivieren sie|ative|abilita\w*)\W+(?:\w+\W+){0,2}java ?script|"
    r"启用\s?javascript|啟用\s?javascript|javascript.{0,10}(?:有効|启用|啟用)|تفعيل.{0,12}javascript|включите "
    r"javascript"
)
_WALL_TITLES = re.compile(
    r"(?i)^\W*(?:just a moment|attention required|access denied|access to this page has been denied|"
    r"are you (?:a )?(?:robot|human)|robot check|bot verification|human verification|security check(?:point)?|"
    r"please verify|verify(?:ing)? you are human|checking your browser|ddos[- ]guard|ddos protection|request blocked|"
    r"pardon our interruption|one moment,? please|403 forbidden|forbidden|"
    r"too many requests|service unavailable|request rejected|client challenge|vercel security checkpoint|"
    r"un momento|nur einen moment|un instant|请稍候|請稍候|安全验证|人机验证)"
)
_WALL_WORDS = re.compile(
    r"(?i)verify(?:ing)? (?:that )?you are (?:a )?human|checking (?:if the site connection is secure|your browser)|"
    r"enable javascript and cookies to continue|cf-(?:browser-verification|challenge|error)|challenge-platform|"
    r"cf_chl|ray id|_incapsula_|incapsula incident|datadome|captcha-delivery|perimeterx|px-captcha|press (?:and|"
    r"&) hold|"
    r"akamai|reference #\d+\.[0-9a-f]+|errors\.edgesuite\.net|unusual traffic|automated (?:access|queries|requests)|"
    r"you have been blocked|not a robot|g-recaptcha|h-captcha|hcaptcha|sucuri website firewall|aws-waf|imperva|"
    r"why have i been blocked|unblock|kasada"
)
_WALL_HEADERS = ("cf-mitigated", "x-datadome", "x-px-block", "x-iinfo", "x-sucuri-block", "x-amzn-waf-action")
_PARKED = re.compile(
    r"(?i)(?:this |the )?(?:premium )?domain(?: name)?[\w .\-]{0,60}(?:is|may be|might be|could be)(?: "
    r"available)? (?:for sale|parked)|"
    r"buy this domain|domain (?:is )?parked|parked (?:free|domain|page)|sedo ?parking|domain for sale|"
    r"make an offer (?:on|for) this domain|inquire about this domain|related searches|this domain (?:has )?expired|"
    r"diese domain (?:steht zum verkauf|ist geparkt|kaufen)|dieser domainname|ce (?:nom de )?domaine est (?:à "
    r"vendre|parké)|"
    r"este dominio est[áa] (?:en venta|à venda|a la venta)|域名(?:出售|转让)|dominio in vendita|hugedomains|afternic|"
    r"web ?site (?:is )?(?:just )?hosted (?:by|at)|default (?:web ?site )?page|apache2? (?:ubuntu|debian) default|"
    r"welcome to nginx|iis windows server|it works!$|future home of|congratulations.{0,40}site is (?:live|ready)|"
    r"index of /"
)
_SOON = re.compile(
    r"(?i)\bcoming soon\b|\bunder construction\b|launching soon|site is being (?:built|updated)|maintenance mode|"
    r"under maintenance|scheduled maintenance|be (?:right )?back (?:soon|shortly)|opening soon|password protected "
    r"store|"
    r"(?:demnächst|bald) (?:verfügbar|hier|online)|im aufbau|wartungsarbeiten|bientôt (?:disponible|en ligne)|"
    r"en construction|en construcción|próximamente|in costruzione|em breve|即将上线|敬请期待|建设中|即將推出|"
    r"準備中|قريبا|"
    r"به زودی|скоро открытие|сайт в разработке"
)
_MISSING = re.compile(
    r"(?i)^\W*(?:error\W*)?(?:404|410)\b|\b404\b.{0,20}(?:not found|error|page)|page (?:was |is |could )?(?:not|"
    r"n.t) (?:be )?found|"
    r"(?:this|that|the) page (?:does|can|could|is)(?:n.t|not| not)|seite (?:wurde )?nicht gefunden|page "
    r"(?:introuvable|non trouvée)|"
    r"p[áa]gina no encontrada|pagina non trovata|página não encontrada|找不到(?:页面|頁面|网页|網頁)|页面不存在|"
    r"ページが見つかりません|الصفحة غير موجودة|صفحه.{0,12}(?:یافت|پیدا) نشد|страница не найдена"
)
_LOGIN = re.compile(
    r"(?i)\b(?:log ?in|sign ?in|password|anmelden|einloggen|passwort|connexion|mot de passe|iniciar sesión|contraseña|"
    r"accedi|entrar|senha)\b|登录|登入|登錄|密码|ログイン|تسجيل الدخول|ورود|войти|пароль"
)
_REFRESH = re.compile(
    r"""\s*(\d{1,6}(?:\.\d*)?|\.\d+)\s*[;,\s]\s*(?:url\s*=\s*)?(["']?)(.{1,2000}?)\2\s*""", re.IGNORECASE | re.DOTALL
)
_MOVED = re.compile(
    r"(?i)\b(?:redirect|moved|weitergeleitet|click here if|if you are not redirected|document has moved)"
)


def trouble_of(look: Look, site: Site, status: int | None, headers: Mapping[str, str]) -> tuple[str, ...]:
    """Why little or nothing of the brand can be read here, a sentence or two each with what to do; the gravest first.

    `status` is the HTTP status and `headers` the answer's, names in any case; None and empty for a saved page."""
    page = look.page
    text = _visible(look)
    words = f"{page.title}\n{text}"
    little = len(text) < _LITTLE
    found: list[str] = []
    if page.by_tag.get("frameset") or (little and page.by_tag.get("frame")):
        found.append("The page is only a frame around others. Open the frame's own page in your browser and save that.")
    if _is_wall(look, text, status, headers):
        found.append(
            f"The site asks visitors to prove that they are human, so nothing of the brand could be read. {REMEDY}"
        )
        return tuple(found)
    missing = _MISSING.search(words if little else page.title) if len(text) < 1_500 else None
    if status in (404, 410) or missing:
        found.append("This is the site's page for a wrong address. Check the address, or start from the first page.")
    elif status is not None and status >= 400:
        found.append(f"The site answered with an error ({status}). {REMEDY}")
    if len(text) < 1_500 and _PARKED.search(words[:3_000]):
        found.append("The address shows a parked or unused domain, not a brand. Check the address.")
    elif len(text) < 800 and _SOON.search(words):
        found.append("The page says the site is not ready yet. Use a logo, photos or a PDF instead, or try it later.")
    if _is_login(look, text):
        found.append(f"The page is a login. Sign in with your browser and open the page you want. {REMEDY}")
    if not found and _needs_script(look, text, site):
        found.append(f"The page is built by JavaScript when it is opened, so its file holds next to nothing. {REMEDY}")
    if not found and little and (refresh_of(page, site) or _MOVED.search(words)):
        found.append("The page only leads on to another one. Open it in your browser and give the address it ends at.")
    if not found and not text and not _pictures(look):
        found.append(f"The page is empty. {REMEDY}")
    return tuple(found)


def refresh_of(page: Page, site: Site) -> str | None:
    """The address a page leads on to by itself within five seconds; None where it does not.

    Only addresses of the page's own scheme count, or https in place of http; never the page itself."""
    for element in page.by_tag.get("meta", ()):
        if element.get("http-equiv").lower() != "refresh":
            continue
        match = _REFRESH.fullmatch(element.get("content")[:2_500])
        if match is None or float(match[1]) > _LONGEST_DELAY_S:
            continue
        url = site.resolve(match[3].strip(), page.base)
        if url is None or url == page.url:
            continue
        schemes = (urlsplit(page.url).scheme.lower(), urlsplit(url).scheme.lower())
        if schemes[0] == schemes[1] or schemes == ("http", "https"):
            return url
    return None


# ------------------------------------------------------------------------------------------------------- signs


def _visible(look: Look) -> str:
    """What a visitor reads, roughly: hidden parts count only if they are most of the page."""
    blocks = blocks_of(look)
    shown = " ".join(block.text for block in blocks if block.seen.shown and "consent" not in block.places)
    if len(shown) >= _LITTLE:
        return shown
    return max(shown, " ".join(block.text for block in blocks if "consent" not in block.places), key=len)


def _pictures(look: Look) -> int:
    return sum(len(look.page.by_tag.get(tag, ())) for tag in ("img", "picture", "video", "svg", "canvas"))


def _is_wall(look: Look, text: str, status: int | None, headers: Mapping[str, str]) -> bool:
    """A page that only checks its visitor: it says so, and says little else."""
    if len(text) > 2_500:
        return False
    said = {name.lower() for name in headers}
    if any(name in said for name in _WALL_HEADERS) and (len(text) < 800 or status in (403, 405, 429, 503)):
        return True
    titled = bool(_WALL_TITLES.search(look.page.title))
    if _WALL_WORDS.search(f"{look.page.title}\n{text}") and len(text) < 1_200 and not _has_home(look):
        return True
    marked = _WALL_WORDS.search(" ".join(_marks(look.page))) is not None
    if status in (403, 429, 503):
        return titled or marked
    return len(text) < 800 and titled and (marked or not _has_home(look))


def _marks(page: Page) -> list[str]:
    """Ids, classes and addresses of scripts and frames, in which the makers of such walls name themselves."""
    found = [element.get("id") + " " + element.get("class") for element in page.elements[:400]]
    sources = (*page.by_tag.get("script", ())[:40], *page.by_tag.get("iframe", ())[:20])
    return found + [element.get("src")[:300] for element in sources]


def _has_home(look: Look) -> bool:
    """Whether the page has what sites have: a menu and links."""
    return len(look.page.by_tag.get("a", ())) >= 8


def _is_login(look: Look, text: str) -> bool:
    fields = [one for one in look.page.by_tag.get("input", ()) if one.get("type").lower() == "password"]
    fields = [one for one in fields if look.of(one).shown]
    return bool(fields) and len(text) < 700 and _LOGIN.search(f"{look.page.title} {text}") is not None


def _needs_script(look: Look, text: str, site: Site) -> bool:
    page = look.page
    asks = any(_NEEDS_SCRIPT.search(_raw(one)) for one in page.by_tag.get("noscript", ())[:20])
    scripted = bool(page.by_tag.get("script"))
    empty_root = any(_is_root(one) and len(one.text(300)) < 60 for one in page.elements[:3_000])
    pictures = _pictures(look)
    if len(text) < 60 and pictures <= 1 and (empty_root or asks or (scripted and not text)):
        return True
    if _NEEDS_SCRIPT.search(text) and len(text) < 500:
        return True
    if len(text) < _LITTLE and (asks or empty_root) and pictures <= 3:
        return True
    # Nothing but scripts: the page's file is large, what it shows is not.
    resource = site.read(page.url, "page") if len(text) < 30 and pictures == 0 and scripted else None
    return resource is not None and len(decode(resource.data[:200_000], resource.charset)) > 2_000


def _is_root(element: Element) -> bool:
    if element.tag in _ROOT_TAGS:
        return True
    named = {element.get("id").lower()} | {"root" if "data-reactroot" in element.attributes else ""}
    return element.tag in ("div", "main", "section") and bool(named & _ROOTS)


def _raw(element: Element) -> str:
    """All text of an element, tags written out as text included."""
    return element.text(2_000)
