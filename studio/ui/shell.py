"""What stands around the tabs: the draft of this page, which kit it is for, and the work that is going on."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.brief.draft import Draft
from studio.desk.glimpse import ask_for_glimpses, glimpse_of
from studio.desk.watch import InHand
from studio.errors import BadInput
from studio.runs import Runs, RunState
from studio.studio import Studio
from studio.ui.facts import address, facts, kit_line
from studio.ui.view import view


class Shell:
    """The header of the page. It only asks, polls and stops; the work is the desk's."""

    def __init__(self, studio: Studio, runs: Runs, first: Draft) -> None:
        """`first` is the draft of a page in a workspace that has none yet."""
        self.studio = studio
        self.runs = runs
        self._first = first

    def build(self) -> gr.HTML:
        verbs = (
            self.open_page, self.save_draft, self.kits, self.status, self.stop, self.pause, self.go_on,
            self.first_in_line,
        )  # fmt: skip
        return view("shell", verbs, "tour")

    def open_page(self, mine: str = "", last: str = "") -> dict[str, Any]:
        """This page's draft, and everything the tabs have to know."""
        draft_id, draft = self.studio.drafts.open(mine, last, self._first)
        kits = self.kits()
        if draft.kit not in {kit["id"] for kit in kits} and kits:
            draft = self.studio.drafts.save(draft_id, {"kit": kits[0]["id"]})
        return {"draft_id": draft_id, "draft": draft.model_dump(mode="json"), "kits": kits, **facts(self.studio)}

    def save_draft(self, draft_id: str, fields: dict[str, Any]) -> None:
        """Keep what was typed."""
        self.studio.drafts.save(draft_id, fields)

    def kits(self) -> list[dict[str, Any]]:
        """The kits of the workspace."""
        return [kit_line(one) for one in self.studio.shelf.listed()]

    def status(self, run_id: str = "") -> dict[str, Any]:
        """Every run that is not over, and the one asked for."""
        lines = [run_line(state) for state in self.runs.under_way()]
        if lines:
            ask_for_glimpses(self.studio.home)
        try:
            asked = self.runs.state(run_id) if run_id else None
        except BadInput:
            asked = None
        hands = [self._in_hand(one) for one in asked.now.painting] if asked else []
        return {"under_way": lines, "asked": {**run_line(asked), "painting": hands} if asked else None}

    def _in_hand(self, one: InHand) -> dict[str, Any]:
        """A picture under way; its address changes whenever the picture does."""
        path = glimpse_of(self.studio.home, one.job)
        try:
            seen = f"{address(path)}?{path.stat().st_mtime_ns}" if path else ""
        except OSError:  # done in this very moment
            seen = ""
        return {**one.model_dump(), "picture": seen}

    def stop(self, run_id: str) -> None:
        """Drop what is not finished; finished ads stay."""
        self.runs.stop(run_id)

    def pause(self, run_id: str) -> None:
        """Finish nothing more until told to go on."""
        self.runs.pause(run_id)

    def first_in_line(self, run_id: str) -> None:
        """This run before all others."""
        self.runs.first(run_id)

    def go_on(self, run_id: str) -> None:
        """Take up a run that was paused or stopped."""
        self.runs.go_on(run_id)


def run_line(state: RunState) -> dict[str, Any]:
    """A run as the header and the galleries show it."""
    now = state.now
    return {
        "id": state.run_id, "title": state.title, "created": state.created, "finished": now.finished,
        "to_finish": now.to_finish, "painted": now.painted, "to_paint": now.to_paint, "fraction": now.fraction,
        "seconds_left": now.seconds_left, "text": now.text, "over": now.over, "waiting": state.waiting,
        "paused": state.paused, "stopped": state.stopped,
        "failed": [failure.model_dump() for failure in state.failed[:20]], "failures": len(state.failed),
        "fallbacks": list(state.fallbacks), "unread": list(state.unread),
        "trouble": {"message": str(state.trouble), "hint": state.trouble.hint} if state.trouble else None,
        "zip": address(state.archive) if state.archive and now.over else "",
        "sheet": address(state.sheet) if state.sheet and now.over else "",
        "folder": str(state.out_dir),
    }  # fmt: skip
