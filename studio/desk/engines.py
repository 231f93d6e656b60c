"""How engines are opened. The command line hands this in, so that the studio itself never opens the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.base import AdapterFacts, Annotator, Capabilities, Cutout, EngineError, Enlarger, Offer, Painter, Progress
from studio.desk.builds import Workshop


@dataclass(frozen=True)
class Engines:
    """Each by its id; without one, the verb that needs it says what is missing. `offers` lists every engine of a kind;
    `fetch(id, accepted licence, progress)` downloads what an engine needs; `adapter(path, painter)` says what a LoRA is
    and whether that painter can wear it."""

    cutout: Callable[[str], Cutout] | None = None
    enlarger: Callable[[str], Enlarger] | None = None
    painter: Callable[[str], Painter] | None = None
    annotator: Callable[[str], Annotator] | None = None
    offers: Callable[[str], Sequence[Offer]] = lambda kind: ()
    fetch: Callable[[str, str, Progress], Path] | None = None
    adapter: Callable[[Path, str], AdapterFacts] | None = None
    workshop: Workshop | None = None
    """Where engines are built for painters, to make them quicker."""
    folders: tuple[Path, ...] = ()
    """Where models lie; LoRAs are looked for in them by name."""

    def capabilities(self, painter_id: str) -> Capabilities:
        """What a painter can be asked for. Raises `EngineError` naming the known ones."""
        return self._painter(painter_id).capabilities

    def ready(self, painter_id: str) -> Offer:
        """A painter that can paint. Raises `EngineError` naming the known ones, or what this one lacks and the fix."""
        offer = self._painter(painter_id)
        if offer.reason:
            raise EngineError(
                f"{painter_id} cannot paint yet: {offer.reason}",
                offer.fix or "Choose another painter; stage is always there",
            )
        return offer

    def judging(self, painter_id: str) -> Callable[[Path], AdapterFacts] | None:
        """What says of a LoRA whether that painter can wear it; None where nothing does."""
        adapter = self.adapter
        return (lambda path: adapter(path, painter_id)) if adapter else None

    def _painter(self, painter_id: str) -> Offer:
        painters = {offer.id: offer for offer in self.offers("painter")}
        if painter_id in painters:
            return painters[painter_id]
        if painters:
            raise EngineError(f"There is no engine called {painter_id}", f"Known: {', '.join(painters)}")
        return Offer(painter_id, "painter", painter_id, capabilities=Capabilities(sets=True, product_in_scene=True))
