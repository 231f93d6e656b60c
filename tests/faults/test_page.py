"""The page under attack: a real server, asked for what it must not give, from where it must not be asked."""

from __future__ import annotations

import base64
import json
import os
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AuthenticationError

from tests.page_process import PageProcess, sent

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo"
PASSWORD = "correct horse battery"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server's process notes every connection that leaves this machine."""
    return tmp_path_factory.mktemp("calls") / "calls.txt"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, calls: Path) -> Iterator[PageProcess]:
    home = tmp_path_factory.mktemp("home")
    (home / "machine.json").write_text('{"watts": 77}')
    running = PageProcess(home, {"LOCKUP_TEST_CALLS": str(calls)})
    yield running
    running.end()


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageProcess]:
    """A page that listens to others too, with a password."""
    running = PageProcess(tmp_path_factory.mktemp("locked"), host="0.0.0.0", password=PASSWORD)
    yield running
    running.end()


def component(page: PageProcess, tab: str = "shell") -> int:
    """The number of a tab's element."""
    _, body, _ = page.ask("/config")
    found = [one["id"] for one in json.loads(body)["components"] if one["props"].get("elem_id") == f"tab-{tab}"]
    return found[0]


def verb(page: PageProcess, name: str, data: Any = None, **changed: Any) -> tuple[int, Any]:
    """A verb of the header called as the page calls it."""
    asked = {"component_id": component(page), "fn_name": name, "session_hash": "test", "data": data or {}}
    return page.post("/gradio_api/component_server", {**asked, **changed})


# ------------------------------------------------------------------------------------------------ who asks


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example"},
        {"Host": "rebound.example:7860"},
        {"Host": ""},
        {"Host": "127.0.0.1.rebound.example"},
        {"Host": "127.0.0.1@rebound.example"},
        {"Host": "localhost."},
        {"Host": "[::1"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/info", "/gradio_api/heartbeat/x", "/gradio_api/file=x"])
def test_other_sites_get_nothing(page: PageProcess, path: str, headers: dict[str, str]) -> None:
    status, body, _ = page.ask(path, headers=headers)
    assert status in (400, 403)  # no Host at all is refused by the server itself
    assert b"Lockup" not in body


@pytest.mark.parametrize("path", ["component_server", "queue/join", "upload", "call/stop", "cancel"])
def test_other_sites_change_nothing(page: PageProcess, path: str) -> None:
    for headers in ({"Origin": "https://elsewhere.example"}, {"Host": "rebound.example"}):
        status, body = page.post(f"/gradio_api/{path}", {"data": []}, headers)
        assert status == 403, body


def test_a_link_to_the_page_may_be_followed(page: PageProcess) -> None:
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert page.ask("/", headers=followed)[0] == 200
    assert page.ask("/config", headers=followed)[0] == 403
    status, _, headers = page.ask("/")
    assert status == 200 and headers["x-frame-options"] == "SAMEORIGIN"
    assert page.ask("/", headers={"Host": f"LocalHost:{page.port}"})[0] == 200


def test_a_request_by_whole_address_or_with_two_hosts_is_refused(page: PageProcess) -> None:
    assert page.ask("http://elsewhere.example/config")[0] in (400, 403, 404)
    assert page.ask("/config", headers={"Host": page.host, "host": "elsewhere.example"})[0] in (400, 403)


# ------------------------------------------------------------------------------------------------ which doors


@pytest.mark.parametrize(
    "path",
    [
        "/docs", "/redoc", "/openapi.json", "/gradio_api/openapi.json", "/gradio_api/docs", "/monitoring",
        "/monitoring/summary", "/monitoring/x", "/gradio_api/dev/reload", "/gradio_api/proxy=https://x.hf.space/a",
        "/gradio_api/runs", "/gradio_api/run-history/buckets", "/gradio_api/deep_link?session_hash=x",
        "/gradio_api/token", "/gradio_api/vibe-code", "/gradio_api/mcp", "/gradio_api/mcp/", "/gradio_api/mcp/sse",
        "/gradio_api/stream/a/b/1/playlist.m3u8", "/gradio_api/custom_component/a/client/b/c", "/pwa_icon",
        "/gradio_api/file/etc/passwd", "/gradio_api/profiling/traces", "/file=/etc/passwd", "//config",
        "/gradio_api/queue/status", "/nothing", "/.git/config", "/gradio_api",
    ],
)  # fmt: skip
def test_doors_that_are_not_used_are_shut(page: PageProcess, path: str) -> None:
    assert page.ask(path)[0] == 404


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/run/make", "/gradio_api/api/make", "/gradio_api/process_recording", "/gradio_api/vibe-edit",
        "/gradio_api/run-history/connect", "/gradio_api/stream/x", "/gradio_api/profiling/clear",
    ],
)  # fmt: skip
def test_nothing_can_be_sent_to_them(page: PageProcess, path: str) -> None:
    assert page.post(path, {"data": []})[0] == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST"])
def test_other_methods_are_not_taken(page: PageProcess, method: str) -> None:
    assert page.ask("/config", method, b"" if method == "POST" else None)[0] == 405


def test_bodies_without_length_or_far_too_long_are_not_read(page: PageProcess) -> None:
    chunked = {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
    assert page.ask("/gradio_api/component_server", "POST", b"2\r\n{}\r\n0\r\n\r\n", chunked)[0] == 411
    long = {"Content-Length": "900000000", "Content-Type": "application/json"}
    for path in ("component_server", "upload", "queue/join", "cancel"):
        assert page.ask(f"/gradio_api/{path}", "POST", b"", long)[0] == 413
    assert page.ask("/login", "POST", b"", {"Content-Length": "20000"})[0] == 413


# ------------------------------------------------------------------------------------------------ files


def files_outside(page: PageProcess) -> list[str]:
    home = str(page.home)
    return [
        f"{home}/desk.sqlite", f"{home}/desk.sqlite-wal", f"{home}/machine.json", f"{home}/logs/page.log", home,
        f"{home}/kits", f"{home}/kits/../desk.sqlite", f"{home}/kits/%2e%2e/desk.sqlite",
        f"{home}/kits/..%2fdesk.sqlite", f"{home}/kits/%252e%252e/desk.sqlite", f"{home}/kits/..%5cdesk.sqlite",
        f"{home}/kits/solbrae/../../desk.sqlite", f"{home}/kits2/x", f"{home}/cache/shown/../uploads/../../desk.sqlite",
        f"{home}/pictures", "/etc/passwd", "etc/passwd", "../../../../etc/passwd", "%2fetc%2fpasswd",
        f"{home}/kits/solbrae/%00.png", f"{home}/kits/solbrae/brand.tokens.json%00.png", "file:///etc/passwd",
        "//127.0.0.1/share/x.png", "%5c%5chost%5cshare%5cx.png", "C:/Windows/win.ini", "C:%5cWindows%5cwin.ini",
        "http://127.0.0.1:1/x", "https://example.org/x.png", "HTTPS://example.org/x.png", "ftp://example.org/x",
        "data:text/html,x", str(DEMO / "product.png"), str(DEMO / "brand" / "brand.tokens.json"),
        f"{home}/kits/" + "a/" * 3000, f"{home}/kits/" + "x" * 5000, "", ".", "~/.ssh/id_rsa", "app.py",
    ]  # fmt: skip


def test_no_file_but_the_workspaces_own_is_served(page: PageProcess) -> None:
    for path in files_outside(page):
        status, body, _ = page.ask(f"/gradio_api/file={path}")
        assert status in (400, 403, 404, 414, 431), (path[:100], status)
        assert b"SQLite" not in body and b"root:" not in body, path[:100]


def test_links_that_lead_out_are_not_followed_and_hidden_files_not_shown(page: PageProcess) -> None:
    kit = page.home / "kits" / "solbrae"
    assert page.ask(f"/gradio_api/file={kit}/brand.tokens.json")[0] == 200
    (kit / ".lockup-1.part").write_text("half")
    assert page.ask(f"/gradio_api/file={kit}/.lockup-1.part")[0] == 403
    try:
        (kit / "out.png").symlink_to(page.home / "desk.sqlite")
        (kit / "outside").symlink_to(page.home, target_is_directory=True)
    except OSError:
        pytest.skip("links cannot be made here")
    for path in ("out.png", "outside/desk.sqlite", "outside/kits/solbrae/brand.tokens.json/../../../machine.json"):
        assert page.ask(f"/gradio_api/file={kit}/{path}")[0] == 403


def test_drawings_of_a_kit_are_served_without_their_scripts(page: PageProcess) -> None:
    drawing = page.home / "kits" / "solbrae" / "evil.svg"
    drawing.write_bytes(SVG)
    status, _, headers = page.ask(f"/gradio_api/file={drawing}")
    assert status == 200 and "sandbox" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


# ------------------------------------------------------------------------------------------------ uploads


@pytest.mark.parametrize(
    "name", ["../x.png", "..\\x.png", "/etc/x.png", "a/../../x.png", "C:\\x.png", "%2e%2e%2fx.png", ".png", "x" * 400 + ".png"]
)  # fmt: skip
def test_uploads_stay_in_their_folder_whatever_they_are_called(page: PageProcess, name: str) -> None:
    status, answer = page.upload(name, b"data")
    if status == 200:
        found = Path(answer[0]).resolve()
        assert found.is_relative_to((page.home / "cache" / "uploads").resolve()) and found.read_bytes() == b"data"
    assert status in (200, 400)
    assert not list(page.home.glob("x.png")) and not list((page.home / "cache").glob("x.png"))


@pytest.mark.parametrize(("name", "data"), [("x.svg", SVG), ("x.html", b"<script>alert(1)</script>"), ("x.js", b"1")])
def test_what_could_run_is_never_shown_as_a_page(page: PageProcess, name: str, data: bytes) -> None:
    status, answer = page.upload(name, data, "text/html")
    assert status == 200
    _, _, headers = page.ask(f"/gradio_api/file={answer[0]}")
    shown = (
        headers["content-type"].startswith("application/octet-stream")
        and "attachment" in headers["content-disposition"]
    )
    assert shown or "sandbox" in headers.get("content-security-policy", "")


def test_a_file_over_the_limit_is_refused_and_leaves_nothing(page: PageProcess) -> None:
    uploads = page.home / "cache" / "uploads"
    before = sum(path.stat().st_size for path in uploads.rglob("*") if path.is_file())
    assert page.upload("big.png", b"\0" * 100_000_000)[0] == 413
    time.sleep(0.5)
    after = sum(path.stat().st_size for path in uploads.rglob("*") if path.is_file())
    assert after - before < 1_000_000


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is so large; its pixels would be."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 5_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_pictures_that_would_burst_are_refused_before_they_are_opened(page: PageProcess) -> None:
    path = page.upload("bomb.png", bomb(30_000, 30_000))[1][0]
    for name, more in (("cutout", {}), ("upscale", {}), ("score", {"kit": "solbrae"}), ("control", {"kind": "edges"})):
        began = time.monotonic()
        good, said = page.call(name, {"picture": sent(path), **more})
        assert not good and time.monotonic() - began < 10, (name, said)
        assert "30000" in json.dumps(said) or "large" in json.dumps(said) or "edges" in json.dumps(said), (name, said)


@pytest.mark.parametrize("data", [b"", b"%PDF-1.4", b"PK\x03\x04", SVG, b"\x89PNG\r\n\x1a\n", os.urandom(2000)])
def test_files_of_the_wrong_kind_are_told_not_crashed_on(page: PageProcess, data: bytes) -> None:
    status, answer = page.upload("x.png", data)
    if status != 200:
        return
    good, said = page.call("cutout", {"picture": sent(answer[0])})
    assert not good and "x.png" in json.dumps(said)
    good, said = page.call("brand_import", {"tokens": sent(answer[0])})
    assert not good and "Traceback" not in json.dumps(said)


# ------------------------------------------------------------------------------------------------ verbs


@pytest.mark.parametrize(
    "changed",
    [
        {"fn_name": "__init__"}, {"fn_name": "build"}, {"fn_name": "postprocess"}, {"fn_name": "move_resource_to_block_cache"},
        {"fn_name": ""}, {"fn_name": None}, {"fn_name": ["kits"]}, {"component_id": 10**9}, {"component_id": "x"},
        {"component_id": -1}, {"session_hash": None}, {"session_hash": {"a": 1}},
    ],
)  # fmt: skip
def test_only_verbs_can_be_called(page: PageProcess, changed: dict[str, Any]) -> None:
    status, body = verb(page, "kits", **changed)
    assert status in (400, 404, 422, 500)
    assert b"Traceback" not in (body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize(
    "data", [[], "x", 7, None, [1, 2], {"run_id": 7}, {"run_id": {"a": []}}, {"unknown": 1}, {"self": 1}, {"run_id": "x" * 100_000}]
)  # fmt: skip
def test_wrong_arguments_are_told(page: PageProcess, data: Any) -> None:
    status, answer = page.post(
        "/gradio_api/component_server",
        {"component_id": component(page), "fn_name": "stop", "session_hash": "test", "data": data},
    )
    assert status == 200 and set(answer) == {"error", "hint"} and len(answer["error"]) < 1000


def test_deep_and_long_json_is_survived(page: PageProcess) -> None:
    at = f'{{"component_id": {component(page)}, "fn_name": "stop", "session_hash": "t", "data": '
    for data in (
        "[" * 100_000 + "]" * 100_000,
        '{"run_id": ' * 5000 + "1" + "}" * 5000,
        '{"run_id": "' + "x" * 8_000_000 + '"}',
        "1e999",
    ):
        status, _, _ = page.ask(
            "/gradio_api/component_server", "POST", f"{at}{data}}}".encode(), {"Content-Type": "application/json"}
        )
        assert status in (200, 400, 422, 500)
    assert page.ask("/config")[0] == 200


def test_no_path_of_this_machine_is_read_for_a_caller(page: PageProcess) -> None:
    secret = page.home / "machine.json"
    for path in (str(secret), "/etc/passwd", "../machine.json", str(DEMO / "product.png"), "https://example.org/x.png"):
        for name, asked in (
            ("read", {"picture": sent(path)}),
            ("brand_infer", {"file": sent(path)}),
            ("make", {"brief": {"headlines": ["a"]}, "kit": "solbrae", "product": sent(path)}),
        ):
            good, said = page.call(name, asked)
            assert not good, (name, path)
            assert "watts" not in json.dumps(said)
    for address in (
        str(DEMO),
        str(secret),
        "file:///etc/passwd",
        "/etc",
        "127.0.0.1",
        "http://[::1]/",
        "169.254.169.254",
    ):
        good, said = page.call("brand_infer", {"address": address})
        assert not good, (address, said)


@pytest.mark.parametrize(
    "brief",
    [
        {"product": "/etc/passwd"}, {"product": "../../desk.sqlite"}, {"references": ["/etc/passwd"]},
        {"references": [{"picture": "../x.png"}]}, {"controls": [{"kind": "depth", "picture": "/etc/passwd"}]},
        {"references": [{"picture": "a" * 64, "mask": "/etc/passwd"}]}, "product = '/etc/passwd'", "= broken", "{broken",
        {"count": 10**9}, {"formats": ["no-such-format"]}, {"headlines": 7}, {"unknown": 1}, "[" * 50_000, {"sets": ["../x"]},
    ],
)  # fmt: skip
def test_briefs_that_reach_out_or_make_no_sense_are_refused(page: PageProcess, brief: Any) -> None:
    good, said = page.call("dry_run", {"brief": brief, "kit": "solbrae"})
    assert not good and "Traceback" not in json.dumps(said), said


def test_engines_are_named_never_pointed_at(page: PageProcess) -> None:
    path = page.upload("x.png", (DEMO / "product.png").read_bytes())[1][0]
    for name in ("/etc/passwd", "../x.onnx", str(page.home / "x.onnx"), "nothing"):
        for verb_name in ("cutout", "upscale"):
            good, said = page.call(verb_name, {"picture": sent(path), "engine": name})
            assert not good and "Known" in json.dumps(said)
    for kit in ("..", "../kits/solbrae", "/etc", "solbrae/..", "", "a" * 500):
        assert not page.call("brand_check", {"kit": kit})[0]
    for set_id in ("../arch", "/etc/passwd", "presets/sets/arch.toml"):
        assert not page.call("stage", {"set_id": set_id, "kit": "solbrae"})[0]


# ------------------------------------------------------------------------------------------------ the password


def test_a_page_for_others_asks_everything_for_the_password(locked: PageProcess) -> None:
    assert PASSWORD not in locked.rest() and "name lockup" in locked.said
    for path in (
        "/config",
        "/gradio_api/info",
        "/gradio_api/file=x",
        "/gradio_api/queue/data",
        "/gradio_api/heartbeat/x",
    ):
        assert locked.ask(path)[0] == 401, path
    for path in ("component_server", "queue/join", "upload", "cancel", "reset", "call/kits", "call/v2/kits"):
        assert locked.post(f"/gradio_api/{path}", {"data": []})[0] == 401, path
    status, body, _ = locked.ask("/")
    assert status == 200 and b"gradio" not in body.lower() and b"password" in body
    assert locked.ask("/", "HEAD")[:2] == (200, b"")
    assert locked.ask("/assets/index.js")[0] == locked.ask("/theme.css")[0] == 401
    assert locked.ask("/config", headers={"Cookie": "access-token-x=1; access-token-unsecure-x=1"})[0] == 401
    assert locked.ask("/config", headers={"Origin": "https://elsewhere.example"})[0] == 403


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_the_password_opens_it_for_clients_and_for_curl(locked: PageProcess, tmp_path: Path) -> None:
    client = Client(locked.url.replace("0.0.0.0", "127.0.0.1"), auth=("lockup", PASSWORD), verbose=False)
    assert client.predict(api_name="/kits")[0]["id"] == "solbrae"
    assert locked.ask("/config", headers=basic("lockup", PASSWORD))[0] == 200
    assert locked.ask("/config", headers={"Authorization": f"Bearer {PASSWORD}"})[0] == 200
    kit = locked.home / "kits" / "solbrae" / "brand.tokens.json"
    assert locked.ask(f"/gradio_api/file={kit}", headers=basic("lockup", PASSWORD))[0] == 200
    with pytest.raises((AuthenticationError, ValueError)):
        Client(locked.url.replace("0.0.0.0", "127.0.0.1"), verbose=False)


def test_guessing_is_slow(tmp_path: Path) -> None:
    running = PageProcess(tmp_path / "home", host="0.0.0.0", password=PASSWORD)
    try:
        wrong = [basic("lockup", f"guess {n}") for n in range(5)]
        wrong += [basic("other", PASSWORD), {"Authorization": "Basic !!"}, {"Authorization": "Digest x"}]
        answers = [running.ask("/config", headers=headers)[0] for headers in wrong]
        assert answers[:5] == [401] * 5 and 429 in answers[5:]
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        status, body, _ = running.ask("/login", "POST", b"username=lockup&password=correct+horse+battery", form)
        assert status == 429 and b"Try again in" in body  # not even the right one is looked at yet
    finally:
        running.end()


def test_a_password_is_made_where_none_is_given_and_a_short_one_refused(tmp_path: Path) -> None:
    running = PageProcess(tmp_path / "home", host="0.0.0.0")
    try:
        made = running.rest(1.0).partition("the password ")[2].split()[0].rstrip(".")
        assert len(made) >= 12
        assert running.ask("/config")[0] == 401
        assert running.ask("/config", headers=basic("lockup", made))[0] == 200
    finally:
        running.end()
    with pytest.raises(AssertionError, match="too short"):
        PageProcess(tmp_path / "home", host="0.0.0.0", password="1234")


# ------------------------------------------------------------------------------------------------ nothing leaves


def test_nothing_was_asked_of_the_network(page: PageProcess, calls: Path) -> None:
    """Last: after all of the above, no connection and no name look-up left the machine."""
    assert page.ask("/")[0] == 200
    assert page.process.poll() is None
    asked = calls.read_text().splitlines() if calls.exists() else []
    assert not asked
    config = json.loads(page.ask("/config")[1])
    assert config["analytics_enabled"] is False
    assert config["run_history"] is False
