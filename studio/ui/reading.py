"""The brand's corner of the form: which kit, and reading a new one from a website or a file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from studio.brand.site.proposals import Proposals
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


class Reading:
    """The kit's fields, and what answers them. A read that was stopped leaves no kit and shows nothing."""

    def __init__(self, studio: Studio, runs: Runs, demo: Path) -> None:
        """`demo` is the folder of the kit that is chosen at the start."""
        self.studio = studio
        self.runs = runs
        self.demo = demo
        self.latest = Latest()

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
            elem_id="brand-file", elem_classes="drop",
        )  # fmt: skip
        self._notice = gr.HTML(elem_id="reading")
        return self._kit

    def sheet(self, words: Sequence[gr.Textbox], make: gr.Button) -> None:
        """The proposal's place, and all the wiring. `words`: campaign, headlines, body, action, price, legal line."""
        found = gr.State(("", "", ""))
        shown = gr.HTML(elem_id="proposed", js_on_load=_SHEET_JS, apply_default_css=False)
        outputs = [self._notice, self._address, self._go, self._stop, self._kit, shown, found]
        asked = [self._address, self._file]
        # Once: pressing twice does not read twice. Stop takes the question back, so that another can be asked.
        read = gr.on([self._go.click, self._address.submit], self.read, asked, outputs, trigger_mode="once", **QUIET)
        dropped = self._file.upload(self.read_file, self._file, outputs, trigger_mode="once", **QUIET)
        self._stop.click(self.stop, None, outputs[:4], cancels=[read, dropped], **QUIET)
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
            yield (show.notice(error), *[gr.skip()] * 6)
            return
        yield from self._read(source, _site(address) if address else Path(source).name, str(request.session_hash))

    def read_file(self, file: str, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Read a file as soon as it is dropped, whatever the address says."""
        yield from self._read(file, Path(file).name, str(request.session_hash))

    def stop(self, request: gr.Request) -> tuple[Any, ...]:
        """Let the reading be; its answer is dropped when it comes."""
        self.latest.asked(str(request.session_hash))
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
        wanted = self.latest.asked(tab)
        unchanged = (gr.skip(), gr.skip(), gr.skip())
        busy = gr.Textbox(interactive=False), gr.Button("Reading", interactive=False), gr.Button(visible=True)
        yield proposed.reading(name), *busy, *unchanged
        error, found = tried(lambda: self.studio.propose(source))
        if not wanted():
            yield (gr.skip(),) * 7
            return
        if found is None:
            yield show.notice(error), *_idle(), *unchanged
            return
        error, kit = tried(lambda: self.studio.adopt(found, source))
        if not wanted():
            if kit is not None:
                shutil.rmtree(kit.folder, ignore_errors=True)
            yield (gr.skip(),) * 7
        elif kit is None:
            yield show.notice(error), *_idle(), *unchanged
        else:
            chosen = gr.Dropdown(choices=self.kits(), value=str(kit.folder))
            yield "", *_idle(), chosen, proposed.sheet(found, kit, name), _words(found, kit.kit.name)


def _idle() -> tuple[Any, ...]:
    """The address, Read and Stop as they are when nothing is being read."""
    return gr.Textbox(interactive=True), gr.Button("Read", interactive=True), gr.Button(visible=False)


def _words(found: Proposals, brand: str) -> tuple[str, str, str]:
    """The brand's name, headlines a line each, call to action."""
    return (brand, *proposed.first_words(found.copy_))


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
