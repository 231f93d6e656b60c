"""The studio from other programs: the same ads as the command line's, and a reference that is true."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from studio.errors import BadInput
from studio.runs import Runs
from studio.studio import Studio
from studio.ui import page as pages
from studio.ui.api import QUICK, declare, endpoint, explained, reference, verbs
from studio.ui.verbs import Verbs
from tests.page_process import PageProcess, sent

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "assets" / "demo"
FORMATS = ("display-300x250", "display-320x50")
NAMES = {
    "brand_infer", "brand_check", "brand_import", "brand_export", "kits", "formats", "layouts", "sets", "make",
    "run_status", "run_files", "stop", "dry_run", "score", "cutout", "upscale", "control", "stage", "read",
    "engines_list", "doctor",
}  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageProcess]:
    running = PageProcess(tmp_path_factory.mktemp("home"))
    yield running
    running.end()


@pytest.fixture(scope="module")
def client(page: PageProcess, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(page.url, verbose=False, download_files=tmp_path_factory.mktemp("down"))


def demo_brief() -> dict[str, Any]:
    """The demo's brief without its product, which is sent as a file."""
    fields = tomllib.loads((DEMO / "brief.toml").read_text("utf-8"))
    fields.pop("product", None)
    return fields


def test_the_endpoints_are_the_verbs_and_nothing_else(page: PageProcess) -> None:
    config = json.loads(page.ask("/config")[1])
    assert {one["api_name"] for one in config["dependencies"]} == NAMES
    info = json.loads(page.ask("/gradio_api/info")[1])
    assert set(info["named_endpoints"]) == {f"/{name}" for name in NAMES}
    assert not info["unnamed_endpoints"]
    made = info["named_endpoints"]["/make"]["parameters"]
    assert [one["parameter_name"] for one in made][:3] == ["brief", "kit", "product"]
    assert [one["parameter_name"] for one in made if not one["parameter_has_default"]] == ["brief", "kit"]


def test_the_same_ads_as_the_command_line_makes_byte_for_byte(
    client: Client, tmp_path: Path, page: PageProcess
) -> None:
    out = tmp_path / "out"
    asked = ["make", str(DEMO / "brief.toml"), "--kit", str(DEMO / "brand"), "--product", str(DEMO / "product.png")]
    asked += ["--formats", ",".join(FORMATS), "--count", "1", "--draft", "--json", "--out", str(out)]
    environ = {**os.environ, "STUDIO_HOME": str(tmp_path / "home")}
    done = subprocess.run([sys.executable, "app.py", *asked], cwd=ROOT, env=environ, capture_output=True, check=True)
    by_hand = {ad["format"]: Path(ad["file"]).read_bytes() for ad in json.loads(done.stdout)["ads"]}

    made = client.predict(
        brief=demo_brief(), kit="solbrae", product=handle_file(str(DEMO / "product.png")), formats=list(FORMATS), count=1,
        steps=4, api_name="/make",
    )  # fmt: skip
    assert {ad["format"]: Path(ad["file"]).read_bytes() for ad in made["ads"]} == by_hand
    assert set(by_hand) == set(FORMATS) and made["over"] and not made["failed"]
    assert all(ad["passed"] == ad["tested"] > 10 for ad in made["ads"])
    assert Path(made["sheet"]).read_bytes()[:4] == b"\x89PNG"

    status = client.predict(run=made["run"], api_name="/run_status")
    assert status["over"] and status["finished"] == 2 and str(page.home) not in json.dumps(status)
    told = client.predict(picture=handle_file(made["ads"][0]["file"]), api_name="/read")
    assert "Lockup" in json.dumps(told)
    score = client.predict(picture=handle_file(made["ads"][0]["file"]), kit="solbrae", api_name="/score")
    assert 0 < score["passed"] <= score["tested"] == len(score["checks"])


def test_a_run_can_be_left_alone_and_stopped(client: Client) -> None:
    text = f'name = "left"\nheadline = "Alone"\nformats = {json.dumps(FORMATS)}\ncount = 3\n'
    begun = client.predict(brief=text, kit="solbrae", steps=64, wait=False, api_name="/make")
    assert set(begun) == {"run"}
    assert client.predict(run=begun["run"], api_name="/stop")["stopped"]
    with pytest.raises(AppError, match="There is no run"):
        client.predict(run="nothing", api_name="/stop")


def test_a_dry_run_plans_as_the_command_line_does(client: Client) -> None:
    plans = [
        client.predict(brief=brief, kit="solbrae", formats=list(FORMATS), count=2, api_name="/dry_run")
        for brief in (demo_brief(), json.dumps(demo_brief()))
    ]
    assert plans[0] == plans[1]
    assert len(plans[0]["ads"]) == 4 and plans[0]["shots"]


def test_the_painter_and_the_effort_are_chosen(client: Client) -> None:
    asked = {"brief": demo_brief(), "kit": "solbrae", "formats": list(FORMATS), "count": 1, "api_name": "/dry_run"}
    plans = [client.predict(**asked, effort=effort) for effort in ("quick", "normal")]
    assert plans[0]["ads"] and plans[0] != plans[1]  # another effort is another picture
    assert plans[1] == client.predict(**asked, engine="stage")
    with pytest.raises(AppError, match="There is no engine called nothing"):
        client.predict(**asked, engine="nothing")
    with pytest.raises(AppError, match=r"z-image-turbo cannot paint yet: .*python app\.py engines fetch|not installed"):
        client.predict(**asked, engine="z-image-turbo")
    with pytest.raises(AppError, match="effort"):
        client.predict(**asked, effort="much")


def test_kits_come_and_go(client: Client, tmp_path: Path) -> None:
    tokens = client.predict(kit="solbrae", api_name="/brand_export")["file"]
    assert json.loads(Path(tokens).read_text())
    kit = client.predict(tokens=handle_file(tokens), name="A copy", api_name="/brand_import")["kit"]
    assert kit == "a-copy"
    assert "a-copy" in [one["id"] for one in client.predict(api_name="/kits")]
    assert isinstance(client.predict(kit=kit, api_name="/brand_check"), list)
    page = tmp_path / "page.html"
    page.write_text("<title>Example Bakery</title><style>h1{color:#c2410c}</style><h1>Bread with time</h1>")
    found = client.predict(file=handle_file(str(page)), api_name="/brand_infer")
    assert found["found"]["name"] == "Example Bakery" and found["kit"] == "example-bakery"


def test_lists_say_what_there_is(client: Client) -> None:
    assert "meta-square" in [one["id"] for one in client.predict(api_name="/formats")]
    assert "hero" in [one["id"] for one in client.predict(api_name="/layouts")]
    assert "arch" in [one["id"] for one in client.predict(api_name="/sets")]
    engines = {(one["kind"], one["id"]): one for one in client.predict(api_name="/engines_list")}
    assert engines["painter", "stage"]["can"]["sets"] and not engines["painter", "stage"]["can"]["prompt"]
    assert engines["cutout", "birefnet-general"]["licence"] == "MIT"
    findings = client.predict(api_name="/doctor")["findings"]
    assert {one["state"] for one in findings} <= {"fine", "look", "broken"}


def test_pictures_are_worked_on(client: Client) -> None:
    photo = handle_file(str(DEMO / "product.png"))
    grown = client.predict(picture=photo, scale=1.5, engine="lanczos", api_name="/upscale")
    assert Path(grown["file"]).stat().st_size > 1000 and grown["px"]
    made = client.predict(set_id="arch", kit="solbrae", size="128x128", samples=1, api_name="/stage")
    assert {"picture", "depth", "edges", "mask"} <= set(made["files"])
    with pytest.raises(AppError, match=r"expected e\.g\. 1200x628"):
        client.predict(set_id="arch", kit="solbrae", size="9x9", api_name="/stage")
    with pytest.raises(AppError, match=r"scale: .*16"):
        client.predict(picture=photo, scale=99, api_name="/upscale")


def test_a_call_goes_by_plain_requests_as_the_reference_says(page: PageProcess) -> None:
    good, answer = page.call("brand_check", {"kit": "solbrae"})
    assert good and answer
    path = page.upload("bottle.png", (DEMO / "product.png").read_bytes())[1][0]
    good, answer = page.call("upscale", {"picture": sent(path), "scale": 1, "engine": "lanczos"})
    assert good and answer[0]["file"]["url"]


# ------------------------------------------------------------------------------------------------ the reference


def test_the_reference_explains_every_verb_and_every_parameter() -> None:
    known = {one.name: one for one in explained()}
    assert set(known) == NAMES == {verb.__name__ for verb in verbs(Verbs)}
    for one in known.values():
        assert one.about and one.returns, one.name
        assert all(parameter.about and parameter.kind for parameter in one.parameters), one.name
        assert "<" not in "".join(parameter.kind for parameter in one.parameters)
    text = reference("http://127.0.0.1:9")
    assert all(f"## {name}\n" in text for name in NAMES)
    assert "http://127.0.0.1:9/gradio_api/call/v2/make" in text and "7860" not in text
    assert set(QUICK) <= NAMES


def test_examples_are_python_that_names_real_parameters() -> None:
    for one in explained():
        call = compile(one.python, one.name, "eval")
        assert "client" in call.co_names
        given = set(re.findall(r"(\w+)=", one.python)) - {"api_name"}
        assert given <= {parameter.name for parameter in one.parameters}
        assert {parameter.name for parameter in one.parameters if parameter.needed} <= given


def test_examples_for_the_shell_are_json_a_shell_would_send() -> None:
    for one in explained():
        body = re.findall(r"-d (\".*\"|'.*') \|", one.curl)[0]
        done = subprocess.run(["sh", "-c", f"FILE=/a/b.jpg; printf %s {body}"], capture_output=True, check=True)
        assert isinstance(json.loads(done.stdout), dict), one.name


# ------------------------------------------------------------------------------------------------ inside


def test_trouble_is_one_line_and_what_to_do() -> None:
    def verb(self: Any, number: int) -> int:
        if number == 1:
            raise BadInput("It is one", "Take two")
        return number * 2

    class Holder:
        double = verb

    call = endpoint(Holder().double)
    assert call(4) == 8
    with pytest.raises(gr.Error, match=r"It is one\. Take two"):
        call(1)
    with pytest.raises(gr.Error, match=r"number: Input should be a valid integer"):
        call("x")


def test_long_work_has_few_places_and_the_rest_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "up"))
    studio = Studio(tmp_path / "home")
    runs = Runs(studio)
    try:
        with gr.Blocks() as blocks:
            declare(blocks, studio, runs)
        places = {fn.api_name: fn.concurrency_limit for fn in blocks.fns.values()}
        assert places["cutout"] == places["stage"] == 2 and places["make"] == 12 and places["run_status"] is None
    finally:
        runs.close()


@pytest.mark.skipif(find_spec("mcp") is not None, reason="the tools are installed here")
def test_tools_without_their_package_are_refused_before_anything_opens(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="one more package") as refused:
        pages.launch(Studio(tmp_path), port=0, browser=False, mcp=True)
    assert '-e ".[mcp]"' in refused.value.hint


@pytest.mark.skipif(find_spec("mcp") is None, reason="needs the mcp package")
@pytest.mark.parametrize("password", ["", "correct horse battery"])
def test_the_verbs_are_tools(tmp_path: Path, password: str) -> None:
    import asyncio

    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    running = PageProcess(tmp_path / "home", mcp=True, password=password)
    headers = {"Authorization": f"Bearer {password}"} if password else {}

    picture = f"data:image/png;base64,{base64.b64encode((DEMO / 'product.png').read_bytes()).decode()}"

    async def talk() -> tuple[set[str], list[Any]]:
        async with (
            streamablehttp_client(f"http://{running.host}/gradio_api/mcp/", headers=headers) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {tool.name for tool in (await session.list_tools()).tools}
            path = running.upload("a.png", (DEMO / "product.png").read_bytes(), headers=headers)[1][0]
            asked = (
                ("kits", {}), ("brand_check", {"kit": "no"}), ("read", {"picture": picture}),
                ("read", {"picture": f"http://{running.host}/gradio_api/file={path}"}),
                ("read", {"picture": f"http://{running.host}/gradio_api/file=/etc/passwd"}),
                ("read", {"picture": "https://example.org/a.png"}),
            )  # fmt: skip
            return tools, [await session.call_tool(name, arguments) for name, arguments in asked]

    try:
        tools, (kits, wrong, inline, own, foreign, web) = asyncio.run(talk())
        assert tools == NAMES
        assert "solbrae" in str(kits.content) and not kits.isError
        assert wrong.isError and "There is no kit" in str(wrong.content)
        assert all("'kind': 'png'" in str(one.content) and not one.isError for one in (inline, own))
        assert foreign.isError and "was not dropped here" in str(foreign.content)
        assert web.isError and "not fetched" in str(web.content)
        assert not password or running.ask("/gradio_api/mcp/schema")[0] == 401
    finally:
        running.end()
