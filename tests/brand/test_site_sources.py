"""The sources a brand is read from: a website, a folder, a page, a ZIP, a web archive; all answer alike."""

from __future__ import annotations

import base64
import email.message
import email.policy
import os
import shutil
import socket
import ssl
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.brand.source.address import inline, resolved
from studio.brand.source.fetch import WebSite, open_web
from studio.brand.source.folder import unseen
from studio.brand.source.intake import Limits
from studio.brand.source.saved import SavedSite, open_saved
from studio.brand.source.site import Kind, Site
from studio.errors import BadInput
from tests.samples import SAMPLES
from tests.standin import PUBLIC, Web, answer, redirect, stand_in

PAGE = b"<!doctype html><title>Example</title><link rel=stylesheet href=css/site.css>"
STYLE = b"body { color: #123456 }"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJggg=="
)
SVG = b"<?xml version='1.0'?><!-- made by hand --><svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'/>"
SITE = {
    "index.html": PAGE,
    "about.html": b"<!doctype html><title>About</title>",
    "css/site.css": STYLE,
    "css/print.css?v=1": b"a { color: #111111 }",
    "images/Logo.SVG": SVG,
    "images/photo with space.png": PNG,
    "fonts/example.woff2": b"wOF2" + bytes(60),
    "cdn.example.net/lib/base.css": b"p { color: #222222 }",
    "blog/index.html": b"<!doctype html><title>Blog</title>",
}


def folder_of(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def zip_of(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return path


@pytest.fixture(params=["folder", "folder in a folder", "zip", "zip with one folder"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> SavedSite:
    if os.name == "nt" and request.param.split(" ")[0] == "folder":
        pytest.skip("a folder on Windows cannot hold a name with a question mark")
    if request.param == "folder":
        return open_saved(folder_of(tmp_path / "site", SITE))
    if request.param == "folder in a folder":
        folder_of(tmp_path / "site" / "example.org", SITE)
        return open_saved(tmp_path / "site")
    top = "example/" if "one folder" in request.param else ""
    return open_saved(zip_of(tmp_path / "site.zip", {top + name: data for name, data in SITE.items()}))


# ------------------------------------------------------------------------------------------------ saved sites

FOUND: list[tuple[str, Kind, str]] = [
    ("css/site.css", "style", "css/site.css"),
    ("  css\\site.css \n", "style", "css/site.css"),
    ("./css/../css/site.css#top", "style", "css/site.css"),
    ("css/site.css?v=2", "style", "css/site.css"),
    ("css/print.css?v=1", "style", "css/print.css?v=1"),
    ("css/print.css%3Fv=1", "style", "css/print.css?v=1"),
    ("CSS/Site.css", "style", "css/site.css"),
    ("/css/site.css", "style", "css/site.css"),
    ("/deep/down/css/site.css", "style", "css/site.css"),
    ("../../css/site.css", "style", "css/site.css"),
    ("images/logo.svg", "picture", "images/Logo.SVG"),
    ("images/photo with space.png", "picture", "images/photo with space.png"),
    ("images/photo%20with%20space.png", "picture", "images/photo with space.png"),
    ("im\nages/photo%20with%20space.png", "picture", "images/photo with space.png"),
    ("fonts/example.woff2?#iefix", "font", "fonts/example.woff2"),
    ("https://example.org/css/site.css", "style", "css/site.css"),
    ("//example.org/css/site.css", "style", "css/site.css"),
    ("https:\\\\example.org\\css\\site.css", "style", "css/site.css"),
    ("//cdn.example.net/lib/base.css", "style", "cdn.example.net/lib/base.css"),
    ("http://cdn.example.net/lib/base.css?x", "style", "cdn.example.net/lib/base.css"),
    ("blog/", "page", "blog/index.html"),
    ("blog", "page", "blog/index.html"),
    ("about", "page", "about.html"),
    ("https://example.org/", "page", "index.html"),
]


@pytest.mark.parametrize(("reference", "kind", "name"), FOUND)
def test_a_reference_finds_its_file(site: SavedSite, reference: str, kind: Kind, name: str) -> None:
    url = site.resolve(reference, site.start)
    assert url is not None
    found = site.read(url, kind)
    assert found is not None, site.notes
    assert found.data == SITE[name] and site.label(found.url) == name
    assert found.url.startswith("https://saved.invalid/") and not site.notes
    assert site.read(found.url, kind) == found


def test_what_is_not_there_is_said_for_own_files_only(site: SavedSite) -> None:
    for reference in ("css/x.css", "https://cdn.example.net/other.css"):
        url = site.resolve(reference, site.start)
        assert url and site.read(url, "style") is None
        site.read(url, "style")
    assert site.notes == ("style sheet css/x.css is linked but not there",)


def test_a_saved_site_lists_what_is_there(site: SavedSite) -> None:
    assert isinstance(site, SavedSite)
    same: Site = site
    assert same.start == "https://saved.invalid/index.html"
    assert {site.label(url) for url in same.listed()} == {name for name in SITE if "?" not in name}
    assert all(site.resolve(url, same.start) == url for url in same.listed())


@pytest.mark.parametrize("reference", ["", "#top", "javascript:void(0)", "mailto:a@example.org", "tel:1", "about:blank",
                                       "file:///etc/passwd", "ftp://example.org/", "blob:x", " \n ", "C:\\a.png", "https://[::1/x"])  # fmt: skip
def test_what_cannot_be_fetched_is_no_address(reference: str) -> None:
    assert resolved(reference, "https://saved.invalid/index.html") is None


@pytest.mark.parametrize(("reference", "base", "url"), [
    ("a.css", "https://example.org/x/y.html", "https://example.org/x/a.css"),
    ("/a b.css", "https://example.org/x/y.html", "https://example.org/a%20b.css"),
    ("?q=1", "https://example.org/x/y.html?z", "https://example.org/x/y.html?q=1"),
    ("//CDN.Example.NET/a", "https://example.org/", "https://cdn.example.net/a"),
    ("../../../a", "https://example.org/x/", "https://example.org/a"),
    ("%2e%2e/a", "https://example.org/x/y/", "https://example.org/x/a"),
    ("https:/example.net/a", "https://example.org/", "https://example.net/a"),
    ("a?b=\\c", "https://example.org/", "https://example.org/a?b=%5Cc"),
    ("größe.png", "https://example.org/", "https://example.org/gr%C3%B6%C3%9Fe.png"),
    (" DATA:image/png;base64,AA== ", "https://example.org/", "DATA:image/png;base64,AA=="),
    ("https://example.org", "https://saved.invalid/", "https://example.org/"),
])  # fmt: skip
def test_references_resolve_as_in_browsers(reference: str, base: str, url: str) -> None:
    assert resolved(reference, base) == url


def test_where_reading_begins(tmp_path: Path) -> None:
    def start(*names: str) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        site = open_saved(folder_of(folder, dict.fromkeys(names, PAGE)))
        return site.label(site.start)

    assert start("index.html", "a.html") == "index.html"
    assert start("INDEX.HTM", "a.html") == "INDEX.HTM"
    assert start("default.html", "x/index.html") == "default.html"
    assert start("Our shop.html", "Our shop_files/frame.html") == "Our shop.html"
    assert start("b/index.html", "a/c/index.html", "b/a.html") == "b/index.html"
    assert start("readme.html", "sub/index.html") == "sub/index.html"
    assert start("readme.html", "sub/site/Home.htm", "sub/a.html") == "sub/site/Home.htm"
    assert start("home.htm", "sub/index.html") == "home.htm"
    assert start("Our shop.html", "Our shop_files/index.html") == "Our shop.html"
    assert start("landing.html", "vendor/slider/index.html", "assets/index.html") == "landing.html"
    assert start("vendor/slider/index.html", "logo.html.css") == "vendor/slider/index.html"
    assert start(".hidden/index.html", "a.html") == "a.html"
    with pytest.raises(BadInput, match="no page"):
        open_saved(folder_of(tmp_path / "none", {"logo.png": PNG}))
    with pytest.raises(BadInput, match="not there"):
        open_saved(tmp_path / "nowhere")


@pytest.mark.parametrize(("names", "note"), [
    (("about.html", "team.html", "x/deep.html"), "2 pages found; about.html was read first: drop the one you mean"),
    (("readme.html", "sub/index.html", "sub/a.html"), "2 pages found; sub/index.html was read first: drop the one you mean"),
    (("de/index.html", "en/index.html", "en/a.html"), "2 pages found; de/index.html was read first: drop the one you mean"),
    (("about.html", "about_files/frame.html", "js/demo.html"), ""),
    (("index.html", "about.html", "sub/index.html"), ""),
    (("sub/index.html", "sub/a.html", "logo.css"), ""),
])  # fmt: skip
def test_which_page_was_read_is_said_where_it_is_not_plain(tmp_path: Path, names: tuple[str, ...], note: str) -> None:
    assert open_saved(folder_of(tmp_path / "site", dict.fromkeys(names, PAGE))).notes == ((note,) if note else ())
    with zipfile.ZipFile(tmp_path / "site.zip", "w") as packed:
        for name in names:
            packed.writestr(name, PAGE)
    assert open_saved(tmp_path / "site.zip").notes == ((note,) if note else ())
    assert open_saved(tmp_path / "site" / names[0]).notes == ()


def test_a_page_saved_by_a_browser(tmp_path: Path) -> None:
    folder_of(tmp_path, {
        "Shop.html": PAGE, "Shop_files/site.css": STYLE, "Shop_files/logo.png": PNG, "holiday.png": PNG, "Other.html": PAGE,
    })  # fmt: skip
    site = open_saved(tmp_path / "Shop.html")
    assert [site.label(url) for url in site.listed()] == ["Shop.html", "Shop_files/logo.png", "Shop_files/site.css"]
    url = site.resolve("./Shop_files/site.css", site.start)
    assert url and (found := site.read(url, "style")) and found.data == STYLE
    with pytest.raises(BadInput, match="not a saved page"):
        open_saved(tmp_path / "holiday.png")


def test_a_web_archive(tmp_path: Path) -> None:
    whole = email.message.EmailMessage()
    whole["Snapshot-Content-Location"] = "https://example.org/shop/"
    whole.make_related()
    for location, kind, sub, data in (
        ("https://example.org/shop/", "text", "html", '<!doctype html><title>Größe</title><img src="/images/logo.png">'.encode("cp1252")),
        ("https://example.org/images/logo.png", "image", "png", PNG),
        ("https://cdn.example.net/css?family=A", "text", "css", STYLE),
        ("https://cdn.example.net/css?family=B", "text", "css", STYLE * 2),
        # As Chrome writes it: without a Content-ID, which other browsers write in place of a location.
        ("cid:css-1@mhtml.blink", "text", "css", STYLE * 3),
        ("CID:css%2B2@mhtml.blink", "text", "css", STYLE * 4),
        ("", "text", "css", STYLE * 5),
    ):  # fmt: skip
        part = email.message.EmailMessage()
        part.set_content(data, kind, sub, cte="base64")
        if sub == "html":
            part.set_param("charset", "windows-1252")
        if location:
            part["Content-Location"] = location
        else:
            part["Content-ID"] = "<style+3@example.org>"
        whole.attach(part)
    (tmp_path / "shop.mhtml").write_bytes(whole.as_bytes(policy=email.policy.HTTP))
    site = open_saved(tmp_path / "shop.mhtml")
    page = site.read(site.start, "page")
    assert page and page.charset == "windows-1252" and "Größe" in page.data.decode("cp1252")
    wanted: list[tuple[str, Kind, bytes]] = [
        ("/images/logo.png", "picture", PNG),
        ("../images/logo.png", "picture", PNG),
        ("https://example.org/images/logo.png", "picture", PNG),
        ("https://cdn.example.net/css?family=A", "style", STYLE),
        ("https://cdn.example.net/css?family=B", "style", STYLE * 2),
        ("cid:css-1@mhtml.blink", "style", STYLE * 3),
        ("cid:css+2@mhtml.blink", "style", STYLE * 4),
        ("cid:style%2B3@example.org", "style", STYLE * 5),
    ]
    for reference, kind, data in wanted:
        url = site.resolve(reference, page.url)
        assert url and (found := site.read(url, kind)), (reference, url, site.notes)
        assert found.data == data
    assert not site.notes


def test_a_file_is_what_it_is_and_not_what_it_is_called(tmp_path: Path) -> None:
    folder_of(tmp_path, {
        "index.html": b"\xef\xbb\xbf" + PAGE, "photo.jpg": PNG, "fake.png": PAGE, "fake.css": PAGE, "logo": SVG, "fake.woff2": STYLE,
        "zero.css": b"", "binary.css": b"a\0b", "wide.css": "a { color: red }".encode("utf-16"),
    })  # fmt: skip
    site = open_saved(tmp_path)
    page = site.read(site.start, "page")
    assert page and (page.media_type, page.charset) == ("text/html", "utf-8")

    def read(name: str, kind: Kind) -> str | None:
        found = site.read(f"https://saved.invalid/{name}", kind)
        return found and found.media_type

    assert read("photo.jpg", "picture") == "image/png"
    assert read("logo", "picture") == "image/svg+xml"
    assert read("zero.css", "style") == "text/css"
    assert read("wide.css", "style") == "text/css"
    assert [
        read("fake.png", "picture"),
        read("fake.css", "style"),
        read("fake.woff2", "font"),
        read("binary.css", "style"),
    ] == [None] * 4
    assert len(site.notes) == 4 and all("is " in note for note in site.notes)


def test_limits_hold_for_saved_sites_too(tmp_path: Path) -> None:
    folder_of(tmp_path, {"index.html": PAGE, **{f"{n}.css": b"a" * 1000 for n in range(9)}, "big.css": b"a" * 3001})
    site = open_saved(tmp_path, Limits(kind_bytes={"page": 500, "style": 3000}, total_bytes=5000))
    assert site.read("https://saved.invalid/big.css", "style") is None
    assert sum(site.read(f"https://saved.invalid/{n}.css", "style") is not None for n in range(9)) == 4
    assert len(site.notes) == 2 and "of the site were read" in site.notes[1]
    with pytest.raises(BadInput, match="larger"):
        open_saved(tmp_path, Limits(kind_bytes={"page": 50}))


@pytest.mark.parametrize("name", sorted(p.name for p in (SAMPLES / "sites").glob("*")) if SAMPLES.is_dir() else [])
def test_real_sites_are_read_whole(name: str) -> None:
    site = open_saved(SAMPLES / "sites" / name)
    kinds: dict[str, Kind] = {
        "css": "style",
        "html": "page",
        "htm": "page",
        "woff": "font",
        "woff2": "font",
        "ttf": "font",
    }
    for url in site.listed():
        assert site.read(url, kinds.get(url.rpartition(".")[2].lower(), "picture")), site.notes
    assert not site.notes


# ------------------------------------------------------------------------------------------------ data: addresses


@pytest.mark.parametrize(("uri", "expected"), [
    ("data:image/png;base64," + base64.b64encode(PNG).decode(), (PNG, "image/png", None)),
    ("data:image/svg+xml;charset=utf-8,%3Csvg/%3E", (b"<svg/>", "image/svg+xml", "utf-8")),
    ("DATA:text/css;charset=UTF-8;BASE64,YSB7fQ", (b"a {}", "text/css", "utf-8")),
    ("data:,plain", (b"plain", "text/plain", None)),
    ("data:text/css;base64,YSB7\n fQ%3D%3D", (b"a {}", "text/css", None)),
    ("data:text/css;base64,Y", None),
    ("data:text/css;base64,!!!!", None),
    ("data:text/css", None),
    ("data:text/css," + "a" * 1001, None),
    ("data:" + "a" * 500 + ",x", None),
])  # fmt: skip
def test_data_addresses(uri: str, expected: object) -> None:
    assert inline(uri, 1000) == expected


@given(st.text(max_size=200))
def test_any_data_address_is_read_or_refused(text: str) -> None:
    found = inline("data:" + text, 50)
    assert found is None or len(found[0]) <= 50


@given(st.binary(max_size=200), st.booleans())
def test_data_addresses_hold_any_bytes(data: bytes, packed: bool) -> None:
    payload = base64.b64encode(data).decode() if packed else quote(data)
    assert inline(f"data:image/png{';base64' if packed else ''},{payload}", 200) == (data, "image/png", None)


NASTY = st.sampled_from(["..", "../", "%2e%2e%2f", "..%5c", "\\", "/", "//", "etc/passwd", "secret.txt", "C:", "file:", "https://", "saved.invalid",
                         "index.html", "css", "CON", "nul.png", "\0", "%00", "link", ".git", "?", "#", "@", "[", "data:", "\u202e", "\ud800", "~"])  # fmt: skip


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> SavedSite:
    outside = tmp_path_factory.mktemp("outside")
    folder_of(
        outside,
        {"secret.txt": b"SECRET", "site/index.html": PAGE, "site/css/site.css": STYLE, "site/.git/config": b"SECRET"},
    )
    if os.name != "nt":
        (outside / "site" / "link").symlink_to(outside / "secret.txt")
        (outside / "site" / "up").symlink_to(outside)
        (outside / "site" / "round").symlink_to(outside / "site" / "round")
    return open_saved(outside / "site")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    reference=st.lists(NASTY | st.text(max_size=8), max_size=8).map("".join),
    base=st.sampled_from(["", "https://saved.invalid/css/site.css", "https://example.org/a/b"]),
)
def test_no_reference_leads_out_of_the_folder(trap: SavedSite, reference: str, base: str) -> None:
    url = trap.resolve(reference, base or trap.start)
    for asked in (url, reference, f"https://saved.invalid/{reference}"):
        if asked is None:
            continue
        for kind in ("page", "style", "data"):
            found = trap.read(asked, kind)
            assert found is None or b"SECRET" not in found.data
        assert trap.label(asked).isprintable()
    if url is not None and url[:5].lower() != "data:":
        assert urlsplit(url).scheme in ("http", "https") and trap.resolve(url, trap.start) == url


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_are_followed_inside_only(tmp_path: Path) -> None:
    folder_of(tmp_path, {"secret.css": b"SECRET{}", "site/index.html": PAGE, "site/real.css": STYLE})
    (tmp_path / "site/in.css").symlink_to(tmp_path / "site/real.css")
    (tmp_path / "site/out.css").symlink_to(tmp_path / "secret.css")
    (tmp_path / "site/up").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "site/pipe.css")
    site = open_saved(tmp_path / "site")
    assert [site.label(url) for url in site.listed()] == ["in.css", "index.html", "real.css"]
    for name, there in (
        ("in.css", True),
        ("out.css", False),
        ("up/secret.css", False),
        ("UP/secret.css", False),
        ("pipe.css", False),
    ):
        assert (site.read(f"https://saved.invalid/{name}", "style") is not None) == there


def test_hidden_files_are_not_there() -> None:
    assert unseen(".git/config") and unseen("a/.env") and unseen("__MACOSX/a") and not unseen("a/b.css")


# ------------------------------------------------------------------------------------------------ websites


@pytest.fixture
def web() -> Iterator[Web]:
    with stand_in() as found:
        found.answers["/"] = answer(
            PAGE, "200 OK", "text/html; charset=ISO-8859-1", "X-Wall: none", "Set-Cookie: a=b; Domain=example.net"
        )
        found.answers["/css/site.css"] = answer(STYLE, media_type="text/css")
        yield found


def test_a_website_is_read(web: Web) -> None:
    web.answers["/logo.svg"] = answer(SVG, media_type="text/xml")
    web.answers["/odd.css"] = answer(STYLE, media_type="text/plain")
    web.answers["/page.css"] = answer(PAGE, media_type="text/html")
    web.answers["/no-font.woff2"] = answer(b"x", media_type="font/woff2")
    site = WebSite("example.org", language="ar", guard=web.guard())
    page = site.open()
    assert site.open() is page and page.charset == "iso-8859-1" and page.media_type == "text/html"
    assert site.start == page.url == "http://example.org/" and site.read(site.start, "page") is page
    assert site.reply and site.reply.status == 200 and site.reply.headers["x-wall"] == "none"
    urls: tuple[tuple[str, Kind], ...] = (
        ("http://example.org/css/site.css", "style"), ("http://example.org/logo.svg", "picture"), ("http://example.org/odd.css", "style"),
        ("http://example.org/page.css", "style"), ("http://example.org/gone.png", "picture"), ("http://example.org/no-font.woff2", "font"),
        ("http://example.org/css/site.css", "style"),
    )  # fmt: skip
    site.read_all(urls)
    before = len(web.hits)
    assert [found is not None and found.media_type for found in (site.read(*one) for one in urls)] == [
        "text/css", "image/svg+xml", "text/css", False, False, False, "text/css"
    ]  # fmt: skip
    assert site.read("http://example.org/logo.svg", "data")
    assert len(web.hits) == before == 7
    assert sorted(site.notes) == [
        "font http://example.org/no-font.woff2 is not a font file",
        "picture http://example.org/gone.png is not there (404)",
        "style sheet http://example.org/odd.css is served as text/plain, read as a style sheet all the same",
        "style sheet http://example.org/page.css is a page, not a style sheet",
    ]
    assert site.listed() == () and site.label(site.start) == "http://example.org/"
    sent = web.requests[1]
    assert sent["User-Agent"].startswith("Lockup/") and sent["Accept-Language"] == "ar, en;q=0.5"
    assert sent["Cookie"] == "a=b" and "Referer" not in sent
    site.close()


def test_cookies_stay_with_the_site_that_set_them(web: Web) -> None:
    web.names["example.net"] = (PUBLIC,)
    web.answers["example.net/"] = redirect("http://example.org/")
    site = WebSite("http://example.org/", guard=web.guard())
    site.open()
    for url in ("http://example.net/", "http://example.org:8080/", "http://example.org/css/site.css"):
        site.read(url, "page")
    assert [("Cookie" in sent, sent["Host"]) for sent in web.requests] == [
        (False, "example.org"), (False, "example.net"), (True, "example.org"), (False, "example.org:8080"), (True, "example.org"),
    ]  # fmt: skip


def test_redirects_are_followed_and_a_loss_of_encryption_is_said(web: Web, certificate: tuple[Path, Path]) -> None:
    web.answers["/old"] = redirect("/new/", "301 Moved Permanently")
    web.answers["/new/"] = redirect("//www.example.org/css\\..\\end.html#x")
    web.answers["www.example.org/end.html"] = answer(PAGE)
    web.names["www.example.org"] = (PUBLIC,)
    site = WebSite("example.org/old", guard=web.guard())
    site.open()
    assert site.start == "http://www.example.org/end.html" and not site.notes
    secure(web, certificate, redirect("http://example.org/"))
    site = WebSite("example.org", guard=web.guard(), tls=ssl.create_default_context(cafile=str(certificate[0])))
    site.open()
    assert site.start == "http://example.org/"
    assert site.notes == ("https://example.org/ leads on to an address without encryption: http://example.org",)


SAID = {
    "401 Unauthorized": "login", "403 Forbidden": "does not let programs", "404 Not Found": "not there", "410 Gone": "not there",
    "429 Too Many Requests": "too often", "500 Oops": "out of order", "503 Busy": "busy", "418 Teapot": "418",
}  # fmt: skip


@pytest.mark.parametrize("status", SAID)
def test_a_first_page_that_is_refused_says_what_to_do(web: Web, status: str) -> None:
    web.answers["/"] = answer(b"secret words", status)
    site = WebSite("http://example.org", guard=web.guard())
    with pytest.raises(BadInput, match=SAID[status]) as error:
        site.open()
    assert "secret" not in str(error.value) + error.value.hint and error.value.hint
    assert site.reply and site.reply.status == int(status[:3])
    if status[:3] in ("401", "403", "429"):
        assert "save the page" in error.value.hint


@pytest.mark.parametrize(("address", "said"), [
    ("nobody.example.net", "not known"), ("https://example.org", "does not answer"), ("http://example.org/data.json", "not a page"),
])  # fmt: skip
def test_a_first_page_that_is_not_there(web: Web, address: str, said: str) -> None:
    web.answers["/data.json"] = answer(b"{}", media_type="application/json")
    with pytest.raises(BadInput, match=said) as error:
        open_web(address, guard=web.guard())
    assert error.value.hint


def test_a_port_that_was_typed_is_used_on_that_host_only(web: Web) -> None:
    web.names["example.net"] = (PUBLIC,)
    site = WebSite("http://example.org:3000", guard=web.guard())
    site.open()
    assert site.start == "http://example.org:3000/"
    assert site.read("http://example.org:3000/css/site.css", "style")
    assert site.read("http://example.net:3000/css/site.css", "style") is None
    assert site.read("http://example.org:3001/css/site.css", "style") is None
    assert len(web.hits) == 2


def test_a_connection_is_used_again_and_replaced_when_it_was_closed(web: Web) -> None:
    kept = answer(STYLE, media_type="text/css").replace(b"Connection: close\r\n", b"")

    def twice(line: socket.socket) -> None:
        line.sendall(kept)
        line.recv(65536)
        line.sendall(kept)

    web.answers["/a.css"] = twice
    site = WebSite("http://example.org/", guard=web.guard())
    site.open()
    assert all(site.read(f"http://example.org/{name}", "style") for name in ("a.css", "b.css"))
    assert len(web.dialled) == 2, "the second file came over the connection of the first"
    time.sleep(0.05)
    assert site.read("http://example.org/css/site.css", "style"), site.notes
    assert len(web.dialled) == 3


def test_a_name_in_any_script(web: Web) -> None:
    web.names["xn--bcher-kva.example.org"] = (PUBLIC,)
    site = WebSite("http://bücher.example.org/", guard=web.guard())
    site.open()
    assert web.hits == [("xn--bcher-kva.example.org", "/")]


def test_the_next_number_is_tried_where_one_does_not_answer(web: Web) -> None:
    web.names["example.org"] = ("2606:2800:21f:cb07::1", PUBLIC)
    guard = web.guard()
    real = guard.connect

    def connect(number: object, port: int, seconds: float) -> socket.socket:
        if ":" in str(number):
            raise TimeoutError
        return real(number, port, seconds)  # type: ignore[arg-type]

    guard.connect = connect
    assert WebSite("http://example.org/", guard=guard).open()
    assert web.dialled == [PUBLIC]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for example.org that signs itself, and its key."""
    tool = shutil.which("openssl")
    if tool is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    made = folder / "cert.pem", folder / "key.pem"
    words = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=example.org -out {made[0]} -keyout {made[1]}"
    subprocess.run([tool, *words.split(), "-addext", "subjectAltName=DNS:example.org"], check=True, capture_output=True)
    return made


def secure(web: Web, certificate: tuple[Path, Path], said: bytes) -> list[str | None]:
    """Answer `said` on port 443, encrypted. The names that clients asked for are noted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    web.secure(context, said)
    return names


def test_encryption_proves_the_name_not_the_number(web: Web, certificate: tuple[Path, Path]) -> None:
    names = secure(web, certificate, answer(PAGE))
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    site = WebSite("example.org", guard=web.guard(), tls=trusting)
    site.open()
    assert site.start == "https://example.org/" and names == ["example.org"] and web.dialled == [PUBLIC]
    web.names["www.example.org"] = (PUBLIC,)
    for address, tls in (("www.example.org", trusting), ("example.org", None)):
        before = len(web.hits)
        with pytest.raises(BadInput, match="certificate"):
            WebSite(address, guard=web.guard(), tls=tls).open()
        assert len(web.hits) == before, "nothing is asked, and not without encryption either"
