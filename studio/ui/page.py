"""The page: one form, one run at a time on view. It only asks, polls and stops; the work is the desk's."""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

# Nothing leaves the machine: these are read when Gradio is imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import gradio as gr
from starlette.middleware import Middleware

from studio import settings
from studio.brief.rows import one_row
from studio.errors import BadInput, DeskError
from studio.model import Brief, Format
from studio.orders import Wishes
from studio.products import ReadyProduct
from studio.runs import Runs, RunState
from studio.studio import Studio
from studio.ui import show
from studio.ui.brush import Brush
from studio.ui.guard import LOOPBACK, OwnPageOnly
from studio.ui.latest import Latest
from studio.ui.reading import Reading
from studio.ui.still import FilesStayStill
from studio.ui.theme import studio_theme, stylesheet
from studio.ui.tried import tried
from studio.values import read_value

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo"
GROUPS = {
    "Social": ("Meta", "Instagram", "LinkedIn", "X", "Pinterest", "YouTube"),
    "Display": ("Google", "Display", "Interstitial"),
    "Print": ("Print",),
    "Own": (),
}
ESSENTIALS = ("meta-square", "meta-portrait", "meta-story", "meta-link", "display-300x250", "display-728x90")
POLL_S = 1.0
WORDS = ("headlines", "body", "action", "price", "legal")
log = logging.getLogger(__name__)


def launch(studio: Studio, host: str = "127.0.0.1", port: int = 7860, browser: bool = True) -> None:
    """Open the studio and stay until Ctrl-C. Raises `DeskError` when the port is taken."""
    port = _free(host, port)
    os.environ["GRADIO_TEMP_DIR"] = str(settings.cache(studio.home) / "uploads")
    _log_to(settings.logs(studio.home) / "page.log")
    runs = Runs(studio)
    outside = host not in LOOPBACK
    names = None if outside else LOOPBACK
    blocks = Page(studio, runs).build()
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
            allowed_paths=[str(runs.folder), str(runs.thumbs), str(studio.kits)],
            footer_links=[],
            app_kwargs={
                "middleware": [Middleware(OwnPageOnly, names=names), Middleware(FilesStayStill)],
                "openapi_url": None,
            },
            theme=studio_theme(),
            css=stylesheet(),
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


class Page:
    """Builds the form and answers it. Handlers return what to show and never raise at the designer."""

    def __init__(self, studio: Studio, runs: Runs) -> None:
        self.studio = studio
        self.runs = runs
        self.brush = Brush(studio)
        self.reading = Reading(studio, runs, DEMO / "brand")
        self.latest = Latest()
        self.presets = studio.presets()

    # -------------------------------------------------------------------------------------------- building

    def build(self) -> gr.Blocks:
        with gr.Blocks(title="Lockup", fill_width=True, delete_cache=(3600, 86400), analytics_enabled=False) as blocks:
            product = gr.State(str(DEMO / "product.jpg"))
            run_id, seen = gr.State(""), gr.State(())
            brush = self.brush.build()
            timer = gr.Timer(POLL_S, active=False)
            gr.HTML('<header class="mast"><b>Lockup</b><span>From a brand and a brief to finished ads</span></header>')
            with gr.Row(elem_classes="sheet"):
                with gr.Column(scale=0, min_width=340, elem_classes="brief"):
                    fields = self._form(product, brush)
                    with gr.Column(elem_classes="act"):
                        notice = gr.HTML()
                        self._sum(fields)
                        with gr.Row():
                            make = gr.Button("Make", variant="primary", elem_id="make", scale=2)
                            stop = gr.Button("Stop", elem_id="stop", interactive=False, scale=1)
                with gr.Column(elem_classes="view"):
                    self.reading.sheet(fields[2:8], make)
                    history = gr.Dropdown(
                        [], label="Run", show_label=False, container=False, visible=False, elem_id="history"
                    )
                    run = [gr.HTML(show.EMPTY), gr.HTML(), gr.HTML(), gr.HTML()]
            view = [*run, seen, stop, timer]
            quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
            made = make.click(self.make, fields, [notice, run_id, history], **quiet)
            made.then(self.look, [run_id, gr.State(())], view, **quiet)
            stop.click(self.stop, run_id, [notice, stop], **quiet)
            timer.tick(self.look, [run_id, seen], view, **quiet)
            history.input(lambda chosen: chosen, history, run_id, **quiet).then(
                self.look, [run_id, gr.State(())], view, **quiet
            )
            blocks.load(self.reading.known, None, fields[0], **quiet)
            blocks.load(self.product, product, self._product_shown, **quiet)
            blocks.load(self.open, None, [run_id, history], **quiet).then(
                self.look, [run_id, gr.State(())], view, **quiet
            )
        return blocks

    def _form(self, product: gr.State, brush: gr.HTML) -> list[Any]:
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
        demo = self.studio.read_brief(DEMO / "brief.toml")
        kit = self.reading.build()
        self._product_fields(product, brush)
        gr.HTML("<h3>Words</h3>")
        name = gr.Textbox(demo.name, label="Campaign", elem_id="name")
        headlines = gr.Textbox(
            "\n".join(demo.headlines), label="Headlines", info="One a line", lines=2, elem_id="heads"
        )
        body = gr.Textbox(demo.body, label="Body", lines=2)
        with gr.Row():
            action = gr.Textbox(demo.action, label="Action", min_width=120)
            price = gr.Textbox(demo.price, label="Price", min_width=90)
        legal = gr.Textbox(demo.legal, label="Legal line", lines=2)
        gr.Button("Clear the words", size="sm", elem_classes="small").click(
            lambda: ("",) * 6, None, [name, headlines, body, action, price, legal], **quiet
        )
        groups = self._formats()
        return [kit, product, name, headlines, body, action, price, legal, *self._scene(), *groups]

    def _product_fields(self, product: gr.State, brush: gr.HTML) -> None:
        """The product's card, its picture, and the way to the brush."""
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
        gr.HTML("<h3>Product</h3>")
        photo = gr.State(str(DEMO / "product.jpg"))
        shown = gr.HTML(show.cutting(""), elem_id="product")
        upload = gr.File(label="Product picture", show_label=False, file_types=["image"], height=58, elem_id="upload")
        outputs = self._product_shown = [product, photo, shown]
        with gr.Row(elem_classes="small"):
            mend = gr.Button("Mend the cut-out", size="sm", elem_id="mend")
            demo = gr.Button("Demo product", size="sm")
            none = gr.Button("No product", size="sm")
        for button, path in ((demo, str(DEMO / "product.jpg")), (none, "")):
            chosen = button.click(lambda path=path: (path, None), None, [photo, upload], **quiet)
            chosen.then(self.product, photo, outputs, **quiet)
        upload.upload(self.product, upload, outputs, trigger_mode="multiple", **quiet)
        mend.click(self.mend, photo, [brush, shown], **quiet)
        brush.submit(self.mended, None, [product, shown], **quiet)

    def _formats(self) -> list[gr.CheckboxGroup]:
        gr.HTML("<h3>Formats</h3>")
        presets = ("Essentials", *(group for group in GROUPS if self._choices(group)), "All", "None")
        with gr.Row(elem_classes="small presets"):
            buttons = [gr.Button(preset, size="sm", min_width=40) for preset in presets]
        boxes: list[gr.CheckboxGroup] = []
        for group in GROUPS:
            choices = self._choices(group)
            with gr.Accordion(group, open=False, visible=bool(choices)):
                boxes.append(gr.CheckboxGroup(choices, value=self._pick("Essentials", group), show_label=False))
        for button, preset in zip(buttons, presets, strict=True):
            button.click(
                lambda preset=preset: [self._pick(preset, group) for group in GROUPS], None, boxes,
                show_progress="hidden", api_visibility="private",
            )  # fmt: skip
        return boxes

    def _scene(self) -> list[Any]:
        gr.HTML("<h3>Variants</h3>")
        count = gr.Number(2, label="How many", precision=0, minimum=1, maximum=1000, elem_id="count")
        with gr.Accordion("Look, layouts and sets", open=False):
            looks = [("Any", ""), *((look.name, look.id) for look in self.presets.looks.values())]
            look = gr.Dropdown(looks, value="", label="Look")
            families = [(family.name, family.id) for family in self.presets.layouts.values()]
            layouts = gr.Dropdown(families, value=[], multiselect=True, label="Layouts", info="All when left empty")
            sets = gr.Dropdown(list(self.presets.sets), value=[], multiselect=True, label="Sets")
            seed = gr.Number(1, label="Seed", precision=0, minimum=0, maximum=2**31 - 1)
        draft = gr.Checkbox(False, label="Draft: quicker, a little noisier", elem_id="draft")
        return [look, layouts, sets, count, seed, draft]

    def _sum(self, fields: list[Any]) -> None:
        watched = [field for field in fields if isinstance(field, gr.CheckboxGroup) or field.elem_id == "count"]
        line = gr.HTML(show.total(2, len(ESSENTIALS)))
        gr.on([field.change for field in watched], None, watched, line, js=show.TOTAL_JS)

    def _choices(self, group: str) -> list[tuple[str, str]]:
        return [(_label(item), item.id) for item in self.presets.formats.values() if _group(item) == group]

    def _pick(self, preset: str, group: str) -> list[str]:
        ids = [value for _, value in self._choices(group)]
        if preset == "Essentials":
            return [value for value in ids if value in ESSENTIALS]
        return ids if preset in ("All", group) else []

    # -------------------------------------------------------------------------------------------- answering

    def open(self) -> tuple[Any, ...]:
        """A page was opened: the run under way, else the newest."""
        run_id = self.runs.newest() or ""
        return run_id, self._history(run_id)

    def product(self, path: str | None, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """The product to use, the photo the brush may mend, and how it looks; a photo is cut out first, and a picture
        that cannot be used is refused here already. What was chosen meanwhile is never overwritten."""
        wanted = self.latest.asked(str(request.session_hash))
        if not path:
            yield "", "", show.product_card(None)
            return
        yield path, "", show.cutting(Path(path).name)
        error, ready = tried(lambda: self.studio.product(Path(path)))
        if not wanted():
            return
        if ready is None:
            yield "", "", show.notice(error)
        else:
            yield path, path if ready.cut else "", show.product_card(ready)

    def mend(self, photo: str) -> tuple[Any, ...]:
        """Open the brush on the photo behind the product."""
        if not photo:
            why = BadInput("There is no cut-out to mend", "Drop a photo with its background; it is cut out here")
            return gr.skip(), show.notice(why)
        error, opened = tried(lambda: self.brush.open(Path(photo)))
        return opened or gr.skip(), show.notice(error) if error else gr.skip()

    def mended(self, event: gr.EventData, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """The brush is done: cut at full size, use that from now on."""
        wanted = self.latest.asked(str(request.session_hash))
        token, strokes = str(event._data.get("token")), str(event._data.get("strokes"))
        yield gr.skip(), show.cutting("")

        def cut() -> tuple[str, ReadyProduct]:
            path, marks = self.brush.mended(token, strokes)
            ready = self.studio.product(path, strokes=marks)
            return str(self.studio.keep(ready)), ready

        error, done = tried(cut)
        if not wanted():
            return
        yield (gr.skip(), show.notice(error)) if done is None else (done[0], show.product_card(done[1]))

    def make(self, *form: Any) -> tuple[Any, ...]:
        """Plan what the form says and put it on the queue."""
        error, run_id = tried(lambda: self._start(*form))
        return show.notice(error), run_id or gr.skip(), self._history(run_id) if run_id else gr.skip()

    def stop(self, run_id: str) -> tuple[Any, ...]:
        error, _ = tried(lambda: self.runs.stop(run_id))
        return show.notice(error), gr.Button("Stopping", interactive=False)

    def look(self, run_id: str, seen: Sequence[Any]) -> tuple[Any, ...]:
        """How far the run is. The gallery is sent only when it has changed."""
        error, state = tried(lambda: self.runs.state(run_id)) if run_id else (None, None)
        if state is None:
            return (
                show.notice(error) or show.EMPTY,
                "",
                "",
                "",
                (),
                gr.Button("Stop", interactive=False),
                gr.Timer(active=False),
            )
        mark = (run_id, len(state.finished), len(state.failed), state.settled)
        same = mark == tuple(seen)
        ads = gr.skip() if same else show.gallery(state, self.runs.thumb)
        return (
            show.notice(state.trouble) + show.progress(state),
            gr.skip() if same else show.files(state),
            gr.skip() if same else show.mending(state),
            ads,
            mark,
            _stop_button(state),
            gr.Timer(active=not state.settled),
        )

    def _start(self, kit: str, product: str, name: str, *rest: Any) -> str:
        *words, look, layouts, sets, count, seed, draft = rest[: len(WORDS) + 6]
        formats = tuple(chosen for group in rest[len(WORDS) + 6 :] for chosen in group)
        if not formats:
            raise BadInput("No format is chosen", "Choose at least one under Formats.")
        headlines = tuple(line.strip() for line in words[0].splitlines() if line.strip())
        fields = {
            "name": _slug(name), "headlines": headlines, **dict(zip(WORDS[1:], words[1:], strict=True)),
            "formats": formats, "layouts": tuple(layouts), "sets": tuple(sets), "look": look or None,
            "count": count, "seed": seed or 0,
        }  # fmt: skip
        brief = read_value(Brief, fields, "Brief")
        wishes = Wishes(product=Path(product) if product else None, steps=4 if draft else 12)
        job = self.studio.plan(one_row(brief), Path(kit.strip()).expanduser(), DEMO, wishes)
        return self.runs.start(job)

    def _history(self, run_id: str) -> gr.Dropdown:
        recent = self.runs.recent()
        return gr.Dropdown(choices=recent, value=run_id or None, visible=len(recent) > 1)


def _stop_button(state: RunState) -> gr.Button:
    return gr.Button("Stop", interactive=not (state.now.over or state.trouble))


def _group(item: Format) -> str:
    return next((group for group, channels in GROUPS.items() if item.channel in channels), "Own")


def _label(item: Format) -> str:
    if item.width_mm is not None:
        return f"{item.name} · {item.width_mm:g} × {item.height_mm:g} mm"
    size = f"{item.width_px} × {item.height_px}"
    return item.name if f"{item.width_px}×{item.height_px}" in item.name else f"{item.name} · {size}"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:64] or "campaign"
