"""Which links of a page lead home: to the site's own first page."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from studio.brand.marks.words import tokens
from studio.brand.page.look import Look
from studio.brand.page.tree import Element
from studio.brand.source.saved import HOST
from studio.brand.source.site import Site

Leads = Literal["home", "top", "inside", "away", ""]
"""Where a link leads: to the home page, to the top of this page, elsewhere on the site, to another site, nowhere."""

_INDEX = re.compile(r"(?i)/(index|default|home|start)(\.\w{2,6})?$")
_LANGUAGE = re.compile(r"/[a-z]{2}([-_][A-Za-z]{2,4})?/?")
_TOPS = frozenset("top page-top pagetop home main body header hero intro start index begin back-to-top root".split())
_SECOND_LEVEL = frozenset("co com org net ac gov edu gob or ne go".split())
# Whoever has a site there has only its own name below.
_SHARED = frozenset(
    "github.io gitlab.io netlify.app vercel.app pages.dev web.app firebaseapp.com herokuapp.com appspot.com "
    "myshopify.com wordpress.com blogspot.com readthedocs.io wixsite.com webflow.io square.site".split()
)


class Home:
    """What is home for one page."""

    def __init__(self, look: Look, site: Site, names: frozenset[str]) -> None:
        self._page, self._site, self._names = look.page, site, names
        self._own = self._hosts()
        self._folder = _folder(look.page.url)

    def leads(self, link: Element) -> Leads:
        """Where an `<a>` or `<area>` leads."""
        href = link.get("href")
        if href.startswith("#"):
            return "top" if href[1:].lower() in _TOPS or href == "#" else "inside" if len(href) > 2 else ""
        if not href:
            return ""
        address = self._site.resolve(href, self._page.base)
        if address is None or address[:5].lower() == "data:":
            return ""
        try:
            parts = urlsplit(address)
        except ValueError:
            return ""
        path = _INDEX.sub("/", parts.path) or "/"
        if not self.own_host(parts.hostname or "", root=path == "/"):
            return "away"
        if "home" in link.get("rel").lower().split():
            return "home"
        at_root = path == "/" or _LANGUAGE.fullmatch(path) is not None
        return "home" if at_root or path in (self._folder, self._folder.rstrip("/")) else "inside"

    def language_of(self, link: Element) -> str:
        """The language whose home page a link leads to, as its address says: `/de/` is de; empty for others."""
        address = self._site.resolve(link.get("href"), self._page.base) or ""
        path = "" if address[:5].lower() == "data:" else urlsplit(address).path
        return path.strip("/").lower() if _LANGUAGE.fullmatch(path) and self.leads(link) == "home" else ""

    def own_host(self, host: str, root: bool = False) -> bool:
        """Whether a host is the site's own. A copy that does not say where it lived may be at any host whose `root` is
        linked; hosts that are called as the brand are taken for its own."""
        domain = _domain(host)
        if host == HOST or domain in self._own:
            return True
        label = domain.partition(".")[0]
        words = {label.replace("-", ""), *label.split("-")} if len(label) > 3 else {label}
        own_words = {word for own in self._own for word in own.partition(".")[0].split("-") if len(word) > 3}
        if words & self._names or label in own_words:
            return True
        return root and not self._own

    def _hosts(self) -> frozenset[str]:
        page = self._page
        hosts = {urlsplit(page.url).hostname or ""}
        stated = [link.get("href") for link in page.links("canonical")]
        stated += [page.meta("og:url"), *(link.get("href") for link in page.by_tag.get("base", ()))]
        for address in stated:
            try:
                hosts.add(urlsplit(address.strip()).hostname or "")
            except ValueError:
                continue
        return frozenset(_domain(host) for host in hosts if host and host != HOST)


def _domain(host: str) -> str:
    """The name somebody registered: `shop.acme.co.uk` is `acme.co.uk`. A guess where a suffix is not a common one."""
    parts = host.lower().strip(".").split(".")
    shared = ".".join(parts[-2:]) in _SHARED
    keep = 3 if shared or (len(parts) > 2 and parts[-2] in _SECOND_LEVEL and len(parts[-1]) == 2) else 2
    return ".".join(parts[-keep:])


def _folder(url: str) -> str:
    path = urlsplit(url).path or "/"
    return path[: path.rfind("/") + 1]


def home_words(element: Element) -> bool:
    """Whether a link is one to the home page by the words to be read in it."""
    words = tokens(element.text(80))
    return bool(set(words) & {"home", "start", "startseite", "accueil", "inicio", "homepage"}) and len(words) <= 4
