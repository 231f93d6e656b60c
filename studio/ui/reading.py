"""The brand's corner of the form: which kit, and reading a new one from a website or a file."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from studio.brand.website import as_path
from studio.errors import BadInput, LockupError
from studio.runs import Runs
from studio.studio import Studio
from studio.ui import proposed, show
from studio.ui.latest import Latest
from studio.ui.tried import tried

KINDS = [
    ".zip", ".html", ".htm", ".mhtml", ".mht", ".svg", ".png", ".jpg", ".jpeg", ".webp", ".pdf",
    ".json", ".json5", ".tokens",
]  # fmt: skip
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}

# The sheet's one button, and a new sheet comes into view by itself.
_SHEET_JS = """element.addEventListener("click", (event) => {
  const button = event.target.closest("button[name=words]");
  if (!button) return;
  trigger("submit");
  button.textContent = "In the brief";
});
watch("value", () => requestAnimationFrame(() => {
  const view = element.closest(".view");
  if (!element.querySelector(".proposed")) return;
  if (view.scrollHeight > view.clientHeight + 1) view.scrollTop = 0;
  else element.scrollIntoView();
}));"""
_FOLD_JS = "() => document.querySelector('#proposed details.proposed')?.removeAttribute('open')"

_UNCHANGED = (gr.skip(),) * 7
"""Notice, address, Read, Stop, kit, sheet, words: what every reading answers, left as they are."""


class Reading:
    """The kit's fields, and what answers them. A read that was stopped leaves no kit and shows nothing."""

    def __init__(self, studio: Studio, runs: Runs, demo: Path) -> None:
        """`demo` is the folder of the kit that is chosen at the start."""
        self.studio = studio
        self.runs = runs
        self.demo = demo
        self.latest = Latest()
        self._under_way: dict[str, str] = {}
        self._lock = threading.Lock()

    # -------------------------------------------------------------------------------------------- building

    def build(self) -> gr.Dropdown:
        """The fields of the form; `sheet` must follow. Returns the kit's."""
        gr.HTML("<h3>Brand</h3>")
        self._kit = gr.Dropdown(
            self.kits(), value=str(self.demo), label="Kit", info="Pick one, or paste the path of a kit’s folder",
            allow_custom_value=True, elem_id="kit",
        )  # fmt: skip
        card = gr.HTML(self.kit(str(self.demo)))
        self._kit.change(self.kit, self._kit, card, **QUIET)
        with gr.Row(elem_classes="ask"):
            self._address = gr.Textbox(
                label="Read a brand from a website", placeholder="example.org", max_lines=1, scale=1, min_width=120,
                elem_id="address",
            )  # fmt: skip
            self._go = gr.Button("Read", scale=0, min_width=76, elem_id="read")
            self._stop = gr.Button("Stop", scale=0, min_width=76, elem_id="stop-reading", visible=False)
        self._file = gr.File(
            label="Saved page, ZIP, logo, PDF or tokens", show_label=False, file_types=KINDS, height=58,
            elem_id="brand-file",
        )  # fmt: skip
        self._notice = gr.HTML(elem_id="reading")
        return self._kit

    def sheet(self, words: Sequence[gr.Textbox], make: gr.Button) -> None:
        """The proposal's place, and all the wiring. `words`: campaign, headlines, body, action, price, legal line."""
        found = gr.State(("", "", ""))
        shown = gr.HTML(elem_id="proposed", js_on_load=_SHEET_JS, apply_default_css=False)
        outputs = [self._notice, self._address, self._go, self._stop, self._kit, shown, found]
        asked = [self._address, self._file]
        # Multiple: after Stop another can be asked while the first still waits for its site.
        many: dict[str, Any] = {**QUIET, "trigger_mode": "multiple"}
        gr.on([self._go.click, self._address.submit], self.read, asked, outputs, **many)
        self._file.upload(self.read_file, self._file, outputs, **many)
        self._stop.click(self.stop, None, outputs[:4], **QUIET)
        before = tuple(str(field.value or "") for field in words)
        shown.submit(lambda *now: self.use(before, *now), [found, *words], list(words), **QUIET)
        make.click(None, None, None, js=_FOLD_JS)

    # -------------------------------------------------------------------------------------------- answering

    def kits(self) -> list[tuple[str, str]]:
        """The demo's kit and the workspace's, as the dropdown lists them."""
        demo = self.studio.kit(self.demo).kit.name
        own = [(name, str(folder)) for name, folder in self.runs.kits() if name != demo]
        return [(f"{demo} (demo)", str(self.demo)), *own]

    def known(self) -> gr.Dropdown:
        """The list anew, for a page that was opened; what is chosen stays."""
        return gr.Dropdown(choices=self.kits())

    def kit(self, folder: str) -> str:
        """What the kit holds, or why it cannot be used."""
        try:
            path = Path((folder or "").strip()).expanduser()
            return show.kit_card(self.studio.kit(path).kit, self.studio.check(path))
        except LockupError as error:
            return show.notice(error)

    def read(self, address: str, file: str | None, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Read what was given, the address first; then its kit is made, chosen and shown."""
        address = (address or "").strip()
        error, source = tried(lambda: _source(address, file))
        if source is None:
            yield show.notice(error), *_UNCHANGED[1:]
            return
        yield from self._read(source, _site(address) if address else Path(source).name, str(request.session_hash))

    def read_file(self, file: str, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Read a file as soon as it is dropped, whatever the address says."""
        yield from self._read(file, Path(file).name, str(request.session_hash))

    def stop(self, request: gr.Request) -> tuple[Any, ...]:
        """Let the reading be; its answer is dropped when it comes."""
        self.latest.asked(str(request.session_hash))
        with self._lock:
            self._under_way.pop(str(request.session_hash), None)
        return ("", *_idle())

    def use(self, before: Sequence[str], found: Sequence[str], *now: str) -> list[Any]:
        """The site's words for the brief's. Of what the site says nothing about, only the demo's words go."""
        brand, headlines, action = found
        theirs = (brand, headlines, "", action, "", "")
        always = (False, bool(headlines), False, bool(action), False, False)
        return [
            new if sure or field == old else gr.skip()
            for new, sure, field, old in zip(theirs, always, now, before, strict=True)
        ]

    def _read(self, source: str, name: str, tab: str) -> Iterator[tuple[Any, ...]]:
        """Busy, then the answer. The same asked twice is read once; what was stopped or overtaken is dropped."""
        with self._lock:
            again = self._under_way.get(tab) == source
            self._under_way[tab] = source
        if again:
            yield _UNCHANGED
            return
        wanted = self.latest.asked(tab)
        busy = gr.Textbox(interactive=False), gr.Button("Reading", interactive=False), gr.Button(visible=True)
        try:
            yield proposed.reading(name), *busy, *_UNCHANGED[4:]
            yield self._answer(source, name, wanted)
        finally:
            with self._lock:
                if wanted():
                    self._under_way.pop(tab, None)

    def _answer(self, source: str, name: str, wanted: Callable[[], bool]) -> tuple[Any, ...]:
        error, found = tried(lambda: self.studio.propose(source))
        if found is None:
            return (show.notice(error), *_idle(), *_UNCHANGED[4:]) if wanted() else _UNCHANGED
        if not wanted():
            return _UNCHANGED
        error, kit = tried(lambda: self.studio.adopt(found, source))
        if kit is None:
            return (show.notice(error), *_idle(), *_UNCHANGED[4:]) if wanted() else _UNCHANGED
        if not wanted():
            shutil.rmtree(kit.folder, ignore_errors=True)
            return _UNCHANGED
        chosen = gr.Dropdown(choices=self.kits(), value=str(kit.folder))
        words = (kit.kit.name, *proposed.first_words(found.copy_))
        return "", *_idle(), chosen, proposed.sheet(found, kit, name), words


def _idle() -> tuple[Any, ...]:
    """The address, Read and Stop as they are when nothing is being read."""
    return gr.Textbox(interactive=True), gr.Button("Read", interactive=True), gr.Button(visible=False)


def _source(address: str, file: str | None) -> str:
    """What to read. Raises `BadInput`: this field is for websites, and a path in it would open any file there is."""
    if not address:
        if not file:
            raise BadInput("There is nothing to read", "Give an address such as example.org, or drop a file below")
        return file
    if as_path(address) is not None:
        raise BadInput(
            f"{address} is a file or folder on this machine",
            f"Drop it into the field below; for a website write https://{address}",
        )
    return address


def _site(address: str) -> str:
    """The name of a site, to be told what is being read: `example.org` of `https://example.org/about`."""
    return address.partition("://")[2].partition("/")[0] or address.partition("/")[0]
