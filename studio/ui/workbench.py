"""What the Engine tab says and does about built engines: those that are kept, those being built, and why a painter did
not use any."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field

from studio.brief.draft import names_a_place
from studio.composition import Adapter, Effort
from studio.desk.builds import BuildState, Order, left_of
from studio.desk.store import ADAPTER
from studio.errors import BadInput
from studio.steering import Sources, worn
from studio.studio import Studio
from studio.values import Slug, Value

Name = Annotated[str, Field(max_length=64)]
Key = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
BuildId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
_MOST_NOTES = 6
_LAST = """
SELECT json_extract(picture, '$.engine') AS engine, json_extract(picture, '$.runtime') AS runtime,
    json_extract(picture, '$.facts.engines') AS notes, json_extract(picture, '$.facts.engine_trouble') AS trouble,
    max(created) AS at
FROM pictures WHERE json_valid(picture) GROUP BY engine
"""


class Asked(Value):
    """What the page wants built. With a `kit` its LoRA and the `adapters` of the campaign are merged in."""

    painter: Slug
    runtime: Literal["tensorrt", "onnx"]
    target: Name = "this"
    sizes: Annotated[tuple[Annotated[str, Field(max_length=20)], ...], Field(max_length=12)] = ()
    effort: Effort = "normal"
    kit: Annotated[str, Field(max_length=128)] = ""
    adapters: Annotated[tuple[Adapter, ...], Field(max_length=8)] = ()


class Workbench:
    """Verbs for the tab's script. Without a workshop there is nothing to show, and nothing can be begun."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    @property
    def verbs(self) -> tuple[Callable[..., Any], ...]:
        return (
            self.engines, self.builds, self.foresee, self.begin_build, self.stop_build, self.forget_build,
            self.remove_engine,
        )  # fmt: skip

    def engines(self) -> dict[str, Any] | None:
        """What can be built, what is kept, what was measured, and what painted last; None where nothing is built."""
        workshop = self.studio.engines.workshop
        if workshop is None:
            return None
        return {
            "choices": workshop.choices(),
            "kept": workshop.kept(),
            "limit_bytes": workshop.limit_bytes,
            "measured": workshop.measured(),
            "last": self._last(),
            "builds": self.builds(),
        }

    def builds(self) -> list[dict[str, Any]]:
        """Every build that is remembered, the latest first."""
        return [_shown(one) for one in self.studio.builds.all()] if self.studio.engines.workshop else []

    def foresee(self, asked: Asked) -> dict[str, Any]:
        """What a build would make and take, the LoRAs that go into it, and what is left out and why. Raises
        `EngineError` and `BadInput`."""
        order, names, notes = self._order(asked)
        seen = self.studio.builds.workshop.foresee(order.painter, **order.wishes())
        return {**seen, "loras": names, "notes": notes}

    def begin_build(self, asked: Asked) -> list[dict[str, Any]]:
        """Begin to build. Raises `EngineError` when it cannot be done or there is no room, `BadInput` when it is under
        way."""
        self.studio.builds.begin(self._order(asked)[0])
        return self.builds()

    def stop_build(self, build: BuildId) -> list[dict[str, Any]]:
        """Stop a build; engines that are whole are kept."""
        self.studio.builds.stop(build)
        return self.builds()

    def forget_build(self, build: BuildId) -> list[dict[str, Any]]:
        """Take a build that is over off the list."""
        self.studio.builds.forget(build)
        return self.builds()

    def remove_engine(self, key: Key) -> dict[str, Any]:
        """Delete a built engine; bytes that are free again."""
        return {"bytes": self.studio.builds.workshop.remove(key)}

    # -------------------------------------------------------------------------------------------- inside

    def _order(self, asked: Asked) -> tuple[Order, list[str], list[str]]:
        chosen, notes = self._worn(asked)
        files = tuple(f"{self.studio.store.file_path(one.file, ADAPTER)}={one.weight!r}" for one in chosen)
        order = Order(**asked.model_dump(exclude={"kit", "adapters"}), loras=files)
        return order, [f"{one.name or one.file[:12]} at {one.weight:g}" for one in chosen], notes

    def _worn(self, asked: Asked) -> tuple[tuple[Adapter, ...], list[str]]:
        if not asked.kit:
            return (), []
        if any(names_a_place(one.file) for one in asked.adapters):
            raise BadInput("A LoRA is chosen by its name in a model folder", "Choose it under References.")
        studio, notes = self.studio, list[str]()
        engines = studio.engines
        sources = Sources(
            studio.home / "loras", studio.shelf.load(asked.kit), engines.folders, engines.judging(asked.painter)
        )
        return worn(asked.adapters, sources, engines.capabilities(asked.painter), studio.store, notes), notes

    def _last(self) -> dict[str, dict[str, Any]]:
        """By painter, what its last picture was painted with, and why not with something quicker."""
        return {
            str(row["engine"]): {
                "runtime": str(row["runtime"]), "at": row["at"],
                "notes": _sentences(row["notes"]), "trouble": _sentences(row["trouble"]),
            }
            for row in self.studio.store.rows(_LAST)
        }  # fmt: skip


def _sentences(said: Any) -> list[str]:
    """A JSON list of sentences; none where it is something else."""
    try:
        found = json.loads(said) if said else []
    except (ValueError, TypeError):
        return []
    return [str(one)[:500] for one in found][:_MOST_NOTES] if isinstance(found, list) else []


def _shown(one: BuildState) -> dict[str, Any]:
    """A build as the page has it: LoRAs by their number, as their files are this machine's business."""
    told = one.model_dump(exclude={"builder"})
    told["order"]["loras"] = len(one.order.loras)
    seconds = max((one.ended if one.over else time.time()) - one.began, 0.0) if one.began else 0.0
    told |= {
        "seconds": seconds,
        "left": None if one.over else left_of(seconds, one.fraction, one.expected),
        "over": one.over,
    }
    return told
