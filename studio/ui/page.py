"""The page: a header and six tabs. It only asks, polls and stops; the work is the desk's."""

from __future__ import annotations

import logging
import os
import socket
import threading
from pathlib import Path

# Nothing leaves the machine: these are read when Gradio is imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import gradio as gr
from starlette.middleware import Middleware

from studio import settings
from studio.errors import DeskError
from studio.first import first_draft
from studio.runs import Runs
from studio.studio import Studio
from studio.ui.brand import Brand
from studio.ui.compose import Compose
from studio.ui.engine import Engine
from studio.ui.finish import Finish
from studio.ui.guard import LOOPBACK, OwnPageOnly
from studio.ui.references import References
from studio.ui.shell import Shell
from studio.ui.still import FilesStayStill
from studio.ui.theme import studio_theme, stylesheet
from studio.ui.variants import Variants
from studio.ui.view import script

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo"
TABS = (
    ("brand", "Brand", Brand), ("compose", "Compose", Compose), ("references", "References", References),
    ("variants", "Variants", Variants), ("finish", "Finish", Finish), ("engine", "Engine", Engine),
)  # fmt: skip
log = logging.getLogger(__name__)


def launch(studio: Studio, host: str = "127.0.0.1", port: int = 7860, browser: bool = True) -> None:
    """Open the studio and stay until Ctrl-C. Raises `DeskError` when the port is taken."""
    port = _free(host, port)
    os.environ["GRADIO_TEMP_DIR"] = str(settings.cache(studio.home) / "uploads")
    _log_to(settings.logs(studio.home) / "page.log")
    runs = Runs(studio)
    outside = host not in LOOPBACK
    names = None if outside else LOOPBACK
    blocks = build(studio, runs)
    blocks.queue(default_concurrency_limit=None, api_open=False)
    try:
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
            max_file_size="80mb",
            allowed_paths=[str(path) for path in shown(studio, runs)],
            footer_links=[],
            app_kwargs={
                "middleware": [Middleware(OwnPageOnly, names=names), Middleware(FilesStayStill)],
                "openapi_url": None,
            },
            theme=studio_theme(),
            css=stylesheet(),
            head=f"<script>{script('lockup')}</script>",
        )
        print(f"Lockup is open at http://{host}:{port}   Ctrl-C ends it.", flush=True)
        if outside:
            print("Anyone who can reach this address can use it and see its ads.", flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        print("Closing; finished ads are kept.", flush=True)
    finally:
        runs.close()
        blocks.close(verbose=False)


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
        Shell(studio, runs, first_draft(studio, DEMO)).build()
        with gr.Tabs(elem_id="tabs"):
            for name, label, tab in TABS:
                with gr.Tab(label, id=name, elem_id=f"panel-{name}"):
                    tab(studio, runs).build()
    return blocks


def shown(studio: Studio, runs: Runs) -> tuple[Path, ...]:
    """The folders of the workspace whose files the page may show; nothing else is served."""
    return runs.folder, studio.kits, settings.shown(studio.home)
