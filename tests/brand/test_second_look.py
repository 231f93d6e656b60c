"""The second look: a screenshot without network or scripts, and what it says of the proposals."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from studio.brand.site.proposals import Colour, ColourRole, Proposals
from studio.brand.site.second_look import percent, second_opinion
from studio.brand.source import screenshot as camera
from studio.brand.source.fetch import open_web
from studio.brand.source.saved import SavedSite, open_saved
from studio.brand.source.screenshot import find_browser, screenshot
from studio.brand.source.site import Kind, Resource
from studio.errors import BadInput
from studio.pixels import Rgba
from tests.brand.sites_made import site_of
from tests.standin import answer
from tests.standin import stand_in as standing_web

RED, BLUE, CREAM, INK = "#c8102e", "#0d6efd", "#fffdf7", "#22201c"
posix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for a browser is a script with a first line")


def rgb(hex_color: str) -> tuple[int, int, int]:
    return int(hex_color[1:3], 16), int(hex_color[3:5], 16), int(hex_color[5:], 16)


def picture(ground: str, *boxes: tuple[str, float]) -> Rgba:
    """400×500 of one colour, with a full-width stripe of each box's share."""
    pixels = np.full((500, 400, 4), 255, np.uint8)
    pixels[..., :3] = rgb(ground)
    top = 5
    for colour, share in boxes:
        bottom = top + round(500 * share)
        pixels[top:bottom, :, :3] = rgb(colour)
        top = bottom
    return pixels


def proposed(*colours: tuple[str, ColourRole, float]) -> Proposals:
    palette = tuple(Colour(hex=h, role=role, source="main.css: a", confidence=sure) for h, role, sure in colours)
    return Proposals(site="example.org", palette=palette)


def sure_of(found: Proposals, hex_color: str) -> float:
    return next(colour.confidence for colour in found.palette if colour.hex == hex_color)


USUAL = proposed((RED, "primary", 0.6), (BLUE, "accent", 0.2), (CREAM, "background", 0.7), (INK, "text", 0.9))


# ------------------------------------------------------------------------------------------------ the opinion


def test_what_is_painted_gains_and_is_told() -> None:
    found = second_opinion(USUAL, picture(CREAM, (RED, 0.04), (INK, 0.02), (BLUE, 0.1)))
    assert sure_of(found, RED) == pytest.approx(0.7) and sure_of(found, CREAM) == pytest.approx(0.775, abs=0.006)
    assert sure_of(found, BLUE) == 0.2 and sure_of(found, INK) == 0.9, "how large an accent is painted says nothing"
    assert (
        found.warnings[-1].startswith(f"In a screenshot, {RED} covers 3.") and f"{CREAM} covers" in found.warnings[-1]
    )
    assert second_opinion(proposed((RED, "primary", 0.97)), picture(CREAM, (RED, 0.3))).palette[0].confidence == 0.97


def test_a_primary_painted_nowhere_loses_but_stays() -> None:
    two = proposed((BLUE, "primary", 0.5), (RED, "primary", 0.45), (CREAM, "background", 0.7), (INK, "text", 0.9))
    found = second_opinion(two, picture(CREAM, (RED, 0.04), (INK, 0.02)))
    assert [colour.hex for colour in found.palette] == [RED, BLUE, CREAM, INK], "order within a role is by confidence"
    assert sure_of(found, BLUE) == pytest.approx(0.4)
    assert f"{BLUE} is not painted" in found.warnings[-1]


def test_photos_neither_confirm_nor_deny() -> None:
    pixels = picture(CREAM, (INK, 0.02))
    spread = np.random.default_rng(5).integers(-12, 13, (200, 400, 3))
    pixels[100:300, :, :3] = np.clip(np.array(rgb(RED)) + spread, 0, 255).astype(np.uint8)
    found = second_opinion(USUAL, pixels)
    assert sure_of(found, RED) == 0.6 and f"{RED} is in details only" in found.warnings[-1]


def test_a_ground_painted_nowhere_is_replaced() -> None:
    wrong = proposed((RED, "primary", 0.6), ("#ffffff", "background", 0.7), (INK, "text", 0.9))
    ground = second_opinion(wrong, picture("#3c4b2a", (RED, 0.04), (INK, 0.2))).palette[1]
    assert (ground.hex, ground.alternatives) == ("#3c4b2a", ("#ffffff",))
    assert ground.source.startswith("screenshot: 7") and ground.source.endswith(" % of the page")
    assert ground.confidence < 0.97


def test_a_ground_painted_little_gets_an_alternative() -> None:
    pixels = picture("#3c4b2a", (CREAM, 0.1), (INK, 0.1))
    ground = second_opinion(USUAL, pixels).palette[2]
    assert ground.hex == CREAM and ground.alternatives == ("#3c4b2a",)


@pytest.mark.parametrize("curtain", [RED, "#808080"])
def test_a_curtain_is_not_taken_for_the_ground(curtain: str) -> None:
    """While it loads a page may hide behind its own colour; behind a notice it is veiled, its words too."""
    pixels = picture(curtain, ("#e0e0e0", 0.1), *([(INK, 0.1)] if curtain == RED else []))
    found = second_opinion(USUAL, pixels)
    assert found.palette[2].hex == CREAM and found.palette[2].alternatives == ()
    assert sure_of(found, RED) >= 0.6, "what is hidden is not judged"


def test_an_empty_page_says_nothing() -> None:
    found = second_opinion(USUAL, picture("#ffffff", (BLUE, 0.01)))
    assert found.palette == USUAL.palette and "all but empty" in found.warnings[-1]


def test_a_strong_colour_nobody_proposed_is_told() -> None:
    told = second_opinion(USUAL, picture(CREAM, ("#1b8a3d", 0.2), (RED, 0.04), (INK, 0.02))).warnings[-1]
    assert "#1b8a3d, which is not proposed, covers 2" in told


def test_shares_in_words() -> None:
    assert [percent(share) for share in (0.0004, 0.031, 0.0996, 0.614)] == ["less than 0.1 %", "3.1 %", "10 %", "61 %"]


HEXES = st.sampled_from([RED, BLUE, CREAM, INK, "#ffffff", "#000000", "#808080"])
ROLES: tuple[ColourRole, ...] = ("primary", "accent", "background", "text")


@given(
    st.lists(st.tuples(HEXES, st.sampled_from(ROLES), st.floats(0.0, 1.0)), max_size=6),
    HEXES,
    st.lists(st.tuples(HEXES, st.floats(0.0, 0.3)), max_size=3),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_nothing_is_lost_and_confidence_stays_in_bounds(
    colours: list[tuple[str, ColourRole, float]],
    ground: str,
    boxes: list[tuple[str, float]],
    size: tuple[int, int],
) -> None:
    colours.sort(key=lambda one: ROLES.index(one[1]))
    before = proposed(*colours).model_copy(update={"warnings": ("old",) * 40})
    pixels = picture(ground, *boxes)[: size[0], : size[1]]
    after = second_opinion(before, pixels)
    Proposals.model_validate(after.model_dump())
    assert [colour.role for colour in after.palette] == [colour.role for colour in before.palette]
    for role in ("primary", "accent", "text"):
        kept = [sorted(c.hex for c in of.palette if c.role == role) for of in (before, after)]
        assert kept[0] == kept[1]
    assert all(0.0 <= colour.confidence <= 1.0 for colour in after.palette)
    assert len(after.warnings) <= 40


# ------------------------------------------------------------------------------------------------ the proxy

PAGE = """<!doctype html><html><head><meta http-equiv="Content-Security-Policy" content="upgrade-insecure-requests">
<link rel=stylesheet integrity="sha256-none" href="https://cdn.example.org/css/main.css"><script src=x.js></script>
<style>@font-face{font-family:F;src:url(https://cdn.example.org/f.woff2)} h1{font-family:F}</style></head>
<body><script>document.body.style.background='#ff00ff'</script><h1>Bread that keeps</h1><img src="red.png">
<iframe src="frame.html"></iframe></body></html>"""
CSS = "body{margin:0;background:#0b6e4f url(../img/none.png)} h1{color:#fff} iframe{border:0}"
# What the stand-in asks for: method, address, Accept.
ASKED = (
    ("GET", "START", "text/html,*/*"),
    ("HEAD", "START", "text/html,*/*"),
    ("POST", "START", "text/html"),
    ("CONNECT", "cdn.example.org:443", "*/*"),
    ("GET", "/index.html", "text/html"),
    ("GET", "file:///etc/hostname", "text/html"),
    ("GET", "http://cdn.example.org.https.invalid/css/main.css", "text/css,*/*;q=0.1"),
    ("GET", "http://saved.invalid.https.invalid/cdn.example.org/css/main.css", "text/css,*/*;q=0.1"),
    ("GET", "http://saved.invalid.https.invalid/red.png", "image/avif,*/*"),
    ("GET", "http://saved.invalid.https.invalid/x.js", "*/*"),
    ("GET", "http://saved.invalid.https.invalid/none.png", "image/avif,*/*"),
)
STAND_IN = f"""#!{sys.executable}
import http.client, json, pathlib, sys
flags = dict(part.split("=", 1) for part in sys.argv[1:-1] if "=" in part)
replies = []
for method, address, accept in json.loads(pathlib.Path("ASKED").read_text()):
    line = http.client.HTTPConnection(flags["--proxy-server"], timeout=5)
    line.putrequest(method, address.replace("START", sys.argv[-1]), skip_host=True)
    line.putheader("Accept", accept)
    line.endheaders()
    reply = line.getresponse()
    replies.append([reply.status, dict(reply.getheaders()), reply.read().decode("latin-1")])
pathlib.Path("REPLIES").write_text(json.dumps([replies, sys.argv[1:]]))
pathlib.Path(flags["--screenshot"]).write_bytes(pathlib.Path("SHOT").read_bytes())
"""


def made_site(folder: Path) -> SavedSite:
    folder.mkdir(parents=True)
    site = site_of(folder, PAGE, x_js="document.title='ran'", frame_html="<p>framed</p>")
    (folder / "cdn.example.org" / "css").mkdir(parents=True)
    (folder / "cdn.example.org" / "css" / "main.css").write_text(CSS)
    Image.new("RGB", (300, 200), RED).save(folder / "red.png")
    del site  # the files of a folder are listed when it is opened
    return site_of(folder, PAGE)


def stand_in(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch, **files: Any) -> None:
    for name in ("ASKED", "REPLIES", "SHOT", "CHILD"):
        script = script.replace(f'"{name}"', repr(str(folder / name)))
    for name, content in files.items():
        (folder / name).write_text(content)
    Image.new("RGB", (64, 48), RED).save(folder / "SHOT", "PNG")
    (folder / "browser").write_text(script)
    (folder / "browser").chmod(0o755)
    monkeypatch.setenv("LOCKUP_BROWSER", str(folder / "browser"))
    monkeypatch.setattr("tempfile.tempdir", str(folder))


@posix
def test_the_proxy_answers_from_the_site_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, STAND_IN, monkeypatch, ASKED=json.dumps(ASKED))
    assert screenshot(made_site(tmp_path / "site")).shape == (48, 64, 4)
    replies, flags = json.loads((tmp_path / "REPLIES").read_text())
    assert [reply[0] for reply in replies] == [200, 200, 501, 501, 404, 404, 302, 200, 200, 404, 404]
    page, head, style = replies[0], replies[1], replies[7]
    assert 'href="http://cdn.example.org.https.invalid/css/main.css"' in page[2] and head[2] == ""
    assert "https://" not in page[2], "nothing asks for encryption"
    assert ' x-integrity="' in page[2] and '"x-content-security-policy"' in page[2].lower()
    # What a sheet names is relative to where it was in the end.
    assert replies[6][1]["Location"] == ASKED[7][1]
    assert style[2] == CSS and style[1]["Content-Type"] == "text/css"
    for reply in (page, head, style, replies[8]):
        assert reply[1]["Content-Security-Policy"].startswith("sandbox; script-src 'none'; frame-src 'none'")
    port = int(next(flag for flag in flags if flag.startswith("--proxy-server")).rpartition(":")[2])
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 1.0)
    assert not list(tmp_path.glob("look-*")), "the profile is gone"


@posix
def test_parts_of_a_web_archive_have_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = "--b\r\nContent-Type: {}\r\n{}\r\n\r\n{}\r\n"
    archive = (
        "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n"
        + part.format(
            "text/html", "Content-Location: https://example.org/", "<link rel=stylesheet href='cid:a@x'><p>Hi"
        )
        + part.format("text/css", "Content-ID: <a@x>", "p{color:#c8102e}")
        + "--b--\r\n"
    )
    (tmp_path / "page.mhtml").write_text(archive, newline="")
    asked = (ASKED[0], ("GET", "http://saved.invalid.https.invalid/cid/a%40x", "text/css"))
    stand_in(tmp_path, STAND_IN, monkeypatch, ASKED=json.dumps(asked))
    screenshot(open_saved(tmp_path / "page.mhtml"))
    page, style = json.loads((tmp_path / "REPLIES").read_text())[0]
    assert "cid:" not in page[2] and "href='http://saved.invalid.https.invalid/cid/a@x'" in page[2]
    assert style[0] in (200, 302)


@posix
def test_a_website_is_asked_through_its_guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with standing_web() as web:
        web.answers |= {
            "/": answer(b"<!doctype html><title>Example</title><p>Hello"),
            "/a.css": answer(b"p{}", media_type="text/css"),
        }
        site = open_web("example.org", guard=web.guard())
        scheme, _, rest = site.start.partition("://")
        start = f"http://{rest.rstrip('/')}" + (".https.invalid" if scheme == "https" else "")
        asked = (ASKED[0], ("GET", f"{start}/a.css", "text/css"), ("GET", "http://127.0.0.1:22/", "text/css"))
        stand_in(tmp_path, STAND_IN, monkeypatch, ASKED=json.dumps(asked))
        screenshot(site)
        site.close()
    assert [reply[0] for reply in json.loads((tmp_path / "REPLIES").read_text())[0]] == [200, 200, 404]


@posix
def test_a_browser_that_hangs_is_ended_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = '#!/bin/sh\nsleep 60 &\necho $! > "CHILD"\nsleep 60\n'
    stand_in(tmp_path, script, monkeypatch)
    began = time.perf_counter()
    with pytest.raises(BadInput, match=r"no picture within 0\.5 seconds"):
        screenshot(made_site(tmp_path / "site"), seconds=0.5)
    assert time.perf_counter() - began < 5.0
    child = int((tmp_path / "CHILD").read_text())
    deadline = time.monotonic() + 3.0
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(child)


def alive(pid: int) -> bool:
    """Whether a process runs; ended ones may wait as zombies for whoever adopts them."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@posix
def test_a_browser_that_fails_is_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = made_site(tmp_path / "site")
    stand_in(tmp_path, "#!/bin/sh\nexit 3\n", monkeypatch)
    with pytest.raises(BadInput, match="gave no picture of the page") as caught:
        screenshot(site)
    assert "LOCKUP_BROWSER" in caught.value.hint
    # A picture of something else than the page: the browser's own error page.
    stand_in(tmp_path, STAND_IN, monkeypatch, ASKED="[]")
    with pytest.raises(BadInput, match="gave no picture of the page"):
        screenshot(site)


def test_which_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKUP_BROWSER", str(tmp_path / "none"))
    assert find_browser() is None
    with pytest.raises(BadInput, match="which LOCKUP_BROWSER names, is not there"):
        screenshot(made_site(tmp_path / "site"))
    monkeypatch.delenv("LOCKUP_BROWSER")
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}" if name == "msedge" else None)
    assert find_browser() == Path("/bin/msedge")
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("PROGRAMFILES", str(tmp_path))
    installed = tmp_path / camera._WINDOWS[2]
    installed.parent.mkdir(parents=True, exist_ok=True)
    installed.touch()
    assert find_browser() == installed
    installed.unlink()
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(BadInput, match="no browser to look with"):
        screenshot(made_site(tmp_path / "other"))


# ------------------------------------------------------------------------------------------------ a real browser


class Watched:
    """A saved site that says what it was asked for; pictures take their time."""

    def __init__(self, site: SavedSite, picture_seconds: float = 0.0) -> None:
        self.site, self.start, self.notes = site, site.start, site.notes
        self.asked: list[tuple[str, Kind]] = []
        self.picture_seconds = picture_seconds
        self.resolve, self.read_all, self.label, self.listed = site.resolve, site.read_all, site.label, site.listed

    def read(self, url: str, kind: Kind) -> Resource | None:
        self.asked.append((url, kind))
        if kind == "picture":
            time.sleep(self.picture_seconds)
        return self.site.read(url, kind)


@pytest.mark.browser
@pytest.mark.skipif(find_browser() is None, reason="no browser is installed")
def test_a_page_as_a_browser_paints_it(tmp_path: Path) -> None:
    site = Watched(made_site(tmp_path / "site"))
    pixels = screenshot(site, 800, 600)
    assert pixels.shape == (600, 800, 4)
    assert tuple(pixels[590, 790, :3]) == rgb("#0b6e4f"), "the other host's sheet is there, the script did not run"
    assert (pixels[..., :3] == rgb(RED)).all(axis=2).sum() == 300 * 200
    asked = set(site.asked)
    assert ("https://cdn.example.org/css/main.css", "style") in asked
    assert ("https://cdn.example.org/f.woff2", "font") in asked
    assert ("https://saved.invalid/cdn.example.org/img/none.png", "picture") in asked
    assert not [url for url, _ in asked if "x.js" in url or "frame" in url]
    assert all(url.startswith(("https://saved.invalid/", "https://cdn.example.org/")) for url, _ in asked)


@pytest.mark.browser
@pytest.mark.skipif(find_browser() is None, reason="no browser is installed")
def test_a_slow_site_is_shown_as_far_as_it_came(tmp_path: Path) -> None:
    began = time.perf_counter()
    pixels = screenshot(Watched(made_site(tmp_path / "site"), picture_seconds=30.0), 800, 600, seconds=6.0)
    assert time.perf_counter() - began < 8.0
    assert tuple(pixels[590, 790, :3]) == rgb("#0b6e4f")
