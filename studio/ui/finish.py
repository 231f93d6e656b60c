"""The Finish tab: looking, choosing, mending and handing over."""

from __future__ import annotations

import gradio as gr

from studio.runs import Runs
from studio.studio import Studio
from studio.ui.view import view


class Finish:
    """What the tab's script may call."""

    def __init__(self, studio: Studio, runs: Runs) -> None:
        self.studio = studio
        self.runs = runs

    def build(self) -> gr.HTML:
        return view("finish", [])
