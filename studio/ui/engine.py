"""The Engine tab: what this machine is and can do, how quick, what it costs, how it is, and how others may use it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import gradio as gr
from pydantic import Field

from engines.base import EngineError, Offer, Painter, Progress
from studio.checkup import check_up
from studio.errors import BadInput
from studio.machine import (
    Power,
    bug_report,
    costs,
    machine,
    measure,
    measurements,
    power,
    set_power,
    speeds,
    standard,
)
from studio.runs import Runs
from studio.studio import Studio
from studio.ui.api import explained, reference
from studio.ui.errands import Errands
from studio.ui.facts import painter
from studio.ui.view import view
from studio.ui.workbench import Workbench

Name = Annotated[str, Field(max_length=64)]
Licence = Annotated[str, Field(max_length=200)]
FETCHED = ("cutout", "upscaler", "annotator", "painter")
_READ = re.compile(r"(?:Read|and) (\S.*?) at (https://[^\s\"'<>]+)")
_NOTE = re.compile(r" \. (\S.*?) Then accept by name")
"""How an engine says which licence can be read where, and what is to be known of them."""
_UNKNOWN_BYTES = 4_000_000_000
"""What a download counts up to when nobody states its size; see `engines/weights.py`."""


class Engine:
    """What the tab's script may call."""

    def __init__(self, studio: Studio, runs: Runs) -> None:
        self.studio = studio
        self.runs = runs
        self.bench = Workbench(studio)
        self._errands = Errands(at_once=4)
        self._begun: dict[tuple[str, str], str] = {}

    def build(self) -> gr.HTML:
        verbs = (
            self.look, self.now, self.under_way, self.measure, self.terms, self.fetch, self.stop, self.set_power,
            self.doctor, self.reference, *self.bench.verbs,
        )  # fmt: skip
        return view("engine", verbs, "copy", "engine-builds")

    # -------------------------------------------------------------------------------------------- looking

    def look(self) -> dict[str, Any]:
        """Everything the tab shows but the doctor's findings, as it is now."""
        return {
            "machine": machine(self.studio),
            "painters": [
                painter(offer) | _terms(offer) | {"standard": standard(offer.capabilities)}
                for offer in self.studio.engines.offers("painter")
            ],
            "cutouts": [_terms(offer) for offer in self.studio.engines.offers("cutout")],
            "upscalers": [_terms(offer) for offer in self.studio.engines.offers("upscaler")],
            "annotators": [_terms(offer) for offer in self.studio.engines.offers("annotator")],
            "speeds": [one.model_dump() for one in speeds(self.studio)],
            "measured": [one.model_dump() for one in reversed(measurements(self.studio))],
            "models": self._models(),
            "costs": costs(self.studio).model_dump(),
            "power": power(self.studio).model_dump(),
            "errands": self.under_way(),
        }

    def now(self) -> dict[str, Any]:
        """Memory, disk and graphics card at this moment."""
        return machine(self.studio)

    def under_way(self) -> list[dict[str, Any]]:
        """What is being measured or fetched, and how the last ones ended."""
        lines = []
        for (kind, name), begun in list(self._begun.items()):
            line = {**self._errands.errand(begun), "kind": kind, "name": name}
            del line["answer"]
            lines.append(line | (self._arrived(name, line["fraction"]) if kind == "fetch" else {}))
        return lines

    def doctor(self) -> dict[str, Any]:
        """The findings, and the text for a bug report."""
        found = check_up(self.studio)
        return {"findings": [one.model_dump() for one in found], "text": bug_report(self.studio, found)}

    def reference(self, url: Annotated[str, Field(max_length=200, pattern=r"^https?://[^\s/]+$")]) -> dict[str, Any]:
        """The endpoints with examples for the address at which the page is open, and all of it as Markdown."""
        return {"endpoints": [one.model_dump() for one in explained(url)], "markdown": reference(url)}

    # -------------------------------------------------------------------------------------------- doing

    def measure(self, engine: Name) -> None:
        """Begin to paint the standard picture. Raises `EngineError` when this painter cannot be used."""
        offer = self._offer("painter", engine)
        if offer.reason:
            raise EngineError(f"{offer.name} cannot be used here: {offer.reason}")
        opener = self.studio.engines.painter
        if opener is None:
            raise EngineError("No engines were opened here", "Start Lockup with app.py")
        if any(line["kind"] == "measure" and not line["done"] for line in self.under_way()):
            raise BadInput("Something is being measured already", "Wait until it is done.")
        if self.runs.under_way():
            raise BadInput("Ads are being made", "Measure when they are done: both at once would be slow.")
        work = partial(_measured, self.studio, opener, engine)
        self._begun["measure", engine] = self._errands.begin(work)

    def terms(self, name: Name) -> dict[str, Any]:
        """Licences and size of what would be fetched, and where each licence can be read."""
        offer, _ = self._fetchable(name)
        licences, note = self._licences(name)
        return {**_terms(offer), "licences": [{"name": said, "url": url} for said, url in licences], "note": note}

    def fetch(self, name: Name, accepted: Annotated[list[Licence], Field(max_length=20)]) -> None:
        """Begin to fetch, or go on where it stopped. Raises `EngineError` unless every licence is accepted by name."""
        offer, fetch = self._fetchable(name)
        wanted = [said for said, _ in self._licences(name)[0]]
        if not set(wanted) <= set(accepted):
            raise EngineError(
                f"The licence of {offer.name} has not been accepted", f"To be named: {', '.join(wanted)}."
            )
        known = self._begun.get(("fetch", name))
        if known is None or self._errands.errand(known)["done"]:
            work = partial(fetch, name, ", ".join(accepted))
            self._begun["fetch", name] = self._errands.begin(work)

    def stop(self, kind: Name, name: Name) -> None:
        """Stop measuring or fetching; what came so far is kept."""
        if begun := self._begun.get((kind, name)):
            self._errands.stop_errand(begun)

    def set_power(
        self, watts: float | None = None, price_per_kwh: float | None = None, currency: str | None = None
    ) -> dict[str, Any]:
        """Keep watts under load, price and currency; None goes back to what is assumed."""
        said = Power(watts=watts, price_per_kwh=price_per_kwh, currency=currency)
        return {"costs": set_power(self.studio, said).model_dump(), "power": said.model_dump()}

    # -------------------------------------------------------------------------------------------- inside

    def _offer(self, kind: str, name: str) -> Offer:
        offers = {offer.id: offer for offer in self.studio.engines.offers(kind)}
        if name not in offers:
            raise EngineError(f"There is no {kind} called {name!r}", "Reload the page.")
        return offers[name]

    def _offers(self) -> list[Offer]:
        return [offer for kind in FETCHED for offer in self.studio.engines.offers(kind)]

    def _fetchable(self, name: str) -> tuple[Offer, Callable[[str, str, Progress], Path]]:
        found = next((offer for offer in self._offers() if offer.id == name and offer.fetchable), None)
        if found is None or self.studio.engines.fetch is None:
            raise EngineError(f"There is nothing to fetch for {name!r}", "It is here already, or comes from elsewhere.")
        return found, self.studio.engines.fetch

    def _licences(self, name: str) -> tuple[list[tuple[str, str]], str]:
        """The licences that have to be accepted, where each can be read, and what else is to be known. Asked of the
        engine itself, which says so before it fetches anything."""
        offer, fetch = self._fetchable(name)
        try:
            fetch(name, "", Progress())
        except EngineError as error:
            found = [(said, url.rstrip(".,")) for said, url in _READ.findall(error.hint)]
            named = [(offer.licence if said == "it" else said, url) for said, url in found]
            return named or [(offer.licence, "")], next(iter(_NOTE.findall(error.hint)), "")
        return [], ""

    def _arrived(self, name: str, fraction: float) -> dict[str, Any]:
        """Bytes that have come and that will: counted on the disk where one folder holds them, since not every source
        states a size."""
        stated = next((one.bytes for one in self._offers() if one.id == name), 0)
        folder = self.studio.home / "models" / name
        if not folder.is_dir():
            return {"have": int(stated * fraction), "total": stated}
        have = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        total = int(have / fraction) if fraction > 0 else 0
        return {"have": have, "total": stated or (0 if abs(total - _UNKNOWN_BYTES) < 50_000_000 else total)}

    def _models(self) -> list[dict[str, Any]]:
        named = [part.strip() for part in os.environ.get("LOCKUP_MODELS", "").split(os.pathsep) if part.strip()]
        places = [(Path(part).expanduser(), "LOCKUP_MODELS") for part in named]
        places.append((self.studio.home / "models", "workspace"))
        return [
            {"path": str(path), "from": said, "there": path.is_dir(), "files": _files(path)} for path, said in places
        ]


def _terms(offer: Offer) -> dict[str, Any]:
    """An engine as a line: what it is, whose terms it is under, why it cannot be used."""
    return {
        "id": offer.id, "kind": offer.kind, "name": offer.name, "licence": offer.licence,
        "commercial": offer.commercial, "reason": offer.reason, "bytes": offer.bytes, "fetchable": offer.fetchable,
        "fix": offer.fix,
    }  # fmt: skip


def _files(folder: Path) -> int:
    """Model files in a folder, as far as the first few hundred entries tell."""
    count = 0
    for seen, path in enumerate(folder.glob("**/*") if folder.is_dir() else ()):
        count += path.suffix in (".safetensors", ".onnx")
        if seen > 500:
            break
    return count


def _measured(studio: Studio, opener: Callable[[str], Painter], engine: str, progress: Progress) -> None:
    measure(studio, opener(engine), progress)
