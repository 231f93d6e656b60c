"""The page: a header and six tabs. It only asks, polls and stops; the work is the desk's."""

from __future__ import annotations

import io
import logging
import os
import socket
import threading
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from importlib.util import find_spec
from pathlib import Path

# Nothing leaves the machine: these are read when Gradio is imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import gradio as gr
from gradio_client import Client
from starlette.middleware import Middleware

from studio import settings
from studio.again import Again
from studio.errors import BadInput, DeskError
from studio.first import welcome
from studio.gallery import Gallery
from studio.runs import Runs
from studio.studio import Studio
from studio.ui.api import declare
from studio.ui.brand import Brand
from studio.ui.compose import Compose
from studio.ui.engine import Engine
from studio.ui.finish import Finish
from studio.ui.guard import LOOPBACK, KnownDoorsOnly, OwnPageOnly
from studio.ui.login import NAME, PasswordAsked, chosen_password
from studio.ui.references import References
from studio.ui.shell import Shell
from studio.ui.still import FilesStayStill
from studio.ui.theme import studio_theme, stylesheet
from studio.ui.variants import Variants
from studio.ui.view import script

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo"
log = logging.getLogger(__name__)


def launch(
    studio: Studio,
    host: str = "127.0.0.1",
    port: int = 7860,
    browser: bool = True,
    password: str = "",
    mcp: bool = False,
) -> None:
    """Open the studio and stay until Ctrl-C. A `host` that others can reach always has a password: without one it is
    made up and shown once. `mcp` offers the verbs as tools too. Raises `DeskError` when the port is taken, `BadInput`
    for a password that is too short or when `mcp` is not installed."""
    if mcp and find_spec("mcp") is None:
        raise BadInput("The tools need one more package", 'pip install -e ".[mcp]"')
    outside = host not in LOOPBACK
    secret = chosen_password(password) if outside or password else ""
    port = _free(host, port)
    os.environ["GRADIO_TEMP_DIR"] = str(settings.cache(studio.home) / "uploads")
    _log_to(settings.logs(studio.home) / "page.log")
    runs = Runs(studio)
    blocks = build(studio, runs)
    blocks.queue(default_concurrency_limit=None, api_open=False)
    try:
        served = shown(studio, runs)
        _open(blocks, served, doors(served, outside, secret, mcp), (host, port, secret), browser, mcp)
        print(f"Lockup is open at http://{_reached(host)}:{port}   Ctrl-C ends it.", flush=True)
        if secret:
            made = "" if password else f" and the password {secret}"
            print(f"Log in with the name {NAME}{made}.", flush=True)
        if outside:
            print("From elsewhere: this machine's own address. What is sent is not encrypted.", flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        print("Closing; finished ads are kept.", flush=True)
    finally:
        runs.close()
        if studio.engines.workshop is not None:
            studio.builds.close()
        blocks.close(verbose=False)


def doors(served: Sequence[Path], outside: bool, secret: str, mcp: bool) -> list[Middleware]:
    """What every request has to pass before Gradio sees it, the first asked first."""
    uploads = Path(os.environ["GRADIO_TEMP_DIR"])
    return [
        Middleware(OwnPageOnly, names=None if outside else LOOPBACK),
        Middleware(KnownDoorsOnly, mcp=mcp),
        *([Middleware(PasswordAsked, password=secret)] if secret else []),
        Middleware(FilesStayStill, folders=(*served, uploads)),
    ]


def _open(
    blocks: gr.Blocks, served: Sequence[Path], middleware: list[Middleware], at: tuple[str, int, str], browser: bool,
    mcp: bool,
) -> None:  # fmt: skip
    """Start serving. Everything of Gradio's that an environment variable could turn on is turned off by name."""
    host, port, secret = at
    quiet = redirect_stdout(io.StringIO()) if mcp else nullcontext()  # it announces its tools in its own words
    with quiet:
        blocks.launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            inbrowser=browser,
            quiet=True,
            share=False,
            ssr_mode=False,
            strict_cors=True,
            enable_monitoring=False,
            run_history=False,
            pwa=False,
            num_workers=0,
            root_path="",
            mcp_server=mcp,
            auth=(NAME, secret) if secret else None,
            max_file_size="80mb",
            allowed_paths=[str(path) for path in served],
            footer_links=[],
            app_kwargs={"middleware": middleware, "openapi_url": None},
            theme=studio_theme(),
            css=stylesheet(),
            head=f"<script>{script('lockup')}</script>",
        )
    tools = blocks.mcp_server_obj
    if mcp and tools is None:
        raise DeskError(f"The tools cannot be offered: {blocks.mcp_error}", "Start without --mcp.")
    if tools is not None and secret:
        # Tools are called through the page's own address, which asks for the password too.
        tools._client_instance = Client(
            f"http://{_reached(host)}:{port}", auth=(NAME, secret), download_files=False, verbose=False,
            analytics_enabled=False, _skip_components=False,
        )  # fmt: skip


def _reached(host: str) -> str:
    """The address at which a page that listens on `host` is reached from here."""
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{own}]" if ":" in own else own


def _free(host: str, port: int) -> int:
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            if os.name != "nt":  # a port just let go of is free; on Windows the option would take a port in use
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return probe.getsockname()[1]
    except OSError as error:
        raise DeskError(
            f"Port {port} on {host} cannot be opened: {error.strerror or error}",
            "Close the other program, or take a free port with --port 0.",
        ) from error


def _log_to(path: Path) -> None:
    settings.prepare(path.parent)
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger("studio").addHandler(handler)


def build(studio: Studio, runs: Runs) -> gr.Blocks:
    """The whole page."""
    with gr.Blocks(title="Lockup", fill_width=True, delete_cache=(3600, 86400), analytics_enabled=False) as blocks:
        Shell(studio, runs, welcome(studio, runs, DEMO)).build()
        gallery, again = Gallery(studio, runs), Again(studio, runs)
        tabs = (
            ("Brand", Brand(studio, runs)),
            ("Compose", Compose(studio, runs)),
            ("References", References(studio, runs)),
            ("Variants", Variants(studio, runs, gallery, again)),
            ("Finish", Finish(studio, runs, gallery, again)),
            ("Engine", Engine(studio, runs)),
        )
        with gr.Tabs(elem_id="tabs"):
            for label, tab in tabs:
                with gr.Tab(label, id=label.lower(), elem_id=f"panel-{label.lower()}"):
                    tab.build()
        declare(blocks, studio, runs)
    return blocks


def shown(studio: Studio, runs: Runs) -> tuple[Path, ...]:
    """The folders of the workspace whose files the page may show; nothing else is served."""
    return runs.folder, studio.kits, settings.shown(studio.home)
