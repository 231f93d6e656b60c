"""Pages that show little: each kind is named in one sentence with what to do, and real pages are left in peace."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.brand.page.tree import read_page
from studio.brand.site.trouble import refresh_of, trouble_of
from studio.brand.source.saved import open_saved
from studio.brand.source.site import Resource
from studio.errors import BadInput
from tests.brand.sites_made import look_of, site_of
from tests.samples import SAMPLES

SITES = SAMPLES / "sites"
PROSE = "<p>" + "We bake bread with care in our own old mill every single day. " * 30 + "</p>"


def troubles(
    folder: Path, html: str, status: int | None = None, headers: dict[str, str] | None = None
) -> tuple[str, ...]:
    site = site_of(folder, html)
    return trouble_of(look_of(site), site, status, headers or {})


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ('<title>Example</title><body><div id="root"></div><script src="a.js"></script></body>', "JavaScript"),
        ('<title>Example</title><body><div id="__next"></div></body>', "JavaScript"),
        ("<body><app-root></app-root></body>", "JavaScript"),
        ("<body><noscript>You need to enable JavaScript to run this app.</noscript><div class=x></div></body>", "JavaScript"),
        ("<title>Just a moment...</title><body><p>Checking your browser before you go on.</p></body>", "human"),
        ("<title>Access denied</title><body><p>Reference #18.2d351ab8.1557333295</p></body>", "human"),
        ("<title>example.org</title><body><div id=px-captcha></div><p>Press &amp; hold to confirm you are a human.</p></body>", "human"),
        ("<title>Sign in</title><body><form><p>Log in to go on</p><input type=password></form></body>", "login"),
        ("<title>example.org</title><body><p>This domain is for sale. Make an offer on this domain.</p></body>", "parked"),
        ("<title>Welcome to nginx!</title><body><p>If you see this page, the server is installed.</p></body>", "parked"),
        ("<title>Example</title><body><h1>Coming soon</h1></body>", "not ready"),
        ("<title>Example</title><body><h1>网站建设中，敬请期待</h1></body>", "not ready"),
        ("<title>404 Not Found</title><body><h1>Not Found</h1></body>", "wrong address"),
        ("<title>Example</title><frameset><frame src=a.html></frameset>", "frame"),
        ("<html><body></body></html>", "empty"),
        ('<meta http-equiv="refresh" content="0; url=/en/"><body></body>', "leads on"),
    ],
)  # fmt: skip
def test_each_trouble_is_named_with_a_remedy(tmp_path: Path, html: str, words: str) -> None:
    found = troubles(tmp_path, html)
    assert len(found) == 1 and words in found[0], found
    assert found[0].endswith(".") and any(verb in found[0] for verb in ("pen", "Check", "Use", "Sign"))


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (403, {"CF-Mitigated": "challenge"}, "human"),
        (503, {"X-DataDome": "protected"}, "human"),
        (404, {}, "wrong address"),
        (500, {}, "error (500)"),
        (200, {}, ""),
    ],
)
def test_the_answer_of_a_server_counts(tmp_path: Path, status: int, headers: dict[str, str], words: str) -> None:
    found = troubles(tmp_path, "<title>Example</title><body><p>Please wait.</p><img src=a.png></body>", status, headers)
    assert (words in found[0]) if words else found == ()


@pytest.mark.parametrize(
    "html",
    [
        f"<title>Example</title><body>{PROSE}<p>Our new oven is coming soon.</p><a>Log in</a></body>",
        f"<title>Example</title><body><div id=root>{PROSE}</div><noscript>Please enable JavaScript</noscript></body>",
        f"<title>Example</title><body>{PROSE}<form><input type=password><button>Log in</button></form></body>",
        "<title>Example</title><body><h1>Bread</h1><img src=a.jpg></body>",
        f"<title>Example</title><body>{PROSE}<div class=g-recaptcha></div><p>Protected by captcha, not a robot</p></body>",
        f"<title>Just a moment of bread</title><body>{PROSE * 3}</body>",
    ],
)
def test_pages_that_speak_are_left_in_peace(tmp_path: Path, html: str) -> None:
    assert troubles(tmp_path, html) == ()


@pytest.mark.parametrize(
    ("content", "address"),
    [
        ("0; url=/en/", "https://saved.invalid/en/"),
        ("0;URL='next.html'", "https://saved.invalid/next.html"),
        ("3, next.html", "https://saved.invalid/next.html"),
        ("0; url=https://example.org/x", "https://example.org/x"),
        ("30; url=/en/", None),
        ("0; url=http://example.org/", None),
        ("0; url=javascript:alert(1)", None),
        ("0; url=data:text/html,x", None),
        ("0; url=file:///etc/passwd", None),
        ("0; url=index.html", None),
        ("5", None),
        ("", None),
        ("x; url=/a", None),
    ],
)
def test_where_a_page_leads_on_to(tmp_path: Path, content: str, address: str | None) -> None:
    site = site_of(tmp_path, f'<html><head><meta http-equiv="Refresh" content="{content}"></head><body>x</body></html>')
    assert refresh_of(look_of(site).page, site) == address


def test_a_web_page_never_falls_back_to_an_open_connection(tmp_path: Path) -> None:
    site = site_of(tmp_path, "<p>x</p>")
    for scheme, wanted in (("http", "https://example.org/a"), ("https", None)):
        other = "https" if scheme == "http" else "http"
        html = f'<meta http-equiv=refresh content="0;url={other}://example.org/a">'.encode()
        page = read_page(Resource(f"{scheme}://example.org/", html, "text/html"), site)
        assert refresh_of(page, site) == wanted


@pytest.mark.parametrize("folder", sorted(SITES.glob("*/truth.json")), ids=lambda path: path.parent.name)
def test_real_sites_have_no_trouble(folder: Path) -> None:
    site = open_saved(folder.parent)
    look = look_of(site)
    assert trouble_of(look, site, None, {}) == () and refresh_of(look.page, site) is None


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.sampled_from(["<div id=root>", "<noscript>", "enable javascript", "<input type=password>", "<frameset>", "login", "</div>",
                              "<meta http-equiv=refresh content='0;url=//[x'>", "404", "domain for sale", "<iframe src='//[::'>", "\x00", "麵"]), max_size=20),
    st.sampled_from([None, 200, 403, 404, 503, 999]),
    st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=3),
)  # fmt: skip
def test_nothing_raises(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], status: int | None, headers: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_text("<!doctype html><html>" + "".join(parts), "utf-8")
    try:
        site = open_saved(folder)
    except BadInput:
        return
    look = look_of(site)
    for sentence in trouble_of(look, site, status, headers):
        assert sentence.endswith(".")
    refresh_of(look.page, site)
